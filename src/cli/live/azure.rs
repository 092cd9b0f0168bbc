//! Evidence fresh from Azure.

use reachlint_azure::collect::{self, CollectError, Dial, Options, this_machine};
use reachlint_model::{Collected, NameAnswer, Selector};

use super::super::CliError;
use super::super::options::{LiveOptions, Settings};
use super::{Ask, now};
use crate::audit::{Wanted, WantedTarget, host_address};
use crate::resolve::normal;

/// Collects whole subscriptions.
pub(super) fn collect(ask: &Ask<'_>, names: &[NameAnswer]) -> Result<Collected, CliError> {
    if ask.live.confirm_effective && ask.settings.from.is_empty() {
        return Err(CliError::usage(
            "what is to be confirmed follows from where nginx runs, and nothing says where",
            "name nginx's machines: `--from edge-1` or `--from tag:Role=edge`",
        ));
    }
    let dials = || ask.wanted.iter().filter_map(|wanted| dial(wanted, ask.settings, names)).collect();
    let options = Options {
        subscriptions: subscriptions(ask.live),
        from: ask.settings.from.clone(),
        confirm: ask.live.confirm_effective.then(dials),
        endpoint: ask.live.endpoint_url.clone(),
        now: now(),
    };
    collect::collect(&options).map_err(|error| failed(&error))
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
