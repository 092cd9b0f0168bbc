//! A rule that refers to something that is gone.

use std::collections::HashMap;

use reachlint_model::{Gate, GateId, HopKind, ListId, Network, Peer, Rule, RuleId, Side};

use super::Context;
use super::support::{finding, line};
use crate::audit::Judged;
use crate::evaluate::{Owner, called, rule_name};
use crate::report::{Excerpt, Finding, Severity};

/// A rule whose peer is gone.
struct Stale<'a> {
    network: &'a Network,
    side: Side,
    list: ListId,
    id: RuleId,
    rule: &'a Rule,
    flows: Vec<&'a Judged>,
}

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut at: HashMap<(Owner, RuleId), usize> = HashMap::new();
    let mut found: Vec<Stale<'_>> = Vec::new();
    for flow in context.flows {
        for (owner, gate) in gates(context, flow) {
            let Some(network) = context.network(owner) else { continue };
            let Some(gate) = network.gate(gate) else { continue };
            for stale in rules(network, gate) {
                let next = found.len();
                match found.get_mut(*at.entry((owner, stale.id)).or_insert(next)) {
                    Some(known) => known.flows.push(flow),
                    None => found.push(Stale { flows: vec![flow], ..stale }),
                }
            }
        }
    }
    found.iter().filter_map(about).collect()
}

/// The gates that a flow passes or is stopped at, and those of its upstream even where they are not decided.
fn gates(context: &Context<'_>, flow: &Judged) -> Vec<(Owner, GateId)> {
    let explanation = &flow.explanation;
    let hops = explanation.blockers.iter().chain(&explanation.admitted);
    let mut gates: Vec<(Owner, GateId)> = hops
        .filter_map(|hop| match hop.hop.kind {
            HopKind::Gate { gate, .. } => Some((hop.owner, gate)),
            _ => None,
        })
        .collect();
    let landing = explanation.landing;
    if let Some((interface, query)) = landing.interface.zip(flow.query)
        && let Some(provider) = context.providers.get(landing.provider)
    {
        let doors = provider.exposure(interface, query.to).doors;
        gates.extend(doors.iter().filter_map(|door| Some((Owner::Cloud(landing.provider), door.gate.ok()?))));
    }
    gates.sort_unstable();
    gates.dedup();
    gates
}

fn rules<'a>(network: &'a Network, gate: &'a Gate) -> impl Iterator<Item = Stale<'a>> {
    network.lists(gate).flat_map(move |(list, rules)| {
        let numbered = network.rules(rules).iter().zip(rules.rules.clone());
        let stale = numbered.filter(|(rule, _)| rule.peer == Peer::Gone);
        stale.map(move |(rule, at)| Stale { network, side: gate.side, list, id: RuleId(at), rule, flows: Vec::new() })
    })
}

fn about(stale: &Stale<'_>) -> Option<Finding> {
    let Stale { network, rule, .. } = stale;
    let list = network.list(stale.list)?;
    let name = rule_name(network, stale.list, stale.id);
    let owner = called(network, list.name);
    let peer = rule.peer_name.map(|peer| called(network, peer)).unwrap_or_default();
    let (direction, effect) = match stale.side {
        Side::Source => ("ingress", "admits nobody"),
        Side::Destination => ("egress", "lets nothing out"),
    };
    let message = format!("rule `{name}` of {owner} refers to {peer}, which is gone: it {effect}");
    let list = network.name(list.name);
    let mut finding = finding("stale-reference", Severity::Low, &stale.flows, message, &[list, direction, &name]);
    finding.resources = vec![list.to_owned(), name];
    finding.excerpts = vec![Excerpt {
        origin: format!("{owner}, {direction}"),
        lines: vec![line(network, rule)],
        marked: Some(0),
        label: "refers to something that is gone".to_owned(),
    }];
    Some(finding)
}
