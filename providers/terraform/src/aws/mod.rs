//! Changes of AWS resources, laid over an estate.
//!
//! Everything that goes away goes first, then comes what is new: an apply that succeeds has no other order, since AWS
//! refuses a second rule, route or entry that says the same.

mod acls;
mod groups;
mod instances;
mod interfaces;
mod lists;
mod others;
mod peerings;
mod rules;
mod tables;

use std::collections::{HashMap, HashSet};

use reachlint_aws::network::{Estate, Grant};
use reachlint_aws::records::SecurityGroupRule;

use crate::change::Change;
use crate::document::Plan;
use crate::references;
use crate::values::{Field, Object, Why};

/// The AWS provider behind the host of a registry: Terraform's, `OpenTofu`'s, or one that mirrors them.
const PROVIDER: &str = "hashicorp/aws";

/// Whether a provider, `registry.terraform.io/hashicorp/aws`, is the AWS provider.
fn is_aws(provider: &str) -> bool {
    provider.split_once('/').is_some_and(|(_, name)| name == PROVIDER)
}

/// Types whose id a security group's is.
const GROUPS: &[&str] = &["aws_security_group", "aws_default_security_group"];
const LISTS: &[&str] = &["aws_ec2_managed_prefix_list"];
const SUBNETS: &[&str] = &["aws_subnet", "aws_default_subnet"];
const VPCS: &[&str] = &["aws_vpc", "aws_default_vpc"];
const INTERFACES: &[&str] = &["aws_network_interface"];

/// A plan on its way into an estate.
struct Overlay<'p, 'e> {
    plan: &'p Plan,
    estate: &'e mut Estate,
    notes: Vec<String>,
    /// Addresses of changes that are not laid over, or not as a whole.
    unlaid: HashSet<&'p str>,
    revoked: Vec<SecurityGroupRule<'static>>,
    granted: Vec<Grant>,
    /// Groups, ACLs and route tables that list what they hold in themselves, by id and the attribute that does.
    inline: HashMap<(String, &'static str), &'p str>,
}

/// Lays a plan over an estate.
pub(crate) fn lay_over(plan: &Plan, estate: &mut Estate) -> Result<Vec<String>, String> {
    let mut overlay = Overlay {
        plan,
        estate,
        notes: Vec::new(),
        unlaid: HashSet::new(),
        revoked: Vec::new(),
        granted: Vec::new(),
        inline: HashMap::new(),
    };
    overlay.inline = overlay.find_inline();
    let (ours, foreign): (Vec<&Change>, Vec<&Change>) = plan
        .changes
        .iter()
        .filter(|change| change.managed && change.actions.any() && !change.is_tags_only())
        .partition(|change| is_aws(&change.provider));
    let (mut known, rest): (Vec<&Change>, Vec<&Change>) =
        ours.into_iter().partition(|change| !change.actions.odd && rank(&change.kind).is_some());
    // What others refer to comes into being first, and goes away last.
    known.sort_by_key(|change| rank(&change.kind));
    for change in known.iter().rev().filter(|change| change.actions.delete || change.actions.update) {
        overlay.remove(change);
    }
    for change in known.iter().filter(|change| (change.actions.create || change.actions.update) && !change.deposed) {
        overlay.add(change).map_err(|why| format!("`{}`: {why}", change.address))?;
    }
    let (revoked, granted) = (std::mem::take(&mut overlay.revoked), std::mem::take(&mut overlay.granted));
    for change in plan.current().filter(|change| change.managed && change.is_new()) {
        overlay.estate.placeholder(&change.address);
    }
    for grant in granted.iter().filter(|grant| !grant.rule.security_group_rule_id.starts_with("sgr-")) {
        overlay.estate.placeholder(&grant.rule.security_group_rule_id);
    }
    let revoked: Vec<SecurityGroupRule<'static>> =
        revoked.into_iter().filter(|rule| overlay.estate.has_group(&rule.group_id)).collect();
    let missing = overlay.estate.amend_rules(&revoked, &granted)?;
    if missing > 0 {
        overlay.notes.push(format!(
            "not read: {missing} of the rules that the plan takes away are not in the evidence; was it taken at another time?"
        ));
    }
    let mut laid: Vec<&Change> = known;
    laid.sort_by(|a, b| a.address.cmp(&b.address));
    let laid = laid.iter().filter(|change| !overlay.unlaid.contains(change.address.as_str())).map(|change| {
        let deposed = if change.deposed { ", a deposed object" } else { "" };
        format!("laid over: `{}` ({}{deposed})", change.address, change.actions.word())
    });
    let laid: Vec<String> = laid.collect();
    overlay.notes.extend(laid);
    overlay.others(&rest, &foreign);
    Ok(overlay.notes)
}

/// The place of a type in the order of creation; none for types that are not understood.
fn rank(kind: &str) -> Option<u8> {
    Some(match kind {
        "aws_subnet" => 0,
        "aws_security_group" | "aws_default_security_group" | "aws_ec2_managed_prefix_list" => 1,
        "aws_security_group_rule"
        | "aws_vpc_security_group_ingress_rule"
        | "aws_vpc_security_group_egress_rule"
        | "aws_ec2_managed_prefix_list_entry" => 2,
        "aws_network_acl" | "aws_default_network_acl" => 3,
        "aws_network_acl_rule" | "aws_network_acl_association" => 4,
        "aws_vpc_peering_connection" => 5,
        "aws_vpc_peering_connection_accepter" => 6,
        "aws_route_table" | "aws_default_route_table" => 7,
        "aws_route" | "aws_route_table_association" | "aws_main_route_table_association" => 8,
        "aws_network_interface" => 9,
        "aws_instance" => 10,
        "aws_network_interface_sg_attachment" => 11,
        _ => return None,
    })
}

impl<'p> Overlay<'p, '_> {
    /// Takes away what a change removes.
    fn remove(&mut self, change: &'p Change) {
        match change.kind.as_str() {
            "aws_security_group" | "aws_default_security_group" => self.remove_group(change),
            "aws_security_group_rule" => self.remove_old_rule(change),
            "aws_vpc_security_group_ingress_rule" | "aws_vpc_security_group_egress_rule" => self.remove_rule(change),
            "aws_ec2_managed_prefix_list" => self.remove_list(change),
            "aws_ec2_managed_prefix_list_entry" => self.remove_list_entry(change),
            "aws_network_acl" | "aws_default_network_acl" => self.remove_acl(change),
            "aws_network_acl_rule" => self.remove_acl_rule(change),
            "aws_network_acl_association" => self.remove_acl_association(change),
            "aws_route_table" | "aws_default_route_table" => self.remove_table(change),
            "aws_route" => self.remove_route(change),
            "aws_route_table_association" => self.remove_association(change),
            "aws_network_interface" => self.remove_interface(change),
            "aws_network_interface_sg_attachment" => self.remove_attachment(change),
            "aws_instance" => self.remove_instance(change),
            "aws_subnet" => self.remove_subnet(change),
            "aws_vpc_peering_connection" => self.remove_peering(change),
            "aws_main_route_table_association" => self.remove_main(change),
            // To end one's part in a peering leaves the peering as it is.
            _ => {}
        }
    }

    /// Adds what a change brings.
    fn add(&mut self, change: &'p Change) -> Result<(), String> {
        match change.kind.as_str() {
            "aws_security_group" | "aws_default_security_group" => self.add_group(change)?,
            "aws_security_group_rule" => self.add_old_rule(change),
            "aws_vpc_security_group_ingress_rule" | "aws_vpc_security_group_egress_rule" => self.add_rule(change),
            "aws_ec2_managed_prefix_list" => self.add_list(change)?,
            "aws_ec2_managed_prefix_list_entry" => self.add_list_entry(change)?,
            "aws_network_acl" | "aws_default_network_acl" => self.add_acl(change)?,
            "aws_network_acl_rule" => self.add_acl_rule(change)?,
            "aws_network_acl_association" => self.add_acl_association(change),
            "aws_route_table" | "aws_default_route_table" => self.add_table(change)?,
            "aws_route" => self.add_route(change)?,
            "aws_route_table_association" => self.add_association(change),
            "aws_main_route_table_association" => self.add_main(change),
            "aws_network_interface" => self.add_interface(change)?,
            "aws_network_interface_sg_attachment" => self.add_attachment(change),
            "aws_instance" => self.add_instance(change)?,
            "aws_subnet" => self.add_subnet(change)?,
            "aws_vpc_peering_connection" => self.add_peering(change)?,
            "aws_vpc_peering_connection_accepter" => self.accept_peering(change),
            _ => {}
        }
        Ok(())
    }

    /// The id in an attribute: as it stands there, or the address of the one object to be created that it can mean.
    fn id(&self, change: &'p Change, name: &str, kinds: &[&str]) -> Result<Option<String>, Why> {
        self.id_in(change, change.after().get(name), name, kinds)
    }

    /// The same for a value inside of the attribute `name`.
    fn id_in(&self, change: &'p Change, field: Field<'p>, name: &str, kinds: &[&str]) -> Result<Option<String>, Why> {
        match field.text() {
            Err(Why::Later) => match self.meant(change, name, kinds)?.as_slice() {
                [only] => Ok(Some(only.clone())),
                _ => Err(Why::Later),
            },
            known => Ok(known?.map(str::to_owned)),
        }
    }

    /// The ids in a list or set. What is not known of them is told beside those that are.
    fn ids_in(&self, change: &'p Change, field: Field<'p>, name: &str, kinds: &[&str]) -> (Vec<String>, Option<Why>) {
        let elements = match field.elements() {
            Ok(elements) => elements,
            Err(why) => return (Vec::new(), Some(why)),
        };
        let (mut found, mut later) = (Vec::new(), 0);
        for element in elements {
            match element.text() {
                Ok(id) => found.extend(id.map(str::to_owned)),
                Err(Why::Later) => later += 1,
                Err(why) => return (found, Some(why)),
            }
        }
        if later == 0 {
            return (found, None);
        }
        match self.meant(change, name, kinds) {
            Ok(meant) if meant.len() == later || meant.len() == 1 => {
                found.extend(meant);
                (found, None)
            }
            _ => (found, Some(Why::Later)),
        }
    }

    /// Addresses of the objects to be created that an unknown value can mean, if all are of these types.
    fn meant(&self, change: &'p Change, name: &str, kinds: &[&str]) -> Result<Vec<String>, Why> {
        let meant = references::meant(self.plan, change, name).ok_or(Why::Later)?;
        if meant.is_empty() || meant.iter().any(|meant| !kinds.contains(&meant.kind.as_str())) {
            return Err(Why::Later);
        }
        Ok(meant.iter().map(|meant| meant.address.clone()).collect())
    }

    /// Says that something could not be laid over.
    fn note(&mut self, change: &'p Change, what: &str) {
        self.unlaid.insert(&change.address);
        self.notes.push(format!("not read: `{}` ({}): {what}", change.address, change.actions.word()));
    }

    /// Says that what a change is about is not in the evidence.
    fn absent(&mut self, change: &'p Change, id: &str) {
        self.note(change, &format!("`{id}` is not in the evidence"));
    }

    /// Finds what lists its own rules, entries and routes. The provider's pages of `aws_security_group`,
    /// `aws_network_acl` and `aws_route_table` warn that such a list and separate resources undo each other.
    fn find_inline(&self) -> HashMap<(String, &'static str), &'p str> {
        let mut found = HashMap::new();
        for change in self.plan.current().filter(|change| change.managed) {
            let names: &[&'static str] = match change.kind.as_str() {
                "aws_security_group" | "aws_default_security_group" | "aws_network_acl" | "aws_default_network_acl" => {
                    &["ingress", "egress"]
                }
                "aws_route_table" | "aws_default_route_table" => &["route"],
                "aws_ec2_managed_prefix_list" => &["entry"],
                _ => continue,
            };
            for name in names {
                let after = change.after().get(name);
                let listed = after.elements().is_ok_and(|elements| !elements.is_empty());
                let changes = change.actions.create && listed || change.actions.update && change.alters(name);
                if changes || self.plan.configures(change, name) {
                    found.insert((change.new_id().to_owned(), *name), change.address.as_str());
                }
            }
        }
        found
    }

    /// Why a separate rule, entry or route does not last: what it is in lists its own.
    fn contested(&self, change: &Change, of: &str, name: &'static str) -> Option<String> {
        let list = self.inline.get(&(of.to_owned(), name))?;
        Some(format!(
            "`{list}` lists `{name}` in itself and `{}` adds to it from outside: each apply undoes one of them",
            change.address
        ))
    }

    /// The blocks of an attribute that Terraform fills from the cloud where the configuration is silent. A new object
    /// without them has none, and separate resources may follow.
    fn listed(&self, change: &'p Change, name: &str) -> Result<Vec<Object<'p>>, Why> {
        match change.after().get(name).blocks() {
            Err(Why::Later) if change.is_new() && !self.plan.configures(change, name) => Ok(Vec::new()),
            listed => listed,
        }
    }
}
