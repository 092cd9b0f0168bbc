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
use words::{Place, is_argument};

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
            Identity::Nobody | Identity::Unknown(_) => None,
        }
    }

    fn inhabitant(&self, vpc: NameId) -> Option<&Interface> {
        self.network.interfaces().map(|(_, interface)| interface).find(|interface| interface.network == vpc)
    }
}
