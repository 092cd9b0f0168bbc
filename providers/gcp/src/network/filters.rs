//! Firewall rules and policies as a chain of gates.
//!
//! Google Cloud evaluates stages: the hierarchical policies of organisation and folders, policies of Google's own
//! services, then VPC firewall rules and the network's policies in one of two orders, and the implied rules at the very
//! end (Cloud NGFW, policy and rule evaluation order). `allow` and `deny` end the evaluation wherever they stand, so all
//! gates of a chain are one stage of the model.

use reachlint_model::{
    Action, AddressSet, Family, Gate, GateId, Group, Layer, ListId, NameId, Narrow, Peer, PortRange, Prefix,
    ProtocolMatch, Reason, ReasonCode, ReasonId, Rule, Side,
};
use rustc_hash::FxHashMap as HashMap;

use super::compile::Compiler;
use super::estate::{attributed, policy_kind};
use crate::records::{Block, Firewall, Matcher, Policy, PolicyRule, Traffic, last, path, protocol, segment, short};

/// A hierarchical firewall policy.
pub(crate) const HIERARCHICAL: Layer = Layer("gcp.hierarchical-policy");
/// A policy that Google manages for one of its services.
pub(crate) const SYSTEM: Layer = Layer("gcp.system-policy");
/// The VPC firewall rules of a network.
pub(crate) const CLASSIC: Layer = Layer("gcp.vpc-firewall");
/// A global network firewall policy.
pub(crate) const GLOBAL: Layer = Layer("gcp.network-policy");
/// A regional network firewall policy.
pub(crate) const REGIONAL: Layer = Layer("gcp.regional-policy");
/// What happens when nothing else decides.
pub(crate) const IMPLIED: Layer = Layer("gcp.implied-rule");

/// All gates of a chain belong to one stage.
const STAGE: u8 = 1;

/// Priority that a VPC firewall rule has if none is given (VPC firewall rules, priority).
const DEFAULT_PRIORITY: u32 = 1000;

/// One filter of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stage {
    pub(crate) layer: Layer,
    /// The network, policy or node that it belongs to.
    pub(crate) subject: NameId,
    pub(crate) gate: GateId,
}

/// What the evidence says of something, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known<T> {
    Yes(T),
    No(ReasonId),
}

impl<T> Known<Vec<T>> {
    fn holds(&self, wanted: impl Fn(&T) -> bool) -> Applies {
        match self {
            Self::Yes(all) if all.iter().any(wanted) => Applies::Yes,
            Self::Yes(_) => Applies::No,
            Self::No(reason) => Applies::Maybe(*reason),
        }
    }
}

/// Whether a rule is about a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Applies {
    Yes,
    No,
    Maybe(ReasonId),
}

impl Applies {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Maybe(reason), _) | (_, Self::Maybe(reason)) => Self::Maybe(reason),
            _ => Self::Yes,
        }
    }
}

/// What rules can ask of a machine's interface.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// Path of its network.
    pub(super) network: String,
    pub(super) region: String,
    pub(super) tags: Known<Vec<String>>,
    pub(super) accounts: Known<Vec<String>>,
    pub(super) secure_tags: Known<Vec<String>>,
    /// The machine's path and the interface's name.
    pub(super) machine: Option<(String, String)>,
    /// Whether the machine is a node of GKE, for which Google may add policies.
    pub(super) is_node: bool,
}

/// How a packet comes or goes, for rules that ask for it (Cloud NGFW, network contexts).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Context {
    /// Inside the network.
    Intra,
    /// From or to the internet.
    Internet,
    /// Neither.
    Elsewhere,
    /// Another network, by its path.
    From(String),
}

/// Where the rules of a stage come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Source {
    Policy(String),
    /// Positions of an answer about effective firewalls and of a policy in it.
    Effective(usize, usize),
}

/// A stage before it is compiled.
enum Part {
    Policy { layer: Layer, source: Source, maybe: Option<ReasonId> },
    Classic { effective: Option<usize> },
    Unread { layer: Layer, subject: NameId, reason: ReasonId },
}

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

impl Compiler {
    /// The gates of one direction for a machine's interface.
    pub(super) fn chain(&mut self, profile: &Profile, side: Side, context: &Context) -> Vec<Stage> {
        let mut chain = Vec::new();
        let mut classic = None;
        for part in self.parts(profile) {
            match part {
                Part::Policy { layer, source, maybe } => {
                    let stage = self.policy_stage(profile, side, context, layer, &source, maybe);
                    chain.extend(stage);
                }
                Part::Classic { effective } => {
                    let (stage, again) = self.classic_stage(profile, side, effective);
                    classic = again;
                    chain.push(stage);
                }
                Part::Unread { layer, subject, reason } => chain.push(self.unread_stage(layer, subject, side, reason)),
            }
        }
        let network = self.id(&profile.network);
        let default = if side == Side::Source { Action::Deny } else { Action::Accept };
        let gate = Gate { layer: IMPLIED, name: network, lists: 0..0, default, side, stage: STAGE };
        let gate = self.builder.gate(classic.into_iter().collect(), gate);
        chain.push(Stage { layer: IMPLIED, subject: network, gate });
        chain
    }

    /// The stages that hold for a machine's interface, in the order of evaluation.
    fn parts(&mut self, profile: &Profile) -> Vec<Part> {
        let mut parts = Vec::new();
        let host = segment(&profile.network, "projects").unwrap_or_default().to_owned();
        let of_machine = self.effective_of_machine(profile);
        let of_region = self.effective_of_region(profile);
        let of_network = self.effective_of_network(profile);
        let near = of_machine.or(of_region);
        let wide = near.or(of_network);
        match wide {
            Some(at) => self.effective_hierarchy(&host, at, &mut parts),
            None => self.hierarchy(&host, &mut parts),
        }
        match near {
            Some(at) => parts.extend(self.effective_parts(at, "SYSTEM", SYSTEM)),
            None if profile.is_node => {
                let reason = self.reason_once(
                    ReasonCode::NotRead,
                    "policies that Google manages for GKE nodes show up only in the effective firewalls of the machine",
                    Some("compute.instances.getEffectiveFirewalls"),
                );
                let subject = self.id(&profile.network);
                parts.push(Part::Unread { layer: SYSTEM, subject, reason });
            }
            None => {}
        }
        let order = self.estate.networks.get(&profile.network);
        let order = order
            .map(|vpc| vpc.network_firewall_policy_enforcement_order.as_deref() == Some("BEFORE_CLASSIC_FIREWALL"));
        let mut policies = Vec::new();
        match wide {
            Some(at) => policies.extend(self.effective_parts(at, "NETWORK", GLOBAL)),
            None => self.global(profile, &mut policies),
        }
        match near {
            Some(at) => policies.extend(self.effective_parts(at, "NETWORK_REGIONAL", REGIONAL)),
            None => self.regional(profile, &host, &mut policies),
        }
        // An answer about a machine leaves out rules by target that are not about it, so it is asked before the listing.
        let listed = self.estate.is_listed(&host, "firewalls") && !self.estate.is_cut("firewalls");
        let effective = of_machine.or(if listed { None } else { wide });
        let mut classic = Vec::new();
        if effective.is_none() && !listed {
            let about = [profile.network.as_str(), host.as_str()];
            let what = format!("the VPC firewall rules of {}", short(&profile.network));
            let reason = self.estate.missing("compute.firewalls.list", &about, &what);
            let reason = self.builder.reason(reason);
            let subject = self.id(&profile.network);
            classic.push(Part::Unread { layer: CLASSIC, subject, reason });
        }
        classic.push(Part::Classic { effective });
        match order {
            Some(true) => {
                parts.append(&mut policies);
                parts.append(&mut classic);
            }
            Some(false) => {
                parts.append(&mut classic);
                parts.append(&mut policies);
            }
            None => {
                // Without the network's own record the order is not known: what comes second may come first.
                if !policies.is_empty() {
                    let about = [profile.network.as_str()];
                    let what = format!(
                        "whether the policies of {} come before its VPC firewall rules",
                        short(&profile.network)
                    );
                    let reason = self.estate.missing("compute.networks.get", &about, &what);
                    let reason = self.builder.reason(reason);
                    parts.extend(policies.iter().filter_map(|part| match part {
                        Part::Policy { layer, source, .. } => {
                            Some(Part::Policy { layer: *layer, source: source.clone(), maybe: Some(reason) })
                        }
                        _ => None,
                    }));
                }
                parts.append(&mut classic);
                parts.append(&mut policies);
            }
        }
        parts
    }

    /// Hierarchical policies by the ancestry of the network's own project: a service project's folders do not count
    /// (Cloud NGFW, hierarchical firewall policies, Shared VPC).
    fn hierarchy(&mut self, host: &str, parts: &mut Vec<Part>) {
        let Some(above) = self.estate.ancestors.get(host).cloned() else {
            let what = format!("which folders and organisation are above project {host}, and their firewall policies");
            let mut reason = self.estate.missing("resourcemanager.projects.get", &[host], &what);
            reason.text.push_str("; effective firewalls tell it too");
            let reason = self.builder.reason(reason);
            let subject = self.text(host);
            parts.push(Part::Unread { layer: HIERARCHICAL, subject, reason });
            return;
        };
        for node in above.iter().rev() {
            let known = self.estate.associations.get(&format!("hierarchical {node}")).cloned();
            let found = known.as_ref().and_then(|id| {
                let policies = &self.estate.policies;
                policies.contains_key(id).then(|| id.clone()).or_else(|| {
                    let named =
                        policies.iter().find(|(_, policy)| policy.id.as_ref().is_some_and(|own| own.0 == last(id)));
                    named.map(|(path, _)| path.clone())
                })
            });
            match (found, known) {
                (Some(policy), _) => {
                    parts.push(Part::Policy { layer: HIERARCHICAL, source: Source::Policy(policy), maybe: None });
                }
                (None, None) if self.estate.lists_hierarchical(node) => {}
                _ => {
                    let what = format!("the firewall policy of {node}");
                    let reason = self.estate.missing("compute.firewallPolicies.list", &[node], &what);
                    let reason = self.builder.reason(reason);
                    let subject = self.text(node);
                    parts.push(Part::Unread { layer: HIERARCHICAL, subject, reason });
                }
            }
        }
    }

    /// The policies of the hierarchy in an answer about effective firewalls. Their order in it is not documented, so
    /// without the ancestry each of several may come first.
    fn effective_hierarchy(&mut self, host: &str, at: usize, parts: &mut Vec<Part>) {
        let Some((_, answer)) = self.estate.effective.get(at) else { return };
        let policies = answer.firewall_policys.iter().enumerate();
        let mut found: Vec<(Option<usize>, usize)> = policies
            .filter(|(_, policy)| policy.kind == "HIERARCHY")
            .map(|(position, policy)| {
                let above = self.estate.ancestors.get(host);
                let rank = above.and_then(|above| {
                    above.iter().rev().position(|node| {
                        let id = self.estate.associations.get(&format!("hierarchical {node}"));
                        id.is_some_and(|id| last(id) == last(&policy.name))
                    })
                });
                (rank, position)
            })
            .collect();
        let is_ordered = found.len() < 2 || found.iter().all(|(rank, _)| rank.is_some());
        found.sort_unstable();
        let part = |position: usize, maybe: Option<ReasonId>| Part::Policy {
            layer: HIERARCHICAL,
            source: Source::Effective(at, position),
            maybe,
        };
        if !is_ordered {
            let reason = self.reason_once(
                ReasonCode::NotRead,
                "which of several hierarchical policies comes first is not known without the project's ancestors and \
                 the policies' associations",
                Some("resourcemanager.projects.get"),
            );
            parts.extend(found.iter().skip(1).map(|(_, position)| part(*position, Some(reason))));
        }
        parts.extend(found.iter().map(|(_, position)| part(*position, None)));
    }

    /// The policies of one type in an answer about effective firewalls, by the priority of their association.
    fn effective_parts(&self, at: usize, kind: &str, layer: Layer) -> Vec<Part> {
        let Some((_, answer)) = self.estate.effective.get(at) else { return Vec::new() };
        let of = |name: &str| name == kind || (kind == "SYSTEM" && name.starts_with("SYSTEM"));
        let policies = answer.firewall_policys.iter().enumerate().filter(|(_, policy)| of(&policy.kind));
        let mut found: Vec<(Option<u32>, usize)> =
            policies.map(|(position, policy)| (policy.priority, position)).collect();
        found.sort_unstable();
        let part = |(_, position)| Part::Policy { layer, source: Source::Effective(at, position), maybe: None };
        found.into_iter().map(part).collect()
    }

    fn effective_of_machine(&self, profile: &Profile) -> Option<usize> {
        let (machine, nic) = profile.machine.as_ref()?;
        let candidates = || self.estate.instances.keys();
        let own = |(about, _): &(crate::records::About, _)| {
            let first = about.nic.as_deref().unwrap_or("nic0") == nic;
            first && about.network.is_none() && attributed(about, candidates()).is_some_and(|path| path == machine)
        };
        self.estate.effective.iter().position(own)
    }

    fn effective_of_region(&self, profile: &Profile) -> Option<usize> {
        self.estate.effective.iter().position(|(about, _)| {
            let network = about.network.as_deref().is_some_and(|network| is_named(network, &profile.network));
            network && about.asked.is_none() && about.place.as_deref().map(last) == Some(profile.region.as_str())
        })
    }

    /// An answer about a network holds the hierarchical and the global policies, and never regional ones (Compute
    /// Engine API, `networks.getEffectiveFirewalls`).
    fn effective_of_network(&self, profile: &Profile) -> Option<usize> {
        self.estate.effective.iter().position(|(about, _)| {
            if about.place.is_some() {
                return false;
            }
            match (&about.network, &about.asked) {
                (Some(network), None) => is_named(network, &profile.network),
                (None, Some(asked)) => path(asked) == profile.network,
                (None, None) => {
                    attributed(about, self.estate.networks.keys()).is_some_and(|path| *path == profile.network)
                        && attributed(about, self.estate.instances.keys()).is_none()
                }
                (Some(_), Some(_)) => false,
            }
        })
    }

    /// The global policy that the network's own record names, or that names the network.
    fn global(&mut self, profile: &Profile, parts: &mut Vec<Part>) {
        let named = self.estate.associations.get(&format!("global {}", profile.network)).cloned();
        let vpc = self.estate.networks.get(&profile.network);
        let is_read = vpc.is_some();
        let own = vpc.and_then(|vpc| vpc.firewall_policy.as_deref()).map(|link| path(link).to_owned());
        let about = [profile.network.as_str()];
        match named.or(own) {
            Some(policy) if self.estate.policies.contains_key(&policy) => {
                parts.push(Part::Policy { layer: GLOBAL, source: Source::Policy(policy), maybe: None });
            }
            None if is_read => {}
            policy => {
                let (call, what) = match &policy {
                    Some(policy) => {
                        ("compute.firewallPolicies.list", format!("the network firewall policy {}", last(policy)))
                    }
                    None => (
                        "compute.networks.get",
                        format!("whether {} has a network firewall policy", short(&profile.network)),
                    ),
                };
                let reason = self.estate.missing(call, &about, &what);
                let reason = self.builder.reason(reason);
                let subject = self.id(policy.as_ref().unwrap_or(&profile.network));
                parts.push(Part::Unread { layer: GLOBAL, subject, reason });
            }
        }
    }

    fn regional(&mut self, profile: &Profile, host: &str, parts: &mut Vec<Part>) {
        let here = |policy: &Policy| {
            let link = path(&policy.self_link);
            let region = segment(link, "regions").or(policy.region.as_deref().map(last));
            policy_kind(policy) == "regional" && region == Some(profile.region.as_str())
        };
        let found: Vec<String> = self
            .estate
            .policies
            .iter()
            .filter(|(_, policy)| here(policy))
            .filter(|(_, policy)| policy.associations.iter().any(|own| path(&own.attachment_target) == profile.network))
            .map(|(path, _)| path.clone())
            .collect();
        let is_known = !found.is_empty() || self.estate.lists_regional(host, &profile.region);
        parts.extend(found.into_iter().map(|policy| Part::Policy {
            layer: REGIONAL,
            source: Source::Policy(policy),
            maybe: None,
        }));
        if !is_known {
            let what = format!("whether {} has a firewall policy in {}", short(&profile.network), profile.region);
            let about = [profile.region.as_str(), profile.network.as_str()];
            let reason = self.estate.missing("compute.regionFirewallPolicies.list", &about, &what);
            let reason = self.builder.reason(reason);
            let subject = self.text(&format!("{} {}", short(&profile.network), profile.region));
            parts.push(Part::Unread { layer: REGIONAL, subject, reason });
        }
    }

    /// A filter that was not read could pass for good, block, or hand on.
    fn unread_stage(&mut self, layer: Layer, subject: NameId, side: Side, reason: ReasonId) -> Stage {
        let rule = |action| Rule {
            peer: Peer::Unknown(reason),
            ports: PortRange::ALL,
            protocol: ProtocolMatch::Any,
            action,
            narrow: None,
            name: None,
            peer_name: None,
        };
        let key = format!("unread {} {subject:?} {reason:?}", layer.0);
        let list = self.list_once(key, subject, |_| vec![rule(Action::Deny), rule(Action::Accept)]);
        let gate = Gate { layer, name: subject, lists: 0..0, default: Action::Next, side, stage: STAGE };
        Stage { layer, subject, gate: self.builder.gate(vec![list], gate) }
    }

    fn list_once(&mut self, key: String, name: NameId, rules: impl FnOnce(&mut Self) -> Vec<Rule>) -> ListId {
        if let Some(list) = self.lists.get(&key) {
            return *list;
        }
        let rules = rules(self);
        let list = self.builder.list(name, rules, None);
        self.lists.insert(key, list);
        list
    }

    // Policies.

    fn policy_stage(
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
        self.policies.entry(subject).or_insert_with(|| match source {
            Source::Policy(path) => Some(path.clone()),
            Source::Effective(..) => None,
        });
        Some(Stage { layer, subject, gate })
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
            None if networks => self.from_one_of(profile, context, &matches.src_networks),
            None => true,
            Some("INTERNET") => *context == Context::Internet,
            Some("NON_INTERNET") => *context != Context::Internet,
            Some("INTRA_VPC") => *context == Context::Intra,
            Some("VPC_NETWORKS") => self.from_one_of(profile, context, &matches.src_networks),
            Some(other) => return Applies::Maybe(self.not_modelled("a network context", other)),
        };
        if holds { Applies::Yes } else { Applies::No }
    }

    #[expect(clippy::unused_self, reason = "it belongs to the questions above")]
    fn from_one_of(&self, profile: &Profile, context: &Context, networks: &[String]) -> bool {
        let from = match context {
            Context::Intra => &profile.network,
            Context::From(network) => network,
            Context::Internet | Context::Elsewhere => return false,
        };
        networks.iter().any(|network| path(network) == from)
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

    fn secure_peers(&mut self, tag: &crate::records::SecureTag, peers: &mut Vec<PeerOf>) {
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

    fn classic_stage(&mut self, profile: &Profile, side: Side, effective: Option<usize>) -> (Stage, Option<ListId>) {
        let mut rules: Vec<Firewall> = match effective.and_then(|at| self.estate.effective.get(at)) {
            Some((_, answer)) => answer.firewalls.clone(),
            None => {
                self.estate.firewalls.values().filter(|rule| path(&rule.network) == profile.network).cloned().collect()
            }
        };
        // Of rules with one priority those that deny go first (VPC firewall rules, priority).
        rules
            .sort_by_key(|rule| (rule.priority.unwrap_or(DEFAULT_PRIORITY), rule.denied.is_empty(), rule.name.clone()));
        let mut applying: Vec<(usize, Option<ReasonId>)> = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            let direction = match rule.direction.as_deref() {
                Some("EGRESS") => Side::Destination,
                _ => Side::Source,
            };
            if rule.disabled || direction != side {
                continue;
            }
            // Targets are any of the tags or any of the accounts; a rule never has both (VPC firewall rules, targets).
            let by_tag = match rule.target_tags.as_slice() {
                [] => Applies::Yes,
                tags => profile.tags.holds(|own| tags.contains(own)),
            };
            let by_account = match rule.target_service_accounts.as_slice() {
                [] => Applies::Yes,
                accounts => profile.accounts.holds(|own| accounts.contains(own)),
            };
            match by_tag.and(by_account) {
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
            return vec![(ProtocolMatch::Any, PortRange::ALL, None)];
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

/// A peer, what it is called, and why it may not be meant.
type PeerOf = (Peer, Option<NameId>, Option<ReasonId>);

/// What makes machines a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum GroupKey {
    /// A network tag, in one network: it means nothing in another one (VPC Network Peering, limits).
    Tag(String, String),
    /// A service account, in one network too.
    Account(String, String),
    /// A secure tag, which holds across peered networks (Cloud NGFW, secure tags).
    Secure(String),
    /// Machines whose secure tags are not known.
    UnreadSecure,
}

pub(super) type Lists = HashMap<String, ListId>;

fn is_named(asked: &str, network: &str) -> bool {
    let asked = path(asked);
    asked == network || (!asked.contains('/') && last(network) == asked)
}

fn policy_name(policy: &Policy) -> String {
    let names = [policy.short_name.clone(), policy.display_name.clone(), Some(policy.name.clone())];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    name.unwrap_or_else(|| last(&policy.self_link).to_owned())
}

/// The sources of a family that a chain may let in to an address and port, exactly.
#[derive(Clone, Debug, Default)]
pub(super) struct Admitted {
    /// Those that get in for certain.
    pub(super) sure: AddressSet,
    /// Those that may.
    pub(super) perhaps: AddressSet,
}

impl Admitted {
    /// Whether none of a set gets in.
    pub(super) fn none(&self, of: &AddressSet) -> bool {
        of.intersection(&self.perhaps).is_empty()
    }

    /// Whether all of a set get in: yes, no (some do not for certain), or not known.
    pub(super) fn all(&self, of: &AddressSet) -> Option<bool> {
        if of.is_subset(&self.sure) {
            Some(true)
        } else if of.is_subset(&self.perhaps) {
            None
        } else {
            Some(false)
        }
    }
}

/// What is asked of a chain about all sources at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) protocol: reachlint_model::Protocol,
    pub(super) port: u16,
    pub(super) to: std::net::IpAddr,
}

/// Goes through a chain with all sources that no group can mean, such as Google's own.
pub(super) fn admitted(network: &reachlint_model::Network, chain: &[Stage], question: &Question) -> Admitted {
    let everyone = AddressSet::family(Family::of(question.to));
    // Sources that may still come here, with whether something may have taken them before.
    let mut open = everyone.clone();
    let mut sure = AddressSet::empty();
    let (mut maybe_in, mut maybe_out) = (AddressSet::empty(), AddressSet::empty());
    for stage in chain {
        let Some(gate) = network.gate(stage.gate) else { continue };
        // Those that leave this policy undecided.
        let mut left = open.clone();
        for rule in network.lists(gate).flat_map(|(_, list)| network.rules(list)) {
            let narrow = rule.narrow.and_then(|id| network.narrow(id));
            let near = narrow.and_then(|narrow| narrow.near.as_ref());
            let applies = rule.protocol.contains(question.protocol)
                && rule.ports.contains(question.port)
                && near.is_none_or(|near| near.contains(question.to));
            if !applies {
                continue;
            }
            let mut certain = narrow.is_none_or(|narrow| narrow.maybe.is_none());
            let sources = match rule.peer {
                Peer::Any => everyone.clone(),
                Peer::V4 { base, length } => Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length)
                    .map(AddressSet::from)
                    .unwrap_or_default(),
                Peer::V6(id) => network.prefix(id).map(AddressSet::from).unwrap_or_default(),
                Peer::Set(id) => network.set(id).cloned().unwrap_or_default(),
                Peer::Group(_) | Peer::Gone => continue,
                Peer::Unknown(_) => {
                    certain = false;
                    everyone.clone()
                }
            };
            let taken = left.intersection(&sources);
            match (rule.action, certain) {
                (Action::Next, true) => left = left.difference(&taken),
                (Action::Deny, true) => {
                    (open, left) = (open.difference(&taken), left.difference(&taken));
                }
                (Action::Accept | Action::Allow, true) => {
                    sure = sure.union(&taken);
                    (open, left) = (open.difference(&taken), left.difference(&taken));
                }
                (Action::Deny, false) => maybe_out = maybe_out.union(&taken),
                (Action::Next, false) => {
                    // What follows in the policy may not be asked.
                    maybe_in = maybe_in.union(&taken);
                    maybe_out = maybe_out.union(&taken);
                }
                _ => maybe_in = maybe_in.union(&taken),
            }
        }
        match gate.default {
            Action::Deny => open = AddressSet::empty(),
            Action::Accept | Action::Allow => {
                sure = sure.union(&open);
                open = AddressSet::empty();
            }
            Action::Next | Action::Jump(_) => {}
        }
    }
    let perhaps = sure.union(&maybe_in);
    Admitted { sure: sure.difference(&maybe_out), perhaps }
}
