//! Annotates the object that keeps a revision: as known to be good, and why it was restored.

use kube::Client;
use kube::api::{Patch, PatchParams};
use rollguard_core::annotation::{CHANGE_CAUSE, LastKnownGood};
use rollguard_core::observation::ResourceKind;
use rollguard_core::rollback::{LastKnownGoodUpdate, RollbackPlan};
use rollguard_core::workload::{RevisionId, WorkloadRef};
use serde_json::{Value, json};

use crate::Result;
use crate::error::{Cause, ClusterError, Permission};
use crate::history::revision_resource;
use crate::request::{FIELD_MANAGER, Failure, WRITE_LIMIT, apps, exchange};

/// Marks a revision as known to be good.
///
/// # Errors
/// Forbidden with the permission to grant; not found, conflict or invalid when another object has
/// taken the name of the revision object; unreachable.
pub async fn write(client: &Client, marking: &LastKnownGoodUpdate) -> Result<()> {
    let object = RevisionObject {
        kind: marking.resource,
        name: &marking.name,
        uid: &marking.mark.uid,
    };
    let mark = object.mark(&json!(marking.mark.to_text()));
    annotate(client, &marking.workload, object, mark)
        .await
        .map_err(|failure| failed("mark", &marking.workload, object, failure))
}

/// Removes the mark of a good revision from one that was found bad. Does nothing when its object is
/// gone.
///
/// # Errors
/// As [`write()`], except for an object that is gone.
pub async fn withdraw(client: &Client, workload: &WorkloadRef, bad: &RevisionId) -> Result<()> {
    let object = RevisionObject {
        kind: revision_resource(workload.kind),
        name: &bad.name,
        uid: &bad.uid,
    };
    match annotate(client, workload, object, object.mark(&Value::Null)).await {
        Err(failure) if !failure.is_not_found() => {
            Err(failed("withdraw the mark of", workload, object, failure))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes on a restored revision why it came back, for `kubectl rollout history`.
///
/// # Errors
/// As [`write()`].
pub async fn explain(client: &Client, plan: &RollbackPlan) -> Result<()> {
    let object = RevisionObject {
        kind: revision_resource(plan.workload.kind),
        name: &plan.to.name,
        uid: &plan.to.uid,
    };
    let cause = json!({CHANGE_CAUSE: plan.template_change.change_cause});
    annotate(client, &plan.workload, object, cause)
        .await
        .map_err(|failure| failed("annotate", &plan.workload, object, failure))
}

#[derive(Debug, Clone, Copy)]
struct RevisionObject<'a> {
    kind: ResourceKind,
    name: &'a str,
    uid: &'a str,
}

impl RevisionObject<'_> {
    /// The annotation of a good revision, with its value.
    fn mark(&self, value: &Value) -> Value {
        json!({LastKnownGood::annotation(self.uid): value})
    }
}

/// A merge patch makes the annotations where there are none. The uid in it is a precondition: it
/// cannot be changed, so that another object of the same name refuses the patch (kubernetes#126107).
async fn annotate(
    client: &Client,
    workload: &WorkloadRef,
    object: RevisionObject<'_>,
    annotations: Value,
) -> std::result::Result<(), Failure> {
    let patch = json!({"metadata": {"uid": object.uid, "annotations": annotations}});
    let params = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let request =
        apps(&workload.namespace, object.kind).patch(object.name, &params, &Patch::Merge(patch))?;
    exchange(client, request, WRITE_LIMIT).await.map(|_| ())
}

fn failed(
    doing: &str,
    workload: &WorkloadRef,
    object: RevisionObject<'_>,
    failure: Failure,
) -> ClusterError {
    let (namespace, name) = (&workload.namespace, object.name);
    let doing = format!("{doing} revision `{name}` of {workload} in namespace `{namespace}`");
    let replaced = matches!(failure.cause, Cause::Answer { code: 422, .. });
    let error = ClusterError::new(doing, failure.cause)
        .needs(&Permission::to_mark(namespace, workload.kind));
    if replaced {
        error.with_hint(
            "the revision object was created again in the meantime, or a policy \
                         refuses the annotation",
        )
    } else {
        error
    }
}

#[cfg(test)]
mod tests;
