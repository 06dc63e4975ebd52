//! `docs/rollback-cases.md`: what a rollback leaves behind, by kubectl and by rollguard.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use rollguard_core::foreign_text::clipped;
use rollguard_measured::rollbacks::{Command, Measured, Row, Run, Side};

use super::page::Setting;

/// The most of a tool's own words that a cell shows, in characters.
const WORDS: usize = 160;

fn first_is_right(side: &Side) -> bool {
    side.runs.first().is_some_and(|run| run.right)
}

fn last_is_right(side: &Side) -> bool {
    side.runs.last().is_some_and(|run| run.right)
}

/// A page that leaves out what went wrong would be no comparison.
pub(super) fn ensure_complete(measured: &Measured) -> Result<()> {
    let compared = measured.rows.iter().filter(|row| row.kubectl.is_some());
    let compared = compared.count();
    ensure!(
        compared == measured.cases,
        "only {compared} of {} cases were carried out, so no page is written",
        measured.cases
    );
    Ok(())
}

/// The whole page.
pub(super) fn render(measured: &Measured, setting: &Setting) -> String {
    let mut page = head(measured, setting);
    page.push_str("## Counted\n\n");
    page.push_str(&counted(measured));
    page.push_str(EXPLAINED);
    page.push_str("## Case by case\n\n");
    page.push_str(
        "| case | `kubectl rollout undo` | `rollguard rollback` |\n| --- | --- | --- |\n",
    );
    for row in &measured.rows {
        let kubectl = row.kubectl.as_ref().map(cell).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| **{}** {}: {} | {kubectl} | {} |",
            row.case,
            row.kind,
            plain(&row.says),
            cell(&row.rollguard)
        );
    }
    page
}

fn head(measured: &Measured, setting: &Setting) -> String {
    format!(
        "# Rollbacks, compared with `kubectl rollout undo`\n\n\
         <!-- Written by `cargo xtask bench-rollback`. -->\n\n\
         Each case goes through a series of deployments up to a bad update, twice, in two namespaces of one real cluster. In \
         one `kubectl rollout undo` rolls back, followed by `kubectl rollout status --timeout=20s`; in the other `rollguard rollback`, which checks the result itself. If a case says *approved*, the rollback has the evidence of a check. The cases are those of `tests/it/real/rollback`, which run in every test run as well.\n\n\
         {}, rollguard {} (release build), Kubernetes {}, {} cores. One run.\n\n",
        setting.date, setting.version, measured.kubernetes, setting.cores
    )
}

fn counted(measured: &Measured) -> String {
    let all = measured.rows.len();
    let mut table =
        "| tool | right at first | right in the end |\n| --- | --- | --- |\n".to_owned();
    let kubectl: fn(&Row) -> Option<&Side> = |row| row.kubectl.as_ref();
    let rollguard: fn(&Row) -> Option<&Side> = |row| Some(&row.rollguard);
    for (tool, side) in [
        ("`kubectl rollout undo`", kubectl),
        ("`rollguard rollback`", rollguard),
    ] {
        let sides = || measured.rows.iter().filter_map(side);
        let first = sides().filter(|it| first_is_right(it)).count();
        let last = sides().filter(|it| last_is_right(it)).count();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {tool} | {first} of {all} | {last} of {all} |");
    }
    table
}

const EXPLAINED: &str = "
*Right*: the template holds the expected version (the present one, if a rollback would do harm or has no known target), as many of its pods as possible are ready and no others exist, and the workload was changed no more often than needed. *At first*: after the first run. *In the end*: after a rerun, as when a pipeline job failed or somebody starts it again; a flag before a run is the decision of a person. Cases that kubectl was not made for count too: it has no check with evidence, and does not know owners or schemas. ✔ and ✘ mean the same for each run below.

";

/// The runs of a side, one below the other; what is the same again is said once.
fn cell(side: &Side) -> String {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for run in &side.runs {
        let line = line(run);
        match lines.last_mut() {
            Some((last, count)) if *last == line => *count += 1,
            Some(_) | None => lines.push((line, 1)),
        }
    }
    let several = side.runs.len() > 1;
    let mut number = 1;
    let mut parts = Vec::new();
    for (line, count) in lines {
        let numbers = match count {
            1 => format!("{number}"),
            _ => format!("{number}–{}", number + count - 1),
        };
        number += count;
        parts.push(if several {
            format!("{numbers}. {line}")
        } else {
            line
        });
    }
    parts.join("<br>")
}

fn line(run: &Run) -> String {
    let told = run.told.iter().map(|Command { name, code, words }| {
        let code = if *code == -1 {
            "killed".to_owned()
        } else {
            code.to_string()
        };
        let name = if name == "rollback" { "" } else { name };
        let said = if words.is_empty() {
            String::new()
        } else {
            format!(": {}", plain(words))
        };
        format!("{name} *{code}*{said}").trim_start().to_owned()
    });
    let told: Vec<String> = told.collect();
    let flags = match run.flags.as_slice() {
        [] => String::new(),
        flags => format!("`{}` ", flags.join(" ")),
    };
    let sign = if run.right { '✔' } else { '✘' };
    format!("{flags}{} → {sign} {}", told.join("; "), plain(&run.left))
}

/// Text that stays within its cell.
fn plain(text: &str) -> String {
    let safe = clipped(text, WORDS)
        .replace('\\', "\\\\")
        .replace('|', "\\|");
    safe.replace('<', "&lt;").replace('*', "\\*")
}
