//! A connection about which the evidence does not decide.

use reachlint_model::ReasonCode;

use super::Context;
use super::support::{finding, groups, machines, whither};
use crate::audit::{Cause, Judged};
use crate::report::{Confidence, Finding, FlowVerdict, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let undecided = context.flows.iter().filter(|flow| is_undecided(flow) && !is_unknown_address(flow));
    about(undecided, "undecided-flow", "is not known")
}

/// One finding for each target of these flows.
pub(super) fn about<'f>(flows: impl Iterator<Item = &'f Judged>, slug: &str, what: &str) -> Vec<Finding> {
    groups(flows, |flow| (flow.flow.to.key(), flow.flow.reasons.clone()))
        .iter()
        .map(|flows| {
            let target = flows.first().map(|flow| whither(flow)).unwrap_or_default();
            let message = format!("whether {} can connect to {target} {what}", machines(flows));
            let mut finding = finding(slug, Severity::Low, flows, message);
            finding.confidence = Confidence::Medium;
            finding.reasons = flows.first().map(|flow| flow.flow.reasons.clone()).unwrap_or_default();
            let opaque = flows.iter().flat_map(|flow| &flow.flow.path);
            let opaque = opaque.filter(|step| step.outcome == crate::report::StepOutcome::Maybe);
            for step in opaque {
                if !finding.resources.contains(&step.id) {
                    finding.resources.push(step.id.clone());
                }
            }
            finding
        })
        .collect()
}

pub(super) fn is_undecided(flow: &Judged) -> bool {
    flow.flow.verdict == FlowVerdict::Unknown && matches!(flow.cause, Cause::Judged | Cause::Dynamic)
}

pub(super) fn is_unknown_address(flow: &Judged) -> bool {
    flow.explanation.gaps.iter().any(|gap| gap.code == ReasonCode::UnknownAddress)
}
