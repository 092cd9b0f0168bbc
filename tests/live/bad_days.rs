//! Pages, throttling, refusals and broken answers: what is missing is unknown, and never allowed.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use reachlint_aws::collect::PERMISSIONS;
use serde_json::Value;

use crate::estate::{interface, reply};
use crate::moto::moto;
use crate::proxy::{Fate, Proxy};
use crate::run::{Key, Ran, conf, run, verdict, verdicts};
use crate::same_answer::PLANTED;
use crate::server::{Form, Reply, Server, filters, set};

/// Judges the connection of one machine to one upstream.
fn check(url: &str, from: &str, to: &str) -> Ran {
    let (_folder, conf) = conf(&[to]);
    let live = ["--endpoint-url", url, "--region", "us-east-1"];
    run(&Key::any(), &[&["check", &conf, "--from", from, "--report", "json"], &live[..]].concat())
}

fn edge(url: &str, to: &str) -> Ran {
    check(url, moto().told("/edges/0/instance"), to)
}

fn reasons(report: &Value) -> String {
    report["flows"][0]["reasons"].to_string()
}

#[test]
fn a_throttled_call_is_made_again() {
    let proxy = Proxy::start(moto().url(), |action, before| match action {
        "DescribeSecurityGroupRules" if before < 2 => {
            Fate::Error(503, "RequestLimitExceeded", "Request limit exceeded.")
        }
        _ => Fate::Passes,
    });
    let ran = edge(&proxy.url, "10.10.2.20:8001");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdict(&ran.report()), "allowed");
    assert_eq!(proxy.actions().iter().filter(|action| *action == "DescribeSecurityGroupRules").count(), 3);
}

fn refusing(calls: &'static [&'static str]) -> Proxy {
    Proxy::start(moto().url(), move |action, _| {
        if calls.contains(&action) {
            Fate::Error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")
        } else {
            Fate::Passes
        }
    })
}

/// Each call that a verdict hangs on, refused by itself.
#[test]
fn without_a_permission_the_verdict_is_open_and_the_permission_named() {
    let calls: [(&[&str], &str); 4] = [
        (&["DescribeNetworkAcls"], "10.10.2.20:8001"),
        (&["DescribeRouteTables"], "10.10.2.20:8001"),
        (&["DescribeVpcPeeringConnections"], "10.30.1.20:8008"),
        (&["GetManagedPrefixListEntries"], "10.10.2.21:8002"),
    ];
    for (call, to) in calls {
        let ran = edge(&refusing(call).url, to);
        assert_eq!((ran.code, &*ran.stderr), (4, ""), "{call:?}: {ran:?}");
        let report = ran.report();
        assert_eq!(verdict(&report), "unknown", "{call:?}");
        assert!(reasons(&report).contains(&format!("ec2:{}", call[0])), "{call:?}: {}", reasons(&report));
        assert_eq!(report["findings"][0]["rule"], "undecided-flow", "{call:?}");
    }
}

/// Whatever is refused: a verdict stays what it is or becomes open, and says for want of what.
#[test]
fn no_refusal_turns_a_verdict_into_another() {
    let (_folder, conf) = conf(&PLANTED.map(|(target, _)| target));
    for permission in PERMISSIONS {
        let call = permission.action.split_once(':').unwrap().1;
        let proxy = refusing(vec![call].leak());
        let live = ["--endpoint-url", &proxy.url, "--region", "us-east-1"];
        let ran =
            run(&Key::any(), &[&["check", &conf, "--from", "tag:Role=edge", "--report", "json"], &live[..]].concat());
        if matches!(call, "DescribeInstances" | "DescribeNetworkInterfaces") {
            // Nobody knows then which machines have the tag.
            assert_eq!((ran.code, &*ran.stdout), (5, ""), "{ran:?}");
            assert!(ran.stderr.contains("which machines are tag:Role=edge is not known"), "{ran:?}");
            assert!(ran.stderr.contains(&format!("grant {}", permission.action)), "{ran:?}");
            continue;
        }
        let report = ran.report();
        let found = verdicts(&report);
        assert_eq!(found.len(), 2 * PLANTED.len(), "{call}: {found:?}");
        for (_, to, verdict) in found {
            let (_, planted) = PLANTED.iter().find(|(target, _)| **target == to).unwrap();
            if verdict != *planted {
                assert_eq!(verdict, "unknown", "{call}: {to} is {planted}");
                let mut flows = report["flows"].as_array().unwrap().iter();
                let flow = flows.find(|flow| flow["id"].as_str().unwrap().ends_with(&format!(">{to}/tcp"))).unwrap();
                assert!(flow["reasons"].to_string().contains(permission.action), "{call}: {}", flow["reasons"]);
            }
        }
    }
}

/// Rules stand in two listings, of which one is enough and none is too little.
#[test]
fn rules_are_read_from_either_listing() {
    let refused = |calls| edge(&refusing(calls).url, "10.10.2.20:8001");
    for one in ["DescribeSecurityGroups", "DescribeSecurityGroupRules"] {
        let ran = refused(vec![one].leak());
        assert_eq!(verdict(&ran.report()), "allowed", "{one:?}: {ran:?}");
    }
    let ran = refused(&["DescribeSecurityGroups", "DescribeSecurityGroupRules"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert_eq!(verdict(&ran.report()), "unknown");
    assert!(reasons(&ran.report()).contains("ec2:DescribeSecurityGroup"), "{}", reasons(&ran.report()));
}

#[test]
fn an_answer_cut_in_half_is_no_answer() {
    for call in ["DescribeNetworkAcls", "DescribeRouteTables"] {
        let proxy = Proxy::start(moto().url(), move |action, _| if action == call { Fate::Half } else { Fate::Passes });
        let ran = edge(&proxy.url, "10.10.2.20:8001");
        assert_eq!(ran.code, 4, "{call}: {ran:?}");
        assert_eq!(verdict(&ran.report()), "unknown", "{call}");
        let reasons = reasons(&ran.report());
        assert!(reasons.contains(&format!("ec2:{call}")) && reasons.contains("BrokenAnswer"), "{call}: {reasons}");
    }
}

#[test]
fn a_connection_that_always_breaks_leaves_the_verdict_open() {
    let proxy = Proxy::start(moto().url(), |action, _| match action {
        "DescribeNetworkAcls" => Fate::Reset,
        _ => Fate::Passes,
    });
    let ran = edge(&proxy.url, "10.10.2.20:8001");
    assert_eq!(ran.code, 4, "{ran:?}");
    assert_eq!(verdict(&ran.report()), "unknown");
    assert!(reasons(&ran.report()).contains("ec2:DescribeNetworkAcls"), "{ran:?}");
}

#[test]
fn a_connection_that_broke_once_decides_nothing() {
    let proxy = Proxy::start(moto().url(), |_, before| if before == 0 { Fate::Reset } else { Fate::Passes });
    let ran = edge(&proxy.url, "10.10.2.20:8001");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdict(&ran.report()), "allowed");
}

/// moto has no pages. Here nginx's way out stands on the first page of rules, and what lets it in on the third.
fn paged(action: &str, form: &Form, third: Reply) -> Reply {
    let rule = |id: &str, group: &str, egress: bool, peer: &str| {
        format!(
            "<securityGroupRuleId>{id}</securityGroupRuleId><groupId>{group}</groupId><isEgress>{egress}</isEgress>\
             <ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort><toPort>8080</toPort>{peer}"
        )
    };
    match (action, form.get("NextToken").map(String::as_str)) {
        ("DescribeSecurityGroupRules", None) => {
            let out = rule("sgr-out", "sg-nginx", true, "<cidrIpv4>10.0.0.0/16</cidrIpv4>");
            set("securityGroupRuleSet", &[out], Some("two/+="))
        }
        ("DescribeSecurityGroupRules", Some("two/+=")) => set("securityGroupRuleSet", &[], Some("three")),
        ("DescribeSecurityGroupRules", Some("three")) => third,
        ("DescribeSecurityGroupRules", other) => panic!("{other:?}"),
        _ => reply(action, form),
    }
}

fn lets_in() -> Reply {
    let rule = "<securityGroupRuleId>sgr-in</securityGroupRuleId><groupId>sg-app</groupId><isEgress>false</isEgress>\
                <ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort><toPort>8080</toPort>\
                <referencedGroupInfo><groupId>sg-nginx</groupId></referencedGroupInfo>";
    set("securityGroupRuleSet", &[rule.to_owned()], None)
}

#[test]
fn every_page_counts() {
    let server = Server::start(|action, form, _| paged(action, form, lets_in()));
    let ran = check(&server.url, "i-nginx", "10.0.2.20:8080");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdict(&ran.report()), "allowed");
    assert!(ran.stdout.contains("sgr-in"), "{}", ran.stdout);
    let nothing_more = Server::start(|action, form, _| paged(action, form, set("securityGroupRuleSet", &[], None)));
    let ran = check(&nothing_more.url, "i-nginx", "10.0.2.20:8080");
    assert_eq!(verdict(&ran.report()), "blocked", "the third page decides: {ran:?}");
}

#[test]
fn a_page_that_does_not_come_leaves_the_verdict_open() {
    for code in ["UnauthorizedOperation", "BrokenAnswer", "EndlessPages"] {
        let third = move || match code {
            "UnauthorizedOperation" => Reply::Error(403, code, "no".to_owned()),
            "BrokenAnswer" => Reply::Raw(200, "<DescribeSecurityGroupRulesResponse><securityGroupRuleSet><item>"),
            // The same page again, for ever.
            _ => set("securityGroupRuleSet", &[], Some("three")),
        };
        let server = Server::start(move |action, form, _| match action {
            // The groups' own listing would tell their rules too.
            "DescribeSecurityGroups" => Reply::Error(403, "UnauthorizedOperation", "no".to_owned()),
            _ => paged(action, form, third()),
        });
        let ran = check(&server.url, "i-nginx", "10.0.2.20:8080");
        assert_eq!(ran.code, 4, "{code}: {ran:?}");
        let report = ran.report();
        assert_eq!(verdict(&report), "unknown", "{code}");
        let told = reasons(&report);
        assert!(told.contains("ec2:DescribeSecurityGroupRules failed") && told.contains(code), "{code}: {told}");
    }
}

/// Holds requests until no more come, and counts how often it let them go.
#[derive(Default)]
struct Rounds {
    state: Mutex<(usize, Option<Instant>)>,
    gone: Condvar,
}

impl Rounds {
    const QUIET: Duration = Duration::from_millis(300);

    fn hold(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 = Some(Instant::now());
        let mine = state.0;
        while state.0 == mine {
            (state, _) = self.gone.wait_timeout(state, Self::QUIET).unwrap();
            if state.0 == mine && state.1.is_some_and(|last| last.elapsed() >= Self::QUIET) {
                state.0 += 1;
                self.gone.notify_all();
            }
        }
    }
}

/// Each round is a wait for the slowest answer of it, and answers of EC2 take up to a second.
#[test]
fn a_small_estate_takes_three_rounds() {
    let rounds = Arc::new(Rounds::default());
    let held = Arc::clone(&rounds);
    let server = Server::start(move |action, form, _| {
        held.hold();
        paged_once(action, form)
    });
    let ran = check(&server.url, "i-nginx", "10.0.2.20:8080");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    let (rounds, calls) = (rounds.state.lock().unwrap().0, server.actions());
    assert!(rounds <= 3, "{rounds} rounds: {calls:?}");
    assert!(calls.len() <= 10, "{calls:?}");
}

/// An account's allowance is shared with everybody in it, and each call takes up to a second.
#[test]
fn fifty_upstreams_in_a_vpc_cost_twelve_calls() {
    let addresses: Vec<String> = (0..50).map(|at| format!("10.0.2.{}", 100 + at)).collect();
    let known = addresses.clone();
    let server = Server::start(move |action, form, _| match action {
        "DescribeNetworkInterfaces" => {
            let asked: Vec<String> = filters(form).into_values().flatten().collect();
            let mut found = Vec::new();
            if asked.iter().any(|value| value == "i-nginx") {
                found.push(interface("eni-nginx", "i-nginx", "subnet-1", "sg-nginx", "10.0.1.10", ""));
            }
            for address in known.iter().filter(|address| asked.contains(address)) {
                let id = address.replace('.', "-");
                found.push(interface(&format!("eni-{id}"), &format!("i-{id}"), "subnet-2", "sg-app", address, ""));
            }
            set("networkInterfaceSet", &found, None)
        }
        "DescribeInstances" => {
            let asked: Vec<String> = filters(form).into_values().flatten().collect();
            let machine = |id: &String| {
                format!(
                    "<reservationId>r-{id}</reservationId><instancesSet><item><instanceId>{id}</instanceId>\
                     <instanceState><name>running</name></instanceState></item></instancesSet>"
                )
            };
            set("reservationSet", &asked.iter().map(machine).collect::<Vec<_>>(), None)
        }
        // A way to the internet that none of the connections takes, and a rule by a prefix list.
        "DescribeRouteTables" => {
            let Reply::Answer(text) = reply(action, form) else { panic!("no route tables") };
            let route = "<item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-1</gatewayId>\
                         <state>active</state></item></routeSet>";
            Reply::Answer(text.replace("</routeSet>", route))
        }
        "DescribeSecurityGroupRules" => {
            let Reply::Answer(text) = paged_once(action, form) else { panic!("no rules") };
            let list = "<item><securityGroupRuleId>sgr-3</securityGroupRuleId><groupId>sg-app</groupId><isEgress>false\
                        </isEgress><ipProtocol>tcp</ipProtocol><fromPort>9090</fromPort><toPort>9090</toPort>\
                        <prefixListId>pl-1</prefixListId></item></securityGroupRuleSet>";
            Reply::Answer(text.replace("</securityGroupRuleSet>", list))
        }
        _ => reply(action, form),
    });
    let targets: Vec<String> = addresses.iter().map(|address| format!("{address}:8080")).collect();
    let (_folder, conf) = conf(&targets.iter().map(String::as_str).collect::<Vec<_>>());
    let live = ["--endpoint-url", &server.url, "--region", "us-east-1"];
    let ran = run(&Key::any(), &[&["check", &conf, "--from", "i-nginx", "--report", "json"], &live[..]].concat());
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdicts(&ran.report()).iter().filter(|(_, _, verdict)| verdict == "allowed").count(), 50);
    let calls = server.actions();
    assert!(calls.len() <= 12, "{} calls: {calls:?}", calls.len());
}

/// All rules on one page.
fn paged_once(action: &str, form: &Form) -> Reply {
    let rule = |id: &str, group: &str, egress: bool| {
        format!(
            "<securityGroupRuleId>{id}</securityGroupRuleId><groupId>{group}</groupId><isEgress>{egress}</isEgress>\
             <ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort><toPort>8080</toPort><cidrIpv4>10.0.0.0/8</cidrIpv4>"
        )
    };
    match action {
        "DescribeSecurityGroupRules" => {
            set("securityGroupRuleSet", &[rule("sgr-1", "sg-nginx", true), rule("sgr-2", "sg-app", false)], None)
        }
        _ => reply(action, form),
    }
}
