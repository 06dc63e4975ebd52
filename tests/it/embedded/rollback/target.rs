//! Which revision comes back.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_core::annotation::{CHANGE_CAUSE, ROLLBACK_RECORD};
use rollguard_core::rollback::BatchOutcome::{AlreadyRolledBack, Refused, RolledBack};
use rollguard_core::workload::Revision;
use rollguard_sandbox::{Script, Verb};

use super::super::recorded_pods::is_version;
use super::super::test_cluster::{World, told, workload};
use super::{annotation, causes, done, marked, not_done, plain, says, where_only_v1_is_good};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "after a good and two bad releases the good one comes back, however often",
            good_bad_bad,
        ),
        trial(
            "where no mark may be written, the serving revision comes back, and the check says so",
            without_marks,
        ),
        trial("a check without marks writes nothing", unmarked),
        trial(
            "what was found healthy and is complete is not undone by itself",
            known_good_stays,
        ),
        trial(
            "a revision that a person undoes loses its mark, and is no target any more",
            loses_its_mark,
        ),
        trial("a dry run shows the plan and changes nothing", dry_run),
    ]
}

async fn good_bad_bad() -> Result<()> {
    let world = where_only_v1_is_good().await?;
    ensure!(marked(&world).await? == ["v1"], "{}", world.said());
    says(
        &world,
        "marked revision 1 of deployment/web as last known good",
    )?;
    for version in ["v2", "v3"] {
        world.deploy(version).await?;
        let checked = world.check(TIMEOUT).await.map_err(told)?;
        ensure!(checked.outcome == Outcome::Failed, "{}", world.said());
    }
    ensure!(marked(&world).await? == ["v1"], "{}", world.said());
    let before = world.generation().await?;
    let first = world.rollback_as(&plain()).await.map_err(told)?;
    done(&first, RolledBack, &world)?;
    says(&world, "a check found it healthy")?;
    world.has("v1").await?;
    ensure!(world.generation().await? == before + 1, "{}", world.said());
    let cause = annotation(&world, CHANGE_CAUSE).await?;
    ensure!(cause.is_none(), "later revisions inherit {cause:?}");
    let causes = causes(&world).await?;
    let wanted = "rollguard: rolled back to revision 1 by the test (as revision 4)";
    ensure!(causes == [wanted], "{causes:?}");
    ensure!(
        annotation(&world, ROLLBACK_RECORD).await?.is_some(),
        "no trace"
    );
    for _ in 0..3 {
        let again = world.rollback_as(&plain()).await.map_err(told)?;
        done(&again, AlreadyRolledBack, &world)?;
        world.has("v1").await?;
    }
    ensure!(world.generation().await? == before + 1, "{}", world.said());
    Ok(())
}

async fn without_marks() -> Result<()> {
    let crashes = Script::crash_at_start(&["no database"], 1);
    let world = World::new(World::blank()?.play(|pod| is_version(pod, "v2"), crashes)).await?;
    world.faults().forbid(Verb::Patch, "replicasets");
    world.deploy("v1").await?;
    world.is_healthy("v1").await?;
    says(&world, "note: not marked as last known good")?;
    ensure!(marked(&world).await?.is_empty(), "{}", world.said());
    world.deploy("v2").await?;
    let checked = world.check(TIMEOUT).await.map_err(told)?;
    ensure!(checked.outcome == Outcome::Failed, "{}", world.said());
    let back = world.rollback_as(&plain()).await.map_err(told)?;
    done(&back, RolledBack, &world)?;
    says(&world, "its pods are still serving")?;
    world.has("v1").await
}

async fn unmarked() -> Result<()> {
    let world = World::new(World::blank()?).await?;
    world.deploy("v1").await?;
    let inputs = CheckInputs {
        mark: false,
        ..CheckInputs::of(workload(), TIMEOUT, Duration::from_secs(3))
    };
    let before = world.writes();
    let checked = world.check_as(&inputs).await.map_err(told)?;
    ensure!(checked.outcome == Outcome::Succeeded, "{}", world.said());
    ensure!(world.writes() == before, "something was written");
    ensure!(marked(&world).await?.is_empty(), "{}", world.said());
    let inputs = CheckInputs {
        mark: true,
        ..inputs
    };
    world.check_as(&inputs).await.map_err(told)?;
    ensure!(world.writes() == before + 1, "more than the mark");
    ensure!(marked(&world).await? == ["v1"], "{}", world.said());
    Ok(())
}

/// v1 and v2 are healthy, and both are marked.
pub(super) async fn two_good() -> Result<World> {
    let world = World::where_v2(Script::healthy()).await?;
    world.deploy("v2").await?;
    world.is_healthy("v2").await?;
    ensure!(marked(&world).await? == ["v1", "v2"], "{}", world.said());
    Ok(world)
}

pub(super) fn to(revision: u64) -> RollbackInputs {
    RollbackInputs {
        to_revision: Some(Revision(revision)),
        ..plain()
    }
}

async fn known_good_stays() -> Result<()> {
    let world = two_good().await?;
    let refused = world.rollback_as(&plain()).await.map_err(told)?;
    not_done(&refused, Refused, "was found healthy by a check")?;
    world.has("v2").await
}

async fn loses_its_mark() -> Result<()> {
    let world = two_good().await?;
    let undone = world.rollback_as(&to(1)).await.map_err(told)?;
    done(&undone, RolledBack, &world)?;
    ensure!(marked(&world).await? == ["v1"], "{}", world.said());
    world.has("v1").await
}

async fn dry_run() -> Result<()> {
    let world = where_only_v1_is_good().await?;
    world.deploy("v2").await?;
    world.check(TIMEOUT).await.map_err(told)?;
    let before = world.patches();
    let looked = world.dry_run(&plain()).await.map_err(told)?;
    ensure!(looked.outcome == Outcome::RolledBack, "{looked:#?}");
    ensure!(looked.word.is_none(), "{looked:#?}");
    says(&world, "nothing was changed")?;
    let unknown = world.dry_run(&to(7)).await.map_err(told)?;
    not_done(&unknown, Refused, "revision 7 does not exist")?;
    ensure!(world.patches() == before, "a patch was sent");
    world.has("v2").await
}
