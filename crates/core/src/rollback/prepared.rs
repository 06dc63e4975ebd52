//! Everything that is known about a batch before the first change.

use serde::{Deserialize, Serialize};

use super::decide::decide;
use super::stuck_pods::stuck_now;
use super::{Already, Refusal, Request, RollbackBatch, RollbackDecision, RollbackPlan};
use crate::approval::{ApprovedRollback, HealthCriteria};
use crate::history::{Entry, History};
use crate::workload::{Images, WorkloadRef};

/// A batch with what its execution and the check after it need.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreparedRollback {
    /// One plan for all workloads; recordings call it `release`.
    #[serde(rename = "release")]
    pub batch: RollbackBatch,
    /// What the check after the rollback is bound to, of each workload that is or will be restored, in
    /// the order in which the workloads were named.
    pub approved: Vec<ApprovedRollback>,
    /// The workloads that a selector found and that need no rollback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_alone: Vec<WorkloadRef>,
    /// Whether stuck pods of a workload that is restored already would be deleted.
    pub deletes_pods: bool,
    /// The highest number of stuck pods of one workload.
    pub stuck_pods: usize,
}

impl PreparedRollback {
    /// Adds a workload.
    pub fn add(&mut self, it: PreparedWorkload) {
        if it.decision == RollbackDecision::Refuse(Refusal::Healthy) {
            self.left_alone.push(it.workload);
            return;
        }
        let is_restored = matches!(it.decision, RollbackDecision::Already(_));
        self.approved.extend(it.approved);
        self.deletes_pods |= is_restored && it.stuck_pods > 0;
        self.stuck_pods = self.stuck_pods.max(it.stuck_pods);
        self.batch.add(&it.workload, it.decision);
    }

    /// Returns the batch once every workload was added. Where all of them were left alone, that is the reason why
    /// nothing is rolled back, and no success.
    #[must_use]
    pub fn or_refused(mut self) -> Self {
        if self.batch.workloads().is_empty() {
            for workload in std::mem::take(&mut self.left_alone) {
                let healthy = RollbackDecision::Refuse(Refusal::Healthy);
                self.batch.add(&workload, healthy);
            }
        }
        self
    }

    /// Returns whether carrying it out would change anything that a person has to agree to.
    #[must_use]
    pub const fn changes_something(&self) -> bool {
        !self.batch.plans.is_empty() || self.deletes_pods
    }
}

/// One workload of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedWorkload {
    workload: WorkloadRef,
    decision: RollbackDecision,
    approved: Option<ApprovedRollback>,
    stuck_pods: usize,
}

impl PreparedWorkload {
    /// Decides about a workload.
    #[must_use]
    pub fn new(history: &History, request: &Request) -> Self {
        let decision = decide(history, request);
        let (approved, stuck_pods) = match &decision {
            RollbackDecision::Apply(plan) => (Some(plan.approval()), plan.stuck.len()),
            RollbackDecision::Already(already) => {
                let approved = request.approval.clone();
                let target = history.with_uid(&already.to.uid);
                // Includes pods that wait for a lower one; they are deleted once that is back.
                let stuck = target.map_or(0, |target| stuck_now(history, &target).len());
                (
                    Some(approved.unwrap_or_else(|| in_place(history, already))),
                    stuck,
                )
            }
            RollbackDecision::Refuse(_) => (None, 0),
        };
        Self {
            workload: history.workload().clone(),
            decision,
            approved,
            stuck_pods,
        }
    }

    /// The plan, for the preflight to add its findings.
    pub fn plan_mut(&mut self) -> Option<&mut RollbackPlan> {
        match &mut self.decision {
            RollbackDecision::Apply(plan) => Some(plan),
            RollbackDecision::Already(_) | RollbackDecision::Refuse(_) => None,
        }
    }
}

/// Returns what the check after a rollback is bound to, where the target was in place before: the bad
/// revision is the one that the earlier rollback wrote down. Where nothing is written, or that
/// revision is gone, there is none to await the end of.
fn in_place(history: &History, already: &Already) -> ApprovedRollback {
    let bad = history.restored();
    let bad = bad.and_then(|it| history.with_uid(&it.from));
    ApprovedRollback {
        workload: already.workload.clone(),
        uid: already.uid.clone(),
        bad: bad.as_ref().map_or_else(|| already.to.clone(), Entry::id),
        target: already.to.clone(),
        complete: false,
        standard: HealthCriteria::default(),
        images: Images::new(),
        force_helm: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::annotation::ROLLBACK_RECORD;
    use crate::rollback::patch::record;
    use crate::rollback::{Request, RollbackDecision, decide};
    use crate::testing::{deployment, replica_set_json, web};
    use crate::workload::{Revision, RevisionId};

    #[test]
    fn what_was_in_place_before_is_checked_against_what_it_replaced() {
        let id = |uid: &str| RevisionId {
            revision: Revision(2),
            name: uid.to_owned(),
            uid: uid.to_owned(),
        };
        let restored = |from: &str| record(&id("rs-v1"), &id(from), &Request::default()).to_text();
        let rows = [
            ("the bad one is known", Some(restored("rs-v2")), "rs-v2"),
            ("the bad one is gone", Some(restored("rs-v9")), "rs-v1"),
            ("nothing is written", None, "rs-v1"),
        ];
        for (says, written, bad) in rows {
            let mut object = deployment("web").version("v1").counts(2, 2, 2, 2).json();
            if let Some(written) = written {
                object["metadata"]["annotations"][ROLLBACK_RECORD] = json!(written);
            }
            let sets = [("v1", 3, 2), ("v2", 2, 0)].map(|(version, revision, ready)| {
                replica_set_json(version, revision, (ready, ready))
            });
            let history = History::new(web(), object, sets.to_vec(), Vec::new());
            let request = Request {
                to_revision: Some(Revision(3)),
                ..Request::default()
            };
            let RollbackDecision::Already(already) = decide(&history, &request) else {
                panic!("{says}: not in place");
            };
            let approved = in_place(&history, &already);
            assert_eq!(approved.bad.uid, bad, "{says}");
            assert_eq!(approved.target.uid, "rs-v1", "{says}");
        }
    }
}
