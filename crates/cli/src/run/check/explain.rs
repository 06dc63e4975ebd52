//! What a report says beyond the verdict: last words, and what a rollback would do.

use futures::future::join_all;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
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
/// How many commands are proposed at most.
const BY_HAND: usize = 5;

/// Adds log lines and what a rollback would do, where the verdict offers one.
pub(super) async fn explained(
    connection: &Connection,
    mut report: Report,
    guard: &Guard,
) -> (Report, Option<Handover>) {
    if !report.offers_rollback {
        return (report, None);
    }
    add_logs(connection, &mut report, guard).await;
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
            let each: Vec<String> = bad.iter().take(BY_HAND).map(|it| command(it)).collect();
            let more = match bad.len() - each.len() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            format!(
                "several workloads at once are not rolled back from here; one by one: {}{more}",
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

/// Adds the last log lines of each container that a finding names, all read at once: a node that does
/// not answer must not hold up the report once for each of them.
async fn add_logs(connection: &Connection, report: &mut Report, guard: &Guard) {
    let workload = report.workloads.first();
    let namespace = workload
        .map(|it| it.workload.namespace.clone())
        .unwrap_or_default();
    let named = report.findings.iter().enumerate();
    let named: Vec<(usize, String, String)> = named
        .filter_map(|(index, finding)| {
            let subject = &finding.subject;
            Some((index, subject.name.clone(), subject.container.clone()?))
        })
        .filter(|(_, pod, container)| may_have_written(guard, pod, container))
        .take(LOGS)
        .collect();
    let (client, namespace) = (&connection.client, namespace.as_str());
    let read = named.iter().map(async |(index, pod, container)| {
        let logs = logs::evidence(client, namespace, pod, container).await;
        (*index, logs)
    });
    for (index, logs) in join_all(read).await {
        report.add_evidence(index, logs.evidence);
        report.blind_spots.extend(logs.notes);
    }
}

/// Whether a container has ever run, as far as can be seen.
fn may_have_written(guard: &Guard, pod: &str, container: &str) -> bool {
    let pods = guard.follows().iter().filter_map(|follow| {
        let rollout = guard.snapshot().rollout(follow.workload())?;
        Some(rollout.new_pods())
    });
    let known = pods.flatten().find(|it| it.name() == pod);
    known.is_none_or(|it| has_run(it.object(), container))
}

fn has_run(pod: &Pod, container: &str) -> bool {
    let Some(status) = &pod.status else {
        return false;
    };
    let init = status.init_container_statuses.iter().flatten();
    let mut all = init.chain(status.container_statuses.iter().flatten());
    let ran = |state: &ContainerState| state.running.is_some() || state.terminated.is_some();
    all.any(|it| {
        it.name == container
            && (it.restart_count > 0
                || it.state.as_ref().is_some_and(ran)
                || it.last_state.as_ref().is_some_and(ran))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_that_never_started_has_no_log() {
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let ended = json!({"terminated": {"exitCode": 1}});
        for (says, state, last, restarts, expected) in [
            ("its image is not there", &waiting, &json!(null), 0, false),
            ("it runs", &json!({"running": {}}), &json!(null), 0, true),
            ("it ended", &ended, &json!(null), 0, true),
            ("it waits after an end", &waiting, &ended, 1, true),
            ("its last end is not known", &waiting, &json!(null), 2, true),
        ] {
            let status = json!({"name": "app", "image": "", "imageID": "", "ready": false,
                "restartCount": restarts, "state": state, "lastState": last});
            let pod = json!({"status": {"containerStatuses": [status]}});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(has_run(&pod, "app"), expected, "{says}");
            assert!(!has_run(&pod, "other"), "{says}");
        }
    }
}
