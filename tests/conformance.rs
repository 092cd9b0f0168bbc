//! What every cloud's [`Provider`] has to obey, on the examples. A new cloud adds a line to `ESTATES`.

#![cfg(test)]

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reachlint::evidence::{Snapshot, load};
use reachlint_model::{
    Arrival, Cloud, Crossing, Fix, GateId, Half, Hop, HopKind, Identity, InterfaceId, Lookup, Network, Outcome, Packet,
    PortRange, Protocol, Provider, ReasonId, Selector, Via,
};

/// Evidence of each cloud.
const ESTATES: [(Cloud, &str); 3] = [
    (Cloud::Aws, "examples/aws-shop/aws"),
    (Cloud::Gcp, "examples/gcp-shop/gcp"),
    (Cloud::Azure, "examples/azure-shop/azure"),
];

/// Addresses that no estate owns, of every kind that there is.
const ODD: [&str; 22] = [
    "0.0.0.0",
    "0.0.0.1",
    "10.255.255.254",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "169.254.0.9",
    "192.0.2.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "fe80::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "2001:db8::1",
    "2600::1",
];

/// Runs a check on every estate.
fn each(check: impl Fn(&dyn Provider)) {
    for (cloud, folder) in ESTATES {
        let snapshot = estate(folder);
        assert_eq!(snapshot.networks.len(), 1, "{folder} is of one cloud");
        let provider = snapshot.networks[0].as_ref();
        assert_eq!(provider.cloud(), cloud);
        assert!(provider.network().interfaces().count() > 3, "{folder} has machines");
        check(provider);
    }
}

fn estate(folder: &str) -> Snapshot {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    load(&[path], None).unwrap()
}

fn interfaces(provider: &dyn Provider) -> Vec<InterfaceId> {
    provider.network().interfaces().map(|(id, _)| id).collect()
}

fn own(network: &Network, id: InterfaceId) -> Vec<IpAddr> {
    network.addresses(network.interface(id).unwrap()).iter().map(|address| address.private).collect()
}

/// Every address of an estate, internal and external, and the odd ones.
fn addresses(provider: &dyn Provider) -> Vec<IpAddr> {
    let network = provider.network();
    let all = network.interfaces().flat_map(|(_, interface)| network.addresses(interface));
    let mut found: Vec<IpAddr> = all.flat_map(|address| [Some(address.private), address.public]).flatten().collect();
    found.extend(ODD.iter().map(|odd| odd.parse::<IpAddr>().unwrap()));
    found.sort_unstable();
    found.dedup();
    found
}

fn packet(from: InterfaceId, source: IpAddr, to: IpAddr, protocol: Protocol, port: u16) -> Packet {
    Packet {
        protocol,
        source,
        destination: to,
        source_ports: PortRange::LINUX_EPHEMERAL,
        destination_ports: PortRange::single(port),
        source_identity: Identity::Interface(from),
        destination_identity: Identity::Nobody,
    }
}

/// A path with every hop on it, those of the ways on among them.
struct Walked {
    crossing: Crossing,
    arrival: Arrival,
    hops: Vec<Hop>,
}

fn walk(provider: &dyn Provider, from: InterfaceId, packet: &Packet) -> Walked {
    let (mut leave, mut enter) = (Half::default(), Half::default());
    let crossing = provider.leave(from, packet, &mut leave);
    let arrival = provider.enter(&crossing, &mut enter);
    let mut hops: Vec<Hop> = [leave.hops, enter.hops, enter.returns, leave.returns].concat();
    let mut ways = Vec::new();
    if let Some(at) = arrival.interface {
        provider.onward(&crossing, at, &mut ways);
    }
    while let Some(way) = ways.pop() {
        hops.extend(way.path.hops().copied());
        hops.extend(way.doubt);
        ways.extend(way.path.onward);
    }
    Walked { crossing, arrival, hops }
}

/// Every path of an estate, from each interface to each address.
fn paths(provider: &dyn Provider, check: impl FnMut(&Walked, IpAddr)) {
    let asked = [(Protocol::TCP, 8080), (Protocol::UDP, 53), (Protocol::TCP, 25), (Protocol::ICMP, 0)];
    paths_of(provider, &asked, check);
}

fn paths_of(provider: &dyn Provider, asked: &[(Protocol, u16)], mut check: impl FnMut(&Walked, IpAddr)) {
    for from in interfaces(provider) {
        for to in addresses(provider) {
            let Some(source) = provider.source_address(from, to) else { continue };
            for (protocol, port) in asked.iter().copied() {
                check(&walk(provider, from, &packet(from, source, to, protocol, port)), to);
            }
        }
    }
}

#[test]
fn a_machine_is_found_by_every_name_that_it_has() {
    each(|provider| {
        let network = provider.network();
        for (id, interface) in network.interfaces() {
            let names = [Some(interface.id), interface.owner, interface.label];
            for name in names.into_iter().flatten() {
                let found = provider.select(&Selector::Name(network.name(name).to_owned()));
                assert!(found.contains(&id), "{} does not find {}", network.name(name), network.name(interface.id));
                let mut once = found.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), found.len(), "an interface is found once");
            }
            for address in network.addresses(interface) {
                for address in [Some(address.private), address.public].into_iter().flatten() {
                    assert!(provider.select(&Selector::Address(address)).contains(&id), "{address}");
                }
            }
        }
        for nobody in ["", "no-such-machine", "../..", "projects/", "i-"] {
            assert!(provider.select(&Selector::Name(nobody.to_owned())).is_empty(), "{nobody}");
        }
        let tag = Selector::Tag { key: "no-such-key".to_owned(), value: String::new() };
        assert!(provider.select(&tag).is_empty() && provider.select(&Selector::Itself).is_empty());
    });
}

#[test]
fn a_tag_finds_the_machines_that_bear_it() {
    for ((cloud, folder), (key, value)) in ESTATES.into_iter().zip([("Role", "edge"), ("role", "edge"), ("role", "edge")]) {
        let snapshot = estate(folder);
        let provider = snapshot.networks[0].as_ref();
        let found = provider.select(&Selector::Tag { key: key.to_owned(), value: value.to_owned() });
        assert_eq!(found.len(), 2, "{cloud}: two machines run nginx");
    }
}

#[test]
fn a_connection_to_an_own_address_never_leaves_the_machine() {
    each(|provider| {
        for id in interfaces(provider) {
            for to in own(provider.network(), id) {
                let Some(source) = provider.source_address(id, to) else { continue };
                let mut half = Half::default();
                let crossing = provider.leave(id, &packet(id, source, to, Protocol::TCP, 8080), &mut half);
                // What is in front of a load balancer is no machine and opens no connection to itself.
                if provider.network().interface(id).unwrap().owner.is_some() {
                    assert_eq!(crossing.via, Via::Loopback, "{to}");
                    assert!(half.hops.iter().all(|hop| !matches!(hop.kind, HopKind::Gate { .. })));
                    assert_eq!(provider.enter(&crossing, &mut Half::default()).interface, None);
                }
            }
        }
    });
}

#[test]
fn a_source_is_an_address_of_the_interface_and_of_the_right_family() {
    each(|provider| {
        for id in interfaces(provider) {
            for to in addresses(provider) {
                let Some(source) = provider.source_address(id, to) else { continue };
                assert_eq!(source.is_ipv4(), to.is_ipv4());
                assert!(provider.select(&Selector::Address(source)).contains(&id), "{source}");
            }
        }
    });
}

#[test]
fn everything_that_a_path_names_is_there() {
    each(|provider| {
        let network = provider.network();
        let reason = |id: ReasonId| assert!(!network.reason(id).unwrap().text.is_empty());
        paths(provider, |walked, to| {
            for hop in &walked.hops {
                assert!(!network.name(hop.subject).is_empty(), "{} on the way to {to} has no name", hop.layer.0);
                let cloud = hop.layer.0.starts_with(provider.cloud().word());
                assert!(cloud || hop.layer.0.starts_with("host."), "{}", hop.layer.0);
                match hop.kind {
                    HopKind::Gate { gate, .. } => assert!(network.gate(gate).is_some()),
                    HopKind::UnreadGate(id) | HopKind::Opaque(id) => reason(id),
                    HopKind::Route(outcome) | HopKind::Translation(outcome) => match outcome {
                        Outcome::Unknown(id) => reason(id),
                        Outcome::Pass | Outcome::Block => assert!(hop.note.is_some(), "{} says nothing", hop.layer.0),
                    },
                }
                if let Some(note) = hop.note {
                    assert_eq!(note.template.contains("{}"), note.subject.is_some(), "{}", note.template);
                    assert_eq!(note.template.contains("{address}"), note.address.is_some(), "{}", note.template);
                }
            }
            let interface = |id: InterfaceId| assert!(network.interface(id).is_some());
            walked.arrival.interface.into_iter().chain(walked.crossing.destination).for_each(interface);
        });
    });
}

/// A path that ends on the sender's side, and says nothing of why, would pass as if all were well.
#[test]
fn a_path_that_leads_nowhere_says_why() {
    each(|provider| {
        paths(provider, |walked, to| {
            if walked.arrival.interface.is_some() || matches!(walked.crossing.via, Via::Loopback | Via::Service) {
                return;
            }
            let stops = walked.hops.iter().any(|hop| match hop.kind {
                HopKind::UnreadGate(_) | HopKind::Opaque(_) => true,
                HopKind::Route(outcome) | HopKind::Translation(outcome) => outcome != Outcome::Pass,
                HopKind::Gate { .. } => false,
            });
            assert!(stops, "the way to {to} ends without a word");
        });
    });
}

#[test]
fn what_is_for_nobody_arrives_nowhere() {
    each(|provider| {
        let from = interfaces(provider)[0];
        for to in ODD.iter().map(|odd| odd.parse::<IpAddr>().unwrap()) {
            assert!(!provider.answers(to) || provider.network().owners(to).next().is_some());
            for via in [Via::Nowhere, Via::Loopback, Via::Service, Via::Internet] {
                let packet = packet(from, "192.0.2.77".parse().unwrap(), to, Protocol::TCP, 8080);
                let crossing = Crossing { packet, via, destination: None };
                assert_eq!(provider.enter(&crossing, &mut Half::default()).interface, None, "{to} {via:?}");
            }
        }
    });
}

#[test]
fn an_external_address_is_answered_and_others_are_not() {
    each(|provider| {
        let network = provider.network();
        let mut external = 0;
        for (id, interface) in network.interfaces() {
            for public in network.addresses(interface).iter().filter_map(|address| address.public) {
                external += 1;
                assert!(provider.answers(public), "{public}");
                let packet = packet(id, "192.0.2.77".parse().unwrap(), public, Protocol::TCP, 8080);
                let crossing = Crossing { packet, via: Via::Internet, destination: None };
                assert_eq!(provider.enter(&crossing, &mut Half::default()).interface, Some(id));
            }
        }
        assert!(external > 0, "the example has an external address");
        assert!(!provider.answers("192.0.2.1".parse().unwrap()));
    });
}

#[test]
fn every_door_is_there() {
    each(|provider| {
        let network = provider.network();
        for id in interfaces(provider) {
            for address in own(network, id).into_iter().chain(ODD.iter().map(|odd| odd.parse().unwrap())) {
                let exposure = provider.exposure(id, address);
                for door in &exposure.doors {
                    match door.gate {
                        Ok(gate) => assert!(network.gate(gate).is_some()),
                        Err(reason) => assert!(network.reason(reason).is_some()),
                    }
                }
                if let Err(reason) = exposure.public {
                    assert!(network.reason(reason).is_some());
                }
            }
        }
    });
}

#[test]
fn any_name_can_be_asked_for() {
    each(|provider| {
        let from = interfaces(provider)[0];
        let long = "a.".repeat(200);
        for name in
            ["", ".", "..", "a..b", "-", "internal", ".internal", "c.internal", "é.internal", "[::1]", long.as_str()]
        {
            if let Lookup::Addresses(addresses) = provider.lookup(from, name) {
                assert!(!addresses.is_empty(), "{name}");
            }
            let _ = provider.service(name);
        }
    });
}

/// Whatever is asked, no remedy opens anything to everybody, and each of its lines is one line of one dialect.
#[test]
fn no_remedy_opens_a_door_to_everybody() {
    each(|provider| {
        let network = provider.network();
        let mut told = 0;
        paths_of(provider, &[(Protocol::TCP, 8080)], |walked, to| {
            for hop in &walked.hops {
                let mut by = vec![(None, None)];
                if let HopKind::Gate { gate, .. } = hop.kind {
                    by.extend(rules(network, gate));
                }
                for (list, rule) in by {
                    for fix in [Fix::Open, Fix::Narrow] {
                        let Some(remedy) = provider.remedy(fix, hop, list, rule) else { continue };
                        told += 1;
                        assert!(!remedy.console.is_empty(), "{to}");
                        let takes_away = [" revoke-", " delete ", "Remove ", "remove ", "delete "];
                        let lines =
                            [&remedy.cli, &remedy.terraform, &remedy.console].into_iter().flat_map(|text| text.lines());
                        for line in lines.filter(|line| !takes_away.iter().any(|word| line.contains(word))) {
                            assert!(!line.contains("/0"), "{line}");
                        }
                    }
                }
            }
        });
        assert!(told > 0, "no path of the example has a remedy");
    });
}

fn rules(network: &Network, gate: GateId) -> Vec<(Option<reachlint_model::ListId>, Option<reachlint_model::RuleId>)> {
    let gate = network.gate(gate).unwrap();
    let lists = network.lists(gate);
    lists
        .flat_map(|(list, rules)| rules.rules.clone().map(move |at| (Some(list), Some(reachlint_model::RuleId(at)))))
        .collect()
}
