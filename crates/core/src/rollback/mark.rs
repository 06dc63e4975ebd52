//! Finds the revisions that a session has shown to be good, to annotate them in the cluster.

use jiff::Timestamp;

use crate::annotation::LastKnownGood;
use crate::observation::ResourceKind;
use crate::session::{Session, TrackedWorkload};
use crate::snapshot::running;
use crate::verdict::Verdict;
use crate::workload::WorkloadRef;

/// A last-known-good annotation to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastKnownGoodUpdate {
    /// The workload of the revision.
    pub workload: WorkloadRef,
    /// The resource of the revision object.
    pub resource: ResourceKind,
    /// The name of the revision object.
    pub name: String,
    /// The annotation.
    pub mark: LastKnownGood,
}

/// Returns the annotations for a session: one for every workload that succeeded with all its pods,
/// at least one.
#[must_use]
pub fn last_known_good_updates(
    session: &Session,
    at: Timestamp,
    run: &str,
) -> Vec<LastKnownGoodUpdate> {
    let workloads = session.workloads().iter();
    let good = workloads.filter(|it| *it.verdict() == Verdict::Succeeded);
    good.filter_map(|tracked| marking(session, tracked, at, run))
        .collect()
}

fn marking(
    session: &Session,
    tracked: &TrackedWorkload,
    at: Timestamp,
    run: &str,
) -> Option<LastKnownGoodUpdate> {
    let rollout = session.snapshot().rollout(tracked.workload())?;
    let newest = rollout.newest()?;
    // A partition, or pods that cannot be seen, leave pods unverified.
    let whole = rollout.workload().counts().available > 0 && rollout.old_pods().is_empty();
    if !whole || rollout.new_pods().is_empty() || tracked.judged() != Some(newest.uid()) {
        return None;
    }
    Some(LastKnownGoodUpdate {
        workload: tracked.workload().clone(),
        resource: newest.resource(),
        name: newest.name().to_owned(),
        mark: LastKnownGood::new(newest.uid(), at, run, running(&rollout)),
    })
}
