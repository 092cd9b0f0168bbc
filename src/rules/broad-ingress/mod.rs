//! More sources get through to an upstream's port than it should have.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use reachlint_model::{AddressSet, Fix, HopKind, Prefix};

use super::Context;
use super::support::{excerpt, finding, groups, remedy, whither};
use crate::audit::Judged;
use crate::evaluate::{Blocker, Sources, called, rule_name, sources};
use crate::report::{Confidence, Finding, Severity};

/// Ports whose services are attacked as soon as they can be seen.
const SENSITIVE: [u16; 26] = [
    22, 23, 135, 445, 1433, 1521, 2375, 2379, 3306, 3389, 5432, 5601, 5672, 5984, 6379, 6443, 7001, 8020, 9042, 9092,
    9200, 9300, 10250, 11211, 15672, 27017,
];

/// A public range of this many IPv4 addresses is wide: a /16.
const WIDE_V4: u64 = 1 << 16;
/// And of this many IPv6 addresses: a /32, what one provider gets.
const WIDE_V6: u128 = 1 << 96;
/// From half of the public addresses on, it is the internet.
const INTERNET_V4: u64 = 1 << 31;
/// Half of the global unicast space of IPv6 (`2000::/3`).
const INTERNET_V6: u128 = 1 << 124;

/// Addresses that cannot come from the internet: RFC 1918, RFC 6598, loopback, link-local, and all of IPv6 that is
/// not global unicast.
static PRIVATE: LazyLock<AddressSet> = LazyLock::new(|| {
    let v4 = [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([100, 64, 0, 0], 10)];
    let local = [([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16)];
    let v4 = v4.into_iter().chain(local);
    let v4: AddressSet = v4.filter_map(|(octets, length)| Prefix::new(Ipv4Addr::from(octets).into(), length)).collect();
    let unicast = Prefix::new(IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), 3);
    let unicast = unicast.map(AddressSet::from).unwrap_or_default();
    let v6 = AddressSet::family(reachlint_model::Family::V6).difference(&unicast);
    v4.union(&v6)
});

/// How wide a set of sources is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breadth {
    Internet,
    Public,
    Private,
}

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let landed = context.flows.iter().filter(|flow| flow.explanation.landing.interface.is_some());
    let mut findings = Vec::new();
    let mut seen = HashSet::new();
    for flows in groups(landed, |flow| flow.flow.to.key()) {
        let Some(flow) = flows.first() else { continue };
        let landing = flow.explanation.landing;
        let Some((query, interface)) = flow.query.zip(landing.interface) else { continue };
        // Behind a translation the doors filter by the private address.
        let address = delivered(flow).unwrap_or(query.to);
        if seen.insert((landing.provider, interface, address, query.port, query.protocol)) {
            findings.extend(door(context, &flows, address));
        }
    }
    findings
}

/// The destination address as the receiver's own filters see it.
fn delivered(flow: &Judged) -> Option<IpAddr> {
    let explanation = &flow.explanation;
    let gates = explanation.admitted.iter().chain(&explanation.blockers);
    gates.filter(|hop| hop.hop.direction == reachlint_model::Direction::Ingress).find_map(|hop| match hop.hop.kind {
        HopKind::Gate { packet, .. } => Some(packet.destination),
        _ => None,
    })
}

fn door(context: &Context<'_>, flows: &[&Judged], address: IpAddr) -> Option<Finding> {
    let flow = flows.first()?;
    let landing = flow.explanation.landing;
    let (query, interface) = flow.query.zip(landing.interface)?;
    let provider = context.providers.get(landing.provider)?;
    let network = provider.network();
    let exposure = provider.exposure(interface, address);
    let found = sources(network, &exposure, address, query.protocol, query.port);
    let breadth = breadth(&found.certain)?;
    let severity = severity(breadth, exposure.public.unwrap_or(true), query.port);
    let from = match breadth {
        Breadth::Internet => "anybody on the internet".to_owned(),
        Breadth::Public | Breadth::Private => summary(&found),
    };
    let reach = match exposure.public {
        Ok(true) => "and a public path leads there",
        Ok(false) => "though no public path leads there now",
        Err(_) => "and whether a public path leads there is not known",
    };
    let message = format!("the door to {} admits {from}, {reach}", whither(flow));
    let mut finding = finding("broad-ingress", severity, flows, message);
    if exposure.public.is_err() {
        finding.confidence = Confidence::Medium;
    }
    let narrow = exposure.doors.iter().filter(|door| door.narrow).find_map(|door| door.gate.ok())?;
    let hop = flow.explanation.admitted.iter().chain(&flow.explanation.blockers);
    let hop = hop.clone().find(|hop| matches!(hop.hop.kind, HopKind::Gate { gate, .. } if gate == narrow));
    finding.resources.push(network.name(network.interface(interface)?.id).to_owned());
    let wide = found.openings.iter().filter(|opening| self::breadth(&opening.sources).is_some()).count();
    // Where no rule is wide alone, all of them together are.
    let openings = found.openings.iter().take(if wide == 0 { found.openings.len() } else { wide });
    let mut blockers = Vec::new();
    for opening in openings {
        let list = network.list(opening.list)?;
        for id in [network.name(list.name).to_owned(), rule_name(network, opening.list, opening.rule)] {
            if !finding.resources.contains(&id) {
                finding.resources.push(id);
            }
        }
        finding.reasons.push(format!(
            "{} of {} admits {}",
            rule_name(network, opening.list, opening.rule),
            called(network, list.name),
            listed(&opening.sources)
        ));
        blockers.extend(hop.map(|hop| Blocker { by: Some((opening.list, opening.rule)), ..hop.clone() }));
    }
    finding.reasons.push(format!("nginx needs it from {}", needed(flows)));
    if let Some(first) = blockers.first() {
        let shown = excerpt(network, first)
            .map(|excerpt| crate::report::Excerpt { label: "far wider than nginx needs".to_owned(), ..excerpt });
        finding.excerpts.extend(shown);
    }
    finding.remedy = remedy(context.providers, Fix::Narrow, &blockers);
    Some(finding)
}

fn breadth(sources: &AddressSet) -> Option<Breadth> {
    let public = sources.difference(&PRIVATE);
    if public.size_v4() >= INTERNET_V4 || public.size_v6() >= INTERNET_V6 {
        Some(Breadth::Internet)
    } else if public.size_v4() >= WIDE_V4 || public.size_v6() >= WIDE_V6 {
        Some(Breadth::Public)
    } else {
        (sources.intersection(&PRIVATE).size_v4() > WIDE_V4).then_some(Breadth::Private)
    }
}

fn severity(breadth: Breadth, public: bool, port: u16) -> Severity {
    match (breadth, public) {
        (Breadth::Internet, true) if SENSITIVE.contains(&port) => Severity::Critical,
        (Breadth::Internet, true) => Severity::High,
        (Breadth::Internet, false) | (Breadth::Public, true) => Severity::Medium,
        (Breadth::Public, false) | (Breadth::Private, _) => Severity::Low,
    }
}

fn summary(found: &Sources) -> String {
    listed(&found.certain)
}

/// A few blocks of a set, and how many there are.
fn listed(set: &AddressSet) -> String {
    let blocks: Vec<String> = set.prefixes().take(4).map(|prefix| prefix.to_string()).collect();
    let more = set.prefixes().skip(4).count();
    let rest = if more > 0 { format!(" and {more} more blocks") } else { String::new() };
    format!("{}{rest}", blocks.join(", "))
}

fn needed(flows: &[&Judged]) -> String {
    let mut addresses: Vec<String> = flows.iter().filter_map(|flow| flow.flow.from.address.clone()).collect();
    addresses.sort();
    addresses.dedup();
    addresses.join(", ")
}
