//! How the internet reaches an interface.

use std::net::IpAddr;

use reachlint_model::{Direction, Door, Exposure, Family, InterfaceId};

use super::IMPLIED;
use super::balancer::Serves;
use super::compile::{GcpNetwork, INTERNET, Kind, is_private};
use super::vpc::NextHop;

/// A public path needs an external address and a route to the internet over which answers go (VPC, internet access), or
/// a passthrough load balancer that hands packets of the internet on as they are.
pub(super) fn exposure(gcp: &GcpNetwork, id: InterfaceId, address: IpAddr) -> Exposure {
    let none = Exposure { doors: Vec::new(), public: Ok(false) };
    let Some((interface, facts)) = gcp.network.interface(id).zip(gcp.facts_of(id)) else { return none };
    if !matches!(facts.kind, Kind::Nic { .. }) {
        return none;
    }
    let chain = gcp.chain(facts.ingress.get(INTERNET));
    let door = |stage: &super::Stage| Door {
        gate: Ok(stage.gate),
        direction: Direction::Ingress,
        narrow: stage.layer != IMPLIED,
    };
    let doors = chain.iter().map(door).collect();
    let listed = gcp.network.addresses(interface).iter();
    let reachable = match Family::of(address) {
        Family::V4 => listed.clone().any(|known| known.private == address && known.public.is_some()),
        Family::V6 => listed.clone().any(|known| known.private == address) && !is_private(address),
    };
    let balanced = gcp.balancers.iter().any(|balancer| {
        balancer.is_external && matches!(balancer.serves, Serves::Passthrough(_)) && balancer.serves(id)
    });
    let Some(vpc) = gcp.vpcs.get(&facts.network).filter(|_| reachable || balanced) else {
        return Exposure { doors, public: Ok(false) };
    };
    let family = Family::of(address);
    let routed = vpc.routes.iter().any(|route| {
        route.hop == NextHop::Internet
            && route.prefix.family() == family
            && route.prefix.length() == 0
            && route.broken.is_none()
    });
    let public = match (routed, vpc.unread_routes) {
        (true, _) => Ok(true),
        (false, Some(reason)) => Err(reason),
        (false, None) => Ok(false),
    };
    Exposure { doors, public }
}
