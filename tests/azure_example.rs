//! `examples/azure-shop` shows its planted faults and nothing else.

#![cfg(test)]

#[cfg(test)]
mod common;
#[cfg(test)]
#[path = "common/example.rs"]
mod example;

use std::collections::BTreeSet;

use example::{assert_stops, findings};
use serde_json::Value;

/// An audit of the example.
const AUDIT: [&str; 6] =
    ["check", "examples/azure-shop/nginx.conf", "--from", "tag:Role=edge", "--snapshot", "examples/azure-shop/azure"];

/// The machines with nginx.
const EDGES: [&str; 2] = ["10.30.0.11", "10.30.0.12"];

fn report() -> Value {
    example::report(&AUDIT, 1)
}

#[test]
fn every_planted_fault_is_found_with_its_cause_and_nothing_else() {
    let report = report();
    let planted = [
        ("blocked-flow", "high", "10.30.2.81:8090/tcp"),
        ("blocked-flow", "high", "10.30.4.10:5432/tcp"),
        ("blocked-flow", "high", "10.30.4.70:6379/tcp"),
        ("broad-ingress", "high", "10.30.2.91:8088/tcp"),
        ("broad-ingress", "medium", "10.30.2.92:8086/tcp"),
        ("undecided-flow", "low", "172.20.5.10:9443/tcp"),
    ];
    assert_eq!(findings(&report), planted.into());
    assert_stops(
        &report,
        &[
            (&EDGES, "10.30.2.81:8090/tcp", "blocked", "azure.network-security-group ingress"),
            (&EDGES, "10.30.4.10:5432/tcp", "blocked", "azure.network-security-group egress"),
            (&EDGES, "10.30.4.70:6379/tcp", "blocked", "azure.security-admin-rule ingress"),
            (&EDGES, "172.20.5.10:9443/tcp", "unknown", "azure.appliance egress"),
        ],
    );
}

#[test]
fn no_fix_opens_anything_to_the_world() {
    for finding in report()["findings"].as_array().unwrap() {
        let remedy = &finding["remedy"];
        assert_eq!(finding["rule"] != "undecided-flow", remedy.is_object(), "{finding}");
        for command in remedy["cli"].as_str().unwrap_or_default().lines() {
            assert!(command.starts_with("az network nsg rule "), "{command}");
            let world = ["0.0.0.0/0", "::/0", "'*'", " Internet "];
            assert!(world.iter().all(|word| !command.contains(word)), "{command}");
        }
    }
}

/// Without the answer that holds the admin rules, nothing of the network is called allowed or blocked.
#[test]
fn groups_alone_settle_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir("examples/azure-shop/azure").unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() && !name.starts_with("admin-rules") {
            std::fs::copy(&path, folder.path().join(name)).unwrap();
        }
    }
    let mut audit = AUDIT;
    audit[5] = folder.path().to_str().unwrap();
    let report = example::report(&[&audit[..], &["--exit-zero"]].concat(), 4);
    let private = report["flows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|flow| flow["to"]["address"].as_str().is_some_and(|address| address.starts_with("10.30.")));
    let verdicts: BTreeSet<&str> = private.map(|flow| flow["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, BTreeSet::from(["unknown"]));
}

/// The permissions that reasons name are those of the custom role.
#[test]
fn the_custom_role_has_every_permission_that_is_asked_for() {
    let role: Value = serde_json::from_slice(&std::fs::read("docs/permissions/azure-read-only.json").unwrap()).unwrap();
    let granted: BTreeSet<&str> = role["Actions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let asked = std::fs::read_to_string("providers/azure/src/network/words.rs").unwrap();
    let asked: BTreeSet<&str> = asked.split('"').filter(|text| text.starts_with("Microsoft.")).collect();
    assert!(asked.len() > 10, "{asked:?}");
    assert!(asked.is_subset(&granted), "{:?}", asked.difference(&granted).collect::<Vec<_>>());
    let page = std::fs::read_to_string("docs/permissions.md").unwrap();
    for permission in asked {
        let own = permission.rsplit('/').take(2).collect::<Vec<_>>();
        assert!(page.contains(permission) || page.contains(&format!("{}/{}", own[1], own[0])), "{permission}");
    }
    assert!(granted.iter().all(|action| action.ends_with("/read") || action.ends_with("/action")));
}
