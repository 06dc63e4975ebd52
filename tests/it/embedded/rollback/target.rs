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
use super::super::test_cluster::{TestCluster, as_error, workload};
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
    let cluster = where_only_v1_is_good().await?;
    ensure!(marked(&cluster).await? == ["v1"], "{}", cluster.said());
    says(
        &cluster,
        "marked revision 1 of deployment/web as last known good",
    )?;
    for version in ["v2", "v3"] {
        cluster.deploy(version).await?;
        let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
        ensure!(checked.outcome == Outcome::Failed, "{}", cluster.said());
    }
    ensure!(marked(&cluster).await? == ["v1"], "{}", cluster.said());
    let before = cluster.generation().await?;
    let first = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    done(&first, RolledBack, &cluster)?;
    says(&cluster, "a check found it healthy")?;
    cluster.has("v1").await?;
    ensure!(
        cluster.generation().await? == before + 1,
        "{}",
        cluster.said()
    );
    let cause = annotation(&cluster, CHANGE_CAUSE).await?;
    ensure!(cause.is_none(), "later revisions inherit {cause:?}");
    let causes = causes(&cluster).await?;
    let wanted = "rollguard: rolled back to revision 1 by the test (as revision 4)";
    ensure!(causes == [wanted], "{causes:?}");
    ensure!(
        annotation(&cluster, ROLLBACK_RECORD).await?.is_some(),
        "no trace"
    );
    for _ in 0..3 {
        let again = cluster.rollback_as(&plain()).await.map_err(as_error)?;
        done(&again, AlreadyRolledBack, &cluster)?;
        cluster.has("v1").await?;
    }
    ensure!(
        cluster.generation().await? == before + 1,
        "{}",
        cluster.said()
    );
    Ok(())
}

async fn without_marks() -> Result<()> {
    let crashes = Script::crash_at_start(&["no database"], 1);
    let cluster =
        TestCluster::new(TestCluster::blank()?.play(|pod| is_version(pod, "v2"), crashes)).await?;
    cluster.faults().forbid(Verb::Patch, "replicasets");
    cluster.deploy("v1").await?;
    cluster.is_healthy("v1").await?;
    says(&cluster, "note: not marked as last known good")?;
    ensure!(marked(&cluster).await?.is_empty(), "{}", cluster.said());
    cluster.deploy("v2").await?;
    let checked = cluster.check(TIMEOUT).await.map_err(as_error)?;
    ensure!(checked.outcome == Outcome::Failed, "{}", cluster.said());
    let back = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    done(&back, RolledBack, &cluster)?;
    says(&cluster, "its pods are still serving")?;
    cluster.has("v1").await
}

async fn unmarked() -> Result<()> {
    let cluster = TestCluster::new(TestCluster::blank()?).await?;
    cluster.deploy("v1").await?;
    let inputs = CheckInputs {
        mark: false,
        ..CheckInputs::of(workload(), TIMEOUT, Duration::from_secs(3))
    };
    let before = cluster.writes();
    let checked = cluster.check_as(&inputs).await.map_err(as_error)?;
    ensure!(checked.outcome == Outcome::Succeeded, "{}", cluster.said());
    ensure!(cluster.writes() == before, "something was written");
    ensure!(marked(&cluster).await?.is_empty(), "{}", cluster.said());
    let inputs = CheckInputs {
        mark: true,
        ..inputs
    };
    cluster.check_as(&inputs).await.map_err(as_error)?;
    ensure!(cluster.writes() == before + 1, "more than the mark");
    ensure!(marked(&cluster).await? == ["v1"], "{}", cluster.said());
    Ok(())
}

/// v1 and v2 are healthy, and both are marked.
pub(super) async fn two_good() -> Result<TestCluster> {
    let cluster = TestCluster::where_v2(Script::healthy()).await?;
    cluster.deploy("v2").await?;
    cluster.is_healthy("v2").await?;
    ensure!(
        marked(&cluster).await? == ["v1", "v2"],
        "{}",
        cluster.said()
    );
    Ok(cluster)
}

pub(super) fn to(revision: u64) -> RollbackInputs {
    RollbackInputs {
        to_revision: Some(Revision(revision)),
        ..plain()
    }
}

async fn known_good_stays() -> Result<()> {
    let cluster = two_good().await?;
    let refused = cluster.rollback_as(&plain()).await.map_err(as_error)?;
    not_done(&refused, Refused, "was found healthy by a check")?;
    cluster.has("v2").await
}

async fn loses_its_mark() -> Result<()> {
    let cluster = two_good().await?;
    let undone = cluster.rollback_as(&to(1)).await.map_err(as_error)?;
    done(&undone, RolledBack, &cluster)?;
    ensure!(marked(&cluster).await? == ["v1"], "{}", cluster.said());
    cluster.has("v1").await
}

async fn dry_run() -> Result<()> {
    let cluster = where_only_v1_is_good().await?;
    cluster.deploy("v2").await?;
    cluster.check(TIMEOUT).await.map_err(as_error)?;
    let before = cluster.patches();
    let looked = cluster.dry_run(&plain()).await.map_err(as_error)?;
    ensure!(looked.outcome == Outcome::RolledBack, "{looked:#?}");
    ensure!(looked.word.is_none(), "{looked:#?}");
    says(&cluster, "nothing was changed")?;
    let unknown = cluster.dry_run(&to(7)).await.map_err(as_error)?;
    not_done(&unknown, Refused, "revision 7 does not exist")?;
    ensure!(cluster.patches() == before, "a patch was sent");
    cluster.has("v2").await
}
