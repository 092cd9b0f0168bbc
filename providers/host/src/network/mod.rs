//! Hosts as a network of their own: gates, and what a packet meets on the way to and from a socket.

mod compile;
mod flat;
mod hosts;
#[cfg(test)]
mod tests;
mod translate;
mod walk;

pub(crate) use hosts::FilterFacts;
pub use hosts::{Hosts, LISTENER};
pub use walk::FOLLOWING;
