//! Google's SDK for reachlint: the calls of live collection, and their answers as plain JSON.
//!
//! A crate of its own, so that what the SDK's types become here is not optimised in a release build: that takes minutes,
//! and what they do is wait for a network.

#![cfg(feature = "live")]

pub mod calls;
mod client;
mod fault;
mod itself;

pub use calls::PERMISSIONS;
pub use client::Door;
pub use fault::{Fault, Kind};
pub use itself::{Machine, this_machine};

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The endpoint is no address.
    #[error("`{0}` is no address that the Compute Engine API could answer at")]
    Endpoint(String),
    /// There are no credentials.
    #[error("credentials: {0}")]
    Credentials(String),
    /// This is no machine of Compute Engine.
    #[error("which machine of Google Cloud this is, is not known: {0}")]
    NotAMachine(String),
    /// There is no runtime.
    #[error("cannot start asking: {0}")]
    Runtime(#[from] std::io::Error),
}

/// An access token, which is shown nowhere.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}
