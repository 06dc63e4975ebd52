//! Races between a decision and its patch, and between a patch and its answer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rollguard_agent::Outcome;
use rollguard_core::approval::Approval;
use rollguard_core::rollback::BatchOutcome;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Script, Verb};

use super::test_cluster::{World, told};
use crate::trial;

/// How often the patch is sent at most.
const SENDS: usize = 3;
/// The timeout of the check before each race.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One trial per race.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a patch that is throttled for good changes nothing and says so",
            throttled,
        ),
        trial(
            "a patch whose answer is lost is found done, and sent once",
            answer_lost,
        ),
        trial(
            "a patch that never arrives is not done, and says so",
            not_sent,
        ),
        trial(
            "a patch that is never answered is found not done, and says so",
            never_answered,
        ),
        trial(
            "a patch that meets trouble once is sent again, and done once",
            trouble_once,
        ),
        trial(
            "a patch that may not be sent is refused before anything",
            forbidden,
        ),
        trial(
            "a newer rollout after the check is left alone",
            newer_is_left_alone,
        ),
        trial(
            "a newer rollout right before the patch is left alone",
            newer_in_between,
        ),
        trial("a rollback that is run again has nothing to do", run_again),
        trial(
            "of two rollbacks at once one does it, and both end well",
            two_at_once,
        ),
    ]
}

/// v2 was found bad; what the check hands over.
async fn found_bad() -> Result<(World, Approval)> {
    let world = World::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    world.deploy("v2").await?;
    let checked = world.check(TIMEOUT).await.map_err(told)?;
    let approval = checked
        .approval()
        .cloned()
        .context(checked.report.sentence)?;
    Ok((world, approval))
}

/// The patch itself, and not its dry run.
fn patch() -> Requests {
    let patches = Requests::all().verb(Verb::Patch).resource("deployments");
    patches.dry_run(false)
}

/// A rollback that fails, with the Deployment as it was; it can be run again.
async fn fails_and_can_be_repeated(fault: Fault) -> Result<()> {
    let (world, approval) = found_bad().await?;
    let before = world.patches();
    world.faults().inject(patch(), fault);
    let failed = world.rollback(Some(&approval)).await.map_err(told)?;
    ensure!(failed.outcome == Outcome::RollbackFailed, "{failed:?}");
    ensure!(failed.word == Some(BatchOutcome::Failed), "{failed:?}");
    ensure!(!failed.errors.is_empty(), "{failed:?}");
    ensure!(
        world.patches() <= before + SENDS,
        "{} patches",
        world.patches()
    );
    world.has("v2").await?;
    world.faults().clear();
    let again = world.rollback(Some(&approval)).await.map_err(told)?;
    ensure!(again.word == Some(BatchOutcome::RolledBack), "{again:?}");
    world.is_healthy("v1").await
}

async fn throttled() -> Result<()> {
    fails_and_can_be_repeated(Fault::Answer(ApiFailure::too_many_requests(1))).await
}

async fn not_sent() -> Result<()> {
    fails_and_can_be_repeated(Fault::Disconnect).await
}

async fn never_answered() -> Result<()> {
    fails_and_can_be_repeated(Fault::NeverAnswer).await
}

async fn trouble_once() -> Result<()> {
    let faults = [
        Fault::Answer(ApiFailure::too_many_requests(1)),
        Fault::Answer(ApiFailure::internal("etcdserver: request timed out")),
        Fault::Disconnect,
        Fault::NeverAnswer,
    ];
    for fault in faults {
        let (world, approval) = found_bad().await?;
        let before = world.generation().await?;
        world.faults().inject_next(1, patch(), fault.clone());
        let done = world.rollback(Some(&approval)).await.map_err(told)?;
        ensure!(
            done.word == Some(BatchOutcome::RolledBack),
            "{fault:?}: {done:?}"
        );
        let changes = world.generation().await? - before;
        ensure!(changes == 1, "{fault:?}: {changes} changes");
        world.is_healthy("v1").await?;
    }
    Ok(())
}

async fn forbidden() -> Result<()> {
    let (world, approval) = found_bad().await?;
    let before = world.patches();
    world.faults().forbid(Verb::Patch, "deployments");
    let refused = world.rollback(Some(&approval)).await.map_err(told)?;
    ensure!(refused.outcome == Outcome::Refused, "{refused:?}");
    ensure!(refused.word == Some(BatchOutcome::Refused), "{refused:?}");
    let said = world.said();
    ensure!(said.contains("may not patch deployments"), "{said}");
    ensure!(world.patches() == before, "a patch was sent");
    world.has("v2").await
}

async fn answer_lost() -> Result<()> {
    let (world, approval) = found_bad().await?;
    let before = world.patches();
    world.faults().inject_next(1, patch(), Fault::LoseAnswer);
    let done = world.rollback(Some(&approval)).await.map_err(told)?;
    ensure!(done.word == Some(BatchOutcome::RolledBack), "{done:?}");
    ensure!(world.patches() == before + 1, "{} patches", world.patches());
    ensure!(
        world.said().contains("deployment/web: rolled back"),
        "{}",
        world.said()
    );
    world.is_healthy("v1").await
}

async fn newer_is_left_alone() -> Result<()> {
    let (world, approval) = found_bad().await?;
    world.deploy("v3").await?;
    let before = world.patches();
    let refused = world.rollback(Some(&approval)).await.map_err(told)?;
    ensure!(refused.outcome == Outcome::Refused, "{refused:?}");
    ensure!(
        refused.word == Some(BatchOutcome::Superseded),
        "{refused:?}"
    );
    ensure!(world.patches() == before, "a patch was sent");
    world.has("v3").await
}

/// The newer rollout begins after the decision, while the patch is on its way.
async fn newer_in_between() -> Result<()> {
    let (world, approval) = found_bad().await?;
    let newer = world.deploy("v3");
    let refused = world.rollback_after(&approval, newer).await?;
    ensure!(refused.outcome == Outcome::Refused, "{refused:?}");
    ensure!(
        refused.word == Some(BatchOutcome::Superseded),
        "{refused:?}"
    );
    world.has("v3").await
}

async fn run_again() -> Result<()> {
    let (world, approval) = found_bad().await?;
    let first = world.rollback(Some(&approval)).await.map_err(told)?;
    ensure!(first.word == Some(BatchOutcome::RolledBack), "{first:?}");
    let before = world.patches();
    let second = world.rollback(Some(&approval)).await.map_err(told)?;
    ensure!(second.outcome == Outcome::RolledBack, "{second:?}");
    ensure!(
        second.word == Some(BatchOutcome::AlreadyRolledBack),
        "{second:?}"
    );
    ensure!(world.patches() == before, "a patch was sent");
    world.is_healthy("v1").await
}

async fn two_at_once() -> Result<()> {
    let (world, approval) = found_bad().await?;
    let before = world.generation().await?;
    let (one, other) = tokio::join!(
        world.rollback_by("one run", &approval),
        world.rollback_by("another run", &approval)
    );
    let ended = [one.map_err(told)?, other.map_err(told)?];
    let did_it = ended
        .iter()
        .filter(|it| it.word == Some(BatchOutcome::RolledBack));
    ensure!(did_it.count() == 1, "{ended:?}");
    let had_not_to = ended.iter().filter(|it| {
        it.word == Some(BatchOutcome::AlreadyRolledBack)
            || it.word == Some(BatchOutcome::Superseded)
    });
    ensure!(had_not_to.count() == 1, "{ended:?}");
    let changes = world.generation().await? - before;
    ensure!(changes == 1, "{changes} changes");
    world.is_healthy("v1").await
}
