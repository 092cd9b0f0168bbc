//! A connection that only some of its possible forms make.

use super::Context;
use super::blocked_flow::about;
use crate::report::{Finding, FlowVerdict};

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    about(context, FlowVerdict::Partial, "partial-flow")
}
