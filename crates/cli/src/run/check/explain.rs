//! What a report says beyond the verdict: last words, and what a rollback would do.

use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, logs};
use rollguard_core::guard::{Follow, Guard};
use rollguard_core::handover::Handover;
use rollguard_core::report::{Proposal, Report};
use rollguard_core::rollback::{Request, RollbackDecision, decide};
use rollguard_core::workload::{WorkloadKind, WorkloadRef};

use crate::failure::Failure;
use crate::run::rollback::not_supported;

/// Of how many findings logs are fetched: whoever reads acts on the first few.
const LOGS: usize = 5;

/// Adds log lines and what a rollback would do, where the verdict offers one.
pub(super) async fn explained(
    connection: &Connection,
    mut report: Report,
    guard: &Guard,
) -> (Report, Option<Handover>) {
    if !report.offers_rollback {
        return (report, None);
    }
    add_logs(connection, &mut report).await;
    let (proposal, handover) = match guard.follows() {
        [only] if only.workload().kind == WorkloadKind::Deployment => {
            proposed(connection, only).await
        }
        follows => (by_hand(follows), None),
    };
    report.rollback = proposal;
    (report, handover)
}

async fn proposed(connection: &Connection, follow: &Follow) -> (Proposal, Option<Handover>) {
    let request = Request {
        served: follow.served().map(str::to_owned),
        judged: Some(follow.judged().unwrap_or_default().to_owned()),
        ..Request::default()
    };
    // That the history cannot be read is no failure of the check.
    match history(&connection.client, follow.workload()).await {
        Ok(history) => {
            let decision = decide(follow.workload(), &history, &request);
            let handover = match &decision {
                RollbackDecision::Apply(plan) => Some(plan.handover()),
                RollbackDecision::Already(_) | RollbackDecision::Refuse(_) => None,
            };
            (Proposal::of(&decision), handover)
        }
        Err(error) => {
            let why = Failure::from(error).messages.join("; ");
            (Proposal::Refused { why }, None)
        }
    }
}

/// What a person does where rollguard proposes nothing.
fn by_hand(follows: &[Follow]) -> Proposal {
    let bad = follows.iter().filter(|it| it.verdict().offers_rollback());
    let bad: Vec<&WorkloadRef> = bad.map(Follow::workload).collect();
    let why = match (follows, bad.as_slice()) {
        ([_], [only]) => not_supported(only),
        (_, bad) => {
            let each: Vec<String> = bad.iter().map(|it| command(it)).collect();
            format!(
                "several workloads at once are not rolled back from here; one by one: {}",
                each.join(", ")
            )
        }
    };
    Proposal::Refused { why }
}

fn command(workload: &WorkloadRef) -> String {
    let namespace = &workload.namespace;
    match workload.kind {
        WorkloadKind::Deployment => format!("`rollguard rollback {workload} -n {namespace}`"),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            format!("`kubectl rollout undo {workload} -n {namespace}`")
        }
    }
}

/// Adds the last log lines of each container that a finding names.
async fn add_logs(connection: &Connection, report: &mut Report) {
    let workload = report.workloads.first();
    let namespace = workload
        .map(|it| it.workload.namespace.clone())
        .unwrap_or_default();
    let mut left = LOGS;
    for index in 0..report.findings.len() {
        let subject = report.findings.get(index).map(|it| it.subject.clone());
        let Some((pod, container)) = subject.and_then(|it| Some((it.name, it.container?))) else {
            continue;
        };
        if left == 0 {
            return;
        }
        left -= 1;
        let logs = logs::evidence(&connection.client, &namespace, &pod, &container).await;
        report.add_evidence(index, logs.evidence);
        report.blind_spots.extend(logs.notes);
    }
}
