//! The audit gives the right answer for every upstream and every open rule of made-up estates, whose answers come from
//! an evaluation that shares nothing with it. The large one has 50,000 interfaces and 637,000 rules.

#![cfg(test)]

#[path = "../benches/estate/mod.rs"]
#[cfg(test)]
mod estate;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use estate::{Expected, LARGE, MEDIUM, Open, SMALL, Size, Upstream};
use reachlint::audit::{Node, Subject, judge, wanted};
use reachlint::evidence::load;
use reachlint::nginx::{Config, MemoryFiles, Options};
use reachlint::report::{Flow, StepOutcome};
use reachlint::resolve::Resolver;
use reachlint::rules::open_rules;
use reachlint_host::network::Hosts;
use reachlint_model::{Network, PortRange, ProtocolMatch};

/// What of an estate the audit sees otherwise.
fn differences(size: &Size, seed: u64) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let expected = estate::make(size, seed, folder.path()).unwrap();
    let snapshot = load(&[folder.path().to_owned()], None).unwrap();
    let text = std::fs::read_to_string(folder.path().join("nginx.conf")).unwrap();
    let files = MemoryFiles::new().with("nginx.conf", text);
    let config = Config::read(Path::new("nginx.conf"), &files, &Options::default()).unwrap();
    let wanted = wanted(&config, &config.endpoints().unwrap(), Path::new(""));
    let providers = snapshot.providers();
    let nodes = providers[0].select(&expected.from.parse().unwrap());
    let nodes: Vec<Node> = nodes.into_iter().map(|interface| Node { provider: 0, interface, address: None }).collect();
    assert_eq!(nodes.len(), 1);
    let ephemeral = PortRange::LINUX_EPHEMERAL;
    let subject =
        Subject { providers: &providers, hosts: &Hosts::default(), nodes: &nodes, wanted: &wanted, ephemeral };
    let resolver = Resolver { given: BTreeMap::new(), recorded: HashMap::new(), providers: &providers, asked: false };
    let flows: Vec<Flow> = judge(&subject, &resolver).into_iter().map(|judged| judged.flow).collect();
    let mut differences = flow_differences(&flows, &expected);
    let open = open(providers[0].network());
    if open != expected.open {
        differences.push(format!("{} rules are open, not {}", open.len(), expected.open.len()));
    }
    differences.iter().map(|difference| format!("{} estate {seed}: {difference}", size.name)).collect()
}

fn flow_differences(flows: &[Flow], expected: &Expected) -> Vec<String> {
    let mut differences = Vec::new();
    if flows.len() != expected.upstreams.len() {
        differences.push(format!("{} flows, not {}", flows.len(), expected.upstreams.len()));
    }
    let by_target: HashMap<(String, u16), &Flow> =
        flows.iter().filter_map(|flow| Some(((flow.to.address.clone()?, flow.to.port?), flow))).collect();
    for upstream in &expected.upstreams {
        match by_target.get(&(upstream.address.to_string(), upstream.port)) {
            Some(flow) => differences.extend(flow_difference(flow, upstream)),
            None => differences.push(format!("no flow goes to {upstream:?}")),
        }
    }
    differences
}

fn flow_difference(flow: &Flow, upstream: &Upstream) -> Option<String> {
    let blocks = |layer: &str, direction: &str| {
        let mut steps = flow.path.iter().filter(|step| step.layer == layer && step.direction == direction);
        steps.any(|step| step.outcome == StepOutcome::Deny)
    };
    let seen = Upstream {
        egress: !blocks("aws.security-group", "egress"),
        ingress: !blocks("aws.security-group", "ingress"),
        acl: !blocks("aws.network-acl", "ingress"),
        runs: !blocks("aws.instance-state", "ingress"),
        ..*upstream
    };
    let verdict = if upstream.allowed() { "allowed" } else { "blocked" };
    let same = flow.verdict.word() == verdict
        && (seen.egress, seen.ingress, seen.acl, seen.runs)
            == (upstream.egress, upstream.ingress, upstream.acl, upstream.runs);
    (!same).then(|| format!("{} is {}: {seen:?} instead of {upstream:?}", flow.id, flow.verdict.word()))
}

/// Open rules of security groups as the generator counts them.
fn open(network: &Network) -> Vec<Open> {
    let groups = open_rules(network).filter(|open| open.layer.0 == "aws.security-group");
    let mut open: Vec<Open> = groups
        .map(|open| {
            let (list, rule) = (network.list(open.list).unwrap(), network.rule(open.rule).unwrap());
            let protocol = match rule.protocol {
                ProtocolMatch::Any => None,
                ProtocolMatch::Only(protocol) => Some(protocol.0),
            };
            (network.name(list.name).to_owned(), protocol, rule.ports.first(), rule.ports.last())
        })
        .collect();
    open.sort();
    open
}

#[test]
fn small_estates_are_audited_right() {
    let differences: Vec<String> = (0..40).flat_map(|seed| differences(&SMALL, seed)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_medium_estate_is_audited_right() {
    let differences = differences(&MEDIUM, 1);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_large_estate_is_audited_right() {
    let differences = differences(&LARGE, 1);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A generator that forgets a case would make the tests above agree about nothing.
#[test]
fn estates_hold_every_kind_of_answer() {
    let folder = tempfile::tempdir().unwrap();
    let expected = estate::make(&MEDIUM, 1, folder.path()).unwrap();
    let count = |kind: fn(&Upstream) -> bool| expected.upstreams.iter().filter(|upstream| kind(upstream)).count();
    let counts = [
        count(Upstream::allowed),
        count(|upstream| !upstream.egress),
        count(|upstream| !upstream.ingress),
        count(|upstream| !upstream.acl),
        count(|upstream| !upstream.runs),
    ];
    assert!(counts.iter().all(|count| *count >= 5), "{counts:?}");
    let protocols: std::collections::BTreeSet<Option<u8>> = expected.open.iter().map(|open| open.1).collect();
    assert_eq!(protocols.len(), 4);
    assert!(expected.open.len() > 100);
}
