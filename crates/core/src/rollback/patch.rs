//! The change itself, with its preconditions in it; and reading back whether it was made.

use serde_json::{Value, json};

use super::plan::RollbackPlan;
use super::request::Request;
use crate::annotation::{LastKnownGood, ROLLBACK_RECORD, RollbackRecord};
use crate::history::{Entry, History};
use crate::workload::RevisionId;
use crate::workload::raw::plain;

/// `test` and `replace` in one JSON patch are atomic: on a storage conflict the API server applies
/// the patch anew to the fresh object (apiserver `endpoints/handlers/patch.go`). The preconditions
/// are the uid and the template that was judged, not the resourceVersion, which every status
/// update moves.
pub(super) fn patch(
    history: &History,
    (from, to): (&Entry<'_>, &Entry<'_>),
    request: &Request,
) -> Value {
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": history.uid()}),
        json!({"op": "test", "path": "/spec/template", "value": history.template()}),
        json!({"op": "replace", "path": "/spec/template", "value": to.template()}),
    ];
    if history
        .object()
        .pointer("/metadata/annotations")
        .is_none_or(Value::is_null)
    {
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    let run = &request.run;
    let cause = format!(
        "rollguard: rolled back to revision {} by {run}",
        to.revision()
    );
    let restored = record(&to.id(), &from.id(), request).to_text();
    // `kubectl rollout undo` copies a mark here, from where it would come back onto the bad revision.
    let copied = LastKnownGood::annotation(from.uid());
    if history.annotation(&copied).is_some() {
        let place = format!("/metadata/annotations/{}", copied.replace('/', "~1"));
        patch.push(json!({"op": "remove", "path": place}));
    }
    for (name, value) in [
        ("kubernetes.io/change-cause", cause),
        (ROLLBACK_RECORD, restored),
    ] {
        let place = format!("/metadata/annotations/{}", name.replace('/', "~1"));
        patch.push(json!({"op": "add", "path": place, "value": value}));
    }
    Value::Array(patch)
}

/// What the workload will say of a request that leads from one revision to another.
pub(super) fn record(to: &RevisionId, from: &RevisionId, request: &Request) -> RollbackRecord {
    RollbackRecord::new(to, from, request.now, &request.run).asked(request.to_revision)
}

/// What a read-back after an unknown or refused patch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// The target's template is in place.
    Applied,
    /// The template that was judged is still in place: nothing happened.
    Untouched,
    /// Something else is: a newer rollout, or another object of the same name.
    Superseded,
}

/// Compares the cluster with the plan, so that a patch is never repeated blindly.
#[must_use]
pub fn read_back(plan: &RollbackPlan, history: &History) -> ReadBack {
    let now = plain(history.template());
    if history.uid() != plan.uid {
        ReadBack::Superseded
    } else if now == plain(plan.target_template()) {
        ReadBack::Applied
    } else if now == plain(plan.judged_template()) {
        ReadBack::Untouched
    } else {
        // A server that writes the template otherwise than it was sent still keeps its revision.
        match history.current() {
            Some(current) if current.uid() == plan.to.uid => ReadBack::Applied,
            Some(_) | None => ReadBack::Superseded,
        }
    }
}

/// Whether it was this very plan that was applied, or another run's: who went back to the same
/// revision wrote their own note, at their own time.
#[must_use]
pub fn is_own(plan: &RollbackPlan, history: &History) -> bool {
    let operations = plan.patch.as_array().into_iter().flatten();
    let mut written = operations.filter_map(|it| it.get("value")?.as_str());
    let there = history.annotation(ROLLBACK_RECORD);
    there.is_some_and(|there| written.any(|it| it == there))
}
