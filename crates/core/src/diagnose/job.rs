//! Finds why a Job fails, or does not run (`pkg/controller/job`: `job_controller.go`,
//! `indexed_job_utils.go`, `pod_failure_policy.go`, `backoff_utils.go`).
//!
//! The controller counts the failures and says when it gives up; until then a pod that has failed is a
//! suspect. What no other pod of the template can do better decides as for the other kinds.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStateTerminated;

use super::{Candidate, Case, Cause, about, clipped, crash};
use crate::duration::Human;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::foreign_text::visible;
use crate::snapshot::{ContainerView, PodView, container_status};
use crate::workload::{JobEnd, JobView};

/// As much of a condition's message as a sentence quotes.
const QUOTED: usize = 200;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let Some(job) = case.workload.job() else {
        return Vec::new();
    };
    match job.end() {
        Some(JobEnd::Succeeded) => Vec::new(),
        Some(JobEnd::Failed {
            reason,
            message,
            at,
        }) => {
            let end = End {
                reason,
                message,
                at: at.unwrap_or(case.now),
            };
            vec![ended(case, job, end).into()]
        }
        None => {
            let held = held(case, job).into_iter();
            held.chain(failed_index(case, job))
                .chain(failing(case, job))
                .collect()
        }
    }
}

/// The condition that ends a Job.
#[derive(Clone, Copy)]
struct End<'a> {
    reason: &'a str,
    message: &'a str,
    at: Timestamp,
}

/// A container that ended with an error.
struct Failure<'a> {
    container: ContainerView<'a>,
    end: &'a ContainerStateTerminated,
    cause: Cause,
}

impl Failure<'_> {
    fn finished(&self) -> Option<Timestamp> {
        self.end.finished_at.as_ref().map(|it| it.0)
    }

    fn pod(&self) -> &str {
        self.container.pod.name()
    }

    /// Returns how it ended, and of which pod.
    fn told(&self) -> String {
        let title = self.container.title();
        let rest = self.cause.what.strip_prefix(&title);
        let rest = rest.unwrap_or(&self.cause.what);
        format!("{title} of pod `{}`{rest}", self.pod())
    }
}

/// Returns the containers that ended with an error, the last one first. One that was killed because the
/// controller deleted its pod tells nothing.
fn failures<'a>(case: &Case<'a>) -> Vec<Failure<'a>> {
    let terminating = case.rollout.terminating_pods();
    let all = case.pods.iter().chain(&case.ended).chain(&terminating);
    let mut pods: Vec<PodView<'a>> = Vec::new();
    for pod in all {
        if pods.iter().all(|it| it.uid() != pod.uid()) {
            pods.push(*pod);
        }
    }
    let containers = pods.iter().flat_map(PodView::containers);
    let mut found: Vec<Failure<'a>> = containers.filter_map(|it| failure(&it)).collect();
    found.sort_by_key(|it| std::cmp::Reverse(it.finished()));
    found
}

fn failure<'a>(container: &ContainerView<'a>) -> Option<Failure<'a>> {
    let status = container.status?;
    let last = status
        .last_state
        .as_ref()
        .and_then(|it| it.terminated.as_ref());
    let ends = [container.last_end(), last].into_iter().flatten();
    ends.filter(|end| !is_killed(&container.pod, end))
        .find_map(|end| {
            Some(Failure {
                cause: crash::of_job(container, end)?,
                container: *container,
                end,
            })
        })
}

/// Returns whether an instance ended because its pod was being deleted.
fn is_killed(pod: &PodView<'_>, end: &ContainerStateTerminated) -> bool {
    let metadata = &pod.object().metadata;
    let Some(deleted) = metadata.deletion_timestamp.as_ref() else {
        return false;
    };
    let grace = metadata.deletion_grace_period_seconds.unwrap_or_default();
    let grace = Duration::from_secs(u64::try_from(grace).unwrap_or_default());
    let asked = deleted.0.checked_sub(grace).unwrap_or(deleted.0);
    end.finished_at.as_ref().is_none_or(|it| it.0 >= asked)
}

fn subject(case: &Case<'_>) -> Subject {
    Subject::new(case.workload.kind().as_str(), case.workload.name())
}

/// Describes a Job that has failed.
fn ended(case: &Case<'_>, job: JobView<'_>, end: End<'_>) -> Finding {
    let limit = job.backoff_limit();
    let indexes = job.failed_indexes();
    let (code, what, remedy) = match end.reason {
        "BackoffLimitExceeded" => (
            FindingCode::JobRetriesExhausted,
            format!("pods of the Job failed more often than its backoffLimit of {limit} allows"),
            "correct the cause, then delete the Job and create it again: a Job that has failed is not started again",
        ),
        "DeadlineExceeded" => (
            FindingCode::JobDeadlineExceeded,
            too_long(job),
            "raise activeDeadlineSeconds, which also counts the time in which a pod waits, or make the work shorter; then create the Job again",
        ),
        "PodFailurePolicy" => (
            FindingCode::JobPolicyFailed,
            format!(
                "a rule of podFailurePolicy ended the Job at once{}",
                quoted(end.message)
            ),
            "correct the cause, or the rule; then delete the Job and create it again",
        ),
        "FailedIndexes" | "MaxFailedIndexesExceeded" => (
            FindingCode::JobIndexFailed,
            index_failed(indexes, limit),
            "correct the cause, then delete the Job and create it again",
        ),
        other => (
            FindingCode::JobFailed,
            format!(
                "the Job has failed with reason {}{}",
                visible(other),
                quoted(end.message)
            ),
            "read the condition's message, correct the cause, and create the Job again",
        ),
    };
    let failures = failures(case);
    // The policy names the pod that decided.
    let is_told = |pod: &str| end.message.contains(&format!("/{pod} "));
    let named = failures.iter().find(|it| is_told(it.pod()));
    let deciding = named.or_else(|| failures.first());
    let mut finding = told(case, code, (what, end.at), deciding);
    finding = finding.remedy(remedy).attempts(attempts(case, job));
    if end.message.is_empty() {
        finding
    } else {
        finding.evidence(
            EvidenceKind::Condition,
            format!("{}: {}", end.reason, end.message),
        )
    }
}

/// Returns a finding whose sentence ends with the container that failed, if one is known.
fn told(
    case: &Case<'_>,
    code: FindingCode,
    (what, since): (String, Timestamp),
    failure: Option<&Failure<'_>>,
) -> Finding {
    let Some(failure) = failure else {
        return Finding::new(code, subject(case), since).message(what);
    };
    let reason = failure.end.reason.as_deref().unwrap_or("unknown");
    let exit = failure.end.exit_code;
    about(code, &failure.container, since)
        .message(format!("{what}; {}", failure.told()))
        .evidence(
            EvidenceKind::ContainerStatus,
            format!("last instance: exit code {exit}, reason {reason}"),
        )
}

fn too_long(job: JobView<'_>) -> String {
    let seconds = job.active_deadline().and_then(|it| u64::try_from(it).ok());
    let limit = seconds.map_or_else(String::new, |it| {
        format!(" of {}", Human(Duration::from_secs(it)))
    });
    let done = match job.completions() {
        Some(wanted) => format!("; {} of {wanted} completions", job.succeeded()),
        None => String::new(),
    };
    format!("the Job ran longer than its activeDeadlineSeconds{limit}{done}")
}

fn index_failed(indexes: Option<&str>, limit: i32) -> String {
    match indexes {
        Some(indexes) if indexes.contains([',', '-']) => format!(
            "indexes {} of the Job failed more often than backoffLimitPerIndex {limit} allows",
            clipped(&visible(indexes), QUOTED)
        ),
        Some(index) => format!(
            "index {} of the Job failed more often than backoffLimitPerIndex {limit} allows",
            visible(index)
        ),
        None => format!(
            "an index of the Job failed more often than backoffLimitPerIndex {limit} allows"
        ),
    }
}

/// Finds an index that has failed for the last time while others still run: the Job fails once they have
/// ended, unless a successPolicy is met before.
fn failed_index(case: &Case<'_>, job: JobView<'_>) -> Option<Candidate> {
    let indexes = job.failed_indexes()?;
    let what = index_failed(Some(indexes), job.backoff_limit());
    let what = if job.has_success_policy() {
        format!("{what}, and only its successPolicy can still let it succeed")
    } else {
        format!("{what}, so it fails once its other indexes have ended")
    };
    let failures = failures(case);
    let mut finding = told(
        case,
        FindingCode::JobIndexFailed,
        (what, case.now),
        failures.first(),
    );
    finding = finding
        .remedy("correct the cause, then delete the Job and create it again")
        .attempts(attempts(case, job));
    Some(Candidate {
        blocked: job.has_success_policy(),
        ..Candidate::from(finding)
    })
}

/// Finds a pod that has failed while the Job tries again.
///
/// A command that the image lacks fails in every pod: there the ordinary rule decides, and each pod that
/// failed of it counts.
fn failing(case: &Case<'_>, job: JobView<'_>) -> Vec<Candidate> {
    let failures = failures(case);
    let Some(last) = failures.first() else {
        return Vec::new();
    };
    let limit = job.backoff_limit();
    let first = failures.iter().filter_map(Failure::finished).min();
    let since = first.unwrap_or(case.now);
    let code = last.cause.code;
    if code == FindingCode::JobPodFailed {
        let times = attempts(case, job);
        let field = if job.is_per_index() {
            "backoffLimitPerIndex"
        } else {
            "backoffLimit"
        };
        let times_said = if times == 1 {
            "once".to_owned()
        } else {
            format!("{times} times")
        };
        let mut finding = about(code, &last.container, since)
            .attempts(times)
            .message(format!(
                "{}; the Job has failed {times_said} and tries again until its {field} of {limit} is exceeded",
                last.cause.what
            ))
            .remedy(last.cause.remedy.as_str());
        if let Some(message) = last.end.message.as_deref().filter(|it| !it.is_empty()) {
            finding = finding.evidence(EvidenceKind::ContainerStatus, message);
        }
        return vec![finding.into()];
    }
    let alike = failures.iter().filter(|it| it.cause.code == code);
    let times: u32 = alike.map(|it| it.container.ends().max(1)).sum();
    let mut finding = about(code, &last.container, since)
        .attempts(times)
        .message(last.cause.what.as_str())
        .remedy(last.cause.remedy.as_str());
    if let Some(message) = last.end.message.as_deref().filter(|it| !it.is_empty()) {
        finding = finding.evidence(EvidenceKind::ContainerStatus, message);
    }
    vec![finding.into()]
}

/// Returns how often the Job has failed: its failed pods, and the restarts of those that go on.
fn attempts(case: &Case<'_>, job: JobView<'_>) -> u32 {
    let restarts = case.pods.iter().flat_map(PodView::containers);
    let restarts = restarts.filter_map(|it| container_status(it.pod.object(), it.name()));
    let restarts: i32 = restarts.map(|it| it.restart_count).sum();
    // The status lags behind the pods.
    let seen = case.ended.iter().filter(|it| has_failed(it)).count();
    let failed = u32::try_from(job.failed()).unwrap_or_default();
    let failed = failed.max(u32::try_from(seen).unwrap_or(u32::MAX));
    let restarts = u32::try_from(restarts).unwrap_or_default();
    failed.saturating_add(restarts).max(1)
}

fn has_failed(pod: &PodView<'_>) -> bool {
    let status = pod.object().status.as_ref();
    status.and_then(|it| it.phase.as_deref()) == Some("Failed")
}

/// Finds a Job that is suspended, or that may run no pod.
fn held(case: &Case<'_>, job: JobView<'_>) -> Option<Candidate> {
    let name = case.workload.name();
    let (what, field) = if job.is_suspended() {
        ("the Job is suspended, so it runs no pod", "suspend\":false")
    } else if job.parallelism() == 0 {
        (
            "the Job's parallelism is 0, so it runs no pod",
            "parallelism\":1",
        )
    } else {
        return None;
    };
    let since = job.suspended_since().or_else(|| job.created());
    let since = since.unwrap_or(case.now).max(case.started);
    let finding = Finding::new(FindingCode::JobSuspended, subject(case), since);
    let finding = match job.resumed_by() {
        Some(by) => finding
            .heals(format!("{by}, may resume it"))
            .message(format!("{what}; it waits for {by}"))
            .remedy("look at the queue: kubectl get workloads.kueue.x-k8s.io"),
        None => finding.message(what).remedy(format!(
            "kubectl patch job/{name} -p '{{\"spec\":{{\"{field}}}}}'"
        )),
    };
    Some(Candidate {
        blocked: job.resumed_by().is_some(),
        ..Candidate::from(finding)
    })
}

fn quoted(message: &str) -> String {
    if message.is_empty() {
        return String::new();
    }
    let words: Vec<&str> = message.split_whitespace().collect();
    format!(" ({})", clipped(&visible(&words.join(" ")), QUOTED))
}
