//! `rollguard rollback`: decides, shows the plan, applies it under preconditions.

use async_trait::async_trait;
use rollguard_agent::Outcome;
use rollguard_agent::inputs::RollbackInputs;
use rollguard_agent::outputs::RollbackOutcome;
use rollguard_cluster::apply::{Applied, apply};
use rollguard_cluster::history::history;
use rollguard_cluster::{Connection, access};
use rollguard_core::report::{Line, Style, plan_lines};
use rollguard_core::rollback::{Refusal, Request, RollbackDecision, RollbackPlan, decide};

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
    /// Who rolls back, for `kubernetes.io/change-cause`.
    pub by: String,
}

/// How a rollback ended.
#[derive(Debug)]
pub struct RolledBack {
    /// The outcome of the command.
    pub outcome: Outcome,
    /// The word for it.
    pub word: RollbackOutcome,
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
    access::find(&connection.client, &inputs.workload).await?;
    let known = history(&connection.client, &inputs.workload).await?;
    let cause = format!("rollguard: rolled back by {}", how.by);
    let request = Request {
        to_revision: inputs.to_revision,
        handover: inputs.evidence.clone(),
        served: None,
        cause,
    };
    match decide(&inputs.workload, &known, &request) {
        RollbackDecision::Refuse(refusal) => Ok(refused(&refusal, console)),
        RollbackDecision::Already(id) => {
            let text = format!(
                "already rolled back: the template of revision {} is in place",
                id.revision
            );
            console.line(&Line::styled(Style::Good, text));
            Ok(RolledBack {
                outcome: Outcome::RolledBack,
                word: RollbackOutcome::AlreadyRolledBack,
            })
        }
        RollbackDecision::Apply(plan) => {
            console.lines(&plan_lines(&plan));
            if !how.dry_run && !how.consent.given(console).await {
                return Err(Failure::new(
                    Outcome::Cancelled,
                    "not confirmed; nothing was changed",
                ));
            }
            carry_out(connection, &plan, how.dry_run, console).await
        }
    }
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
        | Refusal::Healed
        | Refusal::Paused
        | Refusal::Deleting
        | Refusal::NotObserved => RollbackOutcome::Refused,
    };
    RolledBack {
        outcome: Outcome::Refused,
        word,
    }
}

async fn carry_out(
    connection: &Connection,
    plan: &RollbackPlan,
    dry_run: bool,
    console: &mut Console,
) -> Result<RolledBack, Failure> {
    let revision = plan.to.revision;
    let (style, text, outcome, word) = match apply(&connection.client, plan, dry_run).await {
        Ok(Applied::Done) => (
            Style::Good,
            format!(
                "rolled back to the template of revision {revision}; check again to see it become healthy"
            ),
            Outcome::RolledBack,
            RollbackOutcome::RolledBack,
        ),
        Ok(Applied::DryRun) => (
            Style::Good,
            "dry run: the API server would accept the rollback; nothing was changed".to_owned(),
            Outcome::RolledBack,
            RollbackOutcome::Refused,
        ),
        Ok(Applied::AlreadyThere) => (
            Style::Good,
            format!("already rolled back: the template of revision {revision} is in place"),
            Outcome::RolledBack,
            RollbackOutcome::AlreadyRolledBack,
        ),
        Ok(Applied::Superseded) => (
            Style::Warn,
            "refused: a newer rollout began this very moment; it is left alone".to_owned(),
            Outcome::Refused,
            RollbackOutcome::Superseded,
        ),
        Err(error) => {
            let failure = Failure::from(error);
            return Err(Failure {
                outcome: Outcome::RollbackFailed,
                ..failure
            });
        }
    };
    console.line(&Line::styled(style, text));
    Ok(RolledBack { outcome, word })
}
