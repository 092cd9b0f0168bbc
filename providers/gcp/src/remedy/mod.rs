//! The narrowest change at a hop, in the words of gcloud, Terraform and the web console.
//!
//! A change is a value first; its three texts are rendered from that value, so that they cannot disagree.

mod firewall;
mod place;
mod policy;
mod words;

use reachlint_model::{Fix, Hop, HopKind, ListId, Remedy, RuleId};

use crate::network::{
    CLASSIC, GLOBAL, GcpNetwork, HEALTH_CHECK, HIERARCHICAL, IMPLIED, INSTANCE_STATE, LOAD_BALANCER, REGIONAL, ROUTE,
};

/// The narrowest change for `fix` at `hop`; none where nothing sensible can be said.
pub(crate) fn remedy(
    gcp: &GcpNetwork,
    fix: Fix,
    hop: &Hop,
    list: Option<ListId>,
    rule: Option<RuleId>,
) -> Option<Remedy> {
    let by = list.zip(rule);
    match (fix, hop.layer) {
        (Fix::Open, IMPLIED | CLASSIC) => firewall::open(gcp, hop, by),
        // Where VPC firewall rules come first, one of them is enough.
        (Fix::Open, GLOBAL | REGIONAL) if !gcp.puts_policies_first(near_network(gcp, hop)?) => {
            firewall::open(gcp, hop, None)
        }
        (Fix::Open, HIERARCHICAL | GLOBAL | REGIONAL) => policy::open(gcp, hop, by?),
        (Fix::Open, HEALTH_CHECK) => firewall::probes(gcp, hop),
        (Fix::Open, INSTANCE_STATE) => place::start(gcp, hop),
        (Fix::Open, LOAD_BALANCER) => place::balancer(gcp, hop),
        (Fix::Open, ROUTE) => place::route(gcp, hop),
        (Fix::Narrow, _) => {
            let (list, rule) = by?;
            if gcp.is_policy(gcp.network.list(list)?.name) {
                policy::narrow(gcp, hop, (list, rule))
            } else {
                firewall::narrow(gcp, hop, (list, rule))
            }
        }
        _ => None,
    }
}

/// The network whose filters a hop belongs to, by path.
fn near_network<'g>(gcp: &'g GcpNetwork, hop: &Hop) -> Option<&'g str> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let side = gcp.network.gate(gate)?.side;
    gcp.network_of(firewall::Ends::new(&packet, side).near_interface()?)
}
