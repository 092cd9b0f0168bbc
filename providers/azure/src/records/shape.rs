//! One shape for the several that Azure's tools print.
//!
//! The API and Resource Graph keep what decides below `properties`; `az` lifts it. Between versions of `az` the case of
//! keys differs (`privateIpAddress`, `privateIPAddress`). Here `properties` are lifted, keys are in lower case, and what
//! is `null` is left out.

use serde_json::{Map, Value};

/// Brings a document into that shape.
#[must_use]
pub(crate) fn normal(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().filter(|item| !item.is_null()).map(normal).collect()),
        Value::Object(object) => Value::Object(lifted(object)),
        other => other,
    }
}

fn lifted(object: Map<String, Value>) -> Map<String, Value> {
    let mut flat = Map::new();
    let mut inner = None;
    for (key, value) in object {
        if value.is_null() {
            continue;
        }
        let key = key.to_ascii_lowercase();
        match value {
            Value::Object(properties) if key == "properties" => inner = Some(properties),
            // Keys of tags are the user's own, and values that are no text are none of them.
            Value::Object(tags) if key == "tags" => {
                let tags = tags.into_iter().filter(|(_, value)| value.is_string()).collect();
                flat.insert(key, Value::Object(tags));
            }
            value => {
                flat.insert(key, normal(value));
            }
        }
    }
    for (key, value) in inner.map(lifted).unwrap_or_default() {
        flat.entry(key).or_insert(value);
    }
    flat
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::normal;

    #[test]
    fn both_shapes_become_one() {
        let api =
            json!({"id": "x", "properties": {"ipConfigurations": [{"properties": {"privateIPAddress": "10.0.0.4"}}]}});
        let cli = json!({"id": "x", "ipConfigurations": [{"privateIpAddress": "10.0.0.4", "publicIpAddress": null}]});
        assert_eq!(normal(api), normal(cli));
    }

    #[test]
    fn tags_keep_their_keys() {
        let tagged = json!({"tags": {"Role": "edge", "odd": 1}});
        assert_eq!(normal(tagged), json!({"tags": {"Role": "edge"}}));
    }
}
