//! Documents that nobody wrote with good intent, and what a host is joined to.

use std::fmt::Write;

use reachlint_model::{Half, Hop, HopKind, Identity, InterfaceId, Outcome, Packet, PortRange, Protocol};

use super::Hosts;
use crate::records::Document;

/// A ruleset with most of what is read.
const RULES: &str = r#"{"nftables":[{"table":{"family":"inet","name":"t","handle":1,"flags":"x"}},{"set":{"family":"inet","name":"s","table":"t","type":"ipv4_addr","elem":[{"prefix":{"addr":"10.0.0.0","len":8}},"192.0.2.1",{"range":["10.0.0.1","10.0.0.5"]}]}},{"chain":{"family":"inet","table":"t","name":"a"}},{"chain":{"family":"inet","table":"t","name":"i","type":"filter","hook":"input","prio":0,"policy":"drop"}},{"chain":{"family":"inet","table":"t","name":"n","type":"nat","hook":"prerouting","prio":-100,"policy":"accept"}},{"rule":{"family":"inet","table":"t","chain":"a","handle":5,"expr":[{"vmap":{"key":{"payload":{"protocol":"tcp","field":"dport"}},"data":{"set":[[22,{"drop":null}],[{"range":[80,90]},{"goto":{"target":"a"}}],["*",{"return":null}]]}}}]}},{"rule":{"family":"inet","table":"t","chain":"i","handle":6,"expr":[{"match":{"op":"!=","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"@s"}},{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["new","established"]}},{"jump":{"target":"a"}}]}},{"rule":{"family":"inet","table":"t","chain":"n","handle":7,"expr":[{"match":{"op":"==","left":{"concat":[{"meta":{"key":"iifname"}},{"payload":{"protocol":"tcp","field":"dport"}}]},"right":{"set":[{"concat":["eth0",80]}]}}},{"redirect":{"port":81}}]}}]}"#;
const SAVED: &str = "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT ! -s 10.0.0.0/8 -p tcp -m multiport --dports 1:5,9 -m conntrack --ctstate NEW -j X\n-A X -m mark --mark 0x1/0x1 -g X\n-A X -p tcp --tcp-flags SYN,ACK SYN -j REJECT --reject-with tcp-reset\n";

fn document(rules: &str, saved: &str) -> Document {
    let lines = |text: &str| text.lines().flat_map(|line| [" ", line, "\n"]).collect::<String>();
    let text = format!(
        "=== reachlint host evidence 1\n=== host h\n=== uid 0\n=== $ ip -j addr\n [{{\"ifname\":\"eth0\",\"addr_info\":[{{\"local\":\"10.0.0.2\"}}]}}]\n=== exit 0\n\
         === $ ss -Hltnupe\n{}=== exit 0\n=== $ nft -j list ruleset\n{}=== exit 0\n=== $ iptables-save\n{}=== exit 0\n=== end\n",
        lines(saved),
        lines(rules),
        lines(saved)
    );
    Document::read("h", text.as_bytes()).unwrap()
}

fn meet(document: Document) -> usize {
    let mut hosts = Hosts::new(&[document], &[]);
    hosts.of.insert((0, InterfaceId(0)), Ok(0));
    let mut half = Half::default();
    for port in [22, 80, 8080] {
        let packet = Packet {
            protocol: Protocol::TCP,
            source: "10.0.0.1".parse().unwrap(),
            destination: "10.0.0.2".parse().unwrap(),
            source_ports: PortRange::LINUX_EPHEMERAL,
            destination_ports: PortRange::single(port),
            source_identity: Identity::Nobody,
            destination_identity: Identity::Nobody,
        };
        hosts.enter((0, InterfaceId(0)), &packet, false, &mut half);
        hosts.leave((0, InterfaceId(0)), &packet.reply(), false, &mut half);
    }
    half.hops.len()
}

#[test]
fn a_whole_document_is_met() {
    assert!(meet(document(RULES, SAVED)) > 6);
}

/// A sender that may have any address of the internet may be one that a rule is about.
#[test]
fn a_redirect_for_a_part_of_the_internet_leaves_an_unknown_sender_undecided() {
    let doubts = |rule: &str| {
        let saved = format!(
            "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {rule} -p tcp --dport 8080 -j REDIRECT --to-ports 9999\n"
        );
        let mut hosts = Hosts::new(&[document("", &saved)], &[]);
        hosts.of.insert((0, InterfaceId(0)), Ok(0));
        let packet = Packet {
            protocol: Protocol::TCP,
            source: "10.0.0.1".parse().unwrap(),
            destination: "10.0.0.2".parse().unwrap(),
            source_ports: PortRange::LINUX_EPHEMERAL,
            destination_ports: PortRange::single(8080),
            source_identity: Identity::Nobody,
            destination_identity: Identity::Nobody,
        };
        let mut half = Half::default();
        hosts.enter((0, InterfaceId(0)), &packet.hidden(), false, &mut half);
        let unknown = |hop: &Hop| {
            matches!(
                hop.kind,
                HopKind::Opaque(_) | HopKind::Translation(Outcome::Unknown(_)) | HopKind::Route(Outcome::Unknown(_))
            )
        };
        half.hops.iter().filter(|hop| unknown(hop)).count()
    };
    let (part, none) = (doubts("-s 20.0.0.0/8"), doubts("-s 10.0.0.0/8"));
    assert!(part > none, "{part} doubts about a part of the internet, {none} about a private range");
}

/// Every chain jumps to the next one many times over.
#[test]
fn chains_that_jump_very_often_end() {
    let mut saved = "*nat\n:PREROUTING ACCEPT [0:0]\n".to_owned();
    for depth in 0..14 {
        writeln!(saved, ":C{depth} - [0:0]").unwrap();
    }
    let jumps = |from: &str, to: usize| format!("-A {from} -p tcp -j C{to}\n").repeat(20);
    saved += &jumps("PREROUTING", 0);
    for depth in 0..13 {
        saved += &jumps(&format!("C{depth}"), depth + 1);
    }
    assert!(meet(document("", &saved)) > 0);
    let loops =
        "*filter\n:INPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -j A\n-A B -j B\n";
    assert!(meet(document("", loops)) > 0);
}

proptest::proptest! {
    #[test]
    fn broken_documents_do_no_harm(at in 0..RULES.len(), length in 0..40_usize, with in "[ -~]{0,12}", other in 0..SAVED.len()) {
        let mut rules = RULES.to_owned();
        rules.replace_range(at..(at + length).min(RULES.len()), &with);
        let mut saved = SAVED.to_owned();
        saved.replace_range(other..(other + length).min(SAVED.len()), &with);
        meet(document(&rules, &saved));
    }
}
