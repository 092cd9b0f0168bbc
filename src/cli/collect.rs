//! `reachlint collect`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
#[cfg(feature = "aws")]
use reachlint_aws::collect::advice;
use reachlint_model::{Failure, Manifest, Selector};

use super::CliError;
#[cfg(any(feature = "aws", feature = "azure"))]
use super::evidence::is_here;
#[cfg(feature = "aws")]
use super::evidence::origin;
use super::nginx::{Loaded, load};
#[cfg(feature = "aws")]
use super::options::Settings;
use super::options::{EvidenceOptions, FailOptions, LiveOptions, NginxOptions, PolicyOptions, settings};
use super::output::say;
use crate::exit;

/// Arguments of `collect`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    cloud: Cloud,
}

#[derive(Debug, Subcommand)]
enum Cloud {
    /// Amazon Web Services.
    #[cfg(feature = "aws")]
    Aws(Box<AwsArguments>),
    /// Microsoft Azure: whole subscriptions.
    #[cfg(feature = "azure")]
    Azure(Box<AzureArguments>),
    /// Google Cloud: whole projects.
    #[cfg(feature = "gcp")]
    Gcp(Box<GcpArguments>),
}

/// Arguments of `collect gcp`.
#[cfg(feature = "gcp")]
#[derive(Debug, Args)]
struct GcpArguments {
    /// nginx's main configuration files: names in them are answered now, and of the machines that they lead to the firewalls
    /// in force are asked for.
    #[arg(value_name = "CONF")]
    conf: Vec<PathBuf>,
    /// nginx's machines, for the same; may be repeated.
    #[arg(long, value_name = "SELECTOR", help_heading = "Input")]
    from: Vec<Selector>,
    /// Folder to write; it must be empty or not exist.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    output: PathBuf,
    #[command(flatten)]
    nginx: NginxOptions,
    #[command(flatten)]
    live: LiveOptions,
    #[command(flatten)]
    policy: PolicyOptions,
}

/// Arguments of `collect azure`.
#[cfg(feature = "azure")]
#[derive(Debug, Args)]
struct AzureArguments {
    /// nginx's main configuration files, for the names in them that are answered now; what is collected does not depend on
    /// them.
    #[arg(value_name = "CONF")]
    conf: Vec<PathBuf>,
    /// nginx's machines, whose routes in force are asked for where a gateway may have announced some; may be repeated.
    #[arg(long, value_name = "SELECTOR", help_heading = "Input")]
    from: Vec<Selector>,
    /// Folder to write; it must be empty or not exist.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    output: PathBuf,
    #[command(flatten)]
    nginx: NginxOptions,
    #[command(flatten)]
    live: LiveOptions,
    #[command(flatten)]
    policy: PolicyOptions,
}

/// Arguments of `collect aws`.
#[cfg(feature = "aws")]
#[derive(Debug, Args)]
struct AwsArguments {
    /// nginx's main configuration files; what decides on their connections is collected.
    #[arg(value_name = "CONF", required_unless_present = "all", conflicts_with = "all")]
    conf: Vec<PathBuf>,
    /// Where nginx runs: an instance or interface id, a name, an address, `tag:KEY=VALUE` or `self`; may be repeated.
    #[arg(long, value_name = "SELECTOR", help_heading = "Input", conflicts_with = "all")]
    from: Vec<Selector>,
    /// Everything in the Regions instead.
    #[arg(long, help_heading = "Input")]
    all: bool,
    /// Folder to write; it must be empty or not exist.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    output: PathBuf,
    /// What a name resolves to on nginx's host; may be repeated, also for one name.
    #[arg(long, value_name = "HOST=ADDR", help_heading = "Input")]
    resolve: Vec<super::options::Answer>,
    #[command(flatten)]
    nginx: NginxOptions,
    #[command(flatten)]
    live: LiveOptions,
    #[command(flatten)]
    policy: PolicyOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    match &arguments.cloud {
        #[cfg(feature = "aws")]
        Cloud::Aws(arguments) => aws(arguments),
        #[cfg(feature = "azure")]
        Cloud::Azure(arguments) => azure(arguments),
        #[cfg(feature = "gcp")]
        Cloud::Gcp(arguments) => gcp(arguments),
    }
}

#[cfg(feature = "azure")]
fn azure(arguments: &AzureArguments) -> Result<u8, CliError> {
    vacant(&arguments.output)?;
    let beside = arguments.conf.first().map(PathBuf::as_path);
    let evidence = EvidenceOptions { live: arguments.live.clone(), ..EvidenceOptions::default() };
    let settings = settings(beside, &arguments.policy, &FailOptions::default(), &evidence, &arguments.from)?;
    let mut wanted = Vec::new();
    for path in &arguments.conf {
        wanted.extend(Loaded::wanted(&load(path, &arguments.nginx)?));
    }
    let collected = super::azure::evidence(&arguments.live, &settings, &wanted, is_here(&settings.from))?;
    let manifest = crate::report::json(&collected.manifest).into_bytes();
    write(&arguments.output, &collected.documents, &manifest)?;
    warn(&collected.manifest);
    Ok(exit::OK)
}

#[cfg(feature = "gcp")]
fn gcp(arguments: &GcpArguments) -> Result<u8, CliError> {
    vacant(&arguments.output)?;
    let beside = arguments.conf.first().map(PathBuf::as_path);
    let evidence = EvidenceOptions { live: arguments.live.clone(), ..EvidenceOptions::default() };
    let settings = settings(beside, &arguments.policy, &FailOptions::default(), &evidence, &arguments.from)?;
    let mut wanted = Vec::new();
    for path in &arguments.conf {
        wanted.extend(Loaded::wanted(&load(path, &arguments.nginx)?));
    }
    let collected = super::gcp::evidence(&arguments.live, &settings, &wanted)?;
    let manifest = crate::report::json(&collected.manifest).into_bytes();
    write(&arguments.output, &collected.documents, &manifest)?;
    warn(&collected.manifest);
    Ok(exit::OK)
}

#[cfg(feature = "aws")]
fn aws(arguments: &AwsArguments) -> Result<u8, CliError> {
    vacant(&arguments.output)?;
    let beside = arguments.conf.first().map(PathBuf::as_path);
    let evidence = EvidenceOptions {
        resolve: arguments.resolve.clone(),
        live: arguments.live.clone(),
        ..EvidenceOptions::default()
    };
    let settings = settings(beside, &arguments.policy, &FailOptions::default(), &evidence, &arguments.from)?;
    let mut wanted = Vec::new();
    for path in &arguments.conf {
        wanted.extend(Loaded::wanted(&load(path, &arguments.nginx)?));
    }
    if wanted.is_empty() && !arguments.all {
        return Err(CliError::nothing(
            "the configuration connects to nothing, so nothing decides on its connections",
            "give the main file, or collect whole Regions with `--all`",
        ));
    }
    let from = if arguments.all { Vec::new() } else { origin(settings.from, &evidence)? };
    let settings = Settings { from, ..settings };
    let here = is_here(&settings.from);
    let collected = super::live::collect(&arguments.live, &settings, &wanted, here, arguments.all)?;
    write(&arguments.output, &collected.documents, &super::live::manifest(&collected))?;
    warn(&collected.manifest);
    Ok(exit::OK)
}

/// What could not be read, and what was not asked. A role is refused for all Regions at once.
fn warn(manifest: &Manifest) {
    for note in &manifest.notes {
        say(&format!("note: {note}"));
    }
    let several =
        manifest.scopes.iter().any(|scope| Some(&scope.account) != manifest.scopes.first().map(|it| &it.account));
    let mut told: Vec<String> = Vec::new();
    for failure in &manifest.failures {
        let account = failure.account.as_ref().map_or(String::new(), |account| format!(" in account {account}"));
        let line = if let Some(advice) = role_advice(failure) {
            let (error, message) = (&failure.error, &failure.message);
            format!("warning: {} failed{account} with {error} ({message}); {advice}", failure.call)
        } else {
            let account = if several { account } else { String::new() };
            // What was not asked for did not fail.
            if failure.error == "NotAsked" {
                say(&format!("note: {}: {}", failure.call, failure.message));
                continue;
            }
            let region = failure.region.as_ref().map_or(String::new(), |region| format!(" in {region}"));
            format!(
                "warning: {} failed{account}{region} with {}; what it tells is unknown",
                failure.call, failure.error
            )
        };
        if !told.contains(&line) {
            say(&line);
            told.push(line);
        }
    }
}

/// What to do about a role that could not be taken.
#[cfg(feature = "aws")]
fn role_advice(failure: &Failure) -> Option<String> {
    (failure.call == "sts:AssumeRole").then(|| advice(failure))
}

#[cfg(not(feature = "aws"))]
fn role_advice(_: &Failure) -> Option<String> {
    None
}

/// Refuses a folder that holds something.
fn vacant(folder: &Path) -> Result<(), CliError> {
    let holds = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(_) => true,
    };
    if holds {
        return Err(CliError::usage(
            format!("`{}` is not an empty folder", folder.display()),
            "name a folder that does not exist yet; a snapshot never mixes with older evidence",
        ));
    }
    Ok(())
}

/// Writes a snapshot whole or not at all.
fn write(folder: &Path, documents: &[(String, Vec<u8>)], manifest: &[u8]) -> Result<(), CliError> {
    // A folder that is there stays the same folder: it may be a mount, a link, or closed to others.
    let kept = folder.is_dir();
    let part = format!(".reachlint-{}.part", std::process::id());
    let part = if kept { folder.join(part) } else { folder.with_file_name(part) };
    let filled = fill(&part, documents, manifest);
    let written = filled.and_then(|()| if kept { unpack(&part, folder) } else { fs::rename(&part, folder) });
    written.map_err(|error| {
        let _ = fs::remove_dir_all(&part);
        CliError::usage(format!("cannot write `{}`: {error}", folder.display()), "check the disk and its permissions")
    })
}

fn fill(folder: &Path, documents: &[(String, Vec<u8>)], manifest: &[u8]) -> io::Result<()> {
    let documents = documents.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    for (path, bytes) in documents.chain([("manifest.json", manifest)]) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::File::create(path)?.write_all(bytes)?;
    }
    Ok(())
}

/// Moves everything in a folder one up.
fn unpack(part: &Path, folder: &Path) -> io::Result<()> {
    let mut moved = Vec::new();
    let mut all = || -> io::Result<()> {
        for entry in fs::read_dir(part)? {
            let entry = entry?;
            let target = folder.join(entry.file_name());
            fs::rename(entry.path(), &target)?;
            moved.push(target);
        }
        fs::remove_dir(part)
    };
    all().inspect_err(|_| {
        for target in &moved {
            let _ = fs::remove_dir_all(target).or_else(|_| fs::remove_file(target));
        }
    })
}
