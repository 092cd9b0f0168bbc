//! What several rules need.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use reachlint_model::{Action, Fix, HopKind, Network, Remedy, Rule};

use super::Context;
use crate::audit::{Judged, destination, host_address};
use crate::evaluate::{Blocker, rule_text};
use crate::report::{Confidence, Excerpt, Finding, Place, Severity, StepOutcome};

/// Rules of a list that an excerpt shows at most.
const MOST_LINES: usize = 6;
/// Names of one upstream that a sentence holds at most.
const MOST_NAMES: usize = 3;

/// Flows that share a key, in the order of their first.
pub(super) fn groups<'f, K: Hash + Eq>(
    flows: impl IntoIterator<Item = &'f Judged>,
    key: impl Fn(&Judged) -> K,
) -> Vec<Vec<&'f Judged>> {
    let mut at: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Judged>> = Vec::new();
    for flow in flows {
        let next = groups.len();
        let position = *at.entry(key(flow)).or_insert(next);
        match groups.get_mut(position) {
            Some(group) => group.push(flow),
            None => groups.push(vec![flow]),
        }
    }
    groups
}

/// What makes two flows go to the same upstream, whatever name nginx has for it: the address, and its owner, since
/// networks may share private addresses.
pub(super) fn upstream(flow: &Judged) -> [String; 2] {
    [destination(&flow.flow.to), flow.flow.to.interface.clone().unwrap_or_default()]
}

/// Where on the path a flow turns out this way, in an order that does not depend on the path.
pub(super) fn marks(flow: &Judged, outcome: StepOutcome) -> Vec<String> {
    let steps = flow.flow.path.iter().filter(|step| step.outcome == outcome);
    let marks: BTreeSet<String> = steps.map(|step| format!("{} {}", step.layer, step.direction)).collect();
    marks.into_iter().collect()
}

/// A finding about flows that only differ in the machine of nginx they begin at. `what` and the slug tell it from
/// every other finding.
pub(super) fn finding<S: AsRef<str>>(
    slug: &str,
    severity: Severity,
    flows: &[&Judged],
    message: String,
    what: &[S],
) -> Finding {
    Finding {
        rule: slug.to_owned(),
        severity,
        confidence: Confidence::High,
        message,
        fingerprint: fingerprint(slug, what),
        nginx: places(flows),
        resources: Vec::new(),
        codes: Vec::new(),
        flow: flows.first().map(|flow| flow.flow.id.clone()),
        remedy: None,
        allowed_by: None,
        reasons: Vec::new(),
        excerpts: Vec::new(),
    }
}

/// Adds identifiers that are not among the resources yet.
pub(super) fn concern(finding: &mut Finding, ids: impl IntoIterator<Item = String>) {
    for id in ids {
        if !finding.resources.contains(&id) {
            finding.resources.push(id);
        }
    }
}

/// The cloud's own words for the steps at which flows turn out this way, each once.
pub(super) fn codes(flows: &[&Judged], outcome: StepOutcome) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    let steps = flows.iter().flat_map(|flow| &flow.flow.path).filter(|step| step.outcome == outcome);
    for code in steps.filter_map(|step| step.code.as_ref()) {
        if !codes.contains(code) {
            codes.push(code.clone());
        }
    }
    codes
}

/// Where nginx's configuration asks for these flows.
pub(super) fn places(flows: &[&Judged]) -> Vec<Place> {
    let mut places: Vec<Place> = flows.iter().flat_map(|flow| flow.flow.nginx.iter().cloned()).collect();
    places.sort();
    places.dedup();
    places
}

/// The machines of nginx that flows begin at: `edge-1 and edge-2`.
pub(super) fn machines(flows: &[&Judged]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for flow in flows {
        let from = &flow.flow.from;
        let name = from.label.as_deref().or(from.interface.as_deref()).unwrap_or("nginx");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) if names.len() <= 3 => format!("{} and {last}", rest.join(", ")),
        Some(_) => format!("{} machines of nginx", names.len()),
        None => "nginx".to_owned(),
    }
}

/// Where flows go, with the names that nginx's configuration and people have for it.
pub(super) fn whither(flows: &[&Judged]) -> String {
    let Some(first) = flows.first() else { return String::new() };
    let receiver = first.flow.receiver();
    let mut names: Vec<&str> = receiver.as_deref().into_iter().collect();
    for flow in flows {
        let to = &flow.flow.to;
        let resolved = to.address.is_some() && host_address(&to.host).is_none();
        if resolved && !names.contains(&to.host.as_str()) && names.len() < MOST_NAMES {
            names.push(&to.host);
        }
    }
    let target = destination(&first.flow.to);
    if names.is_empty() { format!("`{target}`") } else { format!("`{target}` ({})", names.join(", ")) }
}

/// A number that stays the same as long as all parts do: 64-bit FNV-1a, with the parts kept apart.
fn fingerprint<S: AsRef<str>>(slug: &str, parts: &[S]) -> String {
    let parts = std::iter::once(slug).chain(parts.iter().map(AsRef::as_ref));
    let bytes = parts.flat_map(|part| part.bytes().chain([0]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// The cloud's words for a blocker, as a cause.
pub(super) fn cause(blocker: &Blocker) -> String {
    let (layer, direction) = (blocker.hop.layer.0, blocker.hop.direction.word());
    let what = match (layer.split('.').nth(1).unwrap_or(layer), direction) {
        ("security-group", "egress") => "missing egress rule",
        ("security-group", _) => "missing ingress rule",
        ("network-acl", "return") if blocker.partial => "return ports refused in part",
        ("network-acl", "return") => "return ports refused",
        ("network-acl", "egress") => "network ACL refuses on the way out",
        ("network-acl", _) => "network ACL refuses on the way in",
        ("route", "return") => "no route back",
        ("route", _) => "no route",
        ("peering", _) => "peering does not carry it",
        ("internet-gateway", _) => "internet gateway does not carry it",
        ("block-public-access", _) => "Block Public Access keeps it off the internet",
        ("transit-gateway", "return") => "transit gateway does not carry the answer",
        ("transit-gateway", _) => "transit gateway does not carry it",
        ("nat-gateway", _) => "NAT gateway does not carry it",
        ("source-dest-check", _) => "source/destination check",
        ("load-balancer", _) => "load balancer does not take it",
        ("target-group", _) => "load balancer has no target for it",
        ("implied-rule" | "vpc-firewall", "egress") if blocker.by.is_none() => "missing egress rule",
        ("implied-rule" | "vpc-firewall", _) if blocker.by.is_none() => "missing ingress rule",
        ("vpc-firewall", "egress") => "firewall rule refuses on the way out",
        ("vpc-firewall", _) => "firewall rule refuses on the way in",
        ("hierarchical-policy", _) => "policy of the organisation or a folder refuses",
        ("network-policy" | "regional-policy" | "system-policy", _) => "network firewall policy refuses",
        ("nat", _) => "Cloud NAT does not carry it",
        ("external-address", _) => "no external address",
        ("always-blocked", _) => "Google Cloud never lets this out",
        ("backend", _) => "load balancer has no backend for it",
        ("health-check", _) => "backends are unhealthy",
        ("service-connect", _) => "endpoint of Private Service Connect does not take it",
        ("service", _) => "service does not take it",
        ("instance-state" | "machine-state", _) => "upstream is not running",
        ("network-security-group", "egress") => "network security group refuses on the way out",
        ("network-security-group", _) => "network security group refuses on the way in",
        ("security-admin-rule", _) => "security admin rule refuses",
        ("effective-rules", "egress") => "what is in force refuses on the way out",
        ("effective-rules", _) => "what is in force refuses on the way in",
        ("health-probe", _) => "health probe of the load balancer is refused",
        ("outbound-address", _) => "no way out to the internet",
        ("public-address", _) => "public address is closed",
        ("private-endpoint", _) => "private endpoint is not approved",
        ("application-gateway", _) => "application gateway does not take it",
        ("appliance", _) => "appliance does not forward it",
        ("listener", _) => "nothing listens there on the upstream",
        ("nftables" | "iptables", "ingress") => "the upstream's own firewall refuses it",
        ("nftables" | "iptables", "egress") => "the firewall of nginx's own host refuses it",
        ("nftables" | "iptables", _) => "a host's firewall refuses the answer",
        (other, _) => other,
    };
    what.to_owned()
}

/// Causes of several blockers, each once.
pub(super) fn causes(blockers: &[Blocker]) -> String {
    let mut causes: Vec<String> = Vec::new();
    for blocker in blockers {
        let cause = cause(blocker);
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    causes.join(", ")
}

/// Identifiers of what decided: the hop's own, its lists and the rule.
pub(super) fn resources(context: &Context<'_>, blocker: &Blocker) -> Vec<String> {
    let Some(network) = context.network(blocker.owner) else { return Vec::new() };
    let mut ids = vec![network.name(blocker.hop.subject).to_owned()];
    if let HopKind::Gate { gate, .. } = blocker.hop.kind
        && let Some(gate) = network.gate(gate)
    {
        ids.extend(network.lists(gate).map(|(_, list)| network.name(list.name).to_owned()));
    }
    if let Some((list, rule)) = blocker.by {
        ids.push(crate::evaluate::rule_name(network, list, rule));
    }
    ids
}

/// The narrowest changes at all blockers of all flows, each once.
pub(super) fn remedy<'b>(
    context: &Context<'_>,
    fix: Fix,
    blockers: impl IntoIterator<Item = &'b Blocker>,
) -> Option<Remedy> {
    let mut parts: Vec<Remedy> = Vec::new();
    for blocker in blockers {
        if let Some(part) = context.remedy(fix, blocker).filter(|part| !parts.contains(part)) {
            parts.push(part);
        }
    }
    Remedy::join(fix, &parts)
}

/// The rules that a blocker looked at, the nearest to what was needed first.
pub(super) fn excerpt(network: &Network, blocker: &Blocker) -> Option<Excerpt> {
    let HopKind::Gate { gate, packet } = blocker.hop.kind else { return None };
    let gate = network.gate(gate)?;
    let mut rows: Vec<(bool, bool, &Rule)> = Vec::new();
    let mut names = Vec::new();
    for (list, rules) in network.lists(gate) {
        names.push(crate::evaluate::called(network, rules.name));
        for (rule, at) in network.rules(rules).iter().zip(rules.rules.clone()) {
            let decided = blocker.by == Some((list, reachlint_model::RuleId(at)));
            let near = rule.protocol.contains(packet.protocol) && near_ports(rule, &packet);
            rows.push((decided, near, rule));
        }
    }
    let only_allows = |rule: &Rule| matches!(rule.action, Action::Allow | Action::Accept);
    if network.lists(gate).all(|(_, list)| network.rules(list).iter().all(only_allows)) {
        rows.sort_by_key(|(decided, near, ..)| (!decided, !near));
    } else {
        // The order of evaluation says something: what stands before the deciding rule, and what it hides.
        let decided = rows.iter().position(|(decided, ..)| *decided).unwrap_or(rows.len());
        let from = decided.saturating_sub(MOST_LINES / 2);
        rows.drain(..from.min(rows.len()));
    }
    rows.truncate(MOST_LINES);
    let marked = rows.iter().position(|(decided, ..)| *decided);
    let direction = match gate.side {
        reachlint_model::Side::Source => "ingress",
        reachlint_model::Side::Destination => "egress",
    };
    let lines: Vec<String> = rows.into_iter().map(|(.., rule)| line(network, rule)).collect();
    let lines = if lines.is_empty() { vec!["(no rules)".to_owned()] } else { lines };
    Some(Excerpt { origin: format!("{}, {direction}", names.join(" + ")), lines, marked, label: cause(blocker) })
}

/// Whether a rule is about the port that was needed, or one close by.
fn near_ports(rule: &Rule, packet: &reachlint_model::Packet) -> bool {
    rule.ports.contains(packet.destination_ports.first()) || rule.ports.contains(packet.destination_ports.last())
}

/// A rule as a line of an excerpt.
pub(super) fn line(network: &Network, rule: &Rule) -> String {
    let name = rule.name.map_or("(no id)", |name| network.name(name));
    format!("{name}  {}", rule_text(network, rule))
}
