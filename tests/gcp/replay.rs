//! The server itself: pages, errors, and what it derives.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::common::root;
use crate::server::{Fault, Server};

fn shop() -> Server {
    Server::start(&root().join("examples/gcp-shop/gcp"))
}

/// Status and body.
pub(crate) fn ask(server: &Server, method: &str, target: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n");
    write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The body of an answer that is no error.
pub(crate) fn get(server: &Server, target: &str) -> Value {
    let (status, body) = ask(server, "GET", target, "");
    assert_eq!(status, 200, "{target}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn aggregated_pages_hold_every_entry_once_and_say_which_scopes_have_none() {
    let server = shop();
    for size in [1, 2, 3, 500] {
        server.pages_of(size);
        let (mut names, mut token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = get(&server, &format!("/compute/v1/projects/shop-prod/aggregated/instances?pageToken={token}"));
            pages += 1;
            let scopes = page["items"].as_object().unwrap();
            assert!(scopes.contains_key("zones/europe-west1-b") && scopes.contains_key("zones/us-central1-b"));
            for scope in scopes.values() {
                match scope["instances"].as_array() {
                    Some(list) => names.extend(list.iter().map(|one| one["name"].as_str().unwrap().to_owned())),
                    None => assert_eq!(scope["warning"]["code"], "NO_RESULTS_ON_PAGE"),
                }
            }
            let Some(next) = page["nextPageToken"].as_str() else { break };
            token = next.to_owned();
        }
        assert_eq!((names.len(), pages), (9, 9_usize.div_ceil(size)));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 9);
    }
}

#[test]
fn a_page_token_is_good_for_its_own_listing_only() {
    let server = shop();
    let page = get(&server, "/compute/v1/projects/shop-net/global/routes?maxResults=2");
    let token = page["nextPageToken"].as_str().unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let status = |path: &str, token: &str| ask(&server, "GET", &format!("{path}?maxResults=2&pageToken={token}"), "").0;
    assert_eq!(status("/compute/v1/projects/shop-net/global/routes", token), 200);
    assert_eq!(status("/compute/v1/projects/shop-net/global/routes", "Cl00=="), 400);
    assert_eq!(status("/compute/v1/projects/shop-net/global/firewalls", token), 400);
}

#[test]
fn what_is_not_there_and_what_is_wrong_are_told_as_the_api_does() {
    let server = shop();
    for (target, status, reason) in [
        ("/compute/v1/projects/nobody/global/networks", 404, "notFound"),
        ("/compute/v1/projects/shop-net/global/networks/none", 404, "notFound"),
        ("/compute/v1/projects/shop-net/global/unheardOf", 404, "notFound"),
        ("/compute/v1/projects/shop-net/aggregated/networks", 404, "notFound"),
        ("/compute/v1/projects/shop-net/global/networks?maxResults=501", 400, "invalid"),
        ("/compute/v1/projects/shop-net/global/networks?maxResults=-1", 400, "invalid"),
        ("/compute/v1/projects/shop-net/zones/moon-1-a/instances", 400, "invalid"),
        ("/compute/v1/projects/shop-net/regions/moon-1/subnetworks", 400, "invalid"),
        ("/compute/v1/projects/shop-prod/zones/europe-west1-b/instances/edge-1/getEffectiveFirewalls", 400, "invalid"),
        ("/compute/v1/locations/global/firewallPolicies", 400, "invalid"),
    ] {
        let (told, body) = ask(&server, "GET", target, "");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((told, &body["error"]["code"]), (status, &Value::from(status)), "{target}");
        assert_eq!(body["error"]["errors"][0]["reason"], reason, "{target}");
    }
    assert_eq!(ask(&server, "DELETE", "/compute/v1/projects/shop-net/global/networks/prod", "").0, 404);
}

#[test]
fn the_service_project_knows_its_host_and_the_host_its_service_project() {
    let server = shop();
    assert_eq!(get(&server, "/compute/v1/projects/shop-prod/getXpnHost")["name"], "shop-net");
    assert_eq!(get(&server, "/compute/v1/projects/shop-net/getXpnHost")["name"], Value::Null);
    assert_eq!(get(&server, "/compute/v1/projects/shop-net/getXpnResources")["resources"][0]["id"], "shop-prod");
    assert_eq!(get(&server, "/compute/v1/projects/shop-net")["xpnProjectStatus"], "HOST");
}

#[test]
fn members_are_told_on_request_and_by_page() {
    let server = shop();
    let path = "/compute/v1/projects/shop-prod/zones/europe-west1-b/instanceGroups/shop/listInstances";
    let (_, body) = ask(&server, "POST", &format!("{path}?maxResults=1"), r#"{"instanceState": "ALL"}"#);
    let page: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((page["items"].as_array().unwrap().len(), page["nextPageToken"].is_string()), (1, true));
    assert_eq!(ask(&server, "GET", path, "").0, 404);
}

/// What is asked about less than the region holds less.
#[test]
fn effective_firewalls_of_a_machine_are_those_for_its_tags_and_accounts() {
    let server = shop();
    let region = get(
        &server,
        "/compute/v1/projects/shop-net/regions/europe-west1/firewallPolicies/getEffectiveFirewalls\
         ?network=projects%2Fshop-net%2Fglobal%2Fnetworks%2Fprod",
    );
    let network = get(&server, "/compute/v1/projects/shop-net/global/networks/prod/getEffectiveFirewalls");
    let machine = |name: &str| {
        let path =
            format!("/compute/v1/projects/shop-prod/zones/europe-west1-b/instances/{name}/getEffectiveFirewalls");
        get(&server, &format!("{path}?networkInterface=nic0"))
    };
    let names = |answer: &Value| {
        let rules = answer["firewalls"].as_array().unwrap().iter();
        rules.map(|rule| rule["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&region), names(&network));
    assert_eq!(names(&machine("edge-1")), ["edge-no-search-subnet", "allow-iap-ssh"]);
    let denies = |answer: &Value| answer["firewallPolicys"].to_string().matches("card data is apart").count();
    assert_eq!((denies(&region), denies(&machine("edge-1")), denies(&machine("payments-1"))), (1, 0, 1));
}

#[test]
fn faults_come_as_often_as_they_were_asked_for() {
    let server = shop();
    let target = "/compute/v1/projects/shop-prod/aggregated/instances";
    server.fault_first(2, "aggregated/instances", Fault::TooMany);
    let told: Vec<u16> = (0..3).map(|_| ask(&server, "GET", target, "").0).collect();
    assert_eq!(told, [429, 429, 200]);
    let said = |fault: Fault| {
        let server = shop();
        server.fault("/routers", fault);
        assert_eq!(ask(&server, "GET", target, "").0, 200);
        let (status, body) = ask(&server, "GET", "/compute/v1/projects/shop-net/aggregated/routers", "");
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        let reason = body["error"]["errors"][0]["reason"].as_str().unwrap_or_default().to_owned();
        (status, reason, body["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    let permission = "Required 'compute.routers.list' permission for 'projects/shop-net'";
    assert_eq!(said(Fault::Denied("compute.routers.list")), (403, "forbidden".to_owned(), permission.to_owned()));
    for (fault, status, reason) in [
        (Fault::RateLimit, 403, "rateLimitExceeded"),
        (Fault::Quota, 403, "quotaExceeded"),
        (Fault::Disabled, 403, "accessNotConfigured"),
        (Fault::Unavailable, 503, "backendError"),
        (Fault::Broken, 200, ""),
        (Fault::Unreachable("regions/europe-west1"), 503, "backendError"),
    ] {
        let (told, why, _) = said(fault);
        assert_eq!((told, &*why), (status, reason));
    }
}

#[test]
fn a_connection_is_cut_in_the_middle_of_an_answer() {
    let server = shop();
    server.fault_first(1, "/routers", Fault::Cut);
    let target = "/compute/v1/projects/shop-net/aggregated/routers";
    let (_, cut) = ask(&server, "GET", target, "");
    let (_, whole) = ask(&server, "GET", target, "");
    assert!(!cut.is_empty() && cut.len() < whole.len() && whole.starts_with(&cut));
}

#[test]
fn a_scope_out_of_reach_is_left_out_of_what_may_be_partial() {
    let server = shop();
    server.fault("aggregated/instances", Fault::Unreachable("zones/europe-west1-b"));
    let page = get(&server, "/compute/v1/projects/shop-prod/aggregated/instances?returnPartialSuccess=true");
    assert_eq!(page["unreachables"][0], "projects/shop-prod/zones/europe-west1-b");
    assert_eq!(page["items"]["zones/europe-west1-b"]["warning"]["code"], "UNREACHABLE");
    assert_eq!(page["warning"]["code"], "UNREACHABLE");
}

/// Asks for everything that an estate has.
pub(crate) fn ask_everything(server: &Server) {
    for project in ["shop-prod", "shop-net"] {
        let root = format!("/compute/v1/projects/{project}");
        get(server, &root);
        get(server, &format!("{root}/getXpnHost"));
        get(server, &format!("{root}/getXpnResources"));
        for collection in ["zones", "regions", "global/networks", "global/firewalls", "global/routes", "global/urlMaps"]
        {
            each(server, &format!("{root}/{collection}"));
        }
        for collection in ["instances", "instanceGroups", "targetInstances", "networkEndpointGroups"] {
            each(server, &format!("{root}/zones/europe-west1-b/{collection}"));
            get(server, &format!("{root}/aggregated/{collection}?returnPartialSuccess=true"));
        }
        for collection in [
            "addresses",
            "backendServices",
            "firewallPolicies",
            "forwardingRules",
            "healthChecks",
            "instanceGroupManagers",
            "routers",
            "subnetworks",
            "targetHttpProxies",
            "targetHttpsProxies",
            "targetPools",
            "targetTcpProxies",
            "urlMaps",
        ] {
            each(server, &format!("{root}/regions/europe-west1/{collection}"));
            get(server, &format!("{root}/aggregated/{collection}?maxResults=1"));
        }
        get(server, &format!("/v1/projects/{project}/locations/global/policyBasedRoutes"));
        get(server, &format!("/v1/projects/{project}/locations/global/addressGroups"));
        get(server, &format!("/sql/v1beta4/projects/{project}/instances"));
    }
    let (machine, net) = ("/compute/v1/projects/shop-prod/zones/europe-west1-b", "/compute/v1/projects/shop-net");
    get(server, &format!("{machine}/instances/edge-1/getEffectiveFirewalls?networkInterface=nic0"));
    get(server, &format!("{net}/global/networks/prod/getEffectiveFirewalls"));
    get(server, &format!("{net}/regions/europe-west1/firewallPolicies/getEffectiveFirewalls?network=prod"));
    get(server, &format!("{net}/regions/europe-west1/routers/out/getRouterStatus"));
    get(server, "/compute/v1/locations/global/firewallPolicies?parentId=organizations%2F1");
    get(server, "/compute/v1/locations/global/firewallPolicies/listAssociations?targetResource=folders%2F1");
    let (status, _) = ask(server, "POST", &format!("{machine}/instanceGroups/shop/listInstances"), "{}");
    assert_eq!(status, 200);
    server.fault_first(1, "aggregated/instances", Fault::Unreachable("zones/europe-west1-b"));
    get(server, "/compute/v1/projects/shop-prod/aggregated/instances?returnPartialSuccess=true");
}

/// Lists a collection, and gets each of its records alone.
fn each(server: &Server, path: &str) {
    let list = get(server, &format!("{path}?maxResults=500"));
    for record in list["items"].as_array().into_iter().flatten() {
        let name = record["name"].as_str().unwrap();
        assert_eq!(get(server, &format!("{path}/{name}")), *record);
    }
}
