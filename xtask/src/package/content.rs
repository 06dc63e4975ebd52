//! Looks into the packed extension.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use zip::ZipArchive;

use super::builds::file_name;
use super::sums::LIST;
use crate::generate::root;

/// The Marketplace publishes more, but galleries of Azure DevOps Server refuse more than this by
/// default.
const LARGEST: u64 = 19 * 1024 * 1024;

/// The task's own files.
const TASK: &[&str] = &[
    "task/task.json",
    "task/index.js",
    "task/completion.js",
    "task/give-up.js",
    "task/program.js",
    "task/icon.png",
];

/// What the Marketplace reads: the page, the licence, the icon, and what tfx adds.
const LISTING: &[&str] = &[
    "LICENSE",
    "[Content_Types].xml",
    "extension.vsixmanifest",
    "extension.vsomanifest",
    "task/extension-icon.png",
    "task/overview.md",
];

/// A part of the package with its size in bytes.
type Entry = (String, u64);

/// The content of a package.
pub(super) struct Content {
    /// What to tell.
    pub(super) lines: Vec<String>,
    /// Every part with its size, to be kept with the release.
    pub(super) list: String,
}

/// Checks that a package holds exactly what a task and its page in the Marketplace need. One that is not shipped may
/// be larger: its binaries were built in less time.
pub(super) fn check(vsix: &Path, platforms: &[String], is_shipped: bool) -> Result<Content> {
    let size = vsix.metadata()?.len();
    let entries = entries(vsix).with_context(|| format!("failed to read {}", vsix.display()))?;
    let listed = Listed {
        page: &pictures()?,
        bin: &in_bin(platforms),
    };
    judge(&entries, &listed)?;
    ensure!(
        !is_shipped || size <= LARGEST,
        "the package has {size} bytes, more than {LARGEST}"
    );
    let mut lines = vec![format!("{}: {}", vsix.display(), megabytes(size))];
    let binaries = entries
        .iter()
        .filter(|(name, _)| name.starts_with("task/bin/"));
    lines.extend(binaries.map(|(name, size)| format!("  {name}: {} unpacked", megabytes(*size))));
    let list = entries
        .iter()
        .map(|(name, size)| format!("{size:>10} {name}\n"));
    Ok(Content {
        lines,
        list: list.collect(),
    })
}

/// The pictures that the manifest puts beside the page.
fn pictures() -> Result<Vec<String>> {
    let manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root().join("vss-extension.json"))?)?;
    let files = manifest["files"].as_array().into_iter().flatten();
    let shown = files.filter(|it| it["addressable"] == true);
    let paths = shown.filter_map(|it| it["path"].as_str());
    Ok(paths.map(str::to_owned).collect())
}

/// The parts that a package must hold, beside the task's own files and what the Marketplace reads.
struct Listed<'a> {
    page: &'a [String],
    bin: &'a [String],
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

/// The list and the binaries of these platforms.
fn in_bin(platforms: &[String]) -> Vec<String> {
    let binaries = platforms
        .iter()
        .map(|platform| format!("task/bin/{platform}/{}", file_name(platform)));
    binaries.chain([format!("task/bin/{LIST}")]).collect()
}

fn judge(entries: &[Entry], listed: &Listed<'_>) -> Result<()> {
    let fixed = TASK.iter().chain(LISTING).copied();
    let others = listed.page.iter().chain(listed.bin).map(String::as_str);
    let needed: Vec<&str> = fixed.chain(others).collect();
    for name in &needed {
        let found = entries
            .iter()
            .any(|(entry, size)| entry == name && *size > 0);
        ensure!(found, "the package has no {name}");
    }
    let stray = entries
        .iter()
        .find(|(name, _)| !needed.contains(&name.as_str()));
    ensure!(
        stray.is_none(),
        "the package holds {}, which is not listed",
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

    fn bin() -> Vec<String> {
        in_bin(&["linux-x64".to_owned()])
    }

    fn judged(entries: &[Entry]) -> Result<()> {
        let page = pictures()?;
        judge(
            entries,
            &Listed {
                page: &page,
                bin: &bin(),
            },
        )
    }

    fn whole() -> Vec<Entry> {
        let names = TASK.iter().chain(LISTING).map(|name| (*name).to_owned());
        let names = names.chain(pictures().unwrap());
        names.chain(bin()).map(|name| (name, 1)).collect()
    }

    #[test]
    fn a_whole_package_is_accepted() {
        assert!(judged(&whole()).is_ok());
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

        let content = check(&vsix, &["linux-x64".to_owned()], true).unwrap();
        let lines = content.lines;
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], "  task/bin/linux-x64/rollguard: 0.50 MB unpacked");
        assert!(
            content.list.contains("    500000 task/task.json\n"),
            "{}",
            content.list
        );
        assert!(check(&vsix, &["linux-arm64".to_owned()], true).is_err());
    }

    #[test]
    fn a_package_that_lacks_a_part_is_refused() {
        for index in 0..whole().len() {
            let mut lacking = whole();
            let (name, _) = lacking.remove(index);
            let error = judged(&lacking).unwrap_err();
            assert_eq!(error.to_string(), format!("the package has no {name}"));
        }
    }

    #[test]
    fn an_empty_binary_is_refused() {
        let mut empty = whole();
        empty.retain(|(name, _)| name != BINARY);
        empty.push((BINARY.to_owned(), 0));
        assert!(judged(&empty).is_err());
    }

    #[test]
    fn tests_and_binaries_that_are_not_listed_are_not_shipped() {
        for name in [
            "task/test/shim.test.js",
            "task/bin/linux-arm64/rollguard",
            "README.md",
        ] {
            let mut stray = whole();
            stray.push((name.to_owned(), 1));
            let error = judged(&stray).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
