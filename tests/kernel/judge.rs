//! What reachlint says of the two hosts.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint::evaluate::{Evaluator, Explanation, Query};
use reachlint::evidence::{Snapshot, from_documents};
use reachlint_host::network::Hosts;
use reachlint_model::{Fix, PortRange, Protocol, Verdict};

use crate::lab::{End, Lab, NGINX};

pub(crate) struct Judge {
    snapshot: Snapshot,
    hosts: Hosts,
}

impl Judge {
    /// Gathers the evidence of both ends as it is now.
    pub(crate) fn of(lab: &Lab) -> Self {
        let [nginx, upstream] = [End::Nginx, End::Upstream].map(|end| lab.evidence(end));
        let documents = [
            ("estate.json", include_str!("estate.json").as_bytes()),
            ("nginx.txt", nginx.as_bytes()),
            ("upstream.txt", upstream.as_bytes()),
        ];
        let snapshot = from_documents(documents, "the lab").unwrap();
        let hosts = Hosts::new(&snapshot.hosts, &snapshot.providers());
        assert!(hosts.strangers().is_empty(), "{:?}", hosts.strangers());
        Self { snapshot, hosts }
    }

    fn with<T>(&self, to: IpAddr, port: u16, then: impl FnOnce(&Explanation, &Hosts) -> T) -> T {
        let providers = self.snapshot.providers();
        let hosts = &self.hosts;
        let from = providers[0].network().called("eni-nginx")[0];
        let source = NGINX.into_iter().find(|own| own.is_ipv4() == to.is_ipv4()).unwrap();
        let query = Query { provider: 0, from, source, to, port, protocol: Protocol::TCP };
        // The kernel chooses from its own range; no ruleset here tells its ports apart.
        let mut evaluator = Evaluator::new(&providers, PortRange::LINUX_EPHEMERAL).with_hosts(hosts);
        let explanation = evaluator.explain(&query);
        assert_eq!(evaluator.verdict(&query), explanation.verdict);
        then(&explanation, hosts)
    }

    /// What should come of a connection: `open`, an error number, `silent`, or `unknown`.
    pub(crate) fn word(&self, to: IpAddr, port: u16) -> String {
        self.with(to, port, |explanation, _| word(explanation, to))
    }

    /// Everything that is said of the connections that are tried.
    pub(crate) fn said(&self) -> BTreeSet<String> {
        Lab::targets().into_iter().map(|(to, port)| self.word(to, port)).collect()
    }

    /// Where the kernel does something else than was said. Only ports that may be undecided are.
    pub(crate) fn compare(&self, lab: &Lab, may_be_undecided: impl Fn(u16) -> bool) -> Vec<String> {
        let targets = Lab::targets();
        let found = lab.dial(&targets);
        let mut wrong = Vec::new();
        for ((to, port), mut found) in targets.into_iter().zip(found) {
            let said = self.word(to, port);
            if said == "unknown" {
                if !may_be_undecided(port) {
                    let reasons = self.with(to, port, |explanation, _| explanation.reasons.join("; "));
                    wrong.push(format!("{to} {port} is {found} and unknown: {reasons}"));
                }
                continue;
            }
            // An answer that refuses may be lost on its way like any other; then nobody says which of both comes of it.
            let lost = found == "silent"
                && self.with(to, port, |explanation, _| {
                    explanation.reasons.iter().any(|reason| reason.starts_with("the refusal itself may be lost"))
                });
            // Opened, and refused or not as soon as the next packet leaves.
            if lost || (said == "still" && found != "silent") {
                continue;
            }
            if said != found && found == "silent" {
                // A slow machine is no drop.
                found = lab.dial_for("10", &[(to, port)]).remove(0);
            }
            if said != found {
                let path = self.with(to, port, |explanation, _| explanation.reasons.join("; "));
                wrong.push(format!("{to} {port} is {found} and not {said}: {path}"));
            }
        }
        wrong
    }

    /// The commands that should open a connection which filters of a host refuse.
    pub(crate) fn remedy(&self, to: IpAddr, port: u16) -> Option<String> {
        self.with(to, port, |explanation, hosts| {
            let blockers = explanation.blockers.iter().filter(|_| explanation.verdict == Verdict::Blocked);
            let fixes: Vec<String> = blockers
                .filter_map(|blocker| {
                    let (list, rule) = blocker.by.unzip();
                    hosts.remedy(Fix::Open, &blocker.hop, list, rule).map(|remedy| remedy.cli)
                })
                .collect();
            (!fixes.is_empty()).then(|| fixes.join("\n"))
        })
    }
}

/// What nginx would see. The first thing on the way that ends a connection decides how it ends.
fn word(explanation: &Explanation, to: IpAddr) -> String {
    match explanation.verdict {
        Verdict::Allowed => return "open".to_owned(),
        Verdict::Blocked => {}
        Verdict::Partial | Verdict::Unknown => return "unknown".to_owned(),
    }
    let sentence = &explanation.blockers.first().unwrap().sentence;
    if sentence.ends_with("comes about and stands still") {
        return "still".to_owned();
    }
    if sentence.ends_with("dropped in silence and times out") {
        return "silent".to_owned();
    }
    if to.is_ipv6() && sentence.contains("over IPv6 13: ") {
        return "13".to_owned();
    }
    let code = sentence.split_once(" (").and_then(|(_, rest)| rest.split_once(": "));
    let refused = sentence.rsplit_once("refused at once (").map(|(_, rest)| rest).and_then(|rest| rest.split_once(':'));
    refused.or(code).map_or_else(|| panic!("no error number in `{sentence}`"), |(code, _)| code.to_owned())
}
