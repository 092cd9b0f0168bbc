//! A slow evaluator to compare the fast one with: one client port at a time, every rule in its order, and every way in
//! which the doubts of the evidence could turn out.

mod cases;
mod doors;
mod models;
mod senders;

use std::cell::RefCell;
use std::net::IpAddr;

use reachlint_model::{
    Action, Gate, Hop, HopKind, Identity, ListId, Network, Outcome, Packet, Path, Peer, PortRange, Prefix, Rule,
    RuleId, Side, Verdict,
};

/// More doubts than this are not played through.
const MOST_DOUBTS: usize = 8;

/// Something that may turn out either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Whether a rule of the gate at this place of the path is about the packet.
    Rule(usize, RuleId),
    /// Whether the list holds another rule at its end that is.
    Missing(usize, ListId),
    /// Whether a hop lets the packet pass.
    Hop(usize),
    /// Whether a way is ever taken.
    Way(usize),
}

/// One way in which doubts turn out. Asking for one that is not settled yet ends the attempt.
#[derive(Debug, Default)]
pub(super) struct World {
    settled: Vec<(Doubt, bool)>,
    /// The rules that were about a packet, in the order in which they were met.
    met: RefCell<Vec<RuleId>>,
}

impl World {
    fn turns_out(&self, doubt: Doubt) -> Result<bool, Doubt> {
        self.settled.iter().find(|(known, _)| *known == doubt).map(|(_, holds)| *holds).ok_or(doubt)
    }
}

/// Every outcome that `attempt` can have, or `None` where there are too many doubts. The flag says whether there were
/// any.
pub(super) fn outcomes<T: PartialEq>(attempt: impl Fn(&World) -> Result<T, Doubt>) -> Option<(Vec<T>, bool)> {
    let (mut found, mut doubtful) = (Vec::new(), false);
    let mut worlds = vec![World::default()];
    while let Some(world) = worlds.pop() {
        match attempt(&world) {
            Ok(outcome) if found.contains(&outcome) => {}
            Ok(outcome) => found.push(outcome),
            Err(_) if world.settled.len() >= MOST_DOUBTS => return None,
            Err(doubt) => {
                doubtful = true;
                for holds in [true, false] {
                    let mut settled = world.settled.clone();
                    settled.push((doubt, holds));
                    worlds.push(World { settled, ..World::default() });
                }
            }
        }
    }
    Some((found, doubtful))
}

/// How going through a list ends.
enum End {
    Decided(Action),
    Nothing,
}

/// A gate, a packet with both its ports chosen, and the world in which it is judged.
pub(super) struct Trial<'t> {
    pub(super) network: &'t Network,
    pub(super) world: &'t World,
    /// Position of the hop on its path.
    pub(super) place: usize,
    pub(super) gate: &'t Gate,
    pub(super) packet: Packet,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
}

impl Trial<'_> {
    pub(super) fn run(&self) -> Result<Action, Doubt> {
        for (id, _) in self.network.lists(self.gate) {
            if let End::Decided(action) = self.list(id, 0)? {
                return Ok(action);
            }
        }
        Ok(self.gate.default)
    }

    fn list(&self, id: ListId, depth: u8) -> Result<End, Doubt> {
        // The depth that nftables allows; deeper is a loop, and the packet is lost in it.
        if depth > 16 {
            return Ok(End::Decided(Action::Deny));
        }
        let Some(list) = self.network.list(id) else { return Ok(End::Decided(Action::Deny)) };
        for at in list.rules.clone() {
            let rule = self.network.rule(RuleId(at)).unwrap();
            if self.is_about(rule, RuleId(at))? {
                self.world.met.borrow_mut().push(RuleId(at));
                match rule.action {
                    Action::Jump(target) => {
                        if let End::Decided(action) = self.list(target, depth + 1)? {
                            return Ok(End::Decided(action));
                        }
                    }
                    Action::Next if depth > 0 => return Ok(End::Nothing),
                    action => return Ok(End::Decided(action)),
                }
            }
        }
        match list.incomplete {
            Some((action, _)) if self.world.turns_out(Doubt::Missing(self.place, id))? => match action {
                Action::Next if depth > 0 => Ok(End::Nothing),
                action => Ok(End::Decided(action)),
            },
            _ => Ok(End::Nothing),
        }
    }

    fn is_about(&self, rule: &Rule, id: RuleId) -> Result<bool, Doubt> {
        let (far, near, identity) = match self.gate.side {
            Side::Source => (self.packet.source, self.packet.destination, self.packet.source_identity),
            Side::Destination => (self.packet.destination, self.packet.source, self.packet.destination_identity),
        };
        let narrow = rule.narrow.map(|id| self.network.narrow(id).unwrap().clone()).unwrap_or_default();
        let certain = rule.protocol.contains(self.packet.protocol)
            && (rule.ports.first()..=rule.ports.last()).contains(&self.destination_port)
            && narrow.source_ports.is_none_or(|ports| ports.contains(self.source_port))
            && narrow.near.is_none_or(|set| set.contains(near));
        let (peer, doubtful) = match rule.peer {
            Peer::Any => (true, false),
            Peer::V4 { base, length } => {
                let block = Prefix::new(IpAddr::V4(base.into()), length).unwrap();
                (block.contains(far), false)
            }
            Peer::V6(id) => (self.network.prefix(id).unwrap().contains(far), false),
            Peer::Set(id) => (self.network.set(id).unwrap().contains(far), false),
            Peer::Gone => (false, false),
            Peer::Unknown(_) => (true, true),
            Peer::Group(group) => match identity {
                Identity::Interface(id) => {
                    let interface = self.network.interface(id).unwrap();
                    (self.network.groups(interface).contains(&group), false)
                }
                Identity::Nobody | Identity::Hidden => (false, false),
                Identity::Unknown(_) => (true, true),
            },
        };
        if !certain || !peer {
            return Ok(false);
        }
        if doubtful || narrow.maybe.is_some() { self.world.turns_out(Doubt::Rule(self.place, id)) } else { Ok(true) }
    }
}

/// The client's port range in a packet.
fn client(packet: &Packet) -> PortRange {
    if packet.source_ports.count() > 1 { packet.source_ports } else { packet.destination_ports }
}

/// Every hop in the order of the connection with the side of the path that it is on.
fn order(path: &Path) -> Vec<(usize, Hop)> {
    let mut hops: Vec<(usize, Hop)> = path.leave.hops.iter().map(|hop| (0, *hop)).collect();
    hops.extend(path.enter.hops.iter().map(|hop| (1, *hop)));
    hops.extend(path.enter.returns.iter().rev().map(|hop| (2, *hop)));
    hops.extend(path.leave.returns.iter().rev().map(|hop| (3, *hop)));
    hops
}

/// Whether a connection gets through whose client port in each of the ranges is the one given. The places of its hops
/// begin with `first`.
fn passes(
    network: &Network,
    path: &Path,
    first: usize,
    chosen: &[(PortRange, u16)],
    world: &World,
) -> Result<bool, Doubt> {
    let mut all = true;
    let mut accepted = None;
    let mut before = None;
    for (place, (side, hop)) in (first..).zip(order(path)) {
        let pass = match hop.kind {
            HopKind::Route(Outcome::Pass) | HopKind::Translation(Outcome::Pass) => true,
            HopKind::Route(Outcome::Block) | HopKind::Translation(Outcome::Block) => false,
            HopKind::Gate { gate, packet } => {
                let gate = network.gate(gate).unwrap();
                let range = client(&packet);
                let port = chosen.iter().find(|(of, _)| *of == range).unwrap().1;
                let stage = (side, range, gate.stage);
                if before != Some(stage) {
                    accepted = None;
                }
                before = Some(stage);
                if accepted.is_some() {
                    continue;
                }
                let from_client = packet.source_ports.count() > 1;
                let (source_port, destination_port) = if from_client {
                    (port, packet.destination_ports.first())
                } else {
                    (packet.source_ports.first(), port)
                };
                let trial = Trial { network, world, place, gate, packet, source_port, destination_port };
                match trial.run()? {
                    Action::Deny => false,
                    Action::Accept => {
                        accepted = Some(());
                        true
                    }
                    Action::Allow | Action::Next => true,
                    Action::Jump(_) => unreachable!("a jump never decides"),
                }
            }
            _ => world.turns_out(Doubt::Hop(place))?,
        };
        all &= pass;
    }
    Ok(all)
}

/// What the verdict may be according to this evaluator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// Some client port passes in every world.
    pub(super) some_pass: bool,
    /// Some client port is refused in every world.
    pub(super) some_fail: bool,
    /// Some client port passes in one world and not in another.
    pub(super) some_doubt: bool,
    /// Something was met that could turn out either way, whether it mattered or not.
    pub(super) doubtful: bool,
}

impl Expected {
    /// The only right verdict if nothing is in doubt.
    pub(super) fn verdict(self) -> Verdict {
        match (self.some_doubt, self.some_pass, self.some_fail) {
            (true, ..) => Verdict::Unknown,
            (false, true, true) => Verdict::Partial,
            (false, true, false) => Verdict::Allowed,
            (false, false, _) => Verdict::Blocked,
        }
    }

    /// Whether a verdict is not wrong: it may be less sure than it could be.
    pub(super) fn permits(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Unknown => self.doubtful,
            Verdict::Partial => self.some_pass && self.some_fail,
            sure => sure == self.verdict(),
        }
    }
}

/// Judges a path; `None` where it holds more doubts than can be played through.
pub(super) fn expected(network: &Network, path: &Path) -> Option<Expected> {
    let mut ranges: Vec<PortRange> = Vec::new();
    for hop in path.hops() {
        if let HopKind::Gate { packet, .. } = hop.kind
            && !ranges.contains(&client(&packet))
        {
            ranges.push(client(&packet));
        }
    }
    // Any port of a range can follow on any port of another one.
    let mut choices: Vec<Vec<(PortRange, u16)>> = vec![Vec::new()];
    for range in ranges {
        let with = |chosen: &Vec<_>, port| chosen.iter().copied().chain([(range, port)]).collect();
        choices = choices
            .iter()
            .flat_map(|chosen| (range.first()..=range.last()).map(move |port| with(chosen, port)))
            .collect();
    }
    let mut expected = Expected::default();
    for chosen in choices {
        let (found, doubtful) = outcomes(|world| passes(network, path, 0, &chosen, world))?;
        expected.doubtful |= doubtful;
        match found.as_slice() {
            [true] => expected.some_pass = true,
            [false] => expected.some_fail = true,
            _ => expected.some_doubt = true,
        }
    }
    Some(expected)
}
