//! The outcome in one sentence.

use crate::verdict::Verdict;
use crate::workload::WorkloadRef;

/// The outcome in one sentence, cause included.
#[must_use]
pub fn sentence(workload: &WorkloadRef, verdict: &Verdict) -> String {
    let name = format!("{} \"{}\"", workload.kind, workload.name);
    match verdict {
        Verdict::Progressing { pending } => format!("{name}: {pending}"),
        Verdict::Succeeded => format!("{name} is healthy: the rollout is complete and stable"),
        Verdict::Failed { causes } => match causes.first() {
            Some(cause) => format!("{name} fails: {} ({})", cause.message, cause.code),
            None => format!("{name} fails"),
        },
        Verdict::TimedOut { pending, suspects } => match suspects.first() {
            Some(suspect) => {
                format!(
                    "{name} did not complete in time: {pending}; suspect: {} ({})",
                    suspect.message, suspect.code
                )
            }
            None => format!("{name} did not complete in time: {pending}; no cause found"),
        },
        Verdict::Undetermined { why } => format!("{name} is undetermined: {why}"),
        Verdict::Superseded { by } => format!("{name} is superseded: {by}"),
    }
}
