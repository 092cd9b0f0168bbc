//! Evidence fresh from Azure.

use std::time::SystemTime;

use reachlint_azure::collect::{CollectError, Collected, Dial, Options, collect, this_machine};
use reachlint_model::{NameAnswer, Selector};

use super::CliError;
use super::options::{LiveOptions, Settings};
use crate::audit::{Wanted, WantedTarget, host_address};
use crate::resolve::{self, normal};

/// Asks names and collects whole subscriptions. `here` says whether this machine is nginx's.
pub(super) fn evidence(
    live: &LiveOptions,
    settings: &Settings,
    wanted: &[Wanted],
    here: bool,
) -> Result<Collected, CliError> {
    let mut live = live.clone();
    let mut from = Vec::new();
    for selector in &settings.from {
        from.push(if *selector == Selector::Itself { itself(&mut live)? } else { selector.clone() });
    }
    let subscriptions = subscriptions(&live);
    if live.confirm_effective && settings.from.is_empty() {
        return Err(CliError::usage(
            "what is to be confirmed follows from where nginx runs, and nothing says where",
            "name nginx's machines: `--from edge-1` or `--from tag:Role=edge`",
        ));
    }
    let names = resolve::questions(wanted, &settings.resolve);
    let asked = |name: &String| {
        // On nginx's own machine its resolver is asked, which knows more than any evidence of it.
        let elsewhere = !here && !resolve::is_everywhere(name);
        NameAnswer { elsewhere, ..resolve::system(name) }
    };
    let names: Vec<NameAnswer> = names.iter().map(asked).collect();
    let confirm = live.confirm_effective.then(|| wanted.iter().filter_map(|it| dial(it, settings, &names)).collect());
    let options = Options {
        subscriptions,
        from,
        confirm,
        endpoint: live.endpoint_url,
        now: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
    };
    let mut collected = collect(&options).map_err(|error| failed(&error))?;
    collected.manifest.names = names;
    Ok(collected)
}

/// The subscriptions to read.
fn subscriptions(live: &LiveOptions) -> Vec<String> {
    if !live.subscription.is_empty() {
        return live.subscription.clone();
    }
    std::env::var("AZURE_SUBSCRIPTION_ID").ok().filter(|id| !id.is_empty()).into_iter().collect()
}

/// Which machine this is; its subscription is the one to read where none was named.
pub(super) fn itself(live: &mut LiveOptions) -> Result<Selector, CliError> {
    let machine = this_machine().map_err(|error| failed(&error))?;
    if subscriptions(live).is_empty() {
        live.subscription.push(machine.subscription);
    }
    Ok(Selector::Name(machine.id))
}

/// What nginx dials, as far as it is known before anything is read.
fn dial(wanted: &Wanted, settings: &Settings, names: &[NameAnswer]) -> Option<Dial> {
    let WantedTarget::Host { host, port } = &wanted.target else { return None };
    let (name, addresses) = match (host_address(host), settings.resolve.get(&normal(host))) {
        (Some(address), _) => (None, vec![address]),
        (None, Some(given)) => (None, given.clone()),
        (None, None) => {
            let answer = names.iter().find(|answer| answer.name == *host);
            (Some(host.clone()), answer.map(|answer| answer.addresses.clone()).unwrap_or_default())
        }
    };
    Some(Dial { name, addresses, port: *port, protocol: wanted.protocol })
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
