//! Rollouts in which nothing fails and which need longer than the timeout.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_core::rollback::{BatchOutcome, RollbackHealth};
use rollguard_core::verdict::RolloutStep;
use rollguard_sandbox::Script;
use serde_json::{Value, json};

use super::rollback::change;
use super::test_cluster::{TestCluster, as_error, rollback_inputs};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(60);

/// One trial per story.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "pods that wait for minReadySeconds are no reason for a rollback",
            waits_for_min_ready_seconds,
        ),
        trial(
            "a minReadySeconds that passes within the timeout is not too long",
            short_min_ready_seconds,
        ),
        trial(
            "after a rollback minReadySeconds is awaited beyond the timeout",
            restored_pods_are_awaited,
        ),
    ]
}

/// Where v1 is healthy, and then the spec is changed outside of its template.
async fn with(script: Script, spec: Value) -> Result<TestCluster> {
    let cluster = TestCluster::where_v2(script).await?;
    change(&cluster, json!({ "spec": spec })).await?;
    Ok(cluster)
}

async fn waits_for_min_ready_seconds() -> Result<()> {
    let cluster = with(Script::healthy(), json!({"minReadySeconds": 120})).await?;
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let report = checked.report;
    ensure!(checked.outcome == Outcome::TimedOut, "{}", report.sentence);
    ensure!(
        report.sentence.contains("minReadySeconds"),
        "{}",
        report.sentence
    );
    ensure!(!report.offers_rollback, "{report:#?}");
    let waits = report
        .workloads
        .iter()
        .find_map(|it| it.standstill.as_ref());
    let step = waits.map(|it| it.step);
    ensure!(step == Some(RolloutStep::PodAvailable), "{waits:#?}");
    // It is said long before the time is over.
    let said = cluster.said();
    let told = said.find("TimeoutTooShort");
    let waiting = said.find("still waiting");
    ensure!(told.is_some() && told < waiting, "{said}");
    Ok(())
}

async fn short_min_ready_seconds() -> Result<()> {
    let cluster = with(Script::healthy(), json!({"minReadySeconds": 10})).await?;
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    ensure!(
        checked.outcome == Outcome::Succeeded,
        "{}",
        checked.report.sentence
    );
    ensure!(
        !cluster.said().contains("TimeoutTooShort"),
        "{}",
        cluster.said()
    );
    Ok(())
}

/// Recreate: the restored pods are new ones.
fn anew() -> Value {
    json!({"minReadySeconds": 120, "strategy": {"type": "Recreate", "rollingUpdate": null}})
}

fn patient() -> RollbackInputs {
    RollbackInputs {
        wait: true,
        timeout: TIMEOUT,
        ..rollback_inputs(None)
    }
}

async fn restored_pods_are_awaited() -> Result<()> {
    let cluster = with(Script::crash_at_start(&["no database"], 1), anew()).await?;
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    ensure!(checked.outcome == Outcome::Failed, "{}", cluster.said());
    let done = cluster.rollback_as(&patient()).await.map_err(as_error)?;
    let said = cluster.said();
    ensure!(
        done.word == Some(BatchOutcome::RolledBack),
        "{done:#?}{said}"
    );
    let health = Some(RollbackHealth::Healthy);
    ensure!(done.health == health, "{done:#?}{said}");
    let after = said.rsplit("rolled back to the template").next();
    ensure!(
        after.is_some_and(|it| !it.contains("TimeoutTooShort")),
        "{said}"
    );
    cluster.has("v1").await
}
