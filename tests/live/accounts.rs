//! Two accounts and two Regions, each account read as a role of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::reachlint;
use crate::moto::{guarded, moto};
use crate::proxy::{Fate, Proxy};
use crate::run::{Key, Ran, conf, run, tells_no_secret, verdicts};

const OWN: &str = "123456789012";

fn neighbour() -> &'static str {
    moto().told("/neighbour")
}

fn role() -> String {
    format!("arn:aws:iam::{}:role/audit", neighbour())
}

/// Upstreams in both accounts and Regions, with what `seed.py` planted there.
const PLANTED: [(&str, &str); 6] = [
    ("10.10.2.20:8001", "allowed"),
    ("10.50.1.20:8009", "allowed"),
    ("10.60.1.20:8012", "allowed"),
    ("10.60.1.21:8012", "blocked"),
    ("10.70.1.20:8012", "allowed"),
    ("10.70.1.21:8012", "blocked"),
];

fn both(url: &str) -> [&str; 6] {
    ["--endpoint-url", url, "--region", "us-east-1", "--region", "eu-west-1"]
}

fn told(report: &Value) -> Vec<(String, String)> {
    verdicts(report).into_iter().map(|(_, to, verdict)| (to, verdict)).collect()
}

fn planted() -> Vec<(String, String)> {
    PLANTED.map(|(to, verdict)| (to.to_owned(), verdict.to_owned())).into()
}

fn check(key: &Key, conf: &str, evidence: &[&str]) -> Ran {
    let from = moto().told("/edges/0/instance");
    run(key, &[&["check", conf, "--from", from, "--report", "json"], evidence].concat())
}

/// What a report says, byte for byte, with its sources named from inside of the snapshot's folder.
fn without_folder(ran: &Ran, folder: &Path) -> String {
    ran.stdout.replace(&format!("{}/", folder.display()), "")
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Accounts and Regions of a snapshot, and as whom they were read.
fn scopes(manifest: &Value) -> Vec<(String, String, String)> {
    let text = |scope: &Value, key: &str| scope[key].as_str().unwrap_or_default().to_owned();
    let scopes = manifest["scopes"].as_array().unwrap().iter();
    scopes.map(|scope| (text(scope, "account"), text(scope, "region"), text(scope, "principal"))).collect()
}

fn collect(key: &Key, what: &[&str], folder: &Path) -> Ran {
    let ran = run(key, &[&["collect", "aws", "-o", folder.to_str().unwrap()], what].concat());
    tells_no_secret(key, folder);
    ran
}

/// Asserts that the snapshot of a folder was read from both accounts and Regions, without a failure.
fn is_of_both(folder: &Path) {
    let manifest = manifest(folder);
    assert_eq!(manifest["failures"].as_array().map_or(0, Vec::len), 0, "{manifest}");
    let session = format!("arn:aws:sts::{}:assumed-role/audit/reachlint", neighbour());
    let found = scopes(&manifest);
    let places: BTreeSet<(&str, &str)> = found.iter().map(|(account, region, _)| (&**account, &**region)).collect();
    let regions = ["eu-west-1", "us-east-1"];
    assert_eq!(places, regions.iter().flat_map(|region| [(OWN, *region), (neighbour(), *region)]).collect());
    for (account, _, principal) in &found {
        assert_eq!(account == neighbour(), *principal == session, "{found:?}");
    }
}

/// The role is named by its ARN, by its name with the account, and by its name alone, where the peerings name the
/// account.
#[test]
fn two_accounts_and_two_regions_tell_the_same_live_and_from_a_snapshot() {
    let (key, (_folder, conf), role) = (Key::any(), conf(&PLANTED.map(|(to, _)| to)), role());
    let proxy = Proxy::start(moto().url(), |_, _| Fate::Passes);
    let ways: [&[&str]; 4] = [
        &["--assume-role", &role],
        &["--assume-role", "audit", "--account", OWN, "--account", neighbour()],
        &["--assume-role", "audit", "--external-id", "of-the-test"],
        &["--assume-role", "audit", "--organization"],
    ];
    let from = ["--from", moto().told("/edges/0/instance")];
    for way in ways {
        let live = [&both(&proxy.url)[..], way].concat();
        let fresh = check(&key, &conf, &live);
        assert_eq!((fresh.code, &*fresh.stderr), (1, ""), "{way:?}: {fresh:?}");
        assert_eq!(told(&fresh.report()), planted(), "{way:?}");
        let out = TempDir::new().unwrap();
        let ran = collect(&key, &[&[&*conf], &from[..], &live].concat(), out.path());
        assert_eq!((ran.code, &*ran.stderr, &*ran.stdout), (0, "", ""), "{way:?}: {ran:?}");
        is_of_both(out.path());
        let offline = check(&key, &conf, &["--snapshot", out.path().to_str().unwrap()]);
        assert_eq!(fresh.stdout, without_folder(&offline, out.path()), "{way:?}");
    }
    let trace = ["trace", "--to", "10.60.1.21:8012", "--report", "json", "--assume-role", "audit"];
    let traced = run(&key, &[&trace[..], &from, &both(&proxy.url)].concat());
    assert_eq!((traced.code, &traced.report()["verdict"]), (1, &Value::from("blocked")), "{traced:?}");
    let actions = proxy.actions();
    for action in &actions {
        let reads = action.starts_with("Describe") || action.starts_with("Get");
        // Calls in JSON carry no action in their body.
        assert!(reads || matches!(&**action, "AssumeRole" | "no action"), "{action} is no call that reads");
    }
    assert!(actions.iter().any(|action| action == "AssumeRole"), "{actions:?}");
}

#[test]
fn whole_regions_of_an_organization_tell_the_same() {
    let (key, (_folder, conf), out) = (Key::any(), conf(&PLANTED.map(|(to, _)| to)), TempDir::new().unwrap());
    let organization = ["--all", "--organization", "--assume-role", "audit"];
    let ran = collect(&key, &[&organization[..], &both(moto().url())].concat(), out.path());
    assert_eq!((ran.code, &*ran.stderr, &*ran.stdout), (0, "", ""), "{ran:?}");
    is_of_both(out.path());
    let offline = check(&key, &conf, &["--snapshot", out.path().to_str().unwrap()]);
    assert_eq!(told(&offline.report()), planted());
}

/// What is in the other account is open without a way into it, and the reason says which account to add.
#[test]
fn without_a_role_the_account_to_add_is_named() {
    let key = Key::any();
    for (to, region) in [("10.60.1.20:8012", "us-east-1"), ("10.70.1.20:8012", "eu-west-1")] {
        let (_folder, conf) = conf(&[to]);
        let fresh = check(&key, &conf, &both(moto().url()));
        assert_eq!((fresh.code, &*fresh.stderr), (4, ""), "{fresh:?}");
        let expected = format!(
            "belongs to account {} in {region}, which was not read; add it with `--assume-role \
             arn:aws:iam::{}:role/…`, or its files",
            neighbour(),
            neighbour()
        );
        assert!(fresh.report()["flows"][0]["reasons"].to_string().contains(&expected), "{fresh:?}");
        let out = TempDir::new().unwrap();
        let from = ["--from", moto().told("/edges/0/instance")];
        let ran = collect(&key, &[&[&*conf], &from[..], &both(moto().url())].concat(), out.path());
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
        let offline = check(&key, &conf, &["--snapshot", out.path().to_str().unwrap()]);
        assert_eq!(fresh.stdout, without_folder(&offline, out.path()));
    }
}

#[test]
fn a_refused_role_is_told_with_what_to_do_and_never_green() {
    let (key, role, (_folder, conf)) = (Key::any(), role(), conf(&["10.60.1.20:8012"]));
    let proxy = Proxy::start(moto().url(), |action, _| match action {
        "AssumeRole" => Fate::Error(403, "AccessDenied", "User is not authorized to perform: sts:AssumeRole"),
        _ => Fate::Passes,
    });
    let from = ["--from", moto().told("/edges/0/instance")];
    for way in [&*role, "audit"] {
        let live = [&both(&proxy.url)[..], &["--assume-role", way]].concat();
        let fresh = check(&key, &conf, &live);
        assert_eq!((fresh.code, &*fresh.stderr), (4, ""), "{way}: {fresh:?}");
        let reasons = fresh.report()["flows"][0]["reasons"].to_string();
        assert!(reasons.contains(&format!("sts:AssumeRole failed in account {}", neighbour())), "{way}: {reasons}");
        let out = TempDir::new().unwrap();
        let ran = collect(&key, &[&[&*conf], &from[..], &live].concat(), out.path());
        let said = format!("warning: sts:AssumeRole failed in account {} with AccessDenied ({role}: ", neighbour());
        assert!(ran.code == 0 && ran.stderr.starts_with(&said), "{way}: {ran:?}");
        let trust = format!("its trust policy in account {} must allow sts:AssumeRole", neighbour());
        assert!(ran.stderr.contains(&trust) && ran.stderr.lines().count() == 1, "{way}: {ran:?}");
        let offline = check(&key, &conf, &["--snapshot", out.path().to_str().unwrap()]);
        assert_eq!(fresh.stdout, without_folder(&offline, out.path()), "{way}");
    }
    // An account that nobody entered may have machines with the tag too.
    let live = [&both(&proxy.url)[..], &["--assume-role", &role]].concat();
    let ran = run(&key, &[&["check", &conf, "--from", "tag:Role=edge"], &live[..]].concat());
    assert_eq!((ran.code, &*ran.stdout), (5, ""), "{ran:?}");
    assert!(ran.stderr.contains("which machines are tag:Role=edge is not known: sts:AssumeRole failed"), "{ran:?}");
}

/// moto would refuse any other key here.
#[test]
fn a_profile_and_a_role_work_together() {
    let Key { id, secret, .. } = guarded().key("caller");
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), "[profile audit]\nregion = us-east-1\n").unwrap();
    let credentials = format!("[audit]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    let out = TempDir::new().unwrap();
    let collect = |folder: &Path, more: &[&str]| {
        let mut command = reachlint();
        command.env("HOME", home.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        command.args(["collect", "aws", "--all", "--profile", "audit", "--assume-role", guarded().told("/role")]);
        let output = command.args(more).args(["--endpoint-url", guarded().url(), "-o"]).arg(folder).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let folder = out.path().join("estate");
    assert_eq!(collect(&folder, &["--external-id", "an-id-of-your-choice"]), (Some(0), String::new()));
    let manifest = manifest(&folder);
    let found = scopes(&manifest);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].2, "arn:aws:sts::123456789012:assumed-role/reachlint/reachlint", "{found:?}");
    // The role lets in nobody else.
    let Key { id, secret, .. } = guarded().key("reader");
    let credentials = format!("[audit]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    let (code, said) = collect(&out.path().join("none"), &["--external-id", "an-id-of-your-choice"]);
    assert!(code == Some(5) && said.contains("sts:AssumeRole failed"), "{code:?}: {said}");
}
