//! Changes of a manifest's text that resolve findings and cannot break an application.
//!
//! A change replaces one scalar or adds one key, where they stand, so that comments and layout stay
//! (docs/decisions/0013). The new text is read again: it must be the same document but for these values, or nothing is
//! changed. Which finding has a change is decided by its rule.

use std::collections::{BTreeMap, HashSet};

use similar::TextDiff;

use crate::code::LintCode;
use crate::edit::{Change, Edit};
use crate::finding::{Finding, ObjectName};
use crate::judge::{Rules, judge};
use crate::yaml::{Documents, Field, Mark, NodeRef, Value};

/// How often a text is changed: a value that gets its type may lead to one more finding.
const ROUNDS: usize = 4;

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The finding that it resolves.
    pub code: LintCode,
    /// The object.
    pub object: ObjectName,
    /// The field of the finding, as a path from the root of the document.
    pub path: String,
    /// The line of the text as it was.
    pub line: usize,
    /// What was changed, in words.
    pub what: String,
}

/// A text with its changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fixed {
    /// The new text, or the old one if nothing was changed.
    pub text: String,
    /// The changes, in the order of their places.
    pub applied: Vec<Applied>,
}

/// Changes a text so that what the rules find is resolved, as far as that cannot break an application.
///
/// A text that cannot be read to its end stays as it is, and so does what an annotation exempts.
#[must_use]
pub fn fix(text: &str, rules: &Rules) -> Fixed {
    let mut fixed = Fixed {
        text: text.to_owned(),
        applied: Vec::new(),
    };
    for _ in 0..ROUNDS {
        let judgement = judge(&fixed.text, rules);
        if judgement.problem.is_some() {
            break;
        }
        let Some((text, applied)) = round(&fixed.text, &judgement.findings) else {
            break;
        };
        fixed.text = text;
        fixed.applied.extend(applied);
    }
    fixed
}

/// Edits by their places: line and column.
type Edits<'e> = BTreeMap<(usize, usize), &'e Edit>;

/// Makes the changes of some findings; `None` if there are none, or if they would change more than they say.
fn round(text: &str, findings: &[Finding]) -> Option<(String, Vec<Applied>)> {
    let mut edits = Edits::new();
    let mut applied = Vec::new();
    for finding in findings {
        let edit = finding.edit.as_ref();
        let Some(edit) = edit.filter(|_| finding.suppression.is_none()) else {
            continue;
        };
        if edits.insert(edit.place(), edit).is_none() {
            applied.push(Applied {
                code: finding.code,
                object: finding.object.clone(),
                path: finding.path.clone(),
                line: edit.mark.line,
                what: edit.describe(),
            });
        }
    }
    if edits.is_empty() {
        return None;
    }
    let changed = apply(text, &edits)?;
    is_same_but_for(&edits, text, &changed).then_some((changed, applied))
}

/// Applies edits, which are in the order of their places.
fn apply(text: &str, edits: &Edits<'_>) -> Option<String> {
    // The reader does not count a byte order mark.
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let mut out = String::with_capacity(text.len() + 32 * edits.len());
    out += mark;
    let mut lines = Lines::of(body);
    let mut copied = 0;
    for ((line, column), edit) in edits {
        let start = lines.start(*line)?;
        let after = body.get(start..)?;
        let at = start + column_offset(after, *column)?;
        let (before, rest) = (body.get(start..at)?, body.get(at..)?);
        let (new, replaced) = edit.replacement(before, rest)?;
        out += body.get(copied..at)?;
        let break_ = lines.line_break;
        out += &new.replace('\n', break_);
        copied = at + replaced;
    }
    out += body.get(copied..)?;
    Some(out)
}

/// Returns where a column, from 1, begins in a line.
fn column_offset(line: &str, column: usize) -> Option<usize> {
    let mut at = line.char_indices().map(|(at, _)| at);
    at.nth(column.checked_sub(1)?)
}

/// The beginnings of lines, asked for in their order.
struct Lines<'t> {
    rest: &'t str,
    line: usize,
    start: usize,
    /// The line break of the text, by its first one.
    line_break: &'static str,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let first = text.find('\n');
        let is_windows = first.is_some_and(|at| text[..at].ends_with('\r'));
        Self {
            rest: text,
            line: 1,
            start: 0,
            line_break: if is_windows { "\r\n" } else { "\n" },
        }
    }

    /// Returns where a line begins.
    fn start(&mut self, line: usize) -> Option<usize> {
        while self.line < line {
            let at = self.rest.find(['\n', '\r'])?;
            let is_pair = self.rest.get(at..at + 2) == Some("\r\n");
            let next = at + if is_pair { 2 } else { 1 };
            self.rest = self.rest.get(next..)?;
            self.start += next;
            self.line += 1;
        }
        Some(self.start)
    }
}

/// Returns whether two texts hold the same documents but for what the edits of the first one say.
fn is_same_but_for(edits: &Edits<'_>, old: &str, new: &str) -> bool {
    let (mut old, mut new) = (Documents::of(old), Documents::of(new));
    loop {
        match (old.next(), new.next()) {
            (None, None) => return true,
            (Some(Ok(old)), Some(Ok(new))) => {
                let same_duplicates = old.duplicates().len() == new.duplicates().len();
                if !same_duplicates || !is_same_tree(edits, old.root(), new.root()) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Compares two trees. Aliases may nest deeper than a stack reaches, so that what is left to compare is a list.
fn is_same_tree(edits: &Edits<'_>, old: NodeRef<'_>, new: NodeRef<'_>) -> bool {
    let mut left = vec![(old, new)];
    // What is used in several places is compared once.
    let mut seen = HashSet::new();
    while let Some((old, new)) = left.pop() {
        if !seen.insert((old.id(), new.id())) {
            continue;
        }
        let is_same = match (old.value(), new.value()) {
            (Value::Sequence, Value::Sequence) => {
                left.extend(old.items().zip(new.items()));
                old.items().count() == new.items().count()
            }
            (Value::Mapping, Value::Mapping) => same_fields(edits, old, new, &mut left),
            (Value::Sequence | Value::Mapping, _) | (_, Value::Sequence | Value::Mapping) => false,
            (before, after) => same_scalar(edits, old, (before, after), new.written()),
        };
        if !is_same {
            return false;
        }
    }
    true
}

/// Compares the keys of two mappings, and adds their values to what is left to compare.
fn same_fields<'o, 'n>(
    edits: &Edits<'_>,
    old: NodeRef<'o>,
    new: NodeRef<'n>,
    left: &mut Vec<(NodeRef<'o>, NodeRef<'n>)>,
) -> bool {
    // By their keys: of equal ones, the place in the order is that of the first, and the value that of the last.
    let mut added = 0;
    for field in old.fields() {
        if let Some(Change::Before { key, value, .. }) = change_at(edits, field.mark) {
            let is_it = |it: Field<'_>| it.value.written() == Some(value);
            if old.get(key).is_some() || !new.get(key).is_some_and(is_it) {
                return false;
            }
            added += 1;
        }
        match new.get(field.key) {
            Some(other) => left.push((field.value, other.value)),
            None => return false,
        }
    }
    new.fields().count() == old.fields().count() + added
}

fn same_scalar(
    edits: &Edits<'_>,
    old: NodeRef<'_>,
    (before, after): (Value<'_>, Value<'_>),
    written: Option<&str>,
) -> bool {
    let is_text = |it| matches!(it, Value::Text(_));
    match change_at(edits, old.mark()) {
        Some(Change::Scalar { to, .. }) => written == Some(to) && is_text(before) == is_text(after),
        Some(Change::Unquoted { text }) => written == Some(text) && !is_text(after),
        Some(Change::Before { .. }) | None => before == after,
    }
}

fn change_at<'e>(edits: &Edits<'e>, mark: Mark) -> Option<&'e Change> {
    edits.get(&(mark.line, mark.column)).map(|it| &it.change)
}

/// Returns what a text was changed to as a unified diff; empty if it is the same.
#[must_use]
pub fn unified_diff(path: &str, old: &str, new: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}
