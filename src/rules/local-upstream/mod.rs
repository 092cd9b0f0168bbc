//! An upstream on nginx's own machine.

use super::Context;
use super::support::{finding, groups, upstream, whither};
use crate::audit::Cause;
use crate::report::{Finding, Severity};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let local = context.flows.iter().filter(|flow| flow.cause == Cause::Local);
    groups(local, upstream)
        .iter()
        .filter_map(|flows| {
            let message = format!("{} is on nginx's own machine, where no filter of the cloud applies", whither(flows));
            Some(finding("local-upstream", Severity::Info, flows, message, &upstream(flows.first()?)))
        })
        .collect()
}
