//! Requests of an execution to its shell.

use std::time::Duration;

use crate::approval::ApprovedRollback;
use crate::rollback::{RollbackPlan, StuckPod};
use crate::workload::{RevisionId, WorkloadRef};

/// A request; each is answered with one observation.
#[derive(Debug, Clone, PartialEq)]
pub enum ClusterRequest {
    /// Send the patch of a plan; where it is applied, write the change cause on the restored revision,
    /// which changes nothing about the result. Answered with [`Seen::Patched`](super::Seen::Patched).
    Patch(Box<RollbackPlan>),
    /// Withdraw the mark of a good revision from a bad one. Answered with
    /// [`Seen::MarkWithdrawn`](super::Seen::MarkWithdrawn).
    WithdrawMark {
        /// Of which workload.
        workload: WorkloadRef,
        /// The bad revision.
        bad: RevisionId,
    },
    /// Read a restored StatefulSet. Answered with [`Seen::Looked`](super::Seen::Looked).
    Look {
        /// Which.
        workload: WorkloadRef,
        /// The uid of the revision that was restored.
        target_uid: String,
    },
    /// Delete exactly this pod, with its normal grace period. Answered with
    /// [`Seen::Deleted`](super::Seen::Deleted).
    DeletePod {
        /// Of which workload.
        workload: WorkloadRef,
        /// The pod.
        pod: StuckPod,
    },
    /// Check what was restored, while the execution goes on with stuck pods. Answered with
    /// [`Seen::Verified`](super::Seen::Verified).
    Verify {
        /// What was restored.
        restored: Vec<ApprovedRollback>,
        /// How long the check may take.
        timeout: Duration,
    },
}
