//! Security groups and prefix lists.
//!
//! Shapes and field names are those of the EC2 API, as `aws ec2 describe-*` prints them.

use serde::{Deserialize, Serialize};

use super::interface::Tag;
use super::text::Text;

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroup<'a> {
    /// Its id.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// Its name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<Text<'a>>,
    /// What the creator says of it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// VPC it was created in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// What may come in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ip_permissions: Option<Vec<IpPermission<'a>>>,
    /// What may go out.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ip_permissions_egress: Option<Vec<IpPermission<'a>>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
}

/// Peers that share protocol and ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpPermission<'a> {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ip_protocol: Option<Text<'a>>,
    /// First port, or ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// Last port, or ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// IPv4 blocks.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ip_ranges: Vec<IpRange<'a>>,
    /// IPv6 blocks.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_ranges: Vec<Ipv6Range<'a>>,
    /// Prefix lists.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub prefix_list_ids: Vec<PrefixListId<'a>>,
    /// Security groups.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub user_id_group_pairs: Vec<GroupReference<'a>>,
}

/// An IPv4 peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpRange<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_ip: Option<Text<'a>>,
}

/// An IPv6 peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6Range<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv6: Option<Text<'a>>,
}

/// A prefix-list peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrefixListId<'a> {
    /// The list.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub prefix_list_id: Option<Text<'a>>,
}

/// A security-group peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupReference<'a> {
    /// The group.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<Text<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Text<'a>>,
    /// Status of the peering to its VPC, if it is another one.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub peering_status: Option<Text<'a>>,
    /// Its VPC, if it is another one.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// Peering to its VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connection_id: Option<Text<'a>>,
}

/// One rule of a security group, with its own id and exactly one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroupRule<'a> {
    /// Its id.
    #[serde(borrow)]
    pub security_group_rule_id: Text<'a>,
    /// Group it belongs to.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// Account that owns the group.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub group_owner_id: Option<Text<'a>>,
    /// Whether it is about what goes out.
    pub is_egress: bool,
    /// As in an `IpPermission`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ip_protocol: Option<Text<'a>>,
    /// First port, or ICMP type; -1 for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// Last port, or ICMP code; -1 for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// IPv4 peer.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv4: Option<Text<'a>>,
    /// IPv6 peer.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv6: Option<Text<'a>>,
    /// Prefix-list peer.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub prefix_list_id: Option<Text<'a>>,
    /// Security-group peer.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub referenced_group_info: Option<GroupReference<'a>>,
    /// What the creator says of it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
}

/// Use of a security group in a VPC other than its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroupVpcAssociation<'a> {
    /// The group.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// The other VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// `associated` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// A prefix list, as `describe-managed-prefix-lists` or the older `describe-prefix-lists` print it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ManagedPrefixList<'a> {
    /// Its id.
    #[serde(borrow)]
    pub prefix_list_id: Text<'a>,
    /// Its name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub prefix_list_name: Option<Text<'a>>,
    /// `IPv4` or `IPv6`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub address_family: Option<Text<'a>>,
    /// Number of entries it may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<i32>,
    /// Account that owns it, or `AWS`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// Its blocks, in the older call's answer only.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Vec<Text<'a>>>,
}

/// An entry of a managed prefix list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrefixListEntry<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<Text<'a>>,
}
