//! From passes and groups to endpoints.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;

use super::address;
use super::endpoints::{Dynamic, Endpoint, Protocol, Purpose, Sink, SourceAddress, State, Target};
use super::error::{Error, Problem};
use super::flow::Flow;
use super::judge::{self, Judged};
use super::listen::Listen;
use super::model::{Bind, Kind, Model, Pass, PassTo, ServerBlock};
use super::regex;
use super::services::{ASSUMED, Services};
use super::tree::{Directive, Span};
use super::upstreams::{Block, Entry};
use super::values::{Piece, Value};
use super::variables::ServerFacts;
use super::walk::text;

/// Turns everything that a model holds into endpoints.
pub(crate) fn resolve<'c>(
    model: &mut Model<'c>,
    services: &mut Services<'c>,
    sink: &mut Sink<'c>,
) -> Result<(), Error> {
    if model.scopes.is_empty() {
        return Ok(());
    }
    if model.has_scripts {
        services.scripts_use_resolvers(model.context());
    }
    services.certificates(model, sink);
    let mut passes = Passes {
        model,
        services,
        sink,
        tls_sockets: tls_sockets(model),
        facts: HashMap::new(),
        flow: Flow::default(),
        used: vec![false; model.groups.iter().count()],
        open: None,
    };
    passes.flow = Flow::new(passes.sink.config.lenient);
    for (index, pass) in model.passes.iter().enumerate() {
        passes.pass(index, pass)?;
    }
    passes.unreferenced()
}

/// What nginx checks at the end of the `http` or `stream` block.
pub(crate) fn check_at_the_end<'c>(
    model: &Model<'c>,
    services: &mut Services<'c>,
    sink: &mut Sink<'c>,
    world: Directive<'c>,
) -> Result<(), Error> {
    check_entries(model, services, sink)?;
    for (zone, (sized, span)) in &model.zones {
        if !sized {
            // nginx finds out when it lays the memory out (`ngx_init_cycle`).
            let message = format!("zero size shared memory zone \"{}\"", text(zone));
            sink.refuse(Problem::Handler { message }, *span)?;
        }
    }
    let mut seen = HashSet::new();
    for scope in &model.scopes {
        if let (Some(location), Some(span)) = (&scope.location, scope.span)
            && let Some(key) = location.key()
            && !seen.insert((scope.parent, key))
        {
            let message = format!("duplicate location \"{}\"", text(&location.name));
            sink.refuse(Problem::Handler { message }, span)?;
        }
    }
    if let Some((problem, span)) = model.variables.undefined(sink.config.lenient) {
        sink.refuse_at(problem, span, world.close_line())?;
    }
    Ok(())
}

/// Servers that are named directly, and `resolve`.
fn check_entries<'c>(model: &Model<'c>, services: &mut Services<'c>, sink: &mut Sink<'c>) -> Result<(), Error> {
    for (_, entry) in model.groups.iter() {
        let Some(block) = &entry.block else {
            if let Err(problem) = entry.direct() {
                sink.refuse(problem, entry.span)?;
            }
            continue;
        };
        if block.resolves.is_none() && !block.servers.iter().any(|server| server.run_time) {
            continue;
        }
        let resolver = block.resolver.or_else(|| model.resolver(0));
        if resolver.is_none() {
            let problem = Problem::ResolveWithoutResolver { group: block.name.to_string() };
            let nginx_line = sink.config.nginx_line(block.span);
            sink.refuse_at(problem, block.resolves.unwrap_or(block.span), nginx_line)?;
        }
        services.use_resolver(resolver);
    }
    Ok(())
}

/// The listeners that take TLS.
fn tls_sockets<'m>(model: &'m Model<'_>) -> HashSet<&'m [u8]> {
    model
        .servers
        .iter()
        .flat_map(|server| &server.listens)
        .filter(|listen| listen.tls)
        .map(|listen| listen.address.as_slice())
        .collect()
}

/// What is known about a server.
fn server_facts(kind: Kind, server: &ServerBlock, tls_sockets: &HashSet<&[u8]>) -> ServerFacts {
    let default = [Listen::default_http()];
    let listens = match server.listens.as_slice() {
        [] if kind == Kind::Http => default.as_slice(),
        listens => listens,
    };
    // TLS belongs to the socket: a server that shares it has it too.
    let is_tls = |listen: &Listen| server.all_tls || tls_sockets.contains(listen.address.as_slice());
    let mut schemes = Vec::new();
    if listens.iter().any(|listen| !is_tls(listen)) {
        schemes.push("http");
    }
    if listens.iter().any(is_tls) {
        schemes.push("https");
    }
    // A range can hold every port, and a server many ranges.
    let mut ranges: Vec<RangeInclusive<u16>> = listens.iter().filter_map(|listen| listen.ports.clone()).collect();
    ranges.sort_unstable_by_key(|range| *range.start());
    let mut ports: Vec<RangeInclusive<u16>> = Vec::new();
    for range in ranges {
        match ports.last_mut() {
            Some(last) if range.start() <= last.end() => *last = *last.start()..=*last.end().max(range.end()),
            _ => ports.push(range),
        }
    }
    ServerFacts {
        schemes,
        ports: Rc::new(ports),
        name: server.name.clone(),
        uri_may_lose_slash: server.uri_may_lose_slash,
        host_only_captures: Vec::new(),
    }
}

struct Passes<'p, 'c> {
    model: &'p Model<'c>,
    services: &'p mut Services<'c>,
    sink: &'p mut Sink<'c>,
    tls_sockets: HashSet<&'p [u8]>,
    /// Of the servers with variables in their passes.
    facts: HashMap<usize, ServerFacts>,
    flow: Flow,
    /// Which entries some pass leads to.
    used: Vec<bool>,
    /// A pass that may name any group.
    open: Option<Open>,
}

/// A pass whose value may turn out to be the name of a group.
#[derive(Debug, Clone)]
struct Open {
    directive: Arc<str>,
    span: Span,
    protocols: Vec<Protocol>,
    source: SourceAddress,
    reason: String,
}

/// What all endpoints of a pass have in common.
struct Common {
    directive: Arc<str>,
    span: Span,
    protocols: Vec<Protocol>,
    /// `None` where the pass itself is in order, and the servers decide.
    state: Option<State>,
    source: SourceAddress,
    note: Option<String>,
}

impl<'c> Passes<'_, 'c> {
    fn pass(&mut self, index: usize, pass: &Pass<'c>) -> Result<(), Error> {
        let state = self.state_of(index, pass);
        let protocols = self.protocols(pass);
        let source = self.source(pass);
        let note = (!pass.module.stock).then(|| ASSUMED.to_owned());
        let common =
            Common { directive: text(&pass.directive).into(), span: pass.span, protocols, state, source, note };
        match &pass.to {
            PassTo::Entry(entry) => self.entry(*entry, &common),
            PassTo::Anything => {
                let reason = "the client names the host and the port".to_owned();
                self.services.use_resolver(self.model.resolver(pass.scope));
                self.push(
                    &common,
                    Target::Dynamic(Box::new(Dynamic { host: None, port: None, reason, by_client: true })),
                    None,
                    State::Active,
                    true,
                    None,
                )
            }
            PassTo::Template(value) => {
                let values = match self.values(value, pass.scope) {
                    Ok(values) => values,
                    Err((problem, span)) => return self.sink.refuse(problem, span.unwrap_or(pass.span)),
                };
                self.template(pass, &values, &common)
            }
        }
    }

    fn state_of(&mut self, index: usize, pass: &Pass<'c>) -> Option<State> {
        let scope = self.model.scope(pass.scope)?;
        // The passes of a scope are in order.
        let last_overridden = scope.overridden.checked_sub(1).and_then(|last| scope.passes.get(last));
        if last_overridden.is_some_and(|last| index <= *last) {
            return Some(State::Overridden);
        }
        self.flow.unreachable(self.model, pass.scope).then_some(State::Unreachable)
    }

    fn facts_at(&mut self, scope: usize) -> ServerFacts {
        let server = self.model.scope(scope).and_then(|scope| scope.server);
        let mut facts = server
            .and_then(|index| {
                let server = self.model.servers.get(index)?;
                let new = || server_facts(self.model.kind, server, &self.tls_sockets);
                Some(self.facts.entry(index).or_insert_with(new).clone())
            })
            .unwrap_or_else(|| ServerFacts { schemes: vec!["http", "https"], ..ServerFacts::default() });
        let regex = self.model.location_of(scope).and_then(|location| self.model.scope(location)?.regex.as_deref());
        if let Some(regex) = regex
            && self.model.variables.pay(regex.len() as u64)
        {
            facts.host_only_captures = regex::host_only_captures(regex);
        }
        facts
    }

    /// A stream server dials with the transport of its listeners; everything in http is TCP.
    fn protocols(&self, pass: &Pass<'c>) -> Vec<Protocol> {
        if self.model.kind == Kind::Http {
            return vec![Protocol::Tcp];
        }
        let server = self.model.scope(pass.scope).and_then(|scope| self.model.servers.get(scope.server?));
        let listens = server.map(|server| server.listens.as_slice()).unwrap_or_default();
        let mut protocols = Vec::new();
        if listens.iter().any(|listen| !listen.udp) {
            protocols.push(Protocol::Tcp);
        }
        if listens.iter().any(|listen| listen.udp) {
            protocols.push(Protocol::Udp);
        }
        if protocols.is_empty() {
            // Refused before, and read anyway.
            protocols.push(Protocol::Tcp);
        }
        protocols
    }

    fn source(&mut self, pass: &Pass<'c>) -> SourceAddress {
        let bind = self
            .model
            .outward(pass.scope)
            .find_map(|scope| scope.binds.iter().find(|(name, _)| &**name == pass.module.bind).map(|(_, bind)| bind));
        let (value, transparent) = match bind {
            None | Some(Bind::Off) => return SourceAddress::Default,
            Some(Bind::Address(address)) => return SourceAddress::Bind(*address),
            Some(Bind::Variable { value, transparent }) => (value, *transparent),
        };
        let names_client = |value: &[Piece]| match value.first() {
            Some(Piece::Unknown(unknown)) => {
                ["$remote_addr", "$binary_remote_addr", "$proxy_protocol_addr", "$realip_remote_addr"]
                    .contains(&unknown.name.to_ascii_lowercase().as_str())
            }
            _ => false,
        };
        let Ok(values) = self.values(value, pass.scope) else {
            return SourceAddress::Dynamic(text(value));
        };
        match values.as_slice() {
            [value] if transparent && names_client(value) => SourceAddress::Client,
            [value] => match value.as_slice() {
                [] => SourceAddress::Default,
                [Piece::Text(address)] => {
                    address::bound(address).map_or_else(|| SourceAddress::Dynamic(text(address)), SourceAddress::Bind)
                }
                _ => SourceAddress::Dynamic(judge::shown_value(value)),
            },
            _ => SourceAddress::Dynamic(text(value)),
        }
    }

    /// The values of a text. The error is a variable that nothing defines, and the statement if it is another one.
    fn values(&mut self, value: &[u8], scope: usize) -> Result<Rc<Vec<Value>>, (Problem, Option<Span>)> {
        let lenient = self.sink.config.lenient;
        let facts = &self.facts_at(scope);
        let environment = self.flow.at(self.model, scope, facts).map_err(|(problem, span)| (problem, Some(span)))?;
        let variables = &self.model.variables;
        let values = variables.values(value, &environment, facts, lenient).map_err(|problem| (problem, None))?;
        Ok(variables.paid(values, value))
    }

    fn template(&mut self, pass: &Pass<'c>, values: &[Value], common: &Common) -> Result<(), Error> {
        let resolver = self.model.resolver(pass.scope);
        let mut seen: HashSet<Judged> = HashSet::new();
        let mut failing: Option<(String, String)> = None;
        let mut unresolved: Option<String> = None;
        let mut good = false;
        for value in values {
            let judged = judge::judge(value, pass.module);
            if !seen.insert(judged.clone()) {
                continue;
            }
            match judged {
                Judged::Fails(why) => {
                    failing.get_or_insert_with(|| (judge::shown_value(value), why));
                    continue;
                }
                Judged::Unix(path) => self.push(common, Target::Unix(path), None, State::Active, false, None)?,
                Judged::Open { host, port, reason, by_client, may_name_group } => {
                    if may_name_group && common.state.is_none() {
                        self.open.get_or_insert_with(|| Open {
                            directive: common.directive.clone(),
                            span: common.span,
                            protocols: common.protocols.clone(),
                            source: common.source.clone(),
                            reason: reason.clone(),
                        });
                    }
                    self.services.use_resolver(resolver);
                    self.push(
                        common,
                        Target::Dynamic(Box::new(Dynamic { host, port, reason, by_client })),
                        None,
                        State::Active,
                        true,
                        None,
                    )?;
                }
                Judged::Settled { host, address, port, has_port } => {
                    if let Some(entry) = self.model.groups.at_run_time(&host, port, has_port) {
                        self.entry(entry, common)?;
                    } else {
                        match (address, port) {
                            (_, None) => {
                                let why = format!("no port in upstream \"{}\"", text(&host));
                                failing.get_or_insert_with(|| (judge::shown_value(value), why));
                                continue;
                            }
                            (Some(address), Some(port)) => {
                                self.push(common, Target::Address { address, port }, None, State::Active, false, None)?;
                            }
                            (None, Some(port)) => {
                                if resolver.is_none() {
                                    unresolved.get_or_insert_with(|| text(&host));
                                    continue;
                                }
                                self.services.use_resolver(resolver);
                                let note = self.beside_group(&host);
                                let target = Target::Name { host: text(&host), port };
                                self.push(common, target, None, State::Active, true, note)?;
                            }
                        }
                    }
                }
            }
            good = true;
        }
        self.complain(common, good, failing, unresolved);
        Ok(())
    }

    /// Says which values nginx would answer with an error.
    fn complain(&mut self, common: &Common, good: bool, failing: Option<(String, String)>, unresolved: Option<String>) {
        if let Some(host) = unresolved {
            let is_group = self.beside_group(host.as_bytes()).is_some();
            let help = if is_group {
                "a value with a port is never the group of that name; leave the port out"
            } else {
                "names in a value with variables are looked up at run time: add `resolver ADDRESS;`"
            };
            self.sink.warn(common.span, format!("no resolver defined to resolve {host}"), Some(help));
        }
        if let Some((value, why)) = failing {
            let some = if good { "some requests" } else { "every request" };
            let message = format!("nginx answers {some} with an error: the value `{value}` gives `{why}`");
            self.sink.warn(common.span, message, None);
        }
    }

    /// A name that is also that of a group, but is not taken for it.
    fn beside_group(&self, host: &[u8]) -> Option<String> {
        let entry = self.model.groups.at_run_time(host, None, false)?;
        let block = self.model.groups.get(entry)?.block.as_ref()?;
        Some(format!("not the group `{}`: this port makes it a name that is looked up", block.name))
    }

    fn entry(&mut self, index: usize, common: &Common) -> Result<(), Error> {
        let model = self.model;
        let Some(entry) = model.groups.get(index) else { return Ok(()) };
        if let Some(used) = self.used.get_mut(index) {
            *used = true;
        }
        match &entry.block {
            Some(block) => self.group(block, common),
            None => self.direct(entry, common),
        }
    }

    fn direct(&mut self, entry: &Entry, common: &Common) -> Result<(), Error> {
        match entry.direct() {
            // The problem has been reported with the entry.
            Err(_) => Ok(()),
            Ok((target, note)) => {
                let note = match &target {
                    Target::Name { host, .. } => note.or_else(|| self.beside_group(host.as_bytes())),
                    _ => note,
                };
                self.push(common, target, None, State::Active, false, note)
            }
        }
    }

    fn group(&mut self, block: &Block, common: &Common) -> Result<(), Error> {
        let group = |server| Some((&block.name, server));
        if let Some(reason) = &block.dynamic {
            let target = Target::open(reason.clone());
            return self.push(common, target, group(None), State::Active, true, None);
        }
        for server in &block.servers {
            let (target, note) = server.target();
            self.push(common, target, group(Some(server.span)), server.state, server.run_time, note)?;
        }
        Ok(())
    }

    /// Groups that no pass leads to. Where a value may name any of them, it may name these.
    fn unreferenced(mut self) -> Result<(), Error> {
        let model = self.model;
        for (index, entry) in model.groups.iter() {
            let Some(block) = entry.block.as_ref().filter(|_| self.used.get(index) == Some(&false)) else { continue };
            let common = match &self.open {
                Some(open) => Common {
                    directive: open.directive.clone(),
                    span: open.span,
                    protocols: open.protocols.clone(),
                    state: None,
                    source: open.source.clone(),
                    note: Some(format!("may be chosen at run time: {}", open.reason)),
                },
                None => Common {
                    directive: "upstream".into(),
                    span: block.span,
                    protocols: vec![Protocol::Tcp],
                    state: Some(State::Unreferenced),
                    source: SourceAddress::Default,
                    note: None,
                },
            };
            self.group(block, &common)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        common: &Common,
        target: Target,
        group: Option<(&Arc<str>, Option<Span>)>,
        state: State,
        run_time: bool,
        note: Option<String>,
    ) -> Result<(), Error> {
        let notes: Vec<&str> = [note.as_deref(), common.note.as_deref()].into_iter().flatten().collect();
        let note: Option<Arc<str>> = (!notes.is_empty()).then(|| notes.join("; ").into());
        for protocol in &common.protocols {
            self.sink.push(Endpoint {
                protocol: *protocol,
                target: target.clone(),
                directive: common.directive.clone(),
                context: self.model.context(),
                upstream: group.map(|(name, _)| Arc::clone(name)),
                pass: common.span,
                server: group.and_then(|(_, server)| server),
                state: common.state.unwrap_or(state),
                purpose: Purpose::Proxy,
                source: common.source.clone(),
                run_time,
                note: note.clone(),
            })?;
        }
        Ok(())
    }
}
