//! What Azure itself says is in force on a network interface, beside what was computed from rules and route tables.
//!
//! The groups in force are gates of their own, so that a connection passes only if both say so, and whoever looks at the
//! path sees where they differ. They have a stage of their own too: what an admin rule accepts among the rules that were read
//! is not accepted among those in force.

use std::net::IpAddr;

use reachlint_model::{Action, Direction, Gate, Hop, HopKind, InterfaceId, Layer, NameId, Note, Outcome, Packet, Side};

use super::compile::{AzureNetwork, Compiler, named};
use super::estate::refers;
use super::fact;
use super::filters::{Filter, Of};
use crate::records::rule::FilterRule;
use crate::records::{EffectiveGroup, ResourceId};

/// Network security groups and admin rules as they are in force on an interface.
pub(crate) const IN_FORCE: Layer = Layer("azure.effective-rules");
/// A route in force that differs from what the route tables say.
pub(crate) const ROUTE_IN_FORCE: Layer = Layer("azure.effective-route");

/// The stage of what is in force; that of what was computed is 1.
const STAGE: u8 = 2;

/// What is in force on an interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct InForce {
    /// The interface.
    on: NameId,
    admin: Option<Filter>,
    subnet: Option<Filter>,
    card: Option<Filter>,
}

impl InForce {
    /// The hops on the way in or out, in the order of [`AzureNetwork::filter_hops`].
    pub(super) fn hops(&self, inbound: bool, packet: Packet, hops: &mut Vec<Hop>) {
        let direction = if inbound { Direction::Ingress } else { Direction::Egress };
        let subject = self.on;
        let order = if inbound { [self.admin, self.subnet, self.card] } else { [self.admin, self.card, self.subnet] };
        let before = hops.len();
        for filter in order.into_iter().flatten() {
            let gate = if inbound { filter.ingress } else { filter.egress };
            let kind = HopKind::Gate { gate, packet };
            hops.push(Hop { kind, layer: IN_FORCE, direction, subject, note: None });
        }
        if hops.len() == before {
            let note = Note::new("Azure has no network security group in force on {}").about(subject);
            hops.push(fact(IN_FORCE, direction, subject, Outcome::Pass, note));
        }
    }
}

impl Compiler {
    /// What is in force on an interface, where that was asked. An empty answer means that no group is (Diagnose a
    /// network traffic filter problem).
    pub(super) fn in_force(&mut self, nic: &ResourceId, place: usize) -> Option<InForce> {
        let found = self.estate.effective_groups.iter();
        let mut found = found.filter(|(about, _)| named(&self.estate.nics, about) == Some(&nic.key));
        let groups: Vec<EffectiveGroup> = found.next().map(|(_, groups)| groups.clone())?;
        // What stands in for rules that were not read has nothing to be compared with.
        let read = |group: &EffectiveGroup| match &group.group {
            Some(key) => self.estate.groups.contains_key(key) || !self.refers_to(nic, key),
            None => !self.estate.admin.is_empty(),
        };
        if !groups.is_empty() && !groups.iter().any(read) {
            return None;
        }
        let mut force = InForce { on: self.name(&nic.key), admin: None, subnet: None, card: None };
        let admin: Vec<FilterRule> =
            groups.iter().filter(|group| group.group.is_none()).flat_map(|group| group.exact.clone()).collect();
        if !admin.is_empty() {
            force.admin = Some(self.force(force.on, &admin, place, Of::Admin(None)));
        }
        for group in &groups {
            let Some(key) = &group.group else { continue };
            let name = self.name(key);
            let filter = self.force(name, &group.exact, place, Of::Force);
            *(if group.on_card { &mut force.card } else { &mut force.subnet }) = Some(filter);
        }
        Some(force)
    }

    /// Whether an interface or its subnet names a group.
    fn refers_to(&self, nic: &ResourceId, group: &str) -> bool {
        let Some((_, record)) = self.estate.nics.get(&nic.key) else { return false };
        let subnets = record.ipconfigurations.iter().filter_map(|own| refers(own.subnet.as_ref()));
        let mut subnets = subnets.filter_map(|key| self.estate.subnets.get(&key).map(|(_, subnet)| subnet));
        refers(record.networksecuritygroup.as_ref()).as_deref() == Some(group)
            || subnets.any(|subnet| refers(subnet.networksecuritygroup.as_ref()).as_deref() == Some(group))
    }

    fn force(&mut self, name: NameId, rules: &[FilterRule], place: usize, of: Of) -> Filter {
        let mut sorted: Vec<&FilterRule> = rules.iter().collect();
        sorted.sort_by_key(|rule| rule.priority);
        let default = if matches!(of, Of::Force) { Action::Deny } else { Action::Next };
        let mut gate = |inbound: bool, side: Side| {
            let rules = sorted.iter().filter(|rule| rule.inbound == inbound).copied();
            let list = self.list(name, rules, place, of);
            let gate = Gate { layer: IN_FORCE, name, lists: 0..0, default, side, stage: STAGE };
            self.builder.gate(vec![list], gate)
        };
        let ingress = gate(true, Side::Source);
        let egress = gate(false, Side::Destination);
        Filter { subject: name, ingress, egress, platform: None, unread: None, accepts: false }
    }
}

impl AzureNetwork {
    /// What to say of the way to an address where the route in force differs from the one that the route tables have. The
    /// path follows the one in force.
    pub(super) fn other_route(&self, from: InterfaceId, to: IpAddr, direction: Direction) -> Option<Hop> {
        let expected = self.overtaken_route(from, to)?;
        let subject = self.network.interface(from)?.id;
        let note = Note::new("for {address} another route is in force than {}, which the route tables have");
        Some(fact(ROUTE_IN_FORCE, direction, subject, Outcome::Pass, note.about(expected.name).at(to)))
    }
}
