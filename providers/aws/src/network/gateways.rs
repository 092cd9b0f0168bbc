//! Out of a VPC by what its routes lead to: peerings, gateways, endpoints and appliances.

use std::net::IpAddr;

use reachlint_model::{
    Crossing, Direction, Family, Hop, HopKind, Identity, InterfaceId, NameId, Note, Outcome, Prefix, Protocol,
    ReasonId, Via,
};

use super::access::Door;
use super::code;
use super::compile::{Route, is_private};
use super::leave::{Leaving, NO_PUBLIC_ADDRESS};
use super::{INTERNET_GATEWAY, PEERING, ROUTE, TRANSIT, fact, opaque};

impl Leaving<'_> {
    /// Over a peering connection. It is not transitive: one end of the packet must be in each VPC's own blocks
    /// (Reachability Analyzer, `PCX_REQUIRES_ADDRESS_IN_VPC_CIDR`). Group references hold only in one Region and
    /// while the peering is active (VPC Peering guide, security groups).
    pub(super) fn peering(&mut self, route: &Route, link: NameId) -> Crossing {
        let to = self.packet.destination;
        let Some(peering) = self.aws.peerings.get(&link) else {
            self.leave_subnet(Identity::Unknown(self.aws.unread_peering), false);
            let note = Note::new("the route {} leads there").about(route.name);
            self.hop(opaque(Direction::Egress, link, self.aws.unread_peering, note));
            return self.end(Via::Nowhere);
        };
        let [first, second] = &peering.sides;
        let (near, far) = if first.vpc == Some(self.vpc) { (first, second) } else { (second, first) };
        let region = |region: Option<NameId>| region.map(|id| self.aws.network.name(id));
        let same_region = near.region.is_none() || far.region.is_none() || region(near.region) == region(far.region);
        // While it waits for acceptance, what comes after it is judged as it will be then: it blocks anyway.
        let status = peering.status.map(|status| self.aws.network.name(status));
        let waits = matches!(status, Some("initiating-request" | "pending-acceptance" | "provisioning"));
        let preserved = (peering.active || waits) && same_region && self.packet.source_identity != Identity::Nobody;
        let in_blocks = |blocks: &[Prefix], address: IpAddr| blocks.iter().any(|block| block.contains(address));
        let near_blocks = self.aws.vpcs.get(&self.vpc);
        let from_near = near_blocks.is_none_or(|blocks| blocks.is_empty() || blocks.contains(self.packet.source))
            || in_blocks(&near.blocks, self.packet.source);
        let far_known = far.vpc.and_then(|vpc| self.aws.vpcs.get(&vpc));
        let to_far = in_blocks(&far.blocks, to)
            || far_known.is_some_and(|blocks| blocks.contains(to))
            || (far.blocks.is_empty() && far_known.is_none());
        let network = far.vpc.unwrap_or(link);
        let owner = if to_far { self.aws.owner_in(network, to) } else { self.only_owner(to) };
        let identity = match owner {
            Ok(owner) if preserved => Identity::Interface(owner),
            Err(reason) if preserved => Identity::Unknown(reason),
            _ => Identity::Nobody,
        };
        self.leave_subnet(identity, false);
        self.pass(route, "leads to {}", link);
        let (outcome, note) = if !peering.active {
            let status = peering.status.unwrap_or(link);
            (Outcome::Block, Note::new("the peering is not active but {}").about(status).coded(code::BAD_STATE))
        } else if !to_far {
            let note = Note::new("a peering is not transitive: {address} is not in the peered VPC {}");
            (Outcome::Block, note.about(network).at(to).coded(code::PCX_REQUIRES_ADDRESS_IN_VPC_CIDR))
        } else if !from_near {
            let note = Note::new("a peering is not transitive: {address} is not in {}");
            let note = note.about(self.vpc).at(self.packet.source);
            (Outcome::Block, note.coded(code::PCX_REQUIRES_ADDRESS_IN_VPC_CIDR))
        } else {
            (Outcome::Pass, Note::new("active, to {}").about(network))
        };
        self.hop(fact(PEERING, Direction::Egress, peering.id, outcome, note));
        if !preserved {
            self.packet.source_identity = Identity::Nobody;
        }
        match owner {
            Ok(owner) => Crossing { destination: Some(owner), ..self.end(Via::Link { link, network, subnet: None }) },
            Err(reason) => {
                self.unowned(reason, to);
                self.end(Via::Nowhere)
            }
        }
    }

    /// The owner of an address in any VPC, if there is just one.
    pub(super) fn only_owner(&self, address: IpAddr) -> Result<InterfaceId, ReasonId> {
        let mut owners = self.aws.network.owners(address);
        match (owners.next(), owners.next()) {
            (Some(owner), None) => Ok(owner),
            (Some(_), Some(_)) => Err(self.aws.ambiguous),
            (None, _) => Err(self.aws.unowned(None)),
        }
    }

    /// Out through an internet gateway: only with a public address, never to a private one (Reachability Analyzer,
    /// `IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS`, `IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS`).
    pub(super) fn internet(&mut self, route: &Route, gateway: NameId) -> Crossing {
        self.leave_subnet(Identity::Nobody, false);
        self.through_internet(route, gateway)
    }

    pub(super) fn through_internet(&mut self, route: &Route, gateway: NameId) -> Crossing {
        let to = self.packet.destination;
        self.pass(route, "leads to {}", gateway);
        let border = self.aws.border_hop(self.vpc, Direction::Egress);
        self.half.hops.extend(border);
        self.packet.source_identity = Identity::Nobody;
        if self.is_detached(gateway) {
            return self.end(Via::Nowhere);
        }
        if is_private(to) {
            let note = Note::new("an internet gateway drops what is for the private address {address}").at(to);
            let note = Note { code: code::private_range(to), ..note };
            self.hop(fact(INTERNET_GATEWAY, Direction::Egress, gateway, Outcome::Block, note));
            return self.end(Via::Nowhere);
        }
        let cut = self.aws.facts.get(self.from.0 as usize).is_some_and(|facts| facts.cut_from_internet);
        let source = match Family::of(to) {
            Family::V6 => (!cut && !is_private(self.packet.source)).then_some(self.packet.source),
            Family::V4 => self.public,
        };
        let Some(source) = source else {
            let note = Note::new(NO_PUBLIC_ADDRESS);
            let note = note.at(self.packet.source);
            let public = to.is_ipv4().then_some(code::IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS);
            let note = Note { code: public, ..note };
            self.hop(fact(INTERNET_GATEWAY, Direction::Egress, gateway, Outcome::Block, note));
            return self.end(Via::Nowhere);
        };
        self.public_access(if self.behind_nat { Door::OutOnly } else { Door::Out });
        if self.half.senders.is_empty() {
            self.translate(INTERNET_GATEWAY, gateway, source);
        } else {
            let note = Note::new("the source becomes one of several addresses");
            let kind = HopKind::Translation(Outcome::Pass);
            let (layer, direction) = (INTERNET_GATEWAY, Direction::Egress);
            self.hop(Hop { kind, layer, direction, subject: gateway, note: Some(note) });
            self.packet.source = source;
        }
        self.end(Via::Internet)
    }

    pub(super) fn translate(&mut self, layer: reachlint_model::Layer, gateway: NameId, source: IpAddr) {
        let note = Note::new("the source becomes {address}").at(source);
        let kind = HopKind::Translation(Outcome::Pass);
        self.hop(Hop { kind, layer, direction: Direction::Egress, subject: gateway, note: Some(note) });
        self.packet.source = source;
    }

    pub(super) fn egress_only(&mut self, route: &Route, gateway: NameId) -> Crossing {
        self.leave_subnet(Identity::Nobody, false);
        self.pass(route, "leads to {}", gateway);
        self.packet.source_identity = Identity::Nobody;
        self.public_access(Door::OutOnly);
        let via = if self.is_detached(gateway) { Via::Nowhere } else { Via::Internet };
        self.end(via)
    }

    fn public_access(&mut self, door: Door) {
        let Some(interface) = self.aws.network.interface(self.from) else { return };
        let subnets = [interface.subnet, self.subnet];
        let place = (interface.account, interface.region);
        let hop = self.aws.access_hop(place, self.vpc, subnets, door);
        self.half.hops.extend(hop);
    }

    /// A gateway serves only the VPC that it is attached to (VPC guide, internet gateways).
    fn is_detached(&mut self, gateway: NameId) -> bool {
        let detached = self.aws.gateways.get(&gateway).is_some_and(|vpcs| !vpcs.contains(&self.vpc));
        if detached {
            let note = Note::new("{} is not attached to this VPC").about(gateway).coded(code::BAD_STATE_ATTACHMENT);
            self.hop(fact(INTERNET_GATEWAY, Direction::Egress, gateway, Outcome::Block, note));
        }
        detached
    }

    /// Over a transit gateway into another VPC. Rules on the way out never mean anybody there by a group (VPC transit
    /// gateways guide, security group referencing: for inbound rules only).
    ///
    /// The network ACL of the attachment's subnet filters as on any way through a subnet. An attachment in a machine's
    /// own subnet takes what the machine sends through both directions of the ACL, and brings it past both what comes
    /// from the gateway (VPC transit gateways guide, network ACLs).
    pub(super) fn transit(&mut self, route: &Route, gateway: NameId) -> Crossing {
        let (aws, to) = (self.aws, self.packet.destination);
        self.leave_subnet(Identity::Nobody, false);
        self.pass(route, "leads to {}", gateway);
        if let Some(reason) = route.opaque {
            let note = Note::new("the route {} leads there").about(route.name);
            self.hop(opaque(Direction::Egress, gateway, reason, note));
            return self.end(Via::Nowhere);
        }
        let way = match aws.transit_way(gateway, self.vpc, self.subnet, to) {
            Ok(way) => way,
            Err(stop) => {
                self.hop(stop.hop(Direction::Egress));
                return self.end(Via::Nowhere);
            }
        };
        self.hop(aws.acl_hop(way.exit, false, Direction::Ingress, self.packet));
        self.hop(way.pass(Direction::Egress));
        let owner = match aws.owner_in(way.far.vpc, to) {
            Ok(owner) if way.far.vpc != self.vpc => owner,
            Ok(_) => {
                self.hop(opaque(Direction::Egress, gateway, aws.other_way_back, Note::new("leads back into this VPC")));
                return self.end(Via::Nowhere);
            }
            Err(reason) => {
                self.unowned(reason, to);
                return self.end(Via::Nowhere);
            }
        };
        if let Err(stop) = aws.transit_inside(&way, to) {
            self.hop(stop.hop(Direction::Ingress));
        }
        let receiver = aws.network.interface(owner).map_or(way.entry, |interface| interface.subnet);
        if way.entry != receiver {
            self.hop(aws.acl_hop(way.entry, true, Direction::Ingress, self.packet));
        }
        self.transit_back(gateway, way.far.vpc, receiver);
        let unreferenced = aws.facts.get(owner.0 as usize).is_some_and(|facts| facts.unreferenced);
        if self.packet.source_identity != Identity::Nobody {
            self.packet.source_identity = match aws.transit_references(gateway, &way, [self.subnet, receiver]) {
                Ok(true) if unreferenced => Identity::Nobody,
                Ok(true) => self.packet.source_identity,
                Ok(false) => Identity::Nobody,
                Err(reason) => Identity::Unknown(reason),
            };
        }
        let via = Via::Link { link: gateway, network: way.far.vpc, subnet: Some(way.entry) };
        Crossing { destination: Some(owner), ..self.end(via) }
    }

    /// The answer's way through the gateway, once the receiver's subnet sends it there. It may pass other subnets of
    /// the attachments than the first packet, as each side goes by its own zone.
    fn transit_back(&mut self, gateway: NameId, far: NameId, receiver: NameId) {
        let (aws, back, reply) = (self.aws, self.packet.source, self.packet.reply());
        let way = match aws.transit_way(gateway, far, receiver, back) {
            Ok(way) => way,
            Err(stop) => return self.half.returns.push(stop.hop(Direction::Return)),
        };
        if way.far.vpc != self.vpc {
            let note = Note::new("answers to {address} are lost: {} leads to another VPC").about(way.route).at(back);
            self.half.returns.push(fact(TRANSIT, Direction::Return, way.route, Outcome::Block, note));
            return;
        }
        if way.entry == self.subnet {
            // What `leave_subnet` asked of the sender's own subnet.
            self.half.returns.pop();
        } else {
            self.half.returns.push(aws.acl_hop(way.entry, true, Direction::Return, reply));
        }
        if let Err(stop) = aws.transit_inside(&way, back) {
            self.half.returns.push(stop.hop(Direction::Return));
        }
        self.half.returns.push(way.pass(Direction::Return));
        self.half.returns.push(aws.acl_hop(way.exit, false, Direction::Return, reply));
    }

    /// A gateway endpoint of S3 or `DynamoDB` takes TCP only (Reachability Analyzer,
    /// `VPCE_GATEWAY_PROTOCOL_RESTRICTION`). Behind it there is no interface to filter.
    pub(super) fn gateway_endpoint(&mut self, route: &Route, endpoint: NameId) -> Crossing {
        self.leave_subnet(Identity::Nobody, false);
        let (outcome, note) = if self.packet.protocol == Protocol::TCP {
            (Outcome::Pass, Note::new("leads to the service behind {}").about(endpoint))
        } else {
            let note = Note::new("the gateway endpoint {} takes tcp only").about(endpoint);
            (Outcome::Block, note.coded(code::VPCE_GATEWAY_PROTOCOL_RESTRICTION))
        };
        self.hop(fact(ROUTE, Direction::Egress, route.name, outcome, note));
        self.end(Via::Service)
    }

    /// A route to an interface: the receiver's own, that of a machine which takes a virtual address, or an
    /// appliance in between. Behind an appliance group references no longer match (VPC guide, security groups for
    /// middlebox routing).
    pub(super) fn appliance(&mut self, route: &Route, id: NameId) -> Crossing {
        let to = self.packet.destination;
        let name = self.aws.network.name(id).to_owned();
        let device = self.aws.network.called(&name).first().copied();
        let owner = self.aws.owner_in(self.vpc, to).ok();
        let receiver = match (device, owner) {
            (Some(device), None) => Some(device),
            (Some(device), Some(owner)) if device == owner => Some(owner),
            _ => None,
        };
        let via = Via::Network { subnet: self.subnet, network: self.vpc };
        if let Some(receiver) = receiver {
            let subnet = self.aws.network.interface(receiver).map(|interface| interface.subnet);
            self.leave_subnet(Identity::Interface(receiver), subnet == Some(self.subnet));
            self.pass(route, "leads to {}", id);
            // A route to one address is one to whoever takes that address; a route to more of them leads to a machine that
            // passes on, such as a NAT instance (VPC guide, NAT instances).
            if owner.is_none() && route.prefix != Prefix::host(to) {
                let note = Note::new("whether {} passes on what is for {address}").about(id).at(to);
                self.hop(opaque(Direction::Egress, id, self.aws.appliance, note));
            }
            return Crossing { destination: Some(receiver), ..self.end(via) };
        }
        self.leave_subnet(Identity::Nobody, false);
        self.pass(route, "leads to {}", id);
        let note = Note::new("the route {} leads there").about(route.name);
        self.hop(opaque(Direction::Egress, id, self.aws.appliance, note));
        self.packet.source_identity = Identity::Nobody;
        let via = if owner.is_some() { via } else { Via::Nowhere };
        Crossing { destination: owner, ..self.end(via) }
    }
}
