//! `reachlint.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The name of the file.
pub const FILE_NAME: &str = "reachlint.toml";

/// What the file can say; the command line goes before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Lowest severity that fails an audit.
    pub fail_on: Option<String>,
    /// Ports that nginx's host opens connections from.
    pub ephemeral_ports: Option<String>,
    /// Where nginx runs: selectors as `--from` takes them.
    #[serde(default)]
    pub from: Vec<String>,
    /// Names and what they resolve to on nginx's host.
    #[serde(default)]
    pub resolve: BTreeMap<String, Answers>,
}

/// One address or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct Answers(pub Vec<IpAddr>);

impl TryFrom<toml::Value> for Answers {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let texts = match value {
            toml::Value::Array(list) => list,
            one => vec![one],
        };
        let address = |value: &toml::Value| {
            let text = value.as_str().ok_or_else(|| format!("`{value}` is not an address in quotes"))?;
            text.parse().map_err(|_| format!("`{text}` is not an address"))
        };
        texts.iter().map(address).collect::<Result<_, _>>().map(Self)
    }
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{}`: {why}", path.display())]
pub struct ConfigError {
    path: PathBuf,
    why: String,
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, is not TOML, or has a key that does not exist.
pub fn read(path: &Path) -> Result<Config, ConfigError> {
    let error = |why: String| ConfigError { path: path.to_owned(), why };
    let text = fs::read_to_string(path).map_err(|cause| error(cause.to_string()))?;
    toml::from_str(&text).map_err(|cause| {
        let before = cause.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        error(format!("line {line}: {}", cause.message()))
    })
}

/// The file that belongs to an nginx configuration: in its folder or the nearest one above, up to the repository root.
#[must_use]
pub fn find(beside: &Path) -> Option<PathBuf> {
    let start = fs::canonicalize(beside).ok()?;
    for folder in start.ancestors().skip(1) {
        let file = folder.join(FILE_NAME);
        if file.is_file() {
            return Some(file);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}
