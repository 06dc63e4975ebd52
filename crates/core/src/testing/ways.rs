//! Objects between users and pods.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::ReplicaSet;
use serde_json::{Value, json};

use super::{at, deployment, pod, replica_set_json, seen, seen_set, template, typed};
use crate::annotation::LastKnownGood;
use crate::finding::PodPort;
use crate::observation::{Observation, Seen};

/// A Deployment of two pods, complete since the start, with its former revision and the objects between
/// users and its pods.
#[derive(Debug, Clone)]
pub struct Ways {
    /// A revision before the former one, which a check found healthy.
    checked: Option<Value>,
    former: Value,
    new: Value,
    objects: Value,
    refused: Vec<u16>,
    /// Whether the API server does not know what pods answer.
    cut: bool,
}

/// Both revisions have the labels `app: web` and `tier: front` and the port `http`, and Service `web`
/// leads to it.
#[must_use]
pub fn ways() -> Ways {
    let of = |version| {
        let mut template = template(version);
        template["metadata"]["labels"]["tier"] = json!("front");
        template["spec"]["containers"][0]["ports"] =
            json!([{"name": "http", "containerPort": 8080, "protocol": "TCP"}]);
        template
    };
    Ways {
        checked: None,
        former: of("v1"),
        new: of("v2"),
        objects: json!({
            "services": [service("web", json!({"app": "web", "tier": "front"}))],
            "endpointSlices": [slice("web", &["a", "b"])],
            "ingresses": [],
            "networkPolicies": [],
            "autoscalers": [],
        }),
        refused: Vec::new(),
        cut: false,
    }
}

/// A Service of port 80 that leads to the port named `http`.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "`json!` stands in the call")]
pub fn service(name: &str, selector: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"clusterIP": "10.0.0.1", "selector": selector,
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": "http"}]}})
}

/// The EndpointSlice of a Service, with ready pods of these names.
#[must_use]
pub fn slice(service: &str, pods: &[&str]) -> Value {
    let endpoint = |name: &&str| {
        json!({"conditions": {"ready": true, "serving": true, "terminating": false},
            "targetRef": {"kind": "Pod", "name": name, "uid": format!("pod-{name}")}})
    };
    let endpoints: Vec<Value> = pods.iter().map(endpoint).collect();
    json!({"metadata": {"name": format!("{service}-x7k"), "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4", "ports": [{"name": "", "port": 8080, "protocol": "TCP"}], "endpoints": endpoints})
}

impl Ways {
    /// An older revision that a check found healthy, whose template is the former one as it is now.
    #[must_use]
    pub fn checked_before(mut self) -> Self {
        self.checked = Some(self.former.clone());
        self
    }

    /// Another value in the new template.
    #[must_use]
    pub fn new_has(mut self, pointer: &str, value: Value) -> Self {
        put(&mut self.new, pointer, value);
        self
    }

    /// Another value in the former template.
    #[must_use]
    pub fn former_has(mut self, pointer: &str, value: Value) -> Self {
        put(&mut self.former, pointer, value);
        self
    }

    /// Another value in both templates.
    #[must_use]
    pub fn both_have(self, pointer: &str, value: Value) -> Self {
        self.former_has(pointer, value.clone())
            .new_has(pointer, value)
    }

    /// Other objects of a kind; `null` where they may not be listed.
    #[must_use]
    pub fn with(mut self, kind: &str, objects: Value) -> Self {
        put(&mut self.objects, &format!("/{kind}"), objects);
        self
    }

    /// The ports that pods refuse.
    #[must_use]
    pub fn refusing(mut self, ports: &[u16]) -> Self {
        self.refused = ports.to_vec();
        self
    }

    /// The way from the API server to the pods is cut, so that tries say nothing.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// The same once these ports have been tried.
    #[must_use]
    pub fn tried(mut self, ports: &BTreeSet<PodPort>) -> Self {
        let ports = ports.iter().filter(|_| !self.cut);
        let tried = ports.map(|it| {
            json!({"uid": it.uid, "port": it.port, "refused": self.refused.contains(&it.port)})
        });
        let tried: Vec<Value> = tried.collect();
        put(&mut self.objects, "/tried", json!(tried));
        self
    }

    /// The Deployment, its revisions and its pods.
    #[must_use]
    pub fn rollout(&self) -> Vec<Observation> {
        let set = |version, number, replicas, template: &Value| -> ReplicaSet {
            let mut set = replica_set_json(version, number, replicas);
            set["spec"]["template"] = template.clone();
            set["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = json!(version);
            typed(set)
        };
        let checked = self.checked.as_ref().map(|template| {
            let mut checked = set("v0", 0, (0, 0), template);
            let mark = LastKnownGood::new("rs-v0", at(0), "run 1", [].into());
            let mark = (LastKnownGood::annotation("rs-v0"), mark.to_text());
            checked
                .metadata
                .annotations
                .get_or_insert_default()
                .extend([mark]);
            seen_set(0, checked)
        });
        let complete = deployment("web").counts(2, 2, 2, 2);
        let mut all = vec![
            seen(0, complete.spec("template", self.new.clone())),
            seen_set(0, set("v1", 1, (0, 0), &self.former)),
            seen_set(0, set("v2", 2, (2, 2), &self.new)),
        ];
        all.extend(checked);
        all.extend(["a", "b"].iter().flat_map(|it| pod(it).ready(0).seen(0)));
        all
    }

    /// The objects as read at a second.
    #[must_use]
    pub fn answer(&self, second: u64) -> Observation {
        let objects = Box::new(typed(self.objects.clone()));
        Observation::new(at(second), Seen::Traffic { objects })
    }
}

/// Puts a value at a pointer, whose last part may be a new field.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        if value.is_null() {
            parent.remove(field);
        } else {
            parent.insert(field.to_owned(), value);
        }
    }
}
