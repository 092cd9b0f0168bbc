//! Why nothing was collected, and what to do about it.

use reachlint_model::Failure;

use super::IDENTITY;
use super::accounts::ASSUME_ROLE;

/// Why nothing was collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Nobody named a region.
    #[error("no AWS region is set; name one with `--region`, AWS_REGION or the profile's `region`")]
    NoRegion,
    /// There are no credentials, or they cannot be had.
    #[error(
        "no AWS credentials were found ({detail}); set up a profile with `aws configure` or log in with \
         `aws sso login`, or run where an instance profile or role gives them"
    )]
    NoCredentials {
        /// What the chain of credentials says.
        detail: String,
    },
    /// Two roles for one account, or two names for all others.
    #[error("two roles are given for {}; give one for each account, or one name for all", account.as_ref().map_or("all accounts".to_owned(), |account| format!("account {account}")))]
    TwoRoles {
        /// The account, if it is one.
        account: Option<String>,
    },
    /// What should be the id of an account is something else.
    #[error("`{text}` is not the id of an AWS account, which has twelve digits")]
    NoAccount {
        /// What it is.
        text: String,
    },
    /// The accounts of the organization are wanted without a role that they could have.
    #[error("`--organization` needs a role that its accounts have; give its name with `--assume-role NAME`")]
    NoRoleName,
    /// A role's name, and no account to use it in.
    #[error(
        "`--assume-role {name}` names a role and no account, and whole Regions lead to none; name accounts with \
         `--account ID`, or give `--organization`"
    )]
    NameAlone {
        /// The name.
        name: String,
    },
    /// An account is wanted to which no role leads.
    #[error(
        "nothing leads into account {account}: the credentials are not its own, and no role for it is given; add \
         `--assume-role arn:aws:iam::{account}:role/NAME`"
    )]
    NoWay {
        /// The account.
        account: String,
    },
    /// The accounts of the organization are not known.
    #[error(
        "the accounts of the organization could not be listed: organizations:ListAccounts failed with {code}{}; only \
         credentials of its management account or of a delegated administrator may; or name accounts with `--account \
         ID`",
        bracketed(message)
    )]
    Organization {
        /// The error code.
        code: String,
        /// What AWS says.
        message: String,
    },
    /// `self` was not resolved.
    #[error("`self` was not resolved to an instance; name the instance by its id")]
    ItselfUnresolved,
    /// The metadata service did not answer.
    #[error(
        "the metadata service of EC2 did not say which instance this is ({detail}); name the machine by instance id, \
         address or tag, or run on the instance itself"
    )]
    NotAnInstance {
        /// What went wrong.
        detail: String,
    },
    /// Not one call brought anything.
    #[error("nothing could be read from AWS: {}", first(.failures))]
    NothingRead {
        /// The calls that failed.
        failures: Vec<Failure>,
    },
    /// The system refuses what any program needs.
    #[error("collection could not start: {0}")]
    Start(#[from] std::io::Error),
    /// A record could not be written as JSON, which is a bug.
    #[error("a record could not be written, which is a bug in reachlint: {0}")]
    Write(#[from] serde_json::Error),
}

fn bracketed(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}

/// The first failure, and what to do about it.
fn first(failures: &[Failure]) -> String {
    let Some(failure) = failures.iter().find(|failure| failure.call != IDENTITY).or(failures.first()) else {
        return "no call was made".to_owned();
    };
    let region = failure.region.as_ref().map_or(String::new(), |region| format!(" in {region}"));
    format!(
        "{} failed{region} with {}{}; {}",
        failure.call,
        failure.error,
        bracketed(&failure.message),
        advice(failure)
    )
}

/// What to do about a failure.
#[must_use]
pub fn advice(failure: &Failure) -> String {
    match failure.error.as_str() {
        "AccessDenied" | "AccessDeniedException" if failure.call == ASSUME_ROLE => {
            let account = failure.account.as_deref().unwrap_or("that account");
            format!(
                "the role must be there, its trust policy in account {account} must allow sts:AssumeRole to whom the \
                 credentials are (and the external id, if it asks for one), and these need sts:AssumeRole on the role"
            )
        }
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            format!("grant {} and the other read permissions", failure.call)
        }
        "AuthFailure" | "ExpiredToken" | "RequestExpired" | "InvalidClientTokenId" | "SignatureDoesNotMatch" => {
            "renew the credentials, and check the clock and that the region is enabled".to_owned()
        }
        "ConnectionFailed" if failure.message.contains("certificate") => {
            "name the file of the certificates to trust in SSL_CERT_FILE".to_owned()
        }
        "Timeout" | "ConnectionFailed" => "check the region's name, the network and the proxy".to_owned(),
        _ => "see the message, or try again later".to_owned(),
    }
}
