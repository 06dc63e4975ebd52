//! The session as a step function: observe, and be told what to show, when to wake, and the verdict.
//!
//! The async shell only carries; a replay and a fuzzer run this very type.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::PodTemplateSpec;

use crate::duration::after;
use crate::finding::{Finding, FindingCode};
use crate::observation::{Blindness, Observation, ResourceKind, Seen};
use crate::policy::Policy;
use crate::progress;
use crate::report::{ReportEvent, TimelineEntry};
use crate::snapshot::{Snapshot, same_template, uid_of};
use crate::verdict::{Pending, Undetermined, Verdict};
use crate::workload::WorkloadRef;

mod judge;
#[cfg(test)]
mod tests;

pub use judge::{Judgement, judge};

/// What one observation led to.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Step {
    /// What is worth telling.
    pub events: Vec<ReportEvent>,
    /// When to hand in the next [`Seen::Tick`] if nothing else is seen before.
    pub wake_at: Timestamp,
    /// The verdict so far.
    pub verdict: Verdict,
}

/// What a session is bound to once it has seen the workload.
#[derive(Debug, Clone, PartialEq)]
struct Bound {
    uid: String,
    template: PodTemplateSpec,
}

/// A session that follows one rollout to its verdict.
#[derive(Debug, Clone)]
pub struct Guard {
    workload: WorkloadRef,
    policy: Policy,
    started: Timestamp,
    snapshot: Snapshot,
    bound: Option<Bound>,
    complete_since: Option<Timestamp>,
    served: Option<String>,
    shown_pending: Option<Pending>,
    shown_findings: BTreeMap<(FindingCode, Option<String>), Finding>,
    last_shown: Timestamp,
    timeline: Vec<TimelineEntry>,
    decided: Option<Verdict>,
    findings: Vec<Finding>,
}

impl Guard {
    /// A session that begins now.
    #[must_use]
    pub fn new(workload: WorkloadRef, policy: Policy, now: Timestamp) -> Self {
        Self {
            workload,
            policy,
            started: now,
            snapshot: Snapshot::default(),
            bound: None,
            complete_since: None,
            served: None,
            shown_pending: None,
            shown_findings: BTreeMap::new(),
            last_shown: now,
            timeline: Vec::new(),
            decided: None,
            findings: Vec::new(),
        }
    }

    /// Takes an observation in. Once the verdict is terminal it does not change any more.
    pub fn observe(&mut self, observation: Observation) -> Step {
        let now = observation.at;
        if let Some(verdict) = &self.decided {
            return Step {
                events: Vec::new(),
                wake_at: Timestamp::MAX,
                verdict: verdict.clone(),
            };
        }
        self.snapshot.apply(observation);
        if let Some(why) = self.lost_subject() {
            return self.decide(Verdict::Undetermined { why }, now);
        }
        if self.served.is_none() && self.snapshot.synced() {
            self.served = self.snapshot.serving_before().map(str::to_owned);
        }
        let judgement = judge(&self.view(), &self.policy, now);
        self.complete_since = judgement
            .complete
            .then(|| self.complete_since.unwrap_or(now));
        self.findings.clone_from(&judgement.findings);
        if judgement.verdict.is_terminal() {
            return self.decide(judgement.verdict, now);
        }
        let mut events = Vec::new();
        if self.snapshot.synced() {
            self.tell_findings(&judgement.findings, now, &mut events);
        }
        if let Verdict::Progressing { pending } = &judgement.verdict {
            self.tell_pending(pending, now, &mut events);
        }
        let reminder = after(self.last_shown, self.policy.reminder);
        Step {
            events,
            wake_at: judgement.wake_at.min(reminder),
            verdict: judgement.verdict,
        }
    }

    /// Whether the workload is still the one that this session began with.
    fn lost_subject(&mut self) -> Option<Undetermined> {
        if self.snapshot.workload_deleted() {
            return Some(Undetermined::Deleted);
        }
        let workload = self.snapshot.workload()?;
        let template = workload.spec.as_ref().map(|spec| &spec.template)?;
        let uid = uid_of(&workload.metadata);
        match &self.bound {
            None => {
                self.bound = Some(Bound {
                    uid: uid.to_owned(),
                    template: template.clone(),
                });
                None
            }
            Some(bound) if bound.uid != uid => Some(Undetermined::Deleted),
            Some(bound) if !same_template(&bound.template, template) => {
                Some(Undetermined::Superseded)
            }
            Some(_) => None,
        }
    }

    const fn view(&self) -> judge::View<'_> {
        judge::View {
            snapshot: &self.snapshot,
            started: self.started,
            complete_since: self.complete_since,
        }
    }

    fn decide(&mut self, verdict: Verdict, now: Timestamp) -> Step {
        let event = ReportEvent::Decided {
            at: now,
            verdict: verdict.clone(),
        };
        self.decided = Some(verdict.clone());
        Step {
            events: vec![event],
            wake_at: Timestamp::MAX,
            verdict,
        }
    }

    fn tell_pending(&mut self, pending: &Pending, now: Timestamp, events: &mut Vec<ReportEvent>) {
        // That the first look takes a moment is no news; that it takes half a minute is.
        let news = *pending != Pending::NotSeen;
        let changed = news && self.shown_pending.as_ref() != Some(pending);
        let due = now >= after(self.last_shown, self.policy.reminder);
        if !changed && !due {
            return;
        }
        self.last_shown = now;
        self.shown_pending = Some(pending.clone());
        let event = if changed {
            ReportEvent::Progress {
                at: now,
                pending: pending.clone(),
            }
        } else {
            ReportEvent::Reminder {
                at: now,
                started: self.started,
                pending: pending.clone(),
            }
        };
        if changed {
            self.note(&event);
        }
        events.push(event);
    }

    fn tell_findings(
        &mut self,
        findings: &[Finding],
        now: Timestamp,
        events: &mut Vec<ReportEvent>,
    ) {
        let key = |finding: &Finding| (finding.code, finding.subject.container.clone());
        let cleared: Vec<_> = self
            .shown_findings
            .iter()
            .filter(|(known, _)| !findings.iter().any(|finding| key(finding) == **known))
            .map(|(known, finding)| (known.clone(), finding.clone()))
            .collect();
        for (known, finding) in cleared {
            self.shown_findings.remove(&known);
            events.push(ReportEvent::Cleared { at: now, finding });
        }
        for finding in findings {
            if self
                .shown_findings
                .insert(key(finding), finding.clone())
                .is_none()
            {
                events.push(ReportEvent::Found {
                    at: now,
                    finding: finding.clone(),
                });
            }
        }
        if !events.is_empty() {
            self.last_shown = now;
        }
        for event in &*events {
            self.note(event);
        }
    }

    fn note(&mut self, event: &ReportEvent) {
        self.timeline.push(TimelineEntry::of(event));
    }

    /// Whether a verdict still holds for the workload as it was read just now: a watch may be seconds
    /// behind, and what is seconds old may be false.
    ///
    /// # Errors
    /// Why nothing can be said of the rollout that was followed.
    pub fn confirm(
        &self,
        verdict: &Verdict,
        fresh: &Deployment,
        now: Timestamp,
    ) -> Result<(), Undetermined> {
        let template = fresh.spec.as_ref().map(|spec| &spec.template);
        let (Some(bound), Some(template)) = (&self.bound, template) else {
            return Err(Undetermined::Deleted);
        };
        if bound.uid != uid_of(&fresh.metadata) {
            return Err(Undetermined::Deleted);
        }
        if !same_template(&bound.template, template) {
            return Err(Undetermined::Superseded);
        }
        let lags = |is: String| Undetermined::Blind {
            resource: ResourceKind::Workload,
            since: now,
            why: Blindness::Disconnected {
                message: format!("what was watched lags behind the cluster, where {is}"),
            },
        };
        match (verdict, progress::complete(fresh)) {
            (Verdict::Succeeded, Err(pending)) => Err(lags(pending.to_string())),
            (
                Verdict::TimedOut {
                    pending: Pending::Stabilising { .. },
                    ..
                },
                _,
            ) => Ok(()),
            (Verdict::TimedOut { .. }, Ok(())) => Err(lags("the rollout is complete".to_owned())),
            _ => Ok(()),
        }
    }

    /// The uid of the ReplicaSet that was judged, once there was one.
    #[must_use]
    pub fn judged(&self) -> Option<&str> {
        self.snapshot
            .new_replica_set()
            .map(|set| uid_of(&set.metadata))
    }

    /// What is under watch.
    #[must_use]
    pub const fn workload(&self) -> &WorkloadRef {
        &self.workload
    }

    /// What is known.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The uid of the former ReplicaSet whose pods were serving when the session first saw any.
    #[must_use]
    pub fn served(&self) -> Option<&str> {
        self.served.as_deref()
    }

    /// When the session began.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// What was told, in order.
    #[must_use]
    pub fn timeline(&self) -> &[TimelineEntry] {
        &self.timeline
    }

    /// Every finding of the last look, the ones that decide nothing included.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Which resources could not be seen, and why.
    pub fn blind_spots(&self) -> impl Iterator<Item = (ResourceKind, String)> {
        ResourceKind::ALL.into_iter().filter_map(|resource| {
            let (since, why) = self.snapshot.blindness(resource)?.clone();
            Some((
                resource,
                Undetermined::Blind {
                    resource,
                    since,
                    why,
                }
                .to_string(),
            ))
        })
    }

    /// An observation that only carries the time.
    #[must_use]
    pub const fn tick(now: Timestamp) -> Observation {
        Observation::new(now, Seen::Tick)
    }
}
