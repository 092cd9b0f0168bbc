//! Values held to the schemas of a description.

use serde_json::Value;

use super::matches;

/// What is wrong with a value of a schema, all the way down.
pub(crate) fn check(api: &Value, schema: &str, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let known = &api["schemas"][schema];
    assert!(known.is_object(), "there is no schema `{schema}`");
    walk(api, known, value, schema, &mut wrong);
    wrong
}

/// What is wrong with the value of a parameter.
pub(crate) fn parameter(known: &Value, name: &str, value: &str) -> Option<String> {
    let bound = |key: &str| known[key].as_str().and_then(|bound| bound.parse::<i64>().ok());
    let integer = || {
        let number = value.parse::<i64>().ok()?;
        let lowest = if known["format"] == "uint32" { Some(0) } else { None };
        let is_low = bound("minimum").or(lowest).is_some_and(|lowest| number < lowest);
        let is_high = bound("maximum").is_some_and(|highest| number > highest);
        (!is_low && !is_high).then_some(number)
    };
    let is_right = match known["type"].as_str().unwrap() {
        "integer" => integer().is_some(),
        "number" => value.parse::<f64>().is_ok(),
        // gcloud writes `True`, and the API takes it.
        "boolean" => ["true", "false"].contains(&value.to_ascii_lowercase().as_str()),
        _ if known["format"] == "int64" || known["format"] == "uint64" => value.parse::<i64>().is_ok(),
        _ => is_choice(known, value) && known["pattern"].as_str().is_none_or(|pattern| matches(pattern, value)),
    };
    (!is_right).then(|| format!("`{name}` cannot be `{value}`"))
}

fn is_choice(known: &Value, value: &str) -> bool {
    known["enum"].as_array().is_none_or(|choices| choices.iter().any(|choice| choice == value))
}

fn walk(api: &Value, known: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = known["$ref"].as_str() {
        return walk(api, &api["schemas"][reference], value, at, wrong);
    }
    match (known["type"].as_str().unwrap_or_default(), value) {
        ("any", _) => {}
        ("object", Value::Object(object)) => {
            for (key, inner) in object {
                let schema = known["properties"].get(key).or_else(|| known.get("additionalProperties"));
                let at = format!("{at}.{key}");
                match schema {
                    Some(schema) => walk(api, schema, inner, &at, wrong),
                    None => wrong.push(format!("the API has no {at}")),
                }
            }
        }
        ("array", Value::Array(list)) => {
            for inner in list {
                walk(api, &known["items"], inner, &format!("{at}[]"), wrong);
            }
        }
        ("string", Value::String(text)) => {
            let is_number = known["format"] == "int64" || known["format"] == "uint64";
            if !is_choice(known, text) || (is_number && text.parse::<i128>().is_err()) {
                wrong.push(format!("{at} cannot be `{text}`"));
            }
        }
        ("integer", Value::Number(number)) if number.is_i64() => {}
        ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => {}
        (kind, value) => wrong.push(format!("{at} is no {kind}: `{value}`")),
    }
}
