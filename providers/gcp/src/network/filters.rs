//! Firewall rules and policies as a chain of gates.
//!
//! Google Cloud evaluates stages: the hierarchical policies of organisation and folders, policies of Google's own
//! services, then VPC firewall rules and the network's policies in one of two orders, and the implied rules at the very
//! end (Cloud NGFW, policy and rule evaluation order). `allow` and `deny` end the evaluation wherever they stand, so all
//! gates of a chain are one stage of the model.

use reachlint_model::{
    Action, Gate, GateId, Layer, ListId, NameId, Peer, PortRange, ProtocolMatch, ReasonCode, ReasonId, Rule, Side,
};
use rustc_hash::FxHashMap as HashMap;

use super::compile::Compiler;
use super::estate::{attributed, policy_kind};
use crate::records::{About, Effective, Policy, last, path, segment, short};

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
pub(super) const STAGE: u8 = 1;

/// Priority that a VPC firewall rule has if none is given (VPC firewall rules, priority).
pub(super) const DEFAULT_PRIORITY: u32 = 1000;

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
    pub(super) fn holds(&self, wanted: impl Fn(&T) -> bool) -> Applies {
        match self {
            Self::Yes(all) if all.iter().any(wanted) => Applies::Yes,
            Self::Yes(_) => Applies::No,
            Self::No(reason) => Applies::Maybe(*reason),
        }
    }
}

/// Whether a rule is about a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Applies {
    Yes,
    No,
    Maybe(ReasonId),
}

impl Applies {
    pub(super) fn and(self, other: Self) -> Self {
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
pub(super) enum Source {
    Policy(String),
    /// Positions of an answer about effective firewalls and of a policy in it.
    Effective(usize, usize),
}

/// A stage before it is compiled.
#[derive(Debug)]
pub(super) enum Part {
    Policy { layer: Layer, source: Source, maybe: Option<ReasonId> },
    Classic { effective: Option<usize> },
    Unread { layer: Layer, subject: NameId, reason: ReasonId },
}

impl Compiler {
    /// The gates of one direction for a machine's interface, in every context.
    pub(super) fn chains(&mut self, profile: &Profile, parts: &[Part], side: Side) -> Vec<Vec<Stage>> {
        // VPC firewall rules know no context.
        let classic = parts.iter().find_map(|part| match part {
            Part::Classic { effective } => Some(*effective),
            _ => None,
        });
        let classic = classic.map(|effective| self.classic_stage(profile, side, effective));
        let contexts = self.contexts.clone();
        contexts.iter().map(|context| self.chain(profile, parts, side, context, classic)).collect()
    }

    fn chain(
        &mut self,
        profile: &Profile,
        parts: &[Part],
        side: Side,
        context: &Context,
        rules: Option<(Stage, Option<ListId>)>,
    ) -> Vec<Stage> {
        let mut chain = Vec::new();
        for part in parts {
            match part {
                Part::Policy { layer, source, maybe } => {
                    chain.extend(self.policy_stage(profile, side, context, *layer, source, *maybe));
                }
                Part::Classic { .. } => chain.extend(rules.map(|(stage, _)| stage)),
                Part::Unread { layer, subject, reason } => {
                    chain.push(self.unread_stage(*layer, *subject, side, *reason));
                }
            }
        }
        let classic = rules.and_then(|(_, again)| again);
        let network = self.id(&profile.network);
        let default = if side == Side::Source { Action::Deny } else { Action::Accept };
        let gate = Gate { layer: IMPLIED, name: network, lists: 0..0, default, side, stage: STAGE };
        let gate = self.builder.gate(classic.into_iter().collect(), gate);
        chain.push(Stage { layer: IMPLIED, subject: network, gate });
        chain
    }

    /// The stages that hold for a machine's interface, in the order of evaluation.
    pub(super) fn parts(&mut self, profile: &Profile) -> Vec<Part> {
        let mut parts = Vec::new();
        let host = segment(&profile.network, "projects").unwrap_or_default().to_owned();
        let of_machine = self.effective_of_machine(profile);
        let of_region = self.effective_of_region(profile);
        let of_network = self.effective_of_network(profile);
        let near = of_machine.or(of_region);
        let wide = near.or(of_network);
        match wide {
            Some(at) => self.effective_hierarchy(&host, at, &mut parts),
            None => self.hierarchy(&host, &profile.network, &mut parts),
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
        let listed = self.estate.is_listed(&host, "firewalls") && !self.estate.is_cut_in(&host, "firewalls");
        let effective = of_machine.or(if listed { None } else { wide });
        let mut classic = Vec::new();
        if effective.is_none() && !listed {
            let about = [profile.network.as_str(), host.as_str()];
            let what = format!("the VPC firewall rules of {}", short(&profile.network));
            let reason = self.estate.missing("compute.firewalls.list", &about, &what);
            let reason = self.known_reason(reason);
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
                    let reason = self.estate.missing("compute.networks.list", &about, &what);
                    let reason = self.known_reason(reason);
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
    fn hierarchy(&mut self, host: &str, network: &str, parts: &mut Vec<Part>) {
        let Some(above) = self.estate.ancestors.get(host).cloned() else {
            let what = format!("which folders and organisation are above project {host}, and their firewall policies");
            // Effective firewalls tell it too, and are what live collection asks for.
            let effective = ["compute.networks.getRegionEffectiveFirewalls", "compute.networks.getEffectiveFirewalls"];
            let failed = effective.into_iter().find(|call| self.estate.failure(call, &[network]).is_some());
            let mut reason = match failed {
                Some(call) => self.estate.missing(call, &[network], &what),
                None => self.estate.missing("resourcemanager.projects.get", &[host], &what),
            };
            if failed.is_none() {
                reason.text.push_str("; effective firewalls tell it too");
            }
            let reason = self.known_reason(reason);
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
                (Some(policy), _) => parts.push(self.policy(HIERARCHICAL, policy)),
                (None, None) if self.estate.lists_hierarchical(node) => {}
                _ => {
                    let what = format!("the firewall policy of {node}");
                    let reason = self.estate.missing("compute.firewallPolicies.list", &[node], &what);
                    let reason = self.known_reason(reason);
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

    pub(super) fn effective_of_machine(&self, profile: &Profile) -> Option<usize> {
        self.effective_of.get(profile.machine.as_ref()?).copied()
    }

    /// Which answers about effective firewalls are those of a machine's interface.
    pub(super) fn attribute_effective(&mut self) {
        for (at, (about, _)) in
            self.estate.effective.iter().enumerate().filter(|(_, (about, _))| about.network.is_none())
        {
            if let Some(machine) = attributed(about, self.estate.instances.keys()) {
                let nic = about.nic.clone().unwrap_or_else(|| "nic0".to_owned());
                self.effective_of.entry((machine.clone(), nic)).or_insert(at);
            }
        }
    }

    fn effective_of_region(&self, profile: &Profile) -> Option<usize> {
        self.estate.effective.iter().position(|(about, answer)| {
            self.is_about_network(about, answer, &profile.network)
                && about.asked.is_none()
                && about.place.as_deref().map(last) == Some(profile.region.as_str())
        })
    }

    /// Whether an answer is about a network. Networks of several projects may have one name, and then its project, or the
    /// network of a rule in it, has to tell.
    fn is_about_network(&self, about: &About, answer: &Effective, network: &str) -> bool {
        let Some(asked) = about.network.as_deref().map(path) else { return false };
        if asked.contains('/') || last(network) != asked {
            return asked == network;
        }
        if let Some(project) = &about.project {
            return segment(network, "projects") == Some(project);
        }
        if let Some(rule) = answer.firewalls.first() {
            return path(&rule.network) == network;
        }
        self.estate.networks.keys().filter(|known| last(known) == asked).all(|known| known == network)
    }

    /// An answer about a network holds the hierarchical and the global policies, and never regional ones (Compute
    /// Engine API, `networks.getEffectiveFirewalls`).
    fn effective_of_network(&self, profile: &Profile) -> Option<usize> {
        self.estate.effective.iter().position(|(about, answer)| {
            if about.place.is_some() {
                return false;
            }
            match (&about.network, &about.asked) {
                (Some(_), None) => self.is_about_network(about, answer, &profile.network),
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
            Some(policy) if self.estate.policies.contains_key(&policy) => parts.push(self.policy(GLOBAL, policy)),
            None if is_read => {}
            policy => {
                let (call, what) = match &policy {
                    Some(policy) => {
                        ("compute.firewallPolicies.list", format!("the network firewall policy {}", last(policy)))
                    }
                    None => (
                        "compute.networks.list",
                        format!("whether {} has a network firewall policy", short(&profile.network)),
                    ),
                };
                let reason = self.estate.missing(call, &about, &what);
                let reason = self.known_reason(reason);
                let subject = self.id(policy.as_ref().unwrap_or(&profile.network));
                parts.push(Part::Unread { layer: GLOBAL, subject, reason });
            }
        }
    }

    /// A policy that is in the evidence. Some listings give policies without their rules, and every policy has some: the
    /// last ones are predefined (Cloud NGFW, firewall policies, predefined rules).
    fn policy(&mut self, layer: Layer, path: String) -> Part {
        if self.estate.policies.get(&path).is_some_and(|policy| !policy.rules.is_empty()) {
            return Part::Policy { layer, source: Source::Policy(path), maybe: None };
        }
        let call = match layer {
            REGIONAL => "compute.regionFirewallPolicies.get",
            _ => "compute.firewallPolicies.get",
        };
        let what = format!("what firewall policy {} says", last(&path));
        let reason = self.estate.missing(call, &[&path], &what);
        let reason = self.known_reason(reason);
        let subject = self.id(&path);
        Part::Unread { layer, subject, reason }
    }

    /// A network has one policy in a region at most (Cloud NGFW, regional network firewall policies), so one that was found
    /// is the one, whatever a listing lacks.
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
        parts.extend(found.into_iter().map(|policy| self.policy(REGIONAL, policy)));
        if !is_known {
            let what = format!("whether {} has a firewall policy in {}", short(&profile.network), profile.region);
            let about = [profile.region.as_str(), profile.network.as_str()];
            let reason = self.estate.missing("compute.regionFirewallPolicies.list", &about, &what);
            let reason = self.known_reason(reason);
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

    pub(super) fn list_once(
        &mut self,
        key: String,
        name: NameId,
        rules: impl FnOnce(&mut Self) -> Vec<Rule>,
    ) -> ListId {
        if let Some(list) = self.lists.get(&key) {
            return *list;
        }
        let rules = rules(self);
        let list = self.builder.list(name, rules, None);
        self.lists.insert(key, list);
        list
    }
}

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
