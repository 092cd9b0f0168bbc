//! Names to addresses, as nginx's machine would be told.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, ToSocketAddrs};

use reachlint_aws::network::is_private_name;
use reachlint_model::{Lookup, NameAnswer as Recorded, Provider};

use crate::audit::{NameAnswer, Names, Node, Wanted, WantedTarget, host_address};

/// Everything that can answer a name, the first that does wins: what the user says, the cloud's own evidence (a private
/// zone of nginx's network before the names of the cloud itself), the snapshot's answers, and what the evidence of other
/// clouds says of their public names.
///
/// The cloud's evidence goes before recorded answers, which may come from a machine that another resolver answers: a
/// private zone hides whatever public DNS says of its names. Where it knows that the cloud answers a name, but not with
/// what, a recorded answer counts; where the cloud may answer nginx's machine alone, only one that this machine was
/// given does.
pub struct Resolver<'a> {
    /// `--resolve` and `[resolve]`.
    pub given: BTreeMap<String, Vec<IpAddr>>,
    /// Answers of the system resolver.
    pub recorded: HashMap<String, Recorded>,
    /// The clouds' evidence.
    pub providers: &'a [&'a dyn Provider],
    /// Whether the system resolver was asked at all.
    pub asked: bool,
}

impl Names for Resolver<'_> {
    fn answer(&self, node: &Node, host: &str) -> NameAnswer {
        let key = normal(host);
        if let Some(addresses) = self.given.get(&key).filter(|addresses| !addresses.is_empty()) {
            return NameAnswer::Addresses(addresses.clone());
        }
        let provider = self.providers.get(node.provider);
        let (undecided, hidden) =
            match provider.map_or(Lookup::Silent, |provider| provider.lookup(node.interface, host)) {
                Lookup::Addresses(addresses) if !addresses.is_empty() => return NameAnswer::Addresses(addresses),
                Lookup::Absent(why) => return NameAnswer::None(why),
                Lookup::Undecided(why) => (Some(why), false),
                Lookup::Hidden(why) => (Some(why), true),
                Lookup::Addresses(_) | Lookup::Silent => (None, false),
            };
        let others = self.providers.iter().enumerate().filter(|(at, _)| *at != node.provider && undecided.is_none());
        let elsewhere = others.into_iter().find_map(|(_, other)| match other.public_lookup(host) {
            Lookup::Addresses(addresses) if !addresses.is_empty() => Some(addresses),
            _ => None,
        });
        match (self.recorded.get(&key).filter(|recorded| !(hidden && recorded.elsewhere)), undecided) {
            (Some(recorded), _) if !recorded.addresses.is_empty() => NameAnswer::Addresses(recorded.addresses.clone()),
            // What nginx's own machine was told counts, an error too.
            (recorded, _) if elsewhere.is_some() && recorded.is_none_or(|recorded| recorded.elsewhere) => {
                NameAnswer::Addresses(elsewhere.unwrap_or_default())
            }
            (_, Some(why)) => NameAnswer::None(format!("{why}; pass `--resolve {host}=ADDRESS`")),
            (Some(recorded), None) => {
                let why = recorded.error.as_deref().unwrap_or("the resolver had no answer");
                NameAnswer::None(format!("{why}; pass `--resolve {host}=ADDRESS`"))
            }
            (None, None) if self.asked => {
                NameAnswer::None(format!("nobody answered it; pass `--resolve {host}=ADDRESS`"))
            }
            (None, None) => NameAnswer::None(format!(
                "the snapshot has no answer for it and the resolver was not asked; pass `--resolve {host}=ADDRESS` or \
                 `--dns`"
            )),
        }
    }
}

/// A name as it is compared: lower case, without the dot of the root.
#[must_use]
pub fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Whether every machine answers a name by itself (RFC 6761, `localhost`).
#[must_use]
pub fn is_everywhere(host: &str) -> bool {
    let host = normal(host);
    host == "localhost" || host.ends_with(".localhost")
}

/// Asks the system resolver, as nginx does for literal names when it starts (`ngx_inet_resolve_host` in
/// `src/core/ngx_inet.c`): every A and AAAA answer counts.
#[must_use]
pub fn system(host: &str) -> Recorded {
    match (host, 0_u16).to_socket_addrs() {
        Ok(found) => {
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.sort();
            addresses.dedup();
            Recorded { name: host.to_owned(), addresses, error: None, elsewhere: true }
        }
        Err(error) => {
            Recorded { name: host.to_owned(), addresses: Vec::new(), error: Some(error.to_string()), elsewhere: true }
        }
    }
}

/// The names that a resolver has to be asked for: those that neither the user answers nor the cloud's own naming.
#[must_use]
pub fn questions(wanted: &[Wanted], given: &BTreeMap<String, Vec<IpAddr>>) -> Vec<String> {
    let mut names: Vec<String> = wanted
        .iter()
        .filter_map(|wanted| match &wanted.target {
            WantedTarget::Host { host, .. } if host_address(host).is_none() => Some(host.clone()),
            _ => None,
        })
        .filter(|host| !given.contains_key(&normal(host)) && !is_private_name(host))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::net::IpAddr;

    use reachlint_model::{NameAnswer as Recorded, Provider, Selector};

    use super::Resolver;
    use crate::audit::{NameAnswer, Names, nodes};
    use crate::evidence::from_documents;

    const ESTATE: [(&str, &str); 3] = [
        (
            "interfaces.json",
            r#"{"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1",
                "PrivateIpAddress": "10.0.0.1", "Groups": [{"GroupId": "sg-1"}]}]}"#,
        ),
        (
            "zone.json",
            r#"{"HostedZone": {"Id": "/hostedzone/Z0123456789", "Name": "corp.", "Config": {"PrivateZone": true}},
                "VPCs": [{"VPCId": "vpc-1"}]}"#,
        ),
        (
            "records-Z0123456789.json",
            r#"{"ResourceRecordSets": [
                {"Name": "app.corp.", "Type": "A", "ResourceRecords": [{"Value": "10.0.0.2"}]},
                {"Name": "far.corp.", "Type": "CNAME", "ResourceRecords": [{"Value": "far.example.com"}]}]}"#,
        ),
    ];

    fn answer(host: &str, given: &[(&str, &str)], recorded: &[(&str, &str)]) -> NameAnswer {
        let documents = ESTATE.iter().map(|(name, text)| (*name, text.as_bytes()));
        let snapshot = from_documents(documents, "the test").unwrap();
        let providers: Vec<&dyn Provider> = snapshot.providers();
        let node = nodes(&providers, &Selector::Name("eni-1".to_owned()))[0];
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let given: BTreeMap<_, _> =
            given.iter().map(|(name, found)| ((*name).to_owned(), vec![address(found)])).collect();
        let recorded: HashMap<_, _> = recorded
            .iter()
            .map(|(name, found)| {
                let name = (*name).to_owned();
                (name.clone(), Recorded { name, addresses: vec![address(found)], error: None, elsewhere: false })
            })
            .collect();
        Resolver { given, recorded, providers: &providers, asked: false }.answer(&node, host)
    }

    fn addresses(text: &str) -> NameAnswer {
        NameAnswer::Addresses(vec![text.parse().unwrap()])
    }

    #[test]
    fn the_user_goes_before_the_evidence_and_that_before_recorded_answers() {
        let (given, recorded) = ([("app.corp", "10.0.0.3")], [("app.corp", "10.0.0.4")]);
        assert_eq!(answer("App.corp.", &given, &recorded), addresses("10.0.0.3"));
        assert_eq!(answer("app.corp", &[], &recorded), addresses("10.0.0.2"));
        assert_eq!(answer("app.example", &[], &[("app.example", "10.0.0.4")]), addresses("10.0.0.4"));
    }

    #[test]
    fn what_a_private_zone_does_not_have_nobody_else_answers() {
        let why = |answer| match answer {
            NameAnswer::None(why) => why,
            NameAnswer::Addresses(found) => panic!("{found:?}"),
        };
        assert!(why(answer("www.corp", &[], &[("www.corp", "10.0.0.4")])).contains("has no record of it"));
        assert!(why(answer("far.corp", &[], &[])).contains("far.example.com"));
        // It leads out of the zone, where others answer.
        assert_eq!(answer("far.corp", &[], &[("far.corp", "10.0.0.4")]), addresses("10.0.0.4"));
    }
}
