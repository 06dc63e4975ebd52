//! Holds the kept snapshots against the assertions that ran: one that none asked for is left over.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::generate::root;

/// Where insta writes down every snapshot that an assertion asks for, one path per line.
const REFERENCES: &str = "INSTA_SNAPSHOT_REFERENCES_FILE";

/// Folders without snapshots of ours, some of them large.
const ELSEWHERE: [&str; 3] = ["target", "node_modules", ".git"];

fn references() -> PathBuf {
    root().join("target/snapshot-references.txt")
}

/// Makes the tests that `command` runs write down which snapshots they ask for.
///
/// # Errors
/// When what an earlier run wrote cannot be removed.
pub(super) fn follow(command: &mut Command) -> Result<()> {
    let file = references();
    if file.exists() {
        // It is added to, and must not tell of an earlier run.
        fs::remove_file(&file).with_context(|| format!("failed to remove `{}`", file.display()))?;
    }
    command.env(REFERENCES, file);
    Ok(())
}

/// Returns what is wrong with the kept snapshots, after all tests ran.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn complaint() -> Result<Option<String>> {
    // None was asked for where no file was written.
    let asked_for = fs::read_to_string(references()).unwrap_or_default();
    judge(root(), &asked_for)
}

fn judge(folder: &Path, asked_for: &str) -> Result<Option<String>> {
    let plain = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let asked_for: BTreeSet<PathBuf> = asked_for.lines().map(|it| plain(Path::new(it))).collect();
    let mut complaints = Vec::new();
    for path in snapshots(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path).display();
        if is_pending(&path) {
            complaints.push(format!("{name} is neither accepted nor rejected"));
        } else if !asked_for.contains(&plain(&path)) {
            complaints.push(format!("no assertion asks for {name}"));
        }
    }
    Ok((!complaints.is_empty()).then(|| complaints.join("; ")))
}

/// Returns what insta writes beside a snapshot that no longer fits.
fn is_pending(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".snap.new")
}

/// The snapshots below a folder, kept and pending ones, in order.
fn snapshots(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("failed to list `{}`", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("failed to list `{}`", folder.display()))?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let is_kept = || path.extension().is_some_and(|it| it == "snap");
            if kind.is_dir() && !ELSEWHERE.iter().any(|name| path.ends_with(name)) {
                folders.push(path);
            } else if kind.is_file() && (is_kept() || is_pending(&path)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with these files, of which an assertion asked for `asked_for`; what is said of it.
    fn said(files: &[&str], asked_for: &[&str]) -> Option<String> {
        let tree = tempfile::tempdir().unwrap();
        for file in files {
            let path = tree.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let asked_for = asked_for
            .iter()
            .map(|file| format!("{}\n", tree.path().join(file).display()));
        judge(tree.path(), &asked_for.collect::<String>()).unwrap()
    }

    #[test]
    fn a_snapshot_that_an_assertion_asked_for_is_fine() {
        let files = ["a/snapshots/one.snap", "b/two.snap"];
        // insta does not shorten the paths.
        assert_eq!(
            said(&files, &["a/snapshots/../snapshots/one.snap", "b/two.snap"]),
            None
        );
    }

    #[test]
    fn a_snapshot_that_none_asked_for_is_left_over() {
        assert_eq!(
            said(&["a/one.snap", "a/two.snap"], &["a/one.snap"]).unwrap(),
            "no assertion asks for a/two.snap"
        );
    }

    #[test]
    fn a_pending_snapshot_is_refused_even_where_it_was_asked_for() {
        let said = said(&["a/one.snap.new"], &["a/one.snap"]).unwrap();
        assert_eq!(said, "a/one.snap.new is neither accepted nor rejected");
    }

    #[test]
    fn without_any_assertion_every_snapshot_is_left_over() {
        let said = said(&["a.snap", "b.snap"], &[]).unwrap();
        assert!(
            said.contains("a.snap; no") && said.contains("b.snap"),
            "{said}"
        );
    }

    #[test]
    fn what_is_built_or_installed_is_not_looked_at() {
        let files = ["target/a.snap", "x/node_modules/b.snap", "c.snap.txt"];
        assert_eq!(said(&files, &[]), None);
    }
}
