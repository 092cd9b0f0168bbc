//! Hosts, compiled and joined to the interfaces of the clouds.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint_model::{
    Fix, GateId, Hop, InterfaceId, Layer, ListId, NameId, Network, Protocol, Provider, ReasonCode, ReasonId, Remedy,
    RuleId,
};
use rustc_hash::FxHashMap as HashMap;

use super::compile::{Compiler, layer};
use super::flat::{Chains, Circumstances, Moment, Way};
use super::translate::Translations;
use super::walk::is_before;
use crate::records::{
    Bound, Chain, Device, Document, Engine, Families, Firewall, Hook, Manager, Sockets, Translation, Verdict,
};

/// Who listens.
pub const LISTENER: Layer = Layer("host.listener");
/// Changes of addresses on a host.
pub(super) const TRANSLATION: Layer = Layer("host.translation");

/// What a remedy has to know of a list.
#[derive(Clone, Debug)]
pub(crate) struct FilterFacts {
    pub(crate) engine: Engine,
    pub(crate) manager: Manager,
    pub(crate) families: Families,
    pub(crate) table: String,
    pub(crate) chain: String,
}

impl FilterFacts {
    pub(super) fn of(chain: &Chain) -> Self {
        let Chain { engine, manager, families, table, name, .. } = chain.clone();
        Self { engine, manager, families, table, chain: name }
    }
}

/// What a remedy has to know of a rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleFacts {
    pub(crate) handle: Option<u64>,
    pub(crate) position: usize,
}

/// A gate of a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    pub(super) gate: GateId,
    pub(super) layer: Layer,
    pub(super) subject: NameId,
    pub(super) families: Families,
    /// Whether it is asked before destinations are translated.
    pub(super) is_before: bool,
}

/// A device, and what packets meet that come from or go to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    pub(super) device: String,
    pub(super) addresses: Vec<IpAddr>,
    /// Why a program may see its packets first.
    pub(super) program: Option<ReasonId>,
    /// The first packet of a connection that arrives, and the answer to it.
    pub(super) entering: Vec<Filter>,
    pub(super) answers_out: Vec<Filter>,
    /// The packets that follow the first one in.
    pub(super) rest_in: Vec<Filter>,
    pub(super) prerouting: Translations,
    /// The first packet of a connection that leaves, and the answer to it.
    pub(super) leaving: Vec<Filter>,
    pub(super) answers_in: Vec<Filter>,
    /// The packets that follow the first one out.
    pub(super) rest_out: Vec<Filter>,
    pub(super) output: Translations,
    pub(super) postrouting: Translations,
}

/// A listener.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) protocol: Protocol,
    pub(super) bound: Bound,
    pub(super) port: u16,
    pub(super) device: Option<String>,
    pub(super) name: NameId,
}

/// Something of a firewall that was not read.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnreadFacts {
    pub(super) families: Families,
    pub(super) layer: Layer,
    pub(super) reason: ReasonId,
}

/// A host.
#[derive(Clone, Debug)]
pub(super) struct HostFacts {
    pub(super) name: NameId,
    pub(super) points: Vec<Point>,
    pub(super) sockets: Result<Vec<Socket>, ReasonId>,
    /// Whether the listing tells which device a socket is bound to.
    pub(super) knows_devices: bool,
    pub(super) unread: Vec<UnreadFacts>,
}

/// Reasons that every host may need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    pub(super) nobody: NameId,
    pub(super) passes_on: ReasonId,
    pub(super) redirected: ReasonId,
    pub(super) both_families: ReasonId,
    pub(super) any_device: ReasonId,
}

/// The hosts of an estate of which there is evidence. Their gates make up a network of its own.
#[derive(Clone, Debug)]
pub struct Hosts {
    network: Network,
    pub(super) hosts: Vec<HostFacts>,
    /// The host behind an interface of a provider, or why that is not clear.
    pub(super) of: HashMap<(usize, InterfaceId), Result<usize, ReasonId>>,
    pub(super) words: Words,
    pub(crate) rules: HashMap<u32, RuleFacts>,
    pub(crate) lists: HashMap<ListId, FilterFacts>,
    strangers: Vec<(String, String)>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self::new(&[], &[])
    }
}

impl Hosts {
    /// Compiles documents, and finds the interfaces that they are about.
    ///
    /// A document belongs to the machine whose identifier it has from the firmware, or else to whatever owns one of its
    /// addresses. Where that are several machines, it is not known which.
    #[must_use]
    pub fn new(documents: &[Document], providers: &[&dyn Provider]) -> Self {
        let mut compiler = Compiler::new();
        let words = words(&mut compiler);
        let mut hosts = Vec::with_capacity(documents.len());
        let mut of: HashMap<(usize, InterfaceId), Result<usize, ReasonId>> = HashMap::default();
        let mut strangers = Vec::new();
        for (at, document) in documents.iter().enumerate() {
            let devices = document.devices();
            match join(document, devices.as_deref(), providers) {
                Joined::Nowhere(why) => strangers.push((document.source.clone(), why)),
                Joined::One(interfaces) => {
                    for interface in interfaces {
                        let mut ambiguous = || {
                            let text = format!(
                                "several documents are about the host {}; leave all but one out",
                                document.host
                            );
                            compiler.reason(ReasonCode::Ambiguous, text, None)
                        };
                        of.entry(interface).and_modify(|known| *known = Err(ambiguous())).or_insert(Ok(at));
                    }
                }
                Joined::Several(interfaces) => {
                    let text = format!(
                        "the evidence of the host {} fits several machines with the same address",
                        document.host
                    );
                    let reason = compiler.reason(ReasonCode::Ambiguous, text, None);
                    of.extend(interfaces.into_iter().map(|interface| (interface, Err(reason))));
                }
            }
            compiler.next_host();
            hosts.push(host(&mut compiler, document, devices.as_deref().unwrap_or_default()));
        }
        let (network, rules, lists) = compiler.build();
        Self { network, hosts, of, words, rules, lists, strangers }
    }

    /// Whether there is evidence of no host.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The gates of all hosts.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Documents that are about nothing in the evidence: where they were read, and why.
    #[must_use]
    pub fn strangers(&self) -> &[(String, String)] {
        &self.strangers
    }

    /// The narrowest change at a hop of a host.
    #[must_use]
    pub fn remedy(&self, fix: Fix, hop: &Hop, list: Option<ListId>, rule: Option<RuleId>) -> Option<Remedy> {
        crate::remedy::remedy(self, fix, hop, list, rule)
    }
}

fn words(compiler: &mut Compiler) -> Words {
    let nobody = compiler.builder.names().intern("host");
    let mut reason = |code, text: &str| compiler.reason(code, text.to_owned(), None);
    Words {
        nobody,
        passes_on: reason(
            ReasonCode::NotModelled,
            "no device of the host has that address, so it passes such packets on, to a container or elsewhere, which is \
             not modelled",
        ),
        redirected: reason(ReasonCode::NotModelled, "a rule of the host sends it to the host itself instead"),
        both_families: reason(ReasonCode::NotRead, "the listing does not tell whether it takes IPv4 too; `ss -e` does"),
        any_device: reason(
            ReasonCode::NotRead,
            "without `ss` it is not known whether it is bound to another device; install iproute2 on the host",
        ),
    }
}

/// The interfaces that a document is about.
enum Joined {
    /// None, and why.
    Nowhere(String),
    /// Those of one machine.
    One(Vec<(usize, InterfaceId)>),
    /// Those of several.
    Several(Vec<(usize, InterfaceId)>),
}

fn join(document: &Document, devices: Option<&[Device]>, providers: &[&dyn Provider]) -> Joined {
    if let Some(asset) = document.asset() {
        let called = |(at, provider): (usize, &&dyn Provider)| {
            let network = provider.network();
            let owned = network.called(asset).iter().copied().filter(move |id| {
                let owner = network.interface(*id).and_then(|interface| interface.owner);
                owner.is_some_and(|owner| network.name(owner) == asset)
            });
            owned.map(|id| (at, id)).collect::<Vec<_>>()
        };
        let found: Vec<_> = providers.iter().enumerate().flat_map(called).collect();
        if !found.is_empty() {
            return Joined::One(found);
        }
    }
    let Some(devices) = devices else {
        return Joined::Nowhere("its addresses were not read: `ip -j addr` has to work on the host".to_owned());
    };
    let addresses = devices.iter().flat_map(|device| &device.addresses).filter(|address| !address.is_loopback());
    let addresses: BTreeSet<IpAddr> = addresses.copied().collect();
    let mut found: Vec<(usize, InterfaceId)> = Vec::new();
    // What tells machines apart: the cloud, and the owner, or the interface itself where it has none.
    let mut machines = BTreeSet::new();
    for (at, provider) in providers.iter().enumerate() {
        let network = provider.network();
        for address in &addresses {
            for id in network.owners(*address) {
                let Some(interface) = network.interface(id) else { continue };
                let is_own = network.addresses(interface).iter().any(|own| own.private == *address);
                if is_own && !found.contains(&(at, id)) {
                    found.push((at, id));
                    machines.insert((at, interface.owner.unwrap_or(interface.id)));
                }
            }
        }
    }
    match machines.len() {
        0 => Joined::Nowhere("nothing in the evidence has one of its addresses".to_owned()),
        1 => Joined::One(found),
        _ => Joined::Several(found),
    }
}

fn host(compiler: &mut Compiler, document: &Document, devices: &[Device]) -> HostFacts {
    let name = compiler.builder.names().intern(&document.host);
    let firewall = document.firewall();
    let mut unread = Vec::new();
    for gap in &firewall.unread {
        let text = gap.remedy.as_ref().map_or_else(|| gap.text.clone(), |remedy| format!("{}; {remedy}", gap.text));
        let reason = compiler.reason(gap.code, text, None);
        unread.push(UnreadFacts { families: gap.families, layer: layer(gap.engine), reason });
    }
    let (listeners, knows_devices) = match document.sockets() {
        Sockets::Read(listeners) => (Ok(listeners), true),
        Sockets::WithoutDevices(listeners) => (Ok(listeners), false),
        Sockets::Unread(why) => {
            let text = format!("who listens on the host was not read: {why}; gather the evidence of the host again");
            (Err(compiler.reason(ReasonCode::NotRead, text, None)), true)
        }
    };
    let sockets = listeners.map(|listeners| {
        let socket = |listener: crate::records::Listener| Socket {
            name: compiler.builder.names().intern(&listener.name),
            protocol: listener.protocol,
            bound: listener.bound,
            port: listener.port,
            device: listener.device,
        };
        listeners.into_iter().map(socket).collect()
    });
    // Containers have a device each on their host, which no packet of an upstream connection comes from.
    let used = |device: &&Device| device.addresses.iter().any(|address| !is_link_local(*address));
    let chains = Chains::new(&firewall.chains);
    let points = devices.iter().filter(used).map(|device| point(compiler, &firewall, &chains, device)).collect();
    HostFacts { name, points, sockets, knows_devices, unread }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn point(compiler: &mut Compiler, firewall: &Firewall, chains: &Chains<'_>, device: &Device) -> Point {
    let translates = |chain: &Chain| {
        let ways = chain.rules.iter().flat_map(|rule| &rule.ways);
        ways.into_iter().any(|way| {
            matches!(
                way.verdict,
                Verdict::Translate(Translation::Redirect(_) | Translation::Destination(_)) | Verdict::Other(_)
            )
        })
    };
    let untranslated = !chains.iter().any(translates);
    let about = |way, moment| Circumstances {
        way,
        moment,
        device: &device.name,
        unmarked: !firewall.marks,
        tracked: !firewall.untracks,
        untranslated,
    };
    let mut filters = |way, moment| filters(compiler, chains, device, &about(way, moment));
    let (entering, answers_out) = (filters(Way::In, Moment::New), filters(Way::Out, Moment::Answer));
    let (leaving, answers_in) = (filters(Way::Out, Moment::New), filters(Way::In, Moment::Answer));
    let (rest_in, rest_out) = (filters(Way::In, Moment::Rest), filters(Way::Out, Moment::Rest));
    let mut translations = |hook, way| {
        let bases = bases(chains, device, |base_hook, translates| base_hook == hook && translates);
        compiler.translations(chains, &bases, &about(way, Moment::New))
    };
    let prerouting = translations(Hook::Prerouting, Way::In);
    let output = translations(Hook::Output, Way::Out);
    let postrouting = translations(Hook::Postrouting, Way::Out);
    let program = device.has_program.then(|| {
        let text = format!("a program of the kernel (XDP) sees the packets of {} first", device.name);
        compiler.reason(ReasonCode::NotModelled, text, None)
    });
    Point {
        device: device.name.clone(),
        addresses: device.addresses.clone(),
        program,
        entering,
        answers_out,
        rest_in,
        prerouting,
        leaving,
        answers_in,
        rest_out,
        output,
        postrouting,
    }
}

/// The base chains of some hooks, in the order in which they are asked.
fn bases(chains: &[Chain], device: &Device, wanted: impl Fn(Hook, bool) -> bool) -> Vec<usize> {
    let mut found: Vec<(Hook, i64, usize)> = chains
        .iter()
        .enumerate()
        .filter_map(|(at, chain)| {
            let base = chain.base.as_ref()?;
            let here = base.devices.is_empty() || base.devices.contains(&device.name);
            (here && wanted(base.hook, base.translates)).then_some((base.hook, base.priority, at))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(.., at)| at).collect()
}

fn filters(compiler: &mut Compiler, chains: &Chains<'_>, device: &Device, about: &Circumstances<'_>) -> Vec<Filter> {
    let hooks: &[Hook] = match about.way {
        Way::In => &[Hook::Ingress, Hook::Prerouting, Hook::Input],
        Way::Out => &[Hook::Output, Hook::Postrouting, Hook::Egress],
    };
    let mut filters = Vec::new();
    for at in bases(chains, device, |hook, translates| hooks.contains(&hook) && !translates) {
        let (Some(gate), Some(chain)) = (compiler.gate(chains, at, about), chains.get(at)) else { continue };
        let subject = compiler.builder.names().intern(&format!("{} {}", chain.table, chain.name));
        let is_before = chain.base.as_ref().is_some_and(|base| is_before(base.hook, base.priority));
        let layer = layer(chain.engine);
        filters.push(Filter { gate, layer, subject, families: chain.families, is_before });
    }
    filters
}
