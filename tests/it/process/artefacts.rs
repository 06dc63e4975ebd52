//! Looks for the secrets of all suites in what is committed: traces and snapshots are written by runs that had them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard_tests::fakes::{
    ADMIN_ACCOUNT_TOKEN, AZ_ARM_TOKEN, AZ_CLUSTER_TOKEN, CLIENT_CERTIFICATE, CLIENT_SECRET,
    IDENTITY_HEADER, SERVICE_ACCOUNT_TOKEN, SYSTEM_ACCESS_TOKEN,
};

use super::canaries::secrets_of_workloads;
use super::secrets::{CLUSTER_TOKEN, forms};
use crate::trial;

/// What the values of the pods on the real cluster begin with, and the tokens that the fake of Azure issues.
const BEGINNINGS: [&str; 5] = [
    "never-show-this",
    "fake-oidc-token",
    "fake-arm-token",
    "fake-cluster-token",
    "hunter2",
];
/// Folders of this repository that hold what runs wrote, or what people read.
const FOLDERS: [&str; 7] = [
    "tests/traces",
    "tests/field",
    "tests/it",
    "crates",
    "docs",
    "fuzz/corpus",
    "templates",
];
/// Endings of what is written by people and holds secrets on purpose: sources, keys of the fakes.
const SOURCES: [&str; 3] = ["rs", "pem", "toml"];
/// A seed that asks for a secret to be masked.
const SEED: &str = "fuzz/corpus/command/seed-6";
/// Fewer files than there are; a folder that is gone would be scanned in vain.
const AT_LEAST: usize = 500;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial(
        "no committed artefact holds a secret of the suites",
        || async { no_committed_artefact_holds_a_secret_of_the_suites() },
    )]
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn is_source(path: &Path) -> bool {
    let ending = path.extension().and_then(|it| it.to_str());
    ending.is_some_and(|it| SOURCES.contains(&it))
}

/// The texts that sources hand to `Secret::new`.
fn in_source(text: &str) -> impl Iterator<Item = &str> {
    let calls = text.split("Secret::new(\"").skip(1);
    let literals = calls.filter_map(|it| it.split('"').next());
    // Shorter ones are words.
    literals.filter(|it| it.len() >= 8 && !it.contains('\\'))
}

fn secrets(sources: &[PathBuf]) -> Result<BTreeSet<String>> {
    let named = [
        CLIENT_SECRET,
        SYSTEM_ACCESS_TOKEN,
        IDENTITY_HEADER,
        SERVICE_ACCOUNT_TOKEN,
        ADMIN_ACCOUNT_TOKEN,
        AZ_ARM_TOKEN,
        AZ_CLUSTER_TOKEN,
        CLUSTER_TOKEN,
    ];
    let of_key = CLIENT_CERTIFICATE.lines().filter(|it| it.len() > 40);
    let mut all: BTreeSet<String> = named
        .into_iter()
        .chain(BEGINNINGS)
        .chain(secrets_of_workloads())
        .chain(of_key)
        .map(str::to_owned)
        .collect();
    for source in sources {
        all.extend(in_source(&fs::read_to_string(source)?).map(str::to_owned));
    }
    Ok(all)
}

fn no_committed_artefact_holds_a_secret_of_the_suites() -> Result<()> {
    let root = root();
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files)?;
    }
    let (sources, artefacts): (Vec<_>, Vec<_>) = files.into_iter().partition(|it| is_source(it));
    let rust: Vec<PathBuf> = sources
        .into_iter()
        .filter(|it| it.extension().is_some_and(|it| it == "rs"))
        .collect();
    let secrets = secrets(&rust)?;
    ensure!(secrets.len() > 40, "{secrets:?}");
    ensure!(artefacts.len() > AT_LEAST, "{}", artefacts.len());
    let forms: Vec<(&String, String)> = secrets
        .iter()
        .flat_map(|secret| forms(secret).map(|form| (secret, form)))
        .collect();
    let mut leaks = Vec::new();
    for path in artefacts.iter().filter(|it| !it.ends_with(SEED)) {
        let text = fs::read(path)?;
        let text = String::from_utf8_lossy(&text);
        for (secret, form) in &forms {
            if text.contains(form.as_str()) {
                leaks.push(format!("{}: {form} of {secret}", path.display()));
            }
        }
    }
    ensure!(leaks.is_empty(), "{}", leaks.join("\n"));
    Ok(())
}
