//! Where the routes lead that connections may take.
//!
//! Pure. What a route leads to is worth a call only where an address that matters goes there: most route tables have
//! a way to the internet, and most connections never take it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use reachlint_model::{Family, Prefix};

use super::calls::Records;
use super::plan::{held, is_inside, own};
use crate::records::{NetworkInterface, Route, RouteTable};

/// What the routes lead to.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pub(super) interfaces: BTreeSet<String>,
    pub(super) instances: BTreeSet<String>,
    pub(super) nat: BTreeSet<String>,
    pub(super) internet: BTreeSet<String>,
    pub(super) egress_only: bool,
    pub(super) peerings: BTreeSet<String>,
    pub(super) transit: BTreeSet<String>,
    /// Whether a way to or from the internet may matter.
    pub(super) to_internet: bool,
}

/// Route tables by what they serve.
struct Tables<'a> {
    of_subnet: BTreeMap<&'a str, &'a RouteTable<'static>>,
    main: BTreeMap<&'a str, &'a RouteTable<'static>>,
}

impl<'a> Tables<'a> {
    fn of(records: &'a Records) -> Self {
        let (mut of_subnet, mut main) = (BTreeMap::new(), BTreeMap::new());
        for table in &records.tables {
            for association in &table.associations {
                of_subnet.extend(own(association.subnet_id.as_ref()).map(|subnet| (subnet, table)));
                if association.main == Some(true) {
                    main.extend(own(table.vpc_id.as_ref()).map(|vpc| (vpc, table)));
                }
            }
        }
        Self { of_subnet, main }
    }

    fn serving(&self, vpc: Option<&str>, subnet: Option<&str>) -> Option<&'a RouteTable<'static>> {
        let explicit = subnet.and_then(|subnet| self.of_subnet.get(subnet));
        explicit.or_else(|| vpc.and_then(|vpc| self.main.get(vpc))).copied()
    }

    fn of_interface(&self, interface: &NetworkInterface<'_>) -> Option<&'a RouteTable<'static>> {
        self.serving(own(interface.vpc_id.as_ref()), own(interface.subnet_id.as_ref()))
    }
}

impl Targets {
    /// Where the routes of all subnets lead that anything known is in, for the wanted addresses and the answers to
    /// those who dial them.
    pub(super) fn of(records: &Records, wanted: &BTreeSet<IpAddr>) -> Self {
        let mut targets = Self::default();
        let tables = Tables::of(records);
        let served = records.interfaces.iter().filter_map(|interface| tables.of_interface(interface));
        let behind = records.nat_gateways.iter().filter_map(|nat| {
            // A regional one is in no subnet and has a table of its own (VPC guide, regional NAT gateways).
            let table = own(nat.route_table_id.as_ref());
            let mut named = records.tables.iter().filter(|known| table == Some(&*known.route_table_id));
            let (vpc, subnet) = (own(nat.vpc_id.as_ref()), own(nat.subnet_id.as_ref()));
            named.next().or_else(|| tables.serving(vpc, subnet))
        });
        let ends = ends(records, wanted);
        let mut seen = HashSet::new();
        for table in served.chain(behind) {
            if seen.insert(&*table.route_table_id) {
                targets.table(table, &ends);
            }
        }
        targets.to_internet |= records.interfaces.iter().any(|interface| {
            holds(interface, wanted)
                && tables.of_interface(interface).is_some_and(|table| is_public(records, interface, table))
        });
        targets
    }

    /// The longest prefix decides (VPC guide, route priority). What a prefix list holds is not known here, so a route
    /// by one may be taken by any address.
    fn table(&mut self, table: &RouteTable<'_>, ends: &BTreeSet<IpAddr>) {
        let mut blocks: Vec<(Prefix, &Route<'_>)> = Vec::new();
        for route in &table.routes {
            match destination(route) {
                Some(block) => blocks.push((block, route)),
                None => self.route(route),
            }
        }
        let mut taken = HashSet::new();
        for end in ends {
            let matching = || blocks.iter().enumerate().filter(|(_, (block, _))| block.contains(*end));
            let longest = matching().map(|(_, (block, _))| block.length()).max();
            taken.extend(matching().filter(|(_, (block, _))| Some(block.length()) == longest).map(|(at, _)| at));
        }
        for at in taken {
            if let Some((_, route)) = blocks.get(at) {
                self.route(route);
            }
        }
    }

    fn route(&mut self, route: &Route<'_>) {
        let known = |text| own(text).map(str::to_owned);
        match known(route.network_interface_id.as_ref()) {
            Some(interface) => self.interfaces.extend([interface]),
            None => self.instances.extend(known(route.instance_id.as_ref())),
        }
        self.nat.extend(known(route.nat_gateway_id.as_ref()));
        self.transit.extend(known(route.transit_gateway_id.as_ref()));
        self.peerings.extend(known(route.vpc_peering_connection_id.as_ref()));
        let internet = known(route.gateway_id.as_ref()).filter(|gateway| gateway.starts_with("igw-"));
        let egress_only = own(route.egress_only_internet_gateway_id.as_ref()).is_some();
        self.to_internet |= internet.is_some() || egress_only;
        self.internet.extend(internet);
        self.egress_only |= egress_only;
    }
}

fn destination(route: &Route<'_>) -> Option<Prefix> {
    let block = route.destination_cidr_block.as_ref().or(route.destination_ipv6_cidr_block.as_ref());
    block.and_then(|block| block.parse().ok())
}

/// The addresses that packets go to: the wanted ones, and for the answers those of everything known. Answers go to a
/// translated address only where a wanted one may be one too.
fn ends(records: &Records, wanted: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
    let families: HashSet<Family> = wanted.iter().map(|address| Family::of(*address)).collect();
    let public = wanted.iter().any(|address| address.is_ipv4() && !is_inside(*address));
    let mut ends = wanted.clone();
    for interface in &records.interfaces {
        let translated = translated(interface);
        let answers = held(interface).0.into_iter();
        let reached = answers.filter(|end| families.contains(&Family::of(*end)));
        ends.extend(reached.filter(|end| public || !translated.contains(end)));
    }
    ends
}

/// The public addresses that an internet gateway translates to the interface's own.
fn translated(interface: &NetworkInterface<'_>) -> Vec<IpAddr> {
    let secondary = interface.private_ip_addresses.iter().filter_map(|entry| entry.association.as_ref());
    let all = interface.association.iter().chain(secondary);
    all.filter_map(|association| association.public_ip.as_ref()?.parse().ok()).collect()
}

/// Whether an interface has one of the addresses.
pub(super) fn holds(interface: &NetworkInterface<'_>, wanted: &BTreeSet<IpAddr>) -> bool {
    let (addresses, blocks) = held(interface);
    addresses.iter().any(|address| wanted.contains(address))
        || blocks.iter().any(|block| wanted.iter().any(|address| block.contains(*address)))
}

/// Whether an interface has a public address and a route to an internet gateway in the same family. Who gets through
/// to it from there is then a question, whichever of its addresses nginx dials.
fn is_public(records: &Records, interface: &NetworkInterface<'_>, table: &RouteTable<'_>) -> bool {
    let (addresses, _) = held(interface);
    let elastic = records.addresses.iter().filter_map(|entry| own(entry.network_interface_id.as_ref()));
    let translated =
        !translated(interface).is_empty() || elastic.into_iter().any(|id| *id == *interface.network_interface_id);
    let to_internet = |family: Family| {
        table.routes.iter().any(|route| {
            let gateway = own(route.gateway_id.as_ref()).is_some_and(|gateway| gateway.starts_with("igw-"));
            gateway && destination(route).is_none_or(|block| block.family() == family)
        })
    };
    (translated && to_internet(Family::V4)) || (addresses.iter().any(IpAddr::is_ipv6) && to_internet(Family::V6))
}
