//! The platforms that the extension holds a binary for, and what building each takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::generate::root;
use crate::test::{Package, install};

/// A binary of the extension.
pub(super) struct Build {
    /// Node's names for platform and architecture, which the shim looks for (`task/program.js`).
    pub(super) platform: &'static str,
    /// Rust's name for it.
    triple: &'static str,
    /// The C compiler for `ring`, and the linker, on Debian.
    packages: &'static [Package],
    /// How cargo learns about them.
    environment: &'static [(&'static str, &'static str)],
}

/// The C library of an agent's container may be old, or another one: the binaries for Linux bring theirs.
pub(super) const BUILDS: &[Build] = &[
    Build {
        platform: "linux-x64",
        triple: "x86_64-unknown-linux-musl",
        packages: &[("musl-tools", &["/usr/bin/musl-gcc"])],
        environment: &[],
    },
    Build {
        platform: "linux-arm64",
        triple: "aarch64-unknown-linux-musl",
        packages: &[
            ("gcc-aarch64-linux-gnu", &["/usr/bin/aarch64-linux-gnu-gcc"]),
            (
                "libc6-dev-arm64-cross",
                &[
                    "/usr/aarch64-linux-gnu/include/stdint.h",
                    "/usr/include/aarch64-linux-gnu/bits/types.h",
                ],
            ),
        ],
        environment: &[
            (
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER",
                "aarch64-linux-gnu-gcc",
            ),
            ("CC_aarch64_unknown_linux_musl", "aarch64-linux-gnu-gcc"),
            // Some distributions turn it on; its functions are glibc's alone.
            ("CFLAGS_aarch64_unknown_linux_musl", "-U_FORTIFY_SOURCE"),
        ],
    },
    Build {
        platform: "win32-x64",
        triple: "x86_64-pc-windows-gnu",
        packages: &[("gcc-mingw-w64-x86-64", &["/usr/bin/x86_64-w64-mingw32-gcc"])],
        environment: &[],
    },
];

/// Platforms that only a machine of their own can build for; the release pipeline stages them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("darwin-x64", "x86_64-apple-darwin"),
    ("darwin-arm64", "aarch64-apple-darwin"),
];

/// Returns Rust's name for a platform.
pub(super) fn triple(platform: &str) -> Option<&'static str> {
    let here = BUILDS.iter().map(|build| (build.platform, build.triple));
    let mut all = here.chain(ELSEWHERE.iter().copied());
    all.find_map(|(known, triple)| (known == platform).then_some(triple))
}

/// Returns the builds with one of these names; all of them for none.
pub(super) fn chosen(platforms: &[String]) -> Result<Vec<&'static Build>> {
    if let Some(unknown) = platforms
        .iter()
        .find(|name| !BUILDS.iter().any(|build| build.platform == name.as_str()))
    {
        let names: Vec<&str> = BUILDS.iter().map(|build| build.platform).collect();
        bail!(
            "there is no build for {unknown:?}, only for {}",
            names.join(", ")
        );
    }
    let wanted = |build: &&Build| {
        platforms.is_empty() || platforms.iter().any(|name| name == build.platform)
    };
    Ok(BUILDS.iter().filter(wanted).collect())
}

/// Returns the name of the binary's file on a platform.
pub(super) fn file_name(platform: &str) -> &'static str {
    if platform.starts_with("win32") {
        "rollguard.exe"
    } else {
        "rollguard"
    }
}

/// Returns whether the extension may hold a binary for it.
pub(super) fn is_known(platform: &str) -> bool {
    let here = BUILDS.iter().map(|build| build.platform);
    here.chain(ELSEWHERE.iter().map(|(platform, _)| *platform))
        .any(|known| known == platform)
}

impl Build {
    /// Installs what is missing and builds the binary.
    pub(super) fn run(&self, quick: bool) -> Result<PathBuf> {
        // The one that most agents run is always built as it is shipped.
        let profile = if quick && self.platform != "linux-x64" {
            "quick"
        } else {
            "release"
        };
        install(self.packages)?;
        add_target(self.triple)?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(root())
            .args(["build", "--locked", "--package", "rollguard"])
            .args(["--profile", profile, "--target", self.triple])
            .envs(self.environment.iter().copied())
            .envs(crate::manual::commit());
        let started = Instant::now();
        super::run_to_end(&mut command)
            .with_context(|| format!("failed to build for {}", self.platform))?;
        println!(
            "built {} ({profile}) in {:.0} s",
            self.platform,
            started.elapsed().as_secs_f32()
        );
        Ok(target_folder()
            .join(self.triple)
            .join(profile)
            .join(file_name(self.platform)))
    }
}

/// Adds the target's standard library. `rust-toolchain.toml` names it, but rustup reads that only when it installs the
/// toolchain. A compiler from elsewhere brings its own.
fn add_target(triple: &str) -> Result<()> {
    let mut command = Command::new("rustup");
    command.current_dir(root()).args(["target", "add", triple]);
    let status = match command.status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        status => status.context("failed to start rustup")?,
    };
    ensure!(status.success(), "failed to add the target {triple}");
    Ok(())
}

fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Returns the platform that a program's first bytes name, in Node's words.
pub(super) fn platform_of(program: &[u8]) -> Option<&'static str> {
    let half = |at: usize| {
        let bytes = program.get(at..at.checked_add(2)?)?;
        Some(u16::from_le_bytes(bytes.try_into().ok()?))
    };
    let word = |at: usize| {
        let bytes = program.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    if program.starts_with(b"\x7fELF") {
        return match half(18)? {
            0x3e => Some("linux-x64"),
            0xb7 => Some("linux-arm64"),
            _ => None,
        };
    }
    if program.starts_with(b"MZ") {
        let header = usize::try_from(word(60)?).ok()?;
        return match half(header.checked_add(4)?)? {
            0x8664 => Some("win32-x64"),
            _ => None,
        };
    }
    if word(0)? == 0xfeed_facf {
        return match word(4)? {
            0x0100_0007 => Some("darwin-x64"),
            0x0100_000c => Some("darwin-arm64"),
            _ => None,
        };
    }
    None
}

/// Returns whether a program for Linux needs nothing from the machine: it names no interpreter.
pub(super) fn is_static(program: &[u8]) -> bool {
    const INTERPRETER: &[u8] = &[3, 0, 0, 0];
    let field = |at: usize, size: usize| {
        let bytes = program.get(at..at.checked_add(size)?)?;
        let value = bytes
            .iter()
            .rev()
            .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        usize::try_from(value).ok()
    };
    let (Some(table), Some(size), Some(count)) = (field(32, 8), field(54, 2), field(56, 2)) else {
        return false;
    };
    (0..count).all(|index| {
        let header = index.checked_mul(size).and_then(|it| it.checked_add(table));
        let kind = header.and_then(|at| program.get(at..at.checked_add(4)?));
        kind.is_some_and(|kind| kind != INTERPRETER)
    })
}

/// The binary of a platform below a folder `bin`.
pub(super) fn staged(bin: &Path, platform: &str) -> PathBuf {
    bin.join(platform).join(file_name(platform))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        bytes[..4].copy_from_slice(b"\x7fELF");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 2;
        bytes
    }

    #[test]
    fn a_program_is_recognised_by_its_header() {
        let mut windows = vec![0; 256];
        windows[..2].copy_from_slice(b"MZ");
        windows[60] = 128;
        windows[132..134].copy_from_slice(&0x8664_u16.to_le_bytes());
        let mut mac = vec![0; 256];
        mac[..8].copy_from_slice(&[0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1]);
        let mut far = windows.clone();
        far[60..64].copy_from_slice(&[0xff; 4]);
        let rows = [
            ("Linux on x64", elf(0x3e), Some("linux-x64")),
            ("Linux on arm64", elf(0xb7), Some("linux-arm64")),
            ("Linux on RISC-V", elf(0xf3), None),
            ("Windows on x64", windows, Some("win32-x64")),
            ("macOS on arm64", mac, Some("darwin-arm64")),
            ("a header that points outside", far, None),
            ("a script", b"#!/bin/sh\nexit 0\n".to_vec(), None),
            ("a program that was cut off", elf(0x3e)[..10].to_vec(), None),
            ("an empty file", Vec::new(), None),
        ];
        for (what, program, expected) in rows {
            assert_eq!(platform_of(&program), expected, "{what}");
        }
    }

    #[test]
    fn a_program_with_an_interpreter_is_not_static() {
        let mut program = elf(0x3e);
        assert!(is_static(&program));
        program[64 + 56] = 3;
        assert!(!is_static(&program));
        assert!(!is_static(&program[..20]));
    }

    #[test]
    fn builds_are_chosen_by_name() {
        assert_eq!(chosen(&[]).unwrap().len(), BUILDS.len());
        let only = chosen(&["win32-x64".to_owned()]).unwrap();
        assert_eq!(only[0].triple, "x86_64-pc-windows-gnu");
        let error = chosen(&["darwin-arm64".to_owned()]).err().unwrap();
        assert!(
            error
                .to_string()
                .contains("linux-x64, linux-arm64, win32-x64")
        );
        assert!(is_known("darwin-arm64"));
        assert!(!is_known("win32-arm64"));
        assert_eq!(triple("darwin-arm64"), Some("aarch64-apple-darwin"));
        assert_eq!(triple("linux-arm64"), Some("aarch64-unknown-linux-musl"));
        assert_eq!(triple("win32-arm64"), None);
    }
}
