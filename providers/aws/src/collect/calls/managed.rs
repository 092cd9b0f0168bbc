//! The calls about databases, caches and search domains.

use super::{Answer, Records, endless};
use crate::collect::convert;
use crate::collect::fault::Fault;
use crate::records::Listing;

/// Most records on a page (RDS and `ElastiCache` APIs).
const MOST: i32 = 100;
/// Search domains that a call may name (`OpenSearch` Service API, `DescribeDomains`).
const MOST_DOMAINS: usize = 5;

pub(super) async fn databases(client: &aws_sdk_rds::Client, answer: &mut Answer) {
    if answer.ask.listing == Listing::DbInstances {
        let request = client.describe_db_instances().max_records(MOST);
        let take = |records: &mut Records, found: Vec<_>| {
            records.databases.extend(found.into_iter().map(convert::database));
        };
        every_page!(answer, request, marker, db_instances, take, |_: &_| ());
    } else {
        let request = client.describe_db_clusters().max_records(MOST);
        let take = |records: &mut Records, found: Vec<_>| {
            records.database_clusters.extend(found.into_iter().map(convert::database_cluster));
        };
        every_page!(answer, request, marker, db_clusters, take, |_: &_| ());
    }
}

pub(super) async fn caches(client: &aws_sdk_elasticache::Client, answer: &mut Answer) {
    if answer.ask.listing == Listing::CacheClusters {
        // Without the nodes nobody knows how many there are, and where.
        let request = client.describe_cache_clusters().show_cache_node_info(true).max_records(MOST);
        let take = |records: &mut Records, found: Vec<_>| {
            records.caches.extend(found.into_iter().map(convert::cache));
        };
        every_page!(answer, request, marker, cache_clusters, take, |_: &_| ());
    } else {
        let request = client.describe_replication_groups().max_records(MOST);
        let take = |records: &mut Records, found: Vec<_>| {
            records.replication_groups.extend(found.into_iter().map(convert::replication_group));
        };
        every_page!(answer, request, marker, replication_groups, take, |_: &_| ());
    }
}

/// Domains are described by name, so for all of them their names come first.
pub(super) async fn search_domains(client: &aws_sdk_opensearch::Client, answer: &mut Answer) {
    let names = match answer.ask.filter.clone() {
        Some((_, names)) => names,
        None => match client.list_domain_names().send().await {
            Ok(page) => page.domain_names.unwrap_or_default().into_iter().filter_map(|it| it.domain_name).collect(),
            Err(error) => {
                let fault = Fault::of(&error);
                let message = format!("{}: {}", crate::collect::LIST_DOMAINS, fault.message);
                answer.fault = Some(Fault { message, ..fault });
                return;
            }
        },
    };
    answer.page(0);
    for some in names.chunks(MOST_DOMAINS) {
        match client.describe_domains().set_domain_names(Some(some.to_vec())).send().await {
            Ok(page) => {
                answer.page(page.domain_status_list.len());
                let found = page.domain_status_list.into_iter().map(convert::search_domain);
                answer.records.search_domains.extend(found);
            }
            Err(error) => {
                answer.fault = Some(Fault::of(&error));
                return;
            }
        }
    }
}
