//! One workload of a session: what it is bound to, how it stands, what was told of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::Target;
use super::judge::{View, judge};
use crate::finding::{Finding, FindingCode};
use crate::observation::{Blindness, ResourceKind};
use crate::policy::Policy;
use crate::progress;
use crate::report::ReportEvent;
use crate::snapshot::{Excused, Snapshot, same_template};
use crate::verdict::{Pending, Supersession, Undetermined, Verdict};
use crate::workload::{Workload, WorkloadRef};

/// What a session is bound to once it has seen the workload.
#[derive(Debug, Clone, PartialEq)]
struct Bound {
    uid: String,
    template: PodTemplateSpec,
}

/// One workload of a session.
#[derive(Debug, Clone)]
pub struct Follow {
    target: Target,
    started: Timestamp,
    bound: Option<Bound>,
    complete_since: Option<Timestamp>,
    served: Option<String>,
    judged: Option<String>,
    pending_since: Timestamp,
    shown_pending: Option<Pending>,
    shown_findings: BTreeMap<(FindingCode, Option<String>), Finding>,
    shown_end: bool,
    verdict: Verdict,
    findings: Vec<Finding>,
}

impl Follow {
    pub(super) const fn new(target: Target, now: Timestamp) -> Self {
        Self {
            target,
            started: now,
            bound: None,
            complete_since: None,
            served: None,
            judged: None,
            pending_since: now,
            shown_pending: None,
            shown_findings: BTreeMap::new(),
            shown_end: false,
            verdict: Verdict::Progressing {
                pending: Pending::NotSeen,
            },
            findings: Vec::new(),
        }
    }

    /// Judges the workload anew, unless that is done; says when to look again.
    pub(super) fn look(
        &mut self,
        snapshot: &Snapshot,
        policy: &Policy,
        now: Timestamp,
    ) -> Timestamp {
        if self.verdict.is_terminal() {
            return Timestamp::MAX;
        }
        if let Some(verdict) = self.lost_subject(snapshot) {
            self.verdict = verdict;
            return Timestamp::MAX;
        }
        let rollout = snapshot.rollout(self.workload());
        if let Some(rollout) = &rollout {
            if self.served.is_none() && snapshot.synced(self.needed()) {
                self.served = rollout.serving_before().map(str::to_owned);
            }
            self.judged = rollout.new_uid().map(str::to_owned);
        }
        let judgement = judge(&self.view(snapshot), policy, now);
        self.complete_since = judgement
            .complete
            .then(|| self.complete_since.unwrap_or(now));
        if judgement.verdict.pending() != self.verdict.pending() {
            self.pending_since = now;
        }
        self.findings = judgement.findings;
        self.verdict = judgement.verdict;
        if self.verdict.is_terminal() {
            Timestamp::MAX
        } else {
            judgement.wake_at
        }
    }

    /// Whether the workload is still the one that this session began with.
    fn lost_subject(&mut self, snapshot: &Snapshot) -> Option<Verdict> {
        if snapshot.is_deleted(self.workload()) {
            let why = Undetermined::Deleted;
            return Some(Verdict::Undetermined { why });
        }
        let workload = snapshot.workload(self.workload())?;
        let template = workload.template()?;
        if self.bound.is_none() {
            self.bound = Some(Bound {
                uid: workload.uid().to_owned(),
                template: template.clone(),
            });
        }
        self.superseded(workload)
            .map(|by| Verdict::Superseded { by })
    }

    fn superseded(&self, workload: &Workload) -> Option<Supersession> {
        let bound = self.bound.as_ref()?;
        if bound.uid != workload.uid() {
            return Some(Supersession::Replaced);
        }
        let same = workload
            .template()
            .is_some_and(|template| same_template(&bound.template, template));
        (!same).then_some(Supersession::NewerRollout)
    }

    /// What must be seen to judge it.
    fn needed(&self) -> &'static [ResourceKind] {
        ResourceKind::needed_for(self.target.workload.kind)
    }

    const fn view<'a>(&'a self, snapshot: &'a Snapshot) -> View<'a> {
        View {
            snapshot,
            target: &self.target,
            started: self.started,
            complete_since: self.complete_since,
        }
    }

    /// Adds what changed since it was told last.
    pub(super) fn tell(
        &mut self,
        snapshot: &Snapshot,
        now: Timestamp,
        events: &mut Vec<ReportEvent>,
    ) {
        if self.verdict.is_terminal() {
            if !self.shown_end {
                self.shown_end = true;
                events.push(ReportEvent::Ended {
                    at: now,
                    workload: self.workload().clone(),
                    verdict: self.verdict.clone(),
                });
            }
            return;
        }
        if snapshot.synced(self.needed()) {
            self.tell_findings(now, events);
        }
        self.tell_pending(now, events);
    }

    fn tell_pending(&mut self, now: Timestamp, events: &mut Vec<ReportEvent>) {
        let Some(pending) = self.verdict.pending() else {
            return;
        };
        // That the first look takes a moment is no news.
        if *pending == Pending::NotSeen || self.shown_pending.as_ref() == Some(pending) {
            return;
        }
        self.shown_pending = Some(pending.clone());
        events.push(ReportEvent::Progress {
            at: now,
            workload: self.target.workload.clone(),
            pending: pending.clone(),
        });
    }

    fn tell_findings(&mut self, now: Timestamp, events: &mut Vec<ReportEvent>) {
        let key = |finding: &Finding| (finding.code, finding.subject.container.clone());
        let workload = &self.target.workload;
        let findings = &self.findings;
        self.shown_findings.retain(|known, finding| {
            let still = findings.iter().any(|finding| key(finding) == *known);
            if !still {
                events.push(ReportEvent::Cleared {
                    at: now,
                    workload: workload.clone(),
                    finding: finding.clone(),
                });
            }
            still
        });
        for finding in findings {
            let known = self.shown_findings.insert(key(finding), finding.clone());
            if known.is_none() {
                events.push(ReportEvent::Found {
                    at: now,
                    workload: workload.clone(),
                    finding: finding.clone(),
                });
            }
        }
    }

    /// Whether its verdict still holds for the workload as it was read just now: a watch may be
    /// seconds behind, and what is seconds old may be false.
    ///
    /// # Errors
    /// What holds instead.
    pub fn confirm(
        &self,
        snapshot: &Snapshot,
        fresh: &Workload,
        now: Timestamp,
    ) -> Result<(), Verdict> {
        if self.bound.is_none() {
            let why = Undetermined::Deleted;
            return Err(Verdict::Undetermined { why });
        }
        if let Some(by) = self.superseded(fresh) {
            return Err(Verdict::Superseded { by });
        }
        let lags = |is: String| Verdict::Undetermined {
            why: Undetermined::Blind {
                resource: ResourceKind::of(self.target.workload.kind),
                since: now,
                why: Blindness::Disconnected {
                    message: format!("what was watched lags behind the cluster, where {is}"),
                },
            },
        };
        let excused = snapshot
            .rollout(self.workload())
            .map_or_else(Excused::default, |rollout| rollout.excused());
        match (&self.verdict, progress::complete(fresh, &excused)) {
            (Verdict::Succeeded, Err(pending)) => Err(lags(pending.to_string())),
            // The counts are complete by their own; something else is pending.
            (
                Verdict::TimedOut {
                    pending: Pending::Stabilising { .. } | Pending::HttpChecks { .. },
                    ..
                },
                _,
            ) => Ok(()),
            (Verdict::TimedOut { .. }, Ok(())) => Err(lags("the rollout is complete".to_owned())),
            _ => Ok(()),
        }
    }

    pub(super) fn amend(&mut self, verdict: Verdict) {
        self.verdict = verdict;
    }

    /// What is followed.
    #[must_use]
    pub const fn workload(&self) -> &WorkloadRef {
        &self.target.workload
    }

    /// How it stands.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Since when the same has been pending.
    #[must_use]
    pub const fn pending_since(&self) -> Timestamp {
        self.pending_since
    }

    /// Every finding of the last look.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The uid of the ReplicaSet or ControllerRevision that was judged, once there was one.
    #[must_use]
    pub fn judged(&self) -> Option<&str> {
        self.judged.as_deref()
    }

    /// The uid of the former ReplicaSet whose pods were serving when the session first saw any.
    #[must_use]
    pub fn served(&self) -> Option<&str> {
        self.served.as_deref()
    }
}
