//! A change of a manifest's text at one place. Its rule makes it; `fix` carries it out.

use crate::field::FieldRef;
use crate::yaml::{Field, Mark, NodeRef, Value, is_plain_text};

/// A change of the text at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The scalar, or the key before which another one is added.
    pub(crate) mark: Mark,
    pub(crate) change: Change,
}

/// A change, without its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Another scalar, in the quotes that there are.
    Scalar { from: String, to: String },
    /// The scalar without its quotes.
    Unquoted { text: String },
    /// A key with its value.
    Before {
        anchor: String,
        key: &'static str,
        value: &'static str,
        is_flow: bool,
    },
}

impl Edit {
    /// Replaces a scalar; `None` where the new one would read as another type.
    pub(crate) fn scalar(field: &FieldRef<'_, '_>, to: &str) -> Option<Self> {
        let node = field.node()?;
        let is_text = matches!(node.value(), Value::Text(_)) && is_plain_text(to);
        let is_bool = matches!(node.value(), Value::Bool(_));
        (is_text || is_bool).then(|| Self {
            mark: node.mark(),
            change: Change::Scalar {
                from: node.written().unwrap_or_default().to_owned(),
                to: to.to_owned(),
            },
        })
    }

    /// Takes the quotes from a scalar.
    pub(crate) fn unquoted(field: &FieldRef<'_, '_>) -> Option<Self> {
        let node = field.node()?;
        let text = node.written()?.to_owned();
        Some(Self {
            mark: node.mark(),
            change: Change::Unquoted { text },
        })
    }

    /// Adds a key before another one of a mapping.
    pub(crate) fn before(
        anchor: Field<'_>,
        mapping: NodeRef<'_>,
        key: &'static str,
        value: &'static str,
    ) -> Self {
        Self {
            mark: anchor.mark,
            change: Change::Before {
                anchor: anchor.key.to_owned(),
                key,
                value,
                is_flow: mapping.is_flow(),
            },
        }
    }

    pub(crate) const fn place(&self) -> (usize, usize) {
        (self.mark.line, self.mark.column)
    }

    /// Returns what is changed, in words.
    pub(crate) fn describe(&self) -> String {
        match &self.change {
            Change::Scalar { from, to } => format!("{from} is now {to}"),
            Change::Unquoted { text } => format!("{text} stands without quotes"),
            Change::Before { key, value, .. } => format!("{key}: {value} is added"),
        }
    }

    /// Returns the text to put in, and how many bytes of `rest`, which begins at the place, it replaces.
    pub(crate) fn replacement(&self, before: &str, rest: &str) -> Option<(String, usize)> {
        match &self.change {
            Change::Scalar { from, to } => {
                for quote in ["", "\"", "'"] {
                    let old = format!("{quote}{from}{quote}");
                    if rest.starts_with(&old) {
                        return Some((format!("{quote}{to}{quote}"), old.len()));
                    }
                }
                None
            }
            Change::Unquoted { text } => {
                let quote = rest.get(..1).filter(|it| matches!(*it, "\"" | "'"))?;
                let old = format!("{quote}{text}{quote}");
                rest.starts_with(&old).then(|| (text.clone(), old.len()))
            }
            Change::Before {
                anchor,
                key,
                value,
                is_flow,
            } => {
                let quote = rest.get(..1).filter(|it| matches!(*it, "\"" | "'"));
                let quote = quote.unwrap_or_default();
                if !rest.starts_with(&format!("{quote}{anchor}{quote}")) {
                    return None;
                }
                let comma = if *is_flow { "," } else { "" };
                // What stands before the key is its indentation, the dash of a list included.
                let is_indent = before.chars().all(|c| matches!(c, ' ' | '\t' | '-'));
                let gap = match (is_indent, is_flow) {
                    (true, _) => format!("\n{}", before.replace('-', " ")),
                    (false, true) => " ".to_owned(),
                    (false, false) => return None,
                };
                let text = format!("{quote}{key}{quote}: {value}{comma}{gap}");
                Some((text, 0))
            }
        }
    }
}
