//! What was read, by the keys of the resources, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use reachlint_model::{Cloud, Failure, Intake, Manifest, Prefix, Provider};
use serde::de::DeserializeOwned;

use super::AzureNetwork;
use crate::records::resources::{
    ApplicationGateway, LoadBalancer, Machine, NatGateway, Nic, Peering, PrivateEndpoint, PrivateZone, PublicAddress,
    RecordSet, Reference, RouteTable, ScaleSet, SecurityGroup, Subnet, VirtualNetwork, ZoneLink,
};
use crate::records::rule::{Access, FilterRule, SecurityRule};
use crate::records::{
    About, AdminRules, Checked, Document, EffectiveGroup, EffectiveRoute, Resource, ResourceId, key, read,
};

/// A network security group with its rules understood.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) id: ResourceId,
    pub(super) rules: Vec<FilterRule>,
    /// None where the record does not have them.
    pub(super) defaults: Option<Vec<FilterRule>>,
}

/// Resources of one kind.
pub(super) type All<T> = BTreeMap<String, (ResourceId, T)>;

/// Evidence of Azure as it was read.
#[derive(Debug, Default)]
pub struct Estate {
    pub(super) nics: All<Nic>,
    pub(super) vnets: All<VirtualNetwork>,
    pub(super) subnets: All<Subnet>,
    /// By the virtual network that they are a side of.
    pub(super) peerings: BTreeMap<String, Vec<(ResourceId, Peering)>>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) tables: All<RouteTable>,
    pub(super) publics: All<PublicAddress>,
    pub(super) balancers: All<LoadBalancer>,
    pub(super) gateways: All<ApplicationGateway>,
    pub(super) endpoints: All<PrivateEndpoint>,
    pub(super) nats: All<NatGateway>,
    pub(super) machines: All<Machine>,
    pub(super) scale_sets: All<ScaleSet>,
    /// Private DNS zones, their links to networks, and their records.
    pub(super) zones: All<PrivateZone>,
    pub(super) zone_links: All<ZoneLink>,
    pub(super) record_sets: All<RecordSet>,
    /// Application security groups.
    pub(super) members: BTreeMap<String, ResourceId>,
    /// Subscriptions whose application security groups were listed.
    pub(super) listed_members: BTreeSet<String>,
    pub(super) service_tags: Option<BTreeMap<String, Vec<Prefix>>>,
    pub(super) admin: Vec<(About, AdminRules)>,
    pub(super) effective_groups: Vec<(About, Vec<EffectiveGroup>)>,
    pub(super) effective_routes: Vec<(About, Vec<EffectiveRoute>)>,
    pub(super) appliances: BTreeMap<IpAddr, IpAddr>,
    pub(super) failures: Vec<Failure>,
    /// Number of documents of a kind that say more pages follow, and that do not.
    pages: BTreeMap<String, (usize, usize)>,
    read: bool,
}

/// Kinds of resource that are read.
const NIC: &str = "microsoft.network/networkinterfaces";
const INSTANCE_NIC: &str = "microsoft.compute/virtualmachinescalesets/virtualmachines/networkinterfaces";
const VNET: &str = "microsoft.network/virtualnetworks";
const SUBNET: &str = "microsoft.network/virtualnetworks/subnets";
const PEERING: &str = "microsoft.network/virtualnetworks/virtualnetworkpeerings";
const GROUP: &str = "microsoft.network/networksecuritygroups";
const MEMBERS: &str = "microsoft.network/applicationsecuritygroups";
const TABLE: &str = "microsoft.network/routetables";
const PUBLIC: &str = "microsoft.network/publicipaddresses";
const BALANCER: &str = "microsoft.network/loadbalancers";
const GATEWAY: &str = "microsoft.network/applicationgateways";
const ENDPOINT: &str = "microsoft.network/privateendpoints";
const NAT: &str = "microsoft.network/natgateways";
const MACHINE: &str = "microsoft.compute/virtualmachines";
const INSTANCE: &str = "microsoft.compute/virtualmachinescalesets/virtualmachines";
const SCALE_SET: &str = "microsoft.compute/virtualmachinescalesets";
const ZONE: &str = "microsoft.network/privatednszones";
const ZONE_LINK: &str = "microsoft.network/privatednszones/virtualnetworklinks";
/// Record sets of all types; only addresses and other names are looked at, and all of them are counted.
const RECORDS: [&str; 8] = ["a", "aaaa", "cname", "mx", "ptr", "soa", "srv", "txt"];

/// Whether a kind is that of records of a private zone.
fn is_record_set(kind: &str) -> bool {
    kind.strip_prefix(ZONE).and_then(|rest| rest.strip_prefix('/')).is_some_and(|kind| RECORDS.contains(&kind))
}

/// Keeps what was read first, so that a repetition changes nothing.
fn keep<T: DeserializeOwned + Checked>(all: &mut All<T>, resource: Resource) -> Result<(), String> {
    let (id, record) = resource.typed()?;
    all.entry(id.key.clone()).or_insert((id, record));
    Ok(())
}

impl Estate {
    /// An estate of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a resource in; whether it is of a kind that is read.
    fn resource(&mut self, resource: Resource) -> Result<bool, String> {
        match resource.id.kind.as_str() {
            NIC | INSTANCE_NIC => keep(&mut self.nics, resource)?,
            VNET => self.vnet(resource)?,
            SUBNET => keep(&mut self.subnets, resource)?,
            PEERING => {
                let (id, peering) = resource.typed()?;
                self.peering(id.outer(1), id, peering);
            }
            GROUP => self.group(resource)?,
            MEMBERS => {
                self.listed_members.insert(resource.id.subscription.to_ascii_lowercase());
                self.members.insert(resource.id.key.clone(), resource.id);
            }
            TABLE => keep(&mut self.tables, resource)?,
            PUBLIC => keep(&mut self.publics, resource)?,
            BALANCER => keep(&mut self.balancers, resource)?,
            GATEWAY => keep(&mut self.gateways, resource)?,
            ENDPOINT => keep(&mut self.endpoints, resource)?,
            NAT => keep(&mut self.nats, resource)?,
            MACHINE | INSTANCE => {
                let (id, machine) = resource.typed::<Machine>()?;
                let known = self.machines.entry(id.key.clone()).or_insert_with(|| (id, machine.clone()));
                // `az vm list` tells the power state only when it is asked for details.
                if known.1.power().is_none() {
                    let tags = std::mem::take(&mut known.1.tags);
                    known.1 = machine;
                    known.1.tags.extend(tags);
                } else if known.1.tags.is_empty() {
                    known.1.tags = machine.tags;
                }
            }
            SCALE_SET => keep(&mut self.scale_sets, resource)?,
            ZONE => keep(&mut self.zones, resource)?,
            ZONE_LINK => keep(&mut self.zone_links, resource)?,
            kind if is_record_set(kind) => keep(&mut self.record_sets, resource)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn vnet(&mut self, resource: Resource) -> Result<(), String> {
        let (id, mut vnet) = resource.typed::<VirtualNetwork>()?;
        for subnet in std::mem::take(&mut vnet.subnets) {
            let whole = subnet.id.clone().unwrap_or_else(|| format!("{}/subnets/{}", id.text, subnet.name));
            let own = ResourceId::parse(&whole).ok_or_else(|| format!("`{}`: `{whole}` is no subnet", id.text))?;
            self.subnets.entry(own.key.clone()).or_insert((own, subnet));
        }
        for peering in std::mem::take(&mut vnet.virtualnetworkpeerings) {
            let whole = peering.id.clone();
            let whole = whole.unwrap_or_else(|| format!("{}/virtualNetworkPeerings/{}", id.text, peering.name));
            let own = ResourceId::parse(&whole).ok_or_else(|| format!("`{}`: `{whole}` is no peering", id.text))?;
            self.peering(id.key.clone(), own, peering);
        }
        self.vnets.entry(id.key.clone()).or_insert((id, vnet));
        Ok(())
    }

    fn peering(&mut self, vnet: String, id: ResourceId, peering: Peering) {
        let known = self.peerings.entry(vnet).or_default();
        if known.iter().all(|(other, _)| other.key != id.key) {
            known.push((id, peering));
        }
    }

    fn group(&mut self, resource: Resource) -> Result<(), String> {
        let (id, record) = resource.typed::<SecurityGroup>()?;
        let all = |rules: &[SecurityRule]| {
            let read = |rule: &SecurityRule| {
                let read = rule.read()?;
                // Only admin rules always allow.
                if read.access == Access::AlwaysAllow {
                    return Err(format!("rule `{}`: `{}` is no access", rule.name, rule.access));
                }
                Ok(read)
            };
            let rules: Result<Vec<FilterRule>, String> = rules.iter().map(read).collect();
            rules.map_err(|why| format!("`{}`: {why}", id.text))
        };
        let rules = all(&record.securityrules)?;
        let defaults = record.defaultsecurityrules.as_deref().map(all).transpose()?;
        self.groups.entry(id.key.clone()).or_insert(Group { id, rules, defaults });
        Ok(())
    }

    /// Whether the last page of a kind is missing.
    pub(super) fn is_cut(&self, kind: &str) -> bool {
        self.pages.get(kind).is_some_and(|(more, last)| *more > 0 && *last == 0)
    }

    /// Whether the list of network interfaces is known to be cut.
    pub(super) fn interfaces_are_cut(&self) -> bool {
        self.is_cut(NIC) || self.is_cut(INSTANCE_NIC)
    }

    /// Whether the list of application security groups is known to be cut.
    pub(super) fn members_are_cut(&self) -> bool {
        self.is_cut(MEMBERS)
    }

    /// Whether a list of links of private zones is known to be cut.
    pub(super) fn zone_links_are_cut(&self) -> bool {
        self.is_cut(ZONE_LINK)
    }

    /// Whether a list of records of a private zone is known to be cut: its last page is missing, whatever is on it.
    pub(super) fn record_sets_are_cut(&self) -> bool {
        let pages = self.pages.iter().filter(|(kind, _)| is_record_set(kind)).map(|(_, pages)| pages);
        let (more, last) = pages.fold((0, 0), |(more, last), (one, other)| (more + one, last + other));
        more > 0 && last == 0
    }

    /// The failed call that explains why something is missing.
    pub(super) fn failure(&self, permission: &str, id: Option<&str>) -> Option<&Failure> {
        let about = |failure: &&Failure| {
            failure.call.eq_ignore_ascii_case(permission)
                && (failure.resources.is_empty()
                    || id.is_none_or(|id| failure.resources.iter().any(|known| known.eq_ignore_ascii_case(id))))
        };
        self.failures.iter().find(about)
    }
}

#[cfg(feature = "live")]
impl Estate {
    /// The private DNS zones of a subscription that a network is linked to, as far as they say.
    pub(crate) fn linked_zones(&self, subscription: &str) -> Vec<ResourceId> {
        let linked = self.zones.values().filter(|(_, zone)| zone.numberofvirtualnetworklinks != Some(0));
        let all = linked.map(|(id, _)| id);
        all.filter(|id| id.subscription.eq_ignore_ascii_case(subscription)).cloned().collect()
    }

    /// The scale sets of a subscription.
    pub(crate) fn scale_set_ids(&self, subscription: &str) -> Vec<ResourceId> {
        let all = self.scale_sets.values().map(|(id, _)| id);
        all.filter(|id| id.subscription.eq_ignore_ascii_case(subscription)).cloned().collect()
    }

    /// The virtual networks of a subscription.
    pub(crate) fn vnet_ids(&self, subscription: &str) -> Vec<ResourceId> {
        let all = self.vnets.values().map(|(id, _)| id);
        all.filter(|id| id.subscription.eq_ignore_ascii_case(subscription)).cloned().collect()
    }

    /// A subscription and a region to ask for the addresses of service tags, where a rule or route names one that is data.
    pub(crate) fn needs_service_tags(&self) -> Option<(String, String)> {
        let rules = self.groups.values().flat_map(|group| &group.rules);
        let admin = self.admin.iter().flat_map(|(_, rules)| rules.rules.iter().map(|rule| &rule.rule));
        let mut ends = rules.chain(admin).flat_map(|rule| rule.source.tags.iter().chain(&rule.destination.tags));
        let mut routes = self.tables.values().flat_map(|(_, table)| &table.routes);
        let tag = ends.any(|tag| super::tags::is_data(tag));
        let route =
            routes.any(|route| route.addressprefix.as_deref().is_some_and(|text| text.parse::<Prefix>().is_err()));
        let (id, vnet) = self.vnets.values().find(|(_, vnet)| !vnet.location.is_empty())?;
        (tag || route).then(|| (id.subscription.clone(), vnet.location.clone()))
    }
}

impl Intake for Estate {
    fn cloud(&self) -> Cloud {
        Cloud::Azure
    }

    fn document(&mut self, name: &str, bytes: &[u8]) -> Result<Option<Vec<(String, usize)>>, String> {
        let Some(document) = read(name, bytes)? else { return Ok(None) };
        self.read = true;
        let found = match document {
            Document::Resources { found, more } => {
                let mut counts: BTreeMap<String, usize> = BTreeMap::new();
                let mut kinds = BTreeSet::new();
                for resource in found {
                    let kind = resource.id.kind.clone();
                    let used = self.resource(resource)?;
                    let shown = if used { kind.clone() } else { format!("not used: {kind}") };
                    *counts.entry(shown).or_default() += 1;
                    kinds.insert(kind);
                }
                for kind in kinds {
                    let (unfinished, finished) = self.pages.entry(kind).or_default();
                    *(if more { unfinished } else { finished }) += 1;
                }
                counts.into_iter().collect()
            }
            Document::ServiceTags(tags) => {
                let count = tags.len();
                self.service_tags.get_or_insert_default().extend(tags);
                vec![("service tags".to_owned(), count)]
            }
            Document::Admin(rules) => {
                let count = rules.iter().map(|(_, rules)| rules.rules.len()).sum();
                self.admin.extend(rules);
                vec![("effective security admin rules".to_owned(), count)]
            }
            Document::Groups(groups) => {
                let count = groups.iter().map(|(_, groups)| groups.len()).sum();
                self.effective_groups.extend(groups);
                vec![("effective network security groups".to_owned(), count)]
            }
            Document::Routes(routes) => {
                let count = routes.iter().map(|(_, routes)| routes.len()).sum();
                self.effective_routes.extend(routes);
                vec![("effective routes".to_owned(), count)]
            }
            Document::Appliances(pairs) => {
                let count = pairs.len();
                self.appliances.extend(pairs);
                vec![("source addresses of appliances".to_owned(), count)]
            }
        };
        Ok(Some(found))
    }

    fn manifest(&mut self, manifest: &Manifest) {
        let ours = |failure: &&Failure| failure.call.to_ascii_lowercase().starts_with("microsoft.");
        self.failures.extend(manifest.failures.iter().filter(ours).cloned());
    }

    fn is_empty(&self) -> bool {
        !self.read
    }

    fn compile(self: Box<Self>) -> Box<dyn Provider> {
        Box::new(AzureNetwork::new(*self))
    }
}

/// The key of what a record refers to.
pub(super) fn refers(reference: Option<&Reference>) -> Option<String> {
    reference.filter(|reference| !reference.id.is_empty()).map(|reference| key(&reference.id))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HEAD: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network";

    fn take(estate: &mut Estate, document: &Value) -> Result<Option<Vec<(String, usize)>>, String> {
        estate.document("file.json", document.to_string().as_bytes())
    }

    #[test]
    fn one_bad_part_is_an_error_that_names_it() {
        let wrong = |document: Value, parts: &[&str]| {
            let why = take(&mut Estate::new(), &document).unwrap_err();
            assert!(parts.iter().all(|part| why.contains(part)), "{why}");
        };
        let rule = json!({"name": "odd", "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "80-"});
        let id = format!("{HEAD}/networkSecurityGroups/nsg");
        wrong(json!([{"id": id, "securityRules": [rule]}]), &["/nsg`", "rule `odd`", "`80-`"]);
        let id = format!("{HEAD}/networkInterfaces/nic");
        let nic = json!({"id": id, "ipConfigurations": [{"name": "a", "privateIPAddress": "10.0.0"}]});
        wrong(json!([nic]), &["/nic`", "IP configuration `a`", "`10.0.0`"]);
        wrong(json!([{"id": id, "ipConfigurations": 7}]), &["/nic`"]);
        let id = format!("{HEAD}/routeTables/rt");
        let route = json!({"name": "r", "addressPrefix": "10.0.0.0/99", "nextHopType": "None"});
        wrong(
            json!([{"id": id, "properties": {"routes": [{"name": "r", "properties": route}]}}]),
            &["/rt`", "route `r`"],
        );
        let id = format!("{HEAD}/loadBalancers/lb");
        let rule = json!({"name": "x", "protocol": "Sctp?", "frontendPort": 1, "backendPort": 1});
        wrong(json!([{"id": id, "loadBalancingRules": [rule]}]), &["/lb`", "rule `x`", "`Sctp?`"]);
    }

    #[test]
    fn what_is_read_is_counted_and_what_is_not_used_is_said() {
        let mut estate = Estate::new();
        let documents = json!({"value": [
            {"id": format!("{HEAD}/virtualNetworks/v"), "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}},
            {"id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a"},
        ], "nextLink": "https://next"});
        let found = take(&mut estate, &documents).unwrap().unwrap();
        let expected = [(VNET.to_owned(), 1), ("not used: microsoft.storage/storageaccounts".to_owned(), 1)];
        assert_eq!(found, expected);
        assert!(estate.is_cut(VNET) && !estate.is_cut(NIC));
        take(&mut estate, &json!([{"id": format!("{HEAD}/VIRTUALNETWORKS/V")}])).unwrap();
        assert!(!estate.is_cut(VNET));
        assert_eq!(estate.vnets.len(), 1, "the same network in another case");
        assert_eq!(take(&mut estate, &json!({"Vpcs": []})).unwrap(), None);
    }

    #[test]
    fn a_power_state_is_taken_from_whoever_has_it() {
        let mut estate = Estate::new();
        let id = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm";
        take(&mut estate, &json!([{"id": id}])).unwrap();
        take(&mut estate, &json!([{"id": id, "powerState": "VM deallocated"}])).unwrap();
        take(&mut estate, &json!([{"id": id}])).unwrap();
        assert_eq!(estate.machines.values().next().unwrap().1.power().as_deref(), Some("deallocated"));
    }
}
