//! Makes the packed extension depend on its files alone: tfx writes the time of packing into every entry.

use std::fs::{self, File};
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result};
use zip::{DateTime, ZipArchive, ZipWriter};

/// Not executable: the shim sets that bit, because Azure DevOps does not keep it.
const MODE: u32 = 0o644;

/// Rewrites a package in place: entries by name, without times, with one mode. What is compressed stays as it is.
pub(super) fn normalise(vsix: &Path) -> Result<()> {
    let file = File::open(vsix).with_context(|| format!("failed to open {}", vsix.display()))?;
    let fresh =
        normalised(file).with_context(|| format!("failed to normalise {}", vsix.display()))?;
    fs::write(vsix, fresh).with_context(|| format!("failed to write {}", vsix.display()))
}

fn normalised(package: impl Read + Seek) -> Result<Vec<u8>> {
    let mut package = ZipArchive::new(package)?;
    let mut names: Vec<String> = package.file_names().map(str::to_owned).collect();
    names.sort();
    let mut fresh = ZipWriter::new(Cursor::new(Vec::new()));
    // Folders are no parts of a package (OPC).
    for name in names.iter().filter(|name| !name.ends_with('/')) {
        let index = package.index_for_name(name).context("an entry is gone")?;
        let entry = package.by_index_raw(index)?;
        fresh.raw_copy_file_touch(entry, DateTime::default(), Some(MODE))?;
    }
    Ok(fresh.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn package(names: &[&str], year: u16, mode: u32) -> Cursor<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let time = DateTime::from_date_and_time(year, 11, 30, 1, 2, 4).unwrap();
        let options = SimpleFileOptions::default()
            .last_modified_time(time)
            .unix_permissions(mode);
        writer.add_directory("task/", options).unwrap();
        for name in names {
            writer.start_file(*name, options).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        let mut bytes = writer.finish().unwrap();
        bytes.set_position(0);
        bytes
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let one = normalised(package(&["b", "a"], 2025, 0o600)).unwrap();
        let other = normalised(package(&["a", "b"], 2026, 0o755)).unwrap();
        assert_eq!(one, other);
        assert_ne!(one, normalised(package(&["a", "c"], 2025, 0o600)).unwrap());
    }

    #[test]
    fn nothing_but_the_folders_is_lost() {
        let bytes = normalised(package(&["task/b", "a"], 2026, 0o755)).unwrap();
        let mut package = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<String> = package.file_names().map(str::to_owned).collect();
        assert_eq!(names, ["a", "task/b"]);
        let mut text = String::new();
        package
            .by_name("task/b")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "task/b");
    }
}
