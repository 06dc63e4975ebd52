//! The API server's word for a pod of the template: LimitRange, Pod Security, webhooks and policies.

use serde_json::Value;

use super::certainty::{Certainty, Prediction};
use super::planned::Planned;
use super::policies;
use super::question::Trial;
use super::view::{View, not_tried, refusal};
use crate::diagnose::{Cause, classify_refusal};
use crate::finding::FindingCode;
use crate::workload::raw::text;

/// Judges the dry run of a pod.
pub(super) fn judge(view: &View<'_>, plan: &Planned<'_>) -> Vec<Prediction> {
    let Some(tried) = trial(view, plan, plan.template()) else {
        return Vec::new();
    };
    let trial = tried.trial;
    view.warn(plan.index, &trial.warnings);
    if let Some(why) = not_tried(&trial.result) {
        view.note(format!(
            "whether the API server accepts the pods of {}: {why}",
            plan.title()
        ));
    }
    of(view, plan, tried).into_iter().collect()
}

/// A pod that was sent as a dry run.
#[derive(Clone, Copy)]
pub(super) struct Tried<'a> {
    pub(super) trial: &'a Trial,
    /// Whether it was sent with all of its fields.
    is_whole: bool,
}

impl Tried<'_> {
    /// Returns whether the pod is seen as the API server would store it.
    pub(super) const fn is_seen(&self) -> bool {
        self.is_whole && self.trial.written.is_some()
    }
}

/// Sends a pod of a template as a dry run. Where it is refused for an object that another manifest of the call brings,
/// the rest is judged without that field.
pub(super) fn trial<'a>(
    view: &View<'a>,
    plan: &Planned<'_>,
    template: &Value,
) -> Option<Tried<'a>> {
    let mut pod = plan.pod_of(template);
    let mut is_whole = true;
    loop {
        let trial = view.create_pod(plan.namespace(), pod.clone())?;
        let Some(fields) = brought(view, plan, &pod, trial) else {
            return Some(Tried { trial, is_whole });
        };
        let spec = pod.pointer_mut("/spec").and_then(Value::as_object_mut)?;
        spec.retain(|field, _| !fields.contains(&field.as_str()));
        is_whole = false;
    }
}

/// The fields of a pod that name an object without which it is refused.
const NAMED: [(FindingCode, &str, &[&str]); 3] = [
    (
        FindingCode::ServiceAccountMissing,
        "ServiceAccount",
        &["serviceAccountName", "serviceAccount"],
    ),
    (
        FindingCode::PriorityClassMissing,
        "PriorityClass",
        &["priorityClassName"],
    ),
    (
        FindingCode::RuntimeClassMissing,
        "RuntimeClass",
        &["runtimeClassName"],
    ),
];

/// Returns the fields that name what is missing and what the call brings.
fn brought(
    view: &View<'_>,
    plan: &Planned<'_>,
    pod: &Value,
    trial: &Trial,
) -> Option<&'static [&'static str]> {
    let code = refused(trial)?.code;
    let (_, kind, fields) = NAMED.iter().find(|(it, ..)| *it == code)?;
    let mut names = fields.iter().map(|it| text(pod, &format!("/spec/{it}")));
    let name = names.find(|it| !it.is_empty())?;
    let is_brought = if code == FindingCode::ServiceAccountMissing {
        view.manifests.find(kind, plan.namespace(), name).is_some()
    } else {
        view.manifests.brings(kind, name)
    };
    is_brought.then_some(*fields)
}

/// Returns the spec of a pod as the API server would store it, changed by webhooks and defaults; that of the template
/// where it is not seen.
pub(super) fn stored_spec<'p>(view: &View<'p>, plan: &'p Planned<'_>) -> &'p Value {
    let tried = trial(view, plan, plan.template());
    let stored = tried.and_then(|it| it.trial.written.as_ref()?.get("spec"));
    stored.unwrap_or_else(|| plan.spec())
}

fn of(view: &View<'_>, plan: &Planned<'_>, tried: Tried<'_>) -> Option<Prediction> {
    let words = refusal(&tried.trial.result)?;
    let Cause { code, what, remedy } = classify_refusal(words);
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
        .remedy(remedy)
        .at_most(policies::most(view, plan.namespace(), code, words));
    Some(if tried.is_whole {
        prediction
    } else {
        prediction.at_most(Certainty::Possible)
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
