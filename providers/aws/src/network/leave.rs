//! The sender's half of a path.

use std::net::IpAddr;

use reachlint_model::{
    Crossing, Direction, Half, Hop, HopKind, Identity, InterfaceId, NameId, Note, Outcome, Packet, PortRange, ReasonId,
    Via,
};

use super::code;
use super::compile::{AwsNetwork, Route, SECURITY_GROUP};
use super::estate::Target;
use super::pods::{self, Fate};
use super::route::{Choice, is_link_local, is_link_local_service};
use super::{LOOPBACK, NAT_GATEWAY, OPAQUE, POD_NETWORK, ROUTE, SERVICE, fact, opaque};

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

    pub(super) fn unowned(&mut self, reason: ReasonId, to: IpAddr) {
        let note = Note::new("who has {address}").at(to).coded(code::UNKNOWN_DESTINATION);
        self.hop(opaque(Direction::Ingress, self.vpc, reason, note));
    }
}

pub(super) enum Step {
    Done(Crossing),
    /// In the subnet of a NAT gateway now.
    On,
}
