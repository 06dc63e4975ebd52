//! Carries the reads of a recheck: `rollguard_core::session::Recheck` decides.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rollguard_cluster::{ClusterError, ClusterErrorKind, Connection, access};
use rollguard_core::observation::Blindness;
use rollguard_core::session::{EndedRead, FreshRead, Recheck, Session};
use rollguard_core::verdict::Verdict;
use rollguard_core::workload::WorkloadRef;

use crate::drive::Decided;
use crate::failure::Failure;

/// The verdict after fresh reads of the workloads themselves.
pub(super) async fn recheck(
    connection: &Connection,
    session: &mut Session,
    decided: Decided,
) -> Verdict {
    let clock = connection.clock;
    let mut recheck = Recheck::new(session, decided.verdict, decided.at);
    let mut reads = FuturesUnordered::new();
    let mut ended = None;
    loop {
        let step = recheck.step(session, ended, clock.now());
        if let Some(verdict) = step.verdict {
            return verdict;
        }
        let workloads = step.reads.into_iter();
        reads.extend(workloads.map(|workload| read(connection, workload)));
        ended = tokio::select! {
            Some(ended) = reads.next() => Some(ended),
            () = clock.sleep_until(step.wake_at) => None,
        };
    }
}

async fn read(connection: &Connection, workload: WorkloadRef) -> EndedRead {
    let read = match access::find_once(&connection.client, &workload).await {
        Ok(fresh) => FreshRead::Found(Box::new(fresh)),
        Err(error) => failed(error),
    };
    EndedRead { workload, read }
}

fn failed(error: ClusterError) -> FreshRead {
    let kind = error.kind();
    let message = Failure::from(error).messages().join("; ");
    FreshRead::Blind(match kind {
        ClusterErrorKind::NotFound => return FreshRead::NotFound,
        ClusterErrorKind::Forbidden => Blindness::Forbidden { message },
        ClusterErrorKind::Credentials => Blindness::Unauthorized { message },
        ClusterErrorKind::BadInput
        | ClusterErrorKind::Unreachable
        | ClusterErrorKind::Conflict
        | ClusterErrorKind::Other => Blindness::Disconnected { message },
    })
}
