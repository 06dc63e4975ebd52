//! The shipped stage, run once as an agent runs it: each task step is `node task/index.js` with
//! `INPUT_*` and `ENDPOINT_*`, Azure is a fake on loopback, the cluster is the real one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::ListParams;
use kube::{Api, Client};
use rollguard_agent::command::TaskOutput;
use rollguard_stage::{
    ResolvedTask, StageEvent, StageReport, StepOutcome, StepRunner, TaskResult, run_stage,
    shipped_stage,
};
use rollguard_tests::cluster::{ADMIN_TOKEN, RealCluster, apply, with_namespace};
use rollguard_tests::fakes::{
    CLUSTER, FakeAzure, RESOURCE_GROUP, SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, Scheme,
    kubelogin_kubeconfig,
};
use rollguard_tests::product::binary;
use rollguard_tests::scenarios::{DEPLOYMENT, Play, Scenario, all};
use serde_json::Value;

use crate::Stage;

/// How each service connection signs in, and the update that it meets: one that fails by its template
/// alone while v1 serves, and one that replaces v1 before it fails, so that only the check knows what
/// was serving.
const RUNS: [(Scheme, &str, &str); 2] = [
    (
        Scheme::WorkloadIdentityFederation,
        "config-key-missing",
        "does not have that key",
    ),
    (
        Scheme::ServicePrincipal,
        "crash-after-ready",
        "exited after it was ready",
    ),
];

/// From the agent's variables to the rolled-back Deployment; then every job again.
pub(crate) async fn runs_through_node(stage: Arc<Stage>) -> Result<()> {
    for (scheme, name, cause_seen) in RUNS {
        let cluster = stage.cluster()?;
        let scenario = scenario(name)?;
        with_namespace(cluster, "stage", async |client, namespace| {
            let mut play = Play::new(cluster, &namespace, scenario)?;
            play.deploy_v1().await?;
            play.deploy_v2().await?;
            let mut agent = Agent::new(cluster, scheme)?;
            let report = walk(&mut agent, &namespace).await?;
            agent.expect(
                &report,
                &[
                    ("AksDeploymentHealthCheck", "check.rollbackTo", "1"),
                    ("Rollback", "rollback.rollbackOutcome", "rolledBack"),
                    ("AksRollbackHealthCheck", "recheck.verdict", "succeeded"),
                    (
                        "AksRollbackHealthCheck",
                        "recheck.rollbackHealth",
                        "healthy",
                    ),
                ],
            )?;
            for part in [
                cause_seen,
                "Resume restores revision 1 in place of 2",
                "Not restored: ",
            ] {
                ensure!(
                    agent.approver_saw(part)?,
                    "the approver did not see `{part}`: {:?}",
                    agent.instructions
                );
            }
            let api: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
            ensure!(version(&api).await? == "v1", "not rolled back");
            ensure!(
                causes(&client, &namespace)
                    .await?
                    .contains("run 20261121.3"),
                "the run is not named in the change cause"
            );

            // An agent runs a job again after a lost connection, or a person presses "rerun".
            // The release that failed must not turn green because what was restored is.
            for (step, output, expected) in [
                ("check", "verdict", "superseded"),
                ("rollback", "rollbackOutcome", "alreadyRolledBack"),
                ("recheck", "rollbackHealth", "healthy"),
            ] {
                let again = agent.rerun(step).await;
                let found = again.outputs.get(output).map(String::as_str);
                ensure!(found == Some(expected), "{step}: {again:?}");
            }
            ensure!(version(&api).await? == "v1", "not rolled back any more");
            apply(
                &client,
                &namespace,
                &scenario.v2.replace("version: v2", "version: v3"),
            )
            .await?;
            let newer = agent.rerun("rollback").await;
            ensure!(
                newer.outputs.get("rollbackOutcome").map(String::as_str) == Some("superseded"),
                "{newer:?}"
            );
            ensure!(version(&api).await? == "v3", "a newer rollout was undone");
            agent.left_nothing_behind()
        })
        .await?;
    }
    Ok(())
}

fn scenario(name: &str) -> Result<&'static Scenario> {
    all()
        .find(|scenario| scenario.name == name)
        .context("the scenario is gone")
}

async fn version(api: &Api<Deployment>) -> Result<String> {
    let template = api.get(DEPLOYMENT).await?.spec.context("no spec")?.template;
    let labels = template
        .metadata
        .and_then(|it| it.labels)
        .unwrap_or_default();
    labels.get("version").cloned().context("no label `version`")
}

/// Returns what `kubectl rollout history` shows.
async fn causes(client: &Client, namespace: &str) -> Result<String> {
    let sets: Api<ReplicaSet> = Api::namespaced(client.clone(), namespace);
    let sets = sets.list(&ListParams::default()).await?.items.into_iter();
    let causes = sets.filter_map(|it| {
        it.metadata
            .annotations?
            .remove("kubernetes.io/change-cause")
    });
    Ok(causes.collect::<Vec<_>>().join("\n"))
}

async fn walk(agent: &mut Agent, namespace: &str) -> Result<StageReport> {
    let template = shipped_stage()?;
    let parameters: BTreeMap<String, Value> = [
        ("environment", "Test"),
        ("azureServiceConnection", SERVICE_CONNECTION_ID),
        ("aksName", CLUSTER),
        ("aksRg", RESOURCE_GROUP),
        ("aksSubscription", SUBSCRIPTION_ID),
        ("namespace", namespace),
        ("deploymentName", DEPLOYMENT),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .collect();
    let stages = template.expand(&parameters)?;
    Ok(run_stage(stages.first().context("no stage")?, agent).await)
}

/// Plays the agent: a task folder, a working folder, the variables, and Azure.
struct Agent {
    azure: FakeAzure,
    scheme: Scheme,
    task: tempfile::TempDir,
    home: tempfile::TempDir,
    temp: tempfile::TempDir,
    steps: BTreeMap<String, ResolvedTask>,
    instructions: Option<String>,
    log: String,
}

impl Agent {
    fn new(cluster: &RealCluster, scheme: Scheme) -> Result<Self> {
        let kubeconfig = with_ca(
            &kubelogin_kubeconfig(cluster.server_url()),
            cluster.ca_pem(),
        )?;
        let azure = FakeAzure::builder()
            .kubeconfig(kubeconfig)
            .issue_token(ADMIN_TOKEN)
            .start()?;
        let task = tempfile::tempdir()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../task");
        for name in ["index.js", "completion.js", "give-up.js", "program.js"] {
            std::fs::copy(source.join(name), task.path().join(name))?;
        }
        let bin = task.path().join("bin");
        std::fs::create_dir_all(bin.join("linux-x64"))?;
        std::fs::copy(binary()?, bin.join("linux-x64/rollguard"))?;
        // As `cargo xtask package` writes it.
        let hash = ring::digest::digest(&ring::digest::SHA256, &std::fs::read(binary()?)?);
        let hash = hash.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        std::fs::write(
            bin.join("SHA256SUMS"),
            format!("{hash}  linux-x64/rollguard\n"),
        )?;
        let (home, temp) = (tempfile::tempdir()?, tempfile::tempdir()?);
        Ok(Self {
            azure,
            scheme,
            task,
            home,
            temp,
            steps: BTreeMap::new(),
            instructions: None,
            log: String::new(),
        })
    }

    fn variables(&self, step: &ResolvedTask) -> BTreeMap<String, String> {
        let mut variables = self.azure.agent_env(self.scheme);
        variables.extend(
            step.inputs
                .iter()
                .map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value.clone())),
        );
        let path = std::env::var("PATH").unwrap_or_default();
        for (name, value) in [
            ("PATH", path),
            ("HOME", self.home.path().display().to_string()),
            (
                "AGENT_TEMPDIRECTORY",
                self.temp.path().display().to_string(),
            ),
            ("BUILD_BUILDNUMBER", "20261121.3".to_owned()),
            ("BUILD_DEFINITIONNAME", "shop".to_owned()),
            ("TF_BUILD", "True".to_owned()),
        ] {
            variables.insert(name.to_owned(), value);
        }
        variables
    }

    async fn node(&mut self, step: &ResolvedTask) -> StepOutcome {
        let mut command = Command::new("node");
        command
            .arg(self.task.path().join("index.js"))
            .env_clear()
            .envs(self.variables(step))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await;
        let Ok(Ok(ran)) = ran else {
            return StepOutcome::of(TaskResult::Failed);
        };
        let mut heard = TaskOutput::default();
        for line in String::from_utf8_lossy(&ran.stdout)
            .lines()
            .chain(String::from_utf8_lossy(&ran.stderr).lines())
        {
            if !heard.read_line(line) {
                self.log.push_str(line);
                self.log.push('\n');
            }
        }
        let _ = writeln!(
            self.log,
            "{} ended with {:?}",
            step.display_name,
            ran.status.code()
        );
        let succeeded =
            heard.task_result(ran.status.code()) == rollguard_agent::TaskResult::Succeeded;
        let result = if succeeded {
            TaskResult::Succeeded
        } else {
            TaskResult::Failed
        };
        StepOutcome {
            result,
            outputs: heard.variables,
        }
    }

    /// The same step again, with the inputs that it had.
    async fn rerun(&mut self, step: &str) -> StepOutcome {
        match self.steps.get(step).cloned() {
            Some(step) => self.node(&step).await,
            None => StepOutcome::of(TaskResult::Failed),
        }
    }

    fn expect(&self, report: &StageReport, rows: &[(&str, &str, &str)]) -> Result<()> {
        for (job, name, value) in rows {
            let found = report.job(job).and_then(|job| job.outputs.get(*name));
            ensure!(
                found.map(String::as_str) == Some(*value),
                "{name} of {job} is {found:?}, not {value}\n{}",
                self.log
            );
        }
        ensure!(
            report.result == TaskResult::Failed,
            "the run hides that the deployment failed"
        );
        Ok(())
    }

    fn approver_saw(&self, text: &str) -> Result<bool> {
        let instructions = self.instructions.as_deref().context("nobody was asked")?;
        Ok(instructions.contains(text))
    }

    /// Summaries and evidence lie in the agent's own temporary folder; the home is as empty as before.
    fn left_nothing_behind(&self) -> Result<()> {
        let names = |folder: &Path| -> Result<Vec<PathBuf>> {
            Ok(std::fs::read_dir(folder)?
                .map(|entry| entry.map(|it| it.path()))
                .collect::<Result<_, _>>()?)
        };
        ensure!(
            names(self.home.path())?.is_empty(),
            "files in the home: {:?}",
            names(self.home.path())?
        );
        for file in names(self.temp.path())? {
            let text = std::fs::read_to_string(&file)?;
            ensure!(
                file.extension()
                    .is_some_and(|it| it == "md" || it == "json"),
                "{} is neither summary nor evidence",
                file.display()
            );
            ensure!(!text.contains(ADMIN_TOKEN), "a token in {}", file.display());
        }
        ensure!(!self.log.contains(ADMIN_TOKEN), "a token in the log");
        Ok(())
    }
}

#[async_trait]
impl StepRunner for Agent {
    async fn run(&mut self, step: &ResolvedTask) -> StepOutcome {
        if step.task == "ManualValidation@1" {
            self.instructions = step.inputs.get("instructions").cloned();
            return StepOutcome::of(TaskResult::Succeeded);
        }
        let name = step.name.clone().unwrap_or_default();
        self.steps.insert(name, step.clone());
        self.node(step).await
    }

    fn event(&mut self, _: &StageEvent) {}
}

/// The kubeconfig with the cluster's certificate, as AKS gives it.
pub(crate) fn with_ca(kubeconfig: &str, ca_pem: &str) -> Result<String> {
    use base64::Engine as _;
    let mut value: Value = serde_yaml::from_str(kubeconfig)?;
    let ca = base64::engine::general_purpose::STANDARD.encode(ca_pem);
    let cluster = value
        .pointer_mut("/clusters/0/cluster")
        .context("no cluster in the kubeconfig")?;
    cluster["certificate-authority-data"] = Value::from(ca);
    Ok(serde_yaml::to_string(&value)?)
}
