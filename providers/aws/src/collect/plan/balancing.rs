//! What stands behind load balancers: listeners, their rules, target groups and targets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Plan, is_assignable};
use crate::collect::Wanted;
use crate::collect::calls::Ask;
use crate::collect::targets::holds;
use crate::records::{Listener, ListenerAction, Listing, TargetGroup};

/// Load balancers that a call may name (Elastic Load Balancing API, `DescribeLoadBalancers`).
const MOST_NAMES: usize = 20;

fn is_application(balancer_or_listener: &str) -> bool {
    ["loadbalancer/app/", "listener/app/"].iter().any(|part| balancer_or_listener.contains(part))
}

/// The target groups that actions name.
fn named<'a>(actions: &'a [ListenerAction<'static>]) -> impl Iterator<Item = &'a str> {
    let shares = |action: &'a ListenerAction<'static>| {
        let config = action.forward_config.iter().flat_map(|config| &config.target_groups);
        config.map(|share| &*share.target_group_arn).chain(action.target_group_arn.as_deref())
    };
    actions.iter().flat_map(shares).filter(|arn| !arn.is_empty())
}

impl Plan {
    /// Load balancers whose interfaces have a wanted address, and what is behind them.
    pub(super) fn ask_balancers(&mut self, asks: &mut Vec<Ask>) {
        let wanted: BTreeSet<String> = self
            .records
            .interfaces
            .iter()
            .filter(|interface| holds(interface, &self.addresses))
            .filter_map(|interface| interface.description.as_deref()?.strip_prefix("ELB "))
            .filter(|name| name.starts_with("app/") || name.starts_with("net/"))
            .map(str::to_owned)
            .collect();
        let mut fresh = Vec::new();
        for end in wanted {
            if let Some(name) = end.split('/').nth(1).map(str::to_owned)
                && self.asked.insert((Listing::LoadBalancers, "names".to_owned(), name.clone()))
            {
                fresh.push((name, end));
            }
        }
        for some in fresh.chunks(MOST_NAMES) {
            let (names, resources) = some.iter().cloned().unzip();
            let filter = Some(("names".to_owned(), names));
            asks.push(Ask { listing: Listing::LoadBalancers, filter, about: None, resources });
        }
        self.ask_behind_balancers(asks);
        self.ask_for_targets(asks);
    }

    /// Everything about the load balancers that are known.
    pub(super) fn ask_behind_balancers(&mut self, asks: &mut Vec<Ask>) {
        let everything = matches!(self.wanted, Wanted::Everything);
        let records = &self.records;
        let balancers: Vec<String> =
            records.load_balancers.iter().map(|balancer| balancer.load_balancer_arn.to_string()).collect();
        let listeners: BTreeSet<String> = records
            .listeners
            .values()
            .flatten()
            .map(|listener: &Listener<'_>| listener.listener_arn.to_string())
            .filter(|arn| is_application(arn))
            .collect();
        let functions: BTreeSet<String> = records
            .target_groups
            .iter()
            .filter(|group| group.target_type.as_deref() == Some("lambda"))
            .map(|group| group.target_group_arn.to_string())
            .collect();
        let defaults = records.listeners.values().flatten().flat_map(|listener| named(&listener.default_actions));
        let ruled = records.listener_rules.iter().flat_map(|rule| named(&rule.actions));
        let in_use = |group: &&TargetGroup<'_>| !group.load_balancer_arns.is_empty();
        let listed = records.target_groups.iter().filter(in_use).map(|group| &*group.target_group_arn);
        let groups: BTreeSet<String> = defaults.chain(ruled).chain(listed).map(str::to_owned).collect();
        for balancer in balancers.iter().filter(|arn| !arn.is_empty()) {
            self.ask_about(asks, Listing::Listeners, balancer);
            if !everything {
                self.ask_about(asks, Listing::TargetGroups, balancer);
            }
            // An Application Load Balancer sends to all zones, and this cannot be changed for it as a whole.
            if !is_application(balancer) {
                self.ask_about(asks, Listing::LoadBalancerAttributes, balancer);
            }
        }
        for listener in &listeners {
            self.ask_about(asks, Listing::Rules, listener);
        }
        for group in groups.iter().filter(|arn| !arn.is_empty()) {
            self.ask_about(asks, Listing::TargetHealth, group);
            // Nothing that may be set decides about a function.
            if !functions.contains(group) {
                self.ask_about(asks, Listing::TargetGroupAttributes, group);
            }
        }
    }

    /// Interfaces of the targets: they are searched for as upstreams are.
    fn ask_for_targets(&mut self, asks: &mut Vec<Ask>) {
        let (mut machines, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for target in self.records.targets.values().flatten() {
            let id = &*target.target.id;
            match id.parse::<IpAddr>() {
                Ok(address) => addresses.extend(Some(address.to_canonical()).filter(is_assignable)),
                Err(_) if id.starts_with("i-") => machines.extend([id.to_owned()]),
                Err(_) => {}
            }
        }
        self.ask(asks, Listing::NetworkInterfaces, "attachment.instance-id", machines);
        self.addresses.extend(addresses);
    }
}
