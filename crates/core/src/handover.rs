//! What the check hands over to the approver and to the rollback: exactly which rollout was found
//! bad, and exactly what would be restored. It travels as the output variable `evidence`.

use serde::{Deserialize, Serialize};

use crate::history::RevisionId;
use crate::workload::WorkloadRef;

/// The version of the wire form.
pub const VERSION: u32 = 1;

/// The approval's subject. Holds names and uids only, no foreign text and no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Handover {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// What was checked.
    pub workload: WorkloadRef,
    /// Its uid: a Deployment that was deleted and made anew is another one.
    pub uid: String,
    /// The revision that was found bad.
    pub bad: RevisionId,
    /// The revision that would be restored.
    pub target: RevisionId,
    /// Whether the bad rollout's counts were complete all the same, so that counts cannot tell
    /// whether it has healed since.
    #[serde(default)]
    pub complete: bool,
}

/// Why a text is not a hand-over.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// Not the JSON that a check writes.
    #[error("read the evidence of the check")]
    Json(#[from] serde_json::Error),
    /// A version this build does not know.
    #[error("read the evidence of the check: its version is {0}, this build knows {VERSION}")]
    Version(u32),
}

impl Handover {
    /// Reads what [`Handover::to_json`] wrote.
    ///
    /// # Errors
    /// When the text is not a hand-over of this version.
    pub fn parse(json: &str) -> Result<Self, HandoverError> {
        let handover: Self = serde_json::from_str(json)?;
        if handover.version == VERSION {
            Ok(handover)
        } else {
            Err(HandoverError::Version(handover.version))
        }
    }

    /// One line of JSON.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}
