//! Filters: ordered rules and a default.

use std::ops::Range;

use crate::address::AddressSet;
use crate::names::NameId;
use crate::packet::Protocol;
use crate::ports::PortRange;
use crate::verdict::ReasonId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
    };
}
id!(
    /// A gate of a network.
    GateId
);
id!(
    /// A list of rules of a network.
    ListId
);
id!(
    /// A rule of a network.
    RuleId
);
id!(
    /// An address set of a network.
    SetId
);
id!(
    /// An IPv6 block of a network.
    PrefixId
);
id!(
    /// The further conditions of a rule.
    NarrowId
);

/// A set of interfaces that rules can name: an AWS security group, a GCP tag or service account, an Azure ASG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group(pub NameId);

/// The kind of a filter or hop, in the words of the report: `aws.security-group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Layer(pub &'static str);

/// Which packets of a connection a filter is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// The first packet, on the sender's side.
    Egress,
    /// The first packet, on the receiver's side.
    Ingress,
    /// The answer, wherever it is filtered without memory of the first packet.
    Return,
}

impl Direction {
    /// The word of the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Egress => "egress",
            Self::Ingress => "ingress",
            Self::Return => "return",
        }
    }
}

/// What a matching rule, or a gate's default, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Passes this gate; the next gate decides on.
    Allow,
    /// Blocks for good.
    Deny,
    /// Leaves this gate without a decision (GCP `goto_next`, Azure security admin `Allow`). In a list that was jumped
    /// to it only leaves that list (an nftables `return`).
    Next,
    /// Passes this gate and every later gate of the same stage (GCP `allow`, Azure security admin `AlwaysAllow`).
    Accept,
    /// Goes through another list of rules first, and on with the next rule if that one decides nothing (an nftables
    /// or iptables `jump`).
    Jump(ListId),
}

/// Which transport protocols a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtocolMatch {
    /// All of them.
    Any,
    /// One.
    Only(Protocol),
}

impl ProtocolMatch {
    /// Whether the rule is about `protocol`.
    #[must_use]
    pub fn contains(self, protocol: Protocol) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == protocol,
        }
    }
}

/// The other end of the connection that a rule is about: the destination for egress, the source for ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// Anybody, in both families.
    Any,
    /// An IPv4 block.
    V4 {
        /// The block's address as a number, host bits cleared.
        base: u32,
        /// Number of leading bits that are fixed.
        length: u8,
    },
    /// An IPv6 block.
    V6(PrefixId),
    /// A set of addresses, such as the entries of a prefix list.
    Set(SetId),
    /// An interface that carries the group.
    Group(Group),
    /// Nobody any more: the rule refers to something that is gone.
    Gone,
    /// Somebody of whom the evidence does not say whether it is this peer.
    Unknown(ReasonId),
}

/// Which end of a packet the [`Peer`] of a gate's rules is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The source: a filter on what arrives.
    Source,
    /// The destination: a filter on what leaves.
    Destination,
}

/// Conditions that few rules have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrow {
    /// Addresses of the near end (GCP `destinationRanges` on ingress, an Azure rule's own side).
    pub near: Option<AddressSet>,
    /// Source ports.
    pub source_ports: Option<PortRange>,
    /// A condition that cannot be decided: the rule may or may not match (a name, a country, a rate limit).
    pub maybe: Option<ReasonId>,
}

/// One rule: flat, so that the rules of a large estate lie side by side in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The other end.
    pub peer: Peer,
    /// Destination ports.
    pub ports: PortRange,
    /// Transport protocols.
    pub protocol: ProtocolMatch,
    /// What happens on a match.
    pub action: Action,
    /// Further conditions.
    pub narrow: Option<NarrowId>,
    /// The cloud's identifier of the rule, where it has one.
    pub name: Option<NameId>,
    /// What the peer is called where it is not an address block: a prefix list or a group that is gone.
    pub peer_name: Option<NameId>,
}

/// Rules that belong together and are shared by every gate they are part of: a security group, an ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleList {
    /// The cloud's identifier of the list.
    pub name: NameId,
    /// Its rules in the network, in the order of evaluation.
    pub rules: Range<u32>,
    /// Why rules may be missing at the end of the list, and what they could do.
    pub incomplete: Option<(Action, ReasonId)>,
}

/// A filter on a path: rule lists one after the other, then a default.
///
/// Lists that only allow and a default of deny make the union that AWS forms of an interface's security groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its kind.
    pub layer: Layer,
    /// What it is called where no list decides: an interface, a subnet, a network.
    pub name: NameId,
    /// Its lists, as a range of the network's list table.
    pub lists: Range<u32>,
    /// What happens when no rule matches.
    pub default: Action,
    /// Which end the rules' peers are compared with.
    pub side: Side,
    /// Gates with the same stage number that follow each other make up a stage for [`Action::Accept`]. A stage ends
    /// with its half of the path, with its direction, and where the client's ports are translated.
    pub stage: u8,
}
