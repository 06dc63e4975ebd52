//! Events of an execution.

use std::time::Duration;

use super::FailedCall;
use crate::rollback::WorkloadOutcome;
use crate::workload::{Revision, WorkloadRef};

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A call failed.
    Failed(FailedCall),
    /// A plan was carried out, or not.
    Ended {
        /// Of which workload.
        workload: WorkloadRef,
        /// The revision that was to be restored.
        revision: Revision,
        /// How it ended.
        outcome: WorkloadOutcome,
    },
    /// The bad revision keeps its mark of a good one.
    MarkKept {
        /// The bad revision.
        revision: Revision,
        /// Why.
        failure: FailedCall,
    },
    /// The check may take longer than the timeout, because stuck pods are replaced one by one.
    TakesLonger {
        /// The highest number of stuck pods of one workload.
        stuck_pods: usize,
        /// How long it may take.
        timeout: Duration,
    },
    /// A stuck pod was deleted.
    PodDeleted {
        /// Its name.
        pod: String,
        /// The bad revision.
        revision: Revision,
    },
    /// Stuck pods could not be looked at or deleted.
    DeletionFailed(FailedCall),
    /// The check after the rollback was cancelled.
    NotVerified,
}
