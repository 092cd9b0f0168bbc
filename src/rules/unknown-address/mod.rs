//! An upstream whose address nothing in the evidence owns.

use super::Context;
use super::support::{machines, whither};
use super::undecided_flow::{about, is_undecided, is_unknown_address};
use crate::report::Finding;

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let unknown = context.flows.iter().filter(|flow| is_undecided(flow) && is_unknown_address(flow));
    about(unknown, "unknown-address", |flows| {
        let (machines, target) = (machines(flows), whither(flows));
        format!("whether {machines} can connect to {target} is not known: nothing in the evidence owns that address")
    })
}
