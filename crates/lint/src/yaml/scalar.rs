//! Scalars as `go.yaml.in/yaml/v2` resolves them (`resolve.go`).

use std::borrow::Cow;

use super::Value;

/// A scalar as it is written.
#[derive(Debug)]
pub(super) struct Scalar<'t> {
    text: Cow<'t, str>,
    /// Whether its type follows from its text: it is plain, and no tag says otherwise.
    resolved: bool,
}

impl<'t> Scalar<'t> {
    pub(super) const fn new(text: Cow<'t, str>, resolved: bool) -> Self {
        Self { text, resolved }
    }

    pub(super) fn written(&self) -> &str {
        &self.text
    }

    pub(super) fn value(&self) -> Value<'_> {
        if self.resolved {
            resolve(&self.text)
        } else {
            Value::Text(&self.text)
        }
    }
}

/// Resolves a plain scalar.
fn resolve(text: &str) -> Value<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "y" | "Y" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "n" | "N" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if !numeric {
        return Value::Text(text);
    }
    if let Some(number) = integer(text) {
        Value::Int(number)
    } else if is_float(text) {
        Value::Float(text)
    } else {
        Value::Text(text)
    }
}

/// Returns whether a text that is written without quotes is a string, and the same one.
pub(crate) fn is_plain_text(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/');
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && resolve(text) == Value::Text(text)
}

/// Reads a whole number in Go's notation: `0x`, `0o`, `0b`, a leading zero for octal, and `_` anywhere.
fn integer(text: &str) -> Option<i64> {
    let digits: Cow<'_, str> = if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    };
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(&digits)),
    };
    let prefixed = [
        ("0x", 16),
        ("0X", 16),
        ("0o", 8),
        ("0O", 8),
        ("0b", 2),
        ("0B", 2),
    ];
    let (digits, radix) = prefixed
        .iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, *radix)))
        .or_else(|| {
            let octal = digits.strip_prefix('0').filter(|it| !it.is_empty())?;
            Some((octal, 8))
        })
        .unwrap_or((digits, 10));
    // A second sign is no number.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

/// Returns whether a text is a decimal number with a fraction or an exponent.
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let is_mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => {
            (digits(whole) || whole.is_empty())
                && (digits(part) || part.is_empty())
                && mantissa != "."
        }
        None => digits(mantissa),
    };
    let is_exponent = exponent.is_none_or(|it| digits(it.strip_prefix(['-', '+']).unwrap_or(it)));
    is_mantissa && is_exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_resolved_as_kubectl_does() {
        for (text, value) in [
            ("true", Value::Bool(true)),
            ("yes", Value::Bool(true)),
            ("On", Value::Bool(true)),
            ("y", Value::Bool(true)),
            ("no", Value::Bool(false)),
            ("tRuE", Value::Text("tRuE")),
            ("", Value::Null),
            ("~", Value::Null),
            ("null", Value::Null),
            ("8080", Value::Int(8080)),
            ("-1", Value::Int(-1)),
            ("+5", Value::Int(5)),
            ("0", Value::Int(0)),
            ("010", Value::Int(8)),
            ("0o10", Value::Int(8)),
            ("0x1f", Value::Int(31)),
            ("1_000", Value::Int(1000)),
            ("--1", Value::Text("--1")),
            ("08", Value::Float("08")),
            ("0.5", Value::Float("0.5")),
            (".5", Value::Float(".5")),
            ("1e3", Value::Float("1e3")),
            ("1e", Value::Text("1e")),
            (".", Value::Text(".")),
            ("500m", Value::Text("500m")),
            ("1.2.3", Value::Text("1.2.3")),
            ("99999999999999999999", Value::Float("99999999999999999999")),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }

    #[test]
    fn a_quoted_scalar_is_a_string() {
        let quoted = Scalar::new("true".into(), false);
        assert_eq!(quoted.value(), Value::Text("true"));
    }
}
