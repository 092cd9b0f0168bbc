//! What a gate does with a packet.

use std::net::{IpAddr, Ipv4Addr};

use reachlint_model::{
    Action, AddressSet, Family, Gate, Hop, HopKind, Identity, ListId, Network, Packet, Peer, PortRange, Prefix,
    ReasonId, Rule, RuleId, RuleList, Share, Side,
};

/// Jumps deeper than this are a loop: nftables itself allows 16 (`NFT_JUMP_STACK_SIZE`, `nf_tables.h`).
pub(super) const MOST_JUMPS: u8 = 16;

/// Rules that one gate is asked at most. Chains that jump to each other many times over can be made to have more of them
/// than anybody can ask.
const MOST_RULES: u32 = 10_000_000;

/// The actions that a gate may turn out to take: more than one where something is undecided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions(u8);

impl Actions {
    /// Passes this gate.
    pub const ALLOW: Self = Self(1);
    /// Blocks.
    pub const DENY: Self = Self(2);
    /// Leaves the gate undecided.
    pub const NEXT: Self = Self(4);
    /// Passes this gate and the rest of its stage.
    pub const ACCEPT: Self = Self(8);

    /// What a rule could do if it matched; a jump could do anything.
    fn of(action: Action) -> Self {
        match action {
            Action::Allow => Self::ALLOW,
            Action::Deny => Self::DENY,
            Action::Next => Self::NEXT,
            Action::Accept => Self::ACCEPT,
            Action::Jump(_) => Self::ALLOW.with(Self::DENY).with(Self::NEXT).with(Self::ACCEPT),
        }
    }

    /// Whether `other` is among them.
    #[must_use]
    pub fn may(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is only one, and it is `other`.
    #[must_use]
    pub fn must(self, other: Self) -> bool {
        self == other
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The answer of a gate for a range of client ports that it treats alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it may do.
    pub actions: Actions,
    /// The list and rule that matched for certain; the default decided where there is none.
    pub by: Option<(ListId, RuleId)>,
    /// The first thing that left it undecided.
    pub reason: Option<ReasonId>,
}

/// The answer of a gate for the whole of a packet's port ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer for the first ports that do not pass, or for all if all are treated alike.
    pub answer: Answer,
    /// The client ports that `answer` is about, as far as they are contiguous.
    pub ports: PortRange,
    /// Number of client ports that pass for certain.
    pub passed: u32,
    /// Number of client ports that may be used.
    pub asked: u32,
    /// Whether some port is undecided.
    pub undecided: bool,
    /// What left the first undecided port so.
    pub doubt: Option<ReasonId>,
    /// Number of client ports that are accepted for the whole stage for certain.
    pub accepted: u32,
    /// Whether some client port may be accepted for the whole stage.
    pub may_accept: bool,
}

impl Decision {
    /// The start of a decision, before any port was asked about.
    fn nothing(answer: Answer, client: PortRange) -> Self {
        let asked = client.count();
        Self { answer, ports: client, passed: 0, asked, undecided: false, doubt: None, accepted: 0, may_accept: false }
    }

    /// Whether some ports pass and some are refused.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.passed > 0 && self.passed < self.asked && !self.undecided
    }
}

/// Decides a gate behind the `earlier` hops of its stage, which may have accepted for all of it. Allocates nothing.
#[must_use]
pub fn decide(network: &Network, earlier: &[Hop], gate: &Gate, packet: &Packet) -> Decision {
    let client = client_ports(packet);
    let mut decision: Option<Decision> = None;
    let mut from = Some(client.first());
    while let Some(port) = from.filter(|port| *port <= client.last()) {
        let (answer, until) = answer_after(network, earlier, gate, packet, port);
        let until = until.min(client.last());
        let count = u32::from(until - port) + 1;
        let passes = !answer.actions.may(Actions::DENY);
        let undecided = !passes && !answer.actions.must(Actions::DENY);
        let ports = PortRange::new(port, until).unwrap_or(client);
        let known = decision.get_or_insert(Decision { ports, ..Decision::nothing(answer, client) });
        // The answer shown is the worst: a refusal before a doubt before a pass.
        let worse = rank(&answer) > rank(&known.answer);
        if worse {
            (known.answer, known.ports) = (answer, ports);
        }
        known.undecided |= undecided;
        known.doubt = known.doubt.or(answer.reason.filter(|_| undecided));
        known.passed += if passes { count } else { 0 };
        known.accepted += if answer.actions.must(Actions::ACCEPT) { count } else { 0 };
        known.may_accept |= answer.actions.may(Actions::ACCEPT);
        from = until.checked_add(1);
    }
    let default = Answer { actions: Actions::of(gate.default), by: None, reason: None };
    decision.unwrap_or(Decision::nothing(default, client))
}

/// The client ports that a gate does not let through for certain, for an explanation.
#[must_use]
pub fn refused_ports(network: &Network, earlier: &[Hop], gate: &Gate, packet: &Packet) -> Vec<PortRange> {
    let client = client_ports(packet);
    let mut refused: Vec<PortRange> = Vec::new();
    let mut from = Some(client.first());
    while let Some(port) = from.filter(|port| *port <= client.last()) {
        let (answer, until) = answer_after(network, earlier, gate, packet, port);
        let until = until.min(client.last());
        if answer.actions.may(Actions::DENY) {
            let start = match refused.last() {
                Some(open) if open.last().checked_add(1) == Some(port) => refused.pop().map_or(port, PortRange::first),
                _ => port,
            };
            refused.extend(PortRange::new(start, until));
        }
        from = until.checked_add(1);
    }
    refused
}

/// Every rule of a gate's own lists that is certainly about a packet, not only the one that decided.
#[must_use]
pub fn matching(network: &Network, gate: &Gate, packet: &Packet) -> Vec<(ListId, RuleId)> {
    let mut walk = Walk::new(network, gate, packet, client_ports(packet).first());
    let mut found = Vec::new();
    for (id, list) in network.lists(gate) {
        for (rule, at) in network.rules(list).iter().zip(list.rules.clone()) {
            if matches!(walk.matches(rule), Match::Yes) {
                found.push((id, RuleId(at)));
            }
        }
    }
    found
}

fn rank(answer: &Answer) -> u8 {
    match (answer.actions.must(Actions::DENY), answer.actions.may(Actions::DENY)) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    }
}

/// Of the two port ranges, the one that the client chooses from.
pub(super) fn client_ports(packet: &Packet) -> PortRange {
    if packet.source_ports.count() > 1 { packet.source_ports } else { packet.destination_ports }
}

/// What a gate does behind the earlier hops of its stage, and the last client port up to which that is so.
///
/// For a port that one of them accepts the gate is not asked. Their order does not matter: where one of them refuses,
/// the packet is lost in any case.
pub(super) fn answer_after(
    network: &Network,
    earlier: &[Hop],
    gate: &Gate,
    packet: &Packet,
    port: u16,
) -> (Answer, u16) {
    let mut until = u16::MAX;
    // Why one of them may have accepted.
    let mut perhaps = None;
    for hop in earlier {
        let HopKind::Gate { gate, packet } = hop.kind else { continue };
        let Some(gate) = network.gate(gate) else { continue };
        let (answer, end) = answer_at(network, gate, &packet, port);
        until = until.min(end);
        if answer.actions.must(Actions::ACCEPT) {
            return (Answer { by: None, ..answer }, until);
        }
        if answer.actions.may(Actions::ACCEPT) {
            perhaps = perhaps.or(Some(answer.reason));
        }
    }
    let (mut answer, end) = answer_at(network, gate, packet, port);
    if let Some(reason) = perhaps {
        if answer.actions.must(Actions::DENY) {
            answer.reason = reason;
        }
        answer.actions = answer.actions.with(Actions::ACCEPT);
    }
    (answer, until.min(end))
}

fn answer_at(network: &Network, gate: &Gate, packet: &Packet, port: u16) -> (Answer, u16) {
    let mut walk = Walk::new(network, gate, packet, port);
    let decided = network.lists(gate).find_map(|(id, list)| walk.list(id, list, 0));
    let (action, by) = decided.map_or((gate.default, None), |(action, list, rule)| (action, Some((list, rule))));
    let answer = Answer { actions: walk.possible.with(Actions::of(action)), by, reason: walk.reason };
    (answer, walk.until)
}

/// Whether a rule is about a packet.
enum Match {
    Yes,
    No,
    /// Perhaps; without a reason because the sender's address is not known.
    Maybe(Option<ReasonId>),
}

impl Match {
    /// Whether a rule is about an address of the internet that is not known.
    fn of_share(share: Share) -> Self {
        match share {
            Share::All => Self::Yes,
            Share::Part => Self::Maybe(None),
            Share::Nothing => Self::No,
        }
    }

    /// Whether it is if it has to be by another condition too.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (Self::Maybe(reason), Self::Maybe(other)) => Self::Maybe(reason.or(other)),
            (maybe, Self::Yes) => maybe,
        }
    }
}

struct Walk<'n> {
    network: &'n Network,
    packet: &'n Packet,
    peer: IpAddr,
    near: IpAddr,
    peer_identity: Identity,
    near_identity: Identity,
    source_port: u16,
    destination_port: u16,
    source_is_client: bool,
    /// The last client port up to which every rule asked so far gives the same answer.
    until: u16,
    /// Actions of rules that may have matched before.
    possible: Actions,
    /// Whether a rule that may have matched leaves the list that was jumped to.
    may_return: bool,
    /// Rules that may still be asked.
    left: u32,
    reason: Option<ReasonId>,
}

impl<'n> Walk<'n> {
    /// A walk for one of the client's ports.
    fn new(network: &'n Network, gate: &Gate, packet: &'n Packet, port: u16) -> Self {
        let source_is_client = packet.source_ports.count() > 1;
        let (source_port, destination_port) = if source_is_client {
            (port, packet.destination_ports.first())
        } else {
            (packet.source_ports.first(), port)
        };
        let (source, destination) =
            ((packet.source, packet.source_identity), (packet.destination, packet.destination_identity));
        let ((peer, peer_identity), (near, near_identity)) = match gate.side {
            Side::Source => (source, destination),
            Side::Destination => (destination, source),
        };
        Self {
            network,
            packet,
            peer,
            near,
            peer_identity,
            near_identity,
            source_port,
            destination_port,
            source_is_client,
            until: u16::MAX,
            possible: Actions::default(),
            may_return: false,
            left: MOST_RULES,
            reason: None,
        }
    }

    fn list(&mut self, id: ListId, list: &RuleList, depth: u8) -> Option<(Action, ListId, RuleId)> {
        for (rule, at) in self.network.rules(list).iter().zip(list.rules.clone()) {
            let Some(left) = self.left.checked_sub(1) else {
                self.possible = Actions::ALLOW.with(Actions::DENY).with(Actions::NEXT).with(Actions::ACCEPT);
                return None;
            };
            self.left = left;
            match self.matches(rule) {
                Match::No => {}
                Match::Maybe(reason) => {
                    if let Action::Jump(target) = rule.action {
                        self.may_jump(target, reason, depth);
                        continue;
                    }
                    // What comes after the jump counts too if this rule leaves the list.
                    match rule.action {
                        Action::Next if depth > 0 => self.may_return = true,
                        action => self.possible = self.possible.with(Actions::of(action)),
                    }
                    self.reason = self.reason.or(reason);
                }
                Match::Yes => match rule.action {
                    Action::Jump(target) => {
                        let Some(list) = self.network.list(target).filter(|_| depth < MOST_JUMPS) else {
                            return Some((Action::Deny, id, RuleId(at)));
                        };
                        let outside = std::mem::replace(&mut self.may_return, false);
                        let decided = self.list(target, list, depth + 1);
                        let returns = std::mem::replace(&mut self.may_return, outside);
                        match decided {
                            None | Some((Action::Next, ..)) => {}
                            Some((action, ..)) if returns => self.possible = self.possible.with(Actions::of(action)),
                            decided => return decided,
                        }
                    }
                    action => return Some((action, id, RuleId(at))),
                },
            }
        }
        // At the end of a list that was jumped to, leaving it is what happens anyway.
        let missing = list.incomplete.filter(|(action, _)| depth == 0 || *action != Action::Next);
        if let Some((action, reason)) = missing {
            self.possible = self.possible.with(Actions::of(action));
            self.reason.get_or_insert(reason);
        }
        None
    }

    /// Notes what could come of a jump that may be taken; the rule behind it follows in any case.
    fn may_jump(&mut self, target: ListId, reason: Option<ReasonId>, depth: u8) {
        let Some(list) = self.network.list(target).filter(|_| depth < MOST_JUMPS) else {
            self.possible = self.possible.with(Actions::DENY);
            self.reason = self.reason.or(reason);
            return;
        };
        let (before, known) = (self.possible, self.reason);
        let outside = std::mem::replace(&mut self.may_return, false);
        if let Some((action, ..)) = self.list(target, list, depth + 1)
            && action != Action::Next
        {
            self.possible = self.possible.with(Actions::of(action));
        }
        self.may_return = outside;
        // A list that decides nothing makes no doubt.
        self.reason = if self.possible == before { known } else { known.or(reason) };
    }

    fn matches(&mut self, rule: &Rule) -> Match {
        if !rule.protocol.contains(self.packet.protocol) {
            return Match::No;
        }
        let in_range = rule.ports.contains(self.destination_port);
        if !self.source_is_client {
            self.bound(rule.ports, self.destination_port);
        }
        if !in_range {
            return Match::No;
        }
        let peer = self.matches_peer(rule.peer);
        let Some(narrow) = rule.narrow.and_then(|id| self.network.narrow(id)) else { return peer };
        if let Some(ports) = narrow.source_ports {
            if self.source_is_client {
                self.bound(ports, self.source_port);
            }
            if !ports.contains(self.source_port) {
                return Match::No;
            }
        }
        let near = narrow.near.as_ref().map_or(Match::Yes, |near| self.matches_near(near));
        let maybe = narrow.maybe.map_or(Match::Yes, |reason| Match::Maybe(Some(reason)));
        peer.and(near).and(maybe)
    }

    fn matches_near(&self, near: &AddressSet) -> Match {
        if self.near_identity == Identity::Hidden {
            return Match::of_share(near.share_of_internet(Family::of(self.near)));
        }
        if near.contains(self.near) { Match::Yes } else { Match::No }
    }

    /// Notes where a range of the rule begins or ends beyond the client port that is asked about.
    fn bound(&mut self, ports: PortRange, port: u16) {
        if ports.contains(port) {
            self.until = self.until.min(ports.last());
        } else if port < ports.first() {
            self.until = self.until.min(ports.first().saturating_sub(1));
        }
    }

    fn matches_peer(&self, peer: Peer) -> Match {
        if self.peer_identity == Identity::Hidden {
            return self.matches_hidden(peer);
        }
        let holds = match peer {
            Peer::Any => true,
            Peer::V4 { base, length } => match self.peer {
                IpAddr::V4(address) => {
                    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                    address.to_bits() & mask == base
                }
                IpAddr::V6(_) => false,
            },
            Peer::V6(id) => self.network.prefix(id).is_some_and(|prefix| prefix.contains(self.peer)),
            Peer::Set(id) => self.network.set(id).is_some_and(|set| set.contains(self.peer)),
            Peer::Gone => false,
            Peer::Unknown(reason) => return Match::Maybe(Some(reason)),
            Peer::Group(group) => match self.peer_identity {
                Identity::Interface(id) => self.network.carries(id, group),
                Identity::Nobody | Identity::Hidden => false,
                Identity::Unknown(reason) => return Match::Maybe(Some(reason)),
            },
        };
        if holds { Match::Yes } else { Match::No }
    }

    /// Whether a rule is about a peer that may have any address of the internet.
    fn matches_hidden(&self, peer: Peer) -> Match {
        let family = Family::of(self.peer);
        let of_prefix = |prefix: Prefix| (prefix.family() == family).then(|| prefix.share_of_internet());
        let share = match peer {
            Peer::Any => return Match::Yes,
            Peer::Unknown(reason) => return Match::Maybe(Some(reason)),
            Peer::Gone | Peer::Group(_) => return Match::No,
            Peer::V4 { base, length } => Prefix::new(Ipv4Addr::from_bits(base).into(), length).and_then(of_prefix),
            Peer::V6(id) => self.network.prefix(id).and_then(of_prefix),
            Peer::Set(id) => self.network.set(id).map(|set| set.share_of_internet(family)),
        };
        share.map_or(Match::No, Match::of_share)
    }
}
