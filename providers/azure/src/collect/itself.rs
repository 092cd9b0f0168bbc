//! Which machine of Azure this is, from its metadata service.

use std::time::Duration;

use serde::Deserialize;

use super::CollectError;
use super::client::choose_cryptography;
use crate::records::ResourceId;

/// Where the service answers, on every machine (Azure Instance Metadata Service).
const SERVICE: &str = "http://169.254.169.254";
/// The variable by which Microsoft's own SDKs are pointed to another address of the service.
const VARIABLE: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
/// How long the service may take; elsewhere nobody answers.
const PATIENCE: Duration = Duration::from_secs(3);

/// A machine of Azure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its resource id, which is a selector too.
    pub id: String,
    /// Its subscription.
    pub subscription: String,
}

/// The machine that this runs on.
///
/// # Errors
/// When it is none of Azure, or does not say so.
pub fn this_machine() -> Result<Machine, CollectError> {
    let service = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(service.as_deref().unwrap_or(SERVICE)))
}

async fn ask(service: &str) -> Result<Machine, CollectError> {
    #[derive(Deserialize)]
    struct Compute {
        #[serde(rename = "resourceId", default)]
        id: String,
        #[serde(rename = "subscriptionId", default)]
        subscription: String,
    }
    choose_cryptography();
    let failed = |error: reqwest::Error| CollectError::NotAMachine(error.without_url().to_string());
    // The service answers requests that say that they mean it, and none that come through a proxy.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| CollectError::Transport(error.to_string()))?;
    let url = format!("{}/metadata/instance/compute?api-version=2021-02-01&format=json", service.trim_end_matches('/'));
    let answer = client.get(url).header("Metadata", "true").send().await.map_err(failed)?;
    let answer = answer.error_for_status().map_err(failed)?;
    let bytes = answer.bytes().await.map_err(failed)?;
    let compute = serde_json::from_slice::<Compute>(&bytes);
    let compute = compute.map_err(|error| CollectError::NotAMachine(format!("its answer cannot be read: {error}")))?;
    match ResourceId::parse(&compute.id) {
        Some(_) => Ok(Machine { id: compute.id, subscription: compute.subscription }),
        None => Err(CollectError::NotAMachine("its answer names no machine".to_owned())),
    }
}
