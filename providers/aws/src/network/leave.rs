//! The sender's half of a path.

use std::net::IpAddr;

use reachlint_model::{
    Crossing, Direction, Family, Half, Hop, HopKind, Identity, InterfaceId, NameId, Note, Outcome, Packet, PortRange,
    Prefix, Protocol, ReasonId, Via,
};

use super::access::Door;
use super::code;
use super::compile::{AwsNetwork, Route, SECURITY_GROUP, is_private};
use super::estate::Target;
use super::pods::{self, Fate};
use super::route::{Choice, is_link_local, is_link_local_service};
use super::{
    INTERNET_GATEWAY, LOOPBACK, NAT_GATEWAY, OPAQUE, PEERING, POD_NETWORK, ROUTE, SERVICE, TRANSIT, fact, opaque,
};

/// What an internet gateway says of a sender that it cannot give a public address.
pub(crate) const NO_PUBLIC_ADDRESS: &str =
    "an internet gateway passes nothing from {address}, which has no public address";
/// A packet that passes more NAT gateways than this goes in circles.
const MOST_GATEWAYS: usize = 8;

pub(super) fn leave(aws: &AwsNetwork, from: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing {
    Leaving::new(aws, from, packet, half).map_or(
        Crossing { packet: *packet, via: Via::Nowhere, destination: None },
        |mut leaving| {
            if leaving.stays_inside() {
                return leaving.loopback();
            }
            match pods::fate(aws, from, packet.source, packet.destination) {
                Fate::Kept => leaving.go(),
                Fate::Translated(node) => leaving.as_node(node),
                Fate::Unknown(reason) => leaving.as_whom(reason),
            }
        },
    )
}

pub(super) struct Leaving<'a> {
    pub(super) aws: &'a AwsNetwork,
    pub(super) half: &'a mut Half,
    pub(super) from: InterfaceId,
    interface: NameId,
    pub(super) packet: Packet,
    /// Where the packet is: the sender's subnet, later that of a NAT gateway.
    pub(super) subnet: NameId,
    pub(super) vpc: NameId,
    /// The public address that the internet gateway gives to the packet's source, if any.
    pub(super) public: Option<IpAddr>,
    /// Whether a NAT gateway took the packet on.
    pub(super) behind_nat: bool,
    /// Whether the sender's own security groups were passed already.
    outside: bool,
}

impl<'a> Leaving<'a> {
    fn new(aws: &'a AwsNetwork, from: InterfaceId, packet: &Packet, half: &'a mut Half) -> Option<Self> {
        let interface = aws.network.interface(from)?;
        let own = aws.network.addresses(interface).iter().find(|address| address.private == packet.source);
        Some(Self {
            aws,
            half,
            from,
            interface: interface.id,
            packet: Packet { source_identity: Identity::Interface(from), ..*packet },
            subnet: interface.subnet,
            vpc: interface.network,
            public: own.and_then(|address| address.public),
            behind_nat: false,
            outside: false,
        })
    }

    pub(super) fn hop(&mut self, hop: Hop) {
        self.half.hops.push(hop);
    }

    /// A pod's packet goes out as its node's.
    fn as_node(&mut self, node: InterfaceId) -> Crossing {
        let aws = self.aws;
        let Some(interface) = aws.network.interface(node) else { return self.end(Via::Nowhere) };
        let Some(own) = aws.network.addresses(interface).first().copied() else { return self.end(Via::Nowhere) };
        self.translate(POD_NETWORK, self.interface, own.private);
        self.from = node;
        self.interface = interface.id;
        self.subnet = interface.subnet;
        self.public = own.public;
        self.packet.source_identity = Identity::Interface(node);
        self.go()
    }

    /// Whether it does is not known, and with it who the sender is for everything that follows.
    fn as_whom(&mut self, reason: ReasonId) -> Crossing {
        let note = Note::new("from which address a pod's packet goes out of the VPC to {address}");
        let note = note.at(self.packet.destination);
        let kind = HopKind::Opaque(reason);
        let hop =
            Hop { kind, layer: POD_NETWORK, direction: Direction::Egress, subject: self.interface, note: Some(note) };
        self.hop(hop);
        self.end(Via::Nowhere)
    }

    pub(super) fn end(&self, via: Via) -> Crossing {
        Crossing { packet: self.packet, via, destination: None }
    }

    /// A host delivers packets to its own addresses itself; they never reach a filter of the cloud. `0.0.0.0` and
    /// `::` as a destination mean this host (Linux, `ip(7)`).
    fn stays_inside(&self) -> bool {
        let to = self.packet.destination;
        if to.is_loopback() || to.is_unspecified() {
            return true;
        }
        let instance = |id: InterfaceId| self.aws.facts.get(id.0 as usize).and_then(|facts| facts.instance);
        self.aws.network.owners(to).any(|owner| {
            let same = owner == self.from || (instance(owner).is_some() && instance(owner) == instance(self.from));
            same && self.aws.network.interface(owner).is_some_and(|interface| {
                self.aws.network.addresses(interface).iter().any(|address| address.private == to)
            })
        })
    }

    fn loopback(&mut self) -> Crossing {
        let note = Note::new("{address} is the machine itself: delivered locally, no filter of the cloud applies");
        let note = note.at(self.packet.destination);
        self.hop(fact(LOOPBACK, Direction::Egress, self.interface, Outcome::Pass, note));
        self.end(Via::Loopback)
    }

    fn go(&mut self) -> Crossing {
        let to = self.packet.destination;
        if is_link_local(to) {
            return self.link_local(to);
        }
        // Security groups and network ACLs do not filter what goes to the VPC's resolver (VPC guide, security groups).
        let dns = self.packet.destination_ports == PortRange::single(53);
        if dns && self.aws.resolvers.get(&self.vpc) == Some(&to) {
            let note =
                Note::new("{address} is the VPC's resolver, which security groups and network ACLs do not filter");
            self.hop(fact(SERVICE, Direction::Egress, self.interface, Outcome::Pass, note.at(to)));
            return self.end(Via::Service);
        }
        for _ in 0..MOST_GATEWAYS {
            match self.step() {
                Step::Done(crossing) => return crossing,
                Step::On => {}
            }
        }
        let note = Note::new("the route goes in a circle of NAT gateways");
        self.hop(fact(NAT_GATEWAY, Direction::Egress, self.subnet, Outcome::Block, note));
        self.end(Via::Nowhere)
    }

    fn link_local(&mut self, to: IpAddr) -> Crossing {
        if is_link_local_service(to, self.packet.protocol, self.packet.destination_ports) {
            let note = Note::new("{address} is a service of AWS that security groups and network ACLs do not filter");
            self.hop(fact(SERVICE, Direction::Egress, self.interface, Outcome::Pass, note.at(to)));
            return self.end(Via::Service);
        }
        let note = Note::new("{address} is link-local").at(to);
        self.hop(opaque(Direction::Egress, self.interface, self.aws.link_local, note));
        self.end(Via::Nowhere)
    }

    /// From one subnet to the end of the half, or into the subnet of a NAT gateway.
    fn step(&mut self) -> Step {
        let to = self.packet.destination;
        match self.aws.choose(self.subnet, to) {
            Choice::Unread(reason) => {
                self.leave_subnet(Identity::Unknown(reason), false);
                let hop = HopKind::Route(Outcome::Unknown(reason));
                self.hop(Hop {
                    kind: hop,
                    layer: ROUTE,
                    direction: Direction::Egress,
                    subject: self.subnet,
                    note: None,
                });
                // Without the routes the receiver in the same VPC is still worth a look: it may block for certain.
                let destination = self.aws.owner_in(self.vpc, to).ok();
                let via = destination.map_or(Via::Nowhere, |_| Via::Network { subnet: self.subnet, network: self.vpc });
                Step::Done(Crossing { destination, ..self.end(via) })
            }
            Choice::None(table) => {
                let note = Note::new("no route of {} leads to {address}").about(table).at(to);
                Step::Done(self.lost(table, note.coded(code::NO_ROUTE_TO_DESTINATION)))
            }
            Choice::Blackhole(route) => {
                let note = Note::new("the route {} is a blackhole: its target is gone").about(route.name);
                Step::Done(self.lost(route.name, note.coded(code::BAD_STATE_ROUTE)))
            }
            Choice::Route(route) => self.follow(&route),
        }
    }

    /// Without a route the connection is lost. The receiver is looked at all the same where only one way could lead
    /// there, so that everything that blocks is found at once.
    fn lost(&mut self, subject: NameId, mut note: Note) -> Crossing {
        let blind = note.code == Some(code::NO_ROUTE_TO_DESTINATION);
        let to = self.packet.destination;
        let here = self.aws.owner_in(self.vpc, to).ok();
        let (via, destination) = match here.or_else(|| self.only_owner(to).ok()) {
            Some(owner) if here.is_some() => (Via::Network { subnet: self.subnet, network: self.vpc }, Some(owner)),
            Some(owner) => match self.link_to(owner) {
                None if blind && self.is_disconnected(owner) => {
                    note = note.coded(code::DISCONNECTED_VPCS);
                    (Via::Nowhere, None)
                }
                Some((link, network)) => (Via::Link { link, network, subnet: None }, Some(owner)),
                None => (Via::Nowhere, None),
            },
            None => (Via::Nowhere, None),
        };
        let identity = destination.map_or_else(|| self.identity_in(self.vpc), Identity::Interface);
        self.leave_subnet(identity, false);
        self.hop(fact(ROUTE, Direction::Egress, subject, Outcome::Block, note));
        Crossing { destination, ..self.end(via) }
    }

    /// Whether nothing joins this VPC with that of an interface (Reachability Analyzer, `DISCONNECTED_VPCS`).
    fn is_disconnected(&self, owner: InterfaceId) -> bool {
        let Some(far) = self.aws.network.interface(owner).map(|interface| interface.network) else { return false };
        let peered = self.aws.peerings.values().any(|peering| {
            let joins = |vpc: NameId| peering.sides.iter().any(|side| side.vpc == Some(vpc));
            joins(self.vpc) && joins(far)
        });
        self.aws.links_read && !peered && !self.aws.transit.joins(self.vpc, far)
    }

    /// The active peering of one Region between this VPC and that of an interface.
    fn link_to(&self, owner: InterfaceId) -> Option<(NameId, NameId)> {
        let network = self.aws.network.interface(owner)?.network;
        let joins = |vpc: NameId| move |side: &super::estate::RawSide| side.vpc == Some(vpc);
        let link = self.aws.peerings.values().find(|peering| {
            let [first, second] = &peering.sides;
            let region = first.region == second.region || first.region.is_none() || second.region.is_none();
            peering.active
                && region
                && peering.sides.iter().any(joins(self.vpc))
                && peering.sides.iter().any(joins(network))
        })?;
        Some((link.id, network))
    }

    /// What the sender's side filters: its security groups once, and the ACL of the subnet that is left.
    pub(super) fn leave_subnet(&mut self, destination: Identity, same_subnet: bool) {
        self.packet.destination_identity = destination;
        if !self.outside {
            self.outside = true;
            let facts = self.aws.facts.get(self.from.0 as usize);
            if let Some(gate) = facts.and_then(|facts| facts.egress) {
                let kind = HopKind::Gate { gate, packet: self.packet };
                let subject = self.interface;
                self.hop(Hop { kind, layer: SECURITY_GROUP, direction: Direction::Egress, subject, note: None });
            }
        }
        // ACLs are asked only when traffic enters or leaves a subnet (VPC guide, network ACLs). They keep no
        // memory, so the answer is asked again on its way in.
        if !same_subnet {
            self.hop(self.aws.acl_hop(self.subnet, true, Direction::Egress, self.packet));
            let answer = self.aws.acl_hop(self.subnet, false, Direction::Return, self.packet.reply());
            self.half.returns.push(answer);
        }
    }

    pub(super) fn pass(&mut self, route: &Route, template: &'static str, subject: NameId) {
        let note = Note::new(template).about(subject);
        self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Pass, note));
    }

    fn follow(&mut self, route: &Route) -> Step {
        let step = self.step_by(route);
        let crosses = matches!(route.target, Target::Peering(_) | Target::EgressOnly(_) | Target::Transit(_));
        if crosses {
            let border = self.aws.border_hop(self.vpc, Direction::Egress);
            self.half.hops.extend(border);
        }
        step
    }

    fn step_by(&mut self, route: &Route) -> Step {
        match route.target {
            Target::Local => Step::Done(self.local(route)),
            Target::Peering(link) => Step::Done(self.peering(route, link)),
            Target::Internet(gateway) => Step::Done(self.internet(route, gateway)),
            Target::EgressOnly(gateway) => Step::Done(self.egress_only(route, gateway)),
            Target::Nat(gateway) => self.nat(route, gateway),
            Target::GatewayEndpoint(endpoint) => Step::Done(self.gateway_endpoint(route, endpoint)),
            Target::Interface(id) | Target::Instance(id) => Step::Done(self.appliance(route, id)),
            Target::Transit(gateway) => Step::Done(self.transit(route, gateway)),
            Target::Other(_, id) => {
                // Beyond a gateway that is not modelled the sender's groups are not known to the receiver's side,
                // and the other way round (Reachability Analyzer, SG_REFERENCES_NOT_PRESERVED).
                self.leave_subnet(Identity::Nobody, false);
                self.pass(route, "leads to {}", id);
                let reason = route.opaque.unwrap_or(self.aws.appliance);
                let note = Note::new("the route {} leads there").about(route.name);
                self.hop(Hop {
                    kind: HopKind::Opaque(reason),
                    layer: OPAQUE,
                    direction: Direction::Egress,
                    subject: id,
                    note: Some(note),
                });
                Step::Done(self.end(Via::Nowhere))
            }
        }
    }

    /// Inside the VPC.
    fn local(&mut self, route: &Route) -> Crossing {
        let to = self.packet.destination;
        let owner = self.aws.owner_in(self.vpc, to);
        let subnet = owner.ok().and_then(|owner| self.aws.network.interface(owner)).map(|interface| interface.subnet);
        let same = match subnet {
            Some(subnet) => subnet == self.subnet,
            None => self.aws.subnets.get(&self.subnet).is_some_and(|own| own.blocks.iter().any(|b| b.contains(to))),
        };
        let identity = self.identity_in(self.vpc);
        self.leave_subnet(
            if self.packet.source_identity == Identity::Nobody { Identity::Nobody } else { identity },
            same,
        );
        self.pass(route, "stays in {}", self.vpc);
        let via = Via::Network { subnet: self.subnet, network: self.vpc };
        if let Err(reason) = owner {
            self.unowned(reason, to);
            return self.end(Via::Nowhere);
        }
        Crossing { destination: owner.ok(), ..self.end(via) }
    }

    /// Who has the destination address in a VPC.
    fn identity_in(&self, vpc: NameId) -> Identity {
        self.aws.owner_in(vpc, self.packet.destination).map_or_else(Identity::Unknown, Identity::Interface)
    }

    fn unowned(&mut self, reason: ReasonId, to: IpAddr) {
        let note = Note::new("who has {address}").at(to).coded(code::UNKNOWN_DESTINATION);
        self.hop(opaque(Direction::Ingress, self.vpc, reason, note));
    }

    /// Over a peering connection. It is not transitive: one end of the packet must be in each VPC's own blocks
    /// (Reachability Analyzer, `PCX_REQUIRES_ADDRESS_IN_VPC_CIDR`). Group references hold only in one Region and
    /// while the peering is active (VPC Peering guide, security groups).
    fn peering(&mut self, route: &Route, link: NameId) -> Crossing {
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
    fn only_owner(&self, address: IpAddr) -> Result<InterfaceId, ReasonId> {
        let mut owners = self.aws.network.owners(address);
        match (owners.next(), owners.next()) {
            (Some(owner), None) => Ok(owner),
            (Some(_), Some(_)) => Err(self.aws.ambiguous),
            (None, _) => Err(self.aws.unowned(None)),
        }
    }

    /// Out through an internet gateway: only with a public address, never to a private one (Reachability Analyzer,
    /// `IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS`, `IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS`).
    fn internet(&mut self, route: &Route, gateway: NameId) -> Crossing {
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

    fn egress_only(&mut self, route: &Route, gateway: NameId) -> Crossing {
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
    fn transit(&mut self, route: &Route, gateway: NameId) -> Crossing {
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
    fn gateway_endpoint(&mut self, route: &Route, endpoint: NameId) -> Crossing {
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
    fn appliance(&mut self, route: &Route, id: NameId) -> Crossing {
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

pub(super) enum Step {
    Done(Crossing),
    /// In the subnet of a NAT gateway now.
    On,
}
