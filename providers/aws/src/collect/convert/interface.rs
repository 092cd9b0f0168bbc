//! Instances, interfaces and their addresses.

use aws_sdk_ec2::types;

use super::{id, list, tags, text, word};
use crate::records::{
    Association, Attachment, ElasticAddress, GroupIdentifier, Instance, InstanceState, Ipv4Prefix, Ipv6Address,
    Ipv6Prefix, NetworkInterface, PrivateIpAddress, Reservation,
};

pub(in crate::collect) fn reservation(from: types::Reservation) -> Reservation<'static> {
    Reservation {
        owner_id: text(from.owner_id),
        instances: list(from.instances, |instance| Instance {
            instance_id: id(instance.instance_id),
            state: instance.state.and_then(|state| state.name).map(|name| InstanceState { name: word(name.as_str()) }),
            private_dns_name: text(instance.private_dns_name),
            tags: tags(instance.tags),
            // The interfaces come from their own listing, which says more about them.
            network_interfaces: None,
        }),
    }
}

pub(in crate::collect) fn interface(from: types::NetworkInterface) -> NetworkInterface<'static> {
    NetworkInterface {
        network_interface_id: id(from.network_interface_id),
        attachment: from.attachment.map(|attachment| Attachment {
            instance_id: text(attachment.instance_id),
            device_index: attachment.device_index,
            status: attachment.status.map(|status| word(status.as_str())),
        }),
        association: from.association.map(association),
        availability_zone: text(from.availability_zone),
        description: text(from.description),
        deny_all_igw_traffic: from.deny_all_igw_traffic,
        groups: list(from.groups, |group| GroupIdentifier {
            group_id: id(group.group_id),
            group_name: text(group.group_name),
        }),
        interface_type: from.interface_type.map(|kind| word(kind.as_str())),
        ipv4_prefixes: list(from.ipv4_prefixes, |prefix| Ipv4Prefix { ipv4_prefix: text(prefix.ipv4_prefix) }),
        ipv6_addresses: list(from.ipv6_addresses, |entry| Ipv6Address { ipv6_address: text(entry.ipv6_address) }),
        ipv6_prefixes: list(from.ipv6_prefixes, |prefix| Ipv6Prefix { ipv6_prefix: text(prefix.ipv6_prefix) }),
        owner_id: text(from.owner_id),
        private_dns_name: text(from.private_dns_name),
        private_ip_address: text(from.private_ip_address),
        private_ip_addresses: list(from.private_ip_addresses, |entry| PrivateIpAddress {
            private_ip_address: text(entry.private_ip_address),
            primary: entry.primary,
            association: entry.association.map(association),
        }),
        requester_id: text(from.requester_id),
        source_dest_check: from.source_dest_check,
        status: from.status.map(|status| word(status.as_str())),
        subnet_id: text(from.subnet_id),
        vpc_id: text(from.vpc_id),
        tag_set: tags(from.tag_set),
    }
}

fn association(from: types::NetworkInterfaceAssociation) -> Association<'static> {
    Association { public_ip: text(from.public_ip), public_dns_name: text(from.public_dns_name) }
}

pub(in crate::collect) fn elastic_address(from: types::Address) -> ElasticAddress<'static> {
    ElasticAddress {
        public_ip: text(from.public_ip),
        allocation_id: text(from.allocation_id),
        network_interface_id: text(from.network_interface_id),
        private_ip_address: text(from.private_ip_address),
    }
}
