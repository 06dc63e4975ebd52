//! From a snapshot to findings: one cause family, one file; each a pure function.
//!
//! Only pods of the new revision are judged. A diagnoser says what it sees, since when and how
//! often; whether that is more than what heals is decided here, by the rule in [`Policy`].

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::duration::{after, elapsed};
use crate::finding::{Finding, FindingCode, Prognosis, Subject, grouped};
use crate::observation::ResourceKind;
use crate::policy::Policy;
use crate::snapshot::{ContainerView, PodView, Rollout, Snapshot};
use crate::workload::Workload;

mod claim;
mod config;
mod crash;
mod creation;
mod http;
mod image;
mod node;
mod probe;
mod refusal;
mod sandbox;
mod scheduling;
mod start;
#[cfg(test)]
mod tests;
mod volume;
mod workload;

/// What a diagnoser looks at.
#[derive(Debug)]
pub struct Case<'a> {
    /// All that is known.
    pub snapshot: &'a Snapshot,
    /// The workload.
    pub workload: &'a Workload,
    /// The workload with what belongs to it.
    pub rollout: Rollout<'a>,
    /// The pods of the new revision that count.
    pub pods: Vec<PodView<'a>>,
    /// The pods of the new revision that ended as a whole: evicted, refused by the kubelet, shut down.
    pub ended: Vec<PodView<'a>>,
    /// The thresholds.
    pub policy: &'a Policy,
    /// When the session began: what a condition said before then may have been mended since.
    pub started: Timestamp,
    /// The present time.
    pub now: Timestamp,
}

/// A finding with what its own circumstances add to the rule of its code.
#[derive(Debug)]
struct Candidate {
    finding: Finding,
    /// A grace that replaces the rule's.
    grace: Option<Duration>,
    /// Something of this rollout may still remove the cause: never terminal meanwhile.
    blocked: bool,
    /// Pods that are ready say nothing against it: those that were so before ended like it.
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

/// The findings of a snapshot and when the next of them may become terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    /// Judged findings, the most telling first.
    pub findings: Vec<Finding>,
    /// The earliest time at which a transient one turns terminal if nothing changes.
    pub decide_at: Option<Timestamp>,
    /// What pods must live for to show that a transient one is over.
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
        min_lifetime: min_lifetime.flatten(),
    }
}

/// How a candidate is held back whose signs all lie before the session: it may have been mended since,
/// and one more sign must show that it was not. Where events cannot be seen none may ever come, and
/// twice the grace stands in for it.
fn before_session(case: &Case<'_>, code: FindingCode, last: Option<Timestamp>) -> Stale {
    // Statuses and events know whole seconds.
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

/// Whether the signs of a cause all lie before the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stale {
    /// One is of the session.
    No,
    /// They do, and a later one would be seen.
    Blocked,
    /// They do, and a later one might not be seen.
    Until(Timestamp),
}

impl Candidate {
    /// Held back while its signs are stale.
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

/// Whether a pod is ready that does not itself end again and again: where all pods flap, some of them
/// are ready at any time.
fn steady(case: &Case<'_>, candidates: &[Candidate]) -> bool {
    let flapping: BTreeSet<&str> = candidates
        .iter()
        .map(|candidate| &candidate.finding)
        .filter(|finding| flaps(finding))
        .map(|finding| finding.subject.name.as_str())
        .collect();
    case.pods
        .iter()
        .any(|pod| pod.ready_since().is_some() && !flapping.contains(pod.name()))
}

/// Whether a pod with this cause is ready now and then.
const fn flaps(finding: &Finding) -> bool {
    matches!(
        finding.code,
        FindingCode::CrashAfterReady
            | FindingCode::LivenessKillsAgain
            | FindingCode::LivenessKillsStart
    )
}

/// Applies the rule of the code to one candidate, so that no evidence is mixed across pods; says
/// when the finding turns terminal if it has not yet.
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
        return (finding, None);
    };
    // What the user asked for holds, then the circumstances, then the rule.
    let asked = case.policy.asked(finding.code).is_some();
    let grace = grace.filter(|_| !asked).unwrap_or(rule.grace);
    let possible =
        finding.attempts >= rule.attempts && (rule.template_determined || !some_ready) && !blocked;
    if possible && elapsed(finding.since, case.now) >= grace {
        finding.prognosis = Prognosis::Terminal;
        return (finding, None);
    }
    let decide_at = possible.then(|| after(finding.since, grace));
    (finding, decide_at)
}

/// Returns a finding about a container.
fn about(code: FindingCode, container: &ContainerView<'_>, since: Timestamp) -> Finding {
    let subject = Subject::container(container.pod.name(), container.name());
    Finding::new(code, subject, since)
}

/// The text between the first `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inside, _)| inside)
}

/// Whether a text has one of some patterns, whatever the case of its letters.
fn has_any(text: &str, patterns: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    patterns
        .iter()
        .any(|pattern| text.contains(&pattern.to_ascii_lowercase()))
}

/// An error without the layers that only passed it on: `… rpc error: code = Internal desc = `,
/// `MountVolume.SetUp failed for volume "v" : `.
fn core_of(message: &str) -> &str {
    let inner = message.rsplit_once(" desc = ").map(|(_, inner)| inner);
    let inner = inner.or_else(|| message.split_once("\" : ").map(|(_, inner)| inner));
    inner.unwrap_or(message).trim()
}

/// The beginning of a foreign text, with an ellipsis where it was cut.
fn clipped(text: &str, most: usize) -> String {
    let text = text.trim();
    let mut chars = text.chars();
    let short: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        short + "…"
    } else {
        short
    }
}
