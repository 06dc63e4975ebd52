//! The last look before a verdict is told.

use std::time::Duration;

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use rollguard_cluster::{Connection, access};
use rollguard_core::duration::elapsed;
use rollguard_core::guard::{Follow, Guard};
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::WorkloadRef;

use crate::failure::Failure;

/// How often a success is confirmed by a fresh look while the counts still move, and the pause
/// between: an autoscaler may change them at that very moment.
const LOOKS: u32 = 10;
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What was listed within this time is no watch that may lag: it is the fresh look itself.
const FRESH: Duration = Duration::from_secs(1);
/// How many workloads are looked at at once.
const AT_ONCE: usize = 8;

/// The verdict after a last look at the workloads themselves, since a watch may lag by seconds: a
/// success must still hold, and what timed out must not have completed.
pub(super) async fn confirm(
    connection: &Connection,
    guard: &mut Guard,
    (verdict, ended): (Verdict, Timestamp),
) -> Result<Verdict, Failure> {
    let fresh = elapsed(guard.started(), ended) < FRESH;
    if verdict == Verdict::Succeeded && fresh {
        return Ok(verdict);
    }
    let deciding: Vec<_> = guard
        .follows()
        .iter()
        .filter(|it| decides(it.verdict(), &verdict))
        .map(|follow| amended(connection, guard, follow).boxed())
        .collect();
    let amended: Vec<Option<(WorkloadRef, Verdict)>> = stream::iter(deciding)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut verdict = verdict;
    for (workload, instead) in amended.into_iter().flatten() {
        verdict = guard.amend(&workload, &instead);
    }
    Ok(verdict)
}

/// Whether the verdict over all of them rests on this one. What nobody sees needs no second look.
fn decides(own: &Verdict, verdict: &Verdict) -> bool {
    match own {
        Verdict::Progressing { .. } | Verdict::Undetermined { .. } => false,
        Verdict::Succeeded
        | Verdict::Failed { .. }
        | Verdict::TimedOut { .. }
        | Verdict::Superseded { .. } => own.word() == verdict.word(),
    }
}

/// What holds instead of a workload's verdict, if it does not hold.
async fn amended(
    connection: &Connection,
    guard: &Guard,
    follow: &Follow,
) -> Result<Option<(WorkloadRef, Verdict)>, Failure> {
    let workload = follow.workload();
    let mut looks = LOOKS;
    loop {
        let fresh = access::find(&connection.client, workload).await?;
        looks -= 1;
        match follow.confirm(guard.snapshot(), &fresh, connection.clock.now()) {
            Ok(()) => return Ok(None),
            Err(Verdict::Undetermined { .. }) if looks > 0 => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(instead) => return Ok(Some((workload.clone(), instead))),
        }
    }
}
