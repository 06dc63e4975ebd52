//! The outcome of a rollback, for a run's summary page. It matters most when nothing was done: a
//! person who comes back to the run has nothing else to read.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Proposed, not_restored, proposed, prose};
use crate::report::words::time;
use crate::rollback::{BatchOutcome, RollbackBatch, RollbackPlan, Weight, WorkloadOutcome};
use crate::workload::{ClusterName, Revision, WorkloadRef, place};

/// The result of a rollback.
#[derive(Debug, Clone, Copy)]
pub struct RollbackPage<'a> {
    /// What was decided about each workload.
    pub batch: &'a RollbackBatch,
    /// What became of each; none where nothing was tried.
    pub ended: &'a [(WorkloadRef, WorkloadOutcome)],
    /// What went wrong, one line each.
    pub errors: &'a [String],
    /// The cluster, where it is known.
    pub cluster: Option<&'a ClusterName>,
    /// When it ended.
    pub at: Timestamp,
}

/// The page as Markdown. Nothing in foreign text is markup.
#[must_use]
pub fn rollback_markdown(page: &RollbackPage<'_>) -> String {
    let mut out = vec![format!("## {}\n", heading(page))];
    out.extend(whereabouts(page));
    out.extend(workloads(page));
    out.push(String::new());
    let said: Vec<String> = restored_by(page.batch).chain(why(page)).collect();
    if !said.is_empty() {
        out.extend(said);
        out.push(String::new());
    }
    if !page.batch.plans.is_empty() {
        out.push("### Plan\n".to_owned());
        out.extend(page.batch.plans.iter().map(|plan| planned(plan, page.at)));
        out.push(not_restored());
    }
    out.join("\n")
}

fn planned(plan: &RollbackPlan, now: Timestamp) -> String {
    let mut it = Proposed::of(plan);
    // What refuses stands above.
    it.findings
        .retain(|finding| finding.weight != Weight::Refusal);
    proposed(&it, now)
}

fn heading(page: &RollbackPage<'_>) -> &'static str {
    let ended: Vec<WorkloadOutcome> = page.ended.iter().map(|(_, ended)| *ended).collect();
    let outcome = if ended.is_empty() {
        page.batch.refusal()
    } else {
        Some(BatchOutcome::of(&ended))
    };
    match outcome {
        None if page.errors.is_empty() && page.batch.plans.is_empty() => {
            "✅ Dry run: there is nothing to roll back; nothing was changed"
        }
        None if page.errors.is_empty() => {
            "✅ Dry run: the rollback is possible; nothing was changed"
        }
        None => "❌ Not rolled back; nothing was changed",
        // Whether it helped is for the check after it to say.
        Some(BatchOutcome::RolledBack) => "↩️ Rolled back",
        Some(BatchOutcome::AlreadyRolledBack) => "↩️ Already rolled back",
        Some(BatchOutcome::PartlyRolledBack) => "❌ Partly rolled back",
        Some(BatchOutcome::Refused) => "❌ Rollback refused; nothing was changed",
        Some(BatchOutcome::Superseded) => {
            "⏭️ Not rolled back: a newer rollout began; nothing was changed"
        }
        Some(BatchOutcome::Healed) => {
            "✅ Not rolled back: the rollout has become healthy; nothing was changed"
        }
        Some(BatchOutcome::NotTried) => "❌ Not rolled back: cancelled; nothing was changed",
        Some(BatchOutcome::Failed) => "❌ The rollback failed",
    }
}

/// Where the workloads are, and when the rollback ended.
fn whereabouts(page: &RollbackPage<'_>) -> Option<String> {
    let workloads = page.batch.workloads();
    let first = workloads.first()?;
    let what = if workloads.len() == 1 {
        first.to_string()
    } else {
        format!("{} workloads", workloads.len())
    };
    let place = place(&first.namespace, page.cluster);
    let text = format!("{what} {place}, {}.", time(page.at));
    Some(format!("**{}**\n", prose(&text)))
}

/// The table of the workloads, without columns that would be empty.
fn workloads(page: &RollbackPage<'_>) -> Vec<String> {
    let told = |it: Option<Revision>| it.map(|it| it.to_string()).unwrap_or_default();
    let workloads = page.batch.workloads();
    let column = |name: &str, text: &dyn Fn(&WorkloadRef) -> String| {
        let cells: Vec<String> = workloads.iter().map(|it| text(it)).collect();
        let is_filled = cells.iter().any(|it| !it.is_empty());
        is_filled.then(|| (name.to_owned(), cells))
    };
    let columns: Vec<(String, Vec<String>)> = [
        column("workload", &ToString::to_string),
        column("from revision", &|it| told(revisions(page.batch, it).0)),
        column("to revision", &|it| told(revisions(page.batch, it).1)),
        column("outcome", &|it| outcome(page, it).to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let row = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
    let names = columns.iter().map(|(name, _)| name.as_str()).collect();
    let rules = columns.iter().map(|_| "---").collect();
    let rows = (0..workloads.len()).map(|at| {
        let cells = columns.iter();
        row(cells
            .filter_map(|(_, it)| Some(it.get(at)?.as_str()))
            .collect())
    });
    [row(names), row(rules)].into_iter().chain(rows).collect()
}

fn revisions(
    batch: &RollbackBatch,
    workload: &WorkloadRef,
) -> (Option<Revision>, Option<Revision>) {
    if let Some(plan) = batch.plans.iter().find(|it| it.workload == *workload) {
        return (Some(plan.from.revision), Some(plan.to.revision));
    }
    let already = batch.already.iter().find(|it| it.workload == *workload);
    (None, already.map(|it| it.to.revision))
}

fn outcome(page: &RollbackPage<'_>, workload: &WorkloadRef) -> &'static str {
    let ended = page.ended.iter().find(|(it, _)| it == workload);
    let Some((_, ended)) = ended else {
        let mut objections = page.batch.objections.iter();
        let refused = objections.any(|(it, _)| it == workload);
        return if refused { "refused" } else { "not tried" };
    };
    match ended {
        WorkloadOutcome::RolledBack => "rolled back",
        WorkloadOutcome::InPlace => "already in place",
        WorkloadOutcome::HeldUp => "rolled back, but pods are stuck",
        WorkloadOutcome::Superseded => "left alone: a newer rollout began",
        WorkloadOutcome::Failed => "failed",
        WorkloadOutcome::NotTried => "not tried",
    }
}

/// Returns who restored what is already in place. Not in the table: what is foreign could leave its cell.
fn restored_by(batch: &RollbackBatch) -> impl Iterator<Item = String> {
    batch.already.iter().filter_map(|it| {
        let run = prose(it.run.as_ref()?);
        Some(format!("- {} was restored by {run}", it.workload))
    })
}

/// Returns what speaks against it with what to do, else what went wrong.
fn why(page: &RollbackPage<'_>) -> Vec<String> {
    if !page.batch.is_refused() {
        let errors = page.errors.iter();
        return errors
            .map(|text| format!("- **error:** {}", prose(text)))
            .collect();
    }
    let objections = page.batch.objections.iter();
    let each = objections.map(|(workload, objection)| {
        let hint = objection.hint();
        let hint = hint.map(|it| format!("; hint: {}", prose(it)));
        let message = prose(&objection.message());
        format!("- **{workload}:** {message}{}", hint.unwrap_or_default())
    });
    // Of what is written twice one suffices.
    let mut seen = BTreeSet::new();
    each.filter(|it| seen.insert(it.clone())).collect()
}
