//! Networks with what routes their packets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use reachlint_model::{NameId, Prefix, ReasonCode, ReasonId};

use super::compile::Compiler;
use crate::records::{self, last, path, segment, short};

/// A network.
#[derive(Clone, Debug)]
pub(super) struct Vpc {
    pub(super) name: NameId,
    /// Whether the network's policies come before its VPC firewall rules.
    pub(super) policies_first: bool,
    pub(super) subnets: Vec<Subnet>,
    /// Why a subnet may be missing.
    pub(super) unread_subnets: Option<ReasonId>,
    pub(super) routes: Vec<Route>,
    pub(super) unread_routes: Option<ReasonId>,
    /// Why a route that a router learns may be missing.
    pub(super) unread_dynamic: Option<ReasonId>,
    pub(super) policy_routes: Vec<PolicyRoute>,
    pub(super) peerings: Vec<Peering>,
    pub(super) unread_peerings: Option<ReasonId>,
    pub(super) nats: Vec<Nat>,
    pub(super) unread_nats: Option<ReasonId>,
    /// Why an address has no known owner.
    pub(super) unowned: ReasonId,
}

/// A subnet, or a range of one that only a route tells of.
#[derive(Clone, Debug)]
pub(super) struct Subnet {
    pub(super) name: NameId,
    pub(super) path: String,
    pub(super) blocks: Vec<Prefix>,
    pub(super) is_proxy_only: bool,
    pub(super) google_access: bool,
    pub(super) secondary: Vec<(String, Prefix)>,
}

/// A custom route.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) name: NameId,
    pub(super) prefix: Prefix,
    pub(super) priority: u32,
    pub(super) tags: Vec<String>,
    pub(super) hop: NextHop,
    /// What the API says is wrong with it.
    pub(super) broken: Option<NameId>,
    /// Whether a router learned it.
    pub(super) is_dynamic: bool,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextHop {
    Internet,
    /// A peering of that name.
    Peering(String),
    /// A machine, by path or address, or an internal load balancer.
    Appliance(NameId),
    /// Something that is not modelled.
    Other(NameId, ReasonId),
}

/// A route that looks at more than the destination.
#[derive(Clone, Debug)]
pub(super) struct PolicyRoute {
    pub(super) name: NameId,
    pub(super) priority: u32,
    pub(super) protocol: Option<reachlint_model::Protocol>,
    pub(super) source: Option<Prefix>,
    pub(super) destination: Option<Prefix>,
    pub(super) tags: Vec<String>,
    /// Whether it only says that the other routes count.
    pub(super) skips: bool,
}

/// A peering as this side sees it.
#[derive(Clone, Debug)]
pub(super) struct Peering {
    pub(super) name: NameId,
    pub(super) network: String,
    pub(super) state: NameId,
    pub(super) is_active: bool,
    pub(super) carries_v6: bool,
    pub(super) exports_custom: bool,
    pub(super) imports_custom: bool,
    pub(super) exports_public: bool,
    pub(super) imports_public: bool,
    /// Ranges that routes say are behind it.
    pub(super) ranges: Vec<Prefix>,
}

/// A Cloud NAT gateway.
#[derive(Clone, Debug)]
pub(super) struct Nat {
    pub(super) name: NameId,
    pub(super) region: String,
    pub(super) scope: NatScope,
    /// The addresses that it gives, at least one, or why they are not known.
    pub(super) addresses: Result<Vec<IpAddr>, ReasonId>,
}

/// Whom it serves.
#[derive(Clone, Debug)]
pub(super) enum NatScope {
    Everything,
    Primary,
    /// Subnets with whether their primary range is served, and their secondary ones: all, or by name.
    Listed(Vec<(String, bool, Option<Vec<String>>)>),
}

impl NatScope {
    /// Whether it serves an address of a subnet: its primary range, or the secondary one of that name.
    pub(super) fn serves(&self, subnet: &str, secondary: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Primary => secondary.is_none(),
            Self::Listed(all) => all.iter().any(|(known, primary, ranges)| {
                known == subnet
                    && match (secondary, ranges) {
                        (None, _) => *primary,
                        (Some(_), None) => true,
                        (Some(name), Some(names)) => names.iter().any(|known| known == name),
                    }
            }),
        }
    }
}

impl Compiler {
    pub(super) fn compile_vpcs(&mut self) -> BTreeMap<String, Vpc> {
        let estate = &self.estate;
        let mut paths: BTreeSet<String> = estate.networks.keys().cloned().collect();
        paths.extend(self.facts.iter().map(|facts| facts.network.clone()));
        paths.extend(estate.subnets.values().map(|subnet| path(&subnet.network).to_owned()));
        paths.extend(estate.networks.values().flat_map(|vpc| &vpc.peerings).map(|peer| path(&peer.network).to_owned()));
        paths.remove("");
        paths.into_iter().map(|path| (path.clone(), self.vpc(&path))).collect()
    }

    fn vpc(&mut self, of: &str) -> Vpc {
        let project = segment(of, "projects").unwrap_or_default().to_owned();
        let name = self.id(of);
        let subnets = self.subnets(of);
        let (routes, behind) = self.routes(of);
        let unread = |compiler: &mut Self, collection: &str, call: &str, what: &str| {
            let estate = &compiler.estate;
            let is_whole = estate.is_listed(&project, collection) && !estate.is_cut_in(&project, collection);
            let reason =
                (!is_whole).then(|| estate.missing(call, &[of, &project], &format!("{what} of {}", short(of))));
            reason.map(|reason| compiler.builder.reason(reason))
        };
        let unread_subnets = unread(self, "subnetworks", "compute.subnetworks.list", "a subnet");
        let unread_routes = unread(self, "routes", "compute.routes.list", "the routes");
        let unread_nats = unread(self, "routers", "compute.routers.list", "Cloud NAT");
        let unread_learned = unread(self, "routers", "compute.routers.list", "routes that Cloud Routers learn");
        let unread_peerings = (!self.estate.networks.contains_key(of)).then(|| {
            let reason = self.estate.missing("compute.networks.list", &[of], &format!("the peerings of {}", short(of)));
            self.builder.reason(reason)
        });
        let unread_dynamic = unread_learned.or_else(|| self.unread_dynamic(of));
        let peerings = self.peerings(of, &behind);
        let policy_routes = self.policy_routes(of);
        let nats = self.nats(of);
        let unowned = self.unowned(of, &project);
        let order =
            self.estate.networks.get(of).and_then(|vpc| vpc.network_firewall_policy_enforcement_order.as_deref());
        Vpc {
            name,
            policies_first: order == Some("BEFORE_CLASSIC_FIREWALL"),
            subnets,
            unread_subnets,
            routes,
            unread_routes,
            unread_dynamic,
            policy_routes,
            peerings,
            unread_peerings,
            nats,
            unread_nats,
            unowned,
        }
    }

    fn subnets(&mut self, of: &str) -> Vec<Subnet> {
        let known: Vec<(String, records::Subnet)> = self
            .estate
            .subnets
            .iter()
            .filter(|(_, subnet)| path(&subnet.network) == of)
            .map(|(path, subnet)| (path.clone(), subnet.clone()))
            .collect();
        let mut found: Vec<Subnet> = Vec::new();
        for (at, subnet) in known {
            let v6 = [subnet.ipv6_cidr_range, subnet.external_ipv6_prefix, subnet.internal_ipv6_prefix];
            let blocks = [subnet.ip_cidr_range].into_iter().chain(v6).flatten().map(|block| block.0);
            let secondary = subnet.secondary_ip_ranges.iter();
            let secondary: Vec<_> = secondary.map(|range| (range.range_name.clone(), range.ip_cidr_range.0)).collect();
            let purpose = subnet.purpose.as_deref().unwrap_or_default();
            found.push(Subnet {
                name: self.id(&at),
                blocks: blocks.chain(secondary.iter().map(|(_, block)| *block)).collect(),
                is_proxy_only: purpose.ends_with("_MANAGED_PROXY") || purpose == "INTERNAL_HTTPS_LOAD_BALANCER",
                google_access: subnet.private_ip_google_access,
                path: at,
                secondary,
            });
        }
        // A route to the network itself tells of a subnet that was not listed.
        let routes: Vec<records::Route> =
            self.estate.routes.values().filter(|route| path(&route.network) == of).cloned().collect();
        for route in routes.iter().filter(|route| route.next_hop_network.is_some()) {
            let Some(block) = route.dest_range.map(|block| block.0) else { continue };
            if !found.iter().any(|subnet| subnet.blocks.contains(&block)) {
                found.push(Subnet {
                    name: self.text(&route.name),
                    path: String::new(),
                    blocks: vec![block],
                    is_proxy_only: false,
                    google_access: false,
                    secondary: Vec::new(),
                });
            }
        }
        found
    }

    /// Custom routes, and the ranges behind peerings.
    fn routes(&mut self, of: &str) -> (Vec<Route>, Vec<(String, Prefix)>) {
        let listed = self.estate.routes.values().map(|route| (route.clone(), false));
        let learned =
            self.estate.statuses.iter().flat_map(|status| &status.best_routes).map(|route| (route.clone(), true));
        let all: Vec<(records::Route, bool)> =
            listed.chain(learned).filter(|(route, _)| path(&route.network) == of).collect();
        let (mut routes, mut behind) = (Vec::new(), Vec::new());
        for (route, is_dynamic) in all {
            let Some(prefix) = route.dest_range.map(|block| block.0) else { continue };
            if route.next_hop_network.is_some() {
                continue;
            }
            let hop = match self.next_hop(&route) {
                Some(NextHop::Peering(name)) => {
                    behind.push((name, prefix));
                    continue;
                }
                Some(hop) => hop,
                None => continue,
            };
            let status = route.route_status.as_deref().filter(|status| *status != "ACTIVE");
            let word = status.or_else(|| {
                let dead = ["NEXT_HOP_INSTANCE_NOT_FOUND", "NEXT_HOP_NOT_RUNNING", "NEXT_HOP_ADDRESS_NOT_ASSIGNED"];
                route.warnings.iter().map(|warning| warning.code.as_str()).find(|code| dead.contains(code))
            });
            let name = if route.name.is_empty() { format!("learned {prefix}") } else { route.name.clone() };
            routes.push(Route {
                name: self.text(&name),
                prefix,
                priority: route.priority.unwrap_or(1000),
                tags: route.tags.clone(),
                hop,
                broken: word.map(str::to_owned).map(|word| self.text(&word)),
                is_dynamic,
            });
        }
        (routes, behind)
    }

    fn next_hop(&mut self, route: &records::Route) -> Option<NextHop> {
        if route.next_hop_gateway.as_deref().is_some_and(|gateway| last(gateway) == "default-internet-gateway") {
            return Some(NextHop::Internet);
        }
        if let Some(peering) = &route.next_hop_peering {
            return Some(NextHop::Peering(peering.clone()));
        }
        let ahead = route.next_hop_instance.as_ref().or(route.next_hop_ilb.as_ref());
        if let Some(machine) = ahead {
            return Some(NextHop::Appliance(self.id(path(machine))));
        }
        let others = [
            (&route.next_hop_vpn_tunnel, "a VPN tunnel"),
            (&route.next_hop_interconnect_attachment, "an Interconnect"),
            (&route.next_hop_hub, "a hub of Network Connectivity Center"),
            (&route.next_hop_gateway, "a gateway"),
        ];
        for (link, kind) in others {
            if let Some(link) = link {
                let name = self.id(path(link));
                let text = format!("the path leads into {kind}, `{}`, which is not modelled", short(path(link)));
                return Some(NextHop::Other(name, self.reason_once(ReasonCode::NotModelled, &text, None)));
            }
        }
        let address = route.next_hop_ip.as_ref()?;
        Some(NextHop::Appliance(self.text(address)))
    }

    fn peerings(&mut self, of: &str, behind: &[(String, Prefix)]) -> Vec<Peering> {
        let own: Vec<records::Peering> =
            self.estate.networks.get(of).map(|vpc| vpc.peerings.clone()).unwrap_or_default();
        let short = short(of);
        own.into_iter()
            .map(|peering| Peering {
                name: self.text(&format!("{short} {}", peering.name)),
                network: path(&peering.network).to_owned(),
                state: self.text(peering.state.as_deref().unwrap_or("of unknown state")),
                is_active: peering.state.as_deref() == Some("ACTIVE"),
                carries_v6: peering.stack_type.as_deref() == Some("IPV4_IPV6"),
                exports_custom: peering.export_custom_routes,
                imports_custom: peering.import_custom_routes,
                exports_public: peering.export_subnet_routes_with_public_ip.unwrap_or(true),
                imports_public: peering.import_subnet_routes_with_public_ip,
                ranges: behind.iter().filter(|(name, _)| *name == peering.name).map(|(_, range)| *range).collect(),
            })
            .collect()
    }

    fn policy_routes(&mut self, of: &str) -> Vec<PolicyRoute> {
        let own: Vec<records::PolicyRoute> =
            self.estate.policy_routes.values().filter(|route| path(&route.network) == of).cloned().collect();
        let routes = own.into_iter().map(|route| PolicyRoute {
            name: self.text(last(&route.name)),
            priority: route.priority.unwrap_or(1000),
            protocol: route.filter.ip_protocol.as_deref().and_then(|word| records::protocol(word).ok().flatten()),
            source: route.filter.src_range.map(|block| block.0),
            destination: route.filter.dest_range.map(|block| block.0),
            tags: route.virtual_machine.tags,
            skips: route.next_hop_other_routes.as_deref() == Some("DEFAULT_ROUTING"),
        });
        let mut routes: Vec<PolicyRoute> = routes.collect();
        routes.sort_by_key(|route| route.priority);
        routes
    }

    /// A router with peers learns routes that no listing of routes holds (Cloud Router, learned routes).
    fn unread_dynamic(&mut self, of: &str) -> Option<ReasonId> {
        if self.estate.statuses.iter().any(|status| path(&status.network) == of) {
            return None;
        }
        let routers = self.estate.routers.values();
        let name = routers.filter(|router| path(&router.network) == of).find(|router| !router.bgp_peers.is_empty())?;
        let text = format!("what the router {} learns by BGP is not in the evidence; add its `get-status`", name.name);
        Some(self.reason_once(ReasonCode::NotRead, &text, Some("compute.routers.get")))
    }

    fn nats(&mut self, of: &str) -> Vec<Nat> {
        let routers: Vec<(String, records::Router)> = self
            .estate
            .routers
            .iter()
            .filter(|(_, router)| path(&router.network) == of)
            .map(|(path, router)| (path.clone(), router.clone()))
            .collect();
        let mut found = Vec::new();
        for (at, router) in routers {
            for nat in router.nats.iter().filter(|nat| nat.kind.as_deref() != Some("PRIVATE")) {
                found.push(Nat {
                    name: self.text(&format!("{}/{}", short(&at), nat.name)),
                    region: segment(&at, "regions").unwrap_or_else(|| last(&router.region)).to_owned(),
                    scope: scope(nat),
                    addresses: self.nat_addresses(&at, nat),
                });
            }
        }
        found
    }

    /// Addresses that were given to the gateway, or that it reserved for itself.
    fn nat_addresses(&mut self, router: &str, nat: &records::Nat) -> Result<Vec<IpAddr>, ReasonId> {
        // Rules give other addresses for some destinations (Cloud NAT rules).
        if !nat.rules.is_empty() {
            let text = format!("Cloud NAT {} chooses its address by rules, which are not modelled", nat.name);
            return Err(self.reason_once(ReasonCode::NotModelled, &text, None));
        }
        let address_of = |link: &String| self.estate.addresses.get(path(link)).and_then(|known| known.address);
        let given: Vec<Option<IpAddr>> = nat.nat_ips.iter().map(address_of).collect();
        let automatic = nat.nat_ip_allocate_option.as_deref() == Some("AUTO_ONLY");
        let own = self.estate.addresses.values().filter(|address| {
            automatic
                && address.purpose.as_deref() == Some("NAT_AUTO")
                && address.users.iter().any(|user| path(user) == router)
        });
        let mut all: Vec<IpAddr> =
            own.filter_map(|address| address.address).chain(given.iter().copied().flatten()).collect();
        all.sort_unstable();
        all.dedup();
        if given.contains(&None) {
            let text = format!("an address of Cloud NAT {} is not in the evidence", nat.name);
            return Err(self.reason_once(ReasonCode::NotRead, &text, Some("compute.addresses.list")));
        }
        if all.is_empty() {
            let text =
                format!("Cloud NAT {} chooses its addresses by itself, and they are not in the evidence", nat.name);
            return Err(self.reason_once(ReasonCode::NotRead, &text, Some("compute.addresses.list")));
        }
        Ok(all)
    }

    fn unowned(&mut self, of: &str, project: &str) -> ReasonId {
        let name = short(of);
        let failed = self.estate.failure("compute.instances.list", &[project]).map(|failure| failure.error.clone());
        match failed {
            Some(error) => {
                let text = format!(
                    "no interface of {name} with that address was read: compute.instances.list failed with {error}"
                );
                self.reason_once(ReasonCode::UnknownAddress, &text, Some("compute.instances.list"))
            }
            None if self.estate.is_cut("instances") => {
                let text =
                    format!("a part of the instances was not read, and no other interface of {name} owns that address");
                self.reason_once(ReasonCode::UnknownAddress, &text, None)
            }
            None => {
                let text = format!("no interface in the evidence owns that address in {name}");
                self.reason_once(ReasonCode::UnknownAddress, &text, None)
            }
        }
    }
}

fn scope(nat: &records::Nat) -> NatScope {
    match nat.source_subnetwork_ip_ranges_to_nat.as_deref() {
        Some("ALL_SUBNETWORKS_ALL_IP_RANGES") => NatScope::Everything,
        Some("ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES") => NatScope::Primary,
        _ => NatScope::Listed(
            nat.subnetworks
                .iter()
                .map(|subnet| {
                    let has = |word: &str| subnet.source_ip_ranges_to_nat.iter().any(|range| range == word);
                    let all = has("ALL_IP_RANGES");
                    let secondary = if all { None } else { Some(subnet.secondary_ip_range_names.clone()) };
                    (path(&subnet.name).to_owned(), all || has("PRIMARY_IP_RANGE"), secondary)
                })
                .collect(),
        ),
    }
}
