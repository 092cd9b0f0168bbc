//! Reads nginx configuration and finds every address that it makes nginx connect to.
//!
//! The text goes through these steps, one file each:
//!
//! | step | file |
//! | --- | --- |
//! | bytes to statements, as nginx's own reader cuts them | `lexer`, `lua` |
//! | files and includes to one tree; `nginx -T` output is taken apart first | `reader`, `include`, `dump`, `tree` |
//! | one walk over the tree: scopes, passes, groups, variables | `walk`, `model`, `passes`, `listen` |
//! | what nginx refuses in places, numbers and forms of arguments | `rules`, `handlers` |
//! | addresses and groups | `address`, `upstreams` |
//! | what variables can hold when a pass is reached | `template`, `values`, `variables`, `environment`, `builtins`, `flow`, `regex` |
//! | what a value means as an address | `judge` |
//! | passes to endpoints | `resolve`, `endpoints` |
//! | what nginx dials on its own account | `services` |
//!
//! Nothing here touches the file system: see [`Files`].

mod address;
mod builtins;
mod dump;
mod endpoints;
mod environment;
mod error;
mod files;
mod flow;
mod handlers;
mod include;
mod judge;
mod lexer;
mod limits;
mod listen;
mod lua;
mod model;
mod passes;
mod patterns;
#[cfg(test)]
mod properties;
mod reader;
mod regex;
mod resolve;
mod rules;
mod services;
mod template;
mod tree;
mod upstreams;
mod values;
mod variables;
mod walk;

pub use address::AddressProblem;
pub use endpoints::{Context, Dynamic, Endpoint, Endpoints, Protocol, Purpose, SourceAddress, State, Target};
pub use error::{Error, Place, Problem, Warning};
pub use files::{Files, MemoryFiles};
#[doc(hidden)]
pub use lexer::scan;
pub use reader::Options;
pub use tree::{Config, FileId, Outline, SourceFile, Span};
