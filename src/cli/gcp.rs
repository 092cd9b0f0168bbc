//! Evidence fresh from Google Cloud.

use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::time::SystemTime;

use reachlint_gcp::collect::{CollectError, Collected, DoorError, Event, Options, Token, collect, this_machine};
use reachlint_model::Selector;

use super::CliError;
use super::options::{LiveOptions, Settings};
use super::output::say;
use crate::audit::{Wanted, WantedTarget, host_address};
use crate::resolve;

/// Where Google's own tools take a project from.
const PROJECT: [&str; 2] = ["GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"];

/// Where the metadata service answers, as Google's own libraries have it.
const METADATA: &str = "GCE_METADATA_HOST";
/// An access token of somebody's own making, as Terraform's provider for Google Cloud takes it.
const TOKEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";

/// Asks names and collects whole projects.
pub(super) fn evidence(live: &LiveOptions, settings: &Settings, wanted: &[Wanted]) -> Result<Collected, CliError> {
    live.no_confirmation(super::options::ONLY_AZURE)?;
    let mut live = live.clone();
    let mut from = Vec::new();
    for selector in &settings.from {
        from.push(if *selector == Selector::Itself { itself(&mut live)? } else { selector.clone() });
    }
    let projects = projects(&live);
    let names = resolve::questions(wanted, &settings.resolve);
    let answers: Vec<_> = names.iter().map(|name| resolve::system(name)).collect();
    let mut addresses: Vec<IpAddr> = hosts(wanted).filter_map(host_address).collect();
    addresses.extend(answers.iter().flat_map(|answer| &answer.addresses));
    addresses.extend(settings.resolve.values().flatten());
    let options = Options {
        projects,
        from,
        addresses: addresses.iter().map(IpAddr::to_canonical).collect(),
        hosts: hosts(wanted).filter(|host| host_address(host).is_none()).map(str::to_owned).collect(),
        endpoint: live.endpoint_url,
        token: variable(TOKEN).map(Token::new),
        now: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    let watched = io::stderr().is_terminal();
    let mut collected = collect(&options, &|event| progress(watched, &event)).map_err(|error| failed(&error))?;
    collected.manifest.names = answers;
    Ok(collected)
}

/// The projects to read.
fn projects(live: &LiveOptions) -> Vec<String> {
    if !live.project.is_empty() {
        return live.project.clone();
    }
    PROJECT.iter().find_map(|name| variable(name)).into_iter().collect()
}

/// Which machine this is; its project is the one to read where none was named.
pub(super) fn itself(live: &mut LiveOptions) -> Result<Selector, CliError> {
    let machine = this_machine(variable(METADATA).as_deref()).map_err(|error| failed(&error.into()))?;
    if projects(live).is_empty() {
        live.project.push(machine.project);
    }
    Ok(Selector::Name(machine.id))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn hosts(wanted: &[Wanted]) -> impl Iterator<Item = &str> {
    wanted.iter().filter_map(|wanted| match &wanted.target {
        WantedTarget::Host { host, .. } => Some(host.as_str()),
        _ => None,
    })
}

fn failed(error: &CollectError) -> CliError {
    match error {
        CollectError::NoProject | CollectError::Project(_) | CollectError::Door(DoorError::Endpoint(_)) => {
            CliError::usage(error.to_string(), "docs/evidence.md, Google Cloud live, has examples")
        }
        CollectError::Door(DoorError::NotAMachine(_)) => {
            CliError::usage(error.to_string(), "name nginx's machine: `--from edge-1` or `--from tag:role=edge`")
        }
        _ => CliError::no_evidence(
            error.to_string(),
            "docs/evidence.md lists credentials and offline ways, docs/permissions.md the permissions",
        ),
    }
}

/// One line for each call, on a terminal only: a log of a nightly run wants the result.
fn progress(watched: bool, event: &Event) {
    if !watched {
        return;
    }
    match event {
        Event::Anonymous { host } => {
            say(&format!("{host} gets no token: tokens are for Google's own hosts"));
        }
        Event::Read { project, call, about, pages } => {
            let pages = format!("{pages} {}", if *pages == 1 { "page" } else { "pages" });
            say(&format!("{project}  {call}: {about} in {pages}"));
        }
        Event::Failed { project, call, error } => say(&format!("{project}  {call}: {error}")),
    }
}
