//! Asks the API server what this identity may do (`SelfSubjectAccessReview`).

use kube::Client;
use kube::api::PostParams;
use kube::core::Request;
use serde::Deserialize;
use serde_json::json;

use crate::error::Cause;
use crate::patience::patiently;
use crate::request::{Failure, READ_LIMIT, exchange};

/// The resource that is created for a review.
pub(crate) const PLURAL: &str = "selfsubjectaccessreviews";

/// A request, as the API server's authorizers see it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    /// The namespace; `None` for a request of the whole cluster.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: Option<&'a str>,
    /// The object's name; `None` for any.
    pub(crate) name: Option<&'a str>,
}

/// The answer of the authorizers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    Refused,
    /// One of them could not decide, for this reason, and no other one allowed it.
    Undecided(String),
}

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

/// Reviews one request. A question changes nothing, so that it is repeated as a read is.
pub(crate) async fn review(
    client: &Client,
    attributes: Attributes<'_>,
) -> Result<Decision, Failure> {
    let asking = || async {
        let asked = ask(client, attributes).await;
        asked.map_err(|failure| failure.cause)
    };
    Ok(patiently(asking).await?)
}

async fn ask(client: &Client, attributes: Attributes<'_>) -> Result<Decision, Failure> {
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes.to_json()}});
    let request = Request::new(format!("/apis/authorization.k8s.io/v1/{PLURAL}"))
        .create(&PostParams::default(), body.to_string().into_bytes())?;
    let answer = exchange(client, request, READ_LIMIT).await?;
    let review: Review =
        serde_json::from_slice(&answer).map_err(|source| Cause::Malformed(source.to_string()))?;
    Ok(review.status.into())
}

impl Attributes<'_> {
    fn to_json(self) -> serde_json::Value {
        let mut attributes =
            json!({"verb": self.verb, "group": self.group, "resource": self.resource});
        let optional = [
            ("namespace", self.namespace),
            ("subresource", self.subresource),
            ("name", self.name),
        ];
        for (field, value) in optional {
            if let Some(value) = value {
                attributes[field] = json!(value);
            }
        }
        attributes
    }
}

impl From<Status> for Decision {
    fn from(status: Status) -> Self {
        match status {
            Status { allowed: true, .. } => Self::Allowed,
            // An authorizer that could not decide has not refused: the next one may allow it.
            Status {
                denied: false,
                evaluation_error: Some(error),
                ..
            } if !error.is_empty() => Self::Undecided(error),
            Status { .. } => Self::Refused,
        }
    }
}
