//! How an execution ended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::rollback::{BatchOutcome, RollbackBatch, RollbackHealth, WorkloadOutcome};
use crate::workload::WorkloadRef;

/// How the rollback of a batch ended, for exit code, output variables and report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conclusion {
    /// The outcome of all workloads together.
    pub outcome: BatchOutcome,
    /// The health after the rollback; `None` where something was restored and no check was asked for.
    pub health: Option<RollbackHealth>,
    /// Whether the run was cancelled on the way.
    pub cancelled: bool,
    /// The outcome of each workload; empty where nothing was tried.
    pub workloads: Vec<(WorkloadRef, WorkloadOutcome)>,
    /// What went wrong, one line each.
    pub errors: Vec<String>,
    /// The errors that no event has shown yet.
    pub untold: Vec<String>,
}

impl Conclusion {
    /// The end of a batch that was refused; `None` if nothing speaks against it.
    #[must_use]
    pub fn refused(batch: &RollbackBatch) -> Option<Self> {
        let outcome = batch.refusal()?;
        // With the hints: in a pipeline this line is all that an error shows.
        let objections = batch.objections.iter();
        let hints: BTreeSet<&str> = objections.filter_map(|(_, it)| it.hint()).collect();
        let hints = hints.into_iter().map(|hint| format!("; hint: {hint}"));
        let why = format!(
            "{}{}; nothing was changed",
            batch.why_not(),
            hints.collect::<String>()
        );
        Some(Self::unchanged(outcome, &why))
    }

    /// The end of a batch that is not what a person agreed to any more.
    #[must_use]
    pub fn superseded(why: &str) -> Self {
        Self::unchanged(BatchOutcome::Superseded, why)
    }

    fn unchanged(outcome: BatchOutcome, why: &str) -> Self {
        Self {
            outcome,
            health: Some(outcome.health(None)),
            cancelled: false,
            workloads: Vec::new(),
            errors: vec![format!("not rolled back: {why}")],
            untold: Vec::new(),
        }
    }
}
