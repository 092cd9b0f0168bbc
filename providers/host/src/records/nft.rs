//! Rulesets, as `nft -j list ruleset` prints them.
//!
//! The JSON is read object by object, so that one that is not understood costs no other one. What it means is in
//! libnftables-json(5); the semantics of chains and verdicts are in nft(8).

use std::collections::{HashMap, HashSet};

use reachlint_model::{AddressSet, Family};
use serde_json::Value;

use super::expression::{MOST_WAYS, is_one_of, matching};
use super::ruleset::{
    Base, Chain, Engine, Families, Hook, Manager, Protocols, RawRule, Refusal, Test, Translation, Verdict, Way,
};

/// A table: family and name.
type Table<'a> = (&'a str, &'a str);

/// What was read of a ruleset.
#[derive(Debug, Default)]
pub(super) struct Ruleset {
    pub(super) chains: Vec<Chain>,
    /// Rules of which `nft` only tells that `iptables` wrote a part of them: chain and place.
    pub(super) foreign: Vec<(usize, usize)>,
    /// Chains with a rule that does not count, which `iptables` never writes.
    pub(super) native: Vec<usize>,
    /// Tables with flags, which some versions of `nft` print wrongly.
    pub(super) flagged: Vec<String>,
    /// Whether some rule gives packets a mark.
    pub(super) marks: bool,
    /// Whether some rule takes packets out of connection tracking.
    pub(super) untracks: bool,
    /// Tables of families that see frames instead of packets.
    pub(super) frames: Vec<String>,
}

/// The named sets of a table.
pub(super) struct Sets<'a> {
    all: &'a HashMap<(Table<'a>, &'a str), &'a Value>,
    /// Those that rules or time change.
    changing: &'a HashSet<(Table<'a>, &'a str)>,
    table: Table<'a>,
}

impl<'a> Sets<'a> {
    /// The values that are compared with: those of a set, or one.
    pub(super) fn elements(&self, right: &'a Value) -> Option<Vec<&'a Value>> {
        if let Some(name) = right.as_str().and_then(|text| text.strip_prefix('@')) {
            if self.changing.contains(&(self.table, name)) {
                return None;
            }
            let set = self.all.get(&(self.table, name))?;
            return Some(set.get("elem").and_then(Value::as_array).map_or_else(Vec::new, |all| unwrapped(all)));
        }
        let list = right.get("set").or_else(|| right.get("|")).unwrap_or(right);
        Some(match list {
            Value::Array(all) => unwrapped(all),
            // A set of one element may stand without a list.
            one => vec![unwrapped_one(one)],
        })
    }
}

fn unwrapped(all: &[Value]) -> Vec<&Value> {
    all.iter().map(unwrapped_one).collect()
}

/// An element may carry a comment or a counter.
fn unwrapped_one(value: &Value) -> &Value {
    value.get("elem").and_then(|element| element.get("val")).unwrap_or(value)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn table_of(value: &Value) -> Table<'_> {
    (text(value, "family"), text(value, "table"))
}

/// Reads a ruleset; `None` where it is none.
pub(super) fn ruleset(output: &str, firewalld: bool) -> Option<Ruleset> {
    // Warnings may stand before and behind it.
    let line = output.lines().find(|line| line.starts_with("{\"nftables\""))?;
    let document: Value = serde_json::from_str(line).ok()?;
    let objects = document.get("nftables")?.as_array()?;
    let of = |key: &'static str| objects.iter().filter_map(move |object| object.get(key));
    let sets: HashMap<_, _> = of("set").chain(of("map")).map(|set| ((table_of(set), text(set, "name")), set)).collect();
    let mut changing: HashSet<_> = sets
        .iter()
        .filter(|(_, set)| {
            let flags = set.get("flags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            set.get("timeout").is_some() || flags.clone().any(|flag| flag == "timeout" || flag == "dynamic")
        })
        .map(|(key, _)| *key)
        .collect();
    // nft 1.0.6 leaves the flag `dynamic` out, so what rules update counts too.
    for rule in of("rule") {
        for statement in statements(rule) {
            let updated = ["set", "map"].into_iter().filter_map(|kind| statement.get(kind)?.get(kind)?.as_str());
            changing.extend(updated.filter_map(|name| Some((table_of(rule), name.strip_prefix('@')?))));
        }
    }
    let mut read = Ruleset::default();
    let mut at: HashMap<(Table<'_>, &str), usize> = HashMap::new();
    for chain in of("chain") {
        let table = table_of(chain);
        let families = match table.0 {
            "ip" => Families::V4,
            "ip6" => Families::V6,
            "inet" | "netdev" => Families::Both,
            _ => {
                let hook = text(chain, "hook");
                if !hook.is_empty() && hook != "forward" {
                    read.frames.push(format!("{} {}", table.0, table.1));
                }
                continue;
            }
        };
        at.insert((table, text(chain, "name")), read.chains.len());
        read.chains.push(Chain {
            engine: Engine::Nftables,
            manager: if firewalld && table.1 == "firewalld" { Manager::Firewalld } else { Manager::None },
            families,
            scope: format!("{} {}", table.0, table.1),
            table: format!("{} {}", table.0, table.1),
            name: text(chain, "name").to_owned(),
            base: base(chain),
            rules: Vec::new(),
        });
    }
    for table in of("table").filter(|table| table.get("flags").is_some()) {
        read.flagged.push(format!("{} {}", text(table, "family"), text(table, "name")));
    }
    for rule in of("rule") {
        let table = table_of(rule);
        let Some(chain) = at.get(&(table, text(rule, "chain"))) else { continue };
        let scope = Sets { all: &sets, changing: &changing, table };
        let mut draft = Draft { sets: &scope, fronts: vec![Vec::new()], foreign: false, marks: false, untracks: false };
        let ways = draft.ways(rule);
        let Draft { foreign, marks, untracks, .. } = draft;
        read.marks |= marks;
        read.untracks |= untracks;
        let Some(target) = read.chains.get_mut(*chain) else { continue };
        let handle = rule.get("handle").and_then(Value::as_u64);
        let name = format!("{} {} handle {}", target.table, target.name, handle.unwrap_or_default());
        let position = target.rules.len() + 1;
        target.rules.push(RawRule { name, handle, position, ways });
        if !statements(rule).any(|statement| statement.get("counter").is_some()) {
            read.native.push(*chain);
        }
        if foreign {
            read.foreign.push((*chain, position - 1));
        }
    }
    Some(read)
}

fn statements(rule: &Value) -> impl Iterator<Item = &Value> {
    rule.get("expr").and_then(Value::as_array).into_iter().flatten()
}

fn base(chain: &Value) -> Option<Base> {
    let hook = match text(chain, "hook") {
        "ingress" => Hook::Ingress,
        "prerouting" => Hook::Prerouting,
        "input" => Hook::Input,
        "output" => Hook::Output,
        "postrouting" => Hook::Postrouting,
        "egress" => Hook::Egress,
        _ => return None,
    };
    let devices = match chain.get("dev") {
        Some(Value::String(device)) => vec![device.clone()],
        Some(Value::Array(devices)) => devices.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Some(Base {
        hook,
        priority: chain.get("prio").and_then(Value::as_i64).unwrap_or_default(),
        translates: text(chain, "type") == "nat",
        drops: text(chain, "policy") == "drop",
        devices,
    })
}

/// A rule as it is read.
struct Draft<'a> {
    sets: &'a Sets<'a>,
    /// The ways to come to the statement at hand.
    fronts: Vec<Vec<Test>>,
    foreign: bool,
    marks: bool,
    untracks: bool,
}

impl<'a> Draft<'a> {
    fn ways(&mut self, rule: &'a Value) -> Vec<Way> {
        for statement in statements(rule) {
            let Some((kind, value)) = statement.as_object().and_then(|object| object.iter().next()) else {
                self.add(vec![vec![Test::Maybe(shown(statement))]]);
                continue;
            };
            match kind.as_str() {
                "match" => {
                    let found = value.get("left").zip(value.get("right")).and_then(|(left, right)| {
                        matching(left, value.get("op").and_then(Value::as_str).unwrap_or("=="), right, self.sets)
                    });
                    self.add(found.unwrap_or_else(|| vec![vec![Test::Maybe(shown(value))]]));
                }
                "vmap" => return self.map(value),
                "mangle" => {
                    let key = value.get("key");
                    let part = |name: &str| key.and_then(|key| key.get(name));
                    self.marks |= part("meta").is_some();
                    if part("payload")
                        .is_some_and(|field| matches!(text(field, "field"), "saddr" | "daddr" | "sport" | "dport"))
                    {
                        return self.end(&Verdict::Other(shown(statement)));
                    }
                }
                "notrack" => self.untracks = true,
                "xt" => {
                    self.foreign = true;
                    let what = format!("iptables {} {}", text(value, "type"), text(value, "name"));
                    return self.end(&Verdict::Other(what));
                }
                "counter" | "log" | "comment" | "last" | "dup" | "flow" | "secmark" | "ct helper" | "ct timeout"
                | "ct expectation" => {}
                "set" | "map" if value.get("stmt").is_none() => {}
                "limit" | "quota" | "ct count" | "set" | "map" | "connlimit" => {
                    self.add(vec![vec![Test::Maybe(shown(statement))]]);
                }
                _ => match verdict(kind, value) {
                    Some(Verdict::Continue) => return Vec::new(),
                    Some(verdict) => {
                        // What a rejection needs is left out of the listing where it says so itself.
                        if let Some(needed) = needed(&verdict, value) {
                            self.add(vec![vec![needed]]);
                        }
                        return self.end(&verdict);
                    }
                    None => return self.end(&Verdict::Other(shown(statement))),
                },
            }
        }
        // A rule without a verdict does nothing to the packet.
        Vec::new()
    }

    /// What comes next has to hold too.
    fn add(&mut self, ways: Vec<Vec<Test>>) {
        if self.fronts.len() * ways.len() > MOST_WAYS {
            self.fronts = vec![vec![Test::Maybe("very many combinations".to_owned())]];
            return;
        }
        let fronts = std::mem::take(&mut self.fronts);
        for front in &fronts {
            self.fronts.extend(ways.iter().map(|way| front.iter().chain(way).cloned().collect::<Vec<_>>()));
        }
    }

    fn end(&self, verdict: &Verdict) -> Vec<Way> {
        self.fronts.iter().map(|tests| Way { tests: tests.clone(), verdict: verdict.clone() }).collect()
    }

    /// A map from values to verdicts. A packet that none of them is about goes on with the next rule.
    fn map(&mut self, value: &'a Value) -> Vec<Way> {
        let unknown = |draft: &Self| draft.end(&Verdict::Other(shown(value)));
        let Some((key, entries)) = value.get("key").zip(value.get("data").and_then(|data| self.sets.elements(data)))
        else {
            return unknown(self);
        };
        let pairs: Option<Vec<(&Value, Verdict)>> = entries.iter().map(|entry| pair(entry)).collect();
        let Some(pairs) = pairs.filter(|pairs| pairs.len() * self.fronts.len() <= MOST_WAYS) else {
            return unknown(self);
        };
        let named: Vec<&Value> = pairs.iter().map(|(of, _)| *of).filter(|of| of.as_str() != Some("*")).collect();
        let mut ways = Vec::new();
        for (of, verdict) in &pairs {
            let tests = if of.as_str() == Some("*") {
                is_one_of(key, &named, true, self.sets)
            } else {
                is_one_of(key, &[*of], false, self.sets)
            };
            let Some(tests) = tests else { return unknown(self) };
            if *verdict == Verdict::Continue {
                continue;
            }
            for front in &self.fronts {
                let tests = front.iter().chain(&tests).cloned().collect();
                ways.push(Way { tests, verdict: verdict.clone() });
            }
        }
        ways
    }
}

/// An entry of a verdict map.
fn pair(entry: &Value) -> Option<(&Value, Verdict)> {
    let [of, to] = entry.as_array()?.as_slice() else { return None };
    let (kind, value) = to.as_object()?.iter().next()?;
    Some((unwrapped_one(of), verdict(kind, value)?))
}

fn verdict(kind: &str, value: &Value) -> Option<Verdict> {
    let target = || Some(value.get("target")?.as_str()?.to_owned());
    Some(match kind {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        "reject" => {
            let kind = text(value, "type");
            let named = text(value, "expr");
            Verdict::Reject(match (kind, named) {
                ("tcp reset", _) => Refusal::Reset,
                ("", _) | (_, "") => Refusal::Port,
                ("icmpx", "admin-prohibited") => Refusal::ProhibitedAny,
                _ => Refusal::named(named, kind == "icmpv6"),
            })
        }
        "redirect" => match value.get("port") {
            None => Verdict::Translate(Translation::Redirect(None)),
            Some(port) => match port.as_u64().and_then(|port| u16::try_from(port).ok()) {
                Some(port) => Verdict::Translate(Translation::Redirect(Some(port))),
                None => Verdict::Translate(Translation::Destination(shown(value))),
            },
        },
        "dnat" => {
            let port = value.get("port").map_or_else(String::new, |port| format!(" port {}", shown(port)));
            let address = value.get("addr").map_or_else(String::new, shown);
            Verdict::Translate(Translation::Destination(format!("{address}{port}")))
        }
        "masquerade" => Verdict::Translate(Translation::Masquerade),
        "snat" => Verdict::Translate(Translation::Source(value.get("addr").map_or_else(String::new, shown))),
        _ => return None,
    })
}

/// What packets a rejection is possible for (nft(8), reject).
fn needed(verdict: &Verdict, value: &Value) -> Option<Test> {
    let Verdict::Reject(refusal) = verdict else { return None };
    match (refusal, text(value, "type")) {
        // Version 1.0.6 also leaves a family out that stands in front of a reset, in text as in JSON, so the rule is taken
        // for one about both. That blocks too much and never too little.
        (Refusal::Reset, _) => Some(Test::Protocols(Protocols::TCP)),
        (_, "icmp") => Some(Test::Source(AddressSet::family(Family::V4))),
        (_, "icmpv6") => Some(Test::Source(AddressSet::family(Family::V6))),
        _ => None,
    }
}

/// An expression in a report: JSON without its quotes, cut where it is long.
fn shown(value: &Value) -> String {
    const MOST: usize = 120;
    let whole = value.to_string().replace('"', "");
    match whole.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", whole.get(..at).unwrap_or_default()),
        None => whole,
    }
}
