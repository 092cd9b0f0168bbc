//! What the server knows: the records of a folder by their paths, and recorded answers about one resource.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// Regions that exist without anything in them, so that listings have empty scopes.
const REGIONS: [&str; 2] = ["europe-west1", "us-central1"];

/// Effective firewalls with what stood beside them.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) project: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) instance: Option<String>,
    pub(crate) nic: Option<String>,
    pub(crate) answer: Value,
}

/// An estate.
#[derive(Debug, Default)]
pub(crate) struct Estate {
    /// By path, such as `projects/shop/global/networks/prod`.
    pub(crate) records: BTreeMap<String, Value>,
    pub(crate) databases: Vec<Value>,
    /// What Cloud Asset Inventory has, which this server does not tell.
    pub(crate) assets: Vec<Value>,
    pub(crate) effective: Vec<Recorded>,
    /// Members, endpoints or learned routes, by the group's or router's path or name.
    pub(crate) details: BTreeMap<String, Value>,
    /// The ids of a project and of what it is in, by the project.
    pub(crate) ancestors: BTreeMap<String, Vec<Value>>,
    pub(crate) projects: BTreeSet<String>,
    pub(crate) regions: BTreeSet<String>,
    pub(crate) zones: BTreeSet<String>,
}

/// A resource's path of its URL.
pub(crate) fn path(url: &str) -> &str {
    url.split_once("/v1/").map_or(url, |(_, path)| path)
}

/// What follows a kind in a path.
pub(crate) fn segment<'p>(path: &'p str, kind: &str) -> Option<&'p str> {
    let mut segments = path.split('/');
    segments.find(|segment| *segment == kind)?;
    segments.next()
}

/// The last segment.
pub(crate) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The region of a zone.
pub(crate) fn region_of(zone: &str) -> &str {
    zone.rsplit_once('-').map_or(zone, |(region, _)| region)
}

/// The text of a field.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

impl Estate {
    /// Reads every JSON file of a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut estate = Self::default();
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
            let name = file.file_stem().unwrap().to_str().unwrap();
            let bytes = fs::read(file).unwrap();
            let value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            estate.take(name, value);
        }
        assert!(!estate.records.is_empty(), "`{}` holds no estate", folder.display());
        estate.places();
        estate
    }

    /// Takes what a file holds, whose name without its ending may say what it is about.
    pub(crate) fn take(&mut self, about: &str, value: Value) {
        match value {
            // Of a snapshot, and nothing that the API knows.
            Value::Object(_) if about == "manifest" => {}
            Value::Array(list) => self.list(about, list),
            Value::Object(object) => self.object(about, object),
            _ => panic!("{about}: neither a list nor a record"),
        }
    }

    fn list(&mut self, about: &str, list: Vec<Value>) {
        let Some(first) = list.first() else {
            // Nothing, below the path that was asked.
            self.details.insert(about.to_owned(), Value::Array(list));
            return;
        };
        if first.get("assetType").is_some() {
            self.assets.extend(list);
            return;
        }
        if first["kind"].as_str().is_some_and(|kind| kind.starts_with("dns#")) {
            self.dns(about, list);
            return;
        }
        let is_record = first.get("kind").is_some() || text(first, "name").is_some_and(|name| name.contains('/'));
        if is_record {
            for record in list {
                self.record(record);
            }
        } else if first.get("type").is_some() && first.get("id").is_some() {
            self.ancestors.insert(text(first, "id").unwrap().to_owned(), list);
        } else {
            self.details.insert(about.to_owned(), Value::Array(list));
        }
    }

    /// Records of Cloud DNS, which do not say where they are: below the path that was asked.
    fn dns(&mut self, about: &str, list: Vec<Value>) {
        for record in list {
            let name = text(&record, "name").unwrap();
            let path = match text(&record, "type") {
                Some(kind) => format!("{about}/rrsets/{name} {kind}"),
                None => format!("{about}/{name}"),
            };
            self.records.insert(path, record);
        }
    }

    fn object(&mut self, about: &str, mut object: Map<String, Value>) {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind == "compute#routerStatusResponse" {
            self.details.insert(about.to_owned(), Value::Object(object));
        } else if kind.contains("ListInstances") || kind.contains("ListNetworkEndpoints") {
            let of = object.get("id").and_then(Value::as_str).unwrap_or(about).to_owned();
            let of = of.rsplit_once("/list").map_or(of.as_str(), |(group, _)| group);
            self.details.insert(of.to_owned(), object.remove("items").unwrap_or_else(|| Value::Array(Vec::new())));
        } else if kind.ends_with("AggregatedList") {
            let Some(Value::Object(scopes)) = object.remove("items") else { return };
            let lists = scopes.into_iter().flat_map(|(_, scope)| match scope {
                Value::Object(scope) => scope.into_iter().filter_map(|(_, list)| list.as_array().cloned()).collect(),
                _ => Vec::new(),
            });
            lists.flatten().for_each(|record| self.record(record));
        } else if kind.ends_with("List") {
            let Some(Value::Array(list)) = object.remove("items") else { return };
            for record in list {
                self.record(record);
            }
        } else if object.contains_key("firewallPolicys") || object.contains_key("firewalls") {
            self.firewalls(about, object);
        } else if !kind.is_empty() {
            self.record(Value::Object(object));
        } else if let Some(group) = ["instanceGroup", "instanceGroupManager", "networkEndpointGroup"]
            .iter()
            .find_map(|key| object.get(*key).and_then(Value::as_str))
        {
            let group = group.to_owned();
            let items = object.remove("items").unwrap_or_else(|| Value::Array(Vec::new()));
            self.details.insert(group, items);
        } else {
            for (key, inner) in object.into_iter().filter(|(_, inner)| inner.is_array() || inner.is_object()) {
                self.take(path(&key), inner);
            }
        }
    }

    fn firewalls(&mut self, about: &str, mut object: Map<String, Value>) {
        let mut take = |key: &str| object.remove(key).and_then(|value| value.as_str().map(str::to_owned));
        let instance = take("instance").or_else(|| about.contains("/instances/").then(|| about.to_owned()));
        let network = take("network").or_else(|| about.contains("/networks/").then(|| about.to_owned()));
        let project = take("project").or_else(|| segment(about, "projects").map(str::to_owned));
        let (region, nic, _) = (take("region"), take("networkInterface"), take("zone"));
        self.effective.push(Recorded { project, network, region, instance, nic, answer: Value::Object(object) });
    }

    fn record(&mut self, record: Value) {
        if text(&record, "kind") == Some("sql#instance") {
            self.projects.insert(text(&record, "project").unwrap().to_owned());
            self.databases.push(record);
            return;
        }
        let link = text(&record, "selfLink").or_else(|| text(&record, "name")).unwrap();
        let path = path(link).to_owned();
        self.projects.extend(segment(&path, "projects").map(str::to_owned));
        self.regions.extend(segment(&path, "regions").map(str::to_owned));
        self.zones.extend(segment(&path, "zones").map(str::to_owned));
        self.records.insert(path, record);
    }

    fn places(&mut self) {
        self.regions.extend(REGIONS.map(str::to_owned));
        self.regions.extend(self.zones.iter().map(|zone| region_of(zone).to_owned()));
        for region in &self.regions {
            self.zones.extend(["b", "c"].map(|zone| format!("{region}-{zone}")));
        }
    }

    /// The records of a collection, by their names.
    pub(crate) fn collection(&self, path: &str) -> Vec<&Value> {
        let start = format!("{path}/");
        let below = self.records.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
        below.filter(|(path, _)| !path[start.len()..].contains('/')).map(|(_, record)| record).collect()
    }

    /// What was recorded about one resource beyond its record: by its path, or by its name at the end of a file's.
    pub(crate) fn detail(&self, path: &str) -> Option<&Value> {
        let name = last(path);
        let named = |about: &&String| about.ends_with(&format!("-{name}")) || *about == name;
        let by_name = || self.details.keys().find(named).and_then(|about| self.details.get(about));
        self.details.get(path).or_else(by_name)
    }

    /// The host of a service project: whose networks its machines are in.
    pub(crate) fn host_of(&self, project: &str) -> Option<&str> {
        let start = format!("projects/{project}/");
        let own = self.records.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
        let instances = own.filter(|(path, _)| path.contains("/instances/"));
        let networks = instances.flat_map(|(_, instance)| {
            let nics = instance.get("networkInterfaces").and_then(Value::as_array).into_iter().flatten();
            nics.filter_map(|nic| text(nic, "network").and_then(|network| segment(path(network), "projects")))
        });
        networks.into_iter().find(|host| *host != project)
    }
}
