//! Packs the extension with the real tfx, with a stand-in for the binary.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;
use zip::ZipArchive;

use super::root;

/// The program, started by `node`.
pub(super) fn tfx() -> PathBuf {
    root().join("tests/npm/node_modules/tfx-cli/_build/tfx-cli.js")
}

/// Size of the stand-in, in bytes.
const STAND_IN: u64 = 100_000;

/// Packs with an overlay; the package must have this id and hold exactly the task.
pub(super) fn packed(overlay: &str, id: &str) -> Result<()> {
    let copy = tempfile::tempdir()?;
    copy_of_the_extension(copy.path())?;
    let said = pack(copy.path(), overlay)?;
    ensure!(
        !said.to_lowercase().contains("warning"),
        "tfx warns: {said}"
    );
    ensure!(said.contains(&format!("Extension ID: {id}\n")), "{said}");
    let version = format!("Extension Version: {}\n", env!("CARGO_PKG_VERSION"));
    ensure!(said.contains(&version), "{said}");

    let parts = parts(&copy.path().join("extension.vsix"))?;
    let of_task: Vec<&str> = parts
        .keys()
        .map(String::as_str)
        .filter(|it| it.starts_with("task/"))
        .collect();
    let expected = [
        "task/bin/linux-x64/rollguard",
        "task/completion.js",
        "task/extension-icon.png",
        "task/give-up.js",
        "task/icon.png",
        "task/index.js",
        "task/overview.md",
        "task/program.js",
        "task/task.json",
    ];
    ensure!(of_task == expected, "{of_task:?}");
    ensure!(parts.get("task/bin/linux-x64/rollguard") == Some(&STAND_IN));
    for name in ["task/task.json", "task/index.js", "task/icon.png"] {
        let size = root().join(name).metadata()?.len();
        ensure!(parts.get(name) == Some(&size), "{name} was altered");
    }
    Ok(())
}

/// The manifest and all that it names, so that nothing is staged into the repository.
fn copy_of_the_extension(to: &Path) -> Result<()> {
    let manifest = root().join("vss-extension.json");
    fs::copy(&manifest, to.join("vss-extension.json"))?;
    let manifest: Json = serde_json::from_str(&fs::read_to_string(manifest)?)?;
    let files = manifest["files"]
        .as_array()
        .context("the manifest names files")?;
    let mut named: Vec<&str> = files.iter().filter_map(|it| it["path"].as_str()).collect();
    named.extend(manifest["icons"]["default"].as_str());
    let content = manifest["content"]
        .as_object()
        .context("the manifest has content")?;
    named.extend(content.values().filter_map(|it| it["path"].as_str()));
    for name in named.into_iter().filter(|name| *name != "task/bin") {
        let target = to.join(name);
        fs::create_dir_all(target.parent().context("a file lies in a folder")?)?;
        fs::copy(root().join(name), target).with_context(|| format!("copy {name}"))?;
    }
    let bin = to.join("task/bin/linux-x64");
    fs::create_dir_all(&bin)?;
    fs::write(bin.join("rollguard"), vec![7; usize::try_from(STAND_IN)?])?;
    Ok(())
}

fn pack(folder: &Path, overlay: &str) -> Result<String> {
    let overrides = root()
        .join("xtask/manifests")
        .join(format!("{overlay}.json"));
    let output = Command::new("node")
        .arg(tfx())
        .args(["extension", "create", "--no-prompt", "--no-color"])
        .args([
            "--manifest-globs",
            "vss-extension.json",
            "--output-path",
            "extension.vsix",
        ])
        .arg("--overrides-file")
        .arg(overrides)
        .current_dir(folder)
        .output()
        .context("start tfx")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "{said}");
    Ok(said)
}

/// Names and sizes of the files in a package.
fn parts(vsix: &Path) -> Result<BTreeMap<String, u64>> {
    let mut archive = ZipArchive::new(File::open(vsix)?)?;
    let mut parts = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if entry.is_file() {
            parts.insert(entry.name().to_owned(), entry.size());
        }
    }
    Ok(parts)
}
