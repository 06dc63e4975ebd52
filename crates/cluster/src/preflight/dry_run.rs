//! Sends dry runs: the API server does everything but store the object.

use kube::Client;
use kube::api::PostParams;
use rollguard_core::history::History;
use rollguard_core::rollback::preflight::DryRun;
use rollguard_core::rollback::{ReadBack, RollbackPlan, read_back};
use serde_json::Value;

use crate::apply::send;
use crate::error::Cause;
use crate::history::object;
use crate::request::{FIELD_MANAGER, Failure, WRITE_LIMIT, exchange, pods};

/// Creates a pod of the target as a dry run.
pub(super) async fn pod(client: &Client, namespace: &str, pod: &Value) -> DryRun {
    match create(client, namespace, pod).await {
        Ok(()) => DryRun::Accepted,
        Err(failure) => of(failure),
    }
}

async fn create(client: &Client, namespace: &str, pod: &Value) -> Result<(), Failure> {
    let params = PostParams {
        dry_run: true,
        field_manager: Some(FIELD_MANAGER.to_owned()),
    };
    let request = pods(namespace).create(&params, pod.to_string().into_bytes())?;
    exchange(client, request, WRITE_LIMIT).await.map(|_| ())
}

/// Sends the patch as a dry run, and returns the template that it would leave.
pub(super) async fn patch(client: &Client, plan: &RollbackPlan) -> (DryRun, Option<Value>) {
    match send(client, plan, true).await {
        Ok(object) => (DryRun::Accepted, object.pointer("/spec/template").cloned()),
        Err(failure) => (not_accepted(client, plan, of(failure)).await, None),
    }
}

/// Leaves preconditions that a newer rollout broke to the patch itself: they are no refusal.
async fn not_accepted(client: &Client, plan: &RollbackPlan, trial: DryRun) -> DryRun {
    if !matches!(trial, DryRun::Refused { code: 422, .. }) {
        return trial;
    }
    let Ok(object) = object(client, &plan.workload).await else {
        return trial;
    };
    let now = History::new(plan.workload.clone(), object, Vec::new(), Vec::new());
    match read_back(plan, &now) {
        ReadBack::Untouched => trial,
        ReadBack::Applied | ReadBack::Superseded => {
            DryRun::NotTried(format!("{} has changed in the meantime", plan.workload))
        }
    }
}

/// Tells a refusal by the API server from a dry run that was not possible.
pub(crate) fn of(failure: Failure) -> DryRun {
    match (failure.cause, failure.reason) {
        (Cause::Answer { code, message, .. }, own) if is_refusal(code, &message, own.is_some()) => {
            DryRun::Refused { code, message }
        }
        (cause, _) => DryRun::NotTried(cause.to_string()),
    }
}

/// Returns whether the same dry run may succeed a moment later.
pub(crate) fn may_pass(failure: &Failure) -> bool {
    let refuses = matches!(&failure.cause, Cause::Answer { code, message, .. }
        if is_refusal(*code, message, failure.reason.is_some())
            || message.contains("does not support dry run"));
    failure.cause.may_pass() && !refuses
}

/// A webhook that has side effects makes every dry run fail, and one that refuses may choose its own
/// code (apiserver `admission/plugin/webhook/errors/statuserror.go`).
///
/// Whatever else is a 4xx would be one again when it is meant in earnest, except for what passes.
fn is_refusal(code: u16, message: &str, own: bool) -> bool {
    if message.contains("does not support dry run") {
        return false;
    }
    match code {
        // What is too large for a gateway does not reach the API server at all.
        413 => true,
        // A gateway's own 403 says nothing about the object.
        _ if !own => false,
        401 | 404 | 408 | 409 | 429 => message.contains("denied the request"),
        400..=499 => true,
        _ => message.contains("denied the request"),
    }
}
