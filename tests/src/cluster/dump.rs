//! The state of a namespace in which a test failed.

use std::fmt::Write as _;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Workloads, ReplicaSets and pods with their status, then the events in order. What cannot be
/// listed is said in its place: a dump never hides the failure it explains.
pub async fn dump(client: &Client, namespace: &str) -> String {
    let mut text = format!("--- namespace {namespace} ---\n");
    statuses::<Deployment>(client, namespace, &mut text).await;
    statuses::<ReplicaSet>(client, namespace, &mut text).await;
    statuses::<StatefulSet>(client, namespace, &mut text).await;
    statuses::<DaemonSet>(client, namespace, &mut text).await;
    statuses::<Pod>(client, namespace, &mut text).await;
    events(client, namespace, &mut text).await;
    text
}

async fn statuses<K>(client: &Client, namespace: &str, text: &mut String)
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Serialize,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let kind = K::kind(&());
    match api.list(&ListParams::default()).await {
        Ok(list) => {
            for object in list {
                let name = object.meta().name.as_deref().unwrap_or_default();
                let status = serde_json::to_value(&object).unwrap_or_default()["status"].take();
                let _ = writeln!(text, "{kind} {name}: {status}");
            }
        }
        Err(error) => {
            let _ = writeln!(text, "{kind}: failed to list: {error}");
        }
    }
}

async fn events(client: &Client, namespace: &str, text: &mut String) {
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let mut events = match api.list(&ListParams::default()).await {
        Ok(list) => list.items,
        Err(error) => {
            let _ = writeln!(text, "Event: failed to list: {error}");
            return;
        }
    };
    events.sort_by_key(|event| event.metadata.creation_timestamp.clone().map(|time| time.0));
    for event in events {
        let at = event
            .metadata
            .creation_timestamp
            .map(|time| time.0.to_string());
        let _ = writeln!(
            text,
            "{} {} {} {} (x{}): {}",
            at.unwrap_or_default(),
            event.involved_object.kind.unwrap_or_default(),
            event.involved_object.name.unwrap_or_default(),
            event.reason.unwrap_or_default(),
            event.count.unwrap_or(1),
            event.message.unwrap_or_default(),
        );
    }
}
