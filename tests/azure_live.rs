//! The program collects from Azure: whom it asks for a token, what it writes, and what it says when nobody is signed in.

#![cfg(test)]
#![cfg(all(feature = "azure", unix))]

#[cfg(test)]
mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use common::reachlint;
use serde_json::{Value, json};

const SUB: &str = "11111111-1111-1111-1111-111111111111";

/// A folder with an `az` that is signed in.
fn signed_in() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let az = folder.path().join("az");
    let token = json!({ "accessToken": "from-az", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4_070_908_800_u64,
        "subscription": SUB, "tenant": SUB, "tokenType": "Bearer" });
    fs::write(&az, format!("#!/bin/sh\necho '{token}'\n")).unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Resource Manager that answers a path in its own way.
fn manager(answer: fn(&str) -> (u16, String)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                loop {
                    let (mut path, mut token) = (String::new(), false);
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        if path.is_empty() {
                            line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
                        }
                        token |= line.to_lowercase().starts_with("authorization: bearer from-az");
                        if line.trim().is_empty() {
                            break;
                        }
                    }
                    let error = json!({ "error": { "code": "InvalidAuthenticationToken", "message": "no" } });
                    let (status, body) = if token { answer(&path) } else { (401, error.to_string()) };
                    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", body.len());
                    if (&stream).write_all(format!("{head}{body}").as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// One network interface, and no right to read groups.
fn small(path: &str) -> (u16, String) {
    let error = |code: &str| json!({ "error": { "code": code, "message": "no" } }).to_string();
    if path.contains("/networkSecurityGroups") {
        return (403, error("AuthorizationFailed"));
    }
    let head = format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Network");
    let nic = json!({ "id": format!("{head}/networkInterfaces/nic"), "name": "nic", "properties": { "ipConfigurations": [{
        "name": "ip", "properties": { "privateIPAddress": "10.0.0.5",
        "subnet": { "id": format!("{head}/virtualNetworks/vnet/subnets/a") } } }] } });
    let found = if path.contains("/networkInterfaces") { json!([nic]) } else { json!([]) };
    (200, json!({ "value": found }).to_string())
}

/// nginx and an upstream, whose group in force is another one than the one that is listed; nginx's is not told.
fn confirming(path: &str) -> (u16, String) {
    let head = format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Network");
    let machine = |name: &str| {
        format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{name}")
    };
    let subnet = format!("{head}/virtualNetworks/vnet/subnets/a");
    let nic = |name: &str, address: &str| {
        json!({ "id": format!("{head}/networkInterfaces/nic-{name}"), "name": format!("nic-{name}"), "location": "westeurope",
            "properties": { "primary": true, "virtualMachine": { "id": machine(name) }, "ipConfigurations": [{ "name": "ip",
                "properties": { "privateIPAddress": address, "subnet": { "id": subnet } } }] } })
    };
    let running = |name: &str| {
        json!({ "id": machine(name), "name": name,
            "properties": { "instanceView": { "statuses": [{ "code": "PowerState/running" }] } } })
    };
    if path.contains("nic-nginx/effective") {
        return (403, json!({ "error": { "code": "AuthorizationFailed", "message": "no" } }).to_string());
    }
    let found = if path.contains("/effectiveNetworkSecurityGroups") {
        json!([{ "networkSecurityGroup": { "id": format!("{head}/networkSecurityGroups/nsg-late") },
            "association": { "subnet": { "id": subnet } }, "effectiveSecurityRules": [{ "name": "securityRules/DenyAll",
                "priority": 100, "direction": "Inbound", "access": "Deny", "protocol": "All", "sourcePortRange": "0-65535",
                "destinationPortRange": "0-65535", "sourceAddressPrefix": "0.0.0.0/0",
                "destinationAddressPrefix": "0.0.0.0/0" }] }])
    } else if path.contains("/effectiveRouteTable") {
        json!([{ "addressPrefix": ["10.0.0.0/16"], "nextHopIpAddress": [], "nextHopType": "VnetLocal", "source": "Default",
            "state": "Active" }])
    } else if path.contains("/listNetworkManagerEffectiveSecurityAdminRules") {
        return (200, json!({ "value": [], "skipToken": "" }).to_string());
    } else if path.contains("/networkInterfaces") {
        json!([nic("nginx", "10.0.0.5"), nic("app", "10.0.0.9")])
    } else if path.contains("/virtualNetworks") {
        json!([{ "id": format!("{head}/virtualNetworks/vnet"), "name": "vnet", "location": "westeurope", "properties": {
            "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] },
            "subnets": [{ "id": subnet, "name": "a", "properties": { "addressPrefix": "10.0.0.0/24" } }] } }])
    } else if path.contains("/virtualMachines") {
        json!([running("nginx"), running("app")])
    } else {
        json!([])
    };
    (200, json!({ "value": found }).to_string())
}

fn run(path: &Path, arguments: &[&str]) -> Output {
    let mut command = reachlint();
    let path = format!("{}:/usr/bin:/bin", path.display());
    command.env("PATH", path).args(arguments).output().unwrap()
}

#[test]
fn a_snapshot_is_written_with_what_failed_and_no_token() {
    let (tools, url) = (signed_in(), manager(small));
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("estate");
    let folder = folder.to_str().unwrap();
    let arguments = ["collect", "azure", "--subscription", SUB, "--endpoint-url", &url, "-o", folder];
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
    let conf = out.path().join("nginx.conf");
    fs::write(&conf, "events {}\nhttp { server { location / { proxy_pass http://10.0.0.9:8080; } } }\n").unwrap();
    let conf = conf.to_str().unwrap();
    let check = ["check", conf, "--from", "nic", "--report", "short"];
    let live = run(
        tools.path(),
        &[&check[..], &["--provider", "azure", "--subscription", SUB, "--endpoint-url", &url]].concat(),
    );
    let again = run(tools.path(), &[&check[..], &["--snapshot", folder]].concat());
    assert_eq!(live.status.code(), Some(4), "{}", String::from_utf8_lossy(&live.stderr));
    assert_eq!((live.status.code(), live.stdout), (again.status.code(), again.stdout));
}

/// What is in force is asked for, is judged by, is kept, and is judged by again from the snapshot.
#[test]
fn a_difference_in_force_is_told_live_and_from_the_snapshot() {
    let (tools, url) = (signed_in(), manager(confirming));
    let out = tempfile::tempdir().unwrap();
    let conf = out.path().join("nginx.conf");
    fs::write(&conf, "events {}\nhttp { server { location / { proxy_pass http://10.0.0.9:8080; } } }\n").unwrap();
    let conf = conf.to_str().unwrap();
    let cloud = ["--subscription", SUB, "--endpoint-url", &url, "--from", "nginx"];
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
    let conf = out.path().join("nginx.conf");
    fs::write(&conf, "events {}\nhttp { server { location / { proxy_pass http://10.0.0.9:8080; } } }\n").unwrap();
    let conf = conf.to_str().unwrap();
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
    let (tools, url) = (signed_in(), manager(confirming));
    let out = tempfile::tempdir().unwrap();
    let conf = out.path().join("nginx.conf");
    fs::write(&conf, "events {}\nhttp { server { location / { proxy_pass http://10.0.0.9:8080; } } }\n").unwrap();
    let conf = conf.to_str().unwrap();
    let check = |service: &str, more: &[&str]| {
        let arguments = ["check", conf, "--provider", "azure", "--endpoint-url", &url, "--report", "json"];
        let path = format!("{}:/usr/bin:/bin", tools.path().display());
        let mut command = reachlint();
        command.env("PATH", path).env("AZURE_POD_IDENTITY_AUTHORITY_HOST", service);
        command.args(arguments).args(more).output().unwrap()
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
