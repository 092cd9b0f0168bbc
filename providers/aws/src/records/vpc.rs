//! VPCs, subnets and network ACLs.
//!
//! Shapes and field names are those of the EC2 API, as `aws ec2 describe-*` prints them.

use serde::{Deserialize, Serialize};

use super::interface::Tag;
use super::text::Text;

/// A virtual private cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Vpc<'a> {
    /// Its id.
    #[serde(borrow)]
    pub vpc_id: Text<'a>,
    /// Primary IPv4 block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Text<'a>>,
    /// All IPv4 blocks.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub cidr_block_association_set: Vec<CidrAssociation<'a>>,
    /// IPv6 blocks.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_association_set: Vec<Ipv6CidrAssociation<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// Its VPC Encryption Controls.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub encryption_control: Option<EncryptionControl<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// VPC Encryption Controls of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EncryptionControl<'a> {
    /// `monitor` or `enforce`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Text<'a>>,
    /// `available` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// An IPv4 block of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CidrAssociation<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Text<'a>>,
    /// Whether it is in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_block_state: Option<CidrState<'a>>,
}

/// An IPv6 block of a VPC or subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6CidrAssociation<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv6_cidr_block: Option<Text<'a>>,
    /// Whether it is in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv6_cidr_block_state: Option<CidrState<'a>>,
}

/// State of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CidrState<'a> {
    /// `associated` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Subnet<'a> {
    /// Its id.
    #[serde(borrow)]
    pub subnet_id: Text<'a>,
    /// VPC it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// IPv4 block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Text<'a>>,
    /// IPv6 blocks.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_association_set: Vec<Ipv6CidrAssociation<'a>>,
    /// Availability zone.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<Text<'a>>,
    /// The same zone by the id that it has in every account.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub availability_zone_id: Option<Text<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// A network access control list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkAcl<'a> {
    /// Its id.
    #[serde(borrow)]
    pub network_acl_id: Text<'a>,
    /// VPC it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// Whether it serves subnets without one of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
    /// Subnets it serves.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<AclAssociation<'a>>,
    /// Its entries, in no particular order.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<AclEntry<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// A subnet that an ACL serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AclAssociation<'a> {
    /// The subnet.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<Text<'a>>,
}

/// An entry of a network ACL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AclEntry<'a> {
    /// Position: lowest first.
    pub rule_number: i32,
    /// `allow` or `deny`.
    #[serde(borrow)]
    pub rule_action: Text<'a>,
    /// Whether it is about what leaves the subnet.
    pub egress: bool,
    /// A number, or `-1` for all.
    #[serde(borrow)]
    pub protocol: Text<'a>,
    /// IPv4 peer.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Text<'a>>,
    /// IPv6 peer.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv6_cidr_block: Option<Text<'a>>,
    /// Ports, for TCP and UDP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_range: Option<AclPorts>,
}

/// Ports of an ACL entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AclPorts {
    /// First port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i32>,
    /// Last port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i32>,
}
