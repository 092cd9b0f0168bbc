//! One walk over the tree, in nginx's order, that fills the models and the services.

mod group;
mod pass;

use std::borrow::Cow;
use std::rc::Rc;

use crate::nginx::address;
use crate::nginx::endpoints::{Context, Sink};
use crate::nginx::error::{Error, Problem};
use crate::nginx::handlers::{self, Location};
use crate::nginx::limits;
use crate::nginx::listen::Listen;
use crate::nginx::model::{Bind, Kind, Model, Rewrite, ScopeKind, ServerBlock, Statement};
use crate::nginx::passes;
use crate::nginx::patterns;
use crate::nginx::resolve;
use crate::nginx::rules::{self, Places};
use crate::nginx::services::Services;
use crate::nginx::template;
use crate::nginx::tree::{Config, Directive, Directives};

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

/// What a `location` is, and its regular expression.
fn location_kind(directive: Directive<'_>) -> (ScopeKind, Option<Vec<u8>>) {
    let regex = patterns::of(directive, b"location").pop();
    let named = directive.argument(0).is_some_and(|first| first.starts_with(b"@"));
    (ScopeKind::Location { no_uri: regex.is_some() || named }, regex)
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
        let known = rules::check(name, place, directive.is_block(), directive.argument_count());
        match &known {
            Ok(None) => {}
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
                self.sink.refuse(problem.clone(), span)?;
                return Ok(goes_on);
            }
        }
        for regex in patterns::of(directive, name) {
            match patterns::captures(&regex, name) {
                Ok(names) => names.iter().for_each(|name| self.model.variables.capture(name)),
                Err(problem) => self.sink.refuse(problem, span)?,
            }
        }
        if let Ok(None) = known {
            return Ok(true);
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
                let (kind, regex) = location_kind(directive);
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

    fn at(&mut self, scope: usize, change: impl FnOnce(&mut crate::nginx::model::Scope<'c>)) {
        if let Some(scope) = self.model.scopes.get_mut(scope) {
            change(scope);
        }
    }

    fn statement(&mut self, scope: usize, statement: Statement<'c>) {
        self.at(scope, |scope| scope.statements.push(statement));
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

    /// Directives that only matter for the variables or name look-ups they stand for.
    fn other(&mut self, directive: Directive<'c>, name: &[u8]) {
        let script =
            name.windows(7).any(|window| window == b"_by_lua") || name.starts_with(b"js_") || name.starts_with(b"perl");
        self.model.has_scripts |= script;
        self.model.variables.define_by(directive, name);
    }
}
