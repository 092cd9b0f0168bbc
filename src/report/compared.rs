//! A verdict beside that of AWS Reachability Analyzer.

use std::fmt::Write;

use super::text::neutral;
use super::{Compared, Explained, Flow, StepOutcome};

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
