//! Container images made here, so that no test asks a public registry for anything.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

/// The image that holds a pod's namespaces open.
pub const PAUSE: &str = "rollguard.test/pause:1";

/// A shell, an HTTP server and the small tools, imported into the node: never pulled.
pub const BUSYBOX: &str = "rollguard.test/busybox:1";

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// The same under the name of the public image, for manifests that users copy.
pub(super) const PUBLIC_BUSYBOX: &str = "docker.io/library/busybox:1.37";

/// The commands that the scenarios use.
const APPLETS: &[&str] = &[
    "cat", "cp", "date", "dd", "echo", "env", "expr", "false", "grep", "head", "httpd", "kill",
    "ls", "mkdir", "nc", "printf", "ps", "rm", "seq", "sh", "sleep", "tail", "test", "timeout",
    "touch", "true", "wc", "wget",
];

/// Bytes and the digest that names them.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    /// SHA-256 in hexadecimal digits, without the `sha256:` before it.
    pub(super) hex: String,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let hex = digest(&SHA256, &bytes)
            .as_ref()
            .iter()
            .fold(String::new(), |mut hex, byte| {
                // Writing to a string cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            });
        Self { bytes, hex }
    }

    fn json(value: &Value) -> Self {
        Self::new(value.to_string().into_bytes())
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({
            "mediaType": media_type,
            "digest": format!("sha256:{}", self.hex),
            "size": self.bytes.len(),
        })
    }
}

/// An image of one layer: manifest, configuration, layer.
#[derive(Debug, Clone)]
pub(super) struct Image {
    name: String,
    pub(super) manifest: Blob,
    pub(super) config: Blob,
    pub(super) layer: Blob,
}

impl Image {
    /// The pause program, alone in its image.
    ///
    /// # Errors
    /// When the program cannot be read.
    pub(super) fn pause(program: &Path) -> Result<Self> {
        let program = read(program)?;
        let mut layer = Builder::new(Vec::new());
        add_file(&mut layer, "pause", &program)?;
        Self::of(PAUSE, layer, &json!({ "Entrypoint": ["/pause"] }))
    }

    /// Busybox with its applets, a writable `/tmp` and a page for its HTTP server; unless a command
    /// is given it stays running, and ends when told to. The name becomes
    /// part of the configuration: images of different names have different ids. That matters because
    /// since 1.35 the kubelet re-verifies every name of an image id that it once pulled.
    ///
    /// # Errors
    /// When the program cannot be read.
    pub(super) fn busybox(name: &str, program: &Path) -> Result<Self> {
        let program = read(program)?;
        let mut layer = Builder::new(Vec::new());
        for folder in ["bin", "etc", "tmp", "www"] {
            add(&mut layer, EntryType::Directory, folder, &[])?;
        }
        add_file(&mut layer, "bin/busybox", &program)?;
        for applet in APPLETS {
            let mut header = header(EntryType::Symlink, 0);
            layer
                .append_link(&mut header, format!("bin/{applet}"), "busybox")
                .context("failed to add a link to a layer")?;
        }
        add(
            &mut layer,
            EntryType::Regular,
            "etc/passwd",
            b"root:x:0:0:root:/:/bin/sh\n",
        )?;
        add(&mut layer, EntryType::Regular, "www/index.html", b"ok\n")?;
        let config = json!({
            "Cmd": ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"],
            "Env": ["PATH=/bin"],
            "Labels": { "rollguard.test": name },
        });
        Self::of(name, layer, &config)
    }

    fn of(name: &str, layer: Builder<Vec<u8>>, config: &Value) -> Result<Self> {
        let layer = Blob::new(layer.into_inner().context("failed to close a layer")?);
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            _ => "amd64",
        };
        let config = Blob::json(&json!({
            "architecture": architecture,
            "os": "linux",
            "config": config,
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.hex)] },
        }));
        let manifest = Blob::json(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config.descriptor(CONFIG_TYPE),
            "layers": [layer.descriptor(LAYER_TYPE)],
        }));
        Ok(Self {
            name: name.to_owned(),
            manifest,
            config,
            layer,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name as a file name.
    pub(super) fn file_stem(&self) -> String {
        self.name.replace(['/', ':'], "_")
    }

    /// The image as an OCI layout in a tar archive, which `ctr images import` takes.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub(super) fn archive(&self) -> Result<Vec<u8>> {
        let mut manifest = self.manifest.descriptor(MANIFEST_TYPE);
        manifest["annotations"] = json!({ "io.containerd.image.name": self.name });
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string();
        let mut archive = Builder::new(Vec::new());
        let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
        add(&mut archive, EntryType::Regular, "oci-layout", layout)?;
        add(
            &mut archive,
            EntryType::Regular,
            "index.json",
            index.as_bytes(),
        )?;
        for blob in [&self.manifest, &self.config, &self.layer] {
            let path = format!("blobs/sha256/{}", blob.hex);
            add(&mut archive, EntryType::Regular, &path, &blob.bytes)?;
        }
        archive
            .into_inner()
            .context("failed to close an image archive")
    }
}

fn read(program: &Path) -> Result<Vec<u8>> {
    fs::read(program).with_context(|| format!("failed to read `{}`", program.display()))
}

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory {
        0o777
    } else {
        0o644
    });
    header.set_size(size as u64);
    header
}

fn add(archive: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, bytes: &[u8]) -> Result<()> {
    archive
        .append_data(&mut header(kind, bytes.len()), path, bytes)
        .with_context(|| format!("failed to add `{path}` to an archive"))
}

fn add_file(archive: &mut Builder<Vec<u8>>, path: &str, program: &[u8]) -> Result<()> {
    let mut header = header(EntryType::Regular, program.len());
    header.set_mode(0o755);
    archive
        .append_data(&mut header, path, program)
        .with_context(|| format!("failed to add `{path}` to an archive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> Image {
        // Any readable file stands in for the program.
        Image::busybox(name, Path::new("/proc/self/cmdline")).unwrap()
    }

    #[test]
    fn a_digest_is_the_sha_256_of_the_bytes() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Blob::new(Vec::new()).hex, empty);
    }

    #[test]
    fn images_of_different_names_share_the_layer_and_differ_in_id() {
        let (one, other) = (image("registry.test/a:1"), image("registry.test/b:1"));
        assert_eq!(one.layer.hex, other.layer.hex);
        assert_ne!(one.config.hex, other.config.hex);
    }

    #[test]
    fn an_archive_holds_every_blob_that_its_index_leads_to() {
        let image = image("registry.test/a:1");
        let archive = image.archive().unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        for blob in [&image.manifest, &image.config, &image.layer] {
            assert!(
                paths.contains(&format!("blobs/sha256/{}", blob.hex)),
                "{paths:?}"
            );
        }
    }
}
