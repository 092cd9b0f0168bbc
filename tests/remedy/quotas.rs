//! What is proposed where AWS would refuse one more rule.

use reachlint_model::{Fix, Remedy, Verdict};
use serde_json::{Value, json};

use crate::estate::Trap;
use crate::opened::{explain, open, place};

/// Rules that let other addresses in on a port.
fn strangers(trap: &mut Trap, group: &str, count: usize, rule: impl Fn(usize) -> Value) {
    for at in 0..count {
        let mut rule = rule(at);
        let known = trap.estate.records("SecurityGroupRules").len();
        rule["SecurityGroupRuleId"] = json!(format!("sgr-{group}-{at}-{known}"));
        rule["GroupId"] = json!(group);
        rule["GroupOwnerId"] = json!("111122223333");
        rule["IsEgress"] = json!(false);
        rule["IpProtocol"] = json!("tcp");
        rule["FromPort"] = json!(8080);
        rule["ToPort"] = json!(8080);
        trap.estate.records("SecurityGroupRules").push(rule);
    }
}

fn v4(at: usize) -> Value {
    json!({ "CidrIpv4": format!("10.9.0.{at}/32") })
}

fn apart(at: usize) -> Value {
    json!({ "CidrIpv4": format!("10.9.{at}.1/32") })
}

fn v6(at: usize) -> Value {
    json!({ "CidrIpv6": format!("2001:db8:9::{at:x}/128") })
}

/// What is proposed at the first blocker; a command is carried out and has to work.
fn proposed(mut trap: Trap) -> Remedy {
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &flow);
    assert_eq!(before.verdict, Verdict::Blocked);
    let remedy = open(&*aws, &before.blockers[0]).unwrap();
    assert_eq!(remedy.cli.is_empty(), remedy.terraform.is_empty(), "{remedy:?}");
    if !remedy.cli.is_empty() {
        trap.estate.run(&remedy.cli);
        let left: Vec<String> = explain(&*trap.estate.compile(), &trap, &flow).blockers.iter().map(place).collect();
        assert!(!left.contains(&place(&before.blockers[0])), "{left:?}");
    }
    remedy
}

fn groups(trap: &mut Trap, interface: &str, names: &[&str]) {
    trap.estate.record("NetworkInterfaces", interface)["Groups"] =
        names.iter().map(|name| json!({ "GroupId": format!("sg-{name}") })).collect();
    for name in names.iter().filter(|name| **name != "app") {
        let group = json!({ "GroupId": format!("sg-{name}"), "GroupName": name, "OwnerId": "111122223333" });
        trap.estate.records("SecurityGroups").push(group);
        strangers(trap, &format!("sg-{name}"), 1, apart);
    }
}

#[test]
fn a_group_takes_sixty_rules() {
    let mut trap = Trap::named("T22");
    strangers(&mut trap, "sg-app", 59, v4);
    assert!(proposed(trap).cli.contains("--group-id sg-app"));
    let mut trap = Trap::named("T22");
    strangers(&mut trap, "sg-app", 60, v4);
    let remedy = proposed(trap);
    assert_eq!(remedy.cli, "");
    assert_eq!(
        remedy.console,
        "In account 111122223333, us-east-1: sg-app (app) has 60 of 60 inbound rules for IPv4 (a group counts as one, a \
         prefix list as all that it may hold), so AWS refuses one more, unless the quota was raised. Instead: merge its \
         60 rules by address for tcp 8080 into 4 rules (10.9.0.0/27, 10.9.0.32/28, 10.9.0.48/29, 10.9.0.56/30), which \
         admits nobody new; or put the rule into another group and give eni-app that too: it carries 1 of 5."
    );
    // Blocks that do not touch cannot be merged.
    let mut trap = Trap::named("T22");
    strangers(&mut trap, "sg-app", 60, apart);
    assert!(!proposed(trap).console.contains("merge"));
}

#[test]
fn a_reference_counts_for_both_families_and_an_address_for_its_own() {
    let mut trap = Trap::named("T22");
    strangers(&mut trap, "sg-app", 60, v6);
    assert!(proposed(trap).console.contains("60 of 60 inbound rules for IPv6"));
    // Behind a NAT gateway only an IPv4 address can be named.
    let mut trap = Trap::named("T49a");
    strangers(&mut trap, "sg-far", 60, v6);
    assert!(proposed(trap).cli.contains("--cidr 203.0.113.5/32"));
    let mut trap = Trap::named("T49a");
    strangers(&mut trap, "sg-far", 59, apart);
    assert_eq!(proposed(trap).cli, "", "the rule of the trap is the sixtieth");
}

#[test]
fn who_has_more_than_sixty_had_the_quota_raised() {
    let mut trap = Trap::named("T22");
    strangers(&mut trap, "sg-app", 70, v4);
    assert!(proposed(trap).cli.contains("--group-id sg-app"));
    // It is raised for all groups of the account.
    let mut trap = Trap::named("T22");
    strangers(&mut trap, "sg-app", 60, v4);
    groups(&mut trap, "eni-app", &["app"]);
    let group = json!({ "GroupId": "sg-wide", "GroupName": "wide", "OwnerId": "111122223333" });
    trap.estate.records("SecurityGroups").push(group);
    strangers(&mut trap, "sg-wide", 61, apart);
    let aws = trap.estate.compile();
    let remedy = open(&*aws, &explain(&*aws, &trap, &trap.flows()[0]).blockers[0]).unwrap();
    assert!(remedy.cli.contains("--group-id sg-app"), "{remedy:?}");
}

#[test]
fn another_group_with_room_gets_the_rule() {
    let mut trap = Trap::named("T22");
    strangers(&mut trap, "sg-app", 60, apart);
    groups(&mut trap, "eni-app", &["app", "more"]);
    assert!(proposed(trap).cli.contains("--group-id sg-more"));
}

#[test]
fn an_interface_takes_five_groups() {
    let mut trap = Trap::named("T22");
    let names = ["app", "one", "two", "three", "four"];
    groups(&mut trap, "eni-app", &names);
    for name in names {
        let group = format!("sg-{name}");
        trap.estate.records("SecurityGroupRules").retain(|rule| rule["GroupId"] != group.as_str());
        strangers(&mut trap, &group, 60, apart);
    }
    let remedy = proposed(trap);
    assert_eq!(remedy.cli, "");
    assert!(remedy.console.contains("eni-app carries 5 groups of 5 and can take no further one"), "{remedy:?}");
}

fn list(trap: &mut Trap, owner: &str, name: &str, most: Option<u64>) {
    let mut record = json!({
        "PrefixListId": "pl-front", "PrefixListName": name, "AddressFamily": "IPv4", "OwnerId": owner, "Version": 1,
    });
    if let Some(most) = most {
        record["MaxEntries"] = json!(most);
    }
    trap.estate.records("PrefixLists").push(record);
    trap.estate.entries("pl-front", &json!([{ "Cidr": "10.8.0.0/24" }]));
}

fn by_list(_: usize) -> Value {
    json!({ "PrefixListId": "pl-front" })
}

#[test]
fn a_prefix_list_counts_as_all_that_it_may_hold() {
    let mut trap = Trap::named("T49a");
    list(&mut trap, "111122223333", "front", Some(59));
    strangers(&mut trap, "sg-far", 1, by_list);
    let remedy = proposed(trap);
    assert_eq!(remedy.cli, "");
    assert!(
        remedy.console.contains(
            "add 203.0.113.5/32 to the prefix list pl-front (front), which a rule of the group names for this port and \
             which has 58 of its entries free"
        ),
        "{remedy:?}"
    );
    let mut trap = Trap::named("T49a");
    list(&mut trap, "111122223333", "front", Some(58));
    strangers(&mut trap, "sg-far", 1, by_list);
    assert!(proposed(trap).cli.contains("--cidr 203.0.113.5/32"));
    // Lists of AWS have a weight, and nobody else adds to them.
    let mut trap = Trap::named("T49a");
    list(&mut trap, "AWS", "com.amazonaws.global.cloudfront.origin-facing", None);
    strangers(&mut trap, "sg-far", 1, by_list);
    strangers(&mut trap, "sg-far", 4, apart);
    let remedy = proposed(trap);
    assert_eq!(remedy.cli, "");
    assert!(!remedy.console.contains("prefix list pl-front"), "{remedy:?}");
}

#[test]
fn nothing_is_removed_before_the_narrow_rule_fits() {
    let mut trap = Trap::named("T73a");
    strangers(&mut trap, "sg-app", 59, apart);
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let before = explain(&*aws, &trap, &flow);
    let hop = before.admitted.iter().find(|hop| place(hop) == "aws.security-group ingress").unwrap();
    let (list, rule) = hop.by.unwrap();
    let remedy = aws.remedy(Fix::Narrow, &hop.hop, Some(list), Some(rule)).unwrap();
    assert_eq!((remedy.cli.as_str(), remedy.terraform.as_str()), ("", ""));
    let (before, after) = remedy.console.split_once("\nThen: ").unwrap();
    assert!(before.contains("60 of 60 inbound rules") && after.contains("delete rule"), "{remedy:?}");
}

#[test]
fn a_network_acl_takes_twenty_entries_and_never_more_than_forty() {
    let with = |count: i64| {
        let mut trap = Trap::named("T34");
        let entries = trap.estate.record("NetworkAcls", "acl-b")["Entries"].as_array_mut().unwrap();
        let more = count - i64::try_from(entries.iter().filter(|entry| entry["Egress"] == false).count()).unwrap();
        entries.extend((0..more).map(|at| {
            json!({
                "RuleNumber": 200 + at, "Egress": false, "RuleAction": "allow", "Protocol": "6",
                "PortRange": { "From": 22, "To": 22 }, "CidrBlock": format!("10.9.{at}.0/24"),
            })
        }));
        proposed(trap)
    };
    assert!(with(19).cli.contains("create-network-acl-entry"));
    let remedy = with(20);
    assert_eq!(remedy.cli, "");
    assert!(remedy.console.contains("acl-b has 20 of 20 inbound entries for IPv4"), "{remedy:?}");
    assert!(with(21).cli.contains("create-network-acl-entry"), "the quota was raised");
    let remedy = with(40);
    assert!(remedy.console.contains("40 of 40") && !remedy.console.contains("raised"), "{remedy:?}");
}
