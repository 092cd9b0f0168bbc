//! The receiver's half of a path.

use std::net::IpAddr;

use reachlint_model::{
    Arrival, Crossing, Direction, Family, Half, Hop, HopKind, Identity, InterfaceId, InterfaceState, NameId, Note,
    Outcome, Packet, Via,
};

use super::access::Door;
use super::balancer::Behind;
use super::code;
use super::compile::{AwsNetwork, SECURITY_GROUP};
use super::estate::Target;
use super::onward::listen;
use super::route::Choice;
use super::{INSTANCE_STATE, INTERNET_GATEWAY, ROUTE, SOURCE_DEST_CHECK, fact, opaque};

pub(super) fn enter(aws: &AwsNetwork, crossing: &Crossing, half: &mut Half) -> Arrival {
    let mut entering = Entering { aws, half, packet: crossing.packet };
    let interface = match (crossing.via, crossing.destination) {
        (Via::Loopback | Via::Service | Via::Nowhere, _) | (Via::Network { .. } | Via::Link { .. }, None) => None,
        (Via::Network { subnet, .. }, Some(to)) => {
            entering.deliver(to, Some(subnet), false, Back::Local);
            Some(to)
        }
        (Via::Link { link, subnet, .. }, Some(to)) => {
            let there = aws.network.interface(to).map(|interface| interface.subnet);
            entering.deliver(to, None, subnet.is_some() && subnet == there, Back::Link(link));
            Some(to)
        }
        (Via::Internet, _) => entering.internet(),
    };
    Arrival { interface, packet: entering.packet }
}

/// From a load balancer in a subnet to its target, with the client's address.
pub(super) fn hand_over(aws: &AwsNetwork, packet: Packet, to: InterfaceId, subnet: NameId, half: &mut Half) {
    Entering { aws, half, packet }.deliver(to, Some(subnet), false, Back::Balancer);
}

/// The way that answers have to take.
#[derive(Clone, Copy)]
enum Back {
    Local,
    Link(NameId),
    Internet,
    /// Whatever the routes say, to the load balancer that passed the packet on.
    Balancer,
}

struct Entering<'a> {
    aws: &'a AwsNetwork,
    half: &'a mut Half,
    packet: Packet,
}

impl Entering<'_> {
    fn hop(&mut self, hop: Hop) {
        self.half.hops.push(hop);
    }

    /// In through an internet gateway, which translates the public address to the private one. Senders are known by
    /// their public address only, so no group reference matches (VPC guide, security groups).
    fn internet(&mut self) -> Option<InterfaceId> {
        let to = self.packet.destination;
        self.packet.source_identity = self.packet.source_identity.outside();
        let Some(owner) = self.aws.network.public_owners(to).next() else {
            let reason = self.aws.unowned(None);
            let subject = self.aws.tables.first().map(|table| table.id);
            if let Some(subject) = subject {
                let note = Note::new("who has {address}").at(to);
                self.hop(opaque(Direction::Ingress, subject, reason, note));
            }
            return None;
        };
        let interface = self.aws.network.interface(owner)?;
        let own = self.aws.network.addresses(interface).iter().find(|address| address.public == Some(to));
        if let Some(address) = own {
            let note = Note::new("the destination becomes {address}").at(address.private);
            let kind = HopKind::Translation(Outcome::Pass);
            let layer = INTERNET_GATEWAY;
            let subject = interface.id;
            self.hop(Hop { kind, layer, direction: Direction::Ingress, subject, note: Some(note) });
            self.packet.destination = address.private;
        }
        let place = (interface.account, interface.region);
        let subnets = [interface.subnet; 2];
        let access = self.aws.access_hop(place, interface.network, subnets, Door::In);
        self.half.hops.extend(access);
        let cut = self.aws.facts.get(owner.0 as usize).is_some_and(|facts| facts.cut_from_internet);
        if cut && Family::of(to) == Family::V6 {
            let note = Note::new("{} refuses internet gateways for IPv6 (DenyAllIgwTraffic)").about(interface.id);
            self.hop(fact(INTERNET_GATEWAY, Direction::Ingress, interface.id, Outcome::Block, note));
        }
        self.deliver(owner, None, false, Back::Internet);
        Some(owner)
    }

    /// Into the receiver's subnet, through its security groups, to something that runs.
    ///
    /// What a transit gateway brings to the very subnet of its attachment passes no network ACL there, while answers
    /// do (VPC transit gateways guide, network ACLs).
    fn deliver(&mut self, to: InterfaceId, from_subnet: Option<NameId>, unfiltered: bool, back: Back) {
        let Some(interface) = self.aws.network.interface(to) else { return };
        let (id, subnet, state) = (interface.id, interface.subnet, interface.state);
        self.packet.destination_identity = Identity::Interface(to);
        if matches!(back, Back::Link(_) | Back::Internet) {
            let border = self.aws.border_hop(interface.network, Direction::Ingress);
            self.half.hops.extend(border);
        }
        if from_subnet != Some(subnet) && !unfiltered {
            self.hop(self.aws.acl_hop(subnet, false, Direction::Ingress, self.packet));
        }
        let Some(facts) = self.aws.facts.get(to.0 as usize).copied() else { return };
        if let Some(gate) = facts.ingress {
            let kind = HopKind::Gate { gate, packet: self.packet };
            self.hop(Hop { kind, layer: SECURITY_GROUP, direction: Direction::Ingress, subject: id, note: None });
        } else {
            let note = Note::new("{} has no security group, so none filters here").about(id);
            self.hop(fact(SECURITY_GROUP, Direction::Ingress, id, Outcome::Pass, note));
        }
        // An interface with the check drops what is not for one of its own addresses (EC2 API, SourceDestCheck).
        if facts.source_dest_check && !self.is_own(to, self.packet.destination) {
            let note = Note::new("{} drops what is for {address}: its source/destination check is on");
            let note = note.about(id).at(self.packet.destination).coded(code::ENI_SOURCE_DEST_CHECK_RESTRICTION);
            self.hop(fact(SOURCE_DEST_CHECK, Direction::Ingress, id, Outcome::Block, note));
        }
        self.alive(id, facts.instance.unwrap_or(id), state);
        match facts.behind {
            Some(Behind::Opaque(reason)) => {
                let note = Note::new("what stands behind {}").about(id);
                self.hop(opaque(Direction::Ingress, id, reason, note));
            }
            Some(Behind::Balancer(at)) => {
                let balancer = self.aws.balancers.all.get(at);
                self.half.hops.extend(balancer.map(|balancer| listen(balancer, &self.packet)));
            }
            Some(Behind::Service(at)) => {
                let service = self.aws.managed.all.get(at);
                self.half.hops.extend(service.map(|service| service.hop(&self.packet)));
            }
            None => {
                let published = facts.instance.and_then(|id| self.aws.managed.published_hop(id, &self.packet));
                self.half.hops.extend(published);
            }
        }
        if from_subnet != Some(subnet) {
            let answer = self.aws.acl_hop(subnet, true, Direction::Return, self.packet.reply());
            self.half.returns.push(answer);
        }
        if !matches!(back, Back::Balancer) {
            self.way_back(subnet, back);
        }
    }

    fn is_own(&self, id: InterfaceId, address: IpAddr) -> bool {
        self.aws.network.owners(address).any(|owner| owner == id)
    }

    fn alive(&mut self, id: NameId, machine: NameId, state: InterfaceState) {
        let note = match state {
            InterfaceState::Up => return,
            InterfaceState::Unread(reason) => {
                let kind = HopKind::Route(Outcome::Unknown(reason));
                self.hop(Hop {
                    kind,
                    layer: INSTANCE_STATE,
                    direction: Direction::Ingress,
                    subject: machine,
                    note: None,
                });
                return;
            }
            InterfaceState::Down(word) => Note::new("the machine is {}, so nothing answers").about(word),
            InterfaceState::Detached => Note::new("{} is attached to nothing, so nothing answers").about(id),
        };
        self.hop(fact(INSTANCE_STATE, Direction::Ingress, machine, Outcome::Block, note));
    }

    /// Answers need a route too: over the same peering, or out to the internet. Inside a VPC the local route is
    /// always there unless a more specific one overrides it (VPC guide, route tables).
    fn way_back(&mut self, subnet: NameId, back: Back) {
        let to = self.packet.source;
        let block = |subject: NameId, note: Note| fact(ROUTE, Direction::Return, subject, Outcome::Block, note);
        let hop = match self.aws.choose(subnet, to) {
            Choice::Unread(reason) => {
                let kind = HopKind::Route(Outcome::Unknown(reason));
                Hop { kind, layer: ROUTE, direction: Direction::Return, subject: subnet, note: None }
            }
            Choice::None(table) => {
                let note = Note::new("no route of {} leads back to {address}").about(table).at(to);
                block(table, note.coded(code::NO_ROUTE_TO_DESTINATION))
            }
            Choice::Blackhole(route) => {
                let note = Note::new("the route {} back to {address} is a blackhole").about(route.name).at(to);
                block(route.name, note.coded(code::BAD_STATE_ROUTE))
            }
            Choice::Route(route)
                if self.packet.source_identity == Identity::Hidden && self.aws.parts_internet(subnet, &route) =>
            {
                let note = Note::new("which route answers to {address} take").at(to);
                opaque(Direction::Return, subnet, self.aws.other_way_back, note)
            }
            Choice::Route(route) => {
                let note = Note::new("answers to {address} take {}").about(route.name).at(to);
                let pass = fact(ROUTE, Direction::Return, route.name, Outcome::Pass, note);
                match (back, route.target) {
                    // Past a transit gateway the answer may take a peering instead.
                    (Back::Link(link), Target::Peering(_)) if !self.aws.peerings.contains_key(&link) => {
                        opaque(Direction::Return, route.name, self.aws.other_way_back, note)
                    }
                    (Back::Link(link), Target::Transit(other)) if link == other => pass,
                    (Back::Local, Target::Local) | (Back::Internet, Target::Internet(_)) => pass,
                    (Back::Link(link), Target::Peering(other)) if link == other => pass,
                    (Back::Link(_), Target::Peering(_) | Target::Local | Target::Internet(_) | Target::Nat(_))
                    | (Back::Internet, _) => {
                        let note = Note::new("answers to {address} take {} and are lost").about(route.name).at(to);
                        block(route.name, note)
                    }
                    _ => {
                        let note = Note::new("answers to {address} take {}").about(route.name).at(to);
                        opaque(Direction::Return, route.name, self.aws.other_way_back, note)
                    }
                }
            }
        };
        self.half.returns.push(hop);
    }
}
