//! Real registries on loopback, which containerd speaks plain HTTP to.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::binaries::installed;
use super::image::{Blob, Image};
use super::run::Run;

/// The clients that may pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Anyone,
    /// No one in this cluster has the password, so every pull is refused with 401.
    WithPassword,
}

/// A registry and the folder it serves. Images are laid into the folder, so they can be there
/// before the registry is started.
#[derive(Debug, Clone)]
pub(super) struct Registry {
    name: String,
    port: u16,
    storage: PathBuf,
}

impl Registry {
    /// Reserves a port and a folder; nothing listens yet.
    ///
    /// # Errors
    /// When no port is free.
    pub(super) fn reserve(run: &Run, name: &str) -> Result<Self> {
        let storage = run.path(&format!("registry/{name}/storage"));
        Ok(Self {
            name: name.to_owned(),
            port: run.port()?,
            storage,
        })
    }

    /// Host and port, as an image name begins with them.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// When `docker-registry` is not installed or cannot be started.
    pub(super) fn start(&self, run: &Run, access: Access) -> Result<()> {
        let mut config = format!(
            "version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{}'}}\n",
            self.storage.display(),
            self.address(),
        );
        if access == Access::WithPassword {
            let users = run.write(&format!("registry/{}/htpasswd", self.name), "# nobody\n")?;
            let users = users.display();
            // Writing to a string cannot fail.
            let _ = writeln!(
                config,
                "auth: {{htpasswd: {{realm: rollguard, path: {users}}}}}"
            );
        }
        let config = run.write(&format!("registry/{}/config.yml", self.name), config)?;
        let mut command = Command::new(installed("docker-registry")?);
        command.arg("serve").arg(config);
        run.spawn(&format!("registry-{}", self.name), command)
    }

    /// Publishes an image under `repository:tag`, in the registry's own storage layout
    /// (`registry/storage/paths.go` of distribution 2.8). A tag is complete once its link is there,
    /// which is written last.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn push(&self, image: &Image, repository: &str, tag: &str) -> Result<()> {
        let root = self.storage.join("docker/registry/v2");
        let repository = root.join("repositories").join(repository);
        for blob in [&image.layer, &image.config] {
            store(&root, blob)?;
            link(&repository.join("_layers/sha256").join(&blob.hex), blob)?;
        }
        let manifest = &image.manifest;
        store(&root, manifest)?;
        link(
            &repository
                .join("_manifests/revisions/sha256")
                .join(&manifest.hex),
            manifest,
        )?;
        let tag = repository.join("_manifests/tags").join(tag);
        link(&tag.join("index/sha256").join(&manifest.hex), manifest)?;
        link(&tag.join("current"), manifest)
    }
}

fn store(root: &Path, blob: &Blob) -> Result<()> {
    let folder = root
        .join("blobs/sha256")
        .join(&blob.hex[..2])
        .join(&blob.hex);
    write_whole(&folder.join("data"), &blob.bytes)
}

fn link(folder: &Path, blob: &Blob) -> Result<()> {
    write_whole(
        &folder.join("link"),
        format!("sha256:{}", blob.hex).as_bytes(),
    )
}

/// Writes beside and renames, so that the running registry never reads half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("failed to write `{}`", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let half = path.with_extension("half");
    fs::write(&half, bytes).with_context(failed)?;
    fs::rename(&half, path).with_context(failed)
}
