//! Security groups and prefix lists.

use aws_sdk_ec2::types;

use super::{id, list, tags, text};
use crate::records::{
    GroupReference, IpPermission, IpRange, Ipv6Range, ManagedPrefixList, PrefixListEntry, PrefixListId, SecurityGroup,
    SecurityGroupRule,
};

pub(in crate::collect) fn group(from: types::SecurityGroup) -> SecurityGroup<'static> {
    // A group without rules of one direction is an empty list here, and only that: the API always sends both.
    SecurityGroup {
        group_id: id(from.group_id),
        group_name: text(from.group_name),
        description: text(from.description),
        owner_id: text(from.owner_id),
        vpc_id: text(from.vpc_id),
        ip_permissions: Some(list(from.ip_permissions, permission)),
        ip_permissions_egress: Some(list(from.ip_permissions_egress, permission)),
        tags: tags(from.tags),
    }
}

fn permission(from: types::IpPermission) -> IpPermission<'static> {
    IpPermission {
        ip_protocol: text(from.ip_protocol),
        from_port: from.from_port,
        to_port: from.to_port,
        ip_ranges: list(from.ip_ranges, |range| IpRange { cidr_ip: text(range.cidr_ip) }),
        ipv6_ranges: list(from.ipv6_ranges, |range| Ipv6Range { cidr_ipv6: text(range.cidr_ipv6) }),
        prefix_list_ids: list(from.prefix_list_ids, |peer| PrefixListId { prefix_list_id: text(peer.prefix_list_id) }),
        user_id_group_pairs: list(from.user_id_group_pairs, |pair| GroupReference {
            group_id: text(pair.group_id),
            user_id: text(pair.user_id),
            peering_status: text(pair.peering_status),
            vpc_id: text(pair.vpc_id),
            vpc_peering_connection_id: text(pair.vpc_peering_connection_id),
        }),
    }
}

pub(in crate::collect) fn rule(from: types::SecurityGroupRule) -> SecurityGroupRule<'static> {
    SecurityGroupRule {
        security_group_rule_id: id(from.security_group_rule_id),
        group_id: id(from.group_id),
        group_owner_id: text(from.group_owner_id),
        is_egress: from.is_egress.unwrap_or_default(),
        ip_protocol: text(from.ip_protocol),
        from_port: from.from_port,
        to_port: from.to_port,
        cidr_ipv4: text(from.cidr_ipv4),
        cidr_ipv6: text(from.cidr_ipv6),
        prefix_list_id: text(from.prefix_list_id),
        referenced_group_info: from.referenced_group_info.map(|peer| GroupReference {
            group_id: text(peer.group_id),
            user_id: text(peer.user_id),
            peering_status: text(peer.peering_status),
            vpc_id: text(peer.vpc_id),
            vpc_peering_connection_id: text(peer.vpc_peering_connection_id),
        }),
        description: text(from.description),
    }
}

pub(in crate::collect) fn prefix_list(from: types::ManagedPrefixList) -> ManagedPrefixList<'static> {
    ManagedPrefixList {
        prefix_list_id: id(from.prefix_list_id),
        prefix_list_name: text(from.prefix_list_name),
        address_family: text(from.address_family),
        max_entries: from.max_entries,
        owner_id: text(from.owner_id),
        cidrs: None,
    }
}

pub(in crate::collect) fn entry(from: types::PrefixListEntry) -> PrefixListEntry<'static> {
    PrefixListEntry { cidr: text(from.cidr) }
}
