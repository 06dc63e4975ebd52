//! A StatefulSet's pods that stay stuck although the template is the good one again.
//!
//! With the policy `OrderedReady` the controller waits for the lowest pod that is not ready before it
//! updates any (`stateful_set_control.go`, `processReplica` before the update phase;
//! kubernetes#67250). A pod of the bad revision that will never be ready is therefore never replaced:
//! somebody has to delete it.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use crate::history::{Entry, History};
use crate::snapshot::{REVISION_LABEL, has_ended, is_ready, uid_of};
use crate::workload::{Workload, partition};

/// What is to be done about a restored StatefulSet now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StuckPodStep {
    /// Nothing is stuck.
    Free,
    /// The controller has not yet taken in the restored template, or is at work on a pod.
    Wait,
    /// This pod is to be deleted, and only if it still is exactly this one.
    Delete(StuckPod),
    /// Another revision is in place by now: its pods are no matter of ours.
    Superseded,
}

/// A pod that only a deletion gets going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckPod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// As it was seen: a pod that has become ready meanwhile is another matter.
    pub resource_version: String,
}

/// What is to be done now. The lowest first, one at a time; never forced.
#[must_use]
pub fn unblock(history: &History, target: &Entry<'_>) -> StuckPodStep {
    let Some(set) = rolling(history) else {
        return StuckPodStep::Free;
    };
    match history.current() {
        Some(current) if current.uid() != target.uid() => return StuckPodStep::Superseded,
        Some(_) => {}
        None => return StuckPodStep::Wait,
    }
    let status = set.status.as_ref();
    let newest = status.and_then(|it| it.update_revision.as_deref());
    if !history.observed() || newest != Some(target.name()) {
        return StuckPodStep::Wait;
    }
    let stuck = stuck(history, set, target.name());
    let Some((ordinal, pod)) = stuck.first() else {
        // One of another revision that is ready may not be the next moment.
        let from = first_updated(set);
        let mut left = members(history)
            .filter(|(ordinal, pod)| *ordinal >= from && revision(pod) != Some(target.name()));
        return left
            .next()
            .map_or(StuckPodStep::Free, |_| StuckPodStep::Wait);
    };
    // A lower one that is being replaced comes first: at most one pod is away because of us.
    let leaving = members(history).any(|(_, pod)| pod.metadata.deletion_timestamp.is_some());
    let ready = members(history).filter(|(other, pod)| other < ordinal && is_ready(pod));
    let lower = usize::try_from(ordinal - start(set)).unwrap_or_default();
    if leaving || ready.count() < lower {
        return StuckPodStep::Wait;
    }
    StuckPodStep::Delete(StuckPod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: uid_of(&pod.metadata).to_owned(),
        resource_version: pod.metadata.resource_version.clone().unwrap_or_default(),
    })
}

/// Whether a pod may have to be deleted after a rollback.
pub(super) fn may_be_needed(history: &History) -> bool {
    rolling(history).is_some()
}

/// Whether a pod would have to be deleted if the workload were rolled back now.
pub(super) fn is_stuck(history: &History, target: &Entry<'_>) -> bool {
    !stuck_now(history, target).is_empty()
}

/// The names of the pods that would have to be deleted, for the eye.
#[must_use]
pub fn stuck_now(history: &History, target: &Entry<'_>) -> Vec<String> {
    let Some(set) = rolling(history) else {
        return Vec::new();
    };
    let stuck = stuck(history, set, target.name()).into_iter();
    stuck
        .map(|(_, pod)| pod.metadata.name.clone().unwrap_or_default())
        .collect()
}

/// The StatefulSet, unless its pods are replaced only once a person deletes them.
fn rolling(history: &History) -> Option<&StatefulSet> {
    match history.typed()? {
        workload @ Workload::StatefulSet(set) if !workload.is_on_delete() => Some(set),
        Workload::StatefulSet(_) | Workload::Deployment(_) | Workload::DaemonSet(_) => None,
    }
}

/// Its pods with their ordinals, the lowest first.
fn members(history: &History) -> impl Iterator<Item = (i32, &Pod)> {
    let prefix = format!("{}-", history.workload().name);
    let uid = history.uid().to_owned();
    let mut members: Vec<(i32, &Pod)> = history
        .pods()
        .filter(|pod| crate::snapshot::owned_by(&pod.metadata, &uid))
        .filter_map(|pod| {
            let name = pod.metadata.name.as_deref()?;
            Some((name.strip_prefix(&prefix)?.parse().ok()?, pod))
        })
        .collect();
    members.sort_by_key(|(ordinal, _)| *ordinal);
    members.into_iter()
}

/// Pods of another revision that are not ready and that nobody replaces. One that has ended as a
/// whole is made anew by the controller itself (`stateful_set_control.go`, `isFailed`).
fn stuck<'a>(history: &'a History, set: &StatefulSet, newest: &str) -> Vec<(i32, &'a Pod)> {
    let from = first_updated(set);
    members(history)
        .filter(|(ordinal, pod)| {
            *ordinal >= from
                && revision(pod) != Some(newest)
                && !is_ready(pod)
                && !has_ended(pod)
                && pod.metadata.deletion_timestamp.is_none()
        })
        .collect()
}

/// The lowest ordinal (`spec.ordinals.start`).
fn start(set: &StatefulSet) -> i32 {
    let spec = set.spec.as_ref();
    let ordinals = spec.and_then(|it| it.ordinals.as_ref());
    ordinals.and_then(|it| it.start).unwrap_or_default()
}

/// The lowest ordinal that gets the newest template (`stateful_set_utils.go`,
/// `newVersionedStatefulSetPod`).
fn first_updated(set: &StatefulSet) -> i32 {
    start(set) + partition(set)
}

fn revision(pod: &Pod) -> Option<&str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(REVISION_LABEL).map(String::as_str)
}
