//! What the checks against Google's descriptions refuse, and that examples and cases pass them.

use std::path::Path;

use serde_json::{Value, json};

use crate::cases;
use crate::common::root;
use crate::published::{hold_to_the_api, published};
use crate::server::{Estate, Request, Server, text};

fn request(method: &str, target: &str, body: &str) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let [method, path, query, body] = [method, path, query, body].map(str::to_owned);
    Request { method, path, query, body, authorization: true }
}

const MEMBERS: &str = "/compute/v1/projects/p/zones/z/instanceGroups/g/listInstances";

#[test]
fn right_requests_pass() {
    let nic = "/compute/v1/projects/p/zones/z/instances/i/getEffectiveFirewalls?networkInterface=nic0";
    for (method, target, body) in [
        ("GET", "/compute/v1/projects/p/aggregated/instances?maxResults=500&returnPartialSuccess=true&pageToken=", ""),
        ("GET", "/compute/v1/projects/example.com%3Ap/global/networks?$alt=json&%24apiVersion=2026-09-01", ""),
        ("GET", "/compute/v1/locations/global/firewallPolicies/listAssociations?targetResource=folders%2F1", ""),
        ("GET", nic, ""),
        ("POST", MEMBERS, r#"{"instanceState": "RUNNING"}"#),
        ("GET", "/v1/projects/p/locations/global/addressGroups?pageSize=2", ""),
        ("POST", "/v1/projects/p:getAncestry", "{}"),
    ] {
        assert_eq!(published().request(&request(method, target, body)), [""; 0]);
    }
}

#[test]
fn wrong_requests_are_refused_with_what_is_wrong() {
    let list = "/compute/v1/projects/p/aggregated/instances";
    let effective = "/compute/v1/projects/p/zones/z/instances/i/getEffectiveFirewalls";
    for (method, target, body, why) in [
        ("GET", format!("{list}?maxResults=501"), "", "500 is the most"),
        ("GET", format!("{list}?maxResults=-1"), "", "`maxResults` cannot be `-1`"),
        ("GET", format!("{list}?maxResults=many"), "", "`maxResults` cannot be `many`"),
        ("GET", format!("{list}?returnPartialSuccess=yes"), "", "`returnPartialSuccess` cannot be `yes`"),
        ("GET", format!("{list}?pageSize=5"), "", "has no parameter `pageSize`"),
        ("GET", format!("{list}?project=p"), "", "has no parameter `project`"),
        ("GET", format!("{list}?pageToken=a&pageToken=b"), "", "`pageToken` is given 2 times"),
        ("GET", format!("{list}?alt=xml"), "", "`alt` cannot be `xml`"),
        ("POST", list.to_owned(), "", "knows the path with GET"),
        ("GET", list.to_owned(), "{}", "takes no body"),
        ("GET", "/compute/v1/projects/p/aggregated/networks".to_owned(), "", "no such path"),
        ("GET", "/compute/v2/projects/p/aggregated/instances".to_owned(), "", "no such path"),
        ("GET", "/compute/v1/projects/p/zones//instances".to_owned(), "", "no such path"),
        ("GET", "/compute/v1/projects/-p-/global/networks".to_owned(), "", "`project` is `-p-`"),
        ("GET", effective.to_owned(), "", "`networkInterface` is missing"),
        ("POST", format!("{effective}?networkInterface=nic0"), "", "knows the path with GET"),
        ("GET", MEMBERS.to_owned(), "", "knows the path with POST"),
        ("POST", MEMBERS.to_owned(), "", "not JSON"),
        ("POST", MEMBERS.to_owned(), r#"{"instanceState": "ASLEEP"}"#, "cannot be `ASLEEP`"),
        ("POST", MEMBERS.to_owned(), r#"{"state": "ALL"}"#, "the API has no InstanceGroupsListInstancesRequest.state"),
    ] {
        let wrong = published().request(&request(method, &target, body));
        assert!(matches!(wrong.as_slice(), [one] if one.contains(why)), "{method} {target}: {wrong:?}");
    }
}

#[test]
fn records_with_fields_or_values_that_the_api_has_not_are_refused() {
    for (record, why) in [
        (json!({ "kind": "compute#firewall", "sourceRange": [] }), "the API has no Firewall.sourceRange"),
        (json!({ "kind": "compute#firewall", "allowed": [{ "protocol": "tcp" }] }), "Firewall.allowed[].protocol"),
        (json!({ "kind": "compute#firewall", "direction": "IN" }), "Firewall.direction cannot be `IN`"),
        (json!({ "kind": "compute#firewall", "priority": "1000" }), "Firewall.priority is no integer"),
        (json!({ "kind": "compute#firewall", "id": "abc" }), "Firewall.id cannot be `abc`"),
        (json!({ "kind": "compute#unheardOf" }), "no schema is of the kind"),
    ] {
        let wrong = published().record(&record);
        assert!(matches!(wrong.as_slice(), [one] if one.contains(why)), "{record}: {wrong:?}");
    }
    let labels = json!({ "kind": "compute#instance", "labels": { "anything": "goes" } });
    assert_eq!(published().record(&labels), [""; 0]);
}

/// Everything in an estate, with how many objects that were.
pub(crate) fn wrong_in(estate: &Estate) -> (usize, Vec<String>) {
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut take = |what: &str, complaints: Vec<String>| {
        count += 1;
        wrong.extend(complaints.into_iter().map(|why| format!("{what}: {why}")));
    };
    for (path, record) in &estate.records {
        let complaints = match path {
            path if path.contains("/addressGroups/") => {
                published().object("networksecurity.v1", "AddressGroup", record)
            }
            path if path.contains("/policyBasedRoutes/") => {
                published().object("networkconnectivity.v1", "PolicyBasedRoute", record)
            }
            _ => published().record(record),
        };
        take(path, complaints);
    }
    for database in &estate.databases {
        take(text(database, "name").unwrap(), published().record(database));
    }
    for asset in &estate.assets {
        take(text(asset, "name").unwrap(), published().object("cloudasset.v1", "Asset", asset));
        // The data is as that of the API that the asset is of.
        let (service, schema) = text(asset, "assetType").unwrap().split_once('/').unwrap();
        assert_eq!(service, "compute.googleapis.com", "{asset}");
        take(schema, published().object("compute.v1", schema, &asset["resource"]["data"]));
    }
    for recorded in &estate.effective {
        let schema = match (&recorded.instance, &recorded.region) {
            (Some(_), _) => "InstancesGetEffectiveFirewallsResponse",
            (None, Some(_)) => "RegionNetworkFirewallPoliciesGetEffectiveFirewallsResponse",
            (None, None) => "NetworksGetEffectiveFirewallsResponse",
        };
        take(schema, published().object("compute.v1", schema, &recorded.answer));
    }
    for (about, detail) in &estate.details {
        for one in detail.as_array().into_iter().flatten() {
            let (api, schema) = detail_schema(one);
            take(about, published().object(api, schema, one));
        }
        if detail.is_object() {
            take(about, published().object("compute.v1", "RouterStatusResponse", detail));
        }
    }
    for (project, nodes) in &estate.ancestors {
        for node in nodes {
            take(project, published().object("cloudresourcemanager.v1", "ResourceId", node));
        }
    }
    (count, wrong)
}

/// Which schema something is of that stands below a resource.
fn detail_schema(one: &Value) -> (&'static str, &'static str) {
    let has = |key: &str| one.get(key).is_some();
    match () {
        () if has("networkEndpoint") => ("compute.v1", "NetworkEndpointWithHealthStatus"),
        () if has("attachmentTarget") => ("compute.v1", "FirewallPolicyAssociation"),
        () if has("tagValue") && has("name") => ("cloudresourcemanager.v3", "TagBinding"),
        () if has("tagValue") => ("cloudresourcemanager.v3", "EffectiveTag"),
        () if has("instanceStatus") || has("currentAction") => ("compute.v1", "ManagedInstance"),
        () => ("compute.v1", "InstanceWithNamedPorts"),
    }
}

#[test]
fn the_examples_have_the_shapes_of_the_api() {
    for (example, least) in [("examples/gcp-shop/gcp", 39), ("examples/multi-cloud/snapshot/gcp", 12)] {
        let (count, wrong) = wrong_in(&Estate::read(&root().join(example)));
        assert!(wrong.is_empty(), "{example}: {wrong:#?}");
        assert!(count >= least, "{example}: only {count} objects were looked at");
    }
}

#[test]
fn the_cases_have_the_shapes_of_the_api() {
    let (mut all, mut wrong) = (0, Vec::new());
    for folder in ["gcp", "cross"].map(cases::folder) {
        let base = cases::base(&folder);
        for (name, case) in cases::cases(&folder) {
            let mut estate = Estate::default();
            let mut evidence = cases::evidence(&base, &case);
            if base.cloud().is_none() {
                evidence.retain(|word, _| word == "gcp");
            }
            for (file, bytes) in cases::documents(&evidence, &base, &case) {
                let about = Path::new(&file).file_stem().unwrap().to_str().unwrap();
                estate.take(about, serde_json::from_slice(&bytes).unwrap());
            }
            let (count, complaints) = wrong_in(&estate);
            all += count;
            wrong.extend(complaints.into_iter().map(|why| format!("{name}: {why}")));
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(all > 1000, "only {all} objects were looked at");
}

/// What the server makes itself has the API's shapes too.
#[test]
fn every_answer_of_the_server_has_the_shape_of_the_api() {
    let server = Server::start(&root().join("examples/gcp-shop/gcp"));
    crate::replay::ask_everything(&server);
    assert!(hold_to_the_api(&server) > 60);
}
