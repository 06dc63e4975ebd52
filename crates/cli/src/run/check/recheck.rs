//! Carries the reads of a recheck: `rollguard_core::session::Recheck` decides.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rollguard_cluster::{Connection, access};
use rollguard_core::observation::{Observation, Seen};
use rollguard_core::session::{Decided, Recheck, Session};
use rollguard_core::verdict::Verdict;

use crate::drive::record;
use crate::run::tools::Tools;

/// The verdict after fresh reads of the workloads themselves.
pub(super) async fn recheck(
    connection: &Connection,
    session: &mut Session,
    decided: Decided,
    tools: &mut Tools<'_>,
) -> Verdict {
    let clock = connection.clock;
    let mut recheck = Recheck::new(session, decided.verdict, decided.at);
    let mut reads = FuturesUnordered::new();
    let mut ended = None;
    loop {
        let now = clock.now();
        if let Some(read) = &ended {
            let seen = Seen::Reread(Clone::clone(read));
            record(&Observation::new(now, seen), tools);
        }
        let step = recheck.step(session, ended, now);
        if let Some(verdict) = step.verdict {
            return verdict;
        }
        let workloads = step.reads.into_iter();
        reads.extend(workloads.map(|it| access::reread(&connection.client, it)));
        ended = tokio::select! {
            Some(ended) = reads.next() => Some(ended),
            () = clock.sleep_until(step.wake_at) => None,
        };
    }
}
