//! VPCs, subnets and network ACLs.

use aws_sdk_ec2::types;

use super::{id, list, tags, text, word};
use crate::records::{
    AclAssociation, AclEntry, AclPorts, CidrAssociation, CidrState, EncryptionControl, Ipv6CidrAssociation, NetworkAcl,
    Subnet, Vpc,
};

fn vpc_block_state(from: types::VpcCidrBlockState) -> CidrState<'static> {
    CidrState { state: from.state.map(|state| word(state.as_str())) }
}

pub(in crate::collect) fn vpc(from: types::Vpc) -> Vpc<'static> {
    Vpc {
        vpc_id: id(from.vpc_id),
        cidr_block: text(from.cidr_block),
        cidr_block_association_set: list(from.cidr_block_association_set, |block| CidrAssociation {
            cidr_block: text(block.cidr_block),
            cidr_block_state: block.cidr_block_state.map(vpc_block_state),
        }),
        ipv6_cidr_block_association_set: list(from.ipv6_cidr_block_association_set, |block| Ipv6CidrAssociation {
            ipv6_cidr_block: text(block.ipv6_cidr_block),
            ipv6_cidr_block_state: block.ipv6_cidr_block_state.map(vpc_block_state),
        }),
        owner_id: text(from.owner_id),
        encryption_control: from.encryption_control.map(|control| EncryptionControl {
            mode: control.mode.map(|mode| word(mode.as_str())),
            state: control.state.map(|state| word(state.as_str())),
        }),
        tags: tags(from.tags),
    }
}

pub(in crate::collect) fn subnet(from: types::Subnet) -> Subnet<'static> {
    Subnet {
        subnet_id: id(from.subnet_id),
        vpc_id: text(from.vpc_id),
        cidr_block: text(from.cidr_block),
        ipv6_cidr_block_association_set: list(from.ipv6_cidr_block_association_set, |block| Ipv6CidrAssociation {
            ipv6_cidr_block: text(block.ipv6_cidr_block),
            ipv6_cidr_block_state: block
                .ipv6_cidr_block_state
                .map(|state| CidrState { state: state.state.map(|state| word(state.as_str())) }),
        }),
        availability_zone: text(from.availability_zone),
        availability_zone_id: text(from.availability_zone_id),
        owner_id: text(from.owner_id),
        tags: tags(from.tags),
    }
}

pub(in crate::collect) fn network_acl(from: types::NetworkAcl) -> NetworkAcl<'static> {
    NetworkAcl {
        network_acl_id: id(from.network_acl_id),
        vpc_id: text(from.vpc_id),
        is_default: from.is_default,
        associations: list(from.associations, |association| AclAssociation { subnet_id: text(association.subnet_id) }),
        entries: list(from.entries, |entry| AclEntry {
            rule_number: entry.rule_number.unwrap_or_default(),
            rule_action: entry.rule_action.map(|action| word(action.as_str())).unwrap_or_default(),
            egress: entry.egress.unwrap_or_default(),
            protocol: id(entry.protocol),
            cidr_block: text(entry.cidr_block),
            ipv6_cidr_block: text(entry.ipv6_cidr_block),
            port_range: entry.port_range.map(|ports| AclPorts { from: ports.from, to: ports.to }),
        }),
        owner_id: text(from.owner_id),
        tags: tags(from.tags),
    }
}
