//! What a load balancer does with a connection that its frontend took: one way for each backend.

use std::net::IpAddr;

use reachlint_model::{
    Crossing, Direction, Hop, HopKind, Identity, InterfaceId, Note, Onward, Outcome, Packet, Path, PortRange, Protocol,
};

use super::balancer::{Backend, Balancer, Rule};
use super::compile::{AzureNetwork, Kind};
use super::leave::inbound;
use super::tags::HOST;
use super::{BALANCER, PROBE, enter, fact, opaque};

/// The rule of a frontend for a packet. An inbound NAT rule and a balancing rule cannot have the same port.
fn taken<'b>(balancer: &'b Balancer, frontend: usize, packet: &Packet) -> Option<&'b Rule> {
    let port = packet.destination_ports.first();
    let own = balancer.rules.iter().filter(|rule| rule.frontend == frontend && rule.ports.contains(port));
    let mut own = own.filter(|rule| rule.protocols.iter().any(|protocol| protocol.contains(packet.protocol)));
    own.next()
}

/// Whether a frontend takes a packet.
pub(super) fn listen(azure: &AzureNetwork, balancer: &Balancer, frontend: usize, packet: &Packet) -> Hop {
    let hop = |outcome, note| fact(BALANCER, Direction::Ingress, balancer.name, outcome, note);
    let Some(rule) = taken(balancer, frontend, packet) else {
        let heard = balancer.heard.get(frontend).copied().flatten();
        let note = heard.map_or(Note::new("this frontend of the load balancer has no rule at all"), |heard| {
            Note::new("no rule of the load balancer has that port and protocol; this frontend has {}").about(heard)
        });
        return hop(Outcome::Block, note);
    };
    let note = Note::new("the rule {} takes it").about(rule.name);
    match &rule.backends {
        Err(reason) => opaque(BALANCER, Direction::Ingress, balancer.name, *reason, note),
        Ok(_) if rule.floating => opaque(BALANCER, Direction::Ingress, balancer.name, azure.floating, note),
        Ok(all) if all.is_empty() => {
            hop(Outcome::Block, Note::new("the rule {} sends to a pool without members").about(rule.name))
        }
        Ok(_) => hop(Outcome::Pass, note),
    }
}

/// Lays the ways behind the frontend that took a packet.
pub(super) fn onward(azure: &AzureNetwork, crossing: &Crossing, at: InterfaceId, ways: &mut Vec<Onward>) {
    let Some(Kind::Frontend(number, frontend)) = azure.facts.get(at.0 as usize).map(|facts| facts.kind) else { return };
    let Some(balancer) = azure.balancers.get(number) else { return };
    let packet = crossing.packet;
    let Some(rule) = taken(balancer, frontend, &packet).filter(|rule| !rule.floating) else { return };
    let Ok(backends) = &rule.backends else { return };
    for backend in backends {
        let path = way(azure, balancer, rule, *backend, &packet);
        let doubt = rule.one_of.then(|| {
            let note = Note::new("whether {address} is the one that it goes to").at(backend.address);
            opaque(BALANCER, Direction::Ingress, balancer.name, azure.whichever, note)
        });
        ways.push(Onward { path, doubt });
    }
}

/// To one backend. The source stays the client's, and filters see the backend's own address and port (Network security
/// groups, load-balanced machines). A backend that the health probe cannot reach gets nothing, and probes come from
/// 168.63.129.16 (Load Balancer, health probes).
fn way(azure: &AzureNetwork, balancer: &Balancer, rule: &Rule, backend: Backend, packet: &Packet) -> Path {
    let mut path = Path::default();
    let hop = |outcome, note| fact(BALANCER, Direction::Ingress, balancer.name, outcome, note);
    let to = backend.address;
    let note = Note::new("the destination becomes {address}, and the source stays the client's").at(to);
    path.leave.hops.push(Hop { kind: HopKind::Translation(Outcome::Pass), ..hop(Outcome::Pass, note) });
    let owner = backend.interface.or_else(|| azure.network.owners(to).next());
    let Some(owner) = owner else {
        let note = Note::new("who has {address}").at(to);
        path.enter.hops.push(opaque(BALANCER, Direction::Ingress, balancer.name, azure.unowned, note));
        return path;
    };
    // The answer would come from an address that the client has not asked (Load Balancer, troubleshooting a backend that
    // accesses its own frontend).
    if enter::owns(azure, owner, packet.source) {
        let note = Note::new("{address} is a member of the pool itself, and a load balancer does not send back to it");
        path.enter.hops.push(hop(Outcome::Block, note.at(packet.source)));
        return path;
    }
    let port = rule.to.map_or(packet.destination_ports, PortRange::single);
    let packet = Packet {
        destination: to,
        destination_ports: port,
        destination_identity: Identity::Interface(owner),
        ..*packet
    };
    probe(azure, rule, owner, to, &mut path);
    enter::hand_over(azure, packet, owner, false, &mut path.enter);
    path.end = Some((owner, packet));
    path
}

/// What the probe of a backend passes. It is a half of its own, so that a rule that accepts the client for all filters
/// does not accept the probe with it.
fn probe(azure: &AzureNetwork, rule: &Rule, owner: InterfaceId, to: IpAddr, path: &mut Path) {
    let (Some(port), Some(facts)) = (rule.probe, azure.facts.get(owner.0 as usize)) else { return };
    let packet = Packet {
        protocol: Protocol::TCP,
        source: HOST,
        destination: to,
        source_ports: PortRange::new(1024, u16::MAX).unwrap_or(PortRange::ALL),
        destination_ports: PortRange::single(port),
        source_identity: Identity::Nobody,
        destination_identity: Identity::Interface(owner),
    };
    let mut hops = Vec::new();
    inbound(&facts.filters, packet, &mut hops);
    path.leave.hops.extend(hops.into_iter().map(|hop| Hop { layer: PROBE, ..hop }));
}
