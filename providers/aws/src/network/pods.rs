//! Pods of EKS as senders: which address they have, and what the VPC CNI makes of it.
//!
//! Inside of the VPC a pod sends from its own address. To IPv4 addresses outside of the VPC's blocks the plugin makes the
//! source the primary address of the node's primary interface, unless something else is set to do so (EKS guide, outbound
//! internet access for pods). A pod with groups of its own keeps to them inside of the VPC, and outside of it unless the
//! node's address is taken there (EKS guide, security groups for pods).

use std::net::IpAddr;

use reachlint_model::{Family, InterfaceId, NameId, ReasonId};

use super::compile::{AwsNetwork, Compiler};
use super::estate::RawInterface;
use super::route::is_link_local;

/// Whether an address of an interface is a pod's and not the machine's own.
pub(super) fn is_pod(aws: &AwsNetwork, id: InterfaceId, address: IpAddr) -> bool {
    let Some((interface, facts)) = aws.network.interface(id).zip(aws.facts.get(id.0 as usize)) else { return false };
    let own = aws.network.addresses(interface).first().is_some_and(|first| first.private == address);
    (facts.cluster.is_some() && !own) || facts.branch
}

/// What becomes of a pod's packet on its node.
pub(super) enum Fate {
    /// Nothing.
    Kept,
    /// It goes out by this interface, from its first address.
    Translated(InterfaceId),
    /// That is not known.
    Unknown(ReasonId),
}

pub(super) fn fate(aws: &AwsNetwork, from: InterfaceId, source: IpAddr, to: IpAddr) -> Fate {
    let Some((interface, facts)) = aws.network.interface(from).zip(aws.facts.get(from.0 as usize)) else {
        return Fate::Kept;
    };
    if Family::of(to) == Family::V6 || is_link_local(to) || !is_pod(aws, from, source) {
        return Fate::Kept;
    }
    if aws.vpcs.get(&interface.network).is_some_and(|blocks| blocks.contains(to)) {
        return Fate::Kept;
    }
    let settings = facts.cluster.and_then(|cluster| aws.managed.pods.get(&cluster)).copied().unwrap_or_default();
    let translated = match (facts.branch, settings.strict, settings.external_snat) {
        (true, Some(true), _) | (_, _, Some(true)) => false,
        (true, Some(false), Some(false)) | (false, _, Some(false)) => true,
        _ => return Fate::Unknown(aws.pod_address),
    };
    if !translated {
        return Fate::Kept;
    }
    let named = |id: InterfaceId| aws.facts.get(id.0 as usize).and_then(|facts| facts.instance);
    let trunk = || facts.trunk.and_then(|trunk| aws.network.called(aws.network.name(trunk)).first());
    let machine = if facts.branch { trunk().and_then(|id| named(*id)) } else { facts.instance };
    let primary = machine.and_then(|machine| {
        let all = aws.network.called(aws.network.name(machine)).iter().copied();
        let mut first = all.filter(|id| aws.facts.get(id.0 as usize).is_some_and(|facts| facts.device_index == 0));
        first.find(|id| named(*id) == Some(machine))
    });
    primary.map_or(Fate::Unknown(aws.unread_target), Fate::Translated)
}

/// The tag of a pod's own interface that names the one which carries it.
const TRUNK: &str = "vpcresources.k8s.aws/trunk-eni-id";

impl Compiler {
    /// The EKS cluster that a machine or an interface is tagged to be of, by EKS or by the VPC CNI.
    pub(super) fn cluster<'t>(&mut self, tags: impl Iterator<Item = &'t (NameId, NameId)>) -> Option<NameId> {
        for (key, value) in tags {
            let named = match self.text(*key) {
                "cluster.k8s.amazonaws.com/name" | "eks:cluster-name" | "aws:eks:cluster-name" => return Some(*value),
                key => key.strip_prefix("kubernetes.io/cluster/").map(str::to_owned),
            };
            if let Some(name) = named {
                return Some(self.builder.names().intern(&name));
            }
        }
        None
    }

    /// Whether an interface belongs to a single pod that has groups of its own (EKS guide, security groups for pods).
    pub(super) fn is_branch(&self, raw: &RawInterface) -> bool {
        let text = |name: Option<NameId>| name.map(|name| self.text(name)).unwrap_or_default();
        text(raw.kind) == "branch" || text(raw.description) == "aws-k8s-branch-eni"
    }

    /// The interface that carries that of a pod, where its tag says so.
    pub(super) fn trunk(&self, raw: &RawInterface) -> Option<NameId> {
        let tags = self.estate.tags.get(raw.tags.clone()).unwrap_or_default();
        tags.iter().find(|(known, _)| self.text(*known) == TRUNK).map(|(_, value)| *value)
    }
}
