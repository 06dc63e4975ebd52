//! Reads every workload of a batch, decides about it and runs the preflight, without a change.

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use rollguard_cluster::history::history;
use rollguard_cluster::{ClusterError, Connection, preflight};
use rollguard_core::rollback::preflight::judge;
use rollguard_core::rollback::{PreparedRollback, PreparedWorkload, Request};
use rollguard_core::workload::WorkloadRef;

/// How many workloads are read at once.
const AT_ONCE: usize = 8;

/// Prepares the rollback of all workloads.
pub(super) async fn gather(
    connection: &Connection,
    wanted: Vec<(WorkloadRef, Request)>,
) -> Result<PreparedRollback, ClusterError> {
    let each: Vec<_> = wanted
        .into_iter()
        .map(|(workload, request)| one(connection, workload, request).boxed())
        .collect();
    let each: Vec<PreparedWorkload> = stream::iter(each).buffered(AT_ONCE).try_collect().await?;
    let mut prepared = PreparedRollback::default();
    for it in each {
        prepared.add(it);
    }
    Ok(prepared)
}

async fn one(
    connection: &Connection,
    workload: WorkloadRef,
    request: Request,
) -> Result<PreparedWorkload, ClusterError> {
    let client = &connection.client;
    let history = history(client, &workload).await?;
    let mut prepared = PreparedWorkload::new(&history, &request);
    if let Some(plan) = prepared.plan_mut() {
        // Boxed: it would make every future around it large.
        let answers = Box::pin(preflight::ask(client, plan, &history)).await;
        let found = judge(plan, &answers);
        plan.add_findings(found);
    }
    Ok(prepared)
}
