//! AWS evidence for reachlint: the EC2 API's records, and the network they describe.

#![deny(clippy::disallowed_methods)]

#[cfg(feature = "live")]
pub mod collect;
pub mod network;
pub mod records;
mod remedy;
