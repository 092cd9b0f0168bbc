//! Cases as data: an estate, nginx's configuration, and what reachlint has to say about them.
//!
//! `tests/traps/aws/README.md` explains the keys.

#![cfg(test)]

mod aws;
mod azure;
mod gcp;
mod plan;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reachlint::audit::{self, Subject, destination, judge, wanted};
use reachlint::evidence::{PlanFile, from_documents_planned};
use reachlint::nginx::{Config, MemoryFiles, Options};
use reachlint::report::{Confidence, Finding, Flow, StepOutcome};
use reachlint::resolve::Resolver;
use reachlint::rules::Context;
use reachlint_host::network::Hosts;
use reachlint_model::{Cloud, Failure, Manifest, NameAnswer, PortRange, SNAPSHOT_SCHEMA};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) why: Option<String>,
    from: Option<String>,
    /// Of the base: the cloud that all cases are about. Of a rule's fixture: the cloud whose base it starts from, if not AWS.
    pub(crate) cloud: Option<String>,
    account: Option<String>,
    region: Option<String>,
    pub(crate) nginx: Option<String>,
    findings: Option<Vec<String>>,
    pages: Option<usize>,
    #[serde(default)]
    cut: Vec<String>,
    #[serde(default)]
    pub(crate) without: Vec<String>,
    #[serde(default)]
    resolve: BTreeMap<String, Vec<IpAddr>>,
    /// Names of `resolve` that another machine than nginx's was told.
    #[serde(default)]
    elsewhere: Vec<String>,
    #[serde(default)]
    options: CaseOptions,
    #[serde(default)]
    pub(crate) expect: Vec<Expect>,
    #[serde(default, rename = "finding")]
    pub(crate) told: Vec<Told>,
    #[serde(default)]
    manifest: CaseManifest,
    #[serde(default, rename = "host")]
    hosts: Vec<CaseHost>,
    #[serde(default)]
    pub(crate) evidence: Map<String, Value>,
    plan: Option<plan::Plan>,
}

/// A host whose evidence is among the case's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseHost {
    name: String,
    address: String,
    #[serde(default)]
    uid: u32,
    /// What commands print, and which fail: `"absent"`, or `"exit 1"` in the first line. What is left out is an empty
    /// firewall of nftables, and a listener on port 8080 at every address.
    #[serde(default)]
    commands: BTreeMap<String, String>,
}

impl CaseHost {
    /// What the script would print.
    fn document(&self) -> String {
        let addresses = json!([
            { "ifname": "lo", "addr_info": [{ "local": "127.0.0.1" }, { "local": "::1" }] },
            { "ifname": "eth0", "addr_info": [{ "local": self.address }] },
        ]);
        let mut commands: BTreeMap<&str, String> = BTreeMap::from([
            ("ip -j addr", addresses.to_string()),
            ("ss -Hltnupe", "tcp LISTEN 0 511 0.0.0.0:8080 0.0.0.0:* users:((\"app\",pid=7,fd=5))".to_owned()),
            ("nft -j list ruleset", r#"{"nftables": [{"metainfo": {"json_schema_version": 1}}]}"#.to_owned()),
            ("nft list ruleset", String::new()),
            ("iptables-save", "absent".to_owned()),
            ("ip6tables-save", "absent".to_owned()),
            ("iptables-legacy-save", "absent".to_owned()),
            ("ip6tables-legacy-save", "absent".to_owned()),
        ]);
        commands.extend(self.commands.iter().map(|(command, output)| (command.as_str(), output.clone())));
        let mut text = format!("=== reachlint host evidence 1\n=== host {}\n=== uid {}\n", self.name, self.uid);
        for (command, output) in commands {
            let (output, ending) = match output.split_once('\n').unwrap_or((&output, "")) {
                ("absent", _) => ("", "absent".to_owned()),
                (first, rest) if first.starts_with("exit ") => (rest, first.to_owned()),
                _ => (output.as_str(), "exit 0".to_owned()),
            };
            writeln!(text, "=== $ {command}").unwrap();
            output.lines().for_each(|line| writeln!(text, " {line}").unwrap());
            writeln!(text, "=== {ending}").unwrap();
        }
        text + "=== end\n"
    }
}

impl Case {
    /// The cloud that all cases are about; none where they are about all of them.
    pub(crate) fn cloud(&self) -> Option<Cloud> {
        let word = self.cloud.as_deref()?;
        Some(CLOUDS.into_iter().find(|cloud| cloud.word() == word).unwrap_or_else(|| panic!("`{word}` is no cloud")))
    }
}

const CLOUDS: [Cloud; 3] = [Cloud::Aws, Cloud::Gcp, Cloud::Azure];

/// What is in the evidence of one of several clouds.
fn part(evidence: &Map<String, Value>, cloud: Cloud) -> Map<String, Value> {
    evidence.get(cloud.word()).map_or_else(Map::new, |part| part.as_object().unwrap().clone())
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

/// What is to be said about one flow.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    to: String,
    interface: Option<String>,
    verdict: String,
    #[serde(default)]
    blockers: BTreeSet<String>,
    /// The cloud's own words for what does not let it pass.
    pub(crate) codes: Option<BTreeSet<String>>,
    #[serde(default)]
    decided: Vec<String>,
    #[serde(default)]
    reasons: Vec<String>,
}

/// One finding. Of a rule that any entry names there are no other findings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    rule: Option<String>,
    severity: String,
    #[serde(default = "high")]
    confidence: String,
    /// A part of the sentence.
    message: String,
    /// Exactly the resources, in any order.
    resources: Option<BTreeSet<String>>,
    /// Exactly the cloud's own words for it.
    codes: Option<BTreeSet<String>>,
    /// Exactly the lines of nginx's configuration.
    lines: Option<BTreeSet<u32>>,
    /// Parts of sentences, in any case.
    #[serde(default)]
    reasons: Vec<String>,
    /// Parts of what it proposes to change, in any dialect.
    #[serde(default)]
    fix: Vec<String>,
}

fn high() -> String {
    word(Confidence::High)
}

fn word(confidence: Confidence) -> String {
    serde_json::to_value(confidence).unwrap().as_str().unwrap().to_owned()
}

/// The key that identifies a record of a listing.
fn id_key(cloud: Cloud, listing: &str) -> &'static str {
    match cloud {
        Cloud::Aws => aws::id_key(listing),
        Cloud::Gcp => gcp::id_key(listing),
        Cloud::Azure => azure::id_key(listing),
    }
}

/// A base's evidence with a case's over it.
fn merged(
    base: &Map<String, Value>,
    without: &[String],
    over: &Map<String, Value>,
    cloud: Cloud,
) -> Map<String, Value> {
    let mut all = base.clone();
    for gone in without {
        assert!(remove(&mut all, gone, cloud), "`without` names `{gone}`, which the base does not have");
    }
    for (listing, records) in over {
        if let Some(records) = records.as_object() {
            // Documents as they are go beside those of the base; what a listing holds under ids replaces it.
            let known = all.entry(listing).or_insert_with(|| json!({}));
            if listing != "documents" {
                *known = json!({});
            }
            known.as_object_mut().unwrap().extend(records.clone());
            continue;
        }
        let key = id_key(cloud, listing);
        let known = all.entry(listing).or_insert_with(|| json!([])).as_array_mut().unwrap();
        let new = records.as_array().unwrap();
        let ids: Vec<&Value> = new.iter().map(|record| &record[key]).collect();
        known.retain(|record| !ids.contains(&&record[key]));
        known.extend(new.iter().cloned());
    }
    all
}

/// The same for evidence of all clouds, each under its word.
fn merged_all(base: &Map<String, Value>, without: &[String], over: &Map<String, Value>) -> Map<String, Value> {
    for word in over.keys() {
        assert!(CLOUDS.iter().any(|cloud| cloud.word() == word), "`{word}` is no cloud");
    }
    let mut found = BTreeSet::new();
    let merged = CLOUDS.map(|cloud| {
        let mut own = part(base, cloud);
        found.extend(without.iter().filter(|gone| remove(&mut own, gone, cloud)));
        (cloud.word().to_owned(), Value::Object(merged(&own, &[], &part(over, cloud), cloud)))
    });
    let missing: Vec<&String> = without.iter().filter(|gone| !found.contains(gone)).collect();
    assert!(missing.is_empty(), "`without` names {missing:?}, which no cloud of the base has");
    merged.into_iter().collect()
}

/// Removes a record by its id, or a whole kind; whether there was any.
fn remove(all: &mut Map<String, Value>, gone: &str, cloud: Cloud) -> bool {
    let mut found = all.remove(gone).is_some();
    for (listing, records) in all.iter_mut() {
        if let Some(documents) = records.as_object_mut().filter(|_| listing == "documents") {
            found |= documents.remove(gone).is_some();
        }
        if let Some(records) = records.as_array_mut() {
            let before = records.len();
            records.retain(|record| record[id_key(cloud, listing)] != Value::String(gone.to_owned()));
            found |= records.len() < before;
        }
    }
    found
}

/// The files that a snapshot of this evidence would have.
pub(crate) fn documents(evidence: &Map<String, Value>, base: &Case, case: &Case) -> Vec<(String, Vec<u8>)> {
    let of_cloud = |evidence: &Map<String, Value>, cloud| match cloud {
        Cloud::Aws => aws::documents(evidence, case),
        Cloud::Gcp => gcp::documents(evidence, case, base.account.as_deref().unwrap(), base.region.as_deref().unwrap()),
        Cloud::Azure => azure::documents(evidence, case),
    };
    let mut documents = match base.cloud() {
        Some(cloud) => of_cloud(evidence, cloud),
        None => CLOUDS.into_iter().flat_map(|cloud| of_cloud(&part(evidence, cloud), cloud)).collect(),
    };
    let names = case.resolve.iter();
    let manifest = Manifest {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        failures: case.manifest.failures.clone(),
        names: names
            .map(|(name, addresses)| NameAnswer {
                name: name.clone(),
                addresses: addresses.clone(),
                error: None,
                elsewhere: case.elsewhere.contains(name),
            })
            .collect(),
        ..Manifest::default()
    };
    documents.push(("manifest.json".to_owned(), serde_json::to_value(manifest).unwrap()));
    documents.into_iter().map(|(name, document)| (name, document.to_string().into_bytes())).collect()
}

/// Reads one file.
pub(crate) fn read(path: &Path) -> Case {
    let text = fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folder with the cases of a subject.
pub(crate) fn folder(subject: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps").join(subject)
}

/// The estate that every case of a folder starts from.
pub(crate) fn base(folder: &Path) -> Case {
    let base = read(&folder.join("base.toml"));
    assert!(base.account.is_some() && base.region.is_some());
    base
}

/// The cases of a folder by file name, without the base.
pub(crate) fn cases(folder: &Path) -> Vec<(String, Case)> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    let named = paths.iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path));
    named.filter(|(name, _)| name != "base.toml").map(|(name, path)| (name, read(path))).collect()
}

/// The evidence of a case.
pub(crate) fn evidence(base: &Case, case: &Case) -> Map<String, Value> {
    over(base, &base.evidence, &case.without, &case.evidence)
}

/// Some evidence with other evidence over it.
fn over(
    base: &Case,
    evidence: &Map<String, Value>,
    without: &[String],
    over: &Map<String, Value>,
) -> Map<String, Value> {
    match base.cloud() {
        Some(cloud) => merged(evidence, without, over, cloud),
        None => merged_all(evidence, without, over),
    }
}

/// What reachlint says of a case: every flow, and what `check` finds.
pub(crate) fn run(base: &Case, case: &Case, check: impl Fn(&Context<'_>) -> Vec<Finding>) -> (Vec<Flow>, Vec<Finding>) {
    let evidence = evidence(base, case);
    let Some(plan) = &case.plan else {
        let (flows, findings, _) = judged(base, case, &evidence, None, &check);
        return (flows, findings);
    };
    let (flows, findings, notes) = judged(base, case, &evidence, Some(&plan.file(false)), &check);
    let name = case.id.as_deref().unwrap_or_default();
    for note in &plan.notes {
        assert!(notes.iter().any(|known| known.contains(note)), "{name}: nothing says `{note}`: {notes:#?}");
    }
    // A plan that changes nothing changes nothing.
    let is_there = case.from.as_ref().is_none_or(|from| !from.starts_with("aws_"));
    if is_there {
        let report = |plan: Option<&PlanFile>| {
            let (flows, findings, _) = judged(base, case, &evidence, plan, &check);
            json!([flows, findings])
        };
        assert_eq!(report(None), report(Some(&plan.file(true))), "{name}");
    }
    // What the plan does can as well be done by hand.
    if let Some(applied) = &plan.applied {
        let evidence = over(base, &evidence, &plan.applied_without, applied);
        let (by_hand, ..) = judged(base, case, &evidence, None, &check);
        assert_eq!(plan::outline(&by_hand), plan::outline(&flows), "{name}");
    }
    (flows, findings)
}

type Judged = (Vec<Flow>, Vec<Finding>, Vec<String>);

fn judged(
    base: &Case,
    case: &Case,
    evidence: &Map<String, Value>,
    plan: Option<&PlanFile>,
    check: impl Fn(&Context<'_>) -> Vec<Finding>,
) -> Judged {
    let documents = documents(evidence, base, case);
    let hosts = case.hosts.iter().map(|host| (format!("{}.txt", host.name), host.document().into_bytes()));
    let documents: Vec<_> = documents.into_iter().chain(hosts).collect();
    let documents = documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let snapshot = from_documents_planned(documents, "the case", plan).unwrap();
    let nginx = case.nginx.as_ref().or(base.nginx.as_ref()).unwrap();
    let files = MemoryFiles::new().with("nginx.conf", nginx.as_str());
    let config = Config::read(Path::new("nginx.conf"), &files, &Options::default()).unwrap();
    let endpoints = config.endpoints().unwrap();
    let wanted = wanted(&config, &endpoints, Path::new(""));
    let providers = snapshot.providers();
    let from = case.from.as_ref().or(base.from.as_ref()).unwrap().parse().unwrap();
    let nodes = audit::nodes(&providers, &from);
    assert!(!nodes.is_empty(), "nginx is nowhere in the evidence");
    let ephemeral = case.options.ephemeral.as_ref().map_or(PortRange::LINUX_EPHEMERAL, |text| text.parse().unwrap());
    let hosts = Hosts::new(&snapshot.hosts, &providers);
    let subject = Subject { providers: &providers, hosts: &hosts, nodes: &nodes, wanted: &wanted, ephemeral };
    let recorded: HashMap<_, _> =
        snapshot.names.iter().map(|answer| (reachlint::resolve::normal(&answer.name), answer.clone())).collect();
    let resolver = Resolver { given: BTreeMap::new(), recorded, providers: &providers, asked: false };
    let judged = judge(&subject, &resolver);
    let findings = check(&Context { providers: &providers, hosts: &hosts, flows: &judged });
    let told = snapshot.evidence.iter().map(|evidence| evidence.note.clone()).collect();
    (judged.into_iter().map(|judged| judged.flow).collect(), findings, told)
}

/// What of a case did not come true.
pub(crate) fn complaints(case: &Case, flows: &[Flow], findings: &[Finding]) -> Vec<String> {
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
        if expect.codes.as_ref().is_some_and(|expected| *expected != codes(flow)) {
            say(format!("codes are {:?}, not {:?}", codes(flow), expect.codes));
        }
        for id in &expect.decided {
            if !flow.path.iter().any(|step| step.rule.as_ref() == Some(id) || step.id == *id) {
                let path: Vec<_> = flow.path.iter().map(|step| (&step.id, &step.rule)).collect();
                say(format!("`{id}` is not on the path {path:?}"));
            }
        }
        let details = flow.path.iter().map(|step| &step.detail).chain(&flow.reasons);
        let text = details.map(|text| text.to_lowercase()).collect::<Vec<_>>().join("\n");
        if text.contains("{}") || text.contains("{address}") {
            say(format!("a sentence has a gap: {text}"));
        }
        for reason in &expect.reasons {
            if !text.contains(&reason.to_lowercase()) {
                say(format!("no reason has `{reason}`: {text}"));
            }
        }
    }
    wrong.extend(untold(case, findings));
    wrong
}

/// The cloud's own words on the path of a flow.
pub(crate) fn codes(flow: &Flow) -> BTreeSet<String> {
    flow.path.iter().filter_map(|step| step.code.clone()).collect()
}

/// Findings that were expected and are not there, that are there and were not expected, or that cannot be told apart.
fn untold(case: &Case, findings: &[Finding]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut prints = BTreeSet::new();
    for finding in findings {
        if !prints.insert(&finding.fingerprint) {
            wrong.push(format!("another finding has the fingerprint of `{}`", finding.message));
        }
    }
    let named: BTreeSet<&str> = case.told.iter().filter_map(|told| told.rule.as_deref()).collect();
    let anywhere = case.told.iter().any(|told| told.rule.is_none());
    let mut rest: Vec<&Finding> =
        findings.iter().filter(|finding| anywhere || named.contains(finding.rule.as_str())).collect();
    for told in &case.told {
        let mut nearest: Option<Vec<String>> = None;
        let mut found = None;
        for (at, finding) in rest.iter().enumerate() {
            let differences = differences(told, finding);
            if differences.is_empty() {
                found = Some(at);
                break;
            }
            if nearest.as_ref().is_none_or(|nearest| differences.len() < nearest.len()) {
                nearest = Some(differences);
            }
        }
        match found {
            Some(at) => drop(rest.remove(at)),
            None => wrong.push(format!("no finding is `{}`; the nearest: {:#?}", told.message, nearest)),
        }
    }
    if !case.told.is_empty() {
        wrong.extend(rest.iter().map(|finding| format!("nobody expected `{}`", finding.message)));
    }
    wrong
}

fn differences(told: &Told, finding: &Finding) -> Vec<String> {
    let mut wrong = Vec::new();
    if told.rule.as_ref().is_some_and(|rule| *rule != finding.rule) {
        wrong.push(format!("it is of `{}`", finding.rule));
    }
    if told.severity != finding.severity.word() {
        wrong.push(format!("it is {}", finding.severity.word()));
    }
    let confidence = word(finding.confidence);
    if told.confidence != confidence {
        wrong.push(format!("its confidence is {confidence}"));
    }
    if !finding.message.contains(&told.message) {
        wrong.push(format!("it says `{}`", finding.message));
    }
    let resources: BTreeSet<String> = finding.resources.iter().cloned().collect();
    if told.resources.as_ref().is_some_and(|told| *told != resources) || resources.len() != finding.resources.len() {
        wrong.push(format!("its resources are {:?}", finding.resources));
    }
    let codes: BTreeSet<String> = finding.codes.iter().cloned().collect();
    if told.codes.as_ref().is_some_and(|told| *told != codes) || codes.len() != finding.codes.len() {
        wrong.push(format!("its codes are {:?}", finding.codes));
    }
    let lines: BTreeSet<u32> = finding.nginx.iter().map(|place| place.line).collect();
    if told.lines.as_ref().is_some_and(|told| *told != lines) {
        wrong.push(format!("its lines are {lines:?}"));
    }
    let fix = finding
        .remedy
        .as_ref()
        .map_or_else(String::new, |fix| [fix.cli.as_str(), fix.terraform.as_str(), fix.console.as_str()].join("\n"));
    for part in told.fix.iter().filter(|part| !fix.contains(part.as_str())) {
        wrong.push(format!("its fix lacks `{part}`: {fix}"));
    }
    let reasons = finding.reasons.join("\n").to_lowercase();
    for reason in &told.reasons {
        if !reasons.contains(&reason.to_lowercase()) {
            wrong.push(format!("its reasons lack `{reason}`: {reasons}"));
        }
    }
    wrong
}
