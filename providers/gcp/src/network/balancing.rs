//! Forwarding rules with their services, groups and probes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint_model::{
    Address, InterfaceId, InterfaceState, NameId, NewInterface, PortRange, Prefix, Protocol, ReasonCode, ReasonId,
};
use serde_json::Value;

use super::balancer::{Balancer, Probe, Refusal, Serves, Service, Target};
use super::compile::{Compiler, Facts, Kind};
use super::estate::attributed;
use super::filters::Known;
use crate::records::{
    BackendService, Endpoint, ForwardingRule, HealthCheck, InstanceGroup, Member, last, path, segment, short,
};

/// Where probes come from, by universe of Google Cloud: that of proxies and internal load balancers, and that of external
/// passthrough ones (load balancing, firewall rules for health checks).
const PROBES: [(&str, &[&str], &[&str]); 2] = [
    (
        "googleapis.com",
        &["35.191.0.0/16", "130.211.0.0/22", "2600:2d00:1:b029::/64"],
        &["35.191.0.0/16", "209.85.152.0/22", "209.85.204.0/22", "2600:1901:8001::/48"],
    ),
    ("s3nsapis.fr", &["177.222.80.0/23"], &["177.222.80.0/23"]),
];

/// Where proxies of Google's front end connect from (load balancing, firewall rules).
const FRONT_END: [&str; 3] = ["35.191.0.0/16", "130.211.0.0/22", "2600:2d00:1:1::/64"];

/// The blocks of Google's front end.
pub(super) fn front_end() -> Vec<Prefix> {
    blocks(&FRONT_END)
}

fn blocks(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

impl Compiler {
    pub(super) fn compile_balancers(&mut self) -> Vec<Balancer> {
        let rules: Vec<(String, ForwardingRule)> =
            self.estate.forwarding_rules.iter().map(|(path, rule)| (path.clone(), rule.clone())).collect();
        let mut balancers = Vec::new();
        for (at, rule) in rules {
            let Some(address) = rule.address() else { continue };
            let balancer = self.balancer(&at, &rule);
            let position = balancers.len();
            self.front(&at, &rule, address, position, &balancer);
            balancers.push(balancer);
        }
        balancers
    }

    /// The forwarding rule as an interface that owns its address.
    fn front(&mut self, at: &str, rule: &ForwardingRule, address: IpAddr, position: usize, balancer: &Balancer) {
        let project = segment(at, "projects").unwrap_or_default().to_owned();
        let network = self.id(&balancer.network);
        let subnet = rule.subnetwork.as_deref().map(|link| path(link).to_owned());
        let new = NewInterface {
            id: balancer.name,
            owner: None,
            label: Some(self.text(&rule.name)),
            account: self.text(&project),
            region: self.text(balancer.region.as_deref().unwrap_or("global")),
            network,
            subnet: subnet.as_deref().map_or(network, |subnet| self.id(subnet)),
            state: InterfaceState::Up,
        };
        let id = self.builder.interface(new, &[Address { private: address, public: None }], &[], &[]);
        self.alias(at.to_owned(), id);
        self.facts.push(Facts {
            kind: Kind::Balancer(position),
            ingress: Vec::new(),
            egress: Vec::new(),
            tags: Known::Yes(Vec::new()),
            differs: None,
            network: balancer.network.clone(),
            subnet,
            zone: None,
        });
    }

    fn balancer(&mut self, at: &str, rule: &ForwardingRule) -> Balancer {
        let scheme = rule.load_balancing_scheme.as_deref().unwrap_or_default();
        let target = rule.target.as_deref().map(|target| path(target).to_owned());
        let is_external = scheme.starts_with("EXTERNAL");
        let region = segment(at, "regions")
            .map(str::to_owned)
            .or_else(|| rule.region.as_deref().map(|region| last(region).to_owned()));
        let serves = self.serves(rule, scheme, target.as_deref(), region.as_deref());
        let network = self.network_of(rule, &serves);
        let word = rule.protocol.as_deref().unwrap_or("TCP");
        let protocol = match word {
            "L3_DEFAULT" | "UNSPECIFIED" => None,
            word => crate::records::protocol(word).ok().flatten(),
        };
        let mut ports: Vec<PortRange> = rule.ports.iter().map(|ports| ports.0).collect();
        ports.extend(rule.port_range.map(|ports| ports.0).filter(|_| !rule.all_ports));
        if rule.all_ports {
            ports.clear();
        }
        let list: Vec<String> = ports.iter().map(PortRange::to_string).collect();
        let heard = if list.is_empty() { "every port".to_owned() } else { list.join(", ") };
        let filtered =
            (matches!(serves, Serves::Proxy { .. }) && !is_external).then(|| self.balancer_rules()).flatten();
        Balancer {
            filtered,
            name: self.id(at),
            network,
            region,
            protocol,
            ports,
            heard: self.text(&format!("{} {heard}", word.to_ascii_lowercase())),
            has_global_access: rule.allow_global_access || rule.allow_psc_global_access,
            is_external,
            serves,
        }
    }

    /// Policies may have rules for internal load balancers instead of machines (Compute Engine API,
    /// `FirewallPolicyRule.targetType`), which are not followed.
    fn balancer_rules(&mut self) -> Option<ReasonId> {
        let effective = self.estate.effective.iter().flat_map(|(_, answer)| &answer.firewall_policys);
        let rules = self.estate.policies.values().flat_map(|policy| &policy.rules);
        let mut rules = rules.chain(effective.flat_map(|policy| &policy.rules));
        let any = rules.any(|rule| rule.target_type.as_deref() == Some("INTERNAL_MANAGED_LB") && !rule.disabled);
        any.then(|| {
            self.reason_once(
                ReasonCode::NotModelled,
                "a policy has rules for load balancers, which are not modelled",
                None,
            )
        })
    }

    /// The network of a forwarding rule: its own, that of its service, or that of a backend.
    fn network_of(&self, rule: &ForwardingRule, serves: &Serves) -> String {
        let service = rule.backend_service.as_deref().and_then(|link| self.estate.backend_services.get(path(link)));
        let given = rule.network.as_deref().or(service.and_then(|service| service.network.as_deref()));
        if let Some(network) = given {
            return path(network).to_owned();
        }
        if let Some(subnet) = rule.subnetwork.as_deref().and_then(|link| self.estate.subnets.get(path(link))) {
            return path(&subnet.network).to_owned();
        }
        let Serves::Passthrough(service) = serves else { return String::new() };
        let of = service.targets.iter().find_map(|target| target.interface);
        of.and_then(|id| self.facts.get(id.0 as usize)).map(|facts| facts.network.clone()).unwrap_or_default()
    }

    fn serves(&mut self, rule: &ForwardingRule, scheme: &str, target: Option<&str>, region: Option<&str>) -> Serves {
        let text = target.unwrap_or_default();
        if matches!(text, "all-apis" | "vpc-sc") {
            return Serves::Apis;
        }
        if text.contains("/serviceAttachments/") || rule.psc_connection_status.is_some() {
            let status = rule.psc_connection_status.as_deref().unwrap_or("of unknown state");
            return Serves::Endpoint { status: self.text(status), is_accepted: status == "ACCEPTED" };
        }
        let universe = rule.self_link.clone();
        match (&rule.backend_service, target) {
            (Some(link), _) => {
                let link = path(link).to_owned();
                let external = scheme.starts_with("EXTERNAL");
                match self.service(&link, rule, external, &universe) {
                    Ok(service) => Serves::Passthrough(service),
                    Err(reason) => Serves::Unread(reason),
                }
            }
            (None, Some(pool)) if pool.contains("/targetPools/") => self.pool(pool, rule, &universe),
            (None, Some(machine)) if machine.contains("/targetInstances/") => self.target_instance(machine, rule),
            (None, Some(proxy)) if proxy.to_ascii_lowercase().contains("prox") => {
                self.proxy(proxy, rule, scheme, region, &universe)
            }
            _ => {
                let kind = if text.is_empty() { "nothing" } else { text };
                Serves::Unread(self.not_modelled("what the forwarding rule leads to", kind))
            }
        }
    }

    fn unread(&mut self, call: &str, link: &str, what: &str) -> ReasonId {
        let reason = self.estate.missing(call, &[link], &format!("{what} {}", short(link)));
        self.builder.reason(reason)
    }

    fn pool(&mut self, link: &str, rule: &ForwardingRule, universe: &str) -> Serves {
        let Some(pool) = self.estate.target_pools.get(link).cloned() else {
            return Serves::Unread(self.unread("compute.targetPools.list", link, "the target pool"));
        };
        let network = rule.network.as_deref().map(|network| path(network).to_owned());
        let targets = pool
            .instances
            .iter()
            .map(|machine| self.machine_target(path(machine), network.as_deref(), Ok(None), false));
        let targets = targets.collect();
        let probe = pool.health_checks.first().map(|check| {
            let check = self.estate.health_checks.get(path(check));
            Probe { port: check.and_then(probe_port), sources: check.and_then(|_| probes(universe, true)) }
        });
        Serves::Passthrough(Service { name: self.id(link), targets, unread: Vec::new(), probe, drops: false })
    }

    fn target_instance(&mut self, link: &str, rule: &ForwardingRule) -> Serves {
        let Some(target) = self.estate.target_instances.get(link).cloned() else {
            return Serves::Unread(self.unread("compute.targetInstances.list", link, "the target instance"));
        };
        let network = rule.network.as_deref().map(|network| path(network).to_owned());
        let targets = vec![self.machine_target(path(&target.instance), network.as_deref(), Ok(None), false)];
        Serves::Passthrough(Service { name: self.id(link), targets, unread: Vec::new(), probe: None, drops: false })
    }

    /// A proxy opens connections of its own: from the proxy-only subnet of its region where it is an Envoy, from Google's
    /// front end where it is global and external (load balancing, firewall rules).
    fn proxy(
        &mut self,
        link: &str,
        rule: &ForwardingRule,
        scheme: &str,
        region: Option<&str>,
        universe: &str,
    ) -> Serves {
        let Some(proxy) = self.estate.target_proxies.get(link).cloned() else {
            return Serves::Unread(self.unread("compute.targetHttpProxies.list", link, "the target proxy"));
        };
        let mut links: Vec<(String, bool)> = Vec::new();
        links.extend(proxy.service.as_deref().map(|service| (path(service).to_owned(), true)));
        if let Some(map) = proxy.url_map.as_deref() {
            let Some(map) = self.estate.url_maps.get(path(map)).cloned() else {
                return Serves::Unread(self.unread("compute.urlMaps.list", path(map), "the URL map"));
            };
            links.extend(map.default_service.as_deref().map(|service| (path(service).to_owned(), true)));
            let mut named = BTreeSet::new();
            map.path_matchers.iter().for_each(|matcher| services_in(matcher, &mut named));
            let certain: Vec<String> = links.iter().map(|(link, _)| link.clone()).collect();
            links.extend(named.into_iter().filter(|link| !certain.contains(link)).map(|link| (link, false)));
        }
        let front_end = scheme.starts_with("EXTERNAL") && (scheme == "EXTERNAL" || region.is_none());
        let sources = if front_end { Ok(self::front_end()) } else { self.proxy_only(rule, region) };
        let mut services = Vec::new();
        for (link, certain) in links {
            match self.service(&link, rule, false, universe) {
                Ok(service) => {
                    let doubt = (!certain).then(|| {
                        let text = "only some of the URL map's rules send to this backend service";
                        self.reason_once(ReasonCode::Undecidable, text, None)
                    });
                    services.push((service, doubt));
                }
                Err(reason) => return Serves::Unread(reason),
            }
        }
        Serves::Proxy { sources, services }
    }

    fn proxy_only(&mut self, rule: &ForwardingRule, region: Option<&str>) -> Result<Vec<Prefix>, Refusal> {
        let network = self.network_of(rule, &Serves::Apis);
        let wanted = if region.is_some() { "REGIONAL_MANAGED_PROXY" } else { "GLOBAL_MANAGED_PROXY" };
        let known = self.estate.subnets.iter().filter(|(at, subnet)| {
            let purpose = subnet.purpose.as_deref().unwrap_or_default();
            let fits = purpose == wanted || (region.is_some() && purpose == "INTERNAL_HTTPS_LOAD_BALANCER");
            let here = region.is_none_or(|region| segment(at, "regions") == Some(region));
            fits && here && path(&subnet.network) == network && subnet.role.as_deref() != Some("BACKUP")
        });
        let found: Vec<Prefix> = known.filter_map(|(_, subnet)| Some(subnet.ip_cidr_range?.0)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let project = segment(&network, "projects").unwrap_or_default().to_owned();
        if self.estate.is_listed(&project, "subnetworks") && !self.estate.is_cut_in(&project, "subnetworks") {
            return Err(Refusal::Missing);
        }
        let reason = self.estate.missing("compute.subnetworks.list", &[&project], "the proxy-only subnet");
        Err(Refusal::Unread(self.builder.reason(reason)))
    }

    fn service(
        &mut self,
        link: &str,
        rule: &ForwardingRule,
        external: bool,
        universe: &str,
    ) -> Result<Service, ReasonId> {
        let Some(service) = self.estate.backend_services.get(link).cloned() else {
            return Err(self.unread("compute.backendServices.list", link, "the backend service"));
        };
        let network = service.network.as_deref().or(rule.network.as_deref()).map(|network| path(network).to_owned());
        let (mut targets, mut unread) = (Vec::new(), Vec::new());
        for backend in &service.backends {
            let group = path(&backend.group).to_owned();
            let found = if group.contains("/networkEndpointGroups/") {
                self.endpoint_group(&group, backend.failover)
            } else {
                self.instance_group(&group, &service, network.as_deref(), backend.failover)
            };
            match found {
                Ok(found) => targets.extend(found),
                Err(reason) => unread.push((self.id(&group), reason)),
            }
        }
        let probe = service.health_checks.first().map(|check| {
            // Without its own record nobody knows which port it asks.
            let check = self.estate.health_checks.get(path(check));
            Probe { port: check.and_then(probe_port), sources: check.and_then(|_| probes(universe, external)) }
        });
        Ok(Service {
            name: self.id(link),
            targets,
            unread,
            probe,
            drops: service.failover_policy.drop_traffic_if_unhealthy,
        })
    }

    fn instance_group(
        &mut self,
        link: &str,
        service: &BackendService,
        network: Option<&str>,
        is_backup: bool,
    ) -> Result<Vec<Target>, ReasonId> {
        let group: Option<InstanceGroup> = self.estate.instance_groups.get(link).cloned();
        let members: Option<Vec<Member>> = {
            let groups = || self.estate.instance_groups.keys();
            let alone = [link.to_owned()];
            let mut all = self.estate.members.iter();
            let found = all.find(|(about, _)| {
                attributed(about, groups()).or_else(|| attributed(about, alone.iter())).is_some_and(|path| path == link)
            });
            found.map(|(_, members)| members.clone())
        };
        let Some(members) = members else {
            if group.as_ref().is_some_and(|group| group.size == Some(0)) {
                return Ok(Vec::new());
            }
            return Err(self.unread("compute.instanceGroups.list", link, "the members of the instance group"));
        };
        let wanted = service.port_name.as_deref().unwrap_or("http");
        let port = match &group {
            Some(group) => match group.named_ports.iter().find(|named| named.name == wanted) {
                Some(named) => Ok(Some(named.port)),
                None => Err(self.text(wanted)),
            },
            None => Ok(service.port),
        };
        let targets = members.iter().map(|member| {
            let own = member.named_ports.iter().find(|named| named.name == wanted).map(|named| named.port);
            let port = own.map_or(port, |own| Ok(Some(own)));
            self.machine_target(path(&member.instance), network, port, is_backup)
        });
        Ok(targets.collect())
    }

    /// A machine as a backend: its interface in the network of the service, or else the first one.
    fn machine_target(
        &mut self,
        machine: &str,
        network: Option<&str>,
        port: Result<Option<u16>, NameId>,
        is_backup: bool,
    ) -> Target {
        let name = self.id(machine);
        let own: Vec<InterfaceId> = self.builder.network().called(&short(machine)).to_vec();
        let facts = |id: &InterfaceId| self.facts.get(id.0 as usize);
        let is_in = |id: &&InterfaceId| facts(id).is_some_and(|facts| Some(facts.network.as_str()) == network);
        let interface = own.iter().find(is_in).or_else(|| own.first().filter(|_| network.is_none())).copied();
        let of = interface.and_then(|id| self.builder.network().interface(id));
        let address = of.and_then(|of| self.builder.network().addresses(of).first()).map(|own| own.private);
        Target { name, interface, address, port, is_backup, opaque: None }
    }

    fn endpoint_group(&mut self, link: &str, is_backup: bool) -> Result<Vec<Target>, ReasonId> {
        let group = self.estate.endpoint_groups.get(link).cloned();
        let kind = group.as_ref().and_then(|group| group.network_endpoint_type.clone()).unwrap_or_default();
        if matches!(
            kind.as_str(),
            "SERVERLESS"
                | "INTERNET_FQDN_PORT"
                | "INTERNET_IP_PORT"
                | "NON_GCP_PRIVATE_IP_PORT"
                | "PRIVATE_SERVICE_CONNECT"
        ) {
            let reason = self.not_modelled("the kind of a network endpoint group", &kind);
            let name = self.id(link);
            return Ok(vec![Target {
                name,
                interface: None,
                address: None,
                port: Ok(None),
                is_backup,
                opaque: Some(reason),
            }]);
        }
        let endpoints: Option<Vec<Endpoint>> = {
            let groups = || self.estate.endpoint_groups.keys();
            let alone = [link.to_owned()];
            let mut all = self.estate.endpoints.iter();
            let found = all.find(|(about, _)| {
                attributed(about, groups()).or_else(|| attributed(about, alone.iter())).is_some_and(|path| path == link)
            });
            found.map(|(_, endpoints)| endpoints.clone())
        };
        let Some(endpoints) = endpoints else {
            if group.as_ref().is_some_and(|group| group.size == Some(0)) {
                return Ok(Vec::new());
            }
            return Err(self.unread("compute.networkEndpointGroups.get", link, "the endpoints of the group"));
        };
        let network = group.as_ref().and_then(|group| group.network.as_deref()).map(|network| path(network).to_owned());
        let default = group.as_ref().and_then(|group| group.default_port);
        Ok(endpoints
            .iter()
            .map(|endpoint| self.endpoint(link, endpoint, network.as_deref(), default, is_backup))
            .collect())
    }

    fn endpoint(
        &mut self,
        group: &str,
        endpoint: &Endpoint,
        network: Option<&str>,
        default: Option<u16>,
        is_backup: bool,
    ) -> Target {
        let zone = segment(group, "zones").unwrap_or_default();
        let project = segment(group, "projects").unwrap_or_default();
        let port = Ok(endpoint.port.or(default));
        let machine = endpoint.instance.as_deref().map(|instance| {
            if instance.contains('/') {
                path(instance).to_owned()
            } else {
                format!("projects/{project}/zones/{zone}/instances/{instance}")
            }
        });
        let mut target = match machine {
            Some(machine) => self.machine_target(&machine, network, port, is_backup),
            None => Target { name: self.id(group), interface: None, address: None, port, is_backup, opaque: None },
        };
        if let Some(address) = endpoint.ip_address {
            target.address = Some(address);
            let here = |id: &InterfaceId| {
                self.facts.get(id.0 as usize).is_some_and(|facts| Some(facts.network.as_str()) == network)
            };
            let owner = self.builder.network().owners(address).find(here);
            target.interface = target.interface.or(owner);
        }
        if target.interface.is_none() && endpoint.fqdn.is_some() {
            target.opaque = Some(self.not_modelled("an endpoint", "a name"));
        }
        target
    }
}

/// The port of a health check, unless it asks the one that serves.
fn probe_port(check: &HealthCheck) -> Option<u16> {
    let Some(probe) = check.probe() else { return check.port };
    match probe.port_specification.as_deref() {
        Some("USE_SERVING_PORT" | "USE_NAMED_PORT") => None,
        _ => probe.port.or(check.port),
    }
}

/// The probes of the universe that a link is of.
fn probes(link: &str, external_passthrough: bool) -> Option<Vec<Prefix>> {
    let host = link.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("googleapis.com");
    let found = PROBES.iter().find(|(universe, ..)| host.ends_with(universe));
    found.map(|(_, near, external)| blocks(if external_passthrough { external } else { near }))
}

/// Every backend service that a part of a URL map names.
fn services_in(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains("/backendServices/") => {
            found.insert(path(text).to_owned());
        }
        Value::Array(list) => list.iter().for_each(|inner| services_in(inner, found)),
        Value::Object(object) => object.values().for_each(|inner| services_in(inner, found)),
        _ => {}
    }
}

/// The protocol of a probe and of a proxy.
pub(super) const PROXIED: Protocol = Protocol::TCP;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_the_tables_is_one() {
        for (universe, near, external) in PROBES {
            assert_eq!(blocks(near).len(), near.len(), "{universe}");
            assert_eq!(blocks(external).len(), external.len(), "{universe}");
        }
        assert_eq!(blocks(&FRONT_END).len(), FRONT_END.len());
    }

    #[test]
    fn probes_are_those_of_the_universe() {
        let near = |link: &str| probes(link, false).map(|blocks| blocks.len());
        assert_eq!(near("https://www.googleapis.com/compute/v1/projects/p/regions/r/forwardingRules/f"), Some(3));
        assert_eq!(near("https://compute.s3nsapis.fr/compute/v1/projects/p/regions/r/forwardingRules/f"), Some(1));
        assert_eq!(near("https://compute.example.org/compute/v1/projects/p"), None);
        assert_eq!(near("projects/p/regions/r/forwardingRules/f"), Some(3));
    }
}
