//! `getEffectiveFirewalls` of a network, of a region, of an instance, and the policies of the organisation's nodes.
//!
//! A recorded answer comes first. The narrower questions are answered from a wider recorded answer, and else from the listings.

use serde_json::{Value, json};

use super::answers::{Answer, Asked, invalid, not_found, same};
use super::estate::{Estate, Recorded, last, path, region_of, segment, text};

/// The policies that a node of the organisation, a network or a project has.
pub(crate) fn associations(estate: &Estate, asked: &Asked) -> Answer {
    let Some(target) = asked.parameter("targetResource") else {
        return invalid("targetResource", "", "It is required.");
    };
    let policies = estate.collection("locations/global/firewallPolicies").into_iter();
    let all = policies.flat_map(|policy| list(policy, "associations"));
    let own: Vec<&Value> =
        all.filter(|one| text(one, "attachmentTarget").is_some_and(|node| ends(node, target))).collect();
    let mut body = json!({ "kind": "compute#firewallPoliciesListAssociationsResponse" });
    if !own.is_empty() {
        body["associations"] = json!(own);
    }
    Answer::ok(body)
}

/// The answer to each of the three questions.
pub(crate) fn effective(estate: &Estate, asked: &Asked) -> Answer {
    let (of, _) = asked.path.rsplit_once('/').unwrap();
    let body = if of.ends_with("/firewallPolicies") {
        let Some(network) = asked.parameter("network") else { return invalid("network", "", "It is required.") };
        let project = segment(of, "projects").unwrap();
        let network = match network.find("projects/") {
            Some(at) => network[at..].to_owned(),
            None => format!("projects/{project}/global/networks/{}", last(network)),
        };
        if !estate.records.contains_key(&network) {
            return not_found(&network);
        }
        of_region(estate, &network, segment(of, "regions").unwrap())
    } else if !estate.records.contains_key(of) {
        return not_found(of);
    } else if of.contains("/networks/") {
        of_network(estate, of)
    } else {
        let Some(nic) = asked.parameter("networkInterface") else {
            return invalid("networkInterface", "", "It is required.");
        };
        match of_instance(estate, of, nic) {
            Some(body) => body,
            None => return invalid("networkInterface", nic, "The instance has no such interface."),
        }
    };
    Answer::ok(body)
}

fn of_network(estate: &Estate, network: &str) -> Value {
    let recorded = |regional: bool| {
        let own = estate.effective.iter().filter(|one| one.instance.is_none() && is_about(one, network));
        own.into_iter().find(|one| one.region.is_some() == regional).map(|one| one.answer.clone())
    };
    if let Some(answer) = recorded(false) {
        return answer;
    }
    if let Some(mut answer) = recorded(true) {
        keep(&mut answer, "firewallPolicys", |policy| matches!(text(policy, "type"), Some("HIERARCHY" | "NETWORK")));
        return answer;
    }
    let project = segment(network, "projects").unwrap();
    let rules = estate.collection(&format!("projects/{project}/global/firewalls")).into_iter();
    let rules: Vec<&Value> =
        rules.filter(|rule| text(rule, "network").is_some_and(|own| path(own) == network)).collect();
    let mut policies = Vec::new();
    let nodes = estate.ancestors.get(project).into_iter().flatten().rev();
    for node in nodes.filter(|node| text(node, "type") != Some("project")) {
        let name = format!("{}s/{}", text(node, "type").unwrap(), text(node, "id").unwrap());
        policies.extend(attached(estate, "locations/global/firewallPolicies", &name, "HIERARCHY"));
    }
    policies.extend(attached(estate, &format!("projects/{project}/global/firewallPolicies"), network, "NETWORK"));
    filled(&rules, policies)
}

fn of_region(estate: &Estate, network: &str, region: &str) -> Value {
    let own = estate.effective.iter().filter(|one| one.instance.is_none() && is_about(one, network));
    if let Some(recorded) = own.into_iter().find(|one| one.region.as_deref().is_some_and(|own| same(own, region))) {
        return recorded.answer.clone();
    }
    let mut answer = of_network(estate, network);
    let project = segment(network, "projects").unwrap();
    let regional =
        attached(estate, &format!("projects/{project}/regions/{region}/firewallPolicies"), network, "NETWORK_REGIONAL");
    let mut policies = list(&answer, "firewallPolicys").cloned().collect::<Vec<_>>();
    policies.extend(regional);
    if !policies.is_empty() {
        answer["firewallPolicys"] = json!(policies);
    }
    answer
}

/// Of rules with target tags, service accounts or secure tags only those that are for the machine (Compute Engine API,
/// `instances.getEffectiveFirewalls`).
fn of_instance(estate: &Estate, instance: &str, nic: &str) -> Option<Value> {
    let record = estate.records.get(instance)?;
    let interface = list(record, "networkInterfaces").find(|own| text(own, "name") == Some(nic))?;
    let recorded = estate.effective.iter().find(|one| {
        one.instance.as_deref().is_some_and(|own| same(own, instance))
            && one.nic.as_deref().is_none_or(|own| own == nic)
    });
    if let Some(recorded) = recorded {
        return Some(recorded.answer.clone());
    }
    let region = region_of(segment(instance, "zones").unwrap());
    let mut answer = of_region(estate, path(text(interface, "network")?), region);
    let tags: Vec<&str> = list(&record["tags"], "items").filter_map(Value::as_str).collect();
    let accounts: Vec<&str> = list(record, "serviceAccounts").filter_map(|own| text(own, "email")).collect();
    let is_for = |rule: &Value| {
        let meets = |key: &str, own: &[&str]| {
            let mut wanted = list(rule, key).peekable();
            wanted.peek().is_none() || wanted.any(|one| one.as_str().is_some_and(|one| own.contains(&one)))
        };
        meets("targetTags", &tags) && meets("targetServiceAccounts", &accounts)
    };
    keep(&mut answer, "firewalls", is_for);
    if let Some(policies) = answer.get_mut("firewallPolicys").and_then(Value::as_array_mut) {
        for policy in policies {
            keep(policy, "rules", is_for);
        }
    }
    Some(answer)
}

fn is_about(recorded: &Recorded, network: &str) -> bool {
    let project = recorded.project.as_deref();
    recorded.network.as_deref().is_some_and(|own| same(own, network))
        // What is beside an answer may be the service project that asked.
        && project.is_none_or(|own| own == segment(network, "projects").unwrap() || recorded.region.is_some())
}

/// The policies of a collection that are associated with something, as effective firewalls show them.
fn attached(estate: &Estate, collection: &str, target: &str, kind: &str) -> Vec<Value> {
    let policies = estate.collection(collection).into_iter().filter(|policy| {
        let network = estate.records.get(target).and_then(|network| text(network, "firewallPolicy"));
        let named = network.is_some_and(|own| text(policy, "selfLink").is_some_and(|link| path(own) == path(link)));
        named
            || list(policy, "associations")
                .any(|one| text(one, "attachmentTarget").is_some_and(|node| ends(node, target)))
    });
    let shown = policies.map(|policy| {
        let mut one = json!({ "name": policy["name"], "type": kind });
        if let Some(name) = policy.get("shortName").filter(|_| kind == "HIERARCHY") {
            one["displayName"] = name.clone();
        }
        if let Some(rules) = policy.get("rules") {
            one["rules"] = rules.clone();
        }
        one
    });
    shown.collect()
}

/// Whether a link ends with a path.
fn ends(link: &str, path: &str) -> bool {
    link == path || link.ends_with(&format!("/{path}"))
}

fn filled(firewalls: &[&Value], policies: Vec<Value>) -> Value {
    let mut answer = json!({});
    if !firewalls.is_empty() {
        answer["firewalls"] = json!(firewalls);
    }
    if !policies.is_empty() {
        answer["firewallPolicys"] = json!(policies);
    }
    answer
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn keep(value: &mut Value, key: &str, is_kept: impl Fn(&Value) -> bool) {
    if let Some(list) = value.get_mut(key).and_then(Value::as_array_mut) {
        list.retain(is_kept);
    }
}
