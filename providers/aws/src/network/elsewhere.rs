//! What belongs to an account or Region that was not read.

use reachlint_model::{Failure, NameId, Reason, ReasonCode, ReasonId};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::compile::{Compiler, SubnetFacts};
use crate::records::Listing;

/// What was read, and who owns the VPCs.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// Accounts with their Regions. Manifests say it; without any, what there are interfaces of was read.
    read: HashSet<(NameId, NameId)>,
    /// Account and Region of each VPC, where they are known.
    owners: HashMap<NameId, (NameId, Option<NameId>)>,
}

impl Compiler {
    pub(super) fn compile_elsewhere(&mut self) {
        let estate = &self.estate;
        let mut read = estate.scopes.clone();
        if read.is_empty() {
            read.extend(estate.interfaces.iter().map(|interface| (interface.account, interface.region)));
        }
        let mut owners = HashMap::default();
        for side in estate.peerings.values().flat_map(|peering| &peering.sides) {
            if let (Some(vpc), Some(owner)) = (side.vpc, side.owner) {
                owners.insert(vpc, (owner, side.region));
            }
        }
        for (vpc, owner) in &estate.vpc_owners {
            let region = owners.get(vpc).and_then(|(_, region)| *region);
            owners.insert(*vpc, (*owner, region));
        }
        self.elsewhere = Elsewhere { read, owners };
    }

    /// Reasons for addresses that nobody in the evidence owns, one for each VPC that a path can lead to.
    pub(super) fn compile_unowned(
        &mut self,
        subnets: &HashMap<NameId, SubnetFacts>,
    ) -> HashMap<Option<NameId>, ReasonId> {
        let vpcs = subnets.values().map(|subnet| subnet.vpc).chain(self.elsewhere.owners.keys().copied());
        let sides = self.estate.peerings.values().flat_map(|peering| &peering.sides);
        let attached = self.estate.transit.attachments.values().map(|attachment| attachment.vpc);
        let mut vpcs: Vec<NameId> = vpcs.chain(sides.filter_map(|side| side.vpc)).chain(attached).collect();
        vpcs.sort_unstable();
        vpcs.dedup();
        let mut reasons = HashMap::default();
        for vpc in vpcs {
            let (text, permission) = self.unowned_text(vpc);
            let reason = Reason { code: ReasonCode::UnknownAddress, text, permission };
            reasons.insert(Some(vpc), self.builder.reason(reason));
        }
        let outside = Reason {
            code: ReasonCode::UnknownAddress,
            text: "nothing in the evidence owns that address: it is outside, or in an account or region that was not \
                   read"
                .to_owned(),
            permission: None,
        };
        reasons.insert(None, self.builder.reason(outside));
        reasons
    }

    /// Why nobody in a VPC is known to have an address, and the permission to grant.
    fn unowned_text(&self, vpc: NameId) -> (String, Option<String>) {
        let account = self.elsewhere.owners.get(&vpc).map(|(account, _)| self.text(*account));
        let interfaces = Listing::NetworkInterfaces;
        let account_failed = |failure: &&Failure| {
            let hides = failure.call == interfaces.permission() || failure.call.starts_with("sts:");
            hides && account.is_some() && failure.account.as_deref() == account
        };
        let failed = self.estate.failures.iter().find(account_failed);
        let failed = failed.or_else(|| self.estate.failure(interfaces, None));
        let text = self.text(vpc);
        if let Some(Failure { call, error, account, .. }) = failed {
            let account = account.as_ref().map_or(String::new(), |account| format!(" in account {account}"));
            let role = if call == "sts:AssumeRole" {
                "; the trust policy of the role there must let the credentials in"
            } else {
                ""
            };
            let text =
                format!("no interface of {text} with that address was read: {call} failed{account} with {error}{role}");
            return (text, Some(call.clone()));
        }
        let nobody = format!("no interface in the evidence owns that address in {text}");
        (self.to_add(vpc).map_or(nobody.clone(), |add| format!("{nobody}: {add}")), None)
    }

    /// Which account or Region to add before anything can be known of a VPC; nothing where its own was read.
    ///
    /// Who shares a VPC sees only a part of it, so what counts is whether its owner was read (VPC guide, shared subnets).
    pub(super) fn to_add(&self, vpc: NameId) -> Option<String> {
        let (account, region) = *self.elsewhere.owners.get(&vpc)?;
        let vpc = self.text(vpc);
        if let Some(why) = self.account_to_add(account, region) {
            return Some(format!("{vpc} belongs to {why}"));
        }
        let region = region.filter(|region| !self.elsewhere.read.contains(&(account, *region)))?;
        let region = self.text(region);
        Some(format!("{vpc} is in {region}, which was not read; add `--region {region}`, or its files"))
    }

    /// Why something is not there that belongs to an account, as does `subject`.
    pub(super) fn missing_of_account(
        &mut self,
        account: Option<NameId>,
        subject: &str,
        listing: Listing,
        id: Option<NameId>,
        what: &str,
    ) -> ReasonId {
        let add = account.and_then(|account| self.account_to_add(account, None));
        match (self.estate.failure(listing, None), add) {
            (None, Some(add)) => {
                let id = id.map_or(String::new(), |id| format!(" `{}`", self.text(id)));
                let text = format!("{what}{id} is not in the evidence: {subject} belongs to {add}");
                self.builder.reason(Reason { code: ReasonCode::NotRead, text, permission: None })
            }
            _ => self.missing(listing, id, what),
        }
    }

    /// The account, if it was not read, and what to add for it.
    pub(super) fn account_to_add(&self, account: NameId, region: Option<NameId>) -> Option<String> {
        let id = self.text(account);
        let is_account = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account || self.elsewhere.read.iter().any(|(known, _)| *known == account) {
            return None;
        }
        let region = region.map(|region| self.text(region));
        // The partitions of AWS (AWS General Reference, ARNs).
        let partition = match region {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let place = region.map_or(String::new(), |region| format!(" in {region}"));
        Some(format!(
            "account {id}{place}, which was not read; add it with `--assume-role arn:{partition}:iam::{id}:role/…`, or \
             its files"
        ))
    }
}
