//! An upstream on nginx's own machine.

use super::Context;
use super::support::{finding, groups, whither};
use crate::audit::Cause;
use crate::report::{Finding, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let local = context.flows.iter().filter(|flow| flow.cause == Cause::Local);
    groups(local, |flow| flow.flow.to.key())
        .iter()
        .map(|flows| {
            let target = flows.first().map(|flow| whither(flow)).unwrap_or_default();
            let message = format!("{target} is on nginx's own machine, where no filter of the cloud applies");
            finding("local-upstream", Severity::Info, flows, message)
        })
        .collect()
}
