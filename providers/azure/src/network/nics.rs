//! The interfaces of an estate: their addresses and filters, and what stands behind them.

use std::net::IpAddr;

use reachlint_model::{
    Address, Group as Carried, InterfaceId, InterfaceState, NameId, NewInterface, Prefix, ReasonCode, ReasonId,
};
use rustc_hash::FxHashMap as HashMap;

use super::compile::{Compiler, Facts, Filters, Kind, address, named};
use super::estate::refers;
use super::routing::Link;
use super::tags::Place;
use super::words::{READ_ENDPOINTS, READ_INSTANCES, READ_MACHINES, READ_PUBLICS, READ_VNETS};
use crate::records::resources::Nic;
use crate::records::{ResourceId, key};

impl Compiler {
    pub(super) fn compile_nics(&mut self, links: &HashMap<String, Vec<Link>>) {
        let nics = self.estate.nics.clone();
        for (id, nic) in nics.values() {
            self.nic(id, nic, links);
        }
    }

    fn nic(&mut self, id: &ResourceId, nic: &Nic, links: &HashMap<String, Vec<Link>>) {
        let mut configurations: Vec<_> = nic.ipconfigurations.iter().collect();
        configurations.sort_by_key(|own| own.primary != Some(true));
        let mut addresses = Vec::new();
        let mut delegated = Vec::new();
        let mut carried = Vec::new();
        let mut unread_public = None;
        for own in &configurations {
            let Some(private) = address(own.privateipaddress.as_ref()) else { continue };
            let public =
                refers(own.publicipaddress.as_ref()).and_then(|public| self.public(&public, &mut unread_public));
            addresses.push(Address { private, public });
            if let Some(length) = own.privateipaddressprefixlength
                && length < if private.is_ipv4() { 32 } else { 128 }
            {
                delegated.extend(Prefix::new(private, length));
            }
            for group in &own.applicationsecuritygroups {
                let group = Carried(self.name(&key(&group.id)));
                if !carried.contains(&group) {
                    carried.push(group);
                }
            }
        }
        let subnet_key = configurations.iter().find_map(|own| refers(own.subnet.as_ref())).unwrap_or_default();
        let vnet_key = ResourceId::parse(&subnet_key).map(|subnet| subnet.outer(1)).unwrap_or_default();
        let (subnet, network) = (self.name(&subnet_key), self.name(&vnet_key));
        let at = self.subnet_at.get(&subnet_key).map(|(_, at)| *at);
        let place = at.unwrap_or_else(|| {
            let unknown = self.reason(ReasonCode::NotRead, "the subnet is not in the evidence", Some(READ_VNETS));
            self.place(&Place { unknown: Some(unknown), ..Place::default() })
        });
        let card = refers(nic.networksecuritygroup.as_ref()).map(|group| self.group_of(&group, place));
        let facts = self.subnets.get(&subnet);
        let (subnet_filter, admin) = facts.map_or((None, None), |facts| (facts.filter, facts.admin));
        let subnet_filter = if at.is_none() {
            let reason = self.unread("subnet", subnet, READ_VNETS);
            Some(self.unread_group(subnet, reason))
        } else {
            subnet_filter
        };
        let machine_key = refers(nic.virtualmachine.as_ref())
            .or_else(|| id.kind.starts_with("microsoft.compute/").then(|| id.outer(1)));
        let machine = machine_key.as_deref().map(|machine| self.name(machine));
        let (kind, state) = self.behind(nic, machine_key.as_deref(), machine);
        let effective = self.effective_of(&id.key).map(|found| {
            let none = Vec::new();
            let routes = self.effective(&found, links.get(&vnet_key).unwrap_or(&none));
            self.effective.push(routes);
            self.effective.len() - 1
        });
        let label = machine.or_else(|| {
            let endpoint = refers(nic.privateendpoint.as_ref())?;
            Some(self.name(&endpoint))
        });
        let new = NewInterface {
            id: self.name(&id.key),
            owner: machine,
            label,
            account: self.intern(&id.subscription),
            region: self.intern(&nic.location),
            network,
            subnet,
            state,
        };
        let interface = self.builder.interface(new, &addresses, &delegated, &carried);
        for own in configurations {
            let Some(private) = address(own.privateipaddress.as_ref()) else { continue };
            let whole = own.id.clone().unwrap_or_else(|| format!("{}/ipConfigurations/{}", id.text, own.name));
            self.configurations.insert(key(&whole), (interface, private));
            for pool in &own.loadbalancerbackendaddresspools {
                self.pools.entry(key(&pool.id)).or_default().push(key(&whole));
            }
        }
        self.find_by(interface, id, machine_key.as_deref(), nic);
        let cluster = self.cluster(nic, machine_key.as_deref());
        let in_force = self.in_force(id, place);
        if self.asks_elsewhere(nic, &vnet_key) {
            self.elsewhere.insert(interface);
        }
        self.facts.push(Facts {
            kind,
            filters: Filters { admin, subnet: subnet_filter, card, in_force },
            machine,
            primary: nic.primary != Some(false),
            forwards: nic.enableipforwarding,
            cluster,
            routes: effective,
            unread_public,
        });
    }

    /// The address of a public address record.
    pub(super) fn public(&mut self, public: &str, unread: &mut Option<ReasonId>) -> Option<IpAddr> {
        let known = self.estate.publics.get(public).and_then(|(_, record)| address(record.ipaddress.as_ref()));
        if known.is_none() {
            let name = self.name(public);
            *unread = Some(self.unread("public address", name, READ_PUBLICS));
        }
        known
    }

    fn effective_of(&self, nic: &str) -> Option<Vec<crate::records::EffectiveRoute>> {
        let found = self.estate.effective_routes.iter();
        let mut found = found.filter(|(about, _)| named(&self.estate.nics, about).is_some_and(|known| known == nic));
        found.next().map(|(_, routes)| routes.clone())
    }

    /// What stands behind an interface, and whether it can answer.
    fn behind(&mut self, nic: &Nic, machine: Option<&str>, name: Option<NameId>) -> (Kind, InterfaceState) {
        if let Some(endpoint) = refers(nic.privateendpoint.as_ref()) {
            let kind = match self.estate.endpoints.get(&endpoint).cloned() {
                None => {
                    let name = self.name(&endpoint);
                    let unread = Some(self.unread("private endpoint", name, READ_ENDPOINTS));
                    Kind::Endpoint { refused: None, unread }
                }
                Some((_, record)) => {
                    let all = record.privatelinkserviceconnections.iter();
                    let all = all.chain(&record.manualprivatelinkserviceconnections);
                    let mut states = all.map(|connection| &connection.privatelinkserviceconnectionstate.status);
                    let refused = states.find(|status| !status.eq_ignore_ascii_case("Approved"));
                    Kind::Endpoint { refused: refused.map(|status| self.intern(status)), unread: None }
                }
            };
            return (kind, InterfaceState::Up);
        }
        if let (Some(machine), Some(name)) = (machine, name) {
            let known = self.estate.machines.get(machine).map(|(_, record)| record.power());
            let state = match known {
                Some(Some(power)) if power == "running" => InterfaceState::Up,
                Some(Some(power)) => InterfaceState::Down(self.intern(&power)),
                other => {
                    let instance = machine.contains("/virtualmachinescalesets/");
                    let (permission, how) = if instance {
                        (READ_INSTANCES, "az vmss list-instances --expand instanceView")
                    } else {
                        (READ_MACHINES, "az vm list --show-details")
                    };
                    let text = match other {
                        Some(_) => format!("whether {} runs is not in the evidence; `{how}` tells", self.text(name)),
                        None => format!(
                            "machine {} is not in the evidence, so whether it runs is not known",
                            self.text(name)
                        ),
                    };
                    InterfaceState::Unread(self.reason(ReasonCode::NotRead, &text, Some(permission)))
                }
            };
            return (Kind::Machine, state);
        }
        if refers(nic.privatelinkservice.as_ref()).is_some() || !nic.hostedworkloads.is_empty() {
            let text = "a service of Azure stands behind the interface, and what it does is not modelled";
            let reason = self.reason(ReasonCode::NotModelled, text, None);
            return (Kind::Opaque(reason), InterfaceState::Up);
        }
        (Kind::Machine, InterfaceState::Detached)
    }

    /// A node of a Kubernetes cluster sends what its pods send, from its own address or from theirs as the network plugin
    /// and the masquerading agent have it.
    fn cluster(&mut self, nic: &Nic, machine: Option<&str>) -> Option<ReasonId> {
        let ours = |tags: &crate::records::resources::Tags| {
            tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aks-managed-"))
        };
        let set = machine.and_then(|machine| machine.split("/virtualmachines/").next());
        let tagged = ours(&nic.tags)
            || machine.and_then(|machine| self.estate.machines.get(machine)).is_some_and(|(_, own)| ours(&own.tags))
            || set.and_then(|set| self.estate.scale_sets.get(set)).is_some_and(|(_, own)| ours(&own.tags));
        tagged.then(|| {
            let text = "the machine is a node of a Kubernetes cluster: whether its pods send from their own addresses \
                        or from the node's depends on the cluster's network plugin, which is not in the evidence";
            self.reason(ReasonCode::NotModelled, text, None)
        })
    }

    /// Everything that a person may call the interface by.
    fn find_by(&mut self, interface: InterfaceId, id: &ResourceId, machine: Option<&str>, nic: &Nic) {
        let mut names = vec![id.key.clone(), id.name().to_lowercase()];
        let mut tags: Vec<(String, String)> = Vec::new();
        let mut add = |own: &crate::records::resources::Tags| {
            tags.extend(own.iter().map(|(key, value)| (key.to_lowercase(), value.clone())));
        };
        add(&nic.tags);
        if let Some(machine) = machine {
            names.push(machine.to_owned());
            names.push(machine.rsplit('/').next().unwrap_or_default().to_owned());
            if let Some((_, own)) = self.estate.machines.get(machine) {
                add(&own.tags);
            }
            if let Some((set, instance)) =
                machine.split_once("/virtualmachines/").filter(|(set, _)| set.contains("scalesets"))
            {
                let short = set.rsplit('/').next().unwrap_or_default();
                names.extend([
                    set.to_owned(),
                    short.to_owned(),
                    format!("{short}/{instance}"),
                    format!("{short}_{instance}"),
                ]);
                if let Some((_, own)) = self.estate.scale_sets.get(set) {
                    add(&own.tags);
                }
            }
        }
        for name in names {
            let known = self.aliases.entry(name).or_default();
            if known.last() != Some(&interface) {
                known.push(interface);
            }
        }
        for tag in tags {
            let known = self.tags.entry(tag).or_default();
            if known.last() != Some(&interface) {
                known.push(interface);
            }
        }
    }
}
