//! Azure for reachlint: the Resource Manager's JSON, the network that it describes, and what to change in it.

#![deny(clippy::disallowed_methods)]

#[cfg(feature = "live")]
#[expect(
    clippy::disallowed_methods,
    reason = "credentials of the environment are found here, and nothing of the analysis is"
)]
pub mod collect;
pub mod network;
mod records;
mod remedy;
