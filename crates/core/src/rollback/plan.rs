//! A rollback as data: the change, the reason, and the findings of the preflight.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::Change;
use super::helps::{Templates, restarts_only};
use super::patch::TemplateChange;
use super::preflight::{PreflightCode, PreflightFinding, Weight};
use super::refusal::Refusal;
use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::workload::{Images, Revision, RevisionId, WorkloadRef};

/// Which evidence chose the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChosenBy {
    /// A person named the revision.
    ToRevision,
    /// A check proposed it and a person approved it.
    #[serde(rename = "handover")]
    Approval,
    /// A check found it healthy and marked it.
    KnownGood,
    /// The StatefulSet had rolled it out to the end before.
    LastComplete,
    /// Its pods are the ones that serve while the new revision does not come up.
    StillServing,
    /// Its pods were serving when the check began; the new revision has replaced them since.
    ServedBefore,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToRevision => "named by you",
            Self::Approval => "named in the check's evidence",
            Self::KnownGood => "a check found it healthy",
            Self::LastComplete => "its rollout was the last to complete",
            Self::StillServing => "its pods are still serving",
            Self::ServedBefore => "its pods were serving when the check began",
        })
    }
}

/// A planned rollback of a workload.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with each other"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackPlan {
    /// The workload.
    pub workload: WorkloadRef,
    /// The uid of the workload.
    pub uid: String,
    /// The revision that goes.
    pub from: RevisionId,
    /// The revision that comes back.
    pub to: RevisionId,
    /// The evidence that chose it.
    pub chosen_by: ChosenBy,
    /// When a check last found it healthy, if a check has annotated it.
    pub good_at: Option<Timestamp>,
    /// When its revision object was created.
    pub target_created: Option<Timestamp>,
    /// When the revision that goes was created.
    pub bad_since: Option<Timestamp>,
    /// The changes of the pod template, without values.
    pub changes: Vec<Change>,
    /// The findings of the preflight.
    #[serde(rename = "concerns")]
    pub findings: Vec<PreflightFinding>,
    /// The images that the target's pods ran when they were last known to be good.
    pub images: Images,
    /// The pods that have to be deleted, as far as known now.
    pub stuck: Vec<String>,
    /// Whether the revision that goes has a last-known-good annotation, which is removed.
    pub withdraws_mark: bool,
    /// Whether a check proposes the rollback, so that another identity may carry it out.
    pub proposed: bool,
    /// Whether the counts of the bad rollout were complete when this was planned, so that they do
    /// not show its cause (a wrong answer, a crash after ready).
    pub complete: bool,
    /// The health criteria of the check.
    #[serde(skip)]
    pub standard: HealthCriteria,
    /// Whether all of the target's pods still exist, so that no new one is needed.
    #[serde(skip)]
    pub in_full: bool,
    /// When the revision that goes would count as healed, if it stays as complete as it is now.
    #[serde(skip)]
    pub healed_at: Option<Timestamp>,
    /// The run that rolls back.
    pub run: String,
    /// The change itself. Its templates may hold secrets.
    #[serde(rename = "patch")]
    pub template_change: TemplateChange,
}

impl RollbackPlan {
    /// Returns whether the two templates are equal but for annotations that only restart the pods.
    #[must_use]
    pub fn only_takes_back_a_restart(&self) -> bool {
        restarts_only(Templates {
            bad: &self.template_change.judged,
            target: self.target_template(),
        })
    }

    /// Returns the plan for what is kept with a run: everything but the templates.
    #[must_use]
    pub fn summary(&self) -> PlanSummary<'_> {
        let Self {
            workload,
            uid,
            from,
            to,
            chosen_by,
            good_at,
            target_created,
            bad_since,
            changes,
            findings,
            images,
            stuck,
            withdraws_mark,
            proposed,
            complete,
            standard: _,
            in_full: _,
            healed_at: _,
            run,
            template_change: _,
        } = self;
        PlanSummary {
            workload,
            uid,
            from,
            to,
            chosen_by: *chosen_by,
            good_at: *good_at,
            target_created: *target_created,
            bad_since: *bad_since,
            changes,
            findings,
            images,
            stuck,
            withdraws_mark: *withdraws_mark,
            proposed: *proposed,
            complete: *complete,
            run,
        }
    }

    /// Returns the approval that a check hands over.
    #[must_use]
    pub fn approval(&self) -> ApprovedRollback {
        ApprovedRollback {
            workload: self.workload.clone(),
            uid: self.uid.clone(),
            bad: self.from.clone(),
            target: self.to.clone(),
            complete: self.complete,
            standard: self.standard,
            images: self.images.clone(),
            force_helm: self.proposed
                && self
                    .findings
                    .iter()
                    .any(|it| it.code == PreflightCode::OwnedByHelm),
        }
    }

    /// Returns the template that comes back.
    #[must_use]
    pub const fn target_template(&self) -> &Value {
        &self.template_change.target
    }

    /// Adds findings, and sorts the most severe first.
    pub fn add_findings(&mut self, found: impl IntoIterator<Item = PreflightFinding>) {
        self.findings.extend(found);
        self.findings.sort_by_key(|finding| finding.weight);
    }

    /// Returns the findings that refuse it.
    pub fn refusals(&self) -> impl Iterator<Item = &PreflightFinding> {
        let refuses = |it: &&PreflightFinding| it.weight == Weight::Refusal;
        self.findings.iter().filter(refuses)
    }
}

/// A planned rollback without its templates, which may hold secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary<'a> {
    workload: &'a WorkloadRef,
    uid: &'a str,
    from: &'a RevisionId,
    to: &'a RevisionId,
    chosen_by: ChosenBy,
    good_at: Option<Timestamp>,
    target_created: Option<Timestamp>,
    bad_since: Option<Timestamp>,
    changes: &'a [Change],
    #[serde(rename = "concerns")]
    findings: &'a [PreflightFinding],
    images: &'a Images,
    stuck: &'a [String],
    withdraws_mark: bool,
    proposed: bool,
    complete: bool,
    run: &'a str,
}

/// The decision about a workload.
#[derive(Debug, Clone, PartialEq)]
pub enum RollbackDecision {
    /// Apply this plan, unless one of its findings is a refusal.
    Apply(Box<RollbackPlan>),
    /// The target's template is already in place, so that a re-run has nothing to do.
    Already(Already),
    /// Do nothing, for this reason.
    Refuse(Refusal),
}

/// A rollback that is already in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Already {
    /// The workload.
    pub workload: WorkloadRef,
    /// The uid of the workload.
    pub uid: String,
    /// The revision that is in place, with the number that it had before it was restored.
    pub to: RevisionId,
    /// The number that it has now.
    pub present: Revision,
    /// The run that restored it, if recorded.
    pub run: Option<String>,
    /// The bad revision that still has a last-known-good annotation, because the run that rolled
    /// back ended before it could remove it.
    pub unmark: Option<RevisionId>,
}
