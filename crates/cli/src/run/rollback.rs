//! `rollguard rollback`: looks at everything, shows one plan for all, carries it out under
//! preconditions, and checks again.

use std::time::Duration;

use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_cluster::Connection;
use rollguard_core::duration::{after, elapsed};
use rollguard_core::report::{Line, Report, release_lines};
use rollguard_core::rollback::{BatchOutcome, RollbackBatch, RollbackHealth, WorkloadOutcome};
use rollguard_core::workload::WorkloadRef;

use super::tools::Tools;
use crate::failure::Failure;

mod again;
mod carry_out;
mod consent;
pub(super) mod gather;
mod outcome;
mod show;
mod unblock;

pub use consent::{Asked, Consent, Given};
use consent::{Consented, consented};
use gather::Gathered;
use unblock::{Held, Unblocking};

/// How a rollback is run.
pub struct How<'a> {
    /// Whether to only look.
    pub dry_run: bool,
    /// Who says yes.
    pub consent: &'a (dyn Consent + Sync),
    /// Who rolls back, for what is written into the cluster.
    pub by: String,
}

/// How a rollback ended.
#[derive(Debug)]
pub struct RolledBack {
    /// The outcome of the command.
    pub outcome: Outcome,
    /// The word for it; none for a dry run.
    pub word: Option<BatchOutcome>,
    /// How the workloads are afterwards, where somebody was to look.
    pub health: Option<RollbackHealth>,
    /// What went wrong, one line each.
    pub errors: Vec<String>,
    /// What of it nobody was told yet: a terminal shows it, a pipeline has its error commands.
    pub untold: Vec<Line>,
    /// What was decided about each workload.
    pub release: RollbackBatch,
    /// What became of each; none where nothing was tried.
    pub ended: Vec<(WorkloadRef, WorkloadOutcome)>,
    /// Of the check afterwards.
    pub report: Option<Report>,
}

/// Looks, shows, carries out and checks again.
///
/// # Errors
/// When something fails, or the plan is not confirmed, before anything was changed. What goes wrong
/// later is an outcome.
pub async fn rollback(
    connection: &Connection,
    inputs: &RollbackInputs,
    how: &How<'_>,
    tools: &mut Tools<'_>,
) -> Result<RolledBack, Failure> {
    let shown = looked(connection, inputs, how, tools).await?;
    tools.console.lines(&release_lines(&shown.release));
    if shown.release.is_refused() {
        return Ok(outcome::refused(&shown.release));
    }
    if how.dry_run {
        tools.console.line(&show::dry_run());
        return Ok(outcome::dry_run(shown.release));
    }
    let gathered = match consented(connection, inputs, (how, shown), tools).await? {
        Consented::Go(gathered) => gathered,
        Consented::Stop(refused) => return Ok(*refused),
    };
    let done = acted(connection, inputs, (&gathered, &how.by), tools).await;
    Ok(RolledBack {
        release: gathered.release,
        ..done
    })
}

/// Carries out, gets going what is stuck, and checks again.
async fn acted(
    connection: &Connection,
    inputs: &RollbackInputs,
    (gathered, by): (&Gathered, &str),
    tools: &mut Tools<'_>,
) -> RolledBack {
    let mut carried = carry_out::carry_out(connection, gathered, tools).await;
    let restored = carried.restored(gathered);
    if restored.is_empty() || carried.stopped {
        return outcome::of(&carried, None, inputs.wait);
    }
    let held = Held::default();
    let unblocking = Unblocking {
        restored: &restored,
        patience: (!inputs.wait).then_some(inputs.timeout),
        held: &held,
    };
    let chores = unblock::chores(connection, &unblocking);
    if !inputs.wait {
        carried.stopped = unblock::done(chores, tools).await;
        carried.held_up(&held.told());
        return outcome::of(&carried, None, inputs.wait);
    }
    let after = (restored, by, chores, gathered.stuck);
    let again = again::check_again(connection, inputs, after, tools).await;
    if again.leaves_open() {
        carried.tell(&held.told());
    }
    outcome::of(&carried, Some(again), inputs.wait)
}

/// How long what looks healed is given to prove it: a glance at a pod between two crashes shows the
/// same as one at a pod that has just come up, and undoing the latter would be a false alarm.
const PATIENCE: Duration = Duration::from_secs(30);

/// At least as long as the check wanted to see it stay complete.
fn patience(inputs: &RollbackInputs) -> Duration {
    let evidence = inputs.evidence.iter().flat_map(|it| &it.workloads);
    let wanted = evidence.map(|it| Duration::from_secs(it.standard.stable_for_seconds));
    wanted.max().unwrap_or_default() + PATIENCE
}

/// All that is to be known before anything is changed.
async fn looked(
    connection: &Connection,
    inputs: &RollbackInputs,
    how: &How<'_>,
    tools: &mut Tools<'_>,
) -> Result<Gathered, Failure> {
    let clock = &connection.clock;
    let limit = after(clock.now(), patience(inputs));
    loop {
        let wanted = gather::wanted(inputs, (&how.by, clock.now()));
        let gathered = gather::gather(connection, wanted);
        let gathered = tools.cancel.unless(gathered).await?;
        let gathered = gathered.map_err(|error| Failure::from(error).unchanged())?;
        let Some((workload, at)) = gathered.release.heals_by(limit) else {
            return Ok(gathered);
        };
        tools
            .console
            .line(&show::looks_healed(workload, elapsed(clock.now(), at)));
        tools.cancel.unless(clock.sleep_until(at)).await?;
    }
}
