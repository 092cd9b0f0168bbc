//! Which answer belongs to which request.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::estate::{Estate, last, path, region_of, segment, text};
use super::{Fault, Request, Told, effective, lists};

/// Where the API's own links point.
pub(crate) const API: &str = "https://www.googleapis.com/compute/v1/";

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }
}

/// An error as the Compute Engine API words it.
pub(crate) fn problem(status: u16, domain: &str, reason: &str, message: &str) -> Answer {
    let one = json!({ "message": message, "domain": domain, "reason": reason });
    Answer { status, body: json!({ "error": { "code": status, "message": message, "errors": [one] } }) }
}

pub(crate) fn not_found(what: &str) -> Answer {
    problem(404, "global", "notFound", &format!("The resource '{what}' was not found"))
}

/// A parameter that the API does not take.
pub(crate) fn invalid(field: &str, value: &str, why: &str) -> Answer {
    problem(400, "global", "invalid", &format!("Invalid value for field '{field}': '{value}'. {why}"))
}

/// A request, taken apart.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Without what names the API and its version.
    pub(crate) path: String,
    pub(crate) is_compute: bool,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn from(request: &Request) -> Self {
        let whole = decoded(&request.path);
        let compute = whole.strip_prefix("/compute/v1/");
        let others = ["/dns/v1/", "/sql/v1beta4/", "/v1/"].iter().find_map(|start| whole.strip_prefix(start));
        let pairs = request.query.split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(&value.replace('+', " ")))
        });
        Self {
            method: request.method.clone(),
            path: compute.or(others).unwrap_or(&whole).to_owned(),
            is_compute: compute.is_some(),
            parameters: parameters.collect(),
            body: serde_json::from_str(&request.body).unwrap_or_default(),
        }
    }

    /// A parameter that is given, and not empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is true. gcloud writes `True`, which the API takes as well.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The resource that permissions are about: of a listing the project.
    pub(crate) fn resource(&self) -> String {
        let segments: Vec<&str> = self.path.split('/').collect();
        let end = match segments.as_slice() {
            ["projects", _, "global", _, _, ..] => 5,
            ["projects", _, "zones" | "regions", _, _, _, ..] => 6,
            ["projects", _, ..] => 2,
            _ => {
                return self
                    .parameter("parentId")
                    .or(self.parameter("targetResource"))
                    .unwrap_or(&self.path)
                    .to_owned();
            }
        };
        segments[..end].join("/")
    }

    /// Whose quota a request counts against.
    pub(crate) fn consumer(&self) -> String {
        format!("projects/{}", segment(&self.path, "projects").map_or(0, number))
    }
}

/// The number of a project, which no file tells.
fn number(project: &str) -> u64 {
    project.bytes().fold(734_921_556_023, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_000_000_000)
}

/// Text with `%3A` and the like as what they stand for.
pub(crate) fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(b'%'));
        bytes.extend(part[if code.is_some() { 2 } else { 0 }..].bytes());
    }
    String::from_utf8(bytes).unwrap()
}

/// The answer to a request that nothing is wrong with.
pub(crate) fn answer(estate: &Estate, told: &mut Told, asked: &Asked, fault: Option<&Fault>) -> Answer {
    let segments: Vec<&str> = asked.path.split('/').collect();
    let is_read = match segments.last() {
        Some(&("listInstances" | "listManagedInstances" | "listNetworkEndpoints")) => asked.method == "POST",
        Some(end) if end.ends_with(":getAncestry") => asked.method == "POST",
        _ => asked.method == "GET",
    };
    if !is_read {
        return not_found(&asked.path);
    }
    let list = |told: &mut Told, list: lists::List| lists::page(told, asked, fault, list);
    if !asked.is_compute {
        return others(estate, told, asked, &segments);
    }
    if let ["projects", project, ..] = segments.as_slice()
        && !estate.projects.contains(*project)
    {
        return not_found(&format!("projects/{project}"));
    }
    if let Some(zone) = segment(&asked.path, "zones").filter(|zone| !estate.zones.contains(*zone)) {
        return invalid("zone", zone, "Unknown zone.");
    }
    if let Some(region) = segment(&asked.path, "regions").filter(|region| !estate.regions.contains(*region)) {
        return invalid("region", region, "Unknown region.");
    }
    match segments.as_slice() {
        ["projects", name] => Answer::ok(project(estate, name)),
        ["projects", name, "getXpnHost"] => {
            // A project that is attached to none gets an answer without a name.
            Answer::ok(
                estate.host_of(name).map_or_else(|| json!({ "kind": "compute#project" }), |host| project(estate, host)),
            )
        }
        ["projects", host, "getXpnResources"] => {
            let attached = estate.projects.iter().filter(|service| estate.host_of(service) == Some(*host));
            let attached: Vec<Value> = attached.map(|id| json!({ "id": id, "type": "PROJECT" })).collect();
            list(told, lists::List::plain("compute#projectsGetXpnResources", "resources", attached))
        }
        ["projects", name, "zones" | "regions"] => {
            list(told, lists::List::records(asked, places(estate, name, segments[2])))
        }
        ["projects", name, places_of @ ("zones" | "regions"), place] => {
            let all = places(estate, name, places_of);
            Answer::ok(all.into_iter().find(|known| text(known, "name") == Some(*place)).unwrap())
        }
        ["projects", name, "aggregated", collection] => match lists::aggregated(estate, name, collection) {
            Some(scopes) => list(told, scopes),
            None => not_found(&asked.path),
        },
        ["locations", "global", "firewallPolicies", "listAssociations"] => effective::associations(estate, asked),
        ["locations", "global", "firewallPolicies"] => {
            let Some(parent) = asked.parameter("parentId") else { return invalid("parentId", "", "It is required.") };
            let policies = estate.collection(&asked.path).into_iter();
            let policies = policies.filter(|policy| text(policy, "parent").is_some_and(|own| own == parent));
            list(told, lists::List::records(asked, policies.cloned().collect()))
        }
        [.., "firewallPolicies" | "instances" | "networks", "getEffectiveFirewalls"]
        | [.., "instances" | "networks", _, "getEffectiveFirewalls"] => effective::effective(estate, asked),
        [.., "routers", _, "getRouterStatus"] => router_status(estate, asked),
        [.., group, _, "listInstances" | "listManagedInstances" | "listNetworkEndpoints"] => {
            members(estate, told, asked, fault, group)
        }
        ["projects", _, "global", collection] | ["projects", _, "zones" | "regions", _, collection]
            if lists::is_known(collection, segments[2]) =>
        {
            let records = estate.collection(&asked.path).into_iter().cloned().collect();
            list(told, lists::List::records(asked, records))
        }
        _ => estate.records.get(&asked.path).cloned().map_or_else(|| not_found(&asked.path), Answer::ok),
    }
}

fn project(estate: &Estate, name: &str) -> Value {
    if let Some(record) = estate.records.get(&format!("projects/{name}")) {
        return record.clone();
    }
    let is_host = estate.projects.iter().any(|service| estate.host_of(service) == Some(name));
    json!({
        "kind": "compute#project",
        "id": number(name).to_string(),
        "name": name,
        "selfLink": format!("{API}projects/{name}"),
        "xpnProjectStatus": if is_host { "HOST" } else { "UNSPECIFIED_XPN_PROJECT_STATUS" },
    })
}

fn places(estate: &Estate, project: &str, kind: &str) -> Vec<Value> {
    let root = format!("{API}projects/{project}");
    let record = |name: &String, kind: &str| {
        json!({
            "kind": format!("compute#{kind}"),
            "id": number(name).to_string(),
            "name": name,
            "selfLink": format!("{root}/{kind}s/{name}"),
            "status": "UP",
        })
    };
    if kind == "regions" {
        let zones = |region: &str| {
            let own = estate.zones.iter().filter(|zone| region_of(zone) == region);
            own.map(|zone| format!("{root}/zones/{zone}")).collect::<Vec<_>>()
        };
        let regions = estate.regions.iter().map(|region| {
            let mut record = record(region, "region");
            record["zones"] = json!(zones(region));
            record
        });
        return regions.collect();
    }
    let zones = estate.zones.iter().map(|zone| {
        let mut record = record(zone, "zone");
        record["region"] = json!(format!("{root}/regions/{}", region_of(zone)));
        record
    });
    zones.collect()
}

/// What a router learned; without a recorded answer that it learned nothing.
fn router_status(estate: &Estate, asked: &Asked) -> Answer {
    let (of, _) = asked.path.rsplit_once('/').unwrap();
    let Some(router) = estate.records.get(of) else { return not_found(of) };
    if let Some(recorded) = estate.detail(of).filter(|recorded| recorded.is_object()) {
        return Answer::ok(recorded.clone());
    }
    Answer::ok(json!({ "kind": "compute#routerStatusResponse", "result": { "network": router["network"] } }))
}

/// The members of a group, or its endpoints.
fn members(estate: &Estate, told: &mut Told, asked: &Asked, fault: Option<&Fault>, kind: &str) -> Answer {
    let (of, question) = asked.path.rsplit_once('/').unwrap();
    if !estate.records.contains_key(of) {
        return not_found(of);
    }
    let Some(Value::Array(all)) = estate.detail(of) else {
        // A recorded estate without the members of a group does not know them, which is not the same as none.
        return problem(503, "global", "backendError", &format!("The members of '{of}' are not in the estate."));
    };
    let is_running = |member: &&Value| text(member, "status") == Some("RUNNING");
    let only_running = asked.body.get("instanceState").and_then(Value::as_str) == Some("RUNNING");
    let all: Vec<Value> = all.iter().filter(|member| !only_running || is_running(member)).cloned().collect();
    let list = match (kind, question) {
        ("instanceGroupManagers", _) => lists::List::bare("managedInstances", all),
        (_, "listInstances") if of.contains("/regions/") => {
            lists::List::plain("compute#regionInstanceGroupsListInstances", "items", all).about(asked)
        }
        (_, "listInstances") => lists::List::plain("compute#instanceGroupsListInstances", "items", all).about(asked),
        _ => lists::List::plain("compute#networkEndpointGroupsListNetworkEndpoints", "items", all).identified(asked),
    };
    lists::page(told, asked, fault, list)
}

/// Cloud DNS, Cloud SQL, Network Connectivity, Network Security, Resource Manager.
fn others(estate: &Estate, told: &mut Told, asked: &Asked, segments: &[&str]) -> Answer {
    if let ["projects", project] = segments
        && let Some((project, "getAncestry")) = project.split_once(':')
    {
        let Some(nodes) = estate.ancestors.get(project) else {
            let mut answer = problem(403, "global", "forbidden", "The caller does not have permission");
            answer.body["error"]["status"] = json!("PERMISSION_DENIED");
            return answer;
        };
        let nodes: Vec<Value> = nodes.iter().map(|node| json!({ "resourceId": node })).collect();
        return Answer::ok(json!({ "ancestor": nodes }));
    }
    let below = estate.collection(&asked.path).into_iter().cloned().collect();
    let list = match segments {
        ["projects", project, "instances"] => {
            let own = estate.databases.iter().filter(|record| text(record, "project") == Some(*project));
            lists::List::plain("sql#instancesList", "items", own.cloned().collect())
        }
        ["projects", _, "managedZones"] => lists::List::plain("dns#managedZonesListResponse", "managedZones", below),
        ["projects", _, "policies"] => lists::List::plain("dns#policiesListResponse", "policies", below),
        ["projects", _, "managedZones", _, "rrsets"] => {
            lists::List::plain("dns#resourceRecordSetsListResponse", "rrsets", below)
        }
        ["projects", _, "locations", _, "policyBasedRoutes"] => lists::List::bare("policyBasedRoutes", below),
        ["projects", _, "locations", _, "addressGroups"] => lists::List::bare("addressGroups", below),
        _ => return estate.records.get(&asked.path).cloned().map_or_else(|| not_found(&asked.path), Answer::ok),
    };
    lists::page(told, asked, None, list)
}

/// Whether two links are about the same resource: one of them may be a name alone.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (path(one), path(other));
    one == other || (last(one) == last(other) && (!one.contains('/') || !other.contains('/')))
}
