//! Routes of subnets: those of the system, the user's own, and what the gateway may add.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reachlint_model::{AddressSet, InterfaceId, NameId, Prefix, ReasonCode, ReasonId, Share};

use super::AzureNetwork;
use super::compile::Compiler;
use super::estate::refers;
use super::tags::{Known, Place};
use super::words::{READ_ROUTES, READ_TABLES};
use crate::records::EffectiveRoute;
use crate::records::resources::{Peering, Subnet};

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextHop {
    /// The virtual network itself.
    Local,
    /// A peered network.
    Peering { link: NameId, network: NameId },
    /// A private endpoint.
    Endpoint,
    /// The internet, which public services of Azure are part of.
    Internet,
    /// Nowhere: what takes the route is dropped.
    Drop,
    /// An appliance.
    Appliance(Option<IpAddr>),
    /// A VPN or `ExpressRoute` gateway.
    Gateway,
    /// A kind that is not known.
    Other(NameId),
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) prefix: Prefix,
    pub(crate) hop: NextHop,
    /// Of equally long prefixes the user's own goes first, then a gateway's, then the system's (Virtual network traffic
    /// routing, how Azure selects a route).
    rank: u8,
    pub(crate) name: NameId,
}

const OWN: u8 = 0;
const SYSTEM: u8 = 2;

/// The routes of a subnet or of a network interface.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    pub(crate) all: Vec<Route>,
    /// Routes by a service tag of which some may not be known.
    unread_tags: Option<(AddressSet, ReasonId)>,
    /// Why a gateway may have announced more.
    gateway: Option<ReasonId>,
}

#[cfg(feature = "live")]
impl Routes {
    /// Whether a gateway may have announced more.
    pub(crate) fn has_gateway(&self) -> bool {
        self.gateway.is_some()
    }
}

/// The choice of a subnet's routes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// A route matches.
    Route(Route),
    /// None does.
    None,
    /// The evidence does not say.
    Unread(ReasonId),
}

/// A side of a peering that is in force.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) name: NameId,
    pub(super) remote: NameId,
    pub(super) blocks: Vec<Prefix>,
    /// Whether the peer belongs to the tag `VirtualNetwork`.
    pub(super) tagged: bool,
    /// Whether the gateway of the other side is used.
    pub(super) gateway: bool,
    /// Names of the subnets that it is for, where it is not for all.
    pub(super) subnets: Option<Vec<String>>,
}

fn blocks(texts: &[String]) -> Vec<Prefix> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// Address space that no network of a company has on the internet: its own routes drop it unless something else takes
/// it (Virtual network traffic routing, default routes).
fn dropped() -> impl Iterator<Item = Prefix> {
    let blocks = [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([100, 64, 0, 0], 10)];
    blocks.into_iter().filter_map(|(base, length)| Prefix::new(Ipv4Addr::from(base).into(), length))
}

fn defaults() -> impl Iterator<Item = Prefix> {
    [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)]
        .into_iter()
        .filter_map(|any| Prefix::new(any, 0))
}

impl Compiler {
    /// The address space of a virtual network that was read.
    pub(super) fn space(&self, vnet: &str) -> Option<Vec<Prefix>> {
        self.estate.vnets.get(vnet).map(|(_, vnet)| blocks(&vnet.addressspace.addressprefixes))
    }

    /// The sides of peerings of a network that carry traffic: those that are connected, which both sides have to have
    /// set up for (Virtual network peering).
    pub(super) fn links(&mut self, vnet: &str) -> Vec<Link> {
        let sides = self.estate.peerings.get(vnet).cloned().unwrap_or_default();
        let connected = sides.iter().filter(|(_, side)| side.peeringstate.eq_ignore_ascii_case("Connected"));
        connected.filter_map(|(id, side)| self.link(&id.key, side)).collect()
    }

    fn link(&mut self, key: &str, side: &Peering) -> Option<Link> {
        let remote_key = refers(side.remotevirtualnetwork.as_ref())?;
        // The space as of the last synchronisation is what routes are made of.
        let mut space = blocks(&side.remoteaddressspace.addressprefixes);
        if space.is_empty() {
            space = blocks(&side.remotevirtualnetworkaddressspace.addressprefixes);
        }
        if space.is_empty() {
            space = self.space(&remote_key).unwrap_or_default();
        }
        let partial = side.peercompletevnets == Some(false);
        Some(Link {
            name: self.name(key),
            remote: self.name(&remote_key),
            blocks: space,
            tagged: side.allowvirtualnetworkaccess != Some(false),
            gateway: side.useremotegateways,
            subnets: partial.then(|| side.localsubnetnames.clone()),
        })
    }

    /// Whether a network has a gateway that may learn routes: something is in the subnet that is reserved for it.
    fn has_gateway(&self, vnet: &str) -> bool {
        let reserved = self.estate.subnets.get(&format!("{vnet}/subnets/gatewaysubnet"));
        reserved.is_some_and(|(_, subnet)| !subnet.ipconfigurations.is_empty())
    }

    /// The routes of a subnet, and what its tags follow from.
    pub(super) fn routes(&mut self, vnet: &str, subnet: &Subnet, links: &[Link]) -> (Result<Routes, ReasonId>, Place) {
        let own = self.space(vnet).unwrap_or_default();
        let network = self.name(vnet);
        let mut routes = Routes::default();
        let mut place = Place { own: own.clone(), ..Place::default() };
        let system = self.builder.names().intern("system route");
        let mut add = |prefix, hop, rank, name| routes.all.push(Route { prefix, hop, rank, name });
        for block in own {
            add(block, NextHop::Local, SYSTEM, network);
        }
        let mut gateway = self.has_gateway(vnet);
        for link in links {
            if link
                .subnets
                .as_ref()
                .is_some_and(|names| !names.iter().any(|name| name.eq_ignore_ascii_case(&subnet.name)))
            {
                continue;
            }
            for block in &link.blocks {
                add(*block, NextHop::Peering { link: link.name, network: link.remote }, SYSTEM, link.name);
            }
            if link.tagged {
                place.peers.extend(&link.blocks);
            }
            gateway |= link.gateway;
        }
        for any in defaults() {
            add(any, NextHop::Internet, SYSTEM, system);
        }
        let table = refers(subnet.routetable.as_ref());
        let read = table.as_ref().map(|key| self.estate.tables.get(key).cloned());
        let mut propagates = true;
        let mut all = dropped().collect::<Vec<_>>();
        match read {
            None => {}
            Some(None) => {
                let name = self.name(&table.unwrap_or_default());
                let reason = self.unread("route table", name, READ_TABLES);
                place.unknown = Some(reason);
                return (Err(reason), place);
            }
            Some(Some((id, record))) => {
                propagates = !record.disablebgproutepropagation;
                for route in &record.routes {
                    let hop = self.next_hop(&route.nexthoptype, route.nexthopipaddress.as_deref());
                    let name = format!("{}/{}", id.name(), route.name);
                    let name = self.builder.names().intern(&name);
                    let text = route.addressprefix.as_deref().unwrap_or_default();
                    let prefixes = if let Ok(prefix) = text.parse::<Prefix>() {
                        if matches!(hop, NextHop::Appliance(_) | NextHop::Gateway) {
                            place.routed.push(prefix);
                        }
                        // Where everything is sent elsewhere, private space goes there too, as in a hub with a
                        // firewall (Virtual network traffic routing, 0.0.0.0/0 address prefix).
                        if prefix.length() == 0 && prefix.first().is_ipv4() {
                            all.clear();
                        }
                        vec![prefix]
                    } else {
                        let Known { set, maybe } = self.data_tag(text);
                        place.tagged.set = place.tagged.set.union(&set);
                        if let Some(maybe) = maybe {
                            place.tagged.maybe.get_or_insert(maybe.clone());
                            routes.unread_tags.get_or_insert(maybe);
                        }
                        set.prefixes().collect()
                    };
                    routes.all.extend(prefixes.into_iter().map(|prefix| Route { prefix, hop, rank: OWN, name }));
                }
            }
        }
        routes.all.extend(all.into_iter().map(|prefix| Route {
            prefix,
            hop: NextHop::Drop,
            rank: SYSTEM,
            name: system,
        }));
        if gateway && propagates {
            let text = "the network is connected over a gateway, and which routes that announces is not in the \
                        evidence; `az network nic show-effective-route-table` tells, for a running machine";
            let reason = self.reason(ReasonCode::NotRead, text, Some(READ_ROUTES));
            routes.gateway = Some(reason);
            place.unknown = Some(reason);
        } else if gateway {
            // The tag has what is connected, whether or not the subnet has routes to it.
            let text = "the network is connected over a gateway, and which address space lies behind it is not in the \
                        evidence";
            place.unknown = Some(self.reason(ReasonCode::NotRead, text, Some(READ_ROUTES)));
        }
        (Ok(routes), place)
    }

    fn next_hop(&mut self, kind: &str, address: Option<&str>) -> NextHop {
        match kind.to_ascii_lowercase().as_str() {
            "virtualappliance" => NextHop::Appliance(address.and_then(|text| text.trim().parse().ok())),
            "vnetlocal" => NextHop::Local,
            "internet" => NextHop::Internet,
            "none" => NextHop::Drop,
            "virtualnetworkgateway" => NextHop::Gateway,
            "interfaceendpoint" => NextHop::Endpoint,
            // The public addresses of a service, reached without leaving Azure.
            "virtualnetworkserviceendpoint" => NextHop::Internet,
            _ => NextHop::Other(self.builder.names().intern(kind)),
        }
    }

    /// Routes that are in force on an interface, which decide instead of computed ones.
    pub(super) fn effective(&mut self, found: &[EffectiveRoute], links: &[Link]) -> Routes {
        let mut routes = Routes::default();
        for route in found {
            let peering = matches!(&*route.hop.to_ascii_lowercase(), "vnetpeering" | "vnetglobalpeering");
            let over = links.iter().find(|link| link.blocks.iter().any(|block| block.contains(route.prefix.first())));
            let hop = match over.filter(|_| peering) {
                Some(link) => NextHop::Peering { link: link.name, network: link.remote },
                None => self.next_hop(&route.hop, route.address.map(|address| address.to_string()).as_deref()),
            };
            let rank = if route.source.eq_ignore_ascii_case("User") { OWN } else { SYSTEM };
            let name = self.builder.names().intern(&format!("effective route {}", route.prefix));
            routes.all.push(Route { prefix: route.prefix, hop, rank, name });
        }
        routes
    }
}

impl AzureNetwork {
    /// The routes that an interface's packets take: those in force, where they were read, else its subnet's.
    fn table(&self, from: InterfaceId) -> Result<&Routes, ReasonId> {
        let facts = self.facts.get(from.0 as usize);
        if let Some(routes) = facts.and_then(|facts| facts.routes).and_then(|at| self.effective.get(at)) {
            return Ok(routes);
        }
        let subnet = self.network.interface(from).and_then(|interface| self.subnets.get(&interface.subnet));
        match subnet.map(|subnet| &subnet.routes) {
            Some(Ok(routes)) => Ok(routes),
            Some(Err(reason)) => Err(*reason),
            None => Err(self.unread_subnet),
        }
    }

    /// Whether an interface sends some addresses of the internet another way than a route takes, so that it matters which
    /// address a sender has.
    pub(super) fn parts_internet(&self, from: InterfaceId, taken: &Route) -> bool {
        self.table(from).is_ok_and(|table| {
            let family = taken.prefix.family();
            let others = table.all.iter().filter(|route| route.prefix.family() == family && route.hop != taken.hop);
            let hidden = |route: &Route| route.prefix == taken.prefix && route.rank > taken.rank;
            let unread = table.unread_tags.as_ref();
            if unread.is_some_and(|(tagged, _)| tagged.share_of_internet(family) != Share::Nothing) {
                return true;
            }
            others.filter(|route| !hidden(route)).any(|route| route.prefix.share_of_internet() != Share::Nothing)
        })
    }

    /// Which route a packet takes.
    pub(super) fn choose(&self, from: InterfaceId, to: IpAddr) -> Choice {
        match self.table(from) {
            Ok(table) => self.choose_among(table, from, to),
            Err(reason) => Choice::Unread(reason),
        }
    }

    /// The route that a packet would take by the route tables that were read, where another one is in force that leads
    /// somewhere else.
    pub(super) fn overtaken_route(&self, from: InterfaceId, to: IpAddr) -> Option<Route> {
        self.facts.get(from.0 as usize)?.routes?;
        let interface = self.network.interface(from)?;
        let computed = self.subnets.get(&interface.subnet)?.routes.as_ref().ok()?;
        let (Choice::Route(real), Choice::Route(expected)) =
            (self.choose(from, to), self.choose_among(computed, from, to))
        else {
            return None;
        };
        let vague = matches!(real.hop, NextHop::Other(_)) || matches!(expected.hop, NextHop::Other(_));
        (real.hop != expected.hop && !vague).then_some(expected)
    }

    fn choose_among(&self, table: &Routes, from: InterfaceId, to: IpAddr) -> Choice {
        if let Some((set, reason)) = &table.unread_tags
            && set.contains(to)
        {
            return Choice::Unread(*reason);
        }
        let matching = table.all.iter().filter(|route| route.prefix.contains(to));
        let best = matching.max_by_key(|route| (route.prefix.length(), Reverse(route.rank)));
        if let Some(endpoint) = self.endpoint_route(from, to, best) {
            return Choice::Route(endpoint);
        }
        // Routes inside the network and to peers go before any that a gateway announces, even more specific ones
        // (Virtual network traffic routing, how Azure selects a route).
        let inside = best.is_some_and(|route| matches!(route.hop, NextHop::Local | NextHop::Peering { .. }));
        match (table.gateway, best) {
            (Some(reason), _) if !inside => Choice::Unread(reason),
            (_, Some(route)) => Choice::Route(*route),
            (_, None) => Choice::None,
        }
    }

    /// A private endpoint brings a route to its one address with it, in its network and those peered with it. A user's
    /// own route takes its place only if it is as long, or if the endpoint's subnet has network policies for route
    /// tables and the route is at least as specific as the network's address space (Manage network policies for private
    /// endpoints).
    fn endpoint_route(&self, from: InterfaceId, to: IpAddr, best: Option<&Route>) -> Option<Route> {
        let here = self.network.interface(from)?.network;
        let owner = self.network.owners(to).find(|owner| {
            let facts = self.facts.get(owner.0 as usize);
            facts.is_some_and(|facts| matches!(facts.kind, super::compile::Kind::Endpoint { .. }))
        })?;
        let interface = self.network.interface(owner)?;
        let near = interface.network == here;
        let peered = self.links.get(&here).is_some_and(|links| links.contains(&interface.network));
        if !near && !peered {
            return None;
        }
        let space = self.spaces.get(&interface.network).into_iter().flatten();
        let length = space.filter(|block| block.contains(to)).map(|block| block.length()).max().unwrap_or(0);
        let policies = self.subnets.get(&interface.subnet).is_some_and(|subnet| subnet.route_policies);
        let full = if to.is_ipv4() { 32 } else { 128 };
        let overridden = best.is_some_and(|route| {
            route.rank == OWN && (route.prefix.length() == full || (policies && route.prefix.length() >= length))
        });
        let prefix = Prefix::host(to);
        (!overridden).then_some(Route { prefix, hop: NextHop::Endpoint, rank: SYSTEM, name: interface.id })
    }
}
