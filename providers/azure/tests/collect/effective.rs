//! What is in force on interfaces: long operations, whom they are about, and what becomes of refusals.

use std::sync::Arc;

use reachlint_azure::collect::{Dial, Options, collect_as};
use reachlint_model::{Collected, Protocol};
use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{Holder, SUB, collected, failures, id, listing, options, shop};

const GROUPS: &str = "Microsoft.Network/networkInterfaces/effectiveNetworkSecurityGroups/action";
const ROUTES: &str = "Microsoft.Network/networkInterfaces/effectiveRouteTable/action";

/// An answer that is not there yet, and where to ask again.
fn later(place: &str) -> Answer {
    let answer = Answer { status: 202, headers: Vec::new(), body: String::new() };
    answer.with("retry-after", "0").with("location", place)
}

/// Collection that confirms a connection to an address.
fn confirmed(server: &Server, to: &str) -> Collected {
    let dial = Dial { name: None, addresses: vec![to.parse().unwrap()], port: 8080, protocol: Protocol::TCP };
    let options = Options { confirm: Some(vec![dial]), ..options(server) };
    collect_as(&options, Arc::new(Holder)).unwrap()
}

/// What is in force on an interface, as the service has it.
fn in_force() -> Value {
    json!({ "value": [{
        "networkSecurityGroup": { "id": id("Microsoft.Network/networkSecurityGroups", "nsg") },
        "association": { "subnet": { "id": format!("{}/subnets/a", id("Microsoft.Network/virtualNetworks", "vnet")) } },
        "effectiveSecurityRules": [{ "name": "securityRules/AllowNginx", "protocol": "Tcp", "sourcePortRange": "0-65535",
            "destinationPortRange": "8080-8080", "sourceAddressPrefix": "10.0.0.5/32", "destinationAddressPrefix": "0.0.0.0/0",
            "access": "Allow", "priority": 100, "direction": "Inbound" }],
        // An object, where the description of the API has a text.
        "tagMap": { "VirtualNetwork": ["10.0.0.0/16", "168.63.129.16/32"] } }] })
}

fn routes() -> Value {
    json!({ "value": [{ "addressPrefix": ["10.0.0.0/16"], "nextHopIpAddress": [], "nextHopType": "VnetLocal",
        "source": "Default", "state": "Active" }] })
}

/// A server on which every interface has an answer after two questions.
fn answering() -> Server {
    let server = shop();
    for nic in ["nic-nginx", "nic-app"] {
        for (what, answer) in [("effectiveNetworkSecurityGroups", in_force()), ("effectiveRouteTable", routes())] {
            let path = format!("/subscriptions/{SUB}/providers/Microsoft.Network/locations/westeurope/{what}-{nic}");
            let place = format!("{}{path}?api-version=2024-03-01", server.url);
            let post = format!("{}/{what}", id("Microsoft.Network/networkInterfaces", nic));
            server.tell("POST", &post, vec![later(&place)]);
            server.tell("GET", &path, vec![later(&place), Answer::ok(&answer)]);
        }
    }
    server
}

fn names(all: &Collected) -> Vec<&str> {
    let names = all.documents.iter().map(|(name, _)| name.rsplit('/').next().unwrap());
    names.filter(|name| name.starts_with("effective")).collect()
}

/// The service answers a long operation with 202 and a place, which answers 202 until it has the result; the SDK's own
/// waiting looks for a state in an empty body and fails.
#[test]
fn what_is_in_force_at_both_ends_is_waited_for() {
    let server = answering();
    let all = confirmed(&server, "10.0.0.9");
    assert_eq!((failures(&all), &all.manifest.notes), (vec![], &vec![]));
    let expected = [
        "effectiveNetworkSecurityGroups-rg-nic-nginx.json",
        "effectiveRoutes-rg-nic-nginx.json",
        "effectiveNetworkSecurityGroups-rg-nic-app.json",
        "effectiveRoutes-rg-nic-app.json",
    ];
    assert_eq!(names(&all), expected);
    let found = all.documents.iter().find(|(name, _)| name.contains("effectiveNetworkSecurityGroups-rg-nic-app"));
    let document: Value = serde_json::from_slice(&found.unwrap().1).unwrap();
    let nic = id("Microsoft.Network/networkInterfaces", "nic-app");
    assert_eq!((&document["networkInterfaceName"], &document["value"]), (&json!(nic), &in_force()["value"]));
    assert!(server.asked("locations").iter().all(|asked| asked.token == "Bearer told"));
    assert_eq!(server.asked("effectiveRouteTable-nic-app").len(), 2);
    super::compiled(&all);
}

/// Without the option only the routes of nginx are asked for, and those only where a gateway may have announced some.
#[test]
fn nothing_is_confirmed_unasked() {
    let server = answering();
    let all = collected(&server);
    assert!(names(&all).is_empty() && server.asked("effective").is_empty());
}

#[test]
fn a_refusal_names_the_permission_and_the_interface() {
    let server = answering();
    let nic = id("Microsoft.Network/networkInterfaces", "nic-app");
    let refused = || vec![Answer::error(403, "AuthorizationFailed")];
    server.tell("POST", &format!("{nic}/effectiveNetworkSecurityGroups"), refused());
    server.tell("POST", &format!("{nic}/effectiveRouteTable"), refused());
    let all = confirmed(&server, "10.0.0.9");
    assert_eq!(failures(&all), [(GROUPS, "AuthorizationFailed"), (ROUTES, "AuthorizationFailed")]);
    assert!(all.manifest.failures.iter().all(|failure| failure.resources == [nic.clone()]));
    assert_eq!(names(&all).len(), 2, "nginx's own answers are there");
}

#[test]
fn a_machine_that_does_not_run_is_a_note_and_no_failure() {
    let server = answering();
    let machine = |name: &str, power: &str| {
        json!({ "id": id("Microsoft.Compute/virtualMachines", name), "name": name, "tags": { "Role": name },
            "properties": { "instanceView": { "statuses": [{ "code": format!("PowerState/{power}") }] } } })
    };
    let machines = Answer::ok(&json!({ "value": [machine("nginx", "running"), machine("app", "deallocated")] }));
    let path = format!("/subscriptions/{SUB}/providers/Microsoft.Compute/virtualMachines");
    server.tell("GET", &path, vec![machines]);
    let all = confirmed(&server, "10.0.0.9");
    assert_eq!(failures(&all), []);
    assert!(server.asked("nic-app/effective").is_empty());
    let [note] = all.manifest.notes.as_slice() else { panic!("{:?}", all.manifest.notes) };
    assert!(note.contains("nic-app") && note.contains("app is deallocated"), "{note}");
    assert_eq!(names(&all).len(), 2);
}

/// That a machine has stopped since it was listed only the service knows, which calls the question a bad request.
#[test]
fn a_machine_that_has_just_stopped_is_a_note_too() {
    let server = answering();
    let nic = id("Microsoft.Network/networkInterfaces", "nic-app");
    let stopped = || vec![Answer::error(400, "NetworkInterfaceNotAttachedToRunningVm")];
    server.tell("POST", &format!("{nic}/effectiveNetworkSecurityGroups"), stopped());
    server.tell("POST", &format!("{nic}/effectiveRouteTable"), stopped());
    let all = confirmed(&server, "10.0.0.9");
    assert_eq!((failures(&all), all.manifest.notes.len()), (vec![], 2));
    assert!(all.manifest.notes[0].contains("NetworkInterfaceNotAttachedToRunningVm"), "{:?}", all.manifest.notes);
}

/// An answer without routes does not say what it is about, and one without groups means that there are none.
#[test]
fn an_empty_answer_is_kept_for_groups_alone() {
    let server = answering();
    let path = format!("/subscriptions/{SUB}/providers/Microsoft.Network/locations/westeurope");
    for what in ["effectiveNetworkSecurityGroups", "effectiveRouteTable"] {
        let none = vec![Answer::ok(&json!({ "value": [] }))];
        server.tell("GET", &format!("{path}/{what}-nic-app"), none);
    }
    let all = confirmed(&server, "10.0.0.9");
    assert_eq!((failures(&all), all.manifest.notes.len()), (vec![], 1));
    assert!(!names(&all).contains(&"effectiveRoutes-rg-nic-app.json"), "{:?}", names(&all));
    assert!(names(&all).contains(&"effectiveNetworkSecurityGroups-rg-nic-app.json"), "{:?}", names(&all));
}

#[test]
fn an_operation_without_end_is_given_up() {
    let server = answering();
    let path =
        format!("/subscriptions/{SUB}/providers/Microsoft.Network/locations/westeurope/effectiveRouteTable-nic-app");
    let place = format!("{}{path}", server.url);
    server.tell("GET", &path, vec![later(&place)]);
    let all = confirmed(&server, "10.0.0.9");
    assert_eq!(failures(&all), [(ROUTES, "Failed")]);
    assert!(all.manifest.failures[0].message.contains("did not end"), "{:?}", all.manifest.failures);
    assert_eq!(names(&all).len(), 3);
}

/// The place to ask after is the service's word, and gets the token only if it is the service's own.
#[test]
fn no_token_goes_after_an_operation_elsewhere() {
    let (server, other) = (answering(), Server::start());
    let nic = id("Microsoft.Network/networkInterfaces", "nic-app");
    server.tell("POST", &format!("{nic}/effectiveRouteTable"), vec![later(&format!("{}/away", other.url))]);
    let all = confirmed(&server, "10.0.0.9");
    assert_eq!(failures(&all).len(), 1);
    assert!(all.manifest.failures[0].message.contains("another host") && other.asked("").is_empty());
}

/// Behind a load balancer the interfaces of its backends are the ones that filter.
#[test]
fn the_backends_of_a_load_balancer_are_asked_about() {
    let server = answering();
    let balancer = id("Microsoft.Network/loadBalancers", "lb");
    let part = |kind: &str| json!({ "id": format!("{balancer}/{kind}/one") });
    let subnet = format!("{}/subnets/a", id("Microsoft.Network/virtualNetworks", "vnet"));
    let member = format!("{}/ipConfigurations/ip", id("Microsoft.Network/networkInterfaces", "nic-app"));
    let balancers = json!({ "value": [{ "id": balancer, "name": "lb", "location": "westeurope", "properties": {
        "frontendIPConfigurations": [{ "id": part("frontendIPConfigurations")["id"], "name": "one", "properties": {
            "privateIPAddress": "10.0.0.100", "subnet": { "id": subnet } } }],
        "backendAddressPools": [{ "id": part("backendAddressPools")["id"], "name": "one", "properties": {
            "backendIPConfigurations": [{ "id": member }] } }],
        "loadBalancingRules": [{ "name": "web", "properties": { "protocol": "Tcp", "frontendPort": 8080, "backendPort": 8080,
            "frontendIPConfiguration": part("frontendIPConfigurations"),
            "backendAddressPool": part("backendAddressPools") } }] } }] });
    server.tell("GET", &listing("loadBalancers"), vec![Answer::ok(&balancers)]);
    let all = confirmed(&server, "10.0.0.100");
    assert_eq!(failures(&all), []);
    assert!(names(&all).contains(&"effectiveNetworkSecurityGroups-rg-nic-app.json"), "{:?}", names(&all));
}

#[test]
fn routes_in_force_are_asked_for_where_a_gateway_may_have_announced_some() {
    let server = shop();
    let vnet = id("Microsoft.Network/virtualNetworks", "vnet");
    let mut networks = json!({ "value": [{ "id": vnet, "name": "vnet", "location": "westeurope", "properties": {
        "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] }, "subnets": [] } }] });
    let subnets = [("a", json!([])), ("GatewaySubnet", json!([{ "id": "/gateway" }]))];
    networks["value"][0]["properties"]["subnets"] = subnets
        .iter()
        .map(|(name, used)| {
            json!({ "id": format!("{vnet}/subnets/{name}"), "name": name, "properties": { "ipConfigurations": used } })
        })
        .collect();
    server.tell("GET", &listing("virtualNetworks"), vec![Answer::ok(&networks)]);
    let nic = id("Microsoft.Network/networkInterfaces", "nic-nginx");
    let place = format!("{}/operations/1", server.url);
    let wait = || Answer { status: 202, headers: Vec::new(), body: String::new() }.with("retry-after", "0");
    let post = format!("{nic}/effectiveRouteTable");
    server.tell("POST", &post, vec![wait().with("location", &place)]);
    let routes = json!({ "value": [{ "addressPrefix": ["172.16.0.0/12"], "nextHopIpAddress": ["10.0.255.4"],
        "nextHopType": "VirtualNetworkGateway", "source": "VirtualNetworkGateway", "state": "Active" }] });
    server.tell("GET", "/operations/1", vec![wait().with("location", &place), Answer::ok(&routes)]);
    let all = collected(&server);
    assert_eq!(failures(&all), []);
    let found = all.documents.iter().find(|(name, _)| name.contains("effectiveRoutes")).unwrap();
    let document: Value = serde_json::from_slice(&found.1).unwrap();
    assert_eq!((&document["networkInterfaceName"], &document["value"]), (&json!(nic), &routes["value"]));
    assert_eq!(server.asked("/operations/1").len(), 2);
}
