//! Wrong values at any place of a JSON document.

use serde_json::{Value, json};

/// What a place may hold instead: the ends of ranges, other types, other times, hostile text.
const KINDS: u8 = 16;
/// A text that is long already is not made longer: four such turns would fill the memory.
const LONG: usize = 256;
/// From here on a place counts numbers only: they are few, and sums of them overflow.
const NUMBERS: u16 = 0x8000;

/// Replaces (or takes away) the `place`th value of a document, counted in the order of writing.
pub(crate) fn mutate(document: &mut Value, place: u16, kind: u8) {
    let counts: Counts = if place < NUMBERS {
        |_| true
    } else {
        Value::is_number
    };
    let mut left = usize::from(place % NUMBERS) % count(document, counts).max(1);
    visit(document, &mut left, &(counts, kind));
}

/// Which values are counted.
type Counts = fn(&Value) -> bool;

fn count(value: &Value, counts: Counts) -> usize {
    let of = |value| count(value, counts);
    usize::from(counts(value))
        + match value {
            Value::Array(items) => items.iter().map(of).sum(),
            Value::Object(fields) => fields.values().map(of).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
}

/// Returns whether the place was found.
fn visit(value: &mut Value, left: &mut usize, how: &(Counts, u8)) -> bool {
    let (counts, kind) = *how;
    if counts(value) {
        if *left == 0 {
            *value = other(value, kind);
            return true;
        }
        *left -= 1;
    }
    match value {
        Value::Array(items) => {
            let at = items.iter_mut().position(|item| visit(item, left, how));
            repeat_or_drop(items, at, kind);
            at.is_some()
        }
        Value::Object(fields) => {
            let found = fields.iter_mut().find_map(|(name, value)| {
                visit(value, left, how).then(|| (name.clone(), value.is_null()))
            });
            // `null` and "not there" are one to the API.
            if let Some((name, true)) = &found {
                fields.remove(name);
            }
            found.is_some()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn repeat_or_drop(items: &mut Vec<Value>, at: Option<usize>, kind: u8) {
    let Some(at) = at else { return };
    match items.get(at) {
        Some(Value::Null) => drop(items.remove(at)),
        Some(item) if kind % KINDS == 15 => items.push(item.clone()),
        Some(_) | None => {}
    }
}

fn other(value: &Value, kind: u8) -> Value {
    match (kind % KINDS, value) {
        (0, _) => Value::Null,
        (1, Value::Bool(is)) => json!(!is),
        (1, _) => json!(0),
        (2, _) => json!(-1),
        (3, _) => json!(i32::MAX),
        (4, _) => json!(i32::MIN),
        (5, _) => json!(i64::MAX),
        (6, _) => json!(i64::MIN),
        (7, _) => json!(""),
        (8, _) => {
            json!("x ##vso[task.complete result=Succeeded;]y\r\n##[error] \u{1b}[2J\u{200b}#")
        }
        (9, _) => json!("0001-01-01T00:00:00Z"),
        (10, _) => json!("9999-12-30T22:00:00.999999999Z"),
        (11, _) => json!("2026-11-21T10:00:00Z"),
        (12, Value::String(text)) if text.len() < LONG => json!(text.repeat(40)),
        (12, _) => json!("nothing \u{202e}so \u{fe0f}strange\n".repeat(200)),
        (13, Value::String(text)) => json!(text.chars().rev().collect::<String>()),
        (13, Value::Array(items)) => Value::Array(items.iter().rev().cloned().collect()),
        (13, _) => json!([]),
        (14, Value::Number(number)) => json!(number.as_i64().unwrap_or(0).saturating_add(1)),
        (14, _) => json!({}),
        (_, value) => value.clone(),
    }
}
