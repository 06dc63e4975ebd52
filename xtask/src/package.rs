//! Builds the binaries, stages them into `task/bin`, packs the extension with tfx and runs what was packed.

mod builds;
mod content;
mod sums;
mod trials;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::generate::{self, VERSION, root};

/// Packs the extension with the overlay `xtask/manifests/<overlay>.json` into `dist/`, with binaries
/// for these platforms; for all that can be built here if none is named. Binaries of other platforms
/// that are staged already are packed too: macOS has to build its own.
///
/// `quick` spends less time on all but linux-x64: for a package that is tested and not shipped.
pub(crate) fn run(overlay: &str, platforms: &[String], quick: bool) -> Result<()> {
    generate::run(true)?;
    let bin = build(platforms, quick)?;
    let packed = sums::write(&bin)?;
    let vsix = pack(overlay)?;
    for line in content::check(&vsix, &packed, !quick)? {
        println!("{line}");
    }
    trials::run(&vsix, &packed)
}

/// Builds the binaries and stages them into the folder that it returns.
pub(crate) fn build(platforms: &[String], quick: bool) -> Result<PathBuf> {
    let bin = root().join("task/bin");
    for build in builds::chosen(platforms)? {
        let binary = build.run(quick)?;
        let staged = builds::staged(&bin, build.platform);
        fs::create_dir_all(staged.parent().context("a binary has a folder")?)?;
        fs::copy(&binary, &staged)
            .with_context(|| format!("failed to stage {}", binary.display()))?;
    }
    Ok(bin)
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
