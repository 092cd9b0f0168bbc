//! Records as the documents that `aws ec2 describe-*` would print, in a fixed order.

use std::collections::BTreeSet;

use serde::Serialize;

use super::calls::Records;
use super::file_safe;
use crate::records::{
    CacheCluster, ClassicBalancer, DbCluster, DbInstance, EgressOnlyInternetGateway, ElasticAddress, Instance,
    InternetGateway, ListenerRule, Listing, LoadBalancer, ManagedPrefixList, NatGateway, NetworkAcl, NetworkInterface,
    PublicAccessExclusion, ReplicationGroup, Reservation, RouteTable, SearchDomain, SecurityGroup, SecurityGroupRule,
    Subnet, TargetGroup, TransitGateway, TransitGatewayPolicyTable, TransitGatewayRouteTable,
    TransitGatewayVpcAttachment, Vpc, VpcEndpoint, VpcPeeringConnection,
};

/// Documents, and the listings in which a record without an id was left out.
pub(super) type Written = (Vec<(String, Vec<u8>)>, BTreeSet<Listing>);

/// A record that says what it is.
trait Record: Serialize {
    fn id(&self) -> String;
}

macro_rules! record {
    ($($record:ident by $field:ident),* $(,)?) => {
        $(impl Record for $record<'static> {
            fn id(&self) -> String {
                self.$field.to_string()
            }
        })*
    };
}

record! {
    NetworkInterface by network_interface_id,
    SecurityGroup by group_id,
    SecurityGroupRule by security_group_rule_id,
    ManagedPrefixList by prefix_list_id,
    NetworkAcl by network_acl_id,
    RouteTable by route_table_id,
    Subnet by subnet_id,
    Vpc by vpc_id,
    VpcPeeringConnection by vpc_peering_connection_id,
    InternetGateway by internet_gateway_id,
    EgressOnlyInternetGateway by egress_only_internet_gateway_id,
    NatGateway by nat_gateway_id,
    Instance by instance_id,
    PublicAccessExclusion by exclusion_id,
    LoadBalancer by load_balancer_arn,
    ListenerRule by rule_arn,
    TargetGroup by target_group_arn,
    TransitGateway by transit_gateway_id,
    TransitGatewayVpcAttachment by transit_gateway_attachment_id,
    TransitGatewayRouteTable by transit_gateway_route_table_id,
    TransitGatewayPolicyTable by transit_gateway_policy_table_id,
    ClassicBalancer by name,
    VpcEndpoint by vpc_endpoint_id,
    DbInstance by id,
    DbCluster by id,
    CacheCluster by cache_cluster_id,
    ReplicationGroup by replication_group_id,
    SearchDomain by name,
}

impl Record for ElasticAddress<'static> {
    fn id(&self) -> String {
        [&self.public_ip, &self.allocation_id].into_iter().flatten().map(|text| &**text).collect()
    }
}

impl Record for Reservation<'static> {
    fn id(&self) -> String {
        self.instances.first().map(Instance::id).unwrap_or_default()
    }
}

/// Name of the file of a listing, after the command of the AWS CLI.
const fn command(listing: Listing) -> &'static str {
    match listing {
        Listing::NetworkInterfaces => "describe-network-interfaces",
        Listing::Instances => "describe-instances",
        Listing::SecurityGroups => "describe-security-groups",
        Listing::SecurityGroupRules => "describe-security-group-rules",
        Listing::SecurityGroupVpcAssociations => "describe-security-group-vpc-associations",
        Listing::PrefixLists => "describe-managed-prefix-lists",
        Listing::PrefixListEntries => "get-managed-prefix-list-entries",
        Listing::NetworkAcls => "describe-network-acls",
        Listing::RouteTables => "describe-route-tables",
        Listing::Subnets => "describe-subnets",
        Listing::Vpcs => "describe-vpcs",
        Listing::PeeringConnections => "describe-vpc-peering-connections",
        Listing::InternetGateways => "describe-internet-gateways",
        Listing::EgressOnlyInternetGateways => "describe-egress-only-internet-gateways",
        Listing::NatGateways => "describe-nat-gateways",
        Listing::Addresses => "describe-addresses",
        Listing::LoadBalancers => "describe-load-balancers",
        Listing::Listeners => "describe-listeners",
        Listing::Rules => "describe-rules",
        Listing::TargetGroups => "describe-target-groups",
        Listing::TargetHealth => "describe-target-health",
        Listing::TargetGroupAttributes => "describe-target-group-attributes",
        Listing::LoadBalancerAttributes => "describe-load-balancer-attributes",
        Listing::PublicAccessOptions => "describe-vpc-block-public-access-options",
        Listing::PublicAccessExclusions => "describe-vpc-block-public-access-exclusions",
        Listing::TransitGateways => "describe-transit-gateways",
        Listing::TransitAttachments => "describe-transit-gateway-vpc-attachments",
        Listing::TransitTables => "describe-transit-gateway-route-tables",
        Listing::TransitPolicyTables => "describe-transit-gateway-policy-tables",
        Listing::TransitAssociations => "get-transit-gateway-route-table-associations",
        Listing::TransitRoutes => "search-transit-gateway-routes",
        Listing::ZonesOfVpc => "list-hosted-zones-by-vpc",
        Listing::ZoneRecords => "list-resource-record-sets",
        Listing::DbInstances => "describe-db-instances",
        Listing::DbClusters => "describe-db-clusters",
        Listing::CacheClusters => "describe-cache-clusters",
        Listing::ReplicationGroups => "describe-replication-groups",
        Listing::SearchDomains => "describe-domains",
        Listing::VpcEndpoints => "describe-vpc-endpoints",
        // The commands of `aws elb` and `aws elbv2` are called alike.
        Listing::ClassicBalancers => "describe-classic-load-balancers",
        Listing::ClassicHealth => "describe-instance-health",
        Listing::ClassicAttributes => "describe-classic-load-balancer-attributes",
        // Read from files only, and so never written.
        _ => "",
    }
}

struct Writer<'a> {
    folder: &'a str,
    read: &'a BTreeSet<Listing>,
    documents: Vec<(String, Vec<u8>)>,
    nameless: BTreeSet<Listing>,
}

impl Writer<'_> {
    /// A listing's document, sorted, every record once: several calls may bring the same one. An empty list says
    /// that there is nothing, which is something else than not to know.
    fn listing<T: Record>(&mut self, listing: Listing, mut records: Vec<T>) -> Result<(), serde_json::Error> {
        if !self.read.contains(&listing) {
            return Ok(());
        }
        let before = records.len();
        records.retain(|record| !record.id().is_empty());
        if records.len() < before {
            self.nameless.insert(listing);
        }
        records.sort_by_cached_key(Record::id);
        records.dedup_by_key(|record| record.id());
        let bytes = document(&format!("{:?}", listing.key()), &records)?;
        self.documents.push((format!("{}/{}.json", self.folder, command(listing)), bytes));
        Ok(())
    }

    /// An answer about one thing, which it does not repeat: the request's own parameter says it.
    fn about<T: Serialize>(
        &mut self,
        listing: Listing,
        (parameter, id): (&str, &str),
        records: &[T],
        rest: &str,
    ) -> Result<(), serde_json::Error> {
        let key = format!("{parameter:?}:{},{rest}{:?}", serde_json::to_string(id)?, listing.key());
        let bytes = document(&key, records)?;
        self.documents.push((format!("{}/{}-{}.json", self.folder, command(listing), file_safe(id)), bytes));
        Ok(())
    }
}

fn is_load_balancer(arn: &str) -> bool {
    arn.contains(":loadbalancer/")
}

/// One record on each line, so that two snapshots can be compared line by line.
fn document<T: Serialize>(key: &str, records: &[T]) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = format!("{{{key}:[").into_bytes();
    for (at, record) in records.iter().enumerate() {
        bytes.extend_from_slice(if at == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut bytes, record)?;
    }
    bytes.extend_from_slice(b"\n]}\n");
    Ok(bytes)
}

/// The documents of one region. `read` names the listings that were answered, be it with nothing.
pub(super) fn documents(
    folder: &str,
    read: &BTreeSet<Listing>,
    records: Records,
) -> Result<Written, serde_json::Error> {
    let mut writer = Writer { folder, read, documents: Vec::new(), nameless: BTreeSet::new() };
    writer.listing(Listing::NetworkInterfaces, records.interfaces)?;
    // Calls may bring different instances of one reservation, so each stands alone.
    let single = records.reservations.into_iter().flat_map(|reservation| {
        let owner = reservation.owner_id;
        reservation
            .instances
            .into_iter()
            .map(move |instance| Reservation { owner_id: owner.clone(), instances: vec![instance] })
    });
    writer.listing(Listing::Instances, single.collect())?;
    writer.listing(Listing::SecurityGroups, records.groups)?;
    writer.listing(Listing::SecurityGroupRules, records.rules)?;
    writer.listing(Listing::PrefixLists, records.prefix_lists)?;
    writer.listing(Listing::NetworkAcls, records.acls)?;
    writer.listing(Listing::RouteTables, records.tables)?;
    writer.listing(Listing::Subnets, records.subnets)?;
    writer.listing(Listing::Vpcs, records.vpcs)?;
    writer.listing(Listing::PeeringConnections, records.peerings)?;
    writer.listing(Listing::InternetGateways, records.internet_gateways)?;
    writer.listing(Listing::EgressOnlyInternetGateways, records.egress_only_gateways)?;
    writer.listing(Listing::NatGateways, records.nat_gateways)?;
    writer.listing(Listing::Addresses, records.addresses)?;
    writer.listing(Listing::PublicAccessExclusions, records.exclusions)?;
    if let Some(options) = records.public_access.first() {
        let listing = Listing::PublicAccessOptions;
        let text = format!("{{{:?}:{}}}\n", listing.key(), serde_json::to_string(options)?);
        writer.documents.push((format!("{folder}/{}.json", command(listing)), text.into_bytes()));
    }
    for (list, mut entries) in records.entries {
        entries.sort_by(|a, b| a.cidr.cmp(&b.cidr));
        writer.about(Listing::PrefixListEntries, ("PrefixListId", &list), &entries, "")?;
    }
    writer.listing(Listing::TransitGateways, records.transit_gateways)?;
    writer.listing(Listing::TransitAttachments, records.transit_attachments)?;
    writer.listing(Listing::TransitTables, records.transit_tables)?;
    writer.listing(Listing::TransitPolicyTables, records.transit_policy_tables)?;
    let parameter = "TransitGatewayRouteTableId";
    for (table, mut found) in records.transit_associations {
        found.sort_by(|a, b| a.transit_gateway_attachment_id.cmp(&b.transit_gateway_attachment_id));
        writer.about(Listing::TransitAssociations, (parameter, &table), &found, "")?;
    }
    for (table, mut routes) in records.transit_routes {
        routes.found.sort_by(|a, b| (&a.destination_cidr_block, &a.kind).cmp(&(&b.destination_cidr_block, &b.kind)));
        let rest = format!("\"AdditionalRoutesAvailable\":{},", routes.more);
        writer.about(Listing::TransitRoutes, (parameter, &table), &routes.found, &rest)?;
    }
    writer.listing(Listing::LoadBalancers, records.load_balancers)?;
    for (balancer, mut listeners) in records.listeners {
        listeners.sort_by(|a, b| a.listener_arn.cmp(&b.listener_arn));
        writer.about(Listing::Listeners, ("LoadBalancerArn", &balancer), &listeners, "")?;
    }
    writer.listing(Listing::Rules, records.listener_rules)?;
    writer.listing(Listing::TargetGroups, records.target_groups)?;
    for (group, mut targets) in records.targets {
        targets.sort_by(|a, b| (&a.target.id, a.target.port).cmp(&(&b.target.id, b.target.port)));
        writer.about(Listing::TargetHealth, ("TargetGroupArn", &group), &targets, "")?;
    }
    for (of, mut attributes) in records.attributes {
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        let (listing, parameter) = if is_load_balancer(&of) {
            (Listing::LoadBalancerAttributes, "LoadBalancerArn")
        } else {
            (Listing::TargetGroupAttributes, "TargetGroupArn")
        };
        writer.about(listing, (parameter, &of), &attributes, "")?;
    }
    writer.listing(Listing::ClassicBalancers, records.classic_balancers)?;
    for (balancer, mut states) in records.classic_health {
        states.sort_by(|a, b| a.instance_id.cmp(&b.instance_id));
        writer.about(Listing::ClassicHealth, ("LoadBalancerName", &balancer), &states, "")?;
    }
    for (balancer, attributes) in records.classic_attributes {
        let listing = Listing::ClassicAttributes;
        let (name, settings) = (serde_json::to_string(&balancer)?, serde_json::to_string(&attributes)?);
        let text = format!("{{\"LoadBalancerName\":{name},{:?}:{settings}}}\n", listing.key());
        let path = format!("{folder}/{}-{}.json", command(listing), file_safe(&balancer));
        writer.documents.push((path, text.into_bytes()));
    }
    writer.listing(Listing::VpcEndpoints, records.vpc_endpoints)?;
    writer.listing(Listing::DbInstances, records.databases)?;
    writer.listing(Listing::DbClusters, records.database_clusters)?;
    writer.listing(Listing::CacheClusters, records.caches)?;
    writer.listing(Listing::ReplicationGroups, records.replication_groups)?;
    writer.listing(Listing::SearchDomains, records.search_domains)?;
    for (vpc, mut zones) in records.zones {
        zones.sort_by(|a, b| a.hosted_zone_id.cmp(&b.hosted_zone_id));
        writer.about(Listing::ZonesOfVpc, ("VPCId", &vpc), &zones, "")?;
    }
    for (zone, mut sets) in records.zone_records {
        sets.sort_by(|a, b| (&a.name, &a.kind, &a.set_identifier).cmp(&(&b.name, &b.kind, &b.set_identifier)));
        writer.about(Listing::ZoneRecords, ("HostedZoneId", &zone), &sets, "")?;
    }
    writer.documents.sort();
    Ok((writer.documents, writer.nameless))
}
