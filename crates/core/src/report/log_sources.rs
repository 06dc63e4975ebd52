//! Chooses the containers whose log lines a report shows, and the lines.

use k8s_openapi::api::core::v1::{ContainerState, Pod};

use super::Report;
use super::deciding_line::deciding_line;
use super::line::{Line, Style};
use crate::finding::{Evidence, Finding, FindingCode};
use crate::session::{Session, TrackedWorkload};
use crate::snapshot::container_status;

/// Of how many findings logs are fetched: readers act on the first few.
const FINDINGS: usize = 5;

/// A container whose last log lines belong to a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// The position of the finding in the report.
    pub finding: usize,
    /// The namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
}

/// The containers that the first findings name, without those that have never run.
#[must_use]
pub fn log_sources(report: &Report, session: &Session) -> Vec<LogSource> {
    let named = report.findings.iter().enumerate();
    named
        .filter_map(|(index, finding)| {
            // Of several workloads, each may be the one whose pod this is.
            let first = session.workloads().first()?;
            let source = LogSource {
                finding: index,
                ..source_of(finding, first)?
            };
            let mut all = session.workloads().iter();
            let may = all.all(|tracked| may_have_written(session, tracked, &source));
            may.then_some(source)
        })
        .take(FINDINGS)
        .collect()
}

fn source_of(finding: &Finding, tracked: &TrackedWorkload) -> Option<LogSource> {
    Some(LogSource {
        finding: 0,
        namespace: tracked.workload().namespace.clone(),
        pod: finding.subject.name.clone(),
        container: finding.subject.container.clone()?,
    })
}

/// A container whose log may tell why it fails, while the check goes on.
#[derive(Debug, Clone)]
pub struct EarlyLog {
    /// What it may explain.
    pub finding: Finding,
    /// Whose log it is.
    pub source: LogSource,
}

/// The containers whose logs may tell why they fail, of the workloads that the last observation had judged
/// again: what the others show was returned before.
#[must_use]
pub fn early_logs(session: &Session) -> Vec<EarlyLog> {
    let explained = |it: &&Finding| it.attempts > 0 && is_explained(it.code);
    let of = |tracked: &TrackedWorkload| -> Vec<EarlyLog> {
        let findings = tracked.findings().iter().filter(explained);
        let logs = findings.filter_map(|finding| {
            let source = source_of(finding, tracked)?;
            may_have_written(session, tracked, &source).then(|| EarlyLog {
                finding: finding.clone(),
                source,
            })
        });
        logs.take(FINDINGS).collect()
    };
    session.judged().flat_map(of).collect()
}

/// The cause in the application's own words, from a log, while the check goes on.
#[must_use]
pub fn early_line(finding: &Finding, logs: &[Evidence]) -> Option<Line> {
    let line = quoted(finding.code, logs)?;
    let container = finding.subject.container.as_deref()?;
    let text = format!(
        "container `{container}`: its log says \"{line}\" ({})",
        finding.code
    );
    Some(Line::plain("  ").then(Style::Plain, text))
}

/// Returns whether a container has ever run, as far as a workload's pods show: it may be another's.
fn may_have_written(session: &Session, tracked: &TrackedWorkload, source: &LogSource) -> bool {
    let rollout = session.snapshot().rollout(tracked.workload());
    let pods = rollout.map(|it| it.new_pods()).unwrap_or_default();
    let mut known = pods.iter().filter(|it| it.name() == source.pod);
    known.all(|it| has_run(it.object(), &source.container))
}

fn has_run(pod: &Pod, container: &str) -> bool {
    let ran = |state: &ContainerState| state.running.is_some() || state.terminated.is_some();
    container_status(pod, container).is_some_and(|it| {
        it.restart_count > 0
            || it.state.as_ref().is_some_and(ran)
            || it.last_state.as_ref().is_some_and(ran)
    })
}

/// How many of the fetched lines are shown: the line that decides is looked for in more of them, as a
/// stack may be long.
const SHOWN: usize = 25;

/// The last lines of a log.
pub(super) fn log_tail(log: &str) -> String {
    let lines: Vec<&str> = log.trim_end().lines().collect();
    let shown = lines.len().saturating_sub(SHOWN);
    lines.get(shown..).unwrap_or_default().join("\n")
}

/// The causes of which a log tells the reason. If no line reads like an error, the last one may.
const ENDS: [FindingCode; 8] = [
    FindingCode::JobRetriesExhausted,
    FindingCode::JobPolicyFailed,
    FindingCode::JobIndexFailed,
    FindingCode::JobPodFailed,
    FindingCode::CrashAtStart,
    FindingCode::CrashAfterReady,
    FindingCode::ExitsAtOnce,
    FindingCode::NotRestarted,
];

/// The causes that a log may explain: only a line that reads like an error does.
const EXPLAINED: [FindingCode; 14] = [
    FindingCode::JobDeadlineExceeded,
    FindingCode::JobFailed,
    FindingCode::OutOfMemory,
    FindingCode::PostStartHookFailing,
    FindingCode::InitRunsLong,
    FindingCode::SidecarNotStarted,
    FindingCode::ReadinessFailing,
    FindingCode::LivenessKillsAgain,
    FindingCode::LivenessKillsStart,
    FindingCode::StartupProbeExhausted,
    FindingCode::StillStarting,
    FindingCode::HttpCheckFailing,
    FindingCode::ServiceCheckFailing,
    FindingCode::EvictedForOwnLimit,
];

fn is_explained(code: FindingCode) -> bool {
    ENDS.contains(&code) || EXPLAINED.contains(&code)
}

/// The line of the logs that belongs into the sentence of a finding, of the former instance first.
///
/// All other causes are of the cluster, or come before the program begins.
pub(super) fn quoted(code: FindingCode, logs: &[Evidence]) -> Option<String> {
    if !is_explained(code) {
        return None;
    }
    let ends = ENDS.contains(&code);
    let lines = logs.iter().filter_map(|log| deciding_line(&log.text));
    let (errors, others): (Vec<_>, Vec<_>) = lines.partition(|it| it.is_error);
    let plain = others.into_iter().filter(|_| ends);
    Some(errors.into_iter().chain(plain).next()?.text)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::finding::{EvidenceKind, Subject};

    #[test]
    fn the_line_that_says_why_is_told_while_the_check_goes_on() {
        let subject = Subject::container("web-1", "app");
        let crash = |code| Finding::new(code, subject.clone(), Timestamp::UNIX_EPOCH);
        let log = [Evidence::new(
            EvidenceKind::PreviousLog,
            "starting\nfatal: MODE=bad is not known\n",
        )];
        let told = |code| early_line(&crash(code), &log).map(|it| it.text());
        let line = told(FindingCode::CrashAtStart).unwrap();
        assert_eq!(
            line,
            "  container `app`: its log says \"MODE=bad is not known\" (CrashAtStart)"
        );
        assert!(told(FindingCode::ImageNotFound).is_none());
        assert!(early_line(&crash(FindingCode::CrashAtStart), &[]).is_none());
    }

    #[test]
    fn a_container_that_never_started_has_no_log() {
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let ended = json!({"terminated": {"exitCode": 1}});
        for (says, state, last, restarts, expected) in [
            ("its image does not exist", &waiting, &json!(null), 0, false),
            ("it runs", &json!({"running": {}}), &json!(null), 0, true),
            ("it ended", &ended, &json!(null), 0, true),
            ("it waits after an end", &waiting, &ended, 1, true),
            ("its last end is not known", &waiting, &json!(null), 2, true),
        ] {
            let status = json!({"name": "app", "image": "", "imageID": "", "ready": false,
                "restartCount": restarts, "state": state, "lastState": last});
            let pod = json!({"status": {"containerStatuses": [status]}});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(has_run(&pod, "app"), expected, "{says}");
            assert!(!has_run(&pod, "other"), "{says}");
        }
    }
}
