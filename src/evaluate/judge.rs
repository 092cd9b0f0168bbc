//! What the hops of a path make of a connection together.

use std::net::IpAddr;

use reachlint_model::{Hop, HopKind, Identity, Network, Outcome, Packet, Path, PortRange, ReasonId, Verdict};

use super::gate::{Actions, Decision, answer_after, client_ports, decide};

/// What one hop does to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lets it pass.
    Pass,
    /// Ends it.
    Block,
    /// Ends it for some of the client's ports.
    Partial,
    /// May end it.
    Unknown(Option<ReasonId>),
    /// Was not asked, because an earlier gate of the stage accepted.
    Skipped,
}

/// A hop with what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'p> {
    /// The hop.
    pub hop: &'p Hop,
    /// Whose it is.
    pub side: Side,
    /// What it does.
    pub effect: Effect,
    /// How its rules decided, for a gate.
    pub decision: Option<Decision>,
    /// The earlier hops of its stage, where one of them may have accepted for all of it.
    pub earlier: &'p [Hop],
}

/// Whose a hop of a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The sender's cloud.
    Leaving,
    /// The receiver's cloud.
    Entering,
    /// A host behind an interface.
    Host,
}

/// The networks that the gates of a path are of.
#[derive(Clone, Copy)]
pub(super) struct Networks<'n> {
    pub(super) leave: &'n Network,
    pub(super) enter: &'n Network,
    pub(super) hosts: &'n Network,
}

impl<'n> Networks<'n> {
    pub(super) fn of(&self, side: Side) -> &'n Network {
        match side {
            Side::Leaving => self.leave,
            Side::Entering => self.enter,
            Side::Host => self.hosts,
        }
    }

    /// Those of a way on, both sides of which are of the receiver's cloud.
    fn onward(self) -> Self {
        Self { leave: self.enter, ..self }
    }
}

/// Judges every hop of a path and sums up: one block blocks, else one doubt leaves it undecided, else one partial
/// hop makes it partial, unless several of them together leave the client no port. The ways on count as one hop more.
///
/// On a way on, the client's ports are those of the first hops where its connection goes on as it is, so refusals of both
/// count together.
pub(super) fn judge<'p>(walk: Walk<'p, '_>, each: &mut dyn FnMut(Judged<'p>)) -> Verdict {
    let Walk { path, networks, before } = walk;
    let (mut blocked, mut unknown, mut partial) = (false, false, 0_u32);
    let mut stage = Stage::default();
    places(path, networks, |network, place| {
        let Place { side, hop, earlier } = place;
        let (effect, decision, earlier) = match hop.kind {
            HopKind::Gate { gate, packet } => gate_effect(network, gate, &packet, earlier, &mut stage),
            _ => (plain_effect(hop), None, earlier),
        };
        match effect {
            Effect::Block => blocked = true,
            Effect::Unknown(_) => unknown = true,
            Effect::Partial => partial += 1,
            Effect::Pass | Effect::Skipped => {}
        }
        each(Judged { hop, side, effect, decision, earlier });
    });
    if !blocked && (partial > 1 || (partial > 0 && before.is_some())) {
        blocked = path.hops().any(|hop| match hop.kind {
            HopKind::Gate { packet, .. } => !any_port_left(&walk, &packet),
            _ => false,
        });
    }
    for verdict in [judge_ways(&walk, Ways::In, each), judge_ways(&walk, Ways::On, each)] {
        match verdict {
            Some(Verdict::Blocked) => blocked = true,
            Some(Verdict::Unknown) => unknown = true,
            Some(Verdict::Partial) => partial += 1,
            Some(Verdict::Allowed) | None => {}
        }
    }
    match (blocked, unknown, partial) {
        (true, ..) => Verdict::Blocked,
        (_, true, _) => Verdict::Unknown,
        (_, _, 1..) => Verdict::Partial,
        _ => Verdict::Allowed,
    }
}

/// Which of a path's ways.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ways {
    /// Into the receiver's cloud, from the sender's.
    In,
    /// On from a receiver.
    On,
}

/// Judges ways of which a connection takes one: blocked where all of them are, and partial where some are. One that may
/// never be taken settles nothing, unless all the others say the same.
fn judge_ways<'p>(walk: &Walk<'p, '_>, which: Ways, each: &mut dyn FnMut(Judged<'p>)) -> Option<Verdict> {
    let (onward, networks) = match which {
        Ways::In => (walk.path.ways.as_slice(), walk.networks),
        Ways::On => (walk.path.onward.as_slice(), walk.networks.onward()),
    };
    let place = |side| if side == Side::Leaving && which == Ways::On { Side::Entering } else { side };
    if onward.is_empty() {
        return None;
    }
    let (mut all_pass, mut all_end) = (true, true);
    let (mut passes, mut ends, mut doubtful) = (false, false, 0);
    for way in onward {
        let next = Walk { path: &way.path, networks, before: Some(walk) };
        let verdict = judge(next, &mut |judged| {
            each(Judged { side: place(judged.side), ..judged });
        });
        all_pass &= verdict == Verdict::Allowed;
        all_end &= verdict == Verdict::Blocked;
        if way.doubt.is_none() {
            passes |= matches!(verdict, Verdict::Allowed | Verdict::Partial);
            ends |= matches!(verdict, Verdict::Blocked | Verdict::Partial);
        } else {
            doubtful += 1;
        }
    }
    let certain = doubtful < onward.len();
    match (all_end, all_pass && certain, passes && ends) {
        (true, ..) => Some(Verdict::Blocked),
        (_, true, _) => Some(Verdict::Allowed),
        (.., true) => Some(Verdict::Partial),
        _ => {
            for (at, way) in onward.iter().enumerate() {
                let told = onward.iter().take(at).any(|earlier| earlier.doubt == way.doubt);
                let Some(hop) = way.doubt.as_ref().filter(|_| !told) else { continue };
                let effect = plain_effect(hop);
                each(Judged { hop, side: place(Side::Leaving), effect, decision: None, earlier: &[] });
            }
            Some(Verdict::Unknown)
        }
    }
}

/// A hop on its path.
#[derive(Clone, Copy)]
struct Place<'p> {
    side: Side,
    hop: &'p Hop,
    /// For a gate, the hops between the first gate of its stage and itself.
    earlier: &'p [Hop],
}

/// Goes through the hops in the order in which the first packet and then its answer meet them.
fn places<'p>(path: &'p Path, networks: Networks<'_>, mut each: impl FnMut(&Network, Place<'p>)) {
    let sides: [(Side, bool, &'p [Hop]); 8] = [
        (Side::Host, false, &path.sender.hops),
        (Side::Leaving, false, &path.leave.hops),
        (Side::Entering, false, &path.enter.hops),
        (Side::Host, false, &path.receiver.hops),
        (Side::Host, true, &path.receiver.returns),
        (Side::Entering, true, &path.enter.returns),
        (Side::Leaving, true, &path.leave.returns),
        (Side::Host, true, &path.sender.returns),
    ];
    for (side, back, hops) in sides {
        let network = networks.of(side);
        // The stage that goes on, and where it began. Stages are numbered by each provider for itself.
        let mut stage: Option<((u8, PortRange), usize)> = None;
        for step in 0..hops.len() {
            let at = if back { hops.len() - 1 - step } else { step };
            let Some(hop) = hops.get(at) else { continue };
            let mut earlier: &[Hop] = &[];
            if let HopKind::Gate { gate, packet } = &hop.kind
                && let Some(gate) = network.gate(*gate)
            {
                let key = (gate.stage, client_ports(packet));
                match stage {
                    Some((open, first)) if open == key => {
                        let range = if back { at + 1..first + 1 } else { first..at };
                        earlier = hops.get(range).unwrap_or_default();
                    }
                    _ => stage = Some((key, at)),
                }
            }
            each(network, Place { side, hop, earlier });
        }
    }
}

/// Whether a gate of a path cannot be decided without the address of a sender that is not known.
pub(super) fn asks_for_sender(path: &Path, networks: Networks<'_>) -> bool {
    let mut asks = false;
    places(path, networks, |network, place| {
        let HopKind::Gate { gate, packet } = place.hop.kind else { return };
        let hidden = [packet.source_identity, packet.destination_identity].contains(&Identity::Hidden);
        let Some(gate) = network.gate(gate).filter(|_| hidden) else { return };
        asks |= decide(network, place.earlier, gate, &packet).undecided;
    });
    asks || path.onward.iter().any(|way| asks_for_sender(&way.path, networks.onward()))
}

/// A path to be judged, and those before it on whose ways on it lies.
#[derive(Clone, Copy)]
pub(super) struct Walk<'p, 'w> {
    pub(super) path: &'p Path,
    pub(super) networks: Networks<'w>,
    pub(super) before: Option<&'w Walk<'p, 'w>>,
}

/// The client's end of a packet: its address and its possible ports.
fn client(packet: &Packet) -> (IpAddr, PortRange) {
    let ports = client_ports(packet);
    (if packet.source_ports == ports { packet.source } else { packet.destination }, ports)
}

/// Whether the connection of a packet may pass, from one of its client ports, every gate that sees them.
fn any_port_left(walk: &Walk<'_, '_>, packet: &Packet) -> bool {
    let (address, ports) = client(packet);
    let mut from = Some(ports.first());
    while let Some(port) = from.filter(|port| *port <= ports.last()) {
        let (mut until, mut refused) = (ports.last(), false);
        let mut next = Some((walk, false));
        while let Some((Walk { path, networks, before }, earlier_path)) = next {
            // A load balancer opens a connection of its own, with its own ports, unless it leaves the client as it came.
            let goes_on = !earlier_path || path.end.is_some_and(|(_, end)| client(&end) == (address, ports));
            places(path, *networks, |network, place| {
                let HopKind::Gate { gate, packet } = place.hop.kind else { return };
                // Where a translation gives other ports, any of them can follow on any of these.
                let same = goes_on && client_ports(&packet) == ports;
                let Some(gate) = network.gate(gate).filter(|_| same) else { return };
                let (answer, end) = answer_after(network, place.earlier, gate, &packet, port);
                until = until.min(end);
                refused |= answer.actions.must(Actions::DENY);
            });
            next = before.map(|before| (before, true));
        }
        if !refused {
            return true;
        }
        from = until.checked_add(1);
    }
    false
}

/// Whether the stage that the path is in was accepted as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    /// For all of the client's ports.
    accepted: bool,
    /// Perhaps, or for some of them.
    mixed: bool,
}

fn plain_effect(hop: &Hop) -> Effect {
    match hop.kind {
        HopKind::Gate { .. } => Effect::Unknown(None),
        HopKind::UnreadGate(reason) | HopKind::Opaque(reason) => Effect::Unknown(Some(reason)),
        HopKind::Route(outcome) | HopKind::Translation(outcome) => match outcome {
            Outcome::Pass => Effect::Pass,
            Outcome::Block => Effect::Block,
            Outcome::Unknown(reason) => Effect::Unknown(Some(reason)),
        },
    }
}

/// What a gate does, how it decided, and which earlier hops of its stage mattered for that.
fn gate_effect<'p>(
    network: &Network,
    gate: reachlint_model::GateId,
    packet: &Packet,
    earlier: &'p [Hop],
    stage: &mut Stage,
) -> (Effect, Option<Decision>, &'p [Hop]) {
    let Some(gate) = network.gate(gate) else { return (Effect::Unknown(None), None, &[]) };
    if earlier.is_empty() {
        *stage = Stage::default();
    }
    if stage.accepted {
        return (Effect::Skipped, None, &[]);
    }
    let earlier = if stage.mixed { earlier } else { &[] };
    let decision = decide(network, earlier, gate, packet);
    stage.accepted = decision.accepted == decision.asked;
    stage.mixed |= decision.may_accept;
    let effect = if decision.passed == decision.asked {
        Effect::Pass
    } else if decision.undecided {
        Effect::Unknown(decision.doubt)
    } else if decision.passed > 0 {
        Effect::Partial
    } else {
        Effect::Block
    };
    (effect, Some(decision), earlier)
}

#[cfg(test)]
mod tests {
    use reachlint_model::{
        Direction, Hop, HopKind, Layer, NameId, Names, NetworkBuilder, Onward, Outcome, Path, Reason, ReasonCode,
        ReasonId, Verdict,
    };

    use super::{Networks, Side, Walk, Ways, judge};

    /// The verdict on ways in or on, each with its own verdict and whether it may never be taken; and the number of doubts
    /// that are told.
    fn ways(which: Ways, ways: &[(Verdict, bool)]) -> (Verdict, usize) {
        let mut names = Names::default();
        let subject: NameId = names.intern("x");
        let mut builder = NetworkBuilder::new(names);
        let reason =
            builder.reason(Reason { code: ReasonCode::NotRead, text: "it was not read".to_owned(), permission: None });
        let network = builder.build();
        let hop = |kind| Hop { kind, layer: Layer("test"), direction: Direction::Ingress, subject, note: None };
        let mut path = Path::default();
        for (verdict, doubtful) in ways {
            let mut way = Path::default();
            way.enter.hops.push(hop(match verdict {
                Verdict::Allowed => HopKind::Route(Outcome::Pass),
                Verdict::Blocked => HopKind::Route(Outcome::Block),
                Verdict::Partial | Verdict::Unknown => HopKind::UnreadGate(reason),
            }));
            let all = if which == Ways::In { &mut path.ways } else { &mut path.onward };
            all.push(Onward { path: way, doubt: doubtful.then(|| hop(HopKind::Opaque(reason))) });
        }
        // The sender's cloud tells which address it may have, and the receiver's who may be behind it.
        let side = if which == Ways::In { Side::Leaving } else { Side::Entering };
        let mut told = 0;
        let networks = Networks { leave: &network, enter: &network, hosts: &network };
        let verdict = judge(Walk { path: &path, networks, before: None }, &mut |judged| {
            if matches!(judged.hop.kind, HopKind::Opaque(_)) {
                told += 1;
                assert_eq!(judged.side, side);
            }
        });
        (verdict, told)
    }

    /// The same of either, which are summed up alike.
    fn together(all: &[(Verdict, bool)]) -> (Verdict, usize) {
        let (into, on) = (ways(Ways::In, all), ways(Ways::On, all));
        assert_eq!(into, on, "{all:?}");
        on
    }

    #[test]
    fn ways_are_blocked_together_and_partial_apart() {
        use Verdict::{Allowed, Blocked, Partial, Unknown};
        let sure =
            |verdicts: &[Verdict]| together(&verdicts.iter().map(|verdict| (*verdict, false)).collect::<Vec<_>>());
        assert_eq!(sure(&[]), (Allowed, 0));
        assert_eq!(sure(&[Allowed, Allowed]), (Allowed, 0));
        assert_eq!(sure(&[Blocked, Blocked]), (Blocked, 0));
        assert_eq!(sure(&[Allowed, Blocked]), (Partial, 0));
        assert_eq!(sure(&[Allowed, Unknown]), (Unknown, 0));
        assert_eq!(sure(&[Blocked, Unknown]), (Unknown, 0));
        assert_eq!(sure(&[Allowed, Blocked, Unknown]), (Partial, 0));
    }

    #[test]
    fn a_way_that_may_never_be_taken_settles_nothing_alone() {
        use Verdict::{Allowed, Blocked, Partial, Unknown};
        assert_eq!(together(&[(Allowed, true)]), (Unknown, 1));
        assert_eq!(together(&[(Blocked, true)]), (Blocked, 0));
        assert_eq!(together(&[(Allowed, false), (Allowed, true)]), (Allowed, 0));
        assert_eq!(together(&[(Allowed, false), (Blocked, true)]), (Unknown, 1));
        assert_eq!(together(&[(Blocked, false), (Allowed, true)]), (Unknown, 1));
        assert_eq!(together(&[(Blocked, false), (Blocked, true)]), (Blocked, 0));
        assert_eq!(together(&[(Allowed, false), (Blocked, false), (Allowed, true)]), (Partial, 0));
        assert_eq!(together(&[(Allowed, true), (Allowed, true)]), (Unknown, 1), "one doubt is told once");
    }

    /// A way into the receiver's cloud has ways on of its own, and the sender's own hops come before all of them.
    #[test]
    fn ways_in_have_ways_on() {
        use Verdict::{Allowed, Blocked, Partial, Unknown};
        let network = NetworkBuilder::default().build();
        let networks = Networks { leave: &network, enter: &network, hosts: &network };
        let subject = Names::default().intern("x");
        let route = |outcome| {
            let mut path = Path::default();
            let kind = HopKind::Route(outcome);
            path.leave.hops.push(Hop { kind, layer: Layer("test"), direction: Direction::Egress, subject, note: None });
            path
        };
        let sure = |path| Onward { path, doubt: None };
        let on = |outcomes: &[Outcome]| {
            let onward = outcomes.iter().map(|outcome| sure(route(*outcome))).collect();
            sure(Path { onward, ..Path::default() })
        };
        let verdict = |first: Outcome, ways: Vec<Onward>| {
            let path = Path { ways, ..route(first) };
            judge(Walk { path: &path, networks, before: None }, &mut |_| {})
        };
        let (pass, block, unknown) = (Outcome::Pass, Outcome::Block, Outcome::Unknown(ReasonId(0)));
        assert_eq!(verdict(pass, vec![on(&[pass]), on(&[pass, pass])]), Allowed);
        assert_eq!(verdict(pass, vec![on(&[block]), on(&[block, block])]), Blocked);
        assert_eq!(verdict(pass, vec![on(&[pass, block]), on(&[pass])]), Partial);
        assert_eq!(verdict(pass, vec![on(&[pass, block]), on(&[unknown])]), Partial);
        assert_eq!(verdict(pass, vec![on(&[pass]), on(&[unknown])]), Unknown);
        assert_eq!(verdict(block, vec![on(&[pass]), on(&[pass])]), Blocked);
        assert_eq!(verdict(unknown, vec![on(&[pass]), on(&[block])]), Unknown);
    }
}
