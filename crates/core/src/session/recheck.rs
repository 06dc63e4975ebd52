//! The fresh read of the workloads before a verdict stands: a watch may lag by seconds.
//!
//! A step function like [`Session`]: it asks for reads, takes their results, and says when to go on. A
//! success must still hold, a rollout that timed out must not have completed, and one that failed because it was
//! paused must still be. A success or a pause that is over lets the session go on; a watch that stays behind leaves the
//! verdict undetermined after some rounds. There is a verdict in every case.

use std::time::Duration;

use jiff::Timestamp;

use super::{Session, TrackedWorkload};
use crate::duration::{after, elapsed};
use crate::observation::{Blindness, EndedRead, FreshRead, ResourceKind};
use crate::verdict::{Undetermined, Verdict};
use crate::workload::{Workload, WorkloadRef};

/// How often a workload is read while its counts still move, and the pause between two reads: an
/// autoscaler may change them at that very moment.
const READS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// What was listed within this time comes from no lagging watch: it is the fresh read itself.
const FRESH: Duration = Duration::from_secs(1);
/// How many workloads are read at once.
const AT_ONCE: usize = 8;

/// The result of one step of a recheck.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct RecheckStep {
    /// The workloads to read now.
    pub reads: Vec<WorkloadRef>,
    /// When to take the next step if no read has ended before.
    pub wake_at: Timestamp,
    /// The verdict over all workloads, once every read that it needs has ended.
    pub verdict: Option<Verdict>,
}

/// How the recheck of one workload stands.
#[derive(Debug, Clone, PartialEq)]
enum Stage {
    /// To be read at this time.
    Due(Timestamp),
    /// A read is under way.
    Reading,
    /// Done; what holds instead of its verdict, if that does not hold.
    Done(Option<Instead>),
}

/// The state that holds instead of a verdict.
#[derive(Debug, Clone, PartialEq)]
enum Instead {
    /// Another one.
    Verdict(Verdict),
    /// None yet: the workload as it was read shows that the verdict is over.
    GoesOn(Box<Workload>),
}

impl Stage {
    const fn instead(verdict: Verdict) -> Self {
        Self::Done(Some(Instead::Verdict(verdict)))
    }
}

#[derive(Debug, Clone)]
struct Open {
    workload: WorkloadRef,
    reads_left: u32,
    /// Since when no read has reached the API server.
    disconnected_since: Option<Timestamp>,
    stage: Stage,
}

impl Open {
    /// The stage after a read.
    fn after(&mut self, session: &Session, tracked: &TrackedWorkload, at: ReadAt<'_>) -> Stage {
        let ReadAt { read, now } = at;
        let deadline = after(session.started(), session.policy().timeout);
        match read {
            FreshRead::Found { object: fresh } => {
                self.disconnected_since = None;
                self.reads_left = self.reads_left.saturating_sub(1);
                if tracked.was_resumed(fresh) {
                    return Stage::Done(Some(Instead::GoesOn(fresh.clone())));
                }
                match tracked.confirm(session.snapshot(), fresh, now) {
                    Ok(()) => Stage::Done(None),
                    Err(Verdict::Undetermined { .. }) if self.reads_left > 0 => {
                        Stage::Due(after(now, PAUSE))
                    }
                    // Pods that come and go do so in plain sight.
                    Err(Verdict::Undetermined {
                        why: Undetermined::Blind { .. },
                    }) if tracked.may_go_on() && now < deadline => {
                        Stage::Done(Some(Instead::GoesOn(fresh.clone())))
                    }
                    Err(verdict) => Stage::instead(verdict),
                }
            }
            // Its time to live is over (`ttlSecondsAfterFinished`); what was seen to end has ended.
            FreshRead::NotFound if has_ended(tracked) => Stage::Done(None),
            FreshRead::NotFound => Stage::instead(Verdict::Undetermined {
                why: Undetermined::Deleted,
            }),
            FreshRead::Blind { why } => {
                // A lost connection may come back, as one of a watch may.
                let lost = matches!(why, Blindness::Disconnected { .. });
                let since = *self.disconnected_since.get_or_insert(now);
                if lost && elapsed(since, now) < session.policy().blind_limit {
                    Stage::Due(after(now, PAUSE))
                } else {
                    Stage::Done(unread(tracked, why, since).map(Instead::Verdict))
                }
            }
        }
    }
}

/// A read and when it ended.
#[derive(Clone, Copy)]
struct ReadAt<'a> {
    read: &'a FreshRead,
    now: Timestamp,
}

/// The recheck of a verdict.
#[derive(Debug, Clone)]
pub struct Recheck {
    verdict: Verdict,
    workloads: Vec<Open>,
}

impl Recheck {
    /// A recheck of the verdict that `session` reached at `decided`.
    #[must_use]
    pub fn new(session: &Session, verdict: Verdict, decided: Timestamp) -> Self {
        let fresh = elapsed(session.started(), decided) < FRESH;
        let needs_read = |it: &&TrackedWorkload| {
            !(fresh && verdict == Verdict::Succeeded) && rests_on(&verdict, it.verdict())
        };
        let open = |tracked: &TrackedWorkload| Open {
            workload: tracked.workload().clone(),
            reads_left: READS,
            disconnected_since: None,
            stage: Stage::Due(decided),
        };
        let workloads = session.workloads().iter().filter(needs_read);
        Self {
            workloads: workloads.map(open).collect(),
            verdict,
        }
    }

    /// Takes the result of a read, if one has ended. At the end the session's verdicts are overridden
    /// by what was read, and its verdict over all workloads is returned; where that is not terminal,
    /// the session goes on.
    pub fn step(
        &mut self,
        session: &mut Session,
        ended: Option<EndedRead>,
        now: Timestamp,
    ) -> RecheckStep {
        if let Some(ended) = ended {
            self.take(session, &ended, now);
        }
        let reads = self.due(now);
        let open = |it: &Open| !matches!(it.stage, Stage::Done(_));
        let verdict = (!self.workloads.iter().any(open)).then(|| self.conclude(session, now));
        let wakes = self.workloads.iter().filter_map(|it| match it.stage {
            Stage::Due(at) if at > now => Some(at),
            Stage::Due(_) | Stage::Reading | Stage::Done(_) => None,
        });
        RecheckStep {
            reads,
            wake_at: wakes.min().unwrap_or(Timestamp::MAX),
            verdict,
        }
    }

    /// Applies a read to the verdict of its workload.
    fn take(&mut self, session: &Session, ended: &EndedRead, now: Timestamp) {
        let tracked = session.workloads().iter();
        let tracked = tracked.filter(|it| *it.workload() == ended.workload);
        let open = self.workloads.iter_mut();
        let open = open.filter(|it| it.workload == ended.workload);
        for (open, tracked) in open.zip(tracked) {
            let read = &ended.read;
            open.stage = open.after(session, tracked, ReadAt { read, now });
        }
    }

    /// The workloads whose read is due, of which only so many are read at once.
    fn due(&mut self, now: Timestamp) -> Vec<WorkloadRef> {
        let reading = self.workloads.iter();
        let reading = reading.filter(|it| it.stage == Stage::Reading).count();
        let due = self.workloads.iter_mut();
        let due = due.filter(|it| matches!(it.stage, Stage::Due(at) if at <= now));
        let begin = |it: &mut Open| {
            it.stage = Stage::Reading;
            it.workload.clone()
        };
        due.take(AT_ONCE.saturating_sub(reading))
            .map(begin)
            .collect()
    }

    /// Overrides the verdicts that do not hold.
    fn conclude(&self, session: &mut Session, now: Timestamp) -> Verdict {
        let mut verdict = self.verdict.clone();
        for open in &self.workloads {
            match &open.stage {
                Stage::Done(Some(Instead::Verdict(instead))) => {
                    verdict = session.override_verdict(&open.workload, instead, now);
                }
                Stage::Done(Some(Instead::GoesOn(fresh))) => {
                    verdict = session.go_on_with((**fresh).clone(), now);
                }
                Stage::Done(None) | Stage::Due(_) | Stage::Reading => {}
            }
        }
        verdict
    }
}

/// Returns whether it is a Job whose end was seen.
const fn has_ended(tracked: &TrackedWorkload) -> bool {
    let seen = match tracked.verdict() {
        Verdict::Succeeded | Verdict::Failed { .. } => true,
        Verdict::Progressing { .. }
        | Verdict::TimedOut { .. }
        | Verdict::Undetermined { .. }
        | Verdict::Superseded { .. } => false,
    };
    seen && !tracked.has_revisions()
}

/// Returns whether the verdict over all workloads rests on this workload's own. What could not be seen
/// needs no second read.
fn rests_on(all: &Verdict, own: &Verdict) -> bool {
    match own {
        Verdict::Progressing { .. } | Verdict::Undetermined { .. } => false,
        Verdict::Succeeded
        | Verdict::Failed { .. }
        | Verdict::TimedOut { .. }
        | Verdict::Superseded { .. } => own.kind() == all.kind(),
    }
}

/// Returns what a read that was not possible makes of a verdict; `None` where the verdict stands: what
/// was seen to fail needs no second read as long as it exists.
fn unread(tracked: &TrackedWorkload, why: &Blindness, since: Timestamp) -> Option<Verdict> {
    match tracked.verdict() {
        Verdict::Failed { .. } => None,
        Verdict::Progressing { .. }
        | Verdict::Succeeded
        | Verdict::TimedOut { .. }
        | Verdict::Undetermined { .. }
        | Verdict::Superseded { .. } => Some(Verdict::Undetermined {
            why: Undetermined::Blind {
                resource: ResourceKind::of(tracked.workload().kind),
                since,
                why: why.clone(),
            },
        }),
    }
}
