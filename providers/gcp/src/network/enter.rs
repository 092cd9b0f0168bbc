//! The receiver's half of a path.

use reachlint_model::{
    Arrival, Crossing, Direction, Half, Hop, HopKind, Identity, InterfaceId, InterfaceState, NameId, Note, Outcome,
    Packet, Peer, Prefix, ReasonId, Via,
};

use super::balancer::{Balancer, Serves};
use super::compile::{ELSEWHERE, GcpNetwork, INTERNET, INTRA, Kind};
use super::filters::Stage;
use super::{ENDPOINT, EXTERNAL, INSTANCE_STATE, LOAD_BALANCER, fact, opaque, pass_gates, remark};

pub(super) fn enter(gcp: &GcpNetwork, crossing: &Crossing, half: &mut Half) -> Arrival {
    let mut packet = crossing.packet;
    let interface = match (crossing.via, crossing.destination) {
        (Via::Loopback | Via::Service | Via::Nowhere, _) | (Via::Network { .. } | Via::Link { .. }, None) => None,
        (Via::Network { .. } | Via::Link { .. }, Some(to)) => Some(to),
        (Via::Internet, _) => from_internet(gcp, &mut packet, half),
    };
    if let Some(to) = interface {
        take(gcp, to, packet, context(gcp, crossing), half);
    }
    Arrival { interface, packet }
}

/// The context in which a packet arrives.
pub(super) fn context(gcp: &GcpNetwork, crossing: &Crossing) -> usize {
    match crossing.via {
        Via::Network { .. } => INTRA,
        Via::Internet => INTERNET,
        Via::Link { link, .. } => {
            let from = gcp.vpcs.iter().find(|(_, vpc)| vpc.name == link);
            from.map_or(ELSEWHERE, |(path, _)| gcp.context_from(path))
        }
        Via::Loopback | Via::Service | Via::Nowhere => ELSEWHERE,
    }
}

/// What arrives for an external address. Senders are known by theirs only, so neither tags nor service accounts match
/// (VPC firewall rules, sources), and rules see the internal address that the external one stands for.
fn from_internet(gcp: &GcpNetwork, packet: &mut Packet, half: &mut Half) -> Option<InterfaceId> {
    let to = packet.destination;
    packet.source_identity = packet.source_identity.outside();
    let owner = match gcp.one_of(gcp.public_owners(to), packet) {
        Some(Ok(owner)) => owner,
        other => {
            let reason = other.and_then(Result::err).unwrap_or(gcp.reasons.outside);
            let subject = gcp.vpcs.values().next().map(|vpc| vpc.name)?;
            half.hops.push(opaque(Direction::Ingress, subject, reason, Note::new("who has {address}").at(to)));
            return None;
        }
    };
    *packet = arrived(gcp, owner, *packet, Some(half));
    Some(owner)
}

/// A packet with the internal address that an external one stands for.
pub(super) fn arrived(gcp: &GcpNetwork, owner: InterfaceId, packet: Packet, half: Option<&mut Half>) -> Packet {
    let Some(interface) = gcp.network.interface(owner) else { return packet };
    let own = gcp.network.addresses(interface).iter().find(|address| address.public == Some(packet.destination));
    let Some(address) = own else { return packet };
    if let Some(half) = half {
        let note = Note::new("the destination becomes {address}").at(address.private);
        let kind = HopKind::Translation(Outcome::Pass);
        let (layer, direction, subject) = (EXTERNAL, Direction::Ingress, interface.id);
        half.hops.push(Hop { kind, layer, direction, subject, note: Some(note) });
    }
    Packet { destination: address.private, ..packet }
}

/// Into what an interface is.
fn take(gcp: &GcpNetwork, to: InterfaceId, packet: Packet, context: usize, half: &mut Half) {
    match gcp.facts_of(to).map(|facts| facts.kind) {
        Some(Kind::Balancer(at)) => {
            let balancer = gcp.balancers.get(at);
            half.hops.extend(balancer.into_iter().flat_map(|balancer| listen(gcp, balancer, &packet)));
        }
        Some(Kind::Nic { .. }) if masqueraded(gcp, &packet).is_none() => deliver(gcp, to, packet, context, half),
        // The ways on are laid for each address that the sender may have.
        Some(Kind::Nic { .. } | Kind::Range { .. }) | None => {}
    }
}

/// The sender whose address may be replaced by that of its node.
pub(super) fn masqueraded(gcp: &GcpNetwork, packet: &Packet) -> Option<(ReasonId, InterfaceId)> {
    let Identity::Unknown(reason) = packet.source_identity else { return None };
    let range = *gcp.doubts.get(&reason)?;
    match gcp.facts_of(range)?.kind {
        Kind::Range { node: Some(node), .. } => Some((reason, node)),
        _ => None,
    }
}

/// Through the receiver's firewall to something that runs.
pub(super) fn deliver(gcp: &GcpNetwork, to: InterfaceId, packet: Packet, context: usize, half: &mut Half) {
    let Some((interface, facts)) = gcp.network.interface(to).zip(gcp.facts_of(to)) else { return };
    let packet = Packet { destination_identity: Identity::Interface(to), ..packet };
    let chain = gcp.chain(facts.ingress.get(context));
    if let Some(prefix) = whole_range(gcp, &packet)
        && splits(gcp, chain, prefix)
    {
        let note = Note::new("which address of the sender's block it is");
        half.hops.push(opaque(Direction::Ingress, interface.id, gcp.reasons.split, note));
    }
    half.hops.extend(remark(facts, interface.id, Direction::Ingress));
    pass_gates(chain, packet, Direction::Ingress, &mut half.hops);
    let machine = match facts.kind {
        Kind::Nic { machine, .. } => machine,
        _ => interface.id,
    };
    half.hops.extend(alive(machine, interface.state));
}

fn alive(machine: NameId, state: InterfaceState) -> Option<Hop> {
    let note = match state {
        InterfaceState::Up => return None,
        InterfaceState::Unread(reason) => {
            let kind = HopKind::Route(Outcome::Unknown(reason));
            return Some(Hop {
                kind,
                layer: INSTANCE_STATE,
                direction: Direction::Ingress,
                subject: machine,
                note: None,
            });
        }
        InterfaceState::Down(word) => {
            Note::new("the machine is {}, so nothing answers").coded("INSTANCE_NOT_RUNNING").about(word)
        }
        InterfaceState::Detached => Note::new("{} is attached to nothing, so nothing answers").about(machine),
    };
    Some(fact(INSTANCE_STATE, Direction::Ingress, machine, Outcome::Block, note))
}

/// The block of a sender of which only the block is known.
fn whole_range(gcp: &GcpNetwork, packet: &Packet) -> Option<Prefix> {
    let holding = gcp.range_of(packet.source).find_map(|id| match gcp.facts_of(id)?.kind {
        Kind::Range { prefix, .. } => Some(prefix),
        _ => None,
    })?;
    (holding.first() == packet.source && holding.first() != holding.last()).then_some(holding)
}

/// Whether a rule of a chain is about a part of a block only.
fn splits(gcp: &GcpNetwork, chain: &[Stage], prefix: Prefix) -> bool {
    let network = &gcp.network;
    let block = reachlint_model::AddressSet::from(prefix);
    let gates = chain.iter().filter_map(|stage| network.gate(stage.gate));
    let mut rules = gates.flat_map(|gate| network.lists(gate)).flat_map(|(_, list)| network.rules(list));
    rules.any(|rule| {
        let sources = match rule.peer {
            Peer::V4 { base, length } => {
                Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length).map(Into::into)
            }
            Peer::V6(id) => network.prefix(id).map(Into::into),
            Peer::Set(id) => network.set(id).cloned(),
            _ => None,
        };
        sources.is_some_and(|sources: reachlint_model::AddressSet| {
            !block.is_subset(&sources) && !block.intersection(&sources).is_empty()
        })
    })
}

/// Whether a load balancer takes a packet (Connectivity Tests, `FORWARDING_RULE_MISMATCH`).
fn listen(gcp: &GcpNetwork, balancer: &Balancer, packet: &Packet) -> Vec<Hop> {
    let name = balancer.name;
    let layer =
        if matches!(balancer.serves, Serves::Endpoint { .. } | Serves::Apis) { ENDPOINT } else { LOAD_BALANCER };
    let hop = |outcome, note: Note| fact(layer, Direction::Ingress, name, outcome, note);
    if !balancer.takes(packet.protocol, packet.destination_ports) {
        let note = Note::new("the forwarding rule takes another protocol or port: {}")
            .coded("FORWARDING_RULE_MISMATCH")
            .about(balancer.heard);
        return vec![hop(Outcome::Block, note)];
    }
    match &balancer.serves {
        Serves::Endpoint { status, is_accepted } => {
            let (outcome, note) = if *is_accepted {
                (Outcome::Pass, Note::new("the producer of the service accepts the endpoint {}").about(name))
            } else {
                (
                    Outcome::Block,
                    Note::new("the producer of the service does not accept the endpoint: it is {}").about(*status),
                )
            };
            let behind = Note::new("what answers behind {}").about(name);
            vec![hop(outcome, note), opaque(Direction::Ingress, name, gcp.reasons.producer, behind)]
        }
        Serves::Apis => vec![hop(Outcome::Pass, Note::new("Google's APIs answer at {}").about(name))],
        Serves::Unread(reason) => {
            let note = Note::new("what stands behind {}").about(name);
            vec![Hop { kind: HopKind::Opaque(*reason), ..hop(Outcome::Pass, note) }]
        }
        Serves::Passthrough(_) | Serves::Proxy { .. } if balancer.filtered.is_some() => {
            let note = Note::new("whether policies let it come to {}").about(name);
            let reason = balancer.filtered.unwrap_or(gcp.reasons.appliance);
            vec![Hop { kind: HopKind::Opaque(reason), ..hop(Outcome::Pass, note) }]
        }
        Serves::Passthrough(_) | Serves::Proxy { .. } => {
            vec![hop(Outcome::Pass, Note::new("the forwarding rule {} takes it").about(name))]
        }
    }
}
