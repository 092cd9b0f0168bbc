//! The network that AWS evidence describes, and the paths through it.
//!
//! Facts about AWS carry the document they come from: the *VPC guide* is the Amazon VPC User Guide, the *EC2 API*
//! the reference of the EC2 API, *Reachability Analyzer* the guide of that service with its explanation codes.

mod access;
mod amend;
mod balancer;
mod balancing;
mod border;
mod code;
mod compile;
mod elsewhere;
mod enter;
mod estate;
mod exposure;
mod filters;
mod gateways;
mod hosts;
mod intake;
mod leave;
mod managed;
mod names;
mod nat;
mod onward;
mod pods;
mod route;
mod services;
mod transit;
mod zones;

use std::net::IpAddr;

use reachlint_model::{
    Arrival, Cloud, Crossing, Direction, Exposure, Family, Fix, Half, Hop, HopKind, InterfaceId, Layer, ListId, Lookup,
    NameId, Network, Note, Onward, Outcome, Packet, Provider, ReasonId, Remedy, RuleId, Selector,
};

pub use amend::{Grant, Part, SubnetPlace};
pub use code::CODES;
pub use compile::AwsNetwork;
pub(crate) use compile::{NETWORK_ACL, Route, SECURITY_GROUP, Table, is_private};
pub use estate::Estate;
pub(crate) use estate::{RawPeering, RawSide, Target};
pub(crate) use leave::NO_PUBLIC_ADDRESS;
pub use names::{address_in_name, is_private_name};
#[cfg(feature = "live")]
pub(crate) use zones::plain;

/// Delivery inside the machine itself.
const LOOPBACK: Layer = Layer("host.local");
/// A route of a subnet's table.
pub(crate) const ROUTE: Layer = Layer("aws.route");
/// A peering connection.
pub(crate) const PEERING: Layer = Layer("aws.peering");
/// A NAT gateway.
pub(crate) const NAT_GATEWAY: Layer = Layer("aws.nat-gateway");
/// An internet gateway.
pub(crate) const INTERNET_GATEWAY: Layer = Layer("aws.internet-gateway");
/// A transit gateway.
pub(crate) const TRANSIT: Layer = Layer("aws.transit-gateway");
/// VPC Block Public Access.
pub(crate) const PUBLIC_ACCESS: Layer = Layer("aws.block-public-access");
/// An interface's check of its own addresses.
pub(crate) const SOURCE_DEST_CHECK: Layer = Layer("aws.source-dest-check");
/// Whether a machine runs behind the interface.
pub(crate) const INSTANCE_STATE: Layer = Layer("aws.instance-state");
/// A load balancer with its listeners.
pub(crate) const LOAD_BALANCER: Layer = Layer("aws.load-balancer");
/// A target group of a load balancer.
pub(crate) const TARGET_GROUP: Layer = Layer("aws.target-group");
/// The network plugin of an EKS cluster.
const POD_NETWORK: Layer = Layer("aws.pod-network");
/// A service that AWS runs behind an interface.
pub(crate) const MANAGED: Layer = Layer("aws.managed-service");
/// A service of AWS that has no interface.
const SERVICE: Layer = Layer("aws.service");
/// Something that is not modelled, or not in the evidence.
const OPAQUE: Layer = Layer("aws.opaque");

/// A hop whose outcome is known without asking rules.
fn fact(layer: Layer, direction: Direction, subject: NameId, outcome: Outcome, note: Note) -> Hop {
    Hop { kind: HopKind::Route(outcome), layer, direction, subject, note: Some(note) }
}

/// A hop whose inside is not known.
fn opaque(direction: Direction, subject: NameId, reason: ReasonId, note: Note) -> Hop {
    Hop { kind: HopKind::Opaque(reason), layer: OPAQUE, direction, subject, note: Some(note) }
}

impl AwsNetwork {
    /// A gate of a subnet's network ACL as a hop.
    fn acl_hop(&self, subnet: NameId, egress: bool, direction: Direction, packet: Packet) -> Hop {
        let acl = self.subnets.get(&subnet).map(|facts| facts.acl);
        let (kind, subject) = match acl {
            Some(Ok(acl)) => {
                let gate = if egress { acl.egress } else { acl.ingress };
                (HopKind::Gate { gate, packet }, acl.name)
            }
            Some(Err(reason)) => (HopKind::UnreadGate(reason), subnet),
            None => (HopKind::UnreadGate(self.unread_subnet), subnet),
        };
        Hop { kind, layer: compile::NETWORK_ACL, direction, subject, note: None }
    }

    /// Interfaces of one VPC that own a private address.
    fn owner_in(&self, vpc: NameId, address: IpAddr) -> Result<InterfaceId, ReasonId> {
        let mut owners = self.network.owners(address).filter(|id| {
            self.network.interface(*id).is_some_and(|interface| interface.network == vpc)
                && self.owns_privately(*id, address)
        });
        match (owners.next(), owners.next()) {
            (Some(owner), None) => Ok(owner),
            (Some(_), Some(_)) => Err(self.ambiguous),
            (None, _) => Err(self.unowned(Some(vpc))),
        }
    }

    /// Whether an address is one of an interface's own inside its VPC, alone or in a delegated block.
    fn owns_privately(&self, id: InterfaceId, address: IpAddr) -> bool {
        let Some(interface) = self.network.interface(id) else { return false };
        let listed = self.network.addresses(interface);
        let own = listed.iter().any(|known| known.private == address);
        own || !listed.iter().any(|known| known.public == Some(address))
    }

    fn unowned(&self, vpc: Option<NameId>) -> ReasonId {
        let outside = self.unowned.get(&None).copied();
        self.unowned.get(&vpc).copied().or(outside).unwrap_or(self.unread_subnet)
    }
}

impl Provider for AwsNetwork {
    fn cloud(&self) -> Cloud {
        Cloud::Aws
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn select(&self, selector: &Selector) -> Vec<InterfaceId> {
        let mut found: Vec<InterfaceId> = match selector {
            Selector::Itself => Vec::new(),
            Selector::Address(address) => self.network.owners(*address).collect(),
            Selector::Name(name) => self.network.called(name).to_vec(),
            Selector::Tag { key, value } => {
                let names = self.network.names();
                let tag = names.find(key).zip(names.find(value));
                tag.and_then(|tag| self.tags.get(&tag)).cloned().unwrap_or_default()
            }
        };
        found.sort_by_key(|id| {
            let primary = self
                .network
                .interface(*id)
                .and_then(|interface| self.network.addresses(interface).first().map(|address| address.private));
            (self.facts.get(id.0 as usize).map(|facts| facts.device_index), primary, *id)
        });
        found.dedup();
        found
    }

    fn lookup(&self, from: InterfaceId, host: &str) -> Lookup {
        names::lookup(self, from, host)
    }

    fn public_lookup(&self, host: &str) -> Lookup {
        let public = names::address_in_name(host).filter(|address| !compile::is_private(*address));
        public.map_or(Lookup::Silent, |address| Lookup::Addresses(vec![address]))
    }

    fn service(&self, host: &str) -> Option<&'static str> {
        names::service(host)
    }

    fn source_address(&self, from: InterfaceId, destination: IpAddr) -> Option<IpAddr> {
        let interface = self.network.interface(from)?;
        let family = Family::of(destination);
        let mut own = self.network.addresses(interface).iter().map(|address| address.private);
        own.find(|address| Family::of(*address) == family)
    }

    fn sender(&self, from: InterfaceId, address: IpAddr) -> Option<IpAddr> {
        pods::is_pod(self, from, address).then_some(address)
    }

    fn answers(&self, public: IpAddr) -> bool {
        self.network.public_owners(public).next().is_some()
    }

    fn leave(&self, from: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing {
        let crossing = leave::leave(self, from, packet, half);
        self.doubt_origin(from, half);
        self.doubt(half);
        crossing
    }

    fn enter(&self, crossing: &Crossing, half: &mut Half) -> Arrival {
        let arrival = enter::enter(self, crossing, half);
        self.doubt(half);
        arrival
    }

    fn onward(&self, crossing: &Crossing, at: InterfaceId, branches: &mut Vec<Onward>) {
        onward::onward(self, crossing, at, branches);
        for branch in branches {
            self.doubt(&mut branch.path.leave);
            self.doubt(&mut branch.path.enter);
        }
    }

    fn code(&self, hop: &Hop, undecided: bool, from: Option<InterfaceId>) -> Option<&'static str> {
        code::of(self, hop, undecided, from)
    }

    fn exposure(&self, interface: InterfaceId, address: IpAddr) -> Exposure {
        exposure::exposure(self, interface, address)
    }

    fn remedy(&self, fix: Fix, hop: &Hop, list: Option<ListId>, rule: Option<RuleId>) -> Option<Remedy> {
        let remedy = crate::remedy::remedy(self, fix, hop, list, rule)?;
        let placeholders = self.placeholders(&remedy.terraform);
        Some(crate::remedy::planned(remedy, &placeholders))
    }
}
