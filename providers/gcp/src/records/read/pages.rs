//! Lists as the API answers them: pages, and lists by zone and region.

use serde_json::{Map, Value};

use super::{Found, Reader, items, kind_of, text};
use crate::records::path::path;

/// The kind of a record in a list. It says so itself, and not every list is named after it: there are
/// `compute#healthChecksAggregatedList` and `sql#instancesList` (Compute Engine API and Cloud SQL Admin API, references).
fn own_kind(value: &Value, list: &str) -> String {
    kind_of(value).unwrap_or(list).to_owned()
}

impl Reader {
    pub(super) fn page(&mut self, of: &str, mut object: Map<String, Value>) -> Result<(), String> {
        let place = text(&object, "id").or_else(|| text(&object, "selfLink")).map(|id| path(&id).to_owned());
        self.remarks(&object, place.as_deref().unwrap_or(of));
        self.found.extend(place.map(Found::Listed));
        let list = items(&mut object);
        if list.is_empty() {
            self.count(&format!("empty {of}List"));
        }
        for value in list {
            self.listed(&value);
            self.record(&own_kind(&value, of), value)?;
        }
        Ok(())
    }

    /// Notes which collection a record of a list is from. A record alone, as `describe` prints it, says nothing of others.
    pub(super) fn listed(&mut self, value: &Value) {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let own =
            text("selfLink").and_then(|link| path(link).rsplit_once('/')).map(|(collection, _)| collection.to_owned());
        let above = text("parent").map(|parent| format!("{}/firewallPolicies", path(parent)));
        self.found.extend(own.into_iter().chain(above).map(Found::Listed));
    }

    /// A list by zone and region. What `warning` tells of a scope with nothing in it is no gap (Compute Engine API,
    /// `aggregatedList`).
    pub(super) fn aggregated(&mut self, of: &str, object: &Map<String, Value>) -> Result<(), String> {
        let place = text(object, "id").or_else(|| text(object, "selfLink")).map(|id| path(&id).to_owned());
        self.remarks(object, place.as_deref().unwrap_or(of));
        self.found.extend(place.clone().map(Found::Listed));
        self.count(&format!("{of}AggregatedList"));
        let scopes: Vec<(Option<&str>, &Value)> = match object.get("items") {
            Some(Value::Object(scopes)) => scopes.iter().map(|(scope, inner)| (Some(scope.as_str()), inner)).collect(),
            Some(Value::Array(scopes)) => scopes.iter().map(|inner| (None, inner)).collect(),
            None => Vec::new(),
            Some(_) => return Err(format!("the items of {of}AggregatedList are neither a map nor a list")),
        };
        for (scope, inner) in scopes {
            let Value::Object(inner) = inner.clone() else { continue };
            // A region that cannot be reached leaves the others whole.
            let part = place.as_ref().zip(scope).map(|(all, scope)| all.replace("/aggregated/", &format!("/{scope}/")));
            self.remarks(&inner, part.as_deref().or(place.as_deref()).unwrap_or(of));
            for (_, values) in inner {
                let Value::Array(values) = values else { continue };
                for value in values {
                    self.listed(&value);
                    self.record(&own_kind(&value, of), value)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the members of a group go on in another page; a part of them would pass for all.
    pub(super) fn is_cut(&mut self, object: &Map<String, Value>) -> bool {
        let is_cut = text(object, "nextPageToken").is_some_and(|token| !token.is_empty());
        if is_cut {
            self.count("cut listing");
        }
        is_cut
    }

    /// Notes what is missing from a list: further pages, and places that could not be reached.
    pub(super) fn remarks(&mut self, object: &Map<String, Value>, what: &str) {
        let code = object.get("warning").and_then(|warning| warning.get("code")).and_then(Value::as_str);
        let gap = code.is_some_and(|code| !matches!(code, "NO_RESULTS_ON_PAGE" | "DEPRECATED_RESOURCE_USED"));
        let unreachable = object.get("unreachables").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let more = text(object, "nextPageToken").is_some_and(|token| !token.is_empty());
        if gap || unreachable || more {
            self.found.push(Found::Cut(what.to_owned()));
            self.count("cut listing");
        }
    }
}
