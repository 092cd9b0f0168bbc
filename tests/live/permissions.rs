//! The policy that users grant is what the program needs, no more and no less.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use reachlint_aws::collect::{ACCOUNT_PERMISSIONS, PERMISSIONS, Tier};
use serde_json::Value;
use tempfile::TempDir;

use crate::estate::public_access;
use crate::moto::{guarded, moto, policy};
use crate::proxy::{Fate, Proxy};
use crate::run::{Key, Ran, conf, run, verdict};
use crate::server::{Reply, Server};
use crate::{balancing, internet, services, transit};

fn check(key: &Key, conf: &str, evidence: &[&str]) -> Ran {
    run(key, &[&["check", conf, "--from", guarded().told("/edges/0/instance"), "--report", "json"], evidence].concat())
}

/// The policies, each of which goes further than the one before.
const TIERS: [(&str, Tier); 3] =
    [("aws-vpc-only", Tier::Vpc), ("aws-networks", Tier::Networks), ("aws-read-only", Tier::Services)];

/// The actions that a documented policy allows, and all of them on everything.
fn granted(name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(policy().with_file_name(format!("{name}.json"))).unwrap();
    let policy: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let mut granted: Vec<String> = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!((&statement["Effect"], &statement["Resource"]), (&Value::from("Allow"), &Value::from("*")));
        granted
            .extend(statement["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()));
    }
    let set: BTreeSet<String> = granted.iter().cloned().collect();
    assert_eq!(set.len(), granted.len(), "an action stands there twice");
    set
}

#[test]
fn the_documented_policies_list_what_is_called() {
    for (name, tier) in TIERS {
        let own = PERMISSIONS.iter().filter(|permission| permission.tier <= tier);
        assert_eq!(granted(name), own.map(|permission| permission.action.to_owned()).collect(), "{name}");
    }
}

/// What a live run asks for, as actions of a policy.
fn used(server: &Server, from: &str, to: &str) -> BTreeSet<String> {
    let (_folder, conf) = conf(&[to]);
    let live = ["--endpoint-url", &server.url, "--region", "us-east-1"];
    run(&Key::any(), &[&["check", &conf, "--from", from, "--report", "json"], &live[..]].concat());
    actions(server.actions())
}

fn actions(called: Vec<String>) -> BTreeSet<String> {
    let all = PERMISSIONS.iter().map(|permission| permission.action);
    let action = |call: &String| all.clone().find(|action| action.ends_with(&format!(":{call}"))).unwrap().to_owned();
    called.iter().map(action).collect()
}

/// Live runs in estates of each kind use every action of the policy that is for it, and none beyond.
#[test]
fn each_tier_is_what_its_connections_take() {
    let proxied = |to: &[&str]| -> BTreeSet<String> {
        let proxy = Proxy::start(moto().url(), |_, _| Fate::Passes);
        let (_folder, conf) = conf(to);
        let live = ["--endpoint-url", &proxy.url, "--region", "us-east-1"];
        run(&Key::any(), &[&["check", &conf, "--from", moto().told("/edges/0/instance")], &live[..]].concat());
        actions(proxy.actions())
    };
    let name = format!("{}:8001", moto().told("/name"));
    let inside = proxied(&["10.10.2.20:8001", "10.10.2.21:8002", "10.10.3.20:8005", &name]);
    assert_eq!(inside, granted("aws-vpc-only"));

    let mut across = proxied(&["10.10.2.21:8002", "10.30.1.20:8008", &name]);
    across.extend(used(&Server::start(|action, form, _| transit::estate(action, form)), "i-nginx", "10.8.2.20:8080"));
    across.extend(used(
        &Server::start(|action, form, _| match action {
            "DescribeVpcBlockPublicAccessOptions" => public_access("block-ingress"),
            _ => internet::estate(action, form),
        }),
        "i-nginx",
        "203.0.113.20:8080",
    ));
    let out = Server::start(|action, form, _| match (action, internet::estate(action, form)) {
        ("DescribeRouteTables", Reply::Answer(text)) => {
            let gateways = "<natGatewayId>nat-1</natGatewayId><state>active</state></item><item>\
                            <destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock>\
                            <egressOnlyInternetGatewayId>eigw-1</egressOnlyInternetGatewayId>";
            Reply::Answer(text.replace("<gatewayId>igw-1</gatewayId>", gateways))
        }
        (_, reply) => reply,
    });
    across.extend(used(&out, "i-nginx", "203.0.113.20:8080"));
    across.extend(used(&out, "i-nginx", "[2001:db8::9]:8080"));
    assert_eq!(across, granted("aws-networks"));

    let mut balanced = across;
    let server = || Server::start(|action, form, _| balancing::estate(action, form));
    balanced.extend(used(&server(), "i-nginx", "10.0.2.50:8080"));
    balanced.extend(used(&server(), "i-nginx", "10.0.2.51:8080"));
    let cluster = "orders.cluster-abcdefghijkl.us-east-1.rds.amazonaws.com:8080";
    for to in ["10.0.2.60:8080", cluster, &format!("{}:8080", services::SESSIONS), "10.0.2.82:8080"] {
        balanced.extend(used(&Server::start(|action, form, _| services::estate(action, form)), "i-nginx", to));
    }
    // Only for whole Regions: an upstream's search domain has a name already.
    let server = Server::start(|action, form, _| services::estate(action, form));
    let out = TempDir::new().unwrap();
    let live = ["--endpoint-url", &server.url, "--region", "us-east-1"];
    run(&Key::any(), &[&["collect", "aws", "--all", "-o", out.path().to_str().unwrap()], &live[..]].concat());
    balanced.extend(actions(server.actions()).into_iter().filter(|action| action == "es:ListDomainNames"));
    assert_eq!(balanced, granted("aws-read-only"));
}

/// moto checks policies here.
#[test]
fn a_smaller_policy_is_enough_for_what_it_is_for() {
    let live = ["--endpoint-url", guarded().url(), "--region", "us-east-1"];
    for (name, to, beyond, missing) in [
        ("aws-vpc-only", "10.10.2.21:8002", "10.30.1.20:8008", "ec2:DescribeVpcPeeringConnections"),
        ("aws-networks", "10.30.1.20:8008", "10.10.4.20:8080", "elasticloadbalancing:DescribeLoadBalancers"),
    ] {
        let key = guarded().key(name);
        let (_folder, enough) = conf(&[to]);
        let ran = check(&key, &enough, &live);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{name}: {ran:?}");
        assert_eq!(verdict(&ran.report()), "allowed", "{name}");
        assert!(!ran.stdout.contains("not read"), "{name} lacks something: {}", ran.stdout);
        let (_folder, further) = conf(&[beyond]);
        let report = check(&key, &further, &live).report();
        assert_eq!(verdict(&report), "unknown", "{name}");
        let reasons = report["flows"][0]["reasons"].to_string();
        assert!(reasons.contains(missing), "{name}: {reasons}");
    }
}

#[test]
fn the_policy_for_other_accounts_lists_what_is_called() {
    let text = fs::read_to_string(policy().with_file_name("aws-assume-role.json")).unwrap();
    let policy: Value = serde_json::from_str(&text).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let granted: Vec<&str> = statements.map(|statement| statement["Action"].as_str().unwrap()).collect();
    assert_eq!(granted, ACCOUNT_PERMISSIONS.map(|permission| permission.action));
    let page = fs::read_to_string(policy_page()).unwrap();
    for name in ["aws-vpc-only", "aws-networks", "aws-read-only", "aws-assume-role", "aws-trust"] {
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
