//! The sender's half of a path.

use std::net::IpAddr;

use reachlint_model::{
    Crossing, Direction, Family, Half, Hop, HopKind, Identity, InterfaceId, NameId, Note, Outcome, Packet, PortRange,
    Protocol, Sender, Via,
};

use super::balancer::Outbound;
use super::compile::{AzureNetwork, Facts, Filters, Kind, Nat};
use super::filters::is_public;
use super::routing::{Choice, NextHop, Route};
use super::tags::{HOST, METADATA};
use super::{APPLIANCE, GROUP, LOOPBACK, OPAQUE, OUTBOUND, PEERING, PLATFORM, ROUTE, fact, opaque};

/// Ports that NAT gateways and load balancers open connections from.
const SNAT_PORTS: (u16, u16) = (1024, u16::MAX);

/// What Azure says of a packet to private space that no route takes.
pub(crate) const DROPPED: &str = "the route {} drops what is for {address}";

pub(super) fn leave(azure: &AzureNetwork, from: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing {
    let lost = Crossing { packet: *packet, via: Via::Nowhere, destination: None };
    let Some(interface) = azure.network.interface(from) else { return lost };
    let Some(facts) = azure.facts.get(from.0 as usize) else { return lost };
    let packet = Packet { source_identity: Identity::Interface(from), ..*packet };
    let (id, subnet, network) = (interface.id, interface.subnet, interface.network);
    let mut leaving = Leaving { azure, half, from, id, facts, packet, subnet, network };
    leaving.go()
}

struct Leaving<'a> {
    azure: &'a AzureNetwork,
    half: &'a mut Half,
    from: InterfaceId,
    id: NameId,
    facts: &'a Facts,
    packet: Packet,
    subnet: NameId,
    network: NameId,
}

impl Leaving<'_> {
    fn hop(&mut self, hop: Hop) {
        self.half.hops.push(hop);
    }

    fn end(&self, via: Via, destination: Option<InterfaceId>) -> Crossing {
        Crossing { packet: self.packet, via, destination }
    }

    fn go(&mut self) -> Crossing {
        let to = self.packet.destination;
        if self.stays_inside() {
            let note = Note::new("{address} is the machine itself: delivered locally, no filter of the cloud applies");
            self.hop(fact(LOOPBACK, Direction::Egress, self.id, Outcome::Pass, note.at(to)));
            return self.end(Via::Loopback, None);
        }
        if let Some(reason) = self.facts.cluster {
            let note = Note::new("the source address is not known");
            self.hop(opaque(OPAQUE, Direction::Egress, self.id, reason, note));
        }
        if to == HOST || to == METADATA || is_link_local(to) {
            return self.platform(to);
        }
        // Application and other groups are told apart by addresses alone, so who has one does not matter here.
        AzureNetwork::filter_hops(&self.facts.filters, false, self.packet, &mut self.half.hops);
        let other = self.azure.other_route(self.from, to, Direction::Egress);
        self.half.hops.extend(other);
        match self.azure.choose(self.from, to) {
            Choice::Unread(reason) => {
                let kind = HopKind::Route(Outcome::Unknown(reason));
                let note = Note::new("which route {address} takes").at(to);
                self.hop(Hop { kind, ..fact(ROUTE, Direction::Egress, self.subnet, Outcome::Pass, note) });
                // Without the routes a receiver in the same network is still worth a look: it may refuse for certain.
                let owner = self.azure.owner_in(self.network, to).ok();
                self.end(owner.map_or(Via::Nowhere, |_| self.inside()), owner)
            }
            Choice::None => {
                let note = Note::new("no route leads to {address}").at(to);
                self.hop(fact(ROUTE, Direction::Egress, self.subnet, Outcome::Block, note));
                self.end(Via::Nowhere, None)
            }
            Choice::Route(route) => self.follow(&route),
        }
    }

    fn inside(&self) -> Via {
        Via::Network { subnet: self.subnet, network: self.network }
    }

    /// A host delivers packets to its own addresses itself. `0.0.0.0` and `::` as a destination mean this host (Linux,
    /// `ip(7)`).
    fn stays_inside(&self) -> bool {
        let to = self.packet.destination;
        if to.is_loopback() || to.is_unspecified() {
            return true;
        }
        self.azure.network.owners(to).any(|owner| {
            let machine = self.azure.facts.get(owner.0 as usize).and_then(|facts| facts.machine);
            let same = owner == self.from || (machine.is_some() && machine == self.facts.machine);
            same && self
                .azure
                .network
                .interface(owner)
                .is_some_and(|interface| self.azure.network.addresses(interface).iter().any(|own| own.private == to))
        })
    }

    /// The platform's services at fixed addresses. Only rules that name their tags filter them (Network security
    /// groups, Azure platform considerations).
    fn platform(&mut self, to: IpAddr) -> Crossing {
        for filter in [self.facts.filters.card, self.facts.filters.subnet].into_iter().flatten() {
            if let Some(gate) = filter.platform {
                let kind = HopKind::Gate { gate, packet: self.packet };
                let subject = filter.subject;
                self.hop(Hop { kind, layer: GROUP, direction: Direction::Egress, subject, note: None });
            }
        }
        if is_platform_service(to, self.packet.protocol, self.packet.destination_ports) {
            let note = Note::new("{address} is a service of the platform, which only rules by its own tag filter");
            self.hop(fact(PLATFORM, Direction::Egress, self.id, Outcome::Pass, note.at(to)));
            return self.end(Via::Service, None);
        }
        let note = Note::new("what answers at {address}").at(to);
        self.hop(opaque(OPAQUE, Direction::Egress, self.id, self.azure.link_local, note));
        self.end(Via::Nowhere, None)
    }

    fn follow(&mut self, route: &Route) -> Crossing {
        let to = self.packet.destination;
        let pass = |layer, note: Note| fact(layer, Direction::Egress, route.name, Outcome::Pass, note);
        match route.hop {
            NextHop::Local => {
                self.hop(pass(ROUTE, Note::new("stays in {}").about(self.network)));
                self.deliver(self.network, self.inside())
            }
            NextHop::Peering { link, network } => {
                self.hop(pass(PEERING, Note::new("the peering {} leads there").about(link)));
                self.deliver(network, Via::Link { subnet: None, link, network })
            }
            NextHop::Endpoint => {
                let note = Note::new("the route to the private endpoint {} leads there").about(route.name);
                self.hop(pass(ROUTE, note));
                let owner = self.azure.network.owners(to).find(|owner| {
                    let facts = self.azure.facts.get(owner.0 as usize);
                    facts.is_some_and(|facts| matches!(facts.kind, Kind::Endpoint { .. }))
                });
                if owner.is_none() {
                    let note = Note::new("who has {address}").at(to);
                    self.hop(opaque(OPAQUE, Direction::Ingress, route.name, self.azure.unowned, note));
                    return self.end(Via::Nowhere, None);
                }
                self.end(self.inside(), owner)
            }
            NextHop::Internet if is_public(to) => self.internet(route),
            NextHop::Internet => {
                let note = Note::new("{address} is private, and {} leads to the internet, where it is dropped");
                self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Block, note.about(route.name).at(to)));
                self.end(Via::Nowhere, None)
            }
            NextHop::Drop => {
                let note = Note::new(DROPPED).about(route.name).at(to);
                self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Block, note));
                self.end(Via::Nowhere, None)
            }
            NextHop::Appliance(address) => self.appliance(route, address),
            NextHop::Gateway => {
                let note = Note::new("the route {} leads there").about(route.name);
                self.hop(opaque(OPAQUE, Direction::Egress, route.name, self.azure.gateway, note));
                self.end(Via::Nowhere, None)
            }
            NextHop::Other(kind) => {
                let note = Note::new("a next hop of kind {}").about(kind);
                self.hop(opaque(OPAQUE, Direction::Egress, route.name, self.azure.other_hop, note));
                self.end(Via::Nowhere, None)
            }
        }
    }

    fn deliver(&mut self, network: NameId, via: Via) -> Crossing {
        let to = self.packet.destination;
        match self.azure.owner_in(network, to) {
            Ok(owner) => self.end(via, Some(owner)),
            Err(reason) => {
                let read = self.azure.spaces.contains_key(&network);
                let reason = if read { reason } else { self.azure.unread_network };
                let note = Note::new("who has {address}").at(to);
                self.hop(opaque(OPAQUE, Direction::Ingress, network, reason, note));
                self.end(Via::Nowhere, None)
            }
        }
    }

    /// To an appliance. Its interface drops what is for others unless IP forwarding is on, and filters it as any other
    /// does. What the appliance itself does is not known; where the address it sends from is, the receiver's filters are
    /// asked about that one.
    fn appliance(&mut self, route: &Route, address: Option<IpAddr>) -> Crossing {
        let to = self.packet.destination;
        let note = Note::new("the route {} leads to the appliance at {address}").about(route.name);
        let note = address.map_or(Note::new("the route {} leads to an appliance").about(route.name), |at| note.at(at));
        self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Pass, note));
        let owner = address.and_then(|address| {
            let near = self.azure.owner_in(self.network, address).ok();
            near.or_else(|| self.azure.network.owners(address).next())
        });
        let known =
            owner.and_then(|owner| self.azure.network.interface(owner).zip(self.azure.facts.get(owner.0 as usize)));
        if let Some((interface, facts)) = known.filter(|(_, facts)| facts.kind == Kind::Machine) {
            let (id, filters) = (interface.id, facts.filters);
            for (at, filter) in [filters.admin, filters.subnet, filters.card].into_iter().enumerate() {
                let Some(filter) = filter else { continue };
                let kind = HopKind::Gate { gate: filter.ingress, packet: self.packet };
                let layer = if at == 0 { super::ADMIN } else { GROUP };
                self.hop(Hop { kind, layer, direction: Direction::Ingress, subject: filter.subject, note: None });
            }
            if !facts.forwards {
                let note = Note::new("{} drops what is for {address}: IP forwarding is off there").about(id).at(to);
                self.hop(fact(APPLIANCE, Direction::Ingress, id, Outcome::Block, note));
            }
        }
        let note = Note::new("what the appliance passes on");
        self.hop(opaque(APPLIANCE, Direction::Egress, route.name, self.azure.appliance, note));
        let source = address.and_then(|address| self.azure.appliances.get(&address)).copied();
        let Some(source) = source else { return self.end(Via::Nowhere, None) };
        let note = Note::new("the appliance sends from {address}, as the evidence was told").at(source);
        let kind = HopKind::Translation(Outcome::Pass);
        self.hop(Hop { kind, ..fact(APPLIANCE, Direction::Egress, route.name, Outcome::Pass, note) });
        self.packet.source = source;
        self.packet.source_ports = PortRange::new(1024, u16::MAX).unwrap_or(PortRange::ALL);
        self.packet.source_identity = Identity::Nobody;
        if is_public(to) {
            return self.end(Via::Internet, None);
        }
        let mut owners = self.azure.network.owners(to);
        match (owners.next(), owners.next()) {
            (Some(owner), None) => {
                let network = self.azure.network.interface(owner).map_or(self.network, |interface| interface.network);
                self.end(Via::Link { subnet: None, link: route.name, network }, Some(owner))
            }
            _ => self.end(Via::Nowhere, None),
        }
    }

    /// Out to the internet, or to a public address of Azure without leaving it; the source becomes a public address. A
    /// NAT gateway goes before the interface's own address, and that before a load balancer (NAT gateway and
    /// availability of other outbound methods).
    fn internet(&mut self, route: &Route) -> Crossing {
        let to = self.packet.destination;
        let note = Note::new("{} leads to the internet").about(route.name);
        self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Pass, note));
        let source = self.packet.source;
        let interface = self.azure.network.interface(self.from);
        let own = interface.and_then(|interface| {
            let mut own = self.azure.network.addresses(interface).iter();
            own.find(|own| own.private == source).and_then(|own| own.public)
        });
        let subnet = self.azure.subnets.get(&self.subnet);
        let nat = subnet.and_then(|subnet| subnet.nat.as_ref()).filter(|_| Family::of(to) == Family::V4);
        let balanced = self.azure.outbound.get(&(self.from, source));
        let one = own.as_ref().map(std::slice::from_ref);
        let (subject, addresses) = match (nat, one, balanced) {
            (Some(Nat::Known(name, all)), ..) => (*name, Ok(all.as_slice())),
            (Some(Nat::Unsure(name, reason)), ..) => (*name, Err(*reason)),
            (None, Some(address), _) => (self.id, Ok(address)),
            (None, None, _) if self.facts.unread_public.is_some() => {
                (self.id, Err(self.facts.unread_public.unwrap_or(self.azure.default_outbound)))
            }
            (None, None, Some(Outbound::Known(name, all))) => (*name, Ok(all.as_slice())),
            (None, None, Some(Outbound::Unsure(name, reason))) => (*name, Err(*reason)),
            (None, None, None) if subnet.is_some_and(|subnet| subnet.private) => {
                let note = Note::new(
                    "{} has no way to the internet: the subnet is private, and there is no NAT gateway, public address \
                     or outbound rule",
                );
                self.hop(fact(OUTBOUND, Direction::Egress, self.subnet, Outcome::Block, note.about(self.id)));
                return self.end(Via::Nowhere, None);
            }
            (None, None, None) => (self.subnet, Err(self.azure.default_outbound)),
        };
        // Whatever translates for several machines chooses the ports too (Azure NAT Gateway, SNAT ports; Load Balancer,
        // outbound connections).
        if subject != self.id {
            self.packet.source_ports = PortRange::new(SNAT_PORTS.0, SNAT_PORTS.1).unwrap_or(PortRange::ALL);
        }
        self.packet.source_identity = Identity::Nobody;
        let translation = |outcome, note: Note| {
            let kind = HopKind::Translation(outcome);
            Hop { kind, ..fact(OUTBOUND, Direction::Egress, subject, Outcome::Pass, note) }
        };
        let becomes = |address| translation(Outcome::Pass, Note::new("the source becomes {address}").at(address));
        match addresses {
            Ok([address]) => {
                self.hop(becomes(*address));
                self.packet.source = *address;
            }
            // Which of them is chosen anew for every connection (Azure NAT Gateway, source network address translation).
            Ok(all) => {
                self.hop(translation(Outcome::Pass, Note::new("the source becomes one of several addresses")));
                let senders = all.iter().map(|own| Sender { address: *own, hop: becomes(*own), doubt: None });
                self.half.senders.extend(senders);
                self.packet.source = all.first().copied().unwrap_or(source);
            }
            Err(reason) => {
                let note = Note::new("the source becomes a public address that is not known");
                self.half.unseen = Some(translation(Outcome::Unknown(reason), note));
                self.packet = self.packet.hidden();
            }
        }
        self.end(Via::Internet, None)
    }
}

/// The filters of an interface on the way in, asked about a packet.
pub(super) fn inbound(filters: &Filters, packet: Packet, hops: &mut Vec<Hop>) {
    AzureNetwork::filter_hops(filters, true, packet, hops);
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// What the platform answers itself: DNS, the agent's endpoint and its health port, and the metadata service
/// (Virtual Network, what is IP address 168.63.129.16; Azure Instance Metadata Service).
fn is_platform_service(address: IpAddr, protocol: Protocol, ports: PortRange) -> bool {
    let port = ports.first();
    match (address == HOST, address == METADATA) {
        (true, _) => port == 53 || (protocol == Protocol::TCP && matches!(port, 80 | 32_526)),
        (_, true) => port == 80 && protocol == Protocol::TCP,
        _ => false,
    }
}
