//! The kubelet and the scheduler of the cluster: plays a script per pod instead of running containers.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{Cluster, Deletion};
use crate::clock::{later, seconds};
use crate::event::{Happening, Source};
use crate::fake_kubelet::{Answer, Play, Scene};
use crate::node;
use crate::object::{being_deleted, int_or, items, text, uid};
use crate::store::Key;

impl Cluster {
    /// A pod came to be: begins its script. Returns when its next step is due.
    pub(crate) fn begin_play(&mut self, key: &Key, pod: &Value) -> Option<Timestamp> {
        let typed = Pod::deserialize(pod).ok()?;
        let script = self.cast.script_for(&typed);
        let play = Play {
            key: key.clone(),
            began: self.now(),
            steps: VecDeque::new(),
            stops_in: script.stops_in(),
            ends: None,
            node: None,
            asleep: true,
            status: None,
            script,
        };
        self.cast.plays.insert(uid(pod).to_owned(), play);
        self.wake(uid(pod))
    }

    /// Begins what waits for a node, if one has come. Returns when its next step is due.
    fn wake(&mut self, pod_uid: &str) -> Option<Timestamp> {
        let key = self.cast.plays.get(pod_uid)?.key.clone();
        let pod = self.store.get(&key).cloned()?;
        if being_deleted(&pod) {
            return None;
        }
        let mut typed = Pod::deserialize(&*pod).ok()?;
        let on = |node: &str| {
            let plays = self.cast.plays.values();
            plays.filter(|it| it.node.as_deref() == Some(node)).count()
        };
        let node = match node::choose(&self.store, &pod, on) {
            Ok(node) => node,
            Err(message) => {
                self.tell_unscheduled(&key, &message);
                return None;
            }
        };
        typed.spec.get_or_insert_default().node_name = Some(node.clone());
        let began = self.now();
        if !node::is_alive(&self.store, &node) {
            self.bind_only(&key, &pod, &node);
            self.cast.plays.get_mut(pod_uid)?.node = Some(node);
            return None;
        }
        let play = self.cast.plays.get_mut(pod_uid)?;
        play.steps = play.script.steps(&typed, began);
        play.began = began;
        play.node = Some(node);
        play.asleep = false;
        play.due()
    }

    /// No node fits: told of once, until the reason is another one.
    fn tell_unscheduled(&mut self, key: &Key, message: &str) {
        let now = seconds(self.now());
        let changed = self.modify(key, |pod| {
            let told = items(pod, "/status/conditions")
                .iter()
                .any(|it| text(it, "/message") == message);
            if !told {
                pod["status"]["conditions"] = json!([{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": message, "lastProbeTime": null, "lastTransitionTime": now,
                    "observedGeneration": 1,
                }]);
            }
        });
        if changed {
            let happening = Happening::warning(Source::Scheduler, "FailedScheduling", message);
            self.record(key, &happening);
        }
    }

    /// The scheduler binds the pod to a node whose kubelet does not take it up.
    fn bind_only(&mut self, key: &Key, pod: &Value, node: &str) {
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
            &Happening::normal(Source::Scheduler, "Scheduled", message),
        );
    }

    /// The pods that a change of a node may concern, by uid.
    pub(crate) fn plays(&self) -> Vec<String> {
        self.cast.plays.keys().cloned().collect()
    }

    /// What a pod answers to a request over HTTP; refused when nothing of it runs.
    pub(crate) fn answer_of(&self, pod: &Value, (port, path): (u16, &str)) -> Answer {
        let runs = items(pod, "/status/containerStatuses")
            .iter()
            .any(|it| it.pointer("/state/running").is_some());
        let dead = !node::is_alive(&self.store, text(pod, "/spec/nodeName"));
        let Some(play) = self.cast.plays.get(uid(pod)).filter(|_| runs) else {
            return Answer::refused();
        };
        if dead {
            return Answer::unreachable("i/o timeout");
        }
        let age = Duration::try_from(self.now().duration_since(play.began)).unwrap_or_default();
        play.script.answer(age, (port, path))
    }

    /// A pod is being deleted: its containers are told to stop, and it goes when they have.
    pub(crate) fn stop_play(&mut self, pod: &Value) -> Option<Timestamp> {
        let now = self.now();
        let play = self.cast.plays.get_mut(uid(pod))?;
        if play.ends.is_some() {
            return play.ends;
        }
        let grace = int_or(pod, "/metadata/deletionGracePeriodSeconds", 30);
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or_default());
        play.ends = Some(later(now, play.stops_in.min(grace)));
        play.steps.clear();
        let (key, ends) = (play.key.clone(), play.ends);
        for status in items(pod, "/status/containerStatuses") {
            if status.pointer("/state/running").is_some() {
                let name = text(status, "/name");
                let message = format!("Stopping container {name}");
                self.record(
                    &key,
                    &Happening::normal(Source::Kubelet, "Killing", message).about_container(name),
                );
            }
        }
        ends
    }

    /// Plays the steps that are due. Returns when the next one is.
    pub(crate) fn go_on(&mut self, pod_uid: &str) -> Option<Timestamp> {
        let now = self.now();
        loop {
            let play = self.cast.plays.get_mut(pod_uid)?;
            if let Some(node) = play.node.clone()
                && !node::is_alive(&self.store, &node)
            {
                return None;
            }
            if play.asleep && play.ends.is_none() {
                return self.wake(pod_uid);
            }
            self.report_again(pod_uid);
            let play = self.cast.plays.get_mut(pod_uid)?;
            let due = play.due()?;
            if due > now {
                return Some(due);
            }
            let key = play.key.clone();
            if play.ends.is_some() {
                self.cast.plays.remove(pod_uid);
                let at_once = Deletion {
                    grace_period_seconds: Some(0),
                    ..Deletion::default()
                };
                // Gone already is as good.
                let _ = self.delete(&key, &at_once);
                return None;
            }
            let step = play.steps.pop_front()?;
            self.perform(&key, pod_uid, step.scene);
        }
    }

    /// A pod is gone.
    pub(crate) fn end_play(&mut self, pod_uid: &str) {
        self.cast.plays.remove(pod_uid);
        self.logs.forget(pod_uid);
    }

    /// A kubelet that is back corrects what was said about its pods meanwhile.
    fn report_again(&mut self, pod_uid: &str) {
        let Some(play) = self.cast.plays.get(pod_uid) else {
            return;
        };
        let (key, status) = (play.key.clone(), play.status.clone());
        if let Some(status) = status {
            self.modify(&key, |pod| pod["status"] = status);
        }
    }

    fn perform(&mut self, key: &Key, pod_uid: &str, scene: Scene) {
        match scene {
            Scene::Status { node, mut status } => {
                let play = self.cast.plays.get_mut(pod_uid);
                let node = match (node, &play) {
                    (Some(recorded), Some(play)) => play.node.clone().or(Some(recorded)),
                    (node, _) => node,
                };
                let pod = self.store.get(key);
                let class = pod.map_or(Value::Null, |it| it["status"]["qosClass"].clone());
                status["qosClass"] = class;
                crate::object::prune_nulls(&mut status);
                if let Some(play) = play {
                    play.status = Some(status.clone());
                }
                self.modify(key, |pod| {
                    pod["status"] = status;
                    if let Some(node) = node {
                        pod["spec"]["nodeName"] = json!(node);
                    }
                });
            }
            Scene::Event(happening) => self.record(key, &happening),
            Scene::Log {
                container,
                instance,
                line,
            } => {
                let now = self.now();
                self.logs.write((pod_uid, &container, instance), now, &line);
            }
        }
    }
}
