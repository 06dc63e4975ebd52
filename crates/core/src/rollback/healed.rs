//! Judges from a single look whether a workload is healthy, by the rules of a check.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::duration::{after, elapsed};
use crate::history::History;
use crate::policy::Policy;
use crate::progress;
use crate::session::{View, judge};
use crate::snapshot::{BACK_OFF_MEMORY, has_ended};
use crate::verdict::{Pending, Verdict};
use crate::workload::Workload;

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

/// Returns whether a Deployment's controller has written down that it is done. The other kinds have no
/// such condition, nor has a Deployment without a progress deadline.
fn is_said_complete(workload: &Workload) -> bool {
    let Workload::Deployment(it) = workload else {
        return true;
    };
    let conditions = it.status.as_ref().and_then(|it| it.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .filter(|it| it.type_ == "Progressing")
        .all(|it| it.reason.as_deref() == Some("NewReplicaSetAvailable"))
}
