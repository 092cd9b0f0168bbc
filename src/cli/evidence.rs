//! Evidence for an audit: a snapshot, or fresh from the cloud; and answers to names.

use std::collections::HashMap;

use reachlint_host::network::Hosts;
use reachlint_model::{Cloud, Collected, Failure, NameAnswer, Provider, Selector};

use super::CliError;
use super::live::{Ask, collect, place};
use super::options::{CloudName, EvidenceOptions, Settings};
use crate::audit::{self, Node, Wanted};
use crate::evidence::{self, PlanFile, Snapshot};
use crate::report::Evidence;
use crate::resolve::{self, Resolver, normal};

/// Calls without which machines are not found; an account that let nobody in may have some too.
const LISTS_MACHINES: [&str; 4] =
    ["ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "sts:AssumeRole", "compute.instances.list"];

/// Everything that an audit stands on.
pub(super) struct Gathered {
    pub(super) snapshot: Snapshot,
    recorded: HashMap<String, NameAnswer>,
    asked: bool,
    /// Which machine this is, where that was asked.
    itself: Option<Selector>,
}

impl Gathered {
    pub(super) fn resolver<'a>(&'a self, settings: &Settings, providers: &'a [&'a dyn Provider]) -> Resolver<'a> {
        Resolver { given: settings.resolve.clone(), recorded: self.recorded.clone(), providers, asked: self.asked }
    }

    /// The hosts of which there is evidence, and what was read, with a word on those that it has no use for.
    pub(super) fn hosts(&self, providers: &[&dyn Provider]) -> (Hosts, Vec<Evidence>) {
        let hosts = Hosts::new(&self.snapshot.hosts, providers);
        let mut evidence = self.snapshot.evidence.clone();
        for (source, why) in hosts.strangers() {
            let note = format!("passed over: {why}");
            match evidence.iter_mut().find(|known| known.source == *source) {
                Some(known) => known.note = note,
                None => evidence.push(Evidence { source: source.clone(), provider: None, note }),
            }
        }
        (hosts, evidence)
    }

    /// nginx's interfaces.
    pub(super) fn nodes(&self, from: &[Selector]) -> Result<Vec<Node>, CliError> {
        let mut nodes: Vec<Node> = Vec::new();
        for selector in from {
            let here = self.itself.as_ref().filter(|_| *selector == Selector::Itself);
            let selector = here.unwrap_or(selector);
            let found = audit::nodes(&self.snapshot.providers(), selector);
            if let Some(failure) = self.unread(selector, found.is_empty()) {
                return Err(CliError::no_evidence(
                    format!(
                        "which machines are {selector} is not known: {} failed with {}",
                        failure.call, failure.error
                    ),
                    format!("grant {}, or see to it that the call works, and collect again", failure.call),
                ));
            }
            if found.is_empty() {
                return Err(self.nowhere(selector));
            }
            for node in found {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        Ok(nodes)
    }

    /// The failed call that may hide machines. An id or an address has one owner; a tag or a name may have more than
    /// those that were found.
    fn unread(&self, selector: &Selector, nothing: bool) -> Option<&Failure> {
        let (text, several) = match selector {
            Selector::Itself => return None,
            Selector::Address(address) => (address.to_string(), false),
            Selector::Tag { value, .. } => (value.clone(), true),
            Selector::Name(name) => (name.clone(), !["i-", "eni-"].iter().any(|start| name.starts_with(start))),
        };
        let lists = |failure: &&Failure| LISTS_MACHINES.contains(&failure.call.as_str());
        // An instance that a tag led to may be the one whose interfaces could not be read.
        let about = |failure: &&Failure| {
            let resources = &failure.resources;
            resources.is_empty() || resources.iter().any(|id| *id == text || (several && id.starts_with("i-")))
        };
        self.snapshot.failures.iter().filter(lists).find(about).filter(|_| nothing || several)
    }

    fn nowhere(&self, selector: &Selector) -> CliError {
        if *selector == Selector::Itself {
            return CliError::usage(
                "`self` is this machine as the metadata service knows it, which a snapshot does not tell",
                "name the instance, an address or a tag: `--from i-0123456789abcdef0`",
            );
        }
        let mut known: Vec<&str> = Vec::new();
        for network in self.snapshot.networks.iter().map(|provider| provider.network()) {
            let labels = network.interfaces().filter_map(|(_, interface)| interface.label.or(interface.owner));
            known.extend(labels.map(|name| network.name(name)));
        }
        known.sort_unstable();
        known.dedup();
        if known.is_empty() {
            return CliError::usage(
                format!("no interface in the evidence is {selector}"),
                "the evidence has no interface at all; check the region and the account",
            );
        }
        let more = known.len().saturating_sub(8);
        let mut some: Vec<String> = known.iter().take(8).map(|name| format!("`{name}`")).collect();
        if more > 0 {
            some.push(format!("{more} more"));
        }
        CliError::usage(
            format!("no interface in the evidence is {selector}"),
            format!("the evidence has {}", some.join(", ")),
        )
    }
}

/// Reads the snapshot that was given, or collects.
pub(super) fn gather(options: &EvidenceOptions, settings: &Settings, wanted: &[Wanted]) -> Result<Gathered, CliError> {
    let only = options.provider.map(super::options::CloudName::cloud);
    // What cannot be used is told before anything is collected.
    let plan = options.plan.as_deref().map(PlanFile::read).transpose()?;
    let mut hosts = Vec::new();
    for path in &options.host_evidence {
        hosts.push(evidence::host(path)?);
    }
    let mut gathered = taken(options, settings, wanted, only, plan.as_ref())?;
    for host in &hosts {
        let note = format!("host {}", host.host);
        gathered.snapshot.evidence.push(Evidence { source: host.source.clone(), provider: None, note });
    }
    gathered.snapshot.hosts.extend(hosts);
    Ok(gathered)
}

/// Evidence of the cloud.
fn taken(
    options: &EvidenceOptions,
    settings: &Settings,
    wanted: &[Wanted],
    only: Option<Cloud>,
    plan: Option<&PlanFile>,
) -> Result<Gathered, CliError> {
    if options.snapshot.is_empty() {
        return live(options, settings, wanted, plan);
    }
    let why = "a snapshot is read as it is: `reachlint collect azure --confirm-effective` writes the answers into one";
    options.live.no_confirmation(why)?;
    let paths = [options.snapshot.as_slice(), &options.service_tags].concat();
    let snapshot = evidence::load_planned(&paths, only, plan)?;
    let mut recorded = by_name(&snapshot.names);
    if options.dns {
        for name in resolve::questions(wanted, &settings.resolve) {
            recorded.entry(normal(&name)).or_insert_with(|| resolve::system(&name));
        }
    }
    Ok(Gathered { snapshot, recorded, asked: options.dns, itself: None })
}

pub(super) fn gathered(snapshot: Snapshot) -> Gathered {
    let recorded = by_name(&snapshot.names);
    Gathered { snapshot, recorded, asked: false, itself: None }
}

fn by_name(answers: &[NameAnswer]) -> HashMap<String, NameAnswer> {
    answers.iter().map(|answer| (normal(&answer.name), answer.clone())).collect()
}

/// Where nginx runs: what was said, or this machine when evidence is live.
pub(super) fn origin(from: Vec<Selector>, evidence: &EvidenceOptions) -> Result<Vec<Selector>, CliError> {
    match (from.is_empty(), evidence.snapshot.is_empty()) {
        (false, _) => Ok(from),
        (true, true) => Ok(vec![Selector::Itself]),
        (true, false) => Err(CliError::usage(
            "a snapshot does not say where nginx runs",
            "name its machines, such as `--from i-0123456789abcdef0` or `--from tag:Role=edge`",
        )),
    }
}

/// Whether all of nginx's machines are this one.
pub(super) fn is_here(from: &[Selector]) -> bool {
    !from.is_empty() && from.iter().all(|selector| *selector == Selector::Itself)
}

fn live(
    options: &EvidenceOptions,
    settings: &Settings,
    wanted: &[Wanted],
    plan: Option<&PlanFile>,
) -> Result<Gathered, CliError> {
    let cloud = options.provider.unwrap_or(CloudName::Aws);
    let (mut live, mut settings) = (options.live.clone(), settings.clone());
    let here = is_here(&settings.from);
    let itself = place(cloud, &mut live, &mut settings.from)?;
    let ask = Ask { live: &live, settings: &settings, wanted, here, all: false };
    let Collected { documents, manifest } = collect(cloud, &ask)?;
    let manifest = crate::report::json(&manifest).into_bytes();
    let documents = documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let documents = documents.chain([("manifest.json", manifest.as_slice())]);
    let snapshot = evidence::from_documents_planned(documents, "what the cloud answered", plan)?;
    let recorded = by_name(&snapshot.names);
    Ok(Gathered { snapshot, recorded, asked: true, itself })
}
