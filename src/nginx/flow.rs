//! How far requests get in a block, and what `set` has put into variables by then.
//!
//! nginx executes the rewrite directives of the server, then those of the location that it found, before any pass. They
//! are not inherited from an outer location. Variables stay as they are when a request moves on to another location.

use std::collections::HashMap;
use std::rc::Rc;

use super::environment::{Assigned, Environment};
use super::error::Problem;
use super::model::{Model, Rewrite, ScopeKind, Statement};
use super::tree::Span;
use super::variables::ServerFacts;

/// How the statements of a block end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The request goes on.
    Through,
    /// The rewriting is over, and the request goes on.
    Stopped,
    /// The request is answered, or sent to another location, with a code where it is `return`.
    Gone(Option<u16>),
}

/// Whether every request is answered before any location of a server is looked for.
fn server_answers(model: &Model<'_>, server: usize) -> bool {
    let Some(server) = model.servers.get(server) else { return false };
    let End::Gone(code) = end(model, server.scope, None) else { return false };
    // An error page of that code can still lead into a location.
    !model.outward(server.scope).any(|scope| code.is_none_or(|code| scope.error_pages.contains(&code)))
}

/// Whether every request is answered or moved on by the location of a scope, before a pass is reached.
fn location_answers(model: &Model<'_>, scope: usize) -> bool {
    let taken = model.scope(scope).filter(|inner| inner.kind == ScopeKind::If).map(|_| scope);
    model.location_of(scope).is_some_and(|location| matches!(end(model, location, taken), End::Gone(_)))
}

/// Follows the statements of a scope; the body of `taken` is executed, other `if` blocks may be.
fn end(model: &Model<'_>, scope: usize, taken: Option<usize>) -> End {
    let Some(scope) = model.scope(scope) else { return End::Through };
    let in_server = matches!(scope.kind, ScopeKind::Server);
    let mut may_have_stopped = false;
    for statement in &scope.statements {
        // A pass that is not followed further counts as one that is reached.
        if !model.variables.pay_step() {
            return End::Through;
        }
        let gone = match statement {
            Statement::Set { .. } => continue,
            Statement::Break | Statement::Rewrite { effect: Rewrite::Break, always: true } => return End::Stopped,
            Statement::Rewrite { effect: Rewrite::Break, always: false } => {
                may_have_stopped = true;
                continue;
            }
            // A request that the server moves on is still this server's.
            Statement::Rewrite { effect: Rewrite::Jump, .. } if in_server => {
                may_have_stopped = true;
                continue;
            }
            Statement::Rewrite { always: false, .. } => continue,
            Statement::Rewrite { always: true, .. } => End::Gone(Some(302)),
            Statement::Return(code) => End::Gone(*code),
            Statement::If(inner) if Some(*inner) == taken => match end(model, *inner, None) {
                End::Through => continue,
                ended => ended,
            },
            Statement::If(inner) => {
                may_have_stopped |= may_stop(model, *inner);
                continue;
            }
        };
        if gone == End::Stopped {
            return gone;
        }
        if !may_have_stopped {
            return gone;
        }
    }
    End::Through
}

/// Whether an `if` block can end the rewriting and let the request go on.
fn may_stop(model: &Model<'_>, scope: usize) -> bool {
    model.scope(scope).is_some_and(|scope| {
        // Without means to look, it may.
        scope.statements.iter().any(|statement| {
            !model.variables.pay_step()
                || matches!(
                    statement,
                    Statement::Break | Statement::Rewrite { effect: Rewrite::Break | Rewrite::Jump, .. }
                )
        })
    })
}

/// Computes what variables hold, server by server.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// After the server's own statements, and with what other locations of the server may have left behind.
    servers: HashMap<usize, Rc<Environment>>,
    /// Servers that answer every request themselves, or not.
    answering: HashMap<usize, bool>,
    lenient: bool,
}

/// A problem in a `set`, and where.
pub(crate) type SetProblem = (Problem, Span);

impl Flow {
    pub(crate) fn new(lenient: bool) -> Self {
        Self { lenient, ..Self::default() }
    }

    /// Whether every request is answered or moved on before a pass of this scope is reached.
    pub(crate) fn unreachable(&mut self, model: &Model<'_>, scope: usize) -> bool {
        let server = model.scope(scope).and_then(|scope| scope.server);
        let answered =
            server.is_some_and(|server| *self.answering.entry(server).or_insert_with(|| server_answers(model, server)));
        answered || location_answers(model, scope)
    }

    /// What variables hold when a pass of this scope is executed.
    pub(crate) fn at(
        &mut self,
        model: &Model<'_>,
        scope: usize,
        facts: &ServerFacts,
    ) -> Result<Rc<Environment>, SetProblem> {
        let base = self.server(model, scope, facts)?;
        let Some(location) = model.location_of(scope) else { return Ok(base) };
        if model.scope(location).is_none_or(|location| location.statements.is_empty()) {
            return Ok(base);
        }
        let mut environment = Environment::on(Some(base));
        let taken = model.scope(scope).filter(|inner| inner.kind == ScopeKind::If).map(|_| scope);
        self.execute(model, location, taken, facts, &mut environment, false)?;
        Ok(Rc::new(environment))
    }

    fn server(&mut self, model: &Model<'_>, scope: usize, facts: &ServerFacts) -> Result<Rc<Environment>, SetProblem> {
        let Some(server) = model.scope(scope).and_then(|scope| scope.server) else { return Ok(Rc::default()) };
        if let Some(known) = self.servers.get(&server) {
            return Ok(Rc::clone(known));
        }
        let mut environment = Environment::on(None);
        if let Some(block) = model.servers.get(server) {
            self.execute(model, block.scope, None, facts, &mut environment, false)?;
            self.left_behind(model, server, facts, &mut environment)?;
        }
        let environment = Rc::new(environment);
        self.servers.insert(server, Rc::clone(&environment));
        Ok(environment)
    }

    /// What locations that move requests on may leave in variables for the others.
    fn left_behind(
        &self,
        model: &Model<'_>,
        server: usize,
        facts: &ServerFacts,
        environment: &mut Environment,
    ) -> Result<(), SetProblem> {
        let mut left = Environment::on(None);
        let Some(block) = model.servers.get(server) else { return Ok(()) };
        // The scopes of a server follow its own without a gap.
        let own =
            model.scopes.iter().enumerate().skip(block.scope).take_while(|(_, scope)| scope.server == Some(server));
        for (index, scope) in own {
            let sets =
                scope.statements.iter().any(|statement| matches!(statement, Statement::Set { .. } | Statement::If(_)));
            if !matches!(scope.kind, ScopeKind::Location { .. }) || !sets || !moves_on(model, index) {
                continue;
            }
            environment.enter();
            self.execute(model, index, None, facts, environment, false)?;
            model.variables.merge_possible(&mut left, environment.leave());
        }
        model.variables.merge_possible(environment, left.leave());
        Ok(())
    }

    /// Executes the statements of a scope. Where the rewriting may be over already, values are added, not replaced.
    fn execute(
        &self,
        model: &Model<'_>,
        scope: usize,
        taken: Option<usize>,
        facts: &ServerFacts,
        environment: &mut Environment,
        mut uncertain: bool,
    ) -> Result<bool, SetProblem> {
        let Some(scope) = model.scope(scope) else { return Ok(false) };
        for statement in &scope.statements {
            // When nothing is left to pay with, no value is followed any more.
            if !model.variables.pay_step() {
                return Ok(false);
            }
            match statement {
                Statement::Set { name, value, span } => {
                    let values = model
                        .variables
                        .values(value, environment, facts, self.lenient)
                        .map_err(|problem| (problem, *span))?;
                    let new = Assigned { values, definite: true };
                    if uncertain {
                        model.variables.merge_possible(environment, [(name.clone(), new)].into());
                    } else {
                        environment.insert(name.clone(), new);
                    }
                }
                Statement::If(inner) if Some(*inner) == taken => {
                    if self.execute(model, *inner, None, facts, environment, uncertain)? {
                        return Ok(true);
                    }
                }
                Statement::If(inner) => {
                    environment.enter();
                    self.execute(model, *inner, None, facts, environment, uncertain)?;
                    let possible = environment.leave();
                    model.variables.merge_possible(environment, possible);
                    uncertain |= may_stop(model, *inner);
                }
                Statement::Break | Statement::Return(_) => return Ok(true),
                Statement::Rewrite { effect: Rewrite::Redirect, .. } => {}
                Statement::Rewrite { .. } => uncertain = true,
            }
        }
        Ok(false)
    }
}

/// Whether requests can go from a location to another one: by a directive that says so, or because no handler takes
/// them and `index` looks for a file.
fn moves_on(model: &Model<'_>, location: usize) -> bool {
    let Some(scope) = model.scope(location) else { return false };
    let handled =
        !scope.passes.is_empty() || scope.statements.iter().any(|statement| matches!(statement, Statement::Return(_)));
    !handled || model.outward(location).any(|scope| scope.jumps)
}
