//! The tests of a rule as what a gate can hold: sets and ranges.

use std::ops::Deref;

use reachlint_model::{AddressSet, PortRange};
use rustc_hash::FxHashMap as HashMap;

use crate::records::{Chain, FlagTest, Protocols, Test};

/// The chains of a host, found by their names.
pub(super) struct Chains<'a> {
    all: &'a [Chain],
    named: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Chains<'a> {
    pub(super) fn new(all: &'a [Chain]) -> Self {
        let named = all.iter().enumerate().map(|(at, chain)| ((chain.scope.as_str(), chain.name.as_str()), at));
        Self { all, named: named.collect() }
    }

    /// The chain that a rule of another one jumps to.
    pub(super) fn target(&self, from: &Chain, name: &str) -> Option<usize> {
        self.named.get(&(from.scope.as_str(), name)).copied()
    }
}

impl Deref for Chains<'_> {
    type Target = [Chain];

    fn deref(&self) -> &[Chain] {
        self.all
    }
}

/// Whether a packet comes to the host or leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    In,
    Out,
}

/// Which packet of a connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Moment {
    /// The first one.
    New,
    /// The answer to it.
    Answer,
    /// Those that follow it the same way.
    Rest,
}

/// What is known of the packets that a rule is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Circumstances<'a> {
    pub(super) way: Way,
    pub(super) moment: Moment,
    /// The device that the packet comes from or goes to.
    pub(super) device: &'a str,
    /// Whether marks are known: all packets have the mark 0.
    pub(super) unmarked: bool,
    /// Whether connection tracking sees every packet.
    pub(super) tracked: bool,
    /// Whether no rule translates destinations.
    pub(super) untranslated: bool,
}

impl Circumstances<'_> {
    /// Whether the packet stays on the host.
    fn is_inside(&self) -> bool {
        self.device == "lo"
    }
}

/// Packets that have all these properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flat {
    pub(super) source: AddressSet,
    pub(super) destination: AddressSet,
    pub(super) protocols: Protocols,
    pub(super) source_ports: Vec<PortRange>,
    pub(super) destination_ports: Vec<PortRange>,
    /// A condition that is not decided.
    pub(super) maybe: Option<String>,
}

impl Flat {
    /// Every packet.
    pub(super) fn all() -> Self {
        Self {
            source: AddressSet::everything(),
            destination: AddressSet::everything(),
            protocols: Protocols::ALL,
            source_ports: vec![PortRange::ALL],
            destination_ports: vec![PortRange::ALL],
            maybe: None,
        }
    }

    /// Those that pass further tests; `None` where there are none.
    pub(super) fn and(&self, tests: &[Test], about: &Circumstances<'_>) -> Option<Self> {
        let mut flat = self.clone();
        for test in tests {
            flat.narrow(test, about)?;
        }
        let none = flat.source.is_empty()
            || flat.destination.is_empty()
            || flat.protocols == Protocols::NEITHER
            || flat.source_ports.is_empty()
            || flat.destination_ports.is_empty();
        (!none).then_some(flat)
    }

    fn narrow(&mut self, test: &Test, about: &Circumstances<'_>) -> Option<()> {
        let holds = |holds: bool| holds.then_some(());
        let is_new = about.moment == Moment::New;
        match test {
            Test::Source(set) => self.source = self.source.intersection(set),
            Test::Destination(set) => self.destination = self.destination.intersection(set),
            Test::Protocols(protocols) => self.protocols = self.protocols.and(*protocols),
            Test::SourcePorts(ports) => self.source_ports = common(&self.source_ports, ports),
            Test::DestinationPorts(ports) => self.destination_ports = common(&self.destination_ports, ports),
            // A packet that comes has no device yet that it leaves through, and the other way round: the name is empty.
            Test::Arrives(devices) => {
                return holds(devices.hold(if about.way == Way::In { about.device } else { "" }));
            }
            Test::Leaves(devices) => return holds(devices.hold(if about.way == Way::Out { about.device } else { "" })),
            Test::States(states) => {
                let tracked = if is_new { states.new } else { states.established };
                if about.tracked || tracked == states.untracked {
                    return holds(tracked);
                }
                self.doubt("whether the connection is tracked");
            }
            Test::Translated(wanted) => {
                if about.untranslated {
                    return holds(!wanted);
                }
                self.doubt("whether the connection was translated");
            }
            Test::DestinationKind(kinds) => {
                let local = about.way == Way::In || about.is_inside();
                return holds(if local { kinds.local } else { kinds.unicast });
            }
            Test::SourceKind(kinds) => {
                let local = about.way == Way::Out || about.is_inside();
                return holds(if local { kinds.local } else { kinds.unicast });
            }
            Test::Flags(test) => return holds(flags(*test, about.moment)),
            Test::Mark { value, negated, .. } => {
                if about.unmarked {
                    // Whatever the mask, it leaves 0 of 0.
                    return holds((*value == 0) != *negated);
                }
                self.doubt("the mark of the packet");
            }
            Test::Never => return None,
            Test::Maybe(what) => self.doubt(what),
        }
        Some(())
    }

    fn doubt(&mut self, what: &str) {
        self.maybe.get_or_insert_with(|| what.to_owned());
    }
}

/// Whether a packet of a TCP connection has these flags: SYN at first, SYN and ACK in the answer, then ACK.
fn flags(test: FlagTest, moment: Moment) -> bool {
    let set: u8 = match moment {
        Moment::New => 0x02,
        Moment::Answer => 0x12,
        Moment::Rest => 0x10,
    };
    match test {
        FlagTest::Exactly { mask, value, negated } => (set & mask == value) != negated,
        FlagTest::Any { mask, negated } => (set & mask != 0) != negated,
    }
}

/// Ports in both lists.
fn common(left: &[PortRange], right: &[PortRange]) -> Vec<PortRange> {
    let both = |a: &PortRange, b: &PortRange| PortRange::new(a.first().max(b.first()), a.last().min(b.last()));
    left.iter().flat_map(|a| right.iter().filter_map(move |b| both(a, b))).collect()
}
