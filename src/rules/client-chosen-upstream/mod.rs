//! An upstream that the client names.

use super::Context;
use super::support::{finding, groups};
use crate::audit::Cause;
use crate::report::{Confidence, Finding, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let chosen = context.flows.iter().filter(|flow| flow.cause == Cause::ChosenByClient);
    groups(chosen, |flow| (flow.flow.reasons.clone(), flow.flow.to.protocol.clone()))
        .iter()
        .filter_map(|flows| {
            let first = flows.first()?;
            let why = first.flow.reasons.first()?;
            let directive = first.flow.nginx.first().map_or("a pass", |place| place.directive.as_str());
            let message = format!("the client chooses where `{directive}` connects to: {why}");
            let mut finding = finding("client-chosen-upstream", Severity::Medium, flows, message, &[directive, why]);
            // A `server_name` or a check before may leave few values that get here.
            finding.confidence = Confidence::Medium;
            finding.reasons.push(
                "whoever can send a request can make nginx open connections to any address that nginx's machine \
                 reaches, the metadata service and internal services among them"
                    .to_owned(),
            );
            Some(finding)
        })
        .collect()
}
