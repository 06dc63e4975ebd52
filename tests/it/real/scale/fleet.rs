//! Workloads of one release in a namespace of their own, whose pods kwok plays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Event;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use rollguard_tests::cluster::{FAKE, IMAGE_CRASHES, IMAGE_GONE, Rollout};
use rollguard_tests::scenarios::Kind;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Case;

/// The release that all workloads belong to.
pub(super) const RELEASE: &str = "app.kubernetes.io/instance=fleet";
/// How many requests are on their way at once.
const AT_ONCE: usize = 16;
/// How often is looked whether all are complete.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long the first rollout of all may take.
const FIRST: Duration = Duration::from_secs(900);

/// A trait of the workloads that makes following them harder.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weight {
    /// Nothing.
    Plain,
    /// So many events of other objects.
    Events(usize),
    /// So many ReplicaSets of earlier revisions.
    History(usize),
    /// So many bytes in the template.
    Template(usize),
    /// So many containers in each pod, which crash once updated.
    Containers(usize),
}

/// When each workload was seen complete, and in which generation.
type Complete = Arc<Mutex<HashMap<String, (i64, Instant)>>>;

/// The workloads.
pub(super) struct Fleet {
    client: Client,
    namespace: String,
    case: &'static Case,
    names: Vec<String>,
    version: usize,
    /// The generation that the last update gave each.
    wanted: HashMap<String, i64>,
    complete: Complete,
    watching: JoinHandle<()>,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Fleet {
    /// Creates all, and waits until they are complete.
    pub(super) async fn new(client: &Client, namespace: &str, case: &'static Case) -> Result<Self> {
        let complete = Complete::default();
        let api = api(client, namespace, case.kind);
        let watching = tokio::spawn(watch(api, case.kind, Arc::clone(&complete)));
        let mut fleet = Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            case,
            names: (0..case.workloads)
                .map(|it| format!("app-{it:04}"))
                .collect(),
            version: 1,
            wanted: HashMap::new(),
            complete,
            watching,
        };
        fleet.create().await?;
        fleet.complete_within(case.workloads, FIRST).await?;
        match case.weight {
            Weight::Events(count) => fleet.add_events(count).await?,
            Weight::History(count) => fleet.add_history(count).await?,
            Weight::Plain | Weight::Template(_) | Weight::Containers(_) => {}
        }
        Ok(fleet)
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    fn api(&self) -> Api<DynamicObject> {
        api(&self.client, &self.namespace, self.case.kind)
    }

    async fn create(&mut self) -> Result<()> {
        let api = self.api();
        let create = |name: &String| {
            let (api, object) = (api.clone(), self.object(name));
            async move {
                let object: DynamicObject = serde_json::from_value(object)?;
                let created = api.create(&PostParams::default(), &object).await?;
                generation(created)
            }
        };
        self.wanted = futures::stream::iter(self.names.iter().map(create))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .context("failed to create the workloads")?;
        Ok(())
    }

    /// Gives every workload a new template, and the last `stuck` of them an image that cannot be pulled.
    pub(super) async fn update(&mut self, stuck: usize) -> Result<()> {
        self.version += 1;
        let api = self.api();
        let well = self.names.len() - stuck;
        let update = |(place, name): (usize, &String)| {
            let (api, name) = (api.clone(), name.clone());
            let patch = self.patch(place >= well);
            async move {
                let patch = Patch::Strategic(patch);
                let updated = api.patch(&name, &PatchParams::default(), &patch).await?;
                generation(updated)
            }
        };
        self.wanted = futures::stream::iter(self.names.iter().enumerate().map(update))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .context("failed to update the workloads")?;
        Ok(())
    }

    /// Waits until all but the stuck ones are complete.
    pub(super) async fn until_complete(&self, stuck: usize) -> Result<()> {
        let limit = Duration::from_secs(self.case.timeout.max(120));
        self.complete_within(self.names.len() - stuck, limit).await
    }

    async fn complete_within(&self, count: usize, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            let complete = self.completed().len();
            if complete >= count {
                return Ok(());
            }
            if Instant::now() > end {
                bail!("{complete} of {count} workloads were complete in {limit:?}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// When the last workload completed; `None` while one has not.
    pub(super) fn completed_at(&self) -> Option<Instant> {
        let completed = self.completed();
        if completed.len() < self.names.len() {
            return None;
        }
        completed.into_iter().max()
    }

    fn completed(&self) -> Vec<Instant> {
        let complete = self.complete.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(name, wanted): (&String, &i64)| {
            let (generation, at) = complete.get(name)?;
            (generation >= wanted).then_some(*at)
        };
        self.wanted.iter().filter_map(of).collect()
    }

    fn object(&self, name: &str) -> Value {
        let Case { kind, replicas, .. } = *self.case;
        let labels = json!({ "app": name });
        let mut containers: Vec<Value> = (0..self.containers())
            .map(|it| container(it, GOOD))
            .collect();
        if let (Weight::Template(bytes), Some(first)) = (self.case.weight, containers.first_mut()) {
            first["env"] = json!([{ "name": "LARGE", "value": "x".repeat(bytes) }]);
        }
        let mut object = json!({
            "apiVersion": "apps/v1",
            "kind": format!("{kind:?}"),
            "metadata": {
                "name": name,
                "labels": { "app.kubernetes.io/instance": "fleet", "app": name },
            },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels, "annotations": { "version": "1" } },
                    "spec": {
                        "terminationGracePeriodSeconds": 0,
                        "nodeSelector": { FAKE: "true" },
                        "tolerations": [{ "key": FAKE, "operator": "Exists" }],
                        "containers": containers,
                    },
                },
            },
        });
        match kind {
            Kind::Deployment => object["spec"]["revisionHistoryLimit"] = json!(1000),
            Kind::StatefulSet => object["spec"]["serviceName"] = json!(name),
            Kind::DaemonSet => {}
        }
        if kind != Kind::DaemonSet {
            object["spec"]["replicas"] = json!(replicas);
        }
        object
    }

    fn containers(&self) -> usize {
        match self.case.weight {
            Weight::Containers(count) => count,
            Weight::Plain | Weight::Events(_) | Weight::History(_) | Weight::Template(_) => 1,
        }
    }

    fn patch(&self, stuck: bool) -> Value {
        let image = match self.case.weight {
            _ if !stuck => GOOD,
            Weight::Containers(_) => IMAGE_CRASHES,
            Weight::Plain | Weight::Events(_) | Weight::History(_) | Weight::Template(_) => {
                IMAGE_GONE
            }
        };
        let containers: Vec<Value> = (0..self.containers())
            .map(|it| container(it, image))
            .collect();
        let version = self.version.to_string();
        json!({ "spec": { "template": {
            "metadata": { "annotations": { "version": version } },
            "spec": { "containers": containers },
        } } })
    }

    async fn add_events(&self, count: usize) -> Result<()> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let add = |number: usize| {
            let api = api.clone();
            let event = json!({
                "metadata": { "name": format!("other-{number}") },
                "involvedObject": {
                    "apiVersion": "v1", "kind": "Pod", "namespace": self.namespace,
                    "name": format!("other-{}", number % 1000), "uid": format!("other-{}", number % 1000),
                },
                "type": "Warning",
                "reason": "BackOff",
                "message": "Back-off restarting failed container app in pod other",
                "count": 1,
            });
            async move {
                let event: Event = serde_json::from_value(event)?;
                api.create(&PostParams::default(), &event).await?;
                anyhow::Ok(())
            }
        };
        futures::stream::iter((0..count).map(add))
            .buffer_unordered(AT_ONCE * 4)
            .try_collect()
            .await
            .context("failed to create the events")
    }

    /// The ReplicaSets that so many updates would have left.
    async fn add_history(&self, count: usize) -> Result<()> {
        let name = self.names.first().context("no workload")?;
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let owner = deployments.get(name).await?;
        let uid = owner.metadata.uid.context("no uid")?;
        let api: Api<ReplicaSet> = Api::namespaced(self.client.clone(), &self.namespace);
        let template = &self.object(name)["spec"]["template"];
        let add = |number: usize| {
            let (api, hash) = (api.clone(), format!("old{number}"));
            let mut template = template.clone();
            template["metadata"]["annotations"]["version"] = json!(hash);
            template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
            let labels = template["metadata"]["labels"].clone();
            let set = json!({
                "metadata": {
                    "name": format!("{name}-{hash}"),
                    "labels": labels,
                    "annotations": { "deployment.kubernetes.io/revision": "1" },
                    "ownerReferences": [{
                        "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid,
                        "controller": true, "blockOwnerDeletion": true,
                    }],
                },
                "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": template },
            });
            async move {
                let set: ReplicaSet = serde_json::from_value(set)?;
                api.create(&PostParams::default(), &set).await?;
                anyhow::Ok(())
            }
        };
        ensure!(count > 0, "no history");
        futures::stream::iter((0..count).map(add))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .context("failed to create the history")
    }
}

/// The image of a container that starts at once.
const GOOD: &str = "registry.test/app:good";

fn container(number: usize, image: &str) -> Value {
    json!({ "name": format!("app-{number}"), "image": image })
}

fn generation(object: DynamicObject) -> Result<(String, i64)> {
    let name = object.metadata.name.context("no name")?;
    Ok((name, object.metadata.generation.context("no generation")?))
}

fn api(client: &Client, namespace: &str, kind: Kind) -> Api<DynamicObject> {
    let resource = match kind {
        Kind::Deployment => ApiResource::erase::<Deployment>(&()),
        Kind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        Kind::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
    };
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// Notes when each workload completes.
async fn watch(api: Api<DynamicObject>, kind: Kind, complete: Complete) {
    let objects = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let mut objects = std::pin::pin!(objects);
    while let Some(object) = objects.next().await {
        let Ok(object) = object else { continue };
        let Ok((name, generation)) = self::generation(object.clone()) else {
            continue;
        };
        let mut complete = complete.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_complete(kind, object) {
            complete.remove(&name);
        } else if complete.get(&name).is_none_or(|it| it.0 != generation) {
            complete.insert(name, (generation, Instant::now()));
        }
    }
}

fn is_complete(kind: Kind, object: DynamicObject) -> bool {
    match kind {
        Kind::Deployment => object
            .try_parse()
            .is_ok_and(|it: Deployment| it.is_complete()),
        Kind::StatefulSet => object
            .try_parse()
            .is_ok_and(|it: StatefulSet| it.is_complete()),
        Kind::DaemonSet => object
            .try_parse()
            .is_ok_and(|it: DaemonSet| it.is_complete()),
    }
}
