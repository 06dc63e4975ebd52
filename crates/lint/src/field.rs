//! A place in a manifest: a value, or where it would stand.

use crate::yaml::{Mark, NodeRef, Value};

/// Where a field stands, or would stand.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    /// The nearest thing to it that is there.
    pub(crate) mark: Mark,
    /// Its path from the root of the document.
    pub(crate) path: String,
}

/// A node with its path, from which fields are looked up: a pod's spec, a container, a volume.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'d> {
    node: NodeRef<'d>,
    path: String,
    mark: Mark,
}

impl<'d> Scope<'d> {
    pub(crate) const fn new(node: NodeRef<'d>, path: String, mark: Mark) -> Self {
        Self { node, path, mark }
    }

    /// Returns the root of an object.
    pub(crate) fn root(node: NodeRef<'d>, path: String) -> Self {
        let mark = node.mark();
        Self { node, path, mark }
    }

    pub(crate) const fn node(&self) -> NodeRef<'d> {
        self.node
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the place of a field; the names of a path are separated by dots.
    pub(crate) fn at<'s>(&'s self, rest: &'s str) -> FieldRef<'s, 'd> {
        let mut mark = self.mark;
        let mut node = Some(self.node);
        for name in rest.split('.') {
            let field = node.and_then(|it| it.get(name));
            if let Some(field) = field {
                mark = field.mark;
            }
            node = field.map(|it| it.value);
        }
        let node = node.filter(|it| it.value() != Value::Null);
        if let Some(node) = node
            && node.written().is_some()
        {
            mark = node.mark();
        }
        FieldRef {
            scope: self,
            rest,
            node,
            mark,
        }
    }

    /// Returns the place of this node itself.
    pub(crate) fn itself(&self) -> FieldRef<'_, 'd> {
        FieldRef {
            scope: self,
            rest: "",
            node: Some(self.node),
            mark: self.mark,
        }
    }

    /// Returns the field as a scope of its own, if it is a mapping.
    pub(crate) fn below(&self, rest: &str) -> Option<Self> {
        let field = self.at(rest);
        let node = field.node.filter(|it| it.value() == Value::Mapping)?;
        Some(Self::new(node, field.path(), field.mark))
    }

    /// Returns the items of a list, each marked by its `name`, or else by its first key.
    pub(crate) fn items(&self, rest: &str) -> Vec<Self> {
        let field = self.at(rest);
        let path = field.path();
        let items = field.node.into_iter().flat_map(NodeRef::items).enumerate();
        items
            .map(|(at, node)| {
                let name = node.get("name").map(|it| it.value);
                let mark = name.unwrap_or(node).mark();
                Self::new(node, format!("{path}[{at}]"), mark)
            })
            .collect()
    }
}

/// The place of a field: its value, or the nearest thing that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldRef<'s, 'd> {
    scope: &'s Scope<'d>,
    rest: &'s str,
    node: Option<NodeRef<'d>>,
    mark: Mark,
}

impl<'d> FieldRef<'_, 'd> {
    /// Returns the value; `None` for a field that is absent or null.
    pub(crate) fn value(&self) -> Option<Value<'d>> {
        self.node.map(NodeRef::value)
    }

    pub(crate) const fn node(&self) -> Option<NodeRef<'d>> {
        self.node
    }

    pub(crate) const fn is_set(&self) -> bool {
        self.node.is_some()
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        match self.value() {
            Some(Value::Bool(it)) => Some(it),
            _ => None,
        }
    }

    pub(crate) fn int(&self) -> Option<i64> {
        match self.value() {
            Some(Value::Int(it)) => Some(it),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&'d str> {
        match self.value() {
            Some(Value::Text(it)) => Some(it),
            _ => None,
        }
    }

    /// Returns a scalar as it is written: a number may stand for a string.
    pub(crate) fn written(&self) -> Option<&'d str> {
        self.node.and_then(NodeRef::written)
    }

    pub(crate) fn place(&self) -> Location {
        Location {
            mark: self.mark,
            path: self.path(),
        }
    }

    /// Returns the path from the root of the document.
    pub(crate) fn path(&self) -> String {
        match (self.scope.path.as_str(), self.rest) {
            (path, "") => path.to_owned(),
            ("", rest) => rest.to_owned(),
            (path, rest) => format!("{path}.{rest}"),
        }
    }
}
