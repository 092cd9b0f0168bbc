//! Services that AWS runs behind interfaces of a VPC: which interface is whose, what it listens on, and whether it is up.
//!
//! The interfaces of databases and caches say in their descriptions which service made them, and not always for which
//! database: that follows from VPC, subnets, zone and groups where only one fits.

use reachlint_model::{Direction, Hop, HopKind, NameId, Note, Outcome, Packet, Protocol, Reason, ReasonCode, ReasonId};
use rustc_hash::FxHashMap as HashMap;

use super::compile::Compiler;
use super::estate::RawInterface;
use super::services::{Place, PodSettings, Published, RawClusterName, RawHost, RawService};
use super::{MANAGED, fact};

/// A service as the paths need it.
#[derive(Clone, Debug)]
pub(super) struct ServiceFacts {
    name: NameId,
    condition: Condition,
    ports: Vec<u16>,
    /// The ports in words.
    heard: NameId,
}

#[derive(Clone, Copy, Debug)]
enum Condition {
    Up,
    Down(NameId),
    Unsure(ReasonId),
}

/// What is behind the interfaces of services.
#[derive(Debug, Default)]
pub(super) struct Managed {
    pub(super) all: Vec<ServiceFacts>,
    /// Ports of machines that lead to containers, by machine.
    pub(super) published: HashMap<NameId, Vec<Published>>,
    /// Names, with the interfaces that stand behind them.
    pub(super) hosts: Vec<(RawHost, Vec<NameId>)>,
    /// Services by interface, while interfaces are compiled.
    pub(super) seats: HashMap<NameId, usize>,
    pub(super) other_port: Option<ReasonId>,
    pub(super) pods: HashMap<NameId, PodSettings>,
}

impl Compiler {
    /// Which interface is whose. One that several could have, or of which a service could have several, is nobody's.
    pub(super) fn compile_services(&mut self, interfaces: &[RawInterface]) -> Managed {
        let services = std::mem::take(&mut self.estate.services);
        let own: Vec<Vec<NameId>> = services.all.iter().map(|service| self.own(service, interfaces)).collect();
        let mut claims: HashMap<NameId, usize> = HashMap::default();
        for (service, own) in services.all.iter().zip(&own) {
            if matches!(service.place, Place::Like { .. }) {
                for id in own {
                    *claims.entry(*id).or_default() += 1;
                }
            }
        }
        let single = |at: usize| {
            let found = own.get(at).map(Vec::as_slice).unwrap_or_default();
            let clear = match services.all.get(at).map(|service| &service.place) {
                Some(Place::Like { .. }) => matches!(found, [only] if claims.get(only) == Some(&1)),
                Some(Place::Described { count: Some(count), .. }) => found.len() == *count,
                _ => !found.is_empty(),
            };
            if clear { found.to_vec() } else { Vec::new() }
        };
        let mut managed = Managed::default();
        for (at, service) in services.all.iter().enumerate() {
            let facts = self.service_facts(service);
            managed.all.push(facts);
            for id in single(at) {
                managed.seats.entry(id).or_insert(at);
            }
        }
        let mut hosts = services.hosts.clone();
        for RawClusterName { host, kind, members, realm, what } in &services.clusters {
            let is = |known: &RawService, id: NameId| (known.what, known.id, known.realm) == (*kind, id, *realm);
            // One that several could be is nobody.
            let find = |id: &NameId| {
                let mut found = services.all.iter().enumerate().filter(|(_, known)| is(known, *id)).map(|(at, _)| at);
                found.next().filter(|_| found.next().is_none())
            };
            let found: Vec<usize> = members.iter().filter_map(find).collect();
            let unclear = found.len() < members.len() || members.is_empty();
            let public =
                services.hosts.iter().any(|known| known.public && found.iter().any(|at| known.services == [*at]));
            let services = found;
            let host = RawHost { host: host.clone(), what: what.clone(), services, public, only_in: None, unclear };
            hosts.push(host);
        }
        for mut host in hosts {
            let mut behind = Vec::new();
            for at in &host.services {
                let found = single(*at);
                host.unclear |= found.is_empty();
                behind.extend(found);
            }
            managed.hosts.push((host, behind));
        }
        for (machine, published) in services.published {
            if let Some(instance) = services.machines.get(&machine) {
                managed.published.entry(*instance).or_default().push(published);
            }
        }
        if !managed.published.is_empty() {
            let text = "a container has that port, and its machine publishes it as another one, so what answers there is \
                        not known";
            let reason = Reason { code: ReasonCode::Undecidable, text: text.to_owned(), permission: None };
            managed.other_port = Some(self.builder.reason(reason));
        }
        managed.pods = services.pods;
        managed
    }

    /// The interfaces that fit.
    fn own(&self, service: &RawService, interfaces: &[RawInterface]) -> Vec<NameId> {
        let fits = |raw: &&RawInterface| match &service.place {
            Place::Interfaces(ids) => ids.contains(&raw.id),
            Place::Described { description, zone, vpc, .. } => {
                raw.description == Some(*description)
                    && zone.is_none_or(|zone| raw.zone == zone)
                    && vpc.is_none_or(|vpc| raw.vpc == vpc)
            }
            Place::Like { description, vpc, subnets, groups, zone } => {
                let mut carried = self.estate.group_refs.get(raw.groups.clone()).unwrap_or_default().to_vec();
                carried.sort_unstable();
                raw.description == Some(*description)
                    && vpc.is_none_or(|vpc| raw.vpc == vpc)
                    && (subnets.is_empty() || subnets.contains(&raw.subnet))
                    && zone.is_none_or(|zone| raw.zone == zone)
                    && carried == *groups
            }
            Place::Outside => false,
        };
        interfaces.iter().filter(fits).map(|raw| raw.id).collect()
    }

    fn service_facts(&mut self, service: &RawService) -> ServiceFacts {
        let id = self.text(service.id).to_owned();
        let name = self.builder.names().intern(&format!("{} {id}", service.what));
        let status = service.status.map(|status| self.text(status).to_owned());
        let condition = match (status.as_deref().map(standing), service.status) {
            (None | Some(Standing::Up), _) | (_, None) => Condition::Up,
            (Some(Standing::Down), Some(status)) => Condition::Down(status),
            (Some(Standing::Unsure), Some(status)) => {
                let text = format!(
                    "whether the {} `{id}` answers is not known: its state is `{}`",
                    service.what,
                    self.text(status)
                );
                let code = ReasonCode::Undecidable;
                Condition::Unsure(self.builder.reason(Reason { code, text, permission: None }))
            }
        };
        let mut ports = service.ports.clone();
        ports.sort_unstable();
        ports.dedup();
        let words: Vec<String> = ports.iter().map(u16::to_string).collect();
        let heard = self.builder.names().intern(&words.join(" and "));
        ServiceFacts { name, condition, ports, heard }
    }
}

enum Standing {
    Up,
    Down,
    Unsure,
}

/// What a state means for new connections (RDS guide, status of instances; `ElastiCache` API; EC2 API, `State`; ECS guide,
/// task life cycle).
fn standing(status: &str) -> Standing {
    const UP: [&str; 11] = [
        "available",
        "running",
        "active",
        "backing-up",
        "storage-optimization",
        "storage-initialization",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "snapshotting",
        "partial",
    ];
    const DOWN: [&str; 14] = [
        "stopped",
        "stopping",
        "creating",
        "deleting",
        "deleted",
        "failed",
        "rejected",
        "expired",
        "pendingacceptance",
        "restore-error",
        "restore-failed",
        "insufficient-capacity",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
    ];
    let word = status.to_ascii_lowercase();
    if UP.contains(&word.as_str()) {
        Standing::Up
    } else if DOWN.contains(&word.as_str()) || word.starts_with("incompatible-") {
        Standing::Down
    } else {
        Standing::Unsure
    }
}

impl ServiceFacts {
    /// Whether it takes a packet.
    pub(super) fn hop(&self, packet: &Packet) -> Hop {
        let hop = |outcome, note| fact(MANAGED, Direction::Ingress, self.name, outcome, note);
        match self.condition {
            Condition::Down(status) => {
                return hop(Outcome::Block, Note::new("its state is {}, so nothing answers").about(status));
            }
            Condition::Unsure(reason) => {
                let note = Note::new("the {}").about(self.name);
                return Hop { kind: HopKind::Opaque(reason), ..hop(Outcome::Pass, note) };
            }
            Condition::Up => {}
        }
        let heard =
            packet.protocol == Protocol::TCP && self.ports.iter().any(|port| packet.destination_ports.contains(*port));
        if heard || self.ports.is_empty() {
            hop(Outcome::Pass, Note::new("this is the {}").about(self.name))
        } else {
            hop(Outcome::Block, Note::new("it listens on tcp {} only").about(self.heard))
        }
    }
}

impl Managed {
    /// What is known of the port of a machine that runs containers in bridge mode: it publishes them under ports of its
    /// own (Amazon ECS guide, dynamic port mapping).
    pub(super) fn published_hop(&self, machine: NameId, packet: &Packet) -> Option<Hop> {
        let all = self.published.get(&machine)?;
        let udp = packet.protocol == Protocol::UDP;
        let of_protocol = |known: &&Published| known.udp == udp;
        let to = packet.destination_ports;
        let hop = |outcome, note| fact(MANAGED, Direction::Ingress, machine, outcome, note);
        if let Some(known) = all.iter().filter(of_protocol).find(|known| to.contains(known.host_port)) {
            return Some(hop(Outcome::Pass, Note::new("that port leads to the ECS task {}").about(known.task)));
        }
        let known = all.iter().filter(of_protocol).find(|known| to.contains(known.container_port))?;
        let note = Note::new("the ECS task {}").about(known.task);
        Some(Hop { kind: HopKind::Opaque(self.other_port?), ..hop(Outcome::Pass, note) })
    }
}
