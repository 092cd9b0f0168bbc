//! Transit gateways.

use aws_sdk_ec2::types;

use super::{id, list, text, word};
use crate::records::{
    TransitGateway, TransitGatewayAssociation, TransitGatewayPolicyTable, TransitGatewayRoute,
    TransitGatewayRouteAttachment, TransitGatewayRouteTable, TransitGatewayVpcAttachment, TransitOptions,
};

pub(in crate::collect) fn transit_gateway(from: types::TransitGateway) -> TransitGateway<'static> {
    TransitGateway {
        transit_gateway_id: id(from.transit_gateway_id),
        owner_id: text(from.owner_id),
        state: from.state.map(|state| word(state.as_str())),
        options: from.options.map(|options| TransitOptions {
            security_group_referencing_support: options
                .security_group_referencing_support
                .map(|support| word(support.as_str())),
            ..TransitOptions::default()
        }),
    }
}

pub(in crate::collect) fn transit_attachment(
    from: types::TransitGatewayVpcAttachment,
) -> TransitGatewayVpcAttachment<'static> {
    TransitGatewayVpcAttachment {
        transit_gateway_attachment_id: id(from.transit_gateway_attachment_id),
        transit_gateway_id: id(from.transit_gateway_id),
        vpc_id: id(from.vpc_id),
        vpc_owner_id: text(from.vpc_owner_id),
        state: from.state.map(|state| word(state.as_str())),
        subnet_ids: list(from.subnet_ids, |subnet| id(Some(subnet))),
        options: from.options.map(|options| TransitOptions {
            security_group_referencing_support: options
                .security_group_referencing_support
                .map(|support| word(support.as_str())),
            appliance_mode_support: options.appliance_mode_support.map(|support| word(support.as_str())),
            ipv6_support: options.ipv6_support.map(|support| word(support.as_str())),
        }),
    }
}

pub(in crate::collect) fn transit_table(from: types::TransitGatewayRouteTable) -> TransitGatewayRouteTable<'static> {
    TransitGatewayRouteTable {
        transit_gateway_route_table_id: id(from.transit_gateway_route_table_id),
        transit_gateway_id: id(from.transit_gateway_id),
    }
}

pub(in crate::collect) fn transit_policy_table(
    from: types::TransitGatewayPolicyTable,
) -> TransitGatewayPolicyTable<'static> {
    TransitGatewayPolicyTable {
        transit_gateway_policy_table_id: id(from.transit_gateway_policy_table_id),
        transit_gateway_id: id(from.transit_gateway_id),
    }
}

pub(in crate::collect) fn transit_association(
    from: types::TransitGatewayRouteTableAssociation,
) -> TransitGatewayAssociation<'static> {
    TransitGatewayAssociation {
        transit_gateway_attachment_id: id(from.transit_gateway_attachment_id),
        state: from.state.map(|state| word(state.as_str())),
    }
}

pub(in crate::collect) fn transit_route(from: types::TransitGatewayRoute) -> TransitGatewayRoute<'static> {
    TransitGatewayRoute {
        destination_cidr_block: text(from.destination_cidr_block),
        transit_gateway_attachments: list(from.transit_gateway_attachments, |to| TransitGatewayRouteAttachment {
            transit_gateway_attachment_id: id(to.transit_gateway_attachment_id),
            resource_type: to.resource_type.map(|kind| word(kind.as_str())),
        }),
        kind: from.r#type.map(|kind| word(kind.as_str())),
        state: from.state.map(|state| word(state.as_str())),
    }
}
