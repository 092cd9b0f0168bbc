//! Which machine this is.

use std::time::Duration;

use super::CollectError;
use super::client::choose_cryptography;

/// Where a machine of Compute Engine finds what is said of it (Compute Engine, view and query VM metadata).
const SERVICE: &str = "metadata.google.internal";
/// The service is on the machine's own host, so it answers at once or is not there.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the service and those who ask it say, so that neither is taken for somebody else.
const FLAVOR: (&str, &str) = ("metadata-flavor", "Google");

/// A machine as its metadata service knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its number, which no other machine has.
    pub id: String,
    /// The project that it is in.
    pub project: String,
}

/// Asks the metadata service, at this host if it is another one.
///
/// # Errors
/// When the machine is none of Compute Engine.
pub fn this_machine(host: Option<&str>) -> Result<Machine, CollectError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = host.unwrap_or(SERVICE);
        let (id, project) = (ask(host, "instance/id").await?, ask(host, "project/project-id").await?);
        Ok(Machine { id, project })
    })
}

async fn ask(host: &str, what: &str) -> Result<String, CollectError> {
    choose_cryptography();
    let failed = |error: reqwest::Error| CollectError::NotAMachine(error.without_url().to_string());
    // The service is never behind a proxy, and a proxy would learn nothing good.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(failed)?;
    let url = format!("http://{host}/computeMetadata/v1/{what}");
    let answer = client.get(url).header(FLAVOR.0, FLAVOR.1).send().await.map_err(failed)?;
    let answer = answer.error_for_status().map_err(failed)?;
    if answer.headers().get(FLAVOR.0).is_none_or(|flavor| flavor != FLAVOR.1) {
        return Err(CollectError::NotAMachine("what answers there is not its metadata service".to_owned()));
    }
    let text = answer.text().await.map_err(failed)?.trim().to_owned();
    let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.:".contains(c));
    if is_name { Ok(text) } else { Err(CollectError::NotAMachine("its answer cannot be read".to_owned())) }
}
