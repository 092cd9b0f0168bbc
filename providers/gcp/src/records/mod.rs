//! The JSON of the Compute Engine API, as `gcloud compute … list --format=json` and the API's list pages have it.

use serde::Deserialize;

/// What every resource of the Compute Engine API says of itself (Compute Engine API, `kind`).
#[derive(Deserialize)]
struct Resource {
    kind: Option<String>,
}

/// What a document holds, such as `compute#firewall`, if it is Compute Engine evidence.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<String> {
    let listed = serde_json::from_slice::<Vec<Resource>>(bytes).ok().and_then(|list| list.into_iter().next());
    let resource = listed.or_else(|| serde_json::from_slice(bytes).ok())?;
    resource.kind.filter(|kind| kind.starts_with("compute#"))
}

#[cfg(test)]
mod tests {
    use super::recognise;

    #[test]
    fn lists_and_pages_are_recognised_by_kind() {
        assert_eq!(recognise(br#"[{"kind": "compute#firewall", "name": "a"}]"#).as_deref(), Some("compute#firewall"));
        assert_eq!(recognise(br#"{"kind": "compute#routeList", "items": []}"#).as_deref(), Some("compute#routeList"));
        assert_eq!(recognise(br#"[{"name": "a"}]"#), None);
        assert_eq!(recognise(b"[1, 2"), None);
    }
}
