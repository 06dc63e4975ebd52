//! One workload with what belongs to it: its revisions, the pods of the newest one, the others.

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Node, Pod, PodTemplateSpec};

use super::node::{node_of, not_ready_since, tolerates};
use super::{
    PodView, REVISION_LABEL, Snapshot, controller_of, created, has_ended, is_active, name_of,
    owned_by, revision_of, same_template, uid_of,
};
use crate::observation::ResourceKind;
use crate::workload::{Revision, Workload, partition};

/// The older tie between a DaemonSet and its pods, which every version still writes
/// (`daemon/util/daemonset_util.go`, `IsPodUpdated`).
const GENERATION_LABEL: &str = "pod-template-generation";
const GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";

/// A workload with what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Rollout<'a> {
    snapshot: &'a Snapshot,
    workload: &'a Workload,
    set: Option<&'a ReplicaSet>,
    revision: Option<&'a ControllerRevision>,
}

/// Nodes that are not ready for reasons of their own, with what the counts of a DaemonSet hold of
/// them: a rollout does not wait for a node that was down before its pod came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExcusedNodes<'a> {
    /// The names of all such nodes that have a pod of the DaemonSet.
    pub nodes: Vec<&'a str>,
    /// How many of them `desiredNumberScheduled` counts: only those whose taints its pods tolerate.
    pub desired: i32,
    /// How many of the pods on them are of the newest template.
    pub updated: i32,
    /// How many of the pods on them still count as available.
    pub available: i32,
}

impl<'a> Rollout<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, workload: &'a Workload) -> Self {
        let mut rollout = Self {
            snapshot,
            workload,
            set: None,
            revision: None,
        };
        match workload {
            Workload::Deployment(_) => rollout.set = rollout.find_set(),
            Workload::StatefulSet(_) | Workload::DaemonSet(_) => {
                rollout.revision = rollout.find_revision();
            }
        }
        rollout
    }

    /// All that is known.
    #[must_use]
    pub const fn snapshot(&self) -> &'a Snapshot {
        self.snapshot
    }

    /// The workload.
    #[must_use]
    pub const fn workload(&self) -> &'a Workload {
        self.workload
    }

    /// The ReplicaSet of a Deployment's present template: equal but for the hash label
    /// (`FindNewReplicaSet`, kubernetes `deployment_util.go`); where several are equal, the one
    /// whose revision the Deployment bears.
    #[must_use]
    pub const fn new_replica_set(&self) -> Option<&'a ReplicaSet> {
        self.set
    }

    /// A Deployment's ReplicaSets.
    pub fn replica_sets(&self) -> impl Iterator<Item = &'a ReplicaSet> + use<'a> {
        self.snapshot.replica_sets.of(self.workload.uid())
    }

    /// A StatefulSet's or DaemonSet's ControllerRevisions.
    pub fn revisions(&self) -> impl Iterator<Item = &'a ControllerRevision> + use<'a> {
        self.snapshot.revisions.of(self.workload.uid())
    }

    /// The ControllerRevision of a StatefulSet's or DaemonSet's present template, once its
    /// controller has made it.
    #[must_use]
    pub const fn new_revision(&self) -> Option<&'a ControllerRevision> {
        self.revision
    }

    /// The number by which people name the new revision.
    #[must_use]
    pub fn number(&self) -> Option<Revision> {
        let of_set = self.set.and_then(|set| revision_of(&set.metadata));
        let of_revision = self.revision.and_then(|it| u64::try_from(it.revision).ok());
        of_set.or(of_revision).map(Revision)
    }

    /// The uid of the object that holds the new revision.
    #[must_use]
    pub fn new_uid(&self) -> Option<&'a str> {
        let of_set = self.set.map(|set| uid_of(&set.metadata));
        of_set.or_else(|| self.revision.map(|it| uid_of(&it.metadata)))
    }

    fn find_set(&self) -> Option<&'a ReplicaSet> {
        let wanted = self.workload.template()?;
        let revision = revision_of(self.workload.metadata());
        let equal = self
            .replica_sets()
            .filter(|set| {
                let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
                template.is_some_and(|template| same_template(template, wanted))
            })
            .max_by_key(|set| {
                let same_revision = revision.is_some() && revision_of(&set.metadata) == revision;
                (same_revision, std::cmp::Reverse(created(&set.metadata)))
            });
        equal.or_else(|| {
            // Two spellings of one quantity are equal to the controller and not to us; once it has
            // seen the template, the revision it wrote decides.
            let same =
                |set: &&ReplicaSet| revision.is_some() && revision_of(&set.metadata) == revision;
            self.replica_sets()
                .find(same)
                .filter(|_| self.workload.is_observed() && !self.is_paused())
        })
    }

    /// A paused Deployment observes a new template without making its ReplicaSet.
    fn is_paused(&self) -> bool {
        matches!(self.workload, Workload::Deployment(it) if it.spec.as_ref().and_then(|spec| spec.paused) == Some(true))
    }

    /// A StatefulSet names its newest revision, a DaemonSet's has the highest number
    /// (`daemon/update.go`, `constructHistory`). Before the newest spec is observed both are of the
    /// former one.
    fn find_revision(&self) -> Option<&'a ControllerRevision> {
        if !self.workload.is_observed() {
            return None;
        }
        match self.workload {
            Workload::Deployment(_) => None,
            Workload::StatefulSet(_) => {
                let wanted = self.update_revision()?;
                self.revisions().find(|it| name_of(&it.metadata) == wanted)
            }
            Workload::DaemonSet(_) => {
                let fits = |it: &&ControllerRevision| self.may_be_of_template(it);
                self.revisions().filter(fits).max_by_key(|it| it.revision)
            }
        }
    }

    /// Whether a revision holds the present template. The newest one in sight may be the former one
    /// while the new one is still on its way to us. One without data, as in a recording, is told by its
    /// number alone.
    fn may_be_of_template(&self, revision: &ControllerRevision) -> bool {
        let data = revision.data.as_ref().map(|data| &data.0);
        let Some(held) = data.and_then(|data| data.pointer("/spec/template")) else {
            return true;
        };
        let held = serde_json::from_value::<PodTemplateSpec>(held.clone());
        let wanted = self.workload.template();
        held.is_ok_and(|held| wanted.is_some_and(|wanted| same_template(&held, wanted)))
    }

    fn update_revision(&self) -> Option<&'a str> {
        match self.workload {
            Workload::StatefulSet(it) => it.status.as_ref()?.update_revision.as_deref(),
            Workload::Deployment(_) | Workload::DaemonSet(_) => None,
        }
    }

    /// The uids of what owns its pods.
    fn owners(&self) -> Vec<&'a str> {
        match self.workload {
            Workload::Deployment(_) => self
                .replica_sets()
                .map(|set| uid_of(&set.metadata))
                .collect(),
            Workload::StatefulSet(_) | Workload::DaemonSet(_) => {
                vec![self.workload.uid()]
            }
        }
    }

    /// Every pod of the workload, of whatever revision and in whatever state.
    fn pods(&self) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let snapshot = self.snapshot;
        let owners = self.owners().into_iter();
        owners.flat_map(|owner| snapshot.pods.of(owner))
    }

    /// Whether a pod is of the newest template.
    fn is_new(&self, pod: &Pod) -> bool {
        let label = |key: &str| pod.metadata.labels.as_ref()?.get(key).map(String::as_str);
        match self.workload {
            Workload::Deployment(_) => self
                .set
                .is_some_and(|set| owned_by(&pod.metadata, uid_of(&set.metadata))),
            Workload::StatefulSet(_) => {
                self.workload.is_observed()
                    && label(REVISION_LABEL).is_some_and(|it| Some(it) == self.update_revision())
            }
            Workload::DaemonSet(_) => {
                let hash =
                    |it: &'a ControllerRevision| it.metadata.labels.as_ref()?.get(REVISION_LABEL);
                match self.revision.and_then(hash) {
                    Some(wanted) => label(REVISION_LABEL) == Some(wanted.as_str()),
                    None => self.is_of_generation(label(GENERATION_LABEL)),
                }
            }
        }
    }

    /// Where revisions cannot be seen, the older tie tells.
    fn is_of_generation(&self, label: Option<&str>) -> bool {
        let annotations = self.workload.metadata().annotations.as_ref();
        let wanted = annotations.and_then(|all| all.get(GENERATION_ANNOTATION));
        self.workload.is_observed() && wanted.is_some_and(|it| label == Some(it.as_str()))
    }

    /// Whether the template's nodeSelector takes a node: labels change, and the counts with them.
    fn selects(&self, node: &Node) -> bool {
        let spec = self.workload.template().and_then(|it| it.spec.as_ref());
        let wanted = spec.and_then(|it| it.node_selector.as_ref());
        let labels = node.metadata.labels.as_ref();
        wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| labels.and_then(|it| it.get(key)) == Some(value))
    }

    fn view(&self, pod: &'a Pod) -> PodView<'a> {
        PodView {
            pod,
            snapshot: self.snapshot,
        }
    }

    /// The pods of the new revision that count: neither ended nor being deleted.
    #[must_use]
    pub fn new_pods(&self) -> Vec<PodView<'a>> {
        self.pods()
            .filter(|pod| self.is_new(pod) && is_active(pod))
            .map(|pod| self.view(pod))
            .collect()
    }

    /// The pods of former revisions that count.
    #[must_use]
    pub fn old_pods(&self) -> Vec<PodView<'a>> {
        self.pods()
            .filter(|pod| !self.is_new(pod) && is_active(pod))
            .map(|pod| self.view(pod))
            .collect()
    }

    /// Whether a StatefulSet's `partition` keeps this pod at a former revision.
    #[must_use]
    pub fn keeps(&self, pod: &PodView<'_>) -> bool {
        let Workload::StatefulSet(set) = self.workload else {
            return false;
        };
        let start = set.spec.as_ref().and_then(|it| it.ordinals.as_ref());
        let start = start.and_then(|it| it.start).unwrap_or_default();
        let ordinal = pod.name().rsplit_once('-');
        let ordinal = ordinal.and_then(|(_, it)| it.parse::<i32>().ok());
        ordinal.is_some_and(|it| it < start + partition(set))
    }

    /// The pods of the new revision that ended as a whole (phase `Failed` or `Succeeded`), deleted ones included: a
    /// controller replaces them, but they tell why.
    #[must_use]
    pub fn ended_pods(&self) -> Vec<PodView<'a>> {
        let owners = self.owners();
        let departed = self.snapshot.departed.values();
        let departed = departed
            .filter(|pod| controller_of(&pod.metadata).is_some_and(|it| owners.contains(&it)));
        self.pods()
            .chain(departed)
            .filter(|pod| self.is_new(pod) && has_ended(pod))
            .map(|pod| self.view(pod))
            .collect()
    }

    /// The pods that are on their way out, of whatever revision.
    #[must_use]
    pub fn terminating_pods(&self) -> Vec<PodView<'a>> {
        self.pods()
            .filter(|pod| pod.metadata.deletion_timestamp.is_some())
            .map(|pod| self.view(pod))
            .collect()
    }

    /// The uid of the former revision that serves: of a Deployment the ReplicaSet with the most ready
    /// pods, the youngest among equals; of a StatefulSet the one that it had rolled out to the end
    /// (`status.currentRevision`), else as of a DaemonSet the one with the most ready pods.
    #[must_use]
    pub fn serving_before(&self) -> Option<&'a str> {
        match self.workload {
            Workload::Deployment(_) => self.set_serving_before(),
            // Which the controller leaves as it was at first.
            Workload::StatefulSet(_) if self.workload.is_on_delete() => {
                self.revision_serving_before()
            }
            Workload::StatefulSet(it) => {
                let status = it.status.as_ref();
                let last = status.and_then(|it| it.current_revision.as_deref());
                let last = last.filter(|it| Some(*it) != self.update_revision());
                let named = last.and_then(|last| {
                    let revision = self.revisions().find(|it| name_of(&it.metadata) == last);
                    revision.map(|it| uid_of(&it.metadata))
                });
                named.or_else(|| self.revision_serving_before())
            }
            Workload::DaemonSet(_) => self.revision_serving_before(),
        }
    }

    fn set_serving_before(&self) -> Option<&'a str> {
        let new = self.set.map(|set| uid_of(&set.metadata))?;
        let ready = |set: &ReplicaSet| {
            set.status
                .as_ref()
                .and_then(|status| status.ready_replicas)
                .unwrap_or_default()
        };
        self.replica_sets()
            .filter(|set| uid_of(&set.metadata) != new && ready(set) > 0)
            .max_by_key(|set| (ready(set), created(&set.metadata)))
            .map(|set| uid_of(&set.metadata))
    }

    fn revision_serving_before(&self) -> Option<&'a str> {
        let new = uid_of(&self.revision?.metadata);
        let old = self.old_pods();
        let ready = |revision: &ControllerRevision| {
            let label = self.pod_label(revision);
            old.iter()
                .filter(|pod| pod.ready_since().is_some() && label.is_some())
                .filter(|pod| revision_label(pod.object()) == label)
                .count()
        };
        self.revisions()
            .filter(|it| uid_of(&it.metadata) != new && ready(it) > 0)
            .max_by_key(|it| (ready(it), it.revision))
            .map(|it| uid_of(&it.metadata))
    }

    /// What the pods of a revision bear: a StatefulSet's its name, a DaemonSet's its hash.
    fn pod_label(&self, revision: &'a ControllerRevision) -> Option<&'a str> {
        match self.workload {
            Workload::Deployment(_) => None,
            Workload::StatefulSet(_) => Some(name_of(&revision.metadata)),
            Workload::DaemonSet(_) => {
                let labels = revision.metadata.labels.as_ref()?;
                labels.get(REVISION_LABEL).map(String::as_str)
            }
        }
    }

    /// The object that holds the new revision: its kind, name and uid.
    #[must_use]
    pub fn new_carrier(&self) -> Option<(ResourceKind, &'a str, &'a str)> {
        let of_set = self.set.map(|it| (ResourceKind::ReplicaSet, &it.metadata));
        let of_revision = || {
            let revision = self.revision?;
            Some((ResourceKind::ControllerRevision, &revision.metadata))
        };
        let (kind, metadata) = of_set.or_else(of_revision)?;
        Some((kind, name_of(metadata), uid_of(metadata)))
    }

    /// An annotation of the object that holds the new revision.
    #[must_use]
    pub fn carrier_annotation(&self, name: &str) -> Option<&'a str> {
        let of_set = self.set.map(|it| &it.metadata);
        let metadata = of_set.or_else(|| self.revision.map(|it| &it.metadata))?;
        let annotations = metadata.annotations.as_ref()?;
        annotations.get(name).map(String::as_str)
    }

    /// The nodes for which a DaemonSet's rollout need not wait: not ready since before their new
    /// pod was made. One that went down under its new pod is not excused: the pod may be why.
    #[must_use]
    pub fn excused(&self) -> ExcusedNodes<'a> {
        let mut excused = ExcusedNodes::default();
        if !matches!(self.workload, Workload::DaemonSet(_)) {
            return excused;
        }
        let ended = self.ended_pods();
        for node in self.snapshot.nodes() {
            let Some(since) = not_ready_since(node) else {
                continue;
            };
            let name = name_of(&node.metadata);
            let on_it: Vec<&Pod> = self
                .pods()
                .filter(|pod| node_of(pod) == Some(name))
                .collect();
            let new: Vec<&&Pod> = on_it.iter().filter(|pod| self.is_new(pod)).collect();
            // One that was evicted from it meanwhile counts as well.
            let ended = ended.iter().map(PodView::object);
            let ended = ended.filter(|pod| node_of(pod) == Some(name));
            let fell_under_it = new
                .iter()
                .copied()
                .copied()
                .chain(ended)
                .any(|pod| created(&pod.metadata).is_none_or(|made| made <= since));
            if on_it.is_empty() || fell_under_it {
                continue;
            }
            excused.nodes.push(name);
            // The counts leave out a node that its pods may not be placed on any more, and what is
            // on it (`daemon_controller.go`, `updateDaemonSetStatus`).
            if !on_it.iter().all(|pod| tolerates(pod, node)) || !self.selects(node) {
                continue;
            }
            let one = |any: bool| i32::from(any);
            excused.desired += 1;
            excused.updated += one(new.iter().any(|pod| is_active(pod)));
            let ready = |pod: &&Pod| self.view(pod).ready_since().is_some();
            excused.available += one(on_it.iter().any(ready));
        }
        // Where every node is down nothing would be verified at all.
        if excused.desired < self.workload.counts().desired {
            excused
        } else {
            ExcusedNodes {
                nodes: excused.nodes,
                ..ExcusedNodes::default()
            }
        }
    }
}

fn revision_label(pod: &Pod) -> Option<&str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(REVISION_LABEL).map(String::as_str)
}
