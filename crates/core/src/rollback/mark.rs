//! Which revisions a session has shown to be good, for the cluster to remember.

use jiff::Timestamp;

use crate::annotation::LastKnownGood;
use crate::observation::ResourceKind;
use crate::session::{Session, TrackedWorkload};
use crate::snapshot::running;
use crate::verdict::Verdict;
use crate::workload::WorkloadRef;

/// A mark that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastKnownGoodUpdate {
    /// Whose revision.
    pub workload: WorkloadRef,
    /// The kind of the revision object.
    pub resource: ResourceKind,
    /// The revision object's name.
    pub name: String,
    /// What to write.
    pub mark: LastKnownGood,
}

/// What a session has shown to be good: every workload that succeeded with all its pods, of which
/// there must be one.
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
    // Of a partition, and of pods that could not be seen, too little is known.
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
