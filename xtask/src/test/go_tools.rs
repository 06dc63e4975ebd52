//! Programs of Go modules of their own, built once into a cache outside the repository.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::cluster_binaries::{cache_folder, fingerprint};
use crate::generate::root;

/// Builds actionlint, which reads the workflows of GitHub, if it is missing, and returns the program. It needs Go.
///
/// # Errors
/// When Go is missing, or the build fails.
pub(super) fn build_actionlint() -> Result<PathBuf> {
    build_tool("actionlint", "github.com/rhysd/actionlint/cmd/actionlint")
}

/// Builds kube-score, a linter that ours is compared with, if it is missing, and returns the program. It needs Go.
///
/// # Errors
/// When Go is missing, or the build fails.
pub(crate) fn build_kube_score() -> Result<PathBuf> {
    build_tool("kube-score", "github.com/zegl/kube-score/cmd/kube-score")
}

/// Builds trivy, a linter that ours is compared with, if it is missing, and returns the program. It needs Go. Two cores take
/// a quarter of an hour for a first build.
///
/// # Errors
/// When Go is missing, or the build fails.
pub(crate) fn build_trivy() -> Result<PathBuf> {
    println!("trivy: a first build takes a quarter of an hour");
    // Its sources read JSON with a package that Go 1.26 has as an experiment only.
    let experiment = [("GOEXPERIMENT", "jsonv2")];
    build_with(
        "trivy",
        "github.com/aquasecurity/trivy/cmd/trivy",
        &experiment,
    )
}

fn build_tool(name: &str, package: &str) -> Result<PathBuf> {
    build_with(name, package, &[])
}

fn build_with(name: &str, package: &str, environment: &[(&str, &str)]) -> Result<PathBuf> {
    let module = root().join("tests").join(name);
    let sources = ["go.mod", "go.sum"].map(|file| module.join(file));
    let folder = cache_folder(name)?.join(fingerprint(&sources)?);
    let program = folder.join(name);
    if program.is_file() {
        return Ok(program);
    }
    println!("building {name}");
    fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    // Renamed when it is whole: an interrupted build leaves nothing that looks finished.
    let half = folder.join(format!("{name}.half"));
    let status = Command::new("go")
        .args([
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            "-s -w",
            "-o",
        ])
        .arg(&half)
        .arg(package)
        .env("CGO_ENABLED", "0")
        .envs(environment.iter().copied())
        .current_dir(module)
        .status()
        .context("failed to run go: install Go 1.25 or newer")?;
    ensure!(status.success(), "failed to build {name}: {status}");
    fs::rename(&half, &program).with_context(|| format!("failed to keep {name}"))?;
    Ok(program)
}
