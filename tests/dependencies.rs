//! The analysis builds without any SDK and without an async runtime.

#![cfg(test)]

use std::process::Command;

fn tree(features: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "--package", "reachlint", "--edges", "normal,build"]);
    cargo.args(["--prefix", "none", "--format", "{p}"]).args(features);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_analysis_pulls_in_no_sdk_and_no_runtime() {
    let foreign = |name: &str| {
        let sdk = ["aws-sdk-", "aws-config", "aws-smithy-", "google-cloud-", "azure_", "rustls", "hyper", "reqwest"];
        name == "tokio" || sdk.iter().any(|prefix| name.starts_with(prefix))
    };
    let offline = tree(&["--no-default-features"]);
    assert!(offline.iter().any(|name| name == "reachlint-aws"));
    let found: Vec<&String> = offline.iter().filter(|name| foreign(name)).collect();
    assert!(found.is_empty(), "{found:?}");
    // The check would be worth nothing if it did not see them where they are.
    let live = tree(&[]);
    for name in ["aws-sdk-ec2", "aws-config", "google-cloud-compute-v1", "tokio", "rustls"] {
        assert!(live.iter().any(|known| known == name), "{name} is not in the full build");
    }
    for name in ["aws-lc-sys", "native-tls", "openssl-sys"] {
        assert!(!live.iter().any(|known| known == name), "{name} is a second TLS back end");
    }
}
