//! `SelfSubjectAccessReview`: everything is allowed unless a fault says otherwise. `SelfSubjectReview`: an administrator.

use serde_json::{Value, json};

use super::reply::Reply;
use super::{Call, Verb};
use crate::cluster::Cluster;
use crate::object::text;
use crate::resource::Resource;
use crate::status::ApiFailure;

const VERBS: [Verb; 7] = [
    Verb::Get,
    Verb::List,
    Verb::Watch,
    Verb::Create,
    Verb::Update,
    Verb::Patch,
    Verb::Delete,
];

/// Answers a review with itself and its status.
pub(super) fn access(cluster: &Cluster, body: &[u8]) -> Result<Reply, ApiFailure> {
    let mut review: Value =
        serde_json::from_slice(body).map_err(|error| ApiFailure::bad_request(error.to_string()))?;
    let allowed = call(&review).is_none_or(|call| !cluster.faults.forbids(&call));
    review["kind"] = json!("SelfSubjectAccessReview");
    review["apiVersion"] = json!("authorization.k8s.io/v1");
    review["status"] = json!({"allowed": allowed});
    let mut reply = Reply::ok(review);
    reply.code = 201;
    Ok(reply)
}

/// Answers who asks: there is one user.
pub(super) fn identity() -> Reply {
    let mut reply = Reply::ok(json!({
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "status": {"userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]}},
    }));
    reply.code = 201;
    reply
}

/// The request that the review asks about; `None` for one that the sandbox does not serve.
fn call(review: &Value) -> Option<Call> {
    let attribute = |name: &str| text(review, &format!("/spec/resourceAttributes/{name}"));
    let verb = VERBS
        .into_iter()
        .find(|verb| verb.to_string() == attribute("verb"))?;
    let resource = Resource::named(attribute("group"), attribute("resource"))?;
    let mut call = Call::hypothetical(verb, resource);
    let given = |name: &str| Some(attribute(name).to_owned()).filter(|it| !it.is_empty());
    call.subresource = given("subresource");
    call.name = given("name");
    call.namespace = given("namespace");
    Some(call)
}
