//! A scenario's namespace on the embedded cluster, and the product at work in it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use async_trait::async_trait;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use rollguard::cancel::Cancel;
use rollguard::console::Console;
use rollguard::failure::Failure;
use rollguard::recorder::Recorder;
use rollguard::run::check::{Checked, check};
use rollguard::run::rollback::{Consent, Given, How, RolledBack, rollback};
use rollguard::run::tools::Tools;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_cluster::{Connection, Login, connect};
use rollguard_core::handover::Handover;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::{Faults, Sandbox, SandboxBuilder, Script, Verb};
use rollguard_tests::scenarios::DEPLOYMENT;
use serde::Deserialize as _;
use tokio::sync::Notify;

use super::cast::is_version;

/// When every embedded cluster begins.
const ORIGIN: &str = "2026-01-01T00:00:00Z";
/// The namespace of everything.
pub(crate) const NAMESPACE: &str = "shop";
/// How long the check of a version that should be healthy may take.
const HEALTHY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long such a version must stay so.
const HEALTHY_FOR: Duration = Duration::from_secs(3);
/// How long a rollout must stay complete when nobody says otherwise.
const STABLE_FOR: Duration = Duration::from_secs(10);

/// An embedded cluster with one namespace, and a connection to it.
pub(crate) struct World {
    sandbox: Sandbox,
    connection: Connection,
}

impl World {
    /// To be given scripts for the pods.
    pub(crate) fn blank() -> Result<SandboxBuilder> {
        let builder = Sandbox::builder().origin(ORIGIN.parse()?);
        Ok(builder.namespace(NAMESPACE))
    }

    /// With pods that play scripts.
    pub(crate) async fn new(cast: SandboxBuilder) -> Result<Self> {
        let sandbox = cast.build();
        let login = Login::Client(sandbox.client());
        let connection = connect(&login, sandbox.now()).await?;
        Ok(Self {
            sandbox,
            connection,
        })
    }

    /// Where pods of v2 play a script, and v1 is deployed and healthy.
    pub(crate) async fn where_v2(script: Script) -> Result<Self> {
        let world = Self::new(Self::blank()?.play(|pod| is_version(pod, "v2"), script)).await?;
        world.deploy("v1").await?;
        world.is_healthy("v1").await?;
        Ok(world)
    }

    /// The handle with which things are broken.
    pub(crate) fn faults(&self) -> Faults {
        self.sandbox.faults()
    }

    /// A client that meets the faults like everybody else.
    pub(crate) fn client(&self) -> Client {
        self.sandbox.client()
    }

    /// How many patches of Deployments reached the API server, those of this test's own deploy step
    /// included.
    pub(crate) fn patches(&self) -> usize {
        let requests = self.sandbox.requests();
        requests.iter().filter(|it| it.verb == Verb::Patch).count()
    }

    /// Applies every document of `yaml`.
    pub(crate) async fn apply(&self, yaml: &str) -> Result<()> {
        apply(&self.client(), yaml).await
    }

    /// Deploys a version of a Deployment of two replicas.
    pub(crate) async fn deploy(&self, version: &str) -> Result<()> {
        self.apply(&web(version)).await
    }

    /// Checks as a pipeline would.
    pub(crate) async fn check(&self, timeout: Duration) -> Result<Checked, Failure> {
        self.check_as(&CheckInputs::of(workload(), timeout, STABLE_FOR))
            .await
    }

    /// The paths of all reads that reached the API server.
    pub(crate) fn reads(&self) -> Vec<String> {
        let requests = self.sandbox.requests().into_iter();
        let reads = requests.filter(|it| it.verb != Verb::Patch);
        reads.map(|it| it.path).collect()
    }

    pub(crate) async fn check_as(&self, inputs: &CheckInputs) -> Result<Checked, Failure> {
        let (_sender, cancel) = Cancel::by_hand();
        let mut tools = Tools {
            console: &mut silent(),
            recorder: &mut Recorder::off(),
            cancel: &cancel,
        };
        // Boxed: it would make every future around it large.
        Box::pin(check(&self.connection, inputs, &mut tools)).await
    }

    /// The check of a version that should be healthy.
    pub(crate) async fn is_healthy(&self, version: &str) -> Result<()> {
        let inputs = CheckInputs::of(workload(), HEALTHY_TIMEOUT, HEALTHY_FOR);
        let checked = self.check_as(&inputs).await.map_err(told)?;
        let sentence = checked.report.sentence;
        ensure!(checked.outcome == Outcome::Succeeded, "{sentence}");
        self.has(version).await
    }

    /// Whether the Deployment has the template of a version.
    pub(crate) async fn has(&self, version: &str) -> Result<()> {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), NAMESPACE);
        let deployment = deployments.get(DEPLOYMENT).await?;
        let template = deployment.spec.context("no spec")?.template;
        let labels = template.metadata.and_then(|it| it.labels);
        let found = labels.and_then(|it| it.get("version").cloned());
        ensure!(
            found.as_deref() == Some(version),
            "{found:?} instead of {version}"
        );
        Ok(())
    }

    /// Deletes the Deployment.
    pub(crate) async fn delete(&self) -> Result<()> {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), NAMESPACE);
        deployments
            .delete(DEPLOYMENT, &DeleteParams::default())
            .await?;
        Ok(())
    }

    /// Rolls back what the check handed over, or what the cluster itself tells.
    pub(crate) async fn rollback(
        &self,
        evidence: Option<&Handover>,
    ) -> Result<RolledBack, Failure> {
        self.rollback_with(evidence, &Given).await
    }

    /// The same, where the person who is asked takes so long that something else happens before
    /// the yes.
    pub(crate) async fn rollback_after(
        &self,
        evidence: &Handover,
        meanwhile: impl Future<Output = Result<()>>,
    ) -> Result<RolledBack> {
        let asked = Asked::default();
        let meanwhile = async {
            asked.asked.notified().await;
            let happened = meanwhile.await;
            asked.answered.notify_one();
            happened
        };
        let rollback = self.rollback_with(Some(evidence), &asked);
        let (rolled_back, happened) = tokio::join!(rollback, meanwhile);
        happened?;
        rolled_back.map_err(told)
    }

    async fn rollback_with(
        &self,
        evidence: Option<&Handover>,
        consent: &(dyn Consent + Sync),
    ) -> Result<RolledBack, Failure> {
        let (_sender, cancel) = Cancel::by_hand();
        let how = How {
            dry_run: false,
            consent,
            cancel: &cancel,
            by: "the test".to_owned(),
        };
        let inputs = RollbackInputs {
            workload: workload(),
            to_revision: None,
            evidence: evidence.cloned(),
        };
        Box::pin(rollback(&self.connection, &inputs, &how, &mut silent())).await
    }
}

/// A person who hears the question and answers yes when told to.
#[derive(Default)]
struct Asked {
    asked: Notify,
    answered: Notify,
}

#[async_trait]
impl Consent for Asked {
    async fn given(&self, _: &mut Console) -> bool {
        self.asked.notify_one();
        self.answered.notified().await;
        true
    }
}

pub(crate) fn workload() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: NAMESPACE.to_owned(),
        name: DEPLOYMENT.to_owned(),
    }
}

fn silent() -> Console {
    Console::new(Box::new(std::io::sink()), Box::new(std::io::sink()))
}

/// A failure as an error.
pub(crate) fn told(failure: Failure) -> anyhow::Error {
    let Failure {
        outcome, messages, ..
    } = failure;
    anyhow!("{outcome:?}: {}", messages.join("; "))
}

/// A Deployment of two replicas in a version.
pub(crate) fn web(version: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: {DEPLOYMENT}, labels: {{ app: web }} }}
spec:
  replicas: 2
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web, version: {version} }} }}
    spec:
      containers:
        - name: app
          image: registry.test/app:{version}
          readinessProbe: {{ httpGet: {{ path: /, port: 8080 }}, periodSeconds: 1 }}
"
    )
}

/// Creates the objects of `yaml`, or changes those that exist.
pub(crate) async fn apply(client: &Client, yaml: &str) -> Result<()> {
    let objects = serde_yaml::Deserializer::from_str(yaml)
        .map(|document| DynamicObject::deserialize(document).context("failed to read an object"))
        .collect::<Result<Vec<_>>>()?;
    for object in objects {
        let types = object.types.clone().context("an object without a kind")?;
        let name = object.metadata.name.clone().unwrap_or_default();
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types)?);
        let api: Api<DynamicObject> = if types.kind == "Namespace" {
            Api::all_with(client.clone(), &resource)
        } else {
            Api::namespaced_with(client.clone(), NAMESPACE, &resource)
        };
        let applied = if api.get_opt(&name).await?.is_some() {
            let patch = Patch::Merge(&object);
            api.patch(&name, &PatchParams::default(), &patch).await
        } else {
            api.create(&PostParams::default(), &object).await
        };
        applied.with_context(|| format!("failed to apply {} `{name}`", types.kind))?;
    }
    Ok(())
}
