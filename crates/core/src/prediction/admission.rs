//! The API server's word for a pod of the template: LimitRange, Pod Security, webhooks and policies.

use serde_json::Value;

use super::certainty::{Certainty, Prediction};
use super::planned::Planned;
use super::question::Trial;
use super::view::{View, not_tried, refusal};
use crate::diagnose::{Cause, classify_refusal};
use crate::finding::FindingCode;
use crate::workload::raw::text;

/// Judges the dry run of a pod.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let Some(trial) = trial(view, plan, plan.template()) else {
        return Vec::new();
    };
    view.warn(plan.index, &trial.warnings);
    if let Some(why) = not_tried(&trial.result) {
        view.note(format!(
            "whether the API server accepts the pods of {}: {why}",
            plan.title()
        ));
    }
    of(view, plan, trial).into_iter().collect()
}

/// Sends a pod of a template as a dry run. What another manifest of the call brings does not count against it:
/// without that field the rest is judged.
pub(super) fn trial<'a>(
    view: &View<'a>,
    plan: &Planned<'_>,
    template: &Value,
) -> Option<&'a Trial> {
    let mut pod = plan.pod_of(template);
    let namespace = plan.namespace();
    let account = text(&pod, "/spec/serviceAccountName").to_owned();
    let brought = view.manifests.find("ServiceAccount", namespace, &account);
    let class = text(&pod, "/spec/priorityClassName").to_owned();
    let runtime = text(&pod, "/spec/runtimeClassName").to_owned();
    let left_out = [
        ("serviceAccountName", brought.is_some()),
        ("serviceAccount", brought.is_some()),
        (
            "priorityClassName",
            view.manifests.brings("PriorityClass", &class),
        ),
        (
            "runtimeClassName",
            view.manifests.brings("RuntimeClass", &runtime),
        ),
    ];
    if let Some(spec) = pod.pointer_mut("/spec").and_then(Value::as_object_mut) {
        for (field, is_brought) in left_out {
            if is_brought {
                spec.remove(field);
            }
        }
    }
    view.create_pod(namespace, pod)
}

fn of(view: &View<'_>, plan: &Planned<'_>, trial: &Trial) -> Option<Prediction> {
    let Cause { code, what, remedy } = refused(trial)?;
    // The arithmetic over the whole rollout decides about quotas, and the lookup about the account.
    if matches!(
        code,
        FindingCode::QuotaExceeded | FindingCode::ServiceAccountMissing
    ) {
        return None;
    }
    let prediction = Prediction::finding(code, plan.index, what)
        .about(plan.title())
        .at(pointer(plan, code))
        .remedy(remedy);
    let limits = view.manifests.of("LimitRange", plan.namespace()).next();
    let may_help = matches!(
        code,
        FindingCode::QuotaNeedsResources | FindingCode::LimitRangeViolated
    );
    Some(match limits.filter(|_| may_help) {
        Some(_) => prediction.surely(Certainty::Possible),
        None => prediction,
    })
}

/// Returns why the API server refuses a pod; `None` if it does not, or if that is not known.
pub(super) fn refused(trial: &Trial) -> Option<Cause> {
    refusal(&trial.result).map(classify_refusal)
}

/// Returns the field that a refusal is about, where there is one.
fn pointer(plan: &Planned<'_>, code: FindingCode) -> String {
    let fields = [
        (FindingCode::PriorityClassMissing, "/priorityClassName"),
        (FindingCode::RuntimeClassMissing, "/runtimeClassName"),
        (FindingCode::QuotaNeedsResources, "/containers"),
        (FindingCode::LimitRangeViolated, "/containers"),
    ];
    let field = fields.iter().find(|(it, _)| *it == code);
    let field = field.map_or("", |(_, field)| field);
    let pointer = Planned::in_spec(field);
    match plan.manifest.object.pointer(&pointer) {
        Some(_) => pointer,
        None => "/spec/template".to_owned(),
    }
}
