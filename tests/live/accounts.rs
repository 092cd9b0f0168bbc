//! Two accounts and two Regions, each account read as a role of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::moto::moto;
use crate::proxy::{Fate, Proxy};
use crate::run::{Key, Ran, conf, run, tells_no_secret, verdicts};

const OWN: &str = "123456789012";
const NEIGHBOUR: &str = "222222222222";
const ROLE: &str = "arn:aws:iam::222222222222:role/audit";

/// Upstreams in both accounts and Regions, with what `seed.py` planted there.
const PLANTED: [(&str, &str); 6] = [
    ("10.10.2.20:8001", "allowed"),
    ("10.50.1.20:8009", "allowed"),
    ("10.60.1.20:8012", "allowed"),
    ("10.60.1.21:8012", "blocked"),
    ("10.70.1.20:8012", "allowed"),
    ("10.70.1.21:8012", "blocked"),
];

fn both<'a>(url: &'a str) -> [&'a str; 6] {
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

/// What a report says, byte for byte, with its sources as they stand in the folder.
fn bytes(ran: &Ran, folder: Option<&Path>) -> String {
    let mut text = ran.stdout.clone();
    if let Some(folder) = folder {
        text = text.replace(&format!("{}/", folder.display()), "");
    }
    text
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

/// The role is named by its ARN, by its name with the account, and by its name alone, where the peerings name the
/// account.
#[test]
fn two_accounts_and_two_regions_tell_the_same_live_and_from_a_snapshot() {
    let (key, (_folder, conf)) = (Key::any(), conf(&PLANTED.map(|(to, _)| to)));
    let proxy = Proxy::start(moto().url(), |_, _| Fate::Passes);
    let ways: [&[&str]; 3] = [
        &["--assume-role", ROLE],
        &["--assume-role", "audit", "--account", OWN, "--account", NEIGHBOUR],
        &["--assume-role", "audit", "--external-id", "of-the-test"],
    ];
    for way in ways {
        let live = [&both(&proxy.url)[..], way].concat();
        let fresh = check(&key, &conf, &live);
        assert_eq!((fresh.code, &*fresh.stderr), (1, ""), "{way:?}: {fresh:?}");
        assert_eq!(told(&fresh.report()), planted(), "{way:?}");

        let out = TempDir::new().unwrap();
        let folder = out.path().to_str().unwrap();
        let from = ["--from", moto().told("/edges/0/instance")];
        let ran = run(&key, &[&["collect", "aws", &conf, "-o", folder], &from[..], &live].concat());
        assert_eq!((ran.code, &*ran.stderr, &*ran.stdout), (0, "", ""), "{way:?}: {ran:?}");
        tells_no_secret(&key, out.path());
        let offline = check(&key, &conf, &["--snapshot", folder]);
        assert_eq!(bytes(&fresh, None), bytes(&offline, Some(out.path())), "{way:?}");

        let manifest = manifest(out.path());
        assert_eq!(manifest["failures"].as_array().map_or(0, Vec::len), 0, "{manifest}");
        let session = "arn:aws:sts::222222222222:assumed-role/audit/reachlint";
        let found = scopes(&manifest);
        let places: BTreeSet<(&str, &str)> = found.iter().map(|(account, region, _)| (&**account, &**region)).collect();
        let regions = ["eu-west-1", "us-east-1"];
        assert_eq!(places, regions.iter().flat_map(|region| [(OWN, *region), (NEIGHBOUR, *region)]).collect());
        for (account, _, principal) in &found {
            assert_eq!(account == NEIGHBOUR, principal == session, "{found:?}");
        }
    }
    assert!(proxy.actions().iter().any(|action| action == "AssumeRole"));
}
