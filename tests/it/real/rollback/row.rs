//! The results of both tools for a case, for `cargo xtask bench-rollback`.

use std::fmt::Write as _;

use rollguard_measured::rollbacks::{Command, Measured, Row, Run as Measurement, Side};

use super::act::{Acted, is_right};
use super::case::{Case, Run};
use super::tool::Told;

/// One line for each run of each case.
pub(crate) fn lines(measured: &Measured) -> String {
    let mut lines = String::new();
    for row in &measured.rows {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}", row.case);
        for side in row.kubectl.iter().chain([&row.rollguard]) {
            for run in &side.runs {
                let told = run.told.iter().map(|it| (&it.name, it.code, &it.words));
                let told: Vec<_> = told.collect();
                let _ = writeln!(lines, "  {}: {told:?}: {}", run.right, run.left);
            }
        }
    }
    lines
}

/// The row of a case.
pub(crate) fn row(case: &'static Case, kubectl: Option<&Acted>, rollguard: &Acted) -> Row {
    Row {
        case: case.name.to_owned(),
        says: case.says.to_owned(),
        kind: format!("{:?}", case.kind),
        kubectl: kubectl.map(|acted| side(case, acted, false)),
        rollguard: side(case, rollguard, true),
    }
}

fn side(case: &Case, acted: &Acted, is_rollguard: bool) -> Side {
    let runs = acted.done.iter().zip(case.runs).map(|(done, run)| {
        let changes = done.left.generation - acted.before.generation;
        let told = done.told.iter();
        let told = told.flat_map(|told| summary(told, run.tells, &acted.namespace));
        Measurement {
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
fn summary(told: &Told, words: &[&str], namespace: &str) -> Vec<Command> {
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
            Command {
                name: (*name).to_owned(),
                code: ran.code,
                words: line(&text).replace(namespace, "shop"),
            }
        })
        .collect()
}
