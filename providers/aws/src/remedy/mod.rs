//! The narrowest change at a hop, in the words of the AWS CLI, Terraform and the web console.
//!
//! A change is a value first; its three texts are rendered from that value, so that they cannot disagree.

mod acl;
mod balancer;
mod group;
mod quota;
mod route;
mod words;

use reachlint_model::{Fix, Hop, Identity, Interface, InterfaceId, ListId, NameId, Remedy, RuleId};

use crate::network::{
    AwsNetwork, INSTANCE_STATE, INTERNET_GATEWAY, LOAD_BALANCER, MANAGED, NAT_GATEWAY, NETWORK_ACL, PEERING,
    PUBLIC_ACCESS, ROUTE, SECURITY_GROUP, SOURCE_DEST_CHECK, TARGET_GROUP, TRANSIT,
};
use words::{Place, is_argument, plain};

/// The narrowest change for `fix` at `hop`; none where nothing sensible can be said.
pub(crate) fn remedy(
    aws: &AwsNetwork,
    fix: Fix,
    hop: &Hop,
    list: Option<ListId>,
    rule: Option<RuleId>,
) -> Option<Remedy> {
    match (fix, hop.layer) {
        (Fix::Open, SECURITY_GROUP) => group::open(aws, hop).map(|change| change.remedy()),
        (Fix::Open, NETWORK_ACL) => acl::open(aws, hop).map(|change| change.remedy()),
        (
            Fix::Open,
            ROUTE | PEERING | PUBLIC_ACCESS | TRANSIT | INTERNET_GATEWAY | NAT_GATEWAY | INSTANCE_STATE
            | SOURCE_DEST_CHECK | MANAGED,
        ) => route::open(aws, hop).map(|change| change.remedy()),
        (Fix::Open, LOAD_BALANCER | TARGET_GROUP) => balancer::open(aws, hop),
        (Fix::Narrow, SECURITY_GROUP) => group::narrow(aws, hop, list?, rule?).map(|change| change.remedy()),
        _ => None,
    }
}

/// The change where it is about something that is only planned: neither the CLI nor the console can make it yet, and
/// in Terraform the place of the id is taken by a reference.
pub(crate) fn planned(remedy: Remedy, placeholders: &[&str]) -> Remedy {
    let Some(first) = placeholders.first() else { return remedy };
    let sentence = format!("`{}` is only planned: change the configuration that it comes from", plain(first));
    let references = placeholders.iter().fold(remedy.terraform, |text, placeholder| {
        text.replace(&words::hcl(placeholder), &format!("{}.id", plain(placeholder)))
    });
    Remedy { cli: format!("# {sentence}"), terraform: references, console: format!("{sentence}.") }
}

/// What the changes read of a network.
trait Evidence {
    /// The text of an identifier that can be an argument of a command.
    fn argument(&self, id: NameId) -> Option<&str>;
    /// Account and Region of an interface, as far as they are known.
    fn place(&self, interface: &Interface) -> Place<'_>;
    /// The interface behind an identity.
    fn known(&self, identity: Identity) -> Option<(InterfaceId, &Interface)>;
    /// The first interface that lies in a VPC.
    fn inhabitant(&self, vpc: NameId) -> Option<&Interface>;
}

impl Evidence for AwsNetwork {
    fn argument(&self, id: NameId) -> Option<&str> {
        Some(self.network.name(id)).filter(|text| is_argument(text))
    }

    fn place(&self, interface: &Interface) -> Place<'_> {
        Place { account: self.argument(interface.account), region: self.argument(interface.region) }
    }

    fn known(&self, identity: Identity) -> Option<(InterfaceId, &Interface)> {
        match identity {
            Identity::Interface(id) => self.network.interface(id).map(|interface| (id, interface)),
            Identity::Nobody | Identity::Hidden | Identity::Unknown(_) => None,
        }
    }

    fn inhabitant(&self, vpc: NameId) -> Option<&Interface> {
        self.network.interfaces().map(|(_, interface)| interface).find(|interface| interface.network == vpc)
    }
}

#[cfg(test)]
mod tests {
    use reachlint_model::Remedy;

    use super::planned;

    #[test]
    fn what_is_only_planned_is_changed_where_it_is_planned() {
        let group = "module.a[\"b\"].aws_security_group.app";
        let rule = "module.a[\"b\"].aws_security_group.app.ingress[0]";
        let remedy = Remedy {
            cli: format!("aws ec2 authorize-security-group-ingress --group-id '{group}'"),
            terraform: "security_group_id = \"module.a[\\\"b\\\"].aws_security_group.app\"\nto_port = 1".to_owned(),
            console: format!("EC2 > Security Groups > {group}"),
        };
        let found = planned(remedy.clone(), &[rule, group]);
        assert_eq!(found.terraform, format!("security_group_id = {group}.id\nto_port = 1"));
        assert!(found.cli.starts_with("# `") && !found.cli.contains('\n'), "{}", found.cli);
        assert_eq!(planned(remedy.clone(), &[]), remedy);
    }
}
