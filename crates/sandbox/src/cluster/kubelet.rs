//! The scheduler and the kubelet of the cluster: runs a script per pod instead of containers.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{Cluster, Deletion};
use crate::clock::{later, seconds};
use crate::event::{NewEvent, Source};
use crate::fake_kubelet::{Action, Answer, PodRequest, PodRun};
use crate::log::ContainerRun;
use crate::node;
use crate::object::{being_deleted, int_or, items, text, uid};
use crate::store::Key;

impl Cluster {
    /// Begins the script of a new pod. Returns when its next step is due.
    pub(crate) fn start_pod(&mut self, key: &Key, pod: &Value) -> Option<Timestamp> {
        let typed = Pod::deserialize(pod).ok()?;
        let script = self.kubelet.script_for(&typed);
        let run = PodRun {
            key: key.clone(),
            began: self.now(),
            steps: VecDeque::new(),
            stops_in: script.stops_in(),
            stops_at: None,
            node: None,
            waiting: true,
            status: None,
            script,
        };
        self.kubelet.runs.insert(uid(pod).to_owned(), run);
        self.try_start(uid(pod))
    }

    /// Begins the script of a pod that waits for a node, if one fits now. Returns when its next step
    /// is due.
    fn try_start(&mut self, pod_uid: &str) -> Option<Timestamp> {
        let key = self.kubelet.runs.get(pod_uid)?.key.clone();
        let pod = self.store.get(&key).cloned()?;
        if being_deleted(&pod) {
            return None;
        }
        let mut typed = Pod::deserialize(&*pod).ok()?;
        let load = |node: &str| {
            let runs = self.kubelet.runs.values();
            runs.filter(|it| it.node.as_deref() == Some(node)).count()
        };
        let node = match node::choose(&self.store, &pod, load) {
            Ok(node) => node,
            Err(message) => {
                self.report_unschedulable(&key, &message);
                return None;
            }
        };
        typed.spec.get_or_insert_default().node_name = Some(node.clone());
        let began = self.now();
        if !node::is_alive(&self.store, &node) {
            self.bind(&key, &pod, &node);
            self.kubelet.runs.get_mut(pod_uid)?.node = Some(node);
            return None;
        }
        let run = self.kubelet.runs.get_mut(pod_uid)?;
        run.steps = run.script.steps(&typed, began);
        run.began = began;
        run.node = Some(node);
        run.waiting = false;
        run.due()
    }

    /// Reports that no node fits; once, until the reason changes.
    fn report_unschedulable(&mut self, key: &Key, message: &str) {
        let now = seconds(self.now());
        let changed = self.modify(key, |pod| {
            let reported = items(pod, "/status/conditions")
                .iter()
                .any(|it| text(it, "/message") == message);
            if !reported {
                pod["status"]["conditions"] = json!([{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": message, "lastProbeTime": null, "lastTransitionTime": now,
                    "observedGeneration": 1,
                }]);
            }
        });
        if changed {
            let event = NewEvent::warning(Source::Scheduler, "FailedScheduling", message);
            self.record(key, &event);
        }
    }

    /// Binds the pod to a node whose kubelet does not start it.
    fn bind(&mut self, key: &Key, pod: &Value, node: &str) {
        if !text(pod, "/spec/nodeName").is_empty() {
            return;
        }
        let now = seconds(self.now());
        self.modify(key, |pod| {
            pod["spec"]["nodeName"] = json!(node);
            pod["status"]["conditions"] = json!([{
                "type": "PodScheduled", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": now, "observedGeneration": 1,
            }]);
        });
        let message = format!(
            "Successfully assigned {}/{} to {node}",
            key.namespace, key.name
        );
        self.record(
            key,
            &NewEvent::normal(Source::Scheduler, "Scheduled", message),
        );
    }

    /// Returns the uids of the pods that have a script; a change of a node may concern each of them.
    pub(crate) fn pod_uids(&self) -> Vec<String> {
        self.kubelet.runs.keys().cloned().collect()
    }

    /// Returns a pod's answer to a request over HTTP; refused when no container of it runs.
    pub(crate) fn answer_of(&self, pod: &Value, request: PodRequest<'_>) -> Answer {
        let runs = items(pod, "/status/containerStatuses")
            .iter()
            .any(|it| it.pointer("/state/running").is_some());
        let dead = !node::is_alive(&self.store, text(pod, "/spec/nodeName"));
        let Some(run) = self.kubelet.runs.get(uid(pod)).filter(|_| runs) else {
            return Answer::refused();
        };
        if dead {
            return Answer::unreachable("i/o timeout");
        }
        let age = Duration::try_from(self.now().duration_since(run.began)).unwrap_or_default();
        run.script.answer(age, request)
    }

    /// Stops the containers of a pod that is being deleted. Returns when they have stopped: the pod
    /// goes away then.
    pub(crate) fn stop_pod(&mut self, pod: &Value) -> Option<Timestamp> {
        let now = self.now();
        let run = self.kubelet.runs.get_mut(uid(pod))?;
        if run.stops_at.is_some() {
            return run.stops_at;
        }
        let grace = int_or(pod, "/metadata/deletionGracePeriodSeconds", 30);
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or_default());
        run.stops_at = Some(later(now, run.stops_in.min(grace)));
        run.steps.clear();
        let (key, stops_at) = (run.key.clone(), run.stops_at);
        for status in items(pod, "/status/containerStatuses") {
            if status.pointer("/state/running").is_some() {
                let name = text(status, "/name");
                let message = format!("Stopping container {name}");
                self.record(
                    &key,
                    &NewEvent::normal(Source::Kubelet, "Killing", message).about_container(name),
                );
            }
        }
        stops_at
    }

    /// Applies the steps that are due. Returns when the next one is.
    pub(crate) fn run_due_steps(&mut self, pod_uid: &str) -> Option<Timestamp> {
        let now = self.now();
        loop {
            let run = self.kubelet.runs.get_mut(pod_uid)?;
            if let Some(node) = run.node.clone()
                && !node::is_alive(&self.store, &node)
            {
                return None;
            }
            if run.waiting && run.stops_at.is_none() {
                return self.try_start(pod_uid);
            }
            self.restore_status(pod_uid);
            let run = self.kubelet.runs.get_mut(pod_uid)?;
            let due = run.due()?;
            if due > now {
                return Some(due);
            }
            let key = run.key.clone();
            if run.stops_at.is_some() {
                self.kubelet.runs.remove(pod_uid);
                let at_once = Deletion {
                    grace_period_seconds: Some(0),
                    ..Deletion::default()
                };
                // Gone already is as good.
                let _ = self.delete(&key, &at_once);
                return None;
            }
            let step = run.steps.pop_front()?;
            self.apply(&key, pod_uid, step.action);
        }
    }

    /// Forgets a pod that is gone, and its logs.
    pub(crate) fn forget_pod(&mut self, pod_uid: &str) {
        self.kubelet.runs.remove(pod_uid);
        self.logs.forget(pod_uid);
    }

    /// Writes the kubelet's own status once more: it corrects what the node controller wrote while
    /// the node was lost.
    fn restore_status(&mut self, pod_uid: &str) {
        let Some(run) = self.kubelet.runs.get(pod_uid) else {
            return;
        };
        let (key, status) = (run.key.clone(), run.status.clone());
        if let Some(status) = status {
            self.modify(&key, |pod| pod["status"] = status);
        }
    }

    fn apply(&mut self, key: &Key, pod_uid: &str, action: Action) {
        match action {
            Action::Status { node, mut status } => {
                let run = self.kubelet.runs.get_mut(pod_uid);
                let node = match (node, &run) {
                    (Some(recorded), Some(run)) => run.node.clone().or(Some(recorded)),
                    (node, _) => node,
                };
                let pod = self.store.get(key);
                let class = pod.map_or(Value::Null, |it| it["status"]["qosClass"].clone());
                status["qosClass"] = class;
                crate::object::prune_nulls(&mut status);
                if let Some(run) = run {
                    run.status = Some(status.clone());
                }
                self.modify(key, |pod| {
                    pod["status"] = status;
                    if let Some(node) = node {
                        pod["spec"]["nodeName"] = json!(node);
                    }
                });
            }
            Action::Event(event) => self.record(key, &event),
            Action::Log {
                container,
                instance,
                line,
            } => {
                let now = self.now();
                let run = ContainerRun {
                    pod_uid: pod_uid.to_owned(),
                    container,
                    instance,
                };
                self.logs.write(run, now, line);
            }
        }
    }
}
