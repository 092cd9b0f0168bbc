//! The address algebra against plain tables of booleans, and the texts that stand for addresses and ports.

#![cfg(test)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use reachlint_model::{AddressSet, Family, PortRange, Prefix, Share};

/// A window's addresses.
const SIZE: usize = 256;

/// 256 neighbouring addresses. The windows at both ends of a space are where arithmetic could overflow.
#[derive(Clone, Copy, Debug)]
enum Window {
    V4(u32),
    V6(u128),
}

const WINDOWS: [Window; 6] = [
    Window::V4(0),
    Window::V4(0x0a00_0080),
    Window::V4(u32::MAX - 255),
    Window::V6(0),
    Window::V6(0x2001_0db8_0000_0000_0000_0000_0000_ff80),
    Window::V6(u128::MAX - 255),
];

impl Window {
    fn at(self, offset: usize) -> IpAddr {
        match self {
            Self::V4(base) => Ipv4Addr::from_bits(base + u32::try_from(offset).unwrap()).into(),
            Self::V6(base) => Ipv6Addr::from_bits(base + offset as u128).into(),
        }
    }

    fn family(self) -> Family {
        Family::of(self.at(0))
    }

    fn all(self) -> AddressSet {
        AddressSet::from_ranges([(self.at(0), self.at(SIZE - 1))])
    }

    fn read(self, set: &AddressSet) -> Vec<bool> {
        (0..SIZE).map(|offset| set.contains(self.at(offset))).collect()
    }

    fn size(self, set: &AddressSet) -> u128 {
        match self.family() {
            Family::V4 => set.size_v4().into(),
            Family::V6 => set.size_v6(),
        }
    }
}

/// Ranges of offsets in a window, as a set and as a table.
type Ranges = Vec<(usize, usize)>;

fn set(window: Window, ranges: &Ranges) -> AddressSet {
    AddressSet::from_ranges(ranges.iter().map(|&(first, last)| (window.at(first), window.at(last))))
}

fn table(ranges: &Ranges) -> Vec<bool> {
    (0..SIZE).map(|offset| ranges.iter().any(|&(first, last)| (first..=last).contains(&offset))).collect()
}

fn zip(left: &[bool], right: &[bool], keep: impl Fn(bool, bool) -> bool) -> Vec<bool> {
    left.iter().zip(right).map(|(left, right)| keep(*left, *right)).collect()
}

fn count(table: &[bool]) -> u128 {
    table.iter().filter(|held| **held).count() as u128
}

/// Mostly short ranges, some of which touch an end of the window; the ends may be the wrong way round.
fn ranges() -> impl Strategy<Value = Ranges> {
    let offset = prop_oneof![4 => 0..SIZE, 1 => Just(0), 1 => Just(SIZE - 1)];
    let near = (offset.clone(), 0..12_usize).prop_map(|(first, more)| (first, (first + more).min(SIZE - 1)));
    let any = (offset.clone(), offset);
    prop::collection::vec(prop_oneof![3 => near, 1 => any], 0..8)
}

fn window() -> impl Strategy<Value = Window> {
    prop::sample::select(WINDOWS.to_vec())
}

/// The fewest aligned blocks that make up a table, found by halving: a block is whole, empty, or the sum of its halves.
fn blocks(table: &[bool], start: usize, size: usize) -> usize {
    let part = &table[start..start + size];
    if part.iter().all(|held| *held) {
        return 1;
    }
    if part.iter().all(|held| !*held) {
        return 0;
    }
    blocks(table, start, size / 2) + blocks(table, start + size / 2, size / 2)
}

proptest! {
    #[test]
    fn algebra_is_that_of_tables(window in window(), left in ranges(), right in ranges()) {
        let (a, b) = (set(window, &left), set(window, &right));
        let (x, y) = (table(&left), table(&right));
        prop_assert_eq!(window.read(&a), x.clone());
        prop_assert_eq!(window.read(&a.union(&b)), zip(&x, &y, |x, y| x || y));
        prop_assert_eq!(window.read(&a.intersection(&b)), zip(&x, &y, |x, y| x && y));
        prop_assert_eq!(window.read(&a.difference(&b)), zip(&x, &y, |x, y| x && !y));
        prop_assert_eq!(window.read(&a.complement()), zip(&x, &x, |x, _| !x));
        prop_assert_eq!(a.is_subset(&b), zip(&x, &y, |x, y| x && !y).iter().all(|left| !left));
        prop_assert_eq!(a.is_empty(), count(&x) == 0);
        prop_assert_eq!(window.size(&a), count(&x));
        prop_assert_eq!(window.size(&a.union(&b)), count(&zip(&x, &y, |x, y| x || y)));
    }

    #[test]
    fn sets_are_equal_by_content(window in window(), left in ranges(), right in ranges()) {
        let (a, b) = (set(window, &left), set(window, &right));
        prop_assert_eq!(a == b, table(&left) == table(&right));
        // The same content on three other ways.
        let table = table(&left);
        let single = (0..SIZE).filter(|offset| table[*offset]).map(|offset| (window.at(offset), window.at(offset)));
        prop_assert_eq!(&AddressSet::from_ranges(single), &a);
        prop_assert_eq!(&a.prefixes().collect::<AddressSet>(), &a);
        prop_assert_eq!(&a.complement().complement(), &a);
    }

    #[test]
    fn the_window_in_its_space(window in window(), left in ranges(), right in ranges()) {
        let (a, b) = (set(window, &left), set(window, &right));
        let everything = AddressSet::everything();
        prop_assert_eq!(a.union(&a.complement()), everything.clone());
        prop_assert!(a.intersection(&a.complement()).is_empty());
        prop_assert_eq!(a.union(&b).complement(), a.complement().intersection(&b.complement()));
        prop_assert!(a.is_subset(&window.all()) && window.all().is_subset(&everything));
        // What is outside of the window is complete: its size and that of the window are that of the space.
        let space = AddressSet::family(window.family());
        let outside = space.difference(&window.all());
        prop_assert_eq!(outside.union(&window.all()), space);
        let rest = match window.family() {
            Family::V4 => u128::from(u32::MAX) - 255,
            Family::V6 => u128::MAX - 255,
        };
        prop_assert_eq!(window.size(&outside), rest);
    }

    #[test]
    fn prefixes_are_the_fewest(window in window(), left in ranges()) {
        // The halves of a window are aligned only where the window is.
        let window = match window {
            Window::V4(base) => Window::V4(base & !0xff),
            Window::V6(base) => Window::V6(base & !0xff),
        };
        let a = set(window, &left);
        let prefixes: Vec<Prefix> = a.prefixes().collect();
        prop_assert_eq!(prefixes.len(), blocks(&table(&left), 0, SIZE));
        prop_assert!(prefixes.windows(2).all(|pair| pair[0].last() < pair[1].first()));
        // What is shown reads back as the same set.
        let shown = a.to_string();
        let read: Result<AddressSet, _> = shown.split(", ").filter(|text| !text.is_empty()).map(str::parse::<Prefix>).collect();
        prop_assert_eq!(read.unwrap(), a);
    }

    #[test]
    fn families_never_mix(low in ranges(), high in ranges()) {
        // The same numbers in both families.
        let (v4, v6) = (Window::V4(0), Window::V6(0));
        let (a, b) = (set(v4, &low), set(v6, &high));
        let both = a.union(&b);
        prop_assert_eq!(both.only(Family::V4), a.clone());
        prop_assert_eq!(both.only(Family::V6), b.clone());
        prop_assert!(a.intersection(&b).is_empty());
        prop_assert_eq!(a.difference(&b), a.clone());
        prop_assert_eq!(v6.read(&a), vec![false; SIZE]);
        prop_assert_eq!(v4.read(&b), vec![false; SIZE]);
        prop_assert_eq!((both.size_v4(), both.size_v6()), (a.size_v4(), b.size_v6()));
        prop_assert_eq!(a.is_subset(&b), a.is_empty());
        // IPv4 first.
        prop_assert!(both.prefixes().map(Prefix::family).is_sorted_by_key(|family| family == Family::V6));
    }

    #[test]
    fn prefixes_hold_what_their_mask_says(window in window(), base in 0..SIZE, more in 0..9_u8) {
        let length = match window.family() {
            Family::V4 => 32 - more,
            Family::V6 => 128 - more,
        };
        let prefix = Prefix::new(window.at(base), length).unwrap();
        let last = |offset: usize| match window.at(offset) {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        for offset in 0..SIZE {
            let same = last(offset) >> more == last(base) >> more;
            prop_assert_eq!(prefix.contains(window.at(offset)), same);
            prop_assert_eq!(AddressSet::from(prefix).contains(window.at(offset)), same);
        }
        prop_assert_eq!(prefix.to_string().parse::<Prefix>(), Ok(prefix));
    }
}

fn of(texts: &[&str]) -> AddressSet {
    texts.iter().map(|text| text.parse::<Prefix>().unwrap()).collect()
}

#[test]
fn the_whole_of_a_family() {
    assert_eq!(of(&["0.0.0.0/1", "128.0.0.0/1"]), of(&["0.0.0.0/0"]));
    assert_eq!(of(&["::/1", "8000::/1"]), AddressSet::family(Family::V6));
    assert_eq!(AddressSet::family(Family::V4).size_v4(), 1 << 32);
    assert_eq!(AddressSet::family(Family::V4).size_v6(), 0);
    // One more than fits, so it stays at the most; anything less is exact.
    assert_eq!(AddressSet::family(Family::V6).size_v6(), u128::MAX);
    assert_eq!(AddressSet::family(Family::V6).difference(&of(&["::/128"])).size_v6(), u128::MAX);
    assert_eq!(AddressSet::family(Family::V6).difference(&of(&["::/127"])).size_v6(), u128::MAX - 1);
    assert_eq!(of(&["::/1"]).size_v6(), 1 << 127);
    assert_eq!(AddressSet::everything().to_string(), "0.0.0.0/0, ::/0");
    assert!(AddressSet::everything().complement().is_empty());
    assert_eq!(AddressSet::empty().complement(), AddressSet::everything());
    assert_eq!(AddressSet::empty().to_string(), "");
    let almost = AddressSet::family(Family::V4).difference(&of(&["255.255.255.255/32"]));
    assert_eq!(almost.prefixes().count(), 32);
    assert!(!almost.contains("255.255.255.255".parse().unwrap()));
}

#[test]
fn ranges_that_hold_nothing() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let swapped = (address("10.0.0.2"), address("10.0.0.1"));
    let mixed = (address("10.0.0.1"), address("2001:db8::1"));
    assert!(AddressSet::from_ranges([swapped, mixed]).is_empty());
}

#[test]
fn prefix_texts() {
    let shown = |text: &str| text.parse::<Prefix>().map(|prefix| prefix.to_string()).map_err(|error| error.to_string());
    for (text, block) in [
        ("10.1.2.3/16", "10.1.0.0/16"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("1.2.3.4/0", "0.0.0.0/0"),
        ("255.255.255.255/32", "255.255.255.255/32"),
        ("2001:DB8::1/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::1/0", "::/0"),
        // An IPv4 address in the clothes of IPv6 stays an IPv6 block.
        ("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104"),
    ] {
        assert_eq!(shown(text), Ok(block.to_owned()), "{text}");
    }
    for text in [
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0/8",
        "10.0.0.0/8/8",
        "::/129",
        "::/",
        " 10.0.0.0/8",
        "10.0.0.0/8 ",
        "10.0.0.256",
        "010.0.0.1/8",
        "010.0.0.1",
        "10.0.0.0/+8",
        "10.0.0.0/255.0.0.0",
        "fe80::1%eth0",
        "[::1]",
        "10.0.0.0/256",
        "any",
    ] {
        let error = shown(text).unwrap_err();
        assert!(error.starts_with(&format!("`{text}` is not an address block")), "{text}: {error}");
    }
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(Prefix::new(address("10.0.0.1"), 33), None);
    assert_eq!(Prefix::new(address("::1"), 129), None);
    let all = Prefix::new(address("10.0.0.1"), 0).unwrap();
    assert_eq!((all.first(), all.last(), all.length()), (address("0.0.0.0"), address("255.255.255.255"), 0));
    // The lowest and the highest address of a block are addresses like any other.
    let link: Prefix = "10.0.0.0/31".parse().unwrap();
    assert_eq!((link.first(), link.last()), (address("10.0.0.0"), address("10.0.0.1")));
    assert!(!all.contains(address("::ffff:10.0.0.1")));
}

#[test]
fn port_texts() {
    let read = |text: &str| text.parse::<PortRange>();
    assert_eq!(read("0"), Ok(PortRange::single(0)));
    assert_eq!(read("65535"), Ok(PortRange::single(u16::MAX)));
    assert_eq!(read("0-65535"), Ok(PortRange::ALL));
    assert_eq!(read("32768-60999"), Ok(PortRange::LINUX_EPHEMERAL));
    assert_eq!(read("443-443"), Ok(PortRange::single(443)));
    // As `cat /proc/sys/net/ipv4/ip_local_port_range` separates the ends by blanks, people write some.
    assert_eq!(read("32768 - 60999"), Ok(PortRange::LINUX_EPHEMERAL));
    for text in ["", "-", "-1", "1-", "65536", "0-65536", "2-1", "1-2-3", "http", "0x50", "1,2", "٣", "+80", "1-+2"] {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(&format!("`{text}` is not a port")), "{text}: {error}");
    }
    assert_eq!(PortRange::new(2, 1), None);
    assert_eq!(PortRange::ALL.count(), 65_536);
    assert_eq!(PortRange::single(u16::MAX).count(), 1);
    for range in [PortRange::ALL, PortRange::single(0), PortRange::LINUX_EPHEMERAL] {
        assert_eq!(read(&range.to_string()), Ok(range));
    }
}

#[test]
fn shares_of_the_internet() {
    let prefix = |text: &str| text.parse::<Prefix>().unwrap();
    for (text, share) in [
        ("0.0.0.0/0", Share::All),
        ("0.0.0.0/1", Share::Part),
        ("20.0.0.0/8", Share::Part),
        ("10.0.0.0/8", Share::Nothing),
        ("::/0", Share::All),
        ("2000::/4", Share::Part),
        ("fd00::/8", Share::Nothing),
    ] {
        assert_eq!(prefix(text).share_of_internet(), share, "{text}");
        assert_eq!(AddressSet::from(prefix(text)).share_of_internet(prefix(text).family()), share, "{text}");
    }
    let halves = AddressSet::from(prefix("0.0.0.0/1")).union(&prefix("128.0.0.0/1").into());
    assert_eq!(halves.share_of_internet(Family::V4), Share::All);
    assert_eq!(halves.share_of_internet(Family::V6), Share::Nothing);
    assert_eq!(AddressSet::internet().share_of_internet(Family::V4), Share::All);
}
