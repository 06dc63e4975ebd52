//! Asks the API server what a doctor wants to know: who asks, what time it is there, and what is permitted. Changes
//! nothing.

use std::time::Duration;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use rollguard_core::doctor::{Answer, Reviewed};
use rollguard_core::permission::{Scope, UsedPermission};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::Result;
use crate::access_review::{Attributes, Decision, PLURAL, review};
use crate::clock::server_time;
use crate::error::{Cause, ClusterError};
use crate::lookup::{groups, preferred};
use crate::patience::patiently;
use crate::request::{READ_LIMIT, status_of, within};

/// How long all reviews may take together.
const LIMIT: Duration = Duration::from_secs(75);
/// How many reviews are under way at once.
const AT_ONCE: usize = 8;

/// The identity of a client, as the API server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Its user name; on AKS with Microsoft Entra an object id.
    pub user: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// The API server's time when it answered, in whole seconds.
    pub server_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Review {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    user_info: UserInfo,
}

#[derive(Deserialize)]
struct UserInfo {
    #[serde(default)]
    username: String,
    #[serde(default)]
    groups: Vec<String>,
}

/// Asks who this client is (`SelfSubjectReview`).
///
/// # Errors
/// When the API server refuses or does not know the request (before Kubernetes 1.28); credentials; unreachable.
pub async fn identity(client: &Client) -> Result<Identity> {
    // Where the request is not known, nothing would come of another.
    let asking = || async {
        match ask_identity(client).await {
            Err(cause) if cause.is_not_served() => Ok(Err(cause)),
            asked => asked.map(Ok),
        }
    };
    let asked = patiently(asking).await.and_then(std::convert::identity);
    asked.map_err(|cause| ClusterError::new("ask the API server for the identity", cause))
}

async fn ask_identity(client: &Client) -> std::result::Result<Identity, Cause> {
    let body = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}"#;
    let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.as_bytes().to_vec()))
        .map_err(|error| Cause::Malformed(error.to_string()))?;
    let answer = async {
        let response = client.send(request).await?;
        let (parts, body) = response.into_parts();
        Ok((parts, body.collect().await?.to_bytes()))
    };
    let (parts, body) = within(READ_LIMIT, answer).await?;
    if !parts.status.is_success() {
        return Err(status_of(parts.status, &body).into());
    }
    let review: Review =
        serde_json::from_slice(&body).map_err(|source| Cause::Malformed(source.to_string()))?;
    let UserInfo { username, groups } = review.status.user_info;
    Ok(Identity {
        user: username,
        groups,
        server_time: server_time(&parts.headers),
    })
}

/// Asks for each permission whether it is granted. Never fails: an answer says so when it could not be had.
pub async fn permissions(
    client: &Client,
    namespace: &str,
    used: Vec<UsedPermission>,
) -> Vec<Reviewed> {
    let by = Instant::now() + LIMIT;
    // Of an API that the cluster does not have, no permission is missing. If the list cannot be read, all are asked for.
    let served = patiently(|| groups(client)).await.ok();
    let each = used.into_iter().map(|used| {
        let served = served.as_ref();
        let one = async move {
            let group = used.permission.group;
            let absent = served.is_some_and(|it| preferred(it, group).is_none());
            let answer = if is_of_extension(group) && absent {
                Answer::NotServed
            } else {
                let asking = answer(client, namespace, &used);
                let late = || Answer::Unseen {
                    reason: "no answer in time".to_owned(),
                };
                timeout_at(by, asking).await.unwrap_or_else(|_| late())
            };
            Reviewed { used, answer }
        };
        one.boxed()
    });
    let each: Vec<_> = each.collect();
    stream::iter(each).buffered(AT_ONCE).collect().await
}

/// Returns whether a group is not Kubernetes' own: its own have no domain but `k8s.io`.
fn is_of_extension(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

async fn answer(client: &Client, namespace: &str, used: &UsedPermission) -> Answer {
    let permission = used.permission;
    let attributes = Attributes {
        namespace: match permission.scope {
            Scope::Namespace => Some(namespace),
            Scope::Cluster => None,
        },
        verb: permission.verb,
        group: permission.group,
        resource: permission.plural(),
        subresource: permission.subresource(),
        name: None,
    };
    // Each failure keeps its own cause, which says whether it may pass.
    let asked = patiently(|| async {
        let asked = review(client, attributes).await;
        asked.map_err(|failure| failure.cause)
    });
    match asked.await {
        Ok(Decision::Allowed) => Answer::Granted,
        Ok(Decision::Refused) => Answer::Missing,
        Ok(Decision::Undecided(reason)) => Answer::Unseen { reason },
        Err(Cause::Answer { code: 403, .. }) => Answer::Unseen {
            reason: format!("may not create {PLURAL}"),
        },
        Err(cause) => Answer::Unseen {
            reason: cause.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
