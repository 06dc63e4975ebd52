//! The namespace of a case: carries the story out in it and reads what it holds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use rollguard_tests::cluster::{LIMITED_TOKEN, RealCluster, apply, dump, wait_for_rollout};
use rollguard_tests::product::Rollguard;
use rollguard_tests::scenarios::Kind;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::time::{sleep, timeout};

use super::case::{Case, Step};
use super::left::{Left, resource};
use super::tool::kubectl;
use crate::permissions::may_look;

/// How long a step may take. The slowest takes about 10 s when nothing else is running.
const LIMIT: Duration = Duration::from_secs(90);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// What the story's checks are told besides the workloads.
const CHECK: [&str; 6] = [
    "--timeout",
    "60s",
    "--stable-for",
    "1s",
    "--grace",
    "CrashAtStart=30s",
];

/// The namespace of a case on the real cluster.
pub(crate) struct CaseNamespace {
    pub(crate) cluster: Arc<RealCluster>,
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) case: &'static Case,
}

impl CaseNamespace {
    /// Carries steps out, one after the other.
    pub(crate) async fn carry_out(&self, steps: &[Step]) -> Result<()> {
        for step in steps {
            let done = timeout(LIMIT, self.perform(step)).await;
            let done = done.unwrap_or_else(|_| Err(anyhow::anyhow!("not in {LIMIT:?}")));
            done.with_context(|| format!("failed to carry out {step:?}"))?;
        }
        Ok(())
    }

    async fn perform(&self, step: &Step) -> Result<()> {
        let kind = self.case.kind;
        match *step {
            Step::Deploy(version) => self.apply(&version.manifest(kind)?).await,
            Step::Settles => self.settles().await,
            Step::IsGood => self.is_good(self.cluster.kubeconfig_path()).await,
            Step::IsGoodForALooker => self.is_good(self.looker().await?.path()).await,
            Step::Fails(version) => self.fail(version, 1).await,
            Step::AllFail(version, count) => self.fail(version, count).await,
            Step::Serves(version, count) => {
                self.until(async || Ok(self.left().await?.ready(version) == count))
                    .await
            }
            Step::Objects(yaml) => self.apply(yaml).await,
            Step::Deleted(kind, name) => {
                let core = GroupVersionKind::gvk("", "v1", kind);
                self.delete(&ApiResource::from_gvk(&core), name).await
            }
            Step::Changed(patch) => self.patch(&resource(kind), kind.name(), patch).await,
            Step::RevisionChanged(version, patch) => {
                let (resource, name) = self.revision_object(version).await?;
                self.patch(&resource, &name, patch).await
            }
            Step::RevisionDeleted(version) => {
                let (resource, name) = self.revision_object(version).await?;
                self.delete(&resource, &name).await
            }
            Step::Shows(text) => {
                self.until(async || Ok(dump(&self.client, &self.name).await.contains(text)))
                    .await
            }
            Step::UndoneByHand => {
                let args = ["rollout", "undo", kind.workload(), "-n", &self.name];
                let ran = kubectl(&self.cluster, self.cluster.kubeconfig_path(), &args)?;
                let ran = ran.ended().await?;
                ensure!(ran.code == 0, "not undone: {}", ran.all());
                Ok(())
            }
        }
    }

    /// The workload as it is now.
    pub(crate) async fn left(&self) -> Result<Left> {
        self.left_of(self.case.kind.workload()).await
    }

    /// A workload of the case, given as a user writes it.
    pub(crate) async fn left_of(&self, workload: &str) -> Result<Left> {
        let (_, name) = workload.split_once('/').context("no name")?;
        Left::of(&self.client, &self.name, (self.case.kind, name)).await
    }

    /// The ReplicaSet or ControllerRevision that carries the revision of a version.
    pub(crate) async fn revision_object(&self, version: &str) -> Result<(ApiResource, String)> {
        let (resource, template) = revision_resource(self.case.kind);
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.name, &resource);
        let pointer = format!("{template}/metadata/labels/version");
        let all = api.list(&ListParams::default()).await?;
        let own = all.items.into_iter().find(|it| {
            let said = it.data.pointer(&pointer);
            said.and_then(Value::as_str) == Some(version)
        });
        let name = own.and_then(|it| it.metadata.name);
        Ok((
            resource,
            name.with_context(|| format!("no revision of {version}"))?,
        ))
    }

    /// The same as an object.
    pub(crate) async fn revision(&self, version: &str) -> Result<DynamicObject> {
        let (resource, name) = self.revision_object(version).await?;
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.name, &resource);
        api.get(&name).await.context("failed to look at a revision")
    }

    /// A kubeconfig of somebody who may look, and nothing else, in this namespace.
    pub(crate) async fn looker(&self) -> Result<NamedTempFile> {
        self.apply(&may_look(&self.name)).await?;
        let file = NamedTempFile::new()?;
        std::fs::write(file.path(), self.cluster.kubeconfig_for(LIMITED_TOKEN))?;
        Ok(file)
    }

    /// An identity that may not mark gets the verdict all the same.
    async fn is_good(&self, kubeconfig: &Path) -> Result<()> {
        let mut args = vec!["check", "-n", &self.name];
        args.extend(self.case.workloads());
        args.extend(CHECK);
        let ran = Rollguard::new(kubeconfig)?.run(&args).await?;
        ensure!(ran.code == 0, "not good: {}", ran.all());
        Ok(())
    }

    async fn settles(&self) -> Result<()> {
        let (client, namespace) = (&self.client, self.name.as_str());
        for workload in self.case.workloads() {
            let (_, name) = workload.split_once('/').context("no name")?;
            match self.case.kind {
                Kind::Deployment => {
                    wait_for_rollout::<Deployment>(client, namespace, name, LIMIT).await?;
                }
                Kind::StatefulSet => {
                    wait_for_rollout::<StatefulSet>(client, namespace, name, LIMIT).await?;
                }
                Kind::DaemonSet => {
                    wait_for_rollout::<DaemonSet>(client, namespace, name, LIMIT).await?;
                }
            }
        }
        Ok(())
    }

    async fn pods(&self, version: &str) -> Result<Vec<Pod>> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.name);
        let of_version = ListParams::default().labels(&format!("version={version}"));
        Ok(api.list(&of_version).await?.items)
    }

    async fn until(&self, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
        while !holds().await? {
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn patch(&self, resource: &ApiResource, name: &str, patch: &str) -> Result<()> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.name, resource);
        let patch: Value = serde_yaml::from_str(patch)?;
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        Ok(())
    }

    async fn delete(&self, resource: &ApiResource, name: &str) -> Result<()> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.name, resource);
        api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    async fn fail(&self, version: &str, count: usize) -> Result<()> {
        let failing = async || {
            let pods = self.pods(version).await?;
            Ok(pods.iter().filter(|it| cannot_run(it)).count() >= count)
        };
        self.until(failing).await
    }

    async fn apply(&self, yaml: &str) -> Result<()> {
        let yaml = yaml.replace("${NAMESPACE}", &self.name);
        apply(&self.client, &self.name, &yaml).await
    }
}

/// Returns what carries the revisions of a kind, and where the template is in it.
fn revision_resource(kind: Kind) -> (ApiResource, &'static str) {
    let (resource, template) = match kind {
        Kind::Deployment => ("ReplicaSet", "/spec/template"),
        Kind::StatefulSet | Kind::DaemonSet => ("ControllerRevision", "/data/spec/template"),
    };
    let kind = GroupVersionKind::gvk("apps", "v1", resource);
    (ApiResource::from_gvk(&kind), template)
}

/// Returns whether a container of it waits for anything but its start, or has ended.
fn cannot_run(pod: &Pod) -> bool {
    let containers = pod
        .status
        .as_ref()
        .and_then(|it| it.container_statuses.as_ref());
    containers.into_iter().flatten().any(|container| {
        let state = container.state.as_ref();
        let waits = state.and_then(|it| it.waiting.as_ref());
        let reason = waits.and_then(|it| it.reason.as_deref());
        let ended = state.is_some_and(|it| it.terminated.is_some());
        let ended_before = container.last_state.as_ref();
        ended
            || ended_before.is_some_and(|it| it.terminated.is_some())
            || reason.is_some_and(|it| !["ContainerCreating", "PodInitializing"].contains(&it))
    })
}
