//! Exact sets of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::LazyLock;

use ipnet::IpNet;

/// An address family. `0.0.0.0/0` never covers IPv6, nor `::/0` IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// A block of addresses in CIDR notation, host bits cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(IpNet);

/// A text that is not a CIDR block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address block such as `10.0.0.0/16` or `2001:db8::/32`")]
pub struct PrefixError(String);

impl Prefix {
    /// The block that holds one address: a /32 or a /128.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// The block of `length` leading bits around `address`, or `None` if the family has fewer bits.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        IpNet::new(address, length).ok().map(|net| Self(net.trunc()))
    }

    /// Lowest address of the block.
    #[must_use]
    pub fn first(self) -> IpAddr {
        self.0.network()
    }

    /// Highest address of the block.
    #[must_use]
    pub fn last(self) -> IpAddr {
        self.0.broadcast()
    }

    /// Number of leading bits that are fixed.
    #[must_use]
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    /// The family of the block.
    #[must_use]
    pub fn family(self) -> Family {
        Family::of(self.first())
    }

    /// How much of its family's internet lies in the block. Allocates nothing.
    #[must_use]
    pub fn share_of_internet(self) -> Share {
        match (self.first(), self.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => INTERNET.v4.share(&[(first.to_bits(), last.to_bits())]),
            (IpAddr::V6(first), IpAddr::V6(last)) => INTERNET.v6.share(&[(first.to_bits(), last.to_bits())]),
            _ => Share::Nothing,
        }
    }

    /// Whether `address` lies in the block. An address of the other family never does.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

/// How much of the internet some addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    All,
    /// Some of it.
    Part,
    /// None of it.
    Nothing,
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `10.0.0.0/16`, or a bare address as the block of that one address.
    ///
    /// The standard library reads the address, because `IpNet` takes `010.0.0.0` for `10.0.0.0` where other programs
    /// read it as octal.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let read = || {
            let Some((address, length)) = text.split_once('/') else { return text.parse().ok().map(Self::host) };
            // Numbers may carry a sign in Rust, and may not in an address block.
            let length = length.starts_with(|first: char| first.is_ascii_digit()).then_some(length)?;
            Self::new(address.parse().ok()?, length.parse().ok()?)
        };
        read().ok_or_else(|| PrefixError(text.to_owned()))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An unsigned word that addresses are counted in.
trait Word: Copy + Ord {
    const MAX: Self;
    const ZERO: Self;
    fn next(self) -> Option<Self>;
    fn previous(self) -> Option<Self>;
    /// Number of words in `self..=last`, saturating at `u128::MAX` (only the whole of IPv6 does).
    fn count(self, last: Self) -> u128;
    /// The longest aligned block that starts here and ends at or before `last`: its fixed bits and its last word.
    fn block(self, last: Self) -> (u8, Self);
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            const MAX: Self = <$type>::MAX;
            const ZERO: Self = 0;
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }
            fn count(self, last: Self) -> u128 {
                u128::from(last - self).saturating_add(1)
            }
            fn block(self, last: Self) -> (u8, Self) {
                let mut free = if self == 0 { <$type>::BITS } else { self.trailing_zeros() };
                loop {
                    let span = if free >= <$type>::BITS { Self::MAX } else { ((1 as Self) << free) - 1 };
                    if span <= last - self {
                        let fixed = u8::try_from(<$type>::BITS - free).unwrap_or(u8::MAX);
                        return (fixed, self + span);
                    }
                    free -= 1;
                }
            }
        }
    };
}
word!(u32);
word!(u128);

/// Sorted, disjoint, non-adjacent closed intervals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Intervals<T>(Vec<(T, T)>);

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Word> Intervals<T> {
    fn from_unsorted(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(open) if open.1.next().is_none_or(|next| first <= next) => open.1 = open.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    fn contains(&self, word: T) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= word);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|&(_, last)| word <= last)
    }

    fn union(&self, other: &Self) -> Self {
        Self::from_unsorted(self.0.iter().chain(&other.0).copied().collect())
    }

    fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(T::ZERO);
        for &(first, last) in &self.0 {
            if let (Some(start), Some(end)) = (from, first.previous())
                && start <= end
            {
                gaps.push((start, end));
            }
            from = last.next();
        }
        if let Some(start) = from {
            gaps.push((start, T::MAX));
        }
        Self(gaps)
    }

    fn intersection(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = Vec::new();
        while let (Some(&&(a, b)), Some(&&(c, d))) = (left.peek(), right.peek()) {
            let (first, last) = (a.max(c), b.min(d));
            if first <= last {
                common.push((first, last));
            }
            if b <= d {
                left.next();
            } else {
                right.next();
            }
        }
        Self(common)
    }

    /// How much of this some ranges hold, which are in order and apart.
    fn share(&self, ranges: &[(T, T)]) -> Share {
        let held = |&(first, last): &(T, T)| ranges.iter().any(|&(from, to)| from <= first && last <= to);
        let touched = |&(first, last): &(T, T)| ranges.iter().any(|&(from, to)| from <= last && first <= to);
        match (self.0.iter().all(held), self.0.iter().any(touched)) {
            (true, _) => Share::All,
            (false, true) => Share::Part,
            (false, false) => Share::Nothing,
        }
    }

    fn size(&self) -> u128 {
        self.0.iter().fold(0, |sum, &(first, last)| sum.saturating_add(first.count(last)))
    }

    fn blocks(&self) -> impl Iterator<Item = (T, u8)> + '_ {
        self.0.iter().flat_map(|&(first, last)| {
            let mut start = Some(first);
            std::iter::from_fn(move || {
                let from = start.filter(|from| *from <= last)?;
                let (fixed, end) = from.block(last);
                start = end.next();
                Some((from, fixed))
            })
        })
    }
}

/// An exact set of IPv4 and IPv6 addresses with the usual set algebra.
///
/// Sets are kept as sorted, disjoint intervals, so two sets are equal exactly if they hold the same
/// addresses: `0.0.0.0/1` with `128.0.0.0/1` is `0.0.0.0/0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddressSet {
    v4: Intervals<u32>,
    v6: Intervals<u128>,
}

/// See [`AddressSet::internet`].
static INTERNET: LazyLock<AddressSet> = LazyLock::new(|| {
    let private = [([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16), ([100, 64, 0, 0], 10)];
    let special = [([0, 0, 0, 0], 8), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([224, 0, 0, 0], 3)];
    let host = ([168, 63, 129, 16], 32);
    let blocks = private.into_iter().chain(special).chain([host]);
    let blocks = blocks.filter_map(|(octets, length)| Prefix::new(Ipv4Addr::from(octets).into(), length));
    let v4 = AddressSet::family(Family::V4).difference(&blocks.collect());
    let unicast = Prefix::new(IpAddr::V6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0)), 3);
    v4.union(&unicast.map(AddressSet::from).unwrap_or_default())
});

impl AddressSet {
    /// Addresses that can come from the internet: IPv4 without RFC 1918, RFC 6598, `0.0.0.0/8`, loopback, link-local,
    /// multicast and the reserved last block (RFC 6890), and of IPv6 the global unicast space. The one that Azure's hosts
    /// serve their machines from is in no network (Virtual Network, what is IP address 168.63.129.16).
    #[must_use]
    pub fn internet() -> &'static Self {
        &INTERNET
    }

    /// How much of one family's internet the set holds. Allocates nothing.
    #[must_use]
    pub fn share_of_internet(&self, family: Family) -> Share {
        match family {
            Family::V4 => INTERNET.v4.share(&self.v4.0),
            Family::V6 => INTERNET.v6.share(&self.v6.0),
        }
    }

    /// The set of no address.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every address of both families.
    #[must_use]
    pub fn everything() -> Self {
        Self { v4: Intervals(vec![(0, u32::MAX)]), v6: Intervals(vec![(0, u128::MAX)]) }
    }

    /// Every address of one family.
    #[must_use]
    pub fn family(family: Family) -> Self {
        let all = Self::everything();
        match family {
            Family::V4 => Self { v6: Intervals::default(), ..all },
            Family::V6 => Self { v4: Intervals::default(), ..all },
        }
    }

    /// The set of one closed range of each pair; a pair of mixed families or with its ends swapped holds nothing.
    #[must_use]
    pub fn from_ranges(ranges: impl IntoIterator<Item = (IpAddr, IpAddr)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match range {
                (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => v4.push((first.to_bits(), last.to_bits())),
                (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => v6.push((first.to_bits(), last.to_bits())),
                _ => {}
            }
        }
        Self { v4: Intervals::from_unsorted(v4), v6: Intervals::from_unsorted(v6) }
    }

    /// Whether the set holds `address`.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// Addresses in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// Addresses in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersection(&other.v4), v6: self.v6.intersection(&other.v6) }
    }

    /// Addresses in this set and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// Addresses not in this set, of both families.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self { v4: self.v4.complement(), v6: self.v6.complement() }
    }

    /// Whether every address of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.difference(other).is_empty()
    }

    /// Whether the set holds no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.0.is_empty() && self.v6.0.is_empty()
    }

    /// Number of IPv4 addresses.
    #[must_use]
    pub fn size_v4(&self) -> u64 {
        u64::try_from(self.v4.size()).unwrap_or(u64::MAX)
    }

    /// Number of IPv6 addresses, `u128::MAX` standing for the whole of IPv6 (which has one more).
    #[must_use]
    pub fn size_v6(&self) -> u128 {
        self.v6.size()
    }

    /// The part of the set in one family.
    #[must_use]
    pub fn only(&self, family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: self.v4.clone(), v6: Intervals::default() },
            Family::V6 => Self { v4: Intervals::default(), v6: self.v6.clone() },
        }
    }

    /// The fewest CIDR blocks that make up the set, IPv4 first, in ascending order.
    pub fn prefixes(&self) -> impl Iterator<Item = Prefix> + '_ {
        let v4 = self.v4.blocks().filter_map(|(word, bits)| Prefix::new(Ipv4Addr::from_bits(word).into(), bits));
        let v6 = self.v6.blocks().filter_map(|(word, bits)| Prefix::new(Ipv6Addr::from_bits(word).into(), bits));
        v4.chain(v6)
    }
}

impl From<Prefix> for AddressSet {
    fn from(prefix: Prefix) -> Self {
        Self::from_ranges([(prefix.first(), prefix.last())])
    }
}

impl From<IpAddr> for AddressSet {
    fn from(address: IpAddr) -> Self {
        Self::from_ranges([(address, address)])
    }
}

impl FromIterator<Prefix> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        Self::from_ranges(prefixes.into_iter().map(|prefix| (prefix.first(), prefix.last())))
    }
}

impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for prefix in self.prefixes() {
            write!(f, "{separator}{prefix}")?;
            separator = ", ";
        }
        Ok(())
    }
}
