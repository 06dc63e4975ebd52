//! Observations of an execution: results of its own requests, time, and a requested stop.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::rollback::{RestoredSet, RollbackHealth};
use crate::verdict::VerdictKind;
use crate::workload::WorkloadRef;

/// One thing observed at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// What.
    pub seen: Seen,
}

/// The content of an observation. A result that was not asked for changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Seen {
    /// Time has passed.
    Tick,
    /// The user or the agent asked to stop.
    StopRequested,
    /// A plan was sent.
    Patched {
        /// Of which workload.
        workload: WorkloadRef,
        /// What came of it.
        result: PatchResult,
    },
    /// The mark of a bad revision was to be withdrawn.
    MarkWithdrawn {
        /// Of which workload.
        workload: WorkloadRef,
        /// Why it is still there, if it is.
        failure: Option<FailedCall>,
    },
    /// A restored StatefulSet was read.
    Looked {
        /// Which.
        workload: WorkloadRef,
        /// How it is.
        look: Look,
    },
    /// A stuck pod was to be deleted.
    Deleted {
        /// Of which workload.
        workload: WorkloadRef,
        /// What came of it.
        result: DeleteResult,
    },
    /// The check after the rollback ended.
    Verified {
        /// How.
        verification: Verification,
    },
}

/// The result of a patch, once the workload was read back where the response left it open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PatchResult {
    /// This patch put the target in place.
    Applied,
    /// Another run had put the target in place.
    AlreadyInPlace,
    /// A newer rollout began and was left alone.
    Superseded,
    /// The patch failed, or it is not known whether it was applied.
    Failed(FailedCall),
}

/// The result of a look at a restored workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Look {
    /// No pod can be stuck: the restored revision is gone, or the controller replaces no pods.
    NothingToDelete,
    /// The StatefulSet and its pods.
    Set(RestoredSet),
    /// It could not be read.
    Failed(FailedCall),
}

impl Look {
    /// Reads the history of a workload of which the revision with this uid was restored.
    #[must_use]
    pub fn of(history: &History, target_uid: &str) -> Self {
        let target = history.with_uid(target_uid);
        let set = target.and_then(|target| RestoredSet::of(history, &target));
        set.map_or(Self::NothingToDelete, Self::Set)
    }
}

/// The result of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeleteResult {
    /// The pod is being deleted.
    Deleted,
    /// The pod is gone, was replaced or has changed since the look, and was not deleted.
    ChangedMeanwhile,
    /// The deletion failed.
    Failed(FailedCall),
}

/// How the check after the rollback ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Verification {
    /// With a verdict.
    Judged {
        /// The word for it.
        verdict: VerdictKind,
        /// The health of the workloads, the worst of all.
        health: Option<RollbackHealth>,
        /// The verdict in one sentence.
        sentence: String,
    },
    /// With an error.
    Failed(FailedCall),
    /// It was cancelled.
    Cancelled,
}

impl Verification {
    /// Returns whether the check found a failure.
    pub(super) fn has_failed(&self) -> bool {
        match self {
            Self::Judged { verdict, .. } => *verdict == VerdictKind::Failed,
            Self::Failed(_) | Self::Cancelled => false,
        }
    }

    /// Returns whether a stuck pod may be why the workload is not healthy.
    ///
    /// A workload that fails by itself does not recover once its pods are deleted.
    pub(super) fn leaves_open(&self) -> bool {
        match self {
            Self::Judged { verdict, .. } => {
                !matches!(verdict, VerdictKind::Succeeded | VerdictKind::Failed)
            }
            Self::Failed(_) | Self::Cancelled => true,
        }
    }
}

/// A failed call to the API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedCall {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What failed and why, one line each.
    pub messages: Vec<String>,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
}

impl FailedCall {
    /// The messages in one line.
    #[must_use]
    pub fn text(&self) -> String {
        self.messages.join("; ")
    }
}

/// The kinds of failures that a rollback and its exit code tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureKind {
    /// A permission is missing.
    Forbidden,
    /// The object does not exist.
    NotFound,
    /// The API server does not answer.
    Unreachable,
    /// The API server does not accept the credentials.
    Credentials,
    /// The request itself is wrong.
    BadInput,
    /// Anything else.
    Other,
}
