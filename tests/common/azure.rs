//! Azure as tests of the program have it: somebody who is signed in, and what Resource Manager answers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::reachlint;
use crate::server::{Answer, Server};

pub(crate) const SUB: &str = "11111111-1111-1111-1111-111111111111";

/// A folder with an `az` that is signed in.
pub(crate) fn signed_in() -> TempDir {
    let folder = TempDir::new().unwrap();
    let az = folder.path().join("az");
    let token = json!({ "accessToken": "from-az", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4_070_908_800_u64,
        "subscription": SUB, "tenant": SUB, "tokenType": "Bearer" });
    fs::write(&az, format!("#!/bin/sh\necho '{token}'\n")).unwrap();
    fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The program where no other `az` is found than that of a folder.
pub(crate) fn with_tools(folder: &Path) -> Command {
    let mut command = reachlint();
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
    command
}

/// What the ids of a resource group's resources of a provider start with.
pub(crate) fn group(provider: &str) -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg/providers/{provider}")
}

/// Where all resources of a kind are asked for.
pub(crate) fn listing(kind: &str) -> String {
    format!("/subscriptions/{SUB}/providers/{kind}")
}

/// Answers with all resources of a kind.
pub(crate) fn tell(server: &Server, kind: &str, records: Value) {
    server.tell("GET", &listing(kind), vec![Answer::ok(&json!({ "value": records }))]);
}
