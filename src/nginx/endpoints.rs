//! Every address that a configuration makes nginx connect to.

use std::net::IpAddr;
use std::sync::Arc;

use super::error::{Error, Problem, Warning};
use super::lexer::narrow;
use super::limits;
use super::model::{self, Model};
use super::resolve;
use super::services;
use super::tree::{Config, FileId, Span};
use super::walk;

/// The transport of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// An address.
    Address {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
    /// A name that has to be looked up; each of its addresses is dialled.
    Name {
        /// The name as written.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket: nothing that leaves the machine.
    Unix(String),
    /// Known only while nginx runs. Boxed, because few are, and there can be a million others.
    Dynamic(Box<Dynamic>),
}

/// Where a connection goes that is known only while nginx runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dynamic {
    /// The host, where only the port is open.
    pub host: Option<String>,
    /// The port, where only the host is open.
    pub port: Option<u16>,
    /// What decides.
    pub reason: String,
    /// Whether it is the client: by an argument, a header, a cookie, or a part of the address that it asks for.
    pub by_client: bool,
}

impl Target {
    /// A target of which nothing is known but that the configuration, and no client, leads to it.
    pub(crate) fn open(reason: String) -> Self {
        Self::Dynamic(Box::new(Dynamic { host: None, port: None, reason, by_client: false }))
    }
}

/// The part of the configuration that a directive belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// `http`.
    Http,
    /// `stream`.
    Stream,
    /// `mail`.
    Mail,
    /// Outside of these.
    Main,
}

/// Whether a connection is ever made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Yes.
    Active,
    /// When the servers before it fail.
    Backup,
    /// Never: marked `down`.
    Down,
    /// Never: nothing refers to it.
    Unreferenced,
    /// Never: a later directive of the same block takes its place.
    Overridden,
    /// Never: every request is answered before.
    Unreachable,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Requests of clients.
    Proxy,
    /// Name look-ups.
    Dns,
    /// Logs.
    Syslog,
    /// The state of certificates.
    Ocsp,
    /// The authentication of mail clients.
    MailAuth,
    /// Telemetry and the like.
    Other,
}

/// The source address of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceAddress {
    /// The one that the system chooses.
    Default,
    /// `proxy_bind` and its kin.
    Bind(IpAddr),
    /// The client's own: `transparent` with the client's address.
    Client,
    /// Decided for each request; the text says by what.
    Dynamic(String),
}

/// One connection that nginx may open: a directive and one server that it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The transport.
    pub protocol: Protocol,
    /// Where to.
    pub target: Target,
    /// The directive: `proxy_pass`, `resolver` …
    pub directive: Arc<str>,
    /// The part of the configuration.
    pub context: Context,
    /// The `upstream` group.
    pub upstream: Option<Arc<str>>,
    /// The statement of the directive; for a group that nothing refers to, its `upstream` line.
    pub pass: Span,
    /// The `server` line in the group.
    pub server: Option<Span>,
    /// Whether the connection is ever made.
    pub state: State,
    /// What for.
    pub purpose: Purpose,
    /// Where from.
    pub source: SourceAddress,
    /// The name is looked up while nginx runs, by its `resolver`, not by the system when it starts.
    pub run_time: bool,
    /// What else one should know.
    pub note: Option<Arc<str>>,
}

impl Endpoint {
    /// The bytes of text that are this endpoint's own.
    fn text_length(&self) -> usize {
        let target = match &self.target {
            Target::Address { .. } => 0,
            Target::Name { host, .. } => host.len(),
            Target::Unix(path) => path.len(),
            Target::Dynamic(open) => open.host.as_ref().map_or(0, String::len) + open.reason.len(),
        };
        let source = if let SourceAddress::Dynamic(what) = &self.source { what.len() } else { 0 };
        target + source + self.note.as_ref().map_or(0, |note| note.len())
    }
}

/// The endpoints of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// In the order of the directives.
    pub endpoints: Vec<Endpoint>,
    /// What is odd about them.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Finds every address that this configuration makes nginx connect to.
    ///
    /// # Errors
    /// What nginx would refuse to load, unless the configuration was read leniently, and more endpoints than the limit.
    pub fn endpoints(&self) -> Result<Endpoints, Error> {
        let mut sink = Sink { config: self, found: Endpoints::default(), servers: 0, bytes: 0 };
        let mut models = [Model::new(model::Kind::Http), Model::new(model::Kind::Stream)];
        let mut services = services::Services::default();
        walk::main(self, &mut models, &mut services, &mut sink)?;
        for model in &mut models {
            resolve::resolve(model, &mut services, &mut sink)?;
        }
        services.emit(&mut sink)?;
        drop(models);
        let mut found = sink.found;
        if found.warnings.len() > limits::WARNINGS {
            let problem = Problem::Limit { what: "warnings", limit: limits::WARNINGS as u64 };
            let last = found.warnings.last().and_then(|warning| warning.span);
            return Err(Error::new(problem, last.map(|span| self.place(span)).unwrap_or_default()));
        }
        sort(&mut found.endpoints);
        Ok(found)
    }

    /// The first statement that nginx refuses, in a configuration that may be cut off.
    pub(crate) fn first_refusal(&self) -> Option<Error> {
        let mut sink = Sink { config: self, found: Endpoints::default(), servers: 0, bytes: 0 };
        let mut models = [Model::new(model::Kind::Http), Model::new(model::Kind::Stream)];
        walk::main(self, &mut models, &mut services::Services::default(), &mut sink).err()
    }
}

/// Puts endpoints in the order of the directives. Most are, and there can be so many that the memory for a sorted copy
/// would count.
fn sort(endpoints: &mut [Endpoint]) {
    let place = |endpoint: &Endpoint| (endpoint.pass.file, endpoint.pass.start);
    if endpoints.is_sorted_by_key(place) {
        return;
    }
    let mut order: Vec<(FileId, u32, u32)> =
        endpoints.iter().zip(0..).map(|(endpoint, at)| (endpoint.pass.file, endpoint.pass.start, at)).collect();
    order.sort_unstable();
    // `order` says which endpoint belongs at each place; every swap brings one there for good.
    for to in 0..order.len() {
        let mut from = order.get(to).map_or(to, |(.., from)| *from as usize);
        while from < to {
            // It has been swapped away from there, to where its successor came from.
            from = order.get(from).map_or(to, |(.., from)| *from as usize);
        }
        endpoints.swap(to, from);
        if let Some((.., at)) = order.get_mut(to) {
            *at = narrow(from);
        }
    }
}

/// Where findings go while a configuration is walked.
pub(crate) struct Sink<'c> {
    pub(crate) config: &'c Config,
    found: Endpoints,
    /// How many servers all groups have.
    servers: usize,
    /// How long the texts of all endpoints are.
    bytes: usize,
}

impl Sink<'_> {
    pub(crate) fn error(&self, problem: Problem, span: Span) -> Error {
        Error::new(problem, self.config.place(span))
    }

    /// Something that nginx refuses: an error, or a warning for a lenient reader.
    pub(crate) fn refuse(&mut self, problem: Problem, span: Span) -> Result<(), Error> {
        self.refuse_in(problem, span, None)
    }

    /// Something that nginx finds out at the end of a block, and names that line.
    pub(crate) fn refuse_at(&mut self, problem: Problem, span: Span, nginx_line: u32) -> Result<(), Error> {
        self.refuse_in(problem, span, Some(nginx_line))
    }

    fn refuse_in(&mut self, problem: Problem, span: Span, nginx_line: Option<u32>) -> Result<(), Error> {
        if !self.config.lenient {
            let mut error = self.error(problem, span);
            error.place.nginx_line = nginx_line.unwrap_or(error.place.nginx_line);
            return Err(error);
        }
        if self.found.warnings.len() >= limits::WARNINGS {
            let problem = Problem::Limit { what: "warnings", limit: limits::WARNINGS as u64 };
            return Err(self.error(problem, span));
        }
        let help = problem.help();
        self.found.warnings.push(Warning { message: problem.to_string(), span: Some(span), help });
        Ok(())
    }

    pub(crate) fn warn(&mut self, span: Span, message: String, help: Option<&str>) {
        // One more than the limit shows that it was passed.
        if self.found.warnings.len() <= limits::WARNINGS {
            self.found.warnings.push(Warning { message, span: Some(span), help: help.map(str::to_owned) });
        }
    }

    /// Every server of a group becomes an endpoint at least once, so there is no use in collecting more.
    pub(crate) fn count_server(&mut self, span: Span) -> Result<(), Error> {
        self.servers += 1;
        if self.servers > limits::ENDPOINTS {
            return Err(self.error(Problem::Limit { what: "endpoints", limit: limits::ENDPOINTS as u64 }, span));
        }
        Ok(())
    }

    pub(crate) fn push(&mut self, endpoint: Endpoint) -> Result<(), Error> {
        if self.found.endpoints.len() >= limits::ENDPOINTS {
            let problem = Problem::Limit { what: "endpoints", limit: limits::ENDPOINTS as u64 };
            return Err(self.error(problem, endpoint.pass));
        }
        self.bytes += endpoint.text_length();
        if self.bytes > limits::ENDPOINT_BYTES {
            let problem =
                Problem::Limit { what: "bytes in the names of endpoints", limit: limits::ENDPOINT_BYTES as u64 };
            return Err(self.error(problem, endpoint.pass));
        }
        self.found.endpoints.push(endpoint);
        Ok(())
    }
}
