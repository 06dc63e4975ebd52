//! Measures the time to verdict beside `kubectl rollout status` and kubedog, on a real cluster, and
//! writes `docs/benchmarks.md`. The times are shown and never asserted.

mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

use crate::generate::root;
use crate::test::{self, Modules};
use page::{Measured, Setting};

const PAGE: &str = "docs/benchmarks.md";
const MEASURED: &str = "target/bench-verdict.json";

/// Runs every scenario, all three tools at the same time, prints the tables and writes them.
///
/// # Errors
/// When the cluster cannot be set up, when a scenario was not measured, or, once the page is
/// written, when a verdict of rollguard was wrong.
pub(crate) fn run() -> Result<()> {
    let file = root().join(MEASURED);
    // Of an earlier run, which this one must not be taken for.
    let _ = fs::remove_file(&file);
    // What users run is a release build.
    let binary = release_build()?;
    let status = test::real_cluster(Modules::WithPeers)?
        .env("ROLLGUARD_BENCH", "1")
        .env("ROLLGUARD_BINARY", binary)
        .env("ROLLGUARD_BENCH_FILE", &file)
        .current_dir(root())
        .status()
        .context("failed to run cargo")?;
    let measured = read(&file)?;
    let page = page::render(&measured, &setting()?);
    println!("\n{page}");
    measured.ensure_complete()?;
    fs::write(root().join(PAGE), page).with_context(|| format!("failed to write {PAGE}"))?;
    println!("wrote {PAGE}");
    ensure!(
        status.success(),
        "not every scenario went as it should: {status}"
    );
    Ok(())
}

fn release_build() -> Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "rollguard"])
        .current_dir(root())
        .status()
        .context("failed to run cargo")?;
    ensure!(built.success(), "failed to build rollguard: {built}");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root().join("target"));
    let binary = target.join("release/rollguard");
    ensure!(binary.exists(), "`{}` is missing", binary.display());
    Ok(binary)
}

fn read(file: &Path) -> Result<Measured> {
    let text = fs::read_to_string(file).context("failed to read what was measured")?;
    serde_json::from_str(&text).context("failed to understand what was measured")
}

fn setting() -> Result<Setting> {
    Ok(Setting {
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
        cores: available_parallelism()
            .context("failed to count the cores")?
            .get(),
        version: env!("CARGO_PKG_VERSION"),
    })
}
