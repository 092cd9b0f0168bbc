//! Chains that translate addresses, flattened: whether a packet's destination or source becomes another one.

use reachlint_model::{AddressSet, Family, Identity, Packet, PortRange, Protocol, ReasonCode, ReasonId, Share};

use super::compile::Compiler;
use super::flat::{Chains, Circumstances, Flat};
use crate::records::{Families, Translation, Verdict};

/// Steps of one hook at most; a ruleset with more is not followed.
const MOST_STEPS: usize = 200_000;
const DEEPEST: usize = 16;

/// The translating chains of a hook as a list of steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Translations {
    steps: Vec<Step>,
    /// Chains that were gone through on the way; a chain may be jumped to often.
    visits: usize,
    /// Why the steps are not all.
    cut: Option<ReasonId>,
}

#[derive(Clone, Debug)]
struct Step {
    flat: Flat,
    does: Does,
    /// What it comes to where it may or may not be about a packet.
    reason: ReasonId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Ends the chain that began it: on with the step at this place.
    Skip(usize),
    /// To this host, at this port if it changes.
    Redirect(Option<u16>),
    /// Something that is not followed.
    Away,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Translated {
    /// It stays as it is.
    No,
    /// It goes to this host, at this port if it changes.
    Redirect(Option<u16>),
    /// It goes elsewhere, or that is not decided.
    Unknown(ReasonId),
}

impl Compiler {
    /// The steps of the base chains at these places, in their order. Each ends when one of its rules translates, and all
    /// do, since a connection is translated once.
    pub(super) fn translations(
        &mut self,
        chains: &Chains<'_>,
        bases: &[usize],
        about: &Circumstances<'_>,
    ) -> Translations {
        let mut all = Translations::default();
        for at in bases {
            let Some(chain) = chains.get(*at) else { continue };
            let mut given = Flat::all();
            given.source = match chain.families {
                Families::V4 => AddressSet::family(Family::V4),
                Families::V6 => AddressSet::family(Family::V6),
                Families::Both => given.source,
            };
            if self.flatten(chains, *at, &given, about, 0, &mut all).is_none() {
                let text = "the rules that translate addresses are too many to follow".to_owned();
                all.cut = Some(self.reason(ReasonCode::NotModelled, text, None));
            }
            let end = all.steps.len();
            close(&mut all.steps, end);
        }
        all
    }

    fn flatten(
        &mut self,
        chains: &Chains<'_>,
        at: usize,
        given: &Flat,
        about: &Circumstances<'_>,
        depth: usize,
        all: &mut Translations,
    ) -> Option<()> {
        let chain = chains.get(at).filter(|_| depth <= DEEPEST)?;
        all.visits += 1;
        if all.visits > MOST_STEPS {
            return None;
        }
        let begin = all.steps.len();
        for rule in &chain.rules {
            for way in &rule.ways {
                let Some(flat) = given.and(&way.tests, about) else { continue };
                if all.steps.len() > MOST_STEPS {
                    return None;
                }
                let step = |compiler: &mut Self, does, what: &str| {
                    let text = format!("the rule `{}` {what}", rule.name);
                    let reason = compiler.reason(ReasonCode::NotModelled, text, None);
                    Step { flat: flat.clone(), does, reason }
                };
                match &way.verdict {
                    Verdict::Continue | Verdict::Translate(Translation::Masquerade) => {}
                    Verdict::Accept => {
                        let step = step(self, Does::Skip(usize::MAX), "may keep it from being translated");
                        all.steps.push(step);
                    }
                    Verdict::Return => {
                        let step = step(self, Does::Skip(LEAVE), "may keep it from being translated");
                        all.steps.push(step);
                    }
                    Verdict::Translate(Translation::Redirect(port)) => {
                        let step = step(self, Does::Redirect(*port), "may send it to another port");
                        all.steps.push(step);
                    }
                    Verdict::Translate(Translation::Destination(to)) => {
                        let what = format!("sends it on to {to}, and what lies behind that is not modelled");
                        let step = step(self, Does::Away, &what);
                        all.steps.push(step);
                    }
                    Verdict::Translate(Translation::Source(from)) => {
                        let what = format!("lets it come from {from}, which is not modelled");
                        let step = step(self, Does::Away, &what);
                        all.steps.push(step);
                    }
                    // Whether a translating chain sees a packet at all depends on connection tracking being in use.
                    Verdict::Drop | Verdict::Reject(_) => {
                        let step =
                            step(self, Does::Away, "drops it in a chain for translations, which is not modelled");
                        all.steps.push(step);
                    }
                    Verdict::Other(what) => {
                        let step = step(self, Does::Away, &format!("does something that is not modelled: {what}"));
                        all.steps.push(step);
                    }
                    Verdict::Jump(target) | Verdict::Goto(target) => {
                        let to = chains.target(chain, target)?;
                        let inner = all.steps.len();
                        self.flatten(chains, to, &flat, about, depth + 1, all)?;
                        if all.steps.len() > inner && matches!(way.verdict, Verdict::Goto(_)) {
                            let step = step(self, Does::Skip(LEAVE), "may keep it from being translated");
                            all.steps.push(step);
                        }
                    }
                }
            }
        }
        let end = all.steps.len();
        for step in all.steps.iter_mut().skip(begin).filter(|step| step.does == Does::Skip(LEAVE)) {
            step.does = Does::Skip(end);
        }
        Some(())
    }
}

/// The end of the chain that is being written.
const LEAVE: usize = usize::MAX - 1;

/// What accepts ends its base chain.
fn close(steps: &mut [Step], end: usize) {
    for step in steps.iter_mut().filter(|step| step.does == Does::Skip(usize::MAX)) {
        step.does = Does::Skip(end);
    }
}

/// Whether a step is about a packet: for certain, perhaps, or not.
fn is_about(flat: &Flat, packet: &Packet) -> Option<bool> {
    let protocol = match packet.protocol {
        Protocol::TCP => flat.protocols.tcp,
        Protocol::UDP => flat.protocols.udp,
        _ => true,
    };
    let whole = |ports: &[PortRange], asked: PortRange| {
        let held = |range: &PortRange| range.contains(asked.first()) && range.contains(asked.last());
        let touched = |range: &PortRange| range.first() <= asked.last() && asked.first() <= range.last();
        if ports.iter().any(held) { Some(true) } else { ports.iter().any(touched).then_some(false) }
    };
    if !protocol || !flat.destination.contains(packet.destination) {
        return None;
    }
    let sure = match packet.source_identity {
        // The sender may have any address of the internet.
        Identity::Hidden => match flat.source.share_of_internet(Family::of(packet.source)) {
            Share::All => true,
            Share::Part => false,
            Share::Nothing => return None,
        },
        _ if flat.source.contains(packet.source) => true,
        _ => return None,
    };
    let from = whole(&flat.source_ports, packet.source_ports)?;
    let to = whole(&flat.destination_ports, packet.destination_ports)?;
    Some(from && to && sure && flat.maybe.is_none())
}

impl Translations {
    /// What becomes of the first packet of a connection. Allocates nothing.
    pub(super) fn of(&self, packet: &Packet) -> Translated {
        let mut doubt: Option<ReasonId> = None;
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            let Some(certain) = is_about(&step.flat, packet) else { continue };
            match step.does {
                Does::Skip(to) if certain && doubt.is_none() => at = to.max(at),
                // What it may keep from happening may happen, or not.
                Does::Skip(_) => doubt = doubt.or(Some(step.reason)),
                Does::Redirect(port) if certain && doubt.is_none() => return Translated::Redirect(port),
                Does::Redirect(_) | Does::Away => return Translated::Unknown(step.reason),
            }
        }
        self.cut.map_or(Translated::No, Translated::Unknown)
    }
}
