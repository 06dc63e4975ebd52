//! 2: no privileged containers and no privilege escalation.
//!
//! Most fields here exist on containers only: the API drops or refuses a value on the pod.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::{Container, Pod, inherited};

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    for container in &pod.containers {
        host_process(pod, container, findings);
        if !pod.is_windows() {
            privileged(container, findings);
            escalation(container, findings);
            proc_mount(pod, container, findings);
        }
    }
}

fn privileged(container: &Container<'_>, findings: &mut Findings) {
    let spot = container.at("securityContext.privileged");
    if spot.bool() == Some(true) {
        let message = format!("container \"{}\" is privileged", container.name);
        findings
            .add(LintCode::PrivilegedContainer, &spot, message)
            .of_container(container.name);
    }
}

fn escalation(container: &Container<'_>, findings: &mut Findings) {
    let spot = container.at("securityContext.allowPrivilegeEscalation");
    // A privileged container escalates in any case, and the API refuses `false` for it.
    let privileged = container.at("securityContext.privileged").bool() == Some(true);
    if spot.bool() == Some(false) || privileged {
        return;
    }
    let name = container.name;
    let message = match spot.bool() {
        Some(_) => format!(
            "container \"{name}\" may escalate privileges: allowPrivilegeEscalation is true"
        ),
        None => format!(
            "container \"{name}\" may escalate privileges: allowPrivilegeEscalation is not set, and its default is true"
        ),
    };
    findings
        .add(LintCode::PrivilegeEscalation, &spot, message)
        .of_container(name);
}

fn host_process(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let spot = inherited(pod, container, "securityContext.windowsOptions.hostProcess");
    if spot.bool() == Some(true) {
        let message = format!(
            "container \"{}\" runs as a process of its node",
            container.name
        );
        findings
            .add(LintCode::HostProcessContainer, &spot, message)
            .of_container(container.name);
    }
}

fn proc_mount(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let spot = container.at("securityContext.procMount");
    let unmasked = spot.text().is_some_and(|it| it != "Default");
    if unmasked && !pod.has_user_namespace() {
        let message = format!("container \"{}\" sees all of /proc", container.name);
        findings
            .add(LintCode::UnmaskedProcMount, &spot, message)
            .of_container(container.name);
    }
}
