//! Load balancers: what to look at. What a listener or target group is meant to do only a person can decide, so there is
//! no command.

use reachlint_model::{Hop, HopKind, Outcome, Remedy};

use super::words::plain;
use crate::network::{AwsNetwork, LOAD_BALANCER, TARGET_GROUP};

/// What lets a connection past a load balancer that ends it.
pub(super) fn open(aws: &AwsNetwork, hop: &Hop) -> Option<Remedy> {
    let HopKind::Route(Outcome::Block) = hop.kind else { return None };
    let name = plain(aws.network.label(hop.subject).unwrap_or_else(|| aws.network.name(hop.subject)));
    let address = hop.note.and_then(|note| note.address);
    let console = match (hop.layer, address) {
        (LOAD_BALANCER, _) => format!(
            "EC2 > Load Balancers > {name} > Listeners: add a listener for this port and protocol that sends to a target \
             group, or correct the port in nginx's configuration."
        ),
        (TARGET_GROUP, Some(address)) => format!(
            "EC2 > Target Groups > {name} > Targets: take {address} out, or let targets see the load balancer's address \
             instead of the client's (Attributes > Preserve client IP addresses: off), where the group allows that."
        ),
        (TARGET_GROUP, None) => format!(
            "EC2 > Target Groups > {name} > Targets: register targets in the zones of the load balancer, and see why \
             those that are registered are not healthy."
        ),
        _ => return None,
    };
    Some(Remedy { console, ..Remedy::default() })
}
