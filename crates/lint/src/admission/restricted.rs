//! The checks of level `restricted`, without the seccomp profile.

use super::baseline::unmasked;
use crate::code::LintCode;
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::{Container, Pod};
use crate::practice::BASELINE_CAPABILITIES;
use crate::yaml::Value;

/// The minor version from which Windows pods are exempt from what their API refuses.
const WINDOWS: u32 = 25;

/// The minor version from which a user namespace lifts the rules about root.
const USER_NAMESPACE: u32 = 35;

/// Returns whether a rule for Linux does not hold for a pod.
pub(super) fn is_exempt_windows(pod: &Pod<'_>, version: KubernetesVersion) -> bool {
    version.at_least(WINDOWS) && pod.is_windows()
}

fn may_be_root(pod: &Pod<'_>, version: KubernetesVersion) -> bool {
    version.at_least(USER_NAMESPACE) && pod.has_user_namespace()
}

pub(super) fn escalation(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    if is_exempt_windows(pod, version) {
        return;
    }
    for container in &pod.containers {
        let spot = container.at("securityContext.allowPrivilegeEscalation");
        if spot.bool() != Some(false) {
            let name = container.name;
            let message = format!(
                "container \"{name}\" may escalate privileges: allowPrivilegeEscalation is not false"
            );
            findings
                .add(LintCode::PrivilegeEscalation, &spot, message)
                .of_container(name);
        }
    }
}

pub(super) fn capabilities(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    if is_exempt_windows(pod, version) {
        return;
    }
    for container in &pod.containers {
        drops_all(container, findings);
        for item in container.scope.items("securityContext.capabilities.add") {
            let spot = item.itself();
            let capability = spot.written().unwrap_or_default();
            if capability == "NET_BIND_SERVICE" {
                continue;
            }
            let code = if BASELINE_CAPABILITIES.contains(&capability) {
                LintCode::AddedCapability
            } else {
                LintCode::DangerousCapability
            };
            let name = container.name;
            let message = format!("container \"{name}\" adds the capability {capability}");
            findings.add(code, &spot, message).of_container(name);
        }
    }
}

fn drops_all(container: &Container<'_>, findings: &mut Findings) {
    const DROP: &str = "securityContext.capabilities.drop";
    let dropped = container.scope.items(DROP);
    let all = dropped
        .iter()
        .any(|it| it.itself().written() == Some("ALL"));
    if !all {
        let name = container.name;
        let message = format!("container \"{name}\" does not drop ALL capabilities");
        findings
            .add(
                LintCode::CapabilitiesNotDropped,
                &container.at(DROP),
                message,
            )
            .of_container(name);
    }
}

pub(super) fn proc_mount(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    unmasked(pod, findings);
}

/// The types of volumes that are allowed (`check_restrictedVolumes.go`).
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

pub(super) fn volumes(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for volume in pod.spec.items("volumes") {
        if VOLUMES.iter().any(|it| volume.at(it).is_set()) {
            continue;
        }
        let fields = volume.node().fields();
        let mut types = fields.filter(|it| it.key != "name" && it.value.value() != Value::Null);
        // The API server makes an emptyDir of a volume without a type (`SetDefaults_Volume`).
        let Some(kind) = types.next().map(|it| it.key) else {
            continue;
        };
        let name = volume.at("name").written().unwrap_or("(unnamed)");
        let spot = volume.at(kind);
        let message = format!("volume \"{name}\" has the type {kind}");
        findings.add(LintCode::RestrictedVolume, &spot, message);
    }
}

pub(super) fn run_as_non_root(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    const FIELD: &str = "securityContext.runAsNonRoot";
    if may_be_root(pod, version) {
        return;
    }
    let of_pod = pod.at(FIELD);
    if of_pod.bool() == Some(false) {
        // Even where every container says otherwise.
        let message = "the pod sets runAsNonRoot to false";
        findings.add(LintCode::MayRunAsRoot, &of_pod, message);
    }
    for container in &pod.containers {
        let spot = container.at(FIELD);
        let name = container.name;
        let message = match (spot.bool(), of_pod.bool()) {
            (Some(true), _) | (None, Some(true)) => continue,
            (Some(false), _) => format!("container \"{name}\" sets runAsNonRoot to false"),
            (None, _) => format!(
                "container \"{name}\" may run as root: neither it nor its pod sets runAsNonRoot to true"
            ),
        };
        findings
            .add(LintCode::MayRunAsRoot, &spot, message)
            .of_container(name);
    }
}

pub(super) fn run_as_user(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    const FIELD: &str = "securityContext.runAsUser";
    if may_be_root(pod, version) {
        return;
    }
    let of_pod = pod.at(FIELD);
    if of_pod.int() == Some(0) {
        findings.add(
            LintCode::RunsAsRoot,
            &of_pod,
            "the pod runs as root: runAsUser is 0",
        );
    }
    for container in &pod.containers {
        let spot = container.at(FIELD);
        if spot.int() == Some(0) {
            let name = container.name;
            let message = format!("container \"{name}\" runs as root: runAsUser is 0");
            findings
                .add(LintCode::RunsAsRoot, &spot, message)
                .of_container(name);
        }
    }
}
