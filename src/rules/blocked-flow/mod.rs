//! A connection that something on its way refuses.

use reachlint_model::Fix;

use super::Context;
use super::support::{
    causes, codes, concern, excerpt, finding, groups, machines, marks, remedy, resources, upstream, whither,
};
use crate::audit::{Cause, Judged};
use crate::report::{Finding, FlowVerdict, Severity, StepOutcome};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    about(context, FlowVerdict::Blocked, "blocked-flow")
}

/// One finding for each upstream and way in which it is refused, wholly or in part.
pub(super) fn about(context: &Context<'_>, verdict: FlowVerdict, slug: &str) -> Vec<Finding> {
    let refused = context.flows.iter().filter(|flow| flow.flow.verdict == verdict);
    groups(refused, |flow| (upstream(flow), marks(flow, StepOutcome::Deny)))
        .iter()
        .filter_map(|flows| one(context, flows, slug))
        .collect()
}

fn one(context: &Context<'_>, flows: &[&Judged], slug: &str) -> Option<Finding> {
    let first = flows.first()?;
    let cause = match first.cause {
        Cause::NoSource => "no source address of that family".to_owned(),
        _ => causes(&first.explanation.blockers),
    };
    let how = if slug == "partial-flow" { "can only sometimes connect" } else { "cannot connect" };
    let message = format!("{} {how} to {}: {cause}", machines(flows), whither(flows));
    let what = [upstream(first).to_vec(), marks(first, StepOutcome::Deny)].concat();
    let mut finding = finding(slug, Severity::High, flows, message, &what);
    let blockers = || flows.iter().flat_map(|flow| &flow.explanation.blockers);
    for blocker in blockers() {
        concern(&mut finding, resources(context, blocker));
    }
    if first.cause == Cause::NoSource {
        concern(&mut finding, flows.iter().filter_map(|flow| flow.flow.from.interface.clone()));
    }
    finding.codes = codes(flows, StepOutcome::Deny);
    finding.remedy = remedy(context, Fix::Open, blockers());
    // The other machines of nginx fare alike; their own sentences stand with their flows.
    finding.reasons.clone_from(&first.flow.reasons);
    for blocker in &first.explanation.blockers {
        let network = context.network(blocker.owner);
        finding.excerpts.extend(network.and_then(|network| excerpt(network, blocker)));
    }
    Some(finding)
}
