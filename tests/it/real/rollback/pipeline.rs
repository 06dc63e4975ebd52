//! The check job of the shipped stage: the binary as the task starts it, and what it hands over.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use rollguard_agent::command::TaskOutput;
use rollguard_tests::cluster::{ADMIN_TOKEN, RealCluster};
use rollguard_tests::fakes::{
    CLUSTER, FakeAzure, RESOURCE_GROUP, SERVICE_CONNECTION_ID, SUBSCRIPTION_ID, Scheme,
    kubelogin_kubeconfig,
};
use rollguard_tests::product::{Ran, Running, binary};
use tempfile::NamedTempFile;

use crate::stage::with_ca;

/// The most that the output variable `evidence` may hold.
const EVIDENCE_LIMIT: usize = 8 * 1024;

/// The output of the check job.
#[derive(Debug)]
pub(crate) struct Handed {
    /// The evidence as a file, as the Rollback job gets it.
    pub(crate) evidence: NamedTempFile,
    /// All that was said.
    pub(crate) ran: Ran,
}

/// Runs the check of a bad update.
pub(crate) async fn check(
    cluster: &RealCluster,
    namespace: &str,
    workloads: &[&str],
) -> Result<Handed> {
    let kubeconfig = kubelogin_kubeconfig(cluster.server_url());
    let azure = FakeAzure::builder()
        .kubeconfig(with_ca(&kubeconfig, cluster.ca_pem())?)
        .issue_token(ADMIN_TOKEN)
        .start()?;
    let temp = tempfile::tempdir()?;
    let mut command = Command::new(binary()?);
    command
        .arg("task")
        .envs(azure.agent_env(Scheme::ServicePrincipal))
        .envs(inputs(namespace, &workloads.join("\n")))
        .env("AGENT_TEMPDIRECTORY", temp.path())
        .env("HOME", temp.path());
    let ran = Running::start(command)?.ended().await?;
    let mut heard = TaskOutput::default();
    for line in ran.stdout.lines().chain(ran.stderr.lines()) {
        heard.read_line(line);
    }
    let evidence = heard.variables.get("evidence");
    let evidence = evidence.with_context(|| format!("no evidence: {}", ran.all()))?;
    ensure!(
        evidence.len() <= EVIDENCE_LIMIT,
        "{} bytes of evidence",
        evidence.len()
    );
    let file = NamedTempFile::new()?;
    std::fs::write(file.path(), evidence)?;
    Ok(Handed {
        evidence: file,
        ran,
    })
}

fn inputs(namespace: &str, workloads: &str) -> Vec<(String, String)> {
    [
        ("command", "check"),
        ("azureServiceConnection", SERVICE_CONNECTION_ID),
        ("azureSubscriptionId", SUBSCRIPTION_ID),
        ("azureResourceGroup", RESOURCE_GROUP),
        ("aksCluster", CLUSTER),
        ("namespace", namespace),
        ("workloads", workloads),
        ("timeout", "40s"),
        ("graces", "CrashAtStart=30s"),
        ("stableFor", "1s"),
    ]
    .into_iter()
    .map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value.to_owned()))
    .collect()
}
