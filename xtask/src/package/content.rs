//! Looks into the packed extension.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use zip::ZipArchive;

/// The Marketplace publishes more, but galleries of Azure DevOps Server refuse more than this by
/// default.
const LARGEST: u64 = 19 * 1024 * 1024;

/// A part of the package with its size in bytes.
type Entry = (String, u64);

/// Checks that a package holds what a task needs and nothing it should not; returns what to tell.
pub(super) fn check(vsix: &Path, platform: &str) -> Result<Vec<String>> {
    let size = vsix.metadata()?.len();
    let entries = entries(vsix).with_context(|| format!("failed to read {}", vsix.display()))?;
    let binary = if platform.starts_with("win32") {
        "rollguard.exe"
    } else {
        "rollguard"
    };
    judge(&entries, &format!("task/bin/{platform}/{binary}"))?;
    ensure!(
        size <= LARGEST,
        "the package has {size} bytes, more than {LARGEST}"
    );
    let mut lines = vec![format!("{}: {}", vsix.display(), megabytes(size))];
    let binaries = entries
        .iter()
        .filter(|(name, _)| name.starts_with("task/bin/"));
    lines.extend(binaries.map(|(name, size)| format!("  {name}: {} unpacked", megabytes(*size))));
    Ok(lines)
}

fn entries(vsix: &Path) -> Result<Vec<Entry>> {
    let mut archive = ZipArchive::new(File::open(vsix)?)?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if entry.is_file() {
            entries.push((entry.name().to_owned(), entry.size()));
        }
    }
    Ok(entries)
}

fn judge(entries: &[Entry], binary: &str) -> Result<()> {
    let needed = [
        "task/task.json",
        "task/index.js",
        "task/icon.png",
        "extension.vsixmanifest",
        binary,
    ];
    for name in needed {
        let found = entries
            .iter()
            .any(|(entry, size)| entry == name && *size > 0);
        ensure!(found, "the package has no {name}");
    }
    let allowed = |name: &str| {
        ["task/task.json", "task/index.js", "task/icon.png"].contains(&name)
            || name == "task/overview.md"
            || name == "task/extension-icon.png"
            || name.starts_with("task/bin/")
    };
    let stray = entries
        .iter()
        .find(|(name, _)| name.starts_with("task/") && !allowed(name));
    ensure!(
        stray.is_none(),
        "the package holds {}, which is not part of the task",
        stray.map_or("", |(name, _)| name)
    );
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "for the eye; no package comes near 2^52 bytes"
)]
fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const BINARY: &str = "task/bin/linux-x64/rollguard";

    fn whole() -> Vec<Entry> {
        let names = [
            "task/task.json",
            "task/index.js",
            "task/icon.png",
            "extension.vsixmanifest",
            BINARY,
        ];
        names.map(|name| (name.to_owned(), 1)).to_vec()
    }

    #[test]
    fn a_whole_package_is_accepted() {
        assert!(judge(&whole(), BINARY).is_ok());
    }

    #[test]
    fn a_package_is_read_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let vsix = folder.path().join("x.vsix");
        let mut writer = zip::ZipWriter::new(File::create(&vsix).unwrap());
        // Folders are entries too.
        writer
            .add_directory("task/", zip::write::SimpleFileOptions::default())
            .unwrap();
        for (name, _) in whole() {
            writer
                .start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(&vec![7; 500_000]).unwrap();
        }
        writer.finish().unwrap();

        let lines = check(&vsix, "linux-x64").unwrap();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("x.vsix: 2.50 MB"), "{lines:?}");
        assert_eq!(lines[1], "  task/bin/linux-x64/rollguard: 0.50 MB unpacked");
        assert!(check(&vsix, "linux-arm64").is_err());
    }

    #[test]
    fn a_package_that_lacks_a_part_is_refused() {
        for index in 0..whole().len() {
            let mut lacking = whole();
            let (name, _) = lacking.remove(index);
            let error = judge(&lacking, BINARY).unwrap_err();
            assert_eq!(error.to_string(), format!("the package has no {name}"));
        }
    }

    #[test]
    fn an_empty_binary_is_refused() {
        let mut empty = whole();
        empty.retain(|(name, _)| name != BINARY);
        empty.push((BINARY.to_owned(), 0));
        assert!(judge(&empty, BINARY).is_err());
    }

    #[test]
    fn tests_are_not_shipped() {
        let mut stray = whole();
        stray.push(("task/test/shim.test.js".to_owned(), 1));
        let error = judge(&stray, BINARY).unwrap_err();
        assert!(
            error.to_string().contains("task/test/shim.test.js"),
            "{error}"
        );
    }
}
