//! Several workloads of one release.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use libtest_mimic::Trial;
use rollguard::run::check::Checked;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_core::rollback::BatchOutcome;
use rollguard_core::rollback::RollbackHealth;
use rollguard_core::workload::WorkloadRef;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Script, Verb};
use serde_json::json;

use super::super::test_cluster::{
    NAMESPACE, TestCluster, as_error, check_of, rollback_inputs, web, workload,
};
use super::{change, done, not_done, says};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(120);
const STABLE_FOR: Duration = Duration::from_secs(3);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("both of a release go back, by one plan", both_go_back),
        trial("one of a release is refused: none is touched", one_refused),
        trial(
            "one of a release fails at the patch: the other goes back, and both are reported",
            one_fails,
        ),
        trial(
            "one of a release was replaced since: none is touched",
            one_superseded,
        ),
        trial("a run again after a part was done does the rest", the_rest),
    ]
}

fn api() -> WorkloadRef {
    WorkloadRef {
        name: "api".to_owned(),
        ..workload()
    }
}

async fn deploy(cluster: &TestCluster, version: &str) -> Result<()> {
    cluster.deploy(version).await?;
    cluster.apply(&web(version).replace("web", "api")).await
}

fn check() -> CheckInputs {
    CheckInputs {
        workloads: vec![workload(), api()],
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    }
}

/// Both were healthy in v1 and fail in v2, by what shows at the first look.
async fn both_bad() -> Result<(TestCluster, Checked)> {
    let cluster = TestCluster::where_v2(Script::invalid_image_name()).await?;
    deploy(&cluster, "v1").await?;
    let good = cluster.check_as(&check()).await.map_err(as_error)?;
    ensure!(good.outcome == Outcome::Succeeded, "{}", cluster.said());
    deploy(&cluster, "v2").await?;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let bad = cluster.check_as(&check()).await.map_err(as_error)?;
    ensure!(bad.outcome == Outcome::Failed, "{}", cluster.said());
    Ok((cluster, bad))
}

fn waiting(checked: &Checked) -> Result<RollbackInputs> {
    let evidence = checked.approval().context("no evidence")?;
    Ok(RollbackInputs {
        wait: true,
        ..rollback_inputs(Some(evidence))
    })
}

/// Checks whether `web` and `api` have these versions.
async fn have(cluster: &TestCluster, versions: [&str; 2]) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client(), NAMESPACE);
    for (name, version) in ["web", "api"].into_iter().zip(versions) {
        let spec = deployments.get(name).await?.spec.context("no spec")?;
        let labels = spec.template.metadata.and_then(|it| it.labels);
        let found = labels.and_then(|it| it.get("version").cloned());
        ensure!(found.as_deref() == Some(version), "{name}: {found:?}");
    }
    Ok(())
}

async fn both_go_back() -> Result<()> {
    let (cluster, bad) = both_bad().await?;
    let targets = bad.report.rollback.targets();
    ensure!(targets == "deployment/web 1, deployment/api 1", "{targets}");
    let before = cluster.patches();
    let back = cluster
        .rollback_as(&waiting(&bad)?)
        .await
        .map_err(as_error)?;
    done(&back, BatchOutcome::RolledBack, &cluster)?;
    ensure!(cluster.patches() == before + 2, "{}", cluster.said());
    have(&cluster, ["v1", "v1"]).await
}

async fn one_refused() -> Result<()> {
    let (cluster, bad) = both_bad().await?;
    change(&cluster, json!({"spec": {"paused": true}})).await?;
    let before = cluster.patches();
    let refused = cluster
        .rollback_as(&waiting(&bad)?)
        .await
        .map_err(as_error)?;
    not_done(
        &refused,
        BatchOutcome::Refused,
        "deployment/web: the Deployment is paused",
    )?;
    ensure!(cluster.patches() == before, "a patch was sent");
    have(&cluster, ["v2", "v2"]).await
}

/// The patch of `web` and not its dry run.
fn patch_of_web() -> Requests {
    let patches = Requests::all().verb(Verb::Patch).resource("deployments");
    patches.name("web").dry_run(false)
}

async fn one_fails() -> Result<()> {
    let (cluster, bad) = both_bad().await?;
    let failure = Fault::Answer(ApiFailure::internal("etcdserver: no leader"));
    cluster.faults().inject(patch_of_web(), failure);
    let part = cluster
        .rollback_as(&waiting(&bad)?)
        .await
        .map_err(as_error)?;
    let expected = Some(BatchOutcome::PartlyRolledBack);
    ensure!(part.word == expected, "{part:#?}");
    ensure!(part.outcome == Outcome::PartlyRolledBack, "{part:#?}");
    // The worst of both.
    let health = Some(RollbackHealth::NotRolledBack);
    ensure!(part.health == health, "{part:#?}{}", cluster.said());
    let told = part.errors.join("; ");
    ensure!(told.contains("no leader"), "{told}");
    says(&cluster, "deployment/web: not rolled back")?;
    says(&cluster, "deployment/api: rolled back")?;
    have(&cluster, ["v2", "v1"]).await
}

async fn one_superseded() -> Result<()> {
    let (cluster, bad) = both_bad().await?;
    cluster.deploy("v3").await?;
    let left = cluster
        .rollback_as(&waiting(&bad)?)
        .await
        .map_err(as_error)?;
    not_done(
        &left,
        BatchOutcome::Refused,
        "deployment/api could be rolled back, but is held up",
    )?;
    have(&cluster, ["v3", "v2"]).await
}

async fn the_rest() -> Result<()> {
    let (cluster, bad) = both_bad().await?;
    cluster.faults().inject(patch_of_web(), Fault::Disconnect);
    let inputs = waiting(&bad)?;
    cluster.rollback_as(&inputs).await.map_err(as_error)?;
    have(&cluster, ["v2", "v1"]).await?;
    cluster.faults().clear();
    let before = cluster.patches();
    let rest = cluster.rollback_as(&inputs).await.map_err(as_error)?;
    done(&rest, BatchOutcome::RolledBack, &cluster)?;
    ensure!(cluster.patches() == before + 1, "{}", cluster.said());
    have(&cluster, ["v1", "v1"]).await
}
