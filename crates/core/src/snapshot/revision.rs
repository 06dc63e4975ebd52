//! One revision of a workload: the object that holds its template, and the pods made from it.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize as _;

use super::{
    REVISION_LABEL, Snapshot, created, is_active, is_ready, name_of, revision_of, same_template,
    uid_of,
};
use crate::observation::ResourceKind;
use crate::workload::{Revision, Workload};

/// The object that holds the pod template of a revision.
#[derive(Debug, Clone, Copy)]
pub(super) enum RevisionObject<'a> {
    /// Of a Deployment.
    ReplicaSet(&'a ReplicaSet),
    /// Of a StatefulSet or a DaemonSet.
    ControllerRevision(&'a ControllerRevision),
}

/// How a revision serves. The greatest of several has the most available pods; among equals it is the
/// youngest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serving {
    available: u64,
    age: Age,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Created(Option<Timestamp>),
    Number(Option<Revision>),
}

/// One revision of a workload.
#[derive(Debug, Clone, Copy)]
pub struct RevisionView<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) workload: &'a Workload,
    pub(super) object: RevisionObject<'a>,
}

impl<'a> RevisionView<'a> {
    /// The kind of the revision object.
    #[must_use]
    pub const fn resource(&self) -> ResourceKind {
        match self.object {
            RevisionObject::ReplicaSet(_) => ResourceKind::ReplicaSet,
            RevisionObject::ControllerRevision(_) => ResourceKind::ControllerRevision,
        }
    }

    /// The ReplicaSet of a Deployment's revision.
    #[must_use]
    pub const fn replica_set(&self) -> Option<&'a ReplicaSet> {
        match self.object {
            RevisionObject::ReplicaSet(it) => Some(it),
            RevisionObject::ControllerRevision(_) => None,
        }
    }

    /// The ControllerRevision of a StatefulSet's or a DaemonSet's revision.
    #[must_use]
    pub const fn controller_revision(&self) -> Option<&'a ControllerRevision> {
        match self.object {
            RevisionObject::ControllerRevision(it) => Some(it),
            RevisionObject::ReplicaSet(_) => None,
        }
    }

    const fn metadata(&self) -> &'a ObjectMeta {
        match self.object {
            RevisionObject::ReplicaSet(it) => &it.metadata,
            RevisionObject::ControllerRevision(it) => &it.metadata,
        }
    }

    /// The uid of the revision object.
    #[must_use]
    pub fn uid(&self) -> &'a str {
        uid_of(self.metadata())
    }

    /// The name of the revision object.
    #[must_use]
    pub fn name(&self) -> &'a str {
        name_of(self.metadata())
    }

    /// The number that `kubectl rollout history` shows; it rises when the revision is used again.
    #[must_use]
    pub fn number(&self) -> Option<Revision> {
        match self.object {
            RevisionObject::ReplicaSet(it) => revision_of(&it.metadata),
            RevisionObject::ControllerRevision(it) => u64::try_from(it.revision).ok(),
        }
        .map(Revision)
    }

    /// When the revision object was created.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        created(self.metadata())
    }

    /// An annotation of the revision object.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&'a str> {
        let annotations = self.metadata().annotations.as_ref()?;
        annotations.get(name).map(String::as_str)
    }

    /// Returns whether it holds this template, as far as the fields go that this build knows. `None`
    /// where it holds none, as a ControllerRevision in a recording.
    pub(crate) fn holds(&self, template: &PodTemplateSpec) -> Option<bool> {
        match self.object {
            RevisionObject::ReplicaSet(it) => {
                let held = it.spec.as_ref()?.template.as_ref()?;
                Some(same_template(held, template))
            }
            RevisionObject::ControllerRevision(it) => {
                let held = it.data.as_ref()?.0.pointer("/spec/template")?;
                let held = PodTemplateSpec::deserialize(held);
                Some(held.is_ok_and(|held| same_template(&held, template)))
            }
        }
    }

    /// Returns the template that it holds, as far as the fields go that this build knows.
    #[must_use]
    pub fn template(&self) -> Option<Cow<'a, PodTemplateSpec>> {
        match self.object {
            RevisionObject::ReplicaSet(it) => {
                let held = it.spec.as_ref()?.template.as_ref()?;
                Some(Cow::Borrowed(held))
            }
            RevisionObject::ControllerRevision(it) => {
                let held = it.data.as_ref()?.0.pointer("/spec/template")?;
                PodTemplateSpec::deserialize(held).ok().map(Cow::Owned)
            }
        }
    }

    /// The label value of its pods: a StatefulSet writes the name of the revision there, a DaemonSet
    /// its hash. The pods of a Deployment are found by their owner.
    pub(super) fn pod_label(&self) -> Option<&'a str> {
        match self.workload {
            Workload::Deployment(_) | Workload::Job(_) => None,
            Workload::StatefulSet(_) => Some(self.name()),
            Workload::DaemonSet(_) => {
                let labels = self.metadata().labels.as_ref()?;
                labels.get(REVISION_LABEL).map(String::as_str)
            }
        }
    }

    /// Its pods, in whatever state. A pod that only carries the label, and that the workload does not
    /// control, is none of them.
    pub fn pods(&self) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let label = self.pod_label();
        let (owner, by_label) = match self.object {
            RevisionObject::ReplicaSet(_) => (self.uid(), false),
            RevisionObject::ControllerRevision(_) => (self.workload.uid(), true),
        };
        let pods = self.snapshot.pods.of(owner);
        pods.filter(move |pod| !by_label || (label.is_some() && revision_label(pod) == label))
    }

    /// How many of its pods are available. A StatefulSet and a DaemonSet do not count the pods of one
    /// revision: of those the ready ones are counted.
    #[must_use]
    pub fn available(&self) -> u64 {
        let status = match self.object {
            RevisionObject::ReplicaSet(it) => it.status.as_ref(),
            RevisionObject::ControllerRevision(_) => return self.ready_pods(),
        };
        count(status.and_then(|it| it.available_replicas))
    }

    /// How it serves; `None` if none of its pods is available. A pod that is ready for a moment between two
    /// crashes is no reason to call its revision a working one.
    #[must_use]
    pub fn serving(&self) -> Option<Serving> {
        let age = match self.object {
            // The number of a ReplicaSet rises when it is used again.
            RevisionObject::ReplicaSet(_) => Age::Created(self.created()),
            RevisionObject::ControllerRevision(_) => Age::Number(self.number()),
        };
        let available = self.available();
        (available > 0).then_some(Serving { available, age })
    }

    fn ready_pods(&self) -> u64 {
        let ready = self.pods().filter(|pod| is_ready(pod) && is_active(pod));
        u64::try_from(ready.count()).unwrap_or_default()
    }
}

fn count(counted: Option<i32>) -> u64 {
    counted
        .and_then(|it| u64::try_from(it).ok())
        .unwrap_or_default()
}

pub(super) fn revision_label(pod: &Pod) -> Option<&str> {
    let labels = pod.metadata.labels.as_ref()?;
    labels.get(REVISION_LABEL).map(String::as_str)
}
