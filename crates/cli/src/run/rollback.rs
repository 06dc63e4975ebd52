//! `rollguard rollback`: looks at everything, shows one plan for all, carries it out under
//! preconditions, and checks again.

use jiff::Timestamp;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_cluster::Connection;
use rollguard_core::report::{
    Line, Report, RollbackPage, RollbackResult, cancelled_line, conclusion_lines,
};
use rollguard_core::rollback::execution::{Conclusion, Execution, Seen, Settings};
use rollguard_core::rollback::preparation::Ended;
use rollguard_core::rollback::{
    BatchOutcome, PreparedRollback, Request, RollbackBatch, RollbackHealth, WorkloadOutcome,
};
use rollguard_core::workload::{ClusterName, WorkloadRef};

use super::tools::Tools;
use crate::failure::Failure;

mod carry;
mod consent;
mod shell;
mod subjects;
mod verify;

use consent::prepared;
pub use consent::{AtTerminal, Consent, Person};
use shell::{Next, Shell};
use subjects::{Subject, subjects};
use verify::{Restored, Verified, verify};

/// How a rollback is run.
pub struct How<'a> {
    /// When the plan may be carried out.
    pub consent: Consent<'a>,
    /// Who rolls back, for what is written into the cluster.
    pub by: String,
}

/// How a rollback ended.
#[derive(Debug)]
pub struct RolledBack {
    /// The outcome of the command.
    pub outcome: Outcome,
    /// The outcome of the batch; none for a dry run.
    pub word: Option<BatchOutcome>,
    /// How the workloads are afterwards, where somebody was to look.
    pub health: Option<RollbackHealth>,
    /// What went wrong, one line each.
    pub errors: Vec<String>,
    /// The errors that were not printed yet: a terminal shows them, a pipeline has its error commands.
    pub untold: Vec<Line>,
    /// What was decided about each workload.
    pub batch: RollbackBatch,
    /// What became of each; none where nothing was tried.
    pub ended: Vec<(WorkloadRef, WorkloadOutcome)>,
    /// Of the check afterwards.
    pub report: Option<Report>,
    /// Whether the run was cancelled on the way.
    pub cancelled: bool,
    /// Whether it was only to be tried.
    pub dry_run: bool,
    /// Where and when.
    scene: Scene,
}

/// Where and when a rollback took place, by the cluster's clock.
#[derive(Debug, Clone)]
struct Scene {
    cluster: ClusterName,
    started: Timestamp,
    ended: Timestamp,
}

impl RolledBack {
    /// Returns the result for its documents.
    #[must_use]
    pub fn result(&self) -> RollbackResult<'_> {
        RollbackResult {
            page: RollbackPage {
                batch: &self.batch,
                ended: &self.ended,
                errors: &self.errors,
                cluster: Some(&self.scene.cluster),
                at: self.scene.ended,
            },
            outcome: self.word,
            health: self.health,
            exit_code: self.outcome.exit_code(),
            cancelled: self.cancelled,
            dry_run: self.dry_run,
            started: self.scene.started,
            report: self.report.as_ref(),
        }
    }

    fn new(conclusion: Conclusion, batch: RollbackBatch, scene: Scene) -> Self {
        Self {
            cancelled: conclusion.cancelled,
            dry_run: false,
            scene,
            outcome: Outcome::of_rollback(&conclusion),
            word: Some(conclusion.outcome),
            health: conclusion.health,
            untold: conclusion_lines(&conclusion, &batch),
            errors: conclusion.errors,
            batch,
            ended: conclusion.workloads,
            report: None,
        }
    }

    /// Nothing speaks against it, and nothing was changed.
    const fn of_dry_run(batch: RollbackBatch, scene: Scene) -> Self {
        Self {
            cancelled: false,
            dry_run: true,
            scene,
            outcome: Outcome::RolledBack,
            word: None,
            health: None,
            errors: Vec::new(),
            untold: Vec::new(),
            batch,
            ended: Vec::new(),
            report: None,
        }
    }
}

/// A rollback of some workloads of a cluster.
struct Case<'a> {
    connection: &'a Connection,
    inputs: &'a RollbackInputs,
    how: &'a How<'a>,
    workloads: Vec<Subject>,
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
    let finding = subjects(connection, inputs);
    let found = tools.cancel.unless(finding).await.and_then(|it| it);
    let found = found.map_err(Failure::unchanged)?;
    tools.console.lines(&found.lines());
    let case = Case {
        connection,
        inputs,
        how,
        workloads: found.workloads,
    };
    let clock = connection.clock;
    let started = clock.now();
    let scene = || Scene {
        cluster: connection.cluster.clone(),
        started,
        ended: clock.now(),
    };
    let cancelled = |message: &str| Failure::new(Outcome::Cancelled, message).unchanged();
    match prepared(&case, tools).await {
        Ended::Confirmed(prepared) => {
            let (conclusion, batch, report) = carried_out(&case, *prepared, tools).await;
            let done = RolledBack::new(conclusion, batch, scene());
            Ok(RolledBack { report, ..done })
        }
        Ended::DryRun(batch) => Ok(RolledBack::of_dry_run(batch, scene())),
        Ended::Refused { conclusion, batch } => {
            // A dry run is refused as the rollback would be.
            let dry_run = matches!(how.consent, Consent::DryRun);
            let done = RolledBack::new(conclusion, batch, scene());
            Ok(RolledBack { dry_run, ..done })
        }
        Ended::NotConfirmed => Err(cancelled("not confirmed")),
        Ended::NoAnswer => Err(cancelled("no answer: the input has ended")),
        Ended::Cancelled => Err(cancelled("cancelled")),
        Ended::Failed(failure) => Err(Failure::from(failure).unchanged()),
    }
}

/// Returns what is asked of each workload.
fn wanted(case: &Case<'_>) -> Vec<(WorkloadRef, Request)> {
    let inputs = case.inputs;
    let evidence = inputs.evidence.as_ref();
    let request = |subject: &Subject| Request {
        to_revision: inputs.to_revision,
        selected: subject.selected,
        approval: evidence.and_then(|it| it.of(&subject.workload)).cloned(),
        evidence_at: evidence.map(|it| it.at),
        allowed: inputs.allowed,
        run: case.how.by.clone(),
        doctor: case.connection.way_in.doctor.clone(),
        ..Request::default()
    };
    let each = case.workloads.iter();
    each.map(|it| (it.workload.clone(), request(it))).collect()
}

/// Carries the requests of the execution until it ends.
async fn carried_out(
    case: &Case<'_>,
    prepared: PreparedRollback,
    tools: &mut Tools<'_>,
) -> (Conclusion, RollbackBatch, Option<Report>) {
    let batch = prepared.batch.clone();
    let settings = Settings {
        wait: case.inputs.wait,
        timeout: case.inputs.timeout,
    };
    let mut shell = Shell::new(Execution::new(prepared, settings), case.connection);
    let mut report = None;
    let mut stopping = false;
    let conclusion = loop {
        let seen = tokio::select! {
            biased;
            () = tools.cancel.requested(), if !stopping => {
                stopping = true;
                Seen::StopRequested
            }
            seen = shell.next() => seen,
        };
        let mut next = shell.observe(seen);
        print_lines(&mut shell, tools);
        if let Next::Verify(wanted) = next {
            let restored = Restored {
                inputs: case.inputs,
                by: &case.how.by,
                verify: wanted,
            };
            let verified = verify(case.connection, restored, shell.background(), tools).await;
            let Verified { verification, .. } = verified;
            report = verified.report;
            next = shell.observe(Seen::Verified { verification });
            print_lines(&mut shell, tools);
        }
        if let Next::End(conclusion) = next {
            break *conclusion;
        }
    };
    tools.console.lines(&cancelled_line(&conclusion));
    (conclusion, batch, report)
}

fn print_lines(shell: &mut Shell, tools: &mut Tools<'_>) {
    for line in shell.lines() {
        tools.console.line(&line);
    }
}
