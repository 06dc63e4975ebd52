//! Chooses the line of a log that says why a container ended.
//!
//! That is rarely the last one: frames of a stack, a usage text, a farewell follow it. The first
//! error-like line of the last burst is taken: what comes before a burst was survived, and what
//! comes after its first line follows from it. In a chain of causes the last one is the root.

use kind::{Kind, Strength, kind};
use record::{Level, Record};

use crate::foreign_text::{visible, without_secrets};

mod kind;
mod record;
#[cfg(test)]
mod tests;

/// How much of a line is shown, in characters.
const LENGTH: usize = 200;

/// The line of a log that says most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DecidingLine {
    /// The line without time, level and other prefixes, cut, and without values of secrets.
    pub(super) text: String,
    /// Whether it reads like an error. If not, it is only the last line that is no farewell.
    pub(super) is_error: bool,
}

/// A line with its place in the log.
struct Entry {
    record: Record,
    kind: Kind,
}

/// Returns every line of a log that reads like an error, shown like the one that says most.
pub(super) fn error_lines(log: &str) -> impl Iterator<Item = String> {
    let entries = entries(log).into_iter();
    let errors = entries.filter(|it| matches!(it.kind, Kind::Error(_)));
    errors.map(|it| shown(&it.record.text))
}

/// Returns the line of a log that says most; `None` for a log without one.
pub(super) fn deciding_line(log: &str) -> Option<DecidingLine> {
    let entries = entries(log);
    let line = |text: &str, is_error| DecidingLine {
        text: shown(text),
        is_error,
    };
    if let Some(text) = first_error(&entries) {
        return Some(line(&text, true));
    }
    let plain = entries.iter().rev().find(|it| it.kind == Kind::Other);
    plain.map(|it| line(&it.record.text, false))
}

/// Reads the lines in order: some are understood only by those before them.
fn entries(log: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut in_traceback = false;
    let mut in_usage = false;
    for line in log.lines() {
        let record = Record::of(line);
        let mut found = kind(&record);
        if record.text.starts_with("Traceback (most recent call last)") {
            in_traceback = true;
        } else if in_traceback && !record.indented && found != Kind::Noise {
            // The exception ends the traceback, whatever its class is called.
            in_traceback = false;
            found = Kind::Error(Strength::Root);
        }
        in_usage = found == Kind::Help || (in_usage && record.indented);
        if in_usage {
            found = Kind::Help;
        }
        if continues(entries.last(), &record) {
            let begun = entries.pop();
            let before = begun.map(|it| (it.record.text, it.record.level, it.kind));
            let (text, level, begun) = before.unwrap_or((String::new(), Level::Unknown, found));
            let text = format!("{text} {}", record.text.trim());
            entries.push(Entry {
                record: Record {
                    text,
                    level,
                    indented: false,
                },
                kind: begun,
            });
            continue;
        }
        entries.push(Entry {
            record,
            kind: found,
        });
    }
    entries
}

/// Returns whether a line holds the message that the line before it announced: a panic of Rust
/// (`panicked at src/main.rs:3:5:`), the console logger of .NET (`fail: Category[0]`).
fn continues(before: Option<&Entry>, record: &Record) -> bool {
    let Some(Entry { record: head, kind }) = before else {
        return false;
    };
    let announced = head.text.contains("panicked at ") && head.text.ends_with(':');
    let category = head.level >= Level::Error
        && head.text.ends_with(']')
        && !head.text.contains(' ')
        && record.indented;
    matches!(kind, Kind::Error(_)) && (announced || category) && !record.text.trim().is_empty()
}

/// Returns the error of the last burst that says most.
fn first_error(entries: &[Entry]) -> Option<String> {
    let is_error = |it: &Entry| matches!(it.kind, Kind::Error(_));
    let last = entries.iter().rposition(is_error)?;
    let before = entries.get(..=last)?;
    let start = before
        .iter()
        .rposition(|it| it.kind == Kind::Other)
        .map_or(0, |at| at + 1);
    let burst: Vec<(usize, &Entry)> = (start..).zip(before.get(start..)?).collect();
    let of = |wanted: &dyn Fn(Strength) -> bool| {
        let mut all = burst.iter();
        all.find(|(_, it)| matches!(it.kind, Kind::Error(strength) if wanted(strength)))
    };
    let (_, first) = of(&|it| it >= Strength::Error)
        .or_else(|| of(&|it| it == Strength::Word))
        .or_else(|| of(&|_| true))?;
    let roots = burst.iter().rev();
    let mut roots = roots.filter(|(_, it)| it.kind == Kind::Error(Strength::Root));
    let Some((at, root)) = roots.next() else {
        return Some(first.record.text.clone());
    };
    let named = root.record.text.trim_end_matches(':').trim();
    if !named.is_empty() && named != "Caused by" {
        return Some(named.to_owned());
    }
    // anyhow and eyre list the causes below, the root last: `    1: No such file or directory`.
    let below = entries.get(at + 1..).unwrap_or_default().iter();
    let below = below.take_while(|it| it.record.indented);
    let cause = below.last().map(|it| unnumbered(&it.record.text));
    let cause = cause.filter(|it| !it.is_empty());
    Some(match cause {
        Some(cause) => format!("{}: {cause}", first.record.text),
        None => first.record.text.clone(),
    })
}

fn unnumbered(text: &str) -> &str {
    let text = text.trim();
    match text.split_once(": ") {
        Some((number, rest)) if number.parse::<u32>().is_ok() => rest,
        Some(_) | None => text,
    }
}

/// As it is shown: one line, cut, and without what hides or what is secret.
fn shown(text: &str) -> String {
    let text = without_secrets(&visible(text).replace('\n', " "));
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let mut chars = text.chars();
    let short: String = chars.by_ref().take(LENGTH).collect();
    if chars.next().is_some() {
        short + "…"
    } else {
        short
    }
}
