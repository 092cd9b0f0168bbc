//! Live collection: calls that read, and their answers as a snapshot.
//!
//! The calls are those of Google's own SDK. Its types keep fields and words that they do not know, so writing them down
//! again gives what the service answered.

mod run;

use std::net::IpAddr;

use reachlint_gcp_sdk::Door;
use reachlint_model::{Collected, Failure, Manifest, SNAPSHOT_SCHEMA, Scope, Selector};

use run::{Read, Run};

pub use reachlint_gcp_sdk::{DoorError, Machine, PERMISSIONS, Token, this_machine};

/// What to collect.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Projects; the host projects of their Shared VPC networks come by themselves.
    pub projects: Vec<String>,
    /// nginx's machines, whose firewalls in force are asked for.
    pub from: Vec<Selector>,
    /// What nginx connects to: the same for the machines with these addresses.
    pub addresses: Vec<IpAddr>,
    /// Names of machines that nginx connects to, as Compute Engine's own DNS has them.
    pub hosts: Vec<String>,
    /// Where the Compute Engine API answers, if not in the public cloud.
    pub endpoint: Option<String>,
    /// An access token to use instead of the credentials that are found.
    pub token: Option<Token>,
    /// When collection began, as RFC 3339 in UTC.
    pub now: String,
}

/// What collection is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Requests carry no token.
    Anonymous {
        /// The host that gets none.
        host: String,
    },
    /// A call was read to its last page.
    Read {
        /// Project that was asked.
        project: String,
        /// Permission that names the call.
        call: &'static str,
        /// What it was asked about.
        about: String,
        /// Number of pages.
        pages: usize,
    },
    /// A call failed, after all retries.
    Failed {
        /// Project that was asked.
        project: String,
        /// Permission that names the call.
        call: &'static str,
        /// The error code.
        error: String,
    },
}

/// Why nothing could be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// No project was named.
    #[error("no project was named; use `--project ID` or GOOGLE_CLOUD_PROJECT")]
    NoProject,
    /// A project's id has the wrong form.
    #[error("`{0}` is no project id")]
    Project(String),
    /// Nobody can be asked.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// There is no runtime.
    #[error("cannot start collecting: {0}")]
    Runtime(#[from] std::io::Error),
    /// Every call failed.
    #[error("nothing could be read: {call} failed with {error}: {message}")]
    Nothing {
        /// The permission that the first call needs.
        call: String,
        /// The error's code.
        error: String,
        /// What went wrong in words.
        message: String,
    },
}

/// Collects with the credentials that Google's own libraries would take, and tells `progress` of each call that ended.
///
/// # Errors
/// When nothing can be read at all. A single call that fails is in the manifest.
pub fn collect(options: &Options, progress: &dyn Fn(Event)) -> Result<Collected, CollectError> {
    check(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let door = Door::find(options.endpoint.as_deref(), options.token.as_ref()).await?;
        through(door, options, progress).await
    })
}

/// A project's id goes into paths, so it may not leave them. Some have a domain before a colon.
fn is_project(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    id.chars().all(fits) && id.chars().any(|c| c.is_ascii_alphanumeric())
}

fn check(options: &Options) -> Result<(), CollectError> {
    match options.projects.iter().find(|id| !is_project(id)) {
        Some(wrong) => Err(CollectError::Project(wrong.clone())),
        None if options.projects.is_empty() => Err(CollectError::NoProject),
        None => Ok(()),
    }
}

async fn through(door: Door, options: &Options, progress: &dyn Fn(Event)) -> Result<Collected, CollectError> {
    if let Some(host) = &door.anonymous {
        progress(Event::Anonymous { host: host.clone() });
    }
    let mut run = Run::new(door, progress);
    run.projects(&options.projects).await?;
    run.groups().await;
    run.policies().await;
    run.firewalls(options).await;
    run.learned_routes().await;
    run.not_asked();
    let Read { documents, failures, projects, notes } = run.done();
    if documents.is_empty() {
        return Err(nothing(failures.into_iter().next()));
    }
    let scopes = projects.into_iter().map(|project| Scope {
        provider: "gcp".to_owned(),
        account: project,
        region: None,
        principal: None,
    });
    let manifest = Manifest {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        tool: concat!("reachlint ", env!("CARGO_PKG_VERSION")).to_owned(),
        collected_at: options.now.clone(),
        scopes: scopes.collect(),
        failures,
        names: Vec::new(),
        notes,
    };
    Ok(Collected { documents, manifest })
}

fn nothing(first: Option<Failure>) -> CollectError {
    let Failure { call, error, message, .. } = first.unwrap_or_else(|| Failure {
        call: "compute.instances.list".to_owned(),
        error: "NoAnswer".to_owned(),
        message: "nothing was answered".to_owned(),
        resources: Vec::new(),
        account: None,
        region: None,
    });
    CollectError::Nothing { call, error, message }
}
