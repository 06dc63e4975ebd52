//! The puppet kubelet: plays a script per pod instead of running containers.

mod actor;
mod built_in;
mod script;
mod trace;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize as _;
use serde_json::{Value, json};

pub use script::Script;

use crate::clock::later;
use crate::cluster::{Cluster, Deletion};
use crate::event::{Happening, Source};
use crate::object::{int_or, items, text, uid};
use crate::store::Key;
use script::{Scene, Step};

/// Which script a pod gets.
pub(crate) type Role = (Arc<dyn Fn(&Pod) -> bool + Send + Sync>, Script);

/// The scripts on offer, and those that are being played.
#[derive(Default)]
pub(crate) struct Cast {
    roles: Vec<Role>,
    plays: BTreeMap<String, Play>,
}

impl fmt::Debug for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cast").finish_non_exhaustive()
    }
}

/// One pod's script, on its way.
struct Play {
    key: Key,
    began: Timestamp,
    steps: VecDeque<Step>,
    stops_in: Duration,
    /// When the pod's containers have stopped and the pod goes away.
    ends: Option<Timestamp>,
}

impl Play {
    fn due(&self) -> Option<Timestamp> {
        self.ends
            .or_else(|| Some(later(self.began, self.steps.front()?.after)))
    }
}

impl Cast {
    pub(crate) fn new(roles: Vec<Role>) -> Self {
        Self {
            roles,
            plays: BTreeMap::new(),
        }
    }

    /// The first script whose matcher takes the pod; healthy when none does.
    fn script_for(&self, pod: &Pod) -> Script {
        self.roles
            .iter()
            .find(|(matches, _)| matches(pod))
            .map_or_else(Script::healthy, |(_, script)| script.clone())
    }
}

impl Cluster {
    /// A pod came to be: begins its script. Returns when its next step is due.
    pub(crate) fn begin_play(&mut self, key: &Key, pod: &Value) -> Option<Timestamp> {
        let typed = Pod::deserialize(pod).ok()?;
        let script = self.cast.script_for(&typed);
        let began = self.now();
        let play = Play {
            key: key.clone(),
            began,
            steps: script.steps(&typed, began),
            stops_in: script.stops_in(),
            ends: None,
        };
        let due = play.due();
        self.cast.plays.insert(uid(pod).to_owned(), play);
        due
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

    fn perform(&mut self, key: &Key, pod_uid: &str, scene: Scene) {
        match scene {
            Scene::Status { node, mut status } => {
                self.modify(key, |pod| {
                    status["qosClass"] = pod["status"]["qosClass"].clone();
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
