//! Classic Load Balancers, and services that AWS runs in a VPC.

use aws_sdk_ec2::types as ec2;
use aws_sdk_elasticache::types as caches;
use aws_sdk_elasticloadbalancing::types as classic;
use aws_sdk_opensearch::types as search;
use aws_sdk_rds::types as databases;

use super::{id, list, text, word};
use crate::records::{
    CacheCluster, CacheNode, ClassicAttributes, ClassicBalancer, ClassicCrossZone, ClassicHealth, ClassicInstance,
    ClassicListener, ClassicListenerDescription, DbCluster, DbClusterMember, DbInstance, DbSubnet, DbSubnetGroup,
    DnsEntry, Endpoint, NodeGroup, NodeGroupMember, ReplicationGroup, SearchDomain, SearchOptions, SearchPlace,
    ServiceGroup, VpcEndpoint,
};

pub(in crate::collect) fn classic_balancer(from: classic::LoadBalancerDescription) -> ClassicBalancer<'static> {
    ClassicBalancer {
        name: id(from.load_balancer_name),
        dns_name: text(from.dns_name),
        vpc: text(from.vpc_id),
        scheme: text(from.scheme),
        listeners: list(from.listener_descriptions, |description| ClassicListenerDescription {
            listener: description.listener.map_or_else(ClassicListener::default, |listener| ClassicListener {
                protocol: id(Some(listener.protocol)),
                load_balancer_port: listener.load_balancer_port,
                instance_port: listener.instance_port,
            }),
        }),
        instances: list(from.instances, |instance| ClassicInstance { instance_id: id(instance.instance_id) }),
    }
}

pub(in crate::collect) fn classic_health(from: classic::InstanceState) -> ClassicHealth<'static> {
    ClassicHealth { instance_id: id(from.instance_id), state: text(from.state) }
}

pub(in crate::collect) fn classic_attributes(from: classic::LoadBalancerAttributes) -> ClassicAttributes {
    let cross_zone = from.cross_zone_load_balancing;
    ClassicAttributes { cross_zone_load_balancing: cross_zone.map(|it| ClassicCrossZone { enabled: it.enabled }) }
}

pub(in crate::collect) fn database(from: databases::DbInstance) -> DbInstance<'static> {
    DbInstance {
        id: id(from.db_instance_identifier),
        status: text(from.db_instance_status),
        endpoint: from.endpoint.map(|endpoint| Endpoint { address: text(endpoint.address), port: endpoint.port }),
        groups: list(from.vpc_security_groups, |group| ServiceGroup { id: id(group.vpc_security_group_id) }),
        subnet_group: from.db_subnet_group.map(|group| DbSubnetGroup {
            vpc_id: text(group.vpc_id),
            subnets: list(group.subnets, |subnet| DbSubnet { subnet_identifier: id(subnet.subnet_identifier) }),
        }),
        zone: text(from.availability_zone),
        public: from.publicly_accessible,
        cluster: text(from.db_cluster_identifier),
    }
}

pub(in crate::collect) fn database_cluster(from: databases::DbCluster) -> DbCluster<'static> {
    DbCluster {
        id: id(from.db_cluster_identifier),
        status: text(from.status),
        endpoint: text(from.endpoint),
        reader_endpoint: text(from.reader_endpoint),
        custom_endpoints: list(from.custom_endpoints, |host| id(Some(host))),
        port: from.port,
        members: list(from.db_cluster_members, |member| DbClusterMember {
            instance: id(member.db_instance_identifier),
            writer: member.is_cluster_writer.unwrap_or_default(),
        }),
    }
}

fn cache_endpoint(from: caches::Endpoint) -> Endpoint<'static> {
    Endpoint { address: text(from.address), port: from.port }
}

pub(in crate::collect) fn cache(from: caches::CacheCluster) -> CacheCluster<'static> {
    CacheCluster {
        cache_cluster_id: id(from.cache_cluster_id),
        cache_cluster_status: text(from.cache_cluster_status),
        configuration_endpoint: from.configuration_endpoint.map(cache_endpoint),
        cache_nodes: list(from.cache_nodes, |node| CacheNode {
            endpoint: node.endpoint.map(cache_endpoint),
            customer_availability_zone: text(node.customer_availability_zone),
        }),
    }
}

pub(in crate::collect) fn replication_group(from: caches::ReplicationGroup) -> ReplicationGroup<'static> {
    ReplicationGroup {
        replication_group_id: id(from.replication_group_id),
        configuration_endpoint: from.configuration_endpoint.map(cache_endpoint),
        node_groups: list(from.node_groups, |shard| NodeGroup {
            primary_endpoint: shard.primary_endpoint.map(cache_endpoint),
            reader_endpoint: shard.reader_endpoint.map(cache_endpoint),
            node_group_members: list(shard.node_group_members, |member| NodeGroupMember {
                cache_cluster_id: id(member.cache_cluster_id),
                current_role: text(member.current_role),
                read_endpoint: member.read_endpoint.map(cache_endpoint),
            }),
        }),
    }
}

pub(in crate::collect) fn search_domain(from: search::DomainStatus) -> SearchDomain<'static> {
    let endpoints = from.endpoints.map(|all| all.into_iter().map(|(kind, host)| (kind.into(), host.into())).collect());
    SearchDomain {
        name: id(Some(from.domain_name)),
        deleted: from.deleted,
        endpoint: text(from.endpoint),
        endpoints,
        place: from.vpc_options.map(|place| SearchPlace { vpc: text(place.vpc_id) }),
        options: from
            .domain_endpoint_options
            .map(|options| SearchOptions { https: options.enforce_https, custom: text(options.custom_endpoint) }),
    }
}

pub(in crate::collect) fn vpc_endpoint(from: ec2::VpcEndpoint) -> VpcEndpoint<'static> {
    VpcEndpoint {
        vpc_endpoint_id: id(from.vpc_endpoint_id),
        vpc_endpoint_type: from.vpc_endpoint_type.map(|kind| word(kind.as_str())),
        vpc_id: text(from.vpc_id),
        service_name: text(from.service_name),
        state: from.state.map(|state| word(state.as_str())),
        private_dns_enabled: from.private_dns_enabled,
        network_interface_ids: list(from.network_interface_ids, |interface| id(Some(interface))),
        dns_entries: list(from.dns_entries, |entry| DnsEntry { dns_name: text(entry.dns_name) }),
    }
}
