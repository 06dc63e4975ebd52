//! Objects of the call that change what admission says: a refusal of now may not be one of then.

use super::certainty::Certainty;
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
    use FindingCode::{InvalidPod, LimitRangeViolated, QuotaExceeded, QuotaNeedsResources};
    // Validation knows no policy.
    if code == InvalidPod {
        return Certainty::Certain;
    }
    let brings = |kind: &str| view.manifests.of(kind, namespace).next().is_some();
    let by_limits =
        matches!(code, QuotaNeedsResources | LimitRangeViolated) && brings("LimitRange");
    let by_quota = matches!(code, QuotaNeedsResources | QuotaExceeded) && brings("ResourceQuota");
    let changes = by_limits
        || by_quota
        || changes_policies(view)
        || changes_namespace(view, namespace, message);
    if changes {
        Certainty::Possible
    } else {
        Certainty::Certain
    }
}

fn changes_policies(view: &View<'_>) -> bool {
    view.manifests.all().iter().any(|manifest| {
        let group = manifest.group();
        GROUPS.iter().any(|it| {
            let rest = group.strip_suffix(it);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
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
