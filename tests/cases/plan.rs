//! How a case's changes become the JSON of a Terraform plan, and what has to hold for every plan.

#![cfg(test)]

use std::path::Path;

use reachlint::evidence::PlanFile;
use reachlint::report::Flow;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The plan of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    change: Vec<Change>,
    /// The `root_module` of the configuration.
    #[serde(default)]
    configuration: Map<String, Value>,
    /// Evidence as it is after the apply, merged over the case's.
    pub(super) applied: Option<Map<String, Value>>,
    /// Records that are gone after the apply.
    #[serde(default)]
    pub(super) applied_without: Vec<String>,
    /// Parts of what is told beside the verdicts.
    #[serde(default)]
    pub(super) notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    address: String,
    actions: Vec<String>,
    before: Option<Value>,
    after: Option<Value>,
    #[serde(default)]
    unknown: Value,
    #[serde(default)]
    sensitive: Value,
    deposed: Option<String>,
    provider: Option<String>,
}

/// Unknown elements of a list stand at its end here, and are `null` in a plan.
fn fill(after: &mut Value, unknown: &Value) {
    match (after, unknown) {
        (Value::Object(after), Value::Object(unknown)) => {
            for (key, unknown) in unknown {
                if let Some(after) = after.get_mut(key) {
                    fill(after, unknown);
                }
            }
        }
        (Value::Array(after), Value::Array(unknown)) => {
            while after.len() < unknown.len() {
                after.push(Value::Null);
            }
            after.iter_mut().zip(unknown).for_each(|(after, unknown)| fill(after, unknown));
        }
        _ => {}
    }
}

fn entry(change: &Change, idle: bool) -> Value {
    // A key may hold dots, so the name ends before it.
    let address = &change.address;
    let (own, key) = match address.strip_suffix(']').map(|rest| rest.rsplit_once('[').unwrap()) {
        Some((own, key)) => (own, Some(serde_json::from_str::<Value>(key).unwrap())),
        None => (address.as_str(), None),
    };
    let mut words = own.rsplit('.');
    let (name, kind) = (words.next().unwrap(), words.next().unwrap());
    let before = change.before.clone().unwrap_or_default();
    let (mut after, mut unknown) = (change.after.clone().unwrap_or_default(), change.unknown.clone());
    let mut actions = json!(change.actions);
    if unknown.is_null() {
        unknown = json!({});
    }
    if idle {
        (actions, after, unknown) = (json!(["no-op"]), before.clone(), json!({}));
    }
    fill(&mut after, &unknown);
    let mut entry = json!({
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider_name": change.provider.as_deref().unwrap_or("registry.terraform.io/hashicorp/aws"),
        "change": {
            "actions": actions,
            "before": before,
            "after": after,
            "after_unknown": unknown,
            "before_sensitive": {},
            "after_sensitive": if change.sensitive.is_null() { json!({}) } else { change.sensitive.clone() },
        },
    });
    if let Some(key) = key {
        entry["index"] = key;
    }
    if let Some(module) = own.strip_suffix(&format!(".{kind}.{name}")) {
        entry["module_address"] = json!(module);
    }
    if let Some(deposed) = &change.deposed {
        entry["deposed"] = json!(deposed);
    }
    entry
}

impl Plan {
    /// As a file. An idle one changes nothing and is otherwise the same.
    pub(super) fn file(&self, idle: bool) -> PlanFile {
        // What is not there yet is not part of a plan that changes nothing.
        let there = self.change.iter().filter(|change| !idle || change.before.is_some());
        let changes: Vec<Value> = there.map(|change| entry(change, idle)).collect();
        let document = json!({
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "planned_values": { "root_module": {} },
            "resource_changes": changes,
            "configuration": { "provider_config": {}, "root_module": self.configuration },
            "applyable": true,
            "complete": true,
            "errored": false,
        });
        PlanFile::from_bytes(Path::new("tfplan.json"), document.to_string().as_bytes()).unwrap()
    }
}

/// A flow without words that say where a rule comes from.
pub(super) fn outline(flows: &[Flow]) -> Vec<Value> {
    let steps = |flow: &Flow| {
        let steps = flow
            .path
            .iter()
            .map(|step| json!([step.kind, step.layer, step.id, step.direction, step.outcome, step.rule, step.code]));
        steps.collect::<Vec<_>>()
    };
    flows.iter().map(|flow| json!({ "id": flow.id, "verdict": flow.verdict, "path": steps(flow) })).collect()
}
