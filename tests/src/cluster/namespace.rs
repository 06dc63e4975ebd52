//! One namespace for one test.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use tokio::time::timeout;

use super::RealCluster;
use super::dump::dump;

/// How long a new namespace may take to get its `default` ServiceAccount.
const SETTLE: Duration = Duration::from_secs(30);

/// Runs `body` with a namespace of its own, whose name begins with `about`, and deletes the
/// namespace afterwards without waiting for its end.
///
/// # Errors
/// With what `body` fails or panics with, followed by a dump of the namespace as it was then.
pub async fn with_namespace<F>(
    cluster: &RealCluster,
    about: &str,
    body: impl FnOnce(Client, String) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let client = cluster.client();
    let name = cluster.fresh_namespace(about);
    let namespaces: Api<Namespace> = Api::all(client.clone());
    create(&namespaces, &name).await?;
    settle(&client, &name).await?;

    let outcome = AssertUnwindSafe(body(client.clone(), name.clone()))
        .catch_unwind()
        .await;
    let outcome = outcome.unwrap_or_else(|panic| Err(anyhow!("{}", said(panic.as_ref()))));
    let explained = match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(anyhow!("{error:#}\n{}", dump(&client, &name).await)),
    };
    let deleted = namespaces.delete(&name, &DeleteParams::default()).await;
    explained?;
    deleted.with_context(|| format!("failed to delete namespace `{name}`"))?;
    Ok(())
}

async fn create(namespaces: &Api<Namespace>, name: &str) -> Result<()> {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    };
    let namespace = Namespace {
        metadata,
        ..Namespace::default()
    };
    namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .with_context(|| format!("failed to create namespace `{name}`"))?;
    Ok(())
}

/// Without its `default` ServiceAccount a namespace refuses every pod.
async fn settle(client: &Client, namespace: &str) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let exists = |account: Option<&ServiceAccount>| account.is_some();
    timeout(SETTLE, await_condition(accounts, "default", exists))
        .await
        .with_context(|| format!("namespace `{namespace}` got no ServiceAccount in {SETTLE:?}"))?
        .with_context(|| format!("failed to watch namespace `{namespace}`"))?;
    Ok(())
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}
