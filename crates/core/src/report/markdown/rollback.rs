//! The outcome of a rollback, for a run's summary page. It matters most when nothing was done: a
//! person who comes back to the run has nothing else to read.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{NOT_RESTORED, Proposed, proposed, prose};
use crate::rollback::{BatchOutcome, RollbackBatch, RollbackPlan, Weight, WorkloadOutcome};
use crate::workload::{Revision, WorkloadRef};

/// The result of a rollback.
#[derive(Debug, Clone, Copy)]
pub struct RollbackPage<'a> {
    /// What was decided about each workload.
    pub batch: &'a RollbackBatch,
    /// What became of each; none where nothing was tried.
    pub ended: &'a [(WorkloadRef, WorkloadOutcome)],
    /// What went wrong, one line each.
    pub errors: &'a [String],
    /// When it ended.
    pub at: Timestamp,
}

/// The page as Markdown. Nothing in foreign text is markup.
#[must_use]
pub fn rollback_markdown(page: &RollbackPage<'_>) -> String {
    let mut out = vec![format!("## {}\n", heading(page))];
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
        out.push(format!("- not restored: {NOT_RESTORED}\n"));
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

fn workloads(page: &RollbackPage<'_>) -> Vec<String> {
    let head = [
        "| workload | namespace | from revision | to revision | outcome |".to_owned(),
        "| --- | --- | --- | --- | --- |".to_owned(),
    ];
    let rows = page.batch.workloads().into_iter();
    let rows = rows.map(|workload| {
        let (from, to) = revisions(page.batch, workload);
        let told = |it: Option<Revision>| it.map(|it| it.to_string()).unwrap_or_default();
        let (from, to) = (told(from), told(to));
        let outcome = outcome(page, workload);
        let namespace = &workload.namespace;
        format!("| {workload} | {namespace} | {from} | {to} | {outcome} |")
    });
    head.into_iter().chain(rows).collect()
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
