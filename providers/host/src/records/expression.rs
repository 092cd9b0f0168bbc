//! What nft compares, and with what.

use std::net::IpAddr;

use reachlint_model::{AddressSet, Family, PortRange, Prefix};
use serde_json::Value;

use super::concat::concatenated;
use super::nft::Sets;
use super::ruleset::{Devices, FlagTest, Kinds, Protocols, States, Test, merged, other_ports};

/// More elements than this in a set of combinations are not written out.
pub(super) const MOST_WAYS: usize = 4096;

/// One end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selector {
    Address(End, Family),
    Ports(End, Protocols),
    /// The transport protocol, of packets of one family or of both.
    Transport(Option<Family>),
    Family,
    Arrives,
    Leaves,
    State,
    Status,
    Mark,
    Kind(End),
    Flags,
    /// A header that packets of TCP and UDP do not have.
    Elsewhere,
}

fn selector(left: &Value) -> Option<Selector> {
    if let Some(payload) = left.get("payload") {
        let (protocol, field) = (payload.get("protocol")?.as_str()?, payload.get("field")?.as_str()?);
        return Some(match (protocol, field) {
            ("ip", "saddr") => Selector::Address(End::Source, Family::V4),
            ("ip", "daddr") => Selector::Address(End::Destination, Family::V4),
            ("ip6", "saddr") => Selector::Address(End::Source, Family::V6),
            ("ip6", "daddr") => Selector::Address(End::Destination, Family::V6),
            ("ip", "protocol") => Selector::Transport(Some(Family::V4)),
            ("ip6", "nexthdr") => Selector::Transport(Some(Family::V6)),
            ("tcp", "flags") => Selector::Flags,
            ("tcp" | "udp" | "th", "sport" | "dport") => {
                let end = if field == "sport" { End::Source } else { End::Destination };
                let protocols = match protocol {
                    "tcp" => Protocols::TCP,
                    "udp" => Protocols::UDP,
                    _ => Protocols::ALL,
                };
                Selector::Ports(end, protocols)
            }
            ("icmp" | "icmpv6" | "igmp" | "sctp" | "dccp" | "udplite" | "esp" | "ah" | "comp", _) => {
                Selector::Elsewhere
            }
            _ => return None,
        });
    }
    if let Some(meta) = left.get("meta") {
        return Some(match meta.get("key").unwrap_or(meta).as_str()? {
            "l4proto" => Selector::Transport(None),
            "nfproto" | "protocol" => Selector::Family,
            "iif" | "iifname" => Selector::Arrives,
            "oif" | "oifname" => Selector::Leaves,
            "mark" => Selector::Mark,
            _ => return None,
        });
    }
    if let Some(ct) = left.get("ct") {
        return match ct.get("key")?.as_str()? {
            "state" => Some(Selector::State),
            "status" => Some(Selector::Status),
            _ => None,
        };
    }
    let fib = left.get("fib")?;
    let mut flags = fib.get("flags")?.as_array()?.iter().filter_map(Value::as_str).filter(|flag| *flag != "mark");
    match (fib.get("result")?.as_str()?, flags.next()?, flags.next()) {
        ("type", "daddr", None) => Some(Selector::Kind(End::Destination)),
        ("type", "saddr", None) => Some(Selector::Kind(End::Source)),
        _ => None,
    }
}

/// The tests of a match, as ways of which no two hold together. `None` where it is not understood.
pub(super) fn matching(left: &Value, op: &str, right: &Value, sets: &Sets<'_>) -> Option<Vec<Vec<Test>>> {
    let negated = match op {
        "==" | "in" => false,
        "!=" => true,
        _ => return None,
    };
    if let Some(parts) = left.get("concat").and_then(Value::as_array) {
        return if negated { None } else { concatenated(parts, &sets.elements(right)?, sets) };
    }
    if let Some([inner, mask]) = left.get("&").and_then(Value::as_array).map(Vec::as_slice) {
        return masked(inner, mask, op, right).map(|tests| vec![tests]);
    }
    let selector = selector(left)?;
    if selector == Selector::Flags {
        // A list of flags is their sum here, and not a set of values.
        let value = flags(right)?;
        let test = match op {
            "in" => FlagTest::Any { mask: value, negated },
            _ => FlagTest::Exactly { mask: u8::MAX, value, negated },
        };
        return Some(vec![vec![Test::Protocols(Protocols::TCP), Test::Flags(test)]]);
    }
    compare(selector, &sets.elements(right)?, negated).map(|tests| vec![tests])
}

/// The tests of a key that has one of these values.
pub(super) fn is_one_of(left: &Value, values: &[&Value], negated: bool, sets: &Sets<'_>) -> Option<Vec<Test>> {
    if let Some(parts) = left.get("concat").and_then(Value::as_array) {
        let mut ways = if negated { None } else { concatenated(parts, values, sets) }?;
        return ways.pop().filter(|_| ways.is_empty());
    }
    compare(selector(left)?, values, negated)
}

fn compare(selector: Selector, values: &[&Value], negated: bool) -> Option<Vec<Test>> {
    // An element that stands for all that no other one is.
    let anything = values.iter().any(|value| value.as_str() == Some("*"));
    if anything {
        return Some(if negated { vec![Test::Never] } else { compare_anything(selector) });
    }
    match selector {
        Selector::Address(end, family) => {
            let ranges: Option<Vec<(IpAddr, IpAddr)>> = values.iter().map(|value| address_range(value)).collect();
            let all = AddressSet::family(family);
            let set = AddressSet::from_ranges(ranges?);
            let set = if negated { all.difference(&set) } else { all.intersection(&set) };
            Some(vec![address_test(end, set)])
        }
        Selector::Ports(end, protocols) => {
            let ranges: Option<Vec<PortRange>> = values.iter().map(|value| port_range(value)).collect();
            let ranges = if negated { other_ports(&ranges?) } else { merged(&ranges?) };
            Some(vec![Test::Protocols(protocols), port_test(end, ranges)])
        }
        Selector::Transport(family) => {
            let found = values.iter().map(|value| transport(value)).collect::<Option<Vec<_>>>()?;
            let found = found.into_iter().fold(Protocols::NEITHER, Protocols::or);
            let mut tests = vec![Test::Protocols(if negated { found.not() } else { found })];
            tests.extend(family.map(|family| Test::Source(AddressSet::family(family))));
            Some(tests)
        }
        Selector::Family => {
            let mut set = AddressSet::empty();
            for value in values {
                set = set.union(&family(value)?);
            }
            Some(vec![Test::Source(if negated { set.complement() } else { set })])
        }
        Selector::Arrives | Selector::Leaves => {
            let patterns = values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
            let devices = Devices { patterns, negated };
            Some(vec![if selector == Selector::Arrives { Test::Arrives(devices) } else { Test::Leaves(devices) }])
        }
        Selector::State => {
            let mut states = States::default();
            for value in values {
                match value.as_str()? {
                    "new" => states.new = true,
                    "established" => states.established = true,
                    "untracked" => states.untracked = true,
                    "related" | "invalid" => {}
                    _ => return None,
                }
            }
            if negated {
                let States { new, established, untracked } = states;
                states = States { new: !new, established: !established, untracked: !untracked };
            }
            Some(vec![Test::States(states)])
        }
        Selector::Status => match values {
            [one] if one.as_str() == Some("dnat") => Some(vec![Test::Translated(!negated)]),
            _ => None,
        },
        Selector::Mark => match values {
            [one] => mark(one, negated).map(|test| vec![test]),
            _ => None,
        },
        Selector::Kind(end) => {
            let mut kinds = Kinds::default();
            for value in values {
                match value.as_str()? {
                    "local" => kinds.local = true,
                    "unicast" => kinds.unicast = true,
                    "broadcast" | "multicast" | "anycast" | "blackhole" | "unreachable" | "prohibit" | "unspec" => {}
                    _ => return None,
                }
            }
            if negated {
                kinds = Kinds { local: !kinds.local, unicast: !kinds.unicast };
            }
            Some(vec![match end {
                End::Source => Test::SourceKind(kinds),
                End::Destination => Test::DestinationKind(kinds),
            }])
        }
        Selector::Elsewhere => Some(vec![Test::Never]),
        Selector::Flags => None,
    }
}

/// What has to be there at all for a comparison with anything.
fn compare_anything(selector: Selector) -> Vec<Test> {
    match selector {
        Selector::Address(_, family) | Selector::Transport(Some(family)) => {
            vec![Test::Source(AddressSet::family(family))]
        }
        Selector::Ports(_, protocols) => vec![Test::Protocols(protocols)],
        Selector::Elsewhere => vec![Test::Never],
        _ => Vec::new(),
    }
}

fn masked(inner: &Value, mask: &Value, op: &str, right: &Value) -> Option<Vec<Test>> {
    let negated = op == "!=";
    match selector(inner)? {
        Selector::Flags if op != "in" => {
            let test = FlagTest::Exactly { mask: flags(mask)?, value: flags(right)?, negated };
            Some(vec![Test::Protocols(Protocols::TCP), Test::Flags(test)])
        }
        Selector::Mark if op != "in" && mask.is_u64() => Some(vec![mark(right, negated)?]),
        Selector::Address(end, family) if op != "in" => {
            let length = prefix_length(mask.as_str()?.parse().ok()?)?;
            let set: AddressSet = Prefix::new(right.as_str()?.parse().ok()?, length)?.into();
            let all = AddressSet::family(family);
            let set = if negated { all.difference(&set) } else { all.intersection(&set) };
            Some(vec![address_test(end, set)])
        }
        _ => None,
    }
}

/// The length of a mask, if its bits are contiguous.
pub(super) fn prefix_length(mask: IpAddr) -> Option<u8> {
    let (ones, whole, bits) = match mask {
        IpAddr::V4(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones(), 32),
        IpAddr::V6(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones(), 128),
    };
    u8::try_from(ones).ok().filter(|_| ones == whole && ones <= bits)
}

fn mark(value: &Value, negated: bool) -> Option<Test> {
    Some(Test::Mark { value: u32::try_from(value.as_u64()?).ok()?, negated })
}

fn address_test(end: End, set: AddressSet) -> Test {
    match end {
        End::Source => Test::Source(set),
        End::Destination => Test::Destination(set),
    }
}

fn port_test(end: End, ports: Vec<PortRange>) -> Test {
    match end {
        End::Source => Test::SourcePorts(ports),
        End::Destination => Test::DestinationPorts(ports),
    }
}

fn address_range(value: &Value) -> Option<(IpAddr, IpAddr)> {
    if let Some(prefix) = value.get("prefix") {
        let length = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
        let prefix = Prefix::new(prefix.get("addr")?.as_str()?.parse().ok()?, length)?;
        return Some((prefix.first(), prefix.last()));
    }
    if let Some([first, last]) = value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        return Some((first.as_str()?.parse().ok()?, last.as_str()?.parse().ok()?));
    }
    let address = value.as_str()?.parse().ok()?;
    Some((address, address))
}

fn port_range(value: &Value) -> Option<PortRange> {
    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
    match value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        Some([first, last]) => PortRange::new(port(first)?, port(last)?),
        Some(_) => None,
        None => port(value).map(PortRange::single),
    }
}

fn transport(value: &Value) -> Option<Protocols> {
    Some(match (value.as_str(), value.as_u64()) {
        (Some("tcp"), _) | (_, Some(6)) => Protocols::TCP,
        (Some("udp"), _) | (_, Some(17)) => Protocols::UDP,
        (Some(_), _) | (_, Some(_)) => Protocols::NEITHER,
        _ => return None,
    })
}

fn family(value: &Value) -> Option<AddressSet> {
    Some(match (value.as_str(), value.as_u64()) {
        (Some("ipv4" | "ip"), _) | (_, Some(2 | 0x0800)) => AddressSet::family(Family::V4),
        (Some("ipv6" | "ip6"), _) | (_, Some(10 | 0x86dd)) => AddressSet::family(Family::V6),
        (Some(_), _) | (_, Some(_)) => AddressSet::empty(),
        _ => return None,
    })
}

/// The sum of TCP flags (RFC 9293, 3.1).
fn flags(value: &Value) -> Option<u8> {
    if let Some(list) = value.as_array().or_else(|| value.get("|").and_then(Value::as_array)) {
        return list.iter().try_fold(0, |sum, value| Some(sum | flags(value)?));
    }
    match value.as_str() {
        Some(name) => flag(name),
        None => u8::try_from(value.as_u64()?).ok(),
    }
}

pub(super) fn flag(name: &str) -> Option<u8> {
    Some(match name.to_ascii_lowercase().as_str() {
        "fin" => 0x01,
        "syn" => 0x02,
        "rst" => 0x04,
        "psh" => 0x08,
        "ack" => 0x10,
        "urg" => 0x20,
        "ecn" | "ece" => 0x40,
        "cwr" => 0x80,
        "all" => 0x3f,
        "none" => 0,
        _ => return None,
    })
}
