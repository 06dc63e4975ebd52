//! The three ways to patch an object.

use serde_json::Value;

use crate::object::prune_nulls;
use crate::status::ApiFailure;

/// How a patch's body is to be read, by its media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchKind {
    /// `application/json-patch+json`
    Json,
    /// `application/merge-patch+json`
    Merge,
    /// `application/strategic-merge-patch+json`
    Strategic,
    /// `application/apply-patch+yaml`: without field ownership, so a strategic merge that creates.
    Apply,
}

impl PatchKind {
    /// By the request's media type.
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            "application/apply-patch+yaml" => Some(Self::Apply),
            _ => None,
        }
    }

    /// The patched object.
    pub(crate) fn apply(self, object: &Value, body: &[u8]) -> Result<Value, ApiFailure> {
        let mut patched = object.clone();
        match self {
            Self::Json => {
                let patch: json_patch::Patch = decode(body)?;
                ensure_written_as_go_does(&patch, body)?;
                json_patch::patch(&mut patched, &patch)
                    .map_err(|_| ApiFailure::patch_not_applicable())?;
            }
            Self::Merge => json_patch::merge(&mut patched, &decode(body)?),
            Self::Strategic | Self::Apply => strategic(&mut patched, decode(body)?, ""),
        }
        prune_nulls(&mut patched);
        Ok(patched)
    }
}

/// The real server's `test` compares strings as they are written, and Go writes `&`, `<` and `>` as
/// escapes (evanphx/json-patch, `lazyNode.equal`): a `test` that has them plain never holds.
fn ensure_written_as_go_does(patch: &json_patch::Patch, body: &[u8]) -> Result<(), ApiFailure> {
    let tests = patch
        .0
        .iter()
        .any(|operation| matches!(operation, json_patch::PatchOperation::Test(_)));
    if tests && body.iter().any(|byte| matches!(byte, b'&' | b'<' | b'>')) {
        return Err(ApiFailure::patch_not_applicable());
    }
    Ok(())
}

fn decode<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiFailure> {
    serde_json::from_slice(body)
        .map_err(|error| ApiFailure::bad_request(format!("error decoding patch: {error}")))
}

/// The lists that are merged by a key; all others are replaced
/// (`x-kubernetes-patch-merge-key` in the `OpenAPI` of core/v1 and apps/v1).
fn merge_key(list: &str) -> Option<&'static str> {
    match list {
        "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => Some("name"),
        "ports" => Some("containerPort"),
        "volumeMounts" => Some("mountPath"),
        "conditions" => Some("type"),
        _ => None,
    }
}

fn strategic(place: &mut Value, patch: Value, field: &str) {
    match patch {
        Value::Object(mut members) => {
            let directive = members.remove("$patch");
            if !place.is_object() || directive.is_some_and(|it| it == "replace") {
                *place = Value::Object(serde_json::Map::new());
            }
            for (name, member) in members {
                if member.is_null() {
                    place.as_object_mut().map(|map| map.remove(&name));
                } else {
                    strategic(&mut place[&name], member, &name);
                }
            }
        }
        Value::Array(entries) => match (merge_key(field), place.as_array_mut()) {
            (Some(key), Some(present)) => merge_entries(present, entries, key),
            (Some(_) | None, Some(_) | None) => *place = Value::Array(entries),
        },
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            *place = value;
        }
    }
}

fn merge_entries(present: &mut Vec<Value>, entries: Vec<Value>, key: &str) {
    for entry in entries {
        let at = present.iter().position(|it| it[key] == entry[key]);
        match at {
            Some(at) if entry["$patch"] == "delete" => {
                present.remove(at);
            }
            Some(at) => strategic(&mut present[at], entry, ""),
            None => present.push(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(kind: PatchKind, object: &Value, patch: &Value) -> Result<Value, ApiFailure> {
        kind.apply(object, patch.to_string().as_bytes())
    }

    #[test]
    fn a_json_patch_whose_test_fails_is_refused_as_a_whole() {
        let object = json!({"a": 1});
        let patch = json!([
            {"op": "replace", "path": "/a", "value": 2},
            {"op": "test", "path": "/a", "value": 3},
        ]);
        let refused = patched(PatchKind::Json, &object, &patch).unwrap_err();
        assert_eq!(refused.body()["code"], 422);
        assert_eq!(refused.body()["details"], json!({}));
    }

    #[test]
    fn a_strategic_merge_changes_one_container_and_keeps_the_rest() {
        let object = json!({"spec": {"containers": [
            {"name": "app", "image": "app:1", "env": [{"name": "A", "value": "1"}]},
            {"name": "proxy", "image": "proxy:1"},
        ]}});
        let patch = json!({"spec": {"containers": [{"name": "app", "image": "app:2"}]}});
        assert_eq!(
            patched(PatchKind::Strategic, &object, &patch).unwrap()["spec"]["containers"],
            json!([
                {"name": "app", "image": "app:2", "env": [{"name": "A", "value": "1"}]},
                {"name": "proxy", "image": "proxy:1"},
            ])
        );
    }

    #[test]
    fn a_merge_patch_removes_what_is_null() {
        let patch = json!({"a": null, "b": {"c": 1}});
        let object = json!({"a": 1, "b": {"d": 2}});
        let result = patched(PatchKind::Merge, &object, &patch).unwrap();
        assert_eq!(result, json!({"b": {"c": 1, "d": 2}}));
    }
}
