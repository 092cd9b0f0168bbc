//! Peering connections, and subnets.

use reachlint_aws::records::{
    CidrBlock, Ipv6CidrAssociation, Ipv6CidrBlock, PeerVpc, PeeringStatus, Sink, Subnet, Text, VpcPeeringConnection,
};

use super::{Overlay, VPCS};
use crate::change::Change;

pub(super) const PEERINGS: &[&str] = &["aws_vpc_peering_connection"];

impl<'p> Overlay<'p, '_> {
    pub(super) fn remove_peering(&mut self, change: &'p Change) {
        if let Some(id) = change.old_id().filter(|_| change.actions.delete) {
            self.estate.set_peering(id, "deleted");
        }
    }

    pub(super) fn add_peering(&mut self, change: &'p Change) -> Result<(), String> {
        let after = change.after();
        let agreed = matches!(after.get("auto_accept").switch(), Ok(Some(true)));
        if !change.actions.create {
            let id = change.new_id();
            if !self.estate.has_peering(id) {
                self.absent(change, id);
            } else if agreed && change.alters("auto_accept") {
                self.estate.set_peering(id, "active");
            }
            return Ok(());
        }
        let side = |overlay: &Self, name: &str| {
            let vpc = overlay.id(change, name, VPCS).ok().flatten();
            let blocks = vpc.as_deref().map(|vpc| overlay.estate.blocks(vpc)).unwrap_or_default();
            let (v6, v4): (Vec<String>, Vec<String>) = blocks.into_iter().partition(|block| block.contains(':'));
            let v4 = v4.into_iter().map(|block| CidrBlock { cidr_block: Some(block.into()) });
            let v6 = v6.into_iter().map(|block| Ipv6CidrBlock { ipv6_cidr_block: Some(block.into()) });
            PeerVpc {
                vpc_id: vpc.map(Into::into),
                cidr_block_set: v4.collect(),
                ipv6_cidr_block_set: v6.collect(),
                ..PeerVpc::default()
            }
        };
        let (requester, mut accepter) = (side(self, "vpc_id"), side(self, "peer_vpc_id"));
        let text = |name: &str| after.get(name).text().ok().flatten().map(|text| Text::from(text.to_owned()));
        accepter.owner_id = text("peer_owner_id");
        if accepter.vpc_id.is_none() || requester.vpc_id.is_none() {
            let why = format!("`{}` is between VPCs that are known only after apply", change.address);
            self.estate.doubt(&change.address, &why);
        }
        if text("peer_region").is_some() {
            // The requester's Region is that of the provider, which a plan does not tell for certain.
            let why = format!("`{}` leads into another Region", change.address);
            self.estate.doubt(&change.address, &why);
        }
        // Without acceptance a peering stays pending and passes nothing (VPC peering guide, lifecycle).
        let code = if agreed { "active" } else { "pending-acceptance" };
        self.estate.peering(VpcPeeringConnection {
            vpc_peering_connection_id: change.address.clone().into(),
            requester_vpc_info: Some(requester),
            accepter_vpc_info: Some(accepter),
            status: Some(PeeringStatus { code: Some(code.into()) }),
            ..VpcPeeringConnection::default()
        })
    }

    pub(super) fn accept_peering(&mut self, change: &'p Change) {
        let accepts = matches!(change.after().get("auto_accept").switch(), Ok(Some(true)));
        match self.id(change, "vpc_peering_connection_id", PEERINGS) {
            Ok(Some(id)) if accepts => self.estate.set_peering(&id, "active"),
            Ok(_) => {}
            Err(why) => self.note(change, &why.of(&change.address, "vpc_peering_connection_id")),
        }
    }

    pub(super) fn remove_subnet(&mut self, change: &'p Change) {
        if let Some(id) = change.old_id().filter(|_| change.actions.delete) {
            self.estate.doubt(id, &format!("`{}` ({id}) is taken away by the plan", change.address));
        }
    }

    pub(super) fn add_subnet(&mut self, change: &'p Change) -> Result<(), String> {
        if !change.actions.create {
            // Nothing that can be changed in place decides about a connection (aws_subnet, argument reference).
            return Ok(());
        }
        let after = change.after();
        let Ok(Some(vpc)) = self.id(change, "vpc_id", VPCS) else { return Ok(()) };
        let text = |name: &str| after.get(name).text().ok().flatten().map(|text| Text::from(text.to_owned()));
        let v6 = text("ipv6_cidr_block")
            .map(|block| Ipv6CidrAssociation { ipv6_cidr_block: Some(block), ..Ipv6CidrAssociation::default() });
        self.serve_by_default(&vpc, &change.address);
        self.estate.subnet(Subnet {
            subnet_id: change.address.clone().into(),
            vpc_id: Some(vpc.into()),
            cidr_block: text("cidr_block"),
            ipv6_cidr_block_association_set: v6.into_iter().collect(),
            availability_zone: text("availability_zone"),
            ..Subnet::default()
        })
    }
}
