//! The calls, each read to its last page.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::search_transit_gateway_routes::SearchTransitGatewayRoutesOutput;
use aws_sdk_ec2::types::Filter;

use super::client::Client as AnyClient;
use super::convert;
use super::fault::Fault;
use crate::records::{
    BalancingAttribute, CacheCluster, ClassicAttributes, ClassicBalancer, ClassicHealth, DbCluster, DbInstance,
    EgressOnlyInternetGateway, ElasticAddress, InternetGateway, Listener, ListenerRule, Listing, LoadBalancer,
    ManagedPrefixList, NatGateway, NetworkAcl, NetworkInterface, PrefixListEntry, PublicAccessExclusion,
    PublicAccessOptions, ReplicationGroup, Reservation, ResourceRecordSet, RouteTable, SearchDomain, SecurityGroup,
    SecurityGroupRule, Subnet, TargetGroup, TargetHealthDescription, TransitGateway, TransitGatewayAssociation,
    TransitGatewayPolicyTable, TransitGatewayRoute, TransitGatewayRouteTable, TransitGatewayVpcAttachment, Vpc,
    VpcEndpoint, VpcPeeringConnection, ZoneSummary,
};

/// More pages than any estate has: an endpoint that never ends is not AWS.
const MOST_PAGES: usize = 10_000;

/// Records of every kind.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) interfaces: Vec<NetworkInterface<'static>>,
    pub(super) reservations: Vec<Reservation<'static>>,
    pub(super) groups: Vec<SecurityGroup<'static>>,
    pub(super) rules: Vec<SecurityGroupRule<'static>>,
    pub(super) prefix_lists: Vec<ManagedPrefixList<'static>>,
    /// Entries by the id of their list, which the entries do not repeat.
    pub(super) entries: BTreeMap<String, Vec<PrefixListEntry<'static>>>,
    pub(super) acls: Vec<NetworkAcl<'static>>,
    pub(super) tables: Vec<RouteTable<'static>>,
    pub(super) subnets: Vec<Subnet<'static>>,
    pub(super) vpcs: Vec<Vpc<'static>>,
    pub(super) peerings: Vec<VpcPeeringConnection<'static>>,
    pub(super) internet_gateways: Vec<InternetGateway<'static>>,
    pub(super) egress_only_gateways: Vec<EgressOnlyInternetGateway<'static>>,
    pub(super) nat_gateways: Vec<NatGateway<'static>>,
    pub(super) addresses: Vec<ElasticAddress<'static>>,
    pub(super) public_access: Vec<PublicAccessOptions<'static>>,
    pub(super) exclusions: Vec<PublicAccessExclusion<'static>>,
    pub(super) transit_gateways: Vec<TransitGateway<'static>>,
    pub(super) transit_attachments: Vec<TransitGatewayVpcAttachment<'static>>,
    pub(super) transit_tables: Vec<TransitGatewayRouteTable<'static>>,
    pub(super) transit_policy_tables: Vec<TransitGatewayPolicyTable<'static>>,
    /// By the route table, which neither of the two repeats.
    pub(super) transit_associations: BTreeMap<String, Vec<TransitGatewayAssociation<'static>>>,
    pub(super) transit_routes: BTreeMap<String, TransitRoutes>,
    pub(super) load_balancers: Vec<LoadBalancer<'static>>,
    /// By load balancer, as one without a listener has an answer that does not name it.
    pub(super) listeners: BTreeMap<String, Vec<Listener<'static>>>,
    pub(super) listener_rules: Vec<ListenerRule<'static>>,
    pub(super) target_groups: Vec<TargetGroup<'static>>,
    /// By target group.
    pub(super) targets: BTreeMap<String, Vec<TargetHealthDescription<'static>>>,
    /// By target group or load balancer.
    pub(super) attributes: BTreeMap<String, Vec<BalancingAttribute<'static>>>,
    pub(super) classic_balancers: Vec<ClassicBalancer<'static>>,
    /// By the name of the load balancer, which neither of the two repeats.
    pub(super) classic_health: BTreeMap<String, Vec<ClassicHealth<'static>>>,
    pub(super) classic_attributes: BTreeMap<String, ClassicAttributes>,
    pub(super) vpc_endpoints: Vec<VpcEndpoint<'static>>,
    pub(super) databases: Vec<DbInstance<'static>>,
    pub(super) database_clusters: Vec<DbCluster<'static>>,
    pub(super) caches: Vec<CacheCluster<'static>>,
    pub(super) replication_groups: Vec<ReplicationGroup<'static>>,
    pub(super) search_domains: Vec<SearchDomain<'static>>,
    /// By VPC.
    pub(super) zones: BTreeMap<String, Vec<ZoneSummary<'static>>>,
    /// By zone.
    pub(super) zone_records: BTreeMap<String, Vec<ResourceRecordSet<'static>>>,
}

/// Routes of a transit gateway's route table.
#[derive(Debug, Default)]
pub(super) struct TransitRoutes {
    pub(super) found: Vec<TransitGatewayRoute<'static>>,
    /// Whether there are others.
    pub(super) more: bool,
}

impl Records {
    pub(super) fn extend(&mut self, more: Self) {
        self.interfaces.extend(more.interfaces);
        self.reservations.extend(more.reservations);
        self.groups.extend(more.groups);
        self.rules.extend(more.rules);
        self.prefix_lists.extend(more.prefix_lists);
        self.entries.extend(more.entries);
        self.acls.extend(more.acls);
        self.tables.extend(more.tables);
        self.subnets.extend(more.subnets);
        self.vpcs.extend(more.vpcs);
        self.peerings.extend(more.peerings);
        self.internet_gateways.extend(more.internet_gateways);
        self.egress_only_gateways.extend(more.egress_only_gateways);
        self.nat_gateways.extend(more.nat_gateways);
        self.addresses.extend(more.addresses);
        self.public_access.extend(more.public_access);
        self.exclusions.extend(more.exclusions);
        self.transit_gateways.extend(more.transit_gateways);
        self.transit_attachments.extend(more.transit_attachments);
        self.transit_tables.extend(more.transit_tables);
        self.transit_policy_tables.extend(more.transit_policy_tables);
        self.transit_associations.extend(more.transit_associations);
        self.transit_routes.extend(more.transit_routes);
        self.load_balancers.extend(more.load_balancers);
        self.listeners.extend(more.listeners);
        self.listener_rules.extend(more.listener_rules);
        self.target_groups.extend(more.target_groups);
        self.targets.extend(more.targets);
        self.attributes.extend(more.attributes);
        self.classic_balancers.extend(more.classic_balancers);
        self.classic_health.extend(more.classic_health);
        self.classic_attributes.extend(more.classic_attributes);
        self.vpc_endpoints.extend(more.vpc_endpoints);
        self.databases.extend(more.databases);
        self.database_clusters.extend(more.database_clusters);
        self.caches.extend(more.caches);
        self.replication_groups.extend(more.replication_groups);
        self.search_domains.extend(more.search_domains);
        self.zones.extend(more.zones);
        self.zone_records.extend(more.zone_records);
    }
}

/// One call to make, with all its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) listing: Listing,
    /// Name of the filter and its values, unless everything is asked for.
    pub(super) filter: Option<(String, Vec<String>)>,
    /// The one thing that the call is about, such as the prefix list whose entries are asked for.
    pub(super) about: Option<String>,
    /// What stays unknown if the call fails; empty for everything.
    pub(super) resources: Vec<String>,
}

/// What came of a call.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) ask: Ask,
    pub(super) records: Records,
    pub(super) count: usize,
    pub(super) pages: usize,
    pub(super) fault: Option<Fault>,
}

impl Answer {
    fn new(ask: Ask) -> Self {
        Self { ask, records: Records::default(), count: 0, pages: 0, fault: None }
    }

    fn filters(&self) -> Option<Vec<Filter>> {
        let (name, values) = self.ask.filter.clone()?;
        Some(vec![Filter::builder().name(name).set_values(Some(values)).build()])
    }

    /// Takes note of a page; false when the pages do not end.
    fn page(&mut self, records: usize) -> bool {
        self.pages += 1;
        self.count += records;
        self.pages < MOST_PAGES
    }
}

/// Reads a paged call to its end. A page may be empty and name a next one all the same, so only the token decides.
macro_rules! every_page {
    ($answer:ident, $request:expr, $field:ident, $take:expr) => {
        every_page!($answer, $request, next_token, $field, $take, |_: &_| ())
    };
    ($answer:ident, $request:expr, $token:ident, $field:ident, $take:expr, $look:expr) => {{
        let mut pages = $request.into_paginator().send();
        let mut more = false;
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    $look(&page);
                    more = page.$token.as_deref().is_some_and(|token| !token.is_empty());
                    let found = page.$field.unwrap_or_default();
                    let on = $answer.page(found.len());
                    $take(&mut $answer.records, found);
                    if !on {
                        break;
                    }
                }
                Err(error) => {
                    $answer.fault = Some(Fault::of(&error));
                    more = false;
                    break;
                }
            }
        }
        // The SDK ends the pages when it is given the same token twice.
        if more {
            $answer.fault = Some(endless());
        }
    }};
}

mod balancing;
mod classic;
mod managed;
mod zones;

/// A function for a listing: its operation, the most records that a page of it may have, and where they go.
macro_rules! listing {
    ($name:ident, $operation:ident, $filters:ident, $most:literal, $field:ident, $into:ident, $convert:ident
        $(, $option:ident)?) => {
        async fn $name(client: &Client, answer: &mut Answer) {
            let request = client.$operation().$filters(answer.filters()).max_results($most)$(.$option(true))?;
            every_page!(answer, request, $field, |records: &mut Records, found: Vec<_>| {
                records.$into.extend(found.into_iter().map(convert::$convert));
            });
        }
    };
}

// Without a page size EC2 tries to answer with one page, and refuses for large accounts. Interfaces of services may
// be hidden unless they are asked for (EC2 API, managed resource visibility).
listing!(
    interfaces,
    describe_network_interfaces,
    set_filters,
    1000,
    network_interfaces,
    interfaces,
    interface,
    include_managed_resources
);
listing!(
    instances,
    describe_instances,
    set_filters,
    1000,
    reservations,
    reservations,
    reservation,
    include_managed_resources
);
listing!(groups, describe_security_groups, set_filters, 1000, security_groups, groups, group);
listing!(rules, describe_security_group_rules, set_filters, 1000, security_group_rules, rules, rule);
listing!(prefix_lists, describe_managed_prefix_lists, set_filters, 100, prefix_lists, prefix_lists, prefix_list);
listing!(acls, describe_network_acls, set_filters, 1000, network_acls, acls, network_acl);
listing!(tables, describe_route_tables, set_filters, 100, route_tables, tables, route_table);
listing!(subnets, describe_subnets, set_filters, 1000, subnets, subnets, subnet);
listing!(vpcs, describe_vpcs, set_filters, 1000, vpcs, vpcs, vpc);
listing!(peerings, describe_vpc_peering_connections, set_filters, 1000, vpc_peering_connections, peerings, peering);
listing!(
    internet_gateways,
    describe_internet_gateways,
    set_filters,
    1000,
    internet_gateways,
    internet_gateways,
    internet_gateway
);
listing!(
    egress_only_gateways,
    describe_egress_only_internet_gateways,
    set_filters,
    255,
    egress_only_internet_gateways,
    egress_only_gateways,
    egress_only_gateway
);
listing!(vpc_endpoints, describe_vpc_endpoints, set_filters, 1000, vpc_endpoints, vpc_endpoints, vpc_endpoint);
listing!(nat_gateways, describe_nat_gateways, set_filter, 1000, nat_gateways, nat_gateways, nat_gateway);

listing!(
    transit_gateways,
    describe_transit_gateways,
    set_filters,
    1000,
    transit_gateways,
    transit_gateways,
    transit_gateway
);
listing!(
    transit_attachments,
    describe_transit_gateway_vpc_attachments,
    set_filters,
    1000,
    transit_gateway_vpc_attachments,
    transit_attachments,
    transit_attachment
);
listing!(
    transit_tables,
    describe_transit_gateway_route_tables,
    set_filters,
    1000,
    transit_gateway_route_tables,
    transit_tables,
    transit_table
);
listing!(
    transit_policy_tables,
    describe_transit_gateway_policy_tables,
    set_filters,
    1000,
    transit_gateway_policy_tables,
    transit_policy_tables,
    transit_policy_table
);

async fn transit_associations(client: &Client, answer: &mut Answer) {
    let table = answer.ask.about.clone().unwrap_or_default();
    let request = client.get_transit_gateway_route_table_associations().transit_gateway_route_table_id(&table);
    every_page!(answer, request.max_results(1000), associations, |records: &mut Records, found: Vec<_>| {
        let all = records.transit_associations.entry(table.clone()).or_default();
        all.extend(found.into_iter().map(convert::transit_association));
    });
}

/// Both states: a longer route that is a blackhole decides too.
async fn transit_routes(client: &Client, answer: &mut Answer) {
    let table = answer.ask.about.clone().unwrap_or_default();
    let states = Filter::builder().name("state").values("active").values("blackhole").build();
    let request = client.search_transit_gateway_routes().transit_gateway_route_table_id(&table).filters(states);
    let mut more = false;
    let take = |records: &mut Records, found: Vec<_>| {
        let all = records.transit_routes.entry(table.clone()).or_default();
        all.found.extend(found.into_iter().map(convert::transit_route));
    };
    let mut look = |page: &SearchTransitGatewayRoutesOutput| more = page.additional_routes_available == Some(true);
    every_page!(answer, request.max_results(1000), next_token, routes, take, look);
    if let Some(routes) = answer.records.transit_routes.get_mut(&table) {
        routes.more = more;
    }
}

async fn entries(client: &Client, answer: &mut Answer) {
    let list = answer.ask.about.clone().unwrap_or_default();
    let request = client.get_managed_prefix_list_entries().prefix_list_id(&list).max_results(100);
    every_page!(answer, request, entries, |records: &mut Records, found: Vec<_>| {
        records.entries.entry(list.clone()).or_default().extend(found.into_iter().map(convert::entry));
    });
}

/// The one listing that has no pages.
async fn addresses(client: &Client, answer: &mut Answer) {
    match client.describe_addresses().set_filters(answer.filters()).send().await {
        Ok(page) => {
            let found = page.addresses.unwrap_or_default();
            answer.page(found.len());
            answer.records.addresses.extend(found.into_iter().map(convert::elastic_address));
        }
        Err(error) => answer.fault = Some(Fault::of(&error)),
    }
}

/// The one answer that is a single record.
async fn public_access(client: &Client, answer: &mut Answer) {
    match client.describe_vpc_block_public_access_options().send().await {
        Ok(page) => match page.vpc_block_public_access_options {
            Some(options) => {
                answer.page(1);
                answer.records.public_access.push(convert::public_access(options));
            }
            None => answer.fault = Some(Fault::new("BrokenAnswer", "the answer holds no options")),
        },
        Err(error) => answer.fault = Some(Fault::of(&error)),
    }
}

/// It has pages, and the SDK none of its helpers for them.
async fn exclusions(client: &Client, answer: &mut Answer) {
    let mut token: Option<String> = None;
    loop {
        let request = client.describe_vpc_block_public_access_exclusions().max_results(1000);
        match request.set_next_token(token.clone()).send().await {
            Ok(page) => {
                let found = page.vpc_block_public_access_exclusions.unwrap_or_default();
                let on = answer.page(found.len());
                answer.records.exclusions.extend(found.into_iter().map(convert::exclusion));
                match page.next_token.filter(|next| !next.is_empty()) {
                    None => return,
                    Some(next) if on && token.as_ref() != Some(&next) => token = Some(next),
                    Some(_) => break,
                }
            }
            Err(error) => {
                answer.fault = Some(Fault::of(&error));
                return;
            }
        }
    }
    answer.fault = Some(endless());
}

/// How a filter is called by which load balancers of a name are asked for that may not be there.
pub(super) const MAYBE: &str = "maybe";

/// Elastic Load Balancing answers a name that nobody has with an error (Elastic Load Balancing API, errors of
/// `DescribeLoadBalancers`), and to ask whether somebody has it is no fault.
fn nothing_of_that_name(answer: &mut Answer) {
    let asked = answer.ask.filter.as_ref().is_some_and(|(name, _)| name == MAYBE);
    if asked && answer.fault.as_ref().is_some_and(|fault| fault.code == "LoadBalancerNotFound") {
        answer.fault = None;
        answer.page(0);
    }
}

fn endless() -> Fault {
    Fault::new("EndlessPages", "the last page names a further page that never comes")
}

/// Makes a call.
pub(super) async fn answer(client: &AnyClient, ask: Ask) -> Answer {
    let mut answer = Answer::new(ask);
    let into = &mut answer;
    let client = match client {
        AnyClient::Ec2(client) => client,
        AnyClient::Balancing(client) => {
            balancing::answer(client, into).await;
            return answer;
        }
        AnyClient::Classic(client) => {
            classic::answer(client, into).await;
            return answer;
        }
        AnyClient::Zones(client, region) => {
            zones::answer(client, region, into).await;
            return answer;
        }
        AnyClient::Databases(client) => {
            managed::databases(client, into).await;
            return answer;
        }
        AnyClient::Caches(client) => {
            managed::caches(client, into).await;
            return answer;
        }
        AnyClient::Search(client) => {
            managed::search_domains(client, into).await;
            return answer;
        }
    };
    match into.ask.listing {
        Listing::NetworkInterfaces => interfaces(client, into).await,
        Listing::Instances => instances(client, into).await,
        Listing::SecurityGroups => groups(client, into).await,
        Listing::SecurityGroupRules => rules(client, into).await,
        Listing::PrefixLists => prefix_lists(client, into).await,
        Listing::PrefixListEntries => entries(client, into).await,
        Listing::NetworkAcls => acls(client, into).await,
        Listing::RouteTables => tables(client, into).await,
        Listing::Subnets => subnets(client, into).await,
        Listing::Vpcs => vpcs(client, into).await,
        Listing::PeeringConnections => peerings(client, into).await,
        Listing::InternetGateways => internet_gateways(client, into).await,
        Listing::EgressOnlyInternetGateways => egress_only_gateways(client, into).await,
        Listing::NatGateways => nat_gateways(client, into).await,
        Listing::Addresses => addresses(client, into).await,
        Listing::TransitGateways => transit_gateways(client, into).await,
        Listing::TransitAttachments => transit_attachments(client, into).await,
        Listing::TransitTables => transit_tables(client, into).await,
        Listing::TransitPolicyTables => transit_policy_tables(client, into).await,
        Listing::TransitAssociations => transit_associations(client, into).await,
        Listing::TransitRoutes => transit_routes(client, into).await,
        Listing::VpcEndpoints => vpc_endpoints(client, into).await,
        Listing::PublicAccessOptions => public_access(client, into).await,
        Listing::PublicAccessExclusions => exclusions(client, into).await,
        // An interface can only carry a group of another VPC while the association is in force, so nothing hangs
        // on that listing. Others are read from files only. Nobody plans any of them.
        _ => {}
    }
    answer
}
