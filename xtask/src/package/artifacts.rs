//! Everything of a release beside the extension: archives, images, the bill of materials, and one list of checksums.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::builds::staged;
use super::sums::{LIST, sha256};
use super::{archive, image, sbom};
use crate::generate::root;
use crate::manual;

/// Writes them into `dist/`, for these platforms; returns what to tell.
pub(super) fn write(
    vsix: &Path,
    bin: &Path,
    platforms: &[String],
    contents: &str,
) -> Result<Vec<String>> {
    let dist = root().join("dist");
    let listed = vsix.with_extension("contents.txt");
    fs::write(&listed, contents)
        .with_context(|| format!("failed to write {}", listed.display()))?;
    let mut written = vec![vsix.to_owned(), listed];
    let mut add = |name: String, content: &[u8]| -> Result<()> {
        let file = dist.join(name);
        fs::write(&file, content).with_context(|| format!("failed to write {}", file.display()))?;
        written.push(file);
        Ok(())
    };
    let pages = manual::pages()?;
    for platform in platforms {
        let binary = staged(bin, platform);
        add(
            archive::name(platform),
            &archive::pack(platform, &binary, &pages)?,
        )?;
        if let Some(architecture) = image::architecture(platform) {
            add(image::name(platform), &image::pack(architecture, &binary)?)?;
        }
    }
    add(sbom::name(), sbom::document(platforms)?.as_bytes())?;
    let sums = sums(&written)?;
    fs::write(dist.join(LIST), &sums)?;
    Ok(sums.lines().map(|line| format!("  {line}")).collect())
}

/// Returns the list in the form of sha256sum, by name.
fn sums(files: &[PathBuf]) -> Result<String> {
    let mut files = files.to_vec();
    files.sort();
    let mut list = String::new();
    for file in files {
        let content =
            fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
        let name = file
            .file_name()
            .context("a file has a name")?
            .to_string_lossy();
        writeln!(list, "{}  {name}", sha256(&content))?;
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_of_sha256sum() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["b.txt", "a.txt"].map(|name| folder.path().join(name));
        for file in &files {
            fs::write(file, "abc").unwrap();
        }
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            sums(&files).unwrap(),
            format!("{hash}  a.txt\n{hash}  b.txt\n")
        );
    }
}
