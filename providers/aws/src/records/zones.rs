//! Hosted zones of Route 53 and their records.
//!
//! Shapes and field names are those of the Route 53 API, as `aws route53 list-hosted-zones`, `list-hosted-zones-by-vpc`,
//! `get-hosted-zone` and `list-resource-record-sets` print them.

use serde::{Deserialize, Serialize};

use super::text::Text;

/// A hosted zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostedZone<'a> {
    /// `/hostedzone/Z…`.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Its domain, with the dot of the root.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Whether it is private.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<HostedZoneConfig>,
}

/// What kind of zone it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostedZoneConfig {
    /// Whether only the VPCs that it is associated with are answered from it.
    pub private_zone: bool,
}

/// A private zone that a VPC is associated with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ZoneSummary<'a> {
    /// `Z…`.
    #[serde(borrow)]
    pub hosted_zone_id: Text<'a>,
    /// Its domain, with the dot of the root.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Whose it is.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ZoneOwner<'a>>,
}

/// Whose a zone is: an account's, or a service's, whose records nobody else can read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ZoneOwner<'a> {
    /// The account.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owning_account: Option<Text<'a>>,
    /// The service, such as `efs.amazonaws.com`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owning_service: Option<Text<'a>>,
}

/// A VPC that a private zone is associated with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneVpc<'a> {
    /// The VPC.
    #[serde(rename = "VPCId", borrow)]
    pub vpc_id: Text<'a>,
    /// Its region.
    #[serde(rename = "VPCRegion", borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_region: Option<Text<'a>>,
}

/// Records of one name and type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResourceRecordSet<'a> {
    /// The name, with odd characters as `\052`.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// `A`, `AAAA`, `CNAME` and more.
    #[serde(rename = "Type", borrow)]
    pub kind: Text<'a>,
    /// Tells several sets of one name and type apart; there only with a routing policy.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<Text<'a>>,
    /// Share of a weighted set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    /// `PRIMARY` or `SECONDARY`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub failover: Option<Text<'a>>,
    /// A check that can take the set out of the answers.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<Text<'a>>,
    /// The values.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub resource_records: Vec<ResourceRecord<'a>>,
    /// Another name whose answers these are.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub alias_target: Option<AliasTarget<'a>>,
}

/// A value of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ResourceRecord<'a> {
    /// An address or a name.
    #[serde(borrow)]
    pub value: Text<'a>,
}

/// The name that an alias stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AliasTarget<'a> {
    /// The zone that answers it.
    #[serde(borrow)]
    pub hosted_zone_id: Text<'a>,
    /// The name.
    #[serde(rename = "DNSName", borrow)]
    pub dns_name: Text<'a>,
    /// Whether the alias goes out of the answers when its target is not healthy.
    pub evaluate_target_health: bool,
}
