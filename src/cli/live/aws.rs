//! Evidence fresh from AWS.

use reachlint_aws::collect::{self, Accounts, CollectError, Event, Options, this_instance};
use reachlint_aws::network::address_in_name;
use reachlint_model::{Collected, NameAnswer, Selector};

use super::super::CliError;
use super::super::options::LiveOptions;
use super::super::output::say;
use super::{Ask, addresses, hosts, is_watched, now, pages};

/// Collects what decides on what is wanted, or whole Regions.
pub(super) fn collect(ask: &Ask<'_>, names: &[NameAnswer]) -> Result<Collected, CliError> {
    let what = if ask.all {
        collect::Wanted::Everything
    } else {
        let from = ask.settings.from.clone();
        let mut addresses = addresses(ask, names);
        addresses.extend(hosts(ask.wanted).filter_map(address_in_name));
        addresses.sort();
        addresses.dedup();
        collect::Wanted::Evidence { from, addresses, names: names.to_vec() }
    };
    let live = ask.live;
    let roles = live.assume_role.iter().map(|text| text.parse());
    let accounts = Accounts {
        roles: roles.collect::<Result<_, String>>().map_err(wrong)?,
        external_id: live.external_id.clone(),
        only: live.account.clone(),
        organization: live.organization,
    };
    let options = Options {
        profile: live.profile.clone(),
        regions: live.region.clone(),
        accounts,
        endpoint_url: live.endpoint_url.clone(),
        ..Options::new(what, now())
    };
    let watched = is_watched();
    collect::collect(&options, &|event| progress(watched, &event)).map_err(|error| failed(&error))
}

/// Which instance this is; its Region is the one to read where none was named.
pub(super) fn itself(live: &mut LiveOptions) -> Result<Selector, CliError> {
    let (instance, region) = this_instance().map_err(|error| failed(&error))?;
    if live.region.is_empty() {
        live.region.push(region);
    }
    Ok(Selector::Name(instance))
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

/// One line for each call.
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
            say(&format!("{}  {call}: {records} in {}", place(account, region), self::pages(*pages)));
        }
        Event::Failed { account, region, call, error } => {
            say(&format!("{}  {call}: {error}", place(account, region)));
        }
    }
}
