//! Instances, interfaces and subnets.

use std::net::IpAddr;

use super::super::Estate;
use super::super::estate::RawInterface;

/// Where a subnet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetPlace {
    /// Its VPC.
    pub vpc: String,
    /// Its availability zone.
    pub zone: Option<String>,
    /// The account that owns the VPC.
    pub account: Option<String>,
}

impl Estate {
    /// Whether an instance is in the evidence, by itself or as the holder of interfaces.
    #[must_use]
    pub fn has_instance(&self, id: &str) -> bool {
        let id = self.names.find(id);
        id.is_some_and(|id| self.instances.contains_key(&id) || self.instances_with_interfaces.contains(&id))
    }

    /// Whether an interface is in the evidence.
    #[must_use]
    pub fn has_interface(&self, id: &str) -> bool {
        self.names.find(id).is_some_and(|id| self.interface_at.contains_key(&id))
    }

    /// The interfaces of an instance, the primary one first.
    #[must_use]
    pub fn interfaces_of(&self, instance: &str) -> Vec<String> {
        let Some(instance) = self.names.find(instance) else { return Vec::new() };
        let mut found: Vec<_> = self.interfaces.iter().filter(|raw| raw.instance == Some(instance)).collect();
        found.sort_by_key(|raw| raw.device_index);
        found.into_iter().map(|raw| self.names.get(raw.id).to_owned()).collect()
    }

    fn raw_interface(&mut self, id: &str) -> Option<&mut RawInterface> {
        let at = *self.interface_at.get(&self.names.find(id)?)?;
        self.interfaces.get_mut(at)
    }

    /// The security groups of an interface.
    #[must_use]
    pub fn groups_of(&self, interface: &str) -> Vec<String> {
        let at = self.names.find(interface).and_then(|id| self.interface_at.get(&id));
        let raw = at.and_then(|at| self.interfaces.get(*at));
        let groups = raw.and_then(|raw| self.group_refs.get(raw.groups.clone())).unwrap_or_default();
        groups.iter().map(|group| self.names.get(*group).to_owned()).collect()
    }

    /// Gives an interface other security groups.
    pub fn set_groups(&mut self, interface: &str, groups: &[String]) {
        let start = self.group_refs.len();
        for group in groups {
            let group = self.names.intern(group);
            self.group_refs.push(group);
        }
        let range = start..self.group_refs.len();
        if let Some(raw) = self.raw_interface(interface) {
            raw.groups = range;
        }
    }

    /// Gives an interface other private addresses, the primary one first; public ones stay with those that stay.
    pub fn set_addresses(&mut self, interface: &str, addresses: &[IpAddr]) {
        let Some(old) = self.raw_interface(interface).map(|raw| raw.addresses.clone()) else { return };
        let old = self.addresses.get(old).unwrap_or_default().to_vec();
        let start = self.addresses.len();
        for private in addresses {
            let public = old.iter().find(|(known, _)| known == private).and_then(|(_, public)| *public);
            self.addresses.push((*private, public));
        }
        let range = start..self.addresses.len();
        if let Some(raw) = self.raw_interface(interface) {
            raw.addresses = range;
        }
    }

    /// The private addresses of an interface.
    #[must_use]
    pub fn addresses_of(&self, interface: &str) -> Vec<IpAddr> {
        let at = self.names.find(interface).and_then(|id| self.interface_at.get(&id));
        let raw = at.and_then(|at| self.interfaces.get(*at));
        let addresses = raw.and_then(|raw| self.addresses.get(raw.addresses.clone())).unwrap_or_default();
        addresses.iter().map(|(private, _)| *private).collect()
    }

    /// Switches the check of source and destination of an interface.
    pub fn set_source_dest_check(&mut self, interface: &str, on: bool) {
        if let Some(raw) = self.raw_interface(interface) {
            raw.source_dest_check = on;
        }
    }

    /// Detaches an interface from whatever holds it.
    pub fn detach(&mut self, interface: &str) {
        if let Some(raw) = self.raw_interface(interface) {
            raw.attached = false;
        }
    }

    /// Takes an interface away.
    pub fn drop_interface(&mut self, id: &str) {
        let Some(id) = self.names.find(id) else { return };
        self.interfaces.retain(|raw| raw.id != id);
        self.interface_at = self.interfaces.iter().enumerate().map(|(at, raw)| (raw.id, at)).collect();
    }

    /// Puts an instance into another state.
    pub fn set_instance_state(&mut self, id: &str, state: &str) {
        let (id, state) = (self.names.intern(id), self.names.intern(state));
        self.instances.entry(id).or_default().state = Some(state);
    }

    /// Where a subnet is, as far as the evidence has it.
    #[must_use]
    pub fn place_of_subnet(&self, id: &str) -> Option<SubnetPlace> {
        let id = self.names.find(id)?;
        let subnet = self.subnets.get(&id);
        let neighbour = self.interfaces.iter().find(|raw| raw.subnet == id);
        let vpc = subnet.and_then(|subnet| subnet.vpc).or(neighbour.map(|raw| raw.vpc))?;
        let zone = subnet.and_then(|subnet| subnet.zone.0).or(neighbour.map(|raw| raw.zone));
        let account = self.vpc_owners.get(&vpc).copied().or(neighbour.map(|raw| raw.account));
        let text = |id| self.names.get(id).to_owned();
        Some(SubnetPlace { vpc: text(vpc), zone: zone.map(text), account: account.map(text) })
    }

    /// The subnets of a VPC.
    #[must_use]
    pub fn subnets_in(&self, vpc: &str) -> Vec<String> {
        let Some(vpc) = self.names.find(vpc) else { return Vec::new() };
        let found = self.subnets.iter().filter(|(_, subnet)| subnet.vpc == Some(vpc));
        found.map(|(id, _)| self.names.get(*id).to_owned()).collect()
    }
}
