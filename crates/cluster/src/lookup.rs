//! Looks up what may still heal a cause, while a session asks for it.

use std::collections::BTreeSet;

use kube::Client;
use kube::core::Request;
use rollguard_core::finding::{
    Lookup, PodPort, Promise, SecretWriter, Sibling, of_job, of_revision_quota,
};
use rollguard_core::observation::Seen;
use serde_json::Value;

use crate::error::Cause;
use crate::list::list_once;
use crate::request::{READ_LIMIT, apps_of, within};
use traffic::traffic;

mod traffic;

/// Answers a lookup; `None` if the cluster gave no usable answer, so that the last one stays.
///
/// A custom resource that may not be read counts as a promise: no one knows what its objects say. One
/// that the API does not have promises nothing.
pub async fn look_up(client: &Client, namespace: &str, lookup: Lookup) -> Option<Seen> {
    let promises = match &lookup {
        Lookup::Secret { name } => writers(client, namespace, name).await?,
        Lookup::ConfigMap { .. } => jobs(client, namespace).await?,
        Lookup::RevisionQuota => revision_quotas(client, namespace).await?,
        Lookup::LeavingPods => leaving(client, namespace).await?,
        Lookup::Traffic => return seen_traffic(client, namespace, &BTreeSet::new()).await,
        Lookup::TrafficAndPorts { ports } => return seen_traffic(client, namespace, ports).await,
    };
    Some(Seen::LookedUp { lookup, promises })
}

async fn seen_traffic(client: &Client, namespace: &str, ports: &BTreeSet<PodPort>) -> Option<Seen> {
    // Several requests at once: too large for the futures of the callers.
    let objects = Box::pin(traffic(client, namespace, ports)).await?;
    Some(Seen::Traffic {
        objects: Box::new(objects),
    })
}

async fn writers(client: &Client, namespace: &str, secret: &str) -> Option<Vec<Promise>> {
    let groups = groups(client).await.ok()?;
    let mut promises = Vec::new();
    for writer in SecretWriter::ALL {
        let Some(version) = preferred(&groups, writer.group) else {
            continue;
        };
        let path = format!("/apis/{version}/namespaces/{namespace}/{}", writer.plural);
        match list_once(client, &Request::new(path), "").await {
            Ok(objects) => {
                let found = objects.iter().filter_map(|it| writer.promise(it, secret));
                promises.extend(found);
            }
            Err(Cause::Answer { code: 403, .. }) => promises.push(writer.unread()),
            // The group has no such resource.
            Err(cause) if cause.is_not_served() => {}
            Err(_) => return None,
        }
    }
    promises.extend(jobs(client, namespace).await?);
    Some(promises)
}

/// The Jobs that run. They promise little, so that Jobs that may not be read promise nothing.
async fn jobs(client: &Client, namespace: &str) -> Option<Vec<Promise>> {
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    match list_once(client, &Request::new(path), "").await {
        Ok(objects) => Some(objects.iter().filter_map(of_job).collect()),
        Err(Cause::Answer { code: 403, .. }) => Some(Vec::new()),
        Err(cause) if cause.is_not_served() => Some(Vec::new()),
        Err(_) => None,
    }
}

async fn revision_quotas(client: &Client, namespace: &str) -> Option<Vec<Promise>> {
    let path = format!("/api/v1/namespaces/{namespace}/resourcequotas");
    match list_once(client, &Request::new(path), "").await {
        Ok(objects) => Some(objects.iter().filter_map(of_revision_quota).collect()),
        Err(Cause::Answer { code: 403, .. }) => Some(vec![Promise::unread(
            "the quotas of the namespace".to_owned(),
        )]),
        Err(_) => None,
    }
}

/// The groups of the API (`k8s.io/apimachinery` `meta/v1`, `APIGroupList`), which everyone who signs in
/// may read (`system:discovery`).
pub(crate) async fn groups(client: &Client) -> Result<Value, Cause> {
    let request = http::Request::get("/apis").body(Vec::new());
    let request = request.map_err(|error| Cause::Malformed(error.to_string()))?;
    within(READ_LIMIT, client.request(request)).await
}

/// Returns the preferred version of a group, as `group/version`.
pub(crate) fn preferred<'a>(groups: &'a Value, wanted: &str) -> Option<&'a str> {
    let all = groups.get("groups")?.as_array()?;
    let group = all
        .iter()
        .find(|it| it.get("name").and_then(Value::as_str) == Some(wanted))?;
    group.pointer("/preferredVersion/groupVersion")?.as_str()
}

async fn leaving(client: &Client, namespace: &str) -> Option<Vec<Promise>> {
    let mut promises = Vec::new();
    for sibling in Sibling::ALL {
        match list_once(client, &apps_of(namespace, sibling.plural), "").await {
            Ok(objects) => promises.extend(objects.iter().filter_map(|it| sibling.promise(it))),
            Err(Cause::Answer { code: 403, .. }) => promises.push(sibling.unread()),
            Err(_) => return None,
        }
    }
    Some(promises)
}

#[cfg(test)]
mod tests;
