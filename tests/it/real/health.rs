//! The health endpoint of docs/health-endpoints.md: ready only while what a request needs is granted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::client::Body;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt as _};
use rollguard_tests::cluster::{ADMIN_TOKEN, apply, client_without_retry, with_namespace};
use rollguard_tests::product::Rollguard;
use tokio::time::timeout;

use crate::Stage;

/// The manifest that the page shows, as a user copies it.
const MANIFEST: &str = include_str!("../../health-endpoint/web.yaml");
/// The check that the page shows.
const CHECK: &str = "/cgi-bin/ready:8080=200~^OK$";
/// The role of the example's database, and one that may only read.
const GRANTED: &str = "connect select insert-and-rollback";
const READS_ONLY: &str = "connect select";

/// The check is green while the database grants everything, and no pod is ready without one permission.
pub(crate) async fn proves_permissions(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "health", async |client, namespace| {
        let rollguard = Rollguard::new(cluster.kubeconfig_path())?;
        let check = ["check", "deployment/web", "-n", &namespace, "-o", "json"];
        apply(&client, &namespace, MANIFEST).await?;
        let green = [&check[..], &["--http", CHECK]].concat();
        let ran = rollguard.run(&green).await?;
        ensure!(ran.code == 0, "not healthy: {}", ran.all());

        let [granted, reads] = [GRANTED, READS_ONLY].map(|it| format!("value: {it} }}"));
        let reduced = MANIFEST.replacen(&granted, &reads, 1);
        ensure!(reduced != MANIFEST, "the manifest grants `{GRANTED}`");
        apply(&client, &namespace, &reduced).await?;
        let more = ["--http", CHECK, "--timeout", "25s"];
        let ran = rollguard.run(&[&check[..], &more].concat()).await?;
        let report = ran.json()?;
        ensure!(report["verdict"] == "timedOut", "{}", ran.all());
        ensure!(ran.all().contains("ReadinessFailing"), "{}", ran.all());
        // A client that asks again would only wait: 503 is the answer.
        let once = client_without_retry(&cluster.kubeconfig_for(ADMIN_TOKEN)).await?;
        let (status, body) = answer_of_new_pod(&once, &namespace).await?;
        ensure!(
            status == StatusCode::SERVICE_UNAVAILABLE && body == "insert-and-rollback failed",
            "{status}: {body}"
        );
        Ok(())
    })
    .await
}

/// A status that is right with a wrong body fails the check, and so does a body that is right with a wrong
/// status: both must hold.
pub(crate) async fn status_and_body_together(stage: Arc<Stage>) -> Result<()> {
    let cluster = stage.cluster()?;
    with_namespace(cluster, "health-both", async |client, namespace| {
        let rollguard = Rollguard::new(cluster.kubeconfig_path())?;
        apply(&client, &namespace, MANIFEST).await?;
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
        let available = |it: Option<&Deployment>| {
            let status = it.and_then(|it| it.status.as_ref());
            status.and_then(|it| it.available_replicas) == Some(2)
        };
        let available = await_condition(deployments, "web", available);
        timeout(Duration::from_secs(60), available).await??;
        for wrong in [
            "/cgi-bin/ready:8080=200~^ready$",
            "/cgi-bin/ready:8080=204~^OK$",
        ] {
            let args = ["check", "deployment/web", "-n", &namespace, "-o", "json"];
            let more = ["--http", wrong, "--grace", "HttpCheckFailing=5s"];
            let ran = rollguard.run(&[&args[..], &more].concat()).await?;
            let report = ran.json()?;
            ensure!(ran.code == 10, "{wrong} does not fail: {}", ran.all());
            ensure!(
                report["findings"][0]["code"] == "HttpCheckFailing",
                "{wrong}: {}",
                ran.all()
            );
        }
        Ok(())
    })
    .await
}

/// Asks a pod that is not ready by itself, as the kubelet does.
async fn answer_of_new_pod(client: &Client, namespace: &str) -> Result<(StatusCode, String)> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let all = pods.list(&ListParams::default()).await?;
    let reduced = |pod: &Pod| {
        let mut containers = pod.spec.iter().flat_map(|it| &it.containers);
        containers.any(|container| {
            let mut variables = container.env.iter().flatten();
            variables.any(|it| it.value.as_deref() == Some(READS_ONLY))
        })
    };
    let pod = all.items.iter().find(|it| reduced(it));
    let pod = pod.context("no pod of the second version")?.name_any();
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}:8080/proxy/cgi-bin/ready");
    let response = client.send(Request::get(path).body(Body::empty())?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
