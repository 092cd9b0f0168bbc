//! The rules: one folder each, one table that lists them.
//!
//! Commands, documentation, schema and configuration all know the rules from [`RULES`] alone.

mod breadth;
mod open;
mod support;

#[path = "blocked-flow/mod.rs"]
mod blocked_flow;
#[path = "broad-ingress/mod.rs"]
mod broad_ingress;
#[path = "broad-ports/mod.rs"]
mod broad_ports;
#[path = "client-chosen-upstream/mod.rs"]
mod client_chosen_upstream;
#[path = "effective-difference/mod.rs"]
mod effective_difference;
#[path = "local-upstream/mod.rs"]
mod local_upstream;
#[path = "partial-flow/mod.rs"]
mod partial_flow;
#[path = "stale-reference/mod.rs"]
mod stale_reference;
#[path = "undecided-flow/mod.rs"]
mod undecided_flow;
#[path = "unknown-address/mod.rs"]
mod unknown_address;
#[path = "unresolved-upstream/mod.rs"]
mod unresolved_upstream;

use reachlint_host::network::Hosts;
use reachlint_model::{Fix, HopKind, Identity, Network, Provider, Remedy};

pub use open::{OpenRule, open_rules};

use crate::audit::Judged;
use crate::evaluate::{Blocker, Owner};
use crate::report::Finding;

/// What a rule looks at.
pub struct Context<'a> {
    /// The clouds' compiled evidence.
    pub providers: &'a [&'a dyn Provider],
    /// What is known of the hosts behind interfaces.
    pub hosts: &'a Hosts,
    /// Every flow that was judged.
    pub flows: &'a [Judged],
}

impl<'a> Context<'a> {
    /// The network that a hop is of.
    fn network(&self, owner: Owner) -> Option<&'a Network> {
        match owner {
            Owner::Cloud(at) => self.providers.get(at).map(|provider| provider.network()),
            Owner::Hosts => Some(self.hosts.network()),
        }
    }

    /// The narrowest change at a hop, in the words of whoever it belongs to.
    fn remedy(&self, fix: Fix, blocker: &Blocker) -> Option<Remedy> {
        if let HopKind::Gate { packet, .. } = blocker.hop.kind
            && [packet.source_identity, packet.destination_identity].contains(&Identity::Hidden)
        {
            let console = "Give nginx's machine an address on the internet that stays, its own or that of a NAT gateway; \
                           then admit that address here, and nothing else.";
            return Some(Remedy { console: console.to_owned(), ..Remedy::default() });
        }
        let (list, rule) = blocker.by.unzip();
        match blocker.owner {
            Owner::Cloud(at) => self.providers.get(at)?.remedy(fix, &blocker.hop, list, rule),
            Owner::Hosts => self.hosts.remedy(fix, &blocker.hop, list, rule),
        }
    }
}

/// A rule.
pub struct Rule {
    /// Its name; it reads well after "allow".
    pub slug: &'static str,
    /// Its page.
    pub doc: &'static str,
    /// Finds what is wrong.
    pub check: fn(&Context<'_>) -> Vec<Finding>,
}

impl Rule {
    /// The first sentence of its page.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        let mut lines = self.doc.lines().skip_while(|line| line.starts_with('#') || line.trim().is_empty());
        lines.next().unwrap_or_default()
    }
}

/// Every rule, in alphabetical order.
pub static RULES: [Rule; 11] = [
    Rule { slug: "blocked-flow", doc: include_str!("blocked-flow/doc.md"), check: blocked_flow::check },
    Rule { slug: "broad-ingress", doc: include_str!("broad-ingress/doc.md"), check: broad_ingress::check },
    Rule { slug: "broad-ports", doc: include_str!("broad-ports/doc.md"), check: broad_ports::check },
    Rule {
        slug: "client-chosen-upstream",
        doc: include_str!("client-chosen-upstream/doc.md"),
        check: client_chosen_upstream::check,
    },
    Rule {
        slug: "effective-difference",
        doc: include_str!("effective-difference/doc.md"),
        check: effective_difference::check,
    },
    Rule { slug: "local-upstream", doc: include_str!("local-upstream/doc.md"), check: local_upstream::check },
    Rule { slug: "partial-flow", doc: include_str!("partial-flow/doc.md"), check: partial_flow::check },
    Rule { slug: "stale-reference", doc: include_str!("stale-reference/doc.md"), check: stale_reference::check },
    Rule { slug: "undecided-flow", doc: include_str!("undecided-flow/doc.md"), check: undecided_flow::check },
    Rule { slug: "unknown-address", doc: include_str!("unknown-address/doc.md"), check: unknown_address::check },
    Rule {
        slug: "unresolved-upstream",
        doc: include_str!("unresolved-upstream/doc.md"),
        check: unresolved_upstream::check,
    },
];

/// The rule with this name.
#[must_use]
pub fn find(slug: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.slug == slug)
}

/// Runs every rule; the worst findings come first.
#[must_use]
pub fn run(context: &Context<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| (rule.check)(context)).collect();
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.nginx.first().cloned());
        key(a).cmp(&key(b)).then_with(|| a.rule.cmp(&b.rule)).then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
    findings
}
