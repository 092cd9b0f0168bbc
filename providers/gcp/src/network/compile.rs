//! Turns an estate into the neutral model: rules and policies into gates, everything else into tables to follow.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;

use reachlint_model::{
    Address, Family, Group, InterfaceId, InterfaceState, NameId, Network, NetworkBuilder, NewInterface, Prefix,
    ReasonCode, ReasonId, Side,
};
use rustc_hash::FxHashMap as HashMap;

use super::balancer::Balancer;
use super::estate::{Estate, attributed};
use super::filters::{Context, GroupKey, Known, Lists, Profile, Stage};
use super::rules::Indexed;
use super::vpc::Vpc;
use super::zones::Zones;
use crate::records::{Instance, Nic, last, path, region_of, segment, short};

/// Positions of [`GcpNetwork::contexts`] that are always there.
pub(super) const INTRA: usize = 0;
pub(super) const INTERNET: usize = 1;
pub(super) const ELSEWHERE: usize = 2;

/// What an interface of the model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A network interface of a machine.
    Nic { machine: NameId, index: usize },
    /// Addresses in a block, of which nginx has one that is not known: a pod's, or that of a Cloud Run revision. The
    /// packet's source may be replaced by that of the node.
    Range { prefix: Prefix, node: Option<InterfaceId>, doubt: Option<ReasonId> },
    /// Where a load balancer or an endpoint of Private Service Connect takes connections.
    Balancer(usize),
}

/// What the path needs to know of an interface beyond the neutral model.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    /// Positions of chains, by context.
    pub(super) ingress: Vec<usize>,
    pub(super) egress: Vec<usize>,
    pub(super) tags: Known<Vec<String>>,
    /// VPC firewall rules about which the machine's own answer and the listing differ.
    pub(super) differs: Option<NameId>,
    /// Path of its network.
    pub(super) network: String,
    /// Path of its subnet.
    pub(super) subnet: Option<String>,
    pub(super) zone: Option<String>,
}

/// Google Cloud's evidence, compiled.
#[derive(Debug)]
pub struct GcpNetwork {
    pub(crate) network: Network,
    pub(super) facts: Vec<Facts>,
    pub(super) chains: Vec<Vec<Stage>>,
    pub(super) contexts: Vec<Context>,
    /// By path.
    pub(super) vpcs: BTreeMap<String, Vpc>,
    pub(super) balancers: Vec<Balancer>,
    /// Blocks whose addresses are those of one interface: the network's path, the block, the interface.
    pub(super) ranges: Vec<(String, Prefix, InterfaceId)>,
    /// Interfaces of a doubt about who sends.
    pub(super) doubts: HashMap<ReasonId, InterfaceId>,
    /// Interfaces by the further names of their machines.
    pub(super) aliases: HashMap<String, Vec<InterfaceId>>,
    pub(super) labels: HashMap<(String, String), Vec<InterfaceId>>,
    pub(super) zones: Zones,
    /// Databases by private address.
    pub(super) databases: BTreeMap<IpAddr, Database>,
    /// Paths of the policies by the name that reports have for them; none if only their effect was read.
    pub(crate) policies: HashMap<NameId, Option<String>>,
    /// Paths of networks by their names.
    pub(crate) network_paths: HashMap<NameId, String>,
    /// Groups that are network tags or service accounts, for remedies.
    pub(crate) tags: HashMap<Group, Named>,
    pub(crate) rules: BTreeMap<String, RuleFacts>,
    pub(crate) reasons: Fixed,
}

/// What remedies need of a VPC firewall rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleFacts {
    pub(crate) priority: u32,
}

/// A database of Cloud SQL.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) name: NameId,
    pub(super) runs: bool,
    /// The port of its kind.
    pub(super) port: Option<u16>,
    /// The path of the network that it is joined to.
    pub(super) network: Option<String>,
}

/// A group by what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Tag(String),
    Account(String),
}

/// Reasons that do not depend on what they are about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    pub(super) outside: ReasonId,
    pub(super) ambiguous: ReasonId,
    pub(super) link_local: ReasonId,
    pub(super) appliance: ReasonId,
    pub(super) service: ReasonId,
    pub(super) unread_peer: ReasonId,
    pub(super) several: ReasonId,
    pub(super) split: ReasonId,
    pub(super) google_api: ReasonId,
    pub(super) source: ReasonId,
    pub(super) last_resort: ReasonId,
    pub(super) producer: ReasonId,
    pub(super) unread_backend: ReasonId,
    pub(super) health: ReasonId,
}

pub(super) struct Compiler {
    pub(super) estate: Estate,
    pub(super) builder: NetworkBuilder,
    pub(super) lists: Lists,
    pub(super) groups: HashMap<GroupKey, Group>,
    pub(super) reasons: HashMap<String, ReasonId>,
    pub(super) policies: HashMap<NameId, Option<String>>,
    pub(super) unread_bindings: ReasonId,
    pub(super) indexed: HashMap<(String, Option<usize>), Rc<Indexed>>,
    /// Positions of answers about effective firewalls by machine and interface.
    pub(super) effective_of: HashMap<(String, String), usize>,
    pub(super) chains: Vec<Vec<Stage>>,
    chain_of: HashMap<Vec<Stage>, usize>,
    /// Chains by what rules can ask for.
    profiles: HashMap<String, (Vec<usize>, Vec<usize>)>,
    pub(super) contexts: Vec<Context>,
    pub(super) facts: Vec<Facts>,
    ranges: Vec<(String, Prefix, InterfaceId)>,
    doubts: HashMap<ReasonId, InterfaceId>,
    aliases: HashMap<String, Vec<InterfaceId>>,
    labels: HashMap<(String, String), Vec<InterfaceId>>,
}

impl GcpNetwork {
    /// Compiles what was read.
    #[must_use]
    pub fn new(estate: Estate) -> Self {
        let mut builder = NetworkBuilder::default();
        let unread = estate.missing("compute.instances.listEffectiveTags", &[], "which secure tags a machine bears");
        let unread_bindings = builder.reason(unread);
        let mut contexts = vec![Context::Intra, Context::Internet, Context::Elsewhere];
        let effective = estate.effective.iter().flat_map(|(_, answer)| &answer.firewall_policys);
        let rules = estate.policies.values().flat_map(|policy| &policy.rules);
        let rules = rules.chain(effective.flat_map(|policy| &policy.rules));
        let named: BTreeSet<&str> =
            rules.flat_map(|rule| &rule.matches.src_networks).map(|network| path(network)).collect();
        contexts.extend(named.into_iter().map(|network| Context::From(network.to_owned())));
        Compiler {
            estate,
            builder,
            lists: HashMap::default(),
            groups: HashMap::default(),
            reasons: HashMap::default(),
            policies: HashMap::default(),
            unread_bindings,
            indexed: HashMap::default(),
            effective_of: HashMap::default(),
            chains: Vec::new(),
            chain_of: HashMap::default(),
            profiles: HashMap::default(),
            contexts,
            facts: Vec::new(),
            ranges: Vec::new(),
            doubts: HashMap::default(),
            aliases: HashMap::default(),
            labels: HashMap::default(),
        }
        .run()
    }
}

impl Compiler {
    fn run(mut self) -> GcpNetwork {
        let reasons = self.fixed();
        let machines: Vec<(String, Instance)> = std::mem::take(&mut self.estate.instances).into_iter().collect();
        // Attribution looks at the paths while machines are compiled.
        self.estate.instances = machines.iter().cloned().collect();
        self.attribute_effective();
        let bindings = self.bindings();
        for (path, machine) in &machines {
            self.machine(path, machine, bindings.get(path));
        }
        self.serverless();
        let vpcs = self.compile_vpcs();
        let balancers = self.compile_balancers();
        let databases = self.compile_databases();
        let zones = self.zones();
        let network_paths = vpcs.keys().map(|path| (self.builder.names().intern(&short(path)), path.clone())).collect();
        let rules = self.estate.firewalls.iter().map(|(path, rule)| {
            (
                format!("{} {}", segment(path, "projects").unwrap_or_default(), rule.name),
                RuleFacts { priority: rule.priority.unwrap_or(1000) },
            )
        });
        let rules = rules.collect();
        let tags = self.groups.iter().filter_map(|(key, group)| {
            let named = match key {
                GroupKey::Tag(_, tag) => Named::Tag(tag.clone()),
                GroupKey::Account(_, email) => Named::Account(email.clone()),
                GroupKey::Secure(_) | GroupKey::UnreadSecure => return None,
            };
            Some((*group, named))
        });
        let tags = tags.collect();
        GcpNetwork {
            network: self.builder.build(),
            facts: self.facts,
            chains: self.chains,
            contexts: self.contexts,
            vpcs,
            balancers,
            ranges: self.ranges,
            doubts: self.doubts,
            aliases: self.aliases,
            zones,
            labels: self.labels,
            databases,
            policies: self.policies,
            network_paths,
            tags,
            rules,
            reasons,
        }
    }

    fn fixed(&mut self) -> Fixed {
        let outside = "nothing in the evidence owns that address: it is outside, or in a project that was not read";
        let service = match self.estate.failure("cloudsql.instances.list", &[]) {
            Some(_) if self.estate.databases.is_empty() => {
                let what = "what answers in a network that Google manages, where no rule of yours decides,";
                let reason = self.estate.missing("cloudsql.instances.list", &[], what);
                self.builder.reason(reason)
            }
            _ => self.reason_once(
                ReasonCode::NotModelled,
                "the address is in a network that Google manages, where no rule of yours decides: what answers \
                 there is not in the evidence",
                None,
            ),
        };
        let mut say = |code, text: &str| self.reason_once(code, text, None);
        Fixed {
            outside: say(ReasonCode::UnknownAddress, outside),
            ambiguous: say(
                ReasonCode::Ambiguous,
                "several interfaces of that network own the address, and nothing tells which is meant",
            ),
            link_local: say(ReasonCode::NotModelled, "no service of Google Cloud is known at this link-local address"),
            appliance: say(
                ReasonCode::NotModelled,
                "the route leads through an appliance, whose own rules the evidence does not hold",
            ),
            service,
            unread_peer: say(
                ReasonCode::NotRead,
                "the network on the other side of the peering is not in the evidence; add the listings of its project",
            ),
            several: say(
                ReasonCode::Ambiguous,
                "Cloud NAT has several addresses, and which of them a machine is given is its own choice",
            ),
            split: say(
                ReasonCode::Ambiguous,
                "rules tell the addresses of the block apart, and which of them nginx has is not known",
            ),
            google_api: say(
                ReasonCode::NotModelled,
                "whether the address is one of Google's APIs, which Private Google Access reaches, is not known",
            ),
            source: say(
                ReasonCode::NotModelled,
                "the machine may forward packets of others, so who answers this address is not known",
            ),
            last_resort: say(
                ReasonCode::NotModelled,
                "a passthrough load balancer whose backends are all unhealthy sends to each of them as a last resort",
            ),
            producer: say(
                ReasonCode::NotModelled,
                "what the producer of the service has behind it is not in the evidence",
            ),
            health: {
                let what = "how the load balancer checks health, or who its probes are for a rule,";
                let reason = self.estate.missing("compute.healthChecks.list", &[], what);
                self.builder.reason(reason)
            },
            unread_backend: {
                let reason =
                    self.estate.missing("compute.instanceGroups.list", &[], "what stands behind the load balancer");
                self.builder.reason(reason)
            },
        }
    }

    /// The short name of a resource.
    pub(super) fn id(&mut self, path: &str) -> NameId {
        let short = short(path);
        self.builder.names().intern(&short)
    }

    pub(super) fn text(&mut self, text: &str) -> NameId {
        self.builder.names().intern(text)
    }

    /// A further name to find an interface by.
    pub(super) fn alias(&mut self, name: String, id: InterfaceId) {
        self.aliases.entry(name).or_default().push(id);
    }

    /// The secure tags of machines, as far as they were read.
    fn bindings(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (about, tags) in &self.estate.bindings {
            let by_id = about.asked.as_deref().and_then(|asked| {
                let same = |(path, machine): &(&String, &Instance)| {
                    machine.id.as_ref().is_some_and(|id| id.0 == last(asked))
                        && segment(path, "zones") == segment(asked, "zones")
                };
                self.estate.instances.iter().find(same).map(|(path, _)| path)
            });
            if let Some(path) = by_id.or_else(|| attributed(about, self.estate.instances.keys())) {
                found.entry(path.clone()).or_default().extend(tags.iter().cloned());
            }
        }
        found
    }

    fn machine(&mut self, path_of: &str, machine: &Instance, secure: Option<&Vec<String>>) {
        let owner = self.id(path_of);
        let label = self.text(&machine.name);
        let project = segment(path_of, "projects").unwrap_or_default().to_owned();
        let zone = segment(path_of, "zones").unwrap_or_else(|| last(&machine.zone)).to_owned();
        let is_node =
            machine.labels.contains_key("goog-gke-node") || machine.labels.contains_key("goog-k8s-cluster-name");
        let state = self.state(path_of, machine);
        let mut own = Vec::new();
        for (index, nic) in machine.network_interfaces.iter().enumerate() {
            let network = path(&nic.network).to_owned();
            let profile = Profile {
                network: network.clone(),
                region: region_of(&zone).to_owned(),
                tags: Known::Yes(machine.tags.items.clone()),
                accounts: match &machine.service_accounts {
                    Some(accounts) => Known::Yes(accounts.iter().map(|account| account.email.clone()).collect()),
                    // The API leaves the list out of a machine that runs as nobody.
                    None => Known::Yes(Vec::new()),
                },
                secure_tags: secure.map_or(Known::No(self.unread_bindings), |tags| Known::Yes(tags.clone())),
                machine: Some((path_of.to_owned(), nic.name.clone())),
                is_node,
            };
            let id = self.nic((path_of, owner, label), (&project, &zone), (index, nic), &profile, state);
            own.push(id);
            self.pods(path_of, nic, id, &profile);
        }
        let names = [
            Some(path_of.to_owned()),
            Some(machine.name.clone()),
            machine.id.as_ref().map(|id| id.0.clone()),
            machine.hostname.clone(),
        ];
        for name in names.into_iter().flatten() {
            self.aliases.entry(name).or_default().extend(&own);
        }
        for (key, value) in &machine.labels {
            self.labels.entry((key.clone(), value.clone())).or_default().extend(&own);
        }
        for tag in &machine.tags.items {
            self.labels.entry((tag.clone(), String::new())).or_default().extend(&own);
        }
    }

    fn nic(
        &mut self,
        (path_of, owner, label): (&str, NameId, NameId),
        (project, zone): (&str, &str),
        (index, nic): (usize, &Nic),
        profile: &Profile,
        state: InterfaceState,
    ) -> InterfaceId {
        let subnet = nic.subnetwork.as_deref().map(|link| path(link).to_owned());
        let mut addresses: Vec<Address> = Vec::new();
        if let Some(private) = nic.network_ip {
            let public = nic.access_configs.iter().find_map(|access| access.nat_ip);
            addresses.push(Address { private, public });
        }
        let external = nic.ipv6_access_configs.iter().find_map(|access| access.external_ipv6);
        let v6: BTreeSet<IpAddr> = [nic.ipv6_address, external].into_iter().flatten().collect();
        addresses.extend(v6.into_iter().map(|private| Address { private, public: None }));
        let delegated: Vec<Prefix> = nic.alias_ip_ranges.iter().map(|alias| alias.ip_cidr_range.0).collect();
        let mut groups = Vec::new();
        if let Known::Yes(tags) = &profile.tags {
            groups.extend(tags.iter().map(|tag| GroupKey::Tag(profile.network.clone(), tag.clone())));
        }
        if let Known::Yes(accounts) = &profile.accounts {
            groups.extend(accounts.iter().map(|email| GroupKey::Account(profile.network.clone(), email.clone())));
        }
        match &profile.secure_tags {
            Known::Yes(tags) => groups.extend(tags.iter().map(|tag| GroupKey::Secure(tag.clone()))),
            Known::No(_) => groups.push(GroupKey::UnreadSecure),
        }
        let groups: Vec<Group> = groups.iter().map(|key| self.group(key)).collect();
        let name = format!("{}/{}", short(path_of), nic.name);
        let new = NewInterface {
            id: self.text(&name),
            owner: Some(owner),
            label: Some(label),
            account: self.text(project),
            region: self.text(region_of(zone)),
            network: self.id(&profile.network),
            subnet: self.id(subnet.as_deref().unwrap_or(&profile.network)),
            state,
        };
        let id = self.builder.interface(new, &addresses, &delegated, &groups);
        let (ingress, egress) = self.both(profile);
        let differs = self.differing(profile);
        self.facts.push(Facts {
            kind: Kind::Nic { machine: owner, index },
            ingress,
            egress,
            tags: profile.tags.clone(),
            differs,
            network: profile.network.clone(),
            subnet,
            zone: Some(zone.to_owned()),
        });
        id
    }

    /// The alias ranges of an interface as places that connections begin at. On a node of GKE they are those of pods,
    /// whose source may be replaced by the node's (GKE, IP masquerade agent).
    fn pods(&mut self, path_of: &str, nic: &Nic, node: InterfaceId, profile: &Profile) {
        for alias in &nic.alias_ip_ranges {
            let prefix = alias.ip_cidr_range.0;
            let name = format!("{}/{}/{prefix}", short(path_of), nic.name);
            let doubt = profile.is_node.then(|| {
                let text = format!(
                    "whether GKE replaces the address of a pod in {prefix} by that of its node depends on its masquerade \
                     settings, which are not in the evidence"
                );
                self.reason_once(ReasonCode::NotRead, &text, None)
            });
            let id = self.range(&name, prefix, profile, Some(node), doubt, InterfaceState::Up);
            self.doubts.extend(doubt.map(|reason| (reason, id)));
        }
    }

    fn range(
        &mut self,
        name: &str,
        prefix: Prefix,
        profile: &Profile,
        node: Option<InterfaceId>,
        doubt: Option<ReasonId>,
        state: InterfaceState,
    ) -> InterfaceId {
        let of_node = node.and_then(|node| self.builder.network().interface(node)).cloned();
        let project = segment(&profile.network, "projects").unwrap_or_default().to_owned();
        let account = of_node.as_ref().map_or_else(|| self.text(&project), |node| node.account);
        let network = self.id(&profile.network);
        let new = NewInterface {
            id: self.text(name),
            owner: of_node.as_ref().and_then(|node| node.owner),
            label: of_node.as_ref().and_then(|node| node.label),
            account,
            region: self.text(&profile.region),
            network,
            subnet: of_node.as_ref().map_or(network, |node| node.subnet),
            state,
        };
        // Its addresses belong to the machine's interface already, and it is found by its own name only.
        let new = NewInterface { owner: None, label: new.label, ..new };
        let label = new.label;
        let id = self.builder.interface(NewInterface { label: None, ..new }, &[], &[], &[]);
        if let Some(label) = label {
            self.builder.label(new.id, label);
        }
        let facts = node.and_then(|node| self.facts.get(node.0 as usize)).cloned();
        let (ingress, egress) = self.both(profile);
        self.facts.push(Facts {
            kind: Kind::Range { prefix, node, doubt },
            ingress,
            egress,
            tags: profile.tags.clone(),
            differs: None,
            network: profile.network.clone(),
            subnet: facts.as_ref().and_then(|facts| facts.subnet.clone()),
            zone: facts.and_then(|facts| facts.zone),
        });
        self.ranges.push((profile.network.clone(), prefix, id));
        id
    }

    /// Blocks that Cloud Run took for direct VPC egress. Which tags its revisions have is not in the evidence, and
    /// ingress rules by tag are undefined for them (Cloud Run, direct VPC egress).
    fn serverless(&mut self) {
        let addresses: Vec<_> = self.estate.addresses.values().cloned().collect();
        for address in addresses.iter().filter(|address| address.purpose.as_deref() == Some("SERVERLESS")) {
            let subnet = address.subnetwork.as_deref().map(path).unwrap_or_default().to_owned();
            let network = self.estate.subnets.get(&subnet).map(|subnet| path(&subnet.network).to_owned());
            let (Some(first), Some(network)) = (address.address, network) else { continue };
            let Some(prefix) = Prefix::new(first, address.prefix_length.unwrap_or(32)) else { continue };
            let reason = self.reason_once(
                ReasonCode::Undecidable,
                "how rules by network tag or service account treat direct VPC egress of Cloud Run is undefined",
                None,
            );
            let profile = Profile {
                network,
                region: segment(path(&address.self_link), "regions").unwrap_or_default().to_owned(),
                tags: Known::No(reason),
                accounts: Known::No(reason),
                secure_tags: Known::No(reason),
                machine: None,
                is_node: false,
            };
            let name = short(path(&address.self_link));
            self.range(&name, prefix, &profile, None, Some(reason), InterfaceState::Up);
        }
    }

    fn state(&mut self, path_of: &str, machine: &Instance) -> InterfaceState {
        match machine.status.as_deref() {
            Some("RUNNING" | "PENDING_STOP") => InterfaceState::Up,
            Some(
                word @ ("STOPPING" | "STOPPED" | "SUSPENDING" | "SUSPENDED" | "TERMINATED" | "DEPROVISIONING"
                | "PENDING"),
            ) => InterfaceState::Down(self.text(word)),
            Some(word) => {
                let text = format!("the machine is {word}, so whether it answers is not known");
                InterfaceState::Unread(self.reason_once(ReasonCode::Undecidable, &text, None))
            }
            None => {
                let what = format!("whether {} runs", short(path_of));
                let reason = self.estate.missing("compute.instances.list", &[path_of], &what);
                InterfaceState::Unread(self.builder.reason(reason))
            }
        }
    }

    /// The chains of both directions in every context, compiled once for all that rules cannot tell apart.
    pub(super) fn both(&mut self, profile: &Profile) -> (Vec<usize>, Vec<usize>) {
        let machine = profile.machine.as_ref().filter(|machine| self.effective_of.contains_key(machine));
        let key = format!(
            "{} {} {:?} {:?} {:?} {machine:?} {}",
            profile.network, profile.region, profile.tags, profile.accounts, profile.secure_tags, profile.is_node
        );
        if let Some(known) = self.profiles.get(&key) {
            return known.clone();
        }
        let parts = self.parts(profile);
        let mut chains = |side| -> Vec<usize> {
            let chains = self.chains(profile, &parts, side);
            chains.into_iter().map(|chain| self.numbered(chain)).collect()
        };
        let found = (chains(Side::Source), chains(Side::Destination));
        self.profiles.insert(key, found.clone());
        found
    }

    /// The position of a chain, which many interfaces may share.
    fn numbered(&mut self, chain: Vec<Stage>) -> usize {
        let next = self.chains.len();
        let at = *self.chain_of.entry(chain.clone()).or_insert(next);
        if at == next {
            self.chains.push(chain);
        }
        at
    }

    fn compile_databases(&mut self) -> BTreeMap<IpAddr, Database> {
        let databases: Vec<_> = self.estate.databases.values().cloned().collect();
        let mut found = BTreeMap::new();
        for database in databases {
            // The ports that engines listen on are fixed (Cloud SQL, connection options).
            let port = match database.database_version.split('_').next() {
                Some("POSTGRES") => Some(5432),
                Some("MYSQL") => Some(3306),
                Some("SQLSERVER") => Some(1433),
                _ => None,
            };
            let runs = database.state.as_deref() == Some("RUNNABLE")
                && database.settings.activation_policy.as_deref() != Some("NEVER");
            let name = self.text(&format!("{}/{}", database.project, database.name));
            let private = database.ip_addresses.iter().filter(|address| address.kind == "PRIVATE");
            let network =
                database.settings.ip_configuration.private_network.as_deref().map(|link| path(link).to_owned());
            let database = Database { name, runs, port, network };
            found.extend(private.filter_map(|address| Some((address.ip_address?, database.clone()))));
        }
        found
    }
}

/// Addresses that never are routed over the internet: RFC 1918, RFC 6598, link-local and unique local ones.
#[must_use]
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared = address.octets();
            address.is_private() || address.is_link_local() || (shared[0] == 100 && shared[1] & 0xc0 == 64)
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

impl GcpNetwork {
    pub(super) fn facts_of(&self, id: InterfaceId) -> Option<&Facts> {
        self.facts.get(id.0 as usize)
    }

    pub(super) fn chain(&self, at: Option<&usize>) -> &[Stage] {
        at.and_then(|at| self.chains.get(*at)).map_or(&[], Vec::as_slice)
    }

    /// The context in which packets of another network arrive.
    pub(super) fn context_from(&self, network: &str) -> usize {
        let named = |context: &Context| matches!(context, Context::From(path) if path == network);
        self.contexts.iter().position(named).unwrap_or(ELSEWHERE)
    }

    /// The first address of an interface in a family that it sends from.
    pub(super) fn primary(&self, id: InterfaceId, family: Family) -> Option<IpAddr> {
        let interface = self.network.interface(id)?;
        let mut own = self.network.addresses(interface).iter().map(|address| address.private);
        own.find(|address| Family::of(*address) == family)
    }
}
