//! API versions that were removed or are deprecated (Kubernetes' deprecated API migration guide).

use crate::code::LintCode;
use crate::edit::Edit;
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::manifest::Object;

/// An API version of some kinds that goes, or has gone.
struct OldVersion {
    api_version: &'static str,
    /// Every kind of the API version, if there are none.
    kinds: &'static [&'static str],
    deprecated: u32,
    /// The minor version that no longer has it; `None` while it is only deprecated.
    removed: Option<u32>,
    /// What to use instead.
    instead: &'static str,
}

const fn old(
    api_version: &'static str,
    kinds: &'static [&'static str],
    [deprecated, removed]: [u32; 2],
    instead: &'static str,
) -> OldVersion {
    OldVersion {
        api_version,
        kinds,
        deprecated,
        removed: if removed == 0 { None } else { Some(removed) },
        instead,
    }
}

const WORKLOADS: &[&str] = &["Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"];

const OLD: &[OldVersion] = &[
    old("extensions/v1beta1", WORKLOADS, [9, 16], "apps/v1"),
    old("apps/v1beta1", WORKLOADS, [9, 16], "apps/v1"),
    old("apps/v1beta2", WORKLOADS, [9, 16], "apps/v1"),
    old(
        "extensions/v1beta1",
        &["NetworkPolicy"],
        [9, 16],
        "networking.k8s.io/v1",
    ),
    old(
        "extensions/v1beta1",
        &["PodSecurityPolicy"],
        [10, 16],
        "Pod Security admission",
    ),
    old(
        "extensions/v1beta1",
        &["Ingress"],
        [14, 22],
        "networking.k8s.io/v1",
    ),
    old(
        "networking.k8s.io/v1beta1",
        &["Ingress", "IngressClass"],
        [19, 22],
        "networking.k8s.io/v1",
    ),
    old(
        "apiextensions.k8s.io/v1beta1",
        &["CustomResourceDefinition"],
        [16, 22],
        "apiextensions.k8s.io/v1",
    ),
    old(
        "apiregistration.k8s.io/v1beta1",
        &["APIService"],
        [19, 22],
        "apiregistration.k8s.io/v1",
    ),
    old(
        "admissionregistration.k8s.io/v1beta1",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ],
        [16, 22],
        "admissionregistration.k8s.io/v1",
    ),
    old(
        "certificates.k8s.io/v1beta1",
        &["CertificateSigningRequest"],
        [19, 22],
        "certificates.k8s.io/v1",
    ),
    old(
        "coordination.k8s.io/v1beta1",
        &["Lease"],
        [19, 22],
        "coordination.k8s.io/v1",
    ),
    old(
        "rbac.authorization.k8s.io/v1beta1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
        [17, 22],
        "rbac.authorization.k8s.io/v1",
    ),
    old(
        "scheduling.k8s.io/v1beta1",
        &["PriorityClass"],
        [14, 22],
        "scheduling.k8s.io/v1",
    ),
    old(
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        [19, 22],
        "storage.k8s.io/v1",
    ),
    old("batch/v1beta1", &["CronJob"], [21, 25], "batch/v1"),
    old(
        "discovery.k8s.io/v1beta1",
        &["EndpointSlice"],
        [21, 25],
        "discovery.k8s.io/v1",
    ),
    old(
        "events.k8s.io/v1beta1",
        &["Event"],
        [19, 25],
        "events.k8s.io/v1",
    ),
    old(
        "autoscaling/v2beta1",
        &["HorizontalPodAutoscaler"],
        [23, 25],
        "autoscaling/v2",
    ),
    old(
        "autoscaling/v2beta2",
        &["HorizontalPodAutoscaler"],
        [23, 26],
        "autoscaling/v2",
    ),
    old(
        "policy/v1beta1",
        &["PodDisruptionBudget"],
        [21, 25],
        "policy/v1",
    ),
    old(
        "policy/v1beta1",
        &["PodSecurityPolicy"],
        [21, 25],
        "Pod Security admission",
    ),
    old(
        "node.k8s.io/v1beta1",
        &["RuntimeClass"],
        [20, 25],
        "node.k8s.io/v1",
    ),
    old(
        "storage.k8s.io/v1beta1",
        &["CSIStorageCapacity"],
        [24, 27],
        "storage.k8s.io/v1",
    ),
    old(
        "flowcontrol.apiserver.k8s.io/v1beta1",
        &["FlowSchema", "PriorityLevelConfiguration"],
        [23, 26],
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    old(
        "flowcontrol.apiserver.k8s.io/v1beta2",
        &["FlowSchema", "PriorityLevelConfiguration"],
        [26, 29],
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    old(
        "flowcontrol.apiserver.k8s.io/v1beta3",
        &["FlowSchema", "PriorityLevelConfiguration"],
        [29, 32],
        "flowcontrol.apiserver.k8s.io/v1",
    ),
    old(
        "v1",
        &["Endpoints"],
        [33, 0],
        "discovery.k8s.io/v1 EndpointSlice",
    ),
    old(
        "v1",
        &["ComponentStatus"],
        [19, 0],
        "the health endpoints of the components",
    ),
];

/// What reads the same in the version that replaces it: the migration guide names no change, and none of its fields or
/// defaults differ.
///
/// Left out are what the guide names changes of (Ingress, `CustomResourceDefinition`, webhooks, `EndpointSlice`, Event,
/// `HorizontalPodAutoscaler`, flow control), workloads before `apps/v1beta2`, whose selector became mandatory and whose
/// defaults changed, and `PodDisruptionBudget`, whose empty selector turned from no pod to every pod.
const SAME_SCHEMA: [(&str, &str); 17] = [
    ("apps/v1beta2", "Deployment"),
    ("apps/v1beta2", "DaemonSet"),
    ("apps/v1beta2", "ReplicaSet"),
    ("apps/v1beta2", "StatefulSet"),
    ("batch/v1beta1", "CronJob"),
    ("coordination.k8s.io/v1beta1", "Lease"),
    ("networking.k8s.io/v1beta1", "IngressClass"),
    ("node.k8s.io/v1beta1", "RuntimeClass"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1beta1", "Role"),
    ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"),
    ("storage.k8s.io/v1beta1", "CSIDriver"),
    ("storage.k8s.io/v1beta1", "CSINode"),
    ("storage.k8s.io/v1beta1", "StorageClass"),
    ("storage.k8s.io/v1beta1", "VolumeAttachment"),
];

pub(crate) fn judge(object: &Object<'_>, version: KubernetesVersion, findings: &mut Findings) {
    let kind = object.name.kind.as_str();
    let found = OLD
        .iter()
        .find(|it| it.api_version == object.api_version && it.kinds.contains(&kind));
    let Some(old) = found else { return };
    let api_version = object.api_version;
    let (code, message) = match old.removed {
        Some(removed) if version.at_least(removed) => (
            LintCode::RemovedApiVersion,
            format!("{kind} {api_version} was removed in Kubernetes 1.{removed}"),
        ),
        _ if version.at_least(old.deprecated) => (
            LintCode::DeprecatedApiVersion,
            format!(
                "{kind} {api_version} is deprecated since Kubernetes 1.{}",
                old.deprecated
            ),
        ),
        _ => return,
    };
    let field = object.scope.at("apiVersion");
    let is_same = SAME_SCHEMA.contains(&(old.api_version, kind));
    let edit = is_same.then(|| Edit::scalar(&field, old.instead)).flatten();
    findings
        .add(code, &field, message)
        .fixed_by(format!("use {}", old.instead))
        .with_edit(edit);
}
