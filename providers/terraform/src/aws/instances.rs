//! Instances.

use reachlint_aws::records::{Instance, InstanceState, Reservation, Sink};

use super::Overlay;
use super::interfaces::{New, addresses, tags};
use crate::change::Change;

const ADDRESSES: [&str; 3] = ["private_ip", "secondary_private_ips", "ipv6_addresses"];
const GROUPS: &str = "vpc_security_group_ids";

impl<'p> Overlay<'p, '_> {
    pub(super) fn remove_instance(&mut self, change: &'p Change) {
        let Some(id) = change.old_id().filter(|_| change.actions.delete) else { return };
        if !self.estate.has_instance(id) {
            return self.absent(change, id);
        }
        let (replaced, new) = (change.actions.create && !change.deposed, addresses(change.after(), &ADDRESSES));
        let interfaces = self.estate.interfaces_of(id);
        let old: Vec<_> = interfaces.iter().flat_map(|interface| self.estate.addresses_of(interface)).collect();
        if replaced && old.iter().any(|address| new.contains(address)) {
            // Its successor takes its addresses over.
            for interface in interfaces {
                self.estate.drop_interface(&interface);
            }
            return;
        }
        if replaced && new.is_empty() {
            let why = format!("`{}` ({id}) is replaced, and its new address is known only after apply", change.address);
            return self.estate.doubt(id, &why);
        }
        self.estate.set_instance_state(id, "terminated");
        let what = if replaced { "is replaced, and gets another address" } else { "is taken away by the plan" };
        self.estate.doubt(id, &format!("`{}` ({id}) {what}", change.address));
    }

    pub(super) fn add_instance(&mut self, change: &'p Change) -> Result<(), String> {
        if change.actions.create {
            return self.create_instance(change);
        }
        let id = change.new_id();
        let interfaces = self.estate.interfaces_of(id);
        // The attributes of an instance are those of its primary interface (aws_instance, vpc_security_group_ids).
        let Some(primary) = interfaces.first() else {
            self.absent(change, id);
            return Ok(());
        };
        if change.alters(GROUPS) {
            let groups = self.groups_in(change, GROUPS);
            self.carry(change, primary, groups, GROUPS);
        }
        if change.alters("source_dest_check")
            && let Ok(Some(on)) = change.after().get("source_dest_check").switch()
        {
            self.estate.set_source_dest_check(primary, on);
        }
        let secondary = "secondary_private_ips";
        if change.alters(secondary) && !change.after().get(secondary).is_open() {
            let old = addresses(change.before(), &[secondary]);
            let mut all = self.estate.addresses_of(primary);
            all.retain(|address| !old.contains(address));
            all.extend(addresses(change.after(), &[secondary]));
            self.estate.set_addresses(primary, &all);
        }
        Ok(())
    }

    fn create_instance(&mut self, change: &'p Change) -> Result<(), String> {
        let after = change.after();
        let instance = Instance {
            instance_id: change.address.clone().into(),
            state: Some(InstanceState { name: "running".into() }),
            tags: tags(after),
            ..Instance::default()
        };
        self.estate.reservation(Reservation { instances: vec![instance], ..Reservation::default() })?;
        // With interfaces of its own making the instance brings none (aws_instance, network_interface).
        if after.get("network_interface").elements().is_ok_and(|given| !given.is_empty()) {
            return Ok(());
        }
        // What is not said is up to the subnet (`aws_instance`, `associate_public_ip_address`).
        let id = format!("{}.primary_network_interface_id", change.address);
        if !matches!(after.get("associate_public_ip_address").switch(), Ok(Some(false))) {
            let why = format!("whether `{}` gets a public address is known only after apply", change.address);
            self.estate.doubt_public(&id, &why);
        }
        let new = New {
            id,
            instance: Some(change.address.clone()),
            groups: self.groups_in(change, GROUPS),
            names_groups: GROUPS,
            addresses: addresses(after, &ADDRESSES),
            device_index: 0,
        };
        self.create_interface(change, new)
    }
}
