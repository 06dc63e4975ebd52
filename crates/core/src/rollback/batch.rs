//! One plan for all workloads of a release: either every one of them may go back, or none is touched.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::preflight::PreflightFinding;
use super::{Already, BatchOutcome, Refusal, RollbackDecision, RollbackPlan};
use crate::workload::WorkloadRef;

/// Why one workload is not rolled back, and with it none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Objection {
    /// The present state does not allow it.
    Refusal(Refusal),
    /// A preflight speaks against it.
    Finding(PreflightFinding),
}

impl Objection {
    /// Returns its stable name.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Refusal(refusal) => refusal.code().to_owned(),
            Self::Finding(finding) => finding.code.to_string(),
        }
    }

    /// In one sentence.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Refusal(refusal) => refusal.to_string(),
            Self::Finding(finding) => finding.to_string(),
        }
    }

    /// Returns what the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refusal(refusal) => refusal.hint(),
            Self::Finding(finding) => finding.hint.as_deref(),
        }
    }
}

/// The plan for all of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackBatch {
    /// What is to be rolled back, in the order given.
    pub plans: Vec<RollbackPlan>,
    /// What is already in place.
    pub already: Vec<Already>,
    /// What speaks against it; where there is anything, nothing is done.
    pub objections: Vec<(WorkloadRef, Objection)>,
}

impl RollbackBatch {
    /// Takes the decision about one workload in.
    pub fn add(&mut self, workload: &WorkloadRef, decision: RollbackDecision) {
        match decision {
            RollbackDecision::Already(already) => self.already.push(already),
            RollbackDecision::Refuse(refusal) => {
                let objection = Objection::Refusal(refusal);
                self.objections.push((workload.clone(), objection));
            }
            RollbackDecision::Apply(plan) => {
                let refusals = plan.refusals().cloned().map(Objection::Finding);
                let refusals = refusals.map(|it| (workload.clone(), it));
                self.objections.extend(refusals);
                self.plans.push(*plan);
            }
        }
    }

    /// Returns whether anything speaks against it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        !self.objections.is_empty()
    }

    /// Returns whether the same is to be done as was shown before: a person takes a while to decide.
    #[must_use]
    pub fn is_as(&self, shown: &Self) -> bool {
        let revisions = |it: &Self| -> Vec<_> {
            let plans = it.plans.iter();
            plans
                .map(|plan| (plan.uid.clone(), plan.from.clone(), plan.to.uid.clone()))
                .collect()
        };
        let same_already = self.already.len() == shown.already.len();
        revisions(self) == revisions(shown) && same_already
    }

    /// Returns whether a rollout that was shown as incomplete has completed since.
    #[must_use]
    pub fn has_completed_since(&self, shown: &Self) -> bool {
        let incomplete = |plan: &RollbackPlan| {
            let same = |it: &&RollbackPlan| it.workload == plan.workload;
            shown.plans.iter().find(same).is_some_and(|it| !it.complete)
        };
        self.plans.iter().any(|it| it.complete && incomplete(it))
    }

    /// Returns whether every objection says that a newer rollout is in place.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.all(&[Refusal::Superseded, Refusal::Done])
    }

    /// Returns whether every objection says that the rollout has healed.
    #[must_use]
    pub fn has_healed(&self) -> bool {
        self.all(&[Refusal::Healed])
    }

    /// Returns how a refused batch ends; `None` if nothing speaks against it.
    #[must_use]
    pub fn refusal(&self) -> Option<BatchOutcome> {
        self.is_refused().then(|| {
            if self.is_superseded() {
                BatchOutcome::Superseded
            } else if self.has_healed() {
                BatchOutcome::Healed
            } else {
                BatchOutcome::Refused
            }
        })
    }

    /// Where another workload would still go back, no word about some of them is true of all.
    fn all(&self, wanted: &[Refusal]) -> bool {
        let is = |(_, it): &(WorkloadRef, Objection)| match it {
            Objection::Refusal(refusal) => wanted.contains(refusal),
            Objection::Finding(_) => false,
        };
        self.is_refused() && self.plans.is_empty() && self.objections.iter().all(is)
    }

    /// Returns what looks healed and would count as such at a time that can be waited for, if it stays
    /// so: of several the last.
    #[must_use]
    pub fn heals_by(&self, limit: Timestamp) -> Option<(&WorkloadRef, Timestamp)> {
        let soon = self.plans.iter().filter_map(|plan| {
            let at = plan.healed_at.filter(|at| *at <= limit)?;
            Some((&plan.workload, at))
        });
        soon.max_by_key(|(_, at)| *at)
    }

    /// All that it is about.
    #[must_use]
    pub fn workloads(&self) -> BTreeSet<&WorkloadRef> {
        let plans = self.plans.iter().map(|it| &it.workload);
        let already = self.already.iter().map(|it| &it.workload);
        let objections = self.objections.iter().map(|(workload, _)| workload);
        plans.chain(already).chain(objections).collect()
    }

    /// The objections in one line; of several workloads each is named.
    #[must_use]
    pub fn why_not(&self) -> String {
        let many = self.workloads().len() > 1;
        let objected: BTreeSet<_> = self.objections.iter().map(|(it, _)| it).collect();
        let held_up = self.plans.iter().map(|it| &it.workload);
        let held_up = held_up
            .filter(|it| !objected.contains(it))
            .map(|it| format!("{it} could be rolled back, but is held up"));
        let said: Vec<String> = self
            .objections
            .iter()
            .map(|(workload, it)| {
                let message = it.message();
                if many {
                    format!("{workload}: {message}")
                } else {
                    message
                }
            })
            .chain(held_up)
            .collect();
        said.join("; ")
    }
}
