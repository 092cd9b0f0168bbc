//! Listeners and host firewalls: what a host does with a connection that the cloud let through.
//!
//! [`records`] reads what the script of `reachlint host-evidence` printed, [`network`] compiles it to the same gates as
//! those of the clouds, and `remedy` knows the commands of the tools that people manage firewalls with.

#![deny(clippy::disallowed_methods)]

pub mod network;
pub mod records;
mod remedy;

/// The POSIX shell script that gathers the evidence of a host. It reads and changes nothing.
pub const SCRIPT: &str = include_str!("script.sh");
