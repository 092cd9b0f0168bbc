//! The accounts of the organization.

use aws_config::SdkConfig;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{Account, AccountState, AccountStatus};

use super::CollectError;
use super::fault::Fault;

/// Call and permission that list them.
pub(super) const LIST_ACCOUNTS: &str = "organizations:ListAccounts";

/// `State` takes the place of `Status` and says more: an account that is being closed is still `ACTIVE` by the latter
/// (Organizations API, Account). Accounts in other states let nobody in.
fn is_active(account: &Account) -> bool {
    match (account.state(), account.status()) {
        (Some(state), _) => *state == AccountState::Active,
        (None, Some(status)) => *status == AccountStatus::Active,
        (None, None) => false,
    }
}

/// The active accounts. A part of them would be taken for all, so there is no answer without the last page.
///
/// Pages may be empty and name a next one all the same (Organizations API, `ListAccounts`).
pub(super) async fn accounts(config: &SdkConfig) -> Result<Vec<String>, CollectError> {
    let failed = |fault: Fault| CollectError::Organization { code: fault.code, message: fault.message };
    let mut pages = Client::new(config).list_accounts().into_paginator().send();
    let (mut found, mut more) = (Vec::new(), false);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed(Fault::of(&error)))?;
        more = page.next_token().is_some_and(|token| !token.is_empty());
        found.extend(
            page.accounts().iter().filter(|account| is_active(account)).filter_map(Account::id).map(str::to_owned),
        );
    }
    // The SDK ends the pages when it is given the same token twice.
    if more {
        return Err(failed(Fault::new("EndlessPages", "the last page names a further page that never comes")));
    }
    Ok(found)
}
