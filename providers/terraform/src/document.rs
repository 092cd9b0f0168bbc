//! The document: what it is, and the changes in it.

use reachlint_aws::network::Estate;
use serde_json::Value as Json;

use crate::change::Change;
use crate::{aws, references};

/// Whether a text begins as what `terraform show -json` prints, of a plan or of a state: an object whose first key is the
/// version of its form (*JSON output format*). [`SHOWN_LENGTH`] bytes of it are enough.
#[must_use]
pub fn is_shown(start: &[u8]) -> bool {
    let object = start.trim_ascii_start().strip_prefix(b"{");
    object.is_some_and(|members| members.trim_ascii_start().starts_with(b"\"format_version\""))
}

/// Bytes that [`is_shown`] has to see, with room for how a formatter lays them out.
pub const SHOWN_LENGTH: usize = 64;

/// A plan that was read.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) changes: Vec<Change>,
    pub(crate) configuration: Json,
    /// Addresses of changes that Terraform puts off to a later plan.
    pub(crate) deferred: Vec<String>,
    /// Whether Terraform says that another plan has to follow this one.
    pub(crate) complete: bool,
}

/// Why a file is no plan that can be used. Nothing of these texts comes from the file but its version: a plan holds
/// secrets in the clear.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is no JSON.
    #[error("it is not JSON: line {line}, column {column}")]
    NotJson {
        /// Where it stops to be.
        line: usize,
        /// And at which column.
        column: usize,
    },
    /// It is the file that `terraform plan -out` writes.
    #[error("it is a plan in Terraform's own form")]
    Packed,
    /// It is what `terraform plan -json` prints.
    #[error("it is the log of `terraform plan -json` and not the plan")]
    Log,
    /// It is a state.
    #[error("it is a Terraform state: what is, and not what is planned")]
    State,
    /// It is something else.
    #[error("it is JSON, and no Terraform plan")]
    Other,
    /// Its form is newer than this program.
    #[error("its `format_version` is `{0}`, this version reads 1.x")]
    Newer(String),
    /// Terraform could not plan to the end.
    #[error("Terraform met errors and did not plan to the end, so changes are missing from it")]
    Errored,
    /// A part of it is of another shape.
    #[error("its `resource_changes` are of another shape than Terraform documents")]
    Shape,
}

impl PlanError {
    /// What to do next.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Errored => "mend what `terraform plan` complains about, and plan again",
            Self::Newer(_) => "a newer reachlint may read it",
            Self::NotJson { .. } | Self::Packed | Self::Log | Self::State | Self::Other | Self::Shape => {
                "give what `terraform plan -out tfplan` and `terraform show -json tfplan > tfplan.json` write"
            }
        }
    }
}

/// How the zip archive begins that a plan file is.
const PACKED: &[u8] = b"PK\x03\x04";
/// How the marks begin that Windows shells put before redirected output.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

impl Plan {
    /// Reads the JSON of a plan.
    ///
    /// # Errors
    /// When it is no plan, or one that cannot be relied on.
    pub fn read(bytes: &[u8]) -> Result<Self, PlanError> {
        if bytes.starts_with(PACKED) {
            return Err(PlanError::Packed);
        }
        let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
        let mut document: Json = serde_json::from_slice(bytes).map_err(|error| not_json(bytes, &error))?;
        check(&document)?;
        let mut changes = Vec::new();
        let entries = document.get_mut("resource_changes").map(Json::take).unwrap_or_default();
        let Json::Array(mut entries) = (if entries.is_null() { Json::Array(Vec::new()) } else { entries }) else {
            return Err(PlanError::Shape);
        };
        for entry in &mut entries {
            changes.push(Change::read(entry).ok_or(PlanError::Shape)?);
        }
        let put_off = document.get("deferred_changes").and_then(Json::as_array).into_iter().flatten();
        let deferred = put_off.filter_map(|entry| entry.pointer("/resource_change/address")?.as_str());
        let deferred = deferred.map(str::to_owned).collect();
        let complete = document.get("complete").and_then(Json::as_bool).unwrap_or(true);
        let configuration = document.get_mut("configuration").map(Json::take).unwrap_or_default();
        Ok(Self { changes, configuration, deferred, complete })
    }

    /// Changes an estate as the apply would. Returns what was done and what was not, a sentence each.
    ///
    /// # Errors
    /// When the plan has a block of addresses that is none; the text names the resource.
    pub fn lay_over(&self, estate: &mut Estate) -> Result<Vec<String>, String> {
        aws::lay_over(self, estate)
    }

    /// How much of it changes anything.
    #[must_use]
    pub fn summary(&self) -> String {
        let managed = || self.changes.iter().filter(|change| change.managed);
        let changing = managed().filter(|change| change.actions.any()).count();
        format!(
            "{changing} of {} resources change; the verdicts are of what is there after its apply",
            managed().count()
        )
    }

    /// The changes of objects that are not left over from an earlier replacement.
    pub(crate) fn current(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| !change.deposed)
    }

    /// What the configuration says about an attribute of a resource: whether it is there at all.
    pub(crate) fn configures(&self, change: &Change, name: &str) -> bool {
        references::expression(self, change, name).is_some()
    }
}

fn not_json(bytes: &[u8], error: &serde_json::Error) -> PlanError {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match serde_json::from_slice::<Json>(first) {
        Ok(line) if line.get("@level").is_some() => PlanError::Log,
        _ => PlanError::NotJson { line: error.line(), column: error.column() },
    }
}

fn check(document: &Json) -> Result<(), PlanError> {
    let has = |key: &str| document.get(key).is_some();
    if has("@level") {
        return Err(PlanError::Log);
    }
    let version = document.get("format_version").and_then(Json::as_str);
    // The file of a state has a number as its `version`; `terraform show -json` of one has `values`.
    if has("lineage") || has("serial") || (version.is_some() && has("values") && !has("planned_values")) {
        return Err(PlanError::State);
    }
    let Some(version) = version else { return Err(PlanError::Other) };
    // Minor versions only add; a new major version may change what is there (JSON output format, format version).
    // Terraform 0.12 to 1.0 wrote 0.1 and 0.2, of another meaning here and there.
    match version.split('.').next() {
        Some("1") => {}
        _ => return Err(PlanError::Newer(version.chars().take(16).filter(char::is_ascii_graphic).collect())),
    }
    if !has("resource_changes") && !has("planned_values") {
        // The same command prints a state without resources as nothing but its versions.
        return Err(if has("provider_schemas") || has("valid") { PlanError::Other } else { PlanError::State });
    }
    if document.get("errored").and_then(Json::as_bool) == Some(true) {
        return Err(PlanError::Errored);
    }
    Ok(())
}
