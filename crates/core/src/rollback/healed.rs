//! Judges from a single look whether a workload is healthy, by the rules of a check.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::Pod;

use crate::duration::{after, elapsed};
use crate::finding::{Finding, FindingCode, RollbackHelps};
use crate::history::History;
use crate::policy::Policy;
use crate::progress;
use crate::session::{View, judge};
use crate::snapshot::{BACK_OFF_MEMORY, has_ended};
use crate::verdict::{Pending, Verdict};
use crate::workload::Workload;

/// The kubelet's fifth pull comes 150 s after the first, and a tag of Azure's registry may take 4m to appear.
const FIVE_PULLS: Duration = Duration::from_secs(240);

/// How the present rollout of a workload stands, by a single look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A cause that does not heal has lasted for longer than its grace, and a rollback may help against it.
    Failing,
    /// It fails, but long after it was complete.
    LongComplete,
    /// It is complete.
    Healthy,
    /// It may become either.
    Unclear,
}

/// A leak, a nightly job or the load of a working day shows a bad revision within this time after its rollout. What
/// fails later may be an outage that a rollback would only move. (estimated)
const OWN_FAULTS: Duration = Duration::from_secs(24 * 60 * 60);

/// A single look has no end of its own, and its events are not shown.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl History {
    /// Returns whether every pod is of the newest template and available, by the counts, and the
    /// controller has said so. Of a DaemonSet, but for the nodes that no one waits for.
    #[must_use]
    pub fn complete(&self) -> bool {
        let Some(rollout) = self.rollout() else {
            return false;
        };
        let workload = rollout.workload();
        progress::complete(workload, &rollout.excused()).is_ok() && is_said_complete(workload)
    }

    /// When a check that stays for so long would call it healthy, should it stay as it is: `now`, where
    /// it has been well for long enough. `None` where it is not well, has no pods, or where more would
    /// have to be seen than one look shows. Where no pod can be seen, the counts alone tell.
    #[must_use]
    pub fn healthy_from(&self, now: Timestamp, stable_for: Duration) -> Option<Timestamp> {
        if self.desired() == 0 || !self.complete() {
            return None;
        }
        if self.pods().next().is_none() {
            return Some(now);
        }
        let policy = Policy {
            timeout: NEVER,
            reminder: NEVER,
            stable_for,
            ..Policy::default()
        };
        let view = View {
            snapshot: &self.snapshot().seen_at(now),
            target: &self.workload().clone().into(),
            started: now,
            complete_since: None,
            asking_since: None,
            ways: None,
        };
        let judgement = judge(&view, &policy, now);
        let from = match judgement.verdict {
            Verdict::Succeeded => Some(now),
            Verdict::Progressing {
                pending: Pending::Stabilising { .. },
            } => Some(judgement.wake_at).filter(|at| *at < after(now, NEVER)),
            Verdict::Progressing { .. }
            | Verdict::Failed { .. }
            | Verdict::TimedOut { .. }
            | Verdict::Undetermined { .. }
            | Verdict::Superseded { .. } => None,
        };
        Some(from?.max(self.outlives_the_ended(stable_for)))
    }

    /// Judges the present rollout from a single look. Only what a check would call failed is failing: a
    /// rollout that is under way looks incomplete, too, and no time limit says when it should be over.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        let policy = Policy {
            timeout: NEVER,
            reminder: NEVER,
            ..Policy::default()
        };
        let since = |pod: &Pod| last_change(pod).unwrap_or(now).min(now);
        let view = View {
            snapshot: &self.snapshot().seen_since(since),
            target: &self.workload().clone().into(),
            started: self.began().unwrap_or(now),
            complete_since: None,
            asking_since: None,
            ways: None,
        };
        let fails = || {
            let judgement = judge(&view, &policy, now);
            let causes: &[Finding] = match &judgement.verdict {
                Verdict::Failed { causes } => causes,
                Verdict::Progressing { .. }
                | Verdict::Succeeded
                | Verdict::TimedOut { .. }
                | Verdict::Undetermined { .. }
                | Verdict::Superseded { .. } => &[],
            };
            let findings = judgement.findings.iter();
            let pulls = findings.filter(|it| fails_to_pull(it, &policy, now));
            let mut all = causes.iter().chain(pulls);
            all.any(|it| it.rollback_helps != RollbackHelps::No)
        };
        if self.observed() && fails() {
            if self.was_complete_long_ago(now) {
                Standing::LongComplete
            } else {
                Standing::Failing
            }
        } else if self.complete() {
            Standing::Healthy
        } else {
            Standing::Unclear
        }
    }

    /// Returns whether the present revision was rolled out to the end longer ago than its own faults take to show.
    ///
    /// A Deployment's controller keeps the time at which it was complete, whatever its pods do afterwards, but not
    /// without a progress deadline (`deployment/progress.go`). Of that one and of the other kinds only the age of the
    /// revision is known: a StatefulSet keeps which one was complete (`stateful_set_utils.go`,
    /// `completeRollingUpdate`), a DaemonSet has pods of it on every node, a Deployment as many as it wants.
    fn was_complete_long_ago(&self, now: Timestamp) -> bool {
        let long_ago = |at: Timestamp| elapsed(at, now) >= OWN_FAULTS;
        let Some(current) = self.current() else {
            return false;
        };
        let reached = |workload: &Workload| {
            let counts = workload.counts();
            let reached = counts.desired > 0 && counts.updated >= counts.desired;
            current.created().filter(|_| reached)
        };
        let complete = match self.typed() {
            Some(Workload::Deployment(it)) if progressing(it).next().is_some() => {
                complete_since(it)
            }
            Some(other @ (Workload::Deployment(_) | Workload::DaemonSet(_))) => reached(other),
            Some(Workload::StatefulSet(it)) => {
                let status = it.status.as_ref();
                let complete = status.and_then(|it| it.current_revision.as_deref());
                current
                    .created()
                    .filter(|_| complete == Some(current.name()))
            }
            Some(Workload::Job(_)) | None => None,
        };
        complete.is_some_and(long_ago)
    }

    /// When the present rollout began at the earliest. A ReplicaSet that is used again is older than
    /// its rollout, and so may be the first pod of it, which a restart of the workload leaves behind.
    fn began(&self) -> Option<Timestamp> {
        let current = self.current()?;
        let created = |pod: &Pod| Some(pod.metadata.creation_timestamp.as_ref()?.0);
        let first_pod = current.pods().filter_map(created).min();
        current.created().max(first_pod)
    }

    /// When the pods of the present revision will have lived longer than those of it that have ended,
    /// such as by an eviction. A session counts the ends that it sees; one look has to go by what is
    /// left of them.
    fn outlives_the_ended(&self, stable_for: Duration) -> Timestamp {
        let pods = || self.current().into_iter().flat_map(|it| it.pods());
        let created = |pod: &Pod| Some(pod.metadata.creation_timestamp.as_ref()?.0);
        let life = |pod: &Pod| {
            let statuses = pod.status.as_ref()?.container_statuses.as_ref()?.iter();
            let ends = statuses.filter_map(|it| it.state.as_ref()?.terminated.as_ref());
            let ended = ends
                .filter_map(|it| Some(it.finished_at.as_ref()?.0))
                .max()?;
            Some(elapsed(created(pod)?, ended)).filter(|life| *life <= BACK_OFF_MEMORY)
        };
        let Some(longest) = pods().filter(|it| has_ended(it)).filter_map(life).max() else {
            return Timestamp::MIN;
        };
        let living = pods().filter(|it| !has_ended(it)).filter_map(created);
        let outlive = living.map(|at| after(after(at, longest), stable_for));
        outlive.max().unwrap_or(Timestamp::MIN)
    }
}

/// Returns whether an image cannot be pulled, for longer than a check would wait. One look shows no second pull,
/// which a check requires as well, but the kubelet has pulled five times by then: its back-off begins with 10 s
/// and doubles (`pkg/kubelet/kubelet.go`).
fn fails_to_pull(finding: &Finding, policy: &Policy, now: Timestamp) -> bool {
    let of_pull = matches!(
        finding.code,
        FindingCode::ImageNotFound
            | FindingCode::ImagePullDenied
            | FindingCode::ImagePullFailing
            | FindingCode::ImageSignatureRefused
            | FindingCode::ImageWrongPlatform
            | FindingCode::RegistryNotTrusted
    );
    let rule = policy.rule(finding.code).filter(|_| of_pull);
    rule.is_some_and(|it| elapsed(finding.since, now) >= it.grace.max(FIVE_PULLS))
}

/// Returns the last change that a pod's status has a time for. The reason why a container waits has none: it has
/// lasted since then, or it would have left a trace.
fn last_change(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|it| it.conditions.as_ref());
    let conditions = conditions.into_iter().flatten();
    let changed = conditions.filter_map(|it| Some(it.last_transition_time.as_ref()?.0));
    let containers = [
        status.and_then(|it| it.init_container_statuses.as_ref()),
        status.and_then(|it| it.container_statuses.as_ref()),
    ];
    let containers = containers.into_iter().flatten().flatten();
    let instances = containers.flat_map(|it| [it.state.as_ref(), it.last_state.as_ref()]);
    let ends = instances.flatten().flat_map(|state| {
        let running = state.running.as_ref();
        let ended = state.terminated.as_ref();
        [
            running.and_then(|it| it.started_at.as_ref()),
            ended.and_then(|it| it.finished_at.as_ref()),
        ]
    });
    let ends = ends.flatten().map(|it| it.0);
    let created = pod.metadata.creation_timestamp.as_ref().map(|it| it.0);
    changed.chain(ends).chain(created).max()
}

/// Returns when a Deployment's controller wrote down that it is done with the newest template.
fn complete_since(deployment: &Deployment) -> Option<Timestamp> {
    let progress = progressing(deployment).find(|it| is_complete(it))?;
    let changed = progress.last_update_time.as_ref();
    Some(changed.or(progress.last_transition_time.as_ref())?.0)
}

/// Returns whether a Deployment's controller has written down that it is done. The other kinds have no
/// such condition, nor has a Deployment without a progress deadline.
fn is_said_complete(workload: &Workload) -> bool {
    let Workload::Deployment(it) = workload else {
        return true;
    };
    progressing(it).all(is_complete)
}

fn progressing(deployment: &Deployment) -> impl Iterator<Item = &DeploymentCondition> {
    let conditions = deployment
        .status
        .as_ref()
        .and_then(|it| it.conditions.as_ref());
    let conditions = conditions.into_iter().flatten();
    conditions.filter(|it| it.type_ == "Progressing")
}

fn is_complete(progress: &DeploymentCondition) -> bool {
    progress.reason.as_deref() == Some("NewReplicaSetAvailable")
}
