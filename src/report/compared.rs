//! A verdict beside that of AWS Reachability Analyzer.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::text::neutral;
use super::{Flow, StepOutcome};

/// The verdict on a connection beside the answer of AWS Reachability Analyzer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comparison {
    /// How they compare.
    pub result: Compared,
    /// The analysis.
    pub analysis: String,
    /// Its path.
    pub path: String,
    /// Whether it finds the destination reachable; none where it did not come to an end.
    pub reachable: Option<bool>,
    /// Why it does not.
    pub explanations: Vec<Explained>,
    /// Identifiers of steps that block here and that it does not name. It stops at one way in which a path is blocked.
    pub only_here: Vec<String>,
    /// What has to be known about the comparison, in sentences.
    pub notes: Vec<String>,
}

/// How two answers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// They say the same.
    Agrees,
    /// They say the opposite.
    VerdictDiffers,
    /// Both say that it is blocked, by different things.
    BlockersDiffer,
    /// They differ in what one of them does not look at, as the notes say.
    Explained,
    /// One of them does not decide.
    NotCompared,
}

impl Compared {
    /// The word of the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::VerdictDiffers => "verdict-differs",
            Self::BlockersDiffer => "blockers-differ",
            Self::Explained => "explained",
            Self::NotCompared => "not-compared",
        }
    }

    /// Whether somebody is wrong.
    #[must_use]
    pub const fn differs(self) -> bool {
        matches!(self, Self::VerdictDiffers | Self::BlockersDiffer)
    }
}

/// An explanation of AWS Reachability Analyzer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explained {
    /// Its explanation code.
    pub code: String,
    /// `egress` or `ingress`, where it has one.
    pub direction: Option<String>,
    /// The components that it names.
    pub ids: Vec<String>,
    /// Whether a step that blocks here is the same.
    pub known_here: bool,
}

/// The comparison for people: one line where both agree, else both sides and why.
pub(crate) fn compared(flow: &Flow) -> String {
    let Some(comparison) = &flow.aws else { return String::new() };
    let mut out = String::new();
    let answer = match comparison.reachable {
        Some(true) => "reachable",
        Some(false) => "not reachable",
        None => "no answer",
    };
    let _ = writeln!(
        out,
        "AWS Reachability Analyzer ({}): {answer}; {}",
        neutral(&comparison.analysis),
        told(comparison.result)
    );
    for explanation in &comparison.explanations {
        let _ = writeln!(out, "  AWS        {}", side(explanation));
    }
    if comparison.result != Compared::Agrees || !comparison.only_here.is_empty() {
        for step in flow.path.iter().filter(|step| step.outcome == StepOutcome::Deny) {
            let code = step.code.as_deref().unwrap_or(&step.layer);
            let mark = if comparison.only_here.contains(&step.id) { "  (here only)" } else { "" };
            let (code, direction, id) = (neutral(code), neutral(&step.direction), neutral(&step.id));
            let _ = writeln!(out, "  reachlint  {code} {direction} {id}{mark}");
        }
    }
    for note in &comparison.notes {
        let _ = writeln!(out, "  {}", neutral(note));
    }
    out
}

fn told(result: Compared) -> &'static str {
    match result {
        Compared::Agrees => "agrees",
        Compared::VerdictDiffers => "the verdicts differ",
        Compared::BlockersDiffer => "both block it, and for different reasons",
        Compared::Explained => "differs in what it does not look at",
        Compared::NotCompared => "cannot be compared",
    }
}

fn side(explanation: &Explained) -> String {
    let mut text = neutral(&explanation.code).into_owned();
    if let Some(direction) = &explanation.direction {
        let _ = write!(text, " {}", neutral(direction));
    }
    for id in &explanation.ids {
        let _ = write!(text, " {}", neutral(id));
    }
    if !explanation.known_here {
        text.push_str("  (AWS only)");
    }
    text
}
