//! Runs of the program, each held to what every run must keep.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::reachlint;
use crate::server::Server;

/// An access key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl Key {
    /// One that nobody issued, with a session as those of roles have it.
    pub(crate) fn any() -> Self {
        Self {
            id: "ASIA5EXAMPLE5KEY5ID5".to_owned(),
            secret: "Zr7/secretOfTheTest+wJalrXUtnFEMIK7MDENG".to_owned(),
            token: Some("IQoJtokenOfTheTest//////////wEaCXVzLWVhc3QtMSJHMEUCIQD".repeat(6)),
        }
    }

    /// What must never be told: the secrets, and enough of the token to be one.
    fn secrets(&self) -> Vec<&str> {
        let token = self.token.as_deref().and_then(|token| token.get(..40));
        [Some(&*self.id), Some(&*self.secret), token].into_iter().flatten().collect()
    }
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The report, of a run that made one.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no report ({error}): {self:?}"))
    }
}

/// Runs the program as the owner of a key, without a home, a configuration or a metadata service.
pub(crate) fn run(key: &Key, arguments: &[&str]) -> Ran {
    run_where(key, &[], arguments)
}

/// The same with variables of the environment.
pub(crate) fn run_where(key: &Key, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let home = TempDir::new().unwrap();
    let mut command = reachlint();
    command.args(arguments).env("HOME", home.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(environment.iter().copied());
    command.env("AWS_ACCESS_KEY_ID", &key.id).env("AWS_SECRET_ACCESS_KEY", &key.secret);
    // Whether a network is there, and what it says of names, decides nothing here.
    command.env("RES_OPTIONS", "timeout:1 attempts:1");
    if let Some(token) = &key.token {
        command.env("AWS_SESSION_TOKEN", token);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().expect("a signal ended the program");
    let ran = Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) };
    for secret in key.secrets() {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "`{secret}` was told: {ran:?}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "something was written to the home");
    ran
}

/// Every file below a folder with its bytes, by its path in there.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Asserts that nothing in a folder tells a key.
pub(crate) fn tells_no_secret(key: &Key, folder: &Path) {
    let files = files(folder);
    assert!(!files.is_empty());
    for (path, bytes) in files {
        let text = String::from_utf8(bytes).unwrap();
        for secret in key.secrets() {
            assert!(!text.contains(secret), "`{secret}` is in {}", path.display());
        }
    }
}

/// A folder with an nginx configuration that connects to these addresses with their ports.
pub(crate) fn conf(targets: &[&str]) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let mut text = "events {}\nhttp {\n  server {\n".to_owned();
    for (at, target) in targets.iter().enumerate() {
        writeln!(text, "    location /{at} {{ proxy_pass http://{target}; }}").unwrap();
    }
    text.push_str("  }\n}\n");
    let path = folder.path().join("nginx.conf");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Judges a connection from nginx live, and a snapshot of the same the same way.
pub(crate) fn check(server: &Server, to: &str) -> Ran {
    let (_folder, conf) = conf(&[to]);
    let live = ["--endpoint-url", &server.url, "--region", "us-east-1"];
    let judge = ["check", &conf, "--from", "i-nginx", "--report", "json"];
    let ran = run(&Key::any(), &[&judge[..], &live].concat());
    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    run(&Key::any(), &[&["collect", "aws", &conf, "--from", "i-nginx", "-o", folder], &live[..]].concat());
    let snapshot = run(&Key::any(), &[&judge[..], &["--snapshot", folder]].concat());
    assert_eq!(without_sources(snapshot.report()), without_sources(ran.report()), "{to}");
    ran
}

/// Each flow as its source's address, its target and its verdict.
pub(crate) fn verdicts(report: &Value) -> Vec<(String, String, String)> {
    let flows = report["flows"].as_array().unwrap().iter();
    let mut found: Vec<_> = flows
        .map(|flow| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let to = format!("{}:{}", text(&flow["to"]["address"]), flow["to"]["port"]);
            (text(&flow["from"]["address"]), to, text(&flow["verdict"]))
        })
        .collect();
    found.sort();
    found
}

/// The verdict of the only flow.
pub(crate) fn verdict(report: &Value) -> String {
    let [(_, _, verdict)] = verdicts(report).try_into().unwrap_or_else(|all| panic!("not one flow: {all:?}"));
    verdict
}

/// Findings as their rule and the target of their first flow.
pub(crate) fn findings(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let mut found: Vec<_> = findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let to = text("flow").split_once('>').map(|(_, to)| to.to_owned()).unwrap_or_default();
            (text("rule"), to)
        })
        .collect();
    found.sort();
    found
}

/// A report without what says where its evidence came from.
pub(crate) fn without_sources(mut report: Value) -> Value {
    report.as_object_mut().unwrap().remove("evidence");
    report
}
