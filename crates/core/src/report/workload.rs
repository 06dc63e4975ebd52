//! How each workload stood when the session ended, and the sentence over all of them.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::new_lines::NewLine;
use super::sentence::covered;
use super::{rollback_health, sentence, words};
use crate::approval::ApprovedRollback;
use crate::diagnose::serving_of;
use crate::finding::{Finding, FindingCode, Prognosis};
use crate::observation::Answer;
use crate::rollback::RollbackHealth;
use crate::session::{Followed, Session, TrackedWorkload};
use crate::snapshot::{PodView, Rollout};
use crate::traffic::Serving;
use crate::verdict::{Pending, Standstill, Supersession, Verdict, VerdictKind};
use crate::workload::{Counts, Revision, WorkloadRef};

/// A workload as it was when the session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReport {
    /// What was checked.
    #[serde(flatten)]
    pub workload: WorkloadRef,
    /// The word for its own verdict; `progressing` where another's ended the session.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub verdict: VerdictKind,
    /// The revision that was checked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<Revision>,
    /// What was pending at the end, where something was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending: Option<Pending>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pending_since: Option<Timestamp>,
    /// The step that was waited for at the end, where one was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub standstill: Option<Standstill>,
    /// Pods that shall exist.
    pub desired: i32,
    /// Pods of the newest template.
    pub updated: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that are available.
    pub available: i32,
    /// The former revision whose pods still serve, where one does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub former: Option<FormerRevision>,
    /// What the pods of the newest template answered over HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub http: Vec<HttpReport>,
    /// How users reach the pods of the newest template, once they are complete and a Service selects them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub serving: Option<Serving>,
    /// Error-like lines that only the pods of the newest template logged, the most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub new_lines: Vec<NewLine>,
    /// Changes of the template by automations during the check: the same release, of which the last
    /// revision was judged.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub followed: Vec<Followed>,
}

/// The former revision of a workload, as far as it serves users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FormerRevision {
    /// Its number, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<Revision>,
    /// How many of its pods are available.
    pub available: u64,
}

impl FormerRevision {
    /// Returns the former revision with available pods.
    fn of(rollout: &Rollout<'_>) -> Option<Self> {
        let newest = rollout.new_uid();
        let former = rollout.serving_before()?;
        let available = former.available();
        (available > 0 && Some(former.uid()) != newest).then(|| Self {
            revision: former.number(),
            available,
        })
    }
}

/// The answers of pods to one HTTP check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HttpReport {
    /// The check, as it is written on the command line.
    pub check: String,
    /// The port that was asked where the check names none, as the first of the pods has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<i32>,
    /// How many pods answered as expected.
    pub passed: usize,
    /// How many pods there were.
    pub pods: usize,
    /// The slowest answer as expected, in milliseconds, through the API server's proxy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slowest_milliseconds: Option<u64>,
}

impl HttpReport {
    /// In one line; `check` as its form of report shows the user's own words.
    pub(super) fn told(&self, check: &str) -> String {
        let slowest = self
            .slowest_milliseconds
            .map_or_else(String::new, |it| format!(", slowest in {it} ms"));
        let port = self
            .port
            .map_or_else(String::new, |port| format!(" on port {port}"));
        format!(
            "HTTP {check}{port}: {} of {} pods answered as expected{slowest}",
            self.passed, self.pods
        )
    }
}

impl WorkloadReport {
    pub(super) fn of(session: &Session, tracked: &TrackedWorkload) -> Self {
        let rollout = session.snapshot().rollout(tracked.workload());
        let counts = rollout.map_or_else(Counts::default, |it| it.workload().counts());
        let verdict = tracked.verdict();
        let pods = rollout.map(|it| it.new_pods()).unwrap_or_default();
        Self {
            workload: tracked.workload().clone(),
            verdict: verdict.kind(),
            revision: rollout.and_then(|it| it.number()),
            pending: verdict.pending().cloned(),
            pending_since: verdict.pending().map(|_| tracked.pending_since()),
            standstill: tracked.standstill(session.snapshot()),
            desired: counts.desired,
            updated: counts.updated,
            ready: counts.ready,
            available: counts.available,
            former: rollout.and_then(|it| FormerRevision::of(&it)),
            http: http_of(session, &pods),
            serving: rollout
                .filter(|_| tracked.is_traffic_known())
                .and_then(|it| serving_of(&it, session.policy())),
            new_lines: Vec::new(),
            followed: tracked.followed().to_vec(),
        }
    }
}

fn http_of(session: &Session, pods: &[PodView<'_>]) -> Vec<HttpReport> {
    let checks = session.policy().http.iter().enumerate();
    checks
        .map(|(index, check)| {
            let times: Vec<Duration> = pods
                .iter()
                .filter_map(|pod| pod.snapshot().answers(pod.uid(), index)?.newest())
                .filter_map(|(_, answer)| match answer {
                    Answer::Came { answer } if check.judge(answer).is_ok() => Some(answer.latency),
                    Answer::Came { .. } | Answer::Failed { .. } => None,
                })
                .collect();
            let slowest = times.iter().max().map(Duration::as_millis);
            HttpReport {
                check: check.to_string(),
                port: match (check.port(), pods.first()) {
                    (None, Some(pod)) => check.port_of(pod.object()).ok().flatten(),
                    (_, _) => None,
                },
                passed: times.len(),
                pods: pods.len(),
                slowest_milliseconds: slowest.and_then(|it| u64::try_from(it).ok()),
            }
        })
        .collect()
}

/// The whole outcome in one sentence. A success of nothing is not called healthy; a check after a
/// rollback says first what became of that.
pub(super) fn sentence_of(session: &Session, verdict: &Verdict) -> String {
    let plain = plain_sentence(session, verdict);
    let workloads = session.workloads();
    let restored = workloads.iter().filter_map(|it| Some((it, it.restored()?)));
    let restored: Vec<(&TrackedWorkload, &ApprovedRollback)> = restored.collect();
    let health = restored
        .iter()
        .map(|(it, _)| RollbackHealth::of(it.verdict()));
    let Some(health) = health.max() else {
        return plain;
    };
    let (where_to, where_and, its) = match restored.as_slice() {
        [(tracked, only)] => {
            let present = rollback_health::present(session, tracked, only);
            let target = only.target.revision;
            let to = |said: fn(_, _) -> String| format!("to {}", said(target, present));
            (to(words::restored), to(words::restored_and), "its")
        }
        many => {
            let many = format!("{} workloads", many.len());
            (many.clone(), many, "their")
        }
    };
    match (health, verdict) {
        (RollbackHealth::Healthy, Verdict::Succeeded) => {
            format!("rolled back {}", healthy(workloads, &where_to, &where_and))
        }
        // Each by itself is, but something could not be seen.
        (RollbackHealth::Healthy, Verdict::Undetermined { .. })
        | (RollbackHealth::Undetermined, _) => {
            format!("rolled back {where_to}; {its} health is undetermined: {plain}")
        }
        (RollbackHealth::Healthy, _) => {
            format!("rolled back {where_and} and healthy, but not all workloads are: {plain}")
        }
        (RollbackHealth::Unhealthy, _) => {
            format!("rolled back {where_to}, but not healthy: {plain}")
        }
        (RollbackHealth::NotRolledBack, _) => format!("not rolled back: {}", missing(workloads)),
    }
}

/// After a rollback to what is healthy.
fn healthy(workloads: &[TrackedWorkload], to: &str, to_and: &str) -> String {
    let nothing = |it: &&Finding| it.code == FindingCode::NothingToVerify;
    match workloads {
        [only] => match note(only).filter(nothing) {
            Some(finding) => format!("{to}: {}", finding.message),
            None => format!(
                "{to_and} and healthy: {} \"{}\" is complete and stable{}{}",
                only.workload().kind,
                only.workload().name,
                covered(workloads),
                but(workloads)
            ),
        },
        many => format!(
            "{to_and} and healthy: all {} workloads are complete and stable{}{}",
            many.len(),
            covered(workloads),
            but(workloads)
        ),
    }
}

/// Names the first workload whose revision was to be restored and is not in place.
fn missing(workloads: &[TrackedWorkload]) -> String {
    let restored = || workloads.iter().filter(|it| it.restored().is_some());
    let missing = restored().filter_map(|tracked| {
        let Verdict::Superseded {
            by: Supersession::NotRestored { wanted, present },
        } = tracked.verdict()
        else {
            return None;
        };
        let workload = tracked.workload();
        let present = present.map_or_else(String::new, |it| format!("; revision {it} is in place"));
        Some(format!(
            "{} \"{}\" is not at revision {wanted}{present}",
            workload.kind, workload.name
        ))
    });
    let missing: Vec<String> = missing.collect();
    let first = missing.first().cloned().unwrap_or_default();
    match restored().count() {
        1 => first,
        all => format!("{} of {all} workloads: {first}", missing.len()),
    }
}

fn plain_sentence(session: &Session, verdict: &Verdict) -> String {
    let healthy = |it: &TrackedWorkload| *it.verdict() == Verdict::Succeeded;
    if let Verdict::Undetermined { why } = verdict
        && !session.workloads().is_empty()
        && session.workloads().iter().all(healthy)
    {
        return format!("all visible workloads are healthy, but some could not be seen: {why}");
    }
    match session.workloads() {
        [only] => match (verdict, note(only)) {
            (Verdict::Succeeded, Some(finding)) if finding.code == FindingCode::NothingToVerify => {
                finding.message.clone()
            }
            (Verdict::Succeeded, _) => {
                format!(
                    "{}{}{}",
                    sentence(only.workload(), verdict),
                    covered(session.workloads()),
                    but(session.workloads())
                )
            }
            _ => sentence(only.workload(), verdict),
        },
        many => sentence_of_many(many, verdict),
    }
}

/// Returns what a success must say besides.
fn note(tracked: &TrackedWorkload) -> Option<&Finding> {
    tracked.findings().iter().find(|it| {
        matches!(
            it.code,
            FindingCode::NothingToVerify | FindingCode::NodeNotUpdated
        )
    })
}

/// The notes, as the end of a sentence.
fn but(workloads: &[TrackedWorkload]) -> String {
    let notes = workloads.iter().filter_map(note);
    let notes: Vec<&str> = notes.map(|it| it.message.as_str()).collect();
    match notes.as_slice() {
        [] => String::new(),
        [only] => format!(", but {only}"),
        [first, rest @ ..] => format!(", but {first} (and {} more notes)", rest.len()),
    }
}

fn sentence_of_many(workloads: &[TrackedWorkload], verdict: &Verdict) -> String {
    let all = workloads.len();
    let with = |kind| -> Vec<&TrackedWorkload> {
        let same = workloads.iter().filter(|it| it.verdict().kind() == kind);
        same.collect()
    };
    let affected = with(verdict.kind());
    let count = affected.len();
    let first = affected
        .iter()
        .max_by_key(|it| {
            it.verdict()
                .findings()
                .iter()
                .any(|it| it.prognosis == Prognosis::Terminal)
        })
        .map(|it| sentence(it.workload(), it.verdict()));
    let first = first.unwrap_or_default();
    match verdict {
        Verdict::Succeeded => {
            format!(
                "all {all} workloads are healthy: their rollouts are complete and stable{}{}",
                covered(workloads),
                but(workloads)
            )
        }
        Verdict::Failed { .. } => format!("{count} of {all} workloads fail: {first}"),
        Verdict::TimedOut { .. } => {
            format!("{count} of {all} workloads did not complete in time: {first}")
        }
        Verdict::Undetermined { .. } => {
            format!("{count} of {all} workloads are undetermined: {first}")
        }
        Verdict::Superseded { .. } => format!("{count} of {all} workloads are superseded: {first}"),
        Verdict::Progressing { .. } => {
            format!("{count} of {all} workloads are not complete yet: {first}")
        }
    }
}
