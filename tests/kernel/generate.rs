//! Random rulesets of nftables, from a seed.

use std::fmt::Write;

/// A small generator (splitmix64), so that a seed means the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.next() % all.len() as u64).unwrap()]
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.next().is_multiple_of(number)
    }
}

const PORTS: [&str; 11] = [
    "8080",
    "{ 22, 443 }",
    "{ 80, 8000-8443 }",
    "1-1023",
    "{ 5432, 9000, 9001 }",
    "30000-40000",
    "@web",
    "53",
    "7004",
    "{ 1-65535 }",
    "8443",
];
const V4: [&str; 8] = [
    "10.0.1.10",
    "10.0.1.0/24",
    "10.0.0.0/8",
    "{ 10.0.1.1-10.0.1.9, 10.0.1.11-10.0.1.200 }",
    "192.0.2.0/24",
    "@trusted",
    "{ 10.0.1.10, 10.0.1.20 }",
    "10.0.1.8-10.0.1.15",
];
const V6: [&str; 5] =
    ["fd00:0:0:1::10", "fd00::/16", "2001:db8::/32", "{ fd00:0:0:1::10, fd00:0:0:1::11 }", "fe80::/10"];
const OTHERS: [&str; 18] = [
    "ct state new",
    "ct state established,related",
    "ct state { established, new }",
    "ct state != invalid",
    "iifname \"eth0\"",
    "iifname { \"lo\", \"eth*\" }",
    "iifname != \"eth0\"",
    "iif lo",
    "meta l4proto { tcp, udp }",
    "meta nfproto ipv4",
    "meta nfproto ipv6",
    "tcp flags & (fin|syn|rst|ack) == syn",
    "tcp flags syn",
    "fib daddr type local",
    "meta mark 0",
    "ip protocol tcp",
    "ip saddr . tcp dport { 10.0.1.10 . 8080, 10.0.1.10 . 443 }",
    "meta l4proto != tcp",
];

fn test(random: &mut Random, text: &mut String) {
    let not = if random.one_in(5) { "!= " } else { "" };
    match random.next() % 7 {
        0..=2 => write!(text, "tcp dport {not}{} ", random.pick(&PORTS)),
        3 => write!(text, "ip saddr {not}{} ", random.pick(&V4)),
        4 => write!(text, "ip6 saddr {not}{} ", random.pick(&V6)),
        5 if random.one_in(3) => write!(text, "ip daddr {not}{} ", random.pick(&V4)),
        _ => write!(text, "{} ", random.pick(&OTHERS)),
    }
    .unwrap();
}

/// Whether nft refuses two tests in one rule.
fn contradicts(known: &str, more: &str) -> bool {
    let four = |text: &str| {
        text.contains("ip saddr") || text.contains("ip daddr") || text.contains("ip protocol") || text.contains("ipv4")
    };
    let six = |text: &str| text.contains("ip6") || text.contains("ipv6");
    let tcp = |text: &str| text.contains("tcp d") || text.contains("tcp flags") || text.contains("ip protocol");
    let transport = |text: &str| text.contains("l4proto");
    (four(known) && six(more))
        || (six(known) && four(more))
        || (tcp(known) && transport(more))
        || (transport(known) && (tcp(more) || transport(more)))
}

/// What a chain may end a rule with; chains jump to later ones only.
fn verdict(random: &mut Random, chains: &[String]) -> String {
    let kinds =
        ["accept", "accept", "drop", "reject with tcp reset", "reject with icmpx port-unreachable", "return", ""];
    if !chains.is_empty() && random.one_in(3) {
        let how = random.pick(&["jump", "jump", "goto"]);
        let names: Vec<&str> = chains.iter().map(String::as_str).collect();
        return format!("{how} {}", random.pick(&names));
    }
    random.pick(&kinds).to_owned()
}

fn rule(random: &mut Random, chains: &[String], reset: bool) -> String {
    if random.one_in(12) {
        return "tcp dport vmap { 22 : drop, 80 : accept, 8443 : continue, 9000-9001 : return }".to_owned();
    }
    let mut text = String::new();
    let mut tests = random.next() % 3;
    let mut end = verdict(random, chains);
    if end.starts_with("reject") && !reset {
        "drop".clone_into(&mut end);
    }
    // A rule for everything would hide the ones behind it.
    if tests == 0 && !end.starts_with("jump") && !end.is_empty() {
        tests = 1;
    }
    // A reset needs to know that it is TCP.
    if end.ends_with("tcp reset") {
        text.push_str("tcp dport 1-65535 ");
    }
    for _ in 0..tests {
        let mut more = String::new();
        test(random, &mut more);
        // nft 1.0.6 lists a family in front of a reset as if it were not there, in text as in JSON.
        let unlisted = end.ends_with("tcp reset") && more.contains("nfproto");
        if !unlisted && !contradicts(&text, &more) {
            text.push_str(&more);
        }
    }
    if random.one_in(4) {
        text.push_str("counter ");
    }
    if text.is_empty() && end.is_empty() {
        text.push_str("counter ");
    }
    text + &end
}

/// A ruleset with some tables and hooks.
pub(crate) fn ruleset(seed: u64) -> String {
    let mut random = Random(seed);
    let mut text = String::new();
    let tables = 1 + random.next() % 2;
    for table in 0..tables {
        writeln!(text, "table inet t{table} {{").unwrap();
        text.push_str("  set web { type inet_service; flags interval; elements = { 80, 443, 8080-8090 }\n  }\n");
        text.push_str(
            "  set trusted { type ipv4_addr; flags interval; elements = { 10.0.1.8/29, 172.16.0.0/12 }\n  }\n",
        );
        let count = random.next() % 4;
        let names: Vec<String> = (0..count).map(|number| format!("c{number}")).collect();
        let mut chains: Vec<String> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let rules: Vec<String> =
                (0..=random.next() % 4).map(|_| rule(&mut random, &names[at + 1..], true)).collect();
            chains.push(format!("  chain {name} {{\n    {}\n  }}\n", rules.join("\n    ")));
        }
        // Later chains come first, since jumps need them to be there.
        text.extend(chains.into_iter().rev());
        let policy = random.pick(&["accept", "drop"]);
        let neighbours = "    meta l4proto ipv6-icmp accept\n";
        let rules: Vec<String> = (0..2 + random.next() % 6).map(|_| rule(&mut random, &names, true)).collect();
        // Two chains of one hook have priorities of their own: in which order equal ones are asked is not in any listing.
        let priority = 10 * table;
        write!(
            text,
            "  chain input {{\n    type filter hook input priority {priority}; policy {policy};\n{neighbours}    {}\n  }}\n",
            rules.join("\n    ")
        )
        .unwrap();
        if random.one_in(3) {
            let rules: Vec<String> = (0..=random.next() % 3).map(|_| rule(&mut random, &[], false)).collect();
            write!(
                text,
                "  chain early {{\n    type filter hook prerouting priority {};\n{neighbours}    {}\n  }}\n",
                priority.cast_signed() - 150,
                rules.join("\n    ")
            )
            .unwrap();
        }
        if random.one_in(4) {
            let rules: Vec<&str> = (0..2)
                .map(|_| {
                    random.pick(&[
                        "tcp sport 8080 drop",
                        "ct state established accept",
                        "ct state new drop",
                        "oifname \"eth0\" tcp sport { 22, 80 } drop",
                        "ip daddr 10.0.1.10 tcp sport 443 drop",
                    ])
                })
                .collect();
            write!(
                text,
                "  chain out {{\n    type filter hook output priority {priority};\n    {}\n  }}\n",
                rules.join("\n    ")
            )
            .unwrap();
        }
        text.push_str("}\n");
    }
    text
}
