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
    /// Several changes as one.
    #[must_use]
    pub fn join(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        parts.into_iter().reduce(|all, next| Self {
            cli: format!("{}\n{}", all.cli, next.cli),
            terraform: format!("{}\n\n{}", all.terraform, next.terraform),
            console: format!("{}\n{}", all.console, next.console),
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
