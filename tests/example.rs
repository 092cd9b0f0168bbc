//! `examples/aws-shop` shows its planted faults and nothing else, in a form that its schema describes, without a socket.

#![cfg(test)]

#[cfg(test)]
mod common;
#[cfg(test)]
#[path = "common/example.rs"]
mod example;

use std::collections::BTreeSet;
use std::process::Command;

use common::{reachlint, scrubbed};
use example::{assert_stops, findings};
use serde_json::Value;

/// An audit of the example.
const AUDIT: [&str; 6] =
    ["check", "examples/aws-shop/nginx.conf", "--snapshot", "examples/aws-shop/aws", "--from", "tag:Role=edge"];

/// The machines with nginx.
const EDGES: [&str; 2] = ["10.20.1.11", "10.20.1.12"];

fn report() -> Value {
    example::report(&AUDIT, 1)
}

#[test]
fn every_planted_fault_is_found_with_its_cause_and_nothing_else() {
    let report = report();
    let planted = [
        ("blocked-flow", "high", "10.20.2.81:8090/tcp"),
        ("blocked-flow", "high", "10.20.2.95:3000/tcp"),
        ("partial-flow", "high", "10.40.1.20:8443/tcp"),
        ("broad-ingress", "high", "10.20.1.40:8088/tcp"),
        ("broad-ingress", "medium", "10.20.2.91:8085/tcp"),
        ("undecided-flow", "low", "172.30.5.10:9443/tcp"),
    ];
    assert_eq!(findings(&report), planted.into());
    assert_stops(
        &report,
        &[
            (&EDGES, "10.20.2.81:8090/tcp", "blocked", "aws.security-group ingress"),
            (&EDGES, "10.20.2.95:3000/tcp", "blocked", "aws.security-group egress"),
            (&EDGES, "10.40.1.20:8443/tcp", "partial", "aws.network-acl return"),
            (&EDGES, "172.30.5.10:9443/tcp", "unknown", "aws.opaque egress"),
        ],
    );
}

#[test]
fn no_fix_opens_anything_to_the_world() {
    for finding in report()["findings"].as_array().unwrap() {
        let remedy = &finding["remedy"];
        let opens = finding["rule"] == "blocked-flow" || finding["rule"] == "partial-flow";
        assert_eq!(opens || finding["rule"] == "broad-ingress", remedy.is_object(), "{finding}");
        for command in remedy["cli"].as_str().unwrap_or_default().lines() {
            assert!(command.starts_with("aws ec2 "), "{command}");
            let admits = !command.contains(" revoke-");
            assert!(!admits || !(command.contains("0.0.0.0/0") || command.contains("::/0")), "{command}");
        }
    }
}

#[test]
fn reports_are_what_their_schemas_say() {
    let schema = |output: &str| -> Value {
        let printed = reachlint().args(["schema", output]).output().unwrap();
        serde_json::from_slice(&printed.stdout).unwrap()
    };
    let validator = jsonschema::validator_for(&schema("report")).unwrap();
    let report = report();
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let mut broken = report;
    broken["flows"][0]["verdict"] = Value::from("perhaps");
    assert!(!validator.is_valid(&broken), "the schema lets anything pass");

    let upstreams =
        reachlint().args(["upstreams", "examples/aws-shop/nginx.conf", "--report", "json"]).output().unwrap();
    let upstreams: Value = serde_json::from_slice(&upstreams.stdout).unwrap();
    assert!(jsonschema::validator_for(&schema("upstreams")).unwrap().is_valid(&upstreams));
    let keys: BTreeSet<&str> = upstreams[0].as_object().unwrap().keys().map(String::as_str).collect();
    let contract =
        ["protocol", "host", "port", "directive", "context", "upstream", "file", "line", "column", "dynamic", "note"];
    assert_eq!(keys, BTreeSet::from(contract));
}

#[test]
fn one_run_writes_several_reports_and_the_demo_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let json = format!("json={}", file("report.json").display());
    let human = format!("human={}", file("report.txt").display());
    let output = reachlint().args(AUDIT).args(["--report", "short", "--report", &json, "--report", &human]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let written: Value = serde_json::from_slice(&std::fs::read(file("report.json")).unwrap()).unwrap();
    assert_eq!(written, report());
    let text = std::fs::read_to_string(file("report.txt")).unwrap();
    assert!(text.contains("high[blocked-flow]") && !text.contains('\u{1b}'));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "something else was left behind");

    let demo = reachlint().args(["demo", "--report", "json"]).output().unwrap();
    assert_eq!(demo.status.code(), Some(0));
    let demo: Value = serde_json::from_slice(&demo.stdout).unwrap();
    assert_eq!(demo["summary"], written["summary"]);
    let ids = |report: &Value| -> Vec<String> {
        report["flows"].as_array().unwrap().iter().map(|flow| flow["id"].to_string()).collect()
    };
    assert_eq!(ids(&demo), ids(&written));
}

#[test]
fn exit_codes_follow_the_options() {
    let code =
        |more: &[&str]| reachlint().args(AUDIT).args(["--report", "short"]).args(more).output().unwrap().status.code();
    assert_eq!(code(&["--fail-on", "critical"]), Some(4));
    assert_eq!(code(&["--fail-on", "critical", "--allow-undecided"]), Some(0));
    assert_eq!(code(&["--exit-zero"]), Some(4));
    assert_eq!(code(&["--exit-zero", "--allow-undecided"]), Some(0));
}

/// With a snapshot the program opens no socket, not even for a name that has no answer.
#[test]
fn no_socket_is_opened_with_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("calls");
    let conf = folder.path().join("nginx.conf");
    std::fs::write(&conf, "events {}\nhttp { server { location / { proxy_pass http://app.test:8080; } } }\n").unwrap();
    let mut strace = scrubbed(Command::new("strace"));
    strace.args(["-f", "-qq", "-e", "trace=%network", "-o"]).arg(&log).arg(env!("CARGO_BIN_EXE_reachlint"));
    strace.args(AUDIT).arg(&conf).args(["--report", "short"]);
    let output = strace.output().unwrap_or_else(|error| panic!("this test needs `strace` (Debian's package): {error}"));
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("`app.test` has no address"), "{printed}");
    let calls = std::fs::read_to_string(&log).unwrap();
    assert_eq!(calls, "", "calls that touch a network");
}
