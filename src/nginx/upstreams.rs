//! Groups of upstream servers, and which group or server a name in a pass means.
//!
//! All http modules share one list, streams have another. A pass without variables either finds an entry of its host
//! or makes one, in the order of the file, exactly as `ngx_http_upstream_add` does; an `upstream` block takes over an
//! entry that an earlier pass has made. The list is searched by lower-cased host here, not entry by entry.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::address::{self, AddressProblem, Grammar, Host, Url};
use super::endpoints::{State, Target};
use super::error::Problem;
use super::handlers;
use super::tree::{Directive, Span};

/// The list of one protocol.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    entries: Vec<Entry>,
    by_host: HashMap<Vec<u8>, Vec<usize>>,
    /// Streams tell entries without a port from those with one (`ngx_stream_upstream.c`); http does not.
    exact_ports: bool,
}

/// A group, or the single server that a pass names directly.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The host as written in the first pass.
    host: Vec<u8>,
    kind: Host,
    port: Option<u16>,
    has_port: bool,
    /// The first statement that made the entry.
    pub(crate) span: Span,
    pub(crate) block: Option<Block>,
}

/// An `upstream` block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The name as declared.
    pub(crate) name: Arc<str>,
    pub(crate) span: Span,
    pub(crate) servers: Vec<Server>,
    /// Why the peers are not those of the `server` lines.
    pub(crate) dynamic: Option<String>,
    /// The index of the block's own `resolver`.
    pub(crate) resolver: Option<usize>,
    /// Some server is resolved at run time.
    pub(crate) resolves: Option<Span>,
    /// The group lies in shared memory.
    pub(crate) has_zone: bool,
}

/// A `server` line.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) span: Span,
    target: Peer,
    pub(crate) state: State,
    /// `resolve`: the name is looked up while nginx runs.
    pub(crate) run_time: bool,
}

/// Where a server is, in little room: there can be very many.
#[derive(Debug)]
enum Peer {
    Address { address: IpAddr, port: u16 },
    Name { host: Box<str>, port: u16 },
    Other(Box<(Target, Option<String>)>),
}

impl Peer {
    fn new(target: Target, note: Option<String>) -> Self {
        match (target, note) {
            (Target::Address { address, port }, None) => Self::Address { address, port },
            (Target::Name { host, port }, None) => Self::Name { host: host.into(), port },
            other => Self::Other(Box::new(other)),
        }
    }
}

impl Server {
    /// Where the server is, and what one should know about that.
    pub(crate) fn target(&self) -> (Target, Option<String>) {
        match &self.target {
            Peer::Address { address, port } => (Target::Address { address: *address, port: *port }, None),
            Peer::Name { host, port } => (Target::Name { host: host.to_string(), port: *port }, None),
            Peer::Other(other) => Clone::clone(other),
        }
    }
}

/// What the `server` lines of a block have to go by.
#[derive(Debug)]
pub(crate) struct ServerRules {
    /// Without a port, http takes 80, for TLS as well; streams have no default.
    pub(crate) default_port: Option<u16>,
    /// A balancing method above this line has no use for `backup`.
    pub(crate) backup_refused: bool,
    /// Directives so far that may not be repeated.
    pub(crate) once: Vec<Vec<u8>>,
}

impl Groups {
    pub(crate) fn new(exact_ports: bool) -> Self {
        Self { exact_ports, ..Self::default() }
    }

    pub(crate) fn get(&self, entry: usize) -> Option<&Entry> {
        self.entries.get(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate()
    }

    /// The entry of a pass without variables.
    pub(crate) fn of_pass(&mut self, url: &Url<'_>, span: Span) -> Result<usize, Problem> {
        let key = url.written.to_ascii_lowercase();
        for at in self.by_host.get(&key).into_iter().flatten() {
            let Some(entry) = self.entries.get(*at) else { continue };
            if let Some(block) = &entry.block
                && let (true, Some(port)) = (url.has_port, url.port)
            {
                return Err(Problem::GroupWithPort { group: block.name.to_string(), port });
            }
            if self.same_port(entry.port, url.port) {
                return Ok(*at);
            }
        }
        let entry = Entry {
            host: url.written.to_vec(),
            kind: url.host.clone(),
            port: url.port,
            has_port: url.has_port,
            span,
            block: None,
        };
        Ok(self.push(key, entry))
    }

    /// The entry of an `upstream` block.
    ///
    /// A problem comes with the statement that has it.
    pub(crate) fn of_block(&mut self, block: Block) -> Result<usize, (Problem, Span)> {
        let key = block.name.as_bytes().to_ascii_lowercase();
        let mut taken_over = None;
        for at in self.by_host.get(&key).into_iter().flatten() {
            let Some(entry) = self.entries.get(*at) else { continue };
            if entry.block.is_some() {
                return Err((Problem::DuplicateUpstream { group: block.name.to_string() }, block.span));
            }
            if entry.has_port {
                let problem =
                    Problem::GroupWithPort { group: block.name.to_string(), port: entry.port.unwrap_or_default() };
                return Err((problem, entry.span));
            }
            if self.same_port(entry.port, None) {
                taken_over = Some(*at);
                break;
            }
        }
        if let Some(at) = taken_over {
            if let Some(entry) = self.entries.get_mut(at) {
                entry.port = None;
                entry.block = Some(block);
            }
            return Ok(at);
        }
        let entry = Entry {
            host: Vec::new(),
            kind: Host::Name,
            port: None,
            has_port: false,
            span: block.span,
            block: Some(block),
        };
        Ok(self.push(key, entry))
    }

    /// The entry that a value finds which is put together for each request (`ngx_http_upstream_init_request`): the
    /// host is the same, and either nobody names a port or both name the same one.
    pub(crate) fn at_run_time(&self, host: &[u8], port: Option<u16>, has_port: bool) -> Option<usize> {
        let key = host.to_ascii_lowercase();
        self.by_host.get(&key).into_iter().flatten().copied().find(|at| {
            self.entries.get(*at).is_some_and(|entry| match entry.port {
                None => !has_port,
                Some(_) => entry.port == port,
            })
        })
    }

    fn same_port(&self, one: Option<u16>, other: Option<u16>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => one == other,
            (None, None) => true,
            _ => !self.exact_ports,
        }
    }

    fn push(&mut self, key: Vec<u8>, entry: Entry) -> usize {
        let at = self.entries.len();
        self.entries.push(entry);
        self.by_host.entry(key).or_default().push(at);
        at
    }
}

impl Entry {
    /// The server of an entry without a block, as nginx looks it up when it starts.
    pub(crate) fn direct(&self) -> Result<(Target, Option<String>), Problem> {
        let url = Url {
            host: self.kind.clone(),
            written: &self.host,
            port: self.port,
            has_port: self.has_port,
            has_uri: false,
        };
        at_start(&url, "upstream")
    }
}

/// What a host and port mean to nginx when it starts: an address, a name for the system's resolver, a unix socket.
pub(crate) fn at_start(url: &Url<'_>, what: &'static str) -> Result<(Target, Option<String>), Problem> {
    let written = || String::from_utf8_lossy(url.written).into_owned();
    if url.host == Host::Unix {
        return Ok((Target::Unix(written()), None));
    }
    let Some(port) = url.port else {
        return Err(Problem::NoPort { url: written() });
    };
    match &url.host {
        Host::Address(address) => Ok((Target::Address { address: *address, port }, None)),
        _ => match address::c_library(url.written) {
            Some(address) => {
                let note = if url.written.iter().all(u8::is_ascii_digit) {
                    format!(
                        "the C library reads the number `{}` as the address {address}; a port goes after `host:`",
                        written()
                    )
                } else {
                    format!("the C library reads `{}` as the address {address}", written())
                };
                Ok((Target::Address { address: address.into(), port }, Some(note)))
            }
            None if address::could_be_a_name(url.written) => Ok((Target::Name { host: written(), port }, None)),
            None => Err(Problem::Address { problem: AddressProblem::HostNotFound, what, url: written() }),
        },
    }
}

/// Reads a `server` line of an `upstream` block. The second value is a parameter that nginx does not have.
pub(crate) fn server(directive: Directive<'_>, rules: &ServerRules) -> Result<(Server, Option<String>), Problem> {
    let Some(url) = directive.argument(0) else {
        return Err(Problem::ArgumentCount { directive: "server".to_owned() });
    };
    let text = || String::from_utf8_lossy(&url).into_owned();
    let mut state = State::Active;
    let mut resolve = false;
    let mut service: Option<String> = None;
    let mut unknown = None;
    for parameter in directive.arguments().skip(1) {
        match &*parameter {
            b"down" => state = State::Down,
            b"backup" => {
                if rules.backup_refused {
                    return Err(Problem::NoBackup);
                }
                if state == State::Active {
                    state = State::Backup;
                }
            }
            b"resolve" => resolve = true,
            b"drain" => {}
            other => match other.iter().position(|byte| *byte == b'=').map(|at| other.split_at(at)) {
                Some((b"service", name)) => {
                    service = Some(text_of(value_of(name)));
                }
                Some((b"weight", value))
                    if handlers::is_number(value_of(value)) && !value_of(value).iter().all(|digit| *digit == b'0') => {}
                Some((b"max_conns" | b"max_fails", value)) if handlers::is_number(value_of(value)) => {}
                Some((b"fail_timeout" | b"slow_start", value)) if handlers::is_time(value_of(value)) => {}
                Some((b"route", _)) => {}
                _ => {
                    unknown.get_or_insert_with(|| text_of(other));
                }
            },
        }
    }
    let grammar = Grammar { default_port: rules.default_port, uri_part: false };
    let parsed =
        address::parse(&url, grammar).map_err(|problem| Problem::Address { problem, what: "upstream", url: text() })?;
    let server = |target, run_time, note| {
        let target = Peer::new(target, note);
        Server { span: directive.span(), target, state, run_time }
    };
    if let Some(service) = service {
        let target = service_record(&parsed, &service, resolve, text())?;
        return Ok((server(target, true, None), unknown));
    }
    // A name of the group's own is never looked up here, but a port that is not written may surprise.
    let (target, note) = match (&parsed.host, parsed.port) {
        (Host::Name, Some(port)) if resolve => (Target::Name { host: text_of(parsed.written), port }, None),
        _ => at_start(&parsed, "upstream").map_err(|problem| match problem {
            Problem::NoPort { .. } => Problem::NoPort { url: text() },
            Problem::Address { problem, what, .. } => Problem::Address { problem, what, url: text() },
            other => other,
        })?,
    };
    let run_time = resolve && matches!(target, Target::Name { .. });
    Ok((server(target, run_time, note), unknown))
}

/// `service=`: hosts and ports are those of an SRV record.
fn service_record(url: &Url<'_>, service: &str, resolve: bool, text: String) -> Result<Target, Problem> {
    if !resolve {
        return Err(Problem::ServiceNeedsResolve { url: text });
    }
    if url.has_port {
        return Err(Problem::ServiceWithPort { url: text });
    }
    if url.host != Host::Name {
        return Err(Problem::ServiceNeedsName { url: text });
    }
    let host = text_of(url.written);
    // A service with a dot is used as it is, any other gets the usual underscores (ngx_http_upstream_resolve_srv).
    let record = if service.contains('.') { format!("{service}.{host}") } else { format!("_{service}._tcp.{host}") };
    Ok(Target::open(format!("hosts and ports come from the SRV record `{record}`")))
}

/// What follows the `=`.
fn value_of(parameter: &[u8]) -> &[u8] {
    parameter.get(1..).unwrap_or_default()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
