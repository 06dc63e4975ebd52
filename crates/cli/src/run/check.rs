//! `rollguard check`: follows a rollout to its verdict and gathers what a person needs to decide.

use std::time::Duration;

use rollguard_agent::Outcome;
use rollguard_agent::inputs::CheckInputs;
use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, Watch, access, logs, observe};
use rollguard_core::duration::Human;
use rollguard_core::guard::Guard;
use rollguard_core::handover::Handover;
use rollguard_core::policy::Policy;
use rollguard_core::report::{Line, Proposal, Report, Style, report_lines, to_json};
use rollguard_core::rollback::{Request, RollbackDecision, decide};
use rollguard_core::verdict::{Undetermined, Verdict};
use rollguard_core::workload::WorkloadRef;

use super::tools::Tools;
use crate::console::Console;
use crate::drive::{self, Shell, drive};
use crate::failure::Failure;

/// How often a success is confirmed by a fresh look while the counts still move, and the pause
/// between: an autoscaler may change them at that very moment.
const LOOKS: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a check found.
pub struct Checked {
    /// How it ended.
    pub outcome: Outcome,
    /// All that was found.
    pub report: Report,
    /// What an approval would refer to; none where nothing can be rolled back.
    pub handover: Option<Handover>,
}

/// The one workload to check. What is not supported yet is refused: an input that is ignored in
/// silence would be believed in.
///
/// # Errors
/// When anything else is asked for.
pub fn only_workload(inputs: &CheckInputs) -> Result<&WorkloadRef, Failure> {
    let asked = [
        ("more than one workload", inputs.workloads.len() > 1),
        ("a selector", inputs.selector.is_some()),
        ("a check over HTTP", !inputs.http.is_empty()),
        ("a grace", !inputs.graces.is_empty()),
        ("a revision", inputs.revision.is_some()),
    ];
    let refused = asked
        .iter()
        .find_map(|(what, asked)| asked.then_some(*what));
    match (refused, inputs.workloads.first()) {
        (None, Some(workload)) => Ok(workload),
        (what, _) => Err(Failure::new(
            Outcome::BadInput,
            format!("{} is not supported yet", what.unwrap_or("no workload")),
        )),
    }
}

/// Follows the rollout to its verdict and prints the report.
///
/// # Errors
/// When the workload cannot be found or seen at the start, or stopping was asked for.
pub async fn check(
    connection: &Connection,
    inputs: &CheckInputs,
    tools: &mut Tools<'_>,
) -> Result<Checked, Failure> {
    let workload = only_workload(inputs)?;
    let find = access::find(&connection.client, workload);
    let deployment = tools.cancel.unless(find).await??;
    let watch = Watch::new(workload.clone(), &deployment)?;
    let policy = Policy {
        timeout: inputs.timeout,
        stable_for: inputs.stable_for,
        ..Policy::default()
    };
    tools.console.line(
        &Line::plain(format!(
            "checking {workload} in namespace {}",
            workload.namespace
        ))
        .then(Style::Dim, format!(" (timeout {})", Human(policy.timeout))),
    );
    // Boxed: it would make every future around it large.
    let mut guard = Box::new(Guard::new(workload.clone(), policy, connection.clock.now()));
    let observations = observe(&connection.client, &watch, connection.clock);
    let mut shell = Shell {
        clock: &connection.clock,
        console: tools.console,
        recorder: tools.recorder,
        cancel: tools.cancel,
    };
    let outcome = Box::pin(drive(&mut guard, observations, &mut shell)).await?;
    let drive::Outcome::Decided(verdict, ended) = outcome else {
        let message = "cancelled before a verdict; nothing was changed";
        return Err(Failure::new(Outcome::Cancelled, message));
    };
    let verdict = tools
        .cancel
        .unless(confirmed(verdict, &guard, connection))
        .await??;
    let report = Report::new(&guard, &verdict, ended);
    let request = Request {
        served: guard.served().map(str::to_owned),
        judged: Some(guard.judged().unwrap_or_default().to_owned()),
        ..Request::default()
    };
    let gathered = tools
        .cancel
        .unless(explained(connection, report.clone(), &request))
        .await;
    // A verdict that was reached is told, even if there is no time to explain it.
    let (report, handover) = gathered.unwrap_or((report, None));
    tools.console.lines(&report_lines(&report));
    Ok(Checked {
        outcome: Outcome::of_verdict(&verdict).unwrap_or(Outcome::Unexpected),
        report,
        handover,
    })
}

/// The verdict after a last look at the workload itself, since a watch may lag by seconds: a success
/// must still hold, and what timed out must not have completed.
async fn confirmed(
    verdict: Verdict,
    guard: &Guard,
    connection: &Connection,
) -> Result<Verdict, Failure> {
    if matches!(
        verdict,
        Verdict::Undetermined { .. } | Verdict::Progressing { .. }
    ) {
        return Ok(verdict);
    }
    let mut looks = LOOKS;
    loop {
        let fresh = access::find(&connection.client, guard.workload()).await?;
        looks -= 1;
        match guard.confirm(&verdict, &fresh, connection.clock.now()) {
            Ok(()) => return Ok(verdict),
            Err(Undetermined::Blind { .. }) if looks > 0 => tokio::time::sleep(LOOK_AGAIN).await,
            Err(why) => return Ok(Verdict::Undetermined { why }),
        }
    }
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

/// Adds log lines and what a rollback would do, where the verdict offers one.
async fn explained(
    connection: &Connection,
    mut report: Report,
    request: &Request,
) -> (Report, Option<Handover>) {
    if !report.offers_rollback {
        return (report, None);
    }
    add_logs(connection, &mut report).await;
    let Some(workload) = report.workloads.first().map(|it| it.workload.clone()) else {
        return (report, None);
    };
    // That the history cannot be read is no failure of the check.
    match history(&connection.client, &workload).await {
        Ok(history) => {
            let decision = decide(&workload, &history, request);
            report.rollback = Proposal::of(&decision);
            let handover = match &decision {
                RollbackDecision::Apply(plan) => Some(plan.handover()),
                RollbackDecision::Already(_) | RollbackDecision::Refuse(_) => None,
            };
            (report, handover)
        }
        Err(error) => {
            report.rollback = Proposal::Refused {
                why: Failure::from(error).messages.join("; "),
            };
            (report, None)
        }
    }
}

/// Adds the last log lines of each container that a finding names.
async fn add_logs(connection: &Connection, report: &mut Report) {
    let workload = report.workloads.first();
    let namespace = workload
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
