//! The command line: one file for each command, all of them thin.

mod check;
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
mod collect;
mod demo;
mod error;
mod evidence;
mod explain;
mod host_evidence;
mod live;
mod nginx;
mod options;
mod output;
mod trace;
mod upstreams;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CliError;

use crate::exit;

/// Tells, before nginx does, which upstream connections a cloud will refuse, and which doors stand wider than they must.
///
/// Exit codes: 0 nothing at or above `--fail-on`; 1 findings; 2 wrong usage or configuration; 3 nothing to audit; 4 no
/// failing finding, but something undecided; 5 no usable evidence.
#[derive(Debug, Parser)]
#[command(name = "reachlint", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: options::Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Judges every connection that nginx's configuration asks for.
    Check(Box<check::Arguments>),
    /// Follows one connection through every gate.
    Trace(Box<trace::Arguments>),
    /// Prints what nginx connects to, with file and line.
    Upstreams(upstreams::Arguments),
    /// Writes read-only evidence from a cloud into a folder.
    #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
    Collect(Box<collect::Arguments>),
    /// Prints the script that gathers who listens on a host and what its firewall has.
    HostEvidence(host_evidence::Arguments),
    /// Prints the page of a rule.
    Explain(explain::Arguments),
    /// Lists the rules.
    Rules,
    /// Prints the JSON schema of a machine-readable output.
    Schema(explain::SchemaArguments),
    /// Audits an estate that is part of the program.
    Demo(demo::Arguments),
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors and go to standard output; clap knows which is which.
            let failed = error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if failed { exit::USAGE } else { exit::OK });
        }
    };
    cli.global.color.write_global();
    let result = match &cli.command {
        Command::Check(arguments) => check::run(arguments),
        Command::Trace(arguments) => trace::run(arguments),
        Command::Upstreams(arguments) => upstreams::run(arguments),
        #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
        Command::Collect(arguments) => collect::run(arguments),
        Command::HostEvidence(arguments) => host_evidence::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Rules => explain::list(),
        Command::Schema(arguments) => explain::schema(arguments),
        Command::Demo(arguments) => demo::run(arguments),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        // Whoever reads the output has seen enough.
        Err(error) if error.is_broken_pipe() => ExitCode::from(exit::OK),
        Err(error) => {
            let _ = write!(anstream::stderr(), "{}", error.render());
            ExitCode::from(error.code())
        }
    }
}
