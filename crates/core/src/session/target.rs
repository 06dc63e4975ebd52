//! The target of a session, and the view that is judged.

use jiff::Timestamp;

use super::ways::Ways;
use crate::approval::ApprovedRollback;
use crate::snapshot::Snapshot;
use crate::workload::{Revision, WorkloadRef};

/// A workload to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub workload: WorkloadRef,
    /// The revision whose rollout is meant; any where none is given.
    pub revision: Option<Revision>,
    /// The rollback after which this is looked at: what it restored is meant, and nothing else.
    pub restored: Option<ApprovedRollback>,
    /// The run that checks. A job that is run again after the run has rolled back must not call the
    /// run's release healthy because what was restored is.
    pub run: Option<String>,
}

impl From<WorkloadRef> for Target {
    fn from(workload: WorkloadRef) -> Self {
        Self {
            workload,
            revision: None,
            restored: None,
            run: None,
        }
    }
}

/// The view that is judged.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// All that is known.
    pub snapshot: &'a Snapshot,
    /// The workload that is meant.
    pub target: &'a Target,
    /// When the session began: the timeout counts from here.
    pub started: Timestamp,
    /// Since when the rollout was seen complete without a break.
    pub complete_since: Option<Timestamp>,
    /// Since when there has been a pod to ask over HTTP without a break.
    pub asking_since: Option<Timestamp>,
    /// What is known of the ways to the pods; `None` where they are not followed.
    pub ways: Option<&'a Ways>,
}
