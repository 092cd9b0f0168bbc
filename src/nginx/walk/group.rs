//! Blocks of upstream servers.

use super::{Walk, text};
use crate::nginx::endpoints::State;
use crate::nginx::error::{Error, Problem};
use crate::nginx::handlers;
use crate::nginx::model::Kind;
use crate::nginx::rules;
use crate::nginx::tree::Directive;
use crate::nginx::upstreams::{self, Block, ServerRules};

impl<'c> Walk<'_, 'c> {
    pub(super) fn upstream(&mut self, directive: Directive<'c>) -> Result<(), Error> {
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
        } else if !block.servers.is_empty() && block.servers.iter().all(|server| server.state == State::Backup) {
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
            b"zone" => {
                block.has_zone = true;
                let zone = inner.argument(0).unwrap_or_default().into_owned();
                let sized = inner.argument_count() == 2;
                self.model.zones.entry(zone).or_insert((false, inner.span())).0 |= sized;
            }
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
