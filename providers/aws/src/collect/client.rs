//! The SDK, configured: one TLS library, short timeouts, and retries that spread out.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_sdk_ec2::config::retry::{ClientRateLimiter, RetryPartition};
use aws_sdk_ec2::config::{
    Credentials, ProvideCredentials, RuntimeComponents, SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector, tls};

use super::fault::clean;
use super::whole::WholeAnswers;
use super::{CollectError, Options, Patience};
use crate::records::Listing;

/// Credentials that expire within this time are asked for anew.
const MARGIN: Duration = Duration::from_mins(5);
/// The metadata service is one hop away: what takes longer is not there.
const METADATA_PATIENCE: Duration = Duration::from_secs(1);
/// Longest wait for credentials, which may come from a person who has to log in.
const CREDENTIALS_PATIENCE: Duration = Duration::from_mins(1);

/// Requests that an API takes at once, and how many more each second (EC2 API, throttling).
const BURST: f64 = 100.0;
const REFILL: f64 = 20.0;
/// The same of Route 53, for all of its APIs together (Route 53 guide, quotas).
const ZONES: (f64, f64) = (5.0, 5.0);

/// HTTPS with ring.
fn http(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// Waits twice as long each time, at random within that.
fn retries(patience: &Patience) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(patience.attempts.max(1)).with_initial_backoff(patience.backoff)
}

/// Retries that moreover hold back further requests to an API that was throttled: each API has an allowance of its
/// own, of 100 requests and 20 more each second (EC2 API, throttling), and so has a limiter of its own.
///
/// Without that the SDK has one limiter for all calls of a region, which begins with nothing and half a request a
/// second: one throttled call then holds up itself for ten seconds and all others with it.
fn adaptive(config: &SdkConfig) -> RetryConfig {
    let retries = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    RetryConfig::adaptive()
        .with_max_attempts(retries.max_attempts())
        .with_initial_backoff(retries.initial_backoff())
        .with_max_backoff(retries.max_backoff())
}

fn allowance(api: Listing, region: &str) -> RetryPartition {
    let (burst, refill) = if api.permission().starts_with("route53:") { ZONES } else { (BURST, REFILL) };
    let limiter = ClientRateLimiter::builder()
        .maximum_bucket_capacity(burst)
        .current_bucket_capacity(burst)
        .token_refill_rate(refill)
        // At its first answer the SDK keeps a fifth of this as the rate of requests so far.
        .tokens_retrieved_per_second(5.0 * refill)
        .build();
    RetryPartition::custom(format!("{region} {api:?} {}", api.permission())).client_rate_limiter(limiter).build()
}

fn timeouts(patience: &Patience) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(patience.connect).operation_attempt_timeout(patience.answer).build()
}

/// The configuration for all regions, with credentials that were tried.
pub(super) async fn load(options: &Options) -> Result<SdkConfig, CollectError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http(ProxyConfig::from_env()))
        .retry_config(retries(&options.patience))
        .timeout_config(timeouts(&options.patience));
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(key) = &options.access_key {
        loader = loader.credentials_provider(Credentials::new(&key.id, &key.secret, key.token.clone(), None, "caller"));
    }
    if let Some(endpoint) = &options.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = options.regions.first() {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(CollectError::NoRegion);
    }
    let none = |detail: &str| CollectError::NoCredentials { detail: clean(detail) };
    let source = config.credentials_provider().ok_or_else(|| none("no source of credentials is set up"))?;
    let first = match tokio::time::timeout(CREDENTIALS_PATIENCE, source.provide_credentials()).await {
        Ok(Ok(first)) => first,
        Ok(Err(error)) => return Err(none(&super::fault::chain(&error))),
        Err(_) => return Err(none("no source of credentials answered in time")),
    };
    Ok(config.into_builder().credentials_provider(held(first, source)).build())
}

/// Credentials that are there already, for as long as they hold.
pub(super) fn held(first: Credentials, source: SharedCredentialsProvider) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Held { first, source })
}

/// A client for one API.
#[derive(Clone, Debug)]
pub(super) enum Client {
    Ec2(aws_sdk_ec2::Client),
    Balancing(aws_sdk_elasticloadbalancingv2::Client),
    Classic(aws_sdk_elasticloadbalancing::Client),
    /// With the Region whose VPCs are asked about, which is not that of Route 53.
    Zones(aws_sdk_route53::Client, String),
    Databases(aws_sdk_rds::Client),
    Caches(aws_sdk_elasticache::Client),
    Search(aws_sdk_opensearch::Client),
}

/// A client of one SDK, with retries of its own.
macro_rules! client {
    ($sdk:ident, $config:expr, $region:expr, $allowance:expr $(, $interceptor:expr)?) => {{
        let builder = $sdk::config::Builder::from($config).region(Region::new($region.to_owned()));
        let builder = builder.retry_config(adaptive($config)).retry_partition($allowance)$(.interceptor($interceptor))?;
        $sdk::Client::from_conf(builder.build())
    }};
}

/// The clients of one region: one for each API, so that one that is throttled does not hold up the others.
#[derive(Debug)]
pub(super) struct Clients {
    region: String,
    config: SdkConfig,
    known: BTreeMap<Listing, Client>,
}

impl Clients {
    pub(super) fn new(config: &SdkConfig, region: &str) -> Self {
        Self { region: region.to_owned(), config: config.clone(), known: BTreeMap::new() }
    }

    /// The client for an API; always the same one, which knows how it was throttled.
    pub(super) fn of(&mut self, api: Listing) -> Client {
        let (config, region) = (&self.config, &self.region);
        let client = self.known.entry(api).or_insert_with(|| {
            let allowance = allowance(api, region);
            match (api, api.permission().split(':').next().unwrap_or_default()) {
                (Listing::ClassicBalancers | Listing::ClassicHealth | Listing::ClassicAttributes, _) => {
                    Client::Classic(client!(aws_sdk_elasticloadbalancing, config, region, allowance, WholeAnswers))
                }
                (_, "elasticloadbalancing") => {
                    Client::Balancing(client!(aws_sdk_elasticloadbalancingv2, config, region, allowance, WholeAnswers))
                }
                (_, "route53") => {
                    let at = zones_region(region);
                    let client = client!(aws_sdk_route53, config, at, allowance, WholeAnswers);
                    Client::Zones(client, region.clone())
                }
                (_, "rds") => Client::Databases(client!(aws_sdk_rds, config, region, allowance, WholeAnswers)),
                (_, "elasticache") => {
                    Client::Caches(client!(aws_sdk_elasticache, config, region, allowance, WholeAnswers))
                }
                // Its answers are JSON, and half of that is an error to the SDK.
                (_, "es") => Client::Search(client!(aws_sdk_opensearch, config, region, allowance)),
                _ => Client::Ec2(client!(aws_sdk_ec2, config, region, allowance, WholeAnswers)),
            }
        });
        client.clone()
    }
}

/// The Region that answers for Route 53 where another one is read (AWS General Reference, Route 53 endpoints).
fn zones_region(region: &str) -> &str {
    match region.split('-').next().unwrap_or_default() {
        "cn" => "cn-northwest-1",
        "us" if region.starts_with("us-gov-") => "us-gov-west-1",
        // Other partitions have an endpoint of their own, which the SDK knows by any of their Regions.
        "us" if region.starts_with("us-iso") => region,
        "eu" if region.starts_with("eu-iso") => region,
        "eusc" => region,
        _ => "us-east-1",
    }
}

/// The client that tells whose credentials they are. It is not worth waiting for: an account without a way to STS
/// still has a way to EC2.
pub(super) fn sts(config: &SdkConfig, patience: &Patience) -> aws_sdk_sts::Client {
    let patience = Patience { attempts: patience.attempts.min(2), ..*patience };
    let builder = aws_sdk_sts::config::Builder::from(config).retry_config(retries(&patience));
    aws_sdk_sts::Client::from_conf(builder.build())
}

/// The credentials that were tried, for as long as they hold. A source may be a program that asks a person, who is
/// not to be asked twice.
#[derive(Debug)]
struct Held {
    first: Credentials,
    source: SharedCredentialsProvider,
}

impl ProvideCredentials for Held {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        match self.first.expiry() {
            Some(expiry) if expiry < SystemTime::now() + MARGIN => self.source.provide_credentials(),
            _ => Provided::ready(Ok(self.first.clone())),
        }
    }
}

/// Id and region of the instance that this runs on.
pub(super) async fn this_instance(endpoint: Option<&str>) -> Result<(String, String), CollectError> {
    let failed = |detail: String| CollectError::NotAnInstance { detail: clean(&detail) };
    let mut builder = imds::Client::builder()
        .configure(&ProviderConfig::without_region().with_http_client(http(ProxyConfig::disabled())))
        .connect_timeout(METADATA_PATIENCE)
        .read_timeout(METADATA_PATIENCE)
        .max_attempts(2);
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint(endpoint).map_err(|error| failed(error.to_string()))?;
    }
    let client = builder.build();
    let mut values = Vec::new();
    for path in ["/latest/meta-data/instance-id", "/latest/meta-data/placement/region"] {
        let value = client.get(path).await.map_err(|error| failed(super::fault::chain(&error)))?;
        values.push(value.as_ref().trim().to_owned());
    }
    match <[String; 2]>::try_from(values) {
        Ok([instance, region]) if instance.starts_with("i-") && !region.is_empty() => Ok((instance, region)),
        _ => Err(failed("its answer names no instance of EC2".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use aws_config::retry::RetryMode;

    use super::*;

    /// The metadata service: a token first, and nothing without it (EC2 guide, version 2).
    fn metadata(instance: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let first = lines.next().unwrap();
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let token = head.iter().any(|line| line.eq_ignore_ascii_case("x-aws-ec2-metadata-token: the-token"));
                let (status, body) = match (first.split(' ').nth(1).unwrap(), token) {
                    ("/latest/api/token", _) => (200, "the-token"),
                    ("/latest/meta-data/instance-id", true) => (200, instance),
                    ("/latest/meta-data/placement/region", true) => (200, "eu-west-1"),
                    (_, false) => (401, ""),
                    _ => (404, ""),
                };
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        url
    }

    fn ask(endpoint: &str) -> Result<(String, String), CollectError> {
        super::super::runtime().unwrap().block_on(this_instance(Some(endpoint)))
    }

    /// A limiter that two APIs share would hold up the one for the other.
    #[test]
    fn each_api_is_held_back_by_itself() {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        macro_rules! settings {
            ($client:expr) => {
                ($client.config().retry_config().cloned(), $client.config().retry_partition().map(ToString::to_string))
            };
        }
        let limiter = |client: Client| {
            let (retries, partition) = match &client {
                Client::Ec2(client) => settings!(client),
                Client::Balancing(client) => settings!(client),
                Client::Classic(client) => settings!(client),
                Client::Zones(client, _) => settings!(client),
                Client::Databases(client) => settings!(client),
                Client::Caches(client) => settings!(client),
                Client::Search(client) => settings!(client),
            };
            let retries = retries.as_ref();
            assert_eq!(retries.map(RetryConfig::mode), Some(RetryMode::Adaptive));
            partition.unwrap()
        };
        let mut clients = Clients::new(&config, "eu-west-1");
        let mut named = BTreeMap::new();
        for api in Listing::ALL.into_iter().filter(|api| api.is_collected()) {
            let own = limiter(clients.of(api));
            assert_eq!(named.insert(own.clone(), api.permission()), None, "{api:?} shares a limiter");
            assert_eq!(limiter(clients.of(api)), own);
        }
        let mut elsewhere = Clients::new(&config, "eu-west-2");
        assert!(!named.contains_key(&limiter(elsewhere.of(Listing::Vpcs))));
    }

    #[test]
    fn each_partition_has_its_own_route_53() {
        for (region, at) in [
            ("eu-west-1", "us-east-1"),
            ("us-west-2", "us-east-1"),
            ("cn-north-1", "cn-northwest-1"),
            ("us-gov-east-1", "us-gov-west-1"),
            ("us-iso-east-1", "us-iso-east-1"),
        ] {
            assert_eq!(zones_region(region), at, "{region}");
        }
    }

    #[test]
    fn an_instance_knows_itself() {
        let answer = ask(&metadata("i-0123456789abcdef0")).unwrap();
        assert_eq!(answer, ("i-0123456789abcdef0".to_owned(), "eu-west-1".to_owned()));
    }

    #[test]
    fn another_machine_is_no_instance() {
        for endpoint in ["http://127.0.0.1:1".to_owned(), metadata("mi-0123456789abcdef0")] {
            let error = ask(&endpoint).unwrap_err();
            assert!(matches!(error, CollectError::NotAnInstance { .. }), "{error}");
        }
    }
}
