//! Network ACLs.

use reachlint_aws::records::{AclEntry, AclPorts, NetworkAcl, Sink};

use super::{Overlay, SUBNETS, VPCS};
use crate::change::Change;
use crate::values::{Object, Why};

const ACLS: &[&str] = &["aws_network_acl", "aws_default_network_acl"];
const SIDES: [(bool, &str); 2] = [(false, "ingress"), (true, "egress")];

/// An entry of an `ingress` or `egress` block, or of an `aws_network_acl_rule`, whose names differ.
fn entry(block: Object<'_>, egress: bool, number: &str, action: &str) -> Result<Option<AclEntry<'static>>, Why> {
    let text = |name: &str| Ok(block.get(name).text()?.map(|text| text.to_owned().into()));
    let Some(rule_number) = block.get(number).number()? else { return Ok(None) };
    let ports = AclPorts { from: block.get("from_port").number()?, to: block.get("to_port").number()? };
    Ok(Some(AclEntry {
        rule_number,
        rule_action: block.get(action).text()?.unwrap_or_default().to_ascii_lowercase().into(),
        egress,
        protocol: block.get("protocol").text()?.unwrap_or("-1").to_owned().into(),
        cidr_block: text("cidr_block")?,
        ipv6_cidr_block: text("ipv6_cidr_block")?,
        port_range: Some(ports),
    }))
}

fn entries(blocks: &[Object<'_>], egress: bool) -> Result<Vec<AclEntry<'static>>, Why> {
    let mut found = Vec::new();
    for block in blocks {
        found.extend(entry(*block, egress, "rule_no", "action")?);
    }
    Ok(found)
}

/// Whether an entry is about what leaves.
fn is_egress(rule: Object<'_>) -> bool {
    matches!(rule.get("egress").switch(), Ok(Some(true)))
}

impl<'p> Overlay<'p, '_> {
    pub(super) fn remove_acl(&mut self, change: &'p Change) {
        let Some(id) = change.old_id() else { return };
        // To take the default ACL out of a configuration leaves it as it is (aws_default_network_acl, removing).
        if change.actions.delete && change.kind != "aws_default_network_acl" {
            self.estate.drop_acl(id);
        }
    }

    pub(super) fn add_acl(&mut self, change: &'p Change) -> Result<(), String> {
        let default = change.kind == "aws_default_network_acl";
        let created = change.actions.create && !default;
        let named = change.after().get("default_network_acl_id").text().ok().flatten().filter(|_| default);
        let id = if created { change.address.as_str() } else { named.unwrap_or(change.new_id()) };
        if created {
            let vpc = self.id(change, "vpc_id", VPCS).ok().flatten();
            self.estate.network_acl(NetworkAcl {
                network_acl_id: id.to_owned().into(),
                vpc_id: vpc.map(Into::into),
                is_default: Some(false),
                ..NetworkAcl::default()
            })?;
        } else if !self.estate.has_acl(id) {
            self.absent(change, id);
            return Ok(());
        } else if change.actions.create {
            // Adopting the default ACL takes away every entry that the configuration does not have
            // (aws_default_network_acl).
            self.estate.clear_entries(id);
        }
        for (egress, name) in SIDES {
            if !change.actions.create && !change.alters(name) {
                continue;
            }
            let new = match self.listed(change, name).and_then(|blocks| entries(&blocks, egress)) {
                Ok(new) => new,
                Err(why) => {
                    self.estate.doubt(id, &why.of(&change.address, name));
                    continue;
                }
            };
            let old = change.before().get(name).blocks().and_then(|blocks| entries(&blocks, egress));
            for gone in old.unwrap_or_default() {
                self.estate.remove_entry(id, gone.rule_number, egress);
            }
            for entry in &new {
                self.estate.add_entry(id, entry)?;
            }
        }
        if change.actions.create || change.alters("subnet_ids") {
            self.serve(change, id);
        }
        Ok(())
    }

    fn serve(&mut self, change: &'p Change, id: &str) {
        let name = "subnet_ids";
        if change.is_new() && change.after().get(name).is_open() && !self.plan.configures(change, name) {
            return;
        }
        let (subnets, why) = self.ids_in(change, change.after().get(name), name, SUBNETS);
        if let Some(why) = why {
            let why = why.of(&change.address, name);
            for subnet in self.subnets_of_vpc_of(change, id) {
                self.estate.doubt(&subnet, &why);
            }
        }
        for subnet in change.before().get(name).texts().unwrap_or_default() {
            if !subnets.iter().any(|known| known == subnet) {
                self.estate.leave_acl(id, subnet);
            }
        }
        for subnet in &subnets {
            self.estate.join_acl(id, subnet);
        }
    }

    /// The subnets that a change of an ACL may be about.
    fn subnets_of_vpc_of(&mut self, change: &'p Change, id: &str) -> Vec<String> {
        let mut subnets = self.estate.subnets_of_acl(id);
        let vpc = change.after().get("vpc_id").text().ok().flatten();
        subnets.extend(vpc.map(|vpc| self.estate.subnets_in(vpc)).unwrap_or_default());
        subnets
    }

    pub(super) fn remove_acl_rule(&mut self, change: &'p Change) {
        let old = change.before();
        if let (Ok(Some(acl)), Ok(Some(number))) = (old.get("network_acl_id").text(), old.get("rule_number").number()) {
            self.estate.remove_entry(acl, number, is_egress(old));
        }
    }

    pub(super) fn add_acl_rule(&mut self, change: &'p Change) -> Result<(), String> {
        let after = change.after();
        let acl = match self.id(change, "network_acl_id", ACLS) {
            Ok(Some(acl)) => acl,
            Ok(None) => return Ok(()),
            Err(why) => {
                let why = why.of(&change.address, "network_acl_id");
                let new = self.plan.current().filter(|acl| ACLS.contains(&acl.kind.as_str()) && acl.is_new());
                for acl in new {
                    self.estate.doubt(&acl.address, &why);
                }
                self.note(change, &why);
                return Ok(());
            }
        };
        if !self.estate.has_acl(&acl) {
            self.absent(change, &acl);
            return Ok(());
        }
        let side = if is_egress(after) { "egress" } else { "ingress" };
        if let Some(why) = self.contested(change, &acl, side) {
            self.note(change, &why);
            self.estate.doubt(&acl, &why);
        }
        match entry(after, is_egress(after), "rule_number", "rule_action") {
            Ok(Some(entry)) => self.estate.add_entry(&acl, &entry),
            Ok(None) => Ok(()),
            Err(why) => {
                let names = ["rule_number", "rule_action", "protocol", "from_port", "to_port", "cidr_block"];
                let open = names.into_iter().find(|name| after.get(name).is_open()).unwrap_or("ipv6_cidr_block");
                self.estate.doubt(&acl, &why.of(&change.address, open));
                Ok(())
            }
        }
    }

    pub(super) fn remove_acl_association(&mut self, change: &'p Change) {
        let old = change.before();
        if let (Ok(Some(acl)), Ok(Some(subnet))) = (old.get("network_acl_id").text(), old.get("subnet_id").text()) {
            self.estate.leave_acl(acl, subnet);
        }
    }

    pub(super) fn add_acl_association(&mut self, change: &'p Change) {
        // A subnet of unknown id is a new one, in which nothing runs yet.
        let Ok(Some(subnet)) = self.id(change, "subnet_id", SUBNETS) else { return };
        match self.id(change, "network_acl_id", ACLS) {
            Ok(Some(acl)) if self.estate.has_acl(&acl) => self.estate.join_acl(&acl, &subnet),
            Ok(_) => {
                self.estate
                    .doubt(&subnet, &format!("`{}` gives it an ACL that is not in the evidence", change.address));
            }
            Err(why) => self.estate.doubt(&subnet, &why.of(&change.address, "network_acl_id")),
        }
    }

    /// The default ACL serves a new subnet until another one does (VPC guide, network ACL basics).
    pub(super) fn serve_by_default(&mut self, vpc: &str, subnet: &str) {
        if let Some(acl) = self.estate.default_acl(vpc) {
            self.estate.join_acl(&acl, subnet);
        }
    }
}
