//! Who gets through to a port: the exact set of source addresses that pass every door.

use std::net::IpAddr;

use reachlint_model::{
    Action, AddressSet, Direction, Door, Exposure, Family, Gate, ListId, Network, Peer, Prefix, Protocol, Rule, RuleId,
};

/// The sources that get through to one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Addresses that certainly get through.
    pub certain: AddressSet,
    /// Addresses that may get through, the certain ones among them.
    pub possible: AddressSet,
    /// What each rule of the gates that are meant to be narrow contributes to `certain`, widest first.
    pub openings: Vec<Opening>,
}

/// What one rule lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The list that holds the rule.
    pub list: ListId,
    /// The rule.
    pub rule: RuleId,
    /// The sources that get through because of it.
    pub sources: AddressSet,
}

/// Computes who gets through the doors of an exposure to `address`.
///
/// Rules whose peer is a group are left out: a group is never wider than the interfaces that carry it.
#[must_use]
pub fn sources(network: &Network, exposure: &Exposure, address: IpAddr, protocol: Protocol, port: u16) -> Sources {
    let everyone = AddressSet::family(Family::of(address));
    let (mut certain, mut possible) = (everyone.clone(), everyone);
    for door in &exposure.doors {
        match door.gate.ok().and_then(|gate| network.gate(gate)) {
            Some(gate) => {
                let (sure, perhaps) = admitted(network, gate, door, address, protocol, port);
                certain = certain.intersection(&sure);
                possible = possible.intersection(&perhaps);
            }
            None => certain = AddressSet::empty(),
        }
    }
    let mut openings = Vec::new();
    let narrow = exposure.doors.iter().filter(|door| door.narrow);
    for gate in narrow.filter_map(|door| network.gate(door.gate.ok()?)) {
        for (list, rule, id) in rules(network, gate) {
            if rule.action == Action::Allow && applies(rule, protocol, port) {
                let sources = peer(network, rule.peer).unwrap_or_default().intersection(&certain);
                if !sources.is_empty() {
                    openings.push(Opening { list, rule: id, sources });
                }
            }
        }
    }
    openings.sort_by_key(|opening| std::cmp::Reverse((opening.sources.size_v4(), opening.sources.size_v6())));
    Sources { certain, possible, openings }
}

fn rules<'n>(network: &'n Network, gate: &'n Gate) -> impl Iterator<Item = (ListId, &'n Rule, RuleId)> {
    network.lists(gate).flat_map(|(list, rules)| {
        let ids = rules.rules.clone().map(RuleId);
        network.rules(rules).iter().zip(ids).map(move |(rule, id)| (list, rule, id))
    })
}

fn applies(rule: &Rule, protocol: Protocol, port: u16) -> bool {
    rule.protocol.contains(protocol) && rule.ports.contains(port)
}

/// The sources that one gate admits for certain, and those that it may admit.
fn admitted(
    network: &Network,
    gate: &Gate,
    door: &Door,
    address: IpAddr,
    protocol: Protocol,
    port: u16,
) -> (AddressSet, AddressSet) {
    if door.direction != Direction::Return {
        return admitted_at(network, gate, address, protocol, port);
    }
    // An answer goes to whatever port the client chose, so one port that passes is enough.
    let (mut certain, mut possible) = (AddressSet::empty(), AddressSet::empty());
    for client in client_ports(network, gate) {
        let (sure, perhaps) = admitted_at(network, gate, address, protocol, client);
        certain = certain.union(&sure);
        possible = possible.union(&perhaps);
    }
    (certain, possible)
}

/// A port of every stretch of client ports that the gate treats alike. Clients take ports from 1024 on.
fn client_ports(network: &Network, gate: &Gate) -> Vec<u16> {
    const LOWEST: u16 = 1024;
    let bounds =
        rules(network, gate).flat_map(|(_, rule, _)| [Some(rule.ports.first()), rule.ports.last().checked_add(1)]);
    let mut ports: Vec<u16> = bounds.flatten().filter(|port| *port > LOWEST).chain([LOWEST]).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Walks the rules in order with the sources that no rule has decided about yet.
fn admitted_at(
    network: &Network,
    gate: &Gate,
    address: IpAddr,
    protocol: Protocol,
    port: u16,
) -> (AddressSet, AddressSet) {
    let everyone = AddressSet::family(Family::of(address));
    let (mut certain, mut possible) = (AddressSet::empty(), AddressSet::empty());
    // Not decided for certain, and not decided even perhaps.
    let (mut open, mut untouched) = (everyone.clone(), everyone);
    for (_, rule, _) in rules(network, gate).filter(|(_, rule, _)| applies(rule, protocol, port)) {
        let narrow = rule.narrow.and_then(|id| network.narrow(id));
        if narrow.and_then(|narrow| narrow.near.as_ref()).is_some_and(|near| !near.contains(address)) {
            continue;
        }
        let known = peer(network, rule.peer);
        let sure = known.is_some() && narrow.is_none_or(|narrow| narrow.maybe.is_none());
        let sources = known.unwrap_or_else(|| AddressSet::family(Family::of(address)));
        let admits = !matches!(rule.action, Action::Deny);
        if admits {
            possible = possible.union(&sources.intersection(&open));
        }
        if sure {
            if admits {
                certain = certain.union(&sources.intersection(&untouched));
            }
            open = open.difference(&sources);
        }
        untouched = untouched.difference(&sources);
    }
    if !matches!(gate.default, Action::Deny) {
        certain = certain.union(&untouched);
        possible = possible.union(&open);
    } else if network.lists(gate).any(|(_, list)| list.incomplete.is_some()) {
        possible = possible.union(&open);
    }
    (certain, possible)
}

/// The addresses of a peer; none for a group, unknown where the evidence does not say.
fn peer(network: &Network, peer: Peer) -> Option<AddressSet> {
    match peer {
        Peer::Any => Some(AddressSet::everything()),
        Peer::V4 { base, length } => {
            Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length).map(AddressSet::from)
        }
        Peer::V6(id) => network.prefix(id).map(AddressSet::from),
        Peer::Set(id) => network.set(id).cloned(),
        Peer::Group(_) | Peer::Gone => Some(AddressSet::empty()),
        Peer::Unknown(_) => None,
    }
}
