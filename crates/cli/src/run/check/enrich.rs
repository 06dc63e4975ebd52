//! Reads what a report shows besides the verdict: log lines, and what a rollback would do.

use futures::future::join_all;
use rollguard_cluster::{Connection, logs};
use rollguard_core::report::{LogSource, Proposal, Report, log_sources};
use rollguard_core::rollback::{Allowed, CheckContext, Request, RollbackBatch};
use rollguard_core::session::{Session, TrackedWorkload};

use crate::run::plan::gather;

/// The subject of a check's report.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) session: &'a Session,
    /// What a rollback is not refused for.
    pub(super) allowed: Allowed,
    /// The run that checks.
    pub(super) run: &'a str,
    /// Whether logs are read.
    pub(super) logs: bool,
}

/// A report with all that belongs to it.
pub(super) struct Enriched {
    pub(super) report: Report,
    /// What would be rolled back, where the verdict offers a rollback and the revisions could be read.
    pub(super) batch: Option<RollbackBatch>,
}

/// Adds log lines and what a rollback would do, where the verdict offers one.
pub(super) async fn enrich(
    connection: &Connection,
    mut report: Report,
    subject: Subject<'_>,
) -> Enriched {
    let session = subject.session;
    let mut workloads = session.workloads().iter();
    let job_failed = workloads.any(TrackedWorkload::has_failed_for_good);
    if subject.logs && (report.offers_rollback || job_failed) {
        add_logs(connection, &mut report, session).await;
    }
    if !report.offers_rollback {
        if let Some(refused) = Proposal::of_jobs(session) {
            report.rollback = refused;
        }
        return Enriched {
            report,
            batch: None,
        };
    }
    let context = CheckContext {
        allowed: subject.allowed,
        run: subject.run,
        now: connection.clock.now(),
        doctor: &connection.way_in.doctor,
    };
    let requests = Request::after_check(session, context);
    let batch = match gather(connection, requests).await {
        Ok(gathered) => {
            report.weigh_rollback(&gathered.batch.plans);
            report.rollback = Proposal::after_check(&report, session, &gathered.batch);
            Some(gathered.batch)
        }
        // That the history cannot be read is no failure of the check.
        Err(failure) => {
            report.rollback = Proposal::Refused {
                why: failure.text(),
                hint: failure.hint,
            };
            None
        }
    };
    Enriched { report, batch }
}

/// Adds the last log lines of the containers that findings name, all read at once: a node that does not
/// answer must not hold up the report once for each of them.
async fn add_logs(connection: &Connection, report: &mut Report, session: &Session) {
    let sources = log_sources(report, session);
    let read = sources.iter().map(async |source| {
        let LogSource {
            finding,
            namespace,
            pod,
            container,
        } = source;
        let logs = logs::evidence(&connection.client, namespace, pod, container).await;
        (*finding, logs)
    });
    for (finding, logs) in join_all(read).await {
        report.add_logs(finding, &logs.evidence);
        report.blind_spots.extend(logs.notes);
    }
}
