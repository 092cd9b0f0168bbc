//! Services that AWS runs behind interfaces of a VPC: databases, caches, search domains, endpoints, tasks.
//!
//! Shapes and field names are those of each service's own API, as `aws rds`, `aws elasticache`, `aws opensearch`,
//! `aws ec2 describe-vpc-endpoints`, `aws ecs` and `aws eks` print them.

use serde::{Deserialize, Serialize};

use super::text::Text;

/// A database instance of `aws rds describe-db-instances`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DbInstance<'a> {
    /// Its id.
    #[serde(rename = "DBInstanceIdentifier", borrow)]
    pub id: Text<'a>,
    /// `available`, `stopped` and many more.
    #[serde(rename = "DBInstanceStatus", borrow, skip_serializing_if = "Option::is_none")]
    pub status: Option<Text<'a>>,
    /// Where it is reached.
    #[serde(rename = "Endpoint", borrow, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint<'a>>,
    /// Its groups.
    #[serde(rename = "VpcSecurityGroups", borrow, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<ServiceGroup<'a>>,
    /// Its subnets.
    #[serde(rename = "DBSubnetGroup", borrow, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<DbSubnetGroup<'a>>,
    /// The zone in which it runs now.
    #[serde(rename = "AvailabilityZone", borrow, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Text<'a>>,
    /// Whether its name has a public address outside of the VPC.
    #[serde(rename = "PubliclyAccessible", skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// The cluster that it is a member of.
    #[serde(rename = "DBClusterIdentifier", borrow, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Text<'a>>,
}

/// Name and port of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Endpoint<'a> {
    /// The name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<'a>>,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// A group of a service, in the two spellings that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceGroup<'a> {
    /// The group.
    #[serde(rename = "VpcSecurityGroupId", alias = "SecurityGroupId", alias = "GroupId", borrow)]
    pub id: Text<'a>,
}

/// Subnets that a database may be in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DbSubnetGroup<'a> {
    /// The VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// The subnets.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<DbSubnet<'a>>,
}

/// A subnet of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DbSubnet<'a> {
    /// The subnet.
    #[serde(borrow)]
    pub subnet_identifier: Text<'a>,
}

/// A database cluster of `aws rds describe-db-clusters`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DbCluster<'a> {
    /// Its id.
    #[serde(rename = "DBClusterIdentifier", borrow)]
    pub id: Text<'a>,
    /// `available`, `stopped` and many more.
    #[serde(rename = "Status", borrow, skip_serializing_if = "Option::is_none")]
    pub status: Option<Text<'a>>,
    /// Name of the instance that writes.
    #[serde(rename = "Endpoint", borrow, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Text<'a>>,
    /// Name of those that only read.
    #[serde(rename = "ReaderEndpoint", borrow, skip_serializing_if = "Option::is_none")]
    pub reader_endpoint: Option<Text<'a>>,
    /// Names that its owner made for some of its instances.
    #[serde(rename = "CustomEndpoints", borrow, skip_serializing_if = "Vec::is_empty")]
    pub custom_endpoints: Vec<Text<'a>>,
    /// The port.
    #[serde(rename = "Port", skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Its instances.
    #[serde(rename = "DBClusterMembers", borrow, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<DbClusterMember<'a>>,
}

/// An instance of a database cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DbClusterMember<'a> {
    /// The instance.
    #[serde(rename = "DBInstanceIdentifier", borrow)]
    pub instance: Text<'a>,
    /// Whether it is the one that writes.
    #[serde(rename = "IsClusterWriter")]
    pub writer: bool,
}

/// A cache cluster of `aws elasticache describe-cache-clusters --show-cache-node-info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CacheCluster<'a> {
    /// Its id.
    #[serde(borrow)]
    pub cache_cluster_id: Text<'a>,
    /// `available`, `modifying` and more.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cache_cluster_status: Option<Text<'a>>,
    /// Name that tells all nodes of a Memcached cluster.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub configuration_endpoint: Option<Endpoint<'a>>,
    /// Its nodes, where they were asked for.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub cache_nodes: Vec<CacheNode<'a>>,
}

/// A node of a cache cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CacheNode<'a> {
    /// Where it is reached.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint<'a>>,
    /// The zone in which it runs.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub customer_availability_zone: Option<Text<'a>>,
}

/// A replication group of `aws elasticache describe-replication-groups`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReplicationGroup<'a> {
    /// Its id.
    #[serde(borrow)]
    pub replication_group_id: Text<'a>,
    /// Name that tells all shards, in cluster mode.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub configuration_endpoint: Option<Endpoint<'a>>,
    /// Its shards.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub node_groups: Vec<NodeGroup<'a>>,
}

/// A shard of a replication group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeGroup<'a> {
    /// Name of the node that writes.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub primary_endpoint: Option<Endpoint<'a>>,
    /// Name of those that only read.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub reader_endpoint: Option<Endpoint<'a>>,
    /// Its nodes.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub node_group_members: Vec<NodeGroupMember<'a>>,
}

/// A node of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NodeGroupMember<'a> {
    /// The cache cluster that it is.
    #[serde(borrow)]
    pub cache_cluster_id: Text<'a>,
    /// `primary` or `replica`; not in cluster mode.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub current_role: Option<Text<'a>>,
    /// Where it is reached.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub read_endpoint: Option<Endpoint<'a>>,
}

/// A search domain of `aws opensearch describe-domains`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchDomain<'a> {
    /// Its name.
    #[serde(rename = "DomainName", borrow)]
    pub name: Text<'a>,
    /// Whether it is being removed.
    #[serde(rename = "Deleted", skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
    /// Its name outside of a VPC.
    #[serde(rename = "Endpoint", borrow, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Text<'a>>,
    /// Its names: `vpc` and `vpcv2`.
    #[serde(rename = "Endpoints", borrow, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<std::collections::BTreeMap<Text<'a>, Text<'a>>>,
    /// Where in a VPC it is.
    #[serde(rename = "VPCOptions", borrow, skip_serializing_if = "Option::is_none")]
    pub place: Option<SearchPlace<'a>>,
    /// What its name is like.
    #[serde(rename = "DomainEndpointOptions", borrow, skip_serializing_if = "Option::is_none")]
    pub options: Option<SearchOptions<'a>>,
}

/// Where in a VPC a search domain is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchPlace<'a> {
    /// The VPC.
    #[serde(rename = "VPCId", borrow, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Text<'a>>,
}

/// Options of a search domain's endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchOptions<'a> {
    /// Whether it takes HTTPS only.
    #[serde(rename = "EnforceHTTPS", skip_serializing_if = "Option::is_none")]
    pub https: Option<bool>,
    /// A name of the owner's.
    #[serde(rename = "CustomEndpoint", borrow, skip_serializing_if = "Option::is_none")]
    pub custom: Option<Text<'a>>,
}

/// An endpoint of `aws ec2 describe-vpc-endpoints`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcEndpoint<'a> {
    /// Its id.
    #[serde(borrow)]
    pub vpc_endpoint_id: Text<'a>,
    /// `Interface`, `Gateway`, `GatewayLoadBalancer` and more.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_type: Option<Text<'a>>,
    /// VPC it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// The service.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Text<'a>>,
    /// `available` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
    /// Whether the service's own name leads here inside of the VPC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_dns_enabled: Option<bool>,
    /// Its interfaces.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub network_interface_ids: Vec<Text<'a>>,
    /// Its names.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub dns_entries: Vec<DnsEntry<'a>>,
}

/// A name of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DnsEntry<'a> {
    /// The name; private ones may begin with `*.`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<Text<'a>>,
}

/// A task of `aws ecs describe-tasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EcsTask<'a> {
    /// Its ARN.
    #[serde(borrow)]
    pub task_arn: Text<'a>,
    /// The machine that it runs on, which Fargate has not.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub container_instance_arn: Option<Text<'a>>,
    /// `RUNNING`, `STOPPED` and more.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<Text<'a>>,
    /// Its own interface, among others.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<EcsAttachment<'a>>,
    /// Its containers.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<EcsContainer<'a>>,
}

/// Something that a task has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EcsAttachment<'a> {
    /// What it is in detail.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<EcsDetail<'a>>,
}

/// A detail of an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EcsDetail<'a> {
    /// `networkInterfaceId` and more.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its value.
    #[serde(borrow)]
    pub value: Text<'a>,
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EcsContainer<'a> {
    /// Ports of the machine that lead to it.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub network_bindings: Vec<EcsBinding<'a>>,
}

/// A port of the machine that leads to a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EcsBinding<'a> {
    /// The container's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_port: Option<i32>,
    /// The machine's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<i32>,
    /// `tcp` or `udp`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text<'a>>,
}

/// A machine of `aws ecs describe-container-instances`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerInstance<'a> {
    /// Its ARN.
    #[serde(borrow)]
    pub container_instance_arn: Text<'a>,
    /// The machine.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ec2_instance_id: Option<Text<'a>>,
}

/// An add-on of `aws eks describe-addon`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Addon<'a> {
    /// `vpc-cni` and more.
    #[serde(borrow)]
    pub addon_name: Text<'a>,
    /// The cluster.
    #[serde(borrow)]
    pub cluster_name: Text<'a>,
    /// Its settings as JSON.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub configuration_values: Option<Text<'a>>,
}

/// A Classic Load Balancer of `aws elb describe-load-balancers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassicBalancer<'a> {
    /// Its name.
    #[serde(rename = "LoadBalancerName", borrow)]
    pub name: Text<'a>,
    /// Its name in DNS.
    #[serde(rename = "DNSName", borrow, skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<Text<'a>>,
    /// VPC it is in.
    #[serde(rename = "VPCId", borrow, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Text<'a>>,
    /// `internal` or `internet-facing`.
    #[serde(rename = "Scheme", borrow, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Text<'a>>,
    /// Its listeners.
    #[serde(rename = "ListenerDescriptions", borrow, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ClassicListenerDescription<'a>>,
    /// The machines that it sends to.
    #[serde(rename = "Instances", borrow, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<ClassicInstance<'a>>,
}

/// A listener with its policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClassicListenerDescription<'a> {
    /// The listener.
    #[serde(borrow)]
    pub listener: ClassicListener<'a>,
}

/// A port of a Classic Load Balancer and where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClassicListener<'a> {
    /// `HTTP`, `HTTPS`, `TCP` or `SSL`.
    #[serde(borrow)]
    pub protocol: Text<'a>,
    /// The port that it listens on.
    pub load_balancer_port: i32,
    /// The port of the machines.
    pub instance_port: i32,
}

/// A machine behind a Classic Load Balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClassicInstance<'a> {
    /// The machine.
    #[serde(borrow)]
    pub instance_id: Text<'a>,
}

/// How a machine behind a Classic Load Balancer is, as `aws elb describe-instance-health` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClassicHealth<'a> {
    /// The machine.
    #[serde(borrow)]
    pub instance_id: Text<'a>,
    /// `InService`, `OutOfService` or `Unknown`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// Settings of a Classic Load Balancer, as `aws elb describe-load-balancer-attributes` prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClassicAttributes {
    /// Whether a node sends to machines of other zones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_zone_load_balancing: Option<ClassicCrossZone>,
}

/// Whether a node sends to machines of other zones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClassicCrossZone {
    /// Whether it does.
    pub enabled: bool,
}

/// A record of any of these services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service<'a> {
    /// A database instance.
    DbInstance(DbInstance<'a>),
    /// A database cluster.
    DbCluster(DbCluster<'a>),
    /// A cache cluster.
    CacheCluster(CacheCluster<'a>),
    /// A replication group of caches.
    ReplicationGroup(ReplicationGroup<'a>),
    /// A search domain.
    SearchDomain(SearchDomain<'a>),
    /// An endpoint of a VPC.
    VpcEndpoint(VpcEndpoint<'a>),
    /// A task of ECS.
    Task(EcsTask<'a>),
    /// A machine of ECS.
    ContainerInstance(ContainerInstance<'a>),
    /// An add-on of EKS.
    Addon(Addon<'a>),
    /// A Classic Load Balancer.
    ClassicBalancer(ClassicBalancer<'a>),
}
