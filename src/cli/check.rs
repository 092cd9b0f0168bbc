//! `reachlint check`.

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use clap::Args;
use reachlint_model::Selector;

use super::CliError;
use super::evidence::{Gathered, gather, origin};
use super::nginx::{Loaded, load};
use super::options::{EvidenceOptions, FailOptions, NginxOptions, PolicyOptions, Settings, settings};
use super::output::{self, Destination};
use crate::audit::{Subject, Wanted, judge};
use crate::report::Report;
use crate::rules::{self, Context};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// nginx's main configuration files, outputs of `nginx -T`, or `-` for standard input.
    #[arg(value_name = "CONF", required = true)]
    conf: Vec<PathBuf>,
    /// Where nginx runs: an instance or interface id, a name, an address, `tag:KEY=VALUE` or `self`; may be repeated.
    #[arg(long, value_name = "SELECTOR", help_heading = "Input")]
    from: Vec<Selector>,
    #[command(flatten)]
    nginx: NginxOptions,
    #[command(flatten)]
    evidence: EvidenceOptions,
    #[command(flatten)]
    policy: PolicyOptions,
    #[command(flatten)]
    fail: FailOptions,
    /// `human`, `short` or `json`, with `=FILE` to a file; may be repeated.
    #[arg(long, value_name = "FORMAT[=FILE]", help_heading = "Output")]
    report: Vec<Destination>,
    /// List every allowed connection, however many there are.
    #[arg(long, help_heading = "Output")]
    all: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    output::check(&arguments.report)?;
    let beside = arguments.conf.first().map(PathBuf::as_path);
    let settings = settings(beside, &arguments.policy, &arguments.fail, &arguments.evidence, &arguments.from)?;
    let mut loaded = Vec::new();
    for path in &arguments.conf {
        loaded.push(load(path, &arguments.nginx)?);
    }
    let wanted: Vec<Wanted> = loaded.iter().flat_map(Loaded::wanted).collect();
    if wanted.is_empty() {
        return Err(nothing());
    }
    let settings = Settings { from: origin(settings.from, &arguments.evidence)?, ..settings };
    // The process ends with the audit, and giving back an estate piece by piece takes long.
    let gathered = ManuallyDrop::new(gather(&arguments.evidence, &settings, &wanted)?);
    let report = audit(&loaded, &wanted, &gathered, &settings)?;
    let sources: Vec<_> = loaded.iter().flat_map(Loaded::texts).collect();
    output::write(&arguments.report, &report, &sources, arguments.all)?;
    Ok(arguments.fail.code(&report, settings.fail_on))
}

/// The configuration opens no connection.
pub(super) fn nothing() -> CliError {
    CliError::nothing(
        "the configuration connects to nothing",
        "give the main file, from which the others are included, or the output of `nginx -T`",
    )
}

/// Judges everything and applies the rules.
pub(super) fn audit(
    loaded: &[Loaded],
    wanted: &[Wanted],
    gathered: &Gathered,
    settings: &Settings,
) -> Result<Report, CliError> {
    let providers = gathered.snapshot.providers();
    let nodes = gathered.nodes(&settings.from)?;
    let (hosts, evidence) = gathered.hosts(&providers);
    let ephemeral = settings.ephemeral;
    let subject = Subject { providers: &providers, hosts: &hosts, nodes: &nodes, wanted, ephemeral };
    let judged = judge(&subject, &gathered.resolver(settings, &providers));
    let findings = rules::run(&Context { providers: &providers, hosts: &hosts, flows: &judged });
    let inputs = loaded.iter().map(Loaded::input).collect();
    let flows = judged.into_iter().map(|judged| judged.flow).collect();
    Ok(Report::new(inputs, evidence, flows, findings))
}
