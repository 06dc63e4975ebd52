//! A scenario carried out on a cluster.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{EvictParams, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Kind, Scenario, What, When};
use crate::cluster::{RealCluster, SleepingRegistry, apply, dump, wait_for_rollout};

/// How long a healthy v1 may take to roll out, and a text to show. It takes about 2 s when nothing
/// else is running.
const LIMIT: Duration = Duration::from_secs(120);
/// How often the cluster is looked at for a text.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// One scenario in one namespace. Dropping it calls off what has not been done yet.
pub struct Play {
    scenario: &'static Scenario,
    scene: Arc<Scene>,
    later: JoinSet<()>,
}

/// Where a scenario takes place; shared with what happens later.
struct Scene {
    cluster: Arc<RealCluster>,
    client: Client,
    namespace: String,
    kind: Kind,
    sleeping: SleepingRegistry,
}

impl Play {
    /// Prepares `scenario` in `namespace`; nothing is applied yet.
    ///
    /// # Errors
    /// When no port is free for a registry that appears later.
    pub fn new(
        cluster: &Arc<RealCluster>,
        namespace: &str,
        scenario: &'static Scenario,
    ) -> Result<Self> {
        let scene = Scene {
            cluster: Arc::clone(cluster),
            client: cluster.client(),
            namespace: namespace.to_owned(),
            kind: scenario.kind,
            sleeping: cluster.sleeping_registry()?,
        };
        Ok(Self {
            scenario,
            scene: Arc::new(scene),
            later: JoinSet::new(),
        })
    }

    /// Applies v1 with what belongs before it, and waits for its rollout if it is a healthy one.
    ///
    /// # Errors
    /// When an object is refused, or a healthy v1 does not become so.
    pub async fn deploy_v1(&self) -> Result<()> {
        self.extras(When::BeforeV1).await?;
        self.scene.apply(self.scenario.v1).await?;
        if self.scenario.v1_is_healthy {
            self.scene.wait_for_rollout().await?;
        }
        Ok(())
    }

    /// Applies v2 with what belongs before it, and returns at once: what belongs after it happens by
    /// itself, at its time.
    ///
    /// # Errors
    /// When an object is refused.
    pub async fn deploy_v2(&mut self) -> Result<()> {
        self.extras(When::BeforeV2).await?;
        self.scene.apply(self.scenario.v2).await?;
        for extra in self.scenario.extras {
            if let When::AfterV2(delay) = extra.when {
                let (scene, what) = (Arc::clone(&self.scene), extra.what);
                self.later.spawn(async move {
                    sleep(delay).await;
                    // A failure shows: the scenario does not heal, and the dump tells why.
                    let _ = scene.perform(what).await;
                });
            }
        }
        Ok(())
    }

    /// Does what belongs before v2, and leaves v2 alone.
    ///
    /// # Errors
    /// When an object is refused.
    pub async fn prepare_v2(&self) -> Result<()> {
        self.extras(When::BeforeV2).await
    }

    /// The manifest of v2 as it is applied.
    #[must_use]
    pub fn v2(&self) -> String {
        self.scene.placed(self.scenario.v2)
    }

    async fn extras(&self, when: When) -> Result<()> {
        for extra in self
            .scenario
            .extras
            .iter()
            .filter(|extra| extra.when == when)
        {
            self.scene.perform(extra.what).await?;
        }
        Ok(())
    }
}

impl Scene {
    async fn perform(&self, what: What) -> Result<()> {
        match what {
            What::Objects(yaml) => self.apply(yaml).await,
            What::Await(text) => self.wait_for(text).await,
            What::PushLateTag => self.cluster.push_image(&format!("late:{}", self.namespace)),
            What::WakeRegistry => self.cluster.wake_registry(&self.sleeping, "app:good"),
            What::Scale(replicas) => self.scale(replicas).await,
            What::EvictNewPod => self.evict_new_pod().await,
        }
    }

    async fn wait_for_rollout(&self) -> Result<()> {
        let (client, namespace, name) = (&self.client, &self.namespace, self.kind.name());
        match self.kind {
            Kind::Deployment => {
                wait_for_rollout::<Deployment>(client, namespace, name, LIMIT).await
            }
            Kind::StatefulSet => {
                wait_for_rollout::<StatefulSet>(client, namespace, name, LIMIT).await
            }
            Kind::DaemonSet => wait_for_rollout::<DaemonSet>(client, namespace, name, LIMIT).await,
        }
    }

    async fn wait_for(&self, text: &str) -> Result<()> {
        let seen = async {
            while !dump(&self.client, &self.namespace).await.contains(text) {
                sleep(LOOK_AGAIN).await;
            }
        };
        let waited = timeout(LIMIT, seen).await;
        waited.with_context(|| format!("`{text}` was not seen in {LIMIT:?}"))
    }

    /// Says how many pods there shall be, as an autoscaler does.
    async fn scale(&self, replicas: i32) -> Result<()> {
        let api: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let scaled = api
            .patch_scale(self.kind.name(), &PatchParams::default(), &patch)
            .await;
        scaled.context("failed to scale")?;
        Ok(())
    }

    async fn evict_new_pod(&self) -> Result<()> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let of_v2 = ListParams::default().labels("version=v2");
        let pod = api.list(&of_v2).await?.items.into_iter().next();
        let name = pod
            .and_then(|it| it.metadata.name)
            .context("no pod of v2")?;
        let evicted = api.evict(&name, &EvictParams::default()).await;
        evicted.context("failed to evict a pod")?;
        Ok(())
    }

    /// A manifest with the names of this place.
    fn placed(&self, yaml: &str) -> String {
        yaml.replace("${NAMESPACE}", &self.namespace)
            .replace("${SECOND_NODE}", &self.cluster.second_node())
            .replace("${REGISTRY}", &self.cluster.registry())
            .replace("${PRIVATE_REGISTRY}", &self.cluster.private_registry())
            .replace("${SLEEPING_REGISTRY}", &self.sleeping.address())
    }

    async fn apply(&self, yaml: &str) -> Result<()> {
        let yaml = self.placed(yaml);
        let applied = apply(&self.client, &self.namespace, &yaml).await;
        applied.with_context(|| format!("failed to set the scene in `{}`", self.namespace))
    }
}
