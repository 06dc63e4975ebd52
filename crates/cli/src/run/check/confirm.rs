//! The last look before a verdict is told.

use std::time::Duration;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use rollguard_cluster::{ClusterError, ClusterErrorKind, Connection, access};
use rollguard_core::duration::elapsed;
use rollguard_core::observation::{Blindness, ResourceKind};
use rollguard_core::session::{Session, TrackedWorkload};
use rollguard_core::verdict::{Undetermined, Verdict};
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
/// success must still hold, and what timed out must not have completed. A look that fails leaves a
/// failure as it is and makes anything else undetermined: there is a report in every case.
pub(super) async fn confirm(
    connection: &Connection,
    session: &mut Session,
    (verdict, ended): (Verdict, Timestamp),
) -> Verdict {
    let fresh = elapsed(session.started(), ended) < FRESH;
    if verdict == Verdict::Succeeded && fresh {
        return verdict;
    }
    let deciding: Vec<_> = session
        .workloads()
        .iter()
        .filter(|it| decides(it.verdict(), &verdict))
        .map(|tracked| amended(connection, session, tracked).boxed())
        .collect();
    let amended: Vec<Option<(WorkloadRef, Verdict)>> =
        stream::iter(deciding).buffered(AT_ONCE).collect().await;
    let mut verdict = verdict;
    for (workload, instead) in amended.into_iter().flatten() {
        verdict = session.amend(&workload, &instead);
    }
    verdict
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
    session: &Session,
    tracked: &TrackedWorkload,
) -> Option<(WorkloadRef, Verdict)> {
    let workload = tracked.workload();
    let instead = |verdict| Some((workload.clone(), verdict));
    let mut looks = LOOKS;
    loop {
        let fresh = match access::find(&connection.client, workload).await {
            Ok(fresh) => fresh,
            Err(error) => {
                let why = unseen(tracked.verdict(), workload, (error, connection.clock.now()));
                return why.and_then(|why| instead(Verdict::Undetermined { why }));
            }
        };
        looks -= 1;
        match tracked.confirm(session.snapshot(), &fresh, connection.clock.now()) {
            Ok(()) => return None,
            Err(Verdict::Undetermined { .. }) if looks > 0 => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Err(verdict) => return instead(verdict),
        }
    }
}

/// What a last look that was not possible makes of a verdict; `None` where it stands: what was seen to
/// fail needs no second look, as long as it is there.
fn unseen(
    verdict: &Verdict,
    workload: &WorkloadRef,
    (error, now): (ClusterError, Timestamp),
) -> Option<Undetermined> {
    let kind = error.kind();
    let message = Failure::from(error).messages.join("; ");
    let why = match kind {
        ClusterErrorKind::NotFound => return Some(Undetermined::Deleted),
        ClusterErrorKind::Forbidden => Blindness::Forbidden { message },
        ClusterErrorKind::Credentials => Blindness::Unauthorized { message },
        ClusterErrorKind::BadInput
        | ClusterErrorKind::Unreachable
        | ClusterErrorKind::Conflict
        | ClusterErrorKind::Other => Blindness::Disconnected { message },
    };
    match verdict {
        Verdict::Failed { .. } => None,
        Verdict::Progressing { .. }
        | Verdict::Succeeded
        | Verdict::TimedOut { .. }
        | Verdict::Undetermined { .. }
        | Verdict::Superseded { .. } => Some(Undetermined::Blind {
            resource: ResourceKind::of(workload.kind),
            since: now,
            why,
        }),
    }
}
