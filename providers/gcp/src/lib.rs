//! Google Cloud for reachlint: Compute Engine's own JSON, the network that it describes, and the narrowest changes to it.

#![deny(clippy::disallowed_methods)]

#[cfg(feature = "live")]
pub mod collect;
pub mod network;
mod records;
mod remedy;
