//! What a packet meets on a host.

use std::net::IpAddr;

use reachlint_model::{
    Direction, Family, Half, Hop, HopKind, InterfaceId, Layer, Note, Outcome, Packet, PortRange, Protocol, ReasonId,
};

use super::compile::NFTABLES;
use super::hosts::{Filter, HostFacts, Hosts, LISTENER, Point, TRANSLATION};
use super::translate::Translated;
use crate::records::{Bound, Families, Hook};

/// What is said of gates for the packets behind the first one.
pub const FOLLOWING: Note = Note::new("of the packets that follow the first one: ");

/// Destinations are translated here (`NF_IP_PRI_NAT_DST`, `netfilter_ipv4.h`).
const TRANSLATING: i64 = -100;

impl Hosts {
    /// What a new connection meets on its own host, and its answer on the way back.
    ///
    /// With `inside` it goes to the host itself.
    pub fn leave(&self, at: (usize, InterfaceId), packet: &Packet, inside: bool, half: &mut Half) {
        let Some(joined) = self.of.get(&at) else { return };
        let host = match joined {
            Ok(host) => self.hosts.get(*host),
            Err(reason) => return half.hops.push(self.ambiguous(*reason, Direction::Egress)),
        };
        let Some(host) = host else { return };
        Meeting { host, packet: *packet, half, direction: Direction::Egress }.leave(self, inside);
    }

    /// What a new connection meets on the host that it arrives at, and its answer.
    pub fn enter(&self, at: (usize, InterfaceId), packet: &Packet, inside: bool, half: &mut Half) {
        let Some(joined) = self.of.get(&at) else { return };
        let host = match joined {
            Ok(host) => self.hosts.get(*host),
            Err(reason) => return half.hops.push(self.ambiguous(*reason, Direction::Ingress)),
        };
        let Some(host) = host else { return };
        Meeting { host, packet: *packet, half, direction: Direction::Ingress }.enter(self, inside);
    }

    fn ambiguous(&self, reason: ReasonId, direction: Direction) -> Hop {
        let kind = HopKind::UnreadGate(reason);
        Hop { kind, layer: NFTABLES, direction, subject: self.words.nobody, note: None }
    }
}

struct Meeting<'a> {
    host: &'a HostFacts,
    packet: Packet,
    half: &'a mut Half,
    direction: Direction,
}

/// The device of an address of the host. What goes to the host itself takes the loopback device, whatever its address.
fn device(host: &HostFacts, address: IpAddr, inside: bool) -> Option<&Point> {
    if inside || address.is_loopback() {
        return host.points.iter().find(|point| point.device == "lo");
    }
    host.points.iter().find(|point| point.addresses.contains(&address))
}

impl Meeting<'_> {
    fn leave(&mut self, hosts: &Hosts, inside: bool) {
        self.unread();
        let host = self.host;
        let Some(point) = device(host, self.packet.source, inside) else { return self.nowhere(hosts) };
        match point.output.of(&self.packet) {
            Translated::No => {}
            Translated::Unknown(reason) => return self.translated(reason),
            Translated::Redirect(_) => return self.translated(hosts.words.redirected),
        }
        if let Translated::Unknown(reason) = point.postrouting.of(&self.packet) {
            return self.translated(reason);
        }
        let packet = self.packet;
        self.gates(&point.leaving, packet, false);
        self.rest(&point.rest_out, packet, packet);
        self.gates(&point.answers_in, packet.reply(), true);
    }

    fn enter(&mut self, hosts: &Hosts, inside: bool) {
        self.unread();
        let host = self.host;
        let Some(point) = device(host, self.packet.destination, inside) else { return self.nowhere(hosts) };
        if let Some(reason) = point.program {
            self.hop(HopKind::Opaque(reason), NFTABLES, None);
        }
        let first = self.packet;
        let packet = first;
        let (before, behind) = point.entering.split_at(point.entering.partition_point(|filter| filter.is_before));
        self.gates(before, packet, false);
        match point.prerouting.of(&packet) {
            Translated::No => {}
            Translated::Unknown(reason) => return self.translated(reason),
            Translated::Redirect(port) => {
                self.packet.destination_ports = port.map_or(packet.destination_ports, PortRange::single);
                let note = Note::new("a rule of the host sends it to another port of the same host");
                self.hop(HopKind::Translation(Outcome::Pass), TRANSLATION, Some(note));
            }
        }
        let packet = self.packet;
        self.gates(behind, packet, false);
        self.listener(hosts, point, packet);
        self.rest(&point.rest_in, first, packet);
        self.gates(&point.answers_out, packet.reply(), true);
    }

    /// What of the firewall was not read. Whatever else decides, it may refuse too.
    fn unread(&mut self) {
        let host = self.host;
        for unread in host.unread.iter().filter(|unread| holds(unread.families, self.packet.destination)) {
            let hop = Hop {
                kind: HopKind::UnreadGate(unread.reason),
                layer: unread.layer,
                direction: self.direction,
                subject: host.name,
                note: None,
            };
            self.half.hops.push(hop);
        }
    }

    /// Gates in the order of the packet; those of an answer are noted the other way round.
    fn gates(&mut self, filters: &[Filter], packet: Packet, back: bool) {
        let direction = if back { Direction::Return } else { self.direction };
        let applying = |filter: &&Filter| holds(filter.families, packet.destination);
        let hop = |filter: &Filter| Hop {
            kind: HopKind::Gate { gate: filter.gate, packet },
            layer: filter.layer,
            direction,
            subject: filter.subject,
            note: None,
        };
        if back {
            self.half.returns.extend(filters.iter().rev().filter(applying).map(hop));
        } else {
            self.half.hops.extend(filters.iter().filter(applying).map(hop));
        }
    }

    /// The packets that follow the first one, for which connection tracking has another state. A ruleset that lets only
    /// new ones in opens connections that stand still.
    fn rest(&mut self, filters: &[Filter], before: Packet, behind: Packet) {
        for filter in filters.iter().filter(|filter| holds(filter.families, behind.destination)) {
            let packet = if filter.is_before { before } else { behind };
            self.hop(HopKind::Gate { gate: filter.gate, packet }, filter.layer, Some(FOLLOWING));
            if let Some(hop) = self.half.hops.last_mut() {
                hop.subject = filter.subject;
            }
        }
    }

    fn hop(&mut self, kind: HopKind, layer: Layer, note: Option<Note>) {
        self.half.hops.push(Hop { kind, layer, direction: self.direction, subject: self.host.name, note });
    }

    fn translated(&mut self, reason: ReasonId) {
        self.hop(HopKind::Opaque(reason), TRANSLATION, None);
    }

    /// An address that the host does not have itself: it passes such packets on, or throws them away.
    fn nowhere(&mut self, hosts: &Hosts) {
        let at = if self.direction == Direction::Ingress { self.packet.destination } else { self.packet.source };
        let note = Note::new("whose {address} is").at(at);
        self.hop(HopKind::Opaque(hosts.words.passes_on), TRANSLATION, Some(note));
    }

    /// Whether somebody takes the connection.
    fn listener(&mut self, hosts: &Hosts, point: &Point, packet: Packet) {
        let host = self.host;
        let sockets = match &host.sockets {
            Ok(sockets) => sockets,
            Err(reason) => return self.hop(HopKind::Opaque(*reason), LISTENER, None),
        };
        let (to, port) = (packet.destination, packet.destination_ports.first());
        let mut elsewhere = None;
        let mut perhaps = None;
        for socket in sockets.iter().filter(|socket| socket.protocol == packet.protocol && socket.port == port) {
            let address = match (socket.bound, Family::of(to)) {
                (Bound::One(address), _) => Some(address == to),
                (Bound::AnyV4, family) => Some(family == Family::V4),
                (Bound::AnyV6(_), Family::V6) => Some(true),
                (Bound::AnyV6(both), Family::V4) => both,
            };
            let device = socket.device.as_ref().is_none_or(|device| *device == point.device);
            match (address, device) {
                (Some(true), true) if host.knows_devices => {
                    let note = Note::new("{} takes it").about(socket.name);
                    return self.hop(HopKind::Route(Outcome::Pass), LISTENER, Some(note));
                }
                (Some(true) | None, true) => perhaps = perhaps.or(Some(socket)),
                _ => elsewhere = elsewhere.or(Some(socket.name)),
            }
        }
        if let Some(socket) = perhaps {
            let reason = if host.knows_devices { hosts.words.both_families } else { hosts.words.any_device };
            let note = Note::new("whether {} takes it").about(socket.name);
            return self.hop(HopKind::Opaque(reason), LISTENER, Some(note));
        }
        let words = match (elsewhere, packet.protocol) {
            (Some(_), _) => {
                "nothing listens on that port of {address}, where a new connection is refused at once (111: Connection \
                 refused); only {} listens"
            }
            (None, Protocol::UDP) => {
                "nothing on {} listens on that port of {address}: what is sent there is refused (111)"
            }
            (None, _) => {
                "nothing on {} listens on that port of {address}: a new connection is refused at once (111: Connection \
                 refused)"
            }
        };
        let note = Note::new(words).about(elsewhere.unwrap_or(host.name)).at(to);
        self.hop(HopKind::Route(Outcome::Block), LISTENER, Some(note));
    }
}

fn holds(families: Families, address: IpAddr) -> bool {
    match families {
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    }
}

/// Whether a filter is asked before destinations are translated.
pub(super) fn is_before(hook: Hook, priority: i64) -> bool {
    hook == Hook::Ingress || (hook == Hook::Prerouting && priority < TRANSLATING)
}
