//! Who asks, where, and how patiently.

use std::net::IpAddr;
use std::time::Duration;

use google_cloud_auth::credentials::{self, CacheableResource, Credentials, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use google_cloud_gax::client_builder::ClientBuilder;
use google_cloud_gax::error::Error;
use google_cloud_gax::exponential_backoff::{ExponentialBackoff, ExponentialBackoffBuilder};
use google_cloud_gax::retry_policy::RetryPolicy;
use google_cloud_gax::retry_result::RetryResult;
use google_cloud_gax::retry_state::RetryState;
use google_cloud_gax::retry_throttler::RetryThrottler;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Extensions, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use crate::fault::{Fault, Kind};
use crate::{DoorError, Token};

/// All that live collection asks for.
const SCOPE: &str = "https://www.googleapis.com/auth/compute.readonly";
/// The public cloud; others have a domain of their own.
const PUBLIC: &str = "googleapis.com";

/// How often a call is tried in all. The SDK's ten times are more than anybody in front of a terminal waits for.
const ATTEMPTS: u32 = 6;
/// Nobody there is seldom somebody there a second later.
const CONNECTION_ATTEMPTS: u32 = 3;
/// How long one try may take, and all of them.
const ATTEMPT_TIME: Duration = Duration::from_secs(30);
const CALL_TIME: Duration = Duration::from_mins(1);
/// How long finding a token may take.
const TOKEN_TIME: Duration = Duration::from_secs(30);

/// Chooses who does the cryptography of TLS, which has to be done before any client is made. Another part of the program may
/// have chosen already, and the first choice stays.
pub(crate) fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Where requests go, and as whom.
#[derive(Clone, Debug)]
pub struct Door {
    credentials: Credentials,
    endpoint: String,
    /// The host that gets no token, if none is sent.
    pub anonymous: Option<String>,
}

impl Door {
    /// The public cloud, or what stands for it, with the credentials that Google's own libraries would take.
    ///
    /// A token is for Google's own hosts. Another host, such as a test server's, gets none; one on this machine gets the one
    /// that was given, if one was and no proxy would read it.
    ///
    /// # Errors
    /// When there are no credentials, or the endpoint is no address.
    pub async fn find(endpoint: Option<&str>, given: Option<&Token>) -> Result<Self, DoorError> {
        choose_cryptography();
        let Some(endpoint) = endpoint else {
            let credentials = match given {
                Some(token) => fixed(token)?,
                None => default_credentials()?,
            };
            return Self::of(credentials).await;
        };
        let uri = uri(endpoint)?;
        let host = uri.host().unwrap_or_default().to_owned();
        let nobody = || credentials::anonymous::Builder::new().build();
        let trust = match trust(&uri) {
            Trust::ThisMachine if is_read_by_a_proxy(&uri, &Matcher::from_system()) => Trust::Nobody,
            trust => trust,
        };
        let (credentials, anonymous) = match (trust, given) {
            (Trust::Google | Trust::ThisMachine, Some(token)) => (fixed(token)?, None),
            (Trust::Google, None) => (default_credentials()?, None),
            (Trust::ThisMachine | Trust::Nobody, _) => (nobody(), Some(host)),
        };
        Ok(Self { credentials, endpoint: endpoint.to_owned(), anonymous })
    }

    /// The public cloud, or the one that the credentials are of.
    async fn of(credentials: Credentials) -> Result<Self, DoorError> {
        let asked = tokio::time::timeout(TOKEN_TIME, credentials.headers(Extensions::new())).await;
        let found = asked.map_err(|_| DoorError::Credentials("nobody gave a token in time".to_owned()))?;
        found.map_err(|error| DoorError::Credentials(words(&error)))?;
        let universe = credentials.universe_domain().await.unwrap_or_else(|| PUBLIC.to_owned());
        Ok(Self { credentials, endpoint: format!("https://compute.{universe}"), anonymous: None })
    }

    /// A client's builder for calls that ask for one thing.
    pub fn one<F>(&self, builder: ClientBuilder<F, Credentials>) -> ClientBuilder<F, Credentials> {
        self.prepared(builder, self.endpoint.clone())
    }

    /// A client's builder for calls that list. What can be reached is listed although a zone cannot (Compute Engine API,
    /// `returnPartialSuccess`). The SDK has no such parameter, but it keeps those of the endpoint.
    pub fn lists<F>(&self, builder: ClientBuilder<F, Credentials>) -> ClientBuilder<F, Credentials> {
        let endpoint = format!("{}/?returnPartialSuccess=true", self.endpoint.trim_end_matches('/'));
        self.prepared(builder, endpoint)
    }

    fn prepared<F>(&self, builder: ClientBuilder<F, Credentials>, endpoint: String) -> ClientBuilder<F, Credentials> {
        builder
            .with_endpoint(endpoint)
            .with_credentials(self.credentials.clone())
            .with_attempt_timeout(ATTEMPT_TIME)
            .with_retry_policy(Patience)
            .with_backoff_policy(backoff())
            .with_retry_throttler(Unthrottled)
    }
}

fn default_credentials() -> Result<Credentials, DoorError> {
    let made = credentials::Builder::default().with_scopes([SCOPE]).build();
    made.map_err(|error| DoorError::Credentials(words(&error)))
}

/// An error with what it came from.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        source = inner.source();
    }
    words
}

fn uri(endpoint: &str) -> Result<Uri, DoorError> {
    // What stands before the host may be a password.
    let wrong = || DoorError::Endpoint(endpoint.rsplit('@').next().unwrap_or_default().to_owned());
    let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_plain = uri.query().is_none() && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if is_http && is_plain && uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(wrong()) }
}

/// Whom a token may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    Google,
    ThisMachine,
    Nobody,
}

fn trust(uri: &Uri) -> Trust {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_google = host.strip_suffix(PUBLIC).is_some_and(|start| start.ends_with('.'));
    let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match (is_google && uri.scheme_str() == Some("https"), is_local) {
        (true, _) => Trust::Google,
        (false, true) => Trust::ThisMachine,
        (false, false) => Trust::Nobody,
    }
}

/// Whether requests go through a proxy that can read them, as the environment tells every client.
fn is_read_by_a_proxy(uri: &Uri, proxies: &Matcher) -> bool {
    uri.scheme_str() != Some("https") && proxies.intercept(uri).is_some()
}

/// A token that somebody else got.
struct Fixed {
    headers: HeaderMap,
    tag: EntityTag,
}

impl std::fmt::Debug for Fixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fixed")
    }
}

impl CredentialsProvider for Fixed {
    async fn headers(&self, _: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        Ok(CacheableResource::New { entity_tag: self.tag.clone(), data: self.headers.clone() })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

fn fixed(token: &Token) -> Result<Credentials, DoorError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.0));
    let mut value = value.map_err(|_| DoorError::Credentials("what was given as a token is none".to_owned()))?;
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    Ok(Fixed { headers, tag: EntityTag::new() }.into())
}

/// Tries again what passes, whatever the method: all of these calls read, those that are a POST too.
#[derive(Debug)]
struct Patience;

impl RetryPolicy for Patience {
    fn on_error(&self, state: &RetryState, error: Error) -> RetryResult {
        let most = match Fault::of(&error).kind {
            Kind::Throttled | Kind::Unavailable => ATTEMPTS,
            Kind::Connection => CONNECTION_ATTEMPTS,
            _ => return RetryResult::Permanent(error),
        };
        if state.attempt_count < most && state.start.elapsed() < CALL_TIME {
            RetryResult::Continue(error)
        } else {
            RetryResult::Exhausted(error)
        }
    }

    fn remaining_time(&self, state: &RetryState) -> Option<Duration> {
        Some(CALL_TIME.saturating_sub(state.start.elapsed()))
    }
}

/// From half a second to eight, each time up to twice as long.
fn backoff() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_delay(Duration::from_millis(500))
        .with_maximum_delay(Duration::from_secs(8))
        .with_scaling(2.0)
        .clamp()
}

/// The SDK's own throttle gives up some tries by chance, which suits a service that never ends and not a run that does.
#[derive(Debug)]
struct Unthrottled;

impl RetryThrottler for Unthrottled {
    fn throttle_retry_attempt(&self) -> bool {
        false
    }

    fn on_retry_failure(&mut self, _: &RetryResult) {}

    fn on_success(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::tests::answer;

    #[test]
    fn tokens_are_for_google_and_over_tls() {
        let of = |text: &str| trust(&text.parse().unwrap());
        assert_eq!(of("https://compute.googleapis.com"), Trust::Google);
        assert_eq!(of("https://compute-psc.p.googleapis.com"), Trust::Google);
        for other in [
            "http://compute.googleapis.com",
            "https://googleapis.com.example.org",
            "https://evilgoogleapis.com",
            "https://compute.example.org",
            "http://10.0.0.1:8080",
        ] {
            assert_eq!(of(other), Trust::Nobody, "{other}");
        }
        for here in ["http://127.0.0.1:80", "http://localhost:1", "http://[::1]:80"] {
            assert_eq!(of(here), Trust::ThisMachine, "{here}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address_and_nothing_more() {
        assert!(uri("https://compute.googleapis.com").is_ok());
        for wrong in ["", "compute", "ftp://example.org", "https://host?x=1", "https://token@host", "https://"] {
            assert!(uri(wrong).is_err(), "{wrong}");
        }
        let told = uri("http://user:secret@127.0.0.1:1").unwrap_err().to_string();
        assert!(told.contains("127.0.0.1:1") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn a_proxy_reads_what_is_not_encrypted() {
        let proxies = Matcher::builder().all("http://proxy.example.org:3128").no("localhost").build();
        let read = |text: &str| is_read_by_a_proxy(&text.parse().unwrap(), &proxies);
        assert!(read("http://127.0.0.1:80"));
        assert!(!read("https://127.0.0.1:80") && !read("http://localhost:80"));
        assert!(!is_read_by_a_proxy(&"http://127.0.0.1:80".parse().unwrap(), &Matcher::builder().build()));
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_not() {
        let again = |error: Error, attempts: u32| {
            let state = RetryState::new(false).set_attempt_count(attempts);
            matches!(Patience.on_error(&state, error), RetryResult::Continue(_))
        };
        let throttled = r#"{"error": {"message": "", "errors": [{"reason": "rateLimitExceeded"}]}}"#;
        assert!(again(answer(403, throttled), 1) && again(answer(503, ""), 1) && again(answer(429, ""), 5));
        assert!(!again(answer(403, "{}"), 1) && !again(answer(404, ""), 1) && !again(answer(503, ""), ATTEMPTS));
    }

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?}", fixed(&Token::new("ya29.secret")).unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
