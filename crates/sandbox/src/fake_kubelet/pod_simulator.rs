//! Writes a script as a sequence of calls (schedule, run, end): keeps the pod's status as a kubelet
//! 1.35 would report it, and records every change of it as a step.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use serde_json::{Map, Value, json};

use super::script::{Action, Step};
use crate::clock::{later, seconds};
use crate::event::{NewEvent, Source};

/// A pod whose main container, the first one, does what the script says; the others run and are
/// ready as soon as it was created.
pub(super) struct PodSimulator {
    pod: Pod,
    began: Timestamp,
    at: Duration,
    steps: Vec<Step>,
    conditions: Map<String, Value>,
    state: Value,
    last: Value,
    restarts: i64,
    ready: bool,
    started: bool,
    stage: Stage,
    /// Whether the pod's sandbox cannot be made, for want of a network or a volume.
    stuck: bool,
    /// The phase of a pod that has ended as a whole.
    phase: Option<&'static str>,
}

/// How far the pod came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// No node has it.
    Unbound,
    /// A node has it.
    Bound,
    /// Its containers were created.
    Created,
}

impl PodSimulator {
    pub(super) fn new(pod: &Pod, began: Timestamp) -> Self {
        Self {
            pod: pod.clone(),
            began,
            at: Duration::ZERO,
            steps: Vec::new(),
            conditions: Map::new(),
            state: waiting("ContainerCreating", None),
            last: json!({}),
            restarts: 0,
            ready: false,
            started: false,
            stage: Stage::Unbound,
            stuck: false,
            phase: None,
        }
    }

    /// The whole script.
    pub(super) fn finish(self) -> Vec<Step> {
        self.steps
    }

    /// Time since the pod's creation.
    pub(super) fn at(&self) -> Duration {
        self.at
    }

    /// The cluster's time.
    pub(super) fn time(&self) -> Timestamp {
        later(self.began, self.at)
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) {
        self.at += time;
    }

    /// Lets time pass until some time after the creation, if that is not yet over.
    pub(super) fn wait_until(&mut self, at: Duration) {
        self.at = self.at.max(at);
    }

    /// The name of the main container.
    pub(super) fn container(&self) -> String {
        self.main_container()
            .map(|it| it.name.clone())
            .unwrap_or_default()
    }

    /// The image of the main container.
    pub(super) fn image(&self) -> String {
        self.main_container()
            .and_then(|it| it.image.clone())
            .unwrap_or_default()
    }

    /// The main container's probe, by its field.
    pub(super) fn probe(&self, pick: impl Fn(&Container) -> Option<&Probe>) -> Option<&Probe> {
        pick(self.main_container()?)
    }

    /// The pod as the kubelet names it in messages: `name_namespace(uid)`.
    pub(super) fn pod_reference(&self) -> String {
        let part = |it: &Option<String>| it.clone().unwrap_or_default();
        let metadata = &self.pod.metadata;
        format!(
            "{}_{}({})",
            part(&metadata.name),
            part(&metadata.namespace),
            part(&metadata.uid)
        )
    }

    /// The scheduler finds no node.
    pub(super) fn unschedulable(&mut self, message: &str) {
        self.condition("PodScheduled", Some(("Unschedulable", message)));
        let status = json!({"phase": "Pending", "conditions": self.shown_conditions()});
        self.record(Action::Status { node: None, status });
        self.event(NewEvent::warning(
            Source::Scheduler,
            "FailedScheduling",
            message,
        ));
    }

    /// The scheduler binds the pod, the kubelet takes it up.
    pub(super) fn schedule(&mut self) {
        let metadata = &self.pod.metadata;
        let message = format!(
            "Successfully assigned {}/{} to {}",
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
            self.node(),
        );
        self.condition("PodScheduled", None);
        self.stage = Stage::Bound;
        self.event(NewEvent::normal(Source::Scheduler, "Scheduled", message));
        self.report();
    }

    /// The node that was chosen for the pod.
    fn node(&self) -> &str {
        let spec = self.pod.spec.as_ref();
        spec.and_then(|it| it.node_name.as_deref())
            .unwrap_or_default()
    }

    /// The pod's sandbox cannot be made, or can be again.
    pub(super) fn be_stuck(&mut self, stuck: bool) {
        self.stuck = stuck;
        self.report();
    }

    /// The main container waits.
    pub(super) fn hold(&mut self, reason: &str, message: &str) {
        self.state = waiting(reason, Some(message));
        self.ready = false;
        self.started = false;
        self.report();
    }

    /// Only events: the image is there and a container is made of it.
    pub(super) fn create(&mut self) {
        let image = self.image();
        self.kubelet(
            "Pulled",
            &format!(
                "Container image \"{image}\" already present on machine and can be accessed by the pod"
            ),
        );
        self.kubelet("Created", "Container created");
        self.stage = Stage::Created;
    }

    /// The main container runs.
    pub(super) fn run(&mut self) {
        self.create();
        self.kubelet("Started", "Container started");
        self.state = json!({"running": {"startedAt": self.now()}});
        self.started = self
            .probe(|container| container.startup_probe.as_ref())
            .is_none();
        self.report();
    }

    /// The main container, and with it the pod, becomes ready.
    pub(super) fn become_ready(&mut self) {
        self.started = true;
        self.ready = true;
        self.report();
    }

    /// The main container runs on, and is not ready any more.
    pub(super) fn become_unready(&mut self) {
        self.ready = false;
        self.report();
    }

    /// The main container ends. Its exit is reported at once.
    pub(super) fn end(&mut self, exit_code: i32, reason: &str) {
        self.end_saying(exit_code, reason, "");
    }

    /// The same for a container that wrote these last words, if any.
    pub(super) fn end_saying(&mut self, exit_code: i32, reason: &str, last_words: &str) {
        let began = self.state.pointer("/running/startedAt").cloned();
        self.state = json!({"terminated": {
            "exitCode": exit_code,
            "reason": reason,
            "startedAt": began.unwrap_or_else(|| json!(self.now())),
            "finishedAt": self.now(),
            "containerID": self.container_id(self.restarts),
        }});
        if !last_words.is_empty() {
            self.state["terminated"]["message"] = json!(last_words);
        }
        self.ready = false;
        self.started = false;
        self.report();
    }

    /// The main container ends, and the pod with it: its restart policy starts no other instance.
    pub(super) fn end_for_good(&mut self, exit_code: i32, reason: &str) {
        self.phase = Some(if exit_code == 0 {
            "Succeeded"
        } else {
            "Failed"
        });
        self.end(exit_code, reason);
    }

    /// As [`PodSimulator::end`], with a message of the runtime.
    pub(super) fn end_with_message(&mut self, exit_code: i32, reason: &str, message: &str) {
        self.create();
        let epoch = "1970-01-01T00:00:00Z";
        self.state = json!({"terminated": {
            "exitCode": exit_code,
            "reason": reason,
            "message": message,
            "startedAt": epoch,
            "finishedAt": self.now(),
            "containerID": self.container_id(self.restarts),
        }});
        self.kubelet_warning("Failed", &format!("Error: {message}"));
        self.report();
    }

    /// The end becomes the last state, and the container is run once more.
    pub(super) fn restart(&mut self) {
        self.remember_end();
        self.restarts += 1;
    }

    /// The container waits in back-off after its end.
    pub(super) fn back_off(&mut self, delay: Duration) {
        self.remember_end();
        let (container, pod) = (self.container(), self.pod_reference());
        let shown = shown(delay);
        self.kubelet_warning(
            "BackOff",
            &format!("Back-off restarting failed container {container} in pod {pod}"),
        );
        self.hold(
            "CrashLoopBackOff",
            &format!("back-off {shown} restarting failed container={container} pod={pod}"),
        );
    }

    /// The main container writes lines.
    pub(super) fn log(&mut self, lines: &[String]) {
        for line in lines {
            self.record(Action::Log {
                container: self.container(),
                instance: self.restarts,
                line: line.clone(),
            });
        }
    }

    /// The kubelet reports something about the main container.
    pub(super) fn kubelet(&mut self, reason: &str, message: &str) {
        let event = NewEvent::normal(Source::Kubelet, reason, message);
        self.event(event.about_container(&self.container()));
    }

    /// The kubelet warns about the main container.
    pub(super) fn kubelet_warning(&mut self, reason: &str, message: &str) {
        let event = NewEvent::warning(Source::Kubelet, reason, message);
        self.event(event.about_container(&self.container()));
    }

    fn event(&mut self, event: NewEvent) {
        self.record(Action::Event(event));
    }

    fn record(&mut self, action: Action) {
        let after = self.at;
        self.steps.push(Step { after, action });
    }

    fn is_created(&self) -> bool {
        self.stage == Stage::Created
    }

    fn remember_end(&mut self) {
        if self.state.get("terminated").is_some() {
            self.last = std::mem::replace(&mut self.state, json!({}));
        }
    }

    fn main_container(&self) -> Option<&Container> {
        self.pod.spec.as_ref()?.containers.first()
    }

    fn now(&self) -> String {
        seconds(self.time())
    }

    /// Notes the status as it is now.
    fn report(&mut self) {
        let containers = self.container_statuses();
        let inits = self.init_statuses();
        let unready: Vec<&str> = containers
            .iter()
            .filter(|it| it["ready"] == false)
            .filter_map(|it| it["name"].as_str())
            .collect();
        let message = format!("containers with unready status: [{}]", unready.join(" "));
        let because = (!unready.is_empty()).then_some(("ContainersNotReady", message.as_str()));
        let ran = self.state.get("waiting").is_none() || self.last.get("terminated").is_some();
        self.condition("PodReadyToStartContainers", self.stuck.then_some(("", "")));
        self.condition("Initialized", None);
        self.condition("Ready", because);
        self.condition("ContainersReady", because);
        let mut status = json!({
            "phase": self.phase.unwrap_or(if ran { "Running" } else { "Pending" }),
            "observedGeneration": 1,
            "conditions": self.shown_conditions(),
            "hostIP": "10.224.0.4", "hostIPs": [{"ip": "10.224.0.4"}],
            "startTime": seconds(self.began),
            "containerStatuses": containers,
        });
        if !inits.is_empty() {
            status["initContainerStatuses"] = json!(inits);
        }
        if ran || self.is_created() {
            status["podIP"] = json!("10.244.0.10");
            status["podIPs"] = json!([{"ip": "10.244.0.10"}]);
        }
        let node = (self.stage >= Stage::Bound).then(|| self.node().to_owned());
        self.record(Action::Status { node, status });
    }

    /// Sets a condition: true, or false for a reason.
    fn condition(&mut self, kind: &str, because: Option<(&str, &str)>) {
        let status = if because.is_some() { "False" } else { "True" };
        let since = match self.conditions.get(kind) {
            Some(old) if old["status"] == status => old["lastTransitionTime"].clone(),
            Some(_) | None => json!(self.now()),
        };
        let mut condition = json!({
            "type": kind, "status": status, "observedGeneration": 1,
            "lastProbeTime": null, "lastTransitionTime": since,
        });
        // Not all say why.
        if let Some((reason, message)) = because.filter(|(reason, _)| !reason.is_empty()) {
            condition["reason"] = json!(reason);
            condition["message"] = json!(message);
        }
        self.conditions.insert(kind.to_owned(), condition);
    }

    fn shown_conditions(&self) -> Vec<&Value> {
        const ORDER: [&str; 5] = [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled",
        ];
        ORDER
            .iter()
            .filter_map(|kind| self.conditions.get(*kind))
            .collect()
    }

    fn container_statuses(&self) -> Vec<Value> {
        let containers = self
            .pod
            .spec
            .as_ref()
            .map(|spec| spec.containers.as_slice());
        let mut statuses = Vec::new();
        for (index, container) in containers.unwrap_or_default().iter().enumerate() {
            let mut status = if index == 0 {
                let mut status = json!({
                    "state": self.state, "lastState": self.last,
                    "ready": self.ready, "started": self.started, "restartCount": self.restarts,
                });
                if self.is_created() {
                    status["containerID"] = json!(self.container_id(self.restarts));
                }
                status
            } else if self.is_created() {
                json!({"state": {"running": {"startedAt": self.now()}}, "lastState": {},
                       "ready": true, "started": true, "restartCount": 0})
            } else {
                json!({"state": waiting("ContainerCreating", None), "lastState": {},
                       "ready": false, "started": false, "restartCount": 0})
            };
            let image = container.image.clone().unwrap_or_default();
            status["imageID"] = json!(if self.is_created() {
                image_id(&image)
            } else {
                String::new()
            });
            status["name"] = json!(container.name);
            status["image"] = json!(image);
            statuses.push(status);
        }
        statuses
    }

    /// Init containers are done before anything is reported of the others.
    fn init_statuses(&self) -> Vec<Value> {
        let inits = self
            .pod
            .spec
            .as_ref()
            .and_then(|it| it.init_containers.as_ref());
        let done = json!({"terminated": {
            "exitCode": 0, "reason": "Completed",
            "startedAt": seconds(self.began), "finishedAt": seconds(self.began),
        }});
        inits
            .into_iter()
            .flatten()
            .map(|container| {
                let image = container.image.clone().unwrap_or_default();
                json!({"name": container.name, "image": image, "imageID": image_id(&image),
                       "state": done, "lastState": {}, "ready": true, "started": false,
                       "restartCount": 0})
            })
            .collect()
    }

    fn container_id(&self, instance: i64) -> String {
        let uid = self.pod.metadata.uid.clone().unwrap_or_default();
        format!("containerd://{}{instance:032x}", uid.replace('-', ""))
    }
}

fn waiting(reason: &str, message: Option<&str>) -> Value {
    let mut waiting = json!({"reason": reason});
    if let Some(message) = message {
        waiting["message"] = json!(message);
    }
    json!({"waiting": waiting})
}

/// As Go prints a duration: `10s`, `2m40s`, `5m0s`.
fn shown(delay: Duration) -> String {
    match (delay.as_secs() / 60, delay.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// One digest per image reference.
fn image_id(image: &str) -> String {
    let hash = image.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let repository = match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        Some(_) | None => image,
    };
    format!("{repository}@sha256:{}", format!("{hash:016x}").repeat(4))
}
