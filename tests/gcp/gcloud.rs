//! gcloud as a client of the same server: what it prints there is judged as the example is.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{root, scrubbed};
use crate::held::wrong_in;
use crate::pages::{assert_same, report};
use crate::published::hold_to_the_api;
use crate::server::{API, Estate, Fault, Server};

/// Seen with `--nocapture`.
#[expect(clippy::print_stdout, reason = "what was not compared has to be seen")]
fn note(text: &str) {
    println!("{text}");
}

/// Whether gcloud is here. Where everything has to be, it is.
fn is_here() -> bool {
    let tried = scrubbed(Command::new("gcloud")).arg("--version").output();
    let is_here = !tried.is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if !is_here {
        let what = "there is no gcloud; install google-cloud-cli (https://cloud.google.com/sdk/docs/install)";
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "{what}");
        note(what);
    }
    is_here
}

/// A command that asks the server and nobody else, in a folder of its own.
fn command(program: &str, server: &Server, folder: &Path) -> Command {
    let mut command = scrubbed(Command::new(program));
    let home = folder.join("home");
    fs::create_dir_all(&home).unwrap();
    let token = home.join("token");
    fs::write(&token, "token-of-the-test").unwrap();
    command.current_dir(folder).env("HOME", &home).env("CLOUDSDK_CONFIG", home.join("gcloud"));
    command.env("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", token);
    for (property, value) in [
        ("CORE_DISABLE_PROMPTS", "1"),
        ("CORE_DISABLE_USAGE_REPORTING", "1"),
        ("CORE_CHECK_GCE_METADATA", "false"),
        ("CORE_DISABLE_FILE_LOGGING", "1"),
        ("COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "1"),
    ] {
        command.env(format!("CLOUDSDK_{property}"), value);
    }
    command.env("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", format!("{}/compute/v1/", server.url()));
    command.env("CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS", format!("{}/dns/v1/", server.url()));
    for api in ["SQL", "NETWORKCONNECTIVITY", "NETWORKSECURITY", "CLOUDRESOURCEMANAGER"] {
        command.env(format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"), format!("{}/", server.url()));
    }
    command
}

fn done(output: Output) -> String {
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.is_empty(), "{}: {stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that users are told, for a project.
fn documented(project: &str) -> String {
    let page = fs::read_to_string(root().join("docs/evidence.md")).unwrap();
    let (_, section) = page.split_once("\n## Google Cloud\n").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    assert!(block.contains("\nproject=shop-prod\n"));
    block.replace("\nproject=shop-prod\n", &format!("\nproject={project}\n"))
}

/// The example without the display names of policies, which gcloud leaves out of effective firewalls.
fn as_gcloud_tells(example: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("example");
    fs::create_dir(&copy).unwrap();
    let mut left_out = 0;
    for file in fs::read_dir(example).unwrap().map(|entry| entry.unwrap().path()) {
        let mut value: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let policies = value.get_mut("firewallPolicys").and_then(Value::as_array_mut);
        for policy in policies.into_iter().flatten() {
            left_out += usize::from(policy.as_object_mut().unwrap().remove("displayName").is_some());
        }
        fs::write(copy.join(file.file_name().unwrap()), value.to_string()).unwrap();
    }
    assert_eq!(left_out, 1);
    copy
}

/// The example with a private zone, of whose names it has none.
fn with_a_zone(example: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("served");
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(example).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    let network = format!("{API}projects/shop-net/global/networks/prod");
    let networks = json!([{ "kind": "dns#managedZonePrivateVisibilityConfigNetwork", "networkUrl": network }]);
    let zone = json!({
        "kind": "dns#managedZone",
        "id": "5178023842100385927",
        "name": "corp",
        "dnsName": "corp.example.",
        "description": "names of the office",
        "creationTime": "2026-01-05T08:00:00.000Z",
        "nameServers": ["ns-gcp-private.googledomains.com."],
        "visibility": "private",
        "privateVisibilityConfig": { "kind": "dns#managedZonePrivateVisibilityConfig", "networks": networks },
    });
    let record = |name: &str, kind: &str, data: &str| json!({ "kind": "dns#resourceRecordSet", "name": name, "type": kind, "ttl": 300, "rrdatas": [data] });
    let start = "ns-gcp-private.googledomains.com. cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300";
    let records = [record("corp.example.", "SOA", start), record("db.corp.example.", "A", "10.30.3.30")];
    for (file, path, list) in [
        ("managed-zones", "projects/shop-net/managedZones", json!([zone])),
        ("records-corp", "projects/shop-net/managedZones/corp", json!(records)),
    ] {
        fs::write(copy.join(format!("{file}.json")), json!({ path: list }).to_string()).unwrap();
    }
    copy
}

/// What gcloud adds to what the API tells, which is nothing that anybody asks.
const ADDED: [&str; 3] = [
    "projects/shop-net/global/networks/prod: the API has no Network.x_gcloud_bgp_routing_mode",
    "projects/shop-net/global/networks/prod: the API has no Network.x_gcloud_subnet_mode",
    "projects/shop-prod/zones/europe-west1-b/instanceGroups/shop: the API has no InstanceGroup.isManaged",
];

#[test]
fn what_gcloud_prints_is_judged_as_the_example() {
    if !is_here() {
        return;
    }
    let example = root().join("examples/gcp-shop/gcp");
    let folder = TempDir::new().unwrap();
    let zoned = with_a_zone(&example, folder.path());
    let server = Server::start(&zoned);
    std::thread::scope(|scope| {
        for project in ["shop-prod", "shop-net"] {
            let (server, folder) = (&server, folder.path());
            scope.spawn(move || {
                // Each project's own caches and logs, and all evidence in one folder.
                let own = folder.join(project);
                fs::create_dir_all(folder.join("estate")).unwrap();
                let mut bash = command("bash", server, &own);
                bash.args(["-euo", "pipefail", "-c", &documented(project)]);
                done(bash.current_dir(folder).output().unwrap());
            });
        }
    });
    let estate = folder.path().join("estate");
    assert_same(&report(&estate), &report(&as_gcloud_tells(&example, folder.path())));
    for file in ["managed-zones", "records-corp"] {
        let printed: Value =
            serde_json::from_slice(&fs::read(estate.join(format!("shop-net-{file}.json"))).unwrap()).unwrap();
        let zoned: Value = serde_json::from_slice(&fs::read(zoned.join(format!("{file}.json"))).unwrap()).unwrap();
        assert_eq!(printed, zoned);
    }
    // What a router learned is not among the example.
    let (count, wrong) = wrong_in(&Estate::read(&estate));
    assert_eq!((count, BTreeSet::from_iter(wrong)), (43, BTreeSet::from(ADDED.map(str::to_owned))));

    // The same from small pages.
    server.pages_of(2);
    for (words, project, file) in [
        ("instances list", "shop-prod", "instances"),
        ("firewall-rules list", "shop-net", "firewall-rules"),
        ("networks subnets list", "shop-net", "subnetworks"),
        ("routes list", "shop-net", "routes"),
    ] {
        let before = server.asked().len();
        let mut gcloud = command("gcloud", &server, &folder.path().join(project));
        gcloud.arg("compute").args(words.split(' ')).args(["--project", project, "--format", "json"]);
        let small: Value = serde_json::from_str(&done(gcloud.output().unwrap())).unwrap();
        let whole = fs::read(estate.join(format!("{project}-{file}.json"))).unwrap();
        assert_eq!(small, serde_json::from_slice::<Value>(&whole).unwrap(), "{words}");
        assert!(server.asked().len() >= before + 3, "{words} took no pages");
    }

    assert!(server.asked().iter().all(|request| request.authorization));
    assert!(hold_to_the_api(&server) > 40);
}

/// gcloud ends well and prints what it has, so the documented commands have to drop it.
#[test]
fn a_listing_that_gcloud_could_not_read_whole_is_not_kept() {
    if !is_here() {
        return;
    }
    let server = Server::start(&root().join("examples/gcp-shop/gcp"));
    let folder = TempDir::new().unwrap();
    let all = documented("shop-prod");
    let (save, _) = all.split_once("\nsave ").unwrap();
    let script = format!("{save}\nsave instances compute instances list\nsave routers compute routers list\n");
    let kept = || {
        let output = command("bash", &server, folder.path()).args(["-euc", &script]).output().unwrap();
        assert!(output.status.success());
        let is_kept = |file: &str| folder.path().join("estate").join(file).exists();
        (is_kept("shop-prod-instances.json"), is_kept("shop-prod-routers.json"), output.stderr.is_empty())
    };
    assert_eq!(kept(), (true, true, true));
    server.fault("aggregated/instances", Fault::Unreachable("zones/us-central1-c"));
    assert_eq!(kept(), (false, true, false));
    server.fault("aggregated/routers", Fault::Denied("compute.routers.list"));
    assert_eq!(kept(), (false, false, false));
}

/// Groups of a region, endpoints of a zone and of no place: each comes out below its own path.
#[test]
fn members_and_endpoints_of_every_place_are_asked_for() {
    if !is_here() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let estate = folder.path().join("all");
    fs::create_dir(&estate).unwrap();
    let machine = |name: &str| format!("{API}projects/shop-prod/zones/europe-west1-b/instances/{name}");
    let record = |kind: &str, place: &str, collection: &str, name: &str| {
        let link = format!("{API}projects/shop-prod/{place}/{collection}/{name}");
        let mut record = json!({ "kind": kind, "name": name, "selfLink": link });
        if let Some((places, _)) = place.split_once('/') {
            record[places.trim_end_matches('s')] = json!(format!("{API}projects/shop-prod/{place}"));
        }
        record
    };
    let groups = [
        record("compute#instanceGroup", "regions/europe-west1", "instanceGroups", "pool"),
        record("compute#instanceGroup", "zones/europe-west1-b", "instanceGroups", "spare"),
        record("compute#networkEndpointGroup", "zones/europe-west1-b", "networkEndpointGroups", "pods"),
        record("compute#networkEndpointGroup", "global", "networkEndpointGroups", "outside"),
    ];
    let details = json!({
        "projects/shop-prod/regions/europe-west1/instanceGroups/pool":
            [{ "instance": machine("pool-x1y2"), "status": "RUNNING" }],
        "projects/shop-prod/zones/europe-west1-b/instanceGroups/spare": [],
        "projects/shop-prod/zones/europe-west1-b/networkEndpointGroups/pods":
            [{ "networkEndpoint": { "ipAddress": "10.30.6.9", "port": 8080, "instance": machine("pool-x1y2") } }],
        "projects/shop-prod/global/networkEndpointGroups/outside":
            [{ "networkEndpoint": { "fqdn": "api.example.net", "port": 443 } }],
    });
    fs::write(estate.join("groups.json"), json!(groups).to_string()).unwrap();
    fs::write(estate.join("details.json"), details.to_string()).unwrap();
    let server = Server::start(&estate);

    let all = documented("shop-prod");
    let (_, part) = all.split_once("\n# Members of groups").unwrap();
    let (part, _) = part.split_once("\n# Private zones").unwrap();
    let script = format!("project=shop-prod\n# Members of groups{part}");
    let own = folder.path().join("estate");
    let mut bash = command("bash", &server, folder.path());
    fs::create_dir(&own).unwrap();
    done(bash.args(["-euo", "pipefail", "-c", &script]).current_dir(&own).output().unwrap());
    let mut told = Estate::default();
    for file in fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().path()) {
        told.take("", serde_json::from_slice(&fs::read(&file).unwrap()).unwrap());
    }
    assert_eq!(json!(told.details), details);
    assert_eq!(wrong_in(&told), (3, Vec::new()));
    hold_to_the_api(&server);
}
