//! The sender's half of a path.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reachlint_model::{
    Crossing, Direction, Family, Half, Hop, HopKind, Identity, InterfaceId, NameId, Note, Outcome, Packet, PortRange,
    Protocol, ReasonId, Sender, Via,
};

use super::balancer::Serves;
use super::choose::Way;
use super::compile::{ELSEWHERE, Facts, GcpNetwork, INTERNET, INTRA, Kind, is_private};
use super::vpc::{Nat, NextHop, Peering, Route, Vpc};
use super::{
    ALWAYS, ENDPOINT, EXTERNAL, LOAD_BALANCER, LOOPBACK, NAT, PEERING, ROUTE, SERVICE, fact, opaque, pass_gates, remark,
};
use crate::records::last;

/// Source ports that Cloud NAT opens connections from (Cloud NAT, ports).
const NAT_PORTS: (u16, u16) = (1024, u16::MAX);
/// Mail, which no machine may send to an external address (VPC firewall rules, blocked and limited traffic).
const SMTP: u16 = 25;

/// What is said of a load balancer that only its own region reaches.
pub(crate) const NO_GLOBAL_ACCESS: &str = "{} takes connections from its own region only: it has no global access";

pub(super) fn leave(gcp: &GcpNetwork, from: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing {
    let lost = Crossing { packet: *packet, via: Via::Nowhere, destination: None };
    let known = gcp.network.interface(from).zip(gcp.facts_of(from));
    let Some(((interface, facts), vpc)) = known.and_then(|known| Some((known, gcp.vpcs.get(&known.1.network)?))) else {
        return lost;
    };
    let (id, subnet) = (interface.id, interface.subnet);
    Leaving { gcp, half, from, id, subnet, facts, vpc, packet: *packet }.go()
}

struct Leaving<'a> {
    gcp: &'a GcpNetwork,
    half: &'a mut Half,
    from: InterfaceId,
    id: NameId,
    subnet: NameId,
    facts: &'a Facts,
    vpc: &'a Vpc,
    packet: Packet,
}

impl<'a> Leaving<'a> {
    fn hop(&mut self, hop: Hop) {
        self.half.hops.push(hop);
    }

    fn end(&self, via: Via) -> Crossing {
        Crossing { packet: self.packet, via, destination: None }
    }

    fn go(mut self) -> Crossing {
        let to = self.packet.destination;
        if self.stays_inside() {
            let note = Note::new("{address} is the machine itself: delivered locally, no filter of the cloud applies");
            self.hop(fact(LOOPBACK, Direction::Egress, self.id, Outcome::Pass, note.at(to)));
            return self.end(Via::Loopback);
        }
        if let Some(crossing) = self.link_local(to) {
            return crossing;
        }
        self.identify();
        let gcp = self.gcp;
        match gcp.choose(self.vpc, self.facts, &self.packet) {
            Way::Local(subnet) => self.local(subnet),
            Way::Peering(peering) => self.peering(peering),
            Way::Custom(route) => self.custom(route, None),
            Way::Imported(peering, route) => self.custom(route, Some(peering)),
            Way::Policy(route) => {
                self.gates(ELSEWHERE);
                let note = Note::new("the policy-based route {} leads there").about(route);
                self.hop(opaque(Direction::Egress, route, gcp.reasons.appliance, note));
                self.end(Via::Nowhere)
            }
            Way::None(subject, note) => {
                self.gates(ELSEWHERE);
                self.hop(fact(ROUTE, Direction::Egress, subject, Outcome::Block, note));
                self.end(Via::Nowhere)
            }
            Way::Unread(reason) => self.unread(reason),
        }
    }

    /// A host delivers packets to its own addresses itself; they never reach a filter of the cloud. `0.0.0.0` and `::`
    /// as a destination mean this host (Linux, `ip(7)`). A backend of an internal passthrough load balancer has the
    /// balancer's address too (internal passthrough Network Load Balancer, testing from backends).
    fn stays_inside(&self) -> bool {
        let to = self.packet.destination;
        if to.is_loopback() || to.is_unspecified() {
            return true;
        }
        let machine = |id: InterfaceId| match self.gcp.facts_of(id).map(|facts| facts.kind) {
            Some(Kind::Nic { machine, .. }) => Some(machine),
            Some(Kind::Range { node: Some(node), .. }) => match self.gcp.facts_of(node).map(|facts| facts.kind) {
                Some(Kind::Nic { machine, .. }) => Some(machine),
                _ => None,
            },
            _ => None,
        };
        let own = machine(self.from);
        let is_pod = matches!(self.facts.kind, Kind::Range { doubt: Some(_), .. });
        if let Kind::Range { prefix, .. } = self.facts.kind
            && is_pod
        {
            // A pod and its node are two hosts, but they meet inside of one machine.
            return prefix.contains(to);
        }
        self.gcp.network.owners(to).any(|owner| match self.gcp.facts_of(owner).map(|facts| facts.kind) {
            Some(Kind::Balancer(at)) => self.gcp.balancers.get(at).is_some_and(|balancer| {
                let here = balancer.network == self.facts.network && !balancer.is_external;
                here && balancer.is_passthrough() && balancer.serves(self.from)
            }),
            _ => own.is_some() && machine(owner) == own && self.gcp.owns_privately(owner, to),
        })
    }

    /// The metadata server takes connections whatever rules say (VPC firewall rules, always allowed traffic).
    fn link_local(&mut self, to: IpAddr) -> Option<Crossing> {
        let metadata = [
            IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
            IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
        ];
        if metadata.contains(&to) {
            let note = Note::new("{address} is the metadata server, which no firewall rule filters");
            self.hop(fact(SERVICE, Direction::Egress, self.id, Outcome::Pass, note.at(to)));
            return Some(self.end(Via::Service));
        }
        let link_local = match to {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        if link_local {
            let note = Note::new("{address} is link-local").at(to);
            self.hop(opaque(Direction::Egress, self.id, self.gcp.reasons.link_local, note));
            return Some(self.end(Via::Nowhere));
        }
        if to.is_multicast() || to == IpAddr::V4(Ipv4Addr::BROADCAST) {
            let note = Note::new("a VPC network carries neither multicast nor broadcast, such as {address}")
                .coded("NO_ROUTE")
                .at(to);
            self.hop(fact(ROUTE, Direction::Egress, self.vpc.name, Outcome::Block, note));
            return Some(self.end(Via::Nowhere));
        }
        None
    }

    /// Who rules take the sender for: tags and service accounts mean the primary internal address and IPv6, and never an
    /// alias range (VPC firewall rules, source tags and service accounts).
    fn identify(&mut self) {
        let source = self.packet.source;
        let gcp = self.gcp;
        self.packet.source_identity = match self.facts.kind {
            Kind::Range { doubt, .. } => doubt.map_or(Identity::Nobody, Identity::Unknown),
            Kind::Balancer(_) => Identity::Nobody,
            Kind::Nic { .. } => {
                let is_own = gcp
                    .network
                    .interface(self.from)
                    .is_some_and(|interface| gcp.network.addresses(interface).iter().any(|own| own.private == source));
                let of_range = gcp.range_of(source).find_map(|id| match gcp.facts_of(id)?.kind {
                    Kind::Range { node, doubt, .. } if node == Some(self.from) => Some(doubt),
                    _ => None,
                });
                match (is_own, of_range) {
                    (true, _) => Identity::Interface(self.from),
                    (false, Some(Some(doubt))) => Identity::Unknown(doubt),
                    (false, Some(None)) => Identity::Nobody,
                    (false, None) => {
                        // Without forwarding the network drops what has another source (Connectivity Tests,
                        // `FOREIGN_IP_DISALLOWED`).
                        let note = Note::new("{address} is no address of this interface").at(source);
                        self.hop(opaque(Direction::Egress, self.id, gcp.reasons.source, note));
                        Identity::Nobody
                    }
                }
            }
        };
    }

    fn gates(&mut self, context: usize) {
        let chain = self.gcp.chain(self.facts.egress.get(context));
        let interface = self.gcp.network.interface(self.from).map(|interface| interface.id);
        self.half.hops.extend(interface.and_then(|id| remark(self.facts, id, Direction::Egress)));
        pass_gates(chain, self.packet, Direction::Egress, &mut self.half.hops);
    }

    /// Without the routes a receiver in the same network is still worth a look: it may block for certain.
    fn unread(&mut self, reason: ReasonId) -> Crossing {
        let owner = self.gcp.owner_in(&self.facts.network, &self.packet).ok();
        self.gates(if owner.is_some() { INTRA } else { ELSEWHERE });
        let kind = HopKind::Route(Outcome::Unknown(reason));
        self.hop(Hop { kind, layer: ROUTE, direction: Direction::Egress, subject: self.vpc.name, note: None });
        let via = owner.map_or(Via::Nowhere, |_| Via::Network { subnet: self.subnet, network: self.vpc.name });
        Crossing { destination: owner, ..self.end(via) }
    }

    fn local(&mut self, subnet: NameId) -> Crossing {
        let to = self.packet.destination;
        let owner = self.gcp.owner_in(&self.facts.network, &self.packet);
        if let Ok(owner) = owner {
            self.packet.destination_identity = Identity::Interface(owner);
        }
        self.gates(INTRA);
        let note = Note::new("stays in {}").about(self.vpc.name);
        self.hop(fact(ROUTE, Direction::Egress, subnet, Outcome::Pass, note));
        match owner {
            Ok(owner) => {
                self.meet(owner, false);
                let via = Via::Network { subnet: self.subnet, network: self.vpc.name };
                Crossing { destination: Some(owner), ..self.end(via) }
            }
            Err(reason) => self.unowned(reason, to),
        }
    }

    fn unowned(&mut self, reason: ReasonId, to: IpAddr) -> Crossing {
        let note = Note::new("who has {address}").at(to);
        self.hop(opaque(Direction::Ingress, self.vpc.name, reason, note));
        self.end(Via::Nowhere)
    }

    /// What a load balancer asks of where the sender is. An internal one takes senders of its own region unless it has
    /// global access (Connectivity Tests, `FORWARDING_RULE_REGION_MISMATCH`), and an endpoint of Private Service Connect
    /// none of a peered network (`PSC_ENDPOINT_ACCESSED_FROM_PEERED_NETWORK`).
    fn meet(&mut self, owner: InterfaceId, over_peering: bool) {
        let Some(Kind::Balancer(at)) = self.gcp.facts_of(owner).map(|facts| facts.kind) else { return };
        let Some(balancer) = self.gcp.balancers.get(at).filter(|balancer| !balancer.is_external) else { return };
        let here = self.gcp.network.interface(self.from).map(|interface| self.gcp.network.name(interface.region));
        let is_near = balancer.region.as_deref().is_none_or(|region| Some(region) == here);
        let is_endpoint = matches!(balancer.serves, Serves::Endpoint { .. } | Serves::Apis);
        if over_peering && is_endpoint {
            let note =
                Note::new("{} is an endpoint of Private Service Connect, which takes nothing from peered networks")
                    .coded("PSC_ENDPOINT_ACCESSED_FROM_PEERED_NETWORK");
            self.hop(fact(ENDPOINT, Direction::Ingress, balancer.name, Outcome::Block, note.about(balancer.name)));
        }
        if !is_near && !balancer.has_global_access {
            let layer = if is_endpoint { ENDPOINT } else { LOAD_BALANCER };
            let note = Note::new(NO_GLOBAL_ACCESS).coded("FORWARDING_RULE_REGION_MISMATCH");
            self.hop(fact(layer, Direction::Ingress, balancer.name, Outcome::Block, note.about(balancer.name)));
        }
    }

    /// Over a peering into another network. Rules are not exchanged; tags and service accounts of this network mean
    /// nothing there, and secure tags do (VPC Network Peering, limits; Cloud NGFW, secure tags).
    fn peering(&mut self, peering: &Peering) -> Crossing {
        let (gcp, to) = (self.gcp, self.packet.destination);
        let peer = gcp.vpcs.get(&peering.network);
        let owner = gcp.owner_in(&peering.network, &self.packet);
        self.gates(ELSEWHERE);
        let note = Note::new("leads to {}").about(peering.name);
        self.hop(fact(ROUTE, Direction::Egress, self.vpc.name, Outcome::Pass, note));
        let (outcome, note) = if !peering.is_active {
            (Outcome::Block, Note::new("the peering is not active but {}").about(peering.state))
        } else if Family::of(to) == Family::V6 && !peering.carries_v6 {
            (Outcome::Block, Note::new("the peering carries IPv4 only, so {address} is out of reach").at(to))
        } else {
            let far = peer.map_or(peering.name, |peer| peer.name);
            (Outcome::Pass, Note::new("active, to {}").about(far))
        };
        self.hop(fact(PEERING, Direction::Egress, peering.name, outcome, note));
        let database = gcp.databases.get(&to);
        let own = |network: &String| *network == self.facts.network;
        if let Some(database) = database.filter(|database| database.network.as_ref().is_none_or(own)) {
            return self.database(database.name, database.runs, database.port);
        }
        let is_unread = peer.is_none_or(|peer| peer.unread_subnets.is_some() && peer.unread_peerings.is_some());
        match owner {
            Ok(owner) => {
                self.meet(owner, true);
                let network = peer.map_or(peering.name, |peer| peer.name);
                Crossing {
                    destination: Some(owner),
                    ..self.end(Via::Link { link: self.vpc.name, network, subnet: None })
                }
            }
            Err(_) if is_unread => {
                // Networks of Google's services are in projects that nobody else reads, and all have this name (private
                // services access).
                let is_managed = last(&peering.network) == "servicenetworking";
                let reason = if is_managed { gcp.reasons.service } else { gcp.reasons.unread_peer };
                let note = Note::new("who answers at {address}").at(to);
                self.hop(opaque(Direction::Ingress, peering.name, reason, note));
                self.end(Via::Nowhere)
            }
            Err(reason) => self.unowned(reason, to),
        }
    }

    /// A database with a private address is in a network of Google's, in which no rule of the user's decides (Cloud SQL,
    /// private IP).
    fn database(&mut self, name: NameId, runs: bool, port: Option<u16>) -> Crossing {
        let asked = self.packet.destination_ports;
        let (outcome, note) = if !runs {
            (Outcome::Block, Note::new("the database {} does not run").coded("CLOUD_SQL_INSTANCE_NOT_RUNNING"))
        } else if port.is_some_and(|port| asked != PortRange::single(port)) {
            (Outcome::Block, Note::new("the database {} listens on another port"))
        } else {
            (Outcome::Pass, Note::new("the database {} takes it, and no firewall rule of the VPC is asked there"))
        };
        let outcome = if port.is_none() { Outcome::Unknown(self.gcp.reasons.service) } else { outcome };
        self.hop(fact(SERVICE, Direction::Ingress, name, outcome, note.about(name)));
        self.end(Via::Service)
    }

    fn custom(&mut self, route: &Route, over: Option<&Peering>) -> Crossing {
        let gcp = self.gcp;
        if let Some(word) = route.broken {
            self.gates(ELSEWHERE);
            let note = Note::new("the route leads nowhere: {}").about(word);
            self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Block, note));
            return self.end(Via::Nowhere);
        }
        match &route.hop {
            NextHop::Internet => self.internet(route),
            NextHop::Peering(_) => self.end(Via::Nowhere),
            NextHop::Appliance(device) => {
                self.gates(ELSEWHERE);
                self.lead(route, over, *device);
                let note = Note::new("the route {} leads there").about(route.name);
                self.hop(opaque(Direction::Egress, *device, gcp.reasons.appliance, note));
                self.end(Via::Nowhere)
            }
            NextHop::Other(thing, reason) => {
                self.gates(ELSEWHERE);
                self.lead(route, over, *thing);
                let note = Note::new("the route {} leads there").about(route.name);
                self.hop(opaque(Direction::Egress, *thing, *reason, note));
                self.end(Via::Nowhere)
            }
        }
    }

    fn lead(&mut self, route: &Route, over: Option<&Peering>, to: NameId) {
        if let Some(peering) = over {
            let note = Note::new("hands the route {} over").about(route.name);
            self.hop(fact(PEERING, Direction::Egress, peering.name, Outcome::Pass, note));
        }
        let template = if route.is_dynamic { "learned from a router, leads to {}" } else { "leads to {}" };
        self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Pass, Note::new(template).about(to)));
    }

    /// Out to the internet: with an external address of the interface, else through Cloud NAT, else only to Google's own
    /// services (Connectivity Tests, `NO_EXTERNAL_ADDRESS`; VPC, Private Google Access).
    fn internet(&mut self, route: &Route) -> Crossing {
        let to = self.packet.destination;
        self.gates(INTERNET);
        let note = Note::new("leads to the internet");
        self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Pass, note));
        self.packet.destination_identity = Identity::Nobody;
        if self.packet.protocol == Protocol::TCP && self.packet.destination_ports == PortRange::single(SMTP) {
            let note = Note::new("Google Cloud lets nothing out to port 25 of an external address, whatever rules say")
                .coded("TRAFFIC_TYPE_BLOCKED");
            self.hop(fact(ALWAYS, Direction::Egress, self.id, Outcome::Block, note));
        }
        match Family::of(to) {
            Family::V4 => self.internet_v4(to),
            Family::V6 => {
                // Packets of IPv6 keep their source (VPC, IPv6 addresses).
                if is_private(self.packet.source) {
                    let note = Note::new("{address} is an internal address, which the internet does not carry");
                    let note = note.at(self.packet.source);
                    self.hop(fact(EXTERNAL, Direction::Egress, self.id, Outcome::Block, note));
                    return self.end(Via::Nowhere);
                }
                self.packet.source_identity = Identity::Nobody;
                self.end(Via::Internet)
            }
        }
    }

    fn internet_v4(&mut self, to: IpAddr) -> Crossing {
        let gcp = self.gcp;
        let interface = gcp.network.interface(self.from);
        let own = interface.and_then(|interface| {
            let mut own = gcp.network.addresses(interface).iter();
            own.find(|address| address.private == self.packet.source)?.public
        });
        // What a rule could name as the sender is gone with the address (VPC firewall rules, sources).
        self.packet.source_identity = Identity::Nobody;
        if let Some(source) = own {
            self.translate(EXTERNAL, self.id, source);
            return self.end(Via::Internet);
        }
        match self.nat() {
            Ok(Some(nat)) => return self.through(nat),
            Ok(None) => {}
            Err(reason) => {
                self.packet = self.packet.hidden();
                let note = Note::new("whether Cloud NAT takes it on");
                let kind = HopKind::Translation(Outcome::Unknown(reason));
                self.hop(Hop {
                    kind,
                    layer: NAT,
                    direction: Direction::Egress,
                    subject: self.vpc.name,
                    note: Some(note),
                });
                return self.end(Via::Internet);
            }
        }
        let access = self.facts.subnet.as_deref().and_then(|subnet| {
            self.vpc.subnets.iter().find(|known| known.path == subnet).map(|subnet| subnet.google_access)
        });
        // The addresses of `private.googleapis.com` and `restricted.googleapis.com` (VPC, Private Google Access).
        let is_api =
            matches!(to, IpAddr::V4(v4) if v4.octets()[..3] == [199, 36, 153] && (4..12).contains(&v4.octets()[3]));
        match (access, is_api) {
            (Some(true), true) => {
                let note = Note::new("{address} is an address of Google's APIs, which Private Google Access reaches");
                self.hop(fact(SERVICE, Direction::Egress, self.id, Outcome::Pass, note.at(to)));
                return self.end(Via::Service);
            }
            (Some(true), false) => {
                let note =
                    Note::new("there is neither an external address nor Cloud NAT on the way to {address}").at(to);
                self.hop(opaque(Direction::Egress, self.id, gcp.reasons.google_api, note));
            }
            _ => {
                let note =
                    Note::new("{address} has neither an external address nor Cloud NAT").coded("NO_EXTERNAL_ADDRESS");
                let note = note.at(self.packet.source);
                self.hop(fact(EXTERNAL, Direction::Egress, self.id, Outcome::Block, note));
            }
        }
        self.end(Via::Nowhere)
    }

    /// The gateway of Cloud NAT that serves the source, if there is one.
    fn nat(&self) -> Result<Option<&'a Nat>, ReasonId> {
        let vpc = self.vpc;
        let region = self.gcp.network.interface(self.from).map(|interface| self.gcp.network.name(interface.region));
        let subnet = self.facts.subnet.as_deref().unwrap_or_default();
        let secondary = vpc.subnets.iter().find(|known| known.path == subnet).and_then(|known| {
            known.secondary.iter().find(|(_, block)| block.contains(self.packet.source)).map(|(name, _)| name.as_str())
        });
        let serving = vpc.nats.iter().filter(|nat| Some(nat.region.as_str()) == region);
        let found = serving.into_iter().find(|nat| nat.scope.serves(subnet, secondary));
        match (found, vpc.unread_nats) {
            (Some(nat), _) => Ok(Some(nat)),
            (None, Some(reason)) => Err(reason),
            (None, None) => Ok(None),
        }
    }

    fn through(&mut self, nat: &Nat) -> Crossing {
        if let Some(ports) = PortRange::new(NAT_PORTS.0, NAT_PORTS.1) {
            self.packet.source_ports = ports;
        }
        let translation = |outcome, note: Note| Hop {
            kind: HopKind::Translation(outcome),
            layer: NAT,
            direction: Direction::Egress,
            subject: nat.name,
            note: Some(note.about(nat.name)),
        };
        match &nat.addresses {
            Err(reason) => {
                let note = Note::new("the source becomes an address of Cloud NAT {} that is not known");
                self.half.unseen = Some(translation(Outcome::Unknown(*reason), note));
                self.packet = self.packet.hidden();
            }
            Ok(one) if one.len() == 1 => {
                if let Some(address) = one.first() {
                    self.translate(NAT, nat.name, *address);
                }
            }
            Ok(all) => {
                let note = Note::new("Cloud NAT {} gives the source one of its addresses");
                self.hop(translation(Outcome::Pass, note));
                // A machine gets its ports from one address, and keeps that (Cloud NAT, ports). So the others are not
                // taken now and then: they are, or they are not.
                for (at, address) in all.iter().enumerate() {
                    let hop = translation(Outcome::Pass, Note::new("the source becomes {address}").at(*address));
                    let doubt = Note::new("whether this machine is given {address}").at(*address);
                    let doubt = translation(Outcome::Unknown(self.gcp.reasons.several), doubt);
                    let doubt = (at > 0).then_some(doubt);
                    self.half.senders.push(Sender { address: *address, hop, doubt });
                }
                self.packet.source = all.first().copied().unwrap_or(self.packet.source);
            }
        }
        self.end(Via::Internet)
    }

    fn translate(&mut self, layer: reachlint_model::Layer, subject: NameId, source: IpAddr) {
        let note = Note::new("the source becomes {address}").at(source);
        let kind = HopKind::Translation(Outcome::Pass);
        self.hop(Hop { kind, layer, direction: Direction::Egress, subject, note: Some(note) });
        self.packet.source = source;
    }
}
