//! What remedies ask of the evidence.

use std::net::IpAddr;

use reachlint_model::{InterfaceId, NameId, Prefix};

use super::balancer::{Serves, Service};
use super::balancing::front_end;
use super::compile::{GcpNetwork, Kind};

/// Probes that a firewall keeps off.
pub(crate) struct Probed {
    /// One of the backends.
    pub(crate) interface: InterfaceId,
    pub(crate) port: u16,
    pub(crate) sources: Vec<Prefix>,
}

impl GcpNetwork {
    /// The path of an interface's network.
    pub(crate) fn network_of(&self, id: InterfaceId) -> Option<&str> {
        self.facts_of(id).map(|facts| facts.network.as_str())
    }

    /// Whether the policies of a network come before its VPC firewall rules.
    pub(crate) fn puts_policies_first(&self, path: &str) -> bool {
        self.vpcs.get(path).is_some_and(|vpc| vpc.policies_first)
    }

    /// Whether a list of rules is that of a policy.
    pub(crate) fn is_policy(&self, list: NameId) -> bool {
        self.policies.contains_key(&list)
    }

    /// The blocks that one has to admit for a sender: all of the proxies' where it is one of them, all of a block of which
    /// only the block is known, or else its own address.
    pub(crate) fn senders_around(&self, address: IpAddr, network: &str) -> Vec<Prefix> {
        let proxies = self.vpcs.get(network).and_then(|vpc| {
            let known = vpc.subnets.iter().filter(|subnet| subnet.is_proxy_only);
            known.flat_map(|subnet| &subnet.blocks).find(|block| block.contains(address)).copied()
        });
        if let Some(block) = proxies {
            return vec![block];
        }
        let front = front_end();
        if front.iter().any(|block| block.contains(address)) {
            return front;
        }
        let range = self.range_of(address).find_map(|id| match self.facts_of(id)?.kind {
            Kind::Range { prefix, .. } if prefix.first() == address => Some(prefix),
            _ => None,
        });
        vec![range.unwrap_or(Prefix::host(address))]
    }

    /// A backend of a service with what probes need.
    pub(crate) fn probed(&self, service: NameId) -> Option<Probed> {
        let services = self.balancers.iter().flat_map(|balancer| -> Vec<&Service> {
            match &balancer.serves {
                Serves::Passthrough(service) => vec![service],
                Serves::Proxy { services, .. } => services.iter().map(|(service, _)| service).collect(),
                _ => Vec::new(),
            }
        });
        let found = services.into_iter().find(|known| known.name == service)?;
        let probe = found.probe.as_ref()?;
        let target = found.targets.iter().find(|target| target.interface.is_some())?;
        Some(Probed {
            interface: target.interface?,
            port: probe.port.or(target.port.ok().flatten())?,
            sources: probe.sources.clone()?,
        })
    }
}
