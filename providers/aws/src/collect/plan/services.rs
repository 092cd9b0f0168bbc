//! Classic Load Balancers, and services that AWS runs in a VPC: asked for where an upstream's interface or name is theirs.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint_model::domain::is_in;

use super::super::targets::holds;
use super::{Plan, held, own};
use crate::collect::calls::{Ask, MAYBE};
use crate::network::plain;
use crate::records::{DbInstance, Endpoint, Listing, NetworkInterface, Text};

/// Load balancers that a call may name.
const MOST_NAMES: usize = 20;
/// How the interfaces of databases are described.
pub(super) const DATABASE: &str = "RDSNetworkInterface";

/// What a name of AWS's own is of.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// A load balancer of this name.
    Balancer(String),
    Database {
        /// Whether it is one of a cluster.
        cluster: bool,
    },
    Cache,
    /// A search domain of this name, in a VPC.
    Search(String),
    /// A VPC endpoint with this id.
    Endpoint(String),
    Other,
}

/// By the shapes that the guides of the services give (Elastic Load Balancing, RDS, `ElastiCache`, `OpenSearch` Service and
/// `PrivateLink` guides, DNS names).
fn kind(host: &str) -> Kind {
    let domain = host.strip_suffix(".cn").unwrap_or(host);
    let labels: Vec<&str> = domain.split('.').collect();
    let named = |label: &str| label.rsplit_once('-').map_or(label, |(name, _)| name).to_owned();
    match labels.as_slice() {
        [.., label, _, "elb", "amazonaws", "com"] => {
            Kind::Balancer(named(label.strip_prefix("internal-").unwrap_or(label)))
        }
        [.., label, "elb", _, "amazonaws", "com"] => Kind::Balancer(named(label)),
        [.., "rds" | "docdb" | "neptune", "amazonaws", "com"] => {
            Kind::Database { cluster: labels.iter().any(|label| label.starts_with("cluster-")) }
        }
        // In China.
        [_, .., "rds" | "docdb" | "neptune", _, "amazonaws", "com"] => {
            Kind::Database { cluster: labels.iter().any(|label| label.starts_with("cluster-")) }
        }
        [.., "cache", "amazonaws", "com"] => Kind::Cache,
        [label, _, "es", "amazonaws", "com"] => label.strip_prefix("vpc-").map(named).map_or(Kind::Other, Kind::Search),
        [first, .., "vpce", "amazonaws", "com"] => {
            let id = first.strip_prefix("vpce-").and_then(|rest| rest.split('-').next());
            id.map_or(Kind::Other, |id| Kind::Endpoint(format!("vpce-{id}")))
        }
        _ => Kind::Other,
    }
}

/// A name of a load balancer without what may stand before it.
fn without_prefix(host: &str) -> &str {
    host.split_once('.').map_or(host, |(_, rest)| rest)
}

/// Whether an interface can be that of a database.
pub(super) fn fits(database: &DbInstance<'_>, interface: &NetworkInterface<'_>) -> bool {
    let Some(place) = &database.subnet_group else { return true };
    let groups = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
    let carried = groups(interface.groups.iter().map(|group| &*group.group_id).collect());
    let subnet = own(interface.subnet_id.as_ref());
    let inside = |known: &Text<'_>| Some(&**known) == subnet;
    own(place.vpc_id.as_ref()) == own(interface.vpc_id.as_ref())
        && (place.subnets.is_empty() || place.subnets.iter().any(|known| inside(&known.subnet_identifier)))
        && carried == groups(database.groups.iter().map(|group| &*group.id).collect())
}

impl Plan {
    /// What upstreams' interfaces and names are of.
    pub(super) fn ask_services(&mut self, asks: &mut Vec<Ask>) {
        let (mut classic, mut domains, mut endpoints) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut listings: BTreeSet<Listing> = BTreeSet::new();
        for interface in self.records.interfaces.iter().filter(|interface| holds(interface, &self.addresses)) {
            let text = own(interface.description.as_ref()).unwrap_or_default();
            classic.extend(text.strip_prefix("ELB ").filter(|name| !name.contains('/')).map(str::to_owned));
            domains.extend(text.strip_prefix("ES ").map(str::to_owned));
            endpoints.extend(text.strip_prefix("VPC Endpoint Interface ").map(str::to_owned));
            listings.extend((text == DATABASE).then_some(Listing::DbInstances));
            listings.extend(text.starts_with("ElastiCache ").then_some(Listing::CacheClusters));
        }
        let mut balancers = BTreeSet::new();
        for (host, asked) in &self.names {
            match kind(host) {
                Kind::Database { cluster } => {
                    listings.insert(Listing::DbInstances);
                    listings.extend(cluster.then_some(Listing::DbClusters));
                }
                Kind::Cache => listings.extend([Listing::CacheClusters, Listing::ReplicationGroups]),
                Kind::Search(name) => drop(domains.insert(name)),
                Kind::Endpoint(id) => drop(endpoints.insert(id)),
                // The interfaces of one with an address are found by that.
                Kind::Balancer(name) if !asked.answered => drop(balancers.insert(name)),
                Kind::Balancer(_) | Kind::Other => {}
            }
        }
        for listing in listings {
            self.ask_all(asks, listing);
        }
        self.ask(asks, Listing::SearchDomains, "domain-name", domains);
        self.ask(asks, Listing::VpcEndpoints, "vpc-endpoint-id", endpoints);
        let fresh: Vec<String> = classic
            .into_iter()
            .filter(|name| self.asked.insert((Listing::ClassicBalancers, "names".to_owned(), name.clone())))
            .collect();
        for names in fresh.chunks(MOST_NAMES) {
            let filter = Some(("names".to_owned(), names.to_vec()));
            asks.push(Ask { listing: Listing::ClassicBalancers, filter, about: None, resources: names.to_vec() });
        }
        for name in balancers {
            // Names of Application and Classic Load Balancers look alike.
            for listing in [Listing::LoadBalancers, Listing::ClassicBalancers] {
                if self.asked.insert((listing, MAYBE.to_owned(), name.clone())) {
                    let filter = Some((MAYBE.to_owned(), vec![name.clone()]));
                    asks.push(Ask { listing, filter, about: None, resources: vec![name.clone()] });
                }
            }
        }
        let (descriptions, interfaces) = self.behind_names();
        self.ask(asks, Listing::NetworkInterfaces, "description", descriptions);
        let known = |id: &String| self.records.interfaces.iter().any(|known| *known.network_interface_id == **id);
        let interfaces = interfaces.into_iter().filter(|id| !known(id)).collect();
        self.ask(asks, Listing::NetworkInterfaces, "network-interface-id", interfaces);
        self.ask_behind_classic(asks);
        let machines = self.records.classic_balancers.iter().flat_map(|balancer| &balancer.instances);
        let machines = machines.map(|machine| machine.instance_id.to_string()).filter(|id| !id.is_empty()).collect();
        self.ask(asks, Listing::NetworkInterfaces, "attachment.instance-id", machines);
    }

    /// Everything about the Classic Load Balancers that are known.
    pub(super) fn ask_behind_classic(&mut self, asks: &mut Vec<Ask>) {
        let names = self.records.classic_balancers.iter().map(|balancer| balancer.name.to_string());
        let names: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
        for name in &names {
            self.ask_about(asks, Listing::ClassicHealth, name);
            self.ask_about(asks, Listing::ClassicAttributes, name);
        }
    }

    fn is_wanted(&self, host: Option<&Text<'_>>) -> bool {
        own(host).is_some_and(|host| self.names.contains_key(&plain(host)))
    }

    /// The databases that a wanted name is of.
    pub(super) fn databases(&self) -> Vec<&DbInstance<'static>> {
        let clusters = self.records.database_clusters.iter().filter(|cluster| {
            let hosts = [cluster.endpoint.as_ref(), cluster.reader_endpoint.as_ref()];
            let mut hosts = hosts.into_iter().chain(cluster.custom_endpoints.iter().map(Some));
            hosts.any(|host| self.is_wanted(host))
        });
        let members: BTreeSet<&str> =
            clusters.flat_map(|cluster| &cluster.members).map(|member| &*member.instance).collect();
        let wanted = |database: &&DbInstance<'_>| {
            members.contains(&*database.id)
                || self.is_wanted(database.endpoint.as_ref().and_then(|endpoint| endpoint.address.as_ref()))
        };
        self.records.databases.iter().filter(wanted).collect()
    }

    /// Descriptions and ids of interfaces that stand behind wanted names.
    fn behind_names(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut descriptions, mut interfaces) = (BTreeSet::new(), BTreeSet::new());
        if self.names.is_empty() {
            return (descriptions, interfaces);
        }
        let is = |endpoint: &Endpoint<'_>| self.is_wanted(endpoint.address.as_ref());
        // `dualstack.` or a zone may stand before the name of a load balancer.
        let balancer = |host: Option<&Text<'_>>| {
            own(host).is_some_and(|host| {
                let host = plain(host);
                let means = |known: &str| known == host || without_prefix(known) == host;
                self.names.iter().any(|(known, asked)| !asked.answered && means(known))
            })
        };
        for found in self.records.load_balancers.iter().filter(|found| balancer(found.dns_name.as_ref())) {
            let end = found.load_balancer_arn.split_once(":loadbalancer/").map(|(_, end)| format!("ELB {end}"));
            descriptions.extend(end);
        }
        for found in self.records.classic_balancers.iter().filter(|found| balancer(found.dns_name.as_ref())) {
            descriptions.insert(format!("ELB {}", &*found.name));
        }
        descriptions.extend((!self.databases().is_empty()).then(|| DATABASE.to_owned()));
        let groups = self.records.replication_groups.iter().filter(|group| {
            let shards = group.node_groups.iter();
            let mut shards = shards.flat_map(|shard| shard.primary_endpoint.iter().chain(&shard.reader_endpoint));
            let mut members = group.node_groups.iter().flat_map(|shard| &shard.node_group_members);
            group.configuration_endpoint.iter().any(is)
                || shards.any(is)
                || members.any(|member| member.read_endpoint.as_ref().is_some_and(is))
        });
        let members = groups.flat_map(|group| &group.node_groups).flat_map(|shard| &shard.node_group_members);
        let caches = self.records.caches.iter().filter(|cache| {
            let nodes = cache.cache_nodes.iter().filter_map(|node| node.endpoint.as_ref());
            nodes.chain(&cache.configuration_endpoint).any(is)
        });
        let caches = caches.map(|cache| &cache.cache_cluster_id).chain(members.map(|member| &member.cache_cluster_id));
        descriptions.extend(caches.map(|id| format!("ElastiCache {}", &**id)));
        for domain in &self.records.search_domains {
            let mut hosts = domain.endpoints.iter().flat_map(|all| all.values()).chain(&domain.endpoint);
            if hosts.any(|host| self.is_wanted(Some(host))) {
                descriptions.insert(format!("ES {}", &*domain.name));
            }
        }
        for endpoint in &self.records.vpc_endpoints {
            let mut hosts = endpoint.dns_entries.iter().filter_map(|entry| own(entry.dns_name.as_ref())).map(plain);
            let wanted = |host: String| match host.strip_prefix("*.") {
                Some(domain) => self.names.keys().any(|name| is_in(name, domain)),
                None => self.names.contains_key(&host),
            };
            if hosts.any(wanted) {
                interfaces.extend(endpoint.network_interface_ids.iter().map(|id| id.to_string()));
            }
        }
        (descriptions, interfaces)
    }

    /// The addresses of interfaces that stand behind wanted names.
    pub(super) fn addresses_behind_names(&self) -> BTreeSet<IpAddr> {
        let (descriptions, interfaces) = self.behind_names();
        let databases = self.databases();
        let behind = self.records.interfaces.iter().filter(|interface| {
            let description = own(interface.description.as_ref()).unwrap_or_default();
            let is_database = || databases.iter().any(|database| fits(database, interface));
            interfaces.contains(&*interface.network_interface_id)
                || (descriptions.contains(description) && (description != DATABASE || is_database()))
        });
        behind.flat_map(|interface| held(interface).0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind};

    #[test]
    fn names_of_services_say_whose_they_are() {
        let balancer = |name: &str| Kind::Balancer(name.to_owned());
        for (host, expected) in [
            ("internal-front-1234567890.us-east-1.elb.amazonaws.com", balancer("front")),
            ("dualstack.front-door-1234567890.us-east-1.elb.amazonaws.com", balancer("front-door")),
            ("through-0123456789abcdef.elb.eu-west-1.amazonaws.com", balancer("through")),
            ("eu-west-1a.through-0123456789abcdef.elb.eu-west-1.amazonaws.com", balancer("through")),
            ("shop.abcdefghijkl.us-east-1.rds.amazonaws.com", Kind::Database { cluster: false }),
            ("orders.cluster-ro-abcdefghijkl.us-east-1.rds.amazonaws.com", Kind::Database { cluster: true }),
            ("sessions.abcdef.ng.0001.use1.cache.amazonaws.com", Kind::Cache),
            ("vpc-logs-all-abcdefghijklmnop.us-east-1.es.amazonaws.com", Kind::Search("logs-all".to_owned())),
            ("search-logs-abcdefghijklmnop.us-east-1.es.amazonaws.com", Kind::Other),
            ("vpce-0123abcd-x1y2.sqs.us-east-1.vpce.amazonaws.com", Kind::Endpoint("vpce-0123abcd".to_owned())),
            ("shop.cluster-abcdefghijkl.rds.cn-north-1.amazonaws.com.cn", Kind::Database { cluster: true }),
            ("app.example.com", Kind::Other),
        ] {
            assert_eq!(kind(host), expected, "{host}");
        }
    }
}
