//! The check after the rollback: the very same as any, bound to what was restored.

use rollguard_agent::Outcome;
use rollguard_agent::inputs::{CheckInputs, RollbackInputs};
use rollguard_cluster::Connection;
use rollguard_core::approval::{Approval, ApprovedRollback};
use rollguard_core::report::{Line, Report, Style};

use super::show;
use crate::drive::Chores;
use crate::failure::Failure;
use crate::run::check::{Aside, check_with};
use crate::run::tools::Tools;
use rollguard_core::verdict::VerdictKind;

/// What a second look brought.
#[derive(Debug)]
pub(super) enum Again {
    /// It came to a verdict.
    Looked(Box<Report>),
    /// It did not, for this reason.
    Failed(Vec<String>),
    /// The wish to stop came first.
    Stopped,
}

impl Again {
    /// Whether what holds a workload up may be why it is not healthy; what fails by itself is not
    /// mended by going on.
    pub(super) fn leaves_open(&self) -> bool {
        match self {
            Self::Looked(report) => {
                !matches!(report.verdict, VerdictKind::Succeeded | VerdictKind::Failed)
            }
            Self::Failed(_) | Self::Stopped => true,
        }
    }
}

/// How often the timeout is given at most: a job has a limit of its own, and a run again goes on.
const MOST_TIMES: u32 = 4;

/// Follows what was restored to a verdict, while stuck pods are got going.
pub(super) async fn check_again(
    connection: &Connection,
    inputs: &RollbackInputs,
    (restored, by, chores, stuck): (Vec<ApprovedRollback>, &str, Chores, usize),
    tools: &mut Tools<'_>,
) -> Again {
    let mut inputs = check_inputs(connection, inputs, restored);
    if stuck > 1 {
        // They are replaced one after the other, and each may take the time that a rollout may take: the
        // check must not run out of it while they come back.
        let times = u32::try_from(stuck).unwrap_or(u32::MAX).min(MOST_TIMES);
        inputs.timeout = inputs.timeout.saturating_mul(times);
        tools.console.line(&show::longer(stuck, inputs.timeout));
    }
    let aside = Aside { run: by, chores };
    match Box::pin(check_with(connection, &inputs, aside, tools)).await {
        Ok(checked) => Again::Looked(Box::new(checked.report)),
        Err(Failure {
            outcome: Outcome::Cancelled,
            ..
        }) => {
            let text = "cancelled: the rollback was done, and not checked again";
            tools.console.line(&Line::styled(Style::Warn, text));
            Again::Stopped
        }
        Err(failure) => {
            tools.console.lines(&failure.lines());
            Again::Failed(failure.messages)
        }
    }
}

fn check_inputs(
    connection: &Connection,
    inputs: &RollbackInputs,
    restored: Vec<ApprovedRollback>,
) -> CheckInputs {
    let workloads = restored.iter().map(|it| it.workload.clone()).collect();
    CheckInputs {
        namespace: inputs.namespace.clone(),
        workloads,
        selector: None,
        timeout: inputs.timeout,
        stable_for: inputs.stable_for,
        http: inputs.http.clone(),
        graces: inputs.graces.clone(),
        revision: None,
        mark: true,
        evidence: Some(Approval::new("", connection.clock.now(), [], restored)),
        allowed: inputs.allowed,
    }
}
