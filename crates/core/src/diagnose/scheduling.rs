//! Pods that no node can take (kube-scheduler; cluster autoscaler events).

use super::{Candidate, Case};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::PodView;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods.iter().filter_map(|pod| one(case, pod)).collect()
}

fn one(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let condition = pod
        .condition("PodScheduled")
        .filter(|it| it.status == "False" && it.reason.as_deref() == Some("Unschedulable"))?;
    let message = condition.message.as_deref().unwrap_or_default();
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    let since = since.or_else(|| pod.created()).unwrap_or(case.now);
    // One node may take several pods, and only one of them gets the event.
    let grows = case.pods.iter().flat_map(PodView::events).any(|event| {
        matches!(
            event.reason.as_deref(),
            Some("TriggeredScaleUp" | "Nominated")
        )
    });
    let finding = Finding::new(
        FindingCode::Unschedulable,
        Subject::new("Pod", pod.name()),
        since,
    )
    .message(format!(
        "no node can take the new pods: {}",
        shortened(message)
    ))
    .remedy(remedy(message))
    .evidence(EvidenceKind::Condition, message);
    Some(Candidate {
        finding,
        grace: grows.then_some(case.policy.scale_up_grace),
        held: false,
    })
}

/// The scheduler's sentence without what it says about preemption.
fn shortened(message: &str) -> &str {
    message
        .split_once(" preemption:")
        .map_or(message, |(first, _)| first)
        .trim_end_matches('.')
}

fn remedy(message: &str) -> &'static str {
    if message.contains("Insufficient") {
        "lower the pods' requests, lower maxSurge, or add nodes"
    } else if message.contains("affinity") || message.contains("taint") {
        "correct nodeSelector, affinity or tolerations, or add a node that fits"
    } else {
        "read the message: it counts the nodes that each reason excludes"
    }
}
