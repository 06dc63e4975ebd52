//! Reads every workload of a batch and runs the preflight, without a change:
//! `rollguard_core::rollback::preparation` decides.

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use futures::{FutureExt, future};
use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, preflight};
use rollguard_core::rollback::execution::FailedCall;
use rollguard_core::rollback::preparation::{ReadAnswer, ReadRequest, Reading};
use rollguard_core::rollback::{PreparedRollback, Request};
use rollguard_core::workload::WorkloadRef;

use crate::failure::failed_call;

/// Prepares the rollback of all workloads.
pub(super) async fn gather(
    connection: &Connection,
    wanted: Vec<(WorkloadRef, Request)>,
) -> Result<PreparedRollback, FailedCall> {
    let mut reading = Reading::new(wanted);
    let mut calls = FuturesUnordered::new();
    let mut answer = None;
    loop {
        let step = reading.step(answer);
        if let Some(read) = step.read {
            return read;
        }
        let requests = step.requests.into_iter();
        calls.extend(requests.map(|it| carry(connection, it)));
        answer = match calls.next().await {
            Some(answer) => Some(answer),
            None => future::pending().await,
        };
    }
}

/// Carries one request to the cluster, and brings the answer back.
pub(super) fn carry(
    connection: &Connection,
    request: ReadRequest,
) -> BoxFuture<'static, ReadAnswer> {
    let (client, way_in) = (connection.client.clone(), connection.way_in.clone());
    match request {
        ReadRequest::History(workload) => async move {
            let read = history(&client, &workload).await;
            ReadAnswer::History {
                read: read
                    .map(Box::new)
                    .map_err(|error| failed_call(&error, &way_in)),
                workload,
            }
        }
        .boxed(),
        ReadRequest::Preflight { plan, questions } => async move {
            let answers = preflight::ask(&client, &plan, *questions).await;
            ReadAnswer::Preflight {
                workload: plan.workload,
                answers: Box::new(answers),
            }
        }
        .boxed(),
    }
}
