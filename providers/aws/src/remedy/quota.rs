//! Quotas of security groups and network ACLs: what to do where one more rule is one too many.

use reachlint_model::{AddressSet, Family, Interface, NameId, Peer, PortRange, Prefix, ProtocolMatch, Rule, RuleList};

use super::words::{called, count, plain};
use crate::network::AwsNetwork;

/// Rules of a group in one direction and family, unless the quota was raised (VPC guide, quotas).
const RULES: usize = 60;
/// Groups of an interface, unless the quota was raised (VPC guide, quotas).
const GROUPS: usize = 5;
/// Entries of a network ACL in one direction and family, the final deny included, unless the quota was raised (VPC
/// guide, quotas).
const ENTRIES: usize = 20;
/// What that quota can be raised to.
const MOST_ENTRIES: usize = 40;
/// Blocks that a sentence holds at most.
const MOST_BLOCKS: usize = 4;

/// A rule that is to be added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The rules of its group in its direction.
    pub(super) list: &'a RuleList,
    pub(super) egress: bool,
    pub(super) protocol: ProtocolMatch,
    pub(super) ports: PortRange,
    /// The address that it names, if it names no group.
    pub(super) host: Option<Prefix>,
    /// The interface that needs it.
    pub(super) near: &'a Interface,
}

/// Why AWS refuses a rule, and what does instead; none where there is room for it.
pub(super) fn full(aws: &AwsNetwork, wanted: &Wanted<'_>) -> Option<String> {
    // A reference to a group counts for both families (VPC guide, quotas).
    let families = match wanted.host {
        Some(host) => vec![host.family()],
        None => vec![Family::V4, Family::V6],
    };
    let counts = families.into_iter().map(|family| (used(aws, wanted.list, family), family));
    let (used, family) = counts.max_by_key(|(used, _)| *used).filter(|(used, _)| *used >= RULES)?;
    if is_raised(aws, wanted.list.name) {
        return None;
    }
    let way = if wanted.egress { "outbound" } else { "inbound" };
    let name = called(aws.network.name(wanted.list.name), aws.network.label(wanted.list.name));
    let word = if family == Family::V4 { "IPv4" } else { "IPv6" };
    let mut text = format!(
        "{name} has {used} of {RULES} {way} rules for {word} (a group counts as one, a prefix list as all that it may \
         hold), so AWS refuses one more, unless the quota was raised. Instead:"
    );
    let ways = [room(aws, wanted), merge(aws, wanted.list, family), Some(another(aws, wanted.near))];
    let ways: Vec<String> = ways.into_iter().flatten().collect();
    for (at, way) in ways.iter().enumerate() {
        let between = if at == 0 { "" } else { "; or" };
        text = format!("{text}{between} {way}");
    }
    text.push('.');
    Some(text)
}

/// Why AWS refuses one more entry of a network ACL; none where there is room for it.
pub(super) fn full_acl(aws: &AwsNetwork, list: &RuleList, family: Family, egress: bool) -> Option<String> {
    let entries = used(aws, list, family);
    if entries < ENTRIES || (entries > ENTRIES && entries < MOST_ENTRIES) {
        return None;
    }
    let (way, word) = (if egress { "outbound" } else { "inbound" }, if family == Family::V4 { "IPv4" } else { "IPv6" });
    let name = plain(aws.network.name(list.name));
    let (most, raise) = if entries < MOST_ENTRIES {
        (ENTRIES, format!(", or have the quota raised, to {MOST_ENTRIES} at most"))
    } else {
        (MOST_ENTRIES, String::new())
    };
    Some(format!(
        "{name} has {entries} of {most} {way} entries for {word}, the final deny included, so AWS refuses one more. Take \
         out what another entry makes needless, or widen one that is there{raise}."
    ))
}

/// For how many rules of a family a list counts.
fn used(aws: &AwsNetwork, list: &RuleList, family: Family) -> usize {
    aws.network.rules(list).iter().map(|rule| weight(aws, rule, family)).sum()
}

fn weight(aws: &AwsNetwork, rule: &Rule, family: Family) -> usize {
    match rule.peer {
        Peer::V4 { .. } => usize::from(family == Family::V4),
        Peer::V6(_) => usize::from(family == Family::V6),
        Peer::Any | Peer::Group(_) | Peer::Gone => 1,
        Peer::Set(_) | Peer::Unknown(_) => match rule.peer_name.and_then(|name| aws.prefix_lists.get(&name)) {
            Some(list) if list.family.is_some_and(|own| own != family) => 0,
            Some(list) => list.weight,
            None => 1,
        },
    }
}

/// Whether some group of the same account has more rules than the default quota allows.
fn is_raised(aws: &AwsNetwork, group: NameId) -> bool {
    let account = aws.group_owners.get(&group);
    let theirs = aws.network.all_lists().filter(|(_, list)| {
        let owner = aws.group_owners.get(&list.name);
        owner.is_some() && owner == account
    });
    theirs.into_iter().any(|(_, list)| [Family::V4, Family::V6].iter().any(|family| used(aws, list, *family) > RULES))
}

/// A prefix list with a free entry, which the group lets through on this port already.
fn room(aws: &AwsNetwork, wanted: &Wanted<'_>) -> Option<String> {
    let host = wanted.host?;
    let (id, free) = aws.network.rules(wanted.list).iter().find_map(|rule| {
        let id = rule.peer_name?;
        let size = aws.prefix_lists.get(&id)?;
        let fits = rule.protocol == wanted.protocol && rule.ports == wanted.ports && size.family == Some(host.family());
        let free = size.room.filter(|free| fits && *free > 0)?;
        Some((id, free))
    })?;
    let list = called(aws.network.name(id), aws.network.label(id));
    Some(format!(
        "add {host} to the prefix list {list}, which a rule of the group names for this port and which has {free} of its \
         entries free (everything else that uses the list lets it through then too)"
    ))
}

/// Rules by address of one protocol and port that fewer can replace without admitting anybody new.
fn merge(aws: &AwsNetwork, list: &RuleList, family: Family) -> Option<String> {
    let mut kinds: Vec<(ProtocolMatch, PortRange, Vec<Prefix>)> = Vec::new();
    for rule in aws.network.rules(list) {
        let block = match rule.peer {
            Peer::V4 { base, length } => Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length),
            Peer::V6(id) => aws.network.prefix(id),
            _ => None,
        };
        let Some(block) = block.filter(|block| block.family() == family) else { continue };
        match kinds.iter_mut().find(|(protocol, ports, _)| (*protocol, *ports) == (rule.protocol, rule.ports)) {
            Some((.., blocks)) => blocks.push(block),
            None => kinds.push((rule.protocol, rule.ports, vec![block])),
        }
    }
    let merged = kinds.into_iter().filter_map(|(protocol, ports, blocks)| {
        let fewer: Vec<Prefix> = blocks.iter().copied().collect::<AddressSet>().prefixes().collect();
        let saved = blocks.len().checked_sub(fewer.len()).filter(|saved| *saved > 0)?;
        Some((saved, protocol, ports, blocks.len(), fewer))
    });
    let (_, protocol, ports, before, fewer) = merged.max_by_key(|(saved, ..)| *saved)?;
    let what = match protocol {
        ProtocolMatch::Any => "all traffic".to_owned(),
        ProtocolMatch::Only(only) => format!("{only} {ports}"),
    };
    let mut blocks: Vec<String> = fewer.iter().take(MOST_BLOCKS).map(Prefix::to_string).collect();
    if fewer.len() > MOST_BLOCKS {
        blocks.push("…".to_owned());
    }
    let rules = count(fewer.len(), "rule");
    Some(format!(
        "merge its {before} rules by address for {what} into {rules} ({}), which admits nobody new",
        blocks.join(", ")
    ))
}

/// Another group for the interface, or why that is no way out.
fn another(aws: &AwsNetwork, near: &Interface) -> String {
    let carried = aws.network.groups(near).len();
    let id = plain(aws.network.name(near.id));
    if carried < GROUPS {
        return format!("put the rule into another group and give {id} that too: it carries {carried} of {GROUPS}");
    }
    format!("have the quota raised, as {id} carries {carried} groups of {GROUPS} and can take no further one")
}
