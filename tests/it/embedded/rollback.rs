//! A rollback from the plan to the check after it, in virtual time.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use libtest_mimic::Trial;
use rollguard::run::rollback::RolledBack;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_core::annotation::{CHANGE_CAUSE, LastKnownGood};
use rollguard_core::rollback::BatchOutcome;
use rollguard_core::rollback::RollbackHealth;
use rollguard_sandbox::Script;
use rollguard_tests::scenarios::DEPLOYMENT;
use serde_json::Value;

use super::recorded_pods::is_version;
use super::test_cluster::{NAMESPACE, TestCluster, rollback_inputs};

mod again;
mod batch;
mod kills;
mod refused;
mod selected;
mod sets;
mod target;

/// One trial per story.
pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    target::trials()
        .into_iter()
        .chain(refused::trials())
        .chain(again::trials())
        .chain(sets::trials())
        .chain(batch::trials())
        .chain(kills::trials())
        .chain(selected::trials())
}

/// Where v1 is healthy and marked, and every later version crashes.
async fn where_only_v1_is_good() -> Result<TestCluster> {
    let crashes = || Script::crash_at_start(&["no database"], 1);
    let builder = TestCluster::blank()?
        .play(|pod| is_version(pod, "v2"), crashes())
        .play(|pod| is_version(pod, "v3"), crashes());
    let cluster = TestCluster::new(builder).await?;
    cluster.deploy("v1").await?;
    cluster.is_healthy("v1").await?;
    Ok(cluster)
}

/// Of the one Deployment, without evidence, and checked again.
fn plain() -> RollbackInputs {
    RollbackInputs {
        wait: true,
        ..rollback_inputs(None)
    }
}

/// Back and healthy.
fn done(done: &RolledBack, expected: BatchOutcome, cluster: &TestCluster) -> Result<()> {
    let said = cluster.said();
    ensure!(done.word == Some(expected), "{done:#?}{said}");
    ensure!(done.outcome == Outcome::RolledBack, "{done:#?}{said}");
    let health = Some(RollbackHealth::Healthy);
    ensure!(done.health == health, "{done:#?}{said}");
    ensure!(done.errors.is_empty(), "{done:#?}{said}");
    Ok(())
}

/// Not rolled back, for a reason that is printed.
fn not_done(done: &RolledBack, expected: BatchOutcome, why: &str) -> Result<()> {
    ensure!(done.word == Some(expected), "{done:#?}");
    ensure!(done.outcome == Outcome::Refused, "{done:#?}");
    let health = done
        .health
        .is_none_or(|it| it == RollbackHealth::NotRolledBack);
    ensure!(health, "{done:#?}");
    let told = done.errors.join("; ");
    ensure!(told.contains(why), "`{why}` is not in `{told}`");
    Ok(())
}

fn says(cluster: &TestCluster, part: &str) -> Result<()> {
    let said = cluster.said();
    ensure!(said.contains(part), "`{part}` is not in:\n{said}");
    Ok(())
}

/// Changes something of the Deployment besides its version.
pub(crate) async fn change(cluster: &TestCluster, patch: Value) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client(), NAMESPACE);
    let patch = Patch::Merge(patch);
    deployments
        .patch(DEPLOYMENT, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

/// An annotation of the Deployment.
async fn annotation(cluster: &TestCluster, name: &str) -> Result<Option<String>> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client(), NAMESPACE);
    let deployment = deployments.get(DEPLOYMENT).await?;
    let annotations = deployment.metadata.annotations.unwrap_or_default();
    Ok(annotations.get(name).cloned())
}

/// The change causes of all ReplicaSets.
async fn causes(cluster: &TestCluster) -> Result<Vec<String>> {
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client(), NAMESPACE);
    let sets = sets.list(&ListParams::default()).await?.items.into_iter();
    let causes = sets.filter_map(|it| it.metadata.annotations?.remove(CHANGE_CAUSE));
    Ok(causes.collect())
}

/// The versions whose ReplicaSet has a mark of its own.
async fn marked(cluster: &TestCluster) -> Result<Vec<String>> {
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client(), NAMESPACE);
    let mut marked = Vec::new();
    for set in sets.list(&ListParams::default()).await?.items {
        let uid = set.metadata.uid.context("no uid")?;
        let annotations = set.metadata.annotations.unwrap_or_default();
        let template = set.spec.and_then(|it| it.template);
        let labels = template.and_then(|it| it.metadata?.labels);
        let version = labels.and_then(|it| it.get("version").cloned());
        if annotations.contains_key(&LastKnownGood::annotation(&uid)) {
            marked.push(version.context("no version")?);
        }
    }
    marked.sort();
    Ok(marked)
}
