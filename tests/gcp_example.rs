//! `examples/gcp-shop` shows its planted faults and nothing else, and its fixes open nothing to everybody.

#![cfg(test)]

#[cfg(test)]
mod common;

use std::collections::BTreeSet;

use common::reachlint;
use serde_json::Value;

const AUDIT: [&str; 6] =
    ["check", "examples/gcp-shop/nginx.conf", "--snapshot", "examples/gcp-shop/gcp", "--from", "tag:role=edge"];

fn report() -> Value {
    let output = reachlint().args(AUDIT).args(["--report", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn target(flow: &str) -> String {
    flow.split_once('>').unwrap().1.to_owned()
}

#[test]
fn every_planted_fault_is_found_with_its_cause_and_nothing_else() {
    let report = report();
    let findings = report["findings"].as_array().unwrap().iter();
    let found: BTreeSet<(String, String, String)> = findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            (text("rule"), text("severity"), target(&text("flow")))
        })
        .collect();
    let planted = [
        ("blocked-flow", "high", "10.30.2.21:9000/tcp"),
        ("blocked-flow", "high", "10.30.3.30:9200/tcp"),
        ("blocked-flow", "high", "10.30.4.40:8443/tcp"),
        ("broad-ingress", "high", "10.30.5.50:8088/tcp"),
        ("broad-ingress", "medium", "10.30.5.60:8085/tcp"),
        ("undecided-flow", "low", "192.168.40.10:9443/tcp"),
    ];
    let planted = planted.map(|(rule, severity, to)| (rule.to_owned(), severity.to_owned(), to.to_owned()));
    assert_eq!(found, BTreeSet::from(planted));

    let mut not_allowed = BTreeSet::new();
    for flow in report["flows"].as_array().unwrap() {
        let verdict = flow["verdict"].as_str().unwrap();
        let stopping = flow["path"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|step| step["outcome"] == "deny" || step["outcome"] == "maybe");
        for step in stopping {
            let place = format!("{} {}", step["layer"].as_str().unwrap(), step["direction"].as_str().unwrap());
            not_allowed.insert((target(flow["id"].as_str().unwrap()), verdict.to_owned(), place));
        }
    }
    let expected = [
        ("10.30.2.21:9000/tcp", "blocked", "gcp.implied-rule ingress"),
        ("10.30.3.30:9200/tcp", "blocked", "gcp.vpc-firewall egress"),
        ("10.30.4.40:8443/tcp", "blocked", "gcp.network-policy ingress"),
        ("192.168.40.10:9443/tcp", "unknown", "gcp.opaque egress"),
    ];
    let expected = expected.map(|(to, verdict, place)| (to.to_owned(), verdict.to_owned(), place.to_owned()));
    assert_eq!(not_allowed, BTreeSet::from(expected));
}

#[test]
fn no_fix_opens_anything_to_the_world() {
    for finding in report()["findings"].as_array().unwrap() {
        let fixed = finding["rule"] != "undecided-flow";
        assert_eq!(fixed, finding["remedy"].is_object(), "{finding}");
        for text in ["cli", "terraform", "console"].map(|key| finding["remedy"][key].as_str().unwrap_or_default()) {
            assert!(!text.contains("/0"), "{text}");
        }
        for command in finding["remedy"]["cli"].as_str().unwrap_or_default().lines() {
            assert!(command.starts_with("gcloud compute "), "{command}");
        }
    }
}

/// Whatever a reason says to grant stands in the role that the documentation has.
#[test]
fn the_role_has_every_permission_that_a_reason_names() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let role = std::fs::read_to_string(root.join("docs/permissions/gcp-read-only.yaml")).unwrap();
    let granted: BTreeSet<&str> = role.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    let mut named = BTreeSet::new();
    for file in std::fs::read_dir(root.join("providers/gcp/src/network")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for word in text.split('"').filter(|word| word.split('.').count() == 3) {
            let known = ["compute.", "networksecurity.", "resourcemanager."];
            if known.iter().any(|start| word.starts_with(start))
                && word.chars().all(|c| c.is_ascii_alphabetic() || c == '.')
            {
                named.insert(word.to_owned());
            }
        }
    }
    assert!(named.len() > 10, "{named:?}");
    let missing: Vec<&String> = named.iter().filter(|name| !granted.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// An audit of both examples in one run: each cloud keeps to its own.
#[test]
fn evidence_of_two_clouds_is_judged_together() {
    let both = ["--snapshot", "examples/aws-shop/aws", "--report", "json"];
    let output = reachlint().args(AUDIT).args(both).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let together: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(together["summary"], report()["summary"]);
    let only = reachlint().args(AUDIT).args(both).args(["--provider", "gcp"]).output().unwrap();
    assert_eq!(only.status.code(), Some(1));
    let neither = reachlint().args(AUDIT).args(["--provider", "aws"]).output().unwrap();
    assert_eq!(neither.status.code(), Some(5), "{}", String::from_utf8_lossy(&neither.stderr));
}
