//! What the changes open, and what they do not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use reachlint::audit;
use reachlint::evaluate::{Blocker, Evaluator, Explanation, Query, matching, sources};
use reachlint_model::{Fix, HopKind, Provider, Remedy, Selector, Verdict};
use serde_json::{Value, json};

use crate::estate::{Flow, Trap, options, shell_words};

pub(crate) fn explain(aws: &dyn Provider, trap: &Trap, (from, to, port, protocol): &Flow) -> Explanation {
    let selected = from.as_deref().unwrap_or(&trap.from);
    let selector: Selector = selected.parse().unwrap();
    let node = audit::nodes(&[aws], &selector)[0];
    let own = node.address.filter(|own| own.is_ipv4() == to.is_ipv4());
    let from = node.interface;
    let Some(source) = own.or_else(|| aws.source_address(from, *to)) else { return Explanation::default() };
    let query = Query { provider: 0, from, source, to: *to, port: *port, protocol: *protocol };
    let providers: [&dyn Provider; 1] = [aws];
    Evaluator::new(&providers, trap.ephemeral).explain(&query)
}

pub(crate) fn open(aws: &dyn Provider, blocker: &Blocker) -> Option<Remedy> {
    let (list, rule) = blocker.by.unzip();
    aws.remedy(Fix::Open, &blocker.hop, list, rule)
}

/// A blocker in the words of the traps: `aws.network-acl return`.
pub(crate) fn place(blocker: &Blocker) -> String {
    format!("{} {}", blocker.hop.layer.0, blocker.hop.direction.word())
}

/// The remedies of a trap's first flow by blocker.
fn remedies(id: &str) -> BTreeMap<String, Remedy> {
    let trap = Trap::named(id);
    let aws = trap.estate.compile();
    let explanation = explain(&*aws, &trap, &trap.flows()[0]);
    explanation.blockers.iter().filter_map(|blocker| Some((place(blocker), open(&*aws, blocker)?))).collect()
}

#[test]
fn every_printed_command_opens_the_hop_it_is_for() {
    let mut opened: BTreeMap<String, usize> = BTreeMap::new();
    for trap in Trap::all() {
        for flow in trap.flows() {
            let aws = trap.estate.compile();
            let before = explain(&*aws, &trap, &flow);
            let mut estate = trap.estate.clone();
            let mut done = Vec::new();
            for blocker in &before.blockers {
                let remedy =
                    open(&*aws, blocker).unwrap_or_else(|| panic!("{}: no remedy at {}", trap.id, place(blocker)));
                assert!(!remedy.console.is_empty(), "{}: {remedy:?}", trap.id);
                for text in [&remedy.cli, &remedy.terraform] {
                    assert!(!text.contains("/0"), "{} opens to everybody: {text}", trap.id);
                }
                if !remedy.cli.is_empty() {
                    estate.run(&remedy.cli);
                    done.push(place(blocker));
                }
            }
            let after = explain(&*estate.compile(), &trap, &flow);
            let left: Vec<String> = after.blockers.iter().map(place).collect();
            for place in &done {
                assert!(!left.contains(place), "{}: {place} still blocks after its remedy", trap.id);
                *opened.entry(place.clone()).or_default() += 1;
            }
            if !done.is_empty() && done.len() == before.blockers.len() {
                assert!(after.blockers.is_empty(), "{}: {:?}", trap.id, after.reasons);
                let known = after.gaps.is_empty();
                assert_eq!(after.verdict == Verdict::Allowed, known, "{}: {:?}", trap.id, after.reasons);
            }
        }
    }
    let kinds: Vec<&str> = opened.keys().map(String::as_str).collect();
    let all = [
        "aws.instance-state ingress",
        "aws.network-acl egress",
        "aws.network-acl ingress",
        "aws.network-acl return",
        "aws.peering egress",
        "aws.route egress",
        "aws.route return",
        "aws.security-group egress",
        "aws.security-group ingress",
        "aws.source-dest-check ingress",
    ];
    assert_eq!(kinds, all);
}

#[test]
fn a_rule_for_the_group_of_the_sender_needs_no_address() {
    let remedy = &remedies("T22")["aws.security-group ingress"];
    assert_eq!(
        remedy.cli,
        "aws ec2 authorize-security-group-ingress --group-id sg-app --protocol tcp --port 8080 --source-group sg-nginx \
         --region us-east-1"
    );
    assert_eq!(
        remedy.terraform,
        r#"resource "aws_vpc_security_group_ingress_rule" "reachlint_sg_app_tcp_8080_from_sg_nginx" {
  security_group_id            = "sg-app"
  referenced_security_group_id = "sg-nginx"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}"#
    );
    assert_eq!(
        remedy.console,
        "In account 111122223333, us-east-1: EC2 > Security Groups > sg-app (app) > Inbound rules > Edit inbound rules \
         > Add rule: Custom TCP, port 8080, source sg-nginx (nginx)."
    );
}

#[test]
fn a_rule_over_a_peering_names_the_account_of_the_group() {
    let remedy = &remedies("T21d")["aws.security-group ingress"];
    assert!(remedy.cli.contains(r#""UserIdGroupPairs":[{"GroupId":"sg-nginx","UserId":"111122223333"}]"#));
    assert!(remedy.terraform.contains(r#"referenced_security_group_id = "111122223333/sg-nginx""#));
}

#[test]
fn another_region_or_a_translation_leaves_only_the_address() {
    let mut trap = Trap::named("T48");
    trap.estate.records("SecurityGroupRules").retain(|rule| rule["SecurityGroupRuleId"] != "sgr-far-in");
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &flow);
    assert_eq!(before.verdict, Verdict::Blocked);
    let remedy = open(&*aws, &before.blockers[0]).unwrap();
    assert!(remedy.cli.contains("--cidr 10.0.1.10/32"), "{remedy:?}");
    assert!(remedy.cli.ends_with("--region eu-west-1"), "{remedy:?}");
    trap.estate.run(&remedy.cli);
    assert_eq!(explain(&*trap.estate.compile(), &trap, &flow).verdict, Verdict::Allowed);
    // Behind a NAT gateway the receiver sees the gateway.
    let remedy = &remedies("T49a")["aws.security-group ingress"];
    assert!(remedy.cli.contains("--cidr 203.0.113.5/32"), "{remedy:?}");
}

#[test]
fn the_group_that_fewest_carry_is_chosen() {
    let mut trap = Trap::named("T22");
    for (id, groups) in [("eni-nginx", ["default", "web", "edge"]), ("eni-other", ["default", "web", "web"])] {
        let mut interface = trap.estate.record("NetworkInterfaces", "eni-nginx").clone();
        interface["NetworkInterfaceId"] = json!(id);
        interface["Groups"] = groups.iter().map(|name| json!({ "GroupId": format!("sg-{name}") })).collect();
        if id == "eni-other" {
            interface["PrivateIpAddress"] = json!("10.0.1.77");
            interface["PrivateIpAddresses"] = json!([{ "Primary": true, "PrivateIpAddress": "10.0.1.77" }]);
            interface["Attachment"]["InstanceId"] = json!("i-other");
        }
        trap.estate.records("NetworkInterfaces").retain(|record| record["NetworkInterfaceId"] != id);
        trap.estate.records("NetworkInterfaces").push(interface);
    }
    for name in ["default", "web", "edge"] {
        let group = json!({ "GroupId": format!("sg-{name}"), "GroupName": name, "OwnerId": "111122223333" });
        trap.estate.records("SecurityGroups").push(group);
        let mut out = trap.estate.record("SecurityGroupRules", "sgr-nginx-out").clone();
        out["GroupId"] = json!(format!("sg-{name}"));
        out["SecurityGroupRuleId"] = json!(format!("sgr-{name}-out"));
        trap.estate.records("SecurityGroupRules").push(out);
    }
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &trap.flows()[0]);
    let remedy = open(&*aws, &before.blockers[0]).unwrap();
    assert!(remedy.cli.contains("--source-group sg-edge "), "{remedy:?}");
}

#[test]
fn two_senders_do_not_get_the_same_entry() {
    let trap = Trap::named("T34");
    let aws = trap.estate.compile();
    let blocker = explain(&*aws, &trap, &trap.flows()[0]).blockers[0].clone();
    let HopKind::Gate { gate, packet } = blocker.hop.kind else { panic!("{blocker:?}") };
    let mut estate = trap.estate.clone();
    for last in 1..=80_u8 {
        let packet = reachlint_model::Packet { source: IpAddr::from([10, 0, 1, last]), ..packet };
        let hop = reachlint_model::Hop { kind: HopKind::Gate { gate, packet }, ..blocker.hop };
        // The estate refuses a number that is taken.
        estate.run(&aws.remedy(Fix::Open, &hop, None, None).unwrap().cli);
    }
}

#[test]
fn an_entry_without_room_before_it_is_said_to_need_renumbering() {
    let mut trap = Trap::named("T34");
    let entries = trap.estate.record("NetworkAcls", "acl-b")["Entries"].as_array_mut().unwrap();
    let deny = entries.iter_mut().find(|entry| entry["RuleAction"] == "deny" && entry["RuleNumber"] == 90).unwrap();
    deny["RuleNumber"] = json!(1);
    let aws = trap.estate.compile();
    let remedy = open(&*aws, &explain(&*aws, &trap, &trap.flows()[0]).blockers[0]).unwrap();
    assert_eq!((remedy.cli.as_str(), remedy.terraform.as_str()), ("", ""));
    assert!(remedy.console.contains("no number is free before entry 1"), "{remedy:?}");
}

/// The wide rules that let a flow in, narrowed one after the other: the flow passes all the time, and in the end nobody
/// else does.
fn narrowed(id: &str) -> Vec<Remedy> {
    let trap = Trap::named(id);
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &flow);
    assert_eq!(before.verdict, Verdict::Allowed, "{id}");
    let hop = before.admitted.iter().find(|hop| place(hop) == "aws.security-group ingress").unwrap();
    let HopKind::Gate { gate, packet } = hop.hop.kind else { panic!("{hop:?}") };
    let exposure = aws.exposure(before.landing.interface.unwrap(), packet.destination);
    let wide = sources(aws.network(), &exposure, packet.destination, flow.3, flow.2).openings;
    let mut rules: Vec<_> = wide.iter().map(|opening| (opening.list, opening.rule)).collect();
    // Rules that name a group are never wide in sources, but may be in ports.
    for matched in matching(aws.network(), aws.network().gate(gate).unwrap(), &packet) {
        if !rules.contains(&matched) {
            rules.push(matched);
        }
    }
    let narrow = |(list, rule)| aws.remedy(Fix::Narrow, &hop.hop, Some(list), Some(rule));
    let remedies: Vec<Remedy> = rules.into_iter().filter_map(narrow).collect();
    let mut estate = trap.estate.clone();
    for line in remedies.iter().flat_map(|remedy| remedy.cli.lines()) {
        estate.run(line);
        assert_eq!(explain(&*estate.compile(), &trap, &flow).verdict, Verdict::Allowed, "{id}: after {line}");
    }
    let aws = estate.compile();
    let left = sources(aws.network(), &exposure_of(&*aws, &trap, &flow), packet.destination, flow.3, flow.2);
    assert!(left.certain.size_v4() <= 1 && left.certain.size_v6() <= 1, "{id}: {:?}", left.certain);
    remedies
}

fn exposure_of(aws: &dyn Provider, trap: &Trap, flow: &Flow) -> reachlint_model::Exposure {
    let landing = explain(aws, trap, flow).landing;
    aws.exposure(landing.interface.unwrap(), flow.1)
}

#[test]
fn a_wide_rule_goes_only_after_the_narrow_one_came() {
    for id in ["T73a", "T73b", "T73c", "T73d", "T13", "15e", "T08"] {
        let remedies = narrowed(id);
        assert!(!remedies.is_empty(), "{id}");
        assert!(remedies.iter().any(|remedy| remedy.cli.contains("authorize")), "{id}: {remedies:?}");
        for line in remedies.iter().flat_map(|remedy| remedy.cli.lines()) {
            assert!(!line.contains("authorize") || !line.contains("/0"), "{id}: {line}");
        }
        assert!(remedies.iter().all(|remedy| remedy.console.contains("is cut then")), "{id}: {remedies:?}");
    }
}

#[test]
fn a_rule_without_an_id_is_removed_by_what_it_says() {
    let mut trap = Trap::named("T73a");
    trap.estate.records("SecurityGroupRules").retain(|rule| rule["GroupId"] != "sg-app");
    trap.estate.record("SecurityGroups", "sg-app")["IpPermissions"] = json!([
        { "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] },
    ]);
    trap.estate.record("SecurityGroups", "sg-app")["IpPermissionsEgress"] = json!([]);
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &trap.flows()[0]);
    let hop = before.admitted.iter().find(|hop| place(hop) == "aws.security-group ingress").unwrap();
    let (list, rule) = hop.by.unwrap();
    let remedy = aws.remedy(Fix::Narrow, &hop.hop, Some(list), Some(rule)).unwrap();
    let revoke = shell_words(remedy.cli.lines().nth(1).unwrap());
    let permissions = &options(&revoke[3..])["--ip-permissions"];
    assert_eq!(
        serde_json::from_str::<Value>(permissions).unwrap(),
        json!([{ "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }])
    );
}

#[test]
fn identifiers_cannot_leave_their_quotes() {
    let evil = "sg-a'; reboot #${x}\"";
    let mut trap = Trap::named("T22");
    trap.estate.record("NetworkInterfaces", "eni-nginx")["Groups"] = json!([{ "GroupId": evil }]);
    let group = json!({ "GroupId": evil, "GroupName": "a\nb", "OwnerId": "111122223333" });
    trap.estate.records("SecurityGroups").push(group);
    let mut out = trap.estate.record("SecurityGroupRules", "sgr-nginx-out").clone();
    out["GroupId"] = json!(evil);
    out["SecurityGroupRuleId"] = json!("sgr-evil");
    trap.estate.records("SecurityGroupRules").push(out);
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let remedy = open(&*aws, &explain(&*aws, &trap, &flow).blockers[0]).unwrap();
    assert!(remedy.cli.contains(evil.replace('\'', r"'\''").as_str()), "{remedy:?}");
    assert!(remedy.terraform.contains(r#""sg-a'; reboot #$${x}\"""#), "{remedy:?}");
    assert_eq!(remedy.console.lines().count(), 1, "{remedy:?}");
    trap.estate.run(&remedy.cli);
    assert_eq!(explain(&*trap.estate.compile(), &trap, &flow).verdict, Verdict::Allowed);
}

#[test]
fn a_narrowed_rule_admits_nobody_new() {
    // The rule has one address and all ports: the new one keeps the address.
    let remedies = narrowed("T08");
    assert!(remedies[0].cli.contains("--port 8080 --cidr 10.0.1.10/32"), "{remedies:?}");
    // The rule has a block, and another machine outside of it carries nginx's group.
    let mut trap = Trap::named("T73d");
    let mut other = trap.estate.record("NetworkInterfaces", "eni-nginx").clone();
    other["NetworkInterfaceId"] = json!("eni-other");
    other["PrivateIpAddress"] = json!("172.16.0.9");
    other["PrivateIpAddresses"] = json!([{ "Primary": true, "PrivateIpAddress": "172.16.0.9" }]);
    other["Attachment"]["InstanceId"] = json!("i-other");
    trap.estate.records("NetworkInterfaces").push(other);
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &trap.flows()[0]);
    let hop = before.admitted.iter().find(|hop| place(hop) == "aws.security-group ingress").unwrap();
    let (list, rule) = hop.by.unwrap();
    let remedy = aws.remedy(Fix::Narrow, &hop.hop, Some(list), Some(rule)).unwrap();
    assert!(remedy.cli.contains("--cidr 10.0.1.10/32"), "{remedy:?}");
}

/// A trap whose route table has this route instead of what it had for that destination, opened.
fn rerouted(id: &str, table: &str, route: &Value) -> Remedy {
    let mut trap = Trap::named(id);
    let routes = trap.estate.record("RouteTables", table)["Routes"].as_array_mut().unwrap();
    routes.retain(|known| known["DestinationCidrBlock"] != route["DestinationCidrBlock"]);
    routes.push(route.clone());
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &flow);
    assert_eq!(before.verdict, Verdict::Blocked, "{:?}", before.reasons);
    let remedy = open(&*aws, &before.blockers[0]).unwrap();
    trap.estate.run(&remedy.cli);
    assert_eq!(explain(&*trap.estate.compile(), &trap, &flow).verdict, Verdict::Allowed, "{remedy:?}");
    remedy
}

#[test]
fn a_route_to_a_lost_peering_gets_the_one_that_leads_there() {
    let route = json!({
        "DestinationCidrBlock": "10.1.1.0/24", "VpcPeeringConnectionId": "pcx-gone", "State": "blackhole",
    });
    let remedy = rerouted("G1a", "rtb-main", &route);
    assert_eq!(
        remedy.cli,
        "aws ec2 replace-route --route-table-id rtb-main --destination-cidr-block 10.1.1.0/24 \
         --vpc-peering-connection-id pcx-ab --region us-east-1"
    );
}

#[test]
fn answers_that_take_another_way_get_a_route_for_the_client_alone() {
    let route = json!({ "DestinationCidrBlock": "10.0.0.0/16", "NatGatewayId": "nat-b", "State": "active" });
    let remedy = rerouted("T41", "rtb-far", &route);
    assert!(remedy.cli.contains("--destination-cidr-block 10.0.1.10/32 --vpc-peering"), "{remedy:?}");
}
