//! What both tools made of a case, for `cargo xtask bench-rollback`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::act::{Acted, is_right};
use super::case::{Case, Run};
use super::tool::Told;

/// One case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    says: &'static str,
    kind: String,
    kubectl: Option<Side>,
    rollguard: Side,
}

/// What a tool made of it, run by run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Side {
    runs: Vec<RunRow>,
}

#[derive(Debug, Clone, Serialize)]
struct RunRow {
    /// What it was told besides: a person's decision.
    flags: Vec<String>,
    /// Each command: its name, its exit code, and its last word.
    told: Vec<(&'static str, i32, String)>,
    /// What was left behind then.
    left: String,
    /// Whether that is as it should be, with no change too many.
    right: bool,
}

/// All cases.
#[derive(Debug, Serialize)]
pub(crate) struct Measured<'a> {
    pub(crate) kubernetes: String,
    /// How many there are; a page of fewer would be no comparison.
    pub(crate) cases: usize,
    pub(crate) rows: &'a [Row],
}

impl Measured<'_> {
    /// One line for each case.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        for row in self.rows {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{}", row.case);
            let sides = row.kubectl.iter().chain([&row.rollguard]);
            for side in sides {
                for run in &side.runs {
                    let _ = writeln!(lines, "  {}: {:?}: {}", run.right, run.told, run.left);
                }
            }
        }
        lines
    }

    /// Writes it for the page.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(file, text).with_context(|| format!("failed to write `{}`", file.display()))
    }
}

impl Row {
    pub(crate) fn new(case: &'static Case, kubectl: Option<&Acted>, rollguard: &Acted) -> Self {
        Self {
            case: case.name,
            says: case.says,
            kind: format!("{:?}", case.kind),
            kubectl: kubectl.map(|acted| side(case, acted, false)),
            rollguard: side(case, rollguard, true),
        }
    }
}

fn side(case: &Case, acted: &Acted, is_rollguard: bool) -> Side {
    let runs = acted.done.iter().zip(case.runs).map(|(done, run)| {
        let changes = done.left.generation - acted.before.generation;
        let told = done.told.iter();
        let told = told.flat_map(|told| summary(told, run.tells, &acted.namespace));
        RunRow {
            flags: flags(run, is_rollguard),
            told: told.collect(),
            left: done.left.says(),
            right: is_right(run, &done.left) && changes == run.changes,
        }
    });
    Side {
        runs: runs.collect(),
    }
}

/// kubectl knows no flag but one.
fn flags(run: &Run, is_rollguard: bool) -> Vec<String> {
    let own = run.flags.iter().filter(|_| is_rollguard);
    let named = run.to_revision.map(|it| format!("--to-revision {it}"));
    own.map(|it| (*it).to_owned()).chain(named).collect()
}

/// The line that says why nothing was done, else the one with the word that is waited for, else the
/// last one.
fn summary(told: &Told, words: &[&str], namespace: &str) -> Vec<(&'static str, i32, String)> {
    let line = |text: &str| {
        let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
        let telling = |line: &&str| words.iter().any(|word| line.contains(word));
        let mut refused = lines.clone().filter(|it| it.starts_with("no rollback of"));
        let found = refused.next().or_else(|| lines.clone().find(telling));
        let last = lines.rfind(|it| !it.starts_with("hint: "));
        found.or(last).unwrap_or_default().to_owned()
    };
    told.0
        .iter()
        .map(|(name, ran)| {
            let text = format!("{}\n{}", ran.stdout, ran.stderr);
            (*name, ran.code, line(&text).replace(namespace, "shop"))
        })
        .collect()
}
