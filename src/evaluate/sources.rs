//! Who gets through to a port: the exact set of source addresses that pass every door.

use std::net::IpAddr;

use reachlint_model::{
    Action, AddressSet, Direction, Door, Exposure, Family, Gate, Group, ListId, Network, Peer, Prefix, Protocol, Rule,
    RuleId, RuleList,
};

use super::gate::MOST_JUMPS;

/// The lowest port that clients open connections from, unless a rule asks for a lower one.
const LOWEST_CLIENT: u16 = 1024;

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
/// Rules that admit a group are left out: a group is never wider than the interfaces that carry it. A client gets
/// through if it does from one port that it may open connections from.
#[must_use]
pub fn sources(network: &Network, exposure: &Exposure, address: IpAddr, protocol: Protocol, port: u16) -> Sources {
    let (back, front): (Vec<&Door>, Vec<&Door>) =
        exposure.doors.iter().partition(|door| door.direction == Direction::Return);
    let mut way = Way { network, address, protocol, port, openings: Vec::new() };
    let (mut certain, mut possible) = (AddressSet::empty(), AddressSet::empty());
    // Few rules look at the port that a connection comes from, so most ways in are the same for all.
    let asked = source_ports(network, &front);
    let fixed = asked.is_empty().then(|| way.through(&front, LOWEST_CLIENT));
    for client in client_ports(network, &back, asked) {
        let (sure, perhaps) = fixed.clone().unwrap_or_else(|| way.through(&front, client));
        let (sure_back, perhaps_back) = way.through(&back, client);
        certain = certain.union(&sure.intersection(&sure_back));
        possible = possible.union(&perhaps.intersection(&perhaps_back));
    }
    let mut openings: Vec<Opening> = Vec::new();
    for opening in way.openings {
        let sources = opening.sources.intersection(&certain);
        match openings.iter_mut().find(|known| (known.list, known.rule) == (opening.list, opening.rule)) {
            Some(known) => known.sources = known.sources.union(&sources),
            None if sources.is_empty() => {}
            None => openings.push(Opening { sources, ..opening }),
        }
    }
    openings.sort_by_key(|opening| std::cmp::Reverse((opening.sources.size_v4(), opening.sources.size_v6())));
    Sources { certain, possible, openings }
}

/// Every list that a gate goes through, those that it jumps to included.
fn lists<'n>(network: &'n Network, gate: &'n Gate) -> Vec<&'n RuleList> {
    let mut ids: Vec<ListId> = network.lists(gate).map(|(id, _)| id).collect();
    let mut at = 0;
    while let Some(list) = ids.get(at).and_then(|id| network.list(*id)) {
        for rule in network.rules(list) {
            if let Action::Jump(target) = rule.action
                && !ids.contains(&target)
                && network.list(target).is_some()
            {
                ids.push(target);
            }
        }
        at += 1;
    }
    ids.into_iter().filter_map(|id| network.list(id)).collect()
}

fn rules<'n>(network: &'n Network, doors: &[&Door]) -> impl Iterator<Item = &'n Rule> {
    let gates = doors.iter().filter_map(|door| network.gate(door.gate.ok()?));
    let lists: Vec<&RuleList> = gates.flat_map(|gate| lists(network, gate)).collect();
    lists.into_iter().flat_map(|list| network.rules(list))
}

/// A port of every stretch of source ports that the rules on the way in treat alike, as far as there are any.
fn source_ports(network: &Network, front: &[&Door]) -> Vec<u16> {
    let narrow = rules(network, front).filter_map(|rule| network.narrow(rule.narrow?)?.source_ports);
    narrow.flat_map(|ports| [Some(ports.first()), ports.last().checked_add(1)]).flatten().collect()
}

/// A port of every stretch of client ports that all doors treat alike.
fn client_ports(network: &Network, back: &[&Door], asked: Vec<u16>) -> Vec<u16> {
    let bounds = rules(network, back).flat_map(|rule| [Some(rule.ports.first()), rule.ports.last().checked_add(1)]);
    let mut ports: Vec<u16> =
        bounds.flatten().filter(|port| *port > LOWEST_CLIENT).chain(asked).chain([LOWEST_CLIENT]).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// What is asked for, and the openings that were found on the way.
struct Way<'n> {
    network: &'n Network,
    address: IpAddr,
    protocol: Protocol,
    port: u16,
    openings: Vec<Opening>,
}

impl Way<'_> {
    /// The sources that pass doors one after the other for certain, and those that may, from one port of the client.
    fn through(&mut self, doors: &[&Door], client: u16) -> (AddressSet, AddressSet) {
        let everyone = AddressSet::family(Family::of(self.address));
        let (mut certain, mut possible) = (everyone.clone(), everyone.clone());
        // Whom the stage accepted for all its gates.
        let mut stage = None;
        let (mut accepted, mut perhaps) = (AddressSet::empty(), AddressSet::empty());
        for door in doors {
            let Some(gate) = door.gate.ok().and_then(|gate| self.network.gate(gate)) else {
                certain = AddressSet::empty();
                continue;
            };
            if stage != Some((gate.stage, door.direction)) {
                stage = Some((gate.stage, door.direction));
                (accepted, perhaps) = (AddressSet::empty(), AddressSet::empty());
            }
            let start = Flow { open: everyone.difference(&accepted), live: everyone.difference(&accepted) };
            let mut walk = Walk::new(self, door, client);
            let rest = self.network.lists(gate).fold(start, |flow, (id, list)| walk.list(id, list, flow, 0));
            walk.take(gate.default, &rest.open, 0);
            let Walk { deny, pass, accept, held, openings, .. } = walk;
            certain = certain.difference(&deny);
            possible = possible.difference(&deny.difference(&pass).difference(&accept).difference(&perhaps));
            accepted = accepted.union(&accept.difference(&deny).difference(&pass).difference(&held));
            perhaps = perhaps.union(&accept);
            if door.narrow {
                self.openings.extend(openings);
            }
        }
        (certain, possible)
    }
}

/// The sources that come to a rule.
#[derive(Clone, Debug, Default)]
struct Flow {
    /// Those about which no rule decided for certain.
    open: AddressSet,
    /// Those that no rule kept from coming here but one that admits them. Closing that one would leave this one to
    /// admit them.
    live: AddressSet,
}

impl Flow {
    fn within(&self, sources: &AddressSet) -> Self {
        Self { open: self.open.intersection(sources), live: self.live.intersection(sources) }
    }

    fn without(&self, sources: &AddressSet) -> Self {
        Self { open: self.open.difference(sources), live: self.live.difference(sources) }
    }

    fn with(&self, other: &Self) -> Self {
        Self { open: self.open.union(&other.open), live: self.live.union(&other.live) }
    }
}

/// Goes through the rules of a gate with all sources at once.
struct Walk<'n> {
    network: &'n Network,
    everyone: AddressSet,
    near: IpAddr,
    protocol: Protocol,
    source_port: u16,
    destination_port: u16,
    /// The sources with which the gate may do each of these.
    deny: AddressSet,
    pass: AddressSet,
    accept: AddressSet,
    /// Those that it may let pass as members of a group.
    held: AddressSet,
    openings: Vec<Opening>,
}

impl<'n> Walk<'n> {
    fn new(way: &Way<'n>, door: &Door, client: u16) -> Self {
        let (source_port, destination_port) =
            if door.direction == Direction::Return { (way.port, client) } else { (client, way.port) };
        Self {
            network: way.network,
            everyone: AddressSet::family(Family::of(way.address)),
            near: way.address,
            protocol: way.protocol,
            source_port,
            destination_port,
            deny: AddressSet::empty(),
            pass: AddressSet::empty(),
            accept: AddressSet::empty(),
            held: AddressSet::empty(),
            openings: Vec::new(),
        }
    }

    /// Sends sources through a list; those that go on behind it.
    fn list(&mut self, id: ListId, list: &RuleList, mut flow: Flow, depth: u8) -> Flow {
        // Those that leave a list that was jumped to.
        let mut back = Flow::default();
        for (rule, at) in self.network.rules(list).iter().zip(list.rules.clone()) {
            let Some((sources, sure)) = self.about(rule) else { continue };
            let mut taken = flow.within(&sources);
            match rule.action {
                // Who is admitted by a group is not, for that, accepted by the stage.
                Action::Allow if matches!(rule.peer, Peer::Group(_)) => self.held = self.held.union(&taken.open),
                Action::Accept if matches!(rule.peer, Peer::Group(_)) => {}
                Action::Allow | Action::Accept => {
                    self.take(rule.action, &taken.open, depth);
                    if sure {
                        flow.open = flow.open.difference(&sources);
                        self.openings.push(Opening { list: id, rule: RuleId(at), sources: taken.live });
                    }
                    continue;
                }
                Action::Deny => self.take(rule.action, &taken.open, depth),
                Action::Next => {
                    self.take(rule.action, &taken.open, depth);
                    if depth > 0 {
                        back = back.with(&taken);
                    }
                }
                Action::Jump(target) => {
                    if !sure {
                        taken.live = AddressSet::empty();
                    }
                    match self.network.list(target).filter(|_| depth < MOST_JUMPS) {
                        Some(list) if !taken.open.is_empty() || !taken.live.is_empty() => {
                            let rest = self.list(target, list, taken, depth + 1);
                            flow = if sure { flow.without(&sources).with(&rest) } else { flow.with(&rest) };
                        }
                        Some(_) => {}
                        None => {
                            self.take(Action::Deny, &taken.open, depth);
                            flow = if sure { flow.without(&sources) } else { flow };
                        }
                    }
                    continue;
                }
            }
            if sure {
                flow = flow.without(&sources);
            }
        }
        if let Some((action, _)) = list.incomplete {
            self.take(action, &flow.open, depth);
        }
        flow.with(&back)
    }

    /// Notes what the gate may do with some sources.
    fn take(&mut self, action: Action, sources: &AddressSet, depth: u8) {
        match action {
            Action::Deny => self.deny = self.deny.union(sources),
            Action::Allow => self.pass = self.pass.union(sources),
            Action::Accept => self.accept = self.accept.union(sources),
            // Behind a jump they go on with the next rule.
            Action::Next if depth > 0 => {}
            Action::Next => self.pass = self.pass.union(sources),
            // Only a rule jumps; anything could come of it here.
            Action::Jump(_) => {
                for set in [&mut self.deny, &mut self.pass, &mut self.accept] {
                    *set = set.union(sources);
                }
            }
        }
    }

    /// The sources that a rule is about, if any, and whether it is for certain.
    fn about(&self, rule: &Rule) -> Option<(AddressSet, bool)> {
        let narrow = rule.narrow.and_then(|id| self.network.narrow(id));
        let applies = rule.protocol.contains(self.protocol)
            && rule.ports.contains(self.destination_port)
            && narrow.is_none_or(|narrow| {
                narrow.source_ports.is_none_or(|ports| ports.contains(self.source_port))
                    && narrow.near.as_ref().is_none_or(|near| near.contains(self.near))
            });
        if !applies {
            return None;
        }
        let (sources, sure) = match rule.peer {
            Peer::Any => (self.everyone.clone(), true),
            Peer::V4 { base, length } => {
                (Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length)?.into(), true)
            }
            Peer::V6(id) => (self.network.prefix(id)?.into(), true),
            Peer::Set(id) => (self.network.set(id)?.clone(), true),
            Peer::Gone => return None,
            Peer::Unknown(_) => (self.everyone.clone(), false),
            // Who sends from one of these addresses may be somebody else.
            Peer::Group(group) => (self.carriers(group), false),
        };
        let sources = sources.intersection(&self.everyone);
        let sure = sure && narrow.is_none_or(|narrow| narrow.maybe.is_none());
        (!sources.is_empty()).then_some((sources, sure))
    }

    /// The addresses of the interfaces that carry a group.
    fn carriers(&self, group: Group) -> AddressSet {
        let carrying = self.network.carriers(group).filter_map(|id| self.network.interface(id));
        let addresses = carrying.flat_map(|interface| self.network.addresses(interface));
        let each = addresses.flat_map(|address| [Some(address.private), address.public]).flatten();
        AddressSet::from_ranges(each.map(|address| (address, address)))
    }
}
