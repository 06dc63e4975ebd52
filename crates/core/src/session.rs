//! The session as a step function: an observation goes in; events to show, requests to send, the next
//! wake-up and the verdict come out.
//!
//! The async shell only carries; a replay and a fuzzer run this very type. One session follows any
//! number of workloads of one namespace over one snapshot; each has its own [`TrackedWorkload`], and the
//! one verdict is that of all of them.

use jiff::Timestamp;

use crate::duration::{after, elapsed};
use crate::finding::{Finding, Lookup, grouped};
use crate::observation::{Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::snapshot::{Snapshot, Touched};
use crate::verdict::{Pending, Undetermined, Verdict};
use crate::workload::{Workload, WorkloadKind, WorkloadRef};

mod agenda;
mod asked;
mod damper;
mod event;
mod http_requests;
mod judge;
mod lookups;
mod recheck;
mod release;
mod replay;
mod sight;
mod stability;
mod suspect;
mod target;
#[cfg(test)]
mod tests;
mod tracked;
mod unlisted;
mod waiting;
mod ways;

use agenda::Agenda;
pub use event::{SessionEvent, TimelineEntry, followed, waits_for};
pub use http_requests::HttpRequest;
pub use judge::{Judgement, judge};
pub use recheck::{Recheck, RecheckStep};
pub use release::{Release, names_a_release, same_release};
pub use replay::{Decided, replay};
pub use stability::Stability;
pub use suspect::Suspect;
pub use target::{Target, View};
pub use tracked::{Followed, TrackedWorkload};
pub use waiting::Waiting;
pub use ways::Ways;

/// The result of one observation.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Step {
    /// What is worth telling.
    pub events: Vec<SessionEvent>,
    /// The HTTP requests to send to pods now. Each is to be answered with [`Seen::Answered`], or with
    /// [`Seen::Blind`] of [`ResourceKind::PodProxy`].
    pub http_requests: Vec<HttpRequest>,
    /// What is to be looked up now; each is to be answered with [`Seen::LookedUp`], and
    /// [`Lookup::Traffic`] and [`Lookup::TrafficAndPorts`] with [`Seen::Traffic`].
    pub lookups: Vec<Lookup>,
    /// When to hand in the next [`Seen::Tick`] if nothing else is seen before.
    pub wake_at: Timestamp,
    /// The verdict so far.
    pub verdict: Verdict,
}

/// A session that follows the rollouts of some workloads to one verdict.
#[derive(Debug, Clone)]
pub struct Session {
    workloads: Vec<TrackedWorkload>,
    agenda: Agenda,
    /// The positions of the workloads that the last observation had judged again.
    judged: Vec<usize>,
    unlisted: Vec<WorkloadKind>,
    policy: Policy,
    started: Timestamp,
    snapshot: Snapshot,
    last_shown: Timestamp,
    sight: sight::Sight,
    timeline: Vec<TimelineEntry>,
    decided: Option<Verdict>,
}

impl Session {
    /// A session that begins now.
    pub fn new<T: Into<Target>>(
        targets: impl IntoIterator<Item = T>,
        policy: Policy,
        now: Timestamp,
    ) -> Self {
        let workloads: Vec<TrackedWorkload> = targets
            .into_iter()
            .map(|target| TrackedWorkload::new(target.into(), now))
            .collect();
        Self {
            agenda: Agenda::new(&workloads, &policy, now),
            judged: Vec::new(),
            workloads,
            unlisted: Vec::new(),
            policy,
            started: now,
            snapshot: Snapshot::default(),
            last_shown: now,
            sight: sight::Sight::default(),
            timeline: Vec::new(),
            decided: None,
        }
    }

    /// Adds the kinds that could not be listed when a selector looked for workloads: the session then
    /// cannot succeed, because workloads of these kinds may match.
    #[must_use]
    pub fn with_unlisted_kinds(mut self, kinds: Vec<WorkloadKind>) -> Self {
        self.unlisted = kinds;
        self
    }

    /// Takes an observation in. Once the verdict is terminal it does not change any more.
    pub fn observe(&mut self, observation: Observation) -> Step {
        let now = observation.at;
        self.judged.clear();
        if let Some(verdict) = &self.decided {
            return Step {
                events: Vec::new(),
                http_requests: Vec::new(),
                lookups: Vec::new(),
                wake_at: Timestamp::MAX,
                verdict: verdict.clone(),
            };
        }
        self.agenda.requests.answered(&observation);
        self.agenda.lookups.answered(&observation);
        let touched = self.snapshot.apply(observation);
        let many = self.workloads.len() > 1;
        let limit = self.policy.blind_limit;
        let mut events: Vec<SessionEvent> = self
            .sight
            .note(&self.snapshot, limit, now)
            .into_iter()
            .collect();
        self.look(&touched, now, &mut events);
        if !many {
            // The report itself says how the only one ended.
            events.retain(|event| !matches!(event, SessionEvent::Ended { .. }));
        }
        let verdict = self.verdict(now);
        self.timeline
            .extend(events.iter().map(|event| TimelineEntry::of(event, many)));
        if verdict.is_terminal() {
            events.push(SessionEvent::Decided {
                at: now,
                verdict: verdict.clone(),
            });
            self.decided = Some(verdict.clone());
            return Step {
                events,
                http_requests: Vec::new(),
                lookups: Vec::new(),
                wake_at: Timestamp::MAX,
                verdict,
            };
        }
        self.remind(now, &mut events);
        // An answer that comes while nothing else can be seen would not count.
        let http_requests = if self.snapshot.is_out_of_sight() {
            Vec::new()
        } else {
            self.agenda.requests.take_due(&self.snapshot, now)
        };
        let lookups = self.agenda.take_due_lookups(now);
        let wakes = [
            self.agenda.wake_at(now),
            after(self.last_shown, self.policy.reminder),
        ];
        Step {
            events,
            http_requests,
            lookups,
            wake_at: wakes.into_iter().min().unwrap_or(Timestamp::MAX),
            verdict,
        }
    }

    /// Judges the workloads that may be judged otherwise than before. Before something is said of all of
    /// them, a verdict or a reminder, the others are judged as well: their findings say how long
    /// something has lasted.
    fn look(&mut self, touched: &Touched, now: Timestamp, events: &mut Vec<SessionEvent>) {
        let due = self.agenda.due(touched, now);
        for at in &due {
            self.look_at(*at, now, events);
        }
        let reminds = now >= after(self.last_shown, self.policy.reminder);
        if reminds || self.agenda.first_progressing().is_none() {
            for at in (0..self.workloads.len()).filter(|at| !due.contains(at)) {
                self.look_at(at, now, events);
            }
        }
    }

    fn look_at(&mut self, at: usize, now: Timestamp, events: &mut Vec<SessionEvent>) {
        let Self {
            workloads,
            agenda,
            snapshot,
            policy,
            ..
        } = self;
        let Some(tracked) = workloads.get_mut(at) else {
            return;
        };
        events.extend(tracked.look(snapshot, policy, now));
        let seen = agenda::Seen {
            snapshot,
            policy,
            now,
        };
        agenda.update(at, tracked, seen);
        self.judged.push(at);
    }

    /// A word after a while without news, so that no one takes silence for a hang.
    fn remind(&mut self, now: Timestamp, events: &mut Vec<SessionEvent>) {
        if !events.is_empty() {
            self.last_shown = now;
            return;
        }
        if now < after(self.last_shown, self.policy.reminder) {
            return;
        }
        let waiting: Vec<(&TrackedWorkload, &Pending)> = self
            .workloads
            .iter()
            .filter_map(|tracked| match tracked.verdict() {
                Verdict::Progressing { pending } => Some((tracked, pending)),
                Verdict::Succeeded
                | Verdict::Failed { .. }
                | Verdict::TimedOut { .. }
                | Verdict::Undetermined { .. }
                | Verdict::Superseded { .. } => None,
            })
            .collect();
        let Some((tracked, pending)) = waiting.first() else {
            return;
        };
        self.last_shown = now;
        events.push(SessionEvent::Reminder {
            at: now,
            workload: tracked.workload().clone(),
            pending: (*pending).clone(),
            standstill: tracked.standstill(&self.snapshot).map(Box::new),
            waiting: Box::new(self.waiting(tracked, now)),
            others: waiting.len() - 1,
        });
    }

    /// Returns what a workload of this session waits for at this moment.
    #[must_use]
    pub fn waiting(&self, tracked: &TrackedWorkload, now: Timestamp) -> Waiting {
        let rollout = self.snapshot.rollout(tracked.workload());
        let pods = rollout.map(|it| it.new_pods()).unwrap_or_default();
        let moment = waiting::Moment {
            policy: &self.policy,
            started: self.started,
            now,
        };
        let mut waiting = waiting::waiting(tracked.findings(), &pods, moment);
        let workload = rollout.map(|it| it.workload());
        let pending = tracked.verdict().pending();
        let pause = workload
            .zip(pending)
            .and_then(|(workload, pending)| waiting::pause(&self.snapshot, workload, pending, now));
        waiting.suspects.extend(pause);
        waiting
    }

    /// Returns how much of the time is over, in percent and in steps of five: never all of it before the
    /// verdict.
    #[must_use]
    pub fn progress(&self, now: Timestamp) -> u8 {
        const STEP: u128 = 5;
        let over = elapsed(self.started, now).as_millis() * 100;
        let percent = over / self.policy.timeout.as_millis().max(1);
        u8::try_from((percent / STEP * STEP).min(95)).unwrap_or_default()
    }

    /// The one verdict over all workloads.
    fn verdict(&self, now: Timestamp) -> Verdict {
        let first = self.agenda.first_progressing();
        if let Some(tracked) = first.and_then(|at| self.workloads.get(at)) {
            return tracked.verdict().clone();
        }
        let verdict = Verdict::of_all(self.workloads.iter().map(TrackedWorkload::verdict));
        unlisted::limited(verdict, &self.unlisted, now)
    }

    /// Judges every workload at the next observation, whether or not that concerns it.
    #[cfg(test)]
    pub(crate) fn look_at_all_next_time(&mut self) {
        self.agenda.wake_all(self.started);
    }

    /// The workloads that the last observation had judged again.
    pub fn judged(&self) -> impl Iterator<Item = &TrackedWorkload> {
        self.judged.iter().filter_map(|at| self.workloads.get(*at))
    }

    /// The workloads that are followed, in the order in which they were given.
    #[must_use]
    pub fn workloads(&self) -> &[TrackedWorkload] {
        &self.workloads
    }

    /// Replaces the verdict of a workload by the one that a fresh read of it shows, and returns the
    /// verdict over all workloads. Where that is not terminal (the only one that failed was replaced by
    /// a newer rollout), the session goes on.
    pub fn override_verdict(
        &mut self,
        workload: &WorkloadRef,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Verdict {
        self.replace_verdict(workload, now, |it| it.override_verdict(verdict.clone()))
    }

    /// Takes in a workload as it was read, which takes back the verdict on it, and returns the verdict over all
    /// workloads: the session goes on.
    fn go_on_with(&mut self, fresh: Workload, now: Timestamp) -> Verdict {
        let reference = fresh.reference();
        let seen = Seen::Workload { object: fresh };
        let _ = self.snapshot.apply(Observation::new(now, seen));
        self.replace_verdict(&reference, now, TrackedWorkload::reopen)
    }

    fn replace_verdict(
        &mut self,
        workload: &WorkloadRef,
        now: Timestamp,
        replace: impl Fn(&mut TrackedWorkload),
    ) -> Verdict {
        for at in self.agenda.positions_of(workload).to_vec() {
            if let Some(tracked) = self.workloads.get_mut(at) {
                replace(tracked);
                let seen = agenda::Seen {
                    snapshot: &self.snapshot,
                    policy: &self.policy,
                    now,
                };
                self.agenda.update(at, tracked, seen);
            }
        }
        let verdict = self.verdict(now);
        self.decided = verdict.is_terminal().then(|| verdict.clone());
        verdict
    }

    /// Returns what is known.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The thresholds.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// When the session began.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// The events so far, in order.
    #[must_use]
    pub fn timeline(&self) -> &[TimelineEntry] {
        &self.timeline
    }

    /// Every finding of the last look, the ones that decide nothing included.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        grouped(
            self.workloads
                .iter()
                .flat_map(TrackedWorkload::findings)
                .cloned(),
        )
    }

    /// Every cause that was seen and may decide, the first one first, those that have gone included.
    #[must_use]
    pub fn suspects(&self) -> Vec<Suspect> {
        let each = self.workloads.iter().flat_map(TrackedWorkload::suspects);
        let mut suspects: Vec<Suspect> = each.cloned().collect();
        suspects.sort_by_key(|it| (it.first_seen, it.workload.clone(), it.code));
        suspects
    }

    /// Which resources could not be seen, and why.
    pub fn blind_spots(&self) -> impl Iterator<Item = (ResourceKind, String)> {
        self.snapshot.blind_spots().map(|(resource, (since, why))| {
            let blind = Undetermined::Blind {
                resource,
                since: *since,
                why: why.clone(),
            };
            (resource, blind.to_string())
        })
    }

    /// An observation that only carries the time.
    #[must_use]
    pub const fn tick(now: Timestamp) -> Observation {
        Observation::new(now, Seen::Tick)
    }
}
