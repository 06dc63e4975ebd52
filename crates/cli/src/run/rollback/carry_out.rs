//! One workload after the other, each with its own outcome.

use std::collections::BTreeMap;

use rollguard_cluster::apply::{Applied, apply};
use rollguard_cluster::{Connection, mark};
use rollguard_core::approval::ApprovedRollback;
use rollguard_core::report::{Line, Style};
use rollguard_core::rollback::{Refusal, RollbackPlan, WorkloadOutcome};
use rollguard_core::workload::{RevisionId, WorkloadRef};

use super::gather::Gathered;
use crate::console::Console;
use crate::failure::Failure;
use crate::run::tools::Tools;

/// What was done.
#[derive(Debug)]
pub(super) struct Carried {
    /// What became of each workload.
    pub(super) ended: Vec<(WorkloadRef, WorkloadOutcome)>,
    /// What went wrong, one line each.
    pub(super) errors: Vec<String>,
    /// What of it nobody was told yet.
    pub(super) untold: Vec<Line>,
    /// Whether the wish to stop was heard on the way.
    pub(super) stopped: bool,
}

impl Carried {
    /// Of the workloads whose target is in place now, what a check after it is bound to.
    pub(super) fn restored(&self, gathered: &Gathered) -> Vec<ApprovedRollback> {
        let is_restored = |it: &&ApprovedRollback| {
            let mut ended = self.ended.iter();
            ended.any(|(workload, ended)| *workload == it.workload && ended.is_restored())
        };
        let restored = gathered.restored.iter();
        restored.filter(is_restored).cloned().collect()
    }

    /// What is back in its template and held up all the same, with the reason.
    pub(super) fn held_up(&mut self, held: &BTreeMap<WorkloadRef, String>) {
        let ended = self.ended.iter_mut();
        for (_, ended) in ended.filter(|(it, _)| held.contains_key(it)) {
            *ended = WorkloadOutcome::HeldUp;
        }
        self.tell(held);
    }

    /// Why something is held up.
    pub(super) fn tell(&mut self, held: &BTreeMap<WorkloadRef, String>) {
        for text in held.values() {
            let title = Line::styled(Style::Bad, "error: ");
            self.untold.push(title.then(Style::Plain, text.clone()));
            self.errors.push(text.clone());
        }
    }
}

/// Carries the plans out. One that fails does not hold up the others: they are of one release, and
/// each that is back is one less that is broken. The wish to stop is heard between two of them; a
/// write in flight is seen to its end.
pub(super) async fn carry_out(
    connection: &Connection,
    gathered: &Gathered,
    tools: &mut Tools<'_>,
) -> Carried {
    let already = gathered.release.already.iter();
    let mut carried = Carried {
        ended: already
            .map(|it| (it.workload.clone(), WorkloadOutcome::InPlace))
            .collect(),
        errors: Vec::new(),
        untold: Vec::new(),
        stopped: false,
    };
    for it in &gathered.release.already {
        if let Some(bad) = &it.unmark {
            unmark(connection, (&it.workload, bad), tools.console).await;
        }
    }
    for plan in &gathered.release.plans {
        let ended = if tools.cancel.is_requested() {
            carried.stopped = true;
            tell(plan, WorkloadOutcome::NotTried, tools.console);
            WorkloadOutcome::NotTried
        } else {
            one(connection, plan, (tools.console, &mut carried.errors)).await
        };
        carried.ended.push((plan.workload.clone(), ended));
    }
    carried
}

async fn one(
    connection: &Connection,
    plan: &RollbackPlan,
    (console, errors): (&mut Console, &mut Vec<String>),
) -> WorkloadOutcome {
    let client = &connection.client;
    let ended = match apply(client, plan).await {
        Ok(Applied::Done) => WorkloadOutcome::RolledBack,
        Ok(Applied::AlreadyThere) => WorkloadOutcome::InPlace,
        Ok(Applied::Superseded) => WorkloadOutcome::Superseded,
        Err(error) => {
            let failure = Failure::from(error);
            console.lines(&failure.lines());
            errors.extend(failure.messages);
            WorkloadOutcome::Failed
        }
    };
    if ended == WorkloadOutcome::Superseded {
        let workload = &plan.workload;
        errors.push(format!(
            "{workload}: not rolled back: {}",
            Refusal::Superseded
        ));
    }
    tell(plan, ended, console);
    if plan.withdraws_mark && ended.is_restored() {
        unmark(connection, (&plan.workload, &plan.from), console).await;
    }
    ended
}

/// What was rolled back from is not known to be good any more. Only after the rollback: one that is
/// refused leaves everything as it is.
async fn unmark(
    connection: &Connection,
    (workload, bad): (&WorkloadRef, &RevisionId),
    console: &mut Console,
) {
    if let Err(error) = mark::withdraw(&connection.client, workload, bad).await {
        let why = Failure::from(error).messages.join("; ");
        let text = format!(
            "revision {} still bears the mark of a good one: {why}",
            bad.revision
        );
        console.line(&Line::styled(Style::Warn, "warning: ").then(Style::Plain, text));
    }
}

fn tell(plan: &RollbackPlan, ended: WorkloadOutcome, console: &mut Console) {
    let (workload, revision) = (&plan.workload, plan.to.revision);
    let (style, text) = match ended {
        WorkloadOutcome::RolledBack => (
            Style::Good,
            format!("{workload}: rolled back to the template of revision {revision}"),
        ),
        WorkloadOutcome::InPlace => (
            Style::Good,
            format!(
                "{workload}: rolled back already: the template of revision {revision} is in place"
            ),
        ),
        WorkloadOutcome::Superseded => (
            Style::Warn,
            format!("{workload}: not rolled back: {}", Refusal::Superseded),
        ),
        WorkloadOutcome::Failed => (Style::Bad, format!("{workload}: not rolled back")),
        // Told once nothing more is done about it.
        WorkloadOutcome::HeldUp => return,
        WorkloadOutcome::NotTried => (
            Style::Warn,
            format!("{workload}: not tried, because the run was cancelled"),
        ),
    };
    console.line(&Line::styled(style, text));
}
