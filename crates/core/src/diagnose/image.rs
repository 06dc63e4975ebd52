//! Images that cannot be had (kubelet `images/image_manager.go`, `images/types.go`).

use super::{Candidate, Case, has_any};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{ContainerView, PodView, event_count, event_start};

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.pods
        .iter()
        .flat_map(PodView::containers)
        .filter_map(|container| one(case, &container))
        .map(Candidate::from)
        .collect()
}

fn one(case: &Case<'_>, container: &ContainerView<'_>) -> Option<Finding> {
    let waiting = container.waiting()?;
    let message = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "InvalidImageName" => Some(invalid(case, container, message)),
        "ErrImageNeverPull" => Some(never(case, container, message)),
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => {
            Some(pull(case, container, message))
        }
        _ => None,
    }
}

fn start(case: &Case<'_>, container: &ContainerView<'_>, family: &str) -> jiff::Timestamp {
    container
        .trouble(family)
        .map_or(case.now, |trouble| trouble.since)
}

fn invalid(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    let subject = Subject::container(container.pod.name(), container.name());
    Finding::new(
        FindingCode::InvalidImageName,
        subject,
        start(case, container, "name"),
    )
    .message(format!(
        "{}: image name `{}` is malformed",
        container.title(),
        container.image()
    ))
    .remedy("correct the image name: look for an unreplaced token, upper case or a space")
    .evidence(EvidenceKind::ContainerStatus, message)
}

fn never(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    let subject = Subject::container(container.pod.name(), container.name());
    Finding::new(
        FindingCode::ImageNeverPulled,
        subject,
        start(case, container, "never"),
    )
    .message(format!(
        "{}: image `{}` is not on the node and imagePullPolicy is Never",
        container.title(),
        container.image()
    ))
    .remedy("set imagePullPolicy to IfNotPresent")
    .evidence(EvidenceKind::ContainerStatus, message)
}

/// Failed pulls, as remembered and as the event "Failed to pull image" counts them: the one knows
/// only what we saw, the other may be lost or forbidden.
fn pull(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    let trouble = container.trouble("pull");
    let message = trouble.map_or(message, |trouble| trouble.message.as_str());
    let wanted = format!("Failed to pull image \"{}\"", container.image());
    let events: Vec<_> = container
        .pod
        .events()
        .filter(|event| {
            // Two containers may have one image; the field path tells whose pull it was.
            let path = event.involved_object.field_path.as_deref();
            let own = path.is_none_or(|path| path.contains(&format!("{{{}}}", container.name())));
            own && event
                .message
                .as_deref()
                .is_some_and(|text| text.starts_with(&wanted))
        })
        .collect();
    let counted: u32 = events.iter().map(|event| event_count(event)).sum();
    let attempts = trouble.map_or(1, |trouble| trouble.times).max(counted);
    let since = events
        .iter()
        .filter_map(|event| event_start(event))
        .chain(trouble.map(|trouble| trouble.since))
        .min()
        .unwrap_or(case.now);
    let (code, what, remedy) = classify(message, container.image());
    let subject = Subject::container(container.pod.name(), container.name());
    Finding::new(code, subject, since)
        .attempts(attempts)
        .message(format!(
            "{}: image `{}` {what}",
            container.title(),
            container.image()
        ))
        .remedy(remedy)
        .evidence(EvidenceKind::ContainerStatus, message)
}

/// What the runtime's message means. The order matters: "pull access denied, repository does not
/// exist or may require authorization" is a refusal, not an absence.
fn classify(message: &str, image: &str) -> (FindingCode, &'static str, String) {
    const DENIED: &[&str] = &[
        "401 unauthorized",
        "403 forbidden",
        "pull access denied",
        "failed to authorize",
        "authentication required",
        "no basic auth credentials",
    ];
    const WRONG_PLATFORM: &[&str] = &["no match for platform"];
    const ABSENT: &[&str] = &[
        ": not found",
        "manifest unknown",
        "name unknown",
        "manifest_unknown",
        "name_unknown",
    ];
    if has_any(message, DENIED) {
        let remedy = "let the cluster pull: `az aks update --attach-acr REGISTRY`, or add an \
                      imagePullSecret in this namespace; `az aks check-acr` tells what is missing";
        return (
            FindingCode::ImagePullDenied,
            "is refused by the registry",
            remedy.to_owned(),
        );
    }
    if has_any(message, WRONG_PLATFORM) {
        let remedy = "build the image for the nodes' platform, or pin the pods with nodeSelector \
                      kubernetes.io/arch";
        return (
            FindingCode::ImageWrongPlatform,
            "has no build for the node's platform",
            remedy.to_owned(),
        );
    }
    if has_any(message, ABSENT) {
        let remedy =
            format!("push `{image}` or correct the tag; check that the build's push step ran");
        return (
            FindingCode::ImageNotFound,
            "does not exist in the registry",
            remedy,
        );
    }
    let remedy = "the registry or the way to it fails: check its status, the node's egress and DNS, \
                  and the node's disk";
    (
        FindingCode::ImagePullFailing,
        "cannot be pulled",
        remedy.to_owned(),
    )
}
