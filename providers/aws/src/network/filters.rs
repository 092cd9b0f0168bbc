//! Security groups and network ACLs as gates.

use reachlint_model::{
    Action, AddressSet, Gate, GateId, Group, ListId, NameId, Peer, Prefix, ProtocolMatch, ReasonId, Rule, Side,
};
use rustc_hash::{FxBuildHasher, FxHashMap as HashMap};

use super::amend::planned;
use super::compile::{Acl, Compiler, GroupFacts, ListSize, NETWORK_ACL, SECURITY_GROUP};
use super::estate::{RawGroup, RawInterface, RawPeer, RawRule};
use crate::records::Listing;

impl Compiler {
    pub(super) fn compile_groups(&mut self) -> HashMap<NameId, GroupFacts> {
        for (rule, name) in std::mem::take(&mut self.estate.amended.origins) {
            self.builder.label(rule, name);
        }
        let mut rows = std::mem::take(&mut self.estate.rules);
        rows.sort_by_key(|(group, egress, _)| (*group, *egress));
        let groups = std::mem::take(&mut self.estate.groups);
        let permissions = std::mem::take(&mut self.estate.permissions);
        let mut known: Vec<NameId> = groups.keys().copied().chain(rows.iter().map(|(group, ..)| *group)).collect();
        known.sort_unstable();
        known.dedup();
        let mut lists = self.prefix_lists();
        let owners: HashMap<NameId, Option<NameId>> = groups.iter().map(|(id, group)| (*id, group.owner)).collect();
        let mut facts = HashMap::with_capacity_and_hasher(known.len(), FxBuildHasher);
        let mut rest = rows.as_slice();
        for id in known {
            let here = rest.iter().take_while(|(group, ..)| *group == id).count();
            let (own, after) = rest.split_at_checked(here).unwrap_or((rest, &[]));
            rest = after;
            let group = groups.get(&id).cloned().unwrap_or_default();
            let [ingress, egress] = [false, true].map(|egress| {
                let listed = group.permissions.get(usize::from(egress)).cloned().flatten();
                let from_rows: Vec<RawRule> =
                    own.iter().filter(|(_, out, _)| *out == egress).map(|(.., rule)| *rule).collect();
                let incomplete = self.incomplete(id, &group, listed.is_some(), from_rows.is_empty());
                let incomplete = self.doubted_direction(id, egress).or(incomplete);
                // The newer listing has an id for every rule, so it goes first; the older one stands in where the
                // newer has nothing on this group and direction.
                let raw = if from_rows.is_empty() {
                    listed.and_then(|range| permissions.get(range)).unwrap_or_default()
                } else {
                    &from_rows
                };
                let doubt = self.doubted(id);
                let raw = if doubt.is_some() { &[] } else { raw };
                let rules: Vec<Rule> = raw.iter().map(|rule| self.rule(rule, &mut lists, &owners)).collect();
                self.builder.list(id, rules, doubt.or(incomplete).map(|reason| (Action::Allow, reason)))
            });
            facts.insert(id, GroupFacts { ingress: Some(ingress), egress: Some(egress) });
            // Each has its gates even where nobody carries it, so that it is known which way its rules go.
            self.group_gate(vec![ingress], id, Side::Source);
            self.group_gate(vec![egress], id, Side::Destination);
            if let Some(label) = group.label {
                self.builder.label(id, label);
            }
        }
        facts
    }

    /// Why rules of a group may be missing.
    fn incomplete(&mut self, id: NameId, group: &RawGroup, listed: bool, no_rows: bool) -> Option<ReasonId> {
        let listing = Listing::SecurityGroupRules;
        let name = self.text(id).to_owned();
        let broken = self.estate.failure(listing, Some(&name)).is_some() || self.estate.truncated(listing);
        // A group record with its permissions is complete in itself.
        if listed && (no_rows || !broken) {
            return None;
        }
        if !broken && self.estate.has(listing) && (group.described || !no_rows) {
            return None;
        }
        Some(self.missing(listing, Some(id), "part of the rules of security group"))
    }

    /// The prefix lists that could be read, as peers of rules.
    fn prefix_lists(&mut self) -> HashMap<NameId, Peer> {
        let labels: Vec<_> = self.estate.prefix_lists.iter().map(|(id, list)| (*id, list.label)).collect();
        let mut peers = HashMap::with_capacity_and_hasher(labels.len(), FxBuildHasher);
        for (id, label) in labels {
            if let Some(label) = label {
                self.builder.label(id, label);
            }
            if let Some(entries) = self.entries(id) {
                let entries = entries.iter().copied().collect();
                peers.insert(id, Peer::Set(self.builder.set(entries)));
            }
        }
        peers
    }

    /// A rule counts for as many as its prefix list may have entries, or for the weight of a list of AWS (VPC guide,
    /// security groups, size; managed prefix lists, weights).
    pub(super) fn list_sizes(&self) -> HashMap<NameId, ListSize> {
        let sizes = self.estate.prefix_lists.iter().map(|(id, list)| {
            let label = list.label.map(|label| self.text(label)).unwrap_or_default();
            let held = list.entries.as_ref().map(Vec::len);
            let weight = match (list.of_aws, list.most) {
                (true, _) if label.contains("cloudfront") => 55,
                (true, _) if label.contains("vpc-lattice") => 10,
                (true, _) if label.contains("groundstation") => 5,
                (true, _) => 1,
                (false, Some(most)) => most,
                (false, None) => held.unwrap_or(1),
            };
            let room = list.most.zip(self.entries(*id)).map(|(most, held)| most.saturating_sub(held.len()));
            (*id, ListSize { family: list.family, weight, room: room.filter(|_| !list.of_aws) })
        });
        sizes.collect()
    }

    /// All entries of a prefix list. A part of them is none: what the rest holds could be anything.
    pub(super) fn entries(&self, id: NameId) -> Option<&[Prefix]> {
        let list = self.estate.prefix_lists.get(&id).filter(|list| !list.truncated())?;
        let failed = self.estate.failure(Listing::PrefixListEntries, Some(self.text(id))).is_some();
        list.entries.as_deref().filter(|_| !failed)
    }

    fn rule(
        &mut self,
        raw: &RawRule,
        lists: &mut HashMap<NameId, Peer>,
        owners: &HashMap<NameId, Option<NameId>>,
    ) -> Rule {
        let mut peer_name = None;
        let peer = match raw.peer {
            RawPeer::Block(prefix) => self.builder.block(prefix),
            RawPeer::PrefixList(id) => {
                peer_name = Some(id);
                *lists
                    .entry(id)
                    .or_insert_with(|| Peer::Unknown(self.missing(Listing::PrefixListEntries, Some(id), "prefix list")))
            }
            RawPeer::Unknown(at) => {
                let why = self.estate.amended.peers.get(at).cloned().unwrap_or_default();
                Peer::Unknown(self.builder.reason(planned(&why)))
            }
            RawPeer::Group { group, account, alive } => {
                peer_name = Some(group);
                // Across accounts a reference is `account/group`; the right id under another account is nobody.
                let owner = owners.get(&group).copied().flatten();
                let foreign = account.zip(owner).is_some_and(|(account, owner)| account != owner);
                match (alive, foreign) {
                    (false, _) => Peer::Gone,
                    (true, false) => Peer::Group(Group(group)),
                    (true, true) => Peer::Set(self.builder.set(AddressSet::empty())),
                }
            }
        };
        Rule {
            peer,
            ports: raw.ports,
            protocol: raw.protocol,
            action: Action::Allow,
            narrow: None,
            name: raw.name,
            peer_name,
        }
    }

    /// The gate of an interface's groups: the union of their allow rules, and deny by default (VPC guide, security
    /// groups).
    pub(super) fn group_gate(&mut self, lists: Vec<ListId>, name: NameId, side: Side) -> GateId {
        let gate = Gate { layer: SECURITY_GROUP, name, lists: 0..0, default: Action::Deny, side, stage: 0 };
        self.builder.gate(lists, gate)
    }

    /// Group references over a transit gateway do not hold for `PrivateLink` endpoints, and for mount targets of EFS
    /// only while their groups let everything out (VPC transit gateways guide, security group referencing).
    pub(super) fn is_unreferenced(&self, raw: &RawInterface, egress: Option<GateId>) -> bool {
        let text = |id: Option<NameId>| id.map(|id| self.text(id)).unwrap_or_default();
        if text(raw.kind) == "vpc_endpoint" {
            return true;
        }
        let network = self.builder.network();
        let gate = egress.and_then(|gate| network.gate(gate));
        let all = |rule: &Rule| {
            rule.protocol == ProtocolMatch::Any && matches!(rule.peer, Peer::V4 { length: 0, .. } | Peer::Any)
        };
        let lets_out =
            || gate.is_some_and(|gate| network.lists(gate).any(|(_, list)| network.rules(list).iter().any(all)));
        text(raw.description).starts_with("EFS mount target") && !lets_out()
    }

    pub(super) fn compile_acls(&mut self) -> HashMap<NameId, Acl> {
        let mut serves = HashMap::default();
        for acl in std::mem::take(&mut self.estate.acls) {
            let name = self.text(acl.id).to_owned();
            let [ingress, egress] = [false, true].map(|egress| {
                let direction = if egress { "egress" } else { "ingress" };
                let mut rules = Vec::new();
                for entry in acl.entries.iter().filter(|entry| entry.egress == egress) {
                    let peer = self.builder.block(entry.block);
                    let label = self.builder.names().intern(&format!("{name} {direction} {}", entry.number));
                    rules.push(Rule {
                        peer,
                        ports: entry.ports,
                        protocol: entry.protocol,
                        action: if entry.allow { Action::Allow } else { Action::Deny },
                        narrow: None,
                        name: Some(label),
                        peer_name: None,
                    });
                }
                let side = if egress { Side::Destination } else { Side::Source };
                let list = self.builder.list(acl.id, rules, None);
                // What no entry matches is denied (VPC guide, network ACLs: the entry numbered `*`).
                let gate =
                    Gate { layer: NETWORK_ACL, name: acl.id, lists: 0..0, default: Action::Deny, side, stage: 0 };
                self.builder.gate(vec![list], gate)
            });
            for subnet in &acl.subnets {
                serves.insert(*subnet, Acl { name: acl.id, ingress, egress });
            }
        }
        serves
    }
}
