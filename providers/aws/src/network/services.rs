//! What was read of services that AWS runs behind interfaces of a VPC.

use reachlint_model::{NameId, Names};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::names::normal;
use crate::records::{
    CacheCluster, DbCluster, DbInstance, EcsTask, Endpoint, ReplicationGroup, SearchDomain, Service, Text, VpcEndpoint,
};

/// What AWS runs.
#[derive(Clone, Debug)]
pub(super) struct RawService {
    /// `RDS instance`.
    pub(super) what: &'static str,
    pub(super) id: NameId,
    /// Of which account and Region its name is: ids are unique in those only.
    pub(super) realm: Option<NameId>,
    pub(super) status: Option<NameId>,
    /// The ports it listens on; none where they are not known.
    pub(super) ports: Vec<u16>,
    pub(super) place: Place,
}

/// Which interfaces are its own.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Those.
    Interfaces(Vec<NameId>),
    /// Those with this description, and how many there have to be, where that is known.
    Described { description: NameId, zone: Option<NameId>, vpc: Option<NameId>, count: Option<usize> },
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
    pub(super) services: Vec<usize>,
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
    pub(super) task: NameId,
    pub(super) container_port: u16,
    pub(super) host_port: u16,
    pub(super) udp: bool,
}

/// A name of some members of a cluster, which have records of their own.
#[derive(Clone, Debug)]
pub(super) struct RawClusterName {
    pub(super) host: String,
    /// What the members are, as [`RawService::what`].
    pub(super) kind: &'static str,
    pub(super) members: Vec<NameId>,
    pub(super) realm: Option<NameId>,
    pub(super) what: String,
}

/// Everything about services that AWS runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    pub(super) all: Vec<RawService>,
    pub(super) hosts: Vec<RawHost>,
    pub(super) seen: HashSet<(&'static str, NameId, Option<NameId>)>,
    pub(super) clusters: Vec<RawClusterName>,
    /// Published ports by the ARN of the ECS machine.
    pub(super) published: Vec<(NameId, Published)>,
    pub(super) machines: HashMap<NameId, NameId>,
    /// Settings of the VPC CNI by cluster of EKS.
    pub(super) pods: HashMap<NameId, PodSettings>,
}

/// What the VPC CNI does with packets of pods, as far as its settings say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PodSettings {
    /// Whether something else translates the addresses of pods outside of the VPC, so that pods keep theirs.
    pub(super) external_snat: Option<bool>,
    /// Whether pods with groups of their own keep to those everywhere.
    pub(super) strict: Option<bool>,
}

fn port(number: Option<i32>) -> Vec<u16> {
    number.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).into_iter().collect()
}

/// The account and Region that the name of a database or cache is of, without saying which they are: `HASH.us-east-1` of
/// `NAME.HASH.us-east-1.rds.amazonaws.com` and `NAME.cluster-HASH.us-east-1.…`, `HASH.use1` of
/// `NAME.HASH.0001.use1.cache.amazonaws.com` and `master.NAME.HASH.use1.…`.
fn realm(names: &mut Names, host: Option<&str>) -> Option<NameId> {
    let host = normal(host?);
    let mut labels = host.strip_suffix(".cn").unwrap_or(&host).rsplit('.').skip(3);
    let region = labels.next()?;
    let shard = |label: &&str| *label == "ng" || label.chars().all(|c| c.is_ascii_digit());
    let hash = labels.find(|label| !shard(label))?;
    let prefixes = ["cluster-ro-", "cluster-custom-", "cluster-"];
    let hash = prefixes.iter().find_map(|prefix| hash.strip_prefix(prefix)).unwrap_or(hash);
    Some(names.intern(&format!("{hash}.{region}")))
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
        if !self.seen.insert((service.what, service.id, service.realm)) {
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
            realm: realm(names, endpoint.address.as_deref()),
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
        let fixed = [(cluster.endpoint.as_deref(), writers), (cluster.reader_endpoint.as_deref(), readers)];
        let custom = cluster.custom_endpoints.iter().map(|host| (Some(&**host), all.clone()));
        for (host, members) in fixed.into_iter().chain(custom) {
            let Some(host) = host.map(normal) else { continue };
            let what = format!("the RDS cluster `{}`", &*cluster.id);
            let realm = realm(names, Some(&host));
            self.clusters.push(RawClusterName { host, kind: "RDS instance", members, realm, what });
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
        let count = Some(cache.cache_nodes.len()).filter(|count| *count > 0);
        let place = Place::Described { description, zone: None, vpc: None, count };
        let mut first =
            cache.cache_nodes.iter().filter_map(|node| node.endpoint.as_ref()).chain(&cache.configuration_endpoint);
        let realm = realm(names, first.find_map(|endpoint| endpoint.address.as_deref()));
        let service = RawService { what: "ElastiCache cluster", id, realm, status, ports, place: place.clone() };
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
            let place = Place::Described { description, zone, vpc: None, count: Some(1) };
            if let Some(at) = self.add(RawService { id, place, what: "ElastiCache node", ..service.clone() }) {
                self.host(endpoint, &what, vec![at], false, None);
            }
        }
    }

    fn replication(&mut self, names: &mut Names, group: &ReplicationGroup<'_>) {
        let what = format!("the ElastiCache replication group `{}`", &*group.replication_group_id);
        let mut push = |names: &mut Names, endpoint: Option<&Endpoint<'_>>, members: Vec<NameId>| {
            let Some(endpoint) = endpoint else { return };
            let Some(host) = endpoint.address.as_deref().map(normal) else { return };
            let what = what.clone();
            let realm = realm(names, Some(&host));
            self.clusters.push(RawClusterName { host, kind: "ElastiCache cluster", members, realm, what });
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
            push(names, shard.primary_endpoint.as_ref(), primary);
            push(names, shard.reader_endpoint.as_ref(), readers);
            all.extend(both);
            for member in &shard.node_group_members {
                let id = names.intern(&member.cache_cluster_id);
                push(names, member.read_endpoint.as_ref(), vec![id]);
            }
        }
        push(names, group.configuration_endpoint.as_ref(), all);
    }

    /// A domain in a VPC answers under its name with the interfaces of all its nodes.
    fn domain(&mut self, names: &mut Names, domain: &SearchDomain<'_>) {
        if domain.name.is_empty() {
            return;
        }
        let vpc = option(names, domain.place.as_ref().and_then(|place| place.vpc.as_ref()));
        let description = names.intern(&format!("ES {}", &*domain.name));
        let place = match vpc {
            Some(_) => Place::Described { description, zone: None, vpc, count: None },
            None => Place::Outside,
        };
        let https = domain.options.as_ref().and_then(|options| options.https);
        let ports = if https == Some(true) { vec![443] } else { vec![80, 443] };
        let status = (domain.deleted == Some(true)).then(|| names.intern("deleted"));
        let id = names.intern(&domain.name);
        let Some(at) = self.add(RawService { what: "OpenSearch domain", id, realm: vpc, status, ports, place }) else {
            return;
        };
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
            realm: None,
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
            self.add(RawService { what: "ECS task", id, realm: None, status, ports: Vec::new(), place });
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

#[cfg(test)]
mod tests {
    use reachlint_model::{Lookup, Names, Provider, Selector};

    use super::realm;
    use crate::network::{AwsNetwork, Estate};
    use crate::records::read;

    #[test]
    fn names_of_one_account_and_region_say_so() {
        let mut names = Names::default();
        let alike = [
            "shop.abcdef.us-east-1.rds.amazonaws.com",
            "orders.cluster-abcdef.us-east-1.rds.amazonaws.com",
            "orders.cluster-ro-abcdef.us-east-1.rds.amazonaws.com",
        ];
        let realms: Vec<_> = alike.iter().map(|host| realm(&mut names, Some(host))).collect();
        assert!(realms.iter().all(|known| known.is_some() && *known == realms[0]));
        let caches = [
            "sessions-001.abcdef.0001.use1.cache.amazonaws.com",
            "sessions.abcdef.ng.0001.use1.cache.amazonaws.com",
            "master.sessions.abcdef.use1.cache.amazonaws.com",
        ];
        let caches: Vec<_> = caches.iter().map(|host| realm(&mut names, Some(host))).collect();
        assert!(caches.iter().all(|known| known.is_some() && *known == caches[0] && *known != realms[0]));
        assert_ne!(realms[0], realm(&mut names, Some("shop.zyxwvu.us-east-1.rds.amazonaws.com")));
    }

    /// The databases of an account, whose names carry `hash`, in a VPC.
    fn account(hash: &str, vpc: &str, address: &str) -> [String; 3] {
        let database = format!(
            r#"{{"DBInstances": [{{"DBInstanceIdentifier": "one", "DBInstanceStatus": "available",
                "Endpoint": {{"Address": "one.{hash}.us-east-1.rds.amazonaws.com", "Port": 5432}},
                "VpcSecurityGroups": [{{"VpcSecurityGroupId": "sg-{vpc}", "Status": "active"}}],
                "DBSubnetGroup": {{"VpcId": "{vpc}", "Subnets": []}}}}]}}"#
        );
        let cluster = format!(
            r#"{{"DBClusters": [{{"DBClusterIdentifier": "orders", "Port": 5432,
                "Endpoint": "orders.cluster-{hash}.us-east-1.rds.amazonaws.com",
                "DBClusterMembers": [{{"DBInstanceIdentifier": "one", "IsClusterWriter": true}}]}}]}}"#
        );
        let interface = format!(
            r#"{{"NetworkInterfaces": [{{"NetworkInterfaceId": "eni-{vpc}", "VpcId": "{vpc}", "SubnetId": "subnet-{vpc}",
                "Description": "RDSNetworkInterface", "PrivateIpAddress": "{address}",
                "Groups": [{{"GroupId": "sg-{vpc}"}}]}}]}}"#
        );
        [database, cluster, interface]
    }

    #[test]
    fn databases_of_two_accounts_may_have_the_same_ids() {
        let mut estate = Estate::new();
        let documents = [account("aaaaaa", "vpc-a", "10.0.0.1"), account("bbbbbb", "vpc-b", "10.1.0.1")];
        for document in documents.as_flattened() {
            read("x.json", &mut document.as_bytes(), &mut estate).unwrap();
        }
        let aws = AwsNetwork::new(estate);
        let from = aws.select(&Selector::Name("eni-vpc-a".to_owned()))[0];
        for (hash, address) in [("aaaaaa", "10.0.0.1"), ("bbbbbb", "10.1.0.1")] {
            let host = format!("orders.cluster-{hash}.us-east-1.rds.amazonaws.com");
            assert_eq!(aws.lookup(from, &host), Lookup::Addresses(vec![address.parse().unwrap()]), "{host}");
        }
    }
}
