//! Reads objects as the API server sent them, by JSON pointer.

use serde_json::Value;

/// The label that the Deployment controller adds to a ReplicaSet's pod template.
pub const TEMPLATE_HASH_LABEL: &str = "pod-template-hash";

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(crate) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// Returns a template without the hash label, the null timestamp of some API servers, and the
/// `$patch` of a ControllerRevision's data.
pub(crate) fn plain(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(template) = template.as_object_mut() {
        template.remove("$patch");
    }
    if let Some(metadata) = template
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        if metadata
            .get("creationTimestamp")
            .is_some_and(Value::is_null)
        {
            metadata.remove("creationTimestamp");
        }
        let labels = metadata.get_mut("labels").and_then(Value::as_object_mut);
        let bare = labels.is_some_and(|labels| {
            labels.remove(TEMPLATE_HASH_LABEL);
            labels.is_empty()
        });
        if bare {
            metadata.remove("labels");
        }
    }
    template
}
