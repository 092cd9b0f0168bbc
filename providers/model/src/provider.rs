//! What a cloud has to answer.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::evidence::Manifest;
use crate::gate::{Direction, GateId, ListId, RuleId};
use crate::network::{InterfaceId, Network};
use crate::packet::Packet;
use crate::path::{Arrival, Crossing, Half, Hop, Onward};
use crate::remedy::{Fix, Remedy};
use crate::verdict::ReasonId;

/// A cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Microsoft Azure.
    Azure,
}

impl Cloud {
    /// The word of the command line and the reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How a person names machines: `--from` and `--to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// This machine.
    Itself,
    /// Anything that owns an address.
    Address(IpAddr),
    /// Anything with a tag.
    Tag {
        /// The tag's key.
        key: String,
        /// Its value.
        value: String,
    },
    /// An instance, interface or resource by identifier or name.
    Name(String),
}

/// A text that is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a selector; write an instance or interface id, a name, an address, `tag:KEY=VALUE` or `self`")]
pub struct SelectorError(String);

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if let Some(tag) = text.strip_prefix("tag:") {
            return match tag.split_once('=') {
                Some((key, value)) if !key.is_empty() => Ok(Self::Tag { key: key.to_owned(), value: value.to_owned() }),
                _ => Err(SelectorError(text.to_owned())),
            };
        }
        match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self::Address(address.to_canonical())),
            Err(_) if text == "self" => Ok(Self::Itself),
            Err(_) if text.trim().is_empty() => Err(SelectorError(text.to_owned())),
            Err(_) => Ok(Self::Name(text.to_owned())),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself => f.write_str("self"),
            Self::Address(address) => address.fmt(f),
            Self::Tag { key, value } => write!(f, "tag:{key}={value}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A gate that everybody outside the subnet has to pass to reach an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// The gate, or why it could not be read.
    pub gate: Result<GateId, ReasonId>,
    /// Ingress for what arrives, return for the answers of a filter without memory.
    pub direction: Direction,
    /// Whether a too wide opening is for this gate to close, because it is the one that is meant to be narrow.
    pub narrow: bool,
}

/// How the outside reaches an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The gates on the way in, all of which must let a source through.
    pub doors: Vec<Door>,
    /// Whether packets from the internet can arrive at all: a public address and a route to the internet.
    /// `Err` where the evidence does not say.
    pub public: Result<bool, ReasonId>,
}

/// What a cloud's own evidence says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Nothing.
    Silent,
    /// Every address that it may be answered with, at least one.
    Addresses(Vec<IpAddr>),
    /// The cloud answers it, and the evidence does not tell with what: why, in a clause. An answer that was recorded
    /// elsewhere may.
    Undecided(String),
    /// The cloud answers it for this machine alone or may do so, and the evidence does not tell with what: why, in a
    /// clause. What others were told does not count.
    Hidden(String),
    /// The cloud answers that it has no address, so nobody else is asked: why, in a clause.
    Absent(String),
}

/// Evidence of one cloud as it is read, before it is compiled.
pub trait Intake: fmt::Debug {
    /// Which cloud.
    fn cloud(&self) -> Cloud;

    /// Takes in a document if it is evidence of this cloud: what it holds, with the number of records of each kind.
    ///
    /// # Errors
    /// When it is evidence of this cloud and broken; the text says how.
    fn document(&mut self, name: &str, bytes: &[u8]) -> Result<Option<Vec<(String, usize)>>, String>;

    /// Takes in what the snapshot's manifest says, such as calls that failed.
    fn manifest(&mut self, manifest: &Manifest);

    /// Whether no document was evidence of this cloud.
    fn is_empty(&self) -> bool;

    /// What is taken to be so because nothing that was read speaks of it, if that may matter.
    fn assumption(&self) -> Option<&'static str> {
        None
    }

    /// The evidence, compiled.
    fn compile(self: Box<Self>) -> Box<dyn Provider>;
}

/// A cloud's compiled evidence.
pub trait Provider: fmt::Debug {
    /// Which cloud.
    fn cloud(&self) -> Cloud;

    /// What was compiled.
    fn network(&self) -> &Network;

    /// The interfaces that a selector means, in a fixed order.
    fn select(&self, selector: &Selector) -> Vec<InterfaceId>;

    /// The addresses of a name that this cloud's own evidence answers, as the machine behind `from` would be told.
    fn lookup(&self, from: InterfaceId, host: &str) -> Lookup;

    /// The addresses of a name of the cloud's own public naming, as anybody on the internet would be told.
    fn public_lookup(&self, _host: &str) -> Lookup {
        Lookup::Silent
    }

    /// The service of the cloud that a name belongs to, where the service has no interface in any network: nothing
    /// filters on its side.
    fn service(&self, _host: &str) -> Option<&'static str> {
        None
    }

    /// The address from which the interface opens connections to `destination`, if it has one of that family.
    fn source_address(&self, from: InterfaceId, destination: IpAddr) -> Option<IpAddr>;

    /// The address that something behind an address of the interface opens connections from, where it has one of its own
    /// beside that of the machine: a pod of a cluster.
    fn sender(&self, _from: InterfaceId, _address: IpAddr) -> Option<IpAddr> {
        None
    }

    /// Whether an arriving packet to this public address is for an interface of this cloud.
    fn answers(&self, public: IpAddr) -> bool;

    /// The sender's half of a path.
    fn leave(&self, from: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing;

    /// The receiver's half of a path.
    fn enter(&self, crossing: &Crossing, half: &mut Half) -> Arrival;

    /// The ways on from the interface at which a packet arrived, where that passes connections on.
    fn onward(&self, _crossing: &Crossing, _at: InterfaceId, _branches: &mut Vec<Onward>) {}

    /// Whether a rule is the cloud's own default, which nobody wrote and nobody can take away.
    fn built_in(&self, _rule: RuleId) -> bool {
        false
    }

    /// The word that the cloud's own analyser has for a hop of a connection from `from` that does not let it pass, or
    /// of which that is `undecided`, so that people can compare. The sender is none where it is of another cloud.
    fn code(&self, hop: &Hop, _undecided: bool, _from: Option<InterfaceId>) -> Option<&'static str> {
        hop.note.and_then(|note| note.code)
    }

    /// How the outside reaches an address of an interface.
    fn exposure(&self, interface: InterfaceId, address: IpAddr) -> Exposure;

    /// The narrowest change at `hop`: the rule list and rule that decided there come with it where there are any.
    fn remedy(&self, fix: Fix, hop: &Hop, list: Option<ListId>, rule: Option<RuleId>) -> Option<Remedy>;
}
