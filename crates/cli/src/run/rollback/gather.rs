//! What is to be known before anything is changed: history, decision and preflight of every workload.

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_cluster::history::history;
use rollguard_cluster::{ClusterError, Connection, preflight};
use rollguard_core::approval::ApprovedRollback;
use rollguard_core::rollback::preflight::judge;
use rollguard_core::rollback::{
    Request, RollbackBatch, RollbackDecision, decide, in_place, stuck_now,
};
use rollguard_core::workload::WorkloadRef;

/// How many workloads are looked at at once.
const AT_ONCE: usize = 8;

/// What is known before anything is changed.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// One plan for all.
    pub(crate) release: RollbackBatch,
    /// What a check after it is bound to: of each workload that is to go back, or is back already.
    pub(super) restored: Vec<ApprovedRollback>,
    /// Whether a pod of what is back already is stuck, and would be deleted.
    pub(super) deletes: bool,
    /// How many pods one of them has at most that are stuck: they are replaced one after the other.
    pub(super) stuck: usize,
}

/// What is asked of each workload.
pub(super) fn wanted(
    inputs: &RollbackInputs,
    (run, now): (&str, Timestamp),
) -> Vec<(WorkloadRef, Request)> {
    let evidence = inputs.evidence.as_ref();
    let request = |workload: &WorkloadRef| Request {
        to_revision: inputs.to_revision,
        approval: evidence.and_then(|it| it.of(workload)).cloned(),
        evidence_at: evidence.map(|it| it.at),
        allowed: inputs.allowed,
        now,
        run: run.to_owned(),
        ..Request::default()
    };
    let each = inputs.workloads.iter();
    each.map(|it| (it.clone(), request(it))).collect()
}

/// Looks at every workload, some of them at once.
pub(crate) async fn gather(
    connection: &Connection,
    wanted: Vec<(WorkloadRef, Request)>,
) -> Result<Gathered, ClusterError> {
    let each: Vec<_> = wanted
        .into_iter()
        .map(|(workload, request)| one(connection, workload, request).boxed())
        .collect();
    let each: Vec<One> = stream::iter(each).buffered(AT_ONCE).try_collect().await?;
    let mut gathered = Gathered::default();
    for one in each {
        gathered.restored.extend(one.restored);
        gathered.deletes |= one.deletes;
        gathered.stuck = gathered.stuck.max(one.stuck);
        gathered.release.add(&one.workload, one.decision);
    }
    Ok(gathered)
}

struct One {
    workload: WorkloadRef,
    decision: RollbackDecision,
    restored: Option<ApprovedRollback>,
    deletes: bool,
    stuck: usize,
}

async fn one(
    connection: &Connection,
    workload: WorkloadRef,
    request: Request,
) -> Result<One, ClusterError> {
    let client = &connection.client;
    let history = history(client, &workload).await?;
    let mut one = One {
        decision: decide(&history, &request),
        workload,
        restored: None,
        deletes: false,
        stuck: 0,
    };
    match &mut one.decision {
        RollbackDecision::Apply(plan) => {
            // Boxed: it would make every future around it large.
            let answers = Box::pin(preflight::ask(client, plan, &history)).await;
            let found = judge(plan, &answers);
            plan.concerned(found);
            one.restored = Some(plan.approval());
            one.stuck = plan.stuck.len();
        }
        RollbackDecision::Already(already) => {
            let approved = || in_place(&history, already);
            one.restored = Some(request.approval.unwrap_or_else(approved));
            let target = history.with_uid(&already.to.uid);
            // Also what has to wait for a lower one first: it is deleted once that is back.
            one.stuck = target.map_or(0, |target| stuck_now(&history, &target).len());
            one.deletes = one.stuck > 0;
        }
        RollbackDecision::Refuse(_) => {}
    }
    Ok(one)
}
