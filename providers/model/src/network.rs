//! A compiled network: interfaces, rule lists and gates under small ids.

use std::net::IpAddr;
use std::ops::Range;

use rustc_hash::FxHashMap as HashMap;

use crate::address::{AddressSet, Prefix};
use crate::gate::{
    Action, Gate, GateId, Group, ListId, Narrow, NarrowId, Peer, PrefixId, Rule, RuleId, RuleList, SetId, Side,
};
use crate::names::{NameId, Names};
use crate::verdict::{Reason, ReasonId};

/// A network interface of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub u32);

/// Whether something behind the interface can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceState {
    /// Running, or nothing says otherwise.
    Up,
    /// Attached to a machine that is not running; the name is the cloud's word for its state.
    Down(NameId),
    /// Attached to nothing.
    Detached,
    /// Attached to a machine of which the evidence does not say whether it runs.
    Unread(ReasonId),
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address inside the network (for IPv6 the only one).
    pub private: IpAddr,
    /// The public IPv4 address that the cloud translates to it.
    pub public: Option<IpAddr>,
}

/// One network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its identifier.
    pub id: NameId,
    /// The machine or service it belongs to.
    pub owner: Option<NameId>,
    /// What people call the owner.
    pub label: Option<NameId>,
    /// Account, project or subscription.
    pub account: NameId,
    /// Region.
    pub region: NameId,
    /// The network (VPC, virtual network) it is in.
    pub network: NameId,
    /// The subnet it is in.
    pub subnet: NameId,
    /// Whether something behind it can answer.
    pub state: InterfaceState,
    addresses: Range<u32>,
    groups: Range<u32>,
}

/// Everything a provider compiled, read-only.
#[derive(Clone, Debug, Default)]
pub struct Network {
    names: Names,
    reasons: Vec<Reason>,
    interfaces: Vec<Interface>,
    addresses: Vec<Address>,
    groups: Vec<Group>,
    rules: Vec<Rule>,
    lists: Vec<RuleList>,
    gates: Vec<Gate>,
    gate_lists: Vec<ListId>,
    sets: Vec<AddressSet>,
    prefixes: Vec<Prefix>,
    narrows: Vec<Narrow>,
    answers: HashMap<RuleId, &'static str>,
    /// Positions of `interfaces` by private and by public address.
    by_address: HashMap<IpAddr, Vec<InterfaceId>>,
    by_name: HashMap<NameId, Vec<InterfaceId>>,
    delegated: Vec<(Prefix, InterfaceId)>,
    labels: HashMap<NameId, NameId>,
    /// Who carries which group, sorted.
    carriers: Vec<(Group, InterfaceId)>,
}

fn slice<'a, T>(all: &'a [T], range: &Range<u32>) -> &'a [T] {
    all.get(range.start as usize..range.end as usize).unwrap_or_default()
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Network {
    /// All identifiers.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The text of an identifier.
    #[must_use]
    pub fn name(&self, id: NameId) -> &str {
        self.names.get(id)
    }

    /// What people call the thing with this identifier, if the evidence says.
    #[must_use]
    pub fn label(&self, id: NameId) -> Option<&str> {
        self.labels.get(&id).map(|label| self.name(*label))
    }

    /// A reason.
    #[must_use]
    pub fn reason(&self, id: ReasonId) -> Option<&Reason> {
        self.reasons.get(id.0 as usize)
    }

    /// Every interface with its id.
    pub fn interfaces(&self) -> impl Iterator<Item = (InterfaceId, &Interface)> {
        (0..).map(InterfaceId).zip(&self.interfaces)
    }

    /// An interface.
    #[must_use]
    pub fn interface(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.get(id.0 as usize)
    }

    /// The addresses of an interface, its primary one first. Delegated blocks are not among them.
    #[must_use]
    pub fn addresses(&self, interface: &Interface) -> &[Address] {
        slice(&self.addresses, &interface.addresses)
    }

    /// The groups an interface carries.
    #[must_use]
    pub fn groups(&self, interface: &Interface) -> &[Group] {
        slice(&self.groups, &interface.groups)
    }

    /// Whether an interface carries a group.
    #[must_use]
    pub fn carries(&self, interface: InterfaceId, group: Group) -> bool {
        self.interface(interface).is_some_and(|interface| self.groups(interface).contains(&group))
    }

    /// The interfaces that carry a group.
    #[must_use]
    pub fn carriers(&self, group: Group) -> impl ExactSizeIterator<Item = InterfaceId> + '_ {
        let start = self.carriers.partition_point(|(known, _)| *known < group);
        let rest = self.carriers.get(start..).unwrap_or_default();
        let end = rest.partition_point(|(known, _)| *known == group);
        rest.get(..end).unwrap_or_default().iter().map(|(_, interface)| *interface)
    }

    /// Interfaces that own `address`, privately or publicly, or hold it in a block delegated to them.
    ///
    /// Private addresses are unique only within a network, so there can be several.
    pub fn owners(&self, address: IpAddr) -> impl Iterator<Item = InterfaceId> + Clone + '_ {
        let delegated = self.delegated.iter().filter(move |(prefix, _)| prefix.contains(address)).map(|(_, id)| *id);
        self.by_address.get(&address).into_iter().flatten().copied().chain(delegated)
    }

    /// Interfaces that what comes from the internet for `address` is for: those with that public address, or with that
    /// address of IPv6 itself. A network may use public addresses privately, and those are not found from outside.
    pub fn public_owners(&self, address: IpAddr) -> impl Iterator<Item = InterfaceId> + Clone + '_ {
        self.owners(address).filter(move |id| {
            let listed = self.interface(*id).map(|interface| self.addresses(interface)).unwrap_or_default();
            let translated = listed.iter().any(|own| own.public == Some(address));
            let kept = listed.iter().all(|own| own.private != address || own.public.is_none());
            translated || (kept && address.is_ipv6() && AddressSet::internet().contains(address))
        })
    }

    /// Interfaces with this identifier, owner or label.
    #[must_use]
    pub fn called(&self, name: &str) -> &[InterfaceId] {
        self.names.find(name).and_then(|id| self.by_name.get(&id)).map_or(&[], Vec::as_slice)
    }

    /// A gate.
    #[must_use]
    pub fn gate(&self, id: GateId) -> Option<&Gate> {
        self.gates.get(id.0 as usize)
    }

    /// Every gate.
    pub fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter()
    }

    /// The rule lists of a gate in their order.
    pub fn lists<'a>(&'a self, gate: &'a Gate) -> impl Iterator<Item = (ListId, &'a RuleList)> {
        slice(&self.gate_lists, &gate.lists).iter().filter_map(|id| Some((*id, self.list(*id)?)))
    }

    /// A rule list.
    #[must_use]
    pub fn list(&self, id: ListId) -> Option<&RuleList> {
        self.lists.get(id.0 as usize)
    }

    /// Every rule list.
    pub fn all_lists(&self) -> impl Iterator<Item = (ListId, &RuleList)> {
        (0..).map(ListId).zip(&self.lists)
    }

    /// The rules of a list.
    #[must_use]
    pub fn rules(&self, list: &RuleList) -> &[Rule] {
        slice(&self.rules, &list.rules)
    }

    /// A rule.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.0 as usize)
    }

    /// What a rule that denies sends back, in words. Without any the packet is dropped in silence.
    #[must_use]
    pub fn answer(&self, id: RuleId) -> Option<&'static str> {
        self.answers.get(&id).copied()
    }

    /// A set of addresses.
    #[must_use]
    pub fn set(&self, id: SetId) -> Option<&AddressSet> {
        self.sets.get(id.0 as usize)
    }

    /// An IPv6 block.
    #[must_use]
    pub fn prefix(&self, id: PrefixId) -> Option<Prefix> {
        self.prefixes.get(id.0 as usize).copied()
    }

    /// The further conditions of a rule.
    #[must_use]
    pub fn narrow(&self, id: NarrowId) -> Option<&Narrow> {
        self.narrows.get(id.0 as usize)
    }
}

/// What tells gates over the same lists apart. The name does only where there is no list.
type GateKey = (&'static str, u8, Action, Side, Option<NameId>);

/// Builds a [`Network`].
#[derive(Debug, Default)]
pub struct NetworkBuilder {
    network: Network,
    gate_of: HashMap<(Vec<ListId>, GateKey), GateId>,
    set_of: HashMap<AddressSet, SetId>,
}

impl NetworkBuilder {
    /// An empty network.
    #[must_use]
    pub fn new(names: Names) -> Self {
        Self { network: Network { names, ..Network::default() }, ..Self::default() }
    }

    /// The identifiers.
    pub fn names(&mut self) -> &mut Names {
        &mut self.network.names
    }

    /// Notes what people call the thing with this identifier.
    pub fn label(&mut self, id: NameId, label: NameId) {
        self.network.labels.insert(id, label);
    }

    /// What was built so far.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Adds a reason.
    pub fn reason(&mut self, reason: Reason) -> ReasonId {
        self.network.reasons.push(reason);
        ReasonId(index(self.network.reasons.len() - 1))
    }

    /// Adds a set of addresses, or finds the same one again.
    pub fn set(&mut self, set: AddressSet) -> SetId {
        if let Some(id) = self.set_of.get(&set) {
            return *id;
        }
        let id = SetId(index(self.network.sets.len()));
        self.network.sets.push(set.clone());
        self.set_of.insert(set, id);
        id
    }

    /// The peer that stands for an address block.
    pub fn block(&mut self, prefix: Prefix) -> Peer {
        match prefix.first() {
            IpAddr::V4(base) => Peer::V4 { base: base.to_bits(), length: prefix.length() },
            IpAddr::V6(_) => {
                self.network.prefixes.push(prefix);
                Peer::V6(PrefixId(index(self.network.prefixes.len() - 1)))
            }
        }
    }

    /// Adds further conditions.
    pub fn narrow(&mut self, narrow: Narrow) -> NarrowId {
        self.network.narrows.push(narrow);
        NarrowId(index(self.network.narrows.len() - 1))
    }

    /// Adds a list of rules.
    pub fn list(
        &mut self,
        name: NameId,
        rules: impl IntoIterator<Item = Rule>,
        incomplete: Option<(Action, ReasonId)>,
    ) -> ListId {
        let start = index(self.network.rules.len());
        self.network.rules.extend(rules);
        let rules = start..index(self.network.rules.len());
        self.network.lists.push(RuleList { name, rules, incomplete });
        ListId(index(self.network.lists.len() - 1))
    }

    /// Notes what a rule that denies sends back.
    pub fn answer(&mut self, rule: RuleId, words: &'static str) {
        self.network.answers.insert(rule, words);
    }

    /// Adds a gate over `lists`, or finds the one of the same lists, layer, stage, default and side again.
    ///
    /// The name that a gate was first added with stays, except for gates without lists, which are called by it.
    pub fn gate(&mut self, lists: Vec<ListId>, gate: Gate) -> GateId {
        let name = lists.is_empty().then_some(gate.name);
        let key = (lists, (gate.layer.0, gate.stage, gate.default, gate.side, name));
        if let Some(id) = self.gate_of.get(&key) {
            return *id;
        }
        let start = index(self.network.gate_lists.len());
        self.network.gate_lists.extend(&key.0);
        let lists = start..index(self.network.gate_lists.len());
        self.network.gates.push(Gate { lists, ..gate });
        let id = GateId(index(self.network.gates.len() - 1));
        self.gate_of.insert(key, id);
        id
    }

    /// Adds an interface with its addresses, the blocks delegated to it, its groups, and further names to find it by.
    pub fn interface(
        &mut self,
        new: NewInterface,
        addresses: &[Address],
        delegated: &[Prefix],
        groups: &[Group],
    ) -> InterfaceId {
        let network = &mut self.network;
        let id = InterfaceId(index(network.interfaces.len()));
        let start = index(network.addresses.len());
        network.addresses.extend(addresses);
        let first_group = index(network.groups.len());
        network.groups.extend(groups);
        for address in addresses {
            network.by_address.entry(address.private).or_default().push(id);
            if let Some(public) = address.public.filter(|public| *public != address.private) {
                network.by_address.entry(public).or_default().push(id);
            }
        }
        network.delegated.extend(delegated.iter().map(|prefix| (*prefix, id)));
        let names = [Some(new.id), new.owner, new.label.filter(|label| Some(*label) != new.owner)];
        for name in names.into_iter().flatten() {
            network.by_name.entry(name).or_default().push(id);
        }
        network.interfaces.push(Interface {
            id: new.id,
            owner: new.owner,
            label: new.label,
            account: new.account,
            region: new.region,
            network: new.network,
            subnet: new.subnet,
            state: new.state,
            addresses: start..index(network.addresses.len()),
            groups: first_group..index(network.groups.len()),
        });
        id
    }

    /// The finished network.
    #[must_use]
    pub fn build(mut self) -> Network {
        let network = &mut self.network;
        let groups = network.interfaces.iter().map(|interface| slice(&network.groups, &interface.groups));
        let carriers = (0..).map(InterfaceId).zip(groups);
        network.carriers = carriers.flat_map(|(id, groups)| groups.iter().map(move |group| (*group, id))).collect();
        network.carriers.sort_unstable();
        network.carriers.dedup();
        self.network
    }
}

/// An interface to be added to a network.
#[derive(Clone, Copy, Debug)]
pub struct NewInterface {
    /// Its identifier.
    pub id: NameId,
    /// The machine or service it belongs to.
    pub owner: Option<NameId>,
    /// What people call the owner.
    pub label: Option<NameId>,
    /// Account, project or subscription.
    pub account: NameId,
    /// Region.
    pub region: NameId,
    /// The network it is in.
    pub network: NameId,
    /// The subnet it is in.
    pub subnet: NameId,
    /// Whether something behind it can answer.
    pub state: InterfaceState,
}
