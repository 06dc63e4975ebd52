//! Get and list.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Call;
use super::reply::{Content, Reply};
use crate::cluster::Cluster;
use crate::log;
use crate::object::text;
use crate::resource::Resource;
use crate::selector::Filter;
use crate::status::ApiFailure;
use crate::store::{Key, Store};

/// One object, or a pod's log.
pub(super) fn get(cluster: &Cluster, call: &Call) -> Result<Reply, ApiFailure> {
    let object = cluster.find(&call.key()?)?;
    match call.subresource.as_deref() {
        None | Some("status") => Ok(Reply::ok((*object).clone())),
        Some("log") if call.resource() == Some(Resource::Pods) => {
            let scheduled = !text(&object, "/spec/nodeName").is_empty();
            Ok(Reply {
                code: if scheduled { 200 } else { 204 },
                content: Content::Text(log::read(&cluster.logs, &object, call)?),
            })
        }
        Some(_) => Err(ApiFailure::no_such_path()),
    }
}

/// The objects of a resource, a page at a time when the request has a limit.
pub(super) fn list(cluster: &Cluster, call: &Call) -> Result<Reply, ApiFailure> {
    let resource = call.resource().ok_or_else(ApiFailure::no_such_path)?;
    let filter = Filter::of(call)?;
    let page = Page::of(call, &cluster.store)?;
    let mut found = cluster
        .store
        .list_at(resource, call.namespace.as_deref(), page.revision)
        .map_err(|_| continue_expired())?;
    found.retain(|(key, object)| {
        page.after.as_ref().is_none_or(|after| key > after) && filter.matches(object)
    });
    let rest = page.limit.filter(|limit| found.len() > *limit);
    let left = rest.map(|limit| found.split_off(limit).len());
    let mut metadata = json!({"resourceVersion": page.revision.to_string()});
    if let (Some(left), Some((last, _))) = (left, found.last()) {
        metadata["continue"] = json!(token(page.revision, last));
        if filter.is_empty() {
            metadata["remainingItemCount"] = json!(left);
        }
    }
    let items: Vec<Value> = found.into_iter().map(|(_, object)| item(object)).collect();
    Ok(Reply::ok(json!({
        "kind": format!("{}List", resource.kind()),
        "apiVersion": resource.api_version(),
        "metadata": metadata,
        "items": items,
    })))
}

/// Items of a list do not repeat their kind.
fn item(object: Arc<Value>) -> Value {
    let mut object = Arc::unwrap_or_clone(object);
    if let Some(map) = object.as_object_mut() {
        map.remove("kind");
        map.remove("apiVersion");
    }
    object
}

/// Where a list begins, and in which state of the cluster.
struct Page {
    revision: u64,
    after: Option<Key>,
    limit: Option<usize>,
}

impl Page {
    fn of(call: &Call, store: &Store) -> Result<Self, ApiFailure> {
        let limit = call
            .number("limit")
            .filter(|limit| *limit > 0)
            .and_then(|limit| usize::try_from(limit).ok());
        let (revision, after) = match (call.query("continue"), call.resource()) {
            ("", _) | (_, None) => (store.revision(), None),
            (text, Some(resource)) => {
                let (revision, after) = parse_token(text, resource).ok_or_else(|| {
                    ApiFailure::bad_request(
                        "invalid continue token: continue key is not valid: unrecognized encoding",
                    )
                })?;
                (revision, Some(after))
            }
        };
        Ok(Self {
            revision,
            after,
            limit,
        })
    }
}

/// Opaque to clients; the real one is base64 of JSON.
fn token(revision: u64, last: &Key) -> String {
    format!("v1:{revision}:{}:{}", last.namespace, last.name)
}

fn parse_token(token: &str, resource: Resource) -> Option<(u64, Key)> {
    let mut parts = token.strip_prefix("v1:")?.splitn(3, ':');
    let revision = parts.next()?.parse().ok()?;
    Some((revision, Key::new(resource, parts.next()?, parts.next()?)))
}

fn continue_expired() -> ApiFailure {
    ApiFailure::expired(
        "The provided continue parameter is too old to display a consistent list result. You can \
         start a new list without the continue parameter.",
    )
}
