//! The fields that only the server may write.

use serde_json::{Value, json};

use crate::object::{int_or, set, unset};
use crate::resource::Resource;

/// The count of a DaemonSet's templates, an annotation since `apps/v1` has no field for it.
pub(crate) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Writes do not touch what only the server may say.
pub(super) fn keep_system_fields(new: &mut Value, old: &Value) {
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
    ] {
        match old["metadata"].get(field) {
            Some(value) => set(new, &["metadata", field], value.clone()),
            None => unset(new, "/metadata", field),
        }
    }
}

/// The generation counts changes of the spec.
pub(super) fn count_generation(resource: Resource, new: &mut Value, old: &Value, also: bool) {
    if resource == Resource::DaemonSets {
        count_template_generation(new, old);
    }
    let counted = matches!(
        resource,
        Resource::Deployments
            | Resource::ReplicaSets
            | Resource::StatefulSets
            | Resource::DaemonSets
            | Resource::Jobs
    );
    if counted && (also || new["spec"] != old["spec"]) {
        new["metadata"]["generation"] = json!(int_or(old, "/metadata/generation", 0) + 1);
    }
}

/// No one but the server may write the count of a DaemonSet's templates (kubernetes
/// `pkg/registry/apps/daemonset/strategy.go`, `PrepareForUpdate`).
fn count_template_generation(new: &mut Value, old: &Value) {
    let before: i64 = old["metadata"]["annotations"][TEMPLATE_GENERATION]
        .as_str()
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let more = i64::from(new["spec"]["template"] != old["spec"]["template"]);
    let count = json!((before + more).to_string());
    set(
        new,
        &["metadata", "annotations", TEMPLATE_GENERATION],
        count,
    );
}
