//! What to change so that a connection passes.

use serde::Serialize;

/// The narrowest change for one finding, in three dialects. Nothing is ever applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// A command of the cloud's own command line.
    pub cli: String,
    /// The same as Terraform.
    pub terraform: String,
    /// The same as steps in the web console.
    pub console: String,
}

impl Remedy {
    /// Several changes as one. A change that a dialect has no words for is left out there.
    #[must_use]
    pub fn join(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let joined = |one: String, other: String, between: &str| match (one.is_empty(), other.is_empty()) {
            (_, true) => one,
            (true, false) => other,
            (false, false) => format!("{one}{between}{other}"),
        };
        parts.into_iter().reduce(|all, next| Self {
            cli: joined(all.cli, next.cli, "\n"),
            terraform: joined(all.terraform, next.terraform, "\n\n"),
            console: joined(all.console, next.console, "\n"),
        })
    }
}

/// What a remedy is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Let this blocked hop of the path pass for exactly this connection.
    Open,
    /// Replace a too wide opening by what the connection needs.
    Narrow,
}
