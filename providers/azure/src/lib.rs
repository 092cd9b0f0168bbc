//! Azure for reachlint: the Resource Manager's JSON, the network that it describes, and what to change in it.

#![deny(clippy::disallowed_methods)]

pub mod network;
mod records;
mod remedy;
