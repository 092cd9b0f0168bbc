//! However the evidence comes, the answer is the same, and it is the planted one.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::scrubbed;
use crate::environment::tool;
use crate::moto::{Moto, moto};
use crate::proxy::{Fate, Proxy};
use crate::run::{Key, Ran, conf, findings, run, tells_no_secret, verdict, verdicts, without_sources};

/// Every upstream in the Region with what `seed.py` planted there.
pub(crate) const PLANTED: [(&str, &str); 11] = [
    ("10.10.2.20:8001", "allowed"),
    ("10.10.2.21:8002", "allowed"),
    ("10.10.2.22:8003", "allowed"),
    ("10.10.2.23:8004", "blocked"),
    ("10.10.2.24:9500", "blocked"),
    ("10.10.3.20:8005", "partial"),
    ("10.10.2.25:8006", "allowed"),
    ("10.10.2.99:8007", "unknown"),
    ("10.30.1.20:8008", "allowed"),
    ("10.10.4.20:8080", "allowed"),
    ("10.10.4.21:8080", "blocked"),
];

const FROM: [&str; 2] = ["--from", "tag:Role=edge"];

fn all_of_them() -> (TempDir, String) {
    conf(&PLANTED.map(|(target, _)| target))
}

fn live<'a>(url: &'a str, region: &'a str) -> [&'a str; 4] {
    ["--endpoint-url", url, "--region", region]
}

fn collect(key: &Key, more: &[&str], url: &str, folder: &str) -> Ran {
    let ran = run(key, &[&["collect", "aws", "-o", folder], more, &live(url, "us-east-1")].concat());
    assert_eq!((ran.code, &*ran.stderr, &*ran.stdout), (0, "", ""), "{ran:?}");
    ran
}

fn check(key: &Key, conf: &str, evidence: &[&str]) -> Value {
    let ran = run(key, &[&["check", conf, "--report", "json"], &FROM[..], evidence].concat());
    assert_eq!((ran.code, &*ran.stderr), (1, ""), "{ran:?}");
    ran.report()
}

/// Asserts that a report says of each upstream, for both machines, what was planted there.
fn is_as_planted(report: &Value) {
    let mut expected: Vec<(String, String, String)> = ["10.10.1.10", "10.10.1.11"]
        .iter()
        .flat_map(|from| PLANTED.map(|(to, verdict)| ((*from).to_owned(), to.to_owned(), verdict.to_owned())))
        .collect();
    expected.sort();
    assert_eq!(verdicts(report), expected);
    let expected = [
        ("blocked-flow", "10.10.2.23:8004/tcp"),
        ("blocked-flow", "10.10.2.24:9500/tcp"),
        ("blocked-flow", "10.10.4.21:8080/tcp"),
        ("broad-ingress", "10.10.2.25:8006/tcp"),
        ("partial-flow", "10.10.3.20:8005/tcp"),
        ("unknown-address", "10.10.2.99:8007/tcp"),
    ];
    assert_eq!(findings(report), expected.map(|(rule, to)| (rule.to_owned(), to.to_owned())));
    let stops = |to: &str| -> Vec<String> {
        let flow = report["flows"].as_array().unwrap().iter();
        let mut flow = flow.filter(|flow| flow["id"].as_str().unwrap().ends_with(&format!(">{to}/tcp")));
        let steps = flow.next().unwrap()["path"].as_array().unwrap().clone();
        let stopping = steps.iter().filter(|step| step["outcome"] == "deny");
        stopping.map(|step| format!("{} {}", step["layer"], step["direction"]).replace('"', "")).collect()
    };
    assert_eq!(stops("10.10.2.23:8004"), ["aws.security-group ingress"]);
    assert_eq!(stops("10.10.2.24:9500"), ["aws.security-group egress"]);
    assert_eq!(stops("10.10.3.20:8005"), ["aws.network-acl return"]);
}

/// Asserts that only calls that read were made, and only those that users are told to allow.
fn only_reads(proxy: &Proxy) {
    let allowed: BTreeSet<&str> = reachlint_aws::collect::PERMISSIONS
        .iter()
        .map(|permission| permission.action.split_once(':').unwrap().1)
        .collect();
    let actions = proxy.actions();
    assert!(actions.len() >= 10, "the program asked something else than the proxy: {actions:?}");
    for action in &actions {
        let reads = ["Describe", "Get", "List", "Search"].iter().any(|verb| action.starts_with(verb));
        assert!(reads, "{action} is no call that reads");
        assert!(allowed.contains(&**action), "{action} is not among the permissions");
    }
}

#[test]
fn live_evidence_and_a_snapshot_of_it_tell_the_same() {
    let (key, (_folder, conf)) = (Key::any(), all_of_them());
    let proxy = Proxy::start(moto().url(), |_, _| Fate::Passes);
    let report = check(&key, &conf, &live(&proxy.url, "us-east-1"));
    is_as_planted(&report);
    let out = TempDir::new().unwrap();
    // A folder that is there stays as it is, and one that is not is made with those above it.
    let closed = out.path().join("closed");
    fs::DirBuilder::new().mode(0o700).create(&closed).unwrap();
    let linked = out.path().join("linked");
    fs::create_dir(out.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &linked).unwrap();
    for folder in [&closed, &linked, &out.path().join("a/b")] {
        let folder = folder.to_str().unwrap();
        collect(&key, &[&[conf.as_str()], &FROM[..]].concat(), &proxy.url, folder);
        tells_no_secret(&key, folder.as_ref());
        let names: BTreeSet<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["123456789012", "manifest.json"].map(OsString::from).into());
        let snapshot = check(&key, &conf, &["--snapshot", folder]);
        assert_eq!(without_sources(snapshot), without_sources(report.clone()));
    }
    assert_eq!(fs::metadata(&closed).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(fs::symlink_metadata(&linked).unwrap().is_symlink());
    only_reads(&proxy);
}

#[test]
fn a_whole_region_tells_the_same() {
    let (key, (_folder, conf)) = (Key::any(), all_of_them());
    let proxy = Proxy::start(moto().url(), |_, _| Fate::Passes);
    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    collect(&key, &["--all"], &proxy.url, folder);
    tells_no_secret(&key, out.path());
    let report = check(&key, &conf, &["--snapshot", folder]);
    is_as_planted(&report);
    only_reads(&proxy);

    // moto knows no filter for IPv6 addresses, so they are only found where nothing is filtered.
    let six = moto().told("/six");
    for (port, expected) in [("8010", "allowed"), ("8011", "blocked")] {
        let (_folder, conf) = self::conf(&[&format!("[{six}]:{port}")]);
        let from = moto().told("/edges/0/instance");
        let ran = run(&key, &["check", &conf, "--from", from, "--snapshot", folder, "--report", "json"]);
        let report = ran.report();
        assert_eq!(verdict(&report), expected, "{ran:?}");
        assert!(report["flows"][0]["from"]["address"].as_str().unwrap().contains(':'), "{ran:?}");
    }
}

/// The commands that docs/evidence.md tells people without reachlint's own collection to run.
const COMMANDS: [&str; 16] = [
    "describe-network-interfaces",
    "describe-instances",
    "describe-security-groups",
    "describe-security-group-rules",
    "describe-managed-prefix-lists",
    "describe-network-acls",
    "describe-route-tables",
    "describe-subnets",
    "describe-vpcs",
    "describe-vpc-peering-connections",
    "describe-internet-gateways",
    "describe-egress-only-internet-gateways",
    "describe-nat-gateways",
    "describe-addresses",
    "describe-vpc-block-public-access-options",
    "describe-vpc-block-public-access-exclusions",
];

/// What the AWS CLI prints for a command of EC2.
fn aws(moto: &Moto, home: &TempDir, arguments: &[&str]) -> Vec<u8> {
    aws_of("ec2", moto, home, arguments)
}

/// What it prints about load balancers, each answer with what was asked beside it.
fn about_balancers(moto: &Moto, home: &TempDir) -> Vec<Vec<u8>> {
    let asked = |command: &str, parameter: Option<(&str, &str, &str)>| -> Value {
        let mut arguments = vec![command];
        arguments.extend(parameter.iter().flat_map(|(option, _, arn)| [*option, *arn]));
        let mut answer: Value = serde_json::from_slice(&aws_of("elbv2", moto, home, &arguments)).unwrap();
        if let Some((_, key, arn)) = parameter {
            answer[key] = arn.into();
        }
        answer
    };
    let arns = |answer: &Value, listing: &str, key: &str| -> Vec<String> {
        let records = answer[listing].as_array().unwrap().iter();
        records.map(|record| record[key].as_str().unwrap().to_owned()).collect()
    };
    let balancers = asked("describe-load-balancers", None);
    let groups = asked("describe-target-groups", None);
    let mut answers = Vec::new();
    for arn in arns(&balancers, "LoadBalancers", "LoadBalancerArn") {
        let about = Some(("--load-balancer-arn", "LoadBalancerArn", arn.as_str()));
        let listeners = asked("describe-listeners", about);
        for listener in arns(&listeners, "Listeners", "ListenerArn").iter().filter(|_| arn.contains("/app/")) {
            answers.push(asked("describe-rules", Some(("--listener-arn", "ListenerArn", listener))));
        }
        answers.extend([listeners, asked("describe-load-balancer-attributes", about)]);
    }
    for arn in arns(&groups, "TargetGroups", "TargetGroupArn") {
        let about = Some(("--target-group-arn", "TargetGroupArn", arn.as_str()));
        answers.extend(["describe-target-health", "describe-target-group-attributes"].map(|call| asked(call, about)));
    }
    answers.extend([balancers, groups]);
    answers.iter().map(|answer| answer.to_string().into_bytes()).collect()
}

pub(crate) fn aws_of(service: &str, moto: &Moto, home: &TempDir, arguments: &[&str]) -> Vec<u8> {
    let program = tool("aws").unwrap();
    let mut command = scrubbed(Command::new(&program));
    command.env("HOME", home.path()).env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any");
    command.arg(service).args(arguments).args(["--output", "json"]).args(live(moto.url(), "us-east-1"));
    let output = command.output().unwrap_or_else(|error| panic!("cannot run `{}`: {error}", program.display()));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn files_of_the_aws_command_line_tell_the_same() {
    let (key, (_folder, conf)) = (Key::any(), all_of_them());
    let (moto, home, out) = (moto(), TempDir::new().unwrap(), TempDir::new().unwrap());
    // Names say nothing about what is in the files, which may stand anywhere.
    let names = ["0", "z.json", "Groups (copy).JSON", "ünïcode.txt", "deep/er/x.json", ".hidden", "a b", "-dash.json"];
    fs::create_dir_all(out.path().join("deep/er")).unwrap();
    let halves = COMMANDS.split_at(COMMANDS.len() / 2);
    let read = |commands: &'static [&'static str]| -> Vec<Vec<u8>> {
        commands.iter().map(|command| aws(moto, &home, &[command])).collect()
    };
    let printed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let other = scope.spawn(|| read(halves.1));
        let mut first = read(halves.0);
        first.extend(other.join().unwrap());
        first.extend(about_balancers(moto, &home));
        first
    });
    for (at, bytes) in printed.iter().enumerate() {
        let name = names.get(at).map_or_else(|| format!("{at}.out"), |name| (*name).to_owned());
        fs::write(out.path().join(name), bytes).unwrap();
    }
    // The answer does not repeat which list was asked for, so the file's name has to say it.
    let list = moto.told("/prefix_list");
    let entries = aws(moto, &home, &["get-managed-prefix-list-entries", "--prefix-list-id", list]);
    let name = |list: &str| out.path().join(format!("entries of {list}.json"));
    fs::write(name(list), &entries).unwrap();
    let folder = out.path().to_str().unwrap();
    let files = check(&key, &conf, &["--snapshot", folder]);
    is_as_planted(&files);
    let live = check(&key, &conf, &live(moto.url(), "us-east-1"));
    for part in ["flows", "findings", "summary"] {
        assert_eq!(files[part], live[part], "{part}");
    }

    // Without the list's id nothing says whose the entries are, and what they would allow is unknown.
    fs::rename(name(list), name("a list")).unwrap();
    let nameless = check(&key, &conf, &["--snapshot", folder]);
    let by_list: BTreeSet<String> = verdicts(&nameless)
        .into_iter()
        .filter(|(_, to, _)| to == "10.10.2.21:8002")
        .map(|(_, _, verdict)| verdict)
        .collect();
    assert_eq!(by_list, BTreeSet::from(["unknown".to_owned()]));
}

#[test]
fn regions_are_read_side_by_side_and_joined_by_their_peering() {
    let key = Key::any();
    let targets = ["10.10.2.22:8003", "10.50.1.20:8009", "10.50.1.21:8009"];
    let (_folder, conf) = conf(&targets);
    let url = moto().url();
    let from = moto().told("/edges/0/instance");
    let all = |verdicts: [&str; 3]| {
        targets.map(str::to_owned).into_iter().zip(verdicts.map(str::to_owned)).collect::<Vec<_>>()
    };
    let told = |ran: &Ran| -> Vec<(String, String)> {
        verdicts(&ran.report()).into_iter().map(|(_, to, verdict)| (to, verdict)).collect()
    };
    let ask = ["check", &conf, "--from", from, "--report", "json", "--endpoint-url", url, "--region", "us-east-1"];
    let both = run(&key, &[&ask[..], &["--region", "eu-west-1"]].concat());
    assert_eq!(told(&both), all(["allowed", "allowed", "blocked"]), "{both:?}");
    assert_eq!((both.code, &*both.stderr), (1, ""));

    // With one of them, the other's upstreams are undecided and not allowed.
    let one = run(&key, &ask);
    assert_eq!(told(&one), all(["allowed", "unknown", "unknown"]), "{one:?}");
    assert_eq!(one.code, 4);

    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let regions = ["--region", "eu-west-1", "--region", "us-east-1", "--region", "eu-west-1"];
    let ran = run(&key, &[&["collect", "aws", "--all", "-o", folder, "--endpoint-url", url], &regions[..]].concat());
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    let snapshot = run(&key, &["check", &conf, "--from", from, "--report", "json", "--snapshot", folder]);
    assert_eq!(without_sources(snapshot.report()), without_sources(both.report()));
}

#[test]
fn one_connection_is_traced_live() {
    let key = Key::any();
    let from = moto().told("/edges/0/interface");
    let at = live(moto().url(), "us-east-1");
    for (to, code, verdict) in PLANTED.map(|(to, verdict)| match verdict {
        "allowed" => (to, 0, verdict),
        "unknown" => (to, 4, verdict),
        _ => (to, 1, verdict),
    }) {
        let ran = run(&key, &[&["trace", "--from", from, "--to", to, "--report", "json"], &at[..]].concat());
        assert_eq!((ran.code, &*ran.stderr), (code, ""), "{to}: {ran:?}");
        assert_eq!(ran.report()["verdict"], verdict, "{to}");
    }
    let ran = run(&key, &[&["trace", "--from", from, "--to", "10.10.3.20:8005"], &at[..]].concat());
    assert!(ran.stdout.contains(moto().told("/acl")), "the deciding ACL is not named: {}", ran.stdout);
}
