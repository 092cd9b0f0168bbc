//! What follows the receiver: the backends of a load balancer, and each address that a sender may have.

use std::net::IpAddr;

use reachlint_model::{
    AddressSet, Crossing, Direction, Family, Hop, HopKind, Identity, InterfaceId, InterfaceState, NameId, Note, Onward,
    Outcome, Packet, Path, PortRange, Prefix, ReasonId,
};

use super::admit::{Question, admitted};
use super::balancer::{Balancer, Probe, Refusal, Serves, Service, Target};
use super::balancing::PROXIED;
use super::compile::{ELSEWHERE, GcpNetwork, Kind};
use super::enter::{arrived, context, deliver, masqueraded};
use super::{BACKEND, HEALTH_CHECK, LOAD_BALANCER, fact};

/// Source ports that proxies open connections from.
const PROXY_PORTS: (u16, u16) = (1024, u16::MAX);

pub(super) fn onward(gcp: &GcpNetwork, crossing: &Crossing, at: InterfaceId, branches: &mut Vec<Onward>) {
    let Some(facts) = gcp.facts_of(at) else { return };
    let context = context(gcp, crossing);
    let mut packet = crossing.packet;
    if crossing.destination.is_none() {
        packet.source_identity = packet.source_identity.outside();
    }
    match facts.kind {
        Kind::Nic { .. } => {
            let packet = arrived(gcp, at, packet, None);
            if let Some(masked) = masqueraded(gcp, &packet) {
                for (packet, doubt) in senders(gcp, &packet, Some(masked)) {
                    let mut path = Path::default();
                    deliver(gcp, at, packet, context, &mut path.enter);
                    path.end = Some((at, packet));
                    branches.push(Onward { path, doubt });
                }
            }
        }
        Kind::Balancer(position) => {
            let Some(balancer) = gcp.balancers.get(position) else { return };
            if balancer.takes(packet.protocol, packet.destination_ports) {
                Balancing { gcp, balancer, packet, context }.lay(branches);
            }
        }
        Kind::Range { .. } => {}
    }
}

/// The packet as each sender that it may have: a pod's own address, and that of its node.
fn senders(gcp: &GcpNetwork, packet: &Packet, masked: Option<(ReasonId, InterfaceId)>) -> Vec<(Packet, Option<Hop>)> {
    let Some((reason, machine)) = masked else { return vec![(*packet, None)] };
    let own = Packet { source_identity: Identity::Nobody, ..*packet };
    let mut all = vec![(own, None)];
    let (Some(address), Some(interface)) =
        (gcp.primary(machine, Family::of(packet.source)), gcp.network.interface(machine))
    else {
        return all;
    };
    let note = Note::new("whether {} sends it from its own address").about(interface.id);
    let doubt = Hop {
        kind: HopKind::Opaque(reason),
        layer: super::OPAQUE,
        direction: Direction::Ingress,
        subject: interface.id,
        note: Some(note),
    };
    all.push((Packet { source: address, source_identity: Identity::Interface(machine), ..*packet }, Some(doubt)));
    all
}

/// A branch of one hop that is known without laying a path.
fn short(hop: Hop, doubt: Option<Hop>) -> Onward {
    let mut path = Path::default();
    path.enter.hops.push(hop);
    Onward { path, doubt }
}

/// Why a way may not be taken.
fn in_doubt(subject: NameId, reason: ReasonId) -> Hop {
    let note = Note::new("whether anything is sent there, to {}").about(subject);
    Hop { kind: HopKind::Opaque(reason), layer: BACKEND, direction: Direction::Ingress, subject, note: Some(note) }
}

/// A way that ends because nobody is healthy.
fn failing(service: &Service, template: &'static str) -> Onward {
    let note = Note::new(template).about(service.name).coded("FIREWALL_BLOCKING_LOAD_BALANCER_BACKEND_HEALTH_CHECK");
    short(fact(HEALTH_CHECK, Direction::Ingress, service.name, Outcome::Block, note), None)
}

/// What is said of a service without backends, and of backends that were not read.
fn nobody(service: &Service, doubt: Option<Hop>, branches: &mut Vec<Onward>) {
    if service.targets.is_empty() && service.unread.is_empty() {
        let note = Note::new("the backend service {} has no backend")
            .coded("FORWARDING_RULE_NO_INSTANCES")
            .about(service.name);
        branches.push(short(fact(BACKEND, Direction::Ingress, service.name, Outcome::Block, note), doubt));
    }
    for (group, reason) in &service.unread {
        let note = Note::new("what stands behind {}").about(*group);
        let hop = Hop {
            kind: HopKind::Opaque(*reason),
            layer: BACKEND,
            direction: Direction::Ingress,
            subject: *group,
            note: Some(note),
        };
        branches.push(short(hop, doubt));
    }
}

/// What probes come to at a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Passes,
    Fails,
    Unknown,
}

struct Balancing<'a> {
    gcp: &'a GcpNetwork,
    balancer: &'a Balancer,
    packet: Packet,
    context: usize,
}

impl Balancing<'_> {
    fn lay(&self, branches: &mut Vec<Onward>) {
        match &self.balancer.serves {
            Serves::Passthrough(service) => self.passthrough(service, branches),
            Serves::Proxy { sources, services } => {
                if services.is_empty() {
                    let note = Note::new("the load balancer {} sends to no backend service").about(self.balancer.name);
                    branches.push(short(
                        fact(LOAD_BALANCER, Direction::Ingress, self.balancer.name, Outcome::Block, note),
                        None,
                    ));
                }
                for (service, doubt) in services {
                    let doubt = doubt.map(|reason| in_doubt(service.name, reason));
                    self.proxied(service, sources, doubt, branches);
                }
            }
            Serves::Endpoint { .. } | Serves::Apis | Serves::Unread(_) => {}
        }
    }

    /// The backends that count, with their health: those that are not there for emergencies, and without those of which
    /// a firewall keeps the probes off, unless that holds for all.
    fn chosen<'s>(
        &self,
        service: &'s Service,
        to: impl Fn(&Target) -> Option<(IpAddr, u16)>,
    ) -> (Vec<(&'s Target, Health)>, bool) {
        let health = |target: &'s Target| (target, self.health(service.probe.as_ref(), target, to(target)));
        let rated: Vec<(&Target, Health)> = service.targets.iter().map(health).collect();
        let works = |(_, health): &(&Target, Health)| *health != Health::Fails;
        let primary: Vec<_> = rated.iter().copied().filter(|(target, _)| !target.is_backup).collect();
        let working: Vec<_> = primary.iter().copied().filter(works).collect();
        if !working.is_empty() {
            return (working, true);
        }
        let backups: Vec<_> = rated.iter().copied().filter(|(target, _)| target.is_backup).filter(works).collect();
        if !backups.is_empty() {
            return (backups, true);
        }
        (primary, false)
    }

    /// Whether probes get in: a backend that they do not reach gets nothing (Connectivity Tests,
    /// `FIREWALL_BLOCKING_LOAD_BALANCER_BACKEND_HEALTH_CHECK`). One whose machine is off does not answer them.
    fn health(&self, probe: Option<&Probe>, target: &Target, to: Option<(IpAddr, u16)>) -> Health {
        let interface = target.interface.and_then(|id| self.gcp.network.interface(id));
        if interface.is_some_and(|interface| matches!(interface.state, InterfaceState::Down(_))) {
            return Health::Fails;
        }
        let (Some(probe), Some(id), Some((to, serving))) = (probe, target.interface, to) else { return Health::Passes };
        let Some(sources) = &probe.sources else { return Health::Unknown };
        let of_family = sources.iter().copied().filter(|block| block.family() == Family::of(to));
        let asked: AddressSet = of_family.collect();
        let Some(facts) = self.gcp.facts_of(id) else { return Health::Unknown };
        let chain = self.gcp.chain(facts.ingress.get(ELSEWHERE));
        let question = Question { protocol: PROXIED, port: probe.port.unwrap_or(serving), to };
        match admitted(&self.gcp.network, chain, &question).all(&asked) {
            Some(true) => Health::Passes,
            Some(false) => Health::Fails,
            None => Health::Unknown,
        }
    }

    /// Backends get the packets as they are, with the balancer's address as the destination (passthrough Network Load
    /// Balancers, overview).
    fn passthrough(&self, service: &Service, branches: &mut Vec<Onward>) {
        nobody(service, None, branches);
        let port = self.packet.destination_ports.first();
        let (chosen, any) = self.chosen(service, |_| Some((self.packet.destination, port)));
        if !any && service.drops && !chosen.is_empty() {
            let words = "no backend of {} is healthy, as the firewall keeps its probes off, and the service drops \
                         everything then";
            branches.push(failing(service, words));
            return;
        }
        let masked = masqueraded(self.gcp, &self.packet);
        for (target, health) in chosen {
            let last_resort = (!any).then(|| in_doubt(target.name, self.gcp.reasons.last_resort));
            let unsure = (health == Health::Unknown).then(|| in_doubt(target.name, self.gcp.reasons.health));
            let Some(interface) = self.receiver(target, branches) else { continue };
            for (packet, maybe) in senders(self.gcp, &self.packet, masked) {
                let mut path = Path::default();
                let note = Note::new("goes on to {} with both addresses unchanged").about(target.name);
                path.enter.hops.push(fact(BACKEND, Direction::Ingress, target.name, Outcome::Pass, note));
                deliver(self.gcp, interface, packet, self.context, &mut path.enter);
                path.end = Some((interface, packet));
                branches.push(Onward { path, doubt: maybe.or(last_resort).or(unsure) });
            }
        }
    }

    fn receiver(&self, target: &Target, branches: &mut Vec<Onward>) -> Option<InterfaceId> {
        if target.interface.is_some() && target.opaque.is_none() {
            return target.interface;
        }
        let note = Note::new("who the backend {} is").about(target.name);
        let reason = target.opaque.unwrap_or(self.gcp.reasons.unread_backend);
        let hop = Hop {
            kind: HopKind::Opaque(reason),
            layer: BACKEND,
            direction: Direction::Ingress,
            subject: target.name,
            note: Some(note),
        };
        branches.push(short(hop, None));
        None
    }

    /// A proxy connects by itself, so the backends see its own addresses and never nginx's.
    fn proxied(
        &self,
        service: &Service,
        sources: &Result<Vec<Prefix>, Refusal>,
        doubt: Option<Hop>,
        branches: &mut Vec<Onward>,
    ) {
        nobody(service, doubt, branches);
        let sources = match sources {
            Ok(sources) => sources,
            Err(refusal) => {
                let name = self.balancer.name;
                let hop = match refusal {
                    // Connectivity Tests, LOAD_BALANCER_HAS_NO_PROXY_SUBNET.
                    Refusal::Missing => {
                        let note = Note::new("{} has no proxy-only subnet to connect from")
                            .coded("LOAD_BALANCER_HAS_NO_PROXY_SUBNET")
                            .about(name);
                        fact(LOAD_BALANCER, Direction::Ingress, name, Outcome::Block, note)
                    }
                    Refusal::Unread(reason) => {
                        let note = Note::new("where {} connects from").about(name);
                        let pass = fact(LOAD_BALANCER, Direction::Ingress, name, Outcome::Pass, note);
                        Hop { kind: HopKind::Opaque(*reason), ..pass }
                    }
                };
                branches.push(short(hop, doubt));
                return;
            }
        };
        let (chosen, any) = self.chosen(service, |target| target.address.zip(target.port.ok().flatten()));
        if !any && !chosen.is_empty() {
            let words = "no backend of {} is healthy: the firewall keeps its probes off, or its machines are off";
            branches.push(Onward { doubt, ..failing(service, words) });
            return;
        }
        for (target, health) in chosen {
            let unsure = (health == Health::Unknown).then(|| in_doubt(target.name, self.gcp.reasons.health));
            self.connect(target, sources, doubt.or(unsure), branches);
        }
    }

    fn connect(&self, target: &Target, sources: &[Prefix], doubt: Option<Hop>, branches: &mut Vec<Onward>) {
        let Some(interface) = self.receiver(target, branches) else { return };
        let port = match target.port {
            Ok(Some(port)) => port,
            // Connectivity Tests, BACKEND_SERVICE_NAMED_PORT_NOT_DEFINED.
            Err(wanted) => {
                let note = Note::new("the instance group does not define the service's port `{}`")
                    .coded("BACKEND_SERVICE_NAMED_PORT_NOT_DEFINED")
                    .about(wanted);
                branches.push(short(fact(BACKEND, Direction::Ingress, target.name, Outcome::Block, note), doubt));
                return;
            }
            Ok(None) => {
                let note = Note::new("which port of {} the load balancer connects to").about(target.name);
                let pass = fact(BACKEND, Direction::Ingress, target.name, Outcome::Pass, note);
                branches.push(short(Hop { kind: HopKind::Opaque(self.gcp.reasons.unread_backend), ..pass }, doubt));
                return;
            }
        };
        let Some(to) = target.address else { return };
        let of_family = sources.iter().copied().filter(|block| block.family() == Family::of(to));
        let Some(first) = of_family.clone().next() else { return };
        let all: AddressSet = of_family.collect();
        let packet = Packet {
            protocol: PROXIED,
            source: first.first(),
            destination: to,
            source_ports: PortRange::new(PROXY_PORTS.0, PROXY_PORTS.1).unwrap_or(PortRange::ALL),
            destination_ports: PortRange::single(port),
            source_identity: Identity::Nobody,
            destination_identity: Identity::Interface(interface),
        };
        branches.push(Onward { path: self.connection(target, interface, packet), doubt });
        // Its connections come from anywhere in the blocks, of which that was the first address.
        let Some(facts) = self.gcp.facts_of(interface) else { return };
        let chain = self.gcp.chain(facts.ingress.get(ELSEWHERE));
        let question = Question { protocol: PROXIED, port, to };
        let found = admitted(&self.gcp.network, chain, &question);
        if found.all(&all) == Some(false) && !found.none(&all) {
            let last = sources.iter().rfind(|block| block.family() == Family::of(to));
            let other = Packet { source: last.map_or(first.last(), |block| block.last()), ..packet };
            branches.push(Onward { path: self.connection(target, interface, other), doubt });
            let note = Note::new("which addresses of {} get in").about(self.balancer.name);
            let pass = fact(BACKEND, Direction::Ingress, target.name, Outcome::Pass, note);
            branches.push(short(Hop { kind: HopKind::Opaque(self.gcp.reasons.split), ..pass }, doubt));
        }
    }

    /// A connection of a proxy to a backend.
    fn connection(&self, target: &Target, interface: InterfaceId, packet: Packet) -> Path {
        let mut path = Path::default();
        let note = Note::new("the load balancer connects to {address} from {}");
        let note = note.about(self.balancer.name).at(packet.destination);
        let kind = HopKind::Translation(Outcome::Pass);
        let hop = fact(BACKEND, Direction::Ingress, target.name, Outcome::Pass, note);
        path.enter.hops.push(Hop { kind, ..hop });
        deliver(self.gcp, interface, packet, ELSEWHERE, &mut path.enter);
        path.end = Some((interface, packet));
        path
    }
}
