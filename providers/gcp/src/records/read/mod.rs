//! Documents to records, by what they hold.

mod details;
mod pages;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::records::asset::{self, Asset};
use crate::records::path::{last, path};
use crate::records::{
    Address, AddressGroup, Association, BackendService, Database, DnsPolicy, Effective, Endpoint, EndpointGroup,
    Firewall, ForwardingRule, HealthCheck, Instance, InstanceGroup, ManagedZone, Member, Policy, PolicyRoute,
    RecordSet, Route, Router, RouterStatus, Subnet, TargetInstance, TargetPool, TargetProxy, UrlMap, Vpc,
};

/// What an answer is about that does not say so itself: keys beside it, the key above it, or the name of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    /// The resource as it was asked for: a path or a name.
    pub(crate) asked: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) place: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) nic: Option<String>,
    pub(crate) file: String,
}

/// One thing that a document holds.
#[derive(Debug)]
pub(crate) enum Found {
    Instance(Instance),
    Vpc(Vpc),
    Subnet(Subnet),
    Address(Address),
    Database(Database),
    Firewall(Firewall),
    Policy(Policy),
    Association(Association),
    AddressGroup(AddressGroup),
    Route(Route),
    Router(Router),
    RouterStatus(RouterStatus),
    PolicyRoute(PolicyRoute),
    ForwardingRule(ForwardingRule),
    BackendService(BackendService),
    InstanceGroup(InstanceGroup),
    EndpointGroup(EndpointGroup),
    TargetPool(TargetPool),
    TargetInstance(TargetInstance),
    TargetProxy(TargetProxy),
    UrlMap(UrlMap),
    HealthCheck(HealthCheck),
    ManagedZone(ManagedZone),
    /// Records of a zone.
    RecordSets(About, Vec<RecordSet>),
    DnsPolicy(DnsPolicy),
    Effective(About, Effective),
    Members(About, Vec<Member>),
    Endpoints(About, Vec<Endpoint>),
    /// The secure tags of a machine.
    Bindings(About, Vec<String>),
    /// A project's own id first, then what it is in.
    Ancestors(Vec<(String, String)>),
    /// A collection was listed, such as `projects/shop/global/firewalls`.
    Listed(String),
    /// A listing ends early, or a part of it could not be reached.
    Cut(String),
    /// A resource of Google Cloud that decides nothing here.
    Unused,
}

/// The records of a document, and how many there are of each kind.
type Read = (Vec<Found>, Vec<(String, usize)>);

/// Records of a document with the number of each kind; `None` if it is no evidence of Google Cloud.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Option<Read>, String> {
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => match asset::lines(bytes) {
            Some(assets) => Value::Array(assets),
            None if ["\"compute#", "\"compute.googleapis.com/"].iter().any(|part| holds(bytes, part.as_bytes())) => {
                return Err(format!("it is cut or not JSON: {error}"));
            }
            None => return Ok(None),
        },
    };
    let mut reader = Reader { file: stem(name), found: Vec::new(), counts: Vec::new() };
    let known = match value {
        Value::Array(list) => reader.list(list, None)?,
        Value::Object(object) => reader.object(object)?,
        _ => false,
    };
    Ok(known.then_some((reader.found, reader.counts)))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn stem(name: &str) -> String {
    name.strip_suffix(".json").unwrap_or(name).to_owned()
}

struct Reader {
    file: String,
    found: Vec<Found>,
    counts: Vec<(String, usize)>,
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn kind_of(value: &Value) -> Option<&str> {
    let kind = value.get("kind").and_then(Value::as_str)?;
    let known = ["compute#", "sql#", "networkconnectivity#", "dns#"];
    known.iter().any(|start| kind.starts_with(start)).then_some(kind)
}

fn parse<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, String> {
    let name = value.get("name").and_then(Value::as_str).map_or(String::new(), |name| format!(" `{name}`"));
    serde_json::from_value(value).map_err(|error| format!("{what}{name}: {error}"))
}

impl Reader {
    fn count(&mut self, kind: &str) {
        match self.counts.iter_mut().find(|(known, _)| known == kind) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((kind.to_owned(), 1)),
        }
    }

    fn about(&self, object: &Map<String, Value>) -> About {
        const ASKED: [&str; 4] = ["instance", "instanceGroup", "instanceGroupManager", "networkEndpointGroup"];
        let network = text(object, "network");
        About {
            asked: ASKED.iter().find_map(|key| text(object, key)),
            project: text(object, "project"),
            place: text(object, "zone").or_else(|| text(object, "region")),
            network,
            nic: text(object, "networkInterface"),
            file: self.file.clone(),
        }
    }

    fn under(&self, key: &str) -> About {
        About { asked: Some(key.to_owned()), file: self.file.clone(), ..About::default() }
    }

    /// An array: of resources by their kind, or of what one resource was asked for.
    fn list(&mut self, list: Vec<Value>, about: Option<About>) -> Result<bool, String> {
        let Some(first) = list.first() else { return Ok(false) };
        if asset::is_asset(first) {
            return self.assets(list).map(|()| true);
        }
        if kind_of(first) == Some("dns#resourceRecordSet") {
            let about = about.unwrap_or_else(|| About { file: self.file.clone(), ..About::default() });
            self.count("dns#resourceRecordSet");
            self.found.push(Found::RecordSets(about, parse(Value::Array(list), "records of a zone")?));
            return Ok(true);
        }
        if kind_of(first).is_some() {
            for mut value in list {
                place_zone(&mut value, about.as_ref());
                let kind = kind_of(&value).unwrap_or_default().to_owned();
                self.listed(&value);
                self.record(&kind, value)?;
            }
            return Ok(true);
        }
        let about = about.unwrap_or_else(|| About { file: self.file.clone(), ..About::default() });
        let has = |key: &str| first.get(key).is_some();
        let is_text = |key: &str| first.get(key).is_some_and(Value::is_string);
        if has("networkEndpoint") {
            return self.endpoints(list, about).map(|()| true);
        }
        if is_text("instance") && details::is_member(first) {
            return self.members(list, about).map(|()| true);
        }
        if is_text("tagValue") {
            self.bindings(&list, &about);
            return Ok(true);
        }
        if is_text("attachmentTarget") {
            for value in list {
                self.count("firewall policy association");
                self.found.push(Found::Association(parse(value, "firewall policy association")?));
            }
            return Ok(true);
        }
        if is_text("id")
            && matches!(first.get("type").and_then(Value::as_str), Some("project" | "folder" | "organization"))
        {
            return self.ancestors(list).map(|()| true);
        }
        let name = first.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.contains("/addressGroups/") {
            for value in list {
                self.address_group(value)?;
            }
            return Ok(true);
        }
        if name.contains("/policyBasedRoutes/") {
            for value in list {
                let own = value.get("name").and_then(Value::as_str).and_then(|name| name.rsplit_once('/'));
                self.found.extend(own.map(|(collection, _)| Found::Listed(collection.to_owned())));
                self.record("networkconnectivity#policyBasedRoute", value)?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// What Cloud Asset Inventory lists. Assets of one kind in a project are all of that kind there, as in any other list.
    fn assets(&mut self, list: Vec<Value>) -> Result<(), String> {
        let mut projects = BTreeSet::new();
        let mut bindings = Vec::new();
        for value in list {
            let asset: Asset = parse(value, "asset")?;
            if let Some(ancestors) = asset.ancestors()
                && ancestors.first().is_some_and(|(_, project)| projects.insert(project.clone()))
            {
                self.found.push(Found::Ancestors(ancestors));
            }
            let kind = asset.kind();
            let Some(kind) = kind else { continue };
            let data = asset.data()?;
            match kind.as_str() {
                "networksecurity#addressGroup" => self.address_group(data)?,
                "cloudresourcemanager#tagBinding" => bindings.push(data),
                _ => {
                    self.listed(&data);
                    self.record(&kind, data)?;
                }
            }
        }
        if !bindings.is_empty() {
            let about = About { file: self.file.clone(), ..About::default() };
            self.bindings(&bindings, &about);
        }
        Ok(())
    }

    fn object(&mut self, mut object: Map<String, Value>) -> Result<bool, String> {
        if let Some(kind) = object.get("kind").and_then(Value::as_str).map(str::to_owned)
            && kind_of(&Value::from_iter([("kind", kind.as_str())])).is_some()
        {
            return match (kind.strip_suffix("AggregatedList"), kind.strip_suffix("List")) {
                (Some(of), _) => self.aggregated(of, &object),
                (None, Some(of)) => self.page(of, object),
                (None, None)
                    if ["compute#instanceGroupsListInstances", "compute#regionInstanceGroupsListInstances"]
                        .contains(&kind.as_str()) =>
                {
                    let about = self.page_about(&object);
                    if self.is_cut(&object) { Ok(()) } else { self.members(items(&mut object), about) }
                }
                (None, None) if kind == "compute#networkEndpointGroupsListNetworkEndpoints" => {
                    let about = self.page_about(&object);
                    if self.is_cut(&object) { Ok(()) } else { self.endpoints(items(&mut object), about) }
                }
                (None, None) if kind.ends_with("ListAssociationsResponse") => self.associations(object),
                (None, None) => self.record(&kind, Value::Object(object)),
            }
            .map(|()| true);
        }
        if let Some(Value::Array(assets)) = object.get_mut("assets").map(Value::take)
            && assets.first().is_some_and(asset::is_asset)
        {
            // A page of assets holds a part of every kind.
            return match text(&object, "nextPageToken").filter(|token| !token.is_empty()) {
                Some(_) => Err("it is one page of several: `gcloud asset list` follows all of them".to_owned()),
                None => self.assets(assets).map(|()| true),
            };
        }
        if asset::is_one(&object) {
            return self.assets(vec![Value::Object(object)]).map(|()| true);
        }
        if object.contains_key("firewallPolicys") || is_firewalls(&object) {
            let about = self.about(&object);
            let effective = parse(Value::Object(object), "effective firewalls")?;
            self.count("effective firewalls");
            self.found.push(Found::Effective(about, effective));
            return Ok(true);
        }
        let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.contains("/addressGroups/") {
            return self.address_group(Value::Object(object)).map(|()| true);
        }
        let is_attributed = ["instanceGroup", "instanceGroupManager", "networkEndpointGroup", "instance"];
        if is_attributed.iter().any(|key| object.contains_key(*key))
            && let Some(at) = ["items", "instances", "networkEndpoints", "managedInstances", "tagBindings"]
                .iter()
                .find(|key| object.get(**key).is_some_and(Value::is_array))
        {
            let about = self.about(&object);
            let is_endpoints = object.contains_key("networkEndpointGroup");
            let Some(Value::Array(list)) = object.remove(*at) else { return Ok(false) };
            return match (*at, is_endpoints) {
                ("tagBindings", _) => {
                    self.bindings(&list, &about);
                    Ok(true)
                }
                (_, true) => self.endpoints(list, about).map(|()| true),
                (_, false) => self.members(list, about).map(|()| true),
            };
        }
        self.map(object)
    }

    /// What stands below the path of the resource or the collection that was asked.
    fn map(&mut self, object: Map<String, Value>) -> Result<bool, String> {
        let is_path = |key: &String| {
            let path = path(key);
            ["projects/", "organizations/", "folders/", "locations/"].iter().any(|start| path.starts_with(start))
        };
        if object.is_empty() || !object.keys().all(is_path) {
            return Ok(false);
        }
        for (key, value) in object {
            let asked = path(&key).to_owned();
            let about = self.under(&asked);
            match value {
                Value::Array(list) if list.is_empty() => match collection(&asked) {
                    // An empty answer about one resource says that there is nothing.
                    "instances" | "instanceGroups" | "instanceGroupManagers" if last_is_name(&asked) => {
                        let empty = match collection(&asked) {
                            "instances" => Found::Bindings(about, Vec::new()),
                            _ => Found::Members(about, Vec::new()),
                        };
                        self.found.push(empty);
                        self.count("empty answer");
                    }
                    "networkEndpointGroups" if last_is_name(&asked) => {
                        self.found.push(Found::Endpoints(about, Vec::new()));
                        self.count("empty answer");
                    }
                    _ => {
                        self.found.push(Found::Listed(asked));
                        self.count("empty list");
                    }
                },
                Value::Array(list) => {
                    if !self.list(list, Some(about))? {
                        return Err(format!("what stands below `{asked}` is not known"));
                    }
                    self.found.push(Found::Listed(asked));
                }
                Value::Object(inner) if inner.contains_key("kind") => {
                    self.object(inner)?;
                    self.found.push(Found::Listed(asked));
                }
                Value::Object(inner) => {
                    let given = self.about(&inner);
                    let effective = parse(Value::Object(inner), "effective firewalls")?;
                    self.count("effective firewalls");
                    let about = About { nic: given.nic, network: given.network, ..about };
                    self.found.push(Found::Effective(about, effective));
                }
                _ => return Err(format!("what stands below `{asked}` is neither a list nor an answer")),
            }
        }
        Ok(true)
    }

    fn page_about(&self, object: &Map<String, Value>) -> About {
        // The id of such an answer is the path that was asked.
        let asked = text(object, "id").map(|id| path(&id).to_owned()).or_else(|| self.about(object).asked);
        let asked = asked.map(|asked| {
            let cut = ["/listInstances", "/listNetworkEndpoints"];
            cut.iter().find_map(|end| asked.strip_suffix(end)).unwrap_or(&asked).to_owned()
        });
        About { asked, ..self.about(object) }
    }

    fn record(&mut self, kind: &str, value: Value) -> Result<(), String> {
        let found = match kind {
            "compute#instance" => Found::Instance(parse(value, kind)?),
            "compute#network" => Found::Vpc(parse(value, kind)?),
            "compute#subnetwork" => Found::Subnet(parse(value, kind)?),
            "compute#address" => Found::Address(parse(value, kind)?),
            "compute#firewall" => Found::Firewall(parse(value, kind)?),
            "compute#firewallPolicy" => Found::Policy(parse(value, kind)?),
            "compute#route" => Found::Route(parse(value, kind)?),
            "compute#router" => Found::Router(parse(value, kind)?),
            "compute#routerStatusResponse" => Found::RouterStatus(parse(inside(value, "result"), kind)?),
            "compute#forwardingRule" => Found::ForwardingRule(parse(value, kind)?),
            "compute#backendService" => Found::BackendService(parse(value, kind)?),
            "compute#instanceGroup" | "compute#instanceGroupManager" => Found::InstanceGroup(parse(value, kind)?),
            "compute#networkEndpointGroup" => Found::EndpointGroup(parse(value, kind)?),
            "compute#targetPool" => Found::TargetPool(parse(value, kind)?),
            "compute#targetInstance" => Found::TargetInstance(parse(value, kind)?),
            "compute#targetHttpProxy"
            | "compute#targetHttpsProxy"
            | "compute#targetTcpProxy"
            | "compute#targetSslProxy"
            | "compute#targetGrpcProxy" => Found::TargetProxy(parse(value, kind)?),
            "compute#urlMap" => Found::UrlMap(parse(value, kind)?),
            "compute#healthCheck" | "compute#httpHealthCheck" | "compute#httpsHealthCheck" => {
                Found::HealthCheck(parse(value, kind)?)
            }
            "dns#managedZone" => Found::ManagedZone(parse(value, kind)?),
            "dns#policy" => Found::DnsPolicy(parse(value, kind)?),
            "sql#instance" => Found::Database(parse(value, kind)?),
            "networkconnectivity#policyBasedRoute" => Found::PolicyRoute(parse(value, kind)?),
            _ => Found::Unused,
        };
        let unused = if matches!(found, Found::Unused) { " (decides nothing)" } else { "" };
        self.count(&format!("{kind}{unused}"));
        self.found.push(found);
        Ok(())
    }
}

/// A zone does not say whose it is; the path that was asked does.
fn place_zone(value: &mut Value, about: Option<&About>) {
    let asked = about.and_then(|about| about.asked.as_deref()).filter(|asked| last(asked) == "managedZones");
    let Some(zone) = value.as_object_mut().filter(|zone| text(zone, "kind").as_deref() == Some("dns#managedZone"))
    else {
        return;
    };
    let name = text(zone, "name").unwrap_or_default();
    let link = format!("{}/{name}", asked.unwrap_or("managedZones"));
    zone.insert("selfLink".to_owned(), Value::String(link));
}

/// Whether an object is an answer about effective firewalls: it holds rules and nothing that a resource has.
fn is_firewalls(object: &Map<String, Value>) -> bool {
    object.get("firewalls").is_some_and(Value::is_array) && !object.contains_key("name")
}

fn items(object: &mut Map<String, Value>) -> Vec<Value> {
    match object.remove("items") {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn inside(mut value: Value, key: &str) -> Value {
    value.get_mut(key).map(Value::take).unwrap_or_default()
}

/// The kind of thing that a path names.
fn collection(path: &str) -> &str {
    let mut segments = path.rsplit('/');
    let last = segments.next().unwrap_or_default();
    if last_is_name(path) { segments.next().unwrap_or_default() } else { last }
}

/// Whether a path ends with a name rather than with the kind of what was listed.
fn last_is_name(path: &str) -> bool {
    const KINDS: [&str; 18] = [
        "instances",
        "networks",
        "subnetworks",
        "addresses",
        "firewalls",
        "firewallPolicies",
        "routes",
        "routers",
        "forwardingRules",
        "backendServices",
        "instanceGroups",
        "instanceGroupManagers",
        "networkEndpointGroups",
        "targetPools",
        "targetInstances",
        "healthChecks",
        "managedZones",
        "policyBasedRoutes",
    ];
    !KINDS.contains(&last(path))
}
