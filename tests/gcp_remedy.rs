//! The commands that remedies print for Google Cloud, carried out on the evidence of its traps and judged again: what they
//! are for passes, and what was open is not any more.

#![cfg(test)]

#[cfg(test)]
mod cases;

use std::collections::BTreeMap;

use cases::Case;
use reachlint::report::{Finding, Flow, FlowVerdict};
use reachlint::rules;
use serde_json::{Map, Value, json};

/// A command as its words, options apart.
struct Command {
    words: Vec<String>,
    options: BTreeMap<String, String>,
}

impl Command {
    fn new(line: &str) -> Self {
        assert!(!line.contains('\''), "no name of the traps needs quotes: {line}");
        let (mut words, mut options) = (Vec::new(), BTreeMap::new());
        for word in line.split(' ') {
            match word.strip_prefix("--") {
                Some(option) => {
                    let (name, value) = option.split_once('=').unwrap_or((option, ""));
                    options.insert(name.to_owned(), value.to_owned());
                }
                None => words.push(word.to_owned()),
            }
        }
        Self { words, options }
    }

    fn list(&self, option: &str) -> Value {
        let value = self.options.get(option);
        json!(value.map(|value| value.split(',').collect::<Vec<_>>()).unwrap_or_default())
    }

    fn traffic(&self, option: &str, key: &str) -> Value {
        let (protocol, ports) = self.options[option].split_once(':').unwrap();
        json!([{ key: protocol, "ports": [ports] }])
    }
}

/// The records of a listing that a case adds, the base's own with them.
fn records<'c>(base: &Case, case: &'c mut Case, listing: &str) -> &'c mut Vec<Value> {
    let of_base = base.evidence.get(listing).and_then(Value::as_array).cloned().unwrap_or_default();
    let own = case.evidence.entry(listing).or_insert_with(|| json!([])).as_array_mut().unwrap();
    for record in of_base {
        let gone = case.without.iter().any(|name| record["name"] == json!(name));
        if !gone && !own.iter().any(|known| known["name"] == record["name"]) {
            own.push(record);
        }
    }
    own
}

fn named<'r>(records: &'r mut [Value], name: &str) -> &'r mut Map<String, Value> {
    let found = records.iter_mut().find(|record| record["name"] == json!(name));
    found.unwrap_or_else(|| panic!("nothing is called {name}")).as_object_mut().unwrap()
}

/// Carries one command out.
fn run(base: &Case, case: &mut Case, line: &str) {
    let command = Command::new(line);
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["gcloud", "compute", "firewall-rules", "create", name] => {
            let option = |key: &str| command.options[key].clone();
            let rule = json!({
                "name": name,
                "in": option("project"),
                "network": option("network"),
                "direction": option("direction"),
                "priority": option("priority").parse::<u32>().unwrap(),
                "sourceRanges": command.list("source-ranges"),
                "destinationRanges": command.list("destination-ranges"),
                "sourceTags": command.list("source-tags"),
                "targetTags": command.list("target-tags"),
                "sourceServiceAccounts": command.list("source-service-accounts"),
                "targetServiceAccounts": command.list("target-service-accounts"),
                "allowed": command.traffic("allow", "IPProtocol"),
            });
            records(base, case, "firewalls").push(rule);
        }
        ["gcloud", "compute", "firewall-rules", "delete", name] => {
            records(base, case, "firewalls").retain(|rule| rule["name"] != json!(name));
            case.without.extend(
                base.evidence["firewalls"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|rule| rule["name"] == json!(name))
                    .map(|_| (*name).to_owned()),
            );
        }
        ["gcloud", "compute", "firewall-policies" | "network-firewall-policies", "rules", "create", priority] => {
            let policy = &command.options["firewall-policy"];
            let rules = named(records(base, case, "firewallPolicies"), policy);
            rules["rules"].as_array_mut().unwrap().push(json!({
                "priority": priority.parse::<u32>().unwrap(),
                "direction": command.options["direction"],
                "action": command.options["action"],
                "match": {
                    "srcIpRanges": command.list("src-ip-ranges"),
                    "destIpRanges": command.list("dest-ip-ranges"),
                    "layer4Configs": command.traffic("layer4-configs", "ipProtocol"),
                },
                "targetResources": command.list("target-resources"),
            }));
        }
        ["gcloud", "compute", "firewall-policies" | "network-firewall-policies", "rules", "delete", priority] => {
            let policy = &command.options["firewall-policy"];
            let rules = named(records(base, case, "firewallPolicies"), policy)["rules"].as_array_mut().unwrap();
            rules.retain(|rule| rule["priority"] != json!(priority.parse::<u32>().unwrap()));
        }
        ["gcloud", "compute", "instances", "start", name] => {
            named(records(base, case, "instances"), name).insert("status".to_owned(), json!("RUNNING"));
        }
        ["gcloud", "compute", "forwarding-rules", "update", name] => {
            assert!(command.options.contains_key("allow-global-access"));
            named(records(base, case, "forwardingRules"), name).insert("allowGlobalAccess".to_owned(), json!(true));
        }
        ["gcloud", "compute", "networks", "peerings", "update", name] => {
            assert!(command.options.contains_key("import-custom-routes"));
            for network in records(base, case, "networks") {
                for peering in network.get_mut("peerings").and_then(Value::as_array_mut).into_iter().flatten() {
                    if peering["name"] == json!(name) {
                        peering["importCustomRoutes"] = json!(true);
                    }
                }
            }
        }
        _ => panic!("nobody knows how to carry out: {line}"),
    }
}

/// What no command changes: other resources would have to be made, or the evidence is an answer that a new rule is
/// not in.
fn is_out_of_reach(case: &Case) -> bool {
    let documents = case.evidence.get("documents").and_then(Value::as_object);
    documents.is_some_and(|documents| {
        let out_of_reach = ["assets.json", "effective-app.json", "effective-region.json"];
        documents.keys().any(|name| out_of_reach.contains(&name.as_str()))
    })
}

/// Whether a case comes out as it says before anything is changed.
fn is_as_it_says(case: &Case, flows: &[Flow], findings: &[Finding]) -> bool {
    let named = [&case.id, &case.title, &case.why].into_iter().all(Option::is_some);
    named && cases::complaints(case, flows, findings).is_empty()
}

fn remedied<'f>(findings: &'f [Finding], slugs: &[&str]) -> Vec<&'f Finding> {
    let of = |finding: &&Finding| slugs.contains(&finding.rule.as_str()) && finding.remedy.is_some();
    findings.iter().filter(of).collect()
}

#[test]
fn what_is_refused_passes_once_its_commands_are_carried_out() {
    let folder = cases::folder("gcp");
    let base = cases::base(&folder);
    let (mut opened, mut wrong) = (0, Vec::new());
    for (name, mut case) in cases::cases(&folder) {
        if is_out_of_reach(&case) {
            continue;
        }
        let (before, findings) = cases::run(&base, &case, rules::run);
        assert!(is_as_it_says(&case, &before, &findings), "{name}");
        let refused = remedied(&findings, &["blocked-flow", "partial-flow"]);
        let lines: Vec<String> = refused
            .iter()
            .flat_map(|finding| finding.remedy.as_ref().unwrap().cli.lines().map(str::to_owned))
            .collect();
        if lines.is_empty() {
            continue;
        }
        for line in &lines {
            run(&base, &mut case, line);
        }
        let (after, _) = cases::run(&base, &case, rules::run);
        for (before, after) in before.iter().zip(&after) {
            let was_refused = matches!(before.verdict, FlowVerdict::Blocked | FlowVerdict::Partial);
            // Behind a route that is exchanged now there is a tunnel, of which nothing is known.
            let passes = after.verdict == FlowVerdict::Allowed || name.starts_with("G28-");
            if was_refused && !passes {
                wrong.push(format!(
                    "{name}: {} is {:?} after {lines:#?}: {:#?}",
                    after.id, after.verdict, after.reasons
                ));
            }
            opened += usize::from(was_refused && passes);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(opened > 30, "only {opened} connections were opened");
}

#[test]
fn what_is_too_wide_is_narrow_once_its_commands_are_carried_out() {
    let folder = cases::folder("gcp");
    let base = cases::base(&folder);
    let mut narrowed = 0;
    for (name, mut case) in cases::cases(&folder) {
        let (before, findings) = cases::run(&base, &case, rules::run);
        let wide = remedied(&findings, &["broad-ingress"]);
        let lines: Vec<String> =
            wide.iter().flat_map(|finding| finding.remedy.as_ref().unwrap().cli.lines().map(str::to_owned)).collect();
        if lines.is_empty() {
            continue;
        }
        for line in &lines {
            run(&base, &mut case, line);
        }
        let (after, findings) = cases::run(&base, &case, rules::run);
        let verdicts = |flows: &[Flow]| flows.iter().map(|flow| flow.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&before), verdicts(&after), "{name}: {lines:#?}");
        assert!(findings.iter().all(|finding| finding.rule != "broad-ingress"), "{name}: {findings:#?}");
        narrowed += 1;
    }
    assert!(narrowed >= 5, "only {narrowed} cases were too wide");
}
