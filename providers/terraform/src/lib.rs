//! Terraform plans for reachlint: what an apply will change, laid over the evidence.
//!
//! [`Plan::read`] takes the JSON of `terraform show -json` (or `tofu show -json`), and [`Plan::lay_over`] changes an
//! AWS estate as the apply would. What the plan does not tell yet is a doubt in the estate, never a pass.
//!
//! The document is that of Terraform's *JSON output format*, major version 1. Facts about resources have the page of the
//! AWS provider's documentation beside them.

#![deny(clippy::disallowed_methods)]

mod address;
mod aws;
mod change;
mod document;
mod references;
mod values;

pub use document::{Plan, PlanError, SHOWN_LENGTH, is_shown};
