//! Instances, networks, subnets, addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

use super::values::{Block, Id};

/// A virtual machine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) id: Option<Id>,
    pub(crate) self_link: String,
    pub(crate) zone: String,
    pub(crate) status: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) service_accounts: Option<Vec<ServiceAccount>>,
    pub(crate) network_interfaces: Vec<Nic>,
}

/// Its network tags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tags {
    pub(crate) items: Vec<String>,
}

/// As whom it runs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceAccount {
    pub(crate) email: String,
}

/// One of its network interfaces.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Nic {
    pub(crate) name: String,
    pub(crate) network: String,
    pub(crate) subnetwork: Option<String>,
    #[serde(rename = "networkIP")]
    pub(crate) network_ip: Option<IpAddr>,
    pub(crate) ipv6_address: Option<IpAddr>,
    pub(crate) access_configs: Vec<Access>,
    pub(crate) ipv6_access_configs: Vec<AccessV6>,
    pub(crate) alias_ip_ranges: Vec<Alias>,
}

/// An external IPv4 address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Access {
    #[serde(rename = "natIP")]
    pub(crate) nat_ip: Option<IpAddr>,
}

/// An external IPv6 address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AccessV6 {
    pub(crate) external_ipv6: Option<IpAddr>,
}

/// A range of further addresses.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alias {
    pub(crate) ip_cidr_range: Block,
}

/// A VPC network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Vpc {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) network_firewall_policy_enforcement_order: Option<String>,
    pub(crate) firewall_policy: Option<String>,
    pub(crate) peerings: Vec<Peering>,
}

/// A peering as one side sees it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Peering {
    pub(crate) name: String,
    pub(crate) network: String,
    pub(crate) state: Option<String>,
    pub(crate) export_custom_routes: bool,
    pub(crate) import_custom_routes: bool,
    pub(crate) export_subnet_routes_with_public_ip: Option<bool>,
    pub(crate) import_subnet_routes_with_public_ip: bool,
    pub(crate) stack_type: Option<String>,
}

/// A subnet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Subnet {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) network: String,
    pub(crate) region: String,
    pub(crate) purpose: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) ip_cidr_range: Option<Block>,
    pub(crate) secondary_ip_ranges: Vec<Secondary>,
    pub(crate) ipv6_cidr_range: Option<Block>,
    pub(crate) external_ipv6_prefix: Option<Block>,
    pub(crate) internal_ipv6_prefix: Option<Block>,
    pub(crate) private_ip_google_access: bool,
}

/// A secondary range of a subnet.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secondary {
    pub(crate) ip_cidr_range: Block,
    #[serde(default)]
    pub(crate) range_name: String,
}

/// A reserved address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) prefix_length: Option<u8>,
    pub(crate) address_type: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) subnetwork: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) users: Vec<String>,
}

/// A Cloud SQL instance, as `gcloud sql instances list` prints it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) region: String,
    pub(crate) state: Option<String>,
    pub(crate) database_version: String,
    pub(crate) ip_addresses: Vec<DatabaseAddress>,
    pub(crate) settings: DatabaseSettings,
}

/// An address of a database.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DatabaseAddress {
    pub(crate) ip_address: Option<IpAddr>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// What decides who reaches a database.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DatabaseSettings {
    pub(crate) activation_policy: Option<String>,
    pub(crate) ip_configuration: DatabaseNetwork,
}

/// The network that a database is joined to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DatabaseNetwork {
    pub(crate) private_network: Option<String>,
}
