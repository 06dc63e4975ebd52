//! Volumes that cannot be mounted: only events tell (kubelet `volume_manager.go`); the containers
//! just stay in `ContainerCreating`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;

use super::config::missing_object;
use super::{Candidate, Case, between};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{PodView, event_count, event_start, event_time};

const REASONS: [&str; 3] = ["FailedMount", "FailedAttachVolume", "FailedMapVolume"];

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .filter(|pod| is_creating(pod))
        .filter_map(|pod| one(case, pod))
        .collect()
}

fn is_creating(pod: &PodView<'_>) -> bool {
    pod.containers().all(|container| {
        let reason = container
            .waiting()
            .and_then(|waiting| waiting.reason.as_deref());
        matches!(reason, Some("ContainerCreating" | "PodInitializing"))
    })
}

fn one(case: &Case<'_>, pod: &PodView<'_>) -> Option<Candidate> {
    let events: Vec<&Event> = pod
        .events()
        .filter(|event| {
            event
                .reason
                .as_deref()
                .is_some_and(|it| REASONS.contains(&it))
        })
        .collect();
    let newest = events.iter().max_by_key(|event| event_time(event))?;
    if mounted_since(pod, newest) {
        return None;
    }
    let message = newest.message.as_deref().unwrap_or_default();
    let since = events
        .iter()
        .filter_map(|it| event_start(it))
        .min()
        .unwrap_or(case.now);
    let attempts = events.iter().map(|it| event_count(it)).sum();
    let (code, what, remedy) = classify(message);
    let finding = Finding::new(code, Subject::new("Pod", pod.name()), since);
    let finding = finding.attempts(attempts).message(what).remedy(remedy);
    let finding = finding.evidence(EvidenceKind::Event, message);
    // The kubelet tries at growing intervals: what failed before the grace ran out may have been
    // mended since, so the newest failure counts, not the time that has passed.
    let grace = case
        .policy
        .rule(code)
        .map_or(Duration::ZERO, |rule| rule.grace);
    let newest = event_time(newest).unwrap_or(since);
    Some(Candidate {
        finding,
        grace: None,
        held: elapsed(since, newest) < grace,
    })
}

/// Whether the volumes were mounted after all: events of failures stay, and the containers still say
/// `ContainerCreating` while their images are pulled.
fn mounted_since(pod: &PodView<'_>, failure: &Event) -> bool {
    let ready = pod
        .condition("PodReadyToStartContainers")
        .is_some_and(|it| it.status == "True");
    let went_on = pod.events().any(|event| {
        matches!(
            event.reason.as_deref(),
            Some("Pulling" | "Pulled" | "Created")
        ) && event_time(event) > event_time(failure)
    });
    ready || went_on
}

fn classify(message: &str) -> (FindingCode, String, String) {
    let volume = between(message, "for volume \"", "\"").unwrap_or("unknown");
    let transient = message.contains("not registered") || message.contains("failed to sync");
    if let Some((kind, name)) = missing_object(message).filter(|_| !transient) {
        return (
            FindingCode::ConfigObjectMissing,
            format!("volume `{volume}` needs {kind} `{name}`, which does not exist"),
            format!(
                "create {kind} `{name}` in this namespace before the Deployment, or correct its name"
            ),
        );
    }
    if let Some((_, key)) = message.split_once("references non-existent ") {
        return (
            FindingCode::ConfigKeyMissing,
            format!("volume `{volume}` needs a key that does not exist: {key}"),
            "add the key, or mark the reference optional: true".to_owned(),
        );
    }
    (
        FindingCode::VolumeNotMounted,
        format!("volume `{volume}` cannot be mounted"),
        "read the message; a disk that another pod holds needs strategy Recreate or a StatefulSet"
            .to_owned(),
    )
}
