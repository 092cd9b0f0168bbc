//! A bare verdict allocates nothing, so that asking all connections of an estate costs no more than reading its rules.

#![cfg(test)]

use std::path::Path;

use reachlint::evaluate::{Evaluator, Query};
use reachlint::evidence::load;
use reachlint_model::{PortRange, Protocol, Verdict};

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
    let mut evaluator = Evaluator::new(&providers, PortRange::LINUX_EPHEMERAL);
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
