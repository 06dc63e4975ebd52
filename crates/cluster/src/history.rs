//! The revisions of a Deployment as raw JSON, so that no field is lost on the way.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Client;
use kube::api::{GetParams, ListParams};
use kube::core::Selector;
use rollguard_core::history::History;
use rollguard_core::workload::WorkloadRef;
use serde_json::Value;

use crate::Result;
use crate::error::{Cause, ClusterError, Permission};
use crate::request::{PAGE, READ_LIMIT, deployments, replica_sets, within};

/// How often a list is begun anew when its pages expire under way.
const LISTS: u32 = 3;

/// Reads the Deployment and the ReplicaSets of its selector.
///
/// # Errors
/// Forbidden with the permission to grant, not found, unreachable and the like.
pub async fn history(client: &Client, workload: &WorkloadRef) -> Result<History> {
    let namespace = &workload.namespace;
    let failed = |doing: String| {
        let needed = Permission::to_look(namespace, Some(workload.kind));
        move |cause: Cause| ClusterError::new(doing, cause).needs(&needed)
    };
    let deployment = deployment(client, workload).await.map_err(failed(format!(
        "read {workload} in namespace `{namespace}`"
    )))?;
    let doing = || format!("list the ReplicaSets of {workload} in namespace `{namespace}`");
    let selector = selector(&deployment).map_err(failed(doing()))?;
    let sets = list(client, namespace, &selector)
        .await
        .map_err(failed(doing()))?;
    Ok(History::new(deployment, sets))
}

async fn deployment(client: &Client, workload: &WorkloadRef) -> std::result::Result<Value, Cause> {
    let request = deployments(&workload.namespace)
        .get(&workload.name, &GetParams::default())
        .map_err(kube::Error::BuildRequest)?;
    within(READ_LIMIT, client.request(request)).await
}

fn selector(deployment: &Value) -> std::result::Result<String, Cause> {
    let selector = deployment.pointer("/spec/selector").cloned();
    let malformed = |source: &dyn std::fmt::Display| Cause::Malformed(source.to_string());
    let selector: LabelSelector = serde_json::from_value(selector.unwrap_or_default())
        .map_err(|source| malformed(&source))?;
    let selector = Selector::try_from(selector).map_err(|source| malformed(&source))?;
    Ok(selector.to_string())
}

/// All pages of the list. A page's continuation expires after some minutes (410); then the list
/// begins anew.
async fn list(
    client: &Client,
    namespace: &str,
    selector: &str,
) -> std::result::Result<Vec<Value>, Cause> {
    let mut left = LISTS;
    loop {
        left -= 1;
        match pages(client, namespace, selector).await {
            Err(Cause::Answer { code: 410, .. }) if left > 0 => {}
            answer => return answer,
        }
    }
}

async fn pages(
    client: &Client,
    namespace: &str,
    selector: &str,
) -> std::result::Result<Vec<Value>, Cause> {
    let mut params = ListParams::default().labels(selector).limit(PAGE);
    let mut all = Vec::new();
    loop {
        let request = replica_sets(namespace)
            .list(&params)
            .map_err(kube::Error::BuildRequest)?;
        let mut page: Value = within(READ_LIMIT, client.request(request)).await?;
        let next = page
            .pointer("/metadata/continue")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty())
            .map(str::to_owned);
        match page.pointer_mut("/items").map(Value::take) {
            Some(Value::Array(mut items)) => all.append(&mut items),
            // `items` is null when the list is empty.
            Some(Value::Null) => {}
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))
            | None => {
                return Err(Cause::Malformed("a list without items".to_owned()));
            }
        }
        let Some(next) = next else { return Ok(all) };
        params.continue_token = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ClusterErrorKind;
    use crate::testing::{Server, deployment, replica_set, status, web};

    fn page(sets: &[Value], next: &str) -> Value {
        json!({"kind": "ReplicaSetList", "apiVersion": "apps/v1", "items": sets,
            "metadata": {"resourceVersion": "7", "continue": next}})
    }

    fn revisions(history: &History) -> Vec<u64> {
        history.entries().map(|it| it.revision().0).collect()
    }

    #[tokio::test]
    async fn all_pages_are_read_with_the_selector() {
        let server = Server::new()
            .json("GET", "/deployments/web", deployment("v2"))
            .on("GET", "/replicasets", |request| {
                let last = request.query.contains("continue=more");
                let sets = if last {
                    [replica_set(1, "v1")]
                } else {
                    [replica_set(2, "v2")]
                };
                crate::testing::ok(&page(&sets, if last { "" } else { "more" }))
            });
        let history = history(&server.client(), &web()).await.unwrap();
        assert_eq!(revisions(&history), [2, 1]);
        let lists = server.requests("GET", "/replicasets");
        assert_eq!(lists.len(), 2);
        assert!(
            lists
                .iter()
                .all(|it| it.query.contains("labelSelector=app%3Dweb")),
            "{lists:?}"
        );
        assert!(
            lists.iter().all(|it| it.query.contains("limit=500")),
            "{lists:?}"
        );
    }

    #[tokio::test]
    async fn pages_that_expire_are_read_anew() {
        let server = Server::new()
            .json("GET", "/deployments/web", deployment("v2"))
            .on("GET", "/replicasets", |request| {
                match (request.nth, request.query.contains("continue=")) {
                    (2, true) => status(410, "the provided continue parameter is too old"),
                    (_, true) => crate::testing::ok(&page(&[replica_set(1, "v1")], "")),
                    (_, false) => crate::testing::ok(&page(&[replica_set(2, "v2")], "more")),
                }
            });
        let history = history(&server.client(), &web()).await.unwrap();
        assert_eq!(revisions(&history), [2, 1]);
        assert_eq!(server.requests("GET", "/replicasets").len(), 4);
    }

    #[tokio::test]
    async fn an_empty_list_is_a_history_without_revisions() {
        let server = Server::new()
            .json("GET", "/deployments/web", deployment("v1"))
            .json(
                "GET",
                "/replicasets",
                json!({"metadata": {}, "items": null}),
            );
        let history = history(&server.client(), &web()).await.unwrap();
        assert_eq!(history.entries().count(), 0);
    }

    #[tokio::test]
    async fn fields_that_no_struct_knows_are_kept() {
        let mut raw = deployment("v1");
        raw["spec"]["template"]["spec"]["fieldOfTomorrow"] = json!({"x": 1});
        let server = Server::new()
            .json("GET", "/deployments/web", raw.clone())
            .json("GET", "/replicasets", page(&[], ""));
        let history = history(&server.client(), &web()).await.unwrap();
        assert_eq!(history.deployment(), &raw);
    }

    #[tokio::test]
    async fn a_refused_list_names_what_to_grant() {
        let server = Server::new()
            .json("GET", "/deployments/web", deployment("v1"))
            .on("GET", "/replicasets", |_| status(403, "may not"));
        let error = history(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
        assert_eq!(
            error.to_string(),
            "list the ReplicaSets of deployment/web in namespace `shop`"
        );
        assert!(error.hint().unwrap().contains("replicasets.apps"));
    }
}
