//! Instances, interfaces and their addresses.
//!
//! Shapes and field names are those of the EC2 API, as `aws ec2 describe-*` prints them.

use serde::de::Deserializer;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::text::Text;

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Tag<'a> {
    /// Its key.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// Its value.
    #[serde(borrow)]
    pub value: Text<'a>,
}

/// Instances that were started together, as `describe-instances` groups them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Reservation<'a> {
    /// Account that owns them.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// The instances.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<Instance<'a>>,
}

/// An EC2 instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Instance<'a> {
    /// Its id.
    #[serde(borrow)]
    pub instance_id: Text<'a>,
    /// Whether it runs.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<InstanceState<'a>>,
    /// Name that resolves to its primary private address inside the VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub private_dns_name: Option<Text<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag<'a>>,
    /// Its interfaces, read only where `describe-network-interfaces` has nothing on the instance.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub network_interfaces: Option<Interfaces<'a>>,
}

/// State of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InstanceState<'a> {
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    #[serde(borrow)]
    pub name: Text<'a>,
}

/// An elastic network interface (ENI).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInterface<'a> {
    /// Its id.
    #[serde(borrow)]
    pub network_interface_id: Text<'a>,
    /// What it is attached to.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Attachment<'a>>,
    /// Public address of its primary private address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub association: Option<Association<'a>>,
    /// Availability zone, which begins with the region's name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<Text<'a>>,
    /// What the creator says of it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
    /// Whether its IPv6 addresses are cut off from internet gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny_all_igw_traffic: Option<bool>,
    /// Security groups it carries.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupIdentifier<'a>>,
    /// Kind of interface: `interface`, `nat_gateway`, `network_load_balancer` and many more.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub interface_type: Option<Text<'a>>,
    /// IPv4 blocks delegated to it.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ipv4_prefixes: Vec<Ipv4Prefix<'a>>,
    /// IPv6 addresses.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_addresses: Vec<Ipv6Address<'a>>,
    /// IPv6 blocks delegated to it.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub ipv6_prefixes: Vec<Ipv6Prefix<'a>>,
    /// Account that owns it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// Name that resolves to its private address inside the VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub private_dns_name: Option<Text<'a>>,
    /// Primary private address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub private_ip_address: Option<Text<'a>>,
    /// All private IPv4 addresses.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub private_ip_addresses: Vec<PrivateIpAddress<'a>>,
    /// Service that created it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub requester_id: Option<Text<'a>>,
    /// Whether it drops packets that are not to or from its own addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_dest_check: Option<bool>,
    /// `available`, `associated`, `attaching`, `in-use` or `detaching`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub status: Option<Text<'a>>,
    /// Subnet it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<Text<'a>>,
    /// VPC it is in.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<Text<'a>>,
    /// Tags.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub tag_set: Vec<Tag<'a>>,
}

/// What an interface is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attachment<'a> {
    /// An instance.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<Text<'a>>,
    /// Position at the instance; 0 is the primary interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_index: Option<i32>,
    /// `attaching`, `attached`, `detaching` or `detached`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub status: Option<Text<'a>>,
}

/// A public IPv4 address in front of a private one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Association<'a> {
    /// The public address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<Text<'a>>,
    /// Name that resolves to the public address outside of the VPC and to the private one inside.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub public_dns_name: Option<Text<'a>>,
}

/// A security group that an interface carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupIdentifier<'a> {
    /// Its id.
    #[serde(borrow)]
    pub group_id: Text<'a>,
    /// Its name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<Text<'a>>,
}

/// An IPv4 block delegated to an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv4Prefix<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv4_prefix: Option<Text<'a>>,
}

/// An IPv6 block delegated to an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6Prefix<'a> {
    /// The block.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv6_prefix: Option<Text<'a>>,
}

/// An IPv6 address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6Address<'a> {
    /// The address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<Text<'a>>,
}

/// A private IPv4 address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrivateIpAddress<'a> {
    /// The address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub private_ip_address: Option<Text<'a>>,
    /// Whether it is the primary one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    /// Public address in front of it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub association: Option<Association<'a>>,
}

/// An elastic IP address, as `describe-addresses` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ElasticAddress<'a> {
    /// The public address.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<Text<'a>>,
    /// Its id.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub allocation_id: Option<Text<'a>>,
    /// Interface it is associated with.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<Text<'a>>,
    /// Private address it is translated to.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub private_ip_address: Option<Text<'a>>,
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
