//! Whether a workload is well, as far as one look tells: by the very rules of a check.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::duration::{after, elapsed};
use crate::history::History;
use crate::observation::{Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::progress;
use crate::session::Session;
use crate::snapshot::{BACK_OFF_MEMORY, ExcusedNodes, Snapshot, has_ended, uid_of};
use crate::verdict::{Pending, Verdict};
use crate::workload::raw::text;
use crate::workload::{Workload, WorkloadKind};

/// The one look comes to no end by itself, and nobody listens to it.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl History {
    /// Whether every pod is of the newest template and available, by the counts, and the controller
    /// has said so. Of a DaemonSet, but for the nodes that nobody waits for.
    #[must_use]
    pub fn complete(&self) -> bool {
        let complete = self.typed().is_some_and(|it| self.counts_are_complete(&it));
        let conditions = self.object().pointer("/status/conditions");
        let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
        // Without a progress deadline, and but for Deployments, there is no such condition.
        let said = conditions
            .filter(|it| text(it, "/type") == "Progressing")
            .all(|it| text(it, "/reason") == "NewReplicaSetAvailable");
        complete && said
    }

    fn counts_are_complete(&self, workload: &Workload) -> bool {
        if self.nodes().is_empty() {
            return progress::complete(workload, &ExcusedNodes::default()).is_ok();
        }
        // The nodes that are excused are found as a check finds them.
        let mut snapshot = Snapshot::default();
        for seen in self.seen(workload.clone()) {
            snapshot.apply(Observation::new(Timestamp::UNIX_EPOCH, seen));
        }
        let rollout = snapshot.rollout(self.workload());
        let excused = rollout.map_or_else(ExcusedNodes::default, |it| it.excused());
        progress::complete(workload, &excused).is_ok()
    }

    /// When a check that stays for so long would call it healthy, should it stay as it is: `now`, where
    /// it has been well for long enough. `None` where it is not well, has no pods, or where more would
    /// have to be seen than one look shows. Where no pod can be seen, the counts alone tell.
    #[must_use]
    pub fn healthy_from(&self, now: Timestamp, stable_for: Duration) -> Option<Timestamp> {
        let workload = self.typed().filter(|it| it.counts().desired > 0)?;
        if !self.complete() {
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
        let mut session = Session::new([self.workload().clone()], policy, now);
        let mut last = None;
        for seen in self.seen(workload) {
            last = Some(session.observe(Observation::new(now, seen)));
        }
        let last = last?;
        let from = match last.verdict {
            Verdict::Succeeded => Some(now),
            Verdict::Progressing {
                pending: Pending::Stabilising { .. },
            } => Some(last.wake_at).filter(|at| *at < after(now, NEVER)),
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

    /// All of it as a session sees it, each list with its end.
    fn seen(&self, workload: Workload) -> Vec<Seen> {
        let kind = self.workload().kind;
        let mut listed = vec![
            (ResourceKind::of(kind), vec![workload.uid().to_owned()]),
            (ResourceKind::Event, Vec::new()),
        ];
        let mut seen = vec![Seen::Workload { object: workload }];
        let uids = self.carriers().iter().map(|it| text(it, "/metadata/uid"));
        let uids: Vec<String> = uids.map(str::to_owned).collect();
        if kind == WorkloadKind::Deployment {
            seen.extend(of(self.carriers()).map(|object| Seen::ReplicaSet { object }));
            listed.push((ResourceKind::ReplicaSet, uids));
        } else {
            seen.extend(of(self.carriers()).map(|object| Seen::ControllerRevision { object }));
            listed.push((ResourceKind::ControllerRevision, uids));
        }
        let pods = self.pods().cloned().map(Box::new);
        seen.extend(pods.map(|object| Seen::Pod { object }));
        let nodes = self.nodes().iter().cloned().map(Box::new);
        seen.extend(nodes.map(|object| Seen::Node { object }));
        let uids = |it: Vec<&str>| it.into_iter().map(str::to_owned).collect();
        let pods = self.pods().map(|it| uid_of(&it.metadata)).collect();
        let nodes = self.nodes().iter().map(|it| uid_of(&it.metadata)).collect();
        listed.push((ResourceKind::Pod, uids(pods)));
        listed.push((ResourceKind::Node, uids(nodes)));
        let listed = listed.into_iter();
        seen.extend(listed.map(|(resource, uids)| Seen::Listed { resource, uids }));
        seen
    }
}

fn of<T: DeserializeOwned>(objects: &[Value]) -> impl Iterator<Item = Box<T>> {
    let objects = objects.iter().cloned();
    objects.filter_map(|it| serde_json::from_value(it).ok().map(Box::new))
}
