//! An upstream name without an address.

use super::Context;
use super::support::{finding, groups};
use crate::audit::Cause;
use crate::report::{Confidence, Finding, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let unresolved = context.flows.iter().filter(|flow| flow.cause == Cause::Unresolved);
    // One missing answer is one finding, however many ports are dialled.
    groups(unresolved, |flow| normal(&flow.flow.to.host))
        .iter()
        .filter_map(|flows| {
            let first = flows.first()?;
            let host = &first.flow.to.host;
            let message = format!("the upstream name `{host}` has no address, so its connections are not checked");
            let mut finding = finding("unresolved-upstream", Severity::Low, flows, message, &[normal(host)]);
            finding.confidence = Confidence::Medium;
            finding.reasons.clone_from(&first.flow.reasons);
            Some(finding)
        })
        .collect()
}

/// A name as it is compared: lower case, without the dot of the root.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}
