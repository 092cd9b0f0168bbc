//! Turns an estate into the neutral model: groups and ACLs into gates, everything else into tables to follow.

use std::net::IpAddr;

use reachlint_model::{
    Action, Address, AddressSet, Family, GateId, Group, InterfaceId, InterfaceState, Layer, ListId, NameId, Network,
    NetworkBuilder, NewInterface, Prefix, Reason, ReasonCode, ReasonId, Side,
};
use rustc_hash::{FxBuildHasher, FxHashMap as HashMap};

use super::access::PublicAccess;
use super::amend::{Doubts, planned};
use super::balancer::{Balancers, Behind};
use super::elsewhere::Elsewhere;
use super::estate::{Destination, Estate, RawInterface, RawNat, RawPeering, RawRoute, Target};
use super::hosts::Hosts;
use super::managed::Managed;
use super::transit::Transit;
use super::zones::Zones;
use crate::records::Listing;

/// Security groups of an interface.
pub(crate) const SECURITY_GROUP: Layer = Layer("aws.security-group");
/// The network ACL of a subnet.
pub(crate) const NETWORK_ACL: Layer = Layer("aws.network-acl");

/// What the path needs to know of an interface beyond the neutral model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Its security groups as gates; `None` for kinds of interface that have none.
    pub(super) ingress: Option<GateId>,
    pub(super) egress: Option<GateId>,
    pub(super) instance: Option<NameId>,
    pub(super) device_index: i32,
    pub(super) source_dest_check: bool,
    pub(super) cut_from_internet: bool,
    /// Whether group references over a transit gateway never hold for it.
    pub(super) unreferenced: bool,
    /// The availability zone.
    pub(super) zone: NameId,
    /// Something stands behind the interface that decides further.
    pub(super) behind: Option<Behind>,
    /// The EKS cluster of its machine.
    pub(super) cluster: Option<NameId>,
    /// Whether it is the interface of a single pod.
    pub(super) branch: bool,
    /// The interface of a machine that carries such a one, where a tag says so.
    pub(super) trunk: Option<NameId>,
}

/// A subnet with what serves it.
#[derive(Clone, Debug)]
pub(crate) struct SubnetFacts {
    pub(crate) vpc: NameId,
    pub(super) blocks: Vec<Prefix>,
    pub(crate) acl: Result<Acl, ReasonId>,
    pub(crate) table: Result<usize, ReasonId>,
}

/// A network ACL as two gates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acl {
    pub(super) name: NameId,
    pub(crate) ingress: GateId,
    pub(crate) egress: GateId,
}

/// The rank of a route by a prefix list.
pub(super) const PREFIX_LIST: u8 = 1;

/// A route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) prefix: Prefix,
    pub(crate) target: Target,
    pub(crate) blackhole: bool,
    /// Ties of equal length go to static routes, then prefix lists, then propagated ones (VPC guide, route priority).
    pub(super) rank: u8,
    /// The target is of a kind that is not modelled.
    pub(super) opaque: Option<ReasonId>,
    /// What the report calls the route: table and destination.
    pub(crate) name: NameId,
}

/// A route table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) id: NameId,
    pub(crate) routes: Vec<Route>,
    /// Routes by a prefix list whose entries could not be read, and whether only public addresses can be meant.
    pub(super) unread: Vec<(ReasonId, bool)>,
}

/// What counts when a rule refers to a prefix list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListSize {
    pub(crate) family: Option<Family>,
    /// How many rules a reference to it counts for.
    pub(crate) weight: usize,
    /// How many entries more it may hold; none where that is not known or not for a customer to decide.
    pub(crate) room: Option<usize>,
}

/// The rule lists of a security group.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GroupFacts {
    pub(super) ingress: Option<ListId>,
    pub(super) egress: Option<ListId>,
}

/// Interfaces by key and value of their tags and those of their machines.
type Tags = HashMap<(NameId, NameId), Vec<InterfaceId>>;

/// AWS evidence, compiled.
#[derive(Debug)]
pub struct AwsNetwork {
    pub(crate) network: Network,
    pub(super) facts: Vec<Facts>,
    pub(crate) subnets: HashMap<NameId, SubnetFacts>,
    pub(crate) tables: Vec<Table>,
    pub(crate) vpcs: HashMap<NameId, AddressSet>,
    /// VPCs that keep traffic in that is not encrypted.
    pub(super) encrypting: HashMap<NameId, ReasonId>,
    /// The address of each VPC's own resolver.
    pub(super) resolvers: HashMap<NameId, IpAddr>,
    /// Internet gateways, and egress-only ones, with the VPCs they are attached to.
    pub(super) gateways: HashMap<NameId, Vec<NameId>>,
    pub(crate) peerings: HashMap<NameId, RawPeering>,
    pub(crate) nats: HashMap<NameId, RawNat>,
    /// Whether everything was read that can join two VPCs.
    pub(super) links_read: bool,
    pub(super) access: PublicAccess,
    pub(super) transit: Transit,
    pub(super) tags: Tags,
    /// What counts when a rule refers to a prefix list.
    pub(crate) prefix_lists: HashMap<NameId, ListSize>,
    /// The accounts that own the security groups.
    pub(crate) group_owners: HashMap<NameId, NameId>,
    /// Why an address of a VPC has no known owner; the entry under `None` is for addresses of no known VPC.
    pub(super) unowned: HashMap<Option<NameId>, ReasonId>,
    pub(super) balancers: Balancers,
    pub(super) managed: Managed,
    pub(super) zones: Zones,
    /// Names of load balancers and of services.
    pub(super) hosts: Hosts,
    pub(super) unread_target: ReasonId,
    pub(super) pod_address: ReasonId,
    pub(super) unread_peering: ReasonId,
    pub(super) unread_nat: ReasonId,
    pub(super) unread_subnet: ReasonId,
    pub(super) appliance: ReasonId,
    pub(super) other_way_back: ReasonId,
    pub(super) hidden_client: ReasonId,
    pub(super) link_local: ReasonId,
    pub(super) ambiguous: ReasonId,
    pub(super) doubts: Doubts,
    pub(super) either_list: ReasonId,
}

pub(super) struct Compiler {
    pub(super) estate: Estate,
    pub(super) builder: NetworkBuilder,
    pub(super) balancers: Balancers,
    pub(super) managed: Managed,
    pub(super) elsewhere: Elsewhere,
}

impl AwsNetwork {
    /// Compiles what was read.
    #[must_use]
    pub fn new(mut estate: Estate) -> Self {
        let builder = NetworkBuilder::new(std::mem::take(&mut estate.names));
        let balancers = Balancers::default();
        let (managed, elsewhere) = (Managed::default(), Elsewhere::default());
        Compiler { estate, builder, balancers, managed, elsewhere }.run()
    }
}

/// Kinds of interface that carry no security group at all, so that an empty list of groups filters nothing
/// (VPC guide, NAT gateways; NLB guide, security groups; EC2 API, `NetworkInterfaceType`).
const WITHOUT_GROUPS: [&str; 7] = [
    "nat_gateway",
    "natGateway",
    "network_load_balancer",
    "gateway_load_balancer",
    "gateway_load_balancer_endpoint",
    "transit_gateway",
    "load_balancer",
];

impl Compiler {
    fn run(mut self) -> AwsNetwork {
        self.compile_elsewhere();
        let group_owners = self.estate.groups.iter().filter_map(|(id, group)| Some((*id, group.owner?))).collect();
        let groups = self.compile_groups();
        let (tables, table_of, main_of) = self.compile_tables();
        let acl_of = self.compile_acls();
        let subnets = self.compile_subnets(&tables, &table_of, &main_of, &acl_of);
        let (facts, tags) = self.compile_interfaces(&groups);
        let hosts = self.compile_hosts(&facts);
        let unowned = self.compile_unowned(&subnets);
        let resolvers = self.estate.vpcs.iter().filter_map(|(id, blocks)| Some((*id, resolver(*blocks.first()?)?)));
        let resolvers = resolvers.collect();
        let vpcs = self.estate.vpcs.iter().map(|(id, blocks)| (*id, blocks.iter().copied().collect())).collect();
        let encrypting = self.compile_encrypting();
        let access = self.compile_access();
        let transit = self.compile_transit();
        let prefix_lists = self.list_sizes();
        let links_read = [Listing::PeeringConnections, Listing::TransitAttachments].into_iter().all(|listing| {
            let whole = self.estate.failure(listing, None).is_none() && !self.estate.truncated(listing);
            whole && self.estate.has(listing)
        });
        let peerings = std::mem::take(&mut self.estate.peerings);
        let nats = std::mem::take(&mut self.estate.nats);
        let gateways = std::mem::take(&mut self.estate.gateways);
        AwsNetwork {
            unread_target: self.missing(Listing::NetworkInterfaces, None, "the interface of the target"),
            pod_address: self.fixed(
                ReasonCode::NotRead,
                "the settings AWS_VPC_K8S_CNI_EXTERNALSNAT and POD_SECURITY_GROUP_ENFORCING_MODE of the VPC CNI, which \
                 decide it, are not in the evidence; `aws eks describe-addon --addon-name vpc-cni` prints those that are \
                 set",
            ),
            unread_peering: self.missing(Listing::PeeringConnections, None, "the peering connection"),
            unread_nat: self.missing(Listing::NatGateways, None, "the NAT gateway"),
            unread_subnet: self.missing(Listing::Subnets, None, "the subnet"),
            appliance: self.fixed(
                ReasonCode::NotModelled,
                "the route leads through an appliance, whose own rules the evidence does not hold",
            ),
            other_way_back: self.fixed(
                ReasonCode::NotModelled,
                "answers take another way than the connection, through something that is not modelled",
            ),
            hidden_client: self.fixed(
                ReasonCode::Ambiguous,
                "the client keeps its address behind the load balancer, and which one it has is not known",
            ),
            link_local: self.fixed(ReasonCode::NotModelled, "no AWS service is known at this link-local address"),
            either_list: self.fixed(
                ReasonCode::Ambiguous,
                "two prefix lists of the route table cover the address, and AWS takes the route of either",
            ),
            ambiguous: self.fixed(
                ReasonCode::Ambiguous,
                "several interfaces of that network own the address, and nothing tells which is meant",
            ),
            doubts: self.compile_doubts(),
            balancers: std::mem::take(&mut self.balancers),
            managed: std::mem::take(&mut self.managed),
            zones: self.compile_zones(),
            hosts,
            network: self.builder.build(),
            facts,
            subnets,
            tables,
            vpcs,
            encrypting,
            resolvers,
            gateways,
            peerings,
            nats,
            links_read,
            prefix_lists,
            access,
            transit,
            tags,
            group_owners,
            unowned,
        }
    }

    pub(super) fn fixed(&mut self, code: ReasonCode, text: &str) -> ReasonId {
        self.builder.reason(Reason { code, text: text.to_owned(), permission: None })
    }

    pub(super) fn text(&self, id: NameId) -> &str {
        self.builder.network().name(id)
    }

    /// Why something is not there: the call that failed, or that nobody made.
    pub(super) fn missing(&mut self, listing: Listing, id: Option<NameId>, what: &str) -> ReasonId {
        let reason = self.missing_text(listing, id, None, what);
        self.builder.reason(reason)
    }

    /// The same for what is asked by the VPC that it is in.
    fn missing_in(&mut self, vpc: NameId, listing: Listing, id: NameId, what: &str) -> ReasonId {
        let reason = self.missing_text(listing, Some(id), Some(vpc), what);
        self.builder.reason(reason)
    }

    fn missing_text(&self, listing: Listing, id: Option<NameId>, vpc: Option<NameId>, what: &str) -> Reason {
        if let Some(text) = id.and_then(|id| self.estate.amended.things.get(&id)) {
            return planned(text);
        }
        let id = id.map(|id| self.text(id).to_owned());
        let subject = id.as_ref().map_or_else(|| what.to_owned(), |id| format!("{what} `{id}`"));
        let call = listing.permission();
        let asked_by_vpc = || self.estate.failure(listing, Some(self.text(vpc?)));
        let (text, denied) = match self.estate.failure(listing, id.as_deref()).or_else(asked_by_vpc) {
            Some(failure) => {
                let account =
                    failure.account.as_ref().map_or(String::new(), |account| format!(" in account {account}"));
                let text = format!("{subject} could not be read: {call} failed{account} with {}", failure.error);
                if is_refusal(&failure.error) { (text, true) } else { (format!("{text}; run again"), false) }
            }
            None if self.estate.truncated(listing) => {
                (format!("{subject} may be on a further page of {call} that the evidence does not hold"), false)
            }
            None if !listing.is_collected() => (
                format!("{subject} is not in the evidence; add what {call} answers as a file, `collect` does not"),
                true,
            ),
            None => match vpc.and_then(|vpc| self.to_add(vpc)) {
                Some(add) => (format!("{subject} is not in the evidence: {add}"), false),
                None => (format!("{subject} is not in the evidence, which lacks it from {call}"), true),
            },
        };
        Reason { code: ReasonCode::NotRead, text, permission: denied.then(|| call.to_owned()) }
    }

    // Routes and subnets.

    fn compile_tables(&mut self) -> (Vec<Table>, HashMap<NameId, usize>, HashMap<NameId, usize>) {
        let (mut tables, mut table_of, mut main_of) = (Vec::new(), HashMap::default(), HashMap::default());
        for raw in std::mem::take(&mut self.estate.tables) {
            let at = tables.len();
            table_of.extend(raw.subnets.iter().map(|subnet| (*subnet, at)));
            if let Some(vpc) = raw.vpc.filter(|_| raw.main) {
                main_of.insert(vpc, at);
            }
            let mut table = Table { id: raw.id, routes: Vec::new(), unread: Vec::new() };
            for route in &raw.routes {
                self.compile_route(&mut table, route);
            }
            tables.push(table);
        }
        (tables, table_of, main_of)
    }

    fn compile_route(&mut self, table: &mut Table, raw: &RawRoute) {
        let opaque = match raw.target {
            Target::Other(kind, id) => {
                let text = format!("the path leads into {kind}, `{}`, which is not modelled", self.text(id));
                Some(self.builder.reason(Reason { code: ReasonCode::NotModelled, text, permission: None }))
            }
            Target::Transit(id) if !self.estate.transit.gateways.contains_key(&id) => {
                Some(self.missing(Listing::TransitGateways, Some(id), "the transit gateway"))
            }
            _ => None,
        };
        let (prefixes, destination, rank) = match raw.destination {
            Destination::Block(prefix) => (vec![prefix], prefix.to_string(), if raw.propagated { 2 } else { 0 }),
            Destination::PrefixList(id) => {
                let Some(entries) = self.entries(id).map(<[Prefix]>::to_vec) else {
                    let reason = self.missing(Listing::PrefixListEntries, Some(id), "a route's prefix list");
                    table.unread.push((reason, matches!(raw.target, Target::GatewayEndpoint(_))));
                    return;
                };
                (entries, self.text(id).to_owned(), PREFIX_LIST)
            }
        };
        let name = format!("{} {destination}", self.text(table.id));
        let name = self.builder.names().intern(&name);
        table.routes.extend(prefixes.into_iter().map(|prefix| Route {
            prefix,
            target: raw.target,
            blackhole: raw.blackhole,
            rank,
            opaque,
            name,
        }));
    }

    fn compile_subnets(
        &mut self,
        tables: &[Table],
        table_of: &HashMap<NameId, usize>,
        main_of: &HashMap<NameId, usize>,
        acl_of: &HashMap<NameId, Acl>,
    ) -> HashMap<NameId, SubnetFacts> {
        let mut vpc_of: HashMap<NameId, NameId> =
            self.estate.interfaces.iter().map(|interface| (interface.subnet, interface.vpc)).collect();
        vpc_of.extend(self.estate.nats.values().filter_map(|nat| nat.subnet.zip(nat.vpc)));
        vpc_of.extend(self.estate.subnets.iter().filter_map(|(id, subnet)| Some((*id, subnet.vpc?))));
        let mut subnets = HashMap::with_capacity_and_hasher(vpc_of.len(), FxBuildHasher);
        let mut ordered: Vec<_> = vpc_of.into_iter().collect();
        ordered.sort_unstable();
        for (id, vpc) in ordered {
            // An unassociated subnet uses its own VPC's main table (VPC guide, route tables). Where tables are missing
            // from the evidence, one of those could be the subnet's own.
            let listing = Listing::RouteTables;
            let failed = [id, vpc].iter().any(|id| self.estate.failure(listing, Some(self.text(*id))).is_some());
            let main = main_of.get(&vpc).filter(|_| !failed && !self.estate.truncated(listing));
            let table = match table_of.get(&id).or(main) {
                Some(table) => Ok(*table),
                None => Err(self.missing_in(vpc, Listing::RouteTables, id, "the route table of subnet")),
            };
            let table = table.and_then(|at| match tables.get(at).and_then(|table| self.doubted(table.id)) {
                Some(reason) => Err(reason),
                None => Ok(at),
            });
            let table = self.doubted(id).map_or(table, Err);
            let acl = match acl_of.get(&id) {
                Some(acl) => self.doubted(acl.name).or_else(|| self.doubted(id)).map_or(Ok(*acl), Err),
                None => Err(self.missing_in(vpc, Listing::NetworkAcls, id, "the network ACL of subnet")),
            };
            let blocks = self.estate.subnets.get(&id).map(|subnet| subnet.blocks.clone()).unwrap_or_default();
            subnets.insert(id, SubnetFacts { vpc, blocks, acl, table });
        }
        subnets
    }

    // Interfaces.

    fn compile_interfaces(&mut self, groups: &HashMap<NameId, GroupFacts>) -> (Vec<Facts>, Tags) {
        let interfaces = std::mem::take(&mut self.estate.interfaces);
        self.managed = self.compile_services(&interfaces);
        let elastic: HashMap<(NameId, Option<IpAddr>), IpAddr> =
            self.estate.elastic.iter().map(|(public, interface, private)| ((*interface, *private), *public)).collect();
        let (mut facts, mut tags) = (Vec::with_capacity(interfaces.len()), HashMap::<_, Vec<_>>::default());
        let mut placeholders = HashMap::default();
        let mut addresses = Vec::new();
        for raw in &interfaces {
            let carried: Vec<NameId> = self.estate.group_refs.get(raw.groups.clone()).unwrap_or_default().to_vec();
            let (ingress, egress) = self.interface_gates(raw, &carried, groups, &mut placeholders);
            addresses.clear();
            for (private, public) in self.estate.addresses.get(raw.addresses.clone()).unwrap_or_default() {
                let public = public.or_else(|| elastic.get(&(raw.id, Some(*private))).copied());
                addresses.push(Address { private: *private, public });
            }
            let instance = raw.instance.and_then(|id| self.estate.instances.get(&id)).cloned();
            let state = instance.as_ref().and_then(|instance| instance.state);
            let down = state
                .filter(|state| matches!(self.text(*state), "stopped" | "stopping" | "terminated" | "shutting-down"));
            let doubt = [Some(raw.id), raw.instance].into_iter().flatten().find_map(|id| self.doubted(id));
            let state = match down {
                Some(word) => InterfaceState::Down(word),
                None if !raw.attached => InterfaceState::Detached,
                None if let Some(reason) = doubt => InterfaceState::Unread(reason),
                None => match raw.instance.filter(|_| state.is_none()) {
                    Some(machine) => {
                        let what = "whether something runs behind the interface: instance";
                        InterfaceState::Unread(self.missing(Listing::Instances, Some(machine), what))
                    }
                    None => InterfaceState::Up,
                },
            };
            let new = NewInterface {
                id: raw.id,
                owner: raw.instance,
                label: instance.as_ref().and_then(|instance| instance.label).or(raw.description),
                account: raw.account,
                region: raw.region,
                network: raw.vpc,
                subnet: raw.subnet,
                state,
            };
            let delegated = self.estate.delegated.get(raw.delegated.clone()).unwrap_or_default().to_vec();
            let carried: Vec<Group> = carried.into_iter().map(Group).collect();
            let id = self.builder.interface(new, &addresses, &delegated, &carried);
            let own = self.estate.tags.get(raw.tags.clone()).unwrap_or_default().to_vec();
            let machine =
                instance.and_then(|instance| self.estate.tags.get(instance.tags)).unwrap_or_default().to_vec();
            for tag in own.iter().chain(&machine) {
                let carriers = tags.entry(*tag).or_default();
                if carriers.last() != Some(&id) {
                    carriers.push(id);
                }
            }
            facts.push(Facts {
                ingress,
                egress,
                instance: raw.instance,
                device_index: raw.device_index,
                source_dest_check: raw.source_dest_check,
                cut_from_internet: raw.cut_from_internet,
                unreferenced: self.is_unreferenced(raw, egress),
                zone: raw.zone,
                behind: self.behind(raw),
                cluster: self.cluster(own.iter().chain(&machine)),
                branch: self.is_branch(raw),
                trunk: self.trunk(raw),
            });
        }
        (facts, tags)
    }

    fn interface_gates(
        &mut self,
        raw: &RawInterface,
        carried: &[NameId],
        groups: &HashMap<NameId, GroupFacts>,
        placeholders: &mut HashMap<NameId, ListId>,
    ) -> (Option<GateId>, Option<GateId>) {
        let kind = raw.kind.map(|kind| self.text(kind)).unwrap_or_default();
        if carried.is_empty() && WITHOUT_GROUPS.contains(&kind) {
            return (None, None);
        }
        let mut lists: [Vec<ListId>; 2] = Default::default();
        if carried.is_empty() {
            // Every other kind of interface carries at least one group, so the evidence leaves them out.
            let unread = self.missing(Listing::NetworkInterfaces, Some(raw.id), "the list of groups of interface");
            let list = self.builder.list(raw.id, [], Some((Action::Allow, unread)));
            lists = [vec![list], vec![list]];
        }
        for group in carried {
            let known = groups.get(group).and_then(|facts| facts.ingress.zip(facts.egress));
            let (ingress, egress) = known.unwrap_or_else(|| {
                let list = placeholders.get(group).copied().unwrap_or_else(|| {
                    let rules = Listing::SecurityGroupRules;
                    let unread =
                        self.missing_of_account(Some(raw.account), "it", rules, Some(*group), "security group");
                    self.builder.list(*group, [], Some((Action::Allow, unread)))
                });
                placeholders.insert(*group, list);
                (list, list)
            });
            let [into, out] = &mut lists;
            into.push(ingress);
            out.push(egress);
        }
        let [mut into, mut out] = lists;
        // Security groups have no order, so any order of the same groups is the same gate.
        into.sort_unstable();
        into.dedup();
        out.sort_unstable();
        out.dedup();
        let ingress = self.group_gate(into, raw.id, Side::Source);
        let egress = self.group_gate(out, raw.id, Side::Destination);
        (Some(ingress), Some(egress))
    }
}

/// The Route 53 Resolver of a VPC: the base of its primary IPv4 block plus two (VPC guide, DNS attributes).
fn resolver(primary: Prefix) -> Option<IpAddr> {
    match primary.first() {
        IpAddr::V4(base) => base.to_bits().checked_add(2).map(|address| std::net::Ipv4Addr::from_bits(address).into()),
        IpAddr::V6(_) => None,
    }
}

/// Whether an error says that a permission is missing. Others, such as throttling and time-outs, pass by themselves.
pub(super) fn is_refusal(error: &str) -> bool {
    ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "AuthFailure"].contains(&error)
}

/// Whether an address can only be meant inside private networks: RFC 1918 and the shared space of RFC 6598, which
/// an internet gateway drops (Reachability Analyzer guide, `IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS`,
/// `…_RFC6598_EGRESS`), and for IPv6 anything that is not global unicast.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || (v4.to_bits() >> 22) == (0x6440_0000 >> 22),
        IpAddr::V6(v6) => (v6.to_bits() >> 125) != 1,
    }
}

impl Table {
    /// Whether there is a live route to an internet gateway in this family.
    pub(super) fn reaches_internet(&self, family: Family) -> bool {
        self.routes.iter().any(|route| {
            matches!(route.target, Target::Internet(_)) && !route.blackhole && route.prefix.family() == family
        })
    }
}
