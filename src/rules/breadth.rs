//! How wide a set of sources is.

use std::net::{IpAddr, Ipv4Addr};

use reachlint_model::{AddressSet, Family, Network, Peer, Prefix};

/// A public range of this many IPv4 addresses is wide: a /16.
const WIDE_V4: u64 = 1 << 16;
/// And of this many IPv6 addresses: a /32, what one provider gets.
const WIDE_V6: u128 = 1 << 96;
/// From a quarter of IPv4 on it is the internet: no organisation and no list of one is as large, and one half of a
/// `0.0.0.0/0` that was written in two is.
const INTERNET_V4: u64 = 1 << 30;
/// Half of the global unicast space of IPv6 (`2000::/3`).
const INTERNET_V6: u128 = 1 << 124;
/// Virtual Network, what is IP address 168.63.129.16.
const AZURE_HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16));
/// As many addresses as the smallest subnet of AWS has: a /28 (VPC guide, subnet sizing).
const FEW: u64 = 16;

/// How wide a set of sources is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    /// All of the internet, or so much of it that it makes no difference.
    Internet,
    /// A wide public range.
    Public,
    /// A wide range of addresses that only private networks use.
    Private,
}

/// The breadth of a set, if it is wide at all.
pub(super) fn breadth(sources: &AddressSet) -> Option<Breadth> {
    let public = sources.intersection(AddressSet::internet());
    // The one that Azure's hosts serve their machines from is neither.
    let private = sources.difference(AddressSet::internet()).difference(&AZURE_HOST.into());
    if public.size_v4() >= INTERNET_V4 || public.size_v6() >= INTERNET_V6 {
        Some(Breadth::Internet)
    } else if public.size_v4() >= WIDE_V4 || public.size_v6() >= WIDE_V6 {
        Some(Breadth::Public)
    } else {
        (private.size_v4() > WIDE_V4 || private.size_v6() > WIDE_V6).then_some(Breadth::Private)
    }
}

/// Whether a set holds every public address of a family.
pub(super) fn is_whole_internet(sources: &AddressSet, family: Family) -> bool {
    AddressSet::internet().only(family).is_subset(sources)
}

/// Whether a set is a handful of addresses.
pub(super) fn is_few(sources: &AddressSet) -> bool {
    sources.size_v4() <= FEW && sources.size_v6() <= u128::from(FEW)
}

/// The widest blocks of a set, and how many more there are.
pub(super) fn listed(set: &AddressSet) -> String {
    const SHOWN: usize = 4;
    let mut blocks: Vec<Prefix> = set.prefixes().collect();
    let bits = |block: &Prefix| if block.family() == Family::V4 { 32 } else { 128 } - block.length();
    blocks.sort_by_key(|block| std::cmp::Reverse(bits(block)));
    let shown: Vec<String> = blocks.iter().take(SHOWN).map(Prefix::to_string).collect();
    let rest = match blocks.len().saturating_sub(SHOWN) {
        0 => String::new(),
        1 => " and 1 more block".to_owned(),
        more => format!(" and {more} more blocks"),
    };
    format!("{}{rest}", shown.join(", "))
}

/// The addresses that a rule's peer stands for; those of its carriers for a group. `None` where the evidence does not
/// say.
pub(super) fn peer(network: &Network, peer: Peer) -> Option<AddressSet> {
    match peer {
        Peer::Any => Some(AddressSet::everything()),
        Peer::V4 { base, length } => Prefix::new(Ipv4Addr::from_bits(base).into(), length).map(AddressSet::from),
        Peer::V6(id) => network.prefix(id).map(AddressSet::from),
        Peer::Set(id) => network.set(id).cloned(),
        Peer::Group(group) => {
            let carriers = network.carriers(group).filter_map(|id| network.interface(id));
            let own = carriers.flat_map(|interface| network.addresses(interface));
            Some(own.map(|address| Prefix::host(address.private)).collect())
        }
        Peer::Gone => Some(AddressSet::empty()),
        Peer::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(blocks: &[&str]) -> Option<Breadth> {
        breadth(&blocks.iter().map(|block| block.parse::<Prefix>().unwrap()).collect())
    }

    #[test]
    fn breadth_counts_addresses_however_they_are_written() {
        assert_eq!(of(&["0.0.0.0/0"]), Some(Breadth::Internet));
        assert_eq!(of(&["0.0.0.0/1"]), Some(Breadth::Internet));
        assert_eq!(of(&["128.0.0.0/1"]), Some(Breadth::Internet));
        assert_eq!(of(&["::/0"]), Some(Breadth::Internet));
        assert_eq!(of(&["2000::/4"]), Some(Breadth::Internet));
        assert_eq!(of(&["198.51.0.0/16"]), Some(Breadth::Public));
        assert_eq!(of(&["198.51.0.0/17", "203.0.0.0/17"]), Some(Breadth::Public));
        assert_eq!(of(&["2001:db8::/32"]), Some(Breadth::Public));
        assert_eq!(of(&["10.0.0.0/8"]), Some(Breadth::Private));
        assert_eq!(of(&["fc00::/7"]), Some(Breadth::Private));
    }

    #[test]
    fn one_network_or_one_site_is_not_wide() {
        for narrow in ["198.51.0.0/17", "10.0.0.0/16", "2001:db8::/33", "fd00:1::/48", "10.0.1.10/32"] {
            assert_eq!(of(&[narrow]), None, "{narrow}");
        }
    }

    #[test]
    fn reserved_addresses_are_not_the_internet() {
        assert_eq!(of(&["224.0.0.0/3"]), Some(Breadth::Private));
        assert!(is_whole_internet(&"0.0.0.0/0".parse::<Prefix>().unwrap().into(), Family::V4));
        assert!(!is_whole_internet(&"0.0.0.0/1".parse::<Prefix>().unwrap().into(), Family::V4));
    }

    #[test]
    fn the_widest_blocks_are_listed_first() {
        let set: AddressSet = ["10.0.0.1", "10.0.0.9", "10.1.0.0/16", "10.0.0.5", "10.9.0.0/24", "10.0.0.7"]
            .iter()
            .map(|block| block.parse::<Prefix>().unwrap())
            .collect();
        assert_eq!(listed(&set), "10.1.0.0/16, 10.9.0.0/24, 10.0.0.1/32, 10.0.0.5/32 and 2 more blocks");
    }
}
