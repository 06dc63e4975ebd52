//! The outcome in one sentence.

use std::time::Duration;

use crate::duration::Human;
use crate::session::{Stability, TrackedWorkload, waits_for};
use crate::verdict::Verdict;
use crate::workload::WorkloadRef;

/// The outcome in one sentence, cause included.
#[must_use]
pub fn sentence(workload: &WorkloadRef, verdict: &Verdict) -> String {
    let name = format!("{} \"{}\"", workload.kind, workload.name);
    match verdict {
        Verdict::Progressing { pending } => format!("{name}: {pending}"),
        Verdict::Succeeded if !workload.kind.has_revisions() => format!("{name} has completed"),
        Verdict::Succeeded => format!("{name} is healthy: the rollout is complete and stable"),
        Verdict::Failed { causes } => match causes.first() {
            Some(cause) if cause.code.keeps_users_away() => format!(
                "{name} is rolled out, but not reachable: {} ({})",
                cause.message, cause.code
            ),
            Some(cause) => format!("{name} fails: {} ({})", cause.message, cause.code),
            None => format!("{name} fails"),
        },
        Verdict::TimedOut {
            pending,
            suspects,
            standstill,
        } => {
            let why = suspects.first().map_or_else(
                || waits_for(pending, standstill.as_deref()),
                |it| format!("{pending}; suspect: {} ({})", it.message, it.code),
            );
            format!("{name} did not complete in time: {why}")
        }
        Verdict::Undetermined { why } => format!("{name} is undetermined: {why}"),
        Verdict::Superseded { by } => format!("{name} is superseded: {by}"),
    }
}

/// Returns what the stability of healthy workloads covers, as the end of a sentence: ` for 10s (no
/// restart, no failed probe)`.
///
/// Of several, the shortest; nothing is said of what was not seen of all of them.
pub(super) fn covered(workloads: &[TrackedWorkload]) -> String {
    // A Job has ended: there is nothing that must stay as it is.
    let rollouts = workloads.iter().filter(|it| it.has_revisions());
    let all = rollouts.clone().count();
    let known: Vec<&Stability> = rollouts.filter_map(|it| it.stability()).collect();
    let lasted = known.iter().map(|it| it.lasted).min().unwrap_or_default();
    if known.len() < all || lasted < Duration::from_secs(1) {
        return String::new();
    }
    let all = |seen: fn(&Stability) -> bool| known.iter().all(|it| seen(it));
    let what = match (all(|it| it.pods_seen), all(|it| it.probes_passed)) {
        (true, true) => " (no restart, no failed probe)",
        (true, false) => " (no restart)",
        (false, _) => "",
    };
    format!(" for {}{what}", Human(lasted))
}
