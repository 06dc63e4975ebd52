//! The linters beside ours: how each is run, and which of its checks belong to which practice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::generate::root;

/// A linter beside ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    KubeScore,
    Checkov,
    Trivy,
}

/// The findings for each practice in one file, in words of the linter.
pub(super) type Found = BTreeMap<u8, BTreeSet<String>>;

/// A linter with its program.
pub(super) struct Installed {
    pub(super) peer: Peer,
    pub(super) program: PathBuf,
}

const KUBE_SCORE: &[(&str, u8)] = &[
    ("container-security-context-user-group-id", 1),
    ("container-security-context-privileged", 2),
    ("container-security-context-readonlyrootfilesystem", 8),
    ("container-resources", 9),
    ("pod-probes", 10),
];

const CHECKOV: &[(&str, u8)] = &[
    ("CKV_K8S_23", 1),
    ("CKV_K8S_16", 2),
    ("CKV_K8S_20", 2),
    ("CKV_K8S_25", 3),
    ("CKV_K8S_39", 3),
    ("CKV_K8S_27", 6),
    ("CKV_K8S_17", 7),
    ("CKV_K8S_18", 7),
    ("CKV_K8S_19", 7),
    ("CKV_K8S_26", 7),
    ("CKV_K8S_22", 8),
    ("CKV_K8S_10", 9),
    ("CKV_K8S_11", 9),
    ("CKV_K8S_12", 9),
    ("CKV_K8S_13", 9),
    ("CKV_K8S_8", 10),
    ("CKV_K8S_9", 10),
];

const TRIVY: &[(&str, u8)] = &[
    ("KSV-0012", 1),
    ("KSV-0105", 1),
    ("KSV-0001", 2),
    ("KSV-0017", 2),
    ("KSV-0027", 2),
    ("KSV-0103", 2),
    ("KSV-0005", 3),
    ("KSV-0022", 3),
    ("KSV-0026", 4),
    ("KSV-0023", 5),
    ("KSV-0006", 6),
    ("KSV-0008", 7),
    ("KSV-0009", 7),
    ("KSV-0010", 7),
    ("KSV-0024", 7),
    ("KSV-0014", 8),
    ("KSV-0011", 9),
    ("KSV-0015", 9),
    ("KSV-0016", 9),
    ("KSV-0018", 9),
];

impl Peer {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KubeScore => "kube-score",
            Self::Checkov => "checkov",
            Self::Trivy => "trivy",
        }
    }

    /// Its name with the version that this project pins.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::KubeScore => "kube-score 1.20.0",
            Self::Checkov => "checkov 3.3.30",
            Self::Trivy => "trivy 0.74.0",
        }
    }

    /// Its checks of the ten practices, each with the practice.
    pub(super) const fn checks(self) -> &'static [(&'static str, u8)] {
        match self {
            Self::KubeScore => KUBE_SCORE,
            Self::Checkov => CHECKOV,
            Self::Trivy => TRIVY,
        }
    }

    pub(super) fn has_check(self, practice: u8) -> bool {
        self.checks().iter().any(|(_, it)| *it == practice)
    }

    fn practice_of(self, id: &str) -> Option<u8> {
        let known = self.checks().iter().find(|(known, _)| *known == id);
        known.map(|(_, practice)| *practice)
    }

    /// Sorts failed checks, each with what it says, by their practices.
    fn sorted<'v>(self, failed: impl Iterator<Item = (&'v Value, &'v Value)>) -> Found {
        let mut found = Found::new();
        for (id, says) in failed {
            let id = id.as_str().unwrap_or_default();
            if let Some(practice) = self.practice_of(id) {
                let finding = format!("{id} {}", says.as_str().unwrap_or_default());
                found.entry(practice).or_default().insert(finding);
            }
        }
        found
    }
}

impl Installed {
    /// Returns what it finds in each file.
    pub(super) fn found(&self, files: &[PathBuf]) -> Result<Vec<Found>> {
        match self.peer {
            Peer::KubeScore => files.iter().map(|it| self.of_kube_score(it)).collect(),
            Peer::Checkov => self.of_checkov(files),
            Peer::Trivy => self.of_trivy(files),
        }
    }

    /// Takes each comment of a check for a finding: one check is about several fields.
    fn of_kube_score(&self, file: &Path) -> Result<Found> {
        let arguments = ["score", "--output-format", "json"];
        let report = document(Command::new(&self.program).args(arguments).arg(file))?;
        let checks = list(&report).flat_map(|it| list(&it["checks"]));
        // 10 is its best grade.
        let failed = checks.filter(|it| it["skipped"] == false && it["grade"].as_u64() < Some(10));
        let failed = failed.flat_map(|it| {
            let id = &it["check"]["id"];
            let comments = list(&it["comments"]).map(move |it| (id, &it["summary"]));
            comments.chain([(id, &Value::Null)])
        });
        Ok(self.peer.sorted(failed))
    }

    /// Reads all files at once: one start takes seconds.
    fn of_checkov(&self, files: &[PathBuf]) -> Result<Vec<Found>> {
        let report = document(
            Command::new(&self.program)
                .args(["--framework", "kubernetes", "--quiet", "--compact"])
                .args(["-o", "json", "-d", "."])
                .current_dir(copies(files)?),
        )?;
        let failed = || list(&report["results"]["failed_checks"]);
        Ok((0..files.len())
            .map(|at| {
                let file = format!("/{at}.yaml");
                let own = failed().filter(|it| it["file_path"] == file.as_str());
                self.peer
                    .sorted(own.map(|it| (&it["check_id"], &it["check_name"])))
            })
            .collect())
    }

    fn of_trivy(&self, files: &[PathBuf]) -> Result<Vec<Found>> {
        let report = document(
            Command::new(&self.program)
                .args(TRIVY_ARGUMENTS)
                .args(["--format", "json", "."])
                .current_dir(copies(files)?),
        )?;
        Ok((0..files.len())
            .map(|at| {
                let file = format!("{at}.yaml");
                let own = list(&report["Results"]).filter(|it| it["Target"] == file.as_str());
                let failed = own.flat_map(|it| list(&it["Misconfigurations"]));
                let failed = failed.filter(|it| it["Status"] == "FAIL");
                self.peer
                    .sorted(failed.map(|it| (&it["ID"], &it["Message"])))
            })
            .collect())
    }
}

/// Judges with the checks that are built in, and asks no one for newer ones.
pub(super) const TRIVY_ARGUMENTS: &[&str] = &[
    "config",
    "--skip-check-update",
    "--skip-version-check",
    "--quiet",
];

/// Writes copies of all files into a folder, named by their numbers.
fn copies(files: &[PathBuf]) -> Result<PathBuf> {
    let folder = root().join("target/bench-lint/compared");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (at, file) in files.iter().enumerate() {
        fs::write(folder.join(format!("{at}.yaml")), fs::read(file)?)?;
    }
    Ok(folder)
}

/// Returns what rollguard finds in a file; `None` for one without a pod template.
pub(super) fn of_rollguard(program: &Path, file: &Path) -> Result<Option<Found>> {
    let report = document(
        Command::new(program)
            .arg("lint")
            .arg(file)
            .args(["-o", "json"]),
    )?;
    if report["summary"]["podTemplates"] == 0 {
        return Ok(None);
    }
    let mut found = Found::new();
    for finding in list(&report["findings"]) {
        let practice = finding["practice"].as_u64();
        if let Some(practice) = practice.and_then(|it| u8::try_from(it).ok()) {
            let says = format!("{} {}", finding["code"], finding["message"]);
            found.entry(practice).or_default().insert(says);
        }
    }
    Ok(Some(found))
}

/// Runs a linter whose findings may fail it, and returns its document.
fn document(command: &mut Command) -> Result<Value> {
    let output = command
        .output()
        .with_context(|| format!("failed to run {command:?}"))?;
    let parsed = serde_json::from_slice(&output.stdout);
    parsed.with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{command:?} wrote no JSON: {said}")
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
