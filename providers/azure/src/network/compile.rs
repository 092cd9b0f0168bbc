//! Turns an estate into the neutral model.

use std::collections::BTreeMap;
use std::net::IpAddr;

use reachlint_model::{
    AddressSet, InterfaceId, NameId, Names, Network, NetworkBuilder, Prefix, Reason, ReasonCode, ReasonId,
};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::admin::Admins;
use super::balancer::{Balancer, Outbound};
use super::estate::{All, Estate, refers};
use super::filters::Filter;
use super::force::InForce;
use super::names::Called;
use super::routing::{Link, Routes};
use super::tags::{Context, Place, context};
use super::words::{READ_GROUPS, READ_NATS, READ_NICS, READ_VNETS};
use super::zones::Zones;
use crate::records::resources::{Nic, Subnet};
use crate::records::{About, ResourceId, key};

/// What stands behind an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A machine, or an instance of a scale set.
    Machine,
    /// A private endpoint, and the state of its connection where that is not approved.
    Endpoint { refused: Option<NameId>, unread: Option<ReasonId> },
    /// A frontend of a load balancer: which balancer, and which of its frontends.
    Frontend(usize, usize),
    /// A frontend of an application gateway.
    Application(usize, usize),
    /// Something whose inside is not known.
    Opaque(ReasonId),
}

/// The filters of one direction, in no order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filters {
    pub(super) admin: Option<Filter>,
    pub(super) subnet: Option<Filter>,
    pub(super) card: Option<Filter>,
    /// What Azure itself says is in force, where it was asked.
    pub(super) in_force: Option<InForce>,
}

/// What the path needs to know of an interface beyond the neutral model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    pub(super) filters: Filters,
    pub(super) machine: Option<NameId>,
    pub(super) primary: bool,
    pub(super) forwards: bool,
    /// Why the source address of what it sends is not known.
    pub(super) cluster: Option<ReasonId>,
    /// Its routes in force, where they were read.
    pub(super) routes: Option<usize>,
    /// Why a public address of it is not known.
    pub(super) unread_public: Option<ReasonId>,
}

/// What translates what a subnet sends to the internet.
#[derive(Clone, Debug)]
pub(super) enum Nat {
    /// One of these addresses.
    Known(NameId, Vec<IpAddr>),
    /// Not known which.
    Unsure(NameId, ReasonId),
}

/// A subnet.
#[derive(Clone, Debug)]
pub(crate) struct SubnetFacts {
    pub(super) routes: Result<Routes, ReasonId>,
    pub(super) filter: Option<Filter>,
    pub(super) admin: Option<Filter>,
    pub(super) nat: Option<Nat>,
    /// Whether it has no way out by default.
    pub(super) private: bool,
    pub(super) group_policies: bool,
    pub(super) route_policies: bool,
}

/// Interfaces by key in lower case, and value, of their tags and those of their machines.
type Tags = HashMap<(String, String), Vec<InterfaceId>>;

/// Azure evidence, compiled.
#[derive(Debug)]
pub struct AzureNetwork {
    pub(crate) network: Network,
    pub(crate) called: Called,
    pub(super) facts: Vec<Facts>,
    pub(crate) subnets: HashMap<NameId, SubnetFacts>,
    pub(super) effective: Vec<Routes>,
    /// Address spaces of networks that were read.
    pub(super) spaces: HashMap<NameId, Vec<Prefix>>,
    /// Networks that are peered with each, in either direction's words.
    pub(super) links: HashMap<NameId, Vec<NameId>>,
    pub(super) balancers: Vec<Balancer>,
    pub(super) applications: Vec<super::application::Application>,
    /// By the address of an IP configuration's interface.
    pub(super) outbound: HashMap<(InterfaceId, IpAddr), Outbound>,
    /// Public addresses of the basic edition, which are open without a network security group.
    pub(super) basic: HashSet<IpAddr>,
    pub(super) hosts: HashMap<String, Vec<IpAddr>>,
    pub(super) zones: Zones,
    pub(super) tags: Tags,
    pub(super) aliases: HashMap<String, Vec<InterfaceId>>,
    pub(super) appliances: BTreeMap<IpAddr, IpAddr>,
    /// Priorities of rules of groups, by their names.
    pub(crate) priority: HashMap<NameId, i64>,
    /// Priorities that are taken, by group and whether they are inbound.
    pub(crate) priorities: HashMap<(NameId, bool), Vec<i64>>,
    /// Addresses of the members of application security groups.
    pub(crate) members: HashMap<NameId, AddressSet>,
    pub(super) unread_subnet: ReasonId,
    pub(super) unowned: ReasonId,
    pub(super) unread_network: ReasonId,
    pub(super) ambiguous: ReasonId,
    pub(super) appliance: ReasonId,
    pub(super) gateway: ReasonId,
    pub(super) other_hop: ReasonId,
    pub(super) other_way_back: ReasonId,
    pub(super) link_local: ReasonId,
    pub(super) default_outbound: ReasonId,
    pub(super) behind_application: ReasonId,
    pub(super) floating: ReasonId,
    pub(super) whichever: ReasonId,
}

pub(super) struct Compiler {
    pub(super) estate: Estate,
    pub(super) builder: NetworkBuilder,
    pub(super) called: Called,
    pub(super) contexts: Vec<Context>,
    pub(super) filters: HashMap<(String, usize), Filter>,
    /// Addresses of the members of application security groups.
    pub(super) asg_members: HashMap<String, AddressSet>,
    /// Interface and address of IP configurations.
    pub(super) configurations: HashMap<String, (InterfaceId, IpAddr)>,
    /// IP configurations by backend pool.
    pub(super) pools: HashMap<String, Vec<String>>,
    /// The facts of each subnet by its key, with its context.
    pub(super) subnet_at: HashMap<String, (NameId, usize)>,
    pub(super) subnets: HashMap<NameId, SubnetFacts>,
    pub(super) facts: Vec<Facts>,
    pub(super) priority: HashMap<NameId, i64>,
    pub(super) priorities: HashMap<(NameId, bool), Vec<i64>>,
    /// Interfaces of machines that ask other DNS servers than Azure's.
    pub(super) elsewhere: HashSet<InterfaceId>,
    reasons: HashMap<(String, Option<&'static str>), ReasonId>,
    pub(super) tags: Tags,
    pub(super) aliases: HashMap<String, Vec<InterfaceId>>,
    pub(super) effective: Vec<Routes>,
}

impl AzureNetwork {
    /// Compiles what was read.
    #[must_use]
    pub fn new(estate: Estate) -> Self {
        let mut names = Names::default();
        let in_force = estate.effective_groups.iter().flat_map(|(_, groups)| groups);
        let in_force: Vec<ResourceId> =
            in_force.filter_map(|group| ResourceId::parse(group.group.as_deref()?)).collect();
        let called = Called::new(ids(&estate).chain(&in_force), &mut names);
        let compiler = Compiler {
            estate,
            builder: NetworkBuilder::new(names),
            called,
            contexts: Vec::new(),
            filters: HashMap::default(),
            asg_members: HashMap::default(),
            configurations: HashMap::default(),
            pools: HashMap::default(),
            subnet_at: HashMap::default(),
            subnets: HashMap::default(),
            facts: Vec::new(),
            priority: HashMap::default(),
            priorities: HashMap::default(),
            elsewhere: HashSet::default(),
            reasons: HashMap::default(),
            tags: Tags::default(),
            aliases: HashMap::default(),
            effective: Vec::new(),
        };
        compiler.run()
    }
}

/// The ids of all resources.
fn ids(estate: &Estate) -> impl Iterator<Item = &ResourceId> {
    fn of<T>(all: &All<T>) -> impl Iterator<Item = &ResourceId> {
        all.values().map(|(id, _)| id)
    }
    let network = of(&estate.nics).chain(of(&estate.vnets)).chain(of(&estate.subnets)).chain(of(&estate.tables));
    let edge = of(&estate.publics).chain(of(&estate.balancers)).chain(of(&estate.gateways)).chain(of(&estate.nats));
    let machines = of(&estate.machines).chain(of(&estate.scale_sets)).chain(of(&estate.endpoints));
    let peerings = estate.peerings.values().flatten().map(|(id, _)| id);
    let groups = estate.groups.values().map(|group| &group.id);
    network.chain(edge).chain(machines).chain(peerings).chain(groups).chain(estate.members.values())
}

/// Reads an address of a record.
pub(super) fn address(text: Option<&String>) -> Option<IpAddr> {
    text?.trim().parse().ok()
}

impl Compiler {
    fn run(mut self) -> AzureNetwork {
        self.collect_members();
        let admins = Admins::new(&mut self);
        let (links, all_links) = self.compile_subnets(&admins);
        self.compile_nics(&all_links);
        let (balancers, outbound) = self.compile_balancers();
        let applications = self.compile_applications();
        let zones = self.zones();
        let vnets: Vec<String> = self.estate.vnets.keys().cloned().collect();
        let spaces = vnets.iter().filter_map(|vnet| Some((self.name(vnet), self.space(vnet)?))).collect();
        let groups: Vec<(String, AddressSet)> = std::mem::take(&mut self.asg_members).into_iter().collect();
        let members = groups.into_iter().map(|(group, own)| (self.name(&group), own)).collect();
        let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::default();
        let mut basic = HashSet::default();
        for (_, record) in self.estate.publics.values() {
            let Some(own) = address(record.ipaddress.as_ref()) else { continue };
            if let Some(host) = &record.dnssettings.fqdn {
                hosts.entry(host.trim_end_matches('.').to_ascii_lowercase()).or_default().push(own);
            }
            if record.sku.name.eq_ignore_ascii_case("Basic") {
                basic.insert(own);
            }
        }
        let modelled = ReasonCode::NotModelled;
        let appliance = "the route leads through an appliance, whose own rules the evidence does not hold";
        let gateway = "the route leads over a gateway to what is not in the evidence";
        let back = "answers take another way than the connection, through something that is not modelled";
        let link_local = "no service of Azure is known at this link-local address";
        let outbound_text = "the subnet has no NAT gateway and the interface neither a public address nor an outbound \
                             rule; Azure's default outbound access, where the subnet has it, sends from an address of \
                             its own choice";
        let behind = "what an application gateway sends on is decided by its own rules, which are not modelled";
        let floating = "the rule has floating IP on, for which the machine itself has to own the frontend's address";
        let whichever = "which of the pool's members the port belongs to is not in the evidence";
        let ambiguous = "several interfaces of that network own the address, and nothing tells which is meant";
        let unowned = if self.estate.interfaces_are_cut() {
            "no interface in the evidence has that address, and the last page of the list of interfaces is missing"
        } else {
            "no interface, load balancer or private endpoint in the evidence has that address; instances of scale sets \
             are listed by `az vmss nic list`"
        };
        AzureNetwork {
            unread_subnet: self.reason(ReasonCode::NotRead, "the subnet is not in the evidence", Some(READ_VNETS)),
            unowned: self.reason(ReasonCode::UnknownAddress, unowned, Some(READ_NICS)),
            unread_network: self.reason(
                ReasonCode::NotRead,
                "the virtual network on the other side of the peering is not in the evidence",
                Some(READ_VNETS),
            ),
            ambiguous: self.reason(ReasonCode::Ambiguous, ambiguous, None),
            appliance: self.reason(modelled, appliance, None),
            gateway: self.reason(modelled, gateway, None),
            other_hop: self.reason(modelled, "where a next hop of that kind leads is not modelled", None),
            other_way_back: self.reason(modelled, back, None),
            link_local: self.reason(modelled, link_local, None),
            default_outbound: self.reason(modelled, outbound_text, None),
            behind_application: self.reason(modelled, behind, None),
            floating: self.reason(modelled, floating, None),
            whichever: self.reason(modelled, whichever, None),
            priority: self.priority,
            priorities: self.priorities,
            members,
            network: self.builder.build(),
            called: self.called,
            facts: self.facts,
            subnets: self.subnets,
            effective: self.effective,
            spaces,
            links,
            balancers,
            applications,
            outbound,
            basic,
            hosts,
            zones,
            tags: self.tags,
            aliases: self.aliases,
            appliances: self.estate.appliances,
        }
    }

    /// A reason, each once.
    pub(super) fn reason(&mut self, code: ReasonCode, text: &str, permission: Option<&'static str>) -> ReasonId {
        if let Some(known) = self.reasons.get(&(text.to_owned(), permission)) {
            return *known;
        }
        let reason = Reason { code, text: text.to_owned(), permission: permission.map(str::to_owned) };
        let id = self.builder.reason(reason);
        self.reasons.insert((text.to_owned(), permission), id);
        id
    }

    /// A resource that something refers to and that is not in the evidence. Lists leave out what the reader may not see
    /// without a word, so a missing permission looks the same as a file that is missing.
    pub(super) fn unread(&mut self, kind: &str, name: NameId, permission: &'static str) -> ReasonId {
        let short = self.text(name);
        let failed = self.estate.failure(permission, None).map(|failure| failure.error.clone());
        let text = match failed {
            Some(error) => format!("{kind} {short} could not be read: {permission} failed with {error}"),
            None => format!("{kind} {short} is not in the evidence"),
        };
        self.reason(ReasonCode::NotRead, &text, Some(permission))
    }

    pub(super) fn text(&self, name: NameId) -> String {
        self.builder.network().name(name).to_owned()
    }

    /// What a resource is called.
    pub(super) fn name(&mut self, key: &str) -> NameId {
        self.called.of(key, self.builder.names())
    }

    pub(super) fn intern(&mut self, text: &str) -> NameId {
        self.builder.names().intern(text)
    }

    fn collect_members(&mut self) {
        let mut members: HashMap<String, Vec<Prefix>> = HashMap::default();
        for (_, nic) in self.estate.nics.values() {
            for configuration in &nic.ipconfigurations {
                let Some(own) = address(configuration.privateipaddress.as_ref()) else { continue };
                for group in &configuration.applicationsecuritygroups {
                    members.entry(key(&group.id)).or_default().push(Prefix::host(own));
                }
            }
        }
        self.asg_members = members.into_iter().map(|(group, own)| (group, own.into_iter().collect())).collect();
    }

    /// Subnets by name; and the links of each network.
    fn compile_subnets(&mut self, admins: &Admins) -> (HashMap<NameId, Vec<NameId>>, HashMap<String, Vec<Link>>) {
        let mut links: HashMap<String, Vec<Link>> = HashMap::default();
        let vnets: Vec<String> = self.estate.vnets.keys().chain(self.estate.peerings.keys()).cloned().collect();
        for vnet in vnets {
            let found = self.links(&vnet);
            links.entry(vnet).or_insert(found);
        }
        let subnets = self.estate.subnets.clone();
        for (id, subnet) in subnets.values() {
            let vnet = id.outer(1);
            let none = Vec::new();
            let (routes, place) = self.routes(&vnet, subnet, links.get(&vnet).unwrap_or(&none));
            let place = self.with_effective(&id.key, place);
            let at = self.place(&place);
            let filter = refers(subnet.networksecuritygroup.as_ref()).map(|group| self.group_of(&group, at));
            let admin = admins.filter(self, &vnet, subnet, at);
            let policies = subnet.privateendpointnetworkpolicies.as_deref().unwrap_or("Disabled").to_ascii_lowercase();
            let facts = SubnetFacts {
                routes,
                filter,
                admin,
                nat: self.nat(subnet),
                private: subnet.defaultoutboundaccess == Some(false),
                group_policies: matches!(&*policies, "enabled" | "networksecuritygroupenabled"),
                route_policies: matches!(&*policies, "enabled" | "routetableenabled"),
            };
            let name = self.name(&id.key);
            self.subnet_at.insert(id.key.clone(), (name, at));
            self.subnets.insert(name, facts);
        }
        let by_name = links.iter().map(|(vnet, links)| {
            let remotes = links.iter().map(|link| link.remote).collect();
            (vnet.clone(), remotes)
        });
        let by_name: Vec<(String, Vec<NameId>)> = by_name.collect();
        let by_name = by_name.into_iter().map(|(vnet, remotes)| (self.name(&vnet), remotes)).collect();
        (by_name, links)
    }

    /// Adds what effective routes of an interface of the subnet tell of the space behind a gateway.
    fn with_effective(&mut self, subnet: &str, mut place: Place) -> Place {
        let inside =
            |nic: &Nic| nic.ipconfigurations.iter().any(|own| refers(own.subnet.as_ref()).as_deref() == Some(subnet));
        let found = self.estate.effective_routes.iter().find_map(|(about, routes)| {
            let nic = named(&self.estate.nics, about)?;
            let (_, record) = self.estate.nics.get(nic)?;
            inside(record).then_some(routes)
        });
        if let Some(routes) = found {
            let gateway = routes.iter().filter(|route| route.hop.eq_ignore_ascii_case("VirtualNetworkGateway"));
            place.routed.extend(gateway.map(|route| route.prefix));
            place.unknown = None;
        }
        place
    }

    /// The number of a place's tags.
    pub(super) fn place(&mut self, place: &Place) -> usize {
        let context = context(place);
        if let Some(known) = self.contexts.iter().position(|known| *known == context) {
            return known;
        }
        self.contexts.push(context);
        self.contexts.len() - 1
    }

    /// A network security group by its key; what is in force on some interface stands in for one that was not read.
    pub(super) fn group_of(&mut self, group: &str, place: usize) -> Filter {
        if let Some(known) = self.estate.groups.get(group).cloned() {
            return self.group(&known, place);
        }
        let effective = self.estate.effective_groups.iter().flat_map(|(_, groups)| groups);
        let effective =
            effective.filter(|found| found.group.as_deref() == Some(group)).map(|found| found.rules.clone());
        if let (Some(rules), Some(id)) = (effective.clone().next(), ResourceId::parse(group)) {
            let known = super::estate::Group { id, rules, defaults: Some(Vec::new()) };
            return self.group(&known, place);
        }
        let name = self.name(group);
        let reason = self.unread("network security group", name, READ_GROUPS);
        self.unread_group(name, reason)
    }

    fn nat(&mut self, subnet: &Subnet) -> Option<Nat> {
        let gateway = refers(subnet.natgateway.as_ref())?;
        let name = self.name(&gateway);
        let Some((_, record)) = self.estate.nats.get(&gateway).cloned() else {
            return Some(Nat::Unsure(name, self.unread("NAT gateway", name, READ_NATS)));
        };
        let mut unread = None;
        let own = record.publicipaddresses.iter().map(|one| key(&one.id));
        let known: Vec<IpAddr> = own.filter_map(|one| self.public(&one, &mut unread)).collect();
        if let Some(reason) = unread {
            return Some(Nat::Unsure(name, reason));
        }
        if known.is_empty() || !record.publicipprefixes.is_empty() {
            let text = "the addresses of the NAT gateway's public IP prefixes are not in the evidence";
            return Some(Nat::Unsure(name, self.reason(ReasonCode::NotModelled, text, None)));
        }
        Some(Nat::Known(name, known))
    }
}

/// The key of the resource of a kind that an answer is about: by id, by group and name, by name alone, or by the name at
/// the end of the file's.
pub(super) fn named<'a, T>(all: &'a All<T>, about: &About) -> Option<&'a String> {
    match about {
        About::Named(text) => {
            let wanted = text.to_ascii_lowercase();
            if let Some((known, _)) = all.get_key_value(&wanted) {
                return Some(known);
            }
            let mut found = all.iter().filter(|(_, (id, _))| {
                id.name().eq_ignore_ascii_case(text) || format!("{}/{}", id.group, id.name()).eq_ignore_ascii_case(text)
            });
            // Of two with the same name the answer may be about either.
            found.next().filter(|_| found.next().is_none()).map(|(key, _)| key)
        }
        About::File(file) => {
            let stem = file.strip_suffix(".json").unwrap_or(file).to_ascii_lowercase();
            let ends = |name: &str| {
                let name = name.to_ascii_lowercase();
                stem.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with(['-', '_', '.', ' ']))
            };
            let longest = all.values().map(|(id, _)| id.name()).filter(|name| ends(name)).map(str::len).max()?;
            let mut found = all.iter().filter(|(_, (id, _))| id.name().len() == longest && ends(id.name()));
            found.next().filter(|_| found.next().is_none()).map(|(key, _)| key)
        }
    }
}
