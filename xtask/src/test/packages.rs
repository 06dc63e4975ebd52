//! Packages that the tests need from the registries of Debian and Node.js.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::cluster_binaries::fingerprint;
use crate::generate::root;

/// A Debian package and the file that shows it is there. Where the file comes from does not matter:
/// on another distribution the user may have put it there.
pub(crate) type Package = (&'static str, &'static [&'static str]);

/// What the real cluster needs.
pub(super) const CLUSTER: &[Package] = &[
    ("busybox-static", &["/bin/busybox", "/usr/bin/busybox"]),
    ("containerd", &["/usr/bin/containerd"]),
    ("containernetworking-plugins", &["/usr/lib/cni/bridge"]),
    ("docker-registry", &["/usr/bin/docker-registry"]),
    ("iproute2", &["/sbin/ip", "/usr/sbin/ip", "/usr/bin/ip"]),
    ("runc", &["/usr/sbin/runc", "/usr/bin/runc"]),
];

/// Installs the packages that are missing; asks for nothing when there are none.
///
/// # Errors
/// When some are missing and the user is not root, or apt-get fails.
pub(crate) fn install(packages: &[Package]) -> Result<()> {
    let is_there = |paths: &[&str]| paths.iter().any(|path| Path::new(path).exists());
    let missing: Vec<&str> = packages
        .iter()
        .filter(|(_, paths)| !is_there(paths))
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !is_root()? {
        bail!("Debian packages are missing; as root: apt-get install {names}");
    }
    println!("installing {names}");
    apt_get(&["update", "--quiet"])?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(missing);
    apt_get(&arguments)
}

/// Returns whether this process may install packages and change the root.
///
/// # Errors
/// When `id` does not run.
pub(crate) fn is_root() -> Result<bool> {
    let id = Command::new("id")
        .arg("-u")
        .output()
        .context("failed to run id")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // No service is started for a package (containerd, docker-registry): the tests run their own.
        .env("RUNLEVEL", "1")
        .status()
        .context("failed to run apt-get: install the packages in another way")?;
    ensure!(
        status.success(),
        "failed to run `apt-get {}`: {status}",
        arguments.join(" ")
    );
    Ok(())
}

/// Runs `npm ci` in `tests/npm` unless that was done for the same pinned packages before.
///
/// # Errors
/// When npm is missing or fails.
pub(crate) fn install_npm() -> Result<()> {
    let folder = root().join("tests/npm");
    let inputs = [
        "package-lock.json",
        "package.json",
        "requirements.txt",
        "fetch-schema.mjs",
    ];
    let inputs = inputs.map(|name| folder.join(name));
    let wanted = fingerprint(&inputs)?;
    let stamp = folder.join("node_modules/.rollguard-fingerprint");
    if fs::read_to_string(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    println!("installing npm packages");
    let status = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .status()
        .context("failed to run npm: install Node.js 20 or newer")?;
    ensure!(
        status.success(),
        "failed to run `npm ci` in `{}`: {status}",
        folder.display()
    );
    fs::write(&stamp, wanted).with_context(|| format!("failed to write `{}`", stamp.display()))
}
