//! A connection that only some of its possible forms make.

use super::Context;
use super::blocked_flow::about;
use super::support::{causes, groups};
use crate::report::{Finding, FlowVerdict, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let partial = context.flows.iter().filter(|flow| flow.flow.verdict == FlowVerdict::Partial);
    groups(partial, |flow| (flow.flow.to.key(), causes(&flow.explanation.blockers)))
        .iter()
        .map(|flows| about(context, flows, "partial-flow", Severity::High))
        .collect()
}
