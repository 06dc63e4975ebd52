//! Measures a look at a healthy Deployment in a fresh job: by the Azure CLI, kubelogin and kubectl, and
//! by the packed task. `cargo xtask bench-start` asks for it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use rollguard_measured::starts::{Measured, Side, Step};
use rollguard_tests::cluster::{
    LIMITED_USER, RealCluster, apply, wait_for_rollout, with_namespace,
};
use rollguard_tests::cost;
use rollguard_tests::fakes::{
    CLIENT_ID, CLUSTER, RESOURCE_GROUP, SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, Scheme, TENANT_ID,
};

use crate::Stage;
use crate::clients::desk::Desk;
use crate::smoke::WEB;

/// Names the task as it was packed.
const TASK: &str = "ROLLGUARD_TASK";
/// How often each way is gone, in turns.
const RUNS: usize = 5;
/// Longer than a rollout must have been complete (`stableFor`, 10 s).
const LONG: Duration = Duration::from_secs(12);
/// Allows the user all that either way asks for.
const ROLE: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: looks }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin }
subjects: [{ kind: User, apiGroup: rbac.authorization.k8s.io, name: USER }]
";

/// A command on a desk.
struct Line {
    says: &'static str,
    command: fn(&Desk, &str) -> Result<Command>,
}

const USUAL: [Line; 3] = [
    Line {
        says: "az login --service-principal --federated-token …",
        command: |desk, _| {
            let token = desk.azure.issue_oidc_token();
            let mut command = desk.az_command();
            command
                .args(["login", "--service-principal", "--username", CLIENT_ID])
                .args(["--tenant", TENANT_ID, "--federated-token", &token]);
            Ok(command)
        },
    },
    Line {
        says: "az aks get-credentials",
        command: |desk, _| {
            let mut command = desk.az_command();
            command
                .args(["aks", "get-credentials", "--resource-group", RESOURCE_GROUP])
                .args(["--name", CLUSTER]);
            Ok(command)
        },
    },
    Line {
        says: "kubectl rollout status",
        command: |desk, namespace| {
            let mut command = desk.kubectl_command();
            command.args(["--namespace", namespace, "rollout", "status"]);
            command.args(["--timeout=60s", "deployment/web"]);
            Ok(command)
        },
    },
];

const ROLLGUARD: [Line; 1] = [Line {
    says: "the task `Rollguard@1` with `command: check`",
    command: task,
}];

/// Goes each way several times, on the same cluster and with the same fakes.
pub(crate) async fn are_measured(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "start", async |client, namespace| {
        apply(&client, &namespace, &ROLE.replace("USER", LIMITED_USER)).await?;
        apply(&client, &namespace, WEB).await?;
        let limit = Duration::from_secs(60);
        wait_for_rollout::<Deployment>(&client, &namespace, "web", limit).await?;
        tokio::time::sleep(LONG).await;
        let (mut usual, mut rollguard) = (Side::default(), Side::default());
        for _ in 0..RUNS {
            go(cluster, &namespace, &USUAL, &mut usual).await?;
            go(cluster, &namespace, &ROLLGUARD, &mut rollguard).await?;
        }
        trace(cluster, &namespace, &USUAL, &mut usual).await?;
        trace(cluster, &namespace, &ROLLGUARD, &mut rollguard).await?;
        let desk = Desk::new(cluster).await?;
        let version = desk.az(&["version", "--output", "json"]).await?.json()?;
        let version = version["azure-cli"].as_str();
        stage.keep_starts(Measured {
            kubernetes: client.apiserver_version().await?.git_version,
            azure_cli: version.context("the Azure CLI has no version")?.to_owned(),
            usual,
            rollguard,
        });
        Ok(())
    })
    .await
}

/// A desk whose cloud is known, which the public one is from the start.
async fn desk(cluster: &RealCluster) -> Result<Desk> {
    let desk = Desk::new(cluster).await?;
    desk.register().await?;
    Ok(desk)
}

async fn go(cluster: &RealCluster, namespace: &str, lines: &[Line], side: &mut Side) -> Result<()> {
    let desk = desk(cluster).await?;
    let before = cost::files(desk.home())?;
    for (number, line) in lines.iter().enumerate() {
        let cost = cost::of((line.command)(&desk, namespace)?)?;
        if side.steps.len() <= number {
            side.steps.push(Step {
                command: line.says.to_owned(),
                costs: Vec::new(),
                started: cost::NOTHING,
            });
        }
        if let Some(step) = side.steps.get_mut(number) {
            step.costs.push(cost);
        }
    }
    let after = cost::files(desk.home())?;
    side.left.count = after.count.saturating_sub(before.count);
    side.left.bytes = after.bytes.saturating_sub(before.bytes);
    Ok(())
}

/// Once more, and counts what is started. Not timed: a trace takes its time.
async fn trace(
    cluster: &RealCluster,
    namespace: &str,
    lines: &[Line],
    side: &mut Side,
) -> Result<()> {
    let desk = desk(cluster).await?;
    let folder = tempfile::tempdir()?;
    for (line, step) in lines.iter().zip(&mut side.steps) {
        step.started = cost::started(&(line.command)(&desk, namespace)?, folder.path())?;
    }
    Ok(())
}

/// The task as the agent starts it.
fn task(desk: &Desk, namespace: &str) -> Result<Command> {
    let task = std::env::var_os(TASK).map(PathBuf::from);
    let task = task.context("no packed task: run `cargo xtask bench-start`")?;
    let script = task.join("index.js");
    ensure!(script.is_file(), "`{}` is missing", script.display());
    let mut command = Command::new("node");
    command
        .arg(script)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", desk.home())
        .env("AGENT_TEMPDIRECTORY", desk.home())
        .env("TF_BUILD", "True")
        .envs(desk.azure.agent_env(Scheme::WorkloadIdentityFederation))
        .envs(inputs(namespace))
        .current_dir(desk.home());
    Ok(command)
}

fn inputs(namespace: &str) -> impl Iterator<Item = (String, String)> {
    [
        ("command", "check"),
        ("azureServiceConnection", SERVICE_CONNECTION_ID),
        ("azureSubscriptionId", SUBSCRIPTION_ID),
        ("azureResourceGroup", RESOURCE_GROUP),
        ("aksCluster", CLUSTER),
        ("namespace", namespace),
        ("workloads", "deployment/web"),
    ]
    .map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value.to_owned()))
    .into_iter()
}
