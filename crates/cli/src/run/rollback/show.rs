//! What a person sees before anything is changed.

use std::time::Duration;

use rollguard_core::duration::Human;
use rollguard_core::report::{Line, Style};
use rollguard_core::rollback::RollbackBatch;
use rollguard_core::workload::WorkloadRef;

/// What a dry run ends with.
pub(super) fn dry_run() -> Line {
    let text = "dry run: nothing speaks against it; nothing was changed";
    Line::styled(Style::Good, text)
}

/// What a person is asked.
pub(super) fn question(release: &RollbackBatch) -> String {
    match release.plans.len() {
        0 => "delete the pods that are stuck? (y/n)".to_owned(),
        1 => "roll back? (y/n)".to_owned(),
        many => format!("roll back {many} workloads? (y/n)"),
    }
}

/// Why nothing happens for a moment.
pub(super) fn looks_healed(workload: &WorkloadRef, takes: Duration) -> Line {
    let takes = Human(takes);
    let text = format!("{workload} is complete, but not for long: looking again in {takes}");
    Line::plain(text)
}

/// Why the check after it may take longer than the timeout says.
pub(super) fn longer(stuck: usize, timeout: Duration) -> Line {
    let text = format!(
        "{stuck} pods are stuck and replaced one after the other: the check may take {}",
        Human(timeout)
    );
    Line::plain(text)
}
