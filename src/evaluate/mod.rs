//! Flow and network in, verdict and path out.
//!
//! The same walk serves a bare verdict, which allocates nothing, and an explanation, which names every gate and
//! the rule that decided there.

mod explain;
mod gate;
mod sources;

#[cfg(test)]
mod reference;

use std::net::IpAddr;

use reachlint_model::{
    Crossing, Hop, HopKind, Identity, InterfaceId, Network, Outcome, Packet, Path, PortRange, Protocol, Provider,
    ReasonId, Verdict, Via,
};

pub use explain::{Blocker, Explanation, Gap, rule_text};
pub(crate) use explain::{called, rule_name};
pub use gate::{Actions, Answer, Decision, decide, matching, refused_ports};
pub use sources::{Opening, Sources, sources};

/// A connection to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Position of the sender's cloud among the providers.
    pub provider: usize,
    /// The sender's interface.
    pub from: InterfaceId,
    /// The address that it opens the connection from.
    pub source: IpAddr,
    /// The upstream's address.
    pub to: IpAddr,
    /// The upstream's port.
    pub port: u16,
    /// Transport protocol.
    pub protocol: Protocol,
}

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
    /// Whether it belongs to the receiver's half.
    pub entering: bool,
    /// What it does.
    pub effect: Effect,
    /// How its rules decided, for a gate.
    pub decision: Option<Decision>,
}

/// Judges connections over the evidence of any number of clouds.
pub struct Evaluator<'n> {
    providers: &'n [&'n dyn Provider],
    ephemeral: PortRange,
    path: Path,
}

impl<'n> Evaluator<'n> {
    /// An evaluator for clients that open connections from `ephemeral` ports.
    #[must_use]
    pub fn new(providers: &'n [&'n dyn Provider], ephemeral: PortRange) -> Self {
        Self { providers, ephemeral, path: Path::default() }
    }

    /// The verdict alone.
    pub fn verdict(&mut self, query: &Query) -> Verdict {
        let Some((leave, enter, _)) = self.walk(query) else { return Verdict::Unknown };
        judge(&self.path, leave, enter, |_| {})
    }

    /// The verdict with everything that led to it.
    pub fn explain(&mut self, query: &Query) -> Explanation {
        let mut explanation = Explanation::default();
        let Some((leave, enter, arrival)) = self.walk(query) else { return explanation };
        let verdict = judge(&self.path, leave, enter, |judged| {
            let provider = if judged.entering { arrival.provider } else { query.provider };
            let network = if judged.entering { enter } else { leave };
            explanation.add(network, provider, &judged);
        });
        explanation.finish(verdict, arrival);
        explanation
    }

    /// Lays the path of a connection; the networks of the two halves, and where it ends.
    fn walk(&mut self, query: &Query) -> Option<(&'n Network, &'n Network, Landing)> {
        self.path.clear();
        let leaving = *self.providers.get(query.provider)?;
        let packet = Packet {
            protocol: query.protocol,
            source: query.source,
            destination: query.to,
            source_ports: self.ephemeral,
            destination_ports: PortRange::single(query.port),
            source_identity: Identity::Interface(query.from),
            destination_identity: Identity::Nobody,
        };
        let crossing = leaving.leave(query.from, &packet, &mut self.path.leave);
        let to = self.receiving(query.provider, &crossing);
        let entering = *self.providers.get(to)?;
        let arrival = entering.enter(&crossing, &mut self.path.enter);
        let landing = Landing { provider: to, interface: arrival.interface.or(crossing.destination) };
        Some((leaving.network(), entering.network(), landing))
    }

    /// Which cloud takes the packet: over the internet it can be any.
    fn receiving(&self, from: usize, crossing: &Crossing) -> usize {
        if crossing.via != Via::Internet {
            return from;
        }
        let public = crossing.packet.destination;
        self.providers.iter().position(|provider| provider.answers(public)).unwrap_or(from)
    }
}

/// Where a connection ended up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landing {
    /// Position of the cloud among the providers.
    pub provider: usize,
    /// The receiving interface, where the evidence has it.
    pub interface: Option<InterfaceId>,
}

/// Judges every hop of a path and sums up: one block blocks, else one doubt leaves it undecided, else one partial
/// hop makes it partial.
fn judge<'p>(path: &'p Path, leave: &Network, enter: &Network, mut each: impl FnMut(Judged<'p>)) -> Verdict {
    let (mut blocked, mut unknown, mut partial) = (false, false, false);
    let mut accepted = Accepted::default();
    let forward = path.leave.hops.iter().map(|hop| (false, hop)).chain(path.enter.hops.iter().map(|hop| (true, hop)));
    let back = path.enter.returns.iter().rev().map(|hop| (true, hop));
    let back = back.chain(path.leave.returns.iter().rev().map(|hop| (false, hop)));
    for (entering, hop) in forward.chain(back) {
        let network = if entering { enter } else { leave };
        let (effect, decision) = effect(network, hop, &mut accepted);
        match effect {
            Effect::Block => blocked = true,
            Effect::Unknown(_) => unknown = true,
            Effect::Partial => partial = true,
            Effect::Pass | Effect::Skipped => {}
        }
        each(Judged { hop, entering, effect, decision });
    }
    match (blocked, unknown, partial) {
        (true, ..) => Verdict::Blocked,
        (_, true, _) => Verdict::Unknown,
        (_, _, true) => Verdict::Partial,
        _ => Verdict::Allowed,
    }
}

/// Whether the stage that the path is in was accepted as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct Accepted {
    stage: u8,
    certain: bool,
    possible: bool,
    /// Why it may have been, where the evidence says.
    reason: Option<ReasonId>,
}

fn effect(network: &Network, hop: &Hop, accepted: &mut Accepted) -> (Effect, Option<Decision>) {
    let outcome = match hop.kind {
        HopKind::Gate { gate, packet } => return gate_effect(network, gate, &packet, accepted),
        HopKind::UnreadGate(reason) | HopKind::Opaque(reason) => return (Effect::Unknown(Some(reason)), None),
        HopKind::Route(outcome) | HopKind::Translation(outcome) => outcome,
    };
    let effect = match outcome {
        Outcome::Pass => Effect::Pass,
        Outcome::Block => Effect::Block,
        Outcome::Unknown(reason) => Effect::Unknown(Some(reason)),
    };
    (effect, None)
}

fn gate_effect(
    network: &Network,
    gate: reachlint_model::GateId,
    packet: &Packet,
    accepted: &mut Accepted,
) -> (Effect, Option<Decision>) {
    let Some(gate) = network.gate(gate) else { return (Effect::Unknown(None), None) };
    if gate.stage != accepted.stage {
        *accepted = Accepted { stage: gate.stage, ..Accepted::default() };
    }
    if accepted.certain {
        return (Effect::Skipped, None);
    }
    let decision = decide(network, gate, packet);
    let actions = decision.answer.actions;
    if actions.must(Actions::ACCEPT) && decision.passed == decision.asked {
        accepted.certain = true;
    } else if actions.may(Actions::ACCEPT) {
        accepted.possible = true;
        accepted.reason = accepted.reason.or(decision.answer.reason);
    }
    let effect = if decision.passed == decision.asked {
        Effect::Pass
    } else if decision.undecided {
        Effect::Unknown(decision.answer.reason)
    } else if accepted.possible {
        // An earlier gate may have accepted for the whole stage, so this refusal may not count.
        Effect::Unknown(accepted.reason)
    } else if decision.passed > 0 {
        Effect::Partial
    } else {
        Effect::Block
    };
    (effect, Some(decision))
}
