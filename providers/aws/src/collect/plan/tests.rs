//! The rounds that an estate takes.

use super::*;
use crate::records::{
    Attachment, GroupIdentifier, Ipv4Prefix, PeerVpc, PrivateIpAddress, Route, RouteTable, SecurityGroupRule, Subnet,
    VpcPeeringConnection,
};

fn id(value: &str) -> Text<'static> {
    Text::from(value.to_owned())
}

fn interface(name: &str, vpc: &str, address: &str) -> NetworkInterface<'static> {
    NetworkInterface {
        network_interface_id: id(name),
        attachment: Some(Attachment { instance_id: Some(id(&format!("i-{name}"))), ..Attachment::default() }),
        groups: vec![GroupIdentifier { group_id: id(&format!("sg-{name}")), group_name: None }],
        private_ip_address: Some(id(address)),
        vpc_id: Some(id(vpc)),
        subnet_id: Some(id(&format!("subnet-{vpc}"))),
        ..NetworkInterface::default()
    }
}

fn subnet(vpc: &str, block: &str) -> Subnet<'static> {
    let subnet_id = id(&format!("subnet-{vpc}"));
    Subnet { subnet_id, vpc_id: Some(id(vpc)), cidr_block: Some(id(block)), ..Subnet::default() }
}

fn answer(ask: Ask, records: Records) -> Answer {
    Answer { ask, records, count: 0, pages: 1, fault: None }
}

fn plan(from: &[&str], addresses: &[&str]) -> Plan {
    Plan::new(&Wanted::Evidence {
        from: from.iter().map(|selector| selector.parse().unwrap()).collect(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
    })
}

/// Answers every call of a round with what the test's estate has for it.
fn round(plan: &mut Plan, mut estate: impl FnMut(&Ask, &mut Records)) -> Vec<(Listing, String)> {
    let asks = plan.next();
    let names = asks.iter().map(|ask| (ask.listing, ask.filter.clone().map_or(String::new(), |(name, _)| name)));
    let names = names.collect();
    for ask in asks {
        let mut records = Records::default();
        estate(&ask, &mut records);
        plan.take(answer(ask, records));
    }
    names
}

fn is(ask: &Ask, listing: Listing, filter: &str, value: &str) -> bool {
    ask.listing == listing
        && ask.filter.as_ref().is_some_and(|(name, values)| name == filter && values.iter().any(|it| it == value))
}

#[test]
fn a_small_estate_takes_three_rounds() {
    let mut plan = plan(&["i-nginx"], &["10.0.2.20"]);
    let mut estate = |ask: &Ask, records: &mut Records| {
        if is(ask, Listing::NetworkInterfaces, "attachment.instance-id", "i-nginx") {
            records.interfaces.push(interface("nginx", "vpc-1", "10.0.1.10"));
        } else if is(ask, Listing::NetworkInterfaces, "private-ip-address", "10.0.2.20") {
            records.interfaces.push(interface("app", "vpc-1", "10.0.2.20"));
        } else if ask.listing == Listing::SecurityGroupRules {
            let rule = SecurityGroupRule { prefix_list_id: Some(id("pl-1")), ..SecurityGroupRule::default() };
            records.rules.push(rule);
        } else if ask.listing == Listing::RouteTables {
            let route = Route { egress_only_internet_gateway_id: Some(id("eigw-1")), ..Route::default() };
            records.tables.push(RouteTable { routes: vec![route], ..RouteTable::default() });
        } else if ask.listing == Listing::Subnets {
            records.subnets.push(subnet("vpc-1", "10.0.0.0/16"));
        }
    };
    assert_eq!(round(&mut plan, &mut estate).len(), 2);
    assert_eq!(round(&mut plan, &mut estate).len(), 11);
    let third = round(&mut plan, &mut estate);
    let expected = [
        (Listing::EgressOnlyInternetGateways, String::new()),
        (Listing::PrefixListEntries, String::new()),
        (Listing::PrefixLists, "prefix-list-id".to_owned()),
    ];
    assert_eq!(third, expected);
    assert_eq!(plan.next(), []);
}

#[test]
fn a_whole_region_takes_two_rounds() {
    let mut plan = Plan::new(&Wanted::Everything);
    assert_eq!(round(&mut plan, |_, _| {}).len(), 14);
    assert_eq!(round(&mut plan, |_, _| {}), []);
}

#[test]
fn an_address_beyond_a_peering_is_looked_for_in_its_subnet() {
    let mut plan = plan(&["i-nginx"], &["10.8.1.30"]);
    let mut asked = Vec::new();
    for _ in 0..6 {
        round(&mut plan, |ask, records| {
            asked.push(ask.clone());
            if is(ask, Listing::NetworkInterfaces, "attachment.instance-id", "i-nginx") {
                records.interfaces.push(interface("nginx", "vpc-1", "10.9.1.10"));
            } else if is(ask, Listing::PeeringConnections, "requester-vpc-info.vpc-id", "vpc-1") {
                let side = |vpc: &str, block: &str| {
                    Some(PeerVpc { vpc_id: Some(id(vpc)), cidr_block: Some(id(block)), ..PeerVpc::default() })
                };
                records.peerings.push(VpcPeeringConnection {
                    vpc_peering_connection_id: id("pcx-1"),
                    requester_vpc_info: side("vpc-1", "10.9.0.0/16"),
                    accepter_vpc_info: side("vpc-2", "10.8.0.0/16"),
                    ..VpcPeeringConnection::default()
                });
            } else if is(ask, Listing::Subnets, "vpc-id", "vpc-2") {
                records.subnets.push(subnet("vpc-2", "10.8.1.0/24"));
            } else if is(ask, Listing::NetworkInterfaces, "subnet-id", "subnet-vpc-2") {
                records.interfaces.push(interface("other", "vpc-2", "10.8.1.99"));
                let secondary = PrivateIpAddress { private_ip_address: Some(id("10.8.1.30")), ..Default::default() };
                let private_ip_addresses = vec![secondary];
                let far = interface("far", "vpc-2", "10.8.1.31");
                records.interfaces.push(NetworkInterface { private_ip_addresses, ..far });
            }
        });
    }
    let found: Vec<&str> = plan.records.interfaces.iter().map(|it| &*it.network_interface_id).collect();
    assert_eq!(found, ["nginx", "far"]);
    assert!(asked.iter().any(|ask| is(ask, Listing::SecurityGroupRules, "group-id", "sg-far")));
    assert!(asked.iter().any(|ask| is(ask, Listing::RouteTables, "vpc-id", "vpc-2")));
}

#[test]
fn the_same_address_in_another_network_does_not_end_the_search() {
    let mut plan = plan(&["i-nginx"], &["10.0.2.70"]);
    let mut searched = 0;
    for _ in 0..6 {
        round(&mut plan, |ask, records| {
            if is(ask, Listing::NetworkInterfaces, "attachment.instance-id", "i-nginx") {
                records.interfaces.push(interface("nginx", "vpc-1", "10.0.1.10"));
            } else if is(ask, Listing::NetworkInterfaces, "private-ip-address", "10.0.2.70") {
                records.interfaces.push(interface("stranger", "vpc-9", "10.0.2.70"));
            } else if is(ask, Listing::Subnets, "vpc-id", "vpc-1") {
                records.subnets.push(subnet("vpc-1", "10.0.0.0/16"));
            } else if is(ask, Listing::NetworkInterfaces, "subnet-id", "subnet-vpc-1") {
                searched += 1;
                let ipv4_prefixes = vec![Ipv4Prefix { ipv4_prefix: Some(id("10.0.2.64/28")) }];
                let node = interface("node", "vpc-1", "10.0.2.30");
                records.interfaces.push(NetworkInterface { ipv4_prefixes, ..node });
            }
        });
    }
    assert_eq!(searched, 1);
    assert!(plan.records.interfaces.iter().any(|it| *it.network_interface_id == *"node"));
}

#[test]
fn the_machine_behind_a_name_is_found_through_its_tag() {
    let mut plan = plan(&["front?"], &[]);
    let first = plan.next();
    let by_name = first.iter().find(|ask| ask.listing == Listing::Instances).unwrap();
    assert_eq!(by_name.filter, Some(("tag:Name".to_owned(), vec!["front\\?".to_owned()])));
    let instance = crate::records::Instance { instance_id: id("i-1"), ..Default::default() };
    let reservation = crate::records::Reservation { owner_id: None, instances: vec![instance] };
    let records = Records { reservations: vec![reservation], ..Records::default() };
    plan.take(answer(by_name.clone(), records));
    assert!(plan.next().iter().any(|ask| is(ask, Listing::NetworkInterfaces, "attachment.instance-id", "i-1")));
}

#[test]
fn addresses_that_no_interface_can_have_are_not_asked_for() {
    let mut plan = plan(&[], &["127.0.0.1", "::1", "0.0.0.0", "169.254.169.254", "fe80::1", "224.0.0.1"]);
    assert_eq!(plan.next(), []);
}

#[test]
fn private_addresses_are_not_looked_for_among_public_ones() {
    let mut plan = plan(&[], &["10.0.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "::ffff:10.0.0.2"]);
    let asks = plan.next();
    assert_eq!(asks.len(), 1, "{asks:?}");
    assert!(is(&asks[0], Listing::NetworkInterfaces, "private-ip-address", "10.0.0.2"));
    assert!(is(&asks[0], Listing::NetworkInterfaces, "private-ip-address", "100.64.0.1"));
}
