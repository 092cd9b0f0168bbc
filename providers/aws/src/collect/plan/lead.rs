//! Where evidence leads into other accounts, and what is needed there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use reachlint_model::Prefix;

use super::super::accounts::is_account;
use super::{Held, Plan, Wanted, blocks, own};

/// What one account and Region is asked for because evidence of another one leads there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Lead {
    /// Addresses that somebody there may have.
    pub(in super::super) addresses: BTreeSet<IpAddr>,
    /// VPCs whose subnets, tables and ACLs decide.
    pub(in super::super) vpcs: BTreeSet<String>,
    /// Transit gateways whose route tables decide, and the VPCs that lead there.
    pub(in super::super) transit: BTreeSet<String>,
    pub(in super::super) near: BTreeSet<String>,
    /// Groups that interfaces of another account carry, or rules of one refer to.
    pub(in super::super) groups: BTreeSet<String>,
}

impl Lead {
    fn is_empty(&self) -> bool {
        [&self.vpcs, &self.groups, &self.transit].into_iter().all(BTreeSet::is_empty)
    }

    /// Identifiers of what stays unknown when the account lets nobody in.
    pub(in super::super) fn resources(&self) -> Vec<String> {
        self.vpcs.iter().chain(&self.groups).chain(&self.transit).cloned().collect()
    }
}

/// Leads by account and Region.
pub(in super::super) type Leads = BTreeMap<(String, String), Lead>;

impl Plan {
    /// A plan that only follows leads.
    pub(in super::super) fn led() -> Self {
        Self::new(&Wanted::Evidence { from: Vec::new(), addresses: Vec::new(), names: Vec::new() })
    }

    /// Takes a lead; whether there is anything in it that was not asked for yet.
    pub(in super::super) fn take_lead(&mut self, lead: &Lead) -> bool {
        let size = |plan: &Self| {
            let ids = [&plan.vpcs, &plan.groups, &plan.transit, &plan.near];
            plan.addresses.len() + ids.map(BTreeSet::len).iter().sum::<usize>()
        };
        let before = size(self);
        self.addresses.extend(&lead.addresses);
        self.vpcs.extend(lead.vpcs.iter().cloned());
        self.groups.extend(lead.groups.iter().cloned());
        self.transit.extend(lead.transit.iter().cloned());
        self.near.extend(lead.near.iter().cloned());
        let more = size(self) > before;
        if more {
            // Rounds are counted against circles, and this is a new start.
            self.round = self.round.min(1);
        }
        more
    }

    /// Where what was read leads to from `account` in `region`.
    pub(in super::super) fn leads(&self, account: &str, region: &str, leads: &mut Leads) {
        if matches!(self.wanted, Wanted::Everything) {
            return;
        }
        let mut add = |to: Option<&str>, region: &str, lead: Lead| {
            let Some(to) = to.filter(|to| *to != account && is_account(to) && !lead.is_empty()) else { return };
            let known = leads.entry((to.to_owned(), region.to_owned())).or_default();
            known.addresses.extend(lead.addresses);
            known.vpcs.extend(lead.vpcs);
            known.groups.extend(lead.groups);
            known.transit.extend(lead.transit);
            known.near.extend(lead.near);
        };
        for side in self
            .records
            .peerings
            .iter()
            .filter(|peering| {
                let code = peering.status.as_ref().and_then(|status| status.code.as_deref());
                code.is_none_or(|code| code == "active")
            })
            .flat_map(|peering| peering.requester_vpc_info.iter().chain(&peering.accepter_vpc_info))
        {
            let v4 = side.cidr_block_set.iter().filter_map(|block| block.cidr_block.as_ref());
            let v6 = side.ipv6_cidr_block_set.iter().filter_map(|block| block.ipv6_cidr_block.as_ref());
            let addresses = self.within(&blocks(side.cidr_block.iter().chain(v4).chain(v6)));
            if let Some(vpc) = own(side.vpc_id.as_ref()).filter(|_| !addresses.is_empty()) {
                let lead = Lead { addresses, vpcs: BTreeSet::from([vpc.to_owned()]), ..Lead::default() };
                add(own(side.owner_id.as_ref()), own(side.region.as_ref()).unwrap_or(region), lead);
            }
        }
        // Only its owner sees a transit gateway's route tables and all of its attachments (VPC transit gateways guide, shared
        // transit gateways).
        let near: BTreeSet<String> = self
            .records
            .interfaces
            .iter()
            .filter_map(|interface| own(interface.vpc_id.as_ref()).map(str::to_owned))
            .collect();
        for gateway in &self.records.transit_gateways {
            let transit = BTreeSet::from([gateway.transit_gateway_id.to_string()]);
            let lead = Lead { addresses: self.addresses.clone(), transit, near: near.clone(), ..Lead::default() };
            add(own(gateway.owner_id.as_ref()), region, lead);
        }
        for (address, _, far) in self.over_transit() {
            let (addresses, vpcs) = (BTreeSet::from([address]), BTreeSet::from([far.vpc_id.to_string()]));
            add(own(far.vpc_owner_id.as_ref()), region, Lead { addresses, vpcs, ..Lead::default() });
        }
        // Who shares a VPC sees interfaces of its own only, its owner those of all (VPC guide, shared subnets).
        let held = Held::of(&self.records.interfaces);
        for vpc in &self.records.vpcs {
            let v4 = vpc.cidr_block_association_set.iter().filter_map(|set| set.cidr_block.as_ref());
            let v6 = vpc.ipv6_cidr_block_association_set.iter().filter_map(|set| set.ipv6_cidr_block.as_ref());
            let mut addresses = self.within(&blocks(vpc.cidr_block.iter().chain(v4).chain(v6)));
            addresses.retain(|address| !held.has(&vpc.vpc_id, *address));
            if !addresses.is_empty() {
                let vpcs = BTreeSet::from([vpc.vpc_id.to_string()]);
                add(own(vpc.owner_id.as_ref()), region, Lead { addresses, vpcs, ..Lead::default() });
            }
        }
        let described: BTreeSet<&str> = self.records.groups.iter().map(|group| &*group.group_id).collect();
        for interface in &self.records.interfaces {
            let carried = interface.groups.iter().filter_map(|group| own(Some(&group.group_id)));
            let groups = carried.filter(|group| !described.contains(group)).map(str::to_owned).collect();
            add(own(interface.owner_id.as_ref()), region, Lead { groups, ..Lead::default() });
        }
        let references = self.records.rules.iter().filter_map(|rule| rule.referenced_group_info.as_ref());
        let permissions = self.records.groups.iter().flat_map(|group| {
            let both = group.ip_permissions.iter().chain(&group.ip_permissions_egress).flatten();
            both.flat_map(|permission| &permission.user_id_group_pairs)
        });
        for reference in references.chain(permissions) {
            if let Some(group) = own(reference.group_id.as_ref()) {
                let groups = BTreeSet::from([group.to_owned()]);
                add(own(reference.user_id.as_ref()), region, Lead { groups, ..Lead::default() });
            }
        }
    }

    fn within(&self, blocks: &[Prefix]) -> BTreeSet<IpAddr> {
        let inside = |address: &&IpAddr| blocks.iter().any(|block| block.contains(**address));
        self.addresses.iter().filter(inside).copied().collect()
    }
}
