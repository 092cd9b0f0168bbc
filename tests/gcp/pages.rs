//! Pages as the API sends them, kept as files: what they tell is judged as the example is.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{reachlint, root};
use crate::replay::{ask, get};
use crate::server::Server;

/// The report on a snapshot, without what says which files it was.
pub(crate) fn report(snapshot: &Path) -> Value {
    let mut command = reachlint();
    command.args([
        "check",
        "examples/gcp-shop/nginx.conf",
        "--from",
        "tag:role=edge",
        "--report",
        "json",
        "--snapshot",
    ]);
    let output = command.arg(snapshot).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report.as_object_mut().unwrap().remove("evidence").unwrap();
    report
}

/// Asserts that two reports say the same, and tells the first thing that they do not.
pub(crate) fn assert_same(told: &Value, expected: &Value) {
    for part in ["flows", "findings"] {
        let [told, expected] = [told, expected].map(|report| report[part].as_array().unwrap());
        for (one, other) in told.iter().zip(expected) {
            assert!(one == other, "{one:#}\nand not\n{other:#}");
        }
        assert_eq!(told.len(), expected.len(), "{part}");
    }
    assert!(told == expected);
}

const AGGREGATED: [&str; 10] = [
    "addresses",
    "backendServices",
    "forwardingRules",
    "healthChecks",
    "instanceGroups",
    "instances",
    "routers",
    "subnetworks",
    "targetPools",
    "urlMaps",
];

/// Every page of the example.
fn keep(server: &Server, folder: &Path) {
    let write = |name: &str, page: &Value| fs::write(folder.join(format!("{name}.json")), page.to_string()).unwrap();
    for project in ["shop-prod", "shop-net"] {
        let aggregated = AGGREGATED.map(|name| format!("aggregated/{name}"));
        let global = ["networks", "firewalls", "routes"].map(|name| format!("global/{name}"));
        for path in aggregated.iter().chain(&global) {
            let page = get(server, &format!("/compute/v1/projects/{project}/{path}"));
            write(&format!("{project}-{}", path.replace('/', "-")), &page);
        }
        write(&format!("{project}-sql"), &get(server, &format!("/sql/v1beta4/projects/{project}/instances")));
    }
    let zone = "/compute/v1/projects/shop-prod/zones/europe-west1-b";
    let (_, members) = ask(server, "POST", &format!("{zone}/instanceGroups/shop/listInstances"), "{}");
    write("listed", &serde_json::from_str(&members).unwrap());
    let path = "/compute/v1/projects/shop-net/regions/europe-west1/firewallPolicies/getEffectiveFirewalls?network=prod";
    let mut effective = get(server, path);
    // The one answer that does not say what it is about.
    for (key, value) in [("project", "shop-net"), ("network", "prod"), ("region", "europe-west1")] {
        effective[key] = json!(value);
    }
    write("effective", &effective);
}

#[test]
fn pages_of_the_api_are_judged_as_the_example() {
    let example = root().join("examples/gcp-shop/gcp");
    let folder = TempDir::new().unwrap();
    keep(&Server::start(&example), folder.path());
    assert_same(&report(folder.path()), &report(&example));
}
