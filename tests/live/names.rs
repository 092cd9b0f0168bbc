//! Names of upstreams: private zones, and what stands behind names of AWS's own; and upstreams of services in a VPC.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::estate::ACCOUNT;
use crate::moto::moto;
use crate::proxy::{Fate, Proxy};
use crate::run::{Key, Ran, check, conf, run, verdict, verdicts, without_sources};
use crate::same_answer::aws_of;
use crate::server::{Form, Reply, Server};
use crate::services::{FRONT, LOGS, SESSIONS, SHOP, ZONE, estate, of_account, record, records, zones};

fn whole() -> Server {
    Server::start(|action, form, _| estate(action, form))
}

/// The estate with another answer to one call.
fn with(call: &'static str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |action, form, _| if action == call { reply() } else { estate(action, form) })
}

fn refused() -> Reply {
    Reply::Raw(
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
    )
}

fn reasons(ran: &Ran) -> String {
    let report = ran.report();
    format!("{} {}", report["flows"][0]["reasons"], report["flows"][0]["to"])
}

#[test]
fn names_are_answered_as_in_the_vpc_of_nginx() {
    for (name, address) in [
        ("app.corp.internal", "10.0.2.20"),
        ("any.apps.corp.internal", "10.0.2.20"),
        ("db.corp.internal", "10.0.2.80"),
        ("front.corp.internal", "10.0.2.60"),
        (FRONT, "10.0.2.60"),
        (SHOP, "10.0.2.80"),
        ("orders.cluster-abcdefghijkl.us-east-1.rds.amazonaws.com", "10.0.2.80"),
        (SESSIONS, "10.0.2.81"),
        (LOGS, "10.0.2.82"),
        ("sqs.us-east-1.amazonaws.com", "10.0.2.83"),
        ("vpce-0123abcd-x1.sqs.us-east-1.vpce.amazonaws.com", "10.0.2.83"),
    ] {
        // OpenSearch listens on its own ports only.
        let (port, expected) = if name == LOGS { ("443", "blocked") } else { ("8080", "allowed") };
        let ran = check(&whole(), &format!("{name}:{port}"));
        let found: Vec<_> = verdicts(&ran.report()).into_iter().map(|(_, to, verdict)| (to, verdict)).collect();
        assert_eq!(found, [(format!("{address}:{port}"), expected.to_owned())], "{name}: {ran:?}");
        assert_eq!(ran.stderr, "", "{name}");
    }
}

/// Judges a snapshot of connections to `app.example.com` and to what it is said to be, 10.0.2.20, after its manifest says
/// so too: that nginx's machine was told, or another one.
fn check_answered(server: &Server, elsewhere: bool) -> Ran {
    let (_folder, conf) = conf(&["app.example.com:8080", "10.0.2.20:8081"]);
    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let live = ["--endpoint-url", &server.url, "--region", "us-east-1"];
    run(&Key::any(), &[&["collect", "aws", &conf, "--from", "i-nginx", "-o", folder], &live[..]].concat());
    let path = out.path().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(manifest["names"][0]["elsewhere"], true, "the test runs on no machine of AWS: {manifest}");
    manifest["names"] = json!([{ "name": "app.example.com", "addresses": ["10.0.2.20"], "elsewhere": elsewhere }]);
    fs::write(&path, manifest.to_string()).unwrap();
    let (_folder, conf) = self::conf(&["app.example.com:8080"]);
    run(&Key::any(), &["check", &conf, "--from", "i-nginx", "--report", "json", "--snapshot", folder])
}

/// The zone is of a domain, and has one record.
fn zone(domain: &'static str, name: &'static str) -> Server {
    Server::start(move |action, form, _| match action {
        "ListHostedZonesByVPC" => zones(&[(ZONE, domain, &of_account(ACCOUNT))]),
        "ListResourceRecordSets" => records(&[record(name, "A", "10.0.2.30")], None),
        _ => estate(action, form),
    })
}

#[test]
fn a_private_zone_goes_before_what_the_system_was_told() {
    for (domain, name, code, verdict, address) in [
        ("example.com.", "app.example.com.", 0, "allowed", "10.0.2.30:8080"),
        ("app.example.com.", "app.example.com.", 0, "allowed", "10.0.2.30:8080"),
        ("corp.internal.", "app.corp.internal.", 0, "allowed", "10.0.2.20:8080"),
        // It hides what it has no record of.
        ("example.com.", "other.example.com.", 4, "unknown", ":8080"),
    ] {
        let ran = check_answered(&zone(domain, name), true);
        let found: Vec<_> = verdicts(&ran.report()).into_iter().map(|(_, to, verdict)| (to, verdict)).collect();
        assert_eq!((ran.code, found), (code, vec![(address.to_owned(), verdict.to_owned())]), "{domain}: {ran:?}");
    }
}

/// What another machine was told may be what nobody tells nginx.
#[test]
fn where_a_zone_could_not_be_read_no_other_answer_counts() {
    for (call, permission) in [
        ("ListHostedZonesByVPC", "route53:ListHostedZonesByVPC"),
        ("ListResourceRecordSets", "route53:ListResourceRecordSets"),
        ("DescribeVpcEndpoints", "ec2:DescribeVpcEndpoints"),
    ] {
        let server = Server::start(move |action, form, _| match action {
            "DescribeVpcEndpoints" if action == call => Reply::Error(403, "UnauthorizedOperation", "no".to_owned()),
            _ if action == call => refused(),
            "ListHostedZonesByVPC" if call == "ListResourceRecordSets" => {
                zones(&[(ZONE, "example.com.", &of_account(ACCOUNT))])
            }
            _ => estate(action, form),
        });
        let ran = check_answered(&server, true);
        assert_eq!((ran.code, &*verdict(&ran.report())), (4, "unknown"), "{call}: {ran:?}");
        let told = reasons(&ran);
        assert!(told.contains(&format!("{permission} failed")) && told.contains("grant"), "{call}: {told}");
        let ran = check_answered(&server, false);
        assert_eq!((ran.code, &*verdict(&ran.report())), (0, "allowed"), "{call}, told to nginx's machine: {ran:?}");
        // An address is no name, and what every machine answers by itself is no question.
        for to in ["10.0.2.20:8080", "localhost:8080"] {
            let ran = check(&server, to);
            assert_eq!((ran.code, &*verdict(&ran.report())), (0, "allowed"), "{call} {to}: {ran:?}");
        }
    }
}

#[test]
fn a_zone_of_another_account_names_it_and_is_not_asked_for() {
    let server = with("ListHostedZonesByVPC", || zones(&[(ZONE, "corp.internal.", &of_account("444455556666"))]));
    let ran = check(&server, "app.corp.internal:8080");
    assert_eq!((ran.code, &*verdict(&ran.report())), (4, "unknown"), "{ran:?}");
    assert!(reasons(&ran).contains("in account 444455556666"), "{}", reasons(&ran));
    assert_eq!(server.asked("ListResourceRecordSets").len(), 0);
}

#[test]
fn every_page_of_the_records_counts() {
    let paged = |second: fn() -> Reply| {
        Server::start(move |action, form: &Form, _| match (action, form.get("name").map(String::as_str)) {
            ("ListResourceRecordSets", None) => {
                records(&[record("a.corp.internal.", "A", "10.0.2.30")], Some("app.corp.internal."))
            }
            ("ListResourceRecordSets", Some("app.corp.internal.")) => second(),
            _ => estate(action, form),
        })
    };
    let ran =
        check(&paged(|| records(&[record("app.corp.internal.", "A", "10.0.2.20")], None)), "app.corp.internal:8080");
    assert_eq!((ran.code, &*verdict(&ran.report())), (0, "allowed"), "{ran:?}");
    let broken: [fn() -> Reply; 3] = [
        refused,
        || Reply::Raw(200, "<ListResourceRecordSetsResponse><ResourceRecordSets>"),
        || records(&[], Some("app.corp.internal.")),
    ];
    for second in broken {
        let ran = check(&paged(second), "app.corp.internal:8080");
        assert_eq!((ran.code, &*verdict(&ran.report())), (4, "unknown"), "{ran:?}");
        assert!(reasons(&ran).contains("route53:ListResourceRecordSets failed"), "{}", reasons(&ran));
    }
}

#[test]
fn a_throttled_call_is_made_again() {
    let throttled = |action: &str| {
        let json = r#"{"__type": "ThrottlingException", "message": "Rate exceeded"}"#.to_owned();
        let text = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>\
                    </ErrorResponse>";
        if action == "DescribeDomains" { Reply::Json(429, json) } else { Reply::Raw(400, text) }
    };
    for (call, to) in [
        ("ListHostedZonesByVPC", "app.corp.internal:8080"),
        ("ListResourceRecordSets", "app.corp.internal:8080"),
        ("DescribeInstanceHealth", "10.0.2.60:8080"),
        ("DescribeDBInstances", "10.0.2.80:8080"),
        ("DescribeCacheClusters", "10.0.2.81:8080"),
    ] {
        let server = Server::start(move |action, form, before| match action {
            _ if action == call && before < 2 => throttled(action),
            _ => estate(action, form),
        });
        let ran = check(&server, to);
        assert_eq!((ran.code, &*verdict(&ran.report())), (0, "allowed"), "{call}: {ran:?}");
    }
}

/// Each call that tells what stands behind an address, refused, cut off and throttled without end.
#[test]
fn each_call_about_a_service_that_fails_leaves_the_verdict_open_and_is_named() {
    let calls = [
        ("DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers", "10.0.2.60:8080"),
        ("DescribeInstanceHealth", "elasticloadbalancing:DescribeInstanceHealth", "10.0.2.60:8080"),
        ("DescribeDBInstances", "rds:DescribeDBInstances", "10.0.2.80:8080"),
        ("DescribeCacheClusters", "elasticache:DescribeCacheClusters", "10.0.2.81:8080"),
        ("DescribeDomains", "es:DescribeDomains", "10.0.2.82:8080"),
        ("DescribeVpcEndpoints", "ec2:DescribeVpcEndpoints", "10.0.2.83:8080"),
    ];
    for (call, permission, to) in calls {
        let failures: [fn(&str) -> Reply; 2] = [
            |action| match action {
                "DescribeDomains" => {
                    Reply::Json(403, r#"{"__type": "AccessDeniedException", "message": "no"}"#.to_owned())
                }
                "DescribeVpcEndpoints" => Reply::Error(403, "UnauthorizedOperation", "no".to_owned()),
                _ => refused(),
            },
            |action| match action {
                "DescribeDomains" => Reply::Json(200, r#"{"DomainStatusList": [{"DomainName": "lo"#.to_owned()),
                _ => Reply::Raw(200, "<Some><Answer><That><Ends>"),
            },
        ];
        for fails in failures {
            let server =
                Server::start(move |action, form, _| if action == call { fails(action) } else { estate(action, form) });
            let ran = check(&server, to);
            assert_eq!((ran.code, &*verdict(&ran.report())), (4, "unknown"), "{call}: {ran:?}");
            assert!(reasons(&ran).contains(&format!("{permission} failed")), "{call}: {}", reasons(&ran));
        }
    }
}

#[test]
fn what_stands_behind_an_interface_is_asked_for_and_nothing_else() {
    let about = [
        "ListHostedZonesByVPC",
        "DescribeVpcEndpoints",
        "DescribeDBInstances",
        "DescribeCacheClusters",
        "DescribeDomains",
    ];
    for (to, expected, calls) in [
        ("10.0.2.20:8080", "allowed", &[][..]),
        ("10.0.2.60:8080", "allowed", &[]),
        ("10.0.2.60:8081", "blocked", &[]),
        ("10.0.2.80:8080", "allowed", &["DescribeDBInstances"]),
        ("10.0.2.80:8081", "blocked", &["DescribeDBInstances"]),
        ("10.0.2.81:8081", "blocked", &["DescribeCacheClusters"]),
        ("10.0.2.82:8080", "blocked", &["DescribeDomains"]),
        ("10.0.2.83:8080", "allowed", &["DescribeVpcEndpoints"]),
    ] {
        let server = whole();
        let ran = check(&server, to);
        assert_eq!(verdict(&ran.report()), expected, "{to}: {ran:?}");
        let asked: Vec<&str> = about.into_iter().filter(|call| !server.asked(call).is_empty()).collect();
        assert_eq!(asked, calls, "{to}");
        // Twice, for the snapshot too.
        assert_eq!(server.asked("DescribeInstanceHealth").len(), if to.starts_with("10.0.2.60") { 2 } else { 0 });
    }
}

/// Names cost a call for the zones, one for the records of each that answers, and one for endpoints.
#[test]
fn fifty_names_in_a_zone_cost_three_calls_more() {
    let names: Vec<String> = (0..50).map(|at| format!("app-{at}.corp.internal")).collect();
    let known = names.clone();
    let forms: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&forms);
    let server = Server::start(move |action, form, _| {
        seen.lock().unwrap().push(action.to_owned());
        match action {
            "ListResourceRecordSets" => {
                let sets: Vec<String> =
                    known.iter().map(|name| record(&format!("{name}."), "A", "10.0.2.20")).collect();
                records(&sets, None)
            }
            _ => estate(action, form),
        }
    });
    let targets: Vec<String> = names.iter().map(|name| format!("{name}:8080")).collect();
    let (_folder, conf) = conf(&targets.iter().map(String::as_str).collect::<Vec<_>>());
    let live = ["--endpoint-url", &server.url, "--region", "us-east-1"];
    let ran = run(&Key::any(), &[&["check", &conf, "--from", "i-nginx", "--report", "json"], &live[..]].concat());
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    let calls = forms.lock().unwrap().clone();
    assert!(calls.len() <= 13, "{} calls: {calls:?}", calls.len());
}

/// The same against moto, and against files that the AWS CLI prints of it.
#[test]
fn names_in_moto_are_answered_live_and_from_files() {
    let (shop, old) = (moto().told("/shop"), moto().told("/old"));
    let (shop, old) = (format!("{shop}:8302"), format!("{old}:8300"));
    let planted = [
        ("by-group.corp.internal:8001", "10.10.2.20:8001", "allowed"),
        ("no-ingress.corp.internal:8004", "10.10.2.23:8004", "blocked"),
        ("old.corp.internal:8300", "10.10.2.40:8300", "allowed"),
        ("shop.corp.internal:8302", "10.10.6.41:8302", "allowed"),
        ("shop.corp.internal:8001", "10.10.6.41:8001", "blocked"),
        ("none.corp.internal:8001", ":8001", "unknown"),
        ("far.corp.internal:8001", ":8001", "unknown"),
        (&shop, "10.10.6.41:8302", "allowed"),
        (&old, "10.10.2.40:8300", "allowed"),
    ];
    let (_folder, conf) = conf(&planted.map(|(name, _, _)| name));
    let judge = ["check", &conf, "--from", moto().told("/edges/0/instance"), "--report", "json"];
    let proxy = Proxy::start(moto().url(), |_, _| Fate::Passes);
    let live = ["--endpoint-url", &proxy.url, "--region", "us-east-1"];
    let ran = run(&Key::any(), &[&judge[..], &live].concat());
    let told = |ran: &Ran| {
        let mut found: Vec<_> = verdicts(&ran.report()).into_iter().map(|(_, to, verdict)| (to, verdict)).collect();
        found.dedup();
        found
    };
    let mut expected: Vec<_> =
        planted.map(|(_, to, verdict)| (to.to_owned(), verdict.to_owned())).into_iter().collect();
    expected.sort();
    expected.dedup();
    assert_eq!(told(&ran), expected, "{ran:?}");

    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let what = ["collect", "aws", &conf, "--from", moto().told("/edges/0/instance"), "-o", folder];
    run(&Key::any(), &[&what[..], &live].concat());
    let snapshot = run(&Key::any(), &[&judge[..], &["--snapshot", folder]].concat());
    assert_eq!(without_sources(snapshot.report()), without_sources(ran.report()));

    let out = TempDir::new().unwrap();
    let folder = out.path().to_str().unwrap();
    let collected = run(&Key::any(), &[&["collect", "aws", "--all", "-o", folder], &live[..]].concat());
    assert_eq!((collected.code, &*collected.stderr), (0, ""));
    let all = run(&Key::any(), &[&judge[..], &["--snapshot", folder]].concat());
    assert_eq!(told(&all), expected, "{all:?}");

    let out = TempDir::new().unwrap();
    for (at, document) in printed().iter().enumerate() {
        fs::write(out.path().join(format!("{at}.json")), document.to_string()).unwrap();
    }
    let files = run(&Key::any(), &[&judge[..], &["--snapshot", out.path().to_str().unwrap()]].concat());
    assert_eq!(told(&files), expected, "{files:?}");
}

/// What the AWS CLI prints of it, with what was asked beside answers that do not repeat it.
fn printed() -> Vec<Value> {
    let home = TempDir::new().unwrap();
    let asked = |service: &str, arguments: &[&str], about: Option<(&str, &str)>| -> Value {
        let mut answer: Value = serde_json::from_slice(&aws_of(service, moto(), &home, arguments)).unwrap();
        if let Some((key, id)) = about {
            answer[key] = id.into();
        }
        answer
    };
    let described = ["network-interfaces", "instances", "security-groups", "security-group-rules", "network-acls"];
    let described = described.into_iter().chain(["route-tables", "subnets", "vpcs"]);
    let mut answers: Vec<Value> = described.map(|what| asked("ec2", &[&format!("describe-{what}")], None)).collect();
    let vpc = moto().told("/vpc");
    let of_vpc = ["list-hosted-zones-by-vpc", "--vpc-id", vpc, "--vpc-region", "us-east-1"];
    let zones = asked("route53", &of_vpc, Some(("VPCId", vpc)));
    for zone in zones["HostedZoneSummaries"].as_array().unwrap() {
        let id = zone["HostedZoneId"].as_str().unwrap();
        let records = ["list-resource-record-sets", "--hosted-zone-id", id];
        answers.push(asked("route53", &records, Some(("HostedZoneId", id))));
    }
    answers.extend([zones, asked("rds", &["describe-db-instances"], None)]);
    answers.push(asked("elb", &["describe-load-balancers"], None));
    for call in ["describe-instance-health", "describe-load-balancer-attributes"] {
        answers.push(asked("elb", &[call, "--load-balancer-name", "old"], Some(("LoadBalancerName", "old"))));
    }
    answers
}
