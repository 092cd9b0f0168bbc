//! Which way a packet takes out of its network.

use std::net::IpAddr;

use reachlint_model::{Family, NameId, Note, Packet, ReasonId};

use super::GcpNetwork;
use super::compile::{Facts, is_private};
use super::filters::Known;
use super::vpc::{NextHop, Peering, Route, Vpc};

/// What is said of a peering that keeps its custom routes.
pub(crate) const NO_CUSTOM_ROUTES: &str = "the peering {} does not exchange custom routes, so none leads to {address}";

/// The way that was chosen.
pub(super) enum Way<'a> {
    /// A subnet of the network itself.
    Local(NameId),
    /// Over a peering.
    Peering(&'a Peering),
    /// By a custom route of the network.
    Custom(&'a Route),
    /// By a custom route that a peered network hands over.
    Imported(&'a Peering, &'a Route),
    /// By a route that looks at more than the destination.
    Policy(NameId),
    /// Nothing leads there, and why.
    None(NameId, Note),
    /// What may lead there was not read.
    Unread(ReasonId),
}

impl GcpNetwork {
    /// Routes that look at more come first, then those of subnets, which nothing overrides, then custom ones by the
    /// longest block and the lowest priority (VPC, routes, applicability and order).
    pub(super) fn choose<'a>(&'a self, vpc: &'a Vpc, facts: &Facts, packet: &Packet) -> Way<'a> {
        let to = packet.destination;
        if let Some(route) = policy_route(vpc, facts, packet) {
            return Way::Policy(route);
        }
        let own = vpc.subnets.iter().flat_map(|subnet| subnet.blocks.iter().map(move |block| (block, subnet)));
        let own = own.filter(|(block, _)| block.contains(to)).max_by_key(|(block, _)| block.length());
        let peered = self.peered(vpc, to);
        match (own, &peered) {
            (Some((block, subnet)), Some((other, _))) if block.length() >= other.length() => {
                return Way::Local(subnet.name);
            }
            (Some((_, subnet)), None) => return Way::Local(subnet.name),
            (_, Some((_, peering))) => return Way::Peering(peering),
            (None, None) => {}
        }
        if let Some(reason) = vpc.unread_subnets.filter(|_| is_private(to) || Family::of(to) == Family::V6) {
            return Way::Unread(reason);
        }
        if let Some(reason) = vpc.unread_peerings.filter(|_| is_private(to)) {
            return Way::Unread(reason);
        }
        self.custom(vpc, facts, to)
    }

    /// The peering whose subnets hold an address. Subnets are always exchanged, except for IPv6 and for public addresses
    /// in private use, where both sides have to say so (VPC Network Peering, route exchange).
    fn peered<'a>(&'a self, vpc: &'a Vpc, to: IpAddr) -> Option<(reachlint_model::Prefix, &'a Peering)> {
        let mut best: Option<(reachlint_model::Prefix, &Peering)> = None;
        for peering in &vpc.peerings {
            let known = self.vpcs.get(&peering.network).map(|peer| &peer.subnets);
            let blocks = known.into_iter().flatten().flat_map(|subnet| &subnet.blocks).chain(&peering.ranges);
            for block in blocks.filter(|block| block.contains(to)) {
                if best.is_none_or(|(known, _)| block.length() > known.length()) && self.exchanges(peering, vpc, to) {
                    best = Some((*block, peering));
                }
            }
        }
        best
    }

    /// Whether a peering exchanges the subnets around an address at all, were it active.
    fn exchanges(&self, peering: &Peering, vpc: &Vpc, to: IpAddr) -> bool {
        if Family::of(to) == Family::V6 || is_private(to) || peering.ranges.iter().any(|range| range.contains(to)) {
            return true;
        }
        let other = self.back(peering, vpc);
        peering.imports_public && other.is_none_or(|other| other.exports_public)
    }

    /// The other side of a peering, where the evidence has it.
    fn back(&self, peering: &Peering, vpc: &Vpc) -> Option<&Peering> {
        let peer = self.vpcs.get(&peering.network)?;
        peer.peerings.iter().find(|back| self.vpcs.get(&back.network).is_some_and(|own| own.name == vpc.name))
    }

    fn custom<'a>(&'a self, vpc: &'a Vpc, facts: &Facts, to: IpAddr) -> Way<'a> {
        let mut best: Option<(&Route, Option<&Peering>)> = None;
        let mut tagged: Option<&Route> = None;
        let mut unread = None;
        let mut consider = |route: &'a Route, over: Option<&'a Peering>| {
            let better = |(known, _): (&Route, _)| {
                let rank = |route: &Route| (route.prefix.length(), std::cmp::Reverse(route.priority));
                rank(route) > rank(known)
            };
            if best.is_none_or(better) {
                best = Some((route, over));
            }
        };
        for route in vpc.routes.iter().filter(|route| route.prefix.contains(to)) {
            // A route with tags is for machines that have one of them (VPC, static routes, network tags).
            match (&facts.tags, route.tags.is_empty()) {
                (_, true) => consider(route, None),
                (Known::Yes(tags), false) if route.tags.iter().any(|tag| tags.contains(tag)) => consider(route, None),
                (Known::Yes(_), false) => tagged = Some(route),
                (Known::No(reason), false) => unread = Some(*reason),
            }
        }
        let mut kept = None;
        for peering in vpc.peerings.iter().filter(|peering| peering.is_active) {
            let Some(peer) = self.vpcs.get(&peering.network) else { continue };
            // Neither routes with tags nor those to the internet are ever exchanged (VPC Network Peering, custom routes).
            let theirs = peer
                .routes
                .iter()
                .filter(|route| route.prefix.contains(to) && route.tags.is_empty() && route.hop != NextHop::Internet);
            let is_open = peering.imports_custom && self.back(peering, vpc).is_some_and(|back| back.exports_custom);
            for route in theirs {
                if is_open { consider(route, Some(peering)) } else { kept = Some(peering) }
            }
        }
        if let Some(reason) = unread {
            return Way::Unread(reason);
        }
        let private = is_private(to);
        let to_internet = best.is_some_and(|(route, _)| route.hop == NextHop::Internet);
        let found = best.filter(|_| !(private && to_internet));
        if let Some(reason) = vpc.unread_routes {
            return Way::Unread(reason);
        }
        // A learned route may be longer than any that was read, or lead where none does.
        if let Some(reason) = vpc.unread_dynamic.filter(|_| private) {
            return Way::Unread(reason);
        }
        match found {
            Some((route, None)) => Way::Custom(route),
            Some((route, Some(peering))) => Way::Imported(peering, route),
            None => self.nowhere(vpc, to, to_internet, tagged, kept),
        }
    }

    /// Why nothing leads to an address.
    fn nowhere<'a>(
        &'a self,
        vpc: &'a Vpc,
        to: IpAddr,
        to_internet: bool,
        tagged: Option<&'a Route>,
        kept: Option<&'a Peering>,
    ) -> Way<'a> {
        if let Some(route) = tagged {
            let note = Note::new("the route {} leads to {address}, but only for machines with its network tag")
                .coded("NO_ROUTE");
            return Way::None(route.name, note.about(route.name).at(to));
        }
        if let Some(peering) = kept {
            let note = Note::new(NO_CUSTOM_ROUTES).coded("NO_ROUTE");
            return Way::None(peering.name, note.about(peering.name).at(to));
        }
        // An address of a network behind another one: a peering is not transitive (VPC Network Peering, limits).
        let beyond = self.vpcs.values().find(|other| {
            other.name != vpc.name
                && other.subnets.iter().any(|subnet| subnet.blocks.iter().any(|block| block.contains(to)))
        });
        if let Some(other) = beyond.filter(|_| !vpc.peerings.is_empty()) {
            let note =
                Note::new("{address} is in {}, which is no peer of this network, and peerings are not transitive")
                    .coded("NO_ROUTE");
            return Way::None(vpc.name, note.about(other.name).at(to));
        }
        if to_internet {
            let note = Note::new("no route of {} leads to {address}: the way to the internet takes no private address")
                .coded("PRIVATE_TRAFFIC_TO_INTERNET");
            return Way::None(vpc.name, note.about(vpc.name).at(to));
        }
        Way::None(vpc.name, Note::new("no route of {} leads to {address}").coded("NO_ROUTE").about(vpc.name).at(to))
    }
}

fn policy_route(vpc: &Vpc, facts: &Facts, packet: &Packet) -> Option<NameId> {
    let applies = vpc.policy_routes.iter().find(|route| {
        let tags = match &facts.tags {
            Known::Yes(tags) => route.tags.is_empty() || route.tags.iter().any(|tag| tags.contains(tag)),
            Known::No(_) => true,
        };
        tags && route.protocol.is_none_or(|protocol| protocol == packet.protocol)
            && route.source.is_none_or(|block| block.contains(packet.source))
            && route.destination.is_none_or(|block| block.contains(packet.destination))
    });
    applies.filter(|route| !route.skips).map(|route| route.name)
}
