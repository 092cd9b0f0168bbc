//! The way of a connection, as a provider tells it.

use std::net::IpAddr;

use crate::gate::{Direction, GateId, Layer};
use crate::names::NameId;
use crate::network::InterfaceId;
use crate::packet::Packet;
use crate::verdict::ReasonId;

/// How a hop turned out where the provider knows without asking rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The packet goes on.
    Pass,
    /// The packet ends here.
    Block,
    /// The evidence does not say.
    Unknown(ReasonId),
}

/// A sentence of a hop: fixed words, and what they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Words in which `{}` stands for the subject and `{address}` for the address.
    pub template: &'static str,
    /// An identifier of the network's names.
    pub subject: Option<NameId>,
    /// An address.
    pub address: Option<IpAddr>,
    /// The word that the cloud's own analyser has for it, where the hop does not let the connection pass.
    pub code: Option<&'static str>,
}

impl Note {
    /// Words alone.
    #[must_use]
    pub const fn new(template: &'static str) -> Self {
        Self { template, subject: None, address: None, code: None }
    }

    /// With what stands for `{}`.
    #[must_use]
    pub const fn about(self, subject: NameId) -> Self {
        Self { subject: Some(subject), ..self }
    }

    /// With what stands for `{address}`.
    #[must_use]
    pub const fn at(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// With the cloud's own word for it.
    #[must_use]
    pub const fn coded(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

/// What a hop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopKind {
    /// A filter; its rules decide about the packet as it looks here.
    Gate {
        /// The filter.
        gate: GateId,
        /// The packet.
        packet: Packet,
    },
    /// A filter that could not be read.
    UnreadGate(ReasonId),
    /// A choice of way: a route, a peering, an attachment, the state of a machine.
    Route(Outcome),
    /// A change of address.
    Translation(Outcome),
    /// Something whose inside is not known.
    Opaque(ReasonId),
}

/// One thing that a connection passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// What it is.
    pub kind: HopKind,
    /// Its kind in the words of the report.
    pub layer: Layer,
    /// For which packet it counts.
    pub direction: Direction,
    /// The cloud's identifier of it.
    pub subject: NameId,
    /// What it does, in words; gates explain themselves by their rules.
    pub note: Option<Note>,
}

/// The hops on one side of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Half {
    /// What the first packet passes, in its order.
    pub hops: Vec<Hop>,
    /// What the answer passes, in the order of the first packet's way (the answer meets them backwards).
    pub returns: Vec<Hop>,
    /// The addresses that the packet may leave with where those are several; the crossing has the first of them.
    pub senders: Vec<Sender>,
    /// Why the address that the packet leaves with is not known, where it is not: the change of address itself. It is one
    /// more hop of the path as far as the receiver asks for that address.
    pub unseen: Option<Hop>,
}

/// One of several addresses that a packet may leave its cloud with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The address.
    pub address: IpAddr,
    /// The change to it.
    pub hop: Hop,
    /// A hop that says why it may never be this one, if that is so.
    pub doubt: Option<Hop>,
}

impl Half {
    /// Forgets the hops and keeps the memory, so that the next flow needs none.
    pub fn clear(&mut self) {
        self.hops.clear();
        self.returns.clear();
        self.senders.clear();
        self.unseen = None;
    }
}

/// Both sides of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The sender's own host, where there is evidence of it.
    pub sender: Half,
    /// The sender's side.
    pub leave: Half,
    /// The receiver's side.
    pub enter: Half,
    /// The receiver's own host, where there is evidence of it.
    pub receiver: Half,
    /// The interface that the packet came to, and how it looks there.
    pub end: Option<(InterfaceId, Packet)>,
    /// The ways into the receiver's cloud, one for each of the addresses that the packet may have left its own with. A
    /// connection takes one of them.
    pub ways: Vec<Onward>,
    /// The ways on from a receiver that passes connections on, such as a load balancer; it takes one of them.
    pub onward: Vec<Onward>,
}

/// One of several ways on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// What the connection passes there. Both of its sides are of the receiver's cloud, unless it is a way into that.
    pub path: Path,
    /// A hop that says why the way may never be taken, if that is so.
    pub doubt: Option<Hop>,
}

impl Path {
    /// Forgets the hops and keeps the memory.
    pub fn clear(&mut self) {
        self.sender.clear();
        self.leave.clear();
        self.enter.clear();
        self.receiver.clear();
        self.end = None;
        self.ways.clear();
        self.onward.clear();
    }

    /// All hops up to the receiver in the order in which the first packet and then its answer meet them.
    pub fn hops(&self) -> impl Iterator<Item = &Hop> {
        let halves = [&self.sender, &self.leave, &self.enter, &self.receiver];
        let back = halves.into_iter().rev().flat_map(|half| half.returns.iter().rev());
        halves.into_iter().flat_map(|half| &half.hops).chain(back)
    }
}

/// How a packet came to the border between the two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// It never leaves the machine.
    Loopback,
    /// Inside one network.
    Network {
        /// The sender's subnet, so that filters between subnets can be skipped within one.
        subnet: NameId,
        /// The network.
        network: NameId,
    },
    /// Over a link between two networks of one cloud, such as a peering.
    Link {
        /// The link.
        link: NameId,
        /// The network that it leads to.
        network: NameId,
        /// The subnet that the link itself has there, whose filters do not see what it brings to that subnet.
        subnet: Option<NameId>,
    },
    /// Over the internet.
    Internet,
    /// To a service of the cloud itself that has no interface.
    Service,
    /// Nowhere: the path ended, or leads into something that is not modelled.
    Nowhere,
}

/// A packet between the two halves of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The packet as the receiver's side sees it.
    pub packet: Packet,
    /// How it came.
    pub via: Via,
    /// The interface that the sender's side already knows to be the receiver.
    pub destination: Option<InterfaceId>,
}

/// Where a packet ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The receiving interface, if the evidence has it.
    pub interface: Option<InterfaceId>,
    /// The packet as it looks there.
    pub packet: Packet,
}
