//! The check after the rollback: what it finds is an outcome of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::Api;
use kube::api::{ListParams, PostParams};
use libtest_mimic::Trial;
use rollguard::cancel::Cancel;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_core::annotation::LAST_KNOWN_GOOD;
use rollguard_core::http::HttpCheck;
use rollguard_core::rollback::BatchOutcome;
use rollguard_core::rollback::RollbackHealth;
use rollguard_sandbox::{Answer, Script, Verb};
use serde_json::json;

use super::super::recorded_pods::is_version;
use super::super::test_cluster::{NAMESPACE, TestCluster, as_error, rollback_inputs, workload};
use super::{change, done, plain, says, where_only_v1_is_good};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "what was restored and is not healthy has an exit code of its own",
            unhealthy,
        ),
        trial(
            "what was restored and answers wrongly is not healthy",
            answers_wrongly,
        ),
        trial(
            "a restored revision that runs another image under its tag is healthy, with a warning",
            another_image,
        ),
        trial(
            "what was restored and cannot be seen has an exit code of its own",
            not_seen,
        ),
        trial(
            "the wish to stop during the check tells what was done",
            cancelled,
        ),
        trial(
            "without waiting nobody looks, the check with the evidence does, and every job may run again",
            evidence_of_the_stage,
        ),
        trial(
            "a check with evidence whose rollback was not done says so",
            not_rolled_back,
        ),
        trial(
            "another run's rollback while a person decides is found done",
            another_run,
        ),
    ]
}

/// v1 is found healthy, and from the update to v2 on its pods crash as those of v2 do: the Deployment
/// replaces all of its pods at once.
async fn where_v1_has_turned_bad() -> Result<TestCluster> {
    let bad = Arc::new(AtomicBool::new(false));
    let is_bad = Arc::clone(&bad);
    let crashes = Script::crash_at_start(&["no database"], 1);
    let builder = TestCluster::blank()?.play(
        move |pod| is_version(pod, "v2") || is_bad.load(Ordering::Relaxed),
        crashes,
    );
    let cluster = TestCluster::new(builder).await?;
    all_at_once(&cluster).await?;
    bad.store(true, Ordering::Relaxed);
    cluster.deploy("v2").await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    Ok(cluster)
}

/// v1 is healthy, of a Deployment that replaces all of its pods at once.
async fn all_at_once(cluster: &TestCluster) -> Result<()> {
    cluster.deploy("v1").await?;
    let recreate = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
    change(cluster, recreate).await?;
    cluster.is_healthy("v1").await
}

async fn unhealthy() -> Result<()> {
    let cluster = where_v1_has_turned_bad().await?;
    let back = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBackUnhealthy, "{back:#?}");
    ensure!(back.word == Some(BatchOutcome::RolledBack), "{back:#?}");
    ensure!(back.health == Some(RollbackHealth::Unhealthy), "{back:#?}");
    ensure!(!back.errors.is_empty(), "{back:#?}");
    cluster.has("v1").await
}

async fn answers_wrongly() -> Result<()> {
    let bad = Arc::new(AtomicBool::new(false));
    let is_bad = Arc::clone(&bad);
    let answers = |status| Script::healthy().answering("/healthz", Answer::new(status, "hm"));
    let builder = TestCluster::blank()?
        .play(
            |pod| is_version(pod, "v2"),
            Script::crash_at_start(&["no database"], 1),
        )
        .play(move |_| is_bad.load(Ordering::Relaxed), answers(500))
        .play(|_| true, answers(200));
    let cluster = TestCluster::new(builder).await?;
    all_at_once(&cluster).await?;
    bad.store(true, Ordering::Relaxed);
    cluster.deploy("v2").await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    let inputs = RollbackInputs {
        http: vec![HttpCheck::parse("/healthz")?],
        ..plain()
    };
    let back = cluster.rollback_as(&inputs).await.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBackUnhealthy, "{back:#?}");
    says(&cluster, "/healthz")?;
    cluster.has("v1").await
}

async fn another_image() -> Result<()> {
    for other in [false, true] {
        let cluster = where_only_v1_is_good().await?;
        if other {
            pushed_anew(&cluster).await?;
        }
        cluster.deploy("v2").await?;
        cluster.check(TIMEOUT).await.map_err(as_error)?;
        let back = cluster.rollback_as(&plain()).await.map_err(as_error)?;
        done(&back, BatchOutcome::RolledBack, &cluster)?;
        let report = back.report.context("no report")?;
        let found = report.after_rollback.iter().flat_map(|it| &it.other_images);
        let told = cluster
            .said()
            .contains("as it did when revision 1 was known to be good");
        ensure!(found.count() == usize::from(other), "{}", cluster.said());
        ensure!(told == other, "{}", cluster.said());
    }
    Ok(())
}

/// The image of v1 is not what it was when v1 was marked.
async fn pushed_anew(cluster: &TestCluster) -> Result<()> {
    let sets: Api<ReplicaSet> = Api::namespaced(cluster.client(), NAMESPACE);
    for mut set in sets.list(&ListParams::default()).await? {
        let annotations = set.metadata.annotations.get_or_insert_default();
        for (name, text) in annotations {
            if name.starts_with(LAST_KNOWN_GOOD) {
                *text = text.replace("sha256:", "sha256:0");
            }
        }
        let name = set.metadata.name.clone().unwrap_or_default();
        sets.replace(&name, &PostParams::default(), &set).await?;
    }
    Ok(())
}

async fn not_seen() -> Result<()> {
    let cluster = where_only_v1_is_good().await?;
    cluster.deploy("v2").await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    cluster.faults().forbid(Verb::List, "deployments");
    cluster.faults().forbid(Verb::Watch, "deployments");
    let back = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBackNotVerified, "{back:#?}");
    ensure!(back.word == Some(BatchOutcome::RolledBack), "{back:#?}");
    ensure!(
        back.health == Some(RollbackHealth::Undetermined),
        "{back:#?}"
    );
    cluster.has("v1").await
}

async fn cancelled() -> Result<()> {
    let cluster = where_only_v1_is_good().await?;
    all_at_once(&cluster).await?;
    cluster.deploy("v2").await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    let (sender, cancel) = Cancel::by_hand();
    let inputs = plain();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send(true)
    };
    let (back, told_to_stop) = tokio::join!(cluster.rollback_unless(&inputs, &cancel), stop);
    told_to_stop?;
    let back = back.map_err(as_error)?;
    ensure!(back.outcome == Outcome::Cancelled, "{back:#?}");
    ensure!(back.word == Some(BatchOutcome::RolledBack), "{back:#?}");
    says(
        &cluster,
        "the rollback was done, but its result was not checked",
    )?;
    cluster.has("v1").await?;
    let again = cluster.rollback_as(&inputs).await.map_err(as_error)?;
    done(&again, BatchOutcome::AlreadyRolledBack, &cluster)
}

/// The three jobs of the stage.
async fn evidence_of_the_stage() -> Result<()> {
    let cluster = where_only_v1_is_good().await?;
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let evidence = checked.approval().cloned().context(cluster.said())?;
    let back = cluster.rollback(Some(&evidence)).await.map_err(as_error)?;
    ensure!(back.outcome == Outcome::RolledBack, "{back:#?}");
    ensure!(back.health.is_none(), "{back:#?}");
    let inputs = CheckInputs {
        evidence: Some(evidence.clone()),
        ..CheckInputs::of(workload(), TIMEOUT, Duration::from_secs(3))
    };
    let after = cluster.check_as(&inputs).await.map_err(as_error)?;
    ensure!(after.outcome == Outcome::Succeeded, "{}", cluster.said());
    let health = after.report.rollback_health();
    ensure!(health == Some(RollbackHealth::Healthy), "{health:?}");
    // The first job again, by the same run: what it finds healthy is not what it was to check.
    let again = cluster.check_by_the_run(TIMEOUT).await.map_err(as_error)?;
    ensure!(again.outcome == Outcome::Superseded, "{}", cluster.said());
    says(&cluster, "this run has rolled it back")?;
    let before = cluster.patches();
    let back = cluster.rollback(Some(&evidence)).await.map_err(as_error)?;
    let expected = Some(BatchOutcome::AlreadyRolledBack);
    ensure!(back.word == expected, "{back:#?}");
    ensure!(cluster.patches() == before, "a patch was sent");
    cluster.has("v1").await
}

async fn not_rolled_back() -> Result<()> {
    let cluster = where_only_v1_is_good().await?;
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let inputs = CheckInputs {
        evidence: checked.approval().cloned(),
        ..CheckInputs::of(workload(), TIMEOUT, Duration::from_secs(3))
    };
    let after = cluster.check_as(&inputs).await.map_err(as_error)?;
    ensure!(after.outcome == Outcome::Superseded, "{}", cluster.said());
    let health = after.report.rollback_health();
    ensure!(health == Some(RollbackHealth::NotRolledBack), "{health:?}");
    cluster.has("v2").await
}

async fn another_run() -> Result<()> {
    let cluster = where_only_v1_is_good().await?;
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let evidence = checked.approval().cloned().context(cluster.said())?;
    let before = cluster.patches();
    let inputs = rollback_inputs(Some(&evidence));
    let other = async {
        cluster.rollback_as(&inputs).await.map_err(as_error)?;
        Ok(())
    };
    let found = cluster.rollback_after(&evidence, other).await?;
    let expected = Some(BatchOutcome::AlreadyRolledBack);
    ensure!(found.word == expected, "{found:#?}");
    ensure!(cluster.patches() == before + 1, "it was done twice");
    cluster.has("v1").await
}
