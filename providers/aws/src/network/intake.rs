//! Takes records as they come in, and keeps what decides.

use std::net::IpAddr;
use std::ops::Range;

use reachlint_model::{Family, NameId, PortRange, Prefix, Protocol, ProtocolMatch};

use super::estate::{
    Destination, Estate, RawAcl, RawAttachment, RawEntry, RawExclusion, RawGroup, RawInstance, RawInterface, RawNat,
    RawPeer, RawPeering, RawPublicAccess, RawRegional, RawRoute, RawRule, RawSide, RawSubnet, RawTable,
    RawTransitGateway, RawTransitRoute, RawTransitRoutes, Target,
};
use crate::records::{
    AclEntry, Association, BalancingAttribute, ClassicAttributes, ClassicHealth, EgressOnlyInternetGateway,
    ElasticAddress, GroupReference, HostedZone, InternetGateway, IpPermission, Listener, ListenerRule, Listing,
    LoadBalancer, ManagedPrefixList, NatGateway, NetworkAcl, NetworkInterface, PeerVpc, PrefixListEntry,
    PublicAccessExclusion, PublicAccessOptions, Reservation, ResourceRecordSet, RouteTable, SecurityGroup,
    SecurityGroupRule, Service, Sink, Subnet, Tag, TargetGroup, TargetHealthDescription, Text, TransitGateway,
    TransitGatewayAssociation, TransitGatewayPolicyTable, TransitGatewayRoute, TransitGatewayRouteTable,
    TransitGatewayVpcAttachment, Vpc, VpcPeeringConnection, ZoneSummary, ZoneVpc,
};

/// Makes a target of the id that a field of a route holds.
type MakeTarget = fn(NameId) -> Target;

/// The region of an availability zone: `us-east-1a`, `us-west-2-lax-1a` and `us-gov-west-1b` all begin with it.
pub(super) fn region_of_zone(zone: &str) -> &str {
    let digits = zone.char_indices().skip_while(|(_, c)| !c.is_ascii_digit());
    let end = digits.skip_while(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).next();
    end.and_then(|end| zone.get(..end)).unwrap_or(zone)
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// EC2 writes protocols as names for the four common ones and as numbers otherwise; infrastructure code also as
/// `6` or `TCP`. `-1` is every protocol (EC2 API, `IpPermission$IpProtocol`).
fn protocol(text: &str) -> ProtocolMatch {
    let named = [("tcp", 6), ("udp", 17), ("icmp", 1), ("icmpv6", 58)];
    let number = named
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name))
        .map(|(_, number)| *number)
        .or_else(|| text.parse::<u8>().ok());
    match number {
        Some(number) => ProtocolMatch::Only(Protocol(number)),
        // Only `-1` and `all` stand for every protocol. A word that AWS does not know cannot be TCP or UDP either:
        // 255 is reserved by IANA and no connection has it.
        None if text == "-1" || text.eq_ignore_ascii_case("all") => ProtocolMatch::Any,
        None => ProtocolMatch::Only(Protocol(255)),
    }
}

/// Ports of a rule. Any protocol other than TCP, UDP and ICMP takes all ports whatever the rule says (EC2 API,
/// `IpPermission`), and for ICMP the fields are type and code, which never name a port.
fn ports(protocol: ProtocolMatch, from: Option<i32>, to: Option<i32>) -> PortRange {
    if !matches!(protocol, ProtocolMatch::Only(Protocol::TCP | Protocol::UDP)) {
        return PortRange::ALL;
    }
    match (from, to) {
        (None | Some(-1), None | Some(-1)) => PortRange::ALL,
        (from, to) => {
            let first = from.and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
            let last = to.and_then(|port| u16::try_from(port).ok()).unwrap_or(first);
            PortRange::new(first, last).unwrap_or(PortRange::single(first))
        }
    }
}

/// An option that is `enable` or `disable`.
fn enabled(text: Option<&Text<'_>>) -> Option<bool> {
    text.map(|text| &**text == "enable")
}

pub(super) fn id<'t>(text: &'t Text<'_>, field: &str) -> Result<&'t str, String> {
    if text.is_empty() { Err(format!("a record has no `{field}`")) } else { Ok(text) }
}

fn block(text: &str, owner: &str) -> Result<Prefix, String> {
    text.parse().map_err(|error| format!("`{owner}`: {error}"))
}

impl Estate {
    fn name(&mut self, text: &str) -> NameId {
        self.names.intern(text)
    }

    fn option(&mut self, text: Option<&Text<'_>>) -> Option<NameId> {
        text.filter(|text| !text.is_empty()).map(|text| self.names.intern(text))
    }

    /// Whether a record with this identifier is new. The first one wins: the same resource is seen again from
    /// another account or in another page.
    fn first(&mut self, id: NameId) -> bool {
        self.seen.insert(id)
    }

    fn tags(&mut self, tags: &[Tag<'_>]) -> Range<usize> {
        let start = self.tags.len();
        for tag in tags {
            let pair = (self.names.intern(&tag.key), self.names.intern(&tag.value));
            self.tags.push(pair);
        }
        start..self.tags.len()
    }

    fn label(&mut self, tags: &[Tag<'_>]) -> Option<NameId> {
        let tag = tags.iter().find(|tag| &*tag.key == "Name" && !tag.value.is_empty())?;
        Some(self.names.intern(&tag.value))
    }

    fn add_interface(&mut self, record: &NetworkInterface<'_>, instance: Option<NameId>) -> Result<(), String> {
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

    fn permission(&mut self, permission: &IpPermission<'_>, owner: &str) -> Result<(), String> {
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
    pub(super) fn raw_rule(&mut self, record: &SecurityGroupRule<'_>) -> Result<RawRule, String> {
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
    pub(super) fn raw_entry(entry: &AclEntry<'_>, acl: &str) -> Result<Option<RawEntry>, String> {
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
    pub(super) fn raw_route(
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

    fn side(&mut self, side: Option<&PeerVpc<'_>>) -> Result<RawSide, String> {
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

impl Sink for Estate {
    fn interface(&mut self, record: NetworkInterface<'_>) -> Result<(), String> {
        self.add_interface(&record, None)
    }

    fn reservation(&mut self, record: Reservation<'_>) -> Result<(), String> {
        for instance in &record.instances {
            let name = self.name(id(&instance.instance_id, "InstanceId")?);
            if !self.instances_with_interfaces.contains(&name)
                && let Some(interfaces) = instance.network_interfaces
            {
                let interfaces = interfaces.read().map_err(|error| error.to_string())?;
                for interface in &interfaces {
                    self.add_interface(interface, Some(name))?;
                }
            }
            if self.first(name) {
                let raw = RawInstance {
                    state: self.option(instance.state.as_ref().map(|state| &state.name)),
                    label: self.label(&instance.tags),
                    tags: self.tags(&instance.tags),
                };
                self.instances.insert(name, raw);
            }
        }
        Ok(())
    }

    fn security_group(&mut self, record: SecurityGroup<'_>) -> Result<(), String> {
        let name = self.name(id(&record.group_id, "GroupId")?);
        if !self.first(name) {
            return Ok(());
        }
        let mut permissions = [None, None];
        for (slot, listed) in permissions.iter_mut().zip([&record.ip_permissions, &record.ip_permissions_egress]) {
            if let Some(listed) = listed {
                let start = self.permissions.len();
                for permission in listed {
                    self.permission(permission, &record.group_id)?;
                }
                *slot = Some(start..self.permissions.len());
            }
        }
        let raw = RawGroup {
            label: self.option(record.group_name.as_ref()),
            owner: self.option(record.owner_id.as_ref()),
            vpc: self.option(record.vpc_id.as_ref()),
            permissions,
            described: true,
        };
        self.groups.insert(name, raw);
        Ok(())
    }

    fn security_group_rule(&mut self, record: SecurityGroupRule<'_>) -> Result<(), String> {
        let name = self.name(id(&record.security_group_rule_id, "SecurityGroupRuleId")?);
        if !self.rule_seen.insert(name) {
            return Ok(());
        }
        let group = self.name(id(&record.group_id, "GroupId")?);
        let rule = self.raw_rule(&record)?;
        self.rules.push((group, record.is_egress, rule));
        Ok(())
    }

    fn prefix_list(&mut self, record: ManagedPrefixList<'_>) -> Result<(), String> {
        let name = self.name(id(&record.prefix_list_id, "PrefixListId")?);
        let label = self.option(record.prefix_list_name.as_ref());
        let entries = match &record.cidrs {
            Some(blocks) => {
                Some(blocks.iter().map(|text| block(text, &record.prefix_list_id)).collect::<Result<_, _>>()?)
            }
            None => None,
        };
        let list = self.prefix_lists.entry(name).or_default();
        list.label = list.label.or(label);
        list.most = list.most.or(record.max_entries.and_then(|most| usize::try_from(most).ok()));
        list.family = list.family.or(match record.address_family.as_deref() {
            Some("IPv4") => Some(Family::V4),
            Some("IPv6") => Some(Family::V6),
            _ => None,
        });
        list.of_aws |= record.owner_id.as_deref() == Some("AWS");
        if list.entries.is_none() {
            list.entries = entries;
        }
        Ok(())
    }

    fn prefix_list_entries(&mut self, list: &str, entries: &[PrefixListEntry<'_>], more: bool) -> Result<(), String> {
        let name = self.name(list);
        let record = self.prefix_lists.entry(name).or_default();
        *(if more { &mut record.pages.0 } else { &mut record.pages.1 }) += 1;
        let known = record.entries.get_or_insert_default();
        for entry in entries {
            let Some(text) = entry.cidr.as_deref() else { continue };
            known.push(block(text, list)?);
        }
        Ok(())
    }

    fn network_acl(&mut self, record: NetworkAcl<'_>) -> Result<(), String> {
        let name = self.name(id(&record.network_acl_id, "NetworkAclId")?);
        if !self.first(name) {
            return Ok(());
        }
        let mut entries = Vec::with_capacity(record.entries.len());
        for entry in &record.entries {
            entries.extend(Self::raw_entry(entry, &record.network_acl_id)?);
        }
        // Rules are evaluated by number; the API promises no order (VPC guide, network ACLs).
        entries.sort_by_key(|entry| entry.number);
        let subnets = record.associations.iter().filter_map(|association| association.subnet_id.as_ref());
        let subnets = subnets.map(|subnet| self.names.intern(subnet)).collect();
        let (vpc, default) = (self.option(record.vpc_id.as_ref()), record.is_default == Some(true));
        self.acls.push(RawAcl { id: name, vpc, default, subnets, entries });
        Ok(())
    }

    fn route_table(&mut self, record: RouteTable<'_>) -> Result<(), String> {
        let name = self.name(id(&record.route_table_id, "RouteTableId")?);
        if !self.first(name) {
            return Ok(());
        }
        let mut routes = Vec::with_capacity(record.routes.len());
        for route in &record.routes {
            routes.extend(self.raw_route(route, &record.route_table_id)?);
        }
        let subnets = record.associations.iter().filter_map(|association| association.subnet_id.as_ref());
        let subnets = subnets.map(|subnet| self.names.intern(subnet)).collect();
        let table = RawTable {
            id: name,
            vpc: self.option(record.vpc_id.as_ref()),
            main: record.associations.iter().any(|association| association.main == Some(true)),
            subnets,
            routes,
        };
        self.tables.push(table);
        Ok(())
    }

    fn subnet(&mut self, record: Subnet<'_>) -> Result<(), String> {
        let name = self.name(id(&record.subnet_id, "SubnetId")?);
        let vpc = self.option(record.vpc_id.as_ref());
        let v6 = record.ipv6_cidr_block_association_set.iter().filter_map(|set| set.ipv6_cidr_block.as_deref());
        let texts = record.cidr_block.as_deref().into_iter().chain(v6);
        let blocks = texts.map(|text| block(text, &record.subnet_id)).collect::<Result<_, _>>()?;
        let zone = (self.option(record.availability_zone.as_ref()), self.option(record.availability_zone_id.as_ref()));
        self.subnets.entry(name).or_insert(RawSubnet { vpc, blocks, zone });
        if let Some((vpc, owner)) = vpc.zip(self.option(record.owner_id.as_ref())) {
            self.vpc_owners.entry(vpc).or_insert(owner);
        }
        Ok(())
    }

    fn vpc(&mut self, record: Vpc<'_>) -> Result<(), String> {
        let name = self.name(id(&record.vpc_id, "VpcId")?);
        // A block that is being added or removed is not in force.
        let in_force = |state: Option<&crate::records::CidrState<'_>>| {
            state.and_then(|state| state.state.as_deref()).is_none_or(|state| state == "associated")
        };
        let v4 = record.cidr_block_association_set.iter();
        let v4 = v4.filter(|set| in_force(set.cidr_block_state.as_ref())).filter_map(|set| set.cidr_block.as_deref());
        let v6 = record.ipv6_cidr_block_association_set.iter();
        let v6 = v6.filter(|set| in_force(set.ipv6_cidr_block_state.as_ref()));
        let v6 = v6.filter_map(|set| set.ipv6_cidr_block.as_deref());
        let texts = record.cidr_block.as_deref().into_iter().chain(v4).chain(v6);
        let blocks = texts.map(|text| block(text, &record.vpc_id)).collect::<Result<Vec<_>, _>>()?;
        self.vpcs.entry(name).or_insert(blocks);
        let control = record.encryption_control.as_ref();
        let gone = control.and_then(|control| control.state.as_deref()) == Some("deleted");
        // A mode that is not known counts as the strict one.
        if control.and_then(|control| control.mode.as_deref()).is_some_and(|mode| mode != "monitor" && !gone) {
            self.encrypting.insert(name);
        }
        if let Some(owner) = self.option(record.owner_id.as_ref()) {
            self.vpc_owners.entry(name).or_insert(owner);
        }
        Ok(())
    }

    fn peering(&mut self, record: VpcPeeringConnection<'_>) -> Result<(), String> {
        let name = self.name(id(&record.vpc_peering_connection_id, "VpcPeeringConnectionId")?);
        if !self.first(name) {
            return Ok(());
        }
        let code = record.status.as_ref().and_then(|status| status.code.as_deref());
        let peering = RawPeering {
            id: name,
            status: code.map(|code| self.names.intern(code)),
            active: code == Some("active"),
            sides: [self.side(record.requester_vpc_info.as_ref())?, self.side(record.accepter_vpc_info.as_ref())?],
        };
        self.peerings.insert(name, peering);
        Ok(())
    }

    fn internet_gateway(&mut self, record: InternetGateway<'_>) -> Result<(), String> {
        let name = self.name(id(&record.internet_gateway_id, "InternetGatewayId")?);
        let vpcs = record.attachments.iter().filter_map(|attachment| attachment.vpc_id.as_ref());
        let vpcs = vpcs.map(|vpc| self.names.intern(vpc)).collect();
        self.gateways.insert(name, vpcs);
        Ok(())
    }

    fn egress_only_gateway(&mut self, record: EgressOnlyInternetGateway<'_>) -> Result<(), String> {
        let name = self.name(id(&record.egress_only_internet_gateway_id, "EgressOnlyInternetGatewayId")?);
        let vpcs = record.attachments.iter().filter_map(|attachment| attachment.vpc_id.as_ref());
        let vpcs = vpcs.map(|vpc| self.names.intern(vpc)).collect();
        self.gateways.insert(name, vpcs);
        Ok(())
    }

    fn nat_gateway(&mut self, record: NatGateway<'_>) -> Result<(), String> {
        let name = self.name(id(&record.nat_gateway_id, "NatGatewayId")?);
        let primary = record.nat_gateway_addresses.iter().find(|address| address.is_primary != Some(false));
        let nat = RawNat {
            id: name,
            subnet: self.option(record.subnet_id.as_ref()),
            vpc: self.option(record.vpc_id.as_ref()),
            available: record.state.as_deref().is_none_or(|state| state == "available"),
            public: record.connectivity_type.as_deref() != Some("private"),
            private_address: primary.and_then(|entry| address(entry.private_ip.as_deref()?)),
            public_address: primary.and_then(|entry| address(entry.public_ip.as_deref()?)),
            regional: (record.availability_mode.as_deref() == Some("regional")).then(|| RawRegional {
                table: self.option(record.route_table_id.as_ref()),
                addresses: record
                    .nat_gateway_addresses
                    .iter()
                    .filter(|entry| entry.status.as_deref().is_none_or(|status| status == "succeeded"))
                    .filter_map(|entry| {
                        let public = address(entry.public_ip.as_deref()?)?;
                        Some((self.names.intern(entry.availability_zone.as_deref()?), public))
                    })
                    .collect(),
            }),
        };
        self.nats.entry(name).or_insert(nat);
        Ok(())
    }

    fn elastic_address(&mut self, record: ElasticAddress<'_>) -> Result<(), String> {
        let public = record.public_ip.as_deref().and_then(address);
        if let (Some(public), Some(interface)) = (public, self.option(record.network_interface_id.as_ref())) {
            let private = record.private_ip_address.as_deref().and_then(address);
            self.elastic.push((public, interface, private));
        }
        Ok(())
    }

    fn load_balancer(&mut self, record: LoadBalancer<'_>) -> Result<(), String> {
        self.balancing.load_balancer(&mut self.names, &record)
    }

    fn listeners(&mut self, balancer: Option<&str>, listeners: &[Listener<'_>], more: bool) -> Result<(), String> {
        self.balancing.listeners(&mut self.names, balancer, listeners, more)
    }

    fn rules(&mut self, rules: &[ListenerRule<'_>], more: bool) -> Result<(), String> {
        self.balancing.rules(&mut self.names, rules, more);
        Ok(())
    }

    fn target_group(&mut self, record: TargetGroup<'_>) -> Result<(), String> {
        self.balancing.target_group(&mut self.names, &record)
    }

    fn targets(&mut self, group: &str, targets: &[TargetHealthDescription<'_>]) -> Result<(), String> {
        self.balancing.targets(&mut self.names, group, targets)
    }

    fn attributes(&mut self, of: &str, attributes: &[BalancingAttribute<'_>]) -> Result<(), String> {
        self.balancing.attributes(&mut self.names, of, attributes);
        Ok(())
    }

    fn hosted_zone(&mut self, zone: &HostedZone<'_>, vpcs: Option<&[ZoneVpc<'_>]>) -> Result<(), String> {
        id(&zone.id, "Id")?;
        self.zones.zone(&mut self.names, zone, vpcs);
        Ok(())
    }

    fn zones_of_vpc(&mut self, vpc: &str, zones: &[ZoneSummary<'_>], more: bool) -> Result<(), String> {
        for zone in zones {
            id(&zone.hosted_zone_id, "HostedZoneId")?;
        }
        self.zones.of_vpc(&mut self.names, vpc, zones, more);
        Ok(())
    }

    fn zone_records(&mut self, zone: &str, records: &[ResourceRecordSet<'_>], more: bool) -> Result<(), String> {
        self.zones.records(&mut self.names, zone, records, more);
        Ok(())
    }

    fn service(&mut self, record: Service<'_>) -> Result<(), String> {
        match &record {
            Service::ClassicBalancer(balancer) => self.balancing.classic(&mut self.names, balancer),
            record => self.services.take(&mut self.names, record),
        }
    }

    fn classic_health(&mut self, balancer: &str, states: &[ClassicHealth<'_>]) -> Result<(), String> {
        self.balancing.classic_health(&mut self.names, balancer, states);
        Ok(())
    }

    fn classic_attributes(&mut self, balancer: &str, attributes: &ClassicAttributes) -> Result<(), String> {
        let name = self.name(balancer);
        let crosses = attributes.cross_zone_load_balancing.as_ref().is_some_and(|setting| setting.enabled);
        self.balancing.classic_cross_zone.entry(name).or_insert(crosses);
        Ok(())
    }

    fn public_access(&mut self, record: PublicAccessOptions<'_>) -> Result<(), String> {
        let account = self.name(id(&record.aws_account_id, "AwsAccountId")?);
        let region = self.name(id(&record.aws_region, "AwsRegion")?);
        let mode = record.internet_gateway_block_mode.as_ref().filter(|mode| !mode.is_empty());
        let mode = mode.ok_or("a record has no `InternetGatewayBlockMode`")?;
        let mode = self.name(mode);
        let settled = |state: &str| matches!(state, "default-state" | "update-complete");
        let raw = RawPublicAccess {
            mode,
            changing: !record.state.as_deref().is_none_or(settled),
            exclusions: record.exclusions_allowed.as_deref() != Some("not-allowed"),
            folder: self.folder.clone(),
        };
        self.public_access.entry((account, region)).or_insert(raw);
        Ok(())
    }

    fn public_access_exclusion(&mut self, record: PublicAccessExclusion<'_>) -> Result<(), String> {
        let name = self.name(id(&record.exclusion_id, "ExclusionId")?);
        if !self.first(name) {
            return Ok(());
        }
        let arn = record.resource_arn.as_deref().unwrap_or_default();
        let resource = arn.rsplit('/').next().filter(|resource| !resource.is_empty());
        let resource = resource.ok_or_else(|| format!("`{}` has no `ResourceArn`", &*record.exclusion_id))?;
        let resource = self.name(resource);
        let raw = RawExclusion {
            mode: self.option(record.internet_gateway_exclusion_mode.as_ref()),
            state: self.option(record.state.as_ref()),
        };
        self.exclusions.entry(resource).or_default().push(raw);
        Ok(())
    }

    fn transit_gateway(&mut self, record: TransitGateway<'_>) -> Result<(), String> {
        let name = self.name(id(&record.transit_gateway_id, "TransitGatewayId")?);
        let options = record.options.unwrap_or_default();
        let raw = RawTransitGateway {
            owner: self.option(record.owner_id.as_ref()),
            // One that is being changed goes on.
            available: record.state.as_deref().is_none_or(|state| matches!(state, "available" | "modifying")),
            references: enabled(options.security_group_referencing_support.as_ref()),
        };
        self.transit.gateways.entry(name).or_insert(raw);
        Ok(())
    }

    fn transit_attachment(&mut self, record: TransitGatewayVpcAttachment<'_>) -> Result<(), String> {
        let name = self.name(id(&record.transit_gateway_attachment_id, "TransitGatewayAttachmentId")?);
        let options = record.options.unwrap_or_default();
        let raw = RawAttachment {
            gateway: self.name(id(&record.transit_gateway_id, "TransitGatewayId")?),
            vpc: self.name(id(&record.vpc_id, "VpcId")?),
            state: self.name(record.state.as_deref().unwrap_or("available")),
            subnets: record.subnet_ids.iter().map(|subnet| self.names.intern(subnet)).collect(),
            references: enabled(options.security_group_referencing_support.as_ref()),
            v6: enabled(options.ipv6_support.as_ref()),
            appliance: enabled(options.appliance_mode_support.as_ref()) != Some(false),
        };
        if let Some(owner) = self.option(record.vpc_owner_id.as_ref()) {
            self.vpc_owners.entry(raw.vpc).or_insert(owner);
        }
        self.transit.attachments.entry(name).or_insert(raw);
        Ok(())
    }

    fn transit_table(&mut self, record: TransitGatewayRouteTable<'_>) -> Result<(), String> {
        let name = self.name(id(&record.transit_gateway_route_table_id, "TransitGatewayRouteTableId")?);
        let gateway = self.name(id(&record.transit_gateway_id, "TransitGatewayId")?);
        self.transit.tables.insert(name, gateway);
        Ok(())
    }

    fn transit_policy_table(&mut self, record: TransitGatewayPolicyTable<'_>) -> Result<(), String> {
        let gateway = self.name(id(&record.transit_gateway_id, "TransitGatewayId")?);
        self.transit.policies.insert(gateway);
        Ok(())
    }

    fn transit_associations(
        &mut self,
        table: &str,
        found: &[TransitGatewayAssociation<'_>],
        more: bool,
    ) -> Result<(), String> {
        let table = self.name(table);
        let mut list = self.transit.associations.remove(&table).unwrap_or_default();
        for record in found {
            let name = self.name(id(&record.transit_gateway_attachment_id, "TransitGatewayAttachmentId")?);
            list.found.push((name, record.state.as_deref() == Some("associated")));
        }
        list.more |= more;
        self.transit.associations.insert(table, list);
        Ok(())
    }

    fn transit_routes(&mut self, table: &str, found: &[TransitGatewayRoute<'_>], more: bool) -> Result<(), String> {
        let name = self.name(table);
        // A second search of the same table would say the same again.
        let mut routes = RawTransitRoutes { more, ..RawTransitRoutes::default() };
        for record in found {
            let Some(text) = record.destination_cidr_block.as_deref() else {
                routes.odd = true;
                continue;
            };
            let prefix = block(text, table)?;
            let only = match record.transit_gateway_attachments.as_slice() {
                [only] => Some(only),
                _ => None,
            };
            routes.routes.push(RawTransitRoute {
                prefix,
                blackhole: record.state.as_deref() == Some("blackhole"),
                propagated: record.kind.as_deref() != Some("static"),
                to: only.map(|only| self.names.intern(&only.transit_gateway_attachment_id)),
                kind: self.option(only.and_then(|only| only.resource_type.as_ref())),
            });
        }
        match self.transit.routes.get_mut(&name) {
            // Several searches for one table are parts of it that nothing puts together.
            Some(known) => known.more = true,
            None => drop(self.transit.routes.insert(name, routes)),
        }
        Ok(())
    }

    fn listed(&mut self, listing: Listing, more: bool) {
        // What is about one thing has pages of its own: the entries of a prefix list, the listeners of a load balancer
        // and their rules, the route table of a transit gateway.
        let own = [
            Listing::PrefixListEntries,
            Listing::Listeners,
            Listing::Rules,
            Listing::TransitAssociations,
            Listing::TransitRoutes,
            Listing::ZoneRecords,
        ];
        let more = more && !own.contains(&listing);
        let (open, last) = self.pages.entry((listing, self.folder.clone())).or_default();
        *(if more { open } else { last }) += 1;
    }
}
