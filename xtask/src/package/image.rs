//! The container image: what `Containerfile` beside this file builds, written without a builder, so that the same
//! files give the same image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tar::{Builder, EntryType};

use super::archive::header;
use super::sums::sha256;
use crate::generate::{VERSION, root};
use crate::test::{Package, install};

/// Where Debian's package puts what `SSL_CERT_FILE` may replace.
const AUTHORITIES: Package = ("ca-certificates", &["/etc/ssl/certs/ca-certificates.crt"]);
/// No user of a machine has this id, and Kubernetes sees that it is not root.
const USER: &str = "65532:65532";
const PROGRAM: &str = "/rollguard";

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// The image's name, without a registry's: those who push it have their own.
pub(crate) fn reference() -> String {
    format!("rollguard.dev/rollguard:{VERSION}")
}

/// Returns the name of a platform's image archive.
pub(crate) fn name(platform: &str) -> String {
    format!("rollguard-{VERSION}-{platform}.oci.tar")
}

/// Returns the architecture of a platform that an image can be made for, in the words of OCI.
pub(super) fn architecture(platform: &str) -> Option<&'static str> {
    match platform {
        "linux-x64" => Some("amd64"),
        "linux-arm64" => Some("arm64"),
        _ => None,
    }
}

/// Packs a static binary as an OCI layout in a tar archive, which `ctr images import` and `podman load` take.
pub(super) fn pack(architecture: &str, binary: &Path) -> Result<Vec<u8>> {
    install(&[AUTHORITIES])?;
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("failed to read {}", path.display()));
    let (_, [authorities, ..]) = AUTHORITIES else {
        anyhow::bail!("the package has no file")
    };
    layout(
        architecture,
        &Files {
            program: read(binary)?,
            licence: read(&root().join("LICENSE"))?,
            authorities: read(Path::new(authorities))?,
        },
    )
}

/// Everything that the image holds.
struct Files {
    program: Vec<u8>,
    licence: Vec<u8>,
    /// Those that Azure's servers are verified by; a cluster brings its own.
    authorities: Vec<u8>,
}

fn layout(architecture: &str, files: &Files) -> Result<Vec<u8>> {
    let mut layer = Builder::new(Vec::new());
    for (path, mode, content) in [
        ("LICENSE", 0o644, &files.licence),
        (
            "etc/ssl/certs/ca-certificates.crt",
            0o644,
            &files.authorities,
        ),
        ("rollguard", 0o755, &files.program),
    ] {
        add(&mut layer, path, mode, content)?;
    }
    let layer = Blob::new(layer.into_inner()?);
    let config = Blob::json(&json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": USER,
            "Entrypoint": [PROGRAM],
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": "rollguard",
                "org.opencontainers.image.version": VERSION,
                "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
                "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.hex)] },
    }));
    let manifest = Blob::json(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor(CONFIG_TYPE),
        "layers": [layer.descriptor(LAYER_TYPE)],
    }));
    let mut described = manifest.descriptor(MANIFEST_TYPE);
    described["annotations"] = json!({
        "io.containerd.image.name": reference(),
        "org.opencontainers.image.ref.name": VERSION,
    });
    let index = json!({ "schemaVersion": 2, "manifests": [described] }).to_string();
    let mut archive = Builder::new(Vec::new());
    for blob in [&config, &layer, &manifest] {
        add(
            &mut archive,
            &format!("blobs/sha256/{}", blob.hex),
            0o644,
            &blob.bytes,
        )?;
    }
    add(&mut archive, "index.json", 0o644, index.as_bytes())?;
    add(
        &mut archive,
        "oci-layout",
        0o644,
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    Ok(archive.into_inner()?)
}

fn add(archive: &mut Builder<Vec<u8>>, path: &str, mode: u32, content: &[u8]) -> Result<()> {
    let mut header = header(EntryType::Regular, mode, content.len());
    archive
        .append_data(&mut header, path, content)
        .with_context(|| format!("failed to add {path} to the image"))
}

/// Bytes and the digest that names them.
struct Blob {
    bytes: Vec<u8>,
    hex: String,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let hex = sha256(&bytes);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;

    fn files() -> Files {
        Files {
            program: b"a program".to_vec(),
            licence: b"MIT".to_vec(),
            authorities: b"PEM".to_vec(),
        }
    }

    fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        });
        entries.collect()
    }

    #[test]
    fn the_index_leads_to_a_program_that_runs_without_root() {
        let archive = unpacked(&layout("amd64", &files()).unwrap());
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().replace(':', "/");
            archive[&format!("blobs/{digest}")].clone()
        };
        let index: Value = serde_json::from_slice(&archive["index.json"]).unwrap();
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])).unwrap();
        let config: Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
        assert_eq!(config["config"]["User"], USER);
        assert_eq!(config["config"]["Entrypoint"], json!([PROGRAM]));
        let layer = unpacked(&blob(&manifest["layers"][0]));
        let names: Vec<&str> = layer.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["LICENSE", "etc/ssl/certs/ca-certificates.crt", "rollguard"]
        );
    }

    #[test]
    fn the_same_files_give_the_same_image() {
        assert_eq!(
            layout("amd64", &files()).unwrap(),
            layout("amd64", &files()).unwrap()
        );
    }

    #[test]
    fn the_recipe_builds_the_same_image() {
        let recipe = include_str!("Containerfile");
        let last = recipe.rsplit("FROM scratch\n").next().unwrap();
        for line in [
            &format!("USER {USER}"),
            &format!("ENTRYPOINT [\"{PROGRAM}\"]"),
            "COPY --chmod=755 rollguard /rollguard",
            "COPY LICENSE /LICENSE",
            "WORKDIR /",
        ] {
            assert!(last.lines().any(|it| it == line), "{line}");
        }
        assert!(
            last.contains("/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt")
        );
        assert!(!last.contains("RUN"), "there is no shell");
    }
}
