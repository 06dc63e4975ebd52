//! Races between a decision and its patch, and between a patch and its answer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rollguard_agent::Outcome;
use rollguard_core::approval::Approval;
use rollguard_core::rollback::BatchOutcome;
use rollguard_sandbox::{ApiFailure, Fault, Requests, Script, Verb};

use super::test_cluster::{TestCluster, as_error};
use crate::trial;

/// How often the patch is sent at most.
const SENDS: usize = 16;
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
async fn found_bad() -> Result<(TestCluster, Approval)> {
    let cluster = TestCluster::where_v2(Script::crash_at_start(&["no database"], 1)).await?;
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    let approval = checked
        .approval()
        .cloned()
        .context(checked.report.sentence)?;
    Ok((cluster, approval))
}

/// The patch itself, and not its dry run.
fn patch() -> Requests {
    let patches = Requests::all().verb(Verb::Patch).resource("deployments");
    patches.dry_run(false)
}

/// A rollback that fails, with the Deployment as it was; it can be run again.
async fn fails_and_can_be_repeated(fault: Fault) -> Result<()> {
    let (cluster, approval) = found_bad().await?;
    let before = cluster.patches();
    cluster.faults().inject(patch(), fault);
    let failed = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
    ensure!(failed.outcome == Outcome::RollbackFailed, "{failed:?}");
    ensure!(failed.word == Some(BatchOutcome::Failed), "{failed:?}");
    ensure!(!failed.errors.is_empty(), "{failed:?}");
    ensure!(
        cluster.patches() <= before + SENDS,
        "{} patches",
        cluster.patches()
    );
    cluster.has("v2").await?;
    cluster.faults().clear();
    let again = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
    ensure!(again.word == Some(BatchOutcome::RolledBack), "{again:?}");
    cluster.is_healthy("v1").await
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
        let (cluster, approval) = found_bad().await?;
        let before = cluster.generation().await?;
        cluster.faults().inject_next(1, patch(), fault.clone());
        let done = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
        ensure!(
            done.word == Some(BatchOutcome::RolledBack),
            "{fault:?}: {done:?}"
        );
        let changes = cluster.generation().await? - before;
        ensure!(changes == 1, "{fault:?}: {changes} changes");
        cluster.is_healthy("v1").await?;
    }
    Ok(())
}

async fn forbidden() -> Result<()> {
    let (cluster, approval) = found_bad().await?;
    let before = cluster.patches();
    cluster.faults().forbid(Verb::Patch, "deployments");
    let refused = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
    ensure!(refused.outcome == Outcome::Refused, "{refused:?}");
    ensure!(refused.word == Some(BatchOutcome::Refused), "{refused:?}");
    let said = cluster.said();
    ensure!(said.contains("may not patch deployments"), "{said}");
    ensure!(cluster.patches() == before, "a patch was sent");
    cluster.has("v2").await
}

async fn answer_lost() -> Result<()> {
    let (cluster, approval) = found_bad().await?;
    let before = cluster.patches();
    cluster.faults().inject_next(1, patch(), Fault::LoseAnswer);
    let done = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
    ensure!(done.word == Some(BatchOutcome::RolledBack), "{done:?}");
    ensure!(
        cluster.patches() == before + 1,
        "{} patches",
        cluster.patches()
    );
    ensure!(
        cluster.said().contains("deployment/web: rolled back"),
        "{}",
        cluster.said()
    );
    cluster.is_healthy("v1").await
}

async fn newer_is_left_alone() -> Result<()> {
    let (cluster, approval) = found_bad().await?;
    cluster.deploy("v3").await?;
    let before = cluster.patches();
    let refused = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
    ensure!(refused.outcome == Outcome::Refused, "{refused:?}");
    ensure!(
        refused.word == Some(BatchOutcome::Superseded),
        "{refused:?}"
    );
    ensure!(cluster.patches() == before, "a patch was sent");
    cluster.has("v3").await
}

/// The newer rollout begins after the decision, while the patch is on its way.
async fn newer_in_between() -> Result<()> {
    let (cluster, approval) = found_bad().await?;
    let newer = cluster.deploy("v3");
    let refused = cluster.rollback_after(&approval, newer).await?;
    ensure!(refused.outcome == Outcome::Refused, "{refused:?}");
    ensure!(
        refused.word == Some(BatchOutcome::Superseded),
        "{refused:?}"
    );
    cluster.has("v3").await
}

async fn run_again() -> Result<()> {
    let (cluster, approval) = found_bad().await?;
    let first = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
    ensure!(first.word == Some(BatchOutcome::RolledBack), "{first:?}");
    let before = cluster.patches();
    let second = cluster.rollback(Some(&approval)).await.map_err(as_error)?;
    ensure!(second.outcome == Outcome::RolledBack, "{second:?}");
    ensure!(
        second.word == Some(BatchOutcome::AlreadyRolledBack),
        "{second:?}"
    );
    ensure!(cluster.patches() == before, "a patch was sent");
    cluster.is_healthy("v1").await
}

async fn two_at_once() -> Result<()> {
    let (cluster, approval) = found_bad().await?;
    let before = cluster.generation().await?;
    let (one, other) = tokio::join!(
        cluster.rollback_by("one run", &approval),
        cluster.rollback_by("another run", &approval)
    );
    let ended = [one.map_err(as_error)?, other.map_err(as_error)?];
    let did_it = ended
        .iter()
        .filter(|it| it.word == Some(BatchOutcome::RolledBack));
    ensure!(did_it.count() == 1, "{ended:?}");
    let had_not_to = ended.iter().filter(|it| {
        it.word == Some(BatchOutcome::AlreadyRolledBack)
            || it.word == Some(BatchOutcome::Superseded)
    });
    ensure!(had_not_to.count() == 1, "{ended:?}");
    let changes = cluster.generation().await? - before;
    ensure!(changes == 1, "{changes} changes");
    cluster.is_healthy("v1").await
}
