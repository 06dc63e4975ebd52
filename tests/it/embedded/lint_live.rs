//! `lint --live` on an embedded cluster: what is predicted, with which requests, and that nothing is written.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rollguard::cancel::Cancel;
use rollguard::run::forecast::forecast;
use rollguard_agent::AgentEnv;
use rollguard_core::permission::{Command, Usage};
use rollguard_core::prediction::{Certainty, Forecast, Manifests};
use rollguard_sandbox::{Fault, PodRefusal, Requests, Verb};
use serde::Deserialize as _;
use serde_json::Value;

use super::test_cluster::{NAMESPACE, TestCluster, as_error, web};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a missing ConfigMap is predicted before the rollout",
            missing,
        ),
        trial("a ConfigMap of the same call is not missing", brought),
        trial("what the API server would refuse is predicted", refused),
        trial(
            "without the permission to look nothing is certain",
            not_permitted,
        ),
        trial("a quota that the surge exceeds is predicted", quota),
        trial("a quota that old pods free is not", quota_frees),
        trial("a node label that no node has is predicted", no_node),
        trial("a selector that changes is refused", immutable),
        trial(
            "a Service that would lose its pods is predicted",
            service_lost,
        ),
        trial("a rollback that would lack its Secret is predicted", former),
        trial("a healthy update predicts nothing", healthy),
        trial("an unchanged manifest predicts nothing", unchanged),
        trial(
            "where the API has no classes of Ingresses, none is missing",
            ingress_class,
        ),
        trial(
            "of a workload without replicas nothing is predicted about pods",
            no_replicas,
        ),
        trial(
            "what a LimitRange sets is not missing in a manifest",
            limit_range,
        ),
        trial(
            "a prediction takes no permission that is not in its Role",
            permissions,
        ),
    ]
}

/// A cluster on which v1 is deployed and healthy.
async fn deployed() -> Result<TestCluster> {
    let cluster = TestCluster::new(TestCluster::blank()?).await?;
    cluster.deploy("v1").await?;
    cluster.is_healthy("v1").await?;
    Ok(cluster)
}

async fn predict(cluster: &TestCluster, yaml: &str) -> Result<Forecast> {
    let mut manifests = Manifests::default();
    for document in serde_yaml::Deserializer::from_str(yaml) {
        manifests.add(Value::deserialize(document)?, NAMESPACE);
    }
    let before = cluster.writes_in_earnest();
    let (_sender, cancel) = Cancel::by_hand();
    let forecast = forecast(&cluster.connection(), &manifests, &cancel).await;
    let forecast = forecast.map_err(as_error)?;
    ensure!(
        cluster.writes_in_earnest() == before,
        "something was written"
    );
    Ok(forecast)
}

/// The codes with their certainties.
fn said(forecast: &Forecast) -> Vec<(&'static str, Certainty)> {
    let all = forecast.predictions.iter();
    all.map(|it| (it.code.as_str(), it.certainty)).collect()
}

fn is(forecast: &Forecast, expected: &[(&'static str, Certainty)]) -> Result<()> {
    ensure!(said(forecast) == expected, "{forecast:#?}");
    Ok(())
}

/// v2 with more in its container.
fn with_container(more: &str) -> String {
    let v2 = web("v2");
    format!("{v2}          {more}\n")
}

/// v2 with more in its pod.
fn with_pod(more: &str) -> String {
    web("v2").replace(
        "      containers:",
        &format!("      {more}\n      containers:"),
    )
}

const FROM_CONFIG: &str = "envFrom: [{ configMapRef: { name: settings } }]";

async fn missing() -> Result<()> {
    let cluster = deployed().await?;
    let forecast = predict(&cluster, &with_container(FROM_CONFIG)).await?;
    is(&forecast, &[("ConfigObjectMissing", Certainty::Likely)])?;
    let message = &forecast.predictions[0].message;
    ensure!(
        message == "ConfigMap `settings`, which the pod template references, does not exist",
        "{message}"
    );
    ensure!(
        forecast.predictions[0].pointer
            == "/spec/template/spec/containers/0/envFrom/0/configMapRef/name",
        "{forecast:?}"
    );
    let optional = FROM_CONFIG.replace("settings", "settings, optional: true");
    is(&predict(&cluster, &with_container(&optional)).await?, &[])
}

async fn brought() -> Result<()> {
    let cluster = deployed().await?;
    let update = with_container(FROM_CONFIG);
    let both =
        format!("{update}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: settings }}\n");
    is(&predict(&cluster, &both).await?, &[])?;
    let written = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: { name: web }\nspec: { secretName: tls }\n";
    let update = with_container("envFrom: [{ secretRef: { name: tls } }]");
    let forecast = predict(&cluster, &format!("{update}---\n{written}")).await?;
    is(&forecast, &[("ConfigObjectMissing", Certainty::Possible)])
}

async fn refused() -> Result<()> {
    let cluster = deployed().await?;
    let refusal = PodRefusal::Forbidden(
        "violates PodSecurity \"restricted:latest\": privileged (container \"app\" must not set securityContext.privileged=true)".to_owned(),
    );
    cluster.faults().refuse_pods(
        |pod| {
            pod.metadata
                .labels
                .as_ref()
                .and_then(|it| it.get("version"))
                .is_some_and(|it| it == "v2")
        },
        refusal,
    );
    let forecast = predict(&cluster, &web("v2")).await?;
    is(&forecast, &[("PodSecurityViolated", Certainty::Certain)])
}

async fn not_permitted() -> Result<()> {
    let cluster = deployed().await?;
    let reads = Requests::all().verb(Verb::Get).resource("configmaps");
    cluster.faults().inject(reads, Fault::Forbid);
    let forecast = predict(&cluster, &with_container(FROM_CONFIG)).await?;
    is(&forecast, &[])?;
    ensure!(
        forecast
            .unseen
            .iter()
            .any(|it| it.contains("ConfigMap `settings`")),
        "{forecast:?}"
    );
    Ok(())
}

fn limited(strategy: &str, version: &str) -> String {
    let update = web(version).replace(
        "spec:\n  replicas",
        &format!("spec:\n  {strategy}\n  replicas"),
    );
    format!("{update}          resources: {{ limits: {{ memory: 32Mi }} }}\n")
}

async fn with_quota() -> Result<TestCluster> {
    let cluster = TestCluster::new(TestCluster::blank()?).await?;
    cluster
        .apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: memory }\nspec: { hard: { limits.memory: 80Mi } }\n")
        .await?;
    cluster.apply(&limited("minReadySeconds: 0", "v1")).await?;
    cluster.is_healthy("v1").await?;
    Ok(cluster)
}

async fn quota() -> Result<()> {
    let cluster = with_quota().await?;
    let strategy = "strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }";
    let forecast = predict(&cluster, &limited(strategy, "v2")).await?;
    is(&forecast, &[("QuotaExceeded", Certainty::Certain)])?;
    let message = &forecast.predictions[0].message;
    ensure!(
        message
            == "quota `memory` stops the rollout of Deployment `web` at 0 of 2 new pods beside 2 old pods: limits.memory 32Mi for each new pod, 64Mi of 80Mi used",
        "{message}"
    );
    Ok(())
}

async fn quota_frees() -> Result<()> {
    let cluster = with_quota().await?;
    let strategy = "strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } }";
    is(&predict(&cluster, &limited(strategy, "v2")).await?, &[])
}

async fn no_node() -> Result<()> {
    let cluster = deployed().await?;
    let forecast = predict(&cluster, &with_pod("nodeSelector: { disk: nvme }")).await?;
    is(&forecast, &[("NoNodeMatches", Certainty::Certain)])?;
    Ok(())
}

async fn immutable() -> Result<()> {
    let cluster = deployed().await?;
    let update = web("v2").replace(
        "matchLabels: { app: web }",
        "matchLabels: { app: web, version: v2 }",
    );
    let forecast = predict(&cluster, &update).await?;
    is(&forecast, &[("FieldImmutable", Certainty::Certain)])
}

async fn service_lost() -> Result<()> {
    let cluster = deployed().await?;
    let service = |version: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{ name: web }}\nspec:\n  selector: {{ app: web, version: {version} }}\n  ports: [{{ port: 80, targetPort: 8080 }}]\n"
        )
    };
    cluster.apply(&service("v1")).await?;
    let forecast = predict(&cluster, &web("v2")).await?;
    is(&forecast, &[("ServiceSelectsNoPod", Certainty::Likely)])?;
    let both = format!("{}---\n{}", web("v2"), service("v2"));
    is(&predict(&cluster, &both).await?, &[])
}

async fn former() -> Result<()> {
    let cluster = TestCluster::new(TestCluster::blank()?).await?;
    cluster
        .apply("apiVersion: v1\nkind: Secret\nmetadata: { name: db }\n")
        .await?;
    let v1 = format!(
        "{}          envFrom: [{{ secretRef: {{ name: db }} }}]\n",
        web("v1")
    );
    cluster.apply(&v1).await?;
    cluster.is_healthy("v1").await?;
    is(&predict(&cluster, &web("v2")).await?, &[])?;
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(cluster.client(), NAMESPACE);
    secrets
        .delete("db", &kube::api::DeleteParams::default())
        .await?;
    let forecast = predict(&cluster, &web("v2")).await?;
    is(&forecast, &[("RollbackImpossible", Certainty::Likely)])?;
    let message = &forecast.predictions[0].message;
    ensure!(
        message
            == "if this rollout of Deployment `web` failed, a rollback would not be possible because Secret `db`, which the present revision references, does not exist",
        "{message}"
    );
    Ok(())
}

async fn healthy() -> Result<()> {
    let cluster = deployed().await?;
    let forecast = predict(&cluster, &web("v2")).await?;
    is(&forecast, &[])?;
    ensure!(
        forecast.judged == 1 && forecast.unseen.is_empty(),
        "{forecast:?}"
    );
    Ok(())
}

async fn unchanged() -> Result<()> {
    let cluster = deployed().await?;
    // Its own template needs nothing new, so that what is missing does not matter.
    is(&predict(&cluster, &web("v1")).await?, &[])
}

async fn ingress_class() -> Result<()> {
    let cluster = deployed().await?;
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web }\nspec: { ingressClassName: nginx }\n";
    let forecast = predict(&cluster, ingress).await?;
    is(&forecast, &[])?;
    let unseen = forecast.unseen.concat();
    ensure!(
        unseen.contains("whether IngressClass `nginx` exists"),
        "{unseen}"
    );
    Ok(())
}

async fn no_replicas() -> Result<()> {
    let cluster = deployed().await?;
    let update = with_container(FROM_CONFIG);
    let (_, after) = update.split_once("  replicas: ").context("no replicas")?;
    let count = after.lines().next().unwrap_or_default();
    let none = update.replace(&format!("  replicas: {count}"), "  replicas: 0");
    is(&predict(&cluster, &none).await?, &[])
}

async fn limit_range() -> Result<()> {
    let cluster = deployed().await?;
    let folder = tempfile::tempdir()?;
    let manifest = folder.path().join("web.yaml");
    std::fs::write(&manifest, web("v2"))?;
    let inputs = [
        ("COMMAND", "lint".to_owned()),
        ("NAMESPACE", NAMESPACE.to_owned()),
        ("CONNECTIONTYPE", "kubernetesServiceConnection".to_owned()),
        ("KUBERNETESSERVICECONNECTION", "c".to_owned()),
        ("MANIFESTS", manifest.to_string_lossy().into_owned()),
    ];
    let inputs = inputs.map(|(name, value)| (format!("INPUT_{name}"), value));
    let env = AgentEnv::from_pairs(BTreeMap::from(inputs));
    let missing = async || {
        let before = cluster.said().len();
        cluster.task(&env, &cluster.connection()).await;
        let said = cluster.said().split_off(before);
        ["MissingRequest", "MissingMemoryLimit", "MissingCpuLimit"]
            .into_iter()
            .filter(|it| said.contains(it))
            .collect::<Vec<_>>()
    };
    let found = missing().await;
    ensure!(found.len() == 3, "without a LimitRange: {found:?}");
    cluster
        .apply("apiVersion: v1\nkind: LimitRange\nmetadata: { name: defaults }\nspec: { limits: [{ type: Container, default: { memory: 64Mi }, defaultRequest: { cpu: 10m } }] }\n")
        .await?;
    let found = missing().await;
    ensure!(found == ["MissingCpuLimit"], "with one: {found:?}");
    Ok(())
}

async fn permissions() -> Result<()> {
    let cluster = deployed().await?;
    let asked = cluster.permissions_used().len();
    let more = "envFrom: [{ configMapRef: { name: settings } }, { secretRef: { name: tls } }]";
    let _ = predict(&cluster, &with_container(more)).await?;
    let _ = predict(&cluster, &with_pod("nodeSelector: { disk: nvme }")).await?;
    let used = cluster.permissions_used();
    let used = used.get(asked..).context("no requests")?;
    let usage = Usage::of([Command::Lint]);
    let granted: Vec<String> = usage
        .permissions()
        .iter()
        .map(|it| it.permission.to_string())
        .collect();
    for it in used {
        let open = rollguard_core::permission::WITHOUT_RULE.contains(&it.as_str());
        ensure!(open || granted.contains(it), "{it} is in no Role");
    }
    Ok(())
}
