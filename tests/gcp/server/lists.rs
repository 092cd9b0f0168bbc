//! Listings and their pages.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

use serde_json::{Map, Value, json};

use super::answers::{API, Answer, Asked, invalid};
use super::estate::{Estate, segment};
use super::{Fault, Told};

/// A collection: its name, the stem of its kinds, and which places it is in.
struct Collection {
    name: &'static str,
    stem: &'static str,
    /// The stem of the aggregated listing's kind, if it has one.
    aggregated: Option<&'static str>,
    places: &'static [&'static str],
}

const fn of(
    name: &'static str,
    stem: &'static str,
    aggregated: Option<&'static str>,
    places: &'static [&'static str],
) -> Collection {
    Collection { name, stem, aggregated, places }
}

const GLOBAL: &[&str] = &["global"];
const REGIONS: &[&str] = &["regions"];
const ZONES: &[&str] = &["zones"];
const WIDE: &[&str] = &["global", "regions"];
const NARROW: &[&str] = &["regions", "zones"];
const ALL: &[&str] = &["global", "regions", "zones"];

/// The collections and the kinds of their listings, which are not all spelled alike (Compute Engine API, reference).
const COLLECTIONS: [Collection; 24] = [
    of("instances", "instance", Some("instance"), ZONES),
    of("instanceGroups", "instanceGroup", Some("instanceGroup"), NARROW),
    of("instanceGroupManagers", "instanceGroupManager", Some("instanceGroupManager"), NARROW),
    of("networkEndpointGroups", "networkEndpointGroup", Some("networkEndpointGroup"), ALL),
    of("subnetworks", "subnetwork", Some("subnetwork"), REGIONS),
    of("addresses", "address", Some("address"), WIDE),
    of("forwardingRules", "forwardingRule", Some("forwardingRule"), WIDE),
    of("backendServices", "backendService", Some("backendService"), WIDE),
    of("healthChecks", "healthCheck", Some("healthChecks"), WIDE),
    of("httpHealthChecks", "httpHealthCheck", None, GLOBAL),
    of("httpsHealthChecks", "httpsHealthCheck", None, GLOBAL),
    of("routers", "router", Some("router"), REGIONS),
    of("targetPools", "targetPool", Some("targetPool"), REGIONS),
    of("targetInstances", "targetInstance", Some("targetInstance"), ZONES),
    of("targetHttpProxies", "targetHttpProxy", Some("targetHttpProxy"), WIDE),
    of("targetHttpsProxies", "targetHttpsProxy", Some("targetHttpsProxy"), WIDE),
    of("targetTcpProxies", "targetTcpProxy", Some("targetTcpProxy"), WIDE),
    of("targetSslProxies", "targetSslProxy", None, GLOBAL),
    of("targetGrpcProxies", "targetGrpcProxy", None, GLOBAL),
    of("urlMaps", "urlMap", Some("urlMaps"), WIDE),
    of("networks", "network", None, GLOBAL),
    of("firewalls", "firewall", None, GLOBAL),
    of("routes", "route", None, GLOBAL),
    of("firewallPolicies", "firewallPolicy", Some("networkFirewallPolicy"), WIDE),
];

fn known(name: &str) -> Option<&'static Collection> {
    COLLECTIONS.iter().find(|known| known.name == name)
}

/// Whether a collection is there, in places of this kind.
pub(crate) fn is_known(name: &str, places: &str) -> bool {
    known(name).is_some_and(|known| known.places.contains(&places))
}

/// A listing: what it is called, and its entries, each in a scope if it is aggregated.
pub(crate) struct List {
    head: Map<String, Value>,
    key: &'static str,
    entries: Vec<(String, Value)>,
    /// Every scope of an aggregated listing, and the name of a scope's own list.
    scopes: Option<(Vec<String>, String)>,
}

impl List {
    /// Without a kind.
    pub(crate) fn bare(key: &'static str, entries: Vec<Value>) -> Self {
        let entries = entries.into_iter().map(|entry| (String::new(), entry)).collect();
        Self { head: Map::new(), key, entries, scopes: None }
    }

    /// With a kind.
    pub(crate) fn plain(kind: &str, key: &'static str, entries: Vec<Value>) -> Self {
        let mut list = Self::bare(key, entries);
        list.head.insert("kind".to_owned(), json!(kind));
        list
    }

    /// The records of a collection.
    pub(crate) fn records(asked: &Asked, entries: Vec<Value>) -> Self {
        let name = asked.path.rsplit('/').next().unwrap();
        let stem = match name {
            "zones" => "zone",
            "regions" => "region",
            name => known(name).unwrap().stem,
        };
        let regional = asked.path.contains("/regions/") && name.starts_with("instanceGroup");
        let kind = match (regional, stem) {
            (true, "instanceGroup") => "compute#regionInstanceGroupList".to_owned(),
            (true, _) => "compute#regionInstanceGroupManagerList".to_owned(),
            (false, stem) => format!("compute#{stem}List"),
        };
        let list = Self::plain(&kind, "items", entries);
        // The one listing without a `selfLink`.
        if stem == "firewallPolicy" { list.identified(asked) } else { list.about(asked) }
    }

    /// With the path that was asked.
    pub(crate) fn identified(mut self, asked: &Asked) -> Self {
        self.head.insert("id".to_owned(), json!(asked.path));
        self
    }

    /// With the path and the link that were asked.
    pub(crate) fn about(self, asked: &Asked) -> Self {
        let mut list = self.identified(asked);
        list.head.insert("selfLink".to_owned(), json!(format!("{API}{}", asked.path)));
        list
    }
}

/// The listing of a collection in all places; `None` if the API has none.
pub(crate) fn aggregated(estate: &Estate, project: &str, name: &str) -> Option<List> {
    let collection = known(name)?;
    let kind = format!("compute#{}AggregatedList", collection.aggregated?);
    let mut scopes = Vec::new();
    for places in collection.places {
        match *places {
            "global" => scopes.push("global".to_owned()),
            "regions" => scopes.extend(estate.regions.iter().map(|region| format!("regions/{region}"))),
            _ => scopes.extend(estate.zones.iter().map(|zone| format!("zones/{zone}"))),
        }
    }
    let mut entries = Vec::new();
    for scope in &scopes {
        let records = estate.collection(&format!("projects/{project}/{scope}/{name}"));
        entries.extend(records.into_iter().map(|record| (scope.clone(), record.clone())));
    }
    let path = format!("projects/{project}/aggregated/{name}");
    let mut list = List { head: Map::new(), key: "items", entries, scopes: Some((scopes, name.to_owned())) };
    list.head.insert("kind".to_owned(), json!(kind));
    list.head.insert("id".to_owned(), json!(path));
    list.head.insert("selfLink".to_owned(), json!(format!("{API}{path}")));
    Some(list)
}

/// The page of a listing that was asked for.
pub(crate) fn page(told: &mut Told, asked: &Asked, fault: Option<&Fault>, mut list: List) -> Answer {
    let size = match page_size(told, asked) {
        Ok(size) => size,
        Err(answer) => return answer,
    };
    // A token is for the listing that it is from and for nothing else.
    let mut listing = asked.path.clone();
    for (name, value) in asked.parameters.iter().filter(|(name, _)| !name.starts_with("page") && *name != "maxResults")
    {
        write!(listing, " {name}={value}").unwrap();
    }
    let start = match asked.parameter("pageToken") {
        None => 0,
        Some(token) => match told.tokens.get(token) {
            Some((of, start)) if *of == listing => *start,
            _ => return invalid("pageToken", token, "The value is not a page token of this listing."),
        },
    };
    for unread in ["filter", "orderBy"] {
        if let Some(value) = asked.parameter(unread) {
            return invalid(unread, value, "This server neither filters nor sorts.");
        }
    }
    let unreachable = match fault {
        Some(Fault::Unreachable(scope)) => Some(*scope),
        _ => None,
    };
    if let Some(scope) = unreachable {
        list.entries.retain(|(of, _)| of != scope);
    }
    let end = list.entries.len().min(start + size);
    let more = end < list.entries.len();
    let entries: Vec<(String, Value)> = list.entries.drain(start.min(end)..end).collect();
    let mut body = list.head;
    let project = segment(&asked.path, "projects").unwrap_or_default();
    if let Some((scopes, name)) = list.scopes {
        let missing = unreachable.filter(|missing| scopes.iter().any(|scope| scope == missing));
        body.insert("items".to_owned(), scoped(&scopes, &name, entries, missing));
        if let Some(missing) = missing {
            body.insert("unreachables".to_owned(), json!([format!("projects/{project}/{missing}")]));
            body.insert("warning".to_owned(), unreachable_warning(missing));
        }
    } else {
        // A list without anything has no `items`, as nothing of the API's JSON is there that is empty.
        if !entries.is_empty() {
            let entries = entries.into_iter().map(|(_, entry)| entry).collect();
            body.insert(list.key.to_owned(), Value::Array(entries));
        }
        if let Some(scope) = unreachable.filter(|scope| asked.path.contains(*scope)) {
            body.insert("warning".to_owned(), unreachable_warning(scope));
        }
    }
    if more {
        let mut hasher = DefaultHasher::new();
        (&listing, end).hash(&mut hasher);
        let token = format!("Cl{:016x}==", hasher.finish());
        body.insert("nextPageToken".to_owned(), json!(token));
        told.tokens.insert(token, (listing, end));
    }
    Answer::ok(Value::Object(body))
}

fn page_size(told: &Told, asked: &Asked) -> Result<usize, Answer> {
    let own = told.page.unwrap_or(500);
    let Some(text) = asked.parameter("maxResults").or(asked.parameter("pageSize")) else { return Ok(own) };
    match text.parse::<usize>() {
        Ok(0) => Ok(own),
        Ok(size) if size <= 500 || !asked.is_compute => Ok(own.min(size)),
        _ => Err(invalid("maxResults", text, "Values must be within the following range: [0, 500]")),
    }
}

/// A page by scope: those with nothing on it say so.
fn scoped(scopes: &[String], name: &str, entries: Vec<(String, Value)>, missing: Option<&str>) -> Value {
    let mut items = Map::new();
    for scope in scopes {
        let own: Vec<&Value> = entries.iter().filter(|(of, _)| of == scope).map(|(_, entry)| entry).collect();
        let inner = if missing == Some(scope) {
            json!({ "warning": unreachable_warning(scope) })
        } else if own.is_empty() {
            let message = format!("There are no results for scope '{scope}' on this page.");
            let data = json!([{ "key": "scope", "value": scope }]);
            json!({ "warning": { "code": "NO_RESULTS_ON_PAGE", "message": message, "data": data } })
        } else {
            json!({ name: own })
        };
        items.insert(scope.clone(), inner);
    }
    Value::Object(items)
}

fn unreachable_warning(scope: &str) -> Value {
    let message = format!("Scope '{scope}' could not be reached.");
    json!({ "code": "UNREACHABLE", "message": message, "data": [{ "key": "scope", "value": scope }] })
}
