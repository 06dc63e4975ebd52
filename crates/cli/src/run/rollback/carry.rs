//! Carries one request of an execution to the cluster, and brings the answer back.

use futures::FutureExt;
use futures::future::BoxFuture;
use rollguard_cluster::apply::{Applied, apply};
use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, mark, stuck};
use rollguard_core::approval::ApprovedRollback;
use rollguard_core::rollback::execution::{ClusterRequest, DeleteResult, Look, PatchResult, Seen};

use crate::failure::failed_call;

/// A request on its way.
pub(super) enum Carried {
    /// A call to the API server is under way.
    Call(BoxFuture<'static, Seen>),
    /// The check after the rollback is to begin.
    Verify(Verify),
}

/// A check of what was restored.
pub(super) struct Verify {
    /// What was restored.
    pub(super) restored: Vec<ApprovedRollback>,
    /// How long it may take.
    pub(super) timeout: std::time::Duration,
}

/// Begins with a request.
pub(super) fn carry(connection: &Connection, request: ClusterRequest) -> Carried {
    let (client, way_in) = (connection.client.clone(), connection.way_in.clone());
    Carried::Call(match request {
        ClusterRequest::Verify { restored, timeout } => {
            return Carried::Verify(Verify { restored, timeout });
        }
        ClusterRequest::Patch(plan) => async move {
            let result = match apply(&client, &plan).await {
                Ok(Applied::Done) => {
                    // Only for people: the record of the rollback stands on the workload.
                    let _ = mark::explain(&client, &plan).await;
                    PatchResult::Applied
                }
                Ok(Applied::AlreadyThere) => PatchResult::AlreadyInPlace,
                Ok(Applied::Superseded) => PatchResult::Superseded,
                Err(error) => PatchResult::Failed(failed_call(&error, &way_in)),
            };
            Seen::Patched {
                workload: plan.workload,
                result,
            }
        }
        .boxed(),
        ClusterRequest::WithdrawMark { workload, bad } => async move {
            let withdrawn = mark::withdraw(&client, &workload, &bad).await;
            Seen::MarkWithdrawn {
                failure: withdrawn.err().map(|error| failed_call(&error, &way_in)),
                workload,
            }
        }
        .boxed(),
        ClusterRequest::Look {
            workload,
            target_uid,
        } => async move {
            let look = match history(&client, &workload).await {
                Ok(history) => Look::of(&history, &target_uid),
                Err(error) => Look::Failed(failed_call(&error, &way_in)),
            };
            Seen::Looked { workload, look }
        }
        .boxed(),
        ClusterRequest::DeletePod { workload, pod } => async move {
            let result = match stuck::delete(&client, &workload.namespace, &pod).await {
                Ok(true) => DeleteResult::Deleted,
                Ok(false) => DeleteResult::ChangedMeanwhile,
                Err(error) => DeleteResult::Failed(failed_call(&error, &way_in)),
            };
            Seen::Deleted { workload, result }
        }
        .boxed(),
    })
}
