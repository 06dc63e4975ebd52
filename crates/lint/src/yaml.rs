//! YAML with positions: one document at a time as a small tree in which every value knows where it stands.
//!
//! kubectl reads manifests with `go.yaml.in/yaml/v2`, so values are resolved as YAML 1.1 (`yes` is true), the last of
//! two equal keys wins, and a merge key takes effect where it stands. An alias is a reference to the node of its
//! anchor, never a copy.

mod merge;
mod reader;
mod scalar;

pub use reader::{Documents, MAX_VALUES, ReadError};

use std::borrow::Cow;

pub(crate) use scalar::is_plain_text;

use scalar::Scalar;

/// A position in a text; lines and columns begin at 1, columns and lengths count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The first column.
    pub column: usize,
    /// How many characters are meant; at least one.
    pub length: usize,
}

/// The place of a node in its document.
type NodeId = usize;

/// A YAML document.
#[derive(Debug)]
pub struct Document<'t> {
    nodes: Vec<Node<'t>>,
    root: NodeId,
    /// Keys that stand twice in one mapping: all but the last one have no effect.
    duplicates: Vec<Duplicate>,
    has_aliases: bool,
}

/// A key that its mapping holds twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The key.
    pub key: String,
    /// Where the second one stands.
    pub mark: Mark,
}

#[derive(Debug)]
struct Node<'t> {
    mark: Mark,
    kind: Kind<'t>,
    /// How many values this stands for once every alias is expanded.
    weight: usize,
}

#[derive(Debug)]
enum Kind<'t> {
    Scalar(Scalar<'t>),
    Sequence(Vec<NodeId>),
    Mapping(Entries<'t>),
}

/// How many entries are looked through one by one.
const SMALL: usize = 16;

/// The entries of a mapping, in the order in which they stand.
///
/// A pod is asked for its fields by each of its containers, so that a mapping of many keys is looked up by halving.
#[derive(Debug)]
struct Entries<'t> {
    all: Vec<Entry<'t>>,
    /// The places of the entries by their keys, of equal ones the last one last; empty for a small mapping.
    by_key: Vec<u32>,
    /// Whether it is written with braces.
    is_flow: bool,
}

impl<'t> Entries<'t> {
    fn new(all: Vec<Entry<'t>>, is_flow: bool) -> Self {
        let places = 0..u32::try_from(all.len()).unwrap_or_default();
        let mut by_key: Vec<u32> = if all.len() > SMALL {
            places.collect()
        } else {
            Vec::new()
        };
        let key = |at: u32| all.get(at as usize).map(|it| &it.key);
        by_key.sort_by(|a, b| key(*a).cmp(&key(*b)));
        Self {
            all,
            by_key,
            is_flow,
        }
    }

    fn get(&self, key: &str) -> Option<&Entry<'t>> {
        if self.by_key.is_empty() {
            count(self.all.len());
            return self.all.iter().rfind(|it| it.key == key);
        }
        count(1 + self.by_key.len().ilog2() as usize);
        let of = |at: &u32| self.all.get(*at as usize);
        let after = self
            .by_key
            .partition_point(|at| of(at).is_some_and(|it| &*it.key <= key));
        let last = after.checked_sub(1).and_then(|at| self.by_key.get(at));
        last.and_then(of).filter(|it| it.key == key)
    }
}

/// Counts the keys that are compared, for the law that work is linear.
#[cfg(not(test))]
const fn count(_: usize) {}

#[cfg(test)]
thread_local! {
    pub(crate) static COMPARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn count(keys: usize) {
    COMPARED.set(COMPARED.get() + keys);
}

#[derive(Debug, Clone)]
struct Entry<'t> {
    key: Cow<'t, str>,
    /// Whether the key is the merge key `<<`.
    merges: bool,
    mark: Mark,
    value: NodeId,
}

/// A value as the API server reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'d> {
    /// `null`, which is as good as absent.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent, as written.
    Float(&'d str),
    /// A string.
    Text(&'d str),
    /// A list.
    Sequence,
    /// A mapping.
    Mapping,
}

impl Value<'_> {
    /// Returns the name of its type, for a message.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Sequence => "a list",
            Self::Mapping => "a mapping",
        }
    }
}

impl Document<'_> {
    /// Returns the root of the document.
    #[must_use]
    pub const fn root(&self) -> NodeRef<'_> {
        NodeRef {
            nodes: self.nodes.as_slice(),
            id: self.root,
        }
    }

    /// Returns every node, in no order that matters.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        let nodes = self.nodes.as_slice();
        (0..nodes.len()).map(|id| NodeRef { nodes, id })
    }

    /// Returns whether a value is used in several places.
    #[must_use]
    pub const fn has_aliases(&self) -> bool {
        self.has_aliases
    }

    /// Returns the keys that stand twice in one mapping.
    #[must_use]
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }
}

/// A node of a document.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'d> {
    nodes: &'d [Node<'d>],
    id: NodeId,
}

/// An entry of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct Field<'d> {
    /// The key.
    pub key: &'d str,
    /// Where the key stands.
    pub mark: Mark,
    /// The value.
    pub value: NodeRef<'d>,
}

impl<'d> NodeRef<'d> {
    fn node(self) -> Option<&'d Node<'d>> {
        self.nodes.get(self.id)
    }

    const fn at(self, id: NodeId) -> Self {
        Self {
            nodes: self.nodes,
            id,
        }
    }

    /// Returns where the node stands.
    #[must_use]
    pub fn mark(self) -> Mark {
        self.node().map_or_else(Mark::default, |it| it.mark)
    }

    /// Returns the value.
    #[must_use]
    pub fn value(self) -> Value<'d> {
        match self.node().map(|it| &it.kind) {
            Some(Kind::Scalar(scalar)) => scalar.value(),
            Some(Kind::Sequence(_)) => Value::Sequence,
            Some(Kind::Mapping(_)) => Value::Mapping,
            None => Value::Null,
        }
    }

    /// Returns the text of a scalar as it is written, whatever its type.
    #[must_use]
    pub fn written(self) -> Option<&'d str> {
        match self.node().map(|it| &it.kind) {
            Some(Kind::Scalar(scalar)) => Some(scalar.written()),
            Some(Kind::Sequence(_) | Kind::Mapping(_)) | None => None,
        }
    }

    /// Returns the items of a list; none for anything else.
    #[must_use = "iterators are lazy"]
    pub fn items(self) -> impl Iterator<Item = NodeRef<'d>> + use<'d> {
        let items: &'d [NodeId] = match self.node().map(|it| &it.kind) {
            Some(Kind::Sequence(items)) => items,
            Some(Kind::Scalar(_) | Kind::Mapping(_)) | None => &[],
        };
        items.iter().map(move |id| self.at(*id))
    }

    /// Returns the entries of a mapping; none for anything else.
    #[must_use = "iterators are lazy"]
    pub fn fields(self) -> impl DoubleEndedIterator<Item = Field<'d>> + use<'d> {
        let entries: &'d [Entry<'d>] = match self.node().map(|it| &it.kind) {
            Some(Kind::Mapping(entries)) => &entries.all,
            Some(Kind::Scalar(_) | Kind::Sequence(_)) | None => &[],
        };
        entries.iter().map(move |entry| self.field(entry))
    }

    fn field(self, entry: &'d Entry<'d>) -> Field<'d> {
        Field {
            key: &entry.key,
            mark: entry.mark,
            value: self.at(entry.value),
        }
    }

    /// Returns whether this is a mapping in braces.
    pub(crate) fn is_flow(self) -> bool {
        match self.node().map(|it| &it.kind) {
            Some(Kind::Mapping(entries)) => entries.is_flow,
            Some(Kind::Scalar(_) | Kind::Sequence(_)) | None => false,
        }
    }

    /// Returns what tells this node from the others of its document.
    pub(crate) const fn id(self) -> usize {
        self.id
    }

    /// Returns the entry with a key.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Field<'d>> {
        match self.node().map(|it| &it.kind) {
            Some(Kind::Mapping(entries)) => entries.get(key).map(|it| self.field(it)),
            Some(Kind::Scalar(_) | Kind::Sequence(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests;
