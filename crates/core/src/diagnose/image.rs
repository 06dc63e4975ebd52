//! Finds images that cannot be pulled or used (kubelet `images/image_manager.go`,
//! `images/types.go`).

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::{Candidate, Case, Cause, about, before_session, has_any};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, Finding, FindingCode};
use crate::snapshot::{
    ContainerView, PodView, StartFailureFamily, event_count, event_start, event_time,
};

mod pull;

pub(super) use pull::disk_full;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .flat_map(PodView::containers)
        .filter_map(|container| one(case, &container))
        .collect()
}

fn one(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Candidate> {
    let waiting = container.waiting()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "InvalidImageName" => Some(invalid(case, container, message).into()),
        "ErrImageNeverPull" => Some(never(case, container, message).into()),
        "ImageInspectError" => Some(uninspected(case, container, message).into()),
        "ErrImagePull"
        | "ImagePullBackOff"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => Some(pull(case, container, message)),
        "ContainerCreating" | "PodInitializing" => slow(case, container).map(Candidate::from),
        _ => None,
    }
}

/// Returns since when the container has failed at a step of its start.
fn failing_since(
    case: &Case<'_>,
    container: &ContainerView<'_>,
    family: StartFailureFamily,
) -> Timestamp {
    let failure = container.start_failure(family);
    failure.map_or(case.now, |it| it.since)
}

/// Describes `InvalidImageName` (`EnsureImageExists`, "Failed to apply default image tag").
fn invalid(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    let since = failing_since(case, container, StartFailureFamily::ImageName);
    about(FindingCode::InvalidImageName, container, since)
        .message(format!(
            "{}: image name `{}` is malformed",
            container.title(),
            container.image()
        ))
        .remedy("correct the image name: look for an unreplaced token, upper case or a space")
        .evidence(EvidenceKind::ContainerStatus, message)
}

/// Describes `ErrImageNeverPull` (`imagePullPrecheck`, "is not present with pull policy of Never").
fn never(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    let since = failing_since(case, container, StartFailureFamily::NeverPull);
    about(FindingCode::ImageNeverPulled, container, since)
        .message(format!(
            "{}: image `{}` is not on {} and imagePullPolicy is Never",
            container.title(),
            container.image(),
            node_of(container)
        ))
        .remedy("set imagePullPolicy to IfNotPresent, or load the image on every node")
        .evidence(EvidenceKind::ContainerStatus, message)
}

/// Describes `ImageInspectError`: the runtime fails, or the image is damaged.
fn uninspected(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    let since = failing_since(case, container, StartFailureFamily::Inspect);
    about(FindingCode::ImageNotInspected, container, since)
        .message(format!(
            "{}: the container runtime of {} cannot inspect image `{}`",
            container.title(),
            node_of(container),
            container.image()
        ))
        .remedy(
            "look at the node's container runtime; delete the pod so that another node may take it, \
             or push the image again",
        )
        .evidence(EvidenceKind::ContainerStatus, message)
}

/// Finds a pull in progress: an event "Pulling image" without "Pulled" or "Failed" after it.
fn slow(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Finding> {
    let newest = |reasons: &[&str]| {
        container
            .events()
            .filter(|event| reasons.contains(&event.reason.as_deref().unwrap_or_default()))
            .filter(|event| {
                let text = event.message.as_deref().unwrap_or_default();
                text.contains(&format!("\"{}\"", container.image()))
            })
            .filter_map(event_time)
            .max()
    };
    let since = newest(&["Pulling"])?;
    // Events have a resolution of one second: an end within the same second is later.
    let done = newest(&["Pulled", "Failed"]).is_some_and(|done| done >= since);
    if done || !case.has_lasted(since, case.policy.shown_after.pull) {
        return None;
    }
    let finding = about(FindingCode::SlowPull, container, since)
        .message(format!(
            "{}: image `{}` is still being pulled",
            container.title(),
            container.image()
        ))
        .remedy(
            "wait, or raise the timeout; a smaller image, a registry in the cluster's region or \
             Artifact Streaming (AKS) makes it faster",
        );
    Some(finding.evidence(
        EvidenceKind::Event,
        "Pulling, without Pulled or Failed since",
    ))
}

/// Finds failed pulls, by the failures seen and by the count of the event "Failed to pull image".
///
/// The first misses failures before the session, the second may be lost or forbidden. Pulls that
/// failed for another cause do not count.
fn pull(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Candidate {
    let known = container.start_failure(StartFailureFamily::Pull);
    let message = known.map_or(message, |it| it.message.as_str());
    let Cause { code, what, remedy } = pull::classify(message, container);
    let failed = failures(container, code);
    let counted: u32 = failed.iter().map(|event| event_count(event)).sum();
    let attempts = known.map_or(1, |it| it.times).max(counted);
    let starts = failed.iter().filter_map(|event| event_start(event));
    let since = starts
        .chain(known.map(|it| it.said_since))
        .min()
        .unwrap_or(case.now);
    let mut finding = about(code, container, since)
        .attempts(attempts)
        .message(format!(
            "{}: image `{}` {what}",
            container.title(),
            container.image()
        ))
        .evidence(EvidenceKind::ContainerStatus, message);
    let missing = if code == FindingCode::ImagePullDenied {
        missing_pull_secrets(container)
    } else {
        None
    };
    finding = match missing {
        Some((names, text)) => finding.evidence(EvidenceKind::Event, text).remedy(format!(
            "create imagePullSecret `{names}` in this namespace: the pod references it, and it does not exist"
        )),
        None => finding.remedy(remedy),
    };
    let ends = failed.iter().filter_map(|event| event_time(event));
    let seen = known.and_then(|it| it.failed_at);
    let newest = ends.chain(seen).max();
    if code == FindingCode::ImageNotFound && pull::is_replicated(container.image()) {
        let heals = "the registry may still copy the tag to this region";
        let copied = Some(case.policy.patience.replicated);
        return patient(case, finding.heals(heals), Failed { newest, copied });
    }
    let copied = None;
    patient(case, finding, Failed { newest, copied })
}

/// When a pull failed.
#[derive(Clone, Copy)]
struct Failed {
    /// The last time.
    newest: Option<Timestamp>,
    /// How long the registry may take to copy a tag to other regions, if it may do that.
    copied: Option<Duration>,
}

/// Blocks a finding until a pull has failed after the grace.
///
/// Pulls back off for up to five minutes, and a cause may be fixed since the last one: the newest
/// failure counts, not the time that has passed.
fn patient(case: &Case<'_>, finding: Finding, failed: Failed) -> Candidate {
    let Failed { newest, copied } = failed;
    let (code, since) = (finding.code, finding.since);
    let rule = case.policy.rule(code);
    let copied = copied.filter(|_| case.policy.asked(code).is_none());
    let grace = copied.or(rule.map(|rule| rule.grace)).unwrap_or_default();
    let lasted = newest.map_or(Duration::ZERO, |newest| elapsed(since, newest));
    let candidate = Candidate {
        grace: copied,
        blocked: lasted < grace,
        ..Candidate::from(finding)
    };
    candidate.unless_stale(before_session(case, code, newest.or(Some(since))))
}

/// Returns the events of pulls that failed for a cause.
fn failures<'a>(container: &ContainerView<'a>, code: FindingCode) -> Vec<&'a Event> {
    let wanted = format!("Failed to pull image \"{}\"", container.image());
    let of_cause = |event: &&Event| {
        let text = event.message.as_deref().unwrap_or_default();
        text.starts_with(&wanted) && pull::classify(text, container).code == code
    };
    container.events().filter(of_cause).collect()
}

/// Returns the names in the kubelet's "Unable to retrieve some image pull secrets (a, b)"
/// (`kubelet_pods.go`), and the message.
///
/// A missing Secret alone is not a cause: a public image is pulled without it.
fn missing_pull_secrets<'a>(container: &ContainerView<'a>) -> Option<(&'a str, &'a str)> {
    let mut events = container.pod.events();
    let event =
        events.find(|event| event.reason.as_deref() == Some("FailedToRetrieveImagePullSecret"))?;
    let text = event.message.as_deref()?;
    super::between(text, "(", ")").map(|names| (names, text))
}

/// Returns ``node `aks-1` ``, or `the node` if it is not known.
pub(super) fn node_of(container: &ContainerView<'_>) -> String {
    let name = container.pod.node();
    name.map_or_else(|| "the node".to_owned(), |name| format!("node `{name}`"))
}
