//! The rule that lets nginx in opens far more ports than it needs.

use std::collections::HashSet;

use reachlint_model::{Direction, Fix, HopKind, Peer, ProtocolMatch, Rule};

use super::Context;
use super::support::{finding, fingerprint, line, whither};
use crate::evaluate::{Blocker, called, matching, rule_name};
use crate::report::{Excerpt, Finding, FlowVerdict, Severity};

/// Ports beyond which a rule opens far more than an upstream needs.
const MANY_PORTS: u32 = 1000;

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    let reached =
        context.flows.iter().filter(|flow| matches!(flow.flow.verdict, FlowVerdict::Allowed | FlowVerdict::Partial));
    for flow in reached {
        let Some(query) = flow.query else { continue };
        for hop in flow.explanation.admitted.iter().filter(|hop| hop.hop.direction == Direction::Ingress) {
            let Some(provider) = context.providers.get(hop.provider) else { continue };
            let network = provider.network();
            let HopKind::Gate { gate, packet } = hop.hop.kind else { continue };
            // Only gates that are meant to be narrow: a default network ACL opens everything by design.
            let Some(interface) = flow.explanation.landing.interface else { continue };
            let doors = provider.exposure(interface, packet.destination).doors;
            if !doors.iter().any(|door| door.narrow && door.gate == Ok(gate)) {
                continue;
            }
            let Some(gate) = network.gate(gate) else { continue };
            for (list, id) in matching(network, gate, &packet) {
                let Some((rules, rule)) = network.list(list).zip(network.rule(id)) else { continue };
                if !is_broad(rule) || !seen.insert((hop.provider, id)) {
                    continue;
                }
                let name = rule_name(network, list, id);
                let owner = called(network, rules.name);
                let what = match rule.protocol {
                    ProtocolMatch::Any => "every protocol and port".to_owned(),
                    ProtocolMatch::Only(protocol) => format!("{} {protocol} ports", rule.ports.count()),
                };
                let message = format!(
                    "rule `{name}` of {owner} opens {what} where nginx needs {} {} to {}",
                    query.protocol,
                    query.port,
                    whither(flow)
                );
                let mut finding = finding("broad-ports", severity(rule), &[flow], message);
                finding.fingerprint = fingerprint(&["broad-ports", network.name(rules.name), &name]);
                finding.resources = vec![network.name(rules.name).to_owned(), name];
                finding.excerpts = vec![Excerpt {
                    origin: format!("{owner}, ingress"),
                    lines: vec![line(network, rule)],
                    marked: Some(0),
                    label: "opens far more than is needed".to_owned(),
                }];
                let at = Blocker { by: Some((list, id)), ..hop.clone() };
                finding.remedy = super::support::remedy(context.providers, Fix::Narrow, [&at]);
                findings.push(finding);
            }
        }
    }
    findings
}

fn is_broad(rule: &Rule) -> bool {
    rule.protocol == ProtocolMatch::Any || rule.ports.count() > MANY_PORTS
}

/// A group or single machines as the peer bound the damage.
fn severity(rule: &Rule) -> Severity {
    match rule.peer {
        Peer::Group(_) | Peer::V4 { length: 32, .. } => Severity::Low,
        _ => Severity::Medium,
    }
}
