//! The network model that every cloud is translated into.
//!
//! Clouds differ in words, not in kind. Every filter on the way is a [`Gate`], every connection a
//! [`Packet`] that passes [`Hop`]s, and a [`Provider`] answers two questions about it: how it leaves the
//! sender, and how it enters the receiver. This crate holds the data; the evaluation is the caller's.

#![deny(clippy::disallowed_methods)]

mod address;
pub mod domain;
mod evidence;
mod gate;
mod names;
mod network;
mod packet;
mod path;
mod ports;
mod provider;
pub mod quote;
mod remedy;
mod verdict;

pub use address::{AddressSet, Family, Prefix, PrefixError, Share};
pub use evidence::{Collected, Failure, Manifest, NameAnswer, SNAPSHOT_SCHEMA, Scope};
pub use gate::{
    Action, Direction, Gate, GateId, Group, Layer, ListId, Narrow, NarrowId, Peer, PrefixId, ProtocolMatch, Rule,
    RuleId, RuleList, SetId, Side,
};
pub use names::{NameId, Names};
pub use network::{Address, Interface, InterfaceId, InterfaceState, Network, NetworkBuilder, NewInterface};
pub use packet::{Identity, Packet, Protocol};
pub use path::{Arrival, Crossing, Half, Hop, HopKind, Note, Onward, Outcome, Path, Sender, Via};
pub use ports::PortRange;
pub use provider::{Cloud, Door, Exposure, Intake, Lookup, Provider, Selector, SelectorError};
pub use remedy::{Fix, Remedy};
pub use verdict::{Reason, ReasonCode, ReasonId, Verdict};
