//! How the internet reaches an interface.

use std::net::IpAddr;

use reachlint_model::{Direction, Door, Exposure, InterfaceId};

use super::AzureNetwork;
use super::compile::Kind;

/// Packets from the internet need a public address, of the interface or of a load balancer that sends to it.
pub(super) fn exposure(azure: &AzureNetwork, id: InterfaceId, address: IpAddr) -> Exposure {
    let none = Exposure { doors: Vec::new(), public: Ok(false) };
    let Some((interface, facts)) = azure.network.interface(id).zip(azure.facts.get(id.0 as usize)) else { return none };
    let mut doors = Vec::new();
    let mut filters = facts.filters;
    if let Kind::Endpoint { .. } = facts.kind {
        filters.admin = None;
        if !azure.subnets.get(&interface.subnet).is_some_and(|subnet| subnet.group_policies) {
            filters.subnet = None;
        }
    }
    if let Kind::Application(at, _) = facts.kind {
        filters.subnet = azure.applications.get(at).and_then(|application| application.filter);
    }
    for (filter, narrow) in [
        (filters.admin, filters.admin.is_some_and(|admin| admin.accepts)),
        (filters.subnet, true),
        (filters.card, true),
    ] {
        let Some(filter) = filter else { continue };
        let gate = filter.unread.map_or(Ok(filter.ingress), Err);
        doors.push(Door { gate, direction: Direction::Ingress, narrow });
    }
    let mut own = azure.network.addresses(interface).iter();
    let direct = own.any(|known| known.private == address && known.public.is_some());
    let public = match (direct || balanced(azure, id, address), facts.unread_public) {
        (true, _) => Ok(true),
        (false, Some(reason)) => Err(reason),
        (false, None) => Ok(false),
    };
    Exposure { doors, public }
}

/// Whether a load balancer with a public address sends to an address of an interface.
fn balanced(azure: &AzureNetwork, id: InterfaceId, address: IpAddr) -> bool {
    azure.network.interfaces().any(|(frontend, interface)| {
        let Some(Kind::Frontend(at, number)) = azure.facts.get(frontend.0 as usize).map(|facts| facts.kind) else {
            return false;
        };
        let public = azure.network.addresses(interface).iter().any(|own| own.public.is_some());
        let rules = azure.balancers.get(at).into_iter().flat_map(|balancer| &balancer.rules);
        let mut rules = rules.filter(|rule| rule.frontend == number);
        public
            && rules.any(|rule| {
                let backends = rule.backends.as_ref().map(Vec::as_slice).unwrap_or_default();
                backends.iter().any(|backend| backend.interface == Some(id) && backend.address == address)
            })
    })
}
