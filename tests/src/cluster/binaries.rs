//! Where the cluster's programs are.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Result, bail};

/// Folders that are searched for the programs, first hit wins: what the user already has, what
/// `cargo xtask test` names, and what it built last.
#[derive(Debug)]
pub(super) struct Binaries {
    folders: Vec<PathBuf>,
}

impl Binaries {
    /// Reads `KUBEBUILDER_ASSETS`, `ROLLGUARD_CLUSTER_BIN` and the cache folder from the environment.
    pub(super) fn from_env() -> Self {
        let named = ["KUBEBUILDER_ASSETS", "ROLLGUARD_CLUSTER_BIN"];
        let mut folders: Vec<PathBuf> = named
            .iter()
            .filter_map(env::var_os)
            .map(PathBuf::from)
            .collect();
        let cache = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
        // Written by `cargo xtask test`: where its newest build is.
        let newest =
            cache.and_then(|it| fs::read_to_string(it.join("rollguard/cluster/current")).ok());
        folders.extend(newest.map(PathBuf::from));
        Self { folders }
    }

    /// A program that is built from `tests/cluster`.
    ///
    /// # Errors
    /// When no folder has it.
    pub(super) fn built(&self, name: &str) -> Result<PathBuf> {
        let found = self
            .folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file());
        let Some(found) = found else {
            bail!(
                "failed to find `{name}` in {:?}: run `cargo xtask test` once",
                self.folders
            )
        };
        Ok(found)
    }
}

/// A program that comes with a Debian package, wherever the package puts it.
///
/// # Errors
/// When it is not installed.
pub(super) fn installed(name: &str) -> Result<PathBuf> {
    let found = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file());
    let Some(found) = found else {
        bail!("failed to find the program `{name}`: run `cargo xtask test` once, as root")
    };
    Ok(found)
}
