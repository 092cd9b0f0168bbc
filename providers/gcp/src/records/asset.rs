//! Cloud Asset Inventory: the resources of a whole organisation, folder or project in one file.
//!
//! `gcloud asset list --content-type=resource` prints assets as a JSON list, `gcloud asset export` writes one on each line and
//! its keys in snake case, and the API answers in pages. The data inside is the resource as its own API has it, without the
//! `kind` (Cloud Asset API, `Asset` and `Resource`).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::path::{path, segment};

/// One resource with what it is in.
#[derive(Debug, Deserialize)]
pub(super) struct Asset {
    /// Its full name: `//compute.googleapis.com/projects/shop/global/firewalls/web`.
    pub(super) name: String,
    #[serde(rename = "assetType", alias = "asset_type")]
    kind: String,
    /// From the nearest one up: `projects/8391`, `folders/77`, `organizations/5`.
    #[serde(default)]
    ancestors: Vec<String>,
    #[serde(default)]
    resource: Resource,
}

#[derive(Debug, Default, Deserialize)]
struct Resource {
    data: Option<Value>,
}

/// Whether an object is an asset.
pub(super) fn is_one(object: &Map<String, Value>) -> bool {
    let kind = object.get("assetType").or_else(|| object.get("asset_type")).and_then(Value::as_str);
    kind.is_some_and(|kind| kind.contains(".googleapis.com/"))
}

/// Whether a value is an asset.
pub(super) fn is_asset(value: &Value) -> bool {
    value.as_object().is_some_and(is_one)
}

/// Assets that stand one on each line.
pub(super) fn lines(bytes: &[u8]) -> Option<Vec<Value>> {
    let all: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
    all.ok().filter(|all| all.len() > 1 && all.iter().all(is_asset))
}

impl Asset {
    /// The kind that the resource's own API gives it: `compute#firewall` of `compute.googleapis.com/Firewall`. Regional and
    /// global ones are assets of different types, and one kind.
    pub(super) fn kind(&self) -> Option<String> {
        let (service, name) = self.kind.split_once(".googleapis.com/")?;
        let service = match service {
            "sqladmin" => "sql",
            "compute" | "networkconnectivity" | "networksecurity" | "cloudresourcemanager" => service,
            _ => return None,
        };
        let scope = ["Global", "Region"].iter().find_map(|scope| name.strip_prefix(scope));
        let name = scope.filter(|rest| rest.starts_with(char::is_uppercase)).unwrap_or(name);
        let mut letters = name.chars();
        let first = letters.next()?.to_ascii_lowercase();
        Some(format!("{service}#{first}{}", letters.as_str()))
    }

    /// The project's own id, and what it is in from the nearest one up. The list of ancestors has the project's number.
    pub(super) fn ancestors(&self) -> Option<Vec<(String, String)>> {
        let project = segment(path(&self.name), "projects")?;
        let above = self.ancestors.iter().filter_map(|node| {
            let (kind, id) = node.split_once('/')?;
            let kind = kind.strip_suffix('s').filter(|kind| matches!(*kind, "folder" | "organization"))?;
            Some((kind.to_owned(), id.to_owned()))
        });
        let above: Vec<_> = above.collect();
        // The list ends at the root: an organisation, or a project that is in none. Anything else is a part of it.
        let is_whole = above.last().map_or(self.ancestors.len() == 1, |(kind, _)| kind == "organization");
        if !is_whole {
            return None;
        }
        Some(std::iter::once(("project".to_owned(), project.to_owned())).chain(above).collect())
    }

    /// The resource.
    pub(super) fn data(self) -> Result<Value, String> {
        self.resource.data.ok_or_else(|| {
            format!("asset `{}` comes without its data: ask for them with `--content-type=resource`", self.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(kind: &str, ancestors: &str) -> Asset {
        let text = format!(
            r#"{{"name": "//compute.googleapis.com/projects/shop/global/firewalls/web", "asset_type": "{kind}",
                "ancestors": {ancestors}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn types_of_assets_are_the_kinds_of_their_services() {
        let kinds = [
            ("compute.googleapis.com/Firewall", Some("compute#firewall")),
            ("compute.googleapis.com/GlobalForwardingRule", Some("compute#forwardingRule")),
            ("compute.googleapis.com/RegionBackendService", Some("compute#backendService")),
            ("sqladmin.googleapis.com/Instance", Some("sql#instance")),
            ("networkconnectivity.googleapis.com/PolicyBasedRoute", Some("networkconnectivity#policyBasedRoute")),
            ("bigtable.googleapis.com/Instance", None),
        ];
        for (kind, expected) in kinds {
            assert_eq!(asset(kind, "[]").kind().as_deref(), expected, "{kind}");
        }
    }

    #[test]
    fn ancestors_go_to_the_root_or_are_not_known() {
        let known = asset("compute.googleapis.com/Firewall", r#"["projects/8391", "folders/77", "organizations/5"]"#);
        let known = known.ancestors().unwrap();
        let known: Vec<_> = known.iter().map(|(kind, id)| (kind.as_str(), id.as_str())).collect();
        assert_eq!(known, [("project", "shop"), ("folder", "77"), ("organization", "5")]);
        let alone = asset("compute.googleapis.com/Firewall", r#"["projects/8391"]"#).ancestors().unwrap();
        assert_eq!(alone, [("project".to_owned(), "shop".to_owned())]);
        assert!(asset("compute.googleapis.com/Firewall", r#"["projects/8391", "folders/77"]"#).ancestors().is_none());
        assert!(asset("compute.googleapis.com/Firewall", "[]").ancestors().is_none());
    }

    #[test]
    fn assets_without_data_are_no_evidence_of_anything() {
        let why = asset("compute.googleapis.com/Firewall", "[]").data().unwrap_err();
        assert!(why.contains("--content-type=resource"), "{why}");
    }
}
