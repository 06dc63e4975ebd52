//! The two ways to roll back that are compared, each as a person or a pipeline uses it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use rollguard_tests::cluster::RealCluster;
use rollguard_tests::faulty::Faulty;
use rollguard_tests::product::{Ran, Rollguard, Running};
use tokio::time::sleep;

use super::case::Run;
use super::case_namespace::CaseNamespace;

/// How long `kubectl rollout status` may wait. What heals does so in half of it.
const STATUS_LIMIT: &str = "--timeout=20s";
/// How long any command may take; kubectl itself waits for an answer for ever.
const COMMAND_LIMIT: Duration = Duration::from_secs(200);
/// The same for `kubectl rollout undo`, which waits for nothing but that answer.
const UNDO_LIMIT: Duration = Duration::from_secs(30);

/// The tool that rolls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `kubectl rollout undo`, then `kubectl rollout status`.
    Kubectl,
    /// `rollguard rollback`.
    Rollguard,
}

/// The request to a tool.
#[derive(Clone, Copy)]
pub(crate) struct Asks<'a> {
    pub(crate) namespace: &'a CaseNamespace,
    pub(crate) run: &'a Run,
    pub(crate) kubeconfig: &'a Path,
    /// The check's approval.
    pub(crate) evidence: Option<&'a Path>,
    /// Kills the program once this goes wrong.
    pub(crate) killed_by: Option<&'a Faulty>,
}

/// The output of a tool: each command by its name.
#[derive(Debug, Clone)]
pub(crate) struct Told(pub(crate) Vec<(&'static str, Ran)>);

impl Told {
    /// The first code that is not 0.
    pub(crate) fn code(&self) -> i32 {
        let codes = self.0.iter().map(|(_, ran)| ran.code);
        codes.into_iter().find(|code| *code != 0).unwrap_or(0)
    }

    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(_, ran)| ran.all()).collect()
    }
}

/// kubectl of the cluster's own version.
pub(crate) fn kubectl(cluster: &RealCluster, kubeconfig: &Path, args: &[&str]) -> Result<Running> {
    let mut command = Command::new(cluster.kubectl());
    // Without a home it would keep its cache in the folder it is started in.
    let cache = cluster.kubeconfig_path().with_file_name("kubectl-cache");
    command
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .env("KUBECACHEDIR", cache);
    Running::start(command)
}

impl Tool {
    /// Rolls back once.
    pub(crate) async fn roll_back(self, asks: Asks<'_>) -> Result<Told> {
        match self {
            Self::Kubectl => undo(asks).await,
            Self::Rollguard => {
                let running = Rollguard::new(asks.kubeconfig)?.start(&rollback_args(&asks))?;
                let ran = asks.see_to_its_end(running, COMMAND_LIMIT).await?;
                Ok(Told(vec![("rollback", ran)]))
            }
        }
    }
}

async fn undo(asks: Asks<'_>) -> Result<Told> {
    let CaseNamespace {
        cluster,
        name: namespace,
        ..
    } = asks.namespace;
    let revision = asks.run.to_revision.map(|it| format!("--to-revision={it}"));
    let mut args = vec!["rollout", "undo", "-n", namespace];
    args.extend(asks.namespace.case.workloads());
    args.extend(revision.as_deref());
    let undo = kubectl(cluster, asks.kubeconfig, &args)?;
    let undo = asks.see_to_its_end(undo, UNDO_LIMIT).await?;
    let mut told = vec![("undo", undo)];
    if told.iter().all(|(_, ran)| ran.code == 0) {
        for workload in asks.namespace.case.workloads() {
            let args = ["rollout", "status", "-n", namespace, STATUS_LIMIT, workload];
            let status = kubectl(cluster, asks.kubeconfig, &args)?;
            told.push(("status", asks.see_to_its_end(status, COMMAND_LIMIT).await?));
        }
    }
    Ok(Told(told))
}

fn rollback_args<'a>(asks: &Asks<'a>) -> Vec<&'a str> {
    let mut args = vec!["rollback", "-n", &asks.namespace.name, "--yes"];
    args.extend(["--timeout", "120s", "--stable-for", "1s"]);
    args.extend(asks.run.flags);
    if let Some(revision) = asks.run.to_revision {
        args.extend(["--to-revision", revision]);
    }
    match asks.evidence.and_then(Path::to_str) {
        Some(evidence) => args.extend(["--evidence", evidence]),
        None => args.extend(asks.namespace.case.workloads()),
    }
    args
}

impl Asks<'_> {
    /// Waits for the end, or for the moment to kill it; who is still there at the limit is killed as
    /// well, and has -1 for a code.
    async fn see_to_its_end(&self, running: Running, limit: Duration) -> Result<Ran> {
        let over = async {
            match self.killed_by {
                Some(faulty) => tokio::select! {
                    () = faulty.sprung() => (),
                    () = sleep(limit) => (),
                },
                None => sleep(limit).await,
            }
        };
        running.killed(over).await
    }
}
