//! `rollguard lint` beside kube-score and checkov: time and memory on generated manifests, and findings in public ones.

mod compared;
mod manifests;
mod measured;

use std::path::PathBuf;

use anyhow::Result;

use super::page::Setting;
use crate::generate::root;
use compared::{Set, compare};
use measured::{Measured, measure};

/// The programs.
pub(super) struct Linters {
    pub(super) rollguard: PathBuf,
    pub(super) kube_score: PathBuf,
    pub(super) checkov: PathBuf,
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
    let sets = [Set::kube_score()?, Set::pod_security()?];
    let mut text = head(setting);
    text += &measured::table(&measured);
    text += &goals(&measured);
    text += COMPARED;
    for set in &sets {
        text += &compare(linters, set)?;
    }
    Ok(text)
}

fn head(setting: &Setting) -> String {
    let Setting {
        date,
        cores,
        version,
    } = setting;
    format!(
        "# Lint beside other linters\n\n\
         <!-- Written by `cargo xtask bench-lint`. -->\n\n\
         {date}, rollguard {version} (release build), kube-score 1.20.0 and checkov 3.3.30, {cores} cores. trivy 0.74.0 is left out: it takes a quarter of an hour to build from its Go module.\n\n\
         ## Time and memory\n\n\
         {MANY} generated manifests, one in a file: Deployments, StatefulSets, DaemonSets, Jobs, CronJobs, Pods, Services and ConfigMaps, good ones and ones with each fault, all lines printed. \
         Wall time, CPU time and the largest resident memory of the process; medians of 3 runs, of checkov one run over the first 1,000. Another process of the machine may have run beside it.\n\n"
    )
}

/// Says which goals were reached.
fn goals(measured: &[Measured]) -> String {
    let of = |name: &str, manifests: usize| {
        let found = measured
            .iter()
            .find(|it| it.linter == name && it.manifests == manifests);
        found.copied().unwrap_or_default()
    };
    let (ours, few) = (of("rollguard", MANY), of("rollguard", FEW));
    let (kube_score, checkov) = (of("kube-score", MANY), of("checkov", FEW));
    let faster = |other: Measured, own: Measured| (other.wall / own.wall, other.cpu / own.cpu);
    let (kube_score, checkov) = (faster(kube_score, ours), faster(checkov, few));
    let grown = ours.mebibytes - few.mebibytes;
    let row = |goal: &str, measured: String, reached: bool| {
        format!(
            "| {goal} | {measured} | {} |\n",
            if reached { "yes" } else { "no" }
        )
    };
    [
        "\n| goal | measured | reached |\n| --- | --- | --- |\n".to_owned(),
        row(
            "less wall and CPU time than kube-score",
            format!("{:.0}× and {:.0}× less", kube_score.0, kube_score.1),
            kube_score.0 > 1.0 && kube_score.1 > 1.0,
        ),
        row(
            "at least 10× less than checkov, for 1,000 manifests",
            format!("{:.0}× and {:.0}× less", checkov.0, checkov.1),
            checkov.0 >= 10.0 && checkov.1 >= 10.0,
        ),
        row(
            "as much memory for 10,000 files as for 1,000",
            format!("{grown:+.1} MiB"),
            grown < 5.0,
        ),
    ]
    .concat()
}

const COMPARED: &str = "
## What each finds

Two public sets of manifests that are read where they are, in Go's module cache. No rule was changed after a look at the first one; the second one is what the levels `baseline` and `restricted` are tested with, and is judged here at `practices`. \
A practice counts as found in a file if at least one check of the linter for it fails there. A dash: the linter has no check for it.

kube-score: `container-security-context-user-group-id` (1), `-privileged` (2), `-readonlyrootfilesystem` (8), `container-resources` (9), `pod-probes` (10). \
checkov: `CKV_K8S_23` (1), 16 and 20 (2), 25 and 39 (3), 27 (6), 17 to 19 and 26 (7), 22 (8), 10 to 13 (9), 8 and 9 (10).
";
