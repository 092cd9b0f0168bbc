//! Firewall rules and firewall policies.

use serde::Deserialize;

use super::values::{Block, Id, Ports};

/// A VPC firewall rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Firewall {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) network: String,
    pub(crate) direction: Option<String>,
    pub(crate) priority: Option<u32>,
    pub(crate) disabled: bool,
    pub(crate) source_ranges: Vec<Block>,
    pub(crate) destination_ranges: Vec<Block>,
    pub(crate) source_tags: Vec<String>,
    pub(crate) source_service_accounts: Vec<String>,
    pub(crate) target_tags: Vec<String>,
    pub(crate) target_service_accounts: Vec<String>,
    pub(crate) allowed: Vec<Traffic>,
    pub(crate) denied: Vec<Traffic>,
}

/// Protocol and ports of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Traffic {
    #[serde(rename = "IPProtocol", alias = "ipProtocol")]
    pub(crate) protocol: String,
    pub(crate) ports: Vec<Ports>,
}

/// A firewall policy: hierarchical, or global or regional for networks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) id: Option<Id>,
    pub(crate) short_name: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) self_link: String,
    pub(crate) parent: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) associations: Vec<Association>,
    pub(crate) rules: Vec<PolicyRule>,
}

/// What a policy is associated with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Association {
    pub(crate) name: String,
    pub(crate) attachment_target: String,
    pub(crate) firewall_policy_id: Option<Id>,
}

/// A rule of a policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PolicyRule {
    pub(crate) priority: u32,
    pub(crate) action: String,
    pub(crate) direction: Option<String>,
    pub(crate) disabled: bool,
    #[serde(rename = "match")]
    pub(crate) matches: Matcher,
    pub(crate) target_resources: Vec<String>,
    pub(crate) target_service_accounts: Vec<String>,
    pub(crate) target_secure_tags: Vec<SecureTag>,
    pub(crate) target_type: Option<String>,
    pub(crate) target_forwarding_rules: Vec<String>,
}

/// When a rule of a policy applies.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Matcher {
    pub(crate) src_ip_ranges: Vec<Block>,
    pub(crate) dest_ip_ranges: Vec<Block>,
    pub(crate) layer4_configs: Vec<Traffic>,
    pub(crate) src_secure_tags: Vec<SecureTag>,
    pub(crate) src_address_groups: Vec<String>,
    pub(crate) dest_address_groups: Vec<String>,
    pub(crate) src_fqdns: Vec<String>,
    pub(crate) dest_fqdns: Vec<String>,
    pub(crate) src_region_codes: Vec<String>,
    pub(crate) dest_region_codes: Vec<String>,
    pub(crate) src_threat_intelligences: Vec<String>,
    pub(crate) dest_threat_intelligences: Vec<String>,
    pub(crate) src_networks: Vec<String>,
    #[serde(alias = "srcNetworkType", alias = "srcNetworkScope")]
    pub(crate) src_network_context: Option<String>,
    #[serde(alias = "destNetworkType", alias = "destNetworkScope")]
    pub(crate) dest_network_context: Option<String>,
}

/// A tag that IAM governs, by the id of its value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SecureTag {
    pub(crate) name: String,
    pub(crate) state: Option<String>,
}

impl SecureTag {
    /// A tag whose value is gone matches nothing (Compute Engine API, `FirewallPolicyRuleSecureTag.state`).
    #[must_use]
    pub(crate) fn is_effective(&self) -> bool {
        self.state.as_deref() != Some("INEFFECTIVE")
    }
}

/// What `getEffectiveFirewalls` answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Effective {
    pub(crate) firewalls: Vec<Firewall>,
    /// The API spells it so.
    pub(crate) firewall_policys: Vec<EffectivePolicy>,
}

/// A policy in such an answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EffectivePolicy {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) short_name: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) priority: Option<u32>,
    pub(crate) rules: Vec<PolicyRule>,
}

/// A named set of address blocks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AddressGroup {
    pub(crate) name: String,
    pub(crate) items: Vec<Block>,
}
