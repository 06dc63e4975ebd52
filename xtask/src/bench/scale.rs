//! `docs/scale.md`: what following many workloads takes.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use rollguard_measured::scale::{Happens, Measured, Row, Taken, exponent};

use super::page::{Setting, hundredths, median, tenths};
use crate::generate::table;

/// A tool of the comparison.
struct Tool {
    title: &'static str,
    of: fn(&Row) -> Option<&Taken>,
}

const TOOLS: [Tool; 3] = [
    Tool {
        title: "rollguard",
        of: |row| row.rollguard.first(),
    },
    Tool {
        title: "kubedog",
        of: |row| row.kubedog.as_ref(),
    },
    Tool {
        title: "kubectl",
        of: |row| row.kubectl.as_ref(),
    },
];

/// A column of the costs.
struct Cost {
    title: &'static str,
    of: fn(&Taken) -> f64,
    shown: fn(f64) -> String,
}

const COSTS: [Cost; 6] = [
    Cost {
        title: "CPU, s",
        of: |it| it.cpu_seconds,
        shown: hundredths,
    },
    Cost {
        title: "memory, MiB",
        of: |it| as_float(it.peak_kibibytes) / 1024.0,
        shown: tenths,
    },
    Cost {
        title: "requests",
        of: |it| as_float(it.load.requests),
        shown: whole,
    },
    Cost {
        title: "watches",
        of: |it| as_float(it.watches),
        shown: whole,
    },
    Cost {
        title: "MB",
        of: |it| as_float(it.load.bytes) / 1e6,
        shown: hundredths,
    },
    Cost {
        title: "lines",
        of: |it| as_float(u64::try_from(it.lines).unwrap_or(u64::MAX)),
        shown: whole,
    },
];

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_float(count: u64) -> f64 {
    count as f64
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

/// A page of nothing would be no comparison.
pub(super) fn ensure_complete(measured: &Measured) -> Result<()> {
    ensure!(
        !measured.rows.is_empty(),
        "nothing was measured, so no page is written"
    );
    for row in &measured.rows {
        ensure!(!row.rollguard.is_empty(), "{} was not followed", row.case);
    }
    Ok(())
}

/// The whole page.
pub(super) fn render(measured: &Measured, setting: &Setting) -> String {
    [
        head(measured, setting),
        "## Costs\n\n".to_owned(),
        costs(measured),
        EXPLAINED.to_owned(),
        "## Growth\n\n".to_owned(),
        GROWTH.to_owned(),
        growth(measured),
        "\n## From the decisive event to the verdict\n\n".to_owned(),
        EVENT.to_owned(),
        events(measured),
        "\n## What a step hands on\n\n".to_owned(),
        HANDED.to_owned(),
        handed(measured),
    ]
    .concat()
}

fn head(measured: &Measured, setting: &Setting) -> String {
    format!(
        "# Many workloads at once\n\n\
         <!-- Written by `cargo xtask bench-scale`. -->\n\n\
         All workloads of one release in one namespace, on a real control plane. kwok plays the pods on fake nodes: a container whose image cannot be pulled shows what a kubelet shows. `rollguard check -l` follows all by their label, `kubedog multitrack` follows all by their names, `kubectl rollout status` one after the other up to the first that fails. rollguard follows an update alone; kubedog and kubectl follow the next one, which is alike, at the same time. rollguard runs with `--stable-for 1s`; the others call a rollout good at once.\n\n\
         {}, rollguard {} ({}), Kubernetes {}, kubedog 0.13.0, kwok 0.8.0, {} cores, which run the control plane and the tools.\n\n",
        setting.date, setting.version, measured.build, measured.kubernetes, setting.cores
    )
}

fn says(row: &Row) -> String {
    let mut text = row.says.clone();
    match row.happens {
        Happens::Nothing => text.push_str(", settled"),
        Happens::Update if row.stuck == 0 => text.push_str(", update"),
        // Writing to a string cannot fail.
        Happens::Update => drop(write!(text, ", update, {} stuck", row.stuck)),
    }
    text
}

fn costs(measured: &Measured) -> String {
    let lines = measured.rows.iter().flat_map(|row| {
        TOOLS.iter().filter_map(move |tool| {
            let taken = (tool.of)(row)?;
            let start = [
                says(row),
                tool.title.to_owned(),
                taken.verdict.to_string(),
                tenths(taken.seconds),
            ];
            let costs = COSTS.iter().map(|cost| (cost.shown)((cost.of)(taken)));
            Some(start.into_iter().chain(costs).collect::<Vec<String>>())
        })
    });
    let mut columns = vec!["workloads", "tool", "verdict", "seconds"];
    columns.extend(COSTS.iter().map(|cost| cost.title));
    rows(&columns, lines)
}

fn rows(columns: &[&str], lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!(
        "| {} |\n|{}\n",
        columns.join(" | "),
        " --- |".repeat(columns.len())
    );
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} |", line.join(" | "));
    }
    text
}

const EXPLAINED: &str = "
*CPU*: user and system time of all processes of the tool. *Memory*: the most resident memory of one process. *MB*: bodies of the API server's responses. A tool that is still waiting ends at its timeout, `timedOut`. Several runs of rollguard: the first.

";

const GROWTH: &str = "The exponent of the number of workloads between two sizes, else alike: 1 is in proportion, 0 is constant, 2 is quadratic.\n\n";

fn growth(measured: &Measured) -> String {
    let lines = measured.rows.iter().flat_map(|larger| {
        // The next size below, of those that are alike.
        let alike = |row: &&Row| {
            row.family == larger.family
                && row.happens == larger.happens
                && (row.stuck == 0) == (larger.stuck == 0)
                && row.workloads < larger.workloads
        };
        let smaller = measured
            .rows
            .iter()
            .filter(alike)
            .max_by_key(|row| row.workloads);
        let tools = TOOLS.iter().filter_map(move |tool| {
            let smaller = smaller?;
            let taken = ((tool.of)(smaller)?, (tool.of)(larger)?);
            let what = match (larger.happens, larger.stuck) {
                (Happens::Nothing, _) => "settled",
                (Happens::Update, 0) => "update",
                (Happens::Update, _) => "update, some stuck",
            };
            let sizes = (count(smaller.workloads), count(larger.workloads));
            let start = [
                format!("{}, {what}", larger.family),
                format!("{} → {}", smaller.workloads, larger.workloads),
                tool.title.to_owned(),
            ];
            let exponents = COSTS.iter().map(|cost| {
                let grown = exponent(sizes, ((cost.of)(taken.0), (cost.of)(taken.1)));
                grown.map_or_else(|| "–".to_owned(), hundredths)
            });
            Some(start.into_iter().chain(exponents).collect::<Vec<String>>())
        });
        tools.collect::<Vec<_>>()
    });
    let mut columns = vec!["family", "workloads", "tool"];
    columns.extend(["CPU", "memory", "requests", "watches", "bytes", "lines"]);
    rows(&columns, lines)
}

fn count(number: usize) -> f64 {
    as_float(u64::try_from(number).unwrap_or(u64::MAX))
}

const EVENT: &str = "The decisive event is the status with which the last workload completes, as a watch of the bench receives it; the verdict is the end of the process, for rollguard less the second of `--stable-for`. kubedog and kubectl run at the same time as each other, rollguard alone.\n\n";

fn events(measured: &Measured) -> String {
    let lines = measured.rows.iter().filter_map(|row| {
        let after: Vec<f64> = row
            .rollguard
            .iter()
            .filter_map(|it| it.after_event)
            .collect();
        if row.happens == Happens::Nothing || after.is_empty() {
            return None;
        }
        let worst = after.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let of = |taken: &Option<Taken>| {
            let after = taken.as_ref().and_then(|it| it.after_event);
            after.map_or_else(|| "–".to_owned(), hundredths)
        };
        Some([
            says(row),
            after.len().to_string(),
            hundredths(median(&after)),
            hundredths(worst),
            of(&row.kubedog),
            of(&row.kubectl),
        ])
    });
    let columns = [
        "workloads",
        "runs of rollguard",
        "median, s",
        "worst, s",
        "kubedog, s",
        "kubectl, s",
    ];
    table(columns, lines)
}

const HANDED: &str =
    "Bytes of what the task `Rollguard@1` leaves when it looks at the same workloads.\n\n";

fn handed(measured: &Measured) -> String {
    let lines = measured.rows.iter().filter_map(|row| {
        let handed = row.handed?;
        Some([
            says(row),
            handed.page.to_string(),
            handed.variables.to_string(),
            handed.longest_variable.to_string(),
            handed.report.to_string(),
        ])
    });
    let columns = [
        "workloads",
        "page",
        "output variables",
        "the longest",
        "attachment",
    ];
    table(columns, lines)
}
