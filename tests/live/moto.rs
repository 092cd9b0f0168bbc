//! moto with the estate of `seed.py`, started by the test run and ended with it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::common::{root, scrubbed};
use crate::environment::tool;
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
    let policies = root().join("docs/permissions");
    let start = || Moto::start(&[policies.to_str().unwrap()]);
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
