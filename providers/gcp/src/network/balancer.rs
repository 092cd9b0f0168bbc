//! Load balancers and endpoints, compiled.

use std::net::IpAddr;

use reachlint_model::{InterfaceId, NameId, PortRange, Prefix, Protocol, ReasonId};

/// A forwarding rule with what is behind it.
#[derive(Clone, Debug)]
pub(super) struct Balancer {
    pub(super) name: NameId,
    /// Path of its network; empty for an external proxy, which is in none.
    pub(super) network: String,
    pub(super) region: Option<String>,
    pub(super) protocol: Option<Protocol>,
    /// Ports that it takes; every one if there is none.
    pub(super) ports: Vec<PortRange>,
    /// What it takes, in words.
    pub(super) heard: NameId,
    pub(super) has_global_access: bool,
    pub(super) is_external: bool,
    /// Why rules that are for load balancers themselves may keep connections off.
    pub(super) filtered: Option<ReasonId>,
    pub(super) serves: Serves,
}

/// What stands behind a forwarding rule.
#[derive(Clone, Debug)]
pub(super) enum Serves {
    /// Backends that get the packets as they are.
    Passthrough(Service),
    /// Backends to which a proxy opens connections from these blocks. A service that only some rule of a URL map sends to
    /// has a reason for doubt.
    Proxy { sources: Result<Vec<Prefix>, Refusal>, services: Vec<(Service, Option<ReasonId>)> },
    /// A service of somebody else.
    Endpoint { status: NameId, is_accepted: bool },
    /// Google's own APIs.
    Apis,
    /// Not known.
    Unread(ReasonId),
}

/// Why a proxy has no address to connect from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// It has none.
    Missing,
    /// It was not read.
    Unread(ReasonId),
}

/// A backend service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: NameId,
    pub(super) targets: Vec<Target>,
    /// Parts of it that were not read.
    pub(super) unread: Vec<(NameId, ReasonId)>,
    pub(super) probe: Option<Probe>,
    /// Nothing is sent anywhere when nobody is healthy.
    pub(super) drops: bool,
}

/// A backend.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: NameId,
    pub(super) interface: Option<InterfaceId>,
    pub(super) address: Option<IpAddr>,
    /// The port that a proxy connects to. `Err` where the group does not define the service's port.
    pub(super) port: Result<Option<u16>, NameId>,
    pub(super) is_backup: bool,
    /// What it is otherwise: outside of the network, by name, serverless.
    pub(super) opaque: Option<ReasonId>,
}

/// How health is checked.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    /// The port that is asked; the one that serves if there is none.
    pub(super) port: Option<u16>,
    /// Where probes come from. `None` in a universe of Google Cloud that is not known.
    pub(super) sources: Option<Vec<Prefix>>,
}

impl Balancer {
    /// Whether it takes a packet to this port.
    pub(super) fn takes(&self, protocol: Protocol, ports: PortRange) -> bool {
        let listens = self.ports.is_empty() || self.ports.iter().any(|own| own.contains(ports.first()));
        self.protocol.is_none_or(|own| own == protocol) && listens
    }

    pub(super) fn is_passthrough(&self) -> bool {
        matches!(self.serves, Serves::Passthrough(_))
    }

    /// Whether an interface is one of its backends.
    pub(super) fn serves(&self, id: InterfaceId) -> bool {
        let has = |service: &Service| service.targets.iter().any(|target| target.interface == Some(id));
        match &self.serves {
            Serves::Passthrough(service) => has(service),
            Serves::Proxy { services, .. } => services.iter().any(|(service, _)| has(service)),
            _ => false,
        }
    }
}
