//! What the walk over the tree finds: scopes with their settings, passes, groups and variables.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::rc::Rc;

use super::endpoints::Context;
use super::handlers::Location;
use super::listen::Listen;
use super::passes::Module;
use super::tree::Span;
use super::upstreams::Groups;
use super::variables::Variables;

/// `http` or `stream`: two worlds with their own groups and variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Stream,
}

/// One of the two worlds.
#[derive(Debug)]
pub(crate) struct Model<'c> {
    pub(crate) kind: Kind,
    /// The first is the `http` or `stream` block itself. Empty where there is none.
    pub(crate) scopes: Vec<Scope<'c>>,
    pub(crate) servers: Vec<ServerBlock>,
    pub(crate) passes: Vec<Pass<'c>>,
    pub(crate) groups: Groups,
    pub(crate) variables: Variables<'c>,
    /// Shared memory of groups by name: whether some line says how much, and the first line.
    pub(crate) zones: BTreeMap<Vec<u8>, (bool, Span)>,
    /// Code in Lua, JavaScript or Perl may look names up.
    pub(crate) has_scripts: bool,
    /// Directives of the blocks that are open, with their scope, that may not be repeated there.
    pub(crate) once: Vec<(usize, Cow<'c, [u8]>)>,
}

impl<'c> Model<'c> {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            scopes: Vec::new(),
            servers: Vec::new(),
            passes: Vec::new(),
            groups: Groups::new(kind == Kind::Stream),
            variables: Variables::new(kind),
            zones: BTreeMap::new(),
            has_scripts: false,
            once: Vec::new(),
        }
    }

    pub(crate) fn context(&self) -> Context {
        match self.kind {
            Kind::Http => Context::Http,
            Kind::Stream => Context::Stream,
        }
    }

    pub(crate) fn add_scope(&mut self, kind: ScopeKind, parent: Option<usize>, server: Option<usize>) -> usize {
        self.scopes.push(Scope::new(kind, parent, server));
        self.scopes.len() - 1
    }

    pub(crate) fn scope(&self, scope: usize) -> Option<&Scope<'c>> {
        self.scopes.get(scope)
    }

    /// A scope and everything around it, from the inside out.
    pub(crate) fn outward(&self, scope: usize) -> impl Iterator<Item = &Scope<'c>> {
        std::iter::successors(self.scope(scope), |scope| self.scope(scope.parent?))
    }

    /// The `resolver` in force.
    pub(crate) fn resolver(&self, scope: usize) -> Option<usize> {
        self.outward(scope).find_map(|scope| scope.resolver)
    }

    /// The innermost location of a scope.
    pub(crate) fn location_of(&self, scope: usize) -> Option<usize> {
        let mut at = Some(scope);
        while let Some(index) = at {
            let scope = self.scope(index)?;
            match scope.kind {
                ScopeKind::Location { .. } => return Some(index),
                ScopeKind::If | ScopeKind::LimitExcept => at = scope.parent,
                _ => return None,
            }
        }
        None
    }
}

/// What kind of block a scope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    Main,
    Server,
    Location {
        /// By regular expression or name, where a pass may have no path.
        no_uri: bool,
    },
    If,
    LimitExcept,
}

/// A block with settings of its own.
#[derive(Debug)]
pub(crate) struct Scope<'c> {
    pub(crate) kind: ScopeKind,
    pub(crate) parent: Option<usize>,
    /// Index into [`Model::servers`].
    pub(crate) server: Option<usize>,
    /// The regular expression of a location.
    pub(crate) regex: Option<Vec<u8>>,
    /// Index into the resolvers of the services.
    pub(crate) resolver: Option<usize>,
    /// Source addresses by directive.
    pub(crate) binds: Vec<(Cow<'c, [u8]>, Bind<'c>)>,
    /// Those of the rewrite module, in order.
    pub(crate) statements: Vec<Statement<'c>>,
    /// The passes of this very block: index and directive. The last handler of a block wins.
    pub(crate) passes: Vec<usize>,
    /// How many of the passes stand before some other content handler.
    pub(crate) overridden: usize,
    /// Some directive moves requests on to other locations, with their variables.
    pub(crate) jumps: bool,
    /// Codes in `error_page` lines.
    pub(crate) error_pages: BTreeSet<u16>,
    /// Few scopes have any.
    pub(crate) stapling: Option<Box<Stapling<'c>>>,
    /// The head of a location.
    pub(crate) location: Option<Location>,
    /// The statement of a server or location.
    pub(crate) span: Option<Span>,
}

impl Scope<'_> {
    fn new(kind: ScopeKind, parent: Option<usize>, server: Option<usize>) -> Self {
        Self {
            kind,
            parent,
            server,
            regex: None,
            resolver: None,
            binds: Vec::new(),
            statements: Vec::new(),
            passes: Vec::new(),
            overridden: 0,
            jumps: false,
            error_pages: BTreeSet::new(),
            stapling: None,
            location: None,
            span: None,
        }
    }
}

/// The look-ups of certificate states of a scope.
#[derive(Debug, Default)]
pub(crate) struct Stapling<'c> {
    /// `ssl_stapling`, and whether it is on.
    pub(crate) stapling: Option<(Span, bool)>,
    /// `ssl_ocsp`, and whether it is on.
    pub(crate) ocsp: Option<(Span, bool)>,
    pub(crate) stapling_responder: Option<(Span, Cow<'c, [u8]>)>,
    pub(crate) ocsp_responder: Option<(Span, Cow<'c, [u8]>)>,
    /// A prepared answer takes the place of the look-up.
    pub(crate) file: bool,
}

/// A `server` block.
#[derive(Debug, Default)]
pub(crate) struct ServerBlock {
    pub(crate) scope: usize,
    pub(crate) listens: Vec<Listen>,
    /// The first `server_name`.
    pub(crate) name: Option<Rc<Vec<u8>>>,
    /// `ssl on;`, as older configurations have it.
    pub(crate) all_tls: bool,
    /// A `rewrite` may leave `$uri` without its leading slash.
    pub(crate) uri_may_lose_slash: bool,
}

/// A statement that decides how far a request gets, or what a variable holds.
#[derive(Debug)]
pub(crate) enum Statement<'c> {
    Set {
        /// In lower case.
        name: Vec<u8>,
        value: Cow<'c, [u8]>,
        span: Span,
    },
    /// The scope of an `if` block.
    If(usize),
    Break,
    Return(Option<u16>),
    Rewrite {
        effect: Rewrite,
        always: bool,
    },
}

/// What a `rewrite` does after it has matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// Ends the rewriting; the request stays here.
    Break,
    /// The request looks for another location.
    Jump,
    /// The client is sent elsewhere.
    Redirect,
}

/// A source address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bind<'c> {
    Off,
    Address(IpAddr),
    Variable { value: Cow<'c, [u8]>, transparent: bool },
}

/// A pass.
#[derive(Debug)]
pub(crate) struct Pass<'c> {
    pub(crate) module: &'static Module,
    pub(crate) directive: Cow<'c, [u8]>,
    pub(crate) scope: usize,
    pub(crate) span: Span,
    pub(crate) to: PassTo<'c>,
}

/// What a pass leads to.
#[derive(Debug)]
pub(crate) enum PassTo<'c> {
    /// An entry of the groups.
    Entry(usize),
    /// A value with variables.
    Template(Cow<'c, [u8]>),
    /// Whatever the client asks for.
    Anything,
}
