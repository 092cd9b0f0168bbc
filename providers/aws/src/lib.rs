//! AWS evidence for reachlint: the EC2 API's records, and the network they describe.

#[cfg(feature = "live")]
pub mod collect;
#[deny(clippy::disallowed_methods)]
pub mod network;
#[deny(clippy::disallowed_methods)]
pub mod records;
#[deny(clippy::disallowed_methods)]
mod remedy;
