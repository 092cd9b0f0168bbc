//! Verdicts and the reasons for what cannot be decided.

/// The answer for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// A new connection is let through by everything on the way.
    Allowed,
    /// Something on the way refuses it.
    Blocked,
    /// Some of its possible forms pass and some do not, such as some of the client's ephemeral ports.
    Partial,
    /// The evidence does not decide.
    Unknown,
}

impl Verdict {
    /// The word of the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Blocked => "blocked",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
        }
    }
}

/// A reason of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReasonId(pub u32);

/// What kind of gap makes something undecidable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonCode {
    /// Something was not read: a call failed or the file is not there.
    NotRead,
    /// Something on the path is of a kind whose behaviour is not modelled.
    NotModelled,
    /// Nothing in the evidence owns the address.
    UnknownAddress,
    /// Several things own the address and nothing tells which is meant.
    Ambiguous,
    /// The cloud itself decides by something outside of addresses and ports.
    Undecidable,
    /// A plan changes it, and does not yet say to what.
    Planned,
}

/// Why something is undecided, and what would decide it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason {
    /// Its kind.
    pub code: ReasonCode,
    /// A clause in plain words, without a full stop.
    pub text: String,
    /// The permission to grant, in the cloud's own spelling.
    pub permission: Option<String>,
}
