//! The calls, with the permissions that they need and the files that their answers become.

use futures::future::BoxFuture;
use google_cloud_compute::client;
use google_cloud_compute::model::InstanceGroupsListInstancesRequest;
use google_cloud_gax::client_builder::Error as BuilderError;
use google_cloud_gax::error::Error;
use serde::Serialize;
use serde_json::{Map, Value};

use super::client::Door;
use super::fault::Fault;

/// Records of a page; more are not given (Compute Engine API, `maxResults`).
const PAGE: u32 = 500;
/// Pages of a listing at most; more are a loop.
const MOST_PAGES: usize = 2000;

/// Every permission that a call of live collection needs.
pub const PERMISSIONS: &[&str] = &[
    "compute.addresses.list",
    "compute.backendServices.list",
    "compute.firewallPolicies.get",
    "compute.firewallPolicies.list",
    "compute.firewalls.list",
    "compute.forwardingRules.list",
    "compute.globalAddresses.list",
    "compute.globalForwardingRules.list",
    "compute.healthChecks.list",
    "compute.httpHealthChecks.list",
    "compute.httpsHealthChecks.list",
    "compute.instanceGroups.list",
    "compute.instances.getEffectiveFirewalls",
    "compute.instances.list",
    "compute.networkEndpointGroups.get",
    "compute.networkEndpointGroups.list",
    "compute.networks.getEffectiveFirewalls",
    "compute.networks.getRegionEffectiveFirewalls",
    "compute.networks.list",
    "compute.projects.get",
    "compute.regionBackendServices.list",
    "compute.regionFirewallPolicies.get",
    "compute.regionFirewallPolicies.list",
    "compute.regionHealthChecks.list",
    "compute.regionTargetHttpProxies.list",
    "compute.regionTargetHttpsProxies.list",
    "compute.regionTargetTcpProxies.list",
    "compute.regionUrlMaps.list",
    "compute.routers.get",
    "compute.routers.list",
    "compute.routes.list",
    "compute.subnetworks.list",
    "compute.targetGrpcProxies.list",
    "compute.targetHttpProxies.list",
    "compute.targetHttpsProxies.list",
    "compute.targetInstances.list",
    "compute.targetPools.list",
    "compute.targetSslProxies.list",
    "compute.targetTcpProxies.list",
    "compute.urlMaps.list",
];

/// What a call brought: pages, and what went wrong in the end.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) pages: Vec<Map<String, Value>>,
    pub(super) fault: Option<Fault>,
}

impl Answer {
    /// Takes a page and tells the token of the next one. A page that is followed has its token no longer, since what
    /// comes next is there; one that is not followed keeps it, which says that the listing is cut.
    fn take<T: Serialize>(&mut self, page: &T) -> Option<String> {
        match serde_json::to_value(page) {
            Ok(Value::Object(page)) => {
                let token = page.get("nextPageToken").and_then(Value::as_str);
                let token = token.filter(|token| !token.is_empty()).map(str::to_owned);
                self.pages.push(page);
                token
            }
            Ok(_) => {
                self.fault = Some(Fault::other("the answer is no object"));
                None
            }
            Err(error) => {
                self.fault = Some(Fault::other(error.to_string()));
                None
            }
        }
    }

    /// Whether the page behind this token is to be asked for.
    fn follows(&mut self, token: &str, before: Option<&str>) -> bool {
        if self.pages.len() >= MOST_PAGES || before == Some(token) {
            self.fault = Some(Fault::other("the pages have no end"));
        }
        self.fault.is_none()
    }

    /// The page before the one that just came was not the last.
    fn joined(&mut self) {
        let at = self.pages.len().checked_sub(2);
        if let Some(page) = at.and_then(|at| self.pages.get_mut(at)) {
            page.remove("nextPageToken");
        }
    }

    fn failed(&mut self, error: &Error) {
        self.fault = Some(Fault::of(error));
    }

    fn unbuilt(error: &BuilderError) -> Self {
        Self { pages: Vec::new(), fault: Some(Fault::other(error.to_string())) }
    }

    /// Everything in the list of that name, of all pages.
    pub(super) fn items(self) -> (Vec<Value>, Option<Fault>) {
        let mut all = Vec::new();
        for mut page in self.pages {
            if let Some(Value::Array(items)) = page.remove("items") {
                all.extend(items);
            }
        }
        (all, self.fault)
    }
}

/// A listing of a project.
pub(super) struct Listing<'a> {
    /// Name of its files.
    pub(super) name: &'static str,
    /// The permission that names the call.
    pub(super) call: &'static str,
    /// The path that is listed, which the answer has for its id.
    pub(super) path: &'static str,
    pub(super) answer: BoxFuture<'a, Answer>,
}

/// Asks for every page. The builders of the SDK are alike and of different types.
macro_rules! every_page {
    ($door:expr, $client:ident, |$known:ident| $request:expr) => {
        match $door.lists(client::$client::builder()).build::<client::$client>().await {
            Err(error) => Answer::unbuilt(&error),
            Ok($known) => {
                let mut answer = Answer::default();
                let mut token: Option<String> = None;
                loop {
                    let mut request = $request.set_max_results(PAGE);
                    if let Some(token) = &token {
                        request = request.set_page_token(token);
                    }
                    let page = match request.send().await {
                        Ok(page) => page,
                        Err(error) => {
                            answer.failed(&error);
                            break;
                        }
                    };
                    let next = answer.take(&page);
                    answer.joined();
                    match next {
                        Some(next) if answer.follows(&next, token.as_deref()) => token = Some(next),
                        _ => break,
                    }
                }
                answer
            }
        }
    };
}

/// Listings of a project, one a line: the name of the files, the permission, the path, and the SDK's call.
macro_rules! listings {
    ($door:ident, $project:ident: $($name:literal $call:literal $path:literal $client:ident.$method:ident)*) => {
        vec![$(Listing {
            name: $name,
            call: $call,
            path: $path,
            answer: Box::pin(async move { every_page!($door, $client, |known| known.$method().set_project($project)) }),
        }),*]
    };
}

/// What decides on packets in a project's own networks.
pub(super) fn networks<'a>(door: &'a Door, project: &'a str) -> Vec<Listing<'a>> {
    listings! { door, project:
        "networks" "compute.networks.list" "global/networks" Networks.list
        "subnetworks" "compute.subnetworks.list" "aggregated/subnetworks" Subnetworks.aggregated_list
        "firewalls" "compute.firewalls.list" "global/firewalls" Firewalls.list
        "routes" "compute.routes.list" "global/routes" Routes.list
        "routers" "compute.routers.list" "aggregated/routers" Routers.aggregated_list
        "firewallPolicies" "compute.firewallPolicies.list" "aggregated/firewallPolicies" NetworkFirewallPolicies.aggregated_list
        "addresses" "compute.addresses.list" "aggregated/addresses" Addresses.aggregated_list
    }
}

/// Machines and load balancers of a project. Aggregated lists of what is regional or global hold both.
pub(super) fn machines<'a>(door: &'a Door, project: &'a str) -> Vec<Listing<'a>> {
    listings! { door, project:
        "instances" "compute.instances.list" "aggregated/instances" Instances.aggregated_list
        "globalAddresses" "compute.globalAddresses.list" "global/addresses" GlobalAddresses.list
        "forwardingRules" "compute.forwardingRules.list" "aggregated/forwardingRules" ForwardingRules.aggregated_list
        "globalForwardingRules" "compute.globalForwardingRules.list" "global/forwardingRules" GlobalForwardingRules.list
        "backendServices" "compute.backendServices.list" "aggregated/backendServices" BackendServices.aggregated_list
        "healthChecks" "compute.healthChecks.list" "aggregated/healthChecks" HealthChecks.aggregated_list
        "instanceGroups" "compute.instanceGroups.list" "aggregated/instanceGroups" InstanceGroups.aggregated_list
        "networkEndpointGroups" "compute.networkEndpointGroups.list" "aggregated/networkEndpointGroups" NetworkEndpointGroups.aggregated_list
        "targetPools" "compute.targetPools.list" "aggregated/targetPools" TargetPools.aggregated_list
        "targetInstances" "compute.targetInstances.list" "aggregated/targetInstances" TargetInstances.aggregated_list
        "targetHttpProxies" "compute.targetHttpProxies.list" "aggregated/targetHttpProxies" TargetHttpProxies.aggregated_list
        "targetHttpsProxies" "compute.targetHttpsProxies.list" "aggregated/targetHttpsProxies" TargetHttpsProxies.aggregated_list
        "targetTcpProxies" "compute.targetTcpProxies.list" "aggregated/targetTcpProxies" TargetTcpProxies.aggregated_list
        "targetSslProxies" "compute.targetSslProxies.list" "global/targetSslProxies" TargetSslProxies.list
        "targetGrpcProxies" "compute.targetGrpcProxies.list" "global/targetGrpcProxies" TargetGrpcProxies.list
        "urlMaps" "compute.urlMaps.list" "aggregated/urlMaps" UrlMaps.aggregated_list
    }
}

/// Health checks of the older kind, which target pools have.
pub(super) fn older_checks<'a>(door: &'a Door, project: &'a str) -> Vec<Listing<'a>> {
    listings! { door, project:
        "httpHealthChecks" "compute.httpHealthChecks.list" "global/httpHealthChecks" HttpHealthChecks.list
        "httpsHealthChecks" "compute.httpsHealthChecks.list" "global/httpsHealthChecks" HttpsHealthChecks.list
    }
}

/// The host project of a Shared VPC; nothing where there is none.
pub(super) async fn host_project(door: &Door, project: &str) -> Answer {
    one(async {
        let client = door.one(client::Projects::builder()).build::<client::Projects>().await;
        client.map_err(Trouble::Builder)?.get_xpn_host().set_project(project).send().await.map_err(Trouble::Call)
    })
    .await
}

/// The members of an instance group of a zone.
pub(super) async fn members_of_zone(door: &Door, project: &str, zone: &str, group: &str) -> Answer {
    every_page!(door, InstanceGroups, |known| known
        .list_instances()
        .set_project(project)
        .set_zone(zone)
        .set_instance_group(group)
        .set_body(InstanceGroupsListInstancesRequest::new()))
}

/// The members of an instance group of a region.
pub(super) async fn members_of_region(door: &Door, project: &str, region: &str, group: &str) -> Answer {
    every_page!(door, RegionInstanceGroups, |known| known
        .list_instances()
        .set_project(project)
        .set_region(region)
        .set_instance_group(group)
        .set_body(google_cloud_compute::model::RegionInstanceGroupsListInstancesRequest::new()))
}

/// The endpoints of a group of a zone.
pub(super) async fn endpoints_of_zone(door: &Door, project: &str, zone: &str, group: &str) -> Answer {
    every_page!(door, NetworkEndpointGroups, |known| known
        .list_network_endpoints()
        .set_project(project)
        .set_zone(zone)
        .set_network_endpoint_group(group)
        .set_body(google_cloud_compute::model::NetworkEndpointGroupsListEndpointsRequest::new()))
}

/// A network firewall policy, global or of a region.
pub(super) async fn policy(door: &Door, project: &str, region: Option<&str>, name: &str) -> Answer {
    match region {
        Some(region) => {
            one(async {
                let builder = client::RegionNetworkFirewallPolicies::builder();
                let client = door.one(builder).build::<client::RegionNetworkFirewallPolicies>().await;
                let request = client.map_err(Trouble::Builder)?.get();
                let request = request.set_project(project).set_region(region).set_firewall_policy(name);
                request.send().await.map_err(Trouble::Call)
            })
            .await
        }
        None => {
            one(async {
                let builder = client::NetworkFirewallPolicies::builder();
                let client = door.one(builder).build::<client::NetworkFirewallPolicies>().await;
                let request = client.map_err(Trouble::Builder)?.get();
                request.set_project(project).set_firewall_policy(name).send().await.map_err(Trouble::Call)
            })
            .await
        }
    }
}

/// What filters a network in a region, policies of folders and the organisation among it.
pub(super) async fn effective_in_region(door: &Door, project: &str, region: &str, network: &str) -> Answer {
    one(async {
        let builder = client::RegionNetworkFirewallPolicies::builder();
        let client = door.one(builder).build::<client::RegionNetworkFirewallPolicies>().await;
        let request = client.map_err(Trouble::Builder)?.get_effective_firewalls();
        request.set_project(project).set_region(region).set_network(network).send().await.map_err(Trouble::Call)
    })
    .await
}

/// What filters a network, but for policies of a region.
pub(super) async fn effective_of_network(door: &Door, project: &str, network: &str) -> Answer {
    one(async {
        let client = door.one(client::Networks::builder()).build::<client::Networks>().await;
        let request = client.map_err(Trouble::Builder)?.get_effective_firewalls();
        request.set_project(project).set_network(network).send().await.map_err(Trouble::Call)
    })
    .await
}

/// What filters an interface of a machine.
pub(super) async fn effective_of_machine(door: &Door, project: &str, zone: &str, name: &str, nic: &str) -> Answer {
    one(async {
        let client = door.one(client::Instances::builder()).build::<client::Instances>().await;
        let request = client.map_err(Trouble::Builder)?.get_effective_firewalls();
        let request = request.set_project(project).set_zone(zone).set_instance(name).set_network_interface(nic);
        request.send().await.map_err(Trouble::Call)
    })
    .await
}

/// What a router learned.
pub(super) async fn router_status(door: &Door, project: &str, region: &str, name: &str) -> Answer {
    one(async {
        let client = door.one(client::Routers::builder()).build::<client::Routers>().await;
        let request = client.map_err(Trouble::Builder)?.get_router_status();
        request.set_project(project).set_region(region).set_router(name).send().await.map_err(Trouble::Call)
    })
    .await
}

enum Trouble {
    Builder(BuilderError),
    Call(Error),
}

/// An answer that is no list.
async fn one<T: Serialize>(asked: impl Future<Output = Result<T, Trouble>>) -> Answer {
    let mut answer = Answer::default();
    match asked.await {
        Ok(found) => {
            answer.take(&found);
        }
        Err(Trouble::Builder(error)) => return Answer::unbuilt(&error),
        Err(Trouble::Call(error)) => answer.failed(&error),
    }
    answer
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_last_page_of_a_listing_that_was_cut_says_so() {
        let mut answer = Answer::default();
        let first = answer.take(&json!({ "items": [1], "nextPageToken": "a" }));
        assert!(answer.follows(first.as_deref().unwrap(), None));
        let second = answer.take(&json!({ "items": [2], "nextPageToken": "b" }));
        answer.joined();
        assert!(answer.follows(second.as_deref().unwrap(), first.as_deref()));
        answer.failed(&Error::io("broken"));
        let tokens: Vec<bool> = answer.pages.iter().map(|page| page.contains_key("nextPageToken")).collect();
        assert_eq!(tokens, [false, true]);
        assert_eq!(answer.items().0, [json!(1), json!(2)]);
    }

    #[test]
    fn pages_that_repeat_themselves_end() {
        let mut answer = Answer::default();
        answer.take(&json!({ "nextPageToken": "a" }));
        assert!(!answer.follows("a", Some("a")));
        assert_eq!(answer.fault.unwrap().message, "the pages have no end");
    }
}
