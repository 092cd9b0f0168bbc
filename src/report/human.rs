//! The report for people: every upstream with its verdict, then every finding with nginx's line, the cloud's rules
//! and the fix.

use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Padding, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use reachlint_model::Cloud;

use super::short::summary;
use super::text::{counted, neutral, neutral_lines};
use super::{
    Evidence, Excerpt, Finding, Flow, FlowVerdict, Place, Report, Severity, SourceText, StepKind, StepOutcome,
};
use crate::audit::destination;

/// Lines of nginx's configuration that a finding shows at most.
const MOST_PLACES: usize = 2;
/// Allowed connections beyond this number are only counted.
const MOST_ALLOWED: usize = 40;
/// Sentences that a finding shows at most.
const MOST_REASONS: usize = 8;
/// How notes on the evidence begin that people have to see: what it lacks, what is assumed instead, and that it is of what
/// will be.
const TOLD: [&str; 5] = ["terraform plan:", "not read:", "not asked:", "taken for granted:", "passed over:"];
/// Lines on what the evidence lacks at most.
const MOST_GAPS: usize = 10;

/// How to show a report.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Every allowed connection too, however many there are.
    pub all: bool,
}

/// A report for people, with ANSI colours; whoever writes it to something that is no terminal strips them.
#[must_use]
pub fn human(report: &Report, sources: &[SourceText], look: Look) -> String {
    let mut out = String::new();
    upstreams(&mut out, &report.flows, look);
    let renderer = Renderer::styled().term_width(look.width);
    for finding in &report.findings {
        let mut shown = renderer.render(&[group(finding, sources)]);
        for excerpt in &finding.excerpts {
            // The renderer counts the lines of everything; those of a rule list are no place in a file.
            let origin = neutral(&excerpt.origin);
            shown = shown.replace(&format!("{origin}:1"), &origin);
        }
        out.push_str(&shown);
        out.push('\n');
        remedy(&mut out, finding);
        out.push('\n');
    }
    gaps(&mut out, &report.evidence);
    out.push_str(&summary(report));
    out.push('\n');
    out
}

/// What the evidence lacks, and what of it was no evidence.
fn gaps(out: &mut String, evidence: &[Evidence]) {
    let told = |evidence: &Evidence| TOLD.iter().position(|start| evidence.note.starts_with(start));
    let mut lacking: Vec<(usize, &Evidence)> = evidence.iter().filter_map(|it| Some((told(it)?, it))).collect();
    // What could not be read decides more than what is no evidence.
    lacking.sort_by_key(|(rank, _)| *rank);
    let line =
        |(_, evidence): (usize, &Evidence)| format!("{}: {}", neutral(&evidence.source), neutral(&evidence.note));
    let lines: Vec<String> = lacking.into_iter().map(line).collect();
    for line in lines.iter().take(MOST_GAPS) {
        let _ = writeln!(out, "{line}");
    }
    if lines.len() > MOST_GAPS {
        let _ = writeln!(out, "… and {} more like these; the JSON report has all", lines.len() - MOST_GAPS);
    }
    if !lines.is_empty() {
        out.push('\n');
    }
}

fn color(verdict: FlowVerdict) -> Style {
    let color = match verdict {
        FlowVerdict::Allowed => AnsiColor::Green,
        FlowVerdict::Blocked => AnsiColor::Red,
        FlowVerdict::Partial => AnsiColor::Magenta,
        FlowVerdict::Unknown => AnsiColor::Yellow,
    };
    color.on_default().bold()
}

/// A row of the table of upstreams: the same target from all of nginx's machines that fare alike.
struct Row {
    verdict: FlowVerdict,
    target: String,
    label: String,
    why: String,
    from: Vec<String>,
}

fn upstreams(out: &mut String, flows: &[Flow], look: Look) {
    let mut rows: Vec<Row> = Vec::new();
    let mut at = std::collections::HashMap::new();
    for flow in flows {
        let target = destination(&flow.to);
        let why = why(flow);
        let from = flow.from.label.as_deref().or(flow.from.interface.as_deref()).unwrap_or("nginx").to_owned();
        let key = (target.clone(), flow.to.host.clone(), flow.verdict, why.clone());
        let next = rows.len();
        if let Some(row) = rows.get_mut(*at.entry(key).or_insert(next)) {
            row.from.push(from);
            continue;
        }
        let named = flow.to.address.as_deref().is_some_and(|address| address != flow.to.host);
        let host = named.then_some(flow.to.host.as_str());
        let receiver = flow.receiver();
        let label: Vec<&str> = [receiver.as_deref(), host].into_iter().flatten().collect();
        rows.push(Row { verdict: flow.verdict, target, label: label.join(", "), why, from: vec![from] });
    }
    let machines = machines(flows);
    let allowed = rows.iter().filter(|row| row.verdict == FlowVerdict::Allowed).count();
    let hide = !look.all && allowed > MOST_ALLOWED;
    let wide = |text: fn(&Row) -> &str| {
        rows.iter().map(|row| neutral(text(row)).chars().count()).max().unwrap_or_default().min(48)
    };
    let (target_width, label_width) = (wide(|row| &row.target), wide(|row| &row.label));
    for row in &rows {
        if hide && row.verdict == FlowVerdict::Allowed {
            continue;
        }
        let style = color(row.verdict);
        let from =
            if row.from.len() < machines.len() { format!(" (from {})", row.from.join(", ")) } else { String::new() };
        let line = format!(
            "{style}{:<7}{style:#}  {:<target_width$}  {:<label_width$}  {}{}",
            row.verdict.word(),
            neutral(&row.target),
            neutral(&row.label),
            neutral(&row.why),
            neutral(&from)
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if hide {
        let _ = writeln!(out, "… and {allowed} more allowed; `--all` shows them");
    }
    if !rows.is_empty() {
        out.push('\n');
    }
}

fn machines(flows: &[Flow]) -> Vec<&str> {
    let mut machines: Vec<&str> = flows.iter().filter_map(|flow| flow.from.interface.as_deref()).collect();
    machines.sort_unstable();
    machines.dedup();
    machines
}

/// The rule that lets a connection in, or else what stops it, in a few words.
fn why(flow: &Flow) -> String {
    match flow.verdict {
        FlowVerdict::Allowed => {
            let gates = flow.path.iter().filter(|step| step.kind == StepKind::Gate && step.direction == "ingress");
            let decided = gates.filter_map(|step| step.rule.as_deref()).next_back();
            decided.map_or_else(|| flow.reasons.first().cloned().unwrap_or_default(), |rule| format!("by {rule}"))
        }
        FlowVerdict::Blocked | FlowVerdict::Partial => {
            let stopping = flow.path.iter().filter(|step| step.outcome == StepOutcome::Deny);
            let mut names: Vec<String> = Vec::new();
            for step in stopping {
                let name = format!("{} {}", step.layer.rsplit('.').next().unwrap_or_default(), step.direction);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            if names.is_empty() { flow.reasons.first().cloned().unwrap_or_default() } else { names.join(", ") }
        }
        FlowVerdict::Unknown => {
            let gap = flow.path.iter().find(|step| step.outcome == StepOutcome::Maybe);
            gap.map_or_else(|| flow.reasons.first().cloned().unwrap_or_default(), |step| step.detail.clone())
        }
    }
}

fn level(severity: Severity) -> Level<'static> {
    let level = match severity {
        Severity::Critical | Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low => Level::NOTE,
        Severity::Info => Level::INFO,
    };
    level.with_name(severity.word())
}

fn group<'a>(finding: &'a Finding, sources: &'a [SourceText]) -> Group<'a> {
    let title = level(finding.severity).primary_title(neutral(&finding.message)).id(finding.rule.as_str());
    let mut group = Group::with_title(title);
    for place in finding.nginx.iter().take(MOST_PLACES) {
        match sources.iter().find(|source| source.file == place.file).and_then(|source| line_of(source, place)) {
            Some((text, span)) => {
                let how = format!("by {}", neutral(&place.directive));
                let label = match &place.upstream {
                    Some(upstream) => format!("{how} to upstream `{}`", neutral(upstream)),
                    None => how,
                };
                let annotation = AnnotationKind::Primary.span(span).label(label);
                group = group.element(
                    Snippet::source(text)
                        .line_start(usize::try_from(place.line).unwrap_or(1))
                        .path(neutral(&place.file))
                        .annotation(annotation),
                );
            }
            None => {
                group = group.element(
                    Origin::path(neutral(&place.file))
                        .line(usize::try_from(place.line).unwrap_or(1))
                        .char_column(usize::try_from(place.column).unwrap_or(1)),
                );
            }
        }
    }
    for excerpt in &finding.excerpts {
        group = group.element(rules(excerpt));
    }
    group = group.element(Padding);
    let more = finding.nginx.len().saturating_sub(MOST_PLACES);
    if more > 0 {
        group = group.element(Level::NOTE.message(format!("nginx asks for it in {} more", counted(more, "place"))));
    }
    for reason in finding.reasons.iter().take(MOST_REASONS) {
        group = group.element(Level::NOTE.message(neutral(reason)));
    }
    let more = finding.reasons.len().saturating_sub(MOST_REASONS);
    if more > 0 {
        group = group.element(Level::NOTE.message(format!("{more} more like these are in the JSON report")));
    }
    group
}

/// The cloud's rules, beside which nginx's line stands. Only the line of nginx is a place that an editor can go to, so
/// the rule that matters is marked in its own line.
fn rules(excerpt: &Excerpt) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
    let lines = excerpt.lines.iter().enumerate().map(|(at, line)| {
        if excerpt.marked == Some(at) {
            format!("{}   <-- {}", neutral(line), neutral(&excerpt.label))
        } else {
            neutral(line).into_owned()
        }
    });
    let lines: Vec<String> = lines.collect();
    Snippet::source(lines.join("\n")).path(neutral(&excerpt.origin)).line_numbering(false).fold(false)
}

/// A line of a file, and the bytes of the statement in it.
fn line_of(source: &SourceText, place: &Place) -> Option<(String, Range<usize>)> {
    let at = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let line = source.text.split('\n').nth(at)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let before: String = line.chars().take(column).map(spaced).collect();
    let statement: String = line.chars().skip(column).collect();
    let end = statement.find(';').map_or(statement.trim_end().len(), |end| end + 1);
    let head = neutral(statement.get(..end)?).into_owned();
    let tail = neutral(statement.get(end..)?.trim_end()).into_owned();
    let span = before.len()..before.len() + head.len();
    Some((format!("{before}{head}{tail}"), span))
}

/// Tabs would move the marks under the line.
fn spaced(character: char) -> char {
    if character.is_control() { ' ' } else { character }
}

fn remedy(out: &mut String, finding: &Finding) {
    let Some(remedy) = &finding.remedy else { return };
    let style = AnsiColor::Cyan.on_default().bold();
    let texts = [("on the command line", &remedy.cli), ("in the console", &remedy.console)];
    for (tool, text) in texts.iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(out, "{style}fix{style:#} {tool}:");
        for line in neutral_lines(text).lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
}

/// What stands before a step at which the path comes into another cloud.
fn border(flow: &Flow, own: &str, at: usize) -> Option<String> {
    let cloud = |step: &super::Step| {
        let cloud = step.layer.split('.').next().unwrap_or_default().to_owned();
        [Cloud::Aws, Cloud::Gcp, Cloud::Azure].iter().any(|known| known.word() == cloud).then_some(cloud)
    };
    let step = flow.path.get(at)?;
    let here = cloud(step)?;
    let before = flow.path.get(..at)?.iter().rev().find_map(cloud)?;
    let words = match (here == own, step.direction == "return") {
        // A path that may leave with several addresses has the receiver's half once for each: the next one starts here.
        (true, false) => format!("or from {here}"),
        (true, true) => format!("answers, back in {here}"),
        (false, _) => format!("over the internet into {here}"),
    };
    (here != before).then(|| format!("-- {words} --"))
}

/// A connection for people: every gate on its way.
#[must_use]
pub fn trace(flow: &Flow) -> String {
    let mut out = String::new();
    let style = color(flow.verdict);
    let from = flow.from.label.as_deref().or(flow.from.interface.as_deref()).unwrap_or("unknown");
    let address = flow.from.address.as_deref().unwrap_or_default();
    let to = flow.receiver().map_or_else(String::new, |label| format!(" ({label})"));
    let own = flow.from.provider.as_deref().filter(|_| flow.other_cloud().is_some());
    let _ = writeln!(
        out,
        "{style}{}{style:#}: {} ({}{}) to {}{}",
        flow.verdict.word(),
        neutral(from),
        neutral(address),
        neutral(&own.map_or_else(String::new, |own| format!(" in {own}"))),
        neutral(&destination(&flow.to)),
        neutral(&to)
    );
    let wide = |text: fn(&super::Step) -> &str| flow.path.iter().map(|step| text(step).len()).max().unwrap_or_default();
    let (layers, directions) = (wide(|step| &step.layer), wide(|step| &step.direction));
    for (at, step) in flow.path.iter().enumerate() {
        if let Some(border) = own.and_then(|own| border(flow, own, at)) {
            let _ = writeln!(out, "     {border}");
        }
        let (mark, style) = match step.outcome {
            StepOutcome::Deny => ("deny", color(FlowVerdict::Blocked)),
            StepOutcome::Maybe => ("maybe", color(FlowVerdict::Unknown)),
            other => (other.word(), AnsiColor::Green.on_default()),
        };
        let _ = writeln!(
            out,
            "{:>3}  {style}{mark:<6}{style:#}  {:<layers$}  {:<directions$}  {}{}",
            at + 1,
            step.layer,
            step.direction,
            neutral(&step.id),
            step.code.as_ref().map_or_else(String::new, |code| format!("  {}", neutral(code)))
        );
        if !step.detail.is_empty() {
            let _ = writeln!(out, "             {}", neutral(&step.detail));
        }
    }
    if flow.path.is_empty() {
        for reason in &flow.reasons {
            let _ = writeln!(out, "  {}", neutral(reason));
        }
    }
    out
}
