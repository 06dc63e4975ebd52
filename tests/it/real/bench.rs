//! Time to verdict beside `kubectl rollout status`, on the same updates at the same time.
//!
//! `cargo xtask bench-verdict` asks for it and makes a page of what is measured here.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use rollguard_tests::cluster::RealCluster;
use rollguard_tests::scenarios::{self, Scenario};
use serde::Serialize;

/// One update.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    /// The code of the cause; none for an update that heals.
    pub(crate) expected: Option<&'static str>,
    pub(crate) rollguard: Judgement,
    /// None where nothing was compared.
    pub(crate) kubectl: Option<Judgement>,
}

/// What a tool makes of an update.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Judgement {
    /// In rollguard's words.
    pub(crate) verdict: String,
    /// Whether it names the cause.
    pub(crate) named: bool,
    pub(crate) seconds: f64,
}

/// Follows the update that has just been applied with `kubectl rollout status`. It names the cause
/// if it shows the text that the cluster itself shows.
pub(crate) async fn kubectl(
    cluster: &RealCluster,
    (namespace, scenario): (&str, &Scenario),
    timeout: &str,
) -> Result<Judgement> {
    let sign = scenario.sign;
    let mut command = Command::new(cluster.kubectl());
    command
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig_path())
        .args(["--namespace", namespace, "rollout", "status", "--timeout"])
        .arg(timeout)
        .arg(scenario.kind.workload());
    let started = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output())
        .await?
        .context("failed to run kubectl")?;
    let seconds = started.elapsed().as_secs_f64();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    let verdict = if output.status.success() {
        "succeeded"
    } else if told.contains("timed out waiting") {
        "timedOut"
    } else if told.contains("exceeded its progress deadline") {
        "failed"
    } else {
        "undetermined"
    };
    Ok(Judgement {
        verdict: verdict.to_owned(),
        named: !sign.is_empty() && told.contains(sign),
        seconds,
    })
}

/// All that was measured, in the order of the scenarios.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    kubernetes: String,
    /// How many scenarios there are; a page of fewer would be no comparison.
    scenarios: usize,
    rows: Vec<Row>,
}

impl Measured {
    pub(crate) fn new(kubernetes: String, mut rows: Vec<Row>) -> Self {
        let place = |name: &str| scenarios::all().position(|scenario| scenario.name == name);
        rows.sort_by_key(|row| place(row.scenario));
        Self {
            kubernetes,
            scenarios: scenarios::all().count(),
            rows,
        }
    }

    /// Writes it for `cargo xtask bench-verdict`.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
    }

    /// One line for each update.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        for row in &self.rows {
            let Judgement {
                verdict, seconds, ..
            } = &row.rollguard;
            let cause = row.expected.unwrap_or("heals");
            // Writing to a string cannot fail.
            let _ = writeln!(
                lines,
                "{seconds:>6.1} s  {verdict:<12}  {}, {cause}",
                row.scenario
            );
        }
        lines
    }
}
