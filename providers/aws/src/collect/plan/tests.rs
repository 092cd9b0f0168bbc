//! The rounds that an estate takes.

use super::*;
use crate::records::{
    Association, Attachment, GroupIdentifier, Ipv4Prefix, Ipv6Address, NatGateway, PeerVpc, PrivateIpAddress,
    PublicAccessOptions, Route, RouteTable, RouteTableAssociation, SecurityGroupRule, Subnet,
    TransitGatewayAssociation, TransitGatewayRouteTable, TransitGatewayVpcAttachment, VpcPeeringConnection,
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

/// A VPC's main route table, by blocks and the ids that they lead to.
fn table(vpc: &str, routes: &[(&str, &str)]) -> RouteTable<'static> {
    let routes = routes.iter().map(|(block, target)| {
        let kind = target.split('-').next().unwrap();
        let to = |kinds: &[&str]| kinds.contains(&kind).then(|| id(target));
        let (v4, v6) = if block.contains(':') { (None, Some(id(block))) } else { (Some(id(block)), None) };
        Route {
            destination_cidr_block: v4,
            destination_ipv6_cidr_block: v6,
            gateway_id: to(&["local", "igw"]),
            nat_gateway_id: to(&["nat"]),
            network_interface_id: to(&["eni"]),
            instance_id: to(&["i"]),
            egress_only_internet_gateway_id: to(&["eigw"]),
            vpc_peering_connection_id: to(&["pcx"]),
            transit_gateway_id: to(&["tgw"]),
            ..Route::default()
        }
    });
    RouteTable {
        route_table_id: id(&format!("rtb-{vpc}")),
        vpc_id: Some(id(vpc)),
        associations: vec![RouteTableAssociation { main: Some(true), ..RouteTableAssociation::default() }],
        routes: routes.collect(),
        ..RouteTable::default()
    }
}

fn answer(ask: Ask, records: Records) -> Answer {
    Answer { ask, records, count: 0, pages: 1, fault: None }
}

fn plan(from: &[&str], addresses: &[&str]) -> Plan {
    Plan::new(&Wanted::Evidence {
        from: from.iter().map(|selector| selector.parse().unwrap()).collect(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        names: Vec::new(),
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
            records.tables.push(table("vpc-1", &[("10.0.0.0/16", "local"), ("0.0.0.0/0", "igw-1")]));
        } else if ask.listing == Listing::Subnets {
            records.subnets.push(subnet("vpc-1", "10.0.0.0/16"));
        }
    };
    assert_eq!(round(&mut plan, &mut estate).len(), 2);
    assert_eq!(round(&mut plan, &mut estate).len(), 7);
    let third = round(&mut plan, &mut estate);
    let expected = [(Listing::PrefixListEntries, String::new()), (Listing::PrefixLists, "prefix-list-id".to_owned())];
    assert_eq!(third, expected);
    assert_eq!(plan.next(), []);
}

#[test]
fn a_whole_region_takes_two_rounds() {
    let mut plan = Plan::new(&Wanted::Everything);
    assert_eq!(round(&mut plan, |_, _| {}).len(), 29);
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
            } else if is(ask, Listing::RouteTables, "vpc-id", "vpc-1") {
                records.tables.push(table("vpc-1", &[("10.9.0.0/16", "local"), ("10.8.0.0/16", "pcx-1")]));
            } else if is(ask, Listing::PeeringConnections, "vpc-peering-connection-id", "pcx-1") {
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

/// What is asked for about the targets of routes, when nginx (10.0.1.10) and 10.0.2.20 are in one VPC.
fn targets(
    from: NetworkInterface<'static>,
    to: &str,
    app: NetworkInterface<'static>,
    routes: &[(&str, &str)],
) -> Vec<String> {
    let mut plan = plan(&["i-nginx"], &[to]);
    let mut asked = BTreeSet::new();
    for _ in 0..MOST_ROUNDS {
        round(&mut plan, |ask, records| {
            let values =
                ask.filter.as_ref().map_or(String::new(), |(name, values)| format!(" {name} {}", values.join(",")));
            asked.insert(format!("{:?}{values}", ask.listing));
            if is(ask, Listing::NetworkInterfaces, "attachment.instance-id", "i-nginx") {
                records.interfaces.push(from.clone());
            } else if is(ask, Listing::NetworkInterfaces, "private-ip-address", to)
                || is(ask, Listing::NetworkInterfaces, "association.public-ip", to)
                || is(ask, Listing::NetworkInterfaces, "ipv6-addresses.ipv6-address", to)
            {
                records.interfaces.push(app.clone());
            } else if is(ask, Listing::RouteTables, "vpc-id", "vpc-1") {
                records.tables.push(table("vpc-1", routes));
            } else if is(ask, Listing::NatGateways, "nat-gateway-id", "nat-1") {
                let (vpc_id, subnet_id) = (Some(id("vpc-1")), Some(id("subnet-vpc-1")));
                records.nat_gateways.push(NatGateway {
                    nat_gateway_id: id("nat-1"),
                    vpc_id,
                    subnet_id,
                    ..NatGateway::default()
                });
            } else if ask.listing == Listing::PublicAccessOptions {
                let mode = Some(id("block-ingress"));
                records
                    .public_access
                    .push(PublicAccessOptions { internet_gateway_block_mode: mode, ..Default::default() });
            }
        });
    }
    let usual = ["Instances", "SecurityGroup", "Subnets", "Vpcs", "NetworkAcls", "RouteTables"];
    let first = [
        "attachment.instance-id i-nginx",
        "private-ip-address",
        "association.public-ip",
        "ipv6-addresses",
        "Addresses public-ip",
    ];
    asked.retain(|ask| {
        !usual.iter().any(|usual| ask.starts_with(usual)) && !first.iter().any(|first| ask.contains(first))
    });
    asked.into_iter().collect()
}

fn public(interface: NetworkInterface<'static>, address: &str) -> NetworkInterface<'static> {
    let association = Some(Association { public_ip: Some(id(address)), ..Association::default() });
    NetworkInterface { association, ..interface }
}

#[test]
fn a_route_that_nothing_takes_is_not_followed() {
    let nginx = || public(interface("nginx", "vpc-1", "10.0.1.10"), "203.0.113.10");
    let app = || interface("app", "vpc-1", "10.0.2.20");
    let routes = [
        ("10.0.0.0/16", "local"),
        ("0.0.0.0/0", "igw-1"),
        ("::/0", "eigw-1"),
        ("10.8.0.0/16", "pcx-1"),
        ("10.0.0.0/8", "tgw-1"),
        ("10.9.9.9/32", "eni-1"),
    ];
    assert_eq!(targets(nginx(), "10.0.2.20", app(), &routes), Vec::<String>::new());
    // The same with a way to the outside that is taken.
    assert_eq!(
        targets(nginx(), "198.51.100.7", app(), &routes),
        ["InternetGateways internet-gateway-id igw-1", "PublicAccessExclusions", "PublicAccessOptions"]
    );
    let behind_nat = [("10.0.0.0/16", "local"), ("0.0.0.0/0", "nat-1"), ("198.51.100.0/24", "igw-1")];
    let asked = targets(interface("nginx", "vpc-1", "10.0.1.10"), "198.51.100.7", app(), &behind_nat);
    assert!(!asked.contains(&"NatGateways nat-gateway-id nat-1".to_owned()), "the longer prefix decides: {asked:?}");
    // A prefix list may hold anything.
    let mut listed = table("vpc-1", &[("10.0.0.0/16", "local")]);
    listed.routes.push(Route {
        destination_prefix_list_id: Some(id("pl-1")),
        nat_gateway_id: Some(id("nat-1")),
        ..Route::default()
    });
    let records = Records { tables: vec![listed], interfaces: vec![app()], ..Records::default() };
    assert_eq!(Targets::of(&records, &BTreeSet::new()).nat, BTreeSet::from(["nat-1".to_owned()]));
}

#[test]
fn an_upstream_that_the_internet_may_reach_is_a_question_for_the_switch() {
    let nginx = || interface("nginx", "vpc-1", "10.0.1.10");
    let app = || interface("app", "vpc-1", "10.0.2.20");
    let routes = [("10.0.0.0/16", "local"), ("0.0.0.0/0", "igw-1")];
    let asked = targets(nginx(), "10.0.2.20", public(app(), "203.0.113.20"), &routes);
    assert_eq!(asked, ["PublicAccessExclusions", "PublicAccessOptions"]);
    assert_eq!(targets(nginx(), "10.0.2.20", public(app(), "203.0.113.20"), &routes[..1]), Vec::<String>::new());
    let address = Ipv6Address { ipv6_address: Some(id("2001:db8::20")) };
    let six = || NetworkInterface { ipv6_addresses: vec![address.clone()], ..app() };
    assert_eq!(targets(nginx(), "10.0.2.20", six(), &routes), Vec::<String>::new(), "no IPv6 comes in that way");
    let both = [("10.0.0.0/16", "local"), ("::/0", "igw-1")];
    assert_eq!(targets(nginx(), "10.0.2.20", six(), &both), ["PublicAccessExclusions", "PublicAccessOptions"]);
}

#[test]
fn two_networks_are_asked_for_what_joins_them() {
    let app = interface("app", "vpc-2", "10.8.2.20");
    let asked = targets(interface("nginx", "vpc-1", "10.0.1.10"), "10.8.2.20", app, &[("10.0.0.0/16", "local")]);
    assert_eq!(asked, ["PeeringConnections requester-vpc-info.vpc-id vpc-1,vpc-2"]);
}

/// A gateway of a large organization has many tables, and a connection passes two of them.
#[test]
fn only_the_tables_of_a_transit_gateway_that_are_in_use_are_searched() {
    for (tables, searched) in [(2, 2), (5, 1)] {
        let mut plan = plan(&["i-nginx"], &["10.8.2.20"]);
        let (mut associations, mut routes, mut rounds) = (0, Vec::new(), 0);
        loop {
            let asked = round(&mut plan, |ask, records| match ask.listing {
                Listing::NetworkInterfaces if is(ask, ask.listing, "attachment.instance-id", "i-nginx") => {
                    records.interfaces.push(interface("nginx", "vpc-1", "10.0.1.10"));
                }
                Listing::RouteTables => {
                    records.tables.push(table("vpc-1", &[("10.0.0.0/16", "local"), ("0.0.0.0/0", "tgw-1")]));
                }
                Listing::TransitTables => {
                    assert!(is(ask, ask.listing, "transit-gateway-id", "tgw-1"));
                    records.transit_tables.extend((0..tables).map(|at| TransitGatewayRouteTable {
                        transit_gateway_route_table_id: id(&format!("tgw-rtb-{at}")),
                        transit_gateway_id: id("tgw-1"),
                    }));
                }
                Listing::TransitAttachments => {
                    records.transit_attachments.extend([1, 2].map(|at| TransitGatewayVpcAttachment {
                        transit_gateway_attachment_id: id(&format!("tgw-attach-{at}")),
                        transit_gateway_id: id("tgw-1"),
                        vpc_id: id(&format!("vpc-{at}")),
                        ..TransitGatewayVpcAttachment::default()
                    }));
                }
                Listing::TransitAssociations => {
                    associations += 1;
                    let about = ask.about.clone().unwrap();
                    let attached = (about == "tgw-rtb-1").then(|| TransitGatewayAssociation {
                        transit_gateway_attachment_id: id("tgw-attach-1"),
                        state: None,
                    });
                    records.transit_associations.insert(about, attached.into_iter().collect());
                }
                Listing::TransitRoutes => routes.extend(ask.about.clone()),
                _ => {}
            });
            if asked.is_empty() {
                break;
            }
            rounds += 1;
        }
        assert_eq!((associations, routes.len()), (tables, searched), "{routes:?}");
        assert!(routes.contains(&"tgw-rtb-1".to_owned()), "{routes:?}");
        assert!(rounds <= 5, "{rounds}");
    }
}
