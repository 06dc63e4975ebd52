//! Images that cannot be had (kubelet `images/image_manager.go`, `images/types.go`).

use super::{Candidate, Case, has_any};
use crate::duration::elapsed;
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{ContainerView, PodView, event_count, event_start, event_time};

mod pull;

use pull::Refusal;
pub(super) use pull::disk_full;

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
        "ImageInspectError" => Some(uninspected(case, container, message)),
        "ErrImagePull"
        | "ImagePullBackOff"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => Some(pull(case, container, message)),
        "ContainerCreating" | "PodInitializing" => slow(case, container),
        _ => None,
    }
}

/// A finding about the container, since its trouble of a family began.
fn about(
    case: &Case<'_>,
    container: &ContainerView<'_>,
    (code, family): (FindingCode, &str),
) -> Finding {
    let subject = Subject::container(container.pod.name(), container.name());
    let since = container
        .trouble(family)
        .map_or(case.now, |trouble| trouble.since);
    Finding::new(code, subject, since)
}

/// `EnsureImageExists`: "Failed to apply default image tag".
fn invalid(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    about(case, container, (FindingCode::InvalidImageName, "name"))
        .message(format!(
            "{}: image name `{}` is malformed",
            container.title(),
            container.image()
        ))
        .remedy("correct the image name: look for an unreplaced token, upper case or a space")
        .evidence(EvidenceKind::ContainerStatus, message)
}

/// `imagePullPrecheck`: "is not present with pull policy of Never".
fn never(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    about(case, container, (FindingCode::ImageNeverPulled, "never"))
        .message(format!(
            "{}: image `{}` is not on {} and imagePullPolicy is Never",
            container.title(),
            container.image(),
            node_of(container)
        ))
        .remedy("set imagePullPolicy to IfNotPresent, or load the image on every node")
        .evidence(EvidenceKind::ContainerStatus, message)
}

/// `ErrImageInspect`: the runtime's own trouble, or a damaged image.
fn uninspected(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    about(case, container, (FindingCode::ImageNotInspected, "inspect"))
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

/// A pull that goes on: event "Pulling image" with neither "Pulled" nor "Failed" after it.
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
    // Events know whole seconds: an end within the same second is an end.
    let done = newest(&["Pulled", "Failed"]).is_some_and(|done| done >= since);
    if done || elapsed(since, case.now) < case.policy.shown_after.pull {
        return None;
    }
    let subject = Subject::container(container.pod.name(), container.name());
    let finding = Finding::new(FindingCode::SlowPull, subject, since)
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

/// Failed pulls, as remembered and as the event "Failed to pull image" counts them: the one knows
/// only what we saw, the other may be lost or forbidden.
fn pull(case: &Case<'_>, container: &ContainerView<'_>, message: &str) -> Finding {
    let trouble = container.trouble("pull");
    let message = trouble.map_or(message, |trouble| trouble.message.as_str());
    let wanted = format!("Failed to pull image \"{}\"", container.image());
    let failed = || {
        container.events().filter(|event| {
            let text = event.message.as_deref();
            text.is_some_and(|text| text.starts_with(&wanted))
        })
    };
    let counted: u32 = failed().map(event_count).sum();
    let attempts = trouble.map_or(1, |trouble| trouble.times).max(counted);
    let since = failed()
        .filter_map(event_start)
        .chain(trouble.map(|trouble| trouble.since))
        .min()
        .unwrap_or(case.now);
    let Refusal { code, what, remedy } = pull::classify(message, container);
    let subject = Subject::container(container.pod.name(), container.name());
    let mut finding = Finding::new(code, subject, since)
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
    let Some((names, text)) = missing else {
        return finding.remedy(remedy);
    };
    finding = finding.evidence(EvidenceKind::Event, text);
    finding.remedy(format!(
        "create imagePullSecret `{names}` in this namespace: the pod names it, and it is not there"
    ))
}

/// The names in the kubelet's "Unable to retrieve some image pull secrets (a, b)" (`kubelet_pods.go`),
/// and its words. Alone it is no cause: a public image is pulled all the same.
fn missing_pull_secrets<'a>(container: &ContainerView<'a>) -> Option<(&'a str, &'a str)> {
    let mut events = container.pod.events();
    let event =
        events.find(|event| event.reason.as_deref() == Some("FailedToRetrieveImagePullSecret"))?;
    let text = event.message.as_deref()?;
    super::between(text, "(", ")").map(|names| (names, text))
}

/// `node "aks-1"`, or words for a node that is not known.
pub(super) fn node_of(container: &ContainerView<'_>) -> String {
    let name = container.pod.node();
    name.map_or_else(|| "the node".to_owned(), |name| format!("node `{name}`"))
}
