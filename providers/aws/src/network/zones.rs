//! Private hosted zones of Route 53: what the resolver of a VPC answers from them.
//!
//! Only the VPCs that a zone is associated with are answered from it, the zone with the longest matching domain answers,
//! and what it has no record of does not exist, whatever public DNS says (Route 53 guide, considerations when working
//! with a private hosted zone).

use std::net::IpAddr;

use reachlint_model::domain::{self, Found, is_in};
use reachlint_model::{Family, InterfaceId, Lookup, NameId, Names};
use rustc_hash::FxHashMap as HashMap;

use super::compile::{AwsNetwork, Compiler, is_refusal};
use super::names;
use crate::records::{HostedZone, Listing, ResourceRecordSet, ZoneSummary, ZoneVpc};

/// A hosted zone.
#[derive(Clone, Debug, Default)]
pub(super) struct Zone {
    /// Its domain as it is compared; none while only its records were read.
    domain: Option<String>,
    /// Whether it is private, where a record says so.
    private: Option<bool>,
    /// The VPCs that it is associated with, where they were read.
    vpcs: Option<Vec<NameId>>,
    /// VPCs among whose zones it is.
    among: Vec<NameId>,
    owner: Option<Owner>,
    /// Records by name, where they were read.
    records: Option<HashMap<String, Vec<Record>>>,
    /// Number of documents that say more records follow, and that do not.
    pages: (usize, usize),
}

/// Whose a zone is.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Account(NameId),
    /// A service of AWS, whose records nobody else can read (Route 53 API, `HostedZoneOwner`).
    Service(NameId),
}

/// Records of one name and type.
#[derive(Clone, Debug)]
struct Record {
    kind: Kind,
    /// Its set among those of a routing policy.
    set: Option<String>,
    weight: Option<i64>,
    secondary: bool,
    /// Whether something can take it out of the answers.
    checked: bool,
    values: Vec<String>,
    alias: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    A,
    Aaaa,
    Cname,
    Ns,
    Other,
}

/// All hosted zones.
#[derive(Clone, Debug, Default)]
pub(super) struct Zones {
    /// By their ids.
    all: HashMap<NameId, Zone>,
    /// Number of documents with the zones of a VPC that say more zones follow, and that do not.
    of_vpc: HashMap<NameId, (usize, usize)>,
    /// VPCs whose zones or endpoints could not be read, all where none is named, and why.
    refused: Vec<(Option<NameId>, Listing, String)>,
    /// Zones whose records could not be read, all where none is named, and why.
    closed: Vec<(Option<NameId>, String)>,
}

/// What zones say of a name.
pub(super) enum Told {
    /// That.
    Lookup(Lookup),
    /// Nothing that was read, but what was not read may: why.
    Unread(String),
}

/// A name of a zone file as it is compared: Route 53 writes odd characters as `\052` (Route 53 guide, domain names).
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = escaped.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            plain.push(char::from(code));
            rest = escaped.get(3..).unwrap_or_default();
        } else {
            plain.push('\\');
            rest = escaped;
        }
    }
    plain.push_str(rest);
    names::normal(&plain)
}

fn short(id: &str) -> &str {
    id.strip_prefix("/hostedzone/").unwrap_or(id)
}

impl Zones {
    pub(super) fn zone(&mut self, names: &mut Names, record: &HostedZone<'_>, vpcs: Option<&[ZoneVpc<'_>]>) {
        let zone = self.all.entry(names.intern(short(&record.id))).or_default();
        zone.domain = Some(plain(&record.name));
        zone.private = zone.private.or(record.config.as_ref().map(|config| config.private_zone));
        if let Some(vpcs) = vpcs {
            zone.vpcs = Some(vpcs.iter().map(|vpc| names.intern(&vpc.vpc_id)).collect());
        }
    }

    pub(super) fn of_vpc(&mut self, names: &mut Names, vpc: &str, zones: &[ZoneSummary<'_>], more: bool) {
        let vpc = names.intern(vpc);
        let pages = self.of_vpc.entry(vpc).or_default();
        *(if more { &mut pages.0 } else { &mut pages.1 }) += 1;
        for record in zones {
            let zone = self.all.entry(names.intern(short(&record.hosted_zone_id))).or_default();
            zone.domain = Some(plain(&record.name));
            // Only private zones are associated with a VPC (Route 53 API, `ListHostedZonesByVPC`).
            zone.private = Some(true);
            if !zone.among.contains(&vpc) {
                zone.among.push(vpc);
            }
            let owner = record.owner.as_ref();
            let service = owner.and_then(|owner| owner.owning_service.as_deref()).filter(|name| !name.is_empty());
            let account = owner.and_then(|owner| owner.owning_account.as_deref()).filter(|id| !id.is_empty());
            let service = service.map(|name| Owner::Service(names.intern(name)));
            zone.owner = service.or_else(|| account.map(|id| Owner::Account(names.intern(id)))).or(zone.owner);
        }
    }

    /// Whether all zones of a VPC were read.
    fn is_listed(&self, vpc: NameId) -> bool {
        self.of_vpc.get(&vpc).is_some_and(|(_, last)| *last > 0)
    }

    /// Why zones of a VPC, or endpoints in it, could not be read.
    pub(super) fn refusal(&self, listing: Listing, vpc: NameId) -> Option<&str> {
        let about = |known: Option<NameId>| known.is_none_or(|known| known == vpc);
        let mut all = self.refused.iter().filter(|(known, of, _)| *of == listing && about(*known));
        all.next().map(|(.., why)| why.as_str())
    }

    pub(super) fn records(&mut self, names: &mut Names, id: &str, records: &[ResourceRecordSet<'_>], more: bool) {
        let zone = self.all.entry(names.intern(short(id))).or_default();
        *(if more { &mut zone.pages.0 } else { &mut zone.pages.1 }) += 1;
        let all = zone.records.get_or_insert_default();
        for record in records {
            let name = plain(&record.name);
            let kind = match &*record.kind {
                "A" => Kind::A,
                "AAAA" => Kind::Aaaa,
                "CNAME" => Kind::Cname,
                "NS" => Kind::Ns,
                "SOA" => {
                    zone.domain.get_or_insert_with(|| name.clone());
                    Kind::Other
                }
                _ => Kind::Other,
            };
            let alias = record.alias_target.as_ref();
            let known = all.entry(name).or_default();
            let set = record.set_identifier.as_deref().map(str::to_owned);
            // The same page may be there twice.
            if known.iter().any(|known| known.kind == kind && known.set == set && kind != Kind::Other) {
                continue;
            }
            known.push(Record {
                kind,
                set,
                weight: record.weight,
                secondary: record.failover.as_deref() == Some("SECONDARY"),
                checked: record.health_check_id.is_some() || alias.is_some_and(|alias| alias.evaluate_target_health),
                values: record.resource_records.iter().map(|value| value.value.to_string()).collect(),
                alias: alias.map(|alias| plain(&alias.dns_name)),
            });
        }
    }
}

impl Zone {
    fn find<'z>(&self, records: &'z HashMap<String, Vec<Record>>, host: &str) -> Found<'z, Vec<Record>> {
        let Some(domain) = self.domain.as_deref() else { return Found::Nothing };
        domain::find(records, domain, host, |found| found.iter().any(|record| record.kind == Kind::Ns))
    }
}

/// The sets that can be the answer. One of the weight 0 is none while others are (Route 53 guide, weighted records), and
/// a secondary one none while nothing can take the primary one out (Route 53 guide, failover records). Which of the
/// others it is, health, latency and place decide, which the evidence does not tell: all of them count.
fn possible(sets: &[&Record]) -> Vec<usize> {
    let heavy = |record: &&Record| record.weight.is_some_and(|weight| weight > 0);
    let weighted = sets.iter().any(heavy) && !sets.iter().any(|record| heavy(record) && record.checked);
    let firm = sets.iter().any(|record| !record.secondary && !record.checked);
    let idle = |record: &Record| (weighted && record.weight == Some(0)) || (firm && record.secondary);
    sets.iter().enumerate().filter(|(_, record)| !idle(record)).map(|(at, _)| at).collect()
}

/// The answer of the private zones of the VPC that an interface is in.
///
/// Where it was not read, what public DNS says does not count: a name may have a private and a public zone with other
/// records (Route 53 guide, split-view DNS).
pub(super) fn answer(aws: &AwsNetwork, from: InterfaceId, host: &str, depth: u8) -> Told {
    let silent = Told::Lookup(Lookup::Silent);
    let Some(vpc) = aws.network.interface(from).map(|interface| interface.network) else { return silent };
    let name = |id: NameId| aws.network.name(id);
    let mut zones: Vec<(&str, NameId, &Zone)> = aws
        .zones
        .all
        .iter()
        .filter_map(|(id, zone)| Some((zone.domain.as_deref()?, *id, zone)))
        .filter(|(domain, _, zone)| zone.private != Some(false) && is_in(host, domain))
        .collect();
    zones.sort_unstable_by_key(|(domain, id, _)| (std::cmp::Reverse(domain.len()), *id));
    let listed = aws.zones.is_listed(vpc);
    if !listed && let Some(why) = aws.zones.refusal(Listing::ZonesOfVpc, vpc) {
        return Told::Unread(format!("whether a private zone of {} answers it is not known: {why}", name(vpc)));
    }
    if !listed && aws.zones.of_vpc.contains_key(&vpc) {
        let why = "whether a private zone that was not read answers it is not known: further pages of";
        return Told::Unread(format!("{why} {} are missing", Listing::ZonesOfVpc.permission()));
    }
    for (domain, id, zone) in zones {
        match &zone.vpcs {
            _ if zone.among.contains(&vpc) => {}
            Some(vpcs) if !vpcs.contains(&vpc) => continue,
            Some(_) => {}
            None if listed => continue,
            None => {
                return Told::Lookup(Lookup::Hidden(format!(
                    "whether the hosted zone `{domain}` ({}) answers {} was not read; {} tells",
                    name(id),
                    name(vpc),
                    Listing::ZoneVpcs.permission()
                )));
            }
        }
        let cut = zone.pages.0 > 0 && zone.pages.1 == 0;
        let Some(records) = zone.records.as_ref().filter(|_| !cut) else {
            let why = aws.zones.unread_records(aws, domain, id, zone);
            // What a service answers is its own names, which its interfaces may tell.
            return match zone.owner {
                Some(Owner::Service(_)) => Told::Unread(why),
                _ => Told::Lookup(Lookup::Hidden(why)),
            };
        };
        return Told::Lookup(match zone.find(records, host) {
            Found::Records(found) => together(aws, from, host, found, depth, domain),
            Found::Delegated => Lookup::Hidden(format!("the private zone `{domain}` leaves it to another server")),
            Found::Nothing => Lookup::Absent(format!(
                "the private zone `{domain}` ({}) answers {} and has no record of it, so no public answer counts",
                name(id),
                name(vpc)
            )),
        });
    }
    silent
}

impl Zones {
    /// Why the records of a zone are not there.
    fn unread_records(&self, aws: &AwsNetwork, domain: &str, id: NameId, zone: &Zone) -> String {
        let call = Listing::ZoneRecords.permission();
        let subject =
            format!("all records of the private zone `{domain}` ({}), which answers it,", aws.network.name(id));
        let about = |known: Option<NameId>| known.is_none_or(|known| known == id);
        let closed = self.closed.iter().find(|(known, _)| about(*known)).map(|(_, why)| why);
        match (closed, zone.owner) {
            (_, Some(Owner::Service(service))) => {
                let service = aws.network.name(service);
                format!("{subject} were not read: it is of {service}, which shows them to nobody")
            }
            (Some(why), _) => format!("{subject} were not read: {why}"),
            (None, Some(Owner::Account(account))) => {
                format!("{subject} were not read; {call} in account {} tells", aws.network.name(account))
            }
            (None, None) => format!("{subject} were not read; {call} tells"),
        }
    }
}

impl Compiler {
    /// The zones, with the calls about them that failed.
    pub(super) fn compile_zones(&mut self) -> Zones {
        let mut zones = std::mem::take(&mut self.estate.zones);
        for failure in std::mem::take(&mut self.estate.failures) {
            let advice =
                if is_refusal(&failure.error) { format!("grant {}", failure.call) } else { "run again".to_owned() };
            let why = format!("{} failed with {}; {advice}", failure.call, failure.error);
            let mut about: Vec<Option<NameId>> =
                failure.resources.iter().map(|id| Some(self.builder.names().intern(short(id)))).collect();
            if about.is_empty() {
                about.push(None);
            }
            let of = [Listing::ZonesOfVpc, Listing::VpcEndpoints];
            match of.into_iter().find(|listing| listing.permission() == failure.call) {
                Some(listing) => zones.refused.extend(about.into_iter().map(|vpc| (vpc, listing, why.clone()))),
                None if failure.call == Listing::ZoneRecords.permission() => {
                    zones.closed.extend(about.into_iter().map(|zone| (zone, why.clone())));
                }
                None => {}
            }
            self.estate.failures.push(failure);
        }
        zones
    }
}

/// All answers that records of one name can give.
fn together(aws: &AwsNetwork, from: InterfaceId, host: &str, records: &[Record], depth: u8, domain: &str) -> Lookup {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for kind in [Kind::Cname, Kind::A, Kind::Aaaa] {
        let family = |address: &IpAddr| match kind {
            Kind::A => Family::of(*address) == Family::V4,
            Kind::Aaaa => Family::of(*address) == Family::V6,
            _ => true,
        };
        let sets: Vec<&Record> = records.iter().filter(|record| record.kind == kind).collect();
        for record in possible(&sets).into_iter().filter_map(|at| sets.get(at)) {
            let aliased = record.alias.as_deref();
            let named = record.values.first().filter(|_| kind == Kind::Cname && aliased.is_none());
            let named = named.map(|value| plain(value));
            if let Some(target) = aliased.or(named.as_deref()) {
                match names::answer(aws, from, target, depth + 1) {
                    Lookup::Addresses(found) => addresses.extend(found.into_iter().filter(family)),
                    Lookup::Silent => {
                        return Lookup::Hidden(format!(
                            "`{host}` is another name of `{target}`, which the evidence does not answer"
                        ));
                    }
                    Lookup::Undecided(why) | Lookup::Hidden(why) => {
                        return Lookup::Hidden(format!("`{host}` is another name of `{target}`: {why}"));
                    }
                    Lookup::Absent(_) => {}
                }
                continue;
            }
            let values = record.values.iter().filter_map(|value| value.trim().parse::<IpAddr>().ok());
            addresses.extend(values.filter(family));
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return Lookup::Absent(format!("the private zone `{domain}` answers it without an address"));
    }
    Lookup::Addresses(addresses)
}

#[cfg(test)]
mod tests {
    use super::plain;
    use crate::network::Estate;
    use crate::records::{Listing, ReadError, Recognised, read};

    const RECORDS: &str =
        r#""ResourceRecordSets": [{"Name": "a.corp.", "Type": "A", "ResourceRecords": [{"Value": "10.0.0.1"}]}]"#;

    #[test]
    fn names_are_compared_without_escapes_case_and_root() {
        assert_eq!(plain("\\052.Corp.Example."), "*.corp.example");
        assert_eq!(plain("a\\b.example"), "a\\b.example");
    }

    fn take(name: &str, text: &str) -> (Result<Recognised, ReadError>, Estate) {
        let mut estate = Estate::new();
        (read(name, &mut text.as_bytes(), &mut estate), estate)
    }

    #[test]
    fn records_are_attributed_by_key_by_map_or_by_file_name() {
        let beside = format!(r#"{{{RECORDS}, "HostedZoneId": "/hostedzone/Z0123456789ABC"}}"#);
        let below = format!(r#"{{"Z0123456789ABC": {{{RECORDS}}}}}"#);
        let alone = format!("{{{RECORDS}}}");
        for (name, text) in [("a.json", &beside), ("a.json", &below), ("records-Z0123456789ABC.json", &alone)] {
            let (found, estate) = take(name, text);
            let only = [(Listing::ZoneRecords, 1)];
            assert!(matches!(found, Ok(Recognised::Evidence(found)) if found == only), "{name}: {text}");
            let zone = estate.names.find("Z0123456789ABC").unwrap();
            assert_eq!(estate.zones.all[&zone].records.as_ref().unwrap().len(), 1);
        }
        assert!(matches!(take("Zones.json", &alone).0, Ok(Recognised::Other(_))));
    }

    #[test]
    fn what_others_print_under_such_words_is_no_evidence() {
        let others = [
            r#"{"tasks": [{"taskArn": "arn:aws:datasync:us-east-1:1:task/t"}]}"#,
            r#"{"tasks": "none"}"#,
            r#"{"addon": {"name": "x"}}"#,
            r#"{"VPCs": [{"VPCId": "vpc-1"}]}"#,
            r#"{"ZONENAME1": "x"}"#,
            r#"{"LoadBalancerAttributes": {"CrossZoneLoadBalancing": {"Enabled": true}}}"#,
        ];
        for text in others {
            let (found, estate) = take("a.json", text);
            assert!(matches!(found, Ok(Recognised::Other(_))), "{text}");
            assert!(estate.is_empty(), "{text}");
        }
        let broken = r#"{"tasks": [{"taskArn": "arn:aws:ecs:us-east-1:1:task/t", "containers": 1}]}"#;
        assert!(matches!(take("a.json", broken).0, Err(ReadError::Broken { .. })));
    }
}
