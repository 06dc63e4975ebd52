//! The Azure CLI and other programs of `PyPI`, installed once into a cache outside the repository. pip takes only the
//! files that their `requirements.txt` names by hash.

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
    let folder = install_from("azure-cli")?;
    Ok(AzureCli {
        program: folder.join("environment/bin/az"),
        wheels: folder.join("wheels"),
    })
}

/// Installs checkov, a linter that ours is compared with, and returns the program.
///
/// # Errors
/// When Python, pip or a package is missing.
pub(crate) fn install_checkov() -> Result<PathBuf> {
    Ok(install_from("checkov")?.join("environment/bin/checkov"))
}

/// Installs what `tests/NAME/requirements.txt` says unless that was done before, and returns the folder.
fn install_from(name: &str) -> Result<PathBuf> {
    let requirements = root().join("tests").join(name).join("requirements.txt");
    let wanted = fingerprint(std::slice::from_ref(&requirements))?;
    let folder = cache_folder(name)?.join(wanted);
    let (wheels, environment) = (folder.join("wheels"), folder.join("environment"));
    let done = folder.join("installed-by-rollguard");
    if !done.is_file() {
        println!("installing {name}");
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
    Ok(folder)
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
