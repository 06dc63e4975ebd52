//! Values beside the types of their fields.

use super::schema::Type;
use crate::yaml::Value;

/// Returns whether a scalar is of a type.
pub(super) fn is_of(kind: &Type, value: Value<'_>) -> bool {
    // kubectl writes a fraction of zero as a whole number.
    let is_whole = |text: &str| text.parse().is_ok_and(|it: f64| it.fract() == 0.0);
    match (kind, value) {
        (Type::Bool, Value::Bool(_))
        | (Type::Int | Type::IntOrText | Type::Quantity, Value::Int(_))
        | (Type::Quantity, Value::Float(_))
        | (Type::Text | Type::IntOrText, Value::Text(_)) => true,
        (Type::Int | Type::IntOrText, Value::Float(it)) => is_whole(it),
        (Type::Quantity, Value::Text(it)) => is_quantity(it),
        // An empty word is no word, and the default takes its place.
        (Type::OneOf(all), Value::Text(it)) => it.is_empty() || all.contains(&it),
        _ => false,
    }
}

/// Returns whether something else is going to replace a text, or a part of it: its type is not known yet.
pub(super) fn is_open(text: &str) -> bool {
    ["${", "$(", "#{", "{{", "<%", "@@", "__"]
        .iter()
        .any(|it| text.contains(it))
        || (text.starts_with('<') && text.ends_with('>'))
        || (text.starts_with('%') && text.ends_with('%') && text.len() > 2)
        || (text.starts_with('$') && text.len() > 1)
}

/// Returns whether a text is a quantity (apimachinery `resource/quantity.go`): a number with an optional suffix.
fn is_quantity(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = text
        .find(|it: char| !it.is_ascii_digit() && it != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(number);
    let is_number = number.bytes().any(|it| it.is_ascii_digit())
        && number.bytes().filter(|it| *it == b'.').count() <= 1;
    let suffixes = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let exponent = suffix.strip_prefix(['e', 'E']);
    let is_exponent = exponent.is_some_and(|it| it.parse::<i32>().is_ok());
    is_number && (suffixes.contains(&suffix) || is_exponent)
}

/// Returns whether a string is surely the value that its field expects, only in quotes, and gives the pod nothing that
/// it would not have without it.
pub(super) fn is_meant(name: &str, kind: &Type, value: Value<'_>) -> bool {
    let Value::Text(text) = value else {
        return false;
    };
    let number = || text.parse().ok().filter(|it: &i32| it.to_string() == text);
    match kind {
        Type::Bool if matches!(name, "runAsNonRoot" | "readOnlyRootFilesystem") => text == "true",
        // It is true without the field.
        Type::Bool if name == "hostUsers" => false,
        Type::Bool => text == "false",
        Type::Int if name == "hostPort" => false,
        Type::Int => number().is_some_and(|it| it > 0),
        Type::List(_)
        | Type::Map(_)
        | Type::Struct(_)
        | Type::Text
        | Type::Quantity
        | Type::IntOrText
        | Type::OneOf(_)
        | Type::Any => false,
    }
}
