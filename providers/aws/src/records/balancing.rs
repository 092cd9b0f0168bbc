//! Load balancers, their listeners, and the targets behind them.
//!
//! Shapes and field names are those of the Elastic Load Balancing API of version 2, as `aws elbv2 describe-*` prints
//! them.

use serde::{Deserialize, Serialize};

use super::text::Text;

/// An Application, Network or Gateway Load Balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LoadBalancer<'a> {
    /// Its id.
    #[serde(borrow)]
    pub load_balancer_arn: Text<'a>,
    /// Its name in DNS.
    #[serde(rename = "DNSName", borrow, skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<Text<'a>>,
    /// `internal` or `internet-facing`, which says what addresses that name has.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Text<'a>>,
    /// `ipv4`, `dualstack` or `dualstack-without-public-ipv4`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<Text<'a>>,
    /// Whether it works.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<LoadBalancerState<'a>>,
}

/// State of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LoadBalancerState<'a> {
    /// `active`, `provisioning`, `active_impaired` or `failed`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub code: Option<Text<'a>>,
}

/// A port that a load balancer takes connections on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Listener<'a> {
    /// Its id.
    #[serde(borrow)]
    pub listener_arn: Text<'a>,
    /// The load balancer; listeners of other services do not have it.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub load_balancer_arn: Option<Text<'a>>,
    /// The port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`, `QUIC` and more.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text<'a>>,
    /// What happens to what no rule of the listener is about.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub default_actions: Vec<ListenerAction<'a>>,
}

/// A rule of a listener, which comes before its default actions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListenerRule<'a> {
    /// Its id, which holds that of the listener.
    #[serde(borrow)]
    pub rule_arn: Text<'a>,
    /// What happens to the requests that it is about.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ListenerAction<'a>>,
}

/// What a listener does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListenerAction<'a> {
    /// `forward`, `redirect`, `fixed-response`, or an authentication before those.
    #[serde(borrow, rename = "Type")]
    pub kind: Text<'a>,
    /// The only target group of a `forward`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub target_group_arn: Option<Text<'a>>,
    /// All target groups of a `forward`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub forward_config: Option<ForwardConfig<'a>>,
}

/// Target groups that share what a listener takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ForwardConfig<'a> {
    /// The groups.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub target_groups: Vec<TargetGroupShare<'a>>,
}

/// A target group and its share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TargetGroupShare<'a> {
    /// The group.
    #[serde(borrow)]
    pub target_group_arn: Text<'a>,
    /// Its weight; with 0 it gets nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

/// Machines, addresses or functions that share what is sent to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TargetGroup<'a> {
    /// Its id.
    #[serde(borrow)]
    pub target_group_arn: Text<'a>,
    /// Its name.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub target_group_name: Option<Text<'a>>,
    /// Protocol towards the targets.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Text<'a>>,
    /// Port of targets that were registered without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Load balancers with a listener or a rule that sends to it.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_arns: Vec<Text<'a>>,
    /// `instance`, `ip`, `lambda` or `alb`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<Text<'a>>,
    /// `ipv4` or `ipv6`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<Text<'a>>,
}

/// A target of a target group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TargetHealthDescription<'a> {
    /// What it is.
    #[serde(borrow)]
    pub target: TargetDescription<'a>,
    /// How it is.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub target_health: Option<TargetHealth<'a>>,
}

/// What a target is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TargetDescription<'a> {
    /// An instance's id, an address, or the ARN of a function or load balancer.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// Its availability zone, or `all` for an address outside of the VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<Text<'a>>,
}

/// How a target is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TargetHealth<'a> {
    /// `healthy`, `unhealthy`, `initial`, `unused`, `draining`, `unavailable` and more.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// A setting of a target group or a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BalancingAttribute<'a> {
    /// Its name.
    #[serde(borrow)]
    pub key: Text<'a>,
    /// Its value.
    #[serde(borrow)]
    pub value: Text<'a>,
}
