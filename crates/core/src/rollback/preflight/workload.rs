//! Checks a rollback against the workload's own objects, without further lookups.

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use super::finding::{PreflightCode, PreflightFinding};
use super::{RollbackPlan, owner, schema};
use crate::history::{Entry, History};
use crate::rollback::{Allowed, ChosenBy, Request};
use crate::workload::raw::text;

/// Returns the findings about a plan from the workload's own objects.
pub(in crate::rollback) fn findings(
    history: &History,
    plan: &RollbackPlan,
    request: &Request,
) -> Vec<PreflightFinding> {
    let allowed = request.allowed;
    let Some(to) = history.with_uid(&plan.to.uid) else {
        return Vec::new();
    };
    let from = history.with_uid(&plan.from.uid);
    let mut found = schema::findings(history, &to, allowed);
    found.extend(owner::finding(history.object(), request));
    found.extend(on_delete(history, allowed));
    found.extend(from.and_then(|from| migrated(&from, &to)));
    found.extend(unchecked(history, plan, request, &to));
    found.extend(image_unknown(plan, &to));
    found
}

/// Reports the update strategy OnDelete, with which the change alone replaces no pod.
fn on_delete(history: &History, allowed: Allowed) -> Option<PreflightFinding> {
    let workload = history.typed().filter(|it| it.is_on_delete())?;
    let message = format!(
        "{} replaces a pod only when somebody deletes it (updateStrategy OnDelete)",
        workload.title()
    );
    let code = PreflightCode::OnDelete;
    Some(PreflightFinding::refusal_unless(
        allowed.on_delete,
        code,
        message,
    ))
}

/// Reports init containers that have run and that differ in the target: most often they migrate
/// data.
fn migrated(from: &Entry<'_>, to: &Entry<'_>) -> Option<PreflightFinding> {
    let (bad, good) = (from.template(), to.template());
    let known: Vec<&Value> = init_containers(&good).collect();
    let changed = init_containers(&bad).filter(|it| {
        // A sidecar runs beside the containers, not before them.
        text(it, "/restartPolicy") != "Always" && !known.contains(it)
    });
    let ran: Vec<&str> = changed
        .map(|it| text(it, "/name"))
        .filter(|name| from.pods().any(|pod| has_run(pod, name)))
        .collect();
    if ran.is_empty() {
        return None;
    }
    let message = format!(
        "init container `{}` of revision {} has run to completion; its work is not undone",
        ran.join("`, `"),
        from.revision()
    );
    Some(PreflightFinding::warning(
        PreflightCode::MigrationRan,
        message,
    ))
}

fn init_containers(template: &Value) -> impl Iterator<Item = &Value> {
    let list = template
        .pointer("/spec/initContainers")
        .and_then(Value::as_array);
    list.into_iter().flatten()
}

fn has_run(pod: &Pod, container: &str) -> bool {
    let status = pod.status.as_ref();
    let statuses = status.and_then(|it| it.init_container_statuses.as_ref());
    let mut named = statuses.into_iter().flatten();
    named.any(|it| {
        let ended = it.state.as_ref().and_then(|it| it.terminated.as_ref());
        it.name == container && ended.is_some_and(|it| it.exit_code == 0)
    })
}

/// Reports a serving revision that is newer than the known good one, but that no check found
/// healthy: a person must judge whether to skip it.
fn unchecked(
    history: &History,
    plan: &RollbackPlan,
    request: &Request,
    to: &Entry<'_>,
) -> Option<PreflightFinding> {
    if plan.chosen_by != ChosenBy::KnownGood {
        return None;
    }
    let served = request.served.as_deref();
    let passed_over = |it: &Entry<'_>| {
        it.revision() > to.revision() && history.serves(it, served) && it.mark().is_none()
    };
    let other = history.former().find(passed_over)?;
    let message = format!(
        "revision {} was serving and is newer than revision {}, but no check found it healthy: it is \
         passed over",
        other.revision(),
        to.revision()
    );
    Some(PreflightFinding::warning(
        PreflightCode::UncheckedServed,
        message,
    ))
}

/// Reports images without a known digest: a tag may refer to another image by now.
fn image_unknown(plan: &RollbackPlan, to: &Entry<'_>) -> Option<PreflightFinding> {
    let pinned = to.images().iter().all(|image| image.contains('@'));
    if pinned || !plan.images.is_empty() {
        return None;
    }
    let message = format!(
        "the images that revision {} ran are unknown: if a tag was pushed again, its pods get a different image",
        to.revision()
    );
    Some(PreflightFinding::note(PreflightCode::ImageUnknown, message))
}
