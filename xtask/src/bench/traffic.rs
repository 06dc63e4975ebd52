//! `docs/traffic.md`: whether users are served after a rollout, fault by fault.

#[cfg(test)]
mod tests;

use anyhow::{Result, ensure};
use rollguard_core::verdict::VerdictKind;
use rollguard_measured::traffic::{Measured, Row};
use rollguard_measured::verdicts::Judgement;

use super::page::{Setting, hundredths, median, medians, tenths};
use crate::generate::{table, traffic_doc};

/// A tool of the comparison.
struct Tool {
    title: &'static str,
    of: fn(&Row) -> &Judgement,
    /// Whether it is rollguard, whose findings have codes.
    is_ours: bool,
}

const TOOLS: [Tool; 5] = [
    Tool {
        title: "`rollguard check`",
        of: |row| &row.rollguard,
        is_ours: true,
    },
    Tool {
        title: "the same with `--no-traffic`",
        of: |row| &row.without,
        is_ours: true,
    },
    Tool {
        title: "`kubectl rollout status`",
        of: |row| &row.kubectl,
        is_ours: false,
    },
    Tool {
        title: "`helm upgrade --wait=watcher`",
        of: |row| &row.helm,
        is_ours: false,
    },
    Tool {
        title: "`kubedog multitrack`",
        of: |row| &row.kubedog,
        is_ours: false,
    },
];

/// A page that leaves out what went wrong would be no comparison.
pub(super) fn ensure_complete(measured: &Measured) -> Result<()> {
    let (rows, all) = (measured.rows.len(), measured.cases);
    ensure!(
        rows == all && !measured.stable.rollguard.is_empty(),
        "only {rows} of {all} cases were measured, so no page is written"
    );
    Ok(())
}

/// The whole page.
pub(super) fn render(measured: &Measured, setting: &Setting) -> String {
    let faults = |row: &&Row| row.is_fault;
    let misses = |row: &&Row| !row.is_fault;
    let rows = || measured.rows.iter();
    [
        head(measured, setting),
        "## Counted\n\n".to_owned(),
        counted(measured),
        EXPLAINED.to_owned(),
        format!("## {} faults\n\n", rows().filter(faults).count()),
        cases(rows().filter(faults)),
        format!("\n## {} near misses\n\n", rows().filter(misses).count()),
        MISSES.to_owned(),
        cases(rows().filter(misses)),
        "\n## Requests\n\n".to_owned(),
        loads(measured),
        "\n## A rollout that has long been stable\n\n".to_owned(),
        stable(measured),
        traffic_doc::section(),
    ]
    .concat()
}

fn head(measured: &Measured, setting: &Setting) -> String {
    format!(
        "# After green: are users served?\n\n\
         <!-- Written by `cargo xtask bench-traffic`, the last part by `cargo xtask generate`. -->\n\n\
         Each of these updates is rolled out, and all pods are ready; they differ in whether users still reach them. `rollguard check`, `kubectl rollout status` and `kubedog multitrack` follow the same update at the same time; Helm upgrades a chart of the same objects in a namespace of its own, with `--wait=watcher --rollback-on-failure`. Every tool has 120 s. The cases are those of `tests/it/real/traffic/cases.rs`, on a real cluster with real nodes. Seconds count from the update to the end of the tool.\n\n\
         {}, rollguard {} ({}), Kubernetes {}, Helm 4.3.2, kubedog 0.13.0, {} cores, several cases at a time. One run.\n\n",
        setting.date, setting.version, measured.build, measured.kubernetes, setting.cores
    )
}

fn is_green(judgement: &Judgement) -> bool {
    judgement.verdict == VerdictKind::Succeeded
}

fn counted(measured: &Measured) -> String {
    let faults: Vec<&Row> = measured.rows.iter().filter(|it| it.is_fault).collect();
    let misses: Vec<&Row> = measured.rows.iter().filter(|it| !it.is_fault).collect();
    let lines = TOOLS.map(|tool| {
        let count = |rows: &[&Row], holds: fn(&Judgement) -> bool| {
            let held = rows.iter().filter(|row| holds((tool.of)(row))).count();
            format!("{held} of {}", rows.len())
        };
        let silent = |it: &Judgement| is_green(it) && !it.named;
        let seconds: Vec<f64> = misses.iter().map(|row| (tool.of)(row).seconds).collect();
        [
            tool.title.to_owned(),
            count(&faults, |it| !is_green(it)),
            count(&faults, |it| is_green(it) && it.named),
            count(&faults, silent),
            count(&misses, |it| !is_green(it)),
            tenths(median(&seconds)),
        ]
    });
    let columns = [
        "tool",
        "faults that fail",
        "green with a note that names the fault",
        "green and silent",
        "false alarms",
        "near misses, median, s",
    ];
    table(columns, lines)
}

const EXPLAINED: &str = "
*Named*: rollguard's report has the code; the output of the others names the kind of object. Only the loss of every way in fails a check of rollguard ([why](decisions/0012-traffic-after-green.md)); every other fault is a note. rollguard calls a rollout good once it has been complete for 10 s; the others call it good at once.

";

const MISSES: &str = "Users are served as before, or as intended. A code here is a note that does not change the verdict.\n\n";

fn cases<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let lines = rows.map(|row| {
        let cell = |tool: &Tool| {
            let judgement = (tool.of)(row);
            let text = format!("{} {}", judgement.verdict, tenths(judgement.seconds));
            match &row.code {
                Some(code) if tool.is_ours && (judgement.named || !row.is_fault) => {
                    let note = if is_green(judgement) { ", note" } else { "," };
                    format!("{text}{note} `{code}`")
                }
                _ if judgement.named => format!("{text}, named"),
                _ => text,
            }
        };
        let [ours, _, kubectl, helm, kubedog] = &TOOLS;
        [
            row.says.clone(),
            cell(ours),
            cell(kubectl),
            cell(helm),
            cell(kubedog),
        ]
    });
    let columns = [
        "update",
        "rollguard, s",
        "kubectl, s",
        "Helm, s",
        "kubedog, s",
    ];
    table(columns, lines)
}

fn loads(measured: &Measured) -> String {
    let of = |tool: &Tool, faults: bool| {
        let rows = measured.rows.iter().filter(|it| it.is_fault == faults);
        medians(rows.filter_map(|row| (tool.of)(row).load))
    };
    let lines = TOOLS.map(|tool| {
        let [requests, bytes] = of(&tool, true);
        let [calm_requests, calm_bytes] = of(&tool, false);
        [
            tool.title.to_owned(),
            requests,
            bytes,
            calm_requests,
            calm_bytes,
        ]
    });
    let columns = [
        "tool",
        "requests, faults",
        "kB, faults",
        "requests, near misses",
        "kB, near misses",
    ];
    let more = "Medians: HTTP requests to the API server, each watch counted as one, and bytes of the response bodies. Helm's include the requests that apply the objects.\n\n";
    format!("{more}{}", table(columns, lines))
}

fn stable(measured: &Measured) -> String {
    let runs = &measured.stable;
    let sides = [
        (TOOLS[0].title, &runs.rollguard),
        (TOOLS[1].title, &runs.without),
        (TOOLS[2].title, &runs.kubectl),
    ];
    let lines = sides.map(|(title, runs)| {
        let seconds: Vec<f64> = runs.iter().map(|it| it.seconds).collect();
        let fastest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let [requests, bytes] = medians(runs.iter().filter_map(|it| it.load));
        [
            title.to_owned(),
            hundredths(fastest),
            hundredths(median(&seconds)),
            requests,
            bytes,
        ]
    });
    let count = runs.rollguard.len();
    format!(
        "A Deployment with a Service before it. {count} runs each, in turns: the whole command, including its start.\n\n{}",
        table(["tool", "fastest, s", "median, s", "requests", "kB"], lines)
    )
}
