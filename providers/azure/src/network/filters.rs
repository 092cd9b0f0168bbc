//! Rules of network security groups and admin rules as gates.
//!
//! A rule of Azure names several sources, destinations and ranges of ports at once; the model's rules name one of each, so
//! one becomes several. What the group's own side is (the destination of an inbound rule) becomes a set of addresses.

use reachlint_model::{
    Action, AddressSet, Gate, GateId, Layer, ListId, NameId, Narrow, Peer, PortRange, ProtocolMatch, ReasonCode,
    ReasonId, Rule, Side,
};

use super::compile::Compiler;
use super::estate::Group;
use super::tags::{Context, Known, is_platform, listed};
use crate::records::rule::{Access, End, FilterRule};

/// Security admin rules of a network manager.
pub(crate) const ADMIN: Layer = Layer("azure.security-admin-rule");
/// A network security group.
pub(crate) const GROUP: Layer = Layer("azure.network-security-group");

/// Admin rules and both groups of a direction are one stage: `AlwaysAllow` passes the groups too.
const STAGE: u8 = 1;

/// The last priority that a user's rule can have; those of default rules are beyond it (Network security groups, security
/// rules).
pub(crate) const HIGHEST: i64 = 4096;

/// A filter on one side, inbound and outbound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(super) subject: NameId,
    pub(crate) ingress: GateId,
    pub(crate) egress: GateId,
    /// Outbound rules about the platform's own services, which no other rule filters.
    pub(super) platform: Option<GateId>,
    /// Why it could not be read.
    pub(super) unread: Option<ReasonId>,
    /// Whether a rule of it accepts for all that comes after.
    pub(super) accepts: bool,
}

/// What rules belong to: a group, what is in force of one on some interface, or admin rules, which may not apply.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Group,
    Force,
    Admin(Option<ReasonId>),
}

/// One of the things that an end of a rule stands for.
#[derive(Clone, Debug)]
struct Part {
    peer: Peer,
    name: Option<NameId>,
    maybe: Option<ReasonId>,
}

/// A rule about everything.
const fn everything(peer: Peer, action: Action) -> Rule {
    Rule {
        peer,
        ports: PortRange::ALL,
        protocol: ProtocolMatch::Any,
        action,
        narrow: None,
        name: None,
        peer_name: None,
    }
}

impl Compiler {
    fn gate(&mut self, layer: Layer, list: ListId, name: NameId, default: Action, side: Side) -> GateId {
        self.builder.gate(vec![list], Gate { layer, name, lists: 0..0, default, side, stage: STAGE })
    }

    /// A network security group in a place; each is evaluated by itself, never merged with another one.
    pub(super) fn group(&mut self, group: &Group, place: usize) -> Filter {
        if let Some(known) = self.filters.get(&(group.id.key.clone(), place)) {
            return *known;
        }
        let name = self.name(&group.id.key);
        let mut rules: Vec<FilterRule> = group.rules.iter().chain(group.defaults.iter().flatten()).cloned().collect();
        if group.defaults.is_none() {
            rules.extend(defaults());
        }
        rules.sort_by_key(|rule| rule.priority);
        let platform = |rule: &&FilterRule| !rule.inbound && rule.destination.tags.iter().any(|tag| is_platform(tag));
        let about: Vec<FilterRule> = rules.iter().filter(platform).cloned().collect();
        let platform = (!about.is_empty()).then(|| {
            let list = self.list(name, about.iter(), place, Of::Group);
            self.gate(GROUP, list, name, Action::Allow, Side::Destination)
        });
        let inbound = self.list(name, rules.iter().filter(|rule| rule.inbound), place, Of::Group);
        let outbound = self.list(name, rules.iter().filter(|rule| !rule.inbound), place, Of::Group);
        let filter = Filter {
            subject: name,
            ingress: self.gate(GROUP, inbound, name, Action::Deny, Side::Source),
            egress: self.gate(GROUP, outbound, name, Action::Deny, Side::Destination),
            platform,
            unread: None,
            accepts: false,
        };
        self.filters.insert((group.id.key.clone(), place), filter);
        filter
    }

    /// A group that could not be read may refuse anything. It is a gate all the same, so that an admin rule that always
    /// allows still passes it.
    pub(super) fn unread_group(&mut self, subject: NameId, reason: ReasonId) -> Filter {
        let rules = [everything(Peer::Unknown(reason), Action::Deny)];
        let list = self.builder.list(subject, rules, None);
        Filter {
            subject,
            ingress: self.gate(GROUP, list, subject, Action::Allow, Side::Source),
            egress: self.gate(GROUP, list, subject, Action::Allow, Side::Destination),
            platform: None,
            unread: Some(reason),
            accepts: false,
        }
    }

    /// Security admin rules. They come before the groups: `Deny` and `AlwaysAllow` are final, `Allow` leaves the choice
    /// to the groups (Virtual Network Manager, security admin rules). Where not all of them could be read, any could.
    pub(super) fn admin(
        &mut self,
        subject: NameId,
        rules: &[FilterRule],
        unread: Option<ReasonId>,
        doubt: Option<ReasonId>,
        place: usize,
    ) -> Option<Filter> {
        if rules.is_empty() && unread.is_none() {
            return None;
        }
        let mut sorted: Vec<&FilterRule> = rules.iter().collect();
        sorted.sort_by_key(|rule| rule.priority);
        let rest = |reason| [Action::Deny, Action::Accept].map(|action| everything(Peer::Unknown(reason), action));
        let mut gate = |inbound: bool, side| {
            let rules = sorted.iter().filter(|rule| rule.inbound == inbound).copied();
            let mut compiled = self.rules(subject, rules, place, Of::Admin(doubt));
            compiled.extend(unread.into_iter().flat_map(rest));
            let list = self.builder.list(subject, compiled, None);
            self.gate(ADMIN, list, subject, Action::Next, side)
        };
        let ingress = gate(true, Side::Source);
        let egress = gate(false, Side::Destination);
        let accepts = rules.iter().any(|rule| rule.inbound && rule.access == Access::AlwaysAllow);
        Some(Filter { subject, ingress, egress, platform: None, unread, accepts })
    }

    pub(super) fn list<'r>(
        &mut self,
        name: NameId,
        rules: impl Iterator<Item = &'r FilterRule>,
        place: usize,
        of: Of,
    ) -> ListId {
        let rules = self.rules(name, rules, place, of);
        self.builder.list(name, rules, None)
    }

    fn rules<'r>(
        &mut self,
        list: NameId,
        rules: impl Iterator<Item = &'r FilterRule>,
        place: usize,
        of: Of,
    ) -> Vec<Rule> {
        let Some(context) = self.contexts.get(place).cloned() else { return Vec::new() };
        rules.flat_map(|rule| self.rule(list, rule, &context, of)).collect()
    }

    /// One rule as all the combinations of its parts.
    fn rule(&mut self, list: NameId, rule: &FilterRule, context: &Context, of: Of) -> Vec<Rule> {
        let (far, near) =
            if rule.inbound { (&rule.source, &rule.destination) } else { (&rule.destination, &rule.source) };
        let action = match (rule.access, of) {
            (Access::Deny, _) => Action::Deny,
            (Access::AlwaysAllow, _) => Action::Accept,
            (Access::Allow, Of::Admin(_)) => Action::Next,
            (Access::Allow, Of::Group | Of::Force) => Action::Allow,
        };
        let doubt = match of {
            Of::Admin(doubt) => doubt,
            Of::Group | Of::Force => None,
        };
        let name = format!("{}/{}", self.text(list), rule.name);
        let name = self.builder.names().intern(&name);
        if matches!(of, Of::Group) {
            self.priority.insert(name, rule.priority);
            self.priorities.entry((list, rule.inbound)).or_default().push(rule.priority);
        }
        let fars = self.far(far, context);
        let nears = self.near(near, context);
        let mut compiled = Vec::new();
        for part in &fars {
            for (set, unsure) in &nears {
                for source_ports in &rule.source_ports {
                    let narrow = Narrow {
                        near: set.clone(),
                        source_ports: Some(*source_ports).filter(|ports| *ports != PortRange::ALL),
                        maybe: part.maybe.or(*unsure).or(doubt),
                    };
                    let narrow = (narrow != Narrow::default()).then(|| self.builder.narrow(narrow));
                    for (protocol, ports) in rule
                        .protocols
                        .iter()
                        .flat_map(|one| rule.destination_ports.iter().map(move |ports| (one, ports)))
                    {
                        compiled.push(Rule {
                            peer: part.peer,
                            ports: *ports,
                            protocol: *protocol,
                            action,
                            narrow,
                            name: Some(name),
                            peer_name: part.name,
                        });
                    }
                }
            }
        }
        compiled
    }

    /// What the other end of a rule stands for.
    fn far(&mut self, end: &End, context: &Context) -> Vec<Part> {
        let certain = |peer, name| Part { peer, name, maybe: None };
        if end.any {
            return vec![certain(Peer::Any, None)];
        }
        if end.is_missing() {
            return vec![certain(Peer::Unknown(self.missing_end()), None)];
        }
        if let ([block], [], [], []) = (&*end.blocks, &*end.tags, &*end.groups, &*end.network_groups) {
            let peer = self.builder.block(*block);
            return vec![certain(peer, None)];
        }
        let (known, unknown, groups) = self.parts(end, context);
        let gone = end.groups.iter().all(|group| self.is_gone(group))
            && end.blocks.is_empty()
            && end.tags.is_empty()
            && end.network_groups.is_empty();
        let words = listed(&end.blocks, &end.tags, &groups, |id| self.text(id));
        let name = self.builder.names().intern(&words);
        let mut parts = Vec::new();
        if gone {
            parts.push(certain(Peer::Gone, Some(name)));
        } else if !known.is_empty() || unknown.is_empty() {
            parts.push(certain(Peer::Set(self.builder.set(known)), Some(name)));
        }
        for (set, reason) in unknown {
            parts.push(Part { peer: Peer::Set(self.builder.set(set)), name: Some(name), maybe: Some(reason) });
        }
        parts
    }

    /// What the own end of a rule stands for: sets of addresses, and whether they only may.
    fn near(&mut self, end: &End, context: &Context) -> Vec<(Option<AddressSet>, Option<ReasonId>)> {
        if end.any {
            return vec![(None, None)];
        }
        if end.is_missing() {
            return vec![(None, Some(self.missing_end()))];
        }
        let (known, unknown, _) = self.parts(end, context);
        let mut parts = Vec::new();
        if !known.is_empty() || unknown.is_empty() {
            parts.push((Some(known), None));
        }
        parts.extend(unknown.into_iter().map(|(set, reason)| (Some(set), Some(reason))));
        parts
    }

    /// The addresses of an end, those that may belong to it, and the names of its groups.
    ///
    /// A rule by application security group is about the addresses of its members (Application security groups), each
    /// an IP configuration, so that another address of the same interface is not meant.
    fn parts(&mut self, end: &End, context: &Context) -> (AddressSet, Vec<(AddressSet, ReasonId)>, Vec<NameId>) {
        let mut known: AddressSet = end.blocks.iter().copied().collect();
        let mut unknown = Vec::new();
        for tag in &end.tags {
            let Known { set, maybe } = self.tag(tag, context);
            known = known.union(&set);
            unknown.extend(maybe);
        }
        let mut names = Vec::new();
        for group in &end.groups {
            known = known.union(self.asg_members.get(group).unwrap_or(&AddressSet::empty()));
            names.push(self.name(group));
        }
        for group in &end.network_groups {
            let short = group.rsplit('/').next().unwrap_or(group);
            let text = format!("which addresses belong to network group `{short}` is not in the evidence");
            unknown.push((AddressSet::everything(), self.reason(ReasonCode::NotModelled, &text, None)));
            names.push(self.builder.names().intern(short));
        }
        (known, unknown, names)
    }

    fn missing_end(&mut self) -> ReasonId {
        let text = "the record of the rule names neither addresses nor groups on one side, which no rule does; a part \
                    of it is missing";
        self.reason(ReasonCode::NotRead, text, None)
    }

    /// Whether an application security group is gone: its subscription's were listed, and it is not among them nor does
    /// any interface carry it.
    fn is_gone(&self, group: &str) -> bool {
        let subscription = group.split('/').nth(2).unwrap_or_default();
        !self.estate.members.contains_key(group)
            && !self.asg_members.contains_key(group)
            && self.estate.listed_members.contains(subscription)
            && !self.estate.members_are_cut()
    }
}

/// The rules that every group ends with (Network security groups, default security rules).
fn defaults() -> Vec<FilterRule> {
    let tag = |tag: &str| End { tags: vec![tag.to_owned()], ..End::default() };
    let any = || End { any: true, ..End::default() };
    let rule = |name: &str, priority, inbound, access, source, destination| FilterRule {
        name: name.to_owned(),
        priority,
        inbound,
        access,
        protocols: vec![ProtocolMatch::Any],
        source,
        destination,
        source_ports: vec![PortRange::ALL],
        destination_ports: vec![PortRange::ALL],
    };
    let (allow, deny) = (Access::Allow, Access::Deny);
    let network = || tag("VirtualNetwork");
    vec![
        rule("AllowVnetInBound", 65_000, true, allow, network(), network()),
        rule("AllowAzureLoadBalancerInBound", 65_001, true, allow, tag("AzureLoadBalancer"), any()),
        rule("DenyAllInBound", 65_500, true, deny, any(), any()),
        rule("AllowVnetOutBound", 65_000, false, allow, network(), network()),
        rule("AllowInternetOutBound", 65_001, false, allow, any(), tag("Internet")),
        rule("DenyAllOutBound", 65_500, false, deny, any(), any()),
    ]
}

/// Whether an address is public in the sense of the tag `Internet`, wherever it is looked at from.
pub(super) fn is_public(address: std::net::IpAddr) -> bool {
    AddressSet::internet().contains(address)
}
