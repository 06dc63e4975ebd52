//! The revisions of a workload for people: what ran when, and what is known to be good.

use jiff::Timestamp;

use super::words::{ago, time};
use super::{Line, Style};
use crate::history::{Entry, History};

const HEAD: [&str; 5] = ["revision", "age", "now", "verified", "images"];

/// A table of the revisions, the newest first, and the last rollback.
#[must_use]
pub fn history_lines(history: &History, now: Timestamp) -> Vec<Line> {
    let rows: Vec<[String; 5]> = history
        .entries()
        .map(|entry| row(history, &entry, now))
        .collect();
    if rows.is_empty() {
        return vec![Line::plain(format!(
            "{} has no revision",
            history.workload()
        ))];
    }
    let head = HEAD.map(str::to_owned);
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(&rows);
        let cells = cells.filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![Line::styled(Style::Dim, line(&head))];
    lines.extend(history.entries().zip(&rows).map(|(entry, row)| {
        let style = if entry.serving().is_some() {
            Style::Strong
        } else {
            Style::Plain
        };
        Line::styled(style, line(row))
    }));
    lines.extend(history.rollback_record().map(|it| {
        let from = it.from_revision;
        let text = format!(
            "rolled back from revision {from} at {} by {}",
            time(it.at),
            it.run
        );
        Line::styled(Style::Dim, text)
    }));
    lines
}

fn row(history: &History, entry: &Entry<'_>, now: Timestamp) -> [String; 5] {
    let age = entry.created().map(|at| ago(at, now)).unwrap_or_default();
    let available = match entry.available() {
        0 => None,
        pods => Some(format!("{pods} available")),
    };
    let current = history.current().is_some_and(|it| it.uid() == entry.uid());
    let current = current.then(|| "current".to_owned());
    let state: Vec<String> = current.into_iter().chain(available).collect();
    let verified = entry
        .mark()
        .map(|it| format!("{} by {}", time(it.verified_at), it.run));
    [
        entry.revision().to_string(),
        age,
        state.join(", "),
        verified.unwrap_or_else(|| "no".to_owned()),
        entry.images().join(", "),
    ]
}
