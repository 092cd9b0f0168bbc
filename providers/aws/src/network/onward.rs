//! What a load balancer does with a connection that its interface took: one branch for each target.

use std::net::IpAddr;

use reachlint_model::{
    Crossing, Direction, Family, Hop, HopKind, Identity, InterfaceId, NameId, Note, Onward, Outcome, Packet, Path,
    PortRange, ReasonId,
};

use super::balancer::{Balancer, Behind, CrossZone, Health, Preserves, TargetFacts, TargetGroupFacts, TargetKind};
use super::code;
use super::compile::{AwsNetwork, SECURITY_GROUP};
use super::{LOAD_BALANCER, TARGET_GROUP, enter, fact, leave};

/// Source ports that nodes of a load balancer open connections from (ALB guide, network ACLs).
const NODE_PORTS: (u16, u16) = (1024, u16::MAX);
/// A load balancer may stand behind another one; more of them are a circle.
const MOST_BALANCERS: u8 = 2;

/// Whether a load balancer takes a packet that its interface got: a listener has to be there for it (Reachability
/// Analyzer, `ELBV2_LISTENERS_MISMATCH`, `ELB_LISTENERS_MISMATCH`).
pub(super) fn listen(balancer: &Balancer, packet: &Packet) -> Hop {
    let hop = |outcome, note| fact(LOAD_BALANCER, Direction::Ingress, balancer.name, outcome, note);
    let unknown = |reason, note| Hop { kind: HopKind::Opaque(reason), ..hop(Outcome::Pass, note) };
    if let Some(state) = balancer.failed {
        return hop(
            Outcome::Block,
            Note::new("the load balancer's state is {}, so it takes nothing").about(state).coded(code::BAD_STATE),
        );
    }
    if let Err(reason) = balancer.listeners {
        return unknown(reason, Note::new("which ports {} listens on").about(balancer.name));
    }
    let Some(listener) = balancer.listener(packet.protocol, packet.destination_ports) else {
        let note = balancer.heard.map_or(Note::new("the load balancer has no listener at all"), |heard| {
            let words = "no listener has that port and protocol; the load balancer listens on {}";
            Note::new(words).about(heard)
        });
        let word = if balancer.classic { code::ELB_LISTENERS_MISMATCH } else { code::ELBV2_LISTENERS_MISMATCH };
        return hop(Outcome::Block, note.coded(word));
    };
    let name = listener.name;
    match (listener.strange, listener.forwards, listener.groups.is_empty()) {
        (Some(reason), ..) => unknown(reason, Note::new("whether the listener {} takes it").about(name)),
        (None, false, _) => hop(Outcome::Pass, Note::new("the listener {} takes it and answers by itself").about(name)),
        (None, true, true) => {
            let note = Note::new("the listener {} sends to no target group").about(name);
            hop(Outcome::Block, note.coded(code::ELBV2_LISTENER_HAS_NO_TG))
        }
        (None, true, false) => hop(Outcome::Pass, Note::new("the listener {} takes it").about(name)),
    }
}

/// Lays the branches behind the load balancer that `at` is an interface of, if it is one.
pub(super) fn onward(aws: &AwsNetwork, crossing: &Crossing, at: InterfaceId, branches: &mut Vec<Onward>) {
    Balancing { aws, packet: crossing.packet, at, depth: 1 }.lay(branches);
}

struct Balancing<'a> {
    aws: &'a AwsNetwork,
    /// The connection as it came to the balancer.
    packet: Packet,
    /// The interface of the balancer that took it.
    at: InterfaceId,
    /// Load balancers so far.
    depth: u8,
}

/// A branch of hops that are known without laying a path.
fn short(hop: Hop, doubt: Option<Hop>) -> Onward {
    let mut path = Path::default();
    path.enter.hops.push(hop);
    Onward { path, doubt }
}

/// A hop at a target group.
fn group_hop(group: NameId, outcome: Outcome, note: Note) -> Hop {
    fact(TARGET_GROUP, Direction::Ingress, group, outcome, note)
}

/// A hop that says why a branch may not be taken.
fn doubt(group: NameId, reason: ReasonId) -> Hop {
    let note = Note::new("whether anything is sent there, to {}").about(group);
    Hop { kind: HopKind::Opaque(reason), ..group_hop(group, Outcome::Pass, note) }
}

/// Whether the name of a load balancer has the address of this node: where nodes send to their own zone only, a zone
/// needs a healthy target of each target group (AWS knowledge center, DNS of load balancers and cross-zone load
/// balancing). What is not known counts as healthy.
pub(super) fn is_named(aws: &AwsNetwork, balancer: &Balancer, node: InterfaceId) -> bool {
    let Some(zone) = aws.facts.get(node.0 as usize).map(|facts| facts.zone) else { return true };
    let Ok(listeners) = &balancer.listeners else { return true };
    let groups = listeners.iter().flat_map(|listener| &listener.groups);
    groups.filter_map(|id| aws.balancers.groups.get(id)).all(|group| {
        let crosses = match group.cross_zone {
            CrossZone::Own(crosses) => crosses,
            CrossZone::Inherited => balancer.cross_zone != Ok(false),
            CrossZone::Unread(_) => true,
        };
        let Ok(targets) = &group.targets else { return true };
        let here = |target: &TargetFacts| {
            let owner = || aws.network.owners(target.address?).next();
            let machine = || aws.network.called(aws.network.name(target.id)).first().copied();
            let of = |id: InterfaceId| aws.facts.get(id.0 as usize).map(|facts| facts.zone);
            let own = target.zone.or_else(|| owner().or_else(machine).and_then(of));
            own.is_none_or(|own| own == zone)
        };
        let countable = matches!(group.kind, TargetKind::Instance | TargetKind::Address);
        crosses
            || !countable
            || targets.iter().any(|target| matches!(target.health, Health::Healthy | Health::Unsure(_)) && here(target))
    })
}

impl Balancing<'_> {
    fn lay(&self, branches: &mut Vec<Onward>) {
        let aws = self.aws;
        let Some(Behind::Balancer(at)) = aws.facts.get(self.at.0 as usize).and_then(|facts| facts.behind) else {
            return;
        };
        let Some(balancer) = aws.balancers.all.get(at).filter(|balancer| balancer.failed.is_none()) else { return };
        let Some(listener) = balancer.listener(self.packet.protocol, self.packet.destination_ports) else { return };
        if listener.strange.is_some() || (!listener.forwards && listener.ruled.is_empty()) {
            return;
        }
        if !listener.forwards {
            let note = Note::new("the listener {} answers what no rule of it sends on").about(listener.name);
            branches.push(short(fact(LOAD_BALANCER, Direction::Ingress, balancer.name, Outcome::Pass, note), None));
        }
        for id in &listener.groups {
            self.group(balancer, *id, None, branches);
        }
        for (id, reason) in &listener.ruled {
            self.group(balancer, *id, Some(doubt(*id, *reason)), branches);
        }
    }

    fn group(&self, balancer: &Balancer, id: NameId, maybe: Option<Hop>, branches: &mut Vec<Onward>) {
        let Some(group) = self.aws.balancers.groups.get(&id) else { return };
        let block = |note: Note| short(group_hop(id, Outcome::Block, note.about(group.name)), maybe);
        let targets = match &group.targets {
            Ok(targets) => targets,
            Err(reason) => {
                let note = Note::new("what stands behind {}").about(group.name);
                let hop = Hop { kind: HopKind::Opaque(*reason), ..group_hop(id, Outcome::Pass, note) };
                branches.push(short(hop, maybe));
                return;
            }
        };
        if targets.is_empty() {
            let note = Note::new("no target is registered in the target group {}");
            branches.push(block(note.coded(code::ELBV2_LISTENER_HAS_NO_TG)));
            return;
        }
        let passing = |target: &&TargetFacts| matches!(target.health, Health::Healthy | Health::Unsure(_));
        let fails_open = !targets.iter().any(|target| passing(&target));
        let usable = || {
            let failing = |target: &&TargetFacts| fails_open && matches!(target.health, Health::Unhealthy(_));
            targets.iter().filter(move |target| passing(target) || failing(target))
        };
        if usable().next().is_none() {
            branches.push(block(Note::new("no target of the target group {} is in use")));
            return;
        }
        match group.kind {
            TargetKind::Function => {
                let note = Note::new("a function of the target group {} answers").about(group.name);
                branches.push(short(group_hop(id, Outcome::Pass, note), maybe));
                return;
            }
            TargetKind::Opaque(reason) => {
                let note = Note::new("what the targets of {} are").about(group.name);
                let hop = Hop { kind: HopKind::Opaque(reason), ..group_hop(id, Outcome::Pass, note) };
                branches.push(short(hop, maybe));
                return;
            }
            TargetKind::Instance | TargetKind::Address => {}
        }
        let crosses = match group.cross_zone {
            CrossZone::Own(crosses) => Ok(crosses),
            CrossZone::Inherited => balancer.cross_zone,
            CrossZone::Unread(reason) => Err(reason),
        };
        let here = self.aws.facts.get(self.at.0 as usize).map(|facts| facts.zone);
        let before = branches.len();
        for target in usable() {
            let address = self.address(group, target);
            let zone = target.zone.or_else(|| self.zone(address?));
            let zoned = match crosses {
                _ if zone == here => None,
                Ok(true) => None,
                Ok(false) if zone.is_some() => continue,
                Ok(false) => Some(doubt(id, self.aws.unread_target)),
                Err(reason) => Some(doubt(id, reason)),
            };
            let unsure = match target.health {
                Health::Unsure(reason) | Health::Unhealthy(reason) => Some(doubt(id, reason)),
                Health::Healthy | Health::Unused => None,
            };
            self.target(balancer, (id, group), target, address, maybe.or(zoned).or(unsure), branches);
        }
        if branches.len() == before {
            // Reachability Analyzer, `ELBV2_NO_TARGETS_IN_AZ` and `ELB_NOT_CROSSZONE`.
            let words = "no healthy target of the target group {} is in the zone of this address, and nodes send to \
                         their own zone only";
            let word = if balancer.classic { code::ELB_NOT_CROSSZONE } else { code::ELBV2_NO_TARGETS_IN_AZ };
            branches.push(block(Note::new(words).coded(word)));
        }
    }

    /// The address that a target is reached at: a machine at the first one of its primary interface (NLB guide,
    /// register targets).
    fn address(&self, group: &TargetGroupFacts, target: &TargetFacts) -> Option<IpAddr> {
        if !matches!(group.kind, TargetKind::Instance) {
            return target.address;
        }
        let network = &self.aws.network;
        let of = network.called(network.name(target.id)).iter().copied().find(|id| {
            let facts = self.aws.facts.get(id.0 as usize);
            facts.is_some_and(|facts| facts.instance == Some(target.id) && facts.device_index == 0)
        })?;
        network.addresses(network.interface(of)?).first().map(|address| address.private)
    }

    fn zone(&self, address: IpAddr) -> Option<NameId> {
        let owner = self.owner(address)?;
        self.aws.facts.get(owner.0 as usize).map(|facts| facts.zone)
    }

    /// The interface of an address in the balancer's VPC.
    fn owner(&self, address: IpAddr) -> Option<InterfaceId> {
        let vpc = self.aws.network.interface(self.at)?.network;
        self.aws.owner_in(vpc, address).ok()
    }

    fn target(
        &self,
        balancer: &Balancer,
        (id, group): (NameId, &TargetGroupFacts),
        target: &TargetFacts,
        address: Option<IpAddr>,
        maybe: Option<Hop>,
        branches: &mut Vec<Onward>,
    ) {
        let known = address.filter(|address| self.aws.network.owners(*address).next().is_some());
        let (Some(address), Some(port)) = (known, target.port) else {
            let note = Note::new("who the target {} is").about(target.id);
            let hop = Hop { kind: HopKind::Opaque(self.aws.unread_target), ..group_hop(id, Outcome::Pass, note) };
            branches.push(short(hop, maybe));
            return;
        };
        let mode = if balancer.application { Preserves::Known(false) } else { group.preserves };
        let (first, second) = match mode {
            Preserves::Known(preserved) => (preserved, None),
            Preserves::Assumed(preserved, reason) => (preserved, Some((!preserved, reason))),
        };
        branches.push(Onward { path: self.branch(id, address, port, first), doubt: maybe });
        if let Some((preserved, reason)) = second {
            let doubt = maybe.or(Some(doubt(id, reason)));
            branches.push(Onward { path: self.branch(id, address, port, preserved), doubt });
        }
    }

    fn branch(&self, group: NameId, to: IpAddr, port: u16, preserved: bool) -> Path {
        let mut path = Path::default();
        // A target of the other family sees the load balancer's address in any case (NLB guide, client IP preservation).
        let preserved = preserved && Family::of(self.packet.source) == Family::of(to);
        let note = if preserved {
            Note::new("the destination becomes {address}, and the source stays the client's")
        } else {
            Note::new("the load balancer connects to {address}")
        };
        let kind = HopKind::Translation(Outcome::Pass);
        path.leave.hops.push(Hop { kind, ..group_hop(group, Outcome::Pass, note.at(to)) });
        let hidden = preserved && self.packet.source_identity == Identity::Hidden;
        let has_groups =
            self.aws.network.interface(self.at).is_some_and(|own| !self.aws.network.groups(own).is_empty());
        if hidden && has_groups {
            let note = Note::new("whether rules at {address} mean the load balancer or the client").at(to);
            path.enter
                .hops
                .push(Hop { kind: HopKind::Opaque(self.aws.hidden_client), ..group_hop(group, Outcome::Pass, note) });
            return path;
        }
        let packet = Packet {
            destination: to,
            destination_ports: PortRange::single(port),
            source_identity: if hidden { Identity::Hidden } else { Identity::Interface(self.at) },
            destination_identity: Identity::Nobody,
            ..self.packet
        };
        if preserved {
            self.pass_on(group, packet, &mut path);
        } else {
            self.connect(group, packet, &mut path);
        }
        path
    }

    /// A new connection from the node's own address.
    fn connect(&self, group: NameId, packet: Packet, path: &mut Path) {
        let network = &self.aws.network;
        let family = Family::of(packet.destination);
        let own = network.interface(self.at).and_then(|interface| {
            let mut own = network.addresses(interface).iter().map(|address| address.private);
            own.find(|address| Family::of(*address) == family)
        });
        let Some(source) = own else {
            let note = Note::new("the load balancer has no address of that family to connect to {address} from");
            path.enter.hops.push(group_hop(group, Outcome::Block, note.at(packet.destination)));
            return;
        };
        let source_ports = PortRange::new(NODE_PORTS.0, NODE_PORTS.1).unwrap_or(PortRange::ALL);
        let packet = Packet { source, source_ports, ..packet };
        let crossing = leave::leave(self.aws, self.at, &packet, &mut path.leave);
        self.outbound_acl(&crossing, path);
        let arrival = enter::enter(self.aws, &crossing, &mut path.enter);
        if let Some(at) = arrival.interface {
            path.end = Some((at, arrival.packet));
            self.again(group, crossing.packet, at, path);
        }
    }

    /// A Classic Load Balancer asks the network ACL of its subnet also on the way to a machine in the same subnet
    /// (Reachability Analyzer, `ELB_ACL_RESTRICTION`).
    fn outbound_acl(&self, crossing: &Crossing, path: &mut Path) {
        let Some(Behind::Balancer(at)) = self.aws.facts.get(self.at.0 as usize).and_then(|facts| facts.behind) else {
            return;
        };
        let subnet = |id: InterfaceId| self.aws.network.interface(id).map(|interface| interface.subnet);
        let classic = self.aws.balancers.all.get(at).is_some_and(|balancer| balancer.classic);
        if let Some(own) = subnet(self.at).filter(|own| classic && crossing.destination.and_then(subnet) == Some(*own))
        {
            let hop = self.aws.acl_hop(own, true, Direction::Egress, crossing.packet);
            let note = Note::new("the way out of a Classic Load Balancer").coded(code::ELB_ACL_RESTRICTION);
            path.leave.hops.push(Hop { note: Some(note), ..hop });
        }
    }

    /// The client's own connection: the target sees its address. Its groups are not seen, but those of the load
    /// balancer are (NLB guide, security groups), and no route back is needed, as answers go through the load
    /// balancer.
    fn pass_on(&self, group: NameId, packet: Packet, path: &mut Path) {
        let aws = self.aws;
        let (Some(to), Some(own)) = (self.owner(packet.destination), aws.network.interface(self.at)) else {
            let note = Note::new("who has {address}").at(packet.destination);
            let kind = HopKind::Opaque(aws.unread_target);
            path.enter.hops.push(Hop { kind, ..group_hop(group, Outcome::Pass, note) });
            return;
        };
        // The machine would get a packet from itself (NLB guide, troubleshooting).
        if packet.source == packet.destination {
            let note = Note::new(
                "{address} is the client itself, which cannot be its own target: it sees its own \
                                  address as the source and drops the packet",
            );
            path.enter.hops.push(group_hop(group, Outcome::Block, note.at(packet.source)));
            return;
        }
        let packet = Packet { destination_identity: Identity::Interface(to), ..packet };
        if let Some(gate) = aws.facts.get(self.at.0 as usize).and_then(|facts| facts.egress) {
            let kind = HopKind::Gate { gate, packet };
            let (layer, direction) = (SECURITY_GROUP, Direction::Egress);
            path.leave.hops.push(Hop { kind, layer, direction, subject: own.id, note: None });
        }
        if aws.network.interface(to).is_none_or(|interface| interface.subnet != own.subnet) {
            path.leave.hops.push(aws.acl_hop(own.subnet, true, Direction::Egress, packet));
            path.leave.returns.push(aws.acl_hop(own.subnet, false, Direction::Return, packet.reply()));
        }
        enter::hand_over(aws, packet, to, own.subnet, &mut path.enter);
        path.end = Some((to, packet));
        self.again(group, packet, to, path);
    }

    /// The target may be an interface of a load balancer too.
    fn again(&self, group: NameId, packet: Packet, at: InterfaceId, path: &mut Path) {
        let behind = self.aws.facts.get(at.0 as usize).and_then(|facts| facts.behind);
        if !matches!(behind, Some(Behind::Balancer(_))) {
            return;
        }
        if self.depth >= MOST_BALANCERS {
            let note = Note::new("a chain of load balancers goes on at {address}").at(packet.destination);
            let kind = HopKind::Opaque(self.aws.unread_target);
            path.enter.hops.push(Hop { kind, ..group_hop(group, Outcome::Pass, note) });
            return;
        }
        Balancing { aws: self.aws, packet, at, depth: self.depth + 1 }.lay(&mut path.onward);
    }
}
