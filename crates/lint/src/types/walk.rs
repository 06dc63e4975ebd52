//! Walks through an object by the types of the API.

use super::schema::{Struct, Type, named, owner};
use super::values::{is_meant, is_of, is_open};
use crate::code::LintCode;
use crate::edit::Edit;
use crate::field::{Location, Scope};
use crate::finding::Findings;
use crate::yaml::{Field, Mark, NodeRef, Value};

/// A place below an object. Its path is written only where something is found.
struct Place<'p, 'd> {
    above: Option<&'p Self>,
    step: Step<'d>,
    mark: Mark,
    /// The container in which it is.
    container: Option<&'d str>,
}

#[derive(Clone, Copy)]
enum Step<'d> {
    Root(&'d str),
    Key(&'d str),
    Item(usize),
}

impl<'d> Place<'_, 'd> {
    fn path(&self) -> String {
        let above = self.above.map(Self::path).unwrap_or_default();
        match self.step {
            Step::Root(path) => path.to_owned(),
            Step::Key(key) if above.is_empty() => key.to_owned(),
            Step::Key(key) => format!("{above}.{key}"),
            Step::Item(at) => format!("{above}[{at}]"),
        }
    }

    fn below(&self, step: Step<'d>, mark: Mark) -> Place<'_, 'd> {
        Place {
            above: Some(self),
            step,
            mark,
            container: self.container,
        }
    }
}

/// The treatment of fields that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Named,
    /// Another version of the API or another kind may have them.
    Ignored,
}

pub(super) struct Walk<'f> {
    pub(super) unknown: Unknown,
    pub(super) findings: &'f mut Findings,
}

impl Walk<'_> {
    /// Checks a mapping against a type.
    pub(super) fn scope(&mut self, scope: &Scope<'_>, of: &str) {
        let Some(of) = named(of) else { return };
        let place = Place {
            above: None,
            step: Step::Root(scope.path()),
            mark: scope.itself().place().mark,
            container: None,
        };
        self.mapping(scope.node(), of, &place);
    }

    fn mapping(&mut self, node: NodeRef<'_>, of: &'static Struct, place: &Place<'_, '_>) {
        for field in node.fields() {
            match of.get(field.key) {
                Some(kind) => self.field((node, field), kind, place),
                None => self.unknown(field, of, place),
            }
        }
    }

    fn field(
        &mut self,
        (node, field): (NodeRef<'_>, Field<'_>),
        kind: &'static Type,
        above: &Place<'_, '_>,
    ) {
        let place = above.below(Step::Key(field.key), mark_of(field));
        let Some(what) = self.value(field.value, kind, &place) else {
            return;
        };
        let scope = Scope::new(node, above.path(), above.mark);
        let known = scope.at(field.key);
        let message = format!("{} is {what}", field.key);
        let finding = self.findings.add(LintCode::WrongType, &known, message);
        finding.container = place.container.map(str::to_owned);
        if is_meant(field.key, kind, field.value.value()) {
            finding.with_edit(Edit::unquoted(&known));
        }
    }

    /// Checks a value and everything in it. Returns what it is and should be, if it is of another type itself.
    fn value(
        &mut self,
        node: NodeRef<'_>,
        kind: &'static Type,
        place: &Place<'_, '_>,
    ) -> Option<String> {
        let value = node.value();
        match (kind, value) {
            (_, Value::Null) | (Type::Any, _) => None,
            (_, Value::Text(text)) if is_open(text) => None,
            (Type::Struct(name), Value::Mapping) => {
                if let Some(of) = named(name) {
                    self.mapping(node, of, place);
                }
                None
            }
            (Type::List(of), Value::Sequence) => {
                for (at, item) in node.items().enumerate() {
                    let name = item.get("name").map(|it| it.value);
                    let mark = name.unwrap_or(item).mark();
                    let mut below = place.below(Step::Item(at), mark);
                    if is_container(of) {
                        let name = name.and_then(NodeRef::written);
                        below.container = Some(name.unwrap_or("(unnamed)"));
                    }
                    self.entry(item, of, &below);
                }
                None
            }
            (Type::Map(of), Value::Mapping) => {
                for entry in node.fields().filter(|it| !is_open(it.key)) {
                    let below = place.below(Step::Key(entry.key), mark_of(entry));
                    self.entry(entry.value, of, &below);
                }
                None
            }
            _ if is_of(kind, value) => None,
            _ => {
                let is = match (kind, value) {
                    (Type::OneOf(_) | Type::Quantity, Value::Text(it)) => format!("\"{it}\""),
                    _ => value.describe().to_owned(),
                };
                let wanted = kind.describe();
                Some(format!("{is}, and the API server expects {wanted}"))
            }
        }
    }

    /// Checks an item of a list, or a value with a free key.
    fn entry(&mut self, node: NodeRef<'_>, kind: &'static Type, place: &Place<'_, '_>) {
        let Some(what) = self.value(node, kind, place) else {
            return;
        };
        let name = match place.step {
            Step::Key(key) => key.to_owned(),
            Step::Item(_) | Step::Root(_) => {
                let path = place.path();
                path.rsplit('.').next().unwrap_or_default().to_owned()
            }
        };
        let location = Location {
            mark: place.mark,
            path: place.path(),
        };
        let message = format!("{name} is {what}");
        let finding = self.findings.add_at(LintCode::WrongType, location, message);
        finding.container = place.container.map(str::to_owned);
    }

    fn unknown(&mut self, field: Field<'_>, of: &'static Struct, above: &Place<'_, '_>) {
        if self.unknown == Unknown::Ignored || is_free(field.key) {
            return;
        }
        let (key, name) = (field.key, of.name);
        let nearest = of.nearest(key);
        let message = match (nearest, owner(key)) {
            (Some(near), _) => format!("unknown field \"{key}\": {name} has {near}"),
            (None, Some(other)) => {
                format!("unknown field \"{key}\": {name} has none of this name, {other} has")
            }
            (None, None) => format!("unknown field \"{key}\": {name} has none of this name"),
        };
        let place = above.below(Step::Key(key), field.mark);
        let location = Location {
            mark: place.mark,
            path: place.path(),
        };
        let finding = self
            .findings
            .add_at(LintCode::UnknownField, location, message);
        finding.container = place.container.map(str::to_owned);
        if let Some(near) = nearest {
            finding.fixed_by(format!("write {near}, or remove the field"));
        }
    }
}

fn mark_of(field: Field<'_>) -> Mark {
    match field.value.written() {
        Some(_) => field.value.mark(),
        None => field.mark,
    }
}

fn is_container(of: &Type) -> bool {
    matches!(of, Type::Struct("Container" | "EphemeralContainer"))
}

/// Returns whether a key is none of the API's: an extension, a directive of a patch, or one that is written later.
fn is_free(key: &str) -> bool {
    key.starts_with("x-") || key.starts_with('$') || is_open(key)
}
