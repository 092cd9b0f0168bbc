//! The `reachlint` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    reachlint::cli::main()
}
