//! Deleting one pod that keeps a StatefulSet stuck, and only while it still is that very pod.

use std::time::Duration;

use kube::Client;
use kube::api::{DeleteParams, Preconditions};
use rollguard_core::rollback::StuckPod;

use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind, Permission};
use crate::request::{Failure, WRITE_LIMIT, exchange, pods};

/// How often a deletion is sent whose answer says nothing about the pod. Its preconditions make
/// sure that it takes effect once at most.
const SENDS: u32 = 3;
const BETWEEN_SENDS: Duration = Duration::from_secs(1);

/// Deletes the pod, with its normal grace period. `false`: it was not that pod any more, because
/// it is gone, was replaced, or has changed since it was seen.
///
/// # Errors
/// Forbidden with the permission to grant; refused; unreachable.
pub async fn delete(client: &Client, namespace: &str, pod: &StuckPod) -> Result<bool> {
    let mut in_doubt = false;
    let mut left = SENDS;
    loop {
        left -= 1;
        let cause = match send(client, namespace, pod).await {
            Ok(()) => return Ok(true),
            // An earlier one whose answer was lost is what has changed it.
            Err(failure) if is_another(&failure) => return Ok(in_doubt),
            Err(failure) => failure.cause,
        };
        in_doubt |= !matches!(cause, Cause::Answer { code: 429, .. });
        let error = failed(namespace, pod, cause);
        if left == 0 || error.kind() != ClusterErrorKind::Unreachable {
            return Err(error);
        }
        tokio::time::sleep(BETWEEN_SENDS).await;
    }
}

/// 409: a precondition does not hold (apiserver `registry/rest/delete.go`).
fn is_another(failure: &Failure) -> bool {
    failure.is_not_found() || matches!(failure.cause, Cause::Answer { code: 409, .. })
}

async fn send(
    client: &Client,
    namespace: &str,
    pod: &StuckPod,
) -> std::result::Result<(), Failure> {
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(pod.uid.clone()),
            resource_version: Some(pod.resource_version.clone()),
        }),
        ..DeleteParams::default()
    };
    let request = pods(namespace).delete(&pod.name, &params)?;
    exchange(client, request, WRITE_LIMIT).await.map(|_| ())
}

fn failed(namespace: &str, pod: &StuckPod, cause: Cause) -> ClusterError {
    let doing = format!(
        "delete the stuck pod `{}` in namespace `{namespace}`",
        pod.name
    );
    ClusterError::new(doing, cause).needs(&Permission::to_delete_pods(namespace))
}

#[cfg(test)]
mod tests;
