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

/// Returns a fingerprint of a template, which names a revision that has no object: 64 bits of FNV-1a
/// over its JSON, whose keys are sorted.
pub(crate) fn fingerprint(template: &Value) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let text = plain(template).to_string();
    let hash = text.bytes().fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    format!("template-{hash:016x}")
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
