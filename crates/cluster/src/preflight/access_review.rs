//! Asks the API server what this identity may do.

use kube::Client;
use kube::api::PostParams;
use kube::core::Request;
use rollguard_core::rollback::preflight::{AccessReview, Lookup};
use serde::Deserialize;
use serde_json::json;

use crate::error::Cause;
use crate::request::{Failure, READ_LIMIT, exchange};

const PLURAL: &str = "selfsubjectaccessreviews";

#[derive(Deserialize)]
struct Review {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    allowed: bool,
    #[serde(default)]
    denied: bool,
    #[serde(default)]
    evaluation_error: Option<String>,
}

pub(super) async fn right(client: &Client, namespace: &str, right: &AccessReview) -> Lookup<bool> {
    match review(client, namespace, right).await {
        Ok(Status { allowed: true, .. }) => Lookup::Seen(true),
        // An authorizer that could not decide has not refused: the next one may allow it.
        Ok(Status {
            denied: false,
            evaluation_error: Some(error),
            ..
        }) if !error.is_empty() => Lookup::Unseen(error),
        Ok(_) => Lookup::Seen(false),
        Err(failure) => Lookup::Unseen(super::unseen(&failure, "create", PLURAL)),
    }
}

async fn review(client: &Client, namespace: &str, right: &AccessReview) -> Result<Status, Failure> {
    let mut attributes = json!({"namespace": namespace, "verb": right.verb, "group": right.group,
        "resource": right.resource});
    if let (Some(name), Some(attributes)) = (&right.name, attributes.as_object_mut()) {
        attributes.insert("name".to_owned(), json!(name));
    }
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes}});
    let request = Request::new(format!("/apis/authorization.k8s.io/v1/{PLURAL}"))
        .create(&PostParams::default(), body.to_string().into_bytes())?;
    let answer = exchange(client, request, READ_LIMIT).await?;
    let review: Review =
        serde_json::from_slice(&answer).map_err(|source| Cause::Malformed(source.to_string()))?;
    Ok(review.status)
}
