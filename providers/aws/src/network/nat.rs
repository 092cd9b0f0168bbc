//! NAT gateways on the sender's half of a path: of one subnet, and of a whole Region.

use std::net::IpAddr;

use reachlint_model::{Direction, Hop, HopKind, Identity, NameId, Note, Outcome, PortRange, Sender, Via};

use super::code;
use super::compile::Route;
use super::estate::{RawNat, RawRegional, Target};
use super::leave::{Leaving, Step};
use super::route::Choice;
use super::{NAT_GATEWAY, ROUTE, fact, opaque};

/// Source ports that a NAT gateway opens connections from (VPC guide, network ACLs, ephemeral ports).
const NAT_PORTS: (u16, u16) = (1024, u16::MAX);

impl Leaving<'_> {
    /// Through a NAT gateway: it takes sources of its own VPC only, gives them its own address, and sends on by the
    /// routes of its own subnet (VPC guide, NAT gateways; Reachability Analyzer, `NGW_REQUIRES_SOURCE_IN_VPC`).
    pub(super) fn nat(&mut self, route: &Route, id: NameId) -> Step {
        self.leave_subnet(Identity::Nobody, false);
        self.pass(route, "leads to {}", id);
        let aws = self.aws;
        let Some(nat) = aws.nats.get(&id) else {
            let note = Note::new("the route {} leads there").about(route.name);
            self.hop(opaque(Direction::Egress, id, aws.unread_nat, note));
            return Step::Done(self.end(Via::Nowhere));
        };
        if !nat.available || nat.vpc.is_some_and(|vpc| vpc != self.vpc) {
            let word = if nat.available { code::NGW_REQUIRES_SOURCE_IN_VPC } else { code::BAD_STATE };
            let note = Note::new("the NAT gateway {} is not available to this VPC").about(nat.id).coded(word);
            self.hop(fact(NAT_GATEWAY, Direction::Egress, nat.id, Outcome::Block, note));
            return Step::Done(self.end(Via::Nowhere));
        }
        // A NAT gateway makes IPv4 of IPv6 where the destination says so (VPC guide, DNS64 and NAT64).
        if let Some(v4) = embedded(self.packet.destination) {
            let note = Note::new("the destination becomes {address}").at(v4);
            let kind = HopKind::Translation(Outcome::Pass);
            let (layer, direction) = (NAT_GATEWAY, Direction::Egress);
            self.hop(Hop { kind, layer, direction, subject: nat.id, note: Some(note) });
            self.packet.destination = v4;
        }
        match &nat.regional {
            Some(regional) => self.through_regional(nat, regional),
            None => self.through(nat),
        }
    }

    /// A regional NAT gateway is in no subnet: it has a route table of its own and public addresses for each zone (VPC
    /// guide, regional NAT gateways). Where it has none in the sender's zone, another zone's serve until it has.
    fn through_regional(&mut self, nat: &RawNat, regional: &RawRegional) -> Step {
        let aws = self.aws;
        let here = aws.network.interface(self.from).filter(|interface| interface.subnet == self.subnet);
        let zone = here.and_then(|_| aws.facts.get(self.from.0 as usize)).map(|facts| facts.zone);
        let own = regional.addresses.iter().filter(|(of, _)| Some(*of) == zone).map(|(_, address)| *address);
        let own: Vec<IpAddr> = own.collect();
        let table = regional.table.and_then(|id| aws.tables.iter().find(|table| table.id == id));
        let (Some(public), Some(table)) = (own.first(), table) else {
            let note = Note::new("the address of {} for this zone, and its route table").about(nat.id);
            self.hop(opaque(Direction::Egress, nat.id, aws.unread_nat, note));
            return Step::Done(self.end(Via::Nowhere));
        };
        self.behind_nat = true;
        self.packet.source_identity = Identity::Nobody;
        if let Some(ports) = PortRange::new(NAT_PORTS.0, NAT_PORTS.1) {
            self.packet.source_ports = ports;
        }
        self.translate(NAT_GATEWAY, nat.id, *public);
        self.gateway_addresses(nat.id, &own);
        let to = self.packet.destination;
        match aws.choose_in(table, to) {
            Choice::Route(route) => {
                if let Target::Internet(gateway) = route.target {
                    return Step::Done(self.through_internet(&route, gateway));
                }
                let note = Note::new("the route {} of the NAT gateway leads there").about(route.name);
                self.hop(opaque(Direction::Egress, nat.id, aws.appliance, note));
                Step::Done(self.end(Via::Nowhere))
            }
            Choice::Unread(reason) => {
                self.hop(opaque(Direction::Egress, nat.id, reason, Note::new("the routes of {}").about(nat.id)));
                Step::Done(self.end(Via::Nowhere))
            }
            Choice::None(table) => {
                let note = Note::new("no route of {} leads to {address}").about(table).at(to);
                let note = note.coded(code::NO_ROUTE_TO_DESTINATION);
                self.hop(fact(ROUTE, Direction::Egress, table, Outcome::Block, note));
                Step::Done(self.end(Via::Nowhere))
            }
            Choice::Blackhole(route) => {
                let note = Note::new("the route {} is a blackhole: its target is gone").about(route.name);
                let note = note.coded(code::BAD_STATE_ROUTE);
                self.hop(fact(ROUTE, Direction::Egress, route.name, Outcome::Block, note));
                Step::Done(self.end(Via::Nowhere))
            }
        }
    }

    /// What the internet gateway makes of the source behind a NAT gateway. Of several addresses it is any one for each
    /// connection (VPC guide, NAT gateways, secondary addresses).
    fn gateway_addresses(&mut self, gateway: NameId, all: &[IpAddr]) {
        self.public = all.first().copied();
        self.half.senders.clear();
        if all.len() < 2 {
            return;
        }
        self.half.senders.extend(all.iter().map(|own| {
            let note = Note::new("the source becomes {address}").at(*own);
            let kind = HopKind::Translation(Outcome::Pass);
            let (layer, direction) = (NAT_GATEWAY, Direction::Egress);
            Sender {
                address: *own,
                hop: Hop { kind, layer, direction, subject: gateway, note: Some(note) },
                doubt: None,
            }
        }));
    }

    fn through(&mut self, nat: &RawNat) -> Step {
        let (Some(subnet), Some(private)) = (nat.subnet, nat.private_address) else {
            let note = Note::new("subnet and address of {}").about(nat.id);
            self.hop(opaque(Direction::Egress, nat.id, self.aws.unread_nat, note));
            return Step::Done(self.end(Via::Nowhere));
        };
        if subnet != self.subnet {
            self.hop(self.aws.acl_hop(subnet, false, Direction::Ingress, self.packet));
            let answer = self.aws.acl_hop(subnet, true, Direction::Return, self.packet.reply());
            self.half.returns.push(answer);
        }
        self.subnet = subnet;
        self.behind_nat = true;
        self.packet.source_identity = Identity::Nobody;
        if let Some(ports) = PortRange::new(NAT_PORTS.0, NAT_PORTS.1) {
            self.packet.source_ports = ports;
        }
        self.translate(NAT_GATEWAY, nat.id, private);
        self.gateway_addresses(nat.id, if nat.public { &nat.public_addresses } else { &[] });
        Step::On
    }
}

/// The IPv4 address inside of one of the block `64:ff9b::/96`, which stands for those of IPv4 (RFC 6052).
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else { return None };
    let [.., a, b, c, d] = address.octets();
    let known = address.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]);
    known.then_some(IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d)))
}
