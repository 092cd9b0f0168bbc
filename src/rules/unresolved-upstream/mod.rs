//! An upstream name without an address.

use super::Context;
use super::support::{finding, groups};
use crate::audit::Cause;
use crate::report::{Confidence, Finding, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let unresolved = context.flows.iter().filter(|flow| flow.cause == Cause::Unresolved);
    groups(unresolved, |flow| flow.flow.to.key())
        .iter()
        .map(|flows| {
            let host = flows.first().map(|flow| flow.flow.to.host.clone()).unwrap_or_default();
            let message = format!("the upstream name `{host}` has no address, so its connections are not checked");
            let mut finding = finding("unresolved-upstream", Severity::Low, flows, message);
            finding.confidence = Confidence::Medium;
            finding.reasons = flows.first().map(|flow| flow.flow.reasons.clone()).unwrap_or_default();
            finding
        })
        .collect()
}
