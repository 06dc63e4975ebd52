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

use super::super::test_cluster::{NAMESPACE, World, back, check_of, told, web, workload};
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

async fn deploy(world: &World, version: &str) -> Result<()> {
    world.deploy(version).await?;
    world.apply(&web(version).replace("web", "api")).await
}

fn check() -> CheckInputs {
    CheckInputs {
        workloads: vec![workload(), api()],
        ..check_of(workload(), TIMEOUT, STABLE_FOR)
    }
}

/// Both were healthy in v1 and fail in v2, by what shows at the first look.
async fn both_bad() -> Result<(World, Checked)> {
    let world = World::where_v2(Script::invalid_image_name()).await?;
    deploy(&world, "v1").await?;
    let good = world.check_as(&check()).await.map_err(told)?;
    ensure!(good.outcome == Outcome::Succeeded, "{}", world.said());
    deploy(&world, "v2").await?;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let bad = world.check_as(&check()).await.map_err(told)?;
    ensure!(bad.outcome == Outcome::Failed, "{}", world.said());
    Ok((world, bad))
}

fn waiting(checked: &Checked) -> Result<RollbackInputs> {
    let evidence = checked.approval().context("no evidence")?;
    Ok(RollbackInputs {
        wait: true,
        ..back(Some(evidence))
    })
}

/// Checks whether `web` and `api` have these versions.
async fn have(world: &World, versions: [&str; 2]) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(world.client(), NAMESPACE);
    for (name, version) in ["web", "api"].into_iter().zip(versions) {
        let spec = deployments.get(name).await?.spec.context("no spec")?;
        let labels = spec.template.metadata.and_then(|it| it.labels);
        let found = labels.and_then(|it| it.get("version").cloned());
        ensure!(found.as_deref() == Some(version), "{name}: {found:?}");
    }
    Ok(())
}

async fn both_go_back() -> Result<()> {
    let (world, bad) = both_bad().await?;
    let targets = bad.report.rollback.targets();
    ensure!(targets == "deployment/web 1, deployment/api 1", "{targets}");
    let before = world.patches();
    let back = world.rollback_as(&waiting(&bad)?).await.map_err(told)?;
    done(&back, BatchOutcome::RolledBack, &world)?;
    ensure!(world.patches() == before + 2, "{}", world.said());
    have(&world, ["v1", "v1"]).await
}

async fn one_refused() -> Result<()> {
    let (world, bad) = both_bad().await?;
    change(&world, json!({"spec": {"paused": true}})).await?;
    let before = world.patches();
    let refused = world.rollback_as(&waiting(&bad)?).await.map_err(told)?;
    not_done(
        &refused,
        BatchOutcome::Refused,
        "deployment/web: the Deployment is paused",
    )?;
    ensure!(world.patches() == before, "a patch was sent");
    have(&world, ["v2", "v2"]).await
}

/// The patch of `web` and not its dry run.
fn patch_of_web() -> Requests {
    let patches = Requests::all().verb(Verb::Patch).resource("deployments");
    patches.name("web").dry_run(false)
}

async fn one_fails() -> Result<()> {
    let (world, bad) = both_bad().await?;
    let failure = Fault::Answer(ApiFailure::internal("etcdserver: no leader"));
    world.faults().inject(patch_of_web(), failure);
    let part = world.rollback_as(&waiting(&bad)?).await.map_err(told)?;
    let expected = Some(BatchOutcome::PartlyRolledBack);
    ensure!(part.word == expected, "{part:#?}");
    ensure!(part.outcome == Outcome::PartlyRolledBack, "{part:#?}");
    // The worst of both.
    let health = Some(RollbackHealth::NotRolledBack);
    ensure!(part.health == health, "{part:#?}{}", world.said());
    let told = part.errors.join("; ");
    ensure!(told.contains("no leader"), "{told}");
    says(&world, "deployment/web: not rolled back")?;
    says(&world, "deployment/api: rolled back")?;
    have(&world, ["v2", "v1"]).await
}

async fn one_superseded() -> Result<()> {
    let (world, bad) = both_bad().await?;
    world.deploy("v3").await?;
    let left = world.rollback_as(&waiting(&bad)?).await.map_err(told)?;
    not_done(
        &left,
        BatchOutcome::Refused,
        "deployment/api could be rolled back, but is held up",
    )?;
    have(&world, ["v3", "v2"]).await
}

async fn the_rest() -> Result<()> {
    let (world, bad) = both_bad().await?;
    world.faults().inject(patch_of_web(), Fault::Disconnect);
    let inputs = waiting(&bad)?;
    world.rollback_as(&inputs).await.map_err(told)?;
    have(&world, ["v2", "v1"]).await?;
    world.faults().clear();
    let before = world.patches();
    let rest = world.rollback_as(&inputs).await.map_err(told)?;
    done(&rest, BatchOutcome::RolledBack, &world)?;
    ensure!(world.patches() == before + 1, "{}", world.said());
    have(&world, ["v1", "v1"]).await
}
