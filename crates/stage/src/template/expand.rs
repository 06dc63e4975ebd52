//! Template expressions: `${{ … }}` inside texts, and `if`, `elseif`, `else`, `each`, `insert` as keys.

use super::fields::describe;
use super::include::{self, Place};
use super::yaml::join;
use crate::error::Problems;
use crate::expression::{Context, Expression, ExpressionError, Scope, StatusFunction, Value, same};

/// Expands `node` with the given parameters; templates that it refers to are seen from `place`.
pub(super) fn expand<'b>(
    node: &Value,
    parameters: &Value,
    place: &Place<'b>,
    problems: &mut Problems<'b>,
) -> Value {
    Expander {
        parameters,
        loops: Vec::new(),
        place,
        problems,
    }
    .value(node, &place.at)
}

struct Expander<'a, 'b> {
    parameters: &'a Value,
    /// The variables of the enclosing `each` loops, innermost last.
    loops: Vec<(String, Value)>,
    place: &'a Place<'b>,
    problems: &'a mut Problems<'b>,
}

impl Context for Expander<'_, '_> {
    fn named(&self, name: &str) -> Value {
        let variable = self.loops.iter().rev().find(|(known, _)| same(known, name));
        variable.map_or_else(|| self.parameters.clone(), |(_, value)| value.clone())
    }

    fn status(&self, function: StatusFunction, _: &[String]) -> Result<bool, ExpressionError> {
        // The scope of a template expression has no status functions: reading it has refused them.
        Ok(function == StatusFunction::Always)
    }
}

/// A key that is a directive.
enum Directive<'a> {
    If(&'a str),
    ElseIf(&'a str),
    Else,
    Each { variable: &'a str, over: &'a str },
    Insert,
}

/// The state of an `if` chain: may an `elseif` or `else` follow, and can it still be taken?
#[derive(Clone, Copy)]
enum Chain {
    None,
    Open,
    Taken,
}

/// The loop variable that the body of a directive is expanded with, if any.
type Binding = Option<(String, Value)>;

impl Expander<'_, '_> {
    fn value(&mut self, node: &Value, path: &str) -> Value {
        match node {
            Value::Text(text) => self.text(text, path),
            Value::Array(items) => Value::Array(self.items(items, path)),
            Value::Object(entries) => Value::Object(self.entries(entries, path)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Version(_) => node.clone(),
        }
    }

    /// A list: lists that come out of expressions and directives are flattened into it.
    fn items(&mut self, items: &[Value], path: &str) -> Vec<Value> {
        let mut expanded = Vec::new();
        let mut chain = Chain::None;
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            if let Some((key, directive, body)) = lone_directive(item) {
                for binding in self.branches(&directive, &mut chain, &join(&path, key)) {
                    expanded.extend(self.list_body(body, binding, &join(&path, key)));
                }
                continue;
            }
            chain = Chain::None;
            match (self.value(item, &path), item) {
                (Value::Array(inner), Value::Text(_)) => expanded.extend(inner),
                (Value::Object(entries), _) if refers(&entries) => {
                    expanded.extend(self.included(&entries, &path));
                }
                (value, _) => expanded.push(value),
            }
        }
        expanded
    }

    /// The items of the template that a list item names.
    fn included(&mut self, entries: &[(String, Value)], path: &str) -> Vec<Value> {
        let Some(included) = include::find(entries, path, self.place, self.problems) else {
            return Vec::new();
        };
        let (values, place) = (&included.values, &included.place);
        let filled = expand(&included.body, values, place, self.problems);
        let kind = filled.kind();
        if let Value::Array(items) = filled {
            return items;
        }
        let what = format!("`{}` holds {kind}, expected a list", included.file);
        self.problems.add(&format!("{path}.template"), "", what);
        Vec::new()
    }

    fn list_body(&mut self, body: &Value, binding: Binding, path: &str) -> Vec<Value> {
        let value = self.bound(binding, |this| this.value(body, path));
        if let Value::Array(items) = value {
            return items;
        }
        let what = format!("found {} below it, expected a list", describe(&value));
        self.problems.add(path, "", what);
        Vec::new()
    }

    /// A mapping: mappings below directives are merged into it.
    fn entries(&mut self, entries: &[(String, Value)], path: &str) -> Vec<(String, Value)> {
        let mut expanded: Vec<(String, Value)> = Vec::new();
        let mut chain = Chain::None;
        for (key, value) in entries {
            let path = join(path, key);
            let added = if let Some(directive) = directive(key) {
                let bindings = self.branches(&directive, &mut chain, &path);
                bindings
                    .into_iter()
                    .flat_map(|binding| self.mapping_body(value, binding, &path))
                    .collect()
            } else {
                chain = Chain::None;
                self.key(key, &path)
                    .map(|key| vec![(key, self.value(value, &path))])
                    .unwrap_or_default()
            };
            for (key, value) in added {
                if expanded.iter().any(|(known, _)| *known == key) {
                    self.problems
                        .add(&path, "", format!("`{key}` is there twice"));
                }
                expanded.push((key, value));
            }
        }
        expanded
    }

    fn mapping_body(&mut self, body: &Value, binding: Binding, path: &str) -> Vec<(String, Value)> {
        let value = self.bound(binding, |this| this.value(body, path));
        if let Value::Object(entries) = value {
            return entries;
        }
        let what = format!("found {} below it, expected a mapping", describe(&value));
        self.problems.add(path, "", what);
        Vec::new()
    }

    fn key(&mut self, key: &str, path: &str) -> Option<String> {
        let value = self.text(key, path);
        let text = value.to_text().map(std::borrow::Cow::into_owned);
        if text.is_none() {
            self.problems
                .add(path, key, format!("found {} as a key", describe(&value)));
        }
        text
    }

    fn bound<T>(&mut self, binding: Binding, body: impl FnOnce(&mut Self) -> T) -> T {
        let bound = binding.is_some();
        self.loops.extend(binding);
        let result = body(self);
        if bound {
            self.loops.pop();
        }
        result
    }

    /// How often, and with which loop variable, the body of a directive is expanded.
    fn branches(
        &mut self,
        directive: &Directive<'_>,
        chain: &mut Chain,
        path: &str,
    ) -> Vec<Binding> {
        let before = *chain;
        *chain = Chain::None;
        match directive {
            Directive::If(condition) => self.branch(condition, chain, path),
            Directive::ElseIf(condition) => match before {
                Chain::Open => self.branch(condition, chain, path),
                Chain::Taken => {
                    *chain = Chain::Taken;
                    Vec::new()
                }
                Chain::None => self.without_if("elseif", path),
            },
            Directive::Else => match before {
                Chain::Open => vec![None],
                Chain::Taken => Vec::new(),
                Chain::None => self.without_if("else", path),
            },
            Directive::Each { variable, over } => self.rounds(variable, over, path),
            Directive::Insert => vec![None],
        }
    }

    fn branch(&mut self, condition: &str, chain: &mut Chain, path: &str) -> Vec<Binding> {
        let taken = self
            .evaluate(condition, path)
            .is_some_and(|value| value.is_truthy());
        *chain = if taken { Chain::Taken } else { Chain::Open };
        if taken { vec![None] } else { Vec::new() }
    }

    fn without_if(&mut self, directive: &str, path: &str) -> Vec<Binding> {
        self.problems.add(
            path,
            "",
            format!("found `{directive}` without an `if` right before it"),
        );
        Vec::new()
    }

    fn rounds(&mut self, variable: &str, over: &str, path: &str) -> Vec<Binding> {
        let round = |value| Some((variable.to_owned(), value));
        match self.evaluate(over, path) {
            Some(Value::Array(items)) => items.into_iter().map(round).collect(),
            Some(Value::Object(entries)) => entries
                .into_iter()
                .map(|(key, value)| {
                    let key = ("key".to_owned(), Value::Text(key));
                    round(Value::Object(vec![key, ("value".to_owned(), value)]))
                })
                .collect(),
            Some(other) => {
                let what = format!("found {} after `in`, expected a list", describe(&other));
                self.problems.add(path, over, what);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// A text that is one expression becomes its value; otherwise the values are written into it.
    fn text(&mut self, text: &str, path: &str) -> Value {
        let Some(parts) = parts(text) else {
            self.problems.add(
                path,
                text,
                format!("found `${{{{` without `}}}}` in `{text}`"),
            );
            return Value::Null;
        };
        if let [Part::Expression(source)] = parts.as_slice() {
            if directive(text).is_some() {
                self.problems
                    .add(path, text, format!("found `{text}` where no key stands"));
                return Value::Null;
            }
            return self.evaluate(source, path).unwrap_or(Value::Null);
        }
        let mut filled = String::new();
        for part in parts {
            match part {
                Part::Literal(literal) => filled.push_str(literal),
                Part::Expression(source) => {
                    let Some(value) = self.evaluate(source, path) else {
                        continue;
                    };
                    if let Some(value) = value.to_text() {
                        filled.push_str(&value);
                    } else {
                        let what = format!("found {} inside a text", describe(&value));
                        self.problems.add(path, source, what);
                    }
                }
            }
        }
        Value::Text(filled)
    }

    fn evaluate(&mut self, source: &str, path: &str) -> Option<Value> {
        let names: Vec<&str> = self.loops.iter().map(|(name, _)| name.as_str()).collect();
        let scope = Scope::template(&names);
        let result = Expression::parse(source.trim(), &scope)
            .and_then(|expression| expression.evaluate(self));
        result
            .inspect_err(|error| {
                self.problems
                    .add(path, source, format!("cannot {error} in `{source}`"));
            })
            .ok()
    }
}

/// Returns whether a list item stands for the content of another template.
fn refers(entries: &[(String, Value)]) -> bool {
    entries.iter().any(|(key, _)| key == "template")
}

/// A list item that consists of one directive.
fn lone_directive(item: &Value) -> Option<(&str, Directive<'_>, &Value)> {
    let Value::Object(entries) = item else {
        return None;
    };
    let [(key, body)] = entries.as_slice() else {
        return None;
    };
    directive(key)
        .filter(|directive| !matches!(directive, Directive::Insert))
        .map(|directive| (key.as_str(), directive, body))
}

/// A piece of a text.
enum Part<'a> {
    Literal(&'a str),
    Expression(&'a str),
}

/// Splits a text at its expressions; `None` when one is not closed.
fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let (before, opened) = rest.split_at(start);
        if !before.is_empty() {
            parts.push(Part::Literal(before));
        }
        let inside = &opened[3..];
        let end = closing(inside)?;
        parts.push(Part::Expression(inside[..end].trim()));
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Some(parts)
}

/// Where `}}` closes an expression; the one inside a string literal does not.
fn closing(inside: &str) -> Option<usize> {
    let mut quoted = false;
    inside.char_indices().find_map(|(at, c)| {
        quoted ^= c == '\'';
        (!quoted && inside[at..].starts_with("}}")).then_some(at)
    })
}

/// Reads a key as a directive.
fn directive(key: &str) -> Option<Directive<'_>> {
    let parts = parts(key.trim())?;
    let [Part::Expression(source)] = parts.as_slice() else {
        return None;
    };
    let (word, rest) = match source.find(|c: char| !c.is_ascii_alphabetic()) {
        Some(end) => source.split_at(end),
        None => (*source, ""),
    };
    let rest = rest.trim();
    match word {
        "if" => Some(Directive::If(rest)),
        "elseif" => Some(Directive::ElseIf(rest)),
        "else" if rest.is_empty() => Some(Directive::Else),
        "insert" if rest.is_empty() => Some(Directive::Insert),
        "each" => {
            let (variable, rest) = rest.split_once(char::is_whitespace)?;
            let over = rest.trim().strip_prefix("in")?;
            let spaced = over.starts_with(|c: char| c.is_whitespace() || c == '(');
            spaced.then(|| Directive::Each {
                variable,
                over: over.trim(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
