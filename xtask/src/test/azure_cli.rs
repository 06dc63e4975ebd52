//! The Azure CLI, installed once into a cache outside the repository. pip takes only the files that
//! `tests/azure-cli/requirements.txt` names by hash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::cluster_binaries::{cache_folder, fingerprint};
use super::packages;
use crate::generate::root;

/// Debian keeps it apart from Python.
const VENV: packages::Package = ("python3-venv", &[]);

/// The installed program.
pub(crate) struct AzureCli {
    /// The program.
    pub(crate) program: PathBuf,
    /// The files that pip downloaded for it.
    pub(crate) wheels: PathBuf,
}

/// Installs it unless that was done for the same requirements before.
///
/// # Errors
/// When Python, pip or a package is missing.
pub(crate) fn install() -> Result<AzureCli> {
    let requirements = root().join("tests/azure-cli/requirements.txt");
    let wanted = fingerprint(std::slice::from_ref(&requirements))?;
    let folder = cache_folder("azure-cli")?.join(wanted);
    let (wheels, environment) = (folder.join("wheels"), folder.join("environment"));
    let done = folder.join("installed-by-rollguard");
    if !done.is_file() {
        println!("installing the Azure CLI");
        // One that was left half done begins again.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&wheels)
            .with_context(|| format!("failed to create `{}`", folder.display()))?;
        create(&environment)?;
        let python = environment.join("bin/python");
        download(&python, &requirements, &wheels)?;
        fill(&python, &requirements, &wheels)?;
        fs::write(&done, "")?;
    }
    Ok(AzureCli {
        program: environment.join("bin/az"),
        wheels,
    })
}

fn create(environment: &Path) -> Result<()> {
    let has_venv = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .status()
        .context("failed to run python3: install Python 3.10 or newer")?;
    if !has_venv.success() {
        packages::install(&[VENV])?;
    }
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(environment))
}

fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    command
}

fn download(python: &Path, requirements: &Path, wheels: &Path) -> Result<()> {
    run(pip(python)
        .args(["download", "--only-binary", ":all:", "--require-hashes"])
        .arg("--requirement")
        .arg(requirements)
        .arg("--dest")
        .arg(wheels))
}

fn fill(python: &Path, requirements: &Path, wheels: &Path) -> Result<()> {
    run(pip(python)
        .args(["install", "--no-index", "--require-hashes", "--find-links"])
        .arg(wheels)
        .arg("--requirement")
        .arg(requirements))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("failed to start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
