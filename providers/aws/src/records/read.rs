//! Recognises a JSON document by its content and hands its records on.

use std::io::{self, Read};

use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::attributed::{self, Page};
use super::window::{Fault, Piece, Window, piece};
use super::{
    BalancingAttribute, CacheCluster, ClassicAttributes, ClassicBalancer, ClassicHealth, DbCluster, DbInstance,
    EgressOnlyInternetGateway, ElasticAddress, HostedZone, InternetGateway, Listener, ListenerRule, LoadBalancer,
    ManagedPrefixList, NatGateway, NetworkAcl, NetworkInterface, PrefixListEntry, PublicAccessExclusion,
    PublicAccessOptions, ReplicationGroup, Reservation, ResourceRecordSet, RouteTable, SearchDomain, SecurityGroup,
    SecurityGroupRule, SecurityGroupVpcAssociation, Service, Subnet, TargetGroup, TargetHealthDescription, Text,
    TransitGateway, TransitGatewayAssociation, TransitGatewayPolicyTable, TransitGatewayRoute,
    TransitGatewayRouteTable, TransitGatewayVpcAttachment, Vpc, VpcEndpoint, VpcPeeringConnection, ZoneSummary,
    ZoneVpc,
};

/// Keys of a document of something else that are kept.
const MOST_KEYS: usize = 64;

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

/// Takes records as they are read, one at a time, so that a document need not be held as records.
///
/// An error is a sentence on what a record lacks; reading stops there and says where.
pub trait Sink {
    /// An interface.
    ///
    /// # Errors
    /// When the record lacks what identifies it; so for every method.
    fn interface(&mut self, record: NetworkInterface<'_>) -> Result<(), String>;
    /// Instances.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn reservation(&mut self, record: Reservation<'_>) -> Result<(), String>;
    /// A security group.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn security_group(&mut self, record: SecurityGroup<'_>) -> Result<(), String>;
    /// A rule of a security group.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn security_group_rule(&mut self, record: SecurityGroupRule<'_>) -> Result<(), String>;
    /// A prefix list without its entries.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn prefix_list(&mut self, record: ManagedPrefixList<'_>) -> Result<(), String>;
    /// Entries of a prefix list; a second call for the same list brings its next page, and `more` says that this one
    /// is not the last.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn prefix_list_entries(&mut self, list: &str, entries: &[PrefixListEntry<'_>], more: bool) -> Result<(), String>;
    /// A network ACL.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn network_acl(&mut self, record: NetworkAcl<'_>) -> Result<(), String>;
    /// A route table.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn route_table(&mut self, record: RouteTable<'_>) -> Result<(), String>;
    /// A subnet.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn subnet(&mut self, record: Subnet<'_>) -> Result<(), String>;
    /// A VPC.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn vpc(&mut self, record: Vpc<'_>) -> Result<(), String>;
    /// A peering connection.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn peering(&mut self, record: VpcPeeringConnection<'_>) -> Result<(), String>;
    /// An internet gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn internet_gateway(&mut self, record: InternetGateway<'_>) -> Result<(), String>;
    /// An egress-only internet gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn egress_only_gateway(&mut self, record: EgressOnlyInternetGateway<'_>) -> Result<(), String>;
    /// A NAT gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn nat_gateway(&mut self, record: NatGateway<'_>) -> Result<(), String>;
    /// An elastic address.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn elastic_address(&mut self, record: ElasticAddress<'_>) -> Result<(), String>;
    /// A load balancer.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn load_balancer(&mut self, record: LoadBalancer<'_>) -> Result<(), String>;
    /// Listeners; `balancer` is the load balancer that was asked about, if the document says so, and `more` that this
    /// page is not the last.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn listeners(&mut self, balancer: Option<&str>, listeners: &[Listener<'_>], more: bool) -> Result<(), String>;
    /// Rules of listeners; `more` says that this page is not the last.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn rules(&mut self, rules: &[ListenerRule<'_>], more: bool) -> Result<(), String>;
    /// A target group.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn target_group(&mut self, record: TargetGroup<'_>) -> Result<(), String>;
    /// The targets of a target group.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn targets(&mut self, group: &str, targets: &[TargetHealthDescription<'_>]) -> Result<(), String>;
    /// Settings of a target group or load balancer.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn attributes(&mut self, of: &str, attributes: &[BalancingAttribute<'_>]) -> Result<(), String>;
    /// The switch of VPC Block Public Access.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn public_access(&mut self, record: PublicAccessOptions<'_>) -> Result<(), String>;
    /// An exclusion from it.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn public_access_exclusion(&mut self, record: PublicAccessExclusion<'_>) -> Result<(), String>;
    /// A transit gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn transit_gateway(&mut self, record: TransitGateway<'_>) -> Result<(), String>;
    /// An attachment of a VPC to a transit gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn transit_attachment(&mut self, record: TransitGatewayVpcAttachment<'_>) -> Result<(), String>;
    /// A route table of a transit gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn transit_table(&mut self, record: TransitGatewayRouteTable<'_>) -> Result<(), String>;
    /// A policy table of a transit gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn transit_policy_table(&mut self, record: TransitGatewayPolicyTable<'_>) -> Result<(), String>;
    /// Attachments of a transit gateway's route table; `more` says that others follow.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn transit_associations(
        &mut self,
        table: &str,
        found: &[TransitGatewayAssociation<'_>],
        more: bool,
    ) -> Result<(), String>;
    /// Routes of a transit gateway's route table; `more` says that there are others.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn transit_routes(&mut self, table: &str, found: &[TransitGatewayRoute<'_>], more: bool) -> Result<(), String>;
    /// A hosted zone, and the VPCs that it is associated with, where the document says so.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn hosted_zone(&mut self, zone: &HostedZone<'_>, vpcs: Option<&[ZoneVpc<'_>]>) -> Result<(), String>;
    /// The private zones that a VPC is associated with; `more` says that there are others.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn zones_of_vpc(&mut self, vpc: &str, zones: &[ZoneSummary<'_>], more: bool) -> Result<(), String>;
    /// Records of a hosted zone; `more` says that there are others.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn zone_records(&mut self, zone: &str, records: &[ResourceRecordSet<'_>], more: bool) -> Result<(), String>;
    /// A record of a service that AWS runs in a VPC.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn service(&mut self, record: Service<'_>) -> Result<(), String>;
    /// How the machines behind a Classic Load Balancer are.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn classic_health(&mut self, balancer: &str, states: &[ClassicHealth<'_>]) -> Result<(), String>;
    /// Settings of a Classic Load Balancer.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn classic_attributes(&mut self, balancer: &str, attributes: &ClassicAttributes) -> Result<(), String>;
    /// A document had this listing; `more` when it says that further pages follow.
    fn listed(&mut self, listing: Listing, more: bool);
}

/// What a document turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// Listings of the EC2 API, with the number of records in each.
    Evidence(Vec<(Listing, usize)>),
    /// Something else.
    Other(Other),
}

/// A document that is no EC2 evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Other {
    /// What it looks like.
    pub why: String,
    /// Whether it is a JSON list.
    pub is_list: bool,
    /// The first keys of a JSON object, by which others may recognise it.
    pub keys: Vec<String>,
}

/// A document that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be read to its end.
    #[error("{0}")]
    Input(io::Error),
    /// It is EC2 evidence, and broken or of another shape.
    #[error("it holds `{key}` and cannot be read: {why}")]
    Broken {
        /// The first key that is evidence.
        key: String,
        /// What is wrong, and where.
        why: String,
    },
}

/// Reads one document, record by record: it is never held as a whole. `name` is its file name, which may carry the id
/// of a prefix list.
///
/// # Errors
/// When the document begins as EC2 evidence and then is broken or of another shape. What is no evidence from the
/// start is [`Recognised::Other`].
pub fn read(name: &str, input: &mut dyn Read, sink: &mut dyn Sink) -> Result<Recognised, ReadError> {
    let window = Window::new(input);
    let mut document = Document { window, name, sink, found: Vec::new(), key: None, other: Other::default() };
    match (document.read(), document.key) {
        (Err(Fault::Input(source)), _) => Err(ReadError::Input(source)),
        (Err(Fault::Json(why)), Some(key)) => Err(ReadError::Broken { key, why }),
        (Err(Fault::Json(why)), None) => {
            Ok(Recognised::Other(Other { why: format!("it is not JSON: {why}"), ..document.other }))
        }
        (Ok(()), _) if document.found.is_empty() => {
            let what = if document.other.is_list { "a JSON list" } else { "JSON" };
            let why = format!("it is {what} without anything that `aws ec2 describe-*` prints");
            Ok(Recognised::Other(Other { why, ..document.other }))
        }
        (Ok(()), _) => Ok(Recognised::Evidence(document.found)),
    }
}

struct Document<'d> {
    window: Window<'d>,
    name: &'d str,
    sink: &'d mut dyn Sink,
    found: Vec<(Listing, usize)>,
    /// The first key that is evidence.
    key: Option<String>,
    other: Other,
}

impl Document<'_> {
    fn read(&mut self) -> Result<(), Fault> {
        match self.window.peek()? {
            Some(b'{') => self.object()?,
            Some(b'[') => {
                self.other.is_list = true;
                self.window.elements(skip)?;
            }
            _ => self.window.value(skip)?,
        }
        self.window.end()
    }

    fn object(&mut self) -> Result<(), Fault> {
        let mut page = Page::default();
        self.window.skip();
        if self.window.peek()? == Some(b'}') {
            self.window.skip();
            return Ok(());
        }
        loop {
            let key = self.window.value(|text| piece(text, |key: Text<'_>| Ok(key.to_string())))?;
            self.window.expect(b':')?;
            self.member(key, &mut page)?;
            if !self.window.goes_on(b'}')? {
                break;
            }
        }
        if let Some(about) = page.about(self.name) {
            self.key.get_or_insert_with(|| about.to_owned());
        }
        let found = page.hand_on(self.name, self.sink).map_err(|why| self.window.fault(why))?;
        self.found.extend(found);
        for (listing, _) in &self.found {
            self.sink.listed(*listing, page.more);
        }
        Ok(())
    }

    fn member(&mut self, key: String, page: &mut Page) -> Result<(), Fault> {
        let listing = Listing::of_key(&key);
        // Other services print such words too.
        let certain = listing.is_some_and(|listing| !attributed::is_common(listing));
        if certain || attributed::is_id(&key) {
            self.key.get_or_insert_with(|| key.clone());
        }
        match (listing, key.as_str()) {
            (Some(listing), _) if attributed::is_attributed(listing) => {
                let records = self.window.value(|text| piece(text, |raw: Box<RawValue>| Ok(raw)))?;
                page.parts.push((listing, records));
            }
            (Some(listing), _) => {
                let count = self.records(listing)?;
                self.found.push((listing, count));
            }
            (None, id) if attributed::is_id(id) || self.is_zone_or_vpc(id)? => {
                let sink = &mut *self.sink;
                let found =
                    self.window.value(|text| piece(text, |answer: attributed::Answer<'_>| answer.hand_on(id, sink)))?;
                self.found.extend(found);
            }
            (None, "NextToken" | "NextMarker") => {
                page.more |= self.text()?.is_some_and(|token| !token.is_empty());
            }
            // A hosted zone stands beside the VPCs that it is associated with.
            (None, "HostedZone") => {
                page.zone = Some(self.window.value(|text| piece(text, |raw: Box<RawValue>| Ok(raw)))?);
            }
            // The one domain of `describe-domain`.
            (None, "DomainStatus") => {
                self.key.get_or_insert_with(|| key.clone());
                let sink = &mut *self.sink;
                self.window.value(|text| {
                    piece(text, |record: SearchDomain<'_>| sink.service(Service::SearchDomain(record)))
                })?;
                self.found.push((Listing::SearchDomains, 1));
            }
            (
                None,
                "PrefixListId"
                | "LoadBalancerArn"
                | "TargetGroupArn"
                | "TransitGatewayRouteTableId"
                | "HostedZoneId"
                | "VPCId"
                | "LoadBalancerName",
            ) => {
                let id = self.text()?.unwrap_or_default();
                page.asked.push((key.clone(), id));
            }
            (None, "AdditionalRoutesAvailable") => {
                page.more_routes =
                    self.window.value(|bytes| piece(bytes, |more: Option<bool>| Ok(more)))? == Some(true);
            }
            (None, _) if self.window.peek()? == Some(b'[') => {
                self.window.elements(skip)?;
            }
            (None, _) => self.window.value(skip)?,
        }
        if self.other.keys.len() < MOST_KEYS {
            self.other.keys.push(key);
        }
        Ok(())
    }

    /// Whether a key is the id of a hosted zone or a VPC over answers about it.
    fn is_zone_or_vpc(&mut self, key: &str) -> Result<bool, Fault> {
        let named = attributed::is_zone_id(key) || key.starts_with("vpc-");
        Ok(named && self.window.peek()? == Some(b'{'))
    }

    fn text(&mut self) -> Result<Option<String>, Fault> {
        self.window.value(|text| piece(text, |text: Option<Text<'_>>| Ok(text.map(|text| text.to_string()))))
    }

    fn records(&mut self, listing: Listing) -> Result<usize, Fault> {
        let Self { window, sink, .. } = self;
        macro_rules! each {
            ($record:ident, $method:ident) => {
                window.elements(|text| piece(text, |record: $record<'_>| sink.$method(record)))
            };
        }
        macro_rules! service {
            ($record:ident) => {
                window.elements(|text| piece(text, |record: $record<'_>| sink.service(Service::$record(record))))
            };
        }
        match listing {
            Listing::NetworkInterfaces => each!(NetworkInterface, interface),
            Listing::Instances => each!(Reservation, reservation),
            Listing::SecurityGroups => each!(SecurityGroup, security_group),
            Listing::SecurityGroupRules => each!(SecurityGroupRule, security_group_rule),
            Listing::PrefixLists => each!(ManagedPrefixList, prefix_list),
            Listing::NetworkAcls => each!(NetworkAcl, network_acl),
            Listing::RouteTables => each!(RouteTable, route_table),
            Listing::Subnets => each!(Subnet, subnet),
            Listing::Vpcs => each!(Vpc, vpc),
            Listing::PeeringConnections => each!(VpcPeeringConnection, peering),
            Listing::InternetGateways => each!(InternetGateway, internet_gateway),
            Listing::EgressOnlyInternetGateways => each!(EgressOnlyInternetGateway, egress_only_gateway),
            Listing::NatGateways => each!(NatGateway, nat_gateway),
            Listing::Addresses => each!(ElasticAddress, elastic_address),
            Listing::LoadBalancers => each!(LoadBalancer, load_balancer),
            Listing::TargetGroups => each!(TargetGroup, target_group),
            // The one answer that is a single record.
            Listing::PublicAccessOptions => window
                .value(|text| piece(text, |record: PublicAccessOptions<'_>| sink.public_access(record)))
                .map(|()| 1),
            Listing::PublicAccessExclusions => each!(PublicAccessExclusion, public_access_exclusion),
            Listing::TransitGateways => each!(TransitGateway, transit_gateway),
            Listing::TransitAttachments => each!(TransitGatewayVpcAttachment, transit_attachment),
            Listing::TransitTables => each!(TransitGatewayRouteTable, transit_table),
            Listing::TransitPolicyTables => each!(TransitGatewayPolicyTable, transit_policy_table),
            Listing::HostedZones => {
                window.elements(|text| piece(text, |record: HostedZone<'_>| sink.hosted_zone(&record, None)))
            }
            Listing::DbInstances => service!(DbInstance),
            Listing::DbClusters => service!(DbCluster),
            Listing::CacheClusters => service!(CacheCluster),
            Listing::ReplicationGroups => service!(ReplicationGroup),
            Listing::SearchDomains => service!(SearchDomain),
            Listing::VpcEndpoints => service!(VpcEndpoint),
            Listing::ClassicBalancers => service!(ClassicBalancer),
            // An interface can only carry a group of another VPC while the association is in force, so the
            // interface already says all that the association would.
            Listing::SecurityGroupVpcAssociations => {
                window.elements(|text| piece(text, |_: SecurityGroupVpcAssociation<'_>| Ok(())))
            }
            // These are held until it is known what they are about.
            Listing::PrefixListEntries
            | Listing::Listeners
            | Listing::Rules
            | Listing::TargetHealth
            | Listing::TargetGroupAttributes
            | Listing::LoadBalancerAttributes
            | Listing::TransitAssociations
            | Listing::TransitRoutes
            | Listing::ZonesOfVpc
            | Listing::ZoneVpcs
            | Listing::ZoneRecords
            | Listing::Tasks
            | Listing::ContainerInstances
            | Listing::Addons
            | Listing::ClassicHealth
            | Listing::ClassicAttributes => window.elements(skip),
        }
    }
}

/// Passes over a value of any kind.
fn skip(text: &str) -> Piece<()> {
    piece(text, |_: IgnoredAny| Ok(()))
}

/// Interfaces inside of an instance record, kept unread until it is known whether anybody needs them.
#[derive(Clone, Copy, Debug)]
pub struct Interfaces<'a>(&'a RawValue);

impl<'a> Interfaces<'a> {
    /// The interfaces.
    ///
    /// # Errors
    /// When they are of another shape.
    pub fn read(self) -> Result<Vec<NetworkInterface<'a>>, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }
}

impl PartialEq for Interfaces<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Interfaces<'_> {}

impl<'de: 'a, 'a> Deserialize<'de> for Interfaces<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Interfaces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
