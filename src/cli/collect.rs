//! `reachlint collect`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reachlint_aws::collect::{Collected, advice};
use reachlint_model::{Manifest, Selector};

use super::CliError;
use super::evidence::origin;
use super::live::{collect, manifest};
use super::nginx::{Loaded, load};
use super::options::{EvidenceOptions, FailOptions, LiveOptions, NginxOptions, PolicyOptions, Settings, settings};
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
    Aws(Box<AwsArguments>),
}

/// Arguments of `collect aws`.
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
    let Cloud::Aws(arguments) = &arguments.cloud;
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
    let collected = collect(&arguments.live, &settings, &wanted, arguments.all)?;
    write(&arguments.output, &collected)?;
    warn(&collected.manifest);
    Ok(exit::OK)
}

/// What could not be read. A role is refused for all Regions at once.
fn warn(manifest: &Manifest) {
    let several =
        manifest.scopes.iter().any(|scope| Some(&scope.account) != manifest.scopes.first().map(|it| &it.account));
    let mut told: Vec<String> = Vec::new();
    for failure in &manifest.failures {
        let account = failure.account.as_ref().map_or(String::new(), |account| format!(" in account {account}"));
        let line = if failure.call == "sts:AssumeRole" {
            let (error, message) = (&failure.error, &failure.message);
            format!("warning: {} failed{account} with {error} ({message}); {}", failure.call, advice(failure))
        } else {
            let account = if several { account } else { String::new() };
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
fn write(folder: &Path, collected: &Collected) -> Result<(), CliError> {
    // A folder that is there stays the same folder: it may be a mount, a link, or closed to others.
    let kept = folder.is_dir();
    let part = format!(".reachlint-{}.part", std::process::id());
    let part = if kept { folder.join(part) } else { folder.with_file_name(part) };
    let filled = fill(&part, collected);
    let written = filled.and_then(|()| if kept { unpack(&part, folder) } else { fs::rename(&part, folder) });
    written.map_err(|error| {
        let _ = fs::remove_dir_all(&part);
        CliError::usage(format!("cannot write `{}`: {error}", folder.display()), "check the disk and its permissions")
    })
}

fn fill(folder: &Path, collected: &Collected) -> io::Result<()> {
    let manifest = manifest(collected);
    let documents = collected.documents.iter().map(|(path, bytes)| (path.as_str(), bytes));
    for (path, bytes) in documents.chain([("manifest.json", &manifest)]) {
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
