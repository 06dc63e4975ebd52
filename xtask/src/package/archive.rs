//! Archives of one binary each, for the command line. The same files give the same bytes.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::builds::file_name;
use crate::generate::{VERSION, root};
use crate::manual::Page;

/// 1980-01-01, the first time that a zip archive can hold; of no meaning.
const TIME: u64 = 315_532_800;

/// A file in an archive.
struct Part {
    name: String,
    content: Vec<u8>,
    is_program: bool,
}

/// Returns the name of a platform's archive.
pub(super) fn name(platform: &str) -> String {
    let ending = if platform.starts_with("win32") {
        "zip"
    } else {
        "tar.gz"
    };
    format!("{}.{ending}", folder(platform))
}

/// The one folder in an archive.
fn folder(platform: &str) -> String {
    format!("rollguard-{VERSION}-{platform}")
}

/// Packs a binary with the licence, a first text, the man pages and the completions.
pub(super) fn pack(platform: &str, binary: &Path, pages: &[Page]) -> Result<Vec<u8>> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("failed to read {}", path.display()));
    let folder = folder(platform);
    let part = |name: &str, content, is_program| Part {
        name: format!("{folder}/{name}"),
        content,
        is_program,
    };
    let mut parts = vec![
        part("LICENSE", read(&root().join("LICENSE"))?, false),
        part("README.md", read(&root().join("README.md"))?, false),
        part(file_name(platform), read(binary)?, true),
    ];
    parts.extend(
        pages
            .iter()
            .map(|it| part(&it.name, it.content.clone(), false)),
    );
    if platform.starts_with("win32") {
        zipped(&parts)
    } else {
        tarred(&parts)
    }
}

fn zipped(parts: &[Part]) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9));
    for part in parts {
        archive.start_file(part.name.as_str(), options.unix_permissions(mode(part)))?;
        archive.write_all(&part.content)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn tarred(parts: &[Part]) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for part in parts {
        let mut header = header(EntryType::Regular, mode(part), part.content.len());
        archive.append_data(&mut header, &part.name, part.content.as_slice())?;
    }
    let tar = archive.into_inner()?;
    // Without a time and a name.
    let mut gzip = GzBuilder::new()
        .operating_system(255)
        .write(Vec::new(), Compression::best());
    gzip.write_all(&tar)?;
    Ok(gzip.finish()?)
}

const fn mode(part: &Part) -> u32 {
    if part.is_program { 0o755 } else { 0o644 }
}

/// A header that says nothing about the machine: no owner, no time.
pub(super) fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(TIME);
    header.set_size(size as u64);
    header
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn binary() -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"a program").unwrap();
        file
    }

    fn pages() -> Vec<Page> {
        vec![Page {
            name: "man/rollguard.1".to_owned(),
            content: b".TH rollguard 1".to_vec(),
        }]
    }

    #[test]
    fn an_archive_for_linux_holds_the_program_with_its_mode() {
        let binary = binary();
        let bytes = pack("linux-x64", binary.path(), &pages()).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let found: Vec<(String, u32)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.path().unwrap().display().to_string();
                (name, entry.header().mode().unwrap())
            })
            .collect();
        let inside = |name: &str| format!("rollguard-{VERSION}-linux-x64/{name}");
        let expected = [
            (inside("LICENSE"), 0o644),
            (inside("README.md"), 0o644),
            (inside("rollguard"), 0o755),
            (inside("man/rollguard.1"), 0o644),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            name("linux-x64"),
            format!("rollguard-{VERSION}-linux-x64.tar.gz")
        );
    }

    #[test]
    fn an_archive_for_windows_is_a_zip() {
        let binary = binary();
        let bytes = pack("win32-x64", binary.path(), &pages()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut content = Vec::new();
        let file = format!("rollguard-{VERSION}-win32-x64/rollguard.exe");
        archive
            .by_name(&file)
            .unwrap()
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, b"a program");
        assert_eq!(
            name("win32-x64"),
            format!("rollguard-{VERSION}-win32-x64.zip")
        );
    }

    #[test]
    fn the_same_program_gives_the_same_bytes() {
        for platform in ["linux-arm64", "win32-x64"] {
            let (one, other) = (binary(), binary());
            assert_eq!(
                pack(platform, one.path(), &pages()).unwrap(),
                pack(platform, other.path(), &pages()).unwrap()
            );
        }
    }
}
