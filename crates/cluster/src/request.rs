//! Requests as raw JSON, each with a limit.

use std::future::Future;
use std::time::Duration;

use http::StatusCode;
use kube::core::Status;

use crate::error::Cause;

/// How long a read may take, repetitions and its body included.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(30);
/// How long a write may take.
pub(crate) const WRITE_LIMIT: Duration = Duration::from_secs(45);
/// How many objects a list returns at once (client-go's own page size,
/// `client-go/tools/pager/pager.go`).
pub(crate) const PAGE: u32 = 500;

/// The collection of Deployments in a namespace.
pub(crate) fn deployments(namespace: &str) -> kube::core::Request {
    kube::core::Request::new(format!("/apis/apps/v1/namespaces/{namespace}/deployments"))
}

/// The collection of ReplicaSets in a namespace.
pub(crate) fn replica_sets(namespace: &str) -> kube::core::Request {
    kube::core::Request::new(format!("/apis/apps/v1/namespaces/{namespace}/replicasets"))
}

/// The collection of pods in a namespace.
pub(crate) fn pods(namespace: &str) -> kube::core::Request {
    kube::core::Request::new(format!("/api/v1/namespaces/{namespace}/pods"))
}

/// Ends a call that takes too long.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Cause> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(Cause::from),
        Err(_) => Err(Cause::Silence(limit)),
    }
}

/// What an error answer says; a proxy's page has no `Status` in it.
pub(crate) fn status_of(code: StatusCode, body: &[u8]) -> Status {
    let parsed: Option<Status> = serde_json::from_slice(body).ok();
    let status = parsed.filter(|status| status.code == code.as_u16());
    status.unwrap_or_else(|| {
        let reason = code.canonical_reason().unwrap_or("unknown status");
        Status::failure(reason, "").with_code(code.as_u16())
    })
}
