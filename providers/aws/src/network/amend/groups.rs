//! Rules of security groups, and prefix lists.

use reachlint_model::NameId;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::super::Estate;
use super::super::estate::{RawPeer, RawRule};
use crate::records::SecurityGroupRule;

/// A rule that a group gets.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The rule. Its id is what reports call it.
    pub rule: SecurityGroupRule<'static>,
    /// Why something of it is not known: then it may admit anybody.
    pub unknown: Option<String>,
}

/// Rules by group and direction (whether egress).
type ByGroup = HashMap<(NameId, bool), Vec<RawRule>>;

impl Estate {
    /// Whether a security group is in the evidence.
    #[must_use]
    pub fn has_group(&self, id: &str) -> bool {
        self.names.find(id).is_some_and(|id| self.groups.contains_key(&id) || self.rules.iter().any(|(g, ..)| *g == id))
    }

    /// The default security group of a VPC, which AWS calls `default` and lets nobody rename (VPC guide, default
    /// security groups).
    #[must_use]
    pub fn default_group(&self, vpc: &str) -> Option<String> {
        let vpc = self.names.find(vpc)?;
        let label = self.names.find("default")?;
        let found = self.groups.iter().find(|(_, group)| group.vpc == Some(vpc) && group.label == Some(label));
        found.map(|(id, _)| self.names.get(*id).to_owned())
    }

    /// Takes rules away and adds others. A rule is taken away by its own id or, where it has none, by what it says:
    /// AWS holds no two rules of a group that say the same (EC2 API, `InvalidPermission.Duplicate`). Returns how many of
    /// those to take away were not there.
    ///
    /// # Errors
    /// When a rule has a block that is none.
    pub fn amend_rules(&mut self, revoked: &[SecurityGroupRule<'_>], granted: &[Grant]) -> Result<usize, String> {
        let mut gone: ByGroup = HashMap::default();
        for rule in revoked {
            let group = self.names.intern(&rule.group_id);
            let raw = self.raw_rule(rule)?;
            gone.entry((group, rule.is_egress)).or_default().push(raw);
        }
        let mut found: HashSet<(NameId, bool, usize)> = HashSet::default();
        let mut is_gone = |group: NameId, egress: bool, rule: &RawRule| {
            let known = gone.get(&(group, egress)).map(Vec::as_slice).unwrap_or_default();
            let at = known.iter().position(|gone| is_same(gone, rule));
            found.extend(at.map(|at| (group, egress, at)));
            at.is_some()
        };
        self.rules.retain(|(group, egress, rule)| !is_gone(*group, *egress, rule));
        for (id, group) in &mut self.groups {
            for (egress, slot) in [false, true].into_iter().zip(&mut group.permissions) {
                let Some(range) = slot.clone().filter(|_| gone.contains_key(&(*id, egress))) else { continue };
                let rules = self.permissions.get(range).unwrap_or_default().iter();
                let kept: Vec<RawRule> = rules.filter(|rule| !is_gone(*id, egress, rule)).copied().collect();
                *slot = Some(self.permissions.len()..self.permissions.len() + kept.len());
                self.permissions.extend(kept);
            }
        }
        let missing = gone.values().map(Vec::len).sum::<usize>().saturating_sub(found.len());
        self.grant(granted)?;
        Ok(missing)
    }

    fn grant(&mut self, granted: &[Grant]) -> Result<(), String> {
        let mut new: ByGroup = HashMap::default();
        for Grant { rule, unknown } in granted {
            let group = self.names.intern(&rule.group_id);
            let raw = match unknown {
                Some(why) => {
                    self.amended.peers.push(why.clone());
                    let peer = RawPeer::Unknown(self.amended.peers.len() - 1);
                    RawRule {
                        peer,
                        ..self.raw_rule(&SecurityGroupRule { cidr_ipv4: Some("0.0.0.0/0".into()), ..rule.clone() })?
                    }
                }
                None => self.raw_rule(rule)?,
            };
            new.entry((group, rule.is_egress)).or_default().push(raw);
        }
        // A rule goes to the listing that counts for its group and direction: the newer one, where it has anything.
        let listed: HashSet<(NameId, bool)> =
            self.rules.iter().map(|(group, egress, _)| (*group, *egress)).filter(|key| new.contains_key(key)).collect();
        let mut new: Vec<_> = new.into_iter().collect();
        new.sort_by_key(|(key, _)| *key);
        for ((group, egress), rules) in new {
            let slot = self.groups.get_mut(&group).and_then(|group| group.permissions.get_mut(usize::from(egress)));
            match slot.and_then(Option::as_mut).filter(|_| !listed.contains(&(group, egress))) {
                Some(range) => {
                    let start = self.permissions.len();
                    self.permissions.extend_from_within(range.clone());
                    self.permissions.extend(rules);
                    *range = start..self.permissions.len();
                }
                None => self.rules.extend(rules.into_iter().map(|rule| (group, egress, rule))),
            }
        }
        Ok(())
    }

    /// Takes all rules of a group away.
    pub fn clear_rules(&mut self, group: &str) {
        let group = self.names.intern(group);
        self.rules.retain(|(of, ..)| *of != group);
        if let Some(group) = self.groups.get_mut(&group) {
            group.permissions = [Some(0..0), Some(0..0)];
        }
    }

    /// Takes a security group away.
    pub fn drop_group(&mut self, group: &str) {
        let group = self.names.intern(group);
        self.rules.retain(|(of, ..)| *of != group);
        self.groups.remove(&group);
    }

    /// Whether the entries of a prefix list were read.
    #[must_use]
    pub fn has_list(&self, list: &str) -> bool {
        let list = self.names.find(list).and_then(|list| self.prefix_lists.get(&list));
        list.is_some_and(|list| list.entries.is_some())
    }

    /// Takes entries of a prefix list away and adds others, where its entries were read: alone they are not the list.
    ///
    /// # Errors
    /// When an entry is no block.
    pub fn amend_list(&mut self, list: &str, removed: &[String], added: &[String]) -> Result<(), String> {
        let blocks = |texts: &[String]| {
            texts
                .iter()
                .map(|text| text.parse().map_err(|error| format!("`{list}`: {error}")))
                .collect::<Result<Vec<_>, _>>()
        };
        let (removed, added): (Vec<reachlint_model::Prefix>, Vec<_>) = (blocks(removed)?, blocks(added)?);
        let name = self.names.intern(list);
        if let Some(entries) = self.prefix_lists.get_mut(&name).and_then(|list| list.entries.as_mut()) {
            entries.retain(|entry| !removed.contains(entry));
            entries.extend(added);
        }
        Ok(())
    }

    /// Takes a prefix list away.
    pub fn drop_list(&mut self, list: &str) {
        if let Some(list) = self.names.find(list) {
            self.prefix_lists.remove(&list);
        }
    }
}

/// Whether a rule is the one that is to go.
fn is_same(gone: &RawRule, rule: &RawRule) -> bool {
    if gone.name.is_some() && gone.name == rule.name {
        return true;
    }
    let peers = match (gone.peer, rule.peer) {
        // Who owns the group need not be said twice.
        (RawPeer::Group { group, account, .. }, RawPeer::Group { group: other, account: theirs, .. }) => {
            group == other && account.zip(theirs).is_none_or(|(account, theirs)| account == theirs)
        }
        (peer, other) => peer == other,
    };
    peers && gone.protocol == rule.protocol && gone.ports == rule.ports
}
