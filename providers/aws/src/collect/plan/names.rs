//! Names of upstreams: the private zones that may answer them, and what those answer.
//!
//! More than the answer may be taken for it here: it is only looked for, and the analysis decides.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint_model::Selector;
use reachlint_model::domain::is_in;

use super::super::targets::holds;
use super::{Plan, Wanted, is_assignable, own};
use crate::collect::calls::Ask;
use crate::network::plain;
use crate::records::{Listing, NetworkInterface, ResourceRecordSet, Tag, ZoneSummary};

/// What a resolver said of a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Whether it had an address.
    pub(super) answered: bool,
    /// Whether another machine than nginx's was told, which private zones and endpoints may answer something else.
    pub(super) elsewhere: bool,
}

/// Whether a set of records may be the answer to a name.
fn may_answer(record: &ResourceRecordSet<'_>, host: &str) -> bool {
    let name = plain(&record.name);
    name == host || name.strip_prefix("*.").is_some_and(|domain| domain != host && is_in(host, domain))
}

impl Plan {
    /// Names that were not asked on nginx's own machine.
    pub(super) fn open_names(&self) -> Vec<String> {
        self.names.iter().filter(|(_, asked)| asked.elsewhere).map(|(name, _)| name.clone()).collect()
    }

    /// The interfaces that selectors mean.
    fn origins(&self) -> Vec<&NetworkInterface<'static>> {
        let Wanted::Evidence { from, .. } = &self.wanted else { return Vec::new() };
        let machines = || self.records.reservations.iter().flat_map(|reservation| &reservation.instances);
        let tagged = |tags: &[Tag<'static>], key: &str, value: &str| {
            tags.iter().any(|tag| &*tag.key == key && &*tag.value == value)
        };
        let is = |interface: &NetworkInterface<'static>, selector: &Selector| {
            let instance = own(interface.attachment.as_ref().and_then(|it| it.instance_id.as_ref()));
            let machine = |key: &str, value: &str| {
                machines().any(|it| Some(&*it.instance_id) == instance && tagged(&it.tags, key, value))
            };
            match selector {
                Selector::Name(name) => {
                    let names = [Some(&*interface.network_interface_id), instance, own(interface.description.as_ref())];
                    names.contains(&Some(name)) || machine("Name", name)
                }
                Selector::Tag { key, value } => tagged(&interface.tag_set, key, value) || machine(key, value),
                Selector::Address(address) => holds(interface, &BTreeSet::from([address.to_canonical()])),
                Selector::Itself => false,
            }
        };
        self.records.interfaces.iter().filter(|interface| from.iter().any(|selector| is(interface, selector))).collect()
    }

    /// The VPCs that nginx is in.
    pub(super) fn own_vpcs(&self) -> BTreeSet<String> {
        let origins = self.origins().into_iter();
        origins.filter_map(|interface| own(interface.vpc_id.as_ref()).map(str::to_owned)).collect()
    }

    /// The zones of nginx's VPCs, the records of those that answer a name, and the endpoints, which have names too.
    pub(super) fn ask_zones(&mut self, asks: &mut Vec<Ask>) {
        let names = self.open_names();
        if names.is_empty() {
            return;
        }
        let vpcs = self.own_vpcs();
        self.ask(asks, Listing::VpcEndpoints, "vpc-id", vpcs.clone());
        let mut answering = BTreeSet::new();
        for vpc in &vpcs {
            self.ask_about(asks, Listing::ZonesOfVpc, vpc);
            let zones = self.records.zones.get(vpc).map(Vec::as_slice).unwrap_or_default();
            for name in &names {
                let mut matching: Vec<(String, &ZoneSummary<'_>)> =
                    zones.iter().map(|zone| (plain(&zone.name), zone)).collect();
                matching.retain(|(domain, _)| is_in(name, domain));
                // The longest domain answers, and no other one is asked.
                let longest = matching.iter().map(|(domain, _)| domain.len()).max();
                let longest = matching.iter().filter(|(domain, _)| Some(domain.len()) == longest);
                answering.extend(
                    longest.filter(|(_, zone)| self.may_read(zone)).map(|(_, zone)| zone.hosted_zone_id.to_string()),
                );
            }
        }
        for zone in answering {
            self.ask_about(asks, Listing::ZoneRecords, &zone);
        }
    }

    /// All zones of all VPCs.
    pub(super) fn ask_all_zones(&mut self, asks: &mut Vec<Ask>) {
        let vpcs: BTreeSet<String> =
            self.records.vpcs.iter().map(|vpc| vpc.vpc_id.to_string()).filter(|id| !id.is_empty()).collect();
        for vpc in &vpcs {
            self.ask_about(asks, Listing::ZonesOfVpc, vpc);
        }
        let zones = self.records.zones.values().flatten().filter(|zone| self.may_read(zone));
        let zones: BTreeSet<String> = zones.map(|zone| zone.hosted_zone_id.to_string()).collect();
        for zone in zones {
            self.ask_about(asks, Listing::ZoneRecords, &zone);
        }
    }

    /// Whether the records of a zone are shown to the reader: those of a service are to nobody, and those of another
    /// account to that alone (Route 53 API, `HostedZoneOwner`; Route 53 guide, private zones of other accounts).
    fn may_read(&self, zone: &ZoneSummary<'_>) -> bool {
        let owner = zone.owner.as_ref();
        let service = owner.and_then(|owner| own(owner.owning_service.as_ref())).is_some();
        let account = owner.and_then(|owner| own(owner.owning_account.as_ref()));
        let mut accounts = self.records.interfaces.iter().filter_map(|it| own(it.owner_id.as_ref())).peekable();
        let known = accounts.peek().is_some();
        !service && account.is_none_or(|account| !known || accounts.any(|own| own == account))
    }

    /// Takes what zones answer for wanted names: addresses, and further names.
    pub(super) fn learn(&mut self) {
        let mut addresses: BTreeSet<IpAddr> = BTreeSet::new();
        loop {
            let mut names = Vec::new();
            for record in self.records.zone_records.values().flatten() {
                let asked = matches!(&*record.kind, "A" | "AAAA" | "CNAME");
                if !asked || !self.names.keys().any(|host| may_answer(record, host)) {
                    continue;
                }
                let values = record.resource_records.iter().map(|record| record.value.trim());
                if &*record.kind == "CNAME" {
                    names.extend(values.map(plain));
                } else {
                    addresses.extend(values.filter_map(|value| value.parse::<IpAddr>().ok()));
                }
                names.extend(record.alias_target.iter().map(|alias| plain(&alias.dns_name)));
            }
            let before = self.names.len();
            for name in names {
                self.names.entry(name).or_insert(Asked { answered: false, elsewhere: true });
            }
            // A name may stand for another one of the same zone.
            if self.names.len() == before {
                break;
            }
        }
        addresses.extend(self.addresses_behind_names());
        let addresses = addresses.iter().map(IpAddr::to_canonical).filter(is_assignable);
        self.addresses.extend(addresses);
    }
}

#[cfg(test)]
mod tests {
    use reachlint_model::NameAnswer;

    use super::*;
    use crate::collect::calls::{Answer, Records};
    use crate::records::{ResourceRecord, Text, ZoneOwner};

    fn id(value: &str) -> Text<'static> {
        Text::from(value.to_owned())
    }

    fn zone(zone: &str, domain: &str, account: Option<&str>, service: Option<&str>) -> ZoneSummary<'static> {
        let owner = ZoneOwner { owning_account: account.map(id), owning_service: service.map(id) };
        ZoneSummary { hosted_zone_id: id(zone), name: id(domain), owner: Some(owner) }
    }

    fn set(name: &str, kind: &str, value: &str) -> ResourceRecordSet<'static> {
        let resource_records = vec![ResourceRecord { value: id(value) }];
        ResourceRecordSet { name: id(name), kind: id(kind), resource_records, ..ResourceRecordSet::default() }
    }

    /// The calls of each round for an nginx that is in `vpc-1`, of account 1, and connects to these names.
    fn rounds(names: &[(&str, bool)], mut estate: impl FnMut(&Ask, &mut Records)) -> (Plan, Vec<Vec<Listing>>) {
        let names = names.iter().map(|(name, elsewhere)| NameAnswer {
            name: (*name).to_owned(),
            addresses: Vec::new(),
            error: None,
            elsewhere: *elsewhere,
        });
        let from = vec![Selector::Name("i-nginx".to_owned())];
        let mut plan = Plan::new(&Wanted::Evidence { from, addresses: Vec::new(), names: names.collect() });
        let mut rounds = Vec::new();
        loop {
            let asks = plan.next();
            if asks.is_empty() {
                return (plan, rounds);
            }
            rounds.push(asks.iter().map(|ask| ask.listing).collect());
            for ask in asks {
                let mut records = Records::default();
                let asked = ask.filter.iter().flat_map(|(_, values)| values).any(|value| value == "i-nginx");
                if asked && ask.listing == Listing::NetworkInterfaces {
                    records.interfaces.push(NetworkInterface {
                        network_interface_id: id("eni-nginx"),
                        attachment: Some(crate::records::Attachment {
                            instance_id: Some(id("i-nginx")),
                            ..crate::records::Attachment::default()
                        }),
                        vpc_id: Some(id("vpc-1")),
                        owner_id: Some(id("1")),
                        ..NetworkInterface::default()
                    });
                }
                estate(&ask, &mut records);
                plan.take(Answer { ask, records, count: 0, pages: 1, fault: None });
            }
        }
    }

    fn asked(rounds: &[Vec<Listing>], listing: Listing) -> usize {
        rounds.iter().flatten().filter(|known| **known == listing).count()
    }

    #[test]
    fn the_longest_zone_is_read_and_its_names_are_followed() {
        let (plan, rounds) = rounds(&[("a.b.corp", true), ("c.b.corp", true)], |ask, records| {
            let about = ask.about.clone().unwrap_or_default();
            match ask.listing {
                Listing::ZonesOfVpc => {
                    let zones = vec![zone("Z1", "corp.", Some("1"), None), zone("Z2", "b.corp.", Some("1"), None)];
                    records.zones.insert(about, zones);
                }
                Listing::ZoneRecords => {
                    assert_eq!(about, "Z2");
                    let wildcard = set("\\052.b.corp.", "CNAME", "d.b.corp.");
                    let sets = vec![wildcard, set("d.b.corp.", "A", "10.0.0.9"), set("e.b.corp.", "A", "10.0.0.8")];
                    records.zone_records.insert(about, sets);
                }
                _ => {}
            }
        });
        assert_eq!(asked(&rounds, Listing::ZonesOfVpc), 1);
        assert_eq!(asked(&rounds, Listing::ZoneRecords), 1);
        assert_eq!(plan.addresses, BTreeSet::from(["10.0.0.9".parse().unwrap()]));
    }

    #[test]
    fn what_nginx_s_own_machine_was_told_is_no_question() {
        let (_, rounds) = rounds(&[("a.corp", false)], |_, _| {});
        for listing in [Listing::ZonesOfVpc, Listing::ZoneRecords, Listing::VpcEndpoints] {
            assert_eq!(asked(&rounds, listing), 0, "{listing:?}");
        }
    }

    #[test]
    fn records_that_nobody_would_show_are_not_asked_for() {
        for (account, service) in [(Some("2"), None), (None, Some("efs.amazonaws.com"))] {
            let (_, rounds) = rounds(&[("a.corp", true)], |ask, records| {
                if ask.listing == Listing::ZonesOfVpc {
                    let about = ask.about.clone().unwrap_or_default();
                    records.zones.insert(about, vec![zone("Z1", "corp.", account, service)]);
                }
            });
            assert_eq!(asked(&rounds, Listing::ZonesOfVpc), 1);
            assert_eq!(asked(&rounds, Listing::ZoneRecords), 0);
        }
    }
}
