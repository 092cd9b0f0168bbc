//! Transit gateways.
//!
//! Shapes and field names are those of the EC2 API, as the AWS CLI prints them.

use serde::{Deserialize, Serialize};

use super::text::Text;

/// A transit gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGateway<'a> {
    /// Its id.
    #[serde(borrow)]
    pub transit_gateway_id: Text<'a>,
    /// Account that owns it, and is the only one that sees its route tables.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Text<'a>>,
    /// `available` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
    /// Options.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub options: Option<TransitOptions<'a>>,
}

/// Options of a transit gateway or of an attachment, each `enable` or `disable`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitOptions<'a> {
    /// Whether rules may reference security groups of other attached VPCs.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub security_group_referencing_support: Option<Text<'a>>,
    /// Whether a connection keeps to one availability zone.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub appliance_mode_support: Option<Text<'a>>,
    /// Whether IPv6 passes.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ipv6_support: Option<Text<'a>>,
}

/// An attachment of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayVpcAttachment<'a> {
    /// Its id.
    #[serde(borrow)]
    pub transit_gateway_attachment_id: Text<'a>,
    /// The gateway.
    #[serde(borrow)]
    pub transit_gateway_id: Text<'a>,
    /// The VPC.
    #[serde(borrow)]
    pub vpc_id: Text<'a>,
    /// Account that owns the VPC.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vpc_owner_id: Option<Text<'a>>,
    /// `available` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
    /// Subnets that the gateway is in, one of an availability zone.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<Text<'a>>,
    /// Options.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub options: Option<TransitOptions<'a>>,
}

/// A route table of a transit gateway, without its routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayRouteTable<'a> {
    /// Its id.
    #[serde(borrow)]
    pub transit_gateway_route_table_id: Text<'a>,
    /// The gateway.
    #[serde(borrow)]
    pub transit_gateway_id: Text<'a>,
}

/// A policy table of a transit gateway, without its rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayPolicyTable<'a> {
    /// Its id.
    #[serde(borrow)]
    pub transit_gateway_policy_table_id: Text<'a>,
    /// The gateway.
    #[serde(borrow)]
    pub transit_gateway_id: Text<'a>,
}

/// An attachment whose packets a route table routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayAssociation<'a> {
    /// The attachment.
    #[serde(borrow)]
    pub transit_gateway_attachment_id: Text<'a>,
    /// `associated` when in force.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// A route of a transit gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayRoute<'a> {
    /// Destination.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub destination_cidr_block: Option<Text<'a>>,
    /// Where it leads.
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    pub transit_gateway_attachments: Vec<TransitGatewayRouteAttachment<'a>>,
    /// `static` or `propagated`.
    #[serde(borrow, rename = "Type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Text<'a>>,
    /// `active` or `blackhole`.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub state: Option<Text<'a>>,
}

/// Where a route of a transit gateway leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TransitGatewayRouteAttachment<'a> {
    /// The attachment.
    #[serde(borrow)]
    pub transit_gateway_attachment_id: Text<'a>,
    /// `vpc`, `vpn`, `direct-connect-gateway`, `peering` and others.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<Text<'a>>,
}
