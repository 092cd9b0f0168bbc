//! Upstreams behind load balancers: what is asked for, page by page, and what is unknown without it.

use crate::estate::{balancing, interface, reply};
use crate::run::{check, verdict};
use crate::server::{Form, Reply, Server, filters, members, set};

/// An Application Load Balancer at 10.0.2.50 and a Network Load Balancer at 10.0.2.51, with all groups open.
pub(crate) fn estate(action: &str, form: &Form) -> Reply {
    let asked: Vec<String> = filters(form).into_values().flatten().collect();
    let node = |kind: &str, address: &str| {
        let described = format!("<description>ELB {kind}/front-{kind}/1</description>");
        let text = interface(&format!("eni-lb-{kind}"), "", "subnet-2", "sg-other", address, &described);
        let start = text.find("<attachment>").unwrap();
        let end = text.find("</attachment>").unwrap() + "</attachment>".len();
        text.replace(&text[start..end], "")
    };
    match action {
        "DescribeNetworkInterfaces" => {
            let Reply::Answer(text) = reply(action, form) else { panic!("no interfaces") };
            let more = [("app", "10.0.2.50"), ("net", "10.0.2.51")].into_iter();
            let more = more.filter(|(_, address)| asked.iter().any(|value| value == address));
            let more: Vec<String> =
                more.map(|(kind, address)| format!("<item>{}</item>", node(kind, address))).collect();
            Reply::Answer(text.replace("</networkInterfaceSet>", &format!("{}</networkInterfaceSet>", more.concat())))
        }
        "DescribeSecurityGroupRules" => {
            let rules = ["sg-nginx", "sg-app", "sg-node", "sg-other"].into_iter().flat_map(|group| {
                ["false", "true"].map(|egress| {
                    format!(
                        "<securityGroupRuleId>sgr-{group}-{egress}</securityGroupRuleId><groupId>{group}</groupId>\
                         <isEgress>{egress}</isEgress><ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort>\
                         <toPort>8080</toPort><cidrIpv4>10.0.0.0/16</cidrIpv4>"
                    )
                })
            });
            set("securityGroupRuleSet", &rules.collect::<Vec<_>>(), None)
        }
        // Only the one that was named.
        "DescribeLoadBalancers" => {
            let named = form.get("Names.member.1").is_some_and(|name| name.starts_with("front-"));
            assert!(named && !form.contains_key("Names.member.2") && !form.contains_key("PageSize"), "{form:?}");
            balancing(action, form)
        }
        _ => reply(action, form),
    }
}

#[test]
fn the_way_goes_on_to_the_targets() {
    for (to, target) in [("10.0.2.50:8080", "eni-app"), ("10.0.2.51:8080", "eni-node")] {
        let server = Server::start(|action, form, _| estate(action, form));
        let ran = check(&server, to);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{to}: {ran:?}");
        let report = ran.report();
        assert_eq!(verdict(&report), "allowed", "{to}");
        assert!(report["flows"][0]["path"].to_string().contains(target), "{to}: {report}");
    }
    let server = Server::start(|action, form, _| estate(action, form));
    check(&server, "10.0.2.20:8080");
    for call in ["DescribeLoadBalancers", "DescribeTargetGroups", "DescribeListeners"] {
        assert_eq!(server.asked(call).len(), 0, "no upstream stands behind a load balancer");
    }
}

#[test]
fn each_call_that_is_refused_leaves_the_verdict_open_and_is_named() {
    let both = ["DescribeLoadBalancers", "DescribeListeners", "DescribeTargetGroups", "DescribeTargetHealth"];
    let of_each = [("10.0.2.50:8080", None), ("10.0.2.51:8080", Some("DescribeTargetGroupAttributes"))];
    for (to, more) in of_each {
        for call in both.into_iter().chain(more) {
            let server = Server::start(move |action, form, _| match action {
                _ if action == call => {
                    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message>\
                                </Error></ErrorResponse>";
                    Reply::Raw(403, body)
                }
                _ => estate(action, form),
            });
            let ran = check(&server, to);
            let report = ran.report();
            let reasons = report["flows"][0]["reasons"].to_string();
            // Both answers of the refused settings come to the same here.
            if call != "DescribeTargetGroupAttributes" {
                assert_eq!((ran.code, &*verdict(&report)), (4, "unknown"), "{call} {to}: {ran:?}");
                assert!(reasons.contains(&format!("elasticloadbalancing:{call}")), "{call} {to}: {reasons}");
            }
            let failures = report["evidence"].to_string();
            assert!(failures.contains(&format!("elasticloadbalancing:{call} failed")), "{failures}");
        }
    }
}

#[test]
fn a_throttled_call_is_made_again() {
    let server = Server::start(|action, form, before| match action {
        "DescribeTargetHealth" if before < 2 => {
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>\
                        </Error></ErrorResponse>";
            Reply::Raw(400, body)
        }
        _ => estate(action, form),
    });
    let ran = check(&server, "10.0.2.50:8080");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdict(&ran.report()), "allowed");
}

#[test]
fn every_page_of_the_listeners_counts() {
    let second = |form: &Form| form.get("Marker").map(String::as_str) == Some("two/+=");
    let server = Server::start(move |action, form, _| match action {
        "DescribeListeners" if !second(form) => members(action, "Listeners", &[], Some("two/+=")),
        _ => estate(action, form),
    });
    let ran = check(&server, "10.0.2.50:8080");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdict(&ran.report()), "allowed");

    // Without the last page nobody knows whether the port is taken.
    let server = Server::start(move |action, form, _| match action {
        "DescribeListeners" if !second(form) => members(action, "Listeners", &[], Some("two/+=")),
        "DescribeListeners" => Reply::Raw(200, "<DescribeListenersResponse><DescribeListenersResult><Listeners>"),
        _ => estate(action, form),
    });
    let ran = check(&server, "10.0.2.50:8080");
    let report = ran.report();
    assert_eq!((ran.code, &*verdict(&report)), (4, "unknown"), "{ran:?}");
    assert!(report["flows"][0]["reasons"].to_string().contains("DescribeListeners"), "{report}");
}
