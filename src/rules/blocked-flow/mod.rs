//! A connection that something on its way refuses.

use reachlint_model::Fix;

use super::Context;
use super::support::{causes, excerpt, finding, groups, machines, remedy, resources, whither};
use crate::audit::{Cause, Judged};
use crate::report::{Finding, FlowVerdict, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let blocked = context.flows.iter().filter(|flow| flow.flow.verdict == FlowVerdict::Blocked);
    groups(blocked, |flow| (flow.flow.to.key(), causes(&flow.explanation.blockers)))
        .iter()
        .map(|flows| about(context, flows, "blocked-flow", Severity::High))
        .collect()
}

/// A finding on flows that are refused, wholly or in part.
pub(super) fn about(context: &Context<'_>, flows: &[&Judged], slug: &str, severity: Severity) -> Finding {
    let blockers = || flows.iter().flat_map(|flow| &flow.explanation.blockers);
    let target = flows.first().map(|flow| whither(flow)).unwrap_or_default();
    let causes = flows.first().map(|flow| match flow.cause {
        Cause::NoSource => "no source address of that family".to_owned(),
        _ => causes(&flow.explanation.blockers),
    });
    let how = if slug == "partial-flow" { "can only sometimes connect" } else { "cannot connect" };
    let message = format!("{} {how} to {target}: {}", machines(flows), causes.unwrap_or_default());
    let mut finding = finding(slug, severity, flows, message);
    for blocker in blockers() {
        for id in resources(context, blocker) {
            if !finding.resources.contains(&id) {
                finding.resources.push(id);
            }
        }
    }
    finding.remedy = remedy(context.providers, Fix::Open, blockers());
    // The other machines of nginx fare alike; their own sentences stand with their flows.
    finding.reasons = flows.first().map(|flow| flow.flow.reasons.clone()).unwrap_or_default();
    for blocker in flows.first().map(|flow| flow.explanation.blockers.as_slice()).unwrap_or_default() {
        let network = context.providers.get(blocker.provider).map(|provider| provider.network());
        finding.excerpts.extend(network.and_then(|network| excerpt(network, blocker)));
    }
    finding
}
