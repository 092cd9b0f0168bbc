//! The part of a snapshot that every cloud shares: its manifest.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The `schema` of a manifest that this version writes.
pub const SNAPSHOT_SCHEMA: &str = "reachlint.snapshot/1";

/// `manifest.json`: what a snapshot covers and what is missing from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `reachlint.snapshot/1`.
    pub schema: String,
    /// Name and version of the tool that wrote it.
    pub tool: String,
    /// When collection began, as RFC 3339 in UTC.
    pub collected_at: String,
    /// Accounts and regions that were read.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// Calls that did not succeed.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Answers of the system resolver at the time.
    #[serde(default)]
    pub names: Vec<NameAnswer>,
    /// What was not asked though it was wanted, and why: nothing failed, and nothing is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One account (project, subscription) and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `aws`, `gcp` or `azure`.
    pub provider: String,
    /// Account, project or subscription.
    pub account: String,
    /// Region, where the cloud's calls are regional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// As whom it was read. Never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
}

/// What live collection read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Documents by their path in a snapshot: `111122223333/us-east-1/describe-subnets.json`.
    pub documents: Vec<(String, Vec<u8>)>,
    /// What they cover, and which calls failed.
    pub manifest: Manifest,
}

/// A call that did not succeed, so that what it would have told is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The permission that the call needs, which names the call: `ec2:DescribeNetworkAcls`.
    pub call: String,
    /// The cloud's error code: `UnauthorizedOperation`.
    pub error: String,
    /// What went wrong in words.
    #[serde(default)]
    pub message: String,
    /// Identifiers that were asked for; empty when the call asked for everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Account that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Region that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What the system resolver said of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameAnswer {
    /// The name as nginx's configuration spells it.
    pub name: String,
    /// Every A and AAAA answer; empty when the name did not resolve.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether a machine was told this that may not be nginx's: a private zone may answer nginx something else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub elsewhere: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_false(value: &bool) -> bool {
    !*value
}
