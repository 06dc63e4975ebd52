//! Builds the binaries, stages them into `task/bin`, packs the extension with tfx and runs what was packed.

mod archive;
mod artifacts;
mod builds;
mod content;
pub(crate) mod image;
mod normalise;
mod sbom;
mod sums;
mod trials;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::generate::{self, VERSION, root};

/// A request to package.
pub(crate) struct Wanted<'a> {
    /// `xtask/manifests/<overlay>.json`.
    pub(crate) overlay: &'a str,
    /// Only these platforms are built; all that can be built here if none is named.
    pub(crate) platforms: &'a [String],
    /// Whether to spend less time on all but linux-x64: for a package that is tested and not shipped.
    pub(crate) quick: bool,
    /// Which of the steps are left out.
    pub(crate) steps: Steps,
}

/// The steps of packaging.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steps {
    /// Build and pack.
    All,
    /// Only build: another machine packs.
    Build,
    /// Only pack what is staged in `task/bin`.
    Pack,
}

/// Packs the extension into `dist/`, with archives, images, a bill of materials and checksums beside it. Binaries of
/// other platforms that are staged already are packed too: macOS has to build its own.
pub(crate) fn run(wanted: &Wanted<'_>) -> Result<()> {
    if wanted.steps == Steps::Build {
        return build(wanted.platforms, wanted.quick);
    }
    generate::run(true)?;
    if wanted.steps == Steps::All {
        build(wanted.platforms, wanted.quick)?;
    }
    let bin = bin();
    let packed = sums::write(&bin)?;
    let vsix = pack(wanted.overlay)?;
    let content = content::check(&vsix, &packed, !wanted.quick)?;
    let written = artifacts::write(&vsix, &bin, &packed, &content.list)?;
    for line in content.lines.iter().chain(&written) {
        println!("{line}");
    }
    let again = (
        "packed again, the extension has the same SHA-256".to_owned(),
        is_reproduced(&vsix, wanted.overlay),
    );
    trials::run(&vsix, &packed, again)
}

/// The folder in which binaries are staged.
fn bin() -> PathBuf {
    root().join("task/bin")
}

/// Builds the binaries and stages them.
fn build(platforms: &[String], quick: bool) -> Result<()> {
    let bin = bin();
    for build in builds::chosen(platforms)? {
        let binary = build.run(quick)?;
        let staged = builds::staged(&bin, build.platform);
        fs::create_dir_all(staged.parent().context("a binary has a folder")?)?;
        fs::copy(&binary, &staged)
            .with_context(|| format!("failed to stage {}", binary.display()))?;
    }
    Ok(())
}

/// Packs once more, and compares.
fn is_reproduced(vsix: &Path, overlay: &str) -> Result<()> {
    let first = fs::read(vsix)?;
    // The smallest step of the time in an entry is two seconds.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let second = fs::read(pack(overlay)?)?;
    let [first, second] = [first, second].map(|it| sums::sha256(&it));
    ensure!(first == second, "{first}, then {second}");
    Ok(())
}

/// The packed extension. Its version is the workspace's.
fn pack(overlay: &str) -> Result<PathBuf> {
    let tfx = root().join("tests/npm/node_modules/tfx-cli/_build/tfx-cli.js");
    ensure!(
        tfx.is_file(),
        "tfx is not installed; run `npm ci` in tests/npm"
    );
    let dist = root().join("dist");
    fs::create_dir_all(&dist)?;
    let overrides = dist.join(format!("overrides-{overlay}.json"));
    fs::write(&overrides, overridden(overlay)?.to_string())?;
    let vsix = dist.join(format!("rollguard-{overlay}-{VERSION}.vsix"));
    let mut command = Command::new("node");
    command
        .current_dir(root())
        .arg(tfx)
        .args(["extension", "create", "--no-prompt", "--no-color"]);
    command
        .args(["--manifest-globs", "vss-extension.json", "--overrides-file"])
        .arg(overrides);
    command.arg("--output-path").arg(&vsix);
    run_to_end(&mut command)?;
    normalise::normalise(&vsix)?;
    Ok(vsix)
}

/// The overlay, with the version of the workspace.
fn overridden(overlay: &str) -> Result<Value> {
    let path = root()
        .join("xtask/manifests")
        .join(format!("{overlay}.json"));
    let text =
        fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut overrides: Value = serde_json::from_str(&text)?;
    let object = overrides
        .as_object_mut()
        .context("an overlay is a JSON object")?;
    object.insert("version".to_owned(), json!(VERSION));
    Ok(overrides)
}

fn run_to_end(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("failed to start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_overlay_gets_the_version_of_the_workspace() {
        for overlay in ["dev", "release"] {
            assert_eq!(overridden(overlay).unwrap()["version"], VERSION);
        }
        assert!(overridden("absent").is_err());
    }
}
