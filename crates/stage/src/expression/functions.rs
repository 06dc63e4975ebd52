//! The functions, applied to their evaluated arguments.

use std::cmp::Ordering;

use super::error::ExpressionError;
use super::function::Function;
use super::value::{Value, same};

/// Applies `function`; the parser has checked the number of arguments.
pub(super) fn apply(function: Function, values: &[Value]) -> Result<Value, ExpressionError> {
    let flag = |value| Ok(Value::Bool(value));
    match (function, values) {
        (Function::Eq, [left, right]) => flag(left.equals(right)),
        (Function::Ne, [left, right]) => flag(!left.equals(right)),
        (Function::In, [left, rest @ ..]) => flag(rest.iter().any(|right| left.equals(right))),
        (Function::NotIn, [left, rest @ ..]) => flag(!rest.iter().any(|right| left.equals(right))),
        (Function::Not, [value]) => flag(!value.is_truthy()),
        (Function::Xor, [left, right]) => flag(left.is_truthy() != right.is_truthy()),
        (Function::Ge, [left, right]) => flag(compare(function, left, right)?.is_ge()),
        (Function::Gt, [left, right]) => flag(compare(function, left, right)?.is_gt()),
        (Function::Le, [left, right]) => flag(compare(function, left, right)?.is_le()),
        (Function::Lt, [left, right]) => flag(compare(function, left, right)?.is_lt()),
        (Function::ContainsValue, [all, value]) => flag(contains_value(all, value)),
        (Function::Coalesce, values) => Ok(coalesce(values)),
        (Function::ConvertToJson, [value]) => convert_to_json(value),
        (Function::Length, [value]) => length(value),
        (Function::Join, [separator, list]) => join(separator, list),
        _ => on_text(function, values),
    }
}

/// The functions that cast all of their arguments to strings.
fn on_text(function: Function, values: &[Value]) -> Result<Value, ExpressionError> {
    let texts = values
        .iter()
        .map(|value| text(function, value))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(match (function, texts.as_slice()) {
        (Function::Contains, [all, part]) => Value::Bool(fold(all).contains(&fold(part))),
        (Function::StartsWith, [all, part]) => Value::Bool(fold(all).starts_with(&fold(part))),
        (Function::EndsWith, [all, part]) => Value::Bool(fold(all).ends_with(&fold(part))),
        (Function::Lower, [all]) => Value::Text(all.to_lowercase()),
        (Function::Upper, [all]) => Value::Text(all.to_uppercase()),
        (Function::Trim, [all]) => Value::text(all.trim()),
        // Replacing nothing would insert between all characters: the text is left alone.
        (Function::Replace, [all, part, _]) if part.is_empty() => Value::text(all),
        (Function::Replace, [all, part, by]) => Value::Text(all.replace(part.as_str(), by)),
        (Function::Split, [all, separators]) => Value::Array(
            all.split(|c| separators.contains(c))
                .map(Value::text)
                .collect(),
        ),
        (Function::Format, [format, arguments @ ..]) => Value::Text(fill(format, arguments)?),
        _ => Value::Null,
    })
}

/// The cast to string that a function needs.
pub(super) fn text(function: Function, value: &Value) -> Result<String, ExpressionError> {
    let text = value
        .to_text()
        .ok_or_else(|| conversion(function, value, "string"))?;
    Ok(text.into_owned())
}

fn conversion(function: Function, value: &Value, to: &'static str) -> ExpressionError {
    let from = match value {
        Value::Array(_) | Value::Object(_) => format!("an {}", value.kind()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Version(_) | Value::Text(_) => {
            format!("the {} {value}", value.kind())
        }
    };
    ExpressionError::Conversion {
        function: function.name(),
        from,
        to,
    }
}

fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).collect()
}

/// `ge`, `gt`, `le`, `lt`: like `eq`, but a failed conversion is an error.
fn compare(function: Function, left: &Value, right: &Value) -> Result<Ordering, ExpressionError> {
    let fails = || conversion(function, right, left.kind());
    match left {
        Value::Bool(left) => Ok(left.cmp(&right.is_truthy())),
        Value::Number(left) => {
            let right = right.to_number().ok_or_else(fails)?;
            left.partial_cmp(&right).ok_or_else(fails)
        }
        Value::Version(left) => Ok(left.cmp(&right.to_version().ok_or_else(fails)?)),
        Value::Text(left) => Ok(fold(left).cmp(&fold(&right.to_text().ok_or_else(fails)?))),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(conversion(function, left, "something that can be compared"))
        }
    }
}

/// Each item is converted to the type of the value looked for.
fn contains_value(all: &Value, value: &Value) -> bool {
    match all {
        Value::Array(items) => items.iter().any(|item| value.equals(item)),
        Value::Object(entries) => entries.iter().any(|(_, item)| value.equals(item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Version(_) | Value::Text(_) => {
            false
        }
    }
}

fn coalesce(values: &[Value]) -> Value {
    let empty = |value: &&Value| {
        !matches!(value, Value::Null) && !matches!(value, Value::Text(text) if text.is_empty())
    };
    values.iter().find(empty).cloned().unwrap_or(Value::Null)
}

fn convert_to_json(value: &Value) -> Result<Value, ExpressionError> {
    serde_json::to_string_pretty(&value.to_json())
        .map(Value::Text)
        .map_err(|_| conversion(Function::ConvertToJson, value, "JSON"))
}

fn length(value: &Value) -> Result<Value, ExpressionError> {
    let length = match value {
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Version(_) | Value::Text(_) => {
            text(Function::Length, value)?.chars().count()
        }
    };
    u32::try_from(length)
        .map(|length| Value::Number(f64::from(length)))
        .map_err(|_| conversion(Function::Length, value, "number"))
}

/// Arrays and objects inside the list become empty strings; what is no list is joined alone.
fn join(separator: &Value, list: &Value) -> Result<Value, ExpressionError> {
    let separator = text(Function::Join, separator)?;
    match list {
        Value::Array(items) => {
            let texts: Vec<_> = items
                .iter()
                .map(|item| item.to_text().unwrap_or_default())
                .collect();
            Ok(Value::Text(texts.join(&separator)))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Version(_)
        | Value::Text(_)
        | Value::Object(_) => text(Function::Join, list).map(Value::Text),
    }
}

/// `format('{0} of {1}', …)`; braces are escaped by doubling them.
fn fill(format: &str, arguments: &[String]) -> Result<String, ExpressionError> {
    let fails = |why| ExpressionError::Format {
        format: Value::text(format).to_string(),
        why,
    };
    let mut filled = String::new();
    let mut rest = format.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '{' if rest.next_if_eq(&'{').is_some() => filled.push('{'),
            '}' if rest.next_if_eq(&'}').is_some() => filled.push('}'),
            '}' => return Err(fails("a single `}` closes nothing")),
            '{' => {
                let mut number = String::new();
                while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                if rest.next() != Some('}') {
                    return Err(fails("only `{0}`, `{1}` and so on can be filled in here"));
                }
                let argument = number.parse().ok().and_then(|at: usize| arguments.get(at));
                filled.push_str(argument.ok_or_else(|| fails("an argument is missing"))?);
            }
            other => filled.push(other),
        }
    }
    Ok(filled)
}

/// Returns whether `list` holds `name`, ignoring case.
pub(crate) fn holds(list: &[String], name: &str) -> bool {
    list.iter().any(|item| same(item, name))
}
