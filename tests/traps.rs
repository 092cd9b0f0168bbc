//! Every case in `tests/traps/aws` comes out as it says. `tests/traps/aws/README.md` explains the keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use reachlint::audit::{Subject, destination, judge, wanted};
use reachlint::evidence::from_documents;
use reachlint::nginx::{Config, MemoryFiles, Options};
use reachlint::report::{Finding, Flow, StepOutcome};
use reachlint::resolve::Resolver;
use reachlint::rules::{self, Context};
use reachlint_model::{Failure, Manifest, NameAnswer, PortRange, Provider, SNAPSHOT_SCHEMA};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: Option<String>,
    title: Option<String>,
    why: Option<String>,
    from: Option<String>,
    account: Option<String>,
    region: Option<String>,
    nginx: Option<String>,
    findings: Option<Vec<String>>,
    pages: Option<usize>,
    #[serde(default)]
    cut: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    resolve: BTreeMap<String, Vec<IpAddr>>,
    #[serde(default)]
    options: CaseOptions,
    #[serde(default)]
    expect: Vec<Expect>,
    #[serde(default)]
    manifest: CaseManifest,
    #[serde(default)]
    evidence: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseOptions {
    ephemeral: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseManifest {
    #[serde(default)]
    failures: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    to: String,
    interface: Option<String>,
    verdict: String,
    #[serde(default)]
    blockers: BTreeSet<String>,
    #[serde(default)]
    decided: Vec<String>,
    #[serde(default)]
    reasons: Vec<String>,
}

/// The key that identifies a record of a listing.
fn id_key(listing: &str) -> &'static str {
    match listing {
        "Reservations" => "ReservationId",
        "NetworkInterfaces" => "NetworkInterfaceId",
        "SecurityGroups" => "GroupId",
        "SecurityGroupRules" => "SecurityGroupRuleId",
        "PrefixLists" => "PrefixListId",
        "NetworkAcls" => "NetworkAclId",
        "RouteTables" => "RouteTableId",
        "Subnets" => "SubnetId",
        "Vpcs" => "VpcId",
        "VpcPeeringConnections" => "VpcPeeringConnectionId",
        "InternetGateways" => "InternetGatewayId",
        "NatGateways" => "NatGatewayId",
        "Addresses" => "AllocationId",
        "VpcEndpoints" => "VpcEndpointId",
        "SecurityGroupVpcAssociations" => "GroupId",
        "TransitGateways" => "TransitGatewayId",
        other => panic!("the harness does not know how records of `{other}` are identified"),
    }
}

fn merged(base: &Map<String, Value>, case: &Case) -> Map<String, Value> {
    let mut all = base.clone();
    remove(&mut all, &case.without);
    for (listing, records) in &case.evidence {
        if listing == "PrefixListEntries" {
            all.insert(listing.clone(), records.clone());
            continue;
        }
        let key = id_key(listing);
        let known = all.entry(listing).or_insert_with(|| json!([])).as_array_mut().unwrap();
        let new = records.as_array().unwrap();
        let ids: Vec<&Value> = new.iter().map(|record| &record[key]).collect();
        known.retain(|record| !ids.contains(&&record[key]));
        known.extend(new.iter().cloned());
    }
    all
}

fn remove(all: &mut Map<String, Value>, without: &[String]) {
    for gone in without {
        let mut found = all.remove(gone).is_some();
        for (listing, records) in all.iter_mut() {
            if let Some(records) = records.as_array_mut() {
                let before = records.len();
                records.retain(|record| record[id_key(listing)] != Value::String(gone.clone()));
                found |= records.len() < before;
            }
        }
        assert!(found, "`without` names `{gone}`, which the base does not have");
    }
}

/// The files that a snapshot of this evidence would have.
fn documents(evidence: &Map<String, Value>, case: &Case) -> Vec<(String, Vec<u8>)> {
    let mut documents = Vec::new();
    for (listing, records) in evidence {
        if listing == "PrefixListEntries" {
            for (list, entries) in records.as_object().unwrap() {
                let mut document = json!({ "PrefixListId": list, "Entries": entries });
                if case.cut.contains(list) {
                    document["NextToken"] = json!("more");
                }
                documents.push((format!("entries-{}.json", documents.len()), document));
            }
            continue;
        }
        let records = records.as_array().unwrap();
        let pages = if listing == "SecurityGroupRules" { case.pages.unwrap_or(1) } else { 1 };
        let size = records.len().div_ceil(pages).max(1);
        let mut chunks: Vec<&[Value]> = records.chunks(size).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for (at, chunk) in chunks.iter().enumerate() {
            let mut document = json!({ listing: chunk });
            if at + 1 < chunks.len() {
                document["NextToken"] = json!("more");
            }
            documents.push((format!("{listing}-{at}.json"), document));
        }
    }
    let names = case.resolve.iter();
    let manifest = Manifest {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        failures: case.manifest.failures.clone(),
        names: names
            .map(|(name, addresses)| NameAnswer { name: name.clone(), addresses: addresses.clone(), error: None })
            .collect(),
        ..Manifest::default()
    };
    documents.push(("manifest.json".to_owned(), serde_json::to_value(manifest).unwrap()));
    documents.into_iter().map(|(name, document)| (name, document.to_string().into_bytes())).collect()
}

fn run(base: &Case, case: &Case) -> (Vec<Flow>, Vec<Finding>) {
    let evidence = merged(&base.evidence, case);
    let documents = documents(&evidence, case);
    let documents = documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let snapshot = from_documents(documents, "the case").unwrap();
    let nginx = case.nginx.as_ref().or(base.nginx.as_ref()).unwrap();
    let files = MemoryFiles::new().with("nginx.conf", nginx.as_str());
    let config = Config::read(Path::new("nginx.conf"), &files, &Options::default()).unwrap();
    let endpoints = config.endpoints().unwrap();
    let wanted = wanted(&config, &endpoints, Path::new(""));
    let providers: [&dyn Provider; 1] = [&snapshot.aws];
    let from = case.from.as_ref().or(base.from.as_ref()).unwrap().parse().unwrap();
    let nodes = snapshot.aws.select(&from);
    assert!(!nodes.is_empty(), "nginx is nowhere in the evidence");
    let nodes: Vec<_> = nodes.into_iter().map(|interface| reachlint::audit::Node { provider: 0, interface }).collect();
    let ephemeral = case.options.ephemeral.as_ref().map_or(PortRange::LINUX_EPHEMERAL, |text| text.parse().unwrap());
    let subject = Subject { providers: &providers, nodes: &nodes, wanted: &wanted, ephemeral };
    let recorded: HashMap<_, _> =
        snapshot.names.iter().map(|answer| (reachlint::resolve::normal(&answer.name), answer.clone())).collect();
    let resolver = Resolver { given: BTreeMap::new(), recorded, providers: &providers, asked: false };
    let judged = judge(&subject, &resolver);
    let findings = rules::run(&Context { providers: &providers, flows: &judged });
    (judged.into_iter().map(|judged| judged.flow).collect(), findings)
}

/// What of a case did not come true.
fn complaints(case: &Case, flows: &[Flow], findings: &[Finding]) -> Vec<String> {
    let mut wrong = Vec::new();
    let slugs: BTreeSet<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    if let Some(expected) = &case.findings {
        let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
        if slugs != expected {
            let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
            wrong.push(format!("findings are {slugs:?}, not {expected:?}: {messages:#?}"));
        }
    }
    for expect in &case.expect {
        let about: Vec<&Flow> = flows
            .iter()
            .filter(|flow| {
                let to = destination(&flow.to);
                let short = to.rsplit_once('/').map_or(to.as_str(), |(short, _)| short);
                let socket = to.starts_with("unix:") && to == expect.to;
                socket || to == expect.to || (short == expect.to && !to.starts_with("unix:"))
            })
            .filter(|flow| expect.interface.is_none() || flow.from.interface == expect.interface)
            .collect();
        let [flow] = about.as_slice() else {
            let all: Vec<&str> = flows.iter().map(|flow| flow.id.as_str()).collect();
            wrong.push(format!("{} flows are to {}: {all:?}", about.len(), expect.to));
            continue;
        };
        let mut say = |what: String| wrong.push(format!("{}: {what}", flow.id));
        if flow.verdict.word() != expect.verdict {
            say(format!("is {}, not {}: {:#?}", flow.verdict.word(), expect.verdict, flow.reasons));
        }
        let blocking = flow.path.iter().filter(|step| step.outcome == StepOutcome::Deny);
        let blockers: BTreeSet<String> = blocking.map(|step| format!("{} {}", step.layer, step.direction)).collect();
        if blockers != expect.blockers {
            say(format!("blockers are {blockers:?}, not {:?}", expect.blockers));
        }
        for id in &expect.decided {
            if !flow.path.iter().any(|step| step.rule.as_ref() == Some(id) || step.id == *id) {
                let path: Vec<_> = flow.path.iter().map(|step| (&step.id, &step.rule)).collect();
                say(format!("`{id}` is not on the path {path:?}"));
            }
        }
        let details = flow.path.iter().map(|step| &step.detail).chain(&flow.reasons);
        let text = details.map(|text| text.to_lowercase()).collect::<Vec<_>>().join("\n");
        for reason in &expect.reasons {
            if !text.contains(&reason.to_lowercase()) {
                say(format!("no reason has `{reason}`: {text}"));
            }
        }
    }
    wrong
}

#[test]
fn every_case_comes_out_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps/aws");
    let read = |path: &Path| -> Case {
        let text = fs::read_to_string(path).unwrap();
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let base = read(&folder.join("base.toml"));
    assert!(base.account.is_some() && base.region.is_some());
    let mut cases = 0;
    let mut wrong = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "toml") || name == "base.toml" {
            continue;
        }
        let case = read(&path);
        let id = case.id.as_deref().unwrap_or_default();
        assert!(!id.is_empty() && name.starts_with(&format!("{id}-")), "{name}: `id` is `{id}`");
        assert!(case.title.is_some() && case.why.is_some(), "{name} lacks `title` or `why`");
        assert!(!case.expect.is_empty(), "{name} expects nothing");
        let (flows, findings) = run(&base, &case);
        let complaints = complaints(&case, &flows, &findings);
        wrong.extend(complaints.into_iter().map(|complaint| format!("{name}: {complaint}")));
        cases += 1;
    }
    assert!(cases >= 100, "only {cases} cases were found");
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
}
