//! What nginx dials on its own account: resolvers, log servers, authentication of mail clients, certificate states,
//! telemetry.

use std::borrow::Cow;
use std::collections::HashSet;

use super::address::{self, Grammar};
use super::endpoints::{Context, Endpoint, Protocol, Purpose, Sink, SourceAddress, State, Target};
use super::error::{Error, Problem};
use super::handlers;
use super::limits;
use super::listen::Listen;
use super::model::{Model, ScopeKind, Stapling};
use super::passes;
use super::rules::{self, Places};
use super::tree::{Directive, Directives, Span};
use super::upstreams;
use super::walk::text;

/// The services of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Services<'c> {
    resolvers: Vec<Resolver<'c>>,
    others: Vec<Endpoint>,
    /// Certificate look-ups that have been reported: servers inherit them.
    reported: HashSet<Span>,
}

/// A `resolver` line.
#[derive(Debug)]
struct Resolver<'c> {
    span: Span,
    context: Context,
    addresses: Vec<(Cow<'c, [u8]>, Target, Option<String>)>,
    used: bool,
    /// Used only by code that this program does not read.
    perhaps: bool,
}

impl<'c> Services<'c> {
    /// Reads a `resolver` line (`ngx_resolver_create`) and gives its index.
    pub(crate) fn resolver(
        &mut self,
        directive: Directive<'c>,
        context: Context,
        sink: &mut Sink<'c>,
    ) -> Result<usize, Error> {
        let mut addresses = Vec::new();
        for argument in directive.arguments() {
            let is_setting = [b"valid=".as_slice(), b"ipv4=", b"ipv6=", b"status_zone="]
                .iter()
                .any(|name| argument.starts_with(name));
            if is_setting {
                let wrong = match argument.iter().position(|byte| *byte == b'=').map(|at| argument.split_at(at + 1)) {
                    Some((b"ipv4=" | b"ipv6=", value)) => !matches!(value, b"on" | b"off"),
                    Some((b"valid=", value)) => !handlers::is_time(value),
                    _ => false,
                };
                if wrong {
                    let message = format!("invalid parameter: {}", text(&argument));
                    sink.refuse(Problem::Handler { message }, directive.span())?;
                }
                continue;
            }
            match at_start(&argument, Grammar { default_port: Some(53), uri_part: false }, "resolver") {
                Ok((target, note)) => addresses.push((argument, target, note)),
                Err(problem) => sink.refuse(problem, directive.span())?,
            }
        }
        self.resolvers.push(Resolver { span: directive.span(), context, addresses, used: false, perhaps: false });
        Ok(self.resolvers.len() - 1)
    }

    /// Notes that something has its names looked up by a resolver.
    pub(crate) fn use_resolver(&mut self, resolver: Option<usize>) {
        if let Some(resolver) = resolver.and_then(|at| self.resolvers.get_mut(at)) {
            resolver.used = true;
        }
    }

    /// Notes that code in the configuration may have names looked up.
    pub(crate) fn scripts_use_resolvers(&mut self, context: Context) {
        for resolver in &mut self.resolvers {
            resolver.perhaps |= resolver.context == context;
        }
    }

    /// `error_log` and `access_log` to a log server (`ngx_syslog.c`).
    pub(crate) fn log(&mut self, directive: Directive<'c>, context: Context, sink: &mut Sink<'c>) -> Result<(), Error> {
        let Some(destination) = directive.argument(0) else { return Ok(()) };
        let Some(parameters) = destination.strip_prefix(b"syslog:") else { return Ok(()) };
        let mut server = None;
        let mut seen: Vec<&[u8]> = Vec::new();
        for parameter in parameters.split(|byte| *byte == b',') {
            let (name, value) = match parameter.iter().position(|byte| *byte == b'=') {
                Some(at) => parameter.split_at(at + 1),
                None => (parameter, [].as_slice()),
            };
            if name.ends_with(b"=") && seen.contains(&name) {
                let name = text(name.strip_suffix(b"=").unwrap_or(name));
                sink.refuse(handlers::refused(format!("duplicate syslog \"{name}\"")), directive.span())?;
                continue;
            }
            seen.push(name);
            let judged = match name {
                b"server=" => {
                    let found = at_start(value, Grammar { default_port: Some(514), uri_part: false }, "syslog server");
                    found.map(|found| server = Some(found))
                }
                _ => syslog_parameter(parameter, name, value),
            };
            if let Err(problem) = judged {
                sink.refuse(problem, directive.span())?;
            }
        }
        let Some((target, note)) = server else { return sink.refuse(Problem::NoSyslogServer, directive.span()) };
        let first_only = "only the first address of the name is used";
        let note = note.or_else(|| matches!(target, Target::Name { .. }).then(|| first_only.to_owned()));
        let endpoint = endpoint(directive, Protocol::Udp, target, context, Purpose::Syslog);
        self.others.push(Endpoint { note: note.map(Into::into), ..endpoint });
        Ok(())
    }

    /// The `mail` block: `auth_http` is dialled, and its answer says where each client's mail server is.
    pub(crate) fn mail(&mut self, directives: Directives<'c>, sink: &mut Sink<'c>) -> Result<(), Error> {
        let mut found = Mail::default();
        self.mail_block(directives, &mut found, sink, Some(rules::MAIL), 1)?;
        if found.smtp {
            // The names of clients are looked up by their addresses.
            for resolver in found.resolvers {
                self.use_resolver(Some(resolver));
            }
        }
        Ok(())
    }

    fn mail_block(
        &mut self,
        directives: Directives<'c>,
        found: &mut Mail,
        sink: &mut Sink<'c>,
        place: Option<Places>,
        depth: usize,
    ) -> Result<(), Error> {
        let mut once = Vec::new();
        for directive in directives {
            if depth > limits::BLOCK_DEPTH {
                let problem = Problem::Limit { what: "blocks inside one another", limit: limits::BLOCK_DEPTH as u64 };
                return Err(sink.error(problem, directive.span()));
            }
            let name = directive.name();
            if let Some(place) = place {
                match rules::check(&name, place, directive.is_block(), directive.argument_count()) {
                    Ok(Some(rule)) if rule.once && once.contains(&name) => {
                        sink.refuse(Problem::Duplicate { directive: text(&name) }, directive.span())?;
                    }
                    Ok(Some(rule)) if rule.once => once.push(name.clone()),
                    Ok(_) => {}
                    Err(problem) => {
                        sink.refuse(problem, directive.span())?;
                        continue;
                    }
                }
            }
            if directive.is_block() {
                let inside = (&*name == b"server" && place == Some(rules::MAIL)).then_some(rules::MAIL_SERVER);
                self.mail_block(directive.children(), found, sink, inside, depth + 1)?;
                let listens = |inner: Directive<'_>| &*inner.name() == b"listen";
                if inside.is_some() && directive.is_closed() && !directive.children().any(listens) {
                    sink.refuse(Problem::NoListen, directive.span())?;
                }
                continue;
            }
            match &*name {
                b"auth_http" => self.auth_http(directive, sink)?,
                b"resolver" => found.resolvers.push(self.resolver(directive, Context::Mail, sink)?),
                b"error_log" => self.log(directive, Context::Mail, sink)?,
                b"protocol" => {
                    let protocol = directive.argument(0).unwrap_or_default();
                    if !matches!(&*protocol, b"smtp" | b"imap" | b"pop3") {
                        let message = format!("unknown protocol \"{}\"", text(&protocol));
                        sink.refuse(Problem::Handler { message }, directive.span())?;
                    }
                    found.smtp |= &*protocol == b"smtp";
                }
                b"listen" => {
                    let parameters = directive.arguments().skip(1);
                    for parameter in parameters.filter(|parameter| !handlers::is_listen_parameter(parameter)) {
                        let message = format!("the invalid \"{}\" parameter", text(&parameter));
                        sink.refuse(Problem::Handler { message }, directive.span())?;
                    }
                    // The protocol follows from the port where it is not written.
                    let ports = Listen::read(directive).ports;
                    found.smtp |= ports.is_some_and(|ports| [25, 465, 587].iter().any(|port| ports.contains(port)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn auth_http(&mut self, directive: Directive<'c>, sink: &mut Sink<'c>) -> Result<(), Error> {
        let Some(argument) = directive.argument(0) else { return Ok(()) };
        let url = argument.strip_prefix(b"http://").unwrap_or(&argument);
        match at_start(url, Grammar { default_port: Some(80), uri_part: true }, "auth_http") {
            Err(problem) => return sink.refuse(problem, directive.span()),
            Ok((target, note)) => {
                let first_only = "only the first address of the name is used";
                let note = note.or_else(|| matches!(target, Target::Name { .. }).then(|| first_only.to_owned()));
                let endpoint = endpoint(directive, Protocol::Tcp, target, Context::Mail, Purpose::MailAuth);
                self.others.push(Endpoint { note: note.map(Into::into), ..endpoint });
            }
        }
        let reason = "the mail servers are those that the answer of `auth_http` names in Auth-Server and Auth-Port";
        let target = Target::open(reason.to_owned());
        self.others.push(endpoint(directive, Protocol::Tcp, target, Context::Mail, Purpose::Proxy));
        Ok(())
    }

    /// `otel_exporter { endpoint host:port; }`: gRPC, the port is required, a scheme is allowed.
    pub(crate) fn telemetry(
        &mut self,
        directive: Directive<'c>,
        context: Context,
        sink: &mut Sink<'c>,
    ) -> Result<(), Error> {
        for inner in directive.children().filter(|inner| &*inner.name() == b"endpoint") {
            let Some(argument) = inner.argument(0) else { continue };
            let schemes = [b"http://".as_slice(), b"https://"];
            let url = schemes.iter().find_map(|scheme| argument.strip_prefix(*scheme)).unwrap_or(&argument);
            match at_start(url, Grammar { default_port: None, uri_part: false }, "endpoint") {
                Err(problem) => sink.refuse(problem, inner.span())?,
                Ok((target, note)) => {
                    let endpoint = endpoint(inner, Protocol::Tcp, target, context, Purpose::Other);
                    self.others.push(Endpoint { note: note.map(Into::into), ..endpoint });
                }
            }
        }
        Ok(())
    }

    /// A block of a module that nginx does not ship, outside of `http`, `stream` and `mail`: what looks like a pass to
    /// an address is taken for one.
    pub(crate) fn foreign(
        &mut self,
        directive: Directive<'c>,
        context: Context,
        sink: &mut Sink<'c>,
    ) -> Result<(), Error> {
        self.foreign_block(directive.children(), context, sink, 1)
    }

    fn foreign_block(
        &mut self,
        directives: Directives<'c>,
        context: Context,
        sink: &mut Sink<'c>,
        depth: usize,
    ) -> Result<(), Error> {
        for directive in directives {
            if depth > limits::BLOCK_DEPTH {
                let problem = Problem::Limit { what: "blocks inside one another", limit: limits::BLOCK_DEPTH as u64 };
                return Err(sink.error(problem, directive.span()));
            }
            let name = directive.name();
            if directive.is_block() {
                self.foreign_block(directive.children(), context, sink, depth + 1)?;
            } else if passes::is_foreign_pass(&name) || matches!(&*name, b"proxy_pass" | b"push" | b"pull") {
                let Some(argument) = directive.argument(0) else { continue };
                let (rest, default_port) = match argument.strip_prefix(b"rtmp://") {
                    Some(rest) => (rest, Some(1935)),
                    None => (&*argument, None),
                };
                let grammar = Grammar { default_port, uri_part: true };
                if let Ok((target, _)) = at_start(rest, grammar, "upstream") {
                    let endpoint = endpoint(directive, Protocol::Tcp, target, context, Purpose::Proxy);
                    self.others.push(Endpoint { note: Some(ASSUMED.into()), ..endpoint });
                }
            }
        }
        Ok(())
    }

    /// The look-ups of certificate states of every server (`ngx_event_openssl_stapling.c`).
    pub(crate) fn certificates(&mut self, model: &Model<'c>, sink: &mut Sink<'c>) {
        let settings = |scope: usize| model.outward(scope).filter_map(|scope| scope.stapling.as_deref());
        for (index, scope) in model.scopes.iter().enumerate() {
            if scope.kind != ScopeKind::Server {
                continue;
            }
            let resolver = model.resolver(index);
            let file = settings(index).any(|stapling| stapling.file);
            if let Some((span, true)) = settings(index).find_map(|stapling: &Stapling<'c>| stapling.stapling)
                && !file
            {
                let responder = settings(index).find_map(|stapling| stapling.stapling_responder.as_ref());
                self.responder("ssl_stapling", span, responder, resolver, model.context(), sink);
            }
            if let Some((span, true)) = settings(index).find_map(|stapling: &Stapling<'c>| stapling.ocsp) {
                let responder = settings(index).find_map(|stapling| stapling.ocsp_responder.as_ref());
                self.responder("ssl_ocsp", span, responder, resolver, model.context(), sink);
            }
        }
    }

    fn responder(
        &mut self,
        directive: &str,
        span: Span,
        responder: Option<&(Span, Cow<'c, [u8]>)>,
        resolver: Option<usize>,
        context: Context,
        sink: &mut Sink<'c>,
    ) {
        let at = responder.map_or(span, |(span, _)| *span);
        let new = self.reported.insert(at);
        let mut found = Endpoint {
            protocol: Protocol::Tcp,
            target: Target::open("the responder is named in the certificate".to_owned()),
            directive: directive.into(),
            context,
            upstream: None,
            pass: at,
            server: None,
            state: State::Active,
            purpose: Purpose::Ocsp,
            source: SourceAddress::Default,
            run_time: false,
            note: None,
        };
        if let Some((_, url)) = responder {
            let Some(rest) = url.strip_prefix(b"http://") else {
                if new {
                    let message = format!("`{}` is no http URL: nginx ignores `{directive}` here", text(url));
                    sink.warn(at, message, Some("write a URL that starts with `http://`"));
                }
                return;
            };
            match at_start(rest, Grammar { default_port: Some(80), uri_part: true }, "OCSP responder") {
                Ok((target, note)) => {
                    found.run_time = resolver.is_some() && matches!(target, Target::Name { .. });
                    found.target = target;
                    found.note = note.map(Into::into);
                }
                Err(problem) => {
                    if new {
                        sink.warn(at, problem.to_string(), None);
                    }
                    return;
                }
            }
        }
        if !matches!(found.target, Target::Address { .. }) {
            self.use_resolver(resolver);
        }
        if new {
            self.others.push(found);
        }
    }

    /// Reports everything, when it is known which resolvers are used.
    pub(crate) fn emit(self, sink: &mut Sink<'c>) -> Result<(), Error> {
        for resolver in self.resolvers {
            let state = if resolver.used || resolver.perhaps { State::Active } else { State::Unreferenced };
            let scripts = "code in the configuration may look names up";
            let usage = (resolver.perhaps && !resolver.used).then(|| scripts.to_owned());
            for (_, target, note) in resolver.addresses {
                for protocol in [Protocol::Udp, Protocol::Tcp] {
                    let truncated = "used when an answer over UDP is truncated";
                    let transport = (protocol == Protocol::Tcp).then(|| truncated.to_owned());
                    let notes: Vec<String> = [note.clone(), transport, usage.clone()].into_iter().flatten().collect();
                    sink.push(Endpoint {
                        protocol,
                        target: target.clone(),
                        directive: "resolver".into(),
                        context: resolver.context,
                        upstream: None,
                        pass: resolver.span,
                        server: None,
                        state,
                        purpose: Purpose::Dns,
                        source: SourceAddress::Default,
                        run_time: false,
                        note: (!notes.is_empty()).then(|| notes.join("; ").into()),
                    })?;
                }
            }
        }
        for endpoint in self.others {
            sink.push(endpoint)?;
        }
        Ok(())
    }
}

/// What a reader should know about directives of other modules.
pub(crate) const ASSUMED: &str = "a directive of a module that nginx does not ship; assumed to connect over TCP";

/// What the `mail` block holds.
#[derive(Debug, Default)]
struct Mail {
    resolvers: Vec<usize>,
    smtp: bool,
}

/// The parameters of a log server other than its address (`ngx_syslog_parse_args`).
fn syslog_parameter(parameter: &[u8], name: &[u8], value: &[u8]) -> Result<(), Problem> {
    const FACILITIES: [&[u8]; 24] = [
        b"kern",
        b"user",
        b"mail",
        b"daemon",
        b"auth",
        b"intern",
        b"lpr",
        b"news",
        b"uucp",
        b"clock",
        b"authpriv",
        b"ftp",
        b"ntp",
        b"audit",
        b"alert",
        b"cron",
        b"local0",
        b"local1",
        b"local2",
        b"local3",
        b"local4",
        b"local5",
        b"local6",
        b"local7",
    ];
    const SEVERITIES: [&[u8]; 8] = [b"emerg", b"alert", b"crit", b"error", b"warn", b"notice", b"info", b"debug"];
    let refused = |message: &str| Err(handlers::refused(message.to_owned()));
    match name {
        b"facility=" if !FACILITIES.contains(&value) => {
            refused(&format!("unknown syslog facility \"{}\"", text(value)))
        }
        b"severity=" if !SEVERITIES.contains(&value) => {
            refused(&format!("unknown syslog severity \"{}\"", text(value)))
        }
        b"tag=" if value.len() > 32 => refused("syslog tag length exceeds 32"),
        b"tag=" if !value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') => {
            refused("syslog \"tag\" only allows alphanumeric characters and underscore")
        }
        b"facility=" | b"severity=" | b"tag=" | b"nohostname" => Ok(()),
        _ => Err(Problem::SyslogParameter { parameter: text(parameter) }),
    }
}

fn at_start(url: &[u8], grammar: Grammar, what: &'static str) -> Result<(Target, Option<String>), Problem> {
    let parsed = address::parse(url, grammar).map_err(|problem| Problem::Address { problem, what, url: text(url) })?;
    upstreams::at_start(&parsed, what)
}

fn endpoint(
    directive: Directive<'_>,
    protocol: Protocol,
    target: Target,
    context: Context,
    purpose: Purpose,
) -> Endpoint {
    Endpoint {
        protocol,
        target,
        directive: text(&directive.name()).into(),
        context,
        upstream: None,
        pass: directive.span(),
        server: None,
        state: State::Active,
        purpose,
        source: SourceAddress::Default,
        run_time: false,
        note: None,
    }
}
