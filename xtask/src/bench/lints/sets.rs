//! Public sets of manifests, read from Go's module cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::generate::root;

/// A set of manifests.
pub(super) struct Set {
    pub(super) title: &'static str,
    pub(super) files: Vec<PathBuf>,
}

impl Set {
    /// The manifests with which kube-score tests itself.
    pub(super) fn kube_score() -> Result<Self> {
        let folder = module_folder("tests/kube-score", "github.com/zegl/kube-score")?;
        Ok(Self {
            title: "`score/testdata` of kube-score 1.20.0 (MIT)",
            files: yaml_files(&folder.join("score/testdata"))?,
        })
    }

    /// The pods that Pod Security admission refuses, each for one fault.
    pub(super) fn pod_security() -> Result<Self> {
        let module = "k8s.io/pod-security-admission";
        let folder = module_folder("tests/cluster/pod-security", module)?;
        let mut files = Vec::new();
        for level in ["baseline", "restricted"] {
            files.extend(yaml_files(
                &folder.join("test/testdata").join(level).join("v1.37/fail"),
            )?);
        }
        Ok(Self {
            title: "`fail` of `baseline` and `restricted` 1.37 of k8s.io/pod-security-admission (Apache-2.0)",
            files,
        })
    }
}

/// A manifest with one fault, and the same without it.
pub(super) struct Example {
    /// The check of trivy that it is about.
    pub(super) name: &'static str,
    pub(super) practice: u8,
    pub(super) bad: PathBuf,
    pub(super) good: PathBuf,
}

/// The examples of the ten practices. The others are about images, profiles, groups, and objects without pods.
const EXAMPLES: &[(&str, u8)] = &[
    ("runs_as_root", 1),
    ("runs_with_UID_le_10000", 1),
    ("privileged", 2),
    ("can_elevate_its_own_privileges", 2),
    ("non_default_proc_masks_set", 2),
    ("SYS_ADMIN_capability", 3),
    ("specific_capabilities_added", 3),
    ("unsafe_sysctl_options_set", 4),
    ("hostpath_volumes_mounted", 5),
    ("mounts_docker_socket", 6),
    ("access_to_host_ports", 7),
    ("host_ipc", 7),
    ("host_network", 7),
    ("host_pid", 7),
    ("file_system_not_read_only", 8),
    ("CPU_not_limited", 9),
    ("CPU_requests_not_specified", 9),
    ("memory_not_limited", 9),
    ("memory_requests_not_specified", 9),
];

/// The file of an example.
#[derive(Deserialize)]
struct Written {
    kubernetes: Manifests,
}

#[derive(Deserialize)]
struct Manifests {
    good: Vec<String>,
    bad: Vec<String>,
}

impl Example {
    /// Writes the examples with which trivy documents its checks into files of their own.
    pub(super) fn all() -> Result<Vec<Self>> {
        let module = module_folder("tests/trivy", "github.com/aquasecurity/trivy-checks")?;
        let folder = root().join("target/bench-lint/examples");
        fs::create_dir_all(&folder)?;
        let all = EXAMPLES.iter().map(|(name, practice)| {
            let path = module.join(format!("checks/kubernetes/{name}.yaml"));
            let text = fs::read_to_string(&path)
                .with_context(|| format!("failed to read `{}`", path.display()))?;
            let written: Written = serde_yaml::from_str(&text)
                .with_context(|| format!("failed to understand `{}`", path.display()))?;
            let file = |what: &str, manifests: &[String]| -> Result<PathBuf> {
                let [manifest] = manifests else {
                    anyhow::bail!("{name} has {} {what} manifests", manifests.len());
                };
                let file = folder.join(format!("{name}-{what}.yaml"));
                fs::write(&file, manifest)?;
                Ok(file)
            };
            Ok(Self {
                name,
                practice: *practice,
                bad: file("bad", &written.kubernetes.bad)?,
                good: file("good", &written.kubernetes.good)?,
            })
        });
        all.collect()
    }
}

/// Returns the folder of a Go module in the cache, in the version of our own module.
fn module_folder(own: &str, module: &str) -> Result<PathBuf> {
    let output = Command::new("go")
        .args(["mod", "download", "-json", module])
        .env("GOFLAGS", "-mod=mod")
        .current_dir(root().join(own))
        .output()
        .context("failed to run go: install Go 1.25 or newer")?;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let folder = said["Dir"].as_str();
    Ok(folder
        .with_context(|| format!("cannot download {module}"))?
        .into())
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("failed to read `{}`", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
