//! Cloud DNS: zones, their records, and server policies.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// A managed zone (Cloud DNS API, `managedZones`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ManagedZone {
    pub(crate) name: String,
    /// Its path, which the API does not give: that of the project that was asked.
    pub(crate) self_link: String,
    pub(crate) dns_name: String,
    pub(crate) visibility: Option<String>,
    pub(crate) private_visibility_config: Networks,
    pub(crate) forwarding_config: Option<IgnoredAny>,
    pub(crate) peering_config: Option<PeeringZone>,
    pub(crate) service_directory_config: Option<IgnoredAny>,
    pub(crate) reverse_lookup_config: Option<IgnoredAny>,
}

/// Networks that a zone or a policy is for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Networks {
    pub(crate) networks: Vec<DnsNetwork>,
}

/// A network by its link.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DnsNetwork {
    pub(crate) network_url: String,
}

/// Where a peering zone sends questions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PeeringZone {
    pub(crate) target_network: DnsNetwork,
}

/// Records of one name and type (Cloud DNS API, `resourceRecordSets`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RecordSet {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) rrdatas: Vec<String>,
    pub(crate) routing_policy: Option<IgnoredAny>,
}

/// A server policy (Cloud DNS API, `policies`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DnsPolicy {
    pub(crate) networks: Vec<DnsNetwork>,
    pub(crate) alternative_name_server_config: NameServers,
}

/// Servers that are asked instead of Google's own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NameServers {
    pub(crate) target_name_servers: Vec<IgnoredAny>,
}
