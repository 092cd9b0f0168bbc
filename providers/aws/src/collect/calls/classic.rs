//! The calls about Classic Load Balancers.

use aws_sdk_elasticloadbalancing::Client;

use super::{Answer, Records, endless, nothing_of_that_name};
use crate::collect::convert;
use crate::collect::fault::Fault;
use crate::records::Listing;

/// Most records on a page (Classic Load Balancer API).
const MOST: i32 = 400;

pub(super) async fn answer(client: &Client, answer: &mut Answer) {
    match answer.ask.listing {
        Listing::ClassicBalancers => balancers(client, answer).await,
        Listing::ClassicHealth => health(client, answer).await,
        Listing::ClassicAttributes => attributes(client, answer).await,
        _ => {}
    }
}

async fn balancers(client: &Client, answer: &mut Answer) {
    let names = answer.ask.filter.clone().map(|(_, names)| names);
    let size = names.is_none().then_some(MOST);
    let request = client.describe_load_balancers().set_load_balancer_names(names).set_page_size(size);
    let take = |records: &mut Records, found: Vec<_>| {
        records.classic_balancers.extend(found.into_iter().map(convert::classic_balancer));
    };
    every_page!(answer, request, next_marker, load_balancer_descriptions, take, |_: &_| ());
    nothing_of_that_name(answer);
}

async fn health(client: &Client, answer: &mut Answer) {
    let name = answer.ask.about.clone().unwrap_or_default();
    match client.describe_instance_health().load_balancer_name(&name).send().await {
        Ok(page) => {
            let found = page.instance_states.unwrap_or_default();
            answer.page(found.len());
            answer.records.classic_health.insert(name, found.into_iter().map(convert::classic_health).collect());
        }
        Err(error) => answer.fault = Some(Fault::of(&error)),
    }
}

async fn attributes(client: &Client, answer: &mut Answer) {
    let name = answer.ask.about.clone().unwrap_or_default();
    match client.describe_load_balancer_attributes().load_balancer_name(&name).send().await {
        Ok(page) => match page.load_balancer_attributes {
            Some(attributes) => {
                answer.page(1);
                answer.records.classic_attributes.insert(name, convert::classic_attributes(attributes));
            }
            None => answer.fault = Some(Fault::new("BrokenAnswer", "the answer holds no settings")),
        },
        Err(error) => answer.fault = Some(Fault::of(&error)),
    }
}
