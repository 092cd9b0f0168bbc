//! Hosted zones and their records.

use aws_sdk_route53::types;

use super::{id, list, text, word};
use crate::records::{AliasTarget, ResourceRecord, ResourceRecordSet, ZoneOwner, ZoneSummary};

pub(in crate::collect) fn zone_summary(from: types::HostedZoneSummary) -> ZoneSummary<'static> {
    ZoneSummary {
        hosted_zone_id: id(Some(from.hosted_zone_id)),
        name: id(Some(from.name)),
        owner: from.owner.map(|owner| ZoneOwner {
            owning_account: text(owner.owning_account),
            owning_service: text(owner.owning_service),
        }),
    }
}

pub(in crate::collect) fn record_set(from: types::ResourceRecordSet) -> ResourceRecordSet<'static> {
    ResourceRecordSet {
        name: id(Some(from.name)),
        kind: word(from.r#type.as_str()),
        set_identifier: text(from.set_identifier),
        weight: from.weight,
        failover: from.failover.map(|failover| word(failover.as_str())),
        health_check_id: text(from.health_check_id),
        resource_records: list(from.resource_records, |record| ResourceRecord { value: id(Some(record.value)) }),
        alias_target: from.alias_target.map(|alias| AliasTarget {
            hosted_zone_id: id(Some(alias.hosted_zone_id)),
            dns_name: id(Some(alias.dns_name)),
            evaluate_target_health: alias.evaluate_target_health,
        }),
    }
}
