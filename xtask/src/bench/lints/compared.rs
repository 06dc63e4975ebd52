//! The findings of each linter in public sets of manifests, practice by practice, and why they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rollguard_lint::PRACTICES;
use serde_json::Value;

use super::Linters;
use crate::generate::root;

/// A set of manifests.
pub(super) struct Set {
    title: &'static str,
    files: Vec<PathBuf>,
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

/// The practices that a linter finds broken; `None` for one without a check.
type Found = BTreeSet<u8>;

const KUBE_SCORE: [(&str, u8); 5] = [
    ("container-security-context-user-group-id", 1),
    ("container-security-context-privileged", 2),
    ("container-security-context-readonlyrootfilesystem", 8),
    ("container-resources", 9),
    ("pod-probes", 10),
];

const CHECKOV: [(&str, u8); 17] = [
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

fn practice_of(checks: &[(&str, u8)], id: &str) -> Option<u8> {
    let known = checks.iter().find(|(known, _)| *known == id);
    known.map(|(_, practice)| *practice)
}

/// Runs a linter whose findings fail it, and returns its document.
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

/// Returns what rollguard finds; `None` for a file without a pod template.
fn of_rollguard(linters: &Linters, file: &Path) -> Result<Option<Found>> {
    let report = document(
        Command::new(&linters.rollguard)
            .arg("lint")
            .arg(file)
            .args(["-o", "json"]),
    )?;
    if report["summary"]["podTemplates"] == 0 {
        return Ok(None);
    }
    let numbers = list(&report["findings"]).filter_map(|it| it["practice"].as_u64());
    Ok(Some(
        numbers.filter_map(|it| u8::try_from(it).ok()).collect(),
    ))
}

fn of_kube_score(linters: &Linters, file: &Path) -> Result<Found> {
    let arguments = ["score", "--output-format", "json"];
    let report = document(Command::new(&linters.kube_score).args(arguments).arg(file))?;
    let checks = list(&report).flat_map(|it| list(&it["checks"]));
    // 10 is its best grade.
    let failed = checks.filter(|it| it["skipped"] == false && it["grade"].as_u64() < Some(10));
    let ids = failed.filter_map(|it| it["check"]["id"].as_str());
    Ok(ids.filter_map(|it| practice_of(&KUBE_SCORE, it)).collect())
}

/// Returns what checkov finds in copies of all files, by the number of the file: one start takes it seconds.
fn of_checkov(linters: &Linters, files: &[PathBuf]) -> Result<BTreeMap<usize, Found>> {
    let folder = root().join("target/bench-lint/compared");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (at, file) in files.iter().enumerate() {
        fs::write(folder.join(format!("{at}.yaml")), fs::read(file)?)?;
    }
    let arguments = [
        "--framework",
        "kubernetes",
        "--quiet",
        "--compact",
        "-o",
        "json",
        "-d",
        ".",
    ];
    let report = document(
        Command::new(&linters.checkov)
            .args(arguments)
            .current_dir(&folder),
    )?;
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    for check in list(&report["results"]["failed_checks"]) {
        let practice = practice_of(&CHECKOV, check["check_id"].as_str().unwrap_or_default());
        let name = check["file_path"].as_str().unwrap_or_default();
        let number = name.trim_start_matches('/').strip_suffix(".yaml");
        let number = number.and_then(|it| it.parse().ok());
        let number = number.with_context(|| format!("checkov names the unknown file {name}"))?;
        found.entry(number).or_default().extend(practice);
    }
    Ok(found)
}

/// The linters that find a practice broken in a file: rollguard, kube-score, checkov; `None` without a check.
type Who = (bool, Option<bool>, Option<bool>);

/// Why the linters differ, by practice and by who finds it.
const REASONS: &[(u8, Who, &str)] = &[
    (
        1,
        (false, Some(true), Some(false)),
        "kube-score wants `runAsUser` and `runAsGroup` of at least 10000; `runAsNonRoot: true` is enough for no root.",
    ),
    (
        1,
        (true, Some(false), Some(true)),
        "An annotation of kube-score switches its check off; rollguard has its own, with a reason.",
    ),
    (
        1,
        (true, Some(true), Some(false)),
        "checkov looks at `containers` only, and takes `runAsNonRoot: true` for proof although `runAsUser` is 0: the init container may be root, or the pod never starts.",
    ),
    (
        2,
        (true, Some(false), Some(true)),
        "kube-score has no check for `allowPrivilegeEscalation`.",
    ),
    (
        2,
        (true, Some(false), Some(false)),
        "Neither has a check for `procMount` or for host processes of Windows.",
    ),
    (
        8,
        (true, Some(false), Some(true)),
        "An annotation of kube-score switches its check off.",
    ),
    (
        9,
        (false, Some(true), Some(false)),
        "Only limits are set: kube-score wants each request written down; the API server takes the limit for one that is absent.",
    ),
    (
        9,
        (false, Some(false), Some(true)),
        "Only limits of memory are set, which count as the request; checkov wants the request written down. An annotation of kube-score switches its check off.",
    ),
    (
        10,
        (true, Some(false), Some(true)),
        "kube-score wants probes only if a Service of the same call selects the pod, and a readiness probe of one container is enough for it.",
    ),
    (
        10,
        (false, Some(false), Some(true)),
        "A pod without a declared port that no Service of the same call selects is taken for a worker: it needs no readiness probe, and has a liveness probe.",
    ),
];

/// How many files are named for a difference.
const NAMED: usize = 3;

/// Runs every linter over a set, and renders who finds what and why they differ.
///
/// # Errors
/// When a linter cannot be understood, or when a difference has no reason here.
pub(super) fn compare(linters: &Linters, set: &Set) -> Result<String> {
    println!("comparing {} files: {}", set.files.len(), set.title);
    let of_checkov = of_checkov(linters, &set.files)?;
    let mut groups: BTreeMap<(u8, Who), Vec<String>> = BTreeMap::new();
    let mut judged = 0;
    for (at, file) in set.files.iter().enumerate() {
        let Some(ours) = of_rollguard(linters, file)? else {
            continue;
        };
        judged += 1;
        let kube_score = of_kube_score(linters, file)?;
        let checkov = of_checkov.get(&at).cloned().unwrap_or_default();
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        for practice in 1..=10 {
            let of = |checks: &[(&str, u8)], found: &Found| {
                let has_check = checks.iter().any(|(_, it)| *it == practice);
                has_check.then(|| found.contains(&practice))
            };
            let who = (
                ours.contains(&practice),
                of(&KUBE_SCORE, &kube_score),
                of(&CHECKOV, &checkov),
            );
            groups
                .entry((practice, who))
                .or_default()
                .push(name.clone().into_owned());
        }
    }
    ensure!(judged > 0, "no file of the set has a pod template");
    Ok(format!(
        "\n### {}\n\n{judged} files with a pod template.\n\n",
        set.title
    ) + &counts(&groups)
        + &differences(&groups)?)
}

fn counts(groups: &BTreeMap<(u8, Who), Vec<String>>) -> String {
    let mut text = "| practice | rollguard | kube-score | checkov | differ |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for (practice, name) in (1..=10).zip(PRACTICES) {
        let of = || groups.iter().filter(move |((it, _), _)| *it == practice);
        let count = |finds: fn(Who) -> Option<bool>| {
            let has_check = of().any(|((_, who), _)| finds(*who).is_some());
            let files = of().filter(|((_, who), _)| finds(*who) == Some(true));
            let files: usize = files.map(|(_, files)| files.len()).sum();
            if has_check {
                files.to_string()
            } else {
                "–".to_owned()
            }
        };
        let differ: usize = of()
            .filter(|((_, who), _)| !agree(*who))
            .map(|(_, files)| files.len())
            .sum();
        let _ = writeln!(
            text,
            "| {practice}: {name} | {} | {} | {} | {differ} |",
            count(|it| Some(it.0)),
            count(|it| it.1),
            count(|it| it.2)
        );
    }
    text
}

/// Returns whether every linter with a check says the same.
fn agree((ours, kube_score, checkov): Who) -> bool {
    kube_score.is_none_or(|it| it == ours) && checkov.is_none_or(|it| it == ours)
}

fn differences(groups: &BTreeMap<(u8, Who), Vec<String>>) -> Result<String> {
    let mut text =
        "\n| practice | files | found by | not by | why |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for ((practice, who), files) in groups.iter().filter(|((_, who), _)| !agree(*who)) {
        let reason = REASONS
            .iter()
            .find(|(it, of, _)| it == practice && of == who);
        let Some((_, _, why)) = reason else {
            bail!(
                "practice {practice}, {who:?} (rollguard, kube-score, checkov) has no reason: {files:?}"
            );
        };
        let (ours, kube_score, checkov) = *who;
        let all = [
            ("rollguard", Some(ours)),
            ("kube-score", kube_score),
            ("checkov", checkov),
        ];
        let names = |found: bool| {
            let those = all.iter().filter(|(_, it)| *it == Some(found));
            those.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        };
        let shown: Vec<String> = files
            .iter()
            .take(NAMED)
            .map(|it| format!("`{it}`"))
            .collect();
        let more = files.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "| {practice} | {}{more} | {} | {} | {why} |",
            shown.join(", "),
            names(true),
            names(false)
        );
    }
    Ok(text)
}
