//! Evidence fresh from Google Cloud.

use reachlint_gcp::collect::{self, CollectError, DoorError, Event, Options, Token, this_machine};
use reachlint_model::{Collected, NameAnswer, Selector};

use super::super::CliError;
use super::super::options::LiveOptions;
use super::super::output::say;
use super::{Ask, addresses, hosts, is_watched, now, pages};
use crate::audit::host_address;

/// Where Google's own tools take a project from.
const PROJECT: [&str; 2] = ["GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"];

/// Where the metadata service answers, as Google's own libraries have it.
const METADATA: &str = "GCE_METADATA_HOST";
/// An access token of somebody's own making, as Terraform's provider for Google Cloud takes it.
const TOKEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";

/// Collects whole projects.
pub(super) fn collect(ask: &Ask<'_>, names: &[NameAnswer]) -> Result<Collected, CliError> {
    let options = Options {
        projects: projects(ask.live),
        from: ask.settings.from.clone(),
        addresses: addresses(ask, names),
        hosts: hosts(ask.wanted).filter(|host| host_address(host).is_none()).map(str::to_owned).collect(),
        endpoint: ask.live.endpoint_url.clone(),
        token: variable(TOKEN).map(Token::new),
        now: now(),
    };
    let watched = is_watched();
    collect::collect(&options, &|event| progress(watched, &event)).map_err(|error| failed(&error))
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

/// One line for each call.
fn progress(watched: bool, event: &Event) {
    if !watched {
        return;
    }
    match event {
        Event::Anonymous { host } => {
            say(&format!(
                "{host} gets no token: tokens are for Google's own hosts, and for this machine where no proxy reads them"
            ));
        }
        Event::Read { project, call, about, pages } => {
            say(&format!("{project}  {call}: {about} in {}", self::pages(*pages)));
        }
        Event::Failed { project, call, error } => say(&format!("{project}  {call}: {error}")),
    }
}
