//! The plan that is laid over a snapshot.

use std::fs;
use std::path::{Path, PathBuf};

use reachlint_aws::network::Estate;
use reachlint_model::Cloud;
use reachlint_terraform::Plan;

use super::EvidenceError;
use crate::report::Evidence;

/// A plan with the file it stood in.
#[derive(Clone, Debug)]
pub struct PlanFile {
    path: PathBuf,
    plan: Plan,
}

impl PlanFile {
    /// Reads the JSON of a Terraform plan.
    ///
    /// # Errors
    /// When the file cannot be read, or is no plan that can be relied on.
    pub fn read(path: &Path) -> Result<Self, EvidenceError> {
        let bytes = fs::read(path);
        let bytes = bytes.map_err(|source| EvidenceError::Unreadable { path: path.to_owned(), source })?;
        Self::from_bytes(path, &bytes)
    }

    /// The same for what is in memory.
    ///
    /// # Errors
    /// When it is no plan that can be relied on.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, EvidenceError> {
        let plan = Plan::read(bytes).map_err(|error| EvidenceError::Plan { path: path.to_owned(), error })?;
        Ok(Self { path: path.to_owned(), plan })
    }

    /// Whether this is the file it stood in, however it is written.
    pub(super) fn is(&self, path: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(path).ok();
        real(path).is_some_and(|path| real(&self.path) == Some(path))
    }

    /// Says that there is nothing to lay it over.
    pub(super) fn useless(&self) -> Evidence {
        let note = "not read: there is no evidence of aws to lay the plan over".to_owned();
        Evidence { source: self.path.display().to_string(), provider: None, note }
    }

    /// Changes an estate, and says what was done.
    pub(super) fn lay_over(&self, aws: &mut Estate, evidence: &mut Vec<Evidence>) -> Result<(), EvidenceError> {
        let laid = self.plan.lay_over(aws);
        let notes = laid.map_err(|why| EvidenceError::PlanBroken { path: self.path.clone(), why })?;
        let source = self.path.display().to_string();
        let entry = |note| Evidence { source: source.clone(), provider: Some(Cloud::Aws.word().to_owned()), note };
        evidence.push(entry(format!("terraform plan: {}", self.plan.summary())));
        evidence.extend(notes.into_iter().map(entry));
        Ok(())
    }
}
