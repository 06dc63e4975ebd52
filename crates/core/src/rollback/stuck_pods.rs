//! A StatefulSet's pods that stay stuck although the template is the good one again.
//!
//! With the policy `OrderedReady` the controller waits for the lowest pod that is not ready before it
//! updates any (`stateful_set_control.go`, `processReplica` before the update phase;
//! kubernetes#67250). A pod of the bad revision that will never be ready is therefore never replaced:
//! somebody has to delete it.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};

use crate::history::{Entry, History};
use crate::snapshot::{REVISION_LABEL, has_ended, is_ready, owned_by, uid_of};
use crate::workload::{Workload, first_ordinal, first_updated_ordinal, ordinal};

/// The next action on a restored StatefulSet.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StuckPod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// As it was seen: a pod that has become ready since must not be deleted.
    pub resource_version: String,
}

/// A StatefulSet and its pods at one time, reduced to what decides about stuck pods.
///
/// Holds names, uids and numbers only: no template, and so no secret, gets into a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoredSet {
    /// The uid of the ControllerRevision that was restored.
    pub target_uid: String,
    /// Its name.
    pub target: String,
    /// The uid of the ControllerRevision of the present template; `None` while the controller has not
    /// created it.
    pub current_uid: Option<String>,
    /// Whether the controller has observed the newest generation.
    pub observed: bool,
    /// `status.updateRevision`.
    pub update_revision: Option<String>,
    /// `spec.ordinals.start`.
    pub start: i32,
    /// The lowest ordinal that the rolling update replaces.
    pub first_updated: i32,
    /// The pods, the lowest ordinal first.
    pub pods: Vec<MemberPod>,
}

/// A pod of a StatefulSet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberPod {
    /// Its ordinal.
    pub ordinal: i32,
    /// What a deletion has to name.
    #[serde(flatten)]
    pub pod: StuckPod,
    /// The name of its ControllerRevision.
    pub revision: Option<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it has ended as a whole. The controller itself replaces such a pod
    /// (`stateful_set_control.go`, `isFailed`).
    pub ended: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
}

impl RestoredSet {
    /// Reads the history; `None` unless it is a StatefulSet whose controller replaces pods.
    #[must_use]
    pub fn of(history: &History, target: &Entry<'_>) -> Option<Self> {
        let set = rolling(history)?;
        let status = set.status.as_ref();
        Some(Self {
            target_uid: target.uid().to_owned(),
            target: target.name().to_owned(),
            current_uid: history.current().map(|it| it.uid().to_owned()),
            observed: history.observed(),
            update_revision: status.and_then(|it| it.update_revision.clone()),
            start: first_ordinal(set),
            first_updated: first_updated_ordinal(set),
            pods: members(history),
        })
    }

    /// Decides what to do now: the lowest stuck pod first, one at a time, never forced.
    #[must_use]
    pub fn step(&self) -> StuckPodStep {
        match &self.current_uid {
            Some(current) if *current != self.target_uid => return StuckPodStep::Superseded,
            Some(_) => {}
            None => return StuckPodStep::Wait,
        }
        if !self.has_taken_in_target() {
            return StuckPodStep::Wait;
        }
        let Some(lowest) = self.stuck().next() else {
            // A ready pod of another revision may be stuck the next moment.
            let mut left = self.pods.iter().filter(|it| self.is_to_be_replaced(it));
            return left
                .next()
                .map_or(StuckPodStep::Free, |_| StuckPodStep::Wait);
        };
        // A lower pod that is being replaced comes first: at most one pod is away because of us.
        let leaving = self.pods.iter().any(|it| it.deleting);
        let lower = |it: &&MemberPod| it.ordinal < lowest.ordinal && it.ready;
        let ready = self.pods.iter().filter(lower).count();
        let wanted = lowest.ordinal.saturating_sub(self.start);
        if leaving || ready < usize::try_from(wanted).unwrap_or_default() {
            return StuckPodStep::Wait;
        }
        StuckPodStep::Delete(lowest.pod.clone())
    }

    /// Returns the names of the stuck pods, the lowest ordinal first.
    #[must_use]
    pub fn stuck_pods(&self) -> Vec<String> {
        self.stuck().map(|it| it.pod.name.clone()).collect()
    }

    /// Returns whether the controller rolls out the restored template.
    #[must_use]
    pub fn has_taken_in_target(&self) -> bool {
        self.observed && self.update_revision.as_ref() == Some(&self.target)
    }

    /// Pods of another revision that are not ready and that no one replaces.
    fn stuck(&self) -> impl Iterator<Item = &MemberPod> {
        let stuck =
            |it: &&MemberPod| self.is_to_be_replaced(it) && !it.ready && !it.ended && !it.deleting;
        self.pods.iter().filter(stuck)
    }

    fn is_to_be_replaced(&self, pod: &MemberPod) -> bool {
        pod.ordinal >= self.first_updated && pod.revision.as_ref() != Some(&self.target)
    }
}

/// Decides what to do about the stuck pods of a workload now.
#[must_use]
pub fn stuck_pod_step(history: &History, target: &Entry<'_>) -> StuckPodStep {
    RestoredSet::of(history, target).map_or(StuckPodStep::Free, |it| it.step())
}

/// Returns whether a pod may have to be deleted after a rollback.
pub(super) fn may_be_needed(history: &History) -> bool {
    rolling(history).is_some()
}

/// Returns whether a pod would have to be deleted if the workload were rolled back now.
pub(super) fn is_stuck(history: &History, target: &Entry<'_>) -> bool {
    !stuck_now(history, target).is_empty()
}

/// Returns the names of the pods that would have to be deleted.
#[must_use]
pub fn stuck_now(history: &History, target: &Entry<'_>) -> Vec<String> {
    RestoredSet::of(history, target).map_or_else(Vec::new, |it| it.stuck_pods())
}

/// The StatefulSet, unless its pods are replaced only once a person deletes them.
fn rolling(history: &History) -> Option<&StatefulSet> {
    match history.typed()? {
        workload @ Workload::StatefulSet(set) if !workload.is_on_delete() => Some(set),
        Workload::StatefulSet(_)
        | Workload::Deployment(_)
        | Workload::DaemonSet(_)
        | Workload::Job(_) => None,
    }
}

/// Its pods, the lowest ordinal first.
fn members(history: &History) -> Vec<MemberPod> {
    let set = &history.workload().name;
    let uid = history.uid();
    let mut members: Vec<MemberPod> = history
        .pods()
        .filter(|pod| owned_by(&pod.metadata, uid))
        .filter_map(|pod| {
            let ordinal = ordinal(set, pod.metadata.name.as_deref()?)?;
            Some(member(ordinal, pod))
        })
        .collect();
    members.sort_by_key(|it| it.ordinal);
    members
}

fn member(ordinal: i32, pod: &Pod) -> MemberPod {
    let metadata = &pod.metadata;
    let labels = metadata.labels.as_ref();
    MemberPod {
        ordinal,
        pod: StuckPod {
            name: metadata.name.clone().unwrap_or_default(),
            uid: uid_of(metadata).to_owned(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
        },
        revision: labels.and_then(|it| it.get(REVISION_LABEL).cloned()),
        ready: is_ready(pod),
        ended: has_ended(pod),
        deleting: metadata.deletion_timestamp.is_some(),
    }
}
