//! Rules of security groups.

use std::net::IpAddr;

use reachlint_model::{
    Family, Group, Hop, HopKind, Identity, Interface, ListId, NameId, Packet, Peer, PortRange, Prefix, Protocol,
    ProtocolMatch, Remedy, Rule, RuleId, Side,
};
use serde_json::{Value as Json, json};

use super::Evidence;
use super::quota::{Wanted, full};
use super::words::{Command, Place, Value, called, count, custom, has_ports, plain, protocol, resource};
use crate::network::AwsNetwork;

/// The other end of a new rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Far<'a> {
    /// Whoever carries the group; the account only where it is another one than that of the rule's own group.
    Group { id: &'a str, label: Option<&'a str>, account: Option<&'a str>, others: usize },
    /// One address.
    Host(IpAddr),
}

/// A new rule of a group, for exactly one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening<'a> {
    group: &'a str,
    label: Option<&'a str>,
    /// How many interfaces carry the group besides the one that needs the rule.
    others: usize,
    egress: bool,
    protocol: Protocol,
    ports: PortRange,
    far: Far<'a>,
    place: Place<'a>,
    /// Why there is no room for it, and what does instead.
    full: Option<String>,
}

/// A rule that is too wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing<'a> {
    group: &'a str,
    label: Option<&'a str>,
    egress: bool,
    /// The rule's own id, which only the newer listing of rules has.
    id: Option<&'a str>,
    /// The rule as the API takes it.
    permission: Json,
    /// The rule in words.
    text: String,
    place: Place<'a>,
}

/// A change to the rules of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// A rule more.
    Open(Opening<'a>),
    /// A wide rule less, and before that the narrow one, unless another rule lets the connection in anyway.
    Narrow(Option<Opening<'a>>, Closing<'a>),
}

/// Both ends of a packet as a gate sees them: the near one carries the groups, the far one is what rules name.
struct Ends {
    near: Identity,
    far: Identity,
    address: IpAddr,
}

impl Ends {
    fn new(packet: &Packet, side: Side) -> Self {
        match side {
            Side::Source => {
                Self { near: packet.destination_identity, far: packet.source_identity, address: packet.source }
            }
            Side::Destination => {
                Self { near: packet.source_identity, far: packet.destination_identity, address: packet.destination }
            }
        }
    }
}

/// Lets the packet through the groups of the near interface.
pub(super) fn open<'a>(aws: &'a AwsNetwork, hop: &Hop) -> Option<Change<'a>> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let gate = aws.network.gate(gate)?;
    let (_, near) = aws.known(Ends::new(&packet, gate.side).near)?;
    let carried = aws.network.groups(near);
    let lists = || aws.network.lists(gate).map(|(_, list)| Group(list.name)).filter(|group| carried.contains(group));
    let new = |group: Group| Some(limited(aws, opening(aws, &packet, gate.side, group.0)?, gate, near, group.0));
    let roomy = lists().filter(|group| new(*group).is_some_and(|new| new.full.is_none()));
    let best = choose(aws, roomy).or_else(|| choose(aws, lists()))?;
    new(best).map(Change::Open)
}

/// Notes whether the quota of the group has room for a rule.
fn limited<'a>(
    aws: &AwsNetwork,
    new: Opening<'a>,
    gate: &reachlint_model::Gate,
    near: &Interface,
    group: NameId,
) -> Opening<'a> {
    let list = aws.network.lists(gate).find(|(_, list)| list.name == group).map(|(_, list)| list);
    let host = match new.far {
        Far::Host(address) => Some(Prefix::host(address)),
        Far::Group { .. } => None,
    };
    let (protocol, ports, egress) = (ProtocolMatch::Only(new.protocol), new.ports, new.egress);
    let full = list.and_then(|list| full(aws, &Wanted { list, egress, protocol, ports, host, near }));
    Opening { full, ..new }
}

/// Replaces a rule by what the packet needs.
pub(super) fn narrow<'a>(aws: &'a AwsNetwork, hop: &Hop, list: ListId, rule: RuleId) -> Option<Change<'a>> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let gate = aws.network.gate(gate)?;
    let group = aws.network.list(list)?.name;
    let old = aws.network.rule(rule)?;
    let ends = Ends::new(&packet, gate.side);
    let new = opening(aws, &packet, gate.side, group)?;
    let new = Opening { far: no_wider(aws, &ends, old, new.far, group), ..new };
    let (_, near) = aws.known(ends.near)?;
    let new = limited(aws, new, gate, near, group);
    let is_new = |rule: &Rule| is(aws, rule, &new);
    if is_new(old) {
        return None;
    }
    // The new rule is added once, for the first rule that admits the packet: adding it again would be refused as a
    // duplicate, and a rule that does not admit the packet is not missed by it.
    let rules = || {
        aws.network.lists(gate).flat_map(|(_, list)| {
            aws.network.rules(list).iter().zip(list.rules.clone()).map(|(rule, at)| (rule, RuleId(at)))
        })
    };
    let first = rules().find(|(rule, _)| admits(aws, rule, &packet, &ends)).map(|(_, id)| id);
    let needed = first == Some(rule) && !rules().any(|(rule, _)| is_new(rule));
    let closing = Closing {
        group: new.group,
        label: new.label,
        egress: new.egress,
        id: old.name.and_then(|id| aws.argument(id)),
        permission: permission(aws, old, group)?,
        text: text(aws, old),
        place: new.place,
    };
    Some(Change::Narrow(needed.then_some(new), closing))
}

/// The group that fewest interfaces carry. A default group goes last: it takes every machine that is launched
/// without another one, also those that are yet to come (VPC guide, default security groups).
fn choose(aws: &AwsNetwork, groups: impl Iterator<Item = Group>) -> Option<Group> {
    let groups = groups.filter(|group| aws.argument(group.0).is_some());
    groups.min_by_key(|group| {
        (aws.network.label(group.0) == Some("default"), carriers(aws, *group), aws.network.name(group.0).to_owned())
    })
}

fn carriers(aws: &AwsNetwork, group: Group) -> usize {
    aws.network.carriers(group).len()
}

fn opening<'a>(aws: &'a AwsNetwork, packet: &Packet, side: Side, group: NameId) -> Option<Opening<'a>> {
    let ends = Ends::new(packet, side);
    let (id, near) = aws.known(ends.near)?;
    let own = usize::from(aws.network.carries(id, Group(group)));
    Some(Opening {
        group: aws.argument(group)?,
        label: aws.network.label(group),
        others: carriers(aws, Group(group)).saturating_sub(own),
        egress: side == Side::Destination,
        protocol: packet.protocol,
        ports: packet.destination_ports,
        far: far(aws, &ends, owner(aws, group).or(Some(near.account))),
        place: aws.place(near),
        full: None,
    })
}

/// The far end as narrow as it can be named: by a group where the path preserves who it is and the address is one of
/// the interface's own, which is what a group reference means (VPC guide, security group referencing).
fn far<'a>(aws: &'a AwsNetwork, ends: &Ends, account: Option<NameId>) -> Far<'a> {
    let host = Far::Host(ends.address);
    let Some((id, interface)) = aws.known(ends.far) else { return host };
    if !aws.network.owners(ends.address).any(|owner| owner == id) {
        return host;
    }
    let group = choose(aws, aws.network.groups(interface).iter().copied());
    group.and_then(|group| reference(aws, group, interface.account, account)).unwrap_or(host)
}

/// A group as the far end; `account` is that of the group that gets the rule.
fn reference(aws: &AwsNetwork, group: Group, holder: NameId, account: Option<NameId>) -> Option<Far<'_>> {
    let theirs = owner(aws, group.0).or(Some(holder)).filter(|theirs| Some(*theirs) != account);
    Some(Far::Group {
        id: aws.argument(group.0)?,
        label: aws.network.label(group.0),
        account: theirs.and_then(|theirs| aws.argument(theirs)),
        others: carriers(aws, group).saturating_sub(1),
    })
}

/// The far end of a rule that replaces `old`, so that it lets nobody through whom `old` did not: a group that `old`
/// names stays, and a new one is taken only if `old` covers everybody who carries it.
fn no_wider<'a>(aws: &'a AwsNetwork, ends: &Ends, old: &Rule, far: Far<'a>, holder: NameId) -> Far<'a> {
    let (Far::Group { id, .. }, Some((_, interface))) = (far, aws.known(ends.far)) else { return far };
    if let Peer::Group(group) = old.peer
        && aws.network.groups(interface).contains(&group)
    {
        return reference(aws, group, interface.account, owner(aws, holder)).unwrap_or(far);
    }
    let family = Family::of(ends.address);
    let carriers = aws.network.names().find(id).into_iter().flat_map(|group| aws.network.carriers(Group(group)));
    let covered = carriers.filter_map(|carrier| aws.network.interface(carrier)).all(|carrier| {
        let mut own = aws.network.addresses(carrier).iter().map(|address| address.private);
        own.all(|address| Family::of(address) != family || covers(aws, old.peer, address))
    });
    if covered && block(aws, old.peer) != Some(Prefix::host(ends.address)) { far } else { Far::Host(ends.address) }
}

/// Whether a peer that is made of addresses holds one.
fn covers(aws: &AwsNetwork, peer: Peer, address: IpAddr) -> bool {
    match peer {
        Peer::Any => true,
        Peer::V4 { .. } | Peer::V6(_) => block(aws, peer).is_some_and(|block| block.contains(address)),
        Peer::Set(id) => aws.network.set(id).is_some_and(|set| set.contains(address)),
        Peer::Group(_) | Peer::Gone | Peer::Unknown(_) => false,
    }
}

fn owner(aws: &AwsNetwork, group: NameId) -> Option<NameId> {
    aws.group_owners.get(&group).copied()
}

/// Whether a rule certainly lets a packet through.
fn admits(aws: &AwsNetwork, rule: &Rule, packet: &Packet, ends: &Ends) -> bool {
    let ports = packet.destination_ports;
    rule.protocol.contains(packet.protocol)
        && rule.ports.contains(ports.first())
        && rule.ports.contains(ports.last())
        && match rule.peer {
            Peer::Group(group) => aws.known(ends.far).is_some_and(|(id, _)| aws.network.carries(id, group)),
            peer => covers(aws, peer, ends.address),
        }
}

/// Whether a rule of a group is the new one already.
fn is(aws: &AwsNetwork, rule: &Rule, new: &Opening<'_>) -> bool {
    let peer = match (rule.peer, new.far) {
        (Peer::Group(group), Far::Group { id, .. }) => aws.network.name(group.0) == id,
        (peer, Far::Host(address)) => block(aws, peer) == Some(Prefix::host(address)),
        _ => false,
    };
    peer && rule.protocol == ProtocolMatch::Only(new.protocol) && rule.ports == new.ports
}

fn block(aws: &AwsNetwork, peer: Peer) -> Option<Prefix> {
    match peer {
        Peer::V4 { base, length } => Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length),
        Peer::V6(id) => aws.network.prefix(id),
        _ => None,
    }
}

/// A rule as the API takes it to remove it, when it has no id (EC2 API, `IpPermission`).
fn permission(aws: &AwsNetwork, rule: &Rule, holder: NameId) -> Option<Json> {
    let name = |id: NameId| aws.argument(id);
    let (key, peer) = match rule.peer {
        Peer::V4 { .. } => ("IpRanges", json!({ "CidrIp": block(aws, rule.peer)?.to_string() })),
        Peer::V6(_) => ("Ipv6Ranges", json!({ "CidrIpv6": block(aws, rule.peer)?.to_string() })),
        Peer::Group(Group(group)) => {
            let account = owner(aws, group).filter(|theirs| owner(aws, holder) != Some(*theirs)).and_then(name);
            ("UserIdGroupPairs", pair(name(group)?, account))
        }
        Peer::Set(_) | Peer::Unknown(_) => ("PrefixListIds", json!({ "PrefixListId": name(rule.peer_name?)? })),
        Peer::Gone => ("UserIdGroupPairs", pair(name(rule.peer_name?)?, None)),
        Peer::Any => return None,
    };
    let (named, ported) = match rule.protocol {
        ProtocolMatch::Any => ("-1".to_owned(), false),
        ProtocolMatch::Only(only) => (protocol(only), has_ports(only)),
    };
    Some(with_ports(named, ported.then_some(rule.ports), key, peer))
}

fn pair(group: &str, account: Option<&str>) -> Json {
    match account {
        Some(account) => json!({ "GroupId": group, "UserId": account }),
        None => json!({ "GroupId": group }),
    }
}

fn with_ports(protocol: String, ports: Option<PortRange>, key: &str, peer: Json) -> Json {
    match ports {
        Some(ports) => {
            json!({ "IpProtocol": protocol, "FromPort": ports.first(), "ToPort": ports.last(), key: [peer] })
        }
        None => json!({ "IpProtocol": protocol, key: [peer] }),
    }
}

/// A rule in words: `tcp 0-65535, 0.0.0.0/0`.
fn text(aws: &AwsNetwork, rule: &Rule) -> String {
    let what = match (rule.protocol, rule.ports) {
        (ProtocolMatch::Any, _) => "all traffic".to_owned(),
        (ProtocolMatch::Only(only), ports) if has_ports(only) => format!("{only} {ports}"),
        (ProtocolMatch::Only(only), _) => only.to_string(),
    };
    let peer = match rule.peer {
        Peer::Group(group) => Some(group.0),
        _ => rule.peer_name,
    };
    let peer = match (block(aws, rule.peer), peer) {
        (Some(block), _) => block.to_string(),
        (None, Some(name)) => called(aws.network.name(name), aws.network.label(name)),
        (None, None) => "anywhere".to_owned(),
    };
    format!("{what}, {peer}")
}

impl Far<'_> {
    /// The address as a block, or the group with its account as Terraform wants it.
    fn word(&self) -> String {
        match *self {
            Self::Group { id, account: Some(account), .. } => format!("{account}/{id}"),
            Self::Group { id, .. } => id.to_owned(),
            Self::Host(address) => Prefix::host(address).to_string(),
        }
    }
}

impl Opening<'_> {
    fn cli(&self) -> String {
        let command = Command::new(if self.egress {
            "authorize-security-group-egress"
        } else {
            "authorize-security-group-ingress"
        });
        let command = command.option("--group-id", self.group);
        // The short options know neither IPv6 nor other accounts, nor groups for what goes out.
        let short = match self.far {
            _ if self.egress || !has_ports(self.protocol) => None,
            // The CLI takes what does not begin like this for a name.
            Far::Group { id, account: None, .. } => id.starts_with("sg-").then(|| ("--source-group", id.to_owned())),
            Far::Host(IpAddr::V4(_)) => Some(("--cidr", self.far.word())),
            Far::Group { .. } | Far::Host(IpAddr::V6(_)) => None,
        };
        let command = match short {
            Some((option, far)) => command
                .option("--protocol", &protocol(self.protocol))
                .option("--port", &self.ports.to_string())
                .option(option, &far),
            None => command.option("--ip-permissions", &format!("[{}]", self.permission())),
        };
        command.at(self.place)
    }

    fn permission(&self) -> Json {
        let (key, peer) = match self.far {
            Far::Group { id, account, .. } => ("UserIdGroupPairs", pair(id, account)),
            Far::Host(IpAddr::V4(_)) => ("IpRanges", json!({ "CidrIp": self.far.word() })),
            Far::Host(IpAddr::V6(_)) => ("Ipv6Ranges", json!({ "CidrIpv6": self.far.word() })),
        };
        let ports = has_ports(self.protocol).then_some(self.ports);
        with_ports(protocol(self.protocol), ports, key, peer)
    }

    fn terraform(&self) -> String {
        let (kind, towards) = if self.egress {
            ("aws_vpc_security_group_egress_rule", "to")
        } else {
            ("aws_vpc_security_group_ingress_rule", "from")
        };
        let (word, named) = (self.far.word(), protocol(self.protocol));
        let peer = match self.far {
            Far::Group { .. } => "referenced_security_group_id",
            Far::Host(IpAddr::V4(_)) => "cidr_ipv4",
            Far::Host(IpAddr::V6(_)) => "cidr_ipv6",
        };
        let mut arguments = vec![
            ("security_group_id", self.group.into()),
            (peer, word.as_str().into()),
            ("ip_protocol", named.as_str().into()),
        ];
        if has_ports(self.protocol) {
            arguments.push(("from_port", Value::Number(self.ports.first().into())));
            arguments.push(("to_port", Value::Number(self.ports.last().into())));
        }
        let name = [self.group, &named, &self.ports.to_string(), towards, &word];
        resource(kind, &name, &arguments)
    }

    fn console(&self) -> String {
        let far = match self.far {
            Far::Group { id, label, account: Some(account), .. } => {
                format!("{}/{}", plain(account), called(id, label))
            }
            Far::Group { id, label, .. } => called(id, label),
            Far::Host(_) => self.far.word(),
        };
        let (tab, side) = if self.egress { ("Outbound", "destination") } else { ("Inbound", "source") };
        format!(
            "{}EC2 > Security Groups > {} > {tab} rules > Edit {} rules > Add rule: {}, {side} {far}.{}",
            self.place.console(),
            called(self.group, self.label),
            tab.to_lowercase(),
            custom(self.protocol, self.ports),
            self.reach()
        )
    }

    /// Whom the rule concerns besides the two ends of the connection.
    fn reach(&self) -> String {
        let mut reach = String::new();
        if self.others > 0 {
            reach = format!(" It holds for {} with that group too.", count(self.others, "other interface"));
        }
        if let Far::Group { others, id, .. } = self.far
            && others > 0
        {
            let what = if self.egress { "lets it reach" } else { "admits" };
            reach = format!("{reach} It {what} {} of {} too.", count(others, "other interface"), plain(id));
        }
        reach
    }
}

impl Closing<'_> {
    fn cli(&self) -> String {
        let command =
            Command::new(if self.egress { "revoke-security-group-egress" } else { "revoke-security-group-ingress" });
        let command = command.option("--group-id", self.group);
        let command = match self.id {
            Some(id) => command.option("--security-group-rule-ids", id),
            None => command.option("--ip-permissions", &format!("[{}]", self.permission)),
        };
        command.at(self.place)
    }

    fn name(&self) -> String {
        match self.id {
            Some(id) => format!("rule {} ({})", plain(id), self.text),
            None => format!("the rule {}", self.text),
        }
    }

    fn console(&self) -> String {
        let (tab, way) = if self.egress { ("Outbound", "goes out") } else { ("Inbound", "comes in") };
        format!(
            "{}EC2 > Security Groups > {} > {tab} rules > Edit {} rules: delete {}. Whatever else {way} by that rule \
             is cut then, so see first who uses it.",
            self.place.console(),
            called(self.group, self.label),
            tab.to_lowercase(),
            self.name()
        )
    }
}

impl Change<'_> {
    /// The change in words. The narrow rule comes before the wide one goes, so that live traffic is never cut.
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Open(Opening { full: Some(why), place, .. }) => {
                Remedy { console: format!("{}{why}", place.console()), ..Remedy::default() }
            }
            Self::Narrow(Some(Opening { full: Some(why), place, .. }), old) => {
                Remedy { console: format!("{}{why}\nThen: {}", place.console(), old.console()), ..Remedy::default() }
            }
            Self::Open(new) => Remedy { cli: new.cli(), terraform: new.terraform(), console: new.console() },
            Self::Narrow(Some(new), old) => Remedy {
                cli: format!("{}\n{}", new.cli(), old.cli()),
                terraform: format!(
                    "{}\n\n# Once that is applied, remove {} of {}.",
                    new.terraform(),
                    old.name(),
                    plain(old.group)
                ),
                console: format!("{}\nThen: {}", new.console(), old.console()),
            },
            Self::Narrow(None, old) => Remedy {
                cli: old.cli(),
                terraform: format!("# Remove {} of {}.", old.name(), plain(old.group)),
                console: format!("{} The connection of nginx does not need it.", old.console()),
            },
        }
    }
}
