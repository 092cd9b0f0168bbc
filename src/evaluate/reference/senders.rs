//! Senders that leave their cloud with one address, with one of several, or with one that nobody knows, and receivers that
//! pass connections on. Every address, port and way is played through on its own, and no packet here hides its sender.

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::select;
use reachlint_model::{
    Action, GateId, Half, HopKind, Identity, InterfaceId, Onward, Outcome, Packet, Path, PortRange, Protocol,
    ProtocolMatch, Sender, Side, Verdict,
};

use super::models::{
    ActionSpec, Builder, Fake, GateSpec, HopSpec, ListSpec, PeerSpec, RuleSpec, SERVER, client_range, gate, hop, list,
    range,
};
use super::{Doubt, World, outcomes, passes};

/// Blocks for rules about both families: with all of the internet, with none of it, and with parts, some around the address
/// that stands for one which is not known.
const BLOCKS: [[&str; 9]; 2] = [
    [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "20.0.0.0/30",
        "20.0.0.1/32",
        "20.0.0.2/31",
        "20.0.0.3/32",
        "::/0",
    ],
    [
        "2000::/3",
        "fd00::/8",
        "2000::/4",
        "3000::/4",
        "2a00::/126",
        "2a00::1/128",
        "2a00::2/127",
        "2a00::3/128",
        "0.0.0.0/0",
    ],
];
/// Addresses of the internet in both families: one for every part of it that the blocks tell apart.
const INTERNET: [[&str; 6]; 2] = [
    ["20.0.0.0", "20.0.0.1", "20.0.0.2", "20.0.0.3", "8.8.8.8", "150.0.0.1"],
    ["2a00::", "2a00::1", "2a00::2", "2a00::3", "2001::1", "3000::1"],
];
/// The sender's own address, the load balancer's and the receiver's.
const INSIDE: [[&str; 3]; 2] = [["10.0.0.1", "10.0.0.5", "10.0.0.6"], ["fd00::1", "fd00::5", "fd00::6"]];

/// The addresses with which the sender may leave, by their position.
#[derive(Clone, Debug)]
enum Leaves {
    /// One, which is changed for the sender's own and leaves its ports alone.
    As(usize),
    /// One that is not known.
    Hidden,
    /// Several, and whether each may never be taken.
    AsOneOf(Vec<(usize, bool)>),
}

#[derive(Clone, Debug)]
struct WaySpec {
    there: Vec<HopSpec>,
    back: Vec<HopSpec>,
    /// Whether the client keeps its address and its ports.
    kept: bool,
    doubt: bool,
}

#[derive(Clone, Debug)]
struct Model {
    lists: Vec<ListSpec>,
    gates: Vec<GateSpec>,
    sides: [Vec<HopSpec>; 4],
    ways: Vec<WaySpec>,
    leaves: Leaves,
    family: usize,
    /// The client's ports in its own cloud, behind it, and those of a load balancer.
    clients: [(u16, u16); 3],
}

/// With or without doubts about anything but which address is the sender's and which ways are taken.
fn model(doubts: bool, family: usize) -> impl Strategy<Value = Model> {
    let hops = move |most: usize| prop::collection::vec(hop(doubts), 0..most);
    let doubt = || prop::bool::weighted(0.15);
    let several = prop::collection::vec((0..6_usize, doubt()), 2..4).prop_map(|mut all| {
        // It leaves with one of them in any case.
        all[0].1 = false;
        all.sort_by_key(|(address, _)| *address);
        all.dedup_by_key(|(address, _)| *address);
        Leaves::AsOneOf(all)
    });
    let leaves = prop_oneof![
        2 => (0..6_usize).prop_map(Leaves::As),
        3 => Just(Leaves::Hidden),
        3 => several,
    ];
    let way = (hops(2), hops(2), any::<bool>(), doubt()).prop_map(|(there, back, kept, doubt)| WaySpec {
        there,
        back,
        kept,
        doubt,
    });
    (
        prop::collection::vec(list(doubts, true, &BLOCKS[family]), 1..6),
        prop::collection::vec(gate(&[Side::Source, Side::Source, Side::Destination]), 1..5),
        (hops(2), hops(4), hops(2), hops(2)),
        prop::collection::vec(way, 0..3),
        leaves,
        [client_range(), client_range(), client_range()],
    )
        .prop_map(move |(lists, gates, (leave, enter, enter_back, leave_back), ways, leaves, clients)| Model {
            lists,
            gates,
            sides: [leave, enter, enter_back, leave_back],
            ways,
            leaves,
            family,
            clients,
        })
        .prop_filter_map("other ports", translated)
}

/// The same with what a translation does to ports.
fn translated(mut model: Model) -> Option<Model> {
    let several = match &model.leaves {
        Leaves::As(_) => {
            model.clients[1] = model.clients[0];
            return Some(model);
        }
        Leaves::Hidden => false,
        Leaves::AsOneOf(all) => all.len() > 1,
    };
    // On one path equal ranges are the same ports, and this translation gives ports of its own.
    (several || model.clients[0] != model.clients[1]).then_some(model)
}

/// Models in which nothing but the answers is filtered, most of it by the client's ports, so that it matters which of them go
/// on as they are.
fn by_ports(family: usize) -> impl Strategy<Value = Model> {
    let ports = select(&[(0, 1), (1, 2), (2, 3), (0, 3), (4, 5), (6, 7), (0, u16::MAX)][..]);
    let peer = prop_oneof![3 => Just(PeerSpec::Any), 1 => select(&BLOCKS[family][..]).prop_map(PeerSpec::Block)];
    let action = select(&[Action::Allow, Action::Deny][..]).prop_map(ActionSpec::Is);
    let rule = (peer, ports, action).prop_map(|(peer, ports, action)| {
        let protocol = ProtocolMatch::Any;
        RuleSpec { peer, ports, protocol, action, near: None, source_ports: None, maybe: false }
    });
    let list = prop::collection::vec(rule, 1..3).prop_map(|rules| ListSpec { rules, incomplete: None });
    let clients = || select(&[(0, 3), (0, 3), (4, 7)][..]);
    (
        model(false, family),
        prop::collection::vec(list, 3..6),
        prop::collection::vec(gate(&[Side::Destination]), 3..6),
        [clients(), clients(), clients()],
    )
        .prop_map(|(mut model, lists, gates, clients)| {
            let ways = model.ways.iter_mut().flat_map(|way| [&mut way.there, &mut way.back]);
            for hops in model.sides.iter_mut().chain(ways) {
                hops.retain(|hop| matches!(hop, HopSpec::Gate { .. }));
                for hop in hops {
                    if let HopSpec::Gate { reply, .. } = hop {
                        *reply = true;
                    }
                }
            }
            Model { lists, gates, clients, ..model }
        })
        .prop_filter_map("other ports", translated)
}

fn either_family(doubts: bool) -> impl Strategy<Value = Model> {
    prop_oneof![2 => model(doubts, 0), 1 => model(doubts, 1)]
}

/// What the evaluator is asked about, and what each address meets on its own.
struct Case<'m> {
    model: &'m Model,
    fake: Fake,
    /// What follows the sender's half, for every address of the internet.
    paths: Vec<Path>,
}

impl<'m> Case<'m> {
    fn new(model: &'m Model) -> Self {
        let mut builder = Builder::new();
        let lists = builder.lists(&model.lists);
        let gates: Vec<GateId> = model.gates.iter().map(|spec| builder.gate(spec, &lists)).collect();
        let own = model.packet(INSIDE[model.family][0], 0);
        let mut leave = model.half(&builder, &gates, (0, 3), own);
        let packets = INTERNET[model.family].map(|address| model.packet(address, 1));
        let mut come = match &model.leaves {
            Leaves::As(at) => vec![packets[*at]],
            Leaves::Hidden => vec![packets[0].hidden()],
            Leaves::AsOneOf(all) => all.iter().map(|(at, _)| packets[*at]).collect(),
        };
        match &model.leaves {
            Leaves::As(_) => {}
            Leaves::Hidden => {
                leave.unseen = Some(builder.hop(HopKind::Translation(Outcome::Unknown(builder.reason))));
            }
            Leaves::AsOneOf(all) => leave.senders.extend(all.iter().map(|(at, doubt)| Sender {
                address: packets[*at].source,
                hop: builder.hop(HopKind::Translation(Outcome::Pass)),
                doubt: doubt.then(|| builder.hop(HopKind::Opaque(builder.reason))),
            })),
        }
        let lay = |packet: Packet| model.arrival(&builder, &gates, packet);
        let arrivals = come.drain(..).map(|packet| (packet, lay(packet))).collect();
        let paths = packets.into_iter().map(lay).collect();
        let path = Path { leave, ..Path::default() };
        Self { model, fake: Fake { network: builder.network.build(), path, arrivals }, paths }
    }

    /// The verdicts that may turn out to be right, and whether anything was met that could turn out either way. `None`
    /// where there are too many doubts.
    fn expected(&self) -> Option<(Vec<Verdict>, bool)> {
        // Of an address that is not known each connection has the same one.
        let all: Vec<Vec<(usize, bool)>> = match &self.model.leaves {
            Leaves::As(at) => vec![vec![(*at, false)]],
            Leaves::Hidden => (0..self.paths.len()).map(|at| vec![(at, false)]).collect(),
            Leaves::AsOneOf(all) => vec![all.clone()],
        };
        let (mut found, mut doubtful) = (Vec::new(), false);
        for senders in all {
            let (outcomes, doubts) = outcomes(|world| Ok((self.verdict(&senders, world)?, world.met.take())))?;
            found.extend(outcomes);
            doubtful |= doubts;
        }
        // Rules may tell addresses apart, whether that matters or not.
        doubtful |= found.iter().any(|(_, met)| *met != found[0].1);
        Some((found.into_iter().map(|(verdict, _)| verdict).collect(), doubtful))
    }

    /// The verdict in one world, in which connections come from all of these addresses.
    fn verdict(&self, senders: &[(usize, bool)], world: &World) -> Result<Verdict, Doubt> {
        let mut passed = Vec::new();
        for (place, (at, doubt)) in senders.iter().enumerate() {
            if !doubt || world.turns_out(Doubt::Way(place))? {
                for ports in self.model.ports() {
                    self.connect(&self.paths[*at], 1000 * (place + 1), ports, world, &mut passed)?;
                }
            }
        }
        Ok(match (passed.contains(&true), passed.contains(&false)) {
            (true, false) => Verdict::Allowed,
            (true, true) => Verdict::Partial,
            (false, _) => Verdict::Blocked,
        })
    }

    /// Whether connections pass from one address and with the same ports, one for each way that they can take.
    fn connect(
        &self,
        path: &Path,
        place: usize,
        ports: [u16; 3],
        world: &World,
        passed: &mut Vec<bool>,
    ) -> Result<(), Doubt> {
        let along = |path: &Path, place: usize, which: usize| {
            let server = (PortRange::single(SERVER), SERVER);
            let chosen = [(range(self.model.clients[which]), ports[which]), server];
            passes(&self.fake.network, path, place, &chosen, world)
        };
        let arrives = along(&self.fake.path, 0, 0)? & along(path, place, 1)?;
        if path.onward.is_empty() {
            passed.push(arrives);
            return Ok(());
        }
        let mut taken = false;
        for (at, (way, spec)) in path.onward.iter().zip(&self.model.ways).enumerate() {
            let place = place + 100 * (at + 1);
            if !spec.doubt || world.turns_out(Doubt::Way(place))? {
                taken = true;
                passed.push(arrives & along(&way.path, place, if spec.kept { 1 } else { 2 })?);
            }
        }
        if !taken {
            passed.push(false);
        }
        Ok(())
    }
}

impl Model {
    /// The first packet as it looks with a source, which has the client's ports at that place.
    fn packet(&self, source: &str, ports: usize) -> Packet {
        let inside = source == INSIDE[self.family][0];
        Packet {
            protocol: Protocol::TCP,
            source: source.parse().unwrap(),
            destination: INSIDE[self.family][2].parse().unwrap(),
            source_ports: range(self.clients[ports]),
            destination_ports: PortRange::single(SERVER),
            source_identity: if inside { Identity::Interface(InterfaceId(1)) } else { Identity::Nobody },
            destination_identity: Identity::Interface(InterfaceId(2)),
        }
    }

    /// One side of the connection, by the positions of what the packet and its answer pass.
    fn half(&self, builder: &Builder, gates: &[GateId], (there, back): (usize, usize), packet: Packet) -> Half {
        let hops = |at: usize| builder.hops(&self.sides[at], gates, [packet; 2]);
        Half { hops: hops(there), returns: hops(back), ..Half::default() }
    }

    /// What a packet meets in the receiver's cloud, and the ways on.
    fn arrival(&self, builder: &Builder, gates: &[GateId], packet: Packet) -> Path {
        let balancer: IpAddr = INSIDE[self.family][1].parse().unwrap();
        let source_ports = range(self.clients[2]);
        let connects = Packet { source: balancer, source_ports, source_identity: Identity::Nobody, ..packet };
        let way = |spec: &WaySpec| {
            let packet = if spec.kept { packet } else { connects };
            let hops = |specs: &[HopSpec]| builder.hops(specs, gates, [packet; 2]);
            let enter = Half { hops: hops(&spec.there), returns: hops(&spec.back), ..Half::default() };
            Onward {
                path: Path { enter, ..Path::default() },
                doubt: spec.doubt.then(|| builder.hop(HopKind::Opaque(builder.reason))),
            }
        };
        let enter = self.half(builder, gates, (1, 2), packet);
        Path { enter, onward: self.ways.iter().map(way).collect(), ..Path::default() }
    }

    /// Every choice of ports at the three places.
    fn ports(&self) -> Vec<[u16; 3]> {
        let [own, behind, balancer] = self.clients.map(|(first, last)| first..=last);
        let kept = matches!(self.leaves, Leaves::As(_));
        let connects = if self.ways.iter().any(|way| !way.kept) { balancer } else { 0..=0 };
        let mut all = Vec::new();
        for port in own {
            for second in behind.clone().filter(|second| !kept || *second == port) {
                all.extend(connects.clone().map(|third| [port, second, third]));
            }
        }
        all
    }
}

fn agree(model: &Model) -> Result<(), TestCaseError> {
    let case = Case::new(model);
    let explanation = case.fake.explanation();
    let verdict = explanation.verdict;
    if verdict == Verdict::Allowed {
        prop_assert!(explanation.blockers.is_empty() && explanation.gaps.is_empty());
    }
    // Where the doubts are too many to be played through there is nothing to compare with.
    if let Some((right, doubtful)) = case.expected() {
        let permitted = match verdict {
            Verdict::Unknown => doubtful,
            sure => right.iter().all(|one| *one == sure),
        };
        prop_assert!(permitted, "{verdict:?} where it may be {right:?}");
    }
    Ok(())
}

/// The sender's side loses answers to one half of the client's ports, and the last way those to the other half.
#[test]
fn refusals_meet_where_the_client_keeps_its_ports() {
    let verdict = |leaves: Leaves, kept: bool| {
        let any = |ports| RuleSpec {
            peer: PeerSpec::Any,
            ports,
            protocol: ProtocolMatch::Any,
            action: ActionSpec::Is(Action::Deny),
            near: None,
            source_ports: None,
            maybe: false,
        };
        let list = |ports| ListSpec { rules: vec![any(ports)], incomplete: None };
        let gate = |list| GateSpec { lists: vec![list], default: Action::Allow, side: Side::Destination, stage: 0 };
        let asks = |gate| vec![HopSpec::Gate { gate, reply: true, translated: false }];
        let model = Model {
            lists: vec![list((0, 1)), list((2, 3))],
            gates: vec![gate(0), gate(1)],
            sides: [Vec::new(), Vec::new(), Vec::new(), asks(0)],
            ways: vec![WaySpec { there: Vec::new(), back: asks(1), kept, doubt: false }],
            leaves,
            family: 0,
            clients: [(0, 3); 3],
        };
        agree(&model).unwrap();
        Case::new(&model).fake.explanation().verdict
    };
    assert_eq!(verdict(Leaves::As(0), true), Verdict::Blocked);
    assert_eq!(verdict(Leaves::As(0), false), Verdict::Partial);
    // Each of several addresses comes with ports of its own, which may be in the same range.
    assert_eq!(verdict(Leaves::AsOneOf(vec![(0, false), (1, false)]), true), Verdict::Partial);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn senders_without_another_doubt(model in either_family(false)) {
        agree(&model)?;
    }

    #[test]
    fn senders_whose_ports_are_told_apart(model in prop_oneof![by_ports(0), by_ports(1)]) {
        agree(&model)?;
    }

}

proptest! {
    // Every doubt doubles what is played through.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn senders_with_doubts(model in either_family(true)) {
        agree(&model)?;
    }
}
