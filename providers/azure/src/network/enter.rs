//! The receiver's half of a path.

use std::net::IpAddr;

use reachlint_model::{
    Arrival, Crossing, Direction, Half, Hop, HopKind, Identity, InterfaceId, InterfaceState, NameId, Note, Outcome,
    Packet, Via,
};

use super::compile::{AzureNetwork, Kind};
use super::filters::is_public;
use super::leave::inbound;
use super::onward::listen;
use super::routing::{Choice, NextHop};
use super::{APPLICATION, ENDPOINT, MACHINE_STATE, OPAQUE, PUBLIC, ROUTE, fact, opaque};

pub(super) fn enter(azure: &AzureNetwork, crossing: &Crossing, half: &mut Half) -> Arrival {
    let mut entering = Entering { azure, half, packet: crossing.packet };
    let interface = match (crossing.via, crossing.destination) {
        (Via::Loopback | Via::Service | Via::Nowhere, _) | (Via::Network { .. } | Via::Link { .. }, None) => None,
        (Via::Network { .. } | Via::Link { .. }, Some(to)) => {
            entering.deliver(to, Back::Inside);
            Some(to)
        }
        (Via::Internet, _) => entering.internet(),
    };
    Arrival { interface, packet: entering.packet }
}

/// From a load balancer to its backend, with the client's address.
pub(super) fn hand_over(azure: &AzureNetwork, packet: Packet, to: InterfaceId, back: bool, half: &mut Half) {
    let way = if back { Back::Inside } else { Back::Balancer };
    Entering { azure, half, packet }.deliver(to, way);
}

/// The way that answers have to take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Back {
    Inside,
    Internet,
    /// Through the load balancer, whatever the routes say.
    Balancer,
}

struct Entering<'a> {
    azure: &'a AzureNetwork,
    half: &'a mut Half,
    packet: Packet,
}

impl Entering<'_> {
    fn hop(&mut self, hop: Hop) {
        self.half.hops.push(hop);
    }

    /// In by a public address, which becomes the private one before any filter is asked (Network security groups). A
    /// standard public address is closed where no group opens it; a basic one is open (Public IP addresses, security).
    fn internet(&mut self) -> Option<InterfaceId> {
        let to = self.packet.destination;
        self.packet.source_identity = self.packet.source_identity.outside();
        let Some(owner) = self.azure.public_owner(to) else {
            let subject = self.azure.network.interfaces().next().map(|(_, interface)| interface.network)?;
            let note = Note::new("who has {address}").at(to);
            self.hop(opaque(OPAQUE, Direction::Ingress, subject, self.azure.unowned, note));
            return None;
        };
        let interface = self.azure.network.interface(owner)?;
        let facts = self.azure.facts.get(owner.0 as usize)?;
        let own = self.azure.network.addresses(interface).iter().find(|own| own.public == Some(to));
        if let Some(own) = own.filter(|own| own.private != to) {
            let note = Note::new("the destination becomes {address}").at(own.private);
            let kind = HopKind::Translation(Outcome::Pass);
            self.hop(Hop { kind, ..fact(PUBLIC, Direction::Ingress, interface.id, Outcome::Pass, note) });
            self.packet.destination = own.private;
        }
        let filters = facts.filters;
        let open = filters.subnet.is_some() || filters.card.is_some() || self.azure.basic.contains(&to);
        if facts.kind == Kind::Machine && !open {
            let note = Note::new(
                "{address} is a standard public address, which is closed as long as neither the subnet nor the \
                 interface has a network security group that opens it",
            );
            self.hop(fact(PUBLIC, Direction::Ingress, interface.id, Outcome::Block, note.at(to)));
        }
        self.deliver(owner, Back::Internet);
        Some(owner)
    }

    fn deliver(&mut self, to: InterfaceId, back: Back) {
        let Some(interface) = self.azure.network.interface(to) else { return };
        let Some(facts) = self.azure.facts.get(to.0 as usize) else { return };
        let (id, subnet, state) = (interface.id, interface.subnet, interface.state);
        self.packet.destination_identity = Identity::Interface(to);
        match facts.kind {
            Kind::Machine | Kind::Opaque(_) => {
                inbound(&facts.filters, self.packet, &mut self.half.hops);
                self.alive(id, facts.machine.unwrap_or(id), state);
            }
            Kind::Endpoint { refused, unread } => self.endpoint(to, id, subnet, refused, unread),
            Kind::Frontend(at, number) => {
                let hop =
                    self.azure.balancers.get(at).map(|balancer| listen(self.azure, balancer, number, &self.packet));
                self.half.hops.extend(hop);
                return;
            }
            Kind::Application(at, number) => {
                self.application(at, number);
                return;
            }
        }
        if let Kind::Opaque(reason) = facts.kind {
            let note = Note::new("what stands behind {}").about(id);
            self.hop(opaque(OPAQUE, Direction::Ingress, id, reason, note));
        }
        if back != Back::Balancer && !matches!(facts.kind, Kind::Endpoint { .. }) {
            self.way_back(to, subnet, back);
        }
    }

    /// Groups filter private endpoints only where the subnet has network policies for them (Manage network policies for
    /// private endpoints).
    fn endpoint(
        &mut self,
        to: InterfaceId,
        id: NameId,
        subnet: NameId,
        refused: Option<NameId>,
        unread: Option<reachlint_model::ReasonId>,
    ) {
        let facts = self.azure.facts.get(to.0 as usize).map(|facts| facts.filters);
        let filtered = self.azure.subnets.get(&subnet).is_some_and(|subnet| subnet.group_policies);
        if let Some(filters) = facts.filter(|_| filtered) {
            let filters = super::compile::Filters { admin: None, ..filters };
            inbound(&filters, self.packet, &mut self.half.hops);
        } else {
            let note = Note::new("{} has no network policies for private endpoints, so no group filters here");
            self.hop(fact(ENDPOINT, Direction::Ingress, id, Outcome::Pass, note.about(subnet)));
        }
        match (refused, unread) {
            (Some(status), _) => {
                let note = Note::new("the connection of the private endpoint is {}, so nothing answers").about(status);
                self.hop(fact(ENDPOINT, Direction::Ingress, id, Outcome::Block, note));
            }
            (None, Some(reason)) => {
                let note = Note::new("whether the connection of {} is approved").about(id);
                self.hop(opaque(ENDPOINT, Direction::Ingress, id, reason, note));
            }
            (None, None) => {
                let note = Note::new("the private endpoint hands it on to its service");
                self.hop(fact(ENDPOINT, Direction::Ingress, id, Outcome::Pass, note));
            }
        }
    }

    /// Admin rules are not applied to the subnet of an application gateway (Virtual Network Manager, security admin
    /// rules), but its network security group is.
    fn application(&mut self, at: usize, number: usize) {
        let Some(application) = self.azure.applications.get(at) else { return };
        let filters = super::compile::Filters { subnet: application.filter, ..Default::default() };
        inbound(&filters, self.packet, &mut self.half.hops);
        let name = application.name;
        if let Some(state) = application.stopped {
            let note = Note::new("the application gateway is {}, so nothing answers").about(state);
            self.hop(fact(APPLICATION, Direction::Ingress, name, Outcome::Block, note));
        }
        let port = self.packet.destination_ports.first();
        let mut listeners = application.listeners.iter();
        if let Some((.., listener)) = listeners.find(|(frontend, ports, _)| *frontend == number && ports.contains(port))
        {
            let note = Note::new("the listener {} takes it").about(*listener);
            self.hop(opaque(APPLICATION, Direction::Ingress, name, self.azure.behind_application, note));
        } else {
            let note = Note::new("{} has no listener for that port on this frontend").about(name);
            self.hop(fact(APPLICATION, Direction::Ingress, name, Outcome::Block, note));
        }
    }

    fn alive(&mut self, id: NameId, machine: NameId, state: InterfaceState) {
        let note = match state {
            InterfaceState::Up => return,
            InterfaceState::Unread(reason) => {
                let kind = HopKind::Route(Outcome::Unknown(reason));
                let direction = Direction::Ingress;
                self.hop(Hop { kind, layer: MACHINE_STATE, direction, subject: machine, note: None });
                return;
            }
            InterfaceState::Down(word) => Note::new("the machine is {}, so nothing answers").about(word),
            InterfaceState::Detached => Note::new("{} is attached to nothing, so nothing answers").about(id),
        };
        self.hop(fact(MACHINE_STATE, Direction::Ingress, machine, Outcome::Block, note));
    }

    /// Groups let answers through by their memory, but they need a route too.
    fn way_back(&mut self, to: InterfaceId, subnet: NameId, back: Back) {
        let source = self.packet.source;
        let hop = |name, outcome, note: Note| fact(ROUTE, Direction::Return, name, outcome, note.at(source));
        let found = match self.azure.choose(to, source) {
            Choice::Unread(reason) => {
                let note = Note::new("which route answers to {address} take").at(source);
                let kind = HopKind::Route(Outcome::Unknown(reason));
                Hop { kind, ..hop(subnet, Outcome::Pass, note) }
            }
            Choice::None => hop(subnet, Outcome::Block, Note::new("no route leads back to {address}")),
            Choice::Route(route)
                if self.packet.source_identity == Identity::Hidden && self.azure.parts_internet(to, &route) =>
            {
                let note = Note::new("which route answers to {address} take").at(source);
                opaque(ROUTE, Direction::Return, subnet, self.azure.other_way_back, note)
            }
            Choice::Route(route) => {
                let note = Note::new("answers to {address} take {}").about(route.name);
                match (route.hop, back) {
                    (NextHop::Local | NextHop::Peering { .. }, Back::Inside | Back::Balancer)
                    | (NextHop::Internet, Back::Internet) => hop(route.name, Outcome::Pass, note),
                    (NextHop::Drop, _) => {
                        let note = Note::new("the route {} drops answers to {address}").about(route.name);
                        hop(route.name, Outcome::Block, note)
                    }
                    (NextHop::Internet, Back::Inside) if !is_public(source) => {
                        let note = Note::new("answers to {address} take {} and are lost").about(route.name);
                        hop(route.name, Outcome::Block, note)
                    }
                    _ => opaque(ROUTE, Direction::Return, route.name, self.azure.other_way_back, note.at(source)),
                }
            }
        };
        self.half.returns.push(found);
        self.half.returns.extend(self.azure.other_route(to, source, Direction::Return));
    }
}

/// Whether an address is one of an interface's own.
pub(super) fn owns(azure: &AzureNetwork, id: InterfaceId, address: IpAddr) -> bool {
    azure.network.owners(address).any(|owner| owner == id)
}
