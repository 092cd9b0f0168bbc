//! What is not understood: said in the evidence, and left unknown where it can decide.

use std::collections::BTreeMap;

use reachlint_aws::network::Part;

use super::Overlay;
use crate::change::Change;
use crate::values::Why;

/// What a change of a type can decide.
enum Matters {
    /// The thing whose id stands in these attributes.
    Thing(&'static [&'static str]),
    /// Every thing that it names.
    Everything,
    /// A part of the network.
    Part(Part),
    /// Something that has no place in the evidence, or whose paths end in unknown anyway.
    Elsewhere(&'static str),
}

const COMES_AND_GOES: &str = "the machines that it starts and stops are not in a plan";

/// Types by how their names begin, the first that fits.
const TYPES: [(&str, Matters); 37] = [
    ("aws_nat_gateway", Matters::Thing(&["id"])),
    ("aws_egress_only_internet_gateway", Matters::Thing(&["id"])),
    ("aws_internet_gateway", Matters::Part(Part::Internet)),
    ("aws_eip", Matters::Part(Part::Internet)),
    ("aws_vpc_block_public_access_", Matters::Part(Part::Internet)),
    ("aws_lb", Matters::Part(Part::Balancing)),
    ("aws_alb", Matters::Part(Part::Balancing)),
    ("aws_elb", Matters::Part(Part::Balancing)),
    ("aws_ec2_transit_gateway", Matters::Part(Part::Transit)),
    ("aws_vpc_endpoint", Matters::Thing(&["id", "vpc_endpoint_id", "network_interface_ids"])),
    ("aws_ec2_instance_state", Matters::Thing(&["instance_id"])),
    ("aws_network_interface_attachment", Matters::Thing(&["network_interface_id"])),
    ("aws_network_interface_permission", Matters::Elsewhere("it decides about no connection")),
    ("aws_vpc_peering_connection_options", Matters::Thing(&["vpc_peering_connection_id"])),
    ("aws_vpc_security_group_vpc_association", Matters::Thing(&["security_group_id"])),
    ("aws_vpc_ipv4_cidr_block_association", Matters::Elsewhere("blocks of a VPC are not laid over")),
    ("aws_vpc_ipv6_cidr_block_association", Matters::Elsewhere("blocks of a VPC are not laid over")),
    ("aws_vpc_dhcp_options", Matters::Elsewhere("how names are resolved is not laid over")),
    ("aws_vpc_endpoint_route_table_association", Matters::Thing(&["route_table_id"])),
    ("aws_vpn_gateway_route_propagation", Matters::Thing(&["route_table_id"])),
    ("aws_vpc", Matters::Thing(&["id"])),
    ("aws_default_vpc", Matters::Thing(&["id"])),
    ("aws_default_subnet", Matters::Thing(&["id"])),
    ("aws_spot_instance_request", Matters::Elsewhere(COMES_AND_GOES)),
    ("aws_networkfirewall_", Matters::Elsewhere("what a firewall passes is not modelled")),
    ("aws_networkmanager_", Matters::Elsewhere("what Cloud WAN passes is not modelled")),
    ("aws_vpn_", Matters::Elsewhere("what a VPN passes is not modelled")),
    ("aws_dx_", Matters::Elsewhere("what Direct Connect passes is not modelled")),
    ("aws_route53_", Matters::Elsewhere("names are resolved as they are now")),
    ("aws_service_discovery_", Matters::Elsewhere("names are resolved as they are now")),
    ("aws_autoscaling_", Matters::Elsewhere(COMES_AND_GOES)),
    ("aws_launch_", Matters::Elsewhere(COMES_AND_GOES)),
    ("aws_ecs_", Matters::Elsewhere(COMES_AND_GOES)),
    ("aws_eks_", Matters::Elsewhere(COMES_AND_GOES)),
    ("aws_db_", Matters::Elsewhere("interfaces of managed services are not in a plan")),
    ("aws_rds_", Matters::Elsewhere("interfaces of managed services are not in a plan")),
    ("aws_elasticache_", Matters::Elsewhere("interfaces of managed services are not in a plan")),
];

/// Attributes by which something new has to do with what is there.
const JOINTS: [&str; 9] = [
    "load_balancer_arn",
    "listener_arn",
    "target_group_arn",
    "transit_gateway_id",
    "transit_gateway_route_table_id",
    "internet_gateway_id",
    "instance",
    "instance_id",
    "network_interface_id",
];

/// Whether something is new and joined to nothing that is there already: without a route or a listener that leads to
/// it, it decides nothing. The switches of a whole account are joined to everything.
fn is_apart(change: &Change) -> bool {
    let only_new = change.actions.create && !change.actions.delete && !change.actions.update && !change.actions.odd;
    let joined = JOINTS.iter().any(|name| !matches!(change.after().get(name).text(), Ok(None) | Err(Why::Later)));
    only_new && !joined && !change.kind.starts_with("aws_vpc_block_public_access_")
}

impl<'p> Overlay<'p, '_> {
    /// Says what is not laid over, and doubts what it can decide.
    pub(super) fn others(&mut self, rest: &[&'p Change], foreign: &[&'p Change]) {
        let mut harmless: BTreeMap<&str, usize> = BTreeMap::new();
        for change in rest {
            // The longest beginning says most.
            let known = TYPES.iter().filter(|(start, _)| change.kind.starts_with(start));
            match known.max_by_key(|(start, _)| start.len()) {
                Some((_, matters)) => self.unread(change, matters),
                // A known type of which something is planned that this version does not know.
                None if super::rank(&change.kind).is_some() => self.unread(change, &Matters::Everything),
                None => *harmless.entry(change.kind.as_str()).or_default() += 1,
            }
        }
        for change in foreign {
            if change.kind.starts_with("aws_") {
                self.unread(change, &Matters::Everything);
            } else {
                *harmless.entry(change.kind.as_str()).or_default() += 1;
            }
        }
        if !harmless.is_empty() {
            let kinds: Vec<String> = harmless.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
            self.notes.push(format!("changes that touch no network: {}", kinds.join(", ")));
        }
        for address in &self.plan.deferred {
            self.notes.push(format!("not read: `{address}` is put off to a later plan"));
        }
        if !self.plan.complete {
            self.notes
                .push("not read: Terraform says that this plan is not complete and another one has to follow".into());
        }
    }

    fn unread(&mut self, change: &'p Change, matters: &Matters) {
        let (address, word) = (&change.address, change.actions.word());
        let why = format!("`{address}` changes by the plan ({word}), which is not laid over the evidence");
        match matters {
            Matters::Thing(names) => {
                for side in [change.before(), change.after()] {
                    for name in *names {
                        let field = side.get(name);
                        let listed = field.texts().unwrap_or_default();
                        for id in field.text().ok().flatten().into_iter().chain(listed) {
                            self.estate.doubt(id, &why);
                        }
                    }
                }
                // Routes lead to what is to be created by its address.
                self.estate.doubt(address, &why);
                self.note(change, "what it decides is unknown");
            }
            Matters::Everything => {
                for id in change.before().mentioned().into_iter().chain(change.after().mentioned()) {
                    self.estate.doubt(id, &why);
                }
                self.estate.doubt(address, &why);
                self.note(change, "what it decides is unknown");
            }
            Matters::Part(_) if is_apart(change) => {
                self.note(change, "it is new, and nothing in the evidence leads to it");
            }
            Matters::Part(part) => {
                self.estate.doubt_part(*part, &why);
                self.note(change, "what it decides is unknown");
            }
            Matters::Elsewhere(what) => self.note(change, what),
        }
    }
}
