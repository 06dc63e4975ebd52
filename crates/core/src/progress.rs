//! Decides from the counts whether a rollout is complete, or returns a typed reason why not.
//!
//! One file per kind, each with kubectl's questions in kubectl's order
//! (`k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go`), except for
//! `ProgressDeadlineExceeded`: that condition is latched over a rollback to an existing ReplicaSet
//! and would fail a healthy rollout.

use crate::snapshot::ExcusedNodes;
use crate::verdict::Pending;
use crate::workload::Workload;

mod daemon_set;
mod deployment;
mod job;
mod pace;
mod standstill;
mod stateful_set;

pub(crate) use pace::scaled;
pub use pace::{Pace, min_ready_in_all};
pub use standstill::{Moment, awaited_ends, standstill};

/// Checks whether every pod is of the newest template and available, and none other is left.
///
/// # Errors
/// The first question to which the answer is no.
pub fn complete(workload: &Workload, excused: &ExcusedNodes<'_>) -> Result<(), Pending> {
    if !workload.is_observed() {
        return Err(Pending::NotObserved {
            generation: workload.metadata().generation.unwrap_or_default(),
            observed: workload.observed_generation(),
        });
    }
    match workload {
        Workload::Deployment(_) => deployment::complete(&workload.counts()),
        Workload::StatefulSet(it) => stateful_set::complete(it, &workload.counts()),
        Workload::DaemonSet(_) => daemon_set::complete(&workload.counts(), excused),
        Workload::Job(it) => job::complete(it),
    }
}

/// Returns how many pods of the newest template must be ready in the end.
pub(crate) fn desired(workload: &Workload, excused: &ExcusedNodes<'_>) -> i32 {
    match workload {
        Workload::Deployment(_) | Workload::Job(_) => workload.counts().desired,
        Workload::StatefulSet(it) => stateful_set::desired(it, workload.counts().desired),
        Workload::DaemonSet(_) => daemon_set::desired(&workload.counts(), excused),
    }
}
