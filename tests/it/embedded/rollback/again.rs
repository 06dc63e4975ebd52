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
use super::super::test_cluster::{NAMESPACE, World, back, told, workload};
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
async fn where_v1_has_turned_bad() -> Result<World> {
    let bad = Arc::new(AtomicBool::new(false));
    let is_bad = Arc::clone(&bad);
    let crashes = Script::crash_at_start(&["no database"], 1);
    let cast = World::blank()?.play(
        move |pod| is_version(pod, "v2") || is_bad.load(Ordering::Relaxed),
        crashes,
    );
    let world = World::new(cast).await?;
    all_at_once(&world).await?;
    bad.store(true, Ordering::Relaxed);
    world.deploy("v2").await?;
    world.check(TIMEOUT).await.map_err(told)?;
    Ok(world)
}

/// v1 is healthy, of a Deployment that replaces all of its pods at once.
async fn all_at_once(world: &World) -> Result<()> {
    world.deploy("v1").await?;
    let recreate = json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}});
    change(world, recreate).await?;
    world.is_healthy("v1").await
}

async fn unhealthy() -> Result<()> {
    let world = where_v1_has_turned_bad().await?;
    let back = world.rollback_as(&plain()).await.map_err(told)?;
    ensure!(back.outcome == Outcome::RolledBackUnhealthy, "{back:#?}");
    ensure!(back.word == Some(BatchOutcome::RolledBack), "{back:#?}");
    ensure!(back.health == Some(RollbackHealth::Unhealthy), "{back:#?}");
    ensure!(!back.errors.is_empty(), "{back:#?}");
    world.has("v1").await
}

async fn answers_wrongly() -> Result<()> {
    let bad = Arc::new(AtomicBool::new(false));
    let is_bad = Arc::clone(&bad);
    let answers = |status| Script::healthy().answering("/healthz", Answer::new(status, "hm"));
    let cast = World::blank()?
        .play(
            |pod| is_version(pod, "v2"),
            Script::crash_at_start(&["no database"], 1),
        )
        .play(move |_| is_bad.load(Ordering::Relaxed), answers(500))
        .play(|_| true, answers(200));
    let world = World::new(cast).await?;
    all_at_once(&world).await?;
    bad.store(true, Ordering::Relaxed);
    world.deploy("v2").await?;
    world.check(TIMEOUT).await.map_err(told)?;
    let inputs = RollbackInputs {
        http: vec![HttpCheck::parse("/healthz")?],
        ..plain()
    };
    let back = world.rollback_as(&inputs).await.map_err(told)?;
    ensure!(back.outcome == Outcome::RolledBackUnhealthy, "{back:#?}");
    says(&world, "/healthz")?;
    world.has("v1").await
}

async fn another_image() -> Result<()> {
    for other in [false, true] {
        let world = where_only_v1_is_good().await?;
        if other {
            pushed_anew(&world).await?;
        }
        world.deploy("v2").await?;
        world.check(TIMEOUT).await.map_err(told)?;
        let back = world.rollback_as(&plain()).await.map_err(told)?;
        done(&back, BatchOutcome::RolledBack, &world)?;
        let report = back.report.context("no report")?;
        let found = report.after_rollback.iter().flat_map(|it| &it.other_images);
        let told = world
            .said()
            .contains("as it did when revision 1 was known to be good");
        ensure!(found.count() == usize::from(other), "{}", world.said());
        ensure!(told == other, "{}", world.said());
    }
    Ok(())
}

/// The image of v1 is not what it was when v1 was marked.
async fn pushed_anew(world: &World) -> Result<()> {
    let sets: Api<ReplicaSet> = Api::namespaced(world.client(), NAMESPACE);
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
    let world = where_only_v1_is_good().await?;
    world.deploy("v2").await?;
    world.check(TIMEOUT).await.map_err(told)?;
    world.faults().forbid(Verb::List, "deployments");
    world.faults().forbid(Verb::Watch, "deployments");
    let back = world.rollback_as(&plain()).await.map_err(told)?;
    ensure!(back.outcome == Outcome::RolledBackNotVerified, "{back:#?}");
    ensure!(back.word == Some(BatchOutcome::RolledBack), "{back:#?}");
    ensure!(
        back.health == Some(RollbackHealth::Undetermined),
        "{back:#?}"
    );
    world.has("v1").await
}

async fn cancelled() -> Result<()> {
    let world = where_only_v1_is_good().await?;
    all_at_once(&world).await?;
    world.deploy("v2").await?;
    world.check(TIMEOUT).await.map_err(told)?;
    let (sender, cancel) = Cancel::by_hand();
    let inputs = plain();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send(true)
    };
    let (back, told_to_stop) = tokio::join!(world.rollback_unless(&inputs, &cancel), stop);
    told_to_stop?;
    let back = back.map_err(told)?;
    ensure!(back.outcome == Outcome::Cancelled, "{back:#?}");
    ensure!(back.word == Some(BatchOutcome::RolledBack), "{back:#?}");
    says(
        &world,
        "the rollback was done, but its result was not checked",
    )?;
    world.has("v1").await?;
    let again = world.rollback_as(&inputs).await.map_err(told)?;
    done(&again, BatchOutcome::AlreadyRolledBack, &world)
}

/// The three jobs of the stage.
async fn evidence_of_the_stage() -> Result<()> {
    let world = where_only_v1_is_good().await?;
    world.deploy("v2").await?;
    let checked = world.check(TIMEOUT).await.map_err(told)?;
    let evidence = checked.approval().cloned().context(world.said())?;
    let back = world.rollback(Some(&evidence)).await.map_err(told)?;
    ensure!(back.outcome == Outcome::RolledBack, "{back:#?}");
    ensure!(back.health.is_none(), "{back:#?}");
    let inputs = CheckInputs {
        evidence: Some(evidence.clone()),
        ..CheckInputs::of(workload(), TIMEOUT, Duration::from_secs(3))
    };
    let after = world.check_as(&inputs).await.map_err(told)?;
    ensure!(after.outcome == Outcome::Succeeded, "{}", world.said());
    let health = after.report.rollback_health();
    ensure!(health == Some(RollbackHealth::Healthy), "{health:?}");
    // The first job again, by the same run: what it finds healthy is not what it was to check.
    let again = world.check_by_the_run(TIMEOUT).await.map_err(told)?;
    ensure!(again.outcome == Outcome::Superseded, "{}", world.said());
    says(&world, "this run has rolled it back")?;
    let before = world.patches();
    let back = world.rollback(Some(&evidence)).await.map_err(told)?;
    let expected = Some(BatchOutcome::AlreadyRolledBack);
    ensure!(back.word == expected, "{back:#?}");
    ensure!(world.patches() == before, "a patch was sent");
    world.has("v1").await
}

async fn not_rolled_back() -> Result<()> {
    let world = where_only_v1_is_good().await?;
    world.deploy("v2").await?;
    let checked = world.check(TIMEOUT).await.map_err(told)?;
    let inputs = CheckInputs {
        evidence: checked.approval().cloned(),
        ..CheckInputs::of(workload(), TIMEOUT, Duration::from_secs(3))
    };
    let after = world.check_as(&inputs).await.map_err(told)?;
    ensure!(after.outcome == Outcome::Superseded, "{}", world.said());
    let health = after.report.rollback_health();
    ensure!(health == Some(RollbackHealth::NotRolledBack), "{health:?}");
    world.has("v2").await
}

async fn another_run() -> Result<()> {
    let world = where_only_v1_is_good().await?;
    world.deploy("v2").await?;
    let checked = world.check(TIMEOUT).await.map_err(told)?;
    let evidence = checked.approval().cloned().context(world.said())?;
    let before = world.patches();
    let inputs = back(Some(&evidence));
    let other = async {
        world.rollback_as(&inputs).await.map_err(told)?;
        Ok(())
    };
    let found = world.rollback_after(&evidence, other).await?;
    let expected = Some(BatchOutcome::AlreadyRolledBack);
    ensure!(found.word == expected, "{found:#?}");
    ensure!(world.patches() == before + 1, "it was done twice");
    world.has("v1").await
}
