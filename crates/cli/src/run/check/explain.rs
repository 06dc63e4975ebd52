//! What a report says beyond the verdict: last words, and what a rollback would do.

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use rollguard_cluster::{Connection, logs};
use rollguard_core::approval::{Approval, ApprovedRollback, HealthCriteria};
use rollguard_core::report::{Proposal, Report};
use rollguard_core::rollback::{Allowed, Request, RollbackBatch};
use rollguard_core::session::{Session, TrackedWorkload};
use rollguard_core::workload::WorkloadRef;

use crate::failure::Failure;
use crate::run::plan::gather;

/// Of how many findings logs are fetched: whoever reads acts on the first few.
const LOGS: usize = 5;

/// Adds log lines and what a rollback would do, where the verdict offers one.
pub(super) async fn explained(
    connection: &Connection,
    mut report: Report,
    (session, allowed, run): (&Session, Allowed, &str),
) -> (Report, Option<RollbackBatch>) {
    if !report.offers_rollback {
        return (report, None);
    }
    add_logs(connection, &mut report, session).await;
    let bad = |it: &&TrackedWorkload| it.verdict().offers_rollback();
    let wanted = session.workloads().iter().filter(bad);
    let standard = HealthCriteria::of(session.policy());
    let wanted = wanted.map(|it| {
        (
            it.workload().clone(),
            request(it, (allowed, standard), (run, connection.clock.now())),
        )
    });
    match gather(connection, wanted.collect()).await {
        Ok(gathered) => {
            report.rollback = proposal(&report, &gathered.release, left_alone(session));
            (report, Some(gathered.release))
        }
        // That the history cannot be read is no failure of the check.
        Err(error) => {
            let failure = Failure::from(error);
            report.rollback = Proposal::Refused {
                why: failure.messages.join("; "),
                hint: failure.hint,
            };
            (report, None)
        }
    }
}

/// A proposal is about the revision that was judged, and no other.
fn request(
    tracked: &TrackedWorkload,
    (allowed, standard): (Allowed, HealthCriteria),
    (run, now): (&str, Timestamp),
) -> Request {
    Request {
        served: tracked.served().map(str::to_owned),
        judged: Some(tracked.judged().unwrap_or_default().to_owned()),
        judged_complete: tracked.is_complete(),
        standard,
        now,
        allowed,
        run: run.to_owned(),
        ..Request::default()
    }
}

fn left_alone(session: &Session) -> Vec<WorkloadRef> {
    let others = session.workloads().iter();
    let others = others.filter(|it| !it.verdict().offers_rollback());
    others.map(|it| it.workload().clone()).collect()
}

fn proposal(report: &Report, release: &RollbackBatch, left_alone: Vec<WorkloadRef>) -> Proposal {
    let codes = report.findings.iter().map(|it| it.code);
    let evidence = |approved: Vec<ApprovedRollback>| {
        Approval::new(report.verdict.as_str(), report.ended, codes, approved)
    };
    Proposal::of(release, left_alone, evidence)
}

/// Adds the last log lines of each container that a finding names, all read at once: a node that does
/// not answer must not hold up the report once for each of them.
async fn add_logs(connection: &Connection, report: &mut Report, session: &Session) {
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
        .filter(|(_, pod, container)| may_have_written(session, pod, container))
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
fn may_have_written(session: &Session, pod: &str, container: &str) -> bool {
    let pods = session.workloads().iter().filter_map(|tracked| {
        let rollout = session.snapshot().rollout(tracked.workload())?;
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
