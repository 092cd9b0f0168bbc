//! The policy that users grant is what the program needs, no more and no less.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use reachlint_aws::collect::{ACCOUNT_PERMISSIONS, PERMISSIONS};
use serde_json::Value;
use tempfile::TempDir;

use crate::moto::{guarded, policy};
use crate::run::{Key, Ran, conf, run, verdict};

fn check(key: &Key, conf: &str, evidence: &[&str]) -> Ran {
    run(key, &[&["check", conf, "--from", guarded().told("/edges/0/instance"), "--report", "json"], evidence].concat())
}

#[test]
fn the_documented_policy_lists_what_is_called() {
    let text = fs::read_to_string(policy()).unwrap();
    let policy: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let mut granted: Vec<&str> = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!((&statement["Effect"], &statement["Resource"]), (&Value::from("Allow"), &Value::from("*")));
        granted.extend(statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()));
    }
    let set: BTreeSet<&str> = granted.iter().copied().collect();
    assert_eq!(set.len(), granted.len(), "an action stands there twice");
    assert_eq!(set, PERMISSIONS.iter().map(|permission| permission.action).collect());
}

#[test]
fn the_policy_for_other_accounts_lists_what_is_called() {
    let text = fs::read_to_string(policy().with_file_name("aws-assume-role.json")).unwrap();
    let policy: Value = serde_json::from_str(&text).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let granted: Vec<&str> = statements.map(|statement| statement["Action"].as_str().unwrap()).collect();
    assert_eq!(granted, ACCOUNT_PERMISSIONS.map(|permission| permission.action));
    let page = fs::read_to_string(policy_page()).unwrap();
    for name in ["aws-read-only", "aws-assume-role", "aws-trust"] {
        let file = self::policy().with_file_name(format!("{name}.json"));
        let text = fs::read_to_string(file).unwrap();
        assert!(page.contains(&format!("```json\n{text}```")), "docs/permissions.md shows another {name}.json");
    }
}

fn policy_page() -> PathBuf {
    policy().parent().unwrap().with_extension("md")
}

/// moto checks signatures and policies here.
#[test]
fn the_documented_policy_is_enough() {
    let key = guarded().key("reader");
    let live = ["--endpoint-url", guarded().url(), "--region", "us-east-1"];
    let (_folder, conf) = conf(&["10.10.2.21:8002"]);
    let ran = check(&key, &conf, &live);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdict(&ran.report()), "allowed");

    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let ran = run(&key, &[&["collect", "aws", "--all", "-o", folder], &live[..]].concat());
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    let manifest: Value = serde_json::from_slice(&fs::read(out.path().join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["failures"].as_array().map_or(0, Vec::len), 0, "{manifest}");
    assert_eq!(manifest["scopes"][0]["principal"], "arn:aws:iam::123456789012:user/reader", "{manifest}");
    assert_eq!(verdict(&check(&key, &conf, &["--snapshot", folder]).report()), "allowed");
}

#[test]
fn a_permission_that_is_missing_is_named_and_never_green() {
    let key = guarded().key("lesser");
    let live = ["--endpoint-url", guarded().url(), "--region", "us-east-1"];
    let (_folder, conf) = conf(&["10.10.2.21:8002"]);
    let fresh = check(&key, &conf, &live);
    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let from = ["--from", guarded().told("/edges/0/instance")];
    let ran = run(&key, &[&["collect", "aws", &conf, "-o", folder], &from[..], &live].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("warning: ec2:DescribeNetworkAcls failed in us-east-1"), "{ran:?}");
    let manifest = fs::read_to_string(out.path().join("manifest.json")).unwrap();
    assert!(manifest.contains("ec2:DescribeNetworkAcls"), "{manifest}");
    for ran in [fresh, check(&key, &conf, &["--snapshot", folder])] {
        assert_eq!(ran.code, 4, "{ran:?}");
        let report = ran.report();
        assert_eq!(verdict(&report), "unknown");
        let reasons = report["flows"][0]["reasons"].to_string();
        assert!(reasons.contains("ec2:DescribeNetworkAcls"), "{reasons}");
    }
}

/// moto would refuse any other key here.
#[test]
fn a_profile_gives_key_and_region() {
    let Key { id, secret, .. } = guarded().key("reader");
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), "[profile audit]\nregion = us-east-1\n").unwrap();
    let credentials = format!("[audit]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    let (_folder, conf) = conf(&["10.10.2.21:8002"]);
    let mut command = crate::common::reachlint();
    command.env("HOME", home.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.args(["check", &conf, "--from", guarded().told("/edges/0/instance"), "--profile", "audit"]);
    let output = command.args(["--endpoint-url", guarded().url(), "--report", "json"]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""));
    assert!(!text(&output.stdout).contains(&id) && !text(&output.stdout).contains(&secret));
}
