//! The man pages and the completions, which an example of the command line writes: no crate but the tests uses it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::generate::root;

/// A file below the folder.
pub(crate) struct Page {
    /// Its path below the folder, with slashes.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) content: Vec<u8>,
}

/// Writes them below a folder. Nothing of an earlier time is left there.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let folder = root().join(folder);
    for below in ["man", "completions"] {
        let below = folder.join(below);
        if below.exists() {
            fs::remove_dir_all(&below)?;
        }
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root())
        .args([
            "run",
            "--locked",
            "--package",
            "rollguard",
            "--example",
            "manual",
            "--",
        ])
        .arg(&folder)
        .envs(commit());
    let status = command.status().context("failed to start cargo")?;
    ensure!(status.success(), "the man pages could not be written");
    Ok(())
}

/// Writes them and reads them back, by name.
pub(crate) fn pages() -> Result<Vec<Page>> {
    let folder = root().join("target/manual");
    write(&folder)?;
    let mut pages = Vec::new();
    for below in ["completions", "man"] {
        let mut files: Vec<PathBuf> = fs::read_dir(folder.join(below))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        for file in files {
            let name = file
                .file_name()
                .context("a file has a name")?
                .to_string_lossy();
            pages.push(Page {
                name: format!("{below}/{name}"),
                content: fs::read(&file)?,
            });
        }
    }
    Ok(pages)
}

/// The variable that tells a build its commit: the one that was named, else that of the work tree. A package that is
/// built from the same commit is the same.
pub(crate) fn commit() -> Option<(&'static str, String)> {
    const NAME: &str = "ROLLGUARD_COMMIT";
    if let Ok(named) = std::env::var(NAME) {
        return Some((NAME, named));
    }
    let mut git = Command::new("git");
    let output = git
        .current_dir(root())
        .args(["rev-parse", "HEAD"])
        .output()
        .ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some((NAME, commit))
}
