//! Rules of firewall policies.

use reachlint_model::{Hop, HopKind, Identity, ListId, Packet, Prefix, Remedy, RuleId, Side};

use super::firewall::{Ends, admits, joined};
use super::words::{Command, hcl, hcl_list, is_argument, plain, protocol, traffic};
use crate::network::GcpNetwork;

/// A policy as commands name it.
struct Named<'g> {
    name: &'g str,
    /// What commands take: the number of a hierarchical policy, the name of another one.
    id: &'g str,
    level: Level<'g>,
}

enum Level<'g> {
    Hierarchical,
    Global(&'g str),
    Regional(&'g str, &'g str),
}

impl<'g> Named<'g> {
    fn new(gcp: &'g GcpNetwork, list: ListId) -> Option<Self> {
        let subject = gcp.network.list(list)?.name;
        let name = Some(gcp.network.name(subject)).filter(|name| is_argument(name))?;
        let path = gcp.policies.get(&subject)?.as_deref()?;
        let id = path.rsplit('/').next().filter(|id| is_argument(id))?;
        let segment = |kind: &str| crate::records::segment(path, kind).filter(|text| is_argument(text));
        let level = match (segment("projects"), segment("regions")) {
            (None, _) => Level::Hierarchical,
            (Some(project), None) => Level::Global(project),
            (Some(project), Some(region)) => Level::Regional(project, region),
        };
        Some(Self { name, id, level })
    }

    fn command(&self, verb: Verb, priority: u32) -> Command {
        let hierarchical = matches!(self.level, Level::Hierarchical);
        let command = Command::new(match (hierarchical, verb) {
            (true, Verb::Create) => "compute firewall-policies rules create",
            (true, Verb::Delete) => "compute firewall-policies rules delete",
            (false, Verb::Create) => "compute network-firewall-policies rules create",
            (false, Verb::Delete) => "compute network-firewall-policies rules delete",
        });
        let command = command.word(&priority.to_string()).option("--firewall-policy", self.id);
        match self.level {
            Level::Hierarchical => command,
            Level::Global(project) => command.flag("--global-firewall-policy").option("--project", project),
            Level::Regional(project, region) => {
                command.option("--firewall-policy-region", region).option("--project", project)
            }
        }
    }

    fn resource(&self) -> &'static str {
        match self.level {
            Level::Hierarchical => "google_compute_firewall_policy_rule",
            Level::Global(_) => "google_compute_network_firewall_policy_rule",
            Level::Regional(..) => "google_compute_region_network_firewall_policy_rule",
        }
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Create,
    Delete,
}

/// The priority of a rule: reports call it by the policy's name and that.
fn priority(gcp: &GcpNetwork, rule: RuleId) -> Option<u32> {
    gcp.network.name(gcp.network.rule(rule)?.name?).rsplit(' ').next()?.parse().ok()
}

/// The nearest priority before one that no rule of the policy has; each may be there once only.
fn free_before(gcp: &GcpNetwork, list: ListId, priority_of: u32) -> Option<u32> {
    let list = gcp.network.list(list)?;
    let taken: Vec<u32> = list.rules.clone().filter_map(|at| priority(gcp, RuleId(at))).collect();
    (0..priority_of).rev().find(|priority| !taken.contains(priority))
}

/// The addresses of all machines that bear the sender's tag or service account: what a VPC firewall rule would admit by
/// name, which a policy cannot. One rule then serves them all, and each priority is there once only.
fn fellows(gcp: &GcpNetwork, packet: &Packet) -> Option<Vec<Prefix>> {
    const MOST: usize = 32;
    let Identity::Interface(id) = packet.source_identity else { return None };
    let interface = gcp.network.interface(id)?;
    let named = gcp.network.groups(interface).iter().copied().filter(|group| gcp.tags.contains_key(group));
    let group = named.min_by_key(|group| (gcp.network.carriers(*group).len(), gcp.network.name(group.0).to_owned()))?;
    let bearers = gcp.network.carriers(group).filter_map(|id| gcp.network.interface(id));
    let of_family = bearers.filter_map(|bearer| {
        let mut own = gcp.network.addresses(bearer).iter().map(|address| address.private);
        own.find(|address| address.is_ipv4() == packet.source.is_ipv4())
    });
    let mut blocks: Vec<Prefix> = of_family.map(Prefix::host).collect();
    blocks.sort_unstable();
    blocks.dedup();
    (blocks.len() <= MOST && blocks.contains(&Prefix::host(packet.source))).then_some(blocks)
}

/// A rule for one connection that goes before another one.
fn rule(gcp: &GcpNetwork, hop: &Hop, policy: &Named<'_>, priority: u32, action: &str) -> Option<Remedy> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let side = gcp.network.gate(gate)?.side;
    let network = gcp.network_of(Ends::new(&packet, side).near_interface()?)?;
    let Packet { source, destination, .. } = packet;
    let direction = if side == Side::Source { "INGRESS" } else { "EGRESS" };
    let sources = match side {
        Side::Source => fellows(gcp, &packet).unwrap_or_else(|| gcp.senders_around(source, network)),
        Side::Destination => vec![Prefix::host(source)],
    };
    let (from, to) = (joined(&sources), Prefix::host(destination).to_string());
    let what = traffic(packet.protocol, packet.destination_ports);
    let command = policy
        .command(Verb::Create, priority)
        .option("--action", action)
        .option("--direction", direction)
        .option("--src-ip-ranges", &from)
        .option("--dest-ip-ranges", &to)
        .option("--layer4-configs", &what);
    let hierarchical = matches!(policy.level, Level::Hierarchical);
    let command = if hierarchical { command.option("--target-resources", network) } else { command };
    let scope = match policy.level {
        Level::Hierarchical => format!("\n  target_resources = {}", hcl_list(&[network.to_owned()])),
        Level::Global(project) => format!("\n  project          = {}", hcl(project)),
        Level::Regional(project, region) => {
            format!("\n  project          = {}\n  region           = {}", hcl(project), hcl(region))
        }
    };
    let from_list: Vec<String> = from.split(',').map(str::to_owned).collect();
    let ports = packet.destination_ports.to_string();
    let terraform = format!(
        "resource \"{}\" \"reachlint_{}_{priority}\" {{\n  firewall_policy  = {}{scope}\n  priority         = {priority}\n  \
         direction        = \"{direction}\"\n  action           = \"{action}\"\n\n  match {{\n    src_ip_ranges  = {}\n    \
         dest_ip_ranges = {}\n\n    layer4_configs {{\n      ip_protocol = {}\n      ports       = {}\n    }}\n  }}\n}}",
        policy.resource(),
        policy.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>(),
        hcl(policy.id),
        hcl_list(&from_list),
        hcl_list(std::slice::from_ref(&to)),
        hcl(&protocol(packet.protocol)),
        hcl_list(std::slice::from_ref(&ports)),
    );
    let console = format!(
        "Network security > Firewall policies > {} > Create firewall rule: priority {priority}, {}, {}, source {from}, \
         destination {to}, {what}.",
        plain(policy.name),
        direction.to_lowercase(),
        action.replace('_', " "),
    );
    Some(Remedy { cli: command.text(), terraform, console })
}

/// Hands a connection that the policy refuses on to the next level, which decides.
pub(super) fn open(gcp: &GcpNetwork, hop: &Hop, (list, refusing): (ListId, RuleId)) -> Option<Remedy> {
    let policy = Named::new(gcp, list)?;
    let priority = free_before(gcp, list, priority(gcp, refusing)?)?;
    rule(gcp, hop, &policy, priority, "goto_next")
}

/// Replaces a rule by what the packet needs; it is left out where another rule lets the packet in anyway.
pub(super) fn narrow(gcp: &GcpNetwork, hop: &Hop, (list, wide): (ListId, RuleId)) -> Option<Remedy> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let gate = gcp.network.gate(gate)?;
    let policy = Named::new(gcp, list)?;
    let number = priority(gcp, wide)?;
    let ends = Ends::new(&packet, gate.side);
    let own = gcp.network.lists(gate).flat_map(|(_, list)| gcp.network.rules(list));
    let first = own.into_iter().find(|rule| admits(gcp, rule, &packet, &ends));
    let needed = first.is_some_and(|first| first.name == gcp.network.rule(wide).and_then(|rule| rule.name));
    let delete = policy.command(Verb::Delete, number).text();
    let removal = format!(
        "Network security > Firewall policies > {}: delete the rule of priority {number}. Whatever else comes in by that rule \
         is cut then, so see first who uses it.",
        plain(policy.name)
    );
    if !needed {
        return Some(Remedy {
            cli: delete,
            terraform: format!("# Remove the rule {number} of {}.", plain(policy.name)),
            console: format!("{removal} The connection of nginx does not need it."),
        });
    }
    let new = rule(gcp, hop, &policy, free_before(gcp, list, number)?, "allow")?;
    Some(Remedy {
        cli: format!("{}\n{delete}", new.cli),
        terraform: format!(
            "{}\n\n# Once that is applied, remove the rule {number} of {}.",
            new.terraform,
            plain(policy.name)
        ),
        console: format!("{}\nThen: {removal}", new.console),
    })
}
