//! Finds causes in a snapshot: one file per family of causes, each with a pure function.
//!
//! Only pods of the new revision are judged. A diagnoser returns what it sees, since when and how
//! often; this file decides by the rule in [`Policy`] whether that is terminal.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::duration::{after, elapsed};
use crate::finding::{Finding, FindingCode, Prognosis, Subject, grouped};
use crate::foreign_text::{self, without_secrets};
use crate::observation::ResourceKind;
use crate::policy::Policy;
use crate::snapshot::{ContainerView, PodView, Rollout, Snapshot};
use crate::workload::Workload;

mod claim;
mod config;
mod crash;
mod creation;
mod deletion;
mod hook;
mod http;
mod image;
mod job;
mod node;
mod probe;
mod promise;
mod provider;
mod refusal;
mod runtime;
mod sandbox;
mod scheduler;
mod scheduling;
mod start;
#[cfg(test)]
mod tests;
mod time;
mod traffic;
mod volume;
mod workload;

pub(crate) use probe::{Unproven, unproven};
pub(crate) use refusal::classify as classify_refusal;
pub use traffic::{Formers, WaysSeen};
pub(crate) use traffic::{ports_of, serving_of, ways_to};

/// The input of a diagnoser.
#[derive(Debug)]
pub struct Case<'a> {
    /// Everything observed so far.
    pub snapshot: &'a Snapshot,
    /// The workload.
    pub workload: &'a Workload,
    /// The workload with its revisions and pods.
    pub rollout: Rollout<'a>,
    /// The active pods of the new revision.
    pub pods: Vec<PodView<'a>>,
    /// The pods of the new revision that failed as a whole: evicted, refused by the kubelet, shut
    /// down.
    pub ended: Vec<PodView<'a>>,
    /// The thresholds.
    pub policy: &'a Policy,
    /// When the session began: a cause that a condition reported before then may be fixed since.
    pub started: Timestamp,
    /// When the session's time is over.
    pub deadline: Timestamp,
    /// The present time.
    pub now: Timestamp,
    /// When the next finding shows if nothing changes, because it must last for a while to be one.
    pub shows_at: Cell<Option<Timestamp>>,
    /// How long pods of another revision took to be ready, once it was asked for: each of many pods that are not ready
    /// asks.
    pub former_start: OnceCell<Option<Duration>>,
    /// The ways to the pods, once the rollout is complete and an answer tells of them.
    pub ways: Option<WaysSeen<'a>>,
}

impl Case<'_> {
    /// Returns how long pods of another revision than that of this pod took to be ready: it is one of the new
    /// revision.
    fn former_start(&self, pod: &PodView<'_>) -> Option<Duration> {
        *self.former_start.get_or_init(|| pod.former_start())
    }

    /// Returns whether a state has lasted for so long. If not yet, the diagnosis says when it will have.
    fn has_lasted(&self, since: Timestamp, lasting: Duration) -> bool {
        let at = after(since, lasting);
        if self.now >= at {
            return true;
        }
        let known = self.shows_at.get();
        self.shows_at.set(Some(known.map_or(at, |it| it.min(at))));
        false
    }
}

/// A finding, with the circumstances that change the rule of its code.
#[derive(Debug)]
struct Candidate {
    finding: Finding,
    /// The grace that replaces that of the rule.
    grace: Option<Duration>,
    /// Whether this rollout may still remove the cause: until then the finding is not terminal.
    blocked: bool,
    /// Whether ready pods do not contradict it: pods that were ready before failed in the same way.
    despite_ready: bool,
}

impl From<Finding> for Candidate {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            grace: None,
            blocked: false,
            despite_ready: false,
        }
    }
}

/// The meaning of a message of Kubernetes.
#[derive(Debug)]
pub(crate) struct Cause {
    /// The code.
    pub(crate) code: FindingCode,
    /// The sentence, or its end where the caller begins it.
    pub(crate) what: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl Cause {
    fn new(code: FindingCode, what: String, remedy: impl Into<String>) -> Self {
        Self {
            code,
            what,
            remedy: remedy.into(),
        }
    }
}

/// The findings of a snapshot, and when the next of them may become terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// The judged findings, the most significant first.
    pub findings: Vec<Finding>,
    /// The earliest time at which a transient finding becomes terminal if nothing changes.
    pub decide_at: Option<Timestamp>,
    /// The earliest time at which a state has lasted for long enough to be a finding.
    pub shows_at: Option<Timestamp>,
    /// How long a pod must live to show that a transient cause is gone.
    pub min_lifetime: Option<Duration>,
}

/// Finds the causes that a snapshot shows.
#[must_use]
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let candidates = [
        image::diagnose(case),
        config::diagnose(case),
        crash::diagnose(case),
        start::diagnose(case),
        creation::diagnose(case),
        volume::diagnose(case),
        scheduling::diagnose(case),
        claim::diagnose(case),
        sandbox::diagnose(case),
        node::diagnose(case),
        probe::diagnose(case),
        http::diagnose(case),
        workload::diagnose(case),
        job::diagnose(case),
        scheduler::diagnose(case),
        provider::diagnose(case),
        hook::diagnose(case),
        deletion::diagnose(case),
        time::diagnose(case),
        traffic::diagnose(case),
    ];
    let candidates: Vec<Candidate> = candidates.into_iter().flatten().collect();
    let some_ready = case.pods.iter().any(|pod| pod.ready_since().is_some());
    let some_steady = steady(case, &candidates);
    let workload = case.workload.reference().to_string();
    let mut decide_at = None;
    let judged = candidates.into_iter().map(|candidate| {
        let well = if flaps(&candidate.finding) {
            some_steady
        } else {
            some_ready
        };
        let well = well && !candidate.despite_ready;
        let (mut finding, at) = settle(candidate, case, well);
        finding.workloads = vec![workload.clone()];
        decide_at = [decide_at, at].into_iter().flatten().min();
        finding
    });
    let findings = grouped(judged.collect::<Vec<_>>());
    let evicted = |it: &Finding| {
        it.code == FindingCode::EvictedForOwnLimit && it.prognosis == Prognosis::Transient
    };
    let min_lifetime = findings
        .iter()
        .any(evicted)
        .then(|| node::evicted_life(case));
    Diagnosis {
        findings,
        decide_at,
        shows_at: case.shows_at.get(),
        min_lifetime: min_lifetime.flatten(),
    }
}

/// Returns whether all signs of a cause are older than the session.
///
/// Such a cause may be fixed since, and a new sign must show that it is not. Where events cannot be
/// read, no new sign may ever be seen, so that the cause must last for twice the grace instead.
fn before_session(case: &Case<'_>, code: FindingCode, last: Option<Timestamp>) -> Stale {
    // Statuses and events have a resolution of one second.
    if last.is_none_or(|last| last.as_second() >= case.started.as_second()) {
        return Stale::No;
    }
    if case.snapshot.blindness(ResourceKind::Event).is_none() {
        return Stale::Blocked;
    }
    let rule = case.policy.rule(code);
    let grace = rule.map_or(Duration::ZERO, |rule| rule.grace);
    Stale::Until(after(case.started, grace.saturating_mul(2)))
}

/// Tells signs of a cause that are older than the session from newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stale {
    /// One sign is newer than the start of the session.
    No,
    /// All are older, and a new one would be seen.
    Blocked,
    /// All are older, and a new one might not be seen: wait until this time.
    Until(Timestamp),
}

impl Candidate {
    /// Blocks the candidate while its signs are stale.
    fn unless_stale(self, stale: Stale) -> Self {
        match stale {
            Stale::No => self,
            Stale::Blocked => Self {
                blocked: true,
                ..self
            },
            Stale::Until(until) => Self {
                grace: Some(elapsed(self.finding.since, until)),
                ..self
            },
        }
    }
}

/// Returns whether a pod is ready that does not flap itself: where all pods flap, some of them are
/// ready at any time.
fn steady(case: &Case<'_>, candidates: &[Candidate]) -> bool {
    let flapping: BTreeSet<&str> = candidates
        .iter()
        .map(|candidate| &candidate.finding)
        .filter(|finding| flaps(finding) && finding.attempts > 0)
        .map(|finding| finding.subject.name.as_str())
        .collect();
    case.pods
        .iter()
        .any(|pod| pod.ready_since().is_some() && !flapping.contains(pod.name()))
}

/// Returns whether a pod with this cause is ready from time to time.
const fn flaps(finding: &Finding) -> bool {
    matches!(
        finding.code,
        FindingCode::CrashAfterReady
            | FindingCode::LivenessKillsAgain
            | FindingCode::LivenessKillsStart
    )
}

/// Applies the rule of the code to one candidate, so that no evidence is mixed across pods.
///
/// Returns the finding, and when it becomes terminal if it is not yet.
fn settle(candidate: Candidate, case: &Case<'_>, some_ready: bool) -> (Finding, Option<Timestamp>) {
    let Candidate {
        mut finding,
        grace,
        blocked,
        despite_ready: _,
    } = candidate;
    finding.pods = usize::from(finding.subject.kind == "Pod");
    let Some(rule) = case.policy.rule(finding.code) else {
        finding.prognosis = Prognosis::Informational;
        finding.heals.clear();
        return (finding, None);
    };
    // The user's grace comes first, then that of the circumstances, then that of the rule.
    let asked = case.policy.asked(finding.code).is_some();
    let grace = grace.filter(|_| !asked).unwrap_or(rule.grace);
    let contradicted = (some_ready && !rule.template_determined) || blocked;
    let possible = finding.attempts >= rule.attempts && !contradicted;
    if possible && elapsed(finding.since, case.now) >= grace {
        finding.prognosis = Prognosis::Terminal;
        finding.heals.clear();
        return (finding, None);
    }
    let earliest = after(finding.since, grace);
    // Until it has happened often enough, only the timeout is certain to come.
    finding.decides_at = possible.then_some(earliest);
    (finding, possible.then_some(earliest))
}

/// Returns a finding about a container.
fn about(code: FindingCode, container: &ContainerView<'_>, since: Timestamp) -> Finding {
    let subject = Subject::container(container.pod.name(), container.name());
    Finding::new(code, subject, since)
}

/// Shortens a text of the cluster. What is a secret by its form is masked before: cut in two, it has no form.
fn clipped(text: &str, most: usize) -> String {
    foreign_text::clipped(&without_secrets(text), most)
}

/// Returns the text between the first `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inside, _)| inside)
}

/// Returns whether a text contains one of the patterns, ignoring case.
fn has_any(text: &str, patterns: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    patterns
        .iter()
        .any(|pattern| text.contains(&pattern.to_ascii_lowercase()))
}

/// Returns an error without the layers that only passed it on: `… rpc error: code = Internal desc =
/// `, `MountVolume.SetUp failed for volume "v" : `.
fn core_of(message: &str) -> &str {
    let inner = message.rsplit_once(" desc = ").map(|(_, inner)| inner);
    let inner = inner.or_else(|| message.split_once("\" : ").map(|(_, inner)| inner));
    inner.unwrap_or(message).trim()
}
