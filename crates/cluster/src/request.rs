//! Requests as raw JSON, each with a limit.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use rollguard_core::observation::ResourceKind;

use crate::error::Cause;

/// How long a read may take, repetitions and its body included.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(30);
/// How long a write may take.
pub(crate) const WRITE_LIMIT: Duration = Duration::from_secs(45);
/// How many objects a list returns at once (client-go's own page size,
/// `client-go/tools/pager/pager.go`).
pub(crate) const PAGE: u32 = 500;

/// The field manager under which server-side apply shows our changes.
pub(crate) const FIELD_MANAGER: &str = "rollguard";

/// A collection of the group `apps` in a namespace.
pub(crate) fn apps(namespace: &str, kind: ResourceKind) -> kube::core::Request {
    apps_of(namespace, kind.plural())
}

/// A collection of the group `apps`, by its plural.
pub(crate) fn apps_of(namespace: &str, plural: &str) -> kube::core::Request {
    kube::core::Request::new(format!("/apis/apps/v1/namespaces/{namespace}/{plural}"))
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

/// Why an exchange brought nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was said.
    pub(crate) cause: Cause,
    /// The API server's word for it (`Status.reason`); `None` when it did not come from there, as a
    /// gateway's own page does not.
    pub(crate) reason: Option<String>,
    /// For how long the server wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    /// Returns whether the API server says that there is no such object; a gateway's 404 is no such word.
    pub(crate) fn is_not_found(&self) -> bool {
        self.cause.is_not_found()
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            reason: None,
            retry_after: None,
        }
    }
}

impl From<kube::core::request::Error> for Failure {
    fn from(error: kube::core::request::Error) -> Self {
        Cause::from(kube::Error::BuildRequest(error)).into()
    }
}

/// Sends a request and returns the body of a success. Reads may be repeated by the client; a write
/// is sent once (`connect/retry.rs`).
pub(crate) async fn exchange(
    client: &Client,
    request: http::Request<Vec<u8>>,
    limit: Duration,
) -> Result<Bytes, Failure> {
    let answer = exchange_whole(client, request, limit).await?;
    Ok(answer.body)
}

/// The answer to a request that succeeded.
pub(crate) struct Exchanged {
    /// Its body.
    pub(crate) body: Bytes,
    /// The texts of its `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

/// The same, with the warnings of the API server.
pub(crate) async fn exchange_whole(
    client: &Client,
    request: http::Request<Vec<u8>>,
    limit: Duration,
) -> Result<Exchanged, Failure> {
    let answer = async {
        let response = client.send(request.map(Body::from)).await?;
        let (parts, body) = response.into_parts();
        Ok((parts, body.collect().await?.to_bytes()))
    };
    let (parts, body) = within(limit, answer).await?;
    if parts.status.is_success() {
        let warnings = warnings(&parts.headers);
        return Ok(Exchanged { body, warnings });
    }
    let own = own_status(parts.status, &body);
    let reason = own.as_ref().map(|it| it.reason.clone());
    Err(Failure {
        cause: status_of(parts.status, &body).into(),
        reason,
        retry_after: retry_after(&parts.headers),
    })
}

/// The texts of `Warning: 299 - "text"` (apimachinery `util/net/http.go`, `NewWarningHeader`).
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(http::header::WARNING).iter();
    let texts = all.filter_map(|it| {
        let text = it.to_str().ok()?.split_once('"')?.1;
        let text = text.rsplit_once('"')?.0;
        Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
    });
    texts.collect()
}

/// `Retry-After` in seconds, as the API server sends it (apiserver
/// `server/filters/priority-and-fairness.go`), or as a date, as something in between may.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    rollguard_network::retry_after(text(RETRY_AFTER)?, text(DATE))
}

fn own_status(code: StatusCode, body: &[u8]) -> Option<Status> {
    let parsed: Option<Status> = serde_json::from_slice(body).ok();
    parsed.filter(|status| status.code == code.as_u16())
}

/// Returns what an error answer says; a proxy's page has no `Status` in it.
pub(crate) fn status_of(code: StatusCode, body: &[u8]) -> Status {
    own_status(code, body).unwrap_or_else(|| {
        let reason = code.canonical_reason().unwrap_or("unknown status");
        Status::failure(reason, "").with_code(code.as_u16())
    })
}
