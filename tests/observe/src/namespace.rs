//! A namespace of Deployments, all of them in the middle of an update.

use jiff::Timestamp;
use rollguard_core::observation::{Observation, ResourceKind, Seen};
use rollguard_core::testing::start;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use serde_json::{Value, json};

/// How many workloads there are, and how many pods each has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    workloads: usize,
    pods_each: usize,
}

/// One event comes every so many milliseconds.
const EVERY: i64 = 2;
/// When the first event comes: after everything was listed.
const BEGIN: i64 = 1_000;

impl Shape {
    /// A namespace.
    #[must_use]
    pub const fn new(workloads: usize, pods_each: usize) -> Self {
        Self {
            workloads,
            pods_each,
        }
    }

    /// How many pods there are.
    #[must_use]
    pub const fn pods(self) -> usize {
        self.workloads * self.pods_each
    }

    pub(crate) fn references(self) -> Vec<WorkloadRef> {
        let named = |index| WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: "shop".to_owned(),
            name: name(index),
        };
        (0..self.workloads).map(named).collect()
    }

    /// Everything as it is listed at first.
    pub(crate) fn listed(self) -> impl Iterator<Item = Observation> {
        let all = move |of: fn(Self, usize) -> Vec<Seen>| {
            (0..self.workloads).flat_map(move |index| of(self, index))
        };
        let workloads = all(|it, index| vec![it.deployment(index, 0)]);
        let sets = all(|_, index| vec![replica_set(index, 1), replica_set(index, 2)]);
        let pods = all(|it, index| {
            (0..it.pods_each)
                .map(|pod| Self::pod(index, pod, 0))
                .collect()
        });
        let events = all(|it, index| (0..it.pods_each).map(|pod| event(index, pod, 0)).collect());
        let kinds = [
            ResourceKind::Deployment,
            ResourceKind::ReplicaSet,
            ResourceKind::Pod,
            ResourceKind::Event,
        ];
        let ends = kinds.into_iter().map(move |resource| Seen::Listed {
            resource,
            uids: self.uids(resource),
        });
        let all = workloads.chain(sets).chain(pods).chain(events).chain(ends);
        all.map(|seen| Observation::new(start(), seen))
    }

    fn uids(self, resource: ResourceKind) -> Vec<String> {
        let of = |index: usize| -> Vec<String> {
            let pods = 0..self.pods_each;
            if resource == ResourceKind::Deployment {
                vec![deployment_uid(index)]
            } else if resource == ResourceKind::ReplicaSet {
                vec![set_uid(index, 1), set_uid(index, 2)]
            } else if resource == ResourceKind::Pod {
                pods.map(|pod| pod_uid(index, pod)).collect()
            } else {
                pods.map(|pod| event_uid(index, pod, 0)).collect()
            }
        };
        (0..self.workloads).flat_map(of).collect()
    }

    /// The events that follow: a pod changes, an event tells of it, and its counts follow, workload by workload.
    pub(crate) fn events(self, count: usize) -> Vec<Observation> {
        (0..count)
            .map(|number| {
                let round = number / 4;
                // Far apart, so that two events in a row are never of one workload.
                let index = (round * 7) % self.workloads;
                let pod = (round * 3) % self.pods_each;
                let seen = match number % 4 {
                    0 => Self::pod(index, pod, 1 + round),
                    1 => event(index, pod, 1 + round),
                    2 => replica_set(index, 2),
                    _ => self.deployment(index, 1 + round),
                };
                let passed = BEGIN + EVERY * i64::try_from(number).unwrap_or(i64::MAX);
                Observation::new(at(passed), seen)
            })
            .collect()
    }

    fn deployment(self, index: usize, change: usize) -> Seen {
        let name = name(index);
        let replicas = self.pods_each;
        object(json!({
            "kind": "workload",
            "object": {
                "kind": "Deployment",
                "apiVersion": "apps/v1",
                "metadata": {
                    "name": name, "namespace": "shop", "uid": deployment_uid(index), "generation": 2,
                    "resourceVersion": change.to_string(), "creationTimestamp": start(),
                    "annotations": {"deployment.kubernetes.io/revision": "2"},
                },
                "spec": {
                    "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(index, 2),
                },
                "status": {
                    "observedGeneration": 2, "replicas": replicas, "updatedReplicas": replicas,
                    "readyReplicas": replicas - 1, "availableReplicas": replicas - 1 - change % 2,
                    "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated",
                        "message": "ReplicaSet is progressing.", "lastUpdateTime": start(), "lastTransitionTime": start()}],
                },
            },
        }))
    }

    /// The first pod of a workload cannot pull its image; the others become ready and lose it again.
    fn pod(index: usize, pod: usize, change: usize) -> Seen {
        let waits = pod == 0;
        let ready = !waits && change.is_multiple_of(2);
        let state = if waits {
            json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image: connection refused"}})
        } else {
            json!({"running": {"startedAt": start()}})
        };
        let word = if ready { "True" } else { "False" };
        let mut template = template(index, 2);
        let mut spec = template["spec"].take();
        add_token(&mut spec);
        object(json!({
            "kind": "pod",
            "object": {
                "metadata": {
                    "name": pod_name(index, pod), "namespace": "shop", "uid": pod_uid(index, pod),
                    "resourceVersion": change.to_string(), "creationTimestamp": start(),
                    "labels": {"app": name(index), "pod-template-hash": "7d4b9"},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{}-7d4b9", name(index)),
                        "uid": set_uid(index, 2), "controller": true, "blockOwnerDeletion": true}],
                },
                "spec": spec,
                "status": {
                    "phase": if waits { "Pending" } else { "Running" },
                    "hostIP": "10.0.0.1", "podIP": "10.1.0.1", "startTime": start(), "qosClass": "Burstable",
                    "conditions": [
                        {"type": "PodScheduled", "status": "True", "lastTransitionTime": start()},
                        {"type": "Initialized", "status": "True", "lastTransitionTime": start()},
                        {"type": "ContainersReady", "status": word, "lastTransitionTime": start()},
                        {"type": "Ready", "status": word, "lastTransitionTime": start()},
                    ],
                    "containerStatuses": [{"name": "app", "image": "registry.test/app:v2", "imageID": "registry.test/app@sha256:0",
                        "ready": ready, "started": !waits, "restartCount": 0, "state": state}],
                },
            },
        }))
    }
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(start().as_millisecond() + milliseconds).unwrap_or(Timestamp::MAX)
}

fn name(index: usize) -> String {
    format!("service-{index:04}")
}

fn pod_name(index: usize, pod: usize) -> String {
    format!("{}-7d4b9-{pod:04}", name(index))
}

fn deployment_uid(index: usize) -> String {
    format!("00000000-0000-4000-8000-{index:012}")
}

fn set_uid(index: usize, version: usize) -> String {
    format!("0000000{version}-0000-4000-8000-{index:012}")
}

fn pod_uid(index: usize, pod: usize) -> String {
    format!("0000{pod:04}-1000-4000-8000-{index:012}")
}

fn event_uid(index: usize, pod: usize, change: usize) -> String {
    format!("0000{pod:04}-2000-4000-8000-{:012}", index * 8 + change % 8)
}

fn template(index: usize, version: usize) -> Value {
    json!({
        "metadata": {"labels": {"app": name(index)}},
        "spec": {
            "containers": [{
                "name": "app",
                "image": format!("registry.test/app:v{version}"),
                "command": ["/app"],
                "env": [{"name": "MODE", "value": "production"}, {"name": "LEVEL", "value": "info"}],
                "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "64Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2, "failureThreshold": 3},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "securityContext": {}, "schedulerName": "default-scheduler", "nodeName": "node-1",
        },
    })
}

/// Adds the volume and the tolerations that the API server adds to every pod.
fn add_token(spec: &mut Value) {
    let volume = "kube-api-access-x7k2p";
    spec["containers"][0]["volumeMounts"] = json!([{"name": volume, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}]);
    spec["volumes"] = json!([{"name": volume, "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}}]);
    spec["tolerations"] = json!([
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
    ]);
}

fn replica_set(index: usize, version: usize) -> Seen {
    let name = name(index);
    let mut template = template(index, version);
    template["metadata"]["labels"]["pod-template-hash"] = json!("7d4b9");
    let replicas = if version == 2 { 10 } else { 0 };
    object(json!({
        "kind": "replicaSet",
        "object": {
            "metadata": {
                "name": format!("{name}-{version}"), "namespace": "shop", "uid": set_uid(index, version),
                "creationTimestamp": start(), "annotations": {"deployment.kubernetes.io/revision": version.to_string()},
                "labels": {"app": name, "pod-template-hash": "7d4b9"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name,
                    "uid": deployment_uid(index), "controller": true, "blockOwnerDeletion": true}],
            },
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
            "status": {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas},
        },
    }))
}

fn event(index: usize, pod: usize, change: usize) -> Seen {
    let name = pod_name(index, pod);
    object(json!({
        "kind": "event",
        "object": {
            "metadata": {"name": format!("{name}.{change}"), "namespace": "shop", "uid": event_uid(index, pod, change),
                "creationTimestamp": start()},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": name, "uid": pod_uid(index, pod),
                "fieldPath": "spec.containers{app}"},
            "reason": "Pulled", "message": "Container image \"registry.test/app:v2\" already present on machine", "type": "Normal",
            "count": 1, "firstTimestamp": start(), "lastTimestamp": start(),
            "source": {"component": "kubelet", "host": "node-1"}, "reportingComponent": "kubelet", "reportingInstance": "node-1",
        },
    }))
}

/// An observation as a trace has it, and as a check keeps it.
#[expect(
    clippy::panic,
    reason = "made from the JSON above; a slip fails every run"
)]
fn object(value: Value) -> Seen {
    let seen: Result<Seen, _> = serde_json::from_value(value);
    seen.unwrap_or_else(|error| panic!("no observation: {error}"))
        .slimmed()
}
