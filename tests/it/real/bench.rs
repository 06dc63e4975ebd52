//! Time to verdict beside `kubectl rollout status`, on the same updates at the same time.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rollguard_tests::cluster::RealCluster;
use rollguard_tests::scenarios::DEPLOYMENT;

/// One failing update.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) code: String,
    pub(crate) verdict: String,
    pub(crate) took: Duration,
    pub(crate) kubectl: Option<Duration>,
}

/// How long `kubectl rollout status --timeout=60s` takes for the update that has just been applied.
pub(crate) async fn kubectl(cluster: &Arc<RealCluster>, namespace: &str) -> Result<Duration> {
    let mut command = Command::new(cluster.kubectl());
    command
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig_path())
        .args([
            "--namespace",
            namespace,
            "rollout",
            "status",
            "--timeout=60s",
        ])
        .arg(format!("deployment/{DEPLOYMENT}"));
    let started = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output())
        .await?
        .context("failed to run kubectl")?;
    ensure!(
        !output.stderr.is_empty() || output.status.success(),
        "kubectl said nothing"
    );
    Ok(started.elapsed())
}

/// The rows as a Markdown table, with the medians.
pub(crate) fn table(rows: &[Row]) -> String {
    let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
    let mut lines = vec![
        "| scenario | cause named | verdict | rollguard, s | kubectl, s |".to_owned(),
        "| --- | --- | --- | ---: | ---: |".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| {
        let kubectl = row.kubectl.map_or_else(|| "–".to_owned(), seconds);
        format!(
            "| {} | {} | {} | {} | {kubectl} |",
            row.scenario,
            row.code,
            row.verdict,
            seconds(row.took)
        )
    }));
    let ours = median(rows.iter().map(|row| row.took).collect());
    let theirs = median(rows.iter().filter_map(|row| row.kubectl).collect());
    lines.push(format!(
        "| **median** | | | **{}** | **{}** |",
        seconds(ours),
        seconds(theirs)
    ));
    lines.join("\n")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
