//! What belongs to an account or Region that was not read.

use reachlint_model::NameId;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::compile::Compiler;

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
