//! Builds the binary, stages it into `task/bin` and packs the extension with tfx.

mod content;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::generate::{self, VERSION, root};

/// Packs the extension with the overlay `xtask/manifests/<overlay>.json` into `dist/`. Binaries for
/// other platforms that are staged already are packed too.
pub(crate) fn run(overlay: &str) -> Result<()> {
    generate::run(true)?;
    let target = Target::choose()?;
    stage(&build(&target)?, &target)?;
    let vsix = pack(overlay)?;
    for line in content::check(&vsix, target.platform)? {
        println!("{line}");
    }
    Ok(())
}

/// The target of the binary.
struct Target {
    /// Rust's name for it.
    triple: String,
    /// Node's names for platform and architecture, which the shim looks for.
    platform: &'static str,
    /// Whether a build for this machine is one for it.
    is_host: bool,
}

impl Target {
    /// This machine, as the static build where that can be made: one file then serves every Linux.
    fn choose() -> Result<Self> {
        let about = output(Command::new("rustc").arg("-vV"))?;
        let host = about
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc does not tell its host")?;
        let platform = platform(host).with_context(|| format!("{host} is not supported"))?;
        let musl = host.replace("-gnu", "-musl");
        // Without rustup there is only the host's own target.
        let installed = output(Command::new("rustup").args(["target", "list", "--installed"]))
            .unwrap_or_default();
        if installed.lines().any(|line| line == musl) {
            return Ok(Self {
                is_host: musl == host,
                triple: musl,
                platform,
            });
        }
        if musl != host {
            eprintln!(
                "warning: a binary for {host} needs the C library of this machine or a newer one; \
                 for a static one: rustup target add {musl}"
            );
        }
        Ok(Self {
            triple: host.to_owned(),
            platform,
            is_host: true,
        })
    }
}

/// Node's `process.platform` and `process.arch` of a Rust target.
fn platform(triple: &str) -> Option<&'static str> {
    let (arch, rest) = triple.split_once('-')?;
    let system = ["linux", "darwin", "windows"]
        .into_iter()
        .find(|system| rest.contains(system))?;
    match (system, arch) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("darwin", "x86_64") => Some("darwin-x64"),
        ("darwin", "aarch64") => Some("darwin-arm64"),
        ("windows", "x86_64") => Some("win32-x64"),
        ("windows", "aarch64") => Some("win32-arm64"),
        _ => None,
    }
}

fn build(target: &Target) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root())
        .args(["build", "--release", "--locked", "--package", "rollguard"]);
    if !target.is_host {
        command.args(["--target", &target.triple]);
    }
    run_to_end(&mut command)?;
    let mut folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let name = if target.platform.starts_with("win32") {
        "rollguard.exe"
    } else {
        "rollguard"
    };
    if !target.is_host {
        folder.push(&target.triple);
    }
    Ok(folder.join("release").join(name))
}

fn stage(binary: &Path, target: &Target) -> Result<()> {
    let folder = root().join("task/bin").join(target.platform);
    fs::create_dir_all(&folder)?;
    let name = binary.file_name().context("the binary has no name")?;
    fs::copy(binary, folder.join(name))
        .with_context(|| format!("failed to stage {}", binary.display()))?;
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

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("failed to start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
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
    fn platforms_are_named_as_node_names_them() {
        let rows = [
            ("x86_64-unknown-linux-gnu", Some("linux-x64")),
            ("x86_64-unknown-linux-musl", Some("linux-x64")),
            ("aarch64-unknown-linux-musl", Some("linux-arm64")),
            ("aarch64-apple-darwin", Some("darwin-arm64")),
            ("x86_64-pc-windows-msvc", Some("win32-x64")),
            ("riscv64gc-unknown-linux-gnu", None),
        ];
        for (triple, expected) in rows {
            assert_eq!(platform(triple), expected, "{triple}");
        }
    }

    #[test]
    fn every_overlay_gets_the_version_of_the_workspace() {
        for overlay in ["dev", "release"] {
            assert_eq!(overridden(overlay).unwrap()["version"], VERSION);
        }
        assert!(overridden("absent").is_err());
    }
}
