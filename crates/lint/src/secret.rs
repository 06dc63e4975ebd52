//! Hides what may be a secret in the lines that a report quotes: a pipeline's log is read by more people than the manifest.

use std::borrow::Cow;
use std::collections::HashSet;

use rollguard_core::foreign_text::{MASK, may_be_secret, without_secrets};

use crate::yaml::{Document, Mark, NodeRef};

/// Returns the places of the values that may be secrets, in their order: what a Secret holds, and variables and entries
/// of a ConfigMap by their name and value.
pub(crate) fn secrets(document: &Document<'_>) -> Vec<Mark> {
    let mut marks = Vec::new();
    for node in document.nodes() {
        of_variable(node, &mut marks);
        match node.get("kind").and_then(|it| it.value.written()) {
            Some("Secret") => {
                of_entries(node, "data", |_, _| true, &mut marks);
                of_entries(node, "stringData", |_, _| true, &mut marks);
            }
            Some("ConfigMap") => of_entries(node, "data", may_be_secret, &mut marks),
            Some(_) | None => {}
        }
    }
    if !marks.is_empty() && !document.duplicates().is_empty() {
        marks.extend(without_effect(document));
    }
    marks.sort_unstable();
    marks
}

/// Returns the places of scalars that no list and no mapping holds: values of a key that stands twice.
fn without_effect(document: &Document<'_>) -> Vec<Mark> {
    let nodes = || document.nodes();
    let fields = nodes().flat_map(|it| it.fields().map(|field| field.value.id()));
    let items = nodes().flat_map(|it| it.items().map(NodeRef::id));
    let held: HashSet<usize> = fields.chain(items).collect();
    let is_free = |it: &NodeRef<'_>| it.written().is_some() && !held.contains(&it.id());
    nodes().filter(is_free).map(NodeRef::mark).collect()
}

fn of_variable(node: NodeRef<'_>, marks: &mut Vec<Mark>) {
    let Some(value) = node.get("value").map(|it| it.value) else {
        return;
    };
    let name = node.get("name").and_then(|it| it.value.written());
    if let (Some(name), Some(written)) = (name, value.written())
        && may_be_secret(name, written)
    {
        marks.push(value.mark());
    }
}

fn of_entries(
    node: NodeRef<'_>,
    key: &str,
    hides: impl Fn(&str, &str) -> bool,
    marks: &mut Vec<Mark>,
) {
    let Some(entries) = node.get(key) else { return };
    for entry in entries.value.fields() {
        let written = entry.value.written();
        if written.is_some_and(|it| hides(entry.key, it)) {
            marks.push(entry.value.mark());
        }
    }
}

/// Returns a line without secrets, and the column in it of a place.
pub(crate) fn hidden<'t>(line: &'t str, place: Mark, secrets: &[Mark]) -> (Cow<'t, str>, usize) {
    let column = place.column.max(1);
    let first = secrets.partition_point(|it| it.line < place.line);
    let here = secrets.get(first..).unwrap_or_default().iter();
    let here: Vec<&Mark> = here.take_while(|it| it.line == place.line).collect();
    let (line, column) = if here.is_empty() {
        (Cow::Borrowed(line), column)
    } else {
        let (line, column) = without_values(line, column, &here);
        (Cow::Owned(line), column)
    };
    let masked = without_secrets(&line);
    if masked == line {
        return (line, column);
    }
    let column = column_after(&line, &masked, column);
    (Cow::Owned(masked), column)
}

/// Masks the values at known places.
fn without_values(line: &str, column: usize, values: &[&Mark]) -> (String, usize) {
    let mut shown = String::with_capacity(line.len());
    let mut width = 0;
    let mut new_column = None;
    let mut values = values.iter().peekable();
    let mut hidden_until = 0;
    for (at, c) in (1..).zip(line.chars()) {
        if at < hidden_until {
            continue;
        }
        if at >= column && new_column.is_none() {
            new_column = Some(width + 1);
        }
        if let Some(value) = values.next_if(|it| it.column <= at) {
            hidden_until = end_of(value);
            shown += MASK;
            width += MASK.len();
        } else {
            shown.push(c);
            width += 1;
        }
    }
    (shown, new_column.unwrap_or(width + 1))
}

/// A value of several lines is marked by its first character only, and hides the rest of its line.
const fn end_of(value: &Mark) -> usize {
    match value.length {
        0 | 1 => usize::MAX,
        length => value.column + length,
    }
}

/// Returns where a column is after a part of the line was replaced.
fn column_after(before: &str, after: &str, column: usize) -> usize {
    let same_start = before
        .chars()
        .zip(after.chars())
        .take_while(|(a, b)| a == b)
        .count();
    if column <= same_start {
        return column;
    }
    let (old, new) = (before.chars().count(), after.chars().count());
    let same_end = before
        .chars()
        .rev()
        .zip(after.chars().rev())
        .take_while(|(a, b)| a == b)
        .count();
    if column > old.saturating_sub(same_end) {
        return (column + new).saturating_sub(old).max(1);
    }
    same_start + 1
}
