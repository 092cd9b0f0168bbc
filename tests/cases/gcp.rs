//! How a case's Google Cloud evidence becomes files.

#![cfg(test)]

use serde_json::{Map, Value, json};

use super::Case;

const API: &str = "https://www.googleapis.com/compute/v1/";

/// The kind of a listing's records, and where they are: globally, in regions, in zones, or in whichever they say.
const LISTINGS: [(&str, &str); 19] = [
    ("instances", "compute#instance"),
    ("networks", "compute#network"),
    ("subnetworks", "compute#subnetwork"),
    ("addresses", "compute#address"),
    ("firewalls", "compute#firewall"),
    ("firewallPolicies", "compute#firewallPolicy"),
    ("routes", "compute#route"),
    ("routers", "compute#router"),
    ("forwardingRules", "compute#forwardingRule"),
    ("backendServices", "compute#backendService"),
    ("instanceGroups", "compute#instanceGroup"),
    ("networkEndpointGroups", "compute#networkEndpointGroup"),
    ("targetPools", "compute#targetPool"),
    ("targetInstances", "compute#targetInstance"),
    ("targetHttpProxies", "compute#targetHttpProxy"),
    ("targetTcpProxies", "compute#targetTcpProxy"),
    ("urlMaps", "compute#urlMap"),
    ("healthChecks", "compute#healthCheck"),
    ("databases", "sql#instance"),
];

/// Fields that hold the link of a resource, with the collection that a bare name is of.
const LINKS: [(&str, &str); 17] = [
    ("network", "networks"),
    ("subnetwork", "subnetworks"),
    ("backendService", "backendServices"),
    ("group", "instanceGroups"),
    ("instance", "instances"),
    ("firewallPolicy", "firewallPolicies"),
    ("attachmentTarget", "networks"),
    ("nextHopInstance", "instances"),
    ("nextHopNetwork", "networks"),
    ("nextHopVpnTunnel", "vpnTunnels"),
    ("privateNetwork", "networks"),
    ("urlMap", "urlMaps"),
    ("defaultService", "backendServices"),
    ("service", "backendServices"),
    ("targetPool", "targetPools"),
    ("nextHopIlb", "forwardingRules"),
    ("region", "regions"),
];

/// Fields with a list of such links.
const MANY: [(&str, &str); 6] = [
    ("srcNetworks", "networks"),
    ("targetResources", "networks"),
    ("healthChecks", "healthChecks"),
    ("natIps", "addresses"),
    ("instances", "instances"),
    ("users", "routers"),
];

/// Collections that are of no region and no zone.
const GLOBAL: [&str; 6] = ["networks", "firewalls", "routes", "urlMaps", "targetHttpProxies", "targetTcpProxies"];

/// The key that identifies a record of a listing.
pub(super) fn id_key(listing: &str) -> &'static str {
    let known = LISTINGS.iter().any(|(known, _)| *known == listing);
    assert!(known, "the harness does not know how records of `{listing}` are identified");
    "name"
}

/// The files that `gcloud … list --format=json` would write, and the documents that a case holds as they are.
pub(super) fn documents(
    evidence: &Map<String, Value>,
    case: &Case,
    project: &str,
    region: &str,
) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for (listing, records) in evidence {
        if listing == "documents" {
            let all = records.as_object().unwrap();
            documents.extend(all.iter().map(|(name, document)| (name.clone(), document.clone())));
            continue;
        }
        let (_, kind) = LISTINGS.iter().find(|(known, _)| known == listing).unwrap();
        let whole: Vec<Value> =
            records.as_array().unwrap().iter().map(|record| complete(record, listing, kind, project, region)).collect();
        if whole.is_empty() {
            let empty = format!("projects/{project}/aggregated/{listing}");
            documents.push((format!("{listing}.json"), json!({ empty: [] })));
            continue;
        }
        // A page of the API instead of what gcloud prints, with the rest missing.
        if case.cut.contains(listing) {
            let id = format!("projects/{project}/aggregated/{listing}");
            let page = json!({ "kind": format!("{kind}List"), "id": id, "items": whole, "nextPageToken": "more" });
            documents.push((format!("{listing}.json"), page));
            continue;
        }
        documents.push((format!("{listing}.json"), Value::Array(whole)));
    }
    documents
}

/// A record with its kind and its links written out.
fn complete(record: &Value, listing: &str, kind: &str, project: &str, region: &str) -> Value {
    let mut record = record.as_object().unwrap().clone();
    let project = record.remove("in").map_or(project.to_owned(), |own| own.as_str().unwrap().to_owned());
    let zone = record.get("zone").and_then(Value::as_str).map(str::to_owned);
    let name = record["name"].as_str().unwrap().to_owned();
    let own_region = record.get("region").and_then(Value::as_str).map(str::to_owned);
    let place = match (&zone, &own_region) {
        _ if GLOBAL.contains(&listing) => "global".to_owned(),
        (Some(zone), _) => format!("zones/{zone}"),
        (None, Some(region)) => format!("regions/{region}"),
        (None, None) if listing == "subnetworks" => {
            record.insert("region".to_owned(), json!(region));
            format!("regions/{region}")
        }
        (None, None) => "global".to_owned(),
    };
    if let Some(zone) = &zone {
        record.insert("zone".to_owned(), json!(format!("{API}projects/{project}/zones/{zone}")));
    }
    let link = match (listing, record.get("parent")) {
        ("firewallPolicies", Some(_)) => format!("{API}locations/global/firewallPolicies/{name}"),
        _ => format!("{API}projects/{project}/{place}/{listing}/{name}"),
    };
    record.entry("selfLink").or_insert_with(|| json!(link));
    record.insert("kind".to_owned(), json!(kind));
    let region = own_region.or_else(|| zone.as_ref().map(|zone| zone.rsplit_once('-').unwrap().0.to_owned()));
    let region = region.unwrap_or_else(|| "europe-west1".to_owned());
    let mut record = Value::Object(record);
    write_out(&mut record, &project, &region, zone.as_deref());
    if listing == "databases" {
        record["project"] = json!(project);
    }
    record
}

fn write_out(value: &mut Value, project: &str, region: &str, zone: Option<&str>) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|inner| write_out(inner, project, region, zone)),
        Value::Object(object) => {
            for (key, inner) in object.iter_mut() {
                let one = LINKS.iter().find(|(known, _)| known == key);
                let many = MANY.iter().find(|(known, _)| known == key);
                match (one, many, &mut *inner) {
                    (Some((_, collection)), _, Value::String(name)) if !name.contains('/') => {
                        *name = full(collection, name, project, region, zone);
                    }
                    (_, Some((_, collection)), Value::Array(names)) => {
                        for name in
                            names.iter_mut().filter(|name| name.as_str().is_some_and(|name| !name.contains('/')))
                        {
                            *name = json!(full(collection, name.as_str().unwrap(), project, region, zone));
                        }
                    }
                    _ => write_out(inner, project, region, zone),
                }
            }
        }
        _ => {}
    }
}

fn full(collection: &str, name: &str, project: &str, region: &str, zone: Option<&str>) -> String {
    let place = match collection {
        "regions" => return format!("{API}projects/{project}/regions/{name}"),
        "instances" | "instanceGroups" => format!("zones/{}", zone.unwrap_or("europe-west1-b")),
        "subnetworks" | "backendServices" | "addresses" | "routers" | "vpnTunnels" | "forwardingRules"
        | "targetPools" => {
            format!("regions/{region}")
        }
        _ => "global".to_owned(),
    };
    format!("{API}projects/{project}/{place}/{collection}/{name}")
}
