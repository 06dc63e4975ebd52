//! Reading and writing fields of objects that are kept as raw JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A text field, empty when absent.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A whole number, or a default when absent.
pub(crate) fn int_or(object: &Value, pointer: &str, default: i64) -> i64 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or(default)
}

/// A whole number, zero when absent.
pub(crate) fn int(object: &Value, pointer: &str) -> i64 {
    int_or(object, pointer, 0)
}

/// The entries of a list, none when absent.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A map of texts, empty when absent.
pub(crate) fn texts(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let Some(map) = object.pointer(pointer).and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    map.iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(crate) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub(crate) fn labels(object: &Value) -> BTreeMap<String, String> {
    texts(object, "/metadata/labels")
}

/// The uid of the owner that controls the object.
pub(crate) fn controller_uid(object: &Value) -> Option<&str> {
    items(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner["controller"] == true)
        .map(|owner| text(owner, "/uid"))
}

pub(crate) fn being_deleted(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// A time field.
pub(crate) fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

/// Sets a field, making the objects on the way to it.
pub(crate) fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut place = object;
    for step in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[*step];
    }
    *place = value;
}

/// Removes a field, if it is there.
pub(crate) fn unset(object: &mut Value, parent: &str, field: &str) {
    if let Some(map) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        map.remove(field);
    }
}

/// Removes every null member, as the API server does when it decodes an object.
pub(crate) fn prune_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(prune_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(prune_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_are_pruned_at_every_depth() {
        let mut value = json!({"a": null, "b": [{"c": null, "d": 1}]});
        prune_nulls(&mut value);
        assert_eq!(value, json!({"b": [{"d": 1}]}));
    }

    #[test]
    fn setting_a_field_makes_the_way_to_it() {
        let mut value = json!({"metadata": null});
        set(&mut value, &["metadata", "labels", "a"], json!("b"));
        assert_eq!(value, json!({"metadata": {"labels": {"a": "b"}}}));
    }
}
