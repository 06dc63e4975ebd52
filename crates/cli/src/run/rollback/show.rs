//! What a person sees before anything is changed.

use rollguard_core::rollback::RollbackBatch;

/// What a person is asked.
pub(super) fn question(release: &RollbackBatch) -> String {
    match release.plans.len() {
        0 => "delete the pods that are stuck? (y/n)".to_owned(),
        1 => "roll back? (y/n)".to_owned(),
        many => format!("roll back {many} workloads? (y/n)"),
    }
}
