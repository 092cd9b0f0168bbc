//! `examples/multi-cloud` shows its planted faults and nothing else, and its fixes are the receiver's with the sender's
//! addresses.

#![cfg(test)]

#[cfg(test)]
mod common;

use std::collections::BTreeSet;

use common::reachlint;
use serde_json::Value;

const NAT: [&str; 2] = ["203.0.113.10", "203.0.113.11"];

fn report(snapshot: &str, code: i32) -> Value {
    let audit = ["check", "examples/multi-cloud/nginx.conf", "--from", "tag:Role=edge", "--report", "json"];
    let output = reachlint().args(audit).args(["--snapshot", snapshot]).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn whole() -> Value {
    report("examples/multi-cloud/snapshot", 1)
}

fn target(flow: &Value) -> &str {
    flow.as_str().unwrap().split_once('>').unwrap().1
}

#[test]
fn every_planted_fault_is_found_with_its_cause_and_nothing_else() {
    let report = whole();
    let findings = report["findings"].as_array().unwrap().iter();
    let found: BTreeSet<(&str, &str, &str)> = findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap();
            (text("rule"), text("severity"), target(&finding["flow"]))
        })
        .collect();
    let planted = [
        ("blocked-flow", "high", "192.0.2.42:6380/tcp"),
        ("blocked-flow", "high", "198.51.100.30:9200/tcp"),
        ("broad-ingress", "high", "192.0.2.41:8090/tcp"),
        ("undecided-flow", "low", "10.50.1.15:5432/tcp"),
    ];
    assert_eq!(found, BTreeSet::from(planted));

    let mut not_allowed = BTreeSet::new();
    for flow in report["flows"].as_array().unwrap() {
        for step in flow["path"].as_array().unwrap() {
            if step["outcome"] == "deny" || step["outcome"] == "maybe" {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let from = text(&flow["from"]["address"]);
                let to = target(&flow["id"]).to_owned();
                not_allowed.insert((from, to, text(&flow["verdict"]), text(&step["layer"])));
            }
        }
    }
    let expected = [
        ("10.40.1.11", "10.50.1.15:5432/tcp", "unknown", "aws.opaque"),
        ("10.40.2.11", "10.50.1.15:5432/tcp", "unknown", "aws.opaque"),
        ("10.40.1.11", "192.0.2.42:6380/tcp", "blocked", "azure.network-security-group"),
        ("10.40.2.11", "192.0.2.42:6380/tcp", "blocked", "azure.network-security-group"),
        ("10.40.2.11", "198.51.100.30:9200/tcp", "blocked", "gcp.implied-rule"),
    ];
    let expected = expected
        .map(|(from, to, verdict, layer)| (from.to_owned(), to.to_owned(), verdict.to_owned(), layer.to_owned()));
    assert_eq!(not_allowed, BTreeSet::from(expected));
}

/// Over the internet, each half has steps of its own cloud, and the second sees the NAT gateway.
#[test]
fn a_path_has_both_halves_and_the_address_between_them() {
    let report = whole();
    let mut clouds = BTreeSet::new();
    for flow in report["flows"].as_array().unwrap() {
        let Some(to) = flow["to"]["provider"].as_str().filter(|to| *to != "aws") else { continue };
        clouds.insert(to);
        let steps = flow["path"].as_array().unwrap();
        let of = |cloud: &str| steps.iter().position(|step| step["layer"].as_str().unwrap().starts_with(cloud));
        assert!(of("aws.").unwrap() < of(&format!("{to}.")).unwrap(), "{flow}");
        let seen = if flow["from"]["address"] == "10.40.1.11" { NAT[0] } else { NAT[1] };
        let translated = format!("the source becomes {seen}");
        assert!(steps.iter().any(|step| step["detail"] == translated.as_str()), "{flow}");
    }
    assert_eq!(clouds, BTreeSet::from(["azure", "gcp"]));
}

#[test]
fn fixes_are_of_the_receivers_cloud_with_the_senders_address() {
    for finding in whole()["findings"].as_array().unwrap() {
        let start = match target(&finding["flow"]).split('.').next().unwrap() {
            "192" => "az network nsg rule ",
            "198" => "gcloud compute firewall-rules create ",
            _ => {
                assert!(finding["remedy"].is_null(), "{finding}");
                continue;
            }
        };
        let commands: Vec<&str> = finding["remedy"]["cli"].as_str().unwrap().lines().collect();
        assert!(!commands.is_empty());
        for command in commands {
            assert!(command.starts_with(start), "{command}");
            assert!(!command.contains("/0") && !command.contains("10.40.1."), "{command}");
            let names_nat = NAT.iter().any(|address| command.contains(address));
            assert!(names_nat || command.contains(" rule delete "), "{command}");
        }
    }
}

/// What only one cloud's evidence would say of the same connections: nothing that is called allowed.
#[test]
fn without_the_other_clouds_nothing_that_leaves_is_allowed() {
    let alone = report("examples/multi-cloud/snapshot/aws", 4);
    for flow in alone["flows"].as_array().unwrap() {
        let inside = target(&flow["id"]).starts_with("10.40.");
        assert_eq!(flow["verdict"] == "allowed", inside, "{flow}");
    }
}
