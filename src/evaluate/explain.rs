//! Words for what was judged.

use reachlint_model::{
    Direction, Hop, HopKind, Identity, ListId, Network, Note, Packet, Peer, PortRange, Protocol, ProtocolMatch,
    ReasonCode, ReasonId, Rule, RuleId, Verdict,
};

use super::gate::{Actions, Decision, refused_ports};
use super::{Effect, Judged, Landing};
use crate::report::{Step, StepKind, StepOutcome};
use reachlint_host::network::{FOLLOWING, LISTENER};

/// Everything about the verdict of one connection.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The answer.
    pub verdict: Verdict,
    /// Every hop in words.
    pub steps: Vec<Step>,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// What ends the connection, all of it.
    pub blockers: Vec<Blocker>,
    /// What is not known.
    pub gaps: Vec<Gap>,
    /// The rules that let it in and out: where the hop was, and what matched.
    pub admitted: Vec<Blocker>,
    /// Where it ended up.
    pub landing: Landing,
}

impl Default for Explanation {
    fn default() -> Self {
        Self {
            verdict: Verdict::Unknown,
            steps: Vec::new(),
            reasons: Vec::new(),
            blockers: Vec::new(),
            gaps: Vec::new(),
            admitted: Vec::new(),
            landing: Landing::default(),
        }
    }
}

/// Whose network a hop is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// That of the cloud at this position among the providers.
    Cloud(usize),
    /// That of the hosts.
    Hosts,
}

/// A hop that decided, with the rule that did.
#[derive(Clone, Debug)]
pub struct Blocker {
    /// Whose it is.
    pub owner: Owner,
    /// The hop.
    pub hop: Hop,
    /// The list and rule that matched; none where the default decided.
    pub by: Option<(ListId, RuleId)>,
    /// Whether only some of the client's ports are concerned.
    pub partial: bool,
    /// Whether it sends an answer that refuses.
    pub refuses: bool,
    /// One sentence on it.
    pub sentence: String,
}

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its kind.
    pub code: ReasonCode,
    /// One sentence on it.
    pub sentence: String,
    /// The permission to grant.
    pub permission: Option<String>,
}

impl Explanation {
    pub(super) fn add(&mut self, network: &Network, owner: Owner, judged: &Judged<'_>, code: Option<&'static str>) {
        let hop = *judged.hop;
        // What lets all packets pass is told once, for the first one.
        let follows = hop.note == Some(FOLLOWING);
        if follows && matches!(judged.effect, Effect::Pass | Effect::Skipped) {
            return;
        }
        // And what does not let the first one pass need not be asked about the others.
        let told = |step: &Step| {
            let refused = matches!(step.outcome, StepOutcome::Deny | StepOutcome::Maybe);
            refused && step.layer == hop.layer.0 && step.id == network.name(hop.subject)
        };
        if follows && self.steps.iter().any(told) {
            return;
        }
        let outcome = match judged.effect {
            Effect::Pass => match judged.decision {
                Some(decision) if decision.answer.actions.must(Actions::ACCEPT) => StepOutcome::Accept,
                Some(decision) if decision.answer.actions.must(Actions::NEXT) => StepOutcome::Next,
                _ => StepOutcome::Allow,
            },
            Effect::Block | Effect::Partial => StepOutcome::Deny,
            Effect::Unknown(_) => StepOutcome::Maybe,
            Effect::Skipped => StepOutcome::None,
        };
        let kind = match hop.kind {
            HopKind::Gate { .. } | HopKind::UnreadGate(_) => StepKind::Gate,
            HopKind::Route(_) => StepKind::Route,
            HopKind::Translation(_) => StepKind::Translation,
            HopKind::Opaque(_) => StepKind::Opaque,
        };
        let by = judged.decision.and_then(|decision| decision.answer.by);
        let detail = detail(network, judged);
        self.steps.push(Step {
            kind,
            layer: hop.layer.0.to_owned(),
            id: network.name(hop.subject).to_owned(),
            direction: hop.direction.word().to_owned(),
            outcome,
            rule: by.map(|(list, rule)| rule_name(network, list, rule)),
            detail: detail.clone(),
            code: code.map(str::to_owned),
        });
        let answers = by.is_some_and(|(_, rule)| network.answer(rule).is_some());
        let refuses = hop.layer == LISTENER || (answers && !follows && hop.direction != Direction::Return);
        let blocker = |partial| Blocker { owner, hop, by, partial, refuses, sentence: detail.clone() };
        match judged.effect {
            Effect::Block => self.blockers.push(blocker(false)),
            Effect::Partial => self.blockers.push(blocker(true)),
            Effect::Unknown(reason) => {
                let reason = reason.and_then(|id| network.reason(id));
                self.gaps.push(Gap {
                    code: reason.map_or(ReasonCode::Undecidable, |reason| reason.code),
                    sentence: detail,
                    permission: reason.and_then(|reason| reason.permission.clone()),
                });
            }
            Effect::Pass if by.is_some() => self.admitted.push(blocker(false)),
            Effect::Pass | Effect::Skipped => {}
        }
    }

    pub(super) fn finish(&mut self, verdict: Verdict, landing: Landing) {
        self.verdict = verdict;
        self.landing = landing;
        // One thing that is not known can show up in several hops.
        let mut seen = std::collections::HashSet::new();
        self.gaps.retain(|gap| seen.insert((gap.sentence.clone(), gap.permission.clone())));
        let grant = |gap: &Gap| match &gap.permission {
            Some(permission) => format!("{}; grant {permission}", gap.sentence),
            None => gap.sentence.clone(),
        };
        self.reasons = self.blockers.iter().map(|blocker| blocker.sentence.clone()).collect();
        if verdict == Verdict::Blocked && self.blockers.iter().all(|blocker| blocker.partial) {
            self.reasons.push("together these refusals leave none of the client's ports".to_owned());
        }
        let refuses = |blocker: &Blocker| blocker.refuses;
        let loses = |blocker: &Blocker| blocker.hop.direction == Direction::Return;
        if self.blockers.iter().any(refuses) && self.blockers.iter().any(loses) {
            self.reasons
                .push("the refusal itself may be lost on its way back, and a new connection times out then".to_owned());
        }
        self.reasons.extend(self.gaps.iter().map(grant));
        if verdict == Verdict::Allowed {
            let local = self.steps.iter().filter(|step| step.layer == "host.local");
            self.reasons.extend(local.map(|step| step.detail.clone()));
        }
    }
}

fn detail(network: &Network, judged: &Judged<'_>) -> String {
    let hop = judged.hop;
    let reason = |id: ReasonId| network.reason(id).map_or("", |reason| reason.text.as_str());
    match hop.kind {
        HopKind::Gate { packet, .. } => match judged.decision {
            Some(decision) => gate_detail(network, judged, &packet, &decision),
            None => "an earlier gate accepted for the whole stage".to_owned(),
        },
        HopKind::UnreadGate(id) => reason(id).to_owned(),
        HopKind::Opaque(id) => match hop.note {
            Some(note) => format!("{}: {}", words(network, hop, &note), reason(id)),
            None => reason(id).to_owned(),
        },
        HopKind::Route(outcome) | HopKind::Translation(outcome) => match (outcome, hop.note) {
            (reachlint_model::Outcome::Unknown(id), None) => reason(id).to_owned(),
            (reachlint_model::Outcome::Unknown(id), Some(note)) => {
                format!("{}: {}", words(network, hop, &note), reason(id))
            }
            (_, note) => note.map_or(String::new(), |note| words(network, hop, &note)),
        },
    }
}

fn words(network: &Network, hop: &Hop, note: &Note) -> String {
    let mut text = note.template.to_owned();
    if let Some(subject) = note.subject {
        text = text.replace("{}", &called(network, subject));
    }
    if let Some(address) = note.address {
        // Of a sender whose address is not known.
        let hidden = hop.direction == Direction::Return && address.is_unspecified();
        let address = if hidden { "the sender".to_owned() } else { address.to_string() };
        text = text.replace("{address}", &address);
    }
    text
}

/// An identifier, with what people call it.
pub(crate) fn called(network: &Network, id: reachlint_model::NameId) -> String {
    match network.label(id) {
        Some(label) => format!("{} ({label})", network.name(id)),
        None => network.name(id).to_owned(),
    }
}

fn gate_detail(network: &Network, judged: &Judged<'_>, packet: &Packet, decision: &Decision) -> String {
    let (hop, effect) = (judged.hop, judged.effect);
    let HopKind::Gate { gate: id, .. } = hop.kind else { return String::new() };
    let Some(gate) = network.gate(id) else { return String::new() };
    let mut lists: Vec<String> = network.lists(gate).map(|(_, list)| called(network, list.name)).collect();
    if lists.is_empty() {
        lists.push(called(network, gate.name));
    }
    let lists = lists.join(", ");
    let what = traffic(network, hop, packet);
    let by = decision.answer.by.map(|(list, rule)| named_rule(network, list, rule));
    match effect {
        Effect::Pass | Effect::Skipped => by.unwrap_or_else(|| format!("{lists}: default")),
        Effect::Block => {
            let who = by.map_or_else(
                || format!("no {} rule of {lists} admits", gate_side(gate.side)),
                |by| format!("{by} denies"),
            );
            // What is sent back to an answer does not reach whoever waits for it.
            let answer = decision.answer.by.filter(|_| hop.direction != Direction::Return);
            let then = answer.and_then(|(_, rule)| network.answer(rule));
            if hop.note == Some(FOLLOWING) {
                return format!("{}{who} {what}; a new connection comes about and stands still", FOLLOWING.template);
            }
            format!("{who} {what}; {}", then.unwrap_or("a new connection is dropped in silence and times out"))
        }
        Effect::Partial => {
            let refused = refused_ports(network, judged.earlier, gate, packet);
            let refused: Vec<String> = refused.iter().map(PortRange::to_string).collect();
            let who = by.map_or_else(
                || format!("no {} rule of {lists} admits", gate_side(gate.side)),
                |by| format!("{by} denies"),
            );
            format!(
                "{who} {what}: {} of the client's {} ports pass, {} do not ({}), so a new connection times out now \
                 and then",
                decision.passed,
                decision.asked,
                decision.asked - decision.passed,
                refused.join(", ")
            )
        }
        Effect::Unknown(reason) => {
            let reason = reason.and_then(|id| network.reason(id));
            let reason = reason.map_or("its rules tell addresses of the internet apart", |reason| reason.text.as_str());
            format!("whether {lists} admits {what} is not known: {reason}")
        }
    }
}

/// The direction of the rules that a gate asked, which for answers differs from that of the connection.
fn gate_side(side: reachlint_model::Side) -> &'static str {
    match side {
        reachlint_model::Side::Source => Direction::Ingress.word(),
        reachlint_model::Side::Destination => Direction::Egress.word(),
    }
}

fn traffic(network: &Network, hop: &Hop, packet: &Packet) -> String {
    let name = |identity: Identity| {
        let Identity::Interface(id) = identity else { return String::new() };
        let label = network.interface(id).and_then(|interface| interface.label);
        label.map_or(String::new(), |label| format!(" ({})", network.name(label)))
    };
    let end = |address: std::net::IpAddr, identity| match identity {
        Identity::Hidden => "an unknown address".to_owned(),
        _ => address.to_string(),
    };
    let source = end(packet.source, packet.source_identity);
    let destination = end(packet.destination, packet.destination_identity);
    if hop.direction == Direction::Return {
        return format!(
            "answers from {source} {} to {destination} ports {}",
            packet.source_ports, packet.destination_ports
        );
    }
    format!(
        "{} {} from {source}{} to {destination}{}",
        packet.protocol,
        packet.destination_ports,
        name(packet.source_identity),
        name(packet.destination_identity)
    )
}

/// The identifier of a rule: the cloud's own, or else its list and its words.
pub(crate) fn rule_name(network: &Network, list: ListId, rule: RuleId) -> String {
    let Some((list, rule)) = network.list(list).zip(network.rule(rule)) else { return String::new() };
    match rule.name {
        Some(name) => network.name(name).to_owned(),
        None => format!("{} {}", network.name(list.name), rule_text(network, rule)),
    }
}

fn named_rule(network: &Network, list: ListId, rule: RuleId) -> String {
    let Some((list, rule)) = network.list(list).zip(network.rule(rule)) else { return String::new() };
    let name = rule.name.map_or(String::new(), |name| format!("{}: ", called(network, name)));
    let list = called(network, list.name);
    format!("{name}{} ({list})", rule_text(network, rule))
}

/// A rule in words: `tcp 8080 from sg-0123 (edge)`, without the direction that its list has.
#[must_use]
pub fn rule_text(network: &Network, rule: &Rule) -> String {
    let ports = match (rule.protocol, rule.ports) {
        (ProtocolMatch::Any, PortRange::ALL) => "all traffic".to_owned(),
        (ProtocolMatch::Any, ports) => format!("any protocol {ports}"),
        (ProtocolMatch::Only(protocol @ (Protocol::TCP | Protocol::UDP)), PortRange::ALL) => {
            format!("{protocol} all ports")
        }
        (ProtocolMatch::Only(protocol), PortRange::ALL) => protocol.to_string(),
        (ProtocolMatch::Only(protocol), ports) => format!("{protocol} {ports}"),
    };
    let peer = match rule.peer {
        Peer::Any => "anywhere".to_owned(),
        Peer::V4 { base, length } => format!("{}/{length}", std::net::Ipv4Addr::from_bits(base)),
        Peer::V6(id) => network.prefix(id).map_or(String::new(), |prefix| prefix.to_string()),
        Peer::Set(_) | Peer::Gone | Peer::Unknown(_) => {
            let name = rule.peer_name.map_or_else(|| "a set of addresses".to_owned(), |name| called(network, name));
            if rule.peer == Peer::Gone { format!("{name}, which is gone") } else { name }
        }
        Peer::Group(group) => called(network, group.0),
    };
    let action = match rule.action {
        reachlint_model::Action::Deny => "deny ",
        reachlint_model::Action::Next => "next ",
        _ => "",
    };
    format!("{action}{ports}, {peer}")
}
