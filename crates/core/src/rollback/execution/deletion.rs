//! Looks at one restored StatefulSet again and again, and deletes the pods that stay stuck.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::{ClusterRequest, DeleteResult, Event, FailedCall, FailureKind, Look, Step};
use crate::approval::ApprovedRollback;
use crate::duration::after;
use crate::rollback::{RestoredSet, StuckPod, StuckPodStep};
use crate::workload::WorkloadRef;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Waits for the next look.
    Waiting,
    /// A look is under way.
    Looking,
    /// A deletion is under way.
    Deleting {
        pod: StuckPod,
        /// What was stuck at the look, this pod included.
        stuck: Vec<String>,
    },
    /// Nothing more is done.
    Done,
}

/// One StatefulSet whose pods may be stuck.
#[derive(Debug, Clone)]
pub(super) struct StuckPodDeletion {
    restored: ApprovedRollback,
    /// How long to go on without a deletion; `None`: as long as the check goes on, because a pod of the
    /// bad revision that is ready now may not be ready the next moment.
    patience: Option<Duration>,
    until: Timestamp,
    next_look: Timestamp,
    state: State,
    /// The names of the pods that were deleted.
    deleted: BTreeSet<String>,
    /// Why the rollout is held up, as of the last look.
    held_up: Option<String>,
    /// Whether the last deletion failed.
    undeletable: bool,
    /// The last failure that was shown.
    told: Option<String>,
}

impl StuckPodDeletion {
    pub(super) fn new(
        restored: ApprovedRollback,
        patience: Option<Duration>,
        now: Timestamp,
    ) -> Self {
        let mut this = Self {
            restored,
            patience,
            until: Timestamp::MAX,
            next_look: now,
            state: State::Waiting,
            deleted: BTreeSet::new(),
            held_up: None,
            undeletable: false,
            told: None,
        };
        this.renew(now);
        this.give_up_late(now);
        this
    }

    pub(super) const fn workload(&self) -> &WorkloadRef {
        &self.restored.workload
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Returns whether a stuck pod could not be deleted.
    pub(super) const fn is_undeletable(&self) -> bool {
        self.undeletable
    }

    /// Why the rollout is held up, with what to do about it.
    pub(super) fn held_up(&self) -> Option<String> {
        let why = self.held_up.as_ref()?;
        let workload = self.workload();
        Some(format!(
            "{workload}: the template is restored, but not all pods are: {why}; run the rollback again to continue with them"
        ))
    }

    /// When the next look is due, unless something is under way.
    pub(super) fn wake_at(&self) -> Timestamp {
        match self.state {
            State::Waiting => self.next_look.min(self.until),
            State::Looking | State::Deleting { .. } | State::Done => Timestamp::MAX,
        }
    }

    /// Asks for a look if one is due.
    pub(super) fn proceed(&mut self, now: Timestamp, step: &mut Step) {
        if self.state != State::Waiting || now < self.wake_at() {
            return;
        }
        self.state = State::Looking;
        self.next_look = after(now, PAUSE);
        step.requests.push(ClusterRequest::Look {
            workload: self.workload().clone(),
            target_uid: self.restored.target.uid.clone(),
        });
    }

    pub(super) fn looked(&mut self, look: Look, now: Timestamp, step: &mut Step) {
        if self.state != State::Looking {
            return;
        }
        self.state = State::Waiting;
        match look {
            Look::NothingToDelete => self.finish(),
            Look::Set(set) => self.decide(&set, step),
            Look::Failed(failure) => self.failed(failure, step),
        }
        self.give_up_late(now);
    }

    fn decide(&mut self, set: &RestoredSet, step: &mut Step) {
        let stuck = set.stuck_pods();
        // Pods that are only slow do not hold up the rollout: the controller goes on by itself.
        self.held_up = self.in_words(&stuck);
        match set.step() {
            StuckPodStep::Free | StuckPodStep::Superseded => self.finish(),
            StuckPodStep::Wait => {}
            StuckPodStep::Delete(pod) => {
                step.requests.push(ClusterRequest::DeletePod {
                    workload: self.workload().clone(),
                    pod: pod.clone(),
                });
                self.state = State::Deleting { pod, stuck };
            }
        }
    }

    pub(super) fn deleted(&mut self, result: DeleteResult, now: Timestamp, step: &mut Step) {
        let State::Deleting { pod, mut stuck } = self.state.clone() else {
            return;
        };
        self.state = State::Waiting;
        self.undeletable = matches!(result, DeleteResult::Failed(_));
        match result {
            DeleteResult::Deleted => {
                stuck.retain(|name| *name != pod.name);
                self.held_up = self.in_words(&stuck);
                self.told = None;
                // Once per pod: a pod that has to be deleted over and over is no progress.
                if self.deleted.insert(pod.name.clone()) {
                    self.renew(now);
                }
                step.events.push(Event::PodDeleted {
                    pod: pod.name,
                    revision: self.restored.bad.revision,
                });
            }
            // The next look decides again.
            DeleteResult::ChangedMeanwhile => {}
            DeleteResult::Failed(failure) => self.failed(failure, step),
        }
        self.give_up_late(now);
    }

    /// Shows each text once. A forbidden deletion is not tried again.
    fn failed(&mut self, failure: FailedCall, step: &mut Step) {
        let text = failure.text();
        let was_told = self.told.as_ref() == Some(&text);
        match failure.kind {
            FailureKind::NotFound => self.finish(),
            FailureKind::Forbidden => {
                self.held_up = Some(text);
                self.state = State::Done;
            }
            // Nothing was seen, so that the last look still counts.
            FailureKind::Unreachable => self.told = Some(text),
            FailureKind::Credentials | FailureKind::BadInput | FailureKind::Other => {
                self.held_up = Some(text.clone());
                self.told = Some(text);
            }
        }
        if !was_told {
            step.events.push(Event::DeletionFailed(failure));
        }
    }

    fn finish(&mut self) {
        self.held_up = None;
        self.state = State::Done;
    }

    fn renew(&mut self, now: Timestamp) {
        let patience = self.patience;
        self.until = patience.map_or(Timestamp::MAX, |it| after(now, it));
    }

    /// A deletion that is under way is always seen to its end.
    fn give_up_late(&mut self, now: Timestamp) {
        if self.state == State::Waiting && now >= self.until {
            self.state = State::Done;
        }
    }

    fn in_words(&self, stuck: &[String]) -> Option<String> {
        let bad = self.restored.bad.revision;
        match stuck {
            [] => None,
            [only] => Some(format!("Pod {only} of revision {bad} is stuck")),
            many => Some(format!(
                "Pods {} of revision {bad} are stuck",
                many.join(", ")
            )),
        }
    }
}
