//! `reachlint collect`.

use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use clap::{Args, Subcommand};
#[cfg(feature = "aws")]
use reachlint_aws::collect::advice;
use reachlint_model::{Failure, Manifest, Selector};

use super::CliError;
use super::evidence::{is_here, origin};
use super::live::{Ask, collect, place};
use super::nginx::{Loaded, load};
use super::options::{
    Answer, CloudName, EvidenceOptions, FailOptions, LiveOptions, NginxOptions, PolicyOptions, settings,
};
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
    Azure(Box<WholeArguments>),
    /// Google Cloud: whole projects.
    #[cfg(feature = "gcp")]
    Gcp(Box<WholeArguments>),
}

/// What every cloud takes.
#[derive(Debug, Args)]
struct Common {
    /// Folder to write; it must be empty or not exist.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    output: PathBuf,
    /// What a name resolves to on nginx's host; may be repeated, also for one name.
    #[arg(long, value_name = "HOST=ADDR", help_heading = "Input")]
    resolve: Vec<Answer>,
    #[command(flatten)]
    nginx: NginxOptions,
    #[command(flatten)]
    live: LiveOptions,
    #[command(flatten)]
    policy: PolicyOptions,
}

/// Arguments of `collect azure` and `collect gcp`.
#[cfg(any(feature = "azure", feature = "gcp"))]
#[derive(Debug, Args)]
struct WholeArguments {
    /// nginx's main configuration files: names in them are answered now, and what is in force on the machines that they lead
    /// to is asked for where the cloud tells it.
    #[arg(value_name = "CONF")]
    conf: Vec<PathBuf>,
    /// nginx's machines, for the same; may be repeated.
    #[arg(long, value_name = "SELECTOR", help_heading = "Input")]
    from: Vec<Selector>,
    #[command(flatten)]
    common: Common,
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
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let (cloud, conf, from, all, common) = match &arguments.cloud {
        #[cfg(feature = "aws")]
        Cloud::Aws(it) => (CloudName::Aws, &it.conf, &it.from, it.all, &it.common),
        #[cfg(feature = "azure")]
        Cloud::Azure(it) => (CloudName::Azure, &it.conf, &it.from, false, &it.common),
        #[cfg(feature = "gcp")]
        Cloud::Gcp(it) => (CloudName::Gcp, &it.conf, &it.from, false, &it.common),
    };
    vacant(&common.output)?;
    let beside = conf.first().map(PathBuf::as_path);
    let resolve = common.resolve.clone();
    let evidence = EvidenceOptions { resolve, live: common.live.clone(), ..EvidenceOptions::default() };
    let mut settings = settings(beside, &common.policy, &FailOptions::default(), &evidence, from)?;
    let mut wanted = Vec::new();
    for path in conf {
        wanted.extend(Loaded::wanted(&load(path, &common.nginx)?));
    }
    if all {
        settings.from.clear();
    } else if cloud == CloudName::Aws {
        // Collection follows what is wanted from where nginx runs.
        if wanted.is_empty() {
            return Err(CliError::nothing(
                "the configuration connects to nothing, so nothing decides on its connections",
                "give the main file, or collect whole Regions with `--all`",
            ));
        }
        settings.from = origin(settings.from, &evidence)?;
    }
    let mut live = common.live.clone();
    let here = is_here(&settings.from);
    place(cloud, &mut live, &mut settings.from)?;
    let ask = Ask { live: &live, settings: &settings, wanted: &wanted, here, all };
    let collected = collect(cloud, &ask)?;
    let manifest = crate::report::json(&collected.manifest).into_bytes();
    write(&common.output, &collected.documents, &manifest)?;
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
        // Names are made of what a cloud answered.
        if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, format!("`{path}` leaves the folder")));
        }
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
