//! Answers that do not repeat what they were asked about.
//!
//! They are attributed by a key beside them with the request's own parameter name, by being the value under the id, or
//! by an id in the file's name.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Addon, BalancingAttribute, ClassicAttributes, ClassicHealth, ContainerInstance, EcsTask, HostedZone, Listener,
    ListenerRule, Listing, PrefixListEntry, ResourceRecordSet, Service, Sink, TargetHealthDescription, Text,
    TransitGatewayAssociation, TransitGatewayRoute, ZoneSummary, ZoneVpc,
};

/// What tells a rule of a listener from rules of other services.
const LISTENER_RULE: &str = ":listener-rule/";

/// Whether a listing's records do not say what they are about, or only where there is one.
pub(super) fn is_attributed(listing: Listing) -> bool {
    use Listing::{ClassicHealth, Listeners, PrefixListEntries, TargetHealth, ZoneRecords, ZonesOfVpc};
    matches!(listing, PrefixListEntries | Listeners | TargetHealth | ZoneRecords | ZonesOfVpc | ClassicHealth)
        || is_common(listing)
}

/// Whether a listing stands under a word that other services use as well.
pub(super) fn is_common(listing: Listing) -> bool {
    use Listing::{
        Addons, ClassicAttributes, ContainerInstances, LoadBalancerAttributes, Rules, TargetGroupAttributes, Tasks,
        TransitAssociations, TransitRoutes, ZoneVpcs,
    };
    matches!(listing, TargetGroupAttributes | LoadBalancerAttributes | Rules | TransitAssociations | TransitRoutes)
        || matches!(listing, ZoneVpcs | Tasks | ContainerInstances | Addons | ClassicAttributes)
}

/// Whether a word is the id of a hosted zone, such as `Z0123456789ABCDEFGHIJ`.
pub(super) fn is_zone_id(word: &str) -> bool {
    let id = word.strip_prefix("/hostedzone/").unwrap_or(word);
    let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    id.starts_with('Z') && id.len() >= 8 && id.chars().all(letters)
}

/// Whether a key is an id under which an answer stands.
pub(super) fn is_id(key: &str) -> bool {
    key.starts_with("pl-") || key.starts_with("tgw-rtb-") || is_balancing(key)
}

/// Whether an ARN is one of Elastic Load Balancing.
fn is_balancing(arn: &str) -> bool {
    arn.starts_with("arn:") && arn.split(':').nth(2) == Some("elasticloadbalancing")
}

fn is_balancer(arn: &str) -> bool {
    is_balancing(arn) && arn.contains(":loadbalancer/")
}

/// The keys of a document that say more than one record.
#[derive(Default)]
pub(super) struct Page {
    /// Whether further pages follow.
    pub(super) more: bool,
    /// Whether a search found more routes than it gave.
    pub(super) more_routes: bool,
    /// The ids that were asked about, under the names of the request's parameters.
    pub(super) asked: Vec<(String, String)>,
    /// What is still to be attributed.
    pub(super) parts: Vec<(Listing, Box<RawValue>)>,
    /// A hosted zone.
    pub(super) zone: Option<Box<RawValue>>,
}

impl Page {
    /// What makes it certain that the parts are evidence: what was asked about, or an id in the file's name.
    pub(super) fn about<'p>(&'p self, file: &'p str) -> Option<&'p str> {
        let asked = self.asked.iter().map(|(_, id)| id.as_str()).find(|id| !id.is_empty());
        let named = asked.or_else(|| id_in(file, "pl-")).or_else(|| id_in(file, "tgw-rtb-")).or_else(|| zone_in(file));
        let named = named.or_else(|| vpc_in(file));
        let own =
            self.parts.iter().any(|(listing, records)| is_of_ecs(*listing, records.get())).then_some("an ARN of ECS");
        named.or(own).filter(|_| !self.parts.is_empty())
    }

    /// A hosted zone with its VPCs.
    fn zone(&self, sink: &mut dyn Sink, found: &mut Vec<(Listing, usize)>) -> Result<(), String> {
        let wrong = |error: serde_json::Error| error.to_string();
        let Some(zone) = &self.zone else { return Ok(()) };
        let zone: HostedZone<'_> = serde_json::from_str(zone.get()).map_err(wrong)?;
        let vpcs = self.parts.iter().find(|(listing, _)| *listing == Listing::ZoneVpcs);
        let vpcs: Option<Vec<ZoneVpc<'_>>> =
            vpcs.map(|(_, records)| serde_json::from_str(records.get())).transpose().map_err(wrong)?;
        sink.hosted_zone(&zone, vpcs.as_deref())?;
        found.push((Listing::ZoneVpcs, 1));
        Ok(())
    }

    /// Hands on what can be attributed; what was found.
    pub(super) fn hand_on(&self, file: &str, sink: &mut dyn Sink) -> Result<Vec<(Listing, usize)>, String> {
        let asked = |parameter: &str| {
            self.asked.iter().find(|(key, id)| key == parameter && !id.is_empty()).map(|(_, id)| id.as_str())
        };
        let mut found = Vec::new();
        self.zone(sink, &mut found)?;
        for (listing, records) in &self.parts {
            let mut answer = Answer { more: self.more, more_routes: Some(self.more_routes), ..Answer::default() };
            let records = records.get();
            let wrong = |error: serde_json::Error| error.to_string();
            let of = match listing {
                Listing::PrefixListEntries => {
                    answer.entries = Some(serde_json::from_str(records).map_err(wrong)?);
                    asked("PrefixListId").or_else(|| id_in(file, "pl-"))
                }
                Listing::Listeners => {
                    let listeners: Vec<Listener<'_>> = serde_json::from_str(records).map_err(wrong)?;
                    // Other services have listeners too, of nothing that is known here.
                    let ours = |listener: &&Listener<'_>| listener.load_balancer_arn.is_some();
                    let count = listeners.iter().filter(ours).count();
                    let balancer = asked("LoadBalancerArn");
                    if count > 0 || (balancer.is_some() && listeners.is_empty()) {
                        sink.listeners(balancer, &listeners, self.more)?;
                        found.push((Listing::Listeners, count));
                    }
                    continue;
                }
                Listing::Rules => {
                    if records.contains(LISTENER_RULE) {
                        let mut rules: Vec<ListenerRule<'_>> = serde_json::from_str(records).map_err(wrong)?;
                        rules.retain(|rule| rule.rule_arn.contains(LISTENER_RULE));
                        sink.rules(&rules, self.more)?;
                        found.push((Listing::Rules, rules.len()));
                    }
                    continue;
                }
                Listing::TargetHealth => {
                    let group = asked("TargetGroupArn");
                    if group.is_some() {
                        answer.targets = Some(serde_json::from_str(records).map_err(wrong)?);
                    }
                    group
                }
                Listing::ZoneVpcs => continue,
                Listing::ZonesOfVpc => {
                    let vpc = asked("VPCId").or_else(|| vpc_in(file));
                    if vpc.is_some() {
                        answer.zones = Some(serde_json::from_str(records).map_err(wrong)?);
                    }
                    vpc
                }
                Listing::ZoneRecords => {
                    let Some(zone) = asked("HostedZoneId").or_else(|| zone_in(file)) else { continue };
                    let sets: Vec<ResourceRecordSet<'_>> = serde_json::from_str(records).map_err(wrong)?;
                    sink.zone_records(zone, &sets, self.more)?;
                    found.push((Listing::ZoneRecords, sets.len()));
                    continue;
                }
                Listing::Tasks | Listing::ContainerInstances => {
                    found.extend(of_ecs(*listing, records, sink)?);
                    continue;
                }
                Listing::Addons => {
                    if let Ok(addon) = serde_json::from_str::<Addon<'_>>(records)
                        && !addon.addon_name.is_empty()
                        && !addon.cluster_name.is_empty()
                    {
                        sink.service(Service::Addon(addon))?;
                        found.push((Listing::Addons, 1));
                    }
                    continue;
                }
                Listing::ClassicHealth | Listing::ClassicAttributes => {
                    found.extend(of_classic(*listing, records, asked("LoadBalancerName"), sink)?);
                    continue;
                }
                Listing::TransitAssociations | Listing::TransitRoutes => {
                    let table = asked("TransitGatewayRouteTableId").or_else(|| id_in(file, "tgw-rtb-"));
                    match listing {
                        _ if table.is_none() => {}
                        Listing::TransitRoutes => answer.routes = Some(serde_json::from_str(records).map_err(wrong)?),
                        _ => answer.associations = Some(serde_json::from_str(records).map_err(wrong)?),
                    }
                    table
                }
                _ => {
                    let of = asked("TargetGroupArn").or_else(|| asked("LoadBalancerArn"));
                    if of.is_some() {
                        answer.attributes = Some(serde_json::from_str(records).map_err(wrong)?);
                    }
                    of
                }
            };
            if let Some(of) = of {
                found.extend(answer.hand_on(of, sink)?);
            }
        }
        Ok(found)
    }
}

/// Answers that are about one thing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    #[serde(rename = "Entries", borrow)]
    entries: Option<Vec<PrefixListEntry<'a>>>,
    #[serde(rename = "Listeners", borrow)]
    listeners: Option<Vec<Listener<'a>>>,
    #[serde(rename = "TargetHealthDescriptions", borrow)]
    targets: Option<Vec<TargetHealthDescription<'a>>>,
    #[serde(rename = "Attributes", borrow)]
    attributes: Option<Vec<BalancingAttribute<'a>>>,
    #[serde(rename = "Associations", borrow)]
    associations: Option<Vec<TransitGatewayAssociation<'a>>>,
    #[serde(rename = "Routes", borrow)]
    routes: Option<Vec<TransitGatewayRoute<'a>>>,
    #[serde(rename = "HostedZoneSummaries", borrow)]
    zones: Option<Vec<ZoneSummary<'a>>>,
    #[serde(rename = "ResourceRecordSets", borrow)]
    zone_records: Option<Vec<ResourceRecordSet<'a>>>,
    #[serde(rename = "AdditionalRoutesAvailable")]
    more_routes: Option<bool>,
    #[serde(rename = "NextToken", alias = "NextMarker", borrow)]
    next: Option<Text<'a>>,
    #[serde(skip)]
    more: bool,
}

impl Answer<'_> {
    /// Hands on what is about this id; what was found.
    pub(super) fn hand_on(&self, of: &str, sink: &mut dyn Sink) -> Result<Vec<(Listing, usize)>, String> {
        let more = self.more || self.next.as_ref().is_some_and(|token| !token.is_empty());
        let mut found = Vec::new();
        if of.starts_with("pl-") {
            let entries = self.entries.as_deref().unwrap_or_default();
            sink.prefix_list_entries(of, entries, more)?;
            found.push((Listing::PrefixListEntries, entries.len()));
        }
        if let Some(listeners) = self.listeners.as_ref().filter(|_| is_balancer(of)) {
            sink.listeners(Some(of), listeners, more)?;
            found.push((Listing::Listeners, listeners.len()));
        }
        if let Some(targets) = self.targets.as_ref().filter(|_| is_balancing(of) && !is_balancer(of)) {
            sink.targets(of, targets)?;
            found.push((Listing::TargetHealth, targets.len()));
        }
        if let Some(attributes) = self.attributes.as_ref().filter(|_| is_balancing(of)) {
            sink.attributes(of, attributes)?;
            let listing =
                if is_balancer(of) { Listing::LoadBalancerAttributes } else { Listing::TargetGroupAttributes };
            found.push((listing, attributes.len()));
        }
        if let Some(associations) = self.associations.as_ref().filter(|_| of.starts_with("tgw-rtb-")) {
            sink.transit_associations(of, associations, more)?;
            found.push((Listing::TransitAssociations, associations.len()));
        }
        if let Some(routes) = self.routes.as_ref().filter(|_| of.starts_with("tgw-rtb-")) {
            sink.transit_routes(of, routes, more || self.more_routes == Some(true))?;
            found.push((Listing::TransitRoutes, routes.len()));
        }
        if let Some(zones) = self.zones.as_ref().filter(|_| of.starts_with("vpc-")) {
            sink.zones_of_vpc(of, zones, more)?;
            found.push((Listing::ZonesOfVpc, zones.len()));
        }
        if let Some(records) = self.zone_records.as_ref().filter(|_| is_zone_id(of)) {
            sink.zone_records(of, records, more)?;
            found.push((Listing::ZoneRecords, records.len()));
        }
        Ok(found)
    }
}

/// Whether this is what ECS prints; other services have tasks too.
fn is_of_ecs(listing: Listing, records: &str) -> bool {
    matches!(listing, Listing::Tasks | Listing::ContainerInstances) && records.contains(":ecs:")
}

fn of_ecs(listing: Listing, records: &str, sink: &mut dyn Sink) -> Result<Option<(Listing, usize)>, String> {
    if !is_of_ecs(listing, records) {
        return Ok(None);
    }
    let wrong = |error: serde_json::Error| error.to_string();
    let mut count = 0;
    if listing == Listing::Tasks {
        let tasks: Vec<EcsTask<'_>> = serde_json::from_str(records).map_err(wrong)?;
        for task in tasks.into_iter().filter(|task| !task.task_arn.is_empty()) {
            sink.service(Service::Task(task))?;
            count += 1;
        }
    } else {
        let machines: Vec<ContainerInstance<'_>> = serde_json::from_str(records).map_err(wrong)?;
        for machine in machines.into_iter().filter(|machine| !machine.container_instance_arn.is_empty()) {
            sink.service(Service::ContainerInstance(machine))?;
            count += 1;
        }
    }
    Ok((count > 0).then_some((listing, count)))
}

fn of_classic(
    listing: Listing,
    records: &str,
    balancer: Option<&str>,
    sink: &mut dyn Sink,
) -> Result<Option<(Listing, usize)>, String> {
    let wrong = |error: serde_json::Error| error.to_string();
    let Some(balancer) = balancer else { return Ok(None) };
    if listing == Listing::ClassicHealth {
        let states: Vec<ClassicHealth<'_>> = serde_json::from_str(records).map_err(wrong)?;
        sink.classic_health(balancer, &states)?;
        return Ok(Some((listing, states.len())));
    }
    let attributes: ClassicAttributes = serde_json::from_str(records).map_err(wrong)?;
    sink.classic_attributes(balancer, &attributes)?;
    Ok(Some((listing, 1)))
}

/// The id of a hosted zone in a file name such as `records-Z0123456789ABCDEFGHIJ.json`.
fn zone_in(name: &str) -> Option<&str> {
    name.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_zone_id(word))
}

/// The id of a VPC in a file name such as `zones-vpc-0123456789abcdef0.json`.
fn vpc_in(name: &str) -> Option<&str> {
    let ids = name.rmatch_indices("vpc-").filter_map(|(at, _)| id_in(name.get(at..)?, "vpc-"));
    let mut ids = ids.filter(|id| id.len() >= 12 && id.bytes().skip(4).all(|byte| byte.is_ascii_hexdigit()));
    ids.next()
}

/// The id with this beginning in a file name such as `entries-pl-0123456789abcdef0.json`.
fn id_in<'n>(name: &'n str, start: &str) -> Option<&'n str> {
    let id = name.get(name.find(start)?..)?;
    let rest = id.get(start.len()..)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    id.get(..start.len() + end).filter(|_| end > 0)
}
