//! Cases as data: a configuration, and what it makes nginx connect to, or why nginx refuses it.
//!
//! `tests/traps/nginx/README.md` explains the keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reachlint::nginx::{
    Config, Endpoint, Endpoints, Error, MemoryFiles, Options, Protocol, Purpose, SourceAddress, Span, State, Target,
};
use serde::Deserialize;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Where a reader would ask.
    pub(crate) why: Option<String>,
    pub(crate) seen: Seen,
    /// The version of nginx that the case needs.
    pub(crate) since: Option<String>,
    /// Modules of nginx that the case needs, besides that for streams.
    #[serde(default)]
    pub(crate) modules: Vec<String>,
    /// Why a real nginx cannot judge the case.
    pub(crate) not_run: Option<String>,
    #[serde(default)]
    pub(crate) lenient: bool,
    #[serde(default)]
    warnings: Vec<String>,
    pub(crate) nginx: String,
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) refused: Option<Refusal>,
    /// A real nginx refuses what reachlint reads.
    pub(crate) nginx_refuses: Option<Refusal>,
    #[serde(default, rename = "endpoint")]
    endpoints: Vec<Expected>,
}

/// How nginx's behaviour is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Seen {
    /// In nginx's debug log.
    #[serde(rename = "connect")]
    Connect,
    /// In its verdict on the configuration.
    #[serde(rename = "nginx -t")]
    Verdict,
    /// In its source.
    #[serde(rename = "source")]
    Source,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    /// The line that nginx names. It names none for variables.
    pub(crate) line: Option<u32>,
    file: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    to: String,
    #[serde(default = "tcp")]
    protocol: String,
    #[serde(default = "proxy_pass")]
    directive: String,
    #[serde(default = "http")]
    context: String,
    upstream: Option<String>,
    #[serde(default = "active")]
    state: String,
    #[serde(default = "proxy")]
    purpose: String,
    bind: Option<String>,
    #[serde(default)]
    run_time: bool,
    note: Option<String>,
    reason: Option<String>,
    at: Option<String>,
}

fn tcp() -> String {
    "tcp".to_owned()
}

fn proxy_pass() -> String {
    "proxy_pass".to_owned()
}

fn http() -> String {
    "http".to_owned()
}

fn active() -> String {
    "active".to_owned()
}

fn proxy() -> String {
    "proxy".to_owned()
}

/// Every case, in the order of their names.
pub(crate) fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps/nginx");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, case)
    };
    names.into_iter().map(read).collect()
}

/// What reachlint makes of a configuration.
pub(crate) fn read(case: &Case) -> (Option<Config>, Result<Endpoints, Error>) {
    let mut files = MemoryFiles::new().with("nginx.conf", case.nginx.as_bytes());
    for (path, text) in &case.files {
        files.insert(path, text.as_bytes());
    }
    let options = Options { lenient: case.lenient, ..Options::default() };
    match Config::read(Path::new("nginx.conf"), &files, &options) {
        Ok(config) => {
            let endpoints = config.endpoints();
            (Some(config), endpoints)
        }
        Err(error) => (None, Err(error)),
    }
}

/// Where reachlint and the case disagree.
pub(crate) fn complaints(case: &Case) -> Vec<String> {
    let (config, endpoints) = read(case);
    match (endpoints, &case.refused) {
        (Err(error), None) => vec![format!("refused: {error} (nginx: line {})", error.place.nginx_line)],
        (Ok(found), Some(refusal)) => vec![format!(
            "not refused with `{}`, but gives {:?}",
            refusal.message,
            found.endpoints.iter().map(|endpoint| target(&endpoint.target).0).collect::<Vec<_>>()
        )],
        (Err(error), Some(refusal)) => refused(&error, refusal),
        (Ok(found), None) => {
            let config = config.as_ref().unwrap();
            let mut complaints = unequal(config, &found.endpoints, &case.endpoints);
            let warnings: Vec<&str> =
                config.warnings().iter().chain(&found.warnings).map(|warning| warning.message.as_str()).collect();
            let met = warnings.len() == case.warnings.len()
                && case.warnings.iter().all(|part| warnings.iter().any(|warning| warning.contains(part)));
            if !met {
                complaints.push(format!("warnings {warnings:?}, not {:?}", case.warnings));
            }
            complaints
        }
    }
}

fn refused(error: &Error, refusal: &Refusal) -> Vec<String> {
    let mut complaints = Vec::new();
    let message = error.problem.to_string();
    if !message.contains(&refusal.message) {
        complaints.push(format!("refused with `{message}`, not `{}`", refusal.message));
    }
    if let Some(line) = refusal.line
        && line != error.place.nginx_line
    {
        complaints.push(format!("nginx names line {line}, reachlint {}", error.place.nginx_line));
    }
    let file = refusal.file.as_deref().unwrap_or("nginx.conf");
    if error.place.file != Path::new(file) {
        complaints.push(format!("refused in {}, not in {file}", error.place.file.display()));
    }
    if error.help().is_none() {
        complaints.push("no next step".to_owned());
    }
    complaints
}

/// Compares as multisets; parts of notes and reasons are enough.
fn unequal(config: &Config, found: &[Endpoint], expected: &[Expected]) -> Vec<String> {
    let mut left: Vec<&Endpoint> = found.iter().collect();
    let mut complaints = Vec::new();
    for wanted in expected {
        match left.iter().position(|endpoint| fits(config, endpoint, wanted)) {
            Some(at) => {
                left.remove(at);
            }
            None => complaints.push(format!("missing: {wanted:?}")),
        }
    }
    for endpoint in left {
        let (to, reason) = target(&endpoint.target);
        complaints.push(format!("not expected: {to} {reason:?} {endpoint:?}"));
    }
    complaints
}

fn fits(config: &Config, endpoint: &Endpoint, wanted: &Expected) -> bool {
    let (to, reason) = target(&endpoint.target);
    let part = |wanted: Option<&str>, text: Option<&str>| match (wanted, text) {
        (None, None) => true,
        (Some(part), Some(text)) => text.contains(part),
        _ => false,
    };
    let protocol = match endpoint.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let bind = match &endpoint.source {
        SourceAddress::Default => None,
        SourceAddress::Bind(address) => Some(address.to_string()),
        SourceAddress::Client => Some("client".to_owned()),
        SourceAddress::Dynamic(by) => Some(format!("by {by}")),
    };
    let place = |span: Span| format!("{}:{}", config.source(span.file).path.display(), span.line);
    to == wanted.to
        && protocol == wanted.protocol
        && *endpoint.directive == *wanted.directive
        && serde_json::to_value(endpoint.context).unwrap() == wanted.context
        && endpoint.upstream.as_deref() == wanted.upstream.as_deref()
        && state(endpoint.state) == wanted.state
        && purpose(endpoint.purpose) == wanted.purpose
        && bind == wanted.bind
        && endpoint.run_time == wanted.run_time
        && part(wanted.note.as_deref(), endpoint.note.as_deref())
        && part(wanted.reason.as_deref(), reason.as_deref())
        && wanted.at.as_ref().is_none_or(|at| *at == place(endpoint.pass))
}

fn state(state: State) -> String {
    serde_json::to_value(state).unwrap().as_str().unwrap().to_owned()
}

fn purpose(purpose: Purpose) -> String {
    serde_json::to_value(purpose).unwrap().as_str().unwrap().to_owned()
}

/// A target as cases write it, and what decides where it is open.
fn target(target: &Target) -> (String, Option<String>) {
    match target {
        Target::Address { address, port } => (std::net::SocketAddr::new(*address, *port).to_string(), None),
        Target::Name { host, port } => (format!("{host}:{port}"), None),
        Target::Unix(path) => (format!("unix:{path}"), None),
        Target::Dynamic(open) => {
            let to = match (&open.host, open.port) {
                (None, None) => "*".to_owned(),
                (host, port) => format!(
                    "{}:{}",
                    host.as_deref().unwrap_or("*"),
                    port.map_or_else(|| "*".to_owned(), |port| port.to_string())
                ),
            };
            (to, Some(open.reason.clone()))
        }
    }
}

/// What must hold of every case, whatever is in it.
pub(crate) fn malformed(name: &str, case: &Case, ids: &mut BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            complaints.push(format!("{name}: {what}"));
        }
    };
    must(name.starts_with(&format!("{}-", case.id)), "the name does not start with the id");
    must(ids.insert(case.id.clone()), "the id is taken");
    must(!case.title.is_empty() && case.why.as_deref() != Some(""), "empty `title` or `why`");
    must(case.refused.is_none() || case.endpoints.is_empty(), "both refused and with endpoints");
    must(case.refused.is_none() || case.nginx_refuses.is_none(), "`nginx_refuses` repeats `refused`");
    must(case.seen != Seen::Source || case.not_run.is_some(), "nginx could judge it");
    complaints
}
