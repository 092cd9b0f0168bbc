//! Chains as rule lists and gates.

use reachlint_model::{
    Action, AddressSet, Gate, GateId, Layer, ListId, Names, Narrow, Network, NetworkBuilder, Peer, PortRange, Protocol,
    ProtocolMatch, Reason, ReasonCode, ReasonId, Rule, Side,
};
use rustc_hash::FxHashMap as HashMap;

use super::flat::{Chains, Circumstances, Flat, Moment, Way};
use super::hosts::{FilterFacts, RuleFacts};
use crate::records::{Chain, Engine, Protocols, RawRule, Refusal, Verdict};

/// Gates of nftables.
pub(super) const NFTABLES: Layer = Layer("host.nftables");
/// Gates of iptables.
pub(super) const IPTABLES: Layer = Layer("host.iptables");

/// Jumps deeper than this are refused by the kernel (`NFT_JUMP_STACK_SIZE`, `nf_tables.h`).
const DEEPEST: usize = 16;

/// The layer that rules of an engine are told under.
pub(super) fn layer(engine: Engine) -> Layer {
    match engine {
        Engine::Nftables => NFTABLES,
        Engine::Iptables | Engine::Legacy => IPTABLES,
    }
}

/// A list as it was compiled.
#[derive(Clone, Copy)]
struct Compiled {
    list: ListId,
    /// Whether nothing in it decides anything.
    is_inert: bool,
}

/// What of a chain's name and rules is needed where they are told or changed.
pub(super) struct Compiler {
    pub(super) builder: NetworkBuilder,
    /// The rules by their numbers in the network, for remedies.
    pub(super) rules: HashMap<u32, RuleFacts>,
    /// The lists, for remedies.
    pub(super) lists: HashMap<ListId, FilterFacts>,
    /// The lists of the host at hand.
    known: HashMap<(usize, String, Way, Moment), Compiled>,
    /// The chains on the way to the one at hand, to see a loop, which no kernel loads.
    open: Vec<usize>,
}

impl Compiler {
    pub(super) fn new() -> Self {
        Self {
            builder: NetworkBuilder::new(Names::default()),
            rules: HashMap::default(),
            lists: HashMap::default(),
            known: HashMap::default(),
            open: Vec::new(),
        }
    }

    /// Forgets the lists of the last host.
    pub(super) fn next_host(&mut self) {
        self.known.clear();
    }

    pub(super) fn build(self) -> (Network, HashMap<u32, RuleFacts>, HashMap<ListId, FilterFacts>) {
        (self.builder.build(), self.rules, self.lists)
    }

    pub(super) fn reason(&mut self, code: ReasonCode, text: String, permission: Option<String>) -> ReasonId {
        self.builder.reason(Reason { code, text, permission })
    }

    /// The gate of a base chain under some circumstances; `None` where it lets everything through.
    pub(super) fn gate(&mut self, chains: &Chains<'_>, at: usize, about: &Circumstances<'_>) -> Option<GateId> {
        let chain = chains.get(at)?;
        let base = chain.base.as_ref()?;
        let compiled = self.list(chains, at, about, 0)?;
        if compiled.is_inert && !base.drops {
            return None;
        }
        let name = self.builder.names().intern(&title(chain));
        let default = if base.drops { Action::Deny } else { Action::Allow };
        let side = if about.way == Way::In { Side::Source } else { Side::Destination };
        let gate = Gate { layer: layer(chain.engine), name, lists: 0..0, default, side, stage: 0 };
        Some(self.builder.gate(vec![compiled.list], gate))
    }

    fn list(&mut self, chains: &Chains<'_>, at: usize, about: &Circumstances<'_>, depth: usize) -> Option<Compiled> {
        let key = (at, about.device.to_owned(), about.way, about.moment);
        if let Some(known) = self.known.get(&key) {
            return Some(*known);
        }
        let chain = chains.get(at).filter(|_| depth <= DEEPEST && !self.open.contains(&at))?;
        self.open.push(at);
        let mut draft =
            ListDraft { rules: Vec::new(), facts: Vec::new(), base: chain.base.as_ref().map(|base| base.drops) };
        for rule in &chain.rules {
            for way in &rule.ways {
                let Some(flat) = Flat::all().and(&way.tests, about) else { continue };
                self.way(chains, chain, rule, &way.verdict, flat, about, depth, &mut draft);
            }
        }
        self.open.pop();
        let is_inert = draft.rules.iter().all(|rule| rule.action == Action::Next);
        let name = self.builder.names().intern(&title(chain));
        let list = self.builder.list(name, draft.rules, None);
        let first = self.builder.network().list(list).map_or(0, |list| list.rules.start);
        for (number, (facts, refusal)) in (first..).zip(draft.facts) {
            if let Some(refusal) = refusal {
                self.builder.answer(reachlint_model::RuleId(number), refusal.words());
            }
            self.rules.insert(number, facts);
        }
        self.lists.insert(list, FilterFacts::of(chain));
        let compiled = Compiled { list, is_inert };
        self.known.insert(key, compiled);
        Some(compiled)
    }

    #[expect(clippy::too_many_arguments, reason = "the place of a rule, each part of its own type")]
    fn way(
        &mut self,
        chains: &Chains<'_>,
        chain: &Chain,
        rule: &RawRule,
        verdict: &Verdict,
        flat: Flat,
        about: &Circumstances<'_>,
        depth: usize,
        draft: &mut ListDraft,
    ) {
        match verdict {
            Verdict::Continue => {}
            Verdict::Accept => self.add(rule, &flat, about, Action::Allow, None, draft),
            Verdict::Drop => self.add(rule, &flat, about, Action::Deny, None, draft),
            Verdict::Reject(refusal) => self.add(rule, &flat, about, Action::Deny, Some(*refusal), draft),
            Verdict::Return => self.leave(rule, &flat, about, draft),
            // Translations are laid where the path is, and filter nothing by themselves.
            Verdict::Translate(_) => {}
            Verdict::Jump(target) | Verdict::Goto(target) => {
                match chains.target(chain, target).and_then(|to| self.list(chains, to, about, depth + 1)) {
                    Some(compiled) => {
                        if !compiled.is_inert {
                            self.add(rule, &flat, about, Action::Jump(compiled.list), None, draft);
                        }
                        // Behind a goto there is no way back here: the end of the other chain is the end of this one
                        // (nft(8), goto).
                        if matches!(verdict, Verdict::Goto(_)) {
                            self.leave(rule, &flat, about, draft);
                        }
                    }
                    None => self.other(rule, flat, about, &format!("`{target}` is no chain of the table"), draft),
                }
            }
            Verdict::Other(what) => self.other(rule, flat, about, what, draft),
        }
    }

    /// Out of this list: back to where it was jumped from, or in a base chain to its policy.
    fn leave(&mut self, rule: &RawRule, flat: &Flat, about: &Circumstances<'_>, draft: &mut ListDraft) {
        let action = match draft.base {
            None => Action::Next,
            Some(true) => Action::Deny,
            Some(false) => Action::Allow,
        };
        self.add(rule, flat, about, action, None, draft);
    }

    /// A rule with which anything may happen.
    fn other(&mut self, rule: &RawRule, mut flat: Flat, about: &Circumstances<'_>, what: &str, draft: &mut ListDraft) {
        what.clone_into(flat.maybe.get_or_insert_default());
        self.add(rule, &flat, about, Action::Deny, None, draft);
        self.add(rule, &flat, about, Action::Allow, None, draft);
    }

    /// Writes a rule down as flat ones, of which no two are about the same packet.
    fn add(
        &mut self,
        rule: &RawRule,
        flat: &Flat,
        about: &Circumstances<'_>,
        action: Action,
        refusal: Option<Refusal>,
        draft: &mut ListDraft,
    ) {
        let (peer_set, near_set) = match about.way {
            Way::In => (&flat.source, &flat.destination),
            Way::Out => (&flat.destination, &flat.source),
        };
        let name = self.builder.names().intern(&rule.name);
        let (peer, peer_name) = self.peer(peer_set);
        let protocol = match flat.protocols {
            Protocols { tcp: true, udp: true } => ProtocolMatch::Any,
            Protocols { tcp: true, .. } => ProtocolMatch::Only(Protocol::TCP),
            _ => ProtocolMatch::Only(Protocol::UDP),
        };
        let maybe = flat.maybe.as_ref().map(|what| {
            let text = format!("the rule `{}` depends on something that is not decided: {what}", rule.name);
            self.reason(ReasonCode::Undecidable, text, None)
        });
        let near = Some(near_set).filter(|set| **set != AddressSet::everything());
        for source_ports in &flat.source_ports {
            let source_ports = Some(*source_ports).filter(|ports| *ports != PortRange::ALL);
            let narrow = (near.is_some() || source_ports.is_some() || maybe.is_some())
                .then(|| self.builder.narrow(Narrow { near: near.cloned(), source_ports, maybe }));
            for ports in &flat.destination_ports {
                let ports = *ports;
                draft.rules.push(Rule { peer, ports, protocol, action, narrow, name: Some(name), peer_name });
                draft.facts.push((RuleFacts { handle: rule.handle, position: rule.position }, refusal));
            }
        }
    }

    fn peer(&mut self, set: &AddressSet) -> (Peer, Option<reachlint_model::NameId>) {
        if *set == AddressSet::everything() {
            return (Peer::Any, None);
        }
        let mut prefixes = set.prefixes();
        if let (Some(only), None) = (prefixes.next(), prefixes.next()) {
            return (self.builder.block(only), None);
        }
        let words = self.builder.names().intern(&shown(set));
        (Peer::Set(self.builder.set(set.clone())), Some(words))
    }
}

/// A list that is being written.
struct ListDraft {
    rules: Vec<Rule>,
    facts: Vec<(RuleFacts, Option<Refusal>)>,
    /// For a base chain, whether its policy drops.
    base: Option<bool>,
}

/// What a chain is called in reports.
fn title(chain: &Chain) -> String {
    match chain.manager.word() {
        Some(manager) => format!("{} {} ({manager})", chain.table, chain.name),
        None => format!("{} {}", chain.table, chain.name),
    }
}

/// A set of addresses in a few words.
fn shown(set: &AddressSet) -> String {
    const MOST: usize = 4;
    let mut words: Vec<String> = set.prefixes().take(MOST).map(|prefix| prefix.to_string()).collect();
    let more = set.prefixes().count() - words.len();
    if more > 0 {
        words.push(format!("{more} more blocks"));
    }
    words.join(", ")
}
