//! The network that Google Cloud's evidence describes, and the paths through it.
//!
//! Facts about Google Cloud carry the document they come from; *Connectivity Tests* is the reference of that service with
//! its causes for drops (`networkmanagement.v1`, `DropInfo.Cause`).

mod admit;
#[cfg(feature = "live")]
mod ask;
mod balancer;
mod balancing;
mod choose;
mod compile;
mod enter;
mod estate;
mod exposure;
mod facts;
mod filters;
mod leave;
mod names;
mod onward;
mod rules;
mod vpc;
mod zones;

use std::net::IpAddr;

use reachlint_model::{
    Arrival, Cloud, Crossing, Direction, Exposure, Family, Fix, Half, Hop, HopKind, InterfaceId, Layer, ListId, Lookup,
    NameId, Network, Note, Onward, Outcome, Packet, Provider, ReasonId, Remedy, RuleId, Selector,
};

#[cfg(feature = "live")]
pub(crate) use ask::Asked;
pub(crate) use choose::NO_CUSTOM_ROUTES;
pub use compile::GcpNetwork;
pub(crate) use compile::Named;
pub use estate::Estate;
#[cfg(feature = "live")]
pub(crate) use estate::NOT_ASKED;
pub(crate) use filters::{CLASSIC, GLOBAL, HIERARCHICAL, IMPLIED, REGIONAL, Stage};
pub(crate) use leave::NO_GLOBAL_ACCESS;

use compile::{Facts, Kind};

/// Delivery inside the machine itself.
const LOOPBACK: Layer = Layer("host.local");
/// A route of a network.
pub(crate) const ROUTE: Layer = Layer("gcp.route");
/// A peering of two networks.
pub(crate) const PEERING: Layer = Layer("gcp.peering");
/// Cloud NAT.
pub(crate) const NAT: Layer = Layer("gcp.nat");
/// An external address of a machine, and the way to the internet.
pub(crate) const EXTERNAL: Layer = Layer("gcp.external-address");
/// What is said of effective firewalls that are not those of the listing.
const EFFECTIVE: Layer = Layer("gcp.effective-firewalls");
/// Traffic that no rule can allow or refuse.
pub(crate) const ALWAYS: Layer = Layer("gcp.always-blocked");
/// Whether the machine runs.
pub(crate) const INSTANCE_STATE: Layer = Layer("gcp.instance-state");
/// A forwarding rule with what is behind it.
pub(crate) const LOAD_BALANCER: Layer = Layer("gcp.load-balancer");
/// The backends of a load balancer.
pub(crate) const BACKEND: Layer = Layer("gcp.backend");
/// Probes of a load balancer.
pub(crate) const HEALTH_CHECK: Layer = Layer("gcp.health-check");
/// An endpoint of Private Service Connect.
pub(crate) const ENDPOINT: Layer = Layer("gcp.service-connect");
/// A service of Google Cloud that has no interface.
const SERVICE: Layer = Layer("gcp.service");
/// Something that is not modelled, or not in the evidence.
const OPAQUE: Layer = Layer("gcp.opaque");

/// A hop whose outcome is known without asking rules.
fn fact(layer: Layer, direction: Direction, subject: NameId, outcome: Outcome, note: Note) -> Hop {
    Hop { kind: HopKind::Route(outcome), layer, direction, subject, note: Some(note) }
}

/// A hop whose inside is not known.
fn opaque(direction: Direction, subject: NameId, reason: ReasonId, note: Note) -> Hop {
    Hop { kind: HopKind::Opaque(reason), layer: OPAQUE, direction, subject, note: Some(note) }
}

/// What is to be said before the gates of an interface: that Google's own answer and the listing do not go together.
fn remark(facts: &Facts, interface: NameId, direction: Direction) -> Option<Hop> {
    let names = facts.differs?;
    let note = Note::new(
        "the machine's effective firewalls, which count here, and the listing of VPC firewall rules differ in {}, so one of \
         them is older",
    );
    Some(fact(EFFECTIVE, direction, interface, Outcome::Pass, note.about(names)))
}

/// Adds the gates of a chain for a packet.
fn pass_gates(chain: &[Stage], packet: Packet, direction: Direction, hops: &mut Vec<Hop>) {
    hops.extend(chain.iter().map(|stage| Hop {
        kind: HopKind::Gate { gate: stage.gate, packet },
        layer: stage.layer,
        direction,
        subject: stage.subject,
        note: None,
    }));
}

impl GcpNetwork {
    /// The interface of a network that owns a packet's destination. Forwarding rules may share an address, and then the
    /// one for the packet's port counts (load balancing, shared addresses).
    fn owner_in(&self, network: &str, packet: &Packet) -> Result<InterfaceId, ReasonId> {
        let to = packet.destination;
        let here = |id: &InterfaceId| self.facts_of(*id).is_some_and(|facts| facts.network == network);
        let private = |id: &InterfaceId| self.owns_privately(*id, to);
        match self.one_of(self.network.owners(to).filter(here).filter(private), packet) {
            Some(owner) => owner,
            None => Err(self.vpcs.get(network).map_or(self.reasons.outside, |vpc| vpc.unowned)),
        }
    }

    /// Of several owners of one address the one that takes a packet, if that can be told.
    fn one_of(
        &self,
        owners: impl Iterator<Item = InterfaceId> + Clone,
        packet: &Packet,
    ) -> Option<Result<InterfaceId, ReasonId>> {
        let mut all = owners.clone();
        let first = all.next()?;
        if all.next().is_none() {
            return Some(Ok(first));
        }
        let mut balancers = owners.clone().filter_map(|id| match self.facts_of(id)?.kind {
            Kind::Balancer(at) => Some((id, self.balancers.get(at)?)),
            _ => None,
        });
        if balancers.clone().count() < owners.count() {
            return Some(Err(self.reasons.ambiguous));
        }
        let takes = balancers.find(|(_, balancer)| balancer.takes(packet.protocol, packet.destination_ports));
        Some(Ok(takes.map_or(first, |(id, _)| id)))
    }

    /// Whether an address is one of an interface's own inside its network, alone or in an alias range.
    fn owns_privately(&self, id: InterfaceId, address: IpAddr) -> bool {
        let Some(interface) = self.network.interface(id) else { return false };
        let listed = self.network.addresses(interface);
        let own = listed.iter().any(|known| known.private == address);
        let external = matches!(self.facts_of(id).map(|facts| facts.kind), Some(Kind::Balancer(at))
            if self.balancers.get(at).is_some_and(|balancer| balancer.is_external));
        !external && (own || !listed.iter().any(|known| known.public == Some(address)))
    }

    /// The interfaces and forwarding rules that what comes from the internet for an address is for.
    fn public_owners(&self, public: IpAddr) -> impl Iterator<Item = InterfaceId> + Clone + '_ {
        let owners = self.network.owners(public);
        owners.filter(move |id| match self.facts_of(*id).map(|facts| facts.kind) {
            Some(Kind::Balancer(at)) => self.balancers.get(at).is_some_and(|balancer| balancer.is_external),
            _ => self.network.public_owners(public).any(|translated| translated == *id),
        })
    }

    /// The block that is no interface's own and holds an address that nginx may have.
    fn range_of(&self, address: IpAddr) -> impl Iterator<Item = InterfaceId> + '_ {
        let holding = self.ranges.iter().filter(move |(_, prefix, _)| prefix.contains(address));
        holding.map(|(.., id)| *id)
    }
}

impl Provider for GcpNetwork {
    fn cloud(&self) -> Cloud {
        Cloud::Gcp
    }

    fn network(&self) -> &Network {
        &self.network
    }

    fn select(&self, selector: &Selector) -> Vec<InterfaceId> {
        let mut found: Vec<InterfaceId> = match selector {
            Selector::Itself => Vec::new(),
            Selector::Address(address) => {
                // What begins in an alias range begins at the range, not at the primary address of the interface.
                let ranges: Vec<InterfaceId> = self.range_of(*address).collect();
                if ranges.is_empty() { self.network.owners(*address).collect() } else { ranges }
            }
            Selector::Name(name) => {
                let named = self.network.called(name).iter().copied();
                let path = crate::records::path(name);
                named.chain(self.aliases.get(path).into_iter().flatten().copied()).collect()
            }
            Selector::Tag { key, value } => self.labels.get(&(key.clone(), value.clone())).cloned().unwrap_or_default(),
        };
        found.sort_unstable_by_key(|id| {
            let index = match self.facts_of(*id).map(|facts| facts.kind) {
                Some(Kind::Nic { index, .. }) => index,
                _ => 0,
            };
            let name = self.network.interface(*id).map(|interface| self.network.name(interface.id));
            (index, name, *id)
        });
        found.dedup();
        found
    }

    fn lookup(&self, from: InterfaceId, host: &str) -> Lookup {
        zones::answer(self, from, host)
    }

    fn source_address(&self, from: InterfaceId, destination: IpAddr) -> Option<IpAddr> {
        let family = Family::of(destination);
        match self.facts_of(from)?.kind {
            Kind::Range { prefix, .. } => (prefix.family() == family).then(|| prefix.first()),
            _ => self.primary(from, family),
        }
    }

    fn sender(&self, from: InterfaceId, address: IpAddr) -> Option<IpAddr> {
        match self.facts_of(from)?.kind {
            Kind::Range { prefix, .. } => prefix.contains(address).then_some(address),
            _ => None,
        }
    }

    fn code(&self, hop: &Hop, undecided: bool, _: Option<InterfaceId>) -> Option<&'static str> {
        match hop.kind {
            // The cause that Connectivity Tests has for every rule and policy, implied ones among them.
            HopKind::Gate { .. } if !undecided => Some("FIREWALL_RULE"),
            _ => hop.note.and_then(|note| note.code),
        }
    }

    fn answers(&self, public: IpAddr) -> bool {
        self.public_owners(public).next().is_some()
    }

    fn leave(&self, from: InterfaceId, packet: &Packet, half: &mut Half) -> Crossing {
        leave::leave(self, from, packet, half)
    }

    fn enter(&self, crossing: &Crossing, half: &mut Half) -> Arrival {
        enter::enter(self, crossing, half)
    }

    fn onward(&self, crossing: &Crossing, at: InterfaceId, branches: &mut Vec<Onward>) {
        onward::onward(self, crossing, at, branches);
    }

    fn exposure(&self, interface: InterfaceId, address: IpAddr) -> Exposure {
        exposure::exposure(self, interface, address)
    }

    fn remedy(&self, fix: Fix, hop: &Hop, list: Option<ListId>, rule: Option<RuleId>) -> Option<Remedy> {
        crate::remedy::remedy(self, fix, hop, list, rule)
    }
}
