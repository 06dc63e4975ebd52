//! All that is known at one time: observations folded into the graph workload → ReplicaSet → pod,
//! tied by the uids of `ownerReferences`, never by names.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::observation::{Blindness, Observation, ResourceKind, Seen};

mod pod;
mod trouble;

pub(crate) use pod::{BACK_OFF_MEMORY, run_of};
pub use pod::{ContainerView, PodView};
use trouble::Troubles;
pub use trouble::{Ends, Trouble};

/// The annotation in which the Deployment controller counts revisions.
pub const REVISION_ANNOTATION: &str = "deployment.kubernetes.io/revision";
/// The label that the Deployment controller adds to a ReplicaSet's pod template.
pub const TEMPLATE_HASH_LABEL: &str = "pod-template-hash";

/// How many deleted pods are remembered: three decide, and a report shows one.
const MOST_DEPARTED: usize = 32;

/// All that is known at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    workload: Option<Deployment>,
    replica_sets: BTreeMap<String, ReplicaSet>,
    pods: BTreeMap<String, Pod>,
    events: BTreeMap<String, Event>,
    troubles: Troubles,
    /// Pods that had failed as a whole when they were deleted, the first of them: StatefulSets and
    /// DaemonSets delete such pods at once, and only their number tells.
    departed: BTreeMap<String, Pod>,
    /// When a pod was last seen gone: what it took of a quota is free since.
    pod_gone_at: Option<Timestamp>,
    /// How often each container had been restarted when it was first seen.
    restarts_at_first: BTreeMap<(String, String), u32>,
    listed: BTreeSet<ResourceKind>,
    blind: BTreeMap<ResourceKind, (Timestamp, Blindness)>,
    had_workload: bool,
}

impl Snapshot {
    /// Takes one observation in.
    pub fn apply(&mut self, observation: Observation) {
        let Observation { at, seen } = observation;
        let pods = self.pods.len();
        match seen {
            Seen::Workload { object } => {
                self.blind.remove(&ResourceKind::Workload);
                self.had_workload = true;
                self.workload = Some(*object);
            }
            Seen::ReplicaSet { object } => {
                self.blind.remove(&ResourceKind::ReplicaSet);
                if let Some(uid) = object.metadata.uid.clone() {
                    self.replica_sets.insert(uid, *object);
                }
            }
            Seen::Pod { object } => {
                self.blind.remove(&ResourceKind::Pod);
                if let Some(uid) = object.metadata.uid.clone() {
                    for status in pod::statuses(&object) {
                        let restarts = u32::try_from(status.restart_count).unwrap_or_default();
                        let key = (uid.clone(), status.name.clone());
                        self.restarts_at_first.entry(key).or_insert(restarts);
                    }
                    self.troubles.observe(&object, self.pods.get(&uid), at);
                    self.pods.insert(uid, *object);
                }
            }
            Seen::Event { object } => {
                self.blind.remove(&ResourceKind::Event);
                if let Some(uid) = object.metadata.uid.clone() {
                    self.events.insert(uid, *object);
                }
            }
            Seen::Gone { resource, uid } => self.forget(resource, |known| known != uid),
            Seen::Listed { resource, uids } => {
                let uids: BTreeSet<String> = uids.into_iter().collect();
                self.blind.remove(&resource);
                self.listed.insert(resource);
                self.forget(resource, |known| uids.contains(known));
            }
            Seen::Blind { resource, why } => {
                let since = self.blind.get(&resource).map_or(at, |(since, _)| *since);
                self.blind.insert(resource, (since, why));
            }
            Seen::Tick => {}
        }
        if self.pods.len() < pods {
            self.pod_gone_at = Some(at);
        }
    }

    fn forget(&mut self, resource: ResourceKind, keep: impl Fn(&str) -> bool) {
        match resource {
            ResourceKind::Workload => {
                self.workload = self.workload.take().filter(|it| keep(uid_of(&it.metadata)));
            }
            ResourceKind::ReplicaSet => self.replica_sets.retain(|uid, _| keep(uid)),
            ResourceKind::Pod => {
                self.remember_failed(&keep);
                self.pods.retain(|uid, _| keep(uid));
                let pods = &self.pods;
                self.troubles.retain(|uid| pods.contains_key(uid));
                self.restarts_at_first
                    .retain(|(uid, _), _| pods.contains_key(uid));
            }
            ResourceKind::Event => self.events.retain(|uid, _| keep(uid)),
        }
    }

    fn remember_failed(&mut self, keep: impl Fn(&str) -> bool) {
        for (uid, pod) in &self.pods {
            if !keep(uid) && has_failed(pod) && self.departed.len() < MOST_DEPARTED {
                self.departed.insert(uid.clone(), pod.clone());
            }
        }
    }

    /// The workload, once it has been seen.
    #[must_use]
    pub const fn workload(&self) -> Option<&Deployment> {
        self.workload.as_ref()
    }

    /// Whether the workload was seen and is gone now.
    #[must_use]
    pub const fn workload_deleted(&self) -> bool {
        self.had_workload && self.workload.is_none()
    }

    /// Whether every resource has been listed once, or cannot be.
    #[must_use]
    pub fn synced(&self) -> bool {
        ResourceKind::ALL
            .iter()
            .all(|kind| self.listed.contains(kind) || self.blind.contains_key(kind))
    }

    /// Since when and why a resource cannot be seen.
    #[must_use]
    pub fn blindness(&self, resource: ResourceKind) -> Option<&(Timestamp, Blindness)> {
        self.blind.get(&resource)
    }

    /// The workload's ReplicaSets.
    pub fn replica_sets(&self) -> impl Iterator<Item = &ReplicaSet> {
        let owner = self.workload.as_ref().map(|it| uid_of(&it.metadata));
        self.replica_sets
            .values()
            .filter(move |set| owner.is_some_and(|uid| owned_by(&set.metadata, uid)))
    }

    /// The ReplicaSet of the workload's present template: equal but for the hash label
    /// (`FindNewReplicaSet`, kubernetes `deployment_util.go`); where several are equal, the one
    /// whose revision the Deployment bears.
    #[must_use]
    pub fn new_replica_set(&self) -> Option<&ReplicaSet> {
        let workload = self.workload.as_ref()?;
        let wanted = workload
            .spec
            .as_ref()
            .map(|spec| plain_template(&spec.template))?;
        let revision = revision_of(&workload.metadata);
        let equal = self
            .replica_sets()
            .filter(|set| {
                let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
                template.is_some_and(|template| plain_template(template) == wanted)
            })
            .max_by_key(|set| {
                let same_revision = revision.is_some() && revision_of(&set.metadata) == revision;
                (same_revision, std::cmp::Reverse(created(&set.metadata)))
            });
        equal.or_else(|| {
            // Two spellings of one quantity are equal to the controller and not to us; once it has
            // seen the template, the revision it wrote decides.
            let status = workload
                .status
                .as_ref()
                .and_then(|status| status.observed_generation);
            let observed = status >= workload.metadata.generation;
            let same =
                |set: &&ReplicaSet| revision.is_some() && revision_of(&set.metadata) == revision;
            self.replica_sets().find(same).filter(|_| observed)
        })
    }

    /// The uid of the former ReplicaSet with the most ready pods; the youngest among equals.
    #[must_use]
    pub fn serving_before(&self) -> Option<&str> {
        let new = self.new_replica_set().map(|set| uid_of(&set.metadata))?;
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

    /// The pods of the new revision that count: neither ended nor being deleted.
    #[must_use]
    pub fn new_pods(&self) -> Vec<PodView<'_>> {
        let Some(set) = self.new_replica_set() else {
            return Vec::new();
        };
        let uid = uid_of(&set.metadata);
        self.pods
            .values()
            .filter(|pod| owned_by(&pod.metadata, uid) && is_active(pod))
            .map(|pod| PodView {
                pod,
                snapshot: self,
            })
            .collect()
    }

    /// The pods of the new revision that ended as a whole (phase `Failed`), deleted ones included.
    #[must_use]
    pub fn new_ended_pods(&self) -> Vec<PodView<'_>> {
        let Some(set) = self.new_replica_set() else {
            return Vec::new();
        };
        let uid = uid_of(&set.metadata);
        let all = self.pods.values().chain(self.departed.values());
        all.filter(|pod| owned_by(&pod.metadata, uid) && has_failed(pod))
            .map(|pod| PodView {
                pod,
                snapshot: self,
            })
            .collect()
    }

    /// The pods of the workload that are on their way out.
    #[must_use]
    pub fn terminating_pods(&self) -> Vec<PodView<'_>> {
        let sets: BTreeSet<&str> = self
            .replica_sets()
            .map(|set| uid_of(&set.metadata))
            .collect();
        let going = |pod: &&Pod| {
            pod.metadata.deletion_timestamp.is_some()
                && controller_of(&pod.metadata).is_some_and(|uid| sets.contains(uid))
        };
        self.pods
            .values()
            .filter(going)
            .map(|pod| PodView {
                pod,
                snapshot: self,
            })
            .collect()
    }

    /// Whether a pod of the workload is on its way out.
    #[must_use]
    pub fn has_terminating_pods(&self) -> bool {
        !self.terminating_pods().is_empty()
    }

    /// When a pod of the workload was last seen gone.
    #[must_use]
    pub const fn pod_gone_at(&self) -> Option<Timestamp> {
        self.pod_gone_at
    }

    /// The events about an object.
    pub fn events_about<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events
            .values()
            .filter(move |event| event.involved_object.uid.as_deref() == Some(uid))
    }
}

/// Whether a pod still counts for its ReplicaSet (`FilterActivePods`, `controller_utils.go`).
fn is_active(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Failed" | "Succeeded"))
}

fn has_failed(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.and_then(|status| status.phase.as_deref()) == Some("Failed")
}

/// A template without the label that the Deployment controller adds to it.
fn plain_template(template: &PodTemplateSpec) -> PodTemplateSpec {
    let mut template = template.clone();
    if let Some(metadata) = &mut template.metadata {
        if let Some(labels) = &mut metadata.labels {
            labels.remove(TEMPLATE_HASH_LABEL);
            if labels.is_empty() {
                metadata.labels = None;
            }
        }
        // A real API server sends `creationTimestamp: null` in some versions and not in others.
        metadata.creation_timestamp = None;
    }
    template
}

/// Whether two templates are the same to the Deployment controller.
#[must_use]
pub fn same_template(one: &PodTemplateSpec, other: &PodTemplateSpec) -> bool {
    plain_template(one) == plain_template(other)
}

pub(crate) fn uid_of(metadata: &ObjectMeta) -> &str {
    metadata.uid.as_deref().unwrap_or_default()
}

pub(crate) fn name_of(metadata: &ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or_default()
}

pub(crate) fn created(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.creation_timestamp.as_ref().map(|time| time.0)
}

pub(crate) fn revision_of(metadata: &ObjectMeta) -> Option<u64> {
    metadata
        .annotations
        .as_ref()?
        .get(REVISION_ANNOTATION)?
        .parse()
        .ok()
}

fn controller_of(metadata: &ObjectMeta) -> Option<&str> {
    let owners = metadata.owner_references.as_ref()?;
    owners
        .iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.uid.as_str())
}

fn owned_by(metadata: &ObjectMeta, uid: &str) -> bool {
    controller_of(metadata) == Some(uid)
}

/// When an event happened last: events of the two API styles keep it in different fields.
#[must_use]
pub fn event_time(event: &Event) -> Option<Timestamp> {
    let series = event
        .series
        .as_ref()
        .and_then(|it| it.last_observed_time.as_ref())
        .map(|it| it.0);
    let last = event.last_timestamp.as_ref().map(|it| it.0);
    let once = event.event_time.as_ref().map(|it| it.0);
    [series, last, once, created(&event.metadata)]
        .into_iter()
        .flatten()
        .max()
}

/// When an event happened first.
#[must_use]
pub fn event_start(event: &Event) -> Option<Timestamp> {
    let first = event.first_timestamp.as_ref().map(|it| it.0);
    let once = event.event_time.as_ref().map(|it| it.0);
    [first, once, created(&event.metadata)]
        .into_iter()
        .flatten()
        .min()
}

/// How often an event happened.
#[must_use]
pub fn event_count(event: &Event) -> u32 {
    let series = event.series.as_ref().and_then(|it| it.count);
    let count = event.count.into_iter().chain(series).max().unwrap_or(1);
    u32::try_from(count).unwrap_or(1).max(1)
}
