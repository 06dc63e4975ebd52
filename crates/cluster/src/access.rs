//! The first look at the workload, before anything else.
//!
//! A watch of a Deployment that does not exist is as silent as a watch of a healthy one: only a
//! `get` tells them apart.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use rollguard_core::workload::WorkloadRef;

use crate::Result;
use crate::error::{Cause, ClusterError, ClusterErrorKind, Permission};
use crate::request::{READ_LIMIT, within};

/// How many other names a hint lists at most.
const NAMES: u32 = 20;

/// The workload as it is now.
///
/// # Errors
/// Not found, saying whether the Deployment or its namespace is missing and what exists instead;
/// forbidden with the permission to grant; credentials; unreachable.
pub async fn find(client: &Client, workload: &WorkloadRef) -> Result<Deployment> {
    let WorkloadRef {
        namespace, name, ..
    } = workload;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    match within(READ_LIMIT, deployments.get(name)).await {
        Ok(found) => Ok(found),
        Err(Cause::Answer { code: 404, .. }) => Err(missing(client, workload).await),
        Err(cause) => {
            let doing = format!("read {workload} in namespace `{namespace}`");
            Err(ClusterError::new(doing, cause).needs(&Permission::to_look(namespace)))
        }
    }
}

/// Says what is missing. Whatever else cannot be seen (a namespace may not be readable) changes
/// nothing about the answer, only how much it says.
async fn missing(client: &Client, workload: &WorkloadRef) -> ClusterError {
    let WorkloadRef {
        namespace, name, ..
    } = workload;
    let not_found = |doing| ClusterError::plain(ClusterErrorKind::NotFound, doing);
    let namespaces: Api<Namespace> = Api::all(client.clone());
    if let Err(Cause::Answer { code: 404, .. }) =
        within(READ_LIMIT, namespaces.get(namespace)).await
    {
        return not_found(format!(
            "find {workload}: namespace `{namespace}` does not exist"
        ))
        .with_hint("check the namespace and the cluster (--namespace, --context)");
    }
    let error = not_found(format!(
        "find {workload}: it does not exist in namespace `{namespace}`"
    ));
    match others(client, namespace).await {
        Some(others) if others.is_empty() => error.with_hint(format!(
            "namespace `{namespace}` has no Deployments; check the namespace and the cluster"
        )),
        Some(mut others) => {
            others.sort_by_key(|other| (distance(other, name), other.clone()));
            error.with_hint(format!("Deployments there: {}", others.join(", ")))
        }
        None => error.with_hint("check the name, the namespace and the cluster"),
    }
}

async fn others(client: &Client, namespace: &str) -> Option<Vec<String>> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let few = ListParams::default().limit(NAMES);
    let list = within(READ_LIMIT, deployments.list_metadata(&few))
        .await
        .ok()?;
    Some(list.items.iter().map(ResourceExt::name_any).collect())
}

/// The number of letters to add, drop or change (Levenshtein), so that a typing error's target
/// comes first.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (above, wanted) in row.iter_mut().skip(1).zip(&other) {
            let change = diagonal + usize::from(letter != *wanted);
            diagonal = *above;
            left = change.min(left + 1).min(*above + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, status, web};

    #[test]
    fn distance_counts_letters() {
        for (one, other, expected) in [
            ("web", "web", 0),
            ("wbe", "web", 2),
            ("we", "web", 1),
            ("", "web", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    fn server() -> Server {
        Server::new().on("GET", "/deployments/web", |_| status(404, "not found"))
    }

    #[tokio::test]
    async fn a_missing_namespace_is_named_rather_than_the_deployment() {
        let server = server().on("GET", "/namespaces/shop", |_| status(404, "not found"));
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "find deployment/web: namespace `shop` does not exist"
        );
    }

    #[tokio::test]
    async fn a_missing_deployment_names_the_similar_ones_first() {
        let server = server()
            .on("GET", "/namespaces/shop", |_| status(403, "no"))
            .json(
                "GET",
                "/deployments",
                serde_json::json!({
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": {"resourceVersion": "1"},
                    "items": [{"metadata": {"name": "billing"}}, {"metadata": {"name": "wbe"}}],
                }),
            );
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "find deployment/web: it does not exist in namespace `shop`"
        );
        assert_eq!(error.hint().unwrap(), "Deployments there: wbe, billing");
    }

    #[tokio::test]
    async fn a_refusal_names_the_permission_to_grant() {
        let server = Server::new().on("GET", "/deployments/web", |_| status(403, "may not"));
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Forbidden);
        assert!(error.hint().unwrap().contains("--verb=get,list,watch"));
    }

    #[tokio::test]
    async fn an_expired_token_is_about_credentials() {
        let server = Server::new().on("GET", "/deployments/web", |_| status(401, "Unauthorized"));
        let error = find(&server.client(), &web()).await.unwrap_err();
        assert_eq!(error.kind(), ClusterErrorKind::Credentials);
    }
}
