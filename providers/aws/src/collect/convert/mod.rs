//! The SDK's types as records.
//!
//! The SDK's types cannot be serialised, and the records are what files hold, so everything passes through here once.
//! Values are moved, and a word of an enumeration that this SDK does not know yet stays the word that AWS sent.

mod access;
mod balancing;
mod group;
mod interface;
mod managed;
mod routing;
mod transit;
mod vpc;
mod zones;

pub(super) use access::{exclusion, public_access};
pub(super) use balancing::{attribute, listener, listener_rule, load_balancer, target, target_group};
pub(super) use group::{entry, group, prefix_list, rule};
pub(super) use interface::{elastic_address, interface, reservation};
pub(super) use managed::{
    cache, classic_attributes, classic_balancer, classic_health, database, database_cluster, replication_group,
    search_domain, vpc_endpoint,
};
pub(super) use routing::{egress_only_gateway, internet_gateway, nat_gateway, peering, route_table};
pub(super) use transit::{
    transit_association, transit_attachment, transit_gateway, transit_policy_table, transit_route, transit_table,
};
pub(super) use vpc::{network_acl, subnet, vpc};
pub(super) use zones::{record_set, zone_summary};

use aws_sdk_ec2::types;

use crate::records::{Tag, Text};

fn text(value: Option<String>) -> Option<Text<'static>> {
    value.map(Text::from)
}

/// What identifies a record. One without it is passed over when it is read back, and said so there.
fn id(value: Option<String>) -> Text<'static> {
    Text::from(value.unwrap_or_default())
}

fn word(value: &str) -> Text<'static> {
    Text::from(value.to_owned())
}

fn list<F, T>(values: Option<Vec<F>>, convert: impl Fn(F) -> T) -> Vec<T> {
    values.unwrap_or_default().into_iter().map(convert).collect()
}

fn tags(values: Option<Vec<types::Tag>>) -> Vec<Tag<'static>> {
    list(values, |tag| Tag { key: id(tag.key), value: id(tag.value) })
}
