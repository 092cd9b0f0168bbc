//! Random networks and paths, on which both evaluators must agree.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;
use reachlint_model::{
    Action, Address, AddressSet, Arrival, Cloud, Crossing, Direction, Exposure, Fix, Gate, GateId, Group, Half, Hop,
    HopKind, Identity, InterfaceId, InterfaceState, Layer, ListId, Lookup, NameId, Narrow, Network, NetworkBuilder,
    NewInterface, Onward, Outcome, Packet, Path, Peer, PortRange, Prefix, Protocol, ProtocolMatch, Provider, Reason,
    ReasonCode, ReasonId, Remedy, Rule, RuleId, Selector, Side, Verdict, Via,
};

use super::super::{Evaluator, Explanation, Query};
use super::expected;

/// The upstream's port.
pub(super) const SERVER: u16 = 443;
/// Blocks for rules. The addresses of packets and interfaces are in some of them.
pub(super) const BLOCKS: [&str; 9] = [
    "10.0.0.0/30",
    "10.0.0.1/32",
    "10.0.0.2/31",
    "10.0.0.4/30",
    "0.0.0.0/0",
    "2001:db8::/126",
    "2001:db8::1/128",
    "2001:db8::4/127",
    "::/0",
];
/// The ends of packets in both families.
pub(super) const ENDS: [[&str; 2]; 2] = [["10.0.0.1", "10.0.0.6"], ["2001:db8::1", "2001:db8::6"]];
pub(super) const LAYER: Layer = Layer("test.gate");

#[derive(Clone, Debug)]
pub(super) enum PeerSpec {
    Any,
    Block(&'static str),
    Set(Vec<&'static str>),
    Group(u8),
    Gone,
    Unknown,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ActionSpec {
    Is(Action),
    /// To one of the lists before, if there is any.
    Jump(usize),
}

#[derive(Clone, Debug)]
pub(super) struct RuleSpec {
    pub(super) peer: PeerSpec,
    pub(super) ports: (u16, u16),
    pub(super) protocol: ProtocolMatch,
    pub(super) action: ActionSpec,
    pub(super) near: Option<&'static str>,
    pub(super) source_ports: Option<(u16, u16)>,
    pub(super) maybe: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ListSpec {
    pub(super) rules: Vec<RuleSpec>,
    pub(super) incomplete: Option<Action>,
}

#[derive(Clone, Debug)]
pub(super) struct GateSpec {
    pub(super) lists: Vec<usize>,
    pub(super) default: Action,
    pub(super) side: Side,
    pub(super) stage: u8,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum HopSpec {
    Gate { gate: usize, reply: bool, translated: bool },
    Unread,
    Route(bool),
    UnknownRoute,
}

/// Everything a case is made of.
#[derive(Clone, Debug)]
struct Model {
    lists: Vec<ListSpec>,
    gates: Vec<GateSpec>,
    sides: [Vec<HopSpec>; 4],
    ends: [&'static str; 2],
    clients: [(u16, u16); 2],
    identities: [u8; 2],
}

/// Ports that matter: the client's at both ends of the space, and the server's.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 0..8_u16, 1 => Just(SERVER), 2 => 65_531..=u16::MAX]
}

pub(super) fn ports() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        2 => Just((0, u16::MAX)),
        1 => Just((SERVER, SERVER)),
        4 => (port(), port()).prop_map(|(one, other)| (one.min(other), one.max(other))),
    ]
}

pub(super) fn client_range() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        (0..4_u16, 0..5_u16).prop_map(|(first, more)| (first, first + more)),
        (0..4_u16, 0..5_u16).prop_map(|(least, more)| (u16::MAX - least - more, u16::MAX - least)),
    ]
}

/// With or without anything that could be in doubt.
pub(super) fn rule(doubts: bool, group: bool, blocks: &'static [&'static str]) -> impl Strategy<Value = RuleSpec> {
    let doubt = u32::from(doubts);
    let peer = prop_oneof![
        3 => Just(PeerSpec::Any),
        4 => select(blocks).prop_map(PeerSpec::Block),
        2 => prop::collection::vec(select(blocks), 0..3).prop_map(PeerSpec::Set),
        u32::from(group) * 2 => (0..3_u8).prop_map(PeerSpec::Group),
        1 => Just(PeerSpec::Gone),
        doubt * 2 => Just(PeerSpec::Unknown),
    ];
    let protocol = select(vec![
        ProtocolMatch::Any,
        ProtocolMatch::Only(Protocol::TCP),
        ProtocolMatch::Only(Protocol::TCP),
        ProtocolMatch::Only(Protocol::UDP),
    ]);
    let narrow = (
        prop::option::weighted(0.15, select(blocks)),
        prop::option::weighted(0.2, ports()),
        prop::bool::weighted(0.15).prop_map(move |maybe| maybe && doubts),
    );
    (peer, ports(), protocol, action(), narrow).prop_map(|(peer, ports, protocol, action, narrow)| {
        let (near, source_ports, maybe) = narrow;
        RuleSpec { peer, ports, protocol, action, near, source_ports, maybe }
    })
}

fn plain_action() -> impl Strategy<Value = Action> {
    prop_oneof![4 => Just(Action::Allow), 4 => Just(Action::Deny), 2 => Just(Action::Next), 2 => Just(Action::Accept)]
}

fn action() -> impl Strategy<Value = ActionSpec> {
    prop_oneof![5 => plain_action().prop_map(ActionSpec::Is), 3 => (0..6_usize).prop_map(ActionSpec::Jump)]
}

pub(super) fn list(doubts: bool, group: bool, blocks: &'static [&'static str]) -> impl Strategy<Value = ListSpec> {
    let incomplete = prop::option::weighted(0.15, plain_action()).prop_map(move |action| action.filter(|_| doubts));
    (prop::collection::vec(rule(doubts, group, blocks), 0..5), incomplete)
        .prop_map(|(rules, incomplete)| ListSpec { rules, incomplete })
}

pub(super) fn gate(sides: &'static [Side]) -> impl Strategy<Value = GateSpec> {
    let lists = prop::collection::vec(0..6_usize, 0..3);
    (lists, plain_action(), select(sides), 0..2_u8).prop_map(|(lists, default, side, stage)| GateSpec {
        lists,
        default,
        side,
        stage,
    })
}

pub(super) fn hop(doubts: bool) -> impl Strategy<Value = HopSpec> {
    let doubt = u32::from(doubts);
    let gate = (0..5_usize, prop::bool::weighted(0.3), prop::bool::weighted(0.15));
    prop_oneof![
        24 => gate.prop_map(|(gate, reply, translated)| HopSpec::Gate { gate, reply, translated }),
        4 => Just(HopSpec::Route(true)),
        1 => Just(HopSpec::Route(false)),
        doubt => Just(HopSpec::Unread),
        doubt => Just(HopSpec::UnknownRoute),
    ]
}

fn model(doubts: bool) -> impl Strategy<Value = Model> {
    let half = |most: usize| prop::collection::vec(hop(doubts), 0..most);
    let identity = || 0..if doubts { 4_u8 } else { 3 };
    (
        prop::collection::vec(list(doubts, true, &BLOCKS), 1..6),
        prop::collection::vec(gate(&[Side::Source, Side::Destination]), 1..5),
        (half(4), half(4), half(3), half(3)),
        select(&ENDS[..]),
        [client_range(), client_range()],
        [identity(), identity()],
    )
        .prop_map(|(lists, gates, (leave, enter, enter_back, leave_back), ends, clients, identities)| Model {
            lists,
            gates,
            sides: [leave, enter, enter_back, leave_back],
            ends,
            clients,
            identities,
        })
}

fn block(text: &str) -> Prefix {
    text.parse().unwrap()
}

pub(super) fn range((first, last): (u16, u16)) -> PortRange {
    PortRange::new(first, last).unwrap()
}

/// Builds networks.
pub(super) struct Builder {
    pub(super) network: NetworkBuilder,
    pub(super) name: NameId,
    pub(super) reason: ReasonId,
}

impl Builder {
    /// A builder that has three interfaces: without a group, with the first group, and with all three.
    pub(super) fn new() -> Self {
        let mut network = NetworkBuilder::default();
        let name = network.names().intern("name");
        let text = "the evidence does not say".to_owned();
        let reason = network.reason(Reason { code: ReasonCode::NotRead, text, permission: None });
        let mut builder = Self { network, name, reason };
        let groups = [builder.group(0), builder.group(1), builder.group(2)];
        for carried in [0, 1, 3] {
            let new = NewInterface {
                id: name,
                owner: None,
                label: None,
                account: name,
                region: name,
                network: name,
                subnet: name,
                state: InterfaceState::Up,
            };
            let address = |text: String| Address { private: text.parse().unwrap(), public: None };
            let addresses = [address(format!("10.0.0.{carried}")), address(format!("2001:db8::{carried}"))];
            builder.network.interface(new, &addresses, &[], &groups[..carried]);
        }
        builder
    }

    fn group(&mut self, number: u8) -> Group {
        Group(self.network.names().intern(&format!("group-{number}")))
    }

    pub(super) fn rule(&mut self, spec: &RuleSpec, before: &[ListId]) -> Rule {
        let peer = match &spec.peer {
            PeerSpec::Any => Peer::Any,
            PeerSpec::Block(text) => self.network.block(block(text)),
            PeerSpec::Set(texts) => {
                let set: AddressSet = texts.iter().map(|text| block(text)).collect();
                Peer::Set(self.network.set(set))
            }
            PeerSpec::Group(number) => Peer::Group(self.group(*number)),
            PeerSpec::Gone => Peer::Gone,
            PeerSpec::Unknown => Peer::Unknown(self.reason),
        };
        let action = match spec.action {
            ActionSpec::Is(action) => action,
            ActionSpec::Jump(_) if before.is_empty() => Action::Next,
            ActionSpec::Jump(at) => Action::Jump(before[at % before.len()]),
        };
        let narrow = Narrow {
            near: spec.near.map(|text| AddressSet::from(block(text))),
            source_ports: spec.source_ports.map(range),
            maybe: spec.maybe.then_some(self.reason),
        };
        let narrow = (narrow != Narrow::default()).then(|| self.network.narrow(narrow));
        let (ports, protocol) = (range(spec.ports), spec.protocol);
        Rule { peer, ports, protocol, action, narrow, name: None, peer_name: None }
    }

    pub(super) fn lists(&mut self, specs: &[ListSpec]) -> Vec<ListId> {
        let mut lists: Vec<ListId> = Vec::new();
        for spec in specs {
            let rules: Vec<Rule> = spec.rules.iter().map(|rule| self.rule(rule, &lists)).collect();
            let incomplete = spec.incomplete.map(|action| (action, self.reason));
            lists.push(self.network.list(self.name, rules, incomplete));
        }
        lists
    }

    pub(super) fn gate(&mut self, spec: &GateSpec, lists: &[ListId]) -> GateId {
        let chosen = spec.lists.iter().map(|at| lists[at % lists.len()]).collect();
        let (default, side, stage) = (spec.default, spec.side, spec.stage);
        self.network.gate(chosen, Gate { layer: LAYER, name: self.name, lists: 0..0, default, side, stage })
    }

    /// Hops that see the first of these packets or, behind a translation, the second.
    pub(super) fn hops(&self, specs: &[HopSpec], gates: &[GateId], packets: [Packet; 2]) -> Vec<Hop> {
        let kind = |spec: &HopSpec| match *spec {
            HopSpec::Gate { gate, reply, translated } => {
                let packet = packets[usize::from(translated)];
                let packet = if reply { packet.reply() } else { packet };
                HopKind::Gate { gate: gates[gate % gates.len()], packet }
            }
            HopSpec::Unread => HopKind::UnreadGate(self.reason),
            HopSpec::Route(true) => HopKind::Route(Outcome::Pass),
            HopSpec::Route(false) => HopKind::Translation(Outcome::Block),
            HopSpec::UnknownRoute => HopKind::Route(Outcome::Unknown(self.reason)),
        };
        specs.iter().map(|spec| self.hop(kind(spec))).collect()
    }

    pub(super) fn hop(&self, kind: HopKind) -> Hop {
        Hop { kind, layer: LAYER, direction: Direction::Ingress, subject: self.name, note: None }
    }
}

/// A cloud that lays the same path for every connection, or one for each address that packets come from.
#[derive(Debug)]
pub(super) struct Fake {
    pub(super) network: Network,
    pub(super) path: Path,
    /// What follows the sender's half, by the packet that comes.
    pub(super) arrivals: Vec<(Packet, Path)>,
}

impl Fake {
    pub(super) fn explanation(&self) -> Explanation {
        let from = InterfaceId(0);
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let query = Query { provider: 0, from, source: address, to: address, port: SERVER, protocol: Protocol::TCP };
        let providers: [&dyn Provider; 1] = [self];
        let mut evaluator = Evaluator::new(&providers, PortRange::ALL);
        let explanation = evaluator.explain(&query);
        assert_eq!(explanation.verdict, evaluator.verdict(&query), "the verdict alone and the explanation differ");
        explanation
    }

    pub(super) fn verdict(&self) -> Verdict {
        let explanation = self.explanation();
        assert_eq!(explanation.steps.len(), self.path.hops().count());
        match explanation.verdict {
            Verdict::Unknown => assert!(explanation.gaps.iter().all(|gap| gap.code == ReasonCode::NotRead)),
            Verdict::Blocked => {
                // A gate that refuses only some ports does not explain a block.
                let whole = explanation.blockers.iter().any(|blocker| !blocker.partial);
                let together = explanation.reasons.iter().any(|reason| reason.starts_with("together these refusals"));
                assert!(!explanation.blockers.is_empty() && (whole || together));
            }
            Verdict::Partial => assert!(explanation.blockers.iter().any(|blocker| blocker.partial)),
            Verdict::Allowed => assert!(explanation.blockers.is_empty() && explanation.gaps.is_empty()),
        }
        explanation.verdict
    }

    fn arrival(&self, crossing: &Crossing) -> Option<&Path> {
        self.arrivals.iter().find(|(packet, _)| packet.source == crossing.packet.source).map(|(_, path)| path)
    }
}

impl Provider for Fake {
    fn cloud(&self) -> Cloud {
        Cloud::Gcp
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn select(&self, _: &Selector) -> Vec<InterfaceId> {
        Vec::new()
    }

    fn lookup(&self, _: InterfaceId, _: &str) -> Lookup {
        Lookup::Silent
    }

    fn source_address(&self, _: InterfaceId, _: IpAddr) -> Option<IpAddr> {
        None
    }

    fn answers(&self, _: IpAddr) -> bool {
        !self.arrivals.is_empty()
    }

    fn leave(&self, _: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing {
        half.clone_from(&self.path.leave);
        let packet = self.arrivals.first().map_or(*packet, |(first, _)| *first);
        Crossing { packet, via: Via::Internet, destination: None }
    }

    fn enter(&self, crossing: &Crossing, half: &mut Half) -> Arrival {
        let comes = self.arrival(crossing);
        half.clone_from(comes.map_or(&self.path.enter, |path| &path.enter));
        Arrival { interface: comes.map(|_| InterfaceId(0)), packet: crossing.packet }
    }

    fn onward(&self, crossing: &Crossing, _: InterfaceId, branches: &mut Vec<Onward>) {
        branches.extend(self.arrival(crossing).into_iter().flat_map(|path| path.onward.iter().cloned()));
    }

    fn exposure(&self, _: InterfaceId, _: IpAddr) -> Exposure {
        Exposure { doors: Vec::new(), public: Ok(false) }
    }

    fn remedy(&self, _: Fix, _: &Hop, _: Option<ListId>, _: Option<RuleId>) -> Option<Remedy> {
        None
    }
}

fn build(model: &Model) -> Fake {
    let mut builder = Builder::new();
    let lists = builder.lists(&model.lists);
    let gates: Vec<GateId> = model.gates.iter().map(|spec| builder.gate(spec, &lists)).collect();
    let identity = |number: u8| match number {
        0 => Identity::Nobody,
        3 => Identity::Unknown(builder.reason),
        number => Identity::Interface(InterfaceId(number.into())),
    };
    let packet = |translated: bool| Packet {
        protocol: Protocol::TCP,
        source: model.ends[0].parse().unwrap(),
        destination: model.ends[1].parse().unwrap(),
        source_ports: range(model.clients[usize::from(translated)]),
        destination_ports: PortRange::single(SERVER),
        source_identity: identity(model.identities[0]),
        destination_identity: identity(model.identities[1]),
    };
    let packets = [packet(false), packet(true)];
    let hops = |specs: &[HopSpec]| builder.hops(specs, &gates, packets);
    let [leave, enter, enter_back, leave_back] = &model.sides;
    let path = Path {
        leave: Half { hops: hops(leave), returns: hops(leave_back), ..Half::default() },
        enter: Half { hops: hops(enter), returns: hops(enter_back), ..Half::default() },
        ..Path::default()
    };
    Fake { network: builder.network.build(), path, arrivals: Vec::new() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn without_a_doubt_both_agree(model in model(false)) {
        let fake = build(&model);
        let expected = expected(&fake.network, &fake.path).unwrap();
        prop_assert!(!expected.doubtful);
        prop_assert_eq!(fake.verdict(), expected.verdict());
    }

    #[test]
    fn with_doubts_the_fast_one_is_never_wrong(model in model(true)) {
        let fake = build(&model);
        let verdict = fake.verdict();
        // Where the doubts are too many to be played through there is nothing to compare with.
        if let Some(expected) = expected(&fake.network, &fake.path) {
            prop_assert!(expected.permits(verdict), "{verdict:?} where {expected:?}");
            if !expected.doubtful {
                prop_assert_eq!(verdict, expected.verdict());
            }
        }
    }
}
