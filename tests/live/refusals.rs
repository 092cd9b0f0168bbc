//! What cannot work ends with a clear error, and leaves nothing behind.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use tempfile::TempDir;

use crate::moto::{guarded, moto};
use crate::proxy::{Fate, Proxy};
use crate::run::{Key, conf, files, run};

const FROM: [&str; 2] = ["--from", "tag:Role=edge"];

/// Runs `check` and `collect`, which both have to end with code 5 and tell each of the words.
fn fails(key: &Key, live: &[&str], words: &[&str]) {
    let (_folder, conf) = conf(&["10.10.2.20:8001"]);
    let out = TempDir::new().unwrap();
    let folder = out.path().join("snapshot");
    let folder = folder.to_str().unwrap();
    let check = [&["check", &conf], &FROM[..], live].concat();
    let collect = [&["collect", "aws", &conf, "-o", folder], &FROM[..], live].concat();
    for arguments in [check, collect] {
        let ran = run(key, &arguments);
        assert_eq!((ran.code, &*ran.stdout), (5, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("\nhelp: "), "{}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "`{word}` is missing: {}", ran.stderr);
        }
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn keys_that_nobody_issued_are_refused() {
    let live = ["--endpoint-url", guarded().url(), "--region", "us-east-1"];
    let reader = guarded().key("reader");
    let other = Key { secret: "anotherSecretThanTheOneOfTheReader".to_owned(), ..reader };
    for key in [Key::any(), other] {
        fails(&key, &live, &["AuthFailure", "renew the credentials"]);
    }
}

#[test]
fn an_endpoint_where_nobody_answers_is_told() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    fails(&Key::any(), &["--endpoint-url", &url, "--region", "us-east-1"], &["ConnectionFailed", "check the"]);
}

#[test]
fn an_endpoint_that_is_no_address_is_told() {
    let live = ["--endpoint-url", "not an address", "--region", "us-east-1"];
    fails(&Key::any(), &live, &["not an address"]);
}

#[test]
fn without_a_region_nothing_is_guessed() {
    fails(&Key::any(), &["--endpoint-url", moto().url()], &["no AWS region is set", "--region", "AWS_REGION"]);
}

#[test]
fn without_credentials_the_ways_to_them_are_told() {
    let (_folder, conf) = conf(&["10.10.2.20:8001"]);
    let home = TempDir::new().unwrap();
    let mut command = crate::common::reachlint();
    command.env("HOME", home.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.args(["check", &conf, "--region", "us-east-1", "--endpoint-url", moto().url()]).args(FROM);
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("no AWS credentials were found") && told.contains("aws sso login"), "{told}");
}

#[test]
fn a_machine_that_is_not_there_is_told_with_those_that_are() {
    let (_folder, conf) = conf(&["10.10.2.20:8001"]);
    let live = ["--endpoint-url", moto().url(), "--region", "us-east-1"];
    for from in ["i-0123456789abcdef0", "tag:Role=egde", "10.10.1.77", "nobody"] {
        let ran = run(&Key::any(), &[&["check", &conf, "--from", from], &live[..]].concat());
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{from}: {ran:?}");
        assert!(ran.stderr.contains("no interface in the evidence is"), "{from}: {}", ran.stderr);
        assert!(ran.stderr.contains("the evidence has `by-group`"), "{from}: {}", ran.stderr);
    }
    let elsewhere = ["--endpoint-url", moto().url(), "--region", "ap-south-1"];
    let ran = run(&Key::any(), &[&["check", &conf], &FROM[..], &elsewhere].concat());
    assert_eq!((ran.code, &*ran.stdout), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("no interface at all; check the region"), "{}", ran.stderr);
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let key = Key::any();
    let proxy = Proxy::start(moto().url(), |_, _| Fate::Passes);
    let out = TempDir::new().unwrap();
    let file = out.path().join("notes.txt");
    fs::write(&file, "mine").unwrap();
    // A file is no folder that could be filled either.
    for target in [out.path(), file.as_path()] {
        let target = target.to_str().unwrap();
        let live = ["--endpoint-url", &proxy.url, "--region", "us-east-1"];
        let ran = run(&key, &[&["collect", "aws", "--all", "-o", target], &live[..]].concat());
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("is not an empty folder"), "{}", ran.stderr);
    }
    assert_eq!(files(out.path()), [(Path::new("notes.txt").to_owned(), b"mine".to_vec())]);
    assert_eq!(proxy.actions(), Vec::<String>::new(), "AWS was asked for nothing");
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    // Nobody, not even root, makes a folder there.
    let target = "/proc/reachlint/snapshot";
    let live = ["--endpoint-url", moto().url(), "--region", "us-east-1"];
    let ran = run(&Key::any(), &[&["collect", "aws", "--all", "-o", target], &live[..]].concat());
    assert_eq!((ran.code, &*ran.stdout), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("cannot write `/proc/reachlint/snapshot`"), "{}", ran.stderr);
}
