//! The narrowest change of a host firewall, in the words of the tool that the rules belong to.

use reachlint_model::{Fix, Hop, HopKind, ListId, Packet, Protocol, Remedy, RuleId};

use crate::network::{FilterFacts, Hosts, LISTENER};
use crate::records::{Engine, Families, Manager};

/// What lets exactly this connection pass a hop of a host.
pub(crate) fn remedy(hosts: &Hosts, fix: Fix, hop: &Hop, list: Option<ListId>, rule: Option<RuleId>) -> Option<Remedy> {
    if fix != Fix::Open || hop.layer == LISTENER {
        return None;
    }
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    // Where no rule decided, the policy of the base chain did.
    let network = hosts.network();
    let base = network.gate(gate).and_then(|gate| network.lists(gate).next().map(|(id, _)| id))?;
    let facts = hosts.lists.get(&list.unwrap_or(base))?;
    let rule = rule.and_then(|rule| hosts.rules.get(&rule.0).copied());
    let out = hop.direction != reachlint_model::Direction::Ingress;
    let cli = match facts.manager {
        Manager::Ufw if !out => ufw(&packet),
        Manager::Firewalld if !out => firewalld(facts, &packet),
        _ => match facts.engine {
            Engine::Nftables => nft(facts, rule.and_then(|rule| rule.handle), &packet),
            Engine::Iptables | Engine::Legacy => iptables(facts, rule.map(|rule| rule.position), &packet),
        },
    };
    Some(Remedy { cli, ..Remedy::default() })
}

/// `tcp`, as every tool calls it.
fn transport(packet: &Packet) -> String {
    packet.protocol.to_string()
}

/// One of the two ends has a single port: the upstream's.
fn port(packet: &Packet) -> (&'static str, u16) {
    if packet.destination_ports.count() == 1 {
        ("dport", packet.destination_ports.first())
    } else {
        ("sport", packet.source_ports.first())
    }
}

fn nft(facts: &FilterFacts, handle: Option<u64>, packet: &Packet) -> String {
    let family = if packet.source.is_ipv4() { "ip" } else { "ip6" };
    let (end, port) = port(packet);
    let transport = transport(packet);
    let tests =
        format!("{family} saddr {} {family} daddr {} {transport} {end} {port}", packet.source, packet.destination);
    let (table, chain) = (&facts.table, &facts.chain);
    match handle {
        Some(handle) => format!("nft insert rule {table} {chain} handle {handle} {tests} accept"),
        None => format!("nft add rule {table} {chain} {tests} accept"),
    }
}

fn iptables(facts: &FilterFacts, position: Option<usize>, packet: &Packet) -> String {
    let v6 = facts.families == Families::V6;
    let command = match (v6, facts.engine == Engine::Legacy) {
        (false, false) => "iptables",
        (true, false) => "ip6tables",
        (false, true) => "iptables-legacy",
        (true, true) => "ip6tables-legacy",
    };
    let table = if facts.table == "filter" { String::new() } else { format!(" -t {}", facts.table) };
    let place = match position {
        Some(position) => format!("-I {} {position}", facts.chain),
        None => format!("-A {}", facts.chain),
    };
    let (end, port) = port(packet);
    let transport = transport(packet);
    format!(
        "{command}{table} {place} -s {} -d {} -p {transport} --{end} {port} -j ACCEPT",
        packet.source, packet.destination
    )
}

fn ufw(packet: &Packet) -> String {
    let (_, port) = port(packet);
    format!("ufw prepend allow proto {} from {} to any port {port}", transport(packet), packet.source)
}

/// Zones have chains of their own, called `filter_IN_ZONE` with something behind it.
fn firewalld(facts: &FilterFacts, packet: &Packet) -> String {
    let zone = facts.chain.strip_prefix("filter_IN_").map(|rest| {
        let ends = ["_pre", "_log", "_deny", "_allow", "_post"];
        ends.iter().find_map(|end| rest.strip_suffix(end)).unwrap_or(rest)
    });
    let zone = zone.map_or_else(String::new, |zone| format!(" --zone={zone}"));
    let family = if packet.source.is_ipv4() { "ipv4" } else { "ipv6" };
    let (_, port) = port(packet);
    let protocol = if packet.protocol == Protocol::UDP { "udp" } else { "tcp" };
    format!(
        "firewall-cmd{zone} --add-rich-rule='rule family={family} source address={} port port={port} protocol={protocol} \
         accept'\nfirewall-cmd --runtime-to-permanent",
        packet.source
    )
}
