//! The history of a workload as it was read from raw JSON alone, to compare with.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "copied as it was, until nothing compares with it"
)]

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::Value;

use crate::annotation::{LastKnownGood, RollbackRecord};
use crate::duration::{after, elapsed};
use crate::observation::{Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::progress;
use crate::session::Session;
use crate::snapshot::{BACK_OFF_MEMORY, ExcusedNodes, Snapshot, has_ended, uid_of};
use crate::snapshot::{
    REVISION_ANNOTATION, REVISION_LABEL, images_of, is_active, is_ready, owned_by,
};
use crate::verdict::{Pending, Verdict};
use crate::workload::raw::{annotation, plain, text};
use crate::workload::{Images, Revision, RevisionId, Workload, WorkloadKind, WorkloadRef};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A workload with its revisions and pods at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    workload: WorkloadRef,
    object: Value,
    carriers: Vec<Value>,
    pods: Vec<Pod>,
    nodes: Vec<Node>,
}

impl History {
    /// Keeps the carriers that the workload controls (ReplicaSets of a Deployment,
    /// ControllerRevisions of the others), the highest revision first.
    #[must_use]
    pub fn new(workload: WorkloadRef, object: Value, carriers: Vec<Value>, pods: Vec<Pod>) -> Self {
        let uid = text(&object, "/metadata/uid").to_owned();
        let mut carriers: Vec<Value> = carriers
            .into_iter()
            .filter(|it| is_controlled_by(it, &uid))
            .collect();
        let kind = workload.kind;
        carriers.sort_by_key(|carrier| Reverse(revision_in(kind, carrier)));
        Self {
            workload,
            object,
            carriers,
            pods,
            nodes: Vec::new(),
        }
    }

    /// Which workload this is.
    #[must_use]
    pub const fn workload(&self) -> &WorkloadRef {
        &self.workload
    }

    /// The workload as the API server sent it.
    #[must_use]
    pub const fn object(&self) -> &Value {
        &self.object
    }

    /// The workload as the types of this build have it, for what is decided and not written.
    #[must_use]
    pub fn typed(&self) -> Option<Workload> {
        let mut object = self.object.clone();
        // Lists leave the kind out.
        object
            .as_object_mut()?
            .insert("kind".to_owned(), self.workload.kind.to_string().into());
        serde_json::from_value(object).ok()
    }

    /// The workload's uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        text(&self.object, "/metadata/uid")
    }

    /// The workload's present pod template.
    #[must_use]
    pub fn template(&self) -> &Value {
        self.object
            .pointer("/spec/template")
            .unwrap_or(&Value::Null)
    }

    /// An annotation of the workload.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        annotation(&self.object, name)
    }

    /// Whether it is a paused Deployment.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.object.pointer("/spec/paused") == Some(&Value::Bool(true))
    }

    /// Whether the workload is being deleted.
    #[must_use]
    pub fn deleting(&self) -> bool {
        self.object
            .pointer("/metadata/deletionTimestamp")
            .is_some_and(|it| !it.is_null())
    }

    /// How many pods are wanted.
    #[must_use]
    pub fn desired(&self) -> u64 {
        let desired = self.typed().map_or(0, |it| it.counts().desired);
        u64::try_from(desired).unwrap_or_default()
    }

    /// Whether its controller has read the newest spec.
    #[must_use]
    pub fn observed(&self) -> bool {
        let number = |pointer| self.object.pointer(pointer).and_then(Value::as_i64);
        number("/status/observedGeneration") >= number("/metadata/generation")
    }

    /// With the nodes of the cluster: a DaemonSet's completeness depends on them.
    #[must_use]
    pub fn with_nodes(self, nodes: Vec<Node>) -> Self {
        Self { nodes, ..self }
    }

    /// All revisions, the newest first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let entry = |carrier| Entry {
            history: self,
            carrier,
        };
        self.carriers.iter().map(entry)
    }

    /// The revision whose carrier has this uid.
    #[must_use]
    pub fn with_uid(&self, uid: &str) -> Option<Entry<'_>> {
        self.entries().find(|entry| entry.uid() == uid)
    }

    /// The revision of the present template; `None` while the controller has not created it.
    #[must_use]
    pub fn current(&self) -> Option<Entry<'_>> {
        let template = plain(self.template());
        let equal = self.entries().find(|it| it.template() == template);
        // Two spellings of one quantity are equal to the controller and not to us; once it has seen
        // the template, what it wrote decides.
        equal.or_else(|| self.written().filter(|_| self.observed()))
    }

    /// The revision that the controller names as the newest.
    fn written(&self) -> Option<Entry<'_>> {
        match self.workload.kind {
            WorkloadKind::Deployment => {
                let revision = revision_in(self.workload.kind, &self.object);
                self.entries()
                    .find(|entry| entry.revision() == revision)
                    .filter(|_| revision != Revision(0) && !self.paused())
            }
            WorkloadKind::StatefulSet => {
                let name = text(&self.object, "/status/updateRevision");
                self.entries().find(|entry| entry.name() == name)
            }
            // `daemon/update.go`, `constructHistory`: the highest number is the newest.
            WorkloadKind::DaemonSet => self.entries().next(),
        }
    }

    /// The revision that a StatefulSet had rolled out to the end before the present one
    /// (`status.currentRevision`, set in `completeRollingUpdate`); `None` when they are the same, and
    /// with `OnDelete`, where the controller leaves it as it was at first.
    #[must_use]
    pub fn last_complete(&self) -> Option<Entry<'_>> {
        if self.typed().is_some_and(|it| it.is_on_delete()) {
            return None;
        }
        let name = text(&self.object, "/status/currentRevision");
        let newest = text(&self.object, "/status/updateRevision");
        self.entries()
            .find(|entry| entry.name() == name && name != newest)
    }

    /// The revisions other than the present one, the newest first.
    pub fn former(&self) -> impl Iterator<Item = Entry<'_>> {
        let current = self.current().map(|entry| entry.uid().to_owned());
        self.entries()
            .filter(move |entry| current.as_deref() != Some(entry.uid()))
    }

    /// What an earlier rollback wrote, if what it restored is still in place and nothing was deployed
    /// between: the annotation outlives later deployments, and a later number tells of one.
    #[must_use]
    pub fn restored(&self) -> Option<RollbackRecord> {
        let restored = RollbackRecord::of(&self.object)?;
        let current = self.current()?;
        let between = self
            .former()
            .any(|it| it.revision() > restored.from_revision);
        (current.uid() == restored.uid && !between).then_some(restored)
    }

    /// Whether the last rollback left a revision behind that was neither deployed again nor found
    /// healthy since.
    #[must_use]
    pub fn was_replaced(&self, entry: &Entry<'_>) -> bool {
        let Some(restored) = RollbackRecord::of(&self.object) else {
            return false;
        };
        let good_since = entry.mark().is_some_and(|it| it.verified_at > restored.at);
        restored.from == entry.uid() && restored.from_revision == entry.revision() && !good_since
    }

    /// The pods of the workload, of whatever revision.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter()
    }

    /// The nodes that were handed in.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The revision objects as the API server sent them, the newest first.
    pub(crate) fn carriers(&self) -> &[Value] {
        &self.carriers
    }

    /// The history in one line, the newest first.
    #[must_use]
    pub fn in_words(&self) -> String {
        let entries: Vec<String> = self
            .entries()
            .map(|entry| format!("{} ({})", entry.revision(), entry.images().join(", ")))
            .collect();
        if entries.is_empty() {
            "none".to_owned()
        } else {
            entries.join(", ")
        }
    }
}

/// One revision of a workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    history: &'a History,
    carrier: &'a Value,
}

impl<'a> Entry<'a> {
    const fn kind(&self) -> WorkloadKind {
        self.history.workload.kind
    }

    /// The carrier as the API server sent it.
    #[must_use]
    pub const fn carrier(&self) -> &'a Value {
        self.carrier
    }

    /// Its number; 0 when it bears none.
    #[must_use]
    pub fn revision(&self) -> Revision {
        revision_in(self.kind(), self.carrier)
    }

    /// The carrier's uid.
    #[must_use]
    pub fn uid(&self) -> &'a str {
        text(self.carrier, "/metadata/uid")
    }

    /// The carrier's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        text(self.carrier, "/metadata/name")
    }

    /// What names it for good.
    #[must_use]
    pub fn id(&self) -> RevisionId {
        RevisionId {
            revision: self.revision(),
            name: self.name().to_owned(),
            uid: self.uid().to_owned(),
        }
    }

    fn held(&self) -> &'a Value {
        let pointer = match self.kind() {
            WorkloadKind::Deployment => "/spec/template",
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => "/data/spec/template",
        };
        self.carrier.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Its pod template, without what marks it as a revision's.
    #[must_use]
    pub fn template(&self) -> Value {
        plain(self.held())
    }

    /// An annotation of its pod template.
    #[must_use]
    pub fn template_annotation(&self, name: &str) -> Option<&'a str> {
        annotation(self.held(), name)
    }

    /// How many of its pods are available. A StatefulSet and a DaemonSet count no pods per revision:
    /// of those the ready ones are counted.
    #[must_use]
    pub fn available(&self) -> u64 {
        match self.kind() {
            WorkloadKind::Deployment => self
                .carrier
                .pointer("/status/availableReplicas")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
            WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
                let ready = self.pods().filter(|pod| is_ready(pod) && is_active(pod));
                u64::try_from(ready.count()).unwrap_or_default()
            }
        }
    }

    /// Its pods: by their owner, or by the label that the controller gives them (a StatefulSet
    /// writes the revision's name there, a DaemonSet its hash).
    pub fn pods(&self) -> impl Iterator<Item = &'a Pod> + use<'a> {
        let kind = self.kind();
        let (uid, name) = (self.uid(), self.name());
        let hash = self
            .carrier
            .pointer("/metadata/labels")
            .and_then(|it| it.get(REVISION_LABEL))
            .and_then(Value::as_str);
        self.history.pods.iter().filter(move |pod| {
            let labels = pod.metadata.labels.as_ref();
            let label = labels.and_then(|it| it.get(REVISION_LABEL));
            match kind {
                WorkloadKind::Deployment => owned_by(&pod.metadata, uid),
                WorkloadKind::StatefulSet => label.is_some_and(|it| it == name),
                WorkloadKind::DaemonSet => {
                    hash.is_some_and(|hash| label.is_some_and(|it| it == hash))
                }
            }
        })
    }

    /// When it was created.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        text(self.carrier, "/metadata/creationTimestamp")
            .parse()
            .ok()
    }

    /// That a check found it healthy, if one wrote it down.
    #[must_use]
    pub fn mark(&self) -> Option<LastKnownGood> {
        LastKnownGood::of(self.carrier)
    }

    /// The images that its template names.
    #[must_use]
    pub fn images(&self) -> Vec<&'a str> {
        let containers = self.held().pointer("/spec/containers");
        let containers = containers.and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .map(|it| text(it, "/image"))
            .collect()
    }

    /// The digests of the images that its pods run, by container.
    #[must_use]
    pub fn running_images(&self) -> Images {
        images_of(self.pods().filter(|pod| is_active(pod)))
    }
}

fn is_controlled_by(object: &Value, uid: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences");
    let owners = owners.and_then(Value::as_array).into_iter().flatten();
    let mut owners = owners.filter(|it| it.get("controller") == Some(&Value::Bool(true)));
    owners.any(|it| text(it, "/uid") == uid)
}

fn revision_in(kind: WorkloadKind, object: &Value) -> Revision {
    match kind {
        WorkloadKind::Deployment => annotation(object, REVISION_ANNOTATION)
            .and_then(Revision::parse)
            .unwrap_or(Revision(0)),
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            let number = object.get("revision").and_then(Value::as_u64);
            Revision(number.unwrap_or_default())
        }
    }
}

/// The one look comes to no end by itself, and nobody listens to it.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl History {
    /// Whether every pod is of the newest template and available, by the counts, and the controller
    /// has said so. Of a DaemonSet, but for the nodes that nobody waits for.
    #[must_use]
    pub fn complete(&self) -> bool {
        let complete = self.typed().is_some_and(|it| self.counts_are_complete(&it));
        let conditions = self.object().pointer("/status/conditions");
        let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
        // Without a progress deadline, and but for Deployments, there is no such condition.
        let said = conditions
            .filter(|it| text(it, "/type") == "Progressing")
            .all(|it| text(it, "/reason") == "NewReplicaSetAvailable");
        complete && said
    }

    fn counts_are_complete(&self, workload: &Workload) -> bool {
        if self.nodes().is_empty() {
            return progress::complete(workload, &ExcusedNodes::default()).is_ok();
        }
        // The nodes that are excused are found as a check finds them.
        let mut snapshot = Snapshot::default();
        for seen in self.seen(workload.clone()) {
            snapshot.apply(Observation::new(Timestamp::UNIX_EPOCH, seen));
        }
        let rollout = snapshot.rollout(self.workload());
        let excused = rollout.map_or_else(ExcusedNodes::default, |it| it.excused());
        progress::complete(workload, &excused).is_ok()
    }

    /// When a check that stays for so long would call it healthy, should it stay as it is: `now`, where
    /// it has been well for long enough. `None` where it is not well, has no pods, or where more would
    /// have to be seen than one look shows. Where no pod can be seen, the counts alone tell.
    #[must_use]
    pub fn healthy_from(&self, now: Timestamp, stable_for: Duration) -> Option<Timestamp> {
        let workload = self.typed().filter(|it| it.counts().desired > 0)?;
        if !self.complete() {
            return None;
        }
        if self.pods().next().is_none() {
            return Some(now);
        }
        let policy = Policy {
            timeout: NEVER,
            reminder: NEVER,
            stable_for,
            ..Policy::default()
        };
        let mut session = Session::new([self.workload().clone()], policy, now);
        let mut last = None;
        for seen in self.seen(workload) {
            last = Some(session.observe(Observation::new(now, seen)));
        }
        let last = last?;
        let from = match last.verdict {
            Verdict::Succeeded => Some(now),
            Verdict::Progressing {
                pending: Pending::Stabilising { .. },
            } => Some(last.wake_at).filter(|at| *at < after(now, NEVER)),
            Verdict::Progressing { .. }
            | Verdict::Failed { .. }
            | Verdict::TimedOut { .. }
            | Verdict::Undetermined { .. }
            | Verdict::Superseded { .. } => None,
        };
        Some(from?.max(self.outlives_the_ended(stable_for)))
    }

    /// When the pods of the present revision will have lived longer than those of it that have ended,
    /// such as by an eviction. A session counts the ends that it sees; one look has to go by what is
    /// left of them.
    fn outlives_the_ended(&self, stable_for: Duration) -> Timestamp {
        let pods = || self.current().into_iter().flat_map(|it| it.pods());
        let created = |pod: &Pod| Some(pod.metadata.creation_timestamp.as_ref()?.0);
        let life = |pod: &Pod| {
            let statuses = pod.status.as_ref()?.container_statuses.as_ref()?.iter();
            let ends = statuses.filter_map(|it| it.state.as_ref()?.terminated.as_ref());
            let ended = ends
                .filter_map(|it| Some(it.finished_at.as_ref()?.0))
                .max()?;
            Some(elapsed(created(pod)?, ended)).filter(|life| *life <= BACK_OFF_MEMORY)
        };
        let Some(longest) = pods().filter(|it| has_ended(it)).filter_map(life).max() else {
            return Timestamp::MIN;
        };
        let living = pods().filter(|it| !has_ended(it)).filter_map(created);
        let outlive = living.map(|at| after(after(at, longest), stable_for));
        outlive.max().unwrap_or(Timestamp::MIN)
    }

    /// All of it as a session sees it, each list with its end.
    fn seen(&self, workload: Workload) -> Vec<Seen> {
        let kind = self.workload().kind;
        let mut listed = vec![
            (ResourceKind::of(kind), vec![workload.uid().to_owned()]),
            (ResourceKind::Event, Vec::new()),
        ];
        let mut seen = vec![Seen::Workload { object: workload }];
        let uids = self.carriers().iter().map(|it| text(it, "/metadata/uid"));
        let uids: Vec<String> = uids.map(str::to_owned).collect();
        if kind == WorkloadKind::Deployment {
            seen.extend(of(self.carriers()).map(|object| Seen::ReplicaSet { object }));
            listed.push((ResourceKind::ReplicaSet, uids));
        } else {
            seen.extend(of(self.carriers()).map(|object| Seen::ControllerRevision { object }));
            listed.push((ResourceKind::ControllerRevision, uids));
        }
        let pods = self.pods().cloned().map(Box::new);
        seen.extend(pods.map(|object| Seen::Pod { object }));
        let nodes = self.nodes().iter().cloned().map(Box::new);
        seen.extend(nodes.map(|object| Seen::Node { object }));
        let uids = |it: Vec<&str>| it.into_iter().map(str::to_owned).collect();
        let pods = self.pods().map(|it| uid_of(&it.metadata)).collect();
        let nodes = self.nodes().iter().map(|it| uid_of(&it.metadata)).collect();
        listed.push((ResourceKind::Pod, uids(pods)));
        listed.push((ResourceKind::Node, uids(nodes)));
        let listed = listed.into_iter();
        seen.extend(listed.map(|(resource, uids)| Seen::Listed { resource, uids }));
        seen
    }
}

fn of<T: DeserializeOwned>(objects: &[Value]) -> impl Iterator<Item = Box<T>> {
    let objects = objects.iter().cloned();
    objects.filter_map(|it| serde_json::from_value(it).ok().map(Box::new))
}
