//! `reachlint host-evidence`.

use std::process::{Command, Stdio};

use clap::Args;
use reachlint_host::SCRIPT;

use super::CliError;
use super::output::print;
use crate::exit;

/// Arguments of `host-evidence`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run the script on this machine, and print what it finds.
    #[arg(long)]
    run: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    if !arguments.run {
        print(SCRIPT)?;
        return Ok(exit::OK);
    }
    let output = Command::new("sh").arg("-c").arg(SCRIPT).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output =
        output.map_err(|error| CliError::usage(format!("cannot run `sh`: {error}"), "run it on the host itself"))?;
    print(&String::from_utf8_lossy(&output.stdout))?;
    Ok(exit::OK)
}
