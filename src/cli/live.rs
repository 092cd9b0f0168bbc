//! Evidence fresh from the cloud.

use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::time::SystemTime;

use reachlint_aws::collect::{self, Accounts, CollectError, Collected, Event, Options, this_instance};
use reachlint_model::{NameAnswer, Selector};

use super::CliError;
use super::options::{LiveOptions, Settings};
use super::output::say;
use crate::audit::{Wanted, WantedTarget, host_address};
use crate::resolve;

/// Asks names, finds this machine, and collects. `here` says whether this machine is nginx's.
pub(super) fn collect(
    live: &LiveOptions,
    settings: &Settings,
    wanted: &[Wanted],
    here: bool,
    all: bool,
) -> Result<Collected, CliError> {
    live.no_confirmation(super::options::ONLY_AZURE)?;
    let mut answers = Vec::new();
    for name in resolve::questions(wanted, &settings.resolve) {
        // On nginx's own machine its resolver is asked, which knows more than any evidence of it.
        let elsewhere = !here && !resolve::is_everywhere(&name);
        answers.push(NameAnswer { elsewhere, ..resolve::system(&name) });
    }
    let mut live = live.clone();
    let what = if all {
        collect::Wanted::Everything
    } else {
        let mut from = Vec::new();
        for selector in &settings.from {
            from.push(if *selector == Selector::Itself { itself(&mut live)? } else { selector.clone() });
        }
        let mut addresses: Vec<IpAddr> = wanted.iter().filter_map(literal).collect();
        addresses.extend(answers.iter().flat_map(|answer| &answer.addresses));
        addresses.extend(settings.resolve.values().flatten());
        addresses = addresses.iter().map(IpAddr::to_canonical).collect();
        addresses.sort();
        addresses.dedup();
        collect::Wanted::Evidence { from, addresses, names: answers.clone() }
    };
    let roles = live.assume_role.iter().map(|text| text.parse());
    let accounts = Accounts {
        roles: roles.collect::<Result<_, String>>().map_err(wrong)?,
        external_id: live.external_id.clone(),
        only: live.account.clone(),
        organization: live.organization,
    };
    let options = Options {
        profile: live.profile.clone(),
        regions: live.region,
        accounts,
        endpoint_url: live.endpoint_url.clone(),
        ..Options::new(what, humantime::format_rfc3339_seconds(SystemTime::now()).to_string())
    };
    let watched = io::stderr().is_terminal();
    let mut collected =
        collect::collect(&options, &|event| progress(watched, &event)).map_err(|error| failed(&error))?;
    collected.manifest.names = answers;
    Ok(collected)
}

/// Which instance this is; its Region is the one to read where none was named.
pub(super) fn itself(live: &mut LiveOptions) -> Result<Selector, CliError> {
    let (instance, region) = this_instance().map_err(|error| failed(&error))?;
    if live.region.is_empty() {
        live.region.push(region);
    }
    Ok(Selector::Name(instance))
}

fn literal(wanted: &Wanted) -> Option<IpAddr> {
    match &wanted.target {
        WantedTarget::Host { host, .. } => host_address(host).or_else(|| reachlint_aws::network::address_in_name(host)),
        _ => None,
    }
}

fn wrong(why: String) -> CliError {
    CliError::usage(why, "docs/evidence.md, several accounts and Regions, has examples")
}

fn failed(error: &CollectError) -> CliError {
    match error {
        CollectError::TwoRoles { .. }
        | CollectError::NoAccount { .. }
        | CollectError::NoRoleName
        | CollectError::NameAlone { .. }
        | CollectError::NoWay { .. } => wrong(error.to_string()),
        _ => {
            CliError::no_evidence(error.to_string(), "docs/evidence.md lists credentials, permissions and offline ways")
        }
    }
}

/// One line for each call, on a terminal only: a log of a nightly run wants the result.
fn progress(watched: bool, event: &Event) {
    if !watched {
        return;
    }
    let place = |account: &Option<String>, region: &str| match account {
        Some(account) => format!("{account} {region}"),
        None => region.to_owned(),
    };
    match event {
        Event::Read { account, region, call, records, pages } => {
            let pages = format!("{pages} {}", if *pages == 1 { "page" } else { "pages" });
            say(&format!("{}  {call}: {records} in {pages}", place(account, region)));
        }
        Event::Failed { account, region, call, error } => {
            say(&format!("{}  {call}: {error}", place(account, region)));
        }
    }
}

/// The manifest of what was collected, as a file of the snapshot.
pub(super) fn manifest(collected: &Collected) -> Vec<u8> {
    crate::report::json(&collected.manifest).into_bytes()
}
