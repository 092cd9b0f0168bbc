//! What can be wrong with a configuration.
//!
//! Where nginx refuses to load a file, the message is nginx's own, so that it can be searched for and compared with
//! `nginx -t`. The next step is reachlint's.

use std::fmt;
use std::path::PathBuf;

use super::address::AddressProblem;
use super::tree::Span;

/// Why a configuration could not be read, and where.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Error {
    /// What is wrong.
    #[source]
    pub problem: Box<Problem>,
    /// Where it is.
    pub place: Place,
}

impl Error {
    pub(crate) fn new(problem: Problem, place: Place) -> Self {
        Self { problem: Box::new(problem), place }
    }

    /// The next step for whoever wrote the file.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        self.problem.help()
    }

    /// Whether nginx refuses to load this too. What is left are reachlint's own limits and unreadable files.
    #[must_use]
    pub fn is_nginx_refusal(&self) -> bool {
        self.problem.is_nginx_refusal()
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, as the user would type it.
    pub file: PathBuf,
    /// Counted from 1; 0 where the whole file is meant.
    pub line: u32,
    /// Characters, counted from 1.
    pub column: u32,
    /// The text of that line.
    pub text: String,
    /// The statement, where one could be read.
    pub span: Option<Span>,
    /// The line that nginx names in its own message: that of the `;`, `{` or `}` at the end of what it judges.
    pub nginx_line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if self.line > 0 {
            write!(out, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// Something that is odd but does not keep the configuration from being read, or that nginx refuses and a lenient
/// reading goes past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is odd.
    pub message: String,
    /// The statement.
    pub span: Option<Span>,
    /// The next step.
    pub help: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A file could not be opened or read.
    #[error("open() \"{path}\" failed ({reason})")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
        /// An `include` names it, not the user.
        included: bool,
    },
    /// A directory where a file is needed.
    #[error("pread() \"{path}\" failed (21: Is a directory)")]
    Directory {
        /// The directory.
        path: String,
        /// An `include` names it, not the user.
        included: bool,
    },
    /// Files that include one another.
    #[error("include cycle: {}", chain.join(" -> "))]
    IncludeCycle {
        /// The files, in order of inclusion; the last is the first again.
        chain: Vec<String>,
    },
    /// More of something than reachlint accepts.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// A byte where it cannot be.
    #[error("unexpected \"{byte}\"")]
    Unexpected {
        /// The byte as a character.
        byte: char,
    },
    /// The file ends inside a statement.
    #[error("unexpected end of file, expecting \";\" or \"}}\"")]
    UnexpectedEnd,
    /// The file ends inside a block.
    #[error("unexpected end of file, expecting \"}}\"")]
    UnclosedBlock {
        /// Where the block starts.
        opened: u32,
        /// The name of the block.
        block: String,
    },
    /// A Lua block without its end.
    #[error("unexpected end of file, expecting \"}}\" of the Lua block")]
    UnclosedLua,
    /// A word or comment that does not fit nginx's buffer.
    #[error("too long parameter \"{start}...\" started")]
    TooLong {
        /// The first bytes.
        start: String,
    },
    /// A quoted word that does not fit nginx's buffer.
    #[error("too long parameter, probably missing terminating \"{quote}\" character")]
    TooLongQuoted {
        /// The quote.
        quote: char,
    },
    /// A name that no directive can have.
    #[error("unknown directive \"{directive}\"")]
    UnknownDirective {
        /// The name as written.
        directive: String,
    },
    /// A known directive in a place where nginx does not know it.
    #[error("\"{directive}\" directive is not allowed here")]
    NotAllowedHere {
        /// The directive.
        directive: String,
        /// It stands at the top of the main file.
        at_top: bool,
    },
    /// A directive that may be there once only.
    #[error("\"{directive}\" directive is duplicate")]
    Duplicate {
        /// The directive.
        directive: String,
    },
    /// Too few or too many arguments.
    #[error("invalid number of arguments in \"{directive}\" directive")]
    ArgumentCount {
        /// The directive.
        directive: String,
    },
    /// A block directive without its block.
    #[error("directive \"{directive}\" has no opening \"{{\"")]
    NoBlock {
        /// The directive.
        directive: String,
    },
    /// A simple directive with a block.
    #[error("directive \"{directive}\" is not terminated by \";\"")]
    NotTerminated {
        /// The directive.
        directive: String,
    },
    /// What the directive's own handler refuses.
    #[error("{message}")]
    Handler {
        /// nginx's words.
        message: String,
    },
    /// A parameter that nginx does not know or cannot read.
    #[error("invalid parameter \"{parameter}\"")]
    Parameter {
        /// The parameter.
        parameter: String,
    },
    /// An address that nginx cannot read.
    #[error("{problem} in {what} \"{url}\"")]
    Address {
        /// Which rule it breaks.
        problem: AddressProblem,
        /// What kind of address: upstream, resolver, syslog server …
        what: &'static str,
        /// The address as written.
        url: String,
    },
    /// An address to bind to that is no address.
    #[error("invalid address \"{address}\"")]
    Bind {
        /// The address as written.
        address: String,
    },
    /// No port is written and there is no default.
    #[error("no port in upstream \"{url}\"")]
    NoPort {
        /// The address as written.
        url: String,
    },
    /// A pass names a group and a port.
    #[error("upstream \"{group}\" may not have port {port}")]
    GroupWithPort {
        /// The group.
        group: String,
        /// The port.
        port: u16,
    },
    /// Two groups of one name.
    #[error("duplicate upstream \"{group}\"")]
    DuplicateUpstream {
        /// The group.
        group: String,
    },
    /// A group without any `server`.
    #[error("no servers are inside upstream")]
    EmptyUpstream,
    /// A group of `backup` servers only.
    #[error("no servers in upstream \"{group}\"")]
    NoPrimary {
        /// The group.
        group: String,
    },
    /// `backup` in a group whose balancing method has none.
    #[error("balancing method does not support parameter \"backup\"")]
    NoBackup,
    /// `resolve` without shared memory.
    #[error("resolving names at run time requires upstream \"{group}\" to be in shared memory")]
    ResolveWithoutZone {
        /// The group.
        group: String,
    },
    /// `resolve` without a resolver.
    #[error("no resolver defined to resolve names at run time in upstream \"{group}\"")]
    ResolveWithoutResolver {
        /// The group.
        group: String,
    },
    /// `service=` with a port.
    #[error("service upstream \"{url}\" may not have port")]
    ServiceWithPort {
        /// The server as written.
        url: String,
    },
    /// `service=` with an address.
    #[error("service upstream \"{url}\" requires domain name")]
    ServiceNeedsName {
        /// The server as written.
        url: String,
    },
    /// `service=` without `resolve`.
    #[error("service upstream \"{url}\" requires \"resolve\" parameter")]
    ServiceNeedsResolve {
        /// The server as written.
        url: String,
    },
    /// A pass without `http://` or `https://`.
    #[error("invalid URL prefix")]
    UrlPrefix {
        /// The value as written.
        url: String,
    },
    /// A path in a pass where nginx cannot rewrite the request's path.
    #[error(
        "\"{directive}\" cannot have URI part in location given by regular expression, or inside named location, \
         or inside \"if\" statement, or inside \"limit_except\" block"
    )]
    UriPart {
        /// The directive.
        directive: String,
    },
    /// A variable that nothing defines.
    #[error("unknown \"{}\" variable", name.to_ascii_lowercase())]
    UnknownVariable {
        /// The variable, without `$`.
        name: String,
        /// It looks like a place that a template leaves for the environment.
        template: bool,
    },
    /// A `$` without a name after it.
    #[error("invalid variable name")]
    VariableName,
    /// A `${` without `}`.
    #[error("the closing bracket in \"{name}\" variable is missing")]
    VariableBracket {
        /// The variable, without `${`.
        name: String,
    },
    /// `syslog:` without a server.
    #[error("no syslog server specified")]
    NoSyslogServer,
    /// A `syslog:` parameter that nginx does not know.
    #[error("unknown syslog parameter \"{parameter}\"")]
    SyslogParameter {
        /// The parameter.
        parameter: String,
    },
    /// A stream server without `listen`.
    #[error("no \"listen\" is defined for server")]
    NoListen,
}

impl Problem {
    /// The next step.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::Unreadable { included: true, .. } => {
                "if these files are a copy from another machine, copy the included files too, or check the output of \
                 `nginx -T` from that machine"
            }
            Self::Unreadable { .. } => "check the path, and that you may read the file",
            Self::Directory { included: true, .. } => "name the files in it: `include DIR/*.conf;`",
            Self::Directory { .. } => "name the main configuration file, usually nginx.conf in this directory",
            Self::IncludeCycle { .. } => "take one of the includes out; nginx crashes on such a file",
            Self::Limit { .. } => {
                "this is a limit of reachlint against hostile files; check parts of the configuration"
            }
            Self::Unexpected { byte: '}' } => "a `;` is missing before the brace, or the brace has no partner",
            Self::Unexpected { byte: ';' | '{' } => "take it out, or write the directive that belongs in front of it",
            Self::Unexpected { .. } => "put a blank after the closing quote, or quote the whole word",
            Self::UnexpectedEnd => "look for a missing `;` or closing quote above",
            Self::UnclosedBlock { opened, block } => {
                return Some(format!(
                    "the `{block}` block of line {opened} is not closed; every included file has to be balanced by itself"
                ));
            }
            Self::UnclosedLua => "close the Lua block; braces in Lua strings and comments do not count",
            Self::TooLong { .. } | Self::TooLongQuoted { .. } => {
                "nginx reads words and comments through a buffer of 4096 bytes; look for a missing quote, or shorten it"
            }
            Self::UnknownDirective { .. } => {
                "a `{` in a regular expression or value has to be quoted, and a `}` needs a `;` before it"
            }
            Self::NotAllowedHere { at_top: true, .. } => {
                "this file seems to be one that nginx includes inside `http`; give the main nginx.conf instead, or read \
                 it with --lenient"
            }
            Self::NotAllowedHere { .. } => "move it to a block that takes it",
            Self::Duplicate { .. } => "keep one of them",
            Self::ArgumentCount { .. } | Self::Parameter { .. } | Self::Handler { .. } => {
                "look for a missing `;` or quote, or a typing error"
            }
            Self::NoBlock { .. } => "write its block, or look for a `;` that should be `{`",
            Self::NotTerminated { .. } => "look for a missing `;`; a `{` in a value has to be quoted",
            Self::Address { problem, url, .. } => match problem {
                AddressProblem::InvalidPort => {
                    "write `host:port` with one port from 1 to 65535; IPv6 addresses need brackets"
                }
                AddressProblem::InvalidHost if url.contains("://") => "write `host:port` without a scheme here",
                AddressProblem::InvalidHost => "write `host:port` without a path here",
                AddressProblem::HostNotFound => "no such host name can exist; variables are not expanded here",
                AddressProblem::InvalidIpv6 => "write the address without a zone, as in `[2001:db8::1]:80`",
                AddressProblem::NoHost => "write the host before the port",
                AddressProblem::NoUnixPath | AddressProblem::LongUnixPath => {
                    "write the path of the socket after `unix:`"
                }
            },
            Self::Bind { .. } => "write an IP address, with a port if need be",
            Self::NoPort { .. } => "write the port: there is no default one here",
            Self::GroupWithPort { .. } => {
                "leave the port out: the ports stand in the `server` lines of the upstream block"
            }
            Self::DuplicateUpstream { .. } => "rename one of them; names are compared without regard to case",
            Self::EmptyUpstream => "add a `server` line",
            Self::NoPrimary { .. } => "leave `backup` off at least one server",
            Self::NoBackup => "leave `backup` off, or balance by another method",
            Self::ResolveWithoutZone { .. } => "add `zone NAME 64k;` to the upstream block",
            Self::ResolveWithoutResolver { .. } => "add `resolver ADDRESS;` to the upstream or http block",
            Self::ServiceWithPort { .. } => "leave the port out: it comes from the SRV record",
            Self::ServiceNeedsName { .. } => "write a domain name, or leave `service=` out",
            Self::ServiceNeedsResolve { .. } => "add `resolve`",
            Self::UrlPrefix { .. } => "start the value with `http://` or `https://`",
            Self::UriPart { .. } => "leave the path out, or use `rewrite`",
            Self::UnknownVariable { template: true, name } => {
                return Some(format!(
                    "this looks like a template: fill `{name}` in first, for example with `envsubst < FILE`, or read it \
                     with --lenient"
                ));
            }
            Self::UnknownVariable { .. } => {
                "look for a typing error, or close the name with braces as in `${name}`; nothing defines it"
            }
            Self::VariableName => "a `$` needs a name after it; nginx has no way to write a literal `$` here",
            Self::VariableBracket { .. } => "add the `}`",
            Self::NoSyslogServer => "add `server=ADDRESS`",
            Self::SyslogParameter { .. } => "write the parameters without blanks around the commas",
            Self::NoListen => "add `listen PORT;`",
        };
        Some(help.to_owned())
    }

    fn is_nginx_refusal(&self) -> bool {
        !matches!(self, Self::IncludeCycle { .. } | Self::Limit { .. })
    }
}
