//! The state that a rollback leaves behind, as the cluster shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use rollguard_tests::scenarios::Kind;
use serde_json::Value;

/// A workload and its pods at one time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Left {
    pub(crate) uid: String,
    pub(crate) generation: i64,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) spec: Value,
    /// How many pods there shall be.
    pub(crate) wanted: usize,
    /// Those that are not about to go.
    pub(crate) pods: Vec<PodLeft>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PodLeft {
    pub(crate) version: String,
    pub(crate) uid: String,
    pub(crate) ready: bool,
}

/// The workload's kind for requests that know no types.
pub(crate) fn resource(kind: Kind) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", &format!("{kind:?}")))
}

impl Left {
    /// Looks at a workload by its name.
    pub(crate) async fn of(
        client: &Client,
        namespace: &str,
        (kind, name): (Kind, &str),
    ) -> Result<Self> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), namespace, &resource(kind));
        let workload = api.get(name).await.context("failed to look at it")?;
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let own = ListParams::default().labels(&format!("app={name}"));
        let pods = pods.list(&own).await.context("failed to list its pods")?;
        let staying = |pod: &Pod| pod.metadata.deletion_timestamp.is_none();
        let mut pods: Vec<PodLeft> = pods
            .items
            .iter()
            .filter(|it| staying(it))
            .map(pod)
            .collect();
        pods.sort();
        let wanted = match kind {
            Kind::Deployment | Kind::StatefulSet => &workload.data["spec"]["replicas"],
            Kind::DaemonSet => &workload.data["status"]["desiredNumberScheduled"],
        };
        Ok(Self {
            uid: workload.metadata.uid.unwrap_or_default(),
            generation: workload.metadata.generation.unwrap_or_default(),
            annotations: workload.metadata.annotations.unwrap_or_default(),
            spec: workload.data["spec"].clone(),
            wanted: usize::try_from(wanted.as_u64().unwrap_or(1))?,
            pods,
        })
    }

    /// The version of the pod template.
    pub(crate) fn version(&self) -> &str {
        let labels = &self.spec["template"]["metadata"]["labels"];
        labels["version"].as_str().unwrap_or_default()
    }

    /// How many pods of a version are ready.
    pub(crate) fn ready(&self, version: &str) -> usize {
        let ready = |pod: &&PodLeft| pod.version == version && pod.ready;
        self.pods.iter().filter(ready).count()
    }

    /// How many pods are of another version than the template.
    pub(crate) fn others(&self) -> usize {
        let version = self.version();
        self.pods.iter().filter(|it| it.version != version).count()
    }

    /// In one line, for the page.
    pub(crate) fn says(&self) -> String {
        let version = self.version();
        let own = |pod: &&PodLeft| pod.version == version;
        let broken = self.pods.iter().filter(own).filter(|it| !it.ready).count();
        let mut text = format!(
            "{version}, {} of {} ready",
            self.ready(version),
            self.wanted
        );
        if broken > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {broken} not ready");
        }
        let mut others: BTreeMap<(&str, bool), usize> = BTreeMap::new();
        for pod in self.pods.iter().filter(|it| it.version != version) {
            *others.entry((&pod.version, pod.ready)).or_default() += 1;
        }
        for ((version, ready), count) in others {
            let how = if ready { "serving" } else { "not ready" };
            let _ = write!(text, "; {count} of {version} {how}");
        }
        text
    }
}

fn pod(pod: &Pod) -> PodLeft {
    let label = |name: &str| pod.metadata.labels.as_ref()?.get(name).cloned();
    let conditions = pod.status.as_ref().and_then(|it| it.conditions.as_ref());
    let ready = conditions.is_some_and(|all| {
        all.iter()
            .any(|it| it.type_ == "Ready" && it.status == "True")
    });
    PodLeft {
        version: label("version").unwrap_or_default(),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        ready,
    }
}
