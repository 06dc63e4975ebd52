//! Finds what delays the start of containers: hooks, init containers, sidecars (kubelet
//! `kuberuntime_container.go`).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, LifecycleHandler};

use super::{Candidate, Case, about};
use crate::finding::{EvidenceKind, Finding, FindingCode};
use crate::foreign_text;
use crate::snapshot::{ContainerView, PodView, StartFailureFamily, event_count, event_start};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .filter(|pod| pod.ready_since().is_none())
        .flat_map(PodView::containers)
        .filter_map(|container| {
            hook(case, &container)
                .or_else(|| long_init(case, &container))
                .or_else(|| sidecar(case, &container))
        })
        .map(Candidate::from)
        .collect()
}

/// Returns how often the postStart hook failed, and when first.
///
/// Read from the event `FailedPostStartHook`, whose details the kubelet withholds, and from the
/// waiting reason `PostStartHookError`.
pub(super) fn hook_failures(container: &ContainerView<'_>) -> (u32, Option<Timestamp>) {
    let failed = || {
        container
            .events()
            .filter(|event| event.reason.as_deref() == Some("FailedPostStartHook"))
    };
    let known = container.start_failure(StartFailureFamily::PostStartHook);
    let seen = known.map_or(0, |it| it.times);
    let first = failed()
        .filter_map(event_start)
        .chain(known.map(|it| it.since))
        .min();
    (failed().map(event_count).sum::<u32>().max(seen), first)
}

fn hook(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Finding> {
    let spec = post_start(container.spec)?;
    let (count, since) = hook_failures(container);
    if count == 0 {
        return None;
    }
    let times = if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    };
    let finding = about(
        FindingCode::PostStartHookFailing,
        container,
        since.unwrap_or(case.now),
    )
    .attempts(count)
    .message(format!(
        "{}: its postStart hook{} failed {times}, and the kubelet kills the container each time",
        container.title(),
        words_of(spec)
    ))
    .remedy(
        "run the hook's command in the image by hand; the hook starts together with the container's main process, so it must wait for what it needs from that process",
    );
    let message = container
        .start_failure(StartFailureFamily::PostStartHook)
        .map(|it| it.message.as_str());
    Some(match message.filter(|text| !text.is_empty()) {
        Some(text) => finding.evidence(EvidenceKind::ContainerStatus, text),
        None => finding.evidence(EvidenceKind::Event, "FailedPostStartHook"),
    })
}

fn post_start(container: &Container) -> Option<&LifecycleHandler> {
    container.lifecycle.as_ref()?.post_start.as_ref()
}

/// Returns the command or the path of a container's postStart hook, in brackets.
pub(super) fn hook_words(container: &ContainerView<'_>) -> String {
    post_start(container.spec).map(words_of).unwrap_or_default()
}

fn words_of(hook: &LifecycleHandler) -> String {
    let command = hook.exec.as_ref().and_then(|it| it.command.as_ref());
    let path = hook.http_get.as_ref().and_then(|it| it.path.as_deref());
    command
        .map(|words| {
            let words = words.iter().map(String::as_str);
            format!(" (`{}`)", foreign_text::command(words))
        })
        .or_else(|| path.map(|path| format!(" (GET {})", foreign_text::without_query(path))))
        .unwrap_or_default()
}

/// Finds an init container that runs long: never terminal, since migrations take time.
fn long_init(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Finding> {
    let since = container.running_since()?;
    let shown_after = case.policy.shown_after.init;
    if !container.init || container.sidecar() || !case.has_lasted(since, shown_after) {
        return None;
    }
    let finding = about(FindingCode::InitRunsLong, container, since)
        .message(format!(
            "{} is still running, and the pod waits for it",
            container.title()
        ))
        .remedy(format!(
            "read its log (`kubectl logs -n {} {} -c {}`) and wait, or raise the timeout; do not stop it while it may be changing data",
            container.pod.object().metadata.namespace.as_deref().unwrap_or("NAMESPACE"),
            container.pod.name(),
            container.name()
        ));
    Some(finding.evidence(EvidenceKind::ContainerStatus, "running, not ended"))
}

/// Finds a sidecar whose startup probe has not passed, for which the containers after it wait.
fn sidecar(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Finding> {
    let since = container.running_since()?;
    let started = container.status.and_then(|status| status.started);
    let shown_after = case.policy.shown_after.sidecar;
    if !container.sidecar() || started != Some(false) || !case.has_lasted(since, shown_after) {
        return None;
    }
    let finding = about(FindingCode::SidecarNotStarted, container, since)
        .message(format!(
            "{} runs, but its startup probe has not passed, and the containers after it wait",
            container.title()
        ))
        .remedy("read its log; check its startupProbe, and what the sidecar waits for");
    Some(finding.evidence(EvidenceKind::ContainerStatus, "running, started: false"))
}
