//! `docs/field-cases.md`: rollouts after public reports, verdict by verdict.

#[cfg(test)]
mod tests;

use anyhow::{Result, ensure};
use rollguard_core::foreign_text::clipped;
use rollguard_measured::fields::{Measured, Row};

use super::page::{Setting, median, tenths};
use crate::generate::table;

/// The most of a sentence that a cell shows, in characters.
const SENTENCE: usize = 260;

/// A page that leaves out what went wrong would be no comparison.
pub(super) fn ensure_complete(measured: &Measured) -> Result<()> {
    let compared = measured.rows.iter().filter(|row| row.kubectl.is_some());
    let compared = compared.count();
    ensure!(
        compared == measured.cases,
        "only {compared} of {} cases were measured, so no page is written",
        measured.cases
    );
    Ok(())
}

/// The whole page.
pub(super) fn render(measured: &Measured, setting: &Setting) -> String {
    [
        head(measured, setting),
        "## Counted\n\n".to_owned(),
        counted(measured),
        EXPLAINED.to_owned(),
        "## Case by case\n\n".to_owned(),
        cases(measured),
        "\n## The right answers\n\n".to_owned(),
        answers(measured),
    ]
    .concat()
}

fn head(measured: &Measured, setting: &Setting) -> String {
    format!(
        "# Rollouts from the field\n\n\
         <!-- Written by `cargo xtask bench-field`. -->\n\n\
         Small rollouts after public reports (`tests/field`), on a real cluster with real nodes. `rollguard check` and `kubectl rollout status` follow the same update at the same time, with the same timeout. Seconds count from the update.\n\n\
         {}, rollguard {} ({}), Kubernetes {}, {} cores, several cases at a time. One run.\n\n",
        setting.date, setting.version, measured.build, measured.kubernetes, setting.cores
    )
}

/// Returns whether the verdict is of the right class, and the cause is in the first sentence.
fn is_right(row: &Row) -> bool {
    row.right && row.named != Some(false)
}

fn counted(measured: &Measured) -> String {
    let rows = &measured.rows;
    let count = |holds: fn(&Row) -> bool| rows.iter().filter(|it| holds(it)).count();
    let (all, failing) = (rows.len(), count(|it| it.fails));
    let causes: Vec<f64> = rows.iter().filter_map(|it| it.cause_after).collect();
    let failures = rows.iter().filter(|it| it.fails);
    let verdicts: Vec<f64> = failures.clone().map(|it| it.verdict_after).collect();
    let status = |holds: fn(&Row) -> Option<bool>| {
        let held = rows.iter().filter(|it| holds(it) == Some(true)).count();
        held.to_string()
    };
    let ends: Vec<f64> = failures
        .filter_map(|it| Some(it.kubectl.as_ref()?.after))
        .collect();
    let worst = |it: &[f64]| tenths(it.iter().copied().fold(0.0, f64::max));
    let lines = [
        [
            "rollguard check".to_owned(),
            format!("{} of {all}", count(is_right)),
            format!("{} of {all}", count(|it| it.right)),
            format!(
                "{} of {}",
                count(|it| !it.fails && !it.right),
                all - failing
            ),
            format!("{} of {failing}", count(|it| it.named == Some(true))),
            tenths(median(&causes)),
            worst(&causes),
            tenths(median(&verdicts)),
        ],
        [
            "kubectl rollout status".to_owned(),
            String::new(),
            format!(
                "{} of {all}",
                status(|it| Some(it.kubectl.as_ref()?.succeeded() != it.fails))
            ),
            format!(
                "{} of {}",
                status(|it| Some(!it.fails && !it.kubectl.as_ref()?.succeeded())),
                all - failing
            ),
            format!(
                "{} of {failing}",
                status(|it| Some(it.kubectl.as_ref()?.named))
            ),
            String::new(),
            String::new(),
            tenths(median(&ends)),
        ],
    ];
    let columns = [
        "tool",
        "all right",
        "verdict right",
        "false alarms",
        "cause in the sentence",
        "cause, median, s",
        "cause, worst, s",
        "verdict, median, s",
    ];
    table(columns, lines)
}

const EXPLAINED: &str = "
*Verdict right*: `failed` or `timedOut` if the rollout does not complete within its timeout, `succeeded` if it heals. *False alarm*: another verdict than `succeeded` although it heals. *Cause in the sentence*: the first sentence of the report (kubectl: anything in its output) has the words that name the cause. *Cause, s*: the first line of the output that has them. *Verdict, s*: of the rollouts that fail. *All right*: verdict and cause.

";

fn cases(measured: &Measured) -> String {
    let lines = measured.rows.iter().map(|row| {
        let sign = if is_right(row) { "✔" } else { "✘" };
        let kubectl = row.kubectl.as_ref();
        [
            row.case.clone(),
            format!("{sign} {}", row.verdict),
            row.cause_after.map(tenths).unwrap_or_default(),
            tenths(row.verdict_after),
            kubectl.map_or_else(String::new, |it| {
                format!("{} {}", it.verdict, tenths(it.after))
            }),
            plain(&row.sentence),
        ]
    });
    let columns = [
        "case",
        "verdict",
        "cause, s",
        "verdict, s",
        "kubectl, s",
        "first sentence",
    ];
    table(columns, lines)
}

fn answers(measured: &Measured) -> String {
    let lines = measured
        .rows
        .iter()
        .map(|row| [row.case.clone(), plain(&row.answer), plain(&row.source)]);
    table(["case", "right answer", "reported in"], lines)
}

/// Text that stays within its cell.
fn plain(text: &str) -> String {
    // The table itself escapes the bars.
    let safe = clipped(text, SENTENCE).replace('<', "&lt;");
    safe.replace('*', "\\*")
}
