//! The calls of Elastic Load Balancing.

use aws_sdk_elasticloadbalancingv2::Client;

use super::{Answer, Records, endless, nothing_of_that_name};
use crate::collect::convert;
use crate::collect::fault::Fault;
use crate::records::Listing;

/// Most records on a page (Elastic Load Balancing API). It is for those who ask for all: what is about one thing comes
/// on as few pages anyway.
const MOST: i32 = 400;

pub(super) async fn answer(client: &Client, answer: &mut Answer) {
    match answer.ask.listing {
        Listing::LoadBalancers => load_balancers(client, answer).await,
        Listing::Listeners => listeners(client, answer).await,
        Listing::Rules => rules(client, answer).await,
        Listing::TargetGroups => target_groups(client, answer).await,
        Listing::TargetHealth => targets(client, answer).await,
        Listing::TargetGroupAttributes => target_group_attributes(client, answer).await,
        Listing::LoadBalancerAttributes => load_balancer_attributes(client, answer).await,
        _ => {}
    }
}

async fn load_balancers(client: &Client, answer: &mut Answer) {
    let names = answer.ask.filter.clone().map(|(_, names)| names);
    let size = names.is_none().then_some(MOST);
    let request = client.describe_load_balancers().set_names(names).set_page_size(size);
    let take = |records: &mut Records, found: Vec<_>| {
        records.load_balancers.extend(found.into_iter().map(convert::load_balancer));
    };
    every_page!(answer, request, next_marker, load_balancers, take, |_: &_| ());
    nothing_of_that_name(answer);
}

async fn listeners(client: &Client, answer: &mut Answer) {
    let balancer = answer.ask.about.clone().unwrap_or_default();
    let request = client.describe_listeners().load_balancer_arn(&balancer);
    let take = |records: &mut Records, found: Vec<_>| {
        records.listeners.entry(balancer.clone()).or_default().extend(found.into_iter().map(convert::listener));
    };
    every_page!(answer, request, next_marker, listeners, take, |_: &_| ());
}

async fn rules(client: &Client, answer: &mut Answer) {
    let listener = answer.ask.about.clone().unwrap_or_default();
    let request = client.describe_rules().listener_arn(&listener);
    let take = |records: &mut Records, found: Vec<_>| {
        records.listener_rules.extend(found.into_iter().map(convert::listener_rule));
    };
    every_page!(answer, request, next_marker, rules, take, |_: &_| ());
}

async fn target_groups(client: &Client, answer: &mut Answer) {
    let balancer = answer.ask.about.clone();
    let size = balancer.is_none().then_some(MOST);
    let request = client.describe_target_groups().set_load_balancer_arn(balancer).set_page_size(size);
    let take = |records: &mut Records, found: Vec<_>| {
        records.target_groups.extend(found.into_iter().map(convert::target_group));
    };
    every_page!(answer, request, next_marker, target_groups, take, |_: &_| ());
}

async fn targets(client: &Client, answer: &mut Answer) {
    let group = answer.ask.about.clone().unwrap_or_default();
    match client.describe_target_health().target_group_arn(&group).send().await {
        Ok(page) => {
            let found = page.target_health_descriptions.unwrap_or_default();
            answer.page(found.len());
            answer.records.targets.insert(group, found.into_iter().map(convert::target).collect());
        }
        Err(error) => answer.fault = Some(Fault::of(&error)),
    }
}

async fn target_group_attributes(client: &Client, answer: &mut Answer) {
    let group = answer.ask.about.clone().unwrap_or_default();
    match client.describe_target_group_attributes().target_group_arn(&group).send().await {
        Ok(page) => {
            let found = page.attributes.unwrap_or_default();
            let found = found.into_iter().map(|one| convert::attribute(one.key, one.value)).collect();
            attributes(answer, group, found);
        }
        Err(error) => answer.fault = Some(Fault::of(&error)),
    }
}

async fn load_balancer_attributes(client: &Client, answer: &mut Answer) {
    let balancer = answer.ask.about.clone().unwrap_or_default();
    match client.describe_load_balancer_attributes().load_balancer_arn(&balancer).send().await {
        Ok(page) => {
            let found = page.attributes.unwrap_or_default();
            let found = found.into_iter().map(|one| convert::attribute(one.key, one.value)).collect();
            attributes(answer, balancer, found);
        }
        Err(error) => answer.fault = Some(Fault::of(&error)),
    }
}

fn attributes(answer: &mut Answer, of: String, found: Vec<crate::records::BalancingAttribute<'static>>) {
    answer.page(found.len());
    answer.records.attributes.insert(of, found);
}
