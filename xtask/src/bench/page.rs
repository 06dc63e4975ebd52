//! `docs/benchmarks.md`: what was measured, as tables.

mod goals;
mod measured;
mod tables;
#[cfg(test)]
mod tests;

use goals::goals;
pub(super) use measured::ensure_complete;
use measured::{failing, healing};
use rollguard_measured::verdicts::{Measured, Row};
pub(super) use tables::{hundredths, median, medians, tenths};
use tables::{loads, stable, times, verdicts};

/// When and on what it was measured.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) date: String,
    pub(super) cores: usize,
    pub(super) version: &'static str,
}

/// The whole page.
pub(super) fn render(measured: &Measured, setting: &Setting) -> String {
    [
        head(measured, setting),
        "## Verdicts\n\n".to_owned(),
        verdicts(measured),
        EXPLAINED.to_owned(),
        "## Goals\n\n".to_owned(),
        goals(measured),
        "\n".to_owned(),
        format!("## {} updates that fail\n\n", failing(measured).count()),
        times(failing(measured)),
        format!(
            "\n## {} updates that heal\n\n\
             rollguard calls a rollout good once it has been complete for 10 s; the others call it good at once.\n\n",
            healing(measured).count()
        ),
        times(healing(measured)),
        "\n## A rollout that has long been stable\n\n\
         Five runs each, alternating: the whole command, including its start.\n\n"
            .to_owned(),
        stable(measured),
        "\n## Load on the API server\n\n\
         Medians over the updates above: HTTP requests, each watch counted as one, and bytes of the response bodies.\n\n"
            .to_owned(),
        loads(measured),
    ]
    .concat()
}

fn head(measured: &Measured, setting: &Setting) -> String {
    let Setting {
        date,
        cores,
        version,
    } = setting;
    let fails = timeout(failing(measured));
    let heals = timeout(healing(measured));
    format!(
        "# Benchmarks\n\n\
         <!-- Written by `cargo xtask bench-verdict`. -->\n\n\
         rollguard, `kubectl rollout status` and `kubedog multitrack` follow the same update of a \
         Deployment, StatefulSet or DaemonSet at the same time, with the same timeout: {fails} s if the update fails, which is longer than a crash is given to heal, {heals} s if it heals. The updates are those of `tests/scenarios`, on a real cluster with real nodes. Times are measured from the update.\n\n\
         {date}, rollguard {version} (release build), Kubernetes {}, kubedog 0.13.0, {cores} cores, which run the cluster, the pods, and several updates with three tools each at a time. One run.\n\n",
        measured.kubernetes
    )
}

/// The timeout of these updates, in seconds.
fn timeout<'a>(rows: impl Iterator<Item = &'a Row>) -> u64 {
    rows.map(|row| row.timeout).max().unwrap_or_default()
}

const EXPLAINED: &str = "
*Right*: not green if the update fails, green if it heals. *False green*: succeeded although it fails. *False alarm*: failed or timed out although it heals. *Named*: rollguard's first finding has the code; the others' output contains the text with which the cluster itself shows the cause. *Median* and *worst*: seconds to a verdict other than green if the update fails; *early*: how many of these came before the timeout. *To cause*: seconds to the first line of any kind that names the right cause, over the updates of which it was named at all: by rollguard with its code, by the others with the text that the cluster shows.

";
