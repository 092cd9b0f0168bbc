//! What is told of one resource: members of groups, endpoints, tags, associations, ancestors, address groups.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{About, Found, Reader, parse};
use crate::records::balancing::ListedEndpoint;
use crate::records::path::path;

/// Whether an object names an instance and says no more than a group does of its members.
pub(super) fn is_member(value: &Value) -> bool {
    const KEYS: [&str; 4] = ["status", "instanceStatus", "currentAction", "namedPorts"];
    KEYS.iter().any(|key| value.get(*key).is_some())
}

impl Reader {
    pub(super) fn members(&mut self, list: Vec<Value>, about: About) -> Result<(), String> {
        let members = list.into_iter().map(|value| parse(value, "member of an instance group"));
        self.found.push(Found::Members(about, members.collect::<Result<_, _>>()?));
        self.count("members of an instance group");
        Ok(())
    }

    pub(super) fn endpoints(&mut self, list: Vec<Value>, about: About) -> Result<(), String> {
        let endpoints = list.into_iter().map(|value| {
            let listed: Result<ListedEndpoint, String> = parse(value, "network endpoint");
            listed.map(|listed| listed.network_endpoint)
        });
        self.found.push(Found::Endpoints(about, endpoints.collect::<Result<_, _>>()?));
        self.count("network endpoints");
        Ok(())
    }

    /// Tag bindings name the resource that they bind to, except for effective ones.
    pub(super) fn bindings(&mut self, list: &[Value], about: &About) {
        let value = |binding: &Value, key: &str| binding.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut by: Vec<(About, Vec<String>)> = Vec::new();
        for binding in list {
            let parent = value(binding, "parent").map(|parent| self.under(path(&parent)));
            let of = if about.asked.is_some() { about.clone() } else { parent.unwrap_or_else(|| about.clone()) };
            let tag = value(binding, "tagValue").unwrap_or_default();
            match by.iter_mut().find(|(known, _)| *known == of) {
                Some((_, tags)) => tags.push(tag),
                None => by.push((of, vec![tag])),
            }
        }
        if list.is_empty() {
            by.push((about.clone(), Vec::new()));
        }
        for (of, tags) in by {
            self.count("tag bindings");
            self.found.push(Found::Bindings(of, tags));
        }
    }

    pub(super) fn associations(&mut self, mut object: Map<String, Value>) -> Result<(), String> {
        let Some(Value::Array(list)) = object.remove("associations") else {
            self.count("empty list");
            return Ok(());
        };
        for value in list {
            self.count("firewall policy association");
            self.found.push(Found::Association(parse(value, "firewall policy association")?));
        }
        Ok(())
    }

    pub(super) fn ancestors(&mut self, list: Vec<Value>) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Node {
            id: String,
            #[serde(rename = "type")]
            kind: String,
        }
        let nodes = list.into_iter().map(|value| parse::<Node>(value, "ancestor"));
        let nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
        self.count("ancestors of a project");
        self.found.push(Found::Ancestors(nodes.into_iter().map(|node| (node.kind, node.id)).collect()));
        Ok(())
    }

    pub(super) fn address_group(&mut self, value: Value) -> Result<(), String> {
        self.count("address group");
        self.found.push(Found::AddressGroup(parse(value, "address group")?));
        Ok(())
    }
}
