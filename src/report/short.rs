//! One line for each finding: `file:line:column: severity[rule]: message`.

use std::fmt::Write;

use super::Report;
use super::text::{counted, neutral};

/// The findings of a report, worst first, and a last line that counts.
#[must_use]
pub fn short(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let place = finding
            .nginx
            .first()
            .map_or_else(String::new, |place| format!("{}:{}:{}: ", neutral(&place.file), place.line, place.column));
        let (severity, rule) = (finding.severity.word(), &finding.rule);
        let _ = writeln!(out, "{place}{severity}[{rule}]: {}", neutral(&finding.message));
    }
    out.push_str(&summary(report));
    out.push('\n');
    out
}

/// The counts of a report in one sentence.
pub(super) fn summary(report: &Report) -> String {
    let summary = &report.summary;
    let parts = [
        (summary.allowed, "allowed"),
        (summary.blocked, "blocked"),
        (summary.partial, "partial"),
        (summary.unknown, "unknown"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let flows = match parts.as_slice() {
        [] => counted(summary.flows, "connection"),
        parts => format!("{}: {}", counted(summary.flows, "connection"), parts.join(", ")),
    };
    let found = &summary.findings;
    let severities = [
        (found.critical, "critical"),
        (found.high, "high"),
        (found.medium, "medium"),
        (found.low, "low"),
        (found.info, "info"),
    ];
    let total: usize = severities.iter().map(|(count, _)| count).sum();
    let severities: Vec<String> =
        severities.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    match severities.as_slice() {
        [] => format!("{flows}; no finding"),
        severities => format!("{flows}; {}: {}", counted(total, "finding"), severities.join(", ")),
    }
}
