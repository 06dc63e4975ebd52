//! The check after the rollback: the same as any other, bound to what was restored.

use futures::stream::BoxStream;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_cluster::Connection;
use rollguard_core::approval::Approval;
use rollguard_core::report::{Line, Report};
use rollguard_core::rollback::execution::{FailedCall, FailureKind, Verification};

use super::carry::Verify;
use crate::run::check::{Aside, check_with};
use crate::run::tools::Tools;

/// How the check ended.
pub(super) struct Verified {
    /// For the execution.
    pub(super) verification: Verification,
    /// For the run's page.
    pub(super) report: Option<Report>,
}

/// The subject of the check.
pub(super) struct Restored<'a> {
    /// The inputs of the rollback.
    pub(super) inputs: &'a RollbackInputs,
    /// The tool that rolls back.
    pub(super) by: &'a str,
    /// What the execution asked for.
    pub(super) verify: Verify,
}

/// Follows what was restored to a verdict, while `background` goes on.
pub(super) async fn verify(
    connection: &Connection,
    restored: Restored<'_>,
    background: BoxStream<'_, Line>,
    tools: &mut Tools<'_>,
) -> Verified {
    let by = restored.by;
    let inputs = check_inputs(connection, restored);
    let aside = Aside {
        run: by,
        background,
    };
    let checked = Box::pin(check_with(connection, &inputs, aside, tools)).await;
    match checked.map_err(|failure| failure.for_user(&connection.way_in)) {
        Ok(checked) => Verified {
            verification: checked.report.verification(),
            report: Some(checked.report),
        },
        Err(failure) => Verified {
            verification: if failure.outcome == Outcome::Cancelled {
                Verification::Cancelled
            } else {
                Verification::Failed(FailedCall {
                    kind: FailureKind::Other,
                    messages: failure.messages(),
                    hint: failure.hint,
                })
            },
            report: None,
        },
    }
}

fn check_inputs(connection: &Connection, restored: Restored<'_>) -> CheckInputs {
    let Restored { inputs, verify, .. } = restored;
    let Verify { restored, timeout } = verify;
    let workloads = restored.iter().map(|it| it.workload.clone()).collect();
    CheckInputs {
        namespace: inputs.namespace.clone(),
        workloads,
        cron_jobs: Vec::new(),
        selector: None,
        timeout,
        stable_for: inputs.stable_for,
        http: inputs.http.clone(),
        graces: inputs.graces.clone(),
        revision: None,
        mark: true,
        logs: inputs.logs,
        traffic: inputs.traffic,
        evidence: Some(Approval::new(None, connection.clock.now(), [], restored)),
        allowed: inputs.allowed,
    }
}
