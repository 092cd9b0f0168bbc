//! Entries of network ACLs.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint_model::{
    Action, Family, GateId, Hop, HopKind, Packet, Peer, PortRange, Prefix, Protocol, Remedy, Rule, RuleList, Side,
};

use super::Evidence;
use super::quota::full_acl;
use super::words::{Command, Place, Value, count, custom, has_ports, plain, protocol, resource};
use crate::network::AwsNetwork;

/// Users' entries have numbers up to this one; the next ones are those of the final deny (VPC guide, network ACLs).
const HIGHEST: i32 = 32_766;
/// How far before the entry that decides a new one may come.
const WINDOW: i32 = 100;

/// A new entry that lets exactly one peer through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    acl: &'a str,
    egress: bool,
    /// Its number; none where there is no room before the entry that decides.
    number: Option<i32>,
    /// The number of the entry that denies.
    before: i32,
    protocol: Protocol,
    ports: PortRange,
    peer: IpAddr,
    /// How many subnets the ACL serves.
    subnets: usize,
    place: Place<'a>,
    /// Why there is no room for it.
    full: Option<String>,
}

/// Lets the packet through a network ACL.
pub(super) fn open<'a>(aws: &'a AwsNetwork, hop: &Hop) -> Option<Entry<'a>> {
    let HopKind::Gate { gate: id, packet } = hop.kind else { return None };
    let gate = aws.network.gate(id)?;
    let (_, list) = aws.network.lists(gate).next()?;
    let peer = match gate.side {
        Side::Source => packet.source,
        Side::Destination => packet.destination,
    };
    let (number, before) = number(aws, list, &packet, peer);
    let served = |gate: GateId| {
        aws.subnets
            .values()
            .filter_map(|subnet| subnet.acl.ok())
            .filter(move |acl| [acl.ingress, acl.egress].contains(&gate))
    };
    let place = aws.network.interfaces().map(|(_, interface)| interface).find(|interface| {
        let acl = aws.subnets.get(&interface.subnet).and_then(|subnet| subnet.acl.ok());
        acl.is_some_and(|acl| [acl.ingress, acl.egress].contains(&id))
    });
    Some(Entry {
        acl: aws.argument(list.name)?,
        egress: gate.side == Side::Destination,
        number,
        before,
        protocol: packet.protocol,
        ports: packet.destination_ports,
        peer,
        subnets: served(id).count(),
        place: place.map(|interface| Place { account: None, ..aws.place(interface) }).unwrap_or_default(),
        full: full_acl(aws, list, Family::of(peer), gate.side == Side::Destination),
    })
}

/// A free number before the first entry that denies any of the packet, and the number of that entry.
///
/// Several senders are often refused by the same entry, and each change is worked out alone; so the number depends
/// on the peer, and neighbours get different ones.
fn number(aws: &AwsNetwork, list: &RuleList, packet: &Packet, peer: IpAddr) -> (Option<i32>, i32) {
    let entries = aws.network.rules(list);
    let numbers = || entries.iter().filter_map(|entry| Some((entry_number(aws, entry)?, entry)));
    let denies = |entry: &Rule| entry.action == Action::Deny && concerns(aws, entry, packet, peer);
    let decides = numbers().find(|(_, entry)| denies(entry)).map(|(number, _)| number);
    let before = decides.unwrap_or(HIGHEST + 1).min(HIGHEST + 1);
    let taken: BTreeSet<i32> = numbers().map(|(number, _)| number).filter(|number| *number < before).collect();
    let after = taken.last().copied().unwrap_or(0).max(0);
    // Before a final deny the entries go on after the last one; before any other, as near to it as they can.
    let (low, high) = if before > HIGHEST {
        (after + 1, (after + WINDOW).min(HIGHEST))
    } else {
        ((after + 1).max(before - WINDOW), before - 1)
    };
    let number = if low <= high {
        Some(low + spread(peer, packet.destination_ports, high - low + 1))
    } else {
        (1..before).rev().find(|number| !taken.contains(number))
    };
    (number, before)
}

/// A number below `room` that neighbours in address or port do not share.
fn spread(peer: IpAddr, ports: PortRange, room: i32) -> i32 {
    let bits = match peer {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    let room = u128::try_from(room).unwrap_or(1).max(1);
    let at = (bits % room + u128::from(ports.first()) * 7) % room;
    i32::try_from(at).unwrap_or(0)
}

/// Whether an entry is about any of the packet's ports.
fn concerns(aws: &AwsNetwork, entry: &Rule, packet: &Packet, peer: IpAddr) -> bool {
    let ports = packet.destination_ports;
    let block = match entry.peer {
        Peer::V4 { base, length } => Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length),
        Peer::V6(id) => aws.network.prefix(id),
        _ => None,
    };
    entry.protocol.contains(packet.protocol)
        && entry.ports.first() <= ports.last()
        && ports.first() <= entry.ports.last()
        && block.is_some_and(|block| block.contains(peer))
}

/// The compiled name of an entry ends with its number: `acl-b ingress 90`.
fn entry_number(aws: &AwsNetwork, entry: &Rule) -> Option<i32> {
    aws.network.name(entry.name?).rsplit(' ').next()?.parse().ok()
}

impl Entry<'_> {
    /// The change in words.
    pub(super) fn remedy(&self) -> Remedy {
        if let Some(why) = &self.full {
            return Remedy { console: format!("{}{why}", self.place.console()), ..Remedy::default() };
        }
        let Some(number) = self.number else {
            return Remedy { console: self.console(None), ..Remedy::default() };
        };
        Remedy { cli: self.cli(number), terraform: self.terraform(number), console: self.console(Some(number)) }
    }

    fn block(&self) -> String {
        Prefix::host(self.peer).to_string()
    }

    fn cli(&self, number: i32) -> String {
        let mut command = Command::new("create-network-acl-entry")
            .option("--network-acl-id", self.acl)
            .flag(if self.egress { "--egress" } else { "--ingress" })
            .option("--rule-number", &number.to_string())
            .option("--protocol", &self.protocol.0.to_string());
        if has_ports(self.protocol) {
            let range = format!("From={},To={}", self.ports.first(), self.ports.last());
            command = command.option("--port-range", &range);
        }
        let family = if self.peer.is_ipv4() { "--cidr-block" } else { "--ipv6-cidr-block" };
        command.option(family, &self.block()).option("--rule-action", "allow").at(self.place)
    }

    fn terraform(&self, number: i32) -> String {
        let family = if self.peer.is_ipv4() { "cidr_block" } else { "ipv6_cidr_block" };
        let (block, named) = (self.block(), protocol(self.protocol));
        let mut arguments = vec![
            ("network_acl_id", self.acl.into()),
            ("rule_number", Value::Number(number.into())),
            ("egress", Value::Truth(self.egress)),
            ("protocol", named.as_str().into()),
            ("rule_action", "allow".into()),
            (family, block.as_str().into()),
        ];
        if has_ports(self.protocol) {
            arguments.push(("from_port", Value::Number(self.ports.first().into())));
            arguments.push(("to_port", Value::Number(self.ports.last().into())));
        }
        let direction = if self.egress { "egress" } else { "ingress" };
        resource("aws_network_acl_rule", &[self.acl, direction, &number.to_string()], &arguments)
    }

    fn console(&self, number: Option<i32>) -> String {
        let (tab, side) = if self.egress { ("Outbound", "destination") } else { ("Inbound", "source") };
        let (acl, what, block) = (plain(self.acl), custom(self.protocol, self.ports), self.block());
        let path = format!("{}VPC > Network ACLs > {acl} > {tab} rules", self.place.console());
        let edit = format!("Edit {} rules", tab.to_lowercase());
        let shared = if self.subnets > 1 {
            format!(" The entry holds for all {} of {acl}.", count(self.subnets, "subnet"))
        } else {
            String::new()
        };
        match number {
            Some(number) => {
                let why = if self.before > HIGHEST {
                    "the final deny, *,".to_owned()
                } else {
                    format!("entry {}, which denies it,", self.before)
                };
                format!(
                    "{path} > {edit} > Add new rule: number {number}, {what}, {side} {block}, Allow. Any free number \
                     before {why} does as well.{shared}"
                )
            }
            None => format!(
                "{path} > {edit}: no number is free before entry {}, which denies it. Give that entry and those \
                 before it higher numbers, then add: {what}, {side} {block}, Allow.{shared}",
                self.before
            ),
        }
    }
}
