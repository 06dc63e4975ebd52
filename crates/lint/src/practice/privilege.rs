//! 2: no privileged containers and no privilege escalation.
//!
//! Most fields here exist on containers only: the API drops or refuses a value on the pod.

use crate::code::LintCode;
use crate::finding::Findings;
use crate::pod::{Container, Pod, inherited};
use crate::yaml::Value;

pub(super) fn judge(pod: &Pod<'_>, findings: &mut Findings) {
    for container in &pod.containers {
        host_process(pod, container, findings);
        if !pod.is_windows {
            privileged(container, findings);
            escalation(container, findings);
            proc_mount(pod, container, findings);
        }
    }
}

fn privileged(container: &Container<'_>, findings: &mut Findings) {
    let field = container.at("securityContext.privileged");
    if field.bool() == Some(true) {
        let message = format!("container \"{}\" is privileged", container.name);
        findings
            .add(LintCode::PrivilegedContainer, &field, message)
            .of_container(container.name);
    }
}

fn escalation(container: &Container<'_>, findings: &mut Findings) {
    let field = container.at("securityContext.allowPrivilegeEscalation");
    // A privileged container escalates in any case, and the API refuses `false` for it.
    let privileged = container.at("securityContext.privileged").bool() == Some(true);
    if field.bool() == Some(false) || privileged {
        return;
    }
    let name = container.name;
    let why = match field.value() {
        Some(Value::Bool(_)) => "is true".to_owned(),
        Some(other) => format!("is {}, and must be a boolean", other.describe()),
        None => "is not set, and its default is true".to_owned(),
    };
    let message =
        format!("container \"{name}\" may escalate privileges: allowPrivilegeEscalation {why}");
    findings
        .add(LintCode::PrivilegeEscalation, &field, message)
        .of_container(name);
}

fn host_process(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let host_process = inherited(pod, container, "securityContext.windowsOptions.hostProcess");
    if host_process.field.bool() == Some(true) {
        let message = format!("{} runs as a process of its node", host_process.owner());
        findings
            .add(LintCode::HostProcessContainer, &host_process.field, message)
            .of(host_process.container);
    }
}

fn proc_mount(pod: &Pod<'_>, container: &Container<'_>, findings: &mut Findings) {
    let field = container.at("securityContext.procMount");
    let unmasked = field.text().is_some_and(|it| it != "Default");
    if unmasked && !pod.has_user_namespace {
        let message = format!("container \"{}\" sees all of /proc", container.name);
        findings
            .add(LintCode::UnmaskedProcMount, &field, message)
            .of_container(container.name);
    }
}
