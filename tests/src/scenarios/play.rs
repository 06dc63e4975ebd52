//! A scenario carried out on a cluster.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{DEPLOYMENT, Scenario, What, When};
use crate::cluster::{RealCluster, SleepingRegistry, apply, wait_for_rollout};

/// How long a healthy v1 may take to roll out. It takes about 2 s when nothing else is running.
const V1_LIMIT: Duration = Duration::from_secs(120);

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
            let scene = &self.scene;
            wait_for_rollout(&scene.client, &scene.namespace, DEPLOYMENT, V1_LIMIT).await?;
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
            What::PushLateTag => self.cluster.push_image(&format!("late:{}", self.namespace)),
            What::WakeRegistry => self.cluster.wake_registry(&self.sleeping, "app:good"),
        }
    }

    async fn apply(&self, yaml: &str) -> Result<()> {
        let yaml = yaml
            .replace("${NAMESPACE}", &self.namespace)
            .replace("${REGISTRY}", &self.cluster.registry())
            .replace("${PRIVATE_REGISTRY}", &self.cluster.private_registry())
            .replace("${SLEEPING_REGISTRY}", &self.sleeping.address());
        let applied = apply(&self.client, &self.namespace, &yaml).await;
        applied.with_context(|| format!("failed to set the scene in `{}`", self.namespace))
    }
}
