//! The proposal of a report: a rollback, or why there is none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Report, words};
use crate::approval::{Approval, ApprovedRollback, LIMIT};
use crate::finding::{Finding, Prognosis, RollbackHelps};
use crate::rollback::{
    Change, ChosenBy, PreflightCode, PreflightFinding, RESTART_ONLY, Refusal, RollbackBatch,
    RollbackPlan,
};
use crate::session::Session;
use crate::verdict::VerdictKind;
use crate::workload::{RevisionId, WorkloadRef};

/// One workload that would go back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Proposed {
    /// Which.
    pub workload: WorkloadRef,
    /// The revision that would go.
    pub from: RevisionId,
    /// Since when that revision exists.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bad_since: Option<Timestamp>,
    /// The revision that would come back.
    pub target: RevisionId,
    /// Which evidence chose it.
    pub chosen_by: ChosenBy,
    /// When a check found it healthy last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub good_at: Option<Timestamp>,
    /// What would change.
    pub changes: Vec<Change>,
    /// What must be known before.
    #[serde(rename = "concerns")]
    pub findings: Vec<PreflightFinding>,
    /// The pods that would have to be deleted for it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub deletes: Vec<String>,
}

/// Returns why the evidence cannot be passed on: an approval without it would be about nothing.
fn cannot_be_passed_on(evidence: &Approval) -> Option<String> {
    match evidence.to_json() {
        Ok(Some(_)) => None,
        Ok(None) => Some(format!(
            "the evidence about {} workloads is longer than the {LIMIT} bytes that an output \
             variable can hold",
            evidence.workloads.len()
        )),
        Err(error) => Some(format!("failed to write the evidence: {error}")),
    }
}

/// Returns whether the rollback changes no template, and no cause is one that it could help with.
pub(super) fn takes_back_only_a_restart(report: &Report, batch: &RollbackBatch) -> bool {
    let plans = &batch.plans;
    let mut causes = report.findings.iter();
    let may_help = causes.any(|it| {
        it.prognosis != Prognosis::Informational && it.rollback_helps != RollbackHelps::No
    });
    let same = plans.iter().all(RollbackPlan::only_takes_back_a_restart);
    !plans.is_empty() && same && !may_help
}

/// The proposal after a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    tag = "decision",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Proposal {
    /// The verdict offers none.
    None,
    /// These would be rolled back, all of them.
    Apply {
        /// Each with its revisions.
        workloads: Vec<Proposed>,
        /// What would keep its revision: nothing shows that it is bad.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        left_alone: Vec<WorkloadRef>,
        /// What an approval refers to.
        evidence: Approval,
    },
    /// No rollback is possible.
    Refused {
        /// Why.
        why: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        hint: Option<String>,
    },
}

impl Proposed {
    pub(super) fn of(plan: &RollbackPlan) -> Self {
        Self {
            workload: plan.workload.clone(),
            from: plan.from.clone(),
            bad_since: plan.bad_since,
            target: plan.to.clone(),
            chosen_by: plan.chosen_by,
            good_at: plan.good_at,
            changes: plan.changes.clone(),
            findings: plan.findings.clone(),
            deletes: plan.stuck.clone(),
        }
    }
}

impl Proposed {
    /// Why this revision, as of the end of the check.
    pub(super) fn evidence(&self, now: Timestamp) -> String {
        let when = self
            .good_at
            .map(|at| format!("{} ago", words::ago(at, now)));
        words::evidence(self.chosen_by, when)
    }
}

impl Proposal {
    /// Returns why there is nothing to propose although something failed: Jobs alone did. `None` where
    /// anything else did, or nothing.
    #[must_use]
    pub fn of_jobs(session: &Session) -> Option<Self> {
        let mut failed = session.workloads().iter();
        let failed = failed
            .find(|it| it.has_failed_for_good() && it.verdict().kind() == VerdictKind::Failed);
        let refusal = Refusal::NoRevisions;
        failed.map(|_| Self::Refused {
            why: refusal.to_string(),
            hint: refusal.hint().map(str::to_owned),
        })
    }

    /// Returns what a check proposes; workloads whose verdict offers no rollback are left alone.
    #[must_use]
    pub fn after_check(report: &Report, session: &Session, batch: &RollbackBatch) -> Self {
        let left_alone = session.workloads().iter();
        let left_alone = left_alone.filter(|it| !it.offers_rollback());
        let left_alone = left_alone.map(|it| it.workload().clone()).collect();
        if !batch.is_refused() && takes_back_only_a_restart(report, batch) {
            return Self::Refused {
                why: RESTART_ONLY.to_owned(),
                hint: Some("correct what the pods read: a ConfigMap, a Secret or an image tag that was changed in place".to_owned()),
            };
        }
        let codes = report.findings.iter().map(|it| it.code);
        Self::of(batch, left_alone, |approved| {
            Approval::new(report.verdict, report.ended, codes, approved)
        })
    }

    pub(super) fn of(
        batch: &RollbackBatch,
        left_alone: Vec<WorkloadRef>,
        evidence: impl FnOnce(Vec<ApprovedRollback>) -> Approval,
    ) -> Self {
        if batch.is_refused() {
            let hints = batch.objections.iter().map(|(_, it)| it.hint());
            return Self::Refused {
                why: batch.why_not(),
                hint: hints.flatten().next().map(str::to_owned),
            };
        }
        if batch.plans.is_empty() {
            let places = batch.already.iter();
            let places = places.map(|it| words::restored_and(it.to.revision, Some(it.present)));
            let places: Vec<String> = places.collect();
            return Self::Refused {
                why: format!("{} is already in place", places.join(", ")),
                hint: None,
            };
        }
        let plans = &batch.plans;
        let evidence = evidence(plans.iter().map(RollbackPlan::approval).collect());
        if let Some(why) = cannot_be_passed_on(&evidence) {
            return Self::Refused {
                why,
                hint: Some(
                    "name the workloads to roll back instead of passing the evidence".to_owned(),
                ),
            };
        }
        Self::Apply {
            workloads: plans.iter().map(Proposed::of).collect(),
            left_alone,
            evidence,
        }
    }

    /// The revisions that would come back, for a job's condition and for people; empty where there is
    /// nothing to offer.
    #[must_use]
    pub fn targets(&self) -> String {
        match self {
            Self::None | Self::Refused { .. } => String::new(),
            Self::Apply { workloads, .. } => match workloads.as_slice() {
                [only] => only.target.revision.to_string(),
                many => {
                    let each = many
                        .iter()
                        .map(|it| format!("{} {}", it.workload, it.target.revision));
                    each.collect::<Vec<_>>().join(", ")
                }
            },
        }
    }

    /// Returns the owner that the rollback would overrule, which only a person may decide.
    #[must_use]
    pub fn forces(&self) -> Option<&'static str> {
        let workloads = match self {
            Self::None | Self::Refused { .. } => return None,
            Self::Apply { workloads, .. } => workloads,
        };
        let mut findings = workloads.iter().flat_map(|it| &it.findings);
        findings
            .any(|it| it.code == PreflightCode::OwnedByHelm)
            .then_some("Helm")
    }

    /// Returns whether a rollback can help with the first of these findings, the most telling one;
    /// `None` where there is nothing to offer.
    #[must_use]
    pub fn helps(&self, findings: &[Finding]) -> Option<RollbackHelps> {
        match self {
            Self::None | Self::Refused { .. } => None,
            Self::Apply { .. } => Some(
                findings
                    .first()
                    .map_or(RollbackHelps::Partly, |it| it.rollback_helps),
            ),
        }
    }
}
