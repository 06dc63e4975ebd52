//! Decides which Jobs that a selector finds belong to the release that is checked.
//!
//! Jobs of former releases often stay, with the same labels: one that failed last week must not fail every
//! check until someone deletes it.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Workload, WorkloadRef};

/// The label that names the version of a release.
const VERSION: &str = "app.kubernetes.io/version";
/// How long before the newest change of the release a Job may have ended and still be part of it: one apply
/// creates its objects one after the other. (estimated)
const SAME_APPLY: Duration = Duration::from_secs(60);

/// Why a Job that the selector found is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// A `CronJob` has created it.
    Scheduled,
    /// It has ended, and its label names a version that no other selected workload has.
    OtherVersion,
    /// It has ended before the newest change of the other selected workloads.
    Earlier,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduled => "a CronJob created it",
            Self::OtherVersion => "it is of another version of the release",
            Self::Earlier => "it ended before this release",
        })
    }
}

/// Splits the workloads that a selector found into those to check, and the Jobs of no release or of a former one.
///
/// A Job that has not ended is always checked, and so is one that ended after the newest change: the creation
/// of a workload, or the last time that a client wrote its spec.
#[must_use]
pub fn of_release(found: Vec<Workload>) -> (Vec<Workload>, Vec<(WorkloadRef, LeftOut)>) {
    let changed = found.iter().filter_map(changed_at).max();
    let versions: Vec<String> = found
        .iter()
        .filter(|it| it.job().is_none())
        .filter_map(version)
        .collect();
    let mut kept = Vec::new();
    let mut left_out = Vec::new();
    for workload in found {
        match reason(&workload, changed, &versions) {
            Some(why) => left_out.push((workload.reference(), why)),
            None => kept.push(workload),
        }
    }
    (kept, left_out)
}

fn reason(workload: &Workload, changed: Option<Timestamp>, versions: &[String]) -> Option<LeftOut> {
    let job = workload.job()?;
    if job.is_scheduled() {
        return Some(LeftOut::Scheduled);
    }
    let ended = job.ended_at()?;
    let own = version(workload);
    if own.is_some_and(|own| !versions.is_empty() && !versions.contains(&own)) {
        return Some(LeftOut::OtherVersion);
    }
    let slack = SignedDuration::try_from(SAME_APPLY).unwrap_or_default();
    let until = ended.checked_add(slack).unwrap_or(Timestamp::MAX);
    changed
        .is_some_and(|at| until < at)
        .then_some(LeftOut::Earlier)
}

fn version(workload: &Workload) -> Option<String> {
    let labels = workload.metadata().labels.as_ref()?;
    labels.get(VERSION).cloned()
}

/// Returns when a workload was created, or when a client wrote it last. An autoscaler writes the subresource
/// `scale`, and a controller the status.
fn changed_at(workload: &Workload) -> Option<Timestamp> {
    let metadata = workload.metadata();
    let created = metadata.creation_timestamp.as_ref().map(|it| it.0);
    // A Job is not changed once it runs, but for its suspension.
    if workload.job().is_some() {
        let scheduled = workload.job().is_some_and(super::JobView::is_scheduled);
        return created.filter(|_| !scheduled);
    }
    let writes = metadata.managed_fields.iter().flatten();
    let writes = writes.filter(|it| it.subresource.as_deref().unwrap_or_default().is_empty());
    let by_clients = writes.filter(|it| it.manager.as_deref() != Some("kube-controller-manager"));
    let times = by_clients.filter_map(|it| it.time.as_ref().map(|it| it.0));
    times.chain(created).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{JobBuilder, at, deployment, job};

    fn web(changed: u64, version: &str) -> Workload {
        let mut web = deployment("web").json();
        let metadata = &mut web["metadata"];
        metadata["creationTimestamp"] = json!(at(0));
        metadata["labels"] = json!({VERSION: version});
        metadata["managedFields"] = json!([
            {"manager": "kubectl", "operation": "Apply", "time": at(changed)},
            {"manager": "kube-controller-manager", "operation": "Update", "time": at(9000)},
            {"manager": "horizontal-pod-autoscaler", "operation": "Update", "subresource": "scale", "time": at(9000)},
        ]);
        serde_json::from_value(web).unwrap()
    }

    /// A Job that was created and has failed at these times.
    fn failed(created: u64, ended: u64) -> JobBuilder {
        let condition = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
            "lastTransitionTime": at(ended)}]);
        job()
            .metadata("creationTimestamp", json!(at(created)))
            .status("conditions", condition)
    }

    fn labelled(job: JobBuilder, version: &str) -> JobBuilder {
        job.metadata("labels", json!({VERSION: version}))
    }

    #[test]
    fn a_job_of_a_former_release_is_left_out() {
        let by_cron =
            json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "n", "uid": "c"}]);
        let rows: [(&str, Vec<Workload>, JobBuilder, Option<LeftOut>); 9] = [
            ("it runs", vec![web(5000, "2")], job(), None),
            (
                "it failed after the release began",
                vec![web(5000, "2")],
                failed(5000, 5030),
                None,
            ),
            (
                "it failed while the same apply went on",
                vec![web(5000, "2")],
                failed(4950, 4960),
                None,
            ),
            (
                "it failed before the release",
                vec![web(5000, "2")],
                failed(100, 400),
                Some(LeftOut::Earlier),
            ),
            (
                "it failed, so that Helm changed nothing else",
                vec![web(50, "2")],
                failed(5000, 5030),
                None,
            ),
            (
                "its version is no other workload's",
                vec![web(50, "2")],
                labelled(failed(100, 400), "1"),
                Some(LeftOut::OtherVersion),
            ),
            (
                "its version is that of the release",
                vec![web(50, "2")],
                labelled(failed(100, 400), "2"),
                None,
            ),
            (
                "a CronJob created it, and it runs",
                vec![web(50, "2")],
                job().metadata("ownerReferences", by_cron),
                Some(LeftOut::Scheduled),
            ),
            (
                "a newer Job took its place",
                vec![
                    job()
                        .metadata("name", "migrate-2")
                        .metadata("creationTimestamp", json!(at(5000)))
                        .build(),
                ],
                failed(100, 400),
                Some(LeftOut::Earlier),
            ),
        ];
        for (says, mut others, job, expected) in rows {
            let reference = job.clone().build().reference();
            others.push(job.build());
            let all = others.len();
            let (kept, left_out) = of_release(others);
            let expected: Vec<(WorkloadRef, LeftOut)> =
                expected.map(|it| (reference, it)).into_iter().collect();
            assert_eq!(left_out, expected, "{says}");
            assert_eq!(kept.len() + left_out.len(), all, "{says}");
        }
    }

    #[test]
    fn a_failed_job_alone_is_checked() {
        let (kept, left_out) = of_release(vec![failed(100, 400).build()]);
        assert_eq!((kept.len(), left_out.len()), (1, 0));
    }
}
