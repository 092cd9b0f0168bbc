//! Rules of network security groups.

use std::net::IpAddr;
use std::ops::Range;

use reachlint_model::{
    Action, AddressSet, Hop, HopKind, Identity, Interface, ListId, NameId, Packet, Peer, PortRange, Prefix, Protocol,
    ProtocolMatch, Remedy, Rule, RuleId, RuleList, Side,
};

use super::words::{Command, Value, is_argument, plain, ports, protocol, resource};
use crate::network::{AzureNetwork, HIGHEST};
use crate::records::ResourceId;

/// Priorities of users' rules begin here (Network security groups, security rules).
const LOWEST: i64 = 100;
/// How far before the rule that decides a new one may come.
const WINDOW: usize = 50;

/// One end of a new rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End<'a> {
    /// The members of an application security group, and how many others there are.
    Group(&'a ResourceId, u64),
    /// One address.
    Host(IpAddr),
}

impl End<'_> {
    /// For the name of a rule, and for its place among those of neighbours.
    fn word(&self) -> String {
        match self {
            Self::Group(group, _) => group.name().to_owned(),
            Self::Host(host) => host.to_string().replace([':', '.'], "-"),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Group(group, 0) => format!("application security group {}", plain(group.name())),
            Self::Group(group, others) => {
                let s = if *others == 1 { "" } else { "s" };
                format!("application security group {}, with {others} other member{s}", plain(group.name()))
            }
            Self::Host(host) => host.to_string(),
        }
    }
}

/// A new rule that lets exactly one connection through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening<'a> {
    group: &'a ResourceId,
    inbound: bool,
    /// None where there is no free priority before the rule that decides.
    priority: Option<i64>,
    /// The priority of that rule.
    before: i64,
    protocol: Protocol,
    ports: PortRange,
    source: End<'a>,
    destination: End<'a>,
    /// The address of the group's own side.
    near: IpAddr,
}

/// What is done about a rule that is too wide.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Closing<'a> {
    /// It goes.
    Delete { group: &'a ResourceId, rule: String, inbound: bool },
    /// It cannot go, since it is a default rule, so that one goes before it which denies the rest.
    Deny {
        group: &'a ResourceId,
        rule: String,
        priority: Option<i64>,
        near: IpAddr,
        protocol: Protocol,
        ports: PortRange,
    },
}

/// Lets the packet through a group.
pub(super) fn open(azure: &AzureNetwork, hop: &Hop, rule: Option<RuleId>) -> Option<Remedy> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let gate = azure.network.gate(gate)?;
    let (_, list) = azure.network.lists(gate).next()?;
    Some(opening(azure, list.name, gate.side, &packet, rule, None)?.remedy())
}

/// Replaces a rule by what the packet needs.
pub(super) fn narrow(azure: &AzureNetwork, hop: &Hop, list: ListId, rule: RuleId) -> Option<Remedy> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let side = azure.network.gate(gate)?.side;
    let rules = azure.network.list(list)?;
    let group = azure.called.resource(rules.name, KIND)?;
    let old = azure.network.rule(rule)?;
    let name = own_name(azure, rules.name, old)?;
    // The first rule that matches decides; if it is another one, the packet does not need this one.
    let first = first(azure, rules, &packet, side);
    let needs =
        first.is_none_or(|(id, _)| id == rule || azure.network.rule(id).is_some_and(|one| one.name == old.name));
    let mut opening = opening(azure, rules.name, side, &packet, Some(rule), Some(old))?;
    if opening.priority.is_none() {
        // Once the wide rule is gone, the new one may as well stand behind where it was.
        let denies = denied_at(azure, rules, rule, &packet, side);
        let taken = azure.priorities.get(&(rules.name, side == Side::Source)).map(Vec::as_slice).unwrap_or_default();
        opening.priority = free(taken, opening.before + 1..denies, &opening.key());
    }
    // A rule for one address and port is wide only beside others.
    let single =
        old.ports.count() == 1 && block(azure, old.peer).is_some_and(|block| block == Prefix::host(block.first()));
    if single || is(azure, old, &opening) {
        return None;
    }
    let closing = if old.name.is_some_and(|name| azure.is_default(name)) {
        // Probes are one address, and load balancers need them.
        if name.contains("AzureLoadBalancer") {
            return None;
        }
        let taken = azure.priorities.get(&(rules.name, side == Side::Source)).map(Vec::as_slice).unwrap_or_default();
        // Behind every rule of the user's own.
        let highest = taken.iter().copied().filter(|priority| *priority <= HIGHEST).max().unwrap_or(0);
        let priority = (highest < HIGHEST).then_some(HIGHEST);
        let near = opening.near;
        Closing::Deny { group, rule: name, priority, near, protocol: packet.protocol, ports: packet.destination_ports }
    } else {
        Closing::Delete { group, rule: name, inbound: side == Side::Source }
    };
    let mut parts = Vec::new();
    let placed = opening.priority.is_some();
    if needs {
        parts.push(opening.remedy());
    }
    // Without a place for the narrow rule, nothing but words: the wide one must not go first.
    let closing = closing.remedy();
    parts.push(if needs && !placed { Remedy { console: closing.console, ..Remedy::default() } } else { closing });
    let join = |text: fn(&Remedy) -> &str, between: &str| {
        parts.iter().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(between)
    };
    Some(Remedy {
        cli: join(|part| &part.cli, "\n"),
        terraform: join(|part| &part.terraform, "\n\n"),
        console: join(|part| &part.console, "\n"),
    })
}

const KIND: &str = "/networksecuritygroups";

fn opening<'a>(
    azure: &'a AzureNetwork,
    list: NameId,
    side: Side,
    packet: &Packet,
    decides: Option<RuleId>,
    instead: Option<&Rule>,
) -> Option<Opening<'a>> {
    let group = azure.called.resource(list, KIND).filter(|group| may_be_named(group))?;
    let inbound = side == Side::Source;
    let near = if inbound { packet.destination } else { packet.source };
    // A new rule in place of another one must admit nobody whom that one did not.
    let bound = instead.filter(|_| inbound).map(|old| sources(azure, old));
    let source = end(azure, packet.source, packet.source_identity, packet.destination_identity, bound.as_ref());
    let before = decides.and_then(|rule| azure.network.rule(rule)?.name).and_then(|name| azure.priority.get(&name));
    let before = before.copied().unwrap_or(HIGHEST + 1).min(HIGHEST + 1);
    let taken = azure.priorities.get(&(list, inbound)).map(Vec::as_slice).unwrap_or_default();
    let mut opening = Opening {
        group,
        inbound,
        priority: None,
        before,
        protocol: packet.protocol,
        ports: packet.destination_ports,
        source,
        destination: End::Host(packet.destination),
        near,
    };
    opening.priority = free(taken, LOWEST..before, &opening.key());
    Some(opening)
}

fn may_be_named(id: &ResourceId) -> bool {
    is_argument(&id.text) && is_argument(&id.group) && is_argument(id.name()) && is_argument(&id.subscription)
}

/// A free priority before the rule that decides.
///
/// Several senders are often refused by one rule, and each change is worked out alone; so the priority depends on the
/// connection, and neighbours get different ones.
fn free(taken: &[i64], within: Range<i64>, key: &str) -> Option<i64> {
    let free: Vec<i64> = within.rev().filter(|priority| !taken.contains(priority)).take(WINDOW).collect();
    let hash = key.bytes().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
    free.get(hash.checked_rem(free.len())?).copied()
}

/// Who sends, by the application security group with the fewest members that the address is in. Both ends have to be in
/// one virtual network for that (Application security groups), and nothing may have translated the address.
fn end<'a>(
    azure: &'a AzureNetwork,
    address: IpAddr,
    who: Identity,
    other: Identity,
    bound: Option<&AddressSet>,
) -> End<'a> {
    let host = End::Host(address);
    let (Identity::Interface(id), Some(interface)) = (who, interface(azure, who)) else { return host };
    let own = azure.network.addresses(interface).iter().any(|known| known.private == address);
    // On the way out the other end is not known, and is an address in any case.
    let apart = self::interface(azure, other).is_some_and(|other| other.network != interface.network);
    if !own || apart || azure.network.interface(id).is_none() {
        return host;
    }
    let groups = azure.network.groups(interface).iter().filter_map(|group| {
        let members = azure.members.get(&group.0).filter(|members| members.contains(address))?;
        let id = azure.called.resource(group.0, "/applicationsecuritygroups").filter(|id| may_be_named(id))?;
        let size = members.size_v4().saturating_add(u64::try_from(members.size_v6()).unwrap_or(u64::MAX));
        bound.is_none_or(|bound| members.is_subset(bound)).then_some((size, id))
    });
    let fewest = groups.min_by_key(|(size, id)| (*size, id.key.clone()));
    fewest.map_or(host, |(size, id)| End::Group(id, size.saturating_sub(1)))
}

fn interface(azure: &AzureNetwork, who: Identity) -> Option<&Interface> {
    match who {
        Identity::Interface(id) => azure.network.interface(id),
        Identity::Nobody | Identity::Hidden | Identity::Unknown(_) => None,
    }
}

/// The addresses that a rule is about on its far side.
fn sources(azure: &AzureNetwork, rule: &Rule) -> AddressSet {
    match rule.peer {
        Peer::Any => AddressSet::everything(),
        Peer::Set(id) => azure.network.set(id).cloned().unwrap_or_default(),
        peer => block(azure, peer).map(AddressSet::from).unwrap_or_default(),
    }
}

/// The name that a rule has within its group.
fn own_name(azure: &AzureNetwork, list: NameId, rule: &Rule) -> Option<String> {
    let whole = azure.network.name(rule.name?);
    let own = whole.strip_prefix(azure.network.name(list))?.strip_prefix('/')?;
    is_argument(own).then(|| own.to_owned())
}

fn block(azure: &AzureNetwork, peer: Peer) -> Option<Prefix> {
    match peer {
        Peer::V4 { base, length } => Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length),
        Peer::V6(id) => azure.network.prefix(id),
        _ => None,
    }
}

/// Whether a rule is the new one already.
fn is(azure: &AzureNetwork, rule: &Rule, new: &Opening<'_>) -> bool {
    let (far, _) = new.ends();
    let End::Host(host) = *far else { return false };
    block(azure, rule.peer) == Some(Prefix::host(host))
        && rule.protocol == ProtocolMatch::Only(new.protocol)
        && rule.ports == new.ports
}

/// The priority of the first rule behind another one that denies a packet.
fn denied_at(azure: &AzureNetwork, list: &RuleList, behind: RuleId, packet: &Packet, side: Side) -> i64 {
    let mut denying = about(azure, list, packet, side).filter(|(id, action)| *id > behind && *action == Action::Deny);
    let name = denying.next().and_then(|(id, _)| azure.network.rule(id)?.name);
    name.and_then(|name| azure.priority.get(&name)).copied().unwrap_or(HIGHEST + 1).min(HIGHEST + 1)
}

/// The first rule that is certainly about a packet.
fn first(azure: &AzureNetwork, list: &RuleList, packet: &Packet, side: Side) -> Option<(RuleId, Action)> {
    about(azure, list, packet, side).next()
}

/// The rules that are certainly about a packet.
fn about<'a>(
    azure: &'a AzureNetwork,
    list: &'a RuleList,
    packet: &'a Packet,
    side: Side,
) -> impl Iterator<Item = (RuleId, Action)> + 'a {
    let (far, near) = match side {
        Side::Source => (packet.source, packet.destination),
        Side::Destination => (packet.destination, packet.source),
    };
    let matches = move |rule: &Rule| {
        let narrow = rule.narrow.and_then(|id| azure.network.narrow(id));
        let peer = match rule.peer {
            Peer::Any => true,
            Peer::Set(id) => azure.network.set(id).is_some_and(|set| set.contains(far)),
            peer => block(azure, peer).is_some_and(|block| block.contains(far)),
        };
        peer && rule.protocol.contains(packet.protocol)
            && rule.ports.contains(packet.destination_ports.first())
            && narrow.is_none_or(|narrow| {
                narrow.maybe.is_none() && narrow.near.as_ref().is_none_or(|set| set.contains(near))
            })
    };
    let rules = azure.network.rules(list).iter().zip(list.rules.clone());
    rules.filter(move |(rule, _)| matches(rule)).map(|(rule, at)| (RuleId(at), rule.action))
}

impl Opening<'_> {
    /// The far and the near end.
    fn ends(&self) -> (&End<'_>, &End<'_>) {
        if self.inbound { (&self.source, &self.destination) } else { (&self.destination, &self.source) }
    }

    /// A text that differs between connections.
    fn key(&self) -> String {
        format!("{} {} {}", self.source.word(), self.destination.word(), self.ports)
    }

    /// A name that says what the rule is for; it holds letters, digits, dots, hyphens and underscores only.
    fn name(&self) -> String {
        let (from, to) = (self.source.word(), self.destination.word());
        let text = format!("reachlint-{}-{}-from-{from}-to-{to}", protocol(self.protocol).to_lowercase(), self.ports);
        let mut text: String =
            text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
        // A rule's name has at most 80 characters (Azure resource naming rules).
        text.truncate(80);
        text.trim_end_matches(['-', '.']).to_owned()
    }

    fn direction(&self) -> &'static str {
        if self.inbound { "Inbound" } else { "Outbound" }
    }

    fn remedy(&self) -> Remedy {
        let Some(priority) = self.priority else {
            return Remedy { console: self.console(None), ..Remedy::default() };
        };
        Remedy { cli: self.cli(priority), terraform: self.terraform(priority), console: self.console(Some(priority)) }
    }

    fn cli(&self, priority: i64) -> String {
        let command = Command::new("network nsg rule create")
            .option("--resource-group", &self.group.group)
            .option("--nsg-name", self.group.name())
            .option("--name", &self.name())
            .option("--priority", &priority.to_string())
            .option("--direction", self.direction())
            .option("--access", "Allow")
            .option("--protocol", protocol(self.protocol));
        let command = match &self.source {
            End::Group(group, _) => command.option("--source-asgs", &group.text),
            End::Host(host) => command.option("--source-address-prefixes", &host.to_string()),
        };
        let command = match &self.destination {
            End::Group(group, _) => command.option("--destination-asgs", &group.text),
            End::Host(host) => command.option("--destination-address-prefixes", &host.to_string()),
        };
        command
            .option("--destination-port-ranges", &ports(self.ports))
            .option("--subscription", &self.group.subscription)
            .done()
    }

    fn terraform(&self, priority: i64) -> String {
        let name = self.name();
        let end = |end: &End<'_>, group: &'static str, host: &'static str| match end {
            End::Group(id, _) => (group, Value::Texts(vec![id.text.clone()])),
            End::Host(address) => (host, address.to_string().as_str().into()),
        };
        let arguments = [
            ("name", name.as_str().into()),
            ("resource_group_name", self.group.group.as_str().into()),
            ("network_security_group_name", self.group.name().into()),
            ("priority", Value::Number(priority)),
            ("direction", self.direction().into()),
            ("access", "Allow".into()),
            ("protocol", protocol(self.protocol).into()),
            end(&self.source, "source_application_security_group_ids", "source_address_prefix"),
            ("source_port_range", "*".into()),
            end(&self.destination, "destination_application_security_group_ids", "destination_address_prefix"),
            ("destination_port_range", ports(self.ports).as_str().into()),
        ];
        resource("azurerm_network_security_rule", &[self.group.name(), &name], &arguments)
    }

    fn console(&self, priority: Option<i64>) -> String {
        let (source, destination) = (self.source.sentence(), self.destination.sentence());
        let tab = self.direction();
        let path = place(self.group, tab);
        let what = format!(
            "source {source}, destination {destination}, port {}, protocol {}, Allow",
            ports(self.ports),
            protocol(self.protocol)
        );
        let why = if self.before > HIGHEST {
            "the default rules".to_owned()
        } else {
            format!("the rule with {}, which decides now,", self.before)
        };
        match priority {
            Some(priority) => {
                format!("{path} > Add: {what}, priority {priority}. Any free priority before {why} does as well.")
            }
            None => format!(
                "{path}: no priority is free before {why}. Give that rule and those before it higher numbers, then add: \
                 {what}."
            ),
        }
    }
}

fn place(group: &ResourceId, tab: &str) -> String {
    format!(
        "In subscription {}, resource group {}: Network security groups > {} > {tab} security rules",
        plain(&group.subscription),
        plain(&group.group),
        plain(group.name())
    )
}

impl Closing<'_> {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Delete { group, rule, inbound } => {
                let tab = if *inbound { "Inbound" } else { "Outbound" };
                Remedy {
                    cli: Command::new("network nsg rule delete")
                        .option("--resource-group", &group.group)
                        .option("--nsg-name", group.name())
                        .option("--name", rule)
                        .option("--subscription", &group.subscription)
                        .done(),
                    terraform: format!(
                        "# Remove the azurerm_network_security_rule, or the security_rule of the group, that makes rule \
                         {} of {}.",
                        plain(rule),
                        plain(group.name())
                    ),
                    console: format!("{} > delete {}.", place(group, tab), plain(rule)),
                }
            }
            Self::Deny { group, rule, priority, near, protocol: of, ports: range } => {
                let (near, range) = (near.to_string(), ports(*range));
                let name = format!(
                    "reachlint-deny-{}-{}-to-{}",
                    protocol(*of).to_lowercase(),
                    range.replace('*', "all"),
                    near.replace([':', '.'], "-")
                );
                let tag = "VirtualNetwork";
                let words = format!(
                    "{} > Add: source {tag}, destination {near}, port {range}, protocol {}, Deny, after all others. The \
                     default rule {} cannot be deleted; whoever else needs the port has to get a rule before that one.",
                    place(group, "Inbound"),
                    protocol(*of),
                    plain(rule)
                );
                let Some(priority) = priority else { return Remedy { console: words, ..Remedy::default() } };
                let cli = Command::new("network nsg rule create")
                    .option("--resource-group", &group.group)
                    .option("--nsg-name", group.name())
                    .option("--name", &name)
                    .option("--priority", &priority.to_string())
                    .option("--direction", "Inbound")
                    .option("--access", "Deny")
                    .option("--protocol", protocol(*of))
                    .option("--source-address-prefixes", tag)
                    .option("--destination-address-prefixes", &near)
                    .option("--destination-port-ranges", &range)
                    .option("--subscription", &group.subscription)
                    .done();
                let arguments = [
                    ("name", name.as_str().into()),
                    ("resource_group_name", group.group.as_str().into()),
                    ("network_security_group_name", group.name().into()),
                    ("priority", Value::Number(*priority)),
                    ("direction", "Inbound".into()),
                    ("access", "Deny".into()),
                    ("protocol", protocol(*of).into()),
                    ("source_address_prefix", tag.into()),
                    ("source_port_range", "*".into()),
                    ("destination_address_prefix", near.as_str().into()),
                    ("destination_port_range", range.as_str().into()),
                ];
                let terraform = resource("azurerm_network_security_rule", &[group.name(), &name], &arguments);
                Remedy { cli, terraform, console: words }
            }
        }
    }
}
