//! The program collects from Azure: whom it asks for a token, what it writes, and what it says when nobody is signed in.

#![cfg(test)]
#![cfg(all(feature = "azure", unix))]

#[cfg(test)]
#[path = "common/azure.rs"]
mod azure;
#[cfg(test)]
mod common;
#[cfg(test)]
#[expect(dead_code, reason = "other tests use all of it")]
#[path = "../providers/azure/tests/collect/server.rs"]
mod server;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use azure::{SUB, group, listing, signed_in, tell, with_tools};
use serde_json::{Value, json};
use server::{Answer, Server};

/// One network interface, and no right to read groups.
fn small() -> Server {
    let server = Server::start();
    let head = group("Microsoft.Network");
    let configuration = json!({ "name": "ip", "properties": { "privateIPAddress": "10.0.0.5",
        "subnet": { "id": format!("{head}/virtualNetworks/vnet/subnets/a") } } });
    let nic = json!({ "id": format!("{head}/networkInterfaces/nic"), "name": "nic",
        "properties": { "ipConfigurations": [configuration] } });
    tell(&server, "Microsoft.Network/networkInterfaces", json!([nic]));
    let refused = Answer::error(403, "AuthorizationFailed");
    server.tell("GET", &listing("Microsoft.Network/networkSecurityGroups"), vec![refused]);
    server
}

/// nginx and an upstream, whose group in force is another one than the one that is listed; nginx's is not told.
fn confirming() -> Server {
    let server = Server::start();
    let head = group("Microsoft.Network");
    let machine = |name: &str| format!("{}/virtualMachines/{name}", group("Microsoft.Compute"));
    let vnet = format!("{head}/virtualNetworks/vnet");
    let subnet = format!("{vnet}/subnets/a");
    let nic = |name: &str, address: &str| {
        json!({ "id": format!("{head}/networkInterfaces/nic-{name}"), "name": format!("nic-{name}"), "location": "westeurope",
            "properties": { "primary": true, "virtualMachine": { "id": machine(name) }, "ipConfigurations": [{ "name": "ip",
                "properties": { "privateIPAddress": address, "subnet": { "id": subnet } } }] } })
    };
    let running = |name: &str| {
        json!({ "id": machine(name), "name": name,
            "properties": { "instanceView": { "statuses": [{ "code": "PowerState/running" }] } } })
    };
    let cards = json!([nic("nginx", "10.0.0.5"), nic("app", "10.0.0.9")]);
    tell(&server, "Microsoft.Network/networkInterfaces", cards);
    tell(
        &server,
        "Microsoft.Network/virtualNetworks",
        json!([{ "id": vnet, "name": "vnet", "location": "westeurope", "properties": {
            "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] },
            "subnets": [{ "id": subnet, "name": "a", "properties": { "addressPrefix": "10.0.0.0/24" } }] } }]),
    );
    tell(&server, "Microsoft.Compute/virtualMachines", json!([running("nginx"), running("app")]));
    let groups = json!([{ "networkSecurityGroup": { "id": format!("{head}/networkSecurityGroups/nsg-late") },
        "association": { "subnet": { "id": subnet } }, "effectiveSecurityRules": [{ "name": "securityRules/DenyAll",
            "priority": 100, "direction": "Inbound", "access": "Deny", "protocol": "All", "sourcePortRange": "0-65535",
            "destinationPortRange": "0-65535", "sourceAddressPrefix": "0.0.0.0/0",
            "destinationAddressPrefix": "0.0.0.0/0" }] }]);
    let routes = json!([{ "addressPrefix": ["10.0.0.0/16"], "nextHopIpAddress": [], "nextHopType": "VnetLocal",
        "source": "Default", "state": "Active" }]);
    for (what, records) in [("effectiveNetworkSecurityGroups", groups), ("effectiveRouteTable", routes)] {
        let of = |name: &str| format!("{head}/networkInterfaces/nic-{name}/{what}");
        server.tell("POST", &of("app"), vec![Answer::ok(&json!({ "value": records }))]);
        server.tell("POST", &of("nginx"), vec![Answer::error(403, "AuthorizationFailed")]);
    }
    server
}

/// A configuration that connects to the upstream, in a folder.
fn conf(folder: &Path) -> String {
    let conf = folder.join("nginx.conf");
    fs::write(&conf, "events {}\nhttp { server { location / { proxy_pass http://10.0.0.9:8080; } } }\n").unwrap();
    conf.to_str().unwrap().to_owned()
}

fn run(tools: &Path, arguments: &[&str]) -> Output {
    with_tools(tools).args(arguments).output().unwrap()
}

#[test]
fn a_snapshot_is_written_with_what_failed_and_no_token() {
    let (tools, server) = (signed_in(), small());
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    let folder = folder.to_str().unwrap();
    let arguments = ["collect", "azure", "--subscription", SUB, "--endpoint-url", &server.url, "-o", folder];
    let output = run(tools.path(), &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("Microsoft.Network/networkSecurityGroups/read failed with AuthorizationFailed"), "{said}");
    let manifest: Value = serde_json::from_slice(&fs::read(format!("{folder}/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["scopes"][0], json!({ "provider": "azure", "account": SUB }));
    assert_eq!(manifest["failures"].as_array().unwrap().len(), 1, "{manifest}");
    for file in fs::read_dir(format!("{folder}/{SUB}")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("from-az"), "{text}");
    }
    // The live run and the snapshot go the same way from here.
    let conf = &conf(out.path());
    let check = ["check", conf, "--from", "nic", "--report", "short"];
    let live = run(
        tools.path(),
        &[&check[..], &["--provider", "azure", "--subscription", SUB, "--endpoint-url", &server.url]].concat(),
    );
    let again = run(tools.path(), &[&check[..], &["--snapshot", folder]].concat());
    assert_eq!(live.status.code(), Some(4), "{}", String::from_utf8_lossy(&live.stderr));
    assert_eq!((live.status.code(), live.stdout), (again.status.code(), again.stdout));
    assert!(server.asked("").iter().all(|asked| asked.token == "Bearer from-az"));
}

/// What is in force is asked for, is judged by, is kept, and is judged by again from the snapshot.
#[test]
fn a_difference_in_force_is_told_live_and_from_the_snapshot() {
    let (tools, server) = (signed_in(), confirming());
    let out = tempfile::tempdir().unwrap();
    let conf = &conf(out.path());
    let cloud = ["--subscription", SUB, "--endpoint-url", &server.url, "--from", "nginx"];
    let check = ["check", conf, "--report", "short"];
    let azure = ["--provider", "azure"];
    let unasked = run(tools.path(), &[&check[..], &azure, &cloud].concat());
    assert_eq!(unasked.status.code(), Some(0), "{}", String::from_utf8_lossy(&unasked.stderr));
    let live = run(tools.path(), &[&check[..], &azure, &cloud, &["--confirm-effective"]].concat());
    let said = String::from_utf8_lossy(&live.stdout);
    assert_eq!(live.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&live.stderr));
    assert!(said.contains("medium[effective-difference]") && said.contains("nsg-late/DenyAll"), "{said}");
    let folder = out.path().join("estate");
    let folder = folder.to_str().unwrap();
    let collect = [&["collect", "azure", conf, "-o", folder, "--confirm-effective"][..], &cloud].concat();
    let collected = run(tools.path(), &collect);
    let warned = String::from_utf8_lossy(&collected.stderr);
    assert!(warned.contains("effectiveNetworkSecurityGroups/action failed with AuthorizationFailed"), "{warned}");
    let again = run(tools.path(), &[&check[..], &["--from", "nginx", "--snapshot", folder]].concat());
    assert_eq!((live.status.code(), live.stdout), (again.status.code(), again.stdout));
    // Who may not ask is told what to grant, and by whom it is not confirmed.
    let human = run(tools.path(), &["check", conf, "--from", "nginx", "--snapshot", folder]);
    let human = String::from_utf8_lossy(&human.stdout).into_owned();
    assert!(
        human.contains("not read: Microsoft.Network/networkInterfaces/effectiveNetworkSecurityGroups/action"),
        "{human}"
    );
}

#[test]
fn other_clouds_and_snapshots_are_not_confirmed() {
    let out = tempfile::tempdir().unwrap();
    let conf = &conf(out.path());
    let refused = |arguments: &[&str], why: &str| {
        let output = run(out.path(), &[&["check", conf, "--confirm-effective"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    };
    refused(&["--provider", "aws", "--from", "nginx"], "no other cloud");
    refused(&["--from", "nginx"], "no other cloud");
    refused(&["--snapshot", out.path().to_str().unwrap(), "--from", "nginx"], "a snapshot is read as it is");
    let output = run(out.path(), &["collect", "azure", "--subscription", SUB, "--confirm-effective", "-o", "never"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing says where"));
}

/// The metadata service of the machine that nginx is, which answers only who says that they mean it.
fn metadata(answer: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let meant = head.iter().any(|line| line.eq_ignore_ascii_case("metadata: true"));
            let compute = head[0].starts_with("GET /metadata/instance/compute?api-version=");
            let (status, body) = if meant && compute { (200, answer.to_string()) } else { (400, String::new()) };
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = (&stream).write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

/// Without `--from` nginx is on this machine, which knows its subscription too.
#[test]
fn a_machine_knows_itself() {
    let (tools, server) = (signed_in(), confirming());
    let out = tempfile::tempdir().unwrap();
    let conf = &conf(out.path());
    let check = |service: &str, more: &[&str]| {
        let arguments = ["check", conf, "--provider", "azure", "--endpoint-url", &server.url, "--report", "json"];
        let mut command = with_tools(tools.path());
        command.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", service).args(arguments).args(more).output().unwrap()
    };
    let id = format!("/subscriptions/{SUB}/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/NGINX");
    let service = metadata(json!({ "resourceId": id, "subscriptionId": SUB, "name": "nginx" }));
    for more in [&[][..], &["--from", "self", "--subscription", SUB]] {
        let output = check(&service, more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["flows"][0]["from"]["interface"], "nic-nginx");
    }
    for service in [metadata(json!({ "name": "else" })), "http://127.0.0.1:1".to_owned()] {
        let output = check(&service, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{said}");
        assert!(said.contains("which machine this is"), "{said}");
    }
    // What is named is not looked up.
    assert_eq!(check("http://127.0.0.1:1", &["--from", "nginx", "--subscription", SUB]).status.code(), Some(0));
}

#[test]
fn what_is_missing_on_the_command_line_is_said() {
    let tools = signed_in();
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    let output = run(tools.path(), &["collect", "azure", "-o", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no subscription was named"));
    assert!(!folder.exists());
}
