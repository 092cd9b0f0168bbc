//! The rules of policies and networks as flat rules of the model, for what one machine's interface is.

use reachlint_model::{
    Action, AddressSet, Gate, Group, Layer, ListId, NameId, Narrow, Peer, PortRange, Prefix, ProtocolMatch, Reason,
    ReasonCode, ReasonId, Rule, Side,
};

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rustc_hash::FxHashMap as HashMap;

use super::compile::Compiler;
use super::filters::{Applies, CLASSIC, Context, DEFAULT_PRIORITY, GroupKey, Known, Profile, STAGE, Source, Stage};
use crate::records::{Block, Firewall, Matcher, Policy, PolicyRule, SecureTag, Traffic, last, path, protocol, segment};

/// The action of a policy's rule, once for each thing that it may do.
fn actions(word: &str, inspected: ReasonId, unknown: ReasonId) -> Vec<(Action, Option<ReasonId>)> {
    match word {
        "allow" => vec![(Action::Accept, None)],
        "deny" => vec![(Action::Deny, None)],
        "goto_next" => vec![(Action::Next, None)],
        // It ends the evaluation, and what inspects the traffic decides (Cloud NGFW, rule actions).
        "apply_security_profile_group" => vec![(Action::Deny, Some(inspected)), (Action::Accept, None)],
        _ => vec![(Action::Deny, Some(unknown)), (Action::Accept, None)],
    }
}

fn sorted<T: Clone + Ord>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

/// VPC firewall rules in the order of evaluation, found by what they are for.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    rules: Vec<Firewall>,
    for_all: Vec<usize>,
    by_target: HashMap<String, Vec<usize>>,
}

impl Indexed {
    fn new(mut rules: Vec<Firewall>) -> Self {
        // Of rules with one priority those that deny go first (VPC firewall rules, priority).
        rules.sort_by(|one, other| {
            let rank = |rule: &Firewall| (rule.priority.unwrap_or(DEFAULT_PRIORITY), rule.denied.is_empty());
            rank(one).cmp(&rank(other)).then_with(|| one.name.cmp(&other.name))
        });
        let (mut for_all, mut by_target) = (Vec::new(), HashMap::<String, Vec<usize>>::default());
        for (at, rule) in rules.iter().enumerate() {
            let mut targets = rule.target_tags.iter().chain(&rule.target_service_accounts).peekable();
            if targets.peek().is_none() {
                for_all.push(at);
            }
            for target in targets {
                by_target.entry(target.clone()).or_default().push(at);
            }
        }
        Self { rules, for_all, by_target }
    }

    /// The rules that are about an interface, by name, with all that decides.
    fn applying(&self, profile: &Profile) -> BTreeMap<String, Firewall> {
        let candidates = self.candidates(profile).into_iter().filter_map(|at| self.rules.get(at));
        let about = candidates.filter(|rule| !rule.disabled && is_about(rule, profile) == Applies::Yes);
        // What is written in another way, or in another order, decides the same.
        let plain = |rule: &Firewall| Firewall {
            name: String::new(),
            self_link: String::new(),
            network: String::new(),
            direction: Some(rule.direction.clone().unwrap_or_else(|| "INGRESS".to_owned())),
            priority: Some(rule.priority.unwrap_or(DEFAULT_PRIORITY)),
            disabled: false,
            source_ranges: sorted(&rule.source_ranges),
            destination_ranges: sorted(&rule.destination_ranges),
            source_tags: sorted(&rule.source_tags),
            source_service_accounts: sorted(&rule.source_service_accounts),
            target_tags: sorted(&rule.target_tags),
            target_service_accounts: sorted(&rule.target_service_accounts),
            allowed: sorted(&rule.allowed),
            denied: sorted(&rule.denied),
        };
        about.map(|rule| (rule.name.clone(), plain(rule))).collect()
    }

    /// The rules that can be about an interface, in their order.
    fn candidates(&self, profile: &Profile) -> Vec<usize> {
        let (Known::Yes(tags), Known::Yes(accounts)) = (&profile.tags, &profile.accounts) else {
            return (0..self.rules.len()).collect();
        };
        let named = tags.iter().chain(accounts).filter_map(|target| self.by_target.get(target)).flatten();
        let mut found: Vec<usize> = named.chain(&self.for_all).copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Targets are any of the tags or any of the accounts; a rule never has both (VPC firewall rules, targets).
fn is_about(rule: &Firewall, profile: &Profile) -> Applies {
    let by_tag = match rule.target_tags.as_slice() {
        [] => Applies::Yes,
        tags => profile.tags.holds(|own| tags.contains(own)),
    };
    let by_account = match rule.target_service_accounts.as_slice() {
        [] => Applies::Yes,
        accounts => profile.accounts.holds(|own| accounts.contains(own)),
    };
    by_tag.and(by_account)
}

impl Compiler {
    pub(super) fn policy_stage(
        &mut self,
        profile: &Profile,
        side: Side,
        context: &Context,
        layer: Layer,
        source: &Source,
        maybe: Option<ReasonId>,
    ) -> Option<Stage> {
        let is_of_machine =
            matches!(source, Source::Effective(at, _) if Some(*at) == self.effective_of_machine(profile));
        let (name, mut rules) = match source {
            Source::Policy(path) => {
                let policy = self.estate.policies.get(path)?;
                (policy_name(policy), policy.rules.clone())
            }
            Source::Effective(at, position) => {
                let policy = self.estate.effective.get(*at)?.1.firewall_policys.get(*position)?;
                let names = [&policy.display_name, &policy.short_name];
                let name = names.into_iter().flatten().next().cloned();
                (name.unwrap_or_else(|| last(&policy.name).to_owned()), policy.rules.clone())
            }
        };
        rules.sort_by_key(|rule| rule.priority);
        let mut applying: Vec<(usize, Option<ReasonId>)> = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            match self.applies(profile, side, context, rule, is_of_machine) {
                Applies::Yes => applying.push((at, maybe)),
                Applies::Maybe(reason) => applying.push((at, Some(reason))),
                Applies::No => {}
            }
        }
        let subject = self.text(&name);
        let key = format!("{source:?} {side:?} {applying:?}");
        let list = self.list_once(key, subject, |compiler| {
            let chosen = applying.iter().filter_map(|(at, maybe)| Some((rules.get(*at)?, *maybe)));
            chosen.flat_map(|(rule, maybe)| compiler.policy_rule(&name, rule, side, maybe)).collect()
        });
        let gate = Gate { layer, name: subject, lists: 0..0, default: Action::Next, side, stage: STAGE };
        let gate = self.builder.gate(vec![list], gate);
        let known = match source {
            Source::Policy(path) => Some(path.clone()),
            Source::Effective(at, position) => self.path_of(profile, *at, *position),
        };
        self.policies.entry(subject).or_insert(known);
        Some(Stage { layer, subject, gate })
    }

    /// The path of a policy in an answer about effective firewalls, which has its number or its name only.
    fn path_of(&self, profile: &Profile, at: usize, position: usize) -> Option<String> {
        let policy = self.estate.effective.get(at)?.1.firewall_policys.get(position)?;
        let (project, name) = (segment(&profile.network, "projects")?, last(&policy.name));
        match policy.kind.as_str() {
            "HIERARCHY" => Some(format!("locations/global/firewallPolicies/{name}")),
            "NETWORK" => Some(format!("projects/{project}/global/firewallPolicies/{name}")),
            "NETWORK_REGIONAL" => {
                Some(format!("projects/{project}/regions/{}/firewallPolicies/{name}", profile.region))
            }
            // Those of Google's services are not for others to change.
            _ => None,
        }
    }

    fn applies(
        &mut self,
        profile: &Profile,
        side: Side,
        context: &Context,
        rule: &PolicyRule,
        of_machine: bool,
    ) -> Applies {
        let direction = match rule.direction.as_deref() {
            Some("EGRESS") => Side::Destination,
            _ => Side::Source,
        };
        if rule.disabled || direction != side {
            return Applies::No;
        }
        match rule.target_type.as_deref() {
            None | Some("INSTANCES") => {}
            Some("INTERNAL_MANAGED_LB") => return Applies::No,
            Some(other) => return Applies::Maybe(self.not_modelled("the target type of a policy's rule", other)),
        }
        if !rule.target_forwarding_rules.is_empty() {
            return Applies::No;
        }
        let resources = &rule.target_resources;
        if !resources.is_empty() && !resources.iter().any(|network| path(network) == profile.network) {
            return Applies::No;
        }
        // An answer about a machine holds only the rules that are about it (Compute Engine API,
        // `instances.getEffectiveFirewalls`).
        let mut found = Applies::Yes;
        if !of_machine && !rule.target_service_accounts.is_empty() {
            found = found.and(profile.accounts.holds(|own| rule.target_service_accounts.contains(own)));
        }
        if !rule.target_secure_tags.is_empty() {
            let mut effective = rule.target_secure_tags.iter().filter(|tag| tag.is_effective()).peekable();
            if effective.peek().is_none() {
                return Applies::No;
            }
            let names: Vec<&str> = effective.map(|tag| tag.name.as_str()).collect();
            if !of_machine {
                found = found.and(profile.secure_tags.holds(|own| names.contains(&own.as_str())));
            }
        }
        found.and(self.in_context(profile, side, context, &rule.matches))
    }

    /// Whether a rule's network context holds for packets that come or go this way (Cloud NGFW, network contexts).
    fn in_context(&mut self, profile: &Profile, side: Side, context: &Context, matches: &Matcher) -> Applies {
        let word = match side {
            Side::Source => matches.src_network_context.as_deref(),
            Side::Destination => matches.dest_network_context.as_deref(),
        };
        let networks = side == Side::Source && !matches.src_networks.is_empty();
        let holds = match word.filter(|word| !word.contains("UNSPECIFIED")) {
            None if networks => is_from_one_of(profile, context, &matches.src_networks),
            None => true,
            Some("INTERNET") => *context == Context::Internet,
            Some("NON_INTERNET") => *context != Context::Internet,
            Some("INTRA_VPC") => *context == Context::Intra,
            Some("VPC_NETWORKS") => is_from_one_of(profile, context, &matches.src_networks),
            Some(other) => return Applies::Maybe(self.not_modelled("a network context", other)),
        };
        if holds { Applies::Yes } else { Applies::No }
    }

    fn policy_rule(&mut self, policy: &str, rule: &PolicyRule, side: Side, maybe: Option<ReasonId>) -> Vec<Rule> {
        let name = self.text(&format!("{policy} {}", rule.priority));
        let matches = &rule.matches;
        let (ranges, groups, near, near_groups) = match side {
            Side::Source => (
                &matches.src_ip_ranges,
                &matches.src_address_groups,
                &matches.dest_ip_ranges,
                &matches.dest_address_groups,
            ),
            Side::Destination => (
                &matches.dest_ip_ranges,
                &matches.dest_address_groups,
                &matches.src_ip_ranges,
                &matches.src_address_groups,
            ),
        };
        let mut peers = self.range_peers(ranges);
        for group in groups {
            peers.push(self.address_group(group));
        }
        peers.extend(self.undecidable_peers(matches, side));
        if side == Side::Source {
            for tag in &matches.src_secure_tags {
                self.secure_peers(tag, &mut peers);
            }
        }
        if peers.is_empty() {
            let in_context = !matches.src_networks.is_empty()
                || [&matches.src_network_context, &matches.dest_network_context].into_iter().any(Option::is_some);
            peers.push((if in_context { Peer::Any } else { self.any_v4() }, None, None));
        }
        let mut maybe = maybe;
        let mut near: Vec<Prefix> = near.iter().map(|block| block.0).collect();
        for group in near_groups {
            match self.estate.address_groups.get(path(group)) {
                Some(group) => near.extend(group.items.iter().map(|block| block.0)),
                None => maybe = maybe.or(Some(self.unread_group(group))),
            }
        }
        let inspected =
            self.reason_once(ReasonCode::Undecidable, "a firewall endpoint inspects the traffic and decides", None);
        let unknown = self.not_modelled("an action of a policy's rule", &rule.action);
        let actions = actions(&rule.action, inspected, unknown);
        self.flat(name, &peers, &matches.layer4_configs, &actions, &near, maybe)
    }

    /// Conditions that only Google can decide: names, countries, lists of threats.
    fn undecidable_peers(&mut self, matches: &Matcher, side: Side) -> Vec<PeerOf> {
        let (names, countries, threats) = match side {
            Side::Source => (&matches.src_fqdns, &matches.src_region_codes, &matches.src_threat_intelligences),
            Side::Destination => (&matches.dest_fqdns, &matches.dest_region_codes, &matches.dest_threat_intelligences),
        };
        let all = [(names, "domain names"), (countries, "countries"), (threats, "threat lists")];
        let mut peers = Vec::new();
        for (values, kind) in all {
            if values.is_empty() {
                continue;
            }
            let words = values.join(", ");
            let text = format!("a rule is about {kind} ({words}), which only Google Cloud resolves");
            let reason = self.reason_once(ReasonCode::Undecidable, &text, None);
            let name = self.text(&format!("{kind} {words}"));
            peers.push((Peer::Unknown(reason), Some(name), None));
        }
        peers
    }

    fn secure_peers(&mut self, tag: &SecureTag, peers: &mut Vec<PeerOf>) {
        if !tag.is_effective() {
            let name = self.text(&tag.name);
            peers.push((Peer::Gone, Some(name), None));
            return;
        }
        let group = self.group(&GroupKey::Secure(tag.name.clone()));
        peers.push((Peer::Group(group), None, None));
        // Machines whose secure tags were not read may bear this one.
        let unread = self.group(&GroupKey::UnreadSecure);
        let reason = self.unread_bindings;
        peers.push((Peer::Group(unread), None, Some(reason)));
    }

    fn address_group(&mut self, link: &str) -> PeerOf {
        let name = self.text(last(link));
        let known = self.estate.address_groups.get(path(link));
        let blocks = known.map(|group| group.items.iter().map(|block| block.0).collect::<AddressSet>());
        let peer = match blocks {
            Some(blocks) => Peer::Set(self.builder.set(blocks)),
            None => Peer::Unknown(self.unread_group(link)),
        };
        (peer, Some(name), None)
    }

    fn unread_group(&mut self, link: &str) -> ReasonId {
        let what = format!("the address group {}", last(link));
        let reason = self.estate.missing("networksecurity.addressGroups.list", &[path(link)], &what);
        self.builder.reason(reason)
    }

    // VPC firewall rules.

    pub(super) fn classic_stage(
        &mut self,
        profile: &Profile,
        side: Side,
        effective: Option<usize>,
    ) -> (Stage, Option<ListId>) {
        let indexed = self.indexed(&profile.network, effective);
        let rules = &indexed.rules;
        let mut applying: Vec<(usize, Option<ReasonId>)> = Vec::new();
        for at in indexed.candidates(profile) {
            let Some(rule) = rules.get(at) else { continue };
            let direction = match rule.direction.as_deref() {
                Some("EGRESS") => Side::Destination,
                _ => Side::Source,
            };
            if rule.disabled || direction != side {
                continue;
            }
            match is_about(rule, profile) {
                Applies::Yes => applying.push((at, None)),
                Applies::Maybe(reason) => applying.push((at, Some(reason))),
                Applies::No => {}
            }
        }
        let subject = self.id(&profile.network);
        let key = format!("classic {} {effective:?} {side:?} {applying:?}", profile.network);
        let network = profile.network.clone();
        let again = format!("implied {key}");
        let list = self.list_once(key, subject, |compiler| {
            let chosen = applying.iter().filter_map(|(at, maybe)| Some((rules.get(*at)?, *maybe)));
            chosen.flat_map(|(rule, maybe)| compiler.classic_rule(&network, rule, side, maybe)).collect()
        });
        // The implied rule stands behind the same rules once more: it shows what was looked at, and it does not refuse
        // again what one of them refused for certain. What they allow never comes there.
        let again = (side == Side::Source).then(|| {
            self.list_once(again, subject, |compiler| {
                let network = compiler.builder.network();
                let own: Vec<Rule> = network.list(list).map(|list| network.rules(list).to_vec()).unwrap_or_default();
                let is_sure = |rule: &Rule| {
                    let narrow = rule.narrow.and_then(|id| network.narrow(id));
                    narrow.is_none_or(|narrow| narrow.maybe.is_none())
                        && !matches!(rule.peer, Peer::Unknown(_) | Peer::Group(_))
                };
                let kept = own.into_iter().filter(|rule| rule.action != Action::Deny || is_sure(rule));
                kept.map(|rule| match rule.action {
                    Action::Deny => Rule { action: Action::Next, ..rule },
                    _ => rule,
                })
                .collect()
            })
        });
        let gate = Gate { layer: CLASSIC, name: subject, lists: 0..0, default: Action::Next, side, stage: STAGE };
        (Stage { layer: CLASSIC, subject, gate: self.builder.gate(vec![list], gate) }, again)
    }

    /// The names of VPC firewall rules that apply to a machine by its own answer about effective firewalls and not by the
    /// listing, or the other way round, or with other content. One of the two is older than the other, or the answer is not
    /// about this machine.
    pub(super) fn differing(&mut self, profile: &Profile) -> Option<NameId> {
        let answer = self.effective_of_machine(profile)?;
        let host = segment(&profile.network, "projects").unwrap_or_default().to_owned();
        if !self.estate.is_listed(&host, "firewalls") || self.estate.is_cut_in(&host, "firewalls") {
            return None;
        }
        let answered = self.indexed(&profile.network, Some(answer)).applying(profile);
        let listed = self.indexed(&profile.network, None).applying(profile);
        let names: BTreeSet<&String> = answered.keys().chain(listed.keys()).collect();
        let differ = names.into_iter().filter(|name| answered.get(*name) != listed.get(*name));
        let differ: Vec<&str> = differ.map(String::as_str).collect();
        (!differ.is_empty()).then(|| self.text(&differ.join(", ")))
    }

    /// The VPC firewall rules of a network, put in order once.
    fn indexed(&mut self, network: &str, effective: Option<usize>) -> Rc<Indexed> {
        let key = (network.to_owned(), effective);
        if let Some(known) = self.indexed.get(&key) {
            return Rc::clone(known);
        }
        let rules = if let Some((_, answer)) = effective.and_then(|at| self.estate.effective.get(at)) {
            answer.firewalls.clone()
        } else {
            let all = self.estate.firewalls.values();
            all.filter(|rule| path(&rule.network) == network).cloned().collect()
        };
        let indexed = Rc::new(Indexed::new(rules));
        self.indexed.insert(key, Rc::clone(&indexed));
        indexed
    }

    fn classic_rule(&mut self, network: &str, rule: &Firewall, side: Side, maybe: Option<ReasonId>) -> Vec<Rule> {
        let name = self.text(&rule.name);
        let (ranges, near) = match side {
            Side::Source => (&rule.source_ranges, &rule.destination_ranges),
            Side::Destination => (&rule.destination_ranges, &rule.source_ranges),
        };
        // Ranges, tags and accounts are alternatives (Compute Engine API, `Firewall.sourceTags`).
        let mut peers = self.range_peers(ranges);
        if side == Side::Source {
            for tag in &rule.source_tags {
                let group = self.group(&GroupKey::Tag(network.to_owned(), tag.clone()));
                peers.push((Peer::Group(group), None, None));
            }
            for account in &rule.source_service_accounts {
                if account.starts_with("deleted:") {
                    let name = self.text(account);
                    peers.push((Peer::Gone, Some(name), None));
                    continue;
                }
                let group = self.group(&GroupKey::Account(network.to_owned(), account.clone()));
                peers.push((Peer::Group(group), None, None));
            }
        }
        if peers.is_empty() {
            peers.push((self.any_v4(), None, None));
        }
        let near: Vec<Prefix> = near.iter().map(|block| block.0).collect();
        let (traffic, action) =
            if rule.denied.is_empty() { (&rule.allowed, Action::Accept) } else { (&rule.denied, Action::Deny) };
        self.flat(name, &peers, traffic, &[(action, None)], &near, maybe)
    }

    // Both.

    /// A rule that names no source or destination is about all of IPv4, and never about IPv6 (VPC firewall rules and
    /// firewall policy rules, sources and destinations).
    fn any_v4(&mut self) -> Peer {
        Prefix::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0).map_or(Peer::Any, |all| self.builder.block(all))
    }

    fn range_peers(&mut self, ranges: &[Block]) -> Vec<PeerOf> {
        const SHOWN: usize = 3;
        match ranges {
            [] => Vec::new(),
            [one] => vec![(self.builder.block(one.0), None, None)],
            several => {
                let set: AddressSet = several.iter().map(|block| block.0).collect();
                let mut text: Vec<String> = several.iter().take(SHOWN).map(|block| block.0.to_string()).collect();
                if several.len() > SHOWN {
                    text.push(format!("{} more", several.len() - SHOWN));
                }
                let name = self.text(&text.join(", "));
                vec![(Peer::Set(self.builder.set(set)), Some(name), None)]
            }
        }
    }

    /// Every combination of a rule's peers, protocols and ports.
    fn flat(
        &mut self,
        name: NameId,
        peers: &[PeerOf],
        traffic: &[Traffic],
        actions: &[(Action, Option<ReasonId>)],
        near: &[Prefix],
        maybe: Option<ReasonId>,
    ) -> Vec<Rule> {
        let near = (!near.is_empty()).then(|| near.iter().copied().collect::<AddressSet>());
        let mut rules = Vec::new();
        for (action, doubt) in actions {
            for (protocol, ports, strange) in self.layer4(traffic) {
                for (peer, peer_name, peer_doubt) in peers {
                    let maybe = maybe.or(*doubt).or(strange).or(*peer_doubt);
                    let narrow = (maybe.is_some() || near.is_some())
                        .then(|| self.builder.narrow(Narrow { near: near.clone(), source_ports: None, maybe }));
                    rules.push(Rule {
                        peer: *peer,
                        ports,
                        protocol,
                        action: *action,
                        narrow,
                        name: Some(name),
                        peer_name: *peer_name,
                    });
                }
            }
        }
        rules
    }

    fn layer4(&mut self, traffic: &[Traffic]) -> Vec<(ProtocolMatch, PortRange, Option<ReasonId>)> {
        if traffic.is_empty() {
            // The API always has some, so what the rule is about is not in the evidence.
            let strange = self.not_modelled("what a rule is about", "nothing");
            return vec![(ProtocolMatch::Any, PortRange::ALL, Some(strange))];
        }
        let mut found = Vec::new();
        for traffic in traffic {
            let (matched, strange) = match protocol(&traffic.protocol) {
                Ok(Some(protocol)) => (ProtocolMatch::Only(protocol), None),
                Ok(None) => (ProtocolMatch::Any, None),
                Err(()) => (ProtocolMatch::Any, Some(self.not_modelled("the protocol", &traffic.protocol))),
            };
            if traffic.ports.is_empty() {
                found.push((matched, PortRange::ALL, strange));
            }
            found.extend(traffic.ports.iter().map(|ports| (matched, ports.0, strange)));
        }
        found
    }

    /// The group that rules name, one for each network where tags hold within one only.
    pub(super) fn group(&mut self, key: &GroupKey) -> Group {
        if let Some(group) = self.groups.get(key) {
            return *group;
        }
        let text = match key {
            GroupKey::Tag(_, tag) => format!("tag {tag}"),
            GroupKey::Account(_, email) => format!("service account {email}"),
            GroupKey::Secure(value) => value.clone(),
            GroupKey::UnreadSecure => "machines whose secure tags were not read".to_owned(),
        };
        let group = Group(self.builder.names().push(&text));
        self.groups.insert(key.clone(), group);
        group
    }

    pub(super) fn not_modelled(&mut self, what: &str, value: &str) -> ReasonId {
        self.reason_once(ReasonCode::NotModelled, &format!("{what} is `{value}`, which is not known here"), None)
    }

    /// A reason, once for each text.
    pub(super) fn known_reason(&mut self, reason: Reason) -> ReasonId {
        self.reason_once(reason.code, &reason.text, reason.permission.as_deref())
    }

    pub(super) fn reason_once(&mut self, code: ReasonCode, text: &str, permission: Option<&str>) -> ReasonId {
        if let Some(reason) = self.reasons.get(text) {
            return *reason;
        }
        let reason = Reason { code, text: text.to_owned(), permission: permission.map(str::to_owned) };
        let reason = self.builder.reason(reason);
        self.reasons.insert(text.to_owned(), reason);
        reason
    }
}

/// Whether packets come from one of these networks.
fn is_from_one_of(profile: &Profile, context: &Context, networks: &[String]) -> bool {
    let from = match context {
        Context::Intra => &profile.network,
        Context::From(network) => network,
        Context::Internet | Context::Elsewhere => return false,
    };
    networks.iter().any(|network| path(network) == from)
}

/// A peer, what it is called, and why it may not be meant.
type PeerOf = (Peer, Option<NameId>, Option<ReasonId>);

fn policy_name(policy: &Policy) -> String {
    let names = [policy.short_name.clone(), policy.display_name.clone(), Some(policy.name.clone())];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    name.unwrap_or_else(|| last(&policy.self_link).to_owned())
}
