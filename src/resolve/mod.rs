//! Names to addresses, as nginx's machine would be told.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, ToSocketAddrs};

use reachlint_aws::network::is_private_name;
use reachlint_model::{Lookup, NameAnswer as Recorded, Provider};

use crate::audit::{NameAnswer, Names, Node, Wanted, WantedTarget, host_address};

/// Everything that can answer a name, the first that does wins: what the user says, the cloud's own evidence (a private
/// zone of nginx's network before the names of the cloud itself), the snapshot's answers.
///
/// The cloud's evidence goes before recorded answers, which may come from a machine that another resolver answers: a
/// private zone hides whatever public DNS says of its names. Where it knows that the cloud answers a name, but not with
/// what, a recorded answer counts.
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
        let undecided = match provider.map_or(Lookup::Silent, |provider| provider.lookup(node.interface, host)) {
            Lookup::Addresses(addresses) if !addresses.is_empty() => return NameAnswer::Addresses(addresses),
            Lookup::Absent(why) => return NameAnswer::None(why),
            Lookup::Undecided(why) => Some(why),
            Lookup::Addresses(_) | Lookup::Silent => None,
        };
        match (self.recorded.get(&key), undecided) {
            (Some(recorded), _) if !recorded.addresses.is_empty() => NameAnswer::Addresses(recorded.addresses.clone()),
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

/// Asks the system resolver, as nginx does for literal names when it starts (`ngx_inet_resolve_host` in
/// `src/core/ngx_inet.c`): every A and AAAA answer counts.
#[must_use]
pub fn system(host: &str) -> Recorded {
    match (host, 0_u16).to_socket_addrs() {
        Ok(found) => {
            let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            addresses.sort();
            addresses.dedup();
            Recorded { name: host.to_owned(), addresses, error: None }
        }
        Err(error) => Recorded { name: host.to_owned(), addresses: Vec::new(), error: Some(error.to_string()) },
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
