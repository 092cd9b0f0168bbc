//! Network interfaces.

use std::net::IpAddr;

use reachlint_aws::records::{
    Attachment, GroupIdentifier, Ipv6Address, NetworkInterface, PrivateIpAddress, Sink, Tag, Text,
};

use super::{GROUPS, INTERFACES, Overlay, SUBNETS};
use crate::change::Change;
use crate::values::{Object, Why};

/// An interface that is to be created.
pub(super) struct New {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) groups: (Vec<String>, Option<Why>),
    /// The attribute that names the groups.
    pub(super) names_groups: &'static str,
    /// The primary address first.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) device_index: i32,
}

/// Tags as the provider merges them, or as the resource has them.
pub(super) fn tags(of: Object<'_>) -> Vec<Tag<'static>> {
    let all = of.get("tags_all").pairs();
    let all = if all.is_empty() { of.get("tags").pairs() } else { all };
    all.into_iter().map(|(key, value)| Tag { key: key.to_owned().into(), value: value.to_owned().into() }).collect()
}

/// Addresses in these attributes, each once; an unknown one is left out.
pub(super) fn addresses(of: Object<'_>, names: &[&str]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for name in names {
        let field = of.get(name);
        let alone = field.text().ok().flatten();
        let listed = field.elements().unwrap_or_default().into_iter().filter_map(|one| one.text().ok().flatten());
        for address in alone.into_iter().chain(listed).filter_map(|text| text.parse().ok()) {
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}

const ADDRESSES: [&str; 4] = ["private_ip", "private_ips", "private_ip_list", "ipv6_addresses"];

impl<'p> Overlay<'p, '_> {
    /// Adds an interface to the subnet of a change.
    pub(super) fn create_interface(&mut self, change: &'p Change, new: New) -> Result<(), String> {
        let subnet = match self.id(change, "subnet_id", SUBNETS) {
            Ok(Some(subnet)) => subnet,
            Ok(None) => {
                self.note(change, "it names no subnet, and AWS chooses one");
                return Ok(());
            }
            Err(why) => {
                self.note(change, &why.of(&change.address, "subnet_id"));
                return Ok(());
            }
        };
        let Some(place) = self.estate.place_of_subnet(&subnet) else {
            self.absent(change, &subnet);
            return Ok(());
        };
        if let Some(why) = new.groups.1 {
            self.estate.doubt_carrier(&new.id, &why.of(&change.address, new.names_groups));
        }
        let text = |text: &str| Text::from(text.to_owned());
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = new.addresses.into_iter().partition(IpAddr::is_ipv4);
        let v4 = v4.iter().enumerate().map(|(at, address)| PrivateIpAddress {
            private_ip_address: Some(text(&address.to_string())),
            primary: Some(at == 0),
            ..PrivateIpAddress::default()
        });
        let v6 = v6.iter().map(|address| Ipv6Address { ipv6_address: Some(text(&address.to_string())) });
        let groups = new.groups.0.iter();
        let groups = groups.map(|id| GroupIdentifier { group_id: text(id), ..GroupIdentifier::default() });
        let attached = new.instance.is_some();
        self.estate.interface(NetworkInterface {
            network_interface_id: text(&new.id),
            attachment: new.instance.map(|instance| Attachment {
                instance_id: Some(instance.into()),
                device_index: Some(new.device_index),
                status: Some("attached".into()),
            }),
            availability_zone: place.zone.map(Into::into),
            description: change.after().get("description").text().ok().flatten().map(text),
            groups: groups.collect(),
            interface_type: Some("interface".into()),
            ipv6_addresses: v6.collect(),
            owner_id: place.account.map(Into::into),
            private_ip_addresses: v4.collect(),
            source_dest_check: change.after().get("source_dest_check").switch().ok().flatten(),
            status: Some(if attached { "in-use" } else { "available" }.into()),
            subnet_id: Some(subnet.into()),
            vpc_id: Some(place.vpc.into()),
            tag_set: tags(change.after()),
            ..NetworkInterface::default()
        })
    }

    pub(super) fn remove_interface(&mut self, change: &'p Change) {
        let Some(id) = change.old_id().filter(|_| change.actions.delete) else { return };
        self.gone_interface(change, id, &addresses(change.after(), &ADDRESSES), change.actions.create);
    }

    /// Lets an interface go. Where its successor takes over its addresses nothing of it stays; where it is not known
    /// which the successor gets, they may be the same.
    pub(super) fn gone_interface(&mut self, change: &Change, id: &str, new: &[IpAddr], replaced: bool) {
        let old = self.estate.addresses_of(id);
        if old.iter().any(|address| new.contains(address)) {
            return self.estate.drop_interface(id);
        }
        let known = !new.is_empty();
        let why = match (replaced, known) {
            (true, false) => {
                format!("`{}` ({id}) is replaced, and its new address is known only after apply", change.address)
            }
            (true, true) => format!("`{}` ({id}) is replaced, and gets another address", change.address),
            (false, _) => format!("`{}` ({id}) is taken away by the plan", change.address),
        };
        if !replaced || known {
            self.estate.detach(id);
        }
        self.estate.doubt(id, &why);
    }

    pub(super) fn add_interface(&mut self, change: &'p Change) -> Result<(), String> {
        let (groups, after) = (self.groups_in(change, "security_groups"), change.after());
        if change.actions.create {
            let attachment = after.get("attachment").blocks().unwrap_or_default().into_iter().next();
            let instance = attachment.and_then(|attachment| {
                self.id_in(change, attachment.get("instance"), "attachment", &["aws_instance"]).ok().flatten()
            });
            let index = attachment.and_then(|attachment| attachment.get("device_index").number().ok().flatten());
            let new = New {
                id: change.address.clone(),
                instance,
                groups,
                names_groups: "security_groups",
                addresses: addresses(after, &ADDRESSES),
                device_index: index.unwrap_or(1),
            };
            return self.create_interface(change, new);
        }
        let id = change.new_id();
        if !self.estate.has_interface(id) {
            self.absent(change, id);
            return Ok(());
        }
        if change.alters("security_groups") {
            self.carry(change, id, groups, "security_groups");
        }
        if change.alters("source_dest_check")
            && let Ok(Some(on)) = after.get("source_dest_check").switch()
        {
            self.estate.set_source_dest_check(id, on);
        }
        if ADDRESSES.iter().any(|name| change.alters(name)) {
            let open = ADDRESSES.iter().find(|name| after.get(name).is_open() && change.alters(name));
            match open.filter(|name| self.plan.configures(change, name)) {
                Some(name) => self.estate.doubt(id, &Why::Later.of(&change.address, name)),
                None => self.estate.set_addresses(id, &addresses(after, &ADDRESSES)),
            }
        }
        Ok(())
    }

    /// Gives an interface the groups of a change.
    pub(super) fn carry(&mut self, change: &Change, interface: &str, groups: (Vec<String>, Option<Why>), name: &str) {
        if let Some(why) = groups.1 {
            self.estate.doubt_carrier(interface, &why.of(&change.address, name));
        }
        self.estate.set_groups(interface, &groups.0);
    }

    pub(super) fn remove_attachment(&mut self, change: &'p Change) {
        let old = change.before();
        let ids = (old.get("network_interface_id").text(), old.get("security_group_id").text());
        if let (Ok(Some(interface)), Ok(Some(group))) = ids {
            let groups = self.estate.groups_of(interface).into_iter().filter(|known| known != group);
            let groups: Vec<String> = groups.collect();
            self.estate.set_groups(interface, &groups);
        }
    }

    pub(super) fn add_attachment(&mut self, change: &'p Change) {
        let interface = self.id(change, "network_interface_id", INTERFACES);
        let group = self.id(change, "security_group_id", GROUPS);
        match (interface, group) {
            (Ok(Some(interface)), _) if !self.estate.has_interface(&interface) => self.absent(change, &interface),
            (Ok(Some(interface)), Ok(Some(group))) => {
                let mut groups = self.estate.groups_of(&interface);
                groups.push(group);
                self.estate.set_groups(&interface, &groups);
            }
            (Ok(Some(interface)), Err(why)) => {
                self.estate.doubt_carrier(&interface, &why.of(&change.address, "security_group_id"));
            }
            // An interface of unknown id is a new one.
            (Err(why), _) => self.note(change, &why.of(&change.address, "network_interface_id")),
            (Ok(_), Ok(_)) | (Ok(None), Err(_)) => {}
        }
    }
}
