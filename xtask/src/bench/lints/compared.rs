//! The findings of each linter in public sets of manifests, practice by practice, and why they differ.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use rollguard_lint::PRACTICES;

use super::Linters;
use super::peers::{Found, Peer, of_rollguard};
use super::sets::{Example, Set};

/// A peer that finds a practice broken where rollguard does not, or does not find it where rollguard does.
type Difference = (u8, Peer, bool);

/// Why a peer differs, by practice and by whether the peer is the one that finds it.
const REASONS: &[(Difference, &str)] = &[
    (
        (1, Peer::KubeScore, true),
        "kube-score wants `runAsUser` and `runAsGroup` of at least 10000; `runAsNonRoot: true` is enough for no root.",
    ),
    (
        (1, Peer::KubeScore, false),
        "An annotation of kube-score switches its check off; rollguard has its own, with a reason.",
    ),
    (
        (1, Peer::Checkov, false),
        "checkov looks at `containers` only, and takes `runAsNonRoot: true` for proof although `runAsUser` is 0: the init container may be root, or the pod never starts.",
    ),
    (
        (2, Peer::KubeScore, false),
        "kube-score has a check for `privileged` alone, not for `allowPrivilegeEscalation`, `procMount` or host processes of Windows.",
    ),
    (
        (2, Peer::Checkov, false),
        "checkov has no check for `procMount` or for host processes of Windows.",
    ),
    (
        (8, Peer::KubeScore, false),
        "An annotation of kube-score switches its check off.",
    ),
    (
        (9, Peer::KubeScore, true),
        "Only limits are set: kube-score wants each request written down; the API server takes the limit for one that is absent.",
    ),
    (
        (9, Peer::Checkov, true),
        "Only limits of memory are set, which count as the request; checkov wants the request written down.",
    ),
    (
        (10, Peer::KubeScore, false),
        "kube-score wants probes only if a Service of the same call selects the pod, and a readiness probe of one container is enough for it.",
    ),
    (
        (10, Peer::Checkov, true),
        "A pod without a declared port that no Service of the same call selects is taken for a worker: it needs no readiness probe, and has a liveness probe.",
    ),
];

/// How many files are named for a difference.
const NAMED: usize = 3;

/// The findings in the files of a set that have a pod template.
struct Judged {
    names: Vec<String>,
    ours: Vec<Found>,
    /// Those of each peer.
    theirs: Vec<(Peer, Vec<Found>)>,
}

impl Judged {
    fn of(linters: &Linters, files: &[PathBuf]) -> Result<Self> {
        let mut judged = Vec::new();
        let (mut names, mut ours) = (Vec::new(), Vec::new());
        for file in files {
            if let Some(found) = of_rollguard(&linters.rollguard, file)? {
                judged.push(file.clone());
                let name = file.file_stem().unwrap_or_default();
                names.push(name.to_string_lossy().into_owned());
                ours.push(found);
            }
        }
        ensure!(!judged.is_empty(), "no file of the set has a pod template");
        let theirs = linters.peers.iter();
        let theirs = theirs.map(|it| Ok((it.peer, it.found(&judged)?)));
        Ok(Self {
            names,
            ours,
            theirs: theirs.collect::<Result<_>>()?,
        })
    }

    /// Returns the files in which a peer differs from rollguard.
    fn differences(&self) -> BTreeMap<Difference, Vec<&str>> {
        let mut all: BTreeMap<Difference, Vec<&str>> = BTreeMap::new();
        for (peer, found) in &self.theirs {
            for practice in (1..=10).filter(|it| peer.has_check(*it)) {
                let files = self.names.iter().zip(self.ours.iter().zip(found));
                for (name, (ours, theirs)) in files {
                    let they_find = theirs.contains_key(&practice);
                    if they_find != ours.contains_key(&practice) {
                        let key = (practice, *peer, they_find);
                        all.entry(key).or_default().push(name);
                    }
                }
            }
        }
        all
    }
}

/// Runs every linter over a set, and renders who finds what and why they differ.
///
/// # Errors
/// When a linter cannot be understood, or when a difference has no reason here.
pub(super) fn compare(linters: &Linters, set: &Set) -> Result<String> {
    println!("comparing {} files: {}", set.files.len(), set.title);
    let judged = Judged::of(linters, &set.files)?;
    let mut text = format!(
        "\n### {}\n\n{} files with a pod template.\n\n",
        set.title,
        judged.names.len()
    );
    text += &head(linters, "practice");
    for (practice, name) in (1..=10).zip(PRACTICES) {
        let count = |found: &[Found]| {
            let broken = found.iter().filter(|it| it.contains_key(&practice));
            broken.count()
        };
        let _ = write!(text, "| {practice}: {name} | {} |", count(&judged.ours));
        for (peer, found) in &judged.theirs {
            if peer.has_check(practice) {
                let _ = write!(text, " {} |", count(found));
            } else {
                text += " – |";
            }
        }
        text.push('\n');
    }
    text += "\n| practice | linter | against rollguard | files | why |\n| --- | --- | --- | --- | --- |\n";
    let mut unexplained = Vec::new();
    for (difference, files) in judged.differences() {
        let (practice, peer, they_find) = difference;
        let Some((_, why)) = REASONS.iter().find(|(it, _)| *it == difference) else {
            unexplained.push(format!("{difference:?}: {files:?}"));
            continue;
        };
        let says = if they_find {
            "finds it"
        } else {
            "does not find it"
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
            "| {practice} | {} | {says} | {}{more} | {why} |",
            peer.name(),
            shown.join(", ")
        );
    }
    ensure!(unexplained.is_empty(), "without a reason: {unexplained:#?}");
    Ok(text)
}

/// Renders the first lines of a table with a column for each linter.
fn head(linters: &Linters, first: &str) -> String {
    let peers = linters.peers.iter().map(|it| it.peer.name());
    let names: Vec<&str> = [first, "rollguard"].into_iter().chain(peers).collect();
    format!(
        "| {} |\n|{}\n",
        names.join(" | "),
        " --- |".repeat(names.len())
    )
}

/// Why a linter misses the fault of an example, by its name; `None` for rollguard.
const MISSES: &[(&str, Option<Peer>, &str)] = &[
    (
        "can_elevate_its_own_privileges",
        Some(Peer::KubeScore),
        "kube-score has a check for `privileged` alone.",
    ),
    (
        "non_default_proc_masks_set",
        Some(Peer::KubeScore),
        "kube-score has a check for `privileged` alone.",
    ),
    (
        "non_default_proc_masks_set",
        Some(Peer::Checkov),
        "checkov has no check for `procMount`.",
    ),
];

/// Renders for each example whether a linter finds its fault: whether it says something about the practice that it does not
/// say where the fault is absent.
///
/// # Errors
/// As [`compare`].
pub(super) fn examples(linters: &Linters, examples: &[Example]) -> Result<String> {
    println!("comparing {} examples", examples.len());
    let both = examples
        .iter()
        .flat_map(|it| [it.bad.clone(), it.good.clone()]);
    let judged = Judged::of(linters, &both.collect::<Vec<_>>())?;
    ensure!(
        judged.names.len() == 2 * examples.len(),
        "an example has no pod template"
    );
    let mut text = head(linters, "example");
    let (mut why, mut unexplained) = (String::new(), Vec::new());
    for (at, example) in examples.iter().enumerate() {
        let finds = |found: &[Found]| {
            let says = |at: usize| found.get(at)?.get(&example.practice);
            let good = says(2 * at + 1);
            let mut bad = says(2 * at).into_iter().flatten();
            bad.any(|it| !good.is_some_and(|good| good.contains(it)))
        };
        let _ = write!(text, "| `{}` ({})", example.name, example.practice);
        let theirs = judged
            .theirs
            .iter()
            .map(|(peer, found)| (Some(*peer), found));
        for (peer, found) in [(None, &judged.ours)].into_iter().chain(theirs) {
            let cell = if peer.is_some_and(|it| !it.has_check(example.practice)) {
                "–"
            } else if finds(found) {
                "found"
            } else {
                let known = MISSES.iter();
                let mut known = known.filter(|(name, of, _)| (*name, *of) == (example.name, peer));
                let who = peer.map_or("rollguard", Peer::name);
                if let Some((_, _, reason)) = known.next() {
                    let _ = writeln!(why, "| `{}` | {who} | {reason} |", example.name);
                } else {
                    unexplained.push(format!("{who} misses {}", example.name));
                }
                "missed"
            };
            let _ = write!(text, " | {cell}");
        }
        text += " |\n";
    }
    ensure!(unexplained.is_empty(), "without a reason: {unexplained:#?}");
    if why.is_empty() {
        return Ok(text);
    }
    Ok(format!(
        "{text}\n| example | missed by | why |\n| --- | --- | --- |\n{why}"
    ))
}
