//! Builders of StatefulSets, DaemonSets, their revisions, pods and nodes.

use serde_json::{Value, json};

use super::{PodBuilder, at, pod, start, template, typed};
use crate::observation::{Observation, ResourceKind, Seen};
use crate::workload::{Workload, WorkloadKind, WorkloadRef};

/// `statefulset/db` in namespace `shop`.
#[must_use]
pub fn db() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::StatefulSet,
        namespace: "shop".into(),
        name: "db".into(),
    }
}

/// `daemonset/agent` in namespace `shop`.
#[must_use]
pub fn agent() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::DaemonSet,
        namespace: "shop".into(),
        name: "agent".into(),
    }
}

/// Builds a StatefulSet or a DaemonSet.
#[derive(Debug, Clone)]
pub struct SetBuilder(Value);

/// StatefulSet `db` of version `v2`, three replicas, generation 2 observed, nothing updated yet.
#[must_use]
pub fn stateful_set() -> SetBuilder {
    SetBuilder(json!({
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "shop", "uid": "s-1", "generation": 2},
        "spec": {"replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "web"}},
            "template": template("v2"), "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
        "status": {"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "currentRevision": "db-v1", "updateRevision": "db-v2"},
    }))
}

/// DaemonSet `agent` of version `v2` on three nodes, generation 2 observed, nothing updated yet.
#[must_use]
pub fn daemon_set() -> SetBuilder {
    SetBuilder(json!({
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "shop", "uid": "ds-1", "generation": 2,
            "annotations": {"deprecated.daemonset.template.generation": "2"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template("v2"),
            "updateStrategy": {"type": "RollingUpdate"}},
        "status": {"observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3,
            "numberMisscheduled": 0, "numberReady": 3, "numberAvailable": 3, "updatedNumberScheduled": 0},
    }))
}

impl SetBuilder {
    fn set(mut self, pointer: &str, field: &str, value: Value) -> Self {
        if let Some(object) = self.0.pointer_mut(pointer).and_then(Value::as_object_mut) {
            object.insert(field.to_owned(), value);
        }
        self
    }

    fn is_stateful(&self) -> bool {
        self.0["kind"] == "StatefulSet"
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

    /// Desired, updated, and ready and available pods; as many exist as are desired.
    #[must_use]
    pub fn counts(self, desired: i32, updated: i32, ready: i32) -> Self {
        if self.is_stateful() {
            self.set("/spec", "replicas", json!(desired))
                .set("/status", "replicas", json!(desired))
                .set("/status", "updatedReplicas", json!(updated))
                .set("/status", "readyReplicas", json!(ready))
                .set("/status", "availableReplicas", json!(ready))
        } else {
            self.set("/status", "desiredNumberScheduled", json!(desired))
                .set("/status", "currentNumberScheduled", json!(desired))
                .set("/status", "updatedNumberScheduled", json!(updated))
                .set("/status", "numberReady", json!(ready))
                .set("/status", "numberAvailable", json!(ready))
        }
    }

    /// Fewer pods exist than are desired.
    #[must_use]
    pub fn existing(self, current: i32) -> Self {
        let field = if self.is_stateful() {
            "replicas"
        } else {
            "currentNumberScheduled"
        };
        self.set("/status", field, json!(current))
    }

    /// Fewer pods are available than ready.
    #[must_use]
    pub fn available(self, available: i32) -> Self {
        let field = if self.is_stateful() {
            "availableReplicas"
        } else {
            "numberAvailable"
        };
        self.set("/status", field, json!(available))
    }

    /// Only ordinals from here on are updated.
    #[must_use]
    pub fn partition(self, partition: i32) -> Self {
        self.set(
            "/spec/updateStrategy",
            "rollingUpdate",
            json!({"partition": partition}),
        )
    }

    /// Pods are replaced only once somebody deletes them.
    #[must_use]
    pub fn on_delete(self) -> Self {
        self.set("/spec", "updateStrategy", json!({"type": "OnDelete"}))
    }

    /// A field of its spec.
    #[must_use]
    pub fn spec(self, field: &str, value: Value) -> Self {
        self.set("/spec", field, value)
    }

    /// All pods at once.
    #[must_use]
    pub fn parallel(self) -> Self {
        self.set("/spec", "podManagementPolicy", json!("Parallel"))
    }

    /// Another pod template.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        self.set("/spec", "template", template(version))
    }

    /// As a typed object.
    #[must_use]
    pub fn build(self) -> Workload {
        typed(self.0)
    }

    /// The object as raw JSON.
    #[must_use]
    pub fn json(self) -> Value {
        self.0
    }

    /// One of its ControllerRevisions as raw JSON, with the template of a version in it.
    #[must_use]
    pub fn revision_json(&self, version: &str, number: i64) -> Value {
        let kind = self.0["kind"].as_str().unwrap_or_default();
        let mut revision = revision_json(&self.0["metadata"], kind, (version, number));
        let mut held = template(version);
        held["$patch"] = json!("replace");
        revision["data"] = json!({"spec": {"template": held}});
        revision
    }

    /// As seen at a second, with its revisions `v1` and `v2`.
    #[must_use]
    pub fn seen(self, seconds: u64) -> Vec<Observation> {
        let kind = self.0["kind"].as_str().unwrap_or_default().to_owned();
        let owner = self.0["metadata"].clone();
        let revision = |version: &str, number: i64| Seen::ControllerRevision {
            object: Box::new(typed(revision_json(&owner, &kind, (version, number)))),
        };
        let revisions = [revision("v1", 1), revision("v2", 2)];
        let workload = Seen::Workload {
            object: self.build(),
        };
        std::iter::once(workload)
            .chain(revisions)
            .map(|seen| Observation::new(at(seconds), seen))
            .collect()
    }
}

/// A StatefulSet's revision is named in full in the label of its pods, a DaemonSet's by its hash.
fn revision_json(owner: &Value, kind: &str, (version, number): (&str, i64)) -> Value {
    let set = owner["name"].as_str().unwrap_or_default();
    json!({
        "metadata": {"name": format!("{set}-{version}"), "namespace": "shop", "uid": format!("cr-{set}-{version}"),
            "labels": {"app": "web", "controller-revision-hash": version},
            "creationTimestamp": start(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": set, "uid": owner["uid"], "controller": true}]},
        "revision": number,
    })
}

pub(super) fn pod_in(name: &str, (kind, set, uid): (&str, &str, &str), hash: &str) -> PodBuilder {
    let mut builder = pod(name);
    builder.object["metadata"]["labels"] = json!({"app": "web", "controller-revision-hash": hash});
    builder.object["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": kind, "name": set, "uid": uid, "controller": true}]);
    builder
}

/// A pod of StatefulSet `db`, of a version, just scheduled.
#[must_use]
pub fn db_pod(ordinal: u32, version: &str) -> PodBuilder {
    pod_in(
        &format!("db-{ordinal}"),
        ("StatefulSet", "db", "s-1"),
        &format!("db-{version}"),
    )
}

/// A pod of DaemonSet `agent`, of a version, bound to a node.
#[must_use]
pub fn agent_pod(node: &str, version: &str) -> PodBuilder {
    let mut builder = pod_in(
        &format!("agent-{node}-{version}"),
        ("DaemonSet", "agent", "ds-1"),
        version,
    );
    builder.object["spec"]["nodeName"] = json!(node);
    builder
}

impl PodBuilder {
    /// With one more label.
    #[must_use]
    pub fn labelled(mut self, key: &str, value: &str) -> Self {
        self.object["metadata"]["labels"][key] = json!(value);
        self
    }

    /// Made at a second.
    #[must_use]
    pub fn made(mut self, second: u64) -> Self {
        self.object["metadata"]["creationTimestamp"] = json!(at(second));
        self
    }
}

/// A node, ready or not since a second, as seen at that second.
#[must_use]
pub fn node(name: &str, ready: bool, since: u64) -> Observation {
    let status = if ready { "True" } else { "Unknown" };
    let object = json!({
        "metadata": {"name": name, "uid": format!("node-{name}"), "creationTimestamp": start()},
        "status": {"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": at(since)}]},
    });
    Observation::new(
        at(since),
        Seen::Node {
            object: Box::new(typed(object)),
        },
    )
}

/// The node has the taint `unreachable`, which pods tolerate only if their spec says so.
#[must_use]
pub fn tainted(observation: Observation) -> Observation {
    let Seen::Node { mut object } = observation.seen else {
        return observation;
    };
    let taint = json!({"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"});
    object.spec = Some(typed(json!({ "taints": [taint] })));
    Observation::new(observation.at, Seen::Node { object })
}

/// An event about a workload, at a second.
#[must_use]
pub fn workload_event(second: u64, about: &str, reason: &str, message: &str) -> Observation {
    let object = json!({
        "metadata": {"name": format!("{about}.{reason}.{second}"), "namespace": "shop", "uid": format!("event-{about}-{reason}-{second}")},
        "involvedObject": {"kind": "StatefulSet", "name": "db", "uid": about},
        "reason": reason, "message": message, "count": 1,
        "firstTimestamp": at(second), "lastTimestamp": at(second),
    });
    Observation::new(
        at(second),
        Seen::Event {
            object: Box::new(typed(object)),
        },
    )
}

/// The ends of the first lists of all that a kind needs, with what they held.
#[must_use]
pub fn listed_for(kind: WorkloadKind, seconds: u64, uids: &[&str]) -> Vec<Observation> {
    let uids: Vec<String> = uids.iter().map(|uid| (*uid).to_owned()).collect();
    let of = |resource: &ResourceKind| {
        Observation::new(
            at(seconds),
            Seen::Listed {
                resource: *resource,
                uids: uids.clone(),
            },
        )
    };
    ResourceKind::needed_for(kind).iter().map(of).collect()
}
