//! The revisions of a workload as raw JSON, so that no field is lost on the way.

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Client;
use kube::api::GetParams;
use kube::core::{Request, Selector};
use rollguard_core::history::History;
use rollguard_core::observation::ResourceKind;
use rollguard_core::workload::{WorkloadKind, WorkloadRef};
use serde::Deserialize as _;
use serde_json::Value;

use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind, Permission};
use crate::list::list;
use crate::patience::patiently;
use crate::request::{READ_LIMIT, apps, pods, within};

/// Reads the workload, its revision objects (ReplicaSets, or ControllerRevisions) and its
/// pods.
///
/// A Deployment's ReplicaSets count their own pods, so that it is enough not to be allowed to list
/// pods; of the other kinds nothing could be said then.
///
/// # Errors
/// Forbidden with the permission to grant, not found, unreachable and the like.
pub async fn history(client: &Client, workload: &WorkloadRef) -> Result<History> {
    if !workload.kind.has_revisions() {
        let doing =
            format!("read the revisions of {workload}: Jobs have no revisions to go back to");
        return Err(ClusterError::plain(ClusterErrorKind::BadInput, doing));
    }
    let object = object(client, workload).await?;
    let named = match workload.kind {
        WorkloadKind::Deployment => "ReplicaSets",
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
            "ControllerRevisions"
        }
    };
    let selector = selector(&object).map_err(not_listed(workload, named))?;
    let collection = apps(&workload.namespace, revision_resource(workload.kind));
    let (revision_objects, pods) = futures::join!(
        list(client, &collection, &selector),
        pods_of(client, workload, &selector),
    );
    let revision_objects = revision_objects.map_err(not_listed(workload, named))?;
    let pods = pods.map_err(not_listed(workload, "pods"))?;
    let history = History::new(workload.clone(), object, revision_objects, pods);
    if workload.kind != WorkloadKind::DaemonSet {
        return Ok(history);
    }
    // Where nodes may not be listed none is excused, as in a check.
    let nodes = Request::new("/api/v1/nodes");
    let nodes = list(client, &nodes, "").await.unwrap_or_default();
    let nodes = nodes.iter().map(Node::deserialize);
    Ok(history.with_nodes(nodes.filter_map(std::result::Result::ok).collect()))
}

/// The kind of object that holds a revision's template.
pub(crate) const fn revision_resource(kind: WorkloadKind) -> ResourceKind {
    match kind {
        WorkloadKind::Deployment => ResourceKind::ReplicaSet,
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job => {
            ResourceKind::ControllerRevision
        }
    }
}

/// The workload alone, as the API server sends it.
///
/// # Errors
/// As [`history`].
pub(crate) async fn object(client: &Client, workload: &WorkloadRef) -> Result<Value> {
    let WorkloadRef {
        kind,
        namespace,
        name,
    } = workload;
    let answer = patiently(|| async {
        let request = apps(namespace, ResourceKind::of(*kind))
            .get(name, &GetParams::default())
            .map_err(kube::Error::BuildRequest)?;
        within(READ_LIMIT, client.request(request)).await
    });
    answer.await.map_err(|cause: Cause| {
        let doing = format!("read {workload} in namespace `{namespace}`");
        ClusterError::new(doing, cause).needs(&Permission::to_look(namespace, Some(*kind)))
    })
}

fn not_listed<'a>(
    workload: &'a WorkloadRef,
    what: &'static str,
) -> impl FnOnce(Cause) -> ClusterError + use<'a> {
    let namespace = &workload.namespace;
    let doing = format!("list the {what} of {workload} in namespace `{namespace}`");
    move |cause| {
        let needed = Permission::to_look(namespace, Some(workload.kind));
        ClusterError::new(doing, cause).needs(&needed)
    }
}

async fn pods_of(
    client: &Client,
    workload: &WorkloadRef,
    selector: &str,
) -> std::result::Result<Vec<Pod>, Cause> {
    let found = match list(client, &pods(&workload.namespace), selector).await {
        Err(Cause::Answer { code: 403, .. }) if workload.kind == WorkloadKind::Deployment => {
            return Ok(Vec::new());
        }
        found => found?,
    };
    let pods = found.iter().map(Pod::deserialize);
    pods.collect::<std::result::Result<_, _>>()
        .map_err(|source| Cause::Malformed(source.to_string()))
}

fn selector(object: &Value) -> std::result::Result<String, Cause> {
    let selector = object.pointer("/spec/selector").cloned();
    let malformed = |source: &dyn std::fmt::Display| Cause::Malformed(source.to_string());
    let selector: LabelSelector = serde_json::from_value(selector.unwrap_or_default())
        .map_err(|source| malformed(&source))?;
    let selector = Selector::try_from(selector).map_err(|source| malformed(&source))?;
    Ok(selector.to_string())
}

#[cfg(test)]
mod tests;
