//! Findings in documents with aliases, whose values stand in one place and are used in several.

use std::collections::HashMap;

use crate::edit::{Change, Edit};
use crate::finding::Finding;
use crate::yaml::{Document, NodeRef, Value};

/// Takes away the edits of what is used in more places than it was found in: a document with aliases.
pub(crate) fn keep_local(document: &Document<'_>, findings: &mut [Finding]) {
    if !document.has_aliases() || findings.iter().all(|it| it.edit.is_none()) {
        return;
    }
    let mut used = count_scalars(document.root());
    for finding in findings.iter() {
        let place = finding.edit.as_ref().map(Edit::place);
        if let Some(count) = place.and_then(|it| used.get_mut(&it)) {
            *count = count.saturating_sub(1);
        }
    }
    for finding in findings {
        // A key may be merged into other mappings, which no count shows.
        let is_local = finding.edit.as_ref().is_some_and(|edit| {
            !matches!(edit.change, Change::Before { .. }) && used.get(&edit.place()) == Some(&0)
        });
        if !is_local {
            finding.edit = None;
        }
    }
}

/// Counts how often each scalar is used. A document is bounded with its aliases expanded.
fn count_scalars(root: NodeRef<'_>) -> HashMap<(usize, usize), usize> {
    let mut used: HashMap<(usize, usize), usize> = HashMap::new();
    let mut left = vec![root];
    while let Some(node) = left.pop() {
        match node.value() {
            Value::Sequence => left.extend(node.items()),
            Value::Mapping => left.extend(node.fields().map(|it| it.value)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
                let mark = node.mark();
                *used.entry((mark.line, mark.column)).or_default() += 1;
            }
        }
    }
    used
}
