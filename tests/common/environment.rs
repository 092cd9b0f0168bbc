//! The Python environment of tests that compare with programs in Python.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::common::{root, scrubbed};

/// A program of the test environment, which is made if it is not there.
pub(crate) fn tool(name: &str) -> Result<PathBuf, String> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    MADE.get_or_init(environment).clone().map(|folder| folder.join(name))
}

/// The folder of programs of `target/test-venv`, which `tests/run` makes too.
fn environment() -> Result<PathBuf, String> {
    let target = root().join("target");
    let said = |error: std::io::Error| format!("cannot make the test environment in `{}`: {error}", target.display());
    fs::create_dir_all(&target).map_err(said)?;
    // Several test programs may want it at the same time.
    let lock = File::create(target.join("test-venv.lock")).map_err(said)?;
    lock.lock().map_err(said)?;
    let programs = target.join("test-venv/bin");
    let python = programs.join("python");
    let works = || {
        let tried = scrubbed(Command::new(&python))
            .args(["-c", "import moto, boto3, awscli, flask, crossplane, googleapiclient, azure.mgmt.privatedns"])
            .output();
        tried.is_ok_and(|output| output.status.success())
    };
    if works() {
        return Ok(programs);
    }
    // The environment may be broken because Python itself is another one now.
    let venv = Path::new("target/test-venv");
    // The network is reached as the caller reaches it: its proxies and indexes count.
    let mut make = Command::new("python3");
    step(make.current_dir(root()).args(["-m", "venv", "--clear"]).arg(venv), "Python 3 with venv (python3-venv)")?;
    let mut fill = Command::new(&python);
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "tests/requirements.txt"];
    step(fill.current_dir(root()).args(install), "the packages of tests/requirements.txt, from a package index")?;
    if works() {
        Ok(programs)
    } else {
        Err(format!("`{}` cannot import what tests/requirements.txt names", python.display()))
    }
}

fn step(command: &mut Command, needs: &str) -> Result<Output, String> {
    let asked = format!("the tests need {needs}: `{command:?}`");
    let output = command.output().map_err(|error| format!("{asked} did not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{asked} failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}
