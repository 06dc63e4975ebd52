//! The tables of the page: how the workloads stood, what was suspected, what happened.

use super::{cell, code, prose};
use crate::duration::{Human, elapsed};
use crate::report::many::{SHOWN, shown};
use crate::report::words::time;
use crate::report::{Report, WorkloadReport};
use crate::session::followed;

/// How many lines of a timeline are shown at once.
const TIMELINE: usize = 12;
/// How many lines of one are shown at all.
const MOST_LINES: usize = 200;

/// One column of the workloads' table.
struct Column {
    name: &'static str,
    is_number: bool,
    text: fn(&WorkloadReport, &Report) -> String,
}

const fn words(name: &'static str, text: fn(&WorkloadReport, &Report) -> String) -> Column {
    Column {
        name,
        is_number: false,
        text,
    }
}

const fn number(name: &'static str, text: fn(&WorkloadReport, &Report) -> String) -> Column {
    Column {
        name,
        is_number: true,
        text,
    }
}

/// Without the namespace, which the first block names.
const COLUMNS: [Column; 8] = [
    words("workload", |it, _| it.workload.to_string()),
    words("verdict", |it, report| match report.workloads.as_slice() {
        // The heading says it.
        [_] => String::new(),
        _ => it.verdict.to_string(),
    }),
    number("revision", |it, _| {
        if !it.workload.kind.has_revisions() {
            return String::new();
        }
        it.revision
            .map_or_else(|| "unknown".to_owned(), |it| it.to_string())
    }),
    number("desired", |it, _| it.desired.to_string()),
    number("updated", |it, _| it.updated.to_string()),
    number("ready", |it, _| it.ready.to_string()),
    number("available", |it, _| it.available.to_string()),
    words("waiting for", |it, report| {
        let since = it.pending_since.map(|at| Human(elapsed(at, report.ended)));
        match (&it.pending, since) {
            (Some(pending), Some(since)) => cell(&format!("{pending}, for {since}")),
            _ => String::new(),
        }
    }),
];

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// The table of the workloads, without columns that would be empty.
pub(super) fn workloads(report: &Report) -> String {
    let (all, others) = shown(report);
    let filled = |it: &&Column| all.iter().any(|of| !(it.text)(of, report).is_empty());
    let columns: Vec<&Column> = COLUMNS.iter().filter(filled).collect();
    let names: Vec<String> = columns.iter().map(|it| it.name.to_owned()).collect();
    let rules: Vec<String> = columns
        .iter()
        .map(|it| if it.is_number { "---:" } else { "---" }.to_owned())
        .collect();
    let mut rows = vec![row(&names), row(&rules)];
    rows.extend(all.iter().map(|it| {
        let cells: Vec<String> = columns.iter().map(|of| (of.text)(it, report)).collect();
        row(&cells)
    }));
    rows.extend(others.map(|it| format!("\n{it}")));
    let http = all.iter().flat_map(|it| &it.http);
    rows.extend(http.map(|http| format!("\n{}", http.told(&code(&http.check)))));
    rows.extend(all.iter().filter_map(|it| {
        let serving = prose(&it.serving.as_ref()?.to_string());
        Some(match all.as_slice() {
            [_] => format!("\n{serving}"),
            _ => format!("\n{}: {serving}", it.workload),
        })
    }));
    rows.extend(all.iter().flat_map(|it| {
        let of = match all.as_slice() {
            [_] => String::new(),
            _ => format!("{}: ", it.workload),
        };
        let lines = it.new_lines.iter();
        lines.map(move |line| format!("\n{of}{}", prose(&line.to_string())))
    }));
    rows.extend(all.iter().flat_map(|it| {
        it.followed.iter().map(|change| {
            let at = Human(elapsed(report.started, change.at));
            let text = prose(&followed(&change.changed));
            format!("\n{}, +{at}: {text}", it.workload)
        })
    }));
    rows.push(String::new());
    rows.join("\n")
}

/// When each cause was first seen, what could heal it, and until when it decides.
pub(super) fn suspects(report: &Report) -> Option<String> {
    if report.suspects.is_empty() {
        return None;
    }
    let since = |at| format!("+{}", Human(elapsed(report.started, at)));
    let rows = report.suspects.iter().map(|it| {
        let end = match (it.gone_at, it.decides_at) {
            (Some(at), _) => format!("gone at {}", since(at)),
            (None, Some(at)) => since(at),
            (None, None) => "never".to_owned(),
        };
        let (message, heals) = (cell(&it.message), cell(&it.heals));
        let first = since(it.first_seen);
        row(&[first, it.code.to_string(), message, heals, end])
    });
    let head = "| first seen | cause | what was seen | what could heal it | decides by |\n| ---: | --- | --- | --- | ---: |";
    let rows: Vec<String> = rows.take(SHOWN).collect();
    let more = report.suspects.len() - rows.len();
    let more = if more == 0 {
        String::new()
    } else {
        format!("\n… and {more} more\n")
    };
    Some(format!(
        "### Suspects\n\n{head}\n{}\n{more}",
        rows.join("\n")
    ))
}

/// The timeline with the time since the start; folded where it is long.
pub(super) fn timeline(report: &Report) -> String {
    let rows = report.timeline.iter().map(|entry| {
        let since = Human(elapsed(report.started, entry.at));
        format!("| +{since} | {} |", cell(&entry.text))
    });
    let mut rows: Vec<String> = rows.collect();
    let many = rows.len();
    if many > MOST_LINES {
        // The beginning says what came first, the end what decided.
        let left_out = many - MOST_LINES;
        let half = MOST_LINES / 2;
        let between = format!("| … | {left_out} lines more |");
        rows.splice(half..half + left_out, [between]);
    }
    let began = time(report.started);
    let table = format!(
        "| after | what happened |\n| ---: | --- |\n{}",
        rows.join("\n")
    );
    if many <= TIMELINE {
        return format!("### Timeline, from {began}\n\n{table}\n");
    }
    format!(
        "<details><summary>Timeline, from {began}: {many} lines</summary>\n\n{table}\n\n</details>\n"
    )
}
