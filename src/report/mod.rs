//! What an audit found, and how it is told.
//!
//! A [`Report`] is plain data. Every format is made from it, one file each, and none adds a fact of its own.

mod compared;
mod human;
mod json;
mod short;
mod text;

use reachlint_model::{Remedy, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use compared::compared;
pub use compared::{Compared, Comparison, Explained};
pub use human::{Look, human, trace};
pub use json::{SCHEMAS, Schema, json, schema};
pub use short::short;
pub(crate) use text::neutral;

/// The `schema` of the reports that this version writes.
pub const REPORT_SCHEMA: &str = "reachlint.report/1";

/// The result of one audit.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// `reachlint.report/1`.
    pub schema: String,
    /// What wrote the report.
    pub tool: Tool,
    /// What was audited.
    pub inputs: Vec<Input>,
    /// What the verdicts stand on.
    pub evidence: Vec<Evidence>,
    /// Counts.
    pub summary: Summary,
    /// Every connection that was judged.
    pub flows: Vec<Flow>,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
}

/// The program.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tool {
    /// `reachlint`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A file that was audited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Input {
    /// `nginx`.
    pub kind: String,
    /// Path as the user would type it.
    pub path: String,
}

/// A file or call that evidence came from, or that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Where it was read.
    pub source: String,
    /// Cloud it is about, if it is evidence.
    pub provider: Option<String>,
    /// What it held, such as `DescribeSubnets: 3`, or why it was passed over.
    pub note: String,
}

/// Counts of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// Connections judged.
    pub flows: usize,
    /// Of them allowed.
    pub allowed: usize,
    /// Of them blocked.
    pub blocked: usize,
    /// Of them partly allowed.
    pub partial: usize,
    /// Of them undecided.
    pub unknown: usize,
    /// Findings by severity.
    pub findings: Severities,
}

/// Number of findings of each severity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Severities {
    /// Critical.
    pub critical: usize,
    /// High.
    pub high: usize,
    /// Medium.
    pub medium: usize,
    /// Low.
    pub low: usize,
    /// Informational.
    pub info: usize,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Untidy or undecided.
    Low,
    /// Wrong, and not yet harmful.
    Medium,
    /// An outage, or a door open to the world.
    High,
    /// A sensitive door open to the world.
    Critical,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The word of the reports and of `--fail-on`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Part of what it stands on could not be read.
    Low,
    /// It stands on an assumption that usually holds.
    Medium,
    /// Everything it stands on was read.
    High,
}

/// The verdict of a flow in the words of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlowVerdict {
    /// A new connection is let through.
    Allowed,
    /// A new connection is refused or dropped.
    Blocked,
    /// Some new connections are let through and some are not.
    Partial,
    /// The evidence does not decide.
    Unknown,
}

impl From<Verdict> for FlowVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Allowed => Self::Allowed,
            Verdict::Blocked => Self::Blocked,
            Verdict::Partial => Self::Partial,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

impl FlowVerdict {
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

/// One connection from one interface of nginx to one address.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Flow {
    /// Stable name: interface, address, port and protocol.
    pub id: String,
    /// nginx's end.
    pub from: Source,
    /// The upstream's end.
    pub to: Target,
    /// Where nginx's configuration asks for it.
    pub nginx: Vec<Place>,
    /// The answer.
    pub verdict: FlowVerdict,
    /// Why, in sentences: every blocker, or every gap.
    pub reasons: Vec<String>,
    /// Everything the connection passes, in order, and then what its answer passes.
    pub path: Vec<Step>,
    /// What AWS Reachability Analyzer says of it, where that was to be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Comparison>,
}

impl Flow {
    /// The upstream's cloud, where that is not nginx's.
    pub(crate) fn other_cloud(&self) -> Option<&str> {
        let own = self.from.provider.as_deref()?;
        self.to.provider.as_deref().filter(|other| *other != own)
    }

    /// What people call the upstream, with its cloud where that is not nginx's.
    pub(crate) fn receiver(&self) -> Option<String> {
        let label = self.to.label.as_deref()?;
        Some(self.other_cloud().map_or_else(|| label.to_owned(), |cloud| format!("{label} in {cloud}")))
    }
}

/// nginx's end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// Interface.
    pub interface: Option<String>,
    /// Address the connection is opened from.
    pub address: Option<String>,
    /// Cloud.
    pub provider: Option<String>,
    /// What people call the machine.
    #[serde(skip)]
    pub label: Option<String>,
}

/// The upstream's end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Target {
    /// Host as nginx's configuration spells it.
    pub host: String,
    /// Address, unless the host has none.
    pub address: Option<String>,
    /// Port; none for a unix socket.
    pub port: Option<u16>,
    /// `tcp`, `udp` or `unix`.
    pub protocol: String,
    /// Interface that owns the address.
    pub interface: Option<String>,
    /// Cloud of that interface.
    pub provider: Option<String>,
    /// What people call the machine.
    #[serde(skip)]
    pub label: Option<String>,
}

/// A place in nginx's configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Place {
    /// File, relative to where the user stands.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Directive that opens the connection, such as `proxy_pass`.
    pub directive: String,
    /// Name of the `upstream` group, if the connection goes through one.
    pub upstream: Option<String>,
}

/// What kind of thing a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// A filter.
    Gate,
    /// A choice of way.
    Route,
    /// A change of address.
    Translation,
    /// Something whose inside is not known.
    Opaque,
}

/// How a step turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// Passes here.
    Allow,
    /// Is refused here, wholly or for some ports.
    Deny,
    /// Leaves this gate undecided for the next one.
    Next,
    /// Passes this gate and the rest of its stage.
    Accept,
    /// The evidence does not say.
    Maybe,
    /// Not asked: an earlier gate accepted for the stage.
    None,
}

impl StepOutcome {
    /// The word of the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Next => "next",
            Self::Accept => "accept",
            Self::Maybe => "maybe",
            Self::None => "none",
        }
    }
}

/// One thing that a connection passes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// Its kind in detail, such as `aws.security-group`.
    pub layer: String,
    /// The cloud's identifier of it.
    pub id: String,
    /// `egress`, `ingress` or `return`.
    pub direction: String,
    /// How it turned out.
    pub outcome: StepOutcome,
    /// The rule that decided, in the cloud's identifier where it has one.
    pub rule: Option<String>,
    /// The rule, or what happened, in words.
    pub detail: String,
    /// The word that the cloud's own analyser has for it where the connection does not pass, such as
    /// `ENI_SG_RULES_MISMATCH` of AWS Reachability Analyzer.
    pub code: Option<String>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// The rule that found it.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Stays the same while the finding does, whatever its lines and words.
    pub fingerprint: String,
    /// Where nginx's configuration is concerned.
    pub nginx: Vec<Place>,
    /// Identifiers of the cloud resources concerned.
    pub resources: Vec<String>,
    /// The words that the cloud's own analyser has for what stops the connection, each once, as steps have them.
    pub codes: Vec<String>,
    /// The flow it is about; where several machines of nginx share it, the first of them.
    pub flow: Option<String>,
    /// What to change.
    #[schemars(with = "Option<RemedyText>")]
    pub remedy: Option<Remedy>,
    /// The allow entry that permits it.
    pub allowed_by: Option<String>,
    /// Why, one sentence for each blocker or gap.
    #[serde(skip)]
    pub reasons: Vec<String>,
    /// The cloud's side of it, to be shown beside the line of nginx.
    #[serde(skip)]
    pub excerpts: Vec<Excerpt>,
}

/// What to change, in three dialects.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only the shape is used, for the schema of a type that the model holds")]
struct RemedyText {
    /// A command of the cloud's own command line.
    cli: String,
    /// The same as Terraform.
    terraform: String,
    /// The same as steps in the web console.
    console: String,
}

/// A few lines of a cloud's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// What they are part of, such as `sg-0123 (app), ingress`.
    pub origin: String,
    /// One line for each rule.
    pub lines: Vec<String>,
    /// The line that matters, from 0; none when it is the absence of a rule that matters.
    pub marked: Option<usize>,
    /// What to say about it.
    pub label: String,
}

/// The text of a file of nginx's configuration, for reports that show lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// File, as [`Place::file`] spells it.
    pub file: String,
    /// Its text, with anything that is not UTF-8 replaced.
    pub text: String,
}

/// One row of `reachlint upstreams`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Upstream {
    /// `tcp`, `udp` or `unix`.
    pub protocol: String,
    /// Host, address or socket path; none where only a request decides it.
    pub host: Option<String>,
    /// Port; none for a unix socket, and where only a request decides it.
    pub port: Option<u16>,
    /// Directive that opens the connection.
    pub directive: String,
    /// `http`, `stream`, `mail` or `main`.
    pub context: String,
    /// Name of the `upstream` group.
    pub upstream: Option<String>,
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Whether host or port are decided at run time in a way the configuration does not tell.
    pub dynamic: bool,
    /// What is special about it.
    pub note: Option<String>,
}

impl Report {
    /// The report on these flows and findings.
    #[must_use]
    pub fn new(inputs: Vec<Input>, evidence: Vec<Evidence>, flows: Vec<Flow>, findings: Vec<Finding>) -> Self {
        Self {
            schema: REPORT_SCHEMA.to_owned(),
            tool: Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            summary: Self::count(&flows, &findings),
            inputs,
            evidence,
            flows,
            findings,
        }
    }

    /// Counts of these flows and findings.
    #[must_use]
    pub fn count(flows: &[Flow], findings: &[Finding]) -> Summary {
        let verdict = |wanted: FlowVerdict| flows.iter().filter(|flow| flow.verdict == wanted).count();
        let severity = |wanted: Severity| findings.iter().filter(|finding| finding.severity == wanted).count();
        Summary {
            flows: flows.len(),
            allowed: verdict(FlowVerdict::Allowed),
            blocked: verdict(FlowVerdict::Blocked),
            partial: verdict(FlowVerdict::Partial),
            unknown: verdict(FlowVerdict::Unknown),
            findings: Severities {
                critical: severity(Severity::Critical),
                high: severity(Severity::High),
                medium: severity(Severity::Medium),
                low: severity(Severity::Low),
                info: severity(Severity::Info),
            },
        }
    }
}
