//! Names that Compute Engine gives to machines, read without DNS.

use std::net::{IpAddr, Ipv4Addr};

use reachlint_model::{Family, InterfaceId, Lookup};

use super::compile::{GcpNetwork, Kind};

/// The address that a name of Compute Engine's own means to the machine behind `from`.
///
/// `web.europe-west1-b.c.shop.internal` and, in older projects, `web.c.shop.internal` are the primary internal address of
/// the machine's first interface, to machines of the same network (Compute Engine, internal DNS).
pub(super) fn lookup(gcp: &GcpNetwork, from: InterfaceId, host: &str) -> Lookup {
    address(gcp, from, host).map_or(Lookup::Silent, |address| Lookup::Addresses(vec![address]))
}

fn address(gcp: &GcpNetwork, from: InterfaceId, host: &str) -> Option<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if host == "metadata.google.internal" || host == "metadata" {
        return Some(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)));
    }
    let parts: Vec<&str> = host.strip_suffix(".internal")?.split('.').collect();
    let (machine, zone, project) = match parts.as_slice() {
        [machine, zone, "c", project] => (*machine, Some(*zone), *project),
        [machine, "c", project] => (*machine, None, *project),
        _ => return None,
    };
    let network = &gcp.facts_of(from)?.network;
    let named = gcp.aliases.get(machine)?.iter().copied();
    let mut found = named.filter(|id| {
        let Some((facts, interface)) = gcp.facts_of(*id).zip(gcp.network.interface(*id)) else { return false };
        let first = matches!(facts.kind, Kind::Nic { index: 0, .. });
        let here = zone.is_none_or(|zone| facts.zone.as_deref() == Some(zone));
        first && here && facts.network == *network && gcp.network.name(interface.account) == project
    });
    match (found.next(), found.next()) {
        (Some(one), None) => gcp.primary(one, Family::V4),
        _ => None,
    }
}
