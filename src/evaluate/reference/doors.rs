//! Who gets through the doors of an interface, asked address by address.

use std::net::IpAddr;

use proptest::prelude::*;
use reachlint_model::{
    Action, AddressSet, Direction, Door, Exposure, Family, Gate, Identity, ListId, Network, Packet, PortRange,
    Protocol, RuleId, Side,
};

use super::super::sources::{Sources, sources};
use super::models::{ActionSpec, BLOCKS, Builder, ENDS, GateSpec, ListSpec, SERVER, gate, list};
use super::{Doubt, Trial, World, outcomes};

/// The ports from 1024 on that differ for some rule: rules begin and end at ports below, and at the last five.
const CLIENT: [u16; 7] = [1024, 65_530, 65_531, 65_532, 65_533, 65_534, 65_535];

#[derive(Clone, Debug)]
struct Model {
    lists: Vec<ListSpec>,
    front: Vec<GateSpec>,
    back: Vec<GateSpec>,
    /// The position of a door that could not be read.
    unread: Option<usize>,
    ends: [&'static str; 2],
}

fn model(doubts: bool, group: bool) -> impl Strategy<Value = Model> {
    (
        prop::collection::vec(list(doubts, group, &BLOCKS), 1..6),
        prop::collection::vec(gate(&[Side::Source]), 1..4),
        prop::collection::vec(gate(&[Side::Destination]), 0..3),
        prop::option::weighted(0.1, 0..4_usize).prop_map(move |at| at.filter(|_| doubts)),
        proptest::sample::select(&ENDS[..]),
    )
        .prop_map(|(lists, front, back, unread, ends)| Model { lists, front, back, unread, ends })
}

struct Case {
    network: Network,
    exposure: Exposure,
    address: IpAddr,
}

impl Case {
    fn new(model: &Model) -> Self {
        let mut builder = Builder::new();
        let lists = builder.lists(&model.lists);
        let mut doors = Vec::new();
        for (specs, direction) in [(&model.front, Direction::Ingress), (&model.back, Direction::Return)] {
            for spec in specs {
                let gate = builder.gate(spec, &lists);
                let narrow = doors.is_empty();
                let unread = model.unread == Some(doors.len());
                let gate = if unread { Err(builder.reason) } else { Ok(gate) };
                doors.push(Door { gate, direction, narrow });
            }
        }
        let exposure = Exposure { doors, public: Ok(true) };
        Self { network: builder.network.build(), exposure, address: model.ends[1].parse().unwrap() }
    }

    fn sources(&self) -> Sources {
        sources(&self.network, &self.exposure, self.address, Protocol::TCP, SERVER)
    }

    /// Whether a packet from this port gets through, and its answer.
    fn passes(&self, from: IpAddr, identity: Identity, client: u16, world: &World) -> Result<bool, Doubt> {
        let there = Packet {
            protocol: Protocol::TCP,
            source: from,
            destination: self.address,
            source_ports: PortRange::single(client),
            destination_ports: PortRange::single(SERVER),
            source_identity: identity,
            destination_identity: Identity::Nobody,
        };
        let mut accepted = None;
        for (place, door) in self.exposure.doors.iter().enumerate() {
            let Ok(gate) = door.gate else {
                if world.turns_out(Doubt::Hop(place))? {
                    continue;
                }
                return Ok(false);
            };
            let gate = self.network.gate(gate).unwrap();
            let packet = if door.direction == Direction::Return { there.reply() } else { there };
            if accepted.is_some_and(|stage| stage == (door.direction, gate.stage)) {
                continue;
            }
            accepted = None;
            let (source_port, destination_port) = (packet.source_ports.first(), packet.destination_ports.first());
            let trial = Trial { network: &self.network, world, place, gate, packet, source_port, destination_port };
            match trial.run()? {
                Action::Deny => return Ok(false),
                Action::Accept => accepted = Some((door.direction, gate.stage)),
                _ => {}
            }
        }
        Ok(true)
    }

    /// The source ports that rules on the way in ask for, at their ends.
    fn asked(&self) -> Vec<u16> {
        let front = self.exposure.doors.iter().filter(|door| door.direction == Direction::Ingress);
        let gates = front.filter_map(|door| self.network.gate(door.gate.ok()?));
        let mut ports = Vec::new();
        for id in gates.flat_map(|gate: &Gate| self.network.lists(gate).map(|(id, _)| id)) {
            self.asked_in(id, &mut ports);
        }
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    fn asked_in(&self, id: ListId, ports: &mut Vec<u16>) {
        for at in self.network.list(id).unwrap().rules.clone() {
            let rule = self.network.rule(RuleId(at)).unwrap();
            if let Some(range) = rule.narrow.and_then(|id| self.network.narrow(id)?.source_ports) {
                ports.extend([Some(range.first()), range.last().checked_add(1)].into_iter().flatten());
            }
            if let Action::Jump(target) = rule.action {
                self.asked_in(target, ports);
            }
        }
    }

    /// Whether packets from an address get through for certain, and whether they may if nobody of the evidence sends
    /// them. `None` where there are too many doubts.
    fn asks(&self, from: IpAddr) -> Option<(bool, bool)> {
        let (mut certain, mut possible) = (false, false);
        for client in CLIENT.into_iter().chain(self.asked()) {
            let senders = self.network.owners(from).map(Identity::Interface);
            let mut always = true;
            for sender in [Identity::Nobody].into_iter().chain(senders) {
                let (found, _) = outcomes(|world| self.passes(from, sender, client, world))?;
                always &= !found.contains(&false);
                possible |= sender == Identity::Nobody && found.contains(&true);
            }
            certain |= always;
        }
        Some((certain, possible))
    }

    /// Addresses around those that rules are about, and at both ends of the family.
    fn window(&self) -> Vec<IpAddr> {
        let texts: &[&str] = match Family::of(self.address) {
            Family::V4 => &["0.0.0.0", "9.255.255.255", "10.0.0.8", "255.255.255.255"],
            Family::V6 => &["::", "2001:db7:ffff::", "2001:db8::8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        };
        let near = (0..8).map(|last| match Family::of(self.address) {
            Family::V4 => format!("10.0.0.{last}"),
            Family::V6 => format!("2001:db8::{last}"),
        });
        texts.iter().map(|text| (*text).to_owned()).chain(near).map(|text| text.parse().unwrap()).collect()
    }
}

fn hold_together(case: &Case, found: &Sources) -> Result<(), TestCaseError> {
    let family = AddressSet::family(Family::of(case.address));
    prop_assert!(found.certain.is_subset(&found.possible) && found.possible.is_subset(&family));
    for opening in &found.openings {
        prop_assert!(!opening.sources.is_empty() && opening.sources.is_subset(&found.certain));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn without_a_doubt_the_sources_are_exact(model in model(false, false)) {
        let case = Case::new(&model);
        let found = case.sources();
        hold_together(&case, &found)?;
        prop_assert_eq!(&found.certain, &found.possible);
        for from in case.window() {
            prop_assert_eq!((found.certain.contains(from), found.possible.contains(from)), case.asks(from).unwrap());
        }
        // Whoever gets through a door that denies by default does so because of a rule.
        let passed_on = model.lists.iter().flat_map(|list| &list.rules).any(|rule| match rule.action {
            ActionSpec::Is(action) => action == Action::Next,
            ActionSpec::Jump(_) => true,
        });
        if model.front[0].default == Action::Deny && !passed_on {
            let opened = found.openings.iter().fold(AddressSet::empty(), |all, one| all.union(&one.sources));
            prop_assert_eq!(opened, found.certain);
        }
    }

    #[test]
    fn with_doubts_the_sources_are_bounds(model in model(true, true)) {
        let case = Case::new(&model);
        let found = case.sources();
        hold_together(&case, &found)?;
        for from in case.window() {
            let Some((certain, possible)) = case.asks(from) else { continue };
            prop_assert!(certain || !found.certain.contains(from), "{from} does not get through for certain");
            prop_assert!(!possible || found.possible.contains(from), "{from} may get through");
        }
    }
}
