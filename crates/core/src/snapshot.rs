//! Folds observations into the graph workload → revision → pod, linked by the uids of
//! `ownerReferences`, never by names.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Node, Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::finding::{Lookup, Promise};
use crate::observation::{Blindness, Observation, ResourceKind, Seen};
use crate::traffic::NetworkObjects;
use crate::workload::{TEMPLATE_HASH_LABEL, Workload, WorkloadRef};

mod container_status;
mod deletion;
mod events;
mod excused;
mod http_answers;
mod images;
mod node;
mod pod;
mod revision;
mod rollout;
mod start;
mod start_failures;
mod store;
mod touched;

pub use excused::ExcusedNodes;
pub use http_answers::Answers;
pub(crate) use images::{images_of, running};
pub(crate) use node::{not_ready_since, tolerates};
pub(crate) use pod::is_ready;
pub use revision::{RevisionView, Serving};
pub use rollout::Rollout;

pub(crate) use container_status::{BACK_OFF_MEMORY, run_of, status as container_status};
use events::Events;
use pod::claims_of;
pub use pod::{ContainerView, PodView};
pub(crate) use start::DEFAULT_SCHEDULER;
use start_failures::StartFailures;
pub use start_failures::{StartFailure, StartFailureFamily, Terminations};
use store::{Store, remove_of};
pub use touched::Touched;

/// The annotation in which the Deployment controller counts revisions.
pub const REVISION_ANNOTATION: &str = "deployment.kubernetes.io/revision";
/// The label that ties a pod to a ControllerRevision (`apps/v1`, `ControllerRevisionHashLabelKey`).
pub(crate) const REVISION_LABEL: &str = "controller-revision-hash";

/// The most deleted pods that are kept: three decide, and a report shows one.
const MOST_DEPARTED: usize = 32;

/// The state of all observed workloads of the session's namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    workloads: BTreeMap<WorkloadRef, Workload>,
    /// The workloads by their uids.
    uids: BTreeMap<String, WorkloadRef>,
    replica_sets: Store<ReplicaSet>,
    revisions: Store<ControllerRevision>,
    pods: Store<Pod>,
    nodes: Store<Node>,
    events: Events,
    /// The uids of the pods that use a claim, by the claim's name.
    claims: BTreeMap<String, BTreeSet<String>>,
    /// The uids of the pods that are being deleted.
    terminating: BTreeSet<String>,
    answers: BTreeMap<(String, usize), Answers>,
    start_failures: StartFailures,
    /// The first pods that had failed as a whole when they were deleted: StatefulSets and
    /// DaemonSets delete such pods at once, so that only their number shows the cause.
    departed: BTreeMap<String, Pod>,
    /// When a pod was last seen deleted, which freed its share of a quota.
    pod_gone_at: Option<Timestamp>,
    /// What was looked up: the newest answer, and when something was last found.
    looked_up: BTreeMap<Lookup, LookedUp>,
    /// What stands between users and the pods, and when that was read.
    traffic: Option<(Timestamp, Box<NetworkObjects>)>,
    /// How often each container had been restarted when it was first seen.
    restarts_at_first: BTreeMap<(String, String), u32>,
    /// When each pod last changed while it was not ready, by rollguard's clock.
    unready_at: BTreeMap<String, Timestamp>,
    listed: BTreeSet<ResourceKind>,
    blind: BTreeMap<ResourceKind, (Timestamp, Blindness)>,
    had: BTreeSet<WorkloadRef>,
}

/// The answers to a lookup.
#[derive(Debug, Clone, Default, PartialEq)]
struct LookedUp {
    promises: Vec<Promise>,
    /// When one that was read was last found.
    found_at: Option<Timestamp>,
}

impl Snapshot {
    /// Applies an observation, and returns which workloads it concerns.
    pub fn apply(&mut self, observation: Observation) -> Touched {
        let touched = self.touched(&observation.seen);
        let blind = self.blind.len();
        self.take(observation);
        // What was out of sight is seen again.
        if self.blind.len() == blind {
            touched
        } else {
            Touched::all()
        }
    }

    fn take(&mut self, observation: Observation) {
        let Observation { at, seen } = observation;
        let pods = self.pods.len();
        match seen {
            Seen::Workload { object } => {
                let reference = object.reference();
                self.had.insert(reference.clone());
                self.uids.insert(object.uid().to_owned(), reference.clone());
                self.workloads.insert(reference, object);
            }
            Seen::ReplicaSet { object } => {
                self.replica_sets.insert(object);
            }
            Seen::ControllerRevision { object } => {
                self.revisions.insert(object);
            }
            Seen::Pod { object } => {
                self.take_pod(object, at);
            }
            Seen::Node { object } => {
                self.nodes.insert(object);
            }
            Seen::Event { object } => {
                self.events.insert(object);
            }
            // What hides the objects may be what answers in the pod's place.
            Seen::Answered { .. } if self.is_out_of_sight() => {}
            Seen::Answered { pod, check, answer } => {
                self.blind.remove(&ResourceKind::PodProxy);
                let ready = self.pods.get(&pod).and_then(pod::ready_since);
                self.answers
                    .entry((pod, check))
                    .or_default()
                    .take(answer, at, ready);
            }
            Seen::Gone { resource, uid } => self.forget_one(resource, &uid),
            Seen::Listed { resource, uids } => {
                let uids: BTreeSet<String> = uids.into_iter().collect();
                // Not with its first object: until then the others are as they were before, or missing.
                self.blind.remove(&resource);
                self.listed.insert(resource);
                self.forget(resource, |known| uids.contains(known));
            }
            Seen::Blind { resource, why } => {
                let since = self.blind.get(&resource).map_or(at, |(since, _)| *since);
                // Events only explain: without them the view is narrower, and old ones would mislead.
                let narrowed =
                    matches!(why, Blindness::Forbidden { .. }) || resource == ResourceKind::Event;
                self.blind.insert(resource, (since, why));
                if self.is_out_of_sight() {
                    self.answers.values_mut().for_each(Answers::restart);
                }
                if narrowed && !resource.is_workload() {
                    // No later observation will correct it, so that the last state is dropped.
                    self.forget(resource, |_| false);
                    return;
                }
            }
            Seen::LookedUp { lookup, promises } => {
                let known = self.looked_up.entry(lookup).or_default();
                if promises.iter().any(|it| it.read) {
                    known.found_at = Some(at);
                }
                known.promises = promises;
            }
            Seen::Traffic { objects } => self.traffic = Some((at, objects)),
            Seen::Reread(_) | Seen::Tick => {}
        }
        if self.pods.len() < pods {
            self.pod_gone_at = Some(at);
        }
    }

    fn take_pod(&mut self, pod: Box<Pod>, at: Timestamp) {
        let Some(uid) = pod.metadata.uid.clone() else {
            return;
        };
        for status in container_status::statuses(&pod) {
            let restarts = u32::try_from(status.restart_count).unwrap_or_default();
            let key = (uid.clone(), status.name.clone());
            self.restarts_at_first.entry(key).or_insert(restarts);
        }
        self.start_failures.observe(&pod, self.pods.get(&uid), at);
        // A repeated observation is not a change.
        let known = self.pods.get(&uid);
        let news = known != Some(&*pod);
        if known.is_none() {
            for claim in claims_of(&pod) {
                self.claims.entry(claim).or_default().insert(uid.clone());
            }
        }
        if pod.metadata.deletion_timestamp.is_some() {
            self.terminating.insert(uid.clone());
        }
        if news && pod::ready_since(&pod).is_none() {
            self.unready_at.insert(uid, at);
        }
        self.pods.insert(pod);
    }

    /// Forgets the objects whose uid is not to be kept.
    fn forget(&mut self, resource: ResourceKind, keep: impl Fn(&str) -> bool) {
        let known: Box<dyn Iterator<Item = &String> + '_> = match resource {
            ResourceKind::Deployment
            | ResourceKind::StatefulSet
            | ResourceKind::DaemonSet
            | ResourceKind::Job => {
                let of_kind = |it: &WorkloadRef| ResourceKind::of(it.kind) == resource;
                Box::new(
                    self.uids
                        .iter()
                        .filter(move |it| of_kind(it.1))
                        .map(|it| it.0),
                )
            }
            ResourceKind::ReplicaSet => Box::new(self.replica_sets.uids()),
            ResourceKind::ControllerRevision => Box::new(self.revisions.uids()),
            ResourceKind::Pod => Box::new(self.pods.uids()),
            ResourceKind::Node => Box::new(self.nodes.uids()),
            ResourceKind::Event => Box::new(self.events.uids()),
            ResourceKind::PodProxy => return,
        };
        let gone: Vec<String> = known.filter(|uid| !keep(uid)).cloned().collect();
        for uid in gone {
            self.forget_one(resource, &uid);
        }
    }

    fn forget_one(&mut self, resource: ResourceKind, uid: &str) {
        match resource {
            ResourceKind::Deployment
            | ResourceKind::StatefulSet
            | ResourceKind::DaemonSet
            | ResourceKind::Job => {
                if let Some(workload) = self.uids.remove(uid)
                    && self
                        .workloads
                        .get(&workload)
                        .is_some_and(|it| it.uid() == uid)
                {
                    self.workloads.remove(&workload);
                }
            }
            ResourceKind::ReplicaSet => {
                self.replica_sets.remove(uid);
            }
            ResourceKind::ControllerRevision => {
                self.revisions.remove(uid);
            }
            ResourceKind::Pod => {
                if let Some(pod) = self.pods.remove(uid) {
                    self.leave(uid, pod);
                }
            }
            ResourceKind::Event => self.events.remove(uid),
            ResourceKind::Node => {
                self.nodes.remove(uid);
            }
            ResourceKind::PodProxy => {}
        }
    }

    /// Forgets what was remembered of a pod that is gone.
    fn leave(&mut self, uid: &str, pod: Box<Pod>) {
        for claim in claims_of(&pod) {
            if let Some(pods) = self.claims.get_mut(&claim) {
                pods.remove(uid);
                if pods.is_empty() {
                    self.claims.remove(&claim);
                }
            }
        }
        if has_ended(&pod) && self.departed.len() < MOST_DEPARTED {
            self.departed.insert(uid.to_owned(), *pod);
        }
        self.terminating.remove(uid);
        self.start_failures.forget(uid);
        remove_of(&mut self.restarts_at_first, uid);
        remove_of(&mut self.answers, uid);
        self.unready_at.remove(uid);
    }

    /// The same objects, as if all of them had lasted the first time at this time: what a
    /// snapshot remembers of pods goes by our own clock.
    pub(crate) fn seen_at(&self, at: Timestamp) -> Self {
        self.seen_since(|_| at)
    }

    /// The same, as if each pod had been as it is since a time of its own.
    pub(crate) fn seen_since(&self, at: impl Fn(&Pod) -> Timestamp) -> Self {
        let mut seen = Self {
            workloads: self.workloads.clone(),
            uids: self.uids.clone(),
            replica_sets: self.replica_sets.clone(),
            revisions: self.revisions.clone(),
            nodes: self.nodes.clone(),
            events: self.events.clone(),
            listed: self.listed.clone(),
            blind: self.blind.clone(),
            had: self.had.clone(),
            ..Self::default()
        };
        for pod in self.pods() {
            seen.take_pod(Box::new(pod.clone()), at(pod));
        }
        seen
    }

    /// A workload, once it has been seen.
    #[must_use]
    pub fn workload(&self, reference: &WorkloadRef) -> Option<&Workload> {
        self.workloads.get(reference)
    }

    /// A workload with what belongs to it, once it has been seen.
    #[must_use]
    pub fn rollout(&self, reference: &WorkloadRef) -> Option<Rollout<'_>> {
        self.workload(reference)
            .map(|workload| Rollout::of(self, workload))
    }

    /// Returns whether a workload was seen and is gone now.
    #[must_use]
    pub fn is_deleted(&self, reference: &WorkloadRef) -> bool {
        self.had.contains(reference) && !self.workloads.contains_key(reference)
    }

    /// Returns whether every one of some resources has been listed once, or cannot be.
    #[must_use]
    pub fn synced(&self, needed: &[ResourceKind]) -> bool {
        needed
            .iter()
            .all(|kind| self.listed.contains(kind) || self.blind.contains_key(kind))
    }

    /// Since when and why a resource cannot be seen.
    #[must_use]
    pub fn blindness(&self, resource: ResourceKind) -> Option<&(Timestamp, Blindness)> {
        self.blind.get(&resource)
    }

    /// Returns whether the connection to objects is lost. Events only explain, and what keeps pods from
    /// being asked hides no object.
    #[must_use]
    pub fn is_out_of_sight(&self) -> bool {
        self.blind.iter().any(|(resource, (_, why))| {
            !matches!(resource, ResourceKind::Event | ResourceKind::PodProxy)
                && !matches!(why, Blindness::Forbidden { .. })
        })
    }

    /// Every resource that cannot be seen, since when and why.
    pub fn blind_spots(&self) -> impl Iterator<Item = (ResourceKind, &(Timestamp, Blindness))> {
        self.blind.iter().map(|(resource, why)| (*resource, why))
    }

    /// When a pod was last seen gone.
    #[must_use]
    pub const fn pod_gone_at(&self) -> Option<Timestamp> {
        self.pod_gone_at
    }

    /// Returns whether any pod of the namespace terminates: a quota counts the pods of all
    /// workloads.
    #[must_use]
    pub fn frees_room(&self) -> bool {
        !self.terminating.is_empty()
    }

    /// Returns what may heal a cause, by the newest answer to a lookup.
    #[must_use]
    pub fn promises(&self, lookup: &Lookup) -> &[Promise] {
        let known = self.looked_up.get(lookup);
        known.map_or(&[], |it| it.promises.as_slice())
    }

    /// Returns whether the newest answer to a lookup says that there is nothing.
    #[must_use]
    pub fn found_nothing(&self, lookup: &Lookup) -> bool {
        let known = self.looked_up.get(lookup);
        known.is_some_and(|it| it.promises.is_empty())
    }

    /// Returns what stands between users and the pods, and when that was read last.
    #[must_use]
    pub fn traffic(&self) -> Option<(Timestamp, &NetworkObjects)> {
        self.traffic.as_ref().map(|(at, objects)| (*at, &**objects))
    }

    /// When a lookup last found something that may heal a cause.
    #[must_use]
    pub fn promised_at(&self, lookup: &Lookup) -> Option<Timestamp> {
        self.looked_up.get(lookup)?.found_at
    }

    /// The events about an object.
    pub fn events_about<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Event> + use<'a> {
        self.events.of(uid)
    }

    /// The uids of the pods that use a claim of this name.
    fn pods_of_claim(&self, claim: &str) -> impl Iterator<Item = &String> {
        self.claims.get(claim).into_iter().flatten()
    }

    /// The pods that were seen, of whatever workload.
    pub(crate) fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().map(|(_, pod)| pod)
    }

    /// A pod by its uid, as it is now.
    #[must_use]
    pub fn pod(&self, uid: &str) -> Option<&Pod> {
        self.pods.get(uid)
    }

    /// Returns what a pod answered to one of the session's HTTP checks.
    #[must_use]
    pub fn answers(&self, pod: &str, check: usize) -> Option<&Answers> {
        self.answers.get(&(pod.to_owned(), check))
    }

    /// The nodes that were seen.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|(_, node)| node)
    }
}

/// Returns whether a pod still counts for its ReplicaSet (`FilterActivePods`, `controller_utils.go`).
pub(crate) fn is_active(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !has_ended(pod)
}

/// Returns whether a pod has failed or succeeded as a whole, which no pod of a workload should.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

/// Returns whether two templates are equal to the Deployment controller: except for the label that
/// it adds, and for `creationTimestamp: null`, which some versions of the API server send.
#[must_use]
pub fn same_template(one: &PodTemplateSpec, other: &PodTemplateSpec) -> bool {
    let plain = |template: &PodTemplateSpec| {
        let mut metadata = template.metadata.clone()?;
        if let Some(labels) = &mut metadata.labels {
            labels.remove(TEMPLATE_HASH_LABEL);
            if labels.is_empty() {
                metadata.labels = None;
            }
        }
        metadata.creation_timestamp = None;
        Some(metadata)
    };
    // The specs are long and seldom differ, so that they are not copied.
    one.spec == other.spec && plain(one) == plain(other)
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

pub(crate) fn owned_by(metadata: &ObjectMeta, uid: &str) -> bool {
    controller_of(metadata) == Some(uid)
}

/// Returns when an event last occurred: the two event APIs keep it in different fields.
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

/// Returns when an event first occurred.
#[must_use]
pub fn event_start(event: &Event) -> Option<Timestamp> {
    let first = event.first_timestamp.as_ref().map(|it| it.0);
    let once = event.event_time.as_ref().map(|it| it.0);
    [first, once, created(&event.metadata)]
        .into_iter()
        .flatten()
        .min()
}

/// Returns how often an event occurred.
#[must_use]
pub fn event_count(event: &Event) -> u32 {
    let series = event.series.as_ref().and_then(|it| it.count);
    let count = event.count.into_iter().chain(series).max().unwrap_or(1);
    u32::try_from(count).unwrap_or(1).max(1)
}
