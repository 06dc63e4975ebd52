//! Go programs for the real cluster, built once into a cache outside the repository.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::generate::root;

/// Which programs are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modules {
    /// What a cluster consists of.
    Cluster,
    /// The peers that a comparison measures, too.
    WithPeers,
    /// These, and the program that plays thousands of pods, too.
    WithFakeNodes,
    /// The sign-in program of clusters with Microsoft Entra, too.
    WithKubelogin,
}

/// A Go module below `tests/cluster` and what is built from it.
struct Module {
    folder: &'static str,
    programs: &'static [Program],
    /// Which of the wanted ones it is among.
    wanted: &'static [Modules],
}

struct Program {
    name: &'static str,
    package: &'static str,
}

const ALWAYS: &[Modules] = &[
    Modules::Cluster,
    Modules::WithPeers,
    Modules::WithFakeNodes,
    Modules::WithKubelogin,
];

const KUBERNETES: &[Program] = &[
    Program {
        name: "kube-apiserver",
        package: "k8s.io/kubernetes/cmd/kube-apiserver",
    },
    Program {
        name: "kube-controller-manager",
        package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    },
    Program {
        name: "kube-scheduler",
        package: "k8s.io/kubernetes/cmd/kube-scheduler",
    },
    Program {
        name: "kubelet",
        package: "k8s.io/kubernetes/cmd/kubelet",
    },
    Program {
        name: "kubectl",
        package: "k8s.io/kubernetes/cmd/kubectl",
    },
];

/// One module each: their dependencies do not go together.
const MODULES: &[Module] = &[
    Module {
        folder: "pause",
        programs: &[Program {
            name: "pause",
            package: ".",
        }],
        wanted: ALWAYS,
    },
    Module {
        folder: "etcd",
        programs: &[Program {
            name: "etcd",
            package: "go.etcd.io/etcd/server/v3",
        }],
        wanted: ALWAYS,
    },
    Module {
        folder: "kubernetes",
        programs: KUBERNETES,
        wanted: ALWAYS,
    },
    Module {
        folder: "kubedog",
        programs: &[Program {
            name: "kubedog",
            package: "github.com/werf/kubedog/cmd/kubedog",
        }],
        wanted: &[Modules::WithPeers, Modules::WithFakeNodes],
    },
    Module {
        folder: "helm",
        programs: &[Program {
            name: "helm",
            package: "helm.sh/helm/v4/cmd/helm",
        }],
        wanted: &[Modules::WithPeers],
    },
    Module {
        folder: "kwok",
        programs: &[Program {
            name: "kwok",
            package: "sigs.k8s.io/kwok/cmd/kwok",
        }],
        wanted: &[Modules::WithFakeNodes],
    },
    Module {
        folder: "kubelogin",
        programs: &[Program {
            name: "kubelogin",
            package: "github.com/Azure/kubelogin",
        }],
        wanted: &[Modules::WithKubelogin],
    },
];

/// Builds what is missing and returns the folder it is in. What `KUBEBUILDER_ASSETS` has is used
/// from there and not built. A first build takes five minutes on two cores; it needs Go.
///
/// # Errors
/// When Go is missing, or a build fails.
pub(super) fn build(wanted: Modules) -> Result<PathBuf> {
    let cache = cache_folder("cluster")?;
    let sources = MODULES.iter().flat_map(sources).collect::<Vec<PathBuf>>();
    let folder = cache.join(fingerprint(&sources)?);
    fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    for module in MODULES.iter().filter(|it| it.wanted.contains(&wanted)) {
        build_module(module, &folder)?;
    }
    point_to(&cache.join("current"), &folder)?;
    Ok(folder)
}

/// `$XDG_CACHE_HOME/rollguard/<name>`, or `~/.cache/…`.
pub(super) fn cache_folder(name: &str) -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
    let cache = cache
        .or_else(home)
        .context("failed to find a cache folder: HOME is not set")?;
    Ok(cache.join("rollguard").join(name))
}

/// Returns what the programs depend on: versions, checksums, own sources, and this file with its flags.
fn sources(module: &Module) -> Vec<PathBuf> {
    let folder = root().join("tests/cluster").join(module.folder);
    let mut sources: Vec<PathBuf> = ["go.mod", "go.sum", "main.go"]
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| path.is_file())
        .collect();
    sources.push(root().join("xtask/src/test/cluster_binaries.rs"));
    sources
}

/// Returns a name for the content of some files. It may change between Rust versions, which only costs
/// a cache miss.
pub(super) fn fingerprint(files: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        let content =
            fs::read(file).with_context(|| format!("failed to read `{}`", file.display()))?;
        content.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn build_module(module: &Module, folder: &Path) -> Result<()> {
    let is_there = |program: &&Program| {
        let given = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        given.is_some_and(|given| given.join(program.name).is_file())
            || folder.join(program.name).is_file()
    };
    for program in module.programs.iter().filter(|program| !is_there(program)) {
        println!("building {}", program.name);
        // Renamed when it is whole: an interrupted build leaves nothing that looks finished.
        let half = folder.join(format!("{}.half", program.name));
        let status = Command::new("go")
            .args([
                "build",
                "-trimpath",
                "-buildvcs=false",
                "-ldflags",
                &linker_flags(module)?,
            ])
            .arg("-o")
            .arg(&half)
            .arg(program.package)
            .env("CGO_ENABLED", "0")
            .current_dir(root().join("tests/cluster").join(module.folder))
            .status()
            .context("failed to run go: install Go 1.26 or newer")?;
        ensure!(
            status.success(),
            "failed to build {}: {status}",
            program.name
        );
        fs::rename(&half, folder.join(program.name))
            .with_context(|| format!("failed to keep {}", program.name))?;
    }
    Ok(())
}

/// Kubernetes' own build sets its version like this; without, the server calls itself v0.0.0.
fn linker_flags(module: &Module) -> Result<String> {
    let path = root()
        .join("tests/cluster")
        .join(module.folder)
        .join("go.mod");
    let requirements = fs::read_to_string(&path)
        .with_context(|| format!("failed to read `{}`", path.display()))?;
    let version = requirements
        .lines()
        .find_map(|line| {
            line.trim()
                .trim_start_matches("require ")
                .strip_prefix("k8s.io/kubernetes ")
        })
        .and_then(|rest| rest.split_whitespace().next());
    let Some(version) = version else {
        return Ok("-s -w".to_owned());
    };
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or("0"));
    let package = "k8s.io/component-base/version";
    Ok(format!(
        "-s -w -X {package}.gitVersion={version} -X {package}.gitMajor={major} \
         -X {package}.gitMinor={minor}"
    ))
}

/// Writes down where the newest build is: who runs the test program by hand finds it there.
fn point_to(note: &Path, folder: &Path) -> Result<()> {
    fs::write(note, folder.to_string_lossy().as_bytes())
        .with_context(|| format!("failed to write `{}`", note.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_built_with_the_version_that_the_module_pins() {
        let kubernetes = MODULES
            .iter()
            .find(|module| module.folder == "kubernetes")
            .unwrap();
        let flags = linker_flags(kubernetes).unwrap();
        assert!(
            flags.contains("gitVersion=v1.") && flags.contains("gitMajor=1"),
            "{flags}"
        );
    }

    #[test]
    fn every_module_pins_its_checksums_unless_it_needs_nothing() {
        for module in MODULES {
            let folder = root().join("tests/cluster").join(module.folder);
            let requires = fs::read_to_string(folder.join("go.mod"))
                .unwrap()
                .contains("require");
            assert_eq!(
                folder.join("go.sum").is_file(),
                requires,
                "{}",
                module.folder
            );
        }
    }

    #[test]
    fn a_fingerprint_follows_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("go.sum");
        fs::write(&file, "one").unwrap();
        let one = fingerprint(std::slice::from_ref(&file)).unwrap();
        fs::write(&file, "two").unwrap();
        assert_ne!(one, fingerprint(&[file]).unwrap());
    }
}
