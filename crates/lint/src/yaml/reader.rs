//! From the events of the parser to a document, within bounds.

use std::collections::HashMap;

use granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle,
};

use super::merge::{MergeError, merged};
use super::scalar::Scalar;
use super::{Document, Duplicate, Entries, Entry, Kind, Mark, Node, NodeId};

/// The most values of a document, each alias counted as often as it is used.
pub const MAX_VALUES: usize = 1_000_000;

/// The deepest nesting of block collections, and of flow collections in them.
const MAX_DEPTH: usize = 100;

/// The reason why a text is not YAML that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct ReadError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The problem, in lower case.
    pub what: String,
}

impl ReadError {
    fn at(mark: Mark, what: impl Into<String>) -> Self {
        Self {
            line: mark.line,
            column: mark.column,
            what: what.into(),
        }
    }

    fn of_parser(error: &ScanError) -> Self {
        let marker = error.marker();
        Self {
            line: marker.line(),
            column: marker.col() + 1,
            what: error.info(),
        }
    }
}

/// The documents of a text, read one by one.
///
/// After an error there are no more: what follows cannot be told apart.
pub struct Documents<'t> {
    parser: Parser<'t, StrInput<'t>>,
    ended: bool,
}

impl<'t> Documents<'t> {
    /// Begins to read a text.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let mut options = Options::default();
        options.block_nesting_limit = MAX_DEPTH;
        options.flow_nesting_limit = MAX_DEPTH;
        options.set_emit_comments(false);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            parser: Parser::new_from_str_with_options(text, options),
            ended: false,
        }
    }

    fn read(&mut self) -> Result<Option<Document<'t>>, ReadError> {
        let mut builder = Builder::default();
        while let Some(next) = self.parser.next_event() {
            let (event, span) = next.map_err(|error| ReadError::of_parser(&error))?;
            if event == Event::StreamEnd {
                return Ok(None);
            }
            if event == Event::DocumentEnd {
                return Ok(Some(builder.document()));
            }
            builder.take(event, span)?;
        }
        Ok(None)
    }
}

impl<'t> Iterator for Documents<'t> {
    type Item = Result<Document<'t>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// A collection that has not ended.
enum Open<'t> {
    Sequence {
        mark: Mark,
        anchor: usize,
        items: Vec<NodeId>,
    },
    Mapping {
        mark: Mark,
        anchor: usize,
        entries: Vec<Entry<'t>>,
        is_flow: bool,
        /// The key whose value comes next.
        key: Option<Key<'t>>,
    },
}

struct Key<'t> {
    text: std::borrow::Cow<'t, str>,
    merges: bool,
    mark: Mark,
}

#[derive(Default)]
struct Builder<'t> {
    nodes: Vec<Node<'t>>,
    open: Vec<Open<'t>>,
    /// The nodes of the anchors that are complete.
    anchors: HashMap<usize, NodeId>,
    duplicates: Vec<Duplicate>,
    root: Option<NodeId>,
    has_aliases: bool,
    /// How many values there are, each alias expanded.
    values: usize,
}

impl<'t> Builder<'t> {
    fn document(self) -> Document<'t> {
        Document {
            root: self.root.unwrap_or_default(),
            nodes: self.nodes,
            duplicates: self.duplicates,
            has_aliases: self.has_aliases,
        }
    }

    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), ReadError> {
        let mark = mark_of(span);
        if let Event::Scalar(text, style, anchor, tag) = event {
            let plain = style == ScalarStyle::Plain;
            let resolved = match tag.as_deref().map(|tag| tag.core_suffix()) {
                None => plain,
                Some(Some("null" | "bool" | "int" | "float")) => true,
                Some(_) => false,
            };
            if let Some(Open::Mapping {
                key: key @ None, ..
            }) = self.open.last_mut()
            {
                let merges = resolved && text == "<<";
                *key = Some(Key { text, merges, mark });
                return Ok(());
            }
            let scalar = Scalar::new(text, resolved);
            let id = self.add(mark, Kind::Scalar(scalar), 1)?;
            self.complete(anchor, id);
            return Ok(());
        }
        if let Event::Alias(anchor) = event {
            return self.alias(anchor, mark);
        }
        if let Event::SequenceStart(_, anchor, _) = event {
            self.not_a_key(mark)?;
            let items = Vec::new();
            self.open.push(Open::Sequence {
                mark,
                anchor,
                items,
            });
        } else if let Event::MappingStart(style, anchor, _) = event {
            self.not_a_key(mark)?;
            self.open.push(Open::Mapping {
                mark,
                anchor,
                entries: Vec::new(),
                is_flow: style == StructureStyle::Flow,
                key: None,
            });
        } else if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
            return self.close();
        }
        Ok(())
    }

    /// Refuses a collection where a key is expected: JSON has none.
    fn not_a_key(&self, mark: Mark) -> Result<(), ReadError> {
        match self.open.last() {
            Some(Open::Mapping { key: None, .. }) => {
                let what = "a key is a list or a mapping; a manifest has only strings as keys \
                            (an unrendered template begins with `{{`)";
                Err(ReadError::at(mark, what))
            }
            Some(Open::Mapping { .. } | Open::Sequence { .. }) | None => Ok(()),
        }
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Result<(), ReadError> {
        let Some(&id) = self.anchors.get(&anchor) else {
            return Err(ReadError::at(mark, "an alias stands inside its own anchor"));
        };
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            return Err(ReadError::at(mark, "a key is an alias"));
        }
        self.has_aliases = true;
        let weight = self.nodes.get(id).map_or(1, |it| it.weight);
        self.count(weight, mark)?;
        self.attach(id);
        Ok(())
    }

    fn close(&mut self) -> Result<(), ReadError> {
        let (mark, anchor, kind) = match self.open.pop() {
            Some(Open::Sequence {
                mark,
                anchor,
                items,
            }) => (mark, anchor, Kind::Sequence(items)),
            Some(Open::Mapping {
                mark,
                anchor,
                entries,
                is_flow,
                ..
            }) => (mark, anchor, self.mapping(entries, is_flow)?),
            None => return Ok(()),
        };
        let weight_of = |id: &NodeId| self.nodes.get(*id).map_or(1, |it| it.weight);
        let below: usize = match &kind {
            Kind::Scalar(_) => 0,
            Kind::Sequence(items) => items.iter().map(weight_of).sum(),
            Kind::Mapping(entries) => entries.all.iter().map(|it| weight_of(&it.value)).sum(),
        };
        let mark = match &kind {
            // The first key is what a person takes for the beginning of a mapping.
            Kind::Mapping(entries) => entries.all.first().map_or(mark, |it| it.mark),
            Kind::Scalar(_) | Kind::Sequence(_) => mark,
        };
        let id = self.add(mark, kind, below.saturating_add(1))?;
        self.complete(anchor, id);
        Ok(())
    }

    fn mapping(&mut self, entries: Vec<Entry<'t>>, is_flow: bool) -> Result<Kind<'t>, ReadError> {
        let begin = entries.first().map_or_else(Mark::default, |it| it.mark);
        let room = MAX_VALUES.saturating_sub(self.values);
        let merged = merged(entries, &self.nodes, room, &mut self.duplicates);
        let merged = merged.map_err(|error| match error {
            MergeError::NoMapping(mark) => {
                let what =
                    "the value of a merge key `<<` is neither a mapping nor a list of mappings";
                ReadError::at(mark, what)
            }
            MergeError::TooMany => too_many(begin),
        })?;
        self.count(merged.taken, begin)?;
        Ok(Kind::Mapping(Entries::new(merged.entries, is_flow)))
    }

    fn count(&mut self, values: usize, mark: Mark) -> Result<(), ReadError> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_VALUES {
            return Err(too_many(mark));
        }
        Ok(())
    }

    fn add(&mut self, mark: Mark, kind: Kind<'t>, weight: usize) -> Result<NodeId, ReadError> {
        self.count(1, mark)?;
        let id = self.nodes.len();
        self.nodes.push(Node { mark, kind, weight });
        self.attach(id);
        Ok(id)
    }

    fn complete(&mut self, anchor: usize, id: NodeId) {
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    /// Puts a node where the next value belongs.
    fn attach(&mut self, id: NodeId) {
        match self.open.last_mut() {
            Some(Open::Sequence { items, .. }) => items.push(id),
            Some(Open::Mapping { entries, key, .. }) => {
                if let Some(Key { text, merges, mark }) = key.take() {
                    entries.push(Entry {
                        key: text,
                        merges,
                        mark,
                        value: id,
                    });
                }
            }
            None => self.root = Some(id),
        }
    }
}

fn too_many(mark: Mark) -> ReadError {
    let what =
        format!("the document has more than {MAX_VALUES} values, aliases and merge keys expanded");
    ReadError::at(mark, what)
}

fn mark_of(span: Span) -> Mark {
    let (start, end) = (span.start, span.end);
    // A scalar of several lines is marked by its first character only.
    let length = if start.line() == end.line() {
        end.col().saturating_sub(start.col())
    } else {
        1
    };
    Mark {
        line: start.line(),
        column: start.col() + 1,
        length: length.max(1),
    }
}
