//! The words that AWS Reachability Analyzer has for what does not pass (Reachability Analyzer, explanation codes).
//!
//! A hop that is known without asking rules carries its word in its note. What a filter is called depends on why its
//! rules do not match, which is worked out here. There is no word for what Reachability Analyzer does not look at:
//! whether a machine runs, the health of targets, IPv6, answers that take another way than the connection.

use std::net::IpAddr;

use reachlint_model::{Gate, Hop, HopKind, Identity, InterfaceId, Outcome, Packet, Peer, Rule, Side};

use super::compile::{AwsNetwork, SECURITY_GROUP};
use super::estate::Target;
use super::route::Choice;
use super::{NETWORK_ACL, TRANSIT};

macro_rules! codes {
    ($($name:ident),* $(,)?) => {
        $(pub(super) const $name: &str = stringify!($name);)*
        /// Every word that a hop can have, in alphabetical order.
        pub const CODES: &[&str] = &[$($name),*];
    };
}

codes! {
    BAD_STATE,
    BAD_STATE_ATTACHMENT,
    BAD_STATE_ROUTE,
    DISCONNECTED_VPCS,
    ELBV2_LISTENERS_MISMATCH,
    ELBV2_LISTENER_HAS_NO_TG,
    ELBV2_NO_TARGETS_IN_AZ,
    ELB_ACL_RESTRICTION,
    ELB_LISTENERS_MISMATCH,
    ELB_NOT_CROSSZONE,
    ENI_SG_RULES_MISMATCH,
    ENI_SOURCE_DEST_CHECK_RESTRICTION,
    IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS,
    IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS,
    IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS,
    NGW_REQUIRES_SOURCE_IN_VPC,
    NO_ROUTE_TO_DESTINATION,
    PCX_REQUIRES_ADDRESS_IN_VPC_CIDR,
    SG_HAS_NO_RULES,
    SG_REFERENCES_NOT_PRESERVED,
    SG_REFERENCING_SUPPORT,
    SUBNET_ACL_RESTRICTION,
    TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION,
    TGW_ROUTE_AZ_RESTRICTION,
    TGW_RTB_BAD_STATE_ROUTE,
    TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT,
    TGW_RTB_ROUTES_ARE_UNKNOWN,
    UNKNOWN_DESTINATION,
    UNKNOWN_PEERED_SGS,
    VPCE_GATEWAY_PROTOCOL_RESTRICTION,
    VPC_BLOCK_PUBLIC_ACCESS_ENABLED,
}

/// What an internet gateway's refusal of a private destination is called.
pub(super) fn private_range(to: IpAddr) -> Option<&'static str> {
    match to {
        IpAddr::V4(to) if to.is_private() => Some(IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS),
        IpAddr::V4(to) if !to.is_link_local() => Some(IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS),
        _ => None,
    }
}

/// The word for a hop that ends a connection from an interface, or may end it.
pub(super) fn of(aws: &AwsNetwork, hop: &Hop, undecided: bool, from: Option<InterfaceId>) -> Option<&'static str> {
    match hop.kind {
        HopKind::Gate { gate, packet } => {
            let gate = aws.network.gate(gate)?;
            match hop.layer {
                SECURITY_GROUP => group(aws, gate, &packet, undecided, from),
                NETWORK_ACL if !undecided => hop.note.and_then(|note| note.code).or(Some(SUBNET_ACL_RESTRICTION)),
                _ => None,
            }
        }
        HopKind::Route(Outcome::Unknown(reason)) if hop.layer == TRANSIT => {
            aws.transit.is_unread(hop.subject, reason).then_some(TGW_RTB_ROUTES_ARE_UNKNOWN)
        }
        _ => hop.note.and_then(|note| note.code),
    }
}

/// Why the rules of security groups do not admit a packet.
fn group(
    aws: &AwsNetwork,
    gate: &Gate,
    packet: &Packet,
    undecided: bool,
    from: Option<InterfaceId>,
) -> Option<&'static str> {
    let far = match gate.side {
        Side::Source => packet.source_identity,
        Side::Destination => packet.destination_identity,
    };
    let rules = || aws.network.lists(gate).flat_map(|(_, list)| aws.network.rules(list));
    let ports = packet.destination_ports;
    let about = |rule: &&Rule| rule.protocol.contains(packet.protocol) && rule.ports.contains(ports.first());
    let mut named = rules().filter(about).filter_map(|rule| match rule.peer {
        Peer::Group(group) => Some(group),
        _ => None,
    });
    let over = || {
        let subnet = aws.network.interface(from?)?.subnet;
        match aws.choose(subnet, packet.destination) {
            Choice::Route(route) => Some(route.target),
            _ => None,
        }
    };
    if undecided {
        let peered = || matches!(over(), Some(Target::Peering(_)));
        return (matches!(far, Identity::Unknown(_)) && named.next().is_some() && peered())
            .then_some(UNKNOWN_PEERED_SGS);
    }
    if rules().next().is_none() {
        return Some(SG_HAS_NO_RULES);
    }
    // Would the rules admit the connection's other end, if they still saw who it is?
    let lost = named.any(|group| match gate.side {
        Side::Source => from.is_some_and(|from| far != Identity::Interface(from) && aws.network.carries(from, group)),
        Side::Destination => {
            let mut owners = aws.network.owners(packet.destination);
            far == Identity::Nobody && owners.any(|owner| aws.network.carries(owner, group))
        }
    });
    let own = || from.is_some_and(|from| aws.network.owners(packet.source).any(|owner| owner == from));
    Some(match (lost, gate.side) {
        (true, Side::Source) if far == Identity::Nobody && own() && matches!(over(), Some(Target::Transit(_))) => {
            SG_REFERENCING_SUPPORT
        }
        (true, _) => SG_REFERENCES_NOT_PRESERVED,
        (false, _) => ENI_SG_RULES_MISMATCH,
    })
}
