//! The values of the expression language and how they are converted into one another.

use std::borrow::Cow;
use std::fmt;

/// A value of the expression language, and of a template after its YAML was read.
///
/// Lookups in objects ignore case, as Azure Pipelines does for parameters, variables and outputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// What a lookup that finds nothing yields.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; the language has one numeric type.
    Number(f64),
    /// `1.2.3` or `1.2.3.4`: two to four parts.
    Version(Vec<u32>),
    /// Text.
    Text(String),
    /// A list.
    Array(Vec<Value>),
    /// A map in the order in which it was written.
    Object(Vec<(String, Value)>),
}

/// Returns whether two names or texts are the same to Azure Pipelines (ordinal, ignoring case).
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.chars()
        .flat_map(char::to_uppercase)
        .eq(right.chars().flat_map(char::to_uppercase))
}

impl Value {
    /// Text, from anything that can be turned into a `String`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The value's type as Azure Pipelines names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Version(_) => "version",
            Self::Text(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The entry called `name`, ignoring case; `None` for everything that is not an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let Self::Object(entries) = self else {
            return None;
        };
        entries
            .iter()
            .find(|(key, _)| same(key, name))
            .map(|(_, value)| value)
    }

    /// Cast to boolean: null, `false`, 0 and the empty string are false, all else is true.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(value) => *value != 0.0,
            Self::Text(value) => !value.is_empty(),
            Self::Version(_) | Self::Array(_) | Self::Object(_) => true,
        }
    }

    /// Cast to string; arrays and objects have none.
    #[must_use]
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null => Some(Cow::Borrowed("")),
            Self::Bool(true) => Some(Cow::Borrowed("True")),
            Self::Bool(false) => Some(Cow::Borrowed("False")),
            Self::Number(value) => Some(Cow::Owned(value.to_string())),
            Self::Version(parts) => {
                let parts: Vec<_> = parts.iter().map(u32::to_string).collect();
                Some(Cow::Owned(parts.join(".")))
            }
            Self::Text(value) => Some(Cow::Borrowed(value)),
            Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Cast to number; `None` where the language has no conversion.
    #[must_use]
    pub fn to_number(&self) -> Option<f64> {
        match self {
            Self::Null => Some(0.0),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Number(value) => Some(*value),
            Self::Text(value) => parse_number(value),
            Self::Version(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Cast to version; `None` where the language has no conversion.
    #[must_use]
    pub fn to_version(&self) -> Option<Vec<u32>> {
        match self {
            Self::Version(parts) => Some(parts.clone()),
            Self::Text(value) => parse_version(value, 2),
            // "Must be greater than zero and must contain a non-zero decimal."
            Self::Number(value) if *value > 0.0 && value.fract() != 0.0 => {
                parse_version(&value.to_string(), 2)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// `eq`: the right value is converted to the left one's type; a failed conversion is unequal.
    #[must_use]
    pub fn equals(&self, right: &Value) -> bool {
        match self {
            Self::Null => match right {
                Self::Null => true,
                Self::Text(text) => text.is_empty(),
                Self::Bool(_)
                | Self::Number(_)
                | Self::Version(_)
                | Self::Array(_)
                | Self::Object(_) => false,
            },
            Self::Bool(left) => *left == right.is_truthy(),
            // Both come from the same decimal text or arithmetic-free casts: exact comparison is meant.
            Self::Number(left) => right
                .to_number()
                .is_some_and(|right| left.total_cmp(&right).is_eq()),
            Self::Version(left) => right.to_version().is_some_and(|right| *left == right),
            Self::Text(left) => right.to_text().is_some_and(|right| same(left, &right)),
            Self::Array(_) | Self::Object(_) => false,
        }
    }

    /// The JSON form used by `convertToJson` and by messages.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "guarded: whole and within 2^53"
            )]
            Self::Number(value) if value.fract() == 0.0 && value.abs() < 9.0e15 => {
                (*value as i64).into()
            }
            Self::Number(value) => (*value).into(),
            Self::Version(_) => self.to_text().unwrap_or_default().into_owned().into(),
            Self::Text(value) => value.clone().into(),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect(),
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(value) => value
                .as_f64()
                .map_or_else(|| Self::Text(value.to_string()), Self::Number),
            serde_json::Value::String(value) => Self::Text(value.clone()),
            serde_json::Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => Self::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

/// How a value is quoted in a message: text as the language writes it, the rest as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Version(_) => f.write_str(&self.to_text().unwrap_or_default()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => {
                write!(f, "{}", self.to_json())
            }
        }
    }
}

/// String to number: empty is 0; sign, decimal point, thousands separators and outer white space
/// are allowed, an exponent is not.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() {
        return Some(0.0);
    }
    let digits = text.replace(',', "");
    let plain = digits.trim_start_matches(['+', '-']);
    let known = plain.chars().all(|c| c.is_ascii_digit() || c == '.');
    (known && digits.len() - plain.len() <= 1)
        .then(|| digits.parse().ok())
        .flatten()
}

/// A dotted version of `least` to four parts.
pub(super) fn parse_version(text: &str, least: usize) -> Option<Vec<u32>> {
    let parts: Vec<u32> = text
        .trim()
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    (least..=4).contains(&parts.len()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_to_boolean_follow_the_table() {
        let rows: &[(&str, Value, bool)] = &[
            ("null is false", Value::Null, false),
            ("0 is false", Value::Number(0.0), false),
            ("-1 is true", Value::Number(-1.0), true),
            ("the empty string is false", Value::text(""), false),
            ("the string 'false' is true", Value::text("false"), true),
            ("a version is true", Value::Version(vec![0, 0, 0]), true),
            ("an empty array is true", Value::Array(vec![]), true),
            ("an empty object is true", Value::Object(vec![]), true),
        ];
        for (name, value, expected) in rows {
            assert_eq!(value.is_truthy(), *expected, "{name}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn equality_converts_the_right_side_to_the_left_type() {
        let text = |text: &str| Value::text(text);
        let rows: &[(&str, Value, Value, bool)] = &[
            (
                "strings ignore case",
                text("TimedOut"),
                text("timedOut"),
                true,
            ),
            (
                "strings ignore case beyond ASCII",
                text("ÄÖ"),
                text("äö"),
                true,
            ),
            (
                "different strings differ",
                text("failed"),
                text("fail"),
                false,
            ),
            (
                "a number is compared as text with text",
                text("1"),
                Value::Number(1.0),
                true,
            ),
            (
                "text is compared as number with a number",
                Value::Number(1.0),
                text(" 1.0 "),
                true,
            ),
            (
                "a word is not a number",
                Value::Number(0.0),
                text("zero"),
                false,
            ),
            (
                "the empty string is the number 0",
                Value::Number(0.0),
                text(""),
                true,
            ),
            (
                "null is 0 to a number",
                Value::Number(0.0),
                Value::Null,
                true,
            ),
            ("null equals the empty string", Value::Null, text(""), true),
            (
                "null does not equal a word",
                Value::Null,
                text("null"),
                false,
            ),
            (
                "null does not equal false",
                Value::Null,
                Value::Bool(false),
                false,
            ),
            ("false equals null", Value::Bool(false), Value::Null, true),
            (
                "true equals any word",
                Value::Bool(true),
                text("false"),
                true,
            ),
            (
                "the string 'true' equals true",
                text("true"),
                Value::Bool(true),
                true,
            ),
            (
                "a version equals its text",
                Value::Version(vec![1, 2, 3]),
                text("1.2.3"),
                true,
            ),
            (
                "a version differs from a word",
                Value::Version(vec![1, 2, 3]),
                text("x"),
                false,
            ),
            (
                "a version equals a decimal",
                Value::Version(vec![1, 5]),
                Value::Number(1.5),
                true,
            ),
            (
                "an array equals nothing",
                Value::Array(vec![]),
                Value::Array(vec![]),
                false,
            ),
            (
                "text never equals an array",
                text(""),
                Value::Array(vec![]),
                false,
            ),
        ];
        for (name, left, right, expected) in rows {
            assert_eq!(left.equals(right), *expected, "{name}");
        }
    }

    #[test]
    fn strings_become_numbers_only_in_the_allowed_forms() {
        let rows: &[(&str, Option<f64>)] = &[
            ("", Some(0.0)),
            (" 12 ", Some(12.0)),
            ("-1.5", Some(-1.5)),
            ("+3", Some(3.0)),
            ("1,000", Some(1000.0)),
            (".5", Some(0.5)),
            ("1e3", None),
            ("--1", None),
            ("1.2.3", None),
            ("inf", None),
            ("NaN", None),
            ("0x10", None),
            ("-", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Value::text(*text).to_number(), *expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_and_booleans_are_written_as_azure_writes_them() {
        assert_eq!(Value::Number(1.0).to_text().unwrap(), "1");
        assert_eq!(Value::Number(-1.25).to_text().unwrap(), "-1.25");
        assert_eq!(Value::Bool(true).to_text().unwrap(), "True");
        assert_eq!(Value::Null.to_text().unwrap(), "");
        assert!(Value::Array(vec![]).to_text().is_none());
    }
}
