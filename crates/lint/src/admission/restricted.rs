//! The checks of level `restricted`, without the seccomp profile.

use super::baseline::{host_path, unmasked};
use crate::code::LintCode;
use crate::edit::Edit;
use crate::field::Scope;
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::{Container, Pod};
use crate::practice::{BASELINE_CAPABILITIES, normalised, spelling};
use crate::yaml::Value;

/// The minor version from which Windows pods are exempt from what their API refuses.
const WINDOWS: u32 = 25;

/// Returns whether a rule for Linux does not hold for a pod.
pub(super) fn is_exempt_windows(pod: &Pod<'_>, version: KubernetesVersion) -> bool {
    version.at_least(WINDOWS) && pod.is_windows
}

pub(super) fn escalation(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    if is_exempt_windows(pod, version) {
        return;
    }
    for container in &pod.containers {
        let field = container.at("securityContext.allowPrivilegeEscalation");
        if field.bool() != Some(false) {
            let name = container.name;
            let message = format!(
                "container \"{name}\" may escalate privileges: allowPrivilegeEscalation is not false"
            );
            findings
                .add(LintCode::PrivilegeEscalation, &field, message)
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
            let field = item.itself();
            let capability = field.written().unwrap_or_default();
            if capability == "NET_BIND_SERVICE" {
                continue;
            }
            let meant = normalised(capability);
            if meant == "NET_BIND_SERVICE" {
                spelling(&field, container, findings);
                continue;
            }
            let code = if BASELINE_CAPABILITIES.contains(&&*meant) {
                LintCode::AddedCapability
            } else {
                LintCode::DangerousCapability
            };
            let name = container.name;
            let message = format!("container \"{name}\" adds the capability {capability}");
            findings.add(code, &field, message).of_container(name);
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
        if volume.at("hostPath").is_set() {
            host_path(&volume, findings);
            continue;
        }
        let name = volume.at("name").written().unwrap_or("(unnamed)");
        let field = volume.at(kind);
        let message = format!("volume \"{name}\" has the type {kind}");
        findings.add(LintCode::RestrictedVolume, &field, message);
    }
}

const NON_ROOT: &str = "securityContext.runAsNonRoot";
const USER: &str = "securityContext.runAsUser";

pub(super) fn run_as_non_root(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    if pod.has_user_namespace {
        return;
    }
    let of_pod = pod.at(NON_ROOT);
    let for_pod = non_root_of_pod(pod);
    if of_pod.bool() == Some(false) {
        // Even where every container says otherwise.
        let message = "the pod sets runAsNonRoot to false";
        findings
            .add(LintCode::MayRunAsRoot, &of_pod, message)
            .with_edit(for_pod.clone());
    }
    for container in &pod.containers {
        let field = container.at(NON_ROOT);
        let name = container.name;
        let message = match (field.bool(), of_pod.bool()) {
            // That the pod denies it is reported once for all containers.
            (Some(true), _) | (None, Some(_)) => continue,
            (Some(false), _) => format!("container \"{name}\" sets runAsNonRoot to false"),
            (None, None) => format!(
                "container \"{name}\" may run as root: neither it nor its pod sets runAsNonRoot to true"
            ),
        };
        let user = container.at(USER);
        let edit = if pod.is_windows {
            None
        } else if field.is_set() || user.is_set() {
            let user = if user.is_set() { user } else { pod.at(USER) };
            say_non_root(&container.scope, user.int())
        } else {
            for_pod.clone()
        };
        findings
            .add(LintCode::MayRunAsRoot, &field, message)
            .of_container(name)
            .with_edit(edit);
    }
}

/// Returns the edit that sets `runAsNonRoot` to true where it is false, or before the `runAsUser` beside it: the kubelet
/// starts a container whose user is a number above 0 with it as without it.
fn say_non_root(scope: &Scope<'_>, user: Option<i64>) -> Option<Edit> {
    user.filter(|it| *it > 0)?;
    let field = scope.at(NON_ROOT);
    if field.bool() == Some(false) {
        return Edit::scalar(&field, "true");
    }
    let context = scope.below("securityContext")?;
    let key = context.node().get("runAsUser")?;
    (!field.is_set()).then(|| Edit::before(key, context.node(), "runAsNonRoot", "true"))
}

/// Returns the edit on the pod, if it names a user, and the user of each container that takes the value from it is a
/// number above 0.
///
/// Users of containers are not enough: a container that a webhook adds takes the value from the pod, too, and would
/// run as its image says.
fn non_root_of_pod(pod: &Pod<'_>) -> Option<Edit> {
    let user = pod.at(USER);
    let is_safe = |container: &Container<'_>| {
        let own = container.at(USER);
        let effective = if own.is_set() { own } else { user };
        container.at(NON_ROOT).is_set() || effective.int().is_some_and(|it| it > 0)
    };
    let all = !pod.is_windows && pod.containers.iter().all(is_safe);
    say_non_root(&pod.spec, user.int().filter(|_| all))
}

pub(super) fn run_as_user(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    if pod.has_user_namespace {
        return;
    }
    let of_pod = pod.at(USER);
    if of_pod.int() == Some(0) {
        findings.add(
            LintCode::RunsAsRoot,
            &of_pod,
            "the pod runs as root: runAsUser is 0",
        );
    }
    for container in &pod.containers {
        let field = container.at(USER);
        if field.int() == Some(0) {
            let name = container.name;
            let message = format!("container \"{name}\" runs as root: runAsUser is 0");
            findings
                .add(LintCode::RunsAsRoot, &field, message)
                .of_container(name);
        }
    }
}
