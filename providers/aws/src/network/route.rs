//! Which route a packet takes out of a subnet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reachlint_model::{NameId, PortRange, Protocol, ReasonId, Share};

use super::compile::{AwsNetwork, PREFIX_LIST, Route, Table, is_private};

/// The choice of a route table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Choice {
    /// A route matches.
    Route(Route),
    /// The matching route's target is gone.
    Blackhole(Route),
    /// No route matches; the id is the table's.
    None(NameId),
    /// The table could not be read, or a route that may match could not.
    Unread(ReasonId),
}

impl AwsNetwork {
    /// Longest prefix first, ties by [`Route::rank`] (VPC guide, route priority).
    pub(super) fn choose(&self, subnet: NameId, destination: IpAddr) -> Choice {
        let Some(facts) = self.subnets.get(&subnet) else { return Choice::Unread(self.unread_subnet) };
        let table = match facts.table {
            Ok(at) => self.tables.get(at),
            Err(reason) => return Choice::Unread(reason),
        };
        let Some(table) = table else { return Choice::Unread(self.unread_subnet) };
        self.choose_in(table, destination)
    }

    /// Whether a subnet sends some addresses of the internet another way than a route takes, so that it matters which
    /// address a sender has.
    pub(super) fn parts_internet(&self, subnet: NameId, taken: &Route) -> bool {
        let table = self.subnets.get(&subnet).and_then(|facts| self.tables.get(facts.table.ok()?));
        table.is_some_and(|table| {
            let family = taken.prefix.family();
            let others = table.routes.iter().filter(|route| route.prefix.family() == family);
            let mut others = others.filter(|route| (route.target, route.blackhole) != (taken.target, taken.blackhole));
            others.any(|route| route.prefix.share_of_internet() != Share::Nothing)
        })
    }

    /// The choice of one table.
    pub(super) fn choose_in(&self, table: &Table, destination: IpAddr) -> Choice {
        // The lists of gateway endpoints hold public addresses of S3 and DynamoDB only (VPC guide, gateway endpoints).
        let may_match = table.unread.iter().find(|(_, public_only)| !(*public_only && is_private(destination)));
        if let Some((reason, _)) = may_match {
            return Choice::Unread(*reason);
        }
        let matching = || table.routes.iter().filter(|route| route.prefix.contains(destination));
        let rank = |route: &Route| (route.prefix.length(), std::cmp::Reverse(route.rank));
        let best = matching().max_by_key(|route| rank(route));
        // Of prefix lists that overlap AWS picks one, nobody knows which (VPC guide, route priority).
        let differs = |route: &Route, best: &Route| (route.target, route.blackhole) != (best.target, best.blackhole);
        if let Some(best) = best.filter(|best| best.rank == PREFIX_LIST)
            && matching().any(|route| rank(route) == rank(best) && differs(route, best))
        {
            return Choice::Unread(self.either_list);
        }
        match best {
            Some(route) if route.blackhole => Choice::Blackhole(*route),
            Some(route) => Choice::Route(*route),
            None => Choice::None(table.id),
        }
    }
}

/// What AWS answers itself at an address, without route, security group or network ACL.
///
/// Security groups and network ACLs do not filter traffic to and from the Route 53 Resolver, the metadata service
/// and the time service at their link-local addresses (VPC guide, security groups and network ACLs).
pub(super) fn is_link_local(address: IpAddr) -> bool {
    const FD00_EC2: u32 = 0xfd00_0ec2;
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => (address.to_bits() >> 96) == u128::from(FD00_EC2) || address.is_unicast_link_local(),
    }
}

/// The services behind those addresses.
pub(super) fn is_link_local_service(address: IpAddr, protocol: Protocol, ports: PortRange) -> bool {
    let port = ports.first();
    let resolver =
        [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 253)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253))];
    let metadata =
        [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))];
    let time =
        [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 123)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x123))];
    (port == 53 && resolver.contains(&address))
        || (port == 80 && protocol == Protocol::TCP && metadata.contains(&address))
        || (port == 123 && protocol == Protocol::UDP && time.contains(&address))
}
