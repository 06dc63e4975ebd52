//! Containers that cannot be configured or created (kubelet `kubelet_pods.go`,
//! `kuberuntime/security_context_others.go`).

use super::{Candidate, Case, between, has_any};
use crate::finding::{EvidenceKind, Finding, FindingCode, Subject};
use crate::snapshot::{ContainerView, PodView};

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
    let (family, refused) = match waiting.reason.as_deref()? {
        "CreateContainerConfigError" => ("config", refused(container, message)),
        "CreateContainerError" | "ImageInspectError" => ("create", None),
        _ => return None,
    };
    let since = container
        .trouble(family)
        .map_or(case.now, |trouble| trouble.since);
    let subject = Subject::container(container.pod.name(), container.name());
    let (code, what, remedy) = refused.unwrap_or_else(|| {
        let what = format!("{} cannot be created", container.title());
        (
            FindingCode::ContainerNotCreated,
            what,
            "read the message; if it names the runtime, look at the node".to_owned(),
        )
    });
    let finding = Finding::new(code, subject, since)
        .message(what)
        .remedy(remedy);
    Some(finding.evidence(EvidenceKind::ContainerStatus, message))
}

/// A refusal that names its cause; `None` for what may be the kubelet's own trouble ("failed to
/// sync secret cache: timed out", Shopify/krane#886).
fn refused(container: &ContainerView<'_>, message: &str) -> Option<(FindingCode, String, String)> {
    const ROOT: &[&str] = &[
        "runasnonroot and image will run as root",
        "cannot verify user is non-root",
        "breaks non-root policy",
    ];
    let title = container.title();
    if has_any(message, ROOT) {
        let what = format!(
            "{title} must not run as root, but image `{}` does",
            container.image()
        );
        let remedy = "set a numeric runAsUser above 0, or `USER 10001` in the Dockerfile";
        return Some((FindingCode::RunAsNonRootRefused, what, remedy.to_owned()));
    }
    if let Some(missing) = missing_key(message) {
        let MissingKey { key, kind, object } = missing;
        let what = format!("{title} needs key `{key}` of {kind} `{object}`, which lacks it");
        let remedy =
            format!("add key `{key}` to {kind} `{object}`, or mark the reference optional: true");
        return Some((FindingCode::ConfigKeyMissing, what, remedy));
    }
    let (kind, name) = missing_object(message)?;
    let what = format!("{title} needs {kind} `{name}`, which does not exist");
    let remedy = format!(
        "create {kind} `{name}` in this namespace before the Deployment, or correct its name"
    );
    Some((FindingCode::ConfigObjectMissing, what, remedy))
}

struct MissingKey<'a> {
    key: &'a str,
    kind: &'a str,
    object: &'a str,
}

/// Reads `couldn't find key K in ConfigMap ns/name`.
fn missing_key(message: &str) -> Option<MissingKey<'_>> {
    let key = between(message, "couldn't find key ", " in ")?;
    let (_, rest) = message.split_once(" in ")?;
    let mut words = rest.split_whitespace();
    let (kind, object) = (words.next()?, words.next()?);
    let object = object.rsplit_once('/').map_or(object, |(_, name)| name);
    Some(MissingKey { key, kind, object })
}

/// Reads `secret "x" not found` and `configmap "x" not found`.
pub(super) fn missing_object(message: &str) -> Option<(&'static str, &str)> {
    [("Secret", "secret \""), ("ConfigMap", "configmap \"")]
        .into_iter()
        .find_map(|(kind, open)| {
            let (_, rest) = message.split_once(open)?;
            let (name, rest) = rest.split_once('"')?;
            rest.starts_with(" not found").then_some((kind, name))
        })
}
