use reachlint_aws::records::Insights;
use serde_json::{Value, json};

use super::{Ends, Match, choose, compare};
use crate::report::{Compared, Comparison, Flow, FlowVerdict, Source, Step, StepKind, StepOutcome, Target};

fn step(layer: &str, direction: &str, id: &str, outcome: StepOutcome, code: Option<&str>) -> Step {
    Step {
        kind: StepKind::Gate,
        layer: layer.to_owned(),
        id: id.to_owned(),
        direction: direction.to_owned(),
        outcome,
        rule: None,
        detail: String::new(),
        code: code.map(str::to_owned),
    }
}

fn deny(layer: &str, direction: &str, id: &str, code: Option<&str>) -> Step {
    step(layer, direction, id, StepOutcome::Deny, code)
}

fn flow(verdict: FlowVerdict, path: Vec<Step>) -> Flow {
    Flow {
        id: String::new(),
        from: Source { interface: None, address: None, provider: None, label: None },
        to: Target {
            host: String::new(),
            address: None,
            port: Some(8080),
            protocol: "tcp".to_owned(),
            interface: None,
            provider: None,
            label: None,
        },
        nginx: Vec::new(),
        verdict,
        reasons: Vec::new(),
        path,
        aws: None,
    }
}

fn ends() -> Ends {
    Ends {
        from: vec!["eni-nginx".to_owned(), "i-nginx".to_owned()],
        source: Some([10, 0, 1, 10].into()),
        to: vec!["eni-app".to_owned(), "i-app".to_owned()],
        address: [10, 0, 2, 20].into(),
        port: 8080,
        protocol: "tcp".to_owned(),
    }
}

fn insights(analyses: &Value, paths: &Value) -> Insights {
    let mut insights = Insights::default();
    let text = json!({ "NetworkInsightsAnalyses": analyses, "NetworkInsightsPaths": paths }).to_string();
    insights.read(text.as_bytes()).unwrap();
    insights
}

/// The comparison with an analysis of exactly this connection.
fn compared(flow: &Flow, mut analysis: Value) -> Comparison {
    analysis["NetworkInsightsPathId"] = json!("nip-1");
    if analysis["Status"].is_null() {
        analysis["Status"] = json!("succeeded");
    }
    let path = json!([{
        "NetworkInsightsPathId": "nip-1", "Source": "i-nginx", "Destination": "eni-app", "Protocol": "tcp",
        "DestinationPort": 8080,
    }]);
    compare(flow, &ends(), &insights(&json!([analysis]), &path)).unwrap()
}

fn found() -> Value {
    json!({ "NetworkPathFound": true })
}

fn lost(explanations: &Value) -> Value {
    json!({ "NetworkPathFound": false, "Explanations": explanations })
}

fn group(interface: &str, direction: &str) -> Value {
    json!({
        "ExplanationCode": "ENI_SG_RULES_MISMATCH", "Direction": direction, "NetworkInterface": { "Id": interface },
        "SecurityGroups": [{ "Id": "sg-app" }],
    })
}

const MISMATCH: Option<&str> = Some("ENI_SG_RULES_MISMATCH");

#[test]
fn the_same_answer_agrees() {
    assert_eq!(compared(&flow(FlowVerdict::Allowed, Vec::new()), found()).result, Compared::Agrees);
    let refused = flow(FlowVerdict::Blocked, vec![deny("aws.security-group", "ingress", "eni-app", MISMATCH)]);
    let comparison = compared(&refused, lost(&json!([group("eni-app", "ingress")])));
    assert_eq!(comparison.result, Compared::Agrees);
    assert!(comparison.explanations[0].known_here && comparison.only_here.is_empty(), "{comparison:?}");
    // Why other routes were not taken is no blocker of its own.
    let context = json!([group("eni-app", "ingress"), { "ExplanationCode": "CANNOT_ROUTE" }]);
    assert_eq!(compared(&refused, lost(&context)).result, Compared::Agrees);
}

#[test]
fn more_blockers_than_aws_names_are_no_difference() {
    let refused = flow(
        FlowVerdict::Blocked,
        vec![
            deny("aws.network-acl", "ingress", "acl-b", Some("SUBNET_ACL_RESTRICTION")),
            deny("aws.security-group", "ingress", "eni-app", MISMATCH),
        ],
    );
    let comparison = compared(&refused, lost(&json!([group("eni-app", "ingress")])));
    assert_eq!((comparison.result, comparison.only_here), (Compared::Agrees, vec!["acl-b".to_owned()]));
    assert!(comparison.notes[0].contains("one combination"), "{:?}", comparison.notes);
}

#[test]
fn opposite_verdicts_differ() {
    let allowed = flow(FlowVerdict::Allowed, Vec::new());
    let other = lost(&json!([group("eni-app", "ingress")]));
    assert_eq!(compared(&allowed, other.clone()).result, Compared::VerdictDiffers);
    assert_eq!(compared(&flow(FlowVerdict::Partial, Vec::new()), other).result, Compared::VerdictDiffers);
    let refused = flow(FlowVerdict::Blocked, vec![deny("aws.security-group", "ingress", "eni-app", MISMATCH)]);
    assert_eq!(compared(&refused, found()).result, Compared::VerdictDiffers);
}

#[test]
fn other_blockers_differ() {
    let refused = flow(FlowVerdict::Blocked, vec![deny("aws.security-group", "ingress", "eni-app", MISMATCH)]);
    for other in [
        group("eni-nginx", "egress"),
        group("eni-nginx", "ingress"),
        group("eni-app", "egress"),
        json!({ "ExplanationCode": "SUBNET_ACL_RESTRICTION", "Acl": { "Id": "acl-b" } }),
        json!({ "ExplanationCode": "A_CODE_OF_NEXT_YEAR" }),
    ] {
        let comparison = compared(&refused, lost(&json!([other])));
        assert_eq!(comparison.result, Compared::BlockersDiffer, "{other}");
        assert_eq!(comparison.only_here, ["eni-app"], "{other}");
    }
    let both = json!([group("eni-app", "ingress"), group("eni-nginx", "egress")]);
    assert_eq!(compared(&refused, lost(&both)).result, Compared::BlockersDiffer);
}

#[test]
fn what_aws_does_not_look_at_explains_the_difference() {
    let stopped = flow(FlowVerdict::Blocked, vec![deny("aws.instance-state", "ingress", "i-app", None)]);
    let comparison = compared(&stopped, found());
    assert_eq!(comparison.result, Compared::Explained);
    assert!(comparison.notes[0].contains("does not run"), "{:?}", comparison.notes);
    let unhealthy = flow(FlowVerdict::Blocked, vec![deny("aws.target-group", "ingress", "tg", None)]);
    assert!(compared(&unhealthy, found()).notes[0].contains("health"));
    let host = flow(FlowVerdict::Blocked, vec![deny("host.nftables", "ingress", "inet filter", None)]);
    assert!(compared(&host, found()).notes[0].contains("hosts"));
    // One blocker that AWS should have seen is enough.
    let two = vec![
        deny("aws.instance-state", "ingress", "i-app", None),
        deny("aws.security-group", "ingress", "eni-app", MISMATCH),
    ];
    assert_eq!(compared(&flow(FlowVerdict::Blocked, two), found()).result, Compared::VerdictDiffers);
    assert_eq!(compared(&flow(FlowVerdict::Partial, Vec::new()), found()).result, Compared::Explained);
}

#[test]
fn answers_over_a_transit_gateway_are_not_looked_at() {
    let answer = deny("aws.network-acl", "return", "acl-b", Some("SUBNET_ACL_RESTRICTION"));
    let plain = flow(FlowVerdict::Blocked, vec![answer.clone()]);
    assert_eq!(compared(&plain, found()).result, Compared::VerdictDiffers);
    let said = json!({
        "NetworkPathFound": true,
        "ForwardPathComponents": [
            { "AdditionalDetails": [{ "AdditionalDetailType": "UNIDIRECTIONAL_PATH_ANALYSIS_ONLY" }] },
        ],
    });
    assert_eq!(compared(&plain, said).result, Compared::Explained);
    let gateway = step("aws.transit-gateway", "egress", "tgw-rtb-1", StepOutcome::Allow, None);
    let mut over = flow(FlowVerdict::Blocked, vec![gateway, answer]);
    assert_eq!(compared(&over, found()).result, Compared::Explained);
    // Of datagrams both ways are looked at.
    "udp".clone_into(&mut over.to.protocol);
    assert_eq!(compared(&over, found()).result, Compared::VerdictDiffers);
}

#[test]
fn what_aws_cannot_follow_explains_the_difference() {
    for code in ["IGW_NAT_REFLECTION", "UNKNOWN_PEERED_SGS", "FILTER_AT_SOURCE_PROTOCOL", "NO_PATH"] {
        let other = lost(&json!([{ "ExplanationCode": code }]));
        let allowed = compared(&flow(FlowVerdict::Allowed, Vec::new()), other.clone());
        assert_eq!(allowed.result, Compared::Explained, "{code}");
        assert!(allowed.notes[0].contains(code), "{:?}", allowed.notes);
        let refused = flow(FlowVerdict::Blocked, vec![deny("aws.security-group", "egress", "eni-nginx", MISMATCH)]);
        assert_eq!(compared(&refused, other).result, Compared::Explained, "{code}");
    }
    let mut avoided = lost(&json!([group("eni-app", "ingress")]));
    avoided["FilterOutArns"] = json!(["arn:aws:ec2:us-east-1:111122223333:vpc-peering-connection/pcx-1"]);
    assert_eq!(compared(&flow(FlowVerdict::Allowed, Vec::new()), avoided).result, Compared::Explained);
}

#[test]
fn without_an_answer_nothing_is_compared() {
    let allowed = flow(FlowVerdict::Allowed, Vec::new());
    let running = compared(&allowed, json!({ "Status": "running" }));
    assert_eq!((running.result, running.reachable), (Compared::NotCompared, None));
    let failed = json!({ "Status": "failed", "StatusMessage": "the network changed", "NetworkPathFound": true });
    assert!(compared(&allowed, failed).notes[0].contains("the network changed"));
    assert_eq!(compared(&flow(FlowVerdict::Unknown, Vec::new()), found()).result, Compared::NotCompared);
    let analyses = json!([{ "Status": "succeeded", "NetworkPathFound": true }]);
    let v6 = Ends { address: "2001:db8::20".parse().unwrap(), ..ends() };
    assert_eq!(compare(&allowed, &v6, &insights(&analyses, &json!([]))).unwrap().result, Compared::NotCompared);
}

/// Which of two analyses, by id, is about the connection, when their paths are these.
fn chosen(first: &Value, second: &Value) -> Option<(String, Match)> {
    let mut paths = [first.clone(), second.clone()];
    let mut analyses = Vec::new();
    for (at, path) in paths.iter_mut().enumerate() {
        path["NetworkInsightsPathId"] = json!(format!("nip-{at}"));
        analyses.push(json!({
            "NetworkInsightsAnalysisId": format!("nia-{at}"), "NetworkInsightsPathId": format!("nip-{at}"),
            "Status": path.get("Status").cloned().unwrap_or_else(|| json!("succeeded")),
            "StartDate": path["StartDate"],
        }));
    }
    let insights = insights(&json!(analyses), &json!(paths));
    choose(&ends(), &insights).map(|(found, how)| (found.network_insights_analysis_id.clone(), how))
}

#[test]
fn the_analysis_of_the_same_path_is_taken() {
    let arn = |id: &str| format!("arn:aws:ec2:us-east-1:111122223333:x/{id}");
    let this =
        json!({ "Source": arn("i-nginx"), "Destination": arn("eni-app"), "Protocol": "TCP", "DestinationPort": 8080 });
    let other = |key: &str, value: Value| {
        let mut other = this.clone();
        other[key] = value;
        other
    };
    let exact = Some(("nia-1".to_owned(), Match::Exact));
    for stranger in [
        other("Source", json!("i-other")),
        other("Destination", json!("i-other")),
        other("DestinationPort", json!(22)),
        other("Protocol", json!("udp")),
        other("SourceIp", json!("10.0.1.99")),
        other("DestinationIp", json!("10.0.2.99")),
        other("FilterAtSource", json!({ "DestinationPortRange": { "FromPort": 1, "ToPort": 1024 } })),
        other("FilterAtDestination", json!({ "DestinationAddress": "10.0.2.99/32" })),
    ] {
        assert_eq!(chosen(&stranger, &this), exact, "{stranger}");
        assert_eq!(chosen(&stranger, &stranger), None, "{stranger}");
    }
    // An exact one goes before one of all ports, one with a result before one without, the newest before older ones.
    let mut all = this.clone();
    all.as_object_mut().unwrap().remove("DestinationPort");
    assert_eq!(chosen(&all, &this), exact);
    assert_eq!(chosen(&all, &all).unwrap().1, Match::AnyPort);
    assert_eq!(chosen(&other("Status", json!("running")), &this), exact);
    let dated = |date: &str| other("StartDate", json!(date));
    assert_eq!(chosen(&dated("2026-01-02T00:00:00Z"), &dated("2026-03-01T00:00:00Z")), exact);
}

#[test]
fn a_path_may_end_at_an_address_and_name_its_port_in_a_filter() {
    let filter = json!({
        "DestinationAddress": "10.0.2.20", "DestinationPortRange": { "FromPort": 8080, "ToPort": 8080 },
    });
    let path = json!({ "Source": "i-nginx", "Protocol": "tcp", "FilterAtSource": filter });
    assert_eq!(chosen(&path, &path).unwrap().1, Match::Exact);
    let nowhere = json!({ "Source": "i-nginx", "Protocol": "tcp" });
    assert_eq!(chosen(&nowhere, &nowhere), None);
}

#[test]
fn without_its_path_an_analysis_is_known_by_what_it_passed() {
    let passed = |from: &str, to: &str, port: u16| {
        json!([{
            "Status": "succeeded", "NetworkPathFound": true, "NetworkInsightsPathId": "nip-1",
            "ForwardPathComponents": [
                { "Component": { "Id": from }, "OutboundHeader": {
                    "Protocol": "6", "DestinationPortRanges": [{ "From": port, "To": port }] } },
                { "Component": { "Id": "rtb-a" } }, { "Component": { "Id": "acl-b" } },
                { "Component": { "Id": to } },
            ],
        }])
    };
    let how = |analyses: &Value| choose(&ends(), &insights(analyses, &json!([]))).map(|(_, how)| how);
    assert_eq!(how(&passed("eni-nginx", "i-app", 8080)), Some(Match::Exact));
    assert_eq!(how(&passed("eni-other", "i-app", 8080)), None);
    assert_eq!(how(&passed("eni-nginx", "i-other", 8080)), None);
    assert_eq!(how(&passed("eni-nginx", "i-app", 22)), None);
    // Of one that found nothing the file does not say what it is about.
    let alone = json!([{ "Status": "succeeded", "NetworkPathFound": false }]);
    assert_eq!(how(&alone), Some(Match::Assumed));
    let comparison = compare(&flow(FlowVerdict::Allowed, Vec::new()), &ends(), &insights(&alone, &json!([]))).unwrap();
    assert!(comparison.notes[0].contains("describe-network-insights-paths"), "{:?}", comparison.notes);
    let two = json!([{ "Status": "succeeded" }, { "Status": "succeeded" }]);
    assert_eq!(how(&two), None);
}

#[test]
fn an_analysis_of_all_ports_says_nothing_against_a_blocked_one() {
    let path =
        json!([{ "NetworkInsightsPathId": "nip-1", "Source": "i-nginx", "Destination": "i-app", "Protocol": "tcp" }]);
    let analyses = json!([{ "NetworkInsightsPathId": "nip-1", "Status": "succeeded", "NetworkPathFound": true }]);
    let refused = flow(FlowVerdict::Blocked, vec![deny("aws.security-group", "ingress", "eni-app", MISMATCH)]);
    let comparison = compare(&refused, &ends(), &insights(&analyses, &path)).unwrap();
    assert_eq!(comparison.result, Compared::Explained);
}
