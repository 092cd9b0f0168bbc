//! Exit codes, the same for every report format. Scripts depend on them.

/// Nothing at or above `--fail-on`.
pub const OK: u8 = 0;
/// A finding at or above `--fail-on`.
pub const FINDINGS: u8 = 1;
/// The command line or a configuration file is wrong.
pub const USAGE: u8 = 2;
/// The configuration connects to nothing.
pub const NOTHING_TO_AUDIT: u8 = 3;
/// No failing finding, but something is undecided.
pub const UNDECIDED: u8 = 4;
/// There is no evidence to judge by.
pub const NO_EVIDENCE: u8 = 5;
