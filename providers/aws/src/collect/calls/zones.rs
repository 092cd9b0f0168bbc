//! The calls of Route 53, which has no helpers for the pages of these.

use aws_sdk_route53::Client;
use aws_sdk_route53::types::VpcRegion;

use super::{Answer, endless};
use crate::collect::convert;
use crate::collect::fault::Fault;
use crate::records::Listing;

/// Most records on a page (Route 53 API).
const MOST_ZONES: i32 = 100;
const MOST_RECORDS: i32 = 300;

pub(super) async fn answer(client: &Client, region: &str, answer: &mut Answer) {
    match answer.ask.listing {
        Listing::ZonesOfVpc => zones(client, region, answer).await,
        Listing::ZoneRecords => records(client, answer).await,
        _ => {}
    }
}

async fn zones(client: &Client, region: &str, answer: &mut Answer) {
    let vpc = answer.ask.about.clone().unwrap_or_default();
    let mut token: Option<String> = None;
    loop {
        let request = client.list_hosted_zones_by_vpc().vpc_id(&vpc).vpc_region(VpcRegion::from(region));
        match request.max_items(MOST_ZONES).set_next_token(token.clone()).send().await {
            Ok(page) => {
                let on = answer.page(page.hosted_zone_summaries.len());
                let found = page.hosted_zone_summaries.into_iter().map(convert::zone_summary);
                answer.records.zones.entry(vpc.clone()).or_default().extend(found);
                match page.next_token.filter(|next| !next.is_empty()) {
                    None => return,
                    Some(next) if on && token.as_ref() != Some(&next) => token = Some(next),
                    Some(_) => break,
                }
            }
            Err(error) => {
                answer.fault = Some(Fault::of(&error));
                return;
            }
        }
    }
    answer.fault = Some(endless());
}

async fn records(client: &Client, answer: &mut Answer) {
    let zone = answer.ask.about.clone().unwrap_or_default();
    let mut next = (None, None, None);
    loop {
        let (name, kind, set) = next.clone();
        let request = client.list_resource_record_sets().hosted_zone_id(&zone).max_items(MOST_RECORDS);
        let request = request.set_start_record_name(name).set_start_record_type(kind).set_start_record_identifier(set);
        match request.send().await {
            Ok(page) => {
                let on = answer.page(page.resource_record_sets.len());
                let found = page.resource_record_sets.into_iter().map(convert::record_set);
                answer.records.zone_records.entry(zone.clone()).or_default().extend(found);
                let following = (page.next_record_name, page.next_record_type, page.next_record_identifier);
                match page.is_truncated {
                    false => return,
                    true if on && following.0.is_some() && following != next => next = following,
                    true => break,
                }
            }
            Err(error) => {
                answer.fault = Some(Fault::of(&error));
                return;
            }
        }
    }
    answer.fault = Some(endless());
}
