//! Network ACLs.

use super::super::Estate;
use super::super::estate::RawAcl;
use crate::records::AclEntry;

impl Estate {
    fn acl(&mut self, id: &str) -> Option<&mut RawAcl> {
        let id = self.names.find(id)?;
        self.acls.iter_mut().find(|acl| acl.id == id)
    }

    /// Whether a network ACL is in the evidence.
    pub fn has_acl(&mut self, id: &str) -> bool {
        self.acl(id).is_some()
    }

    /// Adds an entry to a network ACL in place of the one with its number, which is unique in its direction (VPC guide,
    /// network ACL rules).
    ///
    /// # Errors
    /// When its block is none.
    pub fn add_entry(&mut self, acl: &str, entry: &AclEntry<'_>) -> Result<(), String> {
        let Some(new) = Self::raw_entry(entry, acl)? else { return Ok(()) };
        if let Some(acl) = self.acl(acl) {
            acl.entries.retain(|known| (known.number, known.egress) != (new.number, new.egress));
            acl.entries.push(new);
            acl.entries.sort_by_key(|entry| entry.number);
        }
        Ok(())
    }

    /// Takes an entry of a network ACL away.
    pub fn remove_entry(&mut self, acl: &str, number: i32, egress: bool) {
        if let Some(acl) = self.acl(acl) {
            acl.entries.retain(|known| (known.number, known.egress) != (number, egress));
        }
    }

    /// Takes all entries of a network ACL away.
    pub fn clear_entries(&mut self, acl: &str) {
        if let Some(acl) = self.acl(acl) {
            acl.entries.clear();
        }
    }

    /// Takes a network ACL away; its subnets go to the default one of the VPC.
    pub fn drop_acl(&mut self, id: &str) {
        let subnets = self.subnets_of_acl(id);
        for subnet in subnets {
            self.leave_acl(id, &subnet);
        }
        if let Some(id) = self.names.find(id) {
            self.acls.retain(|acl| acl.id != id);
        }
    }

    /// The subnets that a network ACL serves.
    pub fn subnets_of_acl(&mut self, id: &str) -> Vec<String> {
        let subnets = self.acl(id).map(|acl| acl.subnets.clone()).unwrap_or_default();
        subnets.into_iter().map(|subnet| self.names.get(subnet).to_owned()).collect()
    }

    /// Lets a network ACL serve a subnet, which has exactly one at a time (VPC guide, network ACL basics).
    pub fn join_acl(&mut self, id: &str, subnet: &str) {
        let subnet = self.names.intern(subnet);
        for acl in &mut self.acls {
            acl.subnets.retain(|served| *served != subnet);
        }
        if let Some(acl) = self.acl(id) {
            acl.subnets.push(subnet);
        }
    }

    /// Takes a subnet from a network ACL, if that serves it: then the default one of the VPC does.
    pub fn leave_acl(&mut self, id: &str, subnet: &str) {
        let subnet = self.names.intern(subnet);
        let Some(acl) = self.acl(id).filter(|acl| acl.subnets.contains(&subnet) && !acl.default) else { return };
        acl.subnets.retain(|served| *served != subnet);
        let vpc = acl.vpc;
        let default = self.acls.iter_mut().find(|acl| acl.default && vpc.is_some() && acl.vpc == vpc);
        if let Some(default) = default {
            default.subnets.push(subnet);
        }
    }

    /// The default network ACL of a VPC.
    #[must_use]
    pub fn default_acl(&self, vpc: &str) -> Option<String> {
        let vpc = self.names.find(vpc);
        let acl = self.acls.iter().find(|acl| acl.default && vpc.is_some() && acl.vpc == vpc)?;
        Some(self.names.get(acl.id).to_owned())
    }
}
