//! The session as a step function: an observation goes in; events to show, requests to send, the next
//! wake-up and the verdict come out.
//!
//! The async shell only carries; a replay and a fuzzer run this very type. One session follows any
//! number of workloads of one namespace over one snapshot; each has its own [`TrackedWorkload`], and the
//! one verdict is that of all of them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::duration::{after, elapsed};
use crate::finding::{Finding, Lookup, PodPort, Prognosis, grouped};
use crate::observation::{Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::snapshot::{Snapshot, Touched};
use crate::verdict::{Pending, Undetermined, Verdict};
use crate::workload::{WorkloadKind, WorkloadRef};

mod asked;
mod damper;
mod event;
mod http_requests;
mod judge;
mod lookups;
mod recheck;
mod release;
mod replay;
mod stability;
mod suspect;
mod target;
#[cfg(test)]
mod tests;
mod tracked;
mod unlisted;
mod waiting;
mod ways;

pub use event::{SessionEvent, TimelineEntry, followed, waits_for};
pub use http_requests::HttpRequest;
use http_requests::SentRequests;
pub use judge::{Judgement, judge};
use lookups::Lookups;
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
    unlisted: Vec<WorkloadKind>,
    policy: Policy,
    started: Timestamp,
    snapshot: Snapshot,
    sent_requests: SentRequests,
    lookups: Lookups,
    last_shown: Timestamp,
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
            workloads,
            unlisted: Vec::new(),
            policy,
            started: now,
            snapshot: Snapshot::default(),
            sent_requests: SentRequests::default(),
            lookups: Lookups::default(),
            last_shown: now,
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
        if let Some(verdict) = &self.decided {
            return Step {
                events: Vec::new(),
                http_requests: Vec::new(),
                lookups: Vec::new(),
                wake_at: Timestamp::MAX,
                verdict: verdict.clone(),
            };
        }
        self.sent_requests.answered(&observation);
        self.lookups.answered(&observation);
        let touched = self.snapshot.apply(observation);
        let many = self.workloads.len() > 1;
        let mut events = Vec::new();
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
        let http_requests = self.due_http_requests(now);
        let lookups = self
            .lookups
            .due(self.wanted_lookups(now), now, &self.policy);
        let workloads = self.workloads.iter().map(TrackedWorkload::wake_at);
        let wakes = [
            workloads.min().unwrap_or(Timestamp::MAX),
            after(self.last_shown, self.policy.reminder),
            self.sent_requests.next(now, &self.policy),
            self.lookups.next(now, &self.policy),
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
        let due: Vec<bool> = self
            .workloads
            .iter()
            .map(|it| it.is_due(touched, now))
            .collect();
        let mut look = |workloads: &mut [TrackedWorkload], those: bool| {
            for (tracked, due) in workloads.iter_mut().zip(&due) {
                if *due == those {
                    events.extend(tracked.look(&self.snapshot, &self.policy, now));
                }
            }
        };
        look(&mut self.workloads, true);
        let reminds = now >= after(self.last_shown, self.policy.reminder);
        let all = self.workloads.iter().map(TrackedWorkload::verdict);
        if reminds || Verdict::of_all(all).is_terminal() {
            look(&mut self.workloads, false);
        }
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

    fn due_http_requests(&mut self, now: Timestamp) -> Vec<HttpRequest> {
        // An answer that comes while nothing else can be seen would not count.
        if self.policy.http.is_empty() || self.snapshot.is_out_of_sight() {
            return Vec::new();
        }
        let open = self
            .workloads
            .iter()
            .filter(|tracked| !tracked.verdict().is_terminal())
            .filter_map(|tracked| self.snapshot.rollout(tracked.workload()));
        let wanted: Vec<HttpRequest> = open
            .flat_map(|rollout| http_requests::wanted(&rollout, &self.policy))
            .collect();
        self.sent_requests.due(wanted, now, &self.policy)
    }

    /// Returns what must be looked up to know what may still heal a cause, and whether users reach the
    /// pods of a complete rollout.
    fn wanted_lookups(&self, now: Timestamp) -> BTreeSet<Lookup> {
        let open = self.workloads.iter();
        let open = open.filter(|tracked| !tracked.verdict().is_terminal());
        let traffic = open.clone().any(|it| it.wants_traffic(&self.policy, now));
        let ports = open.clone().flat_map(TrackedWorkload::ports_to_try);
        let ports: BTreeSet<PodPort> = ports.cloned().collect();
        let lookup = if ports.is_empty() {
            Lookup::Traffic
        } else {
            Lookup::TrafficAndPorts { ports }
        };
        let traffic = traffic.then_some(lookup);
        let findings = open.flat_map(TrackedWorkload::findings);
        let may_heal = findings.filter(|it| it.prognosis == Prognosis::Transient);
        let lookups = may_heal.filter_map(|it| it.lookup.clone());
        lookups.chain(traffic).collect()
    }

    /// The one verdict over all workloads.
    fn verdict(&self, now: Timestamp) -> Verdict {
        let verdict = Verdict::of_all(self.workloads.iter().map(TrackedWorkload::verdict));
        unlisted::limited(verdict, &self.unlisted, now)
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
        for tracked in &mut self.workloads {
            if tracked.workload() == workload {
                tracked.override_verdict(verdict.clone());
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
