//! The tables of the page.

use rollguard_core::verdict::VerdictKind;
use rollguard_measured::verdicts::{Judgement, Load, Measured, Row};

use super::goals::{Causes, cause};
use super::measured::{Tool, failing, fails, healing, is_false_alarm, is_false_green, is_right};
use crate::generate::table;

/// The counts for each tool.
pub(super) fn verdicts(measured: &Measured) -> String {
    let (failures, heals) = (failing(measured).count(), healing(measured).count());
    let rows = Tool::ALL.map(|tool| {
        let both = || failing(measured).chain(healing(measured));
        let count = |holds: fn(&Row, &Judgement) -> bool| {
            let judged = both().filter_map(|row| Some((row, tool.of(row)?)));
            judged.filter(|(row, it)| holds(row, it)).count()
        };
        let alarms: Vec<&Judgement> = failing(measured)
            .filter_map(|row| tool.of(row))
            .filter(|it| it.verdict != VerdictKind::Succeeded)
            .collect();
        let seconds: Vec<f64> = alarms.iter().map(|it| it.seconds).collect();
        let [cause_median, cause_worst] = Causes::of(tool, failing(measured)).cells();
        let early = alarms.iter();
        let early = early.filter(|it| it.verdict == VerdictKind::Failed).count();
        [
            tool.title().to_owned(),
            format!("{} of {}", count(is_right), failures + heals),
            format!("{} of {failures}", count(|row, it| fails(row) && it.named)),
            format!("{} of {failures}", count(is_false_green)),
            format!("{} of {heals}", count(is_false_alarm)),
            format!("{early} of {failures}"),
            tenths(median(&seconds)),
            tenths(seconds.iter().copied().fold(0.0, f64::max)),
            cause_median,
            cause_worst,
        ]
    });
    let columns = [
        "tool",
        "right",
        "causes named",
        "false greens",
        "false alarms",
        "early",
        "median, s",
        "worst, s",
        "to cause: median, s",
        "to cause: worst, s",
    ];
    table(columns, rows)
}

const COLUMNS: [&str; 8] = [
    "scenario",
    "kind",
    "cause",
    "verdicts: rollguard, kubectl, kubedog",
    "rollguard, s to cause",
    "rollguard, s",
    "kubectl, s",
    "kubedog, s",
];

/// The rows with their times, and the medians.
pub(super) fn times<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let rows: Vec<&Row> = rows.collect();
    let cell = |tool: Tool, row: &Row| {
        tool.of(row)
            .map_or_else(String::new, |it| tenths(it.seconds))
    };
    let line = |row: &Row| {
        let named = match &row.expected {
            Some(code) if row.rollguard.named => format!("`{code}`"),
            Some(code) => format!("`{code}`, not named"),
            None => String::new(),
        };
        let words = Tool::ALL.map(|tool| tool.of(row).map_or("–", |it| it.verdict.as_str()));
        [
            row.scenario.clone(),
            row.kind.clone(),
            named,
            words.join(", "),
            if fails(row) {
                cause(row)
            } else {
                String::new()
            },
            cell(Tool::Rollguard, row),
            cell(Tool::Kubectl, row),
            cell(Tool::Kubedog, row),
        ]
    };
    let middle = |tool: Tool| {
        let followed = rows.iter().filter_map(|row| tool.of(row));
        let seconds: Vec<f64> = followed.map(|it| it.seconds).collect();
        format!("**{}**", tenths(median(&seconds)))
    };
    let nothing = String::new;
    let causes = rows.iter().filter(|row| fails(row));
    let causes: Vec<f64> = causes
        .filter_map(|row| row.rollguard.cause_seconds)
        .collect();
    let to_cause = if causes.is_empty() {
        nothing()
    } else {
        format!("**{}**", tenths(median(&causes)))
    };
    let last = [
        "**median**".to_owned(),
        nothing(),
        nothing(),
        nothing(),
        to_cause,
        middle(Tool::Rollguard),
        middle(Tool::Kubectl),
        middle(Tool::Kubedog),
    ];
    table(COLUMNS, rows.iter().map(|row| line(row)).chain([last]))
}

/// Returns what a stable rollout takes.
pub(super) fn stable(measured: &Measured) -> String {
    let rows = Tool::ALL.map(|tool| {
        let runs = tool.stable(&measured.stable);
        if runs.is_empty() {
            // Left out of a part.
            return [tool.title(), "–", "–", "–", "–"].map(str::to_owned);
        }
        let seconds: Vec<f64> = runs.iter().map(|it| it.seconds).collect();
        let fastest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let [requests, bytes] = medians(runs.iter().filter_map(|it| it.load));
        [
            tool.title().to_owned(),
            hundredths(fastest),
            hundredths(median(&seconds)),
            requests,
            bytes,
        ]
    });
    let columns = ["tool", "fastest, s", "median, s", "requests", "kB"];
    table(columns, rows)
}

/// Returns what each tool asked of the API server.
pub(super) fn loads(measured: &Measured) -> String {
    let of = |tool: Tool, rows: &mut dyn Iterator<Item = &Row>| {
        let loads: Vec<Load> = rows.filter_map(|row| tool.of(row)?.load).collect();
        medians(loads.into_iter())
    };
    let rows = Tool::ALL.map(|tool| {
        let [failures, failures_bytes] = of(tool, &mut failing(measured));
        let [heals, heals_bytes] = of(tool, &mut healing(measured));
        [
            tool.title().to_owned(),
            failures,
            failures_bytes,
            heals,
            heals_bytes,
        ]
    });
    let columns = [
        "tool",
        "requests, failing",
        "kB, failing",
        "requests, healing",
        "kB, healing",
    ];
    table(columns, rows)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests and of bytes, shown rounded"
)]
pub(in crate::bench) fn medians(loads: impl Iterator<Item = Load>) -> [String; 2] {
    let (requests, bytes): (Vec<f64>, Vec<f64>) = loads
        .map(|it| (it.requests as f64, it.bytes as f64 / 1000.0))
        .unzip();
    [
        format!("{:.0}", median(&requests)),
        format!("{:.0}", median(&bytes)),
    ]
}

pub(in crate::bench) fn tenths(seconds: f64) -> String {
    format!("{seconds:.1}")
}

pub(in crate::bench) fn hundredths(seconds: f64) -> String {
    format!("{seconds:.2}")
}

/// The middle one, or the mean of the two in the middle.
pub(in crate::bench) fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let upper = times.get(times.len() / 2).copied().unwrap_or_default();
    let lower = times.get(times.len().saturating_sub(1) / 2).copied();
    f64::midpoint(lower.unwrap_or_default(), upper)
}
