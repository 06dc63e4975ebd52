//! The health after a rollback: an outcome of its own beside the verdict.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::annotation::LastKnownGood;
use crate::approval::ApprovedRollback;
use crate::rollback::RollbackHealth;
use crate::session::{Session, TrackedWorkload};
use crate::snapshot::running;
use crate::workload::{Images, Revision, RevisionId, WorkloadRef};

/// A container that runs another image than when its revision was last known to be good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OtherImage {
    /// The container.
    pub container: String,
    /// The digests of what it ran.
    pub recorded: BTreeSet<String>,
    /// The digests of what it runs.
    pub running: BTreeSet<String>,
}

/// A workload after its rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AfterRollback {
    /// Which.
    pub workload: WorkloadRef,
    /// The revision that was found bad.
    pub bad: RevisionId,
    /// The revision that was to be restored, with the number that it had before.
    pub target: RevisionId,
    /// The number that the restored revision has now, where it is in place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub present: Option<Revision>,
    /// How it is.
    pub health: RollbackHealth,
    /// Containers that do not run what the good pods ran.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub other_images: Vec<OtherImage>,
}

pub(super) fn after_rollback(session: &Session) -> Vec<AfterRollback> {
    let workloads = session.workloads().iter();
    workloads
        .filter_map(|tracked| Some(of(session, tracked, tracked.restored()?)))
        .collect()
}

fn of(session: &Session, tracked: &TrackedWorkload, restored: &ApprovedRollback) -> AfterRollback {
    let health = RollbackHealth::of(tracked.verdict());
    let other_images = match health {
        RollbackHealth::Healthy => other_images(session, tracked, restored),
        RollbackHealth::Undetermined
        | RollbackHealth::Unhealthy
        | RollbackHealth::NotRolledBack => Vec::new(),
    };
    AfterRollback {
        workload: tracked.workload().clone(),
        bad: restored.bad.clone(),
        target: restored.target.clone(),
        present: present(session, tracked, restored),
        health,
        other_images,
    }
}

/// The number of the restored revision, where it is in place.
pub(super) fn present(
    session: &Session,
    tracked: &TrackedWorkload,
    restored: &ApprovedRollback,
) -> Option<Revision> {
    let newest = session.snapshot().rollout(tracked.workload())?.newest()?;
    let same = newest.uid() == restored.target.uid;
    same.then(|| newest.number()).flatten()
}

/// The recorded images are those of the approval, else those of the mark.
fn other_images(
    session: &Session,
    tracked: &TrackedWorkload,
    restored: &ApprovedRollback,
) -> Vec<OtherImage> {
    let Some(rollout) = session.snapshot().rollout(tracked.workload()) else {
        return Vec::new();
    };
    let uid = &restored.target.uid;
    let newest = rollout.newest();
    let mark = newest.and_then(|it| it.annotation(&LastKnownGood::annotation(uid)));
    let mark = mark.and_then(|it| LastKnownGood::parse(it, uid));
    let marked = mark.map(|it| it.images).unwrap_or_default();
    let recorded = if restored.images.is_empty() {
        &marked
    } else {
        &restored.images
    };
    differing(recorded, &running(&rollout))
}

fn differing(recorded: &Images, running: &Images) -> Vec<OtherImage> {
    let both = recorded
        .iter()
        .filter_map(|(container, recorded)| Some((container, recorded, running.get(container)?)));
    both.filter(|(_, recorded, running)| !running.is_subset(recorded))
        .map(|(container, recorded, running)| OtherImage {
            container: container.clone(),
            recorded: recorded.clone(),
            running: running.clone(),
        })
        .collect()
}
