//! The messages from which causes are read: those of the kubelet, the scheduler, controllers, webhooks, registries and
//! containers.

use jiff::{Timestamp, ToSpan as _};
use rollguard_agent::neutralise_line;
use rollguard_core::observation::{Observation, ResourceKind, Seen};
use rollguard_core::policy::Policy;
use rollguard_core::report::{Report, report_lines, summary, to_json};
use rollguard_core::session::Session;
use rollguard_core::verdict::{Verdict, VerdictKind};
use rollguard_core::workload::{Workload, WorkloadKind, WorkloadRef};
use serde_json::{Value, json};

use crate::agent::harmless;

/// Reasons of events.
const EVENTS: [&str; 14] = [
    "Failed",
    "BackOff",
    "FailedScheduling",
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "Unhealthy",
    "FailedPostStartHook",
    "NetworkNotReady",
    "ProvisioningFailed",
    "Evicted",
    "Preempted",
    "FailedToRetrieveImagePullSecret",
    "Killing",
];
/// Reasons for which a container waits.
const WAITING: [&str; 8] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
    "InvalidImageName",
    "PostStartHookError",
];
/// Reasons for which a container ended.
const ENDED: [&str; 5] = [
    "Error",
    "StartError",
    "ContainerCannotRun",
    "OOMKilled",
    "ContainerStatusUnknown",
];
const LIMIT: usize = 400;

/// The first byte says where the text stands, the second for which reason; the third how often it was said.
pub(crate) fn cause(data: &[u8]) {
    let [place, reason, times, text @ ..] = data else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let said = Said {
        place: *place,
        reason: *reason,
        times: *times,
        text,
    };
    let started = Timestamp::UNIX_EPOCH + 1000.seconds();
    let mut session = Session::new(vec![web()], Policy::default(), started);
    for seen in said.seen() {
        let _ = session.observe(Observation::new(started, seen));
    }
    // Longer than the timeout: the session ends whatever was said.
    for minutes in 0..40 {
        let at = started + minutes.minutes();
        let step = session.observe(Observation::new(at, Seen::Tick));
        if step.verdict.is_terminal() {
            return read(&session, &step.verdict, at);
        }
    }
    panic!("no verdict after forty minutes");
}

fn read(session: &Session, verdict: &Verdict, at: Timestamp) {
    let report = Report::new(session, verdict, at);
    assert_ne!(
        report.verdict,
        VerdictKind::Succeeded,
        "words made an incomplete rollout a success"
    );
    for line in report_lines(&report) {
        harmless(&neutralise_line(&line.text()));
    }
    assert!(!to_json(&report).unwrap().contains("##"));
    assert!(summary(&report, LIMIT).len() <= LIMIT);
}

fn web() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
}

/// Words of the cluster about a pod that never becomes ready.
struct Said<'a> {
    place: u8,
    reason: u8,
    times: u8,
    text: &'a str,
}

const AT: &str = "1970-01-01T00:16:30Z";

impl Said<'_> {
    fn of<'a>(&self, reasons: &[&'a str]) -> &'a str {
        let index = usize::from(self.reason) % reasons.len();
        reasons.get(index).copied().unwrap_or_default()
    }

    fn seen(&self) -> Vec<Seen> {
        let listed = [
            (ResourceKind::Deployment, "d1"),
            (ResourceKind::ReplicaSet, "r1"),
            (ResourceKind::Pod, "p1"),
            (ResourceKind::Event, "e1"),
        ];
        let mut seen = vec![
            Seen::Workload {
                object: Workload::Deployment(serde_json::from_value(self.deployment()).unwrap()),
            },
            Seen::ReplicaSet {
                object: serde_json::from_value(replica_set()).unwrap(),
            },
            Seen::Pod {
                object: serde_json::from_value(self.pod()).unwrap(),
            },
        ];
        seen.extend(self.event());
        seen.extend(listed.map(|(resource, uid)| Seen::Listed {
            resource,
            uids: [uid.to_owned()].into_iter().collect(),
        }));
        seen
    }

    fn deployment(&self) -> Value {
        let failure = json!([{
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": self.text,
            "lastTransitionTime": AT, "lastUpdateTime": AT,
        }]);
        let conditions = if self.place % 6 == 3 {
            failure
        } else {
            json!([])
        };
        json!({
            "metadata": { "name": "web", "namespace": "shop", "uid": "d1", "generation": 2, "creationTimestamp": AT },
            "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "web" } }, "template": template() },
            "status": { "observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1, "conditions": conditions },
        })
    }

    fn pod(&self) -> Value {
        let state = match self.place % 6 {
            1 => json!({ "waiting": { "reason": self.of(&WAITING), "message": self.text } }),
            2 => json!({ "terminated": {
                "exitCode": 1, "reason": self.of(&ENDED), "message": self.text,
                "startedAt": AT, "finishedAt": AT,
            } }),
            _ => json!({ "running": { "startedAt": AT } }),
        };
        let scheduled = if self.place % 6 == 4 {
            json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": self.text, "lastTransitionTime": AT })
        } else {
            json!({ "type": "PodScheduled", "status": "True", "lastTransitionTime": AT })
        };
        json!({
            "metadata": {
                "name": "web-1-a", "namespace": "shop", "uid": "p1", "creationTimestamp": AT,
                "labels": { "app": "web", "pod-template-hash": "1" },
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "r1", "controller": true }],
            },
            "spec": { "containers": [container()], "nodeName": if self.place % 6 == 4 { Value::Null } else { json!("node-1") } },
            "status": {
                "phase": "Pending", "conditions": [scheduled],
                "containerStatuses": [{
                    "name": "app", "image": "a", "imageID": "", "ready": false, "started": false,
                    "restartCount": i32::from(self.times), "state": state, "lastState": {},
                }],
            },
        })
    }

    fn event(&self) -> Option<Seen> {
        let about = match self.place % 6 {
            0 => {
                json!({ "kind": "Pod", "name": "web-1-a", "namespace": "shop", "uid": "p1", "fieldPath": "spec.containers{app}" })
            }
            5 => json!({ "kind": "ReplicaSet", "name": "web-1", "namespace": "shop", "uid": "r1" }),
            _ => return None,
        };
        let reason = if self.place % 6 == 5 {
            "FailedCreate"
        } else {
            self.of(&EVENTS)
        };
        let event = json!({
            "metadata": { "name": "e1", "namespace": "shop", "uid": "e1" }, "involvedObject": about,
            "reason": reason, "message": self.text, "type": "Warning", "count": i32::from(self.times),
            "firstTimestamp": AT, "lastTimestamp": "1970-01-01T00:16:40Z",
        });
        Some(Seen::Event {
            object: serde_json::from_value(event).unwrap(),
        })
    }
}

fn container() -> Value {
    json!({
        "name": "app", "image": "registry.test/a:1",
        "readinessProbe": { "exec": { "command": ["check"] } },
        "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
    })
}

fn template() -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [container()] } })
}

fn replica_set() -> Value {
    let mut template = template();
    template["metadata"]["labels"]["pod-template-hash"] = json!("1");
    json!({
        "metadata": {
            "name": "web-1", "namespace": "shop", "uid": "r1", "creationTimestamp": AT,
            "annotations": { "deployment.kubernetes.io/revision": "2" },
            "labels": { "app": "web", "pod-template-hash": "1" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d1", "controller": true }],
        },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "web", "pod-template-hash": "1" } }, "template": template },
        "status": { "replicas": 1 },
    })
}
