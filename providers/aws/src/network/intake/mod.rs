//! Takes records as they come in, and keeps what decides.

mod kept;
mod values;

use reachlint_model::Family;

use self::values::{address, block, enabled};
use crate::network::estate::{
    Estate, RawAcl, RawAttachment, RawExclusion, RawGroup, RawInstance, RawNat, RawPeering, RawPublicAccess,
    RawRegional, RawSubnet, RawTable, RawTransitGateway, RawTransitRoute, RawTransitRoutes,
};
use crate::records::{
    BalancingAttribute, ClassicAttributes, ClassicHealth, EgressOnlyInternetGateway, ElasticAddress, HostedZone,
    InternetGateway, Listener, ListenerRule, Listing, LoadBalancer, ManagedPrefixList, NatGateway, NatGatewayAddress,
    NetworkAcl, NetworkInterface, PrefixListEntry, PublicAccessExclusion, PublicAccessOptions, Reservation,
    ResourceRecordSet, RouteTable, SecurityGroup, SecurityGroupRule, Service, Sink, Subnet, TargetGroup,
    TargetHealthDescription, TransitGateway, TransitGatewayAssociation, TransitGatewayPolicyTable, TransitGatewayRoute,
    TransitGatewayRouteTable, TransitGatewayVpcAttachment, Vpc, VpcPeeringConnection, ZoneSummary, ZoneVpc,
};

pub(super) use values::{id, region_of_zone};

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
        // Addresses that are not in use yet, or no longer, have another status.
        let in_use =
            |entry: &&NatGatewayAddress<'_>| entry.status.as_deref().is_none_or(|status| status == "succeeded");
        let nat = RawNat {
            id: name,
            subnet: self.option(record.subnet_id.as_ref()),
            vpc: self.option(record.vpc_id.as_ref()),
            available: record.state.as_deref().is_none_or(|state| state == "available"),
            public: record.connectivity_type.as_deref() != Some("private"),
            private_address: primary.and_then(|entry| address(entry.private_ip.as_deref()?)),
            public_addresses: record
                .nat_gateway_addresses
                .iter()
                .filter(in_use)
                .filter_map(|entry| address(entry.public_ip.as_deref()?))
                .collect(),
            regional: (record.availability_mode.as_deref() == Some("regional")).then(|| RawRegional {
                table: self.option(record.route_table_id.as_ref()),
                addresses: record
                    .nat_gateway_addresses
                    .iter()
                    .filter(in_use)
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
