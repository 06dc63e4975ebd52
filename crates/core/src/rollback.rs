//! What to restore, decided by evidence and never by revision arithmetic; effects are plans first.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::handover::Handover;
use crate::history::{Entry, History, RevisionId, plain};
use crate::snapshot::Excused;
use crate::workload::{Revision, WorkloadRef};

mod changes;
#[cfg(test)]
mod tests;

pub use changes::{Change, changes};

/// What the user asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// A revision named by a person.
    pub to_revision: Option<Revision>,
    /// What a check handed over.
    pub handover: Option<Handover>,
    /// The uid of the revision that a check saw serving when it began.
    pub served: Option<String>,
    /// The uid of the revision that a check has just judged; empty where it had none. The proposal is
    /// about that one and no other.
    pub judged: Option<String>,
    /// What goes into `kubernetes.io/change-cause`: who rolls back and in which run.
    pub cause: String,
}

/// Which evidence chose the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChosenBy {
    /// A person named the revision.
    ToRevision,
    /// The check handed it over and a person approved it.
    Handover,
    /// Its pods are the ones that serve while the new revision does not come up.
    StillServing,
    /// Its pods were serving when the check began; the new revision has replaced them since.
    ServedBefore,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToRevision => "named by you",
            Self::Handover => "handed over by the check",
            Self::StillServing => "its pods are still serving",
            Self::ServedBefore => "its pods were serving when the check began",
        })
    }
}

/// The data of a rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackPlan {
    /// What is rolled back.
    pub workload: WorkloadRef,
    /// Its uid.
    pub uid: String,
    /// The revision that goes.
    pub from: RevisionId,
    /// The revision that comes back.
    pub to: RevisionId,
    /// Why this one.
    pub chosen_by: ChosenBy,
    /// What changes for the pods, names only.
    pub changes: Vec<Change>,
    /// Whether the rollout's counts were complete when this was planned: what is bad about it then
    /// (a wrong answer, a crash after ready) does not show in them.
    pub complete: bool,
    /// The JSON patch, with `test` operations as preconditions.
    pub patch: Value,
}

impl RollbackPlan {
    /// What a check writes for the approver and the Rollback job.
    #[must_use]
    pub fn handover(&self) -> Handover {
        Handover {
            version: crate::handover::VERSION,
            workload: self.workload.clone(),
            uid: self.uid.clone(),
            bad: self.from.clone(),
            target: self.to.clone(),
            complete: self.complete,
        }
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum RollbackDecision {
    /// Do this.
    Apply(Box<RollbackPlan>),
    /// The target's template is in place already: a job that is run again has nothing to do.
    Already(RevisionId),
    /// Do nothing, for this reason.
    Refuse(Refusal),
}

/// Why nothing is rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(
    tag = "reason",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Refusal {
    /// Only one revision exists.
    #[error("there is nothing to roll back to: the Deployment has only one revision")]
    OneRevision,
    /// Nothing shows which former revision was good.
    #[error("no former revision is known to be good; revisions: {known}")]
    NoCandidate {
        /// The history, for the eye.
        known: String,
    },
    /// The present revision was itself restored.
    #[error(
        "the present revision was restored by a rollback, and what it replaced had failed; revisions: {known}"
    )]
    Restored {
        /// The history, for the eye.
        known: String,
    },
    /// The named revision does not exist.
    #[error("revision {wanted} does not exist; revisions: {known}")]
    UnknownRevision {
        /// What was asked for.
        wanted: Revision,
        /// The history, for the eye.
        known: String,
    },
    /// The handed-over target is gone from the history.
    #[error("the approved revision {wanted} is gone from the history; revisions: {known}")]
    TargetGone {
        /// What was approved.
        wanted: Revision,
        /// The history, for the eye.
        known: String,
    },
    /// The evidence is about another workload.
    #[error("the evidence is about {evidence}, not about this workload")]
    OtherWorkload {
        /// What it is about.
        evidence: String,
    },
    /// Another rollout began since the check.
    #[error("a newer rollout began since the check; it is left alone")]
    Superseded,
    /// The rollout that was found bad has become healthy since.
    #[error("the rollout has become healthy since the check; there is nothing to undo")]
    Healed,
    /// The Deployment is paused.
    #[error("the Deployment is paused; the controller would not act on a rollback")]
    Paused,
    /// The Deployment is being deleted.
    #[error("the Deployment is being deleted")]
    Deleting,
    /// The controller has not taken in the newest template yet.
    #[error("the controller has not created the ReplicaSet of the present template yet")]
    NotObserved,
}

impl Refusal {
    /// What the user can do.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::OneRevision => "deploy a corrected version instead",
            Self::NoCandidate { .. } | Self::Restored { .. } => {
                "name the revision that was good: --to-revision N, or input toRevision"
            }
            Self::OtherWorkload { .. } => "pass the evidence of this workload's own check",
            Self::UnknownRevision { .. } => "choose one of the listed revisions",
            Self::TargetGone { .. } => {
                "deploy a corrected version, or name another revision: --to-revision N, or input toRevision"
            }
            Self::Superseded => "check the newer rollout first",
            Self::Paused => "resume it first: kubectl rollout resume",
            Self::NotObserved => "try again in a few seconds",
            Self::Healed | Self::Deleting => return None,
        })
    }
}

/// Decides what to do about a workload.
#[must_use]
pub fn decide(workload: &WorkloadRef, history: &History, request: &Request) -> RollbackDecision {
    match target(workload, history, request) {
        Err(refusal) => RollbackDecision::Refuse(refusal),
        Ok((to, _)) if to.template() == plain(history.template()) => {
            RollbackDecision::Already(to.id())
        }
        Ok((to, chosen_by)) => match preconditions(history, request) {
            Err(refusal) => RollbackDecision::Refuse(refusal),
            Ok(from) => RollbackDecision::Apply(Box::new(plan(
                workload,
                history,
                &Choice {
                    from,
                    to,
                    chosen_by,
                },
                &request.cause,
            ))),
        },
    }
}

/// The revision to restore, and the evidence for it.
fn target<'a>(
    workload: &WorkloadRef,
    history: &'a History,
    request: &Request,
) -> Result<(Entry<'a>, ChosenBy), Refusal> {
    if let Some(handover) = &request.handover {
        if handover.workload != *workload {
            let WorkloadRef { namespace, .. } = &handover.workload;
            let evidence = format!("{} in namespace {namespace}", handover.workload);
            return Err(Refusal::OtherWorkload { evidence });
        }
        if history.uid() != handover.uid {
            return Err(Refusal::Superseded);
        }
        let found = history
            .entries()
            .find(|entry| entry.uid() == handover.target.uid);
        let gone = || Refusal::TargetGone {
            wanted: handover.target.revision,
            known: known(history),
        };
        return found
            .map(|entry| (entry, ChosenBy::Handover))
            .ok_or_else(gone);
    }
    if let Some(wanted) = request.to_revision {
        let found = history.entries().find(|entry| entry.revision() == wanted);
        let unknown = || Refusal::UnknownRevision {
            wanted,
            known: known(history),
        };
        return found
            .map(|entry| (entry, ChosenBy::ToRevision))
            .ok_or_else(unknown);
    }
    if history.former().next().is_none() {
        return Err(Refusal::OneRevision);
    }
    // To go back from what a rollback restored would bring the failed release again.
    if history.current().is_some_and(|entry| entry.was_restored()) {
        return Err(Refusal::Restored {
            known: known(history),
        });
    }
    // What was serving when the rollout began, and still is. The second-highest number, which
    // `kubectl rollout undo` takes, may be a failed release.
    history
        .former()
        .filter(|entry| entry.available() > 0)
        .max_by_key(|entry| (entry.available(), entry.created()))
        .map(|entry| (entry, ChosenBy::StillServing))
        .or_else(|| {
            let served = |entry: &Entry<'_>| Some(entry.uid()) == request.served.as_deref();
            history
                .former()
                .find(served)
                .map(|entry| (entry, ChosenBy::ServedBefore))
        })
        .ok_or_else(|| Refusal::NoCandidate {
            known: known(history),
        })
}

/// What must hold for the present state; returns the revision that would go.
fn preconditions<'a>(history: &'a History, request: &Request) -> Result<Entry<'a>, Refusal> {
    if history.deleting() {
        return Err(Refusal::Deleting);
    }
    if let Some(judged) = &request.judged
        && history
            .current()
            .is_none_or(|current| current.uid() != judged)
    {
        return Err(Refusal::Superseded);
    }
    if let Some(handover) = &request.handover {
        let current = history.current().ok_or(Refusal::Superseded)?;
        if current.uid() != handover.bad.uid {
            return Err(Refusal::Superseded);
        }
        // Counts that were complete then say nothing of healing now.
        if !handover.complete && healthy(history.deployment()) {
            return Err(Refusal::Healed);
        }
    }
    if history.paused() {
        return Err(Refusal::Paused);
    }
    history.current().ok_or(Refusal::NotObserved)
}

/// Whether the rollout is complete by its counts and the controller has said so.
fn healthy(deployment: &Value) -> bool {
    let complete = serde_json::from_value(deployment.clone())
        .is_ok_and(|typed| crate::progress::complete(&typed, &Excused::default()).is_ok());
    let conditions = deployment
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let progressing = |it: &&Value| it.get("type") == Some(&json!("Progressing"));
    // Without a progress deadline there is no such condition.
    let said = conditions
        .into_iter()
        .flatten()
        .find(progressing)
        .is_none_or(|it| it.get("reason") == Some(&json!("NewReplicaSetAvailable")));
    complete && said
}

struct Choice<'a> {
    from: Entry<'a>,
    to: Entry<'a>,
    chosen_by: ChosenBy,
}

/// `test` and `replace` in one JSON patch are atomic: on a storage conflict the API server applies
/// the patch anew to the fresh object (apiserver `endpoints/handlers/patch.go`). The preconditions
/// are the uid and the template that was judged, not the resourceVersion, which every status
/// update moves.
fn plan(
    workload: &WorkloadRef,
    history: &History,
    choice: &Choice<'_>,
    cause: &str,
) -> RollbackPlan {
    let to = choice.to.template();
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": history.uid()}),
        json!({"op": "test", "path": "/spec/template", "value": history.template()}),
        json!({"op": "replace", "path": "/spec/template", "value": to}),
    ];
    if history
        .deployment()
        .pointer("/metadata/annotations")
        .is_none_or(Value::is_null)
    {
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    patch.push(json!({"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": cause}));
    RollbackPlan {
        workload: workload.clone(),
        uid: history.uid().to_owned(),
        from: choice.from.id(),
        to: choice.to.id(),
        chosen_by: choice.chosen_by,
        changes: changes(history.template(), &to),
        complete: healthy(history.deployment()),
        patch: Value::Array(patch),
    }
}

/// The history in one line, the newest first.
fn known(history: &History) -> String {
    let entries: Vec<String> = history
        .entries()
        .map(|entry| format!("{} ({})", entry.revision(), entry.images().join(", ")))
        .collect();
    if entries.is_empty() {
        "none".to_owned()
    } else {
        entries.join(", ")
    }
}

/// What a read-back after an unknown or refused patch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBack {
    /// The target's template is in place.
    Applied,
    /// The template that was judged is still in place: nothing happened.
    Untouched,
    /// Something else is: a newer rollout, or another object of the same name.
    Superseded,
}

/// Compares the cluster with the plan, so that a patch is never repeated blindly.
#[must_use]
pub fn read_back(plan: &RollbackPlan, history: &History) -> ReadBack {
    let wanted = |index: usize| plan.patch.pointer(&format!("/{index}/value")).map(plain);
    let now = Some(plain(history.template()));
    if history.uid() != plan.uid {
        ReadBack::Superseded
    } else if now == wanted(2) {
        ReadBack::Applied
    } else if now == wanted(1) {
        ReadBack::Untouched
    } else {
        ReadBack::Superseded
    }
}
