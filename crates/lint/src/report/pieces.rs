//! A JSON document whose longest list is written piece by piece, so that the whole of it is never in memory.

use std::fmt::Write as _;

use rollguard_core::report::without_markers;
use serde_json::{Error, Value};

/// The list on its way out. No piece ends with a line break: the printer adds one.
#[derive(Debug)]
pub(super) struct Pieces {
    /// What stands before the list and its name.
    open: String,
    /// How deep the name of the list stands.
    depth: usize,
    /// What stands after the last field beside the list.
    close: &'static str,
    /// The last item: the next one decides about its comma.
    waiting: Option<String>,
}

impl Pieces {
    pub(super) const fn new(open: String, depth: usize, close: &'static str) -> Self {
        Self {
            open,
            depth,
            close,
            waiting: None,
        }
    }

    /// Returns whether a piece was written.
    pub(super) const fn has_begun(&self) -> bool {
        self.waiting.is_some()
    }

    /// Adds items; returns what can be written, `None` without an item.
    pub(super) fn add(
        &mut self,
        items: impl IntoIterator<Item = Value>,
    ) -> Result<Option<String>, Error> {
        let mut lines = Vec::new();
        for item in items {
            let item = Self::indented(&item, self.depth + 1)?;
            lines.push(match self.waiting.replace(item) {
                Some(before) => format!("{before},"),
                None => self.open.clone(),
            });
        }
        Ok((!lines.is_empty()).then(|| without_markers(&lines.join("\n"))))
    }

    /// Ends the list, and adds the fields beside it.
    pub(super) fn end(self, fields: &Value) -> Result<String, Error> {
        let indent = "  ".repeat(self.depth);
        let mut out = match &self.waiting {
            Some(last) => format!("{last}\n{indent}]"),
            None => format!("{}]", self.open),
        };
        for (name, value) in fields.as_object().into_iter().flatten() {
            let value = Self::indented(value, self.depth)?;
            let _ = write!(out, ",\n{indent}\"{name}\": {}", value.trim_start());
        }
        out += "\n";
        out += self.close;
        Ok(without_markers(&out))
    }

    /// A line break within a text is escaped in JSON, so that every line may be indented.
    fn indented(value: &Value, depth: usize) -> Result<String, Error> {
        let indent = "  ".repeat(depth);
        let text = serde_json::to_string_pretty(value)?;
        let lines = text.lines().map(|line| format!("{indent}{line}"));
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }
}
