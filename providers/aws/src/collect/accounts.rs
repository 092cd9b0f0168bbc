//! Which accounts are read, and as whom.

use std::collections::BTreeSet;
use std::str::FromStr;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ec2::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::CollectError;
use super::client::held;
use super::fault::{Fault, chain};

/// Call and permission that let one account into another.
pub(super) const ASSUME_ROLE: &str = "sts:AssumeRole";
/// What the sessions in other accounts are called; it stands in their logs.
const SESSION: &str = "reachlint";

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The role of one account.
    Of {
        /// The account.
        account: String,
        /// The role's ARN.
        arn: String,
    },
    /// The role of this name in every account that has to be read.
    Named(String),
}

/// Whether a text is the id of an account.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text can be the path and name of a role (IAM, names of entities).
fn is_role_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    text.len() <= 576 && text.chars().all(plain) && text.split('/').all(|part| !part.is_empty())
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a role: write `arn:aws:iam::111122223333:role/NAME`, or `NAME` alone");
        if !text.starts_with("arn:") {
            return if is_role_name(text) { Ok(Self::Named(text.to_owned())) } else { Err(wrong()) };
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", partition, "iam", "", account, role]
                if !partition.is_empty()
                    && is_account(account)
                    && role.strip_prefix("role/").is_some_and(is_role_name) =>
            {
                Ok(Self::Of { account: (*account).to_owned(), arn: text.to_owned() })
            }
            _ => Err(wrong()),
        }
    }
}

/// Accounts to read beside that of the credentials, and roles to read them as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Roles: at most one for each account, and at most one for all others.
    pub roles: Vec<Role>,
    /// The external id that the roles' trust policies ask for.
    pub external_id: Option<String>,
    /// The only accounts to read; without any, that of the credentials and those of the roles.
    pub only: Vec<String>,
    /// Every active account of the organization.
    pub organization: bool,
}

impl Accounts {
    /// Whether only the account of the credentials is read, whichever that is.
    pub(super) fn is_own(&self) -> bool {
        self.roles.is_empty() && self.only.is_empty() && !self.organization
    }

    /// What can be wrong before anything is asked.
    pub(super) fn check(&self) -> Result<(), CollectError> {
        let mut known = BTreeSet::new();
        for role in &self.roles {
            let of = match role {
                Role::Of { account, .. } => Some(account),
                Role::Named(_) => None,
            };
            if !known.insert(of) {
                return Err(CollectError::TwoRoles { account: of.cloned() });
            }
        }
        let nameless = !known.contains(&None);
        match self.only.iter().find(|account| !is_account(account)) {
            Some(account) => Err(CollectError::NoAccount { text: account.clone() }),
            None if self.organization && nameless => Err(CollectError::NoRoleName),
            None => Ok(()),
        }
    }
}

/// As whom an account is read.
#[derive(Clone, Debug)]
pub(super) struct Access {
    /// The account; not known yet for that of the credentials.
    pub(super) account: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) config: SdkConfig,
}

/// The ways into accounts.
#[derive(Debug)]
pub(super) struct Ways {
    accounts: Accounts,
    config: SdkConfig,
    /// The account of the credentials and who they are, where that was told.
    own: Option<(String, Option<String>)>,
}

impl Ways {
    pub(super) fn new(accounts: Accounts, config: SdkConfig, own: Option<(String, Option<String>)>) -> Self {
        Self { accounts, config, own }
    }

    fn is_own(&self, account: &str) -> bool {
        self.own.as_ref().is_some_and(|(own, _)| own == account)
    }

    /// The role for an account. The own account needs none, and gets the one that was given for just it.
    fn role(&self, account: &str) -> Option<String> {
        let roles = &self.accounts.roles;
        let given = roles.iter().find_map(|role| match role {
            Role::Of { account: of, arn } if of == account => Some(arn.clone()),
            _ => None,
        });
        given.or_else(|| {
            let name = roles.iter().find_map(|role| match role {
                Role::Named(name) => Some(name),
                Role::Of { .. } => None,
            })?;
            let partition = self.own.as_ref().and_then(|(_, principal)| principal.as_deref()?.split(':').nth(1));
            let other = !self.is_own(account);
            other.then(|| format!("arn:{}:iam::{account}:role/{name}", partition.unwrap_or("aws")))
        })
    }

    /// Whether there is a way into an account.
    pub(super) fn lead_to(&self, account: &str) -> bool {
        self.is_own(account) || self.role(account).is_some()
    }

    /// The accounts to begin with, each once; `None` is that of credentials that did not tell theirs.
    pub(super) fn first(&self, listed: Option<Vec<String>>) -> Result<BTreeSet<Option<String>>, CollectError> {
        let own = self.own.as_ref().map(|(account, _)| account.clone());
        let mut wanted: BTreeSet<Option<String>> = self.accounts.only.iter().cloned().map(Some).collect();
        if wanted.is_empty() {
            wanted.insert(own);
            wanted.extend(self.accounts.roles.iter().filter_map(|role| match role {
                Role::Of { account, .. } => Some(Some(account.clone())),
                Role::Named(_) => None,
            }));
            wanted.extend(listed.into_iter().flatten().map(Some));
        }
        match wanted.iter().flatten().find(|account| !self.lead_to(account)) {
            Some(account) => Err(CollectError::NoWay { account: account.clone() }),
            None => Ok(wanted),
        }
    }

    /// Access to an account, with credentials that were tried.
    pub(super) async fn enter(&self, account: Option<&str>) -> Result<Access, (String, Fault)> {
        let Some((account, arn)) = account.and_then(|account| Some((account, self.role(account)?))) else {
            let (own, principal) = self.own.clone().unzip();
            return Ok(Access { account: own, principal: principal.flatten(), config: self.config.clone() });
        };
        let mut builder = AssumeRoleProvider::builder(&arn).session_name(SESSION).configure(&self.config);
        if let Some(id) = &self.accounts.external_id {
            builder = builder.external_id(id);
        }
        // The credentials of the configuration are those to assume it with.
        let source = SharedCredentialsProvider::new(builder.build().await);
        let first = match source.provide_credentials().await {
            Ok(first) => first,
            Err(error) => return Err((arn, refusal(&error))),
        };
        let principal = assumed(&arn, account);
        let config = self.config.to_builder().credentials_provider(held(first, source)).build();
        Ok(Access { account: Some(account.to_owned()), principal, config })
    }
}

/// The session's own name (IAM, identifiers: assumed-role sessions leave out the role's path).
fn assumed(arn: &str, account: &str) -> Option<String> {
    let partition = arn.split(':').nth(1)?;
    let name = arn.rsplit('/').next()?;
    Some(format!("arn:{partition}:sts::{account}:assumed-role/{name}/{SESSION}"))
}

/// What STS said.
fn refusal(error: &CredentialsError) -> Fault {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(cause) = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
            return Fault::of(cause);
        }
        next = cause.source();
    }
    Fault::new("NoCredentials", &chain(error))
}
