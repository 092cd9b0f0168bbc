//! Route tables, peerings and gateways.
//!
//! Shapes and field names are those of the EC2 API, as `aws ec2 describe-*` prints them.

use serde::{Deserialize, Serialize};

use super::interface::Tag;
use super::text::Text;

/// A route table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RouteTable<'a> {
    /// Its id.
    #[serde(borrow)]
    pub route_table_id: Text<'a>,
    /// VPC it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// What it serves.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<RouteTableAssociation<'a>>,
    /// Its routes.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// Something that a route table serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RouteTableAssociation<'a> {
    /// Whether it serves the VPC's subnets that have no table of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub main: Option<bool>,
    /// A subnet.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<Text<'a>>,
    /// A gateway, for what arrives through it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<Text<'a>>,
}

/// A route; exactly one destination and one target are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Route<'a> {
    /// IPv4 destination.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub destination_cidr_block: Option<Text<'a>>,
    /// IPv6 destination.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub destination_ipv6_cidr_block: Option<Text<'a>>,
    /// Prefix-list destination.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub destination_prefix_list_id: Option<Text<'a>>,
    /// Internet gateway, virtual private gateway, gateway endpoint, or `local`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<Text<'a>>,
    /// Instance.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Text<'a>>,
    /// NAT gateway.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub nat_gateway_id: Option<Text<'a>>,
    /// Interface.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<Text<'a>>,
    /// Transit gateway.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_id: Option<Text<'a>>,
    /// Peering connection.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connection_id: Option<Text<'a>>,
    /// Egress-only internet gateway.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub egress_only_internet_gateway_id: Option<Text<'a>>,
    /// Local gateway of an Outpost.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub local_gateway_id: Option<Text<'a>>,
    /// Carrier gateway.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub carrier_gateway_id: Option<Text<'a>>,
    /// Cloud WAN core network.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub core_network_arn: Option<Text<'a>>,
    /// Oracle Database@AWS network.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub odb_network_arn: Option<Text<'a>>,
    /// `CreateRouteTable`, `CreateRoute` or `EnableVgwRoutePropagation`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Text<'a>>,
    /// `active`, or `blackhole` when the target is gone.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// A peering connection between two VPCs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcPeeringConnection<'a> {
    /// Its id.
    #[serde(borrow)]
    pub vpc_peering_connection_id: Text<'a>,
    /// One side.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub requester_vpc_info: Option<PeerVpc<'a>>,
    /// The other side.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub accepter_vpc_info: Option<PeerVpc<'a>>,
    /// Whether it is in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub status: Option<PeeringStatus<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// Status of a peering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PeeringStatus<'a> {
    /// `active` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub code: Option<Text<'a>>,
}

/// One side of a peering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PeerVpc<'a> {
    /// The VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// Its region.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub region: Option<Text<'a>>,
    /// Primary IPv4 block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Text<'a>>,
    /// IPv4 blocks.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub cidr_block_set: Vec<CidrBlock<'a>>,
    /// IPv6 blocks.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_set: Vec<Ipv6CidrBlock<'a>>,
    /// Options of this side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peering_options: Option<PeeringOptions>,
}

/// Options of one side of a peering.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PeeringOptions {
    /// Whether public names of this side resolve to private addresses on the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_dns_resolution_from_remote_vpc: Option<bool>,
}

/// An IPv4 block of a peered VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CidrBlock<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Text<'a>>,
}

/// An IPv6 block of a peered VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6CidrBlock<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv6_cidr_block: Option<Text<'a>>,
}

/// An internet gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InternetGateway<'a> {
    /// Its id.
    #[serde(borrow)]
    pub internet_gateway_id: Text<'a>,
    /// VPCs it is attached to.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<GatewayAttachment<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// An egress-only internet gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EgressOnlyInternetGateway<'a> {
    /// Its id.
    #[serde(borrow)]
    pub egress_only_internet_gateway_id: Text<'a>,
    /// VPCs it is attached to.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<GatewayAttachment<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// A VPC that a gateway is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GatewayAttachment<'a> {
    /// The VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// `available` or `attached` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// A NAT gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NatGateway<'a> {
    /// Its id.
    #[serde(borrow)]
    pub nat_gateway_id: Text<'a>,
    /// Subnet it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<Text<'a>>,
    /// VPC it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// `available` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
    /// `public` or `private`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub connectivity_type: Option<Text<'a>>,
    /// `regional` for one that is in no subnet and serves all zones of its VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub availability_mode: Option<Text<'a>>,
    /// Route table of a regional one.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub route_table_id: Option<Text<'a>>,
    /// Its addresses.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub nat_gateway_addresses: Vec<NatGatewayAddress<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// An address of a NAT gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NatGatewayAddress<'a> {
    /// Elastic address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<Text<'a>>,
    /// Private address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub private_ip: Option<Text<'a>>,
    /// Interface.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<Text<'a>>,
    /// Whether new connections use it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_primary: Option<bool>,
    /// The zone that a regional gateway uses it for.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<Text<'a>>,
    /// Whether it is in use: `succeeded`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub status: Option<Text<'a>>,
}
