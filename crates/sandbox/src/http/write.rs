//! Create, replace, patch and delete.

use http::header;
use http::request::Parts;
use serde_json::{Value, json};

use super::Call;
use super::reply::Reply;
use crate::cluster::{Cluster, Collection, Deletion, Part, Update, Writer};
use crate::object::{name, text, uid};
use crate::patch::PatchKind;
use crate::resource::Resource;
use crate::status::{ApiFailure, Invalid};
use crate::store::Key;

/// Returns who writes, and how: `fieldManager` of the query, else the first word of the `User-Agent`
/// (k8s.io/apiserver `pkg/endpoints/handlers/create.go`, `managerOrUserAgent`).
fn writer(call: &Call, head: &Parts) -> Writer {
    let agent = head.headers.get(header::USER_AGENT);
    let agent = agent.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let program = agent.split('/').next().unwrap_or_default();
    let manager = match call.query("fieldManager") {
        "" => program,
        named => named,
    };
    Writer {
        manager: manager.to_owned(),
        applies: media_type(head) == "application/apply-patch+yaml",
        dry_run: call.dry_run(),
    }
}

/// The `Content-Type` without its parameters.
fn media_type(head: &Parts) -> &str {
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|it| it.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim()
}

pub(super) fn create(
    cluster: &mut Cluster,
    call: &Call,
    head: &Parts,
    body: &[u8],
) -> Result<Reply, ApiFailure> {
    let resource = call.resource().ok_or_else(ApiFailure::no_such_path)?;
    if call.name.is_some() || (resource.namespaced() && call.namespace.is_none()) {
        return Err(ApiFailure::method_not_allowed());
    }
    let namespace = call.namespace.as_deref().unwrap_or_default();
    let place = Collection {
        resource,
        namespace,
    };
    let object = cluster.create_as(place, decode(body)?, &writer(call, head))?;
    Ok(created(object))
}

pub(super) fn update(
    cluster: &mut Cluster,
    call: &Call,
    head: &Parts,
    body: &[u8],
) -> Result<Reply, ApiFailure> {
    let key = call.key()?;
    let object: Value = decode(body)?;
    if name(&object) != key.name {
        return Err(ApiFailure::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({})",
            name(&object),
            key.name
        )));
    }
    let update = Update {
        part: part(call)?,
        object,
    };
    let written = cluster.update(&key, update, &writer(call, head))?;
    Ok(Reply::ok(written))
}

pub(super) fn patch(
    cluster: &mut Cluster,
    call: &Call,
    head: &Parts,
    body: &[u8],
) -> Result<Reply, ApiFailure> {
    let key = call.key()?;
    let kind = PatchKind::of(media_type(head)).ok_or_else(unsupported)?;
    let writer = writer(call, head);
    if kind == PatchKind::Apply && cluster.store.get(&key).is_none() {
        let place = Collection {
            resource: key.resource,
            namespace: &key.namespace,
        };
        let object = cluster.create_as(place, decode(body)?, &writer)?;
        return Ok(created(object));
    }
    let old = cluster.find(&key)?;
    let patched = kind.apply(&old, body)?;
    check_uid(&key, &old, &patched)?;
    let update = Update {
        part: part(call)?,
        object: patched,
    };
    let written = cluster.update(&key, update, &writer)?;
    Ok(Reply::ok(written))
}

pub(super) fn delete(cluster: &mut Cluster, call: &Call, body: &[u8]) -> Result<Reply, ApiFailure> {
    let key = call.key()?;
    let how = if body.is_empty() {
        deletion(call)
    } else {
        decode(body)?
    };
    let object = cluster.delete(&key, &how)?;
    // Only some resources answer with the object (`ReturnDeletedObject` of their storage).
    if matches!(
        key.resource,
        Resource::Pods
            | Resource::Namespaces
            | Resource::Claims
            | Resource::ServiceAccounts
            | Resource::Quotas
    ) {
        return Ok(Reply::ok(object));
    }
    let mut details = json!({"name": key.name, "kind": key.resource.plural(), "uid": uid(&object)});
    if !key.resource.group().is_empty() {
        details["group"] = json!(key.resource.group());
    }
    Ok(Reply::ok(json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    })))
}

/// The options of the query, which count only when there is no body: `?dryRun=All` beside one
/// deletes (k8s.io/apiserver `pkg/endpoints/handlers/delete.go`, `DeleteResource`).
fn deletion(call: &Call) -> Deletion {
    let policy = call.query("propagationPolicy");
    Deletion {
        grace_period_seconds: call.query("gracePeriodSeconds").parse().ok(),
        propagation_policy: Some(policy.to_owned()).filter(|it| !it.is_empty()),
        dry_run: call
            .dry_run()
            .then(|| "All".to_owned())
            .into_iter()
            .collect(),
        ..Deletion::default()
    }
}

fn created(object: Value) -> Reply {
    let mut reply = Reply::ok(object);
    reply.code = 201;
    reply
}

fn part(call: &Call) -> Result<Part, ApiFailure> {
    match call.subresource.as_deref() {
        None => Ok(Part::Main),
        Some("status") if call.resource().is_some_and(Resource::has_status) => Ok(Part::Status),
        Some(_) => Err(ApiFailure::no_such_path()),
    }
}

/// A patch that names another uid is invalid, where a replace that does so is a conflict.
fn check_uid(key: &Key, old: &Value, patched: &Value) -> Result<(), ApiFailure> {
    if uid(patched) == uid(old) {
        return Ok(());
    }
    let stated = json!(text(patched, "/metadata/uid"));
    let cause = Invalid::value("metadata.uid", &stated, "field is immutable");
    Err(ApiFailure::invalid(key.resource, &key.name, &cause))
}

fn decode<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiFailure> {
    serde_json::from_slice(body).map_err(|error| {
        ApiFailure::bad_request(format!(
            "the object provided is unrecognized (must be of type JSON): {error}"
        ))
    })
}

fn unsupported() -> ApiFailure {
    let message = "415: Unsupported Media Type";
    ApiFailure::new(415, "UnsupportedMediaType", message)
}
