//! Evidence fresh from Azure.

use std::time::SystemTime;

use reachlint_azure::collect::{CollectError, Collected, Options, collect};
use reachlint_model::Selector;

use super::CliError;
use super::options::{LiveOptions, Settings};
use crate::audit::Wanted;
use crate::resolve;

/// Asks names and collects whole subscriptions.
pub(super) fn evidence(live: &LiveOptions, settings: &Settings, wanted: &[Wanted]) -> Result<Collected, CliError> {
    if settings.from.contains(&Selector::Itself) {
        return Err(CliError::usage(
            "which machine of Azure this is, is not asked for",
            "name nginx's machine: `--from edge-1` or `--from tag:Role=edge`",
        ));
    }
    let mut subscriptions = live.subscription.clone();
    if subscriptions.is_empty() {
        subscriptions.extend(std::env::var("AZURE_SUBSCRIPTION_ID").ok().filter(|id| !id.is_empty()));
    }
    let options = Options {
        subscriptions,
        from: settings.from.clone(),
        endpoint: live.endpoint_url.clone(),
        now: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    let mut collected = collect(&options).map_err(|error| failed(&error))?;
    let names = resolve::questions(wanted, &settings.resolve);
    collected.manifest.names = names.iter().map(|name| resolve::system(name)).collect();
    Ok(collected)
}

fn failed(error: &CollectError) -> CliError {
    match error {
        CollectError::NoSubscription | CollectError::Endpoint(_) => {
            CliError::usage(error.to_string(), "docs/evidence-azure.md, live collection, has examples")
        }
        _ => CliError::no_evidence(
            error.to_string(),
            "docs/evidence-azure.md lists credentials and offline ways, docs/permissions.md the permissions",
        ),
    }
}
