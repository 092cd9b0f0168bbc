//! Rules of security groups, from blocks and from resources of their own.

use reachlint_aws::network::Grant;
use reachlint_aws::records::{GroupReference, SecurityGroupRule};

use super::{GROUPS, LISTS, Overlay};
use crate::change::Change;
use crate::values::{Object, Why};

/// Where rules come from.
#[derive(Clone, Copy)]
pub(super) struct Source<'s, 'p> {
    pub(super) change: &'p Change,
    pub(super) group: &'s str,
    pub(super) egress: bool,
    /// What reports call the rules.
    pub(super) name: &'s str,
    /// The attribute that holds the block, if it is one.
    pub(super) inside: Option<&'static str>,
}

impl Source<'_, '_> {
    fn rule(&self) -> SecurityGroupRule<'static> {
        SecurityGroupRule {
            security_group_rule_id: self.name.to_owned().into(),
            group_id: self.group.to_owned().into(),
            is_egress: self.egress,
            ..SecurityGroupRule::default()
        }
    }

    fn unknown(&self, rule: SecurityGroupRule<'static>, attribute: &str, why: Why) -> Grant {
        let attribute = self.inside.map_or_else(|| attribute.to_owned(), |inside| format!("{inside}.{attribute}"));
        Grant { rule, unknown: Some(why.of(&self.change.address, &attribute)) }
    }
}

/// A group as a rule names it: `sg-…`, or `account/sg-…` for one of another account.
fn reference(id: &str) -> GroupReference<'static> {
    let (account, group) = id.split_once('/').map_or((None, id), |(account, group)| (Some(account), group));
    GroupReference {
        group_id: Some(group.to_owned().into()),
        user_id: account.map(|account| account.to_owned().into()),
        ..GroupReference::default()
    }
}

impl<'p> Overlay<'p, '_> {
    /// The rules of an `ingress` or `egress` block, or of an `aws_security_group_rule`: one for each peer.
    pub(super) fn rules_of(&self, source: &Source<'_, 'p>, block: Object<'p>) -> Vec<Grant> {
        let (protocol, from, to) =
            match (block.get("protocol").text(), block.get("from_port").number(), block.get("to_port").number()) {
                (Ok(protocol), Ok(from), Ok(to)) => (protocol.unwrap_or("-1").to_owned(), from, to),
                (Err(why), ..) => return vec![source.unknown(source.rule(), "protocol", why)],
                (_, Err(why), _) => return vec![source.unknown(source.rule(), "from_port", why)],
                (.., Err(why)) => return vec![source.unknown(source.rule(), "to_port", why)],
            };
        let draft =
            SecurityGroupRule { ip_protocol: Some(protocol.into()), from_port: from, to_port: to, ..source.rule() };
        let known = |rule| Grant { rule, unknown: None };
        let mut found = Vec::new();
        for (name, is_v6) in [("cidr_blocks", false), ("ipv6_cidr_blocks", true)] {
            let elements = match block.get(name).elements() {
                Ok(elements) => elements,
                Err(why) => {
                    found.push(source.unknown(draft.clone(), name, why));
                    continue;
                }
            };
            for element in elements {
                match element.text() {
                    Ok(Some(text)) if is_v6 => {
                        found.push(known(SecurityGroupRule {
                            cidr_ipv6: Some(text.to_owned().into()),
                            ..draft.clone()
                        }));
                    }
                    Ok(Some(text)) => {
                        found.push(known(SecurityGroupRule {
                            cidr_ipv4: Some(text.to_owned().into()),
                            ..draft.clone()
                        }));
                    }
                    Ok(None) => {}
                    Err(why) => found.push(source.unknown(draft.clone(), name, why)),
                }
            }
        }
        let top = |name| source.inside.unwrap_or(name);
        let lists = self.ids_in(source.change, block.get("prefix_list_ids"), top("prefix_list_ids"), LISTS);
        found.extend(
            lists
                .0
                .into_iter()
                .map(|list| known(SecurityGroupRule { prefix_list_id: Some(list.into()), ..draft.clone() })),
        );
        found.extend(lists.1.map(|why| source.unknown(draft.clone(), "prefix_list_ids", why)));
        let of_group =
            |id: &str| known(SecurityGroupRule { referenced_group_info: Some(reference(id)), ..draft.clone() });
        let groups = self.ids_in(source.change, block.get("security_groups"), top("security_groups"), GROUPS);
        found.extend(groups.0.iter().map(|id| of_group(id)));
        found.extend(groups.1.map(|why| source.unknown(draft.clone(), "security_groups", why)));
        if source.inside.is_none() {
            let name = "source_security_group_id";
            match self.id_in(source.change, block.get(name), name, GROUPS) {
                Ok(id) => found.extend(id.map(|id| of_group(&id))),
                // With `self` the provider fills it in.
                Err(Why::Later) if matches!(block.get("self").switch(), Ok(Some(true))) => {}
                Err(Why::Later) if !self.plan.configures(source.change, name) => {}
                Err(why) => found.push(source.unknown(draft.clone(), name, why)),
            }
        }
        match block.get("self").switch() {
            Ok(Some(true)) => found.push(of_group(source.group)),
            Ok(_) => {}
            Err(why) => found.push(source.unknown(draft, "self", why)),
        }
        found
    }

    /// The rule of an `aws_vpc_security_group_ingress_rule` or `…_egress_rule`, which has exactly one peer.
    fn rule_of(&self, source: &Source<'_, 'p>, block: Object<'p>) -> Grant {
        let mut rule = source.rule();
        match (block.get("ip_protocol").text(), block.get("from_port").number(), block.get("to_port").number()) {
            (Ok(protocol), Ok(from), Ok(to)) => {
                rule.ip_protocol = Some(protocol.unwrap_or("-1").to_owned().into());
                (rule.from_port, rule.to_port) = (from, to);
            }
            (Err(why), ..) => return source.unknown(rule, "ip_protocol", why),
            (_, Err(why), _) => return source.unknown(rule, "from_port", why),
            (.., Err(why)) => return source.unknown(rule, "to_port", why),
        }
        for (name, kinds) in [("referenced_security_group_id", GROUPS), ("prefix_list_id", LISTS)] {
            match self.id_in(source.change, block.get(name), name, kinds) {
                Ok(None) => {}
                Ok(Some(id)) if kinds == GROUPS => rule.referenced_group_info = Some(reference(&id)),
                Ok(Some(id)) => rule.prefix_list_id = Some(id.into()),
                Err(why) => return source.unknown(rule, name, why),
            }
        }
        for name in ["cidr_ipv4", "cidr_ipv6"] {
            match block.get(name).text() {
                Ok(None) => {}
                Ok(Some(text)) if name == "cidr_ipv4" => rule.cidr_ipv4 = Some(text.to_owned().into()),
                Ok(Some(text)) => rule.cidr_ipv6 = Some(text.to_owned().into()),
                Err(why) => return source.unknown(rule, name, why),
            }
        }
        let none = rule.referenced_group_info.is_none() && rule.prefix_list_id.is_none();
        if none && rule.cidr_ipv4.is_none() && rule.cidr_ipv6.is_none() {
            return source.unknown(rule, "cidr_ipv4", Why::Odd);
        }
        Grant { rule, unknown: None }
    }

    // Resources of their own.

    pub(super) fn remove_rule(&mut self, change: &'p Change) {
        let Some(old) = change.old() else { return };
        let Ok(Some(group)) = old.get("security_group_id").text() else { return };
        let id = old.get("security_group_rule_id").text().ok().flatten().or(change.old_id()).unwrap_or_default();
        let egress = change.kind == "aws_vpc_security_group_egress_rule";
        let source = Source { change, group, egress, name: id, inside: None };
        let grant = self.rule_of(&source, old);
        self.revoked.extend(Some(grant).filter(|grant| grant.unknown.is_none()).map(|grant| grant.rule));
    }

    pub(super) fn add_rule(&mut self, change: &'p Change) {
        let egress = change.kind == "aws_vpc_security_group_egress_rule";
        let Some(group) = self.group_of(change, egress) else { return };
        // A rule that is changed in place keeps its id.
        let id = change.after().get("security_group_rule_id").text().ok().flatten();
        let source = Source { change, group: &group, egress, name: id.unwrap_or(&change.address), inside: None };
        let grant = self.rule_of(&source, change.after());
        if let Some(id) = id {
            self.estate.origin(id, &change.address);
        }
        self.grant(change, &group, egress, vec![grant]);
    }

    pub(super) fn remove_old_rule(&mut self, change: &'p Change) {
        let Some(old) = change.old() else { return };
        let Ok(Some(group)) = old.get("security_group_id").text() else { return };
        let egress = is_egress(old);
        // The id of such a resource is Terraform's own and unknown to AWS.
        let source = Source { change, group, egress, name: "", inside: None };
        let grants = self.rules_of(&source, old);
        self.revoked.extend(grants.into_iter().filter(|grant| grant.unknown.is_none()).map(|grant| grant.rule));
    }

    pub(super) fn add_old_rule(&mut self, change: &'p Change) {
        let egress = is_egress(change.after());
        let Some(group) = self.group_of(change, egress) else { return };
        let source = Source { change, group: &group, egress, name: &change.address, inside: None };
        let grants = self.rules_of(&source, change.after());
        self.grant(change, &group, egress, grants);
    }

    /// The group that a rule is for. A group of unknown id is one of those to be created, and then it may be any.
    fn group_of(&mut self, change: &'p Change, egress: bool) -> Option<String> {
        match self.id(change, "security_group_id", GROUPS) {
            Ok(group) => group,
            Err(why) => {
                let why = why.of(&change.address, "security_group_id");
                let groups =
                    self.plan.current().filter(|group| GROUPS.contains(&group.kind.as_str()) && group.is_new());
                for group in groups {
                    self.estate.doubt_direction(&group.address, egress, &why);
                }
                self.note(change, &why);
                None
            }
        }
    }

    fn grant(&mut self, change: &'p Change, group: &str, egress: bool, grants: Vec<Grant>) {
        if !self.estate.has_group(group) {
            return self.absent(change, group);
        }
        let contested = self.contested(change, group, if egress { "egress" } else { "ingress" });
        if let Some(why) = &contested {
            self.note(change, why);
        }
        self.granted.extend(
            grants
                .into_iter()
                .map(|grant| Grant { unknown: grant.unknown.or_else(|| contested.clone()), rule: grant.rule }),
        );
    }
}

fn is_egress(rule: Object<'_>) -> bool {
    matches!(rule.get("type").text(), Ok(Some("egress")))
}
