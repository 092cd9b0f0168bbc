//! What is listed, and what that needs.

/// A kind of listing, named after the permission that its call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listing {
    /// `describe-network-interfaces`.
    NetworkInterfaces,
    /// `describe-instances`.
    Instances,
    /// `describe-security-groups`.
    SecurityGroups,
    /// `describe-security-group-rules`.
    SecurityGroupRules,
    /// `describe-security-group-vpc-associations`.
    SecurityGroupVpcAssociations,
    /// `describe-managed-prefix-lists`, `describe-prefix-lists`.
    PrefixLists,
    /// `get-managed-prefix-list-entries`.
    PrefixListEntries,
    /// `describe-network-acls`.
    NetworkAcls,
    /// `describe-route-tables`.
    RouteTables,
    /// `describe-subnets`.
    Subnets,
    /// `describe-vpcs`.
    Vpcs,
    /// `describe-vpc-peering-connections`.
    PeeringConnections,
    /// `describe-internet-gateways`.
    InternetGateways,
    /// `describe-egress-only-internet-gateways`.
    EgressOnlyInternetGateways,
    /// `describe-nat-gateways`.
    NatGateways,
    /// `describe-addresses`.
    Addresses,
    /// `elbv2 describe-load-balancers`.
    LoadBalancers,
    /// `elbv2 describe-listeners`.
    Listeners,
    /// `elbv2 describe-rules`.
    Rules,
    /// `elbv2 describe-target-groups`.
    TargetGroups,
    /// `elbv2 describe-target-health`.
    TargetHealth,
    /// `elbv2 describe-target-group-attributes`.
    TargetGroupAttributes,
    /// `elbv2 describe-load-balancer-attributes`.
    LoadBalancerAttributes,
    /// `describe-vpc-block-public-access-options`.
    PublicAccessOptions,
    /// `describe-vpc-block-public-access-exclusions`.
    PublicAccessExclusions,
    /// `describe-transit-gateways`.
    TransitGateways,
    /// `describe-transit-gateway-vpc-attachments`.
    TransitAttachments,
    /// `describe-transit-gateway-route-tables`.
    TransitTables,
    /// `describe-transit-gateway-policy-tables`.
    TransitPolicyTables,
    /// `get-transit-gateway-route-table-associations`.
    TransitAssociations,
    /// `search-transit-gateway-routes`.
    TransitRoutes,
    /// `route53 list-hosted-zones`.
    HostedZones,
    /// `route53 list-hosted-zones-by-vpc`.
    ZonesOfVpc,
    /// `route53 get-hosted-zone`.
    ZoneVpcs,
    /// `route53 list-resource-record-sets`.
    ZoneRecords,
    /// `rds describe-db-instances`.
    DbInstances,
    /// `rds describe-db-clusters`.
    DbClusters,
    /// `elasticache describe-cache-clusters`.
    CacheClusters,
    /// `elasticache describe-replication-groups`.
    ReplicationGroups,
    /// `opensearch describe-domains`.
    SearchDomains,
    /// `describe-vpc-endpoints`.
    VpcEndpoints,
    /// `ecs describe-tasks`.
    Tasks,
    /// `ecs describe-container-instances`.
    ContainerInstances,
    /// `eks describe-addon`.
    Addons,
    /// `elb describe-load-balancers`.
    ClassicBalancers,
    /// `elb describe-instance-health`.
    ClassicHealth,
    /// `elb describe-load-balancer-attributes`.
    ClassicAttributes,
}

impl Listing {
    /// Every listing.
    pub const ALL: [Self; 47] = [
        Self::NetworkInterfaces,
        Self::Instances,
        Self::SecurityGroups,
        Self::SecurityGroupRules,
        Self::SecurityGroupVpcAssociations,
        Self::PrefixLists,
        Self::PrefixListEntries,
        Self::NetworkAcls,
        Self::RouteTables,
        Self::Subnets,
        Self::Vpcs,
        Self::PeeringConnections,
        Self::InternetGateways,
        Self::EgressOnlyInternetGateways,
        Self::NatGateways,
        Self::Addresses,
        Self::LoadBalancers,
        Self::Listeners,
        Self::Rules,
        Self::TargetGroups,
        Self::TargetHealth,
        Self::TargetGroupAttributes,
        Self::LoadBalancerAttributes,
        Self::PublicAccessOptions,
        Self::PublicAccessExclusions,
        Self::TransitGateways,
        Self::TransitAttachments,
        Self::TransitTables,
        Self::TransitPolicyTables,
        Self::TransitAssociations,
        Self::TransitRoutes,
        Self::HostedZones,
        Self::ZonesOfVpc,
        Self::ZoneVpcs,
        Self::ZoneRecords,
        Self::DbInstances,
        Self::DbClusters,
        Self::CacheClusters,
        Self::ReplicationGroups,
        Self::SearchDomains,
        Self::VpcEndpoints,
        Self::Tasks,
        Self::ContainerInstances,
        Self::Addons,
        Self::ClassicBalancers,
        Self::ClassicHealth,
        Self::ClassicAttributes,
    ];

    /// What live collection does not ask for: what another call tells better, what is read from files only, and
    /// associations of groups, on which nothing hangs.
    pub const OFFLINE: [Self; 6] = [
        Self::SecurityGroupVpcAssociations,
        // The zones of a VPC are those that answer it, of whichever account they are.
        Self::HostedZones,
        Self::ZoneVpcs,
        // Nothing that leads to a task names the cluster that it is asked for by.
        Self::Tasks,
        Self::ContainerInstances,
        Self::Addons,
    ];

    /// The top-level key under which the AWS CLI prints it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NetworkInterfaces => "NetworkInterfaces",
            Self::Instances => "Reservations",
            Self::SecurityGroups => "SecurityGroups",
            Self::SecurityGroupRules => "SecurityGroupRules",
            Self::SecurityGroupVpcAssociations => "SecurityGroupVpcAssociations",
            Self::PrefixLists => "PrefixLists",
            Self::PrefixListEntries => "Entries",
            Self::NetworkAcls => "NetworkAcls",
            Self::RouteTables => "RouteTables",
            Self::Subnets => "Subnets",
            Self::Vpcs => "Vpcs",
            Self::PeeringConnections => "VpcPeeringConnections",
            Self::InternetGateways => "InternetGateways",
            Self::EgressOnlyInternetGateways => "EgressOnlyInternetGateways",
            Self::NatGateways => "NatGateways",
            Self::Addresses => "Addresses",
            Self::LoadBalancers => "LoadBalancers",
            Self::Listeners => "Listeners",
            Self::Rules => "Rules",
            Self::TargetGroups => "TargetGroups",
            Self::TargetHealth => "TargetHealthDescriptions",
            // The request that stands beside it tells which of the two it is.
            Self::TargetGroupAttributes | Self::LoadBalancerAttributes => "Attributes",
            Self::PublicAccessOptions => "VpcBlockPublicAccessOptions",
            Self::PublicAccessExclusions => "VpcBlockPublicAccessExclusions",
            Self::TransitGateways => "TransitGateways",
            Self::TransitAttachments => "TransitGatewayVpcAttachments",
            Self::TransitTables => "TransitGatewayRouteTables",
            Self::TransitPolicyTables => "TransitGatewayPolicyTables",
            Self::TransitAssociations => "Associations",
            Self::TransitRoutes => "Routes",
            Self::HostedZones => "HostedZones",
            Self::ZonesOfVpc => "HostedZoneSummaries",
            Self::ZoneVpcs => "VPCs",
            Self::ZoneRecords => "ResourceRecordSets",
            Self::DbInstances => "DBInstances",
            Self::DbClusters => "DBClusters",
            Self::CacheClusters => "CacheClusters",
            Self::ReplicationGroups => "ReplicationGroups",
            Self::SearchDomains => "DomainStatusList",
            Self::VpcEndpoints => "VpcEndpoints",
            Self::Tasks => "tasks",
            Self::ContainerInstances => "containerInstances",
            Self::Addons => "addon",
            Self::ClassicBalancers => "LoadBalancerDescriptions",
            Self::ClassicHealth => "InstanceStates",
            Self::ClassicAttributes => "LoadBalancerAttributes",
        }
    }

    /// The permission that the call needs.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Self::NetworkInterfaces => "ec2:DescribeNetworkInterfaces",
            Self::Instances => "ec2:DescribeInstances",
            Self::SecurityGroups => "ec2:DescribeSecurityGroups",
            Self::SecurityGroupRules => "ec2:DescribeSecurityGroupRules",
            Self::SecurityGroupVpcAssociations => "ec2:DescribeSecurityGroupVpcAssociations",
            Self::PrefixLists => "ec2:DescribeManagedPrefixLists",
            Self::PrefixListEntries => "ec2:GetManagedPrefixListEntries",
            Self::NetworkAcls => "ec2:DescribeNetworkAcls",
            Self::RouteTables => "ec2:DescribeRouteTables",
            Self::Subnets => "ec2:DescribeSubnets",
            Self::Vpcs => "ec2:DescribeVpcs",
            Self::PeeringConnections => "ec2:DescribeVpcPeeringConnections",
            Self::InternetGateways => "ec2:DescribeInternetGateways",
            Self::EgressOnlyInternetGateways => "ec2:DescribeEgressOnlyInternetGateways",
            Self::NatGateways => "ec2:DescribeNatGateways",
            Self::Addresses => "ec2:DescribeAddresses",
            Self::LoadBalancers => "elasticloadbalancing:DescribeLoadBalancers",
            Self::Listeners => "elasticloadbalancing:DescribeListeners",
            Self::Rules => "elasticloadbalancing:DescribeRules",
            Self::TargetGroups => "elasticloadbalancing:DescribeTargetGroups",
            Self::TargetHealth => "elasticloadbalancing:DescribeTargetHealth",
            Self::TargetGroupAttributes => "elasticloadbalancing:DescribeTargetGroupAttributes",
            Self::LoadBalancerAttributes => "elasticloadbalancing:DescribeLoadBalancerAttributes",
            Self::PublicAccessOptions => "ec2:DescribeVpcBlockPublicAccessOptions",
            Self::PublicAccessExclusions => "ec2:DescribeVpcBlockPublicAccessExclusions",
            Self::TransitGateways => "ec2:DescribeTransitGateways",
            Self::TransitAttachments => "ec2:DescribeTransitGatewayVpcAttachments",
            Self::TransitTables => "ec2:DescribeTransitGatewayRouteTables",
            Self::TransitPolicyTables => "ec2:DescribeTransitGatewayPolicyTables",
            Self::TransitAssociations => "ec2:GetTransitGatewayRouteTableAssociations",
            Self::TransitRoutes => "ec2:SearchTransitGatewayRoutes",
            Self::HostedZones => "route53:ListHostedZones",
            Self::ZonesOfVpc => "route53:ListHostedZonesByVPC",
            Self::ZoneVpcs => "route53:GetHostedZone",
            Self::ZoneRecords => "route53:ListResourceRecordSets",
            Self::DbInstances => "rds:DescribeDBInstances",
            Self::DbClusters => "rds:DescribeDBClusters",
            Self::CacheClusters => "elasticache:DescribeCacheClusters",
            Self::ReplicationGroups => "elasticache:DescribeReplicationGroups",
            Self::SearchDomains => "es:DescribeDomains",
            Self::VpcEndpoints => "ec2:DescribeVpcEndpoints",
            Self::Tasks => "ecs:DescribeTasks",
            Self::ContainerInstances => "ecs:DescribeContainerInstances",
            Self::Addons => "eks:DescribeAddon",
            Self::ClassicBalancers => "elasticloadbalancing:DescribeLoadBalancers",
            Self::ClassicHealth => "elasticloadbalancing:DescribeInstanceHealth",
            Self::ClassicAttributes => "elasticloadbalancing:DescribeLoadBalancerAttributes",
        }
    }

    /// Whether live collection asks for it; others are read from files only.
    #[must_use]
    pub fn is_collected(self) -> bool {
        !Self::OFFLINE.contains(&self)
    }

    /// The listing that stands under a top-level key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listing| listing.key() == key)
    }
}
