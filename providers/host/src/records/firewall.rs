//! Every rule that filters on a host, from all that its tools print.
//!
//! nft's JSON is the truth about nftables, and blind where iptables wrote a part of a rule; there the same rule of
//! `iptables-save` stands in. `iptables-save` alone is no truth: version 1.8.9 prints native rules in a table of its own
//! name without their sets, without a word. Both engines of iptables filter at once.

use std::collections::{HashMap, HashSet};

use reachlint_model::{Family, ReasonCode};

use super::iptables::{Saved, saved};
use super::nft::{Ruleset, ruleset};
use super::ruleset::{Chain, Engine, Families, Hook, Manager};
use super::{Document, Ending};

/// Something of a firewall that was not read or is not modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) code: ReasonCode,
    pub(crate) engine: Engine,
    pub(crate) families: Families,
    /// A clause in plain words.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

/// What filters on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Firewall {
    pub(crate) chains: Vec<Chain>,
    pub(crate) unread: Vec<Unread>,
    /// Whether packets may carry marks.
    pub(crate) marks: bool,
    /// Whether packets may go untracked.
    pub(crate) untracks: bool,
}

/// One family of iptables with its commands.
const SAVES: [(Family, Families, &str, &str); 2] = [
    (Family::V4, Families::V4, "iptables-save", "iptables-legacy-save"),
    (Family::V6, Families::V6, "ip6tables-save", "ip6tables-legacy-save"),
];

pub(super) fn firewall(document: &Document) -> Firewall {
    let mut firewall = Firewall::default();
    let native = firewall.nftables(document);
    let mut installed = native != Native::Absent;
    for (family, families, current, legacy) in SAVES {
        let (output, ending) = document.command(current);
        let mut wants_legacy = false;
        match ending {
            Ending::Exit(0) => {
                installed = true;
                let engine = if output.contains("(nf_tables)") { Engine::Iptables } else { Engine::Legacy };
                let read = saved(output, family, engine);
                wants_legacy = read.legacy_too;
                if !read.is_nftables {
                    firewall.add(read);
                } else if native == Native::Absent {
                    // Tables of other names are not among what the command prints.
                    firewall.unread.push(Unread {
                        code: ReasonCode::NotRead,
                        engine: Engine::Nftables,
                        families,
                        text: format!("`{current}` does not print all tables of nftables, and `nft` is not installed"),
                        remedy: Some("install nftables on the host and gather its evidence again".to_owned()),
                    });
                    firewall.add(read);
                }
            }
            Ending::Exit(code) => {
                installed = true;
                // What the newer engine has is in what nft printed.
                if !(native == Native::Read && output.contains("(nf_tables)")) {
                    firewall.unread.push(refused(document, current, code, Engine::Iptables, families));
                }
            }
            Ending::Absent => {}
            Ending::Missing => {
                installed = true;
                firewall.unread.push(missing(current, Engine::Iptables, families));
            }
        }
        let (output, ending) = document.command(legacy);
        let current_is_legacy =
            firewall.chains.iter().any(|chain| chain.engine == Engine::Legacy && chain.families == families);
        match ending {
            Ending::Exit(0) if !current_is_legacy => {
                let read = saved(output, family, Engine::Legacy);
                firewall.add(read);
            }
            Ending::Exit(code) if code != 0 && wants_legacy => {
                firewall.unread.push(refused(document, legacy, code, Engine::Legacy, families));
            }
            Ending::Absent | Ending::Missing if wants_legacy && !current_is_legacy => {
                firewall.unread.push(missing(legacy, Engine::Legacy, families));
            }
            _ => {}
        }
    }
    let neighbours = neighbours(document, &firewall);
    firewall.unread.extend(neighbours);
    if !installed {
        firewall.unread.push(Unread {
            code: ReasonCode::NotRead,
            engine: Engine::Nftables,
            families: Families::Both,
            text: "neither `nft` nor `iptables-save` is installed, so what filters in the kernel cannot be read"
                .to_owned(),
            remedy: Some("install nftables on the host and gather its evidence again".to_owned()),
        });
    }
    firewall
}

/// A firewall that drops what no rule is about and never speaks of `ICMPv6` drops the neighbour discovery too without which
/// no IPv6 packet finds its way (RFC 4890, 4.4.1).
fn neighbours(document: &Document, firewall: &Firewall) -> Option<Unread> {
    let drops = |chain: &&Chain| {
        chain.families != Families::V4 && chain.base.as_ref().is_some_and(|base| base.drops && base.hook <= Hook::Input)
    };
    let engine = firewall.chains.iter().find(drops)?.engine;
    let commands = ["nft -j list ruleset", "ip6tables-save", "ip6tables-legacy-save"];
    let speaks = commands
        .into_iter()
        .filter_map(|command| document.output(command))
        .any(|output| ["icmpv6", "ipv6-icmp", "icmp6"].into_iter().any(|name| output.contains(name)));
    (!speaks).then(|| Unread {
        code: ReasonCode::NotModelled,
        engine,
        families: Families::V6,
        text: "the firewall drops by default and no rule speaks of ICMPv6, without which hosts do not find each other over \
               IPv6"
            .to_owned(),
        remedy: None,
    })
}

/// What is known of nftables' own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Native {
    Read,
    Unread,
    Absent,
}

impl Firewall {
    fn add(&mut self, read: Saved) {
        self.marks |= read.marks;
        self.untracks |= read.untracks;
        self.chains.extend(read.chains);
    }

    fn nftables(&mut self, document: &Document) -> Native {
        let command = "nft -j list ruleset";
        let (output, ending) = document.command(command);
        match ending {
            Ending::Absent => return Native::Absent,
            Ending::Missing => {
                self.unread.push(missing(command, Engine::Nftables, Families::Both));
                return Native::Unread;
            }
            Ending::Exit(0) => {}
            Ending::Exit(code) => {
                self.unread.push(refused(document, command, code, Engine::Nftables, Families::Both));
                return Native::Unread;
            }
        }
        let firewalld = document.output("firewall-cmd --state").is_some();
        // A host without any table prints nothing at all in some versions.
        let read = if output.trim().is_empty() { Some(Ruleset::default()) } else { ruleset(output, firewalld) };
        let Some(mut read) = read else {
            self.unread.push(Unread {
                code: ReasonCode::NotRead,
                engine: Engine::Nftables,
                families: Families::Both,
                text: format!("what `{command}` printed is no ruleset"),
                remedy: Some("gather the evidence of the host again".to_owned()),
            });
            return Native::Unread;
        };
        self.amend(document, &mut read);
        self.lend(document, &mut read);
        for table in &read.frames {
            self.unread.push(Unread {
                code: ReasonCode::NotModelled,
                engine: Engine::Nftables,
                families: Families::Both,
                text: format!("the table {table} filters frames, which is not modelled"),
                remedy: None,
            });
        }
        self.marks |= read.marks;
        self.untracks |= read.untracks;
        self.chains.append(&mut read.chains);
        Native::Read
    }

    /// Adds what nft's JSON lacks and its text has: which tables sleep (version 1.0.6 prints random bytes as their flags),
    /// and which devices a chain belongs to (1.0.6 prints none).
    fn amend(&mut self, document: &Document, read: &mut Ruleset) {
        let on_device = |chain: &Chain| {
            let base = chain.base.as_ref();
            base.is_some_and(|base| matches!(base.hook, Hook::Ingress | Hook::Egress) && base.devices.is_empty())
        };
        if read.flagged.is_empty() && !read.chains.iter().any(on_device) {
            return;
        }
        let command = "nft list ruleset";
        let Some(text) = document.output(command) else {
            self.unread.push(missing(command, Engine::Nftables, Families::Both));
            return;
        };
        let (mut table, mut chain) = ("", "");
        for line in text.lines() {
            let name = |rest: &'static str| line.strip_prefix(rest).map(|name| name.trim_end_matches(['{', ' ']));
            if let Some(open) = name("table ") {
                table = open;
            } else if let Some(open) = name("\tchain ") {
                chain = open;
            } else if let Some(flags) = line.strip_prefix("\tflags ")
                && flags.split([',', ' ', ';']).any(|flag| flag == "dormant")
            {
                // Chains keep their places, as rules are known by them.
                read.chains.iter_mut().filter(|chain| chain.scope == table).for_each(|chain| chain.base = None);
            } else if let Some((_, devices)) = line.split_once(" device").filter(|_| line.starts_with("\t\ttype ")) {
                let devices = devices.split(" priority ").next().unwrap_or_default();
                let named = devices.split('"').skip(1).step_by(2).map(str::to_owned).collect();
                let base = read.chains.iter_mut().find(|known| known.scope == table && known.name == chain);
                if let Some(base) = base.and_then(|known| known.base.as_mut()) {
                    base.devices = named;
                }
            }
        }
        for chain in read.chains.iter().filter(|chain| on_device(chain)) {
            self.unread.push(Unread {
                code: ReasonCode::NotRead,
                engine: Engine::Nftables,
                families: Families::Both,
                text: format!("which device the chain {} {} belongs to was not read", chain.table, chain.name),
                remedy: None,
            });
        }
    }

    /// Puts what `iptables-save` prints in the place of rules that nft cannot tell. Rules of a chain are in the same order
    /// in both.
    fn lend(&mut self, document: &Document, read: &mut Ruleset) {
        for (family, _, command, _) in SAVES {
            let Some(output) = document.output(command).filter(|output| output.contains("(nf_tables)")) else {
                continue;
            };
            let saved = saved(output, family, Engine::Iptables);
            let prefix = if family == Family::V4 { "ip " } else { "ip6 " };
            self.marks |= saved.marks;
            self.untracks |= saved.untracks;
            // The chains that iptables makes are called in capitals; a table of the same name without them is a native one.
            let capital = |chain: &&Chain| chain.base.is_some() && !chain.name.chars().any(char::is_lowercase);
            let written: Vec<String> = read.chains.iter().filter(capital).map(|chain| chain.scope.clone()).collect();
            let named: HashMap<(String, String), usize> = read
                .chains
                .iter()
                .enumerate()
                .map(|(at, chain)| ((chain.scope.clone(), chain.name.clone()), at))
                .collect();
            let (foreign, native): (HashSet<_>, HashSet<_>) =
                (read.foreign.iter().copied().collect(), read.native.iter().copied().collect());
            let written: HashSet<String> = written.into_iter().collect();
            for theirs in saved.chains {
                let table = format!("{prefix}{}", theirs.table);
                let at = named.get(&(table, theirs.name.clone())).copied();
                let Some((at, ours)) = at.and_then(|at| Some((at, read.chains.get_mut(at)?))) else { continue };
                let is_native = native.contains(&at) || !written.contains(&ours.scope);
                if ours.rules.len() != theirs.rules.len() || is_native {
                    continue;
                }
                ours.engine = Engine::Iptables;
                ours.manager = theirs.manager;
                ours.table.clone_from(&theirs.table);
                ours.families = theirs.families;
                for (place, (own, their)) in ours.rules.iter_mut().zip(theirs.rules).enumerate() {
                    if foreign.contains(&(at, place)) {
                        own.ways = their.ways;
                        own.name = their.name;
                    } else {
                        own.name = format!("{} {} rule {}", ours.table, ours.name, own.position);
                    }
                }
            }
        }
    }
}

fn refused(document: &Document, command: &str, code: i32, engine: Engine, families: Families) -> Unread {
    let remedy = if document.root {
        "see what it says on the host, and gather its evidence again"
    } else {
        "gather the evidence of the host as root: `sudo sh host-evidence.sh`"
    };
    let text = format!("`{command}` failed with {code}, so what the firewall lets through was not read");
    Unread { code: ReasonCode::NotRead, engine, families, text, remedy: Some(remedy.to_owned()) }
}

fn missing(command: &str, engine: Engine, families: Families) -> Unread {
    Unread {
        code: ReasonCode::NotRead,
        engine,
        families,
        text: format!("the evidence has not what `{command}` prints"),
        remedy: Some("gather the evidence of the host again, and to the end".to_owned()),
    }
}

/// Names of managers that are worth a word.
impl Manager {
    /// What manages the rules, where that is not the engine itself.
    pub(crate) const fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Ufw => Some("ufw"),
            Self::Firewalld => Some("firewalld"),
        }
    }
}
