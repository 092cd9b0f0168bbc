//! Which security admin rules are in force where.

use reachlint_model::{ReasonCode, ReasonId};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::compile::{Compiler, named};
use super::filters::Filter;
use super::words::READ_ADMIN;
use crate::records::resources::Subnet;
use crate::records::rule::{Access, FilterRule};

/// Subnets of services that admin rules are not applied to (Virtual Network Manager, security admin rules,
/// nonapplication of security admin rules).
const EXEMPT: [&str; 5] = [
    "gatewaysubnet",
    "azurebastionsubnet",
    "azurefirewallsubnet",
    "azurefirewallmanagementsubnet",
    "routeserversubnet",
];

/// Services whose networks admin rules are by default not applied to (the same page, network intent policies).
const INTENT: [&str; 2] = ["microsoft.sql/managedinstances", "microsoft.databricks/workspaces"];

/// Security admin rules by virtual network.
#[derive(Debug, Default)]
pub(super) struct Admins {
    rules: HashMap<String, Vec<FilterRule>>,
    /// Networks with a page of rules missing.
    cut: HashSet<String>,
    /// Networks with rules of several managers.
    several: HashSet<String>,
    /// Networks with a service that keeps rules off.
    intent: HashSet<String>,
}

impl Admins {
    pub(super) fn new(compiler: &mut Compiler) -> Self {
        let mut admins = Self::default();
        let mut pages: HashMap<String, (usize, usize)> = HashMap::default();
        let mut managers: HashMap<String, HashSet<String>> = HashMap::default();
        for (about, found) in &compiler.estate.admin {
            let Some(vnet) = named(&compiler.estate.vnets, about) else { continue };
            let known = admins.rules.entry(vnet.clone()).or_default();
            known.extend(found.rules.iter().map(|rule| rule.rule.clone()));
            managers
                .entry(vnet.clone())
                .or_default()
                .extend(found.rules.iter().filter_map(|rule| rule.manager.clone()));
            let (more, last) = pages.entry(vnet.clone()).or_default();
            *(if found.more { more } else { last }) += 1;
        }
        // What is in force on a network interface has the admin rules of its network too.
        for (about, groups) in &compiler.estate.effective_groups {
            let nic = named(&compiler.estate.nics, about).and_then(|nic| compiler.estate.nics.get(nic));
            let subnet = nic.and_then(|(_, nic)| nic.ipconfigurations.iter().find_map(|own| own.subnet.as_ref()));
            let Some(subnet) = subnet else { continue };
            let lower = subnet.id.to_ascii_lowercase();
            let Some((vnet, _)) = lower.split_once("/subnets/") else { continue };
            let found: Vec<FilterRule> =
                groups.iter().filter(|group| group.group.is_none()).flat_map(|group| group.rules.clone()).collect();
            if !found.is_empty() && !admins.rules.contains_key(vnet) {
                admins.rules.insert(vnet.to_owned(), found);
            }
        }
        admins.cut =
            pages.into_iter().filter(|(_, (more, last))| *more > 0 && *last == 0).map(|(vnet, _)| vnet).collect();
        admins.several = managers.into_iter().filter(|(_, all)| all.len() > 1).map(|(vnet, _)| vnet).collect();
        for (id, subnet) in compiler.estate.subnets.values() {
            if subnet.delegations.iter().any(|one| INTENT.contains(&&*one.servicename.to_ascii_lowercase())) {
                admins.intent.insert(id.outer(1));
            }
        }
        admins
    }

    /// The admin rules of a subnet in a place.
    pub(super) fn filter(&self, compiler: &mut Compiler, vnet: &str, subnet: &Subnet, place: usize) -> Option<Filter> {
        let gateway = !subnet.applicationgatewayipconfigurations.is_empty()
            || subnet
                .delegations
                .iter()
                .any(|one| one.servicename.eq_ignore_ascii_case("Microsoft.Network/applicationGateways"));
        if gateway || EXEMPT.contains(&&*subnet.name.to_ascii_lowercase()) {
            return None;
        }
        let name = compiler.name(vnet);
        let cached = (format!("admin rules of {vnet}"), place);
        if let Some(known) = compiler.filters.get(&cached) {
            return Some(*known);
        }
        let unread = match self.rules.get(vnet) {
            Some(_) if !self.cut.contains(vnet) => None,
            Some(_) => Some(Self::missing(compiler, "the last page of the security admin rules on", vnet)),
            None => Some(Self::missing(compiler, "whether security admin rules are in force on", vnet)),
        };
        let mut rules = self.rules.get(vnet).cloned().unwrap_or_default();
        let mut doubt = None;
        if self.several.contains(vnet) {
            let text = "rules of several network managers are in force, and which manager's go first is not in the \
                        evidence";
            doubt = Some(compiler.reason(ReasonCode::NotModelled, text, None));
        }
        if self.intent.contains(vnet) {
            // A configuration may be set to apply the rules that allow all the same.
            rules.retain(|rule| rule.access != Access::Deny);
            let text = "the network holds a service that keeps security admin rules off, unless the configuration \
                        applies those that allow";
            doubt = Some(compiler.reason(ReasonCode::NotModelled, text, None));
        }
        let filter = compiler.admin(name, &rules, unread, doubt, place)?;
        compiler.filters.insert(cached, filter);
        Some(filter)
    }

    fn missing(compiler: &mut Compiler, what: &str, vnet: &str) -> ReasonId {
        let name = compiler.name(vnet);
        let short = compiler.text(name);
        let failed = compiler.estate.failure(READ_ADMIN, Some(vnet)).map(|failure| failure.error.clone());
        let text = match failed {
            Some(error) => format!("{what} {short} is not known: the call failed with {error}"),
            None => format!(
                "{what} {short} is not in the evidence; `az network manager list-effective-security-admin-rule` tells"
            ),
        };
        compiler.reason(ReasonCode::NotRead, &text, Some(READ_ADMIN))
    }
}
