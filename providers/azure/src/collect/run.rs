//! The calls of a collection, one after the other.

use std::sync::Arc;
use std::time::Duration;

use azure_core::auth::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::{
    ClientOptions, Error, FixedRetryOptions, Pageable, Pipeline, Response, Result, RetryOptions, StatusCode,
    TransportOptions, Url,
};
use azure_mgmt_network::package_2024_03 as network;
use futures::StreamExt;
use network::models::QueryRequestOptions;
use reachlint_model::Intake;
use serde_json::Value;

use super::client::{Transport, own_request};
use super::{CollectError, Failed};
use crate::network::Estate;
use crate::records::ResourceId;

/// The Compute and the Private DNS API have no client in the network crate; these are the versions that are asked.
const COMPUTE: &str = "api-version=2024-07-01";
const DNS: &str = "api-version=2024-06-01";
/// A call is tried this often after the first time.
const RETRIES: u32 = 2;
/// Pages of a listing at most; more are a loop.
const MOST_PAGES: usize = 1000;

/// A collection under way.
pub(super) struct Run {
    endpoint: Url,
    scope: String,
    credential: Arc<dyn TokenCredential>,
    transport: Arc<Transport>,
    pub(super) client: network::Client,
    pipeline: Pipeline,
    pub(super) documents: Vec<(String, Vec<u8>)>,
    failures: Vec<Failed>,
    /// What was not asked, and why not.
    pub(super) notes: Vec<String>,
    /// What was read so far, to know what else to ask for.
    estate: Estate,
}

/// What came of a collection.
pub(super) struct Outcome {
    pub(super) documents: Vec<(String, Vec<u8>)>,
    pub(super) failures: Vec<Failed>,
    pub(super) notes: Vec<String>,
}

fn retry() -> RetryOptions {
    RetryOptions::fixed(FixedRetryOptions::default().max_retries(RETRIES).delay(Duration::from_millis(500)))
}

impl Run {
    pub(super) fn new(
        endpoint: Url,
        scope: String,
        credential: Arc<dyn TokenCredential>,
    ) -> std::result::Result<Self, CollectError> {
        let transport = Arc::new(Transport::new(endpoint.clone())?);
        let options = TransportOptions::new(transport.clone());
        let client = network::Client::builder(credential.clone())
            .endpoint(endpoint.clone())
            .scopes(&[&scope])
            .retry(retry())
            .transport(options.clone())
            .build();
        let client = client.map_err(|error| CollectError::Transport(error.to_string()))?;
        let options = ClientOptions::default().transport(options).retry(retry());
        let pipeline = Pipeline::new(option_env!("CARGO_PKG_NAME"), None, options, Vec::new(), Vec::new());
        let (documents, failures, notes) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self {
            endpoint,
            scope,
            credential,
            transport,
            client,
            pipeline,
            documents,
            failures,
            notes,
            estate: Estate::new(),
        })
    }

    /// What came of it.
    pub(super) fn done(self) -> Outcome {
        Outcome { documents: self.documents, failures: self.failures, notes: self.notes }
    }

    pub(super) fn keep(&mut self, name: String, bytes: Vec<u8>) {
        // What is broken here is broken when the snapshot is read, and said there.
        let _ = self.estate.document(&name, &bytes);
        self.documents.push((name, bytes));
    }

    pub(super) fn fail(&mut self, call: &str, error: &Error, resource: Option<&str>, subscription: &str) {
        self.failures.push(Failed::new(call, error, resource, subscription));
    }

    /// Keeps the pages of a listing as they came. The SDK's types cannot hold every page (one element that it finds odd
    /// costs it the whole page), and then the rest of the pages is asked for without it.
    async fn list<T, E>(&mut self, call: &str, subscription: &str, name: &str, pages: Pageable<T, E>)
    where
        T: azure_core::Continuable + Send,
        E: From<Error> + Into<Error> + std::fmt::Debug,
    {
        self.transport.take();
        let mut pages = std::pin::pin!(pages);
        let mut wrong = None;
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += 1;
            if let Err(error) = page {
                wrong = Some(error.into());
                break;
            }
            if count >= MOST_PAGES {
                break;
            }
        }
        let answers = self.transport.take().into_iter().filter(|(status, _)| *status == StatusCode::Ok);
        let bodies: Vec<Vec<u8>> = answers.map(|(_, bytes)| bytes.to_vec()).collect();
        let last = bodies.last().cloned();
        for body in bodies {
            self.page(subscription, name, body);
        }
        let Some(error) = wrong else { return };
        // A page that came and that the SDK could not hold: what follows it is asked for here.
        let page = last.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
        let page = page.filter(|page| {
            page.get("value").is_some_and(Value::is_array)
                && !matches!(error.kind(), ErrorKind::HttpResponse { .. } | ErrorKind::Io)
        });
        match page {
            Some(page) => {
                let next = page.get("nextLink").and_then(Value::as_str).map(str::to_owned);
                self.follow(call, subscription, name, next, count).await;
            }
            None => self.fail(call, &error, None, subscription),
        }
    }

    fn page(&mut self, subscription: &str, name: &str, body: Vec<u8>) {
        let prefix = format!("{subscription}/{name}-");
        let number = self.documents.iter().filter(|(known, _)| known.starts_with(&prefix)).count() + 1;
        self.keep(format!("{prefix}{number}.json"), body);
    }

    /// Asks for pages with requests of our own.
    async fn follow(&mut self, call: &str, subscription: &str, name: &str, first: Option<String>, from: usize) {
        let mut next = first;
        let mut count = from;
        while let Some(link) = next.take().filter(|link| !link.is_empty()) {
            count += 1;
            let url = Url::parse(&link).or_else(|_| self.endpoint.join(&link));
            let answer = match url {
                Ok(url) if count <= MOST_PAGES => self.get(url).await,
                Ok(_) => Err(Error::message(ErrorKind::Other, "the pages have no end")),
                Err(error) => Err(Error::from(error)),
            };
            match answer {
                Ok((_, body)) => {
                    let page = serde_json::from_slice::<Value>(&body);
                    match page {
                        Ok(page) => {
                            next = page.get("nextLink").and_then(Value::as_str).map(str::to_owned);
                            self.page(subscription, name, body);
                        }
                        Err(error) => self.fail(call, &Error::from(error), None, subscription),
                    }
                }
                Err(error) => self.fail(call, &error, None, subscription),
            }
        }
    }

    /// A request of our own.
    pub(super) async fn ask(&self, url: Url) -> Result<Response> {
        own_request(&self.pipeline, &*self.credential, &self.scope, url).await
    }

    async fn get(&self, url: Url) -> Result<(StatusCode, Vec<u8>)> {
        let answer = self.ask(url).await?;
        let (status, _, body) = answer.deconstruct();
        Ok((status, body.collect().await?.to_vec()))
    }

    /// A listing that the network crate does not have.
    async fn listing(&mut self, call: &str, subscription: &str, name: &str, path: &str, query: &str) {
        let link = format!("{path}?{query}");
        self.follow(call, subscription, name, Some(link), 0).await;
    }

    /// Private DNS zones with their links and records. A zone that no network is linked to answers nobody.
    async fn zones(&mut self, id: &str) {
        let call = "Microsoft.Network/privateDnsZones/read";
        let path = format!("/subscriptions/{id}/providers/Microsoft.Network/privateDnsZones");
        self.listing(call, id, "privateDnsZones", &path, DNS).await;
        for zone in self.estate.linked_zones(id) {
            let name = |what: &str| format!("privateDns-{}-{}-{what}", zone.group, zone.name());
            let call = "Microsoft.Network/privateDnsZones/virtualNetworkLinks/read";
            let path = format!("{}/virtualNetworkLinks", zone.text);
            self.listing(call, id, &name("links"), &path, DNS).await;
            let call = "Microsoft.Network/privateDnsZones/ALL/read";
            self.listing(call, id, &name("records"), &format!("{}/ALL", zone.text), DNS).await;
        }
    }

    /// Everything of a subscription.
    pub(super) async fn subscription(&mut self, id: &str) {
        let client = self.client.clone();
        macro_rules! listed {
            ($kind:literal, $client:ident, $call:ident) => {
                let call = concat!("Microsoft.Network/", $kind, "/read");
                self.list(call, id, $kind, client.$client().$call(id).into_stream()).await;
            };
        }
        listed!("networkInterfaces", network_interfaces_client, list_all);
        listed!("virtualNetworks", virtual_networks_client, list_all);
        listed!("networkSecurityGroups", network_security_groups_client, list_all);
        listed!("applicationSecurityGroups", application_security_groups_client, list_all);
        listed!("routeTables", route_tables_client, list_all);
        listed!("publicIPAddresses", public_ip_addresses_client, list_all);
        listed!("natGateways", nat_gateways_client, list_all);
        listed!("loadBalancers", load_balancers_client, list_all);
        listed!("applicationGateways", application_gateways_client, list_all);
        listed!("privateEndpoints", private_endpoints_client, list_by_subscription);
        self.zones(id).await;
        let head = format!("/subscriptions/{id}/providers/Microsoft.Compute");
        let machines = "Microsoft.Compute/virtualMachines/read";
        self.listing(machines, id, "virtualMachines", &format!("{head}/virtualMachines"), COMPUTE).await;
        let states = format!("{COMPUTE}&statusOnly=true");
        self.listing(machines, id, "virtualMachineStates", &format!("{head}/virtualMachines"), &states).await;
        let sets = "Microsoft.Compute/virtualMachineScaleSets/read";
        self.listing(sets, id, "virtualMachineScaleSets", &format!("{head}/virtualMachineScaleSets"), COMPUTE).await;
        for set in self.estate.scale_set_ids(id) {
            let call = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces/read";
            let pages = client.network_interfaces_client();
            let pages = pages.list_virtual_machine_scale_set_network_interfaces(&set.group, set.name(), id);
            self.list(call, id, &format!("vmss-{}-networkInterfaces", set.name()), pages.into_stream()).await;
            let call = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read";
            let path = format!("{}/virtualMachines", set.text);
            let query = format!("{COMPUTE}&$expand=instanceView");
            self.listing(call, id, &format!("vmss-{}-virtualMachines", set.name()), &path, &query).await;
        }
        for vnet in self.estate.vnet_ids(id) {
            self.admin_rules(id, &vnet).await;
        }
    }

    /// Security admin rules of a network, page by page, with the network's id beside them.
    async fn admin_rules(&mut self, subscription: &str, vnet: &ResourceId) {
        const CALL: &str = "Microsoft.Network/virtualNetworks/listNetworkManagerEffectiveSecurityAdminRules/action";
        let mut token = None;
        for number in 1..=MOST_PAGES {
            let asked = QueryRequestOptions { skip_token: token.take() };
            let call = self.client.list_network_manager_effective_security_admin_rules(
                subscription,
                &vnet.group,
                vnet.name(),
                asked,
            );
            let answer = match call.send().await {
                Ok(answer) => about(answer.into(), "virtualNetworkName", &vnet.text).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(document) => {
                    token = document.get("skipToken").and_then(Value::as_str).map(str::to_owned);
                    let name = format!("{subscription}/adminRules-{}-{}-{number}.json", vnet.group, vnet.name());
                    self.keep(name, document.to_string().into_bytes());
                }
                Err(error) => return self.fail(CALL, &error, Some(&vnet.text), subscription),
            }
            token = token.filter(|token| !token.is_empty());
            if token.is_none() {
                return;
            }
        }
    }

    /// The addresses of service tags, where a rule or route names one that is data.
    pub(super) async fn service_tags(&mut self) {
        const CALL: &str = "Microsoft.Network/locations/serviceTags/read";
        let Some((subscription, location)) = self.estate.needs_service_tags() else { return };
        let call = self.client.service_tags_client().list(&location, &subscription);
        let answer = match call.send().await {
            Ok(answer) => Response::from(answer).into_body().collect().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(bytes) => self.keep(format!("{subscription}/serviceTags-{location}.json"), bytes.to_vec()),
            Err(error) => self.fail(CALL, &error, None, &subscription),
        }
    }
}

/// An answer as JSON, with what it is about beside it.
pub(super) async fn about(answer: Response, parameter: &str, id: &str) -> Result<Value> {
    let bytes = answer.into_body().collect().await?;
    let mut document: Value = serde_json::from_slice(&bytes)?;
    match document.as_object_mut() {
        Some(object) => object.insert(parameter.to_owned(), Value::String(id.to_owned())),
        None => return Err(Error::message(ErrorKind::DataConversion, "the answer is no JSON object")),
    };
    Ok(document)
}
