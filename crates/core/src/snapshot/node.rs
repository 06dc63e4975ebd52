//! Decides whether a DaemonSet's rollout waits for a node.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};

use super::created;

/// Returns whether a pod tolerates the taints of a node (`component-helpers`,
/// `scheduling/corev1/helpers.go`, `FindMatchingUntoleratedTaint`).
pub(crate) fn tolerates(pod: &Pod, node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
    let tolerations = pod.spec.as_ref().and_then(|it| it.tolerations.as_deref());
    let repels = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    taints
        .unwrap_or_default()
        .iter()
        .filter(repels)
        .all(|taint| {
            let mut all = tolerations.unwrap_or_default().iter();
            all.any(|toleration| matches(toleration, taint))
        })
}

fn matches(toleration: &Toleration, taint: &Taint) -> bool {
    let key = toleration.key.as_deref().unwrap_or_default();
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let of_effect = effect.is_empty() || effect == taint.effect;
    let of_key = key.is_empty() || key == taint.key;
    let of_value = match toleration.operator.as_deref() {
        Some("Exists") => true,
        Some("Equal" | "") | None => {
            !key.is_empty()
                && toleration.value.as_deref().unwrap_or_default()
                    == taint.value.as_deref().unwrap_or_default()
        }
        // Comparisons of numbers are not implemented, so that the rollout waits for the node.
        Some(_) => false,
    };
    of_effect && of_key && of_value
}

/// Returns since when a node is not ready; `None` if it is ready.
pub(crate) fn not_ready_since(node: &Node) -> Option<Timestamp> {
    let conditions = node.status.as_ref().and_then(|it| it.conditions.as_ref());
    let ready = conditions.and_then(|all| all.iter().find(|it| it.type_ == "Ready"));
    match ready {
        Some(ready) if ready.status == "True" => None,
        Some(ready) => {
            let since = ready.last_transition_time.as_ref().map(|time| time.0);
            since.or_else(|| created(&node.metadata))
        }
        None => created(&node.metadata),
    }
}

/// Returns the node of a pod: the one it is bound to, else the one that the DaemonSet controller
/// created it for (`daemon/util/daemonset_util.go`, `ReplaceDaemonSetPodNodeNameNodeAffinity`).
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(name) = spec.node_name.as_deref() {
        return Some(name);
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    let fields = required
        .node_selector_terms
        .iter()
        .flat_map(|it| it.match_fields.iter().flatten());
    let mut named = fields.filter(|field| field.key == "metadata.name");
    named.next()?.values.as_ref()?.first().map(String::as_str)
}
