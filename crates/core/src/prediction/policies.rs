//! Objects of the call that change what admission says: a refusal of now may not be one of then.

use serde_json::Value;

use super::certainty::Certainty;
use super::manifest::Manifest;
use super::view::View;
use crate::finding::FindingCode;
use crate::workload::raw::text;

/// The groups whose objects are policies, or exempt from them; groups below these count as well.
const GROUPS: [&str; 4] = [
    "admissionregistration.k8s.io",
    "gatekeeper.sh",
    "kyverno.io",
    "kubewarden.io",
];

/// Returns how sure a refusal of now can be.
pub(super) fn most(
    view: &View<'_>,
    namespace: &str,
    code: FindingCode,
    message: &str,
) -> Certainty {
    use FindingCode::{
        InvalidPod, LimitRangeViolated, QuotaDoesNotCover, QuotaExceeded, QuotaNeedsResources,
        SecretNotAllowed,
    };
    // Validation knows no policy.
    if code == InvalidPod {
        return Certainty::Certain;
    }
    let brings = |kind: &str| view.manifests.of(kind, namespace).next().is_some();
    let by_limits =
        matches!(code, QuotaNeedsResources | LimitRangeViolated) && brings("LimitRange");
    let by_quota = matches!(
        code,
        QuotaNeedsResources | QuotaExceeded | QuotaDoesNotCover
    ) && brings("ResourceQuota");
    // A ServiceAccount names the Secrets that its pods may mount.
    let by_account = code == SecretNotAllowed && brings("ServiceAccount");
    let changes = by_limits
        || by_quota
        || by_account
        || changes_policies(view)
        || changes_namespace(view, namespace, message);
    if changes {
        Certainty::Possible
    } else {
        Certainty::Certain
    }
}

fn changes_policies(view: &View<'_>) -> bool {
    view.manifests.all().iter().any(is_policy)
}

fn is_policy(manifest: &Manifest) -> bool {
    let group = manifest.group();
    GROUPS.iter().any(|it| {
        let rest = group.strip_suffix(it);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Returns whether the call brings something by which pods are stored otherwise than now: a policy or webhook that
/// changes them, or labels of the namespace, by which webhooks select pods.
pub(super) fn changes_pods(view: &View<'_>, namespace: &str) -> bool {
    view.manifests.all().iter().any(|it| {
        // The other kinds of this group only refuse.
        let may_mutate =
            it.group() != "admissionregistration.k8s.io" || it.kind().starts_with("Mutating");
        is_policy(it) && may_mutate || labels_namespace(it, namespace)
    })
}

/// Returns whether a manifest gives the namespace labels that webhooks may select it by. Those of Pod Security are
/// known to be no such labels, and its name is always one.
fn labels_namespace(manifest: &Manifest, namespace: &str) -> bool {
    let labels = manifest.object.pointer("/metadata/labels");
    let mut labels = labels.and_then(Value::as_object).into_iter().flatten();
    manifest.kind() == "Namespace"
        && manifest.name() == namespace
        && labels.any(|(key, _)| {
            !key.starts_with("pod-security.kubernetes.io/") && key != "kubernetes.io/metadata.name"
        })
}

/// Returns whether the call applies the namespace, by whose labels policies select it. One that keeps the level of Pod
/// Security that refuses changes nothing about that.
fn changes_namespace(view: &View<'_>, namespace: &str, message: &str) -> bool {
    let mut all = view.manifests.all().iter();
    let brought = all.find(|it| it.kind() == "Namespace" && it.name() == namespace);
    let Some(brought) = brought else {
        return false;
    };
    let label = |name: &str| {
        let pointer = format!("/metadata/labels/pod-security.kubernetes.io~1{name}");
        text(&brought.object, &pointer)
    };
    let version = match label("enforce-version") {
        "" => "latest",
        version => version,
    };
    let keeps = format!("violates PodSecurity \"{}:{version}\"", label("enforce"));
    !message.contains(&keeps)
}
