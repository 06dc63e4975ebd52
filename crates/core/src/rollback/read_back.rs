//! Reads back whether a plan was carried out.

use super::plan::RollbackPlan;
use crate::annotation::ROLLBACK_RECORD;
use crate::history::History;
use crate::workload::raw::plain;

/// The result of a read-back after an unknown or refused patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// The target's template is in place.
    Applied,
    /// The template that was judged is still in place: nothing happened.
    Untouched,
    /// Another template is in place, or another object has the same name.
    Superseded,
}

/// Compares the cluster with the plan, so that a patch is never repeated blindly.
#[must_use]
pub fn read_back(plan: &RollbackPlan, history: &History) -> ReadBack {
    let now = plain(history.template());
    if history.uid() != plan.uid {
        ReadBack::Superseded
    } else if now == plain(&plan.template_change.target) {
        ReadBack::Applied
    } else if now == plain(&plan.template_change.judged) {
        ReadBack::Untouched
    } else {
        // An API server that writes another template than it was sent still keeps the revision.
        match history.current() {
            Some(current) if current.uid() == plan.to.uid => ReadBack::Applied,
            Some(_) | None => ReadBack::Superseded,
        }
    }
}

/// Returns whether this plan was applied, and not that of another run: each run writes its own record,
/// with its own time.
#[must_use]
pub fn is_own(plan: &RollbackPlan, history: &History) -> bool {
    let written = history.annotation(ROLLBACK_RECORD);
    written.is_some_and(|it| it == plan.template_change.record.to_text())
}
