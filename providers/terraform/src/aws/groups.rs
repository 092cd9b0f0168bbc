//! Security groups.

use reachlint_aws::network::Grant;
use reachlint_aws::records::{SecurityGroup, SecurityGroupRule, Sink};

use super::rules::Source;
use super::{Overlay, VPCS};
use crate::change::Change;
use crate::values::{Object, Why};

const SIDES: [(bool, &str); 2] = [(false, "ingress"), (true, "egress")];

impl<'p> Overlay<'p, '_> {
    pub(super) fn remove_group(&mut self, change: &'p Change) {
        let Some(id) = change.old_id() else { return };
        // To take the default group out of a configuration leaves it as it is (aws_default_security_group, removing).
        if !change.actions.delete || change.kind == "aws_default_security_group" {
            return;
        }
        // AWS does not delete a group that an interface carries (EC2 API, DeleteSecurityGroup), so whoever still does
        // after this plan has groups that it does not tell.
        let why = format!("`{}` ({id}) is taken away by the plan, which leaves it on an interface", change.address);
        self.estate.drop_group(id);
        self.estate.doubt(id, &why);
    }

    pub(super) fn add_group(&mut self, change: &'p Change) -> Result<(), String> {
        let default = change.kind == "aws_default_security_group";
        let adopted = default && change.actions.create;
        let id = if adopted {
            // It is there already, and adopting it takes away every rule that the configuration does not have
            // (aws_default_security_group).
            let vpc = change.after().get("vpc_id").text().ok().flatten();
            let Some(id) = vpc.and_then(|vpc| self.estate.default_group(vpc)) else {
                self.note(change, "the default security group of its VPC is not in the evidence");
                return Ok(());
            };
            self.estate.clear_rules(&id);
            id
        } else if change.actions.create {
            self.create_group(change)?;
            change.address.clone()
        } else {
            change.new_id().to_owned()
        };
        if !self.estate.has_group(&id) {
            self.absent(change, &id);
            return Ok(());
        }
        for (egress, name) in SIDES {
            if change.actions.create {
                self.fill(change, &id, egress, name);
            } else if change.alters(name) {
                self.alter(change, &id, egress, name);
            }
        }
        Ok(())
    }

    fn create_group(&mut self, change: &'p Change) -> Result<(), String> {
        let after = change.after();
        let vpc = self.id(change, "vpc_id", VPCS).ok().flatten();
        // A new group lets nothing out but what is declared: the provider takes away the rule that AWS gives every new
        // group (aws_security_group, note on egress rules).
        self.estate.security_group(SecurityGroup {
            group_id: change.address.clone().into(),
            group_name: after.get("name").text().ok().flatten().map(|name| name.to_owned().into()),
            vpc_id: vpc.map(Into::into),
            ip_permissions: Some(Vec::new()),
            ip_permissions_egress: Some(Vec::new()),
            ..SecurityGroup::default()
        })
    }

    /// Gives a group the rules that its resource lists.
    fn fill(&mut self, change: &'p Change, id: &str, egress: bool, name: &'static str) {
        match self.listed(change, name) {
            Ok(blocks) => {
                let grants = self.inline_rules(change, id, egress, name, &blocks);
                self.granted.extend(grants);
            }
            Err(why) => self.estate.doubt_direction(id, egress, &why.of(&change.address, name)),
        }
    }

    /// Carries out what the provider does to a list of rules that changes: what is no longer in it is revoked, what is
    /// new is authorised, and what it never knew stays.
    fn alter(&mut self, change: &'p Change, id: &str, egress: bool, name: &'static str) {
        let old = change.before().get(name).blocks().unwrap_or_default();
        let old = self.inline_rules(change, id, egress, name, &old);
        let new = match change.after().get(name).blocks() {
            Ok(blocks) => self.inline_rules(change, id, egress, name, &blocks),
            Err(why) => {
                self.estate.doubt_direction(id, egress, &why.of(&change.address, name));
                Vec::new()
            }
        };
        let same =
            |a: &Grant, b: &Grant| a.unknown.is_none() && b.unknown.is_none() && nameless(&a.rule) == nameless(&b.rule);
        let gone = old.iter().filter(|rule| !new.iter().any(|known| same(known, rule)));
        self.revoked.extend(gone.map(|grant| nameless(&grant.rule)));
        let added = new.iter().filter(|rule| !old.iter().any(|known| same(known, rule)));
        self.granted.extend(added.cloned());
    }

    fn inline_rules(
        &self,
        change: &'p Change,
        id: &str,
        egress: bool,
        name: &'static str,
        blocks: &[Object<'p>],
    ) -> Vec<Grant> {
        let named = blocks.iter().enumerate().map(|(at, block)| (format!("{}.{name}[{at}]", change.address), *block));
        named
            .flat_map(|(rule, block)| {
                let source = Source { change, group: id, egress, name: &rule, inside: Some(name) };
                self.rules_of(&source, block)
            })
            .collect()
    }

    /// Ids of the groups in an attribute, which may be of groups that are yet to be created.
    pub(super) fn groups_in(&self, change: &'p Change, name: &str) -> (Vec<String>, Option<Why>) {
        self.ids_in(change, change.after().get(name), name, super::GROUPS)
    }
}

/// A rule by what it says.
fn nameless(rule: &SecurityGroupRule<'static>) -> SecurityGroupRule<'static> {
    SecurityGroupRule { security_group_rule_id: String::new().into(), ..rule.clone() }
}
