//! `helm upgrade`, which applies the objects itself, waits for them and undoes a release that fails.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::verdicts::Judgement;
use rollguard_tests::cluster::RealCluster;
use rollguard_tests::counting::Counting;
use tempfile::TempDir;

use super::{Tool, limited};

/// A release of a chart in a namespace of its own.
pub(crate) struct Release<'a> {
    cluster: &'a RealCluster,
    namespace: &'a str,
    /// The chart, and Helm's own folders.
    folder: TempDir,
}

impl<'a> Release<'a> {
    pub(crate) fn new(cluster: &'a RealCluster, namespace: &'a str) -> Result<Self> {
        let folder = tempfile::tempdir().context("failed to create a folder for a chart")?;
        let chart = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
        fs::create_dir_all(folder.path().join("chart/templates"))?;
        fs::write(folder.path().join("chart/Chart.yaml"), chart)?;
        Ok(Self {
            cluster,
            namespace,
            folder,
        })
    }

    /// Upgrades to these objects, or installs them, and waits as `--wait=watcher` does.
    pub(crate) async fn becomes(
        &self,
        objects: &str,
        timeout: u64,
        sign: &str,
    ) -> Result<Judgement> {
        ensure!(!objects.contains("{{"), "the objects are no template");
        let folder = self.folder.path();
        fs::write(folder.join("chart/templates/all.yaml"), objects)?;
        let counting = Counting::start(self.cluster.client()).await?;
        let program = self.cluster.kubectl().with_file_name("helm");
        ensure!(
            program.exists(),
            "helm was not built: run `cargo xtask bench-traffic`"
        );
        let mut command = limited(&program, timeout);
        command
            .args(["upgrade", "--install", "--wait=watcher"])
            .arg("--rollback-on-failure")
            .arg(format!("--timeout={timeout}s"))
            .args(["--namespace", self.namespace, "--kubeconfig"])
            .arg(counting.kubeconfig())
            .arg("web")
            .arg(folder.join("chart"));
        for own in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(own, folder.join(own));
        }
        let tool = Tool {
            command,
            input: String::new(),
            sign,
        };
        tool.judges(&counting, verdict).await
    }
}

/// Returns what it says, in rollguard's words.
fn verdict(succeeded: bool, told: &str) -> VerdictKind {
    let timed_out = ["timed out", "deadline exceeded"];
    match succeeded {
        true => VerdictKind::Succeeded,
        false if timed_out.iter().any(|it| told.contains(it)) => VerdictKind::TimedOut,
        false => VerdictKind::Failed,
    }
}
