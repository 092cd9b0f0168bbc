//! VPC firewall rules.

use std::net::IpAddr;

use reachlint_model::{
    AddressSet, Group, Hop, HopKind, Identity, Interface, InterfaceId, ListId, Packet, Peer, PortRange, Prefix,
    Protocol, Remedy, Rule, RuleId, Side,
};

use super::words::{Command, hcl, hcl_list, is_argument, plain, protocol, resource_name, traffic};
use crate::network::{GcpNetwork, Named};

/// Priority of a rule that nothing has to be outranked for (VPC firewall rules, priority).
const DEFAULT_PRIORITY: u32 = 1000;

/// Both ends of a packet as a gate sees them: the near one is filtered, the far one is what rules name.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    near: Identity,
    far: Identity,
    near_address: IpAddr,
    pub(super) far_address: IpAddr,
}

impl Ends {
    pub(super) fn new(packet: &Packet, side: Side) -> Self {
        match side {
            Side::Source => Self {
                near: packet.destination_identity,
                far: packet.source_identity,
                near_address: packet.destination,
                far_address: packet.source,
            },
            Side::Destination => Self {
                near: packet.source_identity,
                far: packet.destination_identity,
                near_address: packet.source,
                far_address: packet.destination,
            },
        }
    }

    pub(super) fn near_interface(&self) -> Option<InterfaceId> {
        match self.near {
            Identity::Interface(id) => Some(id),
            Identity::Nobody | Identity::Hidden | Identity::Unknown(_) => None,
        }
    }
}

/// Whom a new rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Tag(String, usize),
    Account(String, usize),
    /// Every machine, narrowed by the address.
    Address(Prefix),
}

/// Who is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Far {
    Tag(String, usize),
    Account(String, usize),
    Blocks(Vec<Prefix>),
}

/// A new rule, for exactly one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opening {
    project: String,
    network: String,
    egress: bool,
    priority: u32,
    protocol: Protocol,
    ports: PortRange,
    far: Far,
    target: Target,
}

/// Project and name of a network's path.
fn project_and_name(path: &str) -> Option<(&str, &str)> {
    Some((crate::records::segment(path, "projects")?, crate::records::last(path)))
}

fn text(gcp: &GcpNetwork, name: reachlint_model::NameId) -> Option<&str> {
    Some(gcp.network.name(name)).filter(|text| is_argument(text))
}

/// The tag, or else the service account, that fewest machines bear, with how many others do.
fn choose(gcp: &GcpNetwork, interface: &Interface, wanted: impl Fn(&Named) -> bool) -> Option<(Named, usize)> {
    let groups = gcp.network.groups(interface).iter();
    let named = groups.filter_map(|group: &Group| Some((gcp.tags.get(group)?, gcp.network.carriers(*group).len())));
    let usable = named.filter(|(named, _)| {
        let (Named::Tag(text) | Named::Account(text)) = named;
        is_argument(text) && wanted(named)
    });
    let best =
        usable.min_by_key(|(named, carriers)| (matches!(named, Named::Account(_)), *carriers, format!("{named:?}")));
    best.map(|(named, carriers)| (named.clone(), carriers.saturating_sub(1)))
}

fn opening(gcp: &GcpNetwork, packet: &Packet, side: Side, priority: u32) -> Option<Opening> {
    let ends = Ends::new(packet, side);
    let near = gcp.network.interface(ends.near_interface()?)?;
    let path = gcp.network_of(ends.near_interface()?)?;
    let (project, network) = project_and_name(path)?;
    let target = match choose(gcp, near, |_| true) {
        Some((Named::Tag(tag), others)) => Target::Tag(tag, others),
        Some((Named::Account(email), others)) => Target::Account(email, others),
        None => Target::Address(Prefix::host(ends.near_address)),
    };
    Some(Opening {
        far: far(gcp, &ends, path, side, &target),
        project: Some(project).filter(|text| is_argument(text))?.to_owned(),
        network: Some(network).filter(|text| is_argument(text))?.to_owned(),
        egress: side == Side::Destination,
        priority,
        protocol: packet.protocol,
        ports: packet.destination_ports,
        target,
    })
}

/// The far end as narrow as it can be named. Tags and service accounts hold within a network, for the primary address, and
/// one rule never mixes both (VPC firewall rules, source filtering).
fn far(gcp: &GcpNetwork, ends: &Ends, network: &str, side: Side, target: &Target) -> Far {
    let blocks = Far::Blocks(gcp.senders_around(ends.far_address, network));
    let Identity::Interface(id) = ends.far else { return blocks };
    let is_here = gcp.network_of(id) == Some(network);
    let (true, Some(interface)) = (side == Side::Source && is_here, gcp.network.interface(id)) else { return blocks };
    let by_account = matches!(target, Target::Account(..));
    match choose(gcp, interface, |named| matches!(named, Named::Account(_)) == by_account) {
        Some((Named::Tag(tag), others)) => Far::Tag(tag, others),
        Some((Named::Account(email), others)) => Far::Account(email, others),
        None => blocks,
    }
}

/// Lets the packet through: a rule that goes before the one that refuses it.
pub(super) fn open(gcp: &GcpNetwork, hop: &Hop, by: Option<(ListId, RuleId)>) -> Option<Remedy> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let side = gcp.network.gate(gate)?.side;
    let priority = match by.and_then(|(_, rule)| gcp.network.rule(rule)?.name) {
        Some(name) => {
            let path = gcp.network_of(Ends::new(&packet, side).near_interface()?)?;
            let (project, _) = project_and_name(path)?;
            // Of equal ones the rule that denies wins, and nothing goes before priority 0.
            gcp.rules.get(&format!("{project} {}", gcp.network.name(name)))?.priority.checked_sub(1)?
        }
        None => DEFAULT_PRIORITY,
    };
    Some(opening(gcp, &packet, side, priority)?.remedy())
}

/// Lets the probes of a load balancer in.
pub(super) fn probes(gcp: &GcpNetwork, hop: &Hop) -> Option<Remedy> {
    let found = gcp.probed(hop.subject)?;
    let near = gcp.network.interface(found.interface)?;
    let (project, network) = project_and_name(gcp.network_of(found.interface)?)?;
    let target = match choose(gcp, near, |_| true) {
        Some((Named::Tag(tag), others)) => Target::Tag(tag, others),
        Some((Named::Account(email), others)) => Target::Account(email, others),
        None => return None,
    };
    let opening = Opening {
        project: project.to_owned(),
        network: network.to_owned(),
        egress: false,
        priority: DEFAULT_PRIORITY,
        protocol: Protocol::TCP,
        ports: PortRange::single(found.port),
        far: Far::Blocks(found.sources),
        target,
    };
    Some(opening.remedy())
}

/// Replaces a rule by what the packet needs. The narrow rule comes before the wide one goes, so that live traffic is never
/// cut, and it is left out where another rule lets the packet in anyway.
pub(super) fn narrow(gcp: &GcpNetwork, hop: &Hop, (list, rule): (ListId, RuleId)) -> Option<Remedy> {
    let HopKind::Gate { gate, packet } = hop.kind else { return None };
    let gate = gcp.network.gate(gate)?;
    let old = gcp.network.rule(rule)?;
    let name = text(gcp, old.name?)?;
    let path = gcp.network_paths.get(&gcp.network.list(list)?.name)?;
    let (project, _) = project_and_name(path)?;
    let priority = gcp.rules.get(&format!("{project} {name}"))?.priority;
    let ends = Ends::new(&packet, gate.side);
    let own = gcp.network.lists(gate).flat_map(|(_, list)| gcp.network.rules(list));
    let first = own.into_iter().find(|rule| admits(gcp, rule, &packet, &ends));
    let needed = first.is_some_and(|first| first.name == old.name);
    let new = if needed { Some(opening(gcp, &packet, gate.side, priority)?) } else { None };
    // A rule by tag may let more in than a block did; the address is never wider.
    let new = new.map(|new| Opening { far: Far::Blocks(vec![Prefix::host(ends.far_address)]), ..new });
    let delete = Command::new("compute firewall-rules delete").word(name).option("--project", project).text();
    let removal = format!(
        "In project {}: VPC network > Firewall > {}: delete it. Whatever else comes in by that rule is cut then, so see \
         first who uses it.",
        plain(project),
        plain(name)
    );
    Some(match new {
        Some(new) => {
            let first = new.remedy();
            Remedy {
                cli: format!("{}\n{delete}", first.cli),
                terraform: format!("{}\n\n# Once that is applied, remove the rule {}.", first.terraform, plain(name)),
                console: format!("{}\nThen: {removal}", first.console),
            }
        }
        None => Remedy {
            cli: delete,
            terraform: format!("# Remove the rule {}.", plain(name)),
            console: format!("{removal} The connection of nginx does not need it."),
        },
    })
}

/// Whether a rule certainly lets a packet through.
pub(super) fn admits(gcp: &GcpNetwork, rule: &Rule, packet: &Packet, ends: &Ends) -> bool {
    let narrow = rule.narrow.and_then(|id| gcp.network.narrow(id));
    let applies = narrow.is_none_or(|narrow| {
        narrow.maybe.is_none() && narrow.near.as_ref().is_none_or(|near| near.contains(ends.near_address))
    });
    applies
        && matches!(rule.action, reachlint_model::Action::Accept)
        && rule.protocol.contains(packet.protocol)
        && rule.ports.contains(packet.destination_ports.first())
        && match rule.peer {
            Peer::Any => true,
            Peer::V4 { base, length } => Prefix::new(std::net::Ipv4Addr::from_bits(base).into(), length)
                .is_some_and(|block| block.contains(ends.far_address)),
            Peer::V6(id) => gcp.network.prefix(id).is_some_and(|block| block.contains(ends.far_address)),
            Peer::Set(id) => gcp.network.set(id).is_some_and(|set: &AddressSet| set.contains(ends.far_address)),
            Peer::Group(group) => match ends.far {
                Identity::Interface(id) => gcp.network.carries(id, group),
                _ => false,
            },
            Peer::Gone | Peer::Unknown(_) => false,
        }
}

/// Blocks of one family as gcloud takes them.
pub(super) fn joined(blocks: &[Prefix]) -> String {
    let family = blocks.first().map(|block| block.family());
    let of = blocks.iter().filter(|block| Some(block.family()) == family);
    of.map(Prefix::to_string).collect::<Vec<_>>().join(",")
}

fn listed(blocks: &[Prefix]) -> Vec<String> {
    joined(blocks).split(',').map(str::to_owned).collect()
}

fn others(count: usize) -> String {
    format!("{count} other machine{}", if count == 1 { "" } else { "s" })
}

impl Opening {
    fn remedy(&self) -> Remedy {
        Remedy { cli: self.cli(), terraform: self.terraform(), console: self.console() }
    }

    fn name(&self) -> String {
        let far = match &self.far {
            Far::Tag(tag, _) => tag.clone(),
            Far::Account(email, _) => email.split('@').next().unwrap_or_default().to_owned(),
            Far::Blocks(blocks) => blocks.first().map(Prefix::to_string).unwrap_or_default(),
        };
        let target = match &self.target {
            Target::Tag(tag, _) => tag.clone(),
            Target::Account(email, _) => email.split('@').next().unwrap_or_default().to_owned(),
            Target::Address(block) => block.first().to_string(),
        };
        let (from, to) = if self.egress { (&target, &far) } else { (&far, &target) };
        resource_name(&[&protocol(self.protocol), &self.ports.to_string(), from, "to", to])
    }

    fn cli(&self) -> String {
        let direction = if self.egress { "EGRESS" } else { "INGRESS" };
        let command = Command::new("compute firewall-rules create")
            .word(&self.name())
            .option("--network", &self.network)
            .option("--direction", direction)
            .option("--priority", &self.priority.to_string())
            .option("--allow", &traffic(self.protocol, self.ports));
        let command = match &self.far {
            Far::Tag(tag, _) => command.option("--source-tags", tag),
            Far::Account(email, _) => command.option("--source-service-accounts", email),
            Far::Blocks(blocks) if self.egress => command.option("--destination-ranges", &joined(blocks)),
            Far::Blocks(blocks) => command.option("--source-ranges", &joined(blocks)),
        };
        let command = match &self.target {
            Target::Tag(tag, _) => command.option("--target-tags", tag),
            Target::Account(email, _) => command.option("--target-service-accounts", email),
            Target::Address(block) if self.egress => command.option("--source-ranges", &block.to_string()),
            Target::Address(block) => command.option("--destination-ranges", &block.to_string()),
        };
        command.option("--project", &self.project).text()
    }

    fn terraform(&self) -> String {
        let name = self.name();
        let one = |text: &str| hcl_list(&[text.to_owned()]);
        let (ours, theirs) =
            if self.egress { ("source_ranges", "destination_ranges") } else { ("destination_ranges", "source_ranges") };
        let far = match &self.far {
            Far::Tag(tag, _) => ("source_tags", one(tag)),
            Far::Account(email, _) => ("source_service_accounts", one(email)),
            Far::Blocks(blocks) => (theirs, hcl_list(&listed(blocks))),
        };
        let target = match &self.target {
            Target::Tag(tag, _) => ("target_tags", one(tag)),
            Target::Account(email, _) => ("target_service_accounts", one(email)),
            Target::Address(block) => (ours, one(&block.to_string())),
        };
        let direction = if self.egress { "EGRESS" } else { "INGRESS" };
        let arguments = [
            ("name", hcl(&name)),
            ("project", hcl(&self.project)),
            ("network", hcl(&self.network)),
            ("direction", hcl(direction)),
            ("priority", self.priority.to_string()),
            far,
            target,
        ];
        let width = arguments.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        let lines: Vec<String> = arguments.iter().map(|(key, value)| format!("  {key:width$} = {value}")).collect();
        let ports = match self.protocol {
            Protocol::TCP | Protocol::UDP => format!("\n    ports    = {}", one(&self.ports.to_string())),
            _ => String::new(),
        };
        format!(
            "resource \"google_compute_firewall\" \"{}\" {{\n{}\n\n  allow {{\n    protocol = {}{ports}\n  }}\n}}",
            name.replace('-', "_"),
            lines.join("\n"),
            hcl(&protocol(self.protocol))
        )
    }

    fn console(&self) -> String {
        let far = match &self.far {
            Far::Tag(tag, _) => format!("source tag {}", plain(tag)),
            Far::Account(email, _) => format!("source service account {}", plain(email)),
            Far::Blocks(blocks) if self.egress => format!("destination {}", joined(blocks)),
            Far::Blocks(blocks) => format!("source {}", joined(blocks)),
        };
        let target = match &self.target {
            Target::Tag(tag, _) => format!("target tag {}", plain(tag)),
            Target::Account(email, _) => format!("target service account {}", plain(email)),
            Target::Address(block) if self.egress => format!("all instances, source {block}"),
            Target::Address(block) => format!("all instances, destination {block}"),
        };
        let mut reach = String::new();
        if let Target::Tag(_, count @ 1..) | Target::Account(_, count @ 1..) = &self.target {
            reach = format!(" It holds for {} too.", others(*count));
        }
        if let Far::Tag(_, count @ 1..) | Far::Account(_, count @ 1..) = &self.far {
            reach = format!("{reach} It admits {} too.", others(*count));
        }
        format!(
            "In project {}: VPC network > Firewall > Create firewall rule: network {}, {}, priority {}, allow {}, {far}, \
             {target}.{reach}",
            plain(&self.project),
            plain(&self.network),
            if self.egress { "egress" } else { "ingress" },
            self.priority,
            traffic(self.protocol, self.ports)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_holds_blocks_of_one_family() {
        let blocks = ["35.191.0.0/16", "130.211.0.0/22", "2600:2d00:1:b029::/64"];
        let blocks: Vec<Prefix> = blocks.iter().map(|block| block.parse().unwrap()).collect();
        assert_eq!(joined(&blocks), "35.191.0.0/16,130.211.0.0/22");
    }
}
