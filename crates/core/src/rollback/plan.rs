//! A rollback as data: what is changed, why, and what speaks against it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::changes::Change;
use super::patch::TemplateChange;
use super::preflight::{PreflightFinding, Weight};
use super::refusal::Refusal;
use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::workload::{Images, RevisionId, WorkloadRef};

/// Which evidence chose the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChosenBy {
    /// A person named the revision.
    ToRevision,
    /// The check handed it over and a person approved it.
    Handover,
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
            Self::Handover => "handed over by the check",
            Self::KnownGood => "a check found it healthy",
            Self::LastComplete => "it was the last that was rolled out to the end",
            Self::StillServing => "its pods are still serving",
            Self::ServedBefore => "its pods were serving when the check began",
        })
    }
}

/// The data of a rollback.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with each other"
)]
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
    /// When a check found it healthy last, if one wrote it down.
    pub good_at: Option<Timestamp>,
    /// When its carrier was made.
    pub target_created: Option<Timestamp>,
    /// Since when the revision that goes exists.
    pub bad_since: Option<Timestamp>,
    /// What changes for the pods, names only.
    pub changes: Vec<Change>,
    /// What speaks against it, or must be known.
    #[serde(rename = "concerns")]
    pub findings: Vec<PreflightFinding>,
    /// What the target's pods ran when they were last known to be good.
    pub images: Images,
    /// The pods that have to be deleted for it, as far as can be told now.
    pub stuck: Vec<String>,
    /// Whether the revision that goes bears the mark of a good one, which it loses.
    pub withdraws_mark: bool,
    /// Whether this is what a check proposes: somebody else may carry it out.
    pub proposed: bool,
    /// Whether the rollout's counts were complete when this was planned: what is bad about it then
    /// (a wrong answer, a crash after ready) does not show in them.
    pub complete: bool,
    /// What the check that judged wants to see.
    #[serde(skip)]
    pub standard: HealthCriteria,
    /// Whether all of the target's pods are still there: then no new one is needed.
    #[serde(skip)]
    pub in_full: bool,
    /// When what goes would count as healed, should it stay as complete as it is now.
    #[serde(skip)]
    pub healed_at: Option<Timestamp>,
    /// Who rolls back.
    pub run: String,
    /// The change itself. Its templates may hold secrets.
    #[serde(rename = "patch")]
    pub template_change: TemplateChange,
}

impl RollbackPlan {
    /// What a check hands over about it.
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
        }
    }

    /// Returns the template that comes back.
    #[must_use]
    pub const fn target_template(&self) -> &Value {
        &self.template_change.target
    }

    /// Adds what a preflight found; what weighs most stands first.
    pub fn add_findings(&mut self, found: impl IntoIterator<Item = PreflightFinding>) {
        self.findings.extend(found);
        self.findings.sort_by_key(|finding| finding.weight);
    }

    /// What speaks against it.
    pub fn refusals(&self) -> impl Iterator<Item = &PreflightFinding> {
        let refuses = |it: &&PreflightFinding| it.weight == Weight::Refusal;
        self.findings.iter().filter(refuses)
    }
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum RollbackDecision {
    /// Apply this plan, unless one of its findings is a refusal.
    Apply(Box<RollbackPlan>),
    /// The target's template is in place already: a job that is run again has nothing to do.
    Already(Already),
    /// Do nothing, for this reason.
    Refuse(Refusal),
}

/// What was restored before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Already {
    /// What is rolled back.
    pub workload: WorkloadRef,
    /// The workload's uid.
    pub uid: String,
    /// What is in place.
    pub to: RevisionId,
    /// Who put it there, where that is written.
    pub run: Option<String>,
    /// The revision that was found bad and still bears the mark of a good one: the run that rolled back
    /// was ended before it could take it away.
    pub unmark: Option<RevisionId>,
}
