//! The rule that lets nginx in opens far more ports than it needs.

use std::collections::{BTreeSet, HashMap};

use reachlint_model::{
    Action, AddressSet, Direction, Exposure, Fix, HopKind, ListId, Network, Peer, PortRange, ProtocolMatch, Rule,
    RuleId,
};

use super::Context;
use super::breadth::{Breadth, breadth, is_few, peer};
use super::support::{finding, line, remedy, whither};
use crate::audit::Judged;
use crate::evaluate::{Blocker, Owner, Query, called, matching, rule_name, sources};
use crate::report::{Excerpt, Finding, Severity};

/// Ports beyond which a rule opens far more than an upstream needs.
const MANY_PORTS: u32 = 1000;

/// A rule that opens too many ports, where it did.
struct Broad<'a> {
    network: &'a Network,
    list: ListId,
    id: RuleId,
    rule: &'a Rule,
    hop: &'a Blocker,
    query: Query,
    exposure: Exposure,
    flows: Vec<&'a Judged>,
}

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut at: HashMap<(Owner, RuleId), usize> = HashMap::new();
    let mut found: Vec<Broad<'_>> = Vec::new();
    for flow in context.flows {
        for broad in rules(context, flow) {
            let next = found.len();
            match found.get_mut(*at.entry((broad.hop.owner, broad.id)).or_insert(next)) {
                Some(known) => known.flows.push(flow),
                None => found.push(broad),
            }
        }
    }
    found.iter().filter_map(|broad| about(context, broad)).collect()
}

/// The rules with too many ports that let a flow in.
fn rules<'a>(context: &Context<'a>, flow: &'a Judged) -> Vec<Broad<'a>> {
    let mut found = Vec::new();
    let Some((query, interface)) = flow.query.zip(flow.explanation.landing.interface) else { return found };
    for hop in flow.explanation.admitted.iter().filter(|hop| hop.hop.direction == Direction::Ingress) {
        // A host's own rules are not the door that the cloud has for it.
        let Owner::Cloud(at) = hop.owner else { continue };
        let Some(provider) = context.providers.get(at) else { continue };
        let network = provider.network();
        let HopKind::Gate { gate, packet } = hop.hop.kind else { continue };
        // Only gates that are meant to be narrow: a default network ACL opens everything by design.
        let exposure = provider.exposure(interface, packet.destination);
        if !exposure.doors.iter().any(|door| door.narrow && door.gate == Ok(gate)) {
            continue;
        }
        let Some(gate) = network.gate(gate) else { continue };
        // Where the order counts, one rule lets it in; where it does not, every rule that matches does.
        let ordered =
            network.lists(gate).any(|(_, list)| network.rules(list).iter().any(|rule| rule.action != Action::Allow));
        let let_in = if ordered { hop.by.into_iter().collect() } else { matching(network, gate, &packet) };
        for (list, id) in let_in {
            // What is broad by the cloud's own default is nobody's mistake; that it may be too wide, other rules say.
            let Some(rule) = network.rule(id).filter(|rule| is_broad(rule) && !provider.built_in(id)) else { continue };
            let query = Query { to: packet.destination, ..query };
            let (exposure, flows) = (exposure.clone(), vec![flow]);
            found.push(Broad { network, list, id, rule, hop, query, exposure, flows });
        }
    }
    found
}

fn is_broad(rule: &Rule) -> bool {
    matches!(rule.action, Action::Allow | Action::Accept) && rule.ports.count() > MANY_PORTS
}

fn about(context: &Context<'_>, broad: &Broad<'_>) -> Option<Finding> {
    let Broad { network, rule, .. } = broad;
    let list = network.list(broad.list)?;
    let name = rule_name(network, broad.list, broad.id);
    let owner = called(network, list.name);
    let (open, who) = through(broad);
    let narrowed = if open > MANY_PORTS || open == rule.ports.count() {
        String::new()
    } else {
        format!("; network ACLs leave {open} of them open to other subnets")
    };
    let message =
        format!("rule `{name}` of {owner} opens {} where nginx needs {}{narrowed}", opened(rule), needed(broad));
    let list = network.name(list.name).to_owned();
    let severity = if narrowed.is_empty() { severity(broad, &who) } else { Severity::Low };
    let mut finding = finding("broad-ports", severity, &broad.flows, message, &[&list, &name]);
    finding.resources = vec![list, name];
    finding.excerpts = vec![Excerpt {
        origin: format!("{owner}, ingress"),
        lines: vec![line(network, rule)],
        marked: Some(0),
        label: "opens far more than is needed".to_owned(),
    }];
    let at = Blocker { by: Some((broad.list, broad.id)), ..broad.hop.clone() };
    finding.remedy = remedy(context, Fix::Narrow, [&at]);
    Some(finding)
}

fn opened(rule: &Rule) -> String {
    match (rule.protocol, rule.ports) {
        (ProtocolMatch::Any, PortRange::ALL) => "every port of every protocol".to_owned(),
        (ProtocolMatch::Any, ports) => format!("{} ports of every protocol", ports.count()),
        (ProtocolMatch::Only(protocol), PortRange::ALL) => format!("every {protocol} port"),
        (ProtocolMatch::Only(protocol), ports) => format!("{} {protocol} ports", ports.count()),
    }
}

/// The ports that nginx dials through the rule, and where.
fn needed(broad: &Broad<'_>) -> String {
    let queries = || broad.flows.iter().filter_map(|flow| flow.query);
    let ports: BTreeSet<(String, u16)> = queries().map(|query| (query.protocol.to_string(), query.port)).collect();
    let ports: Vec<String> = ports.iter().map(|(protocol, port)| format!("{protocol} {port}")).collect();
    let targets: BTreeSet<_> = queries().map(|query| query.to).collect();
    let first: Vec<&Judged> = broad.flows.iter().take(1).copied().collect();
    match targets.len() {
        0 | 1 => format!("{} at {}", ports.join(", "), whither(&first)),
        count => format!("{} at {} and {} more", ports.join(", "), whither(&first), count - 1),
    }
}

/// How many of the rule's ports the other filters on the way in leave open to somebody, and to whom.
fn through(broad: &Broad<'_>) -> (u32, AddressSet) {
    let Broad { network, rule, exposure, query, .. } = broad;
    let everybody = peer(network, rule.peer).unwrap_or_default();
    let others = |door: &reachlint_model::Door| !door.narrow && door.direction == Direction::Ingress;
    let doors: Vec<_> = exposure.doors.iter().filter(|door| others(door)).copied().collect();
    let gates: Option<Vec<_>> = doors.iter().map(|door| network.gate(door.gate.ok()?)).collect();
    // What could not be read closes nothing.
    let Some(gates) = gates else { return (rule.ports.count(), everybody) };
    let lists = gates.iter().flat_map(|gate| network.lists(gate));
    let bounds = lists
        .flat_map(|(_, list)| network.rules(list))
        .flat_map(|rule| [Some(rule.ports.first()), rule.ports.last().checked_add(1)]);
    let mut starts: BTreeSet<u16> = bounds.flatten().filter(|port| rule.ports.contains(*port)).collect();
    starts.insert(rule.ports.first());
    let outer = Exposure { doors, public: exposure.public };
    let (mut count, mut who) = (0, AddressSet::empty());
    for start in &starts {
        let next = starts.range(start.saturating_add(1)..).next();
        let last = next.map_or(rule.ports.last(), |next| next.saturating_sub(1));
        let admitted = sources(network, &outer, query.to, query.protocol, *start).possible.intersection(&everybody);
        if !admitted.is_empty() {
            count += u32::from(last - start) + 1;
            who = who.union(&admitted);
        }
    }
    (count, who)
}

/// A group or a few machines as the peer bound the damage; the internet as the peer does not.
fn severity(broad: &Broad<'_>, who: &AddressSet) -> Severity {
    let bounded = match broad.rule.peer {
        Peer::Group(_) => true,
        Peer::Unknown(_) => false,
        _ => is_few(who),
    };
    match broad.exposure.public {
        _ if bounded => Severity::Low,
        Ok(true) if breadth(who) == Some(Breadth::Internet) => Severity::High,
        _ => Severity::Medium,
    }
}
