//! `examples/multi-cloud` shows its planted faults and nothing else, and its fixes are the receiver's with the sender's
//! addresses.

#![cfg(test)]

#[cfg(test)]
mod common;
#[cfg(test)]
#[path = "common/example.rs"]
mod example;

use std::collections::BTreeSet;

use example::{assert_stops, findings, target};
use serde_json::Value;

/// The machines with nginx.
const EDGES: [&str; 2] = ["10.40.1.11", "10.40.2.11"];

/// What each of them leaves as.
const NAT: [&str; 2] = ["203.0.113.10", "203.0.113.11"];

fn report(snapshot: &str, code: i32) -> Value {
    let audit = ["check", "examples/multi-cloud/nginx.conf", "--from", "tag:Role=edge", "--snapshot", snapshot];
    example::report(&audit, code)
}

fn whole() -> Value {
    report("examples/multi-cloud/snapshot", 1)
}

#[test]
fn every_planted_fault_is_found_with_its_cause_and_nothing_else() {
    let report = whole();
    let planted = [
        ("blocked-flow", "high", "192.0.2.42:6380/tcp"),
        ("blocked-flow", "high", "198.51.100.30:9200/tcp"),
        ("broad-ingress", "high", "192.0.2.41:8090/tcp"),
        ("undecided-flow", "low", "10.50.1.15:5432/tcp"),
    ];
    assert_eq!(findings(&report), planted.into());
    assert_stops(
        &report,
        &[
            (&EDGES, "10.50.1.15:5432/tcp", "unknown", "aws.opaque egress"),
            (&EDGES, "192.0.2.42:6380/tcp", "blocked", "azure.network-security-group ingress"),
            (&EDGES[1..], "198.51.100.30:9200/tcp", "blocked", "gcp.implied-rule ingress"),
        ],
    );
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
        let seen = if flow["from"]["address"] == EDGES[0] { NAT[0] } else { NAT[1] };
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
