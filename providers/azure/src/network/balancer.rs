//! Load balancers: frontends, rules, backends.

use std::net::IpAddr;

use reachlint_model::{Address, InterfaceId, InterfaceState, NameId, NewInterface, PortRange, ProtocolMatch, ReasonId};
use rustc_hash::FxHashMap as HashMap;

use super::compile::{Compiler, Facts, Filters, Kind, address};
use super::estate::refers;
use super::words::READ_BALANCERS;
use crate::records::ResourceId;
use crate::records::key;
use crate::records::resources::{Frontend, LoadBalancer, Pool};
use crate::records::rule::protocols;

/// A load balancer.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    pub(super) name: NameId,
    /// Everything that sends packets on, by the number of the frontend.
    pub(super) rules: Vec<Rule>,
    /// What each frontend listens on, in words.
    pub(super) heard: Vec<Option<NameId>>,
}

/// A rule that sends packets on.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: NameId,
    pub(super) frontend: usize,
    pub(super) protocols: Vec<ProtocolMatch>,
    pub(super) ports: PortRange,
    /// The port at the backend, where it is another one.
    pub(super) to: Option<u16>,
    pub(super) floating: bool,
    /// The port that is probed.
    pub(super) probe: Option<u16>,
    pub(super) backends: Result<Vec<Backend>, ReasonId>,
    /// Whether only one of the backends is meant, and which is not known.
    pub(super) one_of: bool,
}

/// A backend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backend {
    pub(super) interface: Option<InterfaceId>,
    pub(super) address: IpAddr,
}

/// What a load balancer translates to when its backend opens a connection to the internet.
#[derive(Clone, Debug)]
pub(super) enum Outbound {
    /// One of these addresses.
    Known(NameId, Vec<IpAddr>),
    Unsure(NameId, ReasonId),
}

/// Outbound translations by interface and address.
type Outbounds = HashMap<(InterfaceId, IpAddr), Outbound>;

impl Compiler {
    /// Every load balancer; each frontend becomes an interface that owns its address.
    pub(super) fn compile_balancers(&mut self) -> (Vec<Balancer>, Outbounds) {
        let all: Vec<(ResourceId, LoadBalancer)> = self.estate.balancers.values().cloned().collect();
        let mut outbounds = Outbounds::default();
        let mut balancers = Vec::new();
        for (at, (id, record)) in all.iter().enumerate() {
            let name = self.name(&id.key);
            let mut frontends = HashMap::default();
            for (number, frontend) in record.frontendipconfigurations.iter().enumerate() {
                frontends.insert(part(id, "frontendIPConfigurations", frontend.id.as_ref(), &frontend.name), number);
                self.frontend(id, name, frontend, &record.location, Kind::Frontend(at, number));
            }
            let pools: HashMap<String, Result<Vec<Backend>, ReasonId>> = record
                .backendaddresspools
                .iter()
                .map(|pool| (part(id, "backendAddressPools", pool.id.as_ref(), &pool.name), self.backends(id, pool)))
                .collect();
            let probes: HashMap<String, u16> = record
                .probes
                .iter()
                .map(|probe| (part(id, "probes", probe.id.as_ref(), &probe.name), probe.port))
                .collect();
            let rules = self.rules_of(id, record, &frontends, &pools, &probes);
            let heard = (0..record.frontendipconfigurations.len()).map(|number| self.heard(&rules, number)).collect();
            self.outbounds(id, record, name, &pools, &mut outbounds);
            balancers.push(Balancer { name, rules, heard });
        }
        (balancers, outbounds)
    }

    /// An interface that stands for an address which something listens on.
    pub(super) fn frontend(
        &mut self,
        id: &ResourceId,
        owner: NameId,
        frontend: &Frontend,
        location: &str,
        kind: Kind,
    ) -> Option<InterfaceId> {
        let mut unread = None;
        let public = refers(frontend.publicipaddress.as_ref()).and_then(|public| self.public(&public, &mut unread));
        let private = address(frontend.privateipaddress.as_ref());
        let own = private.or(public)?;
        let subnet_key = refers(frontend.subnet.as_ref());
        let vnet_key = subnet_key.as_deref().and_then(ResourceId::parse).map(|subnet| subnet.outer(1));
        let subnet = subnet_key.map_or(owner, |key| self.name(&key));
        let network = vnet_key.map_or(owner, |key| self.name(&key));
        let name = format!("{}/{}", self.text(owner), frontend.name);
        let new = NewInterface {
            id: self.builder.names().intern(&name),
            owner: Some(owner),
            label: Some(owner),
            account: self.builder.names().intern(&id.subscription),
            region: self.builder.names().intern(location),
            network,
            subnet,
            state: InterfaceState::Up,
        };
        let interface = self.builder.interface(new, &[Address { private: own, public }], &[], &[]);
        self.facts.push(Facts {
            kind,
            filters: Filters::default(),
            machine: None,
            primary: true,
            forwards: false,
            cluster: None,
            routes: None,
            unread_public: unread,
        });
        Some(interface)
    }

    /// The backends of a pool, by what it lists and by what interfaces say of themselves.
    fn backends(&mut self, id: &ResourceId, pool: &Pool) -> Result<Vec<Backend>, ReasonId> {
        let own = part(id, "backendAddressPools", pool.id.as_ref(), &pool.name);
        let mut wanted: Vec<String> = pool.backendipconfigurations.iter().map(|one| key(&one.id)).collect();
        wanted.extend(self.pools.get(&own).cloned().unwrap_or_default());
        let mut backends: Vec<Backend> = Vec::new();
        for given in &pool.loadbalancerbackendaddresses {
            match (address(given.ipaddress.as_ref()), refers(given.networkinterfaceipconfiguration.as_ref())) {
                (_, Some(configuration)) => wanted.push(configuration),
                (Some(address), None) => backends.push(Backend { interface: None, address }),
                (None, None) => {}
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        for configuration in wanted {
            let Some((interface, address)) = self.configurations.get(&configuration) else {
                // The name of the interface that the IP configuration is of.
                let short = configuration.rsplit('/').nth(2).unwrap_or_default().to_owned();
                let name = self.builder.names().intern(&short);
                return Err(self.unread("backend", name, super::words::READ_NICS));
            };
            backends.retain(|known| known.address != *address);
            backends.push(Backend { interface: Some(*interface), address: *address });
        }
        Ok(backends)
    }

    fn rules_of(
        &mut self,
        id: &ResourceId,
        record: &LoadBalancer,
        frontends: &HashMap<String, usize>,
        pools: &HashMap<String, Result<Vec<Backend>, ReasonId>>,
        probes: &HashMap<String, u16>,
    ) -> Vec<Rule> {
        let mut rules = Vec::new();
        let pooled = |reference: Option<&String>| reference.and_then(|pool| pools.get(pool)).cloned();
        for rule in &record.loadbalancingrules {
            let Some(frontend) = refers(rule.frontendipconfiguration.as_ref()).and_then(|key| frontends.get(&key))
            else {
                continue;
            };
            let several = rule.backendaddresspools.iter().map(|pool| key(&pool.id));
            let all: Vec<String> = several.chain(refers(rule.backendaddresspool.as_ref())).collect();
            let mut backends: Result<Vec<Backend>, ReasonId> = Ok(Vec::new());
            for pool in &all {
                match (backends.as_mut(), pooled(Some(pool))) {
                    (Ok(known), Some(Ok(more))) => {
                        for backend in more {
                            if known.iter().all(|own| own.address != backend.address) {
                                known.push(backend);
                            }
                        }
                    }
                    (Ok(_), Some(Err(reason))) => backends = Err(reason),
                    _ => {}
                }
            }
            // Port 0 for all protocols is every port, which keeps its number (Load Balancer, high availability ports).
            let ha = rule.frontendport == 0;
            let name = format!("{}/{}", id.name(), rule.name);
            rules.push(Rule {
                name: self.builder.names().intern(&name),
                frontend: *frontend,
                protocols: protocols(&rule.protocol).unwrap_or_else(|_| vec![ProtocolMatch::Any]),
                ports: if ha { PortRange::ALL } else { PortRange::single(rule.frontendport) },
                to: (!ha).then_some(rule.backendport),
                floating: rule.enablefloatingip,
                probe: refers(rule.probe.as_ref()).and_then(|probe| probes.get(&probe).copied()),
                backends,
                one_of: false,
            });
        }
        for rule in &record.inboundnatrules {
            let Some(frontend) = refers(rule.frontendipconfiguration.as_ref()).and_then(|key| frontends.get(&key))
            else {
                continue;
            };
            let range = PortRange::new(rule.frontendportrangestart, rule.frontendportrangeend)
                .filter(|_| rule.frontendportrangeend > 0);
            let pool = refers(rule.backendaddresspool.as_ref());
            let backends = match (pool, refers(rule.backendipconfiguration.as_ref())) {
                (Some(pool), _) => pooled(Some(&pool)).unwrap_or_else(|| Ok(Vec::new())),
                (None, Some(own)) => {
                    if let Some((interface, address)) = self.configurations.get(&own) {
                        Ok(vec![Backend { interface: Some(*interface), address: *address }])
                    } else {
                        let name = self.name(&own);
                        Err(self.unread("backend", name, READ_BALANCERS))
                    }
                }
                (None, None) => Ok(Vec::new()),
            };
            let name = format!("{}/{}", id.name(), rule.name);
            let one_of = range.is_some() && backends.as_ref().is_ok_and(|all| all.len() > 1);
            rules.push(Rule {
                name: self.builder.names().intern(&name),
                frontend: *frontend,
                protocols: protocols(&rule.protocol).unwrap_or_else(|_| vec![ProtocolMatch::Any]),
                ports: range.unwrap_or(PortRange::single(rule.frontendport)),
                to: Some(rule.backendport),
                floating: rule.enablefloatingip,
                probe: None,
                backends,
                one_of,
            });
        }
        rules
    }

    /// What a frontend listens on: `tcp 443, any 8443`.
    fn heard(&mut self, rules: &[Rule], frontend: usize) -> Option<NameId> {
        let own = rules.iter().filter(|rule| rule.frontend == frontend);
        let words: Vec<String> = own
            .flat_map(|rule| {
                rule.protocols.iter().map(|protocol| match protocol {
                    ProtocolMatch::Any => format!("any protocol {}", rule.ports),
                    ProtocolMatch::Only(only) => format!("{only} {}", rule.ports),
                })
            })
            .collect();
        (!words.is_empty()).then(|| self.builder.names().intern(&words.join(", ")))
    }

    /// Public addresses that backends send from: those of outbound rules, else those of balancing rules that do not leave
    /// that to others (Load Balancer, outbound connections).
    fn outbounds(
        &mut self,
        id: &ResourceId,
        record: &LoadBalancer,
        name: NameId,
        pools: &HashMap<String, Result<Vec<Backend>, ReasonId>>,
        all: &mut Outbounds,
    ) {
        let public_of = |reference: &str| {
            let mut frontends = record.frontendipconfigurations.iter();
            let found =
                frontends.find(|own| part(id, "frontendIPConfigurations", own.id.as_ref(), &own.name) == reference)?;
            refers(found.publicipaddress.as_ref())
        };
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        for rule in &record.outboundrules {
            let Some(pool) = refers(rule.backendaddresspool.as_ref()) else { continue };
            let own = rule.frontendipconfigurations.iter().filter_map(|one| public_of(&key(&one.id)));
            found.push((pool, own.collect()));
        }
        if found.is_empty() {
            for rule in record.loadbalancingrules.iter().filter(|rule| !rule.disableoutboundsnat) {
                let several = rule.backendaddresspools.iter().map(|pool| key(&pool.id));
                let pools: Vec<String> = several.chain(refers(rule.backendaddresspool.as_ref())).collect();
                let own = refers(rule.frontendipconfiguration.as_ref()).and_then(|frontend| public_of(&frontend));
                found.extend(pools.into_iter().map(|pool| (pool, own.clone().into_iter().collect())));
            }
        }
        for (pool, publics) in found {
            let Some(Ok(backends)) = pools.get(&pool) else { continue };
            let mut unread = None;
            let addresses: Vec<IpAddr> = publics.iter().filter_map(|one| self.public(one, &mut unread)).collect();
            let outbound = match (addresses.as_slice(), unread) {
                ([], None) => continue,
                (_, Some(reason)) => Outbound::Unsure(name, reason),
                (known, None) => Outbound::Known(name, known.to_vec()),
            };
            for backend in backends {
                let Some(interface) = backend.interface else { continue };
                let known = all.entry((interface, backend.address)).or_insert_with(|| outbound.clone());
                // Every frontend of a load balancer is a candidate (Outbound connections, several frontends).
                match (&mut *known, &outbound) {
                    (Outbound::Known(of, all), Outbound::Known(name, more)) if of == name => {
                        let new: Vec<IpAddr> = more.iter().filter(|one| !all.contains(one)).copied().collect();
                        all.extend(new);
                    }
                    (Outbound::Known(of, _), Outbound::Unsure(name, _)) if of == name => *known = outbound.clone(),
                    _ => {}
                }
            }
        }
    }
}

/// The key of a part of a resource that may not say its own id.
fn part(id: &ResourceId, kind: &str, own: Option<&String>, name: &str) -> String {
    own.map_or_else(|| key(&format!("{}/{kind}/{name}", id.text)), |own| key(own))
}
