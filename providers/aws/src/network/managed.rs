//! Services that AWS runs behind interfaces of a VPC: which interface is whose, what it listens on, and whether it is up.
//!
//! The interfaces of databases and caches say in their descriptions which service made them, and not always for which
//! database: that follows from VPC, subnets, zone and groups where only one fits.

use reachlint_model::{
    Direction, Hop, HopKind, NameId, Names, Note, Outcome, Packet, Protocol, Reason, ReasonCode, ReasonId,
};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::compile::Compiler;
use super::estate::RawInterface;
use super::names::normal;
use super::{MANAGED, fact};
use crate::records::{
    CacheCluster, DbCluster, DbInstance, EcsTask, Endpoint, ReplicationGroup, SearchDomain, Service, Text, VpcEndpoint,
};

/// What AWS runs.
#[derive(Clone, Debug)]
pub(super) struct RawService {
    /// `RDS instance`.
    what: &'static str,
    id: NameId,
    status: Option<NameId>,
    /// The ports it listens on; none where they are not known.
    ports: Vec<u16>,
    place: Place,
}

/// Which interfaces are its own.
#[derive(Clone, Debug)]
enum Place {
    /// Those.
    Interfaces(Vec<NameId>),
    /// Those with this description.
    Described { description: NameId, zone: Option<NameId>, vpc: Option<NameId> },
    /// The one with this description in one of these subnets with exactly these groups.
    Like { description: NameId, vpc: Option<NameId>, subnets: Vec<NameId>, groups: Vec<NameId>, zone: Option<NameId> },
    /// None in any VPC.
    Outside,
}

/// A name of services.
#[derive(Clone, Debug)]
pub(super) struct RawHost {
    pub(super) host: String,
    /// What the name is of.
    pub(super) what: String,
    /// The services, by position.
    services: Vec<usize>,
    /// Whether it has a public address outside of the VPC.
    pub(super) public: bool,
    /// The only VPC in which it means this, for names that are others' elsewhere.
    pub(super) only_in: Option<NameId>,
    /// An interface that a service is known to have and that could not be told.
    pub(super) unclear: bool,
}

/// A container's port that is published on its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Published {
    task: NameId,
    container_port: u16,
    host_port: u16,
    udp: bool,
}

/// Everything about services that AWS runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    all: Vec<RawService>,
    hosts: Vec<RawHost>,
    seen: HashSet<(&'static str, NameId)>,
    clusters: Vec<(String, &'static str, Vec<NameId>, String, Vec<u16>)>,
    /// Published ports by the ARN of the ECS machine.
    published: Vec<(NameId, Published)>,
    machines: HashMap<NameId, NameId>,
    /// Settings of the VPC CNI by cluster of EKS.
    pods: HashMap<NameId, PodSettings>,
}

/// What the VPC CNI does with packets of pods, as far as its settings say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PodSettings {
    /// Whether something else translates the addresses of pods outside of the VPC, so that pods keep theirs.
    pub(super) external_snat: Option<bool>,
    /// Whether pods with groups of their own keep to those everywhere.
    pub(super) strict: Option<bool>,
}

/// A service as the paths need it.
#[derive(Clone, Debug)]
pub(super) struct ServiceFacts {
    name: NameId,
    condition: Condition,
    ports: Vec<u16>,
    /// The ports in words.
    heard: NameId,
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    Up,
    Down(NameId),
    Unsure(ReasonId),
}

fn port(number: Option<i32>) -> Vec<u16> {
    number.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).into_iter().collect()
}

fn option(names: &mut Names, text: Option<&Text<'_>>) -> Option<NameId> {
    text.filter(|text| !text.is_empty()).map(|text| names.intern(text))
}

impl Services {
    pub(super) fn take(&mut self, names: &mut Names, record: &Service<'_>) -> Result<(), String> {
        match record {
            Service::DbInstance(db) => self.database(names, db),
            Service::DbCluster(cluster) => self.cluster(names, cluster),
            Service::CacheCluster(cache) => self.cache(names, cache),
            Service::ReplicationGroup(group) => self.replication(names, group),
            Service::SearchDomain(domain) => self.domain(names, domain),
            Service::VpcEndpoint(endpoint) => self.endpoint(names, endpoint)?,
            Service::Task(task) => self.task(names, task),
            Service::ContainerInstance(machine) => {
                let arn = names.intern(&machine.container_instance_arn);
                if let Some(instance) = option(names, machine.ec2_instance_id.as_ref()) {
                    self.machines.insert(arn, instance);
                }
            }
            Service::Addon(addon) => {
                if &*addon.addon_name == "vpc-cni" {
                    let cluster = names.intern(&addon.cluster_name);
                    let settings = addon.configuration_values.as_deref().and_then(pod_settings);
                    self.pods.insert(cluster, settings.unwrap_or_default());
                }
            }
            Service::ClassicBalancer(_) => {}
        }
        Ok(())
    }

    /// Adds a service; its position, unless it is known already.
    fn add(&mut self, service: RawService) -> Option<usize> {
        if !self.seen.insert((service.what, service.id)) {
            return None;
        }
        self.all.push(service);
        Some(self.all.len() - 1)
    }

    fn host(&mut self, host: Option<&str>, what: &str, services: Vec<usize>, public: bool, only_in: Option<NameId>) {
        let Some(host) = host.map(normal).filter(|host| !host.is_empty()) else { return };
        let known = self.hosts.iter().any(|known| known.host == host && known.only_in == only_in);
        if !known {
            self.hosts.push(RawHost { host, what: what.to_owned(), services, public, only_in, unclear: false });
        }
    }

    fn database(&mut self, names: &mut Names, db: &DbInstance<'_>) {
        if db.id.is_empty() {
            return;
        }
        let group = db.subnet_group.clone().unwrap_or_default();
        let mut groups: Vec<NameId> = db.groups.iter().map(|group| names.intern(&group.id)).collect();
        groups.sort_unstable();
        let endpoint = db.endpoint.clone().unwrap_or_default();
        let service = RawService {
            what: "RDS instance",
            id: names.intern(&db.id),
            status: option(names, db.status.as_ref()),
            ports: port(endpoint.port),
            place: Place::Like {
                description: names.intern("RDSNetworkInterface"),
                vpc: option(names, group.vpc_id.as_ref()),
                subnets: group.subnets.iter().map(|subnet| names.intern(&subnet.subnet_identifier)).collect(),
                groups,
                zone: option(names, db.zone.as_ref()),
            },
        };
        if let Some(at) = self.add(service) {
            let what = format!("the RDS instance `{}`", &*db.id);
            self.host(endpoint.address.as_deref(), &what, vec![at], db.public == Some(true), None);
        }
    }

    /// The writer answers under the name of the cluster, the others under that of its readers; where there are no
    /// others, the writer does (Aurora guide, endpoints).
    fn cluster(&mut self, names: &mut Names, cluster: &DbCluster<'_>) {
        let mut ids = |writer: bool| -> Vec<NameId> {
            let chosen = cluster.members.iter().filter(|member| member.writer == writer);
            chosen.map(|member| names.intern(&member.instance)).collect()
        };
        let (writers, mut readers) = (ids(true), ids(false));
        let all = [writers.as_slice(), readers.as_slice()].concat();
        if readers.is_empty() {
            readers.clone_from(&writers);
        }
        let known_as = [(cluster.endpoint.as_deref(), writers), (cluster.reader_endpoint.as_deref(), readers)];
        let custom = cluster.custom_endpoints.iter().map(|host| (Some(&**host), all.clone()));
        for (host, members) in known_as.into_iter().chain(custom) {
            let Some(host) = host.map(normal) else { continue };
            let what = format!("the RDS cluster `{}`", &*cluster.id);
            self.clusters.push((host, "RDS instance", members, what, port(cluster.port)));
        }
    }

    fn cache(&mut self, names: &mut Names, cache: &CacheCluster<'_>) {
        if cache.cache_cluster_id.is_empty() {
            return;
        }
        let id = names.intern(&cache.cache_cluster_id);
        let description = names.intern(&format!("ElastiCache {}", &*cache.cache_cluster_id));
        let status = option(names, cache.cache_cluster_status.as_ref());
        let ports: Vec<u16> = cache
            .cache_nodes
            .iter()
            .filter_map(|node| node.endpoint.as_ref())
            .chain(&cache.configuration_endpoint)
            .flat_map(|endpoint| port(endpoint.port))
            .collect();
        let place = Place::Described { description, zone: None, vpc: None };
        let service = RawService { what: "ElastiCache cluster", id, status, ports, place: place.clone() };
        let Some(at) = self.add(service.clone()) else { return };
        let what = format!("the ElastiCache cluster `{}`", &*cache.cache_cluster_id);
        let configuration = cache.configuration_endpoint.as_ref();
        self.host(configuration.and_then(|endpoint| endpoint.address.as_deref()), &what, vec![at], false, None);
        for (number, node) in cache.cache_nodes.iter().enumerate() {
            let endpoint = node.endpoint.as_ref().and_then(|endpoint| endpoint.address.as_deref());
            if let [_] = cache.cache_nodes.as_slice() {
                self.host(endpoint, &what, vec![at], false, None);
                continue;
            }
            // Nodes of one cluster are told apart by their zones.
            let id = names.intern(&format!("{} node {}", &*cache.cache_cluster_id, number + 1));
            let zone = option(names, node.customer_availability_zone.as_ref());
            let place = Place::Described { description, zone, vpc: None };
            if let Some(at) = self.add(RawService { id, place, what: "ElastiCache node", ..service.clone() }) {
                self.host(endpoint, &what, vec![at], false, None);
            }
        }
    }

    fn replication(&mut self, names: &mut Names, group: &ReplicationGroup<'_>) {
        let what = format!("the ElastiCache replication group `{}`", &*group.replication_group_id);
        let mut push = |endpoint: Option<&Endpoint<'_>>, members: Vec<NameId>| {
            let Some(endpoint) = endpoint else { return };
            let Some(host) = endpoint.address.as_deref().map(normal) else { return };
            self.clusters.push((host, "ElastiCache cluster", members, what.clone(), port(endpoint.port)));
        };
        let mut all = Vec::new();
        for shard in &group.node_groups {
            let mut members = |role: Option<&str>| -> Vec<NameId> {
                let chosen = shard.node_group_members.iter();
                let chosen = chosen.filter(|member| role.is_none() || member.current_role.as_deref() == role);
                chosen.map(|member| names.intern(&member.cache_cluster_id)).collect()
            };
            let (primary, replicas, both) = (members(Some("primary")), members(Some("replica")), members(None));
            let readers = if replicas.is_empty() { primary.clone() } else { replicas };
            push(shard.primary_endpoint.as_ref(), primary);
            push(shard.reader_endpoint.as_ref(), readers);
            all.extend(both);
            for member in &shard.node_group_members {
                let id = names.intern(&member.cache_cluster_id);
                push(member.read_endpoint.as_ref(), vec![id]);
            }
        }
        push(group.configuration_endpoint.as_ref(), all);
    }

    /// A domain in a VPC answers under its name with the interfaces of all its nodes.
    fn domain(&mut self, names: &mut Names, domain: &SearchDomain<'_>) {
        if domain.name.is_empty() {
            return;
        }
        let vpc = option(names, domain.place.as_ref().and_then(|place| place.vpc.as_ref()));
        let description = names.intern(&format!("ES {}", &*domain.name));
        let place = match vpc {
            Some(_) => Place::Described { description, zone: None, vpc },
            None => Place::Outside,
        };
        let https = domain.options.as_ref().and_then(|options| options.https);
        let ports = if https == Some(true) { vec![443] } else { vec![80, 443] };
        let status = (domain.deleted == Some(true)).then(|| names.intern("deleted"));
        let id = names.intern(&domain.name);
        let Some(at) = self.add(RawService { what: "OpenSearch domain", id, status, ports, place }) else { return };
        if vpc.is_none() {
            return;
        }
        let what = format!("the OpenSearch domain `{}`", &*domain.name);
        let hosts = domain.endpoints.iter().flat_map(|endpoints| endpoints.values());
        let custom = domain.options.as_ref().and_then(|options| options.custom.as_ref());
        let hosts: Vec<&Text<'_>> = hosts.chain(&domain.endpoint).chain(custom).collect();
        for host in hosts {
            self.host(Some(host), &what, vec![at], false, None);
        }
    }

    /// Names of an endpoint's own mean it everywhere; the service's name does only in its VPC, and only where it is told
    /// so (`PrivateLink` guide, private DNS names).
    fn endpoint(&mut self, names: &mut Names, endpoint: &VpcEndpoint<'_>) -> Result<(), String> {
        let id = super::intake::id(&endpoint.vpc_endpoint_id, "VpcEndpointId")?;
        let kind = endpoint.vpc_endpoint_type.as_deref().unwrap_or("Gateway");
        if !kind.eq_ignore_ascii_case("Interface") {
            return Ok(());
        }
        let vpc = option(names, endpoint.vpc_id.as_ref());
        let service = RawService {
            what: "VPC endpoint",
            id: names.intern(id),
            status: option(names, endpoint.state.as_ref()),
            ports: Vec::new(),
            place: Place::Interfaces(endpoint.network_interface_ids.iter().map(|id| names.intern(id)).collect()),
        };
        let Some(at) = self.add(service) else { return Ok(()) };
        let of = endpoint.service_name.as_deref().unwrap_or("a service");
        let what = format!("the VPC endpoint `{id}` of {of}");
        for host in endpoint.dns_entries.iter().filter_map(|entry| entry.dns_name.as_deref()) {
            let own = normal(host).ends_with(".vpce.amazonaws.com") || normal(host).ends_with(".vpce.amazonaws.com.cn");
            if own {
                self.host(Some(host), &what, vec![at], false, None);
            } else if endpoint.private_dns_enabled == Some(true) && vpc.is_some() {
                self.host(Some(host), &what, vec![at], false, vpc);
            }
        }
        Ok(())
    }

    fn task(&mut self, names: &mut Names, task: &EcsTask<'_>) {
        let id = names.intern(task.task_arn.rsplit('/').next().unwrap_or(&task.task_arn));
        let details = task.attachments.iter().flat_map(|attachment| &attachment.details);
        let own: Vec<NameId> = details
            .filter(|detail| &*detail.name == "networkInterfaceId")
            .map(|detail| names.intern(&detail.value))
            .collect();
        if !own.is_empty() {
            let status = option(names, task.last_status.as_ref());
            let place = Place::Interfaces(own);
            self.add(RawService { what: "ECS task", id, status, ports: Vec::new(), place });
        }
        let Some(machine) = option(names, task.container_instance_arn.as_ref()) else { return };
        if task.last_status.as_deref() != Some("RUNNING") {
            return;
        }
        for binding in task.containers.iter().flat_map(|container| &container.network_bindings) {
            let pair = port(binding.container_port).first().copied().zip(port(binding.host_port).first().copied());
            let Some((container_port, host_port)) = pair else { continue };
            let udp = binding.protocol.as_deref() == Some("udp");
            self.published.push((machine, Published { task: id, container_port, host_port, udp }));
        }
    }
}

fn pod_settings(text: &str) -> Option<PodSettings> {
    let settings: serde_json::Value = serde_json::from_str(text).ok()?;
    let variable = |name: &str| {
        let value = settings.get("env")?.get(name)?;
        value.as_str().map(str::to_ascii_lowercase).or_else(|| value.as_bool().map(|value| value.to_string()))
    };
    let external_snat = variable("AWS_VPC_K8S_CNI_EXTERNALSNAT").map(|value| value == "true");
    let strict = variable("POD_SECURITY_GROUP_ENFORCING_MODE").map(|value| value == "strict");
    Some(PodSettings { external_snat, strict })
}

/// What is behind the interfaces of services.
#[derive(Debug, Default)]
pub(super) struct Managed {
    pub(super) all: Vec<ServiceFacts>,
    /// Ports of machines that lead to containers, by machine.
    pub(super) published: HashMap<NameId, Vec<Published>>,
    /// Names, with the interfaces that stand behind them.
    pub(super) hosts: Vec<(RawHost, Vec<NameId>)>,
    /// Services by interface, while interfaces are compiled.
    pub(super) seats: HashMap<NameId, usize>,
    pub(super) other_port: Option<ReasonId>,
    pub(super) pods: HashMap<NameId, PodSettings>,
}

impl Compiler {
    /// Which interface is whose. One that several could have, or of which a service could have several, is nobody's.
    pub(super) fn compile_services(&mut self, interfaces: &[RawInterface]) -> Managed {
        let services = std::mem::take(&mut self.estate.services);
        let own: Vec<Vec<NameId>> = services.all.iter().map(|service| self.own(service, interfaces)).collect();
        let mut claims: HashMap<NameId, usize> = HashMap::default();
        for (service, own) in services.all.iter().zip(&own) {
            if matches!(service.place, Place::Like { .. }) {
                for id in own {
                    *claims.entry(*id).or_default() += 1;
                }
            }
        }
        let single = |at: usize| {
            let found = own.get(at).map(Vec::as_slice).unwrap_or_default();
            let like = services.all.get(at).is_some_and(|service| matches!(service.place, Place::Like { .. }));
            let node = services.all.get(at).is_some_and(|service| service.what == "ElastiCache node");
            let clear = match found {
                [only] => !like || claims.get(only) == Some(&1),
                [] => false,
                _ => !like && !node,
            };
            if clear { found.to_vec() } else { Vec::new() }
        };
        let mut managed = Managed::default();
        for (at, service) in services.all.iter().enumerate() {
            let facts = self.service_facts(service);
            managed.all.push(facts);
            for id in single(at) {
                managed.seats.entry(id).or_insert(at);
            }
        }
        let mut hosts = services.hosts.clone();
        for (host, kind, members, what, _) in &services.clusters {
            let find = |id: &NameId| services.all.iter().position(|known| known.what == *kind && known.id == *id);
            let found: Vec<usize> = members.iter().filter_map(find).collect();
            let unclear = found.len() < members.len() || members.is_empty();
            let public =
                services.hosts.iter().any(|known| known.public && found.iter().any(|at| known.services == [*at]));
            let services = found;
            let host = RawHost { host: host.clone(), what: what.clone(), services, public, only_in: None, unclear };
            hosts.push(host);
        }
        for mut host in hosts {
            let mut behind = Vec::new();
            for at in &host.services {
                let found = single(*at);
                host.unclear |= found.is_empty();
                behind.extend(found);
            }
            managed.hosts.push((host, behind));
        }
        for (machine, published) in services.published {
            if let Some(instance) = services.machines.get(&machine) {
                managed.published.entry(*instance).or_default().push(published);
            }
        }
        if !managed.published.is_empty() {
            let text = "a container has that port, and its machine publishes it as another one, so what answers there is \
                        not known";
            let reason = Reason { code: ReasonCode::Undecidable, text: text.to_owned(), permission: None };
            managed.other_port = Some(self.builder.reason(reason));
        }
        managed.pods = services.pods;
        managed
    }

    /// The interfaces that fit.
    fn own(&self, service: &RawService, interfaces: &[RawInterface]) -> Vec<NameId> {
        let fits = |raw: &&RawInterface| match &service.place {
            Place::Interfaces(ids) => ids.contains(&raw.id),
            Place::Described { description, zone, vpc } => {
                raw.description == Some(*description)
                    && zone.is_none_or(|zone| raw.zone == zone)
                    && vpc.is_none_or(|vpc| raw.vpc == vpc)
            }
            Place::Like { description, vpc, subnets, groups, zone } => {
                let mut carried = self.estate.group_refs.get(raw.groups.clone()).unwrap_or_default().to_vec();
                carried.sort_unstable();
                raw.description == Some(*description)
                    && vpc.is_none_or(|vpc| raw.vpc == vpc)
                    && (subnets.is_empty() || subnets.contains(&raw.subnet))
                    && zone.is_none_or(|zone| raw.zone == zone)
                    && carried == *groups
            }
            Place::Outside => false,
        };
        interfaces.iter().filter(fits).map(|raw| raw.id).collect()
    }

    fn service_facts(&mut self, service: &RawService) -> ServiceFacts {
        let id = self.text(service.id).to_owned();
        let name = self.builder.names().intern(&format!("{} {id}", service.what));
        let status = service.status.map(|status| self.text(status).to_owned());
        let condition = match (status.as_deref().map(standing), service.status) {
            (None | Some(Standing::Up), _) | (_, None) => Condition::Up,
            (Some(Standing::Down), Some(status)) => Condition::Down(status),
            (Some(Standing::Unsure), Some(status)) => {
                let text = format!(
                    "whether the {} `{id}` answers is not known: its state is `{}`",
                    service.what,
                    self.text(status)
                );
                let code = ReasonCode::Undecidable;
                Condition::Unsure(self.builder.reason(Reason { code, text, permission: None }))
            }
        };
        let mut ports = service.ports.clone();
        ports.sort_unstable();
        ports.dedup();
        let words: Vec<String> = ports.iter().map(u16::to_string).collect();
        let heard = self.builder.names().intern(&words.join(" and "));
        ServiceFacts { name, condition, ports, heard }
    }
}

enum Standing {
    Up,
    Down,
    Unsure,
}

/// What a state means for new connections (RDS guide, status of instances; `ElastiCache` API; EC2 API, `State`; ECS guide,
/// task life cycle).
fn standing(status: &str) -> Standing {
    const UP: [&str; 11] = [
        "available",
        "running",
        "active",
        "backing-up",
        "storage-optimization",
        "storage-initialization",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "snapshotting",
        "partial",
    ];
    const DOWN: [&str; 14] = [
        "stopped",
        "stopping",
        "creating",
        "deleting",
        "deleted",
        "failed",
        "rejected",
        "expired",
        "pendingacceptance",
        "restore-error",
        "restore-failed",
        "insufficient-capacity",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
    ];
    let word = status.to_ascii_lowercase();
    if UP.contains(&word.as_str()) {
        Standing::Up
    } else if DOWN.contains(&word.as_str()) || word.starts_with("incompatible-") {
        Standing::Down
    } else {
        Standing::Unsure
    }
}

impl ServiceFacts {
    /// Whether it takes a packet.
    pub(super) fn hop(&self, packet: &Packet) -> Hop {
        let hop = |outcome, note| fact(MANAGED, Direction::Ingress, self.name, outcome, note);
        match self.condition {
            Condition::Down(status) => {
                return hop(Outcome::Block, Note::new("its state is {}, so nothing answers").about(status));
            }
            Condition::Unsure(reason) => {
                let note = Note::new("the {}").about(self.name);
                return Hop { kind: HopKind::Opaque(reason), ..hop(Outcome::Pass, note) };
            }
            Condition::Up => {}
        }
        let heard =
            packet.protocol == Protocol::TCP && self.ports.iter().any(|port| packet.destination_ports.contains(*port));
        if heard || self.ports.is_empty() {
            hop(Outcome::Pass, Note::new("this is the {}").about(self.name))
        } else {
            hop(Outcome::Block, Note::new("it listens on tcp {} only").about(self.heard))
        }
    }
}

impl Managed {
    /// What is known of the port of a machine that runs containers in bridge mode: it publishes them under ports of its
    /// own (Amazon ECS guide, dynamic port mapping).
    pub(super) fn published_hop(&self, machine: NameId, packet: &Packet) -> Option<Hop> {
        let all = self.published.get(&machine)?;
        let udp = packet.protocol == Protocol::UDP;
        let of_protocol = |known: &&Published| known.udp == udp;
        let to = packet.destination_ports;
        let hop = |outcome, note| fact(MANAGED, Direction::Ingress, machine, outcome, note);
        if let Some(known) = all.iter().filter(of_protocol).find(|known| to.contains(known.host_port)) {
            return Some(hop(Outcome::Pass, Note::new("that port leads to the ECS task {}").about(known.task)));
        }
        let known = all.iter().filter(of_protocol).find(|known| to.contains(known.container_port))?;
        let note = Note::new("the ECS task {}").about(known.task);
        Some(Hop { kind: HopKind::Opaque(self.other_port?), ..hop(Outcome::Pass, note) })
    }
}
