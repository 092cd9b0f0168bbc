//! Names of load balancers, and of services that stand in a VPC: answered from their interfaces.

use std::net::IpAddr;

use reachlint_model::{Family, InterfaceId, Lookup, NameId};
use rustc_hash::FxHashMap as HashMap;

use super::balancer::Behind;
use super::compile::{AwsNetwork, Compiler, Facts};
use super::names::resolves_privately;
use super::onward::is_named;

/// Which addresses of its interfaces a name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// Those inside of the VPC.
    Private,
    /// The public ones, also for who asks inside of the VPC (Elastic Load Balancing API, `Scheme`).
    Public,
    /// The private ones for who asks inside of the VPC, and public ones elsewhere (RDS guide, hiding a database from the
    /// internet).
    Both,
}

/// A name and what stands behind it.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// What the name is of, in words.
    pub(super) what: String,
    pub(super) interfaces: Vec<InterfaceId>,
    pub(super) face: Face,
    /// Whether it has IPv4 and IPv6 addresses.
    pub(super) families: (bool, bool),
    /// The only VPC in which it means this.
    pub(super) only_in: Option<NameId>,
    /// The load balancer that it is, by its position.
    pub(super) balancer: Option<usize>,
    /// Whether an interface that belongs to it is not known.
    pub(super) unclear: bool,
}

/// All such names.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(HashMap<String, Vec<Host>>);

impl Hosts {
    pub(super) fn add(&mut self, name: String, host: Host) {
        self.0.entry(name).or_default().push(host);
    }

    pub(super) fn answer(&self, aws: &AwsNetwork, from: InterfaceId, name: &str) -> Lookup {
        let Some(here) = aws.network.interface(from).map(|interface| interface.network) else { return Lookup::Silent };
        let meant = |name: &str| {
            let known = self.0.get(name).map(Vec::as_slice).unwrap_or_default();
            known
                .iter()
                .find(|host| host.only_in == Some(here))
                .or_else(|| known.iter().find(|host| host.only_in.is_none()))
        };
        if let Some(host) = meant(name) {
            return host.answer(aws, here, name, None);
        }
        let Some((label, rest)) = name.split_once('.') else { return Lookup::Silent };
        // Further names of a load balancer: `dualstack.NAME`, and for one zone `us-east-1a.NAME` (Elastic Load Balancing
        // guides, DNS names).
        let zone = aws.network.names().find(label);
        let zoned = |host: &&Host| host.in_zone(aws, zone).next().is_some();
        if let Some(host) = meant(rest).filter(|host| host.only_in.is_none()) {
            if label == "dualstack" {
                return host.answer(aws, here, name, None);
            }
            if zoned(&host) {
                return host.answer(aws, here, name, zone);
            }
        }
        // A service's private name can stand for all names below it.
        let mut above = Some(rest);
        while let Some(domain) = above {
            if let Some(host) = meant(&format!("*.{domain}")) {
                return host.answer(aws, here, name, None);
            }
            above = domain.split_once('.').map(|(_, above)| above);
        }
        Lookup::Silent
    }
}

impl Host {
    fn in_zone<'h>(&'h self, aws: &'h AwsNetwork, zone: Option<NameId>) -> impl Iterator<Item = InterfaceId> + 'h {
        let of_zone = move |id: &InterfaceId| aws.facts.get(id.0 as usize).map(|facts| facts.zone) == zone;
        self.interfaces.iter().copied().filter(of_zone)
    }

    fn answer(&self, aws: &AwsNetwork, here: NameId, name: &str, zone: Option<NameId>) -> Lookup {
        if self.unclear || self.interfaces.is_empty() {
            let why =
                format!("`{name}` is {}, and which interfaces are its own is not clear from the evidence", self.what);
            // Who asks elsewhere is told another address.
            return if self.face == Face::Both { Lookup::Hidden(why) } else { Lookup::Undecided(why) };
        }
        let mut found = Vec::new();
        let balancer = self.balancer.and_then(|at| aws.balancers.all.get(at));
        let named = |id: &&InterfaceId| balancer.is_none_or(|balancer| is_named(aws, balancer, **id));
        // Where no zone is healthy, all are answered.
        let failing = !self.interfaces.iter().any(|id| named(&id));
        let chosen = self.interfaces.iter().filter(|id| failing || named(id));
        for id in chosen.filter(|id| zone.is_none() || self.in_zone(aws, zone).any(|own| own == **id)) {
            let Some(interface) = aws.network.interface(*id) else { continue };
            let near = interface.network == here || resolves_privately(aws, here, interface.network);
            let public = self.face == Face::Public || (self.face == Face::Both && !near);
            for address in aws.network.addresses(interface) {
                let wanted = match Family::of(address.private) {
                    Family::V4 => self.families.0,
                    Family::V6 => self.families.1,
                };
                let v4 = Family::of(address.private) == Family::V4;
                let answered = if public && v4 { address.public } else { Some(address.private) };
                found.extend(answered.filter(|_| wanted));
            }
        }
        let addresses: Vec<IpAddr> = found;
        if addresses.is_empty() {
            return Lookup::Undecided(format!(
                "`{name}` is {}, and the evidence has no address of its interfaces that the name could have",
                self.what
            ));
        }
        Lookup::Addresses(addresses)
    }
}

impl Compiler {
    /// Names that the interfaces behind them answer.
    pub(super) fn compile_hosts(&mut self, facts: &[Facts]) -> Hosts {
        let mut hosts = Hosts::default();
        let mut behind: HashMap<usize, Vec<InterfaceId>> = HashMap::default();
        for (id, facts) in (0..).map(InterfaceId).zip(facts) {
            if let Some(Behind::Balancer(at)) = facts.behind {
                behind.entry(at).or_default().push(id);
            }
        }
        for raw in std::mem::take(&mut self.estate.balancing.hosts) {
            let name = self.text(raw.balancer);
            let what = format!("the load balancer `{}`", name.strip_prefix("elb/").unwrap_or(name));
            let balancer = self.balancers.position(raw.balancer);
            let interfaces = balancer.and_then(|at| behind.get(&at)).cloned();
            let host = Host {
                what,
                interfaces: interfaces.unwrap_or_default(),
                face: if raw.internal { Face::Private } else { Face::Public },
                families: raw.families,
                only_in: None,
                balancer,
                unclear: false,
            };
            hosts.add(raw.host, host);
        }
        for (raw, own) in std::mem::take(&mut self.managed.hosts) {
            let network = self.builder.network();
            let interfaces = own.iter().flat_map(|id| network.called(network.name(*id))).copied().collect();
            let host = Host {
                what: raw.what,
                interfaces,
                face: if raw.public { Face::Both } else { Face::Private },
                families: (true, true),
                only_in: raw.only_in,
                balancer: None,
                unclear: raw.unclear,
            };
            hosts.add(raw.host, host);
        }
        hosts
    }
}
