//! An embedded cluster with one namespace, on which a test runs checks and rollbacks.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
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
use rollguard::run::rollback::{Consent, How, Person, RolledBack, rollback};
use rollguard::run::task::{Connector, task};
use rollguard::run::tools::Tools;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_agent::{AgentEnv, Outcome};
use rollguard_cluster::{Connection, Login, WayIn, connect};
use rollguard_core::approval::Approval;
use rollguard_core::finding::FindingCode;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use rollguard_sandbox::{Faults, Sandbox, SandboxBuilder, Script, Verb};
use rollguard_tests::scenarios::DEPLOYMENT;
use serde::Deserialize as _;
use tokio::sync::Notify;

use super::documents;
use super::recorded_pods::is_version;

/// When every embedded cluster begins.
const ORIGIN: &str = "2026-01-01T00:00:00Z";
/// The namespace of everything.
pub(crate) const NAMESPACE: &str = "shop";
/// How long the check of a version that should be healthy may take.
const HEALTHY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long such a version must stay so.
const HEALTHY_FOR: Duration = Duration::from_secs(3);
/// The tool that rolls back.
const RUN: &str = "the test";
/// How long a rollout must stay complete when no one says otherwise.
const STABLE_FOR: Duration = Duration::from_secs(10);

/// An embedded cluster with one namespace, and a connection to it.
pub(crate) struct TestCluster {
    sandbox: Sandbox,
    connection: Connection,
    said: Output,
}

/// All lines for people, of all commands.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn console(&self) -> Console {
        Console::new(Box::new(self.clone()), Box::new(std::io::sink()))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A check that gives a crash at start half a minute instead of its default patience: what follows the
/// verdict is tested, not the patience.
pub(crate) fn check_of(
    workload: WorkloadRef,
    timeout: Duration,
    stable_for: Duration,
) -> CheckInputs {
    CheckInputs {
        graces: BTreeMap::from([(FindingCode::CrashAtStart, Duration::from_secs(30))]),
        ..CheckInputs::of(workload, timeout, stable_for)
    }
}

impl TestCluster {
    /// To be given scripts for the pods.
    pub(crate) fn blank() -> Result<SandboxBuilder> {
        let builder = Sandbox::builder().origin(ORIGIN.parse()?);
        Ok(builder.namespace(NAMESPACE))
    }

    /// With pods that play scripts.
    pub(crate) async fn new(builder: SandboxBuilder) -> Result<Self> {
        let sandbox = builder.build();
        let login = Login::Client(sandbox.client());
        let connection = connect(&login, sandbox.now()).await?;
        Ok(Self {
            sandbox,
            connection,
            said: Output::default(),
        })
    }

    /// Where pods of v2 play a script, and v1 is deployed and healthy.
    pub(crate) async fn where_v2(script: Script) -> Result<Self> {
        let cluster = Self::new(Self::blank()?.play(|pod| is_version(pod, "v2"), script)).await?;
        cluster.deploy("v1").await?;
        cluster.is_healthy("v1").await?;
        Ok(cluster)
    }

    /// The handle with which things are broken.
    pub(crate) fn faults(&self) -> Faults {
        self.sandbox.faults()
    }

    /// A client that meets the faults like everybody else.
    pub(crate) fn client(&self) -> Client {
        self.sandbox.client()
    }

    /// How many changes of workloads reached the API server by patch, those of this test's own deploy
    /// step included. Marks on revisions are none, and neither are dry runs.
    pub(crate) fn patches(&self) -> usize {
        let requests = self.sandbox.requests();
        let is_change = |path: &str| {
            let of_workload = ["/deployments/", "/statefulsets/", "/daemonsets/"];
            of_workload.iter().any(|it| path.contains(it)) && !path.contains("dryRun")
        };
        let patches = requests.iter().filter(|it| it.verb == Verb::Patch);
        patches.filter(|it| is_change(&it.path)).count()
    }

    /// The way to the cluster.
    pub(crate) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Has the user come in another way.
    pub(crate) fn come_by(&mut self, way_in: WayIn) {
        self.connection.way_in = way_in;
    }

    /// Runs the task.
    pub(crate) async fn task(&self, env: &AgentEnv, connector: &dyn Connector) -> Outcome {
        let (_sender, cancel) = Cancel::by_hand();
        self.task_unless(env, connector, &cancel).await
    }

    /// Runs the task, which may be cancelled.
    pub(crate) async fn task_unless(
        &self,
        env: &AgentEnv,
        connector: &dyn Connector,
        cancel: &Cancel,
    ) -> Outcome {
        let mut tools = Tools {
            console: &mut self.said.console(),
            recorder: &mut Recorder::off(),
            cancel,
        };
        Box::pin(task(env, connector, &mut tools)).await
    }

    /// Lends the tools of a command, whose lines are kept.
    pub(crate) async fn with_tools<T>(
        &self,
        cancel: &Cancel,
        run: impl AsyncFnOnce(&mut Tools<'_>) -> T,
    ) -> T {
        let mut tools = Tools {
            console: &mut self.said.console(),
            recorder: &mut Recorder::off(),
            cancel,
        };
        run(&mut tools).await
    }

    /// How many requests reached the API server.
    pub(crate) fn requests(&self) -> usize {
        self.sandbox.requests().len()
    }

    /// The permissions that the requests so far took, in their order, as `verb plural.group`.
    pub(crate) fn permissions_used(&self) -> Vec<String> {
        let requests = self.sandbox.requests();
        let each = requests.iter().map(|it| permission(it.verb, &it.path));
        each.collect()
    }

    /// How many of them would change something.
    pub(crate) fn writes(&self) -> usize {
        let requests = self.sandbox.requests();
        let reads = [Verb::Get, Verb::List, Verb::Watch];
        requests
            .iter()
            .filter(|it| !reads.contains(&it.verb))
            .count()
    }

    /// How many of them were no dry run.
    pub(crate) fn writes_in_earnest(&self) -> usize {
        let requests = self.sandbox.requests();
        let reads = [Verb::Get, Verb::List, Verb::Watch];
        let writes = requests.iter().filter(|it| !reads.contains(&it.verb));
        writes.filter(|it| !it.path.contains("dryRun")).count()
    }

    /// How many pods were deleted by request.
    pub(crate) fn deleted_pods(&self) -> usize {
        let requests = self.sandbox.requests();
        let deletions = requests.iter().filter(|it| it.verb == Verb::Delete);
        deletions.filter(|it| it.path.contains("/pods/")).count()
    }

    /// All lines so far.
    pub(crate) fn said(&self) -> String {
        let said = self.said.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
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
        self.check_as(&check_of(workload(), timeout, STABLE_FOR))
            .await
    }

    /// The paths of all reads that reached the API server.
    pub(crate) fn reads(&self) -> Vec<String> {
        let requests = self.sandbox.requests().into_iter();
        let reads = requests.filter(|it| it.verb != Verb::Patch);
        reads.map(|it| it.path).collect()
    }

    pub(crate) async fn check_as(&self, inputs: &CheckInputs) -> Result<Checked, Failure> {
        self.check_by("a test", inputs).await
    }

    /// A check by the run that rolls back.
    pub(crate) async fn check_by_the_run(&self, timeout: Duration) -> Result<Checked, Failure> {
        let inputs = check_of(workload(), timeout, STABLE_FOR);
        self.check_by(RUN, &inputs).await
    }

    async fn check_by(&self, run: &str, inputs: &CheckInputs) -> Result<Checked, Failure> {
        let (_sender, cancel) = Cancel::by_hand();
        let mut tools = Tools {
            console: &mut self.said.console(),
            recorder: &mut Recorder::off(),
            cancel: &cancel,
        };
        // Boxed: it would make every future around it large.
        let checked = Box::pin(check(&self.connection, inputs, run, &mut tools)).await?;
        documents::of_check(&checked.report).map_err(Failure::from)?;
        Ok(checked)
    }

    /// The check of a version that should be healthy.
    pub(crate) async fn is_healthy(&self, version: &str) -> Result<()> {
        let inputs = CheckInputs::of(workload(), HEALTHY_TIMEOUT, HEALTHY_FOR);
        let checked = self.check_as(&inputs).await.map_err(as_error)?;
        let sentence = checked.report.sentence;
        ensure!(checked.outcome == Outcome::Succeeded, "{sentence}");
        self.has(version).await
    }

    /// Checks whether the Deployment has the template of a version.
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

    /// How many pods of the newest version are available, once no others are left.
    pub(crate) async fn updated_and_available(&self) -> Result<i32> {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), NAMESPACE);
        let status = deployments.get(DEPLOYMENT).await?.status;
        let status = status.context("no status")?;
        let updated = status.updated_replicas.unwrap_or(0);
        let all_updated = status.replicas == Some(updated);
        let available = status.available_replicas.unwrap_or(0);
        Ok(if all_updated {
            available.min(updated)
        } else {
            0
        })
    }

    /// The Deployment's generation, which counts the changes of its spec and annotations.
    pub(crate) async fn generation(&self) -> Result<i64> {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), NAMESPACE);
        let deployment = deployments.get(DEPLOYMENT).await?;
        deployment.metadata.generation.context("no generation")
    }

    /// Deletes the Deployment.
    pub(crate) async fn delete(&self) -> Result<()> {
        let deployments: Api<Deployment> = Api::namespaced(self.client(), NAMESPACE);
        deployments
            .delete(DEPLOYMENT, &DeleteParams::default())
            .await?;
        Ok(())
    }

    /// Rolls back by an approval, or by what the cluster shows, and does not wait.
    pub(crate) async fn rollback(
        &self,
        evidence: Option<&Approval>,
    ) -> Result<RolledBack, Failure> {
        self.rollback_as(&rollback_inputs(evidence)).await
    }

    /// Rolls back as a pipeline would.
    pub(crate) async fn rollback_as(&self, inputs: &RollbackInputs) -> Result<RolledBack, Failure> {
        let (_sender, cancel) = Cancel::by_hand();
        self.rollback_with(inputs, (Consent::Given, &cancel)).await
    }

    /// The same in another run, with a name of its own.
    pub(crate) async fn rollback_by(
        &self,
        run: &str,
        evidence: &Approval,
    ) -> Result<RolledBack, Failure> {
        let (_sender, cancel) = Cancel::by_hand();
        let how = How {
            consent: Consent::Given,
            by: run.to_owned(),
        };
        let inputs = rollback_inputs(Some(evidence));
        self.rollback_how(&inputs, (&how, &cancel)).await
    }

    /// The same, where somebody may wish to stop it.
    pub(crate) async fn rollback_unless(
        &self,
        inputs: &RollbackInputs,
        cancel: &Cancel,
    ) -> Result<RolledBack, Failure> {
        self.rollback_with(inputs, (Consent::Given, cancel)).await
    }

    /// Only looks.
    pub(crate) async fn dry_run(&self, inputs: &RollbackInputs) -> Result<RolledBack, Failure> {
        let (_sender, cancel) = Cancel::by_hand();
        let how = How {
            consent: Consent::DryRun,
            by: RUN.to_owned(),
        };
        self.rollback_how(inputs, (&how, &cancel)).await
    }

    /// Where the person who is asked takes so long that something else happens before the yes.
    pub(crate) async fn rollback_after(
        &self,
        evidence: &Approval,
        meanwhile: impl Future<Output = Result<()>>,
    ) -> Result<RolledBack> {
        let asked = Asked::default();
        let meanwhile = async {
            asked.asked.notified().await;
            let happened = meanwhile.await;
            asked.answered.notify_one();
            happened
        };
        let (_sender, cancel) = Cancel::by_hand();
        let inputs = rollback_inputs(Some(evidence));
        let rollback = self.rollback_with(&inputs, (Consent::AskedOf(&asked), &cancel));
        let (rolled_back, happened) = tokio::join!(rollback, meanwhile);
        happened?;
        rolled_back.map_err(as_error)
    }

    /// Where a person is asked, who answers with these lines and then ends the input, unless the run is cancelled
    /// first.
    pub(crate) async fn rollback_asking(
        &self,
        lines: &[&str],
        cancel: &Cancel,
    ) -> Result<RolledBack, Failure> {
        let person = Lines(Mutex::new(
            lines.iter().map(|it| (*it).to_owned()).collect(),
        ));
        let consent = Consent::AskedOf(&person);
        self.rollback_with(&rollback_inputs(None), (consent, cancel))
            .await
    }

    async fn rollback_with(
        &self,
        inputs: &RollbackInputs,
        (consent, cancel): (Consent<'_>, &Cancel),
    ) -> Result<RolledBack, Failure> {
        let how = How {
            consent,
            by: RUN.to_owned(),
        };
        self.rollback_how(inputs, (&how, cancel)).await
    }

    async fn rollback_how(
        &self,
        inputs: &RollbackInputs,
        (how, cancel): (&How<'_>, &Cancel),
    ) -> Result<RolledBack, Failure> {
        let mut tools = Tools {
            console: &mut self.said.console(),
            recorder: &mut Recorder::off(),
            cancel,
        };
        let done = Box::pin(rollback(&self.connection, inputs, how, &mut tools)).await?;
        // As the command line does.
        tools.console.lines(&done.untold);
        documents::of_rollback(&done).map_err(Failure::from)?;
        if let Some(report) = &done.report {
            documents::of_check(report).map_err(Failure::from)?;
        }
        Ok(done)
    }
}

/// The permission that a request takes (apiserver `endpoints/request/requestinfo.go`).
fn permission(verb: Verb, path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path);
    let segments: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
    let (group, rest) = match segments.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return format!("{verb} {path}"),
    };
    let (plural, subresource) = match rest {
        ["namespaces", _, plural, _, subresource, ..] => (*plural, Some(*subresource)),
        ["namespaces", _, plural, ..] | [plural, ..] => (*plural, None),
        [] => ("", None),
    };
    let resource = match subresource {
        Some(subresource) => format!("{plural}/{subresource}"),
        None => plural.to_owned(),
    };
    if group.is_empty() {
        format!("{verb} {resource}")
    } else {
        format!("{verb} {resource}.{group}")
    }
}

/// The inputs of a rollback by an approval, or of the one Deployment; it does not wait.
pub(crate) fn rollback_inputs(evidence: Option<&Approval>) -> RollbackInputs {
    let approved = evidence.iter().flat_map(|it| &it.workloads);
    let mut workloads: Vec<WorkloadRef> = approved.map(|it| it.workload.clone()).collect();
    if workloads.is_empty() {
        workloads.push(workload());
    }
    RollbackInputs {
        workloads,
        evidence: evidence.cloned(),
        ..RollbackInputs::of(workload(), HEALTHY_TIMEOUT, HEALTHY_FOR)
    }
}

/// A person who hears the question and answers yes if asked for in the test.
#[derive(Default)]
struct Asked {
    asked: Notify,
    answered: Notify,
}

#[async_trait]
impl Person for Asked {
    async fn answer(&self) -> Option<String> {
        self.asked.notify_one();
        self.answered.notified().await;
        Some("yes".to_owned())
    }
}

/// A person who answers with these lines. The answer `…` is one that never comes.
struct Lines(Mutex<VecDeque<String>>);

#[async_trait]
impl Person for Lines {
    async fn answer(&self) -> Option<String> {
        let line = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        if line.as_deref() == Some("…") {
            std::future::pending::<()>().await;
        }
        line
    }
}

pub(crate) fn workload() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Deployment,
        namespace: NAMESPACE.to_owned(),
        name: DEPLOYMENT.to_owned(),
    }
}

/// A failure as an error.
#[expect(
    clippy::needless_pass_by_value,
    reason = "`map_err` passes it by value"
)]
pub(crate) fn as_error(failure: Failure) -> anyhow::Error {
    anyhow!("{:?}: {}", failure.outcome, failure.messages().join("; "))
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
