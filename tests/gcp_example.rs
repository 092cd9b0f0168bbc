//! `examples/gcp-shop` shows its planted faults and nothing else, and its fixes open nothing to everybody.

#![cfg(test)]

#[cfg(test)]
mod common;
#[cfg(test)]
#[path = "common/example.rs"]
mod example;

use std::collections::BTreeSet;
use std::path::Path;

use common::{reachlint, root};
use example::{assert_stops, findings};
use serde_json::Value;

/// An audit of the example.
const AUDIT: [&str; 6] =
    ["check", "examples/gcp-shop/nginx.conf", "--from", "tag:role=edge", "--snapshot", "examples/gcp-shop/gcp"];

/// The machines with nginx.
const EDGES: [&str; 2] = ["10.30.0.11", "10.30.0.12"];

fn report() -> Value {
    example::report(&AUDIT, 1)
}

/// An audit of it in another snapshot.
fn audit_of(snapshot: &Path) -> [&str; 6] {
    let mut audit = AUDIT;
    audit[5] = snapshot.to_str().unwrap();
    audit
}

#[test]
fn every_planted_fault_is_found_with_its_cause_and_nothing_else() {
    let report = report();
    let planted = [
        ("blocked-flow", "high", "10.30.2.21:9000/tcp"),
        ("blocked-flow", "high", "10.30.3.30:9200/tcp"),
        ("blocked-flow", "high", "10.30.4.40:8443/tcp"),
        ("broad-ingress", "high", "10.30.5.50:8088/tcp"),
        ("broad-ingress", "medium", "10.30.5.60:8085/tcp"),
        ("undecided-flow", "low", "192.168.40.10:9443/tcp"),
    ];
    assert_eq!(findings(&report), planted.into());
    assert_stops(
        &report,
        &[
            (&EDGES, "10.30.2.21:9000/tcp", "blocked", "gcp.implied-rule ingress"),
            (&EDGES, "10.30.3.30:9200/tcp", "blocked", "gcp.vpc-firewall egress"),
            (&EDGES, "10.30.4.40:8443/tcp", "blocked", "gcp.network-policy ingress"),
            (&EDGES, "192.168.40.10:9443/tcp", "unknown", "gcp.opaque egress"),
        ],
    );
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

/// The example's lists as Cloud Asset Inventory has them, and the answers that it does not have as they are.
fn inventory(lay_out: fn(&[Value]) -> String) -> tempfile::TempDir {
    const TYPES: [(&str, &str); 10] = [
        ("compute#backendService", "RegionBackendService"),
        ("compute#firewall", "Firewall"),
        ("compute#forwardingRule", "ForwardingRule"),
        ("compute#healthCheck", "HealthCheck"),
        ("compute#instance", "Instance"),
        ("compute#instanceGroup", "InstanceGroup"),
        ("compute#network", "Network"),
        ("compute#route", "Route"),
        ("compute#router", "Router"),
        ("compute#subnetwork", "Subnetwork"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut assets = Vec::new();
    for file in std::fs::read_dir("examples/gcp-shop/gcp").unwrap() {
        let path = file.unwrap().path();
        let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let records = document.as_array_mut().map(std::mem::take).unwrap_or_default();
        let mut rest = Vec::new();
        for mut record in records {
            let kind = record["kind"].as_str().and_then(|kind| TYPES.iter().find(|(known, _)| *known == kind));
            let Some((_, kind)) = kind else {
                rest.push(record);
                continue;
            };
            record.as_object_mut().unwrap().remove("kind");
            let name = record["selfLink"].as_str().unwrap().split_once("/projects/").unwrap().1.to_owned();
            assets.push(serde_json::json!({
                "name": format!("//compute.googleapis.com/projects/{name}"),
                "assetType": format!("compute.googleapis.com/{kind}"),
                "ancestors": ["projects/839104412", "folders/7712", "organizations/551"],
                "resource": { "version": "v1", "data": record },
                "updateTime": "2026-11-20T03:00:00Z",
            }));
        }
        let left = if rest.is_empty() { document } else { rest.into() };
        if left != Value::Array(Vec::new()) {
            std::fs::write(folder.path().join(path.file_name().unwrap()), left.to_string()).unwrap();
        }
    }
    assert!(assets.len() > 25, "{}", assets.len());
    std::fs::write(folder.path().join("assets.json"), lay_out(&assets)).unwrap();
    folder
}

#[test]
fn assets_of_the_inventory_say_what_the_lists_say() {
    let expected = report();
    let listed: fn(&[Value]) -> String = |assets| Value::from(assets).to_string();
    let exported: fn(&[Value]) -> String = |assets| {
        let lines = assets.iter().map(|asset| asset.to_string().replace("\"assetType\"", "\"asset_type\""));
        lines.collect::<Vec<_>>().join("\n")
    };
    let page: fn(&[Value]) -> String =
        |assets| serde_json::json!({ "readTime": "2026-11-20T03:00:00Z", "assets": assets }).to_string();
    for lay_out in [listed, exported, page] {
        let folder = inventory(lay_out);
        let found = example::report(&audit_of(folder.path()), 1);
        for part in ["summary", "flows", "findings"] {
            assert_eq!(found[part], expected[part], "{part}");
        }
    }
}

#[test]
fn a_part_of_the_assets_is_not_taken_for_all_of_them() {
    let page: fn(&[Value]) -> String =
        |assets| serde_json::json!({ "assets": assets, "nextPageToken": "more" }).to_string();
    let names: fn(&[Value]) -> String = |assets| {
        let mut assets = assets.to_vec();
        for asset in &mut assets {
            asset.as_object_mut().unwrap().remove("resource");
        }
        Value::from(assets).to_string()
    };
    for (lay_out, why) in [(page, "one page of several"), (names, "--content-type=resource")] {
        let folder = inventory(lay_out);
        let output = reachlint().args(audit_of(folder.path())).output().unwrap();
        assert_eq!(output.status.code(), Some(5));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(why), "{told}");
    }
}

/// Whatever a reason says to grant stands in the role that the documentation has.
#[test]
fn the_role_has_every_permission_that_a_reason_names() {
    let role = std::fs::read_to_string(root().join("docs/permissions/gcp-read-only.yaml")).unwrap();
    let granted: BTreeSet<&str> = role.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    let mut named = BTreeSet::new();
    for file in std::fs::read_dir(root().join("providers/gcp/src/network")).unwrap() {
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
    let both = ["--snapshot", "examples/aws-shop/aws"];
    let together = example::report(&[&AUDIT[..], &both].concat(), 1);
    assert_eq!(together["summary"], report()["summary"]);
    let only = reachlint().args(AUDIT).args(both).args(["--provider", "gcp"]).output().unwrap();
    assert_eq!(only.status.code(), Some(1));
    let neither = reachlint().args(AUDIT).args(["--provider", "aws"]).output().unwrap();
    assert_eq!(neither.status.code(), Some(5), "{}", String::from_utf8_lossy(&neither.stderr));
}
