//! A run that is killed at any request, and then run again: the right end state, by one change.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rollguard::run::rollback::RolledBack;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_core::rollback::BatchOutcome::{AlreadyRolledBack, RolledBack as Done};
use tokio::time::sleep;

use super::super::test_cluster::{TestCluster, as_error};
use super::sets;
use super::target::{to, two_good};
use super::{done, marked, plain, where_only_v1_is_good};
use crate::trial;

const TIMEOUT: Duration = Duration::from_secs(60);
/// More requests than a rollback makes.
const MOST: usize = 200;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a rollback of a Deployment that is killed anywhere is finished by the next run",
            deployment,
        ),
        trial(
            "a rollback from a marked revision that is killed anywhere leaves it no mark",
            from_marked,
        ),
        trial(
            "a rollback of a StatefulSet that is killed anywhere is finished by the next run",
            stateful_set,
        ),
    ]
}

/// Runs it until so many requests have been made; `None` where it was killed by that.
async fn killed_after(
    cluster: &TestCluster,
    inputs: &RollbackInputs,
    requests: usize,
) -> Result<Option<RolledBack>> {
    let last = cluster.requests() + requests;
    let mut run = pin!(cluster.rollback_as(inputs));
    let ended = poll_fn(|context| match run.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending if cluster.requests() >= last => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    ended.await.transpose().map_err(as_error)
}

async fn from_marked() -> Result<()> {
    for requests in 1..MOST {
        let cluster = two_good().await?;
        let inputs = to(1);
        let whole = killed_after(&cluster, &inputs, requests).await?;
        sleep(Duration::from_secs(1)).await;
        let again = cluster.rollback_as(&inputs).await.map_err(as_error)?;
        ensure!(again.outcome == Outcome::RolledBack, "{again:#?}");
        cluster.has("v1").await?;
        let left = marked(&cluster).await?;
        ensure!(
            left == ["v1"],
            "killed after {requests}: {left:?} are marked"
        );
        if whole.is_some() {
            ensure!(requests > 10, "it was killed {requests} times only");
            return Ok(());
        }
    }
    anyhow::bail!("it never came to its end")
}

async fn deployment() -> Result<()> {
    for requests in 1..MOST {
        let cluster = where_only_v1_is_good().await?;
        cluster.deploy("v2").await?;
        cluster.check(TIMEOUT).await.map_err(as_error)?;
        let before = cluster.generation().await?;
        let whole = killed_after(&cluster, &plain(), requests).await?;
        sleep(Duration::from_secs(1)).await;
        let again = cluster.rollback_as(&plain()).await.map_err(as_error)?;
        let was_done = cluster.said().contains("already");
        let expected = if was_done { AlreadyRolledBack } else { Done };
        done(&again, expected, &cluster)?;
        cluster.has("v1").await?;
        let changes = cluster.generation().await? - before;
        ensure!(changes == 1, "killed after {requests}: {changes} changes");
        if whole.is_some() {
            ensure!(requests > 10, "it was killed {requests} times only");
            return Ok(());
        }
    }
    anyhow::bail!("it never came to its end")
}

async fn stateful_set() -> Result<()> {
    for requests in 1..MOST {
        let cluster = sets::stuck(2).await?;
        let whole = killed_after(&cluster, &sets::plain(), requests).await?;
        sleep(Duration::from_secs(1)).await;
        let again = cluster
            .rollback_as(&sets::plain())
            .await
            .map_err(as_error)?;
        let was_done = cluster.said().contains("already");
        let expected = if was_done { AlreadyRolledBack } else { Done };
        done(&again, expected, &cluster)?;
        sets::has(&cluster, "v1").await?;
        ensure!(
            cluster.deleted_pods() == 1,
            "killed after {requests}: {} pods deleted",
            cluster.deleted_pods()
        );
        if whole.is_some() {
            ensure!(requests > 10, "it was killed {requests} times only");
            return Ok(());
        }
    }
    anyhow::bail!("it never came to its end")
}
