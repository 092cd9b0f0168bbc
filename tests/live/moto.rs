//! moto with the estate of `seed.py`, started by the test run and ended with it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::common::{root, scrubbed};
use crate::run::Key;

/// A server, and what its seed told.
pub(crate) struct Moto {
    told: Value,
    child: Child,
}

/// The one that many tests read from. Its seed ends with the test run, whose end closes the seed's standard input.
pub(crate) fn moto() -> &'static Moto {
    static SHARED: OnceLock<Result<Moto, String>> = OnceLock::new();
    SHARED.get_or_init(|| Moto::start(&[])).as_ref().unwrap_or_else(|why| panic!("{why}"))
}

/// The one that checks keys, signatures and permissions, and knows users who have those of the documented policy.
pub(crate) fn guarded() -> &'static Moto {
    static SHARED: OnceLock<Result<Moto, String>> = OnceLock::new();
    let policy = policy();
    let start = || Moto::start(&[policy.to_str().unwrap()]);
    SHARED.get_or_init(start).as_ref().unwrap_or_else(|why| panic!("{why}"))
}

/// The policy that users are told to grant.
pub(crate) fn policy() -> PathBuf {
    root().join("docs/permissions/aws-read-only.json")
}

impl Moto {
    fn start(arguments: &[&str]) -> Result<Self, String> {
        let mut command = scrubbed(Command::new(tool("python")?));
        command.arg("tests/live/seed.py").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start moto: {error}"))?;
        let mut line = String::new();
        let read = child.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
        if let (Some(Ok(_)), Ok(told)) = (read, serde_json::from_str(&line)) {
            return Ok(Self { told, child });
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(format!("tests/live/seed.py did not come to its end; it printed `{line}` and what stands above"))
    }

    pub(crate) fn url(&self) -> &str {
        self.told["url"].as_str().unwrap()
    }

    /// Something that the seed told, by its JSON pointer.
    pub(crate) fn told(&self, pointer: &str) -> &str {
        self.told.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {}", self.told))
    }

    /// The key of a user.
    pub(crate) fn key(&self, user: &str) -> Key {
        let part = |part: &str| self.told(&format!("/keys/{user}/{part}")).to_owned();
        Key { id: part("id"), secret: part("secret"), token: None }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
        let tried = scrubbed(Command::new(&python)).args(["-c", "import moto, boto3, awscli, flask"]).output();
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
    if works() { Ok(programs) } else { Err(format!("`{}` cannot import moto, boto3 and awscli", python.display())) }
}

fn step(command: &mut Command, needs: &str) -> Result<Output, String> {
    let asked = format!("the live tests need {needs}: `{command:?}`");
    let output = command.output().map_err(|error| format!("{asked} did not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{asked} failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}
