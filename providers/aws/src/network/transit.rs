//! Transit gateways: from the attachment of one VPC to that of another, by the gateway's own route tables.
//!
//! The sender's zone needs a subnet of the attachment, the attachment a route table, and the answer the same on its
//! way back (VPC transit gateways guide, how transit gateways work; Reachability Analyzer, explanation codes).

use std::net::IpAddr;

use reachlint_model::{Direction, Family, Hop, HopKind, NameId, Note, Outcome, Prefix, Reason, ReasonCode, ReasonId};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::code;
use super::compile::{AwsNetwork, Compiler};
use super::estate::{RawTransit, Target};
use super::intake::region_of_zone;
use super::route::Choice;
use super::{TRANSIT, fact};
use crate::records::Listing;

/// The zone in which no security group can be referenced across a transit gateway (VPC transit gateways guide,
/// security group referencing).
const WITHOUT_REFERENCES: &str = "use1-az3";

/// The Local Zones in which security groups can be referenced across a transit gateway (the same).
const LOCAL_ZONES_WITH_REFERENCES: [&str; 8] = [
    "us-east-1-atl-2a",
    "us-east-1-chi-2a",
    "us-east-1-dfw-2a",
    "us-east-1-iah-2a",
    "us-east-1-mia-2a",
    "us-west-2-lax-1a",
    "us-west-2-lax-1b",
    "us-west-2-phx-2a",
];

/// An attachment of a VPC.
#[derive(Clone, Debug)]
pub(super) struct Attachment {
    pub(super) id: NameId,
    gateway: NameId,
    pub(super) vpc: NameId,
    /// Whether it is in force.
    available: Result<bool, ReasonId>,
    state: NameId,
    subnets: Vec<NameId>,
    /// Whether group references work over it, as far as it is concerned.
    references: Result<bool, ReasonId>,
    v6: Result<bool, ReasonId>,
    /// Whether a connection may enter through a subnet of another zone.
    appliance: bool,
    /// The route table for what comes from it, if any.
    table: Result<Option<NameId>, ReasonId>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    prefix: Prefix,
    blackhole: bool,
    propagated: bool,
    name: NameId,
    to: Result<NameId, ReasonId>,
}

/// Transit gateways as far as the evidence tells.
#[derive(Debug)]
pub(super) struct Transit {
    /// Whether each is in force, and whether group references work over it.
    gateways: HashMap<NameId, (bool, Result<bool, ReasonId>)>,
    attachments: HashMap<NameId, Attachment>,
    routes: HashMap<NameId, Result<Vec<Route>, ReasonId>>,
    /// Zones of subnets by name and by id.
    zones: HashMap<NameId, (Option<NameId>, Option<NameId>)>,
    unread_gateway: ReasonId,
    unread_attachment: ReasonId,
    unread_routes: ReasonId,
    unread_zone: ReasonId,
    zone_without_references: ReasonId,
    local_zone: ReasonId,
    parent_zone: ReasonId,
    several: ReasonId,
    inside: ReasonId,
}

/// A way through a gateway.
pub(super) struct Way<'a> {
    pub(super) near: &'a Attachment,
    /// The subnet through which it leaves the near VPC, and that through which it enters the far one.
    pub(super) exit: NameId,
    pub(super) far: &'a Attachment,
    pub(super) entry: NameId,
    /// The gateway's own route.
    pub(super) route: NameId,
}

impl Way<'_> {
    pub(super) fn pass(&self, direction: Direction) -> Hop {
        fact(TRANSIT, direction, self.route, Outcome::Pass, Note::new("leads to {}").about(self.far.vpc))
    }
}

/// Why there is none.
pub(super) struct Stop {
    subject: NameId,
    outcome: Outcome,
    note: Option<Note>,
}

impl Stop {
    fn block(subject: NameId, note: Note) -> Self {
        Self { subject, outcome: Outcome::Block, note: Some(note) }
    }

    fn unknown(subject: NameId, reason: ReasonId) -> Self {
        Self { subject, outcome: Outcome::Unknown(reason), note: None }
    }

    pub(super) fn hop(self, direction: Direction) -> Hop {
        Hop { kind: HopKind::Route(self.outcome), layer: TRANSIT, direction, subject: self.subject, note: self.note }
    }
}

impl Compiler {
    pub(super) fn compile_transit(&mut self) -> Transit {
        let raw = std::mem::take(&mut self.estate.transit);
        let zones = self.estate.subnets.iter().map(|(id, subnet)| (*id, subnet.zone)).collect();
        let mut gateways = HashMap::default();
        for (id, gateway) in &raw.gateways {
            let references = self.option(*id, gateway.references);
            gateways.insert(*id, (gateway.available, references));
        }
        let mut attachments = HashMap::default();
        for (id, found) in &raw.attachments {
            let state = self.text(found.state).to_owned();
            let available = match state.as_str() {
                "available" => Ok(true),
                "modifying" => {
                    Err(self.transit_reason(format!("the attachment `{}` is being changed", self.text(*id))))
                }
                _ => Ok(false),
            };
            let attachment = Attachment {
                id: *id,
                gateway: found.gateway,
                vpc: found.vpc,
                available,
                state: found.state,
                subnets: found.subnets.clone(),
                references: self.option(*id, found.references),
                v6: self.option(*id, found.v6),
                appliance: found.appliance,
                table: self.association(&raw, *id, found.gateway),
            };
            attachments.insert(*id, attachment);
        }
        let mut routes = HashMap::default();
        for (id, table) in &raw.routes {
            let listing = Listing::TransitRoutes;
            let failed = self.estate.failure(listing, Some(self.text(*id))).is_some();
            let compiled = if failed || table.more || table.odd {
                Err(self.missing(listing, Some(*id), "all routes of transit gateway route table"))
            } else {
                Ok(self.transit_routes(*id, &table.routes))
            };
            routes.insert(*id, compiled);
        }
        let what = "what is in the way inside of the VPC that the transit gateway leads to is not modelled";
        Transit {
            gateways,
            attachments,
            routes,
            zones,
            unread_gateway: self.missing(Listing::TransitGateways, None, "the transit gateway"),
            unread_attachment: self.missing(Listing::TransitAttachments, None, "the attachment of the VPC"),
            unread_routes: self.missing(Listing::TransitRoutes, None, "the transit gateway's route table"),
            unread_zone: self.missing(Listing::Subnets, None, "the availability zone of a subnet"),
            zone_without_references: self.transit_reason(format!(
                "no security group can be referenced over a transit gateway in `{WITHOUT_REFERENCES}`, where a subnet of \
                 an attachment is or may be"
            )),
            local_zone: self.transit_reason(
                "whether security groups can be referenced over a transit gateway from and to this Local Zone is not known"
                    .to_owned(),
            ),
            parent_zone: self.transit_reason(
                "the parent zone, through which a Local Zone reaches the transit gateway, is not modelled".to_owned(),
            ),
            several: self.transit_reason(
                "the transit gateway may use any of several subnets or attachments, and they differ".to_owned(),
            ),
            inside: self.transit_reason(what.to_owned()),
        }
    }

    fn transit_reason(&mut self, text: String) -> ReasonId {
        self.builder.reason(Reason { code: ReasonCode::NotModelled, text, permission: None })
    }

    fn option(&mut self, id: NameId, on: Option<bool>) -> Result<bool, ReasonId> {
        on.ok_or_else(|| {
            let text = format!(
                "an option of `{}` is not in its record; newer versions of the AWS CLI print it",
                self.text(id)
            );
            self.builder.reason(Reason { code: ReasonCode::NotRead, text, permission: None })
        })
    }

    /// The route table of an attachment. That it has none is certain only when the associations of every table of the
    /// gateway were read and no policy table can have it.
    fn association(&mut self, raw: &RawTransit, id: NameId, gateway: NameId) -> Result<Option<NameId>, ReasonId> {
        let found = raw.associations.iter().find_map(|(table, list)| {
            let (_, state) = list.found.iter().find(|(attachment, _)| *attachment == id)?;
            Some((*table, *state))
        });
        match found {
            Some((table, true)) => return Ok(Some(table)),
            Some((table, false)) => {
                let text =
                    format!("the association of `{}` with `{}` is being changed", self.text(id), self.text(table));
                return Err(self.transit_reason(text));
            }
            None => {}
        }
        if raw.policies.contains(&gateway) {
            let text = format!(
                "`{}` has no route table, and may have a policy table of the transit gateway, which is not modelled",
                self.text(id)
            );
            return Err(self.transit_reason(text));
        }
        let listings = [Listing::TransitTables, Listing::TransitPolicyTables];
        for listing in listings {
            let broken = self.estate.failure(listing, None).is_some() || self.estate.truncated(listing);
            if broken || !self.estate.has(listing) {
                return Err(self.missing_of(
                    raw,
                    gateway,
                    listing,
                    None,
                    "what decides where the transit gateway sends",
                ));
            }
        }
        let associations = Listing::TransitAssociations;
        let whole = |table: &NameId| {
            raw.associations.get(table).is_some_and(|list| !list.more)
                && self.estate.failure(associations, Some(self.text(*table))).is_none()
        };
        let own: HashSet<NameId> = raw.tables.iter().filter(|(_, of)| **of == gateway).map(|(id, _)| *id).collect();
        if own.is_empty() || !own.iter().all(whole) {
            return Err(self.missing_of(raw, gateway, associations, Some(id), "the route table of attachment"));
        }
        Ok(None)
    }

    /// Why something of a gateway is not there. Only the account that owns it sees its route tables (VPC transit gateways
    /// guide, shared transit gateways).
    fn missing_of(
        &mut self,
        raw: &RawTransit,
        gateway: NameId,
        listing: Listing,
        id: Option<NameId>,
        what: &str,
    ) -> ReasonId {
        let owner = raw.gateways.get(&gateway).and_then(|gateway| gateway.owner);
        let subject = self.text(gateway).to_owned();
        self.missing_of_account(owner, &subject, listing, id, what)
    }

    fn transit_routes(&mut self, table: NameId, raw: &[super::estate::RawTransitRoute]) -> Vec<Route> {
        let mut routes = Vec::with_capacity(raw.len());
        for route in raw {
            let name = format!("{} {}", self.text(table), route.prefix);
            let name = self.builder.names().intern(&name);
            let to = match (route.to, route.kind) {
                (Some(to), Some(kind)) if self.text(kind) == "vpc" => Ok(to),
                (Some(to), Some(kind)) => {
                    let text = format!(
                        "the transit gateway leads into `{}`, an attachment of kind `{}`, which is not modelled",
                        self.text(to),
                        self.text(kind)
                    );
                    Err(self.transit_reason(text))
                }
                _ => Err(self.transit_reason(format!("the route {} has not exactly one target", self.text(name)))),
            };
            let (prefix, blackhole, propagated) = (route.prefix, route.blackhole, route.propagated);
            routes.push(Route { prefix, blackhole, propagated, name, to });
        }
        routes
    }
}

impl Transit {
    /// Whether something is a route table of which a doubt is that its routes were not read.
    pub(super) fn is_unread(&self, table: NameId, reason: ReasonId) -> bool {
        match self.routes.get(&table) {
            Some(routes) => routes.as_ref().is_err_and(|unread| *unread == reason),
            None => reason == self.unread_routes,
        }
    }

    /// Whether some gateway has attachments of both VPCs.
    pub(super) fn joins(&self, one: NameId, other: NameId) -> bool {
        let of = |vpc: NameId| self.attachments.values().filter(move |attachment| attachment.vpc == vpc);
        of(one).any(|near| of(other).any(|far| far.gateway == near.gateway))
    }

    fn same_zone(&self, one: NameId, other: NameId) -> Result<bool, ReasonId> {
        let zone = |subnet: NameId| self.zones.get(&subnet).copied().unwrap_or_default();
        match (zone(one), zone(other)) {
            // Names of zones differ from account to account, their ids do not (EC2 guide, zone ids).
            ((_, Some(one)), (_, Some(other))) => Ok(one == other),
            ((Some(one), _), (Some(other), _)) => Ok(one == other),
            _ => Err(self.unread_zone),
        }
    }

    /// The gateway sends by the longest prefix, and at the same length by a static route before a propagated one (VPC
    /// transit gateways guide, route evaluation order).
    fn choose(&self, table: NameId, to: IpAddr) -> Result<(NameId, NameId), Stop> {
        let routes = match self.routes.get(&table) {
            Some(Ok(routes)) => routes,
            Some(Err(reason)) => return Err(Stop::unknown(table, *reason)),
            None => return Err(Stop::unknown(table, self.unread_routes)),
        };
        let rank = |route: &Route| (route.prefix.length(), !route.propagated);
        let best = routes.iter().filter(|route| route.prefix.contains(to)).max_by_key(|route| rank(route));
        let Some(best) = best else {
            let note = Note::new("no route of {} leads to {address}").about(table).at(to);
            return Err(Stop::block(table, note.coded(code::TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT)));
        };
        let equal = |route: &&Route| route.prefix == best.prefix && rank(route) == rank(best);
        if routes.iter().filter(equal).count() > 1 {
            return Err(Stop::unknown(best.name, self.several));
        }
        if best.blackhole {
            let note = Note::new("the route {} is a blackhole").about(best.name);
            return Err(Stop::block(best.name, note.coded(code::TGW_RTB_BAD_STATE_ROUTE)));
        }
        best.to.map(|to| (best.name, to)).map_err(|reason| Stop::unknown(best.name, reason))
    }
}

impl AwsNetwork {
    /// The way of a packet from a subnet through a gateway into the VPC that has its destination.
    pub(super) fn transit_way(
        &self,
        gateway: NameId,
        vpc: NameId,
        subnet: NameId,
        to: IpAddr,
    ) -> Result<Way<'_>, Stop> {
        let transit = &self.transit;
        let Some((available, _)) = transit.gateways.get(&gateway) else {
            return Err(Stop::unknown(gateway, transit.unread_gateway));
        };
        if !available {
            let note = Note::new("the transit gateway {} is not available").about(gateway);
            return Err(Stop::block(gateway, note.coded(code::BAD_STATE)));
        }
        let mut own: Vec<&Attachment> =
            transit.attachments.values().filter(|known| known.gateway == gateway && known.vpc == vpc).collect();
        // One that is gone stays listed for a while beside its successor.
        own.sort_by_key(|known| (known.available == Ok(false), known.id));
        let Some(near) = own.first().copied() else { return Err(Stop::unknown(gateway, transit.unread_attachment)) };
        in_force(near, to)?;
        let exit = self.exit(near, subnet)?;
        let table = near.table.map_err(|reason| Stop::unknown(near.id, reason))?;
        let Some(table) = table else {
            let note = Note::new("the attachment {} has no route table").about(near.id);
            return Err(Stop::block(near.id, note.coded(code::TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION)));
        };
        let (route, to_attachment) = transit.choose(table, to)?;
        let far = transit.attachments.get(&to_attachment).filter(|far| far.gateway == gateway);
        let Some(far) = far else { return Err(Stop::unknown(to_attachment, transit.unread_attachment)) };
        in_force(far, to)?;
        let entry = self.entry(far, subnet)?;
        Ok(Way { near, exit, far, entry, route })
    }

    /// A packet reaches the gateway only through a subnet of the attachment in its own zone.
    fn exit(&self, near: &Attachment, subnet: NameId) -> Result<NameId, Stop> {
        let mut unread = None;
        for own in &near.subnets {
            if *own == subnet {
                return Ok(subnet);
            }
            match self.transit.same_zone(*own, subnet) {
                Ok(true) => return Ok(*own),
                Ok(false) => {}
                Err(reason) => unread = Some(reason),
            }
        }
        let note = Note::new("no subnet of the attachment is in the zone of {}").about(subnet);
        let note = note.coded(code::TGW_ROUTE_AZ_RESTRICTION);
        // A Local Zone reaches the gateway through its parent zone (VPC transit gateways guide, VPC attachments).
        let zone = self.transit.zones.get(&subnet).and_then(|(name, _)| *name);
        if zone.is_some_and(|zone| is_local_zone(self.network.name(zone))) {
            unread = Some(self.transit.parent_zone);
        }
        Err(unread.map_or_else(|| Stop::block(near.id, note), |reason| Stop::unknown(near.id, reason)))
    }

    /// The gateway delivers through the subnet in the zone that the packet comes from where there is one, in appliance
    /// mode through any. Where several are possible they have to be alike.
    fn entry(&self, far: &Attachment, from: NameId) -> Result<NameId, Stop> {
        let one = far.subnets.first().copied().ok_or_else(|| Stop::unknown(far.id, self.transit.unread_attachment))?;
        let zoned = far.subnets.iter().find(|own| self.transit.same_zone(**own, from) == Ok(true));
        if let Some(own) = zoned.filter(|_| !far.appliance) {
            return Ok(*own);
        }
        let facts =
            |subnet: &NameId| self.subnets.get(subnet).map(|facts| (facts.acl.map(|acl| acl.egress), facts.table));
        if far.subnets.iter().all(|subnet| facts(subnet).is_none()) {
            // Nothing of that VPC was read, so the account or Region to add is what helps.
            return Err(Stop::unknown(far.id, self.unowned(Some(far.vpc))));
        }
        let alike = far.subnets.iter().all(|other| facts(other).is_some() && facts(other) == facts(&one));
        if alike { Ok(one) } else { Err(Stop::unknown(far.id, self.transit.several)) }
    }

    /// Where the far VPC sends what comes from the gateway: the route table of the subnet decides.
    pub(super) fn transit_inside(&self, way: &Way<'_>, to: IpAddr) -> Result<(), Stop> {
        match self.choose(way.entry, to) {
            Choice::Route(route) if route.target == Target::Local => Ok(()),
            Choice::Route(route) => Err(Stop::unknown(route.name, self.transit.inside)),
            Choice::Unread(reason) => Err(Stop::unknown(way.entry, reason)),
            Choice::Blackhole(route) => {
                let note = Note::new("the route {} is a blackhole").about(route.name);
                Err(Stop::block(route.name, note.coded(code::BAD_STATE_ROUTE)))
            }
            Choice::None(table) => {
                let note = Note::new("no route of {} leads to {address}").about(table).at(to);
                Err(Stop::block(table, note.coded(code::NO_ROUTE_TO_DESTINATION)))
            }
        }
    }

    /// Whether a rule of the receiver may mean the sender by a group: the gateway and both attachments have to be told
    /// so, and no attachment may be in the zone that cannot (VPC transit gateways guide, security group referencing).
    pub(super) fn transit_references(
        &self,
        gateway: NameId,
        way: &Way<'_>,
        ends: [NameId; 2],
    ) -> Result<bool, ReasonId> {
        let own = self.transit.gateways.get(&gateway).map_or(Err(self.transit.unread_gateway), |(_, on)| *on);
        let all = [own, way.near.references, way.far.references];
        if all.contains(&Ok(false)) {
            return Ok(false);
        }
        all.into_iter().find(Result::is_err).unwrap_or(Ok(true))?;
        let zones = |subnet: &NameId| self.transit.zones.get(subnet).copied().unwrap_or_default();
        let supported = |subnet: &NameId| match zones(subnet) {
            (_, Some(id)) => self.network.name(id) != WITHOUT_REFERENCES,
            (Some(name), None) => region_of_zone(self.network.name(name)) != "us-east-1",
            (None, None) => false,
        };
        let local = |subnet: &NameId| {
            let name = zones(subnet).0.map(|name| self.network.name(name));
            name.is_some_and(|name| is_local_zone(name) && !LOCAL_ZONES_WITH_REFERENCES.contains(&name))
        };
        let supported = way.near.subnets.iter().chain(&way.far.subnets).all(supported);
        if ends.iter().any(local) {
            return Err(self.transit.local_zone);
        }
        if supported { Ok(true) } else { Err(self.transit.zone_without_references) }
    }
}

/// Whether a zone is none of a Region's own, such as a Local Zone: those are called by the Region and a letter.
fn is_local_zone(name: &str) -> bool {
    name.strip_prefix(region_of_zone(name)).is_some_and(|rest| rest.len() > 1)
}

fn in_force(attachment: &Attachment, to: IpAddr) -> Result<(), Stop> {
    match attachment.available {
        Ok(true) => {}
        Ok(false) => {
            let note = Note::new("the attachment is not available but {}").about(attachment.state);
            return Err(Stop::block(attachment.id, note.coded(code::BAD_STATE_ATTACHMENT)));
        }
        Err(reason) => return Err(Stop::unknown(attachment.id, reason)),
    }
    match attachment.v6 {
        _ if Family::of(to) == Family::V4 => Ok(()),
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Stop::block(attachment.id, Note::new("the attachment {} does not take IPv6").about(attachment.id)))
        }
        Err(reason) => Err(Stop::unknown(attachment.id, reason)),
    }
}

#[cfg(test)]
mod tests {
    use crate::network::Estate;
    use crate::records::{Listing, ReadError, Recognised, read};

    const ROUTE: &str = r#"{"DestinationCidrBlock": "10.1.0.0/16", "Type": "static", "State": "blackhole"}"#;

    fn take(name: &str, text: &str) -> (Result<Recognised, ReadError>, Estate) {
        let mut estate = Estate::new();
        (read(name, &mut text.as_bytes(), &mut estate), estate)
    }

    #[test]
    fn answers_about_a_route_table_are_attributed_by_key_or_file_name() {
        let beside = format!(r#"{{"Routes": [{ROUTE}], "TransitGatewayRouteTableId": "tgw-rtb-1"}}"#);
        let alone = format!(r#"{{"Routes": [{ROUTE}], "AdditionalRoutesAvailable": false}}"#);
        for (name, text) in [("a.json", &beside), ("routes-tgw-rtb-1.json", &alone)] {
            let (found, estate) = take(name, text);
            assert!(
                matches!(found, Ok(Recognised::Evidence(found)) if found == [(Listing::TransitRoutes, 1)]),
                "{name}"
            );
            let table = estate.names.find("tgw-rtb-1").unwrap();
            let routes = &estate.transit.routes[&table];
            assert_eq!((routes.routes.len(), routes.more), (1, false), "{name}");
        }
        assert!(matches!(take("a.json", &alone).0, Ok(Recognised::Other(_))));
        // Somebody else's document.
        assert!(matches!(take("a.json", r#"{"Routes": ["x", 1]}"#).0, Ok(Recognised::Other(_))));
        assert!(matches!(take("tgw-rtb-1.json", r#"{"Routes": ["x"]}"#).0, Err(ReadError::Broken { .. })));
    }

    #[test]
    fn a_search_that_left_routes_out_is_no_whole_table() {
        let part = format!(
            r#"{{"Routes": [{ROUTE}], "AdditionalRoutesAvailable": true, "TransitGatewayRouteTableId": "tgw-rtb-1"}}"#
        );
        let (_, estate) = take("a.json", &part);
        let table = estate.names.find("tgw-rtb-1").unwrap();
        assert!(estate.transit.routes[&table].more);
        let odd = r#"{"Routes": [{"PrefixListId": "pl-1"}], "TransitGatewayRouteTableId": "tgw-rtb-1"}"#;
        let (_, estate) = take("a.json", odd);
        let table = estate.names.find("tgw-rtb-1").unwrap();
        assert!(estate.transit.routes[&table].odd);
    }
}
