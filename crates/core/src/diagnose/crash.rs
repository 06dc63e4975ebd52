//! Containers that start and end again (kubelet `kuberuntime_manager.go`: back-off 0, 10, 20 … s).

use k8s_openapi::api::core::v1::ContainerStateTerminated;

use super::{Candidate, Case, has_any};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{BACK_OFF_MEMORY, ContainerView, PodView, run_of};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .flat_map(PodView::containers)
        .filter_map(|container| one(case, &container))
        .collect()
}

fn one(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let end = container.last_end()?;
    let finished_init = container.init && end.exit_code == 0;
    let killed_by_probe = ["liveness", "startup"]
        .iter()
        .any(|it| container.probe_kills(it).0 > 0);
    if finished_init || killed_by_probe {
        return None;
    }
    // A ready pod that has outlived the run it crashed after is well.
    if let Some(since) = container.pod.ready_since() {
        let last_run = container.last_run()?;
        if elapsed(since, case.now) >= last_run.saturating_add(case.policy.stable_for) {
            return None;
        }
    }
    let since = container.pod.created().unwrap_or(case.now);
    let subject = Subject::container(container.pod.name(), container.name());
    let (code, what, remedy) = classify(container, end);
    let mut finding = Finding::new(code, subject, since)
        .attempts(failed_starts(container, end))
        .message(what)
        .remedy(remedy)
        .evidence(EvidenceKind::ContainerStatus, status_line(end));
    if let Some(message) = end.message.as_deref().filter(|text| !text.is_empty()) {
        finding = finding.evidence(EvidenceKind::ContainerStatus, message);
    }
    // A new instance is running: it deserves to be seen to its end. And a runtime that fails once or
    // twice may be overloaded.
    let held = container.running_since().is_some()
        || (code == FindingCode::ContainerNotCreated && container.ends() < 3);
    Some(Candidate {
        finding,
        grace: None,
        held,
    })
}

/// How many instances ended in this series. One that ran longer than the kubelet's back-off
/// remembers (10 min, `kuberuntime_manager.go`) begins a new series: restarts of last week say
/// nothing about today.
fn failed_starts(container: &ContainerView<'_>, end: &ContainerStateTerminated) -> u32 {
    if run_of(end).is_some_and(|ran| ran > BACK_OFF_MEMORY) {
        1
    } else if container.pod.was_ready() {
        // Restarts from before the session say nothing about this rollout.
        container.ends_seen()
    } else {
        container.ends()
    }
}

fn status_line(end: &ContainerStateTerminated) -> String {
    let reason = end.reason.as_deref().unwrap_or("unknown");
    format!(
        "last instance: exit code {}, reason {reason}",
        end.exit_code
    )
}

fn classify(
    container: &ContainerView<'_>,
    end: &ContainerStateTerminated,
) -> (FindingCode, String, String) {
    // Exit code 128 alone may also be the node's fault; the text tells.
    const NOT_RUNNABLE: &[&str] = &[
        "executable file not found",
        "permission denied",
        "no such file or directory",
        "is a directory",
        "exec format error",
        "not a directory",
    ];
    let title = container.title();
    let message = end.message.as_deref().unwrap_or_default();
    let times = times(container.ends());
    match end.reason.as_deref() {
        Some("OOMKilled") => {
            let limit = memory_limit(container);
            let what =
                format!("{title} was killed {times} for using more memory than its limit{limit}");
            let remedy = "raise the memory limit, or bound the heap (for example -Xmx, \
                          DOTNET_GCHeapHardLimit) below it";
            (FindingCode::OutOfMemory, what, remedy.to_owned())
        }
        Some("StartError" | "ContainerCannotRun")
            if message.contains("exec") && has_any(message, NOT_RUNNABLE) =>
        {
            let what = format!(
                "{title}: its command cannot be run{}",
                command_of(container)
            );
            let remedy = "correct command and args, or the image that should contain them";
            (FindingCode::CommandNotRunnable, what, remedy.to_owned())
        }
        Some("StartError" | "ContainerCannotRun") => {
            let what = format!("{title} cannot be started by the container runtime");
            (
                FindingCode::ContainerNotCreated,
                what,
                "read the message; if it names the runtime, look at the node".to_owned(),
            )
        }
        _ if end.exit_code == 0 => {
            let what = format!(
                "{title} ended {times} with exit code 0; a Deployment expects it to keep running"
            );
            let remedy = "keep the process in the foreground, or use a batch Job";
            (FindingCode::ExitsAtOnce, what, remedy.to_owned())
        }
        _ => {
            let code = end.exit_code;
            let never = if container.pod.was_ready() {
                ""
            } else {
                " and was never ready"
            };
            let what = format!(
                "{title} ended {times} with exit code {code}{}{never}",
                meaning(code)
            );
            let remedy = "read the last log lines below; compare settings and dependencies with the \
                          former revision";
            (FindingCode::CrashAtStart, what, remedy.to_owned())
        }
    }
}

fn times(count: u32) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

/// What an exit code hints at.
const fn meaning(code: i32) -> &'static str {
    match code {
        126 => " (command not executable)",
        127 => " (command not found)",
        134 => " (aborted)",
        137 => " (killed)",
        139 => " (segmentation fault)",
        143 => " (terminated)",
        _ => "",
    }
}

fn memory_limit(container: &ContainerView<'_>) -> String {
    let limits = container
        .spec
        .resources
        .as_ref()
        .and_then(|it| it.limits.as_ref());
    limits
        .and_then(|limits| limits.get("memory"))
        .map_or_else(String::new, |it| format!(" ({})", it.0))
}

fn command_of(container: &ContainerView<'_>) -> String {
    let command = container
        .spec
        .command
        .as_ref()
        .and_then(|command| command.first());
    command.map_or_else(String::new, |it| format!(" (`{it}`)"))
}
