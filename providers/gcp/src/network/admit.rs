//! Who gets through a chain, over all sources at once.

use reachlint_model::{Action, AddressSet, Family, Peer, Prefix};

use super::filters::Stage;

/// The sources of a family that a chain may let in to an address and port, exactly.
#[derive(Clone, Debug, Default)]
pub(super) struct Admitted {
    /// Those that get in for certain.
    pub(super) sure: AddressSet,
    /// Those that may.
    pub(super) perhaps: AddressSet,
}

impl Admitted {
    /// Whether none of a set gets in.
    pub(super) fn none(&self, of: &AddressSet) -> bool {
        of.intersection(&self.perhaps).is_empty()
    }

    /// Whether all of a set get in: yes, no (some do not for certain), or not known.
    pub(super) fn all(&self, of: &AddressSet) -> Option<bool> {
        if of.is_subset(&self.sure) {
            Some(true)
        } else if of.is_subset(&self.perhaps) {
            None
        } else {
            Some(false)
        }
    }
}

/// What is asked of a chain about all sources at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) protocol: reachlint_model::Protocol,
    pub(super) port: u16,
    pub(super) to: std::net::IpAddr,
}

/// Goes through a chain with all sources that no group can mean, such as Google's own.
pub(super) fn admitted(network: &reachlint_model::Network, chain: &[Stage], question: &Question) -> Admitted {
    let everyone = AddressSet::family(Family::of(question.to));
    // Sources that may still come here, with whether something may have taken them before.
    let mut open = everyone.clone();
    let mut sure = AddressSet::empty();
    let (mut maybe_in, mut maybe_out) = (AddressSet::empty(), AddressSet::empty());
    for stage in chain {
        let Some(gate) = network.gate(stage.gate) else { continue };
        // Those that leave this policy undecided.
        let mut left = open.clone();
        for rule in network.lists(gate).flat_map(|(_, list)| network.rules(list)) {
            let narrow = rule.narrow.and_then(|id| network.narrow(id));
            let near = narrow.and_then(|narrow| narrow.near.as_ref());
            let applies = rule.protocol.contains(question.protocol)
                && rule.ports.contains(question.port)
                && near.is_none_or(|near| near.contains(question.to));
            if !applies {
                continue;
            }
            let mut certain = narrow.is_none_or(|narrow| narrow.maybe.is_none());
            let sources = match rule.peer {
                Peer::Any => everyone.clone(),
                Peer::V4 { base, length } => Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length)
                    .map(AddressSet::from)
                    .unwrap_or_default(),
                Peer::V6(id) => network.prefix(id).map(AddressSet::from).unwrap_or_default(),
                Peer::Set(id) => network.set(id).cloned().unwrap_or_default(),
                Peer::Group(_) | Peer::Gone => continue,
                Peer::Unknown(_) => {
                    certain = false;
                    everyone.clone()
                }
            };
            let taken = left.intersection(&sources);
            match (rule.action, certain) {
                (Action::Next, true) => left = left.difference(&taken),
                (Action::Deny, true) => {
                    (open, left) = (open.difference(&taken), left.difference(&taken));
                }
                (Action::Accept | Action::Allow, true) => {
                    sure = sure.union(&taken);
                    (open, left) = (open.difference(&taken), left.difference(&taken));
                }
                (Action::Deny, false) => maybe_out = maybe_out.union(&taken),
                (Action::Next, false) => {
                    // What follows in the policy may not be asked.
                    maybe_in = maybe_in.union(&taken);
                    maybe_out = maybe_out.union(&taken);
                }
                _ => maybe_in = maybe_in.union(&taken),
            }
        }
        match gate.default {
            Action::Deny => open = AddressSet::empty(),
            Action::Accept | Action::Allow => {
                sure = sure.union(&open);
                open = AddressSet::empty();
            }
            Action::Next | Action::Jump(_) => {}
        }
    }
    let perhaps = sure.union(&maybe_in);
    Admitted { sure: sure.difference(&maybe_out), perhaps }
}
