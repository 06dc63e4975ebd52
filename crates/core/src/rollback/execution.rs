//! A rollback as a step function: an observation goes in; events to show, requests to send, the next
//! wake-up and the outcome come out.
//!
//! The async shell only carries requests and prints; a replay, the fuzzer and the laws in the tests run
//! this very type.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    BatchOutcome, PreparedRollback, Refusal, RollbackHealth, RollbackPlan, WorkloadOutcome,
};
use crate::approval::ApprovedRollback;
use crate::workload::{RevisionId, WorkloadRef};

mod conclusion;
mod deletion;
mod event;
mod observation;
mod recording;
mod request;
mod step;

pub use conclusion::Conclusion;
use deletion::StuckPodDeletion;
pub use event::Event;
pub use observation::{
    DeleteResult, FailedCall, FailureKind, Look, Observation, PatchResult, Seen, Verification,
};
pub use recording::{FORMAT, Recording, RecordingError, Start};
pub use request::ClusterRequest;
pub use step::Step;

/// How many times the timeout the check after the rollback may take: a job has a limit of its own, and
/// the next run goes on.
const MOST_TIMEOUTS: u32 = 4;

/// The user's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Whether to check what was restored.
    pub wait: bool,
    /// How long the restored revision may take to become healthy; without a check, how long to go on with
    /// stuck pods of which none can be deleted.
    pub timeout: Duration,
}

/// A change that is made one after the other.
#[derive(Debug, Clone)]
enum Change {
    Patch(Box<RollbackPlan>),
    WithdrawMark {
        workload: WorkloadRef,
        bad: RevisionId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Patches are sent and marks withdrawn.
    Patching,
    /// Stuck pods are deleted; no check was asked for.
    DeletingPods,
    /// The check goes on, and stuck pods are deleted.
    Verifying,
}

/// The rollback of one batch.
#[derive(Debug, Clone)]
pub struct Execution {
    settings: Settings,
    approved: Vec<ApprovedRollback>,
    stuck_pods: usize,
    phase: Phase,
    /// What is left to do.
    changes: VecDeque<Change>,
    /// What is under way.
    change: Option<Change>,
    stop_requested: bool,
    workloads: Vec<(WorkloadRef, WorkloadOutcome)>,
    errors: Vec<String>,
    deletions: Vec<StuckPodDeletion>,
    conclusion: Option<Conclusion>,
}

impl Execution {
    /// Carries out a batch; a batch that is refused ends at once.
    #[must_use]
    pub fn new(prepared: PreparedRollback, settings: Settings) -> Self {
        let PreparedRollback {
            batch,
            approved,
            stuck_pods,
            ..
        } = prepared;
        let conclusion = Conclusion::refused(&batch);
        let already = batch.already;
        let in_place = already.iter().map(|it| it.workload.clone());
        let workloads = in_place.map(|it| (it, WorkloadOutcome::InPlace)).collect();
        let marked = already.into_iter().filter_map(|it| {
            Some(Change::WithdrawMark {
                workload: it.workload,
                bad: it.unmark?,
            })
        });
        let plans = batch.plans.into_iter().map(Box::new).map(Change::Patch);
        Self {
            settings,
            approved,
            stuck_pods,
            phase: Phase::Patching,
            changes: marked.chain(plans).collect(),
            change: None,
            stop_requested: false,
            workloads,
            errors: Vec::new(),
            deletions: Vec::new(),
            conclusion,
        }
    }

    /// Takes an observation in. After the end nothing changes any more.
    pub fn observe(&mut self, observation: Observation) -> Step {
        let Observation { at: now, seen } = observation;
        let mut step = Step {
            events: Vec::new(),
            requests: Vec::new(),
            wake_at: Timestamp::MAX,
            conclusion: None,
        };
        if self.conclusion.is_none() {
            self.take_in(seen, now, &mut step);
            self.proceed(now, &mut step);
        }
        step.conclusion.clone_from(&self.conclusion);
        if self.conclusion.is_none() {
            let wakes = self.deletions.iter().map(StuckPodDeletion::wake_at);
            step.wake_at = wakes.min().unwrap_or(Timestamp::MAX);
        }
        step
    }

    fn take_in(&mut self, seen: Seen, now: Timestamp, step: &mut Step) {
        match seen {
            Seen::Tick => {}
            Seen::StopRequested => self.stop_requested = true,
            Seen::Patched { workload, result } => self.patched(&workload, result, step),
            Seen::MarkWithdrawn { workload, failure } => {
                self.mark_withdrawn(&workload, failure, step);
            }
            Seen::Looked { workload, look } => {
                if let Some(it) = self.deletion_of(&workload) {
                    it.looked(look, now, step);
                }
            }
            Seen::Deleted { workload, result } => {
                if let Some(it) = self.deletion_of(&workload) {
                    it.deleted(result, now, step);
                }
            }
            Seen::Verified { verification } => {
                if self.phase == Phase::Verifying {
                    self.verified(verification, step);
                }
            }
        }
    }

    fn deletion_of(&mut self, workload: &WorkloadRef) -> Option<&mut StuckPodDeletion> {
        let mut all = self.deletions.iter_mut();
        all.find(|it| it.workload() == workload)
    }

    fn patched(&mut self, workload: &WorkloadRef, result: PatchResult, step: &mut Step) {
        let plan = match self.change.take() {
            Some(Change::Patch(plan)) if plan.workload == *workload => plan,
            other => {
                self.change = other;
                return;
            }
        };
        let outcome = match result {
            PatchResult::Applied => WorkloadOutcome::RolledBack,
            PatchResult::AlreadyInPlace => WorkloadOutcome::InPlace,
            PatchResult::Superseded => {
                let why = Refusal::Superseded;
                let text = format!("{workload}: not rolled back: {why}");
                self.errors.push(text);
                WorkloadOutcome::Superseded
            }
            PatchResult::Failed(failure) => {
                self.errors.extend(failure.messages.iter().cloned());
                step.events.push(Event::Failed(failure));
                WorkloadOutcome::Failed
            }
        };
        self.end(&plan, outcome, step);
        // Only now: a rollback that is not done leaves the mark as it is.
        if plan.withdraws_mark && outcome.is_restored() {
            self.changes.push_front(Change::WithdrawMark {
                workload: plan.workload,
                bad: plan.from,
            });
        }
    }

    fn end(&mut self, plan: &RollbackPlan, outcome: WorkloadOutcome, step: &mut Step) {
        self.workloads.push((plan.workload.clone(), outcome));
        step.events.push(Event::Ended {
            workload: plan.workload.clone(),
            revision: plan.to.revision,
            outcome,
        });
    }

    fn mark_withdrawn(
        &mut self,
        workload: &WorkloadRef,
        failure: Option<FailedCall>,
        step: &mut Step,
    ) {
        let bad = match self.change.take() {
            Some(Change::WithdrawMark { workload: it, bad }) if it == *workload => bad,
            other => {
                self.change = other;
                return;
            }
        };
        step.events.extend(failure.map(|failure| Event::MarkKept {
            revision: bad.revision,
            failure,
        }));
    }

    fn verified(&mut self, verification: Verification, step: &mut Step) {
        match &verification {
            Verification::Judged { .. } => {}
            Verification::Failed(failure) => step.events.push(Event::Failed(failure.clone())),
            Verification::Cancelled => step.events.push(Event::NotVerified),
        }
        let cancelled = verification == Verification::Cancelled;
        let open = verification.leaves_open();
        // Where a pod could not be deleted, a check that finds it stuck may fail for just that.
        let failed = verification.has_failed();
        let held_up = self.mark_held_up(|it| open || (failed && it.is_undeletable()));
        self.conclude(Some(verification), held_up, cancelled);
    }

    fn proceed(&mut self, now: Timestamp, step: &mut Step) {
        if self.conclusion.is_some() {
            return;
        }
        if self.phase == Phase::Patching {
            self.next_change(step);
            if self.change.is_some() {
                return;
            }
            self.after_patches(now, step);
        }
        let done = self.deletions.iter().all(StuckPodDeletion::is_done);
        if self.phase == Phase::DeletingPods && (done || self.stop_requested) {
            self.pods_deleted(self.stop_requested);
            return;
        }
        for it in &mut self.deletions {
            it.proceed(now, step);
        }
    }

    /// One plan after the other. One that fails does not hold up the others: they belong to one release,
    /// and each that is restored is one less that is broken. The wish to stop is heard until the first
    /// workload is restored. From then on all are patched, because one half of a release beside the other
    /// half may never have run together; a patch that is under way is always seen to its end.
    fn next_change(&mut self, step: &mut Step) {
        while self.change.is_none() {
            let Some(change) = self.changes.pop_front() else {
                return;
            };
            let request = match &change {
                Change::Patch(plan) if self.stop_requested && !self.has_begun() => {
                    self.end(plan, WorkloadOutcome::NotTried, step);
                    continue;
                }
                Change::Patch(plan) => ClusterRequest::Patch(plan.clone()),
                Change::WithdrawMark { workload, bad } => ClusterRequest::WithdrawMark {
                    workload: workload.clone(),
                    bad: bad.clone(),
                },
            };
            step.requests.push(request);
            self.change = Some(change);
        }
    }

    /// Returns whether this run has restored a workload.
    fn has_begun(&self) -> bool {
        let mut outcomes = self.workloads.iter().map(|(_, outcome)| *outcome);
        outcomes.any(|outcome| outcome == WorkloadOutcome::RolledBack)
    }

    fn after_patches(&mut self, now: Timestamp, step: &mut Step) {
        let has = |wanted| self.workloads.iter().any(|(_, it)| *it == wanted);
        let stopped = has(WorkloadOutcome::NotTried);
        let restored = self.restored();
        if restored.is_empty() || stopped {
            self.conclude(None, Vec::new(), stopped);
            return;
        }
        let patience = (!self.settings.wait).then_some(self.settings.timeout);
        let sets = restored.iter();
        let sets = sets.filter(|it| it.workload.kind.may_have_stuck_pods());
        let deletions = sets.map(|it| StuckPodDeletion::new(it.clone(), patience, now));
        self.deletions = deletions.collect();
        self.phase = Phase::DeletingPods;
        if self.settings.wait {
            self.phase = Phase::Verifying;
            let timeout = self.timeout(step);
            step.requests
                .push(ClusterRequest::Verify { restored, timeout });
        }
    }

    /// Returns what the check is bound to: the workloads whose target is in place.
    fn restored(&self) -> Vec<ApprovedRollback> {
        let is_restored = |it: &&ApprovedRollback| {
            let mut workloads = self.workloads.iter();
            workloads.any(|(workload, outcome)| *workload == it.workload && outcome.is_restored())
        };
        self.approved.iter().filter(is_restored).cloned().collect()
    }

    /// Stuck pods are replaced one after the other, and each may take as long as a rollout: the check must
    /// not time out while they come back.
    fn timeout(&self, step: &mut Step) -> Duration {
        let timeout = self.settings.timeout;
        if self.stuck_pods < 2 {
            return timeout;
        }
        let times = u32::try_from(self.stuck_pods).unwrap_or(u32::MAX);
        let timeout = timeout.saturating_mul(times.min(MOST_TIMEOUTS));
        step.events.push(Event::TakesLonger {
            stuck_pods: self.stuck_pods,
            timeout,
        });
        timeout
    }

    fn held_up(&self, counts: impl Fn(&StuckPodDeletion) -> bool) -> BTreeMap<WorkloadRef, String> {
        let all = self.deletions.iter().filter(|it| counts(it));
        let held_up = all.filter_map(|it| Some((it.workload().clone(), it.held_up()?)));
        held_up.collect()
    }

    /// Makes the outcome of each workload whose stuck pods count [`WorkloadOutcome::HeldUp`], and
    /// returns why.
    fn mark_held_up(&mut self, counts: impl Fn(&StuckPodDeletion) -> bool) -> Vec<String> {
        let held_up = self.held_up(counts);
        for (workload, outcome) in &mut self.workloads {
            if held_up.contains_key(workload) {
                *outcome = WorkloadOutcome::HeldUp;
            }
        }
        held_up.into_values().collect()
    }

    fn pods_deleted(&mut self, cancelled: bool) {
        let held_up = self.mark_held_up(|_| true);
        self.conclude(None, held_up, cancelled);
    }

    fn conclude(
        &mut self,
        verification: Option<Verification>,
        untold: Vec<String>,
        cancelled: bool,
    ) {
        let outcomes: Vec<WorkloadOutcome> = self.workloads.iter().map(|(_, it)| *it).collect();
        let outcome = BatchOutcome::of(&outcomes);
        let mut errors = self.errors.clone();
        errors.extend(untold.iter().cloned());
        let (verified, sentence) = match verification {
            Some(Verification::Judged {
                health, sentence, ..
            }) => (health, Some(sentence)),
            Some(Verification::Failed(failure)) => {
                errors.extend(failure.messages);
                (None, None)
            }
            Some(Verification::Cancelled) | None => (None, None),
        };
        let health = outcome.health(verified);
        let whole = matches!(
            outcome,
            BatchOutcome::RolledBack | BatchOutcome::AlreadyRolledBack
        );
        // Of a part the other errors say more.
        errors.extend(sentence.filter(|_| whole && health != RollbackHealth::Healthy));
        let restored = outcomes.iter().any(|it| it.is_restored());
        // Without a check it is for others to say whether what was restored is healthy.
        let is_known = self.settings.wait || !restored;
        self.conclusion = Some(Conclusion {
            outcome,
            health: is_known.then_some(health),
            cancelled,
            workloads: self.workloads.clone(),
            errors,
            untold,
        });
    }
}
