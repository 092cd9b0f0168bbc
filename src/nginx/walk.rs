//! One walk over the tree, in nginx's order, that fills the models and the services.

use std::borrow::Cow;
use std::rc::Rc;

use super::address::{self, Grammar, Host};
use super::endpoints::{Context, Sink};
use super::error::{Error, Problem};
use super::handlers::{self, Location};
use super::limits;
use super::listen::Listen;
use super::model::{Bind, Kind, Model, Pass, PassTo, Rewrite, ScopeKind, ServerBlock, Statement};
use super::passes::{self, Module};
use super::resolve;
use super::rules::{self, Places};
use super::services::Services;
use super::template;
use super::tree::{Config, Directive, Directives, Span};
use super::upstreams::{self, Block, ServerRules};

/// Walks the main file.
pub(crate) fn main<'c>(
    config: &'c Config,
    models: &mut [Model<'c>; 2],
    services: &mut Services<'c>,
    sink: &mut Sink<'c>,
) -> Result<(), Error> {
    let [http, stream] = models;
    let mut seen: Vec<Cow<'c, [u8]>> = Vec::new();
    for directive in config.directives() {
        let name = directive.name();
        let count = directive.argument_count();
        match rules::check(&name, rules::MAIN, directive.is_block(), count) {
            Ok(Some(rule)) if rule.once => {
                if seen.contains(&name) {
                    sink.refuse(Problem::Duplicate { directive: text(&name) }, directive.span())?;
                }
                seen.push(name.clone());
            }
            Ok(_) => {}
            Err(Problem::NotAllowedHere { directive: name, at_top }) => {
                // Files that `http` includes are given to this program by mistake; a lenient reader takes them.
                sink.refuse(Problem::NotAllowedHere { directive: name, at_top }, directive.span())?;
                let mut walk = Walk { model: http, services, sink, foreign: 0 };
                let scope = walk.world_scope();
                walk.directive(directive, scope, 1)?;
                continue;
            }
            Err(problem) => {
                sink.refuse(problem, directive.span())?;
                continue;
            }
        }
        match &*name {
            b"mail" => services.mail(directive.children(), sink)?,
            b"http" | b"stream" => {
                let model = if &*name == b"http" { &mut *http } else { &mut *stream };
                Walk { model, services, sink, foreign: 0 }.world(directive.children())?;
                if directive.is_closed() {
                    resolve::check_at_the_end(model, services, sink, directive)?;
                }
            }
            b"events" => {
                for inner in directive.children() {
                    let place = rules::EVENTS;
                    if let Err(problem) = rules::check(&inner.name(), place, inner.is_block(), inner.argument_count()) {
                        sink.refuse(problem, inner.span())?;
                    }
                }
            }
            b"error_log" => services.log(directive, Context::Main, sink)?,
            b"load_module" => {
                http.variables.modules_are_loaded();
                stream.variables.modules_are_loaded();
            }
            _ if directive.is_block() => services.foreign(directive, Context::Main, sink)?,
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Walk<'w, 'c> {
    model: &'w mut Model<'c>,
    services: &'w mut Services<'c>,
    sink: &'w mut Sink<'c>,
    /// How many blocks of unknown modules are around: what stands in them has rules of its own.
    foreign: usize,
}

impl<'c> Walk<'_, 'c> {
    fn world(&mut self, directives: Directives<'c>) -> Result<(), Error> {
        let scope = self.world_scope();
        self.block(directives, scope, 1)
    }

    fn world_scope(&mut self) -> usize {
        if self.model.scopes.is_empty() { self.model.add_scope(ScopeKind::Main, None, None) } else { 0 }
    }

    fn block(&mut self, directives: Directives<'c>, scope: usize, depth: usize) -> Result<(), Error> {
        for directive in directives {
            self.directive(directive, scope, depth)?;
        }
        Ok(())
    }

    fn directive(&mut self, directive: Directive<'c>, scope: usize, depth: usize) -> Result<(), Error> {
        let span = directive.span();
        if depth > limits::BLOCK_DEPTH {
            let problem = Problem::Limit { what: "blocks inside one another", limit: limits::BLOCK_DEPTH as u64 };
            return Err(self.sink.error(problem, span));
        }
        let name = directive.name();
        let Some((kind, server)) = self.model.scope(scope).map(|scope| (scope.kind, scope.server)) else {
            return Ok(());
        };
        if self.foreign == 0 && !self.check(directive, &name, scope)? {
            return Ok(());
        }
        if directive.is_block() {
            return self.inner_block(directive, &name, scope, server, depth);
        }
        match &*name {
            b"set" => self.set(directive, scope),
            b"break" => self.statement(scope, Statement::Break),
            b"return" => self.returns(directive, scope, kind),
            b"rewrite" => self.rewrite(directive, scope),
            b"listen" | b"server_name" | b"ssl" => self.server_setting(directive, &name, server),
            b"resolver" => {
                let resolver = self.services.resolver(directive, self.model.context(), self.sink)?;
                self.at(scope, |scope| scope.resolver = Some(resolver));
            }
            b"error_page" => {
                let codes: Vec<u16> = directive.arguments().filter_map(|code| text(&code).parse().ok()).collect();
                self.at(scope, |scope| {
                    scope.error_pages.extend(codes);
                    scope.jumps = true;
                });
            }
            b"try_files" | b"auth_request" | b"mirror" | b"post_action" | b"add_before_body" | b"add_after_body"
            | b"ssi" => {
                self.at(scope, |scope| scope.jumps = true);
            }
            b"access_log" | b"error_log" => self.services.log(directive, self.model.context(), self.sink)?,
            b"ssl_stapling"
            | b"ssl_ocsp"
            | b"ssl_stapling_file"
            | b"ssl_stapling_responder"
            | b"ssl_ocsp_responder" => {
                self.stapling(directive, &name, scope);
            }
            name if passes::is_bind(name) => self.bind(directive, scope)?,
            b"proxy_pass" if self.model.kind == Kind::Stream => self.pass(directive, &passes::STREAM, scope, kind)?,
            b"pass" if self.model.kind == Kind::Stream => self.other_handler(scope),
            name if self.model.kind == Kind::Http && passes::is_content_handler(name) => {
                self.model.has_scripts |= !matches!(name, b"empty_gif" | b"stub_status" | b"flv" | b"mp4");
                self.other_handler(scope);
            }
            name => {
                if let Some(module) = passes::http(name).filter(|_| self.model.kind == Kind::Http) {
                    self.pass(directive, module, scope, kind)?;
                } else if passes::is_foreign_pass(name) {
                    self.foreign_pass(directive, scope);
                } else {
                    self.other(directive, name);
                }
            }
        }
        Ok(())
    }

    /// Judges a directive as nginx does. A lenient reader goes on with it where that makes sense.
    fn check(&mut self, directive: Directive<'c>, name: &[u8], scope: usize) -> Result<bool, Error> {
        let span = directive.span();
        let place = self.place(scope);
        match rules::check(name, place, directive.is_block(), directive.argument_count()) {
            Ok(None) => return Ok(true),
            Ok(Some(rule)) => {
                let seen = self.model.once.iter().any(|(at, seen)| *at == scope && **seen == *name);
                if rule.once && seen {
                    self.sink.refuse(Problem::Duplicate { directive: text(name) }, span)?;
                } else if rule.once {
                    self.model.once.push((scope, directive.name()));
                }
            }
            Err(problem) => {
                let goes_on = matches!(problem, Problem::NotAllowedHere { .. });
                self.sink.refuse(problem, span)?;
                return Ok(goes_on);
            }
        }
        if let Err(fault) = handlers::check(self.model.kind, directive, name) {
            let at = fault.at.unwrap_or(directive);
            if fault.at_end {
                self.sink.refuse_at(fault.problem, at.span(), at.close_line())?;
            } else {
                self.sink.refuse(fault.problem, at.span())?;
            }
        }
        if name == b"if"
            && let Some(variable) = handlers::condition_variable(directive)
        {
            self.model.variables.refer_name(variable, span);
        }
        for value in handlers::values(directive, name) {
            self.model.variables.refer(&value, span);
        }
        Ok(true)
    }

    fn place(&self, scope: usize) -> Places {
        let kind = |scope: usize| self.model.scope(scope).map(|scope| scope.kind);
        let around = || self.model.scope(scope).and_then(|scope| kind(scope.parent?));
        match (self.model.kind, kind(scope)) {
            (Kind::Http, Some(ScopeKind::Server)) => rules::SERVER,
            (Kind::Http, Some(ScopeKind::Location { .. })) => rules::LOCATION,
            (Kind::Http, Some(ScopeKind::If)) if around() == Some(ScopeKind::Server) => rules::SERVER_IF,
            (Kind::Http, Some(ScopeKind::If)) => rules::LOCATION_IF,
            (Kind::Http, Some(ScopeKind::LimitExcept)) => rules::LIMIT_EXCEPT,
            (Kind::Http, _) => rules::HTTP,
            (Kind::Stream, Some(ScopeKind::Main) | None) => rules::STREAM,
            (Kind::Stream, Some(_)) => rules::STREAM_SERVER,
        }
    }

    fn inner_block(
        &mut self,
        directive: Directive<'c>,
        name: &[u8],
        scope: usize,
        server: Option<usize>,
        depth: usize,
    ) -> Result<(), Error> {
        if self.model.scopes.len() > limits::BLOCKS {
            let problem = Problem::Limit { what: "blocks", limit: limits::BLOCKS as u64 };
            return Err(self.sink.error(problem, directive.span()));
        }
        let http = self.model.kind == Kind::Http;
        let inside = match name {
            b"upstream" => return self.upstream(directive),
            b"map" | b"geo" | b"split_clients" => {
                self.model.variables.define(directive, name);
                return Ok(());
            }
            b"types" | b"charset_map" | b"match" => return Ok(()),
            b"server" => {
                let server = self.model.servers.len();
                let inside = self.model.add_scope(ScopeKind::Server, Some(scope), Some(server));
                self.at(inside, |scope| scope.span = Some(directive.span()));
                self.model.servers.push(ServerBlock { scope: inside, ..ServerBlock::default() });
                inside
            }
            b"location" if http => {
                let around = self.model.scope(scope).and_then(|scope| scope.location.as_ref());
                let head = match Location::read(directive, around) {
                    Ok(head) => Some(head),
                    Err(problem) => {
                        self.sink.refuse(problem, directive.span())?;
                        None
                    }
                };
                let (kind, regex) = self.location_kind(directive);
                let inside = self.model.add_scope(kind, Some(scope), server);
                self.at(inside, |scope| {
                    scope.regex = regex;
                    scope.location = head;
                    scope.span = Some(directive.span());
                });
                inside
            }
            b"if" if http => {
                let inside = self.model.add_scope(ScopeKind::If, Some(scope), server);
                self.statement(scope, Statement::If(inside));
                for argument in directive.arguments() {
                    self.model.variables.define_captures(&argument);
                }
                inside
            }
            b"limit_except" if http => self.model.add_scope(ScopeKind::LimitExcept, Some(scope), server),
            b"otel_exporter" => return self.services.telemetry(directive, self.model.context(), self.sink),
            // A block of a module that nginx does not ship: its content may define variables or pass requests on.
            _ => {
                self.model.variables.define_inside(directive);
                self.foreign += 1;
                self.block(directive.children(), scope, depth + 1)?;
                self.foreign -= 1;
                return Ok(());
            }
        };
        let open = self.model.once.len();
        self.block(directive.children(), inside, depth + 1)?;
        // Nothing can be repeated in a block that is over.
        self.model.once.truncate(open);
        if name == b"server" && !http && directive.is_closed() {
            let server = self.model.servers.iter().rfind(|server| server.scope == inside);
            if server.is_some_and(|server| server.listens.is_empty()) {
                self.sink.refuse(Problem::NoListen, directive.span())?;
            }
        }
        Ok(())
    }

    fn at(&mut self, scope: usize, change: impl FnOnce(&mut super::model::Scope<'c>)) {
        if let Some(scope) = self.model.scopes.get_mut(scope) {
            change(scope);
        }
    }

    fn statement(&mut self, scope: usize, statement: Statement<'c>) {
        self.at(scope, |scope| scope.statements.push(statement));
    }

    /// `ngx_http_core_location`: a modifier of its own or in front of the path.
    fn location_kind(&mut self, directive: Directive<'c>) -> (ScopeKind, Option<Vec<u8>>) {
        let first = directive.argument(0).unwrap_or_default();
        let regex = first.starts_with(b"~").then(|| {
            let glued = first.strip_prefix(b"~*").or_else(|| first.strip_prefix(b"~")).unwrap_or_default();
            directive.argument(1).map_or_else(|| glued.to_vec(), Cow::into_owned)
        });
        if let Some(regex) = &regex {
            self.model.variables.define_captures(regex);
        }
        (ScopeKind::Location { no_uri: regex.is_some() || first.starts_with(b"@") }, regex)
    }

    fn set(&mut self, directive: Directive<'c>, scope: usize) {
        let span = directive.span();
        let (Some(variable), Some(value)) = (directive.argument(0), directive.argument(1)) else { return };
        let Some(name) = variable.strip_prefix(b"$") else { return };
        let name = name.to_ascii_lowercase();
        self.model.variables.assigned(name.clone());
        self.statement(scope, Statement::Set { name, value, span });
    }

    fn returns(&mut self, directive: Directive<'c>, scope: usize, kind: ScopeKind) {
        if self.model.kind == Kind::Stream {
            // In a stream, `return` is a handler like any other, and the last one wins.
            self.other_handler(scope);
        } else if kind != ScopeKind::Main {
            let code = directive.argument(0).and_then(|code| text(&code).parse().ok());
            self.statement(scope, Statement::Return(code));
        }
    }

    fn rewrite(&mut self, directive: Directive<'c>, scope: usize) {
        let regex = directive.argument(0).unwrap_or_default();
        let replacement = directive.argument(1).unwrap_or_default();
        let flag = directive.argument(2).unwrap_or_default();
        self.model.variables.define_captures(&regex);
        let absolute =
            [b"http://".as_slice(), b"https://", b"$scheme"].iter().any(|start| replacement.starts_with(start));
        let effect = match &*flag {
            b"redirect" | b"permanent" => Rewrite::Redirect,
            _ if absolute => Rewrite::Redirect,
            b"break" => Rewrite::Break,
            _ => Rewrite::Jump,
        };
        let server = self.model.scope(scope).and_then(|scope| scope.server);
        let keeps_slash = [b"/".as_slice(), b"$uri", b"$request_uri", b"$document_uri"]
            .iter()
            .any(|start| replacement.starts_with(start));
        if effect != Rewrite::Redirect
            && !keeps_slash
            && let Some(server) = server.and_then(|server| self.model.servers.get_mut(server))
        {
            server.uri_may_lose_slash = true;
        }
        let always = matches!(
            &*regex,
            b"^" | b"^/"
                | b"/"
                | b".*"
                | b"(.*)"
                | b"^.*"
                | b"^(.*)"
                | b"^/.*"
                | b"^/(.*)"
                | b"^.*$"
                | b"^(.*)$"
                | b"^/.*$"
                | b"^/(.*)$"
                | b"^(.*)?$"
                | b"."
                | b"^."
                | b"^.+$"
                | b"^(.+)$"
        );
        self.at(scope, |scope| scope.jumps |= effect == Rewrite::Jump);
        self.statement(scope, Statement::Rewrite { effect, always });
    }

    fn server_setting(&mut self, directive: Directive<'c>, name: &[u8], server: Option<usize>) {
        if name == b"server_name" {
            for argument in directive.arguments().filter(|argument| argument.starts_with(b"~")) {
                self.model.variables.define_captures(&argument);
            }
        }
        let Some(server) = server.and_then(|server| self.model.servers.get_mut(server)) else { return };
        match name {
            b"listen" => {
                // Most servers have one, and there can be very many servers.
                if server.listens.is_empty() {
                    server.listens.reserve_exact(1);
                }
                server.listens.push(Listen::read(directive));
            }
            b"ssl" => server.all_tls |= directive.argument(0).as_deref() == Some(b"on"),
            _ => {
                if server.name.is_none() {
                    server.name = directive.argument(0).map(|name| Rc::new(name.into_owned()));
                }
            }
        }
    }

    fn stapling(&mut self, directive: Directive<'c>, name: &[u8], scope: usize) {
        let Some(argument) = directive.argument(0) else { return };
        let span = directive.span();
        self.at(scope, |scope| {
            let stapling = scope.stapling.get_or_insert_default();
            match name {
                b"ssl_stapling" => stapling.stapling = Some((span, &*argument == b"on")),
                b"ssl_ocsp" => stapling.ocsp = Some((span, &*argument != b"off")),
                b"ssl_stapling_file" => stapling.file = true,
                b"ssl_stapling_responder" => stapling.stapling_responder = Some((span, argument)),
                _ => stapling.ocsp_responder = Some((span, argument)),
            }
        });
    }

    fn bind(&mut self, directive: Directive<'c>, scope: usize) -> Result<(), Error> {
        let Some(value) = directive.argument(0) else { return Ok(()) };
        let transparent = directive.argument(1).is_some_and(|word| &*word == b"transparent");
        let bind = if &*value == b"off" && directive.argument_count() == 1 {
            Bind::Off
        } else if template::has_variables(&value) {
            self.model.variables.refer(&value, directive.span());
            Bind::Variable { value, transparent }
        } else {
            let Some(address) = address::bound(&value) else {
                return self.sink.refuse(Problem::Bind { address: text(&value) }, directive.span());
            };
            Bind::Address(address)
        };
        if let Some(word) = directive.argument(1).filter(|_| !transparent) {
            self.sink.refuse(Problem::Parameter { parameter: text(&word) }, directive.span())?;
        }
        let name = directive.name();
        self.at(scope, |scope| scope.binds.push((name, bind)));
        Ok(())
    }

    /// Everything that stands before another handler in the same block gives way to it.
    fn other_handler(&mut self, scope: usize) {
        self.at(scope, |scope| scope.overridden = scope.passes.len());
    }

    fn pass(
        &mut self,
        directive: Directive<'c>,
        module: &'static Module,
        scope: usize,
        kind: ScopeKind,
    ) -> Result<(), Error> {
        let span = directive.span();
        let name = directive.name();
        if name == b"memcached_pass".as_slice() {
            // nginx has no such variable; its module looks for one that the configuration defines.
            self.model.variables.refer_name(b"memcached_key".to_vec(), span);
        }
        let Some(value) = directive.argument(0) else {
            if name == b"tunnel_pass".as_slice() {
                self.add_pass(module, name, scope, span, PassTo::Anything);
            }
            return Ok(());
        };
        if module.variables && template::has_variables(&value) {
            if let Err(problem) = template::parts(&value) {
                self.sink.refuse(problem, span)?;
            }
            self.model.variables.refer(&value, span);
            self.add_pass(module, name, scope, span, PassTo::Template(value));
            return Ok(());
        }
        match self.literal(&value, module, kind, span, &name) {
            Ok(entry) => self.add_pass(module, name, scope, span, PassTo::Entry(entry)),
            Err(problem) => self.sink.refuse(problem, span)?,
        }
        Ok(())
    }

    fn literal(
        &mut self,
        value: &[u8],
        module: &Module,
        kind: ScopeKind,
        span: Span,
        name: &[u8],
    ) -> Result<usize, Problem> {
        let (rest, grammar) = module.strip_scheme(value)?;
        let url = address::parse(rest, grammar).map_err(|problem| Problem::Address {
            problem,
            what: "upstream",
            url: text(rest),
        })?;
        let no_uri = matches!(kind, ScopeKind::Location { no_uri: true } | ScopeKind::If | ScopeKind::LimitExcept);
        if url.has_uri && no_uri {
            return Err(Problem::UriPart { directive: text(name) });
        }
        self.model.groups.of_pass(&url, span)
    }

    fn add_pass(
        &mut self,
        module: &'static Module,
        directive: Cow<'c, [u8]>,
        scope: usize,
        span: Span,
        to: PassTo<'c>,
    ) {
        let pass = self.model.passes.len();
        self.model.passes.push(Pass { module, directive, scope, span, to });
        self.at(scope, |scope| {
            scope.overridden = scope.passes.len();
            scope.passes.push(pass);
        });
    }

    /// A pass of a module that nginx does not ship counts where its argument can be an address or a group.
    fn foreign_pass(&mut self, directive: Directive<'c>, scope: usize) {
        let Some(value) = directive.argument(0) else { return };
        let to = if template::has_variables(&value) {
            PassTo::Template(value)
        } else {
            // Some such modules take a scheme; what follows it is the address.
            let address = match value.windows(3).position(|window| window == b"://") {
                Some(scheme) => value.get(scheme + 3..).unwrap_or_default(),
                None => &value,
            };
            let Ok(url) = address::parse(address, Grammar { default_port: None, uri_part: true }) else {
                return;
            };
            let local = address.starts_with(b"/") || address.starts_with(b"@");
            let is_group = || self.model.groups.at_run_time(url.written, None, false).is_some();
            if local || !(url.has_port || url.host == Host::Unix || is_group()) {
                return;
            }
            match self.model.groups.of_pass(&url, directive.span()) {
                Ok(entry) => PassTo::Entry(entry),
                Err(_) => return,
            }
        };
        self.add_pass(&passes::UNKNOWN, directive.name(), scope, directive.span(), to);
    }

    /// Directives that only matter for the variables or name look-ups they stand for.
    fn other(&mut self, directive: Directive<'c>, name: &[u8]) {
        let script =
            name.windows(7).any(|window| window == b"_by_lua") || name.starts_with(b"js_") || name.starts_with(b"perl");
        self.model.has_scripts |= script;
        self.model.variables.define_by(directive, name);
    }

    fn upstream(&mut self, directive: Directive<'c>) -> Result<(), Error> {
        let span = directive.span();
        let Some(name) = directive.argument(0) else { return Ok(()) };
        let mut block = Block {
            name: text(&name).into(),
            span,
            servers: Vec::new(),
            dynamic: None,
            resolver: None,
            resolves: None,
            has_zone: false,
        };
        let default_port = (self.model.kind == Kind::Http).then_some(80);
        let mut rules = ServerRules { default_port, backup_refused: false, once: Vec::new() };
        for inner in directive.children() {
            self.group_directive(inner, &mut block, &mut rules)?;
        }
        if !directive.is_closed() {
            return Ok(());
        }
        block.servers.shrink_to_fit();
        if block.servers.is_empty() && block.dynamic.is_none() {
            self.sink.refuse_at(Problem::EmptyUpstream, span, directive.close_line())?;
        } else if !block.servers.is_empty()
            && block.servers.iter().all(|server| server.state == super::endpoints::State::Backup)
        {
            self.sink.refuse(Problem::NoPrimary { group: block.name.to_string() }, span)?;
        }
        if let Some(server) = block.resolves
            && !block.has_zone
        {
            let problem = Problem::ResolveWithoutZone { group: block.name.to_string() };
            self.sink.refuse_at(problem, server, self.sink.config.nginx_line(span))?;
        }
        if let Err((problem, span)) = self.model.groups.of_block(block) {
            self.sink.refuse(problem, span)?;
        }
        Ok(())
    }

    fn group_directive(
        &mut self,
        inner: Directive<'c>,
        block: &mut Block,
        rules: &mut ServerRules,
    ) -> Result<(), Error> {
        let name = inner.name();
        let place = if self.model.kind == Kind::Http { rules::UPSTREAM } else { rules::STREAM_UPSTREAM };
        match rules::check(&name, place, inner.is_block(), inner.argument_count()) {
            Ok(Some(rule)) if rule.once && rules.once.iter().any(|seen| **seen == *name) => {
                self.sink.refuse(Problem::Duplicate { directive: text(&name) }, inner.span())?;
            }
            Ok(Some(rule)) if rule.once => rules.once.push(name.to_vec()),
            Ok(_) => {}
            Err(problem) => return self.sink.refuse(problem, inner.span()),
        }
        if let Err(fault) = handlers::check(self.model.kind, inner, &name) {
            self.sink.refuse(fault.problem, inner.span())?;
        }
        for value in handlers::values(inner, &name) {
            self.model.variables.refer(&value, inner.span());
        }
        match &*name {
            b"server" => match upstreams::server(inner, rules) {
                Ok((server, unknown)) => {
                    if let Some(parameter) = unknown {
                        self.sink.refuse(Problem::Parameter { parameter }, inner.span())?;
                    }
                    if server.run_time {
                        block.resolves.get_or_insert(inner.span());
                    }
                    self.sink.count_server(inner.span())?;
                    block.servers.push(server);
                }
                Err(problem) => self.sink.refuse(problem, inner.span())?,
            },
            b"zone" => block.has_zone = true,
            b"ip_hash" | b"hash" | b"random" => rules.backup_refused = true,
            b"resolver" => {
                block.resolver = Some(self.services.resolver(inner, self.model.context(), self.sink)?);
            }
            b"state" => {
                let file = text(&inner.argument(0).unwrap_or_default());
                block.dynamic = Some(format!("the servers of this group are kept in the state file `{file}`"));
            }
            name if name.starts_with(b"balancer_by_lua") => {
                self.model.has_scripts = true;
                block.dynamic = Some("Lua code chooses the servers of this group".to_owned());
            }
            _ => {}
        }
        Ok(())
    }
}
