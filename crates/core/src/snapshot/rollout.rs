//! One workload with what belongs to it: its revisions, the pods of the newest one, the others.

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;

use super::revision::{RevisionObject, revision_label};
use super::{
    PodView, RevisionView, Snapshot, controller_of, has_ended, is_active, name_of, owned_by,
    revision_of, uid_of,
};
use crate::workload::{Revision, Workload, first_updated_ordinal, ordinal};

/// The older tie between a DaemonSet and its pods, which every version still writes
/// (`daemon/util/daemonset_util.go`, `IsPodUpdated`).
const GENERATION_LABEL: &str = "pod-template-generation";
const GENERATION_ANNOTATION: &str = "deprecated.daemonset.template.generation";

/// A workload with what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Rollout<'a> {
    snapshot: &'a Snapshot,
    workload: &'a Workload,
    newest: Option<RevisionView<'a>>,
}

impl<'a> Rollout<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, workload: &'a Workload) -> Self {
        let mut rollout = Self {
            snapshot,
            workload,
            newest: None,
        };
        rollout.newest = rollout.find_newest();
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

    /// The revision that its controller rolls out, once the controller has created it and, but for
    /// a Deployment, has read the newest spec.
    #[must_use]
    pub const fn newest(&self) -> Option<RevisionView<'a>> {
        self.newest
    }

    /// The ReplicaSet of a Deployment's newest revision.
    #[must_use]
    pub fn new_replica_set(&self) -> Option<&'a ReplicaSet> {
        self.newest?.replica_set()
    }

    /// The ControllerRevision of a StatefulSet's or DaemonSet's newest revision.
    #[must_use]
    pub fn new_revision(&self) -> Option<&'a ControllerRevision> {
        self.newest?.controller_revision()
    }

    /// The number by which people name the newest revision.
    #[must_use]
    pub fn number(&self) -> Option<Revision> {
        self.newest?.number()
    }

    /// The uid of the newest revision object.
    #[must_use]
    pub fn new_uid(&self) -> Option<&'a str> {
        self.newest.map(|it| it.uid())
    }

    /// A Deployment's ReplicaSets.
    pub fn replica_sets(&self) -> impl Iterator<Item = &'a ReplicaSet> + use<'a> {
        self.snapshot.replica_sets.of(self.workload.uid())
    }

    /// All revisions, in no particular order.
    pub fn revisions(&self) -> impl Iterator<Item = RevisionView<'a>> + use<'a> {
        let Self {
            snapshot, workload, ..
        } = *self;
        let (sets, revisions) = match workload {
            Workload::Deployment(_) => (Some(self.replica_sets()), None),
            Workload::StatefulSet(_) | Workload::DaemonSet(_) => {
                (None, Some(snapshot.revisions.of(workload.uid())))
            }
            Workload::Job(_) => (None, None),
        };
        let sets = sets.into_iter().flatten().map(RevisionObject::ReplicaSet);
        let revisions = revisions.into_iter().flatten();
        let objects = sets.chain(revisions.map(RevisionObject::ControllerRevision));
        objects.map(move |object| RevisionView {
            snapshot,
            workload,
            object,
        })
    }

    /// The revision with this uid.
    #[must_use]
    pub fn revision(&self, uid: &str) -> Option<RevisionView<'a>> {
        self.revisions().find(|it| it.uid() == uid)
    }

    /// The revision with the highest number below that of the newest.
    #[must_use]
    pub fn previous(&self) -> Option<RevisionView<'a>> {
        let newest = self.number()?;
        let former = self.revisions().filter(|it| it.number() < Some(newest));
        former.max_by_key(RevisionView::number)
    }

    fn find_newest(&self) -> Option<RevisionView<'a>> {
        let template = self.workload.template();
        match self.workload {
            Workload::Deployment(_) => {
                let template = template?;
                self.of_template(|it| it.holds(template) == Some(true))
            }
            // Before it has read the newest spec, it still names the former one.
            Workload::StatefulSet(_) => self.named(),
            Workload::DaemonSet(_) if !self.workload.is_observed() => None,
            // The newest one in sight may be the former one while the new one is still on its way to
            // us. A recording leaves the template out: there the number alone decides.
            Workload::DaemonSet(_) => self
                .revisions()
                .filter(|it| template.is_some_and(|wanted| it.holds(wanted) != Some(false)))
                .max_by_key(RevisionView::number),
            Workload::Job(_) => None,
        }
    }

    /// The revision of the template that is in the spec now, whether or not its controller has read
    /// that spec; `None` while there is no such revision.
    ///
    /// The caller says which revisions hold the template. A rollback compares the raw JSON: the typed
    /// structs lose the fields that this build does not know, and a template that differs only there
    /// is another one. A watch keeps typed objects, and compares those.
    pub(crate) fn of_template(
        &self,
        holds: impl Fn(&RevisionView<'a>) -> bool,
    ) -> Option<RevisionView<'a>> {
        let equal = self.revisions().filter(holds);
        let equal = match self.workload {
            // Of several the controller uses the oldest (`deployment_util.go`, `FindNewReplicaSet`),
            // and gives it the Deployment's number.
            Workload::Deployment(_) => {
                let number = self.annotated_revision();
                equal.max_by_key(|it| {
                    let same = number.is_some() && it.number() == number;
                    (same, std::cmp::Reverse(it.created()))
                })
            }
            Workload::StatefulSet(_) | Workload::DaemonSet(_) | Workload::Job(_) => {
                equal.max_by_key(RevisionView::number)
            }
        };
        // Two spellings of one quantity are equal to the controller and not to us; once it has read
        // the template, what it wrote decides.
        equal.or_else(|| self.named())
    }

    /// Returns whether a revision object holds the template that is in the spec now; one whose
    /// template is not known may.
    #[must_use]
    pub fn holds_template(&self) -> bool {
        let template = self.workload.template();
        template.is_none_or(|template| self.revisions().any(|it| it.holds(template) != Some(false)))
    }

    /// Returns the revision that the controller names as the newest, once it has read the newest spec.
    ///
    /// A Deployment's annotation holds its number, a StatefulSet's status its name, and a DaemonSet's
    /// newest revision has the highest number (`daemon/update.go`, `constructHistory`).
    fn named(&self) -> Option<RevisionView<'a>> {
        if !self.workload.is_observed() {
            return None;
        }
        match self.workload {
            // A paused Deployment observes a new template without making its ReplicaSet.
            Workload::Deployment(_) if self.workload.is_paused() => None,
            Workload::Deployment(_) => {
                let number = self.annotated_revision()?;
                self.revisions().find(|it| it.number() == Some(number))
            }
            Workload::StatefulSet(_) => {
                let name = self.update_revision()?;
                self.revisions().find(|it| it.name() == name)
            }
            Workload::DaemonSet(_) | Workload::Job(_) => {
                self.revisions().max_by_key(RevisionView::number)
            }
        }
    }

    /// Returns the number in the Deployment's own annotation.
    fn annotated_revision(&self) -> Option<Revision> {
        revision_of(self.workload.metadata()).map(Revision)
    }

    /// The revision that a StatefulSet had rolled out to the end before the newest one
    /// (`status.currentRevision`, set in `completeRollingUpdate`); `None` when they are the same, and
    /// with `OnDelete`, where the controller leaves it as it was at first.
    #[must_use]
    pub fn last_complete(&self) -> Option<RevisionView<'a>> {
        let Workload::StatefulSet(set) = self.workload else {
            return None;
        };
        if self.workload.is_on_delete() {
            return None;
        }
        let name = set.status.as_ref()?.current_revision.as_deref()?;
        self.revisions()
            .find(|it| it.name() == name && Some(name) != self.update_revision())
    }

    fn update_revision(&self) -> Option<&'a str> {
        match self.workload {
            Workload::StatefulSet(it) => it.status.as_ref()?.update_revision.as_deref(),
            Workload::Deployment(_) | Workload::DaemonSet(_) | Workload::Job(_) => None,
        }
    }

    /// The uids of what owns its pods.
    fn owners(&self) -> Vec<&'a str> {
        match self.workload {
            Workload::Deployment(_) => self
                .replica_sets()
                .map(|set| uid_of(&set.metadata))
                .collect(),
            Workload::StatefulSet(_) | Workload::DaemonSet(_) | Workload::Job(_) => {
                vec![self.workload.uid()]
            }
        }
    }

    /// Every pod of the workload, of whatever revision and in whatever state.
    pub(super) fn pods(&self) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let snapshot = self.snapshot;
        let owners = self.owners().into_iter();
        owners.flat_map(|owner| snapshot.pods.of(owner))
    }

    /// How many pods the workload has, of whatever revision and in whatever state.
    #[must_use]
    pub fn count_pods(&self) -> usize {
        self.pods().count()
    }

    /// Returns whether a pod is of the newest template.
    pub(super) fn is_new(&self, pod: &Pod) -> bool {
        let label = |key: &str| pod.metadata.labels.as_ref()?.get(key).map(String::as_str);
        match self.workload {
            Workload::Deployment(_) => self
                .newest
                .is_some_and(|it| owned_by(&pod.metadata, it.uid())),
            Workload::StatefulSet(_) => {
                self.workload.is_observed()
                    && revision_label(pod).is_some_and(|it| Some(it) == self.update_revision())
            }
            Workload::DaemonSet(_) => match self.newest.and_then(|it| it.pod_label()) {
                Some(wanted) => revision_label(pod) == Some(wanted),
                None => self.is_of_generation(label(GENERATION_LABEL)),
            },
            // It has no former template.
            Workload::Job(_) => true,
        }
    }

    /// Where revisions cannot be seen, the older tie tells.
    fn is_of_generation(&self, label: Option<&str>) -> bool {
        let annotations = self.workload.metadata().annotations.as_ref();
        let wanted = annotations.and_then(|all| all.get(GENERATION_ANNOTATION));
        self.workload.is_observed() && wanted.is_some_and(|it| label == Some(it.as_str()))
    }

    pub(super) fn view(&self, pod: &'a Pod) -> PodView<'a> {
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

    /// Returns whether a StatefulSet's `partition` keeps this pod at a former revision.
    #[must_use]
    pub fn keeps(&self, pod: &PodView<'_>) -> bool {
        let Workload::StatefulSet(set) = self.workload else {
            return false;
        };
        let ordinal = ordinal(name_of(&set.metadata), pod.name());
        ordinal.is_some_and(|it| it < first_updated_ordinal(set))
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

    /// The former revision that serves: of a StatefulSet the one that it had rolled out to the end
    /// (`status.currentRevision`), else the greatest by [`Serving`](super::Serving).
    #[must_use]
    pub fn serving_before(&self) -> Option<RevisionView<'a>> {
        self.last_complete().or_else(|| {
            // While the new one is refused, every revision is a former one.
            let newest = self.new_uid();
            let former = self.revisions().filter(|it| Some(it.uid()) != newest);
            let serving = former.filter_map(|it| Some((it.serving()?, it)));
            serving
                .max_by_key(|(serving, _)| *serving)
                .map(|(_, it)| it)
        })
    }
}
