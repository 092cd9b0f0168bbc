//! Changes to evidence that has been read: what is planned, laid over what is.
//!
//! Everything here works on an [`Estate`] before it is compiled, in the words of AWS, and knows nothing of where the
//! changes come from. What is not known of a change becomes a doubt, and a doubt an unknown verdict.

mod compiled;
mod filters;
mod groups;
mod machines;
mod routing;

pub use groups::Grant;
pub use machines::SubnetPlace;

use reachlint_model::{Layer, NameId, Reason, ReasonCode};
use rustc_hash::FxHashMap as HashMap;

pub(super) use compiled::Doubts;

use super::{Estate, INTERNET_GATEWAY, LOAD_BALANCER, PUBLIC_ACCESS, TARGET_GROUP, TRANSIT};

/// What changes leave unknown, and where things come from.
#[derive(Debug, Default)]
pub(super) struct Amended {
    /// Things of which nothing that the evidence says counts any more.
    pub(super) things: HashMap<NameId, String>,
    /// Interfaces whose groups are not known.
    pub(super) carriers: HashMap<NameId, String>,
    /// Interfaces of which it is not known whether they get a public address.
    pub(super) publics: HashMap<NameId, String>,
    /// Groups, and the direction (whether egress), in which there may be more rules than are known.
    pub(super) directions: HashMap<(NameId, bool), String>,
    /// Why the peers of rules are not known.
    pub(super) peers: Vec<String>,
    /// Parts of the network that are not known as a whole.
    pub(super) parts: Vec<(Part, String)>,
    /// Identifiers that AWS does not know yet.
    pub(super) placeholders: Vec<NameId>,
    /// Rules, and what people know them by.
    pub(super) origins: Vec<(NameId, NameId)>,
}

/// A part of the network that changes as a whole, because what changes in it is not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Ways over internet gateways, with the public addresses and the switches above them.
    Internet,
    /// Transit gateways.
    Transit,
    /// Load balancers with their listeners and target groups.
    Balancing,
}

impl Part {
    const fn layers(self) -> &'static [Layer] {
        match self {
            Self::Internet => &[INTERNET_GATEWAY, PUBLIC_ACCESS],
            Self::Transit => &[TRANSIT],
            Self::Balancing => &[LOAD_BALANCER, TARGET_GROUP],
        }
    }
}

/// A reason that lies in what is planned.
pub(super) fn planned(text: &str) -> Reason {
    Reason { code: ReasonCode::Planned, text: text.to_owned(), permission: None }
}

impl Estate {
    /// Nothing that was read about the thing with this id counts any more, because of `why`.
    pub fn doubt(&mut self, id: &str, why: &str) {
        let id = self.names.intern(id);
        self.amended.things.entry(id).or_insert_with(|| why.to_owned());
    }

    /// Which security groups an interface carries is not known.
    pub fn doubt_carrier(&mut self, interface: &str, why: &str) {
        let id = self.names.intern(interface);
        self.amended.carriers.entry(id).or_insert_with(|| why.to_owned());
    }

    /// Whether an interface gets a public address is not known.
    pub fn doubt_public(&mut self, interface: &str, why: &str) {
        let id = self.names.intern(interface);
        self.amended.publics.entry(id).or_insert_with(|| why.to_owned());
    }

    /// A security group may have more rules in one direction than are known.
    pub fn doubt_direction(&mut self, group: &str, egress: bool, why: &str) {
        let id = self.names.intern(group);
        self.amended.directions.entry((id, egress)).or_insert_with(|| why.to_owned());
    }

    /// What a part of the network does is not known.
    pub fn doubt_part(&mut self, part: Part, why: &str) {
        if !self.amended.parts.iter().any(|(known, _)| *known == part) {
            self.amended.parts.push((part, why.to_owned()));
        }
    }

    /// An identifier is not AWS's own but the planner's, of something that is yet to be created.
    pub fn placeholder(&mut self, id: &str) {
        let id = self.names.intern(id);
        self.amended.placeholders.push(id);
    }

    /// A rule is known to people by another name too.
    pub fn origin(&mut self, rule: &str, name: &str) {
        let pair = (self.names.intern(rule), self.names.intern(name));
        self.amended.origins.push(pair);
    }
}
