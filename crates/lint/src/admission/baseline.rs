//! The checks of level `baseline`, without the profiles of the kernel's security modules.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::Pod;
use crate::practice::{BASELINE_CAPABILITIES, is_safe};
use crate::spot::{Scope, Spot};

const CAPABILITIES: &str = "securityContext.capabilities.add";

pub(super) fn capabilities(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for container in &pod.containers {
        for item in container.scope.items(CAPABILITIES) {
            let spot = item.itself();
            let capability = spot.written().unwrap_or_default();
            if BASELINE_CAPABILITIES.contains(&capability) {
                continue;
            }
            let name = container.name;
            let message = format!("container \"{name}\" adds the capability {capability}");
            findings
                .add(LintCode::DangerousCapability, &spot, message)
                .of_container(name);
        }
    }
}

pub(super) fn host_namespaces(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for (field, code) in [
        ("hostNetwork", LintCode::HostNetwork),
        ("hostPID", LintCode::HostNamespace),
        ("hostIPC", LintCode::HostNamespace),
    ] {
        let spot = pod.at(field);
        if spot.bool() == Some(true) {
            let message = format!("the pod shares a namespace of its node: {field} is true");
            findings
                .add(code, &spot, message)
                .fixed_by(format!("remove {field}: true"));
        }
    }
}

pub(super) fn host_path_volumes(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for volume in pod.spec.items("volumes") {
        let spot = volume.at("hostPath");
        if spot.is_set() {
            let name = volume.at("name").written().unwrap_or("(unnamed)");
            let message = format!("volume \"{name}\" is a path of the node");
            let spot = volume.at("hostPath.path");
            findings.add(LintCode::HostPathVolume, &spot, message);
        }
    }
}

pub(super) fn host_ports(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for container in &pod.containers {
        for port in container.scope.items("ports") {
            let spot = port.at("hostPort");
            let Some(number) = spot.int().filter(|it| *it != 0) else {
                continue;
            };
            let name = container.name;
            let message = format!("container \"{name}\" takes port {number} of its node");
            findings
                .add(LintCode::HostPort, &spot, message)
                .of_container(name);
        }
    }
}

pub(super) fn probe_hosts(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    const HANDLERS: [&str; 5] = [
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle.postStart",
        "lifecycle.preStop",
    ];
    for container in &pod.containers {
        for handler in HANDLERS {
            for action in ["httpGet", "tcpSocket"] {
                let path = format!("{handler}.{action}.host");
                let spot = container.at(&path);
                let Some(host) = spot.written().filter(|it| !it.is_empty()) else {
                    continue;
                };
                let name = container.name;
                let message =
                    format!("container \"{name}\" has a {handler} that names the host {host}");
                findings
                    .add(LintCode::ProbeHost, &spot, message)
                    .of_container(name);
            }
        }
    }
}

pub(super) fn privileged(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for container in &pod.containers {
        let spot = container.at("securityContext.privileged");
        if spot.bool() == Some(true) {
            let name = container.name;
            let message = format!("container \"{name}\" is privileged");
            findings
                .add(LintCode::PrivilegedContainer, &spot, message)
                .of_container(name);
        }
    }
}

pub(super) fn proc_mount(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    // From 1.35 a pod with a user namespace may see all of /proc.
    if !(version.at_least(35) && pod.has_user_namespace()) {
        unmasked(pod, findings);
    }
}

pub(super) fn unmasked(pod: &Pod<'_>, findings: &mut Findings) {
    for container in &pod.containers {
        let spot = container.at("securityContext.procMount");
        if spot.written().is_some_and(|it| it != "Default") {
            let name = container.name;
            let message = format!("container \"{name}\" sees all of /proc");
            findings
                .add(LintCode::UnmaskedProcMount, &spot, message)
                .of_container(name);
        }
    }
}

pub(super) fn sysctls(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    for item in pod.spec.items("securityContext.sysctls") {
        let spot = item.at("name");
        // The raw name is compared: the form with slashes is refused.
        let name = spot.written().unwrap_or_default();
        if !is_safe(name, version) {
            let message = format!(
                "the pod sets the kernel parameter {name}, which Kubernetes {version} does not list as safe"
            );
            findings.add(LintCode::UnsafeSysctl, &spot, message);
        }
    }
}

pub(super) fn host_process(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    const FIELD: &str = "securityContext.windowsOptions.hostProcess";
    let mut found = |scope: &Scope<'_>, who: String, container: Option<&str>| {
        let spot: Spot<'_, '_> = scope.at(FIELD);
        if spot.bool() == Some(true) {
            let message = format!("{who} runs as a process of its node");
            let finding = findings.add(LintCode::HostProcessContainer, &spot, message);
            finding.container = container.map(str::to_owned);
        }
    };
    found(&pod.spec, "the pod".to_owned(), None);
    for container in &pod.containers {
        let name = container.name;
        found(
            &container.scope,
            format!("container \"{name}\""),
            Some(name),
        );
    }
}
