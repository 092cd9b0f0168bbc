//! Live collection against a server that answers as the API documents it, on good days and bad ones.

#![cfg(test)]

#[cfg(test)]
mod effective;
#[cfg(test)]
mod server;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::auth::{AccessToken, TokenCredential};
use reachlint_azure::collect::{CollectError, Options, collect_as};
use reachlint_azure::network::Estate;
use reachlint_model::{Collected, Intake, Lookup, Provider};
use serde_json::{Value, json};

use server::{Answer, Server};

const SUB: &str = "11111111-1111-1111-1111-111111111111";

/// A credential that has a token.
#[derive(Debug)]
struct Holder;

#[async_trait::async_trait]
impl TokenCredential for Holder {
    async fn get_token(&self, _scopes: &[&str]) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new("told", (SystemTime::now() + Duration::from_hours(1)).into()))
    }

    async fn clear_cache(&self) -> azure_core::Result<()> {
        Ok(())
    }
}

/// A credential that has none.
#[derive(Debug)]
struct Stranger;

#[async_trait::async_trait]
impl TokenCredential for Stranger {
    async fn get_token(&self, _scopes: &[&str]) -> azure_core::Result<AccessToken> {
        Err(azure_core::Error::message(azure_core::error::ErrorKind::Credential, "nobody is signed in"))
    }

    async fn clear_cache(&self) -> azure_core::Result<()> {
        Ok(())
    }
}

fn id(kind: &str, name: &str) -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg/providers/{kind}/{name}")
}

fn listing(kind: &str) -> String {
    format!("/subscriptions/{SUB}/providers/Microsoft.Network/{kind}")
}

/// A network with nginx and an upstream, as the API has it.
fn shop() -> Server {
    let server = Server::start();
    let vnet = id("Microsoft.Network/virtualNetworks", "vnet");
    let nic = |name: &str, address: &str, vm: &str| {
        let own = id("Microsoft.Network/networkInterfaces", name);
        json!({ "id": own, "name": name, "location": "westeurope", "properties": {
            "ipConfigurations": [{ "id": format!("{own}/ipConfigurations/ip"), "name": "ip", "properties": {
                "privateIPAddress": address, "primary": true, "subnet": { "id": format!("{vnet}/subnets/a") } } }],
            "virtualMachine": { "id": id("Microsoft.Compute/virtualMachines", vm) }, "primary": true } })
    };
    let next = format!("{}{}?api-version=2024-03-01&$skiptoken=2", server.url, listing("networkInterfaces"));
    server.tell(
        "GET",
        &listing("networkInterfaces"),
        vec![
            Answer::ok(&json!({ "value": [nic("nic-nginx", "10.0.0.5", "nginx")], "nextLink": next })),
            Answer::ok(&json!({ "value": [nic("nic-app", "10.0.0.9", "app")] })),
        ],
    );
    let group = id("Microsoft.Network/networkSecurityGroups", "nsg");
    let networks = json!({ "value": [{ "id": vnet, "name": "vnet", "location": "westeurope", "properties": {
        "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] },
        "subnets": [{ "id": format!("{vnet}/subnets/a"), "name": "a", "properties": {
            "addressPrefix": "10.0.0.0/24", "networkSecurityGroup": { "id": group } } }] } }] });
    server.tell("GET", &listing("virtualNetworks"), vec![Answer::ok(&networks)]);
    server.tell("GET", &listing("networkSecurityGroups"), vec![Answer::ok(&groups("Tcp"))]);
    let machines = |power: bool| {
        let one = |name: &str| {
            let mut machine =
                json!({ "id": id("Microsoft.Compute/virtualMachines", name), "name": name, "tags": { "Role": name } });
            if power {
                machine["properties"] = json!({ "instanceView": { "statuses": [{ "code": "PowerState/running" }] } });
                machine.as_object_mut().unwrap().remove("tags");
            }
            machine
        };
        Answer::ok(&json!({ "value": [one("nginx"), one("app")] }))
    };
    let path = format!("/subscriptions/{SUB}/providers/Microsoft.Compute/virtualMachines");
    server.tell("GET", &path, vec![machines(false), machines(true)]);
    let admin = format!("{vnet}/listNetworkManagerEffectiveSecurityAdminRules");
    server.tell("POST", &admin, vec![Answer::ok(&json!({ "value": [], "skipToken": "" }))]);
    server
}

/// A group with one rule; the SDK's types know `Tcp` and no other spelling.
fn groups(protocol: &str) -> Value {
    let id = id("Microsoft.Network/networkSecurityGroups", "nsg");
    json!({ "value": [{ "id": id, "name": "nsg", "properties": { "securityRules": [{ "name": "AllowNginx", "properties": {
        "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": protocol, "sourceAddressPrefix": "10.0.0.5",
        "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "8080" } }] } }] })
}

fn options(server: &Server) -> Options {
    Options {
        subscriptions: vec![SUB.to_owned()],
        from: vec!["nginx".parse().unwrap()],
        confirm: None,
        endpoint: Some(server.url.clone()),
        now: "2026-11-20T06:00:00Z".to_owned(),
    }
}

fn collected(server: &Server) -> Collected {
    collect_as(&options(server), Arc::new(Holder)).unwrap()
}

fn compiled(collected: &Collected) -> Box<dyn Provider> {
    let mut estate = Estate::new();
    for (name, bytes) in &collected.documents {
        estate.document(name, bytes).unwrap();
    }
    estate.manifest(&collected.manifest);
    Box::new(estate).compile()
}

/// Failed calls with their error codes.
fn failures(collected: &Collected) -> Vec<(&str, &str)> {
    collected.manifest.failures.iter().map(|failure| (failure.call.as_str(), failure.error.as_str())).collect()
}

#[test]
fn a_subscription_is_read_page_by_page_and_makes_a_network() {
    let server = shop();
    let all = collected(&server);
    assert_eq!(failures(&all), []);
    let pages = all.documents.iter().filter(|(name, _)| name.contains("networkInterfaces")).count();
    assert_eq!(pages, 2);
    let azure = compiled(&all);
    assert_eq!(azure.network().interfaces().count(), 2);
    // Tags come from one answer and the power state from another.
    assert_eq!(azure.select(&"tag:Role=app".parse().unwrap()).len(), 1);
    assert!(server.asked("networkInterfaces").iter().all(|asked| asked.token == "Bearer told"));
    assert!(server.asked("/networkInterfaces")[0].query.contains("api-version=2024-03-01"));
    assert_eq!(all.manifest.scopes[0].account, SUB);
    let text: String = all.documents.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
    assert!(!text.contains("told\""), "a token stands in the snapshot");
}

/// The SDK's enums are exact, and Azure's words are not: what is kept are Azure's words.
#[test]
fn a_word_in_another_case_is_kept_as_it_came() {
    let server = shop();
    server.tell("GET", &listing("networkSecurityGroups"), vec![Answer::ok(&groups("TCP"))]);
    let all = collected(&server);
    assert_eq!(failures(&all), []);
    let kept = all.documents.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(r#""protocol":"TCP""#));
    assert!(kept);
    compiled(&all);
}

/// One element that the SDK cannot hold costs it the page, and ours keeps the page and asks for the next one.
#[test]
fn a_page_that_the_sdk_cannot_hold_is_kept_and_the_next_one_is_asked_for() {
    let server = shop();
    let mut odd = groups("Tcp");
    odd["value"][0]["properties"]["securityRules"][0]["properties"]["priority"] = json!("a hundred");
    odd["nextLink"] =
        json!(format!("{}{}?api-version=2024-03-01&page=2", server.url, listing("networkSecurityGroups")));
    server.tell("GET", &listing("networkSecurityGroups"), vec![Answer::ok(&odd), Answer::ok(&groups("Udp"))]);
    let all = collected(&server);
    assert_eq!(failures(&all), []);
    let pages: Vec<&[u8]> = all
        .documents
        .iter()
        .filter(|(name, _)| name.contains("networkSecurityGroups"))
        .map(|(_, bytes)| bytes.as_slice())
        .collect();
    assert_eq!(pages.len(), 2);
    assert!(
        String::from_utf8_lossy(pages[0]).contains("a hundred") && String::from_utf8_lossy(pages[1]).contains("Udp")
    );
}

#[test]
fn a_refusal_is_noted_with_its_permission_and_the_rest_goes_on() {
    let server = shop();
    server.tell("GET", &listing("routeTables"), vec![Answer::error(403, "AuthorizationFailed")]);
    let vnet = id("Microsoft.Network/virtualNetworks", "vnet");
    let admin = format!("{vnet}/listNetworkManagerEffectiveSecurityAdminRules");
    server.tell("POST", &admin, vec![Answer::error(403, "AuthorizationFailed")]);
    let all = collected(&server);
    let admin = "Microsoft.Network/virtualNetworks/listNetworkManagerEffectiveSecurityAdminRules/action";
    assert_eq!(
        failures(&all),
        [("Microsoft.Network/routeTables/read", "AuthorizationFailed"), (admin, "AuthorizationFailed")]
    );
    assert_eq!(all.manifest.failures[1].resources, [vnet]);
    assert_eq!(compiled(&all).network().interfaces().count(), 2);
}

#[test]
fn throttling_and_bad_moments_are_tried_again() {
    let server = shop();
    let one = Answer::ok(&json!({ "value": [] }));
    let slow = Answer::error(429, "TooManyRequests").with("retry-after", "0");
    server.tell("GET", &listing("loadBalancers"), vec![slow, one.clone()]);
    server.tell("GET", &listing("natGateways"), vec![Answer::error(503, "ServiceUnavailable"), one]);
    let all = collected(&server);
    assert_eq!(failures(&all), []);
    assert_eq!((server.asked("loadBalancers").len(), server.asked("natGateways").len()), (2, 2));
}

#[test]
fn what_stays_broken_is_noted_and_ends() {
    let server = shop();
    server.tell("GET", &listing("loadBalancers"), vec![Answer::error(500, "InternalServerError")]);
    let mut cut = Answer::ok(&json!({ "value": [] }));
    cut.body.truncate(5);
    server.tell("GET", &listing("natGateways"), vec![cut]);
    let all = collected(&server);
    let calls: Vec<&str> = failures(&all).into_iter().map(|(call, _)| call).collect();
    assert_eq!(calls, ["Microsoft.Network/natGateways/read", "Microsoft.Network/loadBalancers/read"]);
    assert_eq!(server.asked("loadBalancers").len(), 3);
}

/// A next page on another host would get the token.
#[test]
fn no_token_goes_to_another_host() {
    let server = shop();
    let other = Server::start();
    let page = json!({ "value": [], "nextLink": format!("{}/page?api-version=2024-03-01", other.url) });
    server.tell("GET", &listing("publicIPAddresses"), vec![Answer::ok(&page)]);
    let all = collected(&server);
    assert_eq!(failures(&all).len(), 1);
    assert!(other.asked("").is_empty(), "{:?}", other.asked(""));
    assert!(all.manifest.failures[0].message.contains("another host"), "{:?}", all.manifest.failures);
}

/// A network with a private zone that it is linked to, and one that nobody is.
fn zoned() -> Server {
    let server = shop();
    let zone = |name: &str, links: u32| {
        json!({ "id": id("Microsoft.Network/privateDnsZones", name), "name": name,
            "properties": { "numberOfVirtualNetworkLinks": links, "numberOfRecordSets": 3 } })
    };
    let zones = json!({ "value": [zone("shop.internal", 1), zone("idle.internal", 0)] });
    server.tell("GET", &listing("privateDnsZones"), vec![Answer::ok(&zones)]);
    let own = id("Microsoft.Network/privateDnsZones", "shop.internal");
    let link = json!({ "id": format!("{own}/virtualNetworkLinks/l"), "name": "l", "properties": {
        "virtualNetwork": { "id": id("Microsoft.Network/virtualNetworks", "vnet") }, "registrationEnabled": true } });
    server.tell("GET", &format!("{own}/virtualNetworkLinks"), vec![Answer::ok(&json!({ "value": [link] }))]);
    let set = |kind: &str, name: &str, properties: Value| json!({ "id": format!("{own}/{kind}/{name}"), "name": name, "properties": properties });
    let next = format!("{}{own}/ALL?api-version=2024-06-01&$skipToken=2", server.url);
    let pages = [
        json!({ "value": [set("SOA", "@", json!({})), set("A", "app", json!({ "aRecords": [{ "ipv4Address": "10.0.0.9" }] }))],
            "nextLink": next }),
        json!({ "value": [set("CNAME", "www", json!({ "cnameRecord": { "cname": "app.shop.internal" } }))] }),
    ];
    server.tell("GET", &format!("{own}/ALL"), pages.iter().map(Answer::ok).collect());
    server
}

/// Zones are listed for a subscription, and their links and records for each that a network is linked to.
#[test]
fn private_zones_are_read_with_links_and_records() {
    let server = zoned();
    let all = collected(&server);
    assert_eq!(failures(&all), []);
    assert!(server.asked("idle.internal").is_empty() && server.asked("/ALL").len() == 2);
    let azure = compiled(&all);
    let from = azure.select(&"nginx".parse().unwrap())[0];
    assert_eq!(azure.lookup(from, "WWW.shop.internal."), Lookup::Addresses(vec!["10.0.0.9".parse().unwrap()]));
    assert!(matches!(azure.lookup(from, "other.shop.internal"), Lookup::Absent(_)));
    // Without the right to read records the zone is known to answer, and not with what.
    let server = zoned();
    let own = id("Microsoft.Network/privateDnsZones", "shop.internal");
    server.tell("GET", &format!("{own}/ALL"), vec![Answer::error(403, "AuthorizationFailed")]);
    let all = collected(&server);
    assert_eq!(failures(&all), [("Microsoft.Network/privateDnsZones/ALL/read", "AuthorizationFailed")]);
    let azure = compiled(&all);
    let found = azure.lookup(from, "www.shop.internal");
    assert!(matches!(&found, Lookup::Hidden(why) if why.contains("privateDnsZones/ALL/read")), "{found:?}");
}

/// What is asked for without a machine in the way: every permission whose call failed stands in the documented role.
#[test]
fn the_documented_role_has_every_permission() {
    let role = include_str!("../../../../docs/permissions/azure-read-only.json");
    let role: Value = serde_json::from_str(role).unwrap();
    let granted: Vec<&str> =
        role["Actions"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect();
    let server = shop();
    collected(&server);
    let own: Vec<_> =
        server.asked("").into_iter().filter(|asked| !asked.path.ends_with("/networkInterfaces")).collect();
    for asked in own.iter().filter(|asked| !asked.path.ends_with("/virtualNetworks")) {
        server.tell(&asked.method, &asked.path, vec![Answer::error(403, "AuthorizationFailed")]);
    }
    let all = collected(&server);
    let failed = failures(&all);
    assert!(failed.len() > 10, "{failed:?}");
    for (call, _) in failed {
        assert!(granted.contains(&call), "{call}");
    }
}

#[test]
fn pages_of_admin_rules_are_asked_for_by_their_token() {
    let server = shop();
    let vnet = id("Microsoft.Network/virtualNetworks", "vnet");
    let admin = format!("{vnet}/listNetworkManagerEffectiveSecurityAdminRules");
    let page = |token: &str| Answer::ok(&json!({ "value": [], "skipToken": token }));
    server.tell("POST", &admin, vec![page("more"), page("")]);
    let all = collected(&server);
    assert_eq!(all.documents.iter().filter(|(name, _)| name.contains("adminRules")).count(), 2);
    let asked = server.asked("EffectiveSecurityAdminRules");
    assert!(!asked[0].body.contains("more") && asked[1].body.contains("more"), "{asked:?}");
}

#[test]
fn without_credentials_there_is_nothing() {
    let server = shop();
    let error = collect_as(&options(&server), Arc::new(Stranger)).unwrap_err();
    assert!(
        matches!(error, CollectError::Nothing { .. }) && error.to_string().contains("nobody is signed in"),
        "{error}"
    );
    assert!(server.asked("").is_empty());
    let none = Options { subscriptions: Vec::new(), ..options(&server) };
    assert!(matches!(collect_as(&none, Arc::new(Holder)), Err(CollectError::NoSubscription)));
}
