//! The JSON of Azure Resource Manager, as `az network … list` and the API's list pages have it.

use serde::Deserialize;

/// What every resource says of itself (Azure Resource Manager, resource ids).
#[derive(Deserialize)]
struct Resource {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A page of a list call.
#[derive(Deserialize)]
struct Page {
    value: Vec<Resource>,
}

/// What a document holds, such as `Microsoft.Network/networkSecurityGroups`, if it is Azure evidence.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<String> {
    let listed = serde_json::from_slice::<Vec<Resource>>(bytes).ok();
    let listed = listed.or_else(|| serde_json::from_slice::<Page>(bytes).ok().map(|page| page.value));
    let first = match listed {
        Some(list) => list.into_iter().next(),
        None => serde_json::from_slice::<Resource>(bytes).ok(),
    };
    // Resource ids are compared without regard to case (Azure Resource Manager, naming rules).
    let resource = first.filter(|resource| {
        resource.id.as_deref().is_some_and(|id| id.to_ascii_lowercase().starts_with("/subscriptions/"))
    })?;
    Some(resource.kind.unwrap_or_else(|| "a resource".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::recognise;

    #[test]
    fn lists_and_pages_are_recognised_by_resource_id() {
        let kind = "Microsoft.Network/networkSecurityGroups";
        let one = format!(r#"{{"id": "/Subscriptions/1/resourceGroups/a", "type": "{kind}"}}"#);
        assert_eq!(recognise(format!("[{one}]").as_bytes()).as_deref(), Some(kind));
        assert_eq!(recognise(format!(r#"{{"value": [{one}]}}"#).as_bytes()).as_deref(), Some(kind));
        assert_eq!(recognise(br#"[{"id": "other"}]"#), None);
    }
}
