//! How long a rollback waits for a workload that looks healed to prove it.

use std::time::Duration;

use jiff::Timestamp;

use super::RollbackBatch;
use crate::approval::Approval;
use crate::duration::{after, elapsed};
use crate::workload::WorkloadRef;

/// Added to what the check demanded.
///
/// A pod between two crashes looks the same as a pod that has just become ready; rolling back the latter
/// would be a false alarm.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time by which a workload that looks healed has to be stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    limit: Timestamp,
}

/// A pause before the workloads are looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The workload that looks healed.
    pub workload: WorkloadRef,
    /// When to look again.
    pub until: Timestamp,
    /// How long it still has to stay like that.
    pub takes: Duration,
}

impl Patience {
    /// Begins now: lasts at least as long as the check wanted to see the workloads stable.
    #[must_use]
    pub(super) fn new(evidence: Option<&Approval>, now: Timestamp) -> Self {
        let approved = evidence.into_iter().flat_map(|it| &it.workloads);
        let wanted = approved.map(|it| Duration::from_secs(it.standard.stable_for_seconds));
        let longest = wanted.max().unwrap_or_default();
        Self {
            limit: after(now, longest.saturating_add(PATIENCE)),
        }
    }

    /// Returns the pause that a look at all workloads calls for; `None` if there is nothing to wait for.
    #[must_use]
    pub(super) fn pause(&self, batch: &RollbackBatch, now: Timestamp) -> Option<Pause> {
        let (workload, until) = batch.heals_by(self.limit)?;
        Some(Pause {
            workload: workload.clone(),
            until,
            takes: elapsed(now, until),
        })
    }
}
