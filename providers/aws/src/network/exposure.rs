//! How the internet reaches an interface.

use std::net::IpAddr;

use reachlint_model::{Direction, Door, Exposure, Family, HopKind, InterfaceId, Outcome};

use super::compile::{AwsNetwork, is_private};

/// A public path needs a public address and a route of the subnet to an internet gateway in that family
/// (VPC guide, internet gateways), and VPC Block Public Access that lets it in.
pub(super) fn exposure(aws: &AwsNetwork, id: InterfaceId, address: IpAddr) -> Exposure {
    let none = Exposure { doors: Vec::new(), public: Ok(false) };
    let Some((interface, facts)) = aws.network.interface(id).zip(aws.facts.get(id.0 as usize)) else { return none };
    let mut doors = Vec::new();
    let doubt = aws.doubted_carrier(interface.id);
    let gate = facts.ingress.map(|gate| doubt.map_or(Ok(gate), Err));
    doors.extend(gate.map(|gate| Door { gate, direction: Direction::Ingress, narrow: true }));
    let subnet = aws.subnets.get(&interface.subnet);
    let acl = subnet.map_or(Err(aws.unread_subnet), |subnet| subnet.acl);
    doors.push(Door { gate: acl.map(|acl| acl.ingress), direction: Direction::Ingress, narrow: false });
    doors.push(Door { gate: acl.map(|acl| acl.egress), direction: Direction::Return, narrow: false });
    let listed = aws.network.addresses(interface).iter();
    let reachable = match Family::of(address) {
        Family::V4 => listed.clone().any(|known| known.private == address && known.public.is_some()),
        Family::V6 => !facts.cut_from_internet && !is_private(address),
    };
    let public = match subnet.map(|subnet| subnet.table) {
        _ if !reachable => Ok(false),
        Some(Ok(at)) => Ok(aws.tables.get(at).is_some_and(|table| table.reaches_internet(Family::of(address)))),
        Some(Err(reason)) => Err(reason),
        None => Err(aws.unread_subnet),
    };
    let place = (interface.account, interface.region);
    let access = aws.access_hop(place, interface.network, [interface.subnet; 2], super::access::Door::In);
    let public = match (public, access.map(|hop| hop.kind)) {
        (Ok(true), Some(HopKind::Route(Outcome::Block))) => Ok(false),
        (Ok(true), Some(HopKind::Route(Outcome::Unknown(reason)))) => Err(reason),
        (public, _) => public,
    };
    Exposure { doors, public }
}
