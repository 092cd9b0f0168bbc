//! How requests reach Azure Resource Manager: who asks, over what, and what came back word for word.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::auth::{AccessToken, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::headers::{self, HeaderName, HeaderValue, Headers};
use azure_core::{Body, Error, HttpClient, Method, Request, Response, Result, StatusCode, Url};
use azure_core_identity::credentials::TokenCredential as Current;

use super::CollectError;

/// How long a request may take, from the first byte to the last.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Azure's SDK sends what it has to send through this, and the answers are kept as they came: a snapshot holds the
/// service's own words, and not what the SDK's types make of them.
#[derive(Debug)]
pub(super) struct Transport {
    client: reqwest::Client,
    /// Where tokens may be sent to. A page says where the next one is, and that has to be the same host.
    host: Url,
    answers: Mutex<Vec<(StatusCode, bytes::Bytes)>>,
}

/// Chooses who does the cryptography of TLS, which has to be done before any client is made. Another part of the program may
/// have chosen already, and the first choice stays.
pub(super) fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Transport {
    pub(super) fn new(host: Url) -> std::result::Result<Self, CollectError> {
        choose_cryptography();
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let client = client.map_err(|error| CollectError::Transport(error.to_string()))?;
        Ok(Self { client, host, answers: Mutex::default() })
    }

    /// What was answered since the last time this was asked.
    pub(super) fn take(&self) -> Vec<(StatusCode, bytes::Bytes)> {
        self.answers.lock().map(|mut answers| std::mem::take(&mut *answers)).unwrap_or_default()
    }

    fn is_elsewhere(&self, url: &Url) -> bool {
        url.scheme() != self.host.scheme()
            || url.host_str() != self.host.host_str()
            || url.port_or_known_default() != self.host.port_or_known_default()
    }
}

fn headers_of(map: &reqwest::header::HeaderMap) -> Headers {
    let known = map.iter().filter_map(|(name, value)| {
        Some((HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_str().ok()?.to_owned())))
    });
    Headers::from(known.collect::<HashMap<_, _>>())
}

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> Result<Response> {
        if self.is_elsewhere(request.url()) {
            let host = request.url().host_str().unwrap_or_default().to_owned();
            return Err(Error::with_message(ErrorKind::Other, || {
                format!("the answer refers to another host, `{host}`, which gets no token")
            }));
        }
        let method = match request.method() {
            Method::Post => reqwest::Method::POST,
            _ => reqwest::Method::GET,
        };
        let mut sent = self.client.request(method, request.url().as_str());
        for (name, value) in request.headers().iter() {
            sent = sent.header(name.as_str(), value.as_str());
        }
        let Body::Bytes(body) = request.body().clone() else {
            return Err(Error::message(ErrorKind::Other, "nothing here sends a stream"));
        };
        let failed = |error: reqwest::Error| Error::full(ErrorKind::Io, error.without_url(), "the request failed");
        let answer = sent.body(body).send().await.map_err(failed)?;
        let status = StatusCode::try_from(answer.status().as_u16())
            .map_err(|error| Error::with_message(ErrorKind::DataConversion, || error.to_string()))?;
        let headers = headers_of(answer.headers());
        let bytes = answer.bytes().await.map_err(failed)?;
        if let Ok(mut answers) = self.answers.lock() {
            answers.push((status, bytes.clone()));
        }
        let body = futures::stream::once(std::future::ready(Ok(bytes)));
        Ok(Response::new(status, headers, Box::pin(body)))
    }
}

/// The credentials of the current identity crate for the management crates, which are of the generation before.
#[derive(Debug)]
pub(super) struct Bridge {
    /// Tried in order; the first that answers stays.
    chain: Vec<Arc<dyn Current>>,
    chosen: Mutex<Option<usize>>,
}

impl Bridge {
    /// Where Azure's own tools look, in their order: a service principal of the environment, a workload identity, the
    /// Azure CLI and its developer sibling, and the identity of the machine.
    pub(super) fn new() -> std::result::Result<Self, CollectError> {
        choose_cryptography();
        let mut chain: Vec<Arc<dyn Current>> = Vec::new();
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let (Some(tenant), Some(client), Some(secret)) =
            (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"), variable("AZURE_CLIENT_SECRET"))
        {
            let made = azure_identity::ClientSecretCredential::new(&tenant, client, secret.into(), None);
            chain.push(made.map_err(|error| CollectError::Credentials(error.to_string()))?);
        }
        if variable("AZURE_FEDERATED_TOKEN_FILE").is_some() {
            let made = azure_identity::WorkloadIdentityCredential::new(None);
            chain.push(made.map_err(|error| CollectError::Credentials(error.to_string()))?);
        }
        if let Ok(made) = azure_identity::DeveloperToolsCredential::new(None) {
            chain.push(made);
        }
        if let Ok(made) = azure_identity::ManagedIdentityCredential::new(None) {
            chain.push(made);
        }
        Ok(Self { chain, chosen: Mutex::default() })
    }
}

#[async_trait]
impl TokenCredential for Bridge {
    async fn get_token(&self, scopes: &[&str]) -> Result<AccessToken> {
        let chosen = self.chosen.lock().ok().and_then(|chosen| *chosen);
        let mut why = Vec::new();
        for (at, credential) in self.chain.iter().enumerate().filter(|(at, _)| chosen.is_none_or(|it| it == *at)) {
            match credential.get_token(scopes, None).await {
                Ok(token) => {
                    if let Ok(mut chosen) = self.chosen.lock() {
                        *chosen = Some(at);
                    }
                    return Ok(AccessToken::new(token.token.secret().to_owned(), token.expires_on));
                }
                Err(error) => why.push(error.to_string()),
            }
        }
        let why = why.join("; ");
        Err(Error::with_message(ErrorKind::Credential, || format!("no credentials: {why}")))
    }

    async fn clear_cache(&self) -> Result<()> {
        Ok(())
    }
}

/// A request of our own, for what the SDK's network client does not have or does wrong.
pub(super) async fn own_request(
    pipeline: &azure_core::Pipeline,
    credential: &dyn TokenCredential,
    scope: &str,
    url: Url,
) -> Result<Response> {
    let mut request = Request::new(url, Method::Get);
    let token = credential.get_token(&[scope]).await?;
    request.insert_header(headers::AUTHORIZATION, format!("Bearer {}", token.token.secret()));
    request.set_body(azure_core::EMPTY_BODY);
    pipeline.send(&azure_core::Context::default(), &mut request).await
}
