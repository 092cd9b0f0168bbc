//! A bare verdict allocates nothing, so that asking all connections of an estate costs no more than reading its rules.

#![cfg(test)]

use std::net::IpAddr;
use std::path::Path;

use reachlint::evaluate::{Evaluator, Query};
use reachlint::evidence::load;
use reachlint_host::network::Hosts;
use reachlint_host::records::Document;
use reachlint_model::{PortRange, Protocol, Verdict};

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

#[test]
fn a_bare_verdict_allocates_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/aws-shop/aws");
    let snapshot = load(&[folder], None).unwrap();
    let providers = snapshot.providers();
    let network = providers[0].network();
    let addresses = network
        .interfaces()
        .flat_map(|(id, interface)| network.addresses(interface).iter().map(move |address| (id, address.private)));
    let addresses: Vec<_> = addresses.collect();
    let mut queries = Vec::new();
    for (from, source) in &addresses {
        for (_, to) in &addresses {
            for port in [22, 443, 8080, 8443] {
                queries.push(Query {
                    provider: 0,
                    from: *from,
                    source: *source,
                    to: *to,
                    port,
                    protocol: Protocol::TCP,
                });
            }
        }
    }
    // Every machine is a host of its own, with a firewall that lets one port in and rejects another.
    let documents: Vec<Document> = addresses.iter().map(|(_, address)| host(*address)).collect();
    let hosts = Hosts::new(&documents, &providers);
    let mut evaluator = Evaluator::new(&providers, PortRange::LINUX_EPHEMERAL).with_hosts(&hosts);
    // The room for the longest path is made once and kept.
    let first: Vec<Verdict> = queries.iter().map(|query| evaluator.verdict(query)).collect();
    for verdict in [Verdict::Allowed, Verdict::Blocked, Verdict::Partial] {
        assert!(first.contains(&verdict), "no query is {verdict:?}");
    }
    let mut again = Vec::with_capacity(queries.len());
    let info = allocation_counter::measure(|| again.extend(queries.iter().map(|query| evaluator.verdict(query))));
    assert_eq!(info.count_total, 0, "{info:?}");
    assert_eq!(again, first);
}
