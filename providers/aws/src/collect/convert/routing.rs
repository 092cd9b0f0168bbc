//! Route tables, peerings and gateways.

use aws_sdk_ec2::types;

use super::{id, list, tags, text, word};
use crate::records::{
    CidrBlock, EgressOnlyInternetGateway, GatewayAttachment, InternetGateway, Ipv6CidrBlock, NatGateway,
    NatGatewayAddress, PeerVpc, PeeringOptions, PeeringStatus, Route, RouteTable, RouteTableAssociation,
    VpcPeeringConnection,
};

pub(in crate::collect) fn route_table(from: types::RouteTable) -> RouteTable<'static> {
    RouteTable {
        route_table_id: id(from.route_table_id),
        vpc_id: text(from.vpc_id),
        associations: list(from.associations, |association| RouteTableAssociation {
            main: association.main,
            subnet_id: text(association.subnet_id),
            gateway_id: text(association.gateway_id),
        }),
        routes: list(from.routes, route),
        owner_id: text(from.owner_id),
        tags: tags(from.tags),
    }
}

fn route(from: types::Route) -> Route<'static> {
    Route {
        destination_cidr_block: text(from.destination_cidr_block),
        destination_ipv6_cidr_block: text(from.destination_ipv6_cidr_block),
        destination_prefix_list_id: text(from.destination_prefix_list_id),
        gateway_id: text(from.gateway_id),
        instance_id: text(from.instance_id),
        nat_gateway_id: text(from.nat_gateway_id),
        network_interface_id: text(from.network_interface_id),
        transit_gateway_id: text(from.transit_gateway_id),
        vpc_peering_connection_id: text(from.vpc_peering_connection_id),
        egress_only_internet_gateway_id: text(from.egress_only_internet_gateway_id),
        local_gateway_id: text(from.local_gateway_id),
        carrier_gateway_id: text(from.carrier_gateway_id),
        core_network_arn: text(from.core_network_arn),
        odb_network_arn: text(from.odb_network_arn),
        origin: from.origin.map(|origin| word(origin.as_str())),
        state: from.state.map(|state| word(state.as_str())),
    }
}

pub(in crate::collect) fn peering(from: types::VpcPeeringConnection) -> VpcPeeringConnection<'static> {
    VpcPeeringConnection {
        vpc_peering_connection_id: id(from.vpc_peering_connection_id),
        requester_vpc_info: from.requester_vpc_info.map(side),
        accepter_vpc_info: from.accepter_vpc_info.map(side),
        status: from.status.map(|status| PeeringStatus { code: status.code.map(|code| word(code.as_str())) }),
        tags: tags(from.tags),
    }
}

fn side(from: types::VpcPeeringConnectionVpcInfo) -> PeerVpc<'static> {
    PeerVpc {
        vpc_id: text(from.vpc_id),
        owner_id: text(from.owner_id),
        region: text(from.region),
        cidr_block: text(from.cidr_block),
        cidr_block_set: list(from.cidr_block_set, |block| CidrBlock { cidr_block: text(block.cidr_block) }),
        ipv6_cidr_block_set: list(from.ipv6_cidr_block_set, |block| Ipv6CidrBlock {
            ipv6_cidr_block: text(block.ipv6_cidr_block),
        }),
        peering_options: from.peering_options.map(|options| PeeringOptions {
            allow_dns_resolution_from_remote_vpc: options.allow_dns_resolution_from_remote_vpc,
        }),
    }
}

fn attachment(from: types::InternetGatewayAttachment) -> GatewayAttachment<'static> {
    GatewayAttachment { vpc_id: text(from.vpc_id), state: from.state.map(|state| word(state.as_str())) }
}

pub(in crate::collect) fn internet_gateway(from: types::InternetGateway) -> InternetGateway<'static> {
    InternetGateway {
        internet_gateway_id: id(from.internet_gateway_id),
        attachments: list(from.attachments, attachment),
        tags: tags(from.tags),
    }
}

pub(in crate::collect) fn egress_only_gateway(
    from: types::EgressOnlyInternetGateway,
) -> EgressOnlyInternetGateway<'static> {
    EgressOnlyInternetGateway {
        egress_only_internet_gateway_id: id(from.egress_only_internet_gateway_id),
        attachments: list(from.attachments, attachment),
        tags: tags(from.tags),
    }
}

pub(in crate::collect) fn nat_gateway(from: types::NatGateway) -> NatGateway<'static> {
    NatGateway {
        nat_gateway_id: id(from.nat_gateway_id),
        subnet_id: text(from.subnet_id),
        vpc_id: text(from.vpc_id),
        state: from.state.map(|state| word(state.as_str())),
        connectivity_type: from.connectivity_type.map(|kind| word(kind.as_str())),
        availability_mode: from.availability_mode.map(|mode| word(mode.as_str())),
        route_table_id: text(from.route_table_id),
        nat_gateway_addresses: list(from.nat_gateway_addresses, |entry| NatGatewayAddress {
            public_ip: text(entry.public_ip),
            private_ip: text(entry.private_ip),
            network_interface_id: text(entry.network_interface_id),
            is_primary: entry.is_primary,
            availability_zone: text(entry.availability_zone),
            status: entry.status.map(|status| word(status.as_str())),
        }),
        tags: tags(from.tags),
    }
}
