//! `rollguard check`: follows a rollout to its verdict and gathers what a person needs to decide.

use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, Watch, access, logs, observe};
use rollguard_core::guard::Guard;
use rollguard_core::handover::Handover;
use rollguard_core::policy::Policy;
use rollguard_core::report::{Line, Proposal, Report, Style, report_lines, to_json};
use rollguard_core::rollback::{Request, RollbackDecision, decide};
use rollguard_core::verdict::Verdict;

use crate::cancel::Cancel;
use crate::console::Console;
use crate::drive::{self, Shell, drive};
use crate::failure::Failure;
use crate::recorder::Recorder;

/// What a check found.
pub struct Checked {
    /// How it ended.
    pub outcome: Outcome,
    /// All that was found.
    pub report: Report,
    /// What an approval would refer to; none where nothing can be rolled back.
    pub handover: Option<Handover>,
}

/// Follows the rollout to its verdict and prints the report.
///
/// # Errors
/// When the workload cannot be found or seen at the start, or stopping was asked for.
pub async fn check(
    connection: &Connection,
    inputs: &CheckInputs,
    shell: &mut Tools<'_>,
) -> Result<Checked, Failure> {
    let workload = &inputs.workload;
    let deployment = access::find(&connection.client, workload).await?;
    let policy = Policy {
        timeout: inputs.timeout,
        stable_for: inputs.stable_for,
        ..Policy::default()
    };
    let timeout = rollguard_core::duration::Human(policy.timeout);
    shell.console.line(
        &Line::plain(format!(
            "checking {workload} in namespace {}",
            workload.namespace
        ))
        .then(Style::Dim, format!(" (timeout {timeout})")),
    );
    // Boxed: it would make every future around it large.
    let mut guard = Box::new(Guard::new(workload.clone(), policy, connection.clock.now()));
    let observations = observe(
        &connection.client,
        &Watch::new(workload.clone(), &deployment)?,
        connection.clock,
    );
    let outcome = {
        let mut shell = Shell {
            clock: &connection.clock,
            console: shell.console,
            recorder: shell.recorder,
            cancel: shell.cancel,
        };
        Box::pin(drive(&mut guard, observations, &mut shell)).await?
    };
    let drive::Outcome::Decided(verdict, ended) = outcome else {
        return Err(Failure::new(
            Outcome::Cancelled,
            "cancelled before a verdict; nothing was changed",
        ));
    };
    let verdict = confirmed(verdict, &guard, connection).await?;
    let mut report = Report::new(&guard, &verdict, ended);
    let mut handover = None;
    if verdict.offers_rollback() {
        add_logs(connection, &mut report).await;
        let served = guard.served().map(str::to_owned);
        (report.rollback, handover) = propose(connection, inputs, served).await;
    }
    shell.console.lines(&report_lines(&report));
    Ok(Checked {
        outcome: outcome_of(&verdict),
        report,
        handover,
    })
}

/// What a command works with besides the cluster.
pub struct Tools<'a> {
    /// Where it tells.
    pub console: &'a mut Console,
    /// What was seen goes here as well.
    pub recorder: &'a mut Recorder,
    /// When to stop.
    pub cancel: &'a Cancel,
}

/// A success with a last look at the workload itself.
async fn confirmed(
    verdict: Verdict,
    guard: &Guard,
    connection: &Connection,
) -> Result<Verdict, Failure> {
    if verdict != Verdict::Succeeded {
        return Ok(verdict);
    }
    let fresh = access::find(&connection.client, guard.workload()).await?;
    Ok(match guard.confirm(&fresh, connection.clock.now()) {
        Ok(()) => verdict,
        Err(why) => Verdict::Undetermined { why },
    })
}

fn outcome_of(verdict: &Verdict) -> Outcome {
    Outcome::of_verdict(verdict).unwrap_or(Outcome::Unexpected)
}

/// Prints the report as JSON.
///
/// # Errors
/// When the report cannot be written as JSON.
pub fn print_json(report: &Report, console: &mut Console) -> Result<(), Failure> {
    let text = to_json(report).map_err(anyhow::Error::from)?;
    console.document(&text);
    Ok(())
}

/// Adds the last log lines of each container that a finding names.
async fn add_logs(connection: &Connection, report: &mut Report) {
    let namespace = report
        .workloads
        .first()
        .map(|it| it.workload.namespace.clone())
        .unwrap_or_default();
    for index in 0..report.findings.len() {
        let subject = report.findings.get(index).map(|it| it.subject.clone());
        let Some((pod, container)) = subject.and_then(|it| Some((it.name, it.container?))) else {
            continue;
        };
        let logs = logs::evidence(&connection.client, &namespace, &pod, &container).await;
        report.add_evidence(index, logs.evidence);
        report.blind_spots.extend(logs.notes);
    }
}

/// What a rollback would do now. That it cannot be told is a refusal with a reason, not a failure
/// of the check.
async fn propose(
    connection: &Connection,
    inputs: &CheckInputs,
    served: Option<String>,
) -> (Proposal, Option<Handover>) {
    match history(&connection.client, &inputs.workload).await {
        Ok(history) => {
            let decision = decide(
                &inputs.workload,
                &history,
                &Request {
                    served,
                    ..Request::default()
                },
            );
            let handover = match &decision {
                RollbackDecision::Apply(plan) => Some(plan.handover()),
                RollbackDecision::Already(_) | RollbackDecision::Refuse(_) => None,
            };
            (Proposal::of(&decision), handover)
        }
        Err(error) => (
            Proposal::Refused {
                why: Failure::from(error).messages.join("; "),
            },
            None,
        ),
    }
}
