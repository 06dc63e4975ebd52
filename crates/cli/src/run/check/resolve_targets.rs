//! The workloads to check: those that were named, and those that a selector finds besides.

use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::{Connection, access};
use rollguard_core::workload::{CRON_JOB, Workload, WorkloadKind, WorkloadRef, of_release};

use crate::failure::Failure;

/// The workloads to follow.
#[derive(Debug, Default)]
pub(super) struct ResolvedTargets {
    /// Each once; those that were named first.
    pub(super) workloads: Vec<Workload>,
    /// What could not be seen, for people.
    pub(super) notes: Vec<String>,
    /// What was chosen, for people.
    pub(super) choices: Vec<String>,
    /// The kinds that could not be listed for the selector.
    pub(super) unlisted: Vec<WorkloadKind>,
}

impl ResolvedTargets {
    pub(super) fn references(&self) -> Vec<WorkloadRef> {
        self.workloads.iter().map(Workload::reference).collect()
    }
}

pub(super) async fn resolve_targets(
    connection: &Connection,
    inputs: &CheckInputs,
) -> Result<ResolvedTargets, Failure> {
    let client = &connection.client;
    let mut targets = ResolvedTargets {
        workloads: access::find_all(client, &inputs.workloads).await?,
        ..ResolvedTargets::default()
    };
    for name in &inputs.cron_jobs {
        let job = access::latest_job(client, &inputs.namespace, name).await?;
        let reference = job.reference();
        let choice = format!("{reference} is the newest Job of {CRON_JOB}/{name}");
        targets.choices.push(choice);
        if !targets.references().contains(&reference) {
            targets.workloads.push(job);
        }
    }
    if let Some(selector) = &inputs.selector {
        let selected = access::select_with_jobs(client, &inputs.namespace, selector).await?;
        let named = targets.references();
        let (kept, left_out) = of_release(selected.workloads);
        let others = kept.into_iter();
        let others = others.filter(|it| !named.contains(&it.reference()));
        targets.workloads.extend(others);
        let left_out = left_out.iter().filter(|(it, _)| !named.contains(it));
        let left_out = left_out.map(|(job, why)| format!("{job} is left out: {why}"));
        targets.choices.extend(left_out);
        if targets.workloads.is_empty() {
            return Err(nothing_left(selector, &targets.choices));
        }
        targets.notes = selected.notes;
        targets.unlisted = selected.unseen;
    }
    Ok(targets)
}

/// Says that a selector finds nothing but Jobs of former releases.
fn nothing_left(selector: &str, choices: &[String]) -> Failure {
    let message = format!(
        "failed to find workloads with labels `{selector}`: {}",
        choices.join("; ")
    );
    Failure::new(Outcome::BadInput, message)
}
