//! YAML to values.

use crate::error::Problems;
use crate::expression::Value;

/// Turns a YAML value into one of the expression language.
pub(super) fn read(yaml: &serde_yaml::Value, path: &str, problems: &mut Problems<'_>) -> Value {
    match yaml {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(value) => Value::Bool(*value),
        serde_yaml::Value::Number(number) => whole(number, path, problems),
        serde_yaml::Value::String(text) => Value::Text(text.clone()),
        serde_yaml::Value::Sequence(items) => Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(at, item)| read(item, &format!("{path}[{at}]"), problems))
                .collect(),
        ),
        serde_yaml::Value::Mapping(entries) => {
            let mut object = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let key = read(key, path, problems);
                if let Some(key) = key.to_text() {
                    let value = read(value, &join(path, &key), problems);
                    object.push((key.into_owned(), value));
                } else {
                    problems.add(path, "", format!("found {} as a key", key.kind()));
                }
            }
            Value::Object(object)
        }
        serde_yaml::Value::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            problems.add(
                path,
                &tag,
                format!("found the YAML tag `{tag}`, expected none"),
            );
            Value::Null
        }
    }
}

/// The same the other way round, with the keys in their order.
pub(super) fn write(value: &Value) -> serde_yaml::Value {
    match value {
        Value::Null => serde_yaml::Value::Null,
        Value::Bool(value) => serde_yaml::Value::Bool(*value),
        Value::Number(_) | Value::Version(_) => {
            let json = value.to_json();
            json.as_i64().map_or_else(
                || serde_yaml::Value::String(value.to_text().unwrap_or_default().into_owned()),
                serde_yaml::Value::from,
            )
        }
        Value::Text(text) => serde_yaml::Value::String(text.clone()),
        Value::Array(items) => serde_yaml::Value::Sequence(items.iter().map(write).collect()),
        Value::Object(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, value)| (key.as_str().into(), write(value)));
            serde_yaml::Value::Mapping(entries.collect())
        }
    }
}

/// Azure keeps the digits of a number as written; a YAML reader keeps those of whole numbers only.
fn whole(number: &serde_yaml::Number, path: &str, problems: &mut Problems<'_>) -> Value {
    match number
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
    {
        Some(number) => Value::Number(f64::from(number)),
        None if number.is_f64() => {
            let text = number.to_string();
            problems.add(
                path,
                &text,
                format!("found the number {text}, expected it in quotes"),
            );
            Value::Null
        }
        None => Value::Text(number.to_string()),
    }
}

/// The path of an entry below `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
