//! The approval that a check offers and a rollback needs: exactly which rollouts were found bad, and
//! exactly what would be restored. It travels as the output variable `evidence`.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::finding::FindingCode;
use crate::policy::Policy;
use crate::verdict::VerdictKind;
use crate::workload::{Images, RevisionId, WorkloadRef};

/// The version of the JSON form.
pub const VERSION: u32 = 2;

/// The longest JSON form, in bytes: it becomes a variable of a job, and an environment variable
/// there.
pub const LIMIT: usize = 8 * 1024;

/// The most causes that it names.
const CAUSES: usize = 5;

/// The approval's subject. Holds names, uids, codes and digests only: no foreign text and no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Handover")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// [`VERSION`] of the writer.
    pub version: u32,
    /// The word for the verdict.
    // `None` is a word that this build does not know, or none: behind a revision that a rollback has
    // just restored stands no verdict.
    #[serde(serialize_with = "write_word", deserialize_with = "read_word")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub verdict: Option<VerdictKind>,
    /// When it was reached.
    pub at: Timestamp,
    /// The first causes or suspects.
    pub codes: Vec<FindingCode>,
    /// What was found bad, each with what would be restored; never empty.
    pub workloads: Vec<ApprovedRollback>,
}

/// One workload of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "HandedOver")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovedRollback {
    /// What was checked.
    pub workload: WorkloadRef,
    /// The uid of the workload; one that was deleted and created again has another.
    pub uid: String,
    /// The revision that was found bad.
    pub bad: RevisionId,
    /// The revision that would be restored.
    pub target: RevisionId,
    /// Whether the bad rollout's counts were complete all the same, so that counts cannot tell
    /// whether it has healed since.
    #[serde(default)]
    pub complete: bool,
    /// What had to be shown for a success.
    #[serde(default)]
    pub standard: HealthCriteria,
    /// What the target's pods ran when they were last known to be good, where that is known.
    #[serde(skip_serializing_if = "Images::is_empty", default)]
    pub images: Images,
    /// Whether the approver was told that Helm owns the workload, and that approving forces it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub force_helm: bool,
}

/// The conditions of a check for calling a rollout healthy: less than that is no healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Standard")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCriteria {
    /// Whether pods had to answer over HTTP.
    pub http: bool,
    /// For how many seconds it had to stay complete.
    pub stable_for_seconds: u64,
}

impl HealthCriteria {
    /// Returns the criteria of these thresholds.
    #[must_use]
    pub const fn of(policy: &Policy) -> Self {
        Self {
            http: !policy.http.is_empty(),
            stable_for_seconds: policy.stable_for.as_secs(),
        }
    }
}

/// Why a text is not an approval.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// Not the JSON that a check writes.
    #[error("{0}")]
    Json(serde_json::Error),
    /// A report of a check that proposes no rollback.
    #[error("it is the report of a check that ended as `{ended}` and proposes no rollback")]
    NothingProposed {
        /// The word for how it ended: foreign text, for people.
        ended: String,
        /// Its verdict, where it has one that this build knows.
        verdict: Option<VerdictKind>,
    },
    /// A version this build does not know.
    #[error("its version is {0}, this build knows {VERSION}")]
    Version(u64),
    /// No workload in it.
    #[error("it names no workload")]
    Empty,
}

impl Approval {
    /// Makes the approval that a check offers.
    #[must_use]
    pub fn new(
        verdict: impl Into<Option<VerdictKind>>,
        at: Timestamp,
        codes: impl IntoIterator<Item = FindingCode>,
        workloads: Vec<ApprovedRollback>,
    ) -> Self {
        let mut named = Vec::new();
        for code in codes {
            if !named.contains(&code) && named.len() < CAUSES {
                named.push(code);
            }
        }
        Self {
            version: VERSION,
            verdict: verdict.into(),
            at,
            codes: named,
            workloads,
        }
    }

    /// Reads what [`Approval::to_json`] wrote, once it is parsed.
    ///
    /// # Errors
    /// When the value is none, or of another version.
    pub fn from_value(evidence: Value) -> Result<Self, ApprovalError> {
        // A newer version has fields that this build does not know: its version makes a clearer
        // error.
        if let Some(version) = evidence.get("version").and_then(Value::as_u64)
            && version != u64::from(VERSION)
        {
            return Err(ApprovalError::Version(version));
        }
        let approval: Self = serde_json::from_value(evidence).map_err(ApprovalError::Json)?;
        if approval.workloads.is_empty() {
            return Err(ApprovalError::Empty);
        }
        Ok(approval)
    }

    /// One line of JSON, at most [`LIMIT`] bytes long; digests are left out where it would be longer.
    /// `None` for more workloads than fit.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn to_json(&self) -> Result<Option<String>, serde_json::Error> {
        let whole = serde_json::to_string(self)?;
        if whole.len() <= LIMIT {
            return Ok(Some(whole));
        }
        let mut without = self.clone();
        for it in &mut without.workloads {
            it.images.clear();
        }
        let short = serde_json::to_string(&without)?;
        Ok((short.len() <= LIMIT).then_some(short))
    }

    /// Returns the rollback of a workload.
    #[must_use]
    pub fn of(&self, workload: &WorkloadRef) -> Option<&ApprovedRollback> {
        self.workloads.iter().find(|it| it.workload == *workload)
    }
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a field by reference"
)]
fn write_word<S: Serializer>(
    verdict: &Option<VerdictKind>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verdict.map_or("", VerdictKind::as_str))
}

/// Accepts any word: the verdict is for people, and a word of a newer version refuses no rollback.
fn read_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VerdictKind>, D::Error> {
    let word = String::deserialize(deserializer)?;
    Ok(VerdictKind::parse(&word))
}
