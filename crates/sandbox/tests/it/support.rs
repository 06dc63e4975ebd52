//! Objects and waiting, for all tests.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use rollguard_sandbox::{Sandbox, SandboxBuilder, Script};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A sandbox with a namespace `shop`, begun at a time that is easy to read.
pub(crate) fn shop() -> SandboxBuilder {
    Sandbox::builder()
        .origin("2026-01-01T00:00:00Z".parse().unwrap())
        .namespace("shop")
}

/// A sandbox where pods of version v2 play a script.
pub(crate) fn shop_where_v2(script: Script) -> Sandbox {
    shop().play(|pod| is_version(pod, "v2"), script).build()
}

pub(crate) fn is_version(pod: &Pod, version: &str) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|it| it.get("version")).map(String::as_str) == Some(version)
}

pub(crate) fn typed<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Deployment `web`, three replicas, version v1; `spec` is merged into its spec.
pub(crate) fn web(spec: &Value) -> Deployment {
    let mut object = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template("v1"),
        },
    });
    for (field, value) in spec.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    typed(object)
}

pub(crate) fn template(version: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web", "version": version}},
        "spec": {"containers": [{
            "name": "app", "image": format!("registry.test/app:{version}"),
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2},
            "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 2},
        }]},
    })
}

pub(crate) fn config_map(name: &str) -> k8s_openapi::api::core::v1::ConfigMap {
    typed(json!({"metadata": {"name": name, "labels": {"app": name}}, "data": {"key": "value"}}))
}

pub(crate) fn pod(name: &str) -> Pod {
    let mut pod = template("v1");
    pod["metadata"]["name"] = json!(name);
    typed(pod)
}

/// The code and the message of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> (u16, String) {
    match result {
        Err(kube::Error::Api(status)) => (status.code, status.message),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// The APIs of namespace `shop`.
pub(crate) struct Shop {
    pub(crate) deployments: Api<Deployment>,
    pub(crate) sets: Api<ReplicaSet>,
    pub(crate) pods: Api<Pod>,
    pub(crate) events: Api<Event>,
    pub(crate) client: kube::Client,
}

impl Shop {
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let client = sandbox.client();
        Self {
            deployments: Api::namespaced(client.clone(), "shop"),
            sets: Api::namespaced(client.clone(), "shop"),
            pods: Api::namespaced(client.clone(), "shop"),
            events: Api::namespaced(client.clone(), "shop"),
            client,
        }
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), "shop")
    }

    /// Creates `web` and lets a minute pass.
    pub(crate) async fn with_web(self, spec: &Value) -> Self {
        let post = PostParams::default();
        self.deployments.create(&post, &web(spec)).await.unwrap();
        seconds(60).await;
        self
    }

    /// Gives `web` the template of another version.
    pub(crate) async fn update(&self, version: &str) -> Deployment {
        let patch =
            json!([{"op": "replace", "path": "/spec/template", "value": template(version)}]);
        self.patch(patch).await.unwrap()
    }

    pub(crate) async fn patch(&self, patch: Value) -> Result<Deployment, kube::Error> {
        let patch = Patch::Json::<()>(typed(patch));
        self.deployments
            .patch("web", &PatchParams::default(), &patch)
            .await
    }

    pub(crate) async fn web(&self) -> Deployment {
        self.deployments.get("web").await.unwrap()
    }

    /// A condition of `web` as `status/reason`, empty without one.
    pub(crate) async fn condition(&self, kind: &str) -> String {
        let conditions = self.web().await.status.unwrap().conditions;
        conditions
            .into_iter()
            .flatten()
            .find(|it| it.type_ == kind)
            .map(|it| format!("{}/{}", it.status, it.reason.unwrap_or_default()))
            .unwrap_or_default()
    }

    /// The ReplicaSet of a version.
    pub(crate) async fn set(&self, version: &str) -> ReplicaSet {
        let selected = ListParams::default().labels(&format!("version={version}"));
        let mut found = self.sets.list(&selected).await.unwrap().items;
        assert_eq!(found.len(), 1, "ReplicaSets of {version}");
        found.remove(0)
    }

    /// The pods of a version.
    pub(crate) async fn pods(&self, version: &str) -> Vec<Pod> {
        let selected = ListParams::default().labels(&format!("version={version}"));
        self.pods.list(&selected).await.unwrap().items
    }

    /// The reasons of the events, each once, in alphabetical order.
    pub(crate) async fn event_reasons(&self) -> Vec<String> {
        let events = self.events.list(&ListParams::default()).await.unwrap();
        let mut reasons: Vec<_> = events.into_iter().filter_map(|it| it.reason).collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }

    /// The messages of the events with a reason.
    pub(crate) async fn messages(&self, reason: &str) -> Vec<String> {
        let events = self.events.list(&ListParams::default()).await.unwrap();
        events
            .into_iter()
            .filter(|it| it.reason.as_deref() == Some(reason))
            .filter_map(|it| it.message)
            .collect()
    }
}

/// Lets virtual time pass.
pub(crate) async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// The status of the first container.
pub(crate) fn container(pod: &Pod) -> ContainerStatus {
    let status = pod.status.as_ref().unwrap();
    status.container_statuses.as_ref().unwrap()[0].clone()
}

/// Why the first container waits, empty when it does not.
pub(crate) fn waiting_reason(pod: &Pod) -> String {
    let waiting = container(pod).state.unwrap().waiting;
    waiting.and_then(|it| it.reason).unwrap_or_default()
}

/// `ready/current` of a ReplicaSet, and what it should have.
pub(crate) fn counts(set: &ReplicaSet) -> (i32, i32, i32) {
    let status = set.status.as_ref().unwrap();
    (
        status.ready_replicas.unwrap_or(0),
        status.replicas,
        set.spec.as_ref().unwrap().replicas.unwrap(),
    )
}

pub(crate) fn annotation(metadata: &kube::api::ObjectMeta, name: &str) -> String {
    let annotations = metadata.annotations.as_ref();
    annotations
        .and_then(|it| it.get(name))
        .cloned()
        .unwrap_or_default()
}
