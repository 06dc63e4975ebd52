//! Object builders for tests, behind feature `testing`: rows that read like sentences.
#![expect(
    clippy::indexing_slicing,
    reason = "JSON built a few lines above; a slip fails the test"
)]

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use serde_json::{Value, json};

use crate::duration::after;
use crate::observation::{Observation, ResourceKind, Seen};
use crate::workload::{Workload, WorkloadKind, WorkloadRef};

mod jobs;
mod sets;
mod ways;

pub use jobs::*;
pub use sets::*;
pub use ways::*;

/// The time at which every test begins.
#[must_use]
pub fn start() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// Some seconds after [`start`].
#[must_use]
pub fn at(seconds: u64) -> Timestamp {
    after(start(), Duration::from_secs(seconds))
}

/// `deployment/web` in namespace `shop`.
#[must_use]
pub fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "shop".into(),
        name: "web".into(),
    }
}

/// The pod template of a version: image `registry.test/app:<version>`.
#[must_use]
pub fn template(version: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{
            "name": "app",
            "image": format!("registry.test/app:{version}"),
            "command": ["/app"],
            "resources": {"limits": {"memory": "64Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2, "failureThreshold": 3},
            "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 1, "failureThreshold": 3, "initialDelaySeconds": 3},
        }]},
    })
}

/// Builds a Deployment.
#[derive(Debug, Clone)]
pub struct DeploymentBuilder(Value);

/// A Deployment `name` of version `v2`, one replica, generation 1 observed, nothing updated yet.
#[must_use]
pub fn deployment(name: &str) -> DeploymentBuilder {
    DeploymentBuilder(json!({
        "metadata": {"name": name, "namespace": "shop", "uid": "d-1", "generation": 1,
                     "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template("v2")},
        "status": {"observedGeneration": 1, "conditions": []},
    }))
}

impl DeploymentBuilder {
    fn set(mut self, pointer: &str, field: &str, value: Value) -> Self {
        if let Some(object) = self.0.pointer_mut(pointer).and_then(Value::as_object_mut) {
            object.insert(field.to_owned(), value);
        }
        self
    }

    /// Its generation and the one observed.
    #[must_use]
    pub fn generation(self, generation: i64, observed: i64) -> Self {
        self.set("/metadata", "generation", json!(generation)).set(
            "/status",
            "observedGeneration",
            json!(observed),
        )
    }

    /// No status at all.
    #[must_use]
    pub fn unobserved(mut self) -> Self {
        self.0["status"] = json!({});
        self
    }

    /// Desired, current, updated and available replicas.
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "the counts of kubectl's questions, in its order"
    )]
    pub fn counts(self, desired: i32, current: i32, updated: i32, available: i32) -> Self {
        self.set("/spec", "replicas", json!(desired))
            .set("/status", "replicas", json!(current))
            .set("/status", "updatedReplicas", json!(updated))
            .set("/status", "availableReplicas", json!(available))
    }

    /// Another pod template.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        self.set("/spec", "template", template(version))
    }

    /// A field of its spec.
    #[must_use]
    pub fn spec(self, field: &str, value: Value) -> Self {
        self.set("/spec", field, value)
    }

    /// Paused since [`start`].
    #[must_use]
    pub fn paused(self) -> Self {
        self.set("/spec", "paused", json!(true)).condition(
            "Progressing",
            "Unknown",
            ("DeploymentPaused", "Deployment is paused"),
        )
    }

    /// A condition, last changed at [`start`].
    #[must_use]
    pub fn condition(mut self, kind: &str, status: &str, because: (&str, &str)) -> Self {
        let (reason, message) = because;
        let condition = json!({"type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": start(), "lastTransitionTime": start()});
        if let Some(all) = self
            .0
            .pointer_mut("/status/conditions")
            .and_then(Value::as_array_mut)
        {
            all.push(condition);
        }
        self
    }

    /// The latched condition of a rollout that took too long.
    #[must_use]
    pub fn deadline_exceeded(self) -> Self {
        self.condition(
            "Progressing",
            "False",
            ("ProgressDeadlineExceeded", "has timed out progressing"),
        )
    }

    /// The same, of a named ReplicaSet.
    #[must_use]
    pub fn deadline_of(self, set: &str) -> Self {
        let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
        self.condition(
            "Progressing",
            "False",
            ("ProgressDeadlineExceeded", &message),
        )
    }

    /// As raw JSON.
    #[must_use]
    pub fn json(self) -> Value {
        self.0
    }

    /// As a typed object.
    ///
    /// # Panics
    /// When the builder made something that is no Deployment.
    #[must_use]
    pub fn build(self) -> Workload {
        Workload::Deployment(typed(self.0))
    }
}

#[expect(clippy::panic, reason = "a builder that fails is a broken test")]
fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_else(|error| panic!("not such an object: {error}"))
}

/// A ReplicaSet of the Deployment: `web-<version>` with uid `rs-<version>`, as raw JSON.
#[must_use]
pub fn replica_set_json(version: &str, revision: u64, replicas: (i32, i32)) -> Value {
    let (current, ready) = replicas;
    let mut template = template(version);
    template["metadata"]["labels"]["pod-template-hash"] = json!(version);
    json!({
        "metadata": {"name": format!("web-{version}"), "namespace": "shop", "uid": format!("rs-{version}"),
            "creationTimestamp": at(revision),
            "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}]},
        "spec": {"replicas": current, "selector": {"matchLabels": {"app": "web", "pod-template-hash": version}}, "template": template},
        "status": {"replicas": current, "readyReplicas": ready, "availableReplicas": ready, "conditions": []},
    })
}

/// The same as a typed object.
#[must_use]
pub fn replica_set(version: &str, revision: u64, replicas: (i32, i32)) -> ReplicaSet {
    typed(replica_set_json(version, revision, replicas))
}

/// The same with a `ReplicaFailure` condition since [`start`].
#[must_use]
pub fn refused_replica_set(version: &str, revision: u64, message: &str) -> ReplicaSet {
    let mut set = replica_set_json(version, revision, (0, 0));
    set["status"]["conditions"] = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": message, "lastTransitionTime": start()}]);
    typed(set)
}

/// Builds a pod of a version.
#[derive(Debug, Clone)]
pub struct PodBuilder {
    object: Value,
    events: Vec<Value>,
}

/// A pod `name` of ReplicaSet `web-v2`, just scheduled and creating its container.
#[must_use]
pub fn pod(name: &str) -> PodBuilder {
    pod_of(name, "v2")
}

/// A pod of another version.
#[must_use]
pub fn pod_of(name: &str, version: &str) -> PodBuilder {
    let template = template(version);
    let object = json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("pod-{name}"), "creationTimestamp": start(),
            "labels": {"app": "web", "pod-template-hash": version},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("web-{version}"),
                "uid": format!("rs-{version}"), "controller": true}]},
        "spec": template["spec"],
        "status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": start()}]},
    });
    PodBuilder {
        object,
        events: Vec::new(),
    }
    .waiting("ContainerCreating", "")
}

impl PodBuilder {
    fn container(mut self, status: Value) -> Self {
        let mut all =
            json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0});
        if let (Some(all), Value::Object(status)) = (all.as_object_mut(), status) {
            all.extend(status);
        }
        let known: ContainerStatus = typed(all);
        self.object["status"]["containerStatuses"] = json!([known]);
        self
    }

    /// The container waits.
    #[must_use]
    pub fn waiting(self, reason: &str, message: &str) -> Self {
        self.container(json!({"state": {"waiting": {"reason": reason, "message": message}}}))
    }

    /// The container backs off after some restarts; how its last instance ended.
    #[must_use]
    pub fn crash_loop(self, restarts: i32, end: (&str, i32, &str)) -> Self {
        let (reason, exit_code, message) = end;
        self.container(json!({"restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}},
            "lastState": {"terminated": {"exitCode": exit_code, "reason": reason, "message": message}}}))
    }

    /// The container runs since [`start`], after so many instances that ended with an error.
    #[must_use]
    pub fn runs_after_crashes(self, restarts: i32) -> Self {
        self.container(json!({"restartCount": restarts, "started": true, "state": {"running": {"startedAt": start()}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}))
    }

    /// The container backs off after an instance that had run for an hour.
    #[must_use]
    pub fn crashed_after_an_hour(self, restarts: i32) -> Self {
        self.container(json!({"restartCount": restarts, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": start(), "finishedAt": at(3600)}}}))
    }

    /// The container backs off and was never started: the runtime says so with a start in 1970.
    #[must_use]
    pub fn never_started(self, restarts: i32, message: &str) -> Self {
        self.container(json!({"restartCount": restarts, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 128, "reason": "StartError", "message": message,
                "startedAt": start(), "finishedAt": at(3600)}}}))
    }

    /// The pod is Ready since a second, after an instance that had run so long and crashed.
    #[must_use]
    pub fn ready_after_crash(self, since: u64, ran: u64) -> Self {
        let mut this = self.ready(since);
        this.object["status"]["containerStatuses"][0]["restartCount"] = json!(1);
        this.object["status"]["containerStatuses"][0]["lastState"] = json!({"terminated": {"exitCode": 1,
            "reason": "Error", "startedAt": start(), "finishedAt": at(ran)}});
        this
    }

    /// An event about the pod that happens at a second only.
    #[must_use]
    pub fn later_event(self, second: u64, reason: &str, message: &str) -> Self {
        let mut this = self.event(reason, message, 1);
        if let Some(event) = this.events.last_mut() {
            event["firstTimestamp"] = json!(at(second));
            event["lastTimestamp"] = json!(at(second));
        }
        this
    }

    /// A mount that failed from [`start`] on and, for now, last at a second.
    #[must_use]
    pub fn mount_failure(self, last: u64, why: &str) -> Self {
        let text = format!("MountVolume.SetUp failed for volume \"cfg\" : {why}");
        let mut this = self.event("FailedMount", &text, 6);
        if let Some(event) = this.events.last_mut() {
            event["lastTimestamp"] = json!(at(last));
        }
        this
    }

    /// The container runs since a second, after some restarts, and is not ready.
    #[must_use]
    pub fn running(self, since: u64, restarts: i32) -> Self {
        self.container(json!({"restartCount": restarts, "started": true, "state": {"running": {"startedAt": at(since)}}}))
    }

    /// The pod is Ready since a second.
    #[must_use]
    pub fn ready(self, since: u64) -> Self {
        let mut this = self.container(
            json!({"ready": true, "started": true, "state": {"running": {"startedAt": start()}}}),
        );
        this.object["status"]["conditions"] =
            json!([{"type": "Ready", "status": "True", "lastTransitionTime": at(since)}]);
        this
    }

    /// The pod was Ready until a second.
    #[must_use]
    pub fn ready_once(mut self, until: u64) -> Self {
        self.object["status"]["startTime"] = json!(start());
        self.object["status"]["conditions"] =
            json!([{"type": "Ready", "status": "False", "lastTransitionTime": at(until)}]);
        self
    }

    /// The scheduler finds no node since [`start`].
    #[must_use]
    pub fn unschedulable(mut self, message: &str) -> Self {
        self.object["status"]["containerStatuses"] = json!([]);
        self.object["status"]["conditions"] = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": message, "lastTransitionTime": start()}]);
        self
    }

    /// An event about the pod, so many times since [`start`].
    #[must_use]
    pub fn event(mut self, reason: &str, message: &str, count: i32) -> Self {
        let uid = self.object["metadata"]["uid"].clone();
        let name = self.object["metadata"]["name"].clone();
        let number = self.events.len();
        self.events.push(json!({
            "metadata": {"name": format!("{}.{number}", name.as_str().unwrap_or_default()), "namespace": "shop",
                "uid": format!("event-{}-{number}", uid.as_str().unwrap_or_default())},
            "involvedObject": {"kind": "Pod", "name": name, "uid": uid},
            "reason": reason, "message": message, "count": count,
            "firstTimestamp": start(), "lastTimestamp": at(1),
        }));
        self
    }

    /// Any field, by its JSON pointer: for what is too rare to have a builder of its own.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        if let Some((parent, field)) = pointer.rsplit_once('/')
            && let Some(object) = self
                .object
                .pointer_mut(parent)
                .and_then(Value::as_object_mut)
        {
            object.insert(field.to_owned(), value);
        }
        self
    }

    /// An event about the pod, so many times from [`start`] to a second.
    #[must_use]
    pub fn event_until(self, last: u64, said: (&str, &str), count: i32) -> Self {
        let mut this = self.event(said.0, said.1, count);
        if let Some(event) = this.events.last_mut() {
            event["lastTimestamp"] = json!(at(last));
        }
        this
    }

    /// The newest event is about a PersistentVolumeClaim instead.
    #[must_use]
    pub fn about_claim(mut self, claim: &str) -> Self {
        if let Some(event) = self.events.last_mut() {
            event["involvedObject"] =
                json!({"kind": "PersistentVolumeClaim", "name": claim, "uid": "claim-1"});
        }
        self
    }

    /// The newest event is about one of its containers.
    #[must_use]
    pub fn about_container(mut self, name: &str) -> Self {
        if let Some(event) = self.events.last_mut() {
            event["involvedObject"]["fieldPath"] = json!(format!("spec.containers{{{name}}}"));
        }
        self
    }

    /// The pod is on no node and no scheduler has reported on it.
    #[must_use]
    pub fn unreported(self) -> Self {
        self.with("/status", json!({"phase": "Pending"}))
    }

    /// The pod ended as a whole, on node `node-1`.
    #[must_use]
    pub fn failed(self, reason: &str, message: &str) -> Self {
        self.with("/spec/nodeName", json!("node-1"))
            .with("/status/phase", json!("Failed"))
            .with("/status/reason", json!(reason))
            .with("/status/message", json!(message))
    }

    /// As a typed object.
    #[must_use]
    pub fn build(&self) -> Pod {
        typed(self.object.clone())
    }

    /// The pod and its events as seen at a second.
    #[must_use]
    pub fn seen(&self, seconds: u64) -> Vec<Observation> {
        let events = self.events.iter().map(|event| Seen::Event {
            object: Box::new(typed::<Event>(event.clone())),
        });
        let pod = Seen::Pod {
            object: Box::new(self.build()),
        };
        std::iter::once(pod)
            .chain(events)
            .map(|seen| Observation::new(at(seconds), seen))
            .collect()
    }
}

/// An event about an object that is no pod, at a second.
#[must_use]
pub fn event_about(second: u64, about: (&str, &str), reason: &str, message: &str) -> Observation {
    let (kind, uid) = about;
    let object = json!({
        "metadata": {"name": format!("{uid}.{reason}.{second}"), "namespace": "shop", "uid": format!("event-{uid}-{reason}-{second}")},
        "involvedObject": {"kind": kind, "name": uid, "uid": uid},
        "reason": reason, "message": message, "count": 1,
        "firstTimestamp": at(second), "lastTimestamp": at(second),
    });
    Observation::new(
        at(second),
        Seen::Event {
            object: Box::new(typed::<Event>(object)),
        },
    )
}

/// The workload that an observation shows.
#[must_use]
pub fn subject(observation: &Observation) -> Option<WorkloadRef> {
    if let Seen::Workload { object } = &observation.seen {
        Some(object.reference())
    } else {
        None
    }
}

/// The Deployment as seen at a second.
#[must_use]
pub fn seen(seconds: u64, deployment: DeploymentBuilder) -> Observation {
    Observation::new(
        at(seconds),
        Seen::Workload {
            object: deployment.build(),
        },
    )
}

/// A ReplicaSet as seen at a second.
#[must_use]
pub fn seen_set(seconds: u64, set: ReplicaSet) -> Observation {
    Observation::new(
        at(seconds),
        Seen::ReplicaSet {
            object: Box::new(set),
        },
    )
}

/// The ends of the first lists of all resources, with what they held.
#[must_use]
pub fn listed(seconds: u64, uids: &[&str]) -> Vec<Observation> {
    let uids: Vec<String> = uids.iter().map(|uid| (*uid).to_owned()).collect();
    let of = |resource| {
        Observation::new(
            at(seconds),
            Seen::Listed {
                resource,
                uids: uids.clone(),
            },
        )
    };
    ResourceKind::needed_for(WorkloadKind::Deployment)
        .iter()
        .copied()
        .map(of)
        .collect()
}
