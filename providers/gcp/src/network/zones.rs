//! Private zones of Cloud DNS: what Google's resolver answers the machines of a network from them.
//!
//! Only the networks that a zone is made visible to are answered from it, of several the one with the longest matching domain
//! answers, and what it has no record of does not exist, whatever public DNS says (Cloud DNS, name resolution order, and
//! overlapping zones). Zones come before the names of machines.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint_model::domain::{self, Found, is_in};
use reachlint_model::{InterfaceId, Lookup};
use rustc_hash::FxHashMap as HashMap;

use super::GcpNetwork;
use super::compile::Compiler;
use super::estate::attributed;
use super::names;
use crate::records::{ManagedZone, RecordSet, path, short};

/// Names that lead to names, and zones that lead to networks.
const DEEPEST: u8 = 8;

/// A private zone.
#[derive(Clone, Debug)]
struct Zone {
    /// Its name as reports have it.
    name: String,
    domain: String,
    /// Paths of the networks that it answers.
    networks: BTreeSet<String>,
    /// Records by name, where they were read.
    records: Option<HashMap<String, Answer>>,
    kind: Kind,
}

/// Who answers.
#[derive(Clone, Debug)]
enum Kind {
    /// The zone's own records.
    Own,
    /// Another network's resolver, by the network's path.
    Peer(String),
    /// Somebody whose answers are in no listing.
    Other(&'static str),
}

/// What a zone has for a name.
#[derive(Clone, Debug, Default)]
struct Answer {
    addresses: Vec<IpAddr>,
    alias: Option<String>,
    /// Whether where the question comes from, or chance, decides.
    routed: bool,
    delegated: bool,
}

/// All private zones, those with the longest domain first.
#[derive(Clone, Debug, Default)]
pub(super) struct Zones {
    zones: Vec<Zone>,
    /// Networks whose machines ask other servers than Google's (Cloud DNS, outbound server policies).
    elsewhere: BTreeSet<String>,
}

/// A name as it is compared.
fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl Compiler {
    pub(super) fn zones(&self) -> Zones {
        let mut records: HashMap<&str, HashMap<String, Answer>> = HashMap::default();
        for (about, sets) in &self.estate.record_sets {
            let Some(zone) = attributed(about, self.estate.zones.keys()) else { continue };
            let known = records.entry(zone).or_default();
            for set in sets {
                known.entry(normal(&set.name)).or_default().add(set);
            }
        }
        let private = self.estate.zones.iter().filter(|(_, zone)| zone.visibility.as_deref() == Some("private"));
        let mut zones: Vec<Zone> = private.map(|(path, zone)| Zone::new(path, zone, records.remove(&**path))).collect();
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.domain.len()));
        let policies = self.estate.dns_policies.iter();
        let policies = policies.filter(|it| !it.alternative_name_server_config.target_name_servers.is_empty());
        let elsewhere = policies.flat_map(|policy| &policy.networks);
        Zones { zones, elsewhere: elsewhere.map(|it| path(&it.network_url).to_owned()).collect() }
    }
}

impl Zone {
    fn new(link: &str, record: &ManagedZone, records: Option<HashMap<String, Answer>>) -> Self {
        let kind = match &record.peering_config {
            Some(peer) => Kind::Peer(path(&peer.target_network.network_url).to_owned()),
            None if record.forwarding_config.is_some() => Kind::Other("forwards it to other servers"),
            None if record.service_directory_config.is_some() => Kind::Other("answers it from Service Directory"),
            None if record.reverse_lookup_config.is_some() => {
                Kind::Other("answers it from the machines of the network")
            }
            None => Kind::Own,
        };
        let networks = record.private_visibility_config.networks.iter();
        Self {
            name: short(link).clone(),
            domain: normal(&record.dns_name),
            networks: networks.map(|it| path(&it.network_url).to_owned()).collect(),
            records,
            kind,
        }
    }
}

impl Answer {
    fn add(&mut self, set: &RecordSet) {
        match set.kind.as_str() {
            "A" | "AAAA" => self.addresses.extend(set.rrdatas.iter().filter_map(|text| text.parse::<IpAddr>().ok())),
            "CNAME" => self.alias = set.rrdatas.first().map(|name| normal(name)),
            "NS" => self.delegated = true,
            _ => return,
        }
        self.routed |= set.routing_policy.is_some();
    }
}

/// What is known of a name without asking anybody.
pub(super) fn answer(gcp: &GcpNetwork, from: InterfaceId, host: &str) -> Lookup {
    let Some(facts) = gcp.facts_of(from) else { return Lookup::Silent };
    at_depth(gcp, from, &facts.network, &normal(host), 0)
}

fn at_depth(gcp: &GcpNetwork, from: InterfaceId, network: &str, host: &str, depth: u8) -> Lookup {
    if depth > DEEPEST {
        return Lookup::Hidden(format!("`{host}` stands at the end of too many names that lead to names"));
    }
    match private(gcp, from, network, host, depth) {
        Lookup::Silent => names::lookup(gcp, from, host),
        found => found,
    }
}

fn private(gcp: &GcpNetwork, from: InterfaceId, network: &str, host: &str, depth: u8) -> Lookup {
    let mut zones = gcp.zones.zones.iter();
    let Some(zone) = zones.find(|zone| is_in(host, &zone.domain) && zone.networks.contains(network)) else {
        return Lookup::Silent;
    };
    let (name, network_name) = (&zone.name, short(network));
    if gcp.zones.elsewhere.contains(network) {
        return Lookup::Hidden(format!(
            "the machines of {network_name} ask name servers of their own, and whether they answer from the private zone \
             {name} is not in the evidence"
        ));
    }
    let records = match (&zone.kind, &zone.records) {
        (Kind::Other(what), _) => return Lookup::Hidden(format!("the private zone {name} {what}")),
        (Kind::Peer(target), _) => {
            return match private(gcp, from, target, host, depth + 1) {
                Lookup::Silent => Lookup::Hidden(format!(
                    "the private zone {name} has it answered as in {}, and no zone in the evidence does",
                    short(target)
                )),
                found => found,
            };
        }
        (Kind::Own, Some(records)) => records,
        (Kind::Own, None) => {
            return Lookup::Hidden(format!(
                "the records of the private zone {name}, which answers it, were not read; dns.resourceRecordSets.list tells"
            ));
        }
    };
    match domain::find(records, &zone.domain, host, |own| own.delegated) {
        Found::Records(found) => found.together(gcp, from, network, host, name, depth),
        Found::Delegated => Lookup::Hidden(format!("the private zone {name} leaves it to other servers")),
        Found::Nothing => Lookup::Absent(format!(
            "the private zone {name} answers {network_name} and has no record of it, so no public answer counts"
        )),
    }
}

impl Answer {
    fn together(
        &self,
        gcp: &GcpNetwork,
        from: InterfaceId,
        network: &str,
        host: &str,
        zone: &str,
        depth: u8,
    ) -> Lookup {
        if self.routed {
            return Lookup::Hidden(format!("the private zone {zone} answers it by a routing policy"));
        }
        if let Some(target) = &self.alias {
            let unknown = |why: &str| Lookup::Hidden(format!("`{host}` is another name of `{target}`{why}"));
            return match at_depth(gcp, from, network, target, depth + 1) {
                Lookup::Silent => unknown(", which the evidence does not answer"),
                Lookup::Undecided(why) | Lookup::Hidden(why) => unknown(&format!(": {why}")),
                found => found,
            };
        }
        if self.addresses.is_empty() {
            return Lookup::Absent(format!("the private zone {zone} answers it without an address"));
        }
        let mut addresses = self.addresses.clone();
        addresses.sort_unstable();
        addresses.dedup();
        Lookup::Addresses(addresses)
    }
}
