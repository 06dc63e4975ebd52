//! actionlint, which reads the workflows of GitHub: built once into a cache outside the repository.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::cluster_binaries::{cache_folder, fingerprint};
use crate::generate::root;

const MODULE: &str = "tests/actionlint";
const PACKAGE: &str = "github.com/rhysd/actionlint/cmd/actionlint";

/// Builds it if it is missing, and returns the program. It needs Go.
///
/// # Errors
/// When Go is missing, or the build fails.
pub(super) fn build() -> Result<PathBuf> {
    let module = root().join(MODULE);
    let sources = ["go.mod", "go.sum"].map(|name| module.join(name));
    let folder = cache_folder("actionlint")?.join(fingerprint(&sources)?);
    let program = folder.join("actionlint");
    if program.is_file() {
        return Ok(program);
    }
    println!("building actionlint");
    fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    // Renamed when it is whole: an interrupted build leaves nothing that looks finished.
    let half = folder.join("actionlint.half");
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
        .arg(PACKAGE)
        .env("CGO_ENABLED", "0")
        .current_dir(module)
        .status()
        .context("failed to run go: install Go 1.25 or newer")?;
    ensure!(status.success(), "failed to build actionlint: {status}");
    fs::rename(&half, &program).context("failed to keep actionlint")?;
    Ok(program)
}
