//! Who takes records in.

use super::{
    BalancingAttribute, ClassicAttributes, ClassicHealth, EgressOnlyInternetGateway, ElasticAddress, HostedZone,
    InternetGateway, Listener, ListenerRule, Listing, LoadBalancer, ManagedPrefixList, NatGateway, NetworkAcl,
    NetworkInterface, PrefixListEntry, PublicAccessExclusion, PublicAccessOptions, Reservation, ResourceRecordSet,
    RouteTable, SecurityGroup, SecurityGroupRule, Service, Subnet, TargetGroup, TargetHealthDescription,
    TransitGateway, TransitGatewayAssociation, TransitGatewayPolicyTable, TransitGatewayRoute,
    TransitGatewayRouteTable, TransitGatewayVpcAttachment, Vpc, VpcPeeringConnection, ZoneSummary, ZoneVpc,
};

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
