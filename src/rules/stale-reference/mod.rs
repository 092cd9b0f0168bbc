//! A rule that refers to something that is gone.

use std::collections::HashSet;

use reachlint_model::{HopKind, Peer, RuleId};

use super::Context;
use super::support::{finding, fingerprint, line};
use crate::evaluate::{called, rule_name};
use crate::report::{Excerpt, Finding, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    for flow in context.flows {
        let hops = flow.explanation.blockers.iter().chain(&flow.explanation.admitted);
        for hop in hops {
            let Some(provider) = context.providers.get(hop.provider) else { continue };
            let network = provider.network();
            let HopKind::Gate { gate, .. } = hop.hop.kind else { continue };
            let Some(gate) = network.gate(gate) else { continue };
            for (list, rules) in network.lists(gate) {
                for (rule, at) in network.rules(rules).iter().zip(rules.rules.clone()) {
                    if rule.peer != Peer::Gone || !seen.insert((hop.provider, at)) {
                        continue;
                    }
                    let name = rule_name(network, list, RuleId(at));
                    let owner = called(network, rules.name);
                    let peer = rule.peer_name.map(|peer| called(network, peer)).unwrap_or_default();
                    let message = format!("rule `{name}` of {owner} refers to {peer}, which is gone: it admits nobody");
                    let mut finding = finding("stale-reference", Severity::Low, &[flow], message);
                    finding.fingerprint = fingerprint(&["stale-reference", network.name(rules.name), &name]);
                    finding.resources = vec![network.name(rules.name).to_owned(), name];
                    finding.excerpts = vec![Excerpt {
                        origin: owner,
                        lines: vec![line(network, rule)],
                        marked: Some(0),
                        label: "refers to something that is gone".to_owned(),
                    }];
                    findings.push(finding);
                }
            }
        }
    }
    findings
}
