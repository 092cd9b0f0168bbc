//! What several tests need.

use std::path::Path;
use std::process::Command;

/// The program, in the project's root, with nothing of the caller's environment that could change what it does.
pub(crate) fn reachlint() -> Command {
    scrubbed(Command::new(env!("CARGO_BIN_EXE_reachlint")))
}

/// A command in the project's root without the caller's colours, clouds and proxies.
pub(crate) fn scrubbed(mut command: Command) -> Command {
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().into_owned();
        let cloud = ["AWS_", "GOOGLE_", "GCE_", "CLOUDSDK_", "AZURE_", "ARM_", "REACHLINT_"];
        let other = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLORTERM", "CI", "GITHUB_ACTIONS"];
        let proxy = text.to_ascii_lowercase().ends_with("_proxy");
        if proxy || other.contains(&text.as_str()) || cloud.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The project's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
