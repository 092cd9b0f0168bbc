//! Live collection: calls that read, and their answers as a snapshot.
//!
//! The calls are those of the SDK's network client, and a few that it does not have. What is kept are the answers word for
//! word, so that a field or a word that the SDK does not know is not lost.

mod client;
mod effective;
mod itself;
mod run;

use std::sync::Arc;

use azure_core::auth::TokenCredential;
use azure_core::{Error, Url};
use reachlint_model::{Collected, Failure, Manifest, SNAPSHOT_SCHEMA, Scope, Selector};

pub use effective::Dial;
pub use itself::{Machine, this_machine};

use run::{Outcome, Run};

/// Where the public cloud's Resource Manager answers.
const PUBLIC: &str = "https://management.azure.com";

/// What to collect.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Subscriptions.
    pub subscriptions: Vec<String>,
    /// Machines whose routes in force are asked for where a gateway may have announced some.
    pub from: Vec<Selector>,
    /// What nginx dials from there, where what is in force on the interfaces at both ends is to be asked for as well.
    pub confirm: Option<Vec<Dial>>,
    /// Where Resource Manager answers, if not in the public cloud.
    pub endpoint: Option<String>,
    /// When collection began, as RFC 3339 in UTC.
    pub now: String,
}

/// Why nothing could be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// No subscription was named.
    #[error("no subscription was named; use `--subscription ID` or AZURE_SUBSCRIPTION_ID")]
    NoSubscription,
    /// The endpoint is no address.
    #[error("`{0}` is no address that Azure Resource Manager could answer at")]
    Endpoint(String),
    /// Credentials cannot be made.
    #[error("credentials: {0}")]
    Credentials(String),
    /// The transport cannot be made.
    #[error("cannot make connections: {0}")]
    Transport(String),
    /// There is no runtime.
    #[error("cannot start collecting: {0}")]
    Runtime(#[from] std::io::Error),
    /// The metadata service did not answer.
    #[error(
        "the metadata service of Azure did not say which machine this is ({0}); name nginx's machine, or run on the machine \
         itself"
    )]
    NotAMachine(String),
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

/// Collects with the credentials that Azure's own tools would take.
///
/// # Errors
/// When nothing can be read at all. A single call that fails is in the manifest.
pub fn collect(options: &Options) -> Result<Collected, CollectError> {
    if options.subscriptions.is_empty() {
        return Err(CollectError::NoSubscription);
    }
    collect_as(options, Arc::new(client::Bridge::new()?))
}

/// Collects as somebody else.
///
/// # Errors
/// As for [`collect`].
pub fn collect_as(options: &Options, credential: Arc<dyn TokenCredential>) -> Result<Collected, CollectError> {
    if options.subscriptions.is_empty() {
        return Err(CollectError::NoSubscription);
    }
    let endpoint = options.endpoint.as_deref().unwrap_or(PUBLIC);
    let url = Url::parse(endpoint).ok().filter(Url::has_host);
    let url = url.ok_or_else(|| CollectError::Endpoint(endpoint.to_owned()))?;
    // Tokens are for a cloud, which an endpoint of one's own does not name.
    let national = url.host_str().is_some_and(|host| host.starts_with("management."));
    let scope = if national { format!("{url}.default") } else { format!("{PUBLIC}/.default") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Outcome { documents, failures, notes } = runtime.block_on(async {
        let mut run = Run::new(url, scope, credential)?;
        for subscription in &options.subscriptions {
            run.subscription(subscription).await;
        }
        run.effective(&options.from, options.confirm.as_deref()).await;
        run.service_tags().await;
        Ok::<_, CollectError>(run.done())
    })?;
    if documents.is_empty() {
        let first = failures.into_iter().next().unwrap_or_default();
        return Err(CollectError::Nothing { call: first.call, error: first.error, message: first.message });
    }
    let scopes = options.subscriptions.iter().map(|subscription| Scope {
        provider: "azure".to_owned(),
        account: subscription.clone(),
        region: None,
        principal: None,
    });
    let manifest = Manifest {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        tool: concat!("reachlint ", env!("CARGO_PKG_VERSION")).to_owned(),
        collected_at: options.now.clone(),
        scopes: scopes.collect(),
        failures: failures.into_iter().map(Failed::into_failure).collect(),
        names: Vec::new(),
        notes,
    };
    Ok(Collected { documents, manifest })
}

/// An error with everything that it came from; the SDK's own words say little.
fn chain(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = inner.source();
    }
    words
}

/// A call that did not succeed.
#[derive(Clone, Debug, Default)]
struct Failed {
    call: String,
    error: String,
    message: String,
    resource: Option<String>,
    subscription: String,
}

impl Failed {
    fn new(call: &str, error: &Error, resource: Option<&str>, subscription: &str) -> Self {
        let http = error.as_http_error();
        let code = http.and_then(|http| http.error_code().map(str::to_owned));
        let status = http.map(|http| format!("{}", u16::from(http.status())));
        let kind = match error.kind() {
            azure_core::error::ErrorKind::Credential => "Credentials",
            azure_core::error::ErrorKind::Io => "Connection",
            azure_core::error::ErrorKind::DataConversion => "Unreadable",
            azure_core::error::ErrorKind::HttpResponse { status, .. } => {
                return Self {
                    call: call.to_owned(),
                    error: code.unwrap_or_else(|| format!("{}", u16::from(*status))),
                    message: http.and_then(|http| http.error_message()).unwrap_or_default().to_owned(),
                    resource: resource.map(str::to_owned),
                    subscription: subscription.to_owned(),
                };
            }
            _ => "Failed",
        };
        Self {
            call: call.to_owned(),
            error: code.or(status).unwrap_or_else(|| kind.to_owned()),
            message: chain(error),
            resource: resource.map(str::to_owned),
            subscription: subscription.to_owned(),
        }
    }

    fn into_failure(self) -> Failure {
        Failure {
            call: self.call,
            error: self.error,
            message: self.message,
            resources: self.resource.into_iter().collect(),
            account: Some(self.subscription),
            region: None,
        }
    }
}
