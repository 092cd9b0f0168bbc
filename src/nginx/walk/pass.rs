//! Directives that hand requests on.

use std::borrow::Cow;

use super::{Walk, text};
use crate::nginx::address::{self, Grammar, Host};
use crate::nginx::error::{Error, Problem};
use crate::nginx::model::{Pass, PassTo, ScopeKind};
use crate::nginx::passes::{self, Module};
use crate::nginx::template;
use crate::nginx::tree::{Directive, Span};

impl<'c> Walk<'_, 'c> {
    pub(super) fn pass(
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
    pub(super) fn foreign_pass(&mut self, directive: Directive<'c>, scope: usize) {
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
}
