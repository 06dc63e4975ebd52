//! Fields that the API does not have, and values that its fields do not take: the API server refuses or ignores them.

mod schema;
mod values;
mod walk;

use crate::code::LintCode;
use crate::field::{Location, Scope};
use crate::finding::Findings;
use crate::manifest::Object;
use crate::pod::Pod;

use values::is_open;
use walk::{Unknown, Walk};

/// The type of an object's spec, or of the template of a `PodTemplate`; `None` for a kind without a pod template.
fn spec_of(object: &Object<'_>) -> Option<(&'static str, &'static str, Unknown)> {
    let (group, version) = object.api_version.split_once('/').unwrap_or_default();
    let version = if group.is_empty() {
        object.api_version
    } else {
        version
    };
    let (field, of) = match (group, object.name.kind.as_str()) {
        ("", "Pod") => ("spec", "PodSpec"),
        ("", "PodTemplate") => ("template", "PodTemplateSpec"),
        ("", "ReplicationController") => ("spec", "ReplicationControllerSpec"),
        ("apps" | "extensions", "Deployment") => ("spec", "DeploymentSpec"),
        ("apps" | "extensions", "DaemonSet") => ("spec", "DaemonSetSpec"),
        ("apps" | "extensions", "ReplicaSet") => ("spec", "ReplicaSetSpec"),
        ("apps", "StatefulSet") => ("spec", "StatefulSetSpec"),
        ("batch", "Job") => ("spec", "JobSpec"),
        ("batch", "CronJob") => ("spec", "CronJobSpec"),
        _ => return None,
    };
    // A version that was removed had other fields.
    let unknown = if version == "v1" && group != "extensions" {
        Unknown::Named
    } else {
        Unknown::Ignored
    };
    Some((field, of, unknown))
}

/// Judges the fields of an object that has a pod template, and the metadata of every object.
pub(crate) fn judge_object(object: &Object<'_>, findings: &mut Findings) {
    let found = spec_of(object);
    let unknown = found.map_or(Unknown::Ignored, |(.., unknown)| unknown);
    let mut walk = Walk { unknown, findings };
    if let Some(metadata) = object.scope.below("metadata") {
        walk.scope(&metadata, "ObjectMeta");
    }
    let Some((field, of, _)) = found else { return };
    walk.scope(
        &object.scope,
        if field == "spec" {
            "Object"
        } else {
            "Template"
        },
    );
    let Some(spec) = object.scope.below(field) else {
        return;
    };
    walk.scope(&spec, of);
    if object.api_version.starts_with("apps/") {
        selects(&spec, findings);
    }
}

/// Judges a pod template of a kind that the API itself does not have.
pub(crate) fn judge(object: &Object<'_>, pod: &Pod<'_>, findings: &mut Findings) {
    if spec_of(object).is_some() {
        return;
    }
    let unknown = Unknown::Ignored;
    let mut walk = Walk { unknown, findings };
    walk.scope(&pod.spec, "PodSpec");
    if let Some(metadata) = &pod.metadata {
        walk.scope(metadata, "ObjectMeta");
    }
}

/// Finds labels that a selector asks for and the template does not have.
fn selects(spec: &Scope<'_>, findings: &mut Findings) {
    let (Some(selector), Some(template)) =
        (spec.below("selector.matchLabels"), spec.below("template"))
    else {
        return;
    };
    for field in selector.node().fields() {
        let wanted = field.value.written().unwrap_or_default();
        let labels = template.at("metadata.labels");
        let has = labels.node().and_then(|it| it.get(field.key));
        let has = has.and_then(|it| it.value.written());
        if has == Some(wanted) || is_open(wanted) || has.is_some_and(is_open) || is_open(field.key)
        {
            continue;
        }
        let key = field.key;
        let message = match has {
            Some(has) => format!(
                "selector asks for label {key}: {wanted}, and the template has {key}: {has}"
            ),
            None => {
                format!("selector asks for label {key}: {wanted}, which the template does not have")
            }
        };
        let place = Location {
            mark: field.mark,
            path: format!("{}.{key}", selector.path()),
        };
        findings.add_at(LintCode::SelectorMismatch, place, message);
    }
}
