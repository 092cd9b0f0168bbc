//! What of a record is kept.

use std::ops::Range;

use reachlint_model::NameId;

use super::values::{address, block, id, ports, protocol, region_of_zone};
use crate::network::estate::{
    Destination, Estate, RawEntry, RawInterface, RawPeer, RawRoute, RawRule, RawSide, Target,
};
use crate::records::{
    AclEntry, Association, GroupReference, IpPermission, NetworkInterface, PeerVpc, SecurityGroupRule, Tag, Text,
};

/// Makes a target of the id that a field of a route holds.
type MakeTarget = fn(NameId) -> Target;

impl Estate {
    pub(super) fn name(&mut self, text: &str) -> NameId {
        self.names.intern(text)
    }

    pub(super) fn option(&mut self, text: Option<&Text<'_>>) -> Option<NameId> {
        text.filter(|text| !text.is_empty()).map(|text| self.names.intern(text))
    }

    /// Whether a record with this identifier is new. The first one wins: the same resource is seen again from
    /// another account or in another page.
    pub(super) fn first(&mut self, id: NameId) -> bool {
        self.seen.insert(id)
    }

    pub(super) fn tags(&mut self, tags: &[Tag<'_>]) -> Range<usize> {
        let start = self.tags.len();
        for tag in tags {
            let pair = (self.names.intern(&tag.key), self.names.intern(&tag.value));
            self.tags.push(pair);
        }
        start..self.tags.len()
    }

    pub(super) fn label(&mut self, tags: &[Tag<'_>]) -> Option<NameId> {
        let tag = tags.iter().find(|tag| &*tag.key == "Name" && !tag.value.is_empty())?;
        Some(self.names.intern(&tag.value))
    }

    pub(super) fn add_interface(
        &mut self,
        record: &NetworkInterface<'_>,
        instance: Option<NameId>,
    ) -> Result<(), String> {
        let name = id(&record.network_interface_id, "NetworkInterfaceId")?;
        let name = self.name(name);
        if self.interface_at.contains_key(&name) {
            return Ok(());
        }
        let attachment = record.attachment.as_ref();
        let instance = self.option(attachment.and_then(|attachment| attachment.instance_id.as_ref())).or(instance);
        self.instances_with_interfaces.extend(instance);
        let groups = self.group_refs.len();
        for group in &record.groups {
            let group = self.names.intern(id(&group.group_id, "GroupId")?);
            self.group_refs.push(group);
        }
        let addresses = self.addresses.len();
        self.take_addresses(record);
        let delegated = self.delegated.len();
        let v4 = record.ipv4_prefixes.iter().filter_map(|prefix| prefix.ipv4_prefix.as_deref());
        let v6 = record.ipv6_prefixes.iter().filter_map(|prefix| prefix.ipv6_prefix.as_deref());
        for prefix in v4.chain(v6) {
            self.delegated.push(block(prefix, &record.network_interface_id)?);
        }
        let zone = record.availability_zone.as_deref().unwrap_or_default();
        let status = record.status.as_deref();
        let raw = RawInterface {
            id: name,
            kind: self.option(record.interface_type.as_ref()),
            instance,
            description: self.option(record.description.as_ref()),
            account: self.name(record.owner_id.as_deref().unwrap_or_default()),
            region: self.names.intern(region_of_zone(zone)),
            zone: self.names.intern(zone),
            vpc: self.name(record.vpc_id.as_deref().unwrap_or_default()),
            subnet: self.name(record.subnet_id.as_deref().unwrap_or_default()),
            // An interface that nothing holds is `available` (EC2 API, NetworkInterfaceStatus).
            attached: !matches!(status, Some("available")),
            device_index: attachment.and_then(|attachment| attachment.device_index).unwrap_or(0),
            source_dest_check: record.source_dest_check.unwrap_or(true),
            cut_from_internet: record.deny_all_igw_traffic.unwrap_or(false),
            groups: groups..self.group_refs.len(),
            addresses: addresses..self.addresses.len(),
            delegated: delegated..self.delegated.len(),
            tags: self.tags(&record.tag_set),
        };
        self.interface_at.insert(name, self.interfaces.len());
        self.interfaces.push(raw);
        Ok(())
    }

    /// Addresses with the primary one first.
    fn take_addresses(&mut self, record: &NetworkInterface<'_>) {
        let public = |association: Option<&Association<'_>>| {
            association.and_then(|association| address(association.public_ip.as_deref()?))
        };
        let start = self.addresses.len();
        let mut listed: Vec<_> = record.private_ip_addresses.iter().collect();
        listed.sort_by_key(|entry| !entry.primary.unwrap_or(false));
        for entry in listed {
            if let Some(private) = entry.private_ip_address.as_deref().and_then(address) {
                self.addresses.push((private, public(entry.association.as_ref())));
            }
        }
        if let Some(private) = record.private_ip_address.as_deref().and_then(address)
            && !self.addresses.iter().skip(start).any(|(known, _)| *known == private)
        {
            self.addresses.insert(start, (private, public(record.association.as_ref())));
        }
        for entry in &record.ipv6_addresses {
            if let Some(private) = entry.ipv6_address.as_deref().and_then(address) {
                self.addresses.push((private, None));
            }
        }
    }

    pub(super) fn permission(&mut self, permission: &IpPermission<'_>, owner: &str) -> Result<(), String> {
        let protocol = protocol(permission.ip_protocol.as_deref().unwrap_or("-1"));
        let ports = ports(protocol, permission.from_port, permission.to_port);
        let add = |estate: &mut Self, peer| {
            estate.permissions.push(RawRule { protocol, ports, peer, name: None });
        };
        let v4 = permission.ip_ranges.iter().filter_map(|range| range.cidr_ip.as_deref());
        let v6 = permission.ipv6_ranges.iter().filter_map(|range| range.cidr_ipv6.as_deref());
        for text in v4.chain(v6) {
            let peer = RawPeer::Block(block(text, owner)?);
            add(self, peer);
        }
        for list in permission.prefix_list_ids.iter().filter_map(|list| list.prefix_list_id.as_deref()) {
            let peer = RawPeer::PrefixList(self.name(list));
            add(self, peer);
        }
        for pair in &permission.user_id_group_pairs {
            if let Some(peer) = self.reference(pair) {
                add(self, peer);
            }
        }
        Ok(())
    }

    /// A rule whose group or peering is deleted stays behind without effect (EC2 API, StaleSecurityGroup): its
    /// reference says `deleted`, or has lost the account that owned the group.
    fn reference(&mut self, reference: &GroupReference<'_>) -> Option<RawPeer> {
        let group = self.name(reference.group_id.as_deref()?);
        let status = reference.peering_status.as_deref();
        let deleted = matches!(status, Some("deleted" | "expired"));
        let orphaned =
            reference.user_id.is_none() && (status.is_some() || reference.vpc_peering_connection_id.is_some());
        let account = self.option(reference.user_id.as_ref());
        Some(RawPeer::Group { group, account, alive: !deleted && !orphaned })
    }

    /// A rule with one peer.
    pub(in crate::network) fn raw_rule(&mut self, record: &SecurityGroupRule<'_>) -> Result<RawRule, String> {
        let protocol = protocol(record.ip_protocol.as_deref().unwrap_or("-1"));
        let ports = ports(protocol, record.from_port, record.to_port);
        let peer = if let Some(text) = record.cidr_ipv4.as_deref().or(record.cidr_ipv6.as_deref()) {
            RawPeer::Block(block(text, &record.security_group_rule_id)?)
        } else if let Some(list) = record.prefix_list_id.as_deref() {
            RawPeer::PrefixList(self.name(list))
        } else if let Some(peer) = record.referenced_group_info.as_ref().and_then(|info| self.reference(info)) {
            peer
        } else {
            return Err(format!("rule `{}` names no peer", &*record.security_group_rule_id));
        };
        let name = Some(&record.security_group_rule_id).filter(|id| !id.is_empty());
        Ok(RawRule { protocol, ports, peer, name: name.map(|name| self.names.intern(name)) })
    }

    /// An entry of a network ACL, if it names a block.
    pub(in crate::network) fn raw_entry(entry: &AclEntry<'_>, acl: &str) -> Result<Option<RawEntry>, String> {
        let Some(text) = entry.cidr_block.as_deref().or(entry.ipv6_cidr_block.as_deref()) else { return Ok(None) };
        let protocol = protocol(&entry.protocol);
        let range = entry.port_range.as_ref();
        Ok(Some(RawEntry {
            number: entry.rule_number,
            egress: entry.egress,
            allow: &*entry.rule_action == "allow",
            protocol,
            ports: ports(protocol, range.and_then(|range| range.from), range.and_then(|range| range.to)),
            block: block(text, acl)?,
        }))
    }

    /// A route, if it has a destination.
    pub(in crate::network) fn raw_route(
        &mut self,
        route: &crate::records::Route<'_>,
        table: &str,
    ) -> Result<Option<RawRoute>, String> {
        let text = route.destination_cidr_block.as_deref().or(route.destination_ipv6_cidr_block.as_deref());
        let destination = if let Some(text) = text {
            Destination::Block(block(text, table)?)
        } else if let Some(list) = route.destination_prefix_list_id.as_deref() {
            Destination::PrefixList(self.name(list))
        } else {
            return Ok(None);
        };
        Ok(Some(RawRoute {
            destination,
            target: self.target(route),
            blackhole: route.state.as_deref() == Some("blackhole"),
            propagated: route.origin.as_deref() == Some("EnableVgwRoutePropagation"),
        }))
    }

    pub(super) fn side(&mut self, side: Option<&PeerVpc<'_>>) -> Result<RawSide, String> {
        let Some(side) = side else { return Ok(RawSide::default()) };
        let listed = side.cidr_block_set.iter().filter_map(|block| block.cidr_block.as_deref());
        let v6 = side.ipv6_cidr_block_set.iter().filter_map(|block| block.ipv6_cidr_block.as_deref());
        let texts = side.cidr_block.as_deref().into_iter().chain(listed).chain(v6);
        let blocks = texts.map(|text| block(text, "a peering connection")).collect::<Result<_, _>>()?;
        Ok(RawSide {
            vpc: self.option(side.vpc_id.as_ref()),
            owner: self.option(side.owner_id.as_ref()),
            region: self.option(side.region.as_ref()),
            blocks,
            private_dns: side
                .peering_options
                .as_ref()
                .and_then(|options| options.allow_dns_resolution_from_remote_vpc)
                .unwrap_or(false),
        })
    }

    fn target(&mut self, route: &crate::records::Route<'_>) -> Target {
        let known = |text: &Option<Text<'_>>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(gateway) = known(&route.gateway_id) {
            let name = self.name(&gateway);
            return match gateway.split('-').next().unwrap_or_default() {
                "local" => Target::Local,
                "igw" => Target::Internet(name),
                // The gateway endpoints of S3 and DynamoDB come with a prefix list as destination; any other
                // endpoint in a route table is a gateway load balancer's or a firewall's.
                "vpce" if route.destination_prefix_list_id.is_some() => Target::GatewayEndpoint(name),
                "vpce" => Target::Other("a gateway load balancer or firewall endpoint", name),
                "vgw" => Target::Other("a virtual private gateway", name),
                _ => Target::Other("a gateway of a kind that is not known", name),
            };
        }
        let candidates: [(&Option<Text<'_>>, MakeTarget); 9] = [
            (&route.network_interface_id, Target::Interface),
            (&route.instance_id, Target::Instance),
            (&route.nat_gateway_id, Target::Nat),
            (&route.vpc_peering_connection_id, Target::Peering),
            (&route.egress_only_internet_gateway_id, Target::EgressOnly),
            (&route.transit_gateway_id, Target::Transit),
            (&route.local_gateway_id, |name| Target::Other("a local gateway", name)),
            (&route.carrier_gateway_id, |name| Target::Other("a carrier gateway", name)),
            (&route.core_network_arn, |name| Target::Other("a Cloud WAN core network", name)),
        ];
        for (field, make) in candidates {
            if let Some(text) = known(field) {
                return make(self.name(&text));
            }
        }
        let rest = known(&route.odb_network_arn).unwrap_or_default();
        Target::Other("a target of a kind that is not known", self.name(&rest))
    }
}
