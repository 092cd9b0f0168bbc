//! Private DNS zones: what Azure's resolver answers the machines of a virtual network from them.
//!
//! Only the networks that a zone is linked to are answered from it, of several the one with the longest matching domain
//! answers, and what it has no record of does not exist, unless the link falls back to public DNS (What is a private DNS zone;
//! Fallback to internet for private DNS zones). A zone cannot leave a part of itself to other servers (the same page, limits).

use std::net::IpAddr;

use reachlint_model::domain::{self, Found, is_in};
use reachlint_model::{InterfaceId, Lookup, NameId, Provider};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::compile::{AzureNetwork, Compiler, Kind};
use super::estate::refers;
use super::tags::HOST;
use super::words::{READ_LINKS, READ_RECORDS};
use crate::records::ResourceId;
use crate::records::resources::{Nic, RecordSet};

/// Names that lead to names.
const DEEPEST: u8 = 8;

/// How the domain of zones for private endpoints begins.
const PRIVATE_LINK: &str = "privatelink.";

/// Services whose public domain is not that of their zone without its first label (Private endpoint, values of private DNS
/// zones).
const OTHER_DOMAINS: [(&str, &str); 1] = [("vault.azure.net", "vaultcore.azure.net")];

/// A private zone.
#[derive(Clone, Debug, Default)]
struct Zone {
    domain: String,
    /// The networks that it is linked to, and whether they ask public DNS for what it does not have.
    links: HashMap<NameId, bool>,
    /// Whether these are all of them.
    all_links: bool,
    records: HashMap<String, Answer>,
    all_records: bool,
}

/// What a zone has for a name.
#[derive(Clone, Debug, Default)]
struct Answer {
    addresses: Vec<IpAddr>,
    alias: Option<String>,
}

/// All private zones, those with the longest domain first.
#[derive(Clone, Debug, Default)]
pub(super) struct Zones {
    zones: Vec<Zone>,
    /// Interfaces of machines that ask other servers than Azure's.
    elsewhere: HashSet<InterfaceId>,
}

/// A name as it is compared.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl Compiler {
    /// Whether the machine of an interface asks other servers than Azure's own: those of its interface, else those of its
    /// network (Name resolution for resources in virtual networks).
    pub(super) fn asks_elsewhere(&self, nic: &Nic, vnet: &str) -> bool {
        let own = nic.dnssettings.dnsservers.as_slice();
        let network = self.estate.vnets.get(vnet).map(|(_, vnet)| vnet.dhcpoptions.dnsservers.as_slice());
        let servers = if own.is_empty() { network.unwrap_or_default() } else { own };
        servers.iter().any(|server| server.trim().parse() != Ok(HOST))
    }

    pub(super) fn zones(&mut self) -> Zones {
        let mut zones: HashMap<String, Zone> = HashMap::default();
        let domain =
            |id: &ResourceId| Zone { domain: normal(id.names.first().map_or("", |name| name)), ..Zone::default() };
        let mut expected: HashMap<String, (Option<usize>, Option<usize>)> = HashMap::default();
        for (id, record) in self.estate.zones.values() {
            zones.entry(id.key.clone()).or_insert_with(|| domain(id));
            expected.insert(id.key.clone(), (record.numberofvirtualnetworklinks, record.numberofrecordsets));
        }
        let mut counts: HashMap<String, (usize, usize)> = HashMap::default();
        let links: Vec<_> = self.estate.zone_links.values().cloned().collect();
        for (id, link) in links {
            let zone = zones.entry(id.outer(1)).or_insert_with(|| domain(&id));
            counts.entry(id.outer(1)).or_default().0 += 1;
            let Some(network) = refers(link.virtualnetwork.as_ref()) else { continue };
            let redirects = link.resolutionpolicy.is_some_and(|policy| policy.eq_ignore_ascii_case("NxDomainRedirect"));
            zone.links.insert(self.name(&network), redirects);
        }
        for (id, record) in self.estate.record_sets.values() {
            let zone = zones.entry(id.outer(1)).or_insert_with(|| domain(id));
            counts.entry(id.outer(1)).or_default().1 += 1;
            zone.add(id.name(), record);
        }
        // A zone says how many links and records it has, and each has at least the record of its start.
        let (links_cut, records_cut) = (self.estate.zone_links_are_cut(), self.estate.record_sets_are_cut());
        for (zone_key, zone) in &mut zones {
            let (links, records) = counts.get(zone_key).copied().unwrap_or_default();
            let (all_links, all_records) = expected.get(zone_key).copied().unwrap_or_default();
            zone.all_links = all_links.map_or(links > 0 && !links_cut, |all| links >= all);
            zone.all_records = all_records.map_or(records > 0 && !records_cut, |all| records >= all);
        }
        let mut zones: Vec<(String, Zone)> = zones.into_iter().collect();
        zones.sort_by(|(one, first), (other, second)| {
            second.domain.len().cmp(&first.domain.len()).then_with(|| one.cmp(other))
        });
        let zones = zones.into_iter().map(|(_, zone)| zone).collect();
        Zones { zones, elsewhere: std::mem::take(&mut self.elsewhere) }
    }
}

impl Zone {
    fn add(&mut self, name: &str, record: &RecordSet) {
        let name = if name == "@" { self.domain.clone() } else { format!("{}.{}", normal(name), self.domain) };
        let answer = self.records.entry(name).or_default();
        let texts = record.arecords.iter().map(|own| &own.ipv4address);
        let texts = texts.chain(record.aaaarecords.iter().map(|own| &own.ipv6address));
        answer.addresses.extend(texts.filter_map(|text| text.trim().parse::<IpAddr>().ok()));
        if let Some(own) = &record.cnamerecord {
            answer.alias = Some(normal(&own.cname));
        }
    }

    fn find(&self, host: &str) -> Option<&Answer> {
        match domain::find(&self.records, &self.domain, host, |_| false) {
            Found::Records(own) => Some(own),
            Found::Delegated | Found::Nothing => None,
        }
    }

    /// The name in this zone that public DNS sends a service's public name on to, once there is a private endpoint for it
    /// (Private endpoint, DNS integration).
    fn private_name(&self, host: &str) -> Option<String> {
        let service = self.domain.strip_prefix(PRIVATE_LINK)?;
        let below = |domain: &str| host.strip_suffix(domain)?.strip_suffix('.').filter(|label| !label.is_empty());
        let other = || OTHER_DOMAINS.iter().filter(|(_, zone)| *zone == service).find_map(|(domain, _)| below(domain));
        let label = below(service).or_else(other)?;
        Some(format!("{label}.{}", self.domain))
    }
}

/// What is known of a name without asking anybody: private zones go first, then the names of public addresses.
pub(super) fn answer(azure: &AzureNetwork, from: InterfaceId, host: &str, depth: u8) -> Lookup {
    let host = normal(host);
    if depth > DEEPEST {
        return Lookup::Undecided(format!("`{host}` stands at the end of too many names that lead to names"));
    }
    match private(azure, from, &host, depth) {
        Lookup::Silent => azure.public_lookup(&host),
        found => found,
    }
}

fn private(azure: &AzureNetwork, from: InterfaceId, host: &str, depth: u8) -> Lookup {
    let Some(here) = azure.network.interface(from).map(|interface| interface.network) else { return Lookup::Silent };
    let vnet = azure.network.name(here);
    let all = azure.zones.zones.iter();
    let (inside, service): (Vec<&Zone>, Vec<&Zone>) = (
        all.clone().filter(|zone| is_in(host, &zone.domain)).collect(),
        all.filter(|zone| zone.private_name(host).is_some()).collect(),
    );
    if let Some(zone) = inside.first().or(service.first()).filter(|_| azure.zones.elsewhere.contains(&from)) {
        return Lookup::Hidden(format!(
            "nginx's machine in {vnet} asks DNS servers of its own, and whether they answer from the private zone `{}` is not \
             in the evidence",
            zone.domain
        ));
    }
    for zone in inside {
        let domain = &zone.domain;
        let Some(redirects) = zone.links.get(&here) else {
            if zone.all_links {
                continue;
            }
            return Lookup::Hidden(format!(
                "whether the private zone `{domain}` answers {vnet} was not read; {READ_LINKS} tells"
            ));
        };
        if !zone.all_records {
            return Lookup::Hidden(format!(
                "all records of the private zone `{domain}`, which answers it, were not read; {READ_RECORDS} tells"
            ));
        }
        return match zone.find(host) {
            Some(found) => found.together(azure, from, host, domain, depth),
            None if *redirects => Lookup::Silent,
            None => Lookup::Absent(format!(
                "the private zone `{domain}` answers {vnet} and has no record of it, so no public answer counts"
            )),
        };
    }
    for zone in service {
        let Some(name) = zone.private_name(host) else { continue };
        let unread = |what: &str, permission: &str| {
            Lookup::Hidden(format!(
                "public DNS may send it on to `{name}`, and {what} the private zone `{}` was not read; {permission} tells",
                zone.domain
            ))
        };
        if !zone.links.contains_key(&here) {
            if zone.all_links {
                continue;
            }
            return unread(&format!("whether {vnet} is answered from"), READ_LINKS);
        }
        let found = match zone.find(&name).map(|found| found.together(azure, from, &name, &zone.domain, depth)) {
            Some(Lookup::Addresses(found)) => found,
            Some(Lookup::Hidden(why) | Lookup::Undecided(why)) => return Lookup::Hidden(why),
            None if !zone.all_records => return unread("what is in", READ_RECORDS),
            _ => continue,
        };
        let of_endpoint = |address: &IpAddr| {
            let mut owners = azure.network.owners(*address);
            owners.any(|owner| {
                let facts = azure.facts.get(owner.0 as usize);
                facts.is_some_and(|facts| matches!(facts.kind, Kind::Endpoint { .. }))
            })
        };
        if found.iter().all(of_endpoint) {
            return Lookup::Addresses(found);
        }
        return Lookup::Hidden(format!(
            "public DNS may send it on to `{name}`, for which {vnet} is answered with addresses that no private endpoint in \
             the evidence has"
        ));
    }
    Lookup::Silent
}

impl Answer {
    fn together(&self, azure: &AzureNetwork, from: InterfaceId, host: &str, domain: &str, depth: u8) -> Lookup {
        if let Some(target) = &self.alias {
            return match answer(azure, from, target, depth + 1) {
                Lookup::Silent => Lookup::Hidden(format!(
                    "`{host}` is another name of `{target}`, which the evidence does not answer"
                )),
                Lookup::Undecided(why) | Lookup::Hidden(why) => {
                    Lookup::Hidden(format!("`{host}` is another name of `{target}`: {why}"))
                }
                found => found,
            };
        }
        let mut addresses = self.addresses.clone();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Lookup::Absent(format!("the private zone `{domain}` answers it without an address"));
        }
        Lookup::Addresses(addresses)
    }
}
