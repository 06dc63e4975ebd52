//! Finds containers that terminate after they started (kubelet `kuberuntime_manager.go`: back-off
//! 0, 10, 20 … s).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStateTerminated;

use super::image::{disk_full, node_of};
use super::{
    Candidate, Case, Cause, Stale, about, before_session, between, has_any, promise, runtime, start,
};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, FindingCode};
use crate::snapshot::{BACK_OFF_MEMORY, ContainerView, PodView, run_of};

mod earlier;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    // A Job counts its own failures, and ends by itself.
    if case.workload.job().is_some() {
        return Vec::new();
    }
    let running = case.pods.iter().flat_map(PodView::containers);
    // Where no container is restarted, the pod fails as a whole, and its replacement does the same.
    // A pod with a reason of its own (evicted, refused) belongs to another cause.
    let ended = case.ended.iter().filter(|pod| pod.reason().is_none());
    let ended = ended.flat_map(PodView::containers).filter(|container| {
        let end = container.last_end();
        end.is_some_and(|end| end.exit_code != 0 && stays_ended(container, end))
    });
    running
        .chain(ended)
        .filter_map(|container| one(case, &container))
        .collect()
}

fn one(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let end = container.last_end()?;
    let finished_init = container.init && !container.sidecar() && end.exit_code == 0;
    if finished_init {
        return None;
    }
    // A ready pod is healthy once it has run for longer than before its last crash.
    if let Some(since) = container.pod.ready_since() {
        let last_run = container.last_run()?;
        if elapsed(since, case.now) >= last_run.saturating_add(case.policy.stable_for) {
            return None;
        }
    }
    let (since, attempts) = series(case, container, end)?;
    let Cause { code, what, remedy } = classify(container, end);
    let mut finding = about(code, container, since)
        .attempts(attempts)
        .message(what)
        .remedy(remedy)
        .evidence(EvidenceKind::ContainerStatus, status_line(end));
    if let Some(message) = end.message.as_deref().filter(|text| !text.is_empty()) {
        finding = finding.evidence(EvidenceKind::ContainerStatus, message);
    }
    // Wait for the outcome of an instance that is running. A runtime that fails once or twice may
    // be overloaded.
    let blocked = container.running_since().is_some()
        || (code == FindingCode::ContainerNotCreated
            && container.ends() < case.policy.patience.runtime_failures);
    let ended = end.finished_at.as_ref().map(|time| time.0);
    let volume = matches!(
        code,
        FindingCode::CommandNotRunnable | FindingCode::ExecFormatError
    )
    .then(|| program_volume(container, end))
    .flatten();
    let finding = match volume {
        Some(volume) => finding.heals(format!(
            "another container may still write the program to volume `{volume}`"
        )),
        None => finding,
    };
    let candidate = Candidate {
        grace: volume.map(|_| case.policy.patience.promised),
        blocked,
        ..Candidate::from(finding)
    };
    let stale = before_session(case, code, ended);
    Some(
        if stale == Stale::No || earlier::goes_on(case, container, ended) {
            candidate
        } else {
            // The status shows the next termination, even where events cannot be read.
            candidate.unless_stale(Stale::Blocked)
        },
    )
}

/// Returns since when, and how often, instances have terminated by themselves.
///
/// `None` if the kubelet killed the last one, which is another cause (`probe.rs`, `start.rs`).
fn series(
    case: &Case<'_>,
    container: &ContainerView<'_>,
    end: &ContainerStateTerminated,
) -> Option<(Timestamp, u32)> {
    const KILLED: [i32; 2] = [137, 143];
    if stays_ended(container, end) {
        let since = end.finished_at.as_ref().map(|time| time.0);
        let first = container.terminations().map(|it| it.first);
        return Some((since.or(first).unwrap_or(case.now), 1));
    }
    let by_probe = |probe: &str| container.probe_kills(probe).0;
    let kills = by_probe("liveness") + by_probe("startup") + start::hook_failures(container).0;
    let own = container.ends().saturating_sub(kills);
    if kills > 0 && (own == 0 || KILLED.contains(&end.exit_code)) {
        return None;
    }
    let first = container.terminations().map(|it| it.first);
    let since = first.or_else(|| container.pod.created());
    let attempts = failed_starts(container, end).min(own.max(1));
    let attempts = if ended_after_ready(container) {
        ends_after_ready(container, attempts)
    } else {
        attempts
    };
    Some((since.unwrap_or(case.now), attempts))
}

/// Returns whether the kubelet does not restart the container (`ContainerShouldRestart`, kubernetes
/// `pkg/api/v1/pod/util.go`): its own restart policy overrides that of the pod.
///
/// A rule that restarts it nevertheless (`restartPolicyRules`) shows within seconds, by another
/// state.
fn stays_ended(container: &ContainerView<'_>, end: &ContainerStateTerminated) -> bool {
    let state = container.status.and_then(|status| status.state.as_ref());
    let ended = state.is_some_and(|state| state.terminated.is_some());
    let leaves = match container.spec.restart_policy.as_deref() {
        Some("Never") => true,
        Some("OnFailure") => end.exit_code == 0,
        _ => false,
    };
    ended && leaves
}

/// Returns how many instances have terminated in this series.
///
/// A run longer than the memory of the kubelet's back-off (10 min, `kuberuntime_manager.go`) begins
/// a new series: restarts of last week say nothing about today.
fn failed_starts(container: &ContainerView<'_>, end: &ContainerStateTerminated) -> u32 {
    if run_of(end).is_some_and(|ran| ran > BACK_OFF_MEMORY) {
        1
    } else if container.pod.was_ready() {
        // Restarts before the session say nothing about this rollout.
        container.ends_seen()
    } else {
        container.ends()
    }
}

/// Returns how many terminations count for a container that was ready.
///
/// A termination after a time of being ready counts. A container that has not been ready since the
/// first one may wait for a dependency that it lost, so that one more termination must show that
/// the dependency does not return: the back-off hides its return for up to 20 s.
pub(super) fn ends_after_ready(container: &ContainerView<'_>, ends: u32) -> u32 {
    let seen = container.terminations().map_or(0, |it| it.after_ready);
    seen.max(ends.saturating_sub(1)).max(1)
}

/// Returns whether the container was ready before its last termination.
///
/// Without a readiness probe every start counts as ready, so that readiness shows nothing.
fn ended_after_ready(container: &ContainerView<'_>) -> bool {
    let seen = container
        .terminations()
        .is_some_and(|it| it.after_ready > 0);
    container.spec.readiness_probe.is_some() && (seen || container.pod.was_ready())
}

fn status_line(end: &ContainerStateTerminated) -> String {
    let reason = end.reason.as_deref().unwrap_or("unknown");
    format!(
        "last instance: exit code {}, reason {reason}",
        end.exit_code
    )
}

fn classify(container: &ContainerView<'_>, end: &ContainerStateTerminated) -> Cause {
    let title = container.title();
    let times = times(container.ends());
    if stays_ended(container, end) {
        return not_restarted(container, end);
    }
    match end.reason.as_deref() {
        Some("OOMKilled") => {
            let limit = memory_limit(container);
            let what =
                format!("{title} was killed {times} for using more memory than its limit{limit}");
            let remedy = "raise the memory limit, or bound the heap (for example -Xmx, \
                          DOTNET_GCHeapHardLimit) below it";
            Cause::new(FindingCode::OutOfMemory, what, remedy)
        }
        Some("StartError" | "ContainerCannotRun") => not_started(container, end),
        _ if says(end, "exec format error") => exec_format(container),
        _ if end.exit_code != 0
            && let Some(refused) =
                runtime::too_long(container, end.message.as_deref().unwrap_or_default()) =>
        {
            refused
        }
        _ if end.exit_code == 0 => {
            let what = format!(
                "{title} ended {times} with exit code 0; a workload expects it to keep running"
            );
            let remedy = "keep the process in the foreground, or use a batch Job";
            Cause::new(FindingCode::ExitsAtOnce, what, remedy)
        }
        _ => crashed(container, end),
    }
}

/// Classifies the end of a container of a Job; `None` for one that went well.
pub(super) fn of_job(
    container: &ContainerView<'_>,
    end: &ContainerStateTerminated,
) -> Option<Cause> {
    if end.exit_code == 0 {
        return None;
    }
    let title = container.title();
    let remedy = "read the last log lines";
    Some(match end.reason.as_deref() {
        Some("OOMKilled") => {
            let limit = memory_limit(container);
            let what = format!("{title} was killed for using more memory than its limit{limit}");
            Cause::new(FindingCode::JobPodFailed, what, remedy)
        }
        Some("StartError" | "ContainerCannotRun") => not_started(container, end),
        _ if says(end, "exec format error") => exec_format(container),
        _ => {
            let what = format!("{title} ended with {}", exit_of(end));
            Cause::new(FindingCode::JobPodFailed, what, remedy)
        }
    })
}

/// Classifies a container that ran and failed.
fn crashed(container: &ContainerView<'_>, end: &ContainerStateTerminated) -> Cause {
    let (title, times, exit) = (container.title(), times(container.ends()), exit_of(end));
    if ended_after_ready(container) {
        let what = format!("{title} exited after it was ready, {times} with {exit}");
        let remedy = "read the last log lines: it fails while it runs, not when it starts (a request, a timer, a lost connection); compare with the former revision";
        return Cause::new(FindingCode::CrashAfterReady, what, remedy);
    }
    let never = if container.init || container.pod.was_ready() {
        ""
    } else {
        " and was never ready"
    };
    let what = format!("{title} ended {times} with {exit}{never}");
    let remedy = "read the last log lines; compare settings and dependencies with the \
                  former revision";
    Cause::new(FindingCode::CrashAtStart, what, remedy)
}

/// Describes a container that its restart policy does not restart.
fn not_restarted(container: &ContainerView<'_>, end: &ContainerStateTerminated) -> Cause {
    let policy = container.spec.restart_policy.as_deref();
    let what = format!(
        "{} ended with {} and is not started again: its restartPolicy is {}",
        container.title(),
        exit_of(end),
        policy.unwrap_or("Never")
    );
    let remedy = "remove the container's own restartPolicy, so that the kubelet restarts it, and fix the reason why it exits";
    Cause::new(FindingCode::NotRestarted, what, remedy)
}

/// Classifies a command that the runtime could not run.
///
/// Exit code 128 may also be the node's fault; the message shows which (runc `init_linux.go`).
fn not_started(container: &ContainerView<'_>, end: &ContainerStateTerminated) -> Cause {
    const NOT_RUNNABLE: &[&str] = &[
        "executable file not found",
        "permission denied",
        "no such file or directory",
        "is a directory",
        "not a directory",
    ];
    let title = container.title();
    let message = end.message.as_deref().unwrap_or_default();
    if has_any(message, &["no space left on device"]) {
        let full = disk_full(&node_of(container), &format!("{title} cannot be started"));
        return full;
    }
    if message.contains("exec format error") {
        return exec_format(container);
    }
    if let Some(refused) = runtime::classify(container, message) {
        return refused;
    }
    if message.contains("exec") && has_any(message, NOT_RUNNABLE) {
        let (what, remedy) = match between(message, "chdir to cwd (\"", "\"") {
            Some(folder) => (
                format!("{title}: its working directory `{folder}` cannot be entered"),
                "correct workingDir, or create the folder in the image, readable for the user",
            ),
            None => match program_volume(container, end) {
                Some(volume) => return not_on_volume(container, message, volume),
                None => (
                    format!(
                        "{title}: its command cannot be run{}",
                        command_of(container, message)
                    ),
                    "correct command and args, or the image that should contain them; a script needs its \
                 execute bit and an interpreter that exists",
                ),
            },
        };
        return Cause::new(FindingCode::CommandNotRunnable, what, remedy);
    }
    let what = format!(
        "{title} cannot be started by the container runtime of {}: {}",
        node_of(container),
        runtime::clause(message)
    );
    let remedy = "read the message; if it names the runtime, look at the node";
    Cause::new(FindingCode::ContainerNotCreated, what, remedy)
}

/// Describes a program that should be on a volume: it is not the image that lacks it.
fn not_on_volume(container: &ContainerView<'_>, message: &str, volume: &str) -> Cause {
    let what = format!(
        "{}: its command{} is not on volume `{volume}`, or cannot be run there",
        container.title(),
        command_of(container, message)
    );
    let remedy = format!(
        "look at the container that should write it to volume `{volume}`; if that is an init container, this container starts only once it is done"
    );
    Cause::new(FindingCode::CommandNotRunnable, what, remedy)
}

/// Returns the volume on which the program is, or should be: it is not in the image then, and may
/// still be written.
fn program_volume<'a>(
    container: &ContainerView<'a>,
    end: &ContainerStateTerminated,
) -> Option<&'a str> {
    let message = end.message.as_deref().unwrap_or_default();
    if let Some(folder) = between(message, "chdir to cwd (\"", "\"") {
        return promise::volume_at(container, &format!("{folder}/"));
    }
    let command = container.spec.command.as_ref().and_then(|it| it.first());
    let said = between(message, "exec: \"", "\"");
    let program = said.or_else(|| command.map(String::as_str))?;
    promise::volume_at(container, program)
}

/// Describes a program whose format the node's processor or kernel does not know.
fn exec_format(container: &ContainerView<'_>) -> Cause {
    let what = format!(
        "{}: its program does not run on {}: exec format error",
        container.title(),
        node_of(container)
    );
    let remedy = "build the image for the nodes' processor (`docker buildx build --platform \
                  linux/amd64,linux/arm64`), or pin the pods with nodeSelector kubernetes.io/arch; a \
                  script needs a first line such as `#!/bin/sh`";
    Cause::new(FindingCode::ExecFormatError, what, remedy)
}

fn says(end: &ContainerStateTerminated, words: &str) -> bool {
    end.message.as_deref().is_some_and(|it| it.contains(words))
}

fn exit_of(end: &ContainerStateTerminated) -> String {
    format!("exit code {}{}", end.exit_code, meaning(end.exit_code))
}

fn times(count: u32) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

/// Returns the usual meaning of an exit code.
const fn meaning(code: i32) -> &'static str {
    match code {
        126 => " (command not executable)",
        127 => " (command not found)",
        128 => " (not started)",
        134 => " (aborted)",
        137 => " (killed)",
        139 => " (segmentation fault)",
        143 => " (terminated)",
        255 => " (unknown)",
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

/// Returns the command that could not be run, from the runtime's message or the template, if the
/// template sets one.
fn command_of(container: &ContainerView<'_>, message: &str) -> String {
    let command = container.spec.command.as_ref();
    let said = between(message, "exec: \"", "\"");
    said.or_else(|| command?.first().map(String::as_str))
        .map_or_else(String::new, |it| format!(" (`{it}`)"))
}
