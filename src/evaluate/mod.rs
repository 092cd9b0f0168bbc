//! Flow and network in, verdict and path out.
//!
//! The same walk serves a bare verdict and an explanation, which names every gate and the rule that decided there. A
//! verdict allocates nothing but a path for each of several addresses that a sender may leave its cloud with, and for each
//! way on from a load balancer.

mod explain;
mod gate;
mod judge;
mod sources;

#[cfg(test)]
mod reference;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reachlint_host::network::Hosts;
use reachlint_model::{
    Crossing, Hop, HopKind, Identity, InterfaceId, Onward, Outcome, Packet, Path, PortRange, Protocol, Provider,
    Verdict, Via,
};

pub use explain::{Blocker, Explanation, Gap, Owner, rule_text};
pub(crate) use explain::{called, rule_name};
pub use gate::{Actions, Answer, Decision, decide, matching, refused_ports};
pub use judge::{Effect, Judged, Side};
use judge::{Networks, Walk, asks_for_sender, judge};
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

/// Judges connections over the evidence of any number of clouds.
pub struct Evaluator<'n> {
    providers: &'n [&'n dyn Provider],
    hosts: Option<&'n Hosts>,
    ephemeral: PortRange,
    path: Path,
}

impl<'n> Evaluator<'n> {
    /// An evaluator for clients that open connections from `ephemeral` ports.
    #[must_use]
    pub fn new(providers: &'n [&'n dyn Provider], ephemeral: PortRange) -> Self {
        Self { providers, hosts: None, ephemeral, path: Path::default() }
    }

    /// The same with what is known of the hosts.
    #[must_use]
    pub fn with_hosts(self, hosts: &'n Hosts) -> Self {
        Self { hosts: (!hosts.is_empty()).then_some(hosts), ..self }
    }

    /// The verdict alone.
    pub fn verdict(&mut self, query: &Query) -> Verdict {
        let Some((networks, _)) = self.walk(query, false) else { return Verdict::Unknown };
        judge(Walk { path: &self.path, networks, before: None }, &mut |_| {})
    }

    /// The verdict with everything that led to it.
    pub fn explain(&mut self, query: &Query) -> Explanation {
        self.explain_walk(query, false)
    }

    /// The same for a service of a cloud that has no interface anywhere: what comes to it over the internet is filtered on
    /// the way out only.
    pub fn explain_to_service(&mut self, query: &Query, service: &str) -> Explanation {
        let mut explanation = self.explain_walk(query, true);
        if explanation.landing.interface.is_none() && explanation.verdict == Verdict::Allowed {
            explanation.reasons.push(format!("the receiver is {service}, so only the way out is filtered"));
        }
        explanation
    }

    fn explain_walk(&mut self, query: &Query, to_service: bool) -> Explanation {
        let mut explanation = Explanation::default();
        let Some((networks, arrival)) = self.walk(query, to_service) else { return explanation };
        let verdict = judge(Walk { path: &self.path, networks, before: None }, &mut |judged| {
            let owner = match judged.side {
                Side::Leaving => Owner::Cloud(query.provider),
                Side::Entering => Owner::Cloud(arrival.provider),
                Side::Host => Owner::Hosts,
            };
            let undecided = matches!(judged.effect, Effect::Unknown(_));
            let stops = undecided || matches!(judged.effect, Effect::Block | Effect::Partial);
            let code = match owner {
                Owner::Cloud(provider) if stops => {
                    let from = (provider == query.provider).then_some(query.from);
                    self.providers.get(provider).and_then(|cloud| cloud.code(judged.hop, undecided, from))
                }
                _ => None,
            };
            explanation.add(networks.of(judged.side), owner, &judged, code);
        });
        explanation.finish(verdict, arrival);
        explanation
    }

    /// Lays the path of a connection; the networks of its parts, and where it ends.
    fn walk(&mut self, query: &Query, to_service: bool) -> Option<(Networks<'n>, Landing)> {
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
        let mut crossing = leaving.leave(query.from, &packet, &mut self.path.leave);
        // Nobody's interface, and the name tells that there is none.
        if to_service && crossing.via == Via::Internet && !self.providers.iter().any(|known| known.answers(query.to)) {
            crossing.via = Via::Service;
        }
        let to = self.receiving(query.provider, &crossing);
        if to != query.provider {
            // Interfaces are numbered by each provider for itself, and no cloud knows another's groups.
            crossing.packet.source_identity = crossing.packet.source_identity.outside();
            crossing.destination = None;
        }
        let entering = *self.providers.get(to)?;
        let interface = self.come_in(entering, &crossing);
        if let Some(hosts) = self.hosts {
            let inside = crossing.via == Via::Loopback;
            let first = if inside { to_itself(&packet) } else { packet };
            hosts.leave((query.provider, query.from), &first, inside, &mut self.path.sender);
            if inside {
                hosts.enter((query.provider, query.from), &first, inside, &mut self.path.receiver);
            }
            receivers(hosts, to, &mut self.path);
        }
        let landing = Landing { provider: to, interface: interface.or(crossing.destination) };
        let leave = leaving.network();
        let networks = Networks { leave, enter: entering.network(), hosts: self.hosts.map_or(leave, Hosts::network) };
        if let Some(unseen) = self.path.leave.unseen {
            // A receiver that treats all senders alike does not ask for the address.
            let asked = asks_for_sender(&self.path, networks);
            let kind = if asked { unseen.kind } else { HopKind::Translation(Outcome::Pass) };
            self.path.leave.hops.push(Hop { kind, ..unseen });
        }
        Some((networks, landing))
    }

    /// Lays the receiver's half of a path: once for each address that the packet may have left with.
    fn come_in(&mut self, entering: &dyn Provider, crossing: &Crossing) -> Option<InterfaceId> {
        let path = &mut self.path;
        if path.leave.senders.len() < 2 || !entering.answers(crossing.packet.destination) {
            return arrive(entering, crossing, path);
        }
        let mut interface = None;
        for sender in &path.leave.senders {
            let mut way = Path::default();
            way.leave.hops.push(sender.hop);
            let packet = Packet { source: sender.address, ..crossing.packet };
            interface = arrive(entering, &Crossing { packet, ..*crossing }, &mut way).or(interface);
            path.ways.push(Onward { path: way, doubt: sender.doubt });
        }
        interface
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

/// Lays what a packet passes in the receiver's cloud, and what follows there.
fn arrive(entering: &dyn Provider, crossing: &Crossing, path: &mut Path) -> Option<InterfaceId> {
    let arrival = entering.enter(crossing, &mut path.enter);
    if let Some(at) = arrival.interface {
        path.end = Some((at, arrival.packet));
        entering.onward(crossing, at, &mut path.onward);
    }
    arrival.interface
}

/// What a host sends to itself: the source is the destination, whichever of its addresses that is (the routing table
/// `local`), and `0.0.0.0` and `::` stand for the loopback address (Linux, `ip(7)`).
fn to_itself(packet: &Packet) -> Packet {
    let own = match packet.destination {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    Packet { source: own, destination: own, ..*packet }
}

/// Lays what the hosts at the ends of a path and of its ways on do.
fn receivers(hosts: &Hosts, provider: usize, path: &mut Path) {
    if let Some((at, packet)) = path.end {
        hosts.enter((provider, at), &packet, false, &mut path.receiver);
    }
    for way in path.ways.iter_mut().chain(&mut path.onward) {
        receivers(hosts, provider, &mut way.path);
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
