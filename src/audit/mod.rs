//! The audit: endpoints × nginx's interfaces × network → flows and findings.
//!
//! Pure: everything that had to be read or asked was read and asked before, and comes in as arguments.

mod wanted;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use reachlint_host::network::Hosts;
use reachlint_model::{Interface, InterfaceId, PortRange, Protocol, Provider, Selector, Verdict};

use crate::evaluate::{Evaluator, Explanation, Query};
use crate::report::{Flow, FlowVerdict, Place, Source, Target};

pub use wanted::{is_live, shown, texts, upstreams, wanted};

/// A connection that nginx's configuration asks for, before its host is resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// What nginx dials.
    pub target: WantedTarget,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Address that `proxy_bind` makes it dial from.
    pub source: WantedSource,
    /// Where the configuration says so.
    pub place: Place,
}

/// What nginx dials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WantedTarget {
    /// An address or a name, and a port.
    Host {
        /// As the configuration spells it.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(String),
    /// Something that only a request decides.
    Dynamic {
        /// What is known of it.
        host: Option<String>,
        /// The port, if it is known.
        port: Option<u16>,
        /// Why it is not known.
        reason: String,
        /// Whether the client decides.
        by_client: bool,
    },
}

/// From which address nginx dials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WantedSource {
    /// The one that the host chooses.
    Default,
    /// The one that `proxy_bind` names.
    Bind(IpAddr),
    /// One that is not known, and why.
    Unknown(String),
}

/// One of nginx's interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Position of its cloud among the providers.
    pub provider: usize,
    /// The interface.
    pub interface: InterfaceId,
    /// The address it sends from, where that is not the machine's own.
    pub address: Option<IpAddr>,
}

/// The interfaces that a selector means, over all clouds.
#[must_use]
pub fn nodes(providers: &[&dyn Provider], selector: &Selector) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (at, provider) in providers.iter().enumerate() {
        for interface in provider.select(selector) {
            let address = match selector {
                Selector::Address(address) => provider.sender(interface, *address),
                _ => None,
            };
            nodes.push(Node { provider: at, interface, address });
        }
    }
    nodes
}

/// The answer to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// Its addresses, at least one.
    Addresses(Vec<IpAddr>),
    /// There is none, and why.
    None(String),
}

/// Answers names as one of nginx's machines would be answered.
pub trait Names {
    /// The answer for `host`.
    fn answer(&self, node: &Node, host: &str) -> NameAnswer;
}

/// What an audit looks at.
pub struct Subject<'a> {
    /// The clouds' compiled evidence.
    pub providers: &'a [&'a dyn Provider],
    /// What is known of the hosts behind interfaces.
    pub hosts: &'a Hosts,
    /// nginx's interfaces.
    pub nodes: &'a [Node],
    /// What its configuration dials.
    pub wanted: &'a [Wanted],
    /// Ports that nginx's host opens connections from.
    pub ephemeral: PortRange,
}

/// Why a flow has no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was judged on a path.
    Judged,
    /// It never leaves nginx's machine.
    Local,
    /// Its name has no answer.
    Unresolved,
    /// Only a request decides where it goes.
    Dynamic,
    /// The client decides where it goes.
    ChosenByClient,
    /// nginx's machine cannot send it at all.
    NoSource,
}

/// A flow with what the rules need beyond the report.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What the report says.
    pub flow: Flow,
    /// How it came about.
    pub cause: Cause,
    /// nginx's interface.
    pub node: Node,
    /// The connection, where it has an address.
    pub query: Option<Query>,
    /// Everything about the verdict.
    pub explanation: Explanation,
}

/// What makes two wishes the same connection.
type Key = (usize, Option<IpAddr>, String, Option<u16>, u8, Option<IpAddr>);

/// Judges everything that nginx dials, from each of its interfaces.
#[must_use]
pub fn judge(subject: &Subject<'_>, names: &dyn Names) -> Vec<Judged> {
    let mut auditor = Auditor {
        subject,
        evaluator: Evaluator::new(subject.providers, subject.ephemeral).with_hosts(subject.hosts),
        judged: Vec::new(),
        known: HashMap::new(),
    };
    for wanted in subject.wanted {
        for (at, node) in subject.nodes.iter().enumerate() {
            auditor.wish(wanted, at, node, names);
        }
    }
    auditor.judged
}

struct Auditor<'a> {
    subject: &'a Subject<'a>,
    evaluator: Evaluator<'a>,
    judged: Vec<Judged>,
    known: HashMap<Key, usize>,
}

impl Auditor<'_> {
    fn wish(&mut self, wanted: &Wanted, at: usize, node: &Node, names: &dyn Names) {
        match &wanted.target {
            WantedTarget::Host { host, port } => match host_address(host) {
                Some(address) => self.flow(wanted, at, node, host, address, *port),
                None => match names.answer(node, host) {
                    NameAnswer::Addresses(addresses) => {
                        let addresses: BTreeSet<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
                        for address in addresses {
                            self.flow(wanted, at, node, host, address, *port);
                        }
                    }
                    NameAnswer::None(why) => {
                        let reason = format!("`{host}` has no address: {why}");
                        self.bare(wanted, at, node, Some(host), Some(*port), Cause::Unresolved, reason);
                    }
                },
            },
            WantedTarget::Unix(path) => {
                let reason = "a unix socket is local: no filter of the cloud applies".to_owned();
                self.bare(wanted, at, node, Some(path), None, Cause::Local, reason);
            }
            WantedTarget::Dynamic { host, port, reason, by_client } => {
                let cause = if *by_client { Cause::ChosenByClient } else { Cause::Dynamic };
                self.bare(wanted, at, node, host.as_deref(), *port, cause, reason.clone());
            }
        }
    }

    /// A place that asks for a connection which is known already is only noted there.
    fn is_known(&mut self, key: &Key, place: &Place) -> bool {
        let known = self.known.get(key).and_then(|at| self.judged.get_mut(*at));
        let Some(judged) = known else { return false };
        // What is wanted comes without repetitions, so only spellings of one address can meet again, side by side.
        if judged.flow.nginx.last() != Some(place) {
            judged.flow.nginx.push(place.clone());
        }
        true
    }

    fn push(&mut self, key: Key, judged: Judged) {
        self.known.insert(key, self.judged.len());
        self.judged.push(judged);
    }

    fn flow(&mut self, wanted: &Wanted, at: usize, node: &Node, host: &str, to: IpAddr, port: u16) {
        let Some(provider) = self.subject.providers.get(node.provider).copied() else { return };
        let loopback = to.is_loopback() || to.is_unspecified();
        let source = if let WantedSource::Bind(address) = &wanted.source {
            Some(*address)
        } else {
            let own = node.address.filter(|own| own.is_ipv4() == to.is_ipv4());
            own.or_else(|| provider.source_address(node.interface, to)).or_else(|| loopback.then_some(to))
        };
        let key = (at, Some(to), host.to_owned(), Some(port), wanted.protocol.0, source);
        if self.is_known(&key, &wanted.place) {
            return;
        }
        let Some(source) = source else {
            let family = if to.is_ipv6() { "IPv6" } else { "IPv4" };
            let interface = interface_name(provider, node.interface);
            let reason = format!("{interface} has no {family} address to connect to {to} from");
            let mut judged = self.outline(wanted, node, host, Some(to), Some(port), Cause::NoSource, reason);
            judged.flow.verdict = FlowVerdict::Blocked;
            judged.explanation.verdict = Verdict::Blocked;
            self.push(key, judged);
            return;
        };
        let query =
            Query { provider: node.provider, from: node.interface, source, to, port, protocol: wanted.protocol };
        // A name of another cloud's service means the same everywhere.
        let service = self.subject.providers.iter().find_map(|known| known.service(host));
        let mut explanation = match service {
            Some(service) => self.evaluator.explain_to_service(&query, service),
            None => self.evaluator.explain(&query),
        };
        let mut cause = Cause::Judged;
        if let WantedSource::Unknown(why) = &wanted.source {
            // The path was judged for the host's own address, which is not the one that will be used.
            explanation.verdict = Verdict::Unknown;
            explanation.reasons.insert(0, why.clone());
        }
        if explanation.steps.iter().any(|step| step.layer == "host.local") {
            cause = Cause::Local;
        }
        let mut judged = self.outline(wanted, node, host, Some(to), Some(port), cause, String::new());
        judged.flow.from.address = Some(source.to_string());
        judged.flow.verdict = explanation.verdict.into();
        judged.flow.reasons.clone_from(&explanation.reasons);
        judged.flow.path.clone_from(&explanation.steps);
        let landing = explanation.landing;
        let receiver = self.subject.providers.get(landing.provider).zip(landing.interface);
        if let Some((receiver, interface)) = receiver {
            judged.flow.to.interface = Some(interface_name(*receiver, interface));
            judged.flow.to.provider = Some(receiver.cloud().word().to_owned());
            judged.flow.to.label = label(*receiver, interface);
        }
        judged.query = Some(query);
        judged.explanation = explanation;
        self.push(key, judged);
    }

    /// A flow without a path.
    #[expect(clippy::too_many_arguments, reason = "the parts of a flow, each of its own type")]
    fn bare(
        &mut self,
        wanted: &Wanted,
        at: usize,
        node: &Node,
        host: Option<&str>,
        port: Option<u16>,
        cause: Cause,
        reason: String,
    ) {
        // What a request decides is one connection for each thing that decides.
        let what = host.map_or_else(|| reason.clone(), str::to_owned);
        let key = (at, None, what.clone(), port, wanted.protocol.0, None);
        if self.is_known(&key, &wanted.place) {
            return;
        }
        let host = host.unwrap_or("decided by the request");
        let mut judged = self.outline(wanted, node, host, None, port, cause, reason);
        if matches!(judged.cause, Cause::Dynamic | Cause::ChosenByClient) {
            let from = judged.flow.from.interface.as_deref().unwrap_or("unknown");
            judged.flow.id = format!("{from}>{what}/{}", wanted.protocol);
        }
        if judged.cause == Cause::Local {
            judged.flow.verdict = FlowVerdict::Allowed;
            "unix".clone_into(&mut judged.flow.to.protocol);
            judged.explanation.verdict = Verdict::Allowed;
            judged.flow.id = flow_id(&judged.flow);
        }
        self.push(key, judged);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a flow, each of its own type")]
    fn outline(
        &self,
        wanted: &Wanted,
        node: &Node,
        host: &str,
        to: Option<IpAddr>,
        port: Option<u16>,
        cause: Cause,
        reason: String,
    ) -> Judged {
        let provider = self.subject.providers.get(node.provider).copied();
        let interface = provider.map(|provider| interface_name(provider, node.interface));
        let address = provider.and_then(|provider| {
            let network = provider.network();
            let interface = network.interface(node.interface)?;
            let first = network.addresses(interface).first().map(|address| address.private);
            node.address.or(first).map(|address| address.to_string())
        });
        let mut flow = Flow {
            id: String::new(),
            from: Source {
                interface,
                address,
                provider: provider.map(|provider| provider.cloud().word().to_owned()),
                label: provider.and_then(|provider| label(provider, node.interface)),
            },
            to: Target {
                host: host.to_owned(),
                address: to.map(|to| to.to_string()),
                port,
                protocol: wanted.protocol.to_string(),
                interface: None,
                provider: None,
                label: None,
            },
            nginx: vec![wanted.place.clone()],
            verdict: FlowVerdict::Unknown,
            reasons: if reason.is_empty() { Vec::new() } else { vec![reason] },
            path: Vec::new(),
            aws: None,
        };
        flow.id = flow_id(&flow);
        let explanation = Explanation { reasons: flow.reasons.clone(), ..Explanation::default() };
        Judged { flow, cause, node: *node, query: None, explanation }
    }
}

/// The address that a host is, rather than has: IPv6 in brackets or bare, and IPv4 mapped into IPv6 as IPv4.
#[must_use]
pub fn host_address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn flow_id(flow: &Flow) -> String {
    let from = flow.from.interface.as_deref().unwrap_or("unknown");
    format!("{from}>{}", destination(&flow.to))
}

/// A target as people write it: `10.0.2.20:8080/tcp`, `[2001:db8::1]:80/tcp`, `unix:/run/app.sock`.
#[must_use]
pub fn destination(to: &Target) -> String {
    if to.protocol == "unix" {
        return format!("unix:{}", to.host);
    }
    let host = to.address.as_deref().unwrap_or(&to.host);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match to.port {
        Some(port) => format!("{host}:{port}/{}", to.protocol),
        None => format!("{host}/{}", to.protocol),
    }
}

fn interface_name(provider: &dyn Provider, id: InterfaceId) -> String {
    let network = provider.network();
    network.interface(id).map_or(String::new(), |interface| network.name(interface.id).to_owned())
}

fn label(provider: &dyn Provider, id: InterfaceId) -> Option<String> {
    let network = provider.network();
    let interface = network.interface(id)?;
    let label = interface.label.or(interface.owner)?;
    let name = network.name(label);
    // Machines of a group often share a name, so theirs come with what tells them apart.
    let machine = |interface: &Interface| interface.owner.unwrap_or(interface.id);
    let shared = network.called(name).iter().filter_map(|other| network.interface(*other));
    let shared = shared.into_iter().any(|other| other.label == Some(label) && machine(other) != machine(interface));
    Some(if shared { format!("{name} {}", network.name(machine(interface))) } else { name.to_owned() })
}
