//! The checks of level `baseline`, without the profiles of the kernel's security modules.

use crate::code::LintCode;
use crate::field::{FieldRef, Scope};
use crate::finding::Findings;
use crate::level::KubernetesVersion;
use crate::pod::Pod;
use crate::practice::{BASELINE_CAPABILITIES, is_safe, normalised, spelling, sysctls_of};

const CAPABILITIES: &str = "securityContext.capabilities.add";

pub(super) fn capabilities(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for container in &pod.containers {
        for item in container.scope.items(CAPABILITIES) {
            let field = item.itself();
            let capability = field.written().unwrap_or_default();
            if BASELINE_CAPABILITIES.contains(&capability) {
                continue;
            }
            if BASELINE_CAPABILITIES.contains(&&*normalised(capability)) {
                spelling(&field, container, findings);
                continue;
            }
            let name = container.name;
            let message = format!("container \"{name}\" adds the capability {capability}");
            findings
                .add(LintCode::DangerousCapability, &field, message)
                .of_container(name);
        }
    }
}

pub(super) fn host_namespaces(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for (name, code) in [
        ("hostNetwork", LintCode::HostNetwork),
        ("hostPID", LintCode::HostNamespace),
        ("hostIPC", LintCode::HostNamespace),
    ] {
        let field = pod.at(name);
        if field.bool() == Some(true) {
            let message = format!("the pod shares a namespace of its node: {name} is true");
            findings
                .add(code, &field, message)
                .fixed_by(format!("remove {name}: true"));
        }
    }
}

pub(super) fn host_path_volumes(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for volume in pod.spec.items("volumes") {
        if volume.at("hostPath").is_set() {
            host_path(&volume, findings);
        }
    }
}

pub(super) fn host_path(volume: &Scope<'_>, findings: &mut Findings) {
    let name = volume.at("name").written().unwrap_or("(unnamed)");
    let message = format!("volume \"{name}\" is a path of the node");
    let field = volume.at("hostPath.path");
    findings.add(LintCode::HostPathVolume, &field, message);
}

pub(super) fn host_ports(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for container in &pod.containers {
        for port in container.scope.items("ports") {
            let field = port.at("hostPort");
            let Some(number) = field.int().filter(|it| *it != 0) else {
                continue;
            };
            let name = container.name;
            let message = format!("container \"{name}\" takes port {number} of its node");
            findings
                .add(LintCode::HostPort, &field, message)
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
                let field = container.at(&path);
                let Some(host) = field.written().filter(|it| !it.is_empty()) else {
                    continue;
                };
                let name = container.name;
                let message =
                    format!("container \"{name}\" has a {handler} that names the host {host}");
                findings
                    .add(LintCode::ProbeHost, &field, message)
                    .of_container(name);
            }
        }
    }
}

pub(super) fn privileged(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    for container in &pod.containers {
        let field = container.at("securityContext.privileged");
        if field.bool() == Some(true) {
            let name = container.name;
            let message = format!("container \"{name}\" is privileged");
            findings
                .add(LintCode::PrivilegedContainer, &field, message)
                .of_container(name);
        }
    }
}

pub(super) fn proc_mount(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    // A pod with a user namespace may see all of /proc.
    if !pod.has_user_namespace {
        unmasked(pod, findings);
    }
}

pub(super) fn unmasked(pod: &Pod<'_>, findings: &mut Findings) {
    for container in &pod.containers {
        let field = container.at("securityContext.procMount");
        if field.written().is_some_and(|it| it != "Default") {
            let name = container.name;
            let message = format!("container \"{name}\" sees all of /proc");
            findings
                .add(LintCode::UnmaskedProcMount, &field, message)
                .of_container(name);
        }
    }
}

pub(super) fn sysctls(pod: &Pod<'_>, version: KubernetesVersion, findings: &mut Findings) {
    for sysctl in sysctls_of(pod) {
        // The raw name is compared: the form with slashes is refused.
        if !is_safe(sysctl.written, version) {
            sysctl.judge(version, findings);
        }
    }
}

pub(super) fn host_process(pod: &Pod<'_>, _: KubernetesVersion, findings: &mut Findings) {
    const FIELD: &str = "securityContext.windowsOptions.hostProcess";
    let mut found = |scope: &Scope<'_>, who: String, container: Option<&str>| {
        let field: FieldRef<'_, '_> = scope.at(FIELD);
        if field.bool() == Some(true) {
            let message = format!("{who} runs as a process of its node");
            let finding = findings.add(LintCode::HostProcessContainer, &field, message);
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
