//! VPC Block Public Access: a switch of an account and Region above every route and rule.
//!
//! Shapes and field names are those of the EC2 API, as `aws ec2 describe-*` prints them.

use serde::{Deserialize, Serialize};

use super::text::Text;

/// The switch of an account and Region; one document holds one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PublicAccessOptions<'a> {
    /// Account that it is of.
    #[serde(borrow)]
    pub aws_account_id: Text<'a>,
    /// Region that it is of.
    #[serde(borrow)]
    pub aws_region: Text<'a>,
    /// `default-state`, `update-in-progress` or `update-complete`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
    /// `off`, `block-bidirectional` or `block-ingress`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub internet_gateway_block_mode: Option<Text<'a>>,
    /// `allowed`, or `not-allowed` where an organization forbids exclusions.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub exclusions_allowed: Option<Text<'a>>,
}

/// A VPC or subnet that the switch is not for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PublicAccessExclusion<'a> {
    /// Its id.
    #[serde(borrow)]
    pub exclusion_id: Text<'a>,
    /// `allow-bidirectional` or `allow-egress`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub internet_gateway_exclusion_mode: Option<Text<'a>>,
    /// The VPC or subnet.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<Text<'a>>,
    /// Whether it is in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}
