//! A bare verdict allocates nothing, so that asking all connections of an estate costs no more than reading its rules.

#![cfg(test)]

#[cfg(test)]
#[expect(dead_code, reason = "the tests of the cases use all of it")]
mod cases;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reachlint::evaluate::{Evaluator, Landing, Query};
use reachlint::evidence::{Snapshot, from_documents, load};
use reachlint_host::network::Hosts;
use reachlint_host::records::Document;
use reachlint_model::{PortRange, Protocol, Provider, Verdict};

fn host(address: IpAddr) -> Document {
    let text = format!(
        "=== reachlint host evidence 1\n=== host {address}\n=== uid 0\n=== $ ip -j addr\n \
         [{{\"ifname\":\"eth0\",\"addr_info\":[{{\"local\":\"{address}\"}}]}}]\n=== exit 0\n=== $ ss -Hltnupe\n \
         tcp LISTEN 0 9 *:8080 *:* v6only:0\n tcp LISTEN 0 9 *:443 *:* v6only:0\n tcp LISTEN 0 9 *:8443 *:* v6only:0\n=== exit 0\n=== $ nft -j list \
         ruleset\n=== exit 0\n=== $ iptables-save\n *filter\n :INPUT DROP [0:0]\n :A - [0:0]\n -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n -A INPUT -p tcp -j A\n -A A -p \
         tcp -m multiport --dports 443,8080,8443 -j ACCEPT\n -A A -j REJECT\n=== exit 0\n=== $ ip6tables-save\n=== absent\n=== end\n"
    );
    Document::read("host", text.as_bytes()).unwrap()
}

/// The estate of some folders below `examples`.
fn estate(folders: &[&str]) -> Snapshot {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folders: Vec<PathBuf> = folders.iter().map(|folder| examples.join(folder)).collect();
    load(&folders, None).unwrap()
}

/// Connections from every interface to every address, private and public, of all clouds of an estate.
fn queries(providers: &[&dyn Provider]) -> Vec<Query> {
    let (mut senders, mut targets) = (Vec::new(), Vec::new());
    for (provider, cloud) in providers.iter().enumerate() {
        let network = cloud.network();
        for (id, interface) in network.interfaces() {
            for address in network.addresses(interface) {
                senders.push((provider, id, address.private));
                targets.extend([Some(address.private), address.public].into_iter().flatten());
            }
        }
    }
    let mut queries = Vec::new();
    for (provider, from, source) in senders {
        for to in &targets {
            let of = |port| Query { provider, from, source, to: *to, port, protocol: Protocol::TCP };
            queries.extend([22, 443, 8080, 8443].map(of));
        }
    }
    queries
}

/// Asserts that judging connections again allocates nothing; their verdicts.
fn judged(evaluator: &mut Evaluator<'_>, queries: &[Query]) -> Vec<Verdict> {
    // The room for the longest path is made once and kept.
    let first: Vec<Verdict> = queries.iter().map(|query| evaluator.verdict(query)).collect();
    let mut again = Vec::with_capacity(queries.len());
    let info = allocation_counter::measure(|| again.extend(queries.iter().map(|query| evaluator.verdict(query))));
    assert_eq!(info.count_total, 0, "{info:?}");
    assert_eq!(again, first);
    first
}

#[test]
fn a_bare_verdict_allocates_nothing() {
    let snapshot = estate(&["aws-shop/aws"]);
    let providers = snapshot.providers();
    let queries = queries(&providers);
    // Every machine is a host of its own, with a firewall that lets one port in and rejects another.
    let sources: BTreeSet<IpAddr> = queries.iter().map(|query| query.source).collect();
    let documents: Vec<Document> = sources.into_iter().map(host).collect();
    let hosts = Hosts::new(&documents, &providers);
    let mut evaluator = Evaluator::new(&providers, PortRange::LINUX_EPHEMERAL).with_hosts(&hosts);
    let found = judged(&mut evaluator, &queries);
    for verdict in [Verdict::Allowed, Verdict::Blocked, Verdict::Partial] {
        assert!(found.contains(&verdict), "no query is {verdict:?}");
    }
}

/// Whether a connection comes to an interface of another cloud than its own.
fn is_across(query: &Query, landing: &Landing) -> bool {
    landing.interface.is_some() && landing.provider != query.provider
}

#[test]
fn nor_does_one_across_clouds() {
    let snapshot = estate(&["multi-cloud/snapshot"]);
    let providers = snapshot.providers();
    let mut evaluator = Evaluator::new(&providers, PortRange::LINUX_EPHEMERAL);
    let mut queries = queries(&providers);
    let mut ways = BTreeSet::new();
    queries.retain(|query| {
        let landing = evaluator.explain(query).landing;
        let across = is_across(query, &landing);
        if across {
            ways.insert((query.provider, landing.provider));
        }
        across
    });
    assert_eq!(ways.len(), 6, "three clouds, each to both others: {ways:?}");
    let found = judged(&mut evaluator, &queries);
    for verdict in [Verdict::Allowed, Verdict::Blocked] {
        assert!(found.contains(&verdict), "no query is {verdict:?}");
    }
}

/// Cloud NAT chooses its addresses by itself, or Azure does; the receiver admits one address.
#[test]
fn nor_does_one_whose_sender_is_not_known() {
    let folder = cases::folder("cross");
    let base = cases::base(&folder);
    for file in ["C10a-automatic-addresses.toml", "C11a-default-outbound-access.toml"] {
        let case = cases::read(&folder.join(file));
        let documents = cases::documents(&cases::evidence(&base, &case), &base, &case);
        let documents = documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        let snapshot = from_documents(documents, file).unwrap();
        let providers = snapshot.providers();
        let mut evaluator = Evaluator::new(&providers, PortRange::LINUX_EPHEMERAL);
        let mut queries = queries(&providers);
        queries.retain(|query| {
            let explanation = evaluator.explain(query);
            let hidden = explanation.steps.iter().any(|step| step.detail.contains("that is not known"));
            hidden && is_across(query, &explanation.landing)
        });
        let found = judged(&mut evaluator, &queries);
        assert!(found.contains(&Verdict::Unknown), "{file}: {found:?}");
    }
}
