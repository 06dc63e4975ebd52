//! Finds postStart hooks that are still running (kubelet `kuberuntime_container.go`, `startContainer`).

use super::{Candidate, Case, about};
use crate::finding::{EvidenceKind, Finding, FindingCode};
use crate::snapshot::PodView;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let found = case.pods.iter().filter_map(|pod| running(case, pod));
    found.map(Candidate::from).collect()
}

fn running(case: &Case<'_>, pod: &PodView<'_>) -> Option<Finding> {
    let (container, since) = pod.running_hook()?;
    if !case.has_lasted(since, case.policy.shown_after.hook) {
        return None;
    }
    let after = pod
        .containers()
        .skip_while(|it| it.name() != container.name());
    let waiting: Vec<String> = after.skip(1).map(|it| format!("`{}`", it.name())).collect();
    let waiting = match waiting.as_slice() {
        [] => String::new(),
        [only] => format!(", and container {only} waits for it"),
        many => format!(", and containers {} wait for it", many.join(", ")),
    };
    Some(
        about(FindingCode::PostStartHookRunning, &container, since)
            .message(format!(
                "{}: its postStart hook{} is still running{waiting}",
                container.title(),
                super::start::hook_words(&container)
            ))
            .remedy("find out what the hook waits for: the kubelet reports the container as running, and starts the containers after it, only once the hook has ended")
            .evidence(EvidenceKind::Event, "Started, and neither an end nor a failure of the hook since"),
    )
}
