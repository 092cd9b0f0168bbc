//! More sources get through to an upstream's port than it should have.

use std::net::IpAddr;

use reachlint_model::{
    Exposure, Family, Fix, GateId, HopKind, Identity, InterfaceId, ListId, Network, Protocol, Provider, ReasonId,
    RuleId,
};

use super::Context;
use super::breadth::{Breadth, breadth, is_whole_internet, listed};
use super::support::{concern, excerpt, finding, groups, remedy, whither};
use crate::audit::Judged;
use crate::evaluate::{Blocker, Opening, Owner, Sources, called, rule_name, sources};
use crate::report::{Confidence, Excerpt, Finding, Severity};

/// Ports whose services are attacked as soon as they can be seen.
const SENSITIVE: [u16; 26] = [
    22, 23, 135, 445, 1433, 1521, 2375, 2379, 3306, 3389, 5432, 5601, 5672, 5984, 6379, 6443, 7001, 8020, 9042, 9092,
    9200, 9300, 10250, 11211, 15672, 27017,
];

/// A port of an interface that is open too wide.
struct Door<'a> {
    network: &'a Network,
    flows: Vec<&'a Judged>,
    interface: InterfaceId,
    protocol: Protocol,
    port: u16,
    /// The gates that are meant to be narrow.
    narrow: Vec<GateId>,
    /// What is wide, in one family or both; the worst first.
    views: Vec<View>,
}

/// One address family of a door.
struct View {
    family: Family,
    found: Sources,
    breadth: Breadth,
    severity: Severity,
    public: Result<bool, ReasonId>,
    /// A gate that may narrow what the others let through, and could not be read.
    unread: Option<ReasonId>,
}

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let landed = context.flows.iter().filter(|flow| flow.explanation.landing.interface.is_some());
    let ports = groups(landed, |flow| {
        let landing = flow.explanation.landing;
        (landing.provider, landing.interface, flow.query.map(|query| (query.port, query.protocol)))
    });
    let doors: Vec<Door<'_>> = ports.into_iter().filter_map(|flows| door(context, flows)).collect();
    // Rules that stand before many upstreams are one thing to repair.
    let mut groups: Vec<(Key, Vec<&Door<'_>>)> = Vec::new();
    for door in &doors {
        let key = key(door);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(door),
            None => groups.push((key, vec![door])),
        }
    }
    groups
        .into_iter()
        .filter_map(|(_, mut doors)| {
            doors.sort_by_key(|door| std::cmp::Reverse(door.views.first().map(|view| view.severity)));
            about(context, &doors)
        })
        .collect()
}

type Key = (usize, Vec<(ListId, RuleId)>, u16, Protocol);

fn key(door: &Door<'_>) -> Key {
    let mut rules: Vec<_> = wide(door).map(|opening| (opening.list, opening.rule)).collect();
    rules.sort_unstable();
    rules.dedup();
    let provider = door.flows.first().map_or(0, |flow| flow.explanation.landing.provider);
    (provider, rules, door.port, door.protocol)
}

/// The openings that are wide alone, or all where only all of them together are.
fn wide<'d>(door: &'d Door<'_>) -> impl Iterator<Item = &'d Opening> {
    door.views.iter().flat_map(|view| {
        let alone = view.found.openings.iter().any(|opening| breadth(&opening.sources).is_some());
        view.found.openings.iter().filter(move |opening| !alone || breadth(&opening.sources).is_some())
    })
}

fn door<'a>(context: &Context<'a>, flows: Vec<&'a Judged>) -> Option<Door<'a>> {
    let flow = *flows.first()?;
    let landing = flow.explanation.landing;
    let (query, interface) = flow.query.zip(landing.interface)?;
    let provider = *context.providers.get(landing.provider)?;
    let network = provider.network();
    let addresses = addresses(network, interface, query.to)?;
    let doors = provider.exposure(interface, *addresses.first()?).doors;
    let narrow: Vec<GateId> = doors.iter().filter(|door| door.narrow).filter_map(|door| door.gate.ok()).collect();
    narrow.first()?;
    // A port stands open over every address of its interface, not only the one that nginx dials.
    let families = [Family::V4, Family::V6].into_iter();
    let views = families.filter_map(|family| {
        let own: Vec<IpAddr> = addresses.iter().copied().filter(|own| Family::of(*own) == family).collect();
        view(provider, interface, &own, query.protocol, query.port)
    });
    let mut views: Vec<View> = views.collect();
    views.sort_by_key(|view| std::cmp::Reverse(view.severity));
    views.first()?;
    Some(Door { network, flows, interface, protocol: query.protocol, port: query.port, narrow, views })
}

/// The addresses of an interface as its own filters see them, that which was dialled first.
fn addresses(network: &Network, interface: InterfaceId, dialled: IpAddr) -> Option<Vec<IpAddr>> {
    let listed = network.addresses(network.interface(interface)?);
    let translated = listed.iter().find(|own| own.public == Some(dialled));
    let mut addresses = vec![translated.map_or(dialled, |own| own.private)];
    for own in listed {
        if !addresses.contains(&own.private) {
            addresses.push(own.private);
        }
    }
    Some(addresses)
}

fn view(provider: &dyn Provider, id: InterfaceId, own: &[IpAddr], protocol: Protocol, port: u16) -> Option<View> {
    let address = *own.first()?;
    let exposures: Vec<Exposure> = own.iter().map(|address| provider.exposure(id, *address)).collect();
    let public = exposures.iter().map(|exposure| exposure.public).reduce(|one, other| match (one, other) {
        (Ok(true), _) | (_, Ok(true)) => Ok(true),
        (Err(reason), _) | (_, Err(reason)) => Err(reason),
        _ => Ok(false),
    })?;
    let exposure = exposures.into_iter().next()?;
    let unread = exposure.doors.iter().find_map(|door| door.gate.err());
    let read = Exposure { doors: exposure.doors.into_iter().filter(|door| door.gate.is_ok()).collect(), public };
    let found = sources(provider.network(), &read, address, protocol, port);
    let breadth = breadth(&found.certain)?;
    // What could not be read may narrow the door; that everybody comes as far as there is worth a word all the same.
    if unread.is_some() && breadth != Breadth::Internet {
        return None;
    }
    let severity = severity(breadth, public.unwrap_or(true), port);
    Some(View { family: Family::of(address), found, breadth, severity, public, unread })
}

fn severity(breadth: Breadth, public: bool, port: u16) -> Severity {
    match (breadth, public) {
        (Breadth::Internet, true) if SENSITIVE.contains(&port) => Severity::Critical,
        (Breadth::Internet, true) => Severity::High,
        (Breadth::Internet, false) | (Breadth::Public, true) => Severity::Medium,
        (Breadth::Public, false) | (Breadth::Private, _) => Severity::Low,
    }
}

/// One finding about the doors that the same rules open; the worst is first.
fn about(context: &Context<'_>, doors: &[&Door<'_>]) -> Option<Finding> {
    let worst = *doors.first()?;
    let view = worst.views.first()?;
    let network = worst.network;
    let flows: Vec<&Judged> = doors.iter().flat_map(|door| door.flows.iter().copied()).collect();
    let mut rules: Vec<String> = Vec::new();
    for opening in doors.iter().flat_map(|door| wide(door)) {
        let list = network.list(opening.list)?;
        let name = rule_name(network, opening.list, opening.rule);
        rules.extend([network.name(list.name).to_owned(), name]);
    }
    let more = match doors.len() {
        1 => String::new(),
        2 => " and one more".to_owned(),
        count => format!(" and {} more", count - 1),
    };
    let message = format!("the door to {}{more} admits {}", whither(&worst.flows), admitted(worst, view));
    let what = [sorted(&rules), vec![worst.port.to_string(), worst.protocol.to_string()]].concat();
    let mut finding = finding("broad-ingress", view.severity, &flows, message, &what);
    finding.confidence = match (view.unread, view.public) {
        (Some(_), _) => Confidence::Low,
        (None, Err(_)) => Confidence::Medium,
        (None, Ok(_)) => Confidence::High,
    };
    let interfaces = doors.iter().filter_map(|door| network.interface(door.interface));
    concern(&mut finding, interfaces.map(|interface| network.name(interface.id).to_owned()));
    concern(&mut finding, rules);
    explain(context, worst, &mut finding);
    Some(finding)
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}

/// Who gets in, and from where that is known.
fn admitted(door: &Door<'_>, view: &View) -> String {
    let asked = door.flows.iter().filter_map(|flow| flow.query).any(|query| Family::of(query.to) == view.family);
    let over = match view.family {
        _ if asked => "",
        Family::V4 => " over IPv4",
        Family::V6 => " over IPv6",
    };
    let who = match view.breadth {
        Breadth::Internet if is_whole_internet(&view.found.certain, view.family) => {
            format!("anybody on the internet{over}")
        }
        Breadth::Internet => format!("much of the internet{over} ({})", listed(&view.found.certain)),
        Breadth::Public | Breadth::Private => listed(&view.found.certain),
    };
    let reach = match (view.breadth, view.public) {
        (Breadth::Private, _) => "far more than nginx needs",
        (_, Ok(true)) => "and a public path leads there",
        (_, Ok(false)) => "though no public path leads there now",
        (_, Err(_)) => "and whether a public path leads there is not known",
    };
    let unless = if view.unread.is_some() { ", unless a filter that could not be read narrows it" } else { "" };
    format!("{who}, {reach}{unless}")
}

/// Adds the rules that open the worst door, and what would be enough.
fn explain(context: &Context<'_>, door: &Door<'_>, finding: &mut Finding) {
    let network = door.network;
    let mut blockers = Vec::new();
    for opening in wide(door) {
        let Some(list) = network.list(opening.list) else { continue };
        finding.reasons.push(format!(
            "{} of {} admits {}",
            rule_name(network, opening.list, opening.rule),
            called(network, list.name),
            listed(&opening.sources)
        ));
        // For each of nginx's machines: they may come in by groups of their own.
        // Where several gates make up the door, the one that holds the rule tells what else it lets in.
        let holds = |hop: &&Blocker| match hop.hop.kind {
            HopKind::Gate { gate, .. } => {
                network.gate(gate).is_some_and(|gate| network.lists(gate).any(|(list, _)| list == opening.list))
            }
            _ => false,
        };
        let here: Vec<&Blocker> = hops(door).filter(holds).collect();
        let met = if here.is_empty() { hops(door).collect() } else { here };
        blockers.extend(met.iter().map(|hop| Blocker { by: Some((opening.list, opening.rule)), ..(*hop).clone() }));
    }
    finding.reasons.push(format!("nginx needs it from {}", needed(door)));
    let mut gaps: Vec<ReasonId> = door.views.iter().filter_map(|view| view.unread.or(view.public.err())).collect();
    gaps.dedup();
    for reason in gaps.into_iter().filter_map(|gap| network.reason(gap)) {
        let grant = reason.permission.as_ref().map(|permission| format!("; grant {permission}"));
        finding.reasons.push(format!("{}{}", reason.text, grant.unwrap_or_default()));
    }
    let shown = blockers.first().and_then(|first| excerpt(network, first));
    let label = "far wider than nginx needs".to_owned();
    finding.excerpts.extend(shown.map(|excerpt| Excerpt { label, ..excerpt }));
    finding.remedy = remedy(context, Fix::Narrow, &blockers);
}

/// Where flows met the gates that are meant to be narrow.
fn hops<'d>(door: &'d Door<'_>) -> impl Iterator<Item = &'d Blocker> {
    let hops = door.flows.iter().flat_map(|flow| flow.explanation.admitted.iter().chain(&flow.explanation.blockers));
    hops.filter(|hop| {
        matches!(hop.owner, Owner::Cloud(_))
            && matches!(hop.hop.kind, HopKind::Gate { gate, .. } if door.narrow.contains(&gate))
    })
}

/// The addresses of nginx as that gate sees them, behind whatever translates them.
fn needed(door: &Door<'_>) -> String {
    let mut seen: Vec<String> = hops(door)
        .filter_map(|hop| match hop.hop.kind {
            HopKind::Gate { packet, .. } if packet.source_identity == Identity::Hidden => {
                Some("an address that is not known".to_owned())
            }
            HopKind::Gate { packet, .. } => Some(packet.source.to_string()),
            _ => None,
        })
        .collect();
    if seen.is_empty() {
        seen = door.flows.iter().filter_map(|flow| flow.flow.from.address.clone()).collect();
    }
    sorted(&seen).join(", ")
}
