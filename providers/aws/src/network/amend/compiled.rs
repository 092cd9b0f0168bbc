//! Doubts in what was compiled: they take the place of what the evidence says.

use reachlint_model::{
    Direction, Half, Hop, HopKind, Identity, InterfaceId, Layer, NameId, Note, Outcome, Packet, ReasonId,
};
use rustc_hash::FxHashMap as HashMap;

use super::super::compile::Compiler;
use super::super::{AwsNetwork, INSTANCE_STATE, NO_PUBLIC_ADDRESS, SECURITY_GROUP, opaque};
use super::planned;

/// What is not known because it is going to change.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Doubts {
    things: HashMap<NameId, ReasonId>,
    carriers: HashMap<NameId, ReasonId>,
    publics: HashMap<NameId, ReasonId>,
    layers: Vec<(Layer, ReasonId)>,
    placeholders: Vec<NameId>,
}

impl Compiler {
    pub(in super::super) fn compile_doubts(&mut self) -> Doubts {
        let amended = std::mem::take(&mut self.estate.amended);
        let mut reasons = |texts: HashMap<NameId, String>| {
            texts.into_iter().map(|(id, text)| (id, self.builder.reason(planned(&text)))).collect()
        };
        let (things, carriers) = (reasons(amended.things), reasons(amended.carriers));
        let publics = reasons(amended.publics);
        let mut layers = Vec::new();
        for (part, text) in amended.parts {
            let reason = self.builder.reason(planned(&text));
            layers.extend(part.layers().iter().map(|layer| (*layer, reason)));
        }
        Doubts { things, carriers, publics, layers, placeholders: amended.placeholders }
    }

    /// Why nothing is known of a thing that is going to change.
    pub(in super::super) fn doubted(&mut self, id: NameId) -> Option<ReasonId> {
        let text = self.estate.amended.things.get(&id)?;
        Some(self.builder.reason(planned(text)))
    }

    /// Why a group may have more rules than are known.
    pub(in super::super) fn doubted_direction(&mut self, group: NameId, egress: bool) -> Option<ReasonId> {
        let text = self.estate.amended.directions.get(&(group, egress))?;
        Some(self.builder.reason(planned(text)))
    }
}

impl AwsNetwork {
    /// The placeholders that stand in a text. A change that names one cannot be made before what it stands for is there.
    pub(in super::super) fn placeholders<'a>(&'a self, text: &str) -> Vec<&'a str> {
        let names = self.doubts.placeholders.iter().map(|id| self.network.name(*id));
        let mut found: Vec<&str> = names.filter(|name| text.contains(name)).collect();
        // The longest one first: `a.b` also begins `a.b.ingress[0]`.
        found.sort_by_key(|name| (std::cmp::Reverse(name.len()), *name));
        found.dedup();
        found
    }

    /// Why the groups of an interface are not known.
    pub(in super::super) fn doubted_carrier(&self, interface: NameId) -> Option<ReasonId> {
        self.doubts.carriers.get(&interface).copied()
    }

    /// What begins at a machine that will not be there, or not as it is, is not known.
    pub(in super::super) fn doubt_origin(&self, from: InterfaceId, half: &mut Half) {
        if self.doubts.things.is_empty() {
            return;
        }
        let Some(interface) = self.network.interface(from) else { return };
        for id in [Some(interface.id), interface.owner].into_iter().flatten() {
            if let Some(reason) = self.doubts.things.get(&id) {
                let note = Note::new("where the connection begins").about(id);
                half.hops.push(opaque(Direction::Egress, id, *reason, note));
            }
        }
    }

    /// Puts doubts in the place of hops that they are about.
    pub(in super::super) fn doubt(&self, half: &mut Half) {
        let doubts = &self.doubts;
        let none = doubts.things.is_empty() && doubts.carriers.is_empty() && doubts.publics.is_empty();
        if none && doubts.layers.is_empty() {
            return;
        }
        for hop in half.hops.iter_mut().chain(&mut half.returns) {
            if let Some(reason) = self.doubt_of(hop) {
                hop.note = hop.note.map(|note| Note { code: None, ..note });
                hop.kind = match hop.kind {
                    HopKind::Gate { .. } | HopKind::UnreadGate(_) => HopKind::UnreadGate(reason),
                    HopKind::Route(_) => HopKind::Route(Outcome::Unknown(reason)),
                    HopKind::Translation(_) => HopKind::Translation(Outcome::Unknown(reason)),
                    HopKind::Opaque(_) => HopKind::Opaque(reason),
                };
            }
        }
    }

    fn doubt_of(&self, hop: &Hop) -> Option<ReasonId> {
        if let Some((_, reason)) = self.doubts.layers.iter().find(|(layer, _)| *layer == hop.layer) {
            return Some(*reason);
        }
        let carrier = match hop.kind {
            HopKind::Gate { packet, .. } if hop.layer == SECURITY_GROUP => self.doubted_end(&packet),
            _ => None,
        };
        if let Some(note) = hop.note.filter(|note| note.template == NO_PUBLIC_ADDRESS)
            && let Some(reason) = self.doubted_public(note)
        {
            return Some(reason);
        }
        // A machine that will be gone blocks for certain, whatever else is planned for it.
        let certain = hop.kind == HopKind::Route(Outcome::Block) && hop.layer == INSTANCE_STATE;
        carrier.or_else(|| self.doubts.things.get(&hop.subject).copied().filter(|_| !certain))
    }

    /// Why it is not known whether the owner of an address has a public one.
    fn doubted_public(&self, note: Note) -> Option<ReasonId> {
        let owners = self.network.owners(note.address?);
        let mut owners = owners.filter_map(|id| self.network.interface(id));
        owners.find_map(|owner| self.doubts.publics.get(&owner.id).copied())
    }

    /// Rules may name the groups of either end of a packet.
    fn doubted_end(&self, packet: &Packet) -> Option<ReasonId> {
        let ends = [packet.source_identity, packet.destination_identity].into_iter();
        let mut interfaces = ends.filter_map(|end| match end {
            Identity::Interface(id) => self.network.interface(id),
            Identity::Nobody | Identity::Hidden | Identity::Unknown(_) => None,
        });
        interfaces.find_map(|interface| self.doubted_carrier(interface.id))
    }
}
