//! Chains and rules of netfilter, whichever tool wrote them.

use reachlint_model::{AddressSet, PortRange};

/// Where a base chain is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hook {
    /// As a packet comes from a device.
    Ingress,
    /// Before it is decided for whom it is.
    Prerouting,
    /// On the way to a socket of this host.
    Input,
    /// On the way from a socket of this host.
    Output,
    /// As the last thing on the way out.
    Postrouting,
    /// As a packet goes to a device.
    Egress,
}

/// How a base chain is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) hook: Hook,
    pub(crate) priority: i64,
    /// Whether it translates addresses: it is asked about the first packet of a connection only.
    pub(crate) translates: bool,
    /// Whether what no rule decides is dropped.
    pub(crate) drops: bool,
    /// The devices that it belongs to, for [`Hook::Ingress`] and [`Hook::Egress`].
    pub(crate) devices: Vec<String>,
}

/// Which program's rules these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Engine {
    /// `nft`.
    Nftables,
    /// `iptables` or `ip6tables`.
    Iptables,
    /// The older engine of `iptables`, beside which the newer one filters too.
    Legacy,
}

/// Which program writes the rules, so that a change belongs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Manager {
    /// None but the engine's own.
    None,
    /// `ufw`.
    Ufw,
    /// `firewall-cmd`.
    Firewalld,
}

/// The families of a chain's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Families {
    V4,
    V6,
    Both,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) engine: Engine,
    pub(crate) manager: Manager,
    pub(crate) families: Families,
    /// What tells its table from every other one; chains jump to chains of the same table.
    pub(crate) scope: String,
    /// What its commands call the table: `inet filter` for nft, `filter` for iptables.
    pub(crate) table: String,
    pub(crate) name: String,
    /// `None` for one that is only jumped to.
    pub(crate) base: Option<Base>,
    pub(crate) rules: Vec<RawRule>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawRule {
    /// What it is called in reports.
    pub(crate) name: String,
    /// nft's number of it.
    pub(crate) handle: Option<u64>,
    /// Its place in its chain, from 1.
    pub(crate) position: usize,
    /// Ways to match, of which no two hold together; each is a list of tests that all hold.
    pub(crate) ways: Vec<Way>,
}

/// One way to match a rule, and what happens then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) tests: Vec<Test>,
    pub(crate) verdict: Verdict,
}

/// Transport protocols, as far as anybody asks about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protocols {
    pub(crate) tcp: bool,
    pub(crate) udp: bool,
}

impl Protocols {
    pub(crate) const ALL: Self = Self { tcp: true, udp: true };
    pub(crate) const TCP: Self = Self { tcp: true, udp: false };
    pub(crate) const UDP: Self = Self { tcp: false, udp: true };
    pub(crate) const NEITHER: Self = Self { tcp: false, udp: false };

    pub(crate) fn and(self, other: Self) -> Self {
        Self { tcp: self.tcp && other.tcp, udp: self.udp && other.udp }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self { tcp: self.tcp || other.tcp, udp: self.udp || other.udp }
    }

    pub(crate) fn not(self) -> Self {
        Self { tcp: !self.tcp, udp: !self.udp }
    }
}

/// States of connection tracking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct States {
    pub(crate) new: bool,
    pub(crate) established: bool,
    pub(crate) untracked: bool,
}

/// Kinds of addresses, as routing sees them (`fib daddr type`, `-m addrtype`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) local: bool,
    pub(crate) unicast: bool,
}

/// Patterns of device names; a `*` at the end stands for any rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Devices {
    pub(crate) patterns: Vec<String>,
    pub(crate) negated: bool,
}

impl Devices {
    pub(crate) fn hold(&self, device: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => device.starts_with(start),
            None => device == pattern,
        };
        self.patterns.iter().any(fits) != self.negated
    }
}

/// A test of TCP flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlagTest {
    /// Of the flags of a mask exactly these are set.
    Exactly { mask: u8, value: u8, negated: bool },
    /// One of these is set.
    Any { mask: u8, negated: bool },
}

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// Where the packet comes from.
    Source(AddressSet),
    /// Where it goes.
    Destination(AddressSet),
    Protocols(Protocols),
    SourcePorts(Vec<PortRange>),
    DestinationPorts(Vec<PortRange>),
    /// The device that it came from.
    Arrives(Devices),
    /// The device that it goes to.
    Leaves(Devices),
    States(States),
    /// Whether the connection was translated.
    Translated(bool),
    /// What kind of address its destination is.
    DestinationKind(Kinds),
    /// What kind of address its source is.
    SourceKind(Kinds),
    Flags(FlagTest),
    /// Its mark, of which a mask was taken; a packet has the mark 0 until a rule gives it another one.
    Mark {
        value: u32,
        negated: bool,
    },
    Never,
    /// One that is not decided, in words.
    Maybe(String),
}

/// What a rule does with what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing that decides.
    Continue,
    Accept,
    Drop,
    Reject(Refusal),
    Jump(String),
    Goto(String),
    Return,
    Translate(Translation),
    /// Anything, in words.
    Other(String),
}

/// A change of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Translation {
    /// To this host, at this port if it changes.
    Redirect(Option<u16>),
    /// To another destination.
    Destination(String),
    /// From the address of the device that it leaves through.
    Masquerade,
    /// From another source.
    Source(String),
}

/// What a rule that rejects sends back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// A TCP reset, as a closed port does.
    Reset,
    /// ICMP: port unreachable.
    Port,
    /// ICMP: protocol unreachable.
    Protocol,
    /// ICMP: network unreachable, or no route.
    Network,
    /// ICMP: host unreachable, or prohibited over IPv4.
    Host,
    /// `ICMPv6`: prohibited.
    Prohibited,
    /// ICMP: prohibited, in the words of each family.
    ProhibitedAny,
    /// Something else.
    Other,
}

impl Refusal {
    /// What nginx makes of it: the error numbers were measured with Linux 6.18 and nginx 1.22.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Reset => "the host answers with a reset, so nginx is refused at once (111: Connection refused)",
            Self::Port => "the host answers with an ICMP error, so nginx is refused at once (111: Connection refused)",
            Self::Protocol => {
                "the host answers with an ICMP error, so nginx is refused at once (92: Protocol not available)"
            }
            Self::Network => {
                "the host answers with an ICMP error, so nginx is refused at once (101: Network is unreachable)"
            }
            Self::Host => "the host answers with an ICMP error, so nginx is refused at once (113: No route to host)",
            Self::Prohibited => {
                "the host answers with an ICMP error, so nginx is refused at once (13: Permission denied)"
            }
            Self::ProhibitedAny => {
                "the host answers with an ICMP error, so nginx is refused at once (113: No route to host; over IPv6 13: \
                 Permission denied)"
            }
            Self::Other => "the host answers with an ICMP error, so nginx is refused at once",
        }
    }

    /// What a name of nft or iptables stands for; `v6` where the name is of `ICMPv6`.
    pub(crate) fn named(name: &str, v6: bool) -> Self {
        let name = name.strip_prefix("icmp-").or_else(|| name.strip_prefix("icmp6-")).unwrap_or(name);
        match name {
            "tcp-reset" | "tcp reset" => Self::Reset,
            "port-unreachable" | "port-unreach" => Self::Port,
            "proto-unreachable" | "proto-unreach" | "prot-unreachable" => Self::Protocol,
            "net-unreachable" | "net-unreach" | "net-prohibited" | "no-route" => Self::Network,
            "admin-prohibited" | "adm-prohibited" | "policy-fail" | "reject-route" if v6 => Self::Prohibited,
            "host-unreachable" | "host-unreach" | "host-prohibited" | "admin-prohibited" | "addr-unreachable"
            | "addr-unreach" => Self::Host,
            _ => Self::Other,
        }
    }
}

/// Everything that is not in a list of ranges.
pub(super) fn other_ports(ranges: &[PortRange]) -> Vec<PortRange> {
    let mut sorted = merged(ranges);
    sorted.sort();
    let mut rest = Vec::new();
    let mut from = Some(0_u16);
    for range in sorted {
        if let (Some(start), Some(end)) = (from, range.first().checked_sub(1)) {
            rest.extend(PortRange::new(start, end));
        }
        from = range.last().checked_add(1);
    }
    if let Some(start) = from {
        rest.extend(PortRange::new(start, u16::MAX));
    }
    rest
}

/// The same ports in ranges that do not overlap.
pub(super) fn merged(ranges: &[PortRange]) -> Vec<PortRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort();
    let mut merged: Vec<PortRange> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(open) if u32::from(range.first()) <= u32::from(open.last()) + 1 => {
                if let Some(wider) = PortRange::new(open.first(), open.last().max(range.last())) {
                    *open = wider;
                }
            }
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use reachlint_model::PortRange;

    use super::{Devices, merged, other_ports};

    fn ranges(texts: &[&str]) -> Vec<PortRange> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn ports_have_others() {
        assert_eq!(other_ports(&ranges(&["80", "22"])), ranges(&["0-21", "23-79", "81-65535"]));
        assert_eq!(other_ports(&ranges(&["0-65535"])), ranges(&[]));
        assert_eq!(other_ports(&[]), ranges(&["0-65535"]));
        assert_eq!(other_ports(&ranges(&["65535", "0"])), ranges(&["1-65534"]));
        assert_eq!(merged(&ranges(&["80-90", "85-100", "101", "200"])), ranges(&["80-101", "200"]));
    }

    #[test]
    fn device_patterns() {
        let devices = |patterns: &[&str], negated| Devices {
            patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
            negated,
        };
        assert!(devices(&["eth0", "wg*"], false).hold("wg1"));
        assert!(!devices(&["eth0", "wg*"], true).hold("eth0"));
        assert!(!devices(&["eth"], false).hold("eth0"));
        assert!(devices(&["*"], false).hold(""));
    }
}
