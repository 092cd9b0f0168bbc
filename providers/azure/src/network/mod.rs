//! The network that Azure evidence describes, and the paths through it.
//!
//! Facts about Azure carry the page of its documentation that they come from, by title.

mod admin;
mod application;
mod balancer;
mod compile;
mod enter;
mod estate;
mod exposure;
mod filters;
mod force;
mod leave;
mod names;
mod nics;
mod onward;
mod routing;
mod tags;
mod words;
mod zones;

use std::net::IpAddr;

use reachlint_model::{
    Arrival, Cloud, Crossing, Direction, Exposure, Family, Fix, Half, Hop, HopKind, InterfaceId, Layer, ListId, Lookup,
    NameId, Network, Note, Onward, Outcome, Packet, Provider, ReasonId, Remedy, RuleId, Selector,
};

pub use compile::AzureNetwork;
pub use estate::Estate;
pub(crate) use filters::{ADMIN, GROUP, HIGHEST};
pub(crate) use force::IN_FORCE;

use compile::Filters;

/// Delivery inside the machine itself.
const LOOPBACK: Layer = Layer("host.local");
/// A route of a subnet.
pub(crate) const ROUTE: Layer = Layer("azure.route");
/// A peering of virtual networks.
pub(crate) const PEERING: Layer = Layer("azure.peering");
/// A NAT gateway, or another way in which Azure gives a public address to what a machine sends.
pub(crate) const OUTBOUND: Layer = Layer("azure.outbound-address");
/// A public address.
pub(crate) const PUBLIC: Layer = Layer("azure.public-address");
/// Whether a machine runs behind the interface.
pub(crate) const MACHINE_STATE: Layer = Layer("azure.machine-state");
/// A load balancer.
pub(crate) const BALANCER: Layer = Layer("azure.load-balancer");
/// A health probe of a load balancer.
pub(crate) const PROBE: Layer = Layer("azure.health-probe");
/// An application gateway.
pub(crate) const APPLICATION: Layer = Layer("azure.application-gateway");
/// A private endpoint.
pub(crate) const ENDPOINT: Layer = Layer("azure.private-endpoint");
/// An appliance that a route leads to.
pub(crate) const APPLIANCE: Layer = Layer("azure.appliance");
/// A service of the platform itself.
const PLATFORM: Layer = Layer("azure.platform");
/// Something that is not modelled, or not in the evidence.
const OPAQUE: Layer = Layer("azure.opaque");

/// A hop whose outcome is known without asking rules.
fn fact(layer: Layer, direction: Direction, subject: NameId, outcome: Outcome, note: Note) -> Hop {
    Hop { kind: HopKind::Route(outcome), layer, direction, subject, note: Some(note) }
}

/// A hop whose inside is not known.
fn opaque(layer: Layer, direction: Direction, subject: NameId, reason: ReasonId, note: Note) -> Hop {
    Hop { kind: HopKind::Opaque(reason), layer, direction, subject, note: Some(note) }
}

impl AzureNetwork {
    /// The filters of an interface on the way in, or out, in their order: admin rules before both groups, and of those
    /// the one of the side that the packet comes from last (Network security groups, how it works).
    fn filter_hops(filters: &Filters, inbound: bool, packet: Packet, hops: &mut Vec<Hop>) {
        let order = if inbound {
            [(filters.admin, ADMIN), (filters.subnet, GROUP), (filters.card, GROUP)]
        } else {
            [(filters.admin, ADMIN), (filters.card, GROUP), (filters.subnet, GROUP)]
        };
        let direction = if inbound { Direction::Ingress } else { Direction::Egress };
        for (filter, layer) in order {
            let Some(filter) = filter else { continue };
            let gate = if inbound { filter.ingress } else { filter.egress };
            let kind = HopKind::Gate { gate, packet };
            hops.push(Hop { kind, layer, direction, subject: filter.subject, note: None });
        }
        if let Some(force) = &filters.in_force {
            force.hops(inbound, packet, hops);
        }
    }

    /// Whether a rule of this name is a default one.
    pub(crate) fn is_default(&self, rule: NameId) -> bool {
        self.priority.get(&rule).is_some_and(|priority| *priority > HIGHEST)
    }

    /// Whether the routes in force on an interface would tell more than its subnet's.
    #[cfg(feature = "live")]
    pub(crate) fn asks_for_routes(&self, id: InterfaceId) -> bool {
        let subnet = self.network.interface(id).and_then(|interface| self.subnets.get(&interface.subnet));
        subnet.and_then(|subnet| subnet.routes.as_ref().ok()).is_some_and(routing::Routes::has_gateway)
    }

    /// The resource of an interface.
    #[cfg(feature = "live")]
    pub(crate) fn resource(&self, id: InterfaceId) -> Option<&crate::records::ResourceId> {
        self.called.resource(self.network.interface(id)?.id, "/networkinterfaces")
    }

    /// The interface that what comes from the internet for an address is for. Azure translates public addresses of both
    /// families, so those of a network's own space are never meant (IPv6 for Azure Virtual Network).
    fn public_owner(&self, public: IpAddr) -> Option<InterfaceId> {
        self.network.owners(public).find(|id| {
            let listed = self.network.interface(*id).map(|interface| self.network.addresses(interface));
            listed.unwrap_or_default().iter().any(|own| own.public == Some(public))
        })
    }

    /// The interface of a network that owns a private address.
    fn owner_in(&self, network: NameId, address: IpAddr) -> Result<InterfaceId, ReasonId> {
        let mut owners = self.network.owners(address).filter(|id| {
            self.network.interface(*id).is_some_and(|interface| {
                interface.network == network
                    && !self
                        .network
                        .addresses(interface)
                        .iter()
                        .any(|own| own.public == Some(address) && own.private != address)
            })
        });
        match (owners.next(), owners.next()) {
            (Some(owner), None) => Ok(owner),
            (Some(_), Some(_)) => Err(self.ambiguous),
            (None, _) => Err(self.unowned),
        }
    }
}

impl Provider for AzureNetwork {
    fn cloud(&self) -> Cloud {
        Cloud::Azure
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn select(&self, selector: &Selector) -> Vec<InterfaceId> {
        let mut found: Vec<InterfaceId> = match selector {
            Selector::Itself => Vec::new(),
            Selector::Address(address) => self.network.owners(*address).collect(),
            // Names are compared without regard to case (Azure Resource Manager, naming rules).
            Selector::Name(name) => match self.network.called(name) {
                [] => self.aliases.get(&name.to_lowercase()).cloned().unwrap_or_default(),
                called => called.to_vec(),
            },
            // Names of tags as well, and their values are not.
            Selector::Tag { key, value } => {
                self.tags.get(&(key.to_lowercase(), value.clone())).cloned().unwrap_or_default()
            }
        };
        found.sort_by_key(|id| {
            let first = self.network.interface(*id).and_then(|interface| self.network.addresses(interface).first());
            let primary = self.facts.get(id.0 as usize).is_some_and(|facts| facts.primary);
            (!primary, first.map(|address| address.private), *id)
        });
        found.dedup();
        found
    }

    fn lookup(&self, from: InterfaceId, host: &str) -> Lookup {
        zones::answer(self, from, host, 0)
    }

    fn public_lookup(&self, host: &str) -> Lookup {
        // The label of a public address is a name in Azure's own public zone (Public IP addresses, DNS name label).
        let known = self.hosts.get(&host.trim_end_matches('.').to_ascii_lowercase()).cloned();
        known.map_or(Lookup::Silent, Lookup::Addresses)
    }

    fn source_address(&self, from: InterfaceId, destination: IpAddr) -> Option<IpAddr> {
        let interface = self.network.interface(from)?;
        let family = Family::of(destination);
        let mut own = self.network.addresses(interface).iter().map(|address| address.private);
        own.find(|address| Family::of(*address) == family)
    }

    fn answers(&self, public: IpAddr) -> bool {
        self.public_owner(public).is_some()
    }

    fn leave(&self, from: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing {
        leave::leave(self, from, packet, half)
    }

    fn enter(&self, crossing: &Crossing, half: &mut Half) -> Arrival {
        enter::enter(self, crossing, half)
    }

    fn onward(&self, crossing: &Crossing, at: InterfaceId, ways: &mut Vec<Onward>) {
        onward::onward(self, crossing, at, ways);
    }

    fn built_in(&self, rule: RuleId) -> bool {
        self.network.rule(rule).and_then(|rule| rule.name).is_some_and(|name| self.is_default(name))
    }

    fn exposure(&self, interface: InterfaceId, address: IpAddr) -> Exposure {
        exposure::exposure(self, interface, address)
    }

    fn remedy(&self, fix: Fix, hop: &Hop, list: Option<ListId>, rule: Option<RuleId>) -> Option<Remedy> {
        crate::remedy::remedy(self, fix, hop, list, rule)
    }
}
