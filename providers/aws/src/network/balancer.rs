//! Load balancers: which listener takes a connection, and what the target groups behind it hold.

use std::net::IpAddr;

use reachlint_model::{NameId, PortRange, Protocol, Reason, ReasonCode, ReasonId};
use rustc_hash::FxHashMap as HashMap;

use super::balancing::{RawListener, RawListeners, RawTarget, RawTargetGroup};
use super::compile::Compiler;
use super::estate::RawInterface;
use crate::records::Listing;

/// What stands behind an interface and decides further.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    /// Something whose inside is not known.
    Opaque(ReasonId),
    /// A load balancer, by its position.
    Balancer(usize),
    /// A service that AWS runs, by its position.
    Service(usize),
}

/// An Application, Network or Classic Load Balancer.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    /// `app/NAME/ID`, `net/NAME/ID`, or the name alone of a Classic one.
    pub(super) name: NameId,
    pub(super) classic: bool,
    /// Application and Classic Load Balancers open connections of their own, Network Load Balancers pass on those of
    /// others.
    pub(super) application: bool,
    /// Its state, where it cannot take connections.
    pub(super) failed: Option<NameId>,
    pub(super) listeners: Result<Vec<ListenerFacts>, ReasonId>,
    /// The listeners in words; none where there are none.
    pub(super) heard: Option<NameId>,
    /// Whether a node sends to targets of other zones.
    pub(super) cross_zone: Result<bool, ReasonId>,
}

/// A listener.
#[derive(Clone, Debug)]
pub(super) struct ListenerFacts {
    /// `HTTPS 443`.
    pub(super) name: NameId,
    port: u16,
    tcp: bool,
    udp: bool,
    /// Its protocol is of a kind that is not known.
    pub(super) strange: Option<ReasonId>,
    pub(super) forwards: bool,
    pub(super) groups: Vec<NameId>,
    /// Target groups that only a rule of it sends to, or may.
    pub(super) ruled: Vec<(NameId, ReasonId)>,
}

/// What the targets of a group are.
#[derive(Clone, Copy, Debug)]
pub(super) enum TargetKind {
    Instance,
    Address,
    Function,
    Opaque(ReasonId),
}

/// Whether targets of a Network Load Balancer see the client's address.
#[derive(Clone, Copy, Debug)]
pub(super) enum Preserves {
    Known(bool),
    /// The default, which the group's settings may have changed.
    Assumed(bool, ReasonId),
}

/// Whether a target group goes by its load balancer's choice of zones.
#[derive(Clone, Copy, Debug)]
pub(super) enum CrossZone {
    Own(bool),
    Inherited,
    Unread(ReasonId),
}

/// Whether a target gets connections.
#[derive(Clone, Copy, Debug)]
pub(super) enum Health {
    Healthy,
    /// Sent to only where no target is healthy, and whether it answers is not known.
    Unhealthy(ReasonId),
    /// Never sent to.
    Unused,
    Unsure(ReasonId),
}

/// A target.
#[derive(Clone, Copy, Debug)]
pub(super) struct TargetFacts {
    pub(super) id: NameId,
    /// The address that it is registered by.
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) zone: Option<NameId>,
    pub(super) health: Health,
}

/// A target group.
#[derive(Clone, Debug)]
pub(super) struct TargetGroupFacts {
    pub(super) name: NameId,
    pub(super) kind: TargetKind,
    pub(super) targets: Result<Vec<TargetFacts>, ReasonId>,
    pub(super) preserves: Preserves,
    pub(super) cross_zone: CrossZone,
}

/// All load balancers that an interface belongs to, and all target groups that they send to.
#[derive(Debug, Default)]
pub(super) struct Balancers {
    pub(super) all: Vec<Balancer>,
    at: HashMap<NameId, usize>,
    pub(super) groups: HashMap<NameId, TargetGroupFacts>,
}

impl Balancers {
    /// A load balancer that an interface belongs to.
    pub(super) fn position(&self, name: NameId) -> Option<usize> {
        self.at.get(&name).copied()
    }
}

impl Balancer {
    /// The listener that takes a new connection.
    pub(super) fn listener(&self, protocol: Protocol, ports: PortRange) -> Option<&ListenerFacts> {
        let listeners = self.listeners.as_ref().ok()?.iter();
        let mut hearing = listeners.filter(|listener| {
            let carries = match protocol {
                Protocol::TCP => listener.tcp,
                Protocol::UDP => listener.udp,
                _ => false,
            };
            ports == PortRange::single(listener.port) && (carries || listener.strange.is_some())
        });
        hearing.next()
    }
}

/// What the evidence says of a setting.
enum Setting<'a> {
    /// The settings were not read.
    Unread,
    /// They were, without this one.
    Default,
    Value(&'a str),
}

const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const PRESERVES: &str = "preserve_client_ip.enabled";

impl Compiler {
    /// A load balancer's interface passes connections on by listeners and targets. Interfaces of Application and
    /// Network Load Balancers are described as `ELB app/NAME/ID` and `ELB net/NAME/ID` (Elastic Load Balancing
    /// guides), as their ARN ends.
    pub(super) fn behind(&mut self, raw: &RawInterface) -> Option<Behind> {
        let kind = raw.kind.map(|kind| self.text(kind)).unwrap_or_default();
        let description = raw.description.map(|text| self.text(text)).unwrap_or_default();
        let name = description.strip_prefix("ELB ");
        if let Some(name) = name.filter(|name| name.starts_with("app/") || name.starts_with("net/")) {
            let name = name.to_owned();
            return Some(Behind::Balancer(self.balancer(&name)));
        }
        if let Some(name) = name.filter(|name| !name.contains('/')) {
            let (key, name) = (format!("elb/{}/{name}", self.text(raw.vpc)), name.to_owned());
            if let Some(at) = self.classic(&key) {
                return Some(Behind::Balancer(at));
            }
            let what = format!("the Classic Load Balancer `{name}`");
            return Some(Behind::Opaque(self.missing(Listing::ClassicBalancers, None, &what)));
        }
        let balancer =
            matches!(kind, "network_load_balancer" | "gateway_load_balancer" | "load_balancer") || name.is_some();
        if let Some(at) = self.managed.seats.get(&raw.id) {
            return Some(Behind::Service(*at));
        }
        if let Some(unread) = self.unread_service(raw) {
            return Some(Behind::Opaque(unread));
        }
        balancer.then(|| {
            let what = raw.description.unwrap_or(raw.id);
            let text = format!(
                "listeners and targets of the load balancer behind the interface (`{}`) are not modelled",
                self.text(what)
            );
            Behind::Opaque(self.builder.reason(Reason { code: ReasonCode::NotModelled, text, permission: None }))
        })
    }

    /// Why it is not known what the service of an interface listens on: it was asked for, and in vain.
    fn unread_service(&mut self, raw: &RawInterface) -> Option<ReasonId> {
        let description = raw.description.map(|text| self.text(text)).unwrap_or_default();
        let (listing, id) = if description == "RDSNetworkInterface" {
            (Listing::DbInstances, None)
        } else if description.starts_with("ElastiCache ") {
            (Listing::CacheClusters, None)
        } else if let Some(name) = description.strip_prefix("ES ") {
            (Listing::SearchDomains, Some(name))
        } else {
            (Listing::VpcEndpoints, Some(description.strip_prefix("VPC Endpoint Interface ")?))
        };
        self.estate.failure(listing, id)?;
        let id = id.map(str::to_owned).map(|id| self.builder.names().intern(&id));
        Some(self.missing(listing, id, "the service behind the interface"))
    }

    fn not_modelled(&mut self, text: String) -> ReasonId {
        self.builder.reason(Reason { code: ReasonCode::NotModelled, text, permission: None })
    }

    /// A Classic Load Balancer: each listener sends to one port of all its machines that are in service, and answers by
    /// itself that it cannot where none is (Classic Load Balancer guide, listeners and health checks).
    fn classic(&mut self, key: &str) -> Option<usize> {
        let key = self.builder.names().intern(key);
        if let Some(at) = self.balancers.at.get(&key) {
            return Some(*at);
        }
        let raw = self.estate.balancing.classic.iter().find(|known| known.key == key).cloned()?;
        let alone = self.estate.balancing.classic.iter().filter(|known| known.name == raw.name).count() == 1;
        let failed = self.estate.failure(Listing::ClassicHealth, Some(self.text(raw.name))).is_some();
        let health = self.estate.balancing.classic_health.get(&raw.name).filter(|_| alone && !failed).cloned();
        let unread = if health.is_some() {
            None
        } else {
            let what = "which machines are in service behind load balancer";
            Some(self.missing(Listing::ClassicHealth, Some(raw.name), what))
        };
        let mut listeners = Vec::new();
        for (protocol, port, instance_port) in &raw.listeners {
            let words = format!("{} {port}", self.text(*protocol));
            let known = matches!(self.text(*protocol).to_ascii_uppercase().as_str(), "HTTP" | "HTTPS" | "TCP" | "SSL");
            let strange = (!known).then(|| self.not_modelled(format!("the protocol of `{words}` is not known")));
            let group = format!("{} port {port}", self.text(raw.name));
            let group = self.builder.names().intern(&group);
            let mut targets = Vec::new();
            for instance in &raw.instances {
                let state = health.iter().flatten().find(|(known, _)| known == instance).map(|(_, state)| *state);
                targets.push(self.classic_target(*instance, *instance_port, state, unread));
            }
            let facts = TargetGroupFacts {
                name: group,
                kind: TargetKind::Instance,
                targets: Ok(targets),
                preserves: Preserves::Known(false),
                cross_zone: CrossZone::Inherited,
            };
            self.balancers.groups.insert(group, facts);
            let name = self.builder.names().intern(&words);
            listeners.push(ListenerFacts {
                name,
                port: *port,
                tcp: true,
                udp: false,
                strange,
                forwards: true,
                groups: vec![group],
                ruled: Vec::new(),
            });
        }
        let words: Vec<&str> = listeners.iter().map(|listener| self.text(listener.name)).collect();
        let words = words.join(", ");
        let heard = (!words.is_empty()).then(|| self.builder.names().intern(&words));
        let cross_zone = self.estate.balancing.classic_cross_zone.get(&raw.name).copied().filter(|_| alone);
        let cross_zone = cross_zone.ok_or_else(|| {
            let what = "whether nodes send to machines of other zones, a setting of load balancer";
            self.missing(Listing::ClassicAttributes, Some(raw.name), what)
        });
        let balancer = Balancer {
            name: raw.name,
            classic: true,
            application: true,
            failed: None,
            listeners: Ok(listeners),
            heard,
            cross_zone,
        };
        let at = self.balancers.all.len();
        self.balancers.all.push(balancer);
        self.balancers.at.insert(key, at);
        Some(at)
    }

    fn classic_target(
        &mut self,
        id: NameId,
        port: u16,
        state: Option<NameId>,
        unread: Option<ReasonId>,
    ) -> TargetFacts {
        let health = match state.map(|state| self.text(state).to_owned()).as_deref() {
            Some("InService") => Health::Healthy,
            Some("OutOfService") => Health::Unused,
            state => Health::Unsure(unread.unwrap_or_else(|| {
                let state = state.unwrap_or("not told");
                let text = format!("whether `{}` is in service is not known: its state is {state}", self.text(id));
                self.builder.reason(Reason { code: ReasonCode::Undecidable, text, permission: None })
            })),
        };
        TargetFacts { id, address: None, port: Some(port), zone: None, health }
    }

    fn balancer(&mut self, text: &str) -> usize {
        let name = self.builder.names().intern(text);
        if let Some(at) = self.balancers.at.get(&name) {
            return *at;
        }
        let application = text.starts_with("app/");
        let state = self.estate.balancing.states.get(&name).copied();
        let failed = state.filter(|state| matches!(self.text(*state), "failed" | "provisioning"));
        let (listeners, groups) = self.listeners(name, application);
        let heard = listeners.as_ref().ok().and_then(|listeners| {
            let words: Vec<&str> = listeners.iter().map(|listener| self.text(listener.name)).collect();
            let words = words.join(", ");
            (!words.is_empty()).then(|| self.builder.names().intern(&words))
        });
        let cross_zone = match self.setting(name, CROSS_ZONE) {
            // That of Application Load Balancers cannot be changed (Elastic Load Balancing API,
            // `LoadBalancerAttribute`).
            _ if application => Ok(true),
            Setting::Value(value) => Ok(value == "true"),
            Setting::Default => Ok(false),
            Setting::Unread => {
                let what = "whether nodes send to targets of other zones, a setting of load balancer";
                Err(self.missing(Listing::LoadBalancerAttributes, Some(name), what))
            }
        };
        for id in groups {
            self.target_group(id);
        }
        let balancer = Balancer { name, classic: false, application, failed, listeners, heard, cross_zone };
        let at = self.balancers.all.len();
        self.balancers.all.push(balancer);
        self.balancers.at.insert(name, at);
        at
    }

    /// The listeners of a load balancer, and all target groups that they name.
    fn listeners(
        &mut self,
        balancer: NameId,
        application: bool,
    ) -> (Result<Vec<ListenerFacts>, ReasonId>, Vec<NameId>) {
        let listing = Listing::Listeners;
        let what = "the list of listeners of load balancer";
        let failed = self.estate.failure(listing, Some(self.text(balancer))).is_some();
        let raw = self.estate.balancing.listeners.get(&balancer).cloned().filter(|_| !failed);
        let Some(RawListeners { listeners, pages }) = raw else {
            // Nobody asks for the listeners of a load balancer whose own listing failed.
            let unlisted = self.estate.failure(Listing::LoadBalancers, Some(self.text(balancer))).is_some();
            let listing = if unlisted && !failed { Listing::LoadBalancers } else { listing };
            return (Err(self.missing(listing, Some(balancer), what)), Vec::new());
        };
        if pages.0 > 0 && pages.1 == 0 {
            let subject = self.text(balancer);
            let text = format!("the last listeners of load balancer `{subject}` are on a page that was not read");
            let reason = self.builder.reason(Reason { code: ReasonCode::NotRead, text, permission: None });
            return (Err(reason), Vec::new());
        }
        let mut groups = Vec::new();
        let mut found = Vec::with_capacity(listeners.len());
        for raw in &listeners {
            for id in raw.groups.iter().chain(&raw.idle) {
                if !groups.contains(id) {
                    groups.push(*id);
                }
            }
        }
        for raw in listeners {
            let id = raw.id;
            let mut listener = self.listener(raw);
            if application {
                listener.ruled = self.ruled(balancer, id, &listener.groups, &groups);
            }
            found.push(listener);
        }
        let ruled = found.iter().flat_map(|listener| &listener.ruled).map(|(id, _)| *id);
        groups.extend(ruled);
        found.sort_by_key(|listener| listener.port);
        (Ok(found), groups)
    }

    /// Target groups that rules of a listener send to. Without its rules, any that uses the load balancer and is not
    /// named by a default action of any listener (Elastic Load Balancing API, `TargetGroup$LoadBalancerArns`).
    fn ruled(
        &mut self,
        balancer: NameId,
        listener: NameId,
        own: &[NameId],
        named: &[NameId],
    ) -> Vec<(NameId, ReasonId)> {
        let failed = self.estate.failure(Listing::Rules, Some(self.text(listener))).is_some();
        let rules = self.estate.balancing.rules.get(&listener).filter(|rules| !failed && rules.pages.1 > 0).cloned();
        let is_read = rules.is_some();
        let mut groups: Vec<NameId> = if let Some(rules) = rules {
            rules.groups.into_iter().filter(|id| !own.contains(id)).collect()
        } else {
            let uses = |group: &RawTargetGroup| group.balancers.contains(&balancer);
            let all = self.estate.balancing.groups.iter().filter(|(_, group)| uses(group)).map(|(id, _)| *id);
            all.filter(|id| !named.contains(id)).collect()
        };
        groups.sort_unstable();
        groups.dedup();
        if groups.is_empty() {
            return Vec::new();
        }
        let reason = if is_read {
            let text = "only requests that a rule of the listener is about are sent there".to_owned();
            self.builder.reason(Reason { code: ReasonCode::Undecidable, text, permission: None })
        } else {
            self.missing(Listing::Rules, Some(listener), "the list of rules of listener")
        };
        groups.into_iter().map(|id| (id, reason)).collect()
    }

    fn listener(&mut self, raw: RawListener) -> ListenerFacts {
        let protocol = self.text(raw.protocol).to_owned();
        // Elastic Load Balancing API, `ProtocolEnum`.
        let (tcp, udp, known) = match protocol.as_str() {
            "HTTP" | "HTTPS" | "TCP" | "TLS" => (true, false, true),
            "UDP" | "QUIC" => (false, true, true),
            "TCP_UDP" | "TCP_QUIC" => (true, true, true),
            _ => (false, false, false),
        };
        let strange = (!known).then(|| self.not_modelled(format!("the protocol `{protocol}` is not known")));
        let name = self.builder.names().intern(&format!("{protocol} {}", raw.port));
        ListenerFacts {
            name,
            port: raw.port,
            tcp,
            udp,
            strange,
            forwards: raw.forwards,
            groups: raw.groups,
            ruled: Vec::new(),
        }
    }

    fn setting(&self, of: NameId, key: &str) -> Setting<'_> {
        let Some(values) = self.estate.balancing.attributes.get(&of) else { return Setting::Unread };
        let value = self.builder.network().names().find(key).and_then(|key| values.get(&key));
        value.map_or(Setting::Default, |value| Setting::Value(self.text(*value)))
    }

    fn target_group(&mut self, id: NameId) {
        if self.balancers.groups.contains_key(&id) {
            return;
        }
        let raw = self.estate.balancing.groups.get(&id).cloned();
        let kind = self.target_kind(id, raw.as_ref());
        let preserves = self.preserves(id, raw.as_ref());
        let cross_zone = match self.setting(id, CROSS_ZONE) {
            Setting::Value("true") => CrossZone::Own(true),
            Setting::Value("false") => CrossZone::Own(false),
            Setting::Value(_) | Setting::Default => CrossZone::Inherited,
            Setting::Unread => {
                let what = "whether targets of other zones are sent to, a setting of target group";
                CrossZone::Unread(self.missing(Listing::TargetGroupAttributes, Some(id), what))
            }
        };
        let failed = self.estate.failure(Listing::TargetHealth, Some(self.text(id))).is_some();
        let targets = match self.estate.balancing.targets.get(&id).cloned().filter(|_| !failed) {
            Some(targets) => {
                let port = raw.as_ref().and_then(|group| group.port);
                Ok(targets.into_iter().map(|target| self.target(target, port)).collect())
            }
            None => Err(self.missing(Listing::TargetHealth, Some(id), "the health of the targets of target group")),
        };
        let label = raw.and_then(|group| group.label);
        if let Some(label) = label {
            self.builder.label(id, label);
        }
        let name = label.unwrap_or(id);
        self.balancers.groups.insert(id, TargetGroupFacts { name, kind, targets, preserves, cross_zone });
    }

    fn target_kind(&mut self, id: NameId, raw: Option<&RawTargetGroup>) -> TargetKind {
        let Some(raw) = raw else {
            return TargetKind::Opaque(self.missing(Listing::TargetGroups, Some(id), "target group"));
        };
        let kind = raw.kind.map(|kind| self.text(kind).to_owned()).unwrap_or_default();
        match kind.as_str() {
            "lambda" => TargetKind::Function,
            "instance" if raw.v6 => {
                TargetKind::Opaque(self.not_modelled("machines as targets over IPv6 are not modelled".to_owned()))
            }
            "instance" => TargetKind::Instance,
            "ip" => TargetKind::Address,
            kind => TargetKind::Opaque(self.not_modelled(format!("targets of the type `{kind}` are not modelled"))),
        }
    }

    /// Off by default for addresses as targets over TCP and TLS, else on; always on for UDP (Elastic Load Balancing
    /// API, `TargetGroupAttribute`; NLB guide, client IP preservation).
    fn preserves(&mut self, id: NameId, raw: Option<&RawTargetGroup>) -> Preserves {
        let text = |name: Option<NameId>| name.map(|name| self.text(name)).unwrap_or_default();
        let (kind, protocol) = (text(raw.and_then(|raw| raw.kind)), text(raw.and_then(|raw| raw.protocol)));
        if matches!(protocol, "UDP" | "TCP_UDP" | "QUIC" | "TCP_QUIC") {
            return Preserves::Known(true);
        }
        let default = kind != "ip";
        match self.setting(id, PRESERVES) {
            Setting::Value(value) => Preserves::Known(value == "true"),
            Setting::Default => Preserves::Known(default),
            Setting::Unread => {
                let what = "whether targets see the client's address, a setting of target group";
                Preserves::Assumed(default, self.missing(Listing::TargetGroupAttributes, Some(id), what))
            }
        }
    }

    fn target(&mut self, raw: RawTarget, port: Option<u16>) -> TargetFacts {
        let state = raw.state.map(|state| self.text(state).to_owned()).unwrap_or_default();
        // Only healthy targets are sent to (Elastic Load Balancing guides, target health).
        let health = match state.as_str() {
            "healthy" => Health::Healthy,
            // Where all are unhealthy, all of them are sent to (Elastic Load Balancing guides, health checks).
            "unhealthy" | "unhealthy.draining" => {
                let text = format!(
                    "target `{}` fails its health checks, and requests go to it because no target passes them",
                    self.text(raw.id)
                );
                Health::Unhealthy(self.builder.reason(Reason { code: ReasonCode::Undecidable, text, permission: None }))
            }
            "draining" | "unused" => Health::Unused,
            state => {
                let text =
                    format!("whether target `{}` is healthy is not known: its state is `{state}`", self.text(raw.id));
                let code = ReasonCode::Undecidable;
                Health::Unsure(self.builder.reason(Reason { code, text, permission: None }))
            }
        };
        // An address outside of the VPC is of all zones (Elastic Load Balancing API, `TargetDescription`).
        let zone = raw.zone.filter(|zone| self.text(*zone) != "all");
        let address = self.text(raw.id).parse().ok();
        TargetFacts { id: raw.id, address, port: raw.port.or(port), zone, health }
    }
}
