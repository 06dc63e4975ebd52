//! `rollguard lint` beside kube-score, checkov and trivy: time and memory on generated manifests, and findings in public ones.

mod compared;
mod manifests;
mod measured;
mod peers;
mod sets;

use std::path::PathBuf;

use anyhow::Result;

use super::page::Setting;
use crate::generate::root;
use compared::{compare, examples};
use measured::{Measured, measure};
use peers::{Installed, Peer};
use sets::{Example, Set};

/// The programs.
pub(super) struct Linters {
    rollguard: PathBuf,
    peers: Vec<Installed>,
    /// Why trivy is not among them.
    without_trivy: Option<String>,
}

impl Linters {
    /// Takes the programs. trivy is the only one that may be missing: it is far too large for every machine.
    pub(super) fn new(
        rollguard: PathBuf,
        kube_score: PathBuf,
        checkov: PathBuf,
        trivy: Result<PathBuf>,
    ) -> Self {
        let (trivy, without_trivy) = match trivy {
            Ok(program) => (Some(program), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let peers = [
            (Peer::KubeScore, Some(kube_score)),
            (Peer::Checkov, Some(checkov)),
            (Peer::Trivy, trivy),
        ];
        let installed = peers.into_iter().filter_map(|(peer, program)| {
            Some(Installed {
                peer,
                program: program?,
            })
        });
        Self {
            rollguard,
            peers: installed.collect(),
            without_trivy,
        }
    }
}

/// How many manifests there are, and in how many of them the memory is compared.
const MANY: usize = 10_000;
const FEW: usize = 1_000;

/// Measures, compares, and returns the page.
///
/// # Errors
/// As `lints` of the module above.
pub(super) fn page(linters: &Linters, setting: &Setting) -> Result<String> {
    let folder = root().join("target/bench-lint");
    let measured = measure(linters, &folder)?;
    let mut text = head(linters, setting);
    text += &measured::table(&measured);
    text += &goals(linters, &measured);
    text += COMPARED;
    text += &checks(linters);
    for set in &[Set::kube_score()?, Set::pod_security()?] {
        text += &compare(linters, set)?;
    }
    text += EXAMPLES;
    text += &examples(linters, &Example::all()?)?;
    Ok(text)
}

fn head(linters: &Linters, setting: &Setting) -> String {
    let Setting {
        date,
        cores,
        version,
    } = setting;
    let titles: Vec<&str> = linters.peers.iter().map(|it| it.peer.title()).collect();
    let without = linters
        .without_trivy
        .as_ref()
        .map(|why| format!(" {} is left out: {why}.", Peer::Trivy.title()));
    format!(
        "# Lint beside other linters\n\n\
         <!-- Written by `cargo xtask bench-lint`. -->\n\n\
         {date}, rollguard {version} (release build) beside {}, {cores} cores.{}\n\n\
         ## Time and memory\n\n\
         {MANY} generated manifests, one in a file: Deployments, StatefulSets, DaemonSets, Jobs, CronJobs, Pods, Services and ConfigMaps, good ones and ones with each fault, all lines printed. \
         Wall time, CPU time and the largest resident memory of the process; medians of 3 runs, of checkov and trivy one run over the first 1,000. Another process of the machine may have run beside it.\n\n",
        titles.join(", "),
        without.unwrap_or_default()
    )
}

/// Says which goals were reached.
fn goals(linters: &Linters, measured: &[Measured]) -> String {
    let of = |name: &str, manifests: usize| {
        let found = measured
            .iter()
            .find(|it| it.linter == name && it.manifests == manifests);
        found.copied().unwrap_or_default()
    };
    let (ours, few) = (of("rollguard", MANY), of("rollguard", FEW));
    let row = |goal: &str, measured: String, reached: bool| {
        format!(
            "| {goal} | {measured} | {} |\n",
            if reached { "yes" } else { "no" }
        )
    };
    let mut text = "\n| goal | measured | reached |\n| --- | --- | --- |\n".to_owned();
    for peer in linters.peers.iter().map(|it| it.peer) {
        let name = peer.name();
        let (goal, other, own, least) = match peer {
            Peer::KubeScore => (
                format!("less wall and CPU time than {name}"),
                of(name, MANY),
                ours,
                1.0,
            ),
            Peer::Checkov | Peer::Trivy => (
                format!("at least 10× less than {name}, for 1,000 manifests"),
                of(name, FEW),
                few,
                10.0,
            ),
        };
        let (wall, cpu) = (other.wall / own.wall, other.cpu / own.cpu);
        text += &row(
            &goal,
            format!("{wall:.0}× and {cpu:.0}× less"),
            wall > least && cpu > least,
        );
    }
    let grown = ours.mebibytes - few.mebibytes;
    text + &row(
        "as much memory for 10,000 files as for 1,000",
        format!("{grown:+.1} MiB"),
        grown < 5.0,
    )
}

/// Names the checks of each linter that are counted, each with its practice.
fn checks(linters: &Linters) -> String {
    let of = |peer: Peer| {
        let checks = peer.checks().iter();
        let checks: Vec<String> = checks
            .map(|(id, practice)| format!("`{id}` ({practice})"))
            .collect();
        format!("{}: {}.\n", peer.name(), checks.join(", "))
    };
    linters.peers.iter().map(|it| of(it.peer)).collect()
}

const COMPARED: &str = "
## What each finds

Three public sets of manifests that are read where they are, in Go's module cache. No rule was changed after a look at the first one or the third one; the second one is what the levels `baseline` and `restricted` are tested with, and is judged here at `practices`. \
A practice counts as found in a file if at least one check of the linter for it fails there. A dash: the linter has no check for it. The checks that count, each with its practice:

";

const EXAMPLES: &str = "
### The examples of trivy-checks (MIT)

The manifests with which trivy documents its checks of the ten practices: one with the fault, and the same without it. `found` is a linter that says something about the practice (in brackets) which it does not say where the fault is absent. \
Nothing of rollguard was made with a look at them.

";
