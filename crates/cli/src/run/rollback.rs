//! `rollguard rollback`: decides, shows the plan, applies it under preconditions.

use async_trait::async_trait;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_agent::outputs::RollbackOutcome;
use rollguard_cluster::apply::{Applied, apply};
use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, access};
use rollguard_core::history::ROLLED_BACK;
use rollguard_core::report::{Line, Style, plan_lines};
use rollguard_core::rollback::{Refusal, Request, RollbackDecision, RollbackPlan, decide};
use rollguard_core::workload::{Revision, WorkloadKind, WorkloadRef};

use crate::cancel::Cancel;
use crate::console::Console;
use crate::failure::Failure;
use crate::prompt;

/// Who says yes.
#[async_trait]
pub trait Consent {
    /// Whether the plan may be applied.
    async fn given(&self, console: &mut Console) -> bool;
}

/// A yes that was given before: `--yes`, or an approval in the pipeline.
pub struct Given;

#[async_trait]
impl Consent for Given {
    async fn given(&self, _: &mut Console) -> bool {
        true
    }
}

/// The person at the terminal.
pub struct Asked {
    /// When to stop waiting for an answer.
    pub cancel: Cancel,
}

#[async_trait]
impl Consent for Asked {
    async fn given(&self, console: &mut Console) -> bool {
        prompt::yes_or_no("roll back? (y/n)", console, &self.cancel).await
    }
}

/// How a rollback is run.
pub struct How<'a> {
    /// Whether to only look.
    pub dry_run: bool,
    /// Who says yes.
    pub consent: &'a (dyn Consent + Sync),
    /// When to stop before anything is changed.
    pub cancel: &'a Cancel,
    /// Who rolls back, for `kubernetes.io/change-cause`.
    pub by: String,
}

/// How a rollback ended.
#[derive(Debug)]
pub struct RolledBack {
    /// The outcome of the command.
    pub outcome: Outcome,
    /// The word for it; none for a dry run.
    pub word: Option<RollbackOutcome>,
    /// Why nothing was changed, where that is so.
    pub refusal: Option<String>,
}

impl RolledBack {
    const fn done(word: RollbackOutcome) -> Self {
        Self {
            outcome: Outcome::RolledBack,
            word: Some(word),
            refusal: None,
        }
    }
}

/// Decides, shows and applies.
///
/// # Errors
/// When the workload cannot be seen, the plan is not confirmed, or the patch fails.
pub async fn rollback(
    connection: &Connection,
    inputs: &RollbackInputs,
    how: &How<'_>,
    console: &mut Console,
) -> Result<RolledBack, Failure> {
    if inputs.workload.kind != WorkloadKind::Deployment {
        return Err(Failure::new(
            Outcome::Refused,
            not_supported(&inputs.workload),
        ));
    }
    let look = async {
        access::find(&connection.client, &inputs.workload).await?;
        history(&connection.client, &inputs.workload).await
    };
    let known = how.cancel.unless(look).await??;
    let request = Request {
        to_revision: inputs.to_revision,
        handover: inputs.evidence.clone(),
        served: None,
        judged: None,
        cause: format!("{ROLLED_BACK} by {}", how.by),
    };
    match decide(&inputs.workload, &known, &request) {
        RollbackDecision::Refuse(refusal) => Ok(refused(&refusal, console)),
        RollbackDecision::Already(id) => {
            console.line(&Line::styled(Style::Good, already(id.revision)));
            Ok(RolledBack::done(RollbackOutcome::AlreadyRolledBack))
        }
        RollbackDecision::Apply(plan) => {
            console.lines(&plan_lines(&plan));
            if !how.dry_run && !how.cancel.unless(how.consent.given(console)).await? {
                let message = "not confirmed; nothing was changed";
                return Err(Failure::new(Outcome::Cancelled, message));
            }
            // The person took a while: the decision must be the same now.
            let now = how
                .cancel
                .unless(history(&connection.client, &inputs.workload))
                .await??;
            match decide(&inputs.workload, &now, &request) {
                RollbackDecision::Apply(again)
                    if again.from == plan.from && again.to == plan.to => {}
                RollbackDecision::Refuse(refusal) => return Ok(refused(&refusal, console)),
                RollbackDecision::Apply(_) | RollbackDecision::Already(_) => {
                    return Ok(refused(&Refusal::Superseded, console));
                }
            }
            // From here on the wish to stop is too late: a write in flight is seen to its end.
            carry_out(connection, &plan, how.dry_run, console).await
        }
    }
}

/// Why a workload of this kind is not rolled back, and what a person does instead.
pub(super) fn not_supported(workload: &WorkloadRef) -> String {
    let namespace = &workload.namespace;
    let undo = format!("`kubectl rollout undo {workload} -n {namespace}` goes back one revision");
    match workload.kind {
        WorkloadKind::Deployment => undo,
        // kubernetes `stateful_set_control.go`: an ordered update waits for the broken pod, even
        // once the template is the former one again.
        WorkloadKind::StatefulSet => format!(
            "a StatefulSet is not rolled back from here; {undo}, then delete each pod that is \
             stuck, one at a time, and wait for the next"
        ),
        WorkloadKind::DaemonSet => {
            format!("a DaemonSet is not rolled back from here; {undo}")
        }
    }
}

fn already(revision: Revision) -> String {
    format!("already rolled back: the template of revision {revision} is in place")
}

fn refused(refusal: &Refusal, console: &mut Console) -> RolledBack {
    console.line(&Line::styled(Style::Warn, "refused: ").then(Style::Plain, refusal.to_string()));
    if let Some(hint) = refusal.hint() {
        console.line(&Line::styled(Style::Strong, "hint: ").then(Style::Plain, hint));
    }
    let word = match refusal {
        Refusal::Superseded => RollbackOutcome::Superseded,
        Refusal::OneRevision
        | Refusal::NoCandidate { .. }
        | Refusal::UnknownRevision { .. }
        | Refusal::TargetGone { .. }
        | Refusal::OtherWorkload { .. }
        | Refusal::Restored { .. }
        | Refusal::Healed
        | Refusal::Paused
        | Refusal::Deleting
        | Refusal::NotObserved => RollbackOutcome::Refused,
    };
    RolledBack {
        outcome: Outcome::Refused,
        word: Some(word),
        refusal: Some(refusal.to_string()),
    }
}

async fn carry_out(
    connection: &Connection,
    plan: &RollbackPlan,
    dry_run: bool,
    console: &mut Console,
) -> Result<RolledBack, Failure> {
    let revision = plan.to.revision;
    let applied = apply(&connection.client, plan, dry_run)
        .await
        .map_err(|error| Failure {
            outcome: Outcome::RollbackFailed,
            ..Failure::from(error)
        })?;
    Ok(match applied {
        Applied::Done => {
            let text = format!(
                "rolled back to the template of revision {revision}; check again to see it become healthy"
            );
            console.line(&Line::styled(Style::Good, text));
            RolledBack::done(RollbackOutcome::RolledBack)
        }
        Applied::DryRun => {
            let text = "dry run: the API server would accept the rollback; nothing was changed";
            console.line(&Line::styled(Style::Good, text));
            RolledBack {
                outcome: Outcome::RolledBack,
                word: None,
                refusal: None,
            }
        }
        Applied::AlreadyThere => {
            console.line(&Line::styled(Style::Good, already(revision)));
            RolledBack::done(RollbackOutcome::AlreadyRolledBack)
        }
        Applied::Superseded => refused(&Refusal::Superseded, console),
    })
}
