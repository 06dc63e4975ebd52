//! Removes what a trace must not give away: values of environment variables, arguments, headers, hosts
//! and queries of probes, options of volumes, annotations, addresses, the last words of containers, and
//! bodies of answers that no judgement needs.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::{
    Container, ContainerState, HTTPGetAction, LifecycleHandler, Node, Pod, PodSpec, PodStatus,
    PodTemplateSpec, Probe, Volume,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rollguard_core::foreign_text::without_secrets;
use rollguard_core::http::{DEFAULT_CONTAINER_ANNOTATION, HttpAnswer, HttpCheck};
use rollguard_core::observation::{Answer, Blindness, EndedRead, FreshRead, Observation, Seen};
use rollguard_core::snapshot::REVISION_ANNOTATION;
use rollguard_core::traffic::HttpRoute;
use rollguard_core::workload::Workload;

mod words;

pub(super) use words::without_query;

/// The annotations of objects that a trace keeps.
const KEPT: [&str; 3] = [
    REVISION_ANNOTATION,
    // Ties a DaemonSet to its pods where revisions cannot be seen.
    "deprecated.daemonset.template.generation",
    // Says which port a check over HTTP asks.
    DEFAULT_CONTAINER_ANNOTATION,
];
/// What the kubelet says in place of a container's last words (`kuberuntime_container.go`,
/// `kubelet_pods.go`).
const NOT_THE_CONTAINERS: [&str; 3] =
    ["StartError", "ContainerCannotRun", "ContainerStatusUnknown"];
/// Of a container's last words, what a judgement needs: the shell or the runtime says it.
const TELLING: &str = "exec format error";

/// Replaces confidential values by `***1`, `***2` and so on: the same value by the same mask
/// throughout a trace, because two templates that differ in one value only must stay different,
/// and equal ones equal, for a replay to tell revisions apart.
#[derive(Debug, Default)]
pub struct Redactor {
    masks: HashMap<String, String>,
    checks: Vec<HttpCheck>,
}

/// One observation by itself, redacted.
#[must_use]
pub fn redact(observation: &Observation) -> Observation {
    Redactor::default().redact(observation)
}

impl Redactor {
    /// For a session with these HTTP checks.
    #[must_use]
    pub fn new(checks: Vec<HttpCheck>) -> Self {
        Self {
            checks,
            ..Self::default()
        }
    }

    /// An observation with everything masked that a trace must not give away.
    #[must_use]
    pub fn redact(&mut self, observation: &Observation) -> Observation {
        let mut observation = observation.clone();
        match &mut observation.seen {
            Seen::Workload { object } => self.workload(object),
            Seen::ReplicaSet { object } => {
                metadata(&mut object.metadata);
                let status = object.status.as_mut();
                let conditions = status.and_then(|it| it.conditions.as_mut());
                self.words(conditions.into_iter().flatten().map(|it| &mut it.message));
                let spec = object.spec.as_mut();
                if let Some(template) = spec.and_then(|spec| spec.template.as_mut()) {
                    self.template(template);
                }
            }
            Seen::Pod { object } => self.pod(object),
            Seen::Event { object } => {
                metadata(&mut object.metadata);
                self.words([&mut object.message]);
            }
            Seen::ControllerRevision { object } => {
                metadata(&mut object.metadata);
                // A whole pod template; which revision it is stands outside of it.
                object.data = None;
            }
            Seen::Node { object } => node(object),
            Seen::Answered { check, answer, .. } => match answer {
                Answer::Came { answer } => self.answer(*check, answer),
                Answer::Failed { message } => self.text(message),
            },
            Seen::Blind { why, .. } => self.blindness(why),
            Seen::Reread(EndedRead { read, .. }) => match read {
                FreshRead::Found { object } => self.workload(object),
                FreshRead::Blind { why } => self.blindness(why),
                FreshRead::NotFound => {}
            },
            Seen::Traffic { objects } => {
                for unseen in &mut objects.unseen {
                    self.text(&mut unseen.why);
                }
                let routes = objects.routes.iter_mut().flatten();
                let conditions = routes.flat_map(HttpRoute::messages_mut);
                let events = objects.service_events.iter_mut();
                for message in conditions.chain(events.map(|it| &mut it.message)) {
                    self.text(message);
                }
            }
            Seen::Gone { .. } | Seen::Listed { .. } | Seen::LookedUp { .. } | Seen::Tick => {}
        }
        observation
    }

    fn blindness(&mut self, why: &mut Blindness) {
        match why {
            Blindness::Forbidden { message }
            | Blindness::Unauthorized { message }
            | Blindness::Disconnected { message } => self.text(message),
        }
    }

    fn workload(&mut self, workload: &mut Workload) {
        match workload {
            Workload::Deployment(it) => {
                metadata(&mut it.metadata);
                let conditions = it.status.as_mut().and_then(|it| it.conditions.as_mut());
                self.words(conditions.into_iter().flatten().map(|it| &mut it.message));
                if let Some(spec) = &mut it.spec {
                    self.template(&mut spec.template);
                }
            }
            Workload::StatefulSet(it) => {
                metadata(&mut it.metadata);
                if let Some(spec) = &mut it.spec {
                    self.template(&mut spec.template);
                    for claim in spec.volume_claim_templates.iter_mut().flatten() {
                        metadata(&mut claim.metadata);
                    }
                }
            }
            Workload::DaemonSet(it) => {
                metadata(&mut it.metadata);
                if let Some(spec) = &mut it.spec {
                    self.template(&mut spec.template);
                }
            }
            Workload::Job(it) => {
                metadata(&mut it.metadata);
                let conditions = it.status.as_mut().and_then(|it| it.conditions.as_mut());
                self.words(conditions.into_iter().flatten().map(|it| &mut it.message));
                if let Some(spec) = &mut it.spec {
                    self.template(&mut spec.template);
                }
            }
        }
    }

    /// Drops a body that does not decide.
    fn answer(&self, check: usize, answer: &mut HttpAnswer) {
        let without = HttpAnswer {
            body: String::new(),
            ..answer.clone()
        };
        let decides = self
            .checks
            .get(check)
            .is_some_and(|check| check.judge(answer).is_ok() != check.judge(&without).is_ok());
        if !decides {
            *answer = without;
        }
    }

    fn pod(&mut self, pod: &mut Pod) {
        metadata(&mut pod.metadata);
        if let Some(spec) = &mut pod.spec {
            self.spec(spec);
        }
        if let Some(status) = &mut pod.status {
            self.status(status);
        }
    }

    fn status(&mut self, status: &mut PodStatus) {
        status.host_ip = None;
        status.host_ips = None;
        status.pod_ip = None;
        status.pod_ips = None;
        self.words([&mut status.message]);
        let conditions = status.conditions.iter_mut().flatten();
        self.words(conditions.map(|it| &mut it.message));
        let lists = [
            &mut status.init_container_statuses,
            &mut status.container_statuses,
            &mut status.ephemeral_container_statuses,
        ];
        for it in lists.into_iter().flatten().flatten() {
            for state in [&mut it.state, &mut it.last_state].into_iter().flatten() {
                self.state(state);
            }
        }
    }

    fn state(&mut self, state: &mut ContainerState) {
        if let Some(waiting) = &mut state.waiting {
            self.words([&mut waiting.message]);
        }
        let Some(end) = &mut state.terminated else {
            return;
        };
        let reason = end.reason.as_deref().unwrap_or_default();
        if NOT_THE_CONTAINERS.contains(&reason) {
            self.words([&mut end.message]);
        } else if let Some(message) = &mut end.message {
            // As good as a log.
            if message.contains(TELLING) {
                TELLING.clone_into(message);
            } else {
                self.mask(message);
            }
        }
    }

    fn template(&mut self, template: &mut PodTemplateSpec) {
        if let Some(metadata) = &mut template.metadata {
            metadata.managed_fields = None;
            // The names stay: `kubectl rollout restart` changes nothing but an annotation.
            self.values(
                metadata
                    .annotations
                    .iter_mut()
                    .flat_map(BTreeMap::values_mut),
            );
        }
        if let Some(spec) = &mut template.spec {
            self.spec(spec);
        }
    }

    fn spec(&mut self, spec: &mut PodSpec) {
        let init = spec.init_containers.iter_mut().flatten();
        for container in init.chain(&mut spec.containers) {
            self.container(container);
        }
        for container in spec.ephemeral_containers.iter_mut().flatten() {
            let env = container.env.iter_mut().flatten();
            self.values(env.filter_map(|variable| variable.value.as_mut()));
            self.values(container.args.iter_mut().flatten());
            self.values(container.command.iter_mut().flatten().skip(1));
        }
        for host in spec.host_aliases.iter_mut().flatten() {
            self.mask(&mut host.ip);
        }
        for volume in spec.volumes.iter_mut().flatten() {
            self.volume(volume);
        }
    }

    /// The parameters of its driver: accounts, shares, and in bad habits keys.
    fn volume(&mut self, volume: &mut Volume) {
        let csi = volume.csi.as_mut();
        let attributes = csi.and_then(|it| it.volume_attributes.as_mut());
        let flex = volume.flex_volume.as_mut();
        let options = flex.and_then(|it| it.options.as_mut());
        let both = [attributes, options].into_iter().flatten();
        self.values(both.flat_map(BTreeMap::values_mut));
    }

    fn container(&mut self, container: &mut Container) {
        let env = container.env.iter_mut().flatten();
        self.values(env.filter_map(|variable| variable.value.as_mut()));
        self.values(container.args.iter_mut().flatten());
        // The program itself is what a report names.
        self.values(container.command.iter_mut().flatten().skip(1));
        let probes = [
            &mut container.startup_probe,
            &mut container.readiness_probe,
            &mut container.liveness_probe,
        ];
        for probe in probes.into_iter().flatten() {
            self.probe(probe);
        }
        if let Some(lifecycle) = &mut container.lifecycle {
            let hooks = [&mut lifecycle.post_start, &mut lifecycle.pre_stop];
            for hook in hooks.into_iter().flatten() {
                self.hook(hook);
            }
        }
    }

    /// Its command stays: a report quotes it, so readers of the report know it already.
    fn probe(&mut self, probe: &mut Probe) {
        self.values(
            probe
                .tcp_socket
                .iter_mut()
                .filter_map(|it| it.host.as_mut()),
        );
        if let Some(get) = &mut probe.http_get {
            self.get(get);
        }
        let exec = probe.exec.iter_mut();
        let command = exec.flat_map(|exec| exec.command.iter_mut().flatten());
        self.values(command.skip(1));
    }

    /// Keeps the path that is asked for, and removes host and headers.
    fn get(&mut self, get: &mut HTTPGetAction) {
        let headers = get.http_headers.iter_mut().flatten();
        self.values(headers.map(|header| &mut header.value));
        self.values(get.host.iter_mut());
        if let Some(path) = &mut get.path
            && let Some((names, query)) = path.split_once('?')
        {
            let mut query = query.to_owned();
            self.mask(&mut query);
            *path = format!("{names}?{query}");
        }
    }

    fn hook(&mut self, hook: &mut LifecycleHandler) {
        if let Some(get) = &mut hook.http_get {
            self.get(get);
        }
        let command = hook
            .exec
            .iter_mut()
            .flat_map(|exec| exec.command.iter_mut().flatten());
        self.values(command.skip(1));
    }

    fn values<'a>(&mut self, values: impl Iterator<Item = &'a mut String>) {
        for value in values {
            self.mask(value);
        }
    }

    /// Messages of the cluster: a person reads them, and judgements do.
    fn words<'a>(&mut self, messages: impl IntoIterator<Item = &'a mut Option<String>>) {
        for message in messages.into_iter().flatten() {
            self.text(message);
        }
    }

    fn text(&mut self, text: &mut String) {
        *text = words::masked(&without_secrets(text), |part| {
            let mut part = part.to_owned();
            self.mask(&mut part);
            part
        });
    }

    fn mask(&mut self, value: &mut String) {
        // A value that is a mask has been masked before.
        if value.is_empty() || is_mask(value) {
            return;
        }
        let number = self.masks.len() + 1;
        let known = self.masks.entry(value.clone());
        value.clone_from(known.or_insert_with(|| format!("***{number}")));
    }
}

fn is_mask(value: &str) -> bool {
    let digits = value.strip_prefix("***").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
}

/// Its name and labels stay: a pod says on which node it is, and a trace without names is none.
fn node(node: &mut Node) {
    metadata(&mut node.metadata);
    if let Some(spec) = &mut node.spec {
        spec.pod_cidr = None;
        spec.pod_cidrs = None;
        spec.provider_id = None;
    }
    if let Some(status) = &mut node.status {
        status.addresses = None;
        status.images = None;
    }
}

fn metadata(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|name, _| KEPT.contains(&name.as_str()));
        if annotations.is_empty() {
            metadata.annotations = None;
        }
    }
}

#[cfg(test)]
mod tests;
