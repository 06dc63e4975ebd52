//! How much of a report on many workloads is shown where people read: the rest is counted, and stands in the
//! document.

use std::collections::BTreeMap;

use super::{Report, WorkloadReport};
use crate::verdict::VerdictKind;

/// How many workloads, suspects or lines are shown of each table. A page with more is not read, and Azure Pipelines
/// shows no page of megabytes.
pub(super) const SHOWN: usize = 50;
/// How many workloads are named in one line.
const NAMED: usize = 5;

/// Returns the workloads that are shown, and a sentence about the others: all if they are few, in their order; else
/// those first that went wrong.
pub(super) fn shown(report: &Report) -> (Vec<&WorkloadReport>, Option<String>) {
    let mut all: Vec<&WorkloadReport> = report.workloads.iter().collect();
    if all.len() <= SHOWN {
        return (all, None);
    }
    all.sort_by_key(|it| it.verdict);
    let rest = all.split_off(SHOWN);
    let mut counts: BTreeMap<VerdictKind, usize> = BTreeMap::new();
    for it in &rest {
        *counts.entry(it.verdict).or_default() += 1;
    }
    let counts = counts
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"));
    let counts: Vec<String> = counts.collect();
    let text = format!("… and {} more workloads: {}", rest.len(), counts.join(", "));
    (all, Some(text))
}

/// Names the first of some workloads, and counts the others.
pub(super) fn named(workloads: &[String]) -> String {
    match workloads.get(..NAMED) {
        Some(first) if workloads.len() > NAMED + 1 => {
            format!("{} and {} more", first.join(", "), workloads.len() - NAMED)
        }
        Some(_) | None => workloads.join(", "),
    }
}
