//! Fields that the API server does not let anyone change (kubernetes `pkg/apis/apps/validation/validation.go`).

use serde_json::Value;

use super::certainty::{PredictedCode, Prediction};
use super::manifest::Manifest;
use super::pod::quantity;

/// The fields of each kind; of a StatefulSet only these may differ in a manifest that is valid otherwise.
fn fields(kind: &str) -> &'static [&'static str] {
    match kind {
        "StatefulSet" => &[
            "selector",
            "serviceName",
            "podManagementPolicy",
            "volumeClaimTemplates",
        ],
        _ => &["selector"],
    }
}

/// Finds changes of such fields.
pub(super) fn judge(index: usize, manifest: &Manifest, current: &Value) -> Vec<Prediction> {
    let subject = format!("{} `{}`", manifest.kind(), manifest.name());
    let changed = fields(manifest.kind()).iter().filter_map(|field| {
        let pointer = format!("/spec/{field}");
        let new = manifest.object.pointer(&pointer)?;
        let old = current.pointer(&pointer).unwrap_or(&Value::Null);
        let differs = differs(new, old) || *field == "selector" && differs_as_selector(old, new);
        differs.then(|| {
            let message =
                format!("the manifest changes spec.{field} of {subject}, which cannot be changed");
            Prediction::own(PredictedCode::FieldImmutable, index, message)
                .about(subject.clone())
                .at(pointer)
                .remedy(remedy(field))
        })
    });
    changed.collect()
}

/// A selector may not lose a label either.
fn differs_as_selector(old: &Value, new: &Value) -> bool {
    let count = |of: &Value, at: &str| match of.pointer(at) {
        Some(Value::Object(it)) => it.len(),
        Some(Value::Array(it)) => it.len(),
        _ => 0,
    };
    ["/matchLabels", "/matchExpressions"]
        .iter()
        .any(|at| count(old, at) != count(new, at))
}

fn remedy(field: &str) -> &'static str {
    match field {
        "volumeClaimTemplates" => {
            "keep the claim templates; to change a size, resize the claims (`kubectl patch pvc`), then delete the StatefulSet with --cascade=orphan and apply it again"
        }
        _ => {
            "keep the field, or delete the workload (with --cascade=orphan its pods stay) and apply it again"
        }
    }
}

/// Returns whether a value of a manifest differs from the stored one; what it leaves out has a default there.
fn differs(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Null, _) => false,
        (Value::Object(new), Value::Object(old)) => new.iter().any(|(key, value)| {
            // A claim template's status is never compared.
            key != "status" && differs(value, old.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Object(new), Value::Null) => !new.is_empty(),
        (Value::Array(new), Value::Array(old)) => {
            new.len() != old.len() || new.iter().zip(old).any(|(new, old)| differs(new, old))
        }
        (Value::Array(new), Value::Null) => !new.is_empty(),
        (new, old) => new != old && !is_same_quantity(new, old),
    }
}

fn is_same_quantity(a: &Value, b: &Value) -> bool {
    quantity(a).is_some() && quantity(a) == quantity(b)
}
