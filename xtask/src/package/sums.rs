//! The list of the binaries with their SHA-256, which the shim checks before it runs one.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ring::digest::{SHA256, digest};

use super::builds::{is_known, is_static, platform_of, staged};

/// The list's name, beside the folders of the platforms.
pub(super) const LIST: &str = "SHA256SUMS";

/// Writes the list of all that is staged below `bin`, in the form of sha256sum; returns the platforms.
///
/// # Errors
/// When something there is no binary for the platform of its folder.
pub(super) fn write(bin: &Path) -> Result<Vec<String>> {
    let mut platforms = Vec::new();
    for entry in fs::read_dir(bin).with_context(|| format!("failed to list {}", bin.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != LIST {
            platforms.push(name);
        }
    }
    platforms.sort();
    let mut list = String::new();
    for platform in &platforms {
        ensure!(
            is_known(platform),
            "{} holds {platform}, which the shim does not know",
            bin.display()
        );
        let file = staged(bin, platform);
        let program =
            fs::read(&file).with_context(|| format!("failed to read {}", file.display()))?;
        check(platform, &program).with_context(|| format!("{} is unfit", file.display()))?;
        let name = file.strip_prefix(bin)?.to_string_lossy().replace('\\', "/");
        writeln!(list, "{}  {name}", sha256(&program))?;
    }
    ensure!(!platforms.is_empty(), "no binary is staged");
    fs::write(bin.join(LIST), list)?;
    Ok(platforms)
}

fn check(platform: &str, program: &[u8]) -> Result<()> {
    ensure!(!program.is_empty(), "it is empty");
    let built_for = platform_of(program);
    ensure!(
        built_for == Some(platform),
        "it is built for {}",
        built_for.unwrap_or("no known platform")
    );
    ensure!(
        !platform.starts_with("linux") || is_static(program),
        "it needs an interpreter, and so the C library of the machine"
    );
    Ok(())
}

/// Returns the hash in hexadecimal.
pub(super) fn sha256(content: &[u8]) -> String {
    let hash = digest(&SHA256, content);
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(bin: &Path, platform: &str, content: &[u8]) {
        let file = staged(bin, platform);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn program(machine: u8) -> Vec<u8> {
        let mut bytes = vec![0; 128];
        bytes[..4].copy_from_slice(b"\x7fELF");
        bytes[18] = machine;
        bytes
    }

    #[test]
    fn the_list_is_that_of_sha256sum() {
        let bin = tempfile::tempdir().unwrap();
        stage(bin.path(), "linux-x64", &program(0x3e));
        stage(bin.path(), "linux-arm64", &program(0xb7));
        for _ in 0..2 {
            assert_eq!(write(bin.path()).unwrap(), ["linux-arm64", "linux-x64"]);
        }
        let list = fs::read_to_string(bin.path().join(LIST)).unwrap();
        let expected = format!(
            "{}  linux-arm64/rollguard\n{}  linux-x64/rollguard\n",
            sha256(&program(0xb7)),
            sha256(&program(0x3e))
        );
        assert_eq!(list, expected);
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_unfit_binary_is_not_packed() {
        let rows: [(&str, &str, Vec<u8>); 5] = [
            ("it is empty", "linux-x64", Vec::new()),
            ("it is built for linux-arm64", "linux-x64", program(0xb7)),
            (
                "it is built for no known platform",
                "linux-x64",
                b"#!/bin/sh\n".to_vec(),
            ),
            ("which the shim does not know", "linux-arm", program(0x28)),
            ("it needs an interpreter", "linux-x64", {
                let mut dynamic = program(0x3e);
                dynamic[32] = 64;
                dynamic[54] = 56;
                dynamic[56] = 1;
                dynamic[64] = 3;
                dynamic
            }),
        ];
        for (why, platform, content) in rows {
            let bin = tempfile::tempdir().unwrap();
            stage(bin.path(), platform, &content);
            let error = format!("{:#}", write(bin.path()).unwrap_err());
            assert!(error.contains(why), "{error}");
            assert!(!bin.path().join(LIST).exists());
        }
        assert!(write(tempfile::tempdir().unwrap().path()).is_err());
    }
}
