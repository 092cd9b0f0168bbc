//! The program collects from Google Cloud: the same answer as from files, what goes wrong, and whom it tells a token.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use reachlint_gcp::collect::PERMISSIONS;
use serde_json::{Map, Value};

use crate::common::{reachlint, root};
use crate::published::hold_to_the_api;
use crate::server::{Fault, Server};

const CHECK: [&str; 6] = ["check", "examples/gcp-shop/nginx.conf", "--from", "tag:role=edge", "--report", "json"];
const FILES: &str = "examples/gcp-shop/gcp";
/// The number of the machine edge-1.
const EDGE: &str = "4100000000000110866";
/// The database, which is in no answer of the Compute Engine API.
const DATABASE: &str = ">10.60.0.3:5432/tcp";

fn shop() -> Server {
    Server::start(&root().join(FILES))
}

fn run(arguments: &[&str]) -> Output {
    reachlint().args(arguments).output().unwrap()
}

fn live(server: &Server) -> Output {
    let live = ["--provider", "gcp", "--project", "shop-prod", "--endpoint-url", server.url()];
    run(&[&CHECK[..], &live].concat())
}

fn offline(folder: &str) -> Output {
    run(&[&CHECK[..], &["--snapshot", folder]].concat())
}

/// Collects into a folder, and what was said about it.
fn collect(server: &Server, folder: &Path) -> (Option<i32>, String) {
    let folder = folder.to_str().unwrap();
    let what = ["collect", "gcp", "examples/gcp-shop/nginx.conf", "--from", "tag:role=edge", "--project", "shop-prod"];
    let output = run(&[&what[..], &["--endpoint-url", server.url(), "-o", folder]].concat());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A report without the names of the files that it came from.
fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
    report.as_object_mut().unwrap().remove("evidence");
    report
}

/// The verdicts of connections, with what stands behind them if it is not `allowed`.
fn verdicts(report: &Value) -> BTreeMap<String, (String, Value)> {
    let flows = report["flows"].as_array().unwrap().iter();
    let text = |flow: &Value, key: &str| flow[key].as_str().unwrap().to_owned();
    flows.map(|flow| (text(flow, "id"), (text(flow, "verdict"), flow["reasons"].clone()))).collect()
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

fn failures(folder: &Path) -> BTreeSet<(String, String)> {
    let manifest = manifest(folder);
    let failures = manifest["failures"].as_array().unwrap().iter();
    let text = |failure: &Value, key: &str| failure[key].as_str().unwrap().to_owned();
    failures.map(|failure| (text(failure, "call"), text(failure, "error"))).collect()
}

fn failed(calls: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let always = [("cloudsql.instances.list", "NotAsked")];
    always.iter().chain(calls).map(|(call, error)| ((*call).to_owned(), (*error).to_owned())).collect()
}

#[test]
fn a_live_run_says_what_the_files_say() {
    let from_files = report(&offline(FILES));
    for page in [500, 1, 2] {
        let server = shop();
        server.pages_of(page);
        let output = live(&server);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let (here, there) = (verdicts(&report(&output)), verdicts(&from_files));
        assert_eq!(here.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
        for (flow, verdict) in here {
            if flow.ends_with(DATABASE) {
                let (word, reasons) = &verdict;
                assert_eq!(word, "unknown");
                assert!(reasons.to_string().contains("gcloud sql instances list"), "{reasons}");
            } else {
                assert_eq!(verdict, there[&flow], "{flow}");
            }
        }
        assert!(hold_to_the_api(&server) > 30);
        assert!(server.asked().iter().all(|request| !request.authorization));
    }
}

#[test]
fn a_snapshot_says_what_the_live_run_says_and_with_the_database_what_the_files_say() {
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    let (code, said) = collect(&shop(), &folder);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("note: cloudsql.instances.list: live collection does not ask for it"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(failures(&folder), failed(&[]));
    let scopes = manifest(&folder)["scopes"].clone();
    let projects: Vec<&str> = scopes.as_array().unwrap().iter().map(|it| it["account"].as_str().unwrap()).collect();
    assert_eq!(projects, ["shop-prod", "shop-net"]);
    let text = folder.to_str().unwrap();
    let (first, second) = (offline(text), live(&shop()));
    assert_eq!(first.status.code(), second.status.code());
    assert_eq!(report(&first), report(&second));
    fs::copy(root().join(FILES).join("sql-instances.json"), folder.join("sql-instances.json")).unwrap();
    assert_eq!(report(&offline(text)), report(&offline(FILES)));
}

/// Every record that the server holds of the projects is in the snapshot with every field.
#[test]
fn no_field_is_lost_on_the_way() {
    /// Without lists and maps that hold nothing, which the SDK does not write down: none is read here for what it is.
    fn full(value: &Value) -> Value {
        match value {
            Value::Array(list) => list.iter().map(full).collect(),
            Value::Object(object) => {
                let inner = object.iter().map(|(key, inner)| (key.clone(), full(inner)));
                let holds = |inner: &Value| *inner != Value::Array(Vec::new()) && *inner != Value::Object(Map::new());
                inner.filter(|(_, inner)| holds(inner)).collect::<Map<_, _>>().into()
            }
            _ => value.clone(),
        }
    }
    fn records(value: &Value, found: &mut BTreeMap<String, Value>) {
        match value {
            Value::Array(list) => list.iter().for_each(|inner| records(inner, found)),
            Value::Object(object) => {
                let text = |key: &str| object.get(key).and_then(Value::as_str);
                if let (Some(link), Some(kind)) = (text("selfLink"), text("kind"))
                    && object.contains_key("name")
                {
                    found.insert(format!("{kind} {link}"), full(value));
                }
                object.values().for_each(|inner| records(inner, found));
            }
            _ => {}
        }
    }
    fn read(folder: &Path, found: &mut BTreeMap<String, Value>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => read(&path, found),
                path => records(&serde_json::from_slice(&fs::read(path).unwrap()).unwrap(), found),
            }
        }
    }
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    // Words and fields that the SDK does not know.
    let estate = out.path().join("server");
    fs::create_dir(&estate).unwrap();
    for entry in fs::read_dir(root().join(FILES)).unwrap().map(Result::unwrap) {
        let text = fs::read_to_string(entry.path()).unwrap();
        let text = text.replace("\"status\": \"RUNNING\"", "\"status\": \"FROZEN\", \"newField\": {\"newer\": [1]}");
        fs::write(estate.join(entry.file_name()), text.replace("\"purpose\": \"PRIVATE\"", "\"purpose\": \"NOVEL\""))
            .unwrap();
    }
    let (code, said) = collect(&Server::start(&estate), &folder);
    assert_eq!(code, Some(0), "{said}");
    let (mut here, mut there) = (BTreeMap::new(), BTreeMap::new());
    read(&folder, &mut here);
    read(&estate, &mut there);
    assert!(there.len() > 30, "{:?}", there.keys());
    assert!(there.values().any(|record| record["status"] == "FROZEN" && record["newField"]["newer"][0] == 1));
    assert!(there.values().any(|record| record["purpose"] == "NOVEL"));
    for (link, record) in &there {
        assert_eq!(here.get(link), Some(record), "{link}");
    }
}

#[test]
fn what_is_refused_is_unknown_and_names_the_permission() {
    // What is asked, the permission, and a connection that is unknown without it.
    for (part, permission, flow) in [
        ("aggregated/subnetworks", "compute.subnetworks.list", "edge-1/nic0>10.30.5.60:8085/tcp"),
        ("global/routes", "compute.routes.list", "edge-1/nic0>192.168.40.10:9443/tcp"),
        ("aggregated/backendServices", "compute.backendServices.list", "edge-1/nic0>10.30.1.100:8080/tcp"),
        ("listInstances", "compute.instanceGroups.list", "edge-1/nic0>10.30.1.100:8080/tcp"),
    ] {
        let server = shop();
        server.fault(part, Fault::Denied(permission));
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("estate");
        let (code, said) = collect(&server, &folder);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("{permission} failed")), "{said}");
        assert_eq!(failures(&folder), failed(&[(permission, "PERMISSION_DENIED")]), "{part}");
        let all = verdicts(&report(&offline(folder.to_str().unwrap())));
        let (_, (verdict, reasons)) = all.iter().find(|(id, _)| id.ends_with(flow)).unwrap();
        assert_eq!(verdict, "unknown", "{part}: {reasons}");
        assert!(reasons.to_string().contains(permission), "{part}: {reasons}");
        let asked = server.asked();
        assert_eq!(
            asked.iter().filter(|request| request.path.contains(part)).count().min(3),
            if part.starts_with("list") || part.contains("backend") { 1 } else { 2 },
            "{part} is asked once a project"
        );
    }
}

/// Effective firewalls, listings and the network's own record stand in for each other as far as they tell the same.
#[test]
fn without_firewalls_in_force_the_organisations_policies_are_unknown() {
    let server = shop();
    server.fault("getEffectiveFirewalls", Fault::Denied("compute.networks.getRegionEffectiveFirewalls"));
    let output = live(&server);
    let all = verdicts(&report(&output));
    assert!(all.values().all(|(verdict, _)| verdict != "allowed"), "{all:?}");
    let (_, reasons) = all.iter().find(|(id, _)| id.ends_with("edge-1/nic0>10.30.5.60:8085/tcp")).unwrap().1;
    assert!(reasons.to_string().contains("compute.networks.getRegionEffectiveFirewalls"), "{reasons}");
    // The region's answer holds all that the machines' own answers do, but for what Google adds itself.
    let server = shop();
    server.fault("/instances/", Fault::Denied("compute.instances.getEffectiveFirewalls"));
    assert_eq!(report(&live(&server)), report(&live(&shop())));
}

#[test]
fn what_passes_is_tried_again() {
    let server = shop();
    server.fault_first(1, "global/routes", Fault::RateLimit);
    server.fault_first(1, "global/firewalls", Fault::Unavailable);
    server.fault_first(1, "aggregated/instances", Fault::TooMany);
    server.fault_first(1, "listInstances", Fault::Unavailable);
    server.fault_first(1, "aggregated/subnetworks", Fault::Cut);
    assert_eq!(report(&live(&server)), report(&live(&shop())));
    let paths = |part: &str| server.asked().iter().filter(|request| request.path.contains(part)).count();
    assert_eq!((paths("listInstances"), paths("aggregated/instances")), (2, 2));
}

#[test]
fn what_does_not_pass_is_a_failure_of_its_own_kind() {
    let server = shop();
    server.fault("projects/shop-net/global/routes", Fault::RateLimit);
    server.fault("projects/shop-net/aggregated/routers", Fault::Unavailable);
    server.fault("projects/shop-net/aggregated/addresses", Fault::TooMany);
    server.fault("projects/shop-net/global/firewalls", Fault::Broken);
    server.fault("projects/shop-prod/aggregated/urlMaps", Fault::Disabled);
    server.fault("projects/shop-prod/aggregated/healthChecks", Fault::Quota);
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    let (code, said) = collect(&server, &folder);
    assert_eq!(code, Some(0), "{said}");
    let expected = failed(&[
        ("compute.routes.list", "rateLimitExceeded"),
        ("compute.routers.list", "503"),
        ("compute.addresses.list", "rateLimitExceeded"),
        ("compute.firewalls.list", "Unreadable"),
        ("compute.urlMaps.list", "SERVICE_DISABLED"),
        ("compute.healthChecks.list", "rateLimitExceeded"),
    ]);
    assert_eq!(failures(&folder), expected);
    // A used-up quota is no missing permission: nobody is told to grant one.
    let output = offline(folder.to_str().unwrap());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("compute.routes.list failed in project shop-net with rateLimitExceeded; run again"),
        "{text}"
    );
    let routes = server.asked().iter().filter(|request| request.path.ends_with("shop-net/global/routes")).count();
    assert_eq!(routes, 6);
}

#[test]
fn a_place_that_cannot_be_reached_leaves_the_rest_and_is_told() {
    let server = shop();
    server.fault("shop-prod/aggregated/instances", Fault::Unreachable("zones/us-central1-b"));
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    let (code, said) = collect(&server, &folder);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(failures(&folder), failed(&[("compute.instances.list", "UNREACHABLE")]));
    let manifest = manifest(&folder);
    let failure = manifest["failures"].as_array().unwrap().iter().find(|it| it["error"] == "UNREACHABLE").unwrap();
    assert!(failure["message"].as_str().unwrap().contains("zones/us-central1-b"), "{failure}");
    // A machine that is there is found by its name; a label may be borne by one in the zone that was not read.
    let check = ["check", "examples/gcp-shop/nginx.conf", "--snapshot", folder.to_str().unwrap(), "--report", "short"];
    let by_address = run(&[&check[..], &["--from", "10.30.0.11"]].concat());
    assert_eq!(by_address.status.code(), Some(1), "{}", String::from_utf8_lossy(&by_address.stderr));
    let by_label = run(&[&check[..], &["--from", "tag:role=edge"]].concat());
    assert_eq!(by_label.status.code(), Some(5));
}

#[test]
fn where_nothing_is_read_the_run_ends() {
    // Nobody listens there any more.
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let live = ["--provider", "gcp", "--project", "shop-prod", "--endpoint-url", &url];
    let output = run(&[&CHECK[..], &live].concat());
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("compute.projects.get failed with Connection"));
    let server = shop();
    server.fault("/compute/v1/", Fault::Disabled);
    let live = ["--provider", "gcp", "--project", "shop-prod", "--endpoint-url", server.url()];
    let output = run(&[&CHECK[..], &live].concat());
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("gcloud services enable compute.googleapis.com"));
}

#[test]
fn what_is_missing_on_the_command_line_is_said() {
    for (arguments, why) in [
        (vec!["--provider", "gcp"], "no project was named"),
        (vec!["--provider", "gcp", "--project", "a/../b"], "`a/../b` is no project id"),
        (vec!["--provider", "gcp", "--project", "p", "--endpoint-url", "compute"], "is no address"),
    ] {
        let output = run(&[&CHECK[..], &arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(why), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A metadata service that knows these, by path.
fn metadata(known: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            let asked = lines.any(|line| line.eq_ignore_ascii_case("metadata-flavor: google"));
            let body = known.iter().find(|(of, _)| asked && path == format!("/computeMetadata/v1/{of}"));
            let (status, body) = body.map_or((404, ""), |(_, body)| (200, *body));
            let head = format!("HTTP/1.1 {status} x\r\nMetadata-Flavor: Google\r\nConnection: close\r\n");
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            (&stream).write_all(answer.as_bytes()).unwrap();
        }
    });
    host
}

#[test]
fn a_machine_knows_itself() {
    let (server, out) = (shop(), tempfile::tempdir().unwrap());
    let instances: Value =
        serde_json::from_slice(&fs::read(root().join(FILES).join("instances.json")).unwrap()).unwrap();
    let edge = instances.as_array().unwrap().iter().find(|it| it["name"] == "edge-1").unwrap();
    assert_eq!(edge["id"], EDGE);
    let check = ["check", "examples/gcp-shop/nginx.conf", "--provider", "gcp", "--report", "json"];
    let mut command = reachlint();
    command.args(check).args(["--endpoint-url", server.url()]);
    let host = metadata(&[("instance/id", EDGE), ("project/project-id", "shop-prod")]);
    let output = command.env("GCE_METADATA_HOST", host).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report = report(&output);
    let flows = verdicts(&report);
    assert_eq!(flows.len(), 8);
    assert!(flows.keys().all(|flow| flow.starts_with("shop-prod/europe-west1-b/edge-1/nic0>")), "{flows:?}");
    // What is no machine of Compute Engine has to be told where nginx runs.
    let mut command = reachlint();
    command.args(["collect", "gcp", "--from", "self", "-o"]).arg(out.path().join("estate"));
    let output = command.env("GCE_METADATA_HOST", metadata(&[])).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("which machine of Google Cloud this is, is not known"), "{said}");
}

#[test]
fn a_token_goes_to_this_machine_only_when_it_was_given_and_stands_nowhere() {
    const SECRET: &str = "ya29.not-for-anybody";
    let out = tempfile::tempdir().unwrap();
    let key = out.path().join("key.json");
    let user = format!(
        r#"{{"type": "authorized_user", "client_id": "c", "client_secret": "{SECRET}", "refresh_token": "{SECRET}"}}"#
    );
    fs::write(&key, user).unwrap();
    let collect = |server: &Server, folder: &Path, name: &str, value: &str| {
        let mut command = reachlint();
        command.args(["collect", "gcp", "--project", "shop-prod", "--endpoint-url", server.url(), "-o"]).arg(folder);
        let output = command.env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!String::from_utf8_lossy(&output.stderr).contains(SECRET));
    };
    let server = shop();
    collect(&server, &out.path().join("ambient"), "GOOGLE_APPLICATION_CREDENTIALS", key.to_str().unwrap());
    assert!(server.asked().iter().all(|request| !request.authorization));
    let server = shop();
    let folder = out.path().join("given");
    collect(&server, &folder, "GOOGLE_OAUTH_ACCESS_TOKEN", SECRET);
    assert!(server.asked().iter().all(|request| request.authorization));
    for project in ["shop-prod", "shop-net"] {
        for file in fs::read_dir(folder.join(project)).unwrap() {
            assert!(!fs::read_to_string(file.unwrap().path()).unwrap().contains(SECRET));
        }
    }
    assert!(!fs::read_to_string(folder.join("manifest.json")).unwrap().contains(SECRET));
}

/// The permission that a request needs, by Google's reference of its methods.
fn permission(path: &str) -> String {
    let path = path.strip_prefix("/compute/v1/projects/").unwrap();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let of = match segments.as_slice() {
        ["getXpnHost"] => "projects.get",
        ["aggregated", kind] => return format!("compute.{kind}.list"),
        ["global", "addresses"] => "globalAddresses.list",
        ["global", "forwardingRules"] => "globalForwardingRules.list",
        ["global", kind] => return format!("compute.{kind}.list"),
        [.., "instanceGroups", _, "listInstances"] => "instanceGroups.list",
        ["regions", _, "firewallPolicies", "getEffectiveFirewalls"] => "networks.getRegionEffectiveFirewalls",
        ["global", "networks", _, "getEffectiveFirewalls"] => "networks.getEffectiveFirewalls",
        ["zones", _, "instances", _, "getEffectiveFirewalls"] => "instances.getEffectiveFirewalls",
        other => panic!("a call that nobody expected: {other:?}"),
    };
    format!("compute.{of}")
}

#[test]
fn the_role_has_the_permission_of_every_call_and_the_program_knows_them() {
    let role = fs::read_to_string(root().join("docs/permissions/gcp-read-only.yaml")).unwrap();
    let granted: BTreeSet<&str> = role.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    let page = fs::read_to_string(root().join("docs/permissions.md")).unwrap();
    let from_files = [
        "compute.instances.listEffectiveTags",
        "cloudsql.instances.list",
        "dns.managedZones.list",
        "dns.policies.list",
        "dns.resourceRecordSets.list",
        "networkconnectivity.policyBasedRoutes.list",
        "networksecurity.addressGroups.list",
        "resourcemanager.projects.get",
    ];
    assert_eq!(granted, PERMISSIONS.iter().copied().chain(from_files).collect());
    for permission in PERMISSIONS {
        assert!(page.contains(&format!("`{permission}`")), "{permission} is not in docs/permissions.md");
    }
    let server = shop();
    server
        .fault("regions/europe-west1/firewallPolicies", Fault::Denied("compute.networks.getRegionEffectiveFirewalls"));
    live(&server);
    let needed: BTreeSet<String> = server.asked().iter().map(|request| permission(&request.path)).collect();
    let unknown: Vec<&String> = needed.iter().filter(|name| !PERMISSIONS.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(needed.len() > 25, "{needed:?}");
    // A call that is refused is in the manifest by that name.
    let server = shop();
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    server.fault("list", Fault::Denied("compute.anything.list"));
    server.fault("aggregated/", Fault::Denied("compute.anything.list"));
    server.fault("global/", Fault::Denied("compute.anything.list"));
    server.fault("getXpnHost", Fault::Denied("compute.projects.get"));
    let (code, said) = collect(&server, &folder);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("PERMISSION_DENIED"), "{said}");
}
