//! What a trace does not give away: values of environment variables, arguments, headers of probes,
//! annotations, addresses, and bodies of answers that no judgement needs.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::{
    Container, LifecycleHandler, Node, Pod, PodSpec, PodTemplateSpec, Probe,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rollguard_core::http::{HttpAnswer, HttpCheck};
use rollguard_core::observation::{Answer, Observation, Seen};
use rollguard_core::snapshot::REVISION_ANNOTATION;
use rollguard_core::workload::Workload;

/// The annotations of objects that a trace keeps.
const KEPT: [&str; 3] = [
    REVISION_ANNOTATION,
    // Ties a DaemonSet to its pods where revisions cannot be seen.
    "deprecated.daemonset.template.generation",
    "kubernetes.io/change-cause",
];

/// Replaces what is nobody's business by `***1`, `***2` and so on: the same value by the same mask
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
                let spec = object.spec.as_mut();
                if let Some(template) = spec.and_then(|spec| spec.template.as_mut()) {
                    self.template(template);
                }
            }
            Seen::Pod { object } => self.pod(object),
            Seen::Event { object } => metadata(&mut object.metadata),
            Seen::ControllerRevision { object } => {
                metadata(&mut object.metadata);
                // A whole pod template; which revision it is stands outside of it.
                object.data = None;
            }
            Seen::Node { object } => node(object),
            Seen::Answered { check, answer, .. } => {
                if let Answer::Came { answer } = answer {
                    self.answer(*check, answer);
                }
            }
            Seen::Gone { .. } | Seen::Listed { .. } | Seen::Blind { .. } | Seen::Tick => {}
        }
        observation
    }

    fn workload(&mut self, workload: &mut Workload) {
        match workload {
            Workload::Deployment(it) => {
                metadata(&mut it.metadata);
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
            status.host_ip = None;
            status.host_ips = None;
            status.pod_ip = None;
            status.pod_ips = None;
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

    /// Its command stays: a report quotes it, so it is known to whoever reads the report.
    fn probe(&mut self, probe: &mut Probe) {
        let http = probe.http_get.iter_mut();
        let headers = http.flat_map(|get| get.http_headers.iter_mut().flatten());
        self.values(headers.map(|header| &mut header.value));
    }

    fn hook(&mut self, hook: &mut LifecycleHandler) {
        let http = hook.http_get.iter_mut();
        let headers = http.flat_map(|get| get.http_headers.iter_mut().flatten());
        self.values(headers.map(|header| &mut header.value));
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

    fn mask(&mut self, value: &mut String) {
        if value.is_empty() {
            return;
        }
        let number = self.masks.len() + 1;
        let known = self.masks.entry(value.clone());
        value.clone_from(known.or_insert_with(|| format!("***{number}")));
    }
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
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Every value that must not appear begins with `hush`.
    fn spec(token: &str) -> Value {
        json!({
            "containers": [{
                "name": "app", "image": "web:1",
                "command": ["serve", "--password", token], "args": [token],
                "env": [{"name": "TOKEN", "value": token},
                    {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pw"}}}],
                "readinessProbe": {"httpGet": {"port": 80, "path": "/",
                    "httpHeaders": [{"name": "Authorization", "value": token}]}},
                "lifecycle": {"preStop": {"exec": {"command": ["stop", token]}}},
            }],
            "initContainers": [{"name": "init", "env": [{"name": "A", "value": token}]}],
            "ephemeralContainers": [{"name": "dbg", "args": [token]}],
        })
    }

    fn observation(seen: &Value) -> Observation {
        serde_json::from_value(json!({"at": "2026-01-01T00:00:00Z", "seen": seen})).unwrap()
    }

    fn workload(token: &str) -> Observation {
        observation(&json!({"kind": "workload", "object": {
            "metadata": {"name": "web", "annotations": {
                "deployment.kubernetes.io/revision": "3", "kubernetes.io/change-cause": "v3",
                "owner": "hush@example.com"}},
            "spec": {"selector": {}, "template": {
                "metadata": {"annotations": {"restartedAt": token}}, "spec": spec(token)}},
        }}))
    }

    fn text(observation: &Observation) -> String {
        serde_json::to_string(observation).unwrap()
    }

    #[test]
    fn no_value_is_given_away_and_every_name_stays() {
        let pod = observation(&json!({"kind": "pod", "object": {
            "metadata": {"name": "web-1", "annotations": {"secret": "hush"}}, "spec": spec("hush"),
            "status": {"podIP": "10.9.8.7", "podIPs": [{"ip": "10.9.8.7"}], "hostIP": "10.9.8.6",
                "hostIPs": [{"ip": "10.9.8.6"}], "phase": "Pending"},
        }}));
        for redacted in [text(&redact(&workload("hush"))), text(&redact(&pod))] {
            assert!(!redacted.contains("hush"), "{redacted}");
            assert!(!redacted.contains("10.9.8."), "{redacted}");
            for name in ["TOKEN", "secretKeyRef", "serve", "Authorization", "web:1"] {
                assert!(redacted.contains(name), "{name} in {redacted}");
            }
        }
    }

    #[test]
    fn revision_and_change_cause_stay() {
        let redacted = text(&redact(&workload("hush")));
        assert!(
            redacted.contains(r#""deployment.kubernetes.io/revision":"3""#),
            "{redacted}"
        );
        assert!(
            redacted.contains(r#""kubernetes.io/change-cause":"v3""#),
            "{redacted}"
        );
    }

    #[test]
    fn what_differs_in_a_value_still_differs_and_what_is_equal_stays_equal() {
        let mut redactor = Redactor::default();
        let first = redactor.redact(&workload("hush-1"));
        let second = redactor.redact(&workload("hush-2"));
        assert_ne!(first, second);
        assert_eq!(redactor.redact(&workload("hush-1")), first);
    }

    #[test]
    fn redacting_twice_changes_nothing_that_matters() {
        let once = redact(&workload("hush"));
        assert_eq!(redact(&once).seen, redact(&redact(&once)).seen);
    }

    #[test]
    fn sets_revisions_and_nodes_give_nothing_away_either() {
        let template = json!({"metadata": {}, "spec": spec("hush")});
        let set = |kind: &str| {
            json!({"kind": "workload", "object": {"kind": kind, "metadata": {"name": "db"},
                "spec": {"selector": {}, "serviceName": "", "template": template,
                    "volumeClaimTemplates": [{"metadata": {"annotations": {"a": "hush"}}}]}}})
        };
        let revision = json!({"kind": "controllerRevision", "object": {"revision": 3,
            "metadata": {"name": "db-1"}, "data": {"spec": {"template": template}}}});
        let node = json!({"kind": "node", "object": {"metadata": {"name": "n-1"},
            "spec": {"providerID": "azure://hush", "podCIDR": "hush", "podCIDRs": ["hush"]},
            "status": {"addresses": [{"type": "InternalIP", "address": "hush"}],
                "conditions": [{"type": "Ready", "status": "True"}]}}});
        for (seen, kept) in [
            (set("StatefulSet"), "web:1"),
            (set("DaemonSet"), "web:1"),
            (revision, "\"revision\":3"),
            (node, "Ready"),
        ] {
            let redacted = text(&redact(&observation(&seen)));
            assert!(!redacted.contains("hush"), "{redacted}");
            assert!(redacted.contains(kept), "{kept} in {redacted}");
        }
    }

    #[test]
    fn a_body_stays_only_where_it_decides() {
        let answered = |check: u32, body: &str| {
            observation(
                &json!({"kind": "answered", "pod": "u", "check": check, "answer":
                {"outcome": "came", "status": 200, "latency": {"secs": 0, "nanos": 1},
                    "body": body}}),
            )
        };
        let checks = ["/healthz", "/ready~ok"].map(|it| HttpCheck::parse(it).unwrap());
        let mut redactor = Redactor::new(checks.to_vec());
        for (says, check, body, stays) in [
            ("only the status counts", 0, "hush ok", false),
            ("the pattern is in it", 1, "hush ok", true),
            ("the pattern is not in it", 1, "hush", false),
            ("no such check", 7, "hush ok", false),
        ] {
            let redacted = text(&redactor.redact(&answered(check, body)));
            assert_eq!(redacted.contains("hush"), stays, "{says}");
        }
    }
}
