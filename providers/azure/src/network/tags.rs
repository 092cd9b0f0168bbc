//! What service tags stand for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reachlint_model::{AddressSet, NameId, Prefix, ReasonCode, ReasonId};

use super::compile::Compiler;
use super::words::READ_TAGS;

/// The address that probes, DHCP, DNS and the agent are served from on every host (Virtual Network, what is IP address
/// 168.63.129.16).
pub(super) const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16));
/// Where probes come from over IPv6 (Load Balancer, health probes).
const HOST_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x1234, 0x5678, 0x9abc));
/// The metadata service.
pub(super) const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// A set of addresses, and those that may belong to it as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Known {
    pub(super) set: AddressSet,
    pub(super) maybe: Option<(AddressSet, ReasonId)>,
}

impl Known {
    pub(super) fn of(set: AddressSet) -> Self {
        Self { set, maybe: None }
    }
}

/// What tags that depend on the place mean in a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Context {
    /// `VirtualNetwork`.
    pub(super) virtual_network: Known,
    /// `Internet`.
    pub(super) internet: Known,
}

/// A tag without regard to case and to the underscores of the classic spelling (`VIRTUAL_NETWORK`).
pub(super) fn plain(tag: &str) -> String {
    tag.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// The tags of the platform's own services. Only rules that name them filter those services (Network security groups,
/// Azure platform considerations).
pub(super) fn is_platform(tag: &str) -> bool {
    matches!(plain(tag).as_str(), "azureplatformdns" | "azureplatformimds" | "azureplatformlkm")
}

/// Whether the addresses of a tag are data.
#[cfg(feature = "live")]
pub(super) fn is_data(tag: &str) -> bool {
    !is_platform(tag) && !matches!(plain(tag).as_str(), "virtualnetwork" | "internet" | "azureloadbalancer")
}

impl Compiler {
    /// The addresses of a tag in a place.
    pub(super) fn tag(&mut self, tag: &str, context: &Context) -> Known {
        // As of 2025-07, these are the tags whose addresses are fixed or follow from the estate (Virtual network service
        // tags); those of all others are data that changes every week.
        match plain(tag).as_str() {
            "virtualnetwork" => return context.virtual_network.clone(),
            "internet" => return context.internet.clone(),
            "azureloadbalancer" => {
                return Known::of([Prefix::host(HOST), Prefix::host(HOST_V6)].into_iter().collect());
            }
            "azureplatformdns" => return Known::of(HOST.into()),
            "azureplatformimds" => return Known::of(METADATA.into()),
            _ => {}
        }
        self.data_tag(tag)
    }

    /// The addresses of a tag that is data. They are public ones of Azure's services, so no private address can be
    /// meant even where the data is missing.
    pub(super) fn data_tag(&mut self, tag: &str) -> Known {
        let data = self.estate.service_tags.as_ref();
        if let Some(blocks) = data.and_then(|tags| tags.get(&tag.to_ascii_lowercase())) {
            return Known::of(blocks.iter().copied().collect());
        }
        let what = if data.is_some() { "the service tag data does not have" } else { "the evidence does not have" };
        let text = format!(
            "{what} the addresses of service tag `{tag}`; give them with `--service-tags FILE`, as \
             `az network list-service-tags` prints them for the region"
        );
        let reason = self.reason(ReasonCode::NotRead, &text, Some(READ_TAGS));
        Known { set: AddressSet::empty(), maybe: Some((AddressSet::internet().clone(), reason)) }
    }
}

/// What the tags mean in a subnet. `VirtualNetwork` is not the network alone: it holds the network's address space,
/// that of its peers, what is connected over a gateway, the host's address, and the prefixes of user-defined routes
/// to an appliance or gateway, up to `0.0.0.0/0` (Virtual network service tags). A peer is left out where the
/// peering has `allowVirtualNetworkAccess` off (Create, change, or delete a peering).
///
/// `Internet` is what is outside the network and public. Prefixes of routes by service tag are not in it.
pub(super) fn context(place: &Place) -> Context {
    let own: AddressSet = place.own.iter().copied().collect();
    let mut set = own.union(&place.peers.iter().copied().collect());
    set = set.union(&place.routed.iter().copied().collect()).union(&HOST.into());
    let unknown = place.unknown.map(|reason| (set.complement(), reason));
    let internet = AddressSet::internet().difference(&own).difference(&place.tagged.set);
    let maybe = place.tagged.maybe.as_ref().map(|(set, reason)| (set.intersection(&internet), *reason));
    let certain = match &maybe {
        Some((set, _)) => internet.difference(set),
        None => internet,
    };
    Context { virtual_network: Known { set, maybe: unknown }, internet: Known { set: certain, maybe } }
}

/// What the tags of a subnet follow from.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The network's address space.
    pub(super) own: Vec<Prefix>,
    /// That of its peers.
    pub(super) peers: Vec<Prefix>,
    /// Prefixes of routes to appliances and gateways.
    pub(super) routed: Vec<Prefix>,
    /// Why others may belong to it.
    pub(super) unknown: Option<ReasonId>,
    /// Addresses of routes by service tag.
    pub(super) tagged: Known,
}

/// Names a set of address blocks in a line.
pub(super) fn listed(blocks: &[Prefix], tags: &[String], more: &[NameId], name: impl Fn(NameId) -> String) -> String {
    const SHOWN: usize = 3;
    let all = tags.iter().cloned().chain(blocks.iter().map(Prefix::to_string)).chain(more.iter().map(|id| name(*id)));
    let all: Vec<String> = all.collect();
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    }
}
