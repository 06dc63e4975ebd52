//! One workload of a session: what it is bound to, how it stands, what was reported about it.

mod confirm;
mod events;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde::{Deserialize, Serialize};

use super::damper::Damper;
use super::event::SessionEvent;
use super::judge::{Judgement, judge};
use super::release::{Release, same_release};
use super::stability::Stability;
use super::suspect::{Suspect, Suspects};
use super::target::{Target, View};
use super::ways::Ways;
use crate::annotation::LastKnownGood;
use crate::approval::ApprovedRollback;
use crate::diagnose::Formers;
use crate::duration::after;
use crate::finding::{Finding, FindingCode, PodPort, Prognosis};
use crate::observation::{Blindness, ResourceKind};
use crate::policy::Policy;
use crate::progress::{self, Moment};
use crate::snapshot::{Rollout, Snapshot, same_template};
use crate::verdict::{Pending, Standstill, Supersession, Undetermined, Verdict};
use crate::workload::{Workload, WorkloadRef};

/// How long a Job may be away before it counts as deleted: a Job is changed by deleting it and creating it again.
/// (estimated)
const REPLACED_WITHIN: Duration = Duration::from_secs(5);

/// The objects that a session is bound to once it has seen the workload.
#[derive(Debug, Clone, PartialEq)]
struct Bound {
    uid: String,
    /// The release as it was when the session began to follow it.
    release: Release,
    /// The template that is judged now.
    template: PodTemplateSpec,
}

/// A change of the template by an automation, which was followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// When it was seen.
    pub at: Timestamp,
    /// What changed, by name.
    pub changed: Vec<String>,
}

/// How the template that is there now relates to the one that is judged.
enum Change {
    /// It is the same.
    None,
    /// It is of the same release, and this was changed.
    SameRelease(Vec<String>),
    /// It is another one.
    Superseded(Supersession),
}

/// One workload of a session.
#[derive(Debug, Clone)]
pub struct TrackedWorkload {
    target: Target,
    started: Timestamp,
    bound: Option<Bound>,
    /// Since when a Job is away.
    away_since: Option<Timestamp>,
    /// Whether the revision that is meant was still to come at the last look.
    awaited: bool,
    complete_since: Option<Timestamp>,
    asking_since: Option<Timestamp>,
    ways: Ways,
    served: Option<String>,
    judged: Option<String>,
    /// The changes that were followed, and how many of them were told.
    followed: Vec<Followed>,
    told_followed: usize,
    /// The template that is known to have been replaced although the watch still shows it.
    outdated: Option<PodTemplateSpec>,
    /// How often its verdict was taken back.
    reopened: u32,
    /// What was wrong when pods were last wanted, unless the rollout was complete since.
    suspect: Option<Finding>,
    pending_since: Timestamp,
    shown_pending: Option<Pending>,
    damper: Damper,
    shown_findings: BTreeMap<(FindingCode, Option<String>), Finding>,
    shown_end: bool,
    verdict: Verdict,
    stability: Option<Stability>,
    findings: Vec<Finding>,
    suspects: Suspects,
    /// How many pods it had at the last look, of whatever revision.
    pods: usize,
    /// When the rollout itself was last judged, unless the last look could not.
    looked_at: Option<Timestamp>,
    /// When to look again if nothing that concerns it is seen before.
    wake_at: Timestamp,
}

impl TrackedWorkload {
    pub(super) fn new(target: Target, now: Timestamp) -> Self {
        Self {
            target,
            started: now,
            bound: None,
            away_since: None,
            awaited: false,
            complete_since: None,
            asking_since: None,
            ways: Ways::default(),
            served: None,
            judged: None,
            followed: Vec::new(),
            told_followed: 0,
            outdated: None,
            reopened: 0,
            suspect: None,
            pending_since: now,
            shown_pending: None,
            damper: Damper::new(now),
            shown_findings: BTreeMap::new(),
            shown_end: false,
            verdict: Verdict::Progressing {
                pending: Pending::NotSeen,
            },
            stability: None,
            findings: Vec::new(),
            suspects: Suspects::default(),
            pods: 0,
            looked_at: None,
            wake_at: now,
        }
    }

    /// When to look again if nothing that concerns it is seen before.
    pub(super) const fn wake_at(&self) -> Timestamp {
        self.wake_at
    }

    /// Judges the workload again, unless it has its verdict, and tells what changed.
    pub(super) fn look(
        &mut self,
        snapshot: &Snapshot,
        policy: &Policy,
        now: Timestamp,
    ) -> Vec<SessionEvent> {
        self.wake_at = self.judge(snapshot, policy, now);
        let mut events = Vec::new();
        self.emit_events(snapshot, now, &mut events);
        events
    }

    /// Judges the workload again, unless it has its verdict; returns when to look again.
    fn judge(&mut self, snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> Timestamp {
        // A success must still be one when the last of many workloads is decided.
        let was_green = self.verdict == Verdict::Succeeded;
        // What a Job has done stays done, even if its time to live is over.
        let is_done = self.verdict.is_terminal() && !self.has_revisions();
        if is_done || self.verdict.is_terminal() && !was_green {
            return Timestamp::MAX;
        }
        if let Some(until) = self.awaited_until(snapshot, now) {
            self.verdict = Verdict::Progressing {
                pending: Pending::NotSeen,
            };
            return until;
        }
        if let Some(verdict) = self.lost_subject(snapshot, now) {
            self.shown_end = false;
            self.verdict = verdict;
            return Timestamp::MAX;
        }
        let was_green = self.verdict == Verdict::Succeeded;
        if let Some(lags) = self.lags(snapshot, policy, now) {
            let over = lags.is_terminal();
            self.verdict = lags;
            return if over {
                Timestamp::MAX
            } else {
                after(self.started, policy.timeout)
            };
        }
        let rollout = snapshot.rollout(self.workload());
        self.pods = rollout.as_ref().map_or(0, Rollout::count_pods);
        if let Some(rollout) = &rollout {
            // A former revision of the same release did not serve before it.
            let before = self.followed.is_empty();
            if before && self.served.is_none() && snapshot.synced(self.needed()) {
                let serving = rollout.serving_before();
                self.served = serving.map(|it| it.uid().to_owned());
            }
            let uid = rollout.new_uid().map(str::to_owned);
            self.judged = uid.or_else(|| rollout.workload().template_fingerprint());
        }
        self.follow_traffic(rollout.as_ref(), policy);
        let judgement = judge(&self.view(snapshot, policy), policy, now);
        let judgement = self.unless_nothing_runs(snapshot, policy, judgement);
        if snapshot.synced(self.needed()) && was_diagnosed(&judgement.verdict) {
            let workload = self.target.workload.to_string();
            self.suspects.take(&workload, &judgement.findings, now);
        }
        self.complete_since = judgement
            .complete
            .then(|| self.complete_since.unwrap_or(now));
        self.asking_since = judgement.asking.then(|| self.asking_since.unwrap_or(now));
        if was_green && stays_green(&judgement, policy) {
            self.findings = judgement.findings;
            return judgement.wake_at;
        }
        self.shown_end = false;
        if judgement.verdict.pending() != self.verdict.pending() {
            self.pending_since = now;
        }
        self.ways
            .keep(&judgement.findings, judgement.traffic_final_from);
        self.findings = judgement.findings;
        self.stability = judgement.stability;
        self.looked_at = judgement.looked.then_some(now);
        self.verdict = judgement.verdict;
        if self.verdict.is_terminal() {
            Timestamp::MAX
        } else {
            judgement.wake_at
        }
    }

    /// A rollout that is complete because nothing is wanted any more does not take back what was seen.
    fn unless_nothing_runs(
        &mut self,
        snapshot: &Snapshot,
        policy: &Policy,
        judgement: Judgement,
    ) -> Judgement {
        let workload = snapshot.workload(self.workload());
        let desired = workload.map_or(0, |it| it.counts().desired);
        if desired > 0 {
            let suspected = |it: &&Finding| is_suspect(it, policy);
            if judgement.complete {
                self.suspect = None;
            } else if let Some(suspect) = judgement.findings.iter().find(suspected) {
                self.suspect = Some(suspect.clone());
            }
            return judgement;
        }
        match &self.suspect {
            Some(suspect) if judgement.verdict == Verdict::Succeeded => Judgement {
                verdict: Verdict::Undetermined {
                    why: Undetermined::NothingRuns {
                        code: suspect.code,
                        message: suspect.message.clone(),
                    },
                },
                ..judgement
            },
            Some(_) | None => judgement,
        }
    }

    /// Returns until when a Job that is away may come back as another one.
    fn awaited_until(&mut self, snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
        if self.has_revisions() || !snapshot.is_deleted(self.workload()) {
            self.away_since = None;
            return None;
        }
        let since = *self.away_since.get_or_insert(now);
        let until = after(since, REPLACED_WITHIN);
        (now < until).then_some(until)
    }

    /// Returns whether the workload is still the one that this session began with.
    fn lost_subject(&mut self, snapshot: &Snapshot, now: Timestamp) -> Option<Verdict> {
        if snapshot.is_deleted(self.workload()) {
            let why = Undetermined::Deleted;
            return Some(Verdict::Undetermined { why });
        }
        let workload = snapshot.workload(self.workload())?;
        let template = workload.template()?;
        // What is there before the revision that is meant is not what this session follows.
        let number = || snapshot.rollout(self.workload())?.number();
        let wanted = self.target.revision;
        let awaits = wanted.is_some_and(|wanted| number() < Some(wanted));
        let awaited = std::mem::replace(&mut self.awaited, awaits);
        let bound = self.bound.as_ref();
        if bound.is_none_or(|bound| awaited && bound.uid == workload.uid()) {
            self.bound = Some(Bound {
                uid: workload.uid().to_owned(),
                template: template.clone(),
                release: Release::of(workload)?,
            });
        }
        match self.change(workload) {
            Change::None => None,
            Change::SameRelease(changed) => {
                self.follow(workload.template()?, changed, now);
                None
            }
            Change::Superseded(by) => Some(Verdict::Superseded { by }),
        }
    }

    fn change(&self, workload: &Workload) -> Change {
        let Some(bound) = &self.bound else {
            return Change::None;
        };
        if bound.uid != workload.uid() {
            return Change::Superseded(Supersession::Replaced);
        }
        // The template of a Job changes only before its first pod: a queue binds it to nodes.
        if !self.has_revisions() {
            return Change::None;
        }
        let newer = Change::Superseded(Supersession::NewerRollout);
        let Some(template) = workload.template() else {
            return newer;
        };
        // A run that annotates its workload late changes no template.
        let same = same_template(&bound.template, template);
        if same && self.followed.is_empty() {
            return Change::None;
        }
        let Some(present) = Release::of(workload) else {
            return newer;
        };
        if same && bound.release.annotations == present.annotations {
            return Change::None;
        }
        same_release(&bound.release, &present).map_or(newer, Change::SameRelease)
    }

    /// Goes on with another revision of the same release. The timeout still counts from the beginning;
    /// what was seen of the former revision says nothing about the new one.
    fn follow(&mut self, template: &PodTemplateSpec, changed: Vec<String>, now: Timestamp) {
        if let Some(bound) = &mut self.bound {
            bound.template = template.clone();
        }
        // The number that was asked for was the release's.
        self.target.revision = None;
        self.followed.push(Followed { at: now, changed });
        self.complete_since = None;
        self.asking_since = None;
        self.ways = Ways::default();
        self.shown_pending = None;
        self.verdict = Verdict::Progressing {
            pending: Pending::NotSeen,
        };
    }

    /// Returns what holds while the watch still shows a template that a fresh read has shown to be
    /// replaced.
    fn lags(&mut self, snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> Option<Verdict> {
        let outdated = self.outdated.as_ref()?;
        let template = snapshot.workload(self.workload())?.template()?;
        if !same_template(outdated, template) {
            self.outdated = None;
            return None;
        }
        Some(if now < after(self.started, policy.timeout) {
            Verdict::Progressing {
                pending: Pending::NotSeen,
            }
        } else {
            self.watches_lag("its template was changed", now)
        })
    }

    fn watches_lag(&self, is: &str, since: Timestamp) -> Verdict {
        Verdict::Undetermined {
            why: Undetermined::Blind {
                resource: ResourceKind::of(self.target.workload.kind),
                since,
                why: Blindness::Disconnected {
                    message: format!("the watches lag behind the cluster, where {is}"),
                },
            },
        }
    }

    /// Returns what must be seen to judge it.
    fn needed(&self) -> &'static [ResourceKind] {
        ResourceKind::needed_for(self.target.workload.kind)
    }

    /// Reads from the newest answer whether users reach the pods of the complete rollout.
    fn follow_traffic(&mut self, rollout: Option<&Rollout<'_>>, policy: &Policy) {
        let (Some(rollout), Some(complete_since)) = (rollout, self.complete_since) else {
            // An autoscaler that adds pods to a success does not make its way unknown.
            if self.verdict != Verdict::Succeeded {
                self.ways = Ways::default();
            }
            return;
        };
        if self.ways.has_news(rollout.snapshot(), complete_since) {
            let formers = self.formers(rollout);
            self.ways.take(rollout, &formers, policy);
        }
    }

    /// The revisions to compare with: the one that was seen serving, else the one before by number, and
    /// then the newest that a check found healthy. What led to older ones, that one did not need. After a
    /// rollback the first is the one that was rolled back: the Services may have moved on to it. Where an
    /// automation has changed the template since, the one before by number did not serve.
    fn formers<'a>(&self, rollout: &Rollout<'a>) -> Formers<'a> {
        let served = self.served.as_deref().and_then(|it| rollout.revision(it));
        let previous = || rollout.previous().filter(|_| self.followed.is_empty());
        let former = served.or_else(previous);
        let others = rollout.revisions();
        let others = others.filter(|it| Some(it.uid()) != rollout.new_uid());
        let marks = others.filter_map(|it| {
            let mark = it.annotation(&LastKnownGood::annotation(it.uid()))?;
            let mark = LastKnownGood::parse(mark, it.uid())?;
            Some((mark.verified_at, it))
        });
        let marked = marks.max_by_key(|(at, _)| *at).map(|it| it.1);
        let former = former.filter(|it| Some(it.uid()) != rollout.new_uid());
        Formers {
            revisions: former.into_iter().chain(marked).collect(),
            rolled_back: self.target.restored.is_some(),
        }
    }

    /// Returns from when on the objects between users and its pods are to be read.
    pub(super) fn wants_traffic_from(&self, policy: &Policy) -> Option<Timestamp> {
        let led_to = policy.traffic && self.has_revisions();
        let complete = self.complete_since.filter(|_| led_to)?;
        self.ways.are_wanted_from(complete, policy)
    }

    /// Returns the ports of its pods that are to be tried as well.
    pub(super) fn ports_to_try(
        &self,
        policy: &Policy,
        now: Timestamp,
    ) -> impl Iterator<Item = &PodPort> {
        let complete = self.complete_since.into_iter();
        complete.flat_map(move |since| self.ways.ports(since, policy, now))
    }

    /// Returns whether an answer has told of the ways to its pods.
    #[must_use]
    pub const fn is_traffic_known(&self) -> bool {
        self.ways.answered_at.is_some()
    }

    fn view<'a>(&'a self, snapshot: &'a Snapshot, policy: &Policy) -> View<'a> {
        View {
            snapshot,
            target: &self.target,
            started: self.started,
            complete_since: self.complete_since,
            asking_since: self.asking_since,
            ways: (policy.traffic && self.has_revisions()).then_some(&self.ways),
        }
    }

    /// The changes of the template by automations that were followed.
    #[must_use]
    pub fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// Returns what is followed.
    #[must_use]
    pub const fn workload(&self) -> &WorkloadRef {
        &self.target.workload
    }

    /// Returns whether it keeps revisions, as all kinds but a Job do.
    #[must_use]
    pub const fn has_revisions(&self) -> bool {
        self.target.workload.kind.has_revisions()
    }

    /// Returns whether it is a Job that did not succeed, or not in time: what it logged says why, and nothing
    /// can be rolled back.
    #[must_use]
    pub const fn has_failed_for_good(&self) -> bool {
        let failed = match self.verdict {
            Verdict::Failed { .. } | Verdict::TimedOut { .. } => true,
            Verdict::Progressing { .. }
            | Verdict::Succeeded
            | Verdict::Undetermined { .. }
            | Verdict::Superseded { .. } => false,
        };
        failed && !self.has_revisions()
    }

    /// Returns whether a rollback may be offered: of what keeps revisions, by its verdict.
    #[must_use]
    pub fn offers_rollback(&self) -> bool {
        self.has_revisions() && self.verdict.offers_rollback()
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

    /// Returns what its success rests on, where that is its verdict.
    #[must_use]
    pub fn stability(&self) -> Option<&Stability> {
        let green = self.verdict == Verdict::Succeeded;
        self.stability.as_ref().filter(|_| green)
    }

    /// The step that is waited for, as the last look showed it; `None` once nothing is. The walk takes a
    /// quarter of the time of a look, so that it is taken only where it is shown.
    #[must_use]
    pub fn standstill(&self, snapshot: &Snapshot) -> Option<Standstill> {
        if let Some(known) = self.verdict.standstill() {
            return Some(known.clone());
        }
        Some(progress::standstill(&Moment {
            rollout: snapshot.rollout(self.workload())?,
            pending: self.verdict.pending()?,
            started: self.started,
            now: self.looked_at?,
        }))
    }

    /// How many pods it had at the last look, of whatever revision.
    pub(super) const fn pods(&self) -> usize {
        self.pods
    }

    /// Every finding of the last look.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every cause that was seen and may decide, those that have gone included.
    pub(super) fn suspects(&self) -> impl Iterator<Item = &Suspect> {
        self.suspects.iter()
    }

    /// The uid of the ReplicaSet or ControllerRevision that was judged; the fingerprint of the pod
    /// template while there is none.
    #[must_use]
    pub fn judged(&self) -> Option<&str> {
        self.judged.as_deref()
    }

    /// Returns whether its counts are complete: what is bad about it then does not show in them.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete_since.is_some()
    }

    /// The rollback after which it is followed.
    #[must_use]
    pub const fn restored(&self) -> Option<&ApprovedRollback> {
        self.target.restored.as_ref()
    }

    /// The uid of the former revision whose pods were serving when the session first saw any.
    #[must_use]
    pub fn served(&self) -> Option<&str> {
        self.served.as_deref()
    }
}

/// Returns whether a verdict rests on a look at the causes: without one, that none was found says
/// nothing.
const fn was_diagnosed(verdict: &Verdict) -> bool {
    !matches!(
        verdict,
        Verdict::Undetermined { .. }
            | Verdict::Superseded { .. }
            | Verdict::Progressing {
                pending: Pending::NotSeen | Pending::Revision { .. }
            }
    )
}

/// Returns whether what was healthy may still be called so. An autoscaler adds pods, a node goes and its
/// pod moves: that alone takes no success back, a cause that may be one of failure does.
fn stays_green(judgement: &Judgement, policy: &Policy) -> bool {
    let suspected = |it: &Finding| is_suspect(it, policy);
    match judgement.verdict {
        Verdict::Failed { .. } | Verdict::Superseded { .. } => false,
        Verdict::Succeeded | Verdict::Undetermined { .. } => true,
        Verdict::Progressing { .. } | Verdict::TimedOut { .. } => {
            !judgement.findings.iter().any(suspected)
        }
    }
}

/// Returns whether a finding may be the cause of a failure.
fn is_suspect(finding: &Finding, policy: &Policy) -> bool {
    finding.prognosis == Prognosis::Transient && policy.decides(finding.code)
}
