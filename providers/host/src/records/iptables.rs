//! Tables, as `iptables-save` and `ip6tables-save` print them (iptables-extensions(8) has the options).

use std::collections::HashMap;
use std::net::IpAddr;

use reachlint_model::{AddressSet, Family, PortRange, Prefix};

use super::expression::{flag, prefix_length};
use super::ruleset::{
    Base, Chain, Devices, Engine, Families, FlagTest, Hook, Kinds, Manager, Protocols, RawRule, States, Test, Verdict,
    Way, merged, other_ports,
};
use super::target::target;

/// What was read of one engine and family.
#[derive(Debug, Default)]
pub(super) struct Saved {
    pub(super) chains: Vec<Chain>,
    /// Whether the newer engine wrote it, which keeps its rules in nftables.
    pub(super) is_nftables: bool,
    /// Whether the older engine has tables beside these.
    pub(super) legacy_too: bool,
    pub(super) marks: bool,
    pub(super) untracks: bool,
}

/// Reads what one of the commands printed.
pub(super) fn saved(output: &str, family: Family, engine: Engine) -> Saved {
    let mut read = Saved::default();
    let mut table = String::new();
    let mut at: HashMap<(String, String), usize> = HashMap::new();
    let families = if family == Family::V4 { Families::V4 } else { Families::V6 };
    for line in output.lines() {
        if line.starts_with('#') {
            read.is_nftables |= line.contains("(nf_tables)");
            read.legacy_too |= line.contains("legacy tables present");
        } else if let Some(name) = line.strip_prefix('*') {
            name.trim().clone_into(&mut table);
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut fields = chain.split_whitespace();
            let (Some(name), Some(policy)) = (fields.next(), fields.next()) else { continue };
            let base = base(&table, name, policy);
            at.insert((table.clone(), name.to_owned()), read.chains.len());
            let manager = Manager::None;
            let scope = format!("{engine:?} {families:?} {table}");
            let (table, name) = (table.clone(), name.to_owned());
            read.chains.push(Chain { engine, manager, families, scope, table, name, base, rules: Vec::new() });
        } else if line.starts_with("-A ") {
            let words = words(line);
            let Some(chain) = words.get(1).and_then(|chain| at.get(&(table.clone(), chain.clone()))) else { continue };
            let options = words.get(2..).unwrap_or_default();
            let mut parsed = Options { family, ..Options::default() };
            let way = parsed.way(options);
            read.marks |= parsed.marks;
            read.untracks |= parsed.untracks;
            let Some(target) = read.chains.get_mut(*chain) else { continue };
            let position = target.rules.len() + 1;
            let ways = if way.verdict == Verdict::Continue { Vec::new() } else { vec![way] };
            target.rules.push(RawRule { name: line.to_owned(), handle: None, position, ways });
        }
    }
    // ufw names every chain of its own after itself (ufw-framework(8)).
    let ufw = read.chains.iter().any(|chain| chain.name.starts_with("ufw") && chain.name.contains("-before-input"));
    if ufw {
        for chain in read.chains.iter_mut().filter(|chain| chain.table == "filter") {
            chain.manager = Manager::Ufw;
        }
    }
    read
}

/// Where a chain of its own name is called (`ip_tables.h`, the priorities in `netfilter_ipv4.h`).
fn base(table: &str, chain: &str, policy: &str) -> Option<Base> {
    if policy == "-" {
        return None;
    }
    let hook = match chain {
        "PREROUTING" => Hook::Prerouting,
        "INPUT" => Hook::Input,
        "OUTPUT" => Hook::Output,
        "POSTROUTING" => Hook::Postrouting,
        _ => return None,
    };
    let priority = match (table, hook) {
        ("raw", _) => -300,
        ("mangle", _) => -150,
        ("nat", Hook::Prerouting | Hook::Output) => -100,
        ("nat", _) => 100,
        ("security", _) => 50,
        _ => 0,
    };
    Some(Base { hook, priority, translates: table == "nat", drops: policy == "DROP", devices: Vec::new() })
}

/// The words of a line: quotes hold spaces, and a backslash keeps the next character.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut open, mut quoted) = (String::new(), false, false);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => (quoted, open) = (!quoted, true),
            '\\' if quoted => word.extend(characters.next()),
            ' ' if !quoted => {
                if open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            other => {
                word.push(other);
                open = true;
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}

/// Modules that have no say themselves, or whose options all are known.
const PLAIN: [&str; 10] =
    ["tcp", "udp", "multiport", "comment", "conntrack", "state", "addrtype", "iprange", "mark", "standard"];

struct Options {
    family: Family,
    tests: Vec<Test>,
    protocols: Protocols,
    marks: bool,
    untracks: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { family: Family::V4, tests: Vec::new(), protocols: Protocols::ALL, marks: false, untracks: false }
    }
}

impl Options {
    fn way(&mut self, options: &[String]) -> Way {
        let mut rest = options;
        let mut verdict = Verdict::Continue;
        let mut negated = false;
        while let Some((option, after)) = rest.split_first() {
            rest = after;
            if option == "!" {
                negated = true;
                continue;
            }
            let mut value = || {
                let (value, after) = rest.split_first()?;
                rest = after;
                Some(value.as_str())
            };
            match option.as_str() {
                "-j" | "--jump" => {
                    let name = value().unwrap_or_default();
                    verdict = target(name, rest, self.family);
                    self.marks |= matches!(name, "MARK" | "CONNMARK");
                    self.untracks |= name == "NOTRACK" || (name == "CT" && rest.iter().any(|word| word == "--notrack"));
                    break;
                }
                "-g" | "--goto" => {
                    verdict = Verdict::Goto(value().unwrap_or_default().to_owned());
                    break;
                }
                "-m" | "--match" => {
                    let name = value().unwrap_or_default();
                    // An unknown module decides by its options, and some decide without any.
                    if !PLAIN.contains(&name) {
                        self.tests.push(Test::Maybe(format!("-m {name}")));
                    }
                }
                "--comment" => drop(value()),
                "--syn" => self.tests.push(syn(negated)),
                "--tcp-flags" => {
                    let (mask, set) = (value().unwrap_or_default(), value().unwrap_or_default());
                    let test = sum(mask).zip(sum(set)).map(|(mask, value)| FlagTest::Exactly { mask, value, negated });
                    self.tests.push(test.map_or_else(|| Test::Maybe(format!("--tcp-flags {mask} {set}")), Test::Flags));
                }
                name => {
                    let known = is_known(name);
                    let argument = if known { value().unwrap_or_default() } else { "" };
                    match known.then(|| self.test(name, argument, negated)).flatten() {
                        Some(test) => self.tests.push(test),
                        None => self.tests.push(Test::Maybe(format!("{name} {argument}").trim_end().to_owned())),
                    }
                    if !known {
                        // Whatever it has as values stands before the next option.
                        while let Some((word, after)) = rest.split_first() {
                            if word == "!" || word.starts_with('-') {
                                break;
                            }
                            rest = after;
                        }
                    }
                }
            }
            negated = false;
        }
        Way { tests: std::mem::take(&mut self.tests), verdict }
    }

    fn test(&mut self, name: &str, argument: &str, negated: bool) -> Option<Test> {
        Some(match name {
            "-s" | "--source" => Test::Source(self.addresses(argument, negated)?),
            "-d" | "--destination" => Test::Destination(self.addresses(argument, negated)?),
            "--src-range" => Test::Source(self.range(argument, negated)?),
            "--dst-range" => Test::Destination(self.range(argument, negated)?),
            "-i" | "--in-interface" => Test::Arrives(device(argument, negated)),
            "-o" | "--out-interface" => Test::Leaves(device(argument, negated)),
            "-p" | "--protocol" => {
                let found = match argument {
                    "tcp" | "6" => Protocols::TCP,
                    "udp" | "17" => Protocols::UDP,
                    "all" | "0" => Protocols::ALL,
                    _ => Protocols::NEITHER,
                };
                self.protocols = if negated { found.not() } else { found };
                Test::Protocols(self.protocols)
            }
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
                Test::DestinationPorts(ports(argument, negated)?)
            }
            "--sport" | "--source-port" | "--sports" | "--source-ports" => Test::SourcePorts(ports(argument, negated)?),
            "--ctstate" | "--state" => states(argument, negated)?,
            "--dst-type" => Test::DestinationKind(kinds(argument, negated)?),
            "--src-type" => Test::SourceKind(kinds(argument, negated)?),
            "--mark" => {
                let (value, mask) = argument.split_once('/').unwrap_or((argument, "0xffffffff"));
                number(mask)?;
                Test::Mark { value: number(value)?, negated }
            }
            "--icmp-type" | "--icmpv6-type" => Test::Never,
            _ => return None,
        })
    }

    fn addresses(&self, text: &str, negated: bool) -> Option<AddressSet> {
        let block = match text.split_once('/') {
            // Some blocks are printed with a mask, which need not be contiguous.
            Some((address, mask)) if mask.contains(['.', ':']) => {
                Prefix::new(address.parse().ok()?, prefix_length(mask.parse().ok()?)?)?
            }
            _ => text.parse().ok()?,
        };
        Some(self.within(block.into(), negated))
    }

    fn range(&self, text: &str, negated: bool) -> Option<AddressSet> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range: (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
        Some(self.within(AddressSet::from_ranges([range]), negated))
    }

    fn within(&self, set: AddressSet, negated: bool) -> AddressSet {
        let all = AddressSet::family(self.family);
        if negated { all.difference(&set) } else { all.intersection(&set) }
    }
}

/// Whether an option is one that [`Options::test`] knows; each has one value.
fn is_known(name: &str) -> bool {
    matches!(
        name,
        "-s" | "--source"
            | "-d"
            | "--destination"
            | "--src-range"
            | "--dst-range"
            | "-i"
            | "--in-interface"
            | "-o"
            | "--out-interface"
            | "-p"
            | "--protocol"
            | "--dport"
            | "--destination-port"
            | "--dports"
            | "--destination-ports"
            | "--sport"
            | "--source-port"
            | "--sports"
            | "--source-ports"
            | "--ctstate"
            | "--state"
            | "--dst-type"
            | "--src-type"
            | "--mark"
            | "--icmp-type"
            | "--icmpv6-type"
    )
}

fn syn(negated: bool) -> Test {
    Test::Flags(FlagTest::Exactly { mask: 0x17, value: 0x02, negated })
}

fn sum(names: &str) -> Option<u8> {
    names.split(',').try_fold(0, |sum, name| Some(sum | flag(name)?))
}

fn device(pattern: &str, negated: bool) -> Devices {
    let pattern = pattern.strip_suffix('+').map_or_else(|| pattern.to_owned(), |start| format!("{start}*"));
    Devices { patterns: vec![pattern], negated }
}

/// `80`, `8000:8100`, and lists of them.
fn ports(text: &str, negated: bool) -> Option<Vec<PortRange>> {
    let port = |text: &str, or: u16| if text.is_empty() { Some(or) } else { text.parse().ok() };
    let range = |text: &str| match text.split_once(':') {
        Some((first, last)) => PortRange::new(port(first, 0)?, port(last, u16::MAX)?),
        None => text.parse().ok().map(PortRange::single),
    };
    let ranges = text.split(',').map(range).collect::<Option<Vec<_>>>()?;
    Some(if negated { other_ports(&ranges) } else { merged(&ranges) })
}

fn states(text: &str, negated: bool) -> Option<Test> {
    let mut states = States::default();
    for state in text.split(',') {
        match state {
            "NEW" => states.new = true,
            "ESTABLISHED" => states.established = true,
            "UNTRACKED" => states.untracked = true,
            "RELATED" | "INVALID" => {}
            "DNAT" if text == "DNAT" => return Some(Test::Translated(!negated)),
            _ => return None,
        }
    }
    if negated {
        let States { new, established, untracked } = states;
        states = States { new: !new, established: !established, untracked: !untracked };
    }
    Some(Test::States(states))
}

fn kinds(text: &str, negated: bool) -> Option<Kinds> {
    let mut kinds = Kinds::default();
    for kind in text.split(',') {
        match kind {
            "LOCAL" => kinds.local = true,
            "UNICAST" => kinds.unicast = true,
            "BROADCAST" | "MULTICAST" | "ANYCAST" | "BLACKHOLE" | "UNREACHABLE" | "PROHIBIT" | "UNSPEC" => {}
            _ => return None,
        }
    }
    if negated {
        kinds = Kinds { local: !kinds.local, unicast: !kinds.unicast };
    }
    Some(kinds)
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use reachlint_model::Family;

    use super::{saved, words};
    use crate::records::{Engine, Test, Verdict};

    #[test]
    fn words_may_be_quoted() {
        assert_eq!(words(r#"-A X --comment "lb \"prod\" pool" -j ACCEPT"#)[3], "lb \"prod\" pool");
        assert_eq!(words(r#"a "" b"#), ["a", "", "b"]);
    }

    #[test]
    fn an_option_that_is_not_known_leaves_the_others_as_they_are() {
        let text =
            "*filter\n:INPUT DROP [0:0]\n-A INPUT -m recent --update --seconds 30 --rsource -p tcp -j DROP\nCOMMIT\n";
        let read = saved(text, Family::V4, Engine::Iptables);
        let way = &read.chains[0].rules[0].ways[0];
        assert_eq!(way.verdict, Verdict::Drop);
        let maybes: Vec<_> = way.tests.iter().filter(|test| matches!(test, Test::Maybe(_))).collect();
        assert_eq!(maybes.len(), 4, "{maybes:?}");
        assert!(way.tests.iter().any(|test| matches!(test, Test::Protocols(_))));
    }

    #[test]
    fn the_engines_are_told_apart() {
        let read = saved("# Generated by iptables-save v1.8.9 (nf_tables) on x\n", Family::V4, Engine::Iptables);
        assert!(read.is_nftables && !read.legacy_too);
        let read = saved("# Warning: iptables-legacy tables present, use x\n", Family::V4, Engine::Iptables);
        assert!(read.legacy_too && !read.is_nftables);
    }
}
