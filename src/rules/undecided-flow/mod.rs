//! A connection about which the evidence does not decide.

use reachlint_model::ReasonCode;

use super::Context;
use super::support::{codes, concern, finding, groups, machines, marks, upstream, whither};
use crate::audit::{Cause, Judged};
use crate::report::{Confidence, Finding, FlowVerdict, Severity, StepOutcome};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let undecided = context.flows.iter().filter(|flow| is_undecided(flow) && !is_unknown_address(flow));
    about(undecided, "undecided-flow", |flows| {
        let machines = machines(flows);
        match flows.first().filter(|flow| flow.cause == Cause::Dynamic) {
            Some(flow) => {
                format!("where {machines} connects to{} is decided at run time, so it is not checked", part(flow))
            }
            None => format!("whether {machines} can connect to {} is not known", whither(flows)),
        }
    })
}

/// One finding for each upstream and place on the path that is not known: sentences differ with the address of
/// nginx's machine, places do not.
pub(super) fn about<'f>(
    flows: impl Iterator<Item = &'f Judged>,
    slug: &str,
    message: impl Fn(&[&Judged]) -> String,
) -> Vec<Finding> {
    groups(flows, |flow| (upstream(flow), marks(flow, StepOutcome::Maybe)))
        .iter()
        .filter_map(|flows| {
            let first = flows.first()?;
            let what = [upstream(first).to_vec(), marks(first, StepOutcome::Maybe)].concat();
            let mut finding = finding(slug, Severity::Low, flows, message(flows), &what);
            finding.confidence = Confidence::Medium;
            finding.reasons.clone_from(&first.flow.reasons);
            finding.codes = codes(flows, StepOutcome::Maybe);
            let steps = flows.iter().flat_map(|flow| &flow.flow.path);
            let unknown = steps.filter(|step| step.outcome == StepOutcome::Maybe);
            concern(&mut finding, unknown.map(|step| step.id.clone()));
            Some(finding)
        })
        .collect()
}

/// What the configuration says of a target that otherwise only a request decides.
fn part(flow: &Judged) -> String {
    let to = &flow.flow.to;
    match (to.host.contains(' '), to.port) {
        (false, _) => format!(" at `{}`", to.host),
        (true, Some(port)) => format!(" on port {port}"),
        (true, None) => String::new(),
    }
}

pub(super) fn is_undecided(flow: &Judged) -> bool {
    flow.flow.verdict == FlowVerdict::Unknown && matches!(flow.cause, Cause::Judged | Cause::Dynamic | Cause::Local)
}

pub(super) fn is_unknown_address(flow: &Judged) -> bool {
    flow.explanation.gaps.iter().any(|gap| gap.code == ReasonCode::UnknownAddress)
}
