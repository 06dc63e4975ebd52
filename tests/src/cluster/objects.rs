//! Objects given as YAML, applied as a pipeline's deploy step applies them.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Resource};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

/// The field manager of everything that is applied here.
const MANAGER: &str = "rollguard-tests";

/// Applies every document of `yaml` (server-side, forced) to `namespace`; an object that says its
/// own namespace or needs none keeps that.
///
/// # Errors
/// When a document is not an object, or the API server refuses it.
pub async fn apply(client: &Client, namespace: &str, yaml: &str) -> Result<()> {
    let objects: Vec<DynamicObject> = serde_yaml::Deserializer::from_str(yaml)
        .map(|document| DynamicObject::deserialize(document).context("failed to read an object"))
        .collect::<Result<_>>()?;
    for object in objects {
        let types = object
            .types
            .clone()
            .context("failed to find apiVersion and kind")?;
        let name = object
            .metadata
            .name
            .clone()
            .context("failed to find metadata.name")?;
        let what = || format!("failed to apply {} `{name}`", types.kind);
        let kind = GroupVersionKind::try_from(&types).with_context(what)?;
        let (resource, capabilities) = pinned_kind(client, &kind).await.with_context(what)?;
        let api: Api<DynamicObject> = match capabilities.scope {
            Scope::Cluster => Api::all_with(client.clone(), &resource),
            Scope::Namespaced => Api::namespaced_with(
                client.clone(),
                object.metadata.namespace.as_deref().unwrap_or(namespace),
                &resource,
            ),
        };
        let force = PatchParams::apply(MANAGER).force();
        api.patch(&name, &force, &Patch::Apply(&object))
            .await
            .with_context(what)?;
    }
    Ok(())
}

/// A workload whose rollout can be waited for.
pub trait Rollout: Resource<DynamicType = (), Scope = NamespaceResourceScope> {
    /// Returns whether it is complete by `kubectl rollout status`' questions (its `rollout_status.go`).
    fn is_complete(&self) -> bool;
}

/// Waits until a workload's rollout is complete.
///
/// # Errors
/// When `limit` is over first, or the workload cannot be watched.
pub async fn wait_for_rollout<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    limit: Duration,
) -> Result<()>
where
    K: Rollout + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let workloads: Api<K> = Api::namespaced(client.clone(), namespace);
    let kind = K::kind(&());
    let complete = |workload: Option<&K>| workload.is_some_and(Rollout::is_complete);
    timeout(limit, await_condition(workloads, name, complete))
        .await
        .with_context(|| format!("{kind} `{name}` was not complete in {limit:?}"))?
        .with_context(|| format!("failed to watch {kind} `{name}`"))?;
    Ok(())
}

impl Rollout for Deployment {
    fn is_complete(&self) -> bool {
        let (Some(spec), Some(status)) = (&self.spec, &self.status) else {
            return false;
        };
        let desired = spec.replicas.unwrap_or(1);
        let updated = status.updated_replicas.unwrap_or(0);
        self.metadata.generation <= status.observed_generation
            && updated >= desired
            && status.replicas.unwrap_or(0) <= updated
            && status.available_replicas.unwrap_or(0) >= updated
    }
}

impl Rollout for StatefulSet {
    /// Without a partition.
    fn is_complete(&self) -> bool {
        let (Some(spec), Some(status)) = (&self.spec, &self.status) else {
            return false;
        };
        self.metadata.generation <= status.observed_generation
            && status.ready_replicas.unwrap_or(0) >= spec.replicas.unwrap_or(1)
            && status.update_revision == status.current_revision
    }
}

impl Rollout for DaemonSet {
    fn is_complete(&self) -> bool {
        let Some(status) = &self.status else {
            return false;
        };
        let desired = status.desired_number_scheduled;
        self.metadata.generation <= status.observed_generation
            && status.updated_number_scheduled.unwrap_or(0) >= desired
            && status.number_available.unwrap_or(0) >= desired
    }
}
