//! Which calls to make next, from what is known so far.
//!
//! Pure: it never makes a call. Each round asks for everything that the records so far lead to and that was not
//! asked before, so a small estate takes three rounds: interfaces; their groups and networks; what those name.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use reachlint_model::{Prefix, Selector};

use super::Wanted;
use super::calls::{Answer, Ask, Records};
use super::fault::Fault;
use super::targets::Targets;
use crate::network::plain;
use crate::records::{
    Listing, NetworkInterface, Text, TransitGatewayRoute, TransitGatewayRouteTable, TransitGatewayVpcAttachment,
};

/// Most values that a filter takes (EC2 API, filters).
pub(super) const MOST_VALUES: usize = 200;
/// Evidence that leads further than this leads in a circle.
const MOST_ROUNDS: usize = 12;
/// Route tables of transit gateways whose routes are asked for before it is known which of them are in use.
const FEW_TABLES: usize = 2;

/// Filters of a VPC: everything in it is asked for at once. The main route table stands in for subnets without one
/// of their own, so a table read without its siblings would be taken for the wrong subnets.
const OF_A_VPC: [Listing; 4] = [Listing::Subnets, Listing::Vpcs, Listing::NetworkAcls, Listing::RouteTables];

/// What is asked for one thing at a time, and is worth nothing in part.
const OF_ONE_THING: [Listing; 12] = [
    Listing::PrefixListEntries,
    Listing::TransitAssociations,
    Listing::TransitRoutes,
    Listing::Listeners,
    Listing::Rules,
    Listing::TargetHealth,
    Listing::TargetGroupAttributes,
    Listing::LoadBalancerAttributes,
    Listing::ClassicHealth,
    Listing::ClassicAttributes,
    Listing::ZonesOfVpc,
    Listing::ZoneRecords,
];

/// What was gathered in one region, and what is still to be asked.
#[derive(Debug)]
pub(super) struct Plan {
    wanted: Wanted,
    addresses: BTreeSet<IpAddr>,
    /// Names that nginx connects to and those that they stand for, as they are compared.
    names: BTreeMap<String, Asked>,
    /// VPCs, groups and transit gateways that evidence of another account led to, and the VPCs that it came from.
    vpcs: BTreeSet<String>,
    transit: BTreeSet<String>,
    near: BTreeSet<String>,
    groups: BTreeSet<String>,
    round: usize,
    asked: HashSet<(Listing, String, String)>,
    pub(super) records: Records,
    /// Listings of which at least one page was read.
    pub(super) read: BTreeSet<Listing>,
    pub(super) faults: Vec<(Ask, Fault)>,
}

pub(super) fn own<'a>(text: Option<&'a Text<'_>>) -> Option<&'a str> {
    text.map(|text| &**text).filter(|text| !text.is_empty())
}

/// A value that means itself: `*` and `?` are wildcards of the filters and `\` takes that from them.
fn literal(value: &str) -> String {
    value.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?")
}

/// Addresses that only ever stand inside of a network (RFC 1918, RFC 6598).
pub(super) fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || (address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64),
        IpAddr::V6(_) => false,
    }
}

/// Whether an interface of the cloud can have the address at all.
fn is_assignable(address: &IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(link_local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

/// What an interface has: its addresses, primary, secondary and public, and the blocks delegated to it.
pub(super) fn held(interface: &NetworkInterface<'_>) -> (Vec<IpAddr>, Vec<Prefix>) {
    let public = interface.association.iter().filter_map(|association| association.public_ip.as_ref());
    let secondary = interface.private_ip_addresses.iter().flat_map(|entry| {
        let public = entry.association.as_ref().and_then(|association| association.public_ip.as_ref());
        entry.private_ip_address.iter().chain(public)
    });
    let v6 = interface.ipv6_addresses.iter().filter_map(|entry| entry.ipv6_address.as_ref());
    let addresses = interface.private_ip_address.iter().chain(public).chain(secondary).chain(v6);
    let v4_blocks = interface.ipv4_prefixes.iter().filter_map(|entry| entry.ipv4_prefix.as_ref());
    let blocks = v4_blocks.chain(interface.ipv6_prefixes.iter().filter_map(|entry| entry.ipv6_prefix.as_ref()));
    (addresses.filter_map(|text| text.parse().ok()).collect(), blocks.filter_map(|text| text.parse().ok()).collect())
}

/// Who has what, by VPC: the same address may stand in several.
#[derive(Default)]
struct Held<'a> {
    addresses: HashSet<(&'a str, IpAddr)>,
    blocks: Vec<(&'a str, Prefix)>,
}

impl<'a> Held<'a> {
    fn of(interfaces: &'a [NetworkInterface<'static>]) -> Self {
        let mut all = Self::default();
        for interface in interfaces {
            let vpc = interface.vpc_id.as_deref().unwrap_or_default();
            let (addresses, blocks) = held(interface);
            all.addresses.extend(addresses.into_iter().map(|address| (vpc, address)));
            all.blocks.extend(blocks.into_iter().map(|block| (vpc, block)));
        }
        all
    }

    fn has(&self, vpc: &str, address: IpAddr) -> bool {
        self.addresses.contains(&(vpc, address))
            || self.blocks.iter().any(|(known, block)| *known == vpc && block.contains(address))
    }
}

fn everything_of(listing: Listing) -> Ask {
    Ask { listing, filter: None, about: None, resources: Vec::new() }
}

fn blocks<'t>(texts: impl Iterator<Item = &'t Text<'static>>) -> Vec<Prefix> {
    texts.filter_map(|text| text.parse().ok()).collect()
}

impl Plan {
    pub(super) fn new(wanted: &Wanted) -> Self {
        let (mut addresses, mut names) = (BTreeSet::new(), BTreeMap::new());
        if let Wanted::Evidence { from, addresses: upstream, names: asked } = wanted {
            names.extend(asked.iter().map(|answer| {
                let answered = !answer.addresses.is_empty();
                (plain(&answer.name), Asked { answered, elsewhere: answer.elsewhere })
            }));
            addresses.extend(upstream.iter().map(IpAddr::to_canonical));
            addresses.extend(from.iter().filter_map(|selector| match selector {
                Selector::Address(address) => Some(address.to_canonical()),
                _ => None,
            }));
            addresses.retain(is_assignable);
        }
        Self {
            wanted: wanted.clone(),
            addresses,
            names,
            vpcs: BTreeSet::new(),
            transit: BTreeSet::new(),
            near: BTreeSet::new(),
            groups: BTreeSet::new(),
            round: 0,
            asked: HashSet::new(),
            records: Records::default(),
            read: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// The calls of the next round; none when everything is asked.
    pub(super) fn next(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        let everything = matches!(self.wanted, Wanted::Everything);
        match (everything, self.round) {
            (true, 0) => {
                let listings = Listing::ALL.into_iter().filter(|listing| listing.is_collected());
                let listings = listings.filter(|listing| !OF_ONE_THING.contains(listing));
                asks.extend(listings.map(everything_of));
            }
            (_, MOST_ROUNDS..) => {}
            (true, _) => {
                self.ask_entries(&mut asks);
                self.ask_transit_tables(&mut asks);
                self.ask_behind_balancers(&mut asks);
                self.ask_behind_classic(&mut asks);
                self.ask_all_zones(&mut asks);
            }
            (false, 0) => {
                self.ask_interfaces(&mut asks);
                if asks.is_empty() {
                    self.follow(&mut asks);
                }
            }
            (false, round) => {
                if round == 1 {
                    // Only instances that a selector named are known yet; those of upstreams come later.
                    let named = self.instances();
                    self.ask(&mut asks, Listing::NetworkInterfaces, "attachment.instance-id", named);
                }
                self.follow(&mut asks);
            }
        }
        self.round += 1;
        asks
    }

    /// Takes over what a call brought.
    pub(super) fn take(&mut self, answer: Answer) {
        let Answer { ask, mut records, pages, mut fault, .. } = answer;
        let whole = fault.is_none();
        if ask.filter.as_ref().is_some_and(|(_, values)| *values == [DATABASE]) {
            // There are as many as databases, and only few of these are wanted.
            let databases = self.databases();
            records.interfaces.retain(|interface| databases.iter().any(|database| fits(database, interface)));
        }
        if ask.filter.as_ref().is_some_and(|(name, _)| name == "subnet-id") {
            // A whole subnet was listed to find who holds a few addresses of it.
            records.interfaces.retain(|interface| {
                let (addresses, blocks) = held(interface);
                addresses.iter().any(|address| self.addresses.contains(address))
                    || blocks.iter().any(|block| self.addresses.iter().any(|address| block.contains(*address)))
            });
        }
        // What stands for more than it says is worth nothing in part: a prefix list without its other entries, or
        // a main route table without the tables that subnets use in its place.
        let partial = ask.listing == Listing::RouteTables || OF_ONE_THING.contains(&ask.listing);
        if pages > 0 && (whole || !partial) {
            self.read.insert(ask.listing);
            self.records.extend(records);
        }
        if let Some(fault) = fault.take() {
            let resources = if pages > 0 && !partial { Vec::new() } else { ask.resources.clone() };
            self.faults.push((Ask { resources, ..ask }, fault));
        }
    }

    /// Asks for values that were not asked for before, no more of them in one call than the API takes.
    fn ask(&mut self, asks: &mut Vec<Ask>, listing: Listing, filter: &str, values: BTreeSet<String>) {
        let mut fresh = Vec::new();
        for value in values {
            if self.asked.insert((listing, filter.to_owned(), value.clone())) {
                fresh.push(value);
            }
        }
        for values in fresh.chunks(MOST_VALUES) {
            let mut resources = values.to_vec();
            if filter == "vpc-id" && matches!(listing, Listing::NetworkAcls | Listing::RouteTables) {
                // These are missed by subnet.
                resources.extend(self.subnets_of(values));
            }
            let filter = Some((filter.to_owned(), values.iter().map(|value| literal(value)).collect()));
            asks.push(Ask { listing, filter, about: None, resources });
        }
    }

    /// Asks for all of a listing, once.
    fn ask_all(&mut self, asks: &mut Vec<Ask>, listing: Listing) {
        if self.asked.insert((listing, String::new(), String::new())) {
            asks.push(everything_of(listing));
        }
    }

    /// Asks for what is about one thing, once.
    fn ask_about(&mut self, asks: &mut Vec<Ask>, listing: Listing, id: &str) {
        if self.asked.insert((listing, String::new(), id.to_owned())) {
            let (about, resources) = (Some(id.to_owned()), vec![id.to_owned()]);
            asks.push(Ask { listing, filter: None, about, resources });
        }
    }

    fn subnets_of(&self, vpcs: &[String]) -> BTreeSet<String> {
        let within = self.records.interfaces.iter().filter(|interface| {
            own(interface.vpc_id.as_ref()).is_some_and(|vpc| vpcs.iter().any(|known| known == vpc))
        });
        within.filter_map(|interface| own(interface.subnet_id.as_ref()).map(str::to_owned)).collect()
    }

    /// The first round: the interfaces that selectors and addresses name.
    fn ask_interfaces(&mut self, asks: &mut Vec<Ask>) {
        let Wanted::Evidence { from, .. } = &self.wanted else { return };
        let listing = Listing::NetworkInterfaces;
        for selector in from.clone() {
            match selector {
                Selector::Name(name) if name.starts_with("i-") => {
                    self.ask(asks, listing, "attachment.instance-id", BTreeSet::from([name]));
                }
                Selector::Name(name) if name.starts_with("eni-") => {
                    self.ask(asks, listing, "network-interface-id", BTreeSet::from([name]));
                }
                Selector::Name(name) => {
                    self.ask(asks, Listing::Instances, "tag:Name", BTreeSet::from([name.clone()]));
                    self.ask(asks, listing, "description", BTreeSet::from([name]));
                }
                Selector::Tag { key, value } => {
                    let filter = format!("tag:{key}");
                    self.ask(asks, Listing::Instances, &filter, BTreeSet::from([value.clone()]));
                    self.ask(asks, listing, &filter, BTreeSet::from([value]));
                }
                // An address is found as those of upstreams are; the caller resolves `self`.
                Selector::Address(_) | Selector::Itself => {}
            }
        }
        self.ask_addresses(asks);
    }

    /// Who has the addresses. Filters of different names must all match, so each kind of address is a call of its own. A
    /// VPC may use public addresses as private ones.
    fn ask_addresses(&mut self, asks: &mut Vec<Ask>) {
        let listing = Listing::NetworkInterfaces;
        let text = |address: &IpAddr| address.to_string();
        let v4: BTreeSet<String> = self.addresses.iter().filter(|address| address.is_ipv4()).map(text).collect();
        let v6 = self.addresses.iter().filter(|address| address.is_ipv6()).map(text).collect();
        let outside = self.addresses.iter().filter(|address| address.is_ipv4() && !is_inside(**address));
        let public: BTreeSet<String> = outside.map(text).collect();
        self.ask(asks, listing, "private-ip-address", v4);
        self.ask(asks, listing, "ipv6-addresses.ipv6-address", v6);
        self.ask(asks, listing, "association.public-ip", public.clone());
        // Finds elastic addresses of secondary private addresses too.
        self.ask(asks, Listing::Addresses, "public-ip", public);
    }

    fn instances(&self) -> BTreeSet<String> {
        let instances = self.records.reservations.iter().flat_map(|reservation| &reservation.instances);
        instances.map(|instance| instance.instance_id.to_string()).filter(|id| !id.is_empty()).collect()
    }

    /// A later round: whatever the records name.
    fn follow(&mut self, asks: &mut Vec<Ask>) {
        let (mut instances, mut groups, mut vpcs) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for interface in &self.records.interfaces {
            let attachment = interface.attachment.as_ref();
            instances.extend(own(attachment.and_then(|it| it.instance_id.as_ref())).map(str::to_owned));
            groups.extend(interface.groups.iter().map(|group| group.group_id.to_string()).filter(|id| !id.is_empty()));
            vpcs.extend(own(interface.vpc_id.as_ref()).map(str::to_owned));
        }
        let several = vpcs.len() > 1;
        // What is learned now is looked for by its address first.
        let subnets = self.subnets_to_search();
        self.learn();
        let targets = Targets::of(&self.records, &self.addresses);
        vpcs.extend(self.far_vpcs());
        vpcs.extend(self.vpcs.iter().cloned());
        groups.extend(self.groups.iter().cloned());
        self.ask_balancers(asks);
        self.ask_services(asks);
        self.ask_zones(asks);
        self.ask_addresses(asks);
        // While names lead to further interfaces, those of all are worth one call and not two.
        let waiting = !asks.is_empty() && !self.open_names().is_empty();
        if !waiting {
            self.ask(asks, Listing::Instances, "instance-id", instances);
            self.ask(asks, Listing::SecurityGroups, "group-id", groups.clone());
            self.ask(asks, Listing::SecurityGroupRules, "group-id", groups);
        }
        for listing in OF_A_VPC {
            self.ask(asks, listing, "vpc-id", vpcs.clone());
        }
        if several {
            // Where no route leads over a peering that joins two of them, the missing route is worth a word.
            self.ask(asks, Listing::PeeringConnections, "requester-vpc-info.vpc-id", vpcs);
        }
        self.ask(asks, Listing::NetworkInterfaces, "subnet-id", subnets);
        self.ask_targets(asks, targets);
        self.ask_transit(asks, self.transit.clone());
        self.ask_entries(asks);
    }

    /// What the routes lead to, and only where they do: most ways stay inside of a VPC.
    fn ask_targets(&mut self, asks: &mut Vec<Ask>, targets: Targets) {
        let mut interfaces = targets.interfaces;
        let elastic = self.records.addresses.iter();
        interfaces.extend(elastic.filter_map(|entry| own(entry.network_interface_id.as_ref()).map(str::to_owned)));
        let known = &self.records.interfaces;
        interfaces.retain(|id| !known.iter().any(|interface| *interface.network_interface_id == **id));
        self.ask(asks, Listing::NetworkInterfaces, "network-interface-id", interfaces);
        self.ask(asks, Listing::NetworkInterfaces, "attachment.instance-id", targets.instances);
        self.ask(asks, Listing::NatGateways, "nat-gateway-id", targets.nat);
        self.ask(asks, Listing::InternetGateways, "internet-gateway-id", targets.internet);
        let mut peerings = targets.peerings;
        let known = &self.records.peerings;
        peerings.retain(|id| !known.iter().any(|peering| *peering.vpc_peering_connection_id == **id));
        self.ask(asks, Listing::PeeringConnections, "vpc-peering-connection-id", peerings);
        self.ask_transit(asks, targets.transit);
        if targets.egress_only {
            // There is no filter by VPC (EC2 API, DescribeEgressOnlyInternetGateways), and few of them anywhere.
            self.ask_all(asks, Listing::EgressOnlyInternetGateways);
        }
        if targets.to_internet {
            self.ask_all(asks, Listing::PublicAccessOptions);
        }
        // Nobody is excluded from what is off.
        let is_on = |mode: &Text<'_>| &**mode != "off";
        let mut switches = self.records.public_access.iter();
        if switches.any(|switch| switch.internet_gateway_block_mode.as_ref().is_none_or(is_on)) {
            self.ask_all(asks, Listing::PublicAccessExclusions);
        }
    }

    /// Transit gateways that routes lead to, and everything of them.
    fn ask_transit(&mut self, asks: &mut Vec<Ask>, gateways: BTreeSet<String>) {
        if gateways.is_empty() {
            return;
        }
        for listing in [Listing::TransitGateways, Listing::TransitAttachments, Listing::TransitTables] {
            self.ask(asks, listing, "transit-gateway-id", gateways.clone());
        }
        // No filter of theirs is documented (EC2 API, DescribeTransitGatewayPolicyTables), and few have any.
        self.ask_all(asks, Listing::TransitPolicyTables);
        self.ask_transit_tables(asks);
    }

    /// Which attachments use the route tables, and the routes of those that are in use by a VPC that is known.
    fn ask_transit_tables(&mut self, asks: &mut Vec<Ask>) {
        let id = |table: &TransitGatewayRouteTable<'_>| table.transit_gateway_route_table_id.to_string();
        let tables: BTreeSet<String> = self.records.transit_tables.iter().map(id).filter(|id| !id.is_empty()).collect();
        let all = tables.len() <= FEW_TABLES || matches!(self.wanted, Wanted::Everything);
        let mut vpcs: HashSet<&str> =
            self.records.interfaces.iter().filter_map(|interface| own(interface.vpc_id.as_ref())).collect();
        vpcs.extend(self.near.iter().map(String::as_str));
        if !self.near.is_empty() {
            // Whose answers come back over the gateway is in yet another account.
            vpcs.extend(self.over_transit().iter().map(|(_, _, far)| &*far.vpc_id));
        }
        let known: HashSet<&str> = self
            .records
            .transit_attachments
            .iter()
            .filter(|attachment| vpcs.contains(&*attachment.vpc_id))
            .map(|attachment| &*attachment.transit_gateway_attachment_id)
            .collect();
        let in_use = |table: &&String| {
            let mut attached = self.records.transit_associations.get(*table).into_iter().flatten();
            attached.any(|association| known.contains(&*association.transit_gateway_attachment_id))
        };
        let searched: Vec<String> = tables.iter().filter(|table| all || in_use(table)).cloned().collect();
        for table in &tables {
            self.ask_about(asks, Listing::TransitAssociations, table);
        }
        for table in &searched {
            self.ask_about(asks, Listing::TransitRoutes, table);
        }
    }

    /// Entries and names of the prefix lists that rules and routes use, and in a whole region of every list.
    fn ask_entries(&mut self, asks: &mut Vec<Ask>) {
        let records = &self.records;
        let rules = records.rules.iter().filter_map(|rule| rule.prefix_list_id.as_ref());
        let permissions = records.groups.iter().flat_map(|group| {
            let both = group.ip_permissions.iter().chain(&group.ip_permissions_egress).flatten();
            both.flat_map(|permission| &permission.prefix_list_ids).filter_map(|peer| peer.prefix_list_id.as_ref())
        });
        let routes = records.tables.iter().flat_map(|table| &table.routes);
        let routes = routes.filter_map(|route| route.destination_prefix_list_id.as_ref());
        let listed = records.prefix_lists.iter().map(|list| &list.prefix_list_id);
        let used = rules.chain(permissions).chain(routes).chain(listed);
        let lists: BTreeSet<String> = used.filter_map(|id| own(Some(id)).map(str::to_owned)).collect();
        for list in &lists {
            self.ask_about(asks, Listing::PrefixListEntries, list);
        }
        if !matches!(self.wanted, Wanted::Everything) {
            self.ask(asks, Listing::PrefixLists, "prefix-list-id", lists);
        }
    }

    /// Whether blocks of a VPC hold an address that nobody there is known to have.
    fn misses(&self, held: &Held<'_>, vpc: &str, blocks: &[Prefix]) -> bool {
        self.addresses
            .iter()
            .any(|address| blocks.iter().any(|block| block.contains(*address)) && !held.has(vpc, *address))
    }

    /// Subnets that hold an address whose interface no filter found: the filters know primary addresses, and none
    /// knows delegated blocks.
    fn subnets_to_search(&self) -> BTreeSet<String> {
        let held = Held::of(&self.records.interfaces);
        let searched = self.records.subnets.iter().filter(|subnet| {
            let v6 = subnet.ipv6_cidr_block_association_set.iter().filter_map(|set| set.ipv6_cidr_block.as_ref());
            let blocks = blocks(subnet.cidr_block.iter().chain(v6));
            self.misses(&held, subnet.vpc_id.as_deref().unwrap_or_default(), &blocks)
        });
        searched.map(|subnet| subnet.subnet_id.to_string()).collect()
    }

    /// VPCs beyond a peering or a transit gateway that an address leads to which nobody there is known to have.
    fn far_vpcs(&self) -> BTreeSet<String> {
        let held = Held::of(&self.records.interfaces);
        let mut vpcs = self.beyond_transit(&held);
        let peerings = self.records.peerings.iter();
        let sides = peerings.flat_map(|peering| peering.requester_vpc_info.iter().chain(&peering.accepter_vpc_info));
        let missed = sides.filter(|side| {
            let v4 = side.cidr_block_set.iter().filter_map(|block| block.cidr_block.as_ref());
            let v6 = side.ipv6_cidr_block_set.iter().filter_map(|block| block.ipv6_cidr_block.as_ref());
            let blocks = blocks(side.cidr_block.iter().chain(v4).chain(v6));
            self.misses(&held, side.vpc_id.as_deref().unwrap_or_default(), &blocks)
        });
        vpcs.extend(missed.filter_map(|side| own(side.vpc_id.as_ref()).map(str::to_owned)));
        vpcs
    }

    /// Attachments that addresses lead to, with the block of the route. The longest prefix of each table decides. A
    /// default route leads to where all else goes, and to no VPC that has the address.
    fn over_transit(&self) -> Vec<(IpAddr, Prefix, &TransitGatewayVpcAttachment<'static>)> {
        let mut found = Vec::new();
        for routes in self.records.transit_routes.values() {
            let routes: Vec<(Prefix, &TransitGatewayRoute<'_>)> = routes
                .found
                .iter()
                .filter_map(|route| Some((route.destination_cidr_block.as_ref()?.parse().ok()?, route)))
                .collect();
            for address in &self.addresses {
                let matching = routes.iter().filter(|(block, _)| block.length() > 0 && block.contains(*address));
                let Some((block, route)) = matching.max_by_key(|(block, _)| block.length()) else { continue };
                let to = route.transit_gateway_attachments.iter().map(|to| &to.transit_gateway_attachment_id);
                let to: Vec<_> = to.collect();
                let attachments = self.records.transit_attachments.iter();
                let far = attachments.filter(|known| to.contains(&&known.transit_gateway_attachment_id));
                found.extend(far.filter(|far| !far.vpc_id.is_empty()).map(|far| (*address, *block, far)));
            }
        }
        found
    }

    fn beyond_transit(&self, held: &Held<'_>) -> BTreeSet<String> {
        let over = self.over_transit().into_iter();
        let missed = over.filter(|(_, block, far)| self.misses(held, &far.vpc_id, &[*block]));
        missed.map(|(_, _, far)| far.vpc_id.to_string()).collect()
    }
}

mod balancing;
mod lead;
mod names;
mod services;
#[cfg(test)]
mod tests;

pub(super) use lead::Leads;
use names::Asked;
use services::{DATABASE, fits};
